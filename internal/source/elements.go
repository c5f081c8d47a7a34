package source

import (
	"bufio"
	"bytes"
	"io"
)

// Some programs write their records not as lines but as the elements of one JSON list, or over several lines each:
//
//	[{…}, {…}]                  exports of databases and of jq -s
//	{"Records": [{…}, {…}]}     AWS CloudTrail's files; {"value": …} and the like of other clouds' interfaces
//	{                           jq's and many programs' indented output, objects one after another
//	  "time": …
//
// A stream that begins like one of these is given as lines, one for each element. Line ends within an element, and the blanks
// that indent what follows, are left out; its text is otherwise what it was. What stands beside the list in a wrapping object
// is a line of its own. An element that is broken stays a broken line.

// wrappers are the names under which lists of records stand, as the first member of an object. They are those of the logs of
// clouds; under other names a list may well be a part of a record.
var wrappers = []string{"Records", "records", "logEvents", "Events", "entries", "value"}

// A shape is how records stand in a stream.
type shape uint8

const (
	unknown shape = iota // more bytes are needed to tell
	lines
	list    // elements of a list
	wrapped // elements of a list that is a member of an object
	objects // one after another, over several lines
)

// maxWrapper bounds how much of a stream is looked at for its shape.
const maxWrapper = 512

// shapeOf tells the shape of a stream that begins with head. Where it is wrapped, the list's first element begins at
// head[from:].
func shapeOf(head []byte) (s shape, from int) {
	at := blanks(head, 0)
	if at == len(head) {
		return undecided(head), 0
	}
	switch head[at] {
	case '[':
		at = blanks(head, at+1)
		if at == len(head) {
			return undecided(head), 0
		}
		if head[at] == '{' {
			return list, 0
		}
	case '{':
		first := blanks(head, at+1)
		if first == len(head) {
			return undecided(head), 0
		}
		alone := lines
		if bytes.IndexByte(head[at:first], '\n') >= 0 && head[first] == '"' {
			alone = objects
		}
		if s, from := wrapperOf(head, first); s != lines {
			return s, from
		}
		return alone, 0
	}
	return lines, 0
}

// wrapperOf tells whether the member that begins at head[at:] is a list of objects under one of the names of wrappers.
func wrapperOf(head []byte, at int) (s shape, from int) {
	for _, name := range wrappers {
		quoted := `"` + name + `"`
		n := min(len(quoted), len(head)-at)
		if string(head[at:at+n]) != quoted[:n] {
			continue
		}
		rest := at + n
		for _, want := range []byte(":[{") {
			if rest = blanks(head, rest); rest == len(head) {
				return undecided(head), 0
			}
			if head[rest] != want {
				return lines, 0
			}
			rest++
		}
		return wrapped, rest - 1
	}
	return lines, 0
}

func undecided(head []byte) shape {
	if len(head) >= maxWrapper {
		return lines
	}
	return unknown
}

func blanks(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\r' || b[at] == '\t') {
		at++
	}
	return at
}

// unwrap makes lines of the stream's records where they are elements of JSON.
func (s *Stream) unwrap() {
	var found shape
	if raw, plain := s.reader.(*bufio.Reader); plain {
		found = peekShape(raw)
	} else {
		found, s.reader = readShape(s.reader)
	}
	if found > lines {
		s.reader = &elements{below: s.reader, shape: found}
		s.shaped = true
	}
}

// peekShape waits for no more bytes than it takes to tell.
func peekShape(r *bufio.Reader) shape {
	for n := 1; ; n++ {
		head, err := r.Peek(n)
		n = max(n, min(r.Buffered(), maxWrapper))
		if err == nil {
			head, err = r.Peek(n)
		}
		if s, _ := shapeOf(head); s != unknown || err != nil {
			return s
		}
	}
}

func readShape(r io.Reader) (s shape, again io.Reader) {
	head := make([]byte, 0, maxWrapper)
	var err error
	for s == unknown && err == nil {
		var n int
		n, err = r.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		s, _ = shapeOf(head)
	}
	if err != nil {
		r = failing{err}
	}
	return s, io.MultiReader(bytes.NewReader(head), r)
}

