package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"weir/internal/cluster"
	"weir/internal/format"
	"weir/internal/hunt"
	"weir/internal/term"
)

// huntView is what the template draws of a hunt.
type huntView struct {
	Stories *stories  // nil where there are none
	Charts  []drawing // the logs, the window
	Scores  *drawing  // nil without clean windows
	Funnel  []funnelRow
	Rows    rows
	Logs    logs
	Hosts   string
	Zone    string
}

// Hunt writes the page of a hunt with its campaigns.
func Hunt(w io.Writer, r *hunt.Result, list []cluster.Campaign, o Options) error {
	p := &page{Title: "Hunt", Kind: "hunt", Warnings: slices.Clone(r.Warnings)}
	folds := r.Folds()
	v := &huntView{Zone: r.Zone.String(), Funnel: funnelRows(r), Logs: logsOf(r)}
	if len(r.Hosts) > 0 {
		v.Hosts = term.Clean(strings.Join(r.Hosts, ", "))
	}
	p.Hunt = v
	var err error
	if v.Stories, err = newStories(r, list); err != nil {
		return err
	}
	p.lead(r, folds, list)
	charts := []*chart{timesChart(r), windowChart(r)}
	for _, c := range charts {
		v.Charts = append(v.Charts, c.draw())
	}
	if v.Stories != nil {
		p.Sections = append(p.Sections, section{"campaigns", "Campaigns"})
	}
	p.Sections = append(p.Sections, section{"when", "When"})
	if len(r.Placebos) > 0 {
		c := scoreChart(r)
		d := c.draw()
		v.Scores = &d
		charts = append(charts, c)
		p.Sections = append(p.Sections, section{"sure", "How sure"})
	}
	p.Sections = append(p.Sections, section{"funnel", "Funnel"}, section{"suspects", "Suspects"}, section{"logs", "Logs"})
	if v.Rows, err = newRows(r, folds); err != nil {
		return err
	}
	return p.write(w, o, r.Zone, charts)
}

// level is the highest score of any clean window.
func level(r *hunt.Result) float64 {
	top := math.Inf(-1)
	for _, x := range r.Placebos {
		top = max(top, x.Top)
	}
	return top
}

// above counts the suspects that score above every clean window.
func above(r *hunt.Result) int {
	top, n := level(r), 0
	for n < r.Len() && r.Score(n) > top {
		n++
	}
	return n
}

// lead says the answer in plain words.
func (p *page) lead(r *hunt.Result, folds []hunt.Fold, list []cluster.Campaign) {
	left := r.Funnel[len(r.Funnel)-1].Left.Events
	switch {
	case len(folds) == 0:
		p.Lead = fmt.Sprintf("None of the %s in the window stands out from the rest of the logs.", plural(r.Suspicious, "event"))
	case r.Suspicious == 1:
		p.Lead = "The one event in the window does not look like the rest of the logs."
	case left == 1:
		p.Lead = fmt.Sprintf("1 of %s in the window does not look like the rest of the logs.", plural(r.Suspicious, "event"))
	default:
		p.Lead = fmt.Sprintf("%s of %s in the window do not look like the rest of the logs.", term.Count(left),
			plural(r.Suspicious, "event"))
	}
	var n []string
	told := 0
	for told < len(list) && !list[told].Noise {
		told++
	}
	if told > 0 {
		c := &list[0]
		n = append(n, fmt.Sprintf("They make %s. Look first at %s, %s.", plural(told, "campaign"), shown(c.Name, 200), when(r, c.First, c.Last)))
	}
	if len(r.Placebos) > 0 {
		n = append(n, fmt.Sprintf("By %s of the same length, at least %s of the window's events are bad; %s are expected to be.",
			plural(len(r.Placebos), "clean window"), percent(r.Share.Lower), percent(r.Share.Expect)))
	} else {
		n = append(n, "There was no clean window to compare with, so how much of the window is bad is not known.")
	}
	p.More = []string{strings.Join(n, " ")}

	var spans []string
	total := int64(0)
	for _, w := range r.Windows {
		spans = append(spans, openSpan(w, r.Zone))
		total += clip(w, r.Covered).Length()
	}
	p.Facts = []fact{
		{"Window", strings.Join(spans, "; "), length(total) + ", " + r.Zone.String()},
		{"Suspicious", term.Count(r.Suspicious), "against " + plural(r.Good, "known good event")},
		{"Left by the funnel", term.Count(left), inCampaigns(list, told) + ", in " + plural(len(folds), "row")},
	}
	if len(r.Placebos) > 0 {
		p.Facts = append(p.Facts, fact{"Bad, at least", percent(r.Share.Lower), percent(r.Share.Expect) + " expected"})
		if r.Len() > 0 {
			p.Facts = append(p.Facts, fact{"Best score", fmt.Sprintf("%.1f", r.Score(0)),
				fmt.Sprintf("%.1f is the best of a clean window", level(r))})
		}
	}
}

