package parity

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestOracles runs oracle.py again and compares what it writes with what is committed.
func TestOracles(t *testing.T) {
	python := "/usr/bin/python3" // Debian's, which the packages are for
	if out, err := exec.Command(python, "-W", "ignore", "-c", "import sklearn, mlpy").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and %s has no scikit-learn or no mlpy: %v\n%s", python, err, out)
		}
		t.Skipf("\n\n*** SKIPPED: whether the committed oracles are what scikit-learn and mlpy say is NOT tested: %s has not both "+
			"(apt-get install python3-sklearn python3-mlpy)\n\n", python)
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "-W", "ignore", "oracle.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	committed, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 || len(names) != len(committed) {
		t.Fatalf("%d files made, %d committed", len(names), len(committed))
	}
	for _, name := range names {
		base := filepath.Base(name)
		compare(t, base, parsed(t, filepath.Join("testdata", base)), parsed(t, name))
	}
}

func parsed(t *testing.T, name string) any {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases any }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// compare compares JSON values, numbers to 1e-9.
func compare(t *testing.T, at string, want, got any) {
	t.Helper()
	switch w := want.(type) {
	case float64:
		if g, ok := got.(float64); !ok || math.Abs(g-w) > Within*math.Max(1, math.Abs(w)) {
			t.Errorf("%s: %v made, %v committed", at, got, w)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			t.Errorf("%s: %v made, %v committed", at, got, w)
			return
		}
		for i := range w {
			compare(t, fmt.Sprintf("%s[%d]", at, i), w[i], g[i])
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			t.Errorf("%s: %v made, %v committed", at, got, w)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			compare(t, at+"."+k, w[k], g[k])
		}
	default:
		if got != want {
			t.Errorf("%s: %v made, %v committed", at, got, want)
		}
	}
}
