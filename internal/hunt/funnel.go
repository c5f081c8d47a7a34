package hunt

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"weir/internal/count"
	"weir/internal/token"
)

// A Tally counts suspicious events.
type Tally struct {
	Events, Clients, Contents int
}

// A Step is one step of the funnel: what it flagged of what earlier steps had left. It only flags: every event is still
// ranked, and leaving the flag away undoes the step.
type Step struct {
	Name    string // the flag that switches it, for people and for narrowed_by
	Removed Tally
	Left    Tally
}

// LearnedGood is the name of the last step of every funnel.
const LearnedGood = "learned-good"

// goodBelow is the probability under which an event goes with learned good.
const goodBelow = .5

// funnel applies the narrowing steps in their order.
func (r *Result) funnel() {
	r.narrowed = make([]uint8, len(r.a.list.rows))
	r.Funnel = append(r.Funnel, Step{Name: "suspicious", Left: r.tally(0)})
	n := &r.h.opt.Narrow
	if n.KnownClients {
		known := r.knownClients()
		r.step("drop-known-clients", func(i int) bool { return known[r.a.contents[r.a.content[i]].client] })
	}
	if len(n.DropCountries) > 0 {
		r.step("drop-countries "+strings.Join(n.DropCountries, ","), func(i int) bool { return r.inCountries(i, n.DropCountries) })
	}
	if len(n.OnlyCountries) > 0 {
		r.step("only-countries "+strings.Join(n.OnlyCountries, ","), func(i int) bool { return !r.inCountries(i, n.OnlyCountries) })
	}
	if len(n.DropHours) > 0 {
		r.step("drop-hours "+hourText(n.DropHours), func(i int) bool { return r.inHours(i, n.DropHours) })
	}
	if len(n.OnlyHours) > 0 {
		r.step("only-hours "+hourText(n.OnlyHours), func(i int) bool { return !r.inHours(i, n.OnlyHours) })
	}
	if len(n.DropNetworks) > 0 {
		r.step("drop-networks "+networkText(n.DropNetworks), func(i int) bool { return r.inNetworks(i, n.DropNetworks) })
	}
	for k, w := range n.DropWhere {
		r.step("drop-where "+w.Text, func(i int) bool { return int(r.a.list.rows[i].dropped) == k+1 })
	}
	r.step(LearnedGood, func(i int) bool { return r.isGood(r.a.content[i]) })
}

// isGood reports whether a content goes with learned good: clean windows hold the like, and about as
// many. Without clean windows its
// probability decides.
func (r *Result) isGood(c uint32) bool {
	if len(r.Placebos) == 0 {
		return r.prob[c] < goodBelow
	}
	return r.sums[c].score <= r.level.score && r.sums[c].rarity <= r.level.rarity && !r.flood[c]
}

// step flags the rows that no earlier step flagged and for which flag is true.
func (r *Result) step(name string, flag func(row int) bool) {
	at := uint8(len(r.Funnel) + 1)
	for i := range r.narrowed {
		if r.narrowed[i] == 0 && flag(i) {
			r.narrowed[i] = at
		}
	}
	r.Funnel = append(r.Funnel, Step{Name: name, Removed: r.tally(at), Left: r.tally(0)})
}

// tally counts the rows that a step flagged (0: that none did).
func (r *Result) tally(step uint8) Tally {
	t := Tally{}
	clients, contents := map[uint32]bool{}, map[uint32]bool{}
	for i, by := range r.narrowed {
		if by != step {
			continue
		}
		t.Events++
		c := r.a.content[i]
		contents[r.distinctOf[c]] = true
		if k := r.a.contents[c].client; k > 0 {
			clients[k] = true
		}
	}
	t.Clients, t.Contents = len(clients), len(contents)
	return t
}

// knownClients returns, by client of the analysis, whether known good holds events of the same client.
func (r *Result) knownClients() []bool {
	known := make([]bool, r.a.clients+1)
	for i := range r.a.list.rows {
		id := r.a.list.rows[i].client
		if id == 0 {
			continue
		}
		f := r.h.keep.feature(id - 1)
		good, _ := r.h.counts.Group(f.Field.Name).Value(f.Hash)
		known[r.a.contents[r.a.content[i]].client] = good > 0
	}
	return known
}

// values calls f with the values that a row has of one field until f returns true, and reports whether it did.
func (r *Result) values(row int, match func(*token.Field) bool, f func(value string) bool) bool {
	x := &r.a.list.rows[row]
	for _, id := range r.a.list.featuresOf(x) {
		ft := r.h.keep.feature(id)
		if match(ft.Field) && f(string(ft.Value)) {
			return true
		}
	}
	return false
}

func (r *Result) inCountries(row int, countries []string) bool {
	return r.values(row, func(f *token.Field) bool { return f.Name == countryField },
		func(v string) bool {
			return slices.ContainsFunc(countries, func(c string) bool { return strings.EqualFold(c, v) })
		})
}

func (r *Result) inHours(row int, hours []HourRange) bool {
	h := time.Unix(0, r.a.list.rows[row].time).In(r.Zone).Hour()
	return slices.ContainsFunc(hours, func(x HourRange) bool { return x.contains(h) })
}

func (r *Result) inNetworks(row int, networks []netip.Prefix) bool {
	return r.values(row, (*token.Field).Client, func(v string) bool {
		a, err := netip.ParseAddr(v)
		return err == nil && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
	})
}

func hourText(hours []HourRange) string {
	var s []string
	for _, h := range hours {
		s = append(s, fmt.Sprintf("%d-%d", h.From, h.To))
	}
	return strings.Join(s, ",")
}

func networkText(networks []netip.Prefix) string {
	var s []string
	for _, n := range networks {
		s = append(s, n.String())
	}
	return strings.Join(s, ",")
}

// warn says what the reader should know before believing the result.
func (r *Result) warn() {
	switch n := len(r.Placebos); {
	case n == 0:
		r.Warnings = append(r.Warnings, "The logs leave no room for a clean window of the same length, so nothing shows how high "+
			"an innocent window would score. Give more of the logs before and after the break-in.")
	case n < 5:
		what := "clean windows"
		if n == 1 {
			what = "clean window"
		}
		r.Warnings = append(r.Warnings, fmt.Sprintf("The logs leave room for only %d %s of the same length; probabilities are rough.",
			n, what))
	}
	if good := r.h.counts.Total(count.Good); good < 4*uint64(r.Suspicious) {
		if 10*good < uint64(r.Suspicious) {
			r.Warnings = append(r.Warnings, fmt.Sprintf("Known good is only %s %s for %s suspicious: too little to tell good from bad by. "+
				"Narrow the window, or give logs from before and after.", thousands(good), map[bool]string{true: "event", false: "events"}[good == 1], thousands(uint64(r.Suspicious))))
		} else {
			r.Warnings = append(r.Warnings, fmt.Sprintf("Known good is only %.1f times as large as what is "+
				"suspicious; more good data would sharpen the ranking.", float64(good)/float64(r.Suspicious)))
		}
	}
	r.Warnings = append(r.Warnings, r.h.strayed()...)
	r.Warnings = append(r.Warnings, r.h.unlearned()...)
}
