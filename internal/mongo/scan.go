package mongo

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
	"weir/internal/source"
)

// held returns the logs of which something was read.
func (s *Store) held(ctx context.Context) ([]log, error) {
	list, err := s.logs(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	out := list[:0]
	for i := range list {
		if list[i].read() {
			out = append(out, list[i])
		}
	}
	return out, nil
}

// Inputs returns what stands for the files of a scan: the logs that were read, by name, without content. Position.File of
// [Store.Scan] is an index into them.
func (s *Store) Inputs(ctx context.Context) ([]source.Input, error) {
	list, err := s.held(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]source.Input, len(list))
	for i := range list {
		out[i] = source.Input{Name: list[i].Name, Size: -1}
	}
	return out, nil
}

// layouts looks layouts up, for several goroutines.
type layouts struct {
	s    *Store
	ctx  context.Context
	mu   sync.Mutex
	byID map[string]layout
}

func (c *layouts) get(id string) (layout, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.byID[id]; ok {
		return l, nil
	}
	var doc struct {
		Fields bson.A `bson:"fields"`
	}
	if err := c.s.db.Collection("layouts").FindOne(c.ctx, bson.D{{Key: "_id", Value: id}}).Decode(&doc); err != nil {
		return nil, c.s.fail("find the layout of an event", err)
	}
	l, err := parseLayout(doc.Fields)
	if err != nil {
		return nil, err
	}
	if len(c.byID) >= maxLayouts {
		clear(c.byID)
	}
	c.byID[id] = l
	return l, nil
}

// chunkBytes is how many bytes of documents a worker gets at once.
const chunkBytes = 1 << 20

// A chunk is documents that the server sent, one after another.
type chunk []byte

// Scan gives the events of the store to handlers as format.Scan gives those of files, in no order. A span of time is asked
// of the server. The summary is that of ingesting: malformed lines are counted by reason, without examples.
func (s *Store) Scan(ctx context.Context, o lake.ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error) {
	list, err := s.held(ctx)
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	var total int64
	for i := range list {
		index[list[i].ID] = i
		for j := range list[i].batches {
			total += list[i].batches[j].Stats.Records
		}
	}
	filter := bson.D{}
	if o.Timed {
		filter = bson.D{{Key: timeField, Value: bson.D{{Key: "$gte", Value: bson.DateTime(floorMillis(o.From))},
			{Key: "$lte", Value: bson.DateTime(floorMillis(o.To))}}}}
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	known := &layouts{s: s, ctx: ctx, byID: map[string]layout{}}
	chunks := make(chan chunk, o.Workers)
	var wait sync.WaitGroup
	var done atomic.Int64
	var told sync.Mutex
	for w := range o.Workers {
		d := &decoder{keys: event.NewKeys(), layout: known.get}
		h := newHandler(w, d.keys)
		wait.Go(func() {
			for c := range chunks {
				n, err := d.each(c, func(r *record) {
					file, ok := index[r.source]
					if !ok || list[file].batchOf(r.line) == nil || o.Timed && (!r.HasTime || r.Time < o.From || r.Time > o.To) {
						return
					}
					h.Event(r.Event, format.Position{File: file, Line: r.line}, r.raw)
				})
				if err != nil {
					cancel(err)
				}
				if read := done.Add(n); o.Progress != nil {
					told.Lock()
					o.Progress(min(read, total), total, read)
					told.Unlock()
				}
			}
		})
	}
	err = s.chunks(ctx, filter, chunks)
	close(chunks)
	wait.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return nil, fmt.Errorf("cannot finish reading: %w", cause)
	}
	if err != nil {
		return nil, err
	}
	return summary(list), nil
}

// chunks hands out the documents of the events that a filter names.
func (s *Store) chunks(ctx context.Context, filter bson.D, out chan<- chunk) error {
	cursor, err := s.db.Collection("events").Find(ctx, filter, options.Find().SetBatchSize(insertChunk))
	if err != nil {
		return s.fail("read events", err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	var c chunk
	send := func() error {
		select {
		case out <- c:
			c = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for cursor.Next(ctx) {
		if c = append(c, cursor.Current...); len(c) >= chunkBytes {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := cursor.Err(); err != nil {
		return s.fail("read events", err)
	}
	return send()
}

// each decodes the documents of a chunk.
func (d *decoder) each(c chunk, f func(*record)) (n int64, err error) {
	for ; len(c) > 0; n++ {
		doc := bson.Raw(c[:binary.LittleEndian.Uint32(c)]) // the driver has seen that it is all there
		c = c[len(doc):]
		x, err := d.decode(doc)
		if err != nil {
			return n, err
		}
		f(&x)
	}
	return n, nil
}

// summary tells of the logs what a scan of the files would.
func summary(list []log) *format.Summary {
	out := &format.Summary{Files: make([]format.FileSummary, len(list))}
	for i := range list {
		g, all := &list[i], list[i].total()
		at := g.at()
		f := format.FileSummary{Name: g.Name, Format: g.Format, Score: 1, Lines: g.lines(), Bytes: at.Offset + at.OpenSize, Records: all.Records,
			Untimed: all.Untimed, Malformed: all.Malformed}
		if all.Records > all.Untimed {
			f.First, f.Last = all.First, all.Last
		}
		f.Skipped = max(0, f.Lines-f.Records-f.Malformed-g.removed())
		for _, name := range sortedKeys(all.Datasets) {
			f.Datasets = append(f.Datasets, format.DatasetCount{Dataset: name, Records: all.Datasets[name]})
		}
		f.Faults = faults(all.Faults)
		out.Files[i] = f
	}
	return out
}

// total is what all batches of a log hold.
func (g *log) total() stats {
	all := newStats()
	for i := range g.batches {
		all.merge(&g.batches[i].Stats)
	}
	return all
}

func (g *log) lines() (n int64) {
	for i := range g.batches {
		n += g.batches[i].Lines
	}
	return n
}

func (g *log) removed() (n int64) {
	for i := range g.batches {
		n += g.batches[i].Removed
	}
	return n
}
