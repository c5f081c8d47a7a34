package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"weir/internal/count"
	"weir/internal/event"
)

// replace puts new segments in the place of old ones, in one transaction, with what change does to the catalogue besides.
// It fails with ErrOvertaken if somebody else has replaced one of the old. Their files are removed.
func (l *Lake) replace(ctx context.Context, old []Segment, fresh []*Segment, change func(*sql.Tx) error) error {
	now := l.now().UnixNano()
	var shares []Share
	err := l.update(ctx, func(tx *sql.Tx) (err error) {
		if err := l.present(fresh); err != nil {
			return err
		}
		if shares, err = shareFiles(ctx, tx, old); err != nil { // their rows go with those of the segments
			return err
		}
		for _, s := range old {
			if _, err := tx.ExecContext(ctx, `DELETE FROM contents WHERE segment = ?`, s.ID); err != nil {
				return fmt.Errorf("cannot replace segments: %w", err)
			}
			r, err := tx.ExecContext(ctx, `DELETE FROM segments WHERE id = ?`, s.ID)
			if err != nil {
				return fmt.Errorf("cannot replace segments: %w", err)
			}
			if n, err := r.RowsAffected(); err != nil || n != 1 {
				return fmt.Errorf("%w: a segment was replaced meanwhile", ErrOvertaken)
			}
		}
		for _, s := range fresh {
			if err := insertSegment(ctx, tx, s, now); err != nil {
				return err
			}
		}
		if change == nil {
			return nil
		}
		return change(tx)
	})
	if err != nil {
		l.discard(fresh...)
		return err
	}
	for i := range old {
		l.discard(&old[i])
	}
	l.discardShares(shares)
	return nil
}

// A rewriter makes new segments of the events of old ones.
type rewriter struct {
	l       *Lake
	rows    *rows
	reader  *segmentReader
	names   []sourceName
	bySrc   map[int64]int32
	all     map[int64]string
	dropped map[int64]int64 // rows that were left out, by source
}

func (l *Lake) newRewriter(ctx context.Context) (*rewriter, error) {
	keys := event.NewKeys()
	w := &rewriter{l: l, rows: l.newRows(keys), reader: newSegmentReader(keys), bySrc: map[int64]int32{}, all: map[int64]string{},
		dropped: map[int64]int64{}}
	list, err := sources(ctx, l.db, `true`)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		w.all[s.ID] = s.Name
	}
	return w, nil
}

// take adds the events of a segment but for those that drop tells.
func (w *rewriter) take(s *Segment, drop func(*stored) bool) error {
	return w.reader.read(w.l.path(s.Path), true, func(e *stored) error {
		if drop != nil && drop(e) {
			w.dropped[e.source]++
			return nil
		}
		n, ok := w.bySrc[e.source]
		if !ok {
			name, known := w.all[e.source]
			if !known {
				return fmt.Errorf("%w: %q names source %d, which there is not", ErrSegment, s.Path, e.source)
			}
			n = int32(len(w.names))
			w.names = append(w.names, sourceName{e.source, name})
			w.bySrc[e.source] = n
		}
		w.rows.add(e.Event, n, e.line, e.raw, e.raw != nil)
		return nil
	})
}

// write writes what was taken. With tally, that are its counts.
func (w *rewriter) write(tally *count.Tally) ([]*Segment, error) {
	w.rows.counter.Flush()
	if tally != nil {
		if len(w.rows.order) != 1 {
			return nil, errors.New("BUG: counts of several days")
		}
		w.rows.order[0].tally = tally
	}
	var out []*Segment
	for day := range w.rows.order {
		s, err := w.l.writeEvents([]part{{rows: w.rows, day: int32(day)}}, w.names)
		if err != nil {
			w.l.discard(out...)
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// removeOpenLine removes the last line of a source, which had no end when it was read and is longer now.
func (l *Lake) removeOpenLine(ctx context.Context, src *sourceRow) error {
	line := src.Line
	list, err := segments(ctx, l.db, `id IN (SELECT segment FROM contents WHERE source = ?)`, src.ID)
	if err != nil {
		return err
	}
	// The newest segment that holds rows of the source most likely holds this one.
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		var fresh []*Segment
		removed := int64(0)
		what := "records"
		dataset, reason := "", ""
		if s.Kind == kindMalformed {
			what = "malformed"
			fresh, reason, removed, err = l.withoutFault(&s, src.ID, line)
		} else {
			fresh, dataset, removed, err = l.withoutEvent(ctx, &s, src.ID, line)
		}
		if errors.Is(err, ErrGone) {
			return fmt.Errorf("%w: %w", ErrOvertaken, err)
		}
		if err != nil {
			return err
		}
		if removed == 0 {
			l.discard(fresh...)
			continue
		}
		return l.replace(ctx, []Segment{s}, fresh, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `UPDATE datasets SET records = records - 1 WHERE source = ? AND dataset = ?`, src.ID, dataset); err != nil {
				return fmt.Errorf("cannot remove a line: %w", err)
			}
			if _, err := tx.ExecContext(ctx, `UPDATE faults SET count = count - 1 WHERE source = ? AND reason = ?`, src.ID, reason); err != nil {
				return fmt.Errorf("cannot remove a line: %w", err)
			}
			return l.closeLine(ctx, tx, src, what)
		})
	}
	return l.update(ctx, func(tx *sql.Tx) error { return l.closeLine(ctx, tx, src, "") }) // a line without a record
}

