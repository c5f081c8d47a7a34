package hunt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/profile"
)

// A hunt on many machines is the hunt of one: each machine has a [Share] of the events, which is a worker's collector that is
// written as records instead of being merged in memory. Records of one kind and key add up in any order ([Kinds]); an
// [Assembly] reads what they added up to into a collector, and goes on where [Run] goes on after its workers.

// Kinds of the records of a hunt.
const (
	recordValues    = 'v' // whole values of a field: a bundle of package count; KEY: its number, the field
	recordParts     = 'p' // parts of values, likewise
	recordField     = 'f' // a field's events; KEY: the field
	recordBehaviour = 'b' // entities: a bundle of package profile; KEY: aspect, number
	recordState     = 's' // what is one for all: the times covered, spans that were given up, numbers
	recordRows      = 'r' // stored events of one split; KEY: input, start of the split, SUB: a number
)

// Kinds are the kinds of the records of a hunt.
func Kinds() []mapreduce.Kind {
	counts := func(t count.Table) func() mapreduce.Merger {
		return func() mapreduce.Merger { return count.NewBundle(t) }
	}
	return []mapreduce.Kind{
		{Byte: recordValues, Name: "counts of values", Merge: counts(count.Values)},
		{Byte: recordParts, Name: "counts of parts", Merge: counts(count.Parts)},
		{Byte: recordField, Name: "records with a field", Merge: func() mapreduce.Merger { return &fieldSum{} }},
		{Byte: recordBehaviour, Name: "behaviour", Merge: func() mapreduce.Merger { return profile.NewBundle() }},
		{Byte: recordState, Name: "state of a hunt", Merge: func() mapreduce.Merger { return &stateSum{} }},
		{Byte: recordRows, Name: "stored events"},
	}
}

// ErrRecord is wrapped by errors of bytes that are no record of a hunt.
var ErrRecord = errors.New("damaged record of a hunt")

// An Emit takes a record. It does not keep its arguments.
type Emit func(kind byte, key, sub, value []byte) error

// A Share is what one machine, or one task on it, collects of a hunt. It is used by one goroutine.
type Share struct {
	h      *hunter
	keys   *event.Keys
	c      *collector
	bits   uint
	splits []place
	seq    uint32 // numbers the records of rows
}

// A place is where a split begins.
type place struct {
	file  int32
	start int64
}

// NewShare returns an empty share. Events have keys; 1<<bits records hold the tokens of a field, and every share of a hunt has
// the same. Options that have no meaning while events are taken (Workers, Scan, Format, Progress) are not looked at.
func NewShare(o Options, keys *event.Keys, bits uint) (*Share, error) {
	if bits > count.MaxBundleBits {
		return nil, fmt.Errorf("%d bits of a hash, where 0 to %d are possible", bits, count.MaxBundleBits)
	}
	h, err := newHunter(&o)
	if err != nil {
		return nil, err
	}
	return &Share{h: h, keys: keys, c: h.collector(0, keys), bits: bits}, nil
}

// Split says where the next events come from: the split of an input, by its number, that begins at a byte. Their lines are
// counted from 1 at the split's first.
func (s *Share) Split(file int, start int64) {
	p := place{int32(file), start}
	k := slices.Index(s.splits, p)
	if k < 0 {
		k = len(s.splits)
		s.splits = append(s.splits, p)
	}
	s.c.split = int32(k)
}

// Event implements format.Handler.
func (s *Share) Event(e *event.Event, pos format.Position, raw []byte) {
	if s.c.split < 0 {
		s.Split(pos.File, 0)
	}
	s.c.Event(e, pos, raw)
}

// Memory is about how many bytes the share holds of what Spill writes. What is known of entities comes on top and is bounded by
// itself.
func (s *Share) Memory() int {
	c := s.c
	n := c.counter.Counts.Memory() + len(c.keep.arena) + 48*len(c.keep.list) + 16*len(c.keep.index.slots) + c.suspects.memory() + c.others.rows.memory()
	for _, l := range c.ladders {
		for _, r := range l.spans {
			n += r.memory()
		}
	}
	return n + c.raw.memory()
}

// Emit writes all that was collected. The caller calls it once, at the end, even where there was no event.
func (s *Share) Emit(emit Emit) error {
	if err := s.write(emit); err != nil {
		return err
	}
	if s.c.usual == nil {
		return nil
	}
	var key []byte
	return s.c.usual.profile.EachBundle(s.bits, func(aspect, number int, value []byte) error {
		key = binary.BigEndian.AppendUint16(append(key[:0], byte(aspect)), uint16(number))
		return emit(recordBehaviour, key, nil, value)
	})
}

// Spill writes what grows with the events, and lets go of it: further events make further records, which add to these. What is known
// of entities stays, since only all of it together tells which of them there is room for.
func (s *Share) Spill(emit Emit) error {
	if err := s.write(emit); err != nil {
		return err
	}
	return s.begin()
}

