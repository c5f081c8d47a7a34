package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// settings are the state of a terminal, byte for byte.
func settings(t *testing.T, f *os.File) (b [64]byte) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&b))); errno != 0 {
		t.Fatal(errno)
	}
	return b
}

// heard is what a terminal shows, while it shows it.
type heard struct {
	sync.Mutex
	bytes.Buffer
}

func (h *heard) wait(t *testing.T, text string, times int) {
	t.Helper()
	for range 60_000 { // five minutes: a machine may be busy
		h.Lock()
		n := strings.Count(h.String(), text)
		h.Unlock()
		if n >= times {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the terminal never shows %q %d times:\n%s", text, times, h.String())
}

// TestLabelOnTerminal holds that single keys are taken on a terminal, and that it is as it was afterwards, however one leaves.
func TestLabelOnTerminal(t *testing.T) {
	var log strings.Builder
	for i := range 200 {
		at := time.Date(2026, 3, 2, 0, 10*i, 0, 0, time.UTC).Format("02/Jan/2006:15:04:05 -0700")
		fmt.Fprintf(&log, "198.51.100.%d - - [%s] \"GET /%d HTTP/1.1\" 200 5 \"-\" \"Firefox\"\n", i%5, at, i%5)
	}
	for _, leave := range []string{"q", "\x03", "\x04", "cancel"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "access.log")
		if err := os.WriteFile(path, []byte(log.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		outside, inside := terminal(t)
		before := settings(t, inside)
		shown := &heard{}
		go func() {
			b := make([]byte, 1024)
			for {
				n, err := outside.Read(b)
				shown.Lock()
				shown.Write(b[:n])
				shown.Unlock()
				if err != nil {
					return
				}
			}
		}()
		ctx, cancel := context.WithCancel(context.Background())
		code := make(chan int)
		go func() {
			code <- run(ctx, inside, inside, io.Discard, []string{"label", "--marks", filepath.Join(dir, "m.jsonl"), "--window", "2026-03-02T05/2026-03-02T05", path})
		}()
		shown.wait(t, "q quit", 1)
		for range 60_000 { // the prompt stands a moment before the terminal gives single keys
			if settings(t, inside) != before {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_, _ = outside.WriteString("\x1b[Ab")
		shown.wait(t, "q quit", 2)
		if leave == "cancel" {
			cancel()
		} else {
			_, _ = outside.WriteString(leave)
		}
		if c := <-code; c != exitOK {
			t.Errorf("leaving by %q exits with %d:\n%s", leave, c, shown.String())
		}
		if settings(t, inside) != before {
			t.Errorf("leaving by %q changes the terminal", leave)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "m.jsonl")); err != nil || bytes.Count(text, []byte("\n")) != 1 {
			t.Errorf("leaving by %q, the marks are %q, %v", leave, text, err)
		}
		shown.wait(t, "Labelled", 1)
		cancel()
		inside.Close()
		outside.Close()
	}
}
