package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/hdfs"
	"weir/internal/mapreduce"
)

// ownSplit is how much a task reads of a log that it opens itself.
const ownSplit = 128 << 20

// codecs are the endings of names that Hadoop takes for compressed, whatever is in the file.
var codecs = []string{".gz", ".bz2", ".zst", ".lz4", ".snappy", ".deflate", ".lzo", ".lzo_deflate", ".xz"}

// divide tells logs that Hadoop cuts into lines as weir does from those that tasks had better open themselves: those that are
// compressed (a damaged one is read up to the damage), or only look so by their names, those that must be read whole, and those whose
// records do not stand in lines, or whose names Java would spell as the locale of some machine has it.
func divide(p *mapreduce.Plan) (texts, own []int) {
	if len(p.Segments) > 0 {
		return nil, []int{0} // their splits are all of input 0
	}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		if in.Err != "" || in.Size == 0 {
			continue
		}
		codec := ""
		for _, c := range codecs {
			if strings.HasSuffix(in.Where(), c) {
				codec = c
			}
		}
		if !in.Whole && !in.Shaped && ascii(in.Where()) && (in.Compression == "" && codec == "" || in.Compression == "bzip2" && codec == ".bz2") {
			texts = append(texts, i)
		} else {
			own = append(own, i)
		}
	}
	return texts, own
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf })
}

// What Hadoop's client says.
var (
	jobID      = regexp.MustCompile(`\bjob_\d+_\d+\b`)
	mapPercent = regexp.MustCompile(`map (\d+)% reduce (\d+)%`)
	jobEnd     = regexp.MustCompile(`\bJob job_\d+_\d+ (completed|failed)`)
	failedTask = regexp.MustCompile(`Task Id : (attempt_\S+), Status : (FAILED|KILLED)`)
	counter    = regexp.MustCompile(`^\t\t(.+)=(-?\d+)$`)
	clientLine = regexp.MustCompile(`^\S+ \S+ (INFO|WARN) `)
)

// engineCounters are those of Hadoop's counters that are shown beside weir's, and what they are called.
var engineCounters = map[string]string{"Launched map tasks": "map tasks", "Failed map tasks": "map tasks that failed", "Failed reduce tasks": "reduce tasks that failed",
	"Reduce shuffle bytes": "shuffled bytes"}

// A watcher reads what Hadoop's client says.
type watcher struct {
	r        *hadoopRun
	name     string // of the part
	job      string
	failed   int  // attempts
	tasks    bool // the job has failed by its tasks
	group    string
	counters map[string]int64
	found    diagnosis
	show     between
	waits    time.Time // since when a server does not answer, before there is a job; zero while all do
	ended    bool      // the client has said that the job has
}

// mostWait is how long a cluster may be away before there is a job. The client's own patience, a quarter of an hour, is for
// a job that runs, and stays as the cluster has it.
const mostWait = 30 * time.Second

func (w *watcher) line(line string) {
	p := w.r.h.Progress
	if id := jobID.FindString(line); id != "" && w.job == "" {
		w.job, w.waits = id, time.Time{}
		p.tell("hadoop: %s of %s", id, w.name)
	}
	switch {
	case jobEnd.MatchString(line):
		w.ended = true
		w.tasks = strings.Contains(line, "Task failed task_")
	case mapPercent.MatchString(line):
		m := mapPercent.FindStringSubmatch(line)
		if text := fmt.Sprintf("hadoop: map %s %%, reduce %s %%", m[1], m[2]); w.show.due(text) {
			p.tell("%s", text)
		}
		return
	case failedTask.MatchString(line):
		m := failedTask.FindStringSubmatch(line)
		w.failed++
		p.tell("hadoop: %s %s", m[1], strings.ToLower(m[2]))
	case counter.MatchString(line):
		m := counter.FindStringSubmatch(line)
		n, _ := strconv.ParseInt(m[2], 10, 64) // it is digits
		if name := engineCounters[m[1]]; name != "" && w.group != "weir" {
			w.counters[name] += n
		} else if w.group == "weir" {
			w.counters[m[1]] += n
		}
		return
	case strings.HasPrefix(line, "\t"):
		w.group = strings.TrimSpace(line)
		return
	case strings.Contains(line, "Retrying connect to server"):
		if w.waits.IsZero() && w.job == "" {
			w.waits = time.Now()
		}
		if w.show.due("retry") {
			p.tell("hadoop: %s", line)
		}
	default:
		if !strings.Contains(line, "etry") && !strings.Contains(line, "ConnectException") {
			w.waits = time.Time{}
		}
	}
	if clientLine.MatchString(line) && w.job == "" && strings.Contains(line, "Retrying") || !clientLine.MatchString(line) || strings.Contains(line, "failed with state") {
		w.found.see(line)
	}
}

