package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"weir/internal/cluster"
	"weir/internal/format"
	"weir/internal/hunt"
	"weir/internal/term"
)

// A page is text for people: sections with a heading, at most width columns.
type page struct {
	w     *bufio.Writer
	width int
	term.Style
}

func newPage(w io.Writer) *page {
	_, plain := os.LookupEnv("NO_COLOR")
	return &page{bufio.NewWriter(w), width(w), term.Style{Colour: isTerminal(w) && !plain && os.Getenv("TERM") != "dumb"}}
}

// heading starts a section.
func (p *page) heading(title, note string) {
	fmt.Fprintf(p.w, "\n%s", p.Bold(title))
	if note != "" {
		fmt.Fprintf(p.w, "  %s", p.Dim(note))
	}
	fmt.Fprintln(p.w)
}

// text writes wrapped, indented text.
func (p *page) text(indent int, s string) {
	for _, line := range term.Wrap(s, p.width-indent) {
		fmt.Fprintf(p.w, "%*s%s\n", indent, "", line)
	}
}

// item is text with a mark before its first line.
func (p *page) item(mark, s string) {
	lead := "  " + mark + " "
	for _, line := range term.Wrap(s, p.width-term.Width(lead)) {
		fmt.Fprintf(p.w, "%s%s\n", lead, line)
		lead = strings.Repeat(" ", term.Width(lead))
	}
}

// warn writes what is to be doubted. It may name directories.
func (p *page) warn(list []string) {
	for _, w := range list {
		p.item(p.Yellow("!"), term.Clean(w))
	}
}

const defaultRows = 20

// printHunt writes the answer of a hunt for people: as campaigns, or as rows.
func printHunt(s *streams, r *hunt.Result, list []cluster.Campaign, f *huntFlags) error {
	p := newPage(s.out)
	p.question(r, "weir hunt")
	p.read(r.Summary)
	p.leftOut(r)
	p.funnel(r)
	p.level(r)
	var err error
	if f.rows {
		err = p.suspects(r, f.limitOr(defaultRows))
	} else {
		err = p.campaigns(r, list, f)
	}
	if err != nil {
		return err
	}
	p.next(r, f)
	return p.w.Flush()
}

func (p *page) question(r *hunt.Result, command string) {
	fmt.Fprintln(p.w, p.Bold(command))
	for _, w := range r.Windows {
		p.entry("window", spanText(w, r.Zone))
	}
	hosts := "any"
	if len(r.Hosts) > 0 {
		hosts = strings.Join(r.Hosts, ", ")
	}
	p.entry("hosts", term.Clean(hosts))
	p.entry("logs", spanText(r.Covered, r.Zone))
	p.entry("zone", r.Zone.String())
}

// entry writes a name with its value.
func (p *page) entry(name, value string) {
	lead := fmt.Sprintf("  %-8s", name)
	for _, line := range term.Wrap(value, p.width-len(lead)) {
		fmt.Fprintf(p.w, "%s%s\n", lead, line)
		lead = strings.Repeat(" ", len(lead))
	}
}

// spanText writes a span with its length.
func spanText(s hunt.Span, zone *time.Location) string {
	if s.Length() > int64(100*365*24*time.Hour) {
		return "open-ended"
	}
	from, to := time.Unix(0, s.From).In(zone), time.Unix(0, s.To).In(zone)
	end := to.Format("2006-01-02 15:04:05")
	if from.Format("2006-01-02") == to.Format("2006-01-02") {
		end = to.Format("15:04:05")
	}
	return fmt.Sprintf("%s to %s (%s)", from.Format("2006-01-02 15:04:05"), end, length(s.Length()))
}

// length writes a duration in its two largest units.
func length(ns int64) string {
	d := time.Duration(ns).Round(time.Second)
	days, hours, minutes, seconds := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0 && hours > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case days > 0:
		return fmt.Sprintf("%d d", days)
	case hours > 0 && minutes > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%d h", hours)
	case minutes > 0 && seconds > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	case minutes > 0:
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d s", seconds)
}

