package mongo

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/internal/lake"
	"weir/internal/mongo"
)

// TestMarksAreThoseOfAFile makes the same marks in a store and in a file: hunts by them are the same. What the store makes of marks
// otherwise is what a lake makes of them: internal/storetest.
func TestMarksAreThoseOfAFile(t *testing.T) {
	dir := company(t, "1500")
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			uri := s.database(t)
			store := func(args ...string) string { return must(t, dir, append(args, "--store", uri)...) }
			file := func(args ...string) string { return must(t, dir, append(args, "--marks", "marks.jsonl")...) }
			hunts := func(when string) {
				t.Helper()
				want := must(t, dir, "hunt", "--json", "--all", "--marks", "marks.jsonl", "company/zeek", "company/nginx")
				if got := store("hunt", "--json", "--all"); got != want || strings.Count(got, "\n") < 100 {
					t.Errorf("%s: hunts by marks differ: %d and %d bytes", when, len(got), len(want))
				}
			}
			lastOf := func(list string) string {
				all := strings.Split(strings.TrimSpace(list), "\n")
				id, _, _ := strings.Cut(all[len(all)-1], " ")
				return id
			}
			os.Remove(filepath.Join(dir, "marks.jsonl"))
			store("ingest", "company/zeek", "company/nginx")
			if out := store("status"); !strings.Contains(out, "never") {
				t.Errorf("status: %s", out)
			}
			mark := []string{"mark", "bad", "--window", window, "--host", "10.0.0.5", "--host", "10.0.2.17", "--note", "web shell"}
			if out := store(mark...); !strings.Contains(out, " bad, ") || strings.Contains(out, " 0 bad") {
				t.Errorf("marked: %s", out)
			}
			file(mark...)
			hunts("marked")
			mark = []string{"mark", "ignore", "--where", "http.response.status_code == 404"}
			if out := store(mark...); strings.Contains(out, " 0 left out") {
				t.Errorf("ignored: %s", out)
			}
			file(mark...)
			hunts("ignored")
			store("train", "--half-life", "1d")
			if out := store("status"); !strings.Contains(strings.Join(strings.Fields(out), " "), "half-life 1 day") || strings.Contains(out, "have changed since") || !strings.Contains(out, "2, the last on") {
				t.Errorf("status: %s", out)
			}
			id := lastOf(store("marks"))
			store("unmark", id)
			file("unmark", lastOf(file("marks")))
			if _, bad, err := weir(dir, "unmark", id, "--store", uri); err == nil || !strings.Contains(bad, "taken back already") {
				t.Errorf("twice: %v %s", err, bad)
			}
			if out := store("marks", "--all"); strings.Count(out, "\n") != 3 {
				t.Errorf("the history: %s", out)
			}
			hunts("taken back")
			must(t, dir, "mark", "good", "--marks", "more.jsonl", "--window", "2026-02-20T00:00:00Z/2026-02-21T00:00:00Z")
			if out := store("marks", "--import", "more.jsonl"); !strings.HasPrefix(out, "1 mark added") {
				t.Errorf("import: %s", out)
			}
			file("mark", "good", "--window", "2026-02-20T00:00:00Z/2026-02-21T00:00:00Z")
			hunts("imported")
			if out := store("status"); !strings.Contains(out, "have changed since") {
				t.Errorf("status: %s", out)
			}
			store("train")
			if out := store("train", "--filter", "filter.weir"); !strings.Contains(out, "filter.weir") {
				t.Errorf("a filter: %s", out)
			}
			if out := store("verify"); !strings.Contains(out, "is sound") {
				t.Error(out)
			}
			if out := store("query", "--collection", "marks", "--format", "json", "[]"); strings.Count(out, "\n") != 4 {
				t.Errorf("the journal: %s", out)
			}
		})
	}
}

// TestMarkingKilled kills weir at random moments while it marks, takes back and trains, and then lets it go on.
func TestMarkingKilled(t *testing.T) {
	dir := company(t, "1000")
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			uri := s.database(t)
			must(t, dir, "ingest", "--store", uri, "company/zeek", "company/nginx")
			killed := 0
			for i := range 12 {
				args := []string{"mark", "bad", "--store", uri, "--window", window, "--note", "try"}
				if out := must(t, dir, "marks", "--store", uri); i%3 == 1 && !strings.Contains(out, "No mark") {
					id, _, _ := strings.Cut(out, " ")
					args = []string{"unmark", id, "--store", uri}
				}
				c := exec.Command(binary, args...)
				c.Dir = dir
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rand.IntN(1200)) * time.Millisecond)
				_ = c.Process.Kill() // it may be done
				var exit *exec.ExitError
				if err := c.Wait(); errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
					killed++
				}
			}
			must(t, dir, "train", "--store", uri)
			m := open(t, uri)
			sound(t, m)
			last, err := m.LastModel(t.Context())
			if err != nil || last == nil {
				t.Fatal(last, err)
			}
			if ok, err := m.UpToDate(t.Context(), last); !ok || err != nil {
				t.Errorf("the last model is of other marks: %v", err)
			}
			t.Logf("killed %d times of 12", killed)
			if killed == 0 {
				t.Error("never killed")
			}
			m.SweepAfter = -2 * time.Second
			if _, err := m.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			sound(t, m)
		})
	}
}

func open(t *testing.T, uri string) *mongo.Store {
	t.Helper()
	m, err := mongo.Open(t.Context(), uri, lake.Settings{}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// sound makes all of the store again from its events: their counts, what marks make of them, and the model.
func sound(t *testing.T, m *mongo.Store) {
	t.Helper()
	v, err := m.Verify(t.Context())
	if err != nil || len(v.Faults) > 0 || v.Events == 0 {
		out, _ := json.Marshal(v)
		t.Errorf("%s %v", out, err)
	}
}
