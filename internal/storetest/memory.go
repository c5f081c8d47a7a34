package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
	"weir/internal/source"
)

// A Memory is an archive in memory, for as long as the process lives: the simplest store that does all that a store has to do. What
// it holds of a log it reads anew, as a whole, when the log has grown. Its methods may be called by several goroutines.
type Memory struct {
	*lake.Trainer
	m *memory
}

var _ lake.Store = (*Memory)(nil)

// NewMemory returns an empty store. Further calls of Again are further users of it.
func NewMemory(s lake.Settings) *Memory {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	m := &memory{settings: s, counts: map[string]*counted{}, laid: map[string]lake.Laid{}}
	return (&Memory{m: m}).Again()
}

// Again returns the same store for somebody else.
func (s *Memory) Again() *Memory { return &Memory{lake.NewTrainer(memoryGround{s.m}), s.m} }

// Close does nothing: the store stays.
func (s *Memory) Close() error { return nil }

// memory is what all users of a store share.
type memory struct {
	mu       sync.Mutex
	settings lake.Settings
	mutant   string // a fault that it is to have, to see whether the suite finds it
	logs     []*memoryLog
	versions int // of logs, to name their counts
	names    int // of shares and models
	counts   map[string]*counted
	journal
	laid   map[string]lake.Laid
	models []lake.Model
	bytes  [][]byte // of models; nil once they were removed
}

// A memoryLog is a log that was read.
type memoryLog struct {
	name, path, format string
	size               int64 // uncompressed bytes that were read
	sum                []byte
	lines              int64
	noRaw              bool
	events             []memoryEvent
	faults             []format.Fault
	malformed          int64
	forgotten          map[int64]bool // lines
	changed            int64
	days               []lake.Stretch
}

// A memoryEvent is an event with where it stood.
type memoryEvent struct {
	event.Event
	line int64
	raw  []byte
	day  int // of memoryLog.days
}

// Ingest reads logs as lake.Ingest does. Each is one batch.
func (s *Memory) Ingest(ctx context.Context, inputs []source.Input, o lake.IngestOptions) (*lake.Report, error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &lake.Report{Files: make([]lake.FileReport, len(inputs))}
	for i := range inputs {
		f := &r.Files[i]
		f.Name = inputs[i].Name
		if ctx.Err() != nil {
			r.Stopped = true
			continue
		}
		if err := m.ingest(inputs[i], o, r, f); err != nil {
			f.Err = err.Error()
		}
	}
	return r, nil
}

func (m *memory) ingest(in source.Input, o lake.IngestOptions, r *lake.Report, f *lake.FileReport) error {
	stream, err := in.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	if n := bytes.LastIndexByte(text, '\n') + 1; n < len(text) && (o.Growing || time.Since(in.ModTime) < time.Minute) {
		text = text[:n]
	}
	if len(text) == 0 {
		return nil
	}
	path := ""
	if !in.ModTime.IsZero() {
		path, _ = filepath.Abs(in.Name) // without a path it is a stream
	}
	g := m.known(text, path)
	if f.Known = g != nil; f.Known && g.size == int64(len(text)) {
		f.Complete = true
		return nil
	}
	fresh := &memoryLog{name: in.Name, size: int64(len(text)), noRaw: o.NoRaw, forgotten: map[int64]bool{}}
	if g != nil {
		fresh.name, fresh.noRaw, fresh.forgotten = g.name, g.noRaw, g.forgotten
	} else {
		g = &memoryLog{}
		m.logs = append(m.logs, g)
	}
	sum := sha256.Sum256(text)
	fresh.path, fresh.sum, fresh.changed = path, sum[:], time.Now().UnixNano()
	if err := fresh.read(text, o, m.settings.Zone); err != nil {
		return err
	}
	if m.mutant == "loses a line" && len(fresh.events) > 50 {
		fresh.events = slices.Delete(fresh.events, 50, 51)
	}
	if m.mutant == "doubles what has grown" && len(g.events) > 0 {
		fresh.events = append(fresh.events, g.events[0])
	}
	f.Events = int64(len(fresh.events) - len(g.events))
	r.Events += f.Events
	r.Malformed += fresh.malformed - g.malformed
	r.Bytes += fresh.size - g.size
	r.Segments++
	r.Faults = fresh.faults
	*g = *fresh
	m.count(g)
	return nil
}

