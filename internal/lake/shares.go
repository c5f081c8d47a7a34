package lake

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"weir/internal/count"
)

// A Class is what marks make of an event. Of the standing marks that hold it, the last decides; without one it is good.
type Class string

// The classes. All is not one of them, but their sum.
const (
	All     Class = "all"
	Good    Class = "good"
	Bad     Class = "bad"
	Ignored Class = "ignore"
)

// storedClasses are the classes that segments have shares of; good is what they leave.
var storedClasses = []Class{Bad, Ignored}

// A share is the counts of one class within one segment: a file like that of a segment's counts.
type share struct {
	class  Class
	path   string
	size   int64
	hash   []byte
	events int64
}

// A view is the catalogue at one moment, as far as marks are concerned.
type view struct {
	segments []Segment
	marks    []Mark
	laid     map[int64]string // by segment
	shares   map[int64][]share
}

// look reads the catalogue, all of it at one moment.
func (l *Lake) look(ctx context.Context) (*view, error) {
	tx, err := l.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", l.path(database), err)
	}
	defer tx.Rollback() // it was only read
	v := &view{}
	if v.segments, err = segments(ctx, tx, `kind = ?`, kindEvents); err == nil {
		v.marks, err = listMarks(ctx, tx)
	}
	if err == nil {
		v.laid, v.shares, err = listShares(ctx, tx)
	}
	return v, err
}

func listShares(ctx context.Context, q querier) (laid map[int64]string, shares map[int64][]share, err error) {
	laid, shares = map[int64]string{}, map[int64][]share{}
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
			shares[segment] = append(shares[segment], share{Class(class.String), name.String, size.Int64, hash, events.Int64})
		}
	}
	return laid, shares, rows.Err()
}

// standing returns the marks that were not taken back.
func (v *view) standing() []Mark {
	return slices.DeleteFunc(slices.Clone(v.marks), func(m Mark) bool { return m.TakenBack.Valid })
}

// numbers is a list of marks as text.
func numbers(list []Mark) string {
	out := make([]int64, len(list))
	for i := range list {
		out[i] = list[i].Number
	}
	b, _ := json.Marshal(out) // numbers always can be
	return string(b)
}

// touching returns the marks that may hold an event of the segment.
func touching(list []Mark, s *Segment) (out []Mark) {
	for i := range list {
		m := &list[i]
		switch {
		case !m.timed():
		case !s.First.Valid, m.Begins.Valid && m.Begins.Int64 > s.Last.Int64, m.Ends.Valid && m.Ends.Int64 < s.First.Int64:
			continue
		}
		out = append(out, *m)
	}
	return out
}

// A job is a segment whose shares are not those that the standing marks make.
type job struct {
	segment *Segment
	was     string // of laid
	have    []Mark
	want    []Mark
	old     []share
	shares  []share // new ones
}

