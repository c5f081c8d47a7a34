package lake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"weir/internal/bayes"
)

// A Model is a row of models: what the marks make of the lake, token by token. Its file has a row for every token that a
// bad event carries,
//
//	field, part, token   as in counts
//	good, bad            events of the class that carry it, times scale
//	weight               of evidence in bits (bayes.Weight), of these counts and of the events of both classes
//
// ordered by these, with the events of both classes and the scale in its metadata; a token that is not in it is in no bad
// event. The bytes depend on the events and the standing marks alone: not on how the events lie in segments, nor on which
// marks there were in the meantime.
type Model struct {
	ID       int64
	Made     int64 // nanoseconds since 1970
	Marks    []int64
	Segments []int64
	HalfLife int // days; 0 is none
	// Events by class, each counted once whatever its age.
	Good, Bad, Ignored int64

	path string
	size int64
	hash []byte
}

// TrainOptions govern training. The zero value weighs everything alike.
type TrainOptions struct {
	// HalfLife in days: events of a day count half as much as those of a day so many days later. The newest day of the lake
	// (newestDay) counts in full, and so do events without a day.
	HalfLife int
}

// A Training says what Train did.
type Training struct {
	Laying
	Model  *Model
	Before *Model // the one before, nil if there was none
	Fresh  bool   // whether there was anything to do
}

const maxHalfLife = 36_500

// agedScale is what the counts of the newest day are multiplied by where age matters, so that those of all days are integers.
const agedScale = 1 << 16

// factors returns by what the counts of each segment are multiplied, and the scale.
func factors(list []Segment, halfLife int) (factor map[int64]uint64, scale uint64) {
	factor, scale = map[int64]uint64{}, 1
	if halfLife > 0 {
		scale = agedScale
	}
	newest := newestDay(list)
	for _, s := range list {
		factor[s.ID] = scale
		d, err := time.Parse(time.DateOnly, s.Day)
		if err != nil || halfLife == 0 || !d.Before(newest) {
			continue
		}
		age := float64(newest.Unix()-d.Unix()) / 86400
		factor[s.ID] = uint64(float64(bayes.Exp2(-age/float64(halfLife))*agedScale) + .5)
	}
	return factor, scale
}

// newestDay returns the last day on which, or after which, at least one event in a thousand lies: a few lines that somebody dated far
// into the future do not make everything else old.
func newestDay(list []Segment) time.Time {
	rows := map[string]int64{}
	total := int64(0)
	for _, s := range list {
		if s.Day != "" {
			rows[s.Day] += s.Rows
			total += s.Rows
		}
	}
	after := int64(0)
	for _, day := range slices.Backward(slices.Sorted(maps.Keys(rows))) {
		if after += rows[day]; after*1000 >= total {
			d, _ := time.Parse(time.DateOnly, day) // of a segment; one that is none is as old as can be
			return d
		}
	}
	return time.Time{}
}

// Train brings the model up to date: it lays the marks (Lay), adds up the bad shares, looks the tokens in them up in the counts of
// all segments, and saves what it found. No event is read but those that Lay reads. Where nothing has changed since the
// last time, that model is returned.
func (l *Lake) Train(ctx context.Context, o TrainOptions) (*Training, error) {
	if o.HalfLife < 0 || o.HalfLife > maxHalfLife {
		return nil, fmt.Errorf("cannot train with a half-life of %d days: it is from 1 to %d, or 0 for none", o.HalfLife, maxHalfLife)
	}
	out := &Training{}
	for range 10 {
		laid, err := l.Lay(ctx)
		if err != nil {
			return nil, err
		}
		out.Laying.Segments += laid.Segments
		out.Read += laid.Read
		out.Moved += laid.Moved
		err = l.train(ctx, o, out)
		if err == nil || !errors.Is(err, ErrOvertaken) && !errors.Is(err, errGone) && !errors.Is(err, ErrStale) {
			return out, err
		}
	}
	return nil, fmt.Errorf("%w: the lake's segments and marks changed all the time; run again", ErrOvertaken)
}

func (l *Lake) train(ctx context.Context, o TrainOptions, out *Training) error {
	v, err := l.look(ctx)
	if err != nil {
		return err
	}
	if jobs, err := v.jobs(); err != nil || len(jobs) > 0 {
		return errors.Join(err, ErrStale)
	}
	last, err := l.LastModel(ctx)
	if err != nil {
		return err
	}
	m := &Model{Made: l.now().UnixNano(), HalfLife: o.HalfLife}
	m.Marks, m.Segments = v.madeOf()
	if last != nil && last.path != "" && last.HalfLife == m.HalfLife && slices.Equal(last.Marks, m.Marks) && slices.Equal(last.Segments, m.Segments) {
		out.Model, out.Fresh = last, false
		return nil
	}
	if err := l.startWriting(ctx); err != nil {
		return err
	}
	ev, err := l.evidence(ctx, v, o.HalfLife)
	if err != nil {
		return err
	}
	m.Good, m.Bad, m.Ignored = ev.events[Good], ev.events[Bad], ev.events[Ignored]
	m.path = path.Join("models", l.newName())
	if err := l.writeFile(m.path, &m.size, &m.hash, func(w io.Writer) error { return ev.write(ctx, w) }); err != nil {
		return err
	}
	removed, err := l.commitModel(ctx, m)
	if err != nil {
		_ = os.Remove(l.path(m.path)) // what cannot be removed is swept later
		return err
	}
	for _, name := range removed {
		_ = os.Remove(l.path(name))
	}
	out.Model, out.Before, out.Fresh = m, last, true
	return nil
}

