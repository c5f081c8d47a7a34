package beacon

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sync"

	"weir/internal/bayes"
)

// Result merges what the handlers hold and judges it. The Detector is of no use afterwards.
func (d *Detector) Result() *Result {
	s := newStore(&d.o)
	d.taken()
	d.forgetConnections()
	if len(d.readers) > 0 {
		s = d.readers[0].store
		d.readers[0] = nil
		for i, r := range d.readers[1:] {
			s.merge(r.store)
			d.readers[1+i] = nil
		}
	}
	s.settle()
	s.orderStretches()
	j := newJudge(s)
	r := &Result{Events: s.events, Series: s.pairs()}
	j.judgeSeries()
	rows := j.rows()
	others := append(j.tunnels(), j.generated()...)
	j.tested = j.test(rows)
	r.Tested = j.tested
	r.Rows = len(rows) + len(others)
	r.Pairs = j.weigh(rows, others)
	sortPairs(r.Pairs)
	tellStories(r.Pairs)
	sortPairs(r.Pairs)
	for _, p := range r.Pairs {
		if p.Called() {
			r.Called++
		}
	}
	if n := d.o.Rows; n > 0 && len(r.Pairs) > n {
		r.Pairs = slices.Clip(r.Pairs[:max(n, r.Called)])
	}
	r.Warnings = j.warnings()
	return r
}

// forgetConnections lets go of connections that may have gone to names, where no log told of names.
func (d *Detector) forgetConnections() {
	for _, r := range d.readers {
		if r.refs.n > 0 || r.joined > 0 && r.conns.n == 0 {
			return
		}
	}
	for _, r := range d.readers {
		r.conns, r.joined = pages[conn]{}, 0
	}
}

func sortPairs(p []*Pair) { slices.SortFunc(p, comparePairs) }

// comparePairs has the best first. No two rows are equal.
func comparePairs(a, b *Pair) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.order, a.order), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Network, b.Network),
		cmp.Compare(a.Source, b.Source), cmp.Compare(a.Destination, b.Destination), slices.Compare(a.Names, b.Names), cmp.Compare(a.Kind, b.Kind))
}

// A row is a Pair while it is made.
type row struct {
	first  *series
	more   []*series // of the same traffic
	names  []string
	dst    uint32
	tested bool
	p, q   float64
}

// each calls f for the series of a row, the first one first.
func (w *row) each(f func(x *series)) {
	f(w.first)
	for _, x := range w.more {
		f(x)
	}
}

// rows makes one row of the series that are the same traffic.
func (j *judge) rows() []row {
	var main []*series
	j.all.each(func(x *series) {
		if j.worthwhile(x) {
			main = append(main, x)
		}
	})
	slices.SortFunc(main, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.network, b.network), bytes.Compare(j.texts.get(a.src), j.texts.get(b.src)), cmp.Compare(a.kind, b.kind),
			bytes.Compare(j.texts.get(a.dst), j.texts.get(b.dst)))
	})
	out := make([]row, 0, len(main))
	byAddr, byName := map[uint32]int{}, map[uint32]int{}
	for i := 0; i < len(main); {
		to := i
		for to < len(main) && main[to].network == main[i].network && main[to].src == main[i].src {
			to++
		}
		out = j.rowsOf(out, main[i:to], byAddr, byName)
		i = to
	}
	return out
}

// explains is how much of an address's requests one name must have for the two to be one row.
const explains = .8

