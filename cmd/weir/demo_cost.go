package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"weir/internal/decide"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/scenario"
)

// demoPolicy says what the demo's costs are: those that weir takes where a policy says nothing else.
const demoPolicy = "currency: EUR\ncosts: {breach: 20000 EUR}\n"

// Of the company that the demo's filter learns from.
const (
	otherSeed  = 1000 // more than the demo's
	mostLearnt = 60_000
)

// demoCost says what blocking would have cost in the demo's logs. A hunt's probabilities never block, and a filter that had
// learned these logs would know the answer; so it learns from another company, which had a break-in of its own.
func demoCost(ctx context.Context, s *streams, f *demoFlags, sf *scenarioFlags, truth *scenario.Truth) (*decide.Curve, error) {
	dir, err := os.MkdirTemp("", "weir-demo-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	other := &scenarioFlags{out: dir, zone: sf.zone, days: sf.days, events: min(f.events, mostLearnt), seed: f.seed + otherSeed}
	cfg, err := other.config()
	if err != nil {
		return nil, err
	}
	learnt, err := writeScenario(cfg, dir)
	if err != nil {
		return nil, err
	}
	silent := &streams{in: s.in, out: s.out, err: discard{}} // how labels are found is not the demo's subject
	open := func(dir string, t *scenario.Truth) (*labelled, error) {
		return (&labelFlags{truth: filepath.Join(dir, "truth.csv")}).openTruth(silent, logsOf(t, dir))
	}
	l, err := open(dir, learnt)
	if err != nil {
		return nil, err
	}
	zone, enrichment, unit, err := (&readFlags{zone: sf.zone}).parse()
	if err != nil {
		return nil, err
	}
	choice, _, err := format.Choose(l.inputs, unit, format.Options{Zone: zone})
	if err != nil {
		return nil, err
	}
	fl, _, err := filter.Train(ctx, l.inputs, filter.TrainOptions{Choice: choice, Label: l.label, Zone: zone, Enrich: enrichment})
	if err != nil {
		return nil, err
	}
	if l, err = open(sf.out, truth); err != nil {
		return nil, err
	}
	policy, err := decide.Parse("the demo's policy", []byte(demoPolicy))
	if err != nil {
		return nil, err
	}
	return costOf(ctx, silent, l, fl, enrichment, policy, 0)
}

// printDemoCost writes it after the hunt.
func printDemoCost(s *streams, f *demoFlags, c *decide.Curve) error {
	p := newPage(s.out)
	fmt.Fprintln(p.w)
	if err := p.w.Flush(); err != nil {
		return err
	}
	if err := printCost(s, c); err != nil {
		return err
	}
	p.heading("Whose costs these are", "")
	p.text(2, fmt.Sprintf("They are those of a small shop, as weir takes them where a policy says nothing else, with 20,000 EUR for a break-in. The probabilities are "+
		"of a filter that has learned another invented company (seed %d), which had a break-in of its own: it has seen none of the logs above. "+
		"The labels are the demo's truth.", f.seed+otherSeed))
	return p.w.Flush()
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
