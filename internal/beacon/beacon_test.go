package beacon

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
)

// scan judges the logs of directories of the shared data, each a network of its own.
func scan(t *testing.T, o Options, dirs ...string) *Result {
	t.Helper()
	var all []source.Input
	for i, dir := range dirs {
		in, err := source.Expand([]string{dir})
		if err != nil {
			t.Fatal(err)
		}
		for range in {
			o.Networks = append(o.Networks, uint32(i))
		}
		all = append(all, in...)
	}
	d := New(o)
	if _, err := format.Scan(context.Background(), all, format.ScanOptions{Workers: max(1, o.Workers)}, d.Handler); err != nil {
		t.Fatal(err)
	}
	return d.Result()
}

// TestRITAGolden: the golden values of RITA v5's own tests (METHODS §1.3) whose logs are in the shared data. Counts, bytes
// and durations are exact; scores are within .005.
func TestRITAGolden(t *testing.T) {
	r := scan(t, Options{}, shared(t, "rita-proxy"))
	for _, want := range []struct {
		name                     string
		score, ts, ds, dur, hist float64
		count                    int
		bytes, nanos             int64
	}{
		{name: "www.honestimnotevil.com", score: .979, ts: .921, ds: .995, dur: 1, hist: 1, count: 357, bytes: 963595, nanos: 12454628000},
		{name: "www.google.com", score: .586, ts: .48, ds: .865, dur: 1, hist: 0, count: 6, bytes: 139385, nanos: 725752000},
	} {
		p := r.Find("10.136.0.18", want.name)
		if p == nil {
			t.Fatalf("there is no row of %s", want.name)
		}
		g := p.RITA
		if g.Count != want.count || g.Bytes != want.bytes || g.Nanos != want.nanos {
			t.Errorf("%s: %d connections, %d bytes, %d ns; not %d, %d, %d", want.name, g.Count, g.Bytes, g.Nanos, want.count, want.bytes, want.nanos)
		}
		for _, x := range []struct {
			name      string
			got, want float64
		}{{"score", g.Score, want.score}, {"timestamp", g.Timestamp, want.ts}, {"data size", g.DataSize, want.ds}, {"duration", g.Duration, want.dur},
			{"histogram", g.Histogram, want.hist}} {
			if math.Abs(x.got-x.want) > .005+1e-9 {
				t.Errorf("%s: %s is %.3f, not %.3f", want.name, x.name, x.got, x.want)
			}
		}
	}
}

// TestCommandAndControl: the recorded implants lead the list, and benign periodic traffic is not called.
func TestCommandAndControl(t *testing.T) {
	dir := shared(t, "m3-c2")
	r := scan(t, Options{Workers: 2}, dir+"/ctu-001-cc", dir+"/ctu-009-kovter", dir+"/otrf-apt29", dir+"/rita-lab-http")
	rank := map[string]int{}
	for i := range r.Pairs {
		p := r.Pairs[i]
		name := ""
		switch {
		case p.Source == "192.168.1.115" && p.Destination == "41.108.179.197":
			name = "cc"
		case p.Destination == "192.168.0.4":
			name = "apt29"
		case p.Source == "192.168.1.113" && slices.Contains([]string{"82.245.149.235", "189.90.217.247", "189.241.104.183", "198.36.88.21",
			"91.82.226.222", "208.80.6.60", "198.144.30.128", "104.16.73.224"}, p.Destination):
			name = "kovter"
		}
		if rank[name] == 0 {
			rank[name] = i + 1
		}
	}
	t.Logf("ranks %v of %d pairs, %d called", rank, len(r.Pairs), r.Called)
	if best, last := min(rank["cc"], rank["kovter"], rank["apt29"]), max(rank["cc"], rank["kovter"], rank["apt29"]); best != 1 || last > 10 {
		t.Errorf("the best true pair is at %d, the last of three captures at %d", best, last)
	}
	lab := scan(t, Options{}, dir+"/rita-lab-http")
	if 50*lab.Called > len(lab.Pairs) {
		t.Errorf("of benign pairs %d of %d are called", lab.Called, len(lab.Pairs))
	}
}

