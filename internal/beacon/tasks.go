package beacon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/mapreduce"
)

// JobBeacon is looking for beacons on a cluster: tasks keep stores as the workers of a scan do, and write them down.
const JobBeacon = "beacon"

// Kinds of records. What is not merged is little.
const (
	kindPair    = 'p' // KEY: series; SUB: empty, or a day; VALUE: totals, or the times of connections of that day
	kindNames   = 'a' // KEY: network, address; VALUE: its names
	kindDomain  = 'd' // KEY: network, registered domain; VALUE: what was asked of it
	kindRefs    = 'q' // KEY: bucket; VALUE: a bundle of connections' ids, by the names' series
	kindConns   = 'v' // KEY: bucket; VALUE: connections with ids
	kindCounts  = 'e' // VALUE: a bundle: events, those without a time, those without an end
	kindSpan    = 's' // KEY: network; VALUE: from when to when its logs reach
	kindDays    = 'y' // KEY: network; VALUE: days
	kindBacks   = 'k' // KEY: network; VALUE: how often its clock was set back within a block
	kindStretch = 'r' // VALUE: stretches of logs, for the same between blocks
	kindLevels  = 'l' // VALUE: how far what is bounded has narrowed
)

// Kinds are the kinds of records of the job.
func Kinds() []mapreduce.Kind {
	return []mapreduce.Kind{
		{Byte: kindPair, Name: "pairs", Merge: func() mapreduce.Merger { return &pairMerger{} }},
		{Byte: kindNames, Name: "names of addresses", Merge: func() mapreduce.Merger { return &fewMerger{} }},
		{Byte: kindDomain, Name: "domains", Merge: func() mapreduce.Merger { return &domainMerger{} }},
		{Byte: kindRefs, Name: "names of connections", Merge: mapreduce.NewBundle},
		{Byte: kindConns, Name: "connections with names"},
		{Byte: kindCounts, Name: "counts of events", Merge: mapreduce.NewBundle},
		{Byte: kindSpan, Name: "spans"},
		{Byte: kindDays, Name: "days"},
		{Byte: kindBacks, Name: "clocks set back"},
		{Byte: kindStretch, Name: "stretches"},
		{Byte: kindLevels, Name: "levels"},
	}
}

// Job returns the job whose tasks see what a Detector with the same options would. Of these, Networks and the bounds matter.
func Job(o Options) *mapreduce.Job {
	d := New(o)
	return &mapreduce.Job{Name: JobBeacon, Kinds: Kinds(), Scan: func(o *format.ScanOptions) { o.Wanted = Wanted },
		Mapper: func(_ *event.Keys, w *mapreduce.Writer) (mapreduce.Mapper, error) {
			return &writingReader{newReader(d), w}, nil
		}}
}

// A writingReader is a reader that is written down at the end. It is bounded as it is.
type writingReader struct {
	*reader
	w *mapreduce.Writer
}

// Finish implements mapreduce.Mapper.
func (r *writingReader) Finish() error {
	r.settle()
	w := &storeWriter{store: r.store, w: r.w}
	w.put(kindLevels, nil, nil, []byte{byte(r.level), byte(r.joined), byte(r.cut), byte(r.named)})
	w.counts()
	w.pairs()
	for k, f := range r.names {
		w.put(kindNames, append(network(k.network), r.texts.get(k.addr)...), nil, w.few(nil, f))
	}
	for k, d := range r.domain {
		w.put(kindDomain, append(network(k.network), r.texts.get(k.domain)...), nil, w.domain(d))
	}
	w.joins()
	return w.err
}

func network(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// A storeWriter writes a store as records.
type storeWriter struct {
	*store
	w     *mapreduce.Writer
	all   []moment
	bytes []byte
	buf   []byte
	err   error
}

func (w *storeWriter) put(kind byte, key, sub, value []byte) {
	if w.err == nil {
		w.err = w.w.Put(kind, key, sub, value)
	}
}

func (w *storeWriter) counts() {
	w.put(kindCounts, nil, nil, mapreduce.AppendBundle(nil, []mapreduce.Cell{{Key: 0, N: uint64(w.events)}, {Key: 1, N: uint64(w.untimed)}, {Key: 2, N: uint64(w.endless)}}))
	for n, x := range w.span {
		w.put(kindSpan, network(n), nil, binary.AppendVarint(binary.AppendVarint(nil, x.first), x.last))
	}
	days := map[uint32][]byte{}
	for d := range w.days {
		days[d.network] = binary.AppendVarint(days[d.network], int64(d.day))
	}
	for n, list := range days {
		w.put(kindDays, network(n), nil, list)
	}
	for n, x := range w.backs {
		w.put(kindBacks, network(n), nil, binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(x.times)), math.Float64bits(x.most)))
	}
	var b []byte
	w.closeStretch()
	for i := range w.stretch {
		b = w.stretch[i].append(b)
	}
	w.put(kindStretch, nil, nil, b)
}

