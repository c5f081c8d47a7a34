package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// Bounds of pages.
const (
	maxPage       = 256 << 20 // bytes of one, uncompressed
	maxHeld       = 1 << 30   // of those of all columns that are read at once, with their dictionaries
	maxSpent      = 2 << 30   // of pages that are uncompressed, and values that are looked at, for one row
	maxPageHeader = 4 << 20
	pageCost      = 256      // bytes that cost as much as a page without any
	readAhead     = 64 << 20 // of all columns together
	maxWindow     = 1 << 20  // of one
	minWindow     = 8 << 10
)

var errCompressed = errors.New("its compressed data are damaged")

// memory is what pages of all columns take.
type memory struct {
	held  int64
	spent int64 // bytes that were worked on since the row began

	mostHeld, mostSpent int64
}

// take notes that a column has now bytes instead of before.
func (m *memory) take(now, before int64) error {
	if m.held += now - before; m.held > m.mostHeld {
		return fmt.Errorf("the pages that have to be open at once take more than %d MiB", m.mostHeld>>20)
	}
	return nil
}

// spend notes work on n bytes. What no row needs comes to an end: a page of many MiB may be a few bytes in the file.
func (m *memory) spend(n int) error {
	if m.spent += int64(n); m.spent > m.mostSpent {
		return fmt.Errorf("a row takes pages and values of more than %d MiB", m.mostSpent>>20)
	}
	return nil
}

// A column is a leaf of the schema, and the place in it where reading stands. Its values come in entries, which have two levels:
// how far down the value is there, and which of the lists around it it goes on.
type column struct {
	name   string // for people
	kind   format.Type
	width  int // of values in bytes; 0 where they differ
	maxRep int
	maxDef int
	append text
	limit  int // bytes of a value that are looked at

	memory *memory
	unpack *unpacker
	window window
	ahead  int64 // memory of the window
	codec  format.CompressionCodec
	left   int64 // entries of the chunk that are not read
	page   []byte
	n      int64 // entries of the page that are not read
	reps   hybrid
	defs   hybrid
	vals   values
	dict   *dictionary
	header format.PageHeader

	// The entry that comes next.
	has      bool
	ended    bool // with has, there is none
	rep, def int
}

// open goes to the beginning of a chunk, with nothing that was kept of the one before.
func (c *column) open(r io.ReaderAt, from, end, entries int64, codec format.CompressionCodec, ahead int) {
	c.window = window{r: r, at: from, end: end, ahead: ahead}
	c.codec, c.left, c.n = codec, entries, 0
	c.has, c.ended = false, false
	c.page, c.dict, c.ahead = nil, nil, 0
}

func (c *column) wrong(err error) error { return fmt.Errorf("column %q: %w", c.name, err) }

// peek finds out the levels of the next entry.
func (c *column) peek() error {
	if c.has {
		return nil
	}
	for c.n == 0 {
		if c.left == 0 {
			c.has, c.ended = true, true
			return nil
		}
		if err := c.load(); err != nil {
			return c.wrong(err)
		}
	}
	if c.maxRep > 0 {
		l, err := c.reps.next()
		if c.rep = int(l); err != nil || c.rep > c.maxRep {
			return c.wrong(errLevels)
		}
	}
	if c.maxDef > 0 {
		l, err := c.defs.next()
		if c.def = int(l); err != nil || c.def > c.maxDef {
			return c.wrong(errLevels)
		}
	}
	c.has = true
	return nil
}

// drop goes past the entry that peek has seen, which has no value.
func (c *column) drop() {
	c.has = false
	c.n--
	c.left--
}

// value appends the text of the entry that peek has seen, and goes past it.
func (c *column) value(dst []byte) (_ []byte, err error) {
	c.drop()
	if c.vals.how == indexed {
		var i uint32
		if i, err = c.vals.bits.next(); err == nil {
			dst, err = c.dict.append(dst, i, c)
		}
	} else {
		var raw []byte
		if raw, err = c.vals.next(); err == nil {
			dst, err = c.text(dst, raw)
		}
	}
	if err != nil {
		return dst, c.wrong(err)
	}
	return dst, nil
}

// skip goes past the entry that peek has seen, whose value nobody needs.
func (c *column) skip() (err error) {
	c.drop()
	if c.vals.how == indexed {
		var i uint32
		if i, err = c.vals.bits.next(); err == nil && uint64(i) >= uint64(c.dict.n) {
			err = errDictionary
		}
	} else {
		_, err = c.vals.next()
	}
	if err != nil {
		return c.wrong(err)
	}
	return nil
}