func (p *page) read(s *format.Summary) {
	note := fmt.Sprintf("%s from %s", plural(int(s.Records()), "record"), plural(len(s.Files), "file"))
	p.heading("Read", note)
	for _, l := range s.ByFormat() {
		text := fmt.Sprintf("%-10s %20s in %s", l.Format, plural(int(l.Records), "record"), plural(int(l.Files), "file"))
		if l.Untimed > 0 {
			text += fmt.Sprintf(", %s without a time", term.Count(l.Untimed))
		}
		if l.Malformed > 0 {
			text += ", " + p.Yellow(fmt.Sprintf("%s malformed", term.Count(l.Malformed)))
		}
		fmt.Fprintf(p.w, "  %s\n", text)
	}
	p.faults(s)
}

const (
	maxFaults   = 6
	maxExamples = 3
)

// faults shows what could not be read, by reason, with the first places.
func (p *page) faults(s *format.Summary) {
	shown, more := 0, 0
	for _, f := range s.ByName() {
		name := term.Clean(f.Name)
		if f.Err != "" {
			p.item(p.Red("!"), name+": "+term.Clean(f.Err))
		}
		for _, w := range f.Warnings {
			p.item(p.Yellow("!"), name+": "+term.Clean(w))
		}
		for _, fault := range f.Faults {
			if shown++; shown > maxFaults {
				more++
				continue
			}
			var at []string
			for _, e := range fault.Examples[:min(len(fault.Examples), maxExamples)] {
				at = append(at, fmt.Sprint(e.Line))
			}
			p.item(p.Yellow("!"), fmt.Sprintf("%s: %s not read, %s: line %s", name, plural(int(fault.Count), "line"),
				term.Clean(fault.Reason), strings.Join(at, ", ")))
			if len(fault.Examples) > 0 {
				fmt.Fprintf(p.w, "      %s\n", p.Dim(term.Cut(term.Clean(fault.Examples[0].Excerpt), p.width-6)))
			}
		}
	}
	if more > 0 {
		p.item(" ", fmt.Sprintf("and %s more", plural(more, "kind of fault")))
	}
}

func (p *page) leftOut(r *hunt.Result) {
	p.heading("Compared", fmt.Sprintf("%s with %s known good", plural(r.Suspicious, "suspicious event"), term.Count(r.Good)))
	if r.Ignored > 0 {
		p.text(2, fmt.Sprintf("%s ignored.", plural(int(r.Ignored), "event")))
	}
	if r.Unused > 0 {
		p.text(2, fmt.Sprintf("%s outside the --good spans not used.", plural(int(r.Unused), "event")))
	}
	for i, l := range r.LeftOut {
		if i == maxFaults {
			p.text(2, fmt.Sprintf("and %d more fields left out", len(r.LeftOut)-i))
			break
		}
		p.text(2, fmt.Sprintf("Left out %s: %s.", term.Clean(l.Field), l.Reason))
	}
}

func (p *page) funnel(r *hunt.Result) {
	p.heading("Funnel", "what each step removed, and what it left")
	fmt.Fprintf(p.w, "  %-26s %10s %10s %9s %9s %6s\n", "", "removed", "events", "clients", "contents", "share")
	for i, s := range r.Funnel {
		name := s.Name
		removed := term.Count(s.Removed.Events)
		if i == 0 {
			removed = ""
		}
		share := 100 * float64(s.Left.Events) / float64(max(1, r.Suspicious))
		fmt.Fprintf(p.w, "  %s %10s %10s %9s %9s %5.1f%%\n", term.Pad(term.Cut(term.Clean(name), 26), 26), removed,
			term.Count(s.Left.Events), term.Count(s.Left.Clients), term.Count(s.Left.Contents), share)
	}
}

// level says how sure one can be.
func (p *page) level(r *hunt.Result) {
	n := len(r.Placebos)
	if n == 0 {
		p.heading("How sure", "")
	} else {
		top := r.Placebos[0].Top
		for _, x := range r.Placebos {
			top = max(top, x.Top)
		}
		best := r.Score(0)
		p.heading("How sure", fmt.Sprintf("against %s of the same length", plural(n, "clean window")))
		p.text(2, capital(r.Matching)+".")
		p.text(2, fmt.Sprintf("A score is how many standard deviations an event lies above what clean windows give to the same "+
			"kind of record. Best score here: %.1f; best in a clean window: %.1f. No p-value is below 1/%d with %s.", best, top,
			n+1, plural(n, "clean window")))
		above := 0
		for i := 0; i < r.Len() && r.Score(i) > top; i++ {
			above++
		}
		p.text(2, fmt.Sprintf("%s above every clean window. By the clean windows at least %.1f %% of the suspicious events are "+
			"bad; expected are %.1f %%. A break-in that goes on in a clean window would hide: --ignore leaves such spans out.",
			capital(plural(above, "event scores")), 100*r.Share.Lower, 100*r.Share.Expect))
	}
	p.warn(r.Warnings)
}

