package table

import (
	"errors"
	"io"
)

// A window is a stretch of a file that moves on: columns stand apart, and are read in turns, so each has what it needs next at hand.
type window struct {
	r       io.ReaderAt
	at, end int64 // what comes after buf, and the end of the chunk
	buf     []byte
	lo      int // of what is not used up in buf
	ahead   int // bytes that are read at once, or more
}

// peek returns the next n bytes or more, less only at the end of the chunk.
func (w *window) peek(n int) ([]byte, error) {
	if len(w.buf)-w.lo >= n || w.at >= w.end {
		return w.buf[w.lo:], nil
	}
	have := len(w.buf) - w.lo
	want := int(min(int64(max(n, w.ahead)), w.end-w.at+int64(have)))
	if want > cap(w.buf) {
		bigger := make([]byte, have, want)
		copy(bigger, w.buf[w.lo:])
		w.buf = bigger
	} else {
		copy(w.buf[:have], w.buf[w.lo:])
	}
	w.lo = 0
	got, err := w.r.ReadAt(w.buf[have:want], w.at)
	w.buf = w.buf[:have+got]
	w.at += int64(got)
	switch {
	case have+got == want:
		return w.buf, nil
	case err == nil || errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

func (w *window) skip(n int) { w.lo += n }
