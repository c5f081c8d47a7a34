package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"weir/bench/incident"
)

// report measures the page that `weir hunt --report` writes: its size and how long Chromium takes to paint it.
func (b *bench) report(ctx context.Context) error {
	const what, need, aim = "report of %s events: size; time to first paint in Chromium", "3 MB; 1 s", "1 MB; .3 s"
	events, times := 1_000_000, 5
	if b.quick {
		events, times = 50_000, 2
	}
	dir, window, _, err := b.generate(ctx, "report", "--events", strconv.Itoa(events), "--seed", "5")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	page := dir + "/report.html"
	if _, err := start(ctx, dir, nil, nil, b.weir, append([]string{"hunt", "--window", window, "--report", page}, logs...)...); err != nil {
		return err
	}
	info, err := os.Stat(page)
	if err != nil {
		return err
	}
	size := fmt.Sprintf("%.2f MB", float64(info.Size())/1e6)
	label := fmt.Sprintf(what, fmt.Sprintf("%.2g M", float64(events)/1e6))
	paints, version, err := firstPaints(ctx, page, times)
	if errors.Is(err, incident.ErrMissing) {
		b.notes = append(b.notes, fmt.Sprintf("The time to first paint was not measured: %s.", firstLine(err)))
		b.row(label, need, aim, "%s; no Chromium on this machine", size)
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot measure the first paint: %w", err)
	}
	fmt.Printf("\nThe page of `weir hunt --report` over %d generated events: %s; first contentful paint in %s, %d loads: %s s.\n", events, size, version,
		times, seconds(paints))
	b.row(label, need, aim, "%s; %.2f s", size, median(paints))
	return nil
}

// firstPaints loads a page some times, each in a new tab, and returns when Chromium first painted something of its content, in
// seconds after the load began. It talks to Chromium's DevTools over a pipe.
func firstPaints(ctx context.Context, page string, times int) (paints []float64, version string, err error) {
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if program == "" {
		return nil, "", fmt.Errorf("the browser Chromium is %w", incident.ErrMissing)
	}
	ctx, stop := context.WithTimeout(ctx, 10*time.Minute)
	defer stop()
	t, err := openTools(ctx, program)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	var v struct{ Product string }
	if err := t.call("", "Browser.getVersion", nil, &v); err != nil {
		return nil, "", err
	}
	for range times {
		at, err := t.firstPaint(page)
		if err != nil {
			return nil, "", err
		}
		paints = append(paints, at/1000)
	}
	return paints, v.Product, nil
}

// tools is a running Chromium.
type tools struct {
	cmd     *exec.Cmd
	profile string
	to      *os.File
	from    *bufio.Reader
	in      *os.File
	said    bytes.Buffer
	id      int
}

// openTools starts Chromium with an empty profile. It reads commands from its file 3 and answers on its file 4; each ends
// with a zero byte.
func openTools(ctx context.Context, program string) (t *tools, err error) {
	t = &tools{}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if t.profile, err = os.MkdirTemp("", "weir-chromium-*"); err != nil {
		return nil, err
	}
	theirIn, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	t.to = to
	from, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirOut.Close()
	t.in, t.from = from, bufio.NewReader(from)
	args := []string{"--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking", "--disable-extensions",
		"--disable-dev-shm-usage", "--user-data-dir=" + t.profile, "--window-size=1280,800", "about:blank"}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // Chromium refuses to run as root otherwise
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	cmd.Stderr = &t.said
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t.cmd = cmd
	return t, nil
}

func (t *tools) close() error {
	if t.cmd != nil {
		if t.call("", "Browser.close", nil, nil) != nil {
			_ = t.cmd.Process.Kill() // it does not listen
		}
		_ = t.cmd.Wait() // how Chromium ends says nothing about the page
	}
	if t.to != nil {
		_ = t.to.Close()
	}
	if t.in != nil {
		_ = t.in.Close()
	}
	if t.profile == "" {
		return nil
	}
	return os.RemoveAll(t.profile)
}

// call sends a command and reads until its answer; what Chromium says of its own accord is passed over.
func (t *tools) call(session, method string, params, result any) error {
	t.id++
	text, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Method  string `json:"method"`
		Session string `json:"sessionId,omitempty"`
		Params  any    `json:"params,omitempty"`
	}{t.id, method, session, params})
	if err != nil {
		return err
	}
	if _, err := t.to.Write(append(text, 0)); err != nil {
		return fmt.Errorf("cannot ask Chromium for %s: %w", method, err)
	}
	for {
		text, err := t.from.ReadBytes(0)
		if err != nil {
			return fmt.Errorf("cannot read Chromium's answer to %s: %w", method, err)
		}
		var answer struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &answer); err != nil {
			return fmt.Errorf("cannot read Chromium's answer to %s: %w", method, err)
		}
		switch {
		case answer.ID != t.id:
		case answer.Error != nil:
			return fmt.Errorf("cannot do %s: %s", method, answer.Error.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(answer.Result, result)
		}
	}
}

// painted waits until the page has painted content and says when, in milliseconds after its navigation began.
const painted = `new Promise((done, fail) => {
	const look = left => {
		const p = performance.getEntriesByName("first-contentful-paint")[0];
		if (p) done(p.startTime); else if (left) setTimeout(look, 10, left - 1); else fail(new Error("nothing was painted"));
	};
	if (location.protocol === "file:") look(1000); else fail(new Error("the page did not load: " + location));
})`

type object = map[string]any

// firstPaint loads a page in a new tab.
func (t *tools) firstPaint(page string) (float64, error) {
	var tab struct{ TargetID string }
	if err := t.call("", "Target.createTarget", object{"url": "about:blank"}, &tab); err != nil {
		return 0, err
	}
	var s struct{ SessionID string }
	if err := t.call("", "Target.attachToTarget", object{"targetId": tab.TargetID, "flatten": true}, &s); err != nil {
		return 0, err
	}
	var nav struct{ ErrorText string }
	if err := t.call(s.SessionID, "Page.navigate", object{"url": "file://" + page}, &nav); err != nil {
		return 0, err
	}
	if nav.ErrorText != "" {
		return 0, fmt.Errorf("cannot load %q: %s", page, nav.ErrorText)
	}
	var at struct {
		Result           struct{ Value float64 }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	if err := t.call(s.SessionID, "Runtime.evaluate", object{"expression": painted, "awaitPromise": true, "returnByValue": true}, &at); err != nil {
		return 0, err
	}
	if at.ExceptionDetails != nil {
		return 0, fmt.Errorf("cannot see the first paint of %q: %s", page, at.ExceptionDetails.Exception.Description)
	}
	return at.Result.Value, t.call("", "Target.closeTarget", object{"targetId": tab.TargetID}, nil)
}
