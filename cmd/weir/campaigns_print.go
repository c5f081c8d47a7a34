package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"weir/internal/cluster"
	"weir/internal/hunt"
	"weir/internal/term"
)

const (
	defaultCampaigns = 10
	maxSteps         = 6 // of a campaign on the page
	maxWho           = 4
	maxOverlaps      = 6 // entities that are in several campaigns
	stripColumns     = 18
	whoColumns       = 17
	stepIndent       = 15 // of what a step tells
	clueIndent       = 10 // of its clues, which need the room
	stepClues        = 2  // of a step
	bestClues        = 3  // of the strangest step
)

// campaigns writes what the hunt found as stories: all of them in a line each, then the first ones with their steps.
func (p *page) campaigns(r *hunt.Result, list []cluster.Campaign, f *huntFlags) error {
	stories, left := len(list), 0
	if stories > 0 && list[stories-1].Noise {
		stories--
		left = list[stories].Events
	}
	note := fmt.Sprintf("%s of %s suspicious in %s", term.Count(r.Funnel[len(r.Funnel)-1].Left.Events-left), term.Count(r.Suspicious), plural(stories, "campaign"))
	if stories > 0 {
		note += "; start with 1"
	}
	p.heading("Campaigns", note)
	limit := f.limitOr(defaultCampaigns)
	limit = min(limit, stories)
	if f.all {
		limit = stories
	}
	if stories == 0 {
		p.text(2, "Nothing in the window stands out from known good as a story.")
	} else {
		p.text(2, "The score of a campaign is that of its steps together; a step in which one of your own machines or users acts out of "+
			"character counts twice. ▸ marks the strangest step of each.")
		p.overview(r, list[:min(stories, 2*limit)])
	}
	for i := range list[:limit] {
		if err := p.campaign(r, &list[i], f.all); err != nil {
			return err
		}
	}
	if stories > limit {
		fmt.Fprintf(p.w, "\n  … %s more; --limit N shows them\n", plural(stories-limit, "campaign"))
	}
	if left > 0 {
		return p.leftOver(r, &list[stories])
	}
	return nil
}

// overview writes a line for each campaign: its number, when in the window its events were, how many, and its name.
func (p *page) overview(r *hunt.Result, list []cluster.Campaign) {
	h := hull(r)
	layout := "15:04"
	begin, end := time.Unix(0, h.From).In(r.Zone), time.Unix(0, h.To).In(r.Zone)
	if begin.Format(time.DateOnly) != end.Format(time.DateOnly) && h.Length() > int64(20*time.Hour) {
		layout = "2 Jan"
	}
	from, to := begin.Format(layout), end.Format(layout)
	fmt.Fprintf(p.w, "\n     %s\n", p.Dim(from+strings.Repeat(" ", max(1, stripColumns-len(from)-len(to)))+to+" events"))
	for i := range list {
		c := &list[i]
		who := term.Pad(term.Cut(who(c), whoColumns), whoColumns)
		what := term.Cut(term.Clean(c.Strangest().Name), max(20, p.width-5-stripColumns-7-2-whoColumns-2))
		fmt.Fprintf(p.w, "%s  %s %6s  %s  %s\n", p.Bold(fmt.Sprintf("%3d", c.Number)), p.Cyan(strip(r, c, h)), term.Count(c.Events), who, what)
	}
	var both []string
	for _, x := range cluster.Overlaps(list, maxOverlaps) {
		var numbers []string
		for _, n := range x.Campaigns {
			numbers = append(numbers, fmt.Sprint(n))
		}
		both = append(both, term.CutMiddle(term.Clean(x.Value), 40)+" in "+strings.Join(numbers, ", "))
	}
	if len(both) > 0 {
		fmt.Fprintln(p.w)
		p.text(2, "In more than one: "+strings.Join(both, "; ")+".")
	}
}

// who names who did most of a campaign in as few words as can be, and how many others.
func who(c *cluster.Campaign) string {
	for _, x := range []struct {
		list  []cluster.Count
		count int
	}{{c.Clients, c.ClientCount}, {c.Users, c.UserCount}, {c.Hosts, c.HostCount}} {
		switch {
		case x.count == 1:
			return term.Clean(x.list[0].Value)
		case x.count > 1:
			more := " +" + term.Count(x.count-1)
			return term.Cut(term.Clean(x.list[0].Value), whoColumns-len(more)) + more
		}
	}
	return ""
}

