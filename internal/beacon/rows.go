package beacon

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"weir/internal/enrich"
)

// Result merges what the handlers hold and judges it. The Detector is of no use afterwards.
func (d *Detector) Result() *Result {
	s := newStore(&d.o)
	if len(d.readers) > 0 {
		s = d.readers[0].store
		for i, r := range d.readers[1:] {
			s.merge(r.store)
			d.readers[1+i] = nil
		}
	}
	j := newJudge(s)
	r := &Result{Events: s.events, Series: len(s.all)}
	j.judgeSeries()
	rows := j.rows()
	j.weigh(rows)
	rows = append(rows, j.tunnels()...)
	rows = append(rows, j.generated()...)
	sortPairs(rows)
	tellStories(rows)
	sortPairs(rows)
	r.Pairs = rows
	for i := range rows {
		if rows[i].Rhythm.Tested {
			r.Tested++
		}
		if rows[i].Called() {
			r.Called++
		}
	}
	r.Warnings = j.warnings()
	return r
}

func sortPairs(p []Pair) {
	slices.SortStableFunc(p, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.order, a.order), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Network, b.Network),
			cmp.Compare(a.Source, b.Source), cmp.Compare(a.Destination, b.Destination), slices.Compare(a.Names, b.Names), cmp.Compare(a.Kind, b.Kind))
	})
}

// A judge judges a store.
type judge struct {
	*store
	rhythms map[uint64]*verdict // by key of the series
	joins   map[uint64][]ref    // connections of a name
	common  common
}

// A verdict is what was found about one series.
type verdict struct {
	rhythm Rhythm
	rita   RITA
}

func newJudge(s *store) *judge {
	j := &judge{store: s, rhythms: map[uint64]*verdict{}}
	j.join()
	j.common = newCommon(j)
	return j
}

// join finds the connections of names.
func (j *judge) join() {
	slices.SortFunc(j.refs, func(a, b ref) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.series, b.series)) })
	j.refs = slices.CompactFunc(j.refs, func(a, b ref) bool { return a.id == b.id && a.series == b.series })
	slices.SortFunc(j.conns, func(a, b ref) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.at, b.at), cmp.Compare(a.sent, b.sent), cmp.Compare(a.both, b.both), cmp.Compare(a.nanos, b.nanos))
	})
	j.conns = slices.CompactFunc(j.conns, func(a, b ref) bool { return a.id == b.id })
	var hits []ref
	at := 0
	for _, r := range j.refs {
		for at < len(j.conns) && j.conns[at].id < r.id {
			at++
		}
		if at < len(j.conns) && j.conns[at].id == r.id {
			c := j.conns[at]
			c.series = r.series
			hits = append(hits, c)
		}
	}
	j.refs, j.conns = nil, nil
	slices.SortFunc(hits, func(a, b ref) int {
		return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.at, b.at), cmp.Compare(a.sent, b.sent))
	})
	j.joins = map[uint64][]ref{}
	for i := 0; i < len(hits); {
		to := i
		for to < len(hits) && hits[to].series == hits[i].series {
			to++
		}
		j.joins[hits[i].series] = hits[i:to]
		i = to
	}
}

// twin returns the series of the same source and destination of another kind.
func (j *judge) twin(x *series, k kind) *series {
	return j.find(seriesKey(x.network, k, j.texts.hashes[x.src], j.texts.hashes[x.dst]))
}

// worthwhile reports whether a series may become a row.
func (j *judge) worthwhile(x *series) bool {
	return (x.stored >= ritaMinTimes || x.longest >= 3600e9) && (x.kind != kindApp || j.twin(x, kindConn) == nil)
}

// judgeSeries tests every series that has enough times, by as many goroutines as there are workers.
func (j *judge) judgeSeries() {
	var todo []int
	for i := range j.all {
		if j.worthwhile(&j.all[i]) {
			todo = append(todo, i)
		}
	}
	out := make([]verdict, len(todo))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range max(1, j.o.Workers) {
		wait.Go(func() {
			var all []moment
			var times []float64
			for {
				i := int(next.Add(1)) - 1
				if i >= len(todo) {
					return
				}
				all, times = j.judgeOne(&j.all[todo[i]], &out[i], all, times)
			}
		})
	}
	wait.Wait()
	for i, at := range todo {
		j.rhythms[j.all[at].key] = &out[i]
	}
}

