package count

import (
	"math"
	"math/rand/v2"
	"testing"
)

// An addition is one call of Add.
type addition struct {
	group string
	value uint64
	class Class
	hour  int
}

// additions are random: few values again and again, many once, the zero hash too.
func additions(seed uint64, n int) []addition {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]addition, n)
	for i := range out {
		v := r.Uint64()
		if r.IntN(3) > 0 {
			v = uint64(r.IntN(200)) * 0x9E3779B97F4A7C15
		}
		out[i] = addition{[]string{"names", "numbers", "rare"}[min(r.IntN(20), 2)], v, Class(r.IntN(2)), r.IntN(HoursOfWeek)}
	}
	return out
}

func (a *addition) parts(dst []uint64) []uint64 { return append(dst, a.value%31+1, a.value%101+1000) }

func counted(adds []addition) *Counts {
	c := NewCounter()
	for i := range adds {
		a := &adds[i]
		g := c.Counts.Group(a.group)
		g.Hourly = a.group == "numbers"
		c.Counts.Events[a.class][a.hour]++
		c.Add(g, a.value, a.class, a.hour, a.parts)
	}
	c.Flush()
	return c.Counts
}

// expect compares counts with what plain maps say of the additions.
func expect(t *testing.T, c *Counts, adds []addition) {
	t.Helper()
	type key struct {
		group string
		kind  int
		hash  uint64
		hour  int
	}
	want := map[key][2]uint32{}
	events := map[string]*[2][HoursOfWeek]uint64{}
	total := [2]uint64{}
	for i := range adds {
		a := &adds[i]
		inc := func(k key) {
			n := want[k]
			n[a.class]++
			want[k] = n
		}
		inc(key{a.group, 0, a.value, 0})
		inc(key{a.group, 2, a.value, a.hour})
		for _, p := range a.parts(nil) {
			inc(key{a.group, 1, p, 0})
		}
		if events[a.group] == nil {
			events[a.group] = &[2][HoursOfWeek]uint64{}
		}
		events[a.group][a.class][a.hour]++
		total[a.class]++
	}
	for k, n := range want {
		g := c.Lookup(k.group)
		var good, bad uint32
		switch k.kind {
		case 0:
			good, bad = g.Value(k.hash)
		case 1:
			good, bad = g.Part(k.hash)
		case 2:
			if good, bad = g.AtHour(k.hash, k.hour); !g.Hourly {
				n = [2]uint32{}
			}
		}
		if good != n[Good] || bad != n[Bad] {
			t.Fatalf("%+v: %d good, %d bad, want %v", k, good, bad, n)
		}
	}
	if len(c.Names()) != len(events) || c.Total(Good) != total[Good] || c.Total(Bad) != total[Bad] {
		t.Fatalf("fields %v, %d good and %d bad events, want %d, %v", c.Names(), c.Total(Good), c.Total(Bad), len(events), total)
	}
	for name, n := range events {
		g := c.Lookup(name)
		if g.Events != *n {
			t.Fatalf("events of %s differ", name)
		}
		var shape Shape
		for k, n := range want {
			if k.group == name && k.kind == 0 && n[Good] > 0 {
				shape.Distinct++
				shape.Events += uint64(n[Good])
				if n[Good] == 1 {
					shape.Once++
				}
			}
		}
		if g.Shape() != shape {
			t.Fatalf("shape of %s is %+v, want %+v", name, g.Shape(), shape)
		}
	}
}

func TestCounterEqualsPlainAdding(t *testing.T) {
	for seed := range uint64(5) {
		adds := additions(seed, 30_000)
		expect(t, counted(adds), adds)
	}
}

func TestMergeInAnyOrder(t *testing.T) {
	adds := additions(7, 60_000)
	r := rand.New(rand.NewPCG(3, 4))
	bound := math.NaN()
	for range 8 {
		// Cut into shares of uneven size, one of them empty, merged in a random order.
		cuts := []int{0, 0, 100, 5_000, 40_000, len(adds)}
		r.Shuffle(len(adds), func(i, j int) { adds[i], adds[j] = adds[j], adds[i] })
		var all []*Counts
		for i := range cuts[1:] {
			all = append(all, counted(adds[cuts[i]:cuts[i+1]]))
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		sum := Merge(all)
		expect(t, sum, adds)
		b := sum.Lookup("numbers").ClockBound(20)
		if !math.IsNaN(bound) && b != bound {
			t.Fatalf("ClockBound is %v in one order and %v in another", bound, b)
		}
		bound = b
	}
	a, b := counted(adds[:1000]), counted(adds[1000:])
	a.Merge(b)
	expect(t, a, adds)
	expect(t, Merge(nil), nil)
}

// TestMergeFillsEvenly merges tables in which adding in the order of slots would pile up far beyond the load.
func TestMergeFillsEvenly(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var a, b table
	for range 49_000 { // of 65,536 slots
		a.add(r.Uint64(), 1, 0)
		b.add(r.Uint64(), 0, 1)
	}
	slots := len(a.entries)
	a.merge(&b)
	if a.used != 98_000 || len(a.entries) != 2*slots || b.used != 0 {
		t.Fatalf("%d used of %d slots, %d left", a.used, len(a.entries), b.used)
	}
}

func TestSaturation(t *testing.T) {
	const most = math.MaxUint32
	a, b := New(), New()
	for _, c := range []*Counts{a, b} {
		c.Group("f").Add(5, []uint64{6}, Bad, 3, most-10)
		c.Group("f").Add(5, nil, Good, 3, 1)
	}
	a.Group("f").Add(5, []uint64{6}, Bad, 3, 5)
	a.Merge(b)
	g := a.Lookup("f")
	if good, bad := g.Value(5); good != 2 || bad != most {
		t.Errorf("value has %d good, %d bad", good, bad)
	}
	if good, bad := g.Part(6); good != 0 || bad != most {
		t.Errorf("part has %d good, %d bad", good, bad)
	}
	if n := g.Total(Bad); n != 2*most-15 {
		t.Errorf("%d bad events", n)
	}
}

func TestClockBound(t *testing.T) {
	steady, running := NewCounter(), NewCounter()
	for _, c := range []*Counter{steady, running} {
		c.Counts.Group("n").Hourly = true
	}
	for i := range 168_000 {
		hour := i / 1000
		steady.Add(steady.Counts.Group("n"), uint64(i%5+1), Good, hour, (&addition{}).parts)
		running.Add(running.Counts.Group("n"), uint64(hour+1), Good, hour, (&addition{}).parts)
	}
	steady.Flush()
	running.Flush()
	if b := steady.Counts.Group("n").ClockBound(20); b < .9 || b > 1.1 {
		t.Errorf("values that take no notice of time: %v", b)
	}
	if b := running.Counts.Group("n").ClockBound(20); b < 100 {
		t.Errorf("a running number: %v", b)
	}
	if b := running.Counts.Group("n").ClockBound(1e6); b != 0 {
		t.Errorf("no value is frequent enough: %v", b)
	}
}
