// Package ask asks a lake in SQL. [Open] puts views over the lake's files into an embedded DuckDB; [Session.Run] runs
// one SELECT and hands its rows on; [Session.Export] writes them as Parquet.
//
//	events     the columns of a segment (internal/lake/columns.go), the day, and raw: the line as it was
//	counts     field, part, hour, token, n, day; without a field: events
//	malformed  source_id, file, line, reason, detail, raw
//	marks      id, verdict, who, made, begins, ends, hosts, condition, note, taken_back
//	sources    id, name, format, records, untimed, lines, malformed
//
// What a user writes is fenced: it has to be one SELECT, by DuckDB's own parser; files other than the lake's events,
// counts and malformed lines cannot be opened, nor settings changed; extensions are never loaded.
//
// DuckDB needs cgo. A binary built without cgo, or with the tag nosql, has everything else; [Open] says then what is missing.
package ask

import "errors"

// ErrNoSQL says that the binary was built without DuckDB.
var ErrNoSQL = errors.New("this weir was built without SQL")

// Options bound what a session may take.
type Options struct {
	MemoryMB int // of the engine; 0 is 1024. Below 512 large groupings fail
	Threads  int // 0 is one per processor
	TempDir  string
}

// A Column is a column of an answer.
type Column struct {
	Name   string
	Number bool // to be set flush right
}

// A Sink takes an answer. Rows are valid during the call only.
type Sink interface {
	Columns([]Column) error
	Row([]any) error
}
