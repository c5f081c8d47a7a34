// Package mapreduce lets an engine that others run (Hadoop, Spark, or sort on one machine) do on many machines what weir does
// on one, and come to the same bytes.
//
// There is no second way of computing anything. A job has one local state: what a worker of a scan gathers, which merges in
// any order. A task on a cluster is one more worker. It reads its splits of the logs ([Map]), and instead of being merged in memory
// it is written down as records. The engine sorts them; a reducer, which is its own combiner, merges values of equal keys
// ([Reduce]). Whoever asked reads the reduced records back into one worker's state ([Assemble]), and goes on where the local
// run goes on when its workers are merged.
//
//	split ──Map──▶ records ─(Reduce)─▶ engine sorts by KEY, SUB ──Reduce──▶ records ──Assemble──▶ state ──▶ as locally
//	split ──Map──▶ records ─(Reduce)─▶ and partitions by KEY    ──Reduce──▶ records ──┘
//
// A record is a line of ASCII:
//
//	KEY  TAB  SUB  TAB  VALUE  LF
//	│          │         └ bytes, as pairs of characters
//	│          └ bytes, as letters: what records of one key are sorted by; may be empty
//	└ one byte, the kind of record; then bytes, as letters
//
// Letters stand for six bits each and have the order of what they stand for, so that sorting lines (with LC_ALL=C) sorts bytes. Pairs of
// characters stand for thirteen bits (letters.go).
// A kind says how values of records with equal KEY and SUB are merged ([Kind]): in any order, in any groups, to the same
// bytes. So it does not matter where logs are split, whether there is a combiner, or how many reducers there are. Kinds that are
// not merged pass through.
//
// Jobs are written in the packages whose state they carry ([Job]); cmd/weir lists them. Counts travel in bundles ([AppendBundle]).
//
// Everything that a task is told stands in the [Plan]. Everything read, records and plans too, is checked: what is damaged is an
// error and never a wrong number. A split that was counted twice, or not at all, is an error of Assemble.
package mapreduce

import (
	"weir/internal/event"
	"weir/internal/format"
)

// A Record is what tasks write and reducers merge. Its bytes may be any.
type Record struct {
	Kind            byte // a lower case letter; upper case is for this package
	Key, Sub, Value []byte
}

// A Kind says what becomes of records whose kind is Byte.
type Kind struct {
	Byte byte
	Name string
	// Merge returns a merger for values of one KEY and SUB; nil lets records of this kind pass through as they are.
	Merge func() Merger
}

// A Merger merges values that have the same key, one after the other. The result must not depend on their order, nor on whether
// some of them were merged before.
type Merger interface {
	// Add takes a value, which is valid during the call only. An error says that it is damaged.
	Add(value []byte) error
	// Append appends the merged value to dst, and empties the merger for the next key. An error says that a value was damaged.
	Append(dst []byte) ([]byte, error)
}

// A Mapper is a worker of a task. Each belongs to one goroutine.
type Mapper interface {
	// Event takes a record of a log: that of an input of the plan, pos.File, which stands on line pos.Line (from 1) of the
	// split that begins at pos.Offset, or, of a segment, on that line of its log. [Assembly.Position] makes of that where it stands in
	// the log. The rest is as for [format.Handler].
	Event(e *event.Event, pos format.Position, raw []byte)
	// Finish writes down what was not written yet. A mapper whose memory is full may write earlier, in Event.
	Finish() error
}

// A Job is something that can be computed from records of logs.
type Job struct {
	Name  string
	Kinds []Kind
	// Scan changes how logs are read; it may be nil.
	Scan func(o *format.ScanOptions)
	// Mapper returns a worker that writes to w. keys are those of its events. It may be nil where nothing is mapped.
	Mapper func(keys *event.Keys, w *Writer) (Mapper, error)
}

// Kinds of this package. They are in every task's output.
const (
	kindPlan  = 'P' // the fingerprint of the plan
	kindSplit = 'S' // what was read of a split
)

// kindsOf returns all kinds of a job's records, by byte.
func kindsOf(kinds []Kind) *[256]*Kind {
	var by [256]*Kind
	add := func(k *Kind) {
		if by[k.Byte] != nil {
			panic("BUG: two kinds of records have the same byte")
		}
		by[k.Byte] = k
	}
	add(&Kind{kindPlan, "plan", newSame})
	add(&Kind{kindSplit, "split", newOnce})
	for i := range kinds {
		if c := kinds[i].Byte; c < 'a' || c > 'z' {
			panic("BUG: kinds of jobs are lower case letters")
		}
		add(&kinds[i])
	}
	return &by
}
