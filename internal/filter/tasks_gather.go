package filter

import (
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

// A Gathering reads the records of training back: it becomes what [Train] has when its workers are merged.
type Gathering struct {
	o       TrainOptions
	all     *collector
	readers []*gatherer // of blocks of examples; the first has the sample and the words of all
	waiting [][]byte    // blocks
	bytes   int         // of them
	err     error
}

// A gatherer is a worker that makes items of features again, which is most of the work.
type gatherer struct {
	*collector
	blocks blockReader
}

// Blocks are read when there are this many for each worker, or so many bytes.
const (
	waitingBlocks = 4
	waitingBytes  = 32 << 20
)

// NewGathering returns a gathering for a filter that is trained with o, of which Label does not matter.
func NewGathering(o TrainOptions) *Gathering {
	o.defaults()
	g := &Gathering{o: o, all: newCollector(&o)}
	g.readers = []*gatherer{{collector: g.all}}
	g.readers[0].blocks.x = newExtractor(hashSeed, o.Enrich())
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
	g.waiting = append(g.waiting, append([]byte(nil), value...))
	if g.bytes += len(value); len(g.waiting) < waitingBlocks*g.o.Workers && g.bytes < waitingBytes {
		return nil
	}
	return g.readBlocks()
}

// readBlocks reads the blocks that wait.
func (g *Gathering) readBlocks() error {
	for len(g.readers) < min(g.o.Workers, len(g.waiting)) {
		c := newCollector(&g.o)
		c.sample.Narrow(false, g.all.sample.Level(false))
		c.sample.Narrow(true, g.all.sample.Level(true))
		r := &gatherer{collector: c}
		r.blocks.x = newExtractor(hashSeed, g.o.Enrich())
		g.readers = append(g.readers, r)
	}
	todo := make(chan []byte, len(g.waiting))
	for _, b := range g.waiting {
		todo <- b
	}
	close(todo)
	g.waiting, g.bytes = g.waiting[:0], 0
	errs := make([]error, len(g.readers))
	var done sync.WaitGroup
	for i, r := range g.readers {
		done.Go(func() {
			for b := range todo {
				err := r.blocks.read(b, func(x *linear.Example, items func() []item) { r.sample.Add(*x, items) })
				if err != nil {
					errs[i] = err
				}
			}
		})
	}
	done.Wait()
	return errors.Join(errs...)
}

// Gather ends reading: everything is in one state, as locally when all workers are merged. Train calls it.
func (g *Gathering) Gather() error {
	if err := g.readBlocks(); err != nil {
		return err
	}
	for _, r := range g.readers[1:] {
		g.all.sample.Merge(r.sample)
		g.all.words.Merge(r.words)
	}
	g.readers = g.readers[:1]
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
