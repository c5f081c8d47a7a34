package count

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
	"sort"
)

// Untimed is the hour class of records without a time; those of others are hours of the week, 0 to 167.
const Untimed = HoursOfWeek

// A Tally is the counts of a stretch of stored records before anybody says which are good: for every field, by token and
// hour class, how many records carried it. Nothing is left out. Tallies add and subtract exactly, in any order:
//
//	good = tally of all − tally of the bad windows − tally of what is ignored
//
// and [Tally.AddTo] makes a class of [Counts] of one. Not safe for concurrent use.
type Tally struct {
	Events [HoursOfWeek + 1]uint64 // records, by hour class
	fields map[string]*FieldTally
}

// NewTally returns an empty tally.
func NewTally() *Tally { return &Tally{fields: make(map[string]*FieldTally)} }

// A FieldTally is the share of one field: an open-addressing table like that of [Counts].
type FieldTally struct {
	Name    string
	entries []tallyEntry
	used    int
	shift   uint
}

// A tallyEntry is 16 bytes: the token, and its count (48 bits) over a set bit, which tells it from a free slot, its hour
// class and whether it is a part of a value.
type tallyEntry struct{ token, meta uint64 }

const (
	tallyShift = 16
	tallyClass = 1<<tallyShift - 1
	tallyUsed  = 1 << 15
	maxTally   = 1<<48 - 1
)

// A Cell is one count of a tally.
type Cell struct {
	Token uint64 // hash of a whole value or of a part
	Part  bool
	Hour  int // 0 to 167, or Untimed
	N     uint64
}

// Field returns the tally of a field, making it on first use.
func (t *Tally) Field(name string) *FieldTally {
	f := t.fields[name]
	if f == nil {
		f = &FieldTally{Name: name}
		t.fields[name] = f
	}
	return f
}

