package filter

import (
	"cmp"
	"slices"

	"weir/internal/wire"
)

// seen remembers which records were learned, and as what, so that none is learned twice and a corrected one is taken back
// first. It keeps 48 bits of a record's hash, at which two of a million records are taken for one once in 560 times it is
// asked of such a set. Where records outgrow the limit it keeps the half with the smaller hashes, and so on: for records it
// does not keep it cannot tell.
type seen struct {
	limit int
	level uint
	at    *recordTable // by the leading bits of the hash
	// packed is what the file holds, checked, of a set that has only been read: scoring has no use for it, and making a map
	// of it takes longer than all the rest of reading.
	packed []byte
}

type learned struct{ good, bad uint32 }

const (
	maxSeen  = 1 << 20
	seenBits = 48
)

func newSeen(limit int) *seen {
	if limit <= 0 {
		limit = maxSeen
	}
	return &seen{limit: limit, at: newRecordTable()}
}

// share of records that are remembered.
func (s *seen) share() float64 { return 1 / float64(uint64(1)<<s.level) }

// tells reports whether the set would know the record had it been learned.
func (s *seen) tells(key uint64) bool { return s.level == 0 || key>>(64-s.level) == 0 }

func (s *seen) add(key uint64, bad bool, n uint32) {
	if !s.tells(key) {
		return
	}
	t := s.at.put(key >> (64 - seenBits))
	if bad {
		t.bad += n
	} else {
		t.good += n
	}
	for s.at.len() > s.limit {
		s.halve()
	}
}

func (s *seen) halve() {
	s.level++
	s.at.keep(func(k uint64) bool { return s.tells(k << (64 - seenBits)) })
}

// narrow halves the set until it was halved as often as level says.
func (s *seen) narrow(level uint) {
	for s.level < level {
		s.halve()
	}
}

func (s *seen) get(key uint64) learned { return s.at.get(key >> (64 - seenBits)) }

func (s *seen) take(key uint64, bad bool) {
	k := key >> (64 - seenBits)
	if s.at.get(k) == (learned{}) {
		return
	}
	t := s.at.put(k)
	if bad && t.bad > 0 {
		t.bad--
	} else if !bad && t.good > 0 {
		t.good--
	}
	if *t == (learned{}) {
		s.at.remove(k)
	}
}

func (s *seen) merge(o *seen) {
	s.narrow(o.level)
	o.at.each(func(k uint64, t learned) {
		if t.good > 0 {
			s.add(k<<(64-seenBits), false, t.good)
		}
		if t.bad > 0 {
			s.add(k<<(64-seenBits), true, t.bad)
		}
	})
}

// clone returns a copy that can change.
func (s *seen) clone() *seen {
	if s.at == nil {
		c := &seen{limit: s.limit, level: s.level, at: newRecordTable()}
		r := wire.Reader{Rest: s.packed}
		for key := uint64(0); len(r.Rest) > 0; {
			key += r.Uvarint()
			*c.at.put(key) = learned{next32(&r), next32(&r)}
		}
		return c
	}
	return &seen{limit: s.limit, level: s.level, at: s.at.clone()}
}

type seenRecord struct {
	key uint64
	learned
}

func (s *seen) sorted() []seenRecord {
	out := make([]seenRecord, 0, s.at.len())
	s.at.each(func(k uint64, t learned) { out = append(out, seenRecord{k, t}) })
	slices.SortFunc(out, func(a, b seenRecord) int { return cmp.Compare(a.key, b.key) })
	return out
}

// A Memory tells which records a filter has learned. It is safe for concurrent use.
type Memory struct{ seen *seen }

// Memory returns what the filter remembers of the records it has learned.
func (f *Filter) Memory() *Memory { return &Memory{f.seen.clone()} }

// Holds reports whether a record, as it stood in the log, was learned. A filter remembers Manifest.SeenShare of its records.
func (m *Memory) Holds(raw []byte) bool {
	key := recordKey(raw)
	return m.seen.tells(key) && m.seen.get(key) != learned{}
}
