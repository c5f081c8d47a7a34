package mapreduce

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxLine bounds a line of records, in bytes.
const maxLine = 1 << 30

// ErrRecord is wrapped by errors of reading what is no record, or a damaged one.
var ErrRecord = errors.New("not a record of a weir job")

// A Writer writes records. Several goroutines may use it.
type Writer struct {
	mu   sync.Mutex
	w    *bufio.Writer
	line []byte
	err  error
	n    int64 // bytes
}

// NewWriter returns a writer to w. Call [Writer.Flush] at the end.
func NewWriter(w io.Writer) *Writer { return &Writer{w: bufio.NewWriterSize(w, 1<<16)} }

// Put writes a record. An error is kept and returned by Flush too.
func (w *Writer) Put(kind byte, key, sub, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := append(w.line[:0], kind)
	b = asLetters.AppendEncode(b, key)
	b = append(b, '\t')
	b = asLetters.AppendEncode(b, sub)
	b = append(b, '\t')
	b = appendPaired(b, value)
	b = append(b, '\n')
	w.line = b
	if len(b) > maxLine && w.err == nil {
		w.err = fmt.Errorf("a record of %d bytes is too long", len(b))
	}
	w.write(b)
	return w.err
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
		w.n += int64(len(b))
	}
}

// Flush writes what is still in memory.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.w.Flush()
	}
	return w.err
}

// Bytes returns how many bytes were written.
func (w *Writer) Bytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// A reader reads lines of records.
type reader struct {
	r    *bufio.Reader
	n    int64 // of the line, from 1
	long []byte
}

func newReader(r io.Reader) *reader { return &reader{r: bufio.NewReaderSize(r, 1<<18)} }

// A line is a record as it is written.
type line struct {
	whole []byte // without its end
	key   int    // where KEY ends
	sub   int    // where SUB ends
}

// id is KEY TAB SUB.
func (l *line) id() []byte    { return l.whole[:l.sub] }
func (l *line) value() []byte { return l.whole[l.sub+1:] }

// next returns the next line, valid until the next call, or io.EOF.
func (r *reader) next() (l line, err error) {
	b, err := r.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		r.long = append(r.long[:0], b...)
		for err == bufio.ErrBufferFull && len(r.long) <= maxLine {
			b, err = r.r.ReadSlice('\n')
			r.long = append(r.long, b...)
		}
		b = r.long
	}
	if err != nil && (err != io.EOF || len(b) == 0) {
		if err == bufio.ErrBufferFull {
			return l, r.fail("it is too long")
		}
		return l, err
	}
	r.n++
	b = bytes.TrimSuffix(b, []byte{'\n'})
	l.whole = b
	l.key = bytes.IndexByte(b, '\t')
	if l.key < 1 {
		return l, r.fail("it has no key")
	}
	n := bytes.IndexByte(b[l.key+1:], '\t')
	if n < 0 {
		return l, r.fail("it has no value")
	}
	l.sub = l.key + 1 + n
	return l, nil
}

func (r *reader) fail(why string) error { return fmt.Errorf("line %d is %w: %s", r.n, ErrRecord, why) }

// record decodes a line into x, whose memory it reuses.
func (r *reader) record(l *line, x *Record) error {
	x.Kind = l.whole[0]
	var errs [3]error
	x.Key, errs[0] = asLetters.AppendDecode(x.Key[:0], l.whole[1:l.key])
	x.Sub, errs[1] = asLetters.AppendDecode(x.Sub[:0], l.whole[l.key+1:l.sub])
	x.Value, errs[2] = appendUnpaired(x.Value[:0], l.value())
	if errors.Join(errs[:]...) != nil {
		return r.fail("letters are damaged")
	}
	return nil
}
