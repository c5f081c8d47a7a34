package beacon

// merge adds what another store holds, which is of no use afterwards.
func (s *store) merge(o *store) {
	s.settle()
	o.settle()
	for s.level < o.level {
		s.narrow()
	}
	ids := make([]uint32, len(o.texts.ends))
	text := func(id uint32) uint32 {
		if id != 0 && ids[id] == 0 {
			ids[id] = s.texts.add(o.texts.get(id), o.texts.hashes[id])
		}
		return ids[id]
	}
	interned := s.texts
	clearIfNarrowed := func() { // narrowing interns anew
		if s.texts != interned {
			interned = s.texts
			clear(ids)
		}
	}
	var all []moment
	var bytes []byte
	o.slots = nil
	o.once.drain(func(one *single) {
		if one.key == 0 || !keeps(one.key, s.level) {
			return
		}
		x := o.sighting(one)
		at, found := s.slot(one.key)
		if !found {
			var ok bool
			if at, ok = s.room(one.key, at); !ok {
				clearIfNarrowed()
				return
			}
		}
		clearIfNarrowed()
		x.peer, x.agent = text(x.peer), text(x.agent)
		if found {
			s.apply(s.promote(at), &x)
			return
		}
		s.begin(at, one.key, text(one.src), text(one.dst), &x)
	})
	o.holes = nil
	o.all.drain(func(x *series) {
		if !keeps(x.key, s.level) {
			return
		}
		at, found := s.slot(x.key)
		var y *series
		if found {
			y = s.promote(at)
		} else {
			var ok bool
			if at, ok = s.room(x.key, at); !ok {
				clearIfNarrowed()
				return
			}
			clearIfNarrowed()
			i := s.all.add(series{key: x.key, network: x.network, kind: x.kind, src: text(x.src), dst: text(x.dst), first: x.first, last: x.last})
			s.slots[at] = x.key>>32<<32 | uint64(i+1)
			y = s.all.at(i)
		}
		if y.count == 0 && x.stored == 1 && x.head == 0 {
			y.stored = 1
		} else {
			s.unfold(y)
			all, bytes = o.moments(all[:0], bytes, x)
			for _, m := range all {
				s.note(y, m.ms, m.sent)
			}
		}
		y.count += x.count
		y.sent += x.sent
		y.received += x.received
		y.nanos += x.nanos
		y.longest = max(y.longest, x.longest)
		y.first, y.last = min(y.first, x.first), max(y.last, x.last)
		for _, p := range x.ports[:min(x.nports, 3)] {
			y.port(p)
		}
		y.nports = max(y.nports, x.nports/4*4)
		if o.thin[x.key] {
			s.thin[x.key] = true
		}
		if x.extra != 0 {
			e, f := s.extraOf(y), o.extras.at(x.extra)
			for i, t := range f.peers.text {
				e.peers.add(s.texts, text(t), f.peers.n[i])
			}
			for i, t := range f.agents.text {
				e.agents.add(s.texts, text(t), f.agents.n[i])
			}
			e.peers.more, e.agents.more = e.peers.more || f.peers.more, e.agents.more || f.agents.more
			e.noHost += f.noHost
			e.noName += f.noName
			e.requests += f.requests
			e.failed += f.failed
			e.answered += f.answered
		}
	})
	clearIfNarrowed()
	s.named = max(s.named, o.named)
	for k, f := range o.names {
		k.addr = text(k.addr)
		if !keeps(s.texts.hashes[k.addr], s.named) {
			continue
		}
		g := s.nameOf(k)
		for i, t := range f.text {
			g.add(s.texts, text(t), f.n[i])
		}
		g.more = g.more || f.more
	}
	for k := range s.names {
		if !keeps(s.texts.hashes[k.addr], s.named) {
			delete(s.names, k)
		}
	}
	s.trimNames()
	for k, d := range o.domain {
		k.domain = text(k.domain)
		x := s.domainOf(k, 0)
		x.merge(d)
		for i, t := range d.sources.text {
			x.sources.add(s.texts, text(t), d.sources.n[i])
		}
		x.sources.more = x.sources.more || d.sources.more
	}
	s.cut = max(s.cut, o.cut)
	s.trimDomains()
	for n, x := range o.span {
		s.cover(n, x.first)
		s.cover(n, x.last)
	}
	for d := range o.days {
		s.days[d] = true
	}
	s.events += o.events
	s.untimed += o.untimed
	s.endless += o.endless
	for n, x := range o.backs {
		y := s.backs[n]
		s.backs[n] = setBack{x.times + y.times, max(x.most, y.most)}
	}
	o.closeStretch()
	s.stretch = append(s.stretch, o.stretch...)
	s.joined = max(s.joined, o.joined)
	o.refs.drain(func(r *ref) { s.refs.add(*r) })
	o.conns.drain(func(c *conn) { s.conns.add(*c) })
	s.trimRefs()
}

// nameOf returns the names of an address, made on first use.
func (s *store) nameOf(k addrKey) *few {
	f := s.names[k]
	if f == nil {
		f = &few{}
		s.names[k] = f
	}
	return f
}

// resolved notes that a name has an address.
func (s *store) resolved(k addrKey, name, n uint32) {
	if keeps(s.texts.hashes[k.addr], s.named) {
		s.nameOf(k).add(s.texts, name, n)
		s.trimNames()
	}
}

// trimNames drops addresses by hash until there is room.
func (s *store) trimNames() {
	for len(s.names) > s.o.maxDomains()/2 {
		s.named++
		for k := range s.names {
			if !keeps(s.texts.hashes[k.addr], s.named) {
				delete(s.names, k)
			}
		}
	}
}

// cover notes that a network's logs reach to a time.
func (s *store) cover(network uint32, ns int64) {
	if d := (day{network >> 1, int32(floorDiv(ns, 86400e9))}); d != s.today && len(s.days) <= maxDays {
		s.today = d
		s.days[d] = true
	}
	x, ok := s.span[network]
	if !ok {
		x = span{ns, ns}
	} else if ns >= x.first && ns <= x.last {
		return
	}
	s.span[network] = span{min(x.first, ns), max(x.last, ns)}
}

// trimRefs drops ids by hash until there is room.
func (s *store) trimRefs() {
	for {
		if s.joined > 0 {
			s.refs.keep(func(r *ref) bool { return keeps(r.id, s.joined) })
			s.conns.keep(func(c *conn) bool { return keeps(c.id, s.joined) })
		}
		if s.conns.n < s.o.maxJoined() && s.refs.n < s.o.maxJoined() {
			return
		}
		s.joined++
	}
}
