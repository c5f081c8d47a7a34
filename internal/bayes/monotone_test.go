package bayes

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPosterior: the second, third, fourth and fifth rows are by scikit-learn 1.9.1: r = IsotonicRegression() of
// innocents/(window+innocents) with window+innocents as weights, over the scores from the highest down; the soft
// innocents belong to the highest score; 1 − r/(1−r), at least 0.
func TestPosterior(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []Scored
		soft float64
		want []float64
	}{
		{"nothing", nil, 1, nil},
		{"falls as it should", []Scored{{5, 1, 0}, {4, 1, .1}, {3, 1, .5}, {2, 1, .4}, {1, 1, 2}}, 0, []float64{1, .9, .55, .55, 0}},
		{"softened", []Scored{{5, 1, 0}, {4, 1, .1}, {3, 1, .5}, {2, 1, .4}, {1, 1, 2}}, .5, []float64{.7, .7, .55, .55, 0}},
		{"ties, in any order", []Scored{{1, 2, 1}, {3, 1, .25}, {3, 1, 0}, {2, 3, .5}, {7, 1, .125}, {7, 2, 0}, {0, 9, 9}}, .25,
			[]float64{.5, .875, .875, .833333333333, .875, .875, 0}},
		{"innocents above", []Scored{{2, .0001, .5}, {1, 5, .1}}, 0, []float64{.880002399952, .880002399952}},
		{"no innocents", []Scored{{2, 1, 0}, {1, 1, 0}}, 0, []float64{1, 1}},
		{"no window", []Scored{{2, 0, 1}, {1, 0, 1}}, 0, []float64{0, 0}},
		{"innocents only at the top", []Scored{{2, 0, 1}, {1, 2, 0}}, 0, []float64{.5, .5}},
		{"more innocents than window", []Scored{{1, 1, 7}}, 0, []float64{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Posterior(c.in, c.soft)
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				if math.Abs(got[i]-c.want[i]) > 1e-11 {
					t.Fatalf("%v, want %v", got, c.want)
				}
			}
		})
	}
}

// TestPosteriorProperties: probabilities, never falling with the score, the same for the same score, whatever the order;
// together no more bad events than there are events beyond the innocent ones expected.
func TestPosteriorProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 3000 {
		in := make([]Scored, 1+r.IntN(60))
		for i := range in {
			in[i] = Scored{Score: float64(r.IntN(30)), Window: float64(r.IntN(4)), Innocents: float64(r.IntN(16)) / 8}
		}
		soft := float64(r.IntN(8)) / 4
		before := slices.Clone(in)
		p := Posterior(in, soft)
		if !slices.Equal(in, before) {
			t.Fatal("the scores were changed")
		}
		for i := range in {
			if !(p[i] >= 0 && p[i] <= 1) {
				t.Fatalf("%+v has %v", in[i], p[i])
			}
			for j := range in {
				if in[i].Score == in[j].Score && p[i] != p[j] || in[i].Score > in[j].Score && p[i] < p[j] {
					t.Fatalf("%+v has %v, %+v has %v", in[i], p[i], in[j], p[j])
				}
			}
		}
		order := r.Perm(len(in))
		shuffled := make([]Scored, len(in))
		for to, from := range order {
			shuffled[to] = in[from]
		}
		for to, got := range Posterior(shuffled, soft) { // sums of eighths are exact
			if got != p[order[to]] {
				t.Fatalf("in another order %+v has %v, not %v", shuffled[to], got, p[order[to]])
			}
		}
		for i, harder := range Posterior(in, soft+1) {
			if harder > p[i]+1e-12 {
				t.Fatalf("more softening raises %v to %v", p[i], harder)
			}
		}
	}
}
