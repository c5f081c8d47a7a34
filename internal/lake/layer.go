package lake

import (
	"context"
	"fmt"
	"math"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/marks"
)

// A layer lays marks against stretches, in one goroutine.
type layer struct {
	t           *Trainer
	counter     *Counter
	reader      Reader
	read, moved int64
}

func (t *Trainer) newLayer() *layer {
	return &layer{t: t, counter: t.ground.NewCounter(), reader: t.ground.NewReader()}
}

// do makes the shares of some stretches and writes them.
func (w *layer) do(ctx context.Context, group []*Job) error {
	tallies, err := w.compute(ctx, group)
	if err != nil {
		return err
	}
	for i, j := range group {
		for k, class := range storedClasses {
			events := uint64(0)
			for _, n := range tallies[i][k].Events {
				events += n
			}
			if events == 0 {
				continue
			}
			s, err := w.t.ground.WriteShare(ctx, &j.Stretch, class, tallies[i][k])
			if err != nil {
				return err
			}
			s.Class, s.Events = class, int64(events)
			j.Fresh = append(j.Fresh, s)
		}
	}
	return nil
}

// compute returns the new shares of stretches, each in the order of storedClasses: the old ones, with what has changed its class
// taken out of the one and put into the other.
func (w *layer) compute(ctx context.Context, group []*Job) ([][]*count.Tally, error) {
	all, err := w.compare(ctx, group)
	if err != nil {
		return nil, err
	}
	out := make([][]*count.Tally, len(group))
	for i, j := range group {
		for _, class := range storedClasses {
			t := count.NewTally()
			for _, s := range j.Was.Shares {
				if s.Class == class {
					if err := w.reader.Add(ctx, s.Name, t); err != nil {
						return nil, err
					}
				}
			}
			if d := all[i].plus[class]; d != nil {
				t.Merge(d.Tally)
			}
			if d := all[i].minus[class]; d != nil {
				if err := t.Subtract(d.Tally); err != nil {
					return nil, fmt.Errorf("%w: the %s share of %q: %w", ErrSegment, class, j.Stretch.Name, err)
				}
			}
			out[i] = append(out[i], t)
		}
	}
	return out, nil
}

// A change is what marks make of the events of one stretch, and made of them before.
type change struct {
	was, is, diff *classifier // diff is of the marks that came or went
	plus, minus   map[Class]*Counting
}

// compare counts the events that come to a class and those that leave it.
func (w *layer) compare(ctx context.Context, group []*Job) ([]change, error) {
	all := make([]change, len(group))
	list := make([]Stretch, len(group))
	var spans []Mark
	for i, j := range group {
		diff := changed(j.Have, j.Want)
		spans = append(spans, diff...)
		c := change{plus: map[Class]*Counting{}, minus: map[Class]*Counting{}}
		for k, to := range []**classifier{&c.was, &c.is, &c.diff} {
			var err error
			if *to, err = newClassifier([][]Mark{j.Have, j.Want, diff}[k]); err != nil {
				return nil, err
			}
		}
		for _, class := range storedClasses {
			c.plus[class], c.minus[class] = NewCounting(), NewCounting()
		}
		all[i], list[i] = c, j.Stretch
	}
	err := w.reader.Events(ctx, list, windows(spans), func(i int, e *event.Event) error {
		if w.read++; w.read%4096 == 0 && ctx.Err() != nil {
			return fmt.Errorf("cannot finish laying marks: %w", ctx.Err())
		}
		c := &all[i]
		if c.diff.mark(e) == nil {
			return nil
		}
		was, is := c.was.class(e), c.is.class(e)
		if was == is {
			return nil
		}
		w.moved++
		if d := c.minus[was]; d != nil {
			w.counter.Count(e, d)
		}
		if d := c.plus[is]; d != nil {
			w.counter.Count(e, d)
		}
		return nil
	})
	w.counter.Flush()
	return all, err
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
