package lake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
)

// IngestOptions govern how logs are taken in. The zero value is a default.
type IngestOptions struct {
	Zone    *time.Location // of times that name none; nil is the lake's
	Format  string         // name of a log format or a server's layout; empty detects by content
	Workers int            // goroutines that decode; 0 is one per processor
	NoRaw   bool           // do not keep the lines
	Batch   int64          // of log that is committed at once: its bytes, and rowCost for each line; 0 is 512 MiB. Memory is up to twice that
	Growing bool           // logs are being written: a last line without an end is left for later

	Progress func(read, total, events int64) // as in format.ScanOptions
}

// A Report says what an ingest did.
type Report struct {
	Files     []FileReport // in the order of the inputs
	Events    int64        // that were added
	Malformed int64        // lines that were added as malformed
	Bytes     int64        // of log, uncompressed
	Segments  int64        // that were written
	Future    int64        // events whose time is more than a day ahead of the clock
	Faults    []format.Fault
	Stopped   bool // by the context, before everything was read
}

// A FileReport says what became of one input.
type FileReport struct {
	Name     string
	Known    bool  // it, or its beginning, had been read before
	Complete bool  // and nothing was new
	Events   int64 // that were added
	Err      string
	Warnings []string
}

// future is how far an event may be ahead of the clock before it is remarked upon.
const future = 24 * time.Hour

// settled is how long ago a file must have been written for its last line, if it has no end, to be taken for whole.
const settled = time.Minute

const defaultBatch = 512 << 20

// rowCost is about what a row takes besides its values: itself, its counts, its places in columns. A batch of short lines has more of them, and is smaller.
const rowCost = 256

// maxOvertaken bounds how often an ingest looks again because another one was faster.
const maxOvertaken = 1000

// Ingest reads what is new in inputs into the lake. Events are in it for good when a batch is committed; what a killed
// process had not committed the next one reads again. When ctx ends, what was read is committed and Report.Stopped set.
func (l *Lake) Ingest(ctx context.Context, inputs []source.Input, o IngestOptions) (*Report, error) {
	if err := l.startWriting(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	if o.Zone == nil {
		o.Zone = l.Zone
	}
	if o.Batch <= 0 {
		o.Batch = defaultBatch
	}
	inputs = slices.Clone(inputs)
	for i := range inputs {
		if inputs[i].Once() {
			kept, release, err := spool(inputs[i])
			if err != nil {
				return nil, err
			}
			defer release()
			inputs[i] = kept
		}
	}
	report := &Report{Files: make([]FileReport, len(inputs))}
	for try := 0; ; try++ {
		in := newIngest(ctx, l, inputs, o, report)
		err := in.run()
		if errors.Is(err, ErrOvertaken) && try < maxOvertaken {
			continue // what was committed is known; the rest is looked at again
		}
		slices.SortFunc(report.Faults, func(a, b format.Fault) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
		})
		return report, err
	}
}

// An ingest is one pass over the inputs.
type ingest struct {
	ctx    context.Context
	l      *Lake
	o      IngestOptions
	inputs []source.Input // the scan reads the same list: one that is pinned is read pinned
	pinned io.Closer      // of the input that is being read
	report *Report
	files  []*progress // by input; nil until it is opened
	err    error       // why a Gate ended the scan
	limit  int64       // later times are in the future

	collectors []*collector
	batch      int64 // handed out since the last commit, as IngestOptions.Batch counts

	mu            sync.Mutex
	done          sync.Cond
	handed, ended int64 // blocks
	faults        []faultRow
}

// A progress is how far one input was read.
type progress struct {
	id      *identity
	row     sourceRow // as it is to be committed
	base    sourceRow // as it stands in the lake; ID 0 if it does not
	head    []byte
	tail    []byte
	touched bool // since the last commit
	leftOut bool // its last line was
}

func newIngest(ctx context.Context, l *Lake, inputs []source.Input, o IngestOptions, r *Report) *ingest {
	in := &ingest{ctx: ctx, l: l, o: o, inputs: slices.Clone(inputs), report: r, files: make([]*progress, len(inputs)),
		limit: l.now().Add(future).UnixNano()}
	in.done.L = &in.mu
	return in
}