// submit runs one job of Hadoop and waits for it.
func (r *hadoopRun) submit(ctx context.Context, name string, args []string, out string) error {
	c := exec.Command(r.bin, append(args, "-output", r.system.URL(out))...)
	c.Cancel = nil
	said, write := io.Pipe()
	c.Stdout, c.Stderr = write, write
	w := &watcher{r: r, name: name, counters: r.counters, show: between{every: 2 * time.Second}}
	r.h.Progress.tell("hadoop: submitting the job (%s)", name)
	if err := c.Start(); err != nil {
		return &Failure{Cause: ErrNotThere, Lines: []string{err.Error()}}
	}
	read := make(chan struct{})
	lines := make(chan string)
	go func() {
		defer close(read)
		eachLine(said, func(line string) { lines <- line })
	}()
	ended := make(chan error, 1)
	go func() {
		err := c.Wait()
		write.Close()
		ended <- err
	}()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	giveUp := func() {
		_ = c.Process.Kill() // it may have ended
		go func() {
			for range lines { // so that the reader ends
			}
		}()
		<-ended
	}
	var err error
	for done := false; !done; {
		select {
		case <-look.C:
			if !w.waits.IsZero() && time.Since(w.waits) > mostWait {
				giveUp()
				return w.found.failure("")
			}
		case line := <-lines:
			w.line(line)
		case <-read:
			err = <-ended
			done = true
		case <-ctx.Done():
			r.kill(w.job)
			giveUp()
			return ctx.Err()
		}
	}
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("cannot run %q: %w", r.bin, err)
	}
	if !w.ended {
		r.kill(w.job) // the client has given up; its job would go on writing into a directory that is removed
	}
	return r.explain(ctx, w)
}

// kill stops a job on the cluster.
func (r *hadoopRun) kill(job string) {
	if job == "" {
		return
	}
	mapred, err := command("", "mapred", filepath.Dir(filepath.Dir(r.bin)))
	if err != nil {
		mapred = r.bin // hadoop job -kill is the old way
	}
	r.h.Progress.tell("hadoop: stopping %s", job)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = exec.CommandContext(ctx, mapred, "job", "-kill", job).Run() // nothing more can be done
}

// explain says why a job failed; of a task that failed, with what was said there.
func (r *hadoopRun) explain(ctx context.Context, w *watcher) error {
	if w.job == "" {
		return w.found.failure("")
	}
	app := strings.Replace(w.job, "job_", "application_", 1)
	f := w.found.failure("yarn logs -applicationId " + app)
	if !errors.Is(f, ErrTask) && !errors.Is(f, ErrFailed) {
		return f
	}
	r.h.Progress.tell("hadoop: the job failed; looking at the logs of its tasks")
	d, own := r.look(ctx, app)
	f.looked(&d, own, w.failed > 0 || w.tasks)
	return f
}

// looked adds what the logs of the containers say, and what weir itself said there. Where weir said why it ended, that is why the task
// failed: the logs also have what happened to the tasks that were stopped for it. tried is whether tasks
// have failed, as the client tells.
func (f *Failure) looked(d *diagnosis, own []string, tried bool) {
	switch {
	case slices.ContainsFunc(own, func(line string) bool { return strings.Contains(line, hdfs.ErrKerberos.Error()) }):
		f.Cause = ErrTaskLogin
	case len(own) > 0:
		if f.Cause == ErrFailed && d.cause == ErrTask {
			f.Lines = []string{d.line}
		}
		f.Cause = ErrTask
	case d.cause == nil:
		f.Lines = append(f.Lines, d.errors()...)
	case !d.sure() && (tried || f.Cause != ErrFailed): // it may be from a task that was stopped; what failed has been named
		if f.Cause == ErrFailed {
			f.Lines = append(f.Lines, d.line)
		}
	case f.Cause == ErrFailed || d.cause != ErrTask: // it tells more than that a process ended
		f.Cause, f.Lines = d.cause, []string{d.line}
	}
	f.Lines = append(f.Lines, own...)
}

// look reads the logs of an application's containers, which YARN gathers after its end, where it is set up to do so: what went wrong,
// and what weir itself said. It waits until they are those of all machines: on the first there may be only those of tasks that were stopped.
func (r *hadoopRun) look(ctx context.Context, app string) (d diagnosis, own []string) {
	yarn, err := command("", "yarn", filepath.Dir(filepath.Dir(r.bin)))
	if err != nil {
		return d, nil
	}
	const most = 3
	ctx, cancel := context.WithTimeout(ctx, mostLook)
	defer cancel()
	whole := false
	for try := 0; try < 6 && ctx.Err() == nil; {
		d, own = diagnosis{}, nil
		c := exec.CommandContext(ctx, yarn, "logs", "-applicationId", app, "-log_files", "stderr,syslog")
		out, err := c.StdoutPipe()
		if err != nil || c.Start() != nil {
			return d, own
		}
		eachLine(out, func(line string) {
			if !weirLine(line) {
				d.see(line)
			} else if len(own) < most && !slices.Contains(own, line) {
				own = append(own, line)
			}
		})
		_ = c.Wait() // an error is that there are none yet
		if whole || len(own) > 0 && d.cause != nil {
			return d, own
		}
		switch gathered(ctx, yarn, app) {
		case "DISABLED", "SUCCEEDED", "FAILED", "TIME_OUT": // there will be no more than there are now
			whole = true
			continue
		case "RUNNING", "RUNNING_WITH_FAILURE":
		default: // no machine has begun, or ever had a task; or this YARN does not say
			try++
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
	return d, own
}

// mostLook is how long is waited for the logs of a job that has failed.
const mostLook = 90 * time.Second

var aggregation = regexp.MustCompile(`Log Aggregation Status : *(\w+)`)

// gathered returns how far YARN is with gathering the logs of an application, or nothing.
func gathered(ctx context.Context, yarn, app string) string {
	out, err := exec.CommandContext(ctx, yarn, "application", "-status", app).Output()
	if m := aggregation.FindSubmatch(out); err == nil && m != nil {
		return string(m[1])
	}
	return ""
}

// Stopped is what weir writes when it has been told to end. Of a task it is no reason: all are stopped when one has failed.
const Stopped = "weir: stopped before it was done"

// weirLine reports whether a line is what weir writes when it fails.
func weirLine(line string) bool {
	if strings.HasPrefix(line, Stopped) {
		return false
	}
	return strings.HasPrefix(line, "weir: ") || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}
