package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/zeebo/xxh3"

	"weir/internal/mapreduce"
)

// Local runs the tasks of a job as processes of this machine, one after the other, and sorts their records in memory. It is no
// faster than weir without an engine: it shows what a job does before a cluster is given it.
type Local struct {
	SplitSize int64 // bytes of a split; 0 is one split for each log
	Progress  Progress
}

// Where implements Engine.
func (l *Local) Where(name string) string { return name }

// Reads implements Engine.
func (l *Local) Reads(string) string { return "" }

// Run implements Engine.
func (l *Local) Run(ctx context.Context, t *Task) (*Records, error) {
	w, err := newWorkshop(t)
	if err != nil {
		return nil, err
	}
	defer w.close()
	splits := t.Plan.Splits(t.splitSize(l.SplitSize))
	parts := make([][][]byte, t.reducers(1<<62, 1))
	counters := map[string]int64{}
	for i := range splits {
		l.Progress.tell("map %d of %d", i+1, len(splits))
		x := &splits[i]
		line := fmt.Sprintf("%d\t%d\t%d\n", x.Input, x.Start, x.Length)
		records, err := w.run(ctx, strings.NewReader(line), counters, "map", "--plan", planName, "--splits")
		if err == nil && t.Combine {
			records, err = w.run(ctx, bytes.NewReader(sorted(records)), counters, "reduce", "--job", t.Plan.Job)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range mapreduce.SortRecords(records) {
			key, _, _ := bytes.Cut(r, []byte{'\t'})
			k := xxh3.Hash(key) % uint64(len(parts))
			parts[k] = append(parts[k], r)
		}
	}
	var out bytes.Buffer
	for i := range parts {
		l.Progress.tell("reduce %d of %d", i+1, len(parts))
		records, err := w.run(ctx, bytes.NewReader(sorted(bytes.Join(parts[i], nil))), counters, "reduce", "--job", t.Plan.Job)
		if err != nil {
			return nil, err
		}
		out.Write(records)
	}
	return &Records{Reader: &out, Counters: inOrder(counters)}, nil
}

func sorted(records []byte) []byte { return bytes.Join(mapreduce.SortRecords(records), nil) }

// run runs weir in the workshop.
func (w *workshop) run(ctx context.Context, in io.Reader, counters map[string]int64, args ...string) ([]byte, error) {
	var out, bad bytes.Buffer
	c := exec.CommandContext(ctx, w.path(binaryName), args...)
	c.Stdin, c.Stdout, c.Stderr = in, &out, &bad
	c.Dir = w.dir
	dir, err := os.Getwd() // names of logs may be relative to it
	if err == nil {
		c.Args = append(c.Args[:1:1], w.inPlace(args)...)
		c.Dir = dir
	}
	err = c.Run()
	lines := &tail{most: 3}
	s := bufio.NewScanner(&bad)
	for s.Scan() {
		if !addCounter(counters, s.Text()) && !strings.HasPrefix(s.Text(), "reporter:") {
			lines.add(s.Text())
		}
	}
	if err != nil && ctx.Err() == nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return nil, &Failure{Cause: ErrBinary, Lines: []string{err.Error()}}
		}
		return nil, &Failure{Cause: ErrTask, Lines: lines.lines}
	}
	return out.Bytes(), errors.Join(err, ctx.Err())
}

// inPlace names the plan where it lies.
func (w *workshop) inPlace(args []string) []string {
	out := append([]string(nil), args...)
	for i, a := range out {
		if a == planName {
			out[i] = filepath.Join(w.dir, a)
		}
	}
	return out
}
