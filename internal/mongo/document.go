package mongo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weir/internal/event"
	"weir/internal/lake"
)

// A record is a document: {source: {ip: …, port: …}, url: {path: …}}, with @timestamp (milliseconds, as BSON has it),
// event.dataset and, unless lines are not kept, event.original, where the record has no such fields itself. A field that
// occurs more than once is an array. $ at the start of a part of a name is written ＄ (U+FF04). Numbers of ECS that are
// written as such are 64-bit integers, all else text. And under weir is what brings the record back as it was:
//
//	source, line   where it stood
//	by             the attempt of reading it (sweep.go)
//	time           nanoseconds since 1970
//	layout         _id of the layout: the names in their order, null for what is in more
//	more           [{k: name, v: value}]: what cannot be nested: values that are not UTF-8 or have a NUL, names with
//	               empty parts or more than 16, names that are the start of others, names of weir's own
//	dataset, raw   where event.dataset and event.original could not be used
const (
	timeField = "@timestamp"
	ownField  = "weir"
	maxParts  = 16
)

// numbers are the fields that are stored as integers.
var numbers = map[string]bool{"source.port": true, "source.bytes": true, "source.packets": true, "destination.port": true,
	"destination.bytes": true, "destination.packets": true, "process.pid": true, "event.duration": true, "event.severity": true,
	"http.response.status_code": true, "http.response.body.bytes": true, "http.request.body.bytes": true}

// pathOf returns the path of a field in a document; nil if it cannot have one.
func pathOf(name string) []string {
	if name == "" || !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
		return nil
	}
	parts := strings.Split(name, ".")
	if len(parts) > maxParts || parts[0] == ownField || parts[0] == timeField || parts[0] == "_id" {
		return nil
	}
	for i, p := range parts {
		if p == "" {
			return nil
		}
		if p[0] == '$' {
			parts[i] = "＄" + p[1:]
		}
	}
	return parts
}

