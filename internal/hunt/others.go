package hunt

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"weir/internal/event"
	"weir/internal/profile"
)

// others are the events of other hosts inside the window, put aside where the hunt is for some hosts only: a host that
// was not broken into, at the same time, is as good a placebo as the same host at another time, and there are many.
type others struct {
	rows  rows
	count int
	room  int    // events that there may be
	below uint64 // events are kept if the hash of their source is below; halved when there are too many
}

const maxOtherRows = 1_000_000

func newOthers(q *question) *others {
	return &others{below: math.MaxUint64, room: cmp.Or(q.room, maxOtherRows)}
}

// wants reports whether an event is kept. Beyond the bound, hosts are sampled by a hash of their address, which depends neither on
// the order of reading nor on the key of other hashes: the same logs have the same sample in every run.
func (o *others) wants(in *interner, x *row) bool {
	return o.below == math.MaxUint64 || o.hash(in, x) <= o.below
}

func (o *others) hash(in *interner, x *row) uint64 {
	if x.client == 0 {
		return 0
	}
	f := in.feature(x.client - 1)
	return profile.Spread(f.Value)
}

func (o *others) add(in *interner, x row, feats []uint32) {
	o.rows.add(x, feats)
	if o.count++; o.count > o.room {
		o.thin(in)
	}
}

// thin halves the sample until it fits.
func (o *others) thin(in *interner) {
	for o.count > o.room && o.below > 0 {
		o.below /= 2
		o.sift(in)
	}
}

// sift drops the events whose source is not in the sample.
func (o *others) sift(in *interner) {
	var kept rows
	o.count = 0
	for _, c := range append(o.rows.full, o.rows.last) {
		for i := range c {
			if x := c[i]; o.wants(in, &x) {
				kept.add(x, o.rows.chunks[x.chunk][x.from:x.from+uint32(x.n)])
				o.count++
			}
		}
	}
	o.rows = kept
}

// absorb takes what another worker put aside, with its features renumbered.
func (o *others) absorb(p *others, ids []uint32, in *interner) {
	o.rows.absorb(&p.rows, ids)
	o.below = min(o.below, p.below)
	o.sift(in)
	o.thin(in)
}

const (
	minOther   = 10 // events of another host that make a placebo
	otherRatio = 8  // and how many times more or fewer than the suspected hosts have
)

// otherHosts makes a placebo of each of at most n other hosts, those whose number of events is nearest to that of the
// suspected hosts. Hosts are told apart by the field in which the suspected ones mostly stand.
func (h *hunter) otherHosts(n int) []placebo {
	if len(h.q.hosts) == 0 || n <= 0 {
		return nil
	}
	field := h.hostField()
	if field == "" {
		return nil
	}
	hosts := map[uint32]*rows{}
	for _, c := range append(h.others.rows.full, h.others.rows.last) {
		for i := range c {
			x := c[i]
			feats := h.others.rows.chunks[x.chunk][x.from : x.from+uint32(x.n)]
			for _, id := range feats {
				if h.keep.fields[h.keep.list[id].field].Name != field {
					continue
				}
				if hosts[id] == nil {
					hosts[id] = &rows{}
				}
				if x.client == id+1 { // the host itself; who stands at the other end is the witness
					x.client = x.peer
				}
				hosts[id].add(x, feats)
				break
			}
		}
	}
	type other struct {
		name string
		far  float64
		rows *rows
	}
	var list []other
	for id, r := range hosts {
		ratio := float64(r.len()) / float64(len(h.window.rows))
		if ratio < 1 {
			ratio = 1 / ratio
		}
		if r.len() >= minOther && ratio <= otherRatio {
			f := h.keep.feature(id)
			list = append(list, other{string(f.Value), ratio, r})
		}
	}
	slices.SortFunc(list, func(a, b other) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name)) })
	var out []placebo
	for _, o := range list[:min(len(list), n)] {
		out = append(out, placebo{span: hull(h.q.windows), host: o.name, rows: o.rows})
	}
	return out
}

// hostField returns the field in which the suspected hosts mostly stand in the window's events.
func (h *hunter) hostField() string {
	seen := map[string]int{}
	for i := range h.window.rows {
		for _, id := range h.window.featuresOf(&h.window.rows[i]) {
			f := h.keep.feature(id)
			if f.Field.Left == "" && event.HostField(f.Field.Name) && h.q.hosts[strings.ToLower(string(f.Value))] {
				seen[f.Field.Name]++
			}
		}
	}
	best := ""
	for name, n := range seen {
		if n > seen[best] || n == seen[best] && name < best {
			best = name
		}
	}
	return best
}
