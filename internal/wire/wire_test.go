package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

var numbers = []uint64{0, 1, 0x7f, 0x80, 0x3fff, 0x4000, math.MaxUint32, 1 << 63, math.MaxUint64}

// TestReadsWhatIsWritten writes one of everything and cuts it off anywhere.
func TestReadsWhatIsWritten(t *testing.T) {
	var b []byte
	for _, x := range numbers {
		b = binary.AppendVarint(binary.AppendUvarint(b, x), int64(x))
	}
	b = AppendPart(AppendPart(b, "a part"), []byte(nil))
	b = binary.LittleEndian.AppendUint64(append(b, 7), 1<<63|5)
	b = append(b, "xyz"...)

	read := func(r *Reader) bool {
		same := true
		for _, x := range numbers {
			u, v := r.Uvarint(), r.Varint()
			same = same && u == x && v == int64(x)
		}
		text, empty := r.Part(), r.Part()
		one, eight, rest := r.Byte(), r.Fixed64(), r.Bytes(3)
		return same && string(text) == "a part" && len(empty) == 0 && one == 7 && eight == 1<<63|5 && string(rest) == "xyz"
	}
	r := Reader{Rest: b}
	if !read(&r) || r.Bad || len(r.Rest) > 0 {
		t.Fatalf("what was read is not what was written; bad: %v, %d bytes are left", r.Bad, len(r.Rest))
	}
	for n := range b {
		r := Reader{Rest: b[:n]}
		if read(&r); !r.Bad || r.Rest != nil {
			t.Errorf("the first %d of %d bytes: bad is %v, %d bytes are left", n, len(b), r.Bad, len(r.Rest))
		}
	}
}

// TestFaults: after a fault all is zero, though good bytes follow.
func TestFaults(t *testing.T) {
	after := []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	long := func(end ...byte) []byte { return append(bytes.Repeat([]byte{0xff}, 9), end...) }
	for name, c := range map[string]struct {
		bytes []byte
		read  func(r *Reader) uint64
	}{
		"a number of 65 bits": {long(2), (*Reader).Uvarint},
		"a number of 71 bits": {long(0xff, 1), (*Reader).Uvarint},
		"a signed number of 65 bits": {long(2), func(r *Reader) uint64 {
			return uint64(r.Varint())
		}},
		"one too many":    {[]byte{10}, func(r *Reader) uint64 { return r.UpTo(9) }},
		"far too many":    {binary.AppendUvarint(nil, math.MaxUint64), func(r *Reader) uint64 { return r.UpTo(math.MaxUint64 - 1) }},
		"a part too long": {[]byte{11}, func(r *Reader) uint64 { return uint64(len(r.Part())) }},
		"a part of 2^64−1 bytes": {binary.AppendUvarint(nil, math.MaxUint64), func(r *Reader) uint64 {
			return uint64(len(r.Part()))
		}},
		"bytes beyond the end": {nil, func(r *Reader) uint64 { return uint64(len(r.Bytes(11))) }},
		"what a caller spoils": {nil, func(r *Reader) uint64 { r.Spoil(); return 0 }},
	} {
		r := Reader{Rest: append(bytes.Clone(c.bytes), after...)}
		if x := c.read(&r); x != 0 || !r.Bad {
			t.Errorf("%s: read %d, bad is %v", name, x, r.Bad)
		}
		if r.Uvarint() != 0 || r.Varint() != 0 || r.UpTo(5) != 0 || r.Byte() != 0 || r.Fixed64() != 0 || r.Part() != nil ||
			r.Bytes(0) != nil || !r.Bad || r.Rest != nil {
			t.Errorf("%s: something is read after the fault", name)
		}
	}
	r := Reader{Rest: []byte{9, 0x80, 0}}
	if x, y := r.UpTo(9), r.Uvarint(); x != 9 || y != 0 || r.Bad {
		t.Errorf("read %d and %d, bad is %v: the bound itself and a number in a longer spelling are no faults", x, y, r.Bad)
	}
}

