package lake

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"

	"weir/internal/bayes"
	"weir/internal/count"
)

// An evidence is what a model is made of: the events by class, and how to find what bad events carry.
type evidence struct {
	l      *Lake
	v      *view
	factor map[int64]uint64 // by segment
	events map[Class]int64  // each once
	scale  uint64
	total  [2]uint64 // good and bad events, times scale
	steps  [][]piece // what is looked up at once, in the order of the model's file
}

// A piece is the tokens of bad events among the whole values of a field, or among its parts, from lo to hi, both included.
type piece struct {
	field  string
	part   bool
	lo, hi uint64
	tokens []tokenEvidence // by token; while they are looked up
}

type tokenEvidence struct{ token, all, bad, ignored uint64 }

// pieceTokens bounds the tokens that are looked up at once, and so the memory when much of the archive is bad: each takes some 60 bytes. It
// is a variable for tests.
var pieceTokens = 2 << 20

// evidence sums up the classes, and divides the tokens of what is bad into steps.
func (l *Lake) evidence(ctx context.Context, v *view, halfLife int) (*evidence, error) {
	ev := &evidence{l: l, v: v, events: map[Class]int64{}}
	ev.factor, ev.scale = factors(v.segments, halfLife)
	for i := range v.segments {
		s := &v.segments[i]
		good := s.Rows
		for _, x := range v.shares[s.ID] {
			good -= x.events
			ev.events[x.class] += x.events
			if x.class == Bad {
				ev.total[count.Bad] += uint64(x.events) * ev.factor[s.ID]
			}
		}
		if good < 0 {
			return nil, errOutside
		}
		ev.events[Good] += good
		ev.total[count.Good] += uint64(good) * ev.factor[s.ID]
	}
	return ev, ev.plan(ctx)
}

var errOutside = fmt.Errorf("%w: the shares of marks are not within the counts of the segments", ErrSegment)