// openSpan writes a span whose ends may be open.
func openSpan(s hunt.Span, zone *time.Location) string {
	const far = int64(100 * 365 * day)
	switch from, to := at(s.From, zone).Format(toTheSecond), at(s.To, zone).Format(toTheSecond); {
	case s.Length() < far && s.Length() > 0:
		return spanText(s, zone)
	case s.From < -far && s.To > far:
		return "all of the logs"
	case s.From < -far:
		return "up to " + to
	default:
		return "from " + from
	}
}

// clip returns the part of a span that the logs cover.
func clip(s, covered hunt.Span) hunt.Span {
	return hunt.Span{From: max(s.From, covered.From), To: max(min(s.To, covered.To), max(s.From, covered.From))}
}

// A funnelRow is one step of the funnel.
type funnelRow struct {
	Name, Undo                       string
	Removed, Left, Clients, Contents string
	Share, Bar                       string // what is left of all that is suspicious; Bar is a width
}

func funnelRows(r *hunt.Result) []funnelRow {
	var out []funnelRow
	all := float64(max(1, r.Suspicious))
	for i, s := range r.Funnel {
		row := funnelRow{Name: term.Clean(s.Name), Left: term.Count(s.Left.Events), Clients: term.Count(s.Left.Clients),
			Contents: term.Count(s.Left.Contents), Share: percent(float64(s.Left.Events) / all),
			Bar: inPercent(float64(s.Left.Events) / all)}
		switch {
		case i == 0:
			row.Undo = "what happened in the window"
			if len(r.Hosts) > 0 {
				row.Undo = "what happened in the window on the hosts"
			}
		case s.Name == hunt.LearnedGood:
			row.Undo = "clean windows hold the like; --json --all shows it"
		default:
			flag, _, _ := strings.Cut(s.Name, " ")
			row.Undo = "leave out --" + term.Clean(flag)
		}
		if i > 0 {
			row.Removed = term.Count(s.Removed.Events)
		}
		out = append(out, row)
	}
	return out
}

// logs is what was read.
type logs struct {
	Records, Span string
	Formats       []formatRow
	Faults        []string
	LeftOut       []hunt.LeftOut
	Notes         []string
}

type formatRow struct{ Name, Files, Records, Untimed, Malformed string }

// Bounds of what is said about the logs.
const (
	maxFaults  = 20
	maxLeftOut = 40
)

// inCampaigns says in how many campaigns suspects are, and how many in none.
func inCampaigns(list []cluster.Campaign, told int) string {
	text := "in " + plural(told, "campaign")
	if told < len(list) {
		text += " (" + term.Count(list[told].Events) + " in none)"
	}
	return text
}

func logsOf(r *hunt.Result) logs {
	l := logs{Span: spanText(r.Covered, r.Zone) + " (" + length(r.Covered.Length()) + ")",
		Records: plural(r.Summary.Records(), "record") + " in " + plural(len(r.Summary.Files), "file")}
	more := 0
	fault := func(text string) {
		if len(l.Faults) == maxFaults {
			more++
			return
		}
		l.Faults = append(l.Faults, text)
	}
	for _, f := range r.Summary.ByName() {
		faultsOf(&f, fault)
	}
	for _, t := range r.Summary.ByFormat() {
		l.Formats = append(l.Formats, formatRow{term.Clean(t.Format), term.Count(t.Files), term.Count(t.Records), some(t.Untimed), some(t.Malformed)})
	}
	if more > 0 {
		l.Faults = append(l.Faults, "and "+plural(more, "more fault"))
	}
	for _, x := range r.LeftOut[:min(len(r.LeftOut), maxLeftOut)] {
		l.LeftOut = append(l.LeftOut, hunt.LeftOut{Field: shown(x.Field, 80), Reason: term.Clean(x.Reason)})
	}
	if n := len(r.LeftOut) - maxLeftOut; n > 0 {
		l.LeftOut = append(l.LeftOut, hunt.LeftOut{Field: fmt.Sprintf("… and %d more", n)})
	}
	if r.Ignored > 0 {
		l.Notes = append(l.Notes, plural(r.Ignored, "event")+" ignored, as --ignore says.")
	}
	if r.Unused > 0 {
		l.Notes = append(l.Notes, plural(r.Unused, "event")+" outside the spans of --good not used.")
	}
	return l
}

// some writes a count, or nothing for none.
func some(n int64) string {
	if n == 0 {
		return "–"
	}
	return term.Count(n)
}

func faultsOf(f *format.FileSummary, fault func(string)) {
	name := shown(f.Name, 200)
	if f.Err != "" {
		fault(name + ": " + shown(f.Err, 300))
	}
	for _, w := range f.Warnings {
		fault(name + ": " + shown(w, 300))
	}
	for _, x := range f.Faults {
		text := fmt.Sprintf("%s: %s not read, %s", name, plural(x.Count, "line"), shown(x.Reason, 200))
		if len(x.Examples) > 0 {
			text += fmt.Sprintf("; first at line %d: %s", x.Examples[0].Line, shown(x.Examples[0].Excerpt, 160))
		}
		fault(text)
	}
}
