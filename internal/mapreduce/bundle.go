package mapreduce

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// A Cell is one count of a bundle: of what has the number Key (the part of a hash that the bundle's record does not say already),
// with a Tag that says how it was counted (an hour class, good or bad).
type Cell struct {
	Key, Tag, N uint64
}

func compareCells(a, b Cell) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Tag, b.Tag))
}

// AppendBundle appends counts to dst: the same bytes for the same counts. Cells are sorted, and those of the same key and tag
// added up, in place. n stops at 2^64−1.
//
//	each cell, by key and tag: head [key] [tag] [count]      unsigned varints
//	  head   bit 0: the key is that of the cell before, else the difference from it follows
//	         bit 1: the tag is that of the cell before, else it follows
//	         the rest: count−1 where that is below 31, else 31, and count−32 follows
func AppendBundle(dst []byte, cells []Cell) []byte {
	sortCells(cells)
	var w bundleWriter
	w.dst = dst
	for i := 0; i < len(cells); {
		c := cells[i]
		for i++; i < len(cells) && cells[i].Key == c.Key && cells[i].Tag == c.Tag; i++ {
			c.N = addUp(c.N, cells[i].N)
		}
		w.put(c)
	}
	return w.dst
}

func addUp(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return 1<<64 - 1
	}
	return s
}

const longCount = 31 // from this on a count is written by itself

type bundleWriter struct {
	dst  []byte
	last Cell
	any  bool
}

func (w *bundleWriter) put(c Cell) {
	if c.N == 0 {
		return
	}
	sameKey, sameTag := w.any && c.Key == w.last.Key, w.any && c.Tag == w.last.Tag
	head := min(c.N-1, longCount) << 2
	if sameKey {
		head |= 1
	}
	if sameTag {
		head |= 2
	}
	w.dst = append(w.dst, byte(head))
	if !sameKey {
		w.dst = binary.AppendUvarint(w.dst, c.Key-w.last.Key)
	}
	if !sameTag {
		w.dst = binary.AppendUvarint(w.dst, c.Tag)
	}
	if head>>2 == longCount {
		w.dst = binary.AppendUvarint(w.dst, c.N-1-longCount)
	}
	w.last, w.any = c, true
}

var errBundle = errors.New("a bundle of counts is damaged")

// A bundleReader reads cells in order.
type bundleReader struct {
	b    []byte
	last Cell
	any  bool
	err  error
}

// next returns the next cell; ok is false at the end and where the bundle is damaged.
func (r *bundleReader) next() (c Cell, ok bool) {
	if len(r.b) == 0 || r.err != nil {
		return c, false
	}
	head := r.b[0]
	r.b = r.b[1:]
	c.Key, c.Tag = r.last.Key, r.last.Tag
	if head&1 == 0 {
		d := r.number()
		c.Key += d
		if c.Key < d || r.any && d == 0 {
			r.err = errBundle
		}
	}
	if head&2 == 0 {
		c.Tag = r.number()
	}
	c.N = uint64(head>>2) + 1
	if head>>2 == longCount {
		more := r.number()
		if more > math.MaxUint64-c.N { // nobody writes that
			r.err = errBundle
		}
		c.N += more
	}
	if head>>7 != 0 || !r.any && head&3 != 0 || r.any && compareCells(r.last, c) >= 0 || r.any && head&2 == 0 && c.Tag == r.last.Tag {
		r.err = errBundle
	}
	if r.err != nil {
		return Cell{}, false
	}
	r.last, r.any = c, true
	return c, true
}

func (r *bundleReader) number() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.err = errBundle
		return 0
	}
	r.b = r.b[n:]
	return x
}

// EachCell calls f with the counts of a bundle in order, until it is damaged, which is the error.
func EachCell(bundle []byte, f func(Cell)) error {
	r := bundleReader{b: bundle}
	for {
		c, ok := r.next()
		if !ok {
			return r.err
		}
		f(c)
	}
}

// NewBundle returns the merger of bundles: counts of equal key and tag are added. Bundles of like size are merged with each
// other, as the digits of a binary counter carry, so that many cost n log n; memory is about twice that of the merged bundle, as bytes.
func NewBundle() Merger { return &bundles{} }

type bundles struct {
	levels [][]byte // merged; each less than half as long as the one before
	spare  [][]byte
}

func (m *bundles) Add(value []byte) error {
	m.levels = append(m.levels, append(m.buffer(), value...))
	for n := len(m.levels); n >= 2 && 2*len(m.levels[n-1]) >= len(m.levels[n-2]); n = len(m.levels) {
		if err := m.carry(); err != nil {
			return err
		}
	}
	return nil
}

func (m *bundles) buffer() []byte {
	if n := len(m.spare); n > 0 {
		b := m.spare[n-1]
		m.spare = m.spare[:n-1]
		return b[:0]
	}
	return nil
}

// carry merges the last two.
func (m *bundles) carry() error {
	n := len(m.levels)
	a, b := m.levels[n-2], m.levels[n-1]
	merged, err := mergeBundles(m.buffer(), a, b)
	if err != nil {
		return err
	}
	m.levels = append(m.levels[:n-2], merged)
	if len(m.spare) < 2 {
		m.spare = append(m.spare, a, b)
	}
	return nil
}

func (m *bundles) Append(dst []byte) ([]byte, error) {
	for len(m.levels) > 1 {
		if err := m.carry(); err != nil {
			return dst, err
		}
	}
	if len(m.levels) == 1 {
		dst = append(dst, m.levels[0]...)
		m.spare = append(m.spare[:0], m.levels[0])
	}
	m.levels = m.levels[:0]
	return dst, nil
}

// mergeBundles appends the sum of two bundles.
func mergeBundles(dst, a, b []byte) ([]byte, error) {
	if cap(dst)-len(dst) < len(a)+len(b) {
		dst = slices.Grow(dst, len(a)+len(b)+len(b)/8)
	}
	x, y := bundleReader{b: a}, bundleReader{b: b}
	w := bundleWriter{dst: dst}
	p, okP := x.next()
	q, okQ := y.next()
	for okP || okQ {
		c := 0
		switch {
		case !okQ:
			c = -1
		case !okP:
			c = 1
		default:
			c = compareCells(p, q)
		}
		switch {
		case c < 0:
			w.put(p)
			p, okP = x.next()
		case c > 0:
			w.put(q)
			q, okQ = y.next()
		default:
			p.N = addUp(p.N, q.N)
			w.put(p)
			p, okP = x.next()
			q, okQ = y.next()
		}
	}
	if x.err != nil {
		return w.dst, x.err
	}
	return w.dst, y.err
}

func sortCells(cells []Cell) {
	if !slices.IsSortedFunc(cells, compareCells) {
		slices.SortFunc(cells, compareCells)
	}
}
