package filter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"weir/internal/format"
	"weir/internal/linear"
	"weir/internal/mapreduce"
)

// A Gathering reads the records of training back: it becomes what [Train] has when its workers are merged. Blocks of examples, which are
// most of the work, are read by other goroutines, which end when there is none left; everything else by the one that calls Take.
type Gathering struct {
	o   TrainOptions
	all *collector // of everything but examples
	err error      // of a bundle

	mu      sync.Mutex
	changed *sync.Cond // less waits, or a gatherer has become idle
	readers []*gatherer
	idle    []*gatherer
	waiting [][]byte // blocks
	bytes   int      // of them
	failed  error    // the first of a block
}

// A gatherer makes items of features again.
type gatherer struct {
	*collector
	blocks blockReader
}

// waitingBytes is how many bytes of blocks may wait, unless it is one block.
const waitingBytes = 32 << 20

// NewGathering returns a gathering for a filter that is trained with o, of which Label does not matter.
func NewGathering(o TrainOptions) *Gathering {
	o.defaults()
	g := &Gathering{o: o, all: newCollector(&o)}
	g.changed = sync.NewCond(&g.mu)
	return g
}

// Take takes a record, as [mapreduce.Assemble] gives it.
func (g *Gathering) Take(r *mapreduce.Record) error {
	c := g.all
	switch r.Kind {
	case kindExample:
		return g.block(r.Value)
	case kindColumn:
		if len(r.Key) != 2 {
			return errors.New("its key is damaged")
		}
		c.columns.merge(&columns{names: map[uint16]string{binary.BigEndian.Uint16(r.Key): string(r.Value)}})
	case kindLevels:
		l, err := levelsOf(r.Value)
		if err != nil {
			return err
		}
		g.narrow(l)
	case kindRecords:
		return g.cells(r, 0, mapreduce.EachCell, func(x mapreduce.Cell) {
			switch x.Key {
			case 0, 1:
				c.records[x.Key] += int64(x.N)
			case 2:
				c.untimed += int64(x.N)
			default:
				g.err = errors.New("there is no such class")
			}
		})
	case kindWords:
		return g.cells(r, 32, mapreduce.EachCell, func(x mapreduce.Cell) {
			n := uint32(min(x.N, math.MaxUint32))
			if x.Tag&1 == 0 {
				c.words.Add(uint32(x.Key), uint16(x.Tag>>1), n, 0)
			} else {
				c.words.Add(uint32(x.Key), uint16(x.Tag>>1), 0, n)
			}
		})
	case kindSeen:
		var halved uint
		each := func(b []byte, f func(mapreduce.Cell)) (err error) {
			halved, err = eachSeen(b, f)
			return err
		}
		err := g.cells(r, seenBits, each, func(x mapreduce.Cell) { c.seen.add(x.Key<<(64-seenBits), x.Tag&1 != 0, uint32(x.N)) })
		if err == nil && halved > 0 {
			c.seen.narrow(seenLevel(uint64(r.Key[1]), halved))
		}
		return err
	case kindNumbers:
		return g.cells(r, 48, mapreduce.EachCell, func(x mapreduce.Cell) {
			if !c.columns.full {
				c.columns.number(x.Key, numberOf(x.Tag))
			}
		})
	default:
		return fmt.Errorf("training has no kind %q", r.Kind)
	}
	return nil
}

// cells calls f with the cells of a bundle, whose keys are hashes of width bits; 0 is for those that stand in no bucket.
func (g *Gathering) cells(r *mapreduce.Record, width uint, each func([]byte, func(mapreduce.Cell)) error, f func(mapreduce.Cell)) error {
	high, err := uint64(0), error(nil)
	if width > 0 {
		if high, err = mapreduce.BucketKey(r.Key, width, trainBuckets); err != nil {
			return err
		}
	}
	g.err = nil
	err = each(r.Value, func(x mapreduce.Cell) {
		if width > 0 && x.Key>>(width-trainBuckets) != 0 {
			g.err = errors.New("a hash is too long")
			return
		}
		x.Key |= high
		f(x)
	})
	if err == nil {
		err = g.err
	}
	return err
}

func (g *Gathering) narrow(l levels) {
	c := g.all
	c.seen.narrow(uint(l.seen))
	c.words.Narrow(32 - uint(l.words))
	c.sample.Narrow(false, uint(l.good))
	c.sample.Narrow(true, uint(l.bad))
	if l.columnsFull == 1 {
		c.columns.full = true
		c.columns.check()
	}
}

// block takes a block of examples.
func (g *Gathering) block(value []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 && g.bytes+len(value) > waitingBytes {
		g.changed.Wait()
	}
	g.waiting = append(g.waiting, bytes.Clone(value))
	g.bytes += len(value)
	switch n := len(g.idle); {
	case n > 0:
		r := g.idle[n-1]
		g.idle = g.idle[:n-1]
		go g.read(r)
	case len(g.readers) < g.o.Workers:
		r := &gatherer{collector: newCollector(&g.o)}
		r.blocks = blockReader{x: newExtractor(hashSeed, g.o.Enrich()), keeps: r.sample.Keeps, count: r.tally}
		r.narrowSample(g.all)
		g.readers = append(g.readers, r)
		go g.read(r)
	}
	return g.failed
}

// narrowSample makes the sample as narrow as that of another collector.
func (c *collector) narrowSample(like *collector) {
	c.sample.Narrow(false, like.sample.Level(false))
	c.sample.Narrow(true, like.sample.Level(true))
}

// read reads the blocks that wait.
func (g *Gathering) read(r *gatherer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 {
		b := g.waiting[0]
		g.waiting = g.waiting[1:]
		g.bytes -= len(b)
		g.changed.Broadcast()
		g.mu.Unlock()
		err := r.blocks.read(b, func(x *linear.Example, items func() []item) { r.sample.Add(*x, items) })
		g.mu.Lock()
		if g.failed == nil {
			g.failed = err
		}
	}
	g.idle = append(g.idle, r)
	g.changed.Broadcast()
}

// Gather ends reading: everything is in one state, as locally when all workers are merged. Train calls it.
func (g *Gathering) Gather() error {
	g.mu.Lock()
	for len(g.idle) < len(g.readers) {
		g.changed.Wait()
	}
	readers := g.readers
	g.readers, g.idle = nil, nil
	g.mu.Unlock()
	if g.failed != nil || len(readers) == 0 {
		return g.failed
	}
	// Samples go into that of the first, which counts what it cannot keep among its own words, while words of others go into all.
	first := readers[0]
	var done sync.WaitGroup
	done.Go(func() {
		first.narrowSample(g.all)
		for _, r := range readers[1:] {
			first.sample.Merge(r.sample)
		}
	})
	for _, r := range readers[1:] {
		g.all.words.Merge(r.words)
	}
	done.Wait()
	g.all.words.Merge(first.words)
	g.all.sample = first.sample
	return nil
}

// Train goes on where [Train] does when everything was read. choice says how that was done.
func (g *Gathering) Train(ctx context.Context, choice *format.Choice) (*Filter, error) {
	if err := g.Gather(); err != nil {
		return nil, err
	}
	g.o.Choice = choice
	return g.all.train(ctx, &g.o)
}
