package hunt

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/profile"
	"weir/internal/source"
	"weir/internal/token"
)

// readOnly reads logs for a hunt, as Run does, and stops there.
func readOnly(t *testing.T, inputs []source.Input, o Options) *hunter {
	t.Helper()
	o.Zone = time.UTC
	o.Enrich = func() *token.Enrichment { return token.NewEnrichment(o.Zone, nil) }
	h := &hunter{opt: &o, q: &question{windows: o.Windows, ignore: o.Ignore, hosts: map[string]bool{}, behaviour: true}}
	if err := h.read(context.Background(), inputs); err != nil {
		t.Fatal(err)
	}
	return h
}

func lay(t *testing.T, h *hunter, lists []*list) []*analysis {
	t.Helper()
	laid, err := h.layAll(lists)
	if err != nil {
		t.Fatal(err)
	}
	return laid
}

// departuresOf returns the departures of an analysis by the hashes of their features.
func departuresOf(h *hunter, a *analysis) map[uint64]float32 {
	out := map[uint64]float32{}
	for i := range a.features {
		if x := &a.features[i]; x.departure > 0 {
			out[h.keep.list[x.id].hash] = x.bits
		}
	}
	return out
}

// TestPlaceboIsHeldOut: a placebo window departs from the past, bit for bit, as it would if its events had never been read
// as known good.
func TestPlaceboIsHeldOut(t *testing.T) {
	logs, window := company(t, 20_000)
	var inputs []source.Input
	for name, data := range logs {
		inputs = append(inputs, source.Bytes(name, data))
	}
	h := readOnly(t, inputs, Options{Windows: []Span{window}})
	chosen := choose(h.ladders, []Span{h.covered}, 1<<30)
	if len(chosen) < 3 {
		t.Fatalf("%d placebo windows", len(chosen))
	}
	lists := []*list{h.window}
	for _, p := range chosen {
		lists = append(lists, p.rows.sorted(h.fileRank))
	}
	laid := lay(t, h, lists)
	found := 0
	for i, p := range chosen {
		got := departuresOf(h, laid[i+1])
		alone := readOnly(t, inputs, Options{Windows: []Span{p.span}, Ignore: []Span{window}})
		want := departuresOf(alone, lay(t, alone, []*list{alone.window})[0])
		if len(got) != len(want) {
			t.Fatalf("%d departures, want %d", len(got), len(want))
		}
		for hash, bits := range want {
			if b, ok := got[hash]; !ok || b != bits {
				t.Fatalf("placebo %d: %v bits, want %v", i, b, bits)
			}
			found++
		}
	}
	if found < 100 {
		t.Errorf("only %d departures were compared", found)
	}
}

