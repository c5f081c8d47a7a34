package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/lake"
	"weir/internal/marks"
)

// A journal is the marks of a Memory.
type journal struct{ entries []marks.Mark }

// counted are counts under a name.
type counted struct{ *count.Tally }

// dailyOf counts the events of a log by day.
func (m *memory) dailyOf(g *memoryLog) []*lake.Day {
	counter := lake.NewCounter(m.settings.Seed, m.settings.Zone, m.settings.Geo)
	keys := event.NewKeys()
	daily := lake.NewDaily()
	at := make([]*lake.Day, len(g.events))
	for i := range g.events {
		e := g.events[i].named(keys)
		at[i] = daily.Of(e)
		counter.Count(e, &at[i].Counting)
	}
	counter.Flush()
	days := daily.Days()
	for i := range g.events {
		g.events[i].day = slices.Index(days, at[i])
	}
	return days
}

// count makes new stretches of a log.
func (m *memory) count(g *memoryLog) {
	for _, s := range g.days {
		delete(m.counts, s.Counts)
		for _, x := range m.laid[s.Key].Shares {
			delete(m.counts, x.Name)
		}
		delete(m.laid, s.Key)
	}
	g.days = nil
	m.versions++
	for i, d := range m.dailyOf(g) {
		s := lake.Stretch{Key: fmt.Sprintf("%d.%d", m.versions, i), Name: g.name + " " + d.Day, Day: d.Day, Rows: d.Rows, Timed: d.Timed, First: d.First,
			Last: d.Last}
		s.Counts = s.Key
		m.counts[s.Counts] = &counted{d.Tally}
		g.days = append(g.days, s)
	}
}

// A memoryGround is a Memory as its trainer sees it.
type memoryGround struct{ m *memory }

var _ lake.Ground = memoryGround{}

func (g memoryGround) Begin(context.Context) error { return nil }

func (g memoryGround) NewCounter() *lake.Counter {
	return lake.NewCounter(g.m.settings.Seed, g.m.settings.Zone, g.m.settings.Geo)
}

func (g memoryGround) Marks(context.Context) ([]lake.Mark, error) {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	return g.m.marks(), nil
}

func (m *memory) marks() []lake.Mark {
	entries := m.entries
	if m.mutant == "keeps a mark" {
		entries = slices.DeleteFunc(slices.Clone(entries), func(x marks.Mark) bool { return x.Unmark != "" })
	}
	numbers := make([]int64, len(entries))
	for i := range numbers {
		numbers[i] = int64(i + 1)
	}
	return lake.Replay(entries, numbers)
}

func (g memoryGround) Append(_ context.Context, plan func([]lake.Mark) ([]marks.Mark, error)) error {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	list, err := plan(g.m.marks())
	if err == nil {
		g.m.entries = append(g.m.entries, list...)
	}
	return err
}

func (g memoryGround) Look(context.Context) (*lake.View, error) {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	return g.m.look(), nil
}

func (m *memory) look() *lake.View {
	v := &lake.View{Marks: m.marks(), Laid: map[string]lake.Laid{}}
	for _, g := range m.logs {
		for _, s := range g.days {
			v.Stretches = append(v.Stretches, s)
			v.Of += s.Key + " "
			if laid, ok := m.laid[s.Key]; ok {
				v.Laid[s.Key] = laid
			}
		}
	}
	return v
}

// A memoryReader reads what is there.
type memoryReader struct {
	m    *memory
	keys *event.Keys
}

func (g memoryGround) NewReader() lake.Reader { return &memoryReader{g.m, event.NewKeys()} }

func (r *memoryReader) Together() int { return 3 }

// tally returns counts. They are never changed.
func (r *memoryReader) tally(name string) (*count.Tally, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	c := r.m.counts[name]
	if c == nil {
		return nil, fmt.Errorf("%w: %q %w", lake.ErrSegment, name, lake.ErrGone)
	}
	return c.Tally, nil
}

func (r *memoryReader) Runs(_ context.Context, names []string, f func(int, lake.CountRun)) error {
	for i, name := range names {
		t, err := r.tally(name)
		if err != nil {
			return err
		}
		run := lake.CountRun{Events: true}
		for _, n := range t.Events {
			run.Tokens, run.N = append(run.Tokens, 0), append(run.N, int64(n))
		}
		f(i, run)
		for _, field := range t.Names() {
			for _, part := range []bool{false, true} {
				run := lake.CountRun{Field: field, Part: part}
				for _, c := range t.Field(field).Cells() {
					if c.Part == part {
						run.Tokens, run.N = append(run.Tokens, int64(c.Token)), append(run.N, int64(c.N))
					}
				}
				f(i, run)
			}
		}
	}
	return nil
}

