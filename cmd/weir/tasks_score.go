package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/source"
	"weir/internal/wire"
)

// jobScore is scoring in tasks.
const jobScore = "score"

// Kinds of records of scoring.
const (
	kindTallies = 't' // VALUE: a bundle of tallies
	kindBest    = 'b' // VALUE: the most suspicious records
	kindScored  = 'o' // KEY: input, start of the split; SUB: line; VALUE: scored lines, compressed
)

// A scorePlan is what tasks need to score.
type scorePlan struct {
	Filter string     `json:"filter"`
	Prior  float64    `json:"prior,omitempty"`
	Style  scoreStyle `json:"style"`
}

func scoreKinds() []mapreduce.Kind {
	return []mapreduce.Kind{
		{Byte: kindTallies, Name: "tallies", Merge: mapreduce.NewBundle},
		{Byte: kindBest, Name: "suspects", Merge: func() mapreduce.Merger { return &bestMerger{} }},
		{Byte: kindScored, Name: "scored lines"},
	}
}

// scoreJob is scoring, in a task.
func scoreJob(p *mapreduce.Plan) (*mapreduce.Job, error) {
	var o scorePlan
	if err := p.DecodeOptions(&o); err != nil {
		return nil, err
	}
	fl, err := readFilter(p.File(o.Filter))
	if err != nil {
		return nil, err
	}
	if o.Prior > 0 {
		fl = fl.WithPrior(o.Prior)
	}
	enrichment, err := enrichmentOf(p)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(p.Inputs))
	for i := range p.Inputs {
		names[i] = p.Inputs[i].Name
	}
	return &mapreduce.Job{Name: jobScore, Kinds: scoreKinds(), Mapper: func(_ *event.Keys, w *mapreduce.Writer) (mapreduce.Mapper, error) {
		return &scoreMapper{judging: newJudging(&o.Style, names, fl, enrichment), w: w}, nil
	}}, nil
}

// scoredChunk is how many bytes of scored lines travel in one record.
const scoredChunk = 256 << 10

// A scoreMapper is a worker of scoring.
type scoreMapper struct {
	*judging
	w      *mapreduce.Writer
	chunk  []byte
	first  format.Position // of the chunk
	last   int64           // line
	packed []byte
	err    error
}

// Event implements mapreduce.Mapper.
func (m *scoreMapper) Event(e *event.Event, pos format.Position, raw []byte) {
	if !m.judge(e, pos, raw) {
		return
	}
	if m.style.Top > 0 {
		m.best.add(m.suspect(pos))
		return
	}
	if len(m.chunk) >= scoredChunk || len(m.chunk) > 0 && (pos.File != m.first.File || pos.Offset != m.first.Offset) {
		m.put()
	}
	if len(m.chunk) == 0 {
		m.first, m.last = pos, pos.Line
	}
	b := binary.AppendUvarint(m.chunk, uint64(pos.Line-m.last))
	m.chunk = wire.AppendPart(wire.AppendPart(b, m.before), m.after)
	m.last = pos.Line
}

// EndBlock implements format.BlockHandler: the next block may be another worker's.
func (m *scoreMapper) EndBlock(int64) { m.put() }

func (m *scoreMapper) put() {
	if len(m.chunk) == 0 {
		return
	}
	packed, err := mapreduce.Pack(m.packed[:0], m.chunk)
	if err == nil {
		err = m.w.Put(kindScored, splitKey(m.first), binary.BigEndian.AppendUint64(nil, uint64(m.first.Line)), packed)
	}
	if m.err == nil {
		m.err = err
	}
	m.packed = packed
	m.chunk = m.chunk[:0]
}

func splitKey(pos format.Position) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(pos.File)), uint64(pos.Offset))
}

// Finish implements mapreduce.Mapper.
func (m *scoreMapper) Finish() error {
	m.put()
	if m.err != nil {
		return m.err
	}
	if err := m.w.Put(kindTallies, nil, nil, mapreduce.AppendBundle(nil, m.tallies.cells())); err != nil || m.style.Top == 0 {
		return err
	}
	return m.w.Put(kindBest, nil, nil, m.best.append(nil))
}

// Keys of tallies.
const (
	tallyRecords = iota
	tallyKnown
	tallyVerdict      // and on
	tallyShares  = 16 // and on
)

