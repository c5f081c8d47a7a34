package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"weir/internal/table"
)

// maxZstdWindow bounds the memory one zstd stream can ask for; it is what zstd --long uses.
const maxZstdWindow = 128 << 20

// A Stream is the uncompressed bytes of one input, without a UTF-8 byte order mark. How it was compressed is told by
// its first bytes, not by its name. It is read by one goroutine; only [Stream.StoredBytes] may be called by others.
//
// A Parquet file gives its rows as lines (package table).
//
// A damaged compressed stream gives the bytes up to the damage and then ends; [Stream.Warning] says so. Of a table the rest of the row
// group is lost that is damaged; [Stream.Lost] says so. Errors of the reader below are returned as they are.
type Stream struct {
	stored  storedReader
	reader  io.Reader
	release func() // of the decompressor, may be nil
	kind    string // gzip, zstd, bzip2 or empty
	got     int64  // uncompressed bytes so far
	warning string
	note    string
	shaped  bool // its lines are made of JSON's elements, or of a table's rows
	table   *table.Reader
	spool   *os.File // where a table is kept that cannot be read in place
}

// storedReader counts the bytes that come from the file and remembers whether reading it failed.
type storedReader struct {
	r    io.ReadCloser
	n    atomic.Int64
	fail error
}

func (s *storedReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n.Add(int64(n))
	if err != nil && err != io.EOF {
		s.fail = err
	}
	return n, err
}

var (
	magicGzip  = []byte{0x1f, 0x8b}
	magicZstd  = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicBzip2 = []byte("BZh")
	magicXz    = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	magicZip   = []byte("PK\x03\x04")
	utf8Mark   = []byte{0xef, 0xbb, 0xbf}
	utf16Marks = [][]byte{{0xff, 0xfe}, {0xfe, 0xff}}
)

func newStream(f io.ReadCloser) (*Stream, error) {
	s := &Stream{stored: storedReader{r: f}}
	head, err := s.decompress()
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, magicXz):
		return nil, errors.New("it is compressed with xz, which weir does not read; unpack it first (xz -d)")
	case bytes.HasPrefix(head, magicZip):
		return nil, errors.New("it is a zip archive; unpack it first")
	}
	if found, err := s.openTable(head); found || err != nil {
		return s, err
	}
	if err := s.skipMark(); err != nil {
		return nil, err
	}
	s.unwrap()
	return s, nil
}

// newPlainStream takes bytes as they are but for a byte order mark.
func newPlainStream(f io.ReadCloser) (*Stream, error) {
	s, err := newInsideStream(f)
	if err != nil {
		return nil, err
	}
	return s, s.skipMark()
}

// newInsideStream takes bytes as they are.
func newInsideStream(f io.ReadCloser) (*Stream, error) {
	s := &Stream{stored: storedReader{r: f}}
	s.reader = bufio.NewReaderSize(&s.stored, 64<<10)
	return s, nil
}

// newAnyStream takes archives and UTF-16 as they are.
func newAnyStream(f io.ReadCloser) (*Stream, error) {
	s := &Stream{stored: storedReader{r: f}}
	_, err := s.decompress()
	return s, err
}

// decompress puts the decompressor in place that the first bytes, which it returns, ask for.
func (s *Stream) decompress() (head []byte, err error) {
	raw := bufio.NewReaderSize(&s.stored, 64<<10)
	head, err = raw.Peek(10)
	if err != nil && err != io.EOF {
		return nil, err
	}
	s.reader = raw
	switch {
	case bytes.HasPrefix(head, magicGzip):
		s.kind = "gzip"
		z, err := gzip.NewReader(raw)
		if err != nil {
			s.reader = failing{err}
			return head, nil
		}
		s.reader = z
	case bytes.HasPrefix(head, magicZstd), len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18":
		s.kind = "zstd"
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			s.reader = failing{err}
			return head, nil
		}
		s.reader, s.release = z, z.Close
	case len(head) >= 10 && bytes.HasPrefix(head, magicBzip2) && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		s.kind = "bzip2"
		s.reader = bzip2.NewReader(raw)
	}
	return head, nil
}

