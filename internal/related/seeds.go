package related

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/token"
)

// A place is where a record stands.
type place struct {
	file, rank int
	line       int64
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.rank, o.rank), cmp.Compare(p.line, o.line))
}

// A collector is one worker's share of the first reading.
type collector struct {
	f       *finder
	codify  *token.Codifier
	match   *matcher
	counter *count.Counter
	groups  []*count.Group // by token.Field.ID
	parts   []uint64
	seeds
}

// seeds are what is known of the seeds, by one worker or by all.
type seeds struct {
	counts      *count.Counts
	count       uint64
	timed       bool
	first, last int64
	at          place // of the first seed
	raw         []byte
	features    map[uint64]seedFeature // by hash of the value

	near     map[string]int64 // tokens that resemble the query, with their events; only while there are no seeds
	nearLine int64            // record nearest to the line that was asked for
}

// A seedFeature is a token.Feature of a seed with bytes of its own.
type seedFeature struct {
	hash         uint64
	field        string
	pair         bool
	value, other []byte
	kind         token.ValueKind
}

// maxKept is how many bytes of a value are kept for its parts.
const maxKept = 4096

// anyHour is the hour that everything is counted at: when something happened is no matter here.
const anyHour = 0

func newCollector(f *finder) *collector {
	codify := token.NewCodifier(f.o.Seed, f.o.Enrich())
	return &collector{f: f, codify: codify, match: newMatcher(f.o, codify), counter: count.NewCounter(),
		seeds: seeds{features: map[uint64]seedFeature{}, near: map[string]int64{}}}
}

// Event implements format.Handler.
func (c *collector) Event(e *event.Event, pos format.Position, raw []byte) {
	features := c.codify.Codify(e)
	class := count.Good
	if c.match.seed(e, features, pos) {
		class = count.Bad
		c.note(e, features, place{pos.File, c.f.rank[pos.File], pos.Line}, raw)
	} else if c.count == 0 {
		c.resemble(e, features, pos, raw)
	}
	c.counter.Counts.Events[class][anyHour]++
	for i := range features {
		f := &features[i]
		if templated(f) { // the counter takes records with equal hashes for equal in their parts
			c.parts = c.codify.Parts(f, c.parts[:0])
			c.groupOf(f.Field).Add(f.Hash, c.parts, class, anyHour, 1)
			continue
		}
		c.counter.Add(c.groupOf(f.Field), f.Hash, class, anyHour, func(dst []uint64) []uint64 { return c.codify.Parts(f, dst) })
	}
}

func (c *collector) groupOf(f *token.Field) *count.Group {
	for f.ID >= len(c.groups) {
		c.groups = append(c.groups, nil)
	}
	g := c.groups[f.ID]
	if g == nil {
		g = c.counter.Counts.Group(f.Name)
		c.groups[f.ID] = g
	}
	return g
}

// note keeps what a seed holds.
func (s *seeds) note(e *event.Event, features []token.Feature, at place, raw []byte) {
	if s.count == 0 || at.compare(s.at) < 0 {
		s.at, s.raw = at, append(s.raw[:0], raw...)
	}
	s.count++
	if e.HasTime {
		s.span(e.Time, e.Time)
	}
	for i := range features {
		f := &features[i]
		key := f.Hash
		if templated(f) {
			key = f.Field.Hash(f.Value)
		}
		if _, ok := s.features[key]; !ok {
			s.features[key] = seedFeature{f.Hash, f.Field.Name, f.Field.Left != "", bytes.Clone(f.Value[:min(len(f.Value), maxKept)]),
				bytes.Clone(f.Other[:min(len(f.Other), maxKept)]), f.Kind}
		}
	}
}

// templated reports whether a feature's hash is that of its value's template, so that features with equal hashes may
// differ in their parts.
func templated(f *token.Feature) bool { return f.Field.Left == "" && f.Hash != f.Field.Hash(f.Value) }

