package filter

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"weir/internal/mapreduce"
	"weir/internal/wire"
)

// Records that were seen travel as what is left of their 48 bits when those of the bucket are taken away, in order. Nearly all of them
// came once, so that only their number says something:
//
//	how often the bucket was halved
//	by class, good and bad: of records that came once
//	  n, [k, how many bytes, differences of their numbers in the Golomb code of 2^k (Rice and Plaut 1971), low bits first]
//	others   a bundle of counts (mapreduce.AppendBundle), by class
//
// What a reducer holds is bounded: of a bucket that alone has more records than a filter remembers (maxSeen), it keeps the half that begins
// with a zero, and so on, since the filter will keep no others.
//
// A set of n random numbers below m cannot be told in less than log2(m/n) + 1.44 bits each, and this takes .1 more.

var errSeen = errors.New("records seen are damaged")

// appendSeen appends records, sorted by number, of a bucket that was not halved.
func appendSeen(dst []byte, cells []mapreduce.Cell) []byte { return appendHalved(dst, 0, cells) }

func appendHalved(dst []byte, halved uint, cells []mapreduce.Cell) []byte {
	dst = append(dst, byte(halved))
	var once [2][]uint64
	others := cells[:0:0]
	for _, c := range cells {
		if c.N == 1 && c.Tag <= 1 {
			once[c.Tag] = append(once[c.Tag], c.Key)
		} else {
			others = append(others, c)
		}
	}
	for _, keys := range once {
		dst = appendSet(dst, keys)
	}
	return mapreduce.AppendBundle(dst, others)
}

// appendSet appends a set of numbers below 2^56, which rise.
func appendSet(dst []byte, keys []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(keys)))
	if len(keys) == 0 {
		return dst
	}
	// The best k of geometric differences is log2 of their mean and of ln 2.
	k := max(bits.Len64(keys[len(keys)-1]/uint64(len(keys))*177>>8), 1) - 1
	w := bitWriter{}
	next := uint64(0)
	for _, x := range keys {
		d := x - next
		w.ones(d >> k)
		w.put(d&(1<<k-1), k)
		next = x + 1
	}
	return wire.AppendPart(append(dst, byte(k)), w.end())
}

// seenWidth is how many bits of a record its bucket does not say.
const seenWidth = seenBits - trainBuckets

// eachSeen calls f with records, those of a class that came once first, and returns how often the bucket was halved.
func eachSeen(b []byte, f func(mapreduce.Cell)) (halved uint, err error) {
	r := wire.Reader{Rest: b}
	if halved = uint(r.Byte()); r.Bad || halved > seenWidth {
		return 0, errSeen
	}
	for class := range uint64(2) {
		if err := eachOfSet(&r, func(x uint64) { f(mapreduce.Cell{Key: x, Tag: class, N: 1}) }); err != nil {
			return 0, err
		}
	}
	return halved, mapreduce.EachCell(r.Rest, f)
}

func eachOfSet(r *wire.Reader, f func(uint64)) error {
	n := r.Uvarint()
	if n == 0 && !r.Bad {
		return nil
	}
	k := uint(r.Byte())
	in := bitReader{rest: r.Part()}
	if r.Bad || k >= seenWidth {
		return errSeen
	}
	next := uint64(0)
	for range n {
		d := in.ones()<<k | in.take(k)
		x := next + d
		if in.bad || x < next || x>>seenWidth != 0 {
			return errSeen
		}
		f(x)
		next = x + 1
	}
	if len(in.rest) > 0 || in.word != 0 {
		return errSeen
	}
	return nil
}

// A bitWriter writes bits, the low ones of a byte first.
type bitWriter struct {
	out  []byte
	word uint64
	n    int // bits in word, below 8
}

// put writes the low n bits of x, which has no others; n is at most 56.
func (w *bitWriter) put(x uint64, n int) {
	w.word |= x << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.word))
		w.word >>= 8
	}
}

// ones writes so many ones and a zero.
func (w *bitWriter) ones(n uint64) {
	for ; n >= 32; n -= 32 {
		w.put(1<<32-1, 32)
	}
	w.put(1<<n-1, int(n)+1)
}

