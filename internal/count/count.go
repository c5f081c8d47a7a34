// Package count holds weir's training state: how many good and how many bad records carried each token, and, for whole
// values of fields that may hold numbers, at which hour of the week.
//
// Everything is an integer that adds: counts of two halves of a log merge to the counts of the whole, in any order, and
// a marked window is taken out again by subtracting its counts. Nothing is left out while counting; what carries no
// meaning (ids, times) is found from the counts, when weights are made (see [Group.Shape]).
//
// Tokens are grouped by field. A [Group] keeps, for one field:
//
//	events[class][hour]   records that carried the field
//	values                hash of a whole value    → good, bad
//	parts                 hash of a part of a value → good, bad
//	hours                 hash of a whole value with the hour of the week → good, bad; only where Hourly is set
//
// Hashes are 64 bits under a seed that the caller keeps secret for as long as the counts live, so collisions cannot be
// aimed; an accidental one among a hundred million tokens of a field has a chance of 1 in 4,000.
package count

import (
	"cmp"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// HoursOfWeek is the number of hour classes that counts are kept by: 0 is Monday 00–01 local time, 167 Sunday 23–24.
const HoursOfWeek = 168

// Class is one of the two classes counts are kept for.
type Class uint8

// The classes.
const (
	Good Class = iota
	Bad
)

// Counts is the training state over all fields. The zero value is not usable; see [New]. Not safe for concurrent use:
// every worker has its own, and they are merged.
type Counts struct {
	groups map[string]*Group
	Events [2][HoursOfWeek]uint64 // records, by class and hour of the week
}

// New returns empty counts.
func New() *Counts { return &Counts{groups: make(map[string]*Group)} }

// Group returns the counts of a field, making them on first use.
func (c *Counts) Group(name string) *Group {
	g := c.groups[name]
	if g == nil {
		g = &Group{Name: name}
		c.groups[name] = g
	}
	return g
}

// Lookup returns the counts of a field, or nil if no record carried it.
func (c *Counts) Lookup(name string) *Group { return c.groups[name] }

// Names returns the fields that were counted, sorted.
func (c *Counts) Names() []string {
	names := make([]string, 0, len(c.groups))
	for n := range c.groups {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Merge adds all counts of o to c and takes o's memory: o must not be used afterwards.
func (c *Counts) Merge(o *Counts) { *c = *Merge([]*Counts{c, o}) }

// Merge returns the sum of all counts, on all processors, and takes their memory: they must not be used afterwards. The
// order of all makes no difference.
func Merge(all []*Counts) *Counts {
	sum := New()
	groups := map[string][]*Group{}
	for _, c := range all {
		for class := range c.Events {
			for h := range c.Events[class] {
				sum.Events[class][h] += c.Events[class][h]
			}
		}
		for name, g := range c.groups {
			groups[name] = append(groups[name], g)
		}
		c.groups = nil
	}
	work := make([][]*Group, 0, len(groups))
	for name, list := range groups {
		sum.groups[name] = list[0]
		if len(list) > 1 {
			work = append(work, list)
		}
	}
	size := func(list []*Group) (n int) {
		for _, g := range list {
			n += g.values.used + g.parts.used + g.hours.used
		}
		return n
	}
	slices.SortFunc(work, func(a, b []*Group) int { return cmp.Compare(size(b), size(a)) }) // the longest first
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(len(work), runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(work); i = int(next.Add(1)) - 1 {
				for _, g := range work[i][1:] {
					work[i][0].merge(g)
				}
			}
		})
	}
	wait.Wait()
	return sum
}

// Memory returns about how many bytes the counts hold.
func (c *Counts) Memory() (n int) {
	for _, g := range c.groups {
		n += 16 * (len(g.values.entries) + len(g.parts.entries) + len(g.hours.entries))
	}
	return n
}

// Total returns how many records of a class were counted.
func (c *Counts) Total(class Class) uint64 { return sum(&c.Events[class]) }

// A Group is the counts of one field's tokens.
type Group struct {
	Name                 string
	Hourly               bool                   // whole values are counted by hour too; set before the first Add
	Events               [2][HoursOfWeek]uint64 // records that carry the field, by class and hour of the week
	values, parts, hours table
	outline              *outline // nil where the tables hold everything
}

// An outline is what is asked of all values of a field, where the tables hold some only.
type outline struct {
	distinct, once uint64 // see Shape
	records, bound uint64 // see clockSums
}

// Add counts n records of a class, at one hour of the week, that carry a value and its parts. parts holds each part
// once.
func (g *Group) Add(value uint64, parts []uint64, class Class, hour int, n uint32) {
	g.Events[class][hour] += uint64(n)
	g.add(value, parts, class, hour, n)
}

func (g *Group) add(value uint64, parts []uint64, class Class, hour int, n uint32) {
	var good, bad uint32
	if class == Bad {
		bad = n
	} else {
		good = n
	}
	g.values.add(value, good, bad)
	for _, p := range parts {
		g.parts.add(p, good, bad)
	}
	if g.Hourly {
		g.hours.add(atHour(value, hour), good, bad)
	}
}

// atHour is the key of a token at an hour of the week: a bijection of the token for each hour.
func atHour(token uint64, hour int) uint64 {
	return (token ^ uint64(hour+1)) * hourKey
}

// Value returns the counts of a whole value.
func (g *Group) Value(hash uint64) (good, bad uint32) { return g.values.get(hash) }

// Part returns the counts of a part of a value.
func (g *Group) Part(hash uint64) (good, bad uint32) { return g.parts.get(hash) }

// AtHour returns the counts of a whole value at one hour of the week, zero where the group is not Hourly.
func (g *Group) AtHour(hash uint64, hour int) (good, bad uint32) {
	return g.hours.get(atHour(hash, hour))
}

// Total returns how many records of a class carried the field.
func (g *Group) Total(class Class) uint64 { return sum(&g.Events[class]) }

func (g *Group) merge(o *Group) {
	for class := range g.Events {
		for h := range g.Events[class] {
			g.Events[class][h] += o.Events[class][h]
		}
	}
	g.Hourly = g.Hourly || o.Hourly
	g.values.merge(&o.values)
	g.parts.merge(&o.parts)
	g.hours.merge(&o.hours)
}

// Shape describes how the good values of a field are spread. It is what decides whether a field can carry meaning.
type Shape struct {
	Events   uint64 // good records that carry the field
	Distinct uint64 // distinct values among them
	Once     uint64 // values carried by exactly one good record
}

// Shape sums up the good values of the field in one pass over the table.
func (g *Group) Shape() Shape {
	s := Shape{Events: g.Total(Good)}
	if g.outline != nil {
		s.Distinct, s.Once = g.outline.distinct, g.outline.once
		return s
	}
	for i := range g.values.entries {
		switch e := &g.values.entries[i]; {
		case e.key == 0 || e.good == 0:
		case e.good == 1:
			s.Once++
			s.Distinct++
		default:
			s.Distinct++
		}
	}
	return s
}

func sum(hours *[HoursOfWeek]uint64) uint64 {
	var n uint64
	for _, v := range hours {
		n += v
	}
	return n
}

// ClockBound measures how much the good values of the field follow the clock: for the mean record, how concentrated in
// few hours of the week the records with its value are, over how concentrated all of the field's records are,
//
//	Σ_v g_v Σ_h (g_vh/g_v)² / Σ_v g_v  ÷  Σ_h (g_h/g)²
//
// over values v with at least min records. 1 is a field that takes no notice of time; a running number, whose every
// stretch of values belongs to its own hours, is far above. It is 0 if no value has min records, or the group is not
// Hourly.
func (g *Group) ClockBound(min uint32) float64 {
	open := g.open()
	records, bound := g.clockSums(min, open)
	if g.outline != nil {
		records, bound = g.outline.records, g.outline.bound
	}
	all, squares := 0.0, 0.0
	for _, h := range open {
		n := float64(g.Events[Good][h])
		all += n
		squares += float64(n * n)
	}
	if records == 0 || squares == 0 {
		return 0
	}
	return float64(bound) / 1000 / float64(records) / (squares / all / all)
}

// open are the hours at which good records carry the field.
func (g *Group) open() (open []int) {
	for h := range HoursOfWeek {
		if g.Events[Good][h] > 0 {
			open = append(open, h)
		}
	}
	return open
}

// clockSums adds up, over values with at least min records, the records, and how concentrated each value's are, in thousandths, so
// that the order of the table makes no difference.
func (g *Group) clockSums(min uint32, open []int) (records, bound uint64) {
	for i := range g.values.entries {
		e := &g.values.entries[i]
		if e.key == 0 || e.good < min || !g.Hourly {
			continue
		}
		n, squares := 0.0, 0.0
		for _, h := range open {
			good, _ := g.AtHour(e.key, h)
			n += float64(good)
			squares += float64(float64(good) * float64(good))
		}
		if n > 0 {
			records += uint64(n)
			bound += uint64(squares / n * 1000)
		}
	}
	return records, bound
}

// TakeSome adds the counts of those tokens of a bundle that are wanted, and of the others what [Group.Shape], and ClockBound with
// this min, say of them: g is as if it held all. Of each token, b holds all the counts that there are, and all records with the field
// are in Events already. Once it was called, values of hours are not kept, and no more may be added in other ways.
func (g *Group) TakeSome(b *Bundle, min uint32, wanted func(token uint64) bool) {
	if g.outline == nil {
		g.outline = &outline{}
	}
	from, to := &b.group.parts, &g.parts
	if b.table == Values {
		from, to = &b.group.values, &g.values
		b.group.Hourly = g.Hourly
		s := b.group.Shape()
		records, bound := b.group.clockSums(min, g.open())
		o := g.outline
		o.distinct, o.once, o.records, o.bound = o.distinct+s.Distinct, o.once+s.Once, o.records+records, o.bound+bound
	}
	for _, e := range from.entries {
		if e.key != 0 && wanted(e.key) {
			to.add(e.key, e.good, e.bad)
		}
	}
	b.group = Group{}
}
