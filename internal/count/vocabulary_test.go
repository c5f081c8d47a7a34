package count

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A tally is one call of Add.
type tally struct {
	key       uint32
	group     uint16
	good, bad uint32
}

// tallies returns calls of Add whose keys come again, lie close together, or are any.
func tallies(r *rand.Rand, n int) []tally {
	out := make([]tally, n)
	for i := range out {
		x := tally{r.Uint32(), uint16(r.UintN(5)) + 1, r.Uint32N(3), r.Uint32N(3)}
		switch r.UintN(4) {
		case 0:
			x.key = r.Uint32N(200)
		case 1:
			x.key = r.Uint32N(64) << 26
		case 2:
			if i > 0 {
				x.key = out[r.IntN(i)].key
			}
		}
		if x.good|x.bad == 0 {
			x.good = 1
		}
		out[i] = x
	}
	return out
}

func vocabularyOf(limit int, calls []tally) *Vocabulary {
	v := NewVocabulary(limit)
	for _, x := range calls {
		v.Add(x.key, x.group, x.good, x.bad)
	}
	return v
}

// TestVocabularyParts: parts of the data, cut and ordered in any way, with limits that narrow some of them, merge to the
// vocabulary of the whole; and it holds what a map would, of keys as long as they fit.
func TestVocabularyParts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	narrowed := 0
	for range 200 {
		calls := tallies(r, 1+r.IntN(3000))
		limit := []int{1, 20, 300, 1500, 5000, 0}[r.IntN(6)]
		whole := vocabularyOf(limit, calls)
		checkVocabulary(t, whole, limit, calls)
		if whole.Bits() < 32 {
			narrowed++
		}
		r.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
		parts := make([]*Vocabulary, 1+r.IntN(5))
		for i := range parts {
			parts[i] = NewVocabulary(limit)
		}
		for _, x := range calls {
			parts[r.IntN(len(parts))].Add(x.key, x.group, x.good, x.bad)
		}
		for len(parts) > 1 { // any tree of merges
			i := r.IntN(len(parts) - 1)
			before := parts[i+1].Sorted()
			parts[i].Merge(parts[i+1])
			if !slices.Equal(before, parts[i+1].Sorted()) {
				t.Fatal("Merge changed what it was given")
			}
			parts = slices.Delete(parts, i+1, i+2)
		}
		if got := parts[0]; got.Bits() != whole.Bits() || !slices.Equal(got.Sorted(), whole.Sorted()) {
			t.Fatalf("limit %d: parts give %d bits and %d entries, the whole %d and %d", limit, got.Bits(), got.Len(), whole.Bits(), whole.Len())
		}
	}
	if narrowed < 50 || narrowed > 190 {
		t.Errorf("%d of 200 vocabularies were narrowed", narrowed)
	}
}

// checkVocabulary compares v with maps.
func checkVocabulary(t *testing.T, v *Vocabulary, limit int, calls []tally) {
	t.Helper()
	if limit == 0 {
		limit = MaxVocabulary
	}
	want := map[uint32]Vocable{}
	bits := uint(32)
	for ; ; bits-- {
		clear(want)
		for _, x := range calls {
			k := x.key >> (32 - bits)
			e, ok := want[k]
			if !ok {
				e = Vocable{Key: k, Group: x.group}
			}
			e.Good, e.Bad, e.Group = e.Good+x.good, e.Bad+x.bad, min(e.Group, x.group)
			want[k] = e
		}
		if len(want) <= limit || bits == MinVocabularyBits {
			break
		}
	}
	if v.Bits() != bits || v.Len() != len(want) {
		t.Fatalf("limit %d: %d bits and %d entries, want %d and %d", limit, v.Bits(), v.Len(), bits, len(want))
	}
	var good, bad, wantGood, wantBad uint64
	for _, e := range v.Sorted() {
		if e != want[e.Key] {
			t.Fatalf("limit %d: %+v, want %+v", limit, e, want[e.Key])
		}
		good, bad = good+uint64(e.Good), bad+uint64(e.Bad)
	}
	for _, x := range calls {
		wantGood, wantBad = wantGood+uint64(x.good), wantBad+uint64(x.bad)
		if g, b := v.Get(x.key); g != want[v.KeyOf(x.key)].Good || b != want[v.KeyOf(x.key)].Bad {
			t.Fatalf("Get of %#x: %d and %d", x.key, g, b)
		}
	}
	if good != wantGood || bad != wantBad {
		t.Fatalf("counts were lost: %d good and %d bad, want %d and %d", good, bad, wantGood, wantBad)
	}
}

func TestVocabularyKeys(t *testing.T) {
	v := vocabularyOf(1, tallies(rand.New(rand.NewPCG(2, 6)), 9000))
	if v.Bits() != MinVocabularyBits || v.Len() > 1<<MinVocabularyBits {
		t.Errorf("%d bits, %d entries", v.Bits(), v.Len())
	}
	if got := v.Key(0xABCDEF12_34567890); got != 0xABC {
		t.Errorf("key %#x", got)
	}
	if got := v.KeyOf(0xABCDEF12); got != 0xABC {
		t.Errorf("key %#x", got)
	}
	empty := NewVocabulary(0)
	if g, b := empty.Get(1); g|b != 0 || len(empty.Sorted()) != 0 {
		t.Error("an empty vocabulary holds something")
	}
}

// TestVocabularySaturates: counts stop at the largest number, also where entries meet.
func TestVocabularySaturates(t *testing.T) {
	v := NewVocabulary(0)
	v.Add(7, 1, math.MaxUint32-1, 0)
	v.Add(7, 1, 5, 1)
	v.Add(6, 1, math.MaxUint32, 0)
	v.narrow(31)
	if g, b := v.Get(7); g != math.MaxUint32 || b != 1 {
		t.Errorf("%d good, %d bad", g, b)
	}
}

// TestVocabularyAgainstAttack: keys that lie close together in the table of one vocabulary do not in that of another, so
// nobody can write logs that make counting slow, nor does merging fill the front of a table.
func TestVocabularyAgainstAttack(t *testing.T) {
	known := NewVocabulary(0)
	known.shift = 64 - 21
	var keys []uint32
	for k := uint32(1); len(keys) < 200_000; k++ {
		if x := k * 2654435761; known.slot(x)>>17 == 0 { // the first sixteenth
			keys = append(keys, x)
		}
	}
	v := NewVocabulary(0)
	for _, k := range keys {
		v.Add(k, 1, 1, 0)
	}
	for range 3 {
		o := NewVocabulary(0)
		o.Merge(v)
		v = o
	}
	if v.Len() != len(keys) {
		t.Fatalf("%d of %d keys", v.Len(), len(keys))
	}
	// Linear probing at 3/4 looks at 2.5 entries on average for a key that is there; a table without a seed at thousands.
	mask, steps := len(v.entries)-1, 0
	for i := range v.entries {
		if e := &v.entries[i]; e.set {
			steps += 1 + (i-v.slot(e.Key))&mask
		}
	}
	if steps > 8*len(keys) {
		t.Errorf("%d keys lie %d steps from where they belong", len(keys), steps)
	}
}

func BenchmarkVocabulary(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 6))
	keys := make([]uint32, 1<<20)
	for i := range keys {
		keys[i] = r.Uint32() >> r.UintN(16)
	}
	for b.Loop() {
		v := NewVocabulary(0)
		for _, k := range keys {
			v.Add(k, 1, 1, 0)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
}
