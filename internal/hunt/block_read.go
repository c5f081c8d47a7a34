package hunt

import (
	"encoding/binary"
	"fmt"
	"math"

	"weir/internal/token"
	"weir/internal/wire"
)

// A blockReader reads blocks into a collector.
type blockReader struct {
	c      *collector
	expect *expectation
	d      wire.Reader
	fields []*blockField
	shapes []shape
	known  []*token.Field // of fields, for shape.lay
}

// A blockField is a field of a block, with the features that were told so far.
type blockField struct {
	field *token.Field
	ids   []uint32 // in the collector's interner
}

// A blockRow is a row before it is stored.
type blockRow struct {
	row
	flags  byte
	shape  int
	inside int // its number among the rows of the shape
}

// read stores the events of a block. split is what its rows have for their file.
func (b *blockReader) read(value []byte, split int32) error {
	b.d = wire.Reader{Rest: value}
	b.fields, b.shapes, b.known = nil, nil, nil
	if b.expect == nil {
		b.expect = new(expectation)
	}
	clear(b.expect.at[:])
	rows, of := b.head(split)
	if b.d.Bad {
		return fmt.Errorf("%w: a block of events", ErrRecord)
	}
	columns := make([][][]uint32, len(b.shapes)) // by shape and place: numbers, in the order of rows
	features := wire.Reader{Rest: b.d.Part()}
	for k := range b.shapes {
		columns[k] = make([][]uint32, len(b.shapes[k].fields))
		for at := range columns[k] {
			if columns[k][at] = b.column(&b.shapes[k], at, columns[k], of[k], &features); b.d.Bad {
				return fmt.Errorf("%w: a block of events", ErrRecord)
			}
		}
	}
	if b.d.Bad || features.Bad || len(features.Rest) > 0 || !b.store(rows, columns) {
		return fmt.Errorf("%w: a block of events", ErrRecord)
	}
	return nil
}

// head reads what stands before the features: shapes, and rows without them. of is how many rows each shape has.
func (b *blockReader) head(split int32) (rows []blockRow, of []int) {
	d := &b.d
	n := d.UpTo(maxBlockRows)
	for range d.UpTo(n) {
		s := shape{}
		for range d.UpTo(maxShape) {
			f := d.UpTo(uint64(len(b.fields)))
			if int(f) == len(b.fields) {
				name := d.Part()
				if d.Bad {
					return nil, nil
				}
				field := b.c.codify.Field(string(name))
				b.fields, b.known = append(b.fields, &blockField{field: field}), append(b.known, field)
			}
			if f >= math.MaxUint16 {
				d.Spoil()
			}
			if d.Bad {
				return nil, nil
			}
			s.fields = append(s.fields, uint16(f))
		}
		s.lay(b.known)
		b.shapes = append(b.shapes, s)
	}
	if n > uint64(len(d.Rest)) {
		d.Spoil()
		return nil, nil
	}
	rows, of = make([]blockRow, n), make([]int, len(b.shapes))
	time, line := int64(0), int64(0)
	for i := range rows {
		time += d.Varint()
		rows[i].time = time
		rows[i].raw, rows[i].judged, rows[i].file = -1, unjudged, split
	}
	for i := range rows {
		line += d.Varint()
		rows[i].line = line
	}
	for i := range rows {
		k := int(d.UpTo(uint64(max(len(b.shapes), 1) - 1)))
		if len(b.shapes) == 0 {
			d.Spoil()
			return nil, nil
		}
		rows[i].shape, rows[i].inside = k, of[k]
		of[k]++
	}
	for i, flags := range d.Bytes(n) {
		rows[i].flags, rows[i].marked = flags, flags&flagMarked != 0
	}
	for i := range rows {
		if rows[i].flags&flagDropped != 0 {
			rows[i].dropped = uint8(d.UpTo(math.MaxUint8))
		}
	}
	for i := range rows {
		if rows[i].flags&flagJudged != 0 {
			if x := d.Bytes(4); !d.Bad {
				rows[i].judged = math.Float32frombits(binary.LittleEndian.Uint32(x))
			}
		}
	}
	for i := range rows {
		if rows[i].flags&flagSuspicious != 0 {
			rows[i].rawLen = uint32(d.UpTo(1 << blockShift))
		}
	}
	return rows, of
}

