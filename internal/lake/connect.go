package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	sqlite "modernc.org/sqlite"
)

// openDatabase opens a file of SQLite with some settings.
func openDatabase(file string, settings url.Values) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: settings.Encode()}).String()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// openReadOnly opens the catalogue in a directory that this user cannot write. Somebody else may be writing it meanwhile, and what
// was committed last is in the log beside it (lake.db-wal), which must not be overlooked:
//
//   - without a log the catalogue is read as it stands (immutable: SQLite wants no files of its own beside it then);
//   - with one SQLite reads both, if it can see the index of the log (lake.db-shm), as it can while somebody writes;
//   - without that, whoever wrote was killed or the lake is a copy, and both are copied to where SQLite can make the index.
func openReadOnly(dir string) (db *sql.DB, copied string, err error) {
	file := filepath.Join(dir, database)
	pragmas := []string{"busy_timeout(20000)", "query_only(1)"}
	log, err := os.Stat(file + "-wal")
	if err != nil || log.Size() == 0 {
		_, shared := os.Stat(file + "-shm")
		if shared != nil {
			db, err = openDatabase(file, url.Values{"mode": {"ro"}, "immutable": {"1"}, "_pragma": pragmas})
			return db, "", err
		}
	}
	if db, err = openDatabase(file, url.Values{"mode": {"ro"}, "_pragma": pragmas}); err != nil {
		return nil, "", err
	}
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM sqlite_master`).Scan(&n); err == nil {
		return db, "", nil
	}
	db.Close() // what is wrong with it the copy will tell
	if copied, err = os.MkdirTemp("", "weir-lake-*"); err != nil {
		return nil, "", fmt.Errorf("cannot make a temporary directory: %w", err)
	}
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(filepath.Join(copied, database+suffix), file+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			os.RemoveAll(copied)
			return nil, "", err
		}
	}
	if db, err = openDatabase(filepath.Join(copied, database), url.Values{"_pragma": pragmas}); err != nil {
		os.RemoveAll(copied)
		return nil, "", err
	}
	return db, copied, nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// ErrCatalog says that lake.db is not what was written.
var ErrCatalog = errors.New("the lake's catalogue is damaged")

// SQLite's result codes for a disk without room, in the catalogue and in the file that processes share (SQLITE_IOERR_SHMSIZE), and
// for a file that is damaged, or none of its own.
const (
	sqliteBusy    = 5
	sqliteFull    = 13
	sqliteShmSize = 4874
	sqliteCorrupt = 11
	sqliteNotADB  = 26
	sqlitePrimary = 0xff // of a code, what is not extended
)

// patience is how long a catalogue is waited for that others keep busy.
const patience = 20 * time.Second

// reach waits until the catalogue can be read, and says how many tables it has. SQLite itself waits for what others write, but not where one
// that opens a new catalogue makes it one with a log beside (WAL) while another does: the later of them is told at once that it is busy.
func (l *Lake) reach(ctx context.Context) (tables int, err error) {
	start := time.Now()
	for wait := time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err = l.db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master`).Scan(&tables)
		if err == nil {
			return tables, nil
		}
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&sqlitePrimary != sqliteBusy || time.Since(start) > patience {
			return 0, fmt.Errorf("cannot read %q: %w", filepath.Join(l.Dir, database), explain(err))
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// explain makes an error of SQLite that says that the disk is full one that is syscall.ENOSPC, too, and one of a damaged file
// ErrCatalog.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrCatalog) {
		return err
	}
	switch code := e.Code(); {
	case code == sqliteFull || code == sqliteShmSize:
		return fmt.Errorf("%w (%w)", err, syscall.ENOSPC)
	case code&sqlitePrimary == sqliteCorrupt || code&sqlitePrimary == sqliteNotADB:
		return fmt.Errorf("%w: %w", ErrCatalog, err)
	}
	return err
}
