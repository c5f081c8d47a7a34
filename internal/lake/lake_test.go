package lake

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
)

func makeLake(t testing.TB) *Lake {
	t.Helper()
	l, err := Create(t.Context(), filepath.Join(t.TempDir(), "lake"), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func writeOld(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

func ingestFiles(t testing.TB, l *Lake, o IngestOptions, args ...string) *Report {
	t.Helper()
	inputs, err := source.Expand(args)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Ingest(t.Context(), inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dump returns every event of the lake as text, one to a line, in the order of sources and lines.
func dump(t testing.TB, l *Lake) []string {
	t.Helper()
	list, err := l.Segments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	r := newSegmentReader(event.NewKeys())
	for _, s := range list {
		n := int64(0)
		err := r.read(l.path(s.Path), true, func(e *stored) error {
			n++
			out = append(out, fmt.Sprintf("%d:%d %s %q", e.source, e.line, describe(e.Event), e.raw))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n != s.Rows {
			t.Errorf("%s has %d rows, its row says %d", s.Path, n, s.Rows)
		}
	}
	return out
}

func describe(e *event.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v %d", e.Dataset, e.HasTime, e.Time)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " %q=%q", f.Key.Name, f.Value)
	}
	return b.String()
}

// scanAll describes events as a scan of files gives them.
type scanAll struct{ out *[]string }

func (s scanAll) Event(e *event.Event, pos format.Position, raw []byte) {
	*s.out = append(*s.out, fmt.Sprintf("%d:%d %s %q", pos.File+1, pos.Line, describe(e), raw))
}

// odd is records with everything that could get lost on the way through columns.
const odd = `{"ts":1331914651.55,"uid":"C1","id.orig_h":"192.0.2.7","id.orig_p":1398,"answers":["a","b","c"],"query":"x.example"}
{"ts":1331914651.5,"uid":"C2","id.orig_h":"192.0.2.8","id.orig_p":"007","status_code":200,"":"empty","a[2]":"index","~x":1,"!y":2,"p%q":3,"n\nl":4}
{"ts":1331814651.5,"uid":"` + "\xff\xfe" + `","id.orig_h":"192.0.2.9","id.orig_p":0,"method":"","` + "\xff" + `k":"v"}
{"uid":"C4","id.orig_h":"192.0.2.7","id.orig_p":99999999999999999999,"id.resp_p":-1}
{"ts":-9000000000,"uid":"C5","id.orig_h":"192.0.2.7","nested":{"a":[1,{"b":[true,null]}]}}
{"ts":1331914656,"uid":"C6","conn_uids":["CAb1","CAb2","CAb1"],"fuid":"F\u0000\ud800","tunnel_parents":[],"uids":[""],"uid[2]":"no id","trace":{"id":"ÿ"}}
`

func TestEventsComeBackAsTheyWere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd.log")
	writeOld(t, path, odd)
	inputs, err := source.Expand([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	_, err = format.Scan(context.Background(), inputs, format.ScanOptions{Workers: 1}, func(int, *event.Keys) format.Handler { return scanAll{&want} })
	if err != nil || len(want) != 6 {
		t.Fatalf("%d events, %v", len(want), err)
	}
	l := makeLake(t)
	r := ingestFiles(t, l, IngestOptions{}, path)
	if r.Events != 6 {
		t.Fatalf("%+v", r)
	}
	got := dump(t, l)
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			t.Errorf("lost: %s\nthere are:\n%s", w, strings.Join(got, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d events", len(got))
	}
	if r := ingestFiles(t, l, IngestOptions{}, path); r.Events != 0 || !r.Files[0].Complete {
		t.Errorf("the second time: %+v", r)
	}
}
