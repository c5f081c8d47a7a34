// Package hidden invents a network's connections with beacons among them, and says which pairs these are.
package hidden

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
)

// Options say what to invent.
type Options struct {
	Seed        uint64
	Connections int // about so many
	Days        int
	Beacons     int
	Minutes     [2]float64 // shortest and longest interval; zero is 1 to 60
	Jitter      float64    // most, as a share of the interval: each beacon has less
	Missing     float64    // share of beats that do not come
}

// A Connection is one line of the log.
type Connection struct {
	At             float64 // epoch seconds
	Source, Target string
	Port           int
	Sent, Received int
}

// A Beacon is one that was hidden.
type Beacon struct {
	Source, Target  string
	Minutes, Jitter float64
}

const (
	start   = 1772000000 - 1772000000%86400
	hosts   = 400
	targets = 4000
)

// hours is how busy people are, by hour of the day.
var hours = [24]float64{.02, .01, .01, .01, .02, .05, .1, .4, .9, 1, 1, .9, .6, .9, 1, 1, .9, .7, .4, .3, .25, .2, .1, .05}

// Generate returns connections in the order of time, and the beacons. People browse: sittings by the hours of the day,
// pages with reading times, several connections each. Machines poll: the time, and services that many have, at even
// intervals; and some a service that nobody else has, which nothing in the connections tells from a beacon.
func Generate(o Options) ([]Connection, []Beacon) {
	if o.Minutes[1] == 0 {
		o.Minutes = [2]float64{1, 60}
	}
	r := rand.New(rand.NewPCG(o.Seed, 17))
	end := float64(o.Days) * 86400
	var out []Connection
	add := func(at float64, source, target string, port, sent, received int) {
		if at < end {
			out = append(out, Connection{start + at, source, target, port, sent, received})
		}
	}
	host := func(i int) string { return fmt.Sprintf("10.1.%d.%d", i/200, 10+i%200) }
	poll := func(source, target string, port int, interval, jitter, missing float64) {
		size := 300 + r.IntN(900)
		for t := r.Float64() * interval; t < end; t += interval * (1 + jitter*(2*r.Float64()-1)) {
			if r.Float64() >= missing {
				add(t, source, target, port, size, 500+r.IntN(400))
			}
		}
	}
	for i := range hosts { // machines
		poll(host(i), "193.0.14.1", 123, 1024, .02, 0)
		for k := range 5 {
			if r.IntN(2) == 0 {
				poll(host(i), fmt.Sprintf("20.40.%d.7", k), 443, []float64{300, 900, 1800, 3600, 7200}[k], .01, 0)
			}
		}
		if i%40 == 0 {
			poll(host(i), fmt.Sprintf("52.9.%d.3", i/40), 443, 600+r.Float64()*3000, .02, .01)
		}
	}
	beacons := make([]Beacon, o.Beacons)
	for i := range beacons {
		b := Beacon{host(r.IntN(hosts)), fmt.Sprintf("185.%d.%d.%d", 100+i/200, i%200, 1+r.IntN(250)),
			math.Exp(math.Log(o.Minutes[0]) + r.Float64()*math.Log(o.Minutes[1]/o.Minutes[0])), o.Jitter * r.Float64()}
		poll(b.Source, b.Target, []int{80, 443, 443, 8080}[r.IntN(4)], 60*b.Minutes, b.Jitter, o.Missing)
		beacons[i] = b
	}
	// people, until there are enough
	const pagesASitting = 7
	for len(out) < o.Connections {
		source := host(r.IntN(hosts))
		day, hour := r.IntN(o.Days), r.IntN(24)
		if r.Float64() > hours[hour] {
			continue
		}
		t := float64(day)*86400 + float64(hour)*3600 + r.Float64()*3600
		site := target(r)
		for range 1 + int(r.ExpFloat64()*pagesASitting) {
			if r.IntN(4) == 0 {
				site = target(r)
			}
			for range 1 + r.IntN(4) {
				to := site
				if r.IntN(2) == 0 {
					to = fmt.Sprintf("142.250.%d.%d", r.IntN(3), 1+r.IntN(20)) // what many sites load
				}
				add(t+r.ExpFloat64(), source, to, 443, 400+int(r.ExpFloat64()*900), int(math.Exp(8+1.5*r.NormFloat64())))
			}
			t += 25 * math.Exp(1.1*r.NormFloat64())
		}
	}
	slices.SortStableFunc(out, func(a, b Connection) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	return out, beacons
}

// target draws one of many servers, some of which are visited by most.
func target(r *rand.Rand) string {
	i := int(math.Exp(r.Float64()*math.Log(targets))) - 1
	return fmt.Sprintf("104.%d.%d.9", 16+i/200, i%200)
}

// WriteZeek writes connections as Zeek's conn.log.
func WriteZeek(w io.Writer, list []Connection) error {
	out := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprint(out, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"+
		"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\torig_ip_bytes\tresp_ip_bytes\n"+
		"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tcount\tcount\n")
	for i, c := range list {
		fmt.Fprintf(out, "%.6f\tC%d\t%s\t%d\t%s\t%d\ttcp\t-\t0.5\t%d\t%d\tSF\t%d\t%d\n", c.At, i, c.Source, 1024+i%60000, c.Target, c.Port, c.Sent, c.Received, c.Sent+200, c.Received+200)
	}
	return out.Flush()
}

// A Found is a pair with the score that somebody gave it.
type Found struct {
	Source, Target string
	Score          float64
}

// Recall returns the share of the beacons whose scores lie above those of all but one in so many of the other pairs.
func Recall(found []Found, beacons []Beacon, pairs, oneIn int) float64 {
	truth := map[[2]string]bool{}
	for _, b := range beacons {
		truth[[2]string{b.Source, b.Target}] = true
	}
	list := slices.Clone(found)
	slices.SortStableFunc(list, func(a, b Found) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	hits, wrong := 0, 0
	for _, f := range list {
		if truth[[2]string{f.Source, f.Target}] {
			hits++
		} else if wrong++; wrong > (pairs-len(beacons))/oneIn {
			break
		}
	}
	return float64(hits) / float64(len(truth))
}
