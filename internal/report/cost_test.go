package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"weir/internal/decide"
)

// costs are of a thousand good records of fifty senders and forty bad ones, with a rule of an evil name.
func costs(t *testing.T, bad int) *decide.Curve {
	t.Helper()
	p := decide.FromRatio(50)
	p.Currency = evil[0]
	p.Rules = []decide.Rule{{Name: evil[1], Costs: p.Costs}}
	tally := decide.NewTally(p, decide.Calibrated)
	for i := range 1000 {
		tally.Add(decide.Sample{Probability: decide.Probability(float64(i%97)/12 - 9), Entity: uint64(i%50 + 1), Rule: i%2 - 1})
	}
	for i := range bad {
		tally.Add(decide.Sample{Probability: decide.Probability(float64(i)/5 - 3), Bad: true, Called: i > 20, Entity: uint64(i + 100), Rule: -1})
	}
	c, err := decide.NewCurve(tally, decide.CurveOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCostPage(t *testing.T) {
	page := func(c *decide.Curve) string {
		var b bytes.Buffer
		if err := Cost(&b, c, Options{Generated: time.Unix(0, 0)}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	full := page(costs(t, 40))
	for _, want := range []string{`id="chart-cost"`, "1,000 good records and 40 bad ones", "block by default", "How far a number may be off", "the cheapest",
		"blocking pays from", "&lt;script&gt;"} {
		if !strings.Contains(full, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, raw := range evil {
		if strings.ContainsAny(raw, "<") && strings.Contains(full, raw) {
			t.Errorf("the page holds %q as it stands", raw)
		}
	}
	if full != page(costs(t, 40)) {
		t.Error("another page for the same costs")
	}
	if got := page(costs(t, 0)); strings.Contains(got, "NaN") || strings.Contains(got, "+Inf") {
		t.Error("without bad records the page says NaN or Inf")
	}
}
