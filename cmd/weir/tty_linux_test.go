package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal returns the two ends of a new pseudo-terminal.
func terminal(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	var unlock, n int32
	for _, x := range []struct {
		request uintptr
		value   *int32
	}{{syscall.TIOCSPTLCK, &unlock}, {syscall.TIOCGPTN, &n}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, outside.Fd(), x.request, uintptr(unsafe.Pointer(x.value))); errno != 0 {
			t.Skipf("there are no pseudo-terminals here: %v", errno)
		}
	}
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	return outside, inside
}

// onTerminal runs weir with standard output on a terminal and returns what it writes.
func onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	outside, inside := terminal(t)
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(outside) // ends with an error when the other end is closed
		text <- string(b)
	}()
	code := run(context.Background(), strings.NewReader(""), inside, io.Discard, args)
	inside.Close()
	out := <-text
	outside.Close()
	if code != exitOK {
		t.Fatalf("weir %q exits with %d:\n%s", args, code, out)
	}
	return out
}

// TestColours holds that a terminal gets colours, unless NO_COLOR or TERM=dumb says otherwise.
func TestColours(t *testing.T) {
	var log strings.Builder
	for i := range 200 {
		at := time.Date(2026, 3, 2, 0, 10*i, 0, 0, time.UTC).Format("02/Jan/2006:15:04:05 -0700")
		fmt.Fprintf(&log, "198.51.100.%d - - [%s] \"GET /%d HTTP/1.1\" 200 5 \"-\" \"Firefox\"\n", i%5, at, i%5)
	}
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte(log.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"hunt", "--window", "2026-03-02T05/2026-03-02T05", path}, {"related", path + ":3"}, {"formats"}} {
		for _, test := range []struct {
			term    string
			noColor bool
			want    bool
		}{{"xterm", false, true}, {"xterm", true, false}, {"dumb", false, false}} {
			t.Setenv("TERM", test.term)
			t.Setenv("NO_COLOR", "1")
			if !test.noColor {
				os.Unsetenv("NO_COLOR")
			}
			if out := onTerminal(t, args...); strings.Contains(out, "\x1b[1m") != test.want {
				t.Errorf("%s with TERM=%s and NO_COLOR %v: colours should be %v:\n%q", args[0], test.term, test.noColor, test.want, out)
			}
		}
	}
}
