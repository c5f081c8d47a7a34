// Package labels holds weir to what it reached on records that somebody has labelled. The data are no part of the project:
// where they are missing the test is skipped with a loud line, and fails on a machine that says CI=true.
package labels

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"

	"weir/bench/incident"
	"weir/bench/labels"
	"weir/test/built"
)

// The floors are a little under what was reached (docs/quality.md, "The filter"), so that a test fails where something broke and not
// where a figure moved.
func TestQuality(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	set, err := labels.Open(incident.Shared(root))
	if err != nil {
		missing(t, err)
	}
	dir := t.TempDir()
	weir, err := built.Weir(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(name string) func(context.Context) (*labels.Result, error) {
		return func(ctx context.Context) (*labels.Result, error) { return set.Lines(ctx, weir, dir, name) }
	}
	type floor struct {
		what string
		of   func(*labels.Result) float64
		min  float64
		max  float64 // instead of min, if it is not 0
	}
	f1 := func(r *labels.Result) float64 { return r.F1 }
	for _, c := range []struct {
		name   string
		run    func(context.Context) (*labels.Result, error)
		floors []floor
	}{
		{"csic2010", lines("csic2010"), []floor{
			{what: "F1", of: f1, min: .97},
			{what: "false positives at 95 % recall", of: func(r *labels.Result) float64 { return r.FPR95 }, max: .03},
			{what: "calibration error", of: func(r *labels.Result) float64 { return r.ECE }, max: .015},
		}},
		{"httpparams", lines("httpparams"), []floor{{what: "F1", of: f1, min: .997}}},
		{"mail", func(ctx context.Context) (*labels.Result, error) { return set.Mail(ctx, weir, dir, 1) }, []floor{
			{what: "accuracy of verdicts", of: func(r *labels.Result) float64 { return r.Verdicts.Accuracy }, min: .985},
			{what: "false positives of verdicts", of: func(r *labels.Result) float64 { return r.Verdicts.FalsePositives }, max: .004},
		}},
		{"nsl-kdd", func(ctx context.Context) (*labels.Result, error) { return set.Flows(ctx, weir, dir) }, []floor{
			{what: "average precision", of: func(r *labels.Result) float64 { return r.AveragePrecision }, min: .93},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.run(t.Context())
			if err != nil {
				missing(t, err)
			}
			for _, f := range c.floors {
				x := f.of(r)
				switch {
				case f.max > 0:
					t.Logf("%s: %.4f (at most %.4f)", f.what, x, f.max)
					if x > f.max {
						t.Errorf("%s: %s is %.4f, over %.4f", c.name, f.what, x, f.max)
					}
				default:
					t.Logf("%s: %.4f (at least %.4f)", f.what, x, f.min)
					if x < f.min {
						t.Errorf("%s: %s is %.4f, under %.4f", c.name, f.what, x, f.min)
					}
				}
			}
		})
	}
}

// TestEvaluate holds weir evaluate to the figures of score_lines.py, which rounds to five digits, on the same records.
func TestEvaluate(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	set, err := labels.Open(incident.Shared(root))
	if err != nil {
		missing(t, err)
	}
	dir := t.TempDir()
	weir, err := built.Weir(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range labels.LineSets {
		// A learner that errs, so that there is something to count.
		r, err := set.Lines(t.Context(), weir, dir, name, "--learner", "bayes-votes")
		if err != nil {
			missing(t, err)
		}
		want := r.Judgement
		got, err := set.EvaluateLines(t.Context(), weir, r.Filter, name)
		if err != nil {
			t.Fatal(err)
		}
		if got.Good != want.Good || got.Bad != want.Bad {
			t.Errorf("%s: weir evaluate judged %d good and %d bad records, the judge %d and %d", name, got.Good, got.Bad, want.Good, want.Bad)
		}
		for what, x := range map[string][2]float64{
			"F1": {got.F1, want.F1}, "accuracy": {got.Accuracy, want.Accuracy}, "false positives": {got.FalsePositives, want.FalsePositives},
			"average precision": {got.AveragePrecision, want.AveragePrecision}, "false positives at 95 % recall": {got.FPR95, want.FPR95},
			"calibration error": {got.ECE, want.ECE}, "Brier": {got.Brier, want.Brier},
		} {
			if math.Abs(x[0]-x[1]) > 2e-5 {
				t.Errorf("%s: %s: weir evaluate says %.6f, the judge %.6f", name, what, x[0], x[1])
			}
		}
	}
}

// missing ends a test that lacks its data, and any other that cannot go on.
func missing(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, incident.ErrMissing) {
		t.Fatal(err)
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI=true, and %v", err)
	}
	t.Skipf("\n\n*** SKIPPED: the quality of filters is NOT tested: %v\n\n", err)
}
