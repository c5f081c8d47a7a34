package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/mapreduce"
)

// TestWatcher reads what Hadoop 3.4.2's client said of a job of which one task failed once, shortened.
func TestWatcher(t *testing.T) {
	var shown []string
	r := &hadoopRun{h: &Hadoop{Progress: func(line string) { shown = append(shown, line) }}, counters: map[string]int64{}}
	w := &watcher{r: r, name: "lines", counters: r.counters}
	for _, line := range strings.Split(`packageJobJar: [/tmp/hadoop-unjar1/] [] /tmp/streamjob2.jar tmpDir=null
26/11/21 11:23:20 INFO mapreduce.Job: Running job: job_1795260100271_0002
26/11/21 11:23:24 INFO mapreduce.Job:  map 40% reduce 0%
26/11/21 11:23:25 INFO mapreduce.Job: Task Id : attempt_1795260100271_0002_m_000003_0, Status : FAILED
Error: java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 2
	at org.apache.hadoop.streaming.PipeMapRed.waitOutputThreads(PipeMapRed.java:326)
26/11/21 11:23:29 INFO mapreduce.Job: Counters: 55
	Job Counters 
		Launched map tasks=6
		Failed map tasks=1
	Map-Reduce Framework
		Reduce shuffle bytes=1600030
		records=7
	weir
		records=25
		malformed too few columns=3`, "\n") {
		w.line(line)
	}
	want := map[string]int64{"map tasks": 6, "map tasks that failed": 1, "shuffled bytes": 1600030, "records": 25, "malformed too few columns": 3}
	for name, n := range want {
		if w.counters[name] != n {
			t.Errorf("%s is %d, want %d", name, w.counters[name], n)
		}
	}
	if len(w.counters) != len(want) {
		t.Errorf("counters %v", w.counters)
	}
	if all := strings.Join(shown, "\n"); !strings.Contains(all, "map 40 %, reduce 0 %") || !strings.Contains(all, "_m_000003_0 failed") {
		t.Errorf("shown: %s", all)
	}
	f := w.found.failure("")
	if !errors.Is(f, ErrTask) || !strings.Contains(f.Error(), "| Error: java.lang.RuntimeException: PipeMapRed") {
		t.Errorf("diagnosis: %v", f)
	}
	if first := inOrder(w.counters)[0]; first.Name != "records" {
		t.Errorf("the first counter is %s", first.Name)
	}
}

// TestDiagnosis: the line that matters, of logs in which it stands among others.
func TestDiagnosis(t *testing.T) {
	for _, x := range []struct {
		log   string
		cause error
		line  string
	}{
		{"26/11/21 INFO x: starting\n26/11/21 ERROR SparkContext: All masters are unresponsive! Giving up.\nbye", ErrUnreachable, "All masters"},
		{"Error: java.lang.RuntimeException: subprocess failed with code 1\nContainer is running 12B beyond the 'PHYSICAL' memory limit. Killing", ErrMemory, "PHYSICAL"},
		{"java.io.IOException: Cannot run program \"/disk/container_1/./weir\": error=8, Exec format error", ErrBinary, "Exec format"},
		{"org.apache.hadoop.hdfs.protocol.DSQuotaExceededException: The DiskSpace quota of /tight is exceeded", ErrSpace, "DiskSpace"},
		{"RuntimeError: weir exited with 1: weir: cannot read \"hdfs:///a\": cannot log in with Kerberos: there is no valid ticket", ErrTaskLogin, "hdfs:///a"},
		{"one\ntwo\nthree\nfour", ErrFailed, "four"},
		{"java.lang.IllegalStateException: odd\n\tat a.b(C.java:1)\nShutdown hook called", ErrFailed, "IllegalStateException"},
		{"", ErrFailed, "failed"},
		// What is said when an executor is lost is no reason where weir has said one.
		{"26/11/21 ERROR RetryingBlockTransferor: Failed to connect to /10.0.0.2:37\nCaused by: java.net.ConnectException: Connection refused\n" +
			"RuntimeError: weir exited with 1: weir: the disk has a hole", ErrTask, "hole"},
		{"java.net.ConnectException: Call From a/10.0.0.1 to rm:8032 failed on connection exception: Connection refused", ErrUnreachable, "Call From"},
		{"Output directory hdfs://n/out already exists", ErrExists, "already"},
		{"PipeMapRed.waitOutputThreads(): subprocess failed with code 143\nError: PipeMapRed.waitOutputThreads(): subprocess failed with code 2", ErrTask, "code 2"},
		{`java.io.IOException: Cannot run program "/disk/container_1/./weir": error=0, Failed to exec spawn helper: pid: 7, signal: 15`, ErrFailed, "signal: 15"},
		{`java.io.IOException: Cannot run program "/disk/container_1/./weir": error=12, Cannot allocate memory`, ErrFailed, "error=12"},
	} {
		d := &diagnosis{}
		eachLine(strings.NewReader(x.log), d.see)
		if f := d.failure(""); !errors.Is(f, x.cause) || !strings.Contains(f.Error(), x.line) {
			t.Errorf("%q: %v", x.log, f)
		}
	}
}

