package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"
)

// A process is what a finished program used.
type process struct {
	took time.Duration // wall time of the whole process
	cpu  time.Duration // of all processors
	peak int64         // resident memory in bytes, 0 where the system does not tell
}

// start runs a program to its end. stdin may be nil.
func start(ctx context.Context, dir string, stdin io.Reader, stdout io.Writer, name string, args ...string) (process, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout = dir, stdin, stdout
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	begun := time.Now()
	err := cmd.Run()
	p := process{took: time.Since(begun)}
	if err != nil {
		said := stderr.Bytes() // of thousands of files at fault, it may speak thousands of times
		return p, fmt.Errorf("%s %.200q: %w\n%s", name, args, err, said[max(0, len(said)-2000):])
	}
	p.peak = peakMemory(cmd.ProcessState)
	p.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return p, nil
}

func megabytes(n int64) string {
	if n == 0 {
		return "not told by this system"
	}
	return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
}

// steady warns of wall times that differ too much: something else ran on the machine, and a ratio of them says little.
func (b *bench) steady(what string, took []float64) {
	if low, high := slices.Min(took), slices.Max(took); high > 1.25*low {
		b.notes = append(b.notes, fmt.Sprintf("**Unsteady**: %s took from %.2f s to %.2f s in the same run. Measure again on a machine that does nothing else.", what, low, high))
	}
}
