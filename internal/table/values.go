package table

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/parquet-go/parquet-go/format"
)

// An encoded says how the values of a page are written.
type encoded uint8

const (
	plainFixed encoded = iota
	plainBytes
	plainBits
	runBits
	indexed // of the dictionary
	deltaInts
	deltaLengths
	deltaStrings
	splitBytes
)

// oldDictionary is PLAIN_DICTIONARY, as files of old call RLE_DICTIONARY.
const oldDictionary format.Encoding = 2

// values reads the values of a page, without the nulls.
type values struct {
	how     encoded
	width   int // bytes of a value, where all have as many
	b       []byte
	i       int
	bits    hybrid
	ints    delta
	shared  delta // of deltaStrings: how many bytes of the value before each begins with
	last    []byte
	scratch [16]byte
}

// widthOf is how many bytes a value takes; 0 where that differs.
func widthOf(t format.Type, length int) int {
	switch t {
	case format.Boolean:
		return 1
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	case format.Int96:
		return 12
	case format.FixedLenByteArray:
		return length
	}
	return 0
}

// start begins with the values of a page of column c.
func (v *values) start(c *column, enc format.Encoding, b []byte) (err error) {
	v.b, v.i, v.width = b, 0, c.width
	switch {
	case enc == format.Plain && c.kind == format.Boolean:
		v.how = plainBits
	case enc == format.Plain && c.width == 0:
		v.how = plainBytes
	case enc == format.Plain:
		v.how = plainFixed
	case enc == oldDictionary || enc == format.RLEDictionary:
		v.how = indexed
		if c.dict == nil {
			return fmt.Errorf("it has no dictionary")
		}
		if len(b) == 0 { // no value but nulls
			v.bits = newHybrid(nil, 1)
			return nil
		}
		if b[0] > 32 {
			return errDictionary
		}
		v.bits = newHybrid(b[1:], uint(b[0]))
	case enc == format.RLE && c.kind == format.Boolean:
		v.how = runBits
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return errFewValues
		}
		v.bits = newHybrid(b[4:4+binary.LittleEndian.Uint32(b)], 1)
	case enc == format.DeltaBinaryPacked && (c.kind == format.Int32 || c.kind == format.Int64):
		v.how = deltaInts
		v.ints, err = newDelta(b)
	case enc == format.DeltaLengthByteArray && c.kind == format.ByteArray:
		v.how = deltaLengths
		v.i, err = startDelta(&v.ints, b, 0)
	case enc == format.DeltaByteArray && (c.kind == format.ByteArray || c.kind == format.FixedLenByteArray):
		v.how, v.last = deltaStrings, v.last[:0]
		if v.i, err = startDelta(&v.shared, b, 0); err == nil {
			v.i, err = startDelta(&v.ints, b, v.i)
		}
	case enc == format.ByteStreamSplit && c.width > 0 && c.kind != format.Boolean:
		v.how = splitBytes
		if len(b)%c.width != 0 {
			return errFewValues
		}
	default:
		return fmt.Errorf("it is encoded as %s, which weir does not read", enc)
	}
	return err
}

// startDelta reads the head of numbers at b[at:], and returns where what follows them begins.
func startDelta(d *delta, b []byte, at int) (int, error) {
	var err error
	if *d, err = newDelta(b[at:]); err != nil {
		return 0, err
	}
	n, err := d.end()
	return at + n, err
}

// next returns the next value, as PLAIN would have it, valid until the next call. It is not for indexed values.
func (v *values) next() ([]byte, error) {
	switch v.how {
	case plainFixed:
		return v.take(uint64(v.width))
	case plainBytes:
		if len(v.b)-v.i < 4 {
			return nil, errFewValues
		}
		n := binary.LittleEndian.Uint32(v.b[v.i:])
		v.i += 4
		return v.take(uint64(n))
	case plainBits:
		if v.i >= 8*len(v.b) {
			return nil, errFewValues
		}
		v.scratch[0] = v.b[v.i/8] >> (v.i % 8) & 1
		v.i++
		return v.scratch[:1], nil
	case runBits:
		bit, err := v.bits.next()
		v.scratch[0] = byte(bit)
		return v.scratch[:1], err
	case deltaInts:
		n, err := v.ints.next()
		binary.LittleEndian.PutUint64(v.scratch[:], n)
		return v.scratch[:v.width], err
	case deltaLengths:
		n, err := v.ints.next()
		if err != nil {
			return nil, err
		}
		return v.take(uint64(uint32(n)))
	case deltaStrings:
		return v.join()
	}
	return v.gather()
}

