package linear

import (
	"cmp"
	"slices"
)

// An Example is one content with its label: all records of the class that say the same.
type Example struct {
	Key    uint64 // hash of the content
	Bad    bool
	Count  uint32 // records
	Time   int64  // of the earliest record, nanoseconds since 1970 UTC; meaningful if HasTime
	Client uint64 // hash of who sent the record, 0 where it names nobody
	Near   uint64 // hash that nearly equal contents share
	// HasTime says that every record of the content has a time.
	HasTime bool
	// Items are the content's tokens. What they mean is the caller's.
	Items []uint64
}

// A Sample keeps examples in bounded memory. Equal contents of one class are one example with a count. When the items
// outgrow the budget, the sample drops the half of the contents whose hashes are the larger, and takes no more like them:
// which contents are kept depends on the data alone, so samples of parts of the data merge, in any order, to that of the
// whole. What is not kept is handed to the function spill, once for every record or group of equal ones.
//
// Not safe for concurrent use.
type Sample struct {
	budget   int
	level    uint // contents are kept whose hash has this many leading zero bits
	items    int
	examples []Example
	at       map[place]int32
	arena    []uint64
	spill    func(items []uint64, bad bool, count uint32)
}

type place struct {
	key uint64
	bad bool
}

// MaxItems is the budget of a sample that is made with none: 128 MiB of items.
const MaxItems = 16 << 20

const (
	arenaBlock  = 1 << 16
	perExample  = 12 // what an example costs beside its items, in items
	longestHash = 64
)

// NewSample returns an empty sample of at most budget items (each example costs a dozen more); zero stands for [MaxItems].
func NewSample(budget int, spill func(items []uint64, bad bool, count uint32)) *Sample {
	if budget <= 0 {
		budget = MaxItems
	}
	return &Sample{budget: budget, at: map[place]int32{}, spill: spill}
}

// Share is the share of contents that the sample keeps: 1, ½, ¼ …
func (s *Sample) Share() float64 { return 1 / float64(uint64(1)<<s.level) }

// Len is the number of examples.
func (s *Sample) Len() int { return len(s.examples) }

func (s *Sample) keeps(key uint64) bool { return s.level == 0 || key>>(longestHash-s.level) == 0 }

// Add adds x.Count records of one content. items is called for the content's items where they are needed; what it returns
// is copied.
func (s *Sample) Add(x Example, items func() []uint64) {
	if !s.keeps(x.Key) {
		s.spill(items(), x.Bad, x.Count)
		return
	}
	if i, ok := s.at[place{x.Key, x.Bad}]; ok {
		s.examples[i].join(&x)
		return
	}
	x.Items = s.store(items())
	s.at[place{x.Key, x.Bad}] = int32(len(s.examples))
	s.examples = append(s.examples, x)
	s.items += len(x.Items) + perExample
	for s.items > s.budget && s.level < longestHash-1 {
		s.halve(s.level + 1)
	}
}

// join adds the records of o, which has the same content.
func (x *Example) join(o *Example) {
	if n := uint64(x.Count) + uint64(o.Count); n < 1<<32 {
		x.Count = uint32(n)
	}
	x.Client = min(x.Client, o.Client)
	x.HasTime = x.HasTime && o.HasTime
	x.Time = min(x.Time, o.Time)
}

func (s *Sample) store(items []uint64) []uint64 {
	if len(items) > cap(s.arena)-len(s.arena) {
		s.arena = make([]uint64, 0, max(arenaBlock, len(items)))
	}
	from := len(s.arena)
	s.arena = append(s.arena, items...)
	return s.arena[from:len(s.arena):len(s.arena)]
}

// halve drops the examples that a higher level does not keep.
func (s *Sample) halve(level uint) {
	s.level = level
	old := s.examples
	s.examples, s.arena, s.items = nil, nil, 0
	clear(s.at)
	for i := range old {
		x := old[i]
		if !s.keeps(x.Key) {
			s.spill(x.Items, x.Bad, x.Count)
			continue
		}
		x.Items = s.store(x.Items)
		s.at[place{x.Key, x.Bad}] = int32(len(s.examples))
		s.examples = append(s.examples, x)
		s.items += len(x.Items) + perExample
	}
}

// Merge adds the examples of o, which must not be used afterwards.
func (s *Sample) Merge(o *Sample) {
	if o.level > s.level {
		s.halve(o.level)
	}
	for i := range o.examples {
		x := o.examples[i]
		items := x.Items
		s.Add(x, func() []uint64 { return items })
	}
	*o = Sample{}
}

// Sorted returns the examples in the order of their hashes, good before bad. They stay the sample's.
func (s *Sample) Sorted() []Example {
	slices.SortFunc(s.examples, func(a, b Example) int {
		if c := cmp.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		switch {
		case a.Bad == b.Bad:
			return 0
		case b.Bad:
			return -1
		}
		return 1
	})
	for i := range s.examples {
		s.at[place{s.examples[i].Key, s.examples[i].Bad}] = int32(i)
	}
	return s.examples
}
