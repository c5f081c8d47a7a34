package lake

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A Status is what there is in a lake.
type Status struct {
	Zone          *time.Location
	Segments      int64
	Days          int64
	Events        int64
	EventBytes    int64 // of the segments' files
	CountBytes    int64
	CatalogBytes  int64
	LogBytes      int64 // of the logs, uncompressed
	First, Last   int64 // times of the earliest and latest event; meaningful if Timed
	Timed         bool
	Untimed       int64
	RawSegments   int64 // that keep lines
	Sources       []SourceStatus
	Malformed     []FaultCount
	Forgotten     int64
	Marks         int64
	LastMark      int64  // when; 0 if there is none
	LastIngest    int64  // when; 0 if there was none
	Model         *Model // of the last training; nil if there was none
	ModelStale    bool   // marks or segments have changed since
	ReadOnly      bool
	Dir           string
	Geo           string // the GeoIP database that counts are made with; empty if there is none
	FormatVersion int
}

// A SourceStatus is one log that was read.
type SourceStatus struct {
	ID                             int64
	Name, Format                   string
	Bytes, Records, Untimed, Lines int64
	Malformed                      int64
	Changed                        int64
}

// A FaultCount is how many lines could not be read for one reason.
type FaultCount struct {
	Reason string
	Count  int64
}

// Status sums up the catalogue. It opens no segment.
func (l *Lake) Status(ctx context.Context) (*Status, error) {
	s := &Status{Zone: l.Zone, ReadOnly: l.readOnly && l.full == nil, Dir: l.Dir, FormatVersion: Version}
	var first, last sql.NullInt64
	err := l.db.QueryRowContext(ctx, `SELECT count(*), count(DISTINCT day), coalesce(sum(rows), 0), coalesce(sum(size), 0),
		coalesce(sum(counts_size), 0), min(first), max(last), coalesce(sum(raw), 0) FROM segments WHERE kind = ?`, kindEvents).
		Scan(&s.Segments, &s.Days, &s.Events, &s.EventBytes, &s.CountBytes, &first, &last, &s.RawSegments)
	if err == nil {
		s.First, s.Last, s.Timed = first.Int64, last.Int64, first.Valid
		err = l.db.QueryRowContext(ctx, `SELECT coalesce(sum(rows), 0) FROM forgotten`).Scan(&s.Forgotten)
	}
	if err == nil {
		err = l.db.QueryRowContext(ctx, `SELECT count(*), coalesce(max(made), 0) FROM marks WHERE taken_back IS NULL`).Scan(&s.Marks, &s.LastMark)
	}
	if err == nil {
		err = l.db.QueryRowContext(ctx, `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`).Scan(&s.CatalogBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", l.path(database), err)
	}
	if s.Model, err = l.LastModel(ctx); err == nil && s.Model != nil {
		s.ModelStale, err = l.UpToDate(ctx, s.Model)
		s.ModelStale = !s.ModelStale
	}
	if err != nil {
		return nil, err
	}
	geo, err := readGeo(ctx, l.db)
	if err != nil {
		return nil, err
	}
	if geo != nil {
		s.Geo = geo.String()
	}
	list, err := sources(ctx, l.db, `true`)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		s.Sources = append(s.Sources, SourceStatus{ID: r.ID, Name: r.Name, Format: r.Format, Bytes: r.Offset + r.OpenSize, Records: r.Records,
			Untimed: r.Untimed, Lines: r.Lines, Malformed: r.Malformed, Changed: r.Changed})
		s.LogBytes += r.Offset + r.OpenSize
		s.Untimed += r.Untimed
		s.LastIngest = max(s.LastIngest, r.Changed)
	}
	err = l.each(ctx, `SELECT sum(count), reason, 0 FROM faults WHERE count > 0 GROUP BY reason ORDER BY 1 DESC, 2`,
		func(n int64, reason string, _ int64) { s.Malformed = append(s.Malformed, FaultCount{reason, n}) })
	return s, err
}