// known returns the log of which a text is a copy, or which has grown to it; the longest one.
func (m *memory) known(text []byte, path string) (best *memoryLog) {
	for _, g := range m.logs {
		if g.size > int64(len(text)) || best != nil && g.size <= best.size {
			continue
		}
		sum := sha256.Sum256(text[:g.size])
		if !bytes.Equal(sum[:], g.sum) || g.size < int64(len(text)) && g.size < lake.Decisive && !lake.Namesake(path, g.path) {
			continue
		}
		best = g
	}
	return best
}

// read reads a log as a whole.
func (g *memoryLog) read(text []byte, o lake.IngestOptions, zone *time.Location) error {
	if o.Zone == nil {
		o.Zone = zone
	}
	in := source.Reader(g.name, bytes.NewReader(text))
	so := format.ScanOptions{Workers: 1, Options: format.Options{Zone: o.Zone, Format: o.Format}}
	summary, err := format.Scan(context.Background(), []source.Input{in}, so, func(int, *event.Keys) format.Handler { return g })
	if err != nil {
		return err
	}
	f := &summary.Files[0]
	if f.Err != "" {
		return errors.New(f.Err)
	}
	g.format, g.lines, g.malformed, g.faults = f.Format, f.Lines, f.Malformed, f.Faults
	return nil
}

// Event implements format.Handler.
func (g *memoryLog) Event(e *event.Event, pos format.Position, raw []byte) {
	if g.forgotten[pos.Line] {
		return
	}
	x := memoryEvent{Event: *e.Clone(), line: pos.Line}
	if !g.noRaw {
		x.raw = bytes.Clone(raw)
	}
	g.events = append(g.events, x)
}

// Inputs returns the logs, by name.
func (s *Memory) Inputs(context.Context) ([]source.Input, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	var out []source.Input
	for _, g := range s.m.logs {
		out = append(out, source.Input{Name: g.name, Size: -1})
	}
	return out, nil
}

// named returns an event whose fields are named in keys.
func (x *memoryEvent) named(keys *event.Keys) *event.Event {
	e := x.Clone()
	for i := range e.Fields {
		e.Fields[i].Key = keys.Get(e.Fields[i].Key.Name)
	}
	return e
}

// Scan gives the events to one handler.
func (s *Memory) Scan(_ context.Context, o lake.ScanOptions, newHandler func(int, *event.Keys) format.Handler) (*format.Summary, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	keys := event.NewKeys()
	h := newHandler(0, keys)
	summary := &format.Summary{}
	for i, g := range s.m.logs {
		f := format.FileSummary{Name: g.name, Format: g.format, Score: 1, Lines: g.lines, Bytes: g.size, Records: int64(len(g.events)),
			Malformed: g.malformed, Faults: g.faults}
		for k := range g.events {
			x := &g.events[k]
			if !o.Timed || x.HasTime && o.From <= x.Time && x.Time <= o.To {
				h.Event(x.named(keys), format.Position{File: i, Line: x.line}, x.raw)
			}
		}
		summary.Files = append(summary.Files, f)
	}
	return summary, nil
}

// Follow ingests again and again.
func (s *Memory) Follow(ctx context.Context, look func() ([]source.Input, error), o lake.IngestOptions, every time.Duration,
	report func(*lake.Report) error) error {
	return lake.FollowInto(ctx, s.Ingest, look, o, every, report)
}

