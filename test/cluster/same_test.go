package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTrain: the filter has the same bytes wherever its examples were counted.
func TestTrain(t *testing.T) {
	needs(t)
	must(t, "train", "--good", "good.log", "--bad", "bad.log", "--filter", "here.weir")
	want, err := os.ReadFile(filepath.Join(home, "here.weir"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range []string{"good.log", "bad.log"} {
		b, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(b, []byte{'\n'})
	}
	for _, x := range []struct {
		name, engine string
		flags        func(t *testing.T) []string
		killed       bool
	}{
		{"hadoop, a task killed mid-way", "hadoop", func(t *testing.T) []string {
			return []string{"--maps", "8", "--reducers", "2", "--binary", dying(t, "map*_m_000003_0")}
		}, true},
		{"hadoop without a combiner", "hadoop", func(*testing.T) []string { return []string{"--maps", "8", "--no-combiner"} }, false},
		{"spark, a task killed mid-way", "spark", func(t *testing.T) []string {
			return []string{"--maps", "8", "--reducers", "2", "--binary", dying(t, "map*")}
		}, true},
		{"spark without a combiner", "spark", func(*testing.T) []string { return []string{"--maps", "8", "--no-combiner"} }, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, said := must(t, on(x.engine, x.flags(t), "train", "--good", "hdfs:///examples/good.log", "--bad", "hdfs:///examples/bad.log", "--filter", "there.weir")...)
			t.Log(said)
			got, err := os.ReadFile(filepath.Join(home, "there.weir"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the filter differs from that of this machine: %d and %d bytes", len(got), len(want))
			}
			if n := counted(t, said, "map tasks"); n < 8 {
				t.Errorf("%d map tasks", n)
			}
			if n := counted(t, said, "records"); n != lines {
				t.Errorf("the tasks counted %d records of %d", n, lines)
			}
			if n := counted(t, said, "map tasks that failed"); x.engine == "hadoop" && x.killed && n == 0 {
				t.Error("no map task failed, and one was killed")
			}
		})
	}
	nothingLeft(t)
}

// TestHunt: the ranking is the same.
func TestHunt(t *testing.T) {
	needs(t)
	hunt := []string{"hunt", "--json", "--all", "--window", window, "hdfs:///logs/zeek", "hdfs:///logs/nginx/access.log"}
	want, _ := must(t, hunt...)
	if strings.Count(want, "\n") < 100 {
		t.Fatalf("the hunt finds %d events", strings.Count(want, "\n"))
	}
	// Files of this machine are the same files.
	here, _ := must(t, "hunt", "--json", "--all", "--window", window, "company/zeek", "company/nginx/access.log")
	if here = strings.ReplaceAll(here, `"company/`, `"hdfs:///logs/`); here != want {
		t.Errorf("the hunt in HDFS differs from that in files: %d and %d bytes", len(want), len(here))
	}
	for _, engine := range []string{"hadoop", "spark"} {
		t.Run(engine, func(t *testing.T) {
			got, said := must(t, on(engine, []string{"--maps", "8", "--reducers", "2"}, hunt...)...)
			t.Log(said)
			if got != want {
				t.Errorf("the hunt differs from that of this machine: %d and %d bytes", len(got), len(want))
			}
		})
	}
	nothingLeft(t)
}

// TestBeacons: pairs come sorted by time from tasks whose output was combined.
func TestBeacons(t *testing.T) {
	needs(t)
	beacons := []string{"beacons", "--json", "--all", "hdfs:///logs/zeek/conn.log"}
	want, _ := must(t, beacons...)
	if strings.Count(want, "\n") < 50 {
		t.Fatalf("%d pairs", strings.Count(want, "\n"))
	}
	for _, engine := range []string{"hadoop", "spark"} {
		t.Run(engine, func(t *testing.T) {
			got, said := must(t, on(engine, []string{"--maps", "6", "--reducers", "2"}, beacons...)...)
			t.Log(said)
			if got != want {
				t.Errorf("the pairs differ from those of this machine: %d and %d bytes", len(got), len(want))
			}
			if n := counted(t, said, "map tasks"); n < 4 {
				t.Errorf("%d map tasks", n)
			}
		})
	}
	nothingLeft(t)
}

// TestOddLogs: what is compressed, has no line end at its end, carriage returns, lines that are no records, nothing at all, or
// a name that says something else, is read as on this machine.
func TestOddLogs(t *testing.T) {
	needs(t)
	log, err := os.ReadFile(filepath.Join(home, "company", "nginx", "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "odd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	n := len(log) / 2
	n += bytes.IndexByte(log[n:], '\n') + 1
	poison := slicesConcat(log[:n], []byte("\x00\xff\xfe poison \x1b[2J\r\rmore\n"), bytes.Repeat([]byte("x"), 3<<20), []byte("\n\"\n"), log[n:n+5000], []byte("no end"))
	for name, b := range map[string][]byte{
		"crlf.log":     bytes.ReplaceAll(log[n:], []byte{'\n'}, []byte("\r\n")),
		"poison.log":   poison,
		"empty.log":    nil,
		"not.log.gz":   log[:n],                                       // is plain text
		"mark.log":     slicesConcat([]byte("\xef\xbb\xbf"), log[:n]), // begins with a byte order mark
		"plain[1].log": log[n:],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{
		"gzip -c company/nginx/access.log > odd/a.log.gz", "bzip2 -1 -c company/nginx/access.log > odd/b.log.bz2",
		"gzip -c company/zeek/conn.log > odd/conn.txt", // its name does not say so
	} {
		if out, err := run("sh", "-c", command); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if out, err := run("hadoop", "fs", "-D", "dfs.blocksize=262144", "-put", "odd", "/"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hunt := []string{"hunt", "--json", "--all", "--window", window, "hdfs:///odd/"}
	want, warned := must(t, hunt...)
	for _, engine := range []string{"hadoop", "spark"} {
		t.Run(engine, func(t *testing.T) {
			got, said := must(t, on(engine, []string{"--maps", "12"}, hunt...)...)
			if got != want {
				t.Errorf("the hunt differs from that of this machine: %d and %d bytes\n%s", len(got), len(want), said)
			}
			for _, l := range strings.Split(warned, "\n") {
				if !strings.Contains(said, l) {
					t.Errorf("what is wrong with the logs is not told: %q\nbut\n%s", l, said)
				}
			}
		})
	}
}

func slicesConcat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// slow returns a weir that takes its time as a task, and the file that the first of them makes when it begins.
func slow(t *testing.T) (begun, name string) {
	t.Helper()
	begun, name = filepath.Join(t.TempDir(), "begun"), filepath.Join(t.TempDir(), "slow")
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" != map ] || { : > %q; sleep 60; }\nexec %q \"$@\"\n", begun, binary)
	if err := os.WriteFile(name, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return begun, name
}

// TestStopped: a job that its user stops is stopped on the cluster, leaves nothing behind, and gives the same when it is run again
// (TestTrain has the bytes).
func TestStopped(t *testing.T) {
	needs(t)
	begun, takesTime := slow(t)
	c := exec.Command(binary, on("hadoop", []string{"--binary", takesTime}, "train", "--good", "hdfs:///examples/good.log", "--bad", "hdfs:///examples/bad.log", "--filter", "stopped.weir")...)
	c.Dir = home
	var said lockedBuffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	eventually(t, "a task has begun", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the job has ended: %v\n%s", err, said.String())
		default:
		}
		_, err := os.Stat(begun)
		return err == nil
	})
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := <-ended
	if err == nil || !strings.Contains(said.String(), "stopping job_") {
		t.Fatalf("%v\n%s", err, said.String())
	}
	_, id, _ := strings.Cut(said.String(), "hadoop: job_")
	id, _, _ = strings.Cut(id, " ")
	eventually(t, "the application is killed", func() bool {
		out, err := run("yarn", "application", "-status", "application_"+id)
		if err != nil || strings.Contains(out, "SUCCEEDED") {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.Contains(out, "KILLED")
	})
	if _, err := os.Stat(filepath.Join(home, "stopped.weir")); err == nil {
		t.Error("there is a filter")
	}
	nothingLeft(t)
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("it never happened that %s", what)
}
