package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"weir/internal/eval"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/marks"
)

// A labelPlan says to tasks which records are good and which bad: as many of the inputs are good, or what a truth or marks say.
type labelPlan struct {
	Goods int    `json:"goods,omitempty"`
	Truth []byte `json:"truth,omitempty"` // as it stood in the file
	Marks []byte `json:"marks"`           // nil where there is no journal; one may have no marks
}

// planFor adds to a plan what its tasks need to label records.
func (f *labelFlags) planFor(p *mapreduce.Plan, goods int) error {
	o := labelPlan{Goods: goods}
	var err error
	switch {
	case f.truth != "":
		if o.Truth, err = readWhole(f.truth); err != nil {
			return fmt.Errorf("cannot read the truth: %w", err)
		}
		for i := range p.Inputs { // it names lines by number, which a task knows only of a log that it reads from its beginning
			p.Inputs[i].Whole = true
		}
	case f.marks != "":
		if o.Marks, err = readWhole(f.marks); err != nil {
			return fmt.Errorf("cannot read the marks: %w", err)
		}
	}
	p.Options, err = json.Marshal(o)
	return err
}

// encodeMarks writes marks as a journal.
func encodeMarks(set *marks.Set) ([]byte, error) {
	out := []byte{}
	for _, m := range set.All() {
		line, err := m.Encode()
		if err != nil {
			return nil, fmt.Errorf("cannot send mark %s along: %w", m.ID, err)
		}
		out = append(out, line...)
	}
	return out, nil
}

// maxLabels bounds what is sent to every task.
const maxLabels = 64 << 20

func readWhole(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxLabels+1))
	if err == nil && len(b) > maxLabels {
		err = fmt.Errorf("it has more than %d MiB, too much to be sent to every task", maxLabels>>20)
	}
	return b, err
}

// labeller returns what labels records in tasks of a plan; the binding is nil where there are no marks.
func (o *labelPlan) labeller(p *mapreduce.Plan) (func() filter.Labeller, *marks.Binding, error) {
	names := make([]string, len(p.Inputs))
	for i := range p.Inputs {
		names[i] = p.Inputs[i].Name
	}
	switch {
	case o.Truth != nil:
		truth, err := eval.ReadTruth(bytes.NewReader(o.Truth))
		if err != nil {
			return nil, nil, err
		}
		return labelByTruth(truth, names), nil, nil
	case o.Marks != nil:
		set, err := marks.Read(bytes.NewReader(o.Marks))
		if err != nil {
			return nil, nil, err
		}
		b := set.Bind(names)
		return labelBy(b), b, nil
	}
	return labelBySide(o.Goods), nil, nil
}

// kindMarks are marked records that were found: a bundle, by their number.
const kindMarks = 'k'

var marksKind = mapreduce.Kind{Byte: kindMarks, Name: "marked records", Merge: mapreduce.NewBundle}

// trainKinds are the kinds of records of training.
func trainKinds() []mapreduce.Kind { return append(filter.TrainKinds(), marksKind) }

// trainJob is training, in a task.
func trainJob(p *mapreduce.Plan) (*mapreduce.Job, error) {
	var o labelPlan
	if err := p.DecodeOptions(&o); err != nil {
		return nil, err
	}
	label, binding, err := o.labeller(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", mapreduce.ErrPlan, err)
	}
	enrichment, err := enrichmentOf(p)
	if err != nil {
		return nil, err
	}
	job := filter.TrainJob(p, filter.TrainOptions{Label: label, Zone: p.Location(), Enrich: enrichment})
	job.Kinds = trainKinds()
	if binding != nil {
		inside := job.Mapper
		job.Mapper = func(keys *event.Keys, w *mapreduce.Writer) (mapreduce.Mapper, error) {
			m, err := inside(keys, w)
			return &markedMapper{m, w, binding}, err
		}
	}
	return job, nil
}

// A markedMapper says at the end which marked records were there.
type markedMapper struct {
	mapreduce.Mapper
	w *mapreduce.Writer
	b *marks.Binding
}

// Finish implements mapreduce.Mapper.
func (m *markedMapper) Finish() error {
	if err := m.Mapper.Finish(); err != nil {
		return err
	}
	var cells []mapreduce.Cell
	for i := range m.b.Len() {
		if m.b.Found(i) {
			cells = append(cells, mapreduce.Cell{Key: uint64(i), N: 1})
		}
	}
	return m.w.Put(kindMarks, nil, nil, mapreduce.AppendBundle(nil, cells))
}

// takeMarks notes the marked records that tasks have found.
func takeMarks(b *marks.Binding, r *mapreduce.Record) error {
	if b == nil {
		return errors.New("nobody asked for marks")
	}
	bad := false
	err := mapreduce.EachCell(r.Value, func(c mapreduce.Cell) {
		if bad = bad || c.Key >= uint64(b.Len()); !bad {
			b.Find(int(c.Key))
		}
	})
	if bad {
		return errors.New("there is no such mark")
	}
	return err
}

// planTrain returns the plan of training.
func (f *trainFlags) planTrain(s *streams, p *mapreduce.Plan, l *labelled, choice *format.Choice) error {
	if choice.Record == format.RecordFile {
		return hintf(usagef("--record file cannot be done by an engine, which hands out lines"), "Train on this machine: leave out 'job'.")
	}
	p.Choice, p.GeoIP = choice, f.geoip
	if l.archive != nil {
		journal, err := encodeMarks(l.marks)
		if err != nil {
			return err
		}
		p.Options, err = json.Marshal(labelPlan{Marks: journal})
		return err
	}
	return f.labelFlags.planFor(p, l.goods)
}

// gather reads the records of training and goes on as if all logs had been read here.
func gatherTrained(ctx context.Context, p *mapreduce.Plan, o filter.TrainOptions, l *labelled, records io.Reader) (*filter.Filter, *format.Summary, error) {
	g := filter.NewGathering(o)
	a, err := mapreduce.Assemble(p, trainKinds(), records, func(r *mapreduce.Record) error {
		if r.Kind == kindMarks {
			return takeMarks(l.binding, r)
		}
		return g.Take(r)
	})
	if a == nil {
		return nil, nil, err
	}
	if err != nil {
		return nil, a.Summary, err
	}
	trained, err := g.Train(ctx, p.Choice)
	return trained, a.Summary, err
}
