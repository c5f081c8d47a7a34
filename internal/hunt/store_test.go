package hunt

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"weir/internal/token"
)

func TestIndexNumbersDensely(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x index
	want := map[uint64]uint32{}
	for range 50_000 {
		key := r.Uint64N(20_000) // with zero
		id, known := x.number(key)
		old, before := want[key]
		switch {
		case known != before, known && id != old, !known && int(id) != len(want):
			t.Fatalf("key %d is %d (known: %v), it was %d (known: %v) of %d", key, id, known, old, before, len(want))
		}
		want[key] = id
	}
}

func TestMergeRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		x := make([]int, r.IntN(50)*n/10)
		for i := range x {
			x[i] = i
		}
		for range r.IntN(8) { // cut and swap
			if len(x) > 1 {
				k := r.IntN(len(x))
				x = append(slices.Clone(x[k:]), x[:k]...)
			}
			r.Shuffle(min(len(x), r.IntN(5)), func(i, j int) { x[i], x[j] = x[j], x[i] })
		}
		want := slices.Sorted(slices.Values(x))
		if mergeRuns(x, cmp.Compare[int]); !slices.Equal(x, want) {
			t.Fatalf("not sorted: %v", x)
		}
	}
}

// A stored event as it is put in: its file, its line and texts of its features.
type storedEvent struct {
	file, line int
	texts      []string
}

func storedEvents(r *rand.Rand, n int) []storedEvent {
	var out []storedEvent
	for i := range n {
		e := storedEvent{file: r.IntN(3), line: i + 1}
		for range r.IntN(30) {
			e.texts = append(e.texts, fmt.Sprint(r.IntN(500)))
		}
		out = append(out, e)
	}
	return out
}

// worker stores events as a collector does.
type worker struct {
	codify *token.Codifier
	keep   *interner
	rows   rows
}

func (w *worker) store(e *storedEvent) {
	field := w.codify.Field("url.path")
	if e.line%2 == 0 {
		field = w.codify.Field("user.name")
	}
	var ids []uint32
	for _, text := range e.texts {
		f := token.Feature{Field: field, Hash: field.Hash([]byte(text)), Value: []byte(text)}
		ids = append(ids, w.keep.intern(&f))
	}
	x := row{file: int32(e.file), line: int64(e.line)}
	if len(ids) > 1 {
		x.client, x.peer = ids[0]+1, ids[1]+1
	}
	w.rows.add(x, ids)
}

// TestRowsOfAnySplit splits events between workers in several ways; what lies in the list is the same.
func TestRowsOfAnySplit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	events := storedEvents(r, 5000)
	rank := []int{2, 0, 1}
	want := slices.Clone(events)
	slices.SortFunc(want, func(a, b storedEvent) int {
		return cmp.Or(cmp.Compare(rank[a.file], rank[b.file]), cmp.Compare(a.line, b.line))
	})
	for _, workers := range []int{1, 2, 5} {
		all := make([]worker, workers)
		for i := range all {
			all[i].codify, all[i].keep = token.NewCodifier(9, &token.Enrichment{}), newInterner()
			all[i].codify.Field(fmt.Sprint("own field ", i)) // ids of fields differ between workers
		}
		for i := range events {
			all[r.IntN(workers)].store(&events[i])
		}
		codify, keep := token.NewCodifier(9, &token.Enrichment{}), newInterner()
		var sum rows
		for i := range all {
			sum.absorb(&all[i].rows, keep.absorb(all[i].keep, codify))
		}
		if sum.len() != len(events) {
			t.Fatalf("%d rows of %d", sum.len(), len(events))
		}
		l := sum.sorted(rank)
		for i, e := range want {
			x := &l.rows[i]
			var texts []string
			for _, id := range l.featuresOf(x) {
				f := keep.feature(id)
				texts = append(texts, string(f.Value))
				if name := []string{"user.name", "url.path"}[e.line%2]; f.Field != codify.Field(name) {
					t.Fatalf("a field is %q, not %q", f.Field.Name, name)
				}
			}
			if int(x.file) != e.file || int(x.line) != e.line || !slices.Equal(texts, e.texts) {
				t.Fatalf("%d workers: row %d is %d:%d %q, want %+v", workers, i, x.file, x.line, texts, e)
			}
			if len(texts) > 1 && (string(keep.feature(x.client-1).Value) != texts[0] || string(keep.feature(x.peer-1).Value) != texts[1]) {
				t.Fatalf("row %d has another client or peer", i)
			}
		}
	}
}

