// Package calibrate turns scores into probabilities: Fit learns a curve from scores with known labels that the scoring
// model had not seen, Calibration.Probability reads it, WithPrior moves it to traffic with another share of bad, and
// Reliability says how far probabilities can be taken at their word.
//
// Whatever was fitted is kept as a rising line through at most [MaxKnots] knots of score and log-odds. So one piece of
// code reads all methods, what comes from a file can be checked, and a higher score never gets a lower probability.
//
// Log-odds and losses are natural logarithms throughout (nats), computed from those of package bayes: the same points
// give the same bits on every processor, in any order.
package calibrate

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"weir/internal/bayes"
)

// Methods of calibration.
const (
	Constant = "constant" // every score gets the same: one class only, or scores that say nothing
	Platt    = "platt"    // log-odds are a line in the score
	Beta     = "beta"     // log-odds bend once
	Isotonic = "isotonic" // log-odds rise in steps
)

// Bounds of what Validate accepts and Fit makes.
const (
	MaxKnots = 512   // of a curve
	MaxScore = 1e100 // of a score, either sign, so that no difference or square overflows
	maxOdds  = 35    // log-odds of a knot, either sign: 1 − e^−35 is still less than 1
	reach    = 1     // log-odds that scores beyond the outermost knots may add
	minPrior = 1e-9  // a prior, and its distance from 1
)

// A Knot is a place that a curve goes through.
type Knot struct {
	Score   float64 `json:"score"`
	LogOdds float64 `json:"log_odds"` // natural logarithm, −35 to 35
}

// A Calibration is a curve from scores to probabilities of bad. It is read only once made, hence safe for use by many
// goroutines. One that was read from a file is to be checked with Validate before anything else.
type Calibration struct {
	Method   string   `json:"method"`
	Knots    []Knot   `json:"knots"` // scores rise strictly, log-odds do not fall
	Below    float64  `json:"below"` // slope below the first knot, log-odds by score, ≥ 0
	Above    float64  `json:"above"` // slope above the last knot, ≥ 0
	Prior    float64  `json:"prior"` // share of bad, by weight, among the points that it was fitted on; 0 < Prior < 1
	Live     float64  `json:"live"`  // share of bad that the probabilities are meant for; Prior unless moved by WithPrior
	Shift    float64  `json:"shift"` // log-odds that Live adds: logit(Live) − logit(Prior)
	Loss     float64  `json:"loss"`  // cross-validated log loss in nats, by weight; 0 if there was nothing to compare
	Good     int      `json:"good"`  // good points it was fitted on
	Bad      int      `json:"bad"`   // bad ones
	Warnings []string `json:"warnings,omitempty"`
}

// Probability returns the probability that a record with this score is bad: more than 0, less than 1, and never falling
// with the score. Between knots log-odds are interpolated. Beyond the outermost ones, where no score was seen, they go on
// with the slope there but add at most 1. NaN gets the prior.
func (c *Calibration) Probability(score float64) float64 {
	if math.IsNaN(score) || len(c.Knots) == 0 {
		return c.Live
	}
	return bayes.Logistic(grid(min(max(curve{c.Knots, c.Below, c.Above}.at(score)+c.Shift, -maxOdds-reach), maxOdds+reach)))
}

// grid rounds log-odds to a multiple of 2^−40. Neighbours on the grid are further apart than the errors of Logistic, which
// so never turns the order of two scores around.
func grid(x float64) float64 { return math.Ldexp(math.Round(math.Ldexp(x, 40)), -40) }

// A curve is what a method fits: a rising line and its slopes beyond the ends.
type curve struct {
	knots        []Knot
	below, above float64
}

