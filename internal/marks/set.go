package marks

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"weir/internal/event"
	"weir/internal/where"
)

// A Set is what a journal says. It is not changed once read, and safe for use by many goroutines.
type Set struct {
	Torn bool // the last line was cut short by a crash and does not count

	all      []Mark
	byID     map[string]int
	standing []*Mark // those that were not taken back, in order
}

// Standing returns the marks that were not taken back, in order. They are not to be changed.
func (s *Set) Standing() []*Mark { return s.standing }

// All returns every line of the journal in order, also those that take a mark back and those that were taken back. They are
// not to be changed.
func (s *Set) All() []Mark { return s.all }

// ByID returns a mark of the journal, and whether it stands.
func (s *Set) ByID(id string) (m *Mark, stands bool) {
	at, ok := s.byID[id]
	if !ok {
		return nil, false
	}
	m = &s.all[at]
	return m, slices.Contains(s.standing, m)
}

// Spans returns the set without the marks of single records.
func (s *Set) Spans() *Set { return s.only(func(m *Mark) bool { return m.Span != nil }) }

func (s *Set) only(which func(*Mark) bool) *Set {
	out := *s
	out.standing = nil
	for _, m := range s.standing {
		if which(m) {
			out.standing = append(out.standing, m)
		}
	}
	return &out
}

// Count returns how many records and spans stand, by what is said of them.
func (s *Set) Count() (records, spans map[What]int) {
	records, spans = map[What]int{}, map[What]int{}
	for _, m := range s.standing {
		if m.Span != nil {
			spans[m.What]++
		} else {
			records[m.What] += m.Count()
		}
	}
	return records, spans
}

// Bounds returns the ends of a span in nanoseconds since 1970, both inclusive.
func (s *Span) Bounds() (from, to int64) {
	from, to = math.MinInt64/4, math.MaxInt64/4
	if !s.From.IsZero() {
		from = s.From.UnixNano()
	}
	if !s.To.IsZero() {
		to = s.To.UnixNano()
	}
	return from, to
}

// A Binding is a set laid against the files that will be read. It is safe for use by many goroutines, each with a Labeller of its
// own.
type Binding struct {
	set   *Set
	files [][]*marked // by number of the file that is read: the marked files that it may be
	all   []*marked
}

// marked are the marked records of one file.
type marked struct {
	name    string
	byHash  map[uint64]int // into entries
	entries []entry
	fits    []string // files that are read
}

type entry struct {
	mark int // into Set.standing; the last that names the record
	line int64
	seen atomic.Bool
}

// Bind lays the marks against the files that will be read, by their names.
//
// A marked file is the one of the same name, or a rotated or compressed one beside where it was (access.log.1,
// access.log-20260301.gz); if none such is read, one of the same base name anywhere. Which of its lines are marked their
// hashes say, so that a log of that name with other records in it has no marks.
func (s *Set) Bind(files []string) *Binding {
	b := &Binding{set: s, files: make([][]*marked, len(files))}
	byName := map[string]*marked{}
	for i, m := range s.standing {
		for k := range m.Records {
			r := &m.Records[k]
			f := byName[r.File]
			if f == nil {
				f = &marked{name: r.File, byHash: map[uint64]int{}}
				byName[r.File] = f
				b.all = append(b.all, f)
			}
			f.add(i, r)
		}
	}
	for _, f := range b.all {
		fits := func(key func(string) string) (found bool) {
			for i, name := range files {
				if key(name) == key(f.name) {
					b.files[i] = append(b.files[i], f)
					f.fits = append(f.fits, name)
					found = true
				}
			}
			return found
		}
		if !fits(stem) {
			fits(func(name string) string { return path.Base(stem(name)) })
		}
	}
	return b
}

func (f *marked) add(mark int, r *Records) {
	for k, h := range r.Hashes {
		at, known := f.byHash[h]
		if !known {
			at = len(f.entries)
			f.byHash[h] = at
			f.entries = append(f.entries, entry{line: r.Lines[k]})
		}
		f.entries[at].mark = mark
	}
}

// stem is a file's name without what compressing and rotating adds.
func stem(name string) string {
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	dir, base := path.Split(name)
	for _, s := range []string{".gz", ".zst", ".bz2"} {
		if cut, ok := strings.CutSuffix(base, s); ok && cut != "" {
			base = cut
			break
		}
	}
	for {
		short := rotated.ReplaceAllString(base, "")
		if short == base || short == "" {
			return dir + base
		}
		base = short
	}
}

// rotated is what rotation adds to a name: a number after a dot, a date or a time after anything. What is shorter, as in web-01, is
// the log's own name.
var rotated = regexp.MustCompile(`\.\d+$|[.\-_]\d{4}-\d\d-\d\d$|[\-_]\d{6,}$`)

// A Labeller says what was said of events. It belongs to one goroutine, and to events of one event.Keys.
type Labeller struct {
	b     *Binding
	spans []spanOf // the last first
}

type spanOf struct {
	mark     *Mark
	from, to int64
	anytime  bool
	hosts    *event.Hosts
	where    *where.Condition
}

