package report

import (
	"fmt"
	"io"
	"math"
	"slices"

	"weir/internal/eval"
	"weir/internal/term"
)

// evaluationView is what the template draws of an evaluation.
type evaluationView struct {
	Measures    []measure
	Curves      []drawing
	Reliability *drawing
	Calibration string
	Confusion   [2][2]cell // by label, bad first, and by what it was called, bad first
	Threshold   string
	Kinds       []measure
	KindsLeft   string
	Verdicts    []verdictRow
}

// A measure is a figure with its interval, and its place on a bar from 0 to 1.
type measure struct {
	Name, Note         string
	Value, Interval, N string
	From, Width, At    string // in percent
	Second, SecondAt   string // of a kind, recall where one good record in a hundred is flagged
}

type cell struct{ N, Share, Bar string }

type verdictRow struct{ Name, Bad, Good string }

// maxKinds bounds the kinds on a page.
const maxKinds = 200

// Evaluation writes the page of an evaluation.
func Evaluation(w io.Writer, e *eval.Evaluation, o Options) error {
	p := &page{Title: "Evaluation", Kind: "evaluation", Warnings: slices.Clone(e.Warnings)}
	v := &evaluationView{Threshold: percent(e.Threshold), Measures: measures(e)}
	p.Evaluation = v
	p.judge(e)
	var charts []*chart
	if len(e.ROC) > 0 {
		charts = append(charts, rocChart(e))
	}
	if len(e.PR) > 0 {
		charts = append(charts, prChart(e))
	}
	for _, c := range charts {
		v.Curves = append(v.Curves, c.draw())
	}
	p.Sections = []section{{"measures", "Figures"}}
	if len(v.Curves) > 0 {
		p.Sections = append(p.Sections, section{"curves", "Curves"})
	}
	if d := e.Reliability; d != nil {
		c := reliabilityChart(e)
		drawn := c.draw()
		charts, v.Reliability = append(charts, c), &drawn
		v.Calibration = fmt.Sprintf("Expected calibration error %.4f, Brier score %.4f, log loss %.4f.", d.ECE, d.Brier, d.LogLoss)
		p.Sections = append(p.Sections, section{"probabilities", "Probabilities"})
	}
	p.Sections = append(p.Sections, section{"confusion", "Confusion"})
	v.Confusion = confusion(e)
	for _, x := range e.Verdicts {
		if x.Good+x.Bad > 0 {
			v.Verdicts = append(v.Verdicts, verdictRow{term.Clean(x.Verdict), term.Count(x.Bad), term.Count(x.Good)})
		}
	}
	for _, k := range e.Kinds[:min(len(e.Kinds), maxKinds)] {
		m := newMeasure(shown(k.Name, 80), "", k.Recall)
		if k.Name == "" {
			m.Name = "(no kind)"
		}
		m.N = term.Count(k.Count)
		if k.AtOne.N > 0 {
			m.Second, m.SecondAt = percent(k.AtOne.Value), inPercent(k.AtOne.Value)
		}
		v.Kinds = append(v.Kinds, m)
	}
	if n := len(e.Kinds) - maxKinds; n > 0 {
		v.KindsLeft = fmt.Sprintf("and %s more", plural(n, "kind"))
	}
	if len(v.Kinds) > 0 {
		p.Sections = append(p.Sections, section{"kinds", "Kinds"})
	}
	return p.write(w, o, nil, charts)
}

// judge says how good it is in plain words.
func (p *page) judge(e *eval.Evaluation) {
	switch {
	case e.Good == 0:
		p.Lead = fmt.Sprintf("It finds %s of the bad records; there were no good ones.", percent(e.Recall.Value))
	case e.Bad == 0:
		p.Lead = fmt.Sprintf("It calls %s of the good records bad; there were no bad ones.", percent(e.FPR.Value))
	default:
		p.Lead = fmt.Sprintf("It finds %s of the bad records and calls %s of the good ones bad.", percent(e.Recall.Value), percent(e.FPR.Value))
	}
	p.More = []string{fmt.Sprintf("%s and %s were judged. Called bad is what has a probability of %s or more. Intervals are of 95 %%; "+
		"records that belong together, as those of one client, count as one witness.", plural(e.Good, "good record"),
		plural(e.Bad, "bad one"), percent(e.Threshold))}
}

