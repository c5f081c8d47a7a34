package format

import (
	"weir/internal/event"
)

// MaxJSONDepth bounds how deep objects and arrays may nest.
const MaxJSONDepth = 32

// maxJSONNodes bounds how many names one decoder remembers. Names beyond it are looked up anew each time, so a log with
// made-up names costs time and not memory.
const maxJSONNodes = 1 << 14

// A role says what a field is for.
type role uint8

const (
	roleField   role = iota // an ordinary field
	roleTime                // the time of the record; a field only where it can't be read
	roleDataset             // tells what kind of record it is; no field
	roleURL                 // a request target, to be taken apart
	roleNone                // left out
)

// A fieldUse is what becomes of a field of a log.
type fieldUse struct {
	name string // of the event's field
	role role
	hint uint64 // what the presence of the field says about the kind of record, see zeek_streams.go
}

// A jsonNode is one name in the tree of names that a log's records have. Records of one log have the same names in
// the same order, so each node remembers which one followed it last: most names are found by one comparison.
type jsonNode struct {
	raw    string // as in the log, unescaped
	dotted string // with those of its parents: "http.hostname"
	use    fieldUse
	key    *event.Key // made on first use

	kids  map[string]*jsonNode
	first *jsonNode // the kid that came first last time
	next  *jsonNode // the sibling that followed last time
}

// A jsonWalker flattens JSON objects into an event. It belongs to one decoder.
type jsonWalker struct {
	keys    *event.Keys
	resolve func(dotted string) fieldUse
	root    *jsonNode
	nodes   int
	url     urlKeys

	c       jsonCursor
	e       *event.Event
	time    []byte // value of the field with roleTime, nil if there was none
	timeKey *event.Key
	dataset []byte
	hints   uint64
}

func newJSONWalker(keys *event.Keys, resolve func(string) fieldUse) *jsonWalker {
	return &jsonWalker{keys: keys, resolve: resolve, root: &jsonNode{}, url: newURLKeys(keys)}
}

// walk reads the object that line is into e, which it does not reset. Values point into line or into e.Scratch.
func (w *jsonWalker) walk(line []byte, e *event.Event) *Malformed {
	w.c = jsonCursor{s: line}
	w.e, w.time, w.dataset, w.hints = e, nil, nil, 0
	if w.c.space() != '{' {
		return errNotObject
	}
	if fault := w.object(w.root, 1); fault != nil {
		return fault
	}
	if w.c.space(); w.c.i < len(line) {
		return errJSONTrailer
	}
	return nil
}

// object reads an object whose brace the cursor stands on.
func (w *jsonWalker) object(parent *jsonNode, depth int) *Malformed {
	if depth > MaxJSONDepth {
		return errJSONDepth
	}
	c := &w.c
	c.i++
	if c.space() == '}' {
		c.i++
		return nil
	}
	var before *jsonNode
	for {
		if c.space() != '"' {
			return c.bad()
		}
		name, escaped, fault := c.str()
		if fault != nil {
			return fault
		}
		if escaped {
			name = w.unescape(name)
		}
		node := w.child(parent, before, name)
		before = node
		if c.i >= len(c.s) || c.s[c.i] != ':' {
			if c.space() != ':' {
				return c.bad()
			}
		}
		c.i++
		if fault := w.value(node, depth); fault != nil {
			return fault
		}
		switch c.space() {
		case ',':
			c.i++
		case '}':
			c.i++
			return nil
		default:
			return c.bad()
		}
	}
}

// child returns the node called name below parent; before is the one that came before it in this record, or nil.
func (w *jsonWalker) child(parent, before *jsonNode, name []byte) *jsonNode {
	guess := parent.first
	if before != nil {
		guess = before.next
	}
	if guess != nil && guess.raw == string(name) { // fast path
		return guess
	}
	node := parent.kids[string(name)]
	if node == nil {
		node = w.addChild(parent, string(name))
	}
	if before != nil {
		before.next = node
	} else {
		parent.first = node
	}
	return node
}

func (w *jsonWalker) addChild(parent *jsonNode, name string) *jsonNode {
	node := &jsonNode{raw: name, dotted: name}
	if parent.dotted != "" {
		node.dotted = parent.dotted + "." + name
	}
	if len(node.dotted) > 4*event.MaxKeyLen {
		node.dotted = node.dotted[:4*event.MaxKeyLen]
	}
	node.use = w.resolve(node.dotted)
	if w.nodes < maxJSONNodes {
		w.nodes++
		if parent.kids == nil {
			parent.kids = make(map[string]*jsonNode)
		}
		parent.kids[name] = node
	}
	return node
}

// value reads the value of node.
func (w *jsonWalker) value(node *jsonNode, depth int) *Malformed {
	c := &w.c
	var text []byte
	var fault *Malformed
	switch b := c.space(); {
	case b == '"':
		var escaped bool
		if text, escaped, fault = c.str(); escaped && fault == nil {
			text = w.unescape(text)
		}
	case b-'0' <= 9 || b == '-':
		text, fault = c.number()
	case b == '{':
		return w.object(node, depth+1)
	case b == '[':
		return w.array(node, depth+1)
	case b == 't':
		text, fault = c.literal("true")
	case b == 'f':
		text, fault = c.literal("false")
	case b == 'n':
		_, fault = c.literal("null")
	default:
		return c.bad()
	}
	if fault != nil {
		return fault
	}
	return w.emit(node, text)
}

// array reads an array: each of its members is a value of node.
func (w *jsonWalker) array(node *jsonNode, depth int) *Malformed {
	if depth > MaxJSONDepth {
		return errJSONDepth
	}
	c := &w.c
	c.i++
	if c.space() == ']' {
		c.i++
		return nil
	}
	for {
		if fault := w.value(node, depth); fault != nil {
			return fault
		}
		switch c.space() {
		case ',':
			c.i++
		case ']':
			c.i++
			return nil
		default:
			return c.bad()
		}
	}
}

// unescape undoes the escapes of a string in e.Scratch.
func (w *jsonWalker) unescape(text []byte) []byte {
	start := len(w.e.Scratch)
	w.e.Scratch = appendUnescaped(w.e.Scratch, text)
	return w.e.Scratch[start:len(w.e.Scratch):len(w.e.Scratch)]
}

// emit adds a value to the event. Empty values are left out.
func (w *jsonWalker) emit(node *jsonNode, text []byte) *Malformed {
	w.hints |= node.use.hint
	if len(text) == 0 {
		return nil
	}
	switch node.use.role {
	case roleField:
		w.e.Add(w.key(node), text)
	case roleTime:
		if w.time == nil {
			w.time, w.timeKey = text, w.key(node)
			return nil
		}
		w.e.Add(w.key(node), text)
	case roleDataset:
		w.dataset = text
	case roleURL:
		w.url.add(w.e, text)
	}
	if len(w.e.Fields) > event.MaxFields {
		w.e.Fields = w.e.Fields[:event.MaxFields]
		return errManyFields
	}
	return nil
}

func (w *jsonWalker) key(node *jsonNode) *event.Key {
	if node.key == nil {
		node.key = w.keys.Get(node.use.name)
	}
	return node.key
}

// stamp sets the time of e from the field with roleTime, read by parse. A time that can't be read stays a field.
func (w *jsonWalker) stamp(e *event.Event, parse func([]byte) (int64, bool)) {
	if w.time == nil {
		return
	}
	if ns, ok := parse(w.time); ok {
		e.Time, e.HasTime = ns, true
	} else if len(e.Fields) < event.MaxFields {
		e.Add(w.timeKey, w.time)
	}
}