var verdicts = []filter.Verdict{filter.VerdictBad, filter.VerdictGood, filter.VerdictNovel, filter.VerdictConflicting}

func (t *tallies) cells() []mapreduce.Cell {
	out := []mapreduce.Cell{{Key: tallyRecords, N: uint64(t.records)}, {Key: tallyKnown, N: uint64(t.known)}}
	for i, v := range verdicts {
		out = append(out, mapreduce.Cell{Key: uint64(tallyVerdict + i), N: uint64(t.verdicts[v])})
	}
	t.shares.Each(func(bin int, n int64) {
		out = append(out, mapreduce.Cell{Key: uint64(tallyShares + bin), N: uint64(n)})
	})
	return out
}

// take adds what cells wrote.
func (t *tallies) take(bundle []byte) error {
	if t.verdicts == nil {
		t.verdicts = map[filter.Verdict]int64{}
	}
	damaged := false
	err := mapreduce.EachCell(bundle, func(c mapreduce.Cell) {
		n := int64(min(c.N, math.MaxInt64/2))
		switch {
		case c.Key == tallyRecords:
			t.records += n
		case c.Key == tallyKnown:
			t.known += n
		case c.Key < uint64(tallyVerdict+len(verdicts)):
			t.verdicts[verdicts[c.Key-tallyVerdict]] += n
		case c.Key < tallyShares || c.Key > math.MaxInt32 || !t.shares.AddBin(int(c.Key-tallyShares), n):
			damaged = true
		}
	})
	if damaged {
		return errors.New("there is no such tally")
	}
	return err
}

// maxTop bounds the suspects of a job.
const maxTop = 1 << 20

// append writes suspects:
//
//	most, each: probability:8 score:8 file, offset, line, length, before, length, after
func (s *suspects) append(b []byte) []byte {
	s.cut()
	b = binary.AppendUvarint(b, uint64(s.most))
	for i := range s.list {
		x := &s.list[i]
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x.probability))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x.score))
		for _, n := range []int64{int64(x.pos.File), x.pos.Offset, x.pos.Line} {
			b = binary.AppendUvarint(b, uint64(n))
		}
		b = wire.AppendPart(wire.AppendPart(b, x.before), x.after)
	}
	return b
}

// take adds what append wrote.
func (s *suspects) take(b []byte) error {
	r := wire.Reader{Rest: b}
	most := r.UpTo(maxTop)
	if most == 0 || s.most != 0 && s.most != int(most) {
		r.Spoil()
	}
	s.most = int(most)
	for len(r.Rest) > 0 {
		var x suspect
		x.probability, x.score = math.Float64frombits(r.Fixed64()), math.Float64frombits(r.Fixed64())
		x.pos = format.Position{File: int(r.UpTo(math.MaxInt32)), Offset: int64(r.UpTo(math.MaxInt64)), Line: int64(r.UpTo(math.MaxInt64))}
		if x.pos.Line < 1 {
			r.Spoil()
		}
		x.before, x.after = slices.Clone(r.Part()), slices.Clone(r.Part())
		if !r.Bad && s.wants(&x) {
			s.add(x)
		}
	}
	if r.Bad {
		return errors.New("suspects are damaged")
	}
	return nil
}

// bestMerger merges suspects.
type bestMerger struct{ s suspects }

func (m *bestMerger) Add(value []byte) error { return m.s.take(value) }

func (m *bestMerger) Append(dst []byte) ([]byte, error) {
	dst = m.s.append(dst)
	m.s = suspects{}
	return dst, nil
}

// scoreOnEngine scores on an engine. What is written is in the order of the logs, as locally.
func (f *scoreFlags) scoreOnEngine(ctx context.Context, s *streams, inputs []source.Input, fl *filter.Filter, out *bufio.Writer) (*format.Summary, *tallies, error) {
	zone, err := time.LoadLocation(fl.Zone)
	if err != nil {
		zone = time.UTC
	}
	if fl.Reading.Record == format.RecordFile {
		return nil, nil, hintf(errors.New("the filter judges files as a whole, which an engine, that hands out lines, cannot do"), "Score on this machine: leave out 'job'.")
	}
	if f.top > maxTop {
		return nil, nil, usagef("--top of a job is at most %d; without it all lines are written", maxTop)
	}
	p, err := planFor(s, inputs, jobScore, 0, zone)
	if err != nil {
		return nil, nil, err
	}
	p.Choice, p.GeoIP = &fl.Reading, f.geoip
	if p.Options, err = json.Marshal(scorePlan{Filter: f.filter, Prior: f.prior, Style: *f.style(s)}); err != nil {
		return nil, nil, err
	}
	records, err := runOn(ctx, s, p, sent(f.filter, f.geoip)...)
	if err != nil {
		return nil, nil, err
	}
	defer records.Close()
	return gatherScored(p, f.top, records, out)
}

