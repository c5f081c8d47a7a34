// Package lake is the embedded archive: a directory that holds the events of many logs, read once, with their token
// counts beside them, in files that any tool can read.
//
// [Open] opens one, [Create] makes one; [Lake.Ingest] takes logs in, [Lake.Follow] keeps taking; [Lake.Scan] gives the
// events back as format.Scan gives those of files; [Lake.AddMark], [Lake.TakeBack] and [Lake.Train] say what is bad in it and
// learn from that; [Lake.Status], [Lake.Verify], [Lake.Compact], [Lake.Forget] and
// [Lake.Retain] keep it in order.
//
// # The directory, version 1
//
//	lake.db                              SQLite in WAL mode: what is there, and what is transactional
//	events/day=2026-03-01/5-1.parquet    a segment: events of one day (UTC), sorted by time
//	events/day=__HIVE_DEFAULT_PARTITION__/…      those without a time, or of more days than a batch may have
//	counts/day=2026-03-01/5-1.parquet    the token counts of the events in the segment of the same name
//	malformed/5-3.parquet                lines that could not be read, with the reason
//	marked/class=bad/day=2026-03-01/6-1.parquet  a share: like counts, of what marks call bad (or ignore) in one segment
//	models/6-2.parquet                   what the marks make of the lake, token by token (Model)
//	geoip-0123456789abcdef.mmdb          the database that countries were counted with, if there was one
//
// A file's name is the number of its writer (a process that opened the lake for writing) and a running number, so no two
// writers meet. Files never change once they are written.
//
// lake.db:
//
//	meta       version, seed of the hashes, zone of the hours, version of the token scheme, GeoIP database (geo.go)
//	writers    who has the lake open for writing: host, process
//	files      a path whose file was read to its end, with its size and time then
//	sources    a log that was read: how its content starts, how far it was read, what was in it (identify.go)
//	segments   a file of events or of malformed lines: path, size, SHA-256, rows, first and last time
//	contents   how many rows of a segment come from which source
//	datasets   records of a source by dataset
//	faults     malformed lines of a source by reason
//	forgotten  what was removed on purpose: when, by which condition, how many rows of each source
//	marks      what somebody said of a stretch of time: good, bad or ignore; who took it back
//	laid       the marks that a segment's shares are made of
//	shares     files of them: of which segment and class, size, SHA-256, events
//	models     trainings: of which marks and segments, file, events by class
//
// A segment has columns for what most logs have, under its ECS name with _ for . (columns.go), and
//
//	time       TIMESTAMP ns, UTC        file, line    where the record stood      dataset    kind of record
//	fields     MAP<STRING, STRING>: all other fields; the n-th value of a list is under name[n]
//	raw        the line, unless it was not to be kept; one that is not UTF-8 is in raw_bytes
//	ids        MAP<STRING, STRING>: those fields that only identify something (columns.go: identifiers), likewise
//	blobs      LIST<BINARY>: values that are not UTF-8
//	layout     the names of the fields in the order of the record, one to a line, under a line of flags (layout.go)
//	source_id  the row of sources
//
// so that the event comes back exactly as the log's format gave it. Counts have field, part (of a value, or the whole),
// hour (0 Monday 00–01 to 167, local time of the lake's zone; 168 without a time), token (hash under the lake's seed), n;
// rows without a field are the events themselves by hour. They are counts of records, of no class: what is good and
// what bad, marks say. Counts of segments add and subtract exactly (count.Tally).
//
// # What makes it safe
//
// A segment exists when its row is committed. Writing goes: file, fsync of the file, fsync of its directory, then one
// transaction that brings the rows of the segments together with how far their sources were read. A file without a row
// is litter: the next writer sweeps it, unless its writer is alive (writer.go). So a process that is killed at any moment
// loses what it had not committed and nothing else, and the next one reads those lines again.
//
// What has a row has its size and SHA-256 there. Sizes are compared before files are read (intact.go), sums by Verify; every
// page has a checksum that readers compare (codec.go).
//
// There are no locks to be left behind. Who commits looks, within the transaction, whether the sources still stand where
// he started to read; if not, somebody else was faster, and he looks again (ErrOvertaken, ingest.go). Compaction and
// forgetting replace segments in the same way. SQLite waits for a busy database for up to 20 seconds.
package lake

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"weir/internal/enrich"
	"weir/internal/token"
)

