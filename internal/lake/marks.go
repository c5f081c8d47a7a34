package lake

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/internal/marks"
)

// Errors of marks that a caller may want to tell apart.
var (
	ErrNoMark    = errors.New("there is no such mark")
	ErrTakenBack = errors.New("the mark was taken back already")
)

// A Mark is what somebody said of a stretch of time. The words mean what they mean in a journal (package
// marks); of single records an archive has no marks.
type Mark struct {
	Number        int64 // the order in which they were made
	ID            string
	Verdict       string // good, bad or ignore
	Who           string
	Made          int64         // nanoseconds since 1970
	Begins, Ends  sql.NullInt64 // both included; not valid where that side is open
	Hosts         string        // a JSON list of names and addresses
	Condition     string
	Note          string
	Unmark        string // the id under which it was taken back; empty while it stands
	TakenBack     sql.NullInt64
	TakenBackBy   string
	TakenBackNote string
}

// timed tells whether the mark has a window; only then has it nothing to say of events elsewhere.
func (m *Mark) timed() bool { return m.Begins.Valid || m.Ends.Valid }

// A Journal is where an archive keeps its marks: they are only ever added to.
type Journal interface {
	// Marks returns all marks, those that were taken back too, in the order in which they were made.
	Marks(ctx context.Context) ([]Mark, error)
	// Append adds what plan makes of the marks that are there: marks of spans, and marks that take others back. Nothing comes
	// between those that plan saw and what it adds; it is called again where somebody else was faster. Its error ends it.
	Append(ctx context.Context, plan func(there []Mark) ([]marks.Mark, error)) error
}

// Marks returns all marks, those that were taken back too, in the order in which they were made.
func (t *Trainer) Marks(ctx context.Context) ([]Mark, error) { return t.ground.Marks(ctx) }

// AddMark adds a mark of a span. Of two that are made at once both count, and the one that is committed later decides.
func (t *Trainer) AddMark(ctx context.Context, m marks.Mark) error {
	if err := m.Validate(); err != nil {
		return err
	}
	if m.Span == nil {
		return errors.New("cannot mark single records in a lake: mark the span they lie in, with hosts or a condition")
	}
	if err := checkWhen(&m); err != nil {
		return err
	}
	return t.ground.Append(ctx, func(there []Mark) ([]marks.Mark, error) {
		if slices.ContainsFunc(there, func(x Mark) bool { return x.ID == m.ID || x.Unmark == m.ID }) {
			return nil, fmt.Errorf("cannot save a mark: there is one with the id %s already", m.ID)
		}
		return []marks.Mark{m}, nil
	})
}

// checkWhen makes sure that nanoseconds can say when a mark was made.
func checkWhen(m *marks.Mark) error {
	if y := m.When.Year(); y < 1678 || y > 2261 {
		return fmt.Errorf("cannot save mark %s: it says that it was made in the year %d", m.ID, y)
	}
	return nil
}

// TakeBack takes the mark back that m.Unmark names, and returns what it was. It stays in the archive, with who took it back. The
// error is ErrNoMark or ErrTakenBack where there is nothing to take back.
func (t *Trainer) TakeBack(ctx context.Context, m marks.Mark) (*marks.Mark, error) {
	if err := errors.Join(m.Validate(), checkWhen(&m)); err != nil {
		return nil, err
	}
	var old *marks.Mark
	err := t.ground.Append(ctx, func(there []Mark) (_ []marks.Mark, err error) {
		at := slices.IndexFunc(there, func(x Mark) bool { return x.ID == m.Unmark })
		switch {
		case at < 0:
			return nil, fmt.Errorf("%w: %q", ErrNoMark, m.Unmark)
		case there[at].TakenBack.Valid:
			return nil, fmt.Errorf("%w: %q", ErrTakenBack, m.Unmark)
		}
		old, err = there[at].journal()
		return []marks.Mark{m}, err
	})
	if err != nil {
		return nil, err
	}
	return old, nil
}

// Replay returns the marks that the entries of a journal make, each with the number beside it: for grounds that keep entries.
func Replay(entries []marks.Mark, numbers []int64) []Mark {
	var out []Mark
	at := map[string]int{}
	for i := range entries {
		m := &entries[i]
		if m.Unmark == "" {
			at[m.ID] = len(out)
			out = append(out, markOf(numbers[i], m))
		} else if k, ok := at[m.Unmark]; ok && !out[k].TakenBack.Valid {
			x := &out[k]
			x.Unmark, x.TakenBack, x.TakenBackBy, x.TakenBackNote = m.ID, sql.NullInt64{Int64: m.When.UnixNano(), Valid: true}, m.Who, m.Note
		}
	}
	return out
}

