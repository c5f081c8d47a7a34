package hunt

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// MaxPlacebos is how many placebo windows a hunt runs at most.
const MaxPlacebos = 20

// maxPlaceboRows bounds the stored events of all spans that may become placebos. Beyond it the least suitable spans are
// given up, which depends on the events alone and not on the order in which they were read.
const maxPlaceboRows = 1_000_000

// minPlacebos are run whatever they cost.
const minPlacebos = 8

const day = 24 * int64(time.Hour)

// spare is how many more spans than MaxPlacebos are stored: the ends of the log cut some off, others overlap.
const spare = 12

// A ladder lays spans of the window's length at whole multiples of a step before and after it. Which spans exist is
// known from the window alone, so events can be put aside for them while the logs are read once, in any order.
//
// There are two: one in steps of days, whose spans have the window's hours of the day, and one in the smallest steps
// that keep spans apart, for logs that are too short for the first.
type ladder struct {
	window        Span
	keepOff, good []Span
	step          int64
	spans         map[int]*rows
	seen          map[int]bool // spans with an event, up to enoughSpans
	worst         int          // rank of the first span that was given up for want of room; MaxInt if none was
	stored, room  int          // rows, and how many there may be
	last          int          // the span asked for last, whether it can be a placebo as far as is known before reading, and its rank
	lastUsable    bool
	lastRank      int
}

func newLadder(q *question, step int64) *ladder {
	return &ladder{window: hull(q.windows), keepOff: slices.Concat(q.windows, q.ignore), good: q.good, step: step, spans: map[int]*rows{},
		seen: map[int]bool{}, worst: math.MaxInt, room: cmp.Or(q.room, maxPlaceboRows)}
}

// enoughSpans is how many spans with events give MaxPlacebos placebo windows in any case: only the first and the last of them
// may reach beyond what the logs cover.
const enoughSpans = MaxPlacebos + 2

// guard is the gap that is kept between a placebo, the window and other placebos: what spills over the edge of a
// break-in should not make a clean window look dirty.
func guard(window Span) int64 {
	return min(max(window.Length()/4, int64(time.Minute)), int64(time.Hour))
}

// longest is the longest window that can have placebos; longer ones are open ended, or as good as.
const longest = 3660 * day

func newLadders(q *question) []*ladder {
	window := hull(q.windows)
	if window.Length() > longest {
		return nil
	}
	pace := window.Length() + guard(window)
	days := (pace + day - 1) / day * day
	if days == pace {
		return []*ladder{newLadder(q, days)}
	}
	return []*ladder{newLadder(q, days), newLadder(q, pace)}
}

func (l *ladder) span(k int) Span {
	return Span{l.window.From + int64(k)*l.step, l.window.To + int64(k)*l.step}
}

// index returns the span that holds t, if any but the window itself does.
func (l *ladder) index(t int64) (k int, ok bool) {
	d := t - l.window.From
	k64 := d / l.step
	if d%l.step < 0 {
		k64--
	}
	if k64 == 0 || k64 > 1<<30 || k64 < -1<<30 {
		return 0, false
	}
	return int(k64), l.span(int(k64)).Contains(t)
}

// rank orders the spans of a ladder by how well they compare with the window: the same hour of the week first, then
// the same kind of day, then the nearest; those more than a year away come last. Lower is better; ranks of different spans differ.
func (l *ladder) rank(k int) int {
	near := 2*max(k, -k) - 1
	if k > 0 {
		near++
	}
	if l.step%day != 0 {
		return near
	}
	if int64(max(k, -k)) > year/l.step {
		return near + 1<<22
	}
	at := time.Unix(0, l.window.From).UTC()
	to := time.Unix(0, l.span(k).From).UTC()
	switch {
	case int64(k)*l.step%(7*day) == 0:
		return near
	case weekend(at) == weekend(to):
		return near + 1<<20
	}
	return near + 1<<21
}

// year is a year with a week to spare.
const year = 53 * 7 * day

func weekend(t time.Time) bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }

