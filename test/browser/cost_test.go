package browser

import (
	"bytes"
	"testing"

	"github.com/chromedp/chromedp"

	"weir/internal/decide"
	"weir/internal/report"
)

func TestCostsAreDrawn(t *testing.T) {
	p := decide.FromRatio(50)
	p.Rules = []decide.Rule{{Name: evil[0], Costs: p.Costs}}
	tally := decide.NewTally(p, decide.Calibrated)
	for i := range 3000 {
		odds := float64(i%89)/12 - 8
		if i%20 == 0 {
			odds += 6
		}
		tally.Add(decide.Sample{Probability: decide.Probability(odds), Bad: i%20 == 0, Called: odds > 0, Entity: uint64(i % 300), Rule: i%2 - 1})
	}
	c, err := decide.NewCurve(tally, decide.CurveOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.Cost(&b, c, report.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int64{1280, 360} {
		x := open(t, b.Bytes(), look{width: width, height: 3000})
		x.do(chromedp.WaitVisible(chromedp.CSS("#chart-cost canvas")))
		x.settle()
		expect(x, `document.querySelectorAll("#policies tbody tr").length`, 3)
		expect(x, `document.documentElement.scrollWidth <= innerWidth`, true)
		x.quiet()
	}
}
