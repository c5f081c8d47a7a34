package storetest

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"weir/internal/bayes"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
	"weir/internal/marks"
	"weir/internal/token"
)

// modelRow is a row of a model, as lake.Model says.
type modelRow struct {
	Field  string  `parquet:"field"`
	Part   bool    `parquet:"part"`
	Token  uint64  `parquet:"token"`
	Good   uint64  `parquet:"good"`
	Bad    uint64  `parquet:"bad"`
	Weight float64 `parquet:"weight"`
}

func readRows(t testing.TB, model []byte) (rows []modelRow) {
	t.Helper()
	p, err := parquet.OpenFile(bytes.NewReader(model), int64(len(model)))
	if err != nil {
		t.Fatal(err)
	}
	r := parquet.NewGenericReader[modelRow](p)
	defer r.Close()
	rows = make([]modelRow, r.NumRows())
	if n, err := r.Read(rows); n != len(rows) || err != nil && err != io.EOF {
		t.Fatal(n, err)
	}
	return rows
}

// A census counts every event that a store gives back by what its marks say of it: without the counts that the store keeps.
type census struct {
	codify *token.Codifier
	labels *marks.Labeller
	days   map[string]map[marks.What]map[cell]uint64 // by day and class; good ones have no mark, or a good one
	events map[string]map[marks.What]uint64
}

type cell struct {
	field string
	part  bool
	token uint64
}

func (c *census) Event(e *event.Event, _ format.Position, _ []byte) {
	class := marks.Good
	if m := c.labels.Label(0, e, nil); m != nil {
		class = m.What
	}
	day := ""
	if e.HasTime {
		day = time.Unix(0, e.Time).UTC().Format(time.DateOnly)
	}
	if c.days[day] == nil {
		c.days[day] = map[marks.What]map[cell]uint64{marks.Good: {}, marks.Bad: {}, marks.Ignore: {}}
		c.events[day] = map[marks.What]uint64{}
	}
	c.events[day][class]++
	features := c.codify.Codify(e)
	for i := range features {
		f := &features[i]
		c.days[day][class][cell{f.Field.Name, false, f.Hash}]++
		for _, part := range c.codify.Parts(f, nil) {
			c.days[day][class][cell{f.Field.Name, true, part}]++
		}
	}
}

// fromNothing returns the rows that a model should have.
func (b *bench) fromNothing(halfLife int) []modelRow {
	b.t.Helper()
	set, err := b.s.MarkSet(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	c := &census{codify: token.NewCodifier(Settings.Seed, token.NewEnrichment(time.UTC, nil)), labels: set.Bind(nil).Labeller(),
		days: map[string]map[marks.What]map[cell]uint64{}, events: map[string]map[marks.What]uint64{}}
	if _, err := b.s.Scan(b.t.Context(), lake.ScanOptions{Workers: 1}, func(int, *event.Keys) format.Handler { return c }); err != nil {
		b.t.Fatal(err)
	}
	newest := ""
	for day := range c.days {
		newest = max(newest, day)
	}
	last, _ := time.Parse(time.DateOnly, newest) // without a day there is nothing to weigh by age
	scale, sums, total := uint64(1), map[cell]*[2]uint64{}, [2]uint64{}
	if halfLife > 0 {
		scale = 1 << 16
	}
	for day, classes := range c.days {
		factor := scale
		if d, err := time.Parse(time.DateOnly, day); err == nil && halfLife > 0 {
			factor = uint64(float64(bayes.Exp2(-last.Sub(d).Hours()/24/float64(halfLife))*65536) + .5)
		}
		for i, class := range []marks.What{marks.Good, marks.Bad} {
			total[i] += c.events[day][class] * factor
			for k, n := range classes[class] {
				if sums[k] == nil {
					sums[k] = &[2]uint64{}
				}
				sums[k][i] += n * factor
			}
		}
	}
	rows := []modelRow{}
	for k, n := range sums {
		if n[1] > 0 {
			s := float64(scale)
			rows = append(rows, modelRow{k.field, k.part, k.token, n[0], n[1],
				bayes.Weight(float64(n[1])/s, float64(total[1])/s, float64(n[0])/s, float64(total[0])/s)})
		}
	}
	slices.SortFunc(rows, func(a, b modelRow) int {
		if c := cmp.Compare(a.Field, b.Field); c != 0 || a.Part == b.Part {
			return cmp.Or(c, cmp.Compare(a.Token, b.Token))
		}
		if b.Part {
			return -1
		}
		return 1
	})
	return rows
}

// train trains, and compares the model with one made from nothing. Its bytes are those that a Memory makes of the same logs and
// the marks that stand.
func (b *bench) train(halfLife int) *lake.Training {
	b.t.Helper()
	r, err := b.s.Train(b.t.Context(), lake.TrainOptions{HalfLife: halfLife})
	if err != nil {
		b.t.Fatal(err)
	}
	model, err := b.s.ModelBytes(b.t.Context(), r.Model)
	if err != nil {
		b.t.Fatal(err)
	}
	if got, want := readRows(b.t, model), b.fromNothing(halfLife); !slices.Equal(got, want) {
		b.t.Fatalf("the model has %d rows, which are not the %d of one trained from nothing", len(got), len(want))
	}
	if want := b.elsewhere(halfLife); !bytes.Equal(model, want) {
		b.t.Fatalf("the model's %d bytes are not the %d that another store makes of the same events and marks", len(model), len(want))
	}
	ok, err := b.s.UpToDate(b.t.Context(), r.Model)
	if err != nil || !ok {
		b.t.Fatalf("the model is not up to date: %v", err)
	}
	return r
}

// elsewhere trains a new store, with the marks that stand, and returns the model's bytes. What the other store has forgotten it forgets.
func (b *bench) elsewhere(halfLife int) []byte {
	b.t.Helper()
	other := NewMemory(Settings)
	paths := slices.Sorted(slices.Values(b.logs))
	if _, err := other.Ingest(b.t.Context(), inputs(b.t, paths...), lake.IngestOptions{}); err != nil {
		b.t.Fatal(err)
	}
	for _, match := range b.forgotten {
		if _, err := other.Forget(b.t.Context(), match, ""); err != nil {
			b.t.Fatal(err)
		}
	}
	set, err := b.s.MarkSet(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range set.Standing() {
		if err := other.AddMark(b.t.Context(), *m); err != nil {
			b.t.Fatal(err)
		}
	}
	r, err := other.Train(b.t.Context(), lake.TrainOptions{HalfLife: halfLife})
	if err != nil {
		b.t.Fatal(err)
	}
	model, err := other.ModelBytes(b.t.Context(), r.Model)
	if err != nil {
		b.t.Fatal(err)
	}
	return model
}

// keep writes a log and ingests it, for models that are compared.
func (b *bench) keep(o lake.IngestOptions, name, text string) {
	b.t.Helper()
	path := b.write(name, text)
	if !slices.Contains(b.logs, path) {
		b.logs = append(b.logs, path)
	}
	b.ingest(o, path)
}
