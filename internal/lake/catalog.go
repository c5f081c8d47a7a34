package lake

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE writers (id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, process INTEGER NOT NULL, started INTEGER NOT NULL) STRICT;
CREATE TABLE sources (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,              -- as the user wrote it when it was first read
  path TEXT NOT NULL,              -- absolute, of the file that was read last; empty for a stream; see files
  format TEXT NOT NULL,            -- name of a format, or the layout that was given
  head_size INTEGER NOT NULL,      -- fingerprints: see identify.go
  head_hash BLOB NOT NULL,
  first_hash BLOB NOT NULL,
  tail_size INTEGER NOT NULL,
  tail_hash BLOB NOT NULL,
  offset INTEGER NOT NULL,         -- uncompressed bytes that were read
  line INTEGER NOT NULL,           -- number of the line at offset
  open_size INTEGER NOT NULL,      -- bytes after offset, a last line without an end, that were read too
  open_hash BLOB NOT NULL,
  records INTEGER NOT NULL,
  untimed INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  malformed INTEGER NOT NULL,
  first INTEGER,                   -- earliest and latest time, nanoseconds since 1970
  last INTEGER,
  changed INTEGER NOT NULL         -- when it was last read, nanoseconds since 1970
) STRICT;
CREATE INDEX sources_by_first ON sources (first_hash);
CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER NOT NULL, time INTEGER NOT NULL,  -- as it was when read to its end
  source INTEGER NOT NULL REFERENCES sources) STRICT;
CREATE TABLE segments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,              -- events or malformed
  day TEXT NOT NULL,               -- of the partition; empty where there is none
  path TEXT NOT NULL UNIQUE,       -- below the lake's directory
  size INTEGER NOT NULL,
  hash BLOB NOT NULL,              -- SHA-256
  counts_path TEXT NOT NULL,       -- empty for malformed lines
  counts_size INTEGER NOT NULL,
  counts_hash BLOB NOT NULL,
  rows INTEGER NOT NULL,
  first INTEGER,                   -- earliest and latest time of its events
  last INTEGER,
  raw INTEGER NOT NULL,            -- whether lines were kept
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE contents (segment INTEGER NOT NULL REFERENCES segments ON DELETE CASCADE, source INTEGER NOT NULL REFERENCES sources,
  rows INTEGER NOT NULL, PRIMARY KEY (segment, source)) STRICT, WITHOUT ROWID;
CREATE INDEX contents_by_source ON contents (source);
CREATE TABLE datasets (source INTEGER NOT NULL REFERENCES sources, dataset TEXT NOT NULL, records INTEGER NOT NULL,
  PRIMARY KEY (source, dataset)) STRICT, WITHOUT ROWID;
CREATE TABLE faults (source INTEGER NOT NULL REFERENCES sources, reason TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (source, reason)) STRICT, WITHOUT ROWID;
CREATE TABLE forgotten (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, why TEXT NOT NULL, source INTEGER NOT NULL
  REFERENCES sources, rows INTEGER NOT NULL) STRICT;
