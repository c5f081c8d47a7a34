package profile

import "weir/internal/bayes"

// Smoothed returns the probability of a value that an entity showed c of n times, when it shows distinct different values
// and those above it show the value with probability above:
//
//	(c + d·above) / (n + d)
//
// It is Witten and Bell's method C ("The zero-frequency problem", IEEE Trans. Information Theory 37, 1991), in the
// interpolated form of Chen and Goodman ("An empirical study of smoothing techniques", 1999): something new comes with
// probability d/(n+d), since that is how often it came so far, and is then what it is above. Without any counts it is
// above.
func Smoothed(c, n, distinct, above float64) float64 {
	if n+distinct == 0 {
		return above
	}
	return (c + float64(distinct*above)) / (n + distinct)
}

// Weight returns how much an act speaks for somebody else behind its entity, in bits: log2 of the probability that the
// entity's peers give it over that by the entity's own past. Positive is out of character.
func Weight(own, peers float64) float64 { return bayes.Log2(peers / own) }

// A Departure is what the past says of an act.
type Departure struct {
	Known    bool    // the entity has a past in this aspect, and its values are told apart
	Weight   float64 // bits; positive is out of character, 0 if nothing is known
	Count    uint64  // how often the entity showed the value
	Total    uint64  // how often it showed any
	Distinct int     // values it showed
	Anybody  uint64  // how often anybody on the site showed the value
}

// A Sum is a profile with its levels above entities, and, held out of it, a part of what was counted. It reads its
// profiles, which must not change while it is used; several may read one at once.
type Sum struct {
	p, held    *Profile
	all, minus levels
	gone       map[uint64]int64 // by aspect and peers: values that only what is held out showed
}

// levels hold the counts of peers and of the site, which are sums over their entities.
type levels struct {
	groups map[uint64]group // by aspect and peers, 0 being the site
	values map[uint64]shown
}

type shown struct{ n, group uint64 }

type group struct {
	n        uint64
	distinct int64
}

// Sum sums up a profile.
func (p *Profile) Sum() *Sum {
	p.flush()
	return &Sum{p: p, all: p.levels(p)}
}

// Without returns the sum with the counts of held, which must be part of what was summed up, taken out.
func (s *Sum) Without(held *Profile) *Sum {
	held.flush()
	w := &Sum{p: s.p, held: held, all: s.all, minus: held.levels(s.p), gone: map[uint64]int64{}}
	for key, v := range w.minus.values {
		if w.all.values[key].n <= v.n {
			w.gone[v.group]++
		}
	}
	return w
}

// levels sums the entities of p whose values of tells apart.
func (p *Profile) levels(of *Profile) levels {
	l := levels{map[uint64]group{}, map[uint64]shown{}}
	for i := range p.members {
		x := &p.members[i]
		if m, ok := of.at[memberKey(int(x.aspect), x.entity)]; !ok || x.out || of.members[m].varied {
			continue
		}
		for _, peers := range []uint64{0, x.peers} {
			key := memberKey(int(x.aspect), peers)
			g := l.groups[key]
			g.n += x.n
			for c := x.cells; c != none; c = p.cells[c].next {
				k := cellKey(int(x.aspect), peers, p.cells[c].value)
				v := l.values[k]
				if v.n == 0 {
					g.distinct++
				}
				l.values[k] = shown{v.n + p.cells[c].n, key}
			}
			l.groups[key] = g
			if x.peers == 0 {
				break
			}
		}
	}
	return l
}

// Departure returns what the past says of an act.
func (s *Sum) Departure(a *Act) Departure {
	m, ok := s.p.at[memberKey(a.Aspect, a.Entity)]
	if !ok || s.p.members[m].varied {
		return Departure{}
	}
	x := &s.p.members[m]
	d := Departure{Total: x.n, Distinct: int(x.distinct), Count: s.p.times(a)}
	if s.held != nil {
		if h, ok := s.held.at[memberKey(a.Aspect, a.Entity)]; ok {
			d.Total -= min(d.Total, s.held.members[h].n)
			d.Count -= min(d.Count, s.held.times(a))
			for c := s.held.members[h].cells; c != none; c = s.held.cells[c].next {
				if k, ok := s.p.cellAt[cellKey(a.Aspect, a.Entity, s.held.cells[c].value)]; ok && s.p.cells[k].n <= s.held.cells[c].n {
					d.Distinct--
				}
			}
		}
	}
	if d.Total == 0 {
		return Departure{}
	}
	site, g := s.level(a, 0)
	d.Known, d.Anybody = true, site
	// Above the site, any value is as likely as another, one more than was seen.
	above := Smoothed(float64(site), float64(g.n), float64(g.distinct), 1/float64(g.distinct+1))
	if x.peers != 0 {
		c, g := s.level(a, x.peers)
		above = Smoothed(float64(c), float64(g.n), float64(g.distinct), above)
	}
	d.Weight = Weight(Smoothed(float64(d.Count), float64(d.Total), float64(d.Distinct), above), above)
	return d
}

func (p *Profile) times(a *Act) uint64 {
	c, ok := p.cellAt[cellKey(a.Aspect, a.Entity, a.Value)]
	if !ok {
		return 0
	}
	return p.cells[c].n
}

// level returns the counts of an act's value among peers.
func (s *Sum) level(a *Act, peers uint64) (n uint64, g group) {
	key, value := memberKey(a.Aspect, peers), cellKey(a.Aspect, peers, a.Value)
	g, n = s.all.groups[key], s.all.values[value].n
	if s.held != nil {
		g.n -= min(g.n, s.minus.groups[key].n)
		g.distinct -= s.gone[key]
		n -= min(n, s.minus.values[value].n)
	}
	return n, g
}

// Usual returns the value of an aspect that an entity showed most often, and how often: of several, the first by its text.
func (p *Profile) Usual(aspect int, entity uint64) (text string, n uint64) {
	p.Each(aspect, entity, func(t string, times uint64) {
		if times > n || times == n && t < text {
			text, n = t, times
		}
	})
	return text, n
}

// Each calls f with every value of an aspect that an entity showed and how often, in no particular order. Like Usual it
// reads what was counted when the profile was last summed up, merged or written.
func (p *Profile) Each(aspect int, entity uint64, f func(text string, n uint64)) {
	m, ok := p.at[memberKey(aspect, entity)]
	if !ok {
		return
	}
	for c := p.members[m].cells; c != none; c = p.cells[c].next {
		f(p.cells[c].text, p.cells[c].n)
	}
}
