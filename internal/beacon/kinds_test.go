package beacon

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
)

// A record is what a log says: a dataset, when, and names and values in turn.
type record struct {
	dataset string
	at      float64
	fields  []string
}

// told judges records, in the order of time.
func told(o Options, records []record) *Result {
	slices.SortStableFunc(records, func(a, b record) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	d := New(o)
	keys := event.NewKeys()
	handlers := []format.Handler{d.Handler(0, keys), d.Handler(1, keys)}
	for i, r := range records {
		e := &event.Event{Dataset: r.dataset, Time: int64(r.at*1e3) * 1e6, HasTime: true}
		for k := 0; k < len(r.fields); k += 2 {
			e.Add(keys.Get(r.fields[k]), []byte(r.fields[k+1]))
		}
		handlers[i%2].Event(e, format.Position{Line: int64(i) + 1}, nil)
		handlers[i%2].(format.BlockHandler).EndBlock(int64(i))
	}
	return d.Result()
}

func conn1(at float64, src, dst string, port int, seconds float64, sent int) record {
	return record{"zeek.conn", at, []string{"source.ip", src, "destination.ip", dst, "destination.port", fmt.Sprint(port), "event.duration", fmt.Sprint(seconds),
		"zeek.orig_ip_bytes", fmt.Sprint(sent), "zeek.resp_ip_bytes", "900"}}
}

func asks(at float64, src, name, kind, answer string) record {
	f := []string{"source.ip", src, "destination.ip", "10.0.0.1", "destination.port", "53", "dns.question.name", name, "dns.question.type", kind}
	if answer != "" {
		f = append(f, "dns.answers.data", answer)
	}
	return record{"zeek.dns", at, f}
}

func letters(r *rand.Rand, n int, from string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	return string(b)
}

const (
	lower = "abcdefghijklmnopqrstuvwxyz"
	hex   = "0123456789abcdef"
	b32   = "abcdefghijklmnopqrstuvwxyz234567"
)

// words make names as people make them.
var words = strings.Fields("alpine anchor apple autumn bakery bank beacon bicycle bridge butter camera candle castle cedar cloud coffee copper dairy delta " +
	"eagle ember falcon farm forest garden glass granite harbor hazel honey island jacket ladder lemon light maple market meadow media metal monday morning " +
	"mountain music nickel north ocean olive orange paper pepper piano pilot planet pocket print radio rain river rocket saddle salt school shadow silver " +
	"simple smart snow solar spring star station stone summer table tiger timber tower travel valley velvet village violet water wheel window winter yellow")

func wordName(r *rand.Rand) string {
	return words[r.IntN(len(words))] + words[r.IntN(len(words))] + []string{".com", ".org", ".net", ".de", ".co.uk"}[r.IntN(5)]
}

// office is what twenty people do in a day: it must not be called anything.
func office(r *rand.Rand, days int) (out []record) {
	for h := range 20 {
		src := fmt.Sprintf("10.0.1.%d", 10+h)
		for _, at := range browsing(r, days, 2) {
			name := wordName(r)
			out = append(out, asks(at, src, "www."+name, "A", "192.0.2.7"))
			out = append(out, conn1(at+.1, src, fmt.Sprintf("192.0.2.%d", r.IntN(200)), 443, r.ExpFloat64()*5, r.IntN(5000)))
		}
	}
	return out
}

const testDay = 86400.

// TestKindsFound: each kind is found among an office's traffic.
func TestKindsFound(t *testing.T) {
	for _, x := range []struct {
		name, kind, source, target string
		make                       func(r *rand.Rand) []record
	}{
		{"a long connection", KindLong, "10.0.1.12", "203.0.113.50", func(*rand.Rand) []record {
			return []record{conn1(3600, "10.0.1.12", "203.0.113.50", 443, 20*3600, 70000)}
		}},
		{"a strobe", KindStrobe, "10.0.1.12", "203.0.113.51", func(r *rand.Rand) (out []record) {
			for _, at := range poisson(r, 90000, 1.05) {
				out = append(out, conn1(at, "10.0.1.12", "203.0.113.51", 8443, .1, r.IntN(300)))
			}
			return out
		}},
		{"a tunnel in TXT", KindTunnel, "10.0.1.12", "example.com", func(r *rand.Rand) (out []record) {
			for i := range 1500 {
				out = append(out, asks(float64(i)*9, "10.0.1.12", letters(r, 52, b32)+".t.example.com", "TXT", "dGhpcyBpcyBkYXRh"))
			}
			return out
		}},
		{"a tunnel in A, in hex", KindTunnel, "10.0.1.12", "example.com", func(r *rand.Rand) (out []record) {
			for i := range 2500 {
				out = append(out, asks(float64(i)*30, "10.0.1.12", letters(r, 30, hex)+"."+letters(r, 30, hex)+".example.com", "A", "192.0.2.1"))
			}
			return out
		}},
		{"generated domains", KindDGA, "10.0.1.12", "", func(r *rand.Rand) (out []record) {
			for i := range 120 {
				out = append(out, asks(20000+float64(i)*7, "10.0.1.12", letters(r, 11+r.IntN(8), lower)+[]string{".com", ".net", ".biz"}[r.IntN(3)], "A", ""))
			}
			return out
		}},
		{"a beacon at night too", KindBeacon, "10.0.1.12", "203.0.113.52", func(r *rand.Rand) (out []record) {
			for _, at := range beats(r, 0, testDay, 900, .3, .2) {
				out = append(out, conn1(at, "10.0.1.12", "203.0.113.52", 443, .4, 300+r.IntN(40)))
			}
			return out
		}},
		{"a beacon that asks only DNS", KindBeacon, "10.0.1.12", "q7.example.com", func(r *rand.Rand) (out []record) {
			for _, at := range beats(r, 0, testDay, 300, .1, 0) {
				out = append(out, asks(at, "10.0.1.12", "q7.example.com", "A", "203.0.113.99"))
			}
			return out
		}},
		{"a beacon of bursts", KindBeacon, "10.0.1.12", "203.0.113.53", func(r *rand.Rand) (out []record) {
			for _, at := range beats(r, 0, testDay, 1200, .15, .1) {
				for range 3 + r.IntN(5) {
					out = append(out, conn1(at+4*r.Float64(), "10.0.1.12", "203.0.113.53", 8080, .1, r.IntN(2000)))
				}
			}
			return out
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := newRand(uint64(len(x.name)))
			got := told(Options{Workers: 2}, append(office(r, 1), x.make(r)...))
			p := got.Pairs[0]
			if p.Kind != x.kind || !p.Called() || p.Source != x.source || x.target != "" && p.Destination != x.target && !slices.Contains(p.Names, x.target) {
				t.Errorf("first is %s", describe(p))
				for _, p := range got.Pairs {
					if p.Source == x.source && (p.Destination == x.target || slices.Contains(p.Names, x.target) || p.Kind == x.kind && x.kind != KindBeacon) {
						t.Errorf("it is %s", describe(p))
					}
				}
			}
			for _, p := range got.Pairs[1:] {
				if p.Called() && (p.Source != x.source || p.Kind == x.kind && x.target == "") {
					t.Errorf("called too: %s", describe(p))
				}
			}
		})
	}
}

func describe(p *Pair) string {
	out := fmt.Sprintf("%s, score %.3f: %s → %s %v, %d, q %.2g", p.Kind, p.Score, p.Source, p.Destination, p.Names, p.Count, p.Q)
	for _, c := range p.Clues {
		out += fmt.Sprintf("\n   %+.2f %s", c.Points, c.Text)
	}
	return out
}

// TestInnocent: what looks like one of the kinds and is none is not called.
func TestInnocent(t *testing.T) {
	for _, x := range []struct {
		name string
		make func(r *rand.Rand) []record
	}{
		{"an office", func(*rand.Rand) []record { return nil }},
		{"a site with hashed sub-domains, asked for by one resolver", func(r *rand.Rand) (out []record) {
			for i := range 6000 {
				out = append(out, asks(float64(i)*14, "10.0.0.53", "d"+letters(r, 13, b32)+".cloudfront.net", "A", "192.0.2.9"))
			}
			return out
		}},
		{"the same, asked for by all", func(r *rand.Rand) (out []record) {
			for i := range 6000 {
				out = append(out, asks(float64(i)*14, fmt.Sprintf("10.0.1.%d", 10+i%20), letters(r, 24, hex)+".images.example.org", "A", "192.0.2.9"))
			}
			return out
		}},
		{"a mail server that asks a block list", func(r *rand.Rand) (out []record) {
			for i := range 8000 {
				name := fmt.Sprintf("%d.%d.%d.%d.zen.spamhaus.org", r.IntN(256), r.IntN(256), r.IntN(256), 1+r.IntN(223))
				answer := ""
				if r.IntN(3) == 0 {
					answer = "127.0.0.4"
				}
				out = append(out, asks(float64(i)*10, "10.0.0.25", name, "A", answer))
			}
			return out
		}},
		{"reverse look-ups of IPv6", func(r *rand.Rand) (out []record) {
			for i := range 3000 {
				out = append(out, asks(float64(i)*10, "10.0.0.25", strings.TrimSuffix(strings.Join(strings.Split(letters(r, 32, hex), ""), "."), ".")+".ip6.arpa", "PTR", ""))
			}
			return out
		}},
		{"a mail server that resolves whoever writes", func(r *rand.Rand) (out []record) {
			for i := range 9000 {
				answer := "192.0.2.44"
				if r.IntN(4) == 0 {
					answer = ""
				}
				name := wordName(r)
				if r.IntN(40) == 0 { // spam
					name = letters(r, 12, lower) + ".com"
				}
				out = append(out, asks(float64(i)*9, "10.0.0.25", name, "MX", answer))
			}
			return out
		}},
		{"clocks that are set", func(r *rand.Rand) (out []record) {
			for h := range 20 {
				for _, at := range beats(r, 0, testDay, 1024, .01, 0) {
					out = append(out, conn1(at, fmt.Sprintf("10.0.1.%d", 10+h), fmt.Sprintf("198.51.100.%d", h%4), 123, .02, 76))
				}
			}
			for _, at := range beats(r, 0, testDay, 64, .01, 0) { // a server with its own
				out = append(out, conn1(at, "10.0.0.2", "198.51.100.77", 123, .02, 76))
			}
			return out
		}},
		{"update checks and weather tiles", func(r *rand.Rand) (out []record) {
			for h := range 12 {
				src := fmt.Sprintf("10.0.1.%d", 10+h)
				for i, every := range []float64{1800, 3600, 300} {
					name := []string{"tiles.weather.example", "updates.example.com", "mail.example.net"}[i]
					out = append(out, asks(1, src, name, "A", fmt.Sprintf("198.51.100.%d", 100+i)))
					for _, at := range beats(r, 0, testDay, every, .02, 0) {
						out = append(out, conn1(at, src, fmt.Sprintf("198.51.100.%d", 100+i), 443, 1, 700))
					}
				}
			}
			return out
		}},
		{"monitoring by a server inside", func(r *rand.Rand) (out []record) {
			for h := range 20 {
				for _, at := range beats(r, 0, testDay, 60, 0, 0) {
					out = append(out, conn1(at, "10.0.0.3", fmt.Sprintf("10.0.1.%d", 10+h), 10050, .1, 200))
				}
			}
			return out
		}},
		{"push channels that all keep open", func(*rand.Rand) (out []record) {
			for h := range 16 {
				out = append(out, conn1(float64(h), fmt.Sprintf("10.0.1.%d", 10+h), "198.51.100.200", 5223, 11*3600, 9000))
			}
			return out
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := newRand(uint64(len(x.name)))
			got := told(Options{Workers: 2}, append(office(r, 1), x.make(r)...))
			for _, p := range got.Pairs {
				if p.Called() {
					t.Errorf("called: %s", describe(p))
				}
			}
		})
	}
}

func TestReversed(t *testing.T) {
	for sub, want := range map[string]bool{"4.3.2.1": true, "4.3.2.1.zen": true, "255.255.0.10.dnsbl": true, "256.1.1.1": false, "1.2.3": false, "a.4.3.2.1": false,
		"": false, "....": false, strings.Repeat("0.", 31) + "f": true, strings.Repeat("0.", 31) + "g": false, "deadbeef": false} {
		if got := isReversed([]byte(sub)); got != want {
			t.Errorf("%q: %t", sub, got)
		}
	}
}
