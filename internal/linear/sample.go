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
	// Size is what the items count as in the budget, where they stand for others; 0 is their number.
	Size int
}

func (x *Example) size() int {
	if x.Size > 0 {
		return x.Size
	}
	return len(x.Items)
}

// A Sample keeps examples in bounded memory. Equal contents of one class are one example with a count. When the items of a
// class outgrow its half of the budget, the sample drops the half of its contents whose hashes are the larger, and takes no
// more like them: which contents are kept depends on the data alone, so samples of parts of the data merge, in any order,
// to that of the whole, and the few records of a rare class are all kept. What is not kept is handed to the function spill,
// once for every record or group of equal ones.
//
// Not safe for concurrent use.
type Sample struct {
	budget  int // of each class
	classes [2]class
	arena   []uint64
	spill   func(items []uint64, bad bool, count uint32)
}

// A class is the good or the bad examples.
type class struct {
	level    uint // contents are kept whose hash has this many leading zero bits
	items    int
	examples []Example
	at       map[uint64]int32
}

// MaxItems is the budget of a sample that is made with none: 128 MiB of items.
const MaxItems = 16 << 20

const (
	arenaBlock = 1 << 16
	perExample = 12 // what an example costs beside its items, in items
	maxLevel   = 63
)

// NewSample returns an empty sample of at most budget items (each example costs a dozen more); zero stands for [MaxItems].
func NewSample(budget int, spill func(items []uint64, bad bool, count uint32)) *Sample {
	if budget <= 0 {
		budget = MaxItems
	}
	s := &Sample{budget: budget / 2, spill: spill}
	for i := range s.classes {
		s.classes[i].at = map[uint64]int32{}
	}
	return s
}

func (s *Sample) class(bad bool) *class {
	if bad {
		return &s.classes[1]
	}
	return &s.classes[0]
}

// Share is the share of a class's contents that the sample keeps: 1, ½, ¼ …
func (s *Sample) Share(bad bool) float64 { return 1 / float64(uint64(1)<<s.class(bad).level) }

// Level is how often the sample of a class was halved.
func (s *Sample) Level(bad bool) uint { return s.class(bad).level }

// Narrow halves the sample of a class until it was halved as often as level says.
func (s *Sample) Narrow(bad bool, level uint) {
	if c := s.class(bad); level > c.level {
		s.halve(c, min(level, maxLevel))
	}
}

// Each calls f with every example, which it must not change.
func (s *Sample) Each(f func(x *Example)) {
	for i := range s.classes {
		for k := range s.classes[i].examples {
			f(&s.classes[i].examples[k])
		}
	}
}

// Lookup returns the example of a content and class, or nil, and whether the sample keeps such contents. The example may be joined
// ([Example.Join]) with others of it, and is valid until the sample changes.
func (s *Sample) Lookup(key uint64, bad bool) (x *Example, kept bool) {
	c := s.class(bad)
	if !c.keeps(key) {
		return nil, false
	}
	if i, ok := c.at[key]; ok {
		return &c.examples[i], true
	}
	return nil, true
}

// Keeps reports whether the sample keeps a content of a class.
func (s *Sample) Keeps(key uint64, bad bool) bool { return s.class(bad).keeps(key) }

// Len is the number of examples.
func (s *Sample) Len() int { return len(s.classes[0].examples) + len(s.classes[1].examples) }

func (c *class) keeps(key uint64) bool { return c.level == 0 || key>>(64-c.level) == 0 }

// Add adds x.Count records of one content. items is called for the content's items where they are needed; what it returns
// is copied.
func (s *Sample) Add(x Example, items func() []uint64) {
	c := s.class(x.Bad)
	if !c.keeps(x.Key) {
		s.spill(items(), x.Bad, x.Count)
		return
	}
	if i, ok := c.at[x.Key]; ok {
		c.examples[i].Join(&x)
		return
	}
	x.Items = s.store(items())
	c.put(x)
	for c.items > s.budget && c.level < maxLevel {
		s.halve(c, c.level+1)
	}
}

func (c *class) put(x Example) {
	c.at[x.Key] = int32(len(c.examples))
	c.examples = append(c.examples, x)
	c.items += x.size() + perExample
}

// Join adds the records of o, which has the same content and class.
func (x *Example) Join(o *Example) {
	x.Count = uint32(min(uint64(x.Count)+uint64(o.Count), 1<<32-1))
	x.Client, x.Near = min(x.Client, o.Client), min(x.Near, o.Near)
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

// halve drops the examples of a class that a higher level does not keep.
func (s *Sample) halve(c *class, level uint) {
	old := c.examples
	*c = class{level: level, at: make(map[uint64]int32, len(old)/2)}
	s.arena = nil
	for i := range old {
		x := old[i]
		if !c.keeps(x.Key) {
			s.spill(x.Items, x.Bad, x.Count)
			continue
		}
		x.Items = s.store(x.Items)
		c.put(x)
	}
}

// Merge adds the examples of o, which must not be used afterwards.
func (s *Sample) Merge(o *Sample) {
	for i := range o.classes {
		c, oc := &s.classes[i], &o.classes[i]
		if oc.level > c.level {
			s.halve(c, oc.level)
		}
		for k := range oc.examples {
			x := oc.examples[k]
			items := x.Items
			s.Add(x, func() []uint64 { return items })
		}
	}
	*o = Sample{}
}

// Sorted returns the examples in the order of their hashes, good before bad where these are equal. The sample must not be
// used afterwards.
func (s *Sample) Sorted() []Example {
	out := slices.Concat(s.classes[0].examples, s.classes[1].examples)
	slices.SortFunc(out, func(a, b Example) int {
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
	*s = Sample{}
	return out
}
