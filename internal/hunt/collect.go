package hunt

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/token"
)

// A collector is one worker's share of reading: it codifies events, counts them, and stores the suspicious ones and
// those that placebo windows may need.
type collector struct {
	q        *question
	codify   *token.Codifier
	counter  *count.Counter
	groups   []*count.Group // by token.Field.ID
	keep     *interner
	suspects rows
	ladders  []*ladder
	others   *others
	raw      *spool
	hosts    *event.Hosts
	only     func(*event.Event) bool                                    // nil for all
	mark     func(e *event.Event, pos format.Position, raw []byte) Mark // nil where nobody has marked anything
	ids      []uint32
	first    int64 // earliest and latest time of any event
	last     int64
	times    timeline
	ignored  int64
	unused   int64 // in no --good span though not suspicious either
	judge    func(*event.Event) (probability, score float64, knows bool)
	judged   *event.Key
	opinion  float32 // of judge on the event, unjudged without one
	split    int32   // what rows have for their file: the split of a Share, or −1 for the file itself
	text     []byte
	err      error
	usual    *behaviour // nil where nobody asks
}

// unjudged stands for the probability of an event that no filter knows.
const unjudged = -1

// ask lets the filter judge an event and adds its score, in steps of two bits, to the event's fields: one more clue, that
// counts in the window, in known good and in clean windows like any other.
func (c *collector) ask(e *event.Event) {
	c.opinion = unjudged
	if c.judge == nil {
		return
	}
	p, score, knows := c.judge(e)
	if !knows {
		return
	}
	c.opinion = float32(p)
	side := "bad-"
	if p < .5 {
		side = "good-"
	}
	bits := min(20, 2*int(math.Abs(score)/2))
	c.text = strconv.AppendInt(append(c.text[:0], side...), int64(bits), 10)
	e.Add(c.judged, c.text)
}

// A question is what a hunt asks, resolved from Options.
type question struct {
	windows, ignore, good []Span
	hosts                 map[string]bool // in lower case
	marksDecide           bool            // in the windows, only what is marked is suspicious
	enrich                *token.Enrichment
	seed                  uint64
	drop                  []readStep
	behaviour             bool // learn how everybody acts
	room                  int  // see Options
}

// A readStep is a narrowing step that needs the whole event and is therefore asked while reading.
type readStep struct {
	name string
	flag func(*event.Event) bool
}

func newCollector(q *question, raw *spool) *collector {
	c := &collector{q: q, codify: token.NewCodifier(q.seed, q.enrich), counter: count.NewCounter(), keep: newInterner(), raw: raw,
		hosts: event.NewHosts(slices.Collect(maps.Keys(q.hosts))), first: 1<<63 - 1, last: -1 << 63, split: -1}
	c.ladders, c.others = newLadders(q), newOthers(q)
	if q.behaviour {
		c.usual = newBehaviour(q.enrich)
	}
	return c
}

func hull(spans []Span) Span {
	h := spans[0]
	for _, s := range spans[1:] {
		h.From, h.To = min(h.From, s.From), max(h.To, s.To)
	}
	return h
}

// Event implements format.Handler.
func (c *collector) Event(e *event.Event, pos format.Position, raw []byte) {
	if !e.HasTime || c.err != nil {
		return
	}
	t := e.Time
	c.first, c.last = min(c.first, t), max(c.last, t)
	c.times.add(t)
	if inAny(c.q.ignore, t) {
		c.ignored++
		return
	}
	mark := c.markOf(e, pos, raw)
	suspicious, use := c.q.class(mark, inAny(c.q.windows, t), c.matches(e))
	if !use {
		c.ignored++
		return
	}
	if !suspicious && mark != MarkedGood && len(c.q.good) > 0 && !inAny(c.q.good, t) {
		c.unused++
		return
	}
	c.ask(e)
	features := c.codify.Codify(e)
	hour := c.q.enrich.HourOfWeek(t)
	class := count.Good
	if suspicious {
		class = count.Bad
	}
	c.counter.Counts.Events[class][hour]++
	for i := range features {
		f := &features[i]
		c.counter.Add(c.groupOf(f.Field), f.Hash, class, hour, func(dst []uint64) []uint64 { return c.codify.Parts(f, dst) })
	}
	if suspicious {
		c.suspect(e, pos, raw, features, mark == MarkedBad)
		return
	}
	if c.usual != nil {
		c.usual.see(features, hour%24)
	}
	c.store(e, pos, features)
}

