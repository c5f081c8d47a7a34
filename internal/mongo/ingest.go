package mongo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
	"weir/internal/source"
)

// defaultBatch is how many bytes of log are committed at once. As documents they take about three times that in memory.
const defaultBatch = 16 << 20

const (
	maxFault     = 64 << 10 // of a line that could not be read
	future       = 24 * time.Hour
	settled      = time.Minute // since a file was written, before its last line without an end is taken for whole
	maxOvertaken = 1000
)

var errUnfinished = errors.New("stopped")

// Ingest reads what is new in inputs into the store, as lake.Ingest does into a lake. Events are in it for good when a batch
// is committed; what a killed process had not committed the next one reads again. When ctx ends, what was read is committed
// and Report.Stopped set.
func (s *Store) Ingest(ctx context.Context, inputs []source.Input, o lake.IngestOptions) (*lake.Report, error) {
	if o.Zone == nil {
		o.Zone = s.Zone
	}
	if o.Batch <= 0 {
		o.Batch = defaultBatch
	}
	inputs = slices.Clone(inputs)
	for i := range inputs {
		kept, release, err := lake.Keep(inputs[i])
		if err != nil {
			return nil, err
		}
		defer release()
		inputs[i] = kept
	}
	report := &lake.Report{Files: make([]lake.FileReport, len(inputs))}
	err := s.settleStale(ctx)
	if err == nil {
		err = s.sweepNow(ctx)
	}
	if err != nil && ctx.Err() != nil {
		report.Stopped = true
		return report, nil
	} else if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		in := &ingest{ctx: ctx, s: s, o: o, inputs: inputs, report: report, files: make([]*progress, len(inputs)),
			limit: s.now().Add(future).UnixNano()}
		in.done.L = &in.mu
		err := in.run()
		if errors.Is(err, lake.ErrOvertaken) && try < maxOvertaken {
			continue // what was committed is known; the rest is looked at again
		}
		slices.SortFunc(report.Faults, func(a, b format.Fault) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
		})
		return report, err
	}
}

// Follow ingests what look finds, again and again, as lake.Follow does.
func (s *Store) Follow(ctx context.Context, look func() ([]source.Input, error), o lake.IngestOptions, every time.Duration,
	report func(*lake.Report) error) error {
	return lake.FollowInto(ctx, s.Ingest, look, o, every, report)
}

// An ingest is one pass over the inputs.
type ingest struct {
	ctx    context.Context
	s      *Store
	o      lake.IngestOptions
	inputs []source.Input
	report *lake.Report
	files  []*progress // by input; nil until it is opened
	err    error       // why the scan was ended
	limit  int64       // later times are in the future

	collectors []*collector
	batch      int64 // bytes handed out since the last commit

	mu            sync.Mutex
	done          sync.Cond
	handed, ended int64 // blocks
	faults        map[int][]faultDoc
}

// A progress is how far one input was read.
type progress struct {
	log      *log
	at       lake.Known
	path     string // absolute; empty for a stream
	size     int64
	modified int64
	from     int64 // line at which the batch starts
	lines    int64 // of the batch
	touched  bool  // since the last commit
	complete bool  // nothing is new
	leftOut  bool  // its last line was
	attempt  int64 // whose events these are until they are committed (sweep.go)
}

// faultDoc is a line that could not be read.
type faultDoc struct {
	ID     string `bson:"_id"`
	By     int64  `bson:"by"` // the attempt
	Source string `bson:"source"`
	Line   int64  `bson:"line"`
	Reason string `bson:"reason"`
	Detail string `bson:"detail"`
	Raw    any    `bson:"raw"`
}

func (in *ingest) run() error {
	o := format.ScanOptions{Workers: in.o.Workers, Ordered: true, FileTimes: true, Progress: in.o.Progress,
		Options: format.Options{Zone: in.o.Zone, Format: in.o.Format}, Resume: in.resume, Gate: in.gate, Fault: in.fault}
	in.faults = map[int][]faultDoc{}
	// The scan is never cancelled: a Gate ends it between blocks, and what was handed out is finished and committed.
	summary, _ := format.Scan(context.WithoutCancel(in.ctx), in.inputs, o, func(_ int, keys *event.Keys) format.Handler {
		c := &collector{in: in, shares: map[int]*share{}, counter: in.s.newCounter()}
		in.collectors = append(in.collectors, c)
		return c
	})
	if in.err != nil && !errors.Is(in.err, errUnfinished) {
		return in.err
	}
	in.report.Stopped = errors.Is(in.err, errUnfinished)
	if err := in.flush(); err != nil {
		return err
	}
	for i := range summary.Files {
		f, r, p := &summary.Files[i], &in.report.Files[i], in.files[i]
		r.Name = f.Name
		if f.Err != "" && !errors.Is(in.err, errUnfinished) {
			r.Err = f.Err
		}
		if p == nil || !r.Complete {
			r.Warnings = append(r.Warnings, f.Warnings...)
		}
	}
	return in.remember(summary)
}

