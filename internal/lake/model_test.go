package lake

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/internal/event"
	"weir/internal/marks"
)

// TestCrashBetweenMarkAndModel leaves the lake as a crash after each step does, and goes on.
func TestCrashBetweenMarkAndModel(t *testing.T) {
	l := makeLake(t)
	path := filepath.Join(t.TempDir(), "conn.log")
	writeOld(t, path, markedLines(0, 300))
	ingestFiles(t, l, IngestOptions{Batch: 9000}, path)
	sameAsFromNothing(t, l, 0)
	first, err := l.LastModel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addMark(t, l, marks.Bad, marks.Span{From: at(100), To: at(200)})
	// Files that were written, and never committed.
	v, err := l.ground.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	todo, err := v.jobs()
	if err != nil || len(todo) == 0 {
		t.Fatalf("%d jobs, %v", len(todo), err)
	}
	if err := l.newLayer().do(t.Context(), todo); err != nil {
		t.Fatal(err)
	}
	dir := l.Dir
	l.Close()
	if l, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	defer func() { l.Close() }()
	if ok, err := l.UpToDate(t.Context(), first); ok || err != nil {
		t.Errorf("the model of before the mark is up to date: %v", err)
	}
	if _, err := l.Tally(t.Context(), Bad); !errors.Is(err, ErrStale) {
		t.Errorf("counts without the mark: %v", err)
	}
	if r := sameAsFromNothing(t, l, 0); r.Model.Bad != 101 {
		t.Errorf("%+v", r.Model)
	}
	sound(t, l)
	noLitter(t, l)
}

// noLitter makes sure that there are no files of marks and models but those in the catalogue.
func noLitter(t testing.TB, l *Lake) {
	t.Helper()
	named := map[string]bool{}
	if err := l.nameMarked(t.Context(), l.db, named); err != nil {
		t.Fatal(err)
	}
	for _, top := range []string{"marked", "models"} {
		err := filepath.WalkDir(l.path(top), func(full string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(l.Dir, full)
				if !named[filepath.ToSlash(rel)] {
					t.Errorf("litter: %s", rel)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestMarkersAtOnce has several mark, take back and train at the same time, each with the lake open for itself.
func TestMarkersAtOnce(t *testing.T) {
	l := makeLake(t)
	path := filepath.Join(t.TempDir(), "conn.log")
	writeOld(t, path, markedLines(0, 300))
	ingestFiles(t, l, IngestOptions{Batch: 9000}, path)
	var lists [3][]marks.Mark
	for i := range lists {
		for k := range 4 {
			lists[i] = append(lists[i], newMark([]marks.What{marks.Bad, marks.Ignore}[k%2], marks.Span{From: at(60*i + 20*k), To: at(60*i + 20*k + 45)}))
		}
	}
	var wait sync.WaitGroup
	for i := range lists {
		wait.Go(func() {
			mine, err := Open(t.Context(), l.Dir, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer mine.Close()
			for k, m := range lists[i] {
				if err := mine.AddMark(t.Context(), m); err != nil {
					t.Error(err)
				}
				if k == 3 {
					back := marks.Mark{ID: "b" + m.ID, When: m.When, Who: "ben", Unmark: lists[i][1].ID}
					if _, err := mine.TakeBack(t.Context(), back); err != nil {
						t.Error(err)
					}
				}
				if _, err := mine.Train(t.Context(), TrainOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	m, err := l.LastModel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := l.UpToDate(t.Context(), m); !ok || err != nil {
		t.Errorf("the last model is not of the last marks: %+v %v", m, err)
	}
	if r := sameAsFromNothing(t, l, 0); r.Fresh {
		t.Error("there was something left to do")
	}
	sound(t, l)
	noLitter(t, l)
}

// TestForgettingLeavesNoModel makes sure that nothing counts what was forgotten.
func TestForgettingLeavesNoModel(t *testing.T) {
	l := makeLake(t)
	path := filepath.Join(t.TempDir(), "conn.log")
	writeOld(t, path, markedLines(0, 300))
	ingestFiles(t, l, IngestOptions{}, path)
	addMark(t, l, marks.Bad, marks.Span{From: at(10), To: at(250)})
	before := sameAsFromNothing(t, l, 0)
	_, err := l.Forget(t.Context(), func(e *event.Event) bool { return string(e.Get("source.ip")) == "192.0.2.1" }, "a test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.path(before.Model.Name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the model of before is still there: %v", err)
	}
	noLitter(t, l)
	if r := sameAsFromNothing(t, l, 0); r.Model.Bad >= before.Model.Bad {
		t.Errorf("%d bad events, %d before", r.Model.Bad, before.Model.Bad)
	}
	sound(t, l)
}

// TestDamagedShares makes sure that Verify sees shares and models that are not what was written.
func TestDamagedShares(t *testing.T) {
	l := makeLake(t)
	path := filepath.Join(t.TempDir(), "conn.log")
	writeOld(t, path, markedLines(0, 100))
	ingestFiles(t, l, IngestOptions{}, path)
	addMark(t, l, marks.Bad, marks.Span{From: at(10), To: at(50)})
	r := sameAsFromNothing(t, l, 0)
	v, err := l.ground.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	one := v.Laid[v.Stretches[0].Key].Shares[0].Name
	for _, name := range []string{one, r.Model.Name} {
		whole, err := os.ReadFile(l.path(name))
		if err != nil {
			t.Fatal(err)
		}
		broken := slices.Clone(whole)
		broken[len(broken)/2] ^= 1
		if err := os.WriteFile(l.path(name), broken, 0o644); err != nil {
			t.Fatal(err)
		}
		if c, err := l.Verify(t.Context()); err != nil || len(c.Faults) == 0 || !strings.Contains(c.Faults[0], name) {
			t.Errorf("%s: %q %v", name, c.Faults, err)
		}
		if err := os.WriteFile(l.path(name), whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, l)
	// A share that is well written but is not that of the events.
	if _, err := l.db.Exec(`UPDATE marks SET ends = ends - 600000000000`); err != nil {
		t.Fatal(err)
	}
	if c, err := l.Verify(t.Context()); err != nil || len(c.Faults) == 0 {
		t.Errorf("another window, the same share: %q %v", c.Faults, err)
	}
}

// TestAge checks what counts of days are multiplied by.
func TestAge(t *testing.T) {
	list := []Stretch{{Day: "2026-03-01", Rows: 4000}, {Day: "2026-03-11", Rows: 3000}, {Day: "2026-03-06", Rows: 2000},
		{Day: "2200-01-01", Rows: 7}, {Day: "", Rows: 90_000}}
	for _, c := range []struct {
		halfLife int
		want     []uint64
	}{{0, []uint64{1, 1, 1, 1, 1}}, {10, []uint64{32768, 65536, 46341, 65536, 65536}}, {1, []uint64{64, 65536, 2048, 65536, 65536}}} {
		factor, _ := factors(list, c.halfLife)
		for i, want := range c.want {
			if got := factor[i]; got != want {
				t.Errorf("half-life %d, segment %d: %d, not %d", c.halfLife, i+1, got, want)
			}
		}
	}
	if factor, scale := factors(nil, 3); len(factor) != 0 || scale != agedScale {
		t.Errorf("no segments: %v %d", factor, scale)
	}
}
