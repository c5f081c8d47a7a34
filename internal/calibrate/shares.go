package calibrate

import (
	"math"

	"weir/internal/bayes"
)

// Bins of probabilities, in log-odds.
const (
	sharesBy = 64 // to a nat
	sharesTo = 24 // nats, either side
)

// Shares counts records by the probability that they are bad, finely where probabilities are small, to estimate which share of
// them is bad. Counts are integers: any number of records takes 25 KB, and parts merge in any order. The zero value is empty.
type Shares struct {
	counts [2*sharesTo*sharesBy + 1]int64
}

// Add counts a record whose probability is p. NaN counts as 1.
func (s *Shares) Add(p float64) {
	odds := math.Inf(1)
	switch {
	case p <= 0:
		odds = math.Inf(-1)
	case p < 1:
		odds = float64(bayes.Log2(p)-bayes.Log2(1-p)) * math.Ln2
	}
	s.counts[int(math.Round((min(max(odds, -sharesTo), sharesTo)+sharesTo)*sharesBy))]++
}

// Merge adds the records of o.
func (s *Shares) Merge(o *Shares) {
	for i, n := range o.counts {
		s.counts[i] += n
	}
}

// Each calls f with the bins that hold records, in order, and how many each holds.
func (s *Shares) Each(f func(bin int, n int64)) {
	for i, n := range s.counts {
		if n > 0 {
			f(i, n)
		}
	}
}

// AddBin adds records to a bin, and reports whether there is such a bin.
func (s *Shares) AddBin(bin int, n int64) bool {
	if bin < 0 || bin >= len(s.counts) || n < 0 {
		return false
	}
	s.counts[bin] += n
	return true
}

// Estimate is EstimatePrior of the records that were counted.
func (s *Shares) Estimate(trainPrior float64) (prior float64, converged bool) {
	return EstimatePriorOf(middles, s.counts[:], trainPrior)
}

// middles are the probabilities that the records of each bin count as having.
var middles = func() (p []float64) {
	for i := range 2*sharesTo*sharesBy + 1 {
		p = append(p, bayes.Logistic(float64(float64(i)/sharesBy)-sharesTo))
	}
	return p
}()