// eachShare calls f with the runs of all shares of a class.
func (ev *evidence) eachShare(ctx context.Context, class Class, f func(run countRun, factor uint64)) error {
	r := &countReader{}
	for i := range ev.v.segments {
		s := &ev.v.segments[i]
		for _, x := range ev.v.shares[s.ID] {
			if x.class != class {
				continue
			}
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("cannot finish training: %w", err)
			}
			if err := r.runs(ev.l.path(x.path), func(run countRun) { f(run, ev.factor[s.ID]) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// tokensOf is the tokens of a field's whole values, or of its parts.
type tokensOf struct {
	field string
	part  bool
}

func (a tokensOf) compare(b tokensOf) int {
	switch {
	case a.field != b.field:
		return cmp.Compare(a.field, b.field)
	case a.part == b.part:
		return 0
	case b.part:
		return -1
	}
	return 1
}

// Many tokens are divided by their first bits.
const pieceBits = 10

// plan divides the tokens of bad events into steps of up to pieceTokens counts each, by field, part and token.
func (ev *evidence) plan(ctx context.Context) error {
	cells := map[tokensOf]int{}
	err := ev.eachShare(ctx, Bad, func(run countRun, _ uint64) {
		if !run.events {
			cells[tokensOf{run.field, run.part}] += len(run.tokens)
		}
	})
	if err != nil {
		return err
	}
	large := map[tokensOf]*[1 << pieceBits]int{}
	var order []tokensOf
	for k, n := range cells {
		order = append(order, k)
		if n > pieceTokens/2 {
			large[k] = new([1 << pieceBits]int)
		}
	}
	slices.SortFunc(order, tokensOf.compare)
	if len(large) > 0 {
		err := ev.eachShare(ctx, Bad, func(run countRun, _ uint64) {
			if h := large[tokensOf{run.field, run.part}]; h != nil && !run.events {
				for _, t := range run.tokens {
					h[uint64(t)>>(64-pieceBits)]++
				}
			}
		})
		if err != nil {
			return err
		}
	}
	var step []piece
	size := 0
	add := func(p piece, n int) {
		if size > 0 && size+n > pieceTokens {
			ev.steps = append(ev.steps, step)
			step, size = nil, 0
		}
		if k := len(step) - 1; k >= 0 && step[k].field == p.field && step[k].part == p.part {
			step[k].hi = p.hi
		} else {
			step = append(step, p)
		}
		size += n
	}
	for _, k := range order {
		h := large[k]
		if h == nil {
			add(piece{field: k.field, part: k.part, hi: math.MaxUint64}, cells[k])
			continue
		}
		for i, n := range h {
			lo := uint64(i) << (64 - pieceBits)
			add(piece{field: k.field, part: k.part, lo: lo, hi: lo + 1<<(64-pieceBits) - 1}, n)
		}
	}
	if size > 0 {
		ev.steps = append(ev.steps, step)
	}
	return nil
}

// write looks the tokens up, step by step, and writes the model's file.
func (ev *evidence) write(ctx context.Context, out io.Writer) error {
	w := newModelWriter(out, ev.scale, ev.total)
	for _, step := range ev.steps {
		if err := ev.find(ctx, step); err != nil {
			return err
		}
		for i := range step {
			for _, t := range step[i].tokens {
				if err := w.add(step[i].field, step[i].part, t); err != nil {
					return err
				}
			}
			step[i].tokens = nil
		}
	}
	return w.close()
}

// find fills in the tokens of a step: those of bad events, and how many events of each class carry them.
func (ev *evidence) find(ctx context.Context, step []piece) error {
	index := map[tokensOf]int{}
	for i := range step {
		index[tokensOf{step[i].field, step[i].part}] = i
	}
	err := ev.eachShare(ctx, Bad, func(run countRun, factor uint64) {
		if i, ok := index[tokensOf{run.field, run.part}]; ok && !run.events {
			step[i].take(run, factor)
		}
	})
	if err != nil {
		return err
	}
	for i := range step {
		step[i].sum()
	}
	all, less := newFinder(step, index), newFinder(step, index)
	if err := ev.scanAll(ctx, all); err != nil {
		return err
	}
	if err := ev.eachShare(ctx, Ignored, less.look); err != nil {
		return err
	}
	for i := range step {
		for k := range step[i].tokens {
			t := &step[i].tokens[k]
			t.all, t.ignored = all.sums[i][k], less.sums[i][k]
			if t.all < t.bad+t.ignored {
				return errOutside
			}
		}
	}
	return nil
}

// take adds the counts of a run that lie in the piece.
func (p *piece) take(run countRun, factor uint64) {
	from, _ := slices.BinarySearchFunc(run.tokens, p.lo, func(t int64, lo uint64) int { return cmp.Compare(uint64(t), lo) })
	for k := from; k < len(run.tokens) && uint64(run.tokens[k]) <= p.hi; k++ {
		token, n := uint64(run.tokens[k]), uint64(run.n[k])*factor
		if last := len(p.tokens) - 1; last >= 0 && p.tokens[last].token == token { // once for each hour
			p.tokens[last].bad += n
			continue
		}
		p.tokens = append(p.tokens, tokenEvidence{token: token, bad: n})
	}
}

// sum puts the tokens in order, each once.
func (p *piece) sum() {
	slices.SortFunc(p.tokens, func(a, b tokenEvidence) int { return cmp.Compare(a.token, b.token) })
	kept := p.tokens[:0]
	for _, t := range p.tokens {
		if last := len(kept) - 1; last >= 0 && kept[last].token == t.token {
			kept[last].bad += t.bad
			continue
		}
		kept = append(kept, t)
	}
	p.tokens = kept
}

// A finder adds up the counts of the tokens of a step, in one goroutine.
type finder struct {
	step   []piece
	index  map[tokensOf]int
	reader countReader
	sums   [][]uint64 // by piece and token
}

func newFinder(step []piece, index map[tokensOf]int) *finder {
	f := &finder{step: step, index: index, sums: make([][]uint64, len(step))}
	for i := range step {
		f.sums[i] = make([]uint64, len(step[i].tokens))
	}
	return f
}

// look adds a run's counts, each times factor. Both it and the tokens are sorted, so that each is looked for behind the one before:
// by steps that double.
func (f *finder) look(run countRun, factor uint64) {
	i, ok := f.index[tokensOf{run.field, run.part}]
	if !ok || run.events {
		return
	}
	tokens, sums := f.step[i].tokens, f.sums[i]
	at := 0
	for k := range tokens {
		want := tokens[k].token
		step := 1
		for at+step < len(run.tokens) && uint64(run.tokens[at+step]) < want {
			at += step
			step *= 2
		}
		for step > 0 {
			if at+step < len(run.tokens) && uint64(run.tokens[at+step]) < want {
				at += step
			} else {
				step /= 2
			}
		}
		if at < len(run.tokens) && uint64(run.tokens[at]) < want {
			at++
		}
		for ; at < len(run.tokens) && uint64(run.tokens[at]) == want; at++ { // once for each hour
			sums[k] += uint64(run.n[at]) * factor
		}
		if at == len(run.tokens) {
			return
		}
	}
}

// scanAll looks through the counts of all segments.
func (ev *evidence) scanAll(ctx context.Context, sum *finder) error {
	var next atomic.Int64
	var mu sync.Mutex
	var first error
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			f := newFinder(sum.step, sum.index)
			for i := int(next.Add(1)) - 1; i < len(ev.v.segments); i = int(next.Add(1)) - 1 {
				s := &ev.v.segments[i]
				err := ctx.Err()
				if err == nil {
					err = f.reader.runs(ev.l.path(s.CountsPath), func(run countRun) { f.look(run, ev.factor[s.ID]) })
				}
				if err != nil {
					mu.Lock()
					first = cmpErr(first, err)
					mu.Unlock()
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for i, sums := range f.sums {
				for k, n := range sums {
					sum.sums[i][k] += n
				}
			}
		})
	}
	wait.Wait()
	return first
}

// modelRow is a row of a model's file.
type modelRow struct {
	Field  string  `parquet:"field,dict"`
	Part   bool    `parquet:"part"`
	Token  uint64  `parquet:"token,delta"`
	Good   uint64  `parquet:"good"`
	Bad    uint64  `parquet:"bad"`
	Weight float64 `parquet:"weight"`
}

// A modelWriter writes a model's file.
type modelWriter struct {
	w         *parquet.GenericWriter[modelRow]
	scale     float64
	good, bad float64
	batch     []modelRow
}

func newModelWriter(out io.Writer, scale uint64, total [2]uint64) *modelWriter {
	w := parquet.NewGenericWriter[modelRow](out, parquet.Compression(codec), parquet.PageBufferSize(pageBytes),
		parquet.KeyValueMetadata("weir.lake", strconv.Itoa(Version)), parquet.CreatedBy("weir", strconv.Itoa(Version), ""),
		parquet.KeyValueMetadata("weir.scale", strconv.FormatUint(scale, 10)),
		parquet.KeyValueMetadata("weir.good", strconv.FormatUint(total[count.Good], 10)),
		parquet.KeyValueMetadata("weir.bad", strconv.FormatUint(total[count.Bad], 10)))
	s := float64(scale)
	return &modelWriter{w: w, scale: s, good: float64(total[count.Good]) / s, bad: float64(total[count.Bad]) / s}
}

// add writes a row; they come by field, part and token.
func (m *modelWriter) add(field string, part bool, t tokenEvidence) error {
	r := modelRow{Field: field, Part: part, Token: t.token, Good: t.all - t.bad - t.ignored, Bad: t.bad}
	r.Weight = bayes.Weight(float64(r.Bad)/m.scale, m.bad, float64(r.Good)/m.scale, m.good)
	if m.batch = append(m.batch, r); len(m.batch) == chunkRows {
		return m.flush()
	}
	return nil
}

func (m *modelWriter) flush() error {
	_, err := m.w.Write(m.batch)
	m.batch = m.batch[:0]
	return err
}

func (m *modelWriter) close() error {
	if err := m.flush(); err != nil {
		return err
	}
	return m.w.Close()
}