// TestWords holds what people read.
func TestWords(t *testing.T) {
	const weeks = 63 * day
	told := map[*aspect]bool{}
	aspectOf := func(who, what string) *aspect {
		what, as, special := strings.Cut(what, ":")
		i := slices.IndexFunc(aspects, func(a aspect) bool {
			if special {
				return a.who == who && a.what == what && a.as == map[string]reading{"country": country, "network": network, "system": system}[as]
			}
			return a.who == who && a.what == what && a.as != system && a.as != country && (a.as != network || what == "source.ip")
		})
		told[&aspects[i]] = true
		return &aspects[i]
	}
	for _, c := range []struct {
		who, what, entity, value, usual string
		n                               uint64
		d                               profile.Departure
		covered                         int64
		want                            string
	}{
		{"source.ip", "user_agent.name", "10.0.0.7", "Trident/Windows", "Firefox/Linux", 41220, profile.Departure{Total: 41220}, weeks,
			"host 10.0.0.7 has sent Firefox/Linux 41,220 times, never Internet Explorer/Windows"},
		{"source.ip", "user_agent.name", "10.0.0.7", "Internet Explorer/Windows", "Trident/Windows", 714, profile.Departure{Total: 714}, weeks,
			"host 10.0.0.7 has sent Trident/Windows 714 times, never Internet Explorer/Windows"},
		{"source.ip", "user_agent.name", "10.0.0.7", "curl", "Firefox/Linux", 1000000, profile.Departure{Total: 1000001, Count: 1}, weeks,
			"host 10.0.0.7 has sent Firefox/Linux 1,000,000 times, curl once"},
		{"source.ip", "event.shift", "10.0.0.7", "weekday 00-06", "weekday 06-12", 80, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7: the first on a weekday between 00 and 06 in 9 weeks, after 120 at other times"},
		{"user.name", "event.shift", "eva", "weekend 18-24", "weekday 06-12", 80, profile.Departure{Total: 120, Count: 2}, weeks,
			"user eva: 2 of 120 were on a weekend day between 18 and 24"},
		{"host.name", "event.shift", "web1", "weekday 00-06", "weekday 06-12", 80, profile.Departure{Total: 120}, day / 24,
			"host web1: the first on a weekday between 00 and 06 in 60 minutes, after 120 at other times"},
		{"source.ip", "destination.port", "10.0.0.7", "4444", "443", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has talked to port 443 99 times, never to port 4444"},
		{"source.ip", "source.bytes", "10.0.0.7", "1048576..1482910", "256..361", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has usually sent 256 to 361 bytes (median of 120), never 1,048,576 to 1,482,910"},
		{"user.name", "source.geo.country_iso_code", "eva", "KP", "AT", 99, profile.Departure{Total: 120, Count: 3}, weeks,
			"user eva has come from AT 99 times, from KP 3 times"},
		{"user.name", "host.name", "eva", "db1", "ws17", 1, profile.Departure{Total: 10}, weeks,
			"user eva has been on ws17 once, never on db1"},
		{"user.name", "event.action", "eva", "ssh_failed", "ssh_login", 12, profile.Departure{Total: 12}, weeks,
			"user eva has logged ssh_login 12 times, never ssh_failed"},
		{"user.name", "host.name", strings.Repeat("ä", 50), strings.Repeat("b", 100), "ws17", 1, profile.Departure{Total: 10}, weeks,
			"user " + strings.Repeat("ä", 32) + "… has been on ws17 once, never on " + strings.Repeat("b", 64) + "…"},
		{"source.ip", "user_agent.name:system", "10.0.0.7", "Windows", "Linux", 41220, profile.Departure{Total: 41220}, weeks,
			"host 10.0.0.7 has sent Linux 41,220 times, never Windows"},
		{"host.name", "user_agent.name:system", "web1", "Windows", "Linux", 41220, profile.Departure{Total: 41220}, weeks,
			"host web1 has sent Linux 41,220 times, never Windows"},
		{"host.name", "user_agent.name", "web1", "Nikto", "Firefox/Linux", 41220, profile.Departure{Total: 41220}, weeks,
			"host web1 has sent Firefox/Linux 41,220 times, never Nikto"},
		{"source.ip", "tls.client.ja3", "10.0.0.7", "72a5", "e7d7", 4000, profile.Departure{Total: 4100, Anybody: 3}, weeks,
			"host 10.0.0.7 has shown the TLS fingerprint e7d7 4,000 times, never the TLS fingerprint 72a5"},
		{"source.ip", "tls.client.ja4", "10.0.0.7", "t13d", "t12i", 4000, profile.Departure{Total: 4100, Count: 1}, weeks,
			"host 10.0.0.7 has shown the TLS fingerprint t12i 4,000 times, the TLS fingerprint t13d once"},
		{"source.ip", "destination.ip", "10.0.0.7", "198.51.100.9", "10.0.0.1", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has talked to 10.0.0.1 99 times, never to 198.51.100.9"},
		{"source.ip", "destination.ip:network", "10.0.0.7", "198.51.100.0/24", "10.0.0.0/24", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has talked to network 10.0.0.0/24 99 times, never to network 198.51.100.0/24"},
		{"source.ip", "destination.ip:country", "10.0.0.7", "KP", "AT", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has talked to addresses in AT 99 times, never to addresses in KP"},
		{"source.ip", "network.transport", "10.0.0.7", "icmp", "tcp", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has used tcp 99 times, never icmp"},
		{"source.ip", "network.protocol", "10.0.0.7", "ssh", "dns", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has spoken dns 99 times, never ssh"},
		{"source.ip", "url.domain", "10.0.0.7", "a.example", "b.example", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has asked b.example 99 times, never a.example"},
		{"source.ip", "dns.question.registered_domain", "10.0.0.7", "a.example", "b.example", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has looked up b.example 99 times, never a.example"},
		{"source.ip", "tls.client.server_name", "10.0.0.7", "a.example", "b.example", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has asked b.example 99 times, never a.example"},
		{"source.ip", "http.response.status_code", "10.0.0.7", "500", "200", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has been answered 200 99 times, never 500"},
		{"source.ip", "destination.bytes", "10.0.0.7", "1024..1447", "256..361", 0, profile.Departure{Total: 120, Count: 2}, weeks,
			"host 10.0.0.7 has usually received 256 to 361 bytes (median of 120), 1,024 to 1,447 2 times"},
		{"source.ip", "user.name", "10.0.0.7", "root", "eva", 99, profile.Departure{Total: 120}, weeks,
			"host 10.0.0.7 has been eva 99 times, never root"},
		{"source.ip", "event.outcome", "10.0.0.7", "failure", "success", 99, profile.Departure{Total: 99}, weeks,
			"host 10.0.0.7 has met with success 99 times, never with failure"},
		{"host.name", "event.outcome", "web1", "failure", "success", 99, profile.Departure{Total: 100, Count: 1}, weeks,
			"host web1 has met with success 99 times, with failure once"},
		{"user.name", "event.outcome", "eva", "failure", "success", 99, profile.Departure{Total: 99}, weeks,
			"user eva has met with success 99 times, never with failure"},
		{"user.name", "source.ip", "eva", "198.51.100.0/24", "10.0.0.0/24", 99, profile.Departure{Total: 99}, weeks,
			"user eva has come from network 10.0.0.0/24 99 times, never from network 198.51.100.0/24"},
		{"host.name", "event.action", "web1", "ssh_failed", "ssh_login", 12, profile.Departure{Total: 12}, weeks,
			"host web1 has logged ssh_login 12 times, never ssh_failed"},
		{"host.name", "process.name", "web1", "nc", "nginx", 12, profile.Departure{Total: 12}, weeks,
			"host web1 has run nginx 12 times, never nc"},
	} {
		if got := words(aspectOf(c.who, c.what), c.entity, c.value, c.usual, c.n, c.d, c.covered); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for k := range aspects {
		if a := &aspects[k]; !told[a] && a.as != hour && a.as != template { // TestFirstHour
			t.Errorf("%s × %s (%d) is told by no row", a.who, a.what, a.as)
		}
	}
}

func TestAbsence(t *testing.T) {
	for _, c := range []struct {
		busy         []int
		at, from, to int
	}{
		{[]int{0, 1, 5, 8}, 3, 2, 5},
		{[]int{8, 17}, 2, 18, 8},
		{[]int{8, 17}, 23, 18, 8},
		{[]int{1, 23}, 0, 0, 1},
		{[]int{12}, 11, 13, 12},
	} {
		var n [24]uint64
		for _, h := range c.busy {
			n[h] = 5
		}
		if from, to := absence(&n, c.at); from != c.from || to != c.to {
			t.Errorf("%v at %d: %d to %d, want %d to %d", c.busy, c.at, from, to, c.from, c.to)
		}
	}
}

// TestSizes: the median and the median absolute deviation of half-octaves do not move with a few outliers.
func TestSizes(t *testing.T) {
	p := profile.New(1)
	add := func(text string, n uint64) {
		p.Add(&profile.Act{Entity: 1, Value: uint64(len(text)) + n*1000, Name: []byte("a"), Text: []byte(text)}, n)
	}
	for text, n := range map[string]uint64{"256..361": 50, "362..511": 40, "181..255": 30, "2097152..2965820": 9} {
		add(text, n)
	}
	s := sizesOf(p, 0, 1)
	// log2 257 = 8.005; the bins beside it are half an octave off, and most acts lie in them.
	if s.median != "256..361" || math.Abs(s.at-8.0056) > 1e-4 || math.Abs(s.spread-1.4826*.5) > .01 {
		t.Errorf("%+v", s)
	}
	for text, want := range map[string]bool{"256..361": false, "724..1023": false, "2048..2895": true, "16..22": true, "1": true, "x": true} {
		if s.far([]byte(text)) != want {
			t.Errorf("%s is far: %v", text, !want)
		}
	}
}

func TestAge(t *testing.T) {
	for ns, want := range map[int64]string{-day: "0 minutes", 0: "0 minutes", day / 24: "60 minutes", day: "24 hours", 5 * day: "5 days",
		13 * day: "13 days", 14 * day: "2 weeks", 365 * day: "52 weeks"} {
		if got := age(ns); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestEveryAspectIsCounted: the pairs that aspects name are declared, and every aspect has a verb.
func TestEveryAspectIsCounted(t *testing.T) {
	c := token.NewCodifier(1, token.NewEnrichment(time.UTC, nil))
	declared := c.Field("nothing declared").ID // fields are numbered as they come
	for _, a := range aspects {
		if !a.loose && a.as != hour && c.Field(a.who+"×"+a.what).ID > declared {
			t.Errorf("%s × %s is no declared pair", a.who, a.what)
		}
		if a.verb == "" && a.what != "event.shift" && a.as != hour && a.as != template {
			t.Errorf("nobody does anything with %s", a.what)
		}
		if a.actor() < 0 {
			t.Errorf("%s acts, and is no actor", a.who)
		}
	}
}

// accessLine writes one line of an access log.
func accessLine(b *strings.Builder, at time.Time, client, path, agent string) {
	fmt.Fprintf(b, "%s - - [%s] \"GET %s HTTP/1.1\" 200 512 \"-\" %q\n", client, at.Format("02/Jan/2006:15:04:05 -0700"), path, agent)
}

const (
	firefox  = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	newer    = "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0"
	explorer = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"
)

// TestOutOfCharacter: a host that has always been one thing and is another in the window comes before a newcomer who is the
// same, and is told in words; a new version of what it always was is nothing.
func TestOutOfCharacter(t *testing.T) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var log strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	path := func() string { return fmt.Sprintf("/page/%d", r.IntN(20)) }
	for d := range 21 {
		for i := range 300 {
			at := from.Add(time.Duration(d)*24*time.Hour + time.Duration(i*280)*time.Second)
			accessLine(&log, at, fmt.Sprintf("10.0.0.%d", 1+i%15), path(), firefox)
			accessLine(&log, at, fmt.Sprintf("10.0.1.%d", 1+i%15), path(), explorer)
			k := d*300 + i // newcomers all the time
			accessLine(&log, at, fmt.Sprintf("10.2.%d.%d", k%25, k/25), path(), explorer)
		}
	}
	night := from.Add(20*24*time.Hour + 3*time.Hour)
	accessLine(&log, night, "10.0.0.7", "/page/3", explorer)
	accessLine(&log, night, "10.0.0.8", "/page/3", newer)
	accessLine(&log, night, "10.2.3.254", "/page/3", explorer)
	res := hunted(t, []source.Input{source.Bytes("access.log", []byte(log.String()))},
		Options{Windows: []Span{{night.Add(-time.Hour).UnixNano(), night.Add(time.Hour).UnixNano()}}})
	score, told := map[string]float64{}, ""
	for _, s := range res.Suspects {
		if s.Time != night.UnixNano() {
			continue
		}
		score[s.Client] = s.Score
		for _, e := range s.Evidence {
			if s.Client == "10.0.0.7" && strings.Contains(e.Words, "never") {
				told = e.Words
			}
			if s.Client != "10.0.0.7" && strings.Contains(e.Words, "sent") {
				t.Errorf("%s is told of: %s", s.Client, e.Words)
			}
		}
	}
	if !(score["10.0.0.7"] > score["10.2.3.254"] && score["10.0.0.7"] > score["10.0.0.8"]) {
		t.Errorf("scores: %v", score)
	}
	if want := "host 10.0.0.7 has sent Firefox/Linux 418 times, never Internet Explorer/Windows"; told != want {
		t.Errorf("%q, want %q", told, want)
	}
}

// TestSensible hunts in logs of odd shapes: scores are numbers, and nobody without a past is told to have one.
func TestSensible(t *testing.T) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	one := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) }
	for name, c := range map[string]struct {
		events int
		at     func(i int) time.Duration
		client func(i int) string
		window [2]time.Duration
		silent bool // nobody has a past
	}{
		"ten thousand hosts with one event": {10_000, func(i int) time.Duration { return time.Duration(i) * 80 * time.Second },
			one, [2]time.Duration{100 * time.Hour, 101 * time.Hour}, true},
		"one host with all": {20_000, func(i int) time.Duration { return time.Duration(i) * 40 * time.Second },
			func(int) string { return "10.0.0.7" }, [2]time.Duration{100 * time.Hour, 101 * time.Hour}, false},
		"clocks that jump": {5_000, func(int) time.Duration { return time.Duration(r.IntN(1000)-500) * 37 * time.Hour },
			func(i int) string { return one(i % 50) }, [2]time.Duration{0, 48 * time.Hour}, false},
		"one minute": {2_000, func(i int) time.Duration { return time.Duration(i) * 30 * time.Millisecond },
			func(i int) string { return one(i % 50) }, [2]time.Duration{30 * time.Second, 40 * time.Second}, false},
		"a year": {10_000, func(i int) time.Duration { return time.Duration(i) * 52 * time.Minute },
			func(i int) string { return one(i % 50) }, [2]time.Duration{5000 * time.Hour, 5030 * time.Hour}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			for i := range c.events {
				agent := firefox
				if i%97 == 0 {
					agent = explorer
				}
				accessLine(&log, from.Add(c.at(i)), c.client(i), fmt.Sprintf("/page/%d", i%20), agent)
			}
			res := hunted(t, []source.Input{source.Bytes("access.log", []byte(log.String()))},
				Options{Windows: []Span{{from.Add(c.window[0]).UnixNano(), from.Add(c.window[1]).UnixNano()}}})
			if len(res.Suspects) == 0 {
				t.Fatal("no suspects")
			}
			for _, s := range res.Suspects {
				if math.IsNaN(s.Score) || math.IsInf(s.Score, 0) || !(s.Probability >= 0 && s.Probability <= 1) {
					t.Fatalf("score %v, probability %v", s.Score, s.Probability)
				}
				for _, e := range s.Evidence {
					if c.silent && e.Words != "" {
						t.Fatalf("told of a host with one event: %s", e.Words)
					}
				}
			}
		})
	}
}
