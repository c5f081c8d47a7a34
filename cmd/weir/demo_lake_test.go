package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/cluster"
	"weir/internal/lake"
	"weir/internal/marks"
)

// The demo's lake says so when it does not keep a promise: somebody does something to it behind each of the steps.
func TestDemoLakeFails(t *testing.T) {
	inFull(t)
	silent := &streams{in: strings.NewReader(""), out: discard{}, err: discard{}}
	dir := t.TempDir()
	sf := &scenarioFlags{out: dir, zone: "UTC", days: 28, events: 4000}
	cfg, err := sf.config()
	if err != nil {
		t.Fatal(err)
	}
	truth, err := writeScenario(cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	o, err := (&huntFlags{windows: []string{windowOf(truth)}, zone: "UTC"}).options(t.Context(), silent, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	logs := logsOf(truth, dir)
	inputs, err := expand(silent, logs)
	if err != nil {
		t.Fatal(err)
	}
	r, err := huntIn(t.Context(), silent, inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	list, err := cluster.Campaigns(r, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}

	stray := filepath.Join(t.TempDir(), "stray.log")
	line := `192.0.2.9 - - [` + truth.From.AddDate(0, 0, 1).Format("02/Jan/2006:15:04:05 -0700") + `] "GET / HTTP/1.1" 200 5 "-" "curl"` + "\n"
	if err := os.WriteFile(stray, []byte(strings.Repeat(line, 50)), 0o644); err != nil {
		t.Fatal(err)
	}
	ingest := func(l *lake.Lake) {
		more, err := expand(silent, []string{stray})
		if err == nil {
			_, err = l.Ingest(t.Context(), more, lake.IngestOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	}
	mark := func(l *lake.Lake) {
		err := l.AddMark(t.Context(), marks.Mark{ID: newID(), When: markTime(), Who: "stray", What: marks.Bad,
			Span: &marks.Span{From: truth.From.AddDate(0, 0, -3), To: truth.From.AddDate(0, 0, -2)}})
		if err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		behind int // the step of this number
		do     func(*lake.Lake)
		says   string
	}{
		{-1, nil, ""},
		{0, mark, "events became bad, there are"},
		{1, ingest, "a hunt in it does not give what the hunt in the logs gave"},
		{3, mark, "without the mark of the mistake the model is not that of before it"},
		{4, mark, "without the mark of the break-in too the model is not that of before it"},
	} {
		n := 0
		d, err := runDemoLake(t.Context(), silent, logs, r, list, func(_ string, l *lake.Lake) {
			if n == c.behind {
				c.do(l)
			}
			n++
		})
		switch {
		case c.says == "" && (err != nil || len(d.steps) != 6):
			t.Errorf("nobody did anything: %v", err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("behind step %d: %v", c.behind, err)
		}
	}
}
