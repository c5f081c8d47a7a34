package decide

import (
	"cmp"
	"slices"
)

// A Label is what is known of a record, by whoever knows: a truth, or marks.
type Label uint8

// The labels.
const (
	Unknown Label = iota
	Good
	Bad
)

// An Occurrence is what a replay needs of one record.
type Occurrence struct {
	Time   int64   // nanoseconds since 1970, taken to the nearest of 1823 and 2116 so that any two can be subtracted
	P      float32 // probability that the record is bad
	Line   uint32  // in its file
	File   uint32  // number of the file
	Class  uint16  // 0 for the policy's own costs, else one more than the number of the rule
	Label  Label
	Called bool  // not called good by the filter
	Novel  bool  // the filter has seen hardly anything of it
	Known  uint8 // share of its tokens that the filter knows, of 255
}

const (
	chunkBits = 14
	chunkSize = 1 << chunkBits
	labelBits = 3 // and the flags above it
	called    = 1 << 2
	novel     = 1 << 3
	farTime   = 1<<62 - 1 - int64(maxDuration) // nanoseconds
)

// packed is an Occurrence in 24 bytes.
type packed struct {
	time  int64
	p     float32
	line  uint32
	file  uint32
	class uint16
	flags uint8
	known uint8
}

// A chunk holds packed records, and beside them the hashes of their entities: as many as the policy has kinds, 0 for none.
type chunk struct {
	records []packed
	hashes  []uint64
}

// Occurrences collects records in any order, with their entities of given kinds: 24 bytes each, eight more for each kind,
// and four for the order. Each goroutine fills its own; Join puts them together.
type Occurrences struct {
	kinds  []EntityKind
	chunks []*chunk
	n      int
}

// NewOccurrences returns an empty collection for entities of these kinds.
func NewOccurrences(kinds []EntityKind) *Occurrences { return &Occurrences{kinds: kinds} }

// Len returns how many records there are.
func (o *Occurrences) Len() int { return o.n }

// Add adds a record. hashes are those of its entities, one for each kind, 0 where it has none.
func (o *Occurrences) Add(x *Occurrence, hashes []uint64) {
	if len(o.chunks) == 0 || len(o.chunks[len(o.chunks)-1].records) == chunkSize {
		o.chunks = append(o.chunks, &chunk{records: make([]packed, 0, chunkSize), hashes: make([]uint64, 0, chunkSize*len(o.kinds))})
	}
	c := o.chunks[len(o.chunks)-1]
	flags := uint8(x.Label)
	if x.Called {
		flags |= called
	}
	if x.Novel {
		flags |= novel
	}
	c.records = append(c.records, packed{min(max(x.Time, -farTime), farTime), x.P, x.Line, x.File, x.Class, flags, x.Known})
	c.hashes = append(c.hashes, hashes[:len(o.kinds)]...)
	o.n++
}

// Join returns all records of collections with the same kinds. These must not be used any more.
func Join(all ...*Occurrences) *Occurrences {
	out := &Occurrences{}
	for _, o := range all {
		out.kinds = o.kinds
		out.chunks = append(out.chunks, o.chunks...)
		out.n += o.n
	}
	return out
}

// order returns the places of all records in order of time, then of file and line.
func (o *Occurrences) order() []uint32 {
	out := make([]uint32, 0, o.n)
	for i, c := range o.chunks {
		for k := range c.records {
			out = append(out, uint32(i<<chunkBits|k))
		}
	}
	slices.SortFunc(out, func(a, b uint32) int {
		x, y := o.at(a), o.at(b)
		if x.time != y.time {
			return cmp.Compare(x.time, y.time)
		}
		return cmp.Or(cmp.Compare(x.file, y.file), cmp.Compare(x.line, y.line))
	})
	return out
}

func (o *Occurrences) at(i uint32) *packed { return &o.chunks[i>>chunkBits].records[i&(chunkSize-1)] }

// entities appends the entities of a record.
func (o *Occurrences) entities(dst []Entity, i uint32) []Entity {
	n := len(o.kinds)
	h := o.chunks[i>>chunkBits].hashes[int(i&(chunkSize-1))*n:]
	for k, kind := range o.kinds {
		if h[k] != 0 {
			dst = append(dst, Entity{kind, h[k]})
		}
	}
	return dst
}

// backward returns how many records have a time before that of a record that stands before them in their file.
func (o *Occurrences) backward(order []uint32) int64 {
	least := map[uint32]uint32{} // the first line of those that are later, by file
	n := int64(0)
	for to := len(order); to > 0; {
		from := to - 1
		for from > 0 && o.at(order[from-1]).time == o.at(order[to-1]).time {
			from--
		}
		for _, i := range order[from:to] {
			if x := o.at(i); least[x.file] != 0 && x.line > least[x.file] {
				n++
			}
		}
		for _, i := range order[from:to] {
			if x := o.at(i); least[x.file] == 0 || x.line < least[x.file] {
				least[x.file] = x.line
			}
		}
		to = from
	}
	return n
}