// plain reports whether bytes can be a BSON string that every server keeps as it is.
func plain(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// textOrBytes returns what a value is stored as.
func textOrBytes(b []byte) any {
	if plain(b) {
		return string(b)
	}
	return bson.Binary{Data: bytes.Clone(b)}
}

// A node is a part of a document while it is made.
type node struct {
	name   string
	kids   []*node
	values bson.A
}

// put adds a value at a path; false if something else is in the way.
func (n *node) put(path []string, v any) bool {
	for _, part := range path {
		if len(n.values) > 0 {
			return false
		}
		var next *node
		for _, k := range n.kids {
			if k.name == part {
				next = k
			}
		}
		if next == nil {
			next = &node{name: part}
			n.kids = append(n.kids, next)
		}
		n = next
	}
	if len(n.kids) > 0 {
		return false
	}
	n.values = append(n.values, v)
	return true
}

// has reports whether there is something at or in the way of a path.
func (n *node) has(path []string) bool {
	for _, part := range path {
		if len(n.values) > 0 {
			return true
		}
		var next *node
		for _, k := range n.kids {
			if k.name == part {
				next = k
			}
		}
		if next == nil {
			return false
		}
		n = next
	}
	return true
}

func (n *node) document(d bson.D) bson.D {
	for _, k := range n.kids {
		switch {
		case len(k.kids) > 0:
			d = append(d, bson.E{Key: k.name, Value: k.document(nil)})
		case len(k.values) == 1:
			d = append(d, bson.E{Key: k.name, Value: k.values[0]})
		case len(k.values) > 1:
			d = append(d, bson.E{Key: k.name, Value: k.values})
		}
	}
	return d
}

// An encoder makes documents of the events of one goroutine.
type encoder struct {
	paths   [][]string // by event.Key.ID; nil where it has none
	known   []bool
	shape   []byte
	layouts map[string]string // _id by shape
	fresh   []bson.D          // layouts that are to be written
}

var (
	datasetPath = []string{"event", "dataset"}
	rawPath     = []string{"event", "original"}
)

func (c *encoder) pathOf(k *event.Key) []string {
	for k.ID >= len(c.known) {
		c.known, c.paths = append(c.known, false), append(c.paths, nil)
	}
	if !c.known[k.ID] {
		c.known[k.ID], c.paths[k.ID] = true, pathOf(k.Name)
	}
	return c.paths[k.ID]
}

// eventID is the _id of a record.
func eventID(source string, line int64) string { return fmt.Sprintf("%s:%012d", source, line) }

// An origin is where a record stood, and the attempt of reading it (sweep.go).
type origin struct {
	source        string
	line, attempt int64
}

// encode returns the document of an event.
func (c *encoder) encode(e *event.Event, o origin, raw []byte, keepRaw bool) ([]byte, error) {
	root := &node{}
	var more bson.A
	c.shape = c.shape[:0]
	for i := range e.Fields {
		f := &e.Fields[i]
		path := c.pathOf(f.Key)
		nested := path != nil && plain(f.Value) && root.put(path, number(f.Key.Name, f.Value))
		if !nested {
			more = append(more, bson.D{{Key: "k", Value: textOrBytes([]byte(f.Key.Name))}, {Key: "v", Value: textOrBytes(f.Value)}})
		}
		c.shape = append(c.shape, byte('0'))
		if nested {
			c.shape[len(c.shape)-1] = '1'
		}
		c.shape = strconv.AppendInt(c.shape, int64(len(f.Key.Name)), 10)
		c.shape = append(append(c.shape, ':'), f.Key.Name...)
	}
	own := bson.D{{Key: "source", Value: o.source}, {Key: "line", Value: o.line}, {Key: "by", Value: o.attempt}}
	if e.HasTime {
		own = append(own, bson.E{Key: "time", Value: e.Time})
	}
	own = append(own, bson.E{Key: "layout", Value: c.layoutOf(e, more)})
	if len(more) > 0 {
		own = append(own, bson.E{Key: "more", Value: more})
	}
	if root.has(datasetPath) || !plain([]byte(e.Dataset)) {
		own = append(own, bson.E{Key: "dataset", Value: textOrBytes([]byte(e.Dataset))})
	} else {
		root.put(datasetPath, e.Dataset)
	}
	if keepRaw {
		if root.has(rawPath) || !plain(raw) {
			own = append(own, bson.E{Key: "raw", Value: textOrBytes(raw)})
		} else {
			root.put(rawPath, string(raw))
		}
	}
	d := bson.D{{Key: "_id", Value: eventID(o.source, o.line)}}
	if e.HasTime {
		d = append(d, bson.E{Key: timeField, Value: bson.DateTime(floorMillis(e.Time))})
	}
	return bson.Marshal(append(root.document(d), bson.E{Key: ownField, Value: own}))
}

func floorMillis(ns int64) int64 {
	ms := ns / 1e6
	if ns%1e6 < 0 {
		ms--
	}
	return ms
}

// number returns a value as an integer if it is one and its field holds such.
func number(name string, v []byte) any {
	if numbers[name] {
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(v) {
			return n
		}
	}
	return string(v)
}

// layoutOf returns the _id of the layout that c.shape describes.
func (c *encoder) layoutOf(e *event.Event, more bson.A) string {
	if id, ok := c.layouts[string(c.shape)]; ok {
		return id
	}
	h := sha256.Sum256(c.shape)
	id := hex.EncodeToString(h[:12])
	names := bson.A{}
	shape := c.shape
	for i := range e.Fields {
		name := e.Fields[i].Key.Name
		if shape[0] == '1' {
			names = append(names, name)
		} else {
			names = append(names, nil)
		}
		shape = shape[1+bytes.IndexByte(shape, ':')+len(name):]
	}
	if c.layouts == nil || len(c.layouts) >= maxLayouts {
		c.layouts = map[string]string{}
	}
	c.layouts[string(c.shape)] = id
	c.fresh = append(c.fresh, bson.D{{Key: "_id", Value: id}, {Key: "fields", Value: names}})
	return id
}

// maxLayouts bounds the layouts that one goroutine remembers: who writes a log can make up any number.
const maxLayouts = 1 << 16

// A layout is a layout as it is read.
type layout []layoutField

type layoutField struct {
	name string
	path []string // nil: in more
	nth  int      // of the values there
}

// parseLayout reads the document of a layout.
func parseLayout(names bson.A) (layout, error) {
	var out layout
	seen := map[string]int{}
	for _, n := range names {
		name, ok := n.(string)
		if n != nil && !ok {
			return nil, fmt.Errorf("%w: a layout holds a %T", lake.ErrSegment, n)
		}
		f := layoutField{name: name}
		if ok {
			if f.path = pathOf(name); f.path == nil {
				return nil, fmt.Errorf("%w: a layout nests %q", lake.ErrSegment, name)
			}
			at := strings.Join(f.path, ".")
			f.nth = seen[at]
			seen[at]++
		}
		out = append(out, f)
	}
	return out, nil
}

// A decoder makes events of documents, for one goroutine.
type decoder struct {
	keys   *event.Keys
	e      event.Event
	layout func(id string) (layout, error)
}

// A record is an event with where it stood. It is valid until the next one is decoded.
type record struct {
	*event.Event
	source string
	line   int64
	raw    []byte
}

func text(v bson.RawValue) (b []byte, ok bool) {
	switch v.Type {
	case bson.TypeString:
		return v.Value[4 : len(v.Value)-1], true
	case bson.TypeBinary:
		_, b, ok = v.BinaryOK()
		return b, ok
	case bson.TypeInt64:
		n, ok := v.Int64OK()
		return strconv.AppendInt(nil, n, 10), ok
	}
	return nil, false
}

// decode reads a document.
func (d *decoder) decode(doc bson.Raw) (r record, err error) {
	if err := doc.Validate(); err != nil {
		return r, fmt.Errorf("%w: an event: %w", lake.ErrSegment, err)
	}
	own, ok := doc.Lookup(ownField).DocumentOK()
	if !ok {
		return r, fmt.Errorf("%w: an event without %q", lake.ErrSegment, ownField)
	}
	e := &d.e
	e.Reset()
	r.Event = e
	r.source, _ = own.Lookup("source").StringValueOK()
	r.line, _ = own.Lookup("line").Int64OK()
	e.Time, e.HasTime = own.Lookup("time").Int64OK()
	id, _ := own.Lookup("layout").StringValueOK()
	l, err := d.layout(id)
	if err != nil {
		return r, err
	}
	var more []bson.RawValue
	if a, ok := own.Lookup("more").ArrayOK(); ok {
		more, _ = a.Values()
	}
	for i := range l {
		f := &l[i]
		name, value := []byte(f.name), []byte(nil)
		if f.path == nil {
			if len(more) == 0 {
				return r, fmt.Errorf("%w: event %s lacks a value", lake.ErrSegment, eventID(r.source, r.line))
			}
			pair, _ := more[0].DocumentOK()
			more = more[1:]
			k, ok1 := text(pair.Lookup("k"))
			v, ok2 := text(pair.Lookup("v"))
			name, value, ok = k, v, ok1 && ok2
		} else {
			value, ok = nth(doc.Lookup(f.path...), f.nth)
		}
		if !ok {
			return r, fmt.Errorf("%w: event %s lacks %q", lake.ErrSegment, eventID(r.source, r.line), name)
		}
		e.Add(d.keys.GetBytes(name), value)
	}
	set, ok := text(own.Lookup("dataset"))
	if !ok {
		set, _ = text(doc.Lookup(datasetPath...))
	}
	e.Dataset = string(set)
	if r.raw, ok = text(own.Lookup("raw")); !ok && !l.names("event.original") {
		r.raw, _ = text(doc.Lookup(rawPath...))
	}
	return r, nil
}

// names reports whether a field is one of the record's own.
func (l layout) names(name string) bool {
	for i := range l {
		if l[i].name == name && l[i].path != nil {
			return true
		}
	}
	return false
}

// nth returns one of the values of a field.
func nth(v bson.RawValue, n int) ([]byte, bool) {
	if a, ok := v.ArrayOK(); ok {
		list, err := a.Values()
		if err != nil || n >= len(list) {
			return nil, false
		}
		return text(list[n])
	}
	if n > 0 {
		return nil, false
	}
	return text(v)
}
