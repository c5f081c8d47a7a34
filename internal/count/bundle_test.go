package count

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// A bundled is what travels of counts.
type bundled struct {
	field  string
	table  Table
	number int
}

// ship writes counts as bundles and heads, adding to those that are there already.
func ship(t *testing.T, c *Counts, bits uint, bundles map[bundled][][]byte, heads map[string][][]byte) {
	t.Helper()
	err := c.EachBundle(bits, func(field string, table Table, number int, value []byte) error {
		if number < 0 || number >= 1<<bits {
			t.Fatalf("bundle %d with %d bits", number, bits)
		}
		k := bundled{field, table, number}
		bundles[k] = append(bundles[k], value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Names() {
		heads[name] = append(heads[name], c.Lookup(name).AppendHead(nil))
	}
}

func contents(g *Group) map[string]map[uint64][2]uint32 {
	out := map[string]map[uint64][2]uint32{}
	for name, t := range map[string]*table{"values": &g.values, "parts": &g.parts, "hours": &g.hours} {
		out[name] = map[uint64][2]uint32{}
		for _, e := range t.entries {
			if e.key != 0 {
				out[name][e.key] = [2]uint32{e.good, e.bad}
			}
		}
	}
	return out
}

// TestBundlesAddUp ships shares of counts, combined or not, in any order, and compares with counting everything in one.
func TestBundlesAddUp(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 9))
		adds := additions(seed, 20_000)
		want := counted(adds)
		bits := uint(r.IntN(7))
		bundles, heads := map[bundled][][]byte{}, map[string][][]byte{}
		for len(adds) > 0 {
			n := 1 + r.IntN(len(adds))
			ship(t, counted(adds[:n]), bits, bundles, heads)
			adds = adds[n:]
		}
		got := New()
		for k, list := range bundles {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			cut := r.IntN(len(list) + 1) // the first of them go through a reducer
			sum, again := NewBundle(k.table), NewBundle(k.table)
			for _, v := range list[:cut] {
				if err := sum.Add(v); err != nil {
					t.Fatal(err)
				}
			}
			for i := cut - 1; i >= 0; i-- {
				_ = again.Add(list[i])
			}
			reduced, _ := sum.Append(nil)
			if other, _ := again.Append(nil); !bytes.Equal(reduced, other) {
				t.Fatal("the sum of bundles depends on their order")
			}
			for _, v := range append([][]byte{reduced}, list[cut:]...) {
				if err := got.AddBundle(k.field, k.table, v); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, list := range heads {
			for _, h := range list {
				if err := got.Group(name).AddHead(h); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, name := range want.Names() {
			w, g := want.Lookup(name), got.Lookup(name)
			if g == nil || w.Hourly != g.Hourly || w.Events != g.Events || !reflect.DeepEqual(contents(w), contents(g)) {
				t.Fatalf("field %s differs", name)
			}
		}
	}
}

// TestBundleOfNeighbours has tokens that share their upper bits, and counts that stopped at their end.
func TestBundleOfNeighbours(t *testing.T) {
	c := New()
	g := c.Group("n")
	g.Hourly = true
	for _, v := range []uint64{0, 1, 0x1200, 0x1201, 0x12FF, math.MaxUint64, math.MaxUint64 - 1} {
		for h := range 5 {
			g.Add(v, []uint64{v ^ 1}, Class(h&1), 40*h, uint32(h+1))
		}
	}
	g.Add(77<<20, nil, Good, 3, math.MaxUint32)
	g.Add(77<<20, nil, Good, 4, math.MaxUint32)
	bundles, heads := map[bundled][][]byte{}, map[string][][]byte{}
	ship(t, c, 3, bundles, heads)
	got := New()
	for k, list := range bundles {
		for _, v := range list {
			if err := got.AddBundle(k.field, k.table, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !reflect.DeepEqual(contents(g), contents(got.Lookup("n"))) {
		t.Fatal("counts differ")
	}
}

func FuzzBundle(f *testing.F) {
	c := counted(additions(1, 300))
	_ = c.EachBundle(2, func(_ string, table Table, _ int, value []byte) error {
		f.Add(byte(table), value)
		return nil
	})
	f.Fuzz(func(t *testing.T, table byte, value []byte) {
		b, same := NewBundle(Table(table%2)), NewBundle(Table(table%2))
		if err := b.Add(value); err != nil {
			if !errors.Is(err, ErrBundle) {
				t.Fatal(err)
			}
			return
		}
		_ = same.Add(value)
		again := NewBundle(Table(table % 2))
		out, _ := b.Append(nil)
		if err := again.Add(out); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(contents(&same.group), contents(&again.group)) {
			t.Fatal("what was read is not what was written")
		}
		var g Group
		_ = g.AddHead(value)
	})
}

// TestTakeSome: a group with some of its tokens answers as one with all of them.
func TestTakeSome(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 4))
		adds := additions(seed, 20_000)
		want := counted(adds)
		bundles, heads := map[bundled][][]byte{}, map[string][][]byte{}
		ship(t, counted(adds[:7000]), 3, bundles, heads)
		ship(t, counted(adds[7000:]), 3, bundles, heads)
		got := New()
		for name, list := range heads {
			for _, h := range list {
				if err := got.Group(name).AddHead(h); err != nil {
					t.Fatal(err)
				}
			}
		}
		const least = 2
		odd := func(token uint64) bool { return token%2 == 1 }
		for k, list := range bundles {
			b := NewBundle(k.table)
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for _, v := range list {
				if err := b.Add(v); err != nil {
					t.Fatal(err)
				}
			}
			got.Group(k.field).TakeSome(b, least, odd)
		}
		clock := 0.0
		for _, name := range want.Names() {
			w, g := want.Lookup(name), got.Lookup(name)
			if w.Shape() != g.Shape() || w.ClockBound(least) != g.ClockBound(least) {
				t.Errorf("field %s: %v and %v, want %v and %v", name, g.Shape(), g.ClockBound(least), w.Shape(), w.ClockBound(least))
			}
			clock = max(clock, w.ClockBound(least))
			for which, tokens := range contents(w) {
				if which == "hours" {
					continue
				}
				for token, n := range tokens {
					if !odd(token) {
						n = [2]uint32{}
					}
					if contents(g)[which][token] != n {
						t.Fatalf("field %s, %s: %d", name, which, token)
					}
					break // one of each table: contents are made anew
				}
			}
		}
		if clock == 0 {
			t.Error("no field follows the clock: nothing to compare")
		}
	}
}

// BenchmarkAddBundle reads bundles of a million counts, as a reducer does.
func BenchmarkAddBundle(b *testing.B) {
	var all [][]byte
	size := 0
	_ = counted(additions(1, 1_000_000)).EachBundle(0, func(_ string, table Table, _ int, value []byte) error {
		if table == Values {
			all = append(all, value)
			size += len(value)
		}
		return nil
	})
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		g := Group{}
		for _, value := range all {
			if err := g.addBundle(Values, value); err != nil {
				b.Fatal(err)
			}
		}
	}
}