// at returns the log-odds at a score. Every operation is monotone in the score, so that the result is, to the last bit.
func (c curve) at(score float64) float64 {
	k := c.knots
	n := len(k)
	switch {
	case score <= k[0].Score:
		return k[0].LogOdds - tail(c.below, k[0].Score-score)
	case score >= k[n-1].Score:
		return k[n-1].LogOdds + tail(c.above, score-k[n-1].Score)
	}
	i := sort.Search(n, func(i int) bool { return k[i].Score > score }) // 0 < i < n
	a, b := k[i-1], k[i]
	t := (score - a.Score) / (b.Score - a.Score)
	return min(a.LogOdds+float64(t*(b.LogOdds-a.LogOdds)), b.LogOdds)
}

// tail is what a distance d ≥ 0 beyond the outermost knot adds: first d·slope, in the end reach.
func tail(slope, d float64) float64 {
	if slope == 0 || d == 0 {
		return 0
	}
	return reach - reach/(1+float64(slope*d)/reach)
}

// Validate reports all that is wrong with a calibration, which may come from a file that anybody wrote.
func (c *Calibration) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch c.Method {
	case Constant, Platt, Beta, Isotonic:
	default:
		fault("there is no method %.40q", c.Method)
	}
	if n := len(c.Knots); n == 0 || n > MaxKnots {
		fault("%d knots: there must be 1 to %d", n, MaxKnots)
	} else if err := rising(c.Knots); err != nil {
		faults = append(faults, err)
	}
	if !(c.Below >= 0 && c.Above >= 0) || math.IsInf(c.Below, 1) || math.IsInf(c.Above, 1) {
		fault("slopes beyond the ends are %v and %v: they must be finite and not negative", c.Below, c.Above)
	}
	if !isPrior(c.Prior) || !isPrior(c.Live) {
		fault("priors are %v and %v: they must be from %v to 1 − %[3]v", c.Prior, c.Live, minPrior)
	} else if want := logit(c.Live) - logit(c.Prior); !(math.Abs(c.Shift-want) <= 1e-6) {
		fault("shift is %v, but the priors make it %v", c.Shift, want)
	}
	if !(c.Loss >= 0) || math.IsInf(c.Loss, 1) {
		fault("loss is %v: it must be finite and not negative", c.Loss)
	}
	if c.Good < 0 || c.Bad < 0 {
		fault("fitted on %d good and %d bad points", c.Good, c.Bad)
	}
	if len(c.Warnings) > maxWarnings {
		fault("%d warnings: there must be at most %d", len(c.Warnings), maxWarnings)
	}
	for _, w := range c.Warnings {
		if len(w) > maxWarning {
			fault("a warning of %d bytes: there must be at most %d", len(w), maxWarning)
			break
		}
	}
	return errors.Join(faults...)
}

const (
	maxWarnings = 16
	maxWarning  = 500 // bytes
)

// rising reports the first knot that is out of bounds or order.
func rising(knots []Knot) error {
	for i, k := range knots {
		switch {
		case !(math.Abs(k.Score) <= MaxScore):
			return fmt.Errorf("knot %d has the score %v: it must be within ±%v", i+1, k.Score, MaxScore)
		case !(math.Abs(k.LogOdds) <= maxOdds):
			return fmt.Errorf("knot %d has log-odds of %v: they must be within ±%v", i+1, k.LogOdds, maxOdds)
		case i > 0 && !(k.Score > knots[i-1].Score):
			return fmt.Errorf("knot %d has the score %v, which is not above %v", i+1, k.Score, knots[i-1].Score)
		case i > 0 && k.LogOdds < knots[i-1].LogOdds:
			return fmt.Errorf("knot %d has log-odds of %v, which is below %v", i+1, k.LogOdds, knots[i-1].LogOdds)
		}
	}
	return nil
}

func isPrior(p float64) bool { return p >= minPrior && p <= 1-minPrior }

// logit returns ln(p/(1−p)) for 0 < p < 1.
func logit(p float64) float64 { return float64((bayes.Log2(p) - bayes.Log2(1-p)) * math.Ln2) }

// softplus returns ln(1+e^x).
func softplus(x float64) float64 {
	return max(x, 0) + float64(bayes.Log2(1+bayes.Exp2(-math.Abs(x)*math.Log2E))*math.Ln2)
}
