// Package profile knows how everybody usually acts, and tells how far out of character an act is.
//
// An entity (an address, a host, a user) shows values of aspects: which operating system its user agents name, at which
// hours it is there, whom it talks to. A [Profile] counts, for every aspect and entity, how often each value was shown
// ([Profile.Add]). Counts are integers: profiles merge in any order and subtract, so a stretch of time is held out of a
// profile exactly ([Profile.Sum], [Profile.Subtract]).
//
// A [Sum] answers questions. [Sum.Departure] says how much less likely a value is for its entity than for the entity's
// peers, in bits, each backed off to those above it: entity → peers (its network) → all of the site. So a newcomer departs
// from nothing, a value that is rare everywhere says how steady the entity was and no more, and an entity that shows
// something new all the time is known for it.
//
//	members   aspect and entity            → n, how often; distinct values; peers
//	cells     aspect, entity and value     → n
//	texts     aspect and value             → what people read
//
// Memory is bounded, by what was seen and not by its order: an entity that shows more than [MaxValues] values of an
// aspect is varied, and its values are no longer told apart; where an aspect has more entities than the profile's budget
// holds, those with the highest hashes are left out, and depart from nothing ([Profile.Narrowed] says so).
package profile

import (
	"math"
	"slices"
)

const (
	// MaxValues is how many values of one aspect are told apart for one entity.
	MaxValues = 64
	// Budget is how many values of entities are kept for one aspect.
	Budget = 1 << 16

	maxText   = 64 // bytes of a value that are kept for people
	maxTexts  = 1 << 14
	cacheBits = 12
)

// An Act is a value of an aspect that an entity showed. The hashes are the caller's; Peers is 0 for an entity that has
// none but the site.
type Act struct {
	Aspect               int
	Entity, Peers, Value uint64
	Text                 []byte // of the value; copied
}

// A Profile is counts of how entities act. Not safe for concurrent use: every worker has its own, and they are merged.
type Profile struct {
	aspects []aspect
	at      map[uint64]int32 // key of a member
	members []member
	cellAt  map[uint64]int32 // key of a member and a value
	cells   []cell
	free    int32             // first of the cells that are free, none for none
	texts   map[uint64]string // of values seen of late, so that cells share them
	cache   []recent
	budget  int
}

// An aspect is bounded by what its entities are charged: one for every value told apart, and one more for a varied one.
// The charge only rises while counting, whatever the order, and so which entities are left out depends on what was seen alone.
type aspect struct {
	charge int
	limit  uint64 // entities with a spread hash beyond it are left out
}

type member struct {
	entity, peers uint64
	n             uint64
	cells         int32 // first of a list, none for none
	distinct      int32
	aspect        int32
	varied, out   bool
}

type cell struct {
	n            uint64
	value        uint64
	text         string
	member, next int32
}

type recent struct {
	key          uint64
	member, cell int32 // none for a varied entity's cell, and for both of one that is left out
}

const none = -1

// New returns an empty profile of aspects numbered from 0.
func New(aspects int) *Profile { return newProfile(aspects, Budget) }

func newProfile(aspects, budget int) *Profile {
	p := &Profile{aspects: make([]aspect, aspects), at: map[uint64]int32{}, cellAt: map[uint64]int32{}, texts: map[uint64]string{},
		free: none, budget: budget}
	for i := range p.aspects {
		p.aspects[i].limit = math.MaxUint64
	}
	return p
}

// Add counts n times one act.
func (p *Profile) Add(a *Act, n uint64) {
	m, c := p.place(a)
	p.count(m, c, n)
}

// AddAgain is Add for acts that come again and again. key is a hash of the whole act, under which it is remembered for a
// while: act is asked only where it is not.
func (p *Profile) AddAgain(key uint64, n uint64, act func() Act) {
	if p.cache == nil {
		p.cache = make([]recent, 1<<cacheBits)
	}
	key |= 1 // 0 is an empty place
	r := &p.cache[key*0x9E3779B97F4A7C15>>(64-cacheBits)]
	if r.key != key { // slow path
		a := act()
		m, c := p.place(&a)
		*r = recent{key, m, c}
	}
	p.count(r.member, r.cell, n)
}

