package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// layoutText reports whether o.Format is a server's own format string, or the name of a usual one that the lenient
// decoder does not cover, and returns the string. The usual names (combined, common, vhost_combined) are not layouts:
// the lenient decoder reads them and their variants.
func layoutText(format string) (text string, ok bool) {
	if strings.ContainsAny(format, "$%") {
		return format, true
	}
	return "", false
}

// accessNames are the usual names of layouts that the lenient decoder reads.
var accessNames = []string{"combined", "common", "vhost_combined", "vhost_common", "combinedio", "clf"}

// isAccessName reports whether name is one of them, or the format's own.
func isAccessName(name string) bool { return name == "access" || slices.Contains(accessNames, name) }

// A layout is a compiled format string: values with the texts between them.
type layout struct {
	head  []byte // text before the first value
	parts []layoutPart
}

// A layoutPart is one value of a layout and the text that ends it.
type layoutPart struct {
	kind   partKind
	name   string // the field's name, for partNamed
	own    string // the name it has if another part gives the same thing
	unit   int64  // nanoseconds in one unit, for partDuration
	after  []byte // text up to the next value; empty only for the last
	skip   int    // how often after occurs within the value itself (the blank in a time)
	piece  bool   // part of a time given in pieces
	list   bool   // may hold "a, b" or "a : b"
	quoted bool   // between quotes, so that escaped quotes do not end it
}

type partKind uint8

const (
	partNamed  partKind = iota
	partSource          // address or name of the client
	partUser
	partTime
	partRequest
	partURL
	partQuery // with or without the ?
	partVersion
	partHost
	partDuration
	partForwarded
	partStatus
	partMethod
)

// A layoutError says where a format string is wrong.
type layoutError struct {
	text   string
	at     int // byte offset
	reason string
}

func (e *layoutError) Error() string {
	mark := e.text[:e.at] + "»" + e.text[e.at:]
	return fmt.Sprintf("cannot read log layout: %s at character %d (after the mark): %s", e.reason, e.at+1, mark)
}

// compileLayout reads a format string of nginx ($remote_addr …) or Apache (%h …), alone or in its whole directive
// (log_format main '…' '…'; or LogFormat "…" main).
func compileLayout(text string) (*layout, error) {
	body := directiveBody(text)
	c := layoutCompiler{text: body}
	var err error
	if isNginxLayout(body) {
		err = c.nginx()
	} else {
		err = c.apache()
	}
	if err != nil {
		return nil, err
	}
	return c.finish()
}

// isNginxLayout reports whether a variable ($name) comes before any directive (%h) in text.
func isNginxLayout(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '$' && (isLetter(text[i+1]) || text[i+1] == '{') {
			return true
		}
		if c := text[i+1]; text[i] == '%' && (isLetter(c) || c == '{' || c == '>') {
			return false
		}
	}
	return strings.IndexByte(text, '$') >= 0
}

// directiveBody takes the format string out of a line of the server's configuration. A format string alone is returned
// as it is.
func directiveBody(text string) string {
	t := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(t, "log_format "):
		quote := strings.IndexAny(t, `'"`)
		if quote < 0 {
			return text
		}
		var b strings.Builder
		for rest := t[quote:]; len(rest) > 0 && (rest[0] == '\'' || rest[0] == '"'); {
			end := strings.IndexByte(rest[1:], rest[0])
			if end < 0 {
				b.WriteString(rest[1:])
				break
			}
			b.WriteString(rest[1 : 1+end])
			rest = strings.TrimLeft(rest[end+2:], " \t\r\n")
		}
		return b.String()
	case strings.HasPrefix(t, `LogFormat "`):
		t = t[len(`LogFormat "`):]
		if i := nextQuote([]byte(t), 0); i >= 0 {
			t = t[:i]
		}
		return t
	}
	return text
}

// A layoutCompiler collects the parts of one format string.
type layoutCompiler struct {
	text    string
	literal []byte // text since the last value
	parts   []layoutPart
	starts  []int    // where each part was in text
	inside  []string // what the value of each part looks like inside, with the blanks that a value of it has
	head    []byte
}

func (c *layoutCompiler) fail(at int, reason string) error { return &layoutError{c.text, at, reason} }

// value ends the literal and begins a new part. shape shows the separators that a value itself contains.
func (c *layoutCompiler) value(at int, p layoutPart, shape string) {
	if len(c.parts) == 0 {
		c.head = c.literal
	} else {
		last := len(c.parts) - 1
		if p.kind == partTime && p.piece && c.parts[last].piece {
			// A time given in pieces, "%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t", is one value.
			c.inside[last] += string(c.literal) + shape
			c.literal = nil
			return
		}
		if p.kind == partQuery && c.parts[last].kind == partURL && len(c.literal) == 0 {
			return // "%U%q": the query comes with its question mark
		}
		c.parts[last].after = c.literal
	}
	if strings.HasSuffix(p.own, "_frac") { // a fraction of what?
		p.kind, p.name = partNamed, p.own
	}
	p.quoted = len(c.literal) > 0 && c.literal[len(c.literal)-1] == '"'
	c.literal = nil
	c.parts = append(c.parts, p)
	c.starts = append(c.starts, at)
	c.inside = append(c.inside, shape)
}

func (c *layoutCompiler) finish() (*layout, error) {
	if len(c.parts) == 0 {
		return nil, c.fail(0, "no variable")
	}
	c.parts[len(c.parts)-1].after = bytes.TrimRight(c.literal, " ")
	timed := false
	for i := range c.parts {
		p := &c.parts[i]
		if len(p.after) == 0 && i+1 < len(c.parts) {
			return nil, c.fail(c.starts[i+1], "two variables with no text between them")
		}
		if len(p.after) > 0 {
			p.skip = strings.Count(c.inside[i], string(p.after))
		}
		timed = timed || p.kind == partTime
	}
	if !timed {
		return nil, c.fail(len(c.text), "no time")
	}
	c.dropDoubles()
	return &layout{head: bytes.TrimLeft(c.head, " "), parts: c.parts}, nil
}
