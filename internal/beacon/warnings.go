package beacon

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

func (j *judge) warnings() (out []string) {
	if j.level > 0 {
		out = append(out, fmt.Sprintf("There are more pairs than fit: only one of %d, by hash, was looked at.", 1<<j.level))
	}
	if n := len(j.thin); n > 0 {
		out = append(out, fmt.Sprintf("Of pairs with over %d connections only the newest ones' times were kept (%d pairs); their totals are of all.", j.o.maxTimes(), n))
	}
	if j.joined > 0 {
		out = append(out, fmt.Sprintf("Names were tied to connections by their ids for one connection of %d; RITA's parts of names rest on these.", 1<<j.joined))
	}
	if j.cut > 0 {
		out = append(out, fmt.Sprintf("There are more registered domains than fit: tunnels were looked for in one of %d.", 1<<j.cut))
	}
	if j.events == 0 && j.untimed == 0 {
		out = append(out, "No record tells of a connection, a request, a TLS handshake or a DNS question.")
	} else if j.events > 0 && j.tested == 0 {
		out = append(out, fmt.Sprintf("No pair has %d connections at different times: there is no rhythm to look for.", minBeats))
	}
	if j.untimed > 0 {
		out = append(out, fmt.Sprintf("Left out for want of a time that can be read: %s.", records(j.untimed)))
	}
	if j.endless > 0 {
		out = append(out, fmt.Sprintf("Left out for want of a source or a destination: %s.", records(j.endless)))
	}
	longest := 0.
	for _, x := range j.span {
		longest = max(longest, float64(x.last)/1e9-float64(x.first)/1e9)
	}
	if j.events > 0 && longest < 3600 {
		out = append(out, fmt.Sprintf("The logs cover %s; rhythms slower than a tenth of that cannot be told from chance.", shortSeconds(max(longest, .001))))
	}
	return append(out, j.clockWarnings()...)
}

// rarelyBack is how rarely a log's times go back for that to be its clock: one that is in no order does so all the time.
const rarelyBack = 1000

// clockWarnings tell of times that cannot all be right.
func (j *judge) clockWarnings() (out []string) {
	if len(j.days) > maxDays {
		return []string{fmt.Sprintf("The logs have times on over %d days: clocks were wrong, so nothing is told from when a pair was first seen.", maxDays)}
	}
	networks := map[uint32][]span{}
	for d, s := range j.arounds {
		if !slices.Contains(networks[d.network], s) {
			networks[d.network] = append(networks[d.network], s)
		}
	}
	for n := range uint32(max(1, len(j.o.Names))) {
		where := "The logs"
		if int(n) < len(j.o.Names) {
			where += " of " + j.o.Names[n]
		}
		if b := j.backs[n]; b.times > 0 && b.times < max(2, j.events/rarelyBack) {
			out = append(out, fmt.Sprintf("%s go back in time %s, by up to %s: unless they are just in no order, a clock was set, and rhythms across that moment are blurred.", where, often(b.times), shortSeconds(b.most)))
		}
		s := networks[n]
		if len(s) < 2 {
			continue
		}
		slices.SortFunc(s, func(a, b span) int { return cmp.Compare(a.first, b.first) })
		first, last := s[0], s[len(s)-1]
		out = append(out, fmt.Sprintf("%s lie in %d stretches over a month apart, from %s to %s: logs are missing, or a clock was wrong. What is new is told within each; RITA's day is the very last.",
			where, len(s), date(first.first), date(last.last-1)))
	}
	return out
}

func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

func often(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func date(ns int64) string { return time.Unix(0, ns).UTC().Format(time.DateOnly) }
