package linear

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// spilled counts what a sample let go, by class and item.
type spilled map[string]uint64

func (s spilled) add(items []uint64, bad bool, n uint32) { s[fmt.Sprint(items, bad)] += uint64(n) }

func sampleOf(budget int, s spilled, all []Example) *Sample {
	x := NewSample(budget, s.add)
	for _, e := range all {
		x.Add(e, func() []uint64 { return e.Items })
	}
	return x
}

// exampleSets returns records of a few contents each.
func exampleSets(r *rand.Rand, n int) []Example {
	out := make([]Example, n)
	for i := range out {
		key := r.Uint64()
		if i > 0 && r.IntN(2) == 0 {
			key = out[r.IntN(i)].Key
		}
		items := make([]uint64, key%7)
		for k := range items {
			items[k] = key ^ uint64(k)
		}
		out[i] = Example{Key: key, Bad: r.IntN(4) == 0, Count: 1 + r.Uint32N(3), Time: r.Int64N(1000), Client: r.Uint64N(5), Near: key >> 8,
			HasTime: r.IntN(50) > 0, Items: items}
	}
	return out
}

// TestSampleParts: parts of the records, cut and ordered in any way, merge to the sample of the whole, and nothing is lost
// on the way.
func TestSampleParts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	halved := 0
	for range 200 {
		all := exampleSets(r, 1+r.IntN(600))
		budget := []int{2, 100, 1000, 5000, 0}[r.IntN(5)]
		lost := spilled{}
		whole := sampleOf(budget, lost, all)
		shares := [2]float64{whole.Share(false), whole.Share(true)}
		if shares[0] < 1 || shares[1] < 1 {
			halved++
		}
		want := whole.Sorted()
		checkSample(t, all, want, shares, lost)

		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		lost2 := spilled{}
		parts := make([]*Sample, 1+r.IntN(4))
		for i := range parts {
			parts[i] = NewSample(budget, lost2.add)
		}
		for _, e := range all {
			parts[r.IntN(len(parts))].Add(e, func() []uint64 { return e.Items })
		}
		for len(parts) > 1 {
			i := r.IntN(len(parts) - 1)
			parts[i].Merge(parts[i+1])
			parts = slices.Delete(parts, i+1, i+2)
		}
		if got := [2]float64{parts[0].Share(false), parts[0].Share(true)}; got != shares {
			t.Fatalf("budget %d: shares %v, of the whole %v", budget, got, shares)
		}
		if got := parts[0].Sorted(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("budget %d: %d examples that are not the %d of the whole", budget, len(got), len(want))
		}
		if !reflect.DeepEqual(lost, lost2) {
			t.Fatalf("budget %d: other records were spilled", budget)
		}
	}
	if halved < 50 || halved > 190 {
		t.Errorf("%d of 200 samples were halved", halved)
	}
}

// checkSample: what is kept has the smallest hashes of its class, and with what was spilled adds up.
func checkSample(t *testing.T, all, got []Example, shares [2]float64, lost spilled) {
	t.Helper()
	want, have := spilled{}, spilled{}
	for _, e := range all {
		want.add(e.Items, e.Bad, e.Count)
	}
	for k, n := range lost {
		have[k] += n
	}
	for i, e := range got {
		if i > 0 && (got[i-1].Key > e.Key || got[i-1].Key == e.Key && (got[i-1].Bad || !e.Bad)) {
			t.Fatal("examples are out of order")
		}
		share := shares[0]
		if e.Bad {
			share = shares[1]
		}
		if float64(e.Key) > share*(1<<64) {
			t.Fatalf("the hash %#x is kept where the share is %v", e.Key, share)
		}
		have.add(e.Items, e.Bad, e.Count)
	}
	if !reflect.DeepEqual(want, have) {
		t.Fatal("records were lost")
	}
}

// TestSampleRare: the few records of a rare class stay when the other outgrows memory.
func TestSampleRare(t *testing.T) {
	s := NewSample(2000, func([]uint64, bool, uint32) {})
	r := rand.New(rand.NewPCG(2, 8))
	for i := range 10_000 {
		s.Add(Example{Key: r.Uint64(), Count: 1, Bad: i%500 == 0}, func() []uint64 { return make([]uint64, 10) })
	}
	if s.Share(true) != 1 || s.Share(false) > 1./64 {
		t.Errorf("shares: %v of bad, %v of good", s.Share(true), s.Share(false))
	}
	bad := 0
	for _, e := range s.Sorted() {
		if e.Bad {
			bad++
		}
	}
	if bad != 20 {
		t.Errorf("%d bad examples of 20", bad)
	}
}

// TestSampleCopies: items are the sample's own.
func TestSampleCopies(t *testing.T) {
	s := NewSample(0, nil)
	buf := []uint64{1, 2}
	s.Add(Example{Key: 1, Count: 1}, func() []uint64 { return buf })
	buf[0] = 9
	s.Add(Example{Key: 2, Count: 1}, func() []uint64 { return buf })
	s.Add(Example{Key: 1, Count: 1<<32 - 1}, func() []uint64 { t.Error("items of a known content were asked for"); return nil })
	got := s.Sorted()
	if got[0].Items[0] != 1 || got[1].Items[0] != 9 || got[0].Count != 1<<32-1 {
		t.Errorf("%+v", got)
	}
}