// text appends a value as text. What makes a line too long is not made in full.
func (c *column) text(dst, raw []byte) ([]byte, error) {
	raw = raw[:min(len(raw), c.limit)]
	return c.append(dst, raw), c.memory.spend(len(raw))
}

// load goes to the next page; one that is a dictionary it keeps.
func (c *column) load() error {
	body, err := c.read()
	if err != nil {
		return err
	}
	h := &c.header
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(body) {
		return errors.New("the checksum of a page is wrong")
	}
	switch h.Type {
	case format.DictionaryPage:
		if !h.DictionaryPageHeader.Valid {
			return errStruct
		}
		if c.dict != nil {
			return errors.New("it has two dictionaries")
		}
		return c.loadDictionary(int(h.DictionaryPageHeader.V.NumValues), body)
	case format.DataPage:
		if !h.DataPageHeader.Valid {
			return errStruct
		}
		if h.DataPageHeader.V.NumValues == 0 {
			return nil
		}
		return c.loadV1(&h.DataPageHeader.V, body)
	case format.DataPageV2:
		if !h.DataPageHeaderV2.Valid {
			return errStruct
		}
		if h.DataPageHeaderV2.V.NumValues == 0 {
			return nil
		}
		return c.loadV2(&h.DataPageHeaderV2.V, body)
	}
	return nil // an index, which nobody needs
}

// read reads a page's header, and returns its body as stored.
func (c *column) read() ([]byte, error) {
	size := 0
	for want := 256; ; want *= 4 {
		b, err := c.window.peek(want)
		if err != nil {
			return nil, err
		}
		if len(b) == 0 {
			return nil, errFewValues
		}
		if size, err = structSize(b); err == nil {
			var p thrift.CompactProtocol
			c.header = format.PageHeader{}
			if err := thrift.Unmarshal(&p, b[:size], &c.header); err != nil {
				return nil, fmt.Errorf("a page's header: %w", err)
			}
			break
		}
		if !errors.Is(err, errStructEnds) || len(b) < want || want > maxPageHeader {
			return nil, errors.New("a page's header is damaged")
		}
	}
	c.window.skip(size)
	h := &c.header
	if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 {
		return nil, errors.New("a page's header is damaged")
	}
	if h.CompressedPageSize > maxPage || h.UncompressedPageSize > maxPage {
		return nil, fmt.Errorf("a page is larger than %d MiB", maxPage>>20)
	}
	if err := c.memory.spend(pageCost + size + int(h.CompressedPageSize) + int(h.UncompressedPageSize)); err != nil {
		return nil, err
	}
	body, err := c.window.peek(int(h.CompressedPageSize))
	if now := int64(cap(c.window.buf)); err == nil && now != c.ahead {
		now, c.ahead = c.ahead, now
		err = c.memory.take(c.ahead, now)
	}
	if err == nil && len(body) < int(h.CompressedPageSize) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	body = body[:h.CompressedPageSize]
	c.window.skip(len(body))
	return body, nil
}

// room returns the memory of the page, with room for n bytes.
func (c *column) room(n int) ([]byte, error) {
	if n <= cap(c.page) {
		return c.page[:n], nil
	}
	if err := c.memory.take(int64(n), int64(cap(c.page))); err != nil {
		return nil, err
	}
	c.page = make([]byte, n)
	return c.page, nil
}

func (c *column) loadDictionary(n int, body []byte) error {
	size := int(c.header.UncompressedPageSize)
	if n < 0 || n > size { // each takes a byte, or more
		return errFewValues
	}
	before := int64(size) + dictionaryEntry*int64(n)
	if err := c.memory.take(before, 0); err != nil {
		return err
	}
	b, err := c.unpack.unpack(c.codec, make([]byte, size), body)
	if err != nil {
		return err
	}
	d, err := newDictionary(c, n, b)
	if err != nil {
		return err
	}
	c.dict = d
	return c.memory.take(d.size(), before)
}

func (c *column) loadV1(h *format.DataPageHeader, body []byte) error {
	b, err := c.room(int(c.header.UncompressedPageSize))
	if err != nil {
		return err
	}
	if b, err = c.unpack.unpack(c.codec, b, body); err != nil {
		return err
	}
	if c.maxRep > 0 {
		if c.reps, b, err = levelsV1(b, h.RepetitionLevelEncoding, c.maxRep); err != nil {
			return err
		}
	}
	if c.maxDef > 0 {
		if c.defs, b, err = levelsV1(b, h.DefinitionLevelEncoding, c.maxDef); err != nil {
			return err
		}
	}
	return c.begin(int64(h.NumValues), h.Encoding, b)
}

