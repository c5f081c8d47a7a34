package main

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/cluster"
	"weir/internal/hunt"
	"weir/internal/term"
)

const (
	defaultCampaigns = 10
	maxSteps         = 12 // of a campaign on the page
	maxWho           = 4
)

// printCampaigns writes the campaigns of a hunt for people.
func printCampaigns(s *streams, r *hunt.Result, list []cluster.Campaign, f *huntFlags) error {
	p := newPage(s.out)
	p.question(r, "weir campaigns")
	p.read(r.Summary)
	p.level(r)
	stories, left := len(list), 0
	if stories > 0 && list[stories-1].Noise {
		stories--
		left = list[stories].Events
	}
	note := fmt.Sprintf("%s of %s suspicious in %s, best first", term.Count(r.Funnel[len(r.Funnel)-1].Left.Events-left),
		term.Count(r.Suspicious), plural(stories, "campaign"))
	p.heading("Campaigns", note)
	if stories == 0 {
		p.text(2, "Nothing in the window stands out from known good as a story.")
	}
	limit := f.limitOr(defaultCampaigns)
	if f.all {
		limit = len(list)
	}
	for i := range list[:stories] {
		if i == limit {
			fmt.Fprintf(p.w, "\n  … %s more; --limit N shows them\n", plural(stories-limit, "campaign"))
			break
		}
		if err := p.campaign(r, &list[i], f.all); err != nil {
			return err
		}
	}
	if left > 0 {
		if err := p.leftOver(r, &list[stories]); err != nil {
			return err
		}
	}
	p.heading("Next", "")
	p.tip("weir hunt", "with the same flags shows each suspect with its reasons")
	if stories > 0 {
		file, line := r.Place(list[0].Best)
		p.tip(fmt.Sprintf("weir related '%s:%d' LOG...", term.Clean(file), line), "what else shares the best suspect's rare tokens, also outside the window")
	}
	p.tip("--json --all", "every campaign with all its steps and the lines of each")
	return p.w.Flush()
}

// campaign writes one story: what, who, where, then its steps in the order of time.
func (p *page) campaign(r *hunt.Result, c *cluster.Campaign, all bool) error {
	fmt.Fprintf(p.w, "\n%s  score %s  %s\n", p.Bold(fmt.Sprintf("%3d", c.Number)), p.Bold(fmt.Sprintf("%.1f", c.Score)), clock(r, c.First, c.Last))
	for _, line := range term.Wrap(term.Clean(c.Name), p.width-5) {
		fmt.Fprintf(p.w, "     %s\n", p.Bold(line))
	}
	what := plural(c.Events, "event")
	if c.Contents > 1 {
		what += ", " + plural(c.Contents, "distinct one")
	}
	p.fact("what", what+", in "+plural(len(c.Steps), "step"))
	if c.ClientCount > 0 {
		who := few(c.Clients, c.ClientCount)
		if from := few(c.Countries, len(c.Countries)); from != "" {
			who += " (" + from + ")"
		}
		p.fact("who", who)
	}
	var touched []string
	for _, x := range []struct {
		list  []cluster.Count
		count int
	}{{c.Hosts, c.HostCount}, {c.Users, c.UserCount}, {c.Destinations, c.DestinationCount}, {c.Names, c.NameCount}, {c.Paths, c.PathCount}} {
		if x.count > 0 {
			touched = append(touched, few(x.list, x.count))
		}
	}
	if len(touched) > 0 {
		p.fact("touched", strings.Join(touched, "; "))
	}
	if len(c.Links) > 0 {
		var by []string
		for i, l := range c.Links {
			if len(by) == 3 {
				break
			}
			if i > 0 && l.Kind == "network" && l.Steps == c.Links[i-1].Steps && l.Events == c.Links[i-1].Events {
				continue // that of the client above, and nobody else's
			}
			by = append(by, fmt.Sprintf("%s %s in %d", l.Kind, term.CutMiddle(term.Clean(l.Value), 40), l.Steps))
		}
		p.fact("joined", "by "+strings.Join(by, ", ")+" of the steps")
	}
	layout := "15:04"
	if c.Last-c.First > int64(20*time.Hour) {
		layout = "01-02"
	}
	steps := pick(c.Steps, all)
	for _, k := range steps {
		if err := p.step(r, &c.Steps[k], layout); err != nil {
			return err
		}
	}
	if n := len(c.Steps) - len(steps); n > 0 {
		fmt.Fprintf(p.w, "     … and %s; --all shows them\n", plural(n, "quieter step"))
	}
	return nil
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

// step writes what was done, when, how often, with an example. layout is how its end is written: as a day, in campaigns that run
// over days.
func (p *page) step(r *hunt.Result, x *cluster.Step, layout string) error {
	s, err := r.Suspect(x.Best)
	if err != nil {
		return err
	}
	when := time.Unix(0, x.First).In(r.Zone).Format("15:04:05")
	if layout != "15:04" {
		when = time.Unix(0, x.First).In(r.Zone).Format("01-02 15h")
	}
	count := term.Count(len(x.Members)) + " ×"
	name := fmt.Sprintf("%8s  %s", count, p.Bold(term.Cut(term.Clean(x.Name), p.width-25)))
	fmt.Fprintf(p.w, "     %s %s\n", p.Cyan(when), name)
	place := term.CutMiddle(fmt.Sprintf("%s:%d", term.Clean(s.File), s.Line), p.width-24)
	if x.Last/1e9 > x.First/1e9 {
		fmt.Fprintf(p.w, "     %s %9s %s\n", p.Dim(term.Pad("to "+time.Unix(0, x.Last).In(r.Zone).Format(layout), 8)), "", p.Cyan(place))
	} else {
		fmt.Fprintf(p.w, "     %18s %s\n", "", p.Cyan(place))
	}
	for _, line := range rawLines(term.Clean(string(s.Raw[:min(len(s.Raw), 4096)])), p.width-24, 2) {
		fmt.Fprintf(p.w, "     %18s %s\n", "", p.Dim(line))
	}
	return nil
}

func (p *page) leftOver(r *hunt.Result, c *cluster.Campaign) error {
	p.heading("Left over", plural(c.Events, "event")+" that belong to nothing: seldom, quiet, and like nothing else")
	for _, m := range c.Steps[0].Members[:min(len(c.Steps[0].Members), 3)] {
		s, err := r.Suspect(m)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.w, "     %s\n", p.Cyan(term.CutMiddle(fmt.Sprintf("%s:%d", term.Clean(s.File), s.Line), p.width-5)))
		fmt.Fprintf(p.w, "     %s\n", p.Dim(term.Cut(term.Clean(string(s.Raw[:min(len(s.Raw), 4096)])), p.width-5)))
	}
	return nil
}

// fact writes one fact of a campaign.
func (p *page) fact(name, value string) {
	lead := fmt.Sprintf("     %-9s", name)
	for _, line := range term.Wrap(value, p.width-len(lead)) {
		fmt.Fprintf(p.w, "%s%s\n", lead, line)
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
	text := from.Format("01-02 15:04:05")
	if last/1e9 > first/1e9 {
		layout := "15:04:05"
		if from.Format("2006-01-02") != to.Format("2006-01-02") {
			layout = "01-02 15:04:05"
		}
		text += " to " + to.Format(layout)
	}
	return text
}
