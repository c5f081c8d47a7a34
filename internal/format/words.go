package format

import (
	"bytes"
	"slices"

	"weir/internal/event"
)

// A wordsDecoder reads records that are values with blanks or tabs between them, each in the column that a header names:
// the W3C's extended log format and flow logs. A value of - is none. The header may come again, with other columns.
type wordsDecoder struct {
	kind    *wordsKind
	o       Options
	keys    *event.Keys
	names   []string // of the header
	date    string   // that times without a date have, of a # line
	columns []wordsColumn
	url     urlKeys
	iana    *event.Key // network.iana_number, of protocols without a name
}

// A wordsKind is what the two formats do not share.
type wordsKind struct {
	dataset string
	header  func(line []byte) (names []string, ok bool) // ok tells that the line is a header
	use     func(column string) wordsColumn             // without the key
	usual   []string                                    // the columns where no header has come
}

type wordsColumn struct {
	name string
	role wordsRole
	key  *event.Key
}

type wordsRole uint8

const (
	wordsField wordsRole = iota
	wordsTime            // of the record, alone or after a date
	wordsDate
	wordsURL
	wordsAgent    // blanks are written as + or %20
	wordsProtocol // its number
	wordsNone     // nobody wants it
)

var (
	errNoHeader    = &Malformed{Reason: "no header with the names of columns yet"}
	errWordsFew    = &Malformed{Reason: "fewer values than the header has names"}
	errWordsMany   = &Malformed{Reason: "more values than the header has names"}
	errWordsHeader = &Malformed{Reason: "a header with too many columns"}
)

func newWords(k *wordsKind, names []string, o Options, keys *event.Keys) *wordsDecoder {
	d := &wordsDecoder{kind: k, o: o, keys: keys, url: newURLKeys(keys), iana: keys.Get("network.iana_number")}
	d.apply(names)
	return d
}

func (d *wordsDecoder) apply(names []string) {
	d.names = names
	d.columns = make([]wordsColumn, len(names))
	taken := map[string]bool{}
	for i, n := range names {
		c := d.kind.use(n)
		if taken[c.name] {
			c.name = n
		}
		taken[c.name] = true
		c.key = d.keys.Get(c.name)
		if d.o.Wanted != nil && c.role == wordsField && !d.o.Wanted(c.name) {
			c.role = wordsNone
		}
		d.columns[i] = c
	}
}

// Stateful implements Decoder.
func (d *wordsDecoder) Stateful(line []byte, _ int64) bool {
	if len(line) > 0 && line[0] == '#' {
		return true
	}
	_, ok := d.kind.header(line)
	return ok
}

// SameState implements stateTeller. The date of a header matters where records have none.
func (d *wordsDecoder) SameState(o Decoder) bool {
	x, ok := o.(*wordsDecoder)
	if !ok || !slices.Equal(d.names, x.names) {
		return false
	}
	return d.date == x.date || slices.ContainsFunc(d.columns, func(c wordsColumn) bool { return c.role == wordsDate })
}

// Fork implements Decoder.
func (d *wordsDecoder) Fork(keys *event.Keys) Decoder {
	f := newWords(d.kind, d.names, d.o, keys)
	f.date = d.date
	return f
}

// Decode implements Decoder.
func (d *wordsDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	line = trimCSVLine(line)
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrSkip
	}
	if names, ok := d.kind.header(line); ok {
		if len(names) > event.MaxFields-8 {
			return errWordsHeader
		}
		d.apply(names)
		return ErrSkip
	}
	if line[0] == '#' {
		if date, ok := bytes.CutPrefix(line, []byte("#Date:")); ok {
			day, _, _ := bytes.Cut(bytes.TrimSpace(date), []byte{' '})
			d.date = string(day)
		}
		return ErrSkip
	}
	if len(d.columns) == 0 {
		return errNoHeader
	}
	e.Dataset = d.kind.dataset
	if fault := d.record(line, e); fault != nil {
		e.Reset()
		return fault
	}
	return nil
}

func (d *wordsDecoder) record(line []byte, e *event.Event) error {
	comma := byte(' ')
	if bytes.IndexByte(line, '\t') >= 0 {
		comma = '\t'
	}
	date := []byte(d.date)
	var clock []byte
	var clockKey *event.Key
	rest := bytes.TrimRight(line, " ")
	for i := range d.columns {
		if rest == nil {
			return errWordsFew
		}
		v, after, more := bytes.Cut(rest, []byte{comma})
		if rest = after; !more {
			rest = nil
		}
		if len(v) == 0 || len(v) == 1 && v[0] == '-' {
			continue
		}
		switch c := &d.columns[i]; c.role {
		case wordsField:
			e.Add(c.key, v)
		case wordsTime:
			clock, clockKey = v, c.key
		case wordsDate:
			date = v
		case wordsURL:
			d.url.add(e, v)
		case wordsAgent:
			e.Add(c.key, spelled(e, v))
		case wordsProtocol:
			if name := transports[string(v)]; name != nil {
				e.Add(c.key, name)
			} else {
				e.Add(d.iana, v)
			}
		}
	}
	if rest != nil {
		return errWordsMany
	}
	if clock != nil {
		d.stamp(e, date, clock, clockKey)
	}
	return nil
}

// stamp sets the time. What is none stays as a field.
func (d *wordsDecoder) stamp(e *event.Event, date, clock []byte, key *event.Key) {
	stamp := clock
	if len(date) > 0 {
		start := len(e.Scratch)
		e.Scratch = append(append(append(e.Scratch, date...), ' '), clock...)
		stamp = e.Scratch[start:]
	}
	if e.Time, e.HasTime = d.o.time(stamp); !e.HasTime {
		e.Add(key, clock)
	}
}

// transports are the names of the protocols that have ports or are common, by their number.
var transports = map[string][]byte{"1": []byte("icmp"), "6": []byte("tcp"), "17": []byte("udp"), "58": []byte("ipv6-icmp"),
	"132": []byte("sctp")}

// spelled puts blanks back where + or %20 stand for them.
func spelled(e *event.Event, v []byte) []byte {
	if bytes.IndexByte(v, '+') < 0 && !bytes.Contains(v, []byte("%20")) {
		return v
	}
	start := len(e.Scratch)
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '+':
			e.Scratch = append(e.Scratch, ' ')
		case v[i] == '%' && bytes.HasPrefix(v[i:], []byte("%20")):
			e.Scratch = append(e.Scratch, ' ')
			i += 2
		default:
			e.Scratch = append(e.Scratch, v[i])
		}
	}
	return e.Scratch[start:len(e.Scratch):len(e.Scratch)]
}

// scoreWords returns the share of lines that a decoder reads, given that it has found columns.
func scoreWords(sample [][]byte, k *wordsKind, o Options) (float64, string) {
	d := newWords(k, k.usual, o, event.NewKeys())
	score, reason := scoreDecoding(sample, d.Decode)
	if len(d.columns) == 0 {
		return 0, "no header with the names of columns"
	}
	return score, reason
}
