package cluster

import (
	"cmp"
	"slices"

	"weir/internal/bayes"
	"weir/internal/hunt"
)

const (
	linkFrom = .5  // strength from which two steps are one campaign
	rare     = 8   // bits of rarity in known good from which an entity links in full: one event in 256
	rareOf   = .75 // and no more than this part of what the known good there is can show
	hours    = 6   // steps that lie so far apart are linked half as strongly
	crowd    = 200 // an entity in more steps than this links each to the next only
)

// A mark is an entity in a step: a client, a file, a user …
type mark struct {
	step    int32
	facet   facet
	token   uint32
	feature uint32
	events  uint32
	good    uint32
	weight  float64 // 0 for what known good shares widely, 1 for what it hardly has
}

// linking says how far an entity links: in full if known good hardly has it, not at all if known good shares it widely, and
// no further than the part of its events that lie in the window. A proxy, a login page, a host in its daily work do not join
// what else they have to do with.
func linking(x *hunt.Trait, known float64) float64 {
	full := min(rare, float64(rareOf*bayes.Rarity(0, known)))
	own := float64(x.Bad) / float64(x.Bad+x.Good)
	return float64(min(1, max(0, 2*x.Rarity/full-1)) * own)
}

// A variant is a content as one client sent it, with its events.
type variant struct {
	number int // of its best suspect
	item   int32
	events uint32
}

// variants lists them, those of best suspects first.
func (s *study) variants() []variant {
	at := make([]int32, s.r.Variants()) // plus one
	var out []variant
	for n, i := range s.suspects {
		v := s.r.VariantOf(i)
		if at[v] == 0 {
			out = append(out, variant{i, s.item[n], 0})
			at[v] = int32(len(out))
		}
		out[at[v]-1].events++
	}
	return out
}

// marks lists the entities of each step, by facet, token and step.
func (s *study) marks(variants []variant, of []int32) []mark {
	known := float64(s.r.Good)
	var out []mark
	for _, v := range variants {
		step := of[v.item]
		if step < 0 {
			continue
		}
		from := len(out)
		s.r.Traits(v.number, func(x hunt.Trait) {
			f := facetOf(&x)
			if f == noFacet || slices.ContainsFunc(out[from:], func(m mark) bool { return m.token == x.ID }) {
				return
			}
			out = append(out, mark{step, f, x.ID, x.Feature, v.events, x.Good, linking(&x, known)})
		})
	}
	slices.SortFunc(out, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.facet, b.facet), cmp.Compare(a.token, b.token), cmp.Compare(a.step, b.step), cmp.Compare(a.feature, b.feature))
	})
	n := 0
	for _, m := range out {
		if n > 0 && out[n-1].token == m.token && out[n-1].step == m.step && out[n-1].facet == m.facet {
			out[n-1].events += m.events
			continue
		}
		out[n] = m
		n++
	}
	return slices.Clip(out[:n])
}

// A span is what linking asks of a step.
type span struct {
	events      int
	first, last int64
}

// link returns the campaign of each step: steps are joined where the rare entities that one shares with the other cover half
// of it.
func link(marks []mark, steps []span) []int32 {
	type pair struct{ a, b [numFacets]float64 }
	pairs := map[uint64]*pair{}
	var keys []uint64
	meet := func(x, y *mark) {
		key := uint64(x.step)<<32 | uint64(y.step)
		p := pairs[key]
		if p == nil {
			p = &pair{}
			pairs[key] = p
			keys = append(keys, key)
		}
		p.a[x.facet] += float64(x.weight * float64(x.events) / float64(steps[x.step].events))
		p.b[y.facet] += float64(y.weight * float64(y.events) / float64(steps[y.step].events))
	}
	for len(marks) > 0 {
		n := 1
		for n < len(marks) && marks[n].token == marks[0].token && marks[n].facet == marks[0].facet {
			n++
		}
		for i := 0; i < n && marks[0].weight > 0; i++ {
			for k := i + 1; k < n && (k == i+1 || n <= crowd); k++ {
				meet(&marks[i], &marks[k])
			}
		}
		marks = marks[n:]
	}
	parent := make([]int32, len(steps))
	for i := range parent {
		parent[i] = int32(i)
	}
	root := func(i int32) int32 {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for _, key := range keys {
		x, y := int32(key>>32), int32(uint32(key))
		p, strength := pairs[key], 0.0
		for f := range p.a {
			strength = max(strength, linkWeight[f]*min(1, max(p.a[f], p.b[f])))
		}
		gap := max(0, steps[x].first-steps[y].last, steps[y].first-steps[x].last)
		if strength/(1+float64(gap)/(hours*3600e9)) >= linkFrom {
			a, b := root(x), root(y)
			parent[max(a, b)] = min(a, b)
		}
	}
	for i := range parent {
		parent[i] = root(int32(i))
	}
	return parent
}
