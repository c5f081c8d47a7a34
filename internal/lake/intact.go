package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// A file of the lake that is not what was written is named before anybody reads it, as far as its size tells; the rest of what
// can be wrong with it the reader finds, or Damaged.

// sized makes sure that a file has the size it was written with.
func (l *Lake) sized(name string, size int64) error {
	full := l.path(name)
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return gone(full)
	case err != nil:
		return fmt.Errorf("cannot read %q: %w", full, pathError(err))
	case info.Size() != size:
		return wrongSize(full, info.Size(), size)
	}
	return nil
}

func wrongSize(full string, is, should int64) error {
	return damaged(full, fmt.Errorf("it has %d bytes and should have %d", is, should))
}

// Damaged reads the files of the lake and returns an error (ErrSegment) that names the first that does not have the bytes that
// were written; nil if all have them. It is for those who were told that something is wrong and not what; Verify says all.
func (l *Lake) Damaged(ctx context.Context) error {
	return l.eachFile(ctx, func(name string, size int64, hash []byte) error { return l.intact(ctx, name, size, hash) })
}

// eachFile calls f with every file that the catalogue names: path, size, SHA-256.
func (l *Lake) eachFile(ctx context.Context, f func(name string, size int64, hash []byte) error) error {
	rows, err := l.db.QueryContext(ctx, `SELECT path, size, hash FROM segments UNION ALL
		SELECT counts_path, counts_size, counts_hash FROM segments WHERE counts_path != '' UNION ALL
		SELECT path, size, hash FROM shares UNION ALL SELECT path, size, hash FROM models WHERE path != ''`)
	if err != nil {
		return fmt.Errorf("cannot read %q: %w", l.path(database), err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var size int64
		var hash []byte
		if err := rows.Scan(&name, &size, &hash); err != nil {
			return fmt.Errorf("cannot read %q: %w", l.path(database), err)
		}
		if err := f(name, size, hash); err != nil {
			return err
		}
	}
	return rows.Err()
}

// intact makes sure that a file has the bytes that were written.
func (l *Lake) intact(ctx context.Context, name string, size int64, want []byte) error {
	if err := errors.Join(ctx.Err(), l.sized(name, size)); err != nil {
		return err
	}
	full := l.path(name)
	f, err := os.Open(full)
	if err != nil {
		return fmt.Errorf("cannot read %q: %w", full, pathError(err))
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("cannot read %q: %w", full, pathError(err))
	}
	if !bytes.Equal(h.Sum(nil), want) {
		return damaged(full, errors.New("its bytes are not those that were written"))
	}
	return nil
}