func (j *judge) judgeOne(x *series, v *verdict, all []moment, times []float64) ([]moment, []float64) {
	all = j.moments(all[:0], x)
	slices.SortFunc(all, compareMoments)
	all = all[max(0, len(all)-j.o.maxTimes()):]
	times = times[:0]
	for _, m := range all {
		times = append(times, float64(m.ms-all[0].ms)/1e3)
	}
	v.rhythm = judgeRhythm(times)
	span, ok := j.span[x.network<<1]
	if !ok {
		span = j.span[x.network<<1|1]
	}
	w := ritaWindowOf(floorDiv(span.first, 1e9), floorDiv(span.last, 1e9))
	var secs, sent []int64
	var nanos, both int64
	if hits := j.joins[x.key]; x.kind == kindName && len(hits) > 0 {
		for _, h := range hits {
			if s := floorDiv(h.at, 1000); s >= w.from() {
				secs, sent = append(secs, s), append(sent, h.sent)
				nanos, both = nanos+h.nanos, both+h.both
			}
		}
	} else {
		whole := true
		for _, m := range all {
			if s := floorDiv(m.ms, 1000); s >= w.from() {
				secs, sent = append(secs, s), append(sent, m.sent)
				both += m.sent
			} else {
				whole = false
			}
		}
		if whole && int64(len(all)) == x.count {
			nanos, both = x.nanos, x.sent+x.received
		}
	}
	v.rita = ritaScore(secs, sent, w)
	v.rita.Nanos, v.rita.Bytes = nanos, both
	return all, times
}

// A row is a Pair while it is made.
type row struct {
	series []*series
	names  []string
	dst    uint32
}

// rows makes one row of the series that are the same traffic.
func (j *judge) rows() []Pair {
	var main []*series
	for i := range j.all {
		if j.rhythms[j.all[i].key] != nil {
			main = append(main, &j.all[i])
		}
	}
	slices.SortFunc(main, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.network, b.network), bytes.Compare(j.texts.get(a.src), j.texts.get(b.src)), cmp.Compare(a.kind, b.kind),
			bytes.Compare(j.texts.get(a.dst), j.texts.get(b.dst)))
	})
	var out []Pair
	for i := 0; i < len(main); {
		to := i
		for to < len(main) && main[to].network == main[i].network && main[to].src == main[i].src {
			to++
		}
		out = append(out, j.rowsOf(main[i:to])...)
		i = to
	}
	return out
}

// explains is how much of an address's requests one name must have for the two to be one row.
const explains = .8

// rowsOf makes the rows of one source: addresses first, then names, then questions.
func (j *judge) rowsOf(all []*series) []Pair {
	var rows []*row
	byAddr, byName := map[uint32]*row{}, map[uint32]*row{}
	for _, x := range all {
		switch x.kind {
		case kindConn, kindApp:
			w := &row{series: []*series{x}, dst: x.dst}
			rows = append(rows, w)
			byAddr[x.dst] = w
		case kindName:
			w := &row{names: []string{string(j.texts.get(x.dst))}, series: []*series{x}}
			e := j.extraOf(x)
			most := uint32(0)
			for i, t := range e.peers.text {
				if e.peers.n[i] > most || e.peers.n[i] == most && most > 0 && bytes.Compare(j.texts.get(t), j.texts.get(w.dst)) < 0 {
					w.dst, most = t, e.peers.n[i]
				}
			}
			for i, t := range e.peers.text {
				a := byAddr[t]
				if t == 0 || a == nil {
					continue
				}
				first := a.series[0]
				app := first
				if first.kind == kindConn {
					app = j.find(seriesKey(x.network, kindApp, j.texts.hashes[x.src], j.texts.hashes[t]))
				}
				if app == nil || float64(e.peers.n[i]) < explains*float64(app.count) || 2*app.count < first.count {
					continue
				}
				// this name is what the address is for
				if e.peers.text[1] == 0 {
					w.series = append(w.series, a.series...)
				}
				a.series = nil
				byAddr[t] = w
			}
			rows = append(rows, w)
			byName[x.dst] = w
		case kindDNS:
			name := string(j.texts.get(x.dst))
			if w := byName[x.dst]; w != nil {
				break // it is known by its connections
			}
			known := false
			e := j.extraOf(x)
			for _, t := range e.peers.text {
				if w := byAddr[t]; t != 0 && w != nil {
					known = true
					if !slices.Contains(w.names, name) {
						w.names = append(w.names, name)
					}
				}
			}
			if known {
				break
			}
			w := &row{names: []string{name}, series: []*series{x}, dst: e.peers.text[0]}
			rows = append(rows, w)
		}
	}
	var out []Pair
	for _, w := range rows {
		if len(w.series) > 0 {
			out = append(out, j.pair(w))
		}
	}
	return out
}

