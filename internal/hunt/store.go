package hunt

import (
	"cmp"

	"weir/internal/token"
)

// A row is one stored event: a suspicious one, or one of a span that may become a placebo window.
type row struct {
	time    int64
	line    int64
	raw     int64  // where the raw line lies in the spool, −1 if it was not kept
	chunk   uint32 // its features are chunks[chunk][from : from+n] of its rows
	from    uint32
	file    int32
	client  uint32 // feature that says who the client is, plus one; 0 where the record names none
	peer    uint32 // feature that says whom the source talked to, plus one, or 0
	rawLen  uint32
	judged  float32 // probability by a filter, or unjudged
	n       uint16
	dropped uint8 // 1 + index of the user's narrowing step that flagged it while reading, else 0
	marked  bool  // a person has said of this record that it is bad
}

// rows are stored events with their features. Both grow by chunks, so that growing copies nothing and merging two
// workers' rows moves chunks instead of events.
type rows struct {
	full   [][]row
	last   []row
	chunks [][]uint32
}

const (
	rowChunk     = 1 << 10
	featureChunk = 1 << 14
)

func (r *rows) add(x row, feats []uint32) {
	k := len(r.chunks) - 1
	if k < 0 || len(r.chunks[k])+len(feats) > cap(r.chunks[k]) {
		// Small spans stay small: the first chunks double up to the full size.
		size := min(featureChunk, 64<<min(len(r.chunks), 16))
		r.chunks = append(r.chunks, make([]uint32, 0, max(size, len(feats))))
		k++
	}
	x.chunk, x.from, x.n = uint32(k), uint32(len(r.chunks[k])), uint16(len(feats))
	r.chunks[k] = append(r.chunks[k], feats...)
	if len(r.last) == cap(r.last) {
		if len(r.last) > 0 {
			r.full = append(r.full, r.last)
		}
		r.last = make([]row, 0, min(rowChunk, 16<<min(len(r.full), 16)))
	}
	r.last = append(r.last, x)
}

// len is the number of rows.
func (r *rows) len() int {
	n := len(r.last)
	for _, c := range r.full {
		n += len(c)
	}
	return n
}

// memory is about how many bytes they hold.
func (r *rows) memory() int {
	n := 0
	for _, c := range r.full {
		n += cap(c)
	}
	n = (n + cap(r.last)) * 64
	for _, c := range r.chunks {
		n += 4 * cap(c)
	}
	return n
}

// absorb moves the rows of o, whose feature ids are renumbered by ids (nil: they stay), to r. o must not be used afterwards.
func (r *rows) absorb(o *rows, ids []uint32) {
	shift := uint32(len(r.chunks))
	if ids != nil {
		o.renumber(ids)
	}
	r.chunks = append(r.chunks, o.chunks...)
	if len(o.last) > 0 {
		o.full = append(o.full, o.last)
	}
	for _, c := range o.full {
		for i := range c {
			c[i].chunk += shift
		}
	}
	r.full = append(r.full, o.full...)
	*o = rows{}
}

func (r *rows) renumber(ids []uint32) {
	for _, c := range r.chunks {
		for i, f := range c {
			c[i] = ids[f]
		}
	}
	for _, c := range append(r.full, r.last) {
		for i := range c {
			if c[i].client > 0 {
				c[i].client = ids[c[i].client-1] + 1
			}
			if c[i].peer > 0 {
				c[i].peer = ids[c[i].peer-1] + 1
			}
		}
	}
}

// A list is rows at rest: in one piece, in the order of file name and line.
type list struct {
	rows   []row
	chunks [][]uint32
}

// sorted puts the rows in the order of file name and line, which is that of no worker and no command line. r must not be
// used afterwards.
func (r *rows) sorted(fileRank []int) *list {
	type place struct {
		key   uint64 // file and line
		chunk uint32
		at    uint32
	}
	chunks := append(r.full, r.last)
	order := make([]place, 0, r.len())
	for k, c := range chunks {
		for i := range c {
			order = append(order, place{uint64(fileRank[c[i].file])<<lineBits | uint64(c[i].line), uint32(k), uint32(i)})
		}
	}
	// Workers read blocks of lines, so the order is made of few rising runs.
	less := func(a, b place) int { return cmp.Compare(a.key, b.key) }
	mergeRuns(order, less)
	l := &list{make([]row, len(order)), r.chunks}
	for i, p := range order {
		l.rows[i] = chunks[p.chunk][p.at]
	}
	*r = rows{}
	return l
}

