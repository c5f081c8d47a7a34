package hunt

import (
	"weir/internal/token"
)

// A row is one stored event: a suspicious one, or one of a span that may become a placebo window.
type row struct {
	time    int64
	line    int64
	file    int32
	client  uint32 // feature that says who the client is, plus one; 0 where the record names none
	from    uint32 // its features are feats[from : from+n] of its rows
	n       uint16
	raw     int64 // where the raw line lies in the spool, −1 if it was not kept
	rawLen  uint32
	dropped uint8 // 1 + index of the user's narrowing step that flagged it while reading, else 0
}

// rows are stored events with their features in one arena.
type rows struct {
	list  []row
	feats []uint32
}

func (r *rows) add(x row, feats []uint32) {
	x.from, x.n = uint32(len(r.feats)), uint16(len(feats))
	r.feats = append(r.feats, feats...)
	r.list = append(r.list, x)
}

func (r *rows) featuresOf(x *row) []uint32 { return r.feats[x.from : x.from+uint32(x.n)] }

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
	byHash map[uint64]uint32
	list   []feature
	arena  []byte
	fields []*token.Field
	byID   []int32 // token.Field.ID → index into fields plus one
}

func newInterner() *interner { return &interner{byHash: make(map[uint64]uint32)} }

func (in *interner) intern(f *token.Feature) uint32 {
	if id, ok := in.byHash[f.Hash]; ok {
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
	id := uint32(len(in.list))
	in.list = append(in.list, x)
	in.byHash[f.Hash] = id
	return id
}

// feature returns the token.Feature that id stands for. Its bytes belong to the interner.
func (in *interner) feature(id uint32) token.Feature {
	x := &in.list[id]
	mid := x.off + uint64(x.len)
	return token.Feature{Field: in.fields[x.field], Hash: x.hash, Left: x.left, Value: in.arena[x.off:mid],
		Other: in.arena[mid : mid+uint64(x.other)], Kind: token.ValueKind(x.kind)}
}

// absorb interns everything of o and returns, for each of its ids, the id here. Fields are matched by name through
// codify, which owns the fields of the merged interner.
func (in *interner) absorb(o *interner, codify *token.Codifier) []uint32 {
	ids := make([]uint32, len(o.list))
	for i := range o.list {
		f := o.feature(uint32(i))
		f.Field = codify.Field(f.Field.Name)
		ids[i] = in.intern(&f)
	}
	return ids
}

// absorb appends the rows of o, whose feature ids are renumbered by ids.
func (r *rows) absorb(o *rows, ids []uint32) {
	shift := uint32(len(r.feats))
	for _, f := range o.feats {
		r.feats = append(r.feats, ids[f])
	}
	for _, x := range o.list {
		x.from += shift
		if x.client > 0 {
			x.client = ids[x.client-1] + 1
		}
		r.list = append(r.list, x)
	}
}