// rowsOf appends the rows of one source: addresses first, then names, then questions. The maps are its memory.
func (j *judge) rowsOf(rows []row, all []*series, byAddr, byName map[uint32]int) []row {
	clear(byAddr)
	clear(byName)
	start := len(rows)
	for _, x := range all {
		switch x.kind {
		case kindConn, kindApp:
			byAddr[x.dst] = len(rows)
			rows = append(rows, row{first: x, dst: x.dst})
		case kindName:
			w := row{names: []string{string(j.texts.get(x.dst))}, first: x}
			e := j.extras.at(x.extra)
			w.dst, _ = j.most(&e.peers)
			for i, t := range e.peers.text {
				at, known := byAddr[t]
				if t == 0 || !known || !j.explained(&rows[at], x, t, int64(e.peers.n[i])) {
					continue
				}
				// this name is what the address is for
				if a := &rows[at]; a.first != nil {
					if e.peers.text[1] == 0 {
						w.more = append(w.more, a.first)
						w.more = append(w.more, a.more...)
					}
					a.first, a.more = nil, nil
				}
				byAddr[t] = len(rows)
			}
			byName[x.dst] = len(rows)
			rows = append(rows, w)
		case kindDNS:
			if _, known := byName[x.dst]; known {
				break // it is known by its connections
			}
			name := string(j.texts.get(x.dst))
			known := false
			e := j.extras.at(x.extra)
			for _, t := range e.peers.text {
				if at, found := byAddr[t]; t != 0 && found {
					known = true
					if w := &rows[at]; !slices.Contains(w.names, name) {
						w.names = append(w.names, name)
					}
				}
			}
			if !known {
				rows = append(rows, row{names: []string{name}, first: x, dst: e.peers.text[0]})
			}
		}
	}
	kept := slices.DeleteFunc(rows[start:], func(w row) bool { return w.first == nil })
	return rows[:start+len(kept)]
}

// explained reports whether n requests of a source for a name, of x, are what the row of an address is about.
func (j *judge) explained(a *row, x *series, addr uint32, n int64) bool {
	first := a.first
	if first == nil {
		return false
	}
	app := first
	if first.kind == kindConn {
		app = j.find(seriesKey(x.network, kindApp, j.texts.hashes[x.src], j.texts.hashes[addr]))
	}
	return app != nil && float64(n) >= float64(explains*float64(app.count)) && 2*app.count >= first.count
}

const maxNames = 8

