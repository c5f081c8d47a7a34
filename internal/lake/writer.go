package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// abandoned is how long a file without a row is left alone whose writer may be alive, on another machine perhaps.
const abandoned = 24 * time.Hour

// startWriting registers the process as a writer, once, and sweeps what others left behind.
func (l *Lake) startWriting(ctx context.Context) error {
	if l.readOnly {
		return l.cannotWrite()
	}
	if err := l.settleGeo(ctx); err != nil || l.writer > 0 {
		return err
	}
	host, _ := os.Hostname() // an empty name will do
	err := l.update(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO writers (host, process, started) VALUES (?, ?, ?)`, host, os.Getpid(), l.now().UnixNano())
		if err != nil {
			return fmt.Errorf("cannot write %q: %w", filepath.Join(l.Dir, database), err)
		}
		l.writer, err = r.LastInsertId()
		return err
	})
	if err != nil {
		return err
	}
	_, err = l.Sweep(ctx)
	return err
}

// Sweep removes files that no row of segments names and whose writers are gone, and returns how many. It runs within a
// transaction, so that nobody commits meanwhile.
func (l *Lake) Sweep(ctx context.Context) (removed int, err error) {
	err = l.update(ctx, func(tx *sql.Tx) error {
		alive, err := l.aliveWriters(ctx, tx)
		if err != nil {
			return err
		}
		listed, err := segments(ctx, tx, `true`)
		if err != nil {
			return err
		}
		named := map[string]bool{}
		for _, s := range listed {
			named[s.Path], named[s.CountsPath] = true, true
		}
		if err := l.nameMarked(ctx, tx, named); err != nil {
			return err
		}
		for _, top := range []string{"events", "counts", kindMalformed, "marked", "models"} {
			err := filepath.WalkDir(l.path(top), func(full string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					if errors.Is(err, fs.ErrNotExist) {
						return nil
					}
					return err
				}
				rel, err := filepath.Rel(l.Dir, full)
				if err != nil || named[filepath.ToSlash(rel)] || filepath.Ext(full) != ".parquet" {
					return err
				}
				number, _, _ := strings.Cut(d.Name(), "-")
				if id, err := strconv.ParseInt(number, 10, 64); err != nil || id == l.writer || alive[id] {
					return nil // somebody else's file, or one that is being written
				}
				if err := os.Remove(full); err == nil {
					removed++
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("cannot sweep %q: %w", l.path(top), pathError(err))
			}
		}
		return nil
	})
	return removed, err
}

// aliveWriters returns the writers that may still be writing, and forgets the others.
func (l *Lake) aliveWriters(ctx context.Context, tx *sql.Tx) (map[int64]bool, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, host, process, started FROM writers`)
	if err != nil {
		return nil, fmt.Errorf("cannot list writers: %w", err)
	}
	defer rows.Close()
	here, _ := os.Hostname()
	alive := map[int64]bool{}
	var gone []int64
	for rows.Next() {
		var id, started int64
		var host string
		var process int
		if err := rows.Scan(&id, &host, &process, &started); err != nil {
			return nil, fmt.Errorf("cannot list writers: %w", err)
		}
		alive[id] = true
		// A process of this machine is asked; of another one's is known only how long ago it started.
		if id != l.writer && (host == here && !running(process) || host != here && l.now().UnixNano()-started > int64(abandoned)) {
			delete(alive, id)
			gone = append(gone, id)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("cannot list writers: %w", err)
	}
	for _, id := range gone {
		if _, err := tx.ExecContext(ctx, `DELETE FROM writers WHERE id = ?`, id); err != nil {
			return nil, fmt.Errorf("cannot forget a writer: %w", err)
		}
	}
	return alive, nil
}

// running reports whether a process of this machine runs; where that cannot be told, it does.
func running(process int) bool {
	p, err := os.FindProcess(process)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}

// sourceIDs are numbers for new sources, taken from the lake's stock many at a time.
type sourceIDs struct {
	mu         sync.Mutex
	next, stop int64
}

// newSource returns a number that no other source gets.
func (l *Lake) newSource(ctx context.Context) (int64, error) {
	l.ids.mu.Lock()
	defer l.ids.mu.Unlock()
	if l.ids.next == l.ids.stop {
		const many = 64
		err := l.update(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `UPDATE meta SET value = CAST(value AS INTEGER) + ? WHERE key = 'next_source' RETURNING CAST(value AS INTEGER)`,
				many).Scan(&l.ids.stop)
		})
		if err != nil {
			return 0, fmt.Errorf("cannot number a source: %w", err)
		}
		l.ids.next = l.ids.stop - many
	}
	l.ids.next++
	return l.ids.next - 1, nil
}
