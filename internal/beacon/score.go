package beacon

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"weir/internal/bayes"
	"weir/internal/enrich"
)

// Points of the score, in doublings of the odds. They are set by hand from what the signs mean, with recorded implants and
// the scenario in view: docs/quality.md.
const (
	basePoints   = -5 // a pair of which nothing is known
	rhythmPoints = 7  // an even rhythm beyond doubt
	oddsOfRare   = 8  // the share of sources, as one in so many, that says nothing
	maxRare      = 2
	maxOrdinary  = 5
	noBeats      = -3 // too few to tell a rhythm
	maxPolled    = 4.5
	fewBytes     = 500 // of each connection: time, DHCP and their like send less
)

func (p *Pair) clue(points float64, format string, args ...any) {
	p.Clues = append(p.Clues, Clue{math.Round(points*100) / 100, fmt.Sprintf(format, args...)})
}

// weighOne adds the clues about the destination.
func (j *judge) weighOne(p *Pair, w *row) {
	x := w.first
	c := &j.common
	class := j.class(x.src)
	n := c.sources[place(x.network, class, 0)]
	k := 1
	what := p.Destination
	if w.dst != 0 && x.kind != kindName && x.kind != kindDNS {
		k = c.talkTo(place(x.network, class, uint64(w.dst)))
	}
	for _, name := range p.Names {
		if m := c.talkTo(place(x.network, class, uint64(j.texts.find(j.hash([]byte(name)))))); m > k {
			k, what = m, name
		}
		if d := enrich.RegisteredDomain(name); d != "" {
			if m := j.domainSources(x.network, class, d); m > k {
				k, what = m, d
			}
		}
	}
	if what == "" && len(p.Names) > 0 {
		what = p.Names[0]
	}
	k = max(k, 1)
	rate := (float64(k-1) + .5) / float64(n+3)
	points := -bayes.Log2(rate * oddsOfRare)
	if points < 0 {
		// a few sources may all have caught the same thing; many make it ordinary
		points = max(1.6*points, -maxOrdinary) * min(1, float64(k-1)/5)
	}
	if k > 3 { // few of many are still many
		points = min(points, -bayes.Log2(float64(k)/3))
	}
	points = min(points, maxRare)
	switch {
	case k == 1 && n == 2:
		p.clue(points, "the other source does not talk to it")
	case k == 1 && n > 1:
		p.clue(points, "none of the other %d sources talks to it", n-1)
	case k == 1:
		// one source says nothing about what is common
	case points < 0:
		p.clue(points, "%d of %d sources talk to %s", k, n, what)
	default:
		p.clue(points/float64(k), "only %d of %d sources talk to %s", k, n, what)
	}
	j.weighAddress(p, w, x)
	j.weighRequests(p, w, x)
	p.weighAge(j.around(x.network, p.First))
}

// around returns the stretch of a network's logs that holds a time.
func (j *judge) around(network uint32, ns int64) span {
	return j.arounds[day{network, int32(floorDiv(ns, 86400e9))}]
}

// stretches finds the stretch of logs around every day: logs a month apart, or a clock that stood at 1970, say nothing
// about what is new.
func (j *judge) stretches() map[day]span {
	if len(j.days) > maxDays {
		return nil
	}
	const apart, lastDay = 30, 106751 // of int64 nanoseconds
	days := slices.SortedFunc(maps.Keys(j.days), func(a, b day) int { return cmp.Or(cmp.Compare(a.network, b.network), cmp.Compare(a.day, b.day)) })
	out := map[day]span{}
	for from := 0; from < len(days); {
		to := from + 1
		for to < len(days) && days[to].network == days[from].network && days[to].day-days[to-1].day <= apart {
			to++
		}
		for _, d := range days[from:to] {
			out[d] = span{int64(max(days[from].day, -lastDay)) * 86400e9, int64(min(days[to-1].day+1, lastDay)) * 86400e9}
		}
		from = to
	}
	return out
}

// weighAge tells what is new from what was always there.
func (p *Pair) weighAge(s span) {
	all, before := float64(s.last)/86400e9-float64(s.first)/86400e9, float64(p.First)/86400e9-float64(s.first)/86400e9
	switch {
	case all >= 2 && before > .5*all:
		p.clue(1.5, "first seen %s after the logs begin", shortSeconds(before*86400))
	case all >= 14 && before < .07*all:
		p.clue(-1.5, "it was there in the logs' first days already, %.0f days ago", all-before)
	}
}

// quietPorts are the ports of protocols that are periodic by design, or that machines speak among themselves.
var quietPorts = map[uint16]string{53: "DNS", 67: "DHCP", 68: "DHCP", 123: "time", 137: "NetBIOS", 138: "NetBIOS", 161: "SNMP", 162: "SNMP", 514: "syslog",
	546: "DHCP", 547: "DHCP", 1900: "SSDP", 3702: "WS-Discovery", 5353: "multicast DNS", 5355: "LLMNR", 853: "DNS over TLS"}