// Version is the version of the directory's format.
const Version = 1

const (
	database = "lake.db"
	noDay    = "__HIVE_DEFAULT_PARTITION__" // Hive's name for a partition without a value
)

// Errors that a caller may want to tell apart.
var (
	ErrNoLake     = errors.New("there is no lake")
	ErrNewer      = errors.New("the lake was written by a newer weir")
	ErrScheme     = errors.New("the lake was counted by another version of the token scheme")
	ErrReadOnly   = errors.New("the lake cannot be written")
	ErrOvertaken  = errors.New("another process has read on in the same log")
	ErrSegment    = errors.New("a segment of the lake is damaged")
	ErrGone       = errors.New("is gone") // what was there a moment ago
	errUnfinished = errors.New("stopped")
)

// Settings are fixed when a lake is made.
type Settings struct {
	Zone *time.Location // of the hours that counts are kept by; nil is UTC
	Geo  *enrich.GeoDB  // optional: countries and networks. The lake keeps a copy and counts with it from then on
	Seed uint64         // of the hashes of tokens; 0 draws one. Models of stores with the same seed can be compared
}

// A Lake is an open archive. Its methods may be called by several goroutines.
type Lake struct {
	Dir  string
	Zone *time.Location
	*Trainer

	db       *sql.DB
	seed     uint64
	geo      *enrich.GeoDB // that is given, and then that is kept (geo.go)
	readOnly bool
	full     error  // why it is only read, if not for want of a right
	copied   string // a directory that is read instead of the catalogue, and removed in the end
	writer   int64  // 0 until something is to be written
	names    nameCounter
	ids      sourceIDs
	now      func() time.Time

	geoLock    sync.Mutex
	geoSettled bool
	geoSum     string // SHA-256 of the one that counts are made with; empty without
}

// Create makes a lake in dir, which it makes too, or opens the one that is there.
func Create(ctx context.Context, dir string, s Settings) (*Lake, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a lake in %q: %w", dir, pathError(err))
	}
	l, err := Open(ctx, dir, s.Geo)
	if err == nil || !errors.Is(err, ErrNoLake) {
		return l, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read directory %q: %w", dir, pathError(err))
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == database, name == database+"-wal", name == database+"-shm", name == database+"-journal", strings.HasPrefix(name, probe):
			continue
		}
		// Somebody may have made it since Open looked, and be at work.
		if l, err := Open(ctx, dir, s.Geo); err == nil || !errors.Is(err, ErrNoLake) {
			return l, err
		}
		return nil, fmt.Errorf("cannot make a lake in %q: there is something else in it (%q)", dir, e.Name())
	}
	if !writable(dir) {
		return nil, fmt.Errorf("cannot make a lake in %q: this user cannot write there", dir)
	}
	if l, err = connect(dir, s.Geo, false); err != nil {
		return nil, err
	}
	if _, err = l.reach(ctx); err == nil {
		err = l.initialize(ctx, s)
	}
	if err != nil {
		l.db.Close()
		return nil, err
	}
	return l, l.load(ctx)
}

