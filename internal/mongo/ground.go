package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/lake"
)

// A ground is a store as lake.Trainer sees it. Its stretches are the days of batches, known by the names of their counts.
//
// Whatever is committed is inserted under an _id that says all that it was made of, or the number behind the last one:
//
//   - shares under the stretch and the marks. What they are follows from these, so it does not matter who was faster, and a reader
//     takes those that fit the marks he knows.
//   - a model under the number behind that of the model which was the last before its marks were looked at. So of two who train
//     at once the second looks again, and the last model is of all marks that were made before it.
type ground struct{ s *Store }

var _ lake.Ground = ground{}

func (g ground) Begin(ctx context.Context) error { return g.s.settleStale(ctx) }

func (g ground) NewCounter() *lake.Counter { return g.s.newCounter() }

// countsWith is the name of the counts of the i-th day, with how many there are.
func (b *batchDoc) countsWith(i int) string {
	return fmt.Sprintf("%s:%d", b.countsOf(i), b.Days[i].Cells)
}

func (g ground) Look(ctx context.Context) (*lake.View, error) {
	v := &lake.View{Laid: map[string]lake.Laid{}}
	var err error
	if v.Marks, err = g.Marks(ctx); err != nil {
		return nil, err
	}
	shares, err := all[shareDoc](ctx, g.s, "shares", bson.D{})
	if err != nil {
		return nil, err
	}
	logs, err := g.s.logs(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	known := map[string]*batchDoc{}
	for i := range logs {
		for j := range logs[i].batches {
			b := &logs[i].batches[j]
			v.Unfinished = v.Unfinished || b.Stale
			known[b.Counts] = b
			for k := range b.Days {
				d := &b.Days[k]
				v.Stretches = append(v.Stretches, lake.Stretch{Key: b.countsOf(k), Name: strings.TrimSpace(b.ID + " " + d.Day), Day: d.Day, Rows: d.Rows,
					Timed: d.Timed, First: d.First, Last: d.Last, Counts: b.countsWith(k)})
			}
		}
	}
	g.s.mu.Lock()
	g.s.known = known
	g.s.mu.Unlock()
	v.Of = stretchesText(v.Stretches)
	standing := v.Standing()
	by := map[string][]*shareDoc{}
	for i := range shares {
		by[shares[i].Stretch] = append(by[shares[i].Stretch], &shares[i])
	}
	for i := range v.Stretches {
		s := &v.Stretches[i]
		want := s.Laying(standing)
		for _, d := range by[s.Key] { // those that fit, or else any
			if _, some := v.Laid[s.Key]; !some || d.Marks == want {
				v.Laid[s.Key] = d.laid()
			}
		}
	}
	return v, nil
}

// stretchesText names a set of stretches.
func stretchesText(list []lake.Stretch) string {
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = list[i].Key
	}
	slices.Sort(keys)
	sum := sha256.Sum256([]byte(strings.Join(keys, " ")))
	return hex.EncodeToString(sum[:])
}

// A reader reads the counts and events of stretches, many at once: of a server every question costs.
type reader struct {
	s    *Store
	keys *event.Keys // of all that it reads: who counts tokens knows fields by them
}

func (g ground) NewReader() lake.Reader { return reader{g.s, event.NewKeys()} }

func (reader) Together() int { return 64 }

func (r reader) Add(ctx context.Context, name string, t *count.Tally) error {
	return r.s.addCounts(ctx, name, t)
}

func (r reader) Runs(ctx context.Context, names []string, f func(int, lake.CountRun)) error {
	var run lake.CountRun
	var of *countDoc
	at := 0
	end := func() {
		if of != nil {
			f(at, run)
		}
		run.Tokens, run.N = run.Tokens[:0], run.N[:0]
	}
	err := r.s.runs(ctx, names, func(i int, d *countDoc, c count.Cell) error {
		if d != of || run.Part != c.Part {
			end()
			field, ok := d.fieldName()
			at, of, run.Field, run.Events, run.Part = i, d, field, !ok, c.Part
		}
		run.Tokens, run.N = append(run.Tokens, int64(c.Token)), append(run.N, int64(c.N))
		return nil
	})
	if err == nil {
		end()
	}
	return err
}

