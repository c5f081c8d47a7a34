package profile

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// An entry is one count of a profile, with what it is a count of.
type entry struct {
	aspect        int32
	entity, value uint64
	text          string
}

// contents is all that a profile knows.
type contents struct {
	n      map[entry]uint64 // value and text are empty for the entity itself
	varied map[entry]bool
	limits []aspect
}

func dump(p *Profile) contents {
	p.flush()
	c := contents{map[entry]uint64{}, map[entry]bool{}, p.aspects}
	for _, x := range p.members {
		if x.out || x.n == 0 {
			continue
		}
		e := entry{aspect: x.aspect, entity: x.entity}
		c.n[e] = x.n
		if x.varied {
			c.varied[e] = true
		}
		for k := x.cells; k != none; k = p.cells[k].next {
			e.value, e.text = p.cells[k].value, p.cells[k].text
			c.n[e] = p.cells[k].n
		}
	}
	return c
}

// acts invents n acts of some entities, a few of which show ever more values.
func acts(r *rand.Rand, n, entities int) []Act {
	out := make([]Act, n)
	for i := range out {
		e := uint64(r.IntN(entities)) + 1
		v := r.Uint64N(4)
		if e%7 == 0 {
			v = r.Uint64N(200)
		}
		out[i] = Act{Aspect: r.IntN(3), Entity: mix(e), Peers: mix(e % 5), Value: mix(v), Name: fmt.Append(nil, "entity ", e), Text: fmt.Append(nil, "value ", v)}
		if e%5 == 0 {
			out[i].Peers = 0
		}
	}
	return out
}

func sized(aspects, budget int) *Profile { return NewSized(slices.Repeat([]int{budget}, aspects)) }

func key(a *Act) uint64 { return cellKey(a.Aspect, a.Entity, a.Value) }

func learn(acts []Act, budget int) *Profile {
	p := sized(3, budget)
	for i := range acts {
		p.AddAgain(key(&acts[i]), func() (Act, bool) { return acts[i], true })
	}
	return p
}

// TestOrder: any order, any split over workers and any order of merging gives the same profile, within the budget and
// where it has to be narrowed.
func TestOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, budget := range []int{Budget, 900, 150, 40, 3} {
		all := acts(r, 6000, 150)
		want := dump(learn(all, budget))
		if budget < 900 && want.limits[0].limit == math.MaxUint64 {
			t.Fatalf("budget %d: nothing was narrowed", budget)
		}
		for range 5 {
			parts := make([][]Act, 1+r.IntN(5))
			for _, i := range r.Perm(len(all)) {
				k := r.IntN(len(parts))
				parts[k] = append(parts[k], all[i])
			}
			sum := sized(3, budget)
			for _, i := range r.Perm(len(parts)) {
				sum.Merge(learn(parts[i], budget))
			}
			if got := dump(sum); !reflect.DeepEqual(got, want) {
				t.Fatalf("budget %d, %d parts: %d entries, limits %v; want %d, %v", budget, len(parts), len(got.n), got.limits, len(want.n), want.limits)
			}
		}
	}
}

// TestSubtract: what is merged and subtracted again leaves no trace, and what is left is what would have been learned
// without it.
func TestSubtract(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		all := acts(r, 1+r.IntN(300), 20) // too few for a varied entity
		cut := r.IntN(len(all))
		p := learn(all, Budget)
		p.Subtract(learn(all[cut:], Budget))
		if got, want := dump(p), dump(learn(all[:cut], Budget)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%d of %d acts are left: %v, want %v", cut, len(all), got, want)
		}
		p.Merge(learn(all[cut:], Budget))
		if got, want := dump(p), dump(learn(all, Budget)); !reflect.DeepEqual(got, want) {
			t.Fatalf("after taking them back: %v, want %v", got, want)
		}
	}
}

// TestWithout: a departure from a sum with a part held out is, bit for bit, that from what was learned without the part,
// and from a profile the part was subtracted from.
func TestWithout(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		all := acts(r, 100+r.IntN(900), 30)
		var kept, held []Act
		varied := dump(learn(all, Budget)).varied
		for _, a := range all {
			switch e := (entry{aspect: int32(a.Aspect), entity: a.Entity}); {
			case varied[e]: // stays varied, though what is left may not be
			case r.IntN(3) == 0:
				held = append(held, a)
			default:
				kept = append(kept, a)
			}
		}
		whole, part := learn(append(kept, held...), Budget), learn(held, Budget)
		without, rest := whole.Sum().Without(part), learn(kept, Budget).Sum()
		ask := acts(r, 500, 35)
		for i := range ask {
			got, want := without.Departure(&ask[i]), rest.Departure(&ask[i])
			if got != want {
				t.Fatalf("%+v: %+v, want %+v", ask[i], got, want)
			}
		}
		whole.Subtract(part)
		subtracted := whole.Sum()
		for i := range ask {
			if got, want := subtracted.Departure(&ask[i]), rest.Departure(&ask[i]); got != want {
				t.Fatalf("subtracted: %+v, want %+v", got, want)
			}
		}
	}
}