func (j *judge) weighAddress(p *Pair, w *row, x *series) {
	c := &j.common
	a, err := netip.ParseAddr(p.Destination)
	a = a.Unmap()
	switch {
	case err != nil:
	case a.IsMulticast(), a.IsUnspecified(), a.Is4() && a.As4()[3] == 255:
		p.clue(-6, "the destination is a group of machines and no machine")
	case a.IsLoopback(), a.IsLinkLocalUnicast():
		p.clue(-4, "the destination is on the same link")
	case p.bothInside():
		p.clue(-1.5, "the destination is inside, in the same block of addresses as the source")
	}
	quiet := ""
	for _, n := range p.Ports {
		if name := quietPorts[n]; name != "" {
			quiet = name
		}
	}
	switch {
	case x.kind == kindDNS && quiet == "DNS":
	case quiet != "" && len(p.Ports) == 1:
		points := -6.
		if p.Sent > fewBytes*p.Count {
			points = -3 // more than its messages have
		}
		p.clue(points, "port %d is for %s, which is periodic by itself", p.Ports[0], quiet)
	case len(p.Ports) == 1 && p.Ports[0] > 1023 && c.ports[uint64(x.network)<<16|uint64(p.Ports[0])] <= 1:
		p.clue(1, "no other pair uses port %d", p.Ports[0])
	}
	if err == nil && !inside(a) {
		if country := j.o.Country(a); country != "" && country != enrich.Private {
			here, all := c.country[where{x.network, country}], c.pairs[x.network]
			if all >= 50 && 200*here <= all && here <= 20 {
				p.clue(.5, "few pairs lead to the country %s: %d of %d", country, here, all)
			}
		}
	}
}

// sameBlock reports whether two private addresses are of one block: 10/8, 172.16/12, 192.168/16, fc00::/7.
func sameBlock(a, b netip.Addr) bool {
	if a.Is4() != b.Is4() {
		return false
	}
	if !a.Is4() {
		return a.IsPrivate() == b.IsPrivate()
	}
	return a.As4()[0] == b.As4()[0]
}

func (j *judge) weighRequests(p *Pair, w *row, x *series) {
	c := &j.common
	if x.kind == kindDNS {
		e := j.extraOf(x)
		if e.answered == 0 && e.failed > 0 {
			p.clue(-1.5, "it is only asked for, and nobody answers")
		} else {
			p.clue(-1, "it is only asked for: no connection to it is in the logs")
		}
	}
	var e extra
	w.each(func(y *series) {
		f := y
		if y.kind == kindConn {
			if f = j.find(j.twin(y.network, y.src, y.dst, kindApp)); f == nil {
				return
			}
		}
		if f.extra != 0 && f.kind != kindDNS {
			g := *j.extras.at(f.extra)
			if e.agents.text[0] == 0 {
				e.agents = g.agents
			}
			e.noHost, e.noName, e.requests = e.noHost+g.noHost, e.noName+g.noName, e.requests+g.requests
		}
	})
	if e.requests > 0 && 2*e.noHost > e.requests {
		p.clue(1, "%d of %d requests have an empty Host header", e.noHost, e.requests)
	}
	if len(p.Names) == 0 && c.named[x.network] && x.kind != kindDNS && w.dst != 0 {
		switch a, err := netip.ParseAddr(p.Destination); {
		case err != nil || inside(a) && e.requests == 0 && e.noName == 0:
		case e.noName > 0:
			p.clue(1, "TLS without a server name, and nobody asked DNS for the address")
		default:
			p.clue(1, "it is called by its address: no log knows a name for it")
		}
	}
	for _, name := range p.Names {
		d := enrich.RegisteredDomain(name)
		if g := looksGenerated(d); d != "" && g > .6 {
			p.clue(2*(g-.5), "the name %s looks made up by a program", d)
			break
		}
	}
	if a := e.agents; a.text[0] != 0 && a.text[1] == 0 {
		n, k := c.sources[place(x.network, 0, 0)]+c.sources[place(x.network, 1, 0)], c.agents.count(place(x.network, 0, uint64(a.text[0])))
		targets := c.targets.count(agentOf(x.network, x.src, a.text[0]))
		agent := cut(string(j.texts.get(a.text[0])), 60)
		switch {
		case k == 1 && targets <= 2 && n > 1:
			p.clue(1, "only this source sends the user agent %q, and only here", agent)
		case k >= 3 && targets >= 10:
			p.clue(-.5, "%d sources send its user agent, this one to %d destinations", k, targets)
		}
	}
}

func cut(s string, n int) string {
	r := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}

