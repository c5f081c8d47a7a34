package beacon

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
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
	r := &Result{Events: s.events, Series: s.pairs()}
	j.judgeSeries()
	rows := j.rows()
	j.rhythms, j.joins = nil, nil
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
	joins   map[uint64][]conn   // connections of a name
	common  common
	arounds map[day]span // what around has found
}

// A verdict is what was found about one series.
type verdict struct {
	rhythm Rhythm
	rita   RITA
}

func newJudge(s *store) *judge {
	j := &judge{store: s, rhythms: map[uint64]*verdict{}, arounds: map[day]span{}}
	j.join()
	j.countCommon()
	return j
}

// join finds the connections of names, of those that have enough to become a row.
func (j *judge) join() {
	j.refs = slices.DeleteFunc(j.refs, func(r ref) bool {
		x := j.find(r.series)
		return x == nil || x.stored < ritaMinTimes
	})
	slices.SortFunc(j.refs, func(a, b ref) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.series, b.series)) })
	j.refs = slices.Compact(j.refs)
	slices.SortFunc(j.conns, func(a, b conn) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.ms, b.ms), cmp.Compare(a.sent, b.sent), cmp.Compare(a.both, b.both), cmp.Compare(a.nanos, b.nanos))
	})
	j.conns = slices.CompactFunc(j.conns, func(a, b conn) bool { return a.id == b.id })
	j.joins = map[uint64][]conn{}
	at := 0
	for _, r := range j.refs {
		for at < len(j.conns) && j.conns[at].id < r.id {
			at++
		}
		if at < len(j.conns) && j.conns[at].id == r.id {
			j.joins[r.series] = append(j.joins[r.series], j.conns[at])
		}
	}
	j.refs, j.conns = nil, nil
	for _, c := range j.joins {
		slices.SortFunc(c, func(a, b conn) int { return cmp.Or(cmp.Compare(a.ms, b.ms), cmp.Compare(a.sent, b.sent)) })
	}
}

// twin is the key of the same source and destination of another kind.
func (j *judge) twin(network uint32, src, dst uint32, k kind) uint64 {
	return seriesKey(network, k, j.texts.hashes[src], j.texts.hashes[dst])
}

// worthwhile reports whether a series may become a row.
func (j *judge) worthwhile(x *series) bool {
	return (x.stored >= ritaMinTimes || x.longest >= 3600e9) && (x.kind != kindApp || !j.has(j.twin(x.network, x.src, x.dst, kindConn)))
}

// judgeSeries tests every series that has enough times, by as many goroutines as there are workers.
func (j *judge) judgeSeries() {
	var todo []*series
	j.all.each(func(x *series) {
		if j.worthwhile(x) {
			todo = append(todo, x)
		}
	})
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
				all, times = j.judgeOne(todo[i], &out[i], all, times)
			}
		})
	}
	wait.Wait()
	for i, x := range todo {
		j.rhythms[x.key] = &out[i]
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
			if s := floorDiv(h.ms, 1000); s >= w.from() {
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
	j.all.each(func(x *series) {
		if j.rhythms[x.key] != nil {
			main = append(main, x)
		}
	})
	slices.SortFunc(main, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.network, b.network), bytes.Compare(j.texts.get(a.src), j.texts.get(b.src)), cmp.Compare(a.kind, b.kind),
			bytes.Compare(j.texts.get(a.dst), j.texts.get(b.dst)))
	})
	out := make([]Pair, 0, len(main))
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
			w.dst, _ = j.most(&e.peers)
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
	if hits := j.joins[x.key]; x.kind == kindName && len(hits) > 0 && j.joined == 0 { // the name's own, and not what else the address has
		p.Count, p.Sent, p.Received, p.Nanos = int64(len(hits)), 0, 0, 0
		for _, h := range hits {
			p.Sent, p.Received, p.Nanos = p.Sent+h.sent, p.Received+h.both-h.sent, p.Nanos+h.nanos
		}
	}
	p.P = significant(min(1, p.P*float64(len(w.series))))
	r := &p.Rhythm
	r.P, r.Interval, r.Jitter, r.Missed = p.P, roundScore(r.Interval), roundScore(r.Jitter), roundScore(r.Missed)
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
	if p.Rhythm.Tested || p.Longest >= 3600e9 || p.RITA.StrobeLike { // there is no end of others
		j.weighOne(&p, w)
	}
	return p
}

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
		out = append(out, fmt.Sprintf("There are more registered domains than fit: tunnels were looked for in one of %d.", 1<<j.cut))
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
