package hunt

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"weir/internal/profile"
	"weir/internal/token"
)

// An aspect of behaviour is what somebody, the left side of a declared pair, does again and again: the right side.
type aspect struct {
	who, what string // the sides of the pair
	system    bool   // of a user agent, the operating system alone; those that name none show nothing
	votes     bool   // departures vote; of the other aspects, they are told with the pair's own clue
}

// aspects are the ways of acting that are learned. docs/adr/0008 says which vote and why no others.
var aspects = []aspect{
	{"source.ip", "user_agent.name", true, true},
	{"host.name", "user_agent.name", true, true},
	{"source.ip", "event.shift", false, true},
	{"host.name", "event.shift", false, true},
	{"user.name", "event.shift", false, true},
	{"source.ip", "user_agent.name", false, false},
	{"host.name", "user_agent.name", false, false},
	{"source.ip", "destination.ip", false, false},
	{"source.ip", "destination.port", false, false},
	{"source.ip", "url.domain", false, false},
	{"source.ip", "dns.question.registered_domain", false, false},
	{"source.ip", "tls.client.server_name", false, false},
	{"source.ip", "http.response.status_code", false, false},
	{"source.ip", "source.bytes", false, false},
	{"source.ip", "user.name", false, false},
	{"user.name", "source.geo.country_iso_code", false, false},
	{"user.name", "host.name", false, false},
	{"user.name", "event.action", false, false},
	{"host.name", "event.action", false, false},
	{"host.name", "process.name", false, false},
}

// A behaviour is how everybody acted in known good, as far as one worker has seen it.
type behaviour struct {
	profile *profile.Profile
	of      [][]int // aspects by token.Field.ID; nil is not known yet, and empty for a field that is none
}

func newBehaviour() *behaviour { return &behaviour{profile: profile.New(len(aspects))} }

var noAspects = []int{}

// aspectsOf returns the aspects that a field's features show.
func (b *behaviour) aspectsOf(f *token.Field) []int {
	for f.ID >= len(b.of) {
		b.of = append(b.of, nil)
	}
	if b.of[f.ID] == nil {
		b.of[f.ID] = aspectsOf(f)
	}
	return b.of[f.ID]
}

func aspectsOf(f *token.Field) []int {
	out := noAspects
	for i := range aspects {
		if f.Left == aspects[i].who && f.Right == aspects[i].what {
			out = append(out, i)
		}
	}
	return out
}

// see counts what an event's features show.
func (b *behaviour) see(features []token.Feature) {
	for i := range features {
		f := &features[i]
		if f.Field.Left == "" {
			continue
		}
		for _, k := range b.aspectsOf(f.Field) {
			if !shows(k, f) {
				continue
			}
			b.profile.AddAgain(f.Hash+uint64(k)*0x9E3779B97F4A7C15, 1, func() profile.Act { return act(k, f) })
		}
	}
}

func shows(k int, f *token.Feature) bool {
	return !aspects[k].system || bytes.IndexByte(f.Other, '/') >= 0
}

// act is what a feature shows of an aspect.
func act(k int, f *token.Feature) profile.Act {
	a := profile.Act{Aspect: k, Entity: f.Left, Text: f.Other}
	if aspects[k].system {
		a.Text = f.Other[bytes.LastIndexByte(f.Other, '/')+1:]
	}
	a.Value = f.Field.Hash(a.Text)
	if aspects[k].who == "source.ip" {
		a.Peers = peers(f)
	}
	return a
}

// peers returns a hash of the network that an address lies in, 0 for what is no address.
func peers(f *token.Feature) uint64 {
	ip, err := netip.ParseAddr(string(f.Value))
	if err != nil {
		return 0
	}
	bits := 24
	if ip.Is6() && !ip.Is4In6() {
		bits = 48
	}
	network, err := ip.WithZone("").Unmap().Prefix(bits)
	if err != nil {
		return 0
	}
	return f.Field.Hash([]byte(network.String()))
}

// learn takes what a worker has seen.
func (h *hunter) learn(b *behaviour) {
	switch {
	case b == nil:
	case h.usual == nil:
		h.usual = &behaviour{profile: b.profile}
	default:
		h.usual.profile.Merge(b.profile)
	}
}

// layDepartures asks of every pair of the window how far it is out of character. A placebo window's own events are held
// out of the past.
func (h *hunter) layDepartures(a *analysis, own bool) {
	if h.past == nil {
		return
	}
	past := h.past
	of := make([][]int, len(a.fields))
	for i := range of {
		of[i] = aspectsOf(a.fields[i].field)
	}
	if own {
		copies := make([]uint64, len(a.features))
		for i := range a.contents {
			for _, f := range a.featuresOf(&a.contents[i]) {
				copies[f] += uint64(a.contents[i].copies)
			}
		}
		held := profile.New(len(aspects))
		h.votes(a, of, func(k int, i int, act *profile.Act) { held.Add(act, copies[i]) })
		past = past.Without(held)
	}
	groups := map[int]uint16{} // by aspect
	h.votes(a, of, func(k int, i int, act *profile.Act) {
		d := past.Departure(act)
		if !d.Known {
			return
		}
		x := &a.features[i]
		g, ok := groups[k]
		if !ok {
			g = uint16(len(a.groups))
			groups[k] = g
			a.groups = append(a.groups, groupInfo{a.fields[x.field].field.Name + ":departure", x.field})
		}
		x.departure, x.bits = g+1, float32(d.Weight)
	})
}

