package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// A chart is drawn twice from the same figures: here, as SVG, for reading, printing and where scripts do not run; and by
// uPlot once the page is up, for looking closer.
type chart struct {
	ID     string    `json:"id"`
	Time   bool      `json:"time,omitempty"` // x is seconds since 1970
	Log    bool      `json:"log,omitempty"`  // y is logarithmic
	Unit   bool      `json:"unit,omitempty"` // both axes are shares, 0 to 1
	XName  string    `json:"xname"`
	YName  string    `json:"yname"`
	X      numbers   `json:"x"`
	Width  float64   `json:"width,omitempty"` // of a bin, for series of bars
	Series []series  `json:"series"`
	Spans  []stretch `json:"spans,omitempty"`
	Marks  []mark    `json:"marks,omitempty"`

	Title, Says string         `json:"-"` // heading, and what a reader who cannot see it should know
	zone        *time.Location // of times
	XFrom       float64        `json:"from"`
	XTo         float64        `json:"to"`
	YTo         float64        `json:"top"`
}

// A series is one line or area over the chart's X.
type series struct {
	Name  string  `json:"name"`
	Role  string  `json:"role"`           // its colour and form, a class of the style sheet
	Kind  string  `json:"kind"`           // bars: an area over bins; step: falls at each x; line; dots
	Quiet bool    `json:"mute,omitempty"` // one of many alike: without an entry in the legend and the table
	Y     numbers `json:"y"`
	Lo    numbers `json:"lo,omitempty"` // of intervals
	Hi    numbers `json:"hi,omitempty"`
}

// A stretch is a shaded part of x.
type stretch struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Role string  `json:"role"`
	Name string  `json:"name,omitempty"`
}

// A mark is a labelled place on x.
type mark struct {
	X    float64 `json:"x"`
	Name string  `json:"name"`
	Left bool    `json:"left,omitempty"` // the label stands to its left
}

// numbers are written to JSON with null for what is not there (NaN).
type numbers []float64

func (n numbers) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, x := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, x, 'g', 10, 64)
	}
	return append(b, ']'), nil
}

// scale sets what the axes reach over.
func (c *chart) scale() {
	if c.Unit {
		c.XFrom, c.XTo, c.YTo = 0, 1, 1
		return
	}
	if c.XFrom == c.XTo && len(c.X) > 0 {
		c.XFrom, c.XTo = c.X[0], c.X[len(c.X)-1]+c.Width
	}
	if c.XTo <= c.XFrom {
		c.XTo = c.XFrom + 1
	}
	top := 1.0
	for _, s := range c.Series {
		for _, y := range s.Y {
			if y > top {
				top = y
			}
		}
	}
	if c.Log {
		c.YTo = math.Pow(10, math.Ceil(float64(math.Log10(top))+.05))
		return
	}
	step := niceStep(top, 5)
	c.YTo = math.Ceil(top*1.02/step) * step
}

// niceStep is 1, 2 or 5 times a power of ten so that about n steps reach over length.
func niceStep(length float64, n int) float64 {
	raw := length / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, by := range []float64{1, 2, 5} {
		if unit*by >= raw*.999 {
			return unit * by
		}
	}
	return 10 * unit
}

// Paths are drawn on a field of this size, which is stretched to the figure's.
const (
	fieldWidth  = 4000
	fieldHeight = 1000
)

func (c *chart) px(x float64) int {
	return int(math.Round(fieldWidth * clamp((x-c.XFrom)/(c.XTo-c.XFrom))))
}

func (c *chart) py(y float64) int { return int(math.Round(fieldHeight * (1 - c.rise(y)))) }

// rise is how high y stands, 0 to 1.
func (c *chart) rise(y float64) float64 {
	if c.Log {
		if y < logFloor {
			return 0
		}
		return clamp(math.Log10(y/logFloor) / math.Log10(c.YTo/logFloor))
	}
	return clamp(y / c.YTo)
}

// logFloor is the lower end of a logarithmic axis: one event stands clear of it.
const logFloor = .7

func clamp(x float64) float64 { return min(max(x, 0), 1) }

// place writes a place on x in percent.
func (c *chart) place(x float64) string {
	return strconv.FormatFloat(100*clamp((x-c.XFrom)/(c.XTo-c.XFrom)), 'f', 2, 64) + "%"
}

// A line is a gridline with its label.
type gridline struct{ At, Text, Class string }

// A drawing is what the template needs of a chart.
type drawing struct {
	*chart
	XTicks, YTicks []gridline
	Shades         []shade
	Paths          []drawnPath
	Flags          []gridline
	Legend         []series
	Kinds          []stretch // one of each kind of shaded stretch, for the legend
	Table          table
}

// A shade is a stretch as it is drawn. Label, if any, stands beside it at At.
type shade struct{ X, Width, Role, Label, At, Side string }

type drawnPath struct {
	Role, Kind, D string
}

// A table says a chart's figures in words and numbers.
type table struct {
	Head []string
	Rows [][]string
	Note string
}

