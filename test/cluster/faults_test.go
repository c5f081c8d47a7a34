package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// lockedBuffer takes what a command writes while others read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestFaults: whatever is wrong with an engine ends in a message that says what to do, with the engine's own line where it said one.
func TestFaults(t *testing.T) {
	needs(t)
	tmp := t.TempDir()
	noJar := filepath.Join(tmp, "no.jar")
	if err := os.WriteFile(noJar, []byte("this is no jar\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(tmp, "other") // for another processor
	build := exec.Command("go", "build", "-o", other, "./test/cluster/testdata/nothing")
	build.Dir, build.Env = root, append(os.Environ(), "GOARCH=s390x", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	broken := filepath.Join(tmp, "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho 'weir: cannot read the plan: the disk has a hole' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"fs", "-mkdir", "-p", "/tight", "/small", "/kept/already"}, {"fs", "-mkdir", "-p", "/secret"}, {"fs", "-chmod", "700", "/secret"}} {
		if out, err := run("hadoop", args...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, args := range [][]string{{"dfsadmin", "-setSpaceQuota", "1m", "/tight"}, {"dfsadmin", "-setQuota", "1", "/small"}} {
		if out, err := run("hdfs", args...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	_, takesTime := slow(t)
	train := []string{"train", "--good", "hdfs:///examples/good.log", "--bad", "hdfs:///examples/bad.log", "--filter", "none.weir"}
	once := []string{"--set", "mapreduce.map.maxattempts=1", "--set", "mapreduce.reduce.maxattempts=1"}
	for _, x := range []struct {
		name string
		env  []string
		args []string
		says []string
	}{
		{"no Hadoop", []string{"HADOOP_HOME=", "PATH=/usr/bin:/bin"}, on("hadoop", nil, train...),
			[]string{"cannot find it on this machine", "Set HADOOP_HOME"}},
		{"no Spark", []string{"SPARK_HOME=", "PATH=/usr/bin:/bin"}, on("spark", nil, train...),
			[]string{"cannot find it on this machine", "SPARK_HOME"}},
		{"no jar", nil, on("hadoop", []string{"--streaming-jar", filepath.Join(tmp, "gone.jar")}, train...),
			[]string{"gone.jar", "--streaming-jar"}},
		{"a jar that is none", nil, on("hadoop", []string{"--streaming-jar", noJar}, train...),
			[]string{"not the jar of Hadoop Streaming", "| Exception in thread", "Give --streaming-jar"}},
		{"no NameNode", nil, on("hadoop", nil, "hunt", "--window", window, "hdfs://localhost:1/logs"),
			[]string{"no NameNode answers at localhost:1", "connection refused", "Is it running"}},
		{"no ResourceManager", nil, on("hadoop", []string{"--set", "yarn.resourcemanager.address=localhost:1", "--set", "yarn.resourcemanager.connect.max-wait.ms=2000", "--set", "ipc.client.connect.max.retries=2"}, train...),
			[]string{"the cluster does not answer", "Connection refused", "yarn-site.xml"}},
		{"not allowed to read", []string{"HADOOP_USER_NAME=mallory"}, on("hadoop", nil, "hunt", "--window", window, "hdfs:///secret/"),
			[]string{"permission denied", "HADOOP_USER_NAME"}},
		{"not allowed to write", []string{"HADOOP_USER_NAME=mallory"}, on("hadoop", []string{"--output", "hdfs:///secret/out"}, train...),
			[]string{"permission denied", "HADOOP_USER_NAME"}},
		{"no more files", nil, on("hadoop", []string{"--output", "hdfs:///small/out"}, train...),
			[]string{"quota", "hdfs dfs -count -q"}},
		{"no more space", nil, on("hadoop", append([]string{"--output", "hdfs:///tight/out"}, once...), train...),
			[]string{"QuotaExceededException", "hdfs dfs -count -q"}},
		{"output that is there", nil, on("hadoop", []string{"--output", "hdfs:///kept"}, train...),
			[]string{"the output is there already", "hdfs dfs -rm -r"}},
		{"a file of this machine", nil, on("hadoop", nil, "hunt", "--window", window, "good.log"),
			[]string{"hdfs dfs -put"}},
		{"killed for memory", nil, on("hadoop", append([]string{"--map-memory", "64", "--binary", takesTime}, once...), train...),
			[]string{"killed for using more memory", "PHYSICAL' memory limit", "--map-memory"}},
		{"a binary for other machines", nil, on("hadoop", append([]string{"--binary", other}, once...), train...),
			[]string{"cannot run this binary", "Give --binary"}},
		{"a task that fails on Hadoop", nil, on("hadoop", append([]string{"--binary", broken}, once...), train...),
			[]string{"a task failed", "subprocess failed with code 1", "weir: cannot read the plan: the disk has a hole", "yarn logs -applicationId"}},
		{"a task that fails on Spark", nil, on("spark", []string{"--binary", broken}, train...),
			[]string{"a task failed", "the disk has a hole"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			out, bad, err := weirWith(x.env, x.args...)
			if err == nil {
				t.Fatalf("it went well:\n%s%s", out, bad)
			}
			for _, say := range x.says {
				if !strings.Contains(bad, say) {
					t.Errorf("%q is not in\n%s", say, bad)
				}
			}
			if strings.Contains(bad, "\tat ") || strings.Contains(bad, "goroutine ") {
				t.Errorf("a trace:\n%s", bad)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(home, "none.weir")); err == nil {
		t.Error("a job that failed has written a filter")
	}
	nothingLeft(t)
}
