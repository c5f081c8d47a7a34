package beacon

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"weir/internal/wire"
)

// values are read until one is damaged.
type values struct{ wire.Reader }

func valuesOf(b []byte) values { return values{wire.Reader{Rest: b}} }

var errDamaged = errors.New("it is damaged")

func (v *values) err() error {
	if v.Bad {
		return errDamaged
	}
	return nil
}

// natural is a number that an int64 holds, and the sum of two.
func (v *values) natural() int64 { return int64(v.UpTo(math.MaxInt64 / 2)) }

func (v *values) text() []byte { return v.Bytes(v.UpTo(maxText)) }

// moments reads what appendMoments wrote, to the end.
func (v *values) moments(dst []moment) []moment {
	ms := int64(0)
	for len(v.Rest) > 0 {
		ms += v.Varint()
		m := moment{ms, v.natural()}
		if !v.Bad {
			dst = append(dst, m)
		}
	}
	return dst
}

// appendMoments appends times, sorted: each by its difference to the one before, then the bytes sent.
func appendMoments(b []byte, all []moment) []byte {
	last := int64(0)
	for _, m := range all {
		b = binary.AppendVarint(b, m.ms-last)
		b = binary.AppendUvarint(b, uint64(m.sent))
		last = m.ms
	}
	return b
}

func hashOf(b []byte) uint64 { return max(xxh3.HashSeed(b[:min(len(b), maxText)], hashSeed), 1) }

// fewTexts are a few with its texts.
type fewTexts struct {
	list []fewText
	more bool
}

type fewText struct {
	text []byte
	hash uint64
	n    uint32
}

func (f *fewTexts) of(t *texts, x *few) {
	f.list, f.more = f.list[:0], x.more
	for i, id := range x.text {
		if id != 0 {
			f.list = append(f.list, fewText{t.get(id), t.hashes[id], x.n[i]})
		}
	}
}

// to adds the texts to a few of a store.
func (f *fewTexts) to(t *taker, x *few) {
	for i := range f.list {
		x.add(t.texts, t.text(f.list[i].text), f.list[i].n)
	}
	x.more = x.more || f.more
}

func (f *fewTexts) append(b []byte) []byte {
	head := byte(len(f.list)) << 1
	if f.more {
		head |= 1
	}
	b = append(b, head)
	for _, x := range f.list {
		b = binary.AppendUvarint(wire.AppendPart(b, x.text), uint64(x.n))
	}
	return b
}

func (f *fewTexts) read(v *values) {
	head := v.Byte()
	f.list, f.more = f.list[:0], head&1 != 0
	if head>>1 > uint8(len(few{}.text)) {
		v.Spoil()
	}
	for range head >> 1 {
		t, n := v.text(), v.Uvarint()
		if len(t) == 0 || n == 0 || n > math.MaxUint32 {
			v.Spoil()
			return
		}
		f.list = append(f.list, fewText{bytes.Clone(t), hashOf(t), uint32(n)})
	}
}

// merge keeps the texts whose hashes are smallest, as few does.
func (f *fewTexts) merge(o *fewTexts) {
	f.more = f.more || o.more
	for _, x := range o.list {
		i, found := slices.BinarySearchFunc(f.list, x, func(a, b fewText) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), bytes.Compare(a.text, b.text))
		})
		if found {
			f.list[i].n += x.n
			continue
		}
		f.list = slices.Insert(f.list, i, x)
	}
	if most := len(few{}.text); len(f.list) > most {
		f.list, f.more = f.list[:most], true
	}
}

// A fewMerger merges names of an address.
type fewMerger struct{ all, x fewTexts }

func (m *fewMerger) Add(value []byte) error {
	v := valuesOf(value)
	m.x.read(&v)
	m.all.merge(&m.x)
	return v.err()
}

func (m *fewMerger) Append(dst []byte) ([]byte, error) {
	dst = m.all.append(dst)
	m.all = fewTexts{}
	return dst, nil
}

// Values of pairs begin with what they are.
const (
	tagTotals byte = iota
	tagTimes
)

// A pairRecord is a pair as it travels. Of series, the totals matter.
type pairRecord struct {
	series
	src, dst      []byte
	thin          bool
	extra         [5]uint32
	peers, agents fewTexts
	times         []moment
}

func (p *pairRecord) append(b []byte) []byte {
	b = append(b, tagTotals, byte(p.kind))
	b = binary.AppendUvarint(b, uint64(p.network))
	b = wire.AppendPart(wire.AppendPart(b, p.src), p.dst)
	for _, n := range [...]int64{p.count, p.sent, p.received, p.nanos, p.longest} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(binary.AppendVarint(b, p.first), uint64(p.last)-uint64(p.first))
	head := p.nports << 1
	if p.thin {
		head |= 1
	}
	b = append(b, head)
	for _, n := range p.ports[:min(p.nports, 3)] {
		b = binary.AppendUvarint(b, uint64(n))
	}
	if p.kind != kindConn {
		for _, n := range p.extra {
			b = binary.AppendUvarint(b, uint64(n))
		}
		b = p.agents.append(p.peers.append(b))
	}
	return appendMoments(b, p.times)
}

