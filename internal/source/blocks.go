package source

import (
	"bytes"
	"io"
	"sync"
)

// Defaults of [BlockOptions].
const (
	DefaultBlockSize = 1 << 20
	DefaultMaxLine   = 1 << 20
)

// BlockOptions govern how a stream is cut into blocks. Zero means default.
type BlockOptions struct {
	BlockSize int // bytes in one block, about
	MaxLine   int // bytes in one line; longer ones are cut
}

func (o BlockOptions) withDefaults() BlockOptions {
	if o.BlockSize <= 0 {
		o.BlockSize = DefaultBlockSize
	}
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	return o
}

// A Block is a run of whole lines. Whoever holds it owns Data, until Release.
type Block struct {
	Data   []byte // lines with their ends; only the last line of the stream may lack it
	Line   int64  // number of the first line, from 1
	Offset int64  // of Data in the uncompressed bytes
	Lines  int64  // how many lines there are
	Size   int64  // uncompressed bytes that it stands for: more than Data where a line was cut

	maxLine int
	cut     bool // Data is the start of a single line that was too long
	buf     *[]byte
}

// buffers are shared by all streams. Those that grew for a long line are not kept.
var buffers sync.Pool

// Release gives the memory of b back; Data must not be used afterwards. Releasing is optional.
func (b *Block) Release() {
	if b.buf != nil && cap(*b.buf) <= 2*DefaultBlockSize {
		buffers.Put(b.buf)
	}
	b.buf, b.Data = nil, nil
}

// A Line is one line of a block.
type Line struct {
	Text   []byte // without its end; points into the block
	Number int64  // in the stream, from 1
	Offset int64  // of Text in the uncompressed bytes
	Cut    bool   // the line was longer than MaxLine, and this is how it starts
}

// A LineIter walks over the lines of a block.
type LineIter struct {
	Line
	rest    []byte
	number  int64
	offset  int64
	maxLine int
	cut     bool
}

// Iter returns an iterator that stands before the first line.
func (b *Block) Iter() LineIter {
	return LineIter{rest: b.Data, number: b.Line, offset: b.Offset, maxLine: b.maxLine, cut: b.cut}
}

// Next goes to the next line and reports whether there is one.
func (it *LineIter) Next() bool {
	if len(it.rest) == 0 {
		return false
	}
	text, size := it.rest, len(it.rest)
	if i := bytes.IndexByte(it.rest, '\n'); i >= 0 {
		text, size = it.rest[:i], i+1
	}
	it.Line = Line{Text: text, Number: it.number, Offset: it.offset, Cut: it.cut}
	if len(text) > it.maxLine {
		it.Text, it.Cut = text[:it.maxLine], true
	}
	if n := len(it.Text); !it.Cut && n > 0 && it.Text[n-1] == '\r' {
		it.Text = it.Text[:n-1]
	}
	it.rest = it.rest[size:]
	it.number++
	it.offset += int64(size)
	return true
}

// NextFrom goes to the next line that starts with mark, or to the first line of the stream, and reports whether there is
// one. It skips other lines without looking into them. With mark 0 there is only the first line of the stream.
func (it *LineIter) NextFrom(mark byte) bool {
	if it.number == 1 {
		return it.Next()
	}
	if mark == 0 || it.cut {
		return false
	}
	if len(it.rest) > 0 && it.rest[0] != mark {
		i := bytes.Index(it.rest, []byte{'\n', mark})
		if i < 0 {
			it.rest = nil
			return false
		}
		it.number += int64(bytes.Count(it.rest[:i+1], []byte{'\n'}))
		it.offset += int64(i + 1)
		it.rest = it.rest[i+1:]
	}
	return it.Next()
}

// Blocks cuts a stream into blocks of whole lines.
type Blocks struct {
	r      io.Reader
	o      BlockOptions
	carry  []byte // the start of a line whose end did not fit into the block before
	line   int64
	offset int64
	err    error // what r ended with
}

// NewBlocks returns the blocks of r.
func NewBlocks(r io.Reader, o BlockOptions) *Blocks {
	return &Blocks{r: r, o: o.withDefaults(), line: 1}
}

// NewBlocksAt is NewBlocks for what r has from the line numbered line on, which starts at offset.
func NewBlocksAt(r io.Reader, o BlockOptions, offset, line int64) *Blocks {
	return &Blocks{r: r, o: o.withDefaults(), line: line, offset: offset}
}

