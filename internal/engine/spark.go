package engine

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Spark runs jobs by RDD.pipe, with a driver that spark-submit runs on this machine (client mode). Logs are where all machines
// can read them: HDFS, or a file system that they share.
type Spark struct {
	Submit    string // the program spark-submit; empty: of SPARK_HOME, or on the path
	Master    string // the cluster; empty: what Spark's configuration says
	Output    string // a directory of this machine that is made, for the records; empty: none
	Settings  []string
	SplitSize int64 // bytes that a task reads
	Progress  Progress

	stage int
}

// sparkReducer is of how many bytes of logs a reduce task has the counts: training sends 4 MB for each 256 MB of an access log, a hunt some 20,
// and a task takes a process or two.
const sparkReducer = 1 << 30

//go:embed spark_driver.py
var sparkDriver []byte

// Where returns where tasks find a log of this machine: they have another working directory.
func (*Spark) Where(name string) string {
	if strings.Contains(name, "://") {
		return name
	}
	full, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return full
}

// Reads implements Engine.
func (*Spark) Reads(name string) string {
	if strings.ContainsAny(name, "\n\t") {
		return "its name has a tab or a line end; rename it"
	}
	return ""
}

// Run implements Engine.
func (s *Spark) Run(ctx context.Context, t *Task) (_ *Records, err error) {
	bin, err := command(s.Submit, "spark-submit", os.Getenv("SPARK_HOME"))
	if err != nil {
		return nil, err
	}
	s.stage++
	if s.Output != "" && s.stage == 1 {
		if _, err := os.Lstat(s.Output); err == nil {
			return nil, fmt.Errorf("%q: %w", s.Output, ErrExists)
		}
	}
	w, err := newWorkshop(t)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	args, err := s.args(w, t)
	if err != nil {
		return nil, err
	}
	counters := map[string]int64{}
	ended, err := s.submit(ctx, bin, args, counters)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			<-ended
		}
	}()
	if s.Output != "" {
		if err := s.keep(w, t); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(w.path(resultName))
	if err != nil {
		return nil, fmt.Errorf("cannot read the result: %w", err)
	}
	return &Records{Reader: f, Counters: inOrder(counters), close: func() error {
		<-ended
		return errors.Join(f.Close(), w.close())
	}}, nil
}

// javaOptions has Java compile quickly and not well: Spark starts three machines of Java for a job, in which they pass on what weir
// writes. Compiling takes half of the time of a small job otherwise, and the processors from weir in a large one (ADR 0019). The variable is
// of the program java since its version 9, and adds to the options that Spark's configuration has.
const (
	javaOptions  = "JDK_JAVA_OPTIONS"
	compileQuick = "-XX:TieredStopAtLevel=1"
)

// environment is that of spark-submit, and what it is told of that of executors: the user's own options of Java are left alone.
func (s *Spark) environment() (env, args []string) {
	if _, ok := os.LookupEnv(javaOptions); ok {
		return os.Environ(), nil
	}
	const executor = "spark.executorEnv." + javaOptions
	for _, set := range s.Settings {
		if strings.HasPrefix(set, executor+"=") {
			return append(os.Environ(), javaOptions+"="+compileQuick), nil
		}
	}
	return append(os.Environ(), javaOptions+"="+compileQuick), []string{"--conf", executor + "=" + compileQuick}
}

// Files of the workshop.
const (
	driverName = "spark_driver.py"
	splitsName = "splits.txt"
	resultName = "records"

	settingsName = "settings"
)

// secret are the names of settings whose values Spark itself hides (spark.redaction.regex): they are not for a list of processes.
var secret = regexp.MustCompile(`(?i)secret|password|token|access[.]?key`)

