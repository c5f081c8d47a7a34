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
		c.loose(func(_ *content, _ int, _ uint32, act *profile.Act, n uint64) { held.Add(act, n) })
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
	c.loose(func(of *content, k int, i uint32, act *profile.Act, _ uint64) {
		d := past.Departure(act)
		if aspects[k].as == template {
			// New is a version that came more often in the window than in all of known good, and, so that there are others,
			// less often there than its actor showed any.
			if t := &a.tokens[a.featTok[a.features[i].from]]; t.good < t.bad && uint64(t.good) < d.Count {
				of.version = i + 1
			}
			return
		}
		if !d.Known || aspects[k].volatile && d.Anybody == 0 {
			return
		}
		if of.strays == 0 {
			of.strayFrom = uint32(len(a.strays))
		}
		of.strays++
		a.strays = append(a.strays, stray{feature: i, group: group(k, &a.features[i]), bits: float32(d.Weight)})
	})
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

// loose calls f with every content and each loose aspect that its features show.
func (c *characters) loose(f func(of *content, aspect int, feature uint32, act *profile.Act, n uint64)) {
	if c.enrich == nil {
		return
	}
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
				actor, value := c.h.keep.feature(c.a.features[w-1].id), c.h.keep.feature(v.id)
				if act, shown := looseAct(k, &actor, &value, c.enrich); shown {
					f(x, k, fi, &act, uint64(x.copies))
				}
			}
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
