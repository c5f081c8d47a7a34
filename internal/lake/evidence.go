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
	ground              Ground
	every, bad, ignored weighted        // counts of stretches, and of shares
	events              map[Class]int64 // each once
	scale               uint64
	total               [2]uint64 // good and bad events, times scale
	steps               [][]piece // what is looked up at once, in the order of the model's file
}

// weighted are counts, and what they are multiplied by.
type weighted struct {
	names  []string
	factor []uint64
}

func (w *weighted) add(name string, factor uint64) {
	w.names, w.factor = append(w.names, name), append(w.factor, factor)
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
func (t *Trainer) evidence(ctx context.Context, v *View, halfLife int) (*evidence, error) {
	factor, scale := factors(v.Stretches, halfLife)
	ev := &evidence{ground: t.ground, events: map[Class]int64{}, scale: scale}
	for i := range v.Stretches {
		s := &v.Stretches[i]
		ev.every.add(s.Counts, factor[i])
		good := s.Rows
		for _, x := range v.Laid[s.Key].Shares {
			good -= x.Events
			ev.events[x.Class] += x.Events
			if x.Class == Ignored {
				ev.ignored.add(x.Name, factor[i])
			} else {
				ev.bad.add(x.Name, factor[i])
				ev.total[count.Bad] += uint64(x.Events) * factor[i]
			}
		}
		if good < 0 {
			return nil, errOutside
		}
		ev.events[Good] += good
		ev.total[count.Good] += uint64(good) * factor[i]
	}
	return ev, ev.plan(ctx)
}

var errOutside = fmt.Errorf("%w: the shares of marks are not within the counts of the segments; were they counted with another --geoip?", ErrSegment)

// each calls f with the runs of counts, and what they are multiplied by.
func (ev *evidence) each(ctx context.Context, w *weighted, f func(run CountRun, factor uint64)) error {
	return ev.ground.NewReader().Runs(ctx, w.names, func(i int, run CountRun) {
		if !run.Events {
			f(run, w.factor[i])
		}
	})
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
	err := ev.each(ctx, &ev.bad, func(run CountRun, _ uint64) {
		cells[tokensOf{run.Field, run.Part}] += len(run.Tokens)
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
		err := ev.each(ctx, &ev.bad, func(run CountRun, _ uint64) {
			if h := large[tokensOf{run.Field, run.Part}]; h != nil {
				for _, t := range run.Tokens {
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
	err := ev.each(ctx, &ev.bad, func(run CountRun, factor uint64) {
		if i, ok := index[tokensOf{run.Field, run.Part}]; ok {
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
	if err := ev.each(ctx, &ev.ignored, less.look); err != nil {
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
func (p *piece) take(run CountRun, factor uint64) {
	from, _ := slices.BinarySearchFunc(run.Tokens, p.lo, func(t int64, lo uint64) int { return cmp.Compare(uint64(t), lo) })
	for k := from; k < len(run.Tokens) && uint64(run.Tokens[k]) <= p.hi; k++ {
		token, n := uint64(run.Tokens[k]), uint64(run.N[k])*factor
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
	step  []piece
	index map[tokensOf]int
	sums  [][]uint64 // by piece and token
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
func (f *finder) look(run CountRun, factor uint64) {
	i, ok := f.index[tokensOf{run.Field, run.Part}]
	if !ok {
		return
	}
	tokens, sums := f.step[i].tokens, f.sums[i]
	at := 0
	for k := range tokens {
		want := tokens[k].token
		step := 1
		for at+step < len(run.Tokens) && uint64(run.Tokens[at+step]) < want {
			at += step
			step *= 2
		}
		for step > 0 {
			if at+step < len(run.Tokens) && uint64(run.Tokens[at+step]) < want {
				at += step
			} else {
				step /= 2
			}
		}
		if at < len(run.Tokens) && uint64(run.Tokens[at]) < want {
			at++
		}
		for ; at < len(run.Tokens) && uint64(run.Tokens[at]) == want; at++ { // once for each hour
			sums[k] += uint64(run.N[at]) * factor
		}
		if at == len(run.Tokens) {
			return
		}
	}
}

// scanAll looks through the counts of all stretches.
func (ev *evidence) scanAll(ctx context.Context, sum *finder) error {
	together := max(1, ev.ground.NewReader().Together())
	names := ev.every.names
	var next atomic.Int64
	var mu sync.Mutex
	var first error
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			f, r := newFinder(sum.step, sum.index), ev.ground.NewReader()
			for from := int(next.Add(1)-1) * together; from < len(names); from = int(next.Add(1)-1) * together {
				err := ctx.Err()
				if err == nil {
					err = r.Runs(ctx, names[from:min(from+together, len(names))], func(i int, run CountRun) {
						if !run.Events {
							f.look(run, ev.every.factor[from+i])
						}
					})
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