func (r *memoryReader) Add(_ context.Context, name string, t *count.Tally) error {
	from, err := r.tally(name)
	if err == nil {
		t.Merge(from)
	}
	return err
}

func (r *memoryReader) Events(_ context.Context, list []lake.Stretch, windows [][2]int64, f func(int, *event.Event) error) error {
	for i := range list {
		events, err := r.eventsOf(&list[i])
		if err != nil {
			return err
		}
		for _, e := range events {
			if windows != nil && (!e.HasTime || !slices.ContainsFunc(windows, func(w [2]int64) bool { return w[0] <= e.Time && e.Time <= w[1] })) {
				continue
			}
			if err := f(i, e); err == lake.ErrEnough {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *memoryReader) eventsOf(s *lake.Stretch) (out []*event.Event, err error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	for _, g := range r.m.logs {
		day := slices.IndexFunc(g.days, func(x lake.Stretch) bool { return x.Key == s.Key })
		if day < 0 {
			continue
		}
		for i := range g.events {
			if g.events[i].day == day {
				out = append(out, g.events[i].named(r.keys))
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("%w: %q", lake.ErrOvertaken, s.Name)
}

func (g memoryGround) WriteShare(_ context.Context, _ *lake.Stretch, _ lake.Class, t *count.Tally) (lake.Share, error) {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	g.m.names++
	x := lake.Share{Name: fmt.Sprintf("share %d", g.m.names)}
	g.m.counts[x.Name] = &counted{t}
	return x, nil
}

func (g memoryGround) DiscardShares(_ context.Context, list []lake.Share) {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	g.m.discard(list)
}

func (m *memory) discard(list []lake.Share) {
	for _, x := range list {
		delete(m.counts, x.Name)
	}
}

func (g memoryGround) CommitShares(_ context.Context, list []*lake.Job) error {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	there := g.m.look()
	for _, j := range list {
		now := there.Laid[j.Stretch.Key].Marks
		if now == "" {
			now = "[]"
		}
		if now != j.Was.Marks || !slices.ContainsFunc(there.Stretches, func(s lake.Stretch) bool { return s.Key == j.Stretch.Key }) {
			for _, x := range list {
				g.m.discard(x.Fresh)
			}
			return fmt.Errorf("%w: %q", lake.ErrOvertaken, j.Stretch.Name)
		}
	}
	for _, j := range list {
		if g.m.mutant == "leaves counts where they were" && len(j.Want) < len(j.Have) {
			g.m.laid[j.Stretch.Key] = lake.Laid{Marks: j.Marks(), Shares: j.Was.Shares}
			continue
		}
		g.m.discard(j.Was.Shares)
		g.m.laid[j.Stretch.Key] = lake.Laid{Marks: j.Marks(), Shares: j.Fresh}
	}
	return nil
}

func (g memoryGround) LastModel(context.Context) (*lake.Model, error) {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	if len(g.m.models) == 0 {
		return nil, nil
	}
	m := g.m.models[len(g.m.models)-1]
	return &m, nil
}

func (g memoryGround) CommitModel(_ context.Context, m, before *lake.Model, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	var last int64
	if before != nil {
		last = before.ID
	}
	if !m.MadeFrom(g.m.look()) || last != int64(len(g.m.models)) {
		return fmt.Errorf("%w: marks or events have changed", lake.ErrOvertaken)
	}
	sum := sha256.Sum256(b.Bytes())
	m.ID, m.Size, m.Hash = last+1, int64(b.Len()), sum[:]
	m.Name = fmt.Sprintf("model %d", m.ID)
	g.m.models, g.m.bytes = append(g.m.models, *m), append(g.m.bytes, b.Bytes())
	return nil
}

func (g memoryGround) ReadModel(_ context.Context, m *lake.Model) ([]byte, error) {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	if b := g.m.bytes[m.ID-1]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%w: model %d %w", lake.ErrSegment, m.ID, lake.ErrGone)
}