// Open opens the lake in dir. Where the directory cannot be written it can be read still. geo may be nil: the lake has a copy of the
// one that it is counted with. Another one is an error (ErrGeo) as soon as something is to be counted.
func Open(ctx context.Context, dir string, geo *enrich.GeoDB) (*Lake, error) {
	if _, err := os.Stat(filepath.Join(dir, database)); err != nil {
		return nil, fmt.Errorf("%w in %q (%w)", ErrNoLake, dir, pathError(err))
	}
	l, err := connect(dir, geo, !writable(dir))
	if err != nil {
		return nil, err
	}
	err = l.load(ctx)
	if errors.Is(err, syscall.ENOSPC) && !l.readOnly { // there is no room for SQLite's index of its log; to read goes without
		l.Close()
		full := err
		if l, err = connect(dir, geo, true); err != nil {
			return nil, err
		}
		l.full = full
		err = l.load(ctx)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// probe is what the names of files begin with that are made to see whether they can be made. Others may see one.
const probe = ".weir-"

// writable reports whether files can be made in dir.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, probe+"*")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

func connect(dir string, geo *enrich.GeoDB, readOnly bool) (*Lake, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if readOnly {
		db, copied, err := openReadOnly(abs)
		if err != nil {
			return nil, fmt.Errorf("cannot open the lake in %q: %w", dir, err)
		}
		return newLake(&Lake{Dir: dir, db: db, copied: copied, geo: geo, readOnly: true}), nil
	}
	db, err := openDatabase(filepath.Join(abs, database), url.Values{"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(20000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}})
	if err != nil {
		return nil, fmt.Errorf("cannot open the lake in %q: %w", dir, err)
	}
	return newLake(&Lake{Dir: dir, db: db, geo: geo}), nil
}

func newLake(l *Lake) *Lake {
	l.now = time.Now
	l.Trainer = NewTrainer(ground{l})
	return l
}

// initialize writes the tables. Of two processes that make the same lake the second finds them there.
func (l *Lake) initialize(ctx context.Context, s Settings) error {
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	if s.Seed == 0 {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return fmt.Errorf("cannot make a seed: %w", err)
		}
		s.Seed = binary.LittleEndian.Uint64(b[:])
	}
	return l.update(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'meta'`).Scan(&n); err != nil || n > 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		for k, v := range map[string]string{"version": strconv.Itoa(Version), "zone": zone.String(),
			"seed": strconv.FormatUint(s.Seed, 16), "token_version": strconv.Itoa(token.Version),
			"next_source": "1"} {
			if _, err := tx.ExecContext(ctx, `INSERT INTO meta VALUES (?, ?)`, k, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// load reads meta and refuses what this weir does not understand.
func (l *Lake) load(ctx context.Context) error {
	meta := map[string]string{}
	tables, err := l.reach(ctx)
	if err != nil {
		return err
	}
	if tables == 0 {
		return fmt.Errorf("%w in %q yet: who made it was stopped before it was there", ErrNoLake, l.Dir)
	}
	rows, err := l.db.QueryContext(ctx, `SELECT key, value FROM meta`)
	if err != nil {
		return fmt.Errorf("cannot read %q: %w", filepath.Join(l.Dir, database), explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			return fmt.Errorf("cannot read %q: %w", filepath.Join(l.Dir, database), err)
		}
		meta[k] = v
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("cannot read %q: %w", filepath.Join(l.Dir, database), explain(err))
	}
	version, err := strconv.Atoi(meta["version"])
	if err != nil {
		return fmt.Errorf("cannot open the lake in %q: it does not say its version", l.Dir)
	}
	if version > Version {
		return fmt.Errorf("%w: %q has version %d, this one reads up to %d", ErrNewer, l.Dir, version, Version)
	}
	if meta["token_version"] != strconv.Itoa(token.Version) {
		return fmt.Errorf("%w: %q has version %s, this weir %d; ingest the logs into a new lake", ErrScheme, l.Dir,
			meta["token_version"], token.Version)
	}
	if l.seed, err = strconv.ParseUint(meta["seed"], 16, 64); err != nil {
		return fmt.Errorf("cannot open the lake in %q: its seed is %q", l.Dir, meta["seed"])
	}
	if l.Zone, err = time.LoadLocation(meta["zone"]); err != nil {
		return fmt.Errorf("cannot open the lake in %q: its time zone %q is not known here", l.Dir, meta["zone"])
	}
	return nil
}

// Close lets go of the lake. What was committed is safe without it.
func (l *Lake) Close() error {
	if l.writer > 0 {
		_, _ = l.db.Exec(`DELETE FROM writers WHERE id = ?`, l.writer) // a writer that is gone is swept anyway
	}
	err := l.db.Close()
	if l.copied != "" {
		_ = os.RemoveAll(l.copied) // it is in the directory for temporary files
	}
	return err
}

// cannotWrite says why.
func (l *Lake) cannotWrite() error {
	if l.full != nil {
		return l.full
	}
	return fmt.Errorf("%w: %q is read-only for this user", ErrReadOnly, l.Dir)
}

// update runs f in a transaction that nobody else can write during.
func (l *Lake) update(ctx context.Context, f func(*sql.Tx) error) error {
	if l.readOnly {
		return l.cannotWrite()
	}
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", filepath.Join(l.Dir, database), explain(err))
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the first error is the one to tell
		return explain(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("cannot write %q: %w", filepath.Join(l.Dir, database), explain(err))
	}
	return nil
}

// path returns where a file of the lake is.
func (l *Lake) path(name string) string { return filepath.Join(l.Dir, filepath.FromSlash(name)) }

// pathError returns what went wrong without the path, which the caller names.
func pathError(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
