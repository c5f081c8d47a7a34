package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/mapreduce"
)

// TestCombining: what the driver merges of a task's records before they leave its machine, however few it looks at a time, is what
// the reducer makes of all of them.
func TestCombining(t *testing.T) {
	needs(t)
	plan := planOf(t)
	var records strings.Builder
	for _, split := range []string{"0\t0\t300000", "0\t300000\t300000"} {
		c := exec.Command(binary, "map", "--plan", plan, "--splits")
		c.Dir, c.Stdin, c.Stdout = home, strings.NewReader(split+"\n"), &records
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
	}
	reduced := func(records string) string {
		c := exec.Command(binary, "reduce", "--plan", plan)
		c.Stdin = strings.NewReader(string(bytes.Join(mapreduce.SortRecords([]byte(records)), nil)))
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	want := reduced(records.String())
	for _, most := range []int{64 << 20, 10000} {
		got := combined(t, records.String(), most)
		if n := strings.Count(got, "\n"); most > len(records.String()) && n >= strings.Count(records.String(), "\n") {
			t.Errorf("%d records were merged into %d", strings.Count(records.String(), "\n"), n)
		}
		if reduced(got) != want {
			t.Errorf("combined %d letters at a time, the records are others", most)
		}
	}
}

// planOf makes the plan of a training, as a job leaves it to a binary that keeps it.
func planOf(t *testing.T) string {
	t.Helper()
	plan := filepath.Join(t.TempDir(), "plan.json")
	keep := filepath.Join(t.TempDir(), "weir-that-keeps")
	script := fmt.Sprintf("#!/bin/sh\ncase $1 in map) cp \"$3\" %q ;; esac\nexec %q \"$@\"\n", plan, binary)
	if err := os.WriteFile(keep, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	must(t, "job", "--on", "local", "--binary", keep, "train", "--good", "good.log", "--bad", "bad.log", "--filter", "kept.weir")
	return plan
}

// combined runs the driver's class over records in the Python that Spark has.
func combined(t *testing.T, records string, most int) string {
	t.Helper()
	script := fmt.Sprintf(`
import sys
import spark_driver
spark_driver.COMBINED = %d
env = {"WEIR_BINARY": %q, "WEIR_JOB": "train"}
for line in spark_driver.Combining(env)(iter(sys.stdin.read().splitlines())):
    print(line)
`, most, binary)
	c := exec.Command(filepath.Join(os.Getenv("SPARK_HOME"), "venv", "bin", "python"), "-c", script)
	c.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(root, "internal", "engine"), "PYTHONDONTWRITEBYTECODE=1")
	c.Stdin = strings.NewReader(records)
	var bad strings.Builder
	c.Stderr = &bad
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, bad.String())
	}
	return string(out)
}
