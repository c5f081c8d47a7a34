package hunt

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/bayes"
	"weir/internal/profile"
	"weir/internal/token"
)

// What is told of somebody's past.
const (
	minPast  = 10 // acts before it is one
	minStray = 1  // bits out of character
)

// inWords says how somebody usually acts, where a feature of a content shows something else: "host 10.0.0.7 has sent
// Firefox/Linux 41,220 times, never Internet Explorer/Windows". It is "" where there is nothing to say.
func (r *Result) inWords(c uint32, f *token.Feature) (words string) {
	h := r.h
	if h.past == nil {
		return ""
	}
	p := h.usual.partOf(f.Field)
	for _, k := range p.pairs {
		act, shown := pairAct(k, f)
		if !shown {
			continue
		}
		s := ""
		if aspects[k].what == "event.shift" {
			s = h.tellHour(k, &act, time.Unix(0, r.a.list.rows[r.a.contents[c].firstRow].time).In(r.Zone).Hour())
		}
		if s == "" {
			s = h.tell(k, &act)
		}
		if s != "" {
			words = s
		}
	}
	for _, k := range p.values {
		who := r.actor(c, actorOf[k])
		if who == nil || aspects[k].as == template {
			continue
		}
		act, shown := looseAct(k, who, f, h.usual.enrich)
		if !shown {
			continue
		}
		if s := h.tell(k, &act); s != "" {
			words = s
		}
	}
	return words
}

// actor returns the first feature of a content that names an actor of a kind, or nil.
func (r *Result) actor(c uint32, kind int) *token.Feature {
	for _, fi := range r.a.featuresOf(&r.a.contents[c]) {
		f := r.h.keep.feature(r.a.features[fi].id)
		if r.h.usual.partOf(f.Field).actor == kind+1 {
			return &f
		}
	}
	return nil
}

// tell puts an act into words, if there is something to say.
func (h *hunter) tell(k int, act *profile.Act) string {
	a := &aspects[k]
	d := h.past.Departure(act)
	if !d.Known || d.Total < minPast || d.Weight < minStray || a.volatile && d.Anybody == 0 {
		return ""
	}
	if a.as == size {
		s := sizesOf(h.usual.profile, k, act.Entity)
		if !s.far(act.Text) {
			return ""
		}
		return words(a, string(act.Name), string(act.Text), s.median, 0, d, h.reach())
	}
	usual, n := h.usual.profile.Usual(k, act.Entity)
	return words(a, string(act.Name), string(act.Text), usual, n, d, h.reach())
}

// tellHour tells of an act at an hour of the day at which its actor was never there.
func (h *hunter) tellHour(shift int, act *profile.Act, at int) string {
	k := slices.IndexFunc(aspects, func(a aspect) bool { return a.as == hour && a.who == aspects[shift].who })
	var n [24]uint64
	total, hours := uint64(0), uint64(0)
	h.usual.profile.Each(k, act.Entity, func(text string, times uint64) {
		if i, err := strconv.Atoi(text); err == nil && i < len(n) {
			n[i] = times
			total, hours = total+times, hours+1
		}
	})
	if n[at] > 0 || total < max(minPast, hours) {
		return ""
	}
	from, to := absence(&n, at)
	return whose(&aspects[k], string(act.Name)) + ": the first between " + twoDigits(from) + " and " + twoDigits(to) + since(h.reach()) +
		", after " + thousands(total) + " at other times"
}

// absence returns the stretch of hours without anything around one of them, from up to but not including to. Some hour has
// something.
func absence(n *[24]uint64, at int) (from, to int) {
	for from = at; n[(from+23)%24] == 0; {
		from = (from + 23) % 24
	}
	for to = at + 1; n[to%24] == 0; to++ {
	}
	return from, to % 24
}

func twoDigits(n int) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }

// sizes are how large what an entity sends usually is.
type sizes struct {
	median string  // half-octave
	at     float64 // log2 of its lower end plus one
	spread float64 // robust standard deviation, in octaves
}

const (
	farSize = 3.5     // standard deviations from the median at which a size is an outlier (Iglewicz and Hoaglin 1993)
	madToSD = 1.4826  // of a normal distribution, 1/Φ⁻¹(¾)
	minSize = 1. / 2. // octaves: what half-octaves can tell
)

// sizesOf returns the median and the median absolute deviation (Hampel 1974) of the half-octaves that an entity showed.
// A bin is as good as the number here, and bins add: what is robust needs no order of the numbers.
func sizesOf(p *profile.Profile, aspect int, entity uint64) sizes {
	type bin struct {
		text string
		at   float64
		n    uint64
	}
	var bins []bin
	p.Each(aspect, entity, func(text string, n uint64) { bins = append(bins, bin{text, octave([]byte(text)), n}) })
	median := func() (m bin) {
		slices.SortFunc(bins, func(a, b bin) int {
			if a.at != b.at {
				return int(math.Copysign(1, a.at-b.at))
			}
			return strings.Compare(a.text, b.text)
		})
		total, seen := uint64(0), uint64(0)
		for _, b := range bins {
			total += b.n
		}
		for _, b := range bins {
			if seen += b.n; 2*seen >= total {
				return b
			}
		}
		return bin{}
	}
	m := median()
	for i := range bins {
		bins[i].at = math.Abs(bins[i].at - m.at)
	}
	return sizes{m.text, m.at, max(minSize, madToSD*median().at)}
}

func (s *sizes) far(size []byte) bool { return math.Abs(octave(size)-s.at) > farSize*s.spread }

// octave returns log2 of the lower end of a range, plus one.
func octave(size []byte) float64 {
	low, _, _ := bytes.Cut(size, []byte(".."))
	x, err := strconv.ParseFloat(string(low), 64)
	if err != nil || x < 0 {
		return 0
	}
	return bayes.Log2(x + 1)
}

// words tells a departure: who usually does what, n times, and how often this.
func words(of *aspect, who, value, usual string, n uint64, d profile.Departure, covered int64) string {
	who, value, usual = whose(of, who), brief(value), strings.ToValidUTF8(usual, "")
	if a, b := name(of, usual), name(of, value); a != b { // of two engines of one browser, the engines are told
		usual, value = a, b
	}
	if of.what == "event.shift" {
		if d.Count == 0 {
			return who + ": the first " + hours(value) + since(covered) + ", after " + thousands(d.Total) + " at other times"
		}
		return who + ": " + thousands(d.Count) + " of " + thousands(d.Total) + " were " + hours(value)
	}
	out := who + " has "
	if of.as == size {
		out += "usually " + of.verb + " " + span(usual) + " bytes (median of " + thousands(d.Total) + ")"
		value = span(value)
	} else {
		out += of.verb + " " + of.with + usual + " " + times(n)
	}
	if d.Count == 0 {
		return out + ", never " + of.with + value
	}
	return out + ", " + of.with + value + " " + times(d.Count)
}

// span writes a half-octave: "1,024 to 1,447".
func span(size string) string {
	low, high, two := strings.Cut(size, "..")
	for _, s := range []*string{&low, &high} {
		if n, err := strconv.ParseUint(*s, 10, 64); err == nil {
			*s = thousands(n)
		}
	}
	if !two {
		return low
	}
	return low + " to " + high
}

// whose writes who acts, as what.
func whose(of *aspect, name string) string {
	if of.who == "user.name" {
		return "user " + brief(name)
	}
	return "host " + brief(name)
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

// since writes in what time something is the first, if that is known.
func since(ns int64) string {
	if ns <= 0 {
		return ""
	}
	return " in " + age(ns)
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
