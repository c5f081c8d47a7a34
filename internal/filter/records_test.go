package filter

import (
	"math/rand/v2"
	"testing"
)

// TestRecordTable: whatever is done to it, the table holds what a map holds.
func TestRecordTable(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		table, want := newRecordTable(), map[uint64]learned{}
		for n := range 20_000 {
			key := uint64(r.IntN(1 + int(seed)*100)) // few, so that they meet
			if seed%2 == 1 {
				key <<= seenBits - 20
			}
			switch r.IntN(12) {
			case 0, 1, 2:
				table.remove(key)
				delete(want, key)
			case 3:
				if n%500 == 0 {
					odd := func(key uint64) bool { return key%3 != 0 }
					table.keep(odd)
					for k := range want {
						if !odd(k) {
							delete(want, k)
						}
					}
				}
			default:
				table.put(key).good++
				x := want[key]
				x.good++
				want[key] = x
			}
			if got := table.get(key); got != want[key] || table.len() != len(want) {
				t.Fatalf("seed %d, step %d: %v and %d, want %v and %d", seed, n, got, table.len(), want[key], len(want))
			}
		}
		copied := table.clone()
		table.put(1<<40).bad++
		found := 0
		copied.each(func(key uint64, n learned) {
			found++
			if want[key] != n {
				t.Errorf("seed %d: %d has %v, want %v", seed, key, n, want[key])
			}
		})
		if found != len(want) || copied.len() != len(want) {
			t.Errorf("seed %d: %d and %d records, want %d", seed, found, copied.len(), len(want))
		}
	}
	var none *recordTable
	none.each(func(uint64, learned) { t.Error("a table that is not there has records") })
	if none.len() != 0 || none.get(1) != (learned{}) {
		t.Error("a table that is not there knows something")
	}
}
