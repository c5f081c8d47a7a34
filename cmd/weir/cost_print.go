package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/guptarohit/asciigraph"

	"weir/internal/decide"
	"weir/internal/term"
)

// A costPage is a page that shows what policies cost.
type costPage struct {
	*page
	currency string
}

// printCost writes what policies cost, for people.
func printCost(s *streams, c *decide.Curve) error {
	p := costPage{newPage(s.out), c.Currency}
	fmt.Fprintln(p.w, p.Bold("weir cost"))
	p.answer(c)
	p.policies(c)
	p.curve(c)
	p.actions(c)
	p.sensitivity(c)
	p.doubts(c)
	return p.w.Flush()
}

// money writes an amount.
func (p costPage) money(x float64) string { return term.Amount(x, p.currency) }

// answer says which policy is the cheapest, and how sure that is.
func (p costPage) answer(c *decide.Curve) {
	best := c.Cheapest()
	text := fmt.Sprintf("Of three policies %q is the cheapest on these %s good and %s bad records: %s", best.Name, term.Count(c.Good),
		term.Count(c.Bad), p.money(best.Cost.Value))
	if c.Currency == "" {
		text += " (one is what it costs to block one good record)"
	}
	p.text(2, text+".")
	for _, x := range []struct {
		name  string
		saves decide.Money
	}{{decide.NeverBlock, c.SavesNever}, {decide.ByDefault, c.SavesDefault}} {
		switch {
		case x.saves.Low > 0:
			p.text(2, fmt.Sprintf("By cost saves %s against %q (%s to %s).", p.money(x.saves.Value), x.name, p.money(x.saves.Low), p.money(x.saves.High)))
		case x.saves.High < 0:
			p.text(2, fmt.Sprintf("By cost is %s dearer than %q (%s to %s).", p.money(-x.saves.Value), x.name, p.money(-x.saves.High), p.money(-x.saves.Low)))
		case x.saves.Low == 0 && x.saves.High == 0:
			p.text(2, fmt.Sprintf("By cost and %q cost the same here.", x.name))
		default:
			p.text(2, fmt.Sprintf("Whether by cost is cheaper than %q these records do not tell: it saves %s to %s.", x.name, p.money(x.saves.Low), p.money(x.saves.High)))
		}
	}
}

// policies writes the three side by side.
func (p costPage) policies(c *decide.Curve) {
	note := "with 95 % intervals"
	if c.Currency != "" {
		note = "in " + term.Clean(c.Currency) + ", " + note
	}
	p.heading("Three policies", note)
	width := max(p.width-66, 14)
	fmt.Fprintf(p.w, "  %-17s %11s %s %8s %7s %8s %7s\n", "", "cost", term.Pad("", width), "good", "", "bad", "")
	fmt.Fprintf(p.w, "  %-17s %11s %s %8s %7s %8s %7s\n", "", "", term.Pad("interval", width), "blocked", "clients", "through", "reviews")
	cheapest := c.Cheapest()
	for i := range c.Policies {
		x := &c.Policies[i]
		name := term.Pad(x.Name, 17)
		if x == cheapest {
			name = p.Green(name)
		}
		reviews := x.Actions[decide.Review]
		fmt.Fprintf(p.w, "  %s %11s %s %8s %7s %8s %7s\n", name, term.Amount(x.Cost.Value, ""), term.Pad(term.Cut(term.Amount(x.Cost.Low, "")+" to "+term.Amount(x.Cost.High, ""), width), width),
			term.Amount(math.Round(x.GoodBlocked), ""), term.Count(x.Clients), term.Amount(math.Round(x.BadThrough), ""), term.Count(reviews[0]+reviews[1]))
	}
	if n := c.Policies[2].Actions[decide.Challenge]; n[0]+n[1] > 0 {
		p.text(2, fmt.Sprintf("By cost asks %s good and %s bad records for a sign that they mean well.", term.Count(n[0]), term.Count(n[1])))
	}
	p.text(2, fmt.Sprintf("Blocking all would cost %s. Thresholds of the policy alone (block or let through) cost %s, the best that hindsight has %s: "+
		"regret %.3f.", p.money(c.BlockAll.Value), p.money(c.Chosen.Value), p.money(c.Possible), c.Regret))
	if c.Senders {
		p.text(2, decide.WithoutSenders)
	}
}

