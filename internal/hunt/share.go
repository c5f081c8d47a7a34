package hunt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/profile"
)

// A hunt on many machines is the hunt of one: each machine has a [Share] of the events, which is a worker's collector that is
// written as records instead of being merged in memory. Records of one kind and key add up in any order ([NewSum]); an
// [Assembly] reads what they added up to into a collector, and goes on where [Run] goes on after its workers.

// Kinds of the records of a hunt.
const (
	RecordCounts    = 'C' // tokens of a field: a bundle of package count
	RecordField     = 'F' // a field's events
	RecordBehaviour = 'B' // entities: a bundle of package profile
	RecordState     = 'S' // what is one for all: the times covered, spans that were given up, numbers
	RecordRows      = 'R' // stored events of one split; these do not add up, each stands for itself
)

// RecordKinds are all of them.
var RecordKinds = []byte{RecordBehaviour, RecordCounts, RecordField, RecordRows, RecordState}

// ErrRecord is wrapped by errors of bytes that are no record of a hunt.
var ErrRecord = errors.New("damaged record of a hunt")

// An Emit takes a record. It does not keep its arguments.
type Emit func(kind byte, key, sub, value []byte) error

// A Share is what one machine, or one task on it, collects of a hunt. It is used by one goroutine.
type Share struct {
	h      *hunter
	keys   *event.Keys
	c      *collector
	bits   int
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
func NewShare(o Options, keys *event.Keys, bits int) (*Share, error) {
	if bits < 0 || bits > count.MaxBundleBits {
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

// Memory is about how many bytes the share holds.
func (s *Share) Memory() int {
	c := s.c
	n := c.counter.Counts.Memory() + len(c.keep.arena) + 48*len(c.keep.list) + 16*len(c.keep.index.slots) + c.suspects.memory() + c.others.rows.memory()
	for _, l := range c.ladders {
		for _, r := range l.spans {
			n += r.memory()
		}
	}
	if c.usual != nil {
		n += c.usual.profile.Memory()
	}
	return n + c.raw.memory()
}

// Emit writes all that was collected, and empties the share: further events make further records, which add to these. The
// caller calls it once at the end, even where there was no event.
func (s *Share) Emit(emit Emit) error {
	c := s.c
	if c.err != nil {
		return c.err
	}
	c.counter.Flush()
	counts := c.counter.Counts
	var key []byte
	if err := counts.EachBundle(s.bits, func(field string, table byte, number int, value []byte) error {
		key = append(binary.BigEndian.AppendUint16(append(key[:0], table), uint16(number)), field...)
		return emit(RecordCounts, key, nil, value)
	}); err != nil {
		return err
	}
	for _, name := range counts.Names() {
		if err := emit(RecordField, []byte(name), nil, counts.Lookup(name).AppendHead(nil)); err != nil {
			return err
		}
	}
	if c.usual != nil {
		if err := c.usual.profile.EachBundle(s.bits, func(aspect, number int, value []byte) error {
			key = binary.BigEndian.AppendUint16(append(key[:0], byte(aspect)), uint16(number))
			return emit(RecordBehaviour, key, nil, value)
		}); err != nil {
			return err
		}
	}
	if err := emit(RecordState, nil, nil, c.state().append(nil)); err != nil {
		return err
	}
	if err := s.emitRows(emit); err != nil {
		return err
	}
	return s.begin()
}

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
	var key, sub []byte
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
		p := s.splits[file]
		key = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(key[:0], uint32(p.file)), uint64(p.start))
		sub = binary.BigEndian.AppendUint32(sub[:0], s.seq)
		s.seq++
		if err := emit(RecordRows, key, sub, value); err != nil {
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

// A Sum adds up records of one kind and key.
type Sum interface {
	// Add adds a record's value. An error says that it is damaged; the sum is of no use then.
	Add(value []byte) error
	// Append appends the value that stands for all that were added. It is the same in whatever order they were.
	Append(dst []byte) []byte
}

// NewSum returns an empty sum for records of a kind and a key, or nil for those that each stand for themselves.
func NewSum(kind byte, key []byte) (Sum, error) {
	switch kind {
	case RecordCounts:
		if len(key) < 3 {
			return nil, fmt.Errorf("%w: the key of counts is cut off", ErrRecord)
		}
		return count.NewBundle(key[0]), nil
	case RecordField:
		return &fieldSum{}, nil
	case RecordBehaviour:
		return profile.NewBundle(), nil
	case RecordState:
		return &stateSum{}, nil
	case RecordRows:
		return nil, nil
	}
	return nil, fmt.Errorf("%w: there is no kind %q", ErrRecord, kind)
}

type fieldSum struct{ group count.Group }

func (s *fieldSum) Add(value []byte) error   { return s.group.AddHead(value) }
func (s *fieldSum) Append(dst []byte) []byte { return s.group.AppendHead(dst) }

type stateSum struct{ sum *state }

func (s *stateSum) Add(value []byte) error {
	x, err := readState(value)
	if err != nil || s.sum == nil {
		s.sum = x
		return err
	}
	return s.sum.add(x)
}

func (s *stateSum) Append(dst []byte) []byte {
	if s.sum == nil {
		return dst
	}
	return s.sum.append(dst)
}