// traffic invents a small network.
func traffic() (out []flow) {
	r := newRand(7)
	for _, at := range beats(r, 0, 86400, 600, .2, .1) {
		out = append(out, flow{at, "10.0.0.7", "203.0.113.9", 420, 443, ""})
	}
	for h := range 20 {
		src := fmt.Sprintf("10.0.0.%d", 10+h)
		for _, at := range beats(r, 0, 86400, 1800, .01, 0) {
			out = append(out, flow{at, src, "198.51.100.1", 300, 443, "updates.example.com"})
		}
		for _, at := range browsing(r, 1, 2) {
			out = append(out, flow{at, src, fmt.Sprintf("192.0.2.%d", r.IntN(40)), int64(r.IntN(5000)), 443, fmt.Sprintf("site%d.example.net", r.IntN(30))})
		}
	}
	return out
}

func judged(o Options, workers int, flows []flow) *Result {
	d := New(o)
	feed(d, workers, flows)
	return d.Result()
}

// TestMerge: any number of workers, any order of events, and any bounds give the same result.
func TestMerge(t *testing.T) {
	flows := traffic()
	for _, o := range []Options{{}, {MaxSeries: 300}, {MaxTimes: 40}, {MaxJoined: 200}, {MaxDomains: 10}} {
		want := judged(o, 1, flows)
		if len(want.Pairs) == 0 {
			t.Fatal("there are no pairs")
		}
		for _, workers := range []int{1, 2, 5} {
			mixed := slices.Clone(flows)
			r := newRand(uint64(workers))
			r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			// ids follow the place in the list, so names are joined alike only where ids are not needed
			for i := range mixed {
				mixed[i].name = ""
			}
			plain := slices.Clone(flows)
			for i := range plain {
				plain[i].name = ""
			}
			a, b := judged(o, 1, plain), judged(o, workers, mixed)
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%+v, %d workers: %s", o, workers, differ(a, b))
			}
			if c := judged(o, workers, flows); !reflect.DeepEqual(want, c) {
				t.Fatalf("%+v, %d workers, with names: %s", o, workers, differ(want, c))
			}
		}
	}
}

func differ(a, b *Result) string {
	if len(a.Pairs) != len(b.Pairs) {
		return fmt.Sprintf("%d pairs and %d; series %d and %d", len(a.Pairs), len(b.Pairs), a.Series, b.Series)
	}
	for i := range a.Pairs {
		if !reflect.DeepEqual(a.Pairs[i], b.Pairs[i]) {
			return fmt.Sprintf("row %d\n%+v\n%+v", i, a.Pairs[i], b.Pairs[i])
		}
	}
	return fmt.Sprintf("%+v\n%+v", a.Warnings, b.Warnings)
}

func TestBeaconAmongOthers(t *testing.T) {
	r := judged(Options{Workers: 3}, 2, traffic())
	p := r.Pairs[0]
	if p.Source != "10.0.0.7" || p.Destination != "203.0.113.9" || !p.Called() || p.Kind != KindBeacon {
		t.Fatalf("first is %+v", p)
	}
	if math.Abs(p.Rhythm.Interval-600) > 30 {
		t.Errorf("the interval is %g", p.Rhythm.Interval)
	}
	update := r.Find("10.0.0.12", "updates.example.com")
	if update == nil || update.Destination != "198.51.100.1" || update.Called() {
		t.Fatalf("the update check is %+v", update)
	}
	if update.Q > 1e-6 {
		t.Errorf("the update check is no rhythm: q %g", update.Q)
	}
	if r.Find("10.0.0.12", "203.0.113.9") != nil {
		t.Error("there is a row of a pair that never talked")
	}
	for i := range r.Pairs {
		p := r.Pairs[i]
		if len(p.Clues) == 0 || p.Score < 0 || p.Score > 1 || i > 0 && p.Score > r.Pairs[i-1].Score {
			t.Fatalf("row %d: %+v", i, p)
		}
	}
}

// TestShift: when the logs begin does not matter, but for the hours that RITA cuts days into.
func TestShift(t *testing.T) {
	flows := traffic()
	a := judged(Options{}, 1, flows)
	for i := range flows {
		flows[i].at += 7 * 86400
	}
	b := judged(Options{}, 1, flows)
	if len(a.Pairs) != len(b.Pairs) {
		t.Fatalf("%d pairs, %d pairs", len(a.Pairs), len(b.Pairs))
	}
	for i := range a.Pairs {
		x, y := a.Pairs[i], b.Pairs[i]
		if x.Score != y.Score || x.P != y.P || x.RITA != y.RITA {
			t.Fatalf("row %d\n%+v\n%+v", i, x, y)
		}
	}
}

