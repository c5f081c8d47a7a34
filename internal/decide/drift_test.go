package decide

import (
	"math"
	"math/rand/v2"
	"testing"

	"weir/internal/bayes"
	"weir/internal/calibrate"
)

// TestDriftOfManyRecords: the share of bad that the records so far make likely is right also where bad ones are few among many.
// A sample that rounded levels with few records to none said 0 of 300 in a million, and every probability was lowered.
func TestDriftOfManyRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const n, share = 1_000_000, .0003
	d := driftWatch{prior: share}
	// Scores of good and bad are normal, three apart, so that a record's log-odds are 3·(x−1.5) and those of the share.
	prior := LogOdds(share)
	for range n {
		x := r.NormFloat64()
		if r.Float64() < share {
			x += 3
		}
		d.note(&packed{p: float32(bayes.Logistic(3*(x-1.5) + prior))})
	}
	if d.live < .7*share || d.live > 1.4*share {
		t.Errorf("%v of the records seem to be bad, %v are", d.live, share)
	}
	if d.odds < .7 {
		t.Errorf("odds are multiplied by %v though nothing has changed", d.odds)
	}
}

// TestWorthOfMovedPrior: --prior moves probabilities; what was held back, by which they are doubted, knows nothing of it.
func TestWorthOfMovedPrior(t *testing.T) {
	d := &calibrate.Diagram{Bins: make([]calibrate.Bin, 10)}
	for i := range d.Bins {
		mean := float64(i)/10 + .05
		d.Bins[i] = calibrate.Bin{Count: 100, Bad: int(100 * mean), Worth: float64(3 * (i + 1)), Mean: mean}
	}
	same := replay{o: ReplayOptions{Reliability: d, Prior: .1, HeldPrior: .1}}
	if same.worth(0) != 0 || same.worth(.95) >= 1 || same.worth(.95) < .3 {
		t.Errorf("worth %v and %v", same.worth(0), same.worth(.95))
	}
	for _, prior := range []float64{.001, .01, .5} {
		moved := replay{o: ReplayOptions{Reliability: d, Prior: prior, HeldPrior: .1}}
		times := prior / (1 - prior) / (.1 / .9)
		for _, p := range []float64{.02, .35, .55, .92, .999} {
			if got, want := moved.worth(atOdds(p, times)), same.worth(p); math.Abs(got-want) > 1e-9 {
				t.Errorf("a prior of %v: of what was %v the share %v holds, want %v", prior, p, got, want)
			}
		}
	}
}
