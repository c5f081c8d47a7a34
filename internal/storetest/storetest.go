// Package storetest is what every store has to do, as tests: what goes in comes out as it was, once, whatever the logs are
// called by then, however often somebody was stopped, and however many do it at once; what is to be forgotten is gone; and what
// marks make of it is what training from nothing does. [Memory] is the simplest store that passes.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
	"weir/internal/source"
)

// Settings are what the suite's stores have to be made with: only under one seed models can be compared.
var Settings = lake.Settings{Seed: 0x5eed}

// Run runs the suite. fresh makes an empty store with [Settings] and returns what opens it, again and again.
func Run(t *testing.T, fresh func(t *testing.T) (open func() lake.Store)) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"EventsComeBackAsTheyWere", comeBack},
		{"WithoutLines", withoutLines},
		{"OnceWhateverTheName", once},
		{"GrownAndRotated", grown},
		{"LastLineWithoutAnEnd", lastLine},
		{"MalformedLinesAreKept", malformed},
		{"StoppedAndWentOn", stopped},
		{"TwoAtOnce", twoAtOnce},
		{"SpanOfTime", span},
		{"Forget", forget},
		{"Status", status},
		{"WhatMarksHold", whatMarksHold},
		{"MarksAreTakenBack", takenBack},
		{"MarksInRandomOrders", randomOrders},
		{"MarksOfAJournal", imported},
		{"HalfLife", halfLife},
		{"MarkersAtOnce", markersAtOnce},
		{"ForgettingLeavesNoModel", forgetModel},
		{"StatusOfMarks", statusOfMarks},
		{"Drift", drift},
	} {
		t.Run(c.name, func(t *testing.T) {
			open := fresh(t)
			b := &bench{t: t, dir: t.TempDir(), open: open, s: open()}
			defer func() { b.s.Close() }()
			c.run(t, b)
		})
	}
}

