package hunt

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/bayes"
	"weir/internal/count"
	"weir/internal/format"
	"weir/internal/token"
)

// A Verdict is what weir makes of an event.
type Verdict string

// The four answers.
const (
	VerdictGood        Verdict = "good"        // like what known good holds
	VerdictBad         Verdict = "bad"         // more like the window than like any clean one
	VerdictNovel       Verdict = "novel"       // nothing like it was seen, in good or from anybody else
	VerdictConflicting Verdict = "conflicting" // strong evidence both ways
)

// LeftOut is a field that carries no weight.
type LeftOut struct{ Field, Reason string }

// A Placebo is what a clean window of the same length gave.
type Placebo struct {
	Span     Span
	Host     string // another host at the window's own time, or "" for the same hosts at another time
	Events   int
	Contents int     // distinct ones
	Top      float64 // its highest score
}

// ShareOfBad is a lower bound for how much of the window is bad.
type ShareOfBad struct {
	Lower  float64 // of the suspicious events, 0 to 1; at least as many score above every placebo's level
	Expect float64 // expected share, by the probabilities
}

// A Result is the answer of a hunt. Suspects are numbered from 0, best first.
type Result struct {
	Summary    *format.Summary
	Zone       *time.Location
	Windows    []Span
	Hosts      []string
	Covered    Span // the first and last event with a time
	Times      Times
	Suspicious int
	Clients    int
	Contents   int
	Good       int64
	Ignored    int64
	Unused     int64 // outside --good spans and windows
	LeftOut    []LeftOut
	Matching   string // how the clean windows match the window's time, for people
	Funnel     []Step
	Placebos   []Placebo
	Scores     Scores
	Share      ShareOfBad
	Warnings   []string

	h          *hunter
	a          *analysis
	j          *judge
	clues      [][]clue // by content: its strongest votes
	scratch    []clue
	shared     map[uint32]bool       // see common
	flood      []bool                // by content: there are many more of it than in any clean window
	told       map[uint32][]Evidence // by content: a few of those asked for last
	level      level
	sums       []sum     // by content
	prob       []float64 // by content
	distinctOf []uint32  // by content: its number among contents without regard to the client
	narrowed   []uint8   // by row: 1 + index into Funnel of the step that flagged it, else 0
	order      []uint32  // rows, best first
}

func (h *hunter) result() (*Result, error) {
	r := &Result{Summary: h.summary, Zone: h.opt.Zone, Windows: h.q.windows, Hosts: h.opt.Hosts, Covered: h.covered, Times: h.times.times(),
		Good: int64(h.counts.Total(count.Good)), Ignored: h.ignored, Unused: h.unused, h: h,
		Suspicious: len(h.window.rows)}
	solid, _ := h.stretches()
	chosen := choose(h.ladders, solid, max(minPlaceboBudget, 2*len(h.window.rows)))
	chosen = append(chosen, h.otherHosts(MaxPlacebos-len(chosen))...)
	h.ladders, h.others = nil, nil
	lists := make([]*list, len(chosen)+1)
	lists[0] = h.window
	parallel(len(chosen), func(i int) { lists[i+1] = chosen[i].rows.sorted(h.fileRank) })
	laid, err := h.layAll(lists)
	if err != nil {
		return nil, err
	}
	r.a = laid[0]
	r.Clients = r.a.clients
	r.distinctOf, r.Contents = r.a.distinct()
	for i := range r.a.fields {
		if f := &r.a.fields[i]; f.leftOut != "" && f.field.Name != token.Dataset {
			r.LeftOut = append(r.LeftOut, LeftOut{f.field.Name, f.leftOut})
		}
	}
	slices.SortFunc(r.LeftOut, func(a, b LeftOut) int { return cmp.Compare(a.Field, b.Field) })
	innocents := r.judgeAll(chosen, laid[1:])
	r.judgeContents(innocents)
	r.Scores = r.scores(innocents)
	r.Matching = matching(r.Windows, r.Placebos)
	r.warn()
	r.funnel()
	r.rank()
	return r, nil
}

// innocent is a content of a placebo window with its score.
type innocent struct {
	sum
	copies uint32
	window int
}

