package filter

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"weir/internal/bayes"
	"weir/internal/calibrate"
	"weir/internal/forest"
	"weir/internal/linear"
)

// parts is how many parts data are held back in.
const parts = 5

// A trial holds parts of the training data back, to see which learner does best on records it has not seen and what its
// scores mean.
type trial struct {
	table    *table
	examples []linear.Example
	shares   [2]float64 // of all contents of a class that are among the examples
	rows     *linear.Rows
	cells    *forest.Rows // the examples as a table; nil where they make none
	growers  []int32      // examples that forests learn from at most
	workers  int
	whole    *linear.Weights // fitted to everything, by hold; nil where it is not wanted
	share    float64         // of naive Bayes in a blend
	clocked  bool            // records' times are those of who wrote the log, not of who is judged
	asked    Learner         // empty for whichever does best
	part     []uint8         // of each example
	by       string
	ordered  bool // parts follow each other in time: a part is judged by what was learned before it
}

// newTrial lays examples out as rows, on so many goroutines.
func newTrial(t *table, examples []linear.Example, shares [2]float64, workers int) *trial {
	n := len(examples)
	rows := &linear.Rows{Start: make([]int32, n+1), Bad: make([]bool, n), Weight: make([]float64, n), Width: len(t.keys)}
	for i := range examples {
		rows.Start[i+1] = rows.Start[i] + int32(len(examples[i].Items))
	}
	rows.Features, rows.Values = make([]uint32, rows.Start[n]), make([]float32, rows.Start[n])
	const some = 1 << 10 // examples at a time
	sideBySide((n+some-1)/some, workers, func(k int) {
		for i := k * some; i < min((k+1)*some, n); i++ {
			x := &examples[i]
			features, values := rows.Row(i)
			for k, it := range x.Items {
				features[k] = uint32(t.find(keyOf(it))) // every item has been counted
			}
			appendValues(values[:0], x.Items)
			rows.Bad[i], rows.Weight[i] = x.Bad, math.Sqrt(float64(x.Count))
		}
	})
	return &trial{table: t, examples: examples, shares: shares, rows: rows}
}

// same reports whether both classes hold the same contents.
func (t *trial) same() bool {
	lone := 0
	for i := range t.examples {
		twin := i > 0 && t.examples[i-1].Key == t.examples[i].Key || i+1 < len(t.examples) && t.examples[i+1].Key == t.examples[i].Key
		if !twin {
			lone++
		}
	}
	return lone == 0
}

// split puts every example into a part: by time if good and bad records lie side by side in time, else by client where
// records name one, so that what one client sends again and again is not on both sides, else by content.
func (t *trial) split() {
	t.part = make([]uint8, len(t.examples))
	if t.clocked && t.byTime() {
		t.by, t.ordered = "time", true
		return
	}
	t.by = "client"
	if t.byHash(func(x *linear.Example) uint64 { return x.Client }) {
		return
	}
	t.by = "content"
	if t.byHash(func(x *linear.Example) uint64 { return x.Near }) || t.byHash(func(x *linear.Example) uint64 { return x.Key }) {
		return
	}
	t.by = "nothing"
}

// fewest is how many contents of each class learning needs, in what is left when a part is held back.
const fewest = 3

func (t *trial) byTime() bool {
	order := make([]int, len(t.examples))
	for i := range order {
		if !t.examples[i].HasTime {
			return false
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.examples[a].Time, t.examples[b].Time) })
	var held [parts][2]int
	p := 0
	for n, i := range order {
		if n > 0 && t.examples[i].Time != t.examples[order[n-1]].Time { // what has one time is in one part
			p = n * parts / len(order)
		}
		t.part[i] = uint8(p)
		held[p][index(t.examples[i].Bad)]++
	}
	var before, all [2]int
	for p := range held {
		if p > 0 && min(before[0], before[1]) < fewest {
			return false
		}
		for c := range all {
			before[c] += held[p][c]
		}
	}
	all = before
	// Later parts must hold enough of both classes to learn from what is held back, and earlier ones enough for what judges
	// them to be a filter like the one that learns everything: an attack that nearly all came at the end teaches none.
	for c := range all {
		late, early := all[c]-held[0][c], all[c]-held[parts-1][c]
		if 5*min(late, early) < all[c] || late < fewest {
			return false
		}
	}
	return bothIn(held[:])
}

// bothIn reports whether most parts hold both classes: else time alone would tell them apart.
func bothIn(held [][2]int) bool {
	n := 0
	for _, h := range held {
		if min(h[0], h[1]) > 0 {
			n++
		}
	}
	return n > len(held)/2
}

func (t *trial) byHash(of func(*linear.Example) uint64) bool {
	var held [parts][2]int
	var all [2]int
	for i := range t.examples {
		h := of(&t.examples[i])
		if h == 0 {
			return false
		}
		h *= 0x9E3779B97F4A7C15
		p := h >> 40 % parts
		t.part[i] = uint8(p)
		held[p][index(t.examples[i].Bad)]++
		all[index(t.examples[i].Bad)]++
	}
	for _, h := range held {
		for c := range h {
			if left := all[c] - h[c]; left < min(fewest, all[c]-1) || left == 0 || 2*left < all[c] {
				return false
			}
		}
	}
	return true
}