func (s *seeds) span(first, last int64) {
	if !s.timed {
		s.timed, s.first, s.last = true, first, last
	}
	s.first, s.last = min(s.first, first), max(s.last, last)
}

// maxNear bounds the tokens that are remembered for resembling the query.
const maxNear = 10_000

// resemble remembers what of an event resembles the query.
func (c *collector) resemble(e *event.Event, features []token.Feature, pos format.Position, raw []byte) {
	q := &c.f.o.Query
	switch {
	case q.Line > 0:
		if pos.File == q.File && (c.nearLine == 0 || closer(pos.Line, c.nearLine, q.Line)) {
			c.nearLine = pos.Line
		}
	case c.match.address != nil:
		c.resembleAddress(e)
	default:
		c.resembleText(features, raw)
	}
}

// closer reports whether line a is nearer to line than b is; of two that are as near the earlier is.
func closer(a, b, line int64) bool {
	da, db := max(a-line, line-a), max(b-line, line-b)
	return da < db || da == db && a < b
}

// resembleAddress remembers addresses of the same network.
func (c *collector) resembleAddress(e *event.Event) {
	a := c.match.address
	cut := max(bytes.LastIndexByte(a, '.'), bytes.LastIndexByte(a, ':')) + 1
	for i := range e.Fields {
		if v := e.Fields[i].Value; len(v) <= 45 && bytes.HasPrefix(v, a[:cut]) {
			c.like(string(v))
		}
	}
}

// resembleText remembers tokens that hold the text that was asked for.
func (c *collector) resembleText(features []token.Feature, raw []byte) {
	value := c.match.value
	if c.match.field == "" {
		value = c.f.o.Query.Text
	}
	lower := strings.ToLower(value)
	if value == "" || !bytes.Contains(raw, []byte(value)) && !bytes.Contains(raw, []byte(lower)) {
		return
	}
	for i := range features {
		f := &features[i]
		if f.Field.Left != "" {
			continue
		}
		for _, t := range c.codify.Tokens(f) {
			switch t.Kind {
			case token.Gram, token.Odd, token.Shape:
				continue
			}
			if strings.ToLower(t.Text) == lower {
				c.like(token.Name(f.Field.Name, t.Kind, t.Text))
			}
		}
	}
}

func (s *seeds) like(name string) {
	if _, ok := s.near[name]; ok || len(s.near) < maxNear {
		s.near[name]++
	}
}

// maxTips is how many tokens are named that resemble the query.
const maxTips = 3

func (s *seeds) nearest() []Near {
	var out []Near
	for name, n := range s.near {
		out = append(out, Near{name, n})
	}
	slices.SortFunc(out, func(a, b Near) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Token, b.Token))
	})
	return out[:min(len(out), maxTips)]
}

// mergeSeeds adds up what the workers found. The order of workers does not matter.
func mergeSeeds(all []*collector) *seeds {
	s := &seeds{features: map[uint64]seedFeature{}, near: map[string]int64{}}
	for i, c := range all {
		c.counter.Flush()
		if i == 0 {
			s.counts = c.counter.Counts
		} else {
			s.counts.Merge(c.counter.Counts)
		}
		s.absorb(&c.seeds, all[0].f.o.Query.Line)
	}
	return s
}

func (s *seeds) absorb(o *seeds, line int64) {
	if o.count > 0 && (s.count == 0 || o.at.compare(s.at) < 0) {
		s.at, s.raw = o.at, o.raw
	}
	s.count += o.count
	if o.timed {
		s.span(o.first, o.last)
	}
	for hash, f := range o.features {
		s.features[hash] = f
	}
	for name, n := range o.near {
		s.near[name] += n
	}
	if o.nearLine > 0 && (s.nearLine == 0 || closer(o.nearLine, s.nearLine, line)) {
		s.nearLine = o.nearLine
	}
}

func (s *seeds) others() uint64 { return s.counts.Total(count.Good) }
