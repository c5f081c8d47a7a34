package related

import (
	"cmp"
	"container/heap"
	"math"
	"slices"

	"weir/internal/event"
)

// A row is a hit in the making: an event, or several that share the same heaviest tokens.
type row struct {
	at      place
	score   float64
	time    int64
	hasTime bool
	votes   []vote // of the best event; nil unless the row is in the heap, as is raw
	raw     []byte
	slot    int // in the heap, −1 if it is not there

	key         rowKey
	count       int64
	timed       bool
	first, last int64
}

// better reports whether an event with this score at this place ranks before the row's best.
func (r *row) better(score float64, at place) bool {
	return score > r.score || score == r.score && at.compare(r.at) < 0
}

// rowKey is what events of a row have in common: their two heaviest shared tokens.
type rowKey [2]int32

func keyOf(votes []vote) rowKey {
	k := rowKey{votes[0].token, -1}
	if len(votes) > 1 {
		k[1] = votes[1].token
	}
	return k
}

// best keeps the best rows, with the raw lines of no more than limit of them. A row that has fallen out of the heap can
// come back only with an event that is better than its best so far, and then brings that one's line along.
type best struct {
	limit  int
	fold   bool
	rows   map[rowKey]*row // every row
	heap   []*row          // the best, the worst of them first
	events int64
}

func newBest(limit int, fold bool) *best {
	return &best{limit: limit, fold: fold, rows: map[rowKey]*row{}}
}

// add takes an event with at least one vote. It copies what it keeps.
func (b *best) add(e *event.Event, at place, raw []byte, score float64, votes []vote) {
	b.events++
	key := keyOf(votes)
	r := b.rows[key]
	if r == nil {
		r = &row{key: key, slot: -1, score: math.Inf(-1)}
		b.rows[key] = r
	}
	r.count++
	if e.HasTime {
		r.span(e.Time, e.Time)
	}
	if !b.fold {
		r = &row{slot: -1, score: math.Inf(-1), count: 1, timed: e.HasTime, first: e.Time, last: e.Time}
	}
	if !r.better(score, at) {
		return
	}
	r.score, r.at = score, at
	if r.slot < 0 && len(b.heap) == b.limit && !b.heap[0].worse(r) {
		return
	}
	r.time, r.hasTime = e.Time, e.HasTime
	r.raw, r.votes = append(r.raw[:0], raw...), append(r.votes[:0], votes...)
	b.place(r)
}

func (r *row) span(first, last int64) {
	if !r.timed {
		r.timed, r.first, r.last = true, first, last
	}
	r.first, r.last = min(r.first, first), max(r.last, last)
}

// worse reports whether r ranks after o.
func (r *row) worse(o *row) bool { return r.better(o.score, o.at) }

// place puts a row where it belongs in the heap, and drops the worst if there are too many.
func (b *best) place(r *row) {
	if r.slot >= 0 {
		heap.Fix(b, r.slot)
		return
	}
	heap.Push(b, r)
	if len(b.heap) > b.limit {
		out := heap.Pop(b).(*row)
		out.raw, out.votes = nil, nil
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (b *best) Len() int           { return len(b.heap) }
func (b *best) Less(i, j int) bool { return b.heap[i].worse(b.heap[j]) }
func (b *best) Swap(i, j int) {
	b.heap[i], b.heap[j] = b.heap[j], b.heap[i]
	b.heap[i].slot, b.heap[j].slot = i, j
}

// Push appends a row.
func (b *best) Push(x any) {
	r := x.(*row)
	r.slot = len(b.heap)
	b.heap = append(b.heap, r)
}

// Pop removes the last row.
func (b *best) Pop() any {
	r := b.heap[len(b.heap)-1]
	b.heap = b.heap[:len(b.heap)-1]
	r.slot = -1
	return r
}

// merge takes what another worker kept. o is not used after it.
func (b *best) merge(o *best) {
	b.events += o.events
	if !b.fold {
		for _, r := range o.heap {
			r.slot = -1
			b.place(r)
		}
	}
	for key, x := range o.rows {
		r := b.rows[key]
		if r == nil {
			x.slot = -1
			b.rows[key] = x
			if b.fold && x.votes != nil {
				b.place(x)
			}
			continue
		}
		r.count += x.count
		if x.timed {
			r.span(x.first, x.last)
		}
		if !b.fold || !r.better(x.score, x.at) {
			continue
		}
		r.score, r.at, r.time, r.hasTime = x.score, x.at, x.time, x.hasTime
		if x.votes == nil { // better rows of o kept it out of the heap, and they come here too
			if r.slot >= 0 {
				heap.Remove(b, r.slot)
				r.votes, r.raw = nil, nil
			}
			continue
		}
		r.raw, r.votes = x.raw, x.votes
		b.place(r)
	}
}

// sorted returns the rows of the heap, best first.
func (b *best) sorted() []*row {
	out := slices.Clone(b.heap)
	slices.SortFunc(out, func(x, y *row) int {
		return cmp.Or(cmp.Compare(y.score, x.score), x.at.compare(y.at))
	})
	return out
}
