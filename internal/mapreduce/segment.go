package mapreduce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"weir/internal/event"
	"weir/internal/format"
)

// A Segment is a file of an archive, with records of several logs that were read before. The inputs of a plan with segments are
// only the names of these logs: tasks read segments, and splits are stretches of the list of segments.
type Segment struct {
	Path string `json:"path"` // where tasks find it
	Size int64  `json:"size"` // bytes
	Rows int64  `json:"rows"` // records
}

// segmentShare is how many bytes of a log a byte of a segment stands for, about: six to twelve where that was measured (docs/lake.md).
const segmentShare = 8

// maxSegment bounds what a plan may say of the size of a segment, in bytes.
const maxSegment = 1 << 50

// A SegmentReader gives the records of segments, one segment after another, to one goroutine: for each what it is, the number by which
// the archive calls its log (Input.Source), its line there, and what stood there, if that was kept. All of it is valid during the call
// only. Reading ends with the first error of take. A segment that is not whole is an error.
type SegmentReader func(s *Segment, take func(e *event.Event, source, line int64, raw []byte) error) error

// AddArchive makes the plan one of an archive: names of logs (Name and Source of an Input matter), the segments that hold their records,
// and the summary of when they were read, which stays with who planned.
func (p *Plan) AddArchive(logs []Input, segments []Segment, summary *format.Summary) error {
	p.Inputs, p.Segments, p.archived = logs, segments, summary
	return p.checkArchive()
}

func (p *Plan) checkArchive() error {
	sources, paths := map[int64]bool{}, map[string]bool{}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		if in.Size != 0 || in.Path != "" || sources[in.Source] {
			return fmt.Errorf("input %d is no log of an archive, or there twice", i)
		}
		sources[in.Source] = true
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.Path == "" || !utf8.ValidString(s.Path) || s.Size < 0 || s.Size > maxSegment || s.Rows < 0 {
			return fmt.Errorf("segment %d has no path, or one that is not UTF-8, or %d bytes with %d records", i, s.Size, s.Rows)
		}
		if paths[s.Path] {
			return fmt.Errorf("segment %q is there twice", s.Path)
		}
		paths[s.Path] = true
	}
	return nil
}

// segmentSplits puts segments together up to so many bytes of logs. A segment is not cut: archives bound how large one gets.
func (p *Plan) segmentSplits(size int64) []Split {
	var out []Split
	sum := int64(0)
	for i := range p.Segments {
		more := p.Segments[i].Size * segmentShare
		if len(out) == 0 || size > 0 && sum+more > size {
			out, sum = append(out, Split{Start: int64(i)}), 0
		}
		out[len(out)-1].Length++
		sum += more
	}
	return out
}

func (p *Plan) checkSegmentSplit(x *Split) error {
	n := int64(len(p.Segments))
	if x.Lines != nil || x.Input != 0 {
		return errors.New("the plan is one of an archive's segments; give 'weir map' splits of it with --splits")
	}
	if x.Start < 0 || x.Start >= n || x.Length < 1 || x.Length > n-x.Start {
		return fmt.Errorf("the plan has %d segments, but a split is of %d from number %d on", n, x.Length, x.Start)
	}
	return nil
}

// A segmentTask reads segments, and tells mappers of their records in the plan's terms.
type segmentTask struct {
	t       *task
	list    []int // of the plan's segments
	inputs  map[int64]int
	next    atomic.Int64
	records atomic.Int64
	untimed atomic.Int64
	mu      sync.Mutex
	err     error // the first
}

