package count

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// randomTally adds n features to a tally through a counter.
func randomTally(r *rand.Rand, n int) *Tally {
	c, t := NewTallyCounter(), NewTally()
	for range n {
		hour := []int{0, 5, 167, Untimed}[r.IntN(4)]
		t.Events[hour]++
		f := t.Field([]string{"a", "b"}[r.IntN(2)])
		v := uint64(r.IntN(50)) * 0x9E3779B97F4A7C15
		c.Add(f, v, hour, func(dst []uint64) []uint64 { return append(dst, v^1, v%7) })
	}
	c.Flush()
	return t
}

// good = all − bad − ignored, whatever the order of adding and taking away.
func TestTallySubtracts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		parts := []*Tally{randomTally(r, r.IntN(3000)), randomTally(r, r.IntN(3000)), randomTally(r, r.IntN(30))}
		all := NewTally()
		for _, i := range r.Perm(3) {
			all.Merge(parts[i])
		}
		good := NewTally()
		good.Merge(parts[0])
		if good.Equal(all) && all.Len() > parts[0].Len() {
			t.Fatal("unequal tallies are equal")
		}
		for _, i := range r.Perm(2) {
			if err := all.Subtract(parts[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if !all.Equal(good) || !good.Equal(all) {
			t.Fatal("what is left is not the first part")
		}
		for _, f := range []string{"a", "b"} {
			if !slices.Equal(all.Field(f).Cells(), good.Field(f).Cells()) {
				t.Fatalf("cells of %s differ", f)
			}
		}
	}
}

func TestTallyCannotGoBelowZero(t *testing.T) {
	a, b := NewTally(), NewTally()
	a.Field("f").Add(1, false, 3, 2)
	b.Field("f").Add(1, false, 3, 3)
	if err := a.Subtract(b); err != ErrNotWithin {
		t.Errorf("2 − 3 gives %v", err)
	}
	c, d := NewTally(), NewTally()
	d.Events[0] = 1
	if err := c.Subtract(d); err != ErrNotWithin {
		t.Errorf("0 − 1 events gives %v", err)
	}
}

func TestTallyKeepsZeroTokensAndLargeCounts(t *testing.T) {
	x := NewTally()
	f := x.Field("f")
	f.Add(0, false, 0, 5)
	f.Add(0, true, 0, 7)
	f.Add(0, false, 1, maxTally)
	f.Add(0, false, 1, 9)
	want := []Cell{{0, false, 0, 5}, {0, false, 1, maxTally}, {0, true, 0, 7}}
	if got := f.Cells(); !slices.Equal(got, want) {
		t.Errorf("cells are %v, want %v", got, want)
	}
}

// A tally turned into a class is what counting the same records into that class gives.
func TestTallyAddTo(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	want, counter, tally := NewCounter(), NewTallyCounter(), NewTally()
	for range 5000 {
		class, hour, v := Class(Bad), r.IntN(HoursOfWeek), r.Uint64N(300)+1
		name := []string{"a", "b"}[r.IntN(2)]
		parts := func(dst []uint64) []uint64 { return append(dst, v/3+1) }
		g := want.Counts.Group(name)
		g.Hourly = name == "a"
		want.Counts.Events[class][hour]++
		want.Add(g, v, class, hour, parts)
		tally.Events[hour]++
		counter.Add(tally.Field(name), v, hour, parts)
	}
	tally.Field("a").Add(9, false, Untimed, 3) // a hunt does not count what has no time
	want.Flush()
	counter.Flush()
	got := New()
	tally.AddTo(got, Bad, func(field string) bool { return field == "a" })
	if got.Events != want.Counts.Events {
		t.Error("events differ")
	}
	for _, name := range []string{"a", "b"} {
		g, w := got.Lookup(name), want.Counts.Lookup(name)
		if g.Events != w.Events || g.Hourly != w.Hourly {
			t.Errorf("%s: events differ", name)
		}
		for v := range uint64(400) {
			g1, b1 := g.Value(v)
			g2, b2 := w.Value(v)
			p1, q1 := g.Part(v)
			p2, q2 := w.Part(v)
			h1, i1 := g.AtHour(v, int(v)%HoursOfWeek)
			h2, i2 := w.AtHour(v, int(v)%HoursOfWeek)
			if v > 0 && (g1 != g2 || b1 != b2 || p1 != p2 || q1 != q2 || h1 != h2 || i1 != i2) {
				t.Fatalf("%s: counts of %d differ", name, v)
			}
		}
	}
}
