package hunt

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"weir/internal/token"
	"weir/internal/wire"
)

// A block is stored events of one split in bytes. Events are laid out by column, and features are told where they first stand:
//
//	rows; shapes, each the fields of an event's features, which are told by name where they first stand
//	by row: time and line (differences), shape, flags, step that dropped it, probability by a filter, length of the raw line
//	new features, in the order in which they come
//	by shape, place in it and row: the feature, as 0 if it is the one that is expected, or else one more than its number in its
//	  field. The number after the last is a new feature.
//	raw lines of suspicious events
//
// What is expected of a feature is the one that stood there last beside the same neighbours: for a pair its sides, for others the
// feature before. Hashes are not told where they follow from the text or, for pairs, from the sides.
const (
	maxBlockRows = 1 << 15
	maxBlockRaw  = 4 << 20 // bytes of raw lines, but for the last of them
	maxShape     = 1 << 12 // features of an event
)

// A stored event is on its way into a block.
type stored struct {
	*row
	feats      []uint32
	suspicious bool
}

func (x *stored) compare(y *stored) int {
	return cmp.Or(cmp.Compare(x.file, y.file), cmp.Compare(x.line, y.line))
}

// Flags of a stored event.
const (
	flagSuspicious = 1 << iota
	flagMarked
	flagDropped
	flagJudged
)

// Ways of telling a new feature.
const (
	formFull  = iota // hashes and texts
	formValue        // text
	formSides        // nothing: a pair of two features of the event
	formOther        // a pair of a feature of the event and of a text
)

const formBits = 2

// An expectation says what stands beside what.
type expectation struct {
	at [1 << expectBits]uint32 // feature plus one
}

const expectBits = 15

func (x *expectation) slot(field uint32, left, right uint32) *uint32 {
	h := (uint64(field)<<32 | uint64(left)) * 0x9FB21C651E98DF25
	h = (h ^ h>>29 ^ uint64(right)) * 0xD6E8FEB86659FD93
	return &x.at[h>>(64-expectBits)]
}

// A shape is the fields that the features of an event have.
type shape struct {
	fields      []uint16 // of the interner
	left, right []int    // by place: where the sides of a pair stand, or where the neighbour of another does; −1 for nowhere
}

// lay finds the neighbours.
func (s *shape) lay(fields []*token.Field) {
	s.left, s.right = make([]int, len(s.fields)), make([]int, len(s.fields))
	for i, f := range s.fields {
		s.left[i], s.right[i] = -1, -1
		if fields[f].Left == "" {
			s.left[i] = i - 1
			continue
		}
		for k := i - 1; k >= 0; k-- { // the first of each
			switch x := fields[s.fields[k]]; {
			case x.Name == fields[f].Left || fields[f].Left == "source.ip" && x.Client():
				s.left[i] = k
			case x.Name == fields[f].Right || fields[f].Right == "destination.ip" && x.Peer():
				s.right[i] = k
			}
		}
	}
}

// A blockWriter writes the stored events of one collector.
type blockWriter struct {
	c        *collector
	stamp    uint32   // of the block
	stamped  []uint32 // by feature: the block in which number holds
	number   []uint32 // by feature: its number in its field
	fieldAt  []uint32 // by field of the interner: its number in the block plus one
	next     []uint32 // by field of the interner: features so far
	expect   *expectation
	shapes   []shape
	shapeAt  chains
	shapeOf  []uint32 // by row
	ofShape  [][]int  // rows
	out      []byte
	features []byte // new ones
	columns  []byte
}

func newBlockWriter(c *collector) *blockWriter {
	n := len(c.keep.list)
	return &blockWriter{c: c, stamped: make([]uint32, n), number: make([]uint32, n), expect: new(expectation)}
}

func (b *blockWriter) write(rows []stored) ([]byte, error) {
	b.stamp++
	b.out, b.features, b.columns = b.out[:0], b.features[:0], b.columns[:0]
	b.fieldAt, b.next = make([]uint32, len(b.c.keep.fields)), make([]uint32, len(b.c.keep.fields))
	clear(b.expect.at[:])
	b.shapes, b.shapeAt, b.ofShape, b.shapeOf = b.shapes[:0], chains{}, nil, b.shapeOf[:0]
	for i := range rows {
		b.shapeRow(i, rows[i].feats)
	}
	b.put(uint64(len(rows)))
	b.writeShapes()
	b.writeRows(rows)
	for k := range b.shapes {
		for at := range b.shapes[k].fields {
			b.writeColumn(&b.shapes[k], at, rows, b.ofShape[k])
		}
	}
	b.out = append(wire.AppendPart(b.out, b.features), b.columns...)
	for i := range rows {
		if x := &rows[i]; x.suspicious {
			line, err := b.c.raw.read(x.raw&(1<<spoolShift-1), x.rawLen)
			if err != nil {
				return nil, err
			}
			b.out = append(b.out, line...)
		}
	}
	return b.out, nil
}

func (b *blockWriter) put(x uint64) { b.out = binary.AppendUvarint(b.out, x) }

