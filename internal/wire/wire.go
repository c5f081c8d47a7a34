// Package wire reads the numbers and byte strings that weir's own encodings are made of, from bytes that anybody may have
// written.
//
// A [Reader] reads until its first fault, after which everything is zero: who reads may check [Reader.Bad] once, at the end, or
// before it acts on what it read. It copies nothing and allocates nothing, and no length goes beyond the bytes that are there. A
// count of things that follow is a number like any other: bound it (by [Reader.UpTo] and the bytes left) before memory is made for
// it. The formats are drawn where they are written.
//
// Numbers are read in any spelling, the longer ones too. Formats in which everything has one spelling, or whose errors say more
// than that something is damaged, have readers of their own (forests, profiles in files, bundles of cells in mapreduce).
package wire

import "encoding/binary"

// A Reader reads from the front of Rest. The zero Reader has nothing to read.
type Reader struct {
	Rest []byte // what was not read yet; nil after a fault
	Bad  bool   // there was a fault; set by Spoil
}

// Spoil makes what was read a fault: Bad is true from now on, and all that is read is zero.
func (r *Reader) Spoil() { r.Rest, r.Bad = nil, true }

// Uvarint reads an unsigned varint, as [binary.AppendUvarint] writes it. More than 64 bits are a fault.
func (r *Reader) Uvarint() uint64 {
	if b := r.Rest; len(b) > 0 && b[0] < 0x80 { // fast path: most numbers are small
		r.Rest = b[1:]
		return uint64(b[0])
	}
	x, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.Spoil()
		return 0
	}
	r.Rest = r.Rest[n:]
	return x
}

// Varint reads a signed varint (zigzag), as [binary.AppendVarint] writes it.
func (r *Reader) Varint() int64 {
	x := r.Uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

// UpTo reads an unsigned varint that is at most high; a greater one is a fault.
func (r *Reader) UpTo(high uint64) uint64 {
	x := r.Uvarint()
	if x > high {
		r.Spoil()
		return 0
	}
	return x
}

// Byte reads a byte.
func (r *Reader) Byte() byte {
	b := r.Rest
	if len(b) == 0 {
		r.Spoil()
		return 0
	}
	r.Rest = b[1:]
	return b[0]
}

// Fixed64 reads eight bytes, little endian.
func (r *Reader) Fixed64() uint64 {
	b := r.Rest
	if len(b) < 8 {
		r.Spoil()
		return 0
	}
	r.Rest = b[8:]
	return binary.LittleEndian.Uint64(b)
}

// Bytes reads n bytes, which are those of Rest and not a copy; fewer are a fault, and it returns nil.
func (r *Reader) Bytes(n uint64) []byte {
	b := r.Rest
	if n > uint64(len(b)) {
		r.Spoil()
		return nil
	}
	r.Rest = b[n:]
	return b[:n:n]
}

// Part reads what [AppendPart] wrote: a length, and so many bytes, which are not copied. What goes beyond the bytes that are there
// is a fault, and it returns nil.
func (r *Reader) Part() []byte { return r.Bytes(r.Uvarint()) }

// AppendPart appends the length of part in bytes, as an unsigned varint, and part.
func AppendPart[T []byte | string](dst []byte, part T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(part))), part...)
}