func (p *Profile) count(m, c int32, n uint64) {
	if m != none {
		p.members[m].n += n
	}
	if c != none {
		p.cells[c].n += n
	}
}

// place finds or makes the member and the cell of an act.
func (p *Profile) place(a *Act) (m, c int32) {
	m = p.memberOf(a.Aspect, a.Entity, a.Peers)
	if m == none || p.members[m].varied {
		return m, none
	}
	key := cellKey(a.Aspect, a.Entity, a.Value)
	if c, ok := p.cellAt[key]; ok {
		return m, c
	}
	p.newCell(m, a.Value, p.textOf(a.Aspect, a.Value, a.Text))
	m, ok := p.at[memberKey(a.Aspect, a.Entity)] // a new cell may narrow, which moves members and leaves some out
	if !ok {
		return none, none
	}
	if c, ok := p.cellAt[key]; ok {
		return m, c
	}
	return m, none
}

func (p *Profile) memberOf(aspect int, entity, peers uint64) int32 {
	if spread(entity) > p.aspects[aspect].limit {
		return none
	}
	key := memberKey(aspect, entity)
	m, ok := p.at[key]
	if !ok {
		m = int32(len(p.members))
		p.at[key] = m
		p.members = append(p.members, member{entity: entity, peers: peers, cells: none, aspect: int32(aspect)})
	}
	return m
}

// newCell adds a value to a member, or makes the member varied.
func (p *Profile) newCell(m int32, value uint64, text string) {
	x := &p.members[m]
	a := &p.aspects[x.aspect]
	a.charge++
	if x.distinct == MaxValues {
		p.vary(m)
		p.narrow(int(x.aspect))
		return
	}
	c := p.free
	if c == none {
		c = int32(len(p.cells))
		p.cells = append(p.cells, cell{})
	} else {
		p.free = p.cells[c].next
	}
	p.cells[c] = cell{value: value, text: text, member: m, next: x.cells}
	p.cellAt[cellKey(int(x.aspect), x.entity, value)] = c
	x.cells = c
	x.distinct++
	p.narrow(int(x.aspect))
}

// vary gives up the values of a member.
func (p *Profile) vary(m int32) {
	p.drop(m)
	p.members[m].varied = true
}

func (p *Profile) drop(m int32) {
	x := &p.members[m]
	for c := x.cells; c != none; {
		next := p.cells[c].next
		delete(p.cellAt, cellKey(int(x.aspect), x.entity, p.cells[c].value))
		p.cells[c] = cell{member: none, next: p.free}
		p.free = c
		c = next
	}
	x.cells, x.distinct = none, 0
	clear(p.cache)
}

// narrow leaves out the upper half of an aspect's entities until the charge is within the budget.
func (p *Profile) narrow(aspect int) {
	a := &p.aspects[aspect]
	for a.charge > p.budget && a.limit > 0 {
		a.limit /= 2
		p.leaveOut(aspect)
	}
}

func (p *Profile) leaveOut(aspect int) {
	a := &p.aspects[aspect]
	for m := range p.members {
		x := &p.members[m]
		if int(x.aspect) != aspect || x.out || spread(x.entity) <= a.limit {
			continue
		}
		a.charge -= x.charge()
		p.drop(int32(m))
		delete(p.at, memberKey(aspect, x.entity))
		x.out = true
	}
	p.compact()
}

// compact gives back the members that are left out when they are most of all.
func (p *Profile) compact() {
	if len(p.members) < 1024 || len(p.at) > len(p.members)/2 {
		return
	}
	to := make([]int32, len(p.members))
	kept := p.members[:0]
	for m := range p.members {
		if to[m] = none; !p.members[m].out {
			to[m] = int32(len(kept))
			kept = append(kept, p.members[m])
		}
	}
	p.members = slices.Clip(kept)
	for c := range p.cells {
		if x := &p.cells[c]; x.member != none {
			x.member = to[x.member]
		}
	}
	for key, m := range p.at {
		p.at[key] = to[m]
	}
	clear(p.cache)
}

