// Package export writes what weir sees in logs, records with their tokens and labels, for other programs to go on from:
// svmlight with a vocabulary (scikit-learn, LIBLINEAR, XGBoost) and Parquet (pandas, DuckDB, Spark). [Run] is the one
// function.
//
// Records come out in the order of the inputs, whatever the number of workers, and the same logs give the same bytes.
package export

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// A Label says what a record is. Its numbers are those of svmlight, where 0 is unlabelled.
type Label int8

// The labels.
const (
	Good       Label = -1
	Unlabelled Label = 0
	Bad        Label = 1
)

// A Record is a record of a log as it is written. It is reused.
type Record struct {
	File    string
	Line    int64
	Time    int64 // nanoseconds since 1970 UTC; meaningful if HasTime
	HasTime bool
	Label   Label
	Dataset string
	Tokens  []string // as token.Name writes them, each once, in the order of the record; valid UTF-8
	Fields  []Field  // in the order of the record, each name once; valid UTF-8
}

// A Field is a field of a log with its value; of several values, all, with line breaks between them.
type Field struct{ Name, Value string }

// A Writer takes the records, one after another.
type Writer interface {
	Write(r *Record) error
}

// A Labeller says what a record is. What it is given is valid only during the call.
type Labeller func(e *event.Event, pos format.Position, raw []byte) Label

// Options govern [Run].
type Options struct {
	Scan   format.ScanOptions       // Ordered is set
	Enrich func() *token.Enrichment // one for each goroutine
	Label  func() Labeller          // likewise; nil leaves all records unlabelled
	Seed   uint64                   // of hashes, so that nobody can make values meet; nothing that comes out depends on it
	Fine   bool                     // tokens as filters take them: finer, and without who sent the record
}

// A WriteError is an error of a [Writer], as against one of reading.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap returns what the writer said.
func (e *WriteError) Unwrap() error { return e.Err }

// Totals are what was written.
type Totals struct{ Good, Bad, Unlabelled int64 }

// Records is all of them.
func (t *Totals) Records() int64 { return t.Good + t.Bad + t.Unlabelled }

// Run reads logs and hands each record to all writers, in the order of the inputs. It holds a few blocks of records at a time.
// The summary says what was read, also where the error is not nil, if reading got that far. What a writer fails with is a
// [WriteError].
func Run(ctx context.Context, inputs []source.Input, o Options, writers ...Writer) (*Totals, *format.Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o.Scan.Ordered = true
	line := &queue{writers: writers, waiting: map[int64][]Record{}, stop: cancel}
	summary, err := format.Scan(ctx, inputs, o.Scan, func(int, *event.Keys) format.Handler {
		r := &reader{o: &o, inputs: inputs, codify: token.NewCodifier(o.Seed, o.Enrich()), queue: line}
		if o.Label != nil {
			r.label = o.Label()
		}
		return r
	})
	if line.err != nil {
		err = &WriteError{line.err}
	}
	return &line.totals, summary, err
}

// A queue puts blocks of records into order.
type queue struct {
	mu      sync.Mutex
	writers []Writer
	next    int64
	waiting map[int64][]Record
	totals  Totals
	stop    context.CancelCauseFunc
	err     error
}

// put writes the records of a block as soon as all before it are written.
func (q *queue) put(number int64, records []Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting[number] = records
	for {
		records, ok := q.waiting[q.next]
		if !ok {
			return
		}
		delete(q.waiting, q.next)
		q.next++
		for i := range records {
			q.write(&records[i])
		}
	}
}

func (q *queue) write(r *Record) {
	if q.err != nil {
		return
	}
	for _, w := range q.writers {
		if q.err = w.Write(r); q.err != nil {
			q.stop(q.err)
			return
		}
	}
	switch r.Label {
	case Good:
		q.totals.Good++
	case Bad:
		q.totals.Bad++
	default:
		q.totals.Unlabelled++
	}
}

// A reader is one worker's share of reading.
type reader struct {
	o      *Options
	inputs []source.Input
	label  Labeller
	codify *token.Codifier
	queue  *queue
	names  [1 << namesBits]named
	block  []Record
}

// named are the names of a feature's tokens, kept since the same few values come again and again.
type named struct {
	field *token.Field
	exact uint64
	names []string
}

const (
	namesBits = 13
	mostNames = 64      // of a value that are kept
	mostKept  = 4 << 10 // bytes of their text: long values are rarely the same again, and would fill memory
)

// Event implements format.Handler.
func (r *reader) Event(e *event.Event, pos format.Position, raw []byte) {
	x := Record{File: valid(r.inputs[pos.File].Name), Line: pos.Line, Time: e.Time, HasTime: e.HasTime, Dataset: valid(e.Dataset)}
	if r.label != nil {
		x.Label = r.label(e, pos, raw)
	}
	features := r.codify.Codify(e)
	seen := make(map[string]struct{}, 4*len(features))
	for i := range features {
		f := &features[i]
		if r.o.Fine && f.Field.Identity {
			continue
		}
		for _, name := range r.tokens(f) {
			if _, ok := seen[name]; !ok {
				seen[name] = struct{}{}
				x.Tokens = append(x.Tokens, name)
			}
		}
	}
	x.Fields = fields(e)
	r.block = append(r.block, x)
}

// EndBlock implements format.BlockHandler.
func (r *reader) EndBlock(number int64) {
	r.queue.put(number, r.block)
	r.block = nil
}

func (r *reader) tokens(f *token.Feature) []string {
	exact := f.Exact()
	n := &r.names[exact>>(64-namesBits)]
	if n.field == f.Field && n.exact == exact {
		return n.names
	}
	list := r.codify.Tokens
	if r.o.Fine {
		list = r.codify.FineTokens
	}
	var names []string
	text := 0
	for _, t := range list(f) {
		name := valid(token.Name(f.Field.Name, t.Kind, t.Text))
		names, text = append(names, name), text+len(name)
	}
	if len(names) <= mostNames && text <= mostKept {
		*n = named{f.Field, exact, names}
	}
	return names
}

func fields(e *event.Event) []Field {
	out := make([]Field, 0, len(e.Fields))
	for i := range e.Fields {
		f := Field{valid(e.Fields[i].Key.Name), valid(string(e.Fields[i].Value))}
		twin := -1
		for k := range out {
			if out[k].Name == f.Name {
				twin = k
			}
		}
		if twin < 0 {
			out = append(out, f)
		} else {
			out[twin].Value += "\n" + f.Value
		}
	}
	return out
}

// valid makes text of what may be anything.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