// pair returns a row without its clues.
func (j *seriesJudge) pair(w *row) *Pair {
	x := w.first
	p := &Pair{Kind: KindBeacon, Source: string(j.texts.get(x.src)), Destination: string(j.texts.get(w.dst)), P: w.p, Q: w.q, Rhythm: Rhythm{P: 1, Every: 1},
		Count: x.count, Sent: x.sent, Received: x.received, Nanos: x.nanos, Longest: x.longest, First: x.first, Last: x.last, Considered: int(min(int64(j.o.maxTimes()), int64(x.stored)))}
	if int(x.network) < len(j.o.Names) {
		p.Network = j.o.Names[x.network]
	}
	least := 1.
	w.each(func(y *series) {
		v := j.verdict(y)
		if v == nil {
			v = &j.few
			*v = verdict{}
			j.one(y, v)
		}
		if v.rhythm.P < least || !p.Rhythm.Tested {
			least, p.Rhythm = v.rhythm.P, v.rhythm
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
	})
	if hits := j.joins[x.key]; x.kind == kindName && len(hits) > 0 && j.joined == 0 { // the name's own, and not what else the address has
		p.Count, p.Sent, p.Received, p.Nanos = int64(len(hits)), 0, 0, 0
		for _, h := range hits {
			p.Sent, p.Received, p.Nanos = p.Sent+h.sent, p.Received+h.both-h.sent, p.Nanos+h.nanos
		}
	}
	r := &p.Rhythm
	r.P, r.Interval, r.Jitter, r.Missed = p.P, roundScore(r.Interval), roundScore(r.Jitter), roundScore(r.Missed)
	slices.Sort(p.Ports)
	if len(p.Ports) > 3 {
		p.Ports, p.MorePorts = p.Ports[:3], true
	}
	p.Names = j.namesOf(w)
	return p
}

// namesOf returns the names of a row's destination, sorted.
func (j *judge) namesOf(w *row) []string {
	names := slices.Clone(w.names)
	if x := w.first; len(names) == 0 && x.kind != kindName {
		if f := j.names[addrKey{x.network, w.dst}]; f != nil {
			for _, t := range f.text {
				if t != 0 {
					names = append(names, string(j.texts.get(t)))
				}
			}
		}
	}
	slices.Sort(names)
	return names[:min(len(names), maxNames)]
}

// test gives rows their p- and q-values. It returns how many have enough beats.
func (j *judge) test(rows []row) (tested int) {
	var at []int
	var ps []float64
	for i := range rows {
		w := &rows[i]
		w.p, w.q = 1, 1
		n := 0.
		w.each(func(x *series) {
			if v := j.verdict(x); v != nil && v.rhythm.Tested {
				w.p, w.tested = min(w.p, v.rhythm.P), true
			}
			n++
		})
		w.p = significant(min(1, w.p*n))
		if w.tested {
			at, ps = append(at, i), append(ps, w.p)
		}
	}
	for i, q := range falseDiscovery(ps) {
		rows[at[i]].q = significant(q)
	}
	return len(at)
}

// plainScore is what rows have that have too few beats to test.
var plainScore = roundScore(1 / (1 + bayes.Exp2(-basePoints-noBeats)))

// mayMatter reports whether a row may have another score than plainScore.
func (w *row) mayMatter() bool {
	matters := w.tested
	w.each(func(x *series) { matters = matters || x.mayMatter() })
	return matters
}

// A keeper keeps the rows that are called, and the best of the others.
type keeper struct {
	limit        int // of the others; 0 keeps all
	called, rest []*Pair
	floor        float64 // a row with a lower score is not kept
}

func (k *keeper) add(p *Pair) {
	if p.Called() {
		k.called = append(k.called, p)
		return
	}
	k.rest = append(k.rest, p)
	if k.limit > 0 && len(k.rest) >= 2*k.limit+1000 {
		k.cut()
		k.floor = k.rest[k.limit-1].Score
	}
}

func (k *keeper) cut() {
	if k.limit > 0 && len(k.rest) > k.limit {
		sortPairs(k.rest)
		clear(k.rest[k.limit:])
		k.rest = k.rest[:k.limit]
	}
}

// weigh scores rows and others, by as many goroutines as there are workers, and returns those that are to be kept.
func (j *judge) weigh(rows []row, others []Pair) (out []*Pair) {
	together := j.newChorus(rows)
	var keepers []*keeper
	var lock sync.Mutex
	j.parallel(len(rows), func() func(i int) {
		k := &keeper{limit: j.o.Rows}
		lock.Lock()
		keepers = append(keepers, k)
		lock.Unlock()
		s := &seriesJudge{judge: j}
		return func(i int) {
			if w := &rows[i]; k.floor <= plainScore || w.mayMatter() {
				k.add(s.weighed(w, together))
			}
		}
	})
	all := &keeper{limit: j.o.Rows}
	for i := range others {
		all.add(&others[i])
	}
	for _, k := range keepers {
		out = append(out, k.called...)
		all.rest = append(all.rest, k.rest...)
	}
	all.cut()
	return append(append(out, all.called...), all.rest...)
}

// weighed returns a row with its clues and its score.
func (j *seriesJudge) weighed(w *row, together chorus) *Pair {
	p := j.pair(w)
	if p.Rhythm.Tested || p.Longest >= longFrom || p.RITA.StrobeLike { // there is no end of others
		j.weighOne(p, w)
	}
	ordinary := 0. // what makes the destination ordinary; that there is no rhythm does not
	for _, c := range p.Clues {
		ordinary += min(0, c.Points)
	}
	p.weighRhythm()
	if n := together.others(p); n > 0 {
		p.clue(-min(3, float64(.75*float64(n))), "%s the same rhythm with it, like programs that many machines have", otherSources(n))
	}
	if n := together.polled(p); n > 0 {
		p.clue(-min(maxPolled, float64(.75*float64(n))), "the source has the same rhythm with %d other machines inside%s, as a monitor has", n, orMore(n))
	}
	slices.SortStableFunc(p.Clues, func(a, b Clue) int { return cmp.Compare(math.Abs(b.Points), math.Abs(a.Points)) })
	p.sum()
	p.otherKinds(ordinary)
	return p
}