// TestLooked reads the log of a job of Hadoop 3.4.2 of which one task failed by weir's own word, and another was stopped for it
// just when it asked for a program of the system.
func TestLooked(t *testing.T) {
	const (
		stopped = `2026-11-21 17:57:19,762 WARN [main] org.apache.hadoop.mapred.YarnChild: Exception running child : java.io.IOException: Cannot run program "chmod": error=0, Failed to exec spawn helper: pid: 32417, signal: 15`
		full    = "2026-11-21 17:57:19,800 ERROR [main] org.apache.hadoop.mapred.YarnChild: java.io.IOException: No space left on device"
		said    = "weir: a segment of the lake is damaged"
		code    = "Error: java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 1"
		late    = "java.net.ConnectException: Call From node/10.0.0.1 to node:46205 failed on connection exception: java.net.ConnectException: Connection refused"
		state   = "26/11/21 11:23:31 INFO mapreduce.Job: Job job_1_0002 failed with state FAILED due to: Task failed task_1_0002_m_000002"
	)
	for _, x := range []struct {
		name, client, log string
		own               []string
		cause             error
		line, without     string
	}{
		{"its own word", code, stopped, []string{said}, ErrTask, said, "chmod"},
		{"its own word before another's", code, full, []string{said}, ErrTask, said, "device"},
		{"only its own word", "", stopped, []string{said}, ErrTask, said, "chmod"},
		{"a task without a ticket", code, full, []string{"weir: cannot read \"hdfs:///a.gz\": cannot log in with Kerberos: there is no valid ticket"}, ErrTaskLogin, "a.gz", "device"},
		{"no word of its own", code, full, nil, ErrSpace, "device", "code 1"},
		{"nothing that is known", code, stopped, nil, ErrTask, "chmod", "binary"},
		{"no more than a process that ended", code, code, nil, ErrTask, "code 1", "weir: "},
		{"tasks that outlived the job", code, late, nil, ErrTask, "code 1", "Call From"},
		{"tasks that outlived one that failed by something else", state, late, nil, ErrFailed, "Task failed", "does not answer"},
		{"no task was run", "26/11/21 11:23:31 INFO mapreduce.Job: Job job_1_0002 failed with state FAILED due to: Application failed", late, nil, ErrUnreachable, "Call From", "state"},
		{"the client does not tell", state, code, nil, ErrTask, "code 1", "state"},
		{"its own word, and the client does not tell", state, code, []string{said}, ErrTask, "code 1", "state"},
	} {
		t.Run(x.name, func(t *testing.T) {
			var log diagnosis
			w := &watcher{r: &hadoopRun{h: &Hadoop{}}, job: "job_1_0002"}
			w.line(x.client)
			log.see(x.log)
			f := w.found.failure("")
			f.looked(&log, x.own, w.tasks)
			if text := f.Error(); !errors.Is(f, x.cause) || !strings.Contains(text, x.line) || strings.Contains(text, x.without) {
				t.Errorf("%v", f)
			}
		})
	}
}

