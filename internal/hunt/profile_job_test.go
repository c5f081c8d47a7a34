package hunt

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/source"
	"weir/internal/token"
)

type openedBytes struct{ *bytes.Reader }

func (openedBytes) Close() error { return nil }

// TestProfileJob: the profile of tasks has the bytes of one worker's, whatever the splits.
func TestProfileJob(t *testing.T) {
	var log bytes.Buffer
	for i := range 20_000 {
		at := time.Date(2026, 3, 1, 0, 0, i*31, 0, time.UTC).Format("02/Jan/2006:15:04:05 -0700")
		client := fmt.Sprintf("10.%d.%d.%d", i*7919%3, i*104729%200, i*15485863%211)
		fmt.Fprintf(&log, "%s - u%d [%s] \"GET /a/%d HTTP/1.1\" %d %d \"-\" \"Mozilla/5.0 (X11; Linux) Firefox/%d\"\n", client, i%50, at, i%70, 200+i%3, i*37%90000, 90+i%9)
	}
	enrich := func() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) }
	in := source.Bytes("access.log", log.Bytes())
	want := &profiler{codify: token.NewCodifier(7, enrich()), enrich: enrich(), seen: newBehaviour(enrich())}
	if _, err := format.Scan(t.Context(), []source.Input{in}, format.ScanOptions{Workers: 1}, func(int, *event.Keys) format.Handler { return want }); err != nil {
		t.Fatal(err)
	}
	var wantBytes bytes.Buffer
	if _, err := want.seen.profile.WriteTo(&wantBytes); err != nil {
		t.Fatal(err)
	}
	if wantBytes.Len() < 100_000 {
		t.Fatalf("%d bytes are too few to prove anything", wantBytes.Len())
	}
	p := mapreduce.NewPlan("test", JobProfile, 7, time.UTC)
	if err := p.Add(in, in.Name); err != nil {
		t.Fatal(err)
	}
	open := func(string) (io.ReadSeekCloser, error) { return openedBytes{bytes.NewReader(log.Bytes())}, nil }
	for _, size := range []int64{1 << 30, 300_000, 70_001} {
		var tasks [][]mapreduce.Split
		for _, s := range p.Splits(size) {
			tasks = append(tasks, []mapreduce.Split{s})
		}
		for _, combine := range []bool{false, true} {
			job := ProfileJob(p.Seed, enrich)
			records, _, err := mapreduce.Local(t.Context(), p, job, tasks, 3, combine, mapreduce.MapOptions{Open: open})
			if err != nil {
				t.Fatal(err)
			}
			got := NewProfiled()
			if _, err := mapreduce.Assemble(p, job.Kinds, bytes.NewReader(records), got.Take); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := got.Profile.WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), wantBytes.Bytes()) {
				t.Errorf("splits of %d, combine %v: another profile", size, combine)
			}
		}
	}
}
