package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"weir/internal/decide"
	"weir/internal/term"
)

// costView is what the template draws of costs.
type costView struct {
	Policies      []policyRow
	Curve         *drawing
	Note          string
	Classes       []classRow
	ClassesLeft   string
	Sensitivities []swing
}

// A policyRow is one policy, with its cost on a bar from nothing to the dearest.
type policyRow struct {
	Name, Cost, Interval                   string
	From, Width, At                        string // in percent
	GoodBlocked, Clients, BadThrough, Acts string
	Best                                   bool
}

// A classRow is what is done with the records of one rule.
type classRow struct{ Name, Records, Threshold, Steps string }

// A swing is how far a number may be off, on a bar from a thousandth to a thousand times of what was stated.
type swing struct {
	Name, Stated, Cheapest, Acts, Beyond, Elasticity string
	From, Width, At                                  string
}

// maxClasses bounds the rules on a page.
const maxClasses = 100

// Cost writes the page of what policies cost.
func Cost(w io.Writer, c *decide.Curve, o Options) error {
	p := &page{Title: "Costs", Kind: "cost", Warnings: slices.Clone(c.Warnings)}
	p.price(c)
	return p.write(w, o, nil, p.addCost(c, nil))
}

// addCost adds costs to a page and their chart to its charts.
func (p *page) addCost(c *decide.Curve, charts []*chart) []*chart {
	p.Cost = costOf(c)
	p.Sections = append(p.Sections, section{"policies", "Policies"})
	if x := costChart(c); x != nil {
		d := x.draw()
		p.Cost.Curve, charts = &d, append(charts, x)
		p.Sections = append(p.Sections, section{"threshold", "Threshold"})
	}
	p.Sections = append(p.Sections, section{"actions", "Actions"})
	if len(p.Cost.Sensitivities) > 0 {
		p.Sections = append(p.Sections, section{"sensitivity", "Sensitivity"})
	}
	return charts
}

