package lake

import (
	"os"
	"runtime"
	"testing"
	"time"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/marks"
)

// TestMarkSpeed marks an hour of the lake in WEIR_LAKE (the hour before the middle of it), and compares the time to the new model with
// that of counting all of its events by class, on all processors. The mark is taken back.
func TestMarkSpeed(t *testing.T) {
	dir := os.Getenv("WEIR_LAKE")
	if dir == "" {
		t.Skip("NOT MEASURED: no WEIR_LAKE")
	}
	l, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Train(t.Context(), TrainOptions{}); err != nil {
		t.Fatal(err)
	}
	st, err := l.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := time.Unix(0, st.First/2+st.Last/2).UTC()
	start := time.Now()
	m := marks.Mark{ID: "s" + time.Now().Format("20060102150405"), When: start, Who: "speed", What: marks.Bad, Span: &marks.Span{From: to.Add(-time.Hour), To: to}}
	if err := l.AddMark(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	laid, err := l.Lay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	half := time.Since(start)
	r, err := l.Train(t.Context(), TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	marked := time.Since(start)
	start = time.Now()
	if _, err := l.TakeBack(t.Context(), marks.Mark{ID: "u" + m.ID, When: m.When, Who: "speed", Unmark: m.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Train(t.Context(), TrainOptions{}); err != nil {
		t.Fatal(err)
	}
	unmarked := time.Since(start)

	start = time.Now()
	list, err := l.Marks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set, err := setOf(list[len(list)-1:], false)
	if err != nil {
		t.Fatal(err)
	}
	var workers []*perClass
	_, err = l.Scan(t.Context(), ScanOptions{NoRaw: true}, func(_ int, keys *event.Keys) format.Handler {
		p := &perClass{rows: l.newRows(keys), labels: set.Bind(nil).Labeller(), days: map[string]map[Class]*dayTally{}}
		workers = append(workers, p)
		return p
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := map[Class]*count.Tally{Good: count.NewTally(), Bad: count.NewTally(), Ignored: count.NewTally()}
	for _, p := range workers {
		p.rows.counter.Flush()
		for _, classes := range p.days {
			for class, d := range classes {
				sum[class].Merge(d.tally)
			}
		}
	}
	whole := time.Since(start)
	t.Logf("%d events, %d segments, %d processors", st.Events, st.Segments, runtime.GOMAXPROCS(0))
	t.Logf("an hour of %d events (%d read): marked and trained in %v (%v of it to lay the mark), taken back in %v", r.Model.Bad, laid.Read, marked, half, unmarked)
	t.Logf("all events counted by class in %v: marking takes %.1f %% of that", whole, 100*marked.Seconds()/whole.Seconds())
}