// TestBounds: a pair with very many connections keeps the newest times, and says so.
func TestBounds(t *testing.T) {
	var flows []flow
	for i := range 3000 {
		flows = append(flows, flow{at: float64(i) * 10, src: "10.0.0.1", dst: "203.0.113.1", sent: 1 << 40})
	}
	r := judged(Options{MaxTimes: 100}, 3, flows)
	p := r.Pairs[0]
	if p.Count != 3000 || p.Considered != 100 || p.Sent != 3000<<40 || p.Rhythm.Interval != 10 {
		t.Errorf("%+v", p)
	}
	if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "newest") {
		t.Errorf("%q", r.Warnings)
	}
	if r := judged(Options{}, 1, nil); len(r.Pairs) != 0 || len(r.Warnings) == 0 {
		t.Errorf("nothing gives %+v", r)
	}
}

// TestClocks: one record from 1970 and one of the far future make nothing new or old.
func TestClocks(t *testing.T) {
	flows := traffic()
	for i := range flows {
		flows[i].at += 1.7e9
	}
	flows = append(flows, flow{at: 5, src: "10.0.0.12", dst: "192.0.2.77"}, flow{at: 9e9, src: "10.0.0.12", dst: "192.0.2.78"})
	r := judged(Options{}, 2, flows)
	p := r.Pairs[0]
	if p.Source != "10.0.0.7" || !p.Called() {
		t.Fatalf("first is %+v", p)
	}
	for _, c := range p.Clues {
		if strings.Contains(c.Text, "first seen") || strings.Contains(c.Text, "first days") {
			t.Errorf("%q", c.Text)
		}
	}
}

// ask gives DNS questions to a handler.
func ask(d *Detector, list []string, answer bool, kind string) {
	keys := event.NewKeys()
	h := d.Handler(0, keys)
	for i, q := range list {
		e := &event.Event{Dataset: "zeek.dns", Time: int64(i) * 3e9, HasTime: true}
		add := func(k, v string) { e.Add(keys.Get(k), []byte(v)) }
		add("source.ip", "10.0.0.5")
		add("destination.ip", "10.0.0.1")
		add("destination.port", "53")
		add("dns.question.name", q)
		add("dns.question.type", kind)
		if answer {
			add("dns.answers.data", "TXT 12 abcdefghijkl")
		}
		h.Event(e, format.Position{}, nil)
	}
}

func TestTunnel(t *testing.T) {
	r := newRand(3)
	word := func(n int, from string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[r.IntN(len(from))]
		}
		return string(b)
	}
	var tunnel, cdn []string
	for range 2000 {
		tunnel = append(tunnel, word(50, "abcdefghijklmnopqrstuvwxyz234567")+".t.example.com")
		cdn = append(cdn, fmt.Sprintf("img%d.example.org", r.IntN(300)))
	}
	d := New(Options{})
	ask(d, tunnel, true, "TXT")
	ask(d, cdn, true, "A")
	got := d.Result()
	p := got.Pairs[0]
	if p.Kind != KindTunnel || !p.Called() || !slices.Equal(p.Names, []string{"example.com"}) || p.SubDomains < 1850 || p.SubDomains > 2150 {
		t.Errorf("first is %+v", p)
	}
	for _, p := range got.Pairs[1:] {
		if p.Called() {
			t.Errorf("called: %+v", p)
		}
	}
}

func TestGenerated(t *testing.T) {
	r := newRand(4)
	var list []string
	for range 60 {
		b := make([]byte, 12+r.IntN(6))
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz"[r.IntN(26)]
		}
		list = append(list, string(b)+".biz")
	}
	d := New(Options{})
	ask(d, list, false, "A")
	got := d.Result()
	if len(got.Pairs) == 0 || got.Pairs[0].Kind != KindDGA || !got.Pairs[0].Called() {
		t.Errorf("%+v", got.Pairs)
	}
	wrong := 0
	for _, name := range []string{"google.com", "wikipedia.org", "stackoverflow.com", "thyssenkrupp.com", "schwarzwald-tourismus.info", "nationalgeographic.com",
		"deutschebahn.de", "cloudfront.net", "akamaiedge.net", "microsoftonline.com", "windowsupdate.com", "tripadvisor.co.uk", "booking.com", "3sat.de", "doubleclick.net"} {
		if looksGenerated(name) >= .5 {
			t.Logf("%s looks generated: %.2f", name, looksGenerated(name))
			wrong++
		}
	}
	if wrong > 1 {
		t.Errorf("%d well-known names look generated", wrong)
	}
}

