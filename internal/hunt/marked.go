package hunt

import (
	"weir/internal/event"
	"weir/internal/format"
)

// A Mark is what people have said of an event.
type Mark uint8

// The marks.
const (
	Unmarked         Mark = iota
	MarkedGood            // this event, or its span, is good: it counts as known good, also inside the window
	MarkedBad             // this event is bad: in the window it counts as bad in full
	MarkedSuspicious      // it lies in a span that was marked bad
	MarkedIgnored         // it counts as nothing
)

// markOf asks what people have said of an event.
func (c *collector) markOf(e *event.Event, pos format.Position, raw []byte) Mark {
	if c.mark == nil {
		return Unmarked
	}
	return c.mark(e, pos, raw)
}

// matches reports whether an event is of the kind that may be suspicious: it names a host that was asked for, and so on.
func (c *collector) matches(e *event.Event) bool {
	return c.hosts.Match(e) && (c.only == nil || c.only(e))
}

// class says whether an event with a mark is suspicious, and whether it counts at all: what is marked bad and lies outside the
// window is another break-in, which is no known good either.
func (q *question) class(mark Mark, inside, matches bool) (suspicious, use bool) {
	switch mark {
	case MarkedIgnored:
		return false, false
	case MarkedGood:
		return false, true
	case MarkedBad:
		return inside, inside
	case MarkedSuspicious:
		if q.marksDecide || inside && matches {
			return inside, inside
		}
		return false, false
	}
	return inside && matches && !q.marksDecide, true
}

// certain puts the share of bad of contents that hold an event that was marked bad to 1.
func (r *Result) certain(shares []float64) []float64 {
	for i := range r.a.list.rows {
		if r.a.list.rows[i].marked {
			shares[r.a.content[i]] = 1
		}
	}
	return shares
}

// Marked reports whether the i-th suspect was marked bad before the hunt.
func (r *Result) Marked(i int) bool { return r.a.list.rows[r.order[i]].marked }

// Line returns the raw line of the i-th suspect. It is valid until the next call of a method.
func (r *Result) Line(i int) ([]byte, error) { return r.h.rawOf(&r.a.list.rows[r.order[i]]) }
