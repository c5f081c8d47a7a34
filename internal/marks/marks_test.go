package marks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func recordMark(id string, what What, file string, lines ...string) Mark {
	m := Mark{ID: id, When: noon, Who: "ana", What: what, Records: []Records{{File: file}}}
	for i, text := range lines {
		m.Records[0].Lines = append(m.Records[0].Lines, int64(i+1))
		m.Records[0].Hashes = append(m.Records[0].Hashes, Hash([]byte(text)))
	}
	return m
}

func spanMark(id string, what What, s Span) Mark {
	return Mark{ID: id, When: noon, Who: "ben", What: what, Span: &s}
}

func unmark(id, of string) Mark { return Mark{ID: id, When: noon, Who: "ana", Unmark: of} }

func journal(t testing.TB, list ...Mark) string {
	t.Helper()
	var b strings.Builder
	for i := range list {
		line, err := list[i].Encode()
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
	}
	return b.String()
}

func mustRead(t testing.TB, text string) *Set {
	t.Helper()
	s, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func eventAt(at time.Time, fields ...string) *event.Event {
	keys := event.NewKeys()
	e := &event.Event{Time: at.UnixNano(), HasTime: true}
	for i := 0; i < len(fields); i += 2 {
		e.Add(keys.Get(fields[i]), []byte(fields[i+1]))
	}
	return e
}

// TestLabel holds which mark decides.
func TestLabel(t *testing.T) {
	night := Span{From: noon, To: noon.Add(time.Hour)}
	e := eventAt(noon.Add(time.Minute), "source.ip", "192.0.2.7", "user.name", "backup")
	for _, test := range []struct {
		name  string
		marks []Mark
		want  What
	}{
		{"nothing", nil, ""},
		{"a record", []Mark{recordMark("a", Bad, "x.log", "one", "two")}, Bad},
		{"another record", []Mark{recordMark("a", Bad, "x.log", "three")}, ""},
		{"another file", []Mark{recordMark("a", Bad, "y.log", "one")}, ""},
		{"later wins", []Mark{recordMark("a", Bad, "x.log", "one"), recordMark("b", Good, "x.log", "one")}, Good},
		{"taken back", []Mark{recordMark("a", Bad, "x.log", "one"), unmark("u", "a")}, ""},
		{"the later taken back", []Mark{recordMark("a", Bad, "x.log", "one"), recordMark("b", Good, "x.log", "one"), unmark("u", "b")}, Bad},
		{"a span", []Mark{spanMark("a", Bad, night)}, Bad},
		{"both ends belong to it", []Mark{spanMark("a", Ignore, Span{From: noon.Add(time.Minute), To: noon.Add(time.Minute)})}, Ignore},
		{"beside the span", []Mark{spanMark("a", Bad, Span{From: noon.Add(time.Hour)})}, ""},
		{"record over span", []Mark{recordMark("b", Good, "x.log", "one"), spanMark("a", Bad, night)}, Good},
		{"later span", []Mark{spanMark("a", Bad, night), spanMark("b", Ignore, Span{Hosts: []string{"192.0.2.7"}})}, Ignore},
		{"another host", []Mark{spanMark("a", Bad, Span{From: noon, Hosts: []string{"192.0.2.8"}})}, ""},
		{"a condition", []Mark{spanMark("a", Good, Span{Where: `user.name == "backup"`})}, Good},
		{"another condition", []Mark{spanMark("a", Good, Span{Where: `user.name == "root"`})}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := mustRead(t, journal(t, test.marks...)).Bind([]string{"x.log"}).Labeller().Label(0, e, []byte("one"))
			if got := whatOf(m); got != test.want {
				t.Errorf("the event is %q, want %q", got, test.want)
			}
		})
	}
}

func whatOf(m *Mark) What {
	if m == nil {
		return ""
	}
	return m.What
}

