package format

import (
	"bytes"

	"weir/internal/event"
)

// csvFormat reads tables of text: values with commas, tabs, semicolons or pipes between them, and names in the first
// line. A record is a line: a quoted value that holds a line break is malformed ("quote not closed"), because lines are
// what other goroutines are handed.
//
// Blanks around a value without quotes are padding and taken off. A value that is empty is left out.
var csvFormat = Format{
	Name:    "csv",
	Title:   "table with a header line: commas, tabs, semicolons or pipes between the values",
	Fields:  []string{"(the names in the header, or their ECS names)"},
	Example: "time,src_ip,action\n2026-01-02T03:04:05Z,203.0.113.7,login",
	Score: func(sample [][]byte, o Options) (float64, string) {
		_, score, reason := planCSV(sample, o)
		return score, reason
	},
	New: func(sample [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		plan, _, _ := planCSV(sample, o)
		return newCSVDecoder(plan, o, keys), nil
	},
}

var (
	errFewColumns  = &Malformed{Reason: "too few columns"}
	errManyColumns = &Malformed{Reason: "too many columns"}
	errOpenQuote   = &Malformed{Reason: "quote not closed"}
	errAfterQuote  = &Malformed{Reason: "text after a quoted value"}
)

// A csvPlan is what the first lines of a table say about it. It does not change afterwards.
type csvPlan struct {
	comma      byte
	header     []byte // the line of names, to leave it out wherever it occurs again; nil if there is none
	headerLine int64  // its number, from 1; 0 if there is none
	columns    []csvColumn
	dateColumn int // the column of dates if the time is split in two, else -1
}

type csvColumn struct {
	name string
	kind csvKind
}

type csvKind uint8

const (
	csvPlain csvKind = iota
	csvTime          // when the record happened
	csvDate          // the date that csvTime lacks
	csvURL
)

type csvDecoder struct {
	*csvPlan
	urls urlKeys
	keys []*event.Key // of the columns
	o    Options
}

func newCSVDecoder(p *csvPlan, o Options, keys *event.Keys) *csvDecoder {
	d := &csvDecoder{csvPlan: p, urls: newURLKeys(keys), o: o, keys: make([]*event.Key, len(p.columns))}
	for i, c := range p.columns {
		d.keys[i] = keys.Get(c.name)
	}
	return d
}

// Stateful is true for the header, and for what may stand before it.
func (d *csvDecoder) Stateful(_ []byte, n int64) bool { return n <= d.headerLine }

func (d *csvDecoder) Fork(keys *event.Keys) Decoder { return newCSVDecoder(d.csvPlan, d.o, keys) }

func (d *csvDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	line = trimCSVLine(line)
	if len(line) == 0 || d.header != nil && bytes.Equal(line, d.header) || isSepLine(line) {
		return ErrSkip
	}
	e.Dataset = "csv"
	var date, clock []byte
	rest, more := line, true
	for i := 0; more; i++ {
		if i == len(d.columns) {
			if len(bytes.TrimSpace(rest)) == 0 { // a comma at the line's end
				break
			}
			e.Reset()
			return errManyColumns
		}
		var v []byte
		var err *Malformed
		if v, rest, more, err = cutCell(e, rest, d.comma); err != nil {
			e.Reset()
			return err
		}
		if !more && i+1 < len(d.columns) {
			e.Reset()
			return errFewColumns
		}
		if len(v) == 0 {
			continue
		}
		switch d.columns[i].kind {
		case csvPlain:
			e.Add(d.keys[i], v)
		case csvURL:
			d.urls.add(e, v)
		case csvDate:
			date = v
		case csvTime:
			clock = v
		}
	}
	d.setTime(e, date, clock)
	return nil
}

// setTime sets the time of a record. What cannot be read as a time stays as a field, and the record untimed.
func (d *csvDecoder) setTime(e *event.Event, date, clock []byte) {
	if clock == nil {
		return
	}
	stamp := clock
	if d.dateColumn >= 0 {
		start := len(e.Scratch)
		e.Scratch = append(append(append(e.Scratch, date...), ' '), clock...)
		stamp = e.Scratch[start:]
	}
	if e.Time, e.HasTime = d.o.time(stamp); e.HasTime {
		return
	}
	for i, c := range d.columns {
		if c.kind == csvTime {
			e.Add(d.keys[i], clock)
		} else if c.kind == csvDate && date != nil {
			e.Add(d.keys[i], date)
		}
	}
}

// trimCSVLine takes off a byte order mark and the carriage return of a line end.
func trimCSVLine(line []byte) []byte {
	return bytes.TrimRight(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), "\r")
}

// isSepLine reports whether line is Excel's "sep=;".
func isSepLine(line []byte) bool { return len(line) == 5 && string(line[:4]) == "sep=" }

// cutCell cuts the first value of s. more tells that a comma followed it, so that there is another one in rest. A
// quoted value with doubled quotes is written into e.Scratch.
func cutCell(e *event.Event, s []byte, comma byte) (value, rest []byte, more bool, err *Malformed) {
	start := 0
	for start < len(s) && s[start] == ' ' {
		start++
	}
	if start == len(s) || s[start] != '"' {
		i := bytes.IndexByte(s, comma)
		if i < 0 {
			return trimBlanks(s), nil, false, nil
		}
		return trimBlanks(s[:i]), s[i+1:], true, nil
	}
	s = s[start+1:]
	doubled := false
	i := 0
	for {
		j := bytes.IndexByte(s[i:], '"')
		if j < 0 {
			return nil, nil, false, errOpenQuote
		}
		i += j
		if i+1 < len(s) && s[i+1] == '"' {
			doubled = true
			i += 2
			continue
		}
		break
	}
	value, rest = s[:i], s[i+1:]
	if doubled {
		value = undouble(e, value)
	}
	for len(rest) > 0 && rest[0] == ' ' && comma != ' ' {
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0:
		return value, nil, false, nil
	case rest[0] == comma:
		return value, rest[1:], true, nil
	}
	return nil, nil, false, errAfterQuote
}

func trimBlanks(s []byte) []byte {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// undouble writes s into e.Scratch with every "" made a ".
func undouble(e *event.Event, s []byte) []byte {
	start := len(e.Scratch)
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			break
		}
		e.Scratch = append(e.Scratch, s[:i+1]...)
		s = s[min(i+2, len(s)):]
	}
	e.Scratch = append(e.Scratch, s...)
	return e.Scratch[start:len(e.Scratch):len(e.Scratch)]
}