// store puts a known-good event aside for the placebos that may need it.
func (c *collector) store(e *event.Event, pos format.Position, features []token.Feature) {
	if len(c.q.hosts) > 0 && inAny(c.q.windows, e.Time) {
		if x := c.row(e, pos, features); c.others.wants(c.keep, &x) {
			c.others.add(c.keep, x, c.ids)
		}
		return
	}
	if !c.matches(e) {
		return
	}
	var x row
	known := false
	for _, l := range c.ladders {
		if k, ok := l.wants(e.Time); ok {
			if !known {
				x = c.row(e, pos, features)
				x.client = c.witness(&x)
				known = true
			}
			l.add(k, x, c.ids)
		}
	}
	if len(c.ladders) > 1 && c.ladders[0].full() {
		c.ladders = c.ladders[:1:1]
	}
}

// restore stores an event that another machine's collector had stored, with its features as ids of this one's.
func (c *collector) restore(x row, ids []uint32, suspicious bool, raw []byte) {
	for _, id := range ids {
		switch f := c.keep.fields[c.keep.list[id].field]; {
		case f.Left != "":
		case f.Client() && x.client == 0:
			x.client = id + 1
		case f.Peer() && x.peer == 0:
			x.peer = id + 1
		}
	}
	switch {
	case suspicious:
		x.client = c.witness(&x)
		c.keepSuspect(x, ids, raw)
	case len(c.q.hosts) > 0 && inAny(c.q.windows, x.time):
		if c.others.wants(c.keep, &x) {
			c.others.add(c.keep, x, ids)
		}
	default:
		x.client = c.witness(&x)
		for _, l := range c.ladders {
			if k, ok := l.wants(x.time); ok {
				l.add(k, x, ids)
			}
		}
	}
}

// witness returns the client of an event of the suspected hosts: its source, or, where the source is such a host itself,
// who stands at the other end.
func (c *collector) witness(x *row) uint32 {
	if len(c.q.hosts) == 0 || x.client == 0 {
		return x.client
	}
	is := func(id uint32) bool {
		f := c.keep.feature(id - 1)
		return c.q.hosts[strings.ToLower(string(f.Value))]
	}
	switch {
	case !is(x.client):
		return x.client
	case x.peer > 0 && !is(x.peer):
		return x.peer
	}
	return 0
}

func (c *collector) suspect(e *event.Event, pos format.Position, raw []byte, features []token.Feature, marked bool) {
	x := c.row(e, pos, features)
	x.marked = marked
	x.client = c.witness(&x)
	for i, s := range c.q.drop {
		if s.flag(e) {
			x.dropped = uint8(i + 1)
			break
		}
	}
	c.keepSuspect(x, c.ids, raw)
}

func (c *collector) keepSuspect(x row, ids []uint32, raw []byte) {
	var err error
	if x.raw, x.rawLen, err = c.raw.add(raw); err != nil && c.err == nil {
		c.err = err
	}
	x.raw |= int64(c.raw.worker) << spoolShift
	c.suspects.add(x, ids)
}

// row interns the features of an event into c.ids and returns its row.
func (c *collector) row(e *event.Event, pos format.Position, features []token.Feature) row {
	c.ids = c.ids[:0]
	x := row{time: e.Time, file: int32(pos.File), line: pos.Line, raw: -1, judged: c.opinion}
	if c.split >= 0 {
		x.file = c.split
	}
	for i := range features {
		f := &features[i]
		id := c.keep.intern(f)
		c.ids = append(c.ids, id)
		switch {
		case f.Field.Left != "":
		case f.Field.Client() && x.client == 0:
			x.client = id + 1
		case f.Field.Peer() && x.peer == 0:
			x.peer = id + 1
		}
	}
	return x
}

func (c *collector) groupOf(f *token.Field) *count.Group {
	for f.ID >= len(c.groups) {
		c.groups = append(c.groups, nil)
	}
	g := c.groups[f.ID]
	if g == nil {
		g = c.counter.Counts.Group(f.Name)
		g.Hourly = f.Counts()
		c.groups[f.ID] = g
	}
	return g
}