// gatherScored reads the records of scoring and writes the lines.
func gatherScored(p *mapreduce.Plan, top int, records io.Reader, out *bufio.Writer) (*format.Summary, *tallies, error) {
	total := &tallies{}
	best := suspects{most: top}
	lines, err := newScoredLines()
	if err != nil {
		return nil, nil, err
	}
	defer lines.close()
	a, err := mapreduce.Assemble(p, scoreKinds(), records, func(r *mapreduce.Record) error {
		switch r.Kind {
		case kindTallies:
			return total.take(r.Value)
		case kindBest:
			return best.take(r.Value)
		}
		return lines.take(r)
	})
	if a == nil {
		return nil, nil, err
	}
	line := func(pos format.Position) (int64, error) {
		real, err := a.Position(pos)
		return real.Line, err
	}
	if err == nil && top > 0 {
		err = best.write(out, line)
	}
	if err == nil {
		err = lines.write(out, line)
	}
	return a.Summary, total, err
}

// scoredLines put scored lines into the order of the logs, by way of a temporary file.
type scoredLines struct {
	file   *os.File
	w      *bufio.Writer
	end    int64
	chunks []scoredPlace
}

type scoredPlace struct {
	pos      format.Position
	at, size int64
}

func newScoredLines() (*scoredLines, error) {
	file, err := os.CreateTemp("", "weir-scored-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary file: %w", err)
	}
	return &scoredLines{file: file, w: bufio.NewWriterSize(file, 1<<18)}, nil
}

func (l *scoredLines) close() {
	_ = l.file.Close() // it is removed
	_ = os.Remove(l.file.Name())
}

func (l *scoredLines) take(r *mapreduce.Record) error {
	if len(r.Key) != 12 || len(r.Sub) != 8 {
		return errors.New("its key is damaged")
	}
	pos := format.Position{File: int(binary.BigEndian.Uint32(r.Key)), Offset: int64(binary.BigEndian.Uint64(r.Key[4:])), Line: int64(binary.BigEndian.Uint64(r.Sub))}
	l.chunks = append(l.chunks, scoredPlace{pos, l.end, int64(len(r.Value))})
	l.end += int64(len(r.Value))
	if _, err := l.w.Write(r.Value); err != nil {
		return fmt.Errorf("cannot write a temporary file: %w", err)
	}
	return nil
}

// write writes all lines.
func (l *scoredLines) write(out *bufio.Writer, line func(format.Position) (int64, error)) error {
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("cannot write a temporary file: %w", err)
	}
	slices.SortFunc(l.chunks, func(a, b scoredPlace) int {
		return cmp.Or(cmp.Compare(a.pos.File, b.pos.File), cmp.Compare(a.pos.Offset, b.pos.Offset), cmp.Compare(a.pos.Line, b.pos.Line))
	})
	var packed, chunk, text []byte
	for _, c := range l.chunks {
		packed = slices.Grow(packed[:0], int(c.size))[:c.size]
		if _, err := l.file.ReadAt(packed, c.at); err != nil {
			return fmt.Errorf("cannot read a temporary file: %w", err)
		}
		var err error
		if chunk, err = mapreduce.Unpack(chunk[:0], packed); err != nil {
			return fmt.Errorf("scored lines are damaged: %w", err)
		}
		pos := c.pos
		for r := (wire.Reader{Rest: chunk}); len(r.Rest) > 0; {
			pos.Line += int64(r.UpTo(math.MaxInt32))
			before, after := r.Part(), r.Part()
			if r.Bad {
				return errors.New("scored lines are damaged")
			}
			n, err := line(pos)
			if err != nil {
				return err
			}
			text = append(strconv.AppendInt(append(text[:0], before...), n, 10), after...)
			if _, err := out.Write(text); err != nil {
				return err
			}
		}
	}
	return nil
}
