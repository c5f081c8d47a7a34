package lake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/bayes"
	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/marks"
)

// marksStart is the time of the first event of markedLines; they are ten minutes apart.
var marksStart = time.Date(2012, 3, 16, 0, 0, 0, 0, time.UTC)

func markedLines(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, `{"ts":%d,"uid":"C%07d","id.orig_h":"192.0.2.%d","id.orig_p":%d,"id.resp_h":"198.51.100.%d","id.resp_p":%d,"proto":"tcp","service":"s%d"}`+"\n",
			marksStart.Unix()+int64(600*i), i, i%5, 20000+i*7%1000, i%3, 80+i%4, i%7)
	}
	return b.String()
}

var markCount int

func newMark(what marks.What, s marks.Span) marks.Mark {
	markCount++
	return marks.Mark{ID: fmt.Sprintf("m%06d", markCount), When: time.Date(2012, 4, 1, 0, 0, markCount, 0, time.UTC), Who: "ana", What: what, Span: &s}
}

func addMark(t testing.TB, l *Lake, what marks.What, s marks.Span) string {
	t.Helper()
	m := newMark(what, s)
	if err := l.AddMark(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return m.ID
}

func takeBack(l *Lake, id string) error {
	markCount++
	_, err := l.TakeBack(context.Background(), marks.Mark{ID: fmt.Sprintf("m%06d", markCount), When: time.Date(2012, 4, 2, 0, 0, markCount, 0, time.UTC), Who: "ben",
		Note: "was a drill", Unmark: id})
	return err
}

func at(n int) time.Time { return marksStart.Add(time.Duration(n) * 10 * time.Minute) }

// fromNothing counts every event of the lake by what the marks say of it, and makes the model of that: without the counts of
// segments, and without shares.
type fromNothing struct {
	class map[Class]*count.Tally
	model []byte
}

type perClass struct {
	rows   *rows
	labels *marks.Labeller
	days   map[string]map[Class]*dayTally
}

func (p *perClass) Event(e *event.Event, _ format.Position, _ []byte) {
	class := Good
	if m := p.labels.Label(0, e, nil); m != nil && m.What == marks.Bad {
		class = Bad
	} else if m != nil && m.What == marks.Ignore {
		class = Ignored
	}
	day := ""
	if e.HasTime {
		day = time.Unix(0, e.Time).UTC().Format(time.DateOnly)
	}
	if p.days[day] == nil {
		p.days[day] = map[Class]*dayTally{Good: {tally: count.NewTally()}, Bad: {tally: count.NewTally()}, Ignored: {tally: count.NewTally()}}
	}
	p.rows.count(e, p.days[day][class])
}

func recount(t testing.TB, l *Lake, halfLife int) *fromNothing {
	t.Helper()
	set, err := l.MarkSet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var p *perClass
	_, err = l.Scan(t.Context(), ScanOptions{Workers: 1}, func(_ int, keys *event.Keys) format.Handler {
		p = &perClass{rows: l.newRows(keys), labels: set.Bind(nil).Labeller(), days: map[string]map[Class]*dayTally{}}
		return p
	})
	if err != nil {
		t.Fatal(err)
	}
	p.rows.counter.Flush()
	out := &fromNothing{class: map[Class]*count.Tally{All: count.NewTally(), Good: count.NewTally(), Bad: count.NewTally(), Ignored: count.NewTally()}}
	newest := ""
	for day := range p.days {
		newest = max(newest, day)
	}
	scale := uint64(1)
	if halfLife > 0 {
		scale = agedScale
	}
	var total [2]uint64
	lists := map[tokensOf][]tokenEvidence{}
	type cell struct {
		field string
		part  bool
		token uint64
	}
	sums := map[cell]*[2]uint64{}
	for day, classes := range p.days {
		factor := scale
		if halfLife > 0 && day != "" {
			a, _ := time.Parse(time.DateOnly, day)
			b, _ := time.Parse(time.DateOnly, newest)
			factor = uint64(bayes.Exp2(-b.Sub(a).Hours()/24/float64(halfLife))*agedScale + .5)
		}
		for class, d := range classes {
			out.class[class].Merge(d.tally)
			out.class[All].Merge(d.tally)
			i := map[Class]int{Good: 0, Bad: 1, Ignored: -1}[class]
			if i < 0 {
				continue
			}
			for _, n := range d.tally.Events {
				total[i] += n * factor
			}
			for _, name := range d.tally.Names() {
				for _, c := range d.tally.Field(name).Cells() {
					k := cell{name, c.Part, c.Token}
					if sums[k] == nil {
						sums[k] = &[2]uint64{}
					}
					sums[k][i] += c.N * factor
				}
			}
		}
	}
	for k, n := range sums {
		if n[1] == 0 {
			continue
		}
		of := tokensOf{k.field, k.part}
		lists[of] = append(lists[of], tokenEvidence{token: k.token, all: n[0] + n[1], bad: n[1]})
	}
	var b bytes.Buffer
	w := newModelWriter(&b, scale, total)
	for _, of := range slices.SortedFunc(maps.Keys(lists), tokensOf.compare) {
		slices.SortFunc(lists[of], func(a, b tokenEvidence) int { return cmp.Compare(a.token, b.token) })
		for _, x := range lists[of] {
			if err := w.add(of.field, of.part, x); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	out.model = b.Bytes()
	return out
}

// sameAsFromNothing trains, and compares the model and the counts of every class with those made from nothing.
func sameAsFromNothing(t testing.TB, l *Lake, halfLife int) *Training {
	t.Helper()
	r, err := l.Train(t.Context(), TrainOptions{HalfLife: halfLife})
	if err != nil {
		t.Fatal(err)
	}
	want := recount(t, l, halfLife)
	got, err := os.ReadFile(l.path(r.Model.Name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.model) {
		t.Fatalf("the model has %d bytes that are not the %d of one trained from nothing (%d bad events)", len(got), len(want.model), r.Model.Bad)
	}
	for _, class := range []Class{All, Good, Bad, Ignored} {
		tally, err := l.Tally(t.Context(), class)
		if err != nil {
			t.Fatal(err)
		}
		var a, b bytes.Buffer
		if err := errors.Join(writeTally(&a, tally), writeTally(&b, want.class[class])); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatalf("the counts of what is %s are not those of the events", class)
		}
	}
	return r
}

// However many tokens are looked up at once, the model is the same.
func TestTokensInSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	writeOld(t, path, markedLines(0, 400))
	l := makeLake(t)
	ingestFiles(t, l, IngestOptions{Batch: 9000}, path)
	addMark(t, l, marks.Bad, marks.Span{From: at(30), To: at(300)})
	addMark(t, l, marks.Ignore, marks.Span{From: at(290), To: at(320)})
	defer func(n int) { pieceTokens = n }(pieceTokens)
	for _, pieceTokens = range []int{2 << 20, 500, 40, 1} {
		for _, halfLife := range []int{0, 3, 0} { // so that there is something to train
			sameAsFromNothing(t, l, halfLife)
		}
		v, err := l.Trainer.ground.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ev, err := l.Trainer.evidence(t.Context(), v, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ev.steps); pieceTokens > 1000 && n != 1 || pieceTokens < 1000 && n < 3 {
			t.Errorf("%d tokens at once make %d steps", pieceTokens, n)
		}
		sound(t, l)
	}
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
	if testing.Short() {
		return 6
	}
	return 40
}

func randomSpan(r *rand.Rand, n int) marks.Span {
	s := marks.Span{}
	from := r.IntN(n)
	switch r.IntN(8) {
	case 0: // exactly one event
		s.From, s.To = at(from), at(from)
	case 1: // nothing, between two events
		s.From, s.To = at(from).Add(1), at(from+1).Add(-1)
	case 2: // open
		s.From = at(n - n/8)
	case 3: // no window at all
		s.Where = `zeek.service == "s3" or network.protocol == "s3"`
	default:
		s.From, s.To = at(from), at(from+1+r.IntN(n/3))
	}
	if r.IntN(3) == 0 {
		s.Hosts = []string{fmt.Sprintf("192.0.2.%d", r.IntN(6))}
	}
	if r.IntN(4) == 0 {
		s.Where = fmt.Sprintf("destination.port == %d", 80+r.IntN(5))
	}
	return s
}

// TestMarksInRandomOrders makes marks and takes them back in random orders, with ingesting, compaction and forgetting in between:
// the model is always the one that training from nothing makes.
func TestMarksInRandomOrders(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	var l *Lake
	var path, text string
	var n int
	moved := int64(0)
	for order := range orders(t) {
		if order%20 == 0 { // a new lake, lest there be thousands of marks
			l, n = makeLake(t), 200
			path, text = filepath.Join(t.TempDir(), "conn.log"), markedLines(0, n)
			writeOld(t, path, text)
			ingestFiles(t, l, IngestOptions{Batch: 8000}, path)
		}
		var mine []string
		for range 2 + r.IntN(4) {
			switch k := r.IntN(10); {
			case k < 5 || len(mine) == 0:
				what := []marks.What{marks.Bad, marks.Bad, marks.Good, marks.Ignore}[r.IntN(4)]
				mine = append(mine, addMark(t, l, what, randomSpan(r, n)))
			case k < 8:
				i := r.IntN(len(mine))
				if err := takeBack(l, mine[i]); err != nil {
					t.Fatal(err)
				}
				mine = slices.Delete(mine, i, i+1)
			case k == 8 && r.IntN(3) == 0:
				more := 1 + r.IntN(30)
				text += markedLines(n, more)
				n += more
				writeOld(t, path, text)
				ingestFiles(t, l, IngestOptions{Batch: 4000}, path)
			case k == 8:
				if _, err := l.compact(t.Context(), 2); err != nil {
					t.Fatal(err)
				}
			default:
				port := fmt.Sprint(20000 + r.IntN(n)*7%1000)
				_, err := l.Forget(t.Context(), func(e *event.Event) bool { return string(e.Get("source.port")) == port }, "a test")
				if err != nil {
					t.Fatal(err)
				}
			}
			if r.IntN(3) == 0 {
				if laid, err := l.Lay(t.Context()); err != nil {
					t.Fatal(err)
				} else {
					moved += laid.Moved
				}
			}
		}
		moved += sameAsFromNothing(t, l, []int{0, 0, 1, 3}[r.IntN(4)]).Moved
		if order%20 == 19 {
			sound(t, l)
		}
		// All of them are taken back: what is left is what was before.
		for _, id := range mine {
			if r.IntN(4) > 0 {
				if err := takeBack(l, id); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	sameAsFromNothing(t, l, 0)
	sound(t, l)
	if moved == 0 {
		t.Error("no mark held an event")
	}
}

// TestWhatAMarkHolds checks which events a mark holds, and which of two decides.
func TestWhatAMarkHolds(t *testing.T) {
	type mark struct {
		what marks.What
		span marks.Span
	}
	day := func(n int) time.Time { return at(144 * n) }
	for name, c := range map[string]struct {
		marks        []mark
		bad, ignored int64
	}{
		"none":                 {},
		"both ends":            {[]mark{{marks.Bad, marks.Span{From: at(10), To: at(15)}}}, 6, 0},
		"just inside":          {[]mark{{marks.Bad, marks.Span{From: at(10).Add(1), To: at(15).Add(-1)}}}, 4, 0},
		"over days":            {[]mark{{marks.Bad, marks.Span{From: day(1).Add(-time.Hour), To: day(2)}}}, 151, 0},
		"open":                 {[]mark{{marks.Bad, marks.Span{From: at(290)}}}, 10, 0},
		"host":                 {[]mark{{marks.Bad, marks.Span{From: at(0), To: at(9), Hosts: []string{"192.0.2.3"}}}}, 2, 0},
		"where":                {[]mark{{marks.Bad, marks.Span{From: at(0), To: at(7), Where: "destination.port == 81"}}}, 2, 0},
		"host without window":  {[]mark{{marks.Bad, marks.Span{Hosts: []string{"192.0.2.3"}}}}, 60, 0},
		"ignore over bad":      {[]mark{{marks.Bad, marks.Span{From: at(10), To: at(19)}}, {marks.Ignore, marks.Span{From: at(15), To: at(24)}}}, 5, 10},
		"bad over ignore":      {[]mark{{marks.Ignore, marks.Span{From: at(15), To: at(24)}}, {marks.Bad, marks.Span{From: at(10), To: at(19)}}}, 10, 5},
		"good over bad":        {[]mark{{marks.Bad, marks.Span{From: at(10), To: at(19)}}, {marks.Good, marks.Span{From: at(12), To: at(13)}}}, 8, 0},
		"good alone":           {[]mark{{marks.Good, marks.Span{From: at(12), To: at(13)}}}, 0, 0},
		"nothing in it":        {[]mark{{marks.Bad, marks.Span{From: at(1000), To: at(1001)}}}, 0, 0},
		"everything, one side": {[]mark{{marks.Bad, marks.Span{To: at(1000)}}}, 300, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := makeLake(t)
			path := filepath.Join(t.TempDir(), "conn.log")
			writeOld(t, path, markedLines(0, 300))
			ingestFiles(t, l, IngestOptions{Batch: 9000}, path)
			for _, m := range c.marks {
				addMark(t, l, m.what, m.span)
			}
			r := sameAsFromNothing(t, l, 0)
			if r.Model.Bad != c.bad || r.Model.Ignored != c.ignored || r.Model.Good != 300-c.bad-c.ignored {
				t.Errorf("%d good, %d bad, %d ignored", r.Model.Good, r.Model.Bad, r.Model.Ignored)
			}
			sound(t, l)
		})
	}
}

// TestOnlyTheWindowIsRead counts what laying a mark reads.
func TestOnlyTheWindowIsRead(t *testing.T) {
	l := makeLake(t)
	path := filepath.Join(t.TempDir(), "conn.log")
	writeOld(t, path, markedLines(0, 1000))
	ingestFiles(t, l, IngestOptions{}, path)
	id := addMark(t, l, marks.Bad, marks.Span{From: at(500), To: at(509)})
	if r := sameAsFromNothing(t, l, 0); r.Read != 10 || r.Moved != 10 || r.Segments != 1 {
		t.Errorf("%+v", r.Laying)
	}
	addMark(t, l, marks.Ignore, marks.Span{From: at(505), To: at(506)})
	if r := sameAsFromNothing(t, l, 0); r.Read != 2 || r.Moved != 2 {
		t.Errorf("%+v", r.Laying)
	}
	if err := takeBack(l, id); err != nil {
		t.Fatal(err)
	}
	if r := sameAsFromNothing(t, l, 0); r.Read != 10 || r.Moved != 8 {
		t.Errorf("%+v", r.Laying)
	}
	if r := sameAsFromNothing(t, l, 0); r.Read != 0 || r.Fresh {
		t.Errorf("trained again for nothing: %+v", r)
	}
}

func TestMarksOfAnEmptyLake(t *testing.T) {
	l := makeLake(t)
	id := addMark(t, l, marks.Bad, marks.Span{From: at(0), To: at(5)})
	if r := sameAsFromNothing(t, l, 0); r.Model.Bad != 0 || r.Model.Good != 0 {
		t.Errorf("%+v", r.Model)
	}
	path := filepath.Join(t.TempDir(), "conn.log")
	writeOld(t, path, markedLines(0, 20)) // the mark was there before its events
	ingestFiles(t, l, IngestOptions{}, path)
	if r := sameAsFromNothing(t, l, 0); r.Model.Bad != 6 {
		t.Errorf("%+v", r.Model)
	}
	if err := takeBack(l, "nobody"); !errors.Is(err, ErrNoMark) {
		t.Errorf("%v", err)
	}
	if err := takeBack(l, id); err != nil {
		t.Error(err)
	}
	if err := takeBack(l, id); !errors.Is(err, ErrTakenBack) {
		t.Errorf("%v", err)
	}
	list, err := l.Marks(t.Context())
	if err != nil || len(list) != 1 || list[0].Who != "ana" || list[0].TakenBackBy != "ben" || list[0].TakenBackNote != "was a drill" || !list[0].TakenBack.Valid {
		t.Errorf("the history: %+v %v", list, err)
	}
	set, err := l.MarkSet(t.Context())
	if err != nil || len(set.Standing()) != 0 || len(set.All()) != 2 {
		t.Errorf("%+v %v", set, err)
	}
	// Into another lake and once more: the same marks.
	other := makeLake(t)
	for i, want := range []Import{{Added: 1, TakenBack: 1}, {Known: 2}} {
		r, err := other.ImportMarks(t.Context(), set)
		if err != nil || *r != want {
			t.Errorf("import %d: %+v %v", i, r, err)
		}
	}
	again, err := other.Marks(t.Context())
	if err != nil || !slices.Equal(again, list) {
		t.Errorf("%+v\n%+v %v", again, list, err)
	}
}
