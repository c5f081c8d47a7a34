package filter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/linear"
	"weir/internal/mapreduce"
)

// JobTrain is training on a cluster: tasks gather as the workers of [Train] do, and write it down.
const JobTrain = "train"

// Kinds of records of training.
const (
	kindExample = 'x' // KEY: a hash of VALUE; VALUE: a block of examples (block.go)
	kindWords   = 'w' // KEY: bucket; VALUE: a bundle of the vocabulary, by the rest of the 32-bit key, by group and class
	kindSeen    = 's' // KEY: bucket; VALUE: records, by the rest of their 48 bits, by class (tasks_seen.go)
	kindColumn  = 'g' // KEY: group; VALUE: the field's name
	kindNumbers = 'n' // KEY: bucket; VALUE: a bundle, by the rest of the 48-bit item, by the number
	kindRecords = 'r' // VALUE: a bundle of records: 0 good, 1 bad, 2 untimed
	kindLevels  = 'l' // VALUE: how far what is bounded has narrowed (levels)
)

// TrainKinds are the kinds of records of training.
func TrainKinds() []mapreduce.Kind {
	return []mapreduce.Kind{
		{Byte: kindExample, Name: "examples"},
		{Byte: kindWords, Name: "words", Merge: mapreduce.NewBundle},
		{Byte: kindSeen, Name: "records seen", Merge: newSeenBundle},
		{Byte: kindColumn, Name: "columns", Merge: func() mapreduce.Merger { return &best{} }},
		{Byte: kindNumbers, Name: "numbers", Merge: mapreduce.NewBundle},
		{Byte: kindRecords, Name: "records", Merge: mapreduce.NewBundle},
		{Byte: kindLevels, Name: "levels", Merge: func() mapreduce.Merger { return &best{better: higher} }},
	}
}

// TrainJob returns the job whose tasks gather what a filter is trained from. Of o, Label, Before, Enrich and Limits matter; the
// labels must not depend on what a task does not know: the lines of a log that is read in parts.
func TrainJob(p *mapreduce.Plan, o TrainOptions) *mapreduce.Job {
	o.defaults()
	return &mapreduce.Job{Name: JobTrain, Kinds: TrainKinds(), Mapper: func(_ *event.Keys, w *mapreduce.Writer) (mapreduce.Mapper, error) {
		c := newCollector(&o)
		c.label = o.Label()
		return newWritingCollector(c, &o, w), nil
	}}
}

// A writingCollector is a collector that is written down. What it keeps of contents are features instead of items, which are fewer, and
// from which items follow.
type writingCollector struct {
	*collector
	o    *TrainOptions
	w    *mapreduce.Writer
	keep *keeper
	most int // bytes that it keeps
	row  []uint64
	err  error
}

// maxKept is how many bytes features may take before they are written down.
const maxKept = 64 << 20

func newWritingCollector(c *collector, o *TrainOptions, w *mapreduce.Writer) *writingCollector {
	x := &writingCollector{collector: c, o: o, w: w, most: o.Limits.Kept}
	if x.most <= 0 {
		x.most = maxKept
	}
	x.begin()
	return x
}

// begin makes an empty sample that has been narrowed as the one before.
func (c *writingCollector) begin() {
	good, bad := c.sample.Level(false), c.sample.Level(true)
	c.keep = newKeeper(c.x)
	c.sample = linear.NewSample(c.o.Limits.Items, c.keep.spill)
	c.sample.Narrow(false, good)
	c.sample.Narrow(true, bad)
}

// Event implements mapreduce.Mapper.
func (c *writingCollector) Event(e *event.Event, pos format.Position, raw []byte) {
	x, ok := c.collector.take(e, pos, raw)
	if !ok {
		return
	}
	if c.keep.memory() > c.most {
		c.writeExamples()
		c.begin()
	}
	same, kept := c.sample.Lookup(x.Key, x.Bad)
	if !kept {
		c.x.count(x.Bad)
		return
	}
	c.keep.sender()
	if same != nil {
		same.Join(&x)
		return
	}
	c.row, x.Size = c.keep.row(c.row[:0])
	c.sample.Add(x, func() []uint64 { return c.row })
}

// writeExamples writes the sample.
func (c *writingCollector) writeExamples() {
	c.keep.flush()
	var class [2][]*linear.Example
	c.sample.Each(func(x *linear.Example) { class[index(x.Bad)] = append(class[index(x.Bad)], x) })
	b := newBlockWriter(c.keep)
	for i, list := range class {
		if c.err == nil {
			c.err = b.write(i == 1, list, func(packed []byte) error {
				return c.w.Put(kindExample, binary.BigEndian.AppendUint64(nil, xxh3.Hash(packed))[:4], nil, packed)
			})
		}
	}
}

