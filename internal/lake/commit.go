package lake

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"weir/internal/format"
)

// maxFault bounds how much of a line that could not be read is kept.
const maxFault = 64 << 10

// faultRow is a row of a file of malformed lines.
type faultRow struct {
	file     int    `parquet:"-"`
	SourceID int64  `parquet:"source_id"`
	File     string `parquet:"file,dict"`
	Line     int64  `parquet:"line,delta"`
	Reason   string `parquet:"reason,dict"`
	Detail   string `parquet:"detail,dict"`
	Raw      []byte `parquet:"raw"`
}

// flush writes what was read since the last commit into segments and commits these together with how far the logs are
// read. The workers stand still meanwhile.
func (in *ingest) flush() error {
	in.wait()
	if in.batch == 0 {
		return nil
	}
	names := make([]sourceName, len(in.files))
	for i, p := range in.files {
		if p != nil {
			names[i] = sourceName{p.row.ID, p.row.Name}
		}
	}
	list, err := in.writeBatch(names)
	if err == nil {
		err = in.commit(list)
	}
	if err != nil {
		in.l.discard(list...)
		return err
	}
	in.settle(list)
	return nil
}

// writeBatch writes a segment for each day of the batch, with the rows of all workers.
func (in *ingest) writeBatch(names []sourceName) (list []*Segment, err error) {
	days := map[string][]part{}
	for _, c := range in.collectors {
		c.rows.counter.Flush()
		for i, d := range c.rows.order {
			days[d.day] = append(days[d.day], part{rows: c.rows, day: int32(i)})
		}
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		s, err := in.l.writeEvents(days[day], names)
		if err != nil {
			return list, err
		}
		list = append(list, s)
	}
	if len(in.faults) > 0 {
		s, err := in.l.writeFaults(in.faults, names)
		if err != nil {
			return list, err
		}
		list = append(list, s)
	}
	return list, nil
}

