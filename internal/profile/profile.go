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
// aspect is varied, and its values are no longer told apart; where an aspect has more entities than its budget holds, those
// whose names spread highest are left out, and depart from nothing ([Profile.Narrowed] says so). Names are spread without a
// key, so that the same logs leave out the same entities in every run.
package profile

import (
	"math"
	"slices"
)

const (
	// MaxValues is how many values of one aspect are told apart for one entity.
	MaxValues = 64
	// Budget is how many values of entities are kept for one aspect, where the caller does not say.
	Budget = 1 << 16
	// MaxBudget is the most that may be asked for.
	MaxBudget = 1 << 24

	maxText   = 64 // bytes of a value that are kept for people
	maxTexts  = 1 << 14
	maxName   = 256
	cacheBits = 14
)

// An Act is a value of an aspect that an entity showed. The hashes are the caller's, who may key them; Peers is 0 for an
// entity that has none but the site.
type Act struct {
	Aspect               int
	Entity, Peers, Value uint64
	Name                 []byte // of the entity; not kept
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
}

// An aspect is bounded by what its entities are charged: one for every value told apart, and one more for a varied one.
// The charge only rises while counting, whatever the order, and so which entities are left out depends on what was seen alone.
type aspect struct {
	charge, budget int
	limit          uint64 // entities whose names spread beyond it are left out
}

type member struct {
	entity, peers uint64
	spread        uint64
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

// A recent act is counted where it is remembered, and only later (flush) where it belongs: acts that come again and again
// then touch one line of memory.
type recent struct {
	key, n       uint64
	member, cell int32 // none for a varied entity's cell, and for both of one that is left out or where nothing is shown
}

const none = -1

// New returns an empty profile of aspects numbered from 0.
func New(aspects int) *Profile {
	budgets := make([]int, aspects)
	for i := range budgets {
		budgets[i] = Budget
	}
	return NewSized(budgets)
}

// NewSized returns an empty profile of aspects with budgets of their own, 1 to [MaxBudget].
func NewSized(budgets []int) *Profile {
	p := &Profile{aspects: make([]aspect, len(budgets)), at: map[uint64]int32{}, cellAt: map[uint64]int32{}, texts: map[uint64]string{},
		free: none}
	for i, n := range budgets {
		p.aspects[i] = aspect{limit: math.MaxUint64, budget: min(max(n, 1), MaxBudget)}
	}
	return p
}

// Add counts n times one act.
func (p *Profile) Add(a *Act, n uint64) {
	if n == 0 {
		return
	}
	m, c := p.place(a)
	p.count(m, c, n)
}

// AddAgain counts once an act that comes again and again. key is a hash of the whole act, under which it is remembered for
// a while: act is asked only where it is not, and says whether anything is shown at all.
func (p *Profile) AddAgain(key uint64, act func() (a Act, shown bool)) {
	if p.cache == nil {
		p.cache = make([]recent, 1<<cacheBits)
	}
	r := &p.cache[key*0x9E3779B97F4A7C15>>(64-cacheBits)]
	if r.key != key || key == 0 { // slow path; a free place has the key 0
		m, c := int32(none), int32(none)
		if a, shown := act(); shown {
			m, c = p.place(&a)
		}
		if r.n > 0 {
			p.count(r.member, r.cell, r.n)
		}
		*r = recent{key, 0, m, c}
	}
	r.n++
}

// flush puts what was counted of late where it belongs, and forgets where that is.
func (p *Profile) flush() {
	for i := range p.cache {
		if r := &p.cache[i]; r.n > 0 {
			p.count(r.member, r.cell, r.n)
		}
	}
	clear(p.cache)
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
	m = p.memberOf(a.Aspect, a.Entity, a.Peers, func() uint64 { return Spread(a.Name) })
	if m == none || p.members[m].varied {
		return m, none
	}
	if c, ok := p.cellAt[cellKey(a.Aspect, a.Entity, a.Value)]; ok {
		return m, c
	}
	return p.newCell(m, a.Value, p.textOf(a.Aspect, a.Value, a.Text))
}

// placeOf is place for a cell of a member of another profile.
func (p *Profile) placeOf(x *member, y *cell) int32 {
	m := p.memberOf(int(x.aspect), x.entity, x.peers, func() uint64 { return x.spread })
	if m == none || p.members[m].varied {
		return none
	}
	if c, ok := p.cellAt[cellKey(int(x.aspect), x.entity, y.value)]; ok {
		return c
	}
	_, c := p.newCell(m, y.value, y.text)
	return c
}

// memberOf finds or makes a member, none for one that is left out.
func (p *Profile) memberOf(aspect int, entity, peers uint64, spread func() uint64) int32 {
	key := memberKey(aspect, entity)
	m, ok := p.at[key]
	if ok {
		return m
	}
	s := spread()
	if s > p.aspects[aspect].limit {
		return none
	}
	m = int32(len(p.members))
	p.at[key] = m
	p.members = append(p.members, member{entity: entity, peers: peers, spread: s, cells: none, aspect: int32(aspect)})
	return m
}

// newCell adds a value to a member, or makes the member varied, and returns where both are then: none for a member that
// is left out to make room.
func (p *Profile) newCell(m int32, value uint64, text string) (member, c int32) {
	x := &p.members[m]
	aspect, entity := int(x.aspect), x.entity
	p.aspects[aspect].charge++
	c = none
	if x.distinct == MaxValues {
		p.vary(m)
	} else {
		c = p.freeCell()
		p.cells[c] = cell{value: value, text: text, member: m, next: x.cells}
		p.cellAt[cellKey(aspect, entity, value)] = c
		x.cells = c
		x.distinct++
	}
	if !p.narrow(aspect) {
		return m, c
	}
	m, ok := p.at[memberKey(aspect, entity)] // members have moved
	if !ok {
		return none, none
	}
	return m, c
}

func (p *Profile) freeCell() int32 {
	c := p.free
	if c == none {
		p.cells = append(p.cells, cell{})
		return int32(len(p.cells) - 1)
	}
	p.free = p.cells[c].next
	return c
}

// vary gives up the values of a member.
func (p *Profile) vary(m int32) {
	p.flush()
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
}

// narrow leaves out the upper half of an aspect's entities until the charge is within the budget.
func (p *Profile) narrow(aspect int) (narrowed bool) {
	a := &p.aspects[aspect]
	for a.charge > a.budget && a.limit > 0 {
		a.limit /= 2
		p.leaveOut(aspect)
		narrowed = true
	}
	return narrowed
}

func (p *Profile) leaveOut(aspect int) {
	p.flush()
	a := &p.aspects[aspect]
	for m := range p.members {
		x := &p.members[m]
		if int(x.aspect) == aspect && !x.out && x.spread > a.limit {
			p.leave(int32(m))
		}
	}
	p.compact()
}

// leave takes a member out.
func (p *Profile) leave(m int32) {
	x := &p.members[m]
	p.aspects[x.aspect].charge -= x.charge()
	p.drop(m)
	delete(p.at, memberKey(int(x.aspect), x.entity))
	x.out = true
}

// compact gives back the members that are out when they are most of all. Whoever calls it has flushed what was counted of late.
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
	p.flush()
	o.flush()
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
		m := p.memberOf(int(x.aspect), x.entity, x.peers, func() uint64 { return x.spread })
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
			if k := p.placeOf(&x, y); k != none {
				p.cells[k].n += y.n
			}
		}
	}
}

