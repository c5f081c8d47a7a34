package lake

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
)

// ScanOptions govern how a lake is read. The zero value reads everything on all processors.
type ScanOptions struct {
	Workers  int
	NoRaw    bool // the lines are not needed
	From, To int64
	Timed    bool // only events with a time from From to To, both included; segments without one are not opened
	Progress func(read, total, events int64)
}

// Inputs returns what stands for the files of a scan: the logs that the lake was made of, by name, without content.
// Position.File of [Lake.Scan] is an index into them.
func (l *Lake) Inputs(ctx context.Context) ([]source.Input, error) {
	list, err := sources(ctx, l.db, `true`)
	if err != nil {
		return nil, err
	}
	out := make([]source.Input, len(list))
	for i, s := range list {
		out[i] = source.Input{Name: s.Name, Size: -1}
	}
	return out, nil
}

// Scan gives the events of the lake to handlers as format.Scan gives those of files, in no order. The summary is that of
// ingesting: malformed lines are counted by reason, without examples.
func (l *Lake) Scan(ctx context.Context, o ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error) {
	list, err := l.Segments(ctx)
	if err != nil {
		return nil, err
	}
	if o.Timed {
		list = slices.DeleteFunc(list, func(s Segment) bool { return !s.First.Valid || s.First.Int64 > o.To || s.Last.Int64 < o.From })
	} else {
		o.From, o.To = math.MinInt64, math.MaxInt64
	}
	known, err := sources(ctx, l.db, `true`)
	if err != nil {
		return nil, err
	}
	files := make(map[int64]int, len(known))
	for i, s := range known {
		files[s.ID] = i
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s := &scan{l: l, o: o, list: list, files: files}
	for i := range list {
		s.total += list[i].Size
	}
	s.run(ctx, newHandler)
	if s.err != nil {
		return nil, s.err
	}
	return l.summary(ctx, known)
}

type scan struct {
	l            *Lake
	o            ScanOptions
	list         []Segment
	files        map[int64]int
	total        int64
	next         atomic.Int64
	read, events atomic.Int64
	mu           sync.Mutex
	err          error
}

func (s *scan) run(ctx context.Context, newHandler func(worker int, keys *event.Keys) format.Handler) {
	var wait sync.WaitGroup
	for w := range s.o.Workers {
		keys := event.NewKeys()
		h := newHandler(w, keys)
		wait.Go(func() {
			if err := s.work(ctx, newSegmentReader(keys), h); err != nil {
				s.fail(err)
			}
		})
	}
	wait.Wait()
}

func (s *scan) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *scan) work(ctx context.Context, r *segmentReader, h format.Handler) error {
	for i := int(s.next.Add(1)) - 1; i < len(s.list); i = int(s.next.Add(1)) - 1 {
		if err := s.l.sized(s.list[i].Path, s.list[i].Size); err != nil {
			s.next.Store(int64(len(s.list)))
			return err
		}
		n := int64(0)
		err := r.read(s.l.path(s.list[i].Path), !s.o.NoRaw, func(e *stored) error {
			if n++; n%4096 == 0 && ctx.Err() != nil {
				return fmt.Errorf("cannot finish reading: %w", ctx.Err())
			}
			file, ok := s.files[e.source]
			if !ok {
				return fmt.Errorf("%w: %q names source %d, which there is not", ErrSegment, s.list[i].Path, e.source)
			}
			if s.o.Timed && (!e.HasTime || e.Time < s.o.From || e.Time > s.o.To) {
				return nil
			}
			h.Event(e.Event, format.Position{File: file, Line: e.line}, e.raw)
			return nil
		})
		if err == nil && n != s.list[i].Rows {
			err = wrongRows(s.l.path(s.list[i].Path), n, s.list[i].Rows)
		}
		if err != nil {
			s.next.Store(int64(len(s.list))) // the others need not go on
			return err
		}
		read, events := s.read.Add(s.list[i].Size), s.events.Add(n)
		if s.o.Progress != nil {
			s.mu.Lock()
			s.o.Progress(read, s.total, events)
			s.mu.Unlock()
		}
	}
	return nil
}

func wrongRows(full string, is, should int64) error {
	return damaged(full, fmt.Errorf("it has %d events and should have %d", is, should))
}

// summary tells of the sources what a scan of the files would.
func (l *Lake) summary(ctx context.Context, known []sourceRow) (*format.Summary, error) {
	out := &format.Summary{Files: make([]format.FileSummary, len(known))}
	index := map[int64]int{}
	for i, s := range known {
		index[s.ID] = i
		out.Files[i] = format.FileSummary{Name: s.Name, Format: s.Format, Score: 1, Lines: s.Lines, Bytes: s.Offset + s.OpenSize,
			Records: s.Records, Untimed: s.Untimed, Malformed: s.Malformed, First: s.First.Int64, Last: s.Last.Int64,
			Skipped: max(0, s.Lines-s.Records-s.Malformed)}
	}
	err := l.each(ctx, `SELECT source, dataset, records FROM datasets ORDER BY source, dataset`, func(source int64, name string, n int64) {
		f := &out.Files[index[source]]
		f.Datasets = append(f.Datasets, format.DatasetCount{Dataset: name, Records: n})
	})
	if err != nil {
		return nil, err
	}
	err = l.each(ctx, `SELECT source, reason, count FROM faults WHERE count > 0 ORDER BY source, count DESC, reason`,
		func(source int64, reason string, n int64) {
			f := &out.Files[index[source]]
			f.Faults = append(f.Faults, format.Fault{Reason: reason, Count: n})
		})
	return out, err
}

// each calls f with the rows of a query for a number, a text and a number.
func (l *Lake) each(ctx context.Context, query string, f func(a int64, b string, c int64)) error {
	rows, err := l.db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("cannot read %q: %w", l.path(database), err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, c int64
		var b string
		if err := rows.Scan(&a, &b, &c); err != nil {
			return fmt.Errorf("cannot read %q: %w", l.path(database), err)
		}
		f(a, b, c)
	}
	return rows.Err()
}
