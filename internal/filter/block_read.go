package filter

import (
	"encoding/binary"
	"errors"
	"math"

	"weir/internal/linear"
	"weir/internal/mapreduce"
	"weir/internal/token"
	"weir/internal/wire"
)

var errExamples = errors.New("examples are damaged")

// A blockReader reads blocks of examples.
type blockReader struct {
	x        *extractor
	d        wire.Reader
	bad      bool
	fields   []*token.Field
	shapes   []*shape
	dicts    [][]told
	rows     []linear.Example
	expect   *expectation
	items    []item
	cells    []uint32        // of one shape, by column and example
	row      [maxShape]*told // features of the example that is read
	pairs    [maxShape]told
	groups   [maxShape]uint16 // of whole values
	buf      []byte
	unpacked []byte
	keeps    func(key uint64, bad bool) bool        // contents that are not kept go to count, if this is not nil
	count    func(items []item, bad bool, n uint32) // is told how many more records have the items
}

// A told feature of a block, or the text of a side.
type told struct {
	token.Feature
	exact uint64
	near  uint64
	side  uint64 // the hash of its text as the side of a pair
	items []byte // what it is told by, where that is no text
	apart uint64 // records that have it, and are of contents that are not kept
	form  form
}

// read calls f with the examples of a packed block and with what returns their items, which is valid, as they are, during the call.
func (b *blockReader) read(packed []byte, f func(x *linear.Example, items func() []item)) (err error) {
	if b.unpacked, err = mapreduce.Unpack(b.unpacked[:0], packed); err != nil {
		return err
	}
	return b.block(b.unpacked, f)
}

// block is read for a block that is not packed.
func (b *blockReader) block(block []byte, f func(x *linear.Example, items func() []item)) error {
	b.d = wire.Reader{Rest: block}
	b.bad = b.d.UpTo(1) == 1
	b.readFields()
	b.readShapes()
	b.dicts = b.dicts[:0]
	for i := 0; i <= len(b.fields) && !b.d.Bad; i++ {
		b.dicts = append(b.dicts, b.features(i))
	}
	b.readExamples()
	if b.d.Bad {
		return errExamples
	}
	b.expect = newExpectation(2 * len(b.fields))
	used := make([]int, len(b.dicts))
	for _, s := range b.shapes {
		if !b.readCells(s, used) {
			return errExamples
		}
		b.emit(s, f)
	}
	b.countApart()
	for i, n := range used {
		if n != len(b.dicts[i]) {
			return errExamples
		}
	}
	if len(b.d.Rest) > 0 {
		return errExamples
	}
	return nil
}

func (b *blockReader) readFields() {
	b.fields = b.fields[:0]
	for range b.d.UpTo(maxBlockFields + 2*maxShape) {
		name := b.d.Part()
		if b.d.Bad {
			return
		}
		b.fields = append(b.fields, b.x.codify.Field(string(name)))
	}
}

func (b *blockReader) readShapes() {
	b.shapes = b.shapes[:0]
	places := 0
	for range b.d.UpTo(maxBlockPlaces) {
		s := b.shape()
		if b.d.Bad {
			return
		}
		if places += len(s.places) + 1; places > maxBlockPlaces+maxShape {
			b.d.Spoil()
		}
		b.shapes = append(b.shapes, s)
	}
}

func (b *blockReader) shape() *shape {
	s := &shape{sender: int(b.d.UpTo(uint64(len(b.fields)))) - 1}
	n := b.d.UpTo(min(maxShape, uint64(len(b.d.Rest))))
	for range n {
		x := int(b.d.UpTo(uint64(max(len(b.fields)*numWays, 1) - 1)))
		p := place{field: x / numWays, way: x % numWays, left: -1, right: -1}
		if p.field >= len(b.fields) {
			b.d.Spoil()
		}
		if p.way != ofColumn {
			p.left = int(b.d.UpTo(2*n - 1))
		}
		if p.way == ofSides {
			p.right = int(b.d.UpTo(2*n - 1))
		}
		if b.d.Bad {
			return nil
		}
		s.places = append(s.places, p)
	}
	for i := range s.places {
		p := &s.places[i]
		if p.way != ofColumn && s.places[p.left>>1].way != ofColumn || p.way == ofSides && s.places[p.right>>1].way != ofColumn {
			b.d.Spoil()
		}
	}
	s.lay(len(b.fields))
	for c := range s.columns {
		s.columns[c].neighbour = int(b.d.UpTo(uint64(c))) - 1
	}
	return s
}