func (p *pairRecord) read(b []byte) error {
	v := valuesOf(b)
	if v.Byte() != tagTotals {
		return errDamaged
	}
	p.kind = kind(v.Byte())
	n := v.Uvarint()
	if p.kind > kindDNS || n > math.MaxUint32 {
		return errDamaged
	}
	p.network = uint32(n)
	p.src, p.dst = v.text(), v.text()
	p.count, p.sent, p.received, p.nanos, p.longest = v.natural(), v.natural(), v.natural(), v.natural(), v.natural()
	p.first = v.Varint()
	p.last = int64(uint64(p.first) + v.Uvarint())
	head := v.Byte()
	p.nports, p.thin = head>>1, head&1 != 0
	if p.nports > 4 || p.count < 1 || p.last < p.first || len(p.src) == 0 || len(p.dst) == 0 {
		return errDamaged
	}
	p.ports = [3]uint16{}
	for i := range p.ports[:min(p.nports, 3)] {
		p.ports[i] = uint16(v.Uvarint())
	}
	p.peers, p.agents, p.extra = fewTexts{}, fewTexts{}, [5]uint32{}
	if p.kind != kindConn {
		for i := range p.extra {
			p.extra[i] = uint32(v.Uvarint())
		}
		p.peers.read(&v)
		p.agents.read(&v)
	}
	p.times = v.moments(p.times[:0])
	if p.count == 1 && len(p.times) == 1 && p.times[0] != (moment{floorDiv(p.first, 1e6), p.sent}) {
		return errDamaged
	}
	return v.err()
}

// A pairMerger merges totals of a pair, or its times of a day.
type pairMerger struct {
	any   bool
	isDay bool
	all   pairRecord
	x     pairRecord
	times []moment // of a day
}

func (m *pairMerger) Add(value []byte) error {
	day := len(value) > 0 && value[0] == tagTimes
	switch {
	case m.any && day != m.isDay:
		return errDamaged
	case day:
		m.any, m.isDay = true, true
		v := valuesOf(value[1:])
		m.times = v.moments(m.times)
		return v.err()
	}
	if !m.any {
		m.any, m.isDay = true, false
		if err := m.all.read(value); err != nil {
			return err
		}
		m.all.src, m.all.dst = bytes.Clone(m.all.src), bytes.Clone(m.all.dst)
		return nil
	}
	if err := m.x.read(value); err != nil {
		return err
	}
	m.all.merge(&m.x)
	return nil
}

func (p *pairRecord) merge(o *pairRecord) {
	p.count += o.count
	p.sent += o.sent
	p.received += o.received
	p.nanos += o.nanos
	p.longest = max(p.longest, o.longest)
	p.first, p.last = min(p.first, o.first), max(p.last, o.last)
	for _, n := range o.ports[:min(o.nports, 3)] {
		p.port(n)
	}
	p.nports = max(p.nports, o.nports/4*4)
	p.thin = p.thin || o.thin
	for i, n := range o.extra {
		p.extra[i] += n
	}
	p.peers.merge(&o.peers)
	p.agents.merge(&o.agents)
	p.times = append(p.times, o.times...)
}

func (m *pairMerger) Append(dst []byte) ([]byte, error) {
	m.any = false
	if m.isDay {
		slices.SortFunc(m.times, compareMoments)
		dst = appendMoments(append(dst, tagTimes), m.times)
		m.times = m.times[:0]
		return dst, nil
	}
	slices.SortFunc(m.all.times, compareMoments)
	return m.all.append(dst), nil
}

// A domainRecord is what was asked of a domain, as it travels.
type domainRecord struct {
	domainState
	from fewTexts
}

func (d *domainRecord) append(b []byte) []byte {
	for _, n := range [...]int64{d.questions, d.odd, d.failed, d.reversed, d.bytes, d.bits, d.length} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(binary.AppendVarint(b, d.first), d.last)
	b = d.from.append(b)
	last := uint64(0)
	for _, h := range d.subs.hashes {
		b = binary.AppendUvarint(b, h-last)
		last = h
	}
	return b
}

func (d *domainRecord) read(b []byte) error {
	v := valuesOf(b)
	d.questions, d.odd, d.failed, d.reversed = v.natural(), v.natural(), v.natural(), v.natural()
	d.bytes, d.bits, d.length = v.natural(), v.natural(), v.natural()
	d.first, d.last = v.Varint(), v.Varint()
	d.from.read(&v)
	d.subs.hashes = nil
	for last := uint64(0); len(v.Rest) > 0; {
		next := last + v.Uvarint()
		if len(d.subs.hashes) > 0 && next <= last || len(d.subs.hashes) == sketchSize {
			return errDamaged
		}
		last = next
		d.subs.hashes = append(d.subs.hashes, last)
	}
	if d.questions < 1 || d.last < d.first {
		return errDamaged
	}
	return v.err()
}

type domainMerger struct {
	any    bool
	all, x domainRecord
}

func (m *domainMerger) Add(value []byte) error {
	if !m.any {
		m.any = true
		return m.all.read(value)
	}
	if err := m.x.read(value); err != nil {
		return err
	}
	m.all.domainState.merge(&m.x.domainState)
	m.all.from.merge(&m.x.from)
	return nil
}

func (m *domainMerger) Append(dst []byte) ([]byte, error) {
	dst = m.all.append(dst)
	m.any, m.all = false, domainRecord{}
	return dst, nil
}
