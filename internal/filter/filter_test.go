package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/calibrate"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/linear"
	"weir/internal/source"
	"weir/internal/token"
)

// A file is one input with the label of its records.
type file struct {
	name  string
	label Label
	lines []string
}

// requests returns lines of an access log, a minute apart on average: good ones are a shop's, of bad ones half are plain
// attacks, the others differ by a habit or not at all. Some come again.
func requests(r *rand.Rand, n int, bad bool) []string {
	out := make([]string, n)
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range out {
		at = at.Add(time.Duration(r.IntN(120)) * time.Second)
		client, path, agent, status := r.IntN(40), fmt.Sprintf("/item/%d?size=%c", r.IntN(30), 'a'+r.IntN(4)), "Mozilla/5.0 Firefox/122.0", 200
		if bad {
			client += 20
			switch r.IntN(4) {
			case 0, 1:
				path = fmt.Sprintf("/item/%d?size=%%27+or+%d%%3d%d--", r.IntN(30), r.IntN(9), r.IntN(9))
			case 2:
				path, status = fmt.Sprintf("/admin/%x.php", r.IntN(1000)), 404
			}
			if r.IntN(2) == 0 {
				agent = "sqlmap/1.8"
			}
		}
		out[i] = fmt.Sprintf(`198.51.100.%d - - [%s] "GET %s HTTP/1.1" %d %d "-" "%s"`, client, at.Format("02/Jan/2006:15:04:05 -0700"), path, status,
			500+r.IntN(5), agent)
		if i > 0 && r.IntN(20) == 0 {
			out[i] = out[r.IntN(i)]
		}
	}
	return out
}

func examples(seed uint64, good, bad int) []file {
	r := rand.New(rand.NewPCG(seed, 9))
	return []file{{"good.log", Good, requests(r, good, false)}, {"bad.log", Bad, requests(r, bad, true)}}
}

func inputsOf(files []file) ([]source.Input, func(int, int64) Label) {
	var in []source.Input
	for _, f := range files {
		in = append(in, source.Bytes(f.name, []byte(strings.Join(f.lines, "\n")+"\n")))
	}
	return in, func(file int, _ int64) Label { return files[file].label }
}

func trainAll(files []file, o TrainOptions) (*Filter, error) {
	in, label := inputsOf(files)
	choice, _, err := format.Choose(in, format.RecordLine, format.Options{})
	if err != nil {
		return nil, err
	}
	o.Choice, o.Label = choice, ByPlace(label)
	f, _, err := Train(context.Background(), in, o)
	return f, err
}