// TestFiles holds which files a marked name means, and that what is not found is told.
func TestFiles(t *testing.T) {
	set := mustRead(t, journal(t, recordMark("a", Bad, "/var/log/nginx/access.log", "one", "two")))
	for _, test := range []struct {
		files []string
		marks string // by file: b where the record "one" is bad
		notes string
	}{
		{[]string{"/var/log/nginx/access.log"}, "b", "2 marked records of \"/var/log/nginx/access.log\", 1 were not found"},
		{[]string{"/var/log/nginx/access.log", "/srv/access.log"}, "b.", ""},
		{[]string{"/var/log/nginx/access.log", "/var/log/nginx/access.log.1", "/var/log/nginx/access.log-20260302.gz"}, "bbb", ""},
		{[]string{"copies/access.log.2.gz", "copies/error.log"}, "b.", ""},
		{[]string{`C:\logs\access.log`}, "b", ""},
		{[]string{"error.log"}, ".", "which was not read"},
	} {
		b := set.Bind(test.files)
		l, got := b.Labeller(), ""
		for i := range test.files {
			if l.Label(i, &event.Event{}, []byte("one")) != nil {
				got += "b"
			} else {
				got += "."
			}
		}
		if got != test.marks {
			t.Errorf("in %q the marks are %q, want %q", test.files, got, test.marks)
		}
		if notes := strings.Join(b.Notes(), "\n"); !strings.Contains(notes, test.notes) {
			t.Errorf("of %q the notes are %q, want %q", test.files, notes, test.notes)
		}
	}
	b := set.Bind([]string{"access.log"})
	l := b.Labeller()
	l.Label(0, &event.Event{}, []byte("one"))
	l.Label(0, &event.Event{}, []byte("two"))
	if n := b.Notes(); len(n) > 0 {
		t.Errorf("everything was found, and yet: %q", n)
	}
}

// TestFaults holds that all faults are told with their lines.
func TestFaults(t *testing.T) {
	good := journal(t, recordMark("a", Bad, "x.log", "one"))
	text := good + "nonsense\n" +
		`{"id":"b"}` + "\n" +
		strings.Replace(good, `"what":"bad"`, `"what":"evil"`, 1) +
		strings.Replace(good, `"who":"ana"`, `"whom":"ana"`, 1) +
		strings.Replace(good, `"lines":[1]`, `"lines":[1,2]`, 1) +
		journal(t, unmark("u", "nobody")) +
		strings.Replace(good, `"who":"ana"`, `"who":"eve"`, 1) +
		`{"weir_marks":1,"id":"w","when":"2026-03-02T12:00:00Z","who":"x","what":"bad","span":{"where":"=="}}` + "\n"
	_, err := Read(strings.NewReader(text))
	if !errors.Is(err, ErrFaults) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{"line 2: this is no JSON", `line 3: this is no mark`, `line 4: what is "evil"`, `line 5: unknown field "whom"`,
		"line 6: 2 lines and 1 hashes", "line 7: there is no mark nobody", "line 8: the id a stands in line 1 already", "line 9: cannot read the condition"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the faults do not tell %q:\n%v", want, err)
		}
	}
	if _, err := Read(strings.NewReader(strings.Replace(good, `"weir_marks":1`, `"weir_marks":2`, 1))); !errors.Is(err, ErrNewer) {
		t.Errorf("of a newer version the error is %v", err)
	}
	if s := mustRead(t, good+good); len(s.Standing()) != 1 {
		t.Errorf("a journal behind itself has %d marks, want 1", len(s.Standing()))
	}
}