// Names returns the fields, sorted.
func (t *Tally) Names() []string {
	names := make([]string, 0, len(t.fields))
	for n := range t.fields {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Len returns how many cells there are, those that subtraction emptied included.
func (t *Tally) Len() (n int) {
	for _, f := range t.fields {
		n += f.used
	}
	return n
}

// Add adds n to a cell. Counts stop at 2^48-1.
func (f *FieldTally) Add(token uint64, part bool, hour int, n uint64) {
	e := f.cell(token, class(part, hour))
	e.meta = e.meta&tallyClass | min(e.meta>>tallyShift+n, maxTally)<<tallyShift
}

func class(part bool, hour int) uint64 {
	c := uint64(hour)<<1 | tallyUsed
	if part {
		c |= 1
	}
	return c
}

func (e *tallyEntry) cell() Cell {
	return Cell{Token: e.token, Part: e.meta&1 != 0, Hour: int(e.meta & (tallyUsed - 1) >> 1), N: e.meta >> tallyShift}
}

// cell returns the entry of a token in a class, making it.
func (f *FieldTally) cell(token, class uint64) *tallyEntry {
	if f.used >= len(f.entries)/4*3 {
		f.grow(max(minTable, 2*len(f.entries)))
	}
	mask := len(f.entries) - 1
	for i := f.slot(token, class); ; i = (i + 1) & mask {
		e := &f.entries[i]
		if e.meta == 0 {
			*e = tallyEntry{token, class}
			f.used++
			return e
		}
		if e.token == token && e.meta&tallyClass == class {
			return e
		}
	}
}

func (f *FieldTally) slot(token, class uint64) int {
	return int((token ^ class*0xD6E8FEB86659FD93) * 0x9E3779B97F4A7C15 >> f.shift)
}

func (f *FieldTally) grow(n int) {
	old := f.entries
	f.entries, f.shift = make([]tallyEntry, n), uint(64-bits.TrailingZeros(uint(n)))
	mask := n - 1
	for _, e := range old {
		if e.meta == 0 {
			continue
		}
		i := f.slot(e.token, e.meta&tallyClass)
		for f.entries[i].meta != 0 {
			i = (i + 1) & mask
		}
		f.entries[i] = e
	}
}

// Merge adds all counts of o, which stays as it is.
func (t *Tally) Merge(o *Tally) {
	for h, n := range o.Events {
		t.Events[h] += n
	}
	for name, from := range o.fields {
		to := t.Field(name)
		for _, i := range spread(len(from.entries)) {
			if e := &from.entries[i]; e.meta != 0 {
				c := e.cell()
				to.Add(c.Token, c.Part, c.Hour, c.N)
			}
		}
	}
}

// spread is the slots of a table of n, a power of two, in an order that does not fill the front of another table.
func spread(n int) []int {
	if n == 0 {
		return nil
	}
	out := make([]int, n)
	step := n*5/8 | 1
	for k, i := 0, 0; k < n; k, i = k+1, (i+step)&(n-1) {
		out[k] = i
	}
	return out
}

// ErrNotWithin says that what was to be subtracted is not in the tally.
var ErrNotWithin = errors.New("cannot subtract counts that were never added")

// Subtract takes all counts of o out again. The error leaves t unusable: the two do not belong together.
func (t *Tally) Subtract(o *Tally) error {
	for h, n := range o.Events {
		if n > t.Events[h] {
			return ErrNotWithin
		}
		t.Events[h] -= n
	}
	for name, from := range o.fields {
		to := t.Field(name)
		for i := range from.entries {
			x := &from.entries[i]
			if x.meta>>tallyShift == 0 {
				continue
			}
			e := to.cell(x.token, x.meta&tallyClass)
			if e.meta>>tallyShift < x.meta>>tallyShift {
				return ErrNotWithin
			}
			e.meta -= x.meta >> tallyShift << tallyShift
		}
	}
	return nil
}

// Cells returns the counts of a field that are not zero, in the order of part, token and hour: the same for equal tallies
// whatever they were made of.
func (f *FieldTally) Cells() []Cell {
	out := make([]Cell, 0, f.used)
	for i := range f.entries {
		if e := &f.entries[i]; e.meta>>tallyShift > 0 {
			out = append(out, e.cell())
		}
	}
	slices.SortFunc(out, func(a, b Cell) int {
		if a.Part != b.Part {
			if b.Part {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Token, b.Token), cmp.Compare(a.Hour, b.Hour))
	})
	return out
}

// Equal reports whether two tallies hold the same counts.
func (t *Tally) Equal(o *Tally) bool {
	if t.Events != o.Events {
		return false
	}
	return t.within(o) && o.within(t)
}

// within reports whether every count of t that is not zero is the same in o.
func (t *Tally) within(o *Tally) bool {
	for name, f := range t.fields {
		g := o.fields[name]
		for i := range f.entries {
			e := &f.entries[i]
			if e.meta>>tallyShift == 0 {
				continue
			}
			if g == nil || g.get(e.token, e.meta&tallyClass) != e.meta>>tallyShift {
				return false
			}
		}
	}
	return true
}

func (f *FieldTally) get(token, class uint64) uint64 {
	if len(f.entries) == 0 {
		return 0
	}
	mask := len(f.entries) - 1
	for i := f.slot(token, class); ; i = (i + 1) & mask {
		e := &f.entries[i]
		if e.meta == 0 {
			return 0
		}
		if e.token == token && e.meta&tallyClass == class {
			return e.meta >> tallyShift
		}
	}
}

// AddTo adds the timed part of the tally to the counts of one class. hourly says of a field whether its whole values are
// counted by hour there ([Group.Hourly]).
func (t *Tally) AddTo(c *Counts, cl Class, hourly func(field string) bool) {
	for h := range HoursOfWeek {
		c.Events[cl][h] += t.Events[h]
	}
	for name, f := range t.fields {
		g := c.Group(name)
		g.Hourly = hourly(name)
		for _, i := range spread(len(f.entries)) {
			e := &f.entries[i]
			x := e.cell()
			if e.meta == 0 || x.N == 0 || x.Hour == Untimed {
				continue
			}
			g.addCell(x, cl)
		}
	}
}

func (g *Group) addCell(x Cell, cl Class) {
	n := uint32(min(x.N, 1<<32-1))
	var good, bad uint32
	if cl == Bad {
		bad = n
	} else {
		good = n
	}
	if x.Part {
		g.parts.add(x.Token, good, bad)
		return
	}
	g.Events[cl][x.Hour] += x.N
	g.values.add(x.Token, good, bad)
	if g.Hourly {
		g.hours.add(atHour(x.Token, x.Hour), good, bad)
	}
}

// A TallyCounter adds the features of records to the fields of any number of tallies through a small cache that combines
// equal ones, as [Counter] does for Counts. Call [TallyCounter.Flush] before reading the tallies.
type TallyCounter struct{ cache []tallyPending }

type tallyPending struct {
	field *FieldTally
	value uint64
	n     uint32
	hour  int32
	parts []uint64
}

// NewTallyCounter returns a counter with an empty cache.
func NewTallyCounter() *TallyCounter { return &TallyCounter{cache: make([]tallyPending, 1<<cacheBits)} }

// Add counts one record's feature. parts is called, if at all, before Add returns: it appends the hashes of the value's
// parts, each once, to its argument.
func (c *TallyCounter) Add(f *FieldTally, value uint64, hour int, parts func(dst []uint64) []uint64) {
	p := &c.cache[(value^uint64(hour)*0x9E3779B97F4A7C15)*0xD6E8FEB86659FD93>>(64-cacheBits)]
	same := p.value == value && p.field == f
	if same && p.hour == int32(hour) && p.n < 1<<31 {
		p.n++
		return
	}
	p.flush()
	if !same {
		p.parts = parts(p.parts[:0])
	}
	p.field, p.value, p.hour, p.n = f, value, int32(hour), 1
}

// Flush adds what the cache still holds to the tallies, and lets go of them.
func (c *TallyCounter) Flush() {
	for i := range c.cache {
		p := &c.cache[i]
		p.flush()
		p.field, p.value = nil, 0
	}
}

func (p *tallyPending) flush() {
	if p.n == 0 {
		return
	}
	p.field.Add(p.value, false, int(p.hour), uint64(p.n))
	for _, part := range p.parts {
		p.field.Add(part, true, int(p.hour), uint64(p.n))
	}
	p.n = 0
}
