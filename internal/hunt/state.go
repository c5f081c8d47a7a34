package hunt

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"weir/internal/count"
	"weir/internal/profile"
)

// A state is what a collector has once, and not by token, entity or event.
type state struct {
	first, last     int64 // no event has a time where last < first
	ignored, unused int64
	events          [2][count.HoursOfWeek]uint64
	times           timeline
	ladders         []ladderState
	below           uint64 // see others
	limits          []byte // of the profile; none where nobody asks
}

// A ladderState is what a ladder knows besides its rows.
type ladderState struct {
	worst int
	seen  []int // sorted, at most enoughSpans
}

func (l *ladder) seenSpans() []int {
	out := make([]int, 0, len(l.seen))
	for k := range l.seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// add adds the state of another collector of the same hunt.
func (s *state) add(o *state) error {
	s.first, s.last = min(s.first, o.first), max(s.last, o.last)
	s.ignored, s.unused = s.ignored+o.ignored, s.unused+o.unused
	for class := range s.events {
		for h := range s.events[class] {
			s.events[class][h] += o.events[class][h]
		}
	}
	s.times.absorb(&o.times)
	s.below = min(s.below, o.below)
	s.ladders = s.ladders[:min(len(s.ladders), len(o.ladders))] // who has fewer found that they are enough
	for i := range s.ladders {
		a, b := &s.ladders[i], &o.ladders[i]
		a.worst = min(a.worst, b.worst)
		a.seen = append(a.seen, b.seen...)
		slices.Sort(a.seen)
		a.seen = slices.Compact(a.seen)
		a.seen = a.seen[:min(len(a.seen), enoughSpans)] // that there are enough is all that matters then
	}
	var err error
	s.limits, err = profile.MergeLimits(s.limits, o.limits)
	return err
}

// append writes the state. Numbers are varints.
func (s *state) append(dst []byte) []byte {
	for _, x := range []int64{s.first, s.last, s.ignored, s.unused} {
		dst = binary.AppendVarint(dst, x)
	}
	dst = count.AppendHours(dst, &s.events)
	t := s.times.trimmed()
	dst = binary.AppendVarint(binary.AppendUvarint(dst, uint64(t.rung)), t.first)
	dst = binary.AppendUvarint(dst, uint64(len(t.counts)))
	for _, n := range t.counts {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	dst = binary.LittleEndian.AppendUint64(dst, s.below)
	dst = binary.AppendUvarint(dst, uint64(len(s.ladders)))
	for _, l := range s.ladders {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(l.worst)), uint64(len(l.seen)))
		for _, k := range l.seen {
			dst = binary.AppendVarint(dst, int64(k))
		}
	}
	return append(binary.AppendUvarint(dst, uint64(len(s.limits))), s.limits...)
}

// trimmed is the timeline without what is empty at its ends.
func (l *timeline) trimmed() timeline {
	from, to := 0, len(l.counts)
	for from < to && l.counts[from] == 0 {
		from++
	}
	for to > from && l.counts[to-1] == 0 {
		to--
	}
	if from == to {
		return timeline{}
	}
	return timeline{rung: l.rung, first: l.first + int64(from), counts: l.counts[from:to]}
}

func readState(b []byte) (*state, error) {
	s := &state{}
	d := recordReader{rest: b}
	for _, x := range []*int64{&s.first, &s.last, &s.ignored, &s.unused} {
		*x = d.signed()
	}
	if !d.bad {
		rest, err := count.AddHours(&s.events, d.rest)
		if err != nil {
			return nil, err
		}
		d.rest = rest
	}
	s.times.rung, s.times.first = int(d.upTo(uint64(len(binWidths)-1))), d.signed()
	for range d.upTo(maxBins) {
		s.times.counts = append(s.times.counts, int64(d.upTo(math.MaxInt64>>10)))
	}
	if w := s.times.width(); s.times.first > math.MaxInt64/w+1 || s.times.first < math.MinInt64/w-1 {
		d.bad = true // a bin before or after all of time
	}
	if x := d.bytes(8); !d.bad {
		s.below = binary.LittleEndian.Uint64(x)
	}
	for range d.upTo(2) {
		l := ladderState{worst: int(d.upTo(math.MaxInt))}
		for range d.upTo(enoughSpans) {
			l.seen = append(l.seen, int(d.signed()))
		}
		s.ladders = append(s.ladders, l)
	}
	s.limits = slices.Clone(d.bytes(d.upTo(uint64(len(aspects)))))
	if d.bad || len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: its state", ErrRecord)
	}
	return s, nil
}

// A recordReader reads until its first fault, after which everything is zero.
type recordReader struct {
	rest []byte
	bad  bool
}

func (d *recordReader) fail() { d.bad, d.rest = true, nil }

func (d *recordReader) number() uint64 {
	x, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return x
}

func (d *recordReader) signed() int64 {
	x, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return x
}

// upTo reads a number that is at most high.
func (d *recordReader) upTo(high uint64) uint64 {
	x := d.number()
	if x > high {
		d.fail()
		return 0
	}
	return x
}

func (d *recordReader) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// part reads a length and so many bytes.
func (d *recordReader) part() []byte { return d.bytes(d.number()) }