// features reads the features of a field, or, after all fields, the texts of sides.
func (b *blockReader) features(field int) []told {
	d := &b.d
	n := d.UpTo(min(maxBlockFeatures+2*maxShape, uint64(len(d.Rest))))
	if n == 0 {
		return nil
	}
	list := make([]told, n)
	all := d.UpTo(math.MaxUint16)
	for i := range list {
		t, head := &list[i], all>>1
		if all == 0 {
			head = d.UpTo(math.MaxUint16)
		}
		t.form, t.Kind = form(head%uint64(numForms)), token.ValueKind(head/uint64(numForms))
		if head/uint64(numForms) > math.MaxUint8 || field == len(b.fields) && t.form != byText {
			d.Spoil()
		}
	}
	if d.Bad {
		return nil
	}
	lengths := make([]uint32, n)
	for i := range list {
		if list[i].form == byText {
			lengths[i] = uint32(d.UpTo(longestTold))
		}
	}
	for i := range list {
		if t := &list[i]; t.form == byText {
			b.text(t, field, d.Bytes(uint64(lengths[i])))
		}
	}
	for i := range list {
		t := &list[i]
		if t.form == byText {
			continue
		}
		t.Feature = token.Feature{Field: b.fields[field], Kind: t.Kind, Hash: d.Fixed64()}
		if t.exact, t.near = t.Hash, t.Hash; t.form == byItems {
			t.exact, t.near = d.Fixed64(), d.Fixed64()
			t.items = d.Bytes(6 * d.UpTo(uint64(len(d.Rest)/6)))
		}
	}
	return list
}

// text makes a feature, or a side, of its text.
func (b *blockReader) text(t *told, field int, text []byte) {
	if b.d.Bad {
		return
	}
	if field == len(b.fields) {
		t.Hash = b.x.codify.SideHash(text)
		return
	}
	t.Feature = b.x.codify.Restore(b.fields[field], t.Kind, text)
	t.exact, t.side = t.Exact(), b.x.codify.SideHash(t.Value)
	t.near, b.buf = t.Near(b.buf)
}

// readExamples reads what examples have besides features.
func (b *blockReader) readExamples() {
	d := &b.d
	n := d.UpTo(min(maxBlockExamples, uint64(len(d.Rest))))
	if n > 0 && len(b.shapes) == 0 {
		d.Spoil()
		return
	}
	b.rows = make([]linear.Example, n)
	for i := range b.rows {
		s := b.shapes[d.UpTo(uint64(len(b.shapes)-1))]
		s.rows = append(s.rows, int32(i))
	}
	for i := range b.rows {
		b.rows[i].Bad, b.rows[i].HasTime = b.bad, true
		b.rows[i].Count = uint32(d.UpTo(math.MaxUint32-1)) + 1
	}
	if d.UpTo(exampleUntimed) != 0 {
		for i := range b.rows {
			b.rows[i].HasTime = d.UpTo(1) == 0
		}
	}
	unit, time := int64(d.Uvarint()), int64(0)
	for i := range b.rows {
		time += d.Varint() * unit
		b.rows[i].Time = time
	}
}

