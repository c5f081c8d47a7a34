package profile

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Version is the version of the encoding.
const Version = 1

const magic = "weirprof"

// What reading accepts at most. Writing never reaches it.
const (
	maxAspects = 1 << 10
	maxCount   = 1 << 40
)

// ErrFormat is wrapped by errors of reading what is no profile, a damaged one, or one of another version.
var ErrFormat = errors.New("not a profile that this weir reads")

// WriteTo writes the profile: the same bytes for the same counts, however they came together. Its hashes mean something
// only to callers who make theirs with the same key.
//
//	"weirprof" version:byte
//	aspects
//	  each: budget, limit:8, members
//	    each, by entity: entity:8 peers:8 spread:8 n, kind (0 varied, else 1 + cells)
//	      cells, by value: value:8 n, length, text
//	crc32:4 (IEEE) of all that stands before
//
// Numbers are unsigned varints, those with a width little endian.
func (p *Profile) WriteTo(w io.Writer) (int64, error) {
	p.flush()
	e := encoder{w: bufio.NewWriter(w)}
	e.bytes([]byte(magic))
	e.bytes([]byte{Version})
	e.number(uint64(len(p.aspects)))
	of := make([][]int32, len(p.aspects)) // members
	for m := range p.members {
		if x := &p.members[m]; !x.out {
			of[x.aspect] = append(of[x.aspect], int32(m))
		}
	}
	var cells []int32
	for i, a := range p.aspects {
		slices.SortFunc(of[i], func(a, b int32) int { return cmp.Compare(p.members[a].entity, p.members[b].entity) })
		e.number(uint64(a.budget))
		e.fixed(a.limit)
		e.number(uint64(len(of[i])))
		for _, m := range of[i] {
			x := &p.members[m]
			e.fixed(x.entity)
			e.fixed(x.peers)
			e.fixed(x.spread)
			e.number(x.n)
			if x.varied {
				e.number(0)
				continue
			}
			cells = cells[:0]
			for c := x.cells; c != none; c = p.cells[c].next {
				cells = append(cells, c)
			}
			slices.SortFunc(cells, func(a, b int32) int { return cmp.Compare(p.cells[a].value, p.cells[b].value) })
			e.number(uint64(1 + len(cells)))
			for _, c := range cells {
				y := &p.cells[c]
				e.fixed(y.value)
				e.number(y.n)
				e.number(uint64(len(y.text)))
				e.bytes([]byte(y.text))
			}
		}
	}
	sum := e.sum
	e.bytes(binary.LittleEndian.AppendUint32(nil, sum))
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.n, e.err
}

type encoder struct {
	w   *bufio.Writer
	buf [binary.MaxVarintLen64]byte
	sum uint32
	n   int64
	err error
}

func (e *encoder) bytes(b []byte) {
	if e.err != nil {
		return
	}
	n, err := e.w.Write(b)
	e.sum = crc32.Update(e.sum, crc32.IEEETable, b)
	e.n, e.err = e.n+int64(n), err
}

func (e *encoder) number(x uint64) { e.bytes(e.buf[:binary.PutUvarint(e.buf[:], x)]) }
func (e *encoder) fixed(x uint64)  { e.bytes(binary.LittleEndian.AppendUint64(e.buf[:0], x)) }

