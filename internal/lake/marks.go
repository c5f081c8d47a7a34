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

// A Mark is a row of marks: what somebody said of a stretch of time. The words mean what they mean in a journal (package
// marks); of single records the lake has no marks.
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

// Marks returns all marks, those that were taken back too, in the order in which they were made.
func (l *Lake) Marks(ctx context.Context) ([]Mark, error) { return listMarks(ctx, l.db) }

func listMarks(ctx context.Context, q querier) ([]Mark, error) {
	rows, err := q.QueryContext(ctx, `SELECT number, id, verdict, who, made, begins, ends, hosts, condition, note, unmark, taken_back,
		taken_back_by, taken_back_note FROM marks ORDER BY number`)
	if err != nil {
		return nil, fmt.Errorf("cannot list marks: %w", err)
	}
	defer rows.Close()
	var out []Mark
	for rows.Next() {
		var m Mark
		if err := rows.Scan(&m.Number, &m.ID, &m.Verdict, &m.Who, &m.Made, &m.Begins, &m.Ends, &m.Hosts, &m.Condition, &m.Note, &m.Unmark,
			&m.TakenBack, &m.TakenBackBy, &m.TakenBackNote); err != nil {
			return nil, fmt.Errorf("cannot list marks: %w", err)
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// AddMark adds a mark of a span. Of two that are made at once both count, and the one that is committed later decides.
func (l *Lake) AddMark(ctx context.Context, m marks.Mark) error {
	if err := m.Validate(); err != nil {
		return err
	}
	if m.Span == nil {
		return errors.New("cannot mark single records in a lake: mark the span they lie in, with hosts or a condition")
	}
	return l.update(ctx, func(tx *sql.Tx) error { return insertMark(ctx, tx, &m) })
}

func insertMark(ctx context.Context, tx *sql.Tx, m *marks.Mark) error {
	if err := checkWhen(m); err != nil {
		return err
	}
	hosts, err := json.Marshal(append([]string{}, m.Span.Hosts...))
	if err != nil {
		return fmt.Errorf("cannot save a mark: %w", err)
	}
	end := func(t time.Time) sql.NullInt64 { return sql.NullInt64{Int64: t.UnixNano(), Valid: !t.IsZero()} }
	_, err = tx.ExecContext(ctx, `INSERT INTO marks (id, verdict, who, made, begins, ends, hosts, condition, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, string(m.What), m.Who, m.When.UnixNano(), end(m.Span.From), end(m.Span.To), string(hosts), m.Span.Where, m.Note)
	if err != nil {
		return fmt.Errorf("cannot save a mark: %w", err)
	}
	return nil
}

// checkWhen makes sure that nanoseconds can say when a mark was made.
func checkWhen(m *marks.Mark) error {
	if y := m.When.Year(); y < 1678 || y > 2261 {
		return fmt.Errorf("cannot save mark %s: it says that it was made in the year %d", m.ID, y)
	}
	return nil
}

// TakeBack takes the mark back that m.Unmark names, and returns what it was. It stays in the lake, with who took it back. The error
// is ErrNoMark or ErrTakenBack where there is nothing to take back.
func (l *Lake) TakeBack(ctx context.Context, m marks.Mark) (*marks.Mark, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	var old *marks.Mark
	err := l.update(ctx, func(tx *sql.Tx) error {
		list, err := listMarks(ctx, tx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(list, func(x Mark) bool { return x.ID == m.Unmark })
		switch {
		case at < 0:
			return fmt.Errorf("%w: %q", ErrNoMark, m.Unmark)
		case list[at].TakenBack.Valid:
			return fmt.Errorf("%w: %q", ErrTakenBack, m.Unmark)
		}
		if old, err = list[at].journal(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE marks SET unmark = ?, taken_back = ?, taken_back_by = ?, taken_back_note = ? WHERE number = ?`,
			m.ID, m.When.UnixNano(), m.Who, m.Note, list[at].Number)
		if err != nil {
			return fmt.Errorf("cannot take a mark back: %w", err)
		}
		return nil
	})
	return old, err
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

// MarkSet returns the marks of the lake as a journal's, so that whoever takes those takes these.
func (l *Lake) MarkSet(ctx context.Context) (*marks.Set, error) {
	list, err := l.Marks(ctx)
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

// ImportMarks adds the marks of a journal that the lake does not have yet, in the journal's order, behind those that it has. Ids that
// it has are known already.
func (l *Lake) ImportMarks(ctx context.Context, s *marks.Set) (*Import, error) {
	r := &Import{}
	err := l.update(ctx, func(tx *sql.Tx) error {
		*r = Import{}
		there, err := listMarks(ctx, tx)
		if err != nil {
			return err
		}
		known, backs := map[string]*Mark{}, map[string]string{} // by id; the marks that ids take back
		for i := range there {
			known[there[i].ID] = &there[i]
			if there[i].Unmark != "" {
				backs[there[i].Unmark] = there[i].ID
			}
		}
		all := s.All()
		records := map[string]bool{}
		for i := range all {
			m := &all[i]
			if back, taken := backs[m.ID]; taken && back != m.Unmark || m.Unmark != "" && known[m.ID] != nil {
				return fmt.Errorf("cannot import the marks: the lake has the id %s already, for something else", m.ID)
			}
			switch old := known[m.Unmark]; {
			case m.Unmark != "" && records[m.Unmark]:
			case m.Unmark != "" && old != nil && old.TakenBack.Valid:
				r.Known++
			case m.Unmark != "":
				if err := checkWhen(m); err != nil {
					return err
				}
				r.TakenBack++
				if _, err := tx.ExecContext(ctx, `UPDATE marks SET unmark = ?, taken_back = ?, taken_back_by = ?, taken_back_note = ? WHERE id = ?
					AND taken_back IS NULL`, m.ID, m.When.UnixNano(), m.Who, m.Note, m.Unmark); err != nil {
					return fmt.Errorf("cannot take a mark back: %w", err)
				}
			case m.Span == nil:
				r.Records++
				records[m.ID] = true
			case known[m.ID] != nil:
				r.Known++
			default:
				r.Added++
				if err := insertMark(ctx, tx, m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return r, err
}
