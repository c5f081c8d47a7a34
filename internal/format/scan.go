package format

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/event"
	"weir/internal/source"
)

// A Position says where a record stands.
type Position struct {
	File   int   // index in the inputs of the scan
	Line   int64 // from 1
	Offset int64 // of the line in the uncompressed bytes
}

// A Handler takes the events of a scan. Each worker has its own, so it needs no locks. The event, all it holds, and raw
// (the line as it stood in the log, without its end) are valid only during the call.
type Handler interface {
	Event(e *event.Event, pos Position, raw []byte)
}

// A BlockHandler is a Handler that is told where blocks end. Within one block events come in order.
type BlockHandler interface {
	Handler
	// EndBlock is called after the last event of a block. Blocks are numbered from 0 without gaps; where ScanOptions.Ordered
	// is set their numbers have the order of the inputs. Only a scan that ctx has ended leaves blocks out.
	EndBlock(number int64)
}

// ScanOptions govern a scan. The zero value uses all processors and detects formats.
type ScanOptions struct {
	Options                     // how lines are read; Name is set to each input's own
	Workers int                 // goroutines that decode, and files read at once; 0 is one per processor
	Blocks  source.BlockOptions // how files are cut; zero is the default

	// Record says what of a file is a record. With RecordFile each input is one, at line 1; Format does not matter then.
	// A Choice that says so comes first.
	Record RecordUnit

	// FileTimes takes, where Reference is zero, each file's modification time for it, as one that lies after the log's
	// times (Past): those without a year get the latest that is not more than a day after the file was last written.
	FileTimes bool

	// Ordered reads the inputs one after another, so that handlers that are BlockHandlers can put what they make of
	// blocks back into the order of the inputs.
	Ordered bool

	// Resume, if not nil, is called before an input is read, by the goroutine that reads it: offset, in uncompressed bytes, and
	// number of the line from which on records are wanted; what lies before is read only as far as it says how to read the
	// rest (headers). An input that is not wanted at all has skip.
	Resume func(file int) (offset, line int64, skip bool)

	// Part, if not nil, says of an input that it is a part of a log only, as a task of a cluster has it, or returns nil.
	Part func(file int) *Part

	// Gate, if not nil, is called with each block before workers get it, in the order of a file's lines, by the goroutine that
	// reads the file. A last line without a line end comes as a block of its own, and is left out where Gate returns
	// ErrLeaveOut. Any other error ends the scan after the blocks before.
	Gate func(file int, b *source.Block) error

	// Fault, if not nil, is called with every line that could not be read. Several goroutines may call it at once; line is
	// valid during the call only.
	Fault func(file int, line *source.Line, m *Malformed)

	// Progress, if not nil, is called about five times a second and once at the end, never by two goroutines at once:
	// the bytes read so far, as stored; those to read in all, of inputs whose size is known; and the events so far.
	Progress func(read, total, events int64)
}

// Scan reads all inputs and gives every event to one of the handlers, one per worker, that newHandler makes before
// reading starts. Workers take blocks of lines, of any file, as they come: events arrive in order only within a block,
// unless Workers is 1, when they arrive in the order of the inputs. What arrives, and the summary, are the same
// whatever the number of workers.
//
// Files that cannot be read, and lines, are in the summary and do not stop the scan. The error is that of ctx, or says
// why there is no record in any of the inputs.
func Scan(ctx context.Context, inputs []source.Input, o ScanOptions,
	newHandler func(worker int, keys *event.Keys) Handler) (*Summary, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s := &scan{o: o, inputs: inputs, jobs: make(chan job, o.Workers), files: make([]fileTally, len(inputs))}
	for i := range inputs {
		s.files[i].summary.Name = inputs[i].Name
		s.total += max(inputs[i].Size, 0)
	}
	s.tooLong = tooLongReason(o.Blocks.MaxLine)
	stopProgress := s.reportProgress()
	if o.unit() == RecordFile {
		s.scanFiles(ctx, newHandler)
		stopProgress()
		return s.finish(ctx)
	}
	var workers, readers sync.WaitGroup
	for i := range o.Workers {
		keys := event.NewKeys()
		w := &scanWorker{scan: s, keys: keys, handler: newHandler(i, keys), forks: make(map[*decoderState]Decoder)}
		workers.Go(func() { w.run(ctx) })
	}
	var next atomic.Int64
	readersAtOnce := min(o.Workers, len(inputs))
	if o.Ordered {
		readersAtOnce = min(1, len(inputs))
	}
	for range readersAtOnce {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(inputs) && ctx.Err() == nil && !s.stopped.Load(); i = int(next.Add(1)) - 1 {
				s.readFile(ctx, i)
			}
		})
	}
	readers.Wait()
	close(s.jobs)
	workers.Wait()
	stopProgress()
	return s.finish(ctx)
}

// ErrLeaveOut is what a Gate returns for a block that is not to be read.
var ErrLeaveOut = errors.New("leave this block out")

// A scan is what its goroutines share.
type scan struct {
	o      ScanOptions
	inputs []source.Input
	jobs   chan job // bounds the blocks in memory: a full channel makes the readers wait
	files  []fileTally

	tooLong *Malformed
	stopped atomic.Bool // a Gate has ended the scan

	total  int64
	blocks atomic.Int64 // handed to workers
	stored atomic.Int64 // bytes of streams that are done
	open   sync.Map     // *source.Stream being read → nothing
	events atomic.Int64
}

// A job is a block and who reads it. Lines that a file's reader has decoded itself are not in it.
type job struct {
	number int64
	file   int
	block  *source.Block
	parts  []jobPart
}

// A jobPart is a run of lines that one state of the decoder reads.
type jobPart struct {
	from, to int64 // line numbers, to is not in it
	state    *decoderState
}

// A decoderState is a decoder that nobody decodes with any more: workers fork it.
type decoderState struct{ decoder Decoder }

// reportProgress calls Progress now and then until the function that it returns is called, which calls it once more.
func (s *scan) reportProgress() (stop func()) {
	if s.o.Progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.callProgress()
			case <-done:
				s.callProgress()
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (s *scan) callProgress() {
	read := s.stored.Load()
	s.open.Range(func(stream, _ any) bool {
		read += stream.(*source.Stream).StoredBytes()
		return true
	})
	s.o.Progress(read, s.total, s.events.Load())
}
