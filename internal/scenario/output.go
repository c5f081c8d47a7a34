package scenario

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// An output is one log file. Its lines may be added in any order as long as none is older than what was flushed; they
// wait in one buffer until flush writes those that are due, in time order.
type output struct {
	name  string
	w     *bufio.Writer
	c     io.Closer
	line  int64 // lines written, headers included
	buf   []byte
	spare []byte
	marks []mark
	order []uint64
	steps [kinds]step // what the break-in left in this file
}

type mark struct {
	t    int64
	off  uint32
	n    uint32
	kind kind
}

type step struct {
	lines    int64
	from, to int64
}

func openOutput(name string, open func(string) (io.WriteCloser, error)) (*output, error) {
	c, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot create log %q: %w", name, err)
	}
	return &output{name: name, c: c, w: bufio.NewWriterSize(c, 1<<16)}, nil
}

// begin returns the buffer a new line is to be appended to; end takes it back. Nothing else may be added in between.
func (o *output) begin() []byte { return o.buf }

func (o *output) end(b []byte, t int64, k kind) {
	b = append(b, '\n')
	o.marks = append(o.marks, mark{t: t, off: uint32(len(o.buf)), n: uint32(len(b) - len(o.buf)), kind: k})
	o.buf = b
}

// header writes lines at once, before all others.
func (o *output) header(lines string) error {
	for i := range lines {
		if lines[i] == '\n' {
			o.line++
		}
	}
	_, err := o.w.WriteString(lines)
	return err
}

// flush writes the lines older than t1 in time order, ties in the order they were added, and tells truth of each line
// of the break-in. t0 is not after any line that waits.
func (o *output) flush(t0, t1 int64, truth *bufio.Writer) error {
	o.order = o.order[:0]
	for i, m := range o.marks {
		if m.t < t1 {
			o.order = append(o.order, uint64(m.t-t0)<<28|uint64(i))
		}
	}
	slices.Sort(o.order)
	for _, key := range o.order {
		m := &o.marks[key&(1<<28-1)]
		if _, err := o.w.Write(o.buf[m.off : m.off+m.n]); err != nil {
			return fmt.Errorf("cannot write log %q: %w", o.name, err)
		}
		o.line++
		if m.kind != benign {
			o.steps[m.kind].note(m.t)
			if err := o.tell(truth, m.kind); err != nil {
				return fmt.Errorf("cannot write truth: %w", err)
			}
		}
	}
	o.keep(t1)
	return nil
}

func (s *step) note(t int64) {
	if s.lines == 0 {
		s.from = t
	}
	s.to = t
	s.lines++
}

func (o *output) tell(truth *bufio.Writer, k kind) error {
	var line [64]byte
	b := append(append(line[:0], o.name...), ',')
	b = strconv.AppendInt(b, o.line, 10)
	b = append(b, ",1,"...)
	b = append(b, kindNames[k]...)
	_, err := truth.Write(append(b, '\n'))
	return err
}

// keep moves the lines that are not due to the front of the other buffer.
func (o *output) keep(t1 int64) {
	next, n := o.spare[:0], 0
	for _, m := range o.marks {
		if m.t >= t1 {
			off := uint32(len(next))
			next = append(next, o.buf[m.off:m.off+m.n]...)
			m.off = off
			o.marks[n] = m
			n++
		}
	}
	o.marks = o.marks[:n]
	o.buf, o.spare = next, o.buf
}

func (o *output) close() error {
	err := o.w.Flush()
	if e := o.c.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("cannot close log %q: %w", o.name, err)
	}
	return nil
}
