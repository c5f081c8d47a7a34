package format

import (
	"context"
	"errors"
	"fmt"

	"weir/internal/event"
	"weir/internal/source"
)

// A scanWorker decodes blocks of any file. Its decoders are forks of the states that the blocks come with.
type scanWorker struct {
	scan    *scan
	keys    *event.Keys
	handler Handler
	forks   map[*decoderState]Decoder
	e       event.Event
}

// maxForks bounds how many decoders a worker keeps; they are made anew when they are needed again.
const maxForks = 64

func (w *scanWorker) run(ctx context.Context) {
	ends, _ := w.handler.(BlockHandler)
	for j := range w.scan.jobs {
		if ctx.Err() == nil {
			w.decode(&j)
			if ends != nil {
				ends.EndBlock(j.number)
			}
		}
		j.block.Release()
	}
}

func (w *scanWorker) fork(state *decoderState) Decoder {
	d, ok := w.forks[state]
	if !ok {
		if len(w.forks) >= maxForks {
			clear(w.forks)
		}
		d = state.decoder.Fork(w.keys)
		w.forks[state] = d
	}
	return d
}

func (w *scanWorker) decode(j *job) {
	var counts jobCounts
	parts := j.parts
	var decoder Decoder
	e := &w.e
	for it := j.block.Iter(); it.Next(); {
		for len(parts) > 0 && it.Number >= parts[0].to {
			parts, decoder = parts[1:], nil
		}
		if len(parts) == 0 {
			break
		}
		if it.Number < parts[0].from {
			continue // the reader has decoded it
		}
		if it.Cut {
			w.scan.failed(j.file, &counts, w.scan.tooLong, &it.Line)
			continue
		}
		if decoder == nil {
			decoder = w.fork(parts[0].state)
		}
		if err := decoder.Decode(it.Text, e); err != nil {
			w.scan.failed(j.file, &counts, err, &it.Line)
			continue
		}
		counts.record(e)
		w.handler.Event(e, Position{File: j.file, Line: it.Number, Offset: it.Offset}, it.Text)
	}
	w.scan.events.Add(counts.records)
	w.scan.files[j.file].merge(&counts)
}

// failed counts a line that gave no event, and tells of it.
func (s *scan) failed(file int, counts *jobCounts, err error, line *source.Line) {
	counts.failed(err, line)
	if s.o.Fault == nil || err == ErrSkip {
		return
	}
	s.o.Fault(file, line, asMalformed(err))
}

func asMalformed(err error) *Malformed {
	var m *Malformed
	if !errors.As(err, &m) {
		m = &Malformed{Reason: err.Error()}
	}
	return m
}

// tooLongReason says that a line is longer than maxLine, in the largest unit that fits.
func tooLongReason(maxLine int) *Malformed {
	if maxLine <= 0 {
		maxLine = source.DefaultMaxLine
	}
	switch {
	case maxLine%(1<<20) == 0:
		return &Malformed{Reason: fmt.Sprintf("longer than %d MiB", maxLine>>20)}
	case maxLine%(1<<10) == 0:
		return &Malformed{Reason: fmt.Sprintf("longer than %d KiB", maxLine>>10)}
	}
	return &Malformed{Reason: fmt.Sprintf("longer than %d bytes", maxLine)}
}

// jobCounts is what one goroutine found in one block.
type jobCounts struct {
	lines, bytes              int64
	records, untimed, skipped int64
	first, last               int64
	timed                     bool
	datasets                  []DatasetCount
	faults                    []Fault
}

// record counts an event.
func (c *jobCounts) record(e *event.Event) {
	c.records++
	if e.HasTime {
		if !c.timed || e.Time < c.first {
			c.first = e.Time
		}
		if !c.timed || e.Time > c.last {
			c.last = e.Time
		}
		c.timed = true
	} else {
		c.untimed++
	}
	for i := range c.datasets {
		if c.datasets[i].Dataset == e.Dataset {
			c.datasets[i].Records++
			return
		}
	}
	c.datasets = append(c.datasets, DatasetCount{e.Dataset, 1})
}

// failed counts a line that gave no event.
func (c *jobCounts) failed(err error, line *source.Line) {
	if err == ErrSkip {
		c.skipped++
		return
	}
	m := asMalformed(err)
	var f *Fault
	for i := range c.faults {
		if c.faults[i].Reason == m.Reason {
			f = &c.faults[i]
			break
		}
	}
	if f == nil {
		c.faults = append(c.faults, Fault{Reason: m.Reason})
		f = &c.faults[len(c.faults)-1]
	}
	f.Count++
	if len(f.Examples) < maxExamples { // lines come in order
		text := line.Text
		if len(text) > maxExcerpt {
			text = text[:maxExcerpt]
		}
		f.Examples = append(f.Examples, FaultExample{Line: line.Number, Detail: m.Detail, Excerpt: string(text)})
	}
}