func (w *bitWriter) end() []byte {
	if w.n > 0 {
		w.out = append(w.out, byte(w.word))
	}
	return w.out
}

// A bitReader reads what a bitWriter wrote, and zeros after the first fault.
type bitReader struct {
	rest []byte
	word uint64
	n    uint
	bad  bool
}

// fill has at least n bits in word, of at most 56.
func (r *bitReader) fill(n uint) bool {
	for r.n < n {
		if len(r.rest) == 0 {
			r.bad = true
			return false
		}
		r.word |= uint64(r.rest[0]) << r.n
		r.rest, r.n = r.rest[1:], r.n+8
	}
	return true
}

func (r *bitReader) take(n uint) uint64 {
	if r.bad || !r.fill(n) {
		return 0
	}
	x := r.word & (1<<n - 1)
	r.word >>= n
	r.n -= n
	return x
}

// ones counts ones up to a zero, which is taken too.
func (r *bitReader) ones() (n uint64) {
	for !r.bad && r.fill(1) {
		one := uint(bits.TrailingZeros64(^r.word))
		if one < r.n {
			r.word >>= one + 1
			r.n -= one + 1
			return n + uint64(one)
		}
		n += uint64(r.n)
		r.word, r.n = 0, 0
	}
	return 0
}

// seenBundle merges records that were seen. Those that came once are runs of numbers, of each class, that are merged by two as the digits of
// a binary counter carry; what is in two runs came more often.
type seenBundle struct {
	once   [2][][]uint64
	others mapreduce.Merger // bundles
	limit  int              // of records
	halved uint
	n      int // at most so many are held
	spare  []uint64
}

func newSeenBundle() mapreduce.Merger {
	return &seenBundle{others: mapreduce.NewBundle(), limit: maxSeen}
}

func (m *seenBundle) Add(value []byte) error {
	var once [2][]uint64
	var others []mapreduce.Cell
	halved, err := eachSeen(value, func(c mapreduce.Cell) {
		if c.Tag <= 1 && c.N == 1 {
			once[c.Tag] = append(once[c.Tag], c.Key)
		} else {
			others = append(others, c)
		}
	})
	if err != nil {
		return err
	}
	m.halved = max(m.halved, halved)
	for class := range once {
		// Numbers of a bundle that say they came once stand behind those of the set.
		if keys := m.keptOf(once[class]); !slices.IsSorted(keys) {
			return errSeen
		} else if err := m.add(class, keys); err != nil {
			return err
		}
	}
	if err := m.addOthers(m.kept(others)); err != nil || m.n <= 4*m.limit {
		return err
	}
	cells, err := m.cells()
	if err != nil {
		return err
	}
	return m.fill(cells)
}

// fill holds cells, where there are none.
func (m *seenBundle) fill(cells []mapreduce.Cell) error {
	var others []mapreduce.Cell
	var once [2][]uint64
	for _, c := range cells {
		if c.Tag <= 1 && c.N == 1 {
			once[c.Tag] = append(once[c.Tag], c.Key)
		} else {
			others = append(others, c)
		}
	}
	for class := range once {
		if err := m.add(class, once[class]); err != nil {
			return err
		}
	}
	return m.addOthers(others)
}

func (m *seenBundle) addOthers(cells []mapreduce.Cell) error {
	if len(cells) == 0 {
		return nil
	}
	m.n += len(cells)
	return m.others.Add(mapreduce.AppendBundle(nil, cells))
}

// add adds a run of numbers.
func (m *seenBundle) add(class int, keys []uint64) error {
	if len(keys) == 0 {
		return nil
	}
	m.n += len(keys)
	m.once[class] = append(m.once[class], keys)
	for runs := m.once[class]; len(runs) >= 2 && 2*len(runs[len(runs)-1]) >= len(runs[len(runs)-2]); runs = m.once[class] {
		if err := m.carry(class); err != nil {
			return err
		}
	}
	return nil
}

