package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/term"

	weirterm "weir/internal/term"
)

func clean(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = weirterm.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// version is the module's version, or what version control knows of the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is how many columns there are to write on: those of the terminal, between 60 and 120, or 80.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return min(max(n, 60), 120)
		}
	}
	return 80
}

// A progress is a line on a terminal that tells how far reading is: after a second, with rate and time left.
type progress struct {
	w      io.Writer
	what   string // is done
	start  time.Time
	active bool
	shown  bool
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, what: "reading", start: time.Now(), active: isTerminal(w)}
}

func (p *progress) update(read, total, events int64) {
	passed := time.Since(p.start)
	if !p.active || passed < time.Second {
		return
	}
	p.shown = true
	line := fmt.Sprintf("%s: %s events, %s/s", p.what, weirterm.Count(events), weirterm.Count(int64(float64(events)/passed.Seconds())))
	if total > 0 && read > 0 {
		left := time.Duration(float64(passed) * float64(max(0, total-read)) / float64(read))
		line += fmt.Sprintf(", %d %%, %s left", min(100, 100*read/total), left.Round(time.Second))
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", weirterm.Cut(line, width(p.w)-1))
}

func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