// TestLook: what is said of a job that failed waits until the logs of all machines are there, and leaves out what a task says that is stopped.
func TestLook(t *testing.T) {
	for _, x := range []struct {
		name   string
		status []string // what YARN says of its gathering, each time
		logs   []string // and what it has then
		cause  error
		own    []string
	}{
		{"the second machine has it", []string{"RUNNING"},
			[]string{"RuntimeException: subprocess failed with code 1\n", "RuntimeException: subprocess failed with code 1\nweir: the disk has a hole\n"}, ErrTask, []string{"weir: the disk has a hole"}},
		{"they were gathered in between", []string{"SUCCEEDED"}, []string{Stopped + "\n", Stopped + "\npanic: oh\n"}, nil, []string{"panic: oh"}},
		{"all have been stopped", []string{"SUCCEEDED"}, []string{Stopped + ": a record is cut off\n", Stopped + "\nNo space left on device\n"}, ErrSpace, nil},
		{"its word without how it ended", []string{"RUNNING"}, []string{"weir: oh\n", "weir: oh\nRuntimeException: subprocess failed with code 1\n"}, ErrTask, []string{"weir: oh"}},
		{"there are none", []string{"DISABLED"}, []string{"", ""}, nil, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			bin := filepath.Join(t.TempDir(), "bin")
			if err := os.Mkdir(bin, 0o755); err != nil {
				t.Fatal(err)
			}
			for kind, texts := range map[string][]string{"application": x.status, "logs": x.logs} {
				for i, text := range texts {
					if kind == "application" {
						text = "\tLog Aggregation Status : " + text + "\n"
					}
					if err := os.WriteFile(filepath.Join(bin, fmt.Sprint(kind, i)), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			// Each time it is asked it prints the next of its answers.
			script := "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nfor i in 0 1; do if [ -e $1$i ]; then cat $1$i; rm $1$i; exit; fi; done\necho 'asked once more'\nexit 1\n"
			if err := os.WriteFile(filepath.Join(bin, "yarn"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			r := &hadoopRun{h: &Hadoop{}, bin: filepath.Join(bin, "hadoop")}
			d, own := r.look(t.Context(), "application_1_0002")
			if d.cause != x.cause || !slices.Equal(own, x.own) {
				t.Errorf("%v, %q, %q", d.cause, d.line, own)
			}
		})
	}
}

func TestDivide(t *testing.T) {
	p := mapreduce.NewPlan("test", "count", 1, time.UTC)
	p.Inputs = []mapreduce.Input{{Name: "hdfs://n/a.log", Size: 1}, {Name: "b.gz", Size: 1, Compression: "gzip"}, {Name: "c.bz2", Size: 1, Compression: "bzip2"},
		{Name: "d.gz", Size: 1}, {Name: "e", Size: 1, Compression: "gzip"}, {Name: "f", Size: 0}, {Name: "g", Size: 1, Err: "gone"}, {Name: "h", Size: 1, Whole: true},
		{Name: "i", Size: 1, Compression: "bzip2"}, {Name: "j.json", Size: 1, Shaped: true}, {Name: "größer.log", Size: 1}}
	texts, own := divide(p)
	p.Inputs[10].Name = "hdfs:///größer.log"
	if s := systems(p, append(own, 0, 0)); !slices.Equal(s, []string{"hdfs://n/"}) {
		t.Errorf("file systems %q", s)
	}
	if !slices.Equal(texts, []int{0, 2}) || !slices.Equal(own, []int{1, 3, 4, 7, 8, 9, 10}) {
		t.Errorf("lines %v, logs %v", texts, own)
	}
}

func TestJar(t *testing.T) {
	home := t.TempDir()
	lib := filepath.Join(home, "share", "hadoop", "tools", "lib")
	for _, d := range []string{lib, filepath.Join(home, "bin")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(home, "bin", "hadoop")
	for _, f := range []string{bin, filepath.Join(lib, "hadoop-streaming-3.4.2.jar"), filepath.Join(lib, "hadoop-streaming-3.4.2-sources.jar")} {
		if err := os.WriteFile(f, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HADOOP_HOME", home)
	t.Setenv("HADOOP_MAPRED_HOME", "")
	found, err := command("", "hadoop", home)
	if err != nil || found != bin {
		t.Errorf("the command is %q %v", found, err)
	}
	jar, err := (&Hadoop{}).jar(bin)
	if err != nil || filepath.Base(jar) != "hadoop-streaming-3.4.2.jar" {
		t.Errorf("the jar is %q %v", jar, err)
	}
	t.Setenv("HADOOP_HOME", t.TempDir())
	if jar, err = (&Hadoop{}).jar(bin); err != nil || filepath.Base(jar) != "hadoop-streaming-3.4.2.jar" {
		t.Errorf("beside the command the jar is %q %v", jar, err)
	}
	if _, err = (&Hadoop{Jar: filepath.Join(home, "none.jar")}).jar(bin); !errors.Is(err, ErrNotThere) {
		t.Errorf("a jar that is not there: %v", err)
	}
}

func TestReads(t *testing.T) {
	h := &Hadoop{}
	for name, ok := range map[string]bool{"hdfs://n/a.log": true, "a.log": false, "hdfs://n/_a": false, "hdfs://n/.a": false, "hdfs://n/a,b": false, "hdfs://n/a[1].log": true} {
		if why := h.Reads(name); (why == "") != ok {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// TestWatcherWaits: a server that does not answer before there is a job is waited for so long; one that does not afterwards, when the
// client asks an application that has just ended, is the client's to wait for.
func TestWatcherWaits(t *testing.T) {
	const retry = "26/11/21 11:23:25 INFO ipc.Client: Retrying connect to server: rm/10.0.0.1:8032. Already tried 0 time(s); retry policy is X"
	w := &watcher{r: &hadoopRun{h: &Hadoop{}}, counters: map[string]int64{}}
	w.line("26/11/21 11:23:20 INFO client.DefaultNoHARMFailoverProxyProvider: Connecting to ResourceManager at rm/10.0.0.1:8032")
	w.line(retry)
	since := w.waits
	if since.IsZero() {
		t.Fatal("nobody waits for a server that does not answer")
	}
	w.line(retry)
	if w.waits != since {
		t.Error("the wait begins again with every try")
	}
	w.line("26/11/21 11:23:30 INFO mapreduce.JobSubmitter: number of splits:3")
	if !w.waits.IsZero() {
		t.Error("the server has answered, and is waited for")
	}
	w.line("26/11/21 11:23:31 INFO mapreduce.Job: Running job: job_1795260100271_0002")
	w.line(retry)
	if !w.waits.IsZero() {
		t.Error("a job that runs would be abandoned")
	}
	w.line("26/11/21 11:23:50 INFO mapreduce.Job: Job job_1795260100271_0002 completed successfully")
	if !w.ended {
		t.Error("the job has ended")
	}
}

// TestJavaOptions: Spark's machines of Java compile quickly, where the user has not said how they are to.
func TestJavaOptions(t *testing.T) {
	const name, executors = "JDK_JAVA_OPTIONS", "spark.executorEnv.JDK_JAVA_OPTIONS"
	t.Setenv(name, "-Xlog:gc")
	env, args := (&Spark{}).environment()
	if len(args) > 0 || !slices.Contains(env, name+"=-Xlog:gc") {
		t.Errorf("the user's options: %v", args)
	}
	os.Unsetenv(name)
	env, args = (&Spark{Settings: []string{executors + "=-Xint"}}).environment()
	if len(args) > 0 || !slices.Contains(env, name+"="+compileQuick) {
		t.Errorf("the user's options of executors: %v", args)
	}
	if env, args = (&Spark{}).environment(); !slices.Equal(args, []string{"--conf", executors + "=" + compileQuick}) || !slices.Contains(env, name+"="+compileQuick) {
		t.Errorf("no options: %v", args)
	}
}

// TestSparkReady: the result is taken as soon as the driver says that it is there, and a driver that ends without saying so has failed.
func TestSparkReady(t *testing.T) {
	submit := filepath.Join(t.TempDir(), "spark-submit")
	gate := submit + ".gate"
	for _, x := range []struct {
		script string
		cause  error
	}{
		{"echo weir:counter records,3; echo weir:ready; while [ ! -e " + gate + " ]; do sleep .05; done; echo weir:counter records,5; echo weir:ready; exit 1", nil},
		{"echo weir:counter records,3; exit 0", ErrFailed},
		{"echo 'x ERROR: java.lang.OutOfMemoryError'; exit 1", ErrMemory},
	} {
		if err := os.WriteFile(submit, []byte("#!/bin/sh\n"+x.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		counters := map[string]int64{}
		ended, err := (&Spark{}).submit(t.Context(), submit, nil, counters)
		if !errors.Is(err, x.cause) {
			t.Errorf("%s: %v", x.script, err)
		}
		if x.cause == nil {
			if counters["records"] != 3 {
				t.Errorf("%s: counted %v", x.script, counters)
			}
			select {
			case <-ended:
				t.Errorf("%s: it has waited", x.script)
			default:
			}
			if err := os.WriteFile(gate, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			<-ended
			if counters["records"] != 3 {
				t.Errorf("%s: counted %v when the result was taken already", x.script, counters)
			}
		}
	}
}