// votes calls f with every feature of an analysis that shows an aspect whose departures vote. No field has two of those.
func (h *hunter) votes(a *analysis, of [][]int, f func(aspect, feature int, act *profile.Act)) {
	for i := range a.features {
		for _, k := range of[a.features[i].field] {
			if !aspects[k].votes || a.features[i].n == 0 {
				continue
			}
			if x := h.keep.feature(a.features[i].id); shows(k, &x) {
				act := act(k, &x)
				f(k, i, &act)
			}
		}
	}
}

// departures adds to the votes of a content how far it is out of character, after those of its tokens.
func (j *judge) departures(c *content) {
	for _, fi := range j.a.featuresOf(c) {
		x := &j.a.features[fi]
		if x.departure == 0 {
			continue
		}
		g := x.departure - 1
		if at := j.best[g]; at != 0 {
			if v := &j.votes[at-1]; float64(x.bits) > v.weight {
				v.weight, v.token, v.feature = float64(x.bits), j.a.featTok[x.from], fi
			}
			continue
		}
		j.votes = append(j.votes, vote{group: g, feature: fi, token: j.a.featTok[x.from], weight: float64(x.bits), departure: true})
		j.best[g] = int32(len(j.votes))
	}
}

// What is told of somebody's past.
const (
	minPast  = 10 // acts before it is one
	minStray = 1  // bits out of character
)

// inWords says how somebody usually acts, where a pair shows something else: "host 10.0.0.7 has sent Firefox/Linux 41,220
// times, never Internet Explorer/Windows". It is "" where there is nothing to say.
func (h *hunter) inWords(f *token.Feature) string {
	if h.past == nil || f.Field.Left == "" {
		return ""
	}
	told := ""
	for _, k := range aspectsOf(f.Field) {
		if !shows(k, f) {
			continue
		}
		a := act(k, f)
		d := h.past.Departure(&a)
		if !d.Known || d.Total < minPast || d.Weight < minStray {
			continue
		}
		usual, n := h.usual.profile.Usual(k, a.Entity)
		told = words(&aspects[k], string(f.Value), string(a.Text), usual, n, d, h.covered.Length())
	}
	return told
}

// verbs say what somebody does with the values of an aspect.
var verbs = map[string]string{
	"user_agent.name": "sent ", "destination.ip": "talked to ", "destination.port": "talked to port ", "url.domain": "asked ",
	"dns.question.registered_domain": "looked up ", "tls.client.server_name": "asked ", "http.response.status_code": "been answered ",
	"source.bytes": "sent ", "user.name": "been ", "source.geo.country_iso_code": "come from ", "host.name": "been on ",
	"event.action": "logged ", "process.name": "run ",
}

// words tells a departure: who usually does what, n times, and how often this.
func words(of *aspect, who, value, usual string, n uint64, d profile.Departure, covered int64) string {
	who, value = brief(who), brief(value)
	kind := "host "
	if of.who == "user.name" {
		kind = "user "
	}
	if of.what == "event.shift" {
		if d.Count == 0 {
			return kind + who + ": the first " + hours(value) + " in " + age(covered) + ", after " + thousands(d.Total) + " at other times"
		}
		return kind + who + ": " + thousands(d.Count) + " of " + thousands(d.Total) + " were " + hours(value)
	}
	unit := ""
	if of.what == "source.bytes" {
		unit = " bytes"
	}
	verb := verbs[of.what]
	if a, b := name(of, usual), name(of, value); a != b { // of two engines of one browser, the engines are told
		usual, value = a, b
	}
	out := kind + who + " has " + verb + usual + unit + " " + times(n) + ", "
	preposition := ""
	if i := strings.IndexByte(verb, ' ') + 1; i < len(verb) { // talked to port 22, never to port 23
		preposition = verb[i:]
	}
	if d.Count == 0 {
		return out + "never " + preposition + value + unit
	}
	return out + preposition + value + unit + " " + times(d.Count)
}

// maxWord is how many bytes of a name or value are told.
const maxWord = 64

func brief(s string) string {
	if len(s) <= maxWord {
		return s
	}
	return strings.ToValidUTF8(s[:maxWord], "") + "…"
}

// name writes a value as people know it.
func name(of *aspect, value string) string {
	if of.what == "user_agent.name" {
		return token.ProductTitle(value)
	}
	return value
}

// hours writes a shift: "on a weekday between 00 and 06".
func hours(shift string) string {
	kind, from, ok := strings.Cut(shift, " ")
	from, to, two := strings.Cut(from, "-")
	if !ok || !two {
		return "at " + shift
	}
	return "on a " + map[string]string{"weekday": "weekday", "weekend": "weekend day"}[kind] + " between " + from + " and " + to
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return thousands(n) + " times"
}

// age writes how long known good reaches, in units of which there are at least two.
func age(ns int64) string {
	const hour = day / 24
	switch {
	case ns >= 14*day:
		return thousands(uint64(ns/(7*day))) + " weeks"
	case ns >= 2*day:
		return thousands(uint64(ns/day)) + " days"
	case ns >= 2*hour:
		return thousands(uint64(ns/hour)) + " hours"
	}
	return thousands(uint64(max(ns, 0)/(hour/60))) + " minutes"
}

// thousands writes a number with a comma between every three digits.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// unlearned warns where there were too many entities to learn how all of them act.
func (h *hunter) unlearned() (warnings []string) {
	if h.usual == nil {
		return nil
	}
	for _, who := range []string{"source.ip", "host.name", "user.name"} {
		least := 1.0
		for k := range aspects {
			if aspects[k].who == who && aspects[k].votes {
				least = min(least, h.usual.profile.Narrowed(k))
			}
		}
		if least < 1 {
			warnings = append(warnings, "There are too many values of "+who+" to learn how each usually acts: one in "+
				thousands(uint64(1/least))+" was learned, the others depart from nothing.")
		}
	}
	return warnings
}
