package calibrate

import (
	"testing"

	"weir/test/parity"
)

// TestBlocksAgainstSklearn: IsotonicRegression(out_of_bounds="clip") of scikit-learn 1.2.1 (test/parity/oracle.py), before
// what weir does to make log-odds of it: the blocks are scikit-learn's, and a curve through their ends is its prediction.
func TestBlocksAgainstSklearn(t *testing.T) {
	for _, c := range parity.Cases[struct {
		Name                            string
		X, Y, Weights, Asked, Predicted []float64
	}](t, "isotonic") {
		t.Run(c.Name, func(t *testing.T) {
			var points []Point // a share is two points
			for i, x := range c.X {
				for _, p := range []Point{{Score: x, Bad: true, Weight: c.Weights[i] * c.Y[i]}, {Score: x, Weight: c.Weights[i] * (1 - c.Y[i])}} {
					if p.Weight > 0 {
						points = append(points, p)
					}
				}
			}
			p := ordered(points)
			s := survey(p, false)
			var steps curve
			for _, b := range pav(view(s.cells(p), -1)) {
				rate := b.bad / (b.good + b.bad)
				steps.knots = append(steps.knots, Knot{b.low, rate})
				if b.high > b.low {
					steps.knots = append(steps.knots, Knot{b.high, rate})
				}
			}
			for i, x := range c.Asked {
				parity.Near(t, steps.at(x), c.Predicted[i], "at %v", x)
			}
		})
	}
}