// Forget removes events, and everything that counts them.
func (s *Memory) Forget(_ context.Context, match func(*event.Event) bool, _ string) (*lake.Forgotten, error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	f := &lake.Forgotten{}
	for _, g := range m.logs {
		before := len(g.events)
		g.events = slices.DeleteFunc(g.events, func(x memoryEvent) bool {
			gone := match(&x.Event)
			if gone {
				g.forgotten[x.line] = true
			}
			return gone
		})
		if n := before - len(g.events); n > 0 {
			f.Events += int64(n)
			f.Segments++
			if m.mutant == "forgets one too many" {
				g.forgotten[g.events[0].line] = true
				g.events = g.events[1:]
			}
			m.count(g)
			if m.mutant != "keeps the model of what was forgotten" {
				clear(m.bytes)
				for i := range m.models {
					m.models[i].Name = ""
				}
			}
			if m.mutant == "reads again what was forgotten" {
				clear(g.forgotten)
			}
		}
		f.Looked += max(1, len(g.days))
	}
	return f, nil
}

// Status sums up the logs.
func (s *Memory) Status(ctx context.Context) (*lake.Status, error) {
	st := &lake.Status{Dir: "memory", FormatVersion: 1}
	m := s.m
	m.mu.Lock()
	st.Zone = m.settings.Zone
	faults := map[string]int64{}
	for i, g := range m.logs {
		r := lake.SourceStatus{ID: int64(i + 1), Name: g.name, Format: g.format, Bytes: g.size, Records: int64(len(g.events)), Lines: g.lines,
			Malformed: g.malformed, Changed: g.changed}
		for k := range g.events {
			x := &g.events[k]
			if !x.HasTime {
				r.Untimed++
				continue
			}
			if !st.Timed {
				st.First, st.Last, st.Timed = x.Time, x.Time, true
			}
			st.First, st.Last = min(st.First, x.Time), max(st.Last, x.Time)
		}
		for _, f := range g.faults {
			faults[f.Reason] += f.Count
		}
		st.Segments += int64(len(g.days))
		if !g.noRaw {
			st.RawSegments += int64(len(g.days))
		}
		st.Events += r.Records
		st.Untimed += r.Untimed
		st.LogBytes += r.Bytes
		st.Forgotten += int64(len(g.forgotten))
		st.LastIngest = max(st.LastIngest, g.changed)
		st.Sources = append(st.Sources, r)
	}
	m.mu.Unlock()
	for reason, n := range faults {
		st.Malformed = append(st.Malformed, lake.FaultCount{Reason: reason, Count: n})
	}
	slices.SortFunc(st.Malformed, func(a, b lake.FaultCount) int { return strings.Compare(a.Reason, b.Reason) })
	list, err := s.Marks(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if !list[i].TakenBack.Valid {
			st.Marks++
			st.LastMark = max(st.LastMark, list[i].Made)
		}
	}
	if st.Model, err = s.LastModel(ctx); err != nil || st.Model == nil {
		return st, err
	}
	ok, err := s.UpToDate(ctx, st.Model)
	st.ModelStale = !ok
	return st, err
}

// Verify counts the events again, and makes shares and models again.
func (s *Memory) Verify(ctx context.Context) (*lake.Verification, error) {
	v := &lake.Verification{}
	m := s.m
	m.mu.Lock()
	for _, g := range m.logs {
		again := *g
		kept := slices.Clone(g.days)
		again.events = slices.Clone(g.events)
		daily := m.dailyOf(&again)
		if len(daily) != len(kept) {
			v.Faults = append(v.Faults, g.name+": the days are not those of its events")
			continue
		}
		for i, d := range daily {
			c := m.counts[kept[i].Counts]
			v.Segments++
			v.Events += d.Rows
			v.Cells += int64(d.Len())
			if c == nil || !c.Equal(d.Tally) || kept[i].Rows != d.Rows {
				v.Faults = append(v.Faults, fmt.Sprintf("%s: the counts of %q are not those of the events", g.name, d.Day))
			}
		}
	}
	m.mu.Unlock()
	at, err := memoryGround{m}.Look(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.VerifyShares(ctx, at, v, func(*lake.Stretch) bool { return false }); err != nil {
		return nil, err
	}
	last, err := s.LastModel(ctx)
	if err != nil || last == nil || last.Name == "" {
		return v, err
	}
	return v, s.VerifyModel(ctx, at, last, v)
}
