package mapreduce

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
)

// MapOptions govern [Map].
type MapOptions struct {
	Open     Opener                               // opens logs of splits without Lines
	Segments func(keys *event.Keys) SegmentReader // makes a goroutine's reader of segments, whose events have keys
	Report   io.Writer                            // takes counters and status as Hadoop Streaming reads them from standard error; nil for nobody
	Now      func() time.Time                     // the clock; nil where nobody wants a status
	Workers  int                                  // goroutines that decode; 0 is one
}

// Map is a task: it reads splits and writes the records of what the job makes of them.
//
// Lines that cannot be read are counted. An error that the same task will not have when it runs again is not among them: a log
// that cannot be opened, or ends in an error, fails the task.
func Map(ctx context.Context, p *Plan, job *Job, splits []Split, w *Writer, o MapOptions) error {
	if job.Name != p.Job {
		return fmt.Errorf("the plan is for %s, not for %s", p.Job, job.Name)
	}
	kindsOf(job.Kinds) // panics where they are wrong
	if err := w.Put(kindPlan, nil, nil, p.fingerprint()); err != nil {
		return fmt.Errorf("cannot write records: %w", err)
	}
	t := &task{p: p, splits: splits, o: &o, parts: make([]format.Part, len(splits)), report: reporter{w: o.Report, now: o.Now}}
	run := t.run
	if len(p.Segments) > 0 {
		run = t.runSegments
	}
	if err := run(ctx, job, w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("cannot write records: %w", err)
	}
	t.report.end(t.summary)
	return nil
}

type task struct {
	p       *Plan
	splits  []Split
	o       *MapOptions
	parts   []format.Part
	report  reporter
	summary *format.Summary
}

func (t *task) run(ctx context.Context, job *Job, w *Writer) error {
	inputs := make([]source.Input, len(t.splits))
	faults := make([]error, len(t.splits))
	for i := range t.splits {
		x := &t.splits[i]
		in := &t.p.Inputs[x.Input]
		head, err := t.p.Beginning(in)
		if err != nil {
			return err
		}
		t.parts[i] = format.Part{Head: head, First: x.Start == 0}
		if inputs[i], err = x.source(t.p, t.o.Open, &faults[i]); err != nil {
			return err
		}
		if in.Modified != 0 {
			inputs[i].ModTime = time.Unix(0, in.Modified)
		}
	}
	o := format.ScanOptions{Options: format.Options{Zone: t.p.Location(), Format: t.p.Format, Choice: t.p.Choice}, Workers: max(1, t.o.Workers), FileTimes: true,
		Part: func(file int) *format.Part { return &t.parts[file] }, Progress: t.report.progress}
	if job.Scan != nil {
		job.Scan(&o)
	}
	var workers []*mapWorker
	var first error
	var err error
	t.summary, err = format.Scan(ctx, inputs, o, func(_ int, keys *event.Keys) format.Handler {
		m, err := job.Mapper(keys, w)
		if err != nil && first == nil {
			first = err
		}
		x := &mapWorker{splits: t.splits, mapper: m}
		workers = append(workers, x)
		return x
	})
	if first == nil {
		first = err
	}
	for i, fault := range faults {
		if fault != nil && first == nil {
			first = fmt.Errorf("cannot read %q: %w", t.p.Inputs[t.splits[i].Input].Name, fault)
		}
	}
	if first != nil {
		return first
	}
	for _, x := range workers {
		if err := x.mapper.Finish(); err != nil {
			return err
		}
		x.mapper = nil
	}
	for i := range t.splits {
		s := splitReport{Changed: t.parts[i].Changed, Summary: t.summary.Files[i]}
		s.Summary.Faults = slices.Clone(s.Summary.Faults)
		for k := range s.Summary.Faults {
			s.Summary.Faults[k].Examples = slices.Clone(s.Summary.Faults[k].Examples)
		}
		if err := s.put(w, &t.splits[i]); err != nil {
			return err
		}
	}
	return nil
}

// A mapWorker tells a mapper where records stand in the plan's terms.
type mapWorker struct {
	splits []Split
	mapper Mapper
}

// Event implements format.Handler.
func (m *mapWorker) Event(e *event.Event, pos format.Position, raw []byte) {
	if m.mapper == nil {
		return
	}
	x := &m.splits[pos.File]
	m.mapper.Event(e, format.Position{File: x.Input, Line: format.LineInPart(pos.Line), Offset: x.Start}, raw)
}

// EndBlock implements format.BlockHandler.
func (m *mapWorker) EndBlock(number int64) {
	if b, ok := m.mapper.(format.BlockHandler); ok {
		b.EndBlock(number)
	}
}

// A reporter writes counters and status lines.
type reporter struct {
	mu   sync.Mutex
	w    io.Writer
	now  func() time.Time
	last time.Time
	told int64
}

// statusEvery is how often a task says how far it is.
const statusEvery = 3 * time.Second

// progress is format.ScanOptions.Progress.
func (r *reporter) progress(_, _, events int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil || r.now == nil {
		return
	}
	now := r.now()
	if r.last.IsZero() {
		r.last = now
	}
	if now.Sub(r.last) < statusEvery {
		return
	}
	r.last = now
	r.count("records", events-r.told)
	r.told = events
	fmt.Fprintf(r.w, "reporter:status:weir has read %d records\n", events)
}

func (r *reporter) count(name string, n int64) {
	if n != 0 {
		fmt.Fprintf(r.w, "reporter:counter:weir,%s,%d\n", name, n)
	}
}

// maxReasons bounds the counters of a task: Hadoop allows a job 120.
const maxReasons = 16

// end writes the counters that are left.
func (r *reporter) end(s *format.Summary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil {
		return
	}
	r.count("records", s.Records()-r.told)
	var skipped, untimed, lost int64
	var reasons []format.Fault
	for i := range s.Files {
		f := &s.Files[i]
		skipped, untimed, lost = skipped+f.Skipped, untimed+f.Untimed, lost+f.Lost.Groups
		for _, x := range f.Faults {
			k := slices.IndexFunc(reasons, func(y format.Fault) bool { return y.Reason == x.Reason })
			if k < 0 {
				k = len(reasons)
				reasons = append(reasons, format.Fault{Reason: x.Reason})
			}
			reasons[k].Count += x.Count
		}
	}
	r.count("records without a time", untimed)
	r.count("lines without a record", skipped)
	r.count("damaged row groups of tables", lost)
	other := int64(0)
	for i, x := range reasons {
		if i >= maxReasons {
			other += x.Count
			continue
		}
		r.count("malformed "+counterName(x.Reason), x.Count)
	}
	r.count("malformed for other reasons", other)
}

// counterName makes a name that Hadoop takes: commas separate, and it is one line.
func counterName(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == ',':
			return ';'
		case c < ' ' || c > '~':
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), 64)]
}