// runSegments is run for a plan with segments.
func (t *task) runSegments(ctx context.Context, job *Job, w *Writer) error {
	if t.o.Segments == nil {
		return errors.New("nobody here can read segments of an archive")
	}
	s := &segmentTask{t: t, inputs: map[int64]int{}}
	for i := range t.p.Inputs {
		s.inputs[t.p.Inputs[i].Source] = i
	}
	for i := range t.splits {
		x := &t.splits[i]
		if err := t.p.checkSegmentSplit(x); err != nil {
			return err
		}
		for k := range x.Length {
			s.list = append(s.list, int(x.Start+k))
		}
	}
	slices.Sort(s.list)
	if n := len(s.list); len(slices.Compact(slices.Clone(s.list))) < n {
		return fmt.Errorf("%w: a segment is in several splits of one task", ErrTwice)
	}
	var mappers []Mapper
	var wait sync.WaitGroup
	for range max(1, t.o.Workers) {
		keys := event.NewKeys()
		m, err := job.Mapper(keys, w)
		if err != nil {
			s.fail(err)
			break
		}
		mappers = append(mappers, m)
		read := t.o.Segments(keys)
		wait.Go(func() { s.fail(s.work(ctx, m, read)) })
	}
	wait.Wait()
	if s.err != nil {
		return s.err
	}
	for _, m := range mappers {
		if err := m.Finish(); err != nil {
			return err
		}
	}
	t.summary = &format.Summary{Files: []format.FileSummary{{Records: s.records.Load(), Untimed: s.untimed.Load()}}}
	for _, i := range s.list {
		r := splitReport{}
		if err := r.put(w, &Split{Start: int64(i), Length: t.p.Segments[i].Rows}); err != nil {
			return err
		}
	}
	return nil
}

// fail keeps the first error, and lets the others not go on.
func (s *segmentTask) fail(err error) {
	if err == nil {
		return
	}
	s.next.Store(int64(len(s.list)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// work is one goroutine's.
func (s *segmentTask) work(ctx context.Context, m Mapper, read SegmentReader) error {
	for i := int(s.next.Add(1)) - 1; i < len(s.list); i = int(s.next.Add(1)) - 1 {
		x := &s.t.p.Segments[s.list[i]]
		var n, told, untimed int64
		err := read(x, func(e *event.Event, source, line int64, raw []byte) error {
			input, ok := s.inputs[source]
			if !ok {
				return fmt.Errorf("segment %q names log %d, which the plan does not have", x.Path, source)
			}
			if n++; n&4095 == 0 {
				if ctx.Err() != nil {
					return fmt.Errorf("cannot finish reading: %w", ctx.Err())
				}
				s.t.report.progress(0, 0, s.records.Add(n-told))
				told = n
			}
			if !e.HasTime {
				untimed++
			}
			m.Event(e, format.Position{File: input, Line: line}, raw)
			return nil
		})
		if err == nil && n != x.Rows {
			err = fmt.Errorf("%w: of segment %q, %d of %d records", ErrIncomplete, x.Path, n, x.Rows)
		}
		if err != nil {
			return err
		}
		s.records.Add(n - told)
		s.untimed.Add(untimed)
	}
	return nil
}

// addSegments checks that every segment was read once, and whole.
func (a *Assembly) addSegments(p *Plan) error {
	a.Summary, a.archive = p.archived, true
	if a.Summary == nil { // the plan was read from a file
		a.Summary = &format.Summary{Files: make([]format.FileSummary, len(p.Inputs))}
		for i := range p.Inputs {
			a.Summary.Files[i].Name = p.Inputs[i].Name
		}
	}
	read := a.splits[0]
	slices.SortFunc(read, func(x, y countedSplit) int { return cmp.Compare(x.Start, y.Start) })
	for i := range p.Segments {
		s := &p.Segments[i]
		switch {
		case i >= len(read) || read[i].Start > int64(i):
			return fmt.Errorf("%w: segment %q is missing; did a task fail?", ErrIncomplete, s.Path)
		case read[i].Start < int64(i):
			return fmt.Errorf("%w: segment %q; start the job again with an empty output directory", ErrTwice, p.Segments[read[i].Start].Path)
		case read[i].Length != s.Rows:
			return fmt.Errorf("%w: of segment %q, %d of %d records", ErrIncomplete, s.Path, read[i].Length, s.Rows)
		}
	}
	if n := len(p.Segments); len(read) > n {
		return fmt.Errorf("%w: segment %q; start the job again with an empty output directory", ErrTwice, p.Segments[read[n].Start].Path)
	}
	return nil
}