// TestManyOfEach: ten thousand entities with one act each depart from nothing much; one with ten million acts departs by
// what that many say.
func TestManyOfEach(t *testing.T) {
	p := New(1)
	for i := range uint64(10_000) {
		p.Add(&Act{Entity: mix(i), Value: i % 3, Text: []byte{'a' + byte(i%3)}}, 1)
	}
	p.Add(&Act{Entity: mix(1 << 40), Value: 0, Text: []byte("a")}, 10_000_000)
	s := p.Sum()
	for v := range uint64(3) {
		if d := s.Departure(&Act{Entity: mix(1 << 50), Value: v}); d != (Departure{}) {
			t.Errorf("a stranger departs: %+v", d)
		}
		if d := s.Departure(&Act{Entity: mix(5), Value: v}); d.Weight > 1 {
			t.Errorf("one act is a character: %+v", d)
		}
	}
	d := s.Departure(&Act{Entity: mix(1 << 40), Value: 1})
	if want := math.Log2(10_000_001); !d.Known || d.Count != 0 || d.Total != 10_000_000 || math.Abs(d.Weight-want) > 1e-9 {
		t.Errorf("ten million acts: %+v, want %v bits", d, want)
	}
}

// TestBounded: a flood of entities, and of values, leaves the memory where the budget puts it.
func TestBounded(t *testing.T) {
	p := sized(2, 1000)
	for i := range uint64(200_000) {
		p.Add(&Act{Entity: mix(i), Name: fmt.Append(nil, i), Value: mix(i % 5), Text: fmt.Append(nil, i)}, 1)
		p.Add(&Act{Aspect: 1, Entity: mix(i % 3), Value: mix(i), Text: fmt.Append(nil, i)}, 1)
	}
	if len(p.cells) > 3*1000 || len(p.members) > 4*1000 || len(p.at) > 1100 || len(p.cellAt) > 1100 || len(p.texts) > maxTexts {
		t.Errorf("%d cells, %d members, %d and %d keys, %d texts", len(p.cells), len(p.members), len(p.at), len(p.cellAt), len(p.texts))
	}
	if n := p.Narrowed(0); n > 1./128 || n < 1./512 {
		t.Errorf("narrowed to %v", n)
	}
	if n := p.Narrowed(1); n != 1 {
		t.Errorf("three entities were narrowed to %v", n)
	}
	if d := p.Sum().Departure(&Act{Aspect: 1, Entity: mix(1), Value: 7}); d.Known {
		t.Errorf("a varied entity departs: %+v", d)
	}
}

func TestUsual(t *testing.T) {
	p := New(1)
	for text, n := range map[string]uint64{"c": 2, "b": 5, "a": 5} {
		p.Add(&Act{Entity: 9, Value: mix(uint64(text[0])), Text: []byte(text)}, n)
	}
	if text, n := p.Usual(0, 9); text != "a" || n != 5 {
		t.Errorf("%s %d", text, n)
	}
	if text, n := p.Usual(0, 8); text != "" || n != 0 {
		t.Errorf("of nobody: %s %d", text, n)
	}
}

func TestMergeLeavesTheOther(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	a, b := learn(acts(r, 300, 20), Budget), learn(acts(r, 300, 20), Budget)
	before := dump(b)
	a.Merge(b)
	if !maps.Equal(before.n, dump(b).n) {
		t.Error("merging changed what was merged")
	}
}

// TestForgotten: entities that come and go leave nothing behind.
func TestForgotten(t *testing.T) {
	p := sized(1, 1000)
	for i := range uint64(50_000) {
		q := sized(1, 1000)
		q.Add(&Act{Entity: mix(i), Name: fmt.Append(nil, i), Value: 1, Text: []byte("a")}, 3)
		p.Merge(q)
		p.Subtract(q)
	}
	if len(p.members) > 2000 || len(p.cells) > 10 || len(p.at) > 0 || p.aspects[0].charge != 0 || p.Narrowed(0) != 1 {
		t.Errorf("%d members, %d cells, %d keys, a charge of %d, narrowed to %v", len(p.members), len(p.cells), len(p.at),
			p.aspects[0].charge, p.Narrowed(0))
	}
}

// TestKeys: acts whose keys differ in the last bit, or are 0, are told apart; one that shows nothing counts nothing.
func TestKeys(t *testing.T) {
	p := New(1)
	for range 3 {
		for key := range uint64(4) {
			p.AddAgain(key, func() (Act, bool) {
				return Act{Entity: 9, Value: mix(key + 1), Text: []byte{'a' + byte(key)}}, key != 3
			})
		}
	}
	want := map[entry]uint64{{entity: 9}: 9}
	for v := range uint64(3) {
		want[entry{entity: 9, value: mix(v + 1), text: string(rune('a' + v))}] = 3
	}
	if got := dump(p).n; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestUnkeyed: who is left out does not depend on the key of the caller's hashes.
func TestUnkeyed(t *testing.T) {
	kept := func(key uint64) (names []int) {
		p := sized(1, 100)
		for i := range 1000 {
			p.Add(&Act{Entity: mix(uint64(i) ^ key), Name: fmt.Append(nil, i), Value: mix(key)}, 1)
		}
		for i := range 1000 {
			if _, ok := p.at[memberKey(0, mix(uint64(i)^key))]; ok {
				names = append(names, i)
			}
		}
		return names
	}
	if a, b := kept(1<<40), kept(77); len(a) == 0 || !slices.Equal(a, b) {
		t.Errorf("%v and %v", a, b)
	}
}
