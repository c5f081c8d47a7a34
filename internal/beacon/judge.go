package beacon

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// A judge judges a store.
type judge struct {
	*store
	verdicts []verdict         // series.prev says which is whose
	joins    map[uint64][]conn // connections of a name
	common   common
	tested   int          // rows with enough beats
	arounds  map[day]span // by every day of the logs: the stretch around it
}

// A verdict is what was found about one series.
type verdict struct {
	rhythm Rhythm
	rita   RITA
}

func newJudge(s *store) *judge {
	j := &judge{store: s}
	j.join()
	j.countCommon()
	j.arounds = j.stretches()
	return j
}

// join finds the connections of names, of those that have enough to become a row.
func (j *judge) join() {
	j.refs.keep(func(r *ref) bool {
		x := j.find(r.series)
		return x != nil && x.stored >= ritaMinTimes
	})
	refs := j.refs.slice()
	slices.SortFunc(refs, func(a, b ref) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.series, b.series)) })
	refs = slices.Compact(refs)
	if len(refs) == 0 {
		j.conns = pages[conn]{}
		return
	}
	conns := j.conns.slice()
	slices.SortFunc(conns, compareConns)
	conns = slices.CompactFunc(conns, func(a, b conn) bool { return a.id == b.id })
	j.joins = map[uint64][]conn{}
	at := 0
	for _, r := range refs {
		for at < len(conns) && conns[at].id < r.id {
			at++
		}
		if at < len(conns) && conns[at].id == r.id {
			j.joins[r.series] = append(j.joins[r.series], conns[at])
		}
	}
	for _, c := range j.joins {
		slices.SortFunc(c, func(a, b conn) int { return cmp.Or(cmp.Compare(a.ms, b.ms), cmp.Compare(a.sent, b.sent)) })
	}
}

func compareConns(a, b conn) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.ms, b.ms), cmp.Compare(a.sent, b.sent), cmp.Compare(a.both, b.both), cmp.Compare(a.nanos, b.nanos))
}

// twin is the key of the same source and destination of another kind.
func (j *judge) twin(network uint32, src, dst uint32, k kind) uint64 {
	return seriesKey(network, k, j.texts.hashes[src], j.texts.hashes[dst])
}

// worthwhile reports whether a series may become a row.
func (j *judge) worthwhile(x *series) bool {
	return (x.stored >= ritaMinTimes || x.longest >= longFrom) && (x.kind != kindApp || !j.has(j.twin(x.network, x.src, x.dst, kindConn)))
}

// longFrom is the length of a long connection in nanoseconds.
const longFrom = 3600e9

// mayMatter reports whether a series can get a score of its own: it may have enough beats to test, or be long.
func (x *series) mayMatter() bool { return x.stored >= minBeats || x.longest >= longFrom }

// judgeSeries tests every series that has enough times, by as many goroutines as there are workers.
func (j *judge) judgeSeries() {
	var todo []*series
	j.all.each(func(x *series) {
		x.prev = 0
		if x.mayMatter() && j.worthwhile(x) {
			todo = append(todo, x)
			x.prev = int64(len(todo))
		}
	})
	j.verdicts = make([]verdict, len(todo))
	j.parallel(len(todo), func() func(i int) {
		w := &seriesJudge{judge: j}
		return func(i int) { w.one(todo[i], &j.verdicts[i]) }
	})
}

// parallel calls a function of each worker with every number below n.
func (j *judge) parallel(n int, worker func() func(i int)) {
	const batch = 64
	var next atomic.Int64
	var wait sync.WaitGroup
	for range max(1, j.o.Workers) {
		wait.Go(func() {
			f := worker()
			for {
				to := int(next.Add(batch))
				from := to - batch
				if from >= n {
					return
				}
				for i := from; i < min(to, n); i++ {
					f(i)
				}
			}
		})
	}
	wait.Wait()
}

// verdict returns what was found about a series, or nil for one that has too few times to tell anything.
func (j *judge) verdict(x *series) *verdict {
	if x.prev == 0 {
		return nil
	}
	return &j.verdicts[x.prev-1]
}

// A seriesJudge is the memory of one worker.
type seriesJudge struct {
	*judge
	all        []moment
	bytes      []byte
	times      []float64
	secs, sent []int64
	tester
	few verdict // of a series that has none of its own
}

func (j *seriesJudge) one(x *series, v *verdict) {
	j.all, j.bytes = j.moments(j.all[:0], j.bytes, x)
	all := j.all
	slices.SortFunc(all, compareMoments)
	all = all[max(0, len(all)-j.o.maxTimes()):]
	j.times = j.times[:0]
	for _, m := range all {
		j.times = append(j.times, float64(m.ms-all[0].ms)/1e3)
	}
	v.rhythm = j.tester.judge(j.times)
	span, ok := j.span[x.network<<1]
	if !ok {
		span = j.span[x.network<<1|1]
	}
	w := ritaWindowOf(floorDiv(span.first, 1e9), floorDiv(span.last, 1e9))
	secs, sent := j.secs[:0], j.sent[:0]
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
	j.secs, j.sent = secs, sent
}
