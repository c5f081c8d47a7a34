package beacon

import (
	"cmp"
	"net/netip"
	"slices"
)

// A common says what is common in each network.
type common struct {
	sources map[uint64]int // by network and class of source
	dest    []uint64       // places of destinations, sorted: one for each source of the class
	domain  tally          // sources, by network, class and registered domain
	agents  tally          // sources, by network and user agent
	targets tally          // destinations, by source and user agent
	ports   map[uint64]int // pairs, by network and port
	country map[where]int  // pairs with a public destination, by network and country
	pairs   map[uint32]int // the same, by network
	named   map[uint32]bool
	domains map[string]uint64
	classes []uint8 // by text: the class of a source, plus one
}

type where struct {
	network uint32
	country string
}

// A tally counts distinct second elements by the first.
type tally struct{ pairs [][2]uint64 }

func (t *tally) add(key, x uint64) {
	if n := len(t.pairs); n > 0 && t.pairs[n-1] == [2]uint64{key, x} {
		return
	}
	if len(t.pairs) == cap(t.pairs) && len(t.pairs) > 1<<16 {
		t.sort() // most are there already
	}
	t.pairs = append(t.pairs, [2]uint64{key, x})
}

func (t *tally) sort() {
	slices.SortFunc(t.pairs, func(a, b [2]uint64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	t.pairs = slices.Compact(t.pairs)
	if 2*len(t.pairs) > cap(t.pairs) {
		t.pairs = slices.Grow(t.pairs, len(t.pairs))
	}
}

func (t *tally) count(key uint64) int {
	from, _ := slices.BinarySearchFunc(t.pairs, key, func(p [2]uint64, k uint64) int { return cmp.Compare(p[0], k) })
	to, _ := slices.BinarySearchFunc(t.pairs, key+1, func(p [2]uint64, k uint64) int { return cmp.Compare(p[0], k) })
	return to - from
}

// talkTo counts the sources of a class that talk to a destination.
func (c *common) talkTo(at uint64) int {
	from, _ := slices.BinarySearch(c.dest, at)
	to, _ := slices.BinarySearch(c.dest, at+1)
	return to - from
}

// class tells sources inside from those outside: what is rare is told among their like.
func (j *judge) class(src uint32) uint64 {
	for int(src) >= len(j.common.classes) {
		j.common.classes = append(j.common.classes, make([]uint8, len(j.texts.ends)-len(j.common.classes))...)
	}
	k := &j.common.classes[src]
	if *k == 0 {
		*k = 2
		if a, err := netip.ParseAddr(string(j.texts.get(src))); err == nil && inside(a) {
			*k = 1
		}
	}
	return uint64(*k - 1)
}

func inside(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
}

// place is where something is counted.
func place(network uint32, class uint64, text uint64) uint64 {
	return uint64(network)<<34 | class<<33 | text
}

// domainAt is where a registered domain is counted; it is 0 for none.
func (j *judge) domainAt(network uint32, class uint64, d string) uint64 {
	if d == "" {
		return 0
	}
	id, ok := j.common.domains[d]
	if !ok {
		id = uint64(len(j.common.domains)) + 1
		j.common.domains[d] = id
	}
	return place(network, class, id)
}

// domainSources counts the sources of a class that know a registered domain.
func (j *judge) domainSources(network uint32, class uint64, d string) int {
	id, ok := j.common.domains[d]
	if !ok {
		return 0
	}
	return j.common.domain.count(place(network, class, id))
}

func (j *judge) countCommon() {
	c := &j.common
	*c = common{sources: map[uint64]int{}, ports: map[uint64]int{}, country: map[where]int{}, pairs: map[uint32]int{}, named: map[uint32]bool{},
		domains: map[string]uint64{}}
	var sources tally
	c.dest = make([]uint64, 0, j.pairs())
	registered := newLabels(len(j.texts.ends))
	countries := newLabels(len(j.texts.ends))
	count := func(network uint32, k kind, src, dst uint32, ports []uint16, agents []uint32) {
		class := j.class(src)
		sources.add(place(network, class, 0), uint64(src))
		switch k {
		case kindName, kindDNS:
			c.named[network] = true
			if k == kindName || !j.has(j.twin(network, src, dst, kindName)) {
				c.dest = append(c.dest, place(network, class, uint64(dst)))
			}
			if d := registered.of(dst, j.registered); d != "" {
				c.domain.add(j.domainAt(network, class, d), uint64(src))
			}
		default:
			if k == kindApp && j.has(j.twin(network, src, dst, kindConn)) {
				break
			}
			c.dest = append(c.dest, place(network, class, uint64(dst)))
			for _, p := range ports {
				c.ports[uint64(network)<<16|uint64(p)]++
			}
			if country := countries.of(dst, j.countryOf); country != "" {
				c.country[where{network, country}]++
				c.pairs[network]++
			}
		}
		if k != kindDNS {
			for _, t := range agents {
				if t != 0 {
					c.agents.add(place(network, 0, uint64(t)), uint64(src))
					c.targets.add(agentOf(network, src, t), uint64(dst))
				}
			}
		}
	}
	j.all.each(func(x *series) {
		count(x.network, x.kind, x.src, x.dst, x.ports[:min(x.nports, 3)], j.extras.at(x.extra).agents.text[:])
	})
	j.once.each(func(x *single) {
		if x.key != 0 {
			ports := []uint16{x.port}
			if x.port == 0 {
				ports = nil
			}
			count(x.network, x.kind, x.src, x.dst, ports, []uint32{j.peers.at(x.more).agent})
		}
	})
	sources.sort()
	for _, p := range sources.pairs {
		c.sources[p[0]]++
	}
	slices.Sort(c.dest)
	c.domain.sort()
	c.agents.sort()
	c.targets.sort()
}

func (j *judge) countryOf(dst uint32) string {
	if a, err := netip.ParseAddr(string(j.texts.get(dst))); err == nil && !inside(a) {
		return j.o.Country(a)
	}
	return ""
}

// labels remember what was found out about texts, of which many have the same.
type labels struct {
	byText []uint32 // 0: not asked yet
	names  []string
	ids    map[string]uint32
}

func newLabels(texts int) *labels {
	return &labels{byText: make([]uint32, texts), names: []string{""}, ids: map[string]uint32{}}
}

func (l *labels) of(text uint32, find func(text uint32) string) string {
	id := &l.byText[text]
	if *id == 0 {
		name := find(text)
		known, ok := l.ids[name]
		if !ok {
			known = uint32(len(l.names))
			l.names = append(l.names, name)
			l.ids[name] = known
		}
		*id = known
	}
	return l.names[*id]
}

// agentOf is where the destinations of a source's user agent are counted.
func agentOf(network, src, agent uint32) uint64 {
	return spread(uint64(network)<<1^uint64(src)<<32^uint64(agent)) | 1
}
