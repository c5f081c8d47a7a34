package source

import (
	"bytes"
	"io"
)

// NewSplit returns the lines of a log that belong to the stretch of it from start to end, as those who split logs agree on it:
// a line belongs to the stretch in which the byte before it lies, and the first line of the log to the first. So of a stretch
// that does not begin the log the first line, or what there is of it, is left out, and the last line is read to its end, which lies beyond
// the stretch. r stands at start.
func NewSplit(r io.Reader, start, end int64) io.Reader {
	return &split{r: r, at: start, end: end, skip: start > 0}
}

type split struct {
	r       io.Reader
	at, end int64
	skip    bool
	done    bool
}

func (s *split) Read(p []byte) (int, error) {
	if s.done || len(p) == 0 {
		if s.done {
			return 0, io.EOF
		}
		return 0, nil
	}
	n, err := s.r.Read(p)
	b := p[:n]
	from := s.at
	s.at += int64(n)
	if i := lineEnd(b, max(s.end-from, 0)); i >= 0 {
		b, s.done = b[:i+1], true
	}
	if s.skip {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return 0, err
		}
		s.skip = false
		if int64(i)+from >= s.end { // the line before goes on to the end of the stretch
			s.done = true
			return 0, io.EOF
		}
		b = b[:copy(p, b[i+1:])]
	}
	if s.done {
		return len(b), nil
	}
	return len(b), err
}

// lineEnd returns where the first line end at from or later is, or −1.
func lineEnd(b []byte, from int64) int {
	if from >= int64(len(b)) {
		return -1
	}
	if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
		return int(from) + i
	}
	return -1
}