// Ended reports whether the last line of the block has its end: only the last block of a stream may lack it.
func (b *Block) Ended() bool { return b.cut || b.Data[len(b.Data)-1] == '\n' }

// SplitTail takes a last line without an end out of a block that has more lines, and returns it as a block, or nil.
func (b *Block) SplitTail() *Block {
	i := bytes.LastIndexByte(b.Data, '\n')
	if b.Ended() || i < 0 {
		return nil
	}
	t := &Block{Data: bytes.Clone(b.Data[i+1:]), Line: b.Line + b.Lines - 1, Offset: b.Offset + int64(i+1), Lines: 1, maxLine: b.maxLine}
	t.Size = int64(len(t.Data))
	b.Data, b.Lines, b.Size = b.Data[:i+1], b.Lines-1, int64(i+1)
	return t
}

// Next returns the next block, which the caller owns and releases, or io.EOF after the last one. When reading fails,
// the lines before the failure come first.
func (bs *Blocks) Next() (*Block, error) {
	buf := bs.buffer()
	data := append((*buf)[:0], bs.carry...)
	bs.carry = bs.carry[:0]
	for {
		if data = bs.fill(data); bs.err != nil {
			break
		}
		if i := bytes.LastIndexByte(data, '\n'); i >= 0 {
			bs.carry = append(bs.carry, data[i+1:]...)
			return bs.block(buf, data[:i+1]), nil
		}
		if len(data) > bs.o.MaxLine {
			return bs.tooLong(buf, data)
		}
		data = grow(data, bs.o.MaxLine+1)
	}
	if len(data) == 0 {
		return nil, bs.err
	}
	return bs.block(buf, data), nil
}

// buffer returns an empty buffer with room for a block and for the carried start of a line.
func (bs *Blocks) buffer() *[]byte {
	size := bs.o.BlockSize
	if n := len(bs.carry); n >= size {
		size = min(2*n, max(n, bs.o.MaxLine)+1)
	}
	if buf, ok := buffers.Get().(*[]byte); ok && cap(*buf) >= size {
		*buf = (*buf)[:0:size]
		return buf
	}
	buf := make([]byte, 0, size)
	return &buf
}

// fill reads until data is full or the stream ends.
func (bs *Blocks) fill(data []byte) []byte {
	for idle := 0; len(data) < cap(data) && bs.err == nil; {
		n, err := bs.r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		bs.err = err
		if n > 0 {
			idle = 0
		} else if idle++; idle > 100 && err == nil {
			bs.err = io.ErrNoProgress
		}
	}
	return data
}

// grow doubles the room of data, to at most limit.
func grow(data []byte, limit int) []byte {
	bigger := make([]byte, len(data), max(min(2*cap(data), limit), len(data)+1))
	copy(bigger, data)
	return bigger
}

func (bs *Blocks) block(buf *[]byte, data []byte) *Block {
	*buf = data
	b := &Block{Data: data, Line: bs.line, Offset: bs.offset, Size: int64(len(data)), maxLine: bs.o.MaxLine, buf: buf}
	b.Lines = int64(bytes.Count(data, []byte{'\n'}))
	if data[len(data)-1] != '\n' {
		b.Lines++
	}
	bs.line += b.Lines
	bs.offset += int64(len(data))
	return b
}

// tooLong makes a block of the start of a line that is longer than MaxLine, and skips to the line after it.
func (bs *Blocks) tooLong(buf *[]byte, data []byte) (*Block, error) {
	*buf = data
	b := &Block{Data: data[:bs.o.MaxLine], Line: bs.line, Offset: bs.offset, Lines: 1, maxLine: bs.o.MaxLine, cut: true, buf: buf}
	bs.line++
	bs.offset += int64(len(data))
	skipped := make([]byte, 0, 64<<10)
	for bs.err == nil {
		skipped = bs.fill(skipped[:0])
		if i := bytes.IndexByte(skipped, '\n'); i >= 0 {
			bs.carry = append(bs.carry, skipped[i+1:]...)
			bs.offset += int64(i + 1)
			break
		}
		bs.offset += int64(len(skipped))
	}
	b.Size = bs.offset - b.Offset
	return b, nil
}