// lineBits of a place hold its line, the others the rank of its file.
const lineBits = 40

// mergeRuns sorts x, which is fast where it is made of few rising runs.
func mergeRuns[T any](x []T, compare func(a, b T) int) {
	ends := []int{}
	for i := 1; i <= len(x); i++ {
		if i == len(x) || compare(x[i-1], x[i]) > 0 {
			ends = append(ends, i)
		}
	}
	if len(ends) < 2 {
		return
	}
	from, to := x, make([]T, len(x))
	for len(ends) > 1 {
		merged := ends[:0:0]
		start := 0
		for i := 0; i < len(ends); i += 2 {
			if i+1 == len(ends) {
				copy(to[start:], from[start:ends[i]])
				merged = append(merged, ends[i])
				break
			}
			a, b, out := from[start:ends[i]], from[ends[i]:ends[i+1]], to[start:ends[i+1]]
			for n := range out {
				if len(b) == 0 || len(a) > 0 && compare(a[0], b[0]) <= 0 {
					out[n], a = a[0], a[1:]
				} else {
					out[n], b = b[0], b[1:]
				}
			}
			start = ends[i+1]
			merged = append(merged, start)
		}
		ends, from, to = merged, to, from
	}
	if &from[0] != &x[0] {
		copy(x, from)
	}
}

func (l *list) featuresOf(x *row) []uint32 { return l.chunks[x.chunk][x.from : x.from+uint32(x.n)] }

// A feature is a token.Feature that was seen in a stored event, with its text kept.
type feature struct {
	hash, left uint64
	off        uint64 // text at arena[off : off+len], then the other side of a pair
	len, other uint16
	field      uint16 // index into interner.fields
	kind       uint8
}

// maxKept is how many bytes of a value are kept for its parts and for display. A longer value keeps its hash, which was
// taken of all of it.
const maxKept = 4096

// An interner numbers the features of stored events, densely from 0.
type interner struct {
	index  index
	list   []feature
	arena  []byte
	fields []*token.Field
	byID   []int32 // token.Field.ID → index into fields plus one
}

func newInterner() *interner { return &interner{} }

func (in *interner) intern(f *token.Feature) uint32 {
	id, ok := in.index.number(f.Hash)
	if ok {
		return id
	}
	for f.Field.ID >= len(in.byID) {
		in.byID = append(in.byID, 0)
	}
	if in.byID[f.Field.ID] == 0 {
		in.fields = append(in.fields, f.Field)
		in.byID[f.Field.ID] = int32(len(in.fields))
	}
	value, other := f.Value[:min(len(f.Value), maxKept)], f.Other[:min(len(f.Other), maxKept)]
	x := feature{hash: f.Hash, left: f.Left, off: uint64(len(in.arena)), len: uint16(len(value)), other: uint16(len(other)),
		field: uint16(in.byID[f.Field.ID] - 1), kind: uint8(f.Kind)}
	in.arena = append(append(in.arena, value...), other...)
	in.list = append(in.list, x)
	return id
}

// feature returns the token.Feature that id stands for. Its bytes belong to the interner.
func (in *interner) feature(id uint32) token.Feature {
	x := &in.list[id]
	mid := x.off + uint64(x.len)
	return token.Feature{Field: in.fields[x.field], Hash: x.hash, Left: x.left, Value: in.arena[x.off:mid],
		Other: in.arena[mid : mid+uint64(x.other)], Kind: token.ValueKind(x.kind)}
}

// absorb interns everything of o, which must not be used afterwards, and returns, for each of its ids, the id here; nil
// where they are the same, as they are for the first that is absorbed. Fields are matched by name through codify, which
// owns the fields of the merged interner.
func (in *interner) absorb(o *interner, codify *token.Codifier) []uint32 {
	if len(in.list) == 0 {
		*in = *o
		in.byID = in.byID[:0]
		for i, f := range in.fields {
			f = codify.Field(f.Name)
			in.fields[i] = f
			for f.ID >= len(in.byID) {
				in.byID = append(in.byID, 0)
			}
			in.byID[f.ID] = int32(i + 1)
		}
		*o = interner{}
		return nil
	}
	fields := make([]*token.Field, len(o.fields))
	for i, f := range o.fields {
		fields[i] = codify.Field(f.Name)
	}
	ids := make([]uint32, len(o.list))
	for i := range o.list {
		f := o.feature(uint32(i))
		f.Field = fields[o.list[i].field]
		ids[i] = in.intern(&f)
	}
	*o = interner{}
	return ids
}
