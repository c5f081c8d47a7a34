package hunt

import "math/bits"

// An index numbers 64-bit hashes densely from 0, in the order in which they come: a flat open-addressing table, like that
// of package count.
type index struct {
	slots []indexSlot
	used  uint32
	shift uint
}

type indexSlot struct {
	key uint64
	id  uint32 // plus one; 0 is a free slot
}

// number returns the number of key, and whether it had one before.
func (x *index) number(key uint64) (id uint32, known bool) {
	if int(x.used) >= len(x.slots)/4*3 {
		x.grow()
	}
	mask := len(x.slots) - 1
	for i := x.slot(key); ; i = (i + 1) & mask {
		s := &x.slots[i]
		if s.id == 0 {
			x.used++
			*s = indexSlot{key, x.used}
			return x.used - 1, false
		}
		if s.key == key {
			return s.id - 1, true
		}
	}
}

func (x *index) slot(key uint64) int { return int(key * 0x9E3779B97F4A7C15 >> x.shift) }

func (x *index) grow() {
	old := x.slots
	n := max(64, 2*len(old))
	x.slots, x.shift = make([]indexSlot, n), uint(64-bits.TrailingZeros(uint(n)))
	for _, s := range old {
		if s.id == 0 {
			continue
		}
		i := x.slot(s.key)
		for x.slots[i].id != 0 {
			i = (i + 1) & (n - 1)
		}
		x.slots[i] = s
	}
}
