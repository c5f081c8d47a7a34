package lake

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"weir/internal/event"
	"weir/internal/source"
)

// accessLines are n requests of an access log from the number from on.
func accessLines(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "192.0.2.%d - - [%s] \"GET /p/%d?x=%d HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0\"\n", i%200,
			time.Unix(1772330000+int64(i)*30, 0).UTC().Format("02/Jan/2006:15:04:05 -0700"), i, i%7, i)
	}
	return b.String()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// paths returns the values of url.path of all events, sorted: what is there, and how often.
func paths(t testing.TB, l *Lake) []string {
	t.Helper()
	list, err := l.Segments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	r := newSegmentReader(event.NewKeys())
	for _, s := range list {
		if err := r.read(l.path(s.Path), true, func(e *stored) error {
			out = append(out, string(e.Get("url.path")))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

func wantPaths(from, n int) []string {
	var out []string
	for i := from; i < from+n; i++ {
		out = append(out, fmt.Sprintf("/p/%d", i))
	}
	slices.Sort(out)
	return out
}

func sound(t testing.TB, l *Lake) {
	t.Helper()
	v, err := l.Verify(t.Context())
	if err != nil || len(v.Faults) > 0 {
		t.Errorf("the lake is not sound: %v %v", v.Faults, err)
	}
}

// TestIngestAgain reads logs twice, the second time after something happened to them.
func TestIngestAgain(t *testing.T) {
	whole := accessLines(0, 100)
	long := accessLines(0, 3000) // more than the head and the tail
	for _, c := range []struct {
		name   string
		first  string
		change func(t *testing.T, dir string) // of access.log, which holds first
		added  int64                          // by the second ingest
		events int
	}{
		{"the same", whole, func(*testing.T, string) {}, 0, 100},
		{"touched", whole, func(t *testing.T, dir string) { writeOld(t, dir+"/access.log", whole) }, 0, 100},
		{"grown", whole, func(t *testing.T, dir string) { writeOld(t, dir+"/access.log", whole+accessLines(100, 20)) }, 20, 120},
		{"grown, long", long, func(t *testing.T, dir string) { writeOld(t, dir+"/access.log", long+accessLines(3000, 1)) }, 1, 3001},
		{"rotated", whole, func(t *testing.T, dir string) {
			rename(t, dir+"/access.log", dir+"/access.log.1")
			writeOld(t, dir+"/access.log", accessLines(100, 30))
		}, 30, 130},
		{"rotated and compressed", long, func(t *testing.T, dir string) {
			rename(t, dir+"/access.log", dir+"/old")
			writeOld(t, dir+"/access.log.1.gz", gzipped(t, long))
			remove(t, dir+"/old")
			writeOld(t, dir+"/access.log", accessLines(3000, 5))
		}, 5, 3005},
		{"grown, rotated and compressed", whole, func(t *testing.T, dir string) {
			remove(t, dir+"/access.log")
			writeOld(t, dir+"/access.log.1.gz", gzipped(t, whole+accessLines(100, 9)))
		}, 9, 109},
		{"copied", whole, func(t *testing.T, dir string) { writeOld(t, dir+"/sub.log", whole) }, 0, 100},
		{"copied, and the copy grown", whole, func(t *testing.T, dir string) { writeOld(t, dir+"/sub.log", whole+accessLines(100, 2)) }, 2, 102},
		{"replaced", whole, func(t *testing.T, dir string) { writeOld(t, dir+"/access.log", accessLines(500, 40)) }, 40, 140},
		{"half a line completed", whole + "192.0.2.9 - - [01/Mar/2026:0", func(t *testing.T, dir string) {
			writeOld(t, dir+"/access.log", whole+accessLines(100, 1)[:0]+
				"192.0.2.9 - - [01/Mar/2026:03:00:00 +0000] \"GET /p/100 HTTP/1.1\" 200 1 \"-\" \"-\"\n"+accessLines(101, 3))
		}, 4, 104},
		{"a whole line without an end", strings.TrimSuffix(whole, "\n"), func(t *testing.T, dir string) {
			writeOld(t, dir+"/access.log", whole+accessLines(100, 3))
		}, 4, 103},
		{"a whole line without an end, again", strings.TrimSuffix(whole, "\n"), func(t *testing.T, dir string) {
			writeOld(t, dir+"/access.log.gz", gzipped(t, strings.TrimSuffix(whole, "\n")))
		}, 0, 100},
		{"another that starts alike", accessLines(0, 2), func(t *testing.T, dir string) {
			writeOld(t, dir+"/other.log", accessLines(0, 2)+accessLines(2, 1))
		}, 3, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeOld(t, dir+"/access.log", c.first)
			l := makeLake(t)
			ingestFiles(t, l, IngestOptions{Batch: 10_000}, dir)
			c.change(t, dir)
			r := ingestFiles(t, l, IngestOptions{Batch: 10_000}, dir)
			got := paths(t, l)
			if r.Events != c.added || len(got) != c.events {
				t.Errorf("%d events added, %d in all; want %d and %d", r.Events, len(got), c.added, c.events)
			}
			if c.name != "another that starts alike" && c.name != "replaced" && !slices.Equal(got, wantPaths(0, c.events)) {
				t.Errorf("the events are not each there once: %v", got)
			}
			if again := ingestFiles(t, l, IngestOptions{}, dir); again.Events+again.Malformed != 0 {
				t.Errorf("a third time adds %d events", again.Events)
			}
			sound(t, l)
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// Two copies of one log in one ingest, in one batch, are one log.
func TestCopiesAtOnce(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.log", "b.log", "c.log"} {
		writeOld(t, filepath.Join(dir, name), accessLines(0, 50))
	}
	writeOld(t, filepath.Join(dir, "d.log.gz"), gzipped(t, accessLines(0, 60)))
	l := makeLake(t)
	if r := ingestFiles(t, l, IngestOptions{}, dir); r.Events != 60 {
		t.Errorf("%d events", r.Events)
	}
	if got := paths(t, l); !slices.Equal(got, wantPaths(0, 60)) {
		t.Errorf("the events are not each there once: %v", got)
	}
	sound(t, l)
}

// Logs that have their first line in common, as Zeek's have, are different logs and go into one batch, the shorter ones too.
func TestLogsThatStartAlike(t *testing.T) {
	dir := t.TempDir()
	for i, records := range []int{3000, 10, 1} { // the first is longer than what is kept of a head
		text := fmt.Sprintf("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tkind%d\n#fields\tts\tuid\tid.orig_h\n", i)
		for k := range records {
			text += fmt.Sprintf("%d.5\tC%d\t192.0.2.%d\n", 1772330000+k, k, i)
		}
		writeOld(t, filepath.Join(dir, fmt.Sprintf("%d.log", i)), text)
	}
	l := makeLake(t)
	if r := ingestFiles(t, l, IngestOptions{}, dir); r.Events != 3011 || r.Segments != 1 || len(r.Files) != 3 {
		t.Errorf("%d events in %d segments", r.Events, r.Segments)
	}
	if r := ingestFiles(t, l, IngestOptions{}, dir); r.Events != 0 {
		t.Errorf("the second time: %d events", r.Events)
	}
	// Another short one, when the long one is in the lake already; and one that is the beginning of it, under another name.
	for name, of := range map[string]string{"1.log": "3.log", "0.log": "4.log"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		writeOld(t, filepath.Join(dir, of), strings.Replace(string(text[:min(len(text), 300)]), "kind1", "kind3", 1))
	}
	if r := ingestFiles(t, l, IngestOptions{}, dir); r.Events == 0 || len(r.Files) != 5 {
		t.Errorf("short logs after a long one: %+v", r)
	}
	sound(t, l)
}

// A log that is read on in the middle is read with the headers before it, even if these changed on the way.
func TestHeadersAreReadAgain(t *testing.T) {
	first := "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n"
	record := func(i int, extra string) string {
		return fmt.Sprintf("%d.5\tC%d\t192.0.2.1\t%d\t198.51.100.2\t80\ttcp%s\n", 1772330000+i, i, 1000+i, extra)
	}
	var conns, table strings.Builder
	conns.WriteString(first)
	for i := range 5000 { // beyond the head of a file
		conns.WriteString(record(i, ""))
	}
	text := conns.String() + "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\n" + record(5000, "\thttp")
	table.WriteString("when,src_ip,colour\n")
	for i := range 20000 {
		fmt.Fprintf(&table, "2026-03-01T10:00:%02dZ,192.0.2.%d,red\n", i%60, i%250)
	}
	for _, c := range []struct{ name, text, more, field, value string }{
		{"conn.log", text, record(5001, "\tdns"), "network.protocol", "dns"},
		{"table.csv", table.String(), "2026-03-01T11:00:00Z,192.0.2.9,blue\n", "colour", "blue"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		writeOld(t, path, c.text)
		l := makeLake(t)
		before := ingestFiles(t, l, IngestOptions{Batch: 100_000}, path)
		writeOld(t, path, c.text+c.more)
		r := ingestFiles(t, l, IngestOptions{}, path)
		if r.Events != 1 || r.Malformed != 0 {
			t.Errorf("%s: %d events after %d, %d malformed", c.name, r.Events, before.Events, r.Malformed)
		}
		all := strings.Join(dump(t, l), "\n")
		if !strings.Contains(all, fmt.Sprintf("%q=%q", c.field, c.value)) {
			t.Errorf("%s: there is no %s=%s", c.name, c.field, c.value)
		}
		sound(t, l)
	}
}

// Two processes that read the same logs at the same time add every event once.
func TestTwoIngestsAtOnce(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		writeOld(t, filepath.Join(dir, fmt.Sprintf("%d.log", i)), accessLines(i*1000, 1000))
	}
	where := filepath.Join(t.TempDir(), "lake")
	var wait sync.WaitGroup
	for range 3 {
		l, err := Create(t.Context(), where, Settings{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		inputs, err := source.Expand([]string{dir})
		if err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			if _, err := l.Ingest(t.Context(), inputs, IngestOptions{Batch: 9_000, Workers: 2}); err != nil {
				t.Error(err)
			}
			if _, err := l.compact(t.Context(), 2); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	l, err := Open(t.Context(), where, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := paths(t, l); !slices.Equal(got, wantPaths(0, 4000)) {
		t.Errorf("%d events, or not each once", len(got))
	}
	sound(t, l)
}

// What cannot be written is an error, and nothing is lost: the next ingest does it.
func TestDiskThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	writeOld(t, path, accessLines(0, 400))
	l := makeLake(t)
	block := l.path("events")
	if err := os.WriteFile(block, nil, 0o644); err != nil { // a file where a directory should be
		t.Fatal(err)
	}
	inputs, err := source.Expand([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Ingest(t.Context(), inputs, IngestOptions{Batch: 5000}); err == nil || !strings.Contains(err.Error(), "events") {
		t.Fatalf("the error is %v", err)
	}
	remove(t, block)
	if r := ingestFiles(t, l, IngestOptions{}, path); r.Events != 400 {
		t.Errorf("%d events", r.Events)
	}
	sound(t, l)
}

func TestNewerLakesAreRefused(t *testing.T) {
	l := makeLake(t)
	if _, err := l.db.Exec(`UPDATE meta SET value = '2' WHERE key = 'version'`); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), l.Dir, nil); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer version: %v", err)
	}
	if _, err := l.db.Exec(`UPDATE meta SET value = '1' WHERE key = 'version'`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.db.Exec(`UPDATE meta SET value = '1' WHERE key = 'token_version'`); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), l.Dir, nil); !errors.Is(err, ErrScheme) {
		t.Errorf("another scheme: %v", err)
	}
	if _, err := Open(t.Context(), t.TempDir(), nil); !errors.Is(err, ErrNoLake) {
		t.Errorf("no lake: %v", err)
	}
	dir := t.TempDir()
	writeOld(t, filepath.Join(dir, "letter.txt"), "dear …")
	if _, err := Create(t.Context(), dir, Settings{}); err == nil || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("a lake among other files: %v", err)
	}
}

// A log that was shortened in place is read as another one, with a word about it; one that was emptied and begun anew without.
func TestShortenedLogs(t *testing.T) {
	for _, lines := range []int{400, 2000} { // the head of the second is longer than what is kept of it
		path := filepath.Join(t.TempDir(), "access.log")
		writeOld(t, path, accessLines(0, lines))
		l := makeLake(t)
		ingestFiles(t, l, IngestOptions{}, path)
		writeOld(t, path, accessLines(0, lines-300))
		if r := ingestFiles(t, l, IngestOptions{}, path); r.Events != int64(lines-300) || len(r.Files[0].Warnings) != 1 ||
			!strings.Contains(r.Files[0].Warnings[0], "is shorter") {
			t.Errorf("shortened: %+v", r)
		}
		writeOld(t, path, accessLines(lines, 50))
		if r := ingestFiles(t, l, IngestOptions{}, path); r.Events != 50 || len(r.Files[0].Warnings) != 0 {
			t.Errorf("begun anew: %+v", r)
		}
		sound(t, l)
	}
}

// Clocks that are wrong, and lines without a time.
func TestOddTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd.json")
	text := ""
	for i := range 120 {
		text += fmt.Sprintf(`{"timestamp":"%d-06-01T00:00:00Z","src_ip":"192.0.2.1","n":"%d"}`+"\n", 1975+i, i)
	}
	text += `{"timestamp":"never","src_ip":"192.0.2.1","n":"x"}` + "\n"
	writeOld(t, path, text)
	l := makeLake(t)
	r := ingestFiles(t, l, IngestOptions{Workers: 1}, path)
	if r.Events != 121 || r.Future < 60 {
		t.Errorf("%+v", r)
	}
	list, err := l.Segments(t.Context())
	if err != nil || len(list) != maxDays+1 {
		t.Errorf("%d segments, %v", len(list), err)
	}
	sound(t, l)
}

func TestForgetAndRetain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	writeOld(t, path, accessLines(0, 8000))
	l := makeLake(t)
	ingestFiles(t, l, IngestOptions{}, path)
	match := func(e *event.Event) bool { return string(e.Get("source.ip")) == "192.0.2.7" }
	f, err := l.Forget(t.Context(), match, "test")
	if err != nil || f.Events != 40 {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, e := range dump(t, l) {
		if strings.Contains(e, `"192.0.2.7"`) {
			t.Fatalf("still there: %s", e)
		}
	}
	sound(t, l)
	if r := ingestFiles(t, l, IngestOptions{}, path); r.Events != 0 {
		t.Errorf("%d events came back", r.Events)
	}
	l.now = func() time.Time { return time.Unix(1772330000+8000*30, 0) }
	if err := l.Retain(t.Context(), 24*time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	list, err := l.Segments(t.Context())
	if err != nil || len(list) == 0 || len(list) > 2 {
		t.Errorf("%d segments are left, %v", len(list), err)
	}
	sound(t, l)
	if err := l.Retain(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	if list, err = l.Segments(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%d segments are left, %v", len(list), err)
	}
	sound(t, l)
}

// A damaged file is found, whatever is damaged, and reading it ends with an error that names it, never with a panic.
func TestDamagedSegments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	writeOld(t, path, accessLines(0, 500))
	l := makeLake(t)
	ingestFiles(t, l, IngestOptions{}, path)
	list, err := l.Segments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{list[0].Path, list[0].CountsPath} {
		good, err := os.ReadFile(l.path(name))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(good); at += 1 + len(good)/150 {
			bad := slices.Clone(good)
			bad[at] ^= 0x55
			if err := os.WriteFile(l.path(name), bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if v, err := l.Verify(t.Context()); err != nil || len(v.Faults) == 0 {
				t.Errorf("byte %d of %s: %v, %v", at, name, v, err)
			}
			r := newSegmentReader(event.NewKeys())
			err := r.read(l.path(list[0].Path), true, func(*stored) error { return nil })
			if err != nil && !errors.Is(err, ErrSegment) {
				t.Errorf("byte %d of %s: %v", at, name, err)
			}
		}
		if err := os.WriteFile(l.path(name), good[:len(good)/2], 0o644); err != nil {
			t.Fatal(err)
		}
		if v, err := l.Verify(t.Context()); err != nil || len(v.Faults) == 0 {
			t.Errorf("half of %s: %v, %v", name, v, err)
		}
		if err := os.WriteFile(l.path(name), good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, l)
}
