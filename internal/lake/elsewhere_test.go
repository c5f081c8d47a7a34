package lake

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
)

// elsewhere reads all segments of a listing from memory, as scanAll tells them.
func elsewhere(t *testing.T, l *Lake, list *Listing) (out []string) {
	t.Helper()
	files := map[int64]int{}
	for i, s := range list.Sources {
		files[s.ID] = i
	}
	r := NewFileReader(event.NewKeys())
	for i := range list.Segments {
		s := &list.Segments[i]
		b, err := os.ReadFile(l.path(s.Path))
		if err != nil {
			t.Fatal(err)
		}
		err = r.Read(s, "there/"+s.Path, bytes.NewReader(b), int64(len(b)), func(e *event.Event, source, line int64, raw []byte) error {
			scanAll{&out}.Event(e, format.Position{File: files[source], Line: line}, raw)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

// TestReadElsewhere: what a listing names gives, wherever it lies, what a scan gives.
func TestReadElsewhere(t *testing.T) {
	dir := t.TempDir()
	l := makeLake(t)
	for i, text := range []string{odd, accessLines(0, 300), strings.Repeat("{\"x\"\n", 3) + odd[:200], accessLines(900, 50)} {
		path := filepath.Join(dir, fmt.Sprintf("%d.log", i%3)) // the last has the name of the first
		writeOld(t, path, text)
		ingestFiles(t, l, IngestOptions{NoRaw: i == 1}, path)
	}
	list, err := l.List(t.Context())
	if err != nil || len(list.Segments) < 3 || len(list.Sources) != 4 {
		t.Fatalf("%d segments of %d logs: %v", len(list.Segments), len(list.Sources), err)
	}
	var want []string
	summary, err := l.Scan(t.Context(), ScanOptions{Workers: 1}, func(int, *event.Keys) format.Handler { return scanAll{&want} })
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if got := elsewhere(t, l, list); !slices.Equal(got, want) {
		t.Errorf("%d events elsewhere, %d here", len(got), len(want))
	}
	if !reflect.DeepEqual(list.Summary, summary) {
		t.Errorf("the summary is %+v, not %+v", list.Summary, summary)
	}
	inputs, err := l.Inputs(t.Context())
	if err != nil || len(inputs) != len(list.Sources) {
		t.Fatalf("%d inputs: %v", len(inputs), err)
	}
	for i := range inputs {
		if inputs[i].Name != list.Sources[i].Name {
			t.Errorf("log %d is %q here, %q elsewhere", i, inputs[i].Name, list.Sources[i].Name)
		}
	}
}

// TestDamagedElsewhere: a damaged copy is an error that names it and what to do, or gives what it gave before; nothing panics.
func TestDamagedElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	writeOld(t, path, accessLines(0, 400))
	l := makeLake(t)
	ingestFiles(t, l, IngestOptions{}, path)
	list, err := l.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &list.Segments[0]
	good, err := os.ReadFile(l.path(s.Path))
	if err != nil {
		t.Fatal(err)
	}
	read := func(s *Segment, b []byte) (out []string, err error) {
		err = NewFileReader(event.NewKeys()).Read(s, "hdfs://x/"+s.Path, bytes.NewReader(b), int64(len(b)), func(e *event.Event, _, line int64, raw []byte) error {
			scanAll{&out}.Event(e, format.Position{Line: line}, raw)
			return nil
		})
		return out, err
	}
	want, err := read(s, good)
	if err != nil || int64(len(want)) != s.Rows {
		t.Fatalf("%d events: %v", len(want), err)
	}
	named := func(err error) bool {
		return errors.Is(err, ErrSegment) && strings.Contains(err.Error(), `"hdfs://x/`+s.Path+`"`) && strings.Contains(err.Error(), "'weir verify'")
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	noticed := 0
	for range 300 {
		bad := slices.Clone(good)
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		}
		got, err := read(s, bad)
		if err != nil {
			noticed++
		}
		if err != nil && !named(err) || err == nil && !slices.Equal(got, want) {
			t.Errorf("seed %d: %d events, %v", seed, len(got), err)
		}
	}
	if noticed < 100 {
		t.Errorf("seed %d: %d of 300 damages were noticed", seed, noticed)
	}
	for _, n := range []int{0, 3, len(good) - 1} {
		if _, err := read(s, good[:n]); !named(err) || !strings.Contains(err.Error(), "bytes and should have") {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	more := *s
	more.Rows++
	if _, err := read(&more, good); !named(err) || !strings.Contains(err.Error(), "events and should have") {
		t.Errorf("an event is missing: %v", err)
	}
	stop := errors.New("stop")
	if err := NewFileReader(event.NewKeys()).Read(s, "x", bytes.NewReader(good), int64(len(good)), func(*event.Event, int64, int64, []byte) error { return stop }); err != stop {
		t.Errorf("a reader that stops: %v", err)
	}
	if err := l.Sized(s); err != nil {
		t.Error(err)
	}
	if err := s.CheckSize("hdfs://x/1", -1, os.ErrNotExist); !errors.Is(err, ErrGone) || !errors.Is(err, ErrSegment) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := s.CheckSize("hdfs://x/1", -1, os.ErrPermission); !errors.Is(err, os.ErrPermission) || errors.Is(err, ErrSegment) {
		t.Errorf("a file that must not be read: %v", err)
	}
}
