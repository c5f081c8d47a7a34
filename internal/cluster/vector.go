package cluster

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/bayes"
	"weir/internal/hunt"
	"weir/internal/token"
)

// A vector is an item as the comparison sees it. The likeness of two is
//
//	Σ over groups g of  k(g)·√(A(g)·B(g))·cosine(a(g), b(g))   divided by   Σ over g of  k(g)·max(A(g), B(g))
//
// where a group is the tokens of one kind of one field, A(g) is the strongest evidence for bad that the item has in it (at
// most [loudest] bits), and the tokens inside a group weigh by how few items have them. The numerator is one product of
// sparse vectors, the denominator compares a few numbers by group.
type vector struct {
	entries []entry // by token
	voices  []voice // by group
	total   float64 // of the voices
}

type entry struct {
	token uint32
	x     float64
}

type voice struct {
	group uint32
	v     float64
}

const (
	loudest = 12 // bits of evidence from which more says nothing more
	mute    = .1 // weight of a token that does not speak for bad, beside one that does
	ofPair  = .5 // weight of a declared pair: its sides have votes of their own
)

// weightOf is how much the kinds of tokens count for likeness. How a thing was done (which odd characters, which words)
// tells attacks apart better than where, and a whole value is mostly one event's own.
func weightOf(k token.Kind) float64 {
	switch k {
	case token.Odd, token.OddCount:
		return 2
	case token.Word, token.Gram, token.Run:
		return 1
	case token.Whole:
		return .25
	}
	return .5
}

// An items is what is to be clustered: contents of suspects. Its functions must give the same for the same number.
type items struct {
	n      int
	traits func(item int, f func(hunt.Trait))
	times  func(item int) []int64 // rising
}

// A table counts in how many items a token occurs, and makes vectors.
type table struct {
	items  items
	count  []uint32 // by token
	stamp  []uint32 // by token: the last item that had it, plus one
	groups map[groupKey]uint32
	kinds  []float64 // by group: its weight
	loud   []float64 // by group: scratch
	norm   []float64 // by group: scratch
	used   []uint32  // groups of the item at hand
	raw    []rawEntry
}

type groupKey struct {
	field *token.Field
	kind  token.Kind
}

type rawEntry struct {
	token, group uint32
	w            float64
}

func newTable(it items) *table {
	t := &table{items: it, groups: map[groupKey]uint32{}}
	for i := range it.n {
		it.traits(i, func(x hunt.Trait) {
			if t.first(i, x) {
				t.count[x.ID]++
			}
		})
	}
	clear(t.stamp)
	return t
}

// first reports whether a trait counts and is seen for the first time in an item. Who it was does not count: two clients that
// do the same do the same.
func (t *table) first(item int, x hunt.Trait) bool {
	if x.Field.Identity {
		return false
	}
	for int(x.ID) >= len(t.count) {
		t.count = append(t.count, make([]uint32, 1024)...)
		t.stamp = append(t.stamp, make([]uint32, 1024)...)
	}
	if t.stamp[x.ID] == uint32(item)+1 {
		return false
	}
	t.stamp[x.ID] = uint32(item) + 1
	return true
}

func (t *table) group(x hunt.Trait) uint32 {
	key := groupKey{x.Field, x.Kind}
	g, ok := t.groups[key]
	if !ok {
		g = uint32(len(t.kinds))
		t.groups[key] = g
		w := weightOf(x.Kind)
		if x.Field.Left != "" {
			w *= ofPair
		}
		t.kinds = append(t.kinds, w)
		t.loud, t.norm = append(t.loud, 0), append(t.norm, 0)
	}
	return g
}

// vector makes the vector of an item.
func (t *table) vector(item int) vector {
	t.raw, t.used = t.raw[:0], t.used[:0]
	n := float64(t.items.n + 1)
	t.items.traits(item, func(x hunt.Trait) {
		if !t.first(item, x) {
			return
		}
		g := t.group(x)
		w := bayes.Log2(n / float64(t.count[x.ID]))
		if x.Weight <= 0 {
			w *= mute
		}
		if t.norm[g] == 0 {
			t.used = append(t.used, g)
		}
		t.loud[g] = max(t.loud[g], min(loudest, x.Weight))
		t.norm[g] += float64(w * w)
		t.raw = append(t.raw, rawEntry{x.ID, g, w})
	})
	v := vector{entries: make([]entry, 0, len(t.raw)), voices: make([]voice, 0, len(t.used))}
	slices.Sort(t.used)
	for _, g := range t.used {
		if t.loud[g] > 0 {
			v.voices = append(v.voices, voice{g, float64(t.kinds[g] * t.loud[g])})
			v.total += float64(t.kinds[g] * t.loud[g])
		}
	}
	for _, e := range t.raw {
		t.stamp[e.token] = 0
		if t.loud[e.group] > 0 && e.w > 0 {
			v.entries = append(v.entries, entry{e.token, math.Sqrt(t.kinds[e.group]*t.loud[e.group]/t.norm[e.group]) * e.w})
		}
	}
	for _, g := range t.used {
		t.loud[g], t.norm[g] = 0, 0
	}
	slices.SortFunc(v.entries, func(a, b entry) int { return cmp.Compare(a.token, b.token) })
	return v
}

// likeness of two vectors, from 0 to 1.
func likeness(a, b *vector) float64 {
	dot, i, k := 0.0, 0, 0
	for i < len(a.entries) && k < len(b.entries) {
		x, y := &a.entries[i], &b.entries[k]
		switch {
		case x.token < y.token:
			i++
		case x.token > y.token:
			k++
		default:
			dot += float64(x.x * y.x)
			i++
			k++
		}
	}
	return share(dot, a, b)
}

// share lays a product of two vectors against the most that it could be.
func share(dot float64, a, b *vector) float64 {
	if dot == 0 {
		return 0
	}
	differ, i, k := 0.0, 0, 0
	for i < len(a.voices) || k < len(b.voices) {
		switch {
		case k == len(b.voices) || i < len(a.voices) && a.voices[i].group < b.voices[k].group:
			differ += a.voices[i].v
			i++
		case i == len(a.voices) || b.voices[k].group < a.voices[i].group:
			differ += b.voices[k].v
			k++
		default:
			differ += math.Abs(a.voices[i].v - b.voices[k].v)
			i++
			k++
		}
	}
	return min(1, 2*dot/(a.total+b.total+differ)) // max(x, y) = (x + y + |x−y|)/2
}