// A bench is a store and a directory of logs.
type bench struct {
	t    *testing.T
	dir  string
	open func() lake.Store
	s    lake.Store

	logs      []string                  // that were kept for comparing models
	forgotten []func(*event.Event) bool // since then
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// write writes a log, long ago.
func (b *bench) write(name, text string) string {
	b.t.Helper()
	path := b.path(name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func inputs(t *testing.T, paths ...string) []source.Input {
	t.Helper()
	in, err := source.Expand(paths)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func (b *bench) ingest(o lake.IngestOptions, paths ...string) *lake.Report {
	b.t.Helper()
	r, err := b.s.Ingest(b.t.Context(), inputs(b.t, paths...), o)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range r.Files {
		if f.Err != "" {
			b.t.Fatalf("%s: %s", f.Name, f.Err)
		}
	}
	return r
}

// lines collects events as text. Its collector is one worker's.
type lines struct {
	mu    sync.Mutex
	names []string
	list  []string
}

type collector struct {
	all *lines
	raw bool
}

func (c collector) Event(e *event.Event, pos format.Position, raw []byte) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d %s %v", c.all.names[pos.File], pos.Line, e.Dataset, e.HasTime)
	if e.HasTime {
		fmt.Fprintf(&b, " %d", e.Time)
	}
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " %q=%q", f.Key.Name, f.Value)
	}
	if c.raw {
		fmt.Fprintf(&b, " %q", raw)
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.list = append(c.all.list, b.String())
}

func nameOf(in []source.Input) (out []string) {
	for i := range in {
		out = append(out, filepath.Base(in[i].Name))
	}
	return out
}

// read returns what a scan of files gives, sorted.
func (b *bench) read(raw bool, paths ...string) []string {
	b.t.Helper()
	in := inputs(b.t, paths...)
	all := &lines{names: nameOf(in)}
	_, err := format.Scan(b.t.Context(), in, format.ScanOptions{FileTimes: true}, func(int, *event.Keys) format.Handler { return collector{all, raw} })
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(all.list)
	return all.list
}

// held returns what the store gives, sorted.
func (b *bench) held(o lake.ScanOptions, raw bool) []string {
	b.t.Helper()
	in, err := b.s.Inputs(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	all := &lines{names: nameOf(in)}
	if _, err := b.s.Scan(b.t.Context(), o, func(int, *event.Keys) format.Handler { return collector{all, raw} }); err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(all.list)
	return all.list
}

func (b *bench) same(got, want []string) {
	b.t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, w := range want {
		if _, ok := slices.BinarySearch(got, w); !ok {
			b.t.Errorf("lost: %s", w)
			break
		}
	}
	for _, g := range got {
		if _, ok := slices.BinarySearch(want, g); !ok {
			b.t.Errorf("invented: %s", g)
			break
		}
	}
	b.t.Fatalf("%d events, want %d", len(got), len(want))
}

// sound fails if the store says that it is not.
func (b *bench) sound(events int64) {
	b.t.Helper()
	v, err := b.s.Verify(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(v.Faults) > 0 || v.Events != events || events > 0 && v.Cells == 0 {
		b.t.Fatalf("%d events (want %d), %d counts, faults: %q", v.Events, events, v.Cells, v.Faults)
	}
}

// odd is records with everything that could get lost on the way.
const odd = `{"ts":1331914651.55,"uid":"C1","id.orig_h":"192.0.2.7","id.orig_p":1398,"answers":["a","b","c"],"query":"x.example"}
{"ts":1331914651.5,"uid":"C2","id.orig_h":"192.0.2.8","id.orig_p":"007","status_code":200,"":"empty","a[2]":"index","~x":1,"!y":2,"p%q":3,"n\nl":4}
{"ts":1331814651.5,"uid":"` + "\xff\xfe" + `","id.orig_h":"192.0.2.9","id.orig_p":0,"method":"","` + "\xff" + `k":"v"}
{"uid":"C4","id.orig_h":"192.0.2.7","id.orig_p":99999999999999999999,"id.resp_p":-1}
{"ts":-9000000000,"uid":"C5","id.orig_h":"192.0.2.7","nested":{"a":[1,{"b":[true,null]}]}}
{"ts":1331914652,"uid":"C6","id.orig_h":"192.0.2.7","$set":{"$where":"1"},"＄set":{"$where":"2"},"a":"1","a.b":"2","a.b.c":"3","x..y":"4",".z":"5","_id":"6","weir.line":"7","event.dataset":"8","event":"9","nul":"a\u0000b","n\u0000ul":"c"}
{"ts":1331914653,"uid":"C7","id.orig_h":"192.0.2.7","event":{"original":"mine"},"@timestamp":"then","a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a":"deep","0":"zero","list":["x","y"],"list.z":"w"}
`

func comeBack(_ *testing.T, b *bench) {
	path := b.write("odd.log", odd)
	want := b.read(true, path)
	if r := b.ingest(lake.IngestOptions{}, path); r.Events != int64(len(want)) || len(want) != 7 {
		b.t.Fatalf("%+v", r)
	}
	b.same(b.held(lake.ScanOptions{}, true), want)
	b.sound(7)
	b.s.Close()
	b.s = b.open()
	b.same(b.held(lake.ScanOptions{Workers: 1}, true), want)
}

func withoutLines(_ *testing.T, b *bench) {
	path := b.write("odd.log", odd)
	b.ingest(lake.IngestOptions{NoRaw: true}, path)
	b.same(b.held(lake.ScanOptions{}, false), b.read(false, path))
	for _, line := range b.held(lake.ScanOptions{}, true) {
		if !strings.HasSuffix(line, ` ""`) {
			b.t.Fatalf("a line was kept: %s", line)
		}
	}
	b.sound(7)
}

// access is n lines of a web server from the i-th on.
func access(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)
		fmt.Fprintf(&b, "192.0.2.%d - - [%s] \"GET /page/%d?q=%d HTTP/1.1\" %d %d \"-\" \"Mozilla/5.0\"\n", i%50,
			at.Format("02/Jan/2006:15:04:05 -0700"), i%7, i, 200+i%3, 1000+i)
	}
	return b.String()
}

func once(_ *testing.T, b *bench) {
	path := b.write("access.log", access(0, 100))
	b.ingest(lake.IngestOptions{}, path)
	want := b.held(lake.ScanOptions{}, true)
	b.same(want, b.read(true, path))
	copied := b.write("copy.log", access(0, 100))
	packed := b.path("packed.log.gz")
	f, err := os.Create(packed)
	if err != nil {
		b.t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := io.WriteString(z, access(0, 100)); err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		b.t.Fatal(err)
	}
	r := b.ingest(lake.IngestOptions{}, path, copied, packed)
	if r.Events != 0 {
		b.t.Fatalf("%d events again", r.Events)
	}
	for _, f := range r.Files {
		if !f.Complete || !f.Known {
			b.t.Errorf("not known: %+v", f)
		}
	}
	b.same(b.held(lake.ScanOptions{}, true), want)
	b.sound(100)
}

func grown(_ *testing.T, b *bench) {
	path := b.write("access.log", access(0, 60))
	b.ingest(lake.IngestOptions{}, path)
	b.write("access.log", access(0, 100))
	if r := b.ingest(lake.IngestOptions{}, path); r.Events != 40 || !r.Files[0].Known {
		b.t.Fatalf("%+v", r)
	}
	b.same(b.held(lake.ScanOptions{}, true), b.read(true, path))
	rotated := b.write("access.log.1", access(0, 110)) // it grew on before it was rotated
	b.write("access.log", access(110, 20))
	if r := b.ingest(lake.IngestOptions{}, rotated, path); r.Events != 30 {
		b.t.Fatalf("%+v", r)
	}
	if n := len(b.held(lake.ScanOptions{}, true)); n != 130 {
		b.t.Fatalf("%d events", n)
	}
	b.sound(130)
}

func lastLine(_ *testing.T, b *bench) {
	whole := access(0, 50)
	path := b.write("access.log", whole[:len(whole)-3]) // within the user agent
	want := b.read(true, path)
	if r := b.ingest(lake.IngestOptions{}, path); r.Events+r.Malformed != 50 {
		b.t.Fatalf("%+v", r)
	}
	b.same(b.held(lake.ScanOptions{}, true), want)
	if r := b.ingest(lake.IngestOptions{}, path); r.Events+r.Malformed != 0 {
		b.t.Fatalf("%+v", r)
	}
	b.sound(int64(len(want)))
	path = b.write("access.log", whole+access(50, 5))
	want = b.read(true, path)
	b.ingest(lake.IngestOptions{}, path)
	b.same(b.held(lake.ScanOptions{}, true), want)
	b.sound(55)
}

func malformed(_ *testing.T, b *bench) {
	path := b.write("odd.log", odd+"{\"ts\":1,\n"+odd+"{\"uid\n")
	r := b.ingest(lake.IngestOptions{}, path)
	if r.Events != 14 || r.Malformed != 2 || len(r.Faults) == 0 {
		b.t.Fatalf("%+v", r)
	}
	st, err := b.s.Status(b.t.Context())
	if err != nil || len(st.Malformed) == 0 || st.Sources[0].Malformed != 2 || st.Sources[0].Lines != 16 {
		b.t.Fatalf("%+v, %v", st, err)
	}
	b.same(b.held(lake.ScanOptions{}, true), b.read(true, path))
	b.sound(14)
}

func stopped(_ *testing.T, b *bench) {
	path := b.write("access.log", access(0, 700))
	other := b.write("other.log", access(1000, 300))
	total := 0
	for stop := 1; ; stop++ {
		ctx, cancel := context.WithCancel(b.t.Context())
		look := &countdown{n: stop, Context: ctx, cancel: cancel}
		r, err := b.s.Ingest(look, inputs(b.t, path, other), lake.IngestOptions{Batch: 20_000, Workers: 2})
		cancel()
		if err != nil {
			b.t.Fatal(err)
		}
		total += int(r.Events)
		if !r.Stopped {
			break
		}
		if stop > 100 {
			b.t.Fatal("it never ends")
		}
		b.s.Close()
		b.s = b.open()
	}
	if total != 1000 {
		b.t.Fatalf("%d events were added", total)
	}
	b.same(b.held(lake.ScanOptions{}, true), b.read(true, path, other))
	b.sound(1000)
}

// A countdown is a context that ends when it has been asked n times whether it has.
type countdown struct {
	context.Context
	mu     sync.Mutex
	n      int
	cancel func()
}

func (c *countdown) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n < 0 {
		c.cancel()
	}
	return c.Context.Err()
}

func twoAtOnce(t *testing.T, b *bench) {
	path := b.write("access.log", access(0, 800))
	other := b.write("other.log", access(1000, 200))
	var wait sync.WaitGroup
	var mu sync.Mutex
	total := int64(0)
	for i := range 2 {
		s := b.open()
		defer s.Close()
		in := inputs(t, path, other)
		if i == 1 {
			slices.Reverse(in)
		}
		wait.Go(func() {
			r, err := s.Ingest(t.Context(), in, lake.IngestOptions{Batch: 15_000, Workers: 2})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			total += r.Events
		})
	}
	wait.Wait()
	if total != 1000 {
		t.Errorf("%d events were added", total)
	}
	b.same(b.held(lake.ScanOptions{}, true), b.read(true, path, other))
	b.sound(1000)
}

func span(_ *testing.T, b *bench) {
	path := b.write("access.log", access(0, 200))
	b.ingest(lake.IngestOptions{}, path, b.write("odd.log", odd))
	at := func(minutes int) int64 {
		return time.Date(2026, 3, 1, 0, minutes, 0, 0, time.UTC).UnixNano()
	}
	got := b.held(lake.ScanOptions{Timed: true, From: at(10), To: at(19)}, true)
	var want []string
	for _, line := range b.read(true, path) {
		var n int64
		for i := 10; i < 20; i++ {
			if strings.Contains(line, fmt.Sprintf(" true %d ", at(i))) {
				n++
			}
		}
		if n > 0 {
			want = append(want, line)
		}
	}
	b.same(got, want)
	if len(got) != 10 {
		b.t.Fatalf("%d events", len(got))
	}
}

func forget(_ *testing.T, b *bench) {
	path := b.write("access.log", access(0, 300))
	b.ingest(lake.IngestOptions{Batch: 8_000}, path)
	match := func(e *event.Event) bool { return string(e.Get("source.ip")) == "192.0.2.7" }
	f, err := b.s.Forget(b.t.Context(), match, "a test")
	if err != nil || f.Events != 6 || f.Segments == 0 || f.Looked == 0 {
		b.t.Fatalf("%+v, %v", f, err)
	}
	for _, line := range b.held(lake.ScanOptions{}, true) {
		if strings.Contains(line, `"192.0.2.7"`) {
			b.t.Fatal("it is there still: " + line)
		}
	}
	b.sound(294)
	b.write("access.log", access(0, 310)) // what is new is read, what was forgotten is not
	if r := b.ingest(lake.IngestOptions{}, path); r.Events != 10 {
		b.t.Fatalf("%+v", r)
	}
	b.sound(304)
	st, err := b.s.Status(b.t.Context())
	if err != nil || st.Forgotten != 6 || st.Events != 304 {
		b.t.Fatalf("%+v, %v", st, err)
	}
}

func status(_ *testing.T, b *bench) {
	path := b.write("access.log", access(0, 100))
	text := access(0, 100)
	b.ingest(lake.IngestOptions{}, path, b.write("odd.log", odd))
	st, err := b.s.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if st.Events != 107 || st.Untimed != 2 || len(st.Sources) != 2 || st.LogBytes != int64(len(text)+len(odd)) || !st.Timed ||
		st.Last != time.Date(2026, 3, 1, 1, 39, 0, 0, time.UTC).UnixNano() || st.LastIngest == 0 || st.Segments < 2 {
		b.t.Errorf("%+v", st)
	}
	formats := map[string]bool{}
	for _, s := range st.Sources {
		formats[s.Format] = true
	}
	if len(formats) != 2 || formats[""] {
		b.t.Errorf("formats are %v", formats)
	}
}