func (in *ingest) run() error {
	o := format.ScanOptions{Workers: in.o.Workers, Ordered: true, FileTimes: true, Progress: in.o.Progress,
		Options: format.Options{Zone: in.o.Zone, Format: in.o.Format}, Resume: in.resume, Gate: in.gate, Fault: in.fault}
	// The scan is never cancelled: a Gate ends it between blocks, and what was handed out is finished and committed.
	summary, _ := format.Scan(context.WithoutCancel(in.ctx), in.inputs, o, func(_ int, keys *event.Keys) format.Handler {
		c := &collector{in: in, rows: in.l.newRows(keys), stats: map[int32]*sourceStats{}}
		in.collectors = append(in.collectors, c)
		return c
	})
	in.unpin()
	if in.err != nil && !errors.Is(in.err, errUnfinished) {
		return in.err
	}
	in.report.Stopped = errors.Is(in.err, errUnfinished)
	if err := in.flush(); err != nil {
		return err
	}
	in.describe(summary)
	return in.remember(summary)
}

// describe brings what the scan found out about files into the report.
func (in *ingest) describe(summary *format.Summary) {
	for i := range summary.Files {
		f, r, p := &summary.Files[i], &in.report.Files[i], in.files[i]
		r.Name = f.Name
		if f.Err != "" && !errors.Is(in.err, errUnfinished) {
			r.Err = f.Err
		}
		if p == nil || p.id == nil || !r.Complete {
			r.Warnings = append(r.Warnings, f.Warnings...)
		}
	}
}

// resume says where an input is to be read on. It runs between blocks, in the order of the inputs.
func (in *ingest) resume(file int) (offset, line int64, skip bool) {
	r := &in.report.Files[file]
	r.Name = in.inputs[file].Name
	if in.ctx.Err() != nil {
		in.err = errUnfinished
		return 0, 0, true
	}
	p, err := in.pin(file)
	switch {
	case err != nil && in.ctx.Err() != nil:
		in.err = errUnfinished // it was in the middle of something
		return 0, 0, true
	case err != nil && isStorage(err):
		in.err = err
		return 0, 0, true
	case err != nil:
		r.Err = err.Error()
		return 0, 0, true
	}
	in.files[file] = p
	r.Known = r.Known || p.id.known != nil
	if p.id.known == nil && p.id.shorter && len(r.Warnings) == 0 {
		r.Warnings = append(r.Warnings, "it begins like the log of that name that was read before, and is shorter; it is read as another log, and what it has in common with that is there twice")
	}
	if p.id.complete {
		r.Complete = r.Events == 0
		return 0, 0, true
	}
	return p.row.Offset, p.row.Line, false
}

// A storageError is one of the lake, not of a log.
type storageError struct{ error }

func (e storageError) Unwrap() error { return e.error }

func isStorage(err error) bool {
	var s storageError
	return errors.As(err, &s) || errors.Is(err, ErrOvertaken)
}

// pin opens an input once, to find out which log it is and to read it: by its name that could be two different files, when
// it is rotated in between.
func (in *ingest) pin(file int) (*progress, error) {
	in.unpin()
	pinned, closer, err := in.inputs[file].Pin()
	if err != nil {
		return nil, err
	}
	in.inputs[file], in.pinned = pinned, closer
	return in.open(file)
}

// unpin closes the input that was read last.
func (in *ingest) unpin() {
	if in.pinned != nil {
		_ = in.pinned.Close() // it was only read
		in.pinned = nil
	}
}

// open finds out which log an input is.
func (in *ingest) open(file int) (*progress, error) {
	id, err := in.l.identify(in.ctx, in.inputs[file])
	if err != nil {
		return nil, err
	}
	if in.pending(id) { // a copy of what this batch holds already
		if err := in.flush(); err != nil {
			return nil, storageError{err}
		}
		if id, err = in.l.identify(in.ctx, in.inputs[file]); err != nil {
			return nil, err
		}
	}
	p := &progress{id: id}
	if id.complete {
		return p, nil
	}
	if id.known == nil {
		n, err := in.l.newSource(in.ctx)
		if err != nil {
			return nil, storageError{err}
		}
		p.row = sourceRow{ID: n, Name: in.inputs[file].Name, Path: id.path, Line: 1, FirstHash: id.first}
		return p, nil
	}
	if id.openFrom > 0 {
		if err := in.l.removeOpenLine(in.ctx, id.known); err != nil {
			return nil, storageError{err}
		}
	}
	p.row = *id.known
	p.row.OpenSize, p.row.OpenHash = 0, nil
	if id.path != "" {
		p.row.Path = id.path
	}
	p.base = p.row
	p.head, p.tail = id.head[:min(int64(len(id.head)), p.row.Offset)], id.tail
	return p, nil
}

