package mapreduce

import (
	"encoding/binary"
	"errors"
	"fmt"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/token"
)

// JobCount counts every token of every field by hour class: a [count.Tally] of all logs.
const JobCount = "count"

// Kinds of the job.
const (
	kindTokens = 'c' // KEY: field, 0, bucket; VALUE: a bundle, by the rest of the hash and by hour class
	kindHours  = 'e' // VALUE: a bundle of records, by hour class
)

// maxTally bounds the cells that a task holds before it writes them down.
const maxTally = 1 << 20

// CountKinds are the kinds of records of a count.
func CountKinds() []Kind {
	return []Kind{{kindTokens, "counts of tokens", NewBundle}, {kindHours, "counts of records", NewBundle}}
}

// CountJob returns the job that counts. enrich is called for each worker.
func CountJob(p *Plan, enrich func() *token.Enrichment) *Job {
	return &Job{Name: JobCount, Kinds: CountKinds(), Mapper: func(_ *event.Keys, w *Writer) (Mapper, error) {
		e := enrich()
		return &countMapper{w: w, enrich: e, codify: token.NewCodifier(p.Seed, e), bits: p.Buckets, counter: count.NewTallyCounter(), tally: count.NewTally()}, nil
	}}
}

type countMapper struct {
	w       *Writer
	enrich  *token.Enrichment
	codify  *token.Codifier
	counter *count.TallyCounter
	tally   *count.Tally
	fields  []*count.FieldTally // by token.Field.ID
	bits    uint
	events  int
	buf     []byte
	key     []byte
	cells   []Cell
	err     error
}

// Event implements Mapper.
func (m *countMapper) Event(e *event.Event, _ format.Position, _ []byte) {
	hour := count.Untimed
	if e.HasTime {
		hour = m.enrich.HourOfWeek(e.Time)
	}
	m.tally.Events[hour]++
	features := m.codify.Codify(e)
	for i := range features {
		f := &features[i]
		m.counter.Add(m.fieldOf(f.Field), f.Hash, hour, func(dst []uint64) []uint64 { return m.codify.Parts(f, dst) })
	}
	if m.events++; m.events&1023 == 0 && m.tally.Len() > maxTally {
		m.spill()
	}
}

func (m *countMapper) fieldOf(f *token.Field) *count.FieldTally {
	for f.ID >= len(m.fields) {
		m.fields = append(m.fields, nil)
	}
	if m.fields[f.ID] == nil {
		m.fields[f.ID] = m.tally.Field(f.Name)
	}
	return m.fields[f.ID]
}

// spill writes the counts so far and begins anew.
func (m *countMapper) spill() {
	m.counter.Flush()
	if err := putTally(m.w, m.tally, m.bits, m); m.err == nil {
		m.err = err
	}
	m.tally = count.NewTally()
	clear(m.fields)
}

// Finish implements Mapper.
func (m *countMapper) Finish() error {
	m.spill()
	return m.err
}

// putTally writes a tally as records. m has memory to use.
func putTally(w *Writer, t *count.Tally, bits uint, m *countMapper) error {
	m.cells = m.cells[:0]
	for h, n := range t.Events {
		if n > 0 {
			m.cells = append(m.cells, Cell{uint64(h), 0, n})
		}
	}
	if len(m.cells) > 0 {
		m.buf = AppendBundle(m.buf[:0], m.cells)
		if err := w.Put(kindHours, nil, nil, m.buf); err != nil {
			return err
		}
	}
	for _, name := range t.Names() {
		m.cells = m.cells[:0]
		for _, c := range t.Field(name).Cells() {
			tag := uint64(c.Hour) << 1
			if c.Part {
				tag |= 1
			}
			m.cells = append(m.cells, Cell{c.Token, tag, c.N})
		}
		m.key = append(append(m.key[:0], name...), 0)
		err := m.eachBucket(bits, func(bucket []byte, cells []Cell) error {
			m.buf = AppendBundle(m.buf[:0], cells)
			return w.Put(kindTokens, append(m.key, bucket...), nil, m.buf)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *countMapper) eachBucket(bits uint, f func(bucket []byte, cells []Cell) error) error {
	return EachBucket(m.cells, 64, bits, f)
}

// EachBucket divides cells whose keys are hashes of width bits by the first bits of these, and calls f with each bucket that is
// not empty: its number, two bytes, and its cells, with the rest of the hash as their key. Cells are changed.
func EachBucket(cells []Cell, width, bits uint, f func(bucket []byte, cells []Cell) error) error {
	sortCells(cells)
	shift := width - bits
	for i := 0; i < len(cells); {
		bucket := cells[i].Key >> shift
		from := i
		for ; i < len(cells) && cells[i].Key>>shift == bucket; i++ {
		}
		for k := from; k < i; k++ {
			cells[k].Key -= bucket << shift
		}
		if err := f(binary.BigEndian.AppendUint16(nil, uint16(bucket)), cells[from:i]); err != nil {
			return err
		}
	}
	return nil
}

// BucketKey returns the first bits of the hashes of width bits in a bucket, at their place in the hash.
func BucketKey(bucket []byte, width, bits uint) (uint64, error) {
	if len(bucket) != 2 || bits > maxBuckets || uint64(binary.BigEndian.Uint16(bucket)) >= 1<<bits {
		return 0, errors.New("the number of a bucket is damaged")
	}
	return uint64(binary.BigEndian.Uint16(bucket)) << (width - bits), nil
}

// A Counted collects the records of a count.
type Counted struct {
	Tally *count.Tally
	bits  uint
}

// NewCounted returns a collector for the records of a plan's count.
func NewCounted(p *Plan) *Counted { return &Counted{count.NewTally(), p.Buckets} }

// Take takes a record, as [Assemble] gives it.
func (c *Counted) Take(r *Record) error {
	bad := false
	switch r.Kind {
	case kindHours:
		err := EachCell(r.Value, func(x Cell) {
			if bad = bad || x.Key > count.Untimed; !bad {
				c.Tally.Events[x.Key] += x.N
			}
		})
		if err != nil || bad {
			return errBundle
		}
	case kindTokens:
		if len(r.Key) < 3 || r.Key[len(r.Key)-3] != 0 {
			return errors.New("its key is damaged")
		}
		high, err := BucketKey(r.Key[len(r.Key)-2:], 64, c.bits)
		if err != nil {
			return err
		}
		f := c.Tally.Field(string(r.Key[:len(r.Key)-3]))
		err = EachCell(r.Value, func(x Cell) {
			if bad = bad || x.Tag>>1 > count.Untimed || x.Key >= 1<<(64-c.bits) && c.bits > 0; !bad {
				f.Add(high|x.Key, x.Tag&1 != 0, int(x.Tag>>1), x.N)
			}
		})
		if err != nil || bad {
			return errBundle
		}
	default:
		return fmt.Errorf("a count has no kind %q", r.Kind)
	}
	return nil
}
