package hunt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Span is a stretch of time, both ends inclusive, in nanoseconds since 1970 UTC.
type Span struct{ From, To int64 }

// Contains reports whether t lies in the span.
func (s Span) Contains(t int64) bool { return s.From <= t && t <= s.To }

// Overlaps reports whether the spans share an instant once each is widened by gap.
func (s Span) Overlaps(o Span, gap int64) bool { return s.From-gap <= o.To && o.From <= s.To+gap }

// Length is the span's length in nanoseconds, at least 1.
func (s Span) Length() int64 { return s.To - s.From + 1 }

func formatTime(ns int64, zone *time.Location) string {
	t := time.Unix(0, ns).In(zone)
	if ns%int64(time.Second) >= 999_999_000 || ns%int64(time.Second) == 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04:05.000")
}

func inAny(spans []Span, t int64) bool {
	for _, s := range spans {
		if s.Contains(t) {
			return true
		}
	}
	return false
}

// layouts are the forms of an instant, each with the length of the stretch it names: 02:10 is the whole minute.
var layouts = []struct {
	layout string
	covers time.Duration
	zoned  bool
}{
	{"2006-01-02T15:04:05.999999999Z07:00", time.Second, true},
	{"2006-01-02 15:04:05.999999999Z07:00", time.Second, true},
	{"2006-01-02T15:04Z07:00", time.Minute, true},
	{"2006-01-02 15:04Z07:00", time.Minute, true},
	{"2006-01-02T15:04:05.999999999", time.Second, false},
	{"2006-01-02 15:04:05.999999999", time.Second, false},
	{"2006-01-02T15:04", time.Minute, false},
	{"2006-01-02 15:04", time.Minute, false},
	{"2006-01-02T15", time.Hour, false},
	{"2006-01-02 15", time.Hour, false},
	{"2006-01-02", 24 * time.Hour, false},
}

// ParseSpan reads FROM/TO. Each end is RFC 3339, a date with or without a time, epoch seconds, or now with an offset
// (now-2h). An end without a zone is in zone. Both ends are inclusive at the precision given: .../2026-03-01 04:30 ends
// with the last nanosecond of 04:30. An end may be empty: the span is open there.
func ParseSpan(text string, zone *time.Location, now time.Time) (Span, error) {
	from, to, ok := strings.Cut(text, "/")
	if !ok {
		return Span{}, fmt.Errorf("cannot read the span %q: write FROM/TO, for example 2026-03-01T02:10/2026-03-01T04:30", text)
	}
	s := Span{math.MinInt64 / 4, math.MaxInt64 / 4}
	if from = strings.TrimSpace(from); from != "" {
		t, _, err := parseInstant(from, zone, now)
		if err != nil {
			return Span{}, fmt.Errorf("cannot read the start of the span %q: %w", text, err)
		}
		s.From = t
	}
	if to = strings.TrimSpace(to); to != "" {
		t, covers, err := parseInstant(to, zone, now)
		if err != nil {
			return Span{}, fmt.Errorf("cannot read the end of the span %q: %w", text, err)
		}
		s.To = t + covers - 1
	}
	if s.To < s.From {
		return Span{}, fmt.Errorf("the span %q ends before it starts; swap its ends", text)
	}
	return s, nil
}

// parseInstant returns the first nanosecond that text names and how many it covers.
func parseInstant(text string, zone *time.Location, now time.Time) (ns, covers int64, err error) {
	if rest, ok := strings.CutPrefix(text, "now"); ok {
		if rest == "" {
			return now.UnixNano(), 1, nil
		}
		d, err := parseOffset(rest)
		if err != nil {
			return 0, 0, err
		}
		return now.Add(d).UnixNano(), 1, nil
	}
	if sec, err := strconv.ParseFloat(text, 64); err == nil && !strings.ContainsAny(text, "xXpP_") && len(text) > 4 {
		if math.Abs(sec) > 9e9 {
			return 0, 0, fmt.Errorf("%q is too large for epoch seconds; are these milliseconds?", text)
		}
		whole, frac, fractional := strings.Cut(text, ".")
		s, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("%q is no whole or decimal number of seconds", text)
		}
		if !fractional {
			return s * 1e9, 1e9, nil
		}
		digits := min(len(frac), 9)
		n, _ := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		if s < 0 {
			n = -n
		}
		return s*1e9 + n, int64(math.Pow10(9 - digits)), nil
	}
	for _, l := range layouts {
		t, err := time.ParseInLocation(l.layout, text, zone)
		if err != nil {
			continue
		}
		covers := int64(l.covers)
		if i := strings.IndexAny(text, ".,"); i >= 0 && l.covers == time.Second {
			n := 0
			for n < 9 && i+1+n < len(text) && '0' <= text[i+1+n] && text[i+1+n] <= '9' {
				n++
			}
			covers = int64(math.Pow10(9 - n))
		}
		if l.covers == 24*time.Hour { // days are 23 or 25 hours long when clocks change
			covers = t.AddDate(0, 0, 1).Sub(t).Nanoseconds()
		}
		if y := t.Year(); y < 1678 || y > 2261 { // nanoseconds reach no further
			return 0, 0, fmt.Errorf("%q is too far from now; write a year from 1678 to 2261, or leave the end of the span empty", text)
		}
		return t.UnixNano(), covers, nil
	}
	return 0, 0, fmt.Errorf("%q is no time; write 2026-03-01T02:10:00Z, 2026-03-01 02:10, 2026-03-01, epoch seconds or now-2h", text)
}

// parseOffset reads -2h, +30m, -1d, -1w.
func parseOffset(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no offset from now; write now-2h, now-30m, now-1d or now-1w", "now"+s)
	if len(s) < 3 || s[0] != '-' && s[0] != '+' {
		return 0, bad
	}
	unit := time.Duration(0)
	switch s[len(s)-1] {
	case 'd':
		unit = 24 * time.Hour
	case 'w':
		unit = 7 * 24 * time.Hour
	default:
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, bad
		}
		return d, nil
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || n > 100_000 || n < -100_000 {
		return 0, bad
	}
	return time.Duration(n) * unit, nil
}