// learns reports whether an example teaches the model that judges a part.
func (t *trial) learns(i, part int) bool {
	if t.ordered {
		return int(t.part[i]) < part
	}
	return int(t.part[i]) != part
}

// A heldPart is what learners say of the examples of one part.
type heldPart struct {
	index  []int32
	scores map[Learner][]float64
	known  []float64 // share of the example's tokens that the learners have seen
}

// learners are those that are tried, the first of equally good ones is kept.
func (t *trial) learners() []Learner {
	l := []Learner{Linear, NaiveVotes, NaiveSum, Blend}
	if t.cells != nil {
		l = append(l, Forest)
	}
	if t.asked.textbook() {
		l = append(l, t.asked)
	}
	return l
}

// grow grows a forest on the examples that may teach it.
func (t *trial) grow(ctx context.Context, workers int, teaches func(i int) bool) (*forest.Forest, error) {
	if t.cells == nil {
		return nil, nil
	}
	var use []int32
	for _, i := range t.growers {
		if teaches(int(i)) {
			use = append(use, i)
		}
	}
	return forest.Fit(ctx, t.cells, use, forest.Options{Workers: workers})
}

// judge fits every learner to what part may be learned from, and scores the part.
func (t *trial) judge(ctx context.Context, part int) (*heldPart, error) {
	h := &heldPart{scores: map[Learner][]float64{}}
	c := bayes.NewNaiveBayes(2, len(t.table.keys))
	var use []int32
	for i := range t.examples {
		switch {
		case t.learns(i, part):
			use = append(use, int32(i))
			row, _ := t.rows.Row(i)
			if err := c.Add(index(t.examples[i].Bad), row, nil, int64(t.examples[i].Count)); err != nil {
				return nil, err
			}
		case int(t.part[i]) == part:
			h.index = append(h.index, int32(i))
		}
	}
	model, err := linear.Fit(ctx, t.rows, use, linear.Options{})
	if err != nil {
		return nil, err
	}
	trees, err := t.grow(ctx, 1, func(i int) bool { return t.learns(i, part) })
	if err != nil {
		return nil, err
	}
	weight := tokenWeights(NaiveSum, c)
	var textbook []float64
	if t.asked.textbook() {
		textbook = tokenWeights(t.asked, c)
	}
	for _, i := range h.index {
		row, values := t.rows.Row(int(i))
		x := &t.examples[i]
		known := 0
		for _, f := range row {
			if c.Counts[0][f]|c.Counts[1][f] != 0 {
				known++
			}
		}
		h.known = append(h.known, float64(known)/float64(max(1, len(row))))
		h.scores[Linear] = append(h.scores[Linear], toBits(model.Score(row, values)))
		if trees != nil {
			h.scores[Forest] = append(h.scores[Forest], toBits(trees.Score(t.cells.Row(int(i)))))
		}
		h.scores[NaiveVotes] = append(h.scores[NaiveVotes], naiveScore(naiveVotes, row, x.Items, weight))
		h.scores[NaiveSum] = append(h.scores[NaiveSum], naiveScore(naiveSum, row, x.Items, weight))
		if textbook != nil {
			h.scores[t.asked] = append(h.scores[t.asked], naiveScore(naivePlain, row, x.Items, textbook))
		}
	}
	return h, nil
}

func toBits(nats float64) float64 { return nats / math.Ln2 }

// hold judges all parts that can be judged, side by side, and fits the linear learner to everything meanwhile where that will be
// wanted. What takes longest is done first: in order of time, each part is judged by more than the one before.
func (t *trial) hold(ctx context.Context, workers int) ([]*heldPart, error) {
	first := 0
	if t.ordered {
		first = 1
	}
	var todo []int
	if t.asked == "" || t.asked == Linear || t.asked == Blend {
		todo = append(todo, parts) // is everything
	}
	for p := parts - 1; p >= first; p-- {
		todo = append(todo, p)
	}
	out := make([]*heldPart, parts)
	errs := make([]error, parts+1)
	sideBySide(len(todo), workers, func(i int) {
		p := todo[i]
		if p == parts {
			t.whole, errs[p] = linear.Fit(ctx, t.rows, nil, linear.Options{})
			return
		}
		out[p], errs[p] = t.judge(ctx, p)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out[first:], nil
}

// sideBySide does n things, so many at a time.
func sideBySide(n, workers int, do func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(n, max(1, workers)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// points are held-back scores of one learner with their labels. As for learning, copies of a content count by their root: a
// flood is a witness, not a crowd. That moves the share of bad, which is put right afterwards (see choose).
func (t *trial) points(held []*heldPart, l Learner) []calibrate.Point {
	if l == Blend {
		return mixed(t.points(held, Linear), t.points(held, NaiveSum), t.share)
	}
	var out []calibrate.Point
	for _, h := range held {
		for k, i := range h.index {
			x := &t.examples[i]
			group := x.Client
			if group == 0 {
				group = x.Near
			}
			out = append(out, calibrate.Point{Score: h.scores[l][k], Bad: x.Bad, Weight: t.rows.Weight[i] / t.shares[index(x.Bad)], Group: group})
		}
	}
	return out
}
