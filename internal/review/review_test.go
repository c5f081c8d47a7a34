package review

import (
	"math"
	"testing"

	"weir/internal/bayes"
	"weir/internal/decide"
)

// costs are of a ratio of 200, where a person's time has no price of its own and a review averts all.
var costs = decide.Costs{Request: 1, Breach: 200, Success: 1, ReviewAverts: 1, Actions: [decide.Block + 1]bool{decide.Allow: true, decide.Block: true}}

// made invents n items in rows of five: scores from −5 to 5 that turn from good to bad around at, with every 20th against the
// order. The hunt believes that they turn at 0.
func made(n int, at float64) (items []Item, bad []bool) {
	for i := range n {
		x := -5 + 10*float64(i)/float64(n)
		row := i / 5
		if i%3 == 0 {
			row = -1
		}
		items = append(items, Item{Score: x, Probability: bayes.Logistic(3 * x), Records: int64(1 + mix(uint64(i))%4), Row: row, Costs: &costs})
		bad = append(bad, x > at != (mix(uint64(i)+99)%20 == 0))
	}
	return items, bad
}

func left(s *Study, items []Item, bad []bool) (n float64) {
	for i := range items {
		if s.done[i] != 1 && bad[i] {
			n += float64(items[i].Records)
		}
	}
	return n
}

// TestRemaining holds that the estimate finds the truth also where the hunt's own idea of it is far off.
func TestRemaining(t *testing.T) {
	for _, at := range []float64{-3, -1, 0, 1, 3} {
		items, bad := made(600, at)
		s := New(items, Options{Basis: decide.Mixture, Seed: 7})
		for range 40 {
			q, ok := s.Next()
			if !ok {
				t.Fatal("nothing to ask")
			}
			s.Answer(Answer{Item: q.Item, Bad: bad[q.Item]})
		}
		e, truth := s.Remaining(), left(s, items, bad)
		if math.Abs(e.Bad-truth) > .2*truth {
			t.Errorf("turning at %v: after 40 answers the estimate is %.0f ± %.0f, the truth %.0f", at, e.Bad, e.SD, truth)
		}
		if truth < e.Low || truth > e.High {
			t.Errorf("turning at %v: the truth %.0f is not within %.0f to %.0f", at, truth, e.Low, e.High)
		}
	}
}

// TestUndo holds that what is taken back leaves no trace.
func TestUndo(t *testing.T) {
	items, bad := made(100, 1)
	s, twin := New(items, Options{Seed: 1}), New(items, Options{Seed: 1})
	for range 12 {
		q, _ := s.Next()
		s.Answer(Answer{Item: q.Item, Bad: bad[q.Item]})
		twin.Answer(Answer{Item: q.Item, Bad: bad[q.Item]})
	}
	before, _ := s.Next()
	for range 5 {
		q, _ := s.Next()
		s.Answer(Answer{Item: q.Item, Bad: !bad[q.Item]})
	}
	q, _ := s.Next()
	s.Skip(q.Item)
	s.Unskip()
	s.Undo(5)
	after, _ := s.Next()
	if before != after || s.Remaining() != twin.Remaining() {
		t.Errorf("after undo: %v and %v, before: %v and %v", after, s.Remaining(), before, twin.Remaining())
	}
	for i := range items {
		if a, b := s.Probability(i), twin.Probability(i); a != b && !(math.IsNaN(a) && math.IsNaN(b)) {
			t.Fatalf("item %d is bad with %v, without what was taken back with %v", i, a, b)
		}
	}
}

// TestAll holds that a review comes to an end, at which nothing is left.
func TestAll(t *testing.T) {
	items, bad := made(50, 0)
	s := New(items, Options{})
	asked := map[int]bool{}
	drawn := 0
	for {
		q, ok := s.Next()
		if !ok {
			break
		}
		if asked[q.Item] {
			t.Fatalf("item %d is asked twice", q.Item)
		}
		asked[q.Item] = true
		if q.Drawn {
			drawn++
		}
		if len(asked)%7 == 0 {
			s.Skip(q.Item)
			continue
		}
		s.Answer(Answer{Item: q.Item, Bad: bad[q.Item]})
	}
	if len(asked) != 50 || drawn != 16 { // every third of 50
		t.Errorf("%d items were asked, %d drawn", len(asked), drawn)
	}
	e, truth := s.Remaining(), int64(0)
	for i := range items {
		if s.done[i] == 2 {
			truth += items[i].Records
		}
	}
	if e.Of != truth || e.Low < 0 || e.High > float64(truth) {
		t.Errorf("of the %d skipped records the estimate is %+v", truth, e)
	}
	if a := s.Advise(1); a.GoOn || a.Next != 0 {
		t.Errorf("with nothing to ask the advice is %+v", a)
	}
	if _, ok := New(nil, Options{}).Next(); ok {
		t.Error("a study of nothing asks something")
	}
	if e := New(nil, Options{}).Remaining(); e != (Estimate{}) {
		t.Errorf("in nothing %+v is left", e)
	}
}

// TestSaved holds what an answer saves. With a ratio of 200 a miss costs 200, a wrong block 1, and a review averts all.
func TestSaved(t *testing.T) {
	for _, x := range []struct {
		p     float64
		basis decide.Basis
		want  float64
	}{
		{.5, decide.Mixture, 100},        // let pass: ½·200
		{.001, decide.Mixture, .2},       // let pass: .001·200
		{.5, decide.Calibrated, .5},      // blocked: ½·1
		{.001, decide.Calibrated, .2},    // let pass, as .2 < .999
		{.99, decide.Calibrated, .01},    // blocked
		{.99, decide.Drifted, .99 * 200}, // nobody blocks by a drifted filter
		{0, decide.Calibrated, 0},
	} {
		if got := saved(&costs, x.p, x.basis); math.Abs(got-x.want) > 1e-9 {
			t.Errorf("at %v, %v, an answer saves %v, want %v", x.p, x.basis, got, x.want)
		}
	}
	half := costs
	half.ReviewAverts = .5 // comes too late for half of the loss
	if got := saved(&half, .5, decide.Mixture); got != 50 {
		t.Errorf("an answer that averts half saves %v, want 50", got)
	}
	items := []Item{{Score: 1, Probability: .9, Records: 10, Row: -1, Costs: &costs}}
	if s := New(items, Options{Basis: decide.Mixture, Minutes: 2}); s.Worth(0) != 10*200*s.Probability(0)/2 {
		t.Errorf("ten records at %v are worth %v a minute", s.Probability(0), s.Worth(0))
	}
}

// TestTold holds that answers for a whole row count as one observation.
func TestTold(t *testing.T) {
	items, _ := made(60, 0)
	one, all := New(items, Options{}), New(items, Options{})
	one.Answer(Answer{Item: 31, Bad: true})
	all.Answer(Answer{Item: 31, Bad: true})
	all.Answer(Answer{Item: 32, Bad: true, Told: true})
	for _, i := range []int{0, 30, 59} {
		if one.Probability(i) != all.Probability(i) {
			t.Errorf("item %d: %v, %v", i, one.Probability(i), all.Probability(i))
		}
	}
	if bad, of := all.Found(); bad != of || of != items[31].Records+items[32].Records {
		t.Errorf("found %d of %d", bad, of)
	}
}

func BenchmarkAnswer(b *testing.B) {
	items, bad := made(2000, 0)
	s := New(items, Options{})
	for i := 0; b.Loop(); i++ {
		q, ok := s.Next()
		if !ok {
			b.Fatal("nothing is left")
		}
		s.Answer(Answer{Item: q.Item, Bad: bad[q.Item]})
		_ = s.Remaining()
	}
}