// readCells reads the columns of a shape.
func (b *blockReader) readCells(s *shape, used []int) bool {
	n := len(s.rows)
	if n*len(s.columns) > len(b.d.Rest) {
		return false
	}
	b.cells = append(b.cells[:0], make([]uint32, n*len(s.columns))...)
	for c := range s.columns {
		col := &s.columns[c]
		key, beside := -1, []uint32(nil)
		if col.neighbour >= 0 {
			key, beside = s.columns[col.neighbour].key, b.cells[col.neighbour*n:]
		}
		out, dict, last := b.cells[c*n:(c+1)*n], len(b.dicts[col.dict]), &b.expect.last[col.key]
		for i := range out {
			value := uint32(0)
			if beside != nil {
				value = beside[i] + 1
			}
			slot := b.expect.slot(col.key, key, value)
			x := uint32(0) // number + 1, 0 for something new
			switch code := b.d.Uvarint(); code {
			case cellExpected:
				x = *slot
			case cellNew:
			case cellAgain:
				if x = *last; x == 0 {
					return false
				}
			default:
				if code-cellNumber >= uint64(used[col.dict]) {
					return false
				}
				x = uint32(code-cellNumber) + 1
			}
			if x == 0 {
				used[col.dict]++
				x = uint32(used[col.dict])
			}
			if b.d.Bad || int(x) > dict || int(x) > used[col.dict] {
				return false
			}
			out[i], *slot, *last = x-1, x, x
		}
	}
	return true
}

// emit calls f with the examples of a shape.
func (b *blockReader) emit(s *shape, f func(x *linear.Example, items func() []item)) {
	n := len(s.rows)
	row, pairs, groups := b.row[:len(s.places)], b.pairs[:len(s.places)], b.groups[:len(s.places)]
	repeated := false
	for i, p := range s.places {
		for _, q := range s.places[:i] {
			repeated = repeated || q.field == p.field
		}
		groups[i] = b.x.group(b.fields[p.field], token.Whole)
	}
	items := func() []item {
		out := b.items[:0]
		for i, t := range row {
			if s.places[i].way != ofColumn {
				out = append(out, newItem(groups[i], t.Hash))
			} else {
				out = b.appendItems(out, t, groups[i])
			}
		}
		if repeated {
			out = compact(out)
		}
		b.items = out
		return out
	}
	side := func(k int) uint64 {
		if t := row[k>>1]; k&1 == 0 {
			return t.Hash
		} else {
			return t.side
		}
	}
	for k, i := range s.rows {
		x, c := &b.rows[i], 0
		next := func() *told {
			t := &b.dicts[s.columns[c].dict][b.cells[c*n+k]]
			c++
			return t
		}
		if s.sender >= 0 {
			x.Client = next().Hash
		}
		for j, p := range s.places {
			switch p.way {
			case ofColumn:
				row[j] = next()
			case ofText:
				pairs[j].side = next().Hash
			}
		}
		x.Key, x.Near = hashSeed, hashSeed
		for j, p := range s.places {
			if p.way != ofColumn {
				right := pairs[j].side
				if p.way == ofSides {
					right = side(p.right)
				}
				t := &pairs[j]
				t.Hash = b.fields[p.field].PairHash(side(p.left), right)
				t.exact, t.near, row[j] = t.Hash, t.Hash, t
			}
			x.Key, x.Near = chain(x.Key, row[j].exact), chain(x.Near, row[j].near)
		}
		if b.keeps == nil || repeated || b.keeps(x.Key, x.Bad) {
			f(x, items)
			continue
		}
		for j, t := range row {
			if t.apart += uint64(x.Count); s.places[j].way != ofColumn {
				b.items = append(b.items[:0], newItem(groups[j], t.Hash))
				b.count(b.items, x.Bad, x.Count)
			}
		}
	}
}

// appendItems appends the items of a feature. group is that of whole values of its field.
func (b *blockReader) appendItems(dst []item, t *told, group uint16) []item {
	switch t.form {
	case byHash:
		return append(dst, newItem(group, t.Hash))
	case byItems:
		for it := t.items; len(it) > 0; it = it[6:] {
			dst = append(dst, newItem(binary.BigEndian.Uint16(it), uint64(binary.BigEndian.Uint32(it[2:]))<<32))
		}
		return dst
	}
	return append(dst, b.x.expanded(&t.Feature)...)
}

// countApart counts the items of contents that are not kept: by feature, of which a block has few.
func (b *blockReader) countApart() {
	for i, f := range b.fields {
		group := b.x.group(f, token.Whole)
		for k := range b.dicts[i] {
			if t := &b.dicts[i][k]; t.apart > 0 {
				b.items = b.appendItems(b.items[:0], t, group)
				b.count(b.items, b.bad, uint32(min(t.apart, math.MaxUint32)))
			}
		}
	}
}
