package filter

import "weir/internal/count"

// A table is a vocabulary that is done changing: tokens by key, in order, with dense numbers (their places), and a coarse
// index that makes a look-up a step or two: keys are leading bits of hashes, so they lie evenly.
type table struct {
	bits   uint
	keys   []uint32
	group  []uint16
	good   []uint32
	bad    []uint32
	coarse []uint32 // where keys with these leading bits start
	cut    uint     // how many low bits the index leaves out
}

func newTable(v *count.Vocabulary) *table {
	sorted := v.Sorted()
	n := len(sorted)
	t := &table{bits: v.Bits(), keys: make([]uint32, n), group: make([]uint16, n), good: make([]uint32, n), bad: make([]uint32, n)}
	for i, x := range sorted {
		t.keys[i], t.group[i], t.good[i], t.bad[i] = x.Key, x.Group, x.Good, x.Bad
	}
	t.index()
	return t
}

// index builds the coarse index: about one entry for each key.
func (t *table) index() {
	size := uint(0)
	for size < t.bits && 1<<size < len(t.keys) {
		size++
	}
	t.cut = t.bits - size
	t.coarse = make([]uint32, 1<<size+1)
	k := 0
	for i := range t.coarse {
		for k < len(t.keys) && uint64(t.keys[k])>>t.cut < uint64(i) {
			k++
		}
		t.coarse[i] = uint32(k)
	}
}

// find returns the number of the token with a 32-bit key, or −1. Where attackers have made keys meet, the search stays
// logarithmic.
func (t *table) find(key32 uint32) int {
	if len(t.keys) == 0 {
		return -1
	}
	key := key32 >> (32 - t.bits)
	c := uint64(key) >> t.cut
	low, high := t.coarse[c], t.coarse[c+1]
	for high-low > 8 {
		if mid := low + (high-low)/2; t.keys[mid] <= key {
			low = mid
		} else {
			high = mid
		}
	}
	for ; low < high; low++ {
		if t.keys[low] == key {
			return int(low)
		}
	}
	return -1
}