// Read reads a profile that WriteTo wrote. What it takes grows with what was read, whatever the bytes claim, and all that a
// profile keeps to is checked. It may read beyond the profile's end.
func Read(r io.Reader) (*Profile, error) {
	d := decoder{r: bufio.NewReader(r)}
	head := d.bytes(len(magic) + 1)
	switch {
	case d.err != nil:
	case !bytes.Equal(head[:len(magic)], []byte(magic)):
		d.fail("it does not begin as one")
	case head[len(magic)] != Version:
		d.fail(fmt.Sprintf("it has version %d, this weir reads %d", head[len(magic)], Version))
	}
	p := NewSized(nil)
	p.aspects = make([]aspect, d.number(0, maxAspects))
	for i := 0; i < len(p.aspects) && d.err == nil; i++ {
		d.aspect(p, i)
	}
	sum := d.sum
	if b := d.bytes(4); d.err == nil && binary.LittleEndian.Uint32(b) != sum {
		d.fail("its check sum is wrong")
	}
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

// A decoder reads until its first fault; after that everything is zero.
type decoder struct {
	r   *bufio.Reader
	buf [64]byte
	sum uint32
	err error
}

func (d *decoder) aspect(p *Profile, i int) {
	a := &p.aspects[i]
	a.budget = int(d.number(1, MaxBudget))
	a.limit = d.fixed()
	if a.limit&(a.limit+1) != 0 {
		d.fail("a limit is not all ones")
	}
	last := uint64(0)
	for k := range d.number(0, MaxBudget) {
		x := member{entity: d.fixed(), peers: d.fixed(), spread: d.fixed(), n: d.number(1, maxCount), cells: none, aspect: int32(i)}
		cells := d.number(0, MaxValues+1)
		x.varied = cells == 0
		key := memberKey(i, x.entity)
		if _, ok := p.at[key]; ok || k > 0 && x.entity <= last || x.spread > a.limit || cells == 1 {
			d.fail("an entity is out of order")
		}
		if d.err != nil {
			return
		}
		last = x.entity
		m := int32(len(p.members))
		p.at[key] = m
		p.members = append(p.members, x)
		if !x.varied {
			d.cells(p, m, int(cells-1))
		}
		if a.charge += p.members[m].charge(); a.charge > a.budget && a.limit > 0 {
			d.fail("it holds more than its budget")
		}
	}
}

// cells reads n values of a member.
func (d *decoder) cells(p *Profile, m int32, n int) {
	x := &p.members[m]
	sum, last := uint64(0), uint64(0)
	for k := range n {
		y := cell{value: d.fixed(), n: d.number(1, maxCount), member: m, next: x.cells}
		text := d.bytes(int(d.number(0, maxText)))
		key := cellKey(int(x.aspect), x.entity, y.value)
		if _, ok := p.cellAt[key]; ok || k > 0 && y.value <= last {
			d.fail("a value is out of order")
		}
		if d.err != nil {
			return
		}
		y.text = p.textOf(int(x.aspect), y.value, text)
		if y.text != string(text) {
			d.fail("a value has two texts")
			return
		}
		sum += y.n
		last = y.value
		x.cells = int32(len(p.cells))
		p.cellAt[key] = x.cells
		p.cells = append(p.cells, y)
		x.distinct++
	}
	if sum != x.n {
		d.fail("counts do not add up")
	}
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrFormat, why)
	}
}

// bytes returns the next n bytes, at most 64, which are valid until the next call.
func (d *decoder) bytes(n int) []byte {
	b := d.buf[:n]
	if d.err == nil {
		switch _, err := io.ReadFull(d.r, b); {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			d.fail("it ends early")
		case err != nil:
			d.err = fmt.Errorf("cannot read a profile: %w", err)
		}
	}
	if d.err != nil {
		clear(b)
		return b
	}
	d.sum = crc32.Update(d.sum, crc32.IEEETable, b)
	return b
}

func (d *decoder) fixed() uint64 { return binary.LittleEndian.Uint64(d.bytes(8)) }

// number reads a varint from low to high, in the fewest bytes that hold it.
func (d *decoder) number(low, high uint64) (x uint64) {
	for shift := 0; ; shift += 7 {
		b := d.bytes(1)[0]
		if shift == 63 && b > 1 {
			d.fail("a number is too long")
		}
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && shift > 0 {
				d.fail("a number is too long")
			}
			break
		}
	}
	if x < low || x > high {
		d.fail("a number is out of range")
	}
	if d.err != nil {
		return 0
	}
	return x
}
