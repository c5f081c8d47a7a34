//go:build !cgo || nosql

package ask

import (
	"context"

	"weir/internal/lake"
)

// Built tells whether the binary has DuckDB.
const Built = false

// A Session is a lake that is being asked; there is none without DuckDB.
type Session struct{}

// Open fails with ErrNoSQL.
func Open(context.Context, *lake.Lake, Options) (*Session, error) { return nil, ErrNoSQL }

// Run fails with ErrNoSQL.
func (*Session) Run(context.Context, string, Sink) error { return ErrNoSQL }

// Export fails with ErrNoSQL.
func (*Session) Export(context.Context, string, string) error { return ErrNoSQL }

// Close has nothing to close.
func (*Session) Close() error { return nil }
