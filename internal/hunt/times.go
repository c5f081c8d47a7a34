package hunt

import "slices"

// Times are how many events each stretch of the logs has: all events with a time, ignored ones too.
type Times struct {
	From   int64   // start of the first bin, in nanoseconds since 1970 UTC
	Width  int64   // of a bin, in nanoseconds
	Counts []int64 // by bin, without a gap
}

// maxBins bounds the bins of Times: four weeks get bins of an hour.
const maxBins = 1024

// binWidths are the widths that bins may have, in seconds. Each divides the next, so that narrow bins add up to wide ones
// exactly, and each is laid from 1970. The last reaches over all of time.
var binWidths = []int64{1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400, 28 * 86400, 112 * 86400,
	560 * 86400}

// A timeline counts events by time in the narrowest bins of which maxBins reach from the first event to the last. What it
// holds in the end depends on the times alone: neither on their order nor on how they were spread over timelines.
type timeline struct {
	rung   int   // index into binWidths
	first  int64 // number of the first bin, counted from 1970
	counts []int64

	from, to int64 // the bin of the last event, to excluded: logs are mostly in order
	at       int   // and its index
}

func (l *timeline) width() int64 { return binWidths[l.rung] * 1e9 }

func (l *timeline) add(t int64) {
	if t < l.from || t >= l.to { // slow path
		l.seek(t)
	}
	l.counts[l.at]++
}

// seek makes the bin of t the current one.
func (l *timeline) seek(t int64) {
	l.reach(floorDiv(t, l.width()), floorDiv(t, l.width()))
	w := l.width()
	bin := floorDiv(t, w)
	l.at, l.from, l.to = int(bin-l.first), bin*w, bin*w+w
	if t < l.from || t >= l.to { // at the ends of time, where this overflows
		l.from, l.to = 0, 0
	}
}

// reach makes room for the bins from lo to hi, in wider bins if need be.
func (l *timeline) reach(lo, hi int64) {
	for {
		first, last := lo, hi
		if len(l.counts) > 0 {
			first, last = min(lo, l.first), max(hi, l.first+int64(len(l.counts))-1)
		}
		if last-first < maxBins {
			lo, hi = first, last
			break
		}
		by := l.widen()
		lo, hi = floorDiv(lo, by), floorDiv(hi, by)
	}
	if len(l.counts) == 0 {
		l.first = lo
	}
	if lo < l.first {
		l.counts = slices.Insert(l.counts, 0, make([]int64, l.first-lo)...)
		l.first, l.from, l.to = lo, 0, 0
	}
	if n := int(hi - lo + 1); n > len(l.counts) {
		l.counts = append(l.counts, make([]int64, n-len(l.counts))...)
	}
}

// widen goes to the next wider bins and returns how many of the old ones make one of them.
func (l *timeline) widen() int64 {
	by := binWidths[l.rung+1] / binWidths[l.rung]
	l.rung++
	l.from, l.to = 0, 0
	if len(l.counts) == 0 {
		return by
	}
	first := floorDiv(l.first, by)
	n := 0
	for i, c := range l.counts {
		at := int(floorDiv(l.first+int64(i), by) - first)
		if i > 0 && at < n { // never in front of what is still to be read
			l.counts[at] += c
			continue
		}
		l.counts[at] = c
		n = at + 1
	}
	l.first, l.counts = first, l.counts[:n]
	return by
}

// absorb adds what another timeline counted, which is used up by it.
func (l *timeline) absorb(o *timeline) {
	if len(o.counts) == 0 {
		return
	}
	for l.rung < o.rung {
		l.widen()
	}
	for {
		for o.rung < l.rung {
			o.widen()
		}
		l.reach(o.first, o.first+int64(len(o.counts))-1)
		if l.rung == o.rung {
			break
		}
	}
	for i, c := range o.counts {
		l.counts[o.first-l.first+int64(i)] += c
	}
	l.from, l.to = 0, 0
}

// times are the counts for the world outside. Bins at both ends that hold nothing are cut off.
func (l *timeline) times() Times {
	from, to := 0, len(l.counts)
	for from < to && l.counts[from] == 0 {
		from++
	}
	for to > from && l.counts[to-1] == 0 {
		to--
	}
	return Times{From: (l.first + int64(from)) * l.width(), Width: l.width(), Counts: l.counts[from:to]}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
