package lake

import (
	"maps"
	"slices"
	"strings"
	"time"

	"weir/internal/event"
)

// Daily is counts by day, as stretches have them: of at most maxDays days, since who writes a log can date its lines as he likes.
// Events of further days go where those without a time are. For one goroutine.
type Daily struct {
	byDay map[int64]*Day
}

// A Day is the counts of one day, for one Counter.
type Day struct {
	Counting
	Day         string // empty for events without a time, and those of too many days
	Rows        int64
	Timed       bool
	First, Last int64
}

// NewDaily returns no counts.
func NewDaily() *Daily { return &Daily{byDay: map[int64]*Day{}} }

// Of returns the day of an event, and notes that it has one more.
func (d *Daily) Of(e *event.Event) *Day {
	number := int64(withoutDay)
	if e.HasTime {
		number = dayOf(e.Time)
	}
	x := d.at(number)
	x.Rows++
	if e.HasTime {
		x.span(e.Time, e.Time)
	}
	return x
}

func (d *Daily) at(number int64) *Day {
	x := d.byDay[number]
	if x == nil && len(d.byDay) >= maxDays {
		number = withoutDay
		x = d.byDay[number]
	}
	if x == nil {
		x = &Day{Counting: *NewCounting()}
		if number != withoutDay {
			x.Day = time.Unix(0, number*nanosPerDay).UTC().Format(time.DateOnly)
		}
		d.byDay[number] = x
	}
	return x
}

func (x *Day) span(first, last int64) {
	if !x.Timed {
		x.Timed, x.First, x.Last = true, first, last
	}
	x.First, x.Last = min(x.First, first), max(x.Last, last)
}

// Merge adds the counts of o, which stay as they are. What was counted has to be flushed.
func (d *Daily) Merge(o *Daily) {
	for _, number := range slices.Sorted(maps.Keys(o.byDay)) {
		from, to := o.byDay[number], d.at(number)
		to.Rows += from.Rows
		if from.Timed {
			to.span(from.First, from.Last)
		}
		to.Merge(from.Tally)
	}
}

// Days returns the days in order.
func (d *Daily) Days() []*Day {
	var out []*Day
	for _, x := range d.byDay {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *Day) int { return strings.Compare(a.Day, b.Day) })
	return out
}

// DayOf returns the day in which an event lies, among the days of its stretch's batch.
func DayOf(e *event.Event, days func(string) bool) string {
	if !e.HasTime {
		return ""
	}
	if day := time.Unix(0, e.Time).UTC().Format(time.DateOnly); days(day) {
		return day
	}
	return ""
}