// levelsV1 takes levels, which have their length before them, off the beginning of a page.
func levelsV1(b []byte, enc format.Encoding, highest int) (hybrid, []byte, error) {
	if enc != format.RLE {
		return hybrid{}, nil, fmt.Errorf("its levels are encoded as %s, which weir does not read", enc)
	}
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return hybrid{}, nil, errLevels
	}
	end := 4 + int(binary.LittleEndian.Uint32(b))
	return newHybrid(b[4:end], levelWidth(highest)), b[end:], nil
}

func (c *column) loadV2(h *format.DataPageHeaderV2, body []byte) error {
	rep, def := int(h.RepetitionLevelsByteLength), int(h.DefinitionLevelsByteLength)
	size := int(c.header.UncompressedPageSize)
	if rep < 0 || def < 0 || rep > len(body) || def > len(body)-rep || size < rep+def {
		return errLevels
	}
	page, err := c.room(size)
	if err != nil {
		return err
	}
	copy(page, body[:rep+def])
	c.reps, c.defs = newHybrid(page[:rep], levelWidth(c.maxRep)), newHybrid(page[rep:rep+def], levelWidth(c.maxDef))
	rest, data := page[rep+def:], body[rep+def:]
	codec := c.codec
	if h.IsCompressed.Valid && !h.IsCompressed.V {
		codec = format.Uncompressed
	}
	if rest, err = c.unpack.unpack(codec, rest, data); err != nil {
		return err
	}
	return c.begin(int64(h.NumValues), h.Encoding, rest)
}

// begin begins with n entries, whose values are in b.
func (c *column) begin(n int64, enc format.Encoding, b []byte) error {
	if n < 0 || n > c.left {
		return errors.New("its pages have more values than the end of the file says")
	}
	c.n = n
	return c.vals.start(c, enc, b)
}

// An unpacker undoes the compression of pages.
type unpacker struct {
	zstd   *zstd.Decoder
	gzip   *gzip.Reader
	brotli *brotli.Reader
}

// knows reports whether an unpacker knows a codec.
func knows(codec format.CompressionCodec) bool {
	switch codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw:
		return true
	}
	return false
}

// unpack fills dst, which is as long as src says it is when it is unpacked.
func (u *unpacker) unpack(codec format.CompressionCodec, dst, src []byte) ([]byte, error) {
	if codec == format.Uncompressed {
		if len(dst) != len(src) {
			return nil, errors.New("a page has another length than it says")
		}
		copy(dst, src)
		return dst, nil
	}
	if len(src) == 0 && len(dst) == 0 {
		return dst, nil
	}
	n, err := u.into(codec, dst, src)
	if err != nil || n != len(dst) {
		return nil, errCompressed
	}
	return dst, nil
}

func (u *unpacker) into(codec format.CompressionCodec, dst, src []byte) (int, error) {
	switch codec {
	case format.Snappy:
		n, err := snappy.DecodedLen(src)
		if err != nil || n != len(dst) {
			return 0, errCompressed
		}
		out, err := snappy.Decode(dst, src)
		return len(out), err
	case format.Gzip:
		if u.gzip == nil {
			u.gzip = new(gzip.Reader)
		}
		if err := u.gzip.Reset(bytes.NewReader(src)); err != nil {
			return 0, err
		}
		return io.ReadFull(u.gzip, dst)
	case format.Brotli:
		if u.brotli == nil {
			u.brotli = brotli.NewReader(nil)
		}
		if err := u.brotli.Reset(bytes.NewReader(src)); err != nil {
			return 0, err
		}
		return io.ReadFull(u.brotli, dst)
	case format.Lz4Raw:
		return lz4.UncompressBlock(src, dst)
	case format.Zstd:
		if u.zstd == nil {
			z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxPage))
			if err != nil {
				return 0, err
			}
			u.zstd = z
		}
		out, err := u.zstd.DecodeAll(src, dst[:0])
		if len(out) == len(dst) && len(dst) > 0 && &out[0] != &dst[0] {
			copy(dst, out)
		}
		return len(out), err
	}
	return 0, fmt.Errorf("it is compressed with %s, which weir does not read", codec)
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}