// failing is a reader that has nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// skipMark drops a UTF-8 byte order mark and refuses UTF-16.
func (s *Stream) skipMark() error {
	if s.kind == "" {
		raw := s.reader.(*bufio.Reader)
		head, _ := raw.Peek(3)
		if bytes.Equal(head, utf8Mark) {
			_, _ = raw.Discard(len(utf8Mark))
		}
		return refuseUTF16(head)
	}
	buf := make([]byte, len(utf8Mark))
	n, err := io.ReadFull(s.reader, buf)
	head := buf[:n]
	if utf16 := refuseUTF16(head); utf16 != nil {
		return utf16
	}
	if bytes.Equal(head, utf8Mark) {
		head = nil
	}
	rest := s.reader
	if err != nil {
		if err == io.ErrUnexpectedEOF && n > 0 {
			_, err = rest.Read(make([]byte, 1)) // tells a short file from a damaged one
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
		}
		rest = failing{err}
	}
	s.reader = io.MultiReader(bytes.NewReader(head), rest)
	return nil
}

func refuseUTF16(head []byte) error {
	for _, mark := range utf16Marks {
		if bytes.HasPrefix(head, mark) {
			return errors.New("it is UTF-16 text; convert it first (iconv -f UTF-16 -t UTF-8)")
		}
	}
	return nil
}

// Read gives uncompressed bytes.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	s.got += int64(n)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case s.stored.fail != nil:
		return n, s.stored.fail
	case s.kind == "" || s.table != nil:
		return n, err
	}
	what := damage(err)
	s.warning = fmt.Sprintf("the %s data %s after %d bytes of log (%v); what came before was read", s.kind, what, s.got, err)
	if s.got == 0 {
		s.warning = fmt.Sprintf("the %s data %s before any of the log (%v)", s.kind, what, err)
	}
	s.reader = failing{io.EOF}
	return n, io.EOF
}

// damage says what an error of compressed data means.
func damage(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "ends too early"
	}
	return "is damaged"
}

// Skip goes over the next n uncompressed bytes: without reading them where the stream is a plain file. What is not there
// is no error; the next Read gives the end.
func (s *Stream) Skip(n int64) error {
	raw, plain := s.reader.(*bufio.Reader)
	file, seeks := s.stored.r.(io.Seeker)
	if !plain || !seeks || n < int64(raw.Size()) {
		_, err := io.CopyN(io.Discard, s, n)
		if err == io.EOF {
			err = nil
		}
		return err
	}
	if _, err := file.Seek(n-int64(raw.Buffered()), io.SeekCurrent); err != nil {
		return err
	}
	s.stored.n.Add(n - int64(raw.Buffered()))
	raw.Reset(&s.stored)
	s.got += n
	return nil
}

// Warning says, after the end, whether the compressed data were damaged; it is empty if not.
func (s *Stream) Warning() string { return s.warning }

// Note says what of the input is not in the stream though nothing is damaged; it is empty if all is.
func (s *Stream) Note() string { return s.note }

// StoredBytes returns how many bytes were read so far as stored, before decompression.
func (s *Stream) StoredBytes() int64 { return s.stored.n.Load() }

// Shaped reports whether lines are made of the elements of JSON that does not stand in lines, or of the rows of a table: they cannot be
// found from the middle on.
func (s *Stream) Shaped() bool { return s.shaped }

// Compression returns gzip, zstd, bzip2 or nothing.
func (s *Stream) Compression() string { return s.kind }

// Close ends reading.
func (s *Stream) Close() error {
	if s.release != nil {
		s.release()
	}
	if s.table != nil {
		s.table.Close()
	}
	if s.spool != nil {
		_ = s.spool.Close() // it was only read
	}
	return s.stored.r.Close()
}
