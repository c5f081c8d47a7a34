package cluster

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBeaconsOddly: what tasks write of a pair is in order also after combiners, however the cluster would have outputs, and logs that Hadoop cannot cut,
// or whose names Java may spell otherwise, are read by tasks.
func TestBeaconsOddly(t *testing.T) {
	needs(t)
	good, err := os.ReadFile(filepath.Join(home, "good.log"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "hard")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	half := bytes.IndexByte(good[len(good)/2:], '\n') + len(good)/2 + 1
	list := bytes.Buffer{}
	list.WriteString("[\n")
	for i := range 20000 {
		if i > 0 {
			list.WriteString(",\n")
		}
		list.WriteString(`{"ts":"2026-02-25T01:30:00Z","src":"192.0.2.7","dst":"198.51.100.9","port":443}`)
	}
	list.WriteString("\n]\n")
	for name, b := range map[string][]byte{"a b.log": good[:half], "größer.log": good[half:], "list.json": list.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run("hadoop", "fs", "-D", "dfs.blocksize=262144", "-put", "hard", "/"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	beacons := []string{"beacons", "--json", "--all", "hdfs:///hard/"}
	want, _ := must(t, beacons...)
	got, said := must(t, on("hadoop", []string{"--maps", "4", "--set", "mapreduce.task.io.sort.mb=1", "--set", "mapreduce.output.fileoutputformat.compress=true"}, beacons...)...)
	t.Log(said)
	if got != want {
		t.Errorf("beacons differ from those of this machine: %d and %d bytes", len(want), len(got))
	}
	nothingLeft(t)
}

// TestScoreOddly: scored lines come in the order of the logs also when a task has to write them down several times; a filter may be
// called anything, and what is kept in HDFS is for its owner.
func TestScoreOddly(t *testing.T) {
	needs(t)
	must(t, "train", "--good", "good.log", "--bad", "bad.log", "--filter", "here.weir")
	filter, err := os.ReadFile(filepath.Join(home, "here.weir"))
	if err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(home, "odd names")
	if err := os.MkdirAll(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"records", "web, #2'.weir"} {
		if err := os.WriteFile(filepath.Join(odd, name), filter, 0o644); err != nil {
			t.Fatal(err)
		}
		score := []string{"score", "--filter", filepath.Join(odd, name), "hdfs:///examples/good.log", "hdfs:///examples/bad.log"}
		want, _ := must(t, score...)
		for engine, flags := range map[string][]string{"hadoop": {"--maps", "4", "--set", "mapreduce.task.io.sort.mb=1", "--output", "hdfs:///kept/scored"}, "spark": {"--maps", "3", "--reducers", "2", "--set", "spark.hadoop.my.secret=hunter2"}} {
			if engine == "hadoop" && name == "records" {
				continue
			}
			got, said := must(t, on(engine, flags, score...)...)
			if got != want {
				t.Errorf("%s, %s: scored lines differ from those of this machine: %d and %d bytes\n%s", engine, name, len(want), len(got), said)
			}
		}
		if now, err := os.ReadFile(filepath.Join(odd, name)); err != nil || !bytes.Equal(now, filter) {
			t.Errorf("the filter %q is not what it was: %v", name, err)
		}
	}
	out, err := run("hadoop", "fs", "-ls", "/kept")
	if err != nil || strings.Count(out, "drwx------") != 1 {
		t.Errorf("what is kept is not for its owner alone: %v\n%s", err, out)
	}
	nothingLeft(t)
}
