package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"

	"weir/internal/event"
	"weir/internal/source"
)

// recorder writes down all that a handler is told, one text for each event.
type recorder struct{ seen []string }

func (r *recorder) Event(e *event.Event, pos Position, raw []byte) {
	r.seen = append(r.seen, fmt.Sprintf("%d:%d:%d %s\nraw %q", pos.File, pos.Line, pos.Offset, show(e), raw))
}

// scanAll scans and returns the events, sorted.
func scanAll(t testing.TB, o ScanOptions, inputs ...source.Input) ([]string, *Summary, error) {
	t.Helper()
	var recorders []*recorder
	sum, err := Scan(context.Background(), inputs, o, func(worker int, _ *event.Keys) Handler {
		if worker != len(recorders) {
			t.Errorf("worker %d was made after %d others", worker, len(recorders))
		}
		recorders = append(recorders, &recorder{})
		return recorders[worker]
	})
	var all []string
	for _, r := range recorders {
		all = append(all, r.seen...)
	}
	if o.Workers != 1 {
		slices.Sort(all)
	}
	return all, sum, err
}

func gz(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mixedLogs are inputs with everything that makes reading in parallel hard: headers in mid-file, garbage, long lines.
func mixedLogs(t testing.TB) []source.Input {
	r := rand.New(rand.NewPCG(5, 6))
	var zeek, js, access strings.Builder
	for part := range 40 {
		fmt.Fprintf(&zeek, "#separator \\x09\n#path\tp%d\n", part%3)
		if part%2 == 0 {
			zeek.WriteString("#fields\tts\tuid\tid.orig_h\n#types\ttime\tstring\taddr\n")
		} else {
			zeek.WriteString("#fields\tts\tid.orig_h\tuid\textra\n")
		}
		for range r.IntN(30) {
			fmt.Fprintf(&zeek, "%d.5\tC%d\t192.0.2.%d", part, r.IntN(99), r.IntN(256))
			if part%2 == 1 && r.IntN(10) > 0 { // a tenth is malformed
				zeek.WriteString("\tx\\x41")
			}
			zeek.WriteString("\r\n")
		}
	}
	for i := range 700 {
		switch r.IntN(20) {
		case 0:
			js.WriteString("{\"broken\n")
		case 1:
			js.WriteString(strings.Repeat("z", 500) + "\n")
		case 2:
			js.WriteString("\n")
		default:
			fmt.Fprintf(&js, "{\"ts\":%d,\"uid\":\"C%d\",\"id.orig_h\":\"192.0.2.7\",\"_path\":\"p%d\",\"k%d\":\"\\u0041\x00\xff\"}\n", i+1, i, r.IntN(3), r.IntN(50))
		}
		fmt.Fprintf(&access, "192.0.2.%d - - [19/May/2015:18:%02d:03 +0000] \"GET /%d HTTP/1.1\" 200 5\n", i%256, i%60, i)
	}
	return []source.Input{
		source.Bytes("zeek.log", []byte(zeek.String())),
		source.Bytes("zeek.json.gz", gz(t, []byte(js.String()))),
		source.Bytes("access.log", []byte(strings.TrimSuffix(access.String(), "\n"))),
		source.Bytes("empty.log", nil),
		source.Bytes("cut.log.gz", gz(t, []byte(access.String()))[:2000]),
		source.Bytes("binary", bytes.Repeat([]byte{0, 1, 2, 3, 'x'}, 1000)),
	}
}

func TestScanSplitAnywhere(t *testing.T) {
	inputs := mixedLogs(t)
	wantEvents, wantSummary, err := scanAll(t, ScanOptions{Workers: 1, Blocks: source.BlockOptions{MaxLine: 400}}, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	inOrder := slices.Clone(wantEvents)
	slices.Sort(wantEvents)
	if len(wantEvents) < 1500 || wantSummary.Records() != int64(len(wantEvents)) || wantSummary.Malformed() < 50 {
		t.Fatalf("%d events, %d records, %d malformed: too few to prove anything", len(wantEvents), wantSummary.Records(), wantSummary.Malformed())
	}
	for _, workers := range []int{1, 2, 3, 8} {
		for _, size := range []int{1, 7, 64, 100, 333, 1000, 5000, 1 << 20} {
			o := ScanOptions{Workers: workers, Blocks: source.BlockOptions{BlockSize: size, MaxLine: 400}}
			events, sum, err := scanAll(t, o, inputs...)
			if err != nil {
				t.Fatal(err)
			}
			want := wantEvents
			if workers == 1 {
				want = inOrder
			}
			if !slices.Equal(events, want) {
				t.Errorf("%d workers, blocks of %d: the events differ: %d and %d", workers, size, len(events), len(want))
			}
			if !reflect.DeepEqual(sum, wantSummary) {
				for i := range sum.Files {
					if got, want := fmt.Sprintf("%.40v", sum.Files[i]), fmt.Sprintf("%.40v", wantSummary.Files[i]); got != want {
						t.Errorf("%d workers, blocks of %d: the summaries differ:\n%s\n%s", workers, size, got, want)
					}
				}
			}
		}
	}
}

func TestScanSummary(t *testing.T) {
	_, sum, err := scanAll(t, ScanOptions{Workers: 2, Blocks: source.BlockOptions{MaxLine: 1 << 10}}, mixedLogs(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ format, datasets, warning, err string }{
		{"zeek-tsv", "zeek.p0 zeek.p1 zeek.p2", "", ""},
		{"zeek-json", "zeek.p0 zeek.p1 zeek.p2", "", ""},
		{"access", "web.access", "", ""},
		{"", "", "the file is empty", ""},
		{"access", "web.access", "gzip data ends too early", ""},
		{"", "", "", "binary file, not a log; tried: zeek-tsv: no #fields line"},
	} {
		f := sum.Files[i]
		var datasets []string
		for _, d := range f.Datasets {
			datasets = append(datasets, d.Dataset)
		}
		warnings := strings.Join(f.Warnings, " ")
		if f.Format != want.format || strings.Join(datasets, " ") != want.datasets || !strings.Contains(f.Err, want.err) ||
			(want.err == "") != (f.Err == "") || !strings.Contains(warnings, want.warning) || (want.warning == "") != (warnings == "") {
			t.Errorf("%s: %+v, want %+v", f.Name, f, want)
		}
		if f.Records+f.Skipped+f.Malformed != f.Lines {
			t.Errorf("%s: %d records, %d skipped and %d malformed are not %d lines", f.Name, f.Records, f.Skipped, f.Malformed, f.Lines)
		}
		for _, fault := range f.Faults {
			if len(fault.Examples) == 0 || len(fault.Examples) > maxExamples || fault.Examples[0].Line == 0 {
				t.Errorf("%s: examples of %q are %+v", f.Name, fault.Reason, fault.Examples)
			}
		}
	}
	access := sum.Files[2]
	if access.First >= access.Last || access.Untimed != 0 {
		t.Errorf("times of %s: %d to %d, %d without", access.Name, access.First, access.Last, access.Untimed)
	}
}

func TestScanLongLine(t *testing.T) {
	line := `{"ts":1,"uid":"C","id.orig_h":"192.0.2.7","x":"` + strings.Repeat("y", 1<<20) + `"}`
	short := `{"ts":1,"uid":"C","id.orig_h":"192.0.2.7"}`
	events, sum, err := scanAll(t, ScanOptions{}, source.Bytes("x.log", []byte(short+"\n"+line+"\n"+short)))
	f := sum.Files[0]
	if err != nil || len(events) != 2 || f.Lines != 3 || len(f.Faults) != 1 || f.Faults[0].Reason != "longer than 1 MiB" ||
		f.Faults[0].Examples[0].Line != 2 || len(f.Faults[0].Examples[0].Excerpt) != maxExcerpt {
		t.Errorf("%v, %d events, %+v", err, len(events), f)
	}
	if !strings.HasPrefix(events[1], "0:3:") {
		t.Errorf("the line after is %.20q", events[1])
	}
}

func TestScanErrors(t *testing.T) {
	good := source.Bytes("good", []byte("plain text\n"))
	bad := source.Bytes("bad", []byte("PK\x03\x04"))
	gone := source.Reader("gone", iotest.ErrReader(errors.New("disk on fire")))
	empty, short := source.Bytes("empty", nil), source.Bytes("short", gz(t, []byte("x\n"))[:5])
	comments := source.Bytes("comments", []byte("#path\tconn\n#fields\tts\tuid\n"))
	for _, c := range []struct {
		inputs []source.Input
		format string
		want   string // part of the error, empty for none
		file   string // part of what the last file's summary says
	}{
		{[]source.Input{good, bad}, "", "", "zip archive"},
		{[]source.Input{good, gone}, "", "", "disk on fire"},
		{[]source.Input{bad}, "", `cannot read "bad"`, "zip archive"},
		{[]source.Input{bad, gone}, "", `cannot read a record from any of 2 files; for "bad": it is a zip archive`, "disk on fire"},
		{[]source.Input{empty, bad}, "", `for "bad"`, "zip archive"},
		{[]source.Input{empty}, "", `cannot read "empty": the file is empty`, ""},
		{[]source.Input{short}, "", `cannot read "short": the gzip data ends too early before any`, ""},
		{[]source.Input{good}, "combined", `cannot read "good": no line could be read as access; line 1: no [time]`, ""},
		{[]source.Input{source.Bytes("utf16", []byte("\xff\xfea\x00"))}, "", `cannot read "utf16": it is UTF-16 text`, ""},
		{[]source.Input{comments}, "zeek-tsv", `cannot read "comments": it holds no records`, ""},
		{[]source.Input{good}, "xyz", `there is no format "xyz"`, "zeek-tsv, zeek-json, eve"},
		{nil, "", "", ""},
	} {
		_, sum, err := scanAll(t, ScanOptions{Options: Options{Format: c.format}}, c.inputs...)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if n := len(sum.Files); n > 0 && !strings.Contains(sum.Files[n-1].Err, c.file) {
			t.Errorf("%s: %q, want %q", sum.Files[n-1].Name, sum.Files[n-1].Err, c.file)
		}
	}
}

// blocker cancels the scan at the first event.
type blocker struct{ cancel func() }

func (b blocker) Event(*event.Event, Position, []byte) { b.cancel() }

func TestScanCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	inputs := []source.Input{source.Bytes("a", bytes.Repeat([]byte("text\n"), 1<<20)), source.Bytes("b", []byte("x\n"))}
	o := ScanOptions{Workers: 2, Blocks: source.BlockOptions{BlockSize: 100}}
	sum, err := Scan(ctx, inputs, o, func(int, *event.Keys) Handler { return blocker{cancel} })
	if !errors.Is(err, context.Canceled) || sum.Records() > 1<<19 {
		t.Errorf("%v after %d records", err, sum.Records())
	}
}

func TestScanProgress(t *testing.T) {
	var mu sync.Mutex
	var read, total, events int64
	inputs := mixedLogs(t)
	_, sum, err := scanAll(t, ScanOptions{Progress: func(r, all, n int64) {
		if !mu.TryLock() {
			t.Error("two calls at once")
		}
		read, total, events = r, all, n
		mu.Unlock()
	}}, inputs...)
	if err != nil || total == 0 || read != total || events != sum.Records() {
		t.Errorf("%d of %d bytes, %d events, want %d: %v", read, total, events, sum.Records(), err)
	}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"conn.log", zeekConnJSON, "zeek-json"},
		{"x", "half\":1}\n" + strings.Repeat(zeekConnJSON+"\n", 5), "zeek-json"},
		{"x", strings.Repeat(zeekConnJSON+"\n", 9) + `{"@stream":"x","name":"y"}` + "\n{}", "zeek-json"},
		{"stats.log", `{"ts":1.5,"peer":"zeek","mem":5}`, "zeek-json"},
		{"http.log", `{"ts":1.5,"level":"info","msg":"served"}`, "ndjson"},
		{"x", `{"ts":1.5,"level":"info","msg":"served"}`, "ndjson"},
		{"x", eve.Example, "eve"},
		{"x", strings.Repeat(eve.Example+"\n", 9) + `{"timestamp":"2021-06-06T15:59:46Z","stats":{}}`, "eve"},
		{"x", strings.Join(httpHeader, "\n"), "zeek-tsv"},
		{"x", "a\tb\n" + strings.Join(httpHeader, "\n") + "\n", "zeek-tsv"},
		{"x", "Dear diary,\nnothing happened today.\n", "text"},
		{"x", "192.0.2.7 - - [19/May/2015:18:05:03 +0000] \"\\x00\x00\x01\x02\x03\" 400 5 \"-\" \"-\"\n", "access"},
		{"x", "\n\n", ""},
		{"x", "\x00\x01\x02\x03\x04\x05\n\x00\x00\x00\x00", ""},
	} {
		d, err := Detect(Sample([]byte(c.text), true), Options{Name: c.name})
		got := ""
		if err == nil {
			got = d.Format.Name
		} else if !strings.Contains(err.Error(), "zeek-json: ") {
			t.Errorf("%.40q: the error does not tell what was tried: %v", c.text, err)
		}
		if got != c.want {
			t.Errorf("%.40q is taken for %q (%v), want %q", c.text, got, err, c.want)
		}
	}
	if d, err := Detect(nil, Options{Format: `$remote_addr "$request"`}); err != nil || d.Format.Name != "access" {
		t.Errorf("a log_format gives %v, %v", d, err)
	}
	for _, name := range append([]string{"access"}, accessNames...) {
		d, err := Detect(nil, Options{Format: name})
		if err != nil || d.Format != &access || d.Score != 1 {
			t.Errorf("--format %s gives %v, %v", name, d, err)
			continue
		}
		wantEvent(t, mustNew(t, d.Format, Options{Format: name}), access.Example, "web.access 2026-01-02T03:04:05",
			`source.ip="203.0.113.7"`, `http.request.method="GET"`, `url.path="/index.html"`, `http.version="1.1"`,
			`http.response.status_code="200"`, `http.response.body.bytes="512"`, `user_agent.original="curl/8.5.0"`)
	}
	if _, err := Detect(nil, Options{Format: "combind"}); err == nil || !strings.Contains(err.Error(), "text, combined, common,") {
		t.Errorf("an unknown name gives %v", err)
	}
}