// write writes all but behaviour.
func (s *Share) write(emit Emit) error {
	c := s.c
	if c.err != nil {
		return c.err
	}
	c.counter.Flush()
	counts := c.counter.Counts
	var key []byte
	if err := counts.EachBundle(s.bits, func(field string, table count.Table, number int, value []byte) error {
		key = append(binary.BigEndian.AppendUint16(key[:0], uint16(number)), field...)
		kind := byte(recordValues)
		if table == count.Parts {
			kind = recordParts
		}
		return emit(kind, key, nil, value)
	}); err != nil {
		return err
	}
	for _, name := range counts.Names() {
		if err := emit(recordField, []byte(name), nil, counts.Lookup(name).AppendHead(nil)); err != nil {
			return err
		}
	}
	if err := emit(recordState, nil, nil, c.state().append(nil)); err != nil {
		return err
	}
	return s.emitRows(emit)
}

// Close lets go of the temporary file.
func (s *Share) Close() error { return s.c.raw.close() }

// begin makes the collector anew. Spans that were given up stay so.
func (s *Share) begin() error {
	old := s.c
	if err := old.raw.close(); err != nil {
		return fmt.Errorf("cannot close the temporary file of suspicious lines: %w", err)
	}
	s.c = s.h.collector(0, s.keys)
	s.c.split = old.split
	for i, l := range old.ladders {
		l.spans, l.stored = map[int]*rows{}, 0
		s.c.ladders[i] = l
	}
	s.c.ladders = s.c.ladders[:len(old.ladders)]
	s.c.others.below = old.others.below
	if old.usual != nil {
		s.c.usual.profile = old.usual.profile // the rest knows the old codifier's fields
	}
	return nil
}

// emitRows writes the stored events, split by split, in the order of lines.
func (s *Share) emitRows(emit Emit) error {
	c := s.c
	var of []stored
	each := func(r *rows, suspicious bool, leaveOut func(*row) bool) {
		for _, chunk := range append(r.full, r.last) {
			for i := range chunk {
				if x := &chunk[i]; leaveOut == nil || !leaveOut(x) {
					of = append(of, stored{x, r.chunks[x.chunk][x.from : x.from+uint32(x.n)], suspicious})
				}
			}
		}
	}
	each(&c.suspects, true, nil)
	each(&c.others.rows, false, nil)
	for i, l := range c.ladders {
		for _, k := range l.order() {
			each(l.spans[k], false, func(x *row) bool { // an event that two ladders have is written once
				return slices.ContainsFunc(c.ladders[:i], func(before *ladder) bool {
					k, ok := before.index(x.time)
					return ok && before.spans[k] != nil
				})
			})
		}
	}
	slices.SortFunc(of, func(a, b stored) int { return a.compare(&b) })
	b := newBlockWriter(c)
	var key, sub, packed []byte
	for len(of) > 0 {
		file, n, raw := of[0].file, 0, 0
		for n < len(of) && of[n].file == file && n < maxBlockRows && raw < maxBlockRaw {
			if of[n].suspicious {
				raw += int(of[n].rawLen)
			}
			n++
		}
		value, err := b.write(of[:n])
		if err != nil {
			return err
		}
		if packed, err = mapreduce.Pack(packed[:0], value); err != nil {
			return err
		}
		p := s.splits[file]
		key = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(key[:0], uint32(p.file)), uint64(p.start))
		sub = binary.BigEndian.AppendUint32(sub[:0], s.seq)
		s.seq++
		if err := emit(recordRows, key, sub, packed); err != nil {
			return err
		}
		of = of[n:]
	}
	return nil
}

// state returns what is one for all.
func (c *collector) state() *state {
	s := &state{first: c.first, last: c.last, ignored: c.ignored, unused: c.unused, events: c.counter.Counts.Events, times: c.times,
		below: c.others.below}
	for _, l := range c.ladders {
		s.ladders = append(s.ladders, ladderState{worst: l.worst, seen: l.seenSpans()})
	}
	if c.usual != nil {
		s.limits = c.usual.profile.AppendLimits(nil)
	}
	return s
}

type fieldSum struct{ group count.Group }

func (s *fieldSum) Add(value []byte) error { return s.group.AddHead(value) }

func (s *fieldSum) Append(dst []byte) ([]byte, error) {
	dst = s.group.AppendHead(dst)
	s.group = count.Group{}
	return dst, nil
}

type stateSum struct{ sum *state }

func (s *stateSum) Add(value []byte) error {
	x, err := readState(value)
	if err != nil || s.sum == nil {
		s.sum = x
		return err
	}
	return s.sum.add(x)
}

func (s *stateSum) Append(dst []byte) ([]byte, error) {
	if s.sum != nil {
		dst = s.sum.append(dst)
	}
	s.sum = nil
	return dst, nil
}
