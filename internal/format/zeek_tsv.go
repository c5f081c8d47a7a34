package format

import (
	"bytes"
	"slices"
	"strings"

	"weir/internal/event"
)

var zeekTSV = Format{
	Name:    "zeek-tsv",
	Title:   "Zeek logs as Zeek writes them: columns with a header of # lines, also repeated in mid-file",
	Fields:  zeekJSON.Fields,
	Example: "#fields\tts\tuid\tid.orig_h\tid.orig_p …",
	Score:   scoreZeekTSV,
	New: func(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		d := &zeekTSVDecoder{header: newZeekHeader(o.Name), o: o, keys: keys}
		d.apply()
		return d, nil
	},
}

// A zeekHeader is what the # lines said. It is replaced and never changed once data lines were read with it.
type zeekHeader struct {
	filePath string // the stream that the file's name tells, for logs without #path
	sep      byte
	setSep   byte
	empty    string
	unset    string
	path     string
	fields   []string
	types    []string
	spaced   int // from this column on, columns are separated by three blanks, as in Stratosphere's labelled logs
}

// threeBlanks stand between the last columns of some logs to which labels were added afterwards (IoT-23).
const threeBlanks = "   "

func newZeekHeader(name string) zeekHeader {
	return zeekHeader{filePath: zeekPathFromName(name), sep: '\t', setSep: ',', empty: "(empty)", unset: "-"}
}

// A zeekColumn is what becomes of one column.
type zeekColumn struct {
	key     *event.Key
	role    role
	list    bool // a set or a vector
	boolean bool // T and F, which Zeek's JSON writes as true and false
	skip    bool // nobody wants it
}

// A zeekTSVDecoder reads one file. Its state is the header that it saw last.
type zeekTSVDecoder struct {
	header  zeekHeader
	o       Options
	keys    *event.Keys
	columns []zeekColumn // made from header, in keys
	dataset string
	url     urlKeys
}

var (
	errNoFields        = &Malformed{Reason: "no #fields header yet"}
	errZeekFewColumns  = &Malformed{Reason: "too few columns"}
	errZeekManyColumns = &Malformed{Reason: "too many columns"}
	errZeekHeader      = &Malformed{Reason: "unreadable # line"}
)

// StateMark says that all stateful lines start with #.
func (d *zeekTSVDecoder) StateMark() byte { return '#' }

func (d *zeekTSVDecoder) Stateful(line []byte, _ int64) bool { return len(line) > 0 && line[0] == '#' }

func (d *zeekTSVDecoder) Fork(keys *event.Keys) Decoder {
	f := &zeekTSVDecoder{header: d.header, o: d.o, keys: keys}
	f.apply()
	return f
}

// SameState implements stateTeller.
func (d *zeekTSVDecoder) SameState(o Decoder) bool {
	x, ok := o.(*zeekTSVDecoder)
	if !ok {
		return false
	}
	a, b := &d.header, &x.header
	return a.sep == b.sep && a.setSep == b.setSep && a.empty == b.empty && a.unset == b.unset && a.path == b.path && a.spaced == b.spaced &&
		slices.Equal(a.fields, b.fields) && slices.Equal(a.types, b.types)
}

func (d *zeekTSVDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	if len(line) == 0 {
		return ErrSkip
	}
	if line[0] == '#' {
		return d.directive(line)
	}
	if len(d.columns) == 0 {
		return errNoFields
	}
	return d.record(line, e)
}

// directive reads a # line into the header. The values of the header are copies.
func (d *zeekTSVDecoder) directive(line []byte) error {
	if rest, ok := bytes.CutPrefix(line, []byte("#separator")); ok {
		return d.separator(bytes.TrimSpace(rest))
	}
	word, rest, _ := bytes.Cut(line[1:], []byte{d.header.sep})
	value := string(rest)
	switch h := &d.header; string(word) {
	case "set_separator":
		if s := unescapeZeek(nil, rest); len(s) == 1 {
			h.setSep = s[0]
		}
	case "empty_field":
		h.empty = value
	case "unset_field":
		h.unset = value
	case "path":
		h.path = strings.TrimSpace(value)
	case "fields":
		var last []string
		h.fields, last = splitHeader(value, h.sep)
		h.types, h.spaced = nil, len(h.fields)
		h.fields = append(h.fields, last...)
	case "types":
		types, last := splitHeader(value, h.sep)
		h.types = append(types, last...)
	}
	if len(d.header.fields) > event.MaxFields {
		d.header.fields = nil
		return errZeekHeader
	}
	d.apply()
	return ErrSkip
}

// splitHeader splits the names of columns; last are those at the end that three blanks separate.
func splitHeader(value string, sep byte) (names, last []string) {
	names = strings.Split(value, string(rune(sep)))
	if end := len(names) - 1; strings.Contains(names[end], threeBlanks) {
		return names[:end], strings.Split(names[end], threeBlanks)
	}
	return names, nil
}

// separator starts a new header.
func (d *zeekTSVDecoder) separator(value []byte) error {
	sep := unescapeZeek(nil, value)
	h := zeekHeader{filePath: d.header.filePath, sep: '\t', setSep: ',', empty: "(empty)", unset: "-"}
	var err error = ErrSkip
	switch {
	case len(sep) == 1:
		h.sep = sep[0]
	case len(value) > 0:
		err = errZeekHeader
	}
	d.header = h
	d.apply()
	return err
}

