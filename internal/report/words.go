package report

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/hunt"
	"weir/internal/term"
)

// plural writes a count with its noun.
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return term.Count(n) + " " + noun + "s"
}

const (
	toTheSecond = "2 Jan 2006, 15:04:05"
	toTheMinute = "2 Jan 2006, 15:04"
	ofTheDay    = "15:04:05"
)

func at(ns int64, zone *time.Location) time.Time { return time.Unix(0, ns).In(zone) }

// spanText writes a span: "25 Feb 2026, 01:30:00 to 04:30:59".
func spanText(s hunt.Span, zone *time.Location) string {
	from, to := at(s.From, zone), at(s.To, zone)
	whole, clock := toTheSecond, ofTheDay
	if from.Second() == 0 && (to.Second() == 0 || to.Second() == 59) && s.Length() > int64(time.Minute) {
		whole, clock = toTheMinute, "15:04" // 04:30:59 is the end of 04:30
	}
	switch {
	case s.From/1e9 == s.To/1e9:
		return from.Format(whole)
	case from.Format(time.DateOnly) == to.Format(time.DateOnly):
		return from.Format(whole) + " to " + to.Format(clock)
	}
	return from.Format(whole) + " to " + to.Format(whole)
}

// each writes a width as in "events per hour".
func each(ns int64) string {
	switch s := length(ns); s {
	case "1 d":
		return "day"
	case "1 h":
		return "hour"
	case "1 min":
		return "minute"
	case "1 s":
		return "second"
	default:
		return s
	}
}

// length writes a duration in its two largest units.
func length(ns int64) string {
	d := time.Duration(ns).Round(time.Second)
	for i, u := range units[:len(units)-1] {
		if d < u.is {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.is, u.name)
		if small := units[i+1]; d%u.is/small.is > 0 {
			text += fmt.Sprintf(" %d %s", d%u.is/small.is, small.name)
		}
		return text
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

var units = []struct {
	is   time.Duration
	name string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}

// percent writes a share with as many digits as it deserves.
func percent(share float64) string {
	switch p := 100 * share; {
	case p == 0:
		return "0 %"
	case p >= 99.95 && p < 100:
		return "> 99.9 %"
	case p >= 9.95:
		return fmt.Sprintf("%.0f %%", p)
	case p >= .095:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return "< 0.1 %"
	}
}

// chance writes a probability, which is never certain.
func chance(p float64) string { return percent(min(p, .9999)) }

// shareOf writes how much of one class a clue is in, so that something never reads as nothing.
func shareOf(share float64, n uint32) string {
	switch {
	case n == 0:
		return "none"
	case share >= .00995:
		return percent(share)
	case n < 10:
		return fmt.Sprint(n)
	case share >= .0001:
		return fmt.Sprintf("%.2f %%", 100*share)
	}
	return term.Count(n)
}

// compact writes a number for an axis: 950, 1.2k, 30M.
func compact(x float64) string {
	for _, u := range []struct {
		is   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(x) >= u.is {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", x/u.is), ".0") + u.name
		}
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", x), "0"), ".")
}

// signed writes a vote with a true minus.
func signed(x float64) string {
	return strings.Replace(fmt.Sprintf("%+.1f", x), "-", "−", 1)
}

// shown makes text of a log fit to be looked at, at most limit bytes of it.
func shown(s string, limit int) string {
	if len(s) <= limit {
		return term.Clean(s)
	}
	cut := limit
	for cut > max(0, limit-utf8.UTFMax) && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return term.Clean(s[:cut]) + fmt.Sprintf(" … and %s more", plural(len(s)-cut, "byte"))
}