func inPercent(x float64) string { return fmt.Sprintf("%.2f%%", 100*clamp(x)) }

// digits writes a measure with four places, so that .9958 and .9961 are not the same.
func digits(x float64) string { return fmt.Sprintf("%.4f", x) }

func newMeasure(name, note string, x eval.Estimate) measure {
	if x.N == 0 {
		return measure{Name: name, Note: note, Value: "–", Interval: "not known"}
	}
	return measure{Name: name, Note: note, Value: digits(x.Value), Interval: digits(x.Low) + " to " + digits(x.High), N: term.Count(x.N),
		From: inPercent(x.Low), Width: inPercent(x.High - x.Low), At: inPercent(x.Value)}
}

func measures(e *eval.Evaluation) []measure {
	return []measure{
		newMeasure("Recall", "of bad, how much is called bad", e.Recall),
		newMeasure("Precision", "of what is called bad, how much is", e.Precision),
		newMeasure("F1", "harmonic mean of both", e.F1),
		newMeasure("Accuracy", "called what they are", e.Accuracy),
		newMeasure("False positives", "of good, how much is called bad", e.FPR),
		newMeasure("ROC area", "a bad record scores above a good one", e.AUC),
		newMeasure("Average precision", "over all thresholds", e.AP),
		newMeasure("False positives at 95 % recall", "the price of finding nearly all", e.FPRAt95),
		newMeasure("Recall at 1 % false positives", "what that price finds", e.RecallAt1),
	}
}

func confusion(e *eval.Evaluation) [2][2]cell {
	of := func(n, all int) cell {
		if all == 0 {
			return cell{term.Count(n), "–", "0%"}
		}
		x := float64(n) / float64(all)
		return cell{term.Count(n), percent(x), inPercent(x)}
	}
	c := &e.Confusion
	return [2][2]cell{{of(c.TruePositives, e.Bad), of(c.FalseNegatives, e.Bad)}, {of(c.FalsePositives, e.Good), of(c.TrueNegatives, e.Good)}}
}

func rocChart(e *eval.Evaluation) *chart {
	c := &chart{ID: "roc", Unit: true, Title: "ROC", XName: "false positives, of good", YName: "recall, of bad",
		Series: []series{{Name: "by score", Role: "main", Kind: "line"}}}
	for _, x := range e.ROC {
		c.X = append(c.X, x.FPR)
		c.Series[0].Y = append(c.Series[0].Y, x.Recall)
	}
	c.Says = fmt.Sprintf("The area under the curve is %s (%s to %s).", digits(e.AUC.Value), digits(e.AUC.Low), digits(e.AUC.High))
	return c
}

func prChart(e *eval.Evaluation) *chart {
	c := &chart{ID: "pr", Unit: true, Title: "Precision and recall", XName: "recall, of bad", YName: "precision, of what is flagged",
		Series: []series{{Name: "by score", Role: "main", Kind: "line"}}}
	for _, x := range e.PR {
		c.X = append(c.X, x.Recall)
		c.Series[0].Y = append(c.Series[0].Y, x.Precision)
	}
	c.Says = fmt.Sprintf("Average precision is %s (%s to %s).", digits(e.AP.Value), digits(e.AP.Low), digits(e.AP.High))
	return c
}

func reliabilityChart(e *eval.Evaluation) *chart {
	c := &chart{ID: "reliability", Unit: true, Title: "Reliability", XName: "probability that was told", YName: "share that was bad",
		Series: []series{{Name: "records by tenths of probability, with 95 % intervals", Role: "main", Kind: "dots"}}}
	s := &c.Series[0]
	worst := 0.0
	for _, b := range e.Reliability.Bins {
		if b.Count == 0 {
			continue
		}
		c.X = append(c.X, b.Mean)
		s.Y, s.Lo, s.Hi = append(s.Y, b.Rate), append(s.Lo, b.Low), append(s.Hi, b.High)
		worst = max(worst, math.Abs(b.Rate-b.Mean))
	}
	c.Says = fmt.Sprintf("A point on the diagonal was told as it was. The farthest is off by %s.", percent(worst))
	return c
}
