package lake

import (
	"context"
	"time"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/marks"
	"weir/internal/source"
)

// What follows lets another store know logs again by the rules of this one (identify.go) and keep its own catalogue.

// Decisive is how many bytes two logs have to share before they are taken for one whatever their names.
const Decisive = decisive

// A Known is what is kept of a log that was read, to know it again.
type Known struct {
	Offset, Line int64 // uncompressed bytes that were read; number of the line there
	TailSize     int64 // fingerprint of what stands before Offset
	TailHash     []byte
	OpenSize     int64 // of a last line without an end, after Offset, that was read too
	OpenHash     []byte

	head, tail []byte // of what is being read
}

// Sum is the fingerprint of some bytes: SHA-256.
func Sum(b []byte) []byte { return sum(b) }

// Head returns how an input begins: its first bytes, up to 64 KiB, and the fingerprint of its first line.
func Head(in source.Input) (head, first []byte, err error) {
	if head, err = readHead(in); err != nil {
		return nil, nil, err
	}
	return head, firstLine(head), nil
}

// Namesake reports whether a path is that of a log, or looks like what rotation makes of it.
func Namesake(path, of string) bool { return namesake(path, of) }

// Compare reads what stands before and after Offset in an input that begins as the log did: whether it is the same log, and
// has grown. It then can be read on.
func (k *Known) Compare(in source.Input) (same, grown bool, err error) {
	c, err := compare(in, &sourceRow{Offset: k.Offset, TailSize: k.TailSize, TailHash: k.TailHash, OpenSize: k.OpenSize, OpenHash: k.OpenHash})
	if err == nil && c.same {
		k.tail = c.tail
	}
	return c.same, c.grown, err
}

// Advance notes that a block of whole lines is read.
func (k *Known) Advance(b *source.Block) {
	p := progress{head: k.head, tail: k.tail}
	p.row.Offset, p.row.Line = k.Offset, k.Line
	p.advance(b)
	k.head, k.tail, k.Offset, k.Line = p.head, p.tail, p.row.Offset, p.row.Line
	k.OpenSize, k.OpenHash = 0, nil
	k.TailSize, k.TailHash = int64(len(k.tail)), sum(k.tail)
}

// Keep copies what can be read only once into a temporary file, which release removes. Others come back as they are.
func Keep(in source.Input) (kept source.Input, release func(), err error) {
	if !in.Once() {
		return in, func() {}, nil
	}
	return spool(in)
}

// A Store is an archive, whatever holds it: a [Lake], or a database. internal/storetest says what it has to do.
type Store interface {
	Inputs(ctx context.Context) ([]source.Input, error)
	Ingest(ctx context.Context, inputs []source.Input, o IngestOptions) (*Report, error)
	Follow(ctx context.Context, look func() ([]source.Input, error), o IngestOptions, every time.Duration, report func(*Report) error) error
	Scan(ctx context.Context, o ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error)
	Status(ctx context.Context) (*Status, error)
	Verify(ctx context.Context) (*Verification, error)
	Forget(ctx context.Context, match func(*event.Event) bool, why string) (*Forgotten, error)
	Close() error
	Learner
}

// A Learner keeps marks and learns from them by difference: what [Trainer] does.
type Learner interface {
	Marks(ctx context.Context) ([]Mark, error)
	MarkSet(ctx context.Context) (*marks.Set, error)
	AddMark(ctx context.Context, m marks.Mark) error
	TakeBack(ctx context.Context, m marks.Mark) (*marks.Mark, error)
	ImportMarks(ctx context.Context, s *marks.Set) (*Import, error)
	Train(ctx context.Context, o TrainOptions) (*Training, error)
	Tally(ctx context.Context, class Class) (*count.Tally, error)
	Drift(ctx context.Context, before, after *Model, most int) ([]Change, error)
	LastModel(ctx context.Context) (*Model, error)
	ModelBytes(ctx context.Context, m *Model) ([]byte, error)
	UpToDate(ctx context.Context, m *Model) (bool, error)
}

var _ Store = (*Lake)(nil)
