package beacon

import (
	"cmp"
	"net/netip"
	"slices"

	"weir/internal/enrich"
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

func (t *tally) add(key, x uint64) { t.pairs = append(t.pairs, [2]uint64{key, x}) }

func (t *tally) sort() {
	slices.SortFunc(t.pairs, func(a, b [2]uint64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	t.pairs = slices.Clone(slices.Compact(t.pairs))
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

func (j *judge) countCommon() {
	c := &j.common
	*c = common{sources: map[uint64]int{}, ports: map[uint64]int{}, country: map[where]int{}, pairs: map[uint32]int{}, named: map[uint32]bool{},
		domains: map[string]uint64{}}
	var sources tally
	registered := make([]string, len(j.texts.ends)) // by text; "-" for none
	countries := make([]string, len(j.texts.ends))
	j.all.each(func(x *series) {
		class := j.class(x.src)
		sources.add(place(x.network, class, 0), uint64(x.src))
		switch x.kind {
		case kindName, kindDNS:
			c.named[x.network] = true
			if x.kind == kindName || j.twin(x, kindName) == nil {
				c.dest = append(c.dest, place(x.network, class, uint64(x.dst)))
			}
			d := &registered[x.dst]
			if *d == "" {
				if *d = enrich.RegisteredDomain(string(j.texts.get(x.dst))); *d == "" {
					*d = "-"
				}
			}
			if *d != "-" {
				c.domain.add(j.domainAt(x.network, class, *d), uint64(x.src))
			}
		default:
			if x.kind == kindApp && j.twin(x, kindConn) != nil {
				break
			}
			c.dest = append(c.dest, place(x.network, class, uint64(x.dst)))
			for _, p := range x.ports[:min(x.nports, 3)] {
				c.ports[uint64(x.network)<<16|uint64(p)]++
			}
			country := &countries[x.dst]
			if *country == "" {
				*country = "-"
				if a, err := netip.ParseAddr(string(j.texts.get(x.dst))); err == nil && !inside(a) {
					if k := j.o.Country(a); k != "" {
						*country = k
					}
				}
			}
			if *country != "-" {
				c.country[where{x.network, *country}]++
				c.pairs[x.network]++
			}
		}
		if x.extra != 0 && x.kind != kindDNS {
			for _, t := range j.extras.at(x.extra).agents.text {
				if t != 0 {
					c.agents.add(place(x.network, 0, uint64(t)), uint64(x.src))
					c.targets.add(agentOf(x, t), uint64(x.dst))
				}
			}
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

// agentOf is where the destinations of a source's user agent are counted.
func agentOf(x *series, agent uint32) uint64 {
	return spread(uint64(x.network)<<1^uint64(x.src)<<32^uint64(agent)) | 1
}
