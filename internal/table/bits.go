package table

import (
	"encoding/binary"
	"errors"
)

// Faults of pages. They are wrapped with the column that has them.
var (
	errFewValues  = errors.New("it has fewer values than it says")
	errLongValue  = errors.New("a value is longer than its page")
	errLevels     = errors.New("its levels are damaged")
	errDictionary = errors.New("an index is outside its dictionary")
	errDelta      = errors.New("its differences are damaged")
)

// bitsAt returns width bits, at most 64, from bit pos on, the lowest first. They lie within b.
func bitsAt(b []byte, pos uint64, width uint) uint64 {
	i, s := pos>>3, uint(pos&7)
	var v uint64
	if i+8 <= uint64(len(b)) {
		v = binary.LittleEndian.Uint64(b[i:]) >> s
	} else {
		for k, c := range b[i:] {
			v |= uint64(c) << (8 * k)
		}
		v >>= s
	}
	if s+width > 64 {
		v |= uint64(b[i+8]) << (64 - s)
	}
	return v & (1<<width - 1)
}

// hybrid reads numbers in runs: of one that is repeated, or of several packed into width bits each. A run is never laid out:
// ten bytes may stand for two thousand million numbers.
type hybrid struct {
	b      []byte
	i      int
	width  uint // at most 32
	left   uint64
	packed bool
	pos    uint64 // of the next packed number, in bits
	value  uint32
}

func newHybrid(b []byte, width uint) hybrid { return hybrid{b: b, width: width} }

// next returns the next number.
func (h *hybrid) next() (uint32, error) {
	if h.width == 0 {
		return 0, nil
	}
	for h.left == 0 {
		if err := h.run(); err != nil {
			return 0, err
		}
	}
	h.left--
	if !h.packed {
		return h.value, nil
	}
	v := bitsAt(h.b, h.pos, h.width)
	h.pos += uint64(h.width)
	return uint32(v), nil
}

// run reads the head of the next run.
func (h *hybrid) run() error {
	head, n := binary.Uvarint(h.b[h.i:])
	if n <= 0 {
		return errFewValues
	}
	h.i += n
	if h.packed = head&1 == 1; h.packed {
		rest := uint64(len(h.b) - h.i)
		size := min(head>>1, rest/uint64(h.width)+1) * uint64(h.width) // eight numbers each
		h.pos = uint64(h.i) * 8
		if size <= rest {
			h.left = size * 8 / uint64(h.width)
		} else { // some writers leave out what pads the last run
			size = rest
			if h.left = rest * 8 / uint64(h.width); h.left == 0 {
				return errFewValues
			}
		}
		h.i += int(size)
		return nil
	}
	size := int(h.width+7) / 8
	if len(h.b)-h.i < size {
		return errFewValues
	}
	h.left, h.value = head>>1, 0
	for k, c := range h.b[h.i : h.i+size] {
		h.value |= uint32(c) << (8 * k)
	}
	h.i += size
	return nil
}

// delta reads numbers that are stored as differences, in blocks of miniblocks.
type delta struct {
	b           []byte
	i           int
	minis, each uint64 // miniblocks in a block, numbers in a miniblock
	count       uint64 // numbers left
	first       bool   // none was given yet
	value       uint64
	least       uint64 // difference of the block
	widths      []byte // of the miniblocks of the block that are left
	left        uint64 // numbers of the miniblock
	width       uint
	pos         uint64
}

func newDelta(b []byte) (d delta, err error) {
	d.b = b
	var head [4]uint64
	for k := range head {
		if head[k], err = d.varint(); err != nil {
			return d, err
		}
	}
	block := head[0]
	d.minis, d.count, d.first, d.value = head[1], head[2], true, unzigzag(head[3])
	if d.minis == 0 || block > 1<<24 || block%d.minis != 0 || block/d.minis%8 != 0 || block == 0 {
		return d, errDelta
	}
	d.each = block / d.minis
	return d, nil
}

func unzigzag(v uint64) uint64 { return v>>1 ^ -(v & 1) }

func (d *delta) varint() (uint64, error) {
	v, n := binary.Uvarint(d.b[d.i:])
	if n <= 0 {
		return 0, errDelta
	}
	d.i += n
	return v, nil
}

// next returns the next number, to be cut to the width of its type.
func (d *delta) next() (uint64, error) {
	if d.count == 0 {
		return 0, errFewValues
	}
	d.count--
	if d.first {
		d.first = false
		return d.value, nil
	}
	if d.left == 0 {
		if err := d.mini(); err != nil {
			return 0, err
		}
	}
	d.left--
	d.value += d.least
	if d.width > 0 {
		d.value += bitsAt(d.b, d.pos, d.width)
		d.pos += uint64(d.width)
	}
	return d.value, nil
}

// mini goes to the next miniblock.
func (d *delta) mini() error {
	if len(d.widths) == 0 {
		least, err := d.varint()
		if err != nil {
			return err
		}
		if uint64(len(d.b)-d.i) < d.minis {
			return errDelta
		}
		d.least, d.widths = unzigzag(least), d.b[d.i:d.i+int(d.minis)]
		d.i += int(d.minis)
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	size := d.each * uint64(d.width) / 8
	if d.width > 64 || size > uint64(len(d.b)-d.i) {
		return errDelta
	}
	d.pos, d.left = uint64(d.i)*8, d.each
	d.i += int(size)
	return nil
}

// end returns where what follows the numbers begins.
func (d *delta) end() (int, error) {
	x := *d
	for left := max(x.count, 1) - 1; left > 0; left -= min(left, x.each) {
		if err := x.mini(); err != nil {
			return 0, err
		}
	}
	return x.i, nil
}
