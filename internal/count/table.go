package count

import "math/bits"

// A table is a flat open-addressing hash table from a token's 64-bit hash to its two counts: 16 bytes an entry, linear
// probing, grown at three quarters full. It measured 3.4 times the built-in map for counting (docs/adr/0003).
//
// Keys are hashes under a secret seed, so an attacker who writes the logs cannot aim two tokens at one entry. The zero
// key marks a free slot; a token that hashes to zero is counted under one.
type table struct {
	entries []entry
	used    int
	shift   uint // 64 − log2(len(entries))
}

type entry struct {
	key       uint64
	good, bad uint32
}

const minTable = 16

// slot spreads keys by Fibonacci hashing; the table takes the high bits.
func (t *table) slot(key uint64) int { return int(key * 0x9E3779B97F4A7C15 >> t.shift) }

// add adds to the counts of key. Counts stop at the largest uint32 instead of wrapping.
func (t *table) add(key uint64, good, bad uint32) {
	if key == 0 {
		key = 1
	}
	if t.used >= len(t.entries)/4*3 {
		t.grow()
	}
	mask := len(t.entries) - 1
	for i := t.slot(key); ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.key == key {
			e.good, e.bad = saturate(e.good, good), saturate(e.bad, bad)
			return
		}
		if e.key == 0 {
			*e = entry{key, good, bad}
			t.used++
			return
		}
	}
}

func saturate(a, b uint32) uint32 {
	s, carry := bits.Add32(a, b, 0)
	if carry != 0 {
		return 1<<32 - 1
	}
	return s
}

// get returns the counts of key, zero for a token never counted.
func (t *table) get(key uint64) (good, bad uint32) {
	if key == 0 {
		key = 1
	}
	if len(t.entries) == 0 {
		return 0, 0
	}
	mask := len(t.entries) - 1
	for i := t.slot(key); ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.key == key {
			return e.good, e.bad
		}
		if e.key == 0 {
			return 0, 0
		}
	}
}

func (t *table) grow() { t.resize(max(minTable, 2*len(t.entries))) }

func (t *table) resize(n int) {
	old := t.entries
	t.entries, t.shift = make([]entry, n), uint(64-bits.TrailingZeros(uint(n)))
	mask := n - 1
	for _, e := range old {
		if e.key == 0 {
			continue
		}
		i := t.slot(e.key)
		for t.entries[i].key != 0 {
			i = (i + 1) & mask
		}
		t.entries[i] = e
	}
}

// merge adds all counts of o, which is empty afterwards: the larger table takes in the smaller. The result does not
// depend on the order of merges: counts are integers, and a reader of the table never sees the order of its slots.
func (t *table) merge(o *table) {
	if len(o.entries) > len(t.entries) {
		*t, *o = *o, *t
	}
	// Slots are in the order of hashes. Adding them in that order would fill the front of t far over its load before it
	// grows, so blocks of slots are taken from all over o.
	const block = 16
	blocks := (len(o.entries) + block - 1) / block
	step := blocks*5/8 | 1 // odd, so it visits each of a power of two of blocks
	for n, b := 0, 0; n < blocks; n, b = n+1, (b+step)&(blocks-1) {
		for _, e := range o.entries[b*block : min((b+1)*block, len(o.entries))] {
			if e.key != 0 {
				t.add(e.key, e.good, e.bad)
			}
		}
	}
	*o = table{}
}