func (v *values) take(n uint64) ([]byte, error) {
	if n > uint64(len(v.b)-v.i) {
		if v.i == len(v.b) {
			return nil, errFewValues
		}
		return nil, errLongValue
	}
	b := v.b[v.i : v.i+int(n)]
	v.i += int(n)
	return b, nil
}

// join puts the start of the value before and what is new together.
func (v *values) join() ([]byte, error) {
	keep, err := v.shared.next()
	if err != nil {
		return nil, err
	}
	n, err := v.ints.next()
	if err != nil {
		return nil, err
	}
	if uint64(uint32(keep)) > uint64(len(v.last)) {
		return nil, errDelta
	}
	rest, err := v.take(uint64(uint32(n)))
	if err != nil {
		return nil, err
	}
	v.last = append(v.last[:uint32(keep)], rest...)
	if v.width > 0 && len(v.last) != v.width {
		return nil, errDelta
	}
	return v.last, nil
}

// gather takes a value whose bytes stand apart: first the first bytes of all values, then the second ones …
func (v *values) gather() ([]byte, error) {
	n := len(v.b) / v.width
	if v.i >= n {
		return nil, errFewValues
	}
	out := v.scratch[:0]
	for k := range v.width {
		out = append(out, v.b[k*n+v.i])
	}
	v.i++
	return out, nil
}

// A dictionary has the different values of a column chunk. Their text is made when they come first.
type dictionary struct {
	b     []byte
	at    []uint32 // where values begin, one more than there are; nil where all have width bytes
	width int
	n     int
	text  []byte   // of values
	made  []uint32 // where the text of each begins, plus 1; its end is in ends
	ends  []uint32
}

const (
	maxMade         = 16 << 20 // bytes of text that a dictionary keeps
	dictionaryEntry = 12       // bytes that at, made and ends take for each value
)

func newDictionary(c *column, n int, b []byte) (*dictionary, error) {
	d := &dictionary{b: b, width: c.width, n: n}
	switch {
	case c.kind == format.Boolean || n < 0:
		return nil, errDictionary
	case c.width > 0:
		if n > len(b)/c.width {
			return nil, errFewValues
		}
	default:
		if n > len(b)/4 {
			return nil, errFewValues
		}
		d.at = make([]uint32, n+1)
		v := values{how: plainBytes, b: b}
		for i := range n {
			if _, err := v.next(); err != nil {
				return nil, err
			}
			d.at[i+1] = uint32(v.i)
		}
	}
	d.made, d.ends = make([]uint32, n), make([]uint32, n)
	return d, nil
}

// size is about the memory that it takes at most.
func (d *dictionary) size() int64 {
	return int64(cap(d.b)) + dictionaryEntry*int64(d.n) + min(maxMade, 8*int64(len(d.b)))
}

// append appends the text of value i.
func (d *dictionary) append(dst []byte, i uint32, c *column) ([]byte, error) {
	if uint64(i) >= uint64(d.n) {
		return dst, errDictionary
	}
	if k := d.made[i]; k > 0 {
		return append(dst, d.text[k-1:d.ends[i]]...), nil
	}
	var raw []byte
	if d.at != nil {
		raw = d.b[d.at[i]+4 : d.at[i+1]]
	} else {
		raw = d.b[int(i)*d.width : int(i+1)*d.width]
	}
	start := len(dst)
	dst, err := c.text(dst, raw)
	if err != nil {
		return dst, err
	}
	if text := dst[start:]; len(d.text)+len(text) <= maxMade {
		d.made[i] = uint32(len(d.text)) + 1
		d.text = append(d.text, text...)
		d.ends[i] = uint32(len(d.text))
	}
	return dst, nil
}

// levelWidth is how many bits a level takes.
func levelWidth(highest int) uint { return uint(bits.Len(uint(highest))) }
