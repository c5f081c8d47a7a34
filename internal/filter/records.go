package filter

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// recordTable says of records how often they were learned as what. It is a hash table with open addressing (linear probing, at most
// three quarters full), since it is asked once for every record that is learned: a map takes two look-ups for that, and twice the time.
//
// Not safe for concurrent use. A nil table is empty.
type recordTable struct {
	slots []recordSlot // a power of two
	n     int
	shift uint // 64 − log2(len(slots))
	seed  uint64
}

type recordSlot struct {
	next uint64 // the record's number and one; 0 is none
	learned
}

const minRecords = 64

func newRecordTable() *recordTable {
	// A seed of its own, as count.Vocabulary has: whoever writes the log chooses what is hashed.
	return &recordTable{seed: maphash.Comparable(maphash.MakeSeed(), minRecords), shift: 64}
}

func (t *recordTable) len() int {
	if t == nil {
		return 0
	}
	return t.n
}

func (t *recordTable) home(key uint64) int {
	high, low := bits.Mul64(key^t.seed, t.seed>>1|1<<63|1)
	return int((high ^ low) * 0x9E3779B97F4A7C15 >> t.shift)
}

// find returns where a record is, or where it would be.
func (t *recordTable) find(key uint64) *recordSlot {
	mask := len(t.slots) - 1
	for i := t.home(key); ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.next == key+1 || s.next == 0 {
			return s
		}
	}
}

// get returns what is known of a record, which is nothing where it was never put.
func (t *recordTable) get(key uint64) learned {
	if t.len() == 0 {
		return learned{}
	}
	return t.find(key).learned
}

// put returns the place of a record, which it makes if there is none. It is valid until the next call.
func (t *recordTable) put(key uint64) *learned {
	if t.n >= len(t.slots)/4*3 {
		t.resize(max(minRecords, 2*len(t.slots)))
	}
	s := t.find(key)
	if s.next == 0 {
		s.next = key + 1
		t.n++
	}
	return &s.learned
}

func (t *recordTable) resize(size int) {
	old := t.slots
	t.slots, t.shift = make([]recordSlot, size), uint(64-bits.Len(uint(size-1)))
	for i := range old {
		if old[i].next != 0 {
			*t.find(old[i].next - 1) = old[i]
		}
	}
}

// remove takes a record out. Those behind it, which it had in its way, move up (Knuth 1998, The Art of Computer Programming 3, 6.4 R).
func (t *recordTable) remove(key uint64) {
	if t.len() == 0 {
		return
	}
	mask := len(t.slots) - 1
	i := t.home(key)
	for t.slots[i].next != key+1 {
		if t.slots[i].next == 0 {
			return
		}
		i = (i + 1) & mask
	}
	t.n--
	for k := (i + 1) & mask; t.slots[k].next != 0; k = (k + 1) & mask {
		home := t.home(t.slots[k].next - 1)
		if (k-home)&mask >= (k-i)&mask { // its way leads past the gap
			t.slots[i] = t.slots[k]
			i = k
		}
	}
	t.slots[i] = recordSlot{}
}

// keep leaves only the records that ok says yes to.
func (t *recordTable) keep(ok func(key uint64) bool) {
	old := t.slots
	t.slots, t.n = make([]recordSlot, len(old)), 0
	for i := range old {
		if s := &old[i]; s.next != 0 && ok(s.next-1) {
			*t.find(s.next - 1) = *s
			t.n++
		}
	}
}

// each calls f with every record, in no order.
func (t *recordTable) each(f func(key uint64, n learned)) {
	if t == nil {
		return
	}
	for i := range t.slots {
		if s := &t.slots[i]; s.next != 0 {
			f(s.next-1, s.learned)
		}
	}
}

func (t *recordTable) clone() *recordTable {
	c := *t
	c.slots = slices.Clone(t.slots)
	return &c
}