// Labeller returns a new one.
func (b *Binding) Labeller() *Labeller {
	l := &Labeller{b: b}
	for _, m := range slices.Backward(b.set.standing) {
		if m.Span == nil {
			continue
		}
		s := spanOf{mark: m, hosts: event.NewHosts(m.Span.Hosts), anytime: m.Span.From.IsZero() && m.Span.To.IsZero()}
		s.from, s.to = m.Span.Bounds()
		if m.condition != nil {
			s.where = m.condition.Fork()
		}
		l.spans = append(l.spans, s)
	}
	return l
}

// Label returns the mark that decides about an event of the file with that number, nil if there is none: the last that names the
// record, or else the last span that holds it. raw is the record's bytes without the end of its line.
func (l *Labeller) Label(file int, e *event.Event, raw []byte) *Mark {
	if m := l.record(file, raw); m != nil {
		return m
	}
	for i := range l.spans {
		s := &l.spans[i]
		inside := s.anytime || e.HasTime && s.from <= e.Time && e.Time <= s.to
		if inside && s.hosts.Match(e) && (s.where == nil || s.where.Match(e)) {
			return s.mark
		}
	}
	return nil
}

// Record is Label by the marks of single records alone.
func (l *Labeller) Record(file int, raw []byte) *Mark { return l.record(file, raw) }

func (l *Labeller) record(file int, raw []byte) *Mark {
	if file >= len(l.b.files) || len(l.b.files[file]) == 0 {
		return nil
	}
	h, best := Hash(raw), -1
	for _, f := range l.b.files[file] {
		if at, ok := f.byHash[h]; ok {
			x := &f.entries[at]
			if !x.seen.Load() {
				x.seen.Store(true)
			}
			best = max(best, x.mark)
		}
	}
	if best < 0 {
		return nil
	}
	return l.b.set.standing[best]
}

// Alike reports, for each goroutine anew, whether an event is like those of spans of one kind, but for its time.
func (s *Set) Alike(what What) func() func(*event.Event) bool {
	return func() func(*event.Event) bool {
		l := s.only(func(m *Mark) bool { return m.Span != nil && m.What == what }).Bind(nil).Labeller()
		return func(e *event.Event) bool {
			return slices.ContainsFunc(l.spans, func(x spanOf) bool { return x.hosts.Match(e) && (x.where == nil || x.where.Match(e)) })
		}
	}
}

// Len returns how many records are marked, in all files. They are numbered from 0, by the marks and the files' names alone.
func (b *Binding) Len() (n int) {
	for _, f := range b.all {
		n += len(f.entries)
	}
	return n
}

func (b *Binding) entry(i int) *entry {
	for _, f := range b.all {
		if i < len(f.entries) {
			return &f.entries[i]
		}
		i -= len(f.entries)
	}
	panic("BUG: there is no such marked record")
}

// Found reports whether a Labeller has come across marked record i.
func (b *Binding) Found(i int) bool { return b.entry(i).seen.Load() }

// Find notes that somebody else has come across it.
func (b *Binding) Find(i int) { b.entry(i).seen.Store(true) }

// Notes say, after everything was read, which marked records were not there, and where files were found under other names.
func (b *Binding) Notes() []string {
	var notes []string
	for _, f := range b.all {
		if len(f.fits) == 0 {
			notes = append(notes, fmt.Sprintf("Marks name %d records of %q, which was not read.", len(f.entries), f.name))
			continue
		}
		missing, first := 0, int64(0)
		for i := range f.entries {
			if x := &f.entries[i]; !x.seen.Load() {
				if missing == 0 || x.line < first {
					first = x.line
				}
				missing++
			}
		}
		if missing > 0 {
			notes = append(notes, fmt.Sprintf("Of %d marked records of %q, %d were not found in %s, the first that stood in line %d: the file "+
				"has changed, or was rotated away.", len(f.entries), f.name, missing, some(f.fits), first))
		}
	}
	const most = 5
	if n := len(notes); n > most {
		notes = append(notes[:most], fmt.Sprintf("And so for %d more marked files.", n-most))
	}
	return notes
}

func some(names []string) string {
	var out []string
	for _, n := range names[:min(len(names), 3)] {
		out = append(out, fmt.Sprintf("%q", n))
	}
	if len(names) > 3 {
		return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(out, ", ")
}

// Text is a mark's subject in a few words.
func (m *Mark) Text() string {
	switch {
	case m.Unmark != "":
		return "takes back " + m.Unmark
	case m.Span != nil:
		text := "everything"
		if !m.Span.From.IsZero() || !m.Span.To.IsZero() {
			end := func(t time.Time) string {
				if t.IsZero() {
					return "…"
				}
				return t.UTC().Format("2006-01-02T15:04:05Z")
			}
			text = end(m.Span.From) + " to " + end(m.Span.To)
		}
		if len(m.Span.Hosts) > 0 {
			text += " of " + strings.Join(m.Span.Hosts, ", ")
		}
		if m.Span.Where != "" {
			text += " where " + m.Span.Where
		}
		return text
	}
	text := fmt.Sprintf("%s:%d", m.Records[0].File, m.Records[0].Lines[0])
	if n := m.Count(); n > 1 {
		text += fmt.Sprintf(" and %d more", n-1)
	}
	return text
}
