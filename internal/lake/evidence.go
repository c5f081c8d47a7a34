package lake

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"

	"weir/internal/bayes"
	"weir/internal/count"
)

// An evidence is the counts that a model is made of.
type evidence struct {
	events map[Class]int64 // each once
	scale  uint64
	total  [2]uint64 // good and bad events, times scale
	fields map[string]*fieldEvidence
	names  []string // sorted
}

type fieldEvidence struct {
	part [2][]tokenEvidence // whole values, and parts, by token
}

type tokenEvidence struct{ token, all, bad, ignored uint64 }

// weighted are counts, and what they are multiplied by.
type weighted struct {
	names  []string
	factor []uint64
}

func (w *weighted) add(name string, factor uint64) {
	w.names, w.factor = append(w.names, name), append(w.factor, factor)
}

// evidence adds up what bad events carry.
func (t *Trainer) evidence(ctx context.Context, v *View, halfLife int) (*evidence, error) {
	factor, scale := factors(v.Stretches, halfLife)
	ev := &evidence{events: map[Class]int64{}, scale: scale, fields: map[string]*fieldEvidence{}}
	var every, bad, ignored weighted
	for i := range v.Stretches {
		s := &v.Stretches[i]
		every.add(s.Counts, factor[i])
		ev.events[Good] += s.Rows
		for _, x := range v.Laid[s.Key].Shares {
			ev.events[x.Class] += x.Events
			if x.Class == Ignored {
				ignored.add(x.Name, factor[i])
			} else {
				bad.add(x.Name, factor[i])
				ev.total[count.Bad] += uint64(x.Events) * factor[i]
			}
		}
	}
	if err := ev.addBad(ctx, t.ground.NewReader(), &bad); err != nil {
		return nil, err
	}
	all, less := ev.fork(), ev.fork()
	if err := t.scanAll(ctx, &every, all); err != nil {
		return nil, err
	}
	if err := t.scanAll(ctx, &ignored, less); err != nil {
		return nil, err
	}
	if err := ev.subtract(all, less); err != nil {
		return nil, err
	}
	ev.events[Good] -= ev.events[Bad] + ev.events[Ignored]
	return ev, nil
}

// addBad takes the tokens of the bad shares.
func (ev *evidence) addBad(ctx context.Context, r Reader, bad *weighted) error {
	type key struct {
		token uint64
		part  bool
	}
	found := map[string]map[key]uint64{}
	err := r.Runs(ctx, bad.names, func(i int, run CountRun) {
		if run.Events {
			return
		}
		at := found[run.Field]
		if at == nil {
			at = map[key]uint64{}
			found[run.Field] = at
		}
		for k, token := range run.Tokens {
			at[key{uint64(token), run.Part}] += uint64(run.N[k]) * bad.factor[i]
		}
	})
	if err != nil {
		return err
	}
	for name, cells := range found {
		f := &fieldEvidence{}
		for k, n := range cells {
			i := 0
			if k.part {
				i = 1
			}
			f.part[i] = append(f.part[i], tokenEvidence{token: k.token, bad: n})
		}
		for i := range f.part {
			slices.SortFunc(f.part[i], func(a, b tokenEvidence) int { return cmp.Compare(a.token, b.token) })
		}
		ev.fields[name] = f
	}
	ev.names = slices.Sorted(maps.Keys(ev.fields))
	return nil
}

// A finder adds up the counts of the tokens of an evidence, in one goroutine.
type finder struct {
	ev     *evidence
	events uint64
	sums   map[string]*[2][]uint64 // in the order of fieldEvidence.part
}

func (ev *evidence) fork() *finder {
	f := &finder{ev: ev, sums: map[string]*[2][]uint64{}}
	for name, e := range ev.fields {
		f.sums[name] = &[2][]uint64{make([]uint64, len(e.part[0])), make([]uint64, len(e.part[1]))}
	}
	return f
}