// TestTorn holds that a last line that was cut short anywhere is told and taken out, and that nothing else is touched.
func TestTorn(t *testing.T) {
	first, second, third := journal(t, recordMark("a", Bad, "x.log", "one")), journal(t, recordMark("b", Good, "x.log", "two")),
		recordMark("c", Ignore, "x.log", "three")
	for cut := range len(second) {
		name := filepath.Join(t.TempDir(), "marks.jsonl")
		if err := os.WriteFile(name, []byte(first+second[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		whole := cut == len(second)-1 // only the newline is missing
		s := mustRead(t, first+second[:cut])
		if torn := cut > 0 && !whole; s.Torn != torn {
			t.Fatalf("cut at %d: torn is %v", cut, s.Torn)
		}
		repaired, err := Append(name, third)
		if err != nil || repaired != s.Torn {
			t.Fatalf("cut at %d: repaired is %v, the error %v", cut, repaired, err)
		}
		want := first
		if whole {
			want += second
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want+journal(t, third) {
			t.Fatalf("cut at %d the journal is\n%s", cut, got)
		}
	}
}

// TestAppendRefuses holds that marks are not written into what is no journal.
func TestAppendRefuses(t *testing.T) {
	m := recordMark("a", Bad, "x.log", "one")
	for _, text := range []string{"192.0.2.1 - - [x]\n", `{"ts":1}` + "\n", "x"} {
		name := filepath.Join(t.TempDir(), "x.log")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Append(name, m); err == nil || !strings.Contains(err.Error(), "no file of marks") {
			t.Errorf("appending to %q gives %v", text, err)
		}
		if got, _ := os.ReadFile(name); string(got) != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if _, err := Append(filepath.Join(t.TempDir(), "none", "x"), m); err == nil {
		t.Error("there is no directory, and yet no error")
	}
	if _, err := Append(t.TempDir(), m); err == nil {
		t.Error("a directory is no journal, and yet no error")
	}
}

// TestMain lets the test run itself as another process that appends (TestProcesses).
func TestMain(m *testing.M) {
	if name := os.Getenv("WEIR_TEST_APPEND"); name != "" {
		for i := range 1 << 30 {
			mark := recordMark(fmt.Sprintf("%s-%d", os.Getenv("WEIR_TEST_WHO"), i), Bad, "x.log", strings.Repeat("x", i%50))
			mark.Note = strings.Repeat("n", i%3000)
			if _, err := Append(name, mark); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			if os.Getenv("WEIR_TEST_WHO") != "killed" && i == 99 {
				os.Exit(0)
			}
		}
	}
	os.Exit(m.Run())
}

// TestProcesses holds that processes that append at once lose nothing, also where one of them is killed.
func TestProcesses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "marks.jsonl")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(who string) *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "WEIR_TEST_APPEND="+name, "WEIR_TEST_WHO="+who)
		cmd.Stdout = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	killed, ana, ben := start("killed"), start("ana"), start("ben")
	for i := range 10 {
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		_ = killed.Process.Kill() // it may be gone
		_ = killed.Wait()
		killed = start("killed")
	}
	_ = killed.Process.Kill()
	_ = killed.Wait()
	for _, p := range []*exec.Cmd{ana, ben} {
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Append(name, unmark("u", "ana-0")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// Each run of the killed process starts anew with the same ids and the same marks: the same line twice is one mark.
	s := mustRead(t, string(text))
	if s.Torn {
		t.Error("the journal ends with a torn line after an append")
	}
	for _, who := range []string{"ana", "ben"} {
		for i := range 100 {
			if m, stands := s.ByID(fmt.Sprintf("%s-%d", who, i)); m == nil || stands == (who == "ana" && i == 0) {
				t.Errorf("mark %d of %s: %v, stands %v", i, who, m, stands)
			}
		}
	}
}

// FuzzRead holds the law of the format: whatever is read and written again reads the same; nothing panics; what is cut short
// after a whole line only loses its last line.
func FuzzRead(f *testing.F) {
	f.Add([]byte(journal(f, recordMark("a", Bad, "x.log", "one", "two"), spanMark("b", Ignore, Span{From: noon, Hosts: []string{"h"}, Where: "dataset == 'x'"}),
		unmark("u", "a"))))
	f.Add([]byte(`{"weir_marks":1,"id":"a","when":"2026-03-02T12:00:00Z","who":"x","what":"bad"`))
	f.Add([]byte("\n\n{}\n\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		again := mustRead(t, journal(t, s.all...))
		if len(again.all) != len(s.all) || len(again.standing) != len(s.standing) {
			t.Fatalf("%d of %d marks stand; written and read again %d of %d", len(s.standing), len(s.all), len(again.standing), len(again.all))
		}
		for i := range s.all {
			one, _ := s.all[i].Encode()
			two, _ := again.all[i].Encode()
			if !bytes.Equal(one, two) {
				t.Fatalf("a mark changed:\n%s%s", one, two)
			}
		}
		e := eventAt(noon, "source.ip", "h")
		s.Bind([]string{"x.log"}).Labeller().Label(0, e, []byte("one"))
	})
}