// madeOf returns the numbers of the standing marks and of the segments.
func (v *view) madeOf() (marks, segments []int64) {
	marks, segments = []int64{}, []int64{}
	for _, m := range v.standing() {
		marks = append(marks, m.Number)
	}
	for _, s := range v.segments {
		segments = append(segments, s.ID)
	}
	return marks, segments
}

// keptModels is how many models keep their files: the last, and the one that it is compared with.
const keptModels = 2

// commitModel saves the model, unless marks or segments have changed since; and returns the files of those that are too old.
func (l *Lake) commitModel(ctx context.Context, m *Model) (removed []string, err error) {
	marksText, err := json.Marshal(m.Marks)
	if err != nil {
		return nil, err
	}
	segmentsText, err := json.Marshal(m.Segments)
	if err != nil {
		return nil, err
	}
	err = l.update(ctx, func(tx *sql.Tx) error {
		now := &view{}
		if now.segments, err = segments(ctx, tx, `kind = ?`, kindEvents); err != nil {
			return err
		}
		if now.marks, err = listMarks(ctx, tx); err != nil {
			return err
		}
		if a, b := now.madeOf(); !slices.Equal(a, m.Marks) || !slices.Equal(b, m.Segments) {
			return fmt.Errorf("%w: marks or segments have changed", ErrOvertaken)
		}
		if _, err := os.Stat(l.path(m.path)); err != nil {
			return fmt.Errorf("cannot commit %q: %w; run again", l.path(m.path), pathError(err))
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO models (made, marks, segments, half_life, good, bad, ignored, path, size, hash)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, m.Made, string(marksText), string(segmentsText), m.HalfLife, m.Good, m.Bad, m.Ignored, m.path, m.size, m.hash)
		if err != nil {
			return fmt.Errorf("cannot save the model: %w", err)
		}
		if m.ID, err = r.LastInsertId(); err != nil {
			return fmt.Errorf("cannot save the model: %w", err)
		}
		removed, err = removeModels(ctx, tx, `path != '' AND id NOT IN (SELECT id FROM models WHERE path != '' ORDER BY id DESC LIMIT `+strconv.Itoa(keptModels)+`)`)
		return err
	})
	return removed, err
}

// removeModels takes the files from models; the rows stay, for who wants to know what was when.
func removeModels(ctx context.Context, tx *sql.Tx, where string) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT path FROM models WHERE `+where)
	if err != nil {
		return nil, fmt.Errorf("cannot list models: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("cannot list models: %w", err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("cannot list models: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE models SET path = '', size = 0, hash = x'' WHERE `+where); err != nil {
		return nil, fmt.Errorf("cannot remove models: %w", err)
	}
	return names, nil
}

// Models returns all models, the first first.
func (l *Lake) Models(ctx context.Context) ([]Model, error) { return l.models(ctx, `true ORDER BY id`) }

// LastModel returns the newest model, nil if there is none.
func (l *Lake) LastModel(ctx context.Context) (*Model, error) {
	list, err := l.models(ctx, `true ORDER BY id DESC LIMIT 1`)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (l *Lake) models(ctx context.Context, where string) ([]Model, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT id, made, marks, segments, half_life, good, bad, ignored, path, size, hash FROM models WHERE `+where)
	if err != nil {
		return nil, fmt.Errorf("cannot list models: %w", err)
	}
	defer rows.Close()
	var out []Model
	for rows.Next() {
		var m Model
		var marks, segments string
		if err := rows.Scan(&m.ID, &m.Made, &marks, &segments, &m.HalfLife, &m.Good, &m.Bad, &m.Ignored, &m.path, &m.size, &m.hash); err != nil {
			return nil, fmt.Errorf("cannot list models: %w", err)
		}
		if err := errors.Join(json.Unmarshal([]byte(marks), &m.Marks), json.Unmarshal([]byte(segments), &m.Segments)); err != nil {
			return nil, fmt.Errorf("cannot read model %d: %w", m.ID, err)
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// UpToDate reports whether a model is made of the marks that stand and the segments that there are.
func (l *Lake) UpToDate(ctx context.Context, m *Model) (bool, error) {
	v, err := l.look(ctx)
	if err != nil {
		return false, err
	}
	a, b := v.madeOf()
	return slices.Equal(a, m.Marks) && slices.Equal(b, m.Segments), nil
}
