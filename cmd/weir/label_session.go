package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"weir/internal/filter"
	"weir/internal/marks"
	"weir/internal/review"
	"weir/internal/term"
)

// A session is one analyst going through a pool.
type session struct {
	ctx    context.Context
	s      *streams
	f      *labelCommand
	pool   pool
	study  *review.Study
	who    string
	minute float64 // what one costs
	money  func(float64) string
	keys   *keys
	filter *filter.Filter // that learns; nil where none does
	kept   os.FileInfo    // of the filter's file as it was read or written last
	done   []step
	marked int // records in this session
}

// A step is what undo takes back.
type step struct {
	mark    string // id; "" for a skip
	answers int    // of the study
	records int
	before  *filter.Filter // what the filter was; nil where it did not change
}

func (l *session) run() error {
	l.keys = newKeys(l.s.in)
	if l.f.learn {
		var err error
		if l.kept, err = os.Stat(l.f.filter); err == nil {
			l.filter, err = readFilter(l.f.filter)
		}
		if err != nil {
			return err
		}
	}
	if n := l.resume(); n > 0 {
		fmt.Fprintf(l.s.out, "%s answered before.\n", plural(n, "question"))
	}
	for {
		q, ok := l.study.Next()
		if !ok {
			fmt.Fprintln(l.s.out, "\nNothing is left to ask.")
			break
		}
		x, err := l.pool.example(q.Item)
		if err != nil {
			return err
		}
		if err := l.show(q, x); err != nil {
			return err
		}
		more, err := l.answer(q.Item, x)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return l.end()
}

// resume gives the study the answers of earlier sessions, as they were given: in the order of the journal, and of an answer for
// all of a row only the record that was shown as an observation.
func (l *session) resume() (n int) {
	var order []int
	first := map[string]int{} // by answer: the item that was shown
	for i := range l.pool.items() {
		switch m := l.pool.marked(i); {
		case m == nil:
		case m.What == marks.Ignore:
			l.study.Skip(i)
		default:
			order = append(order, i)
			if _, ok := first[answerOf(m)]; !ok || l.shown(i, m) {
				first[answerOf(m)] = i
			}
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := l.pool.marked(a), l.pool.marked(b)
		if answerOf(x) != answerOf(y) {
			return cmp.Compare(x.Line(), y.Line())
		}
		switch first[answerOf(x)] {
		case a:
			return -1
		case b:
			return 1
		}
		return cmp.Compare(a, b)
	})
	for _, i := range order {
		m := l.pool.marked(i)
		l.study.Answer(review.Answer{Item: i, Bad: m.What == marks.Bad, Told: first[answerOf(m)] != i})
	}
	return len(order)
}

// answerOf names the answer that a mark is of: one of many records is split into marks (see split).
func answerOf(m *marks.Mark) string {
	if id, part, ok := strings.Cut(m.ID, "-"); ok && len(id) == idLength && strings.Trim(part, "0123456789") == "" {
		return id
	}
	return m.ID
}

// shown reports whether a mark's first record, which was the one on the screen, is of an item.
func (l *session) shown(item int, m *marks.Mark) bool {
	list, err := l.pool.records(item)
	if err != nil { // it was read a moment ago; the first item of the answer will do
		return false
	}
	return slices.ContainsFunc(list, func(r marks.Records) bool { return slices.Contains(r.Hashes, m.Records[0].Hashes[0]) })
}

// answer takes keys until one moves on; more is false at the end.
func (l *session) answer(item int, x *example) (more bool, err error) {
	for {
		l.prompt()
		k := l.keys.next(l.ctx)
		l.echo(k)
		switch k {
		case 'g', 'b':
			return true, l.mark([]int{item}, x, k == 'b')
		case 'G', 'B':
			return true, l.mark(l.openRow(item), x, k == 'B')
		case 's':
			l.study.Skip(item)
			l.done = append(l.done, step{})
			return true, nil
		case 'u':
			ok, err := l.undo()
			if ok || err != nil {
				return true, err
			}
		case 'w':
			err = l.why(x)
		case 'r':
			err = l.around(x)
		case 'q':
			return false, nil
		default:
			fmt.Fprintf(l.s.out, "  There is no key %s.\n", term.Clean(fmt.Sprintf("%q", rune(k))))
		}
		if err != nil {
			return false, err
		}
	}
}

// openRow is the items of a row that have no answer, the one that is shown first.
func (l *session) openRow(item int) []int {
	out := []int{item}
	for _, i := range l.pool.row(item) {
		if i != item && l.study.Open(i) {
			out = append(out, i)
		}
	}
	return out
}

// mark appends an answer to the journal, and only then counts it.
func (l *session) mark(items []int, x *example, bad bool) error {
	what := marks.Good
	if bad {
		what = marks.Bad
	}
	m := marks.Mark{ID: newID(), When: markTime(), Who: l.who, What: what}
	for _, i := range items {
		r, err := l.pool.records(i)
		if err != nil {
			return err
		}
		m.Records = append(m.Records, r...)
	}
	list := split(m)
	if err := l.append(list...); err != nil {
		return err
	}
	done := step{mark: m.ID, answers: len(items), records: m.Count()}
	for n, i := range items {
		l.study.Answer(review.Answer{Item: i, Bad: bad, Told: n > 0})
	}
	if l.filter != nil && x.lesson != nil {
		next, report, err := l.filter.Teach(l.ctx, x.lesson(l.filter), bad, false)
		if err != nil {
			return explainFilter(err)
		}
		if report.Added > 0 {
			if err := l.keepFilter(next); err != nil {
				return err
			}
			done.before, l.filter = l.filter, next
		}
		p := newPage(l.s.out)
		p.warnings(report.Warnings)
		if err := p.w.Flush(); err != nil {
			return err
		}
	}
	l.done = append(l.done, done)
	l.marked += done.records
	l.tell(what, done.records)
	return nil
}

// split cuts a mark of more records than one may hold. The others have its id and a number behind it.
func split(m marks.Mark) []marks.Mark {
	if m.Count() <= marks.MaxRecords {
		return []marks.Mark{m}
	}
	var out []marks.Mark
	room := 0
	for _, r := range m.Records {
		for len(r.Lines) > 0 {
			if room == 0 {
				part := m
				part.Records = nil
				if len(out) > 0 {
					part.ID = fmt.Sprintf("%s-%d", m.ID, len(out))
				}
				out, room = append(out, part), marks.MaxRecords
			}
			n := min(room, len(r.Lines))
			part := r
			part.Lines, part.Hashes = r.Lines[:n], r.Hashes[:n]
			last := &out[len(out)-1]
			last.Records = append(last.Records, part)
			r.Lines, r.Hashes, room = r.Lines[n:], r.Hashes[n:], room-n
		}
	}
	return out
}

// undo takes the last step back; ok is false where there is none.
func (l *session) undo() (ok bool, err error) {
	if len(l.done) == 0 {
		fmt.Fprintln(l.s.out, "  Nothing was answered in this session. 'weir marks' lists older answers, 'weir unmark' takes them back.")
		return false, nil
	}
	last := l.done[len(l.done)-1]
	if last.mark == "" {
		l.study.Unskip()
		l.done = l.done[:len(l.done)-1]
		return true, nil
	}
	var list []marks.Mark
	for n := 0; n <= (last.records-1)/marks.MaxRecords; n++ {
		id := last.mark
		if n > 0 {
			id = fmt.Sprintf("%s-%d", last.mark, n)
		}
		list = append(list, marks.Mark{ID: newID(), When: markTime(), Who: l.who, Unmark: id})
	}
	if err := l.append(list...); err != nil {
		return false, err
	}
	l.done = l.done[:len(l.done)-1]
	l.study.Undo(last.answers)
	l.marked -= last.records
	if last.before != nil {
		if err := l.keepFilter(last.before); err != nil {
			return false, err
		}
		l.filter = last.before
	}
	fmt.Fprintf(l.s.out, "  Taken back: %s.\n", plural(last.records, "record"))
	return true, nil
}

// keepFilter writes the filter, unless somebody else has written it meanwhile, whose lessons would be lost.
func (l *session) keepFilter(f *filter.Filter) error {
	if now, err := os.Stat(l.f.filter); err != nil || !os.SameFile(now, l.kept) {
		return hintf(fmt.Errorf("the filter %q was changed by somebody else while this session taught it", l.f.filter),
			"All answers are in the marks, but the filter there has not learned those of this session: 'weir learn --marks' teaches it them. Only one session at a time may say --learn.")
	}
	if _, err := writeFilter(l.f.filter, f); err != nil {
		return err
	}
	var err error
	l.kept, err = os.Stat(l.f.filter)
	return err
}

func (l *session) append(list ...marks.Mark) error {
	repaired, err := marks.Append(l.f.huntFlags.marks, list...)
	if repaired {
		fmt.Fprintln(l.s.err, "weir: The last line of the marks had been cut short by a crash and was taken out.")
	}
	if err != nil {
		return hintf(err, "The last answer was not kept; those before it were.")
	}
	return nil
}

const idLength = 16

// newID is a mark's name, which nobody else will think of.
func newID() string {
	b := make([]byte, idLength/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