func (x *member) charge() int {
	if x.varied {
		return MaxValues + 1
	}
	return int(x.distinct)
}

// textOf keeps what people read of a value.
func (p *Profile) textOf(aspect int, value uint64, text []byte) string {
	key := memberKey(aspect, value)
	t, ok := p.texts[key]
	if !ok {
		if len(p.texts) >= maxTexts {
			clear(p.texts)
		}
		t = string(text[:min(len(text), maxText)])
		p.texts[key] = t
	}
	return t
}

// Merge adds the counts of o, which stays as it is. The order of merging makes no difference.
func (p *Profile) Merge(o *Profile) {
	clear(p.cache)
	for i := range o.aspects {
		if a := &p.aspects[i]; o.aspects[i].limit < a.limit {
			a.limit = o.aspects[i].limit
			p.leaveOut(i)
		}
	}
	for i := range o.members {
		x := o.members[i]
		if x.out {
			continue
		}
		m := p.memberOf(int(x.aspect), x.entity, x.peers)
		if m == none {
			continue
		}
		p.members[m].n += x.n
		if x.varied && !p.members[m].varied {
			p.aspects[x.aspect].charge += MaxValues + 1 - p.members[m].charge()
			p.vary(m)
			p.narrow(int(x.aspect))
		}
		for c := x.cells; c != none; c = o.cells[c].next {
			y := &o.cells[c]
			a := Act{int(x.aspect), x.entity, x.peers, y.value, []byte(y.text)}
			if _, k := p.place(&a); k != none {
				p.cells[k].n += y.n
			}
		}
	}
}

// Subtract takes the counts of o, which must be part of p, out of it. What was left out and who was varied stays so.
func (p *Profile) Subtract(o *Profile) {
	clear(p.cache)
	for i := range o.members {
		x := &o.members[i]
		m, ok := p.at[memberKey(int(x.aspect), x.entity)]
		if x.out || !ok {
			continue
		}
		p.members[m].n -= min(p.members[m].n, x.n)
		if p.members[m].varied {
			continue
		}
		for c := x.cells; c != none; c = o.cells[c].next {
			if k, ok := p.cellAt[cellKey(int(x.aspect), x.entity, o.cells[c].value)]; ok {
				p.cells[k].n -= min(p.cells[k].n, o.cells[c].n)
				if p.cells[k].n == 0 {
					p.remove(m, k)
				}
			}
		}
	}
}

// remove takes one empty cell out of its member.
func (p *Profile) remove(m, c int32) {
	x := &p.members[m]
	at := &x.cells
	for *at != c {
		at = &p.cells[*at].next
	}
	*at = p.cells[c].next
	delete(p.cellAt, cellKey(int(x.aspect), x.entity, p.cells[c].value))
	p.cells[c] = cell{member: none, next: p.free}
	p.free = c
	x.distinct--
	p.aspects[x.aspect].charge--
}

// Narrowed returns the share of the entities of an aspect that the budget left room for: 1, ½, ¼ …
func (p *Profile) Narrowed(aspect int) float64 {
	return (float64(p.aspects[aspect].limit) + 1) / (1 << 64)
}

// Members returns how many entities show an aspect.
func (p *Profile) Members(aspect int) (n int) {
	for i := range p.members {
		if x := &p.members[i]; int(x.aspect) == aspect && !x.out && x.n > 0 {
			n++
		}
	}
	return n
}

// Hashes of callers differ in all bits; these mix them with what they are asked for.
func memberKey(aspect int, entity uint64) uint64 {
	return mix(entity ^ uint64(aspect+1)*0x9FB21C651E98DF25)
}

func cellKey(aspect int, entity, value uint64) uint64 {
	return mix(memberKey(aspect, entity)*3 ^ value)
}

// spread decides which entities are left out. It is not the hash that maps spread by.
func spread(entity uint64) uint64 { return mix(entity ^ 0xD6E8FEB86659FD93) }

func mix(h uint64) uint64 {
	h = (h ^ h>>32) * 0x9FB21C651E98DF25
	h = (h ^ h>>29) * 0xD6E8FEB86659FD93
	return h ^ h>>32
}
