package filter

import (
	"encoding/binary"
	"math/bits"

	"weir/internal/linear"
	"weir/internal/mapreduce"
	"weir/internal/token"
	"weir/internal/wire"
)

// A blockWriter writes examples of features of a keeper.
type blockWriter struct {
	k       *keeper
	fieldAt map[*token.Field]int // of the block
	fields  []*token.Field
	shapes  []*shape
	places  int // of them, and one for each
	shapeAt map[uint64][]*shape
	shapeOf []*shape
	values  [][]uint32 // by example and column: features
	arena   []uint32
	stamp   uint32
	stamped []uint32 // by feature: the block in which number holds
	number  []uint32
	dicts   [][]uint32     // by field, and texts: features in the order in which they come
	beside  []stampedValue // by feature + 1: see surprise
	known   []uint32       // by feature
	tried   uint32
	out     []byte
}

func newBlockWriter(k *keeper) *blockWriter { return &blockWriter{k: k} }

// write calls emit with packed blocks of the examples of one class.
func (w *blockWriter) write(bad bool, list []*linear.Example, emit func(packed []byte) error) error {
	w.stamped, w.number = make([]uint32, len(w.k.list)), make([]uint32, len(w.k.list))
	var packed []byte
	for len(list) > 0 {
		n := w.begin(list)
		w.encode(bad, list[:n])
		var err error
		if packed, err = mapreduce.Pack(packed[:0], w.out); err != nil {
			return err
		}
		if err = emit(packed); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// begin finds out how many examples make a block, and their shapes.
func (w *blockWriter) begin(list []*linear.Example) int {
	w.fieldAt, w.fields = map[*token.Field]int{}, w.fields[:0]
	w.shapes, w.shapeAt, w.shapeOf = nil, map[uint64][]*shape{}, w.shapeOf[:0]
	w.values, w.arena = w.values[:0], nil
	w.stamp++
	w.places = 0
	n, features := 0, 0
	for n < len(list) && n < maxBlockExamples && features < maxBlockFeatures && w.places < maxBlockPlaces && len(w.fields) < maxBlockFields {
		x := list[n]
		s := w.shape(x)
		s.rows = append(s.rows, int32(n))
		w.shapeOf = append(w.shapeOf, s)
		from := len(w.arena)
		if len(w.arena)+len(s.columns) > cap(w.arena) {
			w.arena, from = make([]uint32, 0, 1<<16), 0
		}
		if s.sender >= 0 {
			w.arena = append(w.arena, w.k.senders[x.Client])
		}
		for i, p := range s.places {
			switch id := uint32(x.Items[i]); p.way {
			case ofColumn:
				w.arena = append(w.arena, id)
			case ofText:
				w.arena = append(w.arena, w.k.list[id].other)
			}
		}
		for _, id := range w.arena[from:] {
			if w.stamped[id] != w.stamp {
				w.stamped[id] = w.stamp
				features++
			}
		}
		w.values = append(w.values, w.arena[from:len(w.arena):len(w.arena)])
		n++
	}
	w.stamp++
	for _, s := range w.shapes {
		s.lay(len(w.fields))
	}
	return n
}

func (w *blockWriter) field(f *token.Field) int {
	i, ok := w.fieldAt[f]
	if !ok {
		i = len(w.fields)
		w.fieldAt[f] = i
		w.fields = append(w.fields, f)
	}
	return i
}

// shape finds the shape of an example.
func (w *blockWriter) shape(x *linear.Example) *shape {
	hash, sender := uint64(len(x.Items)), -1
	if x.Client != 0 {
		sender = w.field(w.k.list[w.k.senders[x.Client]].field)
	}
	hash = chain(hash, uint64(sender+1))
	for _, id := range x.Items {
		hash = chain(hash, uint64(w.k.list[id].field.ID)+1)
	}
	for _, s := range w.shapeAt[hash] {
		if w.fits(s, sender, x.Items) {
			return s
		}
	}
	s := w.newShape(sender, x.Items)
	w.shapes = append(w.shapes, s)
	w.places += len(s.places) + 1
	w.shapeAt[hash] = append(w.shapeAt[hash], s)
	return s
}

// sideHash returns the hash of a side, which is the place of a feature × 2 + whether its text is hashed.
func (w *blockWriter) sideHash(side int, row []uint64) uint64 {
	id := uint32(row[side>>1])
	if side&1 == 0 {
		return w.k.list[id].hash
	}
	return w.k.sideHash(id)
}

// fits reports whether a shape tells the features of a row.
func (w *blockWriter) fits(s *shape, sender int, row []uint64) bool {
	if len(row) != len(s.places) || sender != s.sender {
		return false
	}
	for i := range s.places {
		p, y := &s.places[i], &w.k.list[row[i]]
		if y.field != w.fields[p.field] {
			return false
		}
		if p.way == ofColumn {
			continue
		}
		if w.sideHash(p.left, row) != y.left {
			return false
		}
		right := uint64(0)
		if p.way == ofSides {
			right = w.sideHash(p.right, row)
		} else {
			if w.k.list[y.other].form != byText {
				return false
			}
			right = w.k.list[y.other].hash
		}
		if y.field.PairHash(y.left, right) != y.hash {
			return false
		}
	}
	return true
}

// newShape makes a shape that tells a row.
func (w *blockWriter) newShape(sender int, row []uint64) *shape {
	s := &shape{sender: sender}
	for _, id := range row {
		y := &w.k.list[id]
		p := place{field: w.field(y.field), way: ofColumn, left: -1, right: -1}
		if y.form == byHash {
			w.recipe(&p, y, row)
		}
		s.places = append(s.places, p)
	}
	s.lay(0)
	return s
}

// recipe finds out what a pair follows from.
func (w *blockWriter) recipe(p *place, y *kept, row []uint64) {
	for side := range 2 * len(row) {
		if w.k.list[row[side>>1]].form == byHash {
			continue
		}
		h := w.sideHash(side, row)
		if h == 0 {
			continue
		}
		if p.left < 0 && h == y.left {
			p.left = side
		}
		if p.right < 0 && y.field.PairHash(y.left, h) == y.hash {
			p.right = side
		}
	}
	other := &w.k.list[y.other]
	switch {
	case p.left < 0:
	case p.right >= 0:
		p.way = ofSides
	case other.form == byText && y.field.PairHash(y.left, other.hash) == y.hash:
		p.way = ofText
	}
}

// encode writes a block.
func (w *blockWriter) encode(bad bool, list []*linear.Example) {
	w.dicts = make([][]uint32, len(w.fields)+1)
	cells := w.cells()
	w.out = binary.AppendUvarint(w.out[:0], uint64(index(bad)))
	w.put(len(w.fields))
	for _, f := range w.fields {
		w.out = wire.AppendPart(w.out, f.Name)
	}
	w.put(len(w.shapes))
	for _, s := range w.shapes {
		w.putShape(s)
	}
	for _, d := range w.dicts {
		w.putFeatures(d)
	}
	w.put(len(list))
	w.putExamples(list)
	w.out = append(w.out, cells...)
}

func (w *blockWriter) put(n int) { w.out = binary.AppendUvarint(w.out, uint64(n)) }

func (w *blockWriter) putShape(s *shape) {
	w.put(s.sender + 1)
	w.put(len(s.places))
	for _, p := range s.places {
		w.put(p.field*numWays + p.way)
		if p.way != ofColumn {
			w.put(p.left)
		}
		if p.way == ofSides {
			w.put(p.right)
		}
	}
	for _, c := range s.columns {
		w.put(c.neighbour + 1)
	}
}

// putFeatures writes features of one field, or the texts of sides.
func (w *blockWriter) putFeatures(ids []uint32) {
	w.put(len(ids))
	if len(ids) == 0 {
		return
	}
	head := func(id uint32) int {
		y := &w.k.list[id]
		return int(y.kind)*int(numForms) + int(y.form)
	}
	same := true
	for _, id := range ids {
		same = same && head(id) == head(ids[0])
	}
	if same {
		w.put(head(ids[0])<<1 | 1)
	} else {
		w.put(0)
		for _, id := range ids {
			w.put(head(id))
		}
	}
	for _, id := range ids {
		if y := &w.k.list[id]; y.form == byText {
			w.put(int(y.to - y.from))
		}
	}
	for _, id := range ids {
		if y := &w.k.list[id]; y.form == byText {
			w.out = append(w.out, w.k.texts[y.from:y.to]...)
		}
	}
	for _, id := range ids {
		switch y := &w.k.list[id]; y.form {
		case byHash:
			w.out = binary.LittleEndian.AppendUint64(w.out, y.hash)
		case byItems:
			for _, h := range []uint64{y.hash, y.exact, y.near} {
				w.out = binary.LittleEndian.AppendUint64(w.out, h)
			}
			w.put(int(y.to - y.from))
			for _, it := range w.k.items[y.from:y.to] {
				w.out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(w.out, groupOf(it)), keyOf(it))
			}
		}
	}
}

const exampleUntimed = 1

func (w *blockWriter) putExamples(list []*linear.Example) {
	at := map[*shape]int{}
	for i, s := range w.shapes {
		at[s] = i
	}
	for _, s := range w.shapeOf {
		w.put(at[s])
	}
	flags := byte(0)
	unit, last := uint64(0), int64(0)
	for _, x := range list {
		w.put(int(x.Count - 1))
		if !x.HasTime {
			flags |= exampleUntimed
		}
		unit, last = divisor(unit, magnitude(x.Time-last)), x.Time
	}
	unit, last = max(unit, 1), 0
	w.out = append(w.out, flags)
	if flags != 0 {
		for _, x := range list {
			w.out = append(w.out, byte(index(!x.HasTime)))
		}
	}
	w.out = binary.AppendUvarint(w.out, unit)
	for _, x := range list {
		d := x.Time - last
		q := int64(magnitude(d) / unit)
		if d < 0 {
			q = -q
		}
		w.out, last = binary.AppendVarint(w.out, q), x.Time
	}
}

func magnitude(d int64) uint64 {
	if d < 0 {
		return -uint64(d)
	}
	return uint64(d)
}

// divisor returns the greatest common divisor (binary: Stein 1967).
func divisor(a, b uint64) uint64 {
	if a == 0 || b == 0 {
		return a | b
	}
	shift := bits.TrailingZeros64(a | b)
	a >>= bits.TrailingZeros64(a)
	for b != 0 {
		b >>= bits.TrailingZeros64(b)
		if a > b {
			a, b = b, a
		}
		b -= a
	}
	return a << shift
}

// cells returns the columns, and fills dicts.
func (w *blockWriter) cells() (out []byte) {
	expect := newExpectation(2 * len(w.fields))
	for _, s := range w.shapes {
		w.neighbours(s)
		for c := range s.columns {
			col := &s.columns[c]
			key := -1
			if col.neighbour >= 0 {
				key = s.columns[col.neighbour].key
			}
			last := &expect.last[col.key]
			for _, i := range s.rows {
				id, beside := w.values[i][c], uint32(0)
				if col.neighbour >= 0 {
					beside = w.number[w.values[i][col.neighbour]] + 1
				}
				slot := expect.slot(col.key, key, beside)
				fresh := w.stamped[id] != w.stamp
				if fresh {
					w.stamped[id], w.number[id] = w.stamp, uint32(len(w.dicts[col.dict]))
					w.dicts[col.dict] = append(w.dicts[col.dict], id)
				}
				n := w.number[id] + 1
				switch {
				case fresh && *slot == 0, !fresh && *slot == n:
					out = append(out, cellExpected)
				case fresh:
					out = append(out, cellNew)
				case *last == n:
					out = append(out, cellAgain)
				default:
					out = binary.AppendUvarint(out, uint64(n-1)+cellNumber)
				}
				*slot, *last = n, n
			}
		}
	}
	return out
}

// neighbourRows is how many examples of a shape say what its neighbours are.
const neighbourRows = 2048

// fewRows is below how many examples a shape is not worth trying all of its columns: logs with very many shapes have few of each.
const fewRows = 16

// neighbours finds for each column the one before it that foretells it best.
func (w *blockWriter) neighbours(s *shape) {
	rows := s.rows[:min(len(s.rows), neighbourRows)]
	for c := range s.columns {
		best := -1
		for k := -1; k < c; k++ {
			if len(rows) < fewRows && k >= 0 && k < c-1 {
				continue
			}
			cost := w.surprise(rows, c, k)
			if k < 0 || cost <= best {
				best, s.columns[c].neighbour = cost, k
			}
		}
	}
}

// surprise is how often the value of a column is not that which stood beside the same value of another one last.
func (w *blockWriter) surprise(rows []int32, c, k int) (cost int) {
	if len(w.beside) <= len(w.k.list) {
		w.beside, w.known = make([]stampedValue, len(w.k.list)+1), make([]uint32, len(w.k.list))
	}
	w.tried++
	for _, i := range rows {
		v, n := w.values[i][c], uint32(0)
		if k >= 0 {
			n = w.values[i][k] + 1
		}
		was, is := &w.beside[n], w.known[v] == w.tried
		switch any := was.stamp == w.tried; {
		case any && was.value == v, !any && !is:
		case !is:
			cost++
		default:
			cost += 2
		}
		*was, w.known[v] = stampedValue{w.tried, v}, w.tried
	}
	return cost
}

type stampedValue struct{ stamp, value uint32 }
