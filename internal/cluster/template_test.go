package cluster

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// Goldens: testdata/*.log and what they are reduced to.
func TestTemplatesGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.log")
	if err != nil || len(files) == 0 {
		t.Fatalf("no logs in testdata: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		var b strings.Builder
		for _, x := range Templates(lines) {
			fmt.Fprintf(&b, "%3d  %s\n", x.Lines, x.Text)
		}
		golden := strings.TrimSuffix(name, ".log") + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s:\n%s\nwant (-update rewrites it):\n%s", name, b.String(), want)
		}
		for range 5 {
			rand.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
			var c strings.Builder
			for _, x := range Templates(lines) {
				fmt.Fprintf(&c, "%3d  %s\n", x.Lines, x.Text)
			}
			if c.String() != b.String() {
				t.Fatalf("%s: another order gives other templates", name)
			}
		}
	}
}

// Laws, whatever the lines: every distinct line is counted once, matches its template word for word, and order and
// repetition change nothing.
func FuzzTemplates(f *testing.F) {
	f.Add("a b c\na b d\na b e\na b f\na b g\nx")
	f.Add("user 1 in\nuser 2 in\n\n \xff\x00 <*>")
	f.Add(strings.Repeat("w ", 100) + "\n" + strings.Repeat("w ", 100) + "v")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		all := Templates(lines)
		distinct := map[string]bool{}
		for _, l := range lines {
			distinct[l[:min(len(l), maxBytes)]] = true
		}
		sum := 0
		for _, x := range all {
			sum += x.Lines
			if !distinct[x.Example] {
				t.Errorf("the example %q is no line", x.Example)
			}
		}
		if sum != len(distinct) {
			t.Errorf("%d distinct lines, %d counted", len(distinct), sum)
		}
		again := slices.Concat(lines, lines)
		slices.Reverse(again)
		if !slices.Equal(Templates(again), all) {
			t.Errorf("order or repetition changes the templates of %q", text)
		}
	})
}