// elements reads JSON and gives one line for each of its records.
type elements struct {
	below io.Reader
	shape shape
	made  []byte // of what was read last
	out   []byte // the part of it that is not given yet
	head  []byte // the start of an object that may be a wrapper
	buf   []byte
	err   error

	depth   int  // of brackets
	base    int  // depth at which records stand
	text    bool // in a string
	escaped bool // after a backslash in it
	began   bool // a record has begun, at depth base
	beside  bool // in a wrapping object, after its list
	indent  bool // after a line end
}

// Read implements io.Reader.
func (e *elements) Read(p []byte) (int, error) {
	for len(e.out) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		if e.buf == nil {
			e.buf = make([]byte, 64<<10)
		}
		var n int
		n, e.err = e.below.Read(e.buf)
		e.made = e.made[:0]
		e.take(e.buf[:n])
		if e.err != nil && len(e.head) > 0 { // the end comes before it is clear what this is
			e.plain()
		}
		e.out = e.made
	}
	n := copy(p, e.out)
	e.out = e.out[n:]
	return n, nil
}

// take looks at bytes in their order.
func (e *elements) take(b []byte) {
	for i := 0; i < len(b); {
		switch {
		case len(e.head) > 0:
			i += e.headed(b[i:])
		case e.began || e.beside:
			i += e.inside(b[i:])
		default:
			e.outside(b[i])
			i++
		}
	}
}

// outside looks at a byte between records.
func (e *elements) outside(c byte) {
	switch {
	case c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ',':
	case c == '{' && e.depth == 0 && e.shape != list:
		e.head = append(e.head, c)
	case c == '[' && e.depth == 0 && e.shape == list:
		e.depth, e.base = 1, 1
	case c == ']' && e.depth > 0:
		e.depth--
		e.beside = e.depth > 0
		e.base = 0
	default:
		e.began = true
		e.inside([]byte{c})
	}
}

// headed looks at the start of an object that may wrap a list of records, until that is clear.
func (e *elements) headed(b []byte) (took int) {
	for i, c := range b {
		e.head = append(e.head, c)
		switch s, _ := shapeOf(e.head); s {
		case unknown:
			continue
		case wrapped: // the last byte begins the first record
			e.head = e.head[:0]
			e.depth, e.base, e.began = 2, 2, true
			e.inside([]byte{c})
		default:
			e.plain()
		}
		return i + 1
	}
	return len(b)
}

// plain takes the start of an object for a record of its own.
func (e *elements) plain() {
	head := e.head
	e.head = nil
	e.depth, e.base, e.began = 0, 0, true
	e.take(head)
	e.head = head[:0]
}

// inside looks at bytes of a record, or of what stands beside a list, up to its end.
func (e *elements) inside(b []byte) (took int) {
	for i, c := range b {
		switch {
		case e.escaped:
			e.escaped = false
		case e.text:
			e.escaped = c == '\\'
			e.text = c != '"'
		case c == '"':
			e.text = true
		case c == '{' || c == '[':
			e.depth++
		case c == '}' || c == ']':
			e.depth--
		}
		if e.beside {
			if e.next(c) {
				return i + 1
			}
			continue
		}
		if !e.text && e.depth == e.base && c == ',' || e.depth < e.base { // after an element that is no object
			e.end()
			if e.depth < e.base {
				e.depth++ // outside sees the bracket
				return i
			}
			return i + 1
		}
		if e.skips(c) {
			continue
		}
		e.made = append(e.made, c)
		if !e.text && e.depth == e.base && (c == '}' || c == ']') {
			e.end()
			return i + 1
		}
	}
	return len(b)
}

// skips reports whether a byte of a record is left out: a line end, or what indents the next line.
func (e *elements) skips(c byte) bool {
	switch {
	case c == '\n' || c == '\r':
		e.indent = true
	case e.indent && (c == ' ' || c == '\t') && !e.text:
	default:
		e.indent = false
	}
	return e.indent
}

// end ends a record.
func (e *elements) end() {
	e.made = append(e.made, '\n')
	e.began = false
}

// next looks at a byte beside a list, in the object around it; done tells that the object has ended.
func (e *elements) next(c byte) (done bool) {
	blank := c == ' ' || c == '\n' || c == '\r' || c == '\t'
	switch {
	case e.depth == 0: // the object's own end
		if e.began {
			e.made = append(e.made, "}\n"...)
		}
		e.began, e.beside = false, false
		return true
	case e.began:
		if !e.skips(c) {
			e.made = append(e.made, c)
		}
	case !blank && c != ',':
		e.made = append(e.made, '{', c)
		e.began = true
	}
	return false
}
