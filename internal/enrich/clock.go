package enrich

import "time"

// A Class says whether people are expected to work at a time.
type Class uint8

// The classes of a moment by the clocks of its zone.
const (
	Office  Class = iota // Monday to Friday, 8:00 to 18:00
	Off                  // Monday to Friday, other hours
	Weekend              // Saturday and Sunday
)

func (c Class) String() string { return [...]string{"office", "off", "weekend"}[c] }

// A Moment is the place of a time in the week, by the clocks of a zone.
type Moment struct {
	Hour       int          // 0 to 23
	Weekday    time.Weekday // Sunday is 0
	HourOfWeek int          // 0 to 167, from Monday 0:00
	Class      Class
}

// A Clock tells the moment of a time in one zone. It remembers the span of time around the last question in which the
// zone's offset does not change, so it belongs to one goroutine.
type Clock struct {
	zone       *time.Location
	start, end int64 // seconds; offset holds in [start, end)
	offset     int64
}

// NewClock returns the clock of a zone; nil is UTC.
func NewClock(zone *time.Location) *Clock {
	if zone == nil {
		zone = time.UTC
	}
	return &Clock{zone: zone}
}

const (
	daySeconds = 24 * 60 * 60
	noStart    = -1 << 62
	noEnd      = 1 << 62
)

// At returns the moment of a time in nanoseconds since 1970-01-01 UTC.
func (c *Clock) At(ns int64) Moment {
	sec := floorDiv(ns, 1e9)
	if sec < c.start || sec >= c.end {
		c.find(sec)
	}
	local := sec + c.offset
	day := floorDiv(local, daySeconds)
	m := Moment{Hour: int(local-day*daySeconds) / 3600}
	sinceMonday := int(day+3) % 7 // 1970-01-01 was a Thursday
	if sinceMonday < 0 {
		sinceMonday += 7
	}
	m.Weekday = time.Weekday((sinceMonday + 1) % 7)
	m.HourOfWeek = sinceMonday*24 + m.Hour
	switch {
	case sinceMonday >= 5:
		m.Class = Weekend
	case m.Hour < 8 || m.Hour >= 18:
		m.Class = Off
	}
	return m
}

// find is the slow path of At: the offset at a time and the span in which it holds.
func (c *Clock) find(sec int64) {
	t := time.Unix(sec, 0).In(c.zone)
	_, offset := t.Zone()
	c.offset, c.start, c.end = int64(offset), noStart, noEnd
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		c.start = start.Unix()
	}
	if !end.IsZero() {
		c.end = end.Unix()
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
