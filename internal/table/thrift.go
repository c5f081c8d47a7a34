package table

import (
	"encoding/binary"
	"errors"
)

// The parts of a Parquet file that say what it holds are structures of Thrift's compact protocol. The library that decodes them
// believes what they say of their own sizes, and follows them as deep as they go; so they are walked over first. A walk makes nothing:
// it checks that a structure ends within its bytes, and that it is neither deep nor of very many parts.

// Bounds of structures.
const (
	maxThriftDepth = 32
	maxThriftItems = 1 << 19 // structures in lists: columns of row groups, mostly
)

var (
	errStructEnds = errors.New("its description ends too early")
	errStruct     = errors.New("its description is damaged")
	errStructSize = errors.New("its description is too large: it has too many columns or row groups")
)

// A walk is a cursor over a structure.
type walk struct {
	b     []byte
	i     int
	items int
}

// structSize returns how many bytes the structure takes that b begins with. The error is errStructEnds where b may be too short.
func structSize(b []byte) (int, error) {
	w := walk{b: b}
	if err := w.structure(0); err != nil {
		return 0, err
	}
	return w.i, nil
}

func (w *walk) byte() (byte, error) {
	if w.i >= len(w.b) {
		return 0, errStructEnds
	}
	w.i++
	return w.b[w.i-1], nil
}

func (w *walk) varint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.i:])
	switch {
	case n == 0:
		return 0, errStructEnds
	case n < 0:
		return 0, errStruct
	}
	w.i += n
	return v, nil
}

func (w *walk) skip(n uint64) error {
	if n > uint64(len(w.b)-w.i) {
		return errStructEnds
	}
	w.i += int(n)
	return nil
}

func (w *walk) structure(depth int) error {
	if depth > maxThriftDepth {
		return errStruct
	}
	for {
		head, err := w.byte()
		if err != nil {
			return err
		}
		kind := head & 15
		if kind == 0 {
			return nil
		}
		if head>>4 == 0 { // the field's number stands by itself
			if _, err := w.varint(); err != nil {
				return err
			}
		}
		if kind <= 2 { // a truth value is its own type
			continue
		}
		if err := w.value(kind, depth); err != nil {
			return err
		}
	}
}

// value goes over a value of a type of the protocol.
func (w *walk) value(kind byte, depth int) error {
	switch kind {
	case 1, 2, 3: // in lists, truth values take a byte
		return w.skip(1)
	case 4, 5, 6:
		_, err := w.varint()
		return err
	case 7:
		return w.skip(8)
	case 8:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case 9, 10:
		return w.list(depth + 1)
	case 11:
		return w.pairs(depth + 1)
	case 12:
		return w.structure(depth + 1)
	case 13:
		return w.skip(16)
	}
	return errStruct
}

func (w *walk) list(depth int) error {
	head, err := w.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		if n, err = w.varint(); err != nil {
			return err
		}
	}
	if err := w.room(n, kind, depth); err != nil {
		return err
	}
	for range n {
		if err := w.value(kind, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) pairs(depth int) error {
	n, err := w.varint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := w.byte()
	if err != nil {
		return err
	}
	if err := w.room(2*min(n, 1<<62), 12, depth); err != nil {
		return err
	}
	for range n {
		if err := w.value(kinds>>4, depth); err != nil {
			return err
		}
		if err := w.value(kinds&15, depth); err != nil {
			return err
		}
	}
	return nil
}

// room checks that n values fit into what is left: each takes a byte at least.
func (w *walk) room(n uint64, kind byte, depth int) error {
	switch {
	case depth > maxThriftDepth:
		return errStruct
	case n > uint64(len(w.b)-w.i):
		return errStructEnds
	case kind < 9:
		return nil
	}
	w.items += int(n)
	if w.items > maxThriftItems {
		return errStructSize
	}
	return nil
}
