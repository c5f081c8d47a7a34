package cluster

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/bench/incident"
)

// few are the incidents that are hunted in where not all are asked for (WEIR_TEST_CLUSTER=all).
var few = []string{"ait-russellmitchell", "phone-home-a"}

// TestIncidents: recorded break-ins have the same ranking here, on Hadoop and on Spark.
func TestIncidents(t *testing.T) {
	needs(t)
	set, err := incident.Open(incident.Shared(root))
	if errors.Is(err, incident.ErrMissing) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and %v", err)
		}
		t.Skipf("\n\n*** SKIPPED: recorded incidents are NOT hunted in on Hadoop and Spark: %v\n\n", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run("hadoop", "fs", "-mkdir", "-p", "/incidents"); err != nil {
		t.Fatal(err, out)
	}
	for _, in := range set.Incidents {
		if os.Getenv("WEIR_TEST_CLUSTER") != "all" && !slices.Contains(few, in.Name) {
			continue
		}
		t.Run(in.Name, func(t *testing.T) {
			unpack(t, in)
			if out, err := run("hadoop", "fs", "-D", "dfs.blocksize=1048576", "-put", in.Name, "/incidents/"); err != nil {
				t.Fatal(err, out)
			}
			hunt := []string{"hunt", "--json", "--all", "--window", in.Text()}
			for _, h := range in.Hosts {
				hunt = append(hunt, "--host", h)
			}
			for _, o := range in.Others() {
				hunt = append(hunt, "--ignore", o)
			}
			hunt = append(hunt, "hdfs:///incidents/"+in.Name)
			want, _ := must(t, hunt...)
			if strings.Count(want, "\n") < 50 {
				t.Fatalf("the hunt finds %d events", strings.Count(want, "\n"))
			}
			for _, engine := range []string{"hadoop", "spark"} {
				got, said := must(t, on(engine, []string{"--maps", "8", "--reducers", "2"}, hunt...)...)
				if got != want {
					t.Errorf("on %s the hunt differs from that of this machine: %d and %d bytes\n%s", engine, len(got), len(want), said)
					continue
				}
				t.Logf("%s: %d lines of JSON, the same\n%s", engine, strings.Count(got, "\n"), said)
			}
		})
	}
	nothingLeft(t)
}

// unpack writes an incident's logs into home, without their compression, so that they can be split.
func unpack(t *testing.T, in *incident.Incident) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(in.Dir(), "logs", "*.gz"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no logs in %q: %v", in.Dir(), err)
	}
	dir := filepath.Join(home, in.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, strings.TrimSuffix(filepath.Base(name), ".gz")), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
