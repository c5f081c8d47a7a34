// Package review says which suspect a person should look at next, and how much bad is left among those nobody has looked at.
//
// A [Study] holds suspects as [Item]s and what was answered about them. [Study.Next] is the next question, [Study.Remaining] the
// estimate, [Study.Worth] what an answer saves.
//
// # The model
//
// A hunt or a filter orders suspects well; how much is bad at which score it knows less well. So the order is taken from the
// score, and the rest is learned from the answers. An item with score x is bad with probability
//
//	p(x) = low + (1 − low − high)·1/(1 + e^−(x−at)/width)
//
// low being the share of bad far below at, high that of good far above it. Items of one row are alike and so are their answers:
// after k of a row's items were answered, b of them bad, the next is bad with probability (s·p(x) + b)/(s + k), a Beta
// prior with s observations; s = ∞ is rows that mean nothing. at, width, low, high and s are not chosen but averaged over:
// a grid of some thousand settings, each with the weight of its prior times the probability it gave the answers, in their
// order (Bayesian model averaging). at is a priori near the score where the hunt's or filter's own probability is a half,
// with a Cauchy distribution, whose tails let answers overrule it.
//
// # Why the choice of questions does no harm
//
// What is asked first is what an answer saves most on, mostly bad records, so the share of bad among the answers says nothing
// about the rest. The estimate never uses it: it depends on answers through the model alone, and which item is asked depends on
// what the model knows, scores and former answers, so the choice cancels out of the posterior (ignorable selection: Rubin,
// "Inference and missing data", 1976). That holds as far as the model does. Therefore every third question is drawn for the
// estimate: the item whose answer is expected to shrink the variance of the remaining bad most, Cov(y, T)²/Var(y); it finds
// the edge between good and bad, and looks into heaps that nobody has looked into. bench has what it is worth.
package review

import (
	"math"

	"weir/internal/decide"
)

// An Item is suspects that one answer is about.
type Item struct {
	Score       float64 // higher is worse; its unit is a step that matters (bits, standard deviations)
	Probability float64 // that it is bad, by the hunt or the filter
	Records     int64   // how many it stands for, at least 1
	Row         int     // items of a row are alike; −1 for none
	Costs       *decide.Costs
}

// Options govern a study. The zero value is a default, but for Basis.
type Options struct {
	Basis   decide.Basis // of probabilities: only calibrated ones block without a person
	Minutes float64      // that an answer takes, where the costs do not say; 0 is half a minute
	Draw    int          // every so many questions one is drawn for the estimate; 0 is 3, less is never
	Seed    uint64       // decides between questions that are worth the same
}

// An Answer is one that was given.
type Answer struct {
	Item int
	Bad  bool
	Told bool // it followed from another answer (all of a row at once), and is no observation of its own
}

// A Study is a review under way. It belongs to one goroutine.
type Study struct {
	items   []Item
	o       Options
	bin     []int32   // of each item
	row     []int     // of each item: Item.Row, or −1 − stratum for those of no row
	bins    []float64 // scores
	grid    []setting
	prior   []float64
	weight  []float64 // of each setting
	p       []float64 // by setting and bin: the curve
	rows    map[int]*tally
	done    []int8 // 0 open, 1 answered, 2 skipped
	answers []Answer
	skipped []int
	scratch []float64
	state   *state // nil where it has to be made again
}

// A setting is one way the world may be.
type setting struct{ strength float64 }

type tally struct{ k, bad float64 }

// maxBins bounds the scores that are told apart.
const maxBins = 200

// New starts a study. It keeps items.
func New(items []Item, o Options) *Study {
	if o.Minutes <= 0 {
		o.Minutes = .5
	}
	if o.Draw == 0 {
		o.Draw = 3
	}
	s := &Study{items: items, o: o, done: make([]int8, len(items))}
	s.layBins()
	s.layStrata()
	s.layGrid()
	s.restart()
	return s
}

func (s *Study) restart() {
	s.weight = append(s.weight[:0], s.prior...)
	s.rows = map[int]*tally{}
	s.state = nil
}

// Answer notes an answer about an item that has none.
func (s *Study) Answer(a Answer) {
	s.done[a.Item] = 1
	s.answers = append(s.answers, a)
	s.observe(a)
}

// Skip leaves an item unanswered; it is not asked again.
func (s *Study) Skip(item int) {
	s.done[item] = 2
	s.skipped = append(s.skipped, item)
	s.state = nil
}

// Undo takes the last n answers back. The study is then as if they had never been given.
func (s *Study) Undo(n int) {
	for _, a := range s.answers[len(s.answers)-n:] {
		s.done[a.Item] = 0
	}
	s.answers = s.answers[:len(s.answers)-n]
	s.restart()
	for _, a := range s.answers {
		s.observe(a)
	}
}

// Unskip takes back the last Skip.
func (s *Study) Unskip() {
	n := len(s.skipped) - 1
	s.done[s.skipped[n]] = 0
	s.skipped = s.skipped[:n]
	s.state = nil
}

// Answers returns what was answered, in order.
func (s *Study) Answers() []Answer { return s.answers }

// Open reports whether an item has no answer and was not skipped.
func (s *Study) Open(item int) bool { return s.done[item] == 0 }

// observe multiplies every setting's weight with the probability that it gave the answer.
func (s *Study) observe(a Answer) {
	s.state = nil
	if a.Told {
		return
	}
	row := s.row[a.Item]
	var t tally
	if r := s.rows[row]; r != nil {
		t = *r
	}
	most := 0.0
	for g := range s.grid {
		q := s.predict(g, s.bin[a.Item], &t)
		if !a.Bad {
			q = 1 - q
		}
		s.weight[g] *= q
		most = max(most, s.weight[g])
	}
	for g := range s.weight {
		s.weight[g] /= most // the grid's curves are never 0 or 1, so most is not 0
	}
	t.k++
	if a.Bad {
		t.bad++
	}
	s.rows[row] = &t
}

// predict returns the probability that an item of a bin is bad, by one setting, where its row has answers as in t.
func (s *Study) predict(g int, bin int32, t *tally) float64 {
	p := s.p[g*len(s.bins)+int(bin)]
	if t == nil || t.k == 0 {
		return p
	}
	n := s.grid[g].strength
	if math.IsInf(n, 1) {
		return p
	}
	return (float64(n*p) + t.bad) / (n + t.k)
}