// writeFaults writes a file of malformed lines.
func (l *Lake) writeFaults(faults []faultRow, names []sourceName) (*Segment, error) {
	s := &Segment{Kind: kindMalformed, Path: path.Join(kindMalformed, l.newName()), Rows: int64(len(faults)), Raw: true,
		contents: map[int64]int64{}}
	for i := range faults {
		f := &faults[i]
		f.SourceID, f.File = names[f.file].id, names[f.file].name
		s.contents[f.SourceID]++
	}
	slices.SortFunc(faults, func(a, b faultRow) int {
		if a.SourceID != b.SourceID {
			return int(a.SourceID - b.SourceID)
		}
		return int(a.Line - b.Line)
	})
	err := l.writeFile(s.Path, &s.Size, &s.Hash, func(w io.Writer) error {
		p := parquet.NewGenericWriter[faultRow](w, parquet.Compression(codec), parquet.SkipPageBounds("raw"),
			parquet.KeyValueMetadata("weir.lake", strconv.Itoa(Version)), parquet.CreatedBy("weir", strconv.Itoa(Version), ""))
		if _, err := p.Write(faults); err != nil {
			return err
		}
		return p.Close()
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// commit brings segments and sources into the catalogue, in one transaction.
func (in *ingest) commit(list []*Segment) error {
	ctx := context.WithoutCancel(in.ctx)
	now := in.l.now().UnixNano()
	stats := in.mergeStats()
	return in.l.update(ctx, func(tx *sql.Tx) error {
		if err := in.l.present(list); err != nil {
			return err
		}
		if err := in.l.sameGeo(ctx, tx); err != nil {
			return err
		}
		for i, p := range in.files {
			if p == nil || !p.touched {
				continue
			}
			if err := in.saveSource(ctx, tx, p, stats[i], now); err != nil {
				return err
			}
		}
		for _, s := range list {
			if err := insertSegment(ctx, tx, s, now); err != nil {
				return err
			}
		}
		return in.saveCounts(ctx, tx, stats)
	})
}

// present makes sure that files are still there: a sweep that took the writer for dead may have removed them.
func (l *Lake) present(list []*Segment) error {
	for _, s := range list {
		for _, p := range []string{s.Path, s.CountsPath} {
			if p == "" {
				continue
			}
			if _, err := os.Stat(l.path(p)); err != nil {
				return fmt.Errorf("cannot commit %q: %w; run again", l.path(p), pathError(err))
			}
		}
	}
	return nil
}

// saveSource writes how far a log is read, unless somebody else has read in it.
func (in *ingest) saveSource(ctx context.Context, tx *sql.Tx, p *progress, s *sourceStats, now int64) error {
	r := &p.row
	r.HeadSize, r.HeadHash = int64(len(p.head)), sum(p.head)
	if r.OpenHash == nil {
		r.OpenHash = []byte{}
	}
	if p.base.ID == 0 || len(p.tail) > 0 || r.Offset != p.base.Offset {
		r.TailSize, r.TailHash = int64(len(p.tail)), sum(p.tail)
	}
	r.Changed = now
	in.addStats(r, s)
	if p.base.ID == 0 {
		return in.insertSource(ctx, tx, p)
	}
	result, err := tx.ExecContext(ctx, `UPDATE sources SET path = ?, head_size = ?, head_hash = ?, tail_size = ?, tail_hash = ?, offset = ?,
		line = ?, open_size = ?, open_hash = ?, records = ?, untimed = ?, lines = ?, malformed = ?, first = ?, last = ?, changed = ?
		WHERE id = ? AND offset = ? AND open_size = ?`, r.Path, r.HeadSize, r.HeadHash, r.TailSize, r.TailHash, r.Offset, r.Line, r.OpenSize,
		r.OpenHash, r.Records, r.Untimed, r.Lines, r.Malformed, r.First, r.Last, r.Changed, r.ID, p.base.Offset, p.base.OpenSize)
	if err != nil {
		return fmt.Errorf("cannot save how far %q was read: %w", r.Name, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%w (%q)", ErrOvertaken, r.Name)
	}
	return nil
}

func (in *ingest) insertSource(ctx context.Context, tx *sql.Tx, p *progress) error {
	r := &p.row
	twins, err := logsAlike(ctx, tx, r.FirstHash)
	if err != nil {
		return err
	}
	twins = slices.DeleteFunc(twins, func(t alike) bool { return p.id.others[t.id] }) // they were looked at before
	for _, t := range twins {
		if t.path == r.Path && r.Path != "" || t.headSize > int64(len(p.head)) {
			return fmt.Errorf("%w (%q)", ErrOvertaken, r.Name)
		}
	}
	if twins.beginningsOf(p.head) != "[]" {
		return fmt.Errorf("%w (%q)", ErrOvertaken, r.Name)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO sources (`+sourceColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Name, r.Path, r.Format, r.HeadSize, r.HeadHash, r.FirstHash, r.TailSize, r.TailHash, r.Offset, r.Line, r.OpenSize, r.OpenHash,
		r.Records, r.Untimed, r.Lines, r.Malformed, r.First, r.Last, r.Changed)
	if err != nil {
		return fmt.Errorf("cannot save how far %q was read: %w", r.Name, err)
	}
	return nil
}

// addStats adds what the batch holds of a source.
func (in *ingest) addStats(r *sourceRow, s *sourceStats) {
	if s == nil {
		return
	}
	r.Records += s.records
	r.Untimed += s.untimed
	r.Malformed += s.malformed
	if s.records > s.untimed {
		if !r.First.Valid || s.first < r.First.Int64 {
			r.First = sql.NullInt64{Int64: s.first, Valid: true}
		}
		if !r.Last.Valid || s.last > r.Last.Int64 {
			r.Last = sql.NullInt64{Int64: s.last, Valid: true}
		}
	}
}

// mergeStats adds up what the workers saw, by input.
func (in *ingest) mergeStats() map[int]*sourceStats {
	out := map[int]*sourceStats{}
	at := func(file int) *sourceStats {
		if out[file] == nil {
			out[file] = newSourceStats()
		}
		return out[file]
	}
	for _, c := range in.collectors {
		for file, s := range c.stats {
			o := at(int(file))
			o.records += s.records
			o.untimed += s.untimed
			o.future += s.future
			o.first, o.last = min(o.first, s.first), max(o.last, s.last)
			for name, n := range s.datasets {
				o.datasets[name] += n
			}
		}
	}
	for i := range in.faults {
		o := at(in.faults[i].file)
		o.malformed++
		o.reasons[in.faults[i].Reason]++
	}
	return out
}

func (in *ingest) saveCounts(ctx context.Context, tx *sql.Tx, stats map[int]*sourceStats) error {
	for file, s := range stats {
		id := in.files[file].row.ID
		for name, n := range s.datasets {
			if _, err := tx.ExecContext(ctx, `INSERT INTO datasets VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET records = records + excluded.records`,
				id, name, n); err != nil {
				return fmt.Errorf("cannot save counts: %w", err)
			}
		}
		for reason, n := range s.reasons {
			if _, err := tx.ExecContext(ctx, `INSERT INTO faults VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`,
				id, reason, n); err != nil {
				return fmt.Errorf("cannot save counts: %w", err)
			}
		}
	}
	return nil
}

// settle starts the next batch after a commit.
func (in *ingest) settle(list []*Segment) {
	r := in.report
	r.Segments += int64(len(list))
	for file, s := range in.mergeStats() {
		r.Events += s.records
		r.Files[file].Events += s.records
		r.Malformed += s.malformed
		r.Future += s.future
		for reason, n := range s.reasons {
			r.addFault(reason, n)
		}
	}
	for _, c := range in.collectors {
		c.rows.reset()
		c.stats = map[int32]*sourceStats{}
	}
	for _, p := range in.files {
		if p != nil && p.touched {
			p.base, p.touched = p.row, false
		}
	}
	in.faults, in.batch = in.faults[:0], 0
}

func (r *Report) addFault(reason string, n int64) {
	for i := range r.Faults {
		if r.Faults[i].Reason == reason {
			r.Faults[i].Count += n
			return
		}
	}
	r.Faults = append(r.Faults, format.Fault{Reason: reason, Count: n})
}

// remember notes the files that were read to their end, so that they need not be opened next time, and what format the
// sources have.
func (in *ingest) remember(summary *format.Summary) error {
	ctx := context.WithoutCancel(in.ctx)
	return in.l.update(ctx, func(tx *sql.Tx) error {
		for i, p := range in.files {
			if p == nil {
				continue
			}
			id, f := p.row.ID, &summary.Files[i]
			if p.id.complete {
				id = p.id.known.ID
			}
			if f.Format != "" && f.Records > 0 {
				if _, err := tx.ExecContext(ctx, `UPDATE sources SET format = ? WHERE id = ?`, f.Format, id); err != nil {
					return fmt.Errorf("cannot save the format of %q: %w", f.Name, err)
				}
			}
			if p.id.path == "" || p.leftOut || f.Err != "" || in.report.Stopped || !p.id.complete && p.base.ID == 0 {
				continue
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO files VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size,
				time = excluded.time, source = excluded.source`, p.id.path, p.id.storedSize, p.id.storedTime, id); err != nil {
				return fmt.Errorf("cannot save the state of %q: %w", p.id.path, err)
			}
		}
		return nil
	})
}
