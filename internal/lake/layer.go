package lake

import (
	"context"
	"fmt"
	"io"
	"math"
	"path"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/marks"
)

// A layer lays marks against segments, one after another, in one goroutine.
type layer struct {
	l           *Lake
	rows        *rows // counts tokens as ingesting does
	reader      *segmentReader
	read, moved int64
}

func (l *Lake) newLayer() *layer {
	keys := event.NewKeys()
	return &layer{l: l, rows: l.newRows(keys), reader: newSegmentReader(keys)}
}

// do makes the shares of one segment and writes their files.
func (w *layer) do(ctx context.Context, j *job) error {
	tallies, err := w.compute(ctx, j)
	if err != nil {
		return err
	}
	for i, class := range storedClasses {
		if err := w.write(j, class, tallies[i]); err != nil {
			return err
		}
	}
	return nil
}

// compute returns the new shares of a segment, in the order of storedClasses: the old ones, with what has changed its class
// taken out of the one and put into the other.
func (w *layer) compute(ctx context.Context, j *job) ([]*count.Tally, error) {
	plus, minus := map[Class]*dayTally{}, map[Class]*dayTally{}
	for _, class := range storedClasses {
		plus[class], minus[class] = &dayTally{tally: count.NewTally()}, &dayTally{tally: count.NewTally()}
	}
	if err := w.compare(ctx, j, plus, minus); err != nil {
		return nil, err
	}
	var out []*count.Tally
	for _, class := range storedClasses {
		t := count.NewTally()
		for _, s := range j.old {
			if s.class == class {
				if err := readTally(w.l.path(s.path), t); err != nil {
					return nil, err
				}
			}
		}
		t.Merge(plus[class].tally)
		if err := t.Subtract(minus[class].tally); err != nil {
			return nil, fmt.Errorf("%w: the %s share of %q: %w", ErrSegment, class, j.segment.Path, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// compare counts the events that come to a class and those that leave it.
func (w *layer) compare(ctx context.Context, j *job, plus, minus map[Class]*dayTally) error {
	diff := changed(j.have, j.want)
	var by [3]*classifier
	for i, list := range [][]Mark{j.have, j.want, diff} {
		var err error
		if by[i], err = newClassifier(list); err != nil {
			return err
		}
	}
	err := w.reader.readTimes(w.l.path(j.segment.Path), windows(diff), func(e *stored) error {
		if w.read++; w.read%4096 == 0 && ctx.Err() != nil {
			return fmt.Errorf("cannot finish laying marks: %w", ctx.Err())
		}
		if by[2].mark(e.Event) == nil {
			return nil
		}
		was, is := by[0].class(e.Event), by[1].class(e.Event)
		if was == is {
			return nil
		}
		w.moved++
		if d := minus[was]; d != nil {
			w.rows.count(e.Event, d)
		}
		if d := plus[is]; d != nil {
			w.rows.count(e.Event, d)
		}
		return nil
	})
	w.rows.counter.Flush()
	return err
}

func (w *layer) write(j *job, class Class, t *count.Tally) error {
	s := share{class: class, path: path.Join("marked", "class="+string(class), "day="+dayName(j.segment.Day), w.l.newName())}
	for _, n := range t.Events {
		s.events += int64(n)
	}
	if s.events == 0 {
		return nil
	}
	if err := w.l.writeFile(s.path, &s.size, &s.hash, func(out io.Writer) error { return writeTally(out, t) }); err != nil {
		return err
	}
	j.shares = append(j.shares, s)
	return nil
}

// windows are the spans of marks, each as its two ends; nil if one of them has none.
func windows(list []Mark) [][2]int64 {
	out := [][2]int64{}
	for i := range list {
		m := &list[i]
		if !m.timed() {
			return nil
		}
		span := [2]int64{math.MinInt64, math.MaxInt64}
		if m.Begins.Valid {
			span[0] = m.Begins.Int64
		}
		if m.Ends.Valid {
			span[1] = m.Ends.Int64
		}
		out = append(out, span)
	}
	return out
}

// A classifier says what marks make of events, in one goroutine.
type classifier struct{ labels *marks.Labeller }

func newClassifier(list []Mark) (*classifier, error) {
	set, err := setOf(list, false)
	if err != nil {
		return nil, err
	}
	return &classifier{set.Bind(nil).Labeller()}, nil
}

// mark returns the mark that decides about an event, nil if there is none.
func (c *classifier) mark(e *event.Event) *marks.Mark { return c.labels.Label(0, e, nil) }

func (c *classifier) class(e *event.Event) Class {
	switch m := c.mark(e); {
	case m == nil || m.What == marks.Good:
		return Good
	case m.What == marks.Bad:
		return Bad
	}
	return Ignored
}
