package lake

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"
	"unicode/utf8"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/token"
)

// maxDays bounds the partitions that one batch writes into: who writes a log can date its lines as he likes. Events of
// further days go where those without a time are.
const maxDays = 64

// Rows are events in memory, on their way into segments: those of one goroutine in one batch, with their counts.
type rows struct {
	list    [][]row // in runs of runRows, so that it grows without moving what it has
	spare   [][]row
	arena   arena  // of every row: its values, each after its length, then its line
	buf     []byte // of the row that is being added
	keys    *event.Keys
	places  []keyPlace // by event.Key.ID
	layouts []string   // text of each
	byShape map[string]int32
	sets    []string // datasets
	bySet   map[string]int32
	temps   [][]byte // templates of lines (pieces.go), up to maxTemplates
	byTemp  map[string]int32
	shape   []byte
	text    []byte
	cutter
	days  map[int64]*dayTally
	order []*dayTally

	counted bool   // the counts are known from elsewhere
	oneDay  bool   // all rows are of one partition,
	theDay  string // this one
	codify  *token.Codifier
	enrich  *token.Enrichment
	counter *count.TallyCounter
}

type row struct {
	time     int64
	line     int64
	at       place // of its bytes
	layout   int32
	dataset  int32
	source   int32 // index into the sources of the batch
	day      int32 // index into order
	rawSize  int32 // -1 if it is not kept
	template int32 // of a line in pieces, the number of its template; if that is -1-n, it is the first n bytes of rawSize
	timed    bool
}

// A keyPlace is what is known of a field's name.
type keyPlace struct {
	known  bool
	column int8 // -1 where it has none
	odd    bool // the name cannot be a key of the map
	id     bool // it is an identifier
}

// A dayTally is the counts of one partition.
type dayTally struct {
	day    string // empty where there is none
	tally  *count.Tally
	fields []*count.FieldTally // by token.Field.ID
	rows   int
}

// newRows returns no rows, of fields that are named in keys.
func (l *Lake) newRows(keys *event.Keys) *rows {
	e := token.NewEnrichment(l.Zone, l.geo)
	b := &rows{keys: keys, codify: token.NewCodifier(l.seed, e), enrich: e, counter: count.NewTallyCounter()}
	b.reset()
	return b
}

// reset empties the rows, keeping the large parts of their memory.
func (b *rows) reset() {
	b.empty()
	b.layouts, b.sets, b.temps, b.order = nil, nil, nil, nil
	b.byShape, b.bySet, b.byTemp, b.days = map[string]int32{}, map[string]int32{}, map[string]int32{}, map[int64]*dayTally{}
}

const runRows = 1 << 13

// empty removes the rows, and keeps their counts.
func (b *rows) empty() {
	for _, run := range b.list {
		b.spare = append(b.spare, run[:0])
	}
	clear(b.list)
	b.list = b.list[:0]
	b.arena.reset()
}

// append adds a row to the list.
func (b *rows) append(x row) {
	n := len(b.list)
	if n == 0 || len(b.list[n-1]) == runRows {
		if k := len(b.spare); k > 0 {
			b.list, b.spare = append(b.list, b.spare[k-1]), b.spare[:k-1]
		} else {
			b.list = append(b.list, make([]row, 0, runRows))
		}
		n++
	}
	b.list[n-1] = append(b.list[n-1], x)
}

// size is how much memory the rows take, about.
func (b *rows) size() int { return len(b.arena.chunks)*arenaChunk + 64*runRows*len(b.list) }

const nanosPerDay = int64(24 * time.Hour)

// dayOf returns the number of the day in which t lies, counted from 1970.
func dayOf(t int64) int64 {
	d := t / nanosPerDay
	if t%nanosPerDay < 0 {
		d--
	}
	return d
}

const withoutDay = -1 << 62

// tallyOf returns the index of the partition of an event.
func (b *rows) tallyOf(timed bool, t int64) int32 {
	day := int64(withoutDay)
	if timed {
		day = dayOf(t)
	}
	if b.oneDay {
		day = 0
	}
	d, ok := b.days[day]
	if !ok && len(b.days) >= maxDays {
		day = withoutDay
		d, ok = b.days[day]
	}
	if !ok {
		d = &dayTally{tally: count.NewTally()}
		if b.oneDay {
			d.day = b.theDay
		} else if day != withoutDay {
			d.day = time.Unix(0, day*nanosPerDay).UTC().Format(time.DateOnly)
		}
		b.days[day] = d
		b.order = append(b.order, d)
	}
	d.rows++
	if n := len(b.order); b.order[n-1] == d {
		return int32(n - 1)
	}
	return int32(slices.Index(b.order, d))
}

// add takes an event in, and counts it.
func (b *rows) add(e *event.Event, source int32, line int64, raw []byte, keepRaw bool) {
	x := row{time: e.Time, line: line, source: source, timed: e.HasTime, rawSize: -1}
	flags := 0
	b.buf = b.buf[:0]
	if e.HasTime {
		flags |= flagTimed
	} else {
		x.time = 0
	}
	b.shape = append(b.shape[:0], 0)
	var seen uint64
	for i := range e.Fields {
		f := &e.Fields[i]
		p := b.placeOf(f.Key)
		place := uint64(inMap)
		switch {
		case p.odd || !utf8.Valid(f.Value):
			place = inBinary
		case p.id:
			place = inIDs
		case p.column >= 0 && seen&(1<<p.column) == 0:
			place = inColumn
			if columns[p.column].number {
				if _, ok := parseNumber(f.Value); !ok {
					place = inMap
				}
			}
		}
		if p.column >= 0 {
			seen |= 1 << p.column
		}
		b.shape = binary.AppendUvarint(b.shape, uint64(f.Key.ID)<<2|place)
		b.buf = binary.AppendUvarint(b.buf, uint64(len(f.Value)))
		b.buf = append(b.buf, f.Value...)
	}
	if keepRaw {
		flags |= b.addRaw(&x, e, raw)
	}
	x.at = b.arena.put(b.buf)
	b.shape[0] = byte(flags)
	x.layout = b.layoutOf()
	x.dataset = b.datasetOf(e.Dataset)
	x.day = b.tallyOf(e.HasTime, e.Time)
	b.append(x)
	if b.counted {
		return
	}
	b.count(e, b.order[x.day])
}