// carry merges the last two runs of a class.
func (m *seenBundle) carry(class int) error {
	runs := m.once[class]
	a, b := runs[len(runs)-2], runs[len(runs)-1]
	out := slices.Grow(m.spare[:0], len(a)+len(b))
	var twice []mapreduce.Cell
	i, k := 0, 0
	for i < len(a) && k < len(b) {
		x, y := a[i], b[k]
		switch {
		case x < y:
			out = append(out, x)
			i++
		case x > y:
			out = append(out, y)
			k++
		default:
			twice = append(twice, mapreduce.Cell{Key: x, Tag: uint64(class), N: 2})
			i, k = i+1, k+1
		}
	}
	out = append(append(out, a[i:]...), b[k:]...)
	m.spare = a[:0]
	m.once[class] = append(runs[:len(runs)-2], out)
	m.n -= 2 * len(twice)
	return m.addOthers(twice)
}

// kept leaves those that are kept of the bucket as it is halved.
func (m *seenBundle) kept(cells []mapreduce.Cell) []mapreduce.Cell {
	return slices.DeleteFunc(cells, func(c mapreduce.Cell) bool { return c.Key>>(seenWidth-m.halved) != 0 })
}

func (m *seenBundle) keptOf(keys []uint64) []uint64 {
	return slices.DeleteFunc(keys, func(x uint64) bool { return x>>(seenWidth-m.halved) != 0 })
}

// cells empties the bundle, and halves the bucket until it is small enough.
func (m *seenBundle) cells() ([]mapreduce.Cell, error) {
	var once [2][]uint64
	for class := range once {
		for len(m.once[class]) > 1 {
			if err := m.carry(class); err != nil {
				return nil, err
			}
		}
		if len(m.once[class]) == 1 {
			once[class] = m.keptOf(m.once[class][0])
		}
		m.once[class] = nil
	}
	bundle, err := m.others.Append(nil)
	if err != nil {
		return nil, err
	}
	var others []mapreduce.Cell
	if err := mapreduce.EachCell(bundle, func(c mapreduce.Cell) { others = append(others, c) }); err != nil {
		return nil, err
	}
	m.n = 0
	for cells := m.kept(inOrder(once, others)); ; cells = m.kept(cells) {
		records := 0
		for i := range cells {
			if i == 0 || cells[i].Key != cells[i-1].Key {
				records++
			}
		}
		if records <= m.limit {
			return cells, nil
		}
		m.halved++
	}
}

// inOrder merges numbers that came once and others, in the order of their numbers and classes.
func inOrder(once [2][]uint64, others []mapreduce.Cell) []mapreduce.Cell {
	good, bad := once[0], once[1]
	out := make([]mapreduce.Cell, 0, len(good)+len(bad)+len(others))
	for len(good)+len(bad) > 0 {
		var c mapreduce.Cell
		if len(bad) == 0 || len(good) > 0 && good[0] <= bad[0] {
			c, good = mapreduce.Cell{Key: good[0], N: 1}, good[1:]
		} else {
			c, bad = mapreduce.Cell{Key: bad[0], Tag: 1, N: 1}, bad[1:]
		}
		for len(others) > 0 && (others[0].Key < c.Key || others[0].Key == c.Key && others[0].Tag < c.Tag) {
			out, others = append(out, others[0]), others[1:]
		}
		if len(others) > 0 && others[0].Key == c.Key && others[0].Tag == c.Tag {
			if c.N += others[0].N; c.N == 0 { // it stops at the largest number
				c.N--
			}
			others = others[1:]
		}
		out = append(out, c)
	}
	return append(out, others...)
}

func (m *seenBundle) Append(dst []byte) ([]byte, error) {
	cells, err := m.cells()
	if err != nil {
		return dst, err
	}
	dst = appendHalved(dst, m.halved, cells)
	m.halved = 0
	return dst, nil
}

// seenLevel is the level that a bucket of records needs that was halved.
func seenLevel(bucket uint64, halved uint) uint {
	switch {
	case halved == 0:
		return 0
	case bucket == 0:
		return trainBuckets + halved
	}
	return trainBuckets - uint(bits.Len64(bucket)) + 1 // more records begin like this bucket than are kept
}