// weighRhythm adds what the rhythm says.
func (p *Pair) weighRhythm() {
	r := &p.Rhythm
	if !r.Tested {
		p.clue(noBeats, "fewer than %d beats: too few to tell a rhythm from chance, whatever the destination", minBeats)
		return
	}
	sure := min(1, max(0, (-log10(max(p.Q, 1e-300))-1)/5))
	if sure == 0 {
		p.clue(-3, "its times may well be chance (p %.2g, q %.2g)", p.P, p.Q)
		return
	}
	p.clue(rhythmPoints*sure*(.5+float64(.5*r.Regular)), "%s; by chance once in %s (q %.1g)", r.words(), odds(p.P), p.Q)
	if math.Abs(r.Interval-86400) < 600 {
		p.clue(-1.5, "it comes once a day, as timetables have it")
	}
	if d := float64(p.Last)/1e9 - float64(p.First)/1e9; d < 600 {
		p.clue(-1.5, "it lasted no longer than %s", shortSeconds(math.Max(d, .001)))
	}
	if p.RITA.Eligible && p.RITA.DataSize > .9 {
		p.clue(.3, "it sends nearly the same number of bytes each time")
	}
}

func odds(p float64) string {
	if p > .01 {
		return fmt.Sprintf("%.0f", 1/p)
	}
	if p < 1e-99 {
		return "10^99 or more"
	}
	return fmt.Sprintf("10^%.0f", -log10(p))
}

// words says a rhythm in a sentence.
func (r *Rhythm) words() string {
	text := ""
	switch {
	case len(r.Turns) == 2:
		text = fmt.Sprintf("intervals of %s and %s take turns", shortSeconds(r.Turns[0]), shortSeconds(r.Turns[1]))
	case r.Interval == 0:
		return "its beats come more evenly than chance has it"
	case r.Phase:
		text = fmt.Sprintf("a rhythm of %s among other traffic", shortSeconds(r.Interval))
	case r.Every > 1:
		text = fmt.Sprintf("%d rhythms of %s side by side", r.Every, shortSeconds(r.Interval))
	default:
		text = fmt.Sprintf("%d beats, one every %s", r.Beats, shortSeconds(r.Interval))
	}
	if r.Jitter >= .005 {
		text += fmt.Sprintf(" ± %.0f %%", 100*r.Jitter)
	}
	if r.Missed >= .02 && r.Every == 1 && !r.Phase {
		text += fmt.Sprintf(", %.0f %% of them missing", 100*r.Missed)
	}
	return text
}

func (p *Pair) sum() {
	points := float64(basePoints)
	for _, c := range p.Clues {
		points += c.Points
	}
	p.order = points
	p.Score = roundScore(1 / (1 + bayes.Exp2(-points)))
}

// significant rounds to six digits: more say nothing.
func significant(x float64) float64 {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'e', 5, 64), 64)
	return x
}

func roundScore(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// otherKinds lays strobes and long connections beside the beacon; the pair is what it is most.
func (p *Pair) otherKinds(ordinary float64) {
	damp := bayes.Exp2(ordinary / 2)
	if p.RITA.StrobeLike {
		if s := .8 * damp; s > p.Score {
			p.Kind, p.Score = KindStrobe, roundScore(s)
		}
		p.clue(0, "%d connections looked at, all in one day: more than one a second", p.RITA.Count)
	}
	if long := bucketed(float64(p.Longest)/1e9, longFrom/1e9, 14400, 28800, 43200); long > 0 {
		if s := long * damp; s > p.Score {
			p.Kind, p.Score = KindLong, roundScore(s)
		}
		p.clue(0, "one connection was open for %s", shortSeconds(float64(p.Longest)/1e9))
	}
}

// retold is what a row keeps of its score above CallsFrom where a row above has told its story.
const retold = .1

// tellStories lowers the rows that tell what a row above has told: the same source with the same rhythm is one program
// with several servers. They are still called, after the rows that tell something new.
func tellStories(rows []*Pair) {
	type story struct {
		interval float64
		first    *Pair
	}
	bySource := map[string][]story{}
	for _, p := range rows {
		if !p.Called() || p.Kind != KindBeacon || p.Rhythm.Interval == 0 {
			continue
		}
		key := p.Network + "\x00" + p.Source
		at := slices.IndexFunc(bySource[key], func(s story) bool { return math.Abs(s.interval-p.Rhythm.Interval) <= .05*s.interval })
		if at < 0 {
			bySource[key] = append(bySource[key], story{p.Rhythm.Interval, p})
			continue
		}
		before := p.Score
		p.Score = roundScore(CallsFrom + float64(retold*(before-CallsFrom)))
		p.clue(0, "the same source has the same rhythm with %s: most likely the same program, so this row counts %.2f instead of %.2f",
			bySource[key][at].first.target(), p.Score, before)
	}
}

// target names the destination.
func (p *Pair) target() string {
	if p.Destination != "" {
		return p.Destination
	}
	if len(p.Names) > 0 {
		return p.Names[0]
	}
	return "nothing"
}