const maxNames = 8

func (j *judge) pair(w *row) Pair {
	x := w.series[0]
	p := Pair{Kind: KindBeacon, Source: string(j.texts.get(x.src)), Destination: string(j.texts.get(w.dst)), P: 1, Q: 1,
		Count: x.count, Sent: x.sent, Received: x.received, Nanos: x.nanos, Longest: x.longest, First: x.first, Last: x.last, Considered: int(min(int64(j.o.maxTimes()), int64(x.stored)))}
	if int(x.network) < len(j.o.Names) {
		p.Network = j.o.Names[x.network]
	}
	for _, y := range w.series {
		v := j.rhythms[y.key]
		if v == nil {
			continue
		}
		if v.rhythm.P < p.P || !p.Rhythm.Tested {
			p.P, p.Rhythm = v.rhythm.P, v.rhythm
		}
		if y == x || v.rita.Score > p.RITA.Score && !p.RITA.Eligible {
			p.RITA = v.rita
		}
		p.Longest = max(p.Longest, y.longest)
		for _, n := range y.ports[:min(y.nports, 3)] {
			if !slices.Contains(p.Ports, n) {
				p.Ports = append(p.Ports, n)
			}
		}
		p.MorePorts = p.MorePorts || y.nports > 3
		if y.kind == kindConn { // connections know the bytes
			p.Count, p.Sent, p.Received, p.Nanos = y.count, y.sent, y.received, y.nanos
		}
	}
	if hits := j.joins[x.key]; x.kind == kindName && len(hits) > 0 && len(w.series) == 1 && j.joined == 0 {
		p.Count, p.Sent, p.Received, p.Nanos = int64(len(hits)), 0, 0, 0
		for _, h := range hits {
			p.Sent, p.Received, p.Nanos = p.Sent+h.sent, p.Received+h.both-h.sent, p.Nanos+h.nanos
		}
	}
	p.P = min(1, p.P*float64(len(w.series)))
	slices.Sort(p.Ports)
	if len(p.Ports) > 3 {
		p.Ports, p.MorePorts = p.Ports[:3], true
	}
	names := w.names
	if len(names) == 0 && x.kind != kindName {
		if f := j.names[addrKey{x.network, w.dst}]; f != nil {
			for _, t := range f.text {
				if t != 0 {
					names = append(names, string(j.texts.get(t)))
				}
			}
		}
	}
	slices.Sort(names)
	p.Names = names[:min(len(names), maxNames)]
	j.weighOne(&p, w)
	return p
}

// A common is what is common in each network.
type common struct {
	sources map[uint64]int // by network and class of source
	dest    map[uint64]int // sources, by network and class, destination text
	domain  map[string]int // sources, by network, class and registered domain
	agents  map[uint64]int // sources, by network and user agent
	targets map[[2]uint64]int
	ports   map[uint64]int // pairs, by network and port
	country map[string]int // pairs, by network and country
	pairs   map[uint32]int // with a public destination, by network
	named   map[uint32]bool
	reg     map[uint32]string
}

// class tells sources inside from those outside: what is rare is told among their like.
func (j *judge) class(src uint32) uint64 {
	a, err := netip.ParseAddr(string(j.texts.get(src)))
	if err == nil && inside(a) {
		return 0
	}
	return 1
}

func inside(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
}

func (j *judge) registeredOf(t uint32) string {
	d, ok := j.common.reg[t]
	if !ok {
		d = enrich.RegisteredDomain(string(j.texts.get(t)))
		j.common.reg[t] = d
	}
	return d
}

func place(network uint32, class uint64, text uint32) uint64 {
	return uint64(network)<<33 | class<<32 | uint64(text)
}

