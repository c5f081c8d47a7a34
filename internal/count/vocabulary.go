package count

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
)

// A Vocabulary counts tokens by class in bounded memory. A token is known by the leading bits of its hash: 32 of them at
// first, where a million tokens share an entry with another one about once in four thousand, and one less each time the
// entries outgrow the limit, which halves the space and adds the counts of the entries that meet. How far the space has
// narrowed depends on the tokens alone, so counts of parts of the data merge, in any order, to those of the whole.
//
// Not safe for concurrent use.
type Vocabulary struct {
	limit   int
	bits    uint
	entries []vocable
	used    int
	shift   uint // 64 − log2(len(entries))
	seed    uint64
}

type vocable struct {
	Vocable
	set bool
}

// A Vocable is a token of a vocabulary with its counts.
type Vocable struct {
	Key       uint32 // the leading bits of its hash
	Group     uint16 // says what the token is taken from; where tokens share an entry, the least
	Good, Bad uint32 // records with the token
}

// MaxVocabulary is the limit of a vocabulary that is made with none.
const MaxVocabulary = 1 << 21

// MinVocabularyBits is the narrowest that a vocabulary gets.
const MinVocabularyBits = 12

// NewVocabulary returns an empty vocabulary of at most limit entries; zero stands for [MaxVocabulary].
func NewVocabulary(limit int) *Vocabulary {
	if limit <= 0 {
		limit = MaxVocabulary
	}
	return &Vocabulary{limit: limit, bits: 32, seed: maphash.Comparable(maphash.MakeSeed(), limit)}
}

// Bits returns how many leading bits of a hash tell tokens apart, 12 to 32.
func (v *Vocabulary) Bits() uint { return v.bits }

// Len returns the number of entries.
func (v *Vocabulary) Len() int { return v.used }

// Key returns what a token with this hash is known by.
func (v *Vocabulary) Key(hash uint64) uint32 { return uint32(hash >> (64 - v.bits)) }

// KeyOf returns the key that one of 32 bits has become.
func (v *Vocabulary) KeyOf(key32 uint32) uint32 { return key32 >> (32 - v.bits) }

// Add adds to the counts of the token with a 32-bit key. Counts stop at the largest uint32 instead of wrapping.
func (v *Vocabulary) Add(key32 uint32, group uint16, good, bad uint32) {
	v.add(Vocable{v.KeyOf(key32), group, good, bad})
	for v.used > v.limit && v.bits > MinVocabularyBits {
		v.narrow(v.bits - 1)
	}
}

// Get returns the counts of the token with a 32-bit key, zero for one never counted.
func (v *Vocabulary) Get(key32 uint32) (good, bad uint32) {
	if e := v.find(v.KeyOf(key32)); e != nil {
		return e.Good, e.Bad
	}
	return 0, 0
}

// slot spreads keys. They are hashes, but attackers choose what is hashed, and a filter's hashes have a seed that they know:
// 300,000 tokens made to lie close together took a table without a secret 74 s. So each vocabulary has a seed of its own, as
// Go's maps have, which nothing that comes out depends on. It also has two vocabularies lie in different orders, without
// which merging them would fill the front of the one that grows.
func (v *Vocabulary) slot(key uint32) int {
	high, low := bits.Mul64(uint64(key)^v.seed, v.seed>>1|1<<63|1)
	return int((high ^ low) * 0x9E3779B97F4A7C15 >> v.shift)
}

func (v *Vocabulary) find(key uint32) *vocable {
	if len(v.entries) == 0 {
		return nil
	}
	mask := len(v.entries) - 1
	for i := v.slot(key); ; i = (i + 1) & mask {
		e := &v.entries[i]
		if !e.set {
			return nil
		}
		if e.Key == key {
			return e
		}
	}
}

func (v *Vocabulary) add(x Vocable) {
	if v.used >= len(v.entries)/4*3 {
		v.resize(max(minTable, 2*len(v.entries)))
	}
	mask := len(v.entries) - 1
	for i := v.slot(x.Key); ; i = (i + 1) & mask {
		e := &v.entries[i]
		if !e.set {
			*e = vocable{x, true}
			v.used++
			return
		}
		if e.Key == x.Key {
			e.Good, e.Bad, e.Group = saturate(e.Good, x.Good), saturate(e.Bad, x.Bad), min(e.Group, x.Group)
			return
		}
	}
}

func (v *Vocabulary) resize(n int) {
	old := v.entries
	v.entries, v.used, v.shift = make([]vocable, n), 0, 64
	for m := n; m > 1; m >>= 1 {
		v.shift--
	}
	for i := range old {
		if old[i].set {
			v.add(old[i].Vocable)
		}
	}
}

// Narrow makes the keys as short as bits, if they are longer.
func (v *Vocabulary) Narrow(bits uint) {
	if bits < v.bits {
		v.narrow(max(bits, MinVocabularyBits))
	}
}

// narrow makes the keys shorter.
func (v *Vocabulary) narrow(bits uint) {
	drop := v.bits - bits
	v.bits = bits
	old := v.entries
	v.entries, v.used = make([]vocable, len(old)), 0
	for i := range old {
		if old[i].set {
			x := old[i].Vocable
			x.Key >>= drop
			v.add(x)
		}
	}
}

// Merge adds all counts of o, which stays as it is.
func (v *Vocabulary) Merge(o *Vocabulary) {
	if o.bits < v.bits {
		v.narrow(o.bits)
	}
	for i := range o.entries {
		if !o.entries[i].set {
			continue
		}
		x := o.entries[i].Vocable
		x.Key >>= o.bits - v.bits
		v.add(x)
		for v.used > v.limit && v.bits > MinVocabularyBits {
			v.narrow(v.bits - 1)
		}
	}
}

// Sorted returns the entries with counts, by key.
func (v *Vocabulary) Sorted() []Vocable {
	out := make([]Vocable, 0, v.used)
	for i := range v.entries {
		if e := &v.entries[i]; e.set && e.Good|e.Bad != 0 {
			out = append(out, e.Vocable)
		}
	}
	slices.SortFunc(out, func(a, b Vocable) int { return cmp.Compare(a.Key, b.Key) })
	return out
}