// shapeRow finds the shape of a row.
func (b *blockWriter) shapeRow(row int, feats []uint32) {
	keep := b.c.keep
	hash := uint64(len(feats))
	for _, id := range feats {
		hash = (hash ^ uint64(keep.list[id].field)) * 0x9FB21C651E98DF25
		hash ^= hash >> 29
	}
	k, known := b.shapeAt.find(hash, func(k uint32) bool {
		fields := b.shapes[k].fields
		if len(fields) != len(feats) {
			return false
		}
		for i, id := range feats {
			if keep.list[id].field != fields[i] {
				return false
			}
		}
		return true
	})
	if !known {
		s := shape{fields: make([]uint16, len(feats))}
		for i, id := range feats {
			s.fields[i] = keep.list[id].field
		}
		s.lay(keep.fields)
		b.shapes = append(b.shapes, s)
		b.ofShape = append(b.ofShape, nil)
	}
	b.shapeOf = append(b.shapeOf, k)
	b.ofShape[k] = append(b.ofShape[k], row)
}

func (b *blockWriter) writeShapes() {
	b.put(uint64(len(b.shapes)))
	fields := uint32(0)
	for i := range b.shapes {
		b.put(uint64(len(b.shapes[i].fields)))
		for _, f := range b.shapes[i].fields {
			if b.fieldAt[f] > 0 {
				b.put(uint64(b.fieldAt[f] - 1))
				continue
			}
			fields++
			b.fieldAt[f] = fields
			b.put(uint64(fields - 1))
			b.out = wire.AppendPart(b.out, b.c.keep.fields[f].Name)
		}
	}
}

func (b *blockWriter) writeRows(rows []stored) {
	time, line := int64(0), int64(0)
	for i := range rows {
		b.out = binary.AppendVarint(b.out, rows[i].time-time)
		time = rows[i].time
	}
	for i := range rows {
		b.out = binary.AppendVarint(b.out, rows[i].line-line)
		line = rows[i].line
	}
	for i := range rows {
		b.put(uint64(b.shapeOf[i]))
	}
	for i := range rows {
		flags := byte(0)
		for bit, is := range []bool{rows[i].suspicious, rows[i].marked, rows[i].dropped > 0, rows[i].judged != unjudged} {
			if is {
				flags |= 1 << bit
			}
		}
		b.out = append(b.out, flags)
	}
	for i := range rows {
		if x := &rows[i]; x.dropped > 0 {
			b.out = append(b.out, x.dropped)
		}
	}
	for i := range rows {
		if x := &rows[i]; x.judged != unjudged {
			b.out = binary.LittleEndian.AppendUint32(b.out, math.Float32bits(x.judged))
		}
	}
	for i := range rows {
		if x := &rows[i]; x.suspicious {
			b.put(uint64(x.rawLen))
		}
	}
}

// writeColumn writes the features at one place of the rows of a shape.
func (b *blockWriter) writeColumn(s *shape, at int, rows []stored, of []int) {
	field := s.fields[at]
	l, r := s.left[at], s.right[at]
	for _, i := range of {
		feats := rows[i].feats
		id := feats[at]
		left, right := uint32(0), uint32(0)
		if l >= 0 {
			left = b.number[feats[l]] + 1
		}
		if r >= 0 {
			right = b.number[feats[r]] + 1
		}
		expected := b.expect.slot(b.fieldAt[field], left, right)
		switch {
		case b.stamped[id] != b.stamp:
			b.stamped[id], b.number[id] = b.stamp, b.next[field]
			b.next[field]++
			b.columns = binary.AppendUvarint(b.columns, uint64(b.number[id])+1)
			b.writeFeature(id, feats, l, r)
		case *expected == b.number[id]+1:
			b.columns = append(b.columns, 0)
		default:
			b.columns = binary.AppendUvarint(b.columns, uint64(b.number[id])+1)
		}
		*expected = b.number[id] + 1
	}
}

func (b *blockWriter) writeFeature(id uint32, feats []uint32, l, r int) {
	keep := b.c.keep
	f := keep.feature(id)
	form := formFull
	switch {
	case f.Field.Left == "":
		if len(f.Other) == 0 && f.Left == 0 && f.Field.Hash(f.Value) == f.Hash {
			form = formValue
		}
	case l >= 0 && keep.list[feats[l]].hash == f.Left:
		left := keep.feature(feats[l])
		if !bytes.Equal(left.Value, f.Value) {
			break
		}
		if r >= 0 {
			right := keep.feature(feats[r])
			if f.Field.PairHash(f.Left, right.Hash) == f.Hash && bytes.Equal(right.Value, f.Other) {
				form = formSides
				break
			}
		}
		if f.Field.PairHash(f.Left, b.c.codify.SideHash(f.Other)) == f.Hash {
			form = formOther
		}
	}
	out := append(b.features, byte(form)|byte(f.Kind)<<formBits)
	switch form {
	case formFull:
		out = binary.LittleEndian.AppendUint64(out, f.Hash)
		out = binary.LittleEndian.AppendUint64(out, f.Left)
		out = wire.AppendPart(wire.AppendPart(out, f.Value), f.Other)
	case formValue:
		out = wire.AppendPart(out, f.Value)
	case formOther:
		out = wire.AppendPart(out, f.Other)
	}
	b.features = out
}
