// Package engine gives jobs of weir to the engines that people have: Hadoop Streaming on YARN, Spark, or processes on this
// machine. It sends the binary and the plan along, has the engine run "weir map" and "weir reduce", waits, and
// fetches what was reduced. What is computed, and how, is none of its business (package mapreduce).
//
// What an engine says when it fails is read for the line that matters, which is in the error; advice is the command's.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir/internal/mapreduce"
)

// A Task is a job as an engine is given it.
type Task struct {
	Plan   *mapreduce.Plan // the files that it sends along are of this machine
	Binary string          // of weir, for the machines that tasks run on

	Maps     int  // about how many map tasks; 0 leaves it to the engine
	Reducers int  // reduce tasks; 0 is what the size of the logs asks for
	Combine  bool // run the reducer on each map task's output first
}

// reducers is how many reduce tasks there are where each is to have what was counted of so many bytes of logs, at most most.
func (t *Task) reducers(bytesEach int64, most int) int {
	if t.Reducers > 0 {
		return t.Reducers
	}
	return int(min(1+t.Plan.Size()/bytesEach, int64(most)))
}

// splitSize is how many bytes a task reads: so that there are about as many tasks as are wanted, else usual.
func (t *Task) splitSize(usual int64) int64 {
	if t.Maps < 1 {
		return usual
	}
	return max(1, (t.Plan.Size()+int64(t.Maps)-1)/int64(t.Maps))
}

// An Engine runs jobs.
type Engine interface {
	// Run does a job and returns its reduced records. Closing them removes what the job has left behind. Where ctx ends the job is
	// stopped on the engine too.
	Run(ctx context.Context, t *Task) (*Records, error)
	// Where returns how tasks call a log.
	Where(name string) string
	// Reads says why tasks cannot read a log of this name, or nothing.
	Reads(name string) (why string)
}

// Records are the output of a job.
type Records struct {
	io.Reader
	Counters []Counter // of the tasks, in the engine's order
	close    func() error
}

// Close removes temporary files.
func (r *Records) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// A Counter is a number that tasks have added up.
type Counter struct {
	Name  string
	Value int64
}

// What may have gone wrong; callers advise on it.
var (
	ErrNotThere    = errors.New("cannot find it on this machine") // the engine's own command, or a file of it
	ErrWrongJar    = errors.New("this is not the jar of Hadoop Streaming")
	ErrUnreachable = errors.New("the cluster does not answer")
	ErrKerberos    = errors.New("the engine cannot log in with Kerberos")
	ErrTaskLogin   = errors.New("a task cannot log in with Kerberos") // one that opens logs itself
	ErrPermission  = errors.New("permission denied")
	ErrSpace       = errors.New("there is no space left, or a quota is used up")
	ErrExists      = errors.New("the output is there already")
	ErrMemory      = errors.New("a task was killed for using more memory than it was given")
	ErrBinary      = errors.New("the machines of the cluster cannot run this binary")
	ErrResult      = errors.New("a reducer's records are more than the driver takes")
	ErrBlock       = errors.New("HDFS cannot give the data now")
	ErrTask        = errors.New("a task failed")
	ErrFailed      = errors.New("the job failed")
	ErrInput       = errors.New("the engine cannot read this input")
)

// A Failure is what an engine said.
type Failure struct {
	Cause error    // one of those above
	Lines []string // of the engine's log, those that matter
	Log   string   // where the rest is: a command or a file
}

func (f *Failure) Error() string {
	text := f.Cause.Error()
	for _, l := range f.Lines {
		text += "\n  | " + l
	}
	if f.Log != "" {
		text += "\n  all that it said: " + f.Log
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Cause }

// Progress is told how a job goes, in one line.
type Progress func(line string)

func (p Progress) tell(format string, args ...any) {
	if p != nil {
		p(fmt.Sprintf(format, args...))
	}
}

// Names in a task's working directory.
const (
	binaryName = "weir"
	planName   = "plan.json"
)

// A workshop is a temporary directory of this machine with what goes along with a job.
type workshop struct{ dir string }

// newWorkshop puts binary, plan and what is sent along into a directory, by the names that tasks know.
func newWorkshop(t *Task) (*workshop, error) {
	dir, err := os.MkdirTemp("", "weir-job-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary directory: %w", err)
	}
	w := &workshop{dir}
	if err := w.fill(t); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *workshop) fill(t *Task) error {
	if heads := t.Plan.DetachHeads(); heads != nil {
		if err := os.WriteFile(w.path(mapreduce.HeadsName), heads, 0o644); err != nil {
			return fmt.Errorf("cannot write the beginnings of logs: %w", err)
		}
	}
	var plan bytes.Buffer
	if err := t.Plan.Write(&plan); err != nil {
		return err
	}
	if err := os.WriteFile(w.path(planName), plan.Bytes(), 0o644); err != nil {
		return fmt.Errorf("cannot write the plan: %w", err)
	}
	links := map[string]string{binaryName: t.Binary}
	for i, f := range t.Plan.Sent {
		links[mapreduce.SentName(i)] = f
	}
	for base, to := range links {
		to, err := filepath.Abs(to)
		if err == nil {
			to, err = filepath.EvalSymlinks(to)
		}
		// No symbolic link: Spark would send along what it leads to, by that name.
		if err == nil && os.Link(to, w.path(base)) != nil {
			err = copyFile(to, w.path(base))
		}
		if err != nil {
			return fmt.Errorf("cannot send %q along: %w", links[base], err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (w *workshop) path(base string) string { return filepath.Join(w.dir, base) }

// names are all files of the workshop that go to tasks.
func (w *workshop) names(t *Task) []string {
	out := []string{binaryName, planName}
	if t.Plan.Heads != 0 {
		out = append(out, mapreduce.HeadsName)
	}
	for i := range t.Plan.Sent {
		out = append(out, mapreduce.SentName(i))
	}
	return out
}

func (w *workshop) close() error { return os.RemoveAll(w.dir) }

// command finds a program: the given one, else bin/NAME in one of the homes, else on the path.
func command(given, name string, homes ...string) (string, error) {
	if given != "" {
		if full, err := lookPath(given); err == nil {
			return full, nil
		}
		return "", fmt.Errorf("%q: %w", given, ErrNotThere)
	}
	for _, home := range homes {
		if home == "" {
			continue
		}
		if full, err := lookPath(filepath.Join(home, "bin", name)); err == nil {
			return full, nil
		}
	}
	if full, err := lookPath(name); err == nil {
		return full, nil
	}
	return "", fmt.Errorf("the command %q: %w", name, ErrNotThere)
}

// between is a line of progress, at most one in so long.
type between struct {
	every time.Duration
	last  time.Time
	text  string
}

// due reports whether a line is new and it is time for it.
func (b *between) due(line string) bool {
	if line == b.text || time.Since(b.last) < b.every {
		return false
	}
	b.text, b.last = line, time.Now()
	return true
}

// tail keeps the last lines of what is written to it.
type tail struct {
	lines []string
	most  int
}

func (t *tail) add(line string) {
	if line = strings.TrimSpace(line); line == "" {
		return
	}
	if t.lines = append(t.lines, line); len(t.lines) > t.most {
		t.lines = t.lines[1:]
	}
}