// price says in plain words which policy is the cheapest.
func (p *page) price(c *decide.Curve) {
	best := c.Cheapest()
	p.Lead = fmt.Sprintf("%s is the cheapest of three policies: %s.", capital(best.Name), term.Amount(best.Cost.Value, c.Currency))
	unit := ""
	if c.Currency == "" {
		unit = " One is what it costs to block one good record."
	}
	p.More = []string{fmt.Sprintf("%s and %s were judged.%s Intervals are of 95 %%; the records of one sender count as one witness.",
		plural(int(c.Good), "good record"), plural(int(c.Bad), "bad one"), unit)}
	for _, x := range []struct {
		name  string
		saves decide.Money
	}{{decide.NeverBlock, c.SavesNever}, {decide.ByDefault, c.SavesDefault}} {
		p.Facts = append(p.Facts, fact{"by cost saves against " + x.name, term.Amount(x.saves.Value, c.Currency),
			term.Amount(x.saves.Low, c.Currency) + " to " + term.Amount(x.saves.High, c.Currency)})
	}
	p.Facts = append(p.Facts, fact{"regret", fmt.Sprintf("%.3f", c.Regret), "against the best thresholds in hindsight"})
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func costOf(c *decide.Curve) *costView {
	v := &costView{}
	top := c.BlockAll.Value
	for i := range c.Policies {
		top = max(top, c.Policies[i].Cost.High)
	}
	share := func(x float64) float64 {
		if top <= 0 {
			return 0
		}
		return x / top
	}
	for i := range c.Policies {
		x := &c.Policies[i]
		var acts []string
		for a := decide.Observe; a <= decide.Challenge; a++ {
			if n := x.Actions[a][0] + x.Actions[a][1]; n > 0 {
				acts = append(acts, fmt.Sprintf("%s %s", a, term.Count(n)))
			}
		}
		v.Policies = append(v.Policies, policyRow{x.Name, term.Amount(x.Cost.Value, c.Currency), term.Amount(x.Cost.Low, c.Currency) + " to " + term.Amount(x.Cost.High, c.Currency),
			inPercent(share(x.Cost.Low)), inPercent(share(x.Cost.High) - share(x.Cost.Low)), inPercent(share(x.Cost.Value)),
			term.Amount(math.Round(x.GoodBlocked), ""), term.Count(x.Clients), term.Amount(math.Round(x.BadThrough), ""), strings.Join(acts, ", "), x == c.Cheapest()})
	}
	v.Note = fmt.Sprintf("Blocking all would cost %s. Blocking at the policy's own thresholds and nothing else costs %s; the best that hindsight has is %s.",
		term.Amount(c.BlockAll.Value, c.Currency), term.Amount(c.Chosen.Value, c.Currency), term.Amount(c.Possible, c.Currency))
	if c.Senders {
		v.Note += " " + decide.WithoutSenders
	}
	for _, k := range c.Classes[:min(len(c.Classes), maxClasses)] {
		row := classRow{Name: "(no rule)", Records: term.Count(k.Good + k.Bad), Threshold: probability(k.Threshold)}
		if k.Name != "" {
			row.Name = shown(k.Name, 80)
		}
		var steps []string
		for i, s := range k.Steps {
			if i == 0 {
				steps = append(steps, s.Action.String())
			} else {
				steps = append(steps, s.Action.String()+" from "+probability(s.From))
			}
		}
		row.Steps = strings.Join(steps, ", ")
		v.Classes = append(v.Classes, row)
	}
	if n := len(c.Classes) - maxClasses; n > 0 {
		v.ClassesLeft = fmt.Sprintf("and %s more", plural(n, "rule"))
	}
	for i := range c.Sensitivities {
		v.Sensitivities = append(v.Sensitivities, swingOf(&c.Sensitivities[i]))
	}
	return v
}

func swingOf(s *decide.Sensitivity) swing {
	place := func(f float64) float64 { // a thousandth to a thousand
		switch {
		case f == 0:
			return 0
		case math.IsInf(f, 1):
			return 1
		}
		return clamp(.5 + math.Log10(f)/6)
	}
	x := swing{Name: s.Name, Stated: fmt.Sprintf("%.6g", s.Value), Cheapest: between(s.Down, s.Up), Acts: between(s.ActsDown, s.ActsUp),
		Elasticity: fmt.Sprintf("%+.2f %%", s.Elasticity)}
	down, up := max(s.Down, s.ActsDown), min(s.Up, s.ActsUp)
	x.From, x.Width, x.At = inPercent(place(down)), inPercent(place(up)-place(down)), inPercent(.5)
	var beyond []string
	if s.DownCheapest != "" {
		beyond = append(beyond, "below: "+s.DownCheapest)
	}
	if s.UpCheapest != "" {
		beyond = append(beyond, "above: "+s.UpCheapest)
	}
	x.Beyond = strings.Join(beyond, "; ")
	return x
}

// between writes a range of factors.
func between(down, up float64) string {
	switch {
	case down == 0 && math.IsInf(up, 1):
		return "any"
	case down == 0:
		return fmt.Sprintf("up to %.3g", up)
	case math.IsInf(up, 1):
		return fmt.Sprintf("from %.3g", down)
	}
	return fmt.Sprintf("%.3g to %.3g", down, up)
}

func probability(p float64) string { return fmt.Sprintf("%.3g", p) }

// costChart lays cost over thresholds in log-odds; nil where there is nothing to draw.
func costChart(c *decide.Curve) *chart {
	x := &chart{ID: "cost", Title: "Cost by threshold", XName: "log-odds from which everything is blocked (0 is a probability of 50 %, −4.6 of 1 %, 4.6 of 99 %)",
		YName: "cost of all records", Series: []series{{Name: "cost", Role: "main", Kind: "line"}, {Name: "lower end of 95 %", Role: "all", Kind: "line"},
			{Name: "upper end", Role: "all", Kind: "line"}}}
	if c.Currency != "" {
		x.YName += ", " + term.Clean(c.Currency)
	}
	for _, p := range c.Points {
		if p.Threshold <= 0 || p.Threshold >= 1 {
			continue
		}
		x.X = append(x.X, decide.LogOdds(p.Threshold))
		for i, y := range []float64{p.Cost.Value, p.Cost.Low, p.Cost.High} {
			x.Series[i].Y = append(x.Series[i].Y, y)
		}
	}
	if len(x.X) < 2 {
		return nil
	}
	least, most := slices.Min(x.Series[0].Y), slices.Max(x.Series[0].Y)
	x.Log = least >= 1 && most > 10*least
	at := func(threshold float64, name string) {
		if threshold > 0 && threshold < 1 {
			o := decide.LogOdds(threshold)
			x.Marks = append(x.Marks, mark{X: o, Name: name, Left: o > (x.X[0]+x.X[len(x.X)-1])/2})
		}
	}
	at(c.Threshold, "the policy's")
	at(c.Best.Threshold, "least")
	x.Says = fmt.Sprintf("The least cost in hindsight is %s; the policy's own threshold is %s.", term.Amount(c.Best.Cost.Value, c.Currency), probability(c.Threshold))
	return x
}
