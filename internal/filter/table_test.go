package filter

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"weir/internal/event"
)

// flows returns lines of a table of numbers and names: what is bad shows in numbers taken together.
func flows(seed uint64, n int, bad bool) []string {
	r := rand.New(rand.NewPCG(seed, 10))
	out := make([]string, n)
	for i := range out {
		a, b := r.IntN(1000), r.IntN(1000)
		for (a > b) != bad && r.IntN(10) > 0 {
			a, b = r.IntN(1000), r.IntN(1000)
		}
		out[i] = fmt.Sprintf(`{"a":%d,"b":%d,"c":%.3f,"d":%d,"e":%d,"f":%d,"kind":"%s"}`, a, b, r.Float64()*float64(r.IntN(50)), r.IntN(5), r.IntN(70000),
			r.IntN(3), []string{"tcp", "udp", "icmp"}[r.IntN(3)])
	}
	return out
}

// TestForest: a filter with a forest holds what the others hold: the same bytes for the same records, written and read, and
// learned and taken back; judged alike with a cache and without; and clues add up.
func TestForest(t *testing.T) {
	files := []file{{"good.json", Good, flows(1, 400, false)}, {"bad.json", Bad, flows(2, 300, true)}}
	f := trained(t, files, TrainOptions{Learner: Forest, Workers: 1})
	if f.Learner != Forest || f.forest == nil {
		t.Fatalf("the learner is %s; %q", f.Learner, f.Warnings)
	}
	b := written(t, f)
	r := rand.New(rand.NewPCG(3, 10))
	for _, workers := range []int{1, 2, 8} {
		if got := written(t, trained(t, scattered(r, files), TrainOptions{Learner: Forest, Workers: workers})); !bytes.Equal(got, b) {
			t.Errorf("%d workers: other bytes", workers)
		}
	}
	g := reread(t, f)
	if !bytes.Equal(written(t, g), b) {
		t.Error("written again it has other bytes")
	}
	x := []file{{"x.json", Bad, flows(4, 30, false)}}
	learned, report := learn(t, g, false, 1, x...)
	if report.Added != 30 {
		t.Errorf("%+v", report)
	}
	if back, _ := learn(t, reread(t, learned), true, 2, x...); !bytes.Equal(written(t, back), b) {
		t.Error("learned and taken back, the filter is another")
	}
	right := 0
	for _, f := range []*Filter{g, learned} {
		j, other := f.NewJudge(enrichment()), f.NewJudge(enrichment())
		test := []file{{"good.json", Good, flows(5, 200, false)}, {"bad.json", Bad, flows(6, 200, true)}}
		eachEvent(t, f, test, func(e *event.Event, l Label) {
			a, clues := j.Clues(e)
			if b := other.Judge(e); a != b {
				t.Fatalf("%+v with clues, %+v without", a, b)
			}
			sum := f.Start
			for _, c := range clues {
				sum += c.Vote
			}
			if math.Abs(sum-a.Score) > 2e-6 {
				t.Fatalf("start and clues make %v, the score is %v", sum, a.Score)
			}
			if (a.Probability >= .5) == (l == Bad) && f == g {
				right++
			}
		})
	}
	if right < 320 { // some cannot be told
		t.Errorf("%d of 400 are judged right", right)
	}
}

// TestForestElsewhere: who asks for a forest where there is no table is told that there is none.
func TestForestElsewhere(t *testing.T) {
	f := trained(t, examples(40, 200, 150), TrainOptions{Learner: Forest})
	if f.Learner != Linear || !slices.Contains(f.Warnings, "the records make no table with enough numbers for a forest: the learner is linear") {
		t.Errorf("the learner is %s; %q", f.Learner, f.Warnings)
	}
	f = trained(t, []file{{"good.json", Good, flows(1, 2, false)}, {"bad.json", Bad, flows(2, 2, true)}}, TrainOptions{Learner: Forest})
	reread(t, f)
}