// hull is what the windows reach over, as far as there are logs.
func hull(r *hunt.Result) hunt.Span {
	h := hunt.Span{From: math.MaxInt64, To: math.MinInt64}
	for _, w := range r.Windows {
		from := max(w.From, r.Covered.From)
		h.From, h.To = min(h.From, from), max(h.To, min(w.To, r.Covered.To), from)
	}
	return h
}

// strip draws when a campaign's events were, from end to end of a span.
func strip(r *hunt.Result, c *cluster.Campaign, h hunt.Span) string {
	var bins [stripColumns]int
	for k := range c.Steps {
		for _, m := range c.Steps[k].Members {
			at := int(float64(r.Time(m)-h.From) / float64(max(1, h.Length())) * stripColumns)
			bins[min(max(at, 0), stripColumns-1)]++
		}
	}
	most := slices.Max(bins[:])
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range bins {
		if n == 0 {
			b.WriteRune('·')
			continue
		}
		b.WriteRune(bars[int(math.Sqrt(float64(n)/float64(most))*float64(len(bars)-1))])
	}
	return b.String()
}

// campaign writes one story: what, who, where, then its steps in the order of time.
func (p *page) campaign(r *hunt.Result, c *cluster.Campaign, all bool) error {
	best, err := r.Suspect(c.Best)
	if err != nil {
		return err
	}
	sure := fmt.Sprintf("%.0f %% ", 100*best.Probability) + p.verdict(best.Verdict)
	if best.Verdict != hunt.VerdictBad {
		sure = p.verdict(best.Verdict) + fmt.Sprintf(", %.0f %% bad", 100*best.Probability)
	}
	fmt.Fprintf(p.w, "\n%s  score %s  %s  %s\n", p.Bold(fmt.Sprintf("%3d", c.Number)), p.Bold(fmt.Sprintf("%.1f", c.Score)), sure,
		clock(r, c.First, c.Last))
	for _, line := range term.Wrap(term.Clean(c.Name), p.width-5) {
		fmt.Fprintf(p.w, "     %s\n", p.Bold(line))
	}
	p.facts(r, c)
	seen := map[string]bool{}
	steps := pick(c.Steps, all)
	for _, k := range steps {
		if err := p.step(r, &c.Steps[k], c, seen); err != nil {
			return err
		}
	}
	if n := len(c.Steps) - len(steps); n > 0 {
		fmt.Fprintf(p.w, "     … and %s; --all shows them\n", plural(n, "quieter step"))
	}
	return nil
}

// facts writes who did it and what was touched.
func (p *page) facts(r *hunt.Result, c *cluster.Campaign) {
	what := plural(c.Events, "event")
	if c.Contents > 1 && c.Contents < c.Events {
		what += ", " + plural(c.Contents, "distinct one")
	}
	p.fact("what", what+" in "+plural(len(c.Steps), "step"))
	if c.ClientCount > 0 && len(r.Hosts) > 0 { // then clients are who stands at the other end, mostly the destinations
		if c.ClientCount != c.DestinationCount {
			p.fact("with", few(c.Clients, c.ClientCount))
		}
	} else if c.ClientCount > 0 {
		who := few(c.Clients, c.ClientCount)
		if from := few(c.Countries, len(c.Countries)); from != "" {
			who += " (" + from + ")"
		}
		p.fact("from", who)
	}
	for _, x := range []struct {
		name  string
		list  []cluster.Count
		count int
	}{{"user", c.Users, c.UserCount}, {"on", c.Hosts, c.HostCount}, {"to", c.Destinations, c.DestinationCount}, {"names", c.Names, c.NameCount},
		{"paths", c.Paths, c.PathCount}} {
		if x.count > 0 {
			p.fact(x.name, few(x.list, x.count))
		}
	}
	var by []string
	for i, l := range c.Links {
		if len(by) == 2 || l.Steps < 2 {
			break
		}
		if i > 0 && l.Kind == "network" && l.Steps == c.Links[i-1].Steps && l.Events == c.Links[i-1].Events {
			continue // that of the client above, and nobody else's
		}
		by = append(by, linkWords(&l)+fmt.Sprintf(" in %d steps", l.Steps))
	}
	if len(by) > 0 {
		p.fact("joined", "by "+strings.Join(by, ", "))
	}
}

// linkWords says what joins steps.
func linkWords(l *cluster.Link) string {
	return term.CutMiddle(term.Clean(l.Words()), 60)
}