// Subtract takes the counts of o, which must be part of p, out of it. An entity of which nothing is left is forgotten; what
// else was left out or varied stays so.
func (p *Profile) Subtract(o *Profile) {
	p.flush()
	o.flush()
	for i := range o.members {
		x := &o.members[i]
		m, ok := p.at[memberKey(int(x.aspect), x.entity)]
		if x.out || !ok {
			continue
		}
		if p.members[m].n <= x.n {
			p.leave(m)
			continue
		}
		p.members[m].n -= x.n
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
	p.compact()
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

// Memory returns about how many bytes the profile holds.
func (p *Profile) Memory() int {
	return 56*cap(p.members) + 40*cap(p.cells) + 32*(len(p.at)+len(p.cellAt)) + 100*len(p.texts) + 24*len(p.cache)
}

// Members returns how many entities show an aspect.
func (p *Profile) Members(aspect int) (n int) {
	p.flush()
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

// Spread decides which entities are left out. It has no key.
func Spread(name []byte) uint64 {
	h := uint64(0xcbf29ce484222325) // FNV-1a, then mixed, since its upper bits are poor
	for _, c := range name[:min(len(name), maxName)] {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return mix(h)
}

func mix(h uint64) uint64 {
	h = (h ^ h>>32) * 0x9FB21C651E98DF25
	h = (h ^ h>>29) * 0xD6E8FEB86659FD93
	return h ^ h>>32
}
