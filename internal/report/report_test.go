package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"weir/internal/cluster"
	"weir/internal/eval"
	"weir/internal/hunt"
	"weir/internal/source"
)

// night is the window of the hunts below.
var night = hunt.Span{From: time.Date(2026, 3, 17, 2, 0, 0, 0, time.UTC).UnixNano(), To: time.Date(2026, 3, 17, 3, 59, 59, 0, time.UTC).UnixNano()}

// weeks is an access log of two ordinary weeks with lines in a night that agent, path and user write, until they return "".
func weeks(line func(i int) (path, user, agent string)) []byte {
	var b bytes.Buffer
	rng := rand.New(rand.NewPCG(7, 7))
	put := func(at time.Time, ip, user, path, agent string) {
		fmt.Fprintf(&b, "%s - %s [%s] \"GET %s HTTP/1.1\" 200 %d \"-\" \"%s\"\n", ip, user, at.Format("02/Jan/2006:15:04:05 -0700"), path,
			500+rng.IntN(40), agent)
	}
	start := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	for minute := range 14 * 24 * 20 {
		at := start.Add(time.Duration(minute) * 3 * time.Minute)
		put(at, fmt.Sprintf("10.0.0.%d", 1+rng.IntN(40)), "-", fmt.Sprintf("/page/%d", rng.IntN(30)), "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0")
	}
	for i := 0; ; i++ {
		path, user, agent := line(i)
		if path == "" {
			return b.Bytes()
		}
		put(time.Unix(0, night.From).UTC().Add(time.Duration(i)*time.Second), fmt.Sprintf("203.0.113.%d", 1+i%200), user, path, agent)
	}
}