// inline is how many times of a pair travel with its totals; more of them travel by day.
const inline = 16

func (w *storeWriter) pairs() {
	w.once.each(func(one *single) {
		if one.key == 0 {
			return
		}
		x := series{key: one.key, network: one.network, kind: one.kind, src: one.src, dst: one.dst}
		y := w.sighting(one)
		x.count, x.sent, x.received, x.nanos, x.longest, x.first, x.last = 1, y.sent, y.received, y.nanos, y.nanos, y.ns, y.ns
		x.port(y.port)
		var e extra
		if x.kind != kindConn {
			w.tell(&e, &y)
		}
		w.pair(&x, &e, []moment{{floorDiv(y.ns, 1e6), y.sent}})
	})
	w.often()
}

// often writes pairs that were seen more than once.
func (w *storeWriter) often() {
	w.store.all.each(func(x *series) {
		w.all, w.bytes = w.moments(w.all[:0], w.bytes, x)
		slices.SortFunc(w.all, compareMoments)
		e := &extra{}
		if x.extra != 0 {
			e = w.extras.at(x.extra)
		}
		w.pair(x, e, w.all)
	})
}

const dayMillis = 86400e3

// pair writes a pair; all are its times, sorted.
func (w *storeWriter) pair(x *series, e *extra, all []moment) {
	key := binary.BigEndian.AppendUint64(nil, x.key)
	p := pairRecord{series: *x, src: w.texts.get(x.src), dst: w.texts.get(x.dst), thin: w.thin[x.key]}
	p.extra = [...]uint32{e.requests, e.noHost, e.noName, e.failed, e.answered}
	p.peers.of(w.texts, &e.peers)
	p.agents.of(w.texts, &e.agents)
	if len(all) <= inline {
		p.times, all = all, nil
	}
	w.buf = p.append(w.buf[:0])
	w.put(kindPair, key, nil, w.buf)
	for len(all) > 0 {
		day := floorDiv(all[0].ms, dayMillis)
		n := 1
		for n < len(all) && floorDiv(all[n].ms, dayMillis) == day {
			n++
		}
		w.buf = appendMoments(append(w.buf[:0], tagTimes), all[:n])
		w.put(kindPair, key, binary.BigEndian.AppendUint64(nil, uint64(day)^1<<63), w.buf)
		all = all[n:]
	}
}

func (w *storeWriter) few(b []byte, f *few) []byte {
	var t fewTexts
	t.of(w.texts, f)
	return t.append(b)
}

func (w *storeWriter) domain(d *domainState) []byte {
	x := domainRecord{domainState: *d}
	x.from.of(w.texts, &d.sources)
	w.buf = x.append(w.buf[:0])
	return w.buf
}

// joinBuckets is into how many bits' worth of records ids of connections are divided.
const joinBuckets = 6

func (w *storeWriter) joins() {
	var cells []mapreduce.Cell
	w.refs.each(func(r *ref) { cells = append(cells, mapreduce.Cell{Key: r.id, Tag: r.series, N: 1}) })
	err := mapreduce.EachBucket(cells, 64, joinBuckets, func(bucket []byte, cells []mapreduce.Cell) error {
		w.buf = mapreduce.AppendBundle(w.buf[:0], cells)
		return w.w.Put(kindRefs, bucket, nil, w.buf)
	})
	if w.err == nil {
		w.err = err
	}
	conns := make([][]conn, 1<<joinBuckets)
	w.conns.each(func(c *conn) { conns[c.id>>(64-joinBuckets)] = append(conns[c.id>>(64-joinBuckets)], *c) })
	for i, list := range conns {
		if len(list) > 0 {
			w.buf = appendConns(w.buf[:0], list)
			w.put(kindConns, []byte{byte(i)}, nil, w.buf)
		}
	}
}