// judgeAll judges the window and the placebo windows, twice: the first round takes all of a window's events as bad; the
// second takes each as bad by its share (see mixture), in the placebo windows as in the real one. It returns what the
// placebo windows hold.
func (r *Result) judgeAll(chosen []placebo, clean []*analysis) []innocent {
	m := r.h.opt.Method
	twice := !m.NoMixture && len(clean) > 0
	own, sums := r.round(clean, nil, nil, !twice)
	if twice {
		level := mixtureOf(sums)
		shares := make([][]float64, len(sums))
		for i := range sums {
			shares[i] = level.shares(sums[i])
		}
		own, sums = r.round(clean, r.certain(level.shares(own)), shares, true)
	}
	r.sums = own
	r.flood = r.floods(clean)
	var all []innocent
	for i, a := range clean {
		p := Placebo{Span: chosen[i].span, Host: chosen[i].host, Events: len(a.list.rows), Contents: len(a.contents)}
		values := make([]float64, len(sums[i]))
		for c := range sums[i] {
			values[c] = sums[i][c].score
			all = append(all, innocent{sums[i][c], a.contents[c].copies, i})
		}
		p.Top = slices.Max(values)
		r.Placebos = append(r.Placebos, p)
	}
	return all
}

// round judges the placebo windows, each laid against the others, and the real window against all of them.
func (r *Result) round(clean []*analysis, own []float64, shares [][]float64, last bool) (window []sum, placebos [][]sum) {
	m := r.h.opt.Method
	judges := make([]*judge, len(clean))
	heard := make([]*voices, len(clean))
	parallel(len(clean), func(i int) {
		var share []float64
		if shares != nil {
			share = shares[i]
		}
		judges[i] = newJudge(clean[i], r.h.keep, m, share)
		heard[i] = hear(judges[i])
	})
	all := without(heard, -1)
	if !m.NoEcho {
		echoes := make([]*echo, len(clean))
		parallel(len(clean), func(i int) { echoes[i] = listen(judges[i], all) })
		e := &echo{at: map[string]int{}}
		for _, x := range echoes {
			e.merge(x)
		}
		e.voice(all)
	}
	placebos = make([][]sum, len(clean))
	parallel(len(clean)+1, func(i int) {
		if i == 0 { // the real window, the largest as a rule, first
			c := all
			if m.NoPlacebo || len(clean) == 0 {
				c = nil
			}
			r.j = newJudge(r.a, r.h.keep, m, own)
			if !last {
				window = r.j.sums(c, nil)
				return
			}
			r.clues = make([][]clue, len(r.a.contents))
			window = r.j.sums(c, r.keepClues)
			return
		}
		c := without(heard, i-1)
		c.voice = all.voice
		if m.NoPlacebo {
			c = nil
		}
		placebos[i-1] = judges[i-1].sums(c, nil)
	})
	r.onOneScale(judges, window, placebos)
	return window, placebos
}

// onOneScale makes scores of different kinds of records comparable.
func (r *Result) onOneScale(judges []*judge, window []sum, placebos [][]sum) {
	if len(placebos) == 0 || r.h.opt.Method.NoKinds {
		return
	}
	of := make([][]string, len(judges))
	var all bayes.Moments
	for i, j := range judges {
		of[i] = j.kindOf()
		for c := range placebos[i] {
			all.Add(placebos[i][c].score)
		}
	}
	k, pooled := kindsOf(of, placebos), all.Spread()
	k.level(r.j.kindOf(), window, pooled)
	for i := range placebos {
		k.level(of[i], placebos[i], pooled)
	}
}

// parallel calls f for 0 to n−1, on all processors.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wait.Wait()
}

// A mixture turns scores into shares of bad for the second round: a window is good and bad mixed, and what scores like a
// clean window is good. One step of expectation maximization with known good clamped to good.
type mixture struct{ at, scale float64 }

// trust is how far the second round believes the first (the λ of Nigam et al., "Text classification from labeled and
// unlabeled documents using EM", 2000): a guard for windows in which good and bad are not two clear heaps.
const trust = .8

// mixtureOf takes its level from the placebo windows: the score that one in twenty of their contents exceeds.
func mixtureOf(placebos [][]sum) mixture {
	var scores []float64
	var moments bayes.Moments
	for _, p := range placebos {
		for i := range p {
			scores = append(scores, p[i].score)
			moments.Add(p[i].score)
		}
	}
	slices.Sort(scores)
	return mixture{scores[len(scores)*95/100], max(moments.Spread().SD, .5)}
}

func (m mixture) shares(sums []sum) []float64 {
	out := make([]float64, len(sums))
	for i := range sums {
		out[i] = round(1 - float64(trust*(1-bayes.Logistic((sums[i].score-m.at)/m.scale))))
	}
	return out
}

const minPlaceboBudget = 200_000

// A level is how high clean windows reach: what lies below in both ways goes with learned good.
type level struct{ score, rarity float64 }

// Nineteen in twenty contents of clean windows score below the level, nine in ten are less rare. Both have to hold: a
// flood in the window takes share from everything else in it and so lowers scores, but not rarity.
const (
	scoreQuantile  = .95
	rarityQuantile = .90
)