// batch returns the batch of which a stretch is a day, and which of its days.
func (r reader) batch(s *lake.Stretch) (b *batchDoc, err error) {
	version, _, _ := strings.Cut(s.Key, ".")
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if b = r.s.known[version]; b == nil {
		return nil, fmt.Errorf("%w: %q was replaced meanwhile", lake.ErrOvertaken, s.Name)
	}
	return b, nil
}

// A wanted batch is one of which some days are wanted.
type wanted struct {
	*batchDoc
	days map[string]int // all of its days, with their place in the list that is wanted; -1 for others
}

func (r reader) Events(ctx context.Context, list []lake.Stretch, windows [][2]int64, f func(int, *event.Event) error) error {
	if windows != nil && len(windows) == 0 {
		return nil
	}
	batches := map[string]*wanted{} // by source and version
	bySource := map[string][]*wanted{}
	for i := range list {
		b, err := r.batch(&list[i])
		if err != nil {
			return err
		}
		w := batches[b.Counts]
		if w == nil {
			w = &wanted{b, map[string]int{}}
			for k := range b.Days {
				w.days[b.Days[k].Day] = -1
			}
			batches[b.Counts] = w
			bySource[b.Source] = append(bySource[b.Source], w)
		}
		w.days[list[i].Day] = i
	}
	var ranges bson.A
	for _, key := range sortedKeys(batches) {
		ranges = append(ranges, batches[key].span())
	}
	filter := bson.D{{Key: "$or", Value: ranges}}
	if windows != nil {
		filter = bson.D{{Key: "$and", Value: bson.A{timeFilter(windows), filter}}}
	}
	err := r.s.eachEvent(ctx, r.keys, filter, options.Find(), func(_ bson.Raw, x *record) error {
		if windows != nil && (!x.HasTime || !slices.ContainsFunc(windows, func(w [2]int64) bool { return w[0] <= x.Time && x.Time <= w[1] })) {
			return nil
		}
		for _, w := range bySource[x.source] {
			if !w.covers(x.line) {
				continue
			}
			day := lake.DayOf(x.Event, func(d string) bool { _, ok := w.days[d]; return ok })
			if i, ok := w.days[day]; ok && i >= 0 {
				return f(i, x.Event)
			}
		}
		return nil
	})
	if err == lake.ErrEnough {
		return nil
	}
	return err
}

// maxRanges bounds the spans of time that are asked for; of more, what lies between is read too.
const maxRanges = 32

// timeFilter is a condition that @timestamp, which has milliseconds, may lie in one of the windows.
func timeFilter(windows [][2]int64) bson.D {
	list := slices.Clone(windows)
	slices.SortFunc(list, func(a, b [2]int64) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	var out [][2]int64
	for _, w := range list {
		if n := len(out); n > 0 && (w[0] <= out[n-1][1] || n == maxRanges) {
			out[n-1][1] = max(out[n-1][1], w[1])
		} else {
			out = append(out, w)
		}
	}
	var or bson.A
	for _, w := range out {
		d := bson.D{}
		if w[0] != math.MinInt64 {
			d = append(d, bson.E{Key: "$gte", Value: bson.DateTime(floorMillis(w[0]))})
		}
		if w[1] != math.MaxInt64 {
			d = append(d, bson.E{Key: "$lte", Value: bson.DateTime(floorMillis(w[1]))})
		}
		if len(d) == 0 {
			d = bson.D{{Key: "$exists", Value: true}}
		}
		or = append(or, bson.D{{Key: timeField, Value: d}})
	}
	return bson.D{{Key: "$or", Value: or}}
}
