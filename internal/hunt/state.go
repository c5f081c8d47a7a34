package hunt

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"weir/internal/count"
	"weir/internal/profile"
	"weir/internal/wire"
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
	return wire.AppendPart(dst, s.limits)
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
	d := wire.Reader{Rest: b}
	for _, x := range []*int64{&s.first, &s.last, &s.ignored, &s.unused} {
		*x = d.Varint()
	}
	if !d.Bad {
		rest, err := count.AddHours(&s.events, d.Rest)
		if err != nil {
			return nil, err
		}
		d.Rest = rest
	}
	s.times.rung, s.times.first = int(d.UpTo(uint64(len(binWidths)-1))), d.Varint()
	for range d.UpTo(maxBins) {
		s.times.counts = append(s.times.counts, int64(d.UpTo(math.MaxInt64>>10)))
	}
	if w := s.times.width(); s.times.first > math.MaxInt64/w+1 || s.times.first < math.MinInt64/w-1 {
		d.Spoil() // a bin before or after all of time
	}
	s.below = d.Fixed64()
	for range d.UpTo(2) {
		l := ladderState{worst: int(d.UpTo(math.MaxInt))}
		for range d.UpTo(enoughSpans) {
			l.seen = append(l.seen, int(d.Varint()))
		}
		s.ladders = append(s.ladders, l)
	}
	s.limits = slices.Clone(d.Bytes(d.UpTo(uint64(len(aspects)))))
	if d.Bad || len(d.Rest) > 0 {
		return nil, fmt.Errorf("%w: its state", ErrRecord)
	}
	return s, nil
}