func TestRITAParts(t *testing.T) {
	w := ritaWindowOf(0, 86400)
	if w := ritaWindowOf(5000, 200000); w.min != 113600 || w.from() != 111600 {
		t.Errorf("%+v from %d", w, w.from())
	}
	var secs, sent []int64
	for s := int64(0); s < 86400; s += 600 {
		secs, sent = append(secs, s), append(sent, 100)
	}
	if g := ritaScore(secs, sent, w); g.Score != 1 || g.Count != 144 {
		t.Errorf("clockwork has %+v", g)
	}
	if g := ritaScore(secs[:3], sent[:3], w); g.Eligible {
		t.Errorf("three times are judged: %+v", g)
	}
	if g := ritaScore(make([]int64, 86400), nil, w); !g.StrobeLike || g.Eligible {
		t.Errorf("a strobe is judged: %+v", g)
	}
	// quartiles of 1, 2, 3, 4, 5 by halves without the middle: 1.5, 3, 4.5; the deviation from 3 is 1
	if got := ritaEven([]int64{5, 3, 1, 4, 2}, 1); got != round3((1+2./3)/2) {
		t.Errorf("evenness is %g", got)
	}
	for _, x := range []struct{ v, want float64 }{{49, 0}, {50, .2}, {60, .3}, {70, .4}, {90, .6}, {100, .8}, {1e9, .8}} {
		if got := bucketed(x.v, 50, 70, 90, 100); math.Abs(got-x.want) > 1e-12 {
			t.Errorf("%g is %g, not %g", x.v, got, x.want)
		}
	}
}

// TestKinds: a strobe and a long connection are called what they are.
func TestKinds(t *testing.T) {
	var flows []flow
	r := newRand(5)
	for i := range 90000 {
		flows = append(flows, flow{at: float64(i)*.9 + r.ExpFloat64(), src: "10.0.0.1", dst: "203.0.113.1", sent: int64(r.IntN(900))})
	}
	for h := range 9 {
		flows = append(flows, flow{at: float64(h), src: fmt.Sprintf("10.0.0.%d", 20+h), dst: "192.0.2.1"})
	}
	got := judged(Options{}, 1, flows)
	if p := got.Find("10.0.0.1", "203.0.113.1"); p.Kind != KindStrobe || !p.Called() {
		t.Errorf("the strobe is %+v", p)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("10.0.0.1", "203.0.113.1", "example.com", "1.5", "100", int64(5), uint8(0))
	f.Add("fe80::1%eth0", "", "a.b.c", "-", "9999999999999999999999", int64(-1), uint8(3))
	f.Add("x", "y", "..", "NaN", "1e30", int64(math.MaxInt64), uint8(1))
	f.Fuzz(func(t *testing.T, src, dst, name, duration, number string, ns int64, kind uint8) {
		sets := []string{"zeek.conn", "zeek.http", "zeek.ssl", "zeek.dns", "web.access", "csv", "suricata.flow"}
		d := New(Options{MaxSeries: 4, MaxTimes: 6, MaxJoined: 2, MaxDomains: 2})
		keys := event.NewKeys()
		for w := range 2 {
			h := d.Handler(w, keys)
			for i := range 20 {
				e := &event.Event{Dataset: sets[(int(kind)+i/8)%len(sets)], Time: ns + int64(i)*int64(kind)*1e9, HasTime: true}
				for _, f := range [][2]string{{"source.ip", src}, {"destination.ip", dst}, {"url.domain", name}, {"dns.question.name", fmt.Sprint(i%3, name)},
					{"tls.client.server_name", name}, {"event.duration", duration}, {"source.bytes", number}, {"destination.port", number}, {"zeek.uid", name},
					{"dns.answers.data", dst}, {"network.protocol", "http"}, {"user_agent.original", name}, {"suricata.flow.start", number}} {
					if f[1] != "" {
						e.Add(keys.Get(f[0]), []byte(f[1]))
					}
				}
				h.Event(e, format.Position{}, nil)
			}
		}
		for _, p := range d.Result().Pairs {
			if !(p.Score >= 0 && p.Score <= 1) || !(p.P >= 0 && p.P <= 1) || !(p.Q >= 0 && p.Q <= 1) || len(p.Clues) == 0 {
				t.Fatalf("%+v", p)
			}
		}
	})
}

func BenchmarkHandler(b *testing.B) {
	flows := traffic()
	b.ReportAllocs()
	for b.Loop() {
		d := New(Options{})
		feed(d, 1, flows)
	}
	b.ReportMetric(float64(b.N)*float64(len(flows))/b.Elapsed().Seconds(), "flows/s")
}
