// Package browser looks at reports in Chromium.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is the one Chromium that all tests share; each opens a tab of its own.
var browser context.Context

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	path := chromium()
	if path == "" {
		if os.Getenv("CI") == "true" {
			fmt.Println("FAIL: there is no Chromium, and with CI=true there has to be; apt-get install chromium, or name one in CHROMIUM")
			return 1
		}
		fmt.Println("*** NOT TESTED: reports in a browser, for want of Chromium; apt-get install chromium, or name one in CHROMIUM")
		return 0
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1280, 900),
		chromedp.WSURLReadTimeout(5*time.Minute)) // the first start on a machine that is busy
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox does not run as root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var cancel context.CancelFunc
	browser, cancel = chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(browser); err != nil {
		fmt.Println("FAIL: cannot start Chromium:", err)
		return 1
	}
	return m.Run()
}

// chromium returns where Chromium is, or "".
func chromium() string {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// A tab is a page that is open, with all that went wrong on it.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	faults   []string // errors, warnings and policy violations of the console, and dialogs
	requests []string // all but that for the page itself
}

// A look is how a page is opened.
type look struct {
	width, height int64
	dark          bool
}

// open writes a page into a file and opens it, as a user would.
func open(t testing.TB, html []byte, l look) *tab {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(name, html, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(stop)
	x := &tab{t: t, ctx: ctx}
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(name)}).String()
	if err := chromedp.Listen(ctx, func(event any) { x.note(event, address) }); err != nil {
		t.Fatal(err)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	x.media("", scheme)
	if l.width == 0 {
		l.width, l.height = 1280, 900
	}
	x.do(chromedp.EmulateViewport(l.width, l.height), chromedp.Navigate(address))
	return x
}

func (x *tab) note(event any, address string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Request.URL != address && !strings.HasPrefix(e.Request.URL, "data:") {
			x.requests = append(x.requests, e.Request.URL)
		}
	case *log.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "getImageData") { // the tests' own, which look at pixels
			return
		}
		x.faults = append(x.faults, fmt.Sprint(e.Entry.Level, ": ", e.Entry.Text))
	case *runtime.EventConsoleAPICalled:
		x.faults = append(x.faults, fmt.Sprint("console: ", e.Type))
	case *runtime.EventExceptionThrown:
		x.faults = append(x.faults, fmt.Sprint("exception: ", e.ExceptionDetails.Text))
	case *page.EventJavascriptDialogOpening:
		x.faults = append(x.faults, "dialog: "+e.Message)
	}
}

// quiet fails the test if anything went wrong so far, or was loaded.
func (x *tab) quiet() {
	x.t.Helper()
	x.settle()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.faults {
		x.t.Error(f)
	}
	for _, r := range x.requests {
		x.t.Error("the page asked for ", r)
	}
}

// settle waits until the page has drawn what it was about to draw.
func (x *tab) settle() {
	x.t.Helper()
	_, err := chromedp.Run(x.ctx, chromedp.Evaluate[bool](`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true), 30))))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	x.t.Helper()
	if err := chromedp.Do(x.ctx, steps...); err != nil {
		x.t.Fatal(err)
	}
}

// media sets what the page is shown on ("", "print") and which colours the system prefers.
func (x *tab) media(on, scheme string) {
	x.t.Helper()
	_, err := chromedp.Call(x.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: on,
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		x.t.Fatal(err)
	}
}

// js returns what an expression comes to on the page.
func js[T any](x *tab, expression string) T {
	x.t.Helper()
	v, err := chromedp.Run(x.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		x.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// expect fails the test unless an expression comes to what is wanted.
func expect[T comparable](x *tab, expression string, want T) {
	x.t.Helper()
	if got := js[T](x, expression); got != want {
		x.t.Errorf("%s is %v, want %v", expression, got, want)
	}
}

func (x *tab) keys(keys string) {
	x.t.Helper()
	x.do(chromedp.KeyEvent(keys))
	x.settle()
}

// pointer moves the mouse, presses its left button or lets go of it.
func (x *tab) pointer(what input.DispatchMouseEventType, left, top float64, buttons int64) {
	x.t.Helper()
	_, err := chromedp.Call(x.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: what, X: left, Y: top,
		Button: input.MouseButtonLeft, Buttons: buttons, ClickCount: 1})
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *tab) click(selector string) {
	x.t.Helper()
	js[bool](x, fmt.Sprintf(`(document.querySelector(%q).scrollIntoView({behavior: "instant", block: "center"}), true)`, selector)) // not while it glides
	x.settle()
	x.do(chromedp.Click(chromedp.CSS(selector)))
	x.settle()
}