// markOf returns what is kept of a mark of a span.
func markOf(number int64, m *marks.Mark) Mark {
	hosts, _ := json.Marshal(append([]string{}, m.Span.Hosts...)) // texts always can be
	end := func(t time.Time) sql.NullInt64 {
		if t.IsZero() {
			return sql.NullInt64{}
		}
		return sql.NullInt64{Int64: t.UnixNano(), Valid: true}
	}
	return Mark{Number: number, ID: m.ID, Verdict: string(m.What), Who: m.Who, Made: m.When.UnixNano(), Begins: end(m.Span.From), Ends: end(m.Span.To),
		Hosts: string(hosts), Condition: m.Span.Where, Note: m.Note}
}

// journal returns the mark as a journal has it.
func (m *Mark) journal() (*marks.Mark, error) {
	s := &marks.Span{Where: m.Condition}
	if m.Begins.Valid {
		s.From = time.Unix(0, m.Begins.Int64).UTC()
	}
	if m.Ends.Valid {
		s.To = time.Unix(0, m.Ends.Int64).UTC()
	}
	if err := json.Unmarshal([]byte(m.Hosts), &s.Hosts); err != nil {
		return nil, fmt.Errorf("cannot read the hosts of mark %s: %w", m.ID, err)
	}
	return &marks.Mark{ID: m.ID, When: time.Unix(0, m.Made).UTC(), Who: m.Who, What: marks.What(m.Verdict), Note: m.Note, Span: s}, nil
}

// MarkSet returns the marks of the archive as a journal's, so that whoever takes those takes these.
func (t *Trainer) MarkSet(ctx context.Context) (*marks.Set, error) {
	list, err := t.Marks(ctx)
	if err != nil {
		return nil, err
	}
	return setOf(list, true)
}

// setOf makes a set of rows; with history those that were taken back are in it as such, else all of them stand.
func setOf(list []Mark, history bool) (*marks.Set, error) {
	var text bytes.Buffer
	add := func(m *marks.Mark) error {
		line, err := m.Encode()
		text.Write(line)
		return err
	}
	for i := range list {
		m, err := list[i].journal()
		if err != nil {
			return nil, err
		}
		if err := add(m); err != nil {
			return nil, fmt.Errorf("cannot read mark %s of the lake: %w", m.ID, err)
		}
		if x := &list[i]; history && x.TakenBack.Valid {
			back := &marks.Mark{ID: x.Unmark, When: time.Unix(0, x.TakenBack.Int64).UTC(), Who: x.TakenBackBy, Note: x.TakenBackNote, Unmark: x.ID}
			if err := add(back); err != nil {
				return nil, fmt.Errorf("cannot read mark %s of the lake: %w", m.ID, err)
			}
		}
	}
	return marks.Read(&text)
}

// An Import says what ImportMarks did.
type Import struct {
	Added, Known, TakenBack int
	Records                 int // marks of single records, which a lake does not take
}

// ImportMarks adds the marks of a journal that the archive does not have yet, in the journal's order, behind those that it has. Ids
// that it has are known already.
func (t *Trainer) ImportMarks(ctx context.Context, s *marks.Set) (*Import, error) {
	r := &Import{}
	err := t.ground.Append(ctx, func(there []Mark) (_ []marks.Mark, err error) {
		var list []marks.Mark
		r, list, err = planImport(there, s.All())
		return list, err
	})
	return r, err
}

// planImport returns the entries of a journal that are new.
func planImport(there []Mark, all []marks.Mark) (*Import, []marks.Mark, error) {
	r := &Import{}
	var list []marks.Mark
	known, backs := map[string]*Mark{}, map[string]string{} // by id; the marks that ids take back
	for i := range there {
		known[there[i].ID] = &there[i]
		if there[i].Unmark != "" {
			backs[there[i].Unmark] = there[i].ID
		}
	}
	records := map[string]bool{}
	for i := range all {
		m := &all[i]
		if back, taken := backs[m.ID]; taken && back != m.Unmark || m.Unmark != "" && known[m.ID] != nil {
			return nil, nil, fmt.Errorf("cannot import the marks: the lake has the id %s already, for something else", m.ID)
		}
		switch old := known[m.Unmark]; {
		case m.Unmark != "" && records[m.Unmark]:
			continue
		case m.Unmark != "" && old != nil && old.TakenBack.Valid, m.Unmark == "" && known[m.ID] != nil:
			r.Known++
			continue
		case m.Unmark != "":
			r.TakenBack++
		case m.Span == nil:
			r.Records++
			records[m.ID] = true
			continue
		default:
			r.Added++
		}
		if err := checkWhen(m); err != nil {
			return nil, nil, err
		}
		list = append(list, *m)
	}
	return r, list, nil
}