func levelOf(innocents []innocent) level {
	if len(innocents) == 0 {
		return level{math.Inf(-1), math.Inf(-1)}
	}
	quantile := func(q float64, of func(*innocent) float64) float64 {
		v := make([]float64, len(innocents))
		for i := range innocents {
			v[i] = of(&innocents[i])
		}
		slices.Sort(v)
		return v[int(q*float64(len(v)-1))]
	}
	return level{quantile(scoreQuantile, func(x *innocent) float64 { return x.score }),
		quantile(rarityQuantile, func(x *innocent) float64 { return x.rarity })}
}

// unproved is the most that is claimed for an event where no clean window shows how high an innocent one would score.
const unproved = .9

// judgeContents scores every content of the window and turns scores into probabilities.
func (r *Result) judgeContents(innocents []innocent) {
	r.level = levelOf(innocents)
	n := float64(max(1, len(r.Placebos)))
	s := make([]bayes.Scored, 0, len(r.sums)+len(innocents))
	for _, v := range r.sums {
		s = append(s, bayes.Scored{Score: v.score, Window: 1})
	}
	for _, x := range innocents {
		s = append(s, bayes.Scored{Score: x.score, Innocents: r.richer(x.window) / n})
	}
	if len(r.Placebos) == 0 {
		r.prob = make([]float64, len(r.sums))
		for i, v := range r.sums {
			r.prob[i] = min(unproved, bayes.Logistic(v.score))
		}
		return
	}
	r.prob = bayes.Posterior(s, 1/(n+1))[:len(r.sums)]
	r.shareOfBad(innocents)
}

// busier is how many times as many events the window has as a placebo window, at least 1. The window's hours may be
// busier ones, and nothing tells how much of the difference is bad: taking it all for innocent keeps claims low.
func (r *Result) busier(placebo int) float64 {
	return max(1, float64(len(r.a.list.rows))/float64(max(1, r.Placebos[placebo].Events)))
}

// richer is the same for distinct contents, which probabilities are counted in: a flood of one content makes a window
// busier, not richer.
func (r *Result) richer(placebo int) float64 {
	return max(1, float64(len(r.a.contents))/float64(max(1, r.Placebos[placebo].Contents)))
}

// shareOfBad bounds the number of bad events from below: above some score the window has more events than any clean
// window of the same length, and the difference is not innocent.
func (r *Result) shareOfBad(innocents []innocent) {
	type step struct {
		score  float64
		copies uint32
		window int // −1 for the real one
	}
	steps := make([]step, 0, len(r.sums)+len(innocents))
	for c, v := range r.sums {
		steps = append(steps, step{v.score, r.a.contents[c].copies, -1})
		p := float64(r.prob[c] * float64(r.a.contents[c].copies))
		r.Share.Expect += p
	}
	r.Share.Expect /= float64(len(r.a.list.rows))
	for _, x := range innocents {
		steps = append(steps, step{x.score, x.copies, x.window})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(b.score, a.score) })
	own, worst := 0.0, 0.0
	clean := make([]float64, len(r.Placebos))
	for i, s := range steps {
		if s.window < 0 {
			own += float64(s.copies)
		} else {
			clean[s.window] += float64(float64(s.copies) * r.busier(s.window))
			worst = max(worst, clean[s.window])
		}
		if last := i+1 == len(steps) || steps[i+1].score != s.score; last {
			if bound := (own - worst) / float64(len(r.a.list.rows)); bound > r.Share.Lower {
				r.Share.Lower = bound
			}
		}
	}
	r.Share.Expect = max(r.Share.Expect, r.Share.Lower) // two estimates, and less than the least is not to be expected
}

// rank orders the rows: by score, equal scores by file name and line.
func (r *Result) rank() {
	r.order = make([]uint32, len(r.a.list.rows))
	for i := range r.order {
		r.order[i] = uint32(i)
	}
	slices.SortStableFunc(r.order, func(x, y uint32) int {
		return cmp.Compare(r.score(y), r.score(x))
	})
}

// score is rounded to a millionth, so that the last bits of a sum never decide an order.
func (r *Result) score(row uint32) float64 { return round(r.sums[r.a.content[row]].score) }

func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// matching says how the clean windows match the window's time, best first.
func matching(windows []Span, placebos []Placebo) string {
	at := hull(windows).From
	names := []string{"at the same hour of the week", "at the same hour of the day", "at other hours", "of other hosts at the same time"}
	counts := make([]int, len(names))
	for _, p := range placebos {
		switch d := p.Span.From - at; {
		case p.Host != "":
			counts[3]++
		case d%(7*day) == 0:
			counts[0]++
		case d%day == 0:
			counts[1]++
		default:
			counts[2]++
		}
	}
	var parts []string
	for i, n := range counts {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, names[i]))
		}
	}
	return strings.Join(parts, ", ")
}
