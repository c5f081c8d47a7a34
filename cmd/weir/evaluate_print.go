package main

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/guptarohit/asciigraph"

	"weir/internal/calibrate"
	"weir/internal/eval"
	"weir/internal/term"
)

// An evaluationPage is a page that shows an evaluation.
type evaluationPage struct{ *page }

// printEvaluation writes an evaluation for people.
func printEvaluation(s *streams, e *eval.Evaluation) error {
	p := evaluationPage{newPage(s.out)}
	fmt.Fprintln(p.w, p.Bold("weir evaluate"))
	p.summary(e)
	p.confusion(e)
	p.figures(e)
	p.curves(e)
	p.calibration(e)
	p.kinds(e)
	p.verdicts(e)
	p.doubts(e)
	return p.w.Flush()
}

// summary says in words what came out.
func (p evaluationPage) summary(e *eval.Evaluation) {
	c := &e.Confusion
	var said []string
	if e.Bad > 0 {
		said = append(said, fmt.Sprintf("Of %s %s called so (%s).", plural(e.Bad, "bad record"), were(c.TruePositives),
			shareOf(e.Recall.Value)))
	} else {
		said = append(said, "There are no bad records.")
	}
	if e.Good > 0 {
		said = append(said, fmt.Sprintf("Of %s %s called bad (%s).", plural(e.Good, "good one"), were(c.FalsePositives),
			shareOf(e.FPR.Value)))
	} else {
		said = append(said, "There are no good records.")
	}
	if e.AUC.N > 0 {
		said = append(said, fmt.Sprintf("A bad record scores higher than a good one in %s of all pairs.", shareOf(e.AUC.Value)))
	}
	p.text(2, strings.Join(said, " "))
}

func were(n int) string {
	if n == 1 {
		return "1 was"
	}
	return term.Count(n) + " were"
}

// shareOf writes a share as a percentage with as many digits as tell it from none and from all.
func shareOf(x float64) string { return percentage(x) + " %" }

func percentage(x float64) string {
	switch {
	case x <= 0 || x >= 1:
		return fmt.Sprintf("%.0f", 100*x)
	case x < 1e-7:
		return "< 0.00001"
	case 1-x < 1e-7:
		return "> 99.99999"
	}
	digits := 1
	for unit := 5e-4; (x < unit || 1-x < unit) && digits < 5; unit /= 10 {
		digits++
	}
	return fmt.Sprintf("%.*f", digits, 100*x)
}

// within writes a figure with its interval.
func within(x eval.Estimate) string {
	if x.N == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%s (%s to %s)", shareOf(x.Value), percentage(x.Low), percentage(x.High))
}

func (p evaluationPage) confusion(e *eval.Evaluation) {
	c := &e.Confusion
	p.heading("Confusion", fmt.Sprintf("called bad at a probability of %s or more", shareOf(e.Threshold)))
	fmt.Fprintf(p.w, "  %-12s %13s %13s %13s\n", "", "called bad", "called good", "together")
	row := func(name string, bad, good int) {
		fmt.Fprintf(p.w, "  %-12s %13s %13s %13s\n", name, term.Count(bad), term.Count(good), term.Count(bad+good))
	}
	row("bad", c.TruePositives, c.FalseNegatives)
	row("good", c.FalsePositives, c.TrueNegatives)
}

func (p evaluationPage) figures(e *eval.Evaluation) {
	p.heading("Figures", "with 95 % intervals")
	line := func(name string, x eval.Estimate, what string) {
		fmt.Fprintf(p.w, "  %-18s %s %s\n", name, term.Pad(within(x), 24), p.Dim(term.Cut(what, p.width-46)))
	}
	line("recall", e.Recall, "of bad, how much is called bad")
	line("false positives", e.FPR, "of good, how much is called bad")
	line("precision", e.Precision, fmt.Sprintf("where %s is bad", shareOf(float64(e.Bad)/float64(e.Bad+e.Good))))
	line("F1", e.F1, "of precision and recall")
	line("accuracy", e.Accuracy, "called what they are")
	line("AUC", e.AUC, "pairs in the right order")
	line("average precision", e.AP, "over all thresholds")
	line("recall at 1 %", e.RecallAt1, "at 1 % false positives")
	line("price of 95 %", e.FPRAt95, "false positives at 95 % recall")
}

const plotHeight = 8

// curves draws ROC and PR side by side.
func (p evaluationPage) curves(e *eval.Evaluation) {
	if len(e.ROC) == 0 {
		return
	}
	p.heading("Curves", "")
	half := (p.width - 2) / 2
	decades := min(max(int(math.Ceil(math.Log10(float64(e.Good)))), 1), 5)
	roc := plot(half-9, -float64(decades), 0, decades+1, func(x float64) float64 { return recallAt(e.ROC, math.Pow(10, x)) },
		func(x float64) string { return fmt.Sprintf("%g%%", 100*math.Pow(10, math.Round(x))) })
	pr := plot(half-9, 0, 1, 3, func(x float64) float64 { return precisionAt(e.PR, x) },
		func(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) })
	fmt.Fprintf(p.w, "  %s%s\n", term.Pad("bad found, by good flagged", half), "precision, by bad found")
	for i := range max(len(roc), len(pr)) {
		line := term.Pad(plotLine(roc, i), half) + plotLine(pr, i)
		fmt.Fprintf(p.w, "  %s\n", strings.TrimRight(line, " "))
	}
}

