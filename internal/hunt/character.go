package hunt

import (
	"weir/internal/profile"
	"weir/internal/token"
)

// layDepartures asks of every content of the window how far it is out of character. A placebo window's own events are held
// out of the past.
func (h *hunter) layDepartures(a *analysis, own bool) {
	if h.past == nil {
		return
	}
	past := h.past
	c := h.characters(a)
	if own {
		held := newProfile()
		c.pairs(func(_, _ int, act *profile.Act, n uint64) { held.Add(act, n) })
		c.loose(func(e *encounter, act *profile.Act) { held.Add(act, e.n) })
		past = past.Without(held)
	}
	groups := map[int]uint16{} // by aspect
	group := func(k int, feature *featureInfo) uint16 {
		g, ok := groups[k]
		if !ok {
			g = uint16(len(a.groups))
			groups[k] = g
			name := a.fields[feature.field].field.Name
			if aspects[k].loose {
				name = aspects[k].who + "×" + name
			}
			a.groups = append(a.groups, groupInfo{name + ":departure", feature.field})
		}
		return g
	}
	c.pairs(func(k, i int, act *profile.Act, _ uint64) {
		if d := past.Departure(act); d.Known {
			x := &a.features[i]
			x.departure, x.bits = group(k, x)+1, float32(d.Weight)
		}
	})
	strays := map[uint32][]stray{} // by content
	c.loose(func(e *encounter, act *profile.Act) {
		d := past.Departure(act)
		x := &a.features[e.value]
		switch {
		case aspects[e.aspect].as == template:
			// New is a version that came more often in the window than in all of known good, and, so that there are others,
			// less often there than its actor showed any.
			if t := &a.tokens[a.featTok[x.from]]; t.good < t.bad && uint64(t.good) < d.Count {
				for _, i := range e.contents {
					a.contents[i].version = e.value + 1
				}
			}
		case d.Known && !(aspects[e.aspect].volatile && d.Anybody == 0):
			for _, i := range e.contents {
				strays[i] = append(strays[i], stray{feature: e.value, group: group(e.aspect, x), bits: float32(d.Weight)})
			}
		}
	})
	for i := range a.contents {
		if s := strays[uint32(i)]; len(s) > 0 {
			a.contents[i].strays, a.contents[i].strayFrom = uint16(len(s)), uint32(len(a.strays))
			a.strays = append(a.strays, s...)
		}
	}
}

// A stray is how far a value of a content is out of its actor's character, in bits, where no pair holds both.
type stray struct {
	feature uint32
	group   uint16
	bits    float32
}

// characters walk over what the contents of an analysis show of the aspects that have a say.
type characters struct {
	h      *hunter
	a      *analysis
	parts  []part // by field of the analysis
	enrich *token.Enrichment
	met    []encounter
}

func (h *hunter) characters(a *analysis) *characters {
	c := &characters{h: h, a: a, parts: make([]part, len(a.fields))}
	for i := range a.fields {
		c.parts[i] = partOf(a.fields[i].field)
		for _, k := range c.parts[i].values {
			if aspects[k].judged() && c.enrich == nil {
				c.enrich = h.opt.Enrich()
			}
		}
	}
	c.met = c.meet()
	return c
}

// pairs calls f with every pair that shows an aspect, and in how many events. No pair shows two that vote.
func (c *characters) pairs(f func(aspect, feature int, act *profile.Act, n uint64)) {
	copies := make([]uint64, len(c.a.features))
	for i := range c.a.contents {
		x := &c.a.contents[i]
		for _, f := range c.a.featuresOf(x) {
			copies[f] += uint64(x.copies)
		}
	}
	for i := range c.a.features {
		x := &c.a.features[i]
		for _, k := range c.parts[x.field].pairs {
			if !aspects[k].votes || x.n == 0 {
				continue
			}
			feature := c.h.keep.feature(x.id)
			if act, shown := pairAct(k, &feature); shown {
				f(k, i, &act, copies[i])
			}
		}
	}
}

// An encounter is an actor with a value of a loose aspect, in one or more contents.
type encounter struct {
	aspect       int
	actor, value uint32 // features
	contents     []uint32
	n            uint64 // events
}

// meet finds the encounters of all contents, in their order.
func (c *characters) meet() (met []encounter) {
	if c.enrich == nil {
		return nil
	}
	type key struct {
		aspect       int
		actor, value uint32
	}
	at := map[key]int{}
	for i := range c.a.contents {
		x := &c.a.contents[i]
		var who [3]uint32 // like actors, plus one
		for _, fi := range c.a.featuresOf(x) {
			if k := c.parts[c.a.features[fi].field].actor; k > 0 && who[k-1] == 0 {
				who[k-1] = fi + 1
			}
		}
		for _, fi := range c.a.featuresOf(x) {
			v := &c.a.features[fi]
			for _, k := range c.parts[v.field].values {
				w := who[actorOf[k]]
				if !aspects[k].judged() || w == 0 || v.n == 0 {
					continue
				}
				e, ok := at[key{k, w, fi}]
				if !ok {
					e = len(met)
					at[key{k, w, fi}] = e
					met = append(met, encounter{aspect: k, actor: w - 1, value: fi})
				}
				met[e].contents = append(met[e].contents, uint32(i))
				met[e].n += uint64(x.copies)
			}
		}
	}
	return met
}

// loose calls f with every encounter that shows something.
func (c *characters) loose(f func(e *encounter, act *profile.Act)) {
	for i := range c.met {
		e := &c.met[i]
		actor, value := c.h.keep.feature(c.a.features[e.actor].id), c.h.keep.feature(c.a.features[e.value].id)
		if act, shown := looseAct(e.aspect, &actor, &value, c.enrich); shown {
			f(e, &act)
		}
	}
}

// departures adds to the votes of a content how far it is out of character, after those of its tokens.
func (j *judge) departures(c *content) {
	for _, fi := range j.a.featuresOf(c) {
		if x := &j.a.features[fi]; x.departure > 0 {
			j.depart(x.departure-1, fi, x.bits)
		}
	}
	for _, s := range j.a.straysOf(c) {
		j.depart(s.group, s.feature, s.bits)
	}
}

func (j *judge) depart(group uint16, feature uint32, bits float32) {
	token := j.a.featTok[j.a.features[feature].from]
	at := j.best[group]
	if at == 0 {
		j.votes = append(j.votes, vote{group: group, feature: feature, token: token, weight: float64(bits), departure: true})
		j.best[group] = int32(len(j.votes))
		return
	}
	if v := &j.votes[at-1]; float64(bits) > v.weight {
		v.weight, v.token, v.feature = float64(bits), token, feature
	}
}
