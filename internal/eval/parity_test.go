package eval

import (
	"testing"

	"weir/test/parity"
)

// TestAgainstSklearn: roc_auc_score, average_precision_score (both with weights), roc_curve and brier_score_loss of
// scikit-learn 1.2.1 (test/parity/oracle.py).
func TestAgainstSklearn(t *testing.T) {
	for _, c := range parity.Cases[struct {
		Name     string
		Labels   []int
		Scores   []float64
		Weights  []uint8
		AUC      float64
		AP       float64 `json:"average_precision"`
		FPR, TPR []float64
		Brier    float64
	}](t, "metrics") {
		t.Run(c.Name, func(t *testing.T) {
			samples := make([]Sample, len(c.Labels))
			for i := range samples {
				samples[i] = Sample{Score: c.Scores[i], Probability: c.Scores[i], Bad: c.Labels[i] == 1}
			}
			e := evaluate(t, samples, Options{})
			if len(e.ROC) != len(c.FPR) {
				t.Fatalf("%d points of the curve, want %d", len(e.ROC), len(c.FPR))
			}
			for i, p := range e.ROC {
				parity.Near(t, p.FPR, c.FPR[i], "false-positive rate %d", i)
				parity.Near(t, p.Recall, c.TPR[i], "recall %d", i)
			}
			parity.Near(t, e.Reliability.Brier, c.Brier, "Brier score")

			// Weights are those of groups, as resampling draws them; here each sample is its own.
			for i := range samples {
				samples[i].Group = uint64(i + 1)
			}
			auc, ap, ok := areas(ranked(samples).sequence(), c.Weights)
			if !ok {
				t.Fatal("a class is missing")
			}
			parity.Near(t, auc, c.AUC, "AUC")
			parity.Near(t, ap, c.AP, "average precision")
		})
	}
}