// usable reports whether a span may become a placebo, as far as its place decides.
func (l *ladder) usable(s Span) bool {
	gap := guard(l.window)
	return !slices.ContainsFunc(l.keepOff, func(o Span) bool { return s.Overlaps(o, gap) }) &&
		(len(l.good) == 0 || slices.ContainsFunc(l.good, func(o Span) bool { return o.From <= s.From && s.To <= o.To }))
}

// wants reports whether an event at t may be needed. It may be called only for events that would be.
func (l *ladder) wants(t int64) (k int, ok bool) {
	if k, ok = l.index(t); !ok {
		return 0, false
	}
	if k != l.last { // 0, as at the start, is the window itself
		l.last, l.lastUsable, l.lastRank = k, l.usable(l.span(k)), l.rank(k)
		if l.lastUsable && len(l.seen) < enoughSpans {
			l.seen[k] = true
		}
	}
	return k, l.lastUsable && l.lastRank < l.worst
}

// full reports whether this ladder alone has all placebos that are wanted, which no later event can change.
func (l *ladder) full() bool { return len(l.seen) >= enoughSpans }

func (l *ladder) add(k int, x row, feats []uint32) {
	r := l.spans[k]
	if r == nil {
		r = &rows{}
		l.spans[k] = r
	}
	r.add(x, feats)
	l.stored++
	if l.stored > l.room || len(l.spans) > MaxPlacebos+spare {
		l.giveUp()
	}
}

// giveUp drops the worst spans until the bounds hold.
func (l *ladder) giveUp() {
	order := l.order()
	for len(order) > 0 && (l.stored > l.room || len(order) > MaxPlacebos+spare) {
		k := order[len(order)-1]
		order = order[:len(order)-1]
		l.stored -= l.spans[k].len()
		l.worst = l.rank(k)
		delete(l.spans, k)
	}
}

// order returns the stored spans, best first.
func (l *ladder) order() []int {
	ks := make([]int, 0, len(l.spans))
	for k := range l.spans {
		ks = append(ks, k)
	}
	slices.SortFunc(ks, func(a, b int) int { return cmp.Compare(l.rank(a), l.rank(b)) })
	return ks
}

// absorb takes the rows of o, another worker's ladder for the same window, with its features renumbered.
func (l *ladder) absorb(o *ladder, ids []uint32) {
	l.worst = min(l.worst, o.worst)
	for k := range o.seen {
		l.seen[k] = true
	}
	for k, r := range o.spans {
		if l.rank(k) >= l.worst {
			continue
		}
		if l.spans[k] == nil {
			l.spans[k] = &rows{}
		}
		n := r.len()
		l.spans[k].absorb(r, ids)
		l.stored += n
	}
	for k, r := range l.spans { // o gave up more than this one had
		if l.rank(k) >= l.worst {
			l.stored -= r.len()
			delete(l.spans, k)
		}
	}
	if l.stored > l.room || len(l.spans) > MaxPlacebos+spare {
		l.giveUp()
	}
}

// A placebo is a clean window that plays the suspect.
type placebo struct {
	span Span
	host string // another host at the window's own time, or ""
	rows *rows
}

// choose picks the placebo windows: whole inside a stretch of the time that the logs cover, clear of the windows and of each other,
// in spans that are known good, best first, until they hold budget events. It returns them in order of time.
func choose(ladders []*ladder, solid []Span, budget int) []placebo {
	var out []placebo
	used := 0
	for _, l := range ladders {
		gap := guard(l.window)
		for _, k := range l.order() {
			s := l.span(k)
			if len(out) == MaxPlacebos ||
				!slices.ContainsFunc(solid, func(c Span) bool { return c.From <= s.From && s.To <= c.To }) ||
				slices.ContainsFunc(out, func(p placebo) bool { return s.Overlaps(p.span, gap-1) }) {
				continue
			}
			if used += l.spans[k].len(); used > budget && len(out) >= minPlacebos {
				break
			}
			out = append(out, placebo{span: s, rows: l.spans[k]})
		}
	}
	slices.SortFunc(out, func(a, b placebo) int { return cmp.Compare(a.span.From, b.span.From) })
	return out
}