func (p *page) suspects(r *hunt.Result, limit int) error {
	folds := r.Folds()
	left := r.Funnel[len(r.Funnel)-1].Left
	p.heading("Suspects", fmt.Sprintf("%s in %s, best first", plural(left.Events, "event"), plural(len(folds), "row")))
	if len(folds) == 0 {
		p.text(2, "Nothing in the window stands out from known good.")
		return nil
	}
	for i := range folds[:min(len(folds), limit)] {
		if err := p.suspect(r, i+1, &folds[i]); err != nil {
			return err
		}
	}
	if len(folds) > limit {
		fmt.Fprintf(p.w, "\n  … %s more; --limit N shows them\n", plural(len(folds)-limit, "row"))
	}
	return nil
}

const (
	maxFor     = 4
	maxAgainst = 2
	quiet      = .1 // votes that are not worth a line
)

func (p *page) suspect(r *hunt.Result, n int, f *hunt.Fold) error {
	s, err := r.Suspect(f.Best)
	if err != nil {
		return err
	}
	when := time.Unix(0, f.First).In(r.Zone).Format("01-02 15:04:05")
	if f.Last/1e9 > f.First/1e9 {
		when += " to " + time.Unix(0, f.Last).In(r.Zone).Format("15:04:05")
	}
	fmt.Fprintf(p.w, "\n%s  score %s  %.0f %% %s  %s\n", p.Bold(fmt.Sprintf("%3d", n)), p.Bold(fmt.Sprintf("%.1f", s.Score)),
		100*s.Probability, p.verdict(s.Verdict), when)
	what := plural(len(f.Members), "event")
	if f.Contents > 1 {
		what += ", " + plural(f.Contents, "distinct one")
	}
	switch {
	case f.Clients > 1:
		what += ", from " + plural(f.Clients, "client")
	case s.Client != "":
		what += ", from " + term.Clean(s.Client)
	}
	fmt.Fprintf(p.w, "     %s\n", term.Cut(what, p.width-5))
	where := fmt.Sprintf("%s:%d", term.Clean(s.File), s.Line)
	fmt.Fprintf(p.w, "     %s\n", p.Cyan(term.CutMiddle(where, p.width-5)))
	for _, line := range rawLines(term.Clean(string(s.Raw[:min(len(s.Raw), 4096)])), p.width-5, 2) {
		fmt.Fprintf(p.w, "     %s\n", line)
	}
	p.clues(s.Evidence)
	return p.examples(r, f)
}

func (p *page) verdict(v hunt.Verdict) string {
	switch v {
	case hunt.VerdictBad:
		return p.Red(string(v))
	case hunt.VerdictGood:
		return p.Green(string(v))
	}
	return p.Yellow(string(v))
}

// clues writes the strongest clues, first those that tell this row from the others.
func (p *page) clues(evidence []hunt.Evidence) {
	pro, con := 0, 0
	for _, common := range []bool{false, true} {
		for _, e := range evidence {
			if e.Common != common || e.Vote > -quiet && e.Vote < quiet {
				continue
			}
			if e.Vote > 0 && pro < maxFor {
				pro++
				p.clue(&e, 5)
			}
		}
	}
	for _, e := range evidence {
		if e.Vote < -quiet && con < maxAgainst {
			con++
			p.clue(&e, 5)
		}
	}
}

const maxExamplesOfRow = 3

// examples shows what else a row holds, a line each.
func (p *page) examples(r *hunt.Result, f *hunt.Fold) error {
	for _, i := range r.Examples(f, maxExamplesOfRow) {
		s, err := r.Suspect(i)
		if err != nil {
			return err
		}
		where := term.CutMiddle(fmt.Sprintf("%s:%d", term.Clean(s.File), s.Line), p.width-10)
		fmt.Fprintf(p.w, "     and  %s\n", p.Cyan(where))
		fmt.Fprintf(p.w, "          %s\n", p.Dim(term.Cut(term.Clean(string(s.Raw[:min(len(s.Raw), 4096)])), p.width-10)))
	}
	return nil
}