// pick returns the steps that are shown: the loudest, in the order of time.
func pick(steps []cluster.Step, all bool) []int {
	var out []int
	for i := range steps {
		louder := 0
		for k := range steps {
			if steps[k].Best < steps[i].Best {
				louder++
			}
		}
		if all || louder < maxSteps {
			out = append(out, i)
		}
	}
	return out
}

// step writes what was done, when, how often, with an example and its strongest clues. seen are clues that steps before it
// have shown.
func (p *page) step(r *hunt.Result, x *cluster.Step, c *cluster.Campaign, seen map[string]bool) error {
	s, err := r.Suspect(x.Best)
	if err != nil {
		return err
	}
	begin, end := "15:04:05", "15:04"
	if c.Last-c.First > int64(20*time.Hour) { // days matter more than seconds
		begin, end = "2 Jan 15h", "2 Jan"
	}
	mark, clues, lines := "  ", stepClues, 1
	if x.Best == c.Best {
		mark, clues, lines = p.Red("▸ "), bestClues, 2
	}
	when := term.Pad(time.Unix(0, x.First).In(r.Zone).Format(begin), stepIndent-6)
	count := fmt.Sprintf("%5s ×  ", term.Count(len(x.Members)))
	fmt.Fprintf(p.w, "   %s %s %s%s\n", mark, p.Cyan(when), count, p.Bold(term.Cut(term.Clean(x.Name), p.width-stepIndent-term.Width(count))))
	lead := ""
	if x.Last/1e9 > x.First/1e9 {
		lead = "to " + time.Unix(0, x.Last).In(r.Zone).Format(end)
	}
	place := term.CutMiddle(fmt.Sprintf("%s:%d", term.Clean(s.File), s.Line), p.width-stepIndent)
	fmt.Fprintf(p.w, "      %s%s\n", p.Dim(term.Pad(lead, stepIndent-6)), p.Cyan(place))
	for _, line := range rawLines(term.Clean(string(s.Raw[:min(len(s.Raw), 4096)])), p.width-stepIndent, lines) {
		fmt.Fprintf(p.w, "%*s%s\n", stepIndent, "", p.Dim(line))
	}
	for _, e := range cluster.Reasons(s.Evidence, clues, seen) {
		seen[e.Token] = true
		p.clue(&e, clueIndent)
	}
	return nil
}

// maxLeftOver is how many of the suspects that belong to nothing are shown.
const maxLeftOver = 3

// leftOver shows the best suspects that belong to no campaign.
func (p *page) leftOver(r *hunt.Result, c *cluster.Campaign) error {
	p.heading("Left over", plural(c.Events, "event")+", each seldom, quiet and like nothing else")
	for _, m := range c.Steps[0].Members[:min(len(c.Steps[0].Members), maxLeftOver)] {
		s, err := r.Suspect(m)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.w, "     %s\n", p.Cyan(term.CutMiddle(fmt.Sprintf("%s:%d", term.Clean(s.File), s.Line), p.width-5)))
		for _, line := range rawLines(term.Clean(string(s.Raw[:min(len(s.Raw), 4096)])), p.width-5, 2) {
			fmt.Fprintf(p.w, "     %s\n", p.Dim(line))
		}
		for _, e := range cluster.Reasons(s.Evidence, stepClues, nil) {
			p.clue(&e, clueIndent)
		}
	}
	return nil
}

// fact writes one fact of a campaign.
func (p *page) fact(name, value string) {
	lead := fmt.Sprintf("     %-7s", name)
	for _, line := range term.Wrap(value, p.width-len(lead)) {
		fmt.Fprintf(p.w, "%s%s\n", p.Dim(lead), line)
		lead = strings.Repeat(" ", len(lead))
	}
}

// few names the first values and counts the others.
func few(list []cluster.Count, n int) string {
	var out []string
	for _, x := range list[:min(len(list), maxWho)] {
		out = append(out, term.CutMiddle(term.Clean(x.Value), 40))
	}
	if n > len(out) {
		out = append(out, fmt.Sprintf("%s more", term.Count(n-len(out))))
	}
	return strings.Join(out, ", ")
}

// clock writes from when to when.
func clock(r *hunt.Result, first, last int64) string {
	from, to := time.Unix(0, first).In(r.Zone), time.Unix(0, last).In(r.Zone)
	text := from.Format("2 Jan 15:04:05")
	if last/1e9 > first/1e9 {
		layout := "15:04:05"
		if from.Format("2006-01-02") != to.Format("2006-01-02") {
			layout = "2 Jan 15:04:05"
		}
		text += " to " + to.Format(layout)
	}
	return text
}
