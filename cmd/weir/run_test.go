package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"weir/internal/ask"
	"weir/internal/term"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"weir": main})
}

// TestScripts runs every script of testdata/script. Besides what testscript brings along they may say
//
//	ordinary FILE DAYS        writes an ordinary shop's access log, DAYS days from 2026-03-02, six visits an hour
//	append FILE MORE...       appends files to FILE
//	written DAY FILE...       makes files look as if they were last written on DAY
//	unescape FILE...          reads every line of FILE as the inside of a Go string, in place
//	compress gzip|zstd FILE   writes FILE.gz or FILE.zst and removes FILE
//	columns N FILE            no line of FILE is wider than N columns
//	neutral FILE              FILE holds nothing that a terminal would obey or hide
//	catalogue LAKE SQL        changes the catalogue of a lake behind its back
//	spoil FILE                changes a byte in the middle of FILE
//	jsonl FILE N FIELD...     FILE is N lines of JSON, each with the fields and none with a number that is not finite
//
// where FILE may be stdout or stderr of the last command.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// A program under the race detector sleeps for a second before it ends; the scripts start a hundred.
			env.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ordinary": always(ordinary),
			"append":   always(appendFiles),
			"written":  always(written),
			"unescape": always(unescape),
			"compress": always(compress),
			"columns":  always(columns),
			"neutral":  always(neutral),
			"jsonl":    always(jsonl),
			"spoil":    always(spoil),

			"catalogue": always(catalogue),
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "sql":
				return ask.Built, nil
			}
			return false, fmt.Errorf("there is no condition %q", cond)
		},
	})
}

// always is a command that cannot be expected to fail.
func always(f func(*testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command takes no !")
		}
		f(ts, args)
	}
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func spoil(ts *testscript.TestScript, args []string) {
	name := ts.MkAbs(args[0])
	b, err := os.ReadFile(name)
	ts.Check(err)
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(name, b, 0o644))
}

func ordinary(ts *testscript.TestScript, args []string) {
	var b bytes.Buffer
	agents := []string{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/121.0.0.0", "Mozilla/5.0 (X11; Linux x86_64; rv:122.0) Firefox/122.0"}
	paths := []string{"/", "/item/1", "/item/2", "/item/3", "/cart", "/search?q=boots"}
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range 24 * 6 * number(ts, args[1]) {
		fmt.Fprintf(&b, "198.51.100.%d - - [%s] \"GET %s HTTP/1.1\" 200 %d \"-\" \"%s\"\n", 1+i%7,
			at.Add(time.Duration(i)*10*time.Minute).Format("02/Jan/2006:15:04:05 -0700"), paths[i%len(paths)], 500+i%5, agents[i%len(agents)])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o666))
}

func appendFiles(ts *testscript.TestScript, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o666)
	ts.Check(err)
	defer f.Close()
	for _, name := range args[1:] {
		_, err := f.WriteString(ts.ReadFile(name))
		ts.Check(err)
	}
}

func written(ts *testscript.TestScript, args []string) {
	day, err := time.Parse(time.DateOnly, args[0])
	ts.Check(err)
	for _, name := range args[1:] {
		ts.Check(os.Chtimes(ts.MkAbs(name), day, day))
	}
}

func catalogue(ts *testscript.TestScript, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.Join(args[0], "lake.db")))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

func unescape(ts *testscript.TestScript, args []string) {
	for _, name := range args {
		var b strings.Builder
		for line := range strings.Lines(ts.ReadFile(name)) {
			text, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.TrimSuffix(line, "\n"), `"`, `\"`) + `"`)
			ts.Check(err)
			b.WriteString(text + "\n")
		}
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(b.String()), 0o666))
	}
}

func compress(ts *testscript.TestScript, args []string) {
	name, data := args[1], []byte(ts.ReadFile(args[1]))
	var b bytes.Buffer
	switch args[0] {
	case "gzip":
		w := gzip.NewWriter(&b)
		_, err := w.Write(data)
		ts.Check(err)
		ts.Check(w.Close())
		ts.Check(os.WriteFile(ts.MkAbs(name+".gz"), b.Bytes(), 0o666))
	case "zstd":
		w, err := zstd.NewWriter(&b)
		ts.Check(err)
		_, err = w.Write(data)
		ts.Check(err)
		ts.Check(w.Close())
		ts.Check(os.WriteFile(ts.MkAbs(name+".zst"), b.Bytes(), 0o666))
	default:
		ts.Fatalf("there is no compression %q", args[0])
	}
	ts.Check(os.Remove(ts.MkAbs(name)))
}

func columns(ts *testscript.TestScript, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if line = strings.TrimSuffix(line, "\n"); term.Width(line) > number(ts, args[0]) {
			ts.Fatalf("%d columns: %s", term.Width(line), line)
		}
	}
}

func neutral(ts *testscript.TestScript, args []string) {
	text := ts.ReadFile(args[0])
	if !utf8.ValidString(text) {
		ts.Fatalf("%s is not valid UTF-8", args[0])
	}
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
			ts.Fatalf("%s holds %U at byte %d: %q", args[0], r, i, text[max(0, i-40):min(len(text), i+40)])
		}
	}
}

func jsonl(ts *testscript.TestScript, args []string) {
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile(args[0]), "\n"), "\n")
	if len(lines) != number(ts, args[1]) {
		ts.Fatalf("%s has %d lines, want %s", args[0], len(lines), args[1])
	}
	for i, line := range lines {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			ts.Fatalf("line %d of %s: %v: %s", i+1, args[0], err, line)
		}
		for _, field := range args[2:] {
			if _, ok := v[field]; !ok {
				ts.Fatalf("line %d of %s has no %q: %s", i+1, args[0], field, line)
			}
		}
		finite(ts, v)
	}
}

// finite fails if a number somewhere in v is not one.
func finite(ts *testscript.TestScript, v any) {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			ts.Fatalf("a number is %v", v)
		}
	case []any:
		for _, x := range v {
			finite(ts, x)
		}
	case map[string]any:
		for _, x := range v {
			finite(ts, x)
		}
	}
}

// inFull skips a test that starts many processes where the run is a short one, as that of the race detector is: each of them takes ten
// times as long there.
func inFull(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("not in a short run")
	}
}