func newCommon(j *judge) common {
	c := common{sources: map[uint64]int{}, dest: map[uint64]int{}, domain: map[string]int{}, agents: map[uint64]int{}, targets: map[[2]uint64]int{},
		ports: map[uint64]int{}, country: map[string]int{}, pairs: map[uint32]int{}, named: map[uint32]bool{}, reg: map[uint32]string{}}
	j.common = c
	classes := map[uint32]uint64{}
	seen := map[uint64]bool{}
	type pair struct{ a, b uint64 }
	domains, agents := map[pair]bool{}, map[pair]bool{}
	domainIDs := map[string]uint64{}
	countries := map[uint32]string{}
	for i := range j.all {
		x := &j.all[i]
		class, ok := classes[x.src]
		if !ok {
			class = j.class(x.src)
			classes[x.src] = class
		}
		if k := place(x.network, class, x.src); !seen[k] {
			seen[k] = true
			c.sources[place(x.network, class, 0)]++
		}
		switch x.kind {
		case kindName, kindDNS:
			c.named[x.network] = true
			if x.kind == kindName || j.twin(x, kindName) == nil {
				c.dest[place(x.network, class, x.dst)]++
			}
			if d := j.registeredOf(x.dst); d != "" {
				id, ok := domainIDs[d]
				if !ok {
					id = uint64(len(domainIDs))
					domainIDs[d] = id
				}
				if k := (pair{place(x.network, class, x.src), id}); !domains[k] {
					domains[k] = true
					c.domain[domainPlace(x.network, class, d)]++
				}
			}
		default:
			if x.kind == kindApp && j.twin(x, kindConn) != nil {
				break
			}
			c.dest[place(x.network, class, x.dst)]++
			for _, p := range x.ports[:min(x.nports, 3)] {
				c.ports[uint64(x.network)<<16|uint64(p)]++
			}
			where, ok := countries[x.dst]
			if !ok {
				if a, err := netip.ParseAddr(string(j.texts.get(x.dst))); err == nil {
					where = j.o.Country(a)
				}
				countries[x.dst] = where
			}
			if where != "" && where != enrich.Private {
				c.country[countryPlace(x.network, where)]++
				c.pairs[x.network]++
			}
		}
		if x.extra != 0 && x.kind != kindDNS {
			for _, t := range j.extras[x.extra].agents.text {
				if t == 0 {
					continue
				}
				src := place(x.network, 0, x.src)
				if k := (pair{src, uint64(t)}); !agents[k] {
					agents[k] = true
					c.agents[place(x.network, 0, t)]++
				}
				if x.kind == kindName || x.kind == kindApp {
					c.targets[[2]uint64{src, uint64(t)}]++
				}
			}
		}
	}
	return c
}

func domainPlace(network uint32, class uint64, d string) string {
	return fmt.Sprint(network, " ", class, " ", d)
}
func countryPlace(network uint32, country string) string { return fmt.Sprint(network, " ", country) }

func (j *judge) warnings() (out []string) {
	if j.level > 0 {
		out = append(out, fmt.Sprintf("There are more pairs than fit: only one of %d, by hash, was looked at.", 1<<j.level))
	}
	if n := len(j.thin); n > 0 {
		out = append(out, fmt.Sprintf("Of pairs with over %d connections only the newest ones' times were kept (%d pairs); their totals are of all.", j.o.maxTimes(), n))
	}
	if j.joined > 0 {
		out = append(out, fmt.Sprintf("Names were tied to connections by their ids for one connection of %d; RITA's parts of names rest on these.", 1<<j.joined))
	}
	if j.cut > 0 {
		out = append(out, fmt.Sprintf("There are more pairs of source and registered domain than fit: tunnels were looked for in one of %d.", 1<<j.cut))
	}
	if j.events == 0 {
		out = append(out, "No record tells of a connection, a request, a TLS handshake or a DNS question.")
	}
	longest := int64(0)
	for _, x := range j.span {
		longest = max(longest, x.last-x.first)
	}
	if j.events > 0 && longest < 3600e9 {
		out = append(out, fmt.Sprintf("The logs cover %s; rhythms slower than a tenth of that cannot be told from chance.", shortSeconds(math.Max(float64(longest)/1e9, .001))))
	}
	return out
}
