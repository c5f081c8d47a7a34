// Package marks keeps what people have said of records: this is good, this is bad, leave this out.
//
// A [Mark] says who said so, when, what, and of what: of single records, or of a span of time, perhaps of some hosts and under a
// condition. Marks are lines of a journal, which is only ever appended to ([Append]): a mark is taken back by a further
// line, so that who said what stays. [Read] reads a journal with all its faults; [Set.Bind] lays it against the files that
// will be read, and [Binding.Labeller] says what was said of an event.
//
// # The file
//
// JSON Lines in UTF-8, one mark a line, every line with the version of the format, so that journals may be put behind each
// other with cat:
//
//	{"weir_marks":1,"id":"d3a91c07b2f4","when":"2026-03-02T09:14:03Z","who":"ana","what":"bad","note":"web shell",
//	 "records":[{"file":"access.log","lines":[17,21],"hashes":["0d1f5c44e8a1b2c3","…"],"time":"2026-03-01T02:11:09Z"}]}
//	{"weir_marks":1,"id":…,"when":…,"who":"ben","what":"ignore","span":{"from":"2026-03-01T04:00:00Z","to":"…",
//	 "hosts":["10.0.0.7"],"where":"user.name == \"backup\""}}
//	{"weir_marks":1,"id":…,"when":…,"who":"ana","unmark":"d3a91c07b2f4"}
//
// A record is known by the XXH3 hash (64 bits, without a seed) of its bytes, without the end of its line: where it stands now
// does not matter, so that a log may be moved, rotated and compressed, and one that has changed is noticed. docs/marks.md is
// the contract.
package marks

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"weir/internal/where"
)

// Version is the version of the format.
const Version = 1

// What is what a mark says.
type What string

// The words of marks.
const (
	Good   What = "good"
	Bad    What = "bad"
	Ignore What = "ignore" // neither: leave it out
)

// A Mark is one line of a journal.
type Mark struct {
	ID      string    // told apart by it; letters and digits
	When    time.Time // when it was made, to the second or better
	Who     string    // made it
	What    What      // empty where Unmark is not
	Note    string
	Records []Records // what it is about: records …
	Span    *Span     // … or a span; nil for records
	Unmark  string    // the ID of a mark that this line takes back

	line      int // in the journal
	condition *where.Condition
}

// Records are records of one file. Lines and Hashes are of the same length.
type Records struct {
	File   string   // as it was called when the mark was made
	Lines  []int64  // from 1, in the uncompressed file, where they stood then
	Hashes []uint64 // Hash of each
	Time   string   // of the first, RFC 3339, for people; may be empty
}

// A Span is events by what they are. Of what is zero or empty any will do, but something has to be said.
type Span struct {
	From, To time.Time // both ends inclusive; zero is open
	Hosts    []string  // one of which the event names in an address or host field
	Where    string    // a condition (package where)
}

// Hash is what a record is known by.
func Hash(raw []byte) uint64 { return xxh3.Hash(raw) }

// Count is how many records a mark names.
func (m *Mark) Count() (n int) {
	for i := range m.Records {
		n += len(m.Records[i].Lines)
	}
	return n
}

// Line is where the mark stands in its journal, from 1: what stands later decides. It is 0 for one that was not read.
func (m *Mark) Line() int { return m.line }

// Bounds of a mark.
const (
	maxText    = 4096    // bytes of a name, a note, a condition
	MaxRecords = 1 << 20 // of one mark
	maxHosts   = 10_000
)

// Validate reports every fault of a mark.
func (m *Mark) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	text := func(what, s string) {
		if len(s) > maxText {
			fault("%s has %d bytes, more than %d", what, len(s), maxText)
		}
		if !utf8.ValidString(s) {
			fault("%s is no UTF-8", what)
		}
	}
	if !goodID(m.ID) {
		fault("the id is %q, not up to 64 letters, digits, - and _", cut(m.ID))
	}
	if m.When.IsZero() {
		fault("it does not say when")
	}
	if m.Who == "" {
		fault("it does not say who")
	}
	text("who", m.Who)
	text("the note", m.Note)
	if m.Unmark != "" {
		if m.What != "" || m.Span != nil || len(m.Records) > 0 {
			fault("it takes a mark back and makes one; these are two lines")
		}
		if !goodID(m.Unmark) {
			fault("unmark is %q, no id of a mark", cut(m.Unmark))
		}
		return errors.Join(errs...)
	}
	if m.What != Good && m.What != Bad && m.What != Ignore {
		fault("what is %q, not good, bad or ignore", cut(string(m.What)))
	}
	switch {
	case m.Span == nil && len(m.Records) == 0:
		fault("it is about nothing: records or a span")
	case m.Span != nil && len(m.Records) > 0:
		fault("it is about records and about a span; these are two marks")
	case m.Span != nil:
		m.validateSpan(fault, text)
	default:
		m.validateRecords(fault, text)
	}
	return errors.Join(errs...)
}

func (m *Mark) validateSpan(fault func(string, ...any), text func(what, s string)) {
	s := m.Span
	if s.From.IsZero() && s.To.IsZero() && len(s.Hosts) == 0 && s.Where == "" {
		fault("the span is everything: say from, to, hosts or where")
	}
	if !s.From.IsZero() && !s.To.IsZero() && s.To.Before(s.From) {
		fault("the span ends before it starts")
	}
	for _, t := range []time.Time{s.From, s.To} {
		if !t.IsZero() && (t.Year() < 1678 || t.Year() > 2261) {
			fault("the year %d is not within 1678 to 2261", t.Year())
		}
	}
	if len(s.Hosts) > maxHosts {
		fault("%d hosts are more than %d", len(s.Hosts), maxHosts)
	}
	for _, h := range s.Hosts {
		text("a host", h)
		if strings.TrimSpace(h) == "" {
			fault("a host is empty")
		}
	}
	text("where", s.Where)
	m.condition = nil
	if s.Where != "" {
		c, err := where.Compile(s.Where)
		if err != nil {
			fault("%w", err)
		}
		m.condition = c
	}
}

func (m *Mark) validateRecords(fault func(string, ...any), text func(what, s string)) {
	if n := m.Count(); n > MaxRecords {
		fault("%d records are more than %d", n, MaxRecords)
	}
	for i := range m.Records {
		r := &m.Records[i]
		text("the file's name", r.File)
		text("the time", r.Time)
		if r.File == "" {
			fault("no file")
		}
		if len(r.Lines) == 0 || len(r.Lines) != len(r.Hashes) {
			fault("%d lines and %d hashes of %q: there has to be a hash for each line", len(r.Lines), len(r.Hashes), cut(r.File))
		}
		for _, n := range r.Lines {
			if n < 1 {
				fault("line %d of %q: lines count from 1", n, cut(r.File))
				break
			}
		}
	}
}

func goodID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func cut(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
