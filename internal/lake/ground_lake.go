package lake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/marks"
)

// A ground is a lake as its Trainer sees it: marks, shares and models are rows of the catalogue, their counts files.
type ground struct{ l *Lake }

var _ Ground = ground{}

// Begin also makes sure that files have the size that they were written with: a model is not made of others.
func (g ground) Begin(ctx context.Context) error {
	if err := g.l.startWriting(ctx); err != nil {
		return err
	}
	return g.l.eachFile(ctx, func(name string, size int64, _ []byte) error { return g.l.sized(name, size) })
}

func (g ground) NewCounter() *Counter {
	_ = g.l.settleGeo(context.Background()) // before anything is written Begin has said what is wrong with it
	return NewCounter(g.l.seed, g.l.Zone, g.l.geo)
}

func (g ground) Marks(ctx context.Context) ([]Mark, error) { return listMarks(ctx, g.l.db) }

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

func (g ground) Append(ctx context.Context, plan func([]Mark) ([]marks.Mark, error)) error {
	return g.l.update(ctx, func(tx *sql.Tx) error {
		there, err := listMarks(ctx, tx)
		if err != nil {
			return err
		}
		list, err := plan(there)
		if err != nil {
			return err
		}
		for i := range list {
			if err := appendMark(ctx, tx, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func appendMark(ctx context.Context, tx *sql.Tx, m *marks.Mark) error {
	if m.Unmark != "" {
		_, err := tx.ExecContext(ctx, `UPDATE marks SET unmark = ?, taken_back = ?, taken_back_by = ?, taken_back_note = ? WHERE id = ?
			AND taken_back IS NULL`, m.ID, m.When.UnixNano(), m.Who, m.Note, m.Unmark)
		if err != nil {
			return fmt.Errorf("cannot take a mark back: %w", err)
		}
		return nil
	}
	x := markOf(0, m)
	_, err := tx.ExecContext(ctx, `INSERT INTO marks (id, verdict, who, made, begins, ends, hosts, condition, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		x.ID, x.Verdict, x.Who, x.Made, x.Begins, x.Ends, x.Hosts, x.Condition, x.Note)
	if err != nil {
		return fmt.Errorf("cannot save a mark: %w", err)
	}
	return nil
}

// Look reads the catalogue, all of it at one moment.
func (g ground) Look(ctx context.Context) (*View, error) {
	tx, err := g.l.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", g.l.path(database), err)
	}
	defer tx.Rollback() // it was only read
	list, err := segments(ctx, tx, `kind = ?`, kindEvents)
	if err != nil {
		return nil, err
	}
	v := &View{Of: segmentIDs(list), Laid: map[string]Laid{}}
	if v.Marks, err = listMarks(ctx, tx); err != nil {
		return nil, err
	}
	laid, shares, err := listShares(ctx, tx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		s := &list[i]
		x := Stretch{Key: strconv.FormatInt(s.ID, 10), Name: s.Path, Day: s.Day, Rows: s.Rows, Timed: s.First.Valid, First: s.First.Int64,
			Last: s.Last.Int64, Counts: s.CountsPath}
		v.Stretches = append(v.Stretches, x)
		if text, ok := laid[s.ID]; ok {
			v.Laid[x.Key] = Laid{text, shares[s.ID]}
		}
	}
	return v, nil
}

// segmentIDs is a list of segments as text.
func segmentIDs(list []Segment) string {
	out := make([]int64, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	b, _ := json.Marshal(out) // numbers always can be
	return string(b)
}

func listShares(ctx context.Context, q querier) (laid map[int64]string, shares map[int64][]Share, err error) {
	laid, shares = map[int64]string{}, map[int64][]Share{}
	rows, err := q.QueryContext(ctx, `SELECT l.segment, l.marks, s.class, s.path, s.size, s.hash, s.events FROM laid l
		LEFT JOIN shares s ON s.segment = l.segment ORDER BY l.segment, s.class`)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot list shares: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var segment int64
		var text string
		var class, name sql.NullString
		var size, events sql.NullInt64
		var hash []byte
		if err := rows.Scan(&segment, &text, &class, &name, &size, &hash, &events); err != nil {
			return nil, nil, fmt.Errorf("cannot list shares: %w", err)
		}
		laid[segment] = text
		if class.Valid {
			shares[segment] = append(shares[segment], Share{Class: Class(class.String), Name: name.String, Size: size.Int64, Hash: hash, Events: events.Int64})
		}
	}
	return laid, shares, rows.Err()
}

// A groundReader opens one file after another.
type groundReader struct {
	l      *Lake
	counts countReader
	events *segmentReader
}

func (g ground) NewReader() Reader {
	return &groundReader{l: g.l, events: newSegmentReader(event.NewKeys())}
}

func (r *groundReader) Together() int { return 1 }

func (r *groundReader) Runs(ctx context.Context, names []string, f func(int, CountRun)) error {
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := r.counts.runs(r.l.path(name), func(c countRun) {
			f(i, CountRun{Field: c.field, Events: c.events, Part: c.part, Tokens: c.tokens, N: c.n})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *groundReader) Add(_ context.Context, name string, t *count.Tally) error {
	return readTally(r.l.path(name), t)
}

func (r *groundReader) Events(_ context.Context, list []Stretch, windows [][2]int64, f func(int, *event.Event) error) error {
	for i := range list {
		if err := r.events.readTimes(r.l.path(list[i].Name), windows, func(e *stored) error { return f(i, e.Event) }); err != nil {
			return err
		}
	}
	return nil
}

func (g ground) WriteShare(_ context.Context, s *Stretch, c Class, t *count.Tally) (Share, error) {
	x := Share{Name: path.Join("marked", "class="+string(c), "day="+dayName(s.Day), g.l.newName())}
	err := g.l.writeFile(x.Name, &x.Size, &x.Hash, func(out io.Writer) error { return writeTally(out, t) })
	return x, err
}

func (g ground) DiscardShares(_ context.Context, list []Share) { g.l.discardShares(list) }

func (l *Lake) discardShares(list []Share) {
	for _, s := range list {
		_ = os.Remove(l.path(s.Name)) // what cannot be removed is swept later
	}
}

// CommitShares brings new shares into the catalogue, unless somebody else has replaced a segment or its shares.
func (g ground) CommitShares(ctx context.Context, list []*Job) error {
	err := g.l.update(ctx, func(tx *sql.Tx) error {
		for _, j := range list {
			if err := g.commitShares(ctx, tx, j); err != nil {
				return err
			}
		}
		return nil
	})
	for _, j := range list {
		if err != nil {
			g.l.discardShares(j.Fresh)
		} else {
			g.l.discardShares(j.Was.Shares)
		}
	}
	return err
}

func (g ground) commitShares(ctx context.Context, tx *sql.Tx, j *Job) error {
	id := j.Stretch.Key
	var there int
	var now string
	err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce((SELECT marks FROM laid WHERE segment = ?), '[]') FROM segments WHERE id = ?`, id, id).
		Scan(&there, &now)
	if err != nil {
		return fmt.Errorf("cannot save shares: %w", err)
	}
	if there == 0 || now != j.Was.Marks {
		return fmt.Errorf("%w: segment %s was replaced, or its marks laid, meanwhile", ErrOvertaken, id)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM shares WHERE segment = ?`, id); err != nil {
		return fmt.Errorf("cannot save shares: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO laid VALUES (?, ?) ON CONFLICT DO UPDATE SET marks = excluded.marks`, id, j.Marks()); err != nil {
		return fmt.Errorf("cannot save shares: %w", err)
	}
	for _, s := range j.Fresh {
		if _, err := os.Stat(g.l.path(s.Name)); err != nil {
			return fmt.Errorf("cannot commit %q: %w; run again", g.l.path(s.Name), pathError(err))
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?)`, id, string(s.Class), s.Name, s.Size, s.Hash, s.Events); err != nil {
			return fmt.Errorf("cannot save shares: %w", err)
		}
	}
	return nil
}

// shareFiles returns the files of the shares of segments.
func shareFiles(ctx context.Context, q querier, list []Segment) ([]Share, error) {
	_, all, err := listShares(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []Share
	for _, s := range list {
		out = append(out, all[s.ID]...)
	}
	return out, nil
}

// nameMarked adds the files of shares and models to those that are no litter.
func (l *Lake) nameMarked(ctx context.Context, q querier, named map[string]bool) error {
	rows, err := q.QueryContext(ctx, `SELECT path FROM shares UNION ALL SELECT path FROM models`)
	if err != nil {
		return fmt.Errorf("cannot list shares: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("cannot list shares: %w", err)
		}
		named[name] = true
	}
	return rows.Err()
}

// CommitModel writes the model's file and its row, and removes the files of models that are too old.
func (g ground) CommitModel(ctx context.Context, m, _ *Model, write func(io.Writer) error) error {
	m.Name = path.Join("models", g.l.newName())
	if err := g.l.writeFile(m.Name, &m.Size, &m.Hash, write); err != nil {
		return err
	}
	removed, err := g.l.commitModel(ctx, m)
	if err != nil {
		_ = os.Remove(g.l.path(m.Name)) // what cannot be removed is swept later
		return err
	}
	for _, name := range removed {
		_ = os.Remove(g.l.path(name))
	}
	return nil
}

func (g ground) LastModel(ctx context.Context) (*Model, error) {
	list, err := g.l.models(ctx, `true ORDER BY id DESC LIMIT 1`)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (g ground) ReadModel(_ context.Context, m *Model) ([]byte, error) {
	b, err := os.ReadFile(g.l.path(m.Name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %q %w", ErrSegment, g.l.path(m.Name), ErrGone)
	case err != nil:
		return nil, fmt.Errorf("cannot read %q: %w", g.l.path(m.Name), pathError(err))
	}
	return b, nil
}
