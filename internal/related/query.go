package related

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/token"
)

// A Query says which events are the seeds. One of Line, Address and Text is set.
type Query struct {
	File int   // index of an input
	Line int64 // the record at this line of it, from 1

	Address netip.Addr // records that have it in some field

	// Text is a token as evidence shows it, or a value of any field. Records match that have Text as the whole value of
	// a field, or the token that it names.
	Text string
}

func (q *Query) validate() error {
	switch {
	case q.Line < 0:
		return errors.New("lines are counted from 1")
	case q.Line == 0 && !q.Address.IsValid() && q.Text == "":
		return errors.New("nothing to look for")
	}
	return nil
}

// named takes a token's name apart; field is empty if text is none.
func named(text string) (field string, kind token.Kind, value string) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return "", token.Whole, ""
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		for k := token.Whole + 1; k <= token.Host; k++ {
			if k.String() == name[i+1:] {
				return name[:i], k, value
			}
		}
	}
	return name, token.Whole, value
}

// A matcher tells seeds from other events. It is used by one goroutine.
type matcher struct {
	q       *Query
	shown   func(string) string
	codify  *token.Codifier
	text    []byte
	field   string
	kind    token.Kind
	value   string
	address []byte
	known   map[uint64]bool // by a feature's hash, whether it carries the token
}

const maxKnown = 1 << 16

func newMatcher(o *Options, codify *token.Codifier) *matcher {
	m := &matcher{q: &o.Query, shown: o.Shown, codify: codify, text: []byte(o.Query.Text), known: map[uint64]bool{}}
	m.field, m.kind, m.value = named(o.Query.Text)
	if a := o.Query.Address; a.IsValid() {
		m.address = []byte(a.Unmap().String())
	}
	return m
}

// seed reports whether an event with these features is one of those asked about.
func (m *matcher) seed(e *event.Event, features []token.Feature, pos format.Position) bool {
	switch {
	case m.q.Line > 0:
		return pos.Line == m.q.Line && pos.File == m.q.File
	case m.address != nil:
		for i := range e.Fields {
			if m.isAddress(e.Fields[i].Value) {
				return true
			}
		}
		return false
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		if bytes.Equal(f.Value, m.text) || m.kind == token.Whole && f.Key.Name == m.field && string(f.Value) == m.value {
			return true
		}
	}
	for i := range features {
		f := &features[i]
		if f.Field.Left == "" && bytes.Equal(f.Value, m.text) || f.Field.Name == m.field && m.carries(f) {
			return true
		}
	}
	return false
}

// isAddress reports whether a value is the address, however it is spelled.
func (m *matcher) isAddress(v []byte) bool {
	if bytes.Equal(v, m.address) {
		return true
	}
	if len(v) > 64 || bytes.IndexByte(v, ':') < 0 { // only IPv6 is spelled in several ways
		return false
	}
	a, err := netip.ParseAddr(string(v))
	return err == nil && a.Unmap().WithZone("") == m.q.Address.Unmap().WithZone("")
}

// carries reports whether the feature, which is of the query's field, has the query's token.
func (m *matcher) carries(f *token.Feature) bool {
	if has, ok := m.known[f.Hash]; ok {
		return has
	}
	has := false
	for _, t := range m.codify.Tokens(f) {
		if t.Kind == m.kind && (t.Text == m.value || m.shown != nil && m.shown(t.Text) == m.value) {
			has = true
			break
		}
	}
	if len(m.known) >= maxKnown {
		clear(m.known)
	}
	if m.kind == token.Whole || !templated(f) {
		m.known[f.Hash] = has
	}
	return has
}

// ErrNoSeeds is what a NothingError is.
var ErrNoSeeds = errors.New("no such event")

// A NothingError says why no event matches a query.
type NothingError struct {
	Reason string
	Near   []Near // what the query may have meant, the most frequent first
	Line   int64  // of the nearest record, for a query for a line; 0 if there is none
}

// A Near is a token that resembles the one that was asked for.
type Near struct {
	Token  string
	Events int64
}

func (e *NothingError) Error() string { return e.Reason }

// Unwrap makes errors.Is(err, ErrNoSeeds) true.
func (e *NothingError) Unwrap() error { return ErrNoSeeds }

// nothing explains why no event is a seed.
func (f *finder) nothing() error {
	q := &f.o.Query
	e := &NothingError{Near: f.seeds.nearest()}
	switch {
	case q.Line > 0:
		s := &f.summary.Files[q.File]
		switch {
		case s.Err != "":
			e.Reason = fmt.Sprintf("%s could not be read: %s", s.Name, s.Err)
		case q.Line > s.Lines:
			e.Reason = fmt.Sprintf("there is no line %d in %s, which has %d", q.Line, s.Name, s.Lines)
		default:
			e.Reason = fmt.Sprintf("line %d of %s holds no record%s", q.Line, s.Name, reasonOf(s, q.Line))
		}
		e.Line = f.seeds.nearLine
	case q.Address.IsValid():
		e.Reason = fmt.Sprintf("no event has the address %s", q.Address)
	default:
		e.Reason = fmt.Sprintf("no event carries %q", q.Text)
	}
	return e
}

// reasonOf says why a line holds no record, where the summary knows.
func reasonOf(s *format.FileSummary, line int64) string {
	for _, fault := range s.Faults {
		for _, x := range fault.Examples {
			if x.Line == line {
				return ": " + fault.Reason
			}
		}
	}
	if s.Malformed == 0 {
		return ": it is blank, a header or a comment"
	}
	return ": it is blank, a header, a comment, or malformed"
}
