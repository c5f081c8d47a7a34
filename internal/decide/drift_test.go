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

// TestLowOfMovedPrior: --prior moves probabilities and their lower bounds alike: what was held back does not know of it.
func TestLowOfMovedPrior(t *testing.T) {
	d := &calibrate.Diagram{Bins: make([]calibrate.Bin, 10)}
	for i := range d.Bins {
		d.Bins[i] = calibrate.Bin{Count: 100, Mean: float64(i)/10 + .05, Low: float64(i) / 10}
	}
	d.Bins[9].Low = .45 // few have such a probability
	same := replay{o: ReplayOptions{Reliability: d, Prior: .1, HeldPrior: .1}}
	if got, want := same.low(.95), .45; math.Abs(got-want) > 1e-9 {
		t.Errorf("low %v, want %v", got, want)
	}
	for _, prior := range []float64{.001, .01, .5} {
		moved := replay{o: ReplayOptions{Reliability: d, Prior: prior, HeldPrior: .1}}
		times := prior / (1 - prior) / (.1 / .9)
		for _, p := range []float64{.02, .3, .5, .92, .999} {
			if got, want := moved.low(atOdds(p, times)), atOdds(same.low(p), times); math.Abs(got-want) > 1e-9 {
				t.Errorf("a prior of %v: the lower bound of what was %v is %v, want %v", prior, p, got, want)
			}
		}
	}
}