// moment reads a time; the zero time is written as nothing.
func moment(t *testing.T, s string) (at time.Time) {
	t.Helper()
	if s == "" {
		return at
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestFileTimes: the year of a time without one is the latest that the file's modification time allows, and the nearest
// to a reference that is given.
func TestFileTimes(t *testing.T) {
	line := []byte("Jul 10 12:00:00 h p: x\n")
	for _, c := range []struct{ written, reference, want string }{
		{"2026-07-10T11:00:00Z", "", "2026-07-10T12:00:00"}, // the zone may be wrong
		{"2026-07-09T12:00:00Z", "", "2026-07-10T12:00:00"}, // a day is the most
		{"2026-07-09T11:59:59Z", "", "2025-07-10T12:00:00"},
		{"2026-03-01T00:00:00Z", "", "2025-07-10T12:00:00"}, // July 2026 would be nearer
		{"2026-12-31T23:59:59Z", "", "2026-07-10T12:00:00"},
		{"2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-07-10T12:00:00"},
		{"", "", "1969-07-10T12:00:00"}, // nearest to 1970
	} {
		in := source.Bytes("x", line)
		o := ScanOptions{FileTimes: true}
		in.ModTime, o.Reference = moment(t, c.written), moment(t, c.reference)
		seen, _, err := scanAll(t, o, in)
		if err != nil || len(seen) != 1 || !strings.Contains(seen[0], "syslog "+c.want+"\n") {
			t.Errorf("written %q, reference %q: %q, %v; want %s", c.written, c.reference, seen, err, c.want)
		}
	}
}

func TestSample(t *testing.T) {
	for _, c := range []struct {
		text  string
		whole bool
		want  int
	}{{"", true, 0}, {"a", true, 1}, {"a", false, 1}, {"a\nb", true, 2}, {"a\nb", false, 1}, {strings.Repeat("a\n", 500), true, SampleLines},
		{strings.Repeat("a", SampleBytes+10), true, 1}} {
		if got := Sample([]byte(c.text), c.whole); len(got) != c.want {
			t.Errorf("Sample(%.10q, %v) has %d lines, want %d", c.text, c.whole, len(got), c.want)
		}
	}
}

// sink counts, as the cheapest handler there is.
type sink struct{ n int }

func (s *sink) Event(*event.Event, Position, []byte) { s.n++ }

func BenchmarkScanZeekJSON(b *testing.B) {
	data := []byte(strings.Repeat(zeekConnJSON+"\n", 100000))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		in := []source.Input{source.Bytes("conn.log", data)}
		if _, err := Scan(context.Background(), in, ScanOptions{}, func(int, *event.Keys) Handler { return &sink{} }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*100000/b.Elapsed().Seconds(), "records/s")
}
