package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"weir/internal/hunt"
	"weir/internal/term"
)

// seconds turns nanoseconds since 1970 into what charts count in.
func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// timesChart shows all of the logs, where the window lies in them, and what is left of it.
func timesChart(r *hunt.Result) *chart {
	t := &r.Times
	left := make([]int64, len(t.Counts))
	for i := range r.Len() {
		if at := (r.Time(i) - t.From) / t.Width; !r.Narrowed(i) && at >= 0 && at < int64(len(left)) {
			left[at]++
		}
	}
	c := &chart{ID: "times", Time: true, XName: "time", YName: "events per " + each(t.Width), Width: seconds(t.Width), zone: r.Zone,
		Title: "All of the logs",
		Series: []series{
			{Name: "all events", Role: "all", Kind: "bars", Y: floats(t.Counts)},
			{Name: "suspects left by the funnel", Role: "bad", Kind: "bars", Y: floats(left)},
		}}
	for i := range t.Counts {
		c.X = append(c.X, seconds(t.From+int64(i)*t.Width))
	}
	for _, p := range r.Placebos {
		if p.Host == "" {
			c.Spans = append(c.Spans, stretch{seconds(p.Span.From), seconds(p.Span.To), "clean", "clean windows"})
		}
	}
	for _, w := range r.Windows {
		w = clip(w, r.Covered)
		c.Spans = append(c.Spans, stretch{seconds(w.From), seconds(w.To), "window", "the window"})
	}
	busiest, at := peak(t.Counts)
	c.Says = fmt.Sprintf("Events per %s from %s. Busiest is the bin from %s with %s.", each(t.Width), spanText(r.Covered, r.Zone),
		at2(t.From+int64(at)*t.Width, r.Zone), plural(busiest, "event"))
	return c
}

func at2(ns int64, zone *time.Location) string { return at(ns, zone).Format(toTheMinute) }

func peak(counts []int64) (most int64, at int) {
	for i, n := range counts {
		if n > most {
			most, at = n, i
		}
	}
	return most, at
}

func floats(counts []int64) numbers {
	out := make(numbers, len(counts))
	for i, n := range counts {
		out[i] = float64(n)
	}
	return out
}

// maxWindowBins bounds the bins of the chart of the window.
const maxWindowBins = 180

// windowBins are the widths that its bins may have.
var windowBins = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 7 * day, 28 * day, 112 * day, 560 * day}

// hull is the part of the logs from the start of the first window to the end of the last.
func hull(r *hunt.Result) hunt.Span {
	h := clip(r.Windows[0], r.Covered)
	for _, w := range r.Windows[1:] {
		w = clip(w, r.Covered)
		h.From, h.To = min(h.From, w.From), max(h.To, w.To)
	}
	return h
}

// windowChart shows the window by itself: what is suspicious, what the funnel left, what no clean window has the like of.
func windowChart(r *hunt.Result) *chart {
	h := hull(r)
	width := int64(windowBins[len(windowBins)-1])
	for _, w := range windowBins {
		if h.Length()/int64(w) < maxWindowBins {
			width = int64(w)
			break
		}
	}
	from := h.From - ((h.From%width)+width)%width
	n := (h.To-from)/width + 1
	all, left, loud := make([]int64, n), make([]int64, n), make([]int64, n)
	top := level(r)
	for i := range r.Len() {
		at := (r.Time(i) - from) / width
		if at < 0 || at >= n {
			continue
		}
		all[at]++
		if r.Narrowed(i) {
			continue
		}
		left[at]++
		if r.Score(i) > top {
			loud[at]++
		}
	}
	c := &chart{ID: "window", Time: true, XName: "time", YName: "events per " + each(width), Width: seconds(width), zone: r.Zone,
		Title: "The window", Series: []series{
			{Name: "suspicious", Role: "all", Kind: "bars", Y: floats(all)},
			{Name: "left by the funnel", Role: "left", Kind: "bars", Y: floats(left)},
		}}
	if len(r.Placebos) > 0 {
		c.Series = append(c.Series, series{Name: "of these, score above every clean window", Role: "bad", Kind: "bars", Y: floats(loud)})
	}
	for i := range n {
		c.X = append(c.X, seconds(from+i*width))
	}
	if len(r.Windows) > 1 {
		for _, w := range r.Windows {
			w = clip(w, r.Covered)
			c.Spans = append(c.Spans, stretch{seconds(w.From), seconds(w.To), "window", "the windows"})
		}
	}
	most, at := peak(left)
	c.Says = fmt.Sprintf("Suspicious events per %s. ", each(width))
	if most > 0 {
		c.Says += fmt.Sprintf("Most that the funnel left are in the bin from %s: %s.", at2(from+int64(at)*width, r.Zone), plural(most, "event"))
	} else {
		c.Says += "The funnel left none."
	}
	return c
}

