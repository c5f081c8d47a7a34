package hunt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/source"
)

// A shipped record is one that travels.
type shipped struct {
	kind       byte
	key        string
	sub, value string
}

// A splitter gives every event to one of several shares: a file's lines belong to splits, a split to a share.
type splitter struct {
	shares []*Share
	of     func(pos format.Position) (share, split int, start, before int64)
}

func (s *splitter) Event(e *event.Event, pos format.Position, raw []byte) {
	share, file, start, before := s.of(pos)
	s.shares[share].Split(file, start)
	pos.Line -= before
	s.shares[share].Event(e, pos, raw)
}

// shared hunts through shares: splits of at most size lines, spread at random over n shares, whose records are shuffled, and
// added up where combine says so.
func shared(t *testing.T, inputs []source.Input, o Options, r *rand.Rand, n int, size int64, combine float64) told {
	t.Helper()
	var records []shipped
	emit := func(kind byte, key, sub, value []byte) error {
		records = append(records, shipped{kind, string(key), string(sub), string(value)})
		return nil
	}
	bits := uint(r.IntN(5))
	home := map[place]int{}
	s := &splitter{}
	s.of = func(pos format.Position) (int, int, int64, int64) {
		start := (pos.Line - 1) / size
		p := place{int32(pos.File), start}
		if _, ok := home[p]; !ok {
			home[p] = r.IntN(n)
		}
		return home[p], pos.File, start, start * size
	}
	summary, err := format.Scan(context.Background(), inputs, format.ScanOptions{Workers: 1, Options: format.Options{Zone: o.Zone,
		Reference: reference(o.Windows), Format: o.Format}}, func(_ int, keys *event.Keys) format.Handler {
		for range n {
			x, err := NewShare(o, keys, bits)
			if err != nil {
				t.Fatal(err)
			}
			s.shares = append(s.shares, x)
		}
		return &spilling{s, r, emit, t}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.shares {
		if err := x.Emit(emit); err != nil {
			t.Fatal(err)
		}
	}
	r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	if combine > 0 {
		records = added(t, records, r, combine)
	}
	names := make([]string, len(inputs))
	for i := range inputs {
		names[i] = inputs[i].Name
	}
	a, err := NewAssembly(o, names)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range records {
		if err := a.Add(x.kind, []byte(x.key), []byte(x.sub), []byte(x.value)); err != nil {
			t.Fatal(err)
		}
	}
	result, err := a.Result(summary, func(_ int, start int64) (int64, error) { return start * size, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	return tellAll(t, result)
}

// spilling empties a share now and then, as one does whose memory is full.
type spilling struct {
	*splitter
	r    *rand.Rand
	emit Emit
	t    *testing.T
}

func (s *spilling) Event(e *event.Event, pos format.Position, raw []byte) {
	s.splitter.Event(e, pos, raw)
	if s.r.IntN(7000) == 0 {
		if err := s.shares[s.r.IntN(len(s.shares))].Spill(s.emit); err != nil {
			s.t.Error(err)
		}
	}
}

// added adds up runs of records of one key; a run ends by chance, as it does where combiners and reducers get only some.
func added(t *testing.T, records []shipped, r *rand.Rand, combine float64) (out []shipped) {
	t.Helper()
	slices.SortStableFunc(records, func(a, b shipped) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key)) })
	for i := 0; i < len(records); {
		x := records[i]
		merge := kindOf(x.kind).Merge
		if merge == nil {
			out = append(out, x)
			i++
			continue
		}
		sum := merge()
		for first := true; i < len(records) && records[i].kind == x.kind && records[i].key == x.key && (first || r.Float64() < combine); i++ {
			if err := sum.Add([]byte(records[i].value)); err != nil {
				t.Fatal(err)
			}
			first = false
		}
		value, err := sum.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		x.value = string(value)
		out = append(out, x)
	}
	return out
}

// kindOf returns a kind of records, one without a name where there is none.
func kindOf(b byte) mapreduce.Kind {
	for _, k := range Kinds() {
		if k.Byte == b {
			return k
		}
	}
	return mapreduce.Kind{}
}

// TestSharesGiveTheSameResult hunts in generated logs in one process and through shares.
func TestSharesGiveTheSameResult(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much work")
	}
	logs, window := company(t, 20_000)
	inputs := inputsOf(logs)
	odd := func() func(*event.Event) bool {
		return func(e *event.Event) bool { return e.Time%3 == 0 }
	}
	hosts := Options{Hosts: []string{"10.0.2.17"}}
	for name, o := range map[string]Options{
		"plain": {},
		"hosts": hosts,
		"good":  {Good: []Span{{window.From - 20*day, window.From - day}}, Ignore: []Span{{window.From - 10*day, window.From - 9*day}}},
		"narrowed": {Narrow: Narrowing{DropWhere: []Where{{Text: "odd", New: odd}, {Text: "even", New: odd}}, OnlyHours: []HourRange{{0, 23}},
			KnownClients: true}},
		"judged": {Judge: func() func(*event.Event) (float64, float64, bool) {
			return func(e *event.Event) (float64, float64, bool) {
				return float64(e.Time%100) / 100, float64(e.Time % 13), e.Time%5 > 0
			}
		}},
		"marked": {MarksDecide: true, Mark: func() func(*event.Event, format.Position, []byte) Mark {
			return func(e *event.Event, _ format.Position, raw []byte) Mark {
				return []Mark{Unmarked, MarkedGood, MarkedBad, MarkedSuspicious, MarkedIgnored, Unmarked, MarkedSuspicious}[(len(raw)+int(e.Time/1e9%7))%7]
			}
		}},
		"little room":        {room: 1500},
		"no room":            {room: 300},
		"no room for others": {room: 40, Hosts: hosts.Hosts},
		"without behaviour":  {Method: Method{NoBehaviour: true}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Windows = []Span{window}
			o.Workers = 2
			want := hunted(t, inputs, o)
			if len(want.Suspects) == 0 || len(want.Placebos) == 0 {
				t.Fatalf("%d suspects, %d placebos: nothing to compare", len(want.Suspects), len(want.Placebos))
			}
			for seed := range uint64(4) {
				r := rand.New(rand.NewPCG(seed, 3))
				o.Seed = r.Uint64()
				n := 1 + r.IntN([]int{16, 3}[seed%2])
				size := []int64{50, 700, 1 << 40}[r.IntN(3)]
				got := shared(t, inputs, o, r, n, size, []float64{0, 1, .5}[seed%3])
				if err := same(want, got); err != nil {
					t.Fatalf("%d shares, splits of %d lines: %v", n, size, err)
				}
			}
		})
	}
}