// curve draws cost over threshold.
func (p costPage) curve(c *decide.Curve) {
	if len(c.Points) < 3 || p.width < 60 {
		return
	}
	var at []decide.CurvePoint // with a place on the axis
	for _, x := range c.Points {
		if x.Threshold > 0 && x.Threshold < 1 {
			at = append(at, x)
		}
	}
	if len(at) < 2 {
		return
	}
	from := math.Max(decide.LogOdds(at[0].Threshold), -16)
	to := math.Min(decide.LogOdds(at[len(at)-1].Threshold), 16)
	if own := c.Threshold; own > 0 && own < 1 {
		from, to = min(from, decide.LogOdds(own)), max(to, decide.LogOdds(own))
	}
	if to-from < 1 {
		from, to = from-1, to+1
	}
	p.heading("Cost by threshold", "everything with at least this probability is blocked")
	columns := p.width - 24
	y := make([]float64, columns)
	k, top := 0, 0.0
	for i := range y {
		x := from + (to-from)*(float64(i)+.5)/float64(columns)
		for k+1 < len(c.Points) && decide.LogOdds(c.Points[k].Threshold) < x {
			k++
		}
		y[i] = c.Points[k].Cost.Value
		top = max(top, y[i])
	}
	if top == 0 {
		return
	}
	// Costs differ by powers of ten, so their axis is logarithmic.
	low := math.Log10(top)
	for i := range y {
		y[i] = math.Log10(max(y[i], top*1e-5))
		low = min(low, y[i])
	}
	text := asciigraph.Plot(y, asciigraph.Height(plotHeight), asciigraph.LowerBound(low), asciigraph.UpperBound(math.Log10(top)),
		asciigraph.YAxisValueFormatter(func(y float64) string { return fmt.Sprintf("%.3g", math.Pow(10, y)) }))
	lines := strings.Split(text, "\n")
	for _, l := range lines {
		fmt.Fprintf(p.w, "  %s\n", strings.TrimRight(l, " "))
	}
	axis := strings.IndexAny(lines[0], "┤┼")
	if axis < 0 {
		return
	}
	left := term.Width(lines[0][:axis]) + 3
	row := []rune(strings.Repeat(" ", left+columns+1))
	mark := func(threshold float64, sign rune) {
		x := (decide.LogOdds(threshold) - from) / (to - from)
		row[left+int(min(max(x, 0), 1)*float64(columns-1))] = sign
	}
	mark(c.Best.Threshold, 'o')
	if c.Threshold > 0 && c.Threshold < 1 {
		mark(c.Threshold, '^')
	}
	fmt.Fprintln(p.w, strings.TrimRight(string(row), " "))
	ends := fmt.Sprintf("%s%s", strings.Repeat(" ", left), probabilityText(decide.Probability(from)))
	last := probabilityText(decide.Probability(to))
	fmt.Fprintln(p.w, term.Pad(ends, left+columns-term.Width(last))+last)
	best := "blocks nothing"
	if c.Best.Threshold <= 1 {
		best = "is at " + probabilityText(c.Best.Threshold)
	}
	p.text(2, fmt.Sprintf("o: the least cost in hindsight, %s, %s. ^: the policy's own threshold, %s.", p.money(c.Best.Cost.Value), best, probabilityText(c.Threshold)))
}

// probabilityText writes a probability so that very small and very large ones can be told.
func probabilityText(p float64) string {
	switch {
	case p > 0 && p < .0005:
		return fmt.Sprintf("%.1e", p)
	case p < 1 && p > .9995:
		return fmt.Sprintf("1-%.0e", 1-p)
	}
	return fmt.Sprintf("%.3g", p)
}

// actions says what the policy does with which probability, by rule.
func (p costPage) actions(c *decide.Curve) {
	p.heading("What the policy does", "by the probability that a record is bad")
	const most = 20
	for i, k := range c.Classes {
		if i == most {
			fmt.Fprintf(p.w, "  … %s more; --json has them\n", plural(len(c.Classes)-i, "rule"))
			break
		}
		name := "(no rule)"
		if k.Name != "" {
			name = term.Clean(k.Name)
		}
		var steps []string
		for n, s := range k.Steps {
			if n == 0 {
				steps = append(steps, s.Action.String())
			} else {
				steps = append(steps, fmt.Sprintf("%s from %s", s.Action, probabilityText(s.From)))
			}
		}
		line := capital(strings.Join(steps, ", "))
		if len(c.Classes) > 1 {
			line = fmt.Sprintf("%s (%s records): %s", name, term.Count(k.Good+k.Bad), strings.Join(steps, ", "))
		}
		p.text(2, line+".")
	}
}

// sensitivity says which number matters most.
func (p costPage) sensitivity(c *decide.Curve) {
	if len(c.Sensitivities) == 0 {
		return
	}
	p.heading("How far a number may be off", "the one that matters most first")
	fmt.Fprintf(p.w, "  %-15s %9s %20s %19s %9s\n", "", "stated", "same policy cheapest", "same actions right", "cost/1 %")
	for _, x := range c.Sensitivities {
		fmt.Fprintf(p.w, "  %-15s %9s %20s %19s %+8.2f%%\n", x.Name, fmt.Sprintf("%.6g", x.Value), factors(x.Down, x.Up), factors(x.ActsDown, x.ActsUp), x.Elasticity)
	}
	p.text(2, "Factors by which the true number may differ while the cheapest of the three stays the cheapest, and while the actions that the stated "+
		"number leads to cost at most 5 % more than those that the true one would; the last column is by how much the cost by cost changes with 1 % more.")
	x := &c.Sensitivities[0]
	if x.UpCheapest != "" {
		p.text(2, fmt.Sprintf("If %s were %.3g times as high, %q would be the cheapest.", x.Name, x.Up, x.UpCheapest))
	}
	if x.DownCheapest != "" {
		p.text(2, fmt.Sprintf("If %s were %.3g of what it is said to be, %q would be the cheapest.", x.Name, x.Down, x.DownCheapest))
	}
}

// factors writes a range of factors.
func factors(down, up float64) string {
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

func (p costPage) doubts(c *decide.Curve) {
	p.heading("How sure", "")
	p.text(2, fmt.Sprintf("Probabilities are %s. Intervals come from %s of %s.", basisText(c.Basis), plural(c.Resamples, "resample"), plural(int(c.Entities), "sender")))
	for _, w := range c.Warnings {
		p.item(p.Yellow("!"), capital(term.Clean(w))+".")
	}
}

func basisText(b decide.Basis) string {
	switch b {
	case decide.Calibrated:
		return "calibrated on labelled records that were not learned"
	case decide.Mixture:
		return "of a hunt without labels"
	case decide.Few:
		return "from too few labelled records"
	}
	return "from before things changed"
}