// apply makes the columns from the header.
func (d *zeekTSVDecoder) apply() {
	h := &d.header
	path := h.path
	if path == "" {
		path = h.filePath
	}
	if path == "" {
		var hints uint64
		for _, f := range h.fields {
			hints |= zeekHints[zeekFieldName(f)]
		}
		path = zeekPathFromHints(hints)
	}
	d.dataset = zeekDataset(path)
	d.url = newURLKeys(d.keys)
	d.columns = make([]zeekColumn, len(h.fields))
	for i, field := range h.fields {
		use := zeekUse(path, field)
		c := zeekColumn{key: d.keys.Get(use.name), role: use.role, list: zeekLists[field]}
		if len(h.types) == len(h.fields) {
			t := h.types[i]
			c.list = strings.HasPrefix(t, "set[") || strings.HasPrefix(t, "vector[") || strings.HasPrefix(t, "table[")
			c.boolean = t == "bool" || strings.HasSuffix(t, "[bool]")
		}
		if c.role == roleDataset {
			c.role = roleNone // #path has said it
		}
		c.skip = d.o.Wanted != nil && c.role == roleField && !d.o.Wanted(use.name)
		d.columns[i] = c
	}
}

func (d *zeekTSVDecoder) record(line []byte, e *event.Event) error {
	e.Dataset = d.dataset
	escapes := bytes.IndexByte(line, '\\') >= 0
	rest, more := line, true
	for i := range d.columns {
		if !more {
			return errZeekFewColumns
		}
		var value []byte
		if i >= d.header.spaced {
			value, rest, more = bytes.Cut(rest, []byte(threeBlanks))
		} else if end := bytes.IndexByte(rest, d.header.sep); end >= 0 {
			value, rest = rest[:end], rest[end+1:]
		} else {
			value, rest, more = rest, nil, false
		}
		c := &d.columns[i]
		if c.skip || len(value) == 0 || string(value) == d.header.unset || string(value) == d.header.empty {
			continue
		}
		if c.list {
			d.list(c, value, escapes, e)
		} else {
			d.value(c, value, escapes, e)
		}
		if len(e.Fields) > event.MaxFields {
			e.Fields = e.Fields[:event.MaxFields]
			return errManyFields
		}
	}
	if more {
		return errZeekManyColumns
	}
	return nil
}

// list adds the members of a set or vector. It stops beyond the limit of fields, which record then reports.
func (d *zeekTSVDecoder) list(c *zeekColumn, value []byte, escapes bool, e *event.Event) {
	for len(value) > 0 && len(e.Fields) <= event.MaxFields {
		member := value
		if end := bytes.IndexByte(value, d.header.setSep); end >= 0 {
			member, value = value[:end], value[end+1:]
		} else {
			value = nil
		}
		if len(member) > 0 && string(member) != d.header.unset {
			d.value(c, member, escapes, e)
		}
	}
}

var (
	trueText  = []byte("true")
	falseText = []byte("false")
)

func (d *zeekTSVDecoder) value(c *zeekColumn, value []byte, escapes bool, e *event.Event) {
	if escapes && bytes.IndexByte(value, '\\') >= 0 {
		start := len(e.Scratch)
		e.Scratch = unescapeZeek(e.Scratch, value)
		value = e.Scratch[start:len(e.Scratch):len(e.Scratch)]
	}
	switch {
	case c.role == roleTime && !e.HasTime:
		var ok bool
		if e.Time, ok = ParseEpoch(value); !ok {
			if e.Time, ok = d.o.time(value); !ok {
				e.Add(c.key, value)
			}
		}
		e.HasTime = ok
	case c.role == roleURL:
		d.url.add(e, value)
	case c.role == roleNone:
	case c.boolean && len(value) == 1 && value[0] == 'T':
		e.Add(c.key, trueText)
	case c.boolean && len(value) == 1 && value[0] == 'F':
		e.Add(c.key, falseText)
	default:
		e.Add(c.key, value)
	}
}

// unescapeZeek appends s with \xNN and \\ undone, as Zeek writes bytes that would break its columns.
func unescapeZeek(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if s[i+1] == '\\' {
				dst = append(dst, '\\')
				i++
				continue
			}
			if s[i+1] == 'x' && i+3 < len(s) {
				hi, ok1 := hexDigit(s[i+2])
				lo, ok2 := hexDigit(s[i+3])
				if ok1 && ok2 {
					dst = append(dst, hi<<4|lo)
					i += 3
					continue
				}
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}

// scoreZeekTSV reads the sample if it has a #fields line at all.
func scoreZeekTSV(sample [][]byte, o Options) (float64, string) {
	header := false
	for _, line := range sample {
		header = header || bytes.HasPrefix(line, []byte("#fields")) && len(line) > len("#fields ")
	}
	if !header {
		return 0, "no #fields line"
	}
	d := &zeekTSVDecoder{header: newZeekHeader(o.Name), o: o, keys: event.NewKeys()}
	lost := false // lines before the first header are not the format's fault
	score, reason := scoreDecoding(sample, func(line []byte, e *event.Event) error {
		err := d.Decode(line, e)
		if err == error(errNoFields) {
			lost = true
			return ErrSkip
		}
		return err
	})
	switch {
	case score > 0 || reason != noRecord:
		return score, reason
	case lost:
		return 0.5, noRecord
	}
	return 1, "" // a header only
}