// Finish implements mapreduce.Mapper.
func (c *writingCollector) Finish() error {
	c.writeExamples()
	e := &recordWriter{w: c.w, err: c.err}
	e.put(kindLevels, nil, c.levels().bytes())
	e.cells = append(e.cells, mapreduce.Cell{Key: 0, N: uint64(c.records[0])}, mapreduce.Cell{Key: 1, N: uint64(c.records[1])},
		mapreduce.Cell{Key: 2, N: uint64(c.untimed)})
	e.put(kindRecords, nil, mapreduce.AppendBundle(nil, e.cells))
	e.cells = e.cells[:0]
	c.x.flush()
	for _, v := range c.words.Sorted() {
		key, tag := uint64(v.Key)<<(32-c.words.Bits()), uint64(v.Group)<<1
		e.cells = append(e.cells, mapreduce.Cell{Key: key, Tag: tag, N: uint64(v.Good)}, mapreduce.Cell{Key: key, Tag: tag | 1, N: uint64(v.Bad)})
	}
	e.buckets(kindWords, 32, mapreduce.AppendBundle)
	for _, s := range c.seen.sorted() {
		e.cells = append(e.cells, mapreduce.Cell{Key: s.key, N: uint64(s.good)}, mapreduce.Cell{Key: s.key, Tag: 1, N: uint64(s.bad)})
	}
	e.buckets(kindSeen, seenBits, appendSeen)
	for g, name := range c.columns.names {
		e.put(kindColumn, binary.BigEndian.AppendUint16(nil, g), []byte(name))
	}
	for it, x := range c.columns.numbers {
		e.cells = append(e.cells, mapreduce.Cell{Key: it, Tag: numberTag(x), N: 1})
	}
	e.buckets(kindNumbers, 48, mapreduce.AppendBundle)
	return e.err
}

// numberTag writes a number so that small whole ones are short.
func numberTag(x float64) uint64 { return bits.Reverse64(math.Float64bits(x)) }

func numberOf(tag uint64) float64 { return math.Float64frombits(bits.Reverse64(tag)) }

// trainBuckets is into how many bits' worth of bundles words, records and numbers are divided. The sets are bounded, so more
// would only cost.
const trainBuckets = 4

type recordWriter struct {
	w     *mapreduce.Writer
	cells []mapreduce.Cell
	buf   []byte
	err   error
}

func (e *recordWriter) put(kind byte, key, value []byte) {
	if e.err == nil {
		e.err = e.w.Put(kind, key, nil, value)
	}
}

func (e *recordWriter) buckets(kind byte, width uint, bundle func(dst []byte, cells []mapreduce.Cell) []byte) {
	cells := slices.DeleteFunc(e.cells, func(c mapreduce.Cell) bool { return c.N == 0 })
	err := mapreduce.EachBucket(cells, width, trainBuckets, func(bucket []byte, cells []mapreduce.Cell) error {
		e.buf = bundle(e.buf[:0], cells)
		return e.w.Put(kind, bucket, nil, e.buf)
	})
	if e.err == nil {
		e.err = err
	}
	e.cells = e.cells[:0]
}

// best merges values into one of them, or what better makes of two: the least, where that is nil.
type best struct {
	have   bool
	value  []byte
	better func(a, b []byte) ([]byte, error)
}

func (m *best) Add(value []byte) (err error) {
	switch {
	case !m.have:
		m.have, m.value = true, append(m.value[:0], value...)
	case m.better != nil:
		m.value, err = m.better(m.value, value)
	case bytes.Compare(value, m.value) < 0:
		m.value = append(m.value[:0], value...)
	}
	return err
}

func (m *best) Append(dst []byte) ([]byte, error) {
	m.have = false
	return append(dst, m.value...), nil
}

// levels say how far a collector has narrowed what it keeps.
type levels struct {
	seen, words byte
	good, bad   byte // of the sample
	columnsFull byte
}

func (c *collector) levels() levels {
	l := levels{seen: byte(c.seen.level), words: byte(32 - c.words.Bits()), good: byte(c.sample.Level(false)), bad: byte(c.sample.Level(true))}
	if c.columns.full {
		l.columnsFull = 1
	}
	return l
}

func (l levels) bytes() []byte { return []byte{l.seen, l.words, l.good, l.bad, l.columnsFull} }

var errLevels = errors.New("levels are damaged")

func levelsOf(b []byte) (l levels, err error) {
	if len(b) != 5 {
		return l, errLevels
	}
	l = levels{b[0], b[1], b[2], b[3], b[4]}
	if l.seen > seenBits || l.words > 20 || l.good > 63 || l.bad > 63 || l.columnsFull > 1 {
		return l, errLevels
	}
	return l, nil
}

// higher takes the higher of each level.
func higher(a, b []byte) ([]byte, error) {
	if len(a) != len(b) {
		return a, errLevels
	}
	for i := range a {
		a[i] = max(a[i], b[i])
	}
	return a, nil
}
