package filter

import (
	"testing"

	"weir/internal/calibrate"
	"weir/test/parity"
)

// TestAveragePrecisionAgainstSklearn: average_precision_score with weights of scikit-learn 1.2.1 (test/parity/oracle.py).
func TestAveragePrecisionAgainstSklearn(t *testing.T) {
	for _, c := range parity.Cases[struct {
		Name            string
		Labels          []int
		Scores, Weights []float64
		AP              float64 `json:"average_precision"`
	}](t, "metrics") {
		points := make([]calibrate.Point, len(c.Labels))
		for i := range points {
			points[i] = calibrate.Point{Score: c.Scores[i], Bad: c.Labels[i] == 1, Weight: c.Weights[i]}
		}
		parity.Near(t, averagePrecision(points), c.AP, "%s", c.Name)
	}
}
