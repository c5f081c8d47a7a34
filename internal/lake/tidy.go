package lake

import (
	"context"
	"errors"
	"time"

	"weir/internal/count"
)

// Segments are compacted into ones of about this many rows; bytes bound the memory that takes.
const (
	fullRows  = 400_000
	fullBytes = 48 << 20
	manySmall = 8 // of one day, before it pays to compact them
)

// Compact joins the small segments of days that have many of them, and returns how many it replaced. Their counts are
// added up, not made anew. When somebody else is faster with one, that one is left to him.
func (l *Lake) Compact(ctx context.Context) (replaced int, err error) {
	return l.compact(ctx, manySmall)
}

func (l *Lake) compact(ctx context.Context, many int) (replaced int, err error) {
	if err := l.startWriting(ctx); err != nil {
		return 0, err
	}
	list, err := segments(ctx, l.db, `kind = ? AND rows < ? AND size < ?`, kindEvents, fullRows/2, fullBytes/2)
	if err != nil {
		return 0, err
	}
	days := map[string][]Segment{}
	var order []string
	for _, s := range list {
		if days[s.Day] == nil {
			order = append(order, s.Day)
		}
		days[s.Day] = append(days[s.Day], s)
	}
	for _, day := range order {
		if len(days[day]) < many {
			continue
		}
		for _, group := range groupSegments(days[day]) {
			if err := ctx.Err(); err != nil {
				return replaced, err
			}
			err := l.join(ctx, group)
			if errors.Is(err, ErrOvertaken) || errors.Is(err, ErrGone) { // whether it is lost, Verify tells
				continue
			}
			if err != nil {
				return replaced, err
			}
			replaced += len(group)
		}
	}
	return replaced, nil
}

// groupSegments puts segments together that make one full one.
func groupSegments(list []Segment) [][]Segment {
	var out [][]Segment
	var rows, bytes int64
	from := 0
	for i, s := range list {
		if i > from && (rows+s.Rows > fullRows || bytes+s.Size > fullBytes) {
			out = append(out, list[from:i])
			from, rows, bytes = i, 0, 0
		}
		rows += s.Rows
		bytes += s.Size
	}
	out = append(out, list[from:])
	kept := out[:0]
	for _, g := range out {
		if len(g) > 1 {
			kept = append(kept, g)
		}
	}
	return kept
}

// join replaces segments of one day by one.
func (l *Lake) join(ctx context.Context, group []Segment) error {
	w, err := l.newRewriter(ctx)
	if err != nil {
		return err
	}
	tally := count.NewTally()
	w.rows.counted, w.rows.oneDay, w.rows.theDay = true, true, group[0].Day
	for i := range group {
		if err := w.take(&group[i], nil); err != nil {
			return err
		}
		if err := readTally(l.path(group[i].CountsPath), tally); err != nil {
			return err
		}
	}
	fresh, err := w.write(tally)
	if err != nil {
		return err
	}
	return l.replace(ctx, group, fresh, nil)
}

// Retain removes the events of days that ended longer than age ago, and of the oldest days until the files take no more
// than size bytes; 0 is no limit. Events without a day go last. What was removed is not read again.
func (l *Lake) Retain(ctx context.Context, age time.Duration, size int64) error {
	if age == 0 && size == 0 {
		return nil
	}
	if err := l.startWriting(ctx); err != nil {
		return err
	}
	list, err := segments(ctx, l.db, `kind = ?`, kindEvents)
	if err != nil {
		return err
	}
	total := int64(0)
	days := map[string][]Segment{}
	for _, s := range list {
		days[s.Day] = append(days[s.Day], s)
		total += s.Size + s.CountsSize
	}
	for _, day := range oldestFirst(days) {
		start, err := time.Parse(time.DateOnly, day)
		old := err == nil && age > 0 && l.now().Sub(start.Add(24*time.Hour)) > age
		if !old && (size == 0 || total <= size) {
			continue
		}
		if err := l.drop(ctx, days[day], "retention"); err != nil {
			return err
		}
		for _, s := range days[day] {
			total -= s.Size + s.CountsSize
		}
	}
	return nil
}