// column reads the features at one place of the rows of a shape; columns are those before. It stops at the first fault.
func (b *blockReader) column(s *shape, at int, columns [][]uint32, n int, features *wire.Reader) []uint32 {
	if n > len(b.d.Rest) {
		b.d.Spoil()
		return nil
	}
	field := b.fields[s.fields[at]]
	l, r := s.left[at], s.right[at]
	out := make([]uint32, n)
	for i := range out {
		left, right := uint32(0), uint32(0)
		if l >= 0 {
			left = columns[l][i] + 1
		}
		if r >= 0 {
			right = columns[r][i] + 1
		}
		expected := b.expect.slot(uint32(s.fields[at])+1, left, right)
		x := uint32(b.d.UpTo(uint64(len(field.ids)) + 1))
		switch {
		case x == 0:
			if x = *expected; x == 0 || int(x) > len(field.ids) {
				b.d.Spoil()
			}
		case int(x) == len(field.ids)+1:
			id, ok := b.feature(field, features, func(place int) (token.Feature, bool) {
				if place < 0 {
					return token.Feature{}, false
				}
				return b.c.keep.feature(b.fields[s.fields[place]].ids[columns[place][i]]), true
			}, l, r)
			if !ok {
				b.d.Spoil()
			}
			field.ids = append(field.ids, id)
		}
		if b.d.Bad {
			return nil
		}
		out[i], *expected = x-1, x
	}
	return out
}

// feature reads a new feature of a field and interns it. side returns another one of the same event.
func (b *blockReader) feature(of *blockField, d *wire.Reader, side func(place int) (token.Feature, bool), l, r int) (id uint32, ok bool) {
	head := d.UpTo(math.MaxUint8)
	f := token.Feature{Field: of.field, Kind: token.ValueKind(head >> formBits)}
	left, hasLeft := side(l)
	right, hasRight := side(r)
	pair := of.field.Left != "" && hasLeft
	switch form := head & (1<<formBits - 1); {
	case form == formFull:
		f.Hash, f.Left = d.Fixed64(), d.Fixed64()
		f.Value, f.Other = d.Part(), d.Part()
	case form == formValue:
		f.Value = d.Part()
		f.Hash = f.Field.Hash(f.Value)
	case form == formSides && pair && hasRight:
		f.Left, f.Value, f.Other = left.Hash, left.Value, right.Value
		f.Hash = f.Field.PairHash(left.Hash, right.Hash)
	case form == formOther && pair:
		f.Left, f.Value, f.Other = left.Hash, left.Value, d.Part()
		f.Hash = f.Field.PairHash(left.Hash, b.c.codify.SideHash(f.Other))
	default:
		d.Spoil()
	}
	if d.Bad || len(f.Value) > maxKept || len(f.Other) > maxKept {
		return 0, false
	}
	return b.c.keep.intern(&f), true
}

// store hands the rows to the collector.
func (b *blockReader) store(rows []blockRow, columns [][][]uint32) bool {
	var ids []uint32
	for i := range rows {
		x := &rows[i]
		ids = ids[:0]
		for at, field := range b.shapes[x.shape].fields {
			ids = append(ids, b.fields[field].ids[columns[x.shape][at][x.inside]])
		}
		var raw []byte
		if x.flags&flagSuspicious != 0 {
			if raw = b.d.Bytes(uint64(x.rawLen)); b.d.Bad {
				return false
			}
		}
		b.c.restore(x.row, ids, x.flags&flagSuspicious != 0, raw)
	}
	return len(b.d.Rest) == 0
}
