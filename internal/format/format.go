// Package format turns the lines of a log into events: one file per log format, plus the detection that picks one.
//
// A format is a row in the list [All]. [Detect] shows the first lines of a file to every format and takes the one that
// reads them best, and keeps the reasons of the others for the error message. A [Decoder] reads one file's lines, one
// at a time, into an [event.Event] that it is handed; it is the only thing that knows a log's syntax.
//
// A line that cannot be read is a value (an error of type *[Malformed]), never a failure: the caller counts it, keeps
// the first few with their positions, and goes on. Lines that hold no record by design (blank lines, headers, comments)
// return [ErrSkip].
//
// Lines that change how later lines are read (the header of a CSV, the # lines of a Zeek log) are the decoder's state.
// They are decoded in order by one goroutine; every other line may be decoded by a [Decoder.Fork] on another one.
package format

import (
	"errors"
	"time"

	"weir/internal/event"
)

// ErrSkip is returned for a line that holds no record by design.
var ErrSkip = errors.New("no record on this line")

// Malformed says why a line could not be read. Reasons are short constant texts ("9 columns where the header has 10" is
// "too few columns"), so that they can be counted; Detail may hold more.
type Malformed struct {
	Reason string
	Detail string
}

func (m *Malformed) Error() string {
	if m.Detail == "" {
		return m.Reason
	}
	return m.Reason + ": " + m.Detail
}

// A Decoder reads the lines of one file. It is used by one goroutine at a time.
type Decoder interface {
	// Decode reads line, which has no line end, into e, which the decoder resets. Values may point into line or into
	// e.Scratch. It returns nil, ErrSkip or a *Malformed. It never panics and never keeps line.
	Decode(line []byte, e *event.Event) error

	// Stateful reports whether line (the n-th of the file, from 1) must be decoded in order because it changes how
	// later lines are read. It must be cheap.
	Stateful(line []byte, n int64) bool

	// Fork returns a decoder with the same state that interns names in keys and shares nothing that either changes.
	Fork(keys *event.Keys) Decoder
}

// Options govern how lines are read. The zero value is UTC, years nearest to 1970, automatic detection.
type Options struct {
	Zone      *time.Location // for times without a zone; nil is UTC
	Reference time.Time      // a time without a year gets the year that puts it nearest to this
	Past      bool           // Reference is when the log was last written: such times are not after it by over a day
	Format    string         // name of a format, or a server's own log_format / LogFormat string; empty detects
	Choice    *Choice        // how to read a file like those that a filter was trained on; comes before Format
	Name      string         // the file's name, for formats whose kind of record is only told by it (stock Zeek JSON)

	// Wanted, if not nil, says which fields the reader of the events uses, by name; it is asked once for each column of a
	// header. Decoders that read columns (Zeek) leave the others out, which is most of their work; the others give all.
	Wanted func(name string) bool
}

// A Format is one syntax that weir reads.
type Format struct {
	Name    string   // as --format takes it
	Title   string   // one line for people
	Fields  []string // names of the fields it gives, for `weir formats`
	Example string   // one record

	// Score tells how well the format reads the sample lines, from 0 (not at all) to 1 (every line), and why not more.
	Score func(sample [][]byte, o Options) (score float64, reason string)
	// New returns a decoder for a file that starts with sample (which is not consumed by this call).
	New func(sample [][]byte, o Options, keys *event.Keys) (Decoder, error)
}
