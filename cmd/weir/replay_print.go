package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"weir/internal/decide"
	"weir/internal/term"
)

// A replayPage is a page that shows a replay.
type replayPage struct {
	*page
	r     *rerun
	money func(float64) string
}

func printReplay(s *streams, r *rerun, res *decide.ReplayResult, f *replayFlags) error {
	p := replayPage{newPage(s.out), r, moneyIn(r.policy.Currency)}
	p.question(res, f)
	p.answer(res)
	p.threePolicies(res)
	p.wrong(res)
	limit := f.limit
	if limit == 0 {
		limit = 10
	}
	p.blocks(res, limit)
	p.reviews(res, limit)
	p.doubts(res)
	return p.w.Flush()
}

// sentence is a warning with a capital and a stop.
func sentence(text string) string {
	text = capital(term.Clean(text))
	if strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

func kindsText(pol *decide.Policy) string {
	var out []string
	for _, k := range pol.Entities {
		out = append(out, k.String())
	}
	return strings.Join(out, ", ")
}

func (p replayPage) question(res *decide.ReplayResult, f *replayFlags) {
	fmt.Fprintln(p.w, p.Bold("weir replay"))
	if f.policy != "" {
		p.entry("policy", term.Clean(f.policy))
	} else {
		p.entry("policy", fmt.Sprintf("one miss hurts as much as %g wrong blocks; costs are in wrong blocks", f.ratio))
	}
	if p.r.trained {
		p.entry("filter", fmt.Sprintf("trained on what lies before: %s good and %s bad records", term.Count(p.r.filter.Good), term.Count(p.r.filter.Bad)))
	} else {
		p.entry("filter", term.Clean(f.filter))
	}
	p.entry("span", momentText(res.First, res.Last, p.r.zone)+", "+p.r.zone.String())
	n := &res.Records
	text := plural(int(n.Records()), "record")
	if p.r.labels {
		text += fmt.Sprintf(": %s known good, %s marked bad", term.Count(n.Good), term.Count(n.Bad))
		if n.Unknown > 0 {
			text += fmt.Sprintf(", %s unknown (about %.0f of them bad)", term.Count(n.Unknown), n.ExpectedBad)
		}
	} else {
		text += fmt.Sprintf(", none with a label; about %.0f of them bad, says the filter", n.ExpectedBad)
	}
	if res.Before > 0 {
		text += fmt.Sprintf("; before them %s as the past", term.Count(res.Before))
	}
	p.entry("records", text)
}

// answer says in words what came out.
func (p replayPage) answer(res *decide.ReplayResult) {
	c, never, byDefault := res.ByCost.Total(), res.Never.Total(), res.Default.Total()
	p.heading("Answer", "")
	var text string
	switch {
	case res.ByCost.Blocks+res.ByCost.Challenges+res.ByCost.Reviews+res.ByCost.Watched == 0:
		text = "By cost nobody would have been blocked, asked, watched or reviewed: nothing that the filter saw was worth it."
	default:
		text = fmt.Sprintf("By cost there would have been %s", plural(int(res.ByCost.Blocks), "block"))
		if n := res.ByCost.Challenges; n > 0 {
			text += fmt.Sprintf(", %s", plural(int(n), "challenge"))
		}
		if n := res.ByCost.Watched; n > 0 {
			text += fmt.Sprintf(", %s watched", plural(int(n), "suspect"))
		}
		text += fmt.Sprintf(" and %s.", plural(int(res.ByCost.Reviews), "review"))
	}
	cheapest := math.Min(never, byDefault)
	switch {
	case c < cheapest:
		text += fmt.Sprintf(" That costs %s: %s less than never to block, %s less than to block by default.", p.money(c), p.money(never-c), p.money(byDefault-c))
	case c == cheapest:
		text += fmt.Sprintf(" That costs %s, as much as the cheaper of the others.", p.money(c))
	case never < byDefault:
		text += fmt.Sprintf(" That costs %s, %s more than never to block.", p.money(c), p.money(c-never))
	default:
		text += fmt.Sprintf(" That costs %s, %s more than to block by default.", p.money(c), p.money(c-byDefault))
	}
	p.text(2, text)
	for _, w := range res.Warnings { // beside the answer: who reads only this should see them
		p.item(p.Yellow("!"), sentence(w))
	}
}

func (p replayPage) threePolicies(res *decide.ReplayResult) {
	note := "by labels"
	if !p.r.labels {
		note = "as the filter expects it"
	}
	p.heading("Three policies", note)
	all := []*decide.Outcome{&res.Never, &res.Default, &res.ByCost}
	row := func(name string, of func(o *decide.Outcome) string) {
		line := fmt.Sprintf("  %-22s", name)
		for _, o := range all {
			line += fmt.Sprintf(" %17s", of(o))
		}
		fmt.Fprintln(p.w, line)
	}
	row("", func(o *decide.Outcome) string { return o.Name })
	row("cost in all", func(o *decide.Outcome) string { return p.money(o.Total()) })
	if p.r.labels && res.Records.Unknown > 0 {
		row("  by labels", func(o *decide.Outcome) string { return p.money(o.Known) })
		row("  unknown, expected", func(o *decide.Outcome) string { return p.money(o.Expected) })
	}
	if res.ByCost.Work > 0 {
		row("  work", func(o *decide.Outcome) string { return p.money(o.Work) })
	}
	count := func(name string, of func(o *decide.Outcome) int64) {
		row(name, func(o *decide.Outcome) string { return term.Count(of(o)) })
	}
	if res.Records.Good > 0 {
		count("good kept out", func(o *decide.Outcome) int64 { return o.Blocked.Good })
		count("  their senders", func(o *decide.Outcome) int64 { return o.GoodClients })
	}
	if res.Records.Bad > 0 {
		count("bad kept out", func(o *decide.Outcome) int64 { return o.Blocked.Bad })
		count("bad let through", func(o *decide.Outcome) int64 { return o.Through.Bad })
	}
	if res.Records.Unknown > 0 {
		count("unknown kept out", func(o *decide.Outcome) int64 { return o.Blocked.Unknown })
	}
	if res.ByCost.Challenges > 0 {
		count("good asked", func(o *decide.Outcome) int64 { return o.Challenged.Good })
		count("bad asked", func(o *decide.Outcome) int64 { return o.Challenged.Bad })
		count("challenges", func(o *decide.Outcome) int64 { return o.Challenges })
	}
	count("blocks", func(o *decide.Outcome) int64 { return o.Blocks })
	if res.Records.Good > 0 {
		count("  that hit good", func(o *decide.Outcome) int64 { return o.WrongBlocks })
	}
	count("reviews", func(o *decide.Outcome) int64 { return o.Reviews })
}

func (p replayPage) wrong(res *decide.ReplayResult) {
	if res.Wrong == nil {
		return
	}
	p.heading("Blocks by cost that hit good", "the first, and the costliest")
	p.treatment(res.Wrong)
	if res.Worst != nil && res.Worst != res.Wrong {
		p.treatment(res.Worst)
	}
}

// blocks shows those that stopped the most, then the rest in number.
func (p replayPage) blocks(res *decide.ReplayResult, limit int) {
	n := len(res.Blocks)
	if n == 0 {
		return
	}
	p.heading("Blocks by cost", "those that kept out the most first")
	order := make([]*decide.Treatment, n)
	for i := range res.Blocks {
		order[i] = &res.Blocks[i]
	}
	slices.SortStableFunc(order, func(a, b *decide.Treatment) int { return int(min(1, max(-1, b.Hit.Records()-a.Hit.Records()))) })
	for _, t := range order[:min(n, limit)] {
		p.treatment(t)
	}
	p.more(n-limit, "block")
}

func (p replayPage) more(n int, noun string) {
	if n > 0 {
		fmt.Fprintf(p.w, "  … %s more; --limit N shows them\n", plural(n, noun))
	}
}

// entity writes whom a decision is about.
func (r *rerun) entity(e decide.Entity) string {
	if name, ok := r.names[e]; ok {
		return name
	}
	return fmt.Sprintf("#%016x", e.Hash)
}

func (p replayPage) treatment(t *decide.Treatment) {
	where := fmt.Sprintf("%s:%d", p.r.inputName(t.Trigger), t.Trigger.Line)
	verb := map[decide.Action]string{decide.Block: "blocked", decide.Challenge: "asked", decide.Review: "to review", decide.Observe: "watched"}[t.Action]
	head := fmt.Sprintf("%s, %s", t.Entity.Kind, verb)
	if t.Action >= decide.Challenge {
		head += " for " + decide.DurationText(t.Duration)
	}
	fmt.Fprintf(p.w, "  %s  %s  %s\n", time.Unix(0, t.From).In(p.r.zone).Format("01-02 15:04:05"),
		p.Cyan(term.CutMiddle(term.Clean(p.r.entity(t.Entity)), max(20, p.width-60))), head)
	var met []string
	add := func(n int64, what string) {
		if n > 0 {
			met = append(met, term.Count(n)+" "+what)
		}
	}
	add(t.Hit.Bad, "bad")
	add(t.Hit.Good, "good")
	add(t.Hit.Unknown, "unknown")
	text := ""
	switch {
	case t.Action < decide.Challenge:
	case len(met) == 0:
		text = "Nobody came. "
	default:
		text = "Met " + strings.Join(met, ", ") + ". "
		if t.GoodCost > 0 {
			text += fmt.Sprintf("The good ones cost %s. ", p.money(t.GoodCost))
		}
	}
	text += fmt.Sprintf("%s, bad with %s: ", term.Clean(where), shareOf(t.P))
	p.text(18, text+t.Why(p.money)+".")
}

func (p replayPage) reviews(res *decide.ReplayResult, limit int) {
	n := len(res.Reviews)
	if n == 0 {
		return
	}
	note := plural(n, "suspect")
	if p.r.labels {
		note += fmt.Sprintf(", %s of them bad", term.Count(res.BadReviews))
	}
	p.heading("Reviews by cost", note)
	for i := range res.Reviews[:min(n, limit)] {
		p.treatment(&res.Reviews[i])
	}
	p.more(n-limit, "review")
}

func (p replayPage) doubts(res *decide.ReplayResult) {
	p.heading("How sure", "")
	p.text(2, "Blocks take effect after the record that led to them, and those who are blocked are taken to do what they did: a real "+
		"attacker would have come back from elsewhere, and a real customer complained. A decision that is left to a person counts as made at once.")
	if d := p.r.policy.Defaults(); len(d) > 0 && p.r.policy.Currency != "" {
		p.item(p.Yellow("!"), fmt.Sprintf("The policy does not say %s; weir takes what 'weir policy example' shows.", strings.Join(d, ", ")))
	}
}