func trained(t testing.TB, files []file, o TrainOptions) *Filter {
	t.Helper()
	f, err := trainAll(files, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func written(t testing.TB, f *Filter) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (*Filter, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func reread(t testing.TB, f *Filter) *Filter {
	t.Helper()
	g, err := read(written(t, f))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func learn(t testing.TB, f *Filter, forget bool, workers int, files ...file) (*Filter, *Learned) {
	t.Helper()
	in, label := inputsOf(files)
	g, report, _, err := f.Learn(context.Background(), in, LearnOptions{Label: ByPlace(label), Forget: forget, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return g, report
}

// eachEvent calls do for every record, read as f says.
func eachEvent(t testing.TB, f *Filter, files []file, do func(e *event.Event, label Label)) {
	t.Helper()
	in, label := inputsOf(files)
	choice := f.Reading
	_, err := format.Scan(context.Background(), in, format.ScanOptions{Workers: 1, Options: format.Options{Choice: &choice}},
		func(int, *event.Keys) format.Handler {
			return handler(func(e *event.Event, pos format.Position, _ []byte) { do(e, label(pos.File, pos.Line)) })
		})
	if err != nil {
		t.Fatal(err)
	}
}

type handler func(*event.Event, format.Position, []byte)

func (h handler) Event(e *event.Event, pos format.Position, raw []byte) { h(e, pos, raw) }

func enrichment() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) }

// scattered cuts the records of files anew into more files, in another order.
func scattered(r *rand.Rand, files []file) []file {
	var out []file
	for _, f := range files {
		lines := slices.Clone(f.lines)
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		for n := 0; len(lines) > 0; n++ {
			k := min(len(lines), 20+r.IntN(400))
			out = append(out, file{fmt.Sprintf("%d-%s", n, f.name), f.label, lines[:k]})
			lines = lines[k:]
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// plainLearners are the learners of records that make no table.
var plainLearners = []Learner{Linear, NaiveVotes, NaiveSum, Blend, Multinomial, Complement, Bernoulli}

var allLimits = []Limits{{}, {Tokens: 300, Items: 20_000, Seen: 100}, {Tokens: 5000, Items: 60_000, Seen: 1 << 20}}

// TestTrainSame: the same records give the same bytes, for any number of workers, in any order, over any files, also where
// memory is short.
func TestTrainSame(t *testing.T) {
	files := examples(1, 900, 500)
	r := rand.New(rand.NewPCG(2, 9))
	for i, limits := range allLimits {
		want := written(t, trained(t, files, TrainOptions{Workers: 1, Limits: limits}))
		for _, workers := range []int{1, 2, 8} {
			for range 3 {
				if got := written(t, trained(t, scattered(r, files), TrainOptions{Workers: workers, Limits: limits})); !bytes.Equal(got, want) {
					t.Fatalf("limits %d, %d workers: other bytes", i, workers)
				}
			}
		}
	}
	// The limits must have been felt.
	f := trained(t, files, TrainOptions{Limits: allLimits[1]})
	if f.ShareGood == 1 || f.SeenShare == 1 || f.Bits == 32 {
		t.Errorf("nothing was narrowed: %v, %v, %v", f.ShareGood, f.SeenShare, f.Bits)
	}
	if f.Good != 900 || f.Bad != 500 {
		t.Errorf("%d good and %d bad records", f.Good, f.Bad)
	}
}

// TestWriteRead: what was written reads as what it was, also after learning.
func TestWriteRead(t *testing.T) {
	files := examples(3, 400, 200)
	r := rand.New(rand.NewPCG(4, 9))
	for _, l := range plainLearners {
		f := trained(t, files, TrainOptions{Learner: l})
		if f.Learner != l {
			t.Fatalf("%s was asked for, %s was trained", l, f.Learner)
		}
		g, _ := learn(t, f, false, 2, file{"more.log", Bad, requests(r, 30, true)}, file{"fine.log", Good, requests(r, 30, false)})
		for _, x := range []*Filter{f, g} {
			b := written(t, x)
			y, err := read(b)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(written(t, y), b) {
				t.Errorf("%s: written again it has other bytes", l)
			}
			jx, jy := x.NewJudge(enrichment()), y.NewJudge(enrichment())
			eachEvent(t, f, files, func(e *event.Event, _ Label) {
				if a, b := jx.Judge(e), jy.Judge(e); a != b {
					t.Fatalf("%s: judged %+v before writing and %+v after reading", l, a, b)
				}
			})
			// Learning is the same from what was read.
			more := file{"even-more.log", Bad, requests(rand.New(rand.NewPCG(5, 9)), 10, true)}
			a, _ := learn(t, x, false, 1, more)
			c, _ := learn(t, y, false, 1, more)
			if !bytes.Equal(written(t, a), written(t, c)) {
				t.Errorf("%s: what was read learns otherwise", l)
			}
		}
	}
}

// unlike returns, of each list, records that are neither there twice nor in files.
func unlike(files []file, lists ...[]string) [][]string {
	seen := map[string]bool{}
	for _, f := range files {
		for _, l := range f.lines {
			seen[l] = true
		}
	}
	out := make([][]string, len(lists))
	for i, list := range lists {
		for _, l := range list {
			if !seen[l] {
				seen[l] = true
				out[i] = append(out[i], l)
			}
		}
	}
	return out
}

// TestLearnForget: what is learned and taken back leaves no trace.
func TestLearnForget(t *testing.T) {
	files := examples(6, 400, 200)
	r := rand.New(rand.NewPCG(7, 9))
	for _, l := range plainLearners {
		for _, limits := range allLimits {
			f := reread(t, trained(t, files, TrainOptions{Learner: l, Limits: limits}))
			was := written(t, f)
			fresh := unlike(files, requests(r, 60, true), requests(r, 60, false))
			x := []file{{"a.log", Bad, fresh[0][10:50]}, {"b.log", Good, fresh[1][:40]}}
			y := []file{{"c.log", Bad, fresh[0][:10]}}
			g, report := learn(t, f, false, 1, x...)
			if !bytes.Equal(written(t, f), was) {
				t.Fatal("learning has changed the filter itself")
			}
			if report.Added != 80 || report.Known+report.Corrected+report.Forgotten+report.Unknown != 0 {
				t.Errorf("%s: %+v", l, report)
			}
			parallel, _ := learn(t, f, false, 4, scattered(r, x)...)
			if !bytes.Equal(written(t, parallel), written(t, g)) {
				t.Errorf("%s: another order is learned otherwise", l)
			}
			again, report := learn(t, g, false, 1, x...)
			if !bytes.Equal(written(t, again), written(t, g)) || report.Added != 0 || report.Known != 80 {
				t.Errorf("%s: learned twice: %+v", l, report)
			}
			both, _ := learn(t, g, false, 1, y...)
			one, report := learn(t, both, true, 1, y...)
			if !bytes.Equal(written(t, one), written(t, g)) {
				t.Errorf("%s: what was learned later is not gone: %+v", l, report)
			}
			back, report := learn(t, one, true, 2, x...)
			if !bytes.Equal(written(t, back), was) || report.Forgotten != 80 {
				t.Errorf("%s, limits %+v: taken back, the filter is another: %+v", l, limits, report)
			}
			if limits.Seen == 0 {
				same, report := learn(t, back, true, 1, x...)
				if !bytes.Equal(written(t, same), was) || report.Forgotten != 0 || report.Unknown != 80 {
					t.Errorf("%s: what was never learned is taken back: %+v", l, report)
				}
			}
		}
	}
}

// TestCorrect: a correction is to forget and to learn.
func TestCorrect(t *testing.T) {
	files := examples(8, 300, 200)
	wrong := files[1].lines[:30]
	files[0].lines = append(slices.Clone(files[0].lines), wrong...)
	files[1].lines = files[1].lines[30:]
	for _, l := range plainLearners {
		f := trained(t, files, TrainOptions{Learner: l})
		corrected, report := learn(t, f, false, 1, file{"x", Bad, wrong})
		if report.Added == 0 || report.Corrected == 0 {
			t.Fatalf("%+v", report)
		}
		forgot, _ := learn(t, f, true, 1, file{"x", Good, wrong})
		learned, _ := learn(t, forgot, false, 1, file{"x", Bad, wrong})
		if !bytes.Equal(written(t, corrected), written(t, learned)) {
			t.Errorf("%s: a correction is not to forget and to learn", l)
		}
		// The counts are those of a training with the right labels, but for copies, which are learned once.
		if corrected.Good >= f.Good || corrected.Bad <= f.Bad {
			t.Errorf("%s: %d good and %d bad, before %d and %d", l, corrected.Good, corrected.Bad, f.Good, f.Bad)
		}
		before, after := f.NewJudge(enrichment()), corrected.NewJudge(enrichment())
		lower, higher := 0, 0
		eachEvent(t, f, []file{{"x", Bad, wrong}}, func(e *event.Event, _ Label) {
			a, b := before.Judge(e), after.Judge(e)
			if b.Score < a.Score {
				lower++
			} else if b.Score > a.Score {
				higher++
			}
		})
		if lower > higher/2 { // some are as good ones are
			t.Errorf("%s: %d of the corrected records score lower, %d higher", l, lower, higher)
		}
	}
}

// TestForgetAll: a class cannot be taken back as a whole.
func TestForgetAll(t *testing.T) {
	files := examples(9, 20, 5)
	f := trained(t, files, TrainOptions{})
	in, label := inputsOf(files[1:])
	_, _, _, err := f.Learn(context.Background(), in, LearnOptions{Label: ByPlace(label), Forget: true})
	if !errors.Is(err, ErrNoBad) {
		t.Errorf("error %v", err)
	}
}

// TestJudge: a record of the training is judged as its row of the training was, whether opinions are cached or not, and
// also where all tokens are taken together as they are for records with several values of a field.
func TestJudge(t *testing.T) {
	files := examples(10, 400, 300)
	for _, l := range plainLearners {
		f := trained(t, files, TrainOptions{Learner: l})
		tr := trialOf(t, files)
		if len(tr.table.keys) != len(f.table.keys) {
			t.Fatal("the table is another")
		}
		rows := map[uint64]float64{}
		for i := range tr.examples {
			row, values := tr.rows.Row(i)
			if l.weighted() {
				rows[tr.examples[i].Key] = toBits((&linear.Weights{W: f.weights, Bias: f.Bias}).Score(row, values)) + f.counted(row, tr.examples[i].Items)
			} else {
				rows[tr.examples[i].Key] = naiveScore(l.form(), row, tr.examples[i].Items, f.weights)
			}
		}
		warm := f.NewJudge(enrichment())
		eachEvent(t, f, files, func(e *event.Event, _ Label) {
			g := warm.Judge(e)
			if cold := f.NewJudge(enrichment()).Judge(e); cold != g {
				t.Fatalf("%s: %+v with a cache, %+v without", l, g, cold)
			}
			row, ok := rows[warm.x.content]
			if !ok || math.Abs(row-g.Score) > 2e-6 {
				t.Fatalf("%s: scores %v, its row of the training %v", l, g.Score, row)
			}
			all := warm.opinionOn(warm.x.all())
			if slow := f.judgement(&all, 0); math.Abs(slow.Score-g.Score) > 2e-6 || slow.Verdict != g.Verdict || slow.Known != g.Known {
				t.Fatalf("%s: %+v by features, %+v all together", l, g, slow)
			}
			if !(g.Probability > 0 && g.Probability < 1) || g.Known != 1 {
				t.Fatalf("%s: %+v", l, g)
			}
		})
	}
}

// TestClues: what clues add makes the score.
func TestClues(t *testing.T) {
	files := examples(11, 300, 200)
	other := examples(12, 50, 50)
	for _, l := range plainLearners {
		f := trained(t, files, TrainOptions{Learner: l})
		j, k := f.NewJudge(enrichment()), f.NewJudge(enrichment())
		eachEvent(t, f, append(slices.Clone(files), other...), func(e *event.Event, _ Label) {
			want := k.Judge(e)
			g, clues := j.Clues(e)
			if g != want {
				t.Errorf("%s: judged %+v with clues, %+v without", l, g, want)
			}
			sum, seen := f.Start, 0
			for i, c := range clues {
				sum += c.Vote
				if i > 0 && math.Abs(c.Vote) > math.Abs(clues[i-1].Vote) {
					t.Errorf("%s: clues are out of order", l)
				}
				if strings.Contains(c.Token, "198.51.100.") {
					t.Errorf("%s: %s says who sent the record", l, c.Token)
				}
				if c.Seen() {
					seen++
				}
				if !c.Seen() && c.Token != Absent && c.Vote != 0 {
					t.Errorf("%s: %s was never seen and adds %v", l, c.Token, c.Vote)
				}
				if c.GoodShare > 1 || c.BadShare > 1 {
					t.Errorf("%s: %+v", l, c)
				}
			}
			if math.Abs(sum-g.Score) > 2e-6 {
				t.Errorf("%s: start and clues make %v, the score is %v", l, sum, g.Score)
			}
			n := len(clues)
			if l.weighted() {
				n--
			}
			if known := float64(seen) / float64(n); math.Abs(known-g.Known) > 1e-9 {
				t.Errorf("%s: %v of the clues were seen, known is %v", l, known, g.Known)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	files := examples(13, 600, 400)
	f := trained(t, files, TrainOptions{})
	j := f.NewJudge(enrichment())
	bad, wrong := 0, 0
	eachEvent(t, f, examples(14, 200, 200), func(e *event.Event, l Label) {
		if g := j.Judge(e); (g.Verdict == VerdictBad) != (g.Probability >= .5) && g.Verdict != VerdictNovel && g.Verdict != VerdictConflicting {
			t.Fatalf("%+v", g)
		} else if l == Bad && strings.Contains(fmt.Sprint(e), "or") && g.Verdict == VerdictGood {
			wrong++
		}
		bad++
	})
	if wrong > 60 { // an eighth of the bad records are as good ones
		t.Errorf("%d of %d", wrong, bad)
	}
	novel := file{"new.log", Bad, []string{`{"what":"new","is":["this"]}`}}
	g := *f
	g.Reading = format.Choice{Formats: []string{"ndjson"}}
	eachEvent(t, &g, []file{novel}, func(e *event.Event, _ Label) {
		if g := j.Judge(e); g.Verdict != VerdictNovel || g.Known != 0 {
			t.Errorf("%+v", g)
		}
	})
}

// TestPrior: probabilities for another share of bad differ by the ratio of the odds, and only they.
func TestPrior(t *testing.T) {
	files := examples(15, 600, 400)
	f := trained(t, files, TrainOptions{})
	if math.Abs(f.Prior-.4) > 1e-9 || math.Abs(f.Calibration.Live-f.Prior) > 1e-9 {
		t.Errorf("prior %v, of the calibration %v", f.Prior, f.Calibration.Live)
	}
	h := trained(t, files, TrainOptions{Prior: .02})
	g := f.WithPrior(.02)
	if g.Prior != .02 || f.Prior == .02 || h.Prior != .02 {
		t.Errorf("priors %v, %v, %v", f.Prior, g.Prior, h.Prior)
	}
	if _, err := read(written(t, h)); err != nil {
		t.Error(err)
	}
	a, b, c := f.NewJudge(enrichment()), g.NewJudge(enrichment()), h.NewJudge(enrichment())
	eachEvent(t, f, files, func(e *event.Event, _ Label) {
		x, y := a.Judge(e), b.Judge(e)
		odds := func(p float64) float64 { return p / (1 - p) }
		if got, want := odds(y.Probability)/odds(x.Probability), odds(.02)/odds(.4); math.Abs(got/want-1) > 1e-5 || x.Score != y.Score {
			t.Fatalf("%+v and %+v: odds change by %v, want %v", x, y, got, want)
		}
		if z := c.Judge(e); z.Probability != y.Probability {
			t.Fatalf("%+v with --prior when training, %+v later", z, y)
		}
	})
}

// trialOf is what training holds back of files.
func trialOf(t testing.TB, files []file) *trial {
	t.Helper()
	in, label := inputsOf(files)
	choice, _, err := format.Choose(in, format.RecordLine, format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := TrainOptions{Choice: choice, Label: ByPlace(label)}
	o.defaults()
	c, _, err := gather(context.Background(), in, &o)
	if err != nil {
		t.Fatal(err)
	}
	examples := c.sample.Sorted()
	for i := range examples {
		c.tally(examples[i].Items, examples[i].Bad, examples[i].Count)
	}
	tr := newTrial(newTable(c.words), examples, [2]float64{1, 1})
	tr.clocked = true
	tr.split()
	return tr
}

// TestTimeSplit: where good and bad records lie side by side in time, a part is judged by what came before it, and by
// nothing else: other labels of later records change nothing.
func TestTimeSplit(t *testing.T) {
	files := examples(16, 900, 600)
	tr := trialOf(t, files)
	if tr.by != "time" || !tr.ordered {
		t.Fatalf("held back by %s", tr.by)
	}
	for i := range tr.examples {
		for k := range tr.examples {
			a, b := &tr.examples[i], &tr.examples[k]
			if tr.part[i] < tr.part[k] && a.Time >= b.Time {
				t.Fatalf("part %d has a record of %d, part %d one of %d", tr.part[i], a.Time, tr.part[k], b.Time)
			}
		}
	}
	held, err := tr.hold(context.Background(), 2)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(17, 9))
	for from := 1; from < parts; from++ {
		other := slices.Clone(tr.examples)
		for i := range other {
			if int(tr.part[i]) >= from {
				other[i].Bad = r.IntN(2) == 0
			}
		}
		u := newTrial(tr.table, other, tr.shares)
		u.part, u.ordered = tr.part, true
		again, err := u.hold(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for p := range held {
			same := true
			for _, l := range plainLearners {
				same = same && slices.Equal(held[p].scores[l], again[p].scores[l])
			}
			if part := p + 1; same != (part <= from) { // held[0] is the second part
				t.Errorf("labels from part %d on are others: the scores of part %d are the same: %v", from, part, same)
			}
		}
	}
}

// untimed makes lines that have no time, with or without who sent them.
func untimed(files []file, client bool) []file {
	var out []file
	for _, f := range files {
		g := file{f.name, f.label, nil}
		for _, l := range f.lines {
			_, rest, _ := strings.Cut(l, "] ")
			who, _, _ := strings.Cut(l, " ")
			request, _, _ := strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
			if client {
				l = fmt.Sprintf(`{"source":{"ip":"%s"},"request":"%s"}`, who, request)
			} else {
				l = "did " + request
			}
			g.lines = append(g.lines, l)
		}
		out = append(out, g)
	}
	return out
}

// TestClientSplit: without times, what one client sent is in one part; without clients, what is nearly equal.
func TestClientSplit(t *testing.T) {
	files := examples(18, 500, 400)
	for _, c := range []struct {
		client bool
		by     string
		of     func(*linear.Example) uint64
	}{
		{true, "client", func(x *linear.Example) uint64 { return x.Client }},
		{false, "content", func(x *linear.Example) uint64 { return x.Near }},
	} {
		tr := trialOf(t, untimed(files, c.client))
		if tr.by != c.by || tr.ordered {
			t.Fatalf("held back by %s, want %s", tr.by, c.by)
		}
		part, used := map[uint64]uint8{}, map[uint8]int{}
		for i := range tr.examples {
			h := c.of(&tr.examples[i])
			if p, ok := part[h]; ok && p != tr.part[i] {
				t.Fatalf("one %s is in two parts", c.by)
			}
			part[h] = tr.part[i]
			used[tr.part[i]]++
		}
		if len(used) != parts || len(part) < 2*parts {
			t.Errorf("%d of one kind in the parts %v", len(part), used)
		}
	}
}

// TestOneTime: records of one time are not held back by time.
func TestOneTime(t *testing.T) {
	files := examples(19, 300, 300)
	for i := range files {
		for k, l := range files[i].lines {
			before, rest, _ := strings.Cut(l, "[")
			_, after, _ := strings.Cut(rest, "]")
			files[i].lines[k] = before + "[02/Mar/2026:00:00:00 +0000]" + after
		}
	}
	if tr := trialOf(t, files); tr.by == "time" {
		t.Error("held back by time where there is only one")
	}
}

func TestTrainFaults(t *testing.T) {
	files := examples(20, 50, 50)
	good, bad := files[0], files[1]
	one := func(f file, n int) file { return file{f.name, f.label, f.lines[:n]} }
	for _, c := range []struct {
		name  string
		files []file
		want  error
	}{
		{"no bad", []file{good}, ErrNoBad},
		{"no good", []file{bad}, ErrNoGood},
		{"none labelled", []file{{"x", Unlabelled, good.lines}}, ErrNoGood},
		{"the same", []file{good, {"copy", Bad, good.lines}}, ErrSame},
		{"the same from elsewhere", []file{one(good, 1), {"copy", Bad, []string{strings.Replace(good.lines[0], "198.51.100.", "203.0.113.", 1)}}}, ErrSame},
	} {
		if _, err := trainAll(c.files, TrainOptions{}); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	for good.lines = good.lines[:10]; len(good.lines) > 0; good.lines = good.lines[1:] {
		f := trained(t, []file{good, one(bad, min(3, len(good.lines)))}, TrainOptions{})
		if len(f.Warnings) == 0 || !strings.Contains(strings.Join(f.Warnings, " "), "probabilities are rough") {
			t.Errorf("%d good and few bad records: %q", len(good.lines), f.Warnings)
		}
		reread(t, f)
		j := f.NewJudge(enrichment())
		eachEvent(t, f, []file{good, bad}, func(e *event.Event, _ Label) {
			if g := j.Judge(e); !(g.Probability > 0 && g.Probability < 1) || len(good.lines) == 1 && math.Abs(g.Probability-.5) > .4 {
				t.Fatalf("%d good records: %+v", len(good.lines), g)
			}
		})
	}
}

// TestConstantLoss: held-back scores that are all the same are as good as guessing, not perfect.
func TestConstantLoss(t *testing.T) {
	files := examples(21, 200, 200)
	f := trained(t, files, TrainOptions{})
	for _, tr := range f.Held.Trials {
		if !(tr.LogLoss > 0 && tr.LogLoss < 1.01) {
			t.Errorf("%+v", tr)
		}
	}
	c := *f.Calibration
	c.Method, c.Loss, c.Prior = "constant", 0, .25
	if got := toBits(lossOf(&c)); math.Abs(got-.811278) > 1e-6 { // the entropy of a quarter
		t.Errorf("%v bits", got)
	}
}

// TestSeen: the set of parts merges to that of the whole, and remembers the smallest hashes.
func TestSeen(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 9))
	for range 200 {
		limit := 1 + r.IntN(100)
		whole := newSeen(limit)
		sets := []*seen{newSeen(limit), newSeen(limit), newSeen(limit)}
		var keys []uint64
		for range r.IntN(500) {
			k := r.Uint64() >> (16 * r.UintN(2))
			if len(keys) > 0 && r.IntN(3) == 0 {
				k = keys[r.IntN(len(keys))]
			}
			bad := r.IntN(2) == 0
			keys = append(keys, k)
			whole.add(k, bad, 1)
			sets[r.IntN(3)].add(k, bad, 1)
		}
		sets[2].merge(sets[0])
		sets[1].merge(sets[2])
		if sets[1].level != whole.level || !slices.Equal(sets[1].sorted(), whole.sorted()) {
			t.Fatal("parts merge to another set")
		}
		if whole.at.len() > limit {
			t.Fatalf("%d records, the limit is %d", whole.at.len(), limit)
		}
		for _, k := range keys {
			if got := whole.get(k) != (learned{}); got != whole.tells(k) {
				t.Fatalf("%#x is remembered: %v, at level %d", k, got, whole.level)
			}
		}
	}
}

// TestTable: every key is found, and no other, whatever the keys.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 9))
	for range 200 {
		x := table{bits: 12 + r.UintN(21)}
		for range r.IntN(3000) {
			k := r.Uint32()
			if r.IntN(2) == 0 {
				k >>= 10 // close together
			}
			x.keys = append(x.keys, k>>(32-x.bits))
		}
		slices.Sort(x.keys)
		x.keys = slices.Compact(x.keys)
		x.index()
		for i, k := range x.keys {
			if got := x.find(k<<(32-x.bits) | r.Uint32()>>x.bits); x.bits < 32 && got != i || x.bits == 32 && x.find(k) != i {
				t.Fatalf("%d bits: key %d of %d is found at %d", x.bits, i, len(x.keys), got)
			}
		}
		for range 100 {
			k := r.Uint32()
			_, found := slices.BinarySearch(x.keys, k>>(32-x.bits))
			if (x.find(k) >= 0) != found {
				t.Fatalf("%#x is found: %v", k, !found)
			}
		}
	}
}

// TestAveragePrecision compares with scikit-learn 1.2.1:
//
//	average_precision_score([1, 0, 1, 1, 0, 0], [.9, .8, .7, .7, .7, .1], sample_weight=[1, 2, 1, 1, 3, 1])
func TestAveragePrecision(t *testing.T) {
	var points []calibrate.Point
	for i, score := range []float64{.7, .9, .1, .7, .8, .7} {
		points = append(points, calibrate.Point{Score: score, Bad: i == 0 || i == 1 || i == 3, Weight: []float64{1, 1, 1, 1, 2, 3}[i]})
	}
	if got, want := averagePrecision(points), 1./3+2./3*3/8; math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestLearnFew: a few records learned since training are judged as they were learned, and hardly any others.
func TestLearnFew(t *testing.T) {
	files := examples(50, 2000, 500)
	f := trained(t, files, TrainOptions{Learner: Linear})
	missed := requests(rand.New(rand.NewPCG(51, 9)), 20, false) // like good ones, but for one thing
	for i, l := range missed {
		missed[i] = strings.Replace(l, "/item/", "/beta/", 1)
	}
	g, _ := learn(t, f, false, 1, file{"missed.log", Bad, missed})
	bad := func(f *Filter, lines []string) (n int) {
		j := f.NewJudge(enrichment())
		eachEvent(t, f, []file{{"x.log", Good, lines}}, func(e *event.Event, _ Label) {
			if j.Judge(e).Score > 0 {
				n++
			}
		})
		return n
	}
	good := requests(rand.New(rand.NewPCG(52, 9)), 1000, false)
	if n := bad(f, missed); n > 3 {
		t.Errorf("%d of %d missed records scored above 0 before they were learned", n, len(missed))
	}
	if n := bad(g, missed); n < 18 {
		t.Errorf("%d of %d learned records score above 0", n, len(missed))
	}
	if before, after := bad(f, good), bad(g, good); after > before+10 {
		t.Errorf("%d of %d good records scored above 0, %d after learning a few others", before, len(good), after)
	}
}

// TestBefore: a filter that is trained on what lies before a moment is the one that is trained on those records alone.
func TestBefore(t *testing.T) {
	files := examples(21, 400, 200)
	all := trained(t, files, TrainOptions{})
	var times []int64
	eachEvent(t, all, files, func(e *event.Event, _ Label) { times = append(times, e.Time) })
	slices.Sort(times)
	moment := times[len(times)/2]
	half := trained(t, files, TrainOptions{Before: moment})
	early := make([]file, len(files))
	n := int64(0)
	for i, f := range files {
		early[i] = file{f.name, f.label, nil}
		for _, line := range f.lines {
			eachEvent(t, all, []file{{f.name, f.label, []string{line}}}, func(e *event.Event, _ Label) {
				if e.Time < moment {
					early[i].lines = append(early[i].lines, line)
					n++
				}
			})
		}
	}
	if half.Good+half.Bad != n || n == int64(len(times)) {
		t.Fatalf("trained on %d good and %d bad of %d that lie before, and %d in all", half.Good, half.Bad, n, len(times))
	}
	if !bytes.Equal(written(t, half), written(t, trained(t, early, TrainOptions{}))) {
		t.Error("it is another filter than that of those records alone")
	}
	// It remembers these, as they stood, and no others.
	m := reread(t, half).Memory()
	known := 0
	for i, f := range files {
		for _, line := range f.lines {
			if m.Holds([]byte(line)) != slices.Contains(early[i].lines, line) {
				t.Fatalf("of %q it says %v", line, m.Holds([]byte(line)))
			}
			if m.Holds([]byte(line)) {
				known++
			}
		}
	}
	if known == 0 || m.Holds([]byte("never seen")) {
		t.Errorf("%d are remembered", known)
	}
}