// jobs lists what is to be done.
func (v *view) jobs() (out []*job, err error) {
	standing := v.standing()
	for i := range v.segments {
		s := &v.segments[i]
		j := &job{segment: s, was: v.laid[s.ID], want: touching(standing, s), old: v.shares[s.ID]}
		if j.was == "" {
			j.was = "[]"
		}
		if j.was == numbers(j.want) {
			continue
		}
		if j.have, err = v.marksOf(s.ID); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// marksOf returns the marks that the shares of a segment were made by.
func (v *view) marksOf(segment int64) (out []Mark, err error) {
	text := v.laid[segment]
	if text == "" {
		return nil, nil
	}
	var list []int64
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("cannot read the marks of segment %d: %w", segment, err)
	}
	for _, n := range list {
		at, ok := slices.BinarySearchFunc(v.marks, n, func(m Mark, n int64) int { return cmp.Compare(m.Number, n) })
		if !ok {
			return nil, fmt.Errorf("cannot read the marks of segment %d: there is no mark number %d", segment, n)
		}
		out = append(out, v.marks[at])
	}
	return out, nil
}

// changed returns the marks that only one of two lists has.
func changed(a, b []Mark) (out []Mark) {
	in := func(list []Mark, n int64) bool {
		return slices.ContainsFunc(list, func(m Mark) bool { return m.Number == n })
	}
	for _, m := range a {
		if !in(b, m.Number) {
			out = append(out, m)
		}
	}
	for _, m := range b {
		if !in(a, m.Number) {
			out = append(out, m)
		}
	}
	return out
}

// Laying says what Lay did.
type Laying struct {
	Segments int   // whose shares were made anew
	Read     int64 // events that were read
	Moved    int64 // events that changed their class
}

// Lay lays the standing marks against the segments: it brings the shares of those up to date whose marks have changed. Of
// such a segment it reads the events in the windows of the marks that came or went, and moves those whose class has changed
// from one share to the other; so the cost is that of the windows. A mark without a window costs a look at every event.
func (l *Lake) Lay(ctx context.Context) (*Laying, error) {
	out := &Laying{}
	for range 10 {
		v, err := l.look(ctx)
		if err != nil {
			return nil, err
		}
		jobs, err := v.jobs()
		if err != nil || len(jobs) == 0 {
			return out, err
		}
		if err := l.startWriting(ctx); err != nil {
			return nil, err
		}
		err = l.lay(ctx, jobs, out)
		if err != nil && !errors.Is(err, ErrOvertaken) && !errors.Is(err, errGone) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: the lake's segments and marks changed all the time; run again", ErrOvertaken)
}

// layAtOnce bounds the jobs of one commit, and so what a kill costs.
const layAtOnce = 64

func (l *Lake) lay(ctx context.Context, jobs []*job, out *Laying) error {
	for chunk := range slices.Chunk(jobs, layAtOnce) {
		var next atomic.Int64
		var mu sync.Mutex
		var first error
		var wait sync.WaitGroup
		for range min(len(chunk), runtime.GOMAXPROCS(0)) {
			wait.Go(func() {
				w := l.newLayer()
				for i := int(next.Add(1)) - 1; i < len(chunk); i = int(next.Add(1)) - 1 {
					err := w.do(ctx, chunk[i])
					if err != nil {
						mu.Lock()
						first = cmpErr(first, err)
						mu.Unlock()
						next.Store(int64(len(chunk)))
					}
				}
				mu.Lock()
				out.Read += w.read
				out.Moved += w.moved
				mu.Unlock()
			})
		}
		wait.Wait()
		if first == nil {
			first = l.commitShares(ctx, chunk)
		}
		if first != nil {
			for _, j := range chunk {
				l.discardShares(j.shares)
			}
			return first
		}
		out.Segments += len(chunk)
		for _, j := range chunk {
			l.discardShares(j.old)
		}
	}
	return nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (l *Lake) discardShares(list []share) {
	for _, s := range list {
		_ = os.Remove(l.path(s.path)) // what cannot be removed is swept later
	}
}

// commitShares brings new shares into the catalogue, unless somebody else has replaced a segment or its shares.
func (l *Lake) commitShares(ctx context.Context, jobs []*job) error {
	return l.update(ctx, func(tx *sql.Tx) error {
		for _, j := range jobs {
			id := j.segment.ID
			var there int
			var now string
			err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce((SELECT marks FROM laid WHERE segment = ?), '[]') FROM segments WHERE id = ?`, id, id).
				Scan(&there, &now)
			if err != nil {
				return fmt.Errorf("cannot save shares: %w", err)
			}
			if there == 0 || now != j.was {
				return fmt.Errorf("%w: segment %d was replaced, or its marks laid, meanwhile", ErrOvertaken, id)
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM shares WHERE segment = ?`, id); err != nil {
				return fmt.Errorf("cannot save shares: %w", err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO laid VALUES (?, ?) ON CONFLICT DO UPDATE SET marks = excluded.marks`, id, numbers(j.want)); err != nil {
				return fmt.Errorf("cannot save shares: %w", err)
			}
			for _, s := range j.shares {
				if _, err := os.Stat(l.path(s.path)); err != nil {
					return fmt.Errorf("cannot commit %q: %w; run again", l.path(s.path), pathError(err))
				}
				if _, err := tx.ExecContext(ctx, `INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?)`, id, string(s.class), s.path, s.size, s.hash, s.events); err != nil {
					return fmt.Errorf("cannot save shares: %w", err)
				}
			}
		}
		return nil
	})
}

// shareFiles returns the files of the shares of segments.
func shareFiles(ctx context.Context, q querier, list []Segment) ([]share, error) {
	_, all, err := listShares(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []share
	for _, s := range list {
		out = append(out, all[s.ID]...)
	}
	return out, nil
}

// Tally returns the counts of a class over the whole lake:
//
//	all      the sum of the segments' counts
//	bad, ignore   the sums of their shares
//	good     all − bad − ignore
//
// Lay has to have been called since marks or segments changed; if not, that is an error (ErrStale).
func (l *Lake) Tally(ctx context.Context, class Class) (*count.Tally, error) {
	v, err := l.look(ctx)
	if err != nil {
		return nil, err
	}
	if jobs, err := v.jobs(); err != nil || len(jobs) > 0 {
		return nil, errors.Join(err, ErrStale)
	}
	return l.tally(v, class)
}

// ErrStale says that marks or segments have changed since marks were laid.
var ErrStale = errors.New("marks were made, or events added, since the lake's last training")

func (l *Lake) tally(v *view, class Class) (*count.Tally, error) {
	sum := count.NewTally()
	for i := range v.segments {
		s := &v.segments[i]
		if class == All || class == Good {
			if err := readTally(l.path(s.CountsPath), sum); err != nil {
				return nil, err
			}
		}
		for _, x := range v.shares[s.ID] {
			if x.class == class {
				if err := readTally(l.path(x.path), sum); err != nil {
					return nil, err
				}
			}
		}
	}
	if class != Good {
		return sum, nil
	}
	for _, c := range storedClasses {
		less, err := l.tally(v, c)
		if err != nil {
			return nil, err
		}
		if err := sum.Subtract(less); err != nil {
			return nil, fmt.Errorf("%w: the %s shares are not within the counts of the segments: %w", ErrSegment, c, err)
		}
	}
	return sum, nil
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