// take adds counts, each times factor.
func (f *finder) take(run CountRun, factor uint64) {
	if run.Events {
		for _, n := range run.N {
			f.events += uint64(n) * factor
		}
		return
	}
	e := f.ev.fields[run.Field]
	if e == nil {
		return
	}
	i := 0
	if run.Part {
		i = 1
	}
	f.find(e.part[i], f.sums[run.Field][i], run, factor)
}

// find adds the counts of tokens to sums. Both it and the run are sorted by token, so that each is looked for behind the one before:
// by steps that double.
func (f *finder) find(tokens []tokenEvidence, sums []uint64, run CountRun, factor uint64) {
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

func (f *finder) add(o *finder) {
	f.events += o.events
	for name, sums := range o.sums {
		for i := range sums {
			for k, n := range sums[i] {
				f.sums[name][i][k] += n
			}
		}
	}
}

// scanAll looks through counts.
func (t *Trainer) scanAll(ctx context.Context, w *weighted, sum *finder) error {
	together := max(1, t.ground.NewReader().Together())
	var next atomic.Int64
	var mu sync.Mutex
	var first error
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			f, r := sum.ev.fork(), t.ground.NewReader()
			for from := int(next.Add(1)-1) * together; from < len(w.names); from = int(next.Add(1)-1) * together {
				to := min(from+together, len(w.names))
				err := ctx.Err()
				if err == nil {
					err = r.Runs(ctx, w.names[from:to], func(i int, run CountRun) { f.take(run, w.factor[from+i]) })
				}
				if err != nil {
					mu.Lock()
					first = cmpErr(first, err)
					mu.Unlock()
					return
				}
			}
			mu.Lock()
			sum.add(f)
			mu.Unlock()
		})
	}
	wait.Wait()
	return first
}

// subtract takes what is bad and what is ignored from all.
func (ev *evidence) subtract(all, less *finder) error {
	outside := fmt.Errorf("%w: the shares of marks are not within the counts of the segments; were they counted with another --geoip?", ErrSegment)
	if all.events < less.events+ev.total[count.Bad] {
		return outside
	}
	ev.total[count.Good] = all.events - less.events - ev.total[count.Bad]
	for _, name := range ev.names {
		for i, list := range ev.fields[name].part {
			for k := range list {
				t := &list[k]
				t.all, t.ignored = all.sums[name][i][k], less.sums[name][i][k]
				if t.all < t.bad+t.ignored {
					return outside
				}
			}
		}
	}
	return nil
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

// write writes the model's file.
func (ev *evidence) write(out io.Writer) error {
	w := parquet.NewGenericWriter[modelRow](out, parquet.Compression(codec), parquet.PageBufferSize(pageBytes),
		parquet.KeyValueMetadata("weir.lake", strconv.Itoa(Version)), parquet.CreatedBy("weir", strconv.Itoa(Version), ""),
		parquet.KeyValueMetadata("weir.scale", strconv.FormatUint(ev.scale, 10)),
		parquet.KeyValueMetadata("weir.good", strconv.FormatUint(ev.total[count.Good], 10)),
		parquet.KeyValueMetadata("weir.bad", strconv.FormatUint(ev.total[count.Bad], 10)))
	scale := float64(ev.scale)
	good, bad := float64(ev.total[count.Good])/scale, float64(ev.total[count.Bad])/scale
	var batch []modelRow
	for _, name := range ev.names {
		for i, list := range ev.fields[name].part {
			for _, t := range list {
				r := modelRow{Field: name, Part: i == 1, Token: t.token, Good: t.all - t.bad - t.ignored, Bad: t.bad}
				r.Weight = bayes.Weight(float64(r.Bad)/scale, bad, float64(r.Good)/scale, good)
				if batch = append(batch, r); len(batch) == chunkRows {
					if _, err := w.Write(batch); err != nil {
						return err
					}
					batch = batch[:0]
				}
			}
		}
	}
	if _, err := w.Write(batch); err != nil {
		return err
	}
	return w.Close()
}
