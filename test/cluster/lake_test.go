package cluster

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLake: tasks that read a lake's segments in HDFS, or where the lake is, come to what this machine comes to.
func TestLake(t *testing.T) {
	needs(t)
	must(t, "ingest", "--lake", "archive", "company/zeek", "company/nginx")
	must(t, "mark", "good", "--lake", "archive", "--window", "/2026-02-24T00:00:00Z")
	must(t, "mark", "bad", "--lake", "archive", "--window", window, "--host", "10.0.2.17", "--host", "10.0.0.5")
	for _, args := range [][]string{{"-mkdir", "-p", "/lake", "/spoilt"}, {"-put", "archive/events", "/lake/"}, {"-put", "archive/events", "/spoilt/"}} {
		if out, err := run("hadoop", append([]string{"fs"}, args...)...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	hunt := []string{"hunt", "--json", "--all", "--lake", "archive"}
	want, _ := must(t, hunt...)
	if strings.Count(want, "\n") < 50 {
		t.Fatalf("the hunt finds %d events", strings.Count(want, "\n"))
	}
	must(t, "train", "--lake", "archive", "--filter", "lake-here.weir")
	filter, err := os.ReadFile(filepath.Join(home, "lake-here.weir"))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, engine string
		flags        func(t *testing.T) []string
		killed       bool
	}{
		{"hadoop, a task killed mid-way", "hadoop", func(t *testing.T) []string {
			return []string{"--segments", "hdfs:///lake", "--maps", "6", "--reducers", "2", "--binary", dying(t, "map*_m_000002_0")}
		}, true},
		{"spark", "spark", func(*testing.T) []string {
			return []string{"--segments", "hdfs:///lake", "--maps", "6", "--reducers", "2"}
		}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, said := must(t, on(x.engine, x.flags(t), hunt...)...)
			t.Log(said)
			if got != want {
				t.Errorf("the hunt differs from that of this machine: %d and %d bytes", len(got), len(want))
			}
			if n := counted(t, said, "map tasks"); n < 4 {
				t.Errorf("%d map tasks", n)
			}
			if n := counted(t, said, "map tasks that failed"); x.killed && n == 0 {
				t.Error("no map task failed, and one was killed")
			}
		})
	}
	for _, x := range []struct{ name, engine, segments string }{{"hadoop trains", "hadoop", "hdfs:///lake"}, {"spark trains, where the lake is", "spark", ""}} {
		t.Run(x.name, func(t *testing.T) {
			flags := []string{"--maps", "4", "--no-combiner"}
			if x.segments != "" {
				flags = append(flags, "--segments", x.segments)
			}
			_, said := must(t, on(x.engine, flags, "train", "--lake", "archive", "--filter", "lake-there.weir")...)
			t.Log(said)
			got, err := os.ReadFile(filepath.Join(home, "lake-there.weir"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, filter) {
				t.Errorf("the filter differs from that of this machine: %d and %d bytes", len(got), len(filter))
			}
		})
	}
	t.Run("damaged there", func(t *testing.T) { spoiltThere(t, hunt) })
	nothingLeft(t)
}

// spoiltThere: a copy that lacks a file is noticed before the job, one with other bytes by a task, which names it.
func spoiltThere(t *testing.T, hunt []string) {
	list, err := filepath.Glob(filepath.Join(home, "archive", "events", "*", "*.parquet"))
	if err != nil || len(list) < 5 {
		t.Fatalf("%d segments: %v", len(list), err)
	}
	b, err := os.ReadFile(list[4])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	spoilt := filepath.Join(t.TempDir(), filepath.Base(list[4]))
	if err := os.WriteFile(spoilt, b, 0o644); err != nil {
		t.Fatal(err)
	}
	there := "/spoilt/events/" + filepath.Base(filepath.Dir(list[4])) + "/" + filepath.Base(list[4])
	if out, err := run("hadoop", "fs", "-put", "-f", spoilt, there); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, engine := range []string{"hadoop", "spark"} {
		flags := []string{"--segments", "hdfs:///spoilt", "--maps", "3"}
		if engine == "hadoop" {
			flags = append(flags, "--set", "mapreduce.map.maxattempts=1")
		}
		out, said, err := weir(on(engine, flags, hunt...)...)
		for _, say := range []string{"a task failed", "a segment of the lake is damaged: \"hdfs://", there, "'weir verify' says how much of it"} {
			if err == nil || !strings.Contains(said, say) {
				t.Errorf("%s: %q is not in (%v)\n%s%s", engine, say, err, out, said)
			}
		}
	}
	if out, err := run("hadoop", "fs", "-rm", there); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, said, err := weir(on("hadoop", []string{"--segments", "hdfs:///spoilt"}, hunt...)...)
	for _, say := range []string{"is not wholly in hdfs://", there, "is gone", "Copy what is missing there", "hadoop fs -put -f archive/events/"} {
		if err == nil || !strings.Contains(said, say) {
			t.Errorf("%q is not in (%v)\n%s", say, err, said)
		}
	}
	if strings.Contains(said, "submitting") {
		t.Errorf("a job was submitted:\n%s", said)
	}
}