// closeLine notes that a source has no open line any more, and one record less.
func (l *Lake) closeLine(ctx context.Context, tx *sql.Tx, src *sourceRow, what string) error {
	less := ""
	if what != "" {
		less = ", " + what + " = " + what + " - 1"
	}
	r, err := tx.ExecContext(ctx, `UPDATE sources SET open_size = 0, open_hash = x'', lines = lines - 1`+less+`
		WHERE id = ? AND offset = ? AND open_size = ?`, src.ID, src.Offset, src.OpenSize)
	if err != nil {
		return fmt.Errorf("cannot remove a line: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%w (%q)", ErrOvertaken, src.Name)
	}
	src.OpenSize, src.OpenHash = 0, nil
	src.Lines--
	switch what {
	case "records":
		src.Records--
	case "malformed":
		src.Malformed--
	}
	return nil
}

// withoutEvent writes a segment anew without the event of one line.
func (l *Lake) withoutEvent(ctx context.Context, s *Segment, source, line int64) (fresh []*Segment, dataset string, removed int64, err error) {
	found := false
	look := newSegmentReader(event.NewKeys())
	err = look.read(l.path(s.Path), false, func(e *stored) error {
		if e.source == source && e.line == line {
			found, dataset = true, e.Dataset
		}
		return nil
	})
	if err != nil || !found {
		return nil, "", 0, err
	}
	w, err := l.newRewriter(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	if err := w.take(s, func(e *stored) bool { return e.source == source && e.line == line }); err != nil {
		return nil, "", 0, err
	}
	fresh, err = w.write(nil)
	return fresh, dataset, w.dropped[source], err
}

// withoutFault writes a file of malformed lines anew without one.
func (l *Lake) withoutFault(s *Segment, source, line int64) (fresh []*Segment, reason string, removed int64, err error) {
	list, err := l.readFaults(s)
	if err != nil {
		return nil, "", 0, err
	}
	var kept []faultRow
	var names []sourceName
	for _, f := range list {
		if f.SourceID == source && f.Line == line {
			removed++
			reason = f.Reason
			continue
		}
		f.file = len(names)
		names = append(names, sourceName{f.SourceID, f.File})
		kept = append(kept, f)
	}
	if removed == 0 || len(kept) == 0 {
		return nil, reason, removed, nil
	}
	one, err := l.writeFaults(kept, names)
	if err != nil {
		return nil, "", 0, err
	}
	return []*Segment{one}, reason, removed, nil
}

// readFaults returns the lines of a file of malformed lines.
func (l *Lake) readFaults(s *Segment) (out []faultRow, err error) {
	full := l.path(s.Path)
	file, p, err := openParquet(full)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	defer func() {
		if x := recover(); x != nil {
			err = damaged(full, fmt.Errorf("%v", x))
		}
	}()
	if !parquet.SameNodes(p.Schema(), parquet.SchemaOf(faultRow{})) {
		return nil, damaged(full, errors.New("its columns are not those of malformed lines"))
	}
	r := parquet.NewGenericReader[faultRow](file)
	defer r.Close()
	out = make([]faultRow, r.NumRows())
	n, err := r.Read(out)
	if err != nil && err != io.EOF {
		return nil, damaged(full, err)
	}
	return out[:n], nil
}
