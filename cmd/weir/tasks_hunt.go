package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"weir/internal/event"
	"weir/internal/hunt"
	"weir/internal/mapreduce"
	"weir/internal/marks"
)

// A hunt on a cluster is planned with the flags of a hunt, which travel in the plan as they were typed: tasks read them again, at
// the time of the plan, and so come to the same options.

// huntPlan are a plan's options of a hunt.
type huntPlan struct {
	Now          time.Time `json:"now"`
	Window       []string  `json:"window,omitempty"`
	Host         []string  `json:"host,omitempty"`
	Ignore       []string  `json:"ignore,omitempty"`
	Good         []string  `json:"good,omitempty"`
	KnownClients bool      `json:"drop_known_clients,omitempty"`
	DropCountry  []string  `json:"drop_countries,omitempty"`
	OnlyCountry  []string  `json:"only_countries,omitempty"`
	DropHours    []string  `json:"drop_hours,omitempty"`
	OnlyHours    []string  `json:"only_hours,omitempty"`
	DropNetworks []string  `json:"drop_networks,omitempty"`
	DropWhere    []string  `json:"drop_where,omitempty"`
	Ablate       []string  `json:"ablate,omitempty"`
	Marks        []byte    `json:"marks,omitempty"`  // the journal
	Filter       string    `json:"filter,omitempty"` // where tasks find it
}

// plan makes the plan of a hunt, without inputs, which the caller adds. files are those of this machine that tasks need in their
// working directory.
func (f *huntFlags) plan(ctx context.Context, s *streams, now time.Time) (p *mapreduce.Plan, files []string, err error) {
	if f.archive.store != "" {
		return nil, nil, usagef("tasks can read logs and lakes, not what is in MongoDB: leave out 'job --on', or name logs")
	}
	// Somebody else's clock and the names of this machine's files are no part of what is asked.
	x := &huntPlan{Now: now.UTC(), Window: f.windows, Host: f.hosts, Ignore: f.ignore, Good: f.good, KnownClients: f.knownClients,
		DropCountry: f.dropCountry, OnlyCountry: f.onlyCountry, DropHours: f.dropHours, OnlyHours: f.onlyHours, DropNetworks: f.dropNetworks,
		DropWhere: f.dropWhere, Ablate: f.ablate, Filter: f.filter}
	if f.marks != "" {
		if f.set, err = readMarks(s, f.marks); err != nil {
			return nil, nil, err
		}
		if x.Marks, err = readWhole(f.marks); err != nil {
			return nil, nil, fmt.Errorf("cannot read the marks: %w", err)
		}
	}
	if _, err := f.options(ctx, s, x.Now); err != nil {
		return nil, nil, err
	}
	if f.set != nil && f.marks == "" { // they are a lake's
		if x.Marks, err = encodeMarks(f.set); err != nil {
			return nil, nil, err
		}
	}
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		return nil, nil, err // options has seen it
	}
	p = mapreduce.NewPlan(version(), hunt.JobHunt, rand.Uint64(), zone)
	p.Format, p.GeoIP = f.format, f.geoip
	if p.Options, err = json.Marshal(x); err != nil {
		return nil, nil, fmt.Errorf("cannot write the plan: %w", err)
	}
	for _, name := range []string{f.geoip, f.filter} {
		if name != "" {
			files = append(files, name)
		}
	}
	return p, files, nil
}

// optionsOf makes the options of a planned hunt again. binding is nil where nothing is marked.
func optionsOf(p *mapreduce.Plan) (o *hunt.Options, binding *marks.Binding, err error) {
	x := &huntPlan{}
	if err := p.DecodeOptions(x); err != nil {
		return nil, nil, err
	}
	f := &huntFlags{windows: x.Window, hosts: x.Host, ignore: x.Ignore, good: x.Good, zone: p.Zone, format: p.Format, knownClients: x.KnownClients,
		dropCountry: x.DropCountry, onlyCountry: x.OnlyCountry, dropHours: x.DropHours, onlyHours: x.OnlyHours, dropNetworks: x.DropNetworks,
		dropWhere: x.DropWhere, ablate: x.Ablate}
	if p.GeoIP != "" {
		f.geoip = p.File(p.GeoIP)
	}
	if x.Filter != "" {
		f.filter = p.File(x.Filter)
	}
	if len(x.Marks) > 0 {
		if f.set, err = marks.Read(bytes.NewReader(x.Marks)); err != nil {
			return nil, nil, fmt.Errorf("%w: its marks: %w", mapreduce.ErrPlan, err)
		}
	}
	if o, err = f.options(context.Background(), &streams{err: io.Discard}, x.Now); err != nil {
		return nil, nil, fmt.Errorf("%w: its options: %w", mapreduce.ErrPlan, err)
	}
	if f.set != nil {
		names := make([]string, len(p.Inputs))
		for i := range p.Inputs {
			names[i] = p.Inputs[i].Name
		}
		binding = f.bindNames(o, names)
	}
	return o, binding, nil
}

// huntKinds are the kinds of records of a hunt.
func huntKinds() []mapreduce.Kind { return append(hunt.Kinds(), marksKind) }

// huntJob returns the job of a planned hunt.
func huntJob(p *mapreduce.Plan) (*mapreduce.Job, error) {
	o, binding, err := optionsOf(p)
	if err != nil {
		return nil, err
	}
	job := hunt.NewJob(p, *o)
	job.Kinds = huntKinds()
	if binding != nil {
		inside := job.Mapper
		job.Mapper = func(keys *event.Keys, w *mapreduce.Writer) (mapreduce.Mapper, error) {
			m, err := inside(keys, w)
			return &markedMapper{m, w, binding}, err
		}
	}
	return job, nil
}

// assemble makes the result of a hunt of the records that its tasks wrote, added up or not. The caller closes it, and answers as
// 'weir hunt' does.
func (f *huntFlags) assemble(s *streams, p *mapreduce.Plan, records io.Reader) (*hunt.Result, error) {
	o, binding, err := optionsOf(p)
	if err != nil {
		return nil, err
	}
	o.Spool = tempSpool
	r, err := hunt.Assemble(p, *o, records, []mapreduce.Kind{marksKind}, func(r *mapreduce.Record) error {
		return takeMarks(binding, r)
	})
	if binding != nil && r != nil {
		printNotes(s, binding.Notes())
	}
	return r, explain(err)
}
