package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/zeebo/xxh3"

	"weir/bench/incident"
	"weir/internal/mapreduce"
	"weir/internal/scenario"
	"weir/internal/source"
	"weir/test/built"
)

// huntAs parses the flags of a hunt.
func huntAs(t *testing.T, args ...string) (f *huntFlags, logs []string) {
	t.Helper()
	f = &huntFlags{}
	cmd := &cobra.Command{Use: "hunt"}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.rows, "rows", false, "")
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return f, cmd.Flags().Args()
}

// A spreading is how a job is spread in a test.
type spreading struct {
	size     int64 // bytes of a split
	tasks    int
	reducers int
	combine  bool
	text     bool // tasks are given lines instead of splits
}

// weirOn runs a process of weir, on what it is given.
func weirOn(t *testing.T, dir string, in []byte, env []string, args ...string) []byte {
	t.Helper()
	c := exec.Command("weir", args...)
	var bad bytes.Buffer
	c.Stdin, c.Stderr, c.Dir = bytes.NewReader(in), &bad, dir
	c.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), env...)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("weir %s: %v\n%s", strings.Join(args, " "), err, &bad)
	}
	return out
}

// onProcesses runs a planned job as processes, each task and reducer one, and returns the reduced records in no order, and how many
// bytes went to reducers.
func onProcesses(t *testing.T, dir string, p *mapreduce.Plan, c spreading) (records []byte, shuffled int) {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(plan, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	splits := p.Splits(c.size)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(splits), func(i, j int) { splits[i], splits[j] = splits[j], splits[i] })
	tasks := make([]string, c.tasks)
	for i, x := range splits {
		tasks[i%c.tasks] += fmt.Sprintf("%d\t%d\t%d\n", x.Input, x.Start, x.Length)
	}
	parts := make([][][]byte, c.reducers)
	spread := func(out []byte) {
		if c.combine {
			out = weirOn(t, dir, bytes.Join(mapreduce.SortRecords(out), nil), nil, "reduce", "--job", p.Job)
		}
		for _, r := range mapreduce.SortRecords(out) {
			key, _, _ := bytes.Cut(r, []byte{'\t'})
			k := xxh3.Hash(key) % uint64(c.reducers)
			parts[k] = append(parts[k], r)
			shuffled += len(r)
		}
	}
	if c.text {
		for _, x := range splits {
			spread(weirOn(t, dir, linesOf(t, p, dir, x), []string{"mapreduce_map_input_file=" + p.Inputs[x.Input].Where(),
				fmt.Sprint("mapreduce_map_input_start=", x.Start), fmt.Sprint("mapreduce_map_input_length=", x.Length)}, "map", "--plan", plan))
		}
	} else {
		for _, lines := range tasks {
			spread(weirOn(t, dir, []byte(lines), nil, "map", "--plan", plan, "--splits"))
		}
	}
	for _, part := range parts {
		records = append(records, weirOn(t, dir, bytes.Join(mapreduce.SortRecords(bytes.Join(part, nil)), nil), nil, "reduce", "--plan", plan)...)
	}
	return records, shuffled
}