// TestPartsStandApart: who appends to a part does not write over what comes after it.
func TestPartsStandApart(t *testing.T) {
	b := AppendPart(AppendPart(nil, "one"), "two")
	r := Reader{Rest: b}
	_ = append(r.Part(), "!!!!"...)
	if got := r.Part(); string(got) != "two" {
		t.Errorf("the second part became %q", got)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	b := binary.AppendVarint(AppendPart(binary.AppendUvarint(nil, 1<<40), "part"), -5)
	b = binary.LittleEndian.AppendUint64(append(b, 1), 2)
	huge := binary.AppendUvarint(nil, 1<<62)
	sum := uint64(0)
	if n := testing.AllocsPerRun(100, func() {
		r := Reader{Rest: b}
		sum += r.Uvarint() + uint64(len(r.Part())) + uint64(r.Varint()) + uint64(r.Byte()) + r.Fixed64()
		r = Reader{Rest: huge}
		sum += uint64(len(r.Part()))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzReader lets the first bytes say what is read, and compares with encoding/binary on what is left.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5}, []byte{0x80, 1, 3, 9, 4, 1, 2, 3, 4, 5, 6, 7, 8, 2, 'a', 'b', 0})
	f.Add([]byte{0, 4}, bytes.Repeat([]byte{0xff}, 12))
	f.Add([]byte{5, 5}, binary.AppendUvarint(nil, math.MaxUint64))
	f.Fuzz(func(t *testing.T, what, b []byte) {
		r := Reader{Rest: b}
		for i, w := range what {
			before, bad := r.Rest, r.Bad
			var got, want uint64
			n := 0 // bytes that it should take; none is a fault
			switch w % 6 {
			case 0:
				got = r.Uvarint()
				want, n = binary.Uvarint(before)
			case 1:
				got = uint64(r.Varint())
				var x int64
				x, n = binary.Varint(before)
				want = uint64(x)
			case 2:
				got = r.UpTo(uint64(w))
				if want, n = binary.Uvarint(before); want > uint64(w) {
					n = 0
				}
			case 3:
				got = uint64(r.Byte())
				if len(before) > 0 {
					want, n = uint64(before[0]), 1
				}
			case 4:
				got = r.Fixed64()
				if len(before) >= 8 {
					want, n = binary.LittleEndian.Uint64(before), 8
				}
			case 5:
				part := r.Part()
				size, k := binary.Uvarint(before)
				if got = uint64(len(part)); k > 0 && size <= uint64(len(before)-k) {
					want, n = size, k+int(size)
					if !bytes.Equal(part, before[k:n]) {
						t.Fatalf("read %d: the part is %q", i, part)
					}
				}
			}
			if fault := bad || n <= 0; fault != r.Bad {
				t.Fatalf("read %d of kind %d from %x: bad is %v", i, w%6, before, r.Bad)
			} else if fault && (got != 0 || r.Rest != nil) {
				t.Fatalf("read %d of kind %d: %d after a fault, %x is left", i, w%6, got, r.Rest)
			} else if !fault && (got != want || !bytes.Equal(r.Rest, before[n:])) {
				t.Fatalf("read %d of kind %d from %x: %d, should be %d", i, w%6, before, got, want)
			}
		}
	})
}

func FuzzPart(f *testing.F) {
	f.Add([]byte("before"), []byte("part"))
	f.Fuzz(func(t *testing.T, before, part []byte) {
		b := AppendPart(bytes.Clone(before), part)
		r := Reader{Rest: b}
		head := r.Bytes(uint64(len(before)))
		if got := r.Part(); !bytes.Equal(head, before) || !bytes.Equal(got, part) || r.Bad || len(r.Rest) > 0 {
			t.Fatalf("%q and %q became %q and %q", before, part, head, got)
		}
	})
}
