package cluster

import (
	"cmp"
	"slices"
)

const (
	near     = .7 // likeness from which an item follows a leader, at first
	relax    = .8 // what it is multiplied with when there are too many leaders
	probes   = 12 // tokens of an item by which leaders are looked for
	postings = 32 // leaders that a token remembers
	tried    = 8  // leaders that are compared in full
)

// A leader stands for items that are much like it.
type leader struct {
	vector
	item int
	size int // items
}

// leaders gathers items around at most limit of them, in one pass: an item follows the leader that it is most like, or
// becomes one. When there are too many, likeness is asked for less strictly and leaders are gathered themselves, as BIRCH
// does with its features (Zhang, Ramakrishnan, Livny 1996). Candidates come from an inverted index over an item's heaviest
// tokens, with bounded postings, so the time is near to linear in the items. of is the leader of each item, −1 for what is
// like no leader when there is no room for more.
func leaders(t *table, limit int, floor float64) (list []leader, of []int32) {
	of = make([]int32, t.items.n)
	if t.items.n <= limit {
		for i := range of {
			of[i] = int32(i)
			list = append(list, leader{t.vector(i), i, 1})
		}
		return list, of
	}
	x := &leaderIndex{table: t, at: map[uint32][]int32{}}
	least := near
	for i := range of {
		v := t.vector(i)
		at, like := x.nearest(&v)
		for like < least && len(x.list) >= limit && least > floor {
			least = max(floor, least*relax)
			x.gather(least, of[:i])
			at, like = x.nearest(&v)
		}
		switch {
		case like >= least:
			x.list[at].size++
			of[i] = at
		case len(x.list) < limit:
			of[i] = x.add(leader{v, i, 1})
		default:
			of[i] = -1
		}
	}
	return x.list, of
}

type leaderIndex struct {
	table *table
	list  []leader
	at    map[uint32][]int32 // token → leaders
	dots  []float64          // by leader: scratch
	seen  []int32
}

// heaviest returns the tokens by which an item finds its like: those that weigh most among those that others have.
func (x *leaderIndex) heaviest(v *vector) []entry {
	var top []entry
	for _, e := range v.entries {
		if x.table.count[e.token] < 2 || len(top) == probes && e.x <= top[probes-1].x {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, e, func(a, b entry) int {
			return cmp.Or(cmp.Compare(b.x, a.x), cmp.Compare(a.token, b.token))
		})
		if len(top) == probes {
			top = top[:probes-1]
		}
		top = slices.Insert(top, at, e)
	}
	return top
}

func (x *leaderIndex) add(l leader) int32 {
	n := int32(len(x.list))
	x.list = append(x.list, l)
	x.dots = append(x.dots, 0)
	for _, e := range x.heaviest(&l.vector) {
		if len(x.at[e.token]) < postings {
			x.at[e.token] = append(x.at[e.token], n)
		}
	}
	return n
}

// nearest returns the leader that v is most like among those that share its heaviest tokens; −1 and 0 if there is none.
func (x *leaderIndex) nearest(v *vector) (at int32, like float64) {
	x.seen = x.seen[:0]
	for _, e := range x.heaviest(v) {
		for _, l := range x.at[e.token] {
			if x.dots[l] == 0 {
				x.seen = append(x.seen, l)
			}
			x.dots[l] += float64(e.x * e.x)
		}
	}
	slices.SortFunc(x.seen, func(a, b int32) int { return cmp.Or(cmp.Compare(x.dots[b], x.dots[a]), cmp.Compare(a, b)) })
	at = -1
	for i, l := range x.seen {
		if i < tried {
			if s := likeness(v, &x.list[l].vector); s > like {
				at, like = l, s
			}
		}
		x.dots[l] = 0
	}
	return at, like
}

// gather makes leaders follow leaders. of are the items that follow them.
func (x *leaderIndex) gather(least float64, of []int32) {
	old := x.list
	to := make([]int32, len(old))
	*x = leaderIndex{table: x.table, at: map[uint32][]int32{}}
	for i := range old {
		at, like := x.nearest(&old[i].vector)
		if like >= least {
			x.list[at].size += old[i].size
			to[i] = at
			continue
		}
		to[i] = x.add(old[i])
	}
	for i, l := range of {
		if l >= 0 {
			of[i] = to[l]
		}
	}
}