func plotLine(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// plot draws f from one x to another, in so many columns besides the axis; f is 0 to 1.
func plot(columns int, from, to float64, ticks int, f func(x float64) float64, tick func(x float64) string) []string {
	y := make([]float64, columns)
	for i := range y {
		y[i] = f(from + (to-from)*float64(i)/float64(columns-1))
	}
	text := asciigraph.Plot(y, asciigraph.Height(plotHeight), asciigraph.LowerBound(0), asciigraph.UpperBound(1),
		asciigraph.XAxisRange(from, to), asciigraph.XAxisTickCount(ticks), asciigraph.XAxisValueFormatter(tick),
		asciigraph.YAxisValueFormatter(func(y float64) string { return fmt.Sprintf("%.0f%%", 100*y) }))
	return strings.Split(text, "\n")
}

// recallAt returns the recall of the last point with at most this false-positive rate.
func recallAt(roc []eval.CurvePoint, fpr float64) float64 {
	i := sort.Search(len(roc), func(i int) bool { return roc[i].FPR > fpr*(1+1e-9) })
	if i == 0 {
		return 0
	}
	return roc[i-1].Recall
}

// precisionAt returns the precision of the first point that reaches this recall.
func precisionAt(pr []eval.CurvePoint, recall float64) float64 {
	i := sort.Search(len(pr), func(i int) bool { return pr[i].Recall >= recall*(1-1e-9) })
	return pr[min(i, len(pr)-1)].Precision
}

const barWidth = 21

// calibration lays what was said against what was.
func (p evaluationPage) calibration(e *eval.Evaluation) {
	d := e.Reliability
	p.heading("Calibration", fmt.Sprintf("ECE %.4f, Brier %.4f, log loss %.4f", d.ECE, d.Brier, d.LogLoss))
	legend := p.Dim("| said, o bad, - 95 %")
	if p.width < 80 {
		legend = ""
	}
	fmt.Fprintf(p.w, "  %-11s %10s %6s %6s  %-14s %s\n", "said", "records", "mean", "bad", "95 % interval", legend)
	for i := range d.Bins {
		b := &d.Bins[i]
		said := fmt.Sprintf("%.0f to %.0f %%", 100*b.From, 100*b.To)
		if b.Count == 0 {
			fmt.Fprintf(p.w, "  %-11s %10s\n", said, "none")
			continue
		}
		line := fmt.Sprintf("  %-11s %10s %6.1f %6.1f  %-14s ", said, term.Count(b.Count), 100*b.Mean, 100*b.Rate,
			fmt.Sprintf("%.1f to %.1f", 100*b.Low, 100*b.High))
		if p.width >= 80 {
			line += bar(b)
		}
		fmt.Fprintln(p.w, strings.TrimRight(line, " "))
	}
}

// bar shows a bin between 0 and 1.
func bar(b *calibrate.Bin) string {
	at := func(x float64) int { return min(barWidth-1, int(x*barWidth)) }
	cells := []byte(strings.Repeat(" ", barWidth))
	for i := at(b.Low); i <= at(b.High); i++ {
		cells[i] = '-'
	}
	cells[at(b.Mean)] = '|'
	cells[at(b.Rate)] = 'o'
	return "[" + string(cells) + "]"
}

const maxKindsShown = 20

func (p evaluationPage) kinds(e *eval.Evaluation) {
	if len(e.Kinds) == 0 {
		return
	}
	p.heading("Found by kind", "of bad, with 95 % intervals")
	room := p.width - 2 - 11 - 2*24
	fmt.Fprintf(p.w, "  %s%9s  %-24s%s\n", strings.Repeat(" ", room), "bad", "at "+shareOf(e.Threshold), "at 1 % false positives")
	for i, k := range e.Kinds {
		if i == maxKindsShown {
			fmt.Fprintf(p.w, "  … %s more; --json has them\n", plural(len(e.Kinds)-i, "row"))
			break
		}
		name := term.Clean(k.Name)
		if name == "" {
			name = "(no kind)"
		}
		fmt.Fprintf(p.w, "  %s%9s  %s%s\n", term.Pad(term.CutMiddle(name, room-1), room), term.Count(k.Count),
			term.Pad(within(k.Recall), 24), within(k.AtOne))
	}
}

func (p evaluationPage) verdicts(e *eval.Evaluation) {
	if len(e.Verdicts) == 0 {
		return
	}
	p.heading("Verdicts", "by label")
	fmt.Fprintf(p.w, "  %-12s %13s %13s\n", "", "bad", "good")
	for _, v := range e.Verdicts {
		fmt.Fprintf(p.w, "  %-12s %13s %13s\n", v.Verdict, term.Count(v.Bad), term.Count(v.Good))
	}
}

// doubts says what the figures rest on.
func (p evaluationPage) doubts(e *eval.Evaluation) {
	p.heading("How sure", "")
	if e.AUC.N > 0 {
		p.text(2, fmt.Sprintf("Intervals are for 95 %%. Those of AUC and average precision come from %s. Precision, F1 and accuracy "+
			"hold where the share of bad is the same as here.", plural(e.Resamples, "resample")))
	} else {
		p.text(2, "Intervals are for 95 %.")
	}
	for _, w := range e.Warnings {
		p.item(p.Yellow("!"), capital(term.Clean(w))+".")
	}
}
