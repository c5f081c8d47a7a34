package mapreduce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Reduce reads records sorted by KEY and SUB and writes them with the values of equal KEY and SUB merged into one. It is
// the combiner too. Memory is that of the values of one key, merged.
func Reduce(ctx context.Context, kinds []Kind, in io.Reader, out io.Writer) error {
	by := kindsOf(kinds)
	r := newReader(in)
	g := group{w: NewWriter(out), r: r}
	for {
		l, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("cannot read records: %w", err)
		}
		k := by[l.whole[0]]
		if k == nil {
			return r.fail(fmt.Sprintf("this job has no kind %q", l.whole[0]))
		}
		if r.n&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := g.add(k, &l); err != nil {
			return err
		}
	}
	if err := g.end(); err != nil {
		return err
	}
	if err := g.w.Flush(); err != nil {
		return fmt.Errorf("cannot write records: %w", err)
	}
	return nil
}

// A group is the records of one KEY and SUB.
type group struct {
	w       *Writer
	r       *reader
	kind    *Kind
	id      []byte
	first   []byte // the line of a group's only record
	merger  Merger
	mergers [256]Merger
	value   []byte
	out     []byte
}

func (g *group) add(k *Kind, l *line) error {
	c := bytes.Compare(g.id, l.id())
	switch {
	case c > 0 && g.kind != nil:
		return fmt.Errorf("line %d of the records comes before the one above it: sort by the first two fields, KEY and SUB, bytewise (LC_ALL=C)", g.r.n)
	case c < 0 || g.kind == nil || k.Merge == nil:
		if err := g.end(); err != nil {
			return err
		}
		g.kind = k
		g.id = append(g.id[:0], l.id()...)
		g.first = append(g.first[:0], l.whole...)
		return nil
	}
	if g.merger == nil {
		g.merger = g.mergers[k.Byte]
		if g.merger == nil {
			g.merger = k.Merge()
			g.mergers[k.Byte] = g.merger
		}
		if err := g.merge(g.first[len(g.id)+1:]); err != nil {
			return err
		}
	}
	return g.merge(l.value())
}

func (g *group) merge(text []byte) error {
	var err error
	if g.value, err = appendUnpaired(g.value[:0], text); err != nil {
		return g.r.fail("letters are damaged")
	}
	if err := g.merger.Add(g.value); err != nil {
		if errors.Is(err, ErrTwice) {
			return err
		}
		return g.r.fail(fmt.Sprintf("a value of kind %s: %v", g.kind.Name, err))
	}
	return nil
}

// end writes a group's record.
func (g *group) end() error {
	if g.kind == nil {
		return nil
	}
	b := append(g.first, '\n')
	if g.merger == nil {
		g.first = b
	} else {
		var err error
		if g.value, err = g.merger.Append(g.value[:0]); err != nil {
			return g.r.fail(fmt.Sprintf("a value of kind %s before it: %v", g.kind.Name, err))
		}
		g.merger = nil
		b = append(append(g.out[:0], g.id...), '\t')
		b = append(appendPaired(b, g.value), '\n')
		g.out = b
	}
	g.w.write(b)
	g.kind = nil
	return g.w.err
}

// ErrTwice says that the output of a task was taken twice.
var ErrTwice = errors.New("a split was counted twice")

// once is the merger of what comes from one task only.
type once struct {
	seen  bool
	value []byte
}

func newOnce() Merger { return &once{} }

func (o *once) Add(value []byte) error {
	if o.seen {
		return fmt.Errorf("%w: the output of one task is there twice; start the job again with an empty output directory", ErrTwice)
	}
	o.seen, o.value = true, append(o.value[:0], value...)
	return nil
}

func (o *once) Append(dst []byte) ([]byte, error) {
	o.seen = false
	return append(dst, o.value...), nil
}

// same is the merger of what all tasks have to say alike.
type same struct{ once }

func newSame() Merger { return &same{} }

func (s *same) Add(value []byte) error {
	if s.seen {
		if !bytes.Equal(value, s.value) {
			return errors.New("tasks of different plans are mixed; start the job again with an empty output directory")
		}
		return nil
	}
	return s.once.Add(value)
}