// resume says where an input is to be read on. It runs between blocks, in the order of the inputs.
func (in *ingest) resume(file int) (offset, line int64, skip bool) {
	r := &in.report.Files[file]
	r.Name = in.inputs[file].Name
	if in.err != nil {
		return 0, 0, true
	}
	if in.ctx.Err() != nil {
		in.err = errUnfinished
		return 0, 0, true
	}
	p, err := in.open(file)
	switch {
	case err != nil && in.ctx.Err() != nil:
		in.err = errUnfinished // it was in the middle of something
		return 0, 0, true
	case err != nil && (errors.Is(err, ErrServer) || errors.Is(err, lake.ErrOvertaken)):
		in.err = err
		return 0, 0, true
	case err != nil:
		r.Err = err.Error()
		return 0, 0, true
	}
	in.files[file] = p
	r.Known = r.Known || p.log.read()
	if p.complete {
		r.Complete = r.Events == 0
		return 0, 0, true
	}
	p.from = p.at.Line
	return p.at.Offset, p.at.Line, false
}

// open finds out which log an input is.
func (in *ingest) open(file int) (*progress, error) {
	input := in.inputs[file]
	attempt, err := in.s.newAttempt()
	if err != nil {
		return nil, err
	}
	p := &progress{size: -1, attempt: attempt}
	if input.Size >= 0 && !input.ModTime.IsZero() {
		if abs, err := filepath.Abs(input.Name); err == nil {
			p.path = abs
		}
		p.size, p.modified = input.Size, input.ModTime.UnixNano()
	}
	if in.batch > 0 { // it may be a copy of what this batch holds already
		if err := in.flush(); err != nil {
			return nil, err
		}
	}
	return p, in.s.identify(in.ctx, input, p)
}

// gate sees every block before the workers do. It commits when there is enough, and notes how far the log is read.
func (in *ingest) gate(file int, b *source.Block) error {
	if in.ctx.Err() != nil {
		in.err = errUnfinished
		return in.err
	}
	p := in.files[file]
	open := !b.Ended()
	if open && (in.o.Growing || p.modified > in.s.now().Add(-settled).UnixNano()) {
		p.leftOut = true
		return format.ErrLeaveOut
	}
	if in.batch > 0 && (open || in.batch+b.Size > in.o.Batch) { // an open line is a batch of its own
		if err := in.flush(); err != nil {
			in.err = err
			return err
		}
	}
	if open {
		p.at.OpenSize, p.at.OpenHash = b.Size, lake.Sum(b.Data)
		p.lines++
	} else {
		p.at.Advance(b)
		p.lines += b.Lines
	}
	p.touched = true
	in.batch += b.Size
	in.report.Bytes += b.Size
	in.handed++
	return nil
}

// fault keeps a line that could not be read.
func (in *ingest) fault(file int, line *source.Line, m *format.Malformed) {
	in.mu.Lock()
	defer in.mu.Unlock()
	id := in.files[file].log.ID
	in.faults[file] = append(in.faults[file], faultDoc{ID: eventID(id, line.Number), By: in.files[file].attempt, Source: id, Line: line.Number, Reason: m.Reason,
		Detail: string(bytes.ToValidUTF8([]byte(m.Detail), []byte("\ufffd"))), Raw: textOrBytes(line.Text[:min(len(line.Text), maxFault)])})
}

// wait returns when all blocks that were handed out are done.
func (in *ingest) wait() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.ended < in.handed {
		in.done.Wait()
	}
}

// A collector is one worker's part of a batch.
type collector struct {
	in      *ingest
	shares  map[int]*share
	encode  encoder
	counter *lake.Counter
	digest  digest
	err     error
}

// A share is what a worker holds of one log.
type share struct {
	docs  [][]byte
	stats stats
	days  *lake.Daily
}

// Event implements format.Handler.
func (c *collector) Event(e *event.Event, pos format.Position, raw []byte) {
	h := c.shares[pos.File]
	if h == nil {
		h = &share{stats: newStats(), days: lake.NewDaily()}
		c.shares[pos.File] = h
	}
	kept := raw
	if c.in.o.NoRaw {
		kept = nil
	}
	p := c.in.files[pos.File]
	doc, err := c.encode.encode(e, origin{p.log.ID, pos.Line, p.attempt}, raw, !c.in.o.NoRaw)
	if err != nil {
		c.err = err
		return
	}
	h.docs = append(h.docs, doc)
	h.stats.add(e, c.in.limit)
	h.stats.Sum += c.digest.of(e, pos.Line, kept)
	c.counter.Count(e, &h.days.Of(e).Counting)
}

// EndBlock implements format.BlockHandler.
func (c *collector) EndBlock(int64) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.ended++
	c.in.done.Signal()
}
