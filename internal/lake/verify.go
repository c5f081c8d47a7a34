package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"weir/internal/count"
	"weir/internal/event"
)

// A Verification says what Verify found.
type Verification struct {
	Segments int
	Events   int64
	Bytes    int64
	Cells    int64    // counts that were compared
	Faults   []string // what is wrong, one sentence each; none if the lake is sound
}

func (v *Verification) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// Verify reads every file of the lake: whether its bytes are those that were written (SHA-256), whether its rows are as
// many as the catalogue says and lie where it says, whether the counts are those that its events give when their tokens are
// counted again, and whether the sources add up. The error is one of the catalogue; what is wrong with files is in the
// verification.
func (l *Lake) Verify(ctx context.Context) (*Verification, error) {
	if err := l.settleGeo(ctx); err != nil {
		return nil, err
	}
	v := &Verification{}
	list, err := segments(ctx, l.db, `true`)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("cannot finish verifying: %w", err)
		}
		s := &list[i]
		v.Segments++
		v.Bytes += s.Size + s.CountsSize
		if !l.sameBytes(v, s.Path, s.Size, s.Hash) || s.CountsPath != "" && !l.sameBytes(v, s.CountsPath, s.CountsSize, s.CountsHash) {
			continue
		}
		if s.Kind == kindMalformed {
			if faults, err := l.readFaults(s); err != nil || int64(len(faults)) != s.Rows {
				v.fault("%s: it has not the %d lines that it should have (%v)", s.Path, s.Rows, err)
			}
			continue
		}
		if err := l.verifyEvents(ctx, v, s); err != nil {
			v.fault("%s: %v", s.Path, err)
		}
	}
	if err := l.verifyMarked(ctx, v); err != nil {
		return nil, err
	}
	return v, l.verifySources(ctx, v)
}

// verifyMarked makes the shares of marks again from the events, and the last model from the counts.
func (l *Lake) verifyMarked(ctx context.Context, v *Verification) error {
	at, err := l.ground.Look(ctx)
	if err != nil {
		return err
	}
	damaged := map[string]bool{}
	for _, s := range at.Stretches {
		for _, x := range at.Laid[s.Key].Shares {
			damaged[s.Key] = !l.sameBytes(v, x.Name, x.Size, x.Hash) || damaged[s.Key]
			v.Bytes += x.Size
		}
	}
	if err := l.VerifyShares(ctx, at, v, func(s *Stretch) bool { return damaged[s.Key] }); err != nil {
		return err
	}
	list, err := l.Models(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		m := &list[i]
		if m.Name == "" {
			continue
		}
		v.Bytes += m.Size
		if l.sameBytes(v, m.Name, m.Size, m.Hash) {
			if err := l.VerifyModel(ctx, at, m, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameBytes compares a file with its size and sum.
func (l *Lake) sameBytes(v *Verification, name string, size int64, want []byte) bool {
	f, err := os.Open(l.path(name))
	if err != nil {
		v.fault("%s: it cannot be opened: %v", name, pathError(err))
		return false
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	switch {
	case err != nil:
		v.fault("%s: it cannot be read: %v", name, pathError(err))
	case n != size:
		v.fault("%s: it has %d bytes and should have %d", name, n, size)
	case !bytes.Equal(h.Sum(nil), want):
		v.fault("%s: its bytes are not those that were written", name)
	default:
		return true
	}
	return false
}

// verifyEvents counts the events of a segment again.
func (l *Lake) verifyEvents(ctx context.Context, v *Verification, s *Segment) error {
	keys := event.NewKeys()
	again := l.newRows(keys)
	again.oneDay, again.theDay = true, s.Day
	found := map[int64]int64{}
	var total, stray int64
	last := int64(-1 << 63)
	err := newSegmentReader(keys).read(l.path(s.Path), true, func(e *stored) error {
		total++
		found[e.source]++
		if e.HasTime && (!s.First.Valid || e.Time < s.First.Int64 || e.Time > s.Last.Int64) {
			stray++
		}
		if e.HasTime && e.Time < last {
			stray++
		} else if e.HasTime {
			last = e.Time
		}
		again.add(e.Event, 0, e.line, nil, false)
		if again.size() > 2*arenaChunk { // only its counts are wanted
			again.empty()
		}
		return nil
	})
	if err != nil {
		return err
	}
	again.counter.Flush()
	v.Events += total
	if total != s.Rows {
		v.fault("%s: it has %d events and should have %d", s.Path, total, s.Rows)
	}
	if stray > 0 {
		v.fault("%s: %d events are out of time", s.Path, stray)
	}
	contents, err := l.contents(ctx, s.ID)
	if err != nil {
		return err
	}
	for source, n := range contents {
		if found[source] != n {
			v.fault("%s: it has %d events of source %d and should have %d", s.Path, found[source], source, n)
		}
	}
	kept, want := count.NewTally(), count.NewTally()
	if err := readTally(l.path(s.CountsPath), kept); err != nil {
		return err
	}
	if len(again.order) > 0 {
		want = again.order[0].tally
	}
	v.Cells += int64(want.Len())
	if !kept.Equal(want) {
		v.fault("%s: the counts are not those of the events", s.CountsPath)
	}
	return nil
}

// verifySources adds up what the segments hold of every source and what was removed.
func (l *Lake) verifySources(ctx context.Context, v *Verification) error {
	for _, c := range []struct{ kind, column, forgotten string }{
		{kindEvents, "records", "+ coalesce((SELECT sum(rows) FROM forgotten WHERE source = s.id), 0)"}, {kindMalformed, "malformed", ""}} {
		query := `SELECT s.` + c.column + `, s.name, coalesce((SELECT sum(c.rows) FROM contents c JOIN segments g ON g.id = c.segment
			WHERE c.source = s.id AND g.kind = '` + c.kind + `'), 0) ` + c.forgotten + ` FROM sources s`
		err := l.each(ctx, query, func(said int64, name string, held int64) {
			if said != held {
				v.fault("%s: %d %s were read from it, and the lake holds %d", name, said, c.column, held)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