CREATE TABLE marks (number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were made: of two, the later decides
  id TEXT NOT NULL UNIQUE,
  verdict TEXT NOT NULL CHECK (verdict IN ('good', 'bad', 'ignore')),
  who TEXT NOT NULL,
  made INTEGER NOT NULL,
  begins INTEGER,                  -- both ends are included; without one that side is open
  ends INTEGER,
  hosts TEXT NOT NULL,             -- a JSON list
  condition TEXT NOT NULL,
  note TEXT NOT NULL,
  unmark TEXT NOT NULL DEFAULT '', -- the id of taking it back, with when, by whom and why
  taken_back INTEGER,
  taken_back_by TEXT NOT NULL DEFAULT '',
  taken_back_note TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE laid (segment INTEGER PRIMARY KEY REFERENCES segments ON DELETE CASCADE,
  marks TEXT NOT NULL              -- the numbers of the marks that its shares were made by, as a JSON list
) STRICT;
CREATE TABLE shares (segment INTEGER NOT NULL REFERENCES segments ON DELETE CASCADE,
  class TEXT NOT NULL CHECK (class IN ('bad', 'ignore')),
  path TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  hash BLOB NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (segment, class)) STRICT, WITHOUT ROWID;
CREATE TABLE models (id INTEGER PRIMARY KEY AUTOINCREMENT,
  made INTEGER NOT NULL,
  marks TEXT NOT NULL,             -- numbers, as a JSON list
  segments TEXT NOT NULL,          -- ids, as a JSON list
  half_life INTEGER NOT NULL,      -- days; 0 is none
  good INTEGER NOT NULL,           -- events
  bad INTEGER NOT NULL,
  ignored INTEGER NOT NULL,
  path TEXT NOT NULL,              -- empty once it was removed
  size INTEGER NOT NULL,
  hash BLOB NOT NULL) STRICT;
`

// The kinds of segments.
const (
	kindEvents    = "events"
	kindMalformed = "malformed"
)

// A Segment is a row of segments: one file of events, or of malformed lines, with its counts.
type Segment struct {
	ID          int64
	Kind        string
	Day         string
	Path        string // below the lake's directory, with /
	Size        int64
	Hash        []byte
	CountsPath  string
	CountsSize  int64
	CountsHash  []byte
	Rows        int64
	First, Last sql.NullInt64
	Raw         bool

	contents map[int64]int64 // rows by source; filled by whoever writes the segment
}

const segmentColumns = `id, kind, day, path, size, hash, counts_path, counts_size, counts_hash, rows, first, last, raw`

func scanSegment(rows *sql.Rows) (s Segment, err error) {
	err = rows.Scan(&s.ID, &s.Kind, &s.Day, &s.Path, &s.Size, &s.Hash, &s.CountsPath, &s.CountsSize, &s.CountsHash, &s.Rows,
		&s.First, &s.Last, &s.Raw)
	return s, err
}

// A querier is a database or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// segments returns the segments that a condition of SQL names, in the order of their ids.
func segments(ctx context.Context, q querier, where string, args ...any) ([]Segment, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+segmentColumns+` FROM segments WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, fmt.Errorf("cannot list segments: %w", err)
	}
	defer rows.Close()
	var out []Segment
	for rows.Next() {
		s, err := scanSegment(rows)
		if err != nil {
			return nil, fmt.Errorf("cannot list segments: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Segments returns all segments of events.
func (l *Lake) Segments(ctx context.Context) ([]Segment, error) {
	return segments(ctx, l.db, `kind = ?`, kindEvents)
}

func insertSegment(ctx context.Context, tx *sql.Tx, s *Segment, now int64) error {
	r, err := tx.ExecContext(ctx, `INSERT INTO segments (kind, day, path, size, hash, counts_path, counts_size, counts_hash, rows,
		first, last, raw, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, s.Kind, s.Day, s.Path, s.Size, s.Hash, s.CountsPath,
		s.CountsSize, blob(s.CountsHash), s.Rows, s.First, s.Last, s.Raw, now)
	if err != nil {
		return fmt.Errorf("cannot add a segment: %w", err)
	}
	if s.ID, err = r.LastInsertId(); err != nil {
		return fmt.Errorf("cannot add a segment: %w", err)
	}
	for source, n := range s.contents {
		if _, err := tx.ExecContext(ctx, `INSERT INTO contents VALUES (?, ?, ?)`, s.ID, source, n); err != nil {
			return fmt.Errorf("cannot add a segment: %w", err)
		}
	}
	return nil
}

// blob is b, but never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// A source is a row of sources.
type sourceRow struct {
	ID                 int64
	Name, Path, Format string
	HeadSize, TailSize int64
	HeadHash, TailHash []byte
	FirstHash          []byte
	Offset, Line       int64
	OpenSize           int64
	OpenHash           []byte
	Records, Untimed   int64
	Lines, Malformed   int64
	First, Last        sql.NullInt64
	Changed            int64
}

const sourceColumns = `id, name, path, format, head_size, head_hash, first_hash, tail_size, tail_hash, offset, line, open_size,
	open_hash, records, untimed, lines, malformed, first, last, changed`

// sources returns the sources that a condition of SQL names, in the order of their ids.
func sources(ctx context.Context, q querier, where string, args ...any) ([]sourceRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+sourceColumns+` FROM sources WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, fmt.Errorf("cannot list sources: %w", err)
	}
	defer rows.Close()
	var out []sourceRow
	for rows.Next() {
		var s sourceRow
		if err := rows.Scan(&s.ID, &s.Name, &s.Path, &s.Format, &s.HeadSize, &s.HeadHash, &s.FirstHash, &s.TailSize, &s.TailHash,
			&s.Offset, &s.Line, &s.OpenSize, &s.OpenHash, &s.Records, &s.Untimed, &s.Lines,
			&s.Malformed, &s.First, &s.Last, &s.Changed); err != nil {
			return nil, fmt.Errorf("cannot list sources: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// A nameCounter numbers the files of one writer.
type nameCounter struct{ n atomic.Int64 }

// newName returns a name for a file that no other writer takes.
func (l *Lake) newName() string { return fmt.Sprintf("%d-%d.parquet", l.writer, l.names.n.Add(1)) }
