// Package cluster tests weir on the real engines: Hadoop's daemons (test/hadoop/cluster) and Spark with two workers
// (test/spark/install). `make test-cluster` runs it; without WEIR_TEST_CLUSTER its tests are skipped.
package cluster

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/test/built"
)

const (
	window = "2026-02-25T01:30:00Z/2026-02-25T04:30:00Z"
	master = "local-cluster[2,1,1024]" // two workers with a core and 1 GiB each
)

// The environment of the tests.
var (
	root   string
	binary string // weir, static, as it goes to machines of a cluster
	home   string // what it is run in: company/, good.log, bad.log
)

func TestMain(m *testing.M) {
	if os.Getenv("WEIR_TEST_CLUSTER") == "" {
		os.Exit(m.Run())
	}
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "weir-cluster-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if root, err = built.Root(); err != nil {
		return 1, err
	}
	binary, home = filepath.Join(dir, "bin", "weir"), filepath.Join(dir, "home")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/weir")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("cannot build weir: %w\n%s", err, out)
	}
	script := filepath.Join(root, "test", "hadoop", "cluster")
	cluster := filepath.Join(dir, "cluster")
	os.Setenv("WEIR_CLUSTER_OWNER", strconv.Itoa(os.Getpid()))
	out, err := exec.Command(script, "up", cluster).CombinedOutput()
	if err != nil {
		return 1, fmt.Errorf("cannot start the cluster: %w\n%s", err, out)
	}
	defer func() {
		if code != 0 || err != nil {
			tellOf(filepath.Join(cluster, "cluster.log"))
		}
		if out, e := exec.Command(script, "down", cluster).CombinedOutput(); e != nil {
			code, err = 1, errors.Join(err, fmt.Errorf("cannot stop the cluster: %w\n%s", e, out))
		}
	}()
	hadoop, err := exec.Command(script, "install").Output()
	if err != nil {
		return 1, err
	}
	spark, err := exec.Command(filepath.Join(root, "test", "spark", "install")).Output()
	if err != nil {
		return 1, fmt.Errorf("cannot install Spark: %w", err)
	}
	hadoopHome, sparkHome := strings.TrimSpace(string(hadoop)), strings.TrimSpace(string(spark))
	for name, value := range map[string]string{"HADOOP_HOME": hadoopHome, "SPARK_HOME": sparkHome, "HADOOP_CONF_DIR": filepath.Join(cluster, "conf"),
		"SPARK_LOCAL_DIRS": filepath.Join(dir, "spark"), "SPARK_WORKER_DIR": filepath.Join(dir, "work"), "TMPDIR": filepath.Join(dir, "tmp"),
		"PATH": filepath.Dir(binary) + ":" + hadoopHome + "/bin:" + sparkHome + "/bin:" + os.Getenv("PATH")} {
		os.Setenv(name, value)
	}
	for _, d := range []string{home, filepath.Join(dir, "tmp")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return 1, err
		}
	}
	if err := invent(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// tellOf prints what the daemons warned of, the last of it: their log is removed with them.
func tellOf(log string) {
	text, err := os.ReadFile(log)
	if err != nil {
		fmt.Println(err)
		return
	}
	var said []string
	for l := range strings.Lines(string(text)) {
		if strings.Contains(l, " WARN ") || strings.Contains(l, " ERROR ") || strings.Contains(l, " FATAL ") || strings.Contains(l, "Exception") {
			said = append(said, l)
		}
	}
	fmt.Printf("The daemons warned %d times, last of\n%s", len(said), strings.Join(said[max(0, len(said)-40):], ""))
}

// patience is how long a command may take. It ends what hangs, and is far from what anything takes on a machine that is slow and busy.
const patience = 15 * time.Minute

// invent makes a company's logs with a break-in, its web server's log divided by the truth, and puts it all into HDFS.
func invent() error {
	if out, bad, err := weir("scenario", "--events", "20000", "--seed", "5", "--out", "company"); err != nil {
		return fmt.Errorf("%w\n%s%s", err, out, bad)
	}
	truth, err := os.Open(filepath.Join(home, "company", "truth.csv"))
	if err != nil {
		return err
	}
	defer truth.Close()
	rows, err := csv.NewReader(truth).ReadAll()
	if err != nil {
		return err
	}
	isBad := map[int]bool{}
	for _, r := range rows {
		if n, err := strconv.Atoi(r[1]); err == nil && strings.HasSuffix(r[0], "access.log") && r[2] == "1" {
			isBad[n] = true
		}
	}
	log, err := os.ReadFile(filepath.Join(home, "company", "nginx", "access.log"))
	if err != nil {
		return err
	}
	var good, bad bytes.Buffer
	for i, l := range bytes.SplitAfter(log, []byte{'\n'}) {
		if isBad[i+1] {
			bad.Write(l)
		} else {
			good.Write(l)
		}
	}
	if bad.Len() == 0 {
		return fmt.Errorf("no record of the web server's log is bad")
	}
	for name, b := range map[string][]byte{"good.log": good.Bytes(), "bad.log": bad.Bytes()} {
		if err := os.WriteFile(filepath.Join(home, name), b, 0o644); err != nil {
			return err
		}
	}
	out, err := run("hadoop", "fs", "-mkdir", "-p", "/logs", "/examples")
	if err == nil {
		out, err = run("hadoop", "fs", "-D", "dfs.blocksize=262144", "-put", "company/zeek", "company/nginx", "/logs/")
	}
	if err == nil {
		out, err = run("hadoop", "fs", "-D", "dfs.blocksize=262144", "-put", "good.log", "bad.log", "/examples/")
	}
	if err == nil {
		out, err = run("hadoop", "fs", "-chmod", "-R", "755", "/logs", "/examples")
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// needs skips a test where there are no engines.
func needs(t *testing.T) {
	t.Helper()
	if binary == "" {
		t.Skip("\n\n*** SKIPPED: Hadoop and Spark are NOT tested; make test-cluster does it\n\n")
	}
}

// run runs a program in home.
func run(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir = home
	out, err := c.CombinedOutput()
	return string(out), err
}

// weir runs the command and returns what it wrote, and whether it went well.
func weir(args ...string) (stdout, stderr string, err error) {
	return weirWith(nil, args...)
}

func weirWith(env []string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, bad bytes.Buffer
	c := exec.CommandContext(ctx, binary, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.Dir, c.Stdout, c.Stderr = home, &out, &bad
	c.Env = append(os.Environ(), env...)
	err = c.Run()
	return out.String(), bad.String(), err
}

// must is weir that goes well.
func must(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	out, bad, err := weir(args...)
	if err != nil {
		t.Fatalf("weir %q: %v\n%s%s", args, err, out, bad)
	}
	return out, bad
}

// on puts "job" with the engine and its flags before a command.
func on(engine string, flags []string, command ...string) []string {
	args := []string{"job", "--on", engine}
	if engine == "spark" {
		args = append(args, "--master", master)
	}
	return slices.Concat(args, flags, command)
}

// counted reads a number off the line of counters.
func counted(t *testing.T, said, name string) int {
	t.Helper()
	_, line, _ := strings.Cut(said, "the tasks counted: ")
	line, _, _ = strings.Cut(line, "\n")
	for _, c := range strings.Split(line, ", ") {
		if text, ok := strings.CutPrefix(c, name+" "); ok {
			if n, err := strconv.Atoi(text); err == nil {
				return n
			}
		}
	}
	return 0
}

// temporary is what a job's directory in HDFS is called.
var temporary = regexp.MustCompile(`/tmp/weir-[^-/]+-[0-9a-f]{16}`)

// nothingLeft is the check that a job has removed what was temporary, here and in HDFS.
func nothingLeft(t *testing.T) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "weir-*")); len(left) > 0 {
		t.Errorf("left on this machine: %q", left)
	}
	if out, err := run("hadoop", "fs", "-ls", "/tmp"); err != nil || temporary.MatchString(out) {
		t.Errorf("left in HDFS: %v %s", err, out)
	}
}

// dying returns a weir that is killed in the middle of what it writes, the first time that task is run.
func dying(t *testing.T, task string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "weir-that-dies")
	mark := name + ".died"
	script := fmt.Sprintf(`#!/bin/sh
# Hadoop says which attempt it is; of Spark's the first that comes dies.
case "$1 ${mapreduce_task_attempt_id:-spark}" in
%s) if mkdir "%s" 2>/dev/null; then "%s" "$@" | head -c 2000; kill -9 $$; fi ;;
esac
exec "%s" "$@"
`, task, mark, binary, binary)
	if err := os.WriteFile(name, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(mark); err != nil && !t.Failed() {
			t.Error("no task was killed")
		}
	})
	return name
}
