package calibrate

import "math"

// WithPrior returns the calibration for traffic of which the share live is bad, where it was fitted on a share of Prior:
// odds are multiplied by (live/(1−live))/(Prior/(1−Prior)). This holds if only the mixture differs, not what good and bad
// look like. live is taken to the nearest of 1e-9 and 1 − 1e-9; NaN changes nothing. The receiver stays as it is, and
// what was moved before is moved from Prior anew.
func (c *Calibration) WithPrior(live float64) *Calibration {
	moved := *c
	if math.IsNaN(live) {
		return &moved
	}
	moved.Live = min(max(live, minPrior), 1-minPrior)
	moved.Shift = logit(moved.Live) - logit(c.Prior)
	return &moved
}

// EstimatePrior returns the share of bad in live traffic that makes its probabilities most likely, where they were
// calibrated for trainPrior: the maximum that the EM of Saerens, Latinne and Decaestecker ("Adjusting the outputs of a
// classifier to new a priori probabilities", 2002) climbs to. The log-likelihood is concave in the share, so that halving
// the interval by the sign of its slope gets there in fifty passes, where EM crawls near 0 and 1.
//
// converged is false if the probabilities do not tell: there are none, one is not from 0 to 1, trainPrior is not between 0
// and 1 (the result is trainPrior then), all are as good as trainPrior (likewise), or the maximum lies at 0 or 1 (then the
// result keeps half a record away from there).
func EstimatePrior(probabilities []float64, trainPrior float64) (prior float64, converged bool) {
	return EstimatePriorOf(probabilities, nil, trainPrior)
}

// EstimatePriorOf is EstimatePrior of probabilities that came counts[i] times each; nil is once each.
func EstimatePriorOf(probabilities []float64, counts []int64, trainPrior float64) (prior float64, converged bool) {
	if !(trainPrior > 0 && trainPrior < 1) || len(probabilities) == 0 || counts != nil && len(counts) != len(probabilities) {
		return trainPrior, false
	}
	moved, n := false, int64(0)
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return trainPrior, false
		}
		moved = moved || math.Abs(p-trainPrior) > 1e-9
		if counts != nil {
			n += counts[i]
		} else {
			n++
		}
	}
	if !moved || n == 0 {
		return trainPrior, false
	}
	low, high := 0.0, 1.0
	edge := .5 / float64(n+1)
	if slope(probabilities, counts, trainPrior, 0) <= 0 {
		return min(edge, trainPrior), false
	}
	if slope(probabilities, counts, trainPrior, 1) >= 0 {
		return max(1-edge, trainPrior), false
	}
	for range 50 {
		if mid := float64((low + high) / 2); slope(probabilities, counts, trainPrior, mid) > 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2, true
}

// slope returns the derivative of Σ ln(π·p/t + (1−π)·(1−p)/(1−t)) by π, where t is the training prior. At the ends of
// [0, 1] it may be infinite.
func slope(probabilities []float64, counts []int64, t, pi float64) float64 {
	sum := 0.0
	for i, p := range probabilities {
		bad, good := p/t, (1-p)/(1-t)
		x := (bad - good) / (float64(pi*bad) + float64((1-pi)*good))
		if counts != nil {
			if counts[i] == 0 {
				continue
			}
			x = float64(x * float64(counts[i]))
		}
		sum += x
	}
	return sum
}