// pending reports whether what was read since the last commit may be the same log: one starts like the other as far as both
// are known. Many logs have nothing but their first line in common, as Zeek's have, and need no commit between them; the input
// then remembers that it was compared.
func (in *ingest) pending(id *identity) bool {
	for _, p := range in.files {
		switch {
		case p == nil || !p.touched:
		case id.known != nil && p.row.ID == id.known.ID:
			return true
		case !bytes.Equal(p.id.first, id.first):
		case bytes.HasPrefix(p.head, id.head) || bytes.HasPrefix(id.head, p.head):
			return true
		case id.others != nil:
			id.others[p.row.ID] = true
		}
	}
	return false
}

// gate sees every block before the workers do. It commits when there is enough, and notes how far the log is read.
func (in *ingest) gate(file int, b *source.Block) error {
	if in.ctx.Err() != nil {
		in.err = errUnfinished
		return in.err
	}
	p := in.files[file]
	cost := b.Size + rowCost*b.Lines
	if in.batch > 0 && in.batch+cost > in.o.Batch {
		if err := in.flush(); err != nil {
			in.err = err
			return err
		}
	}
	if !b.Ended() {
		if in.o.Growing || p.id.storedTime > in.l.now().Add(-settled).UnixNano() {
			p.leftOut = true
			return format.ErrLeaveOut
		}
		p.row.OpenSize, p.row.OpenHash = b.Size, sum(b.Data)
		p.row.Lines++
	} else {
		p.advance(b)
	}
	p.touched = true
	in.batch += cost
	in.report.Bytes += b.Size
	in.handed++
	return nil
}

// advance notes that a block of whole lines is read.
func (p *progress) advance(b *source.Block) {
	if room := headBytes - len(p.head); room > 0 && (len(p.head) == 0 || int64(len(p.head)) == p.row.Offset) {
		p.head = append(p.head[:len(p.head):len(p.head)], b.Data[:min(room, len(b.Data))]...)
	}
	if int64(len(b.Data)) < b.Size { // of a line that was too long only the start is here
		p.tail = p.tail[:0]
	} else if len(b.Data) >= tailBytes {
		p.tail = append(p.tail[:0], b.Data[len(b.Data)-tailBytes:]...)
	} else {
		p.tail = append(p.tail, b.Data...)
		p.tail = append(p.tail[:0], p.tail[max(0, len(p.tail)-tailBytes):]...)
	}
	p.row.Offset += b.Size
	p.row.Line += b.Lines
	p.row.Lines += b.Lines
}

// fault keeps a line that could not be read.
func (in *ingest) fault(file int, line *source.Line, m *format.Malformed) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.faults = append(in.faults, faultRow{file: file, Line: line.Number, Reason: m.Reason, Detail: m.Detail,
		Raw: bytes.Clone(line.Text[:min(len(line.Text), maxFault)])})
}

// wait returns when all blocks that were handed out are done.
func (in *ingest) wait() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.ended < in.handed {
		in.done.Wait()
	}
}

// A collector is one worker's share of a batch.
type collector struct {
	in    *ingest
	rows  *rows
	stats map[int32]*sourceStats
}

// sourceStats is what a worker saw of one source.
type sourceStats struct {
	records, untimed, future int64
	first, last              int64
	datasets                 map[string]int64
	malformed                int64
	reasons                  map[string]int64
}

func newSourceStats() *sourceStats {
	return &sourceStats{first: 1<<63 - 1, last: -1 << 63, datasets: map[string]int64{}, reasons: map[string]int64{}}
}

// Event implements format.Handler.
func (c *collector) Event(e *event.Event, pos format.Position, raw []byte) {
	n := int32(pos.File)
	s := c.stats[n]
	if s == nil {
		s = newSourceStats()
		c.stats[n] = s
	}
	s.records++
	s.datasets[e.Dataset]++
	if e.HasTime {
		s.first, s.last = min(s.first, e.Time), max(s.last, e.Time)
		if e.Time > c.in.limit {
			s.future++
		}
	} else {
		s.untimed++
	}
	c.rows.add(e, n, pos.Line, raw, !c.in.o.NoRaw)
}

// EndBlock implements format.BlockHandler.
func (c *collector) EndBlock(int64) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.ended++
	c.in.done.Signal()
}
