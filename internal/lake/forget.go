package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"weir/internal/event"
)

// oldestFirst returns the days in order; events without one come last.
func oldestFirst(days map[string][]Segment) []string {
	out := slices.Sorted(maps.Keys(days))
	if len(out) > 0 && out[0] == "" {
		out = append(out[1:], "")
	}
	return out
}

// drop removes whole segments.
func (l *Lake) drop(ctx context.Context, list []Segment, why string) error {
	removed := map[int64]int64{}
	for _, s := range list {
		contents, err := l.contents(ctx, s.ID)
		if err != nil {
			return err
		}
		for source, n := range contents {
			removed[source] += n
		}
	}
	return l.replaceAndForget(ctx, list, nil, removed, why)
}

// replaceAndForget replaces segments, notes what was removed, and removes the models, which count it still.
func (l *Lake) replaceAndForget(ctx context.Context, old []Segment, fresh []*Segment, removed map[int64]int64, why string) error {
	var models []string
	err := l.replace(ctx, old, fresh, func(tx *sql.Tx) (err error) {
		if models, err = removeModels(ctx, tx, `path != ''`); err != nil {
			return err
		}
		return l.noteForgotten(ctx, tx, removed, why)
	})
	if err != nil {
		return err
	}
	for _, name := range models {
		if err := os.Remove(l.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove %q: %w", l.path(name), pathError(err))
		}
	}
	return nil
}

// contents returns the rows of a segment by source.
func (l *Lake) contents(ctx context.Context, segment int64) (map[int64]int64, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT source, rows FROM contents WHERE segment = ?`, segment)
	if err != nil {
		return nil, fmt.Errorf("cannot list the contents of a segment: %w", err)
	}
	defer rows.Close()
	out := map[int64]int64{}
	for rows.Next() {
		var source, n int64
		if err := rows.Scan(&source, &n); err != nil {
			return nil, fmt.Errorf("cannot list the contents of a segment: %w", err)
		}
		out[source] = n
	}
	return out, rows.Err()
}

func (l *Lake) noteForgotten(ctx context.Context, tx *sql.Tx, removed map[int64]int64, why string) error {
	for source, n := range removed {
		if _, err := tx.ExecContext(ctx, `INSERT INTO forgotten (at, why, source, rows) VALUES (?, ?, ?, ?)`, l.now().UnixNano(), why,
			source, n); err != nil {
			return fmt.Errorf("cannot note what was removed: %w", err)
		}
	}
	return nil
}

// A Forgotten says what Forget removed.
type Forgotten struct {
	Events   int64 // that were removed
	Segments int   // that were written anew, or removed
	Looked   int   // that were searched again afterwards, all of them, without finding any
}

// Forget removes every event that match tells, with its line and its counts: it writes the segments anew that hold one,
// counts their tokens again, removes the old files, and then looks through the whole lake for what is left. newMatch makes
// what is asked for one goroutine. why is kept in the catalogue; it should not itself say what is to be forgotten.
// Lines that could not be read have no fields to ask for, and stay.
//
// Forget is no overwriting of disks: what a file system keeps of removed files is beyond it.
func (l *Lake) Forget(ctx context.Context, match func(*event.Event) bool, why string) (*Forgotten, error) {
	if err := l.startWriting(ctx); err != nil {
		return nil, err
	}
	f := &Forgotten{}
	list, err := l.Segments(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		n, err := l.forgetIn(ctx, &list[i], match, why)
		if err != nil {
			return f, err
		}
		if n > 0 {
			f.Events += n
			f.Segments++
		}
	}
	if list, err = l.Segments(ctx); err != nil {
		return f, err
	}
	for i := range list {
		n, err := l.countMatches(&list[i], match)
		if err != nil {
			return f, err
		}
		if n > 0 {
			return f, fmt.Errorf("there are still %d such events in %q: it was added meanwhile; run again", n, list[i].Path)
		}
		f.Looked++
	}
	// The catalogue's own pages and its log may hold the names of removed files still.
	if _, err := l.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return f, fmt.Errorf("cannot write %q: %w", l.path(database), err)
	}
	return f, nil
}

func (l *Lake) countMatches(s *Segment, match func(*event.Event) bool) (n int64, err error) {
	r := newSegmentReader(event.NewKeys())
	err = r.read(l.path(s.Path), false, func(e *stored) error {
		if match(e.Event) {
			n++
		}
		return nil
	})
	return n, err
}

// forgetIn removes events from one segment and returns how many.
func (l *Lake) forgetIn(ctx context.Context, s *Segment, match func(*event.Event) bool, why string) (int64, error) {
	n, err := l.countMatches(s, match)
	if err != nil || n == 0 {
		return 0, err
	}
	w, err := l.newRewriter(ctx)
	if err != nil {
		return 0, err
	}
	w.rows.oneDay, w.rows.theDay = true, s.Day
	if err := w.take(s, func(e *stored) bool { return match(e.Event) }); err != nil {
		return 0, err
	}
	fresh, err := w.write(nil)
	if err != nil {
		return 0, err
	}
	return n, l.replaceAndForget(ctx, []Segment{*s}, fresh, w.dropped, why)
}
