package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/event"
	"weir/internal/lake"
	"weir/internal/marks"
)

// start is the time of the first line of conns; they are ten minutes apart.
var start = time.Date(2012, 3, 16, 0, 0, 0, 0, time.UTC)

func at(n int) time.Time { return start.Add(time.Duration(n) * 10 * time.Minute) }

// conns is n connections from the i-th on.
func conns(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, `{"ts":%d,"uid":"C%07d","id.orig_h":"192.0.2.%d","id.orig_p":%d,"id.resp_h":"198.51.100.%d","id.resp_p":%d,"proto":"tcp","service":"s%d"}`+"\n",
			at(i).Unix(), i, i%5, 20000+i*7%1000, i%3, 80+i%4, i%7)
	}
	return b.String()
}

// A marker makes marks that can be told apart.
type marker struct{ n int }

func (k *marker) mark(what marks.What, s marks.Span) marks.Mark {
	k.n++
	return marks.Mark{ID: fmt.Sprintf("m%06d", k.n), When: time.Date(2012, 4, 1, 0, 0, k.n, 0, time.UTC), Who: "ana", What: what, Note: "a note", Span: &s}
}

func (k *marker) unmark(id string) marks.Mark {
	k.n++
	return marks.Mark{ID: fmt.Sprintf("m%06d", k.n), When: time.Date(2012, 4, 1, 0, 0, k.n, 0, time.UTC), Who: "ben", Note: "was a drill", Unmark: id}
}

