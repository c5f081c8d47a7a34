package hunt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"weir/internal/format"
	"weir/internal/mapreduce"
)

// An Assembly takes the records of all shares of a hunt, as they were emitted or added up, in any order.
type Assembly struct {
	h      *hunter
	c      *collector
	splits []place
	at     map[place]int32
	blocks blockReader
	block  []byte // scratch
	state  *state
	files  int
}

// NewAssembly returns an empty assembly. The options are those of the shares, names those of the inputs.
func NewAssembly(o Options, names []string) (*Assembly, error) {
	h, err := newHunter(&o)
	if err != nil {
		return nil, err
	}
	h.rankFiles(names)
	h.shelf = &shelf{spool: spool{open: o.Spool}, at: map[string][]piece{}}
	q := *h.q
	q.enrich = o.Enrich()
	a := &Assembly{h: h, c: newCollector(&q, &spool{open: o.Spool}), at: map[place]int32{}, files: len(names)}
	a.blocks.c = a.c
	return a, nil
}

// Add takes a record. It does not keep its arguments.
func (a *Assembly) Add(kind byte, key, _, value []byte) error {
	switch kind {
	case recordValues, recordParts:
		if len(key) < 2 {
			return fmt.Errorf("%w: the key of counts is cut off", ErrRecord)
		}
		return a.h.shelf.add(kind, key, value)
	case recordField:
		return a.c.counter.Counts.Group(string(key)).AddHead(value)
	case recordBehaviour:
		if len(key) != 3 {
			return fmt.Errorf("%w: the key of behaviour", ErrRecord)
		}
		if a.c.usual == nil {
			return fmt.Errorf("%w: behaviour, which this hunt does not ask for", ErrRecord)
		}
		return a.c.usual.profile.AddBundle(int(key[0]), value)
	case recordState:
		x, err := readState(value)
		if err != nil {
			return err
		}
		if a.state == nil {
			a.state = x
			return nil
		}
		return a.state.add(x)
	case recordRows:
		return a.rows(key, value)
	}
	return fmt.Errorf("%w: there is no kind %q", ErrRecord, kind)
}

func (a *Assembly) rows(key, value []byte) error {
	if len(key) != 12 {
		return fmt.Errorf("%w: the key of events", ErrRecord)
	}
	file, start := binary.BigEndian.Uint32(key), binary.BigEndian.Uint64(key[4:])
	if int64(file) >= int64(a.files) || start > math.MaxInt64 {
		return fmt.Errorf("%w: events of input %d at %d", ErrRecord, file, start)
	}
	p := place{int32(file), int64(start)}
	k, ok := a.at[p]
	if !ok {
		k = int32(len(a.splits))
		a.at[p] = k
		a.splits = append(a.splits, p)
	}
	var err error
	if a.block, err = mapreduce.Unpack(a.block[:0], value); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if err := a.blocks.read(a.block, k); err != nil {
		return err
	}
	return a.c.err
}

// Result hunts in what was added. before says how many lines of an input, by its number, lie before a split that begins at a
// byte; summary has the inputs in their order. The assembly is of no use afterwards.
func (a *Assembly) Result(summary *format.Summary, before func(file int, start int64) (int64, error)) (*Result, error) {
	if err := a.gather(summary, before); err != nil {
		return nil, err
	}
	return a.h.result()
}

// gather merges the one collector.
func (a *Assembly) gather(summary *format.Summary, before func(file int, start int64) (int64, error)) error {
	c, h := a.c, a.h
	h.summary = summary
	if a.state != nil {
		if err := a.takeState(); err != nil {
			return err
		}
	}
	for _, f := range c.keep.fields { // in sound records the shares have them
		c.counter.Counts.Group(f.Name)
	}
	lines := make([]int64, len(a.splits))
	for i, p := range a.splits {
		n, err := before(int(p.file), p.start)
		if err != nil {
			return err
		}
		lines[i] = n
	}
	place := func(r *rows) {
		for _, chunk := range append(r.full, r.last) {
			for i := range chunk {
				x := &chunk[i]
				x.line += lines[x.file]
				x.file = a.splits[x.file].file
			}
		}
	}
	place(&c.suspects)
	place(&c.others.rows)
	for _, l := range c.ladders {
		for _, r := range l.spans {
			place(r)
		}
	}
	return h.merge([]*collector{c})
}

// takeState gives the collector what was not stored with events.
func (a *Assembly) takeState() error {
	c, s := a.c, a.state
	c.first, c.last, c.ignored, c.unused, c.times = s.first, s.last, s.ignored, s.unused, s.times
	c.counter.Counts.Events = s.events
	if len(s.ladders) > len(c.ladders) {
		return fmt.Errorf("%w: %d ladders, where there are %d", ErrRecord, len(s.ladders), len(c.ladders))
	}
	c.ladders = c.ladders[:len(s.ladders)]
	for i, x := range s.ladders {
		given := newLadder(c.q, c.ladders[i].step)
		given.worst = x.worst
		for _, k := range x.seen {
			given.seen[k] = true
		}
		c.ladders[i].absorb(given, nil)
	}
	given := newOthers(c.q)
	given.below = s.below
	c.others.absorb(given, nil, c.keep)
	if c.usual != nil {
		return c.usual.profile.AddLimits(s.limits)
	}
	return nil
}

// Close lets go of temporary files; it is for assemblies that come to no Result, which has a Close of its own.
func (a *Assembly) Close() error { return errors.Join(a.c.raw.close(), a.h.shelf.close()) }