// scoreChart shows how many events score how high, in the window and in each clean one, by the same count: a clean window
// with fewer events is raised to the number of the window's, as the bound for the share of bad raises it.
func scoreChart(r *hunt.Result) *chart {
	s := &r.Scores
	c := &chart{ID: "scores", Log: true, XName: "score", YName: "events with at least this score", X: s.Levels, Title: "Scores in the window and in clean windows"}
	for i, counts := range s.Clean {
		by := max(1, float64(r.Suspicious)/float64(max(1, r.Placebos[i].Events)))
		y := floats(counts)
		for k := range y {
			y[k] = math.Round(10*by*y[k]) / 10
		}
		c.Series = append(c.Series, series{Name: "clean windows", Role: "clean", Kind: "step", Quiet: i > 0, Y: y})
	}
	c.Series = append(c.Series, series{Name: "the window", Role: "bad", Kind: "step", Y: floats(s.Window)})
	top := level(r)
	c.Marks = []mark{{top, fmt.Sprintf("best of a clean window: %.1f", top), top > (s.Levels[0]+s.Levels[len(s.Levels)-1])/2}}
	c.Says = fmt.Sprintf("How many events score at least so much. %s in the window score above %.1f, the best score of all %s.",
		plural(above(r), "event"), top, plural(len(r.Placebos), "clean window"))
	return c
}

// maxTableRows bounds the rows of a table beside a chart.
const maxTableRows = 60

// table tells a chart in numbers: of many bins, those that hold most are kept together in wider ones.
func (c *chart) table() table {
	t := table{Head: []string{c.XName}}
	var shownSeries []*series
	for i := range c.Series {
		if s := &c.Series[i]; !s.Quiet {
			shownSeries = append(shownSeries, s)
			t.Head = append(t.Head, s.Name)
		}
	}
	every := (len(c.X) + maxTableRows - 1) / maxTableRows
	for i := 0; i < len(c.X); i += every {
		row := []string{c.xText(c.X[i])}
		for _, s := range shownSeries {
			row = append(row, c.yText(s, i, every))
		}
		t.Rows = append(t.Rows, row)
	}
	switch {
	case c.Width > 0:
		t.Note = "Each row is " + length(int64(c.Width*float64(every)*1e9)) + " from the time it names."
	case slices.ContainsFunc(c.Series, func(s series) bool { return s.Quiet }):
		t.Note = "Of the clean windows the first is listed."
	}
	return t
}

func (c *chart) xText(x float64) string {
	switch {
	case c.Time:
		return time.Unix(int64(x), 0).In(c.zone).Format("2 Jan 2006, 15:04:05")
	case c.Unit:
		return fmt.Sprintf("%.1f %%", 100*x)
	}
	return fmt.Sprintf("%.2f", x)
}

// yText is what a series has from bin i on: the sum of bins, else the value.
func (c *chart) yText(s *series, i, every int) string {
	if s.Kind == "bars" {
		sum := 0.0
		for _, y := range s.Y[i:min(i+every, len(s.Y))] {
			sum += y
		}
		return term.Count(int64(sum))
	}
	switch y := s.Y[i]; {
	case math.IsNaN(y):
		return "–"
	case c.Unit:
		text := fmt.Sprintf("%.1f %%", 100*y)
		if len(s.Lo) > 0 {
			text += fmt.Sprintf(" (%.1f to %.1f)", 100*s.Lo[i], 100*s.Hi[i])
		}
		return text
	default:
		return term.Count(int64(math.Round(y)))
	}
}
