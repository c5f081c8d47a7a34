package lake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/enrich"
	"weir/internal/marks"
	"weir/internal/source"
)

// testdata/one.mmdb says that 192.0.2.0/24 is in NL, other.mmdb in DE.
func openGeo(t *testing.T, name string) *enrich.GeoDB {
	t.Helper()
	g, err := enrich.OpenGeoDB(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// A lake keeps the database that it was counted with: nobody has to name it again, and another one, or none, does not make other
// counts in silence.
func TestGeoIsKept(t *testing.T) {
	dir := t.TempDir()
	copied := filepath.Join(dir, "monthly.mmdb")
	data, err := os.ReadFile(filepath.Join("testdata", "one.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, data, 0o644); err != nil {
		t.Fatal(err)
	}
	geo, err := enrich.OpenGeoDB(copied)
	if err != nil {
		t.Fatal(err)
	}
	path, home := filepath.Join(dir, "access.log"), filepath.Join(dir, "lake")
	writeOld(t, path, markedLines(0, 300))
	l, err := Create(t.Context(), home, Settings{Geo: geo})
	if err != nil {
		t.Fatal(err)
	}
	ingestFiles(t, l, IngestOptions{Batch: 20_000}, path)
	with := countries(t, l)
	if with == 0 {
		t.Fatal("no country was counted")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(copied); err != nil { // next month there is another one
		t.Fatal(err)
	}
	again := func(g *enrich.GeoDB) *Lake {
		l, err := Open(t.Context(), home, g)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}

	l = again(nil)
	addMark(t, l, marks.Bad, marks.Span{From: at(20), To: at(60)})
	sameAsFromNothing(t, l, 0)
	sound(t, l)
	writeOld(t, path, markedLines(0, 500))
	ingestFiles(t, l, IngestOptions{Batch: 20_000}, path)
	if _, err := l.compact(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	sameAsFromNothing(t, l, 0)
	sound(t, l)
	if n := countries(t, l); n <= with {
		t.Errorf("%d events with a country, %d before", n, with)
	}
	sound(t, again(openGeo(t, "one.mmdb")))

	l = again(openGeo(t, "other.mmdb"))
	if _, err := l.Verify(t.Context()); !errors.Is(err, ErrGeo) || !strings.Contains(err.Error(), "--geoip") {
		t.Errorf("verifying with another one gives %v", err)
	}
	if _, err := l.Lay(t.Context()); err != nil { // nothing to count
		t.Error(err)
	}
	addMark(t, l, marks.Bad, marks.Span{From: at(80), To: at(90)})
	if _, err := l.Train(t.Context(), TrainOptions{}); !errors.Is(err, ErrGeo) {
		t.Errorf("training with another one gives %v", err)
	}
	if _, err := l.Ingest(t.Context(), nil, IngestOptions{}); !errors.Is(err, ErrGeo) {
		t.Errorf("ingesting with another one gives %v", err)
	}

	kept, err := filepath.Glob(filepath.Join(home, "geoip-*.mmdb"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("the lake has %q, %v", kept, err)
	}
	if err := os.WriteFile(kept[0], data[:len(data)-1], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := again(nil).Verify(t.Context()); !errors.Is(err, ErrGeo) || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a changed copy gives %v", err)
	}
	remove(t, kept[0])
	if _, err := again(nil).Verify(t.Context()); !errors.Is(err, ErrGeo) || !strings.Contains(err.Error(), "--geoip") {
		t.Errorf("a missing copy gives %v", err)
	}
	sound(t, again(openGeo(t, "one.mmdb")))
}

// countries is how many events were counted with one.
func countries(t *testing.T, l *Lake) (n uint64) {
	t.Helper()
	if _, err := l.Lay(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	sum, err := l.Tally(t.Context(), All)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sum.Names() {
		if !strings.Contains(name, "geo.country") {
			continue
		}
		for _, c := range sum.Field(name).Cells() {
			if !c.Part {
				n += c.N
			}
		}
	}
	return n
}

// Counts that were made without a database are not added to with one; a lake without events takes it.
func TestGeoComesFirst(t *testing.T) {
	dir := t.TempDir()
	path, home := filepath.Join(dir, "access.log"), filepath.Join(dir, "lake")
	writeOld(t, path, markedLines(0, 30))
	l := makeLake(t)
	ingestFiles(t, l, IngestOptions{}, path)
	second, err := Open(t.Context(), l.Dir, openGeo(t, "one.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if _, err := second.Ingest(t.Context(), nil, IngestOptions{}); !errors.Is(err, ErrGeo) || !strings.Contains(err.Error(), "without") {
		t.Errorf("a database that comes late gives %v", err)
	}
	empty, err := Create(t.Context(), home, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := empty.Ingest(t.Context(), nil, IngestOptions{}); err != nil { // it counts without one from here on
		t.Fatal(err)
	}
	third, err := Open(t.Context(), home, openGeo(t, "other.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if _, err := third.Ingest(t.Context(), nil, IngestOptions{}); err != nil {
		t.Fatal(err)
	}
	file, err := source.File(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Ingest(t.Context(), []source.Input{file}, IngestOptions{}); !errors.Is(err, ErrGeo) {
		t.Errorf("events counted without it give %v", err)
	}
	if r, err := third.Ingest(t.Context(), []source.Input{file}, IngestOptions{}); err != nil || r.Events != 30 {
		t.Errorf("%+v, %v", r, err)
	}
	sound(t, third)
}