// addRaw adds the line of an event, and returns how as a flag.
func (b *rows) addRaw(x *row, e *event.Event, raw []byte) (flag int) {
	start := len(b.buf)
	switch {
	case !utf8.Valid(raw):
		flag = flagRawBytes
	case b.cut(e.Fields, raw):
		if x.template = b.templateOf(); x.template < 0 {
			b.buf = append(b.buf, b.template...)
		}
		b.buf = append(b.buf, b.digits...)
		x.rawSize = int32(len(b.buf) - start)
		return flagPieces
	default:
		flag = flagRaw
	}
	b.buf = append(b.buf, raw...)
	x.rawSize = int32(len(raw))
	return flag
}

// maxTemplates bounds those that are kept once for all rows: who writes a log may make each line another.
const maxTemplates = 4096

// templateOf returns the number of the template that was cut last, -1-n for one of n bytes that has none.
func (b *rows) templateOf() int32 {
	if n, ok := b.byTemp[string(b.template)]; ok {
		return n
	}
	if len(b.temps) >= maxTemplates || len(b.template) > 4096 {
		return -1 - int32(len(b.template))
	}
	n := int32(len(b.temps))
	b.temps = append(b.temps, bytes.Clone(b.template))
	b.byTemp[string(b.template)] = n
	return n
}

func (b *rows) placeOf(k *event.Key) keyPlace {
	for k.ID >= len(b.places) {
		b.places = append(b.places, keyPlace{})
	}
	p := &b.places[k.ID]
	if !p.known {
		*p = keyPlace{known: true, column: -1, odd: !utf8.ValidString(k.Name) || k.Name == "" || endsLikeIndex([]byte(k.Name)),
			id: identifier(k.Name)}
		if c, ok := columnOf[k.Name]; ok {
			p.column = int8(c)
		}
	}
	return *p
}

// layoutOf returns the number of the layout that b.shape describes.
func (b *rows) layoutOf() int32 {
	if n, ok := b.byShape[string(b.shape)]; ok {
		return n
	}
	n := int32(len(b.layouts))
	b.text = appendLayoutFlags(b.text[:0], int(b.shape[0]))
	var seen uint64
	for s := b.shape[1:]; len(s) > 0; {
		v, size := binary.Uvarint(s)
		s = s[size:]
		k := b.keys.ByID(int(v >> 2))
		c := b.places[k.ID].column
		b.text = appendLayoutName(b.text, k.Name, int(v&3), c >= 0 && seen&(1<<c) == 0)
		if c >= 0 {
			seen |= 1 << c
		}
	}
	b.layouts = append(b.layouts, string(b.text))
	b.byShape[string(b.shape)] = n
	return n
}

func (b *rows) datasetOf(name string) int32 {
	if n, ok := b.bySet[name]; ok {
		return n
	}
	n := int32(len(b.sets))
	b.sets = append(b.sets, name)
	b.bySet[name] = n
	return n
}

// count adds the tokens of an event to a partition's counts, as a hunt would.
func (b *rows) count(e *event.Event, d *dayTally) {
	hour := count.Untimed
	if e.HasTime {
		hour = b.enrich.HourOfWeek(e.Time)
	}
	d.tally.Events[hour]++
	features := b.codify.Codify(e)
	for i := range features {
		f := &features[i]
		b.counter.Add(d.fieldOf(f.Field), f.Hash, hour, func(dst []uint64) []uint64 { return b.codify.Parts(f, dst) })
	}
}

func (d *dayTally) fieldOf(f *token.Field) *count.FieldTally {
	for f.ID >= len(d.fields) {
		d.fields = append(d.fields, nil)
	}
	if d.fields[f.ID] == nil {
		d.fields[f.ID] = d.tally.Field(f.Name)
	}
	return d.fields[f.ID]
}

// An arena holds the bytes of rows in chunks, so that it grows without moving what it has.
type arena struct {
	chunks [][]byte
	spare  [][]byte
}

// A place is where bytes start in an arena.
type place struct{ chunk, at int32 }

const arenaChunk = 1 << 20

// put copies p into the arena.
func (a *arena) put(p []byte) place {
	n := len(a.chunks)
	if n == 0 || cap(a.chunks[n-1])-len(a.chunks[n-1]) < len(p) {
		var c []byte
		if k := len(a.spare); k > 0 && len(p) <= arenaChunk {
			c, a.spare = a.spare[k-1], a.spare[:k-1]
		} else {
			c = make([]byte, 0, max(arenaChunk, len(p)))
		}
		a.chunks = append(a.chunks, c)
		n++
	}
	c := a.chunks[n-1]
	a.chunks[n-1] = append(c, p...)
	return place{int32(n - 1), int32(len(c))}
}

// from returns what starts at a place.
func (a *arena) from(p place) []byte { return a.chunks[p.chunk][p.at:] }

// reset empties the arena and keeps its chunks.
func (a *arena) reset() {
	for _, c := range a.chunks {
		if cap(c) == arenaChunk {
			a.spare = append(a.spare, c[:0])
		}
	}
	clear(a.chunks)
	a.chunks = a.chunks[:0]
}