// linesOf cuts a split as Hadoop does.
func linesOf(t *testing.T, p *mapreduce.Plan, dir string, x mapreduce.Split) []byte {
	t.Helper()
	name := p.Inputs[x.Input].Where()
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	if p.Inputs[x.Input].Compression != "" {
		in, err := source.File(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := in.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		b, err := io.ReadAll(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(x.Start, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(source.NewSplit(file, x.Start, x.Start+x.Length))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answersOf are the forms in which a hunt answers, and what it says of files on the side.
func answersOf(t *testing.T, f *huntFlags, hunt func(s *streams) error) map[string]string {
	t.Helper()
	out := map[string]string{}
	var o, e bytes.Buffer
	if err := hunt(&streams{out: &o, err: &e}); err != nil {
		t.Fatal(err)
	}
	out["answer"], out["side"] = o.String(), e.String()
	return out
}

// huntBothWays hunts here, and on processes, and compares all that is said.
func huntBothWays(t *testing.T, dir string, c spreading, args ...string) (shuffled int, records int64) {
	t.Helper()
	t.Chdir(dir)
	f, logs := huntAs(t, args...)
	want := answersOf(t, f, func(s *streams) error { return runHunt(t.Context(), s, f, logs) })
	if len(want["answer"]) == 0 {
		t.Fatal("nothing is found: there is nothing to compare")
	}
	f, logs = huntAs(t, args...)
	got := answersOf(t, f, func(s *streams) error {
		p, _, err := f.plan(t.Context(), s, time.Now())
		if err != nil {
			return err
		}
		inputs, err := expand(s, logs)
		if err != nil {
			return err
		}
		for _, in := range inputs {
			if err := p.Add(in, in.Name); err != nil {
				return err
			}
		}
		var reduced []byte
		reduced, shuffled = onProcesses(t, dir, p, c)
		r, err := f.assemble(s, p, bytes.NewReader(reduced))
		if err != nil {
			return err
		}
		defer r.Close()
		records = r.Summary.Records()
		return f.answer(s, r, "")
	})
	for _, what := range []string{"answer", "side"} {
		if got[what] != want[what] {
			g, w := strings.Split(got[what], "\n"), strings.Split(want[what], "\n")
			for i := range w {
				if i >= len(g) || g[i] != w[i] {
					t.Fatalf("%+v: line %d of %s differs:\n%.2000s\nwant\n%.2000s", c, i+1, what, append(g, make([]string, i+1)...)[i], w[i])
				}
			}
			t.Fatalf("%+v: %s is longer than it should be", c, what)
		}
	}
	return shuffled, records
}

// TestHuntOnProcesses: a hunt by 'weir map' and 'weir reduce' says the same as 'weir hunt', byte for byte.
func TestHuntOnProcesses(t *testing.T) {
	inFull(t)
	dir := t.TempDir()
	if _, err := scenario.Generate(scenario.Config{Events: 12_000}, func(name string) (io.WriteCloser, error) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		return os.Create(name)
	}); err != nil {
		t.Fatal(err)
	}
	var in struct{ From, To time.Time }
	b, err := os.ReadFile(filepath.Join(dir, "incident.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &in); err != nil {
		t.Fatal(err)
	}
	logs := logsIn(t, dir)
	window := "--window=" + in.From.Format(time.RFC3339) + "/" + in.To.Format(time.RFC3339)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("good.log", strings.Repeat("198.51.100.7 - - [02/Mar/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 12 \"-\" \"Mozilla/5.0\"\n", 40))
	write("bad.log", strings.Repeat("203.0.113.9 - - [02/Mar/2026:10:00:01 +0000] \"GET /../etc/passwd HTTP/1.1\" 404 12 \"-\" \"sqlmap\"\n", 40))
	weirOn(t, dir, nil, nil, "train", "--good", "good.log", "--bad", "bad.log", "--filter", "web.weir")
	weirOn(t, dir, nil, nil, "mark", "bad", "--marks", "m.jsonl", window, "--who", "x", "--host", "10.0.2.17")
	weirOn(t, dir, nil, nil, "mark", "good", "--marks", "m.jsonl", "--who", "x", "--where", "url.path startsWith '/static'")
	weirOn(t, dir, nil, nil, "mark", "ignore", "--marks", "m.jsonl", "--who", "x", "--where", "http.response.status_code == 304")
	for name, x := range map[string]struct {
		c    spreading
		args []string
	}{
		"json":     {spreading{60_000, 5, 2, true, false}, []string{window, "--json", "--all"}},
		"page":     {spreading{200_000, 16, 3, false, false}, []string{window}},
		"text":     {spreading{150_000, 1, 1, true, true}, []string{window, "--json", "--all"}},
		"rows":     {spreading{1 << 40, 1, 1, false, false}, []string{window, "--rows", "--all"}},
		"hosts":    {spreading{90_000, 4, 2, true, false}, []string{window, "--json", "--host", "10.0.2.17"}},
		"narrowed": {spreading{90_000, 3, 1, true, false}, []string{window, "--json", "--drop-where", "http.response.status_code == 404", "--drop-where", "url.path contains 'a'", "--only-hours", "0-23", "--drop-known-clients", "--drop-networks", "10.0.2.0/28", "--drop-countries", "DE", "--zone", "Europe/Vienna"}},
		"marks":    {spreading{90_000, 3, 2, true, false}, []string{"--marks", "m.jsonl", "--json", "--all"}},
		"filter":   {spreading{90_000, 3, 2, true, false}, []string{window, "--filter", "web.weir", "--json"}},
		"good":     {spreading{90_000, 3, 2, true, false}, []string{window, "--good", "2026-01-01/2026-12-31", "--ignore", "2026-03-03 10:00/2026-03-03 12:00", "--json"}},
	} {
		t.Run(name, func(t *testing.T) {
			shuffled, records := huntBothWays(t, dir, x.c, append(x.args, logs...)...)
			t.Logf("%d bytes to reducers, %.1f a record", shuffled, float64(shuffled)/float64(records))
		})
	}
}

// logsIn returns the logs of a scenario, relative to its directory.
func logsIn(t *testing.T, dir string) (logs []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".log") {
			name, err = filepath.Rel(dir, name)
			logs = append(logs, name)
		}
		return err
	})
	if err != nil || len(logs) == 0 {
		t.Fatalf("%d logs: %v", len(logs), err)
	}
	return logs
}

// TestIncidentsOnProcesses hunts for recorded break-ins both ways. The data are no part of the project.
func TestIncidentsOnProcesses(t *testing.T) {
	inFull(t)
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	set, err := incident.Open(incident.Shared(root))
	if errors.Is(err, incident.ErrMissing) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and %v", err)
		}
		t.Skipf("\n\n*** SKIPPED: hunts for recorded break-ins are NOT tested as jobs: %v\n\n", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, in := range set.Incidents {
		t.Run(in.Name, func(t *testing.T) {
			c := spreading{[]int64{1 << 20, 300_000, 4 << 20}[i%3], 2 + i%7, 1 + i%3, i%2 == 0, false}
			shuffled, records := huntBothWays(t, root, c, in.Args("--json", "--all")[1:]...)
			t.Logf("%d bytes to reducers, %.1f a record", shuffled, float64(shuffled)/float64(records))
		})
	}
}