func (b *bench) add(m marks.Mark) string {
	b.t.Helper()
	if err := b.s.AddMark(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
	return m.ID
}

func whatMarksHold(_ *testing.T, b *bench) {
	b.keep(lake.IngestOptions{Batch: 9000}, "conn.log", conns(0, 300)) // of two days and a bit
	type mark struct {
		what marks.What
		span marks.Span
	}
	k := &marker{}
	for _, c := range []struct {
		name         string
		marks        []mark
		bad, ignored int64
	}{
		{name: "none"},
		{"both ends", []mark{{marks.Bad, marks.Span{From: at(10), To: at(15)}}}, 6, 0},
		{"just inside", []mark{{marks.Bad, marks.Span{From: at(10).Add(1), To: at(15).Add(-1)}}}, 4, 0},
		{"over days", []mark{{marks.Bad, marks.Span{From: at(138), To: at(288)}}}, 151, 0},
		{"open", []mark{{marks.Bad, marks.Span{From: at(290)}}}, 10, 0},
		{"host", []mark{{marks.Bad, marks.Span{From: at(0), To: at(9), Hosts: []string{"192.0.2.3"}}}}, 2, 0},
		{"where, without a window", []mark{{marks.Bad, marks.Span{Where: "destination.port == 81"}}}, 75, 0},
		{"the later decides", []mark{{marks.Bad, marks.Span{From: at(10), To: at(19)}}, {marks.Ignore, marks.Span{From: at(15), To: at(24)}},
			{marks.Good, marks.Span{From: at(12), To: at(13)}}}, 3, 10},
		{"nothing in it", []mark{{marks.Bad, marks.Span{From: at(1000), To: at(1001)}}}, 0, 0},
	} {
		var ids []string
		for _, m := range c.marks {
			ids = append(ids, b.add(k.mark(m.what, m.span)))
		}
		r := b.train(0)
		if r.Model.Bad != c.bad || r.Model.Ignored != c.ignored || r.Model.Good != 300-c.bad-c.ignored {
			b.t.Errorf("%s: %d good, %d bad, %d ignored", c.name, r.Model.Good, r.Model.Bad, r.Model.Ignored)
		}
		for _, id := range ids {
			if _, err := b.s.TakeBack(b.t.Context(), k.unmark(id)); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if r := b.train(0); r.Model.Bad != 0 || r.Model.Ignored != 0 {
		b.t.Errorf("all is taken back: %+v", r.Model)
	}
	for _, class := range []lake.Class{lake.All, lake.Good, lake.Bad, lake.Ignored} {
		t, err := b.s.Tally(b.t.Context(), class)
		if err != nil {
			b.t.Fatal(err)
		}
		var n uint64
		for _, x := range t.Events {
			n += x
		}
		if want := map[lake.Class]uint64{lake.All: 300, lake.Good: 300}[class]; n != want {
			b.t.Errorf("%d events are %s, want %d", n, class, want)
		}
	}
	b.sound(300)
}

func takenBack(_ *testing.T, b *bench) {
	k := &marker{}
	first := k.mark(marks.Bad, marks.Span{From: at(0), To: at(5), Hosts: []string{"192.0.2.1", "h\x00st"}, Where: "destination.port > 1"})
	b.add(first)
	if err := b.s.AddMark(b.t.Context(), first); err == nil {
		b.t.Error("one id twice")
	}
	if err := b.s.AddMark(b.t.Context(), marks.Mark{ID: "x", When: at(0), Who: "ana", What: marks.Bad, Records: []marks.Records{{File: "f", Lines: []int64{1}, Hashes: []uint64{1}}}}); err == nil {
		b.t.Error("a mark of records was taken")
	}
	if _, err := b.s.Tally(b.t.Context(), lake.Bad); err != nil {
		b.t.Errorf("a mark of nothing: %v", err)
	}
	b.keep(lake.IngestOptions{}, "conn.log", conns(0, 20)) // the mark was there before its events
	if _, err := b.s.Tally(b.t.Context(), lake.Bad); !errors.Is(err, lake.ErrStale) {
		b.t.Errorf("counts without the mark: %v", err)
	}
	if r := b.train(0); r.Model.Bad != 1 || !r.Fresh {
		b.t.Errorf("%+v", r.Model)
	}
	if r := b.train(0); r.Fresh || r.Read != 0 {
		b.t.Errorf("trained again for nothing: %+v", r)
	}
	if _, err := b.s.TakeBack(b.t.Context(), k.unmark("nobody")); !errors.Is(err, lake.ErrNoMark) {
		b.t.Errorf("%v", err)
	}
	old, err := b.s.TakeBack(b.t.Context(), k.unmark(first.ID))
	if err != nil || old.Text() != first.Text() || old.Who != "ana" {
		b.t.Errorf("%+v %v", old, err)
	}
	if _, err := b.s.TakeBack(b.t.Context(), k.unmark(first.ID)); !errors.Is(err, lake.ErrTakenBack) {
		b.t.Errorf("%v", err)
	}
	b.s.Close()
	b.s = b.open()
	list, err := b.s.Marks(b.t.Context())
	if err != nil || len(list) != 1 || list[0].Who != "ana" || list[0].Note != "a note" || list[0].TakenBackBy != "ben" || list[0].TakenBackNote != "was a drill" ||
		!list[0].TakenBack.Valid || list[0].Begins.Int64 != at(0).UnixNano() || list[0].Ends.Int64 != at(5).UnixNano() || list[0].Made != first.When.UnixNano() ||
		list[0].Hosts != `["192.0.2.1","h\u0000st"]` || list[0].Condition != "destination.port > 1" {
		b.t.Errorf("the history: %+v %v", list, err)
	}
	if r := b.train(0); r.Model.Bad != 0 {
		b.t.Errorf("%+v", r.Model)
	}
	b.sound(20)
}

// orders is how many random orders of marks are tried.
func orders(t *testing.T) int {
	if text := os.Getenv("WEIR_ORDERS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 5
}

// randomOrders makes marks and takes them back in random orders, with ingesting and forgetting in between: the model is always the
// one that training from nothing makes.
func randomOrders(t *testing.T, b *bench) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("WEIR_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	n, k := 150, &marker{}
	var mine []string
	b.keep(lake.IngestOptions{Batch: 5000}, "conn.log", conns(0, n))
	moved := int64(0)
	for range orders(t) {
		for range 2 + r.IntN(4) {
			switch i := r.IntN(10); {
			case i < 5 || len(mine) == 0:
				span := marks.Span{From: at(r.IntN(n))}
				if span.To = span.From.Add(time.Duration(r.IntN(n)) * 5 * time.Minute); r.IntN(4) == 0 {
					span.Hosts = []string{fmt.Sprintf("192.0.2.%d", r.IntN(6))}
				}
				if r.IntN(6) == 0 {
					span = marks.Span{Where: fmt.Sprintf("destination.port == %d", 80+r.IntN(5))}
				}
				mine = append(mine, b.add(k.mark([]marks.What{marks.Bad, marks.Bad, marks.Good, marks.Ignore}[r.IntN(4)], span)))
			case i < 8:
				at := r.IntN(len(mine))
				if _, err := b.s.TakeBack(t.Context(), k.unmark(mine[at])); err != nil {
					t.Fatal(err)
				}
				mine = slices.Delete(mine, at, at+1)
			case i == 8:
				n += 1 + r.IntN(30)
				b.keep(lake.IngestOptions{Batch: 3000}, "conn.log", conns(0, n))
			default:
				port := fmt.Sprint(20000 + r.IntN(n)*7%1000)
				match := func(e *event.Event) bool { return string(e.Get("source.port")) == port }
				if _, err := b.s.Forget(t.Context(), match, "a test"); err != nil {
					t.Fatal(err)
				}
				before := n // what comes later is not forgotten
				b.forgotten = append(b.forgotten, func(e *event.Event) bool { return match(e) && e.Time <= at(before-1).UnixNano() })
			}
		}
		moved += b.train([]int{0, 0, 1, 3}[r.IntN(4)]).Moved
	}
	if v, err := b.s.Verify(t.Context()); err != nil || len(v.Faults) > 0 {
		t.Fatalf("%q %v", v.Faults, err)
	}
	for _, id := range mine {
		if _, err := b.s.TakeBack(t.Context(), k.unmark(id)); err != nil {
			t.Fatal(err)
		}
	}
	if m := b.train(0).Model; m.Bad != 0 || m.Ignored != 0 {
		t.Errorf("all is taken back: %+v", m)
	}
	if moved == 0 {
		t.Error("no mark held an event")
	}
}

func imported(_ *testing.T, b *bench) {
	k := &marker{}
	one, two := k.mark(marks.Bad, marks.Span{From: at(3), To: at(9)}), k.mark(marks.Ignore, marks.Span{Hosts: []string{"192.0.2.1"}})
	records := marks.Mark{ID: "r1", When: at(1), Who: "ana", What: marks.Bad, Records: []marks.Records{{File: "f", Lines: []int64{1}, Hashes: []uint64{1}}}}
	var text bytes.Buffer
	for _, m := range []marks.Mark{one, two, records, k.unmark(one.ID), k.unmark("r1"), k.mark(marks.Bad, marks.Span{From: at(5), To: at(7)})} {
		line, err := m.Encode()
		if err != nil {
			b.t.Fatal(err)
		}
		text.Write(line)
	}
	set, err := marks.Read(&text)
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(lake.IngestOptions{}, "conn.log", conns(0, 30))
	for i, want := range []lake.Import{{Added: 3, TakenBack: 1, Records: 1}, {Known: 4, Records: 1}} {
		r, err := b.s.ImportMarks(b.t.Context(), set)
		if err != nil || *r != want {
			b.t.Errorf("import %d: %+v %v", i, r, err)
		}
	}
	there, err := b.s.MarkSet(b.t.Context())
	if err != nil || len(there.Standing()) != 2 || len(there.All()) != 4 {
		b.t.Errorf("%+v %v", there, err)
	}
	if m := b.train(0).Model; m.Bad != 3 || m.Ignored != 5 { // 1 of the 6 events of 192.0.2.1 is in the later mark
		b.t.Errorf("%d bad, %d ignored", m.Bad, m.Ignored)
	}
	id := there.Standing()[0].ID
	line, err := (&marks.Mark{ID: "again", When: at(1), Who: "ana", Unmark: id}).Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	first, _ := there.ByID(id)
	head, err := first.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	if set, err = marks.Read(bytes.NewReader(append(head, line...))); err != nil {
		b.t.Fatal(err)
	}
	if r, err := b.s.ImportMarks(b.t.Context(), set); err != nil || *r != (lake.Import{Known: 1, TakenBack: 1}) {
		b.t.Errorf("%+v %v", r, err)
	}
	b.train(0)
}

func halfLife(_ *testing.T, b *bench) {
	b.keep(lake.IngestOptions{Batch: 20_000}, "conn.log", conns(0, 500)) // four days
	k := &marker{}
	b.add(k.mark(marks.Bad, marks.Span{From: at(100), To: at(160)}))
	b.add(k.mark(marks.Ignore, marks.Span{From: at(300), To: at(310)}))
	plain := b.train(0).Model
	aged := b.train(2).Model
	if aged.HalfLife != 2 || bytes.Equal(aged.Hash, plain.Hash) || aged.Good != plain.Good {
		b.t.Errorf("%+v\n%+v", aged, plain)
	}
	if r := b.train(0); !r.Fresh || !bytes.Equal(r.Model.Hash, plain.Hash) || r.Before.HalfLife != 2 {
		b.t.Errorf("%+v", r)
	}
	if _, err := b.s.Train(b.t.Context(), lake.TrainOptions{HalfLife: -1}); err == nil {
		b.t.Error("half-life of -1 days")
	}
}

// markersAtOnce has several mark, take back and train at the same time, each with the store open for himself.
func markersAtOnce(t *testing.T, b *bench) {
	b.keep(lake.IngestOptions{Batch: 9000}, "conn.log", conns(0, 200))
	k := &marker{}
	var lists [3][]marks.Mark
	for i := range lists {
		for j := range 3 {
			lists[i] = append(lists[i], k.mark([]marks.What{marks.Bad, marks.Ignore}[j%2], marks.Span{From: at(40*i + 20*j), To: at(40*i + 20*j + 45)}))
		}
		lists[i] = append(lists[i], k.unmark(lists[i][1].ID))
	}
	var wait sync.WaitGroup
	for i := range lists {
		s := b.open()
		defer s.Close()
		wait.Go(func() {
			for _, m := range lists[i] {
				var err error
				if m.Unmark != "" {
					_, err = s.TakeBack(t.Context(), m)
				} else {
					err = s.AddMark(t.Context(), m)
				}
				if err != nil {
					t.Error(err)
				}
				if _, err := s.Train(t.Context(), lake.TrainOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	m, err := b.s.LastModel(t.Context())
	if err != nil || m == nil {
		t.Fatal(m, err)
	}
	if ok, err := b.s.UpToDate(t.Context(), m); !ok || err != nil {
		t.Errorf("the last model is not of the last marks: %+v %v", m, err)
	}
	if list, err := b.s.Marks(t.Context()); err != nil || len(list) != 9 {
		t.Errorf("%d marks, %v", len(list), err)
	}
	if r := b.train(0); r.Fresh {
		t.Error("there was something left to do")
	}
	b.sound(200)
}

func forgetModel(_ *testing.T, b *bench) {
	b.keep(lake.IngestOptions{}, "conn.log", conns(0, 100))
	k := &marker{}
	b.add(k.mark(marks.Bad, marks.Span{From: at(10), To: at(70)}))
	before := b.train(0).Model
	match := func(e *event.Event) bool { return string(e.Get("source.ip")) == "192.0.2.1" }
	if _, err := b.s.Forget(b.t.Context(), match, "a test"); err != nil {
		b.t.Fatal(err)
	}
	b.forgotten = append(b.forgotten, match)
	if _, err := b.s.ModelBytes(b.t.Context(), before); !errors.Is(err, lake.ErrGone) {
		b.t.Errorf("the model of before is still there: %v", err)
	}
	if m, err := b.s.LastModel(b.t.Context()); err != nil || m == nil || m.Name != "" || m.Bad != before.Bad {
		b.t.Errorf("that there was one: %+v %v", m, err)
	}
	if m := b.train(0).Model; m.Bad != before.Bad-12 {
		b.t.Errorf("%d bad events, %d before", m.Bad, before.Bad)
	}
	b.sound(80)
}

func statusOfMarks(_ *testing.T, b *bench) {
	b.keep(lake.IngestOptions{}, "conn.log", conns(0, 50))
	k := &marker{}
	status := func(marks int64, last time.Time, bad int64, stale bool) {
		b.t.Helper()
		st, err := b.s.Status(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		if st.Marks != marks || marks > 0 && st.LastMark != last.UnixNano() || st.Model == nil && bad >= 0 || st.Model != nil && (st.Model.Bad != bad || st.Model.Made == 0) ||
			st.ModelStale != stale {
			b.t.Errorf("%d marks, the last of %d, %+v, %v", st.Marks, st.LastMark, st.Model, st.ModelStale)
		}
	}
	status(0, time.Time{}, -1, false)
	m := k.mark(marks.Bad, marks.Span{From: at(10), To: at(19)})
	b.add(m)
	status(1, m.When, -1, false)
	b.train(0)
	status(1, m.When, 10, false)
	b.keep(lake.IngestOptions{}, "conn.log", conns(0, 60))
	status(1, m.When, 10, true)
	b.train(0)
	status(1, m.When, 10, false)
	if _, err := b.s.TakeBack(b.t.Context(), k.unmark(m.ID)); err != nil {
		b.t.Fatal(err)
	}
	status(0, time.Time{}, 10, true)
}

func drift(_ *testing.T, b *bench) {
	b.keep(lake.IngestOptions{}, "conn.log", conns(0, 100))
	k := &marker{}
	b.train(0)
	b.add(k.mark(marks.Bad, marks.Span{Where: "destination.port == 81"}))
	r := b.train(0)
	list, err := b.s.Drift(b.t.Context(), r.Before, r.Model, 10)
	if err != nil || len(list) != 10 {
		b.t.Fatalf("%d changes, %v", len(list), err)
	}
	if !slices.ContainsFunc(list, func(c lake.Change) bool {
		return strings.Contains(c.Name, "81") && c.Is.Bad == 25 && c.Is.Good == 0 && c.Bits() > 0
	}) {
		b.t.Errorf("%+v", list)
	}
	for _, c := range list {
		if c.Name == "" {
			b.t.Errorf("a token without a name: %+v", c)
		}
	}
}
