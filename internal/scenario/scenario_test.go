package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type memory struct {
	bytes.Buffer
	closed bool
}

func (m *memory) Close() error { m.closed = true; return nil }

type result struct {
	logs  map[string][]string // lines by file
	truth *Truth
	kinds map[string]map[int]string // file, line from 1: kind
}

// generate runs a scenario in memory.
func generate(t testing.TB, cfg Config) result {
	t.Helper()
	files := map[string]*memory{}
	truth, err := Generate(cfg, func(name string) (io.WriteCloser, error) {
		files[name] = &memory{}
		return files[name], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	res := result{logs: map[string][]string{}, truth: truth, kinds: map[string]map[int]string{}}
	for name, f := range files {
		if !f.closed {
			t.Errorf("%s was not closed", name)
		}
		res.logs[name] = strings.Split(strings.TrimSuffix(f.String(), "\n"), "\n")
	}
	for i, row := range res.logs["truth.csv"] {
		if i == 0 {
			continue
		}
		c := strings.Split(row, ",")
		line, err := strconv.Atoi(c[1])
		if err != nil || len(c) != 4 || c[2] != "1" {
			t.Fatalf("truth.csv:%d: %q", i+1, row)
		}
		if res.kinds[c[0]] == nil {
			res.kinds[c[0]] = map[int]string{}
		}
		if res.kinds[c[0]][line] != "" {
			t.Errorf("truth.csv:%d: line told twice: %q", i+1, row)
		}
		res.kinds[c[0]][line] = c[3]
	}
	return res
}

var usual = sync.OnceValue(func() result { return generate(&testing.B{}, Config{Seed: 1}) })

// lineTime reads the time of a line; ok is false for a header.
func lineTime(t *testing.T, file, line string) (at time.Time, ok bool) {
	t.Helper()
	var err error
	switch {
	case line[0] == '#':
		return at, false
	case strings.HasPrefix(file, "zeek/"):
		var micros int64
		micros, err = strconv.ParseInt(line[:10]+line[11:17], 10, 64)
		at = time.UnixMicro(micros)
	case file == "auth.log":
		at, err = time.Parse("2006 Jan _2 15:04:05", "2026 "+line[:15])
	default:
		from := strings.IndexByte(line, '[')
		at, err = time.Parse("02/Jan/2006:15:04:05 -0700", line[from+1:strings.IndexByte(line, ']')])
	}
	if err != nil {
		t.Fatalf("%s: %q: %v", file, line, err)
	}
	return at, true
}

var logNames = []string{"nginx/access.log", "auth.log", "zeek/conn.log", "zeek/dns.log", "zeek/http.log", "zeek/ssl.log"}

func TestBytes(t *testing.T) {
	cfg := Config{Events: 1500, Seed: 7, Days: 3}
	a, b := generate(t, cfg), generate(t, cfg)
	if !maps.EqualFunc(a.logs, b.logs, slices.Equal[[]string]) {
		t.Error("the same seed gave other bytes")
	}
	var got strings.Builder
	for _, name := range append([]string{"incident.json", "truth.csv"}, logNames...) {
		lines := a.logs[name]
		fmt.Fprintf(&got, "-- %s --\n%s\n", name, strings.Join(lines[:min(len(lines), 24)], "\n"))
	}
	golden := filepath.Join("testdata", "heads.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("first lines differ from %s; got\n%s", golden, got.String())
	}
	cfg.Seed = 8
	if c := generate(t, cfg); slices.Equal(a.logs["nginx/access.log"], c.logs["nginx/access.log"]) {
		t.Error("another seed gave the same bytes")
	}
}

func TestOrder(t *testing.T) {
	for _, cfg := range []Config{{Seed: 1}, {Events: 400_000, Days: 1, Seed: 2}, {Events: 20_000, Days: 9, Seed: 3}} {
		res := generate(t, cfg)
		for _, name := range logNames {
			var last time.Time
			for i, line := range res.logs[name] {
				at, ok := lineTime(t, name, line)
				if ok && at.Before(last) {
					t.Fatalf("%s:%d: %v after %v", name, i+1, at, last)
				}
				if ok {
					last = at
				}
			}
		}
	}
}

// TestShortSlots runs a scenario in slots of minutes instead of hours.
func TestShortSlots(t *testing.T) {
	g := newGenerator(Config{Events: 10_000_000, Days: 1}.withDefaults())
	if g.slot >= hour {
		t.Fatalf("slot is %d µs", g.slot)
	}
	if testing.Short() {
		t.Skip("3 M lines")
	}
	res := generate(t, Config{Events: 3_000_000, Days: 1})
	var last time.Time
	for i, line := range res.logs["zeek/conn.log"] {
		if at, ok := lineTime(t, "zeek/conn.log", line); ok {
			if at.Before(last) {
				t.Fatalf("line %d: %v after %v", i+1, at, last)
			}
			last = at
		}
	}
}

// marks are what each line of a kind must contain in a file: any one of them.
var marks = map[string]map[string][]string{
	"nginx/access.log": {
		"scan":                {" 404 ", " 403 ", " 301 ", " 405 ", "Nikto", " 200 "},
		"credential_stuffing": {"POST /login ", "GET /account"},
		"sql_injection":       {"/search?q=", "/api/v1/stock?id="},
		"web_shell":           {"/uploads/reviews/r_", "POST /reviews/upload", "GET /reviews?id=132 "},
		"exfiltration":        {"/uploads/reviews/.d.gz"}},
	"auth.log": {
		"credential_stuffing":  {"sshd[", "systemd-logind["},
		"privilege_escalation": {"sudo: ", "useradd[", "for user sysupd", "ws17 "}},
	"zeek/conn.log": {
		"credential_stuffing": {"\t10.0.0.5\t22\ttcp\tssh"}, "privilege_escalation": {"10.0.0.5\t"},
		"odd_user_agent": {"\t10.0.2.17\t"}, "c2_beacon": {"\t10.0.2.17\t"}, "exfiltration": {"\t10.0.2.17\t"}},
	"zeek/dns.log":  {"odd_user_agent": {"\t10.0.2.17\t"}, "c2_beacon": {"\t10.0.2.17\t"}, "exfiltration": {"\t10.0.2.17\t"}},
	"zeek/http.log": {"odd_user_agent": {"Trident/7.0"}, "c2_beacon": {"Trident/7.0"}},
	"zeek/ssl.log":  {"c2_beacon": {"\t10.0.2.17\t"}, "exfiltration": {"\t10.0.2.17\t"}},
}

func TestTruth(t *testing.T) {
	res := usual()
	seen := map[string]int64{}
	for file, kinds := range res.kinds {
		for n, kind := range kinds {
			line := res.logs[file][n-1]
			if !slices.ContainsFunc(marks[file][kind], func(m string) bool { return strings.Contains(line, m) }) {
				t.Errorf("%s:%d is no %s: %s", file, n, kind, line)
			}
			at, ok := lineTime(t, file, line)
			if !ok || at.Before(res.truth.From) || !at.Before(res.truth.To) {
				t.Errorf("%s:%d: outside the window: %s", file, n, line)
			}
			seen[file+" "+kind]++
		}
	}
	var kinds []string
	for _, s := range res.truth.Steps {
		if seen[s.File+" "+s.Kind] != s.Lines || s.Description == "" || s.From.After(s.To) {
			t.Errorf("step %+v: truth.csv has %d lines", s, seen[s.File+" "+s.Kind])
		}
		delete(seen, s.File+" "+s.Kind)
		if !slices.Contains(kinds, s.Kind) {
			kinds = append(kinds, s.Kind)
		}
	}
	if len(seen) > 0 {
		t.Errorf("steps missing: %v", seen)
	}
	if !slices.Equal(kinds, Kinds()) {
		t.Errorf("kinds %v, want %v", kinds, Kinds())
	}
	for _, l := range res.truth.Lines {
		if int64(len(res.logs[l.File])) != l.Lines {
			t.Errorf("%s has %d lines, truth says %d", l.File, len(res.logs[l.File]), l.Lines)
		}
	}
}

func TestIncident(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		res := generate(t, Config{Events: 2000, NoBreakIn: quiet, Zone: time.FixedZone("", 3600)})
		var got struct {
			From, To time.Time
			Hosts    []string
		}
		if err := json.Unmarshal([]byte(strings.Join(res.logs["incident.json"], "\n")), &got); err != nil {
			t.Fatal(err)
		}
		if from := time.Date(2026, 2, 25, 0, 30, 0, 0, time.UTC); !got.From.Equal(from) || got.To.Sub(got.From) != 3*time.Hour {
			t.Errorf("window %v to %v", got.From, got.To)
		}
		if quiet != (len(got.Hosts) == 0) || quiet != (len(res.truth.Steps) == 0) || quiet != (len(res.kinds) == 0) {
			t.Errorf("quiet %v: hosts %v, %d steps", quiet, got.Hosts, len(res.truth.Steps))
		}
	}
}

// TestOnlyAdds checks that the break-in is laid over the background: without its lines, and without the workstation while
// it is off the network, the logs are those of the quiet weeks.
func TestOnlyAdds(t *testing.T) {
	broken, quiet := usual(), generate(t, Config{Seed: 1, NoBreakIn: true})
	off := func(file, line string) bool {
		if !strings.Contains(line, "\t10.0.2.17\t") && !strings.Contains(line, " ws17 sudo: ") {
			return false
		}
		at, _ := lineTime(t, file, line)
		return !at.Before(broken.truth.To) && at.Before(broken.truth.To.Add(32*time.Hour))
	}
	for _, name := range logNames {
		var a, b []string
		for i, line := range broken.logs[name] {
			if broken.kinds[name][i+1] == "" && !off(name, line) {
				a = append(a, line)
			}
		}
		for _, line := range quiet.logs[name] {
			if !off(name, line) {
				b = append(b, line)
			}
		}
		if len(a) != len(b) {
			t.Errorf("%s: %d benign lines with the break-in, %d without", name, len(a), len(b))
		}
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Errorf("%s: line %d\nwith    %s\nwithout %s", name, i+1, a[i], b[i])
				break
			}
		}
	}
}

func TestEvents(t *testing.T) {
	for _, events := range []int64{10_000, 50_000, 200_000, 1_000_000} {
		truth, err := Generate(Config{Events: events, Seed: 5}, openDiscard)
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		for _, l := range truth.Lines {
			n += l.Lines
		}
		if n < events*85/100 || n > events*115/100 {
			t.Errorf("asked for %d events, got %d", events, n)
		}
	}
}

func TestValidate(t *testing.T) {
	err := Config{Events: 5, Days: 400}.Validate()
	if err == nil || !strings.Contains(err.Error(), "events") || !strings.Contains(err.Error(), "days") {
		t.Errorf("got %v", err)
	}
	broken := errors.New("no room")
	if _, err := Generate(Config{Events: 2000}, func(name string) (io.WriteCloser, error) {
		if name == "zeek/dns.log" {
			return nil, broken
		}
		return discard{io.Discard}, nil
	}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
