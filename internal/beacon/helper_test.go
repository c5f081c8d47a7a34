package beacon

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
)

// shared returns a directory of the data beside the project, and skips where it is missing, but not in CI.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("WEIR_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "data", name)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("NOT TESTED: %v; WEIR_SHARED names the shared data", err)
		}
		t.Skipf("NOT TESTED: %v; WEIR_SHARED names the shared data", err)
	}
	return dir
}

// A flow is a connection.
type flow struct {
	at       float64 // seconds
	src, dst string
	sent     int64
	port     int
	name     string // of a TLS handshake in the same connection
}

// feed gives flows to handlers in turn.
func feed(d *Detector, workers int, flows []flow) {
	var handlers []format.Handler
	keys := event.NewKeys()
	for i := range workers {
		handlers = append(handlers, d.Handler(i, keys))
	}
	for i, f := range flows {
		e := &event.Event{Dataset: "zeek.conn", Time: int64(f.at*1e3) * 1e6, HasTime: true}
		add := func(k, v string) { e.Add(keys.Get(k), []byte(v)) }
		add("source.ip", f.src)
		add("destination.ip", f.dst)
		if f.port != 0 {
			add("destination.port", fmt.Sprint(f.port))
		}
		add("zeek.orig_ip_bytes", fmt.Sprint(f.sent))
		add("zeek.resp_ip_bytes", "1000")
		add("event.duration", "0.25")
		if f.name != "" {
			add("zeek.uid", fmt.Sprint("C", i))
			add("network.protocol", "ssl")
		}
		h := handlers[i%workers]
		pos := format.Position{Line: 2 * int64(i)}
		h.Event(e, pos, nil)
		if f.name != "" {
			e.Dataset = "zeek.ssl"
			e.Fields = e.Fields[:2]
			add("zeek.uid", fmt.Sprint("C", i))
			add("tls.client.server_name", f.name)
			pos.Line++
			handlers[(i+1)%workers].Event(e, pos, nil)
		}
		if workers > 1 { // blocks are of one record
			for _, h := range handlers {
				h.(format.BlockHandler).EndBlock(0)
			}
		}
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

// beats invents n beats of a beacon: an interval, jitter as a share of it, and the share of beats that do not come.
func beats(r *rand.Rand, from, to, interval, jitter, missing float64) (out []float64) {
	for t := from + r.Float64()*interval; t < to; t += interval * (1 + jitter*(2*r.Float64()-1)) {
		if r.Float64() >= missing {
			out = append(out, t)
		}
	}
	return out
}

// poisson invents n events without memory, rate of them a second.
func poisson(r *rand.Rand, n int, rate float64) (out []float64) {
	t := 0.
	for range n {
		t += r.ExpFloat64() / rate
		out = append(out, t)
	}
	return out
}

// hours is how busy people are, by hour of the day.
var hours = [24]float64{.02, .01, .01, .01, .02, .05, .1, .4, .9, 1, 1, .9, .6, .9, 1, 1, .9, .7, .4, .3, .25, .2, .1, .05}

// daily invents events at a rate that follows the hours, with weekends.
func daily(r *rand.Rand, days int, perHour float64) (out []float64) {
	for t := 0.; t < float64(days)*86400; {
		t += r.ExpFloat64() * 3600 / perHour
		rate := hours[int(t/3600)%24]
		if int(t/86400)%7 >= 5 {
			rate *= .1
		}
		if r.Float64() < rate {
			out = append(out, t)
		}
	}
	return out
}

// browsing invents a person: sittings by the hours of the day, pages with reading times between, connections in bursts.
func browsing(r *rand.Rand, days int, sittings float64) (out []float64) {
	for _, start := range daily(r, days, sittings) {
		t := start
		for range 1 + int(r.ExpFloat64()*6) {
			for range 1 + r.IntN(5) {
				out = append(out, t+r.ExpFloat64()*.7)
			}
			t += 25 * math.Exp(1.1*r.NormFloat64())
		}
	}
	slices.Sort(out)
	return out
}
