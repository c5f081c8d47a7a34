package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"

	"weir/internal/bayes"
)

// TestShares: what counts by bin estimate is what the probabilities themselves do, in parts as in one, and nothing that may be
// a probability falls out.
func TestShares(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct{ train, live float64 }{{.1, .02}, {.001, .0002}, {.5, .9}, {1e-5, 1e-3}} {
		var all []float64
		var parts [3]Shares
		prior := (bayes.Log2(c.train) - bayes.Log2(1-c.train)) * math.Ln2
		for i := range 200_000 {
			x := r.NormFloat64()
			if r.Float64() < c.live {
				x += 3
			}
			p := bayes.Logistic(3*(x-1.5) + prior)
			all = append(all, p)
			parts[i%3].Add(p)
		}
		for i := range 2 {
			parts[2].Merge(&parts[i])
		}
		want, ok := EstimatePrior(all, c.train)
		got, same := parts[2].Estimate(c.train)
		if ok != same || math.Abs(got/want-1) > .01 {
			t.Errorf("%+v: %v %v, the probabilities themselves %v %v", c, got, same, want, ok)
		}
	}
	var s Shares
	for _, p := range []float64{0, 1, math.NaN(), 5e-324, math.Nextafter(1, 0), -1, 2} {
		s.Add(p)
	}
	if n := s.counts[0] + s.counts[len(s.counts)-1]; n != 7 {
		t.Errorf("%d of 7 at the ends", n)
	}
}