// rawLines cuts a raw line into at most n lines of width columns.
func rawLines(s string, width, n int) []string {
	var out []string
	for len(out) < n-1 && term.Width(s) > width {
		head := strings.TrimSuffix(term.Cut(s, width+1), "…")
		out = append(out, head)
		s = s[len(head):]
	}
	return append(out, term.Cut(s, width))
}

// clue writes one line of evidence: what it added, the token, and how often it comes with bad and with good.
func (p *page) clue(e *hunt.Evidence, indent int) {
	sign := p.Red(fmt.Sprintf("%+6.1f", e.Vote))
	if e.Vote < 0 {
		sign = p.Green(fmt.Sprintf("%+6.1f", e.Vote))
	}
	shares := shareText(e)
	room := max(p.width-indent-6-1-2-2-term.Width(shares), 20)
	name := term.CutMiddle(term.Clean(e.Token), room)
	fmt.Fprintf(p.w, "%*s%s %s  %s\n", indent, "", sign, term.Pad(name, room), p.Dim(shares))
	if e.Words != "" && e.Vote > 0 {
		for _, line := range term.Wrap(term.Clean(e.Words), p.width-indent-7) {
			fmt.Fprintf(p.w, "%*s%s\n", indent+7, "", line)
		}
	}
}

func shareText(e *hunt.Evidence) string {
	return fmt.Sprintf("in %s of bad, %s of good", percent(e.BadShare, e.Bad), percent(e.GoodShare, e.Good))
}

// percent writes a share so that something never reads as nothing.
func percent(share float64, n uint32) string {
	switch {
	case n == 0:
		return "none"
	case share >= .0995:
		return fmt.Sprintf("%.0f %%", 100*share)
	case share >= .00995:
		return fmt.Sprintf("%.1f %%", 100*share)
	case n < 10:
		return fmt.Sprintf("%d", n)
	case share >= .0001:
		return fmt.Sprintf("%.2f %%", 100*share)
	}
	return term.Count(n)
}

// next says what to try, from what was and was not asked.
func (p *page) next(r *hunt.Result, f *huntFlags) {
	p.heading("Next", "")
	if left := r.Funnel[len(r.Funnel)-1].Left; left.Events > 0 {
		i := 0
		for i+1 < r.Len() && r.Narrowed(i) {
			i++
		}
		file, line := r.Place(i)
		place := "'" + strings.ReplaceAll(fmt.Sprintf("%s:%d", file, line), "'", `'\''`) + "'"
		p.tip("weir related "+term.Clean(place)+" LOG...", "what else shares the best suspect's rare tokens")
	}
	if !f.knownClients && r.Clients > 1 {
		p.tip("--drop-known-clients", "leaves only clients that known good never saw")
	}
	if len(r.Hosts) == 0 {
		p.tip("--host HOST", "only that machine's events are suspicious, the others' become known good")
	}
	if len(r.Placebos) < 5 {
		p.tip("more logs", "days before and after make more clean windows and a sharper ranking")
	}
	rows := "--rows"
	if f.objects == campaignObjects { // which has no such flag
		rows = "weir hunt --rows"
	}
	if f.rows {
		p.tip("without --rows", "the same suspects as campaigns, with their steps in the order of time")
	} else {
		p.tip(rows, "the same suspects by likeness alone, each row with more clues and examples")
		p.tip("--all", "every campaign with every step")
	}
	p.tip("--json --all", "keeps every event with its clues; weir campaigns --json --all every campaign with its lines")
}

// tip writes what to type, and below it what that does.
func (p *page) tip(command, what string) {
	fmt.Fprintf(p.w, "  %s\n", p.Bold(term.CutMiddle(command, p.width-2)))
	p.text(6, what)
}

// plural writes a count with its noun: "1 event", "2 events", "3 kinds of fault".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	first, rest, found := strings.Cut(noun, " of ")
	if found {
		return term.Count(n) + " " + first + "s of " + rest
	}
	if verb, ok := strings.CutSuffix(noun, " scores"); ok {
		return term.Count(n) + " " + verb + "s score"
	}
	return term.Count(n) + " " + noun + "s"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