func appendConns(b []byte, list []conn) []byte {
	slices.SortFunc(list, compareConns)
	last := conn{}
	for _, c := range list {
		b = binary.AppendUvarint(b, c.id-last.id)
		b = binary.AppendVarint(b, c.ms-last.ms)
		b = binary.AppendVarint(b, c.sent)
		b = binary.AppendVarint(b, c.both-c.sent)
		b = binary.AppendVarint(b, c.nanos)
		last = c
	}
	return b
}

// Take reads a record of the job back, as [mapreduce.Assemble] gives it; times of a pair must come right after its totals, as they do
// from mappers and from reducers. When all were read, Result is what it is after a scan.
func (d *Detector) Take(r *mapreduce.Record) error {
	if len(d.readers) == 0 {
		d.readers = append(d.readers, newReader(d))
	}
	if d.taking == nil {
		d.taking = newStore(&d.o)
	}
	t := &taker{store: d.taking, r: r}
	return t.take(d)
}

// takeAtOnce is how many pairs, names or domains are read before they are merged.
const takeAtOnce = 1 << 16

// taken merges what was taken.
func (d *Detector) taken() {
	if d.taking != nil {
		d.readers[0].store.merge(d.taking)
		d.taking = nil
	}
}

// A taker puts one record into a store that holds nothing else of its key.
type taker struct {
	*store
	r *mapreduce.Record
}

var errKey = errors.New("its key is damaged")

func (t *taker) take(d *Detector) error {
	b := valuesOf(t.r.Value)
	switch t.r.Kind {
	case kindPair:
		return t.pair(d)
	case kindNames:
		return t.named(d)
	case kindDomain:
		return t.asked(d)
	case kindRefs, kindConns:
		return t.joins(d)
	case kindCounts:
		err := mapreduce.EachCell(t.r.Value, func(c mapreduce.Cell) {
			switch n := int64(min(c.N, math.MaxInt64/4)); c.Key {
			case 0:
				t.events += n
			case 1:
				t.untimed += n
			case 2:
				t.endless += n
			}
		})
		return err
	case kindStretch:
		for len(b.Rest) > 0 {
			t.stretch = append(t.stretch, b.stretch())
		}
		return b.err()
	case kindLevels:
		if len(t.r.Value) != 4 || slices.Max(t.r.Value) > 63 {
			return errors.New("levels are damaged")
		}
		t.level, t.joined, t.cut, t.store.named = max(t.level, uint(t.r.Value[0])), max(t.joined, uint(t.r.Value[1])), max(t.cut, uint(t.r.Value[2])), max(t.store.named, uint(t.r.Value[3]))
		d.taken()
		return nil
	}
	if len(t.r.Key) != 4 {
		return errKey
	}
	n := binary.BigEndian.Uint32(t.r.Key)
	switch t.r.Kind {
	case kindSpan:
		first, last := b.Varint(), b.Varint()
		if b.err() == nil {
			x, ok := t.span[n]
			if !ok {
				x = span{first, last}
			}
			t.span[n] = span{min(x.first, first), max(x.last, last)}
		}
	case kindDays:
		for len(b.Rest) > 0 {
			if x := b.Varint(); x == int64(int32(x)) {
				t.days[day{n, int32(x)}] = true
			}
		}
	case kindBacks:
		times, most := b.Uvarint(), math.Float64frombits(b.Fixed64())
		if b.err() == nil && times < 1<<60 && most >= 0 {
			y := t.backs[n]
			t.backs[n] = setBack{y.times + int64(times), max(y.most, most)}
		}
	default:
		return fmt.Errorf("looking for beacons has no kind %q", t.r.Kind)
	}
	return b.err()
}

func (t *taker) text(b []byte) uint32 { return t.texts.add(b, t.hash(b)) }

// anew makes room for a record whose key the store holds already.
func (t *taker) anew(d *Detector) {
	d.taken()
	d.taking = newStore(&d.o)
	t.store = d.taking
}

