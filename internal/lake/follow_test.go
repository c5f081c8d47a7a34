package lake

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weir/internal/source"
)

// A log is followed through rotation by its name alone: what the old file gets after it was renamed is not lost.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "access.log")
	add := func(path string, from, n int) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(accessLines(from, n)); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	add(name, 0, 10)
	l := makeLake(t)
	ctx, stop := context.WithCancel(t.Context())
	steps := []func(){
		func() { add(name, 10, 5) },
		func() {
			rename(t, name, name+".1")
			add(name+".1", 15, 3) // by the program that has it open still
			add(name, 18, 4)
		},
		func() { add(name, 22, 1) },
	}
	var got int64
	want := []int64{10, 15, 22, 23}
	look := func() ([]source.Input, error) { return source.Expand([]string{name}) }
	err := l.Follow(ctx, look, IngestOptions{}, time.Millisecond, func(r *Report) error {
		for _, f := range r.Files {
			if f.Err != "" {
				t.Error(f.Err)
			}
		}
		if got += r.Events; got != want[0] {
			return nil
		}
		want = want[1:]
		if len(steps) == 0 {
			stop()
			return nil
		}
		steps[0]()
		steps = steps[1:]
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v; %d events", err, got)
	}
	if p := paths(t, l); !slices.Equal(p, wantPaths(0, 23)) {
		t.Errorf("the events are not each there once: %v", p)
	}
	sound(t, l)
}
