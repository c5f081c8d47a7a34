package browser

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"weir/internal/cluster"
	"weir/internal/eval"
	"weir/internal/hunt"
	"weir/internal/report"
	"weir/internal/scenario"
	"weir/internal/source"
)

type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

// company is the report of a hunt in a generated company's logs.
var company = sync.OnceValues(func() ([]byte, error) { return companyOf(20_000) })

func companyOf(events int64) ([]byte, error) {
	files := map[string]*memory{}
	truth, err := scenario.Generate(scenario.Config{Events: events}, func(name string) (io.WriteCloser, error) {
		files[name] = &memory{}
		return files[name], nil
	})
	if err != nil {
		return nil, err
	}
	logs := map[string][]byte{}
	for name, f := range files {
		if strings.HasSuffix(name, ".log") {
			logs[name] = f.Bytes()
		}
	}
	return hunted(logs, hunt.Span{From: truth.From.UnixNano(), To: truth.To.UnixNano()})
}

func hunted(logs map[string][]byte, window hunt.Span) ([]byte, error) {
	var inputs []source.Input
	for name, text := range logs {
		inputs = append(inputs, source.Bytes(name, text))
	}
	r, err := hunt.Run(context.Background(), inputs, hunt.Options{Windows: []hunt.Span{window}})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	list, err := cluster.Campaigns(r, cluster.Options{})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = report.Hunt(&b, r, list, report.Options{Command: "weir hunt", Generated: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
	return b.Bytes(), err
}

func companyPage(t testing.TB, l look) *tab {
	t.Helper()
	html, err := company()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, html, l)
}

// chart scrolls to a chart and waits until the library has drawn it: charts are drawn when they come near.
func (x *tab) chart(id string) {
	x.t.Helper()
	x.do(chromedp.ScrollIntoView(chromedp.CSS("#chart-" + id)))
	x.do(chromedp.WaitVisible(chromedp.CSS("#chart-" + id + " canvas")))
	x.settle()
}

const shown = `[...document.querySelectorAll("#rows > li")].filter((r) => r.checkVisibility())`

// The charts are drawn by the library once the page is up, and nothing is loaded or complained of.
func TestReportIsDrawn(t *testing.T) {
	x := companyPage(t, look{})
	x.chart("times")
	x.do(chromedp.ScrollIntoView(chromedp.CSS("#sure")))
	x.do(chromedp.WaitVisible(chromedp.CSS("#chart-scores canvas")))
	x.settle()
	expect(x, `document.querySelectorAll(".plot.live").length`, 3)
	expect(x, `document.querySelectorAll(".drawn[role=img][aria-label]").length`, 3)
	// Not an empty canvas: there are many colours of pixels in it.
	if n := js[int](x, `(() => { const c = document.querySelector("#chart-times canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		return new Set(new Uint32Array(d.buffer)).size })()`); n < 4 {
		t.Errorf("the timeline has %d colours", n)
	}
	if n := js[int](x, shown+".length"); n < 10 {
		t.Errorf("%d rows are shown", n)
	}
	x.quiet()
}

// The pointer is told the figures of the bin that it is on; dragging zooms in, and there is a way back.
func TestChartsTellAndZoom(t *testing.T) {
	x := companyPage(t, look{})
	x.chart("times")
	x.settle()
	const over, tip = `document.querySelector("#chart-times .u-over")`, `document.querySelector("#chart-times .tip")`
	left, top := js[float64](x, over+".getBoundingClientRect().left"), js[float64](x, over+".getBoundingClientRect().top")
	width := js[float64](x, over+".getBoundingClientRect().width")
	for _, at := range []float64{.05, .313, .67, .95} {
		x.pointer("mouseMoved", left+at*width, top+60, 0)
		x.settle()
		expect(x, tip+".checkVisibility()", true)
		want := js[string](x, fmt.Sprintf(`(() => { const c = JSON.parse(document.getElementById("data").textContent).charts[0];
			return c.series[0].y[Math.floor((c.from + %v * (c.to - c.from) - c.x[0]) / c.width)].toLocaleString("en") + " all events" })()`, at))
		if got := js[string](x, tip+".textContent"); !strings.Contains(got, want) {
			t.Errorf("at %v of the chart it says %q, want %q", at, got, want)
		}
	}
	const back = `document.querySelector("#chart-times .unzoom").checkVisibility()`
	expect(x, back, false)
	x.pointer("mousePressed", left+.3*width, top+60, 1)
	x.pointer("mouseMoved", left+.4*width, top+60, 1)
	x.pointer("mouseMoved", left+.6*width, top+60, 1)
	x.pointer("mouseReleased", left+.6*width, top+60, 0)
	x.settle()
	expect(x, back, true)
	x.click("#chart-times .unzoom")
	expect(x, back, false)
	x.quiet()
}

func TestFilterNarrows(t *testing.T) {
	x := companyPage(t, look{})
	all := js[int](x, shown+".length")
	x.do(chromedp.SendKeys(chromedp.CSS("#find"), "sqlmap"))
	x.settle()
	found := js[int](x, shown+".length")
	if found == 0 || found == all {
		t.Errorf("sqlmap leaves %d of %d rows", found, all)
	}
	expect(x, shown+`.every((r) => r.textContent.toLowerCase().includes("sqlmap"))`, true)
	expect(x, `document.getElementById("count").textContent`, fmt.Sprintf("%d of %d rows", found, all))
	x.do(chromedp.SendKeys(chromedp.CSS("#find"), " no-such-thing"))
	x.settle()
	expect(x, shown+".length", 0)
	x.click("#clear")
	expect(x, shown+".length", all)

	verdict := js[string](x, `document.querySelector(".pick").dataset.verdict`)
	x.click(".pick")
	expect(x, `document.querySelector(".pick").getAttribute("aria-pressed")`, "true")
	expect(x, shown+fmt.Sprintf(`.every((r) => r.dataset.verdict === %q)`, verdict), true)
	x.click(".pick")
	js[string](x, `(() => { const f = document.getElementById("file"); f.value = f.options[1].value; f.dispatchEvent(new Event("change")); return f.value })()`)
	if n := js[int](x, shown+".length"); n == 0 || n == all {
		t.Errorf("one file leaves %d of %d rows", n, all)
	}
	x.quiet()
}

func TestOrder(t *testing.T) {
	x := companyPage(t, look{})
	for key, falls := range map[string]string{"level": "<", "size": "<", "first": ">", "rank": ">"} {
		js[bool](x, fmt.Sprintf(`(() => { const o = document.getElementById("order"); o.value = %q; return o.dispatchEvent(new Event("change")) })()`, key))
		expect(x, shown+fmt.Sprintf(`.every((r, i, all) => !i || !(all[i - 1].dataset.%s - 0 %s r.dataset.%s - 0))`, key, falls, key), true)
	}
	x.quiet()
}

func TestRowOpensToItsLines(t *testing.T) {
	x := companyPage(t, look{})
	line := `document.querySelector("#row-1 .lines pre")`
	expect(x, line+".checkVisibility()", false)
	x.click("#row-1 summary")
	expect(x, line+".checkVisibility()", true)
	raw := js[string](x, line+".textContent")
	if head := js[string](x, `document.querySelector("#row-1 .gist code").textContent`); len(raw) < 20 || !strings.HasPrefix(raw, head[:20]) {
		t.Errorf("the row is headed %q and opens to %q", head, raw)
	}
	expect(x, `/:\d+$/.test(document.querySelector("#row-1 .lines b").textContent)`, true)
	if n := js[int](x, `document.querySelectorAll("#row-1 .clues tbody tr").length`); n == 0 {
		t.Error("no clue")
	}
	x.quiet()
}

// A lane leads to its campaign, the campaign opens to its steps, a step to its clues and raw lines, a node of the graph to its step.
func TestCampaignsDrillDown(t *testing.T) {
	x := companyPage(t, look{})
	if n := js[int](x, `document.querySelectorAll("a.lane").length`); n < 3 || n != js[int](x, `document.querySelectorAll(".story").length`) {
		t.Errorf("%d lanes", n)
	}
	expect(x, `document.querySelector("#story-1 > details").open`, true)
	expect(x, `document.querySelector("#story-2 > details").open`, false)
	x.click(`a.lane[href="#story-2"]`)
	expect(x, `document.querySelector("#story-2 > details").open`, true)
	const step = `document.querySelector("#story-2 .steps > li")`
	expect(x, step+`.querySelector(".clues").checkVisibility()`, false)
	x.click(`#story-2 .steps > li summary`)
	expect(x, step+`.querySelector(".clues").checkVisibility()`, true)
	if n := js[int](x, step+`.querySelectorAll(".clues tbody tr").length`); n == 0 {
		t.Error("no clue")
	}
	if raw := js[string](x, step+`.querySelector(".lines pre").textContent`); len(raw) < 20 {
		t.Errorf("the raw line is %q", raw)
	}
	// By keyboard alone, from the graph: a node is a link that opens its step.
	id := js[string](x, `(() => { const a = [...document.querySelectorAll("#story-1 .nodes.steps a")].pop(); a.focus(); return a.hash.slice(1) })()`)
	x.keys(kb.Enter)
	x.settle()
	expect(x, fmt.Sprintf(`document.getElementById(%q).firstElementChild.open`, id), true)
	expect(x, `(() => { document.querySelector("#story-3 summary").focus(); return document.activeElement.tagName })()`, "SUMMARY")
	x.keys(kb.Enter)
	expect(x, `document.querySelector("#story-3 > details").open`, true)

	// Every line of a graph ends at the middle of a node, and bars lie within their lane.
	expect(x, `(() => { for (const web of document.querySelectorAll("#story-1 .web")) {
		const mid = (l) => [...l.children].map((e) => { const b = e.getBoundingClientRect(); return b.top + b.height / 2 });
		const [left, , right] = [...web.querySelectorAll(".nodes")].map(mid), svg = web.querySelectorAll("svg");
		for (const [ends, s, at] of [[left, svg[0], 0], [right, svg[1], 1]]) for (const p of s.querySelectorAll("path")) {
			const q = p.getPointAtLength(at * p.getTotalLength()), y = s.getBoundingClientRect().top + q.y;
			if (!ends.some((e) => Math.abs(e - y) < 2)) return p.getAttribute("d") + " ends at " + y + ", not at " + ends }
	} return "" })()`, "")
	expect(x, `[...document.querySelectorAll("a.lane > svg")].every((s) => { const b = s.getBoundingClientRect();
		return [...s.querySelectorAll("rect.span, path")].every((r) => { const c = r.getBoundingClientRect(); return c.left >= b.left - 1 && c.right <= b.right + 1 && c.bottom <= b.bottom + 1 }) })`, true)
	x.quiet()
}

func TestKeyboard(t *testing.T) {
	x := companyPage(t, look{})
	x.keys("/")
	expect(x, `document.activeElement.id`, "find")
	x.do(chromedp.KeyEvent("sqlmap"))
	x.keys(kb.ArrowDown)
	first := `document.activeElement.closest("li")`
	expect(x, first+" === "+shown+"[0]", true)
	expect(x, `getComputedStyle(document.activeElement).outlineStyle`, "solid")
	x.keys(kb.Enter)
	expect(x, `document.activeElement.parentElement.open`, true)
	x.keys(kb.Enter)
	expect(x, `document.activeElement.parentElement.open`, false)
	x.keys("/")
	x.keys(kb.Escape)
	expect(x, `document.getElementById("find").value`, "")
	x.keys(kb.ArrowDown)
	x.keys("j")
	x.keys("j")
	expect(x, first+".id", "row-3")
	x.keys("k")
	expect(x, first+".id", "row-2")
	x.keys(kb.ArrowUp)
	x.keys(kb.ArrowUp)
	expect(x, `document.activeElement.id`, "find")

	// By Tab alone: everything that can be used is reached in the order in which it stands.
	js[bool](x, `(document.activeElement.blur(), true)`)
	last := -1
	for range 30 {
		x.do(chromedp.KeyEvent(kb.Tab))
		at := js[int](x, `[...document.querySelectorAll("a, button, input, select, summary")].indexOf(document.activeElement)`)
		if at <= last {
			t.Fatalf("Tab goes from the %d. element to the %d.", last, at)
		}
		last = at
	}
	x.quiet()
}

func TestThemes(t *testing.T) {
	const ground, pixel = `getComputedStyle(document.body).backgroundColor`,
		`(() => { const c = document.querySelector("#chart-times canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		const n = {}; let best = ""; for (let i = 0; i < d.length; i += 4) { if (d[i + 3] < 255) continue; const k = d.slice(i, i + 3).join(); n[k] = (n[k] || 0) + 1; if (!(n[k] < n[best])) best = k } return best })()`
	for _, dark := range []bool{false, true} {
		x := companyPage(t, look{dark: dark})
		x.chart("times")
		x.settle()
		system, drawn := js[string](x, ground), js[string](x, pixel)
		x.click("#theme")
		x.settle()
		if js[string](x, ground) == system {
			t.Errorf("dark %v: the first click on the theme changes nothing", dark)
		}
		if js[string](x, pixel) == drawn {
			t.Errorf("dark %v: the charts keep their colours", dark)
		}
		x.click("#theme")
		x.click("#theme")
		expect(x, ground, system)
		expect(x, `document.getElementById("theme-name").textContent`, "Auto")
		x.quiet()
	}
}

// evil is what an attacker may have a log say.
var evil = []string{"<script>alert(1)</script>", "</script><script>alert(2)</script>", "--><img src=x onerror=alert(3)>", "'-alert(4)-'",
	"javascript:alert(5)", "</style><svg onload=alert(6)>", "\u202egpj.exe", "\u2028alert(7)", "\xff\xfe\x1b[2J",
	"</pre></details></li></ol><h1>gone</h1>", "<a href=javascript:alert(8)>x</a>", "<iframe srcdoc='<script>parent.alert(9)</script>'>"}

func TestEvilLogsStayText(t *testing.T) {
	var b bytes.Buffer
	rng := rand.New(rand.NewPCG(7, 7))
	start := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	put := func(at time.Time, ip, user, path, agent string) {
		fmt.Fprintf(&b, "%s - %s [%s] \"GET %s HTTP/1.1\" 200 %d \"%s\" \"%s\"\n", ip, user, at.Format("02/Jan/2006:15:04:05 -0700"), path, 500+rng.IntN(40), agent, agent)
	}
	for i := range 14 * 24 * 20 {
		put(start.Add(time.Duration(i)*3*time.Minute), fmt.Sprintf("10.0.0.%d", 1+rng.IntN(40)), "-", fmt.Sprintf("/page/%d", rng.IntN(30)), "Mozilla/5.0")
	}
	night := start.AddDate(0, 0, 9).Add(2 * time.Hour)
	for i := range 10 * len(evil) {
		e := evil[i%len(evil)]
		put(night.Add(time.Duration(i)*time.Second), fmt.Sprintf("203.0.113.%d", 1+i), strings.ReplaceAll(e, " ", "_"), "/"+strings.ReplaceAll(e, " ", "+"), e)
	}
	html, err := hunted(map[string][]byte{"<img src=x onerror=alert(10)>.log": b.Bytes()}, hunt.Span{From: night.UnixNano(), To: night.Add(time.Hour).UnixNano()})
	if err != nil {
		t.Fatal(err)
	}
	x := open(t, html, look{})
	js[bool](x, `(window.called = 0, window.alert = () => { window.called++ }, true)`)
	x.click("#all")
	js[bool](x, `(document.querySelectorAll(".numbers, #campaigns details").forEach((d) => { d.open = true }), true)`)
	x.do(chromedp.SendKeys(chromedp.CSS("#find"), "alert"))
	x.settle()
	if js[int](x, shown+".length") == 0 {
		t.Error("no row shows an attacker's text")
	}
	expect(x, `window.called`, 0)
	expect(x, `document.querySelectorAll("img, iframe, object, embed, base, #rows script, #rows style, #rows a, #rows h1, #campaigns script, #campaigns style, #campaigns h1, #campaigns a:not([href^='#story-']), [onload], [onerror], [style*=expression]").length`, 0)
	expect(x, `document.querySelectorAll("h1").length`, 1)
	expect(x, `document.querySelectorAll("script").length`, 2)
	expect(x, `[...document.querySelectorAll("#rows pre")].some((p) => p.textContent.includes("<script>alert(1)</script>"))`, true)
	expect(x, `[...document.querySelectorAll("#stories pre, #stories summary, .lane, .nodes li")].some((p) => p.textContent.includes("<script>alert(1)</script>"))`, true)
	expect(x, `/[\u0000-\u0008\u000b-\u001f\u200b-\u200f\u2028-\u202e\ufffd]/.test(document.body.textContent)`, false)
	x.quiet()
}

// Nothing of the page is wider than a small phone, whatever is open.
func TestFitsAPhone(t *testing.T) {
	x := companyPage(t, look{width: 360, height: 740})
	fits := func(when string) {
		t.Helper()
		x.settle()
		if w := js[int](x, `document.documentElement.scrollWidth`); w > 360 {
			t.Errorf("%s: the page is %d pixels wide; too wide are %s", when, w,
				js[string](x, `[...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > 361 && !e.closest(".wide, svg, .unseen")).map((e) => e.tagName + "." + e.className).slice(0, 9).join(", ")`))
		}
	}
	fits("as it opens")
	x.click("#all")
	js[bool](x, `(document.querySelectorAll(".numbers, #campaigns details").forEach((d) => { d.open = true }), true)`)
	fits("all open")
	js[bool](x, `(scrollTo(0, document.documentElement.scrollHeight), true)`)
	fits("at its end")
	if n := js[float64](x, `Math.min(...[...document.querySelectorAll("#tools button, #tools select, #tools input, summary")].filter((e) => e.checkVisibility() && !e.closest(".numbers")).map((e) => e.getBoundingClientRect().height))`); n < 24 {
		t.Errorf("something to touch is %v pixels high", n)
	}
	x.quiet()
}

// On paper there are the charts, in light colours, and the first rows are open; the controls are not.
func TestPrints(t *testing.T) {
	x := companyPage(t, look{dark: true})
	x.chart("times")
	x.media("print", "dark")
	x.settle()
	expect(x, `document.querySelector("#chart-times .drawn").checkVisibility({visibilityProperty: true})`, true)
	expect(x, `document.querySelector("#chart-times canvas").checkVisibility()`, false)
	expect(x, `document.getElementById("tools").checkVisibility()`, false)
	expect(x, `getComputedStyle(document.body).backgroundColor`, "rgb(255, 255, 255)")
	expect(x, `document.querySelector("#row-1 .lines pre").getBoundingClientRect().height > 10`, true)
	expect(x, `document.querySelector("#story-2 .steps").getBoundingClientRect().height > 10`, true)
	pdf, err := chromedp.Run(x.ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")) + bytes.Count(pdf, []byte("/Type /Page/")); len(pdf) < 20_000 {
		t.Errorf("%d bytes on %d pages are printed", len(pdf), pages)
	}
	x.quiet()
}

// Without scripts the page still reads.
func TestReadsWithoutScripts(t *testing.T) {
	html, err := company()
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(html, []byte("<script>"))
	x := open(t, html[:at], look{})
	expect(x, `document.querySelector("#chart-times .drawn").checkVisibility({visibilityProperty: true})`, true)
	expect(x, `document.getElementById("tools").checkVisibility()`, false)
	expect(x, `document.getElementById("theme").checkVisibility()`, false)
	x.click("#row-1 summary")
	expect(x, `document.querySelector("#row-1 .lines pre").checkVisibility()`, true)
	x.quiet()
}

func TestEvaluationIsDrawn(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var samples []eval.Sample
	for i := range 3000 {
		x := rng.NormFloat64()
		s := eval.Sample{Bad: i%4 == 0, Kind: evil[i%3]}
		if s.Bad {
			x += 2
		} else {
			s.Kind = ""
		}
		s.Score, s.Probability = x, min(max(.3+x/6, 0), 1)
		samples = append(samples, s)
	}
	e, err := eval.Evaluate(samples, eval.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.Evaluation(&b, e, report.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int64{1280, 360} {
		x := open(t, b.Bytes(), look{width: width, height: 3000})
		for _, id := range []string{"roc", "pr", "reliability"} {
			x.do(chromedp.WaitVisible(chromedp.CSS("#chart-" + id + " canvas")))
		}
		x.settle()
		if w := js[int64](x, `document.documentElement.scrollWidth`); w > width {
			t.Errorf("the page is %d pixels wide, the window %d", w, width)
		}
		x.quiet()
	}
}