func (t *taker) pair(d *Detector) error {
	if len(t.r.Key) != 8 || len(t.r.Value) == 0 {
		return errKey
	}
	key := binary.BigEndian.Uint64(t.r.Key)
	if t.r.Value[0] == tagTimes {
		return t.times(key)
	}
	var p pairRecord
	if err := p.read(t.r.Value); err != nil {
		return err
	}
	if p.key = seriesKey(p.network, p.kind, t.hash(p.src), t.hash(p.dst)); p.key != key {
		return errKey
	}
	at, found := t.slot(key)
	if found || t.all.n >= takeAtOnce {
		t.anew(d)
		at, _ = t.slot(key)
	}
	if t.pairs()+1 > len(t.slots)/4*3 {
		t.grow()
		at, _ = t.slot(key)
	}
	x := p.series
	x.src, x.dst = t.text(p.src), t.text(p.dst)
	x.extra, x.prev, x.head, x.tail, x.stored, x.used, x.size = 0, 0, 0, 0, 0, 0, 0
	if x.count == 1 && len(p.times) == 1 {
		x.stored, p.times = 1, nil
	}
	i := t.all.add(x)
	t.slots[at] = key>>32<<32 | uint64(i+1)
	y := t.all.at(i)
	for _, m := range p.times {
		t.note(y, m.ms, m.sent)
	}
	if p.thin {
		t.thin[key] = true
	}
	if x.kind != kindConn {
		e := t.extraOf(y)
		e.requests, e.noHost, e.noName, e.failed, e.answered = p.extra[0], p.extra[1], p.extra[2], p.extra[3], p.extra[4]
		p.peers.to(t, &e.peers)
		p.agents.to(t, &e.agents)
	}
	return nil
}

// times adds those of a day to the pair whose totals came before.
func (t *taker) times(key uint64) error {
	at, found := t.slot(key)
	if !found || len(t.r.Sub) != 8 {
		return errors.New("times of a pair come before its totals: sort by KEY and SUB")
	}
	b := valuesOf(t.r.Value[1:])
	x := t.all.at(uint32(t.slots[at]) - 1)
	for _, m := range b.moments(nil) {
		t.unfold(x)
		t.note(x, m.ms, m.sent)
	}
	return b.err()
}

func (t *taker) named(d *Detector) error {
	var f fewTexts
	b := valuesOf(t.r.Value)
	if f.read(&b); b.err() != nil || len(t.r.Key) < 5 {
		return errKey
	}
	k := addrKey{binary.BigEndian.Uint32(t.r.Key), t.text(t.r.Key[4:])}
	if t.names[k] != nil || len(t.names) >= takeAtOnce {
		t.anew(d)
		k.addr = t.text(t.r.Key[4:])
	}
	f.to(t, t.nameOf(k))
	return nil
}

func (t *taker) asked(d *Detector) error {
	var x domainRecord
	if err := x.read(t.r.Value); err != nil {
		return err
	}
	if len(t.r.Key) < 5 {
		return errKey
	}
	k := domainKey{binary.BigEndian.Uint32(t.r.Key), t.text(t.r.Key[4:])}
	if t.domain[k] != nil || len(t.domain) >= takeAtOnce {
		t.anew(d)
		k.domain = t.text(t.r.Key[4:])
	}
	y := x.domainState
	y.sources = few{}
	x.from.to(t, &y.sources)
	t.domain[k] = &y
	return nil
}

func (t *taker) joins(d *Detector) error {
	if t.r.Kind == kindConns {
		b := valuesOf(t.r.Value)
		for last := (conn{}); len(b.Rest) > 0; {
			last = conn{last.id + b.Uvarint(), last.ms + b.Varint(), b.Varint(), b.Varint(), b.Varint()}
			last.both += last.sent
			if b.err() == nil {
				t.conns.add(last)
			}
		}
		d.limitJoins()
		return b.err()
	}
	high, err := mapreduce.BucketKey(t.r.Key, 64, joinBuckets)
	if err != nil {
		return err
	}
	bad := false
	err = mapreduce.EachCell(t.r.Value, func(c mapreduce.Cell) {
		if bad = bad || c.Key>>(64-joinBuckets) != 0 || c.N > uint64(2*t.o.maxJoined()); bad {
			return
		}
		for range c.N {
			t.refs.add(ref{high | c.Key, c.Tag})
		}
	})
	if bad {
		return errors.New("names of connections are damaged")
	}
	d.limitJoins()
	return err
}

// limitJoins merges what was taken before its ids are too many.
func (d *Detector) limitJoins() {
	if max(d.taking.refs.n, d.taking.conns.n) >= d.o.maxJoined()/4+1 {
		d.taken()
	}
}