// TestLadderEvictions adds events of more spans than are kept, in any order and split, and expects the best spans with
// all of their events, and the same answer to whether they suffice.
func TestLadderEvictions(t *testing.T) {
	from := time.Date(2026, 2, 25, 1, 0, 0, 0, time.UTC).UnixNano()
	q := &question{windows: []Span{{from, from + 2*int64(time.Hour)}}, ignore: []Span{{from - 3*day, from - 3*day + 1}}}
	r := rand.New(rand.NewPCG(7, 8))
	var times []int64
	for d := -60; d <= 30; d++ {
		for range r.IntN(4) {
			times = append(times, from+int64(d)*day+r.Int64N(int64(3*time.Hour)))
		}
	}
	type state struct {
		Spans  map[int]int
		Worst  int
		Full   bool
		Stored int
	}
	var want *state
	for range 20 {
		r.Shuffle(len(times), func(i, j int) { times[i], times[j] = times[j], times[i] })
		workers := 1 + r.IntN(4)
		all := make([]*ladder, workers)
		for i := range all {
			all[i] = newLadders(q)[0]
		}
		for _, at := range times {
			l := all[r.IntN(workers)]
			if k, ok := l.wants(at); ok {
				l.add(k, row{time: at}, nil)
			}
		}
		sum := newLadders(q)[0]
		for _, l := range all {
			sum.absorb(l, nil)
		}
		got := &state{Spans: map[int]int{}, Worst: sum.worst, Full: sum.full(), Stored: sum.stored}
		for k, x := range sum.spans {
			got.Spans[k] = x.len()
			if k == -3 || k == 0 {
				t.Fatalf("span %d cannot be a placebo", k)
			}
		}
		if want == nil {
			want = got
			if len(got.Spans) != MaxPlacebos+spare || !got.Full {
				t.Fatalf("%d spans, full: %v", len(got.Spans), got.Full)
			}
		}
		got.Worst, want.Worst = 0, 0 // which span was given up first differs; what is kept does not
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("kept\n%v, before\n%v", got, want)
		}
	}
}

func TestLadderRank(t *testing.T) {
	from := time.Date(2026, 2, 25, 1, 0, 0, 0, time.UTC).UnixNano() // a Wednesday
	l := newLadders(&question{windows: []Span{{from, from + int64(time.Hour)}}})[0]
	seen := map[int]int{}
	for k := -30; k <= 30; k++ {
		if k == 0 {
			continue
		}
		if o, ok := seen[l.rank(k)]; ok {
			t.Errorf("%d and %d have the same rank", k, o)
		}
		seen[l.rank(k)] = k
	}
	for _, better := range [][2]int{{-7, 7}, {14, -1}, {-1, 1}, {1, -2}, {5, 3}, {-28, 2}} {
		if l.rank(better[0]) >= l.rank(better[1]) {
			t.Errorf("%d should be better than %d days", better[0], better[1])
		}
	}
}

type spoolBytes struct {
	bytes.Buffer
	broken bool
}

func (s *spoolBytes) Write(p []byte) (int, error) {
	if s.broken {
		return 0, errors.New("no space left")
	}
	return s.Buffer.Write(p)
}
func (s *spoolBytes) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(s.Bytes()).ReadAt(p, at)
}
func (*spoolBytes) Close() error { return nil }

func TestSpoolGivesBackLines(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	file := &spoolBytes{}
	for name, s := range map[string]*spool{
		"memory": {},
		"file":   {open: func() (SpoolFile, error) { return file, nil }},
	} {
		var at []int64
		var lines [][]byte
		for i := range 3000 {
			line := bytes.Repeat([]byte{byte(i)}, r.IntN(12_000))
			if i == 100 {
				line = bytes.Repeat([]byte{7}, 3<<20)
			}
			x, n, err := s.add(line)
			if err != nil || int(n) != len(line) {
				t.Fatal(err, n)
			}
			at, lines = append(at, x), append(lines, line)
		}
		for _, i := range r.Perm(len(lines)) {
			got, err := s.read(at[i], uint32(len(lines[i])))
			if err != nil || !bytes.Equal(got, lines[i]) {
				t.Fatalf("%s: line %d differs (%v)", name, i, err)
			}
		}
	}
	if file.Len() == 0 {
		t.Error("nothing was written to the file")
	}
	s := &spool{open: func() (SpoolFile, error) { return &spoolBytes{broken: true}, nil }}
	var err error
	for i := 0; i < 20 && err == nil; i++ {
		_, _, err = s.add(make([]byte, 1<<20))
	}
	if err == nil {
		t.Error("a full disk is no error")
	}
}