func hunted(t testing.TB, o hunt.Options, logs map[string][]byte) *hunt.Result {
	t.Helper()
	var inputs []source.Input
	for name, text := range logs {
		inputs = append(inputs, source.Bytes(name, text))
	}
	o.Windows = []hunt.Span{night}
	r, err := hunt.Run(context.Background(), inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func rendered(t testing.TB, r *hunt.Result) string {
	t.Helper()
	list, err := cluster.Campaigns(r, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Hunt(&b, r, list, Options{Command: "weir hunt </script>", Generated: time.Date(2026, 3, 18, 9, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// evil is what an attacker may have a log say.
var evil = []string{"<script>alert(1)</script>", "</script><script>alert(2)</script>", "--><img src=x onerror=alert(3)>",
	"'-alert(4)-'", "javascript:alert(5)", "</style><svg onload=alert(6)>", "{{.Policy}}", "\u202egpj.exe", "\u2028alert(7)",
	"\xff\xfe\x1b[2J", "]]><!--", "&lt;b&gt;", "</pre></details><h1>gone</h1>", "\x00\u200b\ufeff"}

func evilLine(i int) (path, user, agent string) {
	if i >= 10*len(evil) {
		return "", "", ""
	}
	e := evil[i%len(evil)]
	return "/x?q=" + strings.ReplaceAll(e, " ", "+"), strings.ReplaceAll(e, " ", "_"), strings.ReplaceAll(e, `"`, "'") + fmt.Sprint(i)
}

// tagged returns the texts of all elements of a name, as they stand in the page.
func tagged(page, name string) (out []string) {
	for {
		i := strings.Index(page, "<"+name)
		if i < 0 {
			return out
		}
		page = page[i:]
		from, to := strings.Index(page, ">")+1, strings.Index(page, "</"+name+">")
		out = append(out, page[from:to])
		page = page[to:]
	}
}

// The policy names the script and the style of the page and nothing else.
func TestPolicyNamesWhatIsThere(t *testing.T) {
	page := rendered(t, hunted(t, hunt.Options{}, map[string][]byte{"access.log": weeks(evilLine)}))
	scripts, styles := tagged(page, "script"), tagged(page, "style")
	if len(scripts) != 2 || len(styles) != 1 {
		t.Fatalf("%d scripts and %d styles, want 2 (one of them data) and 1", len(scripts), len(styles))
	}
	sum := func(text string) string {
		h := sha256.Sum256([]byte(text))
		return "&#39;sha256-" + strings.ReplaceAll(base64.StdEncoding.EncodeToString(h[:]), "+", "&#43;") + "&#39;"
	}
	want := `content="default-src &#39;none&#39;; script-src ` + sum(scripts[1]) + `; style-src ` + sum(styles[0]) +
		`; img-src data:; base-uri &#39;none&#39;; form-action &#39;none&#39;"`
	if !strings.Contains(page, want) {
		t.Errorf("the page lacks %s", want)
	}
	if at := strings.Index(page, "Content-Security-Policy"); at > strings.Index(page, "<style") {
		t.Error("the policy comes after what it is to govern")
	}
}

// Whatever logs hold, the page has the elements and attributes of its templates and no others.
func TestLogsStayText(t *testing.T) {
	logs := map[string][]byte{"access.log": weeks(evilLine), "<img src=x onerror=alert(8)>\u202e.log": weeks(evilLine)}
	page := rendered(t, hunted(t, hunt.Options{}, logs))
	if !utf8.ValidString(page) {
		t.Error("the page is not valid UTF-8")
	}
	for _, r := range page {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("the page holds %U", r)
		}
	}
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", `\u202egpj.exe`, `\u2028alert(7)`, `\xff\xfe\x1b[2J`, `\u200b\ufeff`,
		"{{.Policy}}", "&amp;lt;b&amp;gt;", `&lt;img src=x onerror=alert(8)&gt;\u202e.log:`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %s", want)
		}
	}
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	elements := map[string]int{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		elements[n.Data]++
		for _, a := range n.Attr {
			name := strings.ToLower(a.Key)
			switch {
			case strings.HasPrefix(name, "on") || name == "style" || name == "src" || name == "srcdoc" || name == "action":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case strings.Contains(name, "href") && !strings.HasPrefix(a.Val, "#") && !(n.Data == "link" && strings.HasPrefix(a.Val, "data:image/svg+xml,")):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	for name, n := range map[string]int{"img": 0, "iframe": 0, "object": 0, "script": 2, "style": 1, "h1": 1, "base": 0, "b": elements["b"]} {
		if elements[name] != n {
			t.Errorf("%d elements %s, want %d", elements[name], name, n)
		}
	}
	var island struct{ Charts []struct{ ID string } }
	if err := json.Unmarshal([]byte(tagged(page, "script")[0]), &island); err != nil || len(island.Charts) != 3 {
		t.Errorf("the data hold %+v, %v", island, err)
	}
}

// The same hunt is the same page, whatever the workers.
func TestSameBytes(t *testing.T) {
	logs := map[string][]byte{"a.log": weeks(evilLine), "b.log": weeks(func(int) (string, string, string) { return "", "", "" })}
	want := rendered(t, hunted(t, hunt.Options{Workers: 1, Seed: 1}, logs))
	for workers := 2; workers < 4; workers++ {
		if got := rendered(t, hunted(t, hunt.Options{Workers: workers, Seed: uint64(workers)}, logs)); got != want {
			t.Errorf("%d workers give another page", workers)
		}
	}
}

// A window full of long lines that have nothing in common makes no large page, and what is left out is said.
func TestSizeIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	word := func() string { return fmt.Sprintf("%x", rng.Uint64()) }
	r := hunted(t, hunt.Options{}, map[string][]byte{"access.log": weeks(func(i int) (string, string, string) {
		if i == 5000 {
			return "", "", ""
		}
		return "/" + word() + "?" + word() + "=" + strings.Repeat(word(), 200), word(), strings.Repeat("<&'"+word(), 100)
	})})
	page := rendered(t, r)
	if len(page) > 1<<20 {
		t.Errorf("a page of %d bytes", len(page))
	}
	folds, shown := len(r.Folds()), strings.Count(page, `<li class="row"`)
	if shown < 50 || shown > maxRows {
		t.Errorf("%d rows of %d are shown", shown, folds)
	}
	if n := strings.Index(page, `<ol class="stories"`); n < 0 || strings.Index(page[n:], "</section>") > maxStoryBytes+64<<10 {
		t.Error("campaigns take more than their share of the page, or are not there")
	}
	if left := fmt.Sprintf("%s with", plural(folds-shown, "more row")); folds > shown && !strings.Contains(page, left) {
		t.Errorf("the page does not say %q", left)
	}
}

// A page says what the result says.
func TestPageSaysWhatWasFound(t *testing.T) {
	r := hunted(t, hunt.Options{}, map[string][]byte{"access.log": weeks(evilLine)})
	page := rendered(t, r)
	f := r.Folds()[0]
	s, err := r.Suspect(f.Best)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"17 Mar 2026, 02:00 to 03:59", fmt.Sprintf("access.log:%d", s.Line), string(s.Verdict),
		plural(len(r.Placebos), "clean window"), "learned-good", "--json --all shows it", `datetime="2026-03-18T09:00:00Z"`,
		"Made by <code>weir hunt &lt;/script&gt;</code>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// Campaigns stand on the page with their lanes, their steps, what explains these, and their entities.
func TestCampaignsAreTold(t *testing.T) {
	r := hunted(t, hunt.Options{}, map[string][]byte{"access.log": weeks(evilLine)})
	list, err := cluster.Campaigns(r, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page := rendered(t, r)
	told := 0
	for i := range list {
		if !list[i].Noise {
			told++
		}
	}
	if told == 0 {
		t.Fatal("no campaign to draw")
	}
	told = min(told, maxStories)
	for what, n := range map[string]int{`<a class="lane" href="#story-`: told, `<li class="story" id="story-`: told, `<figure class="graph">`: told} {
		if got := strings.Count(page, what); got != n {
			t.Errorf("%d times %s, want %d", got, what, n)
		}
	}
	c := &list[0]
	best, err := r.Suspect(c.Best)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{plural(c.Events, "event") + " in " + plural(len(c.Steps), "step"), when(r, c.First, c.Last), "the strangest",
		fmt.Sprintf("access.log:%d", best.Line), plural(told, "campaign")} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	// What a line of the graph leads to is there.
	for _, ref := range strings.Split(page, `href="#`)[1:] {
		id, _, _ := strings.Cut(ref, `"`)
		if !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("a link goes to %q, which is not there", id)
		}
	}
}

// A hunt that found no story has a page without that part, and none of its links.
func TestWithoutCampaigns(t *testing.T) {
	r := hunted(t, hunt.Options{}, map[string][]byte{"access.log": weeks(evilLine)})
	for name, list := range map[string][]cluster.Campaign{"none": nil, "left over only": {{Noise: true, Events: 3}}} {
		var b bytes.Buffer
		if err := Hunt(&b, r, list, Options{}); err != nil {
			t.Fatal(err)
		}
		if page := b.String(); strings.Contains(page, `href="#campaigns"`) || strings.Contains(page, `id="stories"`) || !strings.Contains(page, `id="row-1"`) {
			t.Errorf("%s: the page has campaigns, or no rows", name)
		}
	}
}

// Graphs are bounded, say what they leave out, are the same each time, and every line ends at its nodes.
func TestGraph(t *testing.T) {
	counts := func(prefix string, from, n int) (out []cluster.Count) {
		for i := range n {
			out = append(out, cluster.Count{Value: fmt.Sprintf("%s%d", prefix, from+i), Events: 100 - i})
		}
		return out
	}
	c := &cluster.Campaign{Number: 3, Links: []cluster.Link{{Kind: "client", Value: "a1", Steps: 2}}}
	for k := range 5 {
		c.Steps = append(c.Steps, cluster.Step{Best: 10 - k, Facts: cluster.Facts{Clients: counts("a", k, 4), Paths: counts("/", 10*k, 9)}})
	}
	c.Facts = cluster.Facts{Clients: counts("a", 0, 8), ClientCount: 8, Paths: counts("/", 0, 20), PathCount: 45}
	c.Best = 6
	g := newGraph(c, []int{0, 1, 2, 3, 4}, "from")
	if len(g.Left) != 8 || len(g.Right) != maxObjects || len(g.Steps) != 5 {
		t.Errorf("%d, %d and %d nodes", len(g.Left), len(g.Steps), len(g.Right))
	}
	if want := "Drawn are 18 of 53: those of most steps, then of most events. In all there are 8 clients, 45 paths."; g.Omitted != want {
		t.Errorf("it says %q, want %q", g.Omitted, want)
	}
	lines, joins := 0, 0
	for _, n := range g.Left {
		lines += len(n.steps)
		if n.Joins {
			joins++
			if n.value != "a1" {
				t.Errorf("%s joins", n.value)
			}
		}
		if n.Top < 0 || n.Top > g.Height-nodeHeight {
			t.Errorf("%s stands at %d of %d", n.value, n.Top, g.Height)
		}
	}
	if lines != len(g.From) || joins != 1 {
		t.Errorf("%d lines for %d, %d that join", len(g.From), lines, joins)
	}
	for i := 1; i < len(g.Left); i++ {
		if a, b := g.Left[i-1], g.Left[i]; sumOf(a.steps)*len(b.steps) > sumOf(b.steps)*len(a.steps) {
			t.Errorf("%s stands above %s", a.value, b.value)
		}
	}
	if again := newGraph(c, []int{0, 1, 2, 3, 4}, "from"); fmt.Sprint(again) != fmt.Sprint(g) {
		t.Error("another graph for the same campaign")
	}
	if !g.Steps[4].Joins || g.Steps[0].Joins {
		t.Error("the strangest step is not marked")
	}
}

// A window that no clean one can be laid beside is drawn without the chart of scores.
func TestWithoutCleanWindows(t *testing.T) {
	lines := bytes.SplitAfter(weeks(evilLine), []byte("\n"))
	var near [][]byte
	for _, l := range lines {
		if bytes.Contains(l, []byte("[17/Mar/2026:0")) {
			near = append(near, l)
		}
	}
	r := hunted(t, hunt.Options{}, map[string][]byte{"access.log": bytes.Join(near[40:], nil)})
	if len(r.Placebos) > 0 {
		t.Skipf("there are %d clean windows after all", len(r.Placebos))
	}
	page := rendered(t, r)
	if strings.Contains(page, `id="sure"`) || !strings.Contains(page, "no clean window to compare with") || !strings.Contains(page, "Warnings") {
		t.Error("the page shows scores of clean windows, or no warning")
	}
}

func TestLibraryIsAsPublished(t *testing.T) {
	readme, err := os.ReadFile("assets/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uplot.min.js", "uplot.min.css"} {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if want := hex.EncodeToString(sum[:]) + "  " + name; !bytes.Contains(readme, []byte(want)) {
			t.Errorf("assets/README.md lacks %s", want)
		}
	}
}

func TestEvaluationPage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var samples []eval.Sample
	for i := range 2000 {
		bad := i%4 == 0
		x := rng.NormFloat64()
		if bad {
			x += 2.5
		}
		s := eval.Sample{Score: x, Probability: clamp(.3 + x/6), Bad: bad, Verdict: "good"}
		if bad {
			s.Kind = evil[i/4%3]
		}
		samples = append(samples, s)
	}
	page := func(samples []eval.Sample) string {
		e, err := eval.Evaluate(samples, eval.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := Evaluation(&b, e, Options{Generated: time.Unix(0, 0)}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	full := page(samples)
	for _, want := range []string{`id="chart-roc"`, `id="chart-pr"`, `id="chart-reliability"`, "Expected calibration error", "1,500 good records and 500 bad ones",
		"&lt;script&gt;alert(1)&lt;/script&gt;", "Confusion", "ROC area"} {
		if !strings.Contains(full, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if full != page(samples) {
		t.Error("another page for the same evaluation")
	}
	for name, s := range map[string][]eval.Sample{"one record": samples[:1], "good only": slices.DeleteFunc(slices.Clone(samples), func(s eval.Sample) bool { return s.Bad })} {
		if got := page(s); strings.Contains(got, "NaN") || strings.Contains(got, `id="chart-roc"`) {
			t.Errorf("%s: the page has a curve, or NaN", name)
		}
	}
}
