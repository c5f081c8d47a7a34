package lake

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/internal/bayes"
	"weir/internal/marks"
)

// driftLines are 100 connections, ten minutes apart. Ten of them, from the 50th on, are to a port of their own.
func driftLines() string {
	var b strings.Builder
	for i := range 100 {
		port := 443
		if i >= 50 && i < 60 {
			port = 6667
		}
		fmt.Fprintf(&b, `{"ts":%d,"uid":"C%07d","id.orig_h":"192.0.2.%d","id.orig_p":%d,"id.resp_h":"198.51.100.1","id.resp_p":%d,"proto":"tcp"}`+"\n",
			at(i).Unix(), i, i%4, 20000+i, port)
	}
	return b.String()
}

// TestDrift marks ten of a hundred events, then ten more that have a token of their own, and takes these back again.
func TestDrift(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conn.log")
	writeOld(t, path, driftLines())
	l := makeLake(t)
	ingestFiles(t, l, IngestOptions{}, path)
	train := func() *Training {
		t.Helper()
		r, err := l.Train(t.Context(), TrainOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	drift := func(r *Training, most int) []Change {
		t.Helper()
		list, err := l.Drift(t.Context(), r.Before, r.Model, most)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	addMark(t, l, marks.Bad, marks.Span{From: at(10), To: at(19)})
	first := train()
	if list := drift(first, 10); list != nil {
		t.Errorf("there was nothing before the first training: %v", list)
	}
	id := addMark(t, l, marks.Bad, marks.Span{From: at(50), To: at(59)})
	second := train()
	all := drift(second, 1000)
	if !slices.IsSortedFunc(all, func(a, b Change) int {
		switch x, y := math.Abs(a.Bits()), math.Abs(b.Bits()); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	}) {
		t.Error("the largest are not first")
	}
	i := slices.IndexFunc(all, func(c Change) bool { return c.Name == "destination.port=6667" && !c.Part })
	if i < 0 {
		t.Fatalf("the port is not there: %+v", all)
	}
	// All ten events with the port are bad, and so are twenty of the hundred.
	want := Evident{Good: 0, Bad: 10, Weight: bayes.Weight(10, 20, 0, 80)}
	if c := all[i]; c.Is != want || c.Was != (Evident{}) || c.Bits() != 10*want.Weight {
		t.Errorf("the port: %+v, want %+v", c, want)
	}
	// What both models have is compared: of 100 connections by tcp 10 were bad, and are 20.
	i = slices.IndexFunc(all, func(c Change) bool { return c.Name == "network.transport=tcp" && !c.Part })
	if i < 0 || (all[i].Was.Bad != 10 || all[i].Was.Good != 90 || all[i].Is.Bad != 20 || all[i].Is.Good != 80) {
		t.Fatalf("tcp: %d of %+v", i, all)
	}
	for _, c := range all {
		if c.Bits() == 0 {
			t.Errorf("%s has not changed", c.Name)
		}
		if c.Name == "" {
			t.Errorf("a token of %s in a marked window has no name", c.Field)
		}
	}
	if few := drift(second, 3); len(few) != 3 || !slices.Equal(few, all[:3]) {
		t.Errorf("the first three are %+v, of all %+v", few, all[:3])
	}
	// Back again, everything changes by as much the other way.
	if err := takeBack(l, id); err != nil {
		t.Fatal(err)
	}
	back := drift(train(), 1000)
	if len(back) != len(all) {
		t.Fatalf("%d tokens changed, and %d back", len(all), len(back))
	}
	for i := range all {
		if a, b := all[i], back[i]; a.Name != b.Name || a.Was != b.Is || a.Is != b.Was {
			t.Errorf("%d: %+v, and back %+v", i, a, b)
		}
	}
	// A model whose file is gone cannot be compared with.
	if list, err := l.Drift(t.Context(), first.Model, &Model{}, 10); list != nil || err != nil {
		t.Errorf("without a file: %v %v", list, err)
	}
}