func (c *chart) draw() drawing {
	c.scale()
	d := drawing{chart: c, Table: c.table()}
	if c.Time {
		d.XTicks = c.timeTicks()
	} else {
		d.XTicks = c.numberTicks()
	}
	d.YTicks = c.yTicks()
	seen := map[string]bool{}
	alone := map[string]int{}
	for _, s := range c.Spans {
		alone[s.Role]++
	}
	for _, s := range c.Spans {
		from, to := clamp((s.From-c.XFrom)/(c.XTo-c.XFrom)), clamp((s.To-c.XFrom)/(c.XTo-c.XFrom))
		x := shade{X: c.place(s.From), Width: strconv.FormatFloat(100*(to-from), 'f', 2, 64) + "%", Role: s.Role}
		if alone[s.Role] == 1 && s.Role == "window" {
			x.Label, x.At = s.Name, c.place(s.To)
			if from > .8 {
				x.At, x.Side = x.X, "left"
			}
		}
		d.Shades = append(d.Shades, x)
		if !seen[s.Role] && s.Name != "" {
			seen[s.Role] = true
			d.Kinds = append(d.Kinds, s)
		}
	}
	for _, s := range c.Series {
		d.Paths = append(d.Paths, drawnPath{s.Role, s.Kind, c.path(&s)})
		if len(s.Lo) > 0 {
			d.Paths = append(d.Paths, drawnPath{s.Role, "interval", c.intervals(&s)})
		}
		if !s.Quiet {
			d.Legend = append(d.Legend, s)
		}
	}
	for _, m := range c.Marks {
		g := gridline{At: c.place(m.X), Text: m.Name}
		if m.Left {
			g.Class = "left"
		}
		d.Flags = append(d.Flags, g)
	}
	return d
}

func (c *chart) path(s *series) string {
	var b strings.Builder
	switch s.Kind {
	case "bars":
		c.area(&b, s)
	case "step":
		c.steps(&b, s)
	case "dots":
		for i, y := range s.Y {
			if !math.IsNaN(y) {
				fmt.Fprintf(&b, "M%d %dh0", c.px(c.X[i]), c.py(y))
			}
		}
	default:
		pen := "M"
		for i, y := range s.Y {
			if math.IsNaN(y) {
				pen = "M"
				continue
			}
			fmt.Fprintf(&b, "%s%d %d", pen, c.px(c.X[i]), c.py(y))
			pen = "L"
		}
	}
	return b.String()
}

// area draws bins of the chart's width; neighbours of the same height become one.
func (c *chart) area(b *strings.Builder, s *series) {
	const ground = fieldHeight
	pen := ground
	for i, y := range s.Y {
		h := ground
		if y > 0 {
			h = min(c.py(y), ground-1)
		}
		if h == pen {
			continue
		}
		x := c.px(c.X[i])
		if pen == ground {
			fmt.Fprintf(b, "M%d %dV%d", x, ground, h)
		} else {
			fmt.Fprintf(b, "H%dV%d", x, h)
		}
		pen = h
	}
	if pen != ground && len(c.X) > 0 {
		fmt.Fprintf(b, "H%dV%d", c.px(c.X[len(c.X)-1]+c.Width), ground)
	}
}

// steps draws a count that holds up to each x and falls there.
func (c *chart) steps(b *strings.Builder, s *series) {
	pen, end := -1, 0
	for i, y := range s.Y {
		if math.IsNaN(y) || c.Log && y < 1 {
			break
		}
		h := c.py(y)
		switch {
		case pen < 0:
			fmt.Fprintf(b, "M%d %d", c.px(c.X[i]), h)
		case h != pen:
			fmt.Fprintf(b, "H%dV%d", c.px(c.X[i-1]), h)
		}
		pen, end = h, i
	}
	if pen >= 0 {
		fmt.Fprintf(b, "H%d", c.px(c.X[end]))
	}
}

func (c *chart) intervals(s *series) string {
	var b strings.Builder
	for i, lo := range s.Lo {
		if !math.IsNaN(lo) {
			fmt.Fprintf(&b, "M%d %dV%d", c.px(c.X[i]), c.py(lo), c.py(s.Hi[i]))
		}
	}
	return b.String()
}

func (c *chart) yTicks() []gridline {
	var out []gridline
	add := func(y float64, text string) {
		out = append(out, gridline{At: strconv.FormatFloat(100*(1-c.rise(y)), 'f', 2, 64) + "%", Text: text})
	}
	switch {
	case c.Log:
		for y := 1.0; y <= c.YTo*1.001; y *= 10 {
			add(y, compact(y))
		}
	case c.Unit:
		for i := range 6 {
			add(float64(i)/5, fmt.Sprintf("%d %%", i*20))
		}
	default:
		step := niceStep(c.YTo, 5)
		for i := 0; float64(i)*step <= c.YTo*1.001; i++ {
			add(float64(i)*step, compact(float64(i)*step))
		}
	}
	return out
}

func (c *chart) numberTicks() []gridline {
	if c.Unit {
		var out []gridline
		for i := range 6 {
			out = append(out, gridline{At: c.place(float64(i) / 5), Text: fmt.Sprintf("%d %%", i*20)})
		}
		return out
	}
	var out []gridline
	step := niceStep(c.XTo-c.XFrom, 7)
	for i := math.Ceil(c.XFrom / step); i*step <= c.XTo; i++ {
		out = append(out, gridline{At: c.place(i * step), Text: strings.Replace(compact(i*step), "-", "−", 1)})
	}
	return out
}

// data writes the charts for the script of the page.
func data(zone *time.Location, charts []*chart) (template.JS, error) {
	name := "UTC"
	if zone != nil {
		name = zone.String()
	}
	var b strings.Builder
	enc := json.NewEncoder(safeJSON{&b})
	if err := enc.Encode(struct {
		Zone   string   `json:"zone"`
		Charts []*chart `json:"charts"`
	}{name, charts}); err != nil {
		return "", err
	}
	return template.JS(strings.TrimSpace(b.String())), nil
}