// same says where two hunts differ.
func same(want, got told) error {
	if reflect.DeepEqual(want, got) {
		return nil
	}
	if len(want.Suspects) != len(got.Suspects) {
		return fmt.Errorf("%d suspects, want %d", len(got.Suspects), len(want.Suspects))
	}
	for i := range want.Suspects {
		if !reflect.DeepEqual(got.Suspects[i], want.Suspects[i]) {
			return fmt.Errorf("suspect %d differs:\n%+v\n%+v", i, got.Suspects[i], want.Suspects[i])
		}
	}
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range w.NumField() {
		if !reflect.DeepEqual(w.Field(i).Interface(), g.Field(i).Interface()) {
			return fmt.Errorf("%s differs: %+v, want %+v", w.Type().Field(i).Name, g.Field(i), w.Field(i))
		}
	}
	return nil
}

func inputsOf(logs map[string][]byte) (inputs []source.Input) {
	for name, data := range logs {
		inputs = append(inputs, source.Bytes(name, data))
	}
	slices.SortFunc(inputs, func(a, b source.Input) int { return strings.Compare(a.Name, b.Name) })
	return inputs
}

// TestBoundsTravel gives few events room, so that shares give up what others still have, and compares what is kept with what one
// collector of all events keeps.
func TestBoundsTravel(t *testing.T) {
	window := Span{100 * day, 100*day + 3600e9}
	gaveUp, thinned, enough := 0, 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		o := Options{Windows: []Span{window}, Hosts: []string{"10.0.0.1"}, room: 20 + r.IntN(1<<(4+r.IntN(6)))}
		h, err := newHunter(&o)
		if err != nil {
			t.Fatal(err)
		}
		keys := event.NewKeys()
		one := h.collector(0, keys)
		shares := make([]*Share, 1+r.IntN(3))
		for i := range shares {
			if shares[i], err = NewShare(o, keys, 0); err != nil {
				t.Fatal(err)
			}
		}
		days := 1 + r.Int64N(40)
		var e event.Event
		for i := range 400 {
			e.Reset()
			e.HasTime = true
			host := 1 // that of the window, at other times
			switch k := r.IntN(4); {
			case i == 0:
				e.Time = window.From
			case k == 0:
				e.Time, host = window.From+r.Int64N(3600e9), 2+r.IntN(40)
			case k == 1:
				e.Time = window.From + r.Int64N(3600e9) + day*(r.Int64N(2*days)-days)
			default:
				e.Time = window.From + day*(r.Int64N(2*days)-days) + r.Int64N(day)
			}
			e.Add(keys.Get("source.ip"), fmt.Append(nil, "10.0.0.", host))
			pos := format.Position{Line: int64(i + 1)}
			one.Event(&e, pos, []byte("x"))
			shares[min(r.IntN(4), len(shares)-1)].Event(&e, pos, []byte("x"))
		}
		a, err := NewAssembly(o, []string{"log"})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shares {
			if err := s.Emit(a.Add); err != nil {
				t.Fatal(err)
			}
		}
		h.rankFiles([]string{"log"})
		if err := h.merge([]*collector{one}); err != nil {
			t.Fatal(err)
		}
		if err := a.gather(&format.Summary{}, func(int, int64) (int64, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
		if want, got := h.bounded(), a.h.bounded(); want != got {
			t.Fatalf("seed %d, %d shares, room for %d: kept is\n%s\nwant\n%s", seed, len(shares), o.room, got, want)
		}
		if h.ladders[0].worst < 1<<30 {
			gaveUp++
		}
		if h.others.below+1 != 0 {
			thinned++
		}
		if len(h.ladders) == 1 {
			enough++
		}
	}
	if min(gaveUp, thinned, enough, 300-gaveUp, 300-enough) < 20 {
		t.Errorf("bounds are hardly met: %d gave up spans, %d others, %d had enough", gaveUp, thinned, enough)
	}
}

// bounded says what was kept of what is bounded.
func (h *hunter) bounded() string {
	s := fmt.Sprint(len(h.window.rows), " suspicious, ", h.others.rows.len(), " of others by ", h.others.below)
	for _, l := range h.ladders {
		s += fmt.Sprint("\nladder, worst ", l.worst, ", full ", l.full())
		for _, k := range l.order() {
			s += fmt.Sprintf(", %d: %d", k, l.spans[k].len())
		}
	}
	return s
}

// TestSharesOfNothing: an assembly of no event ends as a hunt without one does.
func TestSharesOfNothing(t *testing.T) {
	o := Options{Windows: []Span{{0, 1}}}
	a, err := NewAssembly(o, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewShare(o, event.NewKeys(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Emit(a.Add); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Result(&format.Summary{}, nil); err == nil || !strings.Contains(err.Error(), ErrNoTimes.Error()) {
		t.Fatalf("%v", err)
	}
}

// recordsOf calls emit with the records of a small hunt.
func recordsOf(t testing.TB, emit func(kind byte, key, value []byte)) Options {
	t.Helper()
	window := Span{1e18, 1e18 + 3600e9}
	o := Options{Windows: []Span{window}, Hosts: []string{"10.0.0.1"}}
	keys := event.NewKeys()
	s, err := NewShare(o, keys, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		var e event.Event
		e.HasTime, e.Time = true, window.From+int64(i-20)*300e9
		e.Dataset = "d"
		e.Add(keys.Get("source.ip"), fmt.Append(nil, "10.0.0.", i%3))
		e.Add(keys.Get("destination.ip"), fmt.Append(nil, "10.0.1.", i%5))
		e.Add(keys.Get("message"), fmt.Append(nil, "message ", i))
		s.Event(&e, format.Position{Line: int64(i + 1)}, []byte("line"))
	}
	if err := s.Emit(func(kind byte, key, sub, value []byte) error {
		emit(kind, bytes.Clone(key), bytes.Clone(value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestDamagedBlock: a block of events that was cut off, or has one byte changed, is refused or read, and never stops the program.
func TestDamagedBlock(t *testing.T) {
	var key, block []byte
	o := recordsOf(t, func(kind byte, k, value []byte) {
		if kind == recordRows {
			var err error
			if key = k; len(block) == 0 {
				block, err = mapreduce.Unpack(nil, value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if len(block) < 100 {
		t.Fatalf("a block of %d bytes", len(block))
	}
	add := func(block []byte) error {
		a, err := NewAssembly(o, []string{"x"})
		if err != nil {
			t.Fatal(err)
		}
		packed, err := mapreduce.Pack(nil, block)
		if err != nil {
			t.Fatal(err)
		}
		return a.Add(recordRows, key, nil, packed)
	}
	if err := add(block); err != nil {
		t.Fatal(err)
	}
	for n := range block {
		if err := add(block[:n]); !errors.Is(err, ErrRecord) {
			t.Errorf("the first %d of %d bytes: %v", n, len(block), err)
		}
		for _, x := range []byte{0, 1, 0x7f, 0xff} {
			b := bytes.Clone(block)
			b[n] = x
			if err := add(b); err != nil && !errors.Is(err, ErrRecord) {
				t.Errorf("byte %d as %#x: %v", n, x, err)
			}
		}
	}
}

// FuzzRecords: bytes of others never stop a hunt, but for an error.
func FuzzRecords(f *testing.F) {
	o := recordsOf(f, func(kind byte, key, value []byte) { f.Add(kind, key, value) })
	f.Fuzz(func(t *testing.T, kind byte, key, value []byte) {
		if merge := kindOf(kind).Merge; merge != nil {
			if sum := merge(); sum.Add(value) == nil {
				out, err := sum.Append(nil)
				if err == nil {
					err = sum.Add(out)
				}
				if err != nil {
					t.Fatalf("what was written cannot be read: %v", err)
				}
			}
		}
		a, err := NewAssembly(o, []string{"x"})
		if err != nil {
			t.Fatal(err)
		}
		if a.Add(kind, key, nil, value) == nil {
			if r, err := a.Result(&format.Summary{Files: make([]format.FileSummary, 1)}, func(int, int64) (int64, error) { return 0, nil }); err == nil {
				_ = r.Folds()
			}
		}
	})
}