func (s *Spark) args(w *workshop, t *Task) ([]string, error) {
	var splits strings.Builder
	for _, x := range t.Plan.Splits(t.splitSize(s.SplitSize)) {
		fmt.Fprintf(&splits, "%d\t%d\t%d\n", x.Input, x.Start, x.Length)
	}
	if splits.Len() == 0 {
		return nil, errors.New("there is nothing in the logs: every one is empty or cannot be read")
	}
	if err := errors.Join(os.WriteFile(w.path(splitsName), []byte(splits.String()), 0o644), os.WriteFile(w.path(driverName), sparkDriver, 0o644)); err != nil {
		return nil, fmt.Errorf("cannot write what Spark is given: %w", err)
	}
	var args, files []string
	var hidden []byte
	if s.Master != "" {
		args = append(args, "--master", s.Master)
	}
	for _, set := range s.Settings {
		if !strings.Contains(set, "=") {
			return nil, fmt.Errorf("the setting %q is not NAME=VALUE", set)
		}
		name, value, _ := strings.Cut(set, "=")
		if !secret.MatchString(name) {
			args = append(args, "--conf", set)
			continue
		}
		line, err := json.Marshal([]string{name, value})
		if err != nil {
			return nil, fmt.Errorf("cannot write the setting %q: %w", name, err)
		}
		hidden = append(append(hidden, line...), '\n')
	}
	if err := os.WriteFile(w.path(settingsName), hidden, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write what Spark is given: %w", err)
	}
	for _, n := range w.names(t) {
		files = append(files, w.path(n))
	}
	return append(args, "--deploy-mode", "client", "--conf", "spark.ui.showConsoleProgress=false", "--files", strings.Join(files, ","),
		w.path(driverName), w.path(splitsName), w.path(settingsName), t.Plan.Job, strconv.Itoa(t.reducers(sparkReducer, 64)), strconv.FormatBool(t.Combine), w.path(resultName)), nil
}

// submit runs the driver until the result is there; the driver has ended when ended is closed.
func (s *Spark) submit(ctx context.Context, bin string, args []string, counters map[string]int64) (ended <-chan struct{}, err error) {
	env, more := s.environment()
	c := exec.CommandContext(ctx, bin, append(more, args...)...)
	c.Env = env
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // the driver's JVM stops its tasks
	c.WaitDelay = 20 * time.Second
	said, write := io.Pipe()
	c.Stdout, c.Stderr = write, write
	var found diagnosis
	ready, read, exited := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		show, done := between{every: 2 * time.Second}, false
		eachLine(said, func(line string) {
			switch {
			case done: // who was told has the counters
			case strings.HasPrefix(line, "weir:progress "):
				if text := "spark: " + strings.TrimPrefix(line, "weir:progress "); show.due(text) {
					s.Progress.tell("%s", text)
				}
			case strings.HasPrefix(line, "weir:counter "):
				addCounter(counters, "reporter:counter:weir,"+strings.TrimPrefix(line, "weir:counter "))
			case line == "weir:ready":
				done = true
				close(ready)
			default:
				found.see(line)
			}
		})
	}()
	s.Progress.tell("spark: submitting the job")
	var failed error
	go func() {
		failed = c.Run()
		write.Close()
		<-read
		close(exited)
	}()
	select {
	case <-ready: // what goes wrong when Spark puts its things away is nothing to the result
		return exited, nil
	case <-exited:
	}
	select {
	case <-ready: // the driver has ended before anybody looked
		return exited, nil
	default:
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if exit := (*exec.ExitError)(nil); failed != nil && !errors.As(failed, &exit) {
		return nil, fmt.Errorf("cannot run %q: %w", bin, failed)
	}
	return nil, found.failure("")
}

// keep copies the records to where the user wants them.
func (s *Spark) keep(w *workshop, t *Task) error {
	b, err := os.Open(w.path(resultName))
	if err != nil {
		return fmt.Errorf("cannot read the result: %w", err)
	}
	defer b.Close()
	if err := os.MkdirAll(s.Output, 0o755); err != nil {
		return fmt.Errorf("cannot make the output: %w", err)
	}
	to, err := os.Create(fmt.Sprintf("%s/%d-%s", s.Output, s.stage, t.Plan.Job))
	if err != nil {
		return fmt.Errorf("cannot write the output: %w", err)
	}
	_, err = io.Copy(to, b)
	if err = errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("cannot write the output: %w", err)
	}
	return nil
}
