package main

import (
	"context"
	"encoding/json"
	"time"

	"weir/internal/beacon"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/source"
)

// A beaconPlan is what tasks need to look for beacons.
type beaconPlan struct {
	Together bool `json:"together,omitempty"`
}

// beaconJob is looking for beacons, in a task.
func beaconJob(p *mapreduce.Plan) (*mapreduce.Job, error) {
	var b beaconPlan
	if err := p.DecodeOptions(&b); err != nil {
		return nil, err
	}
	var o beacon.Options
	if !b.Together {
		names := make([]string, len(p.Inputs))
		for i := range p.Inputs {
			names[i] = p.Inputs[i].Name
		}
		o.Networks, o.Names = networks(names)
	}
	return beacon.Job(o), nil
}

// beaconsOnEngine looks for beacons on an engine, and on this machine judges what it has found.
func (f *beaconFlags) beaconsOnEngine(ctx context.Context, s *streams, inputs []source.Input, zone *time.Location, d *beacon.Detector) (*format.Summary, error) {
	p, err := planFor(s, inputs, beacon.JobBeacon, 0, zone)
	if err != nil {
		return nil, err
	}
	p.Format = f.format
	if p.Options, err = json.Marshal(beaconPlan{f.together}); err != nil {
		return nil, err
	}
	records, err := runOn(ctx, s, p)
	if err != nil {
		return nil, err
	}
	defer records.Close()
	a, err := mapreduce.Assemble(p, beacon.Kinds(), records, d.Take)
	if a == nil {
		return nil, err
	}
	return a.Summary, err
}
