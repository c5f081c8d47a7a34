package calibrate

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// TestReliabilityAgainstSklearn: p = np.round(1/(1+exp(-z)), 6) of Platt's line for the sample; scikit-learn 1.2.1 has
// brier_score_loss(y, p) and log_loss(y, p).
func TestReliabilityAgainstSklearn(t *testing.T) {
	var p []ProbabilityPoint
	for _, x := range sample() {
		z := .3700645868962508*x.Score - .6372900424765623
		p = append(p, ProbabilityPoint{Probability: math.Round(1e6/(1+math.Exp(-z))) / 1e6, Bad: x.Bad})
	}
	d, err := Reliability(p, 10)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(d.Brier-0.18612194780411664) > 1e-11 || math.Abs(d.LogLoss-0.5605042413411518) > 1e-11 {
		t.Errorf("Brier %v, log loss %v", d.Brier, d.LogLoss)
	}
}

// TestWilson: scipy 1.10.1, scipy.stats.binomtest(k, n).proportion_ci(method='wilson').
func TestWilson(t *testing.T) {
	for _, c := range []struct{ k, n, low, high float64 }{
		{0, 10, 0, 0.27753279986288926},
		{3, 10, 0.10779126740630102, 0.6032218525388546},
		{10, 10, 0.7224672001371109, 1},
		{12, 1000, 0.006877647806403521, 0.020857268475498278},
	} {
		if low, high := Wilson(c.k/c.n, c.n); math.Abs(low-c.low) > 1e-12 || math.Abs(high-c.high) > 1e-12 {
			t.Errorf("%v of %v: %v to %v", c.k, c.n, low, high)
		}
	}
	if low, high := Wilson(.5, 0); low != 0 || high != 1 {
		t.Errorf("of none: %v to %v", low, high)
	}
}

// TestReliabilityBins: counted by hand.
func TestReliabilityBins(t *testing.T) {
	p := []ProbabilityPoint{{0, false, 0}, {.25, false, 7}, {.25, true, 7}, {.25, false, 8}, {.75, true, 0}, {1, true, 0}, {1, false, 0}}
	d, err := Reliability(p, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Bin{
		{From: 0, To: .25, Count: 1, Worth: 1},
		{From: .25, To: .5, Count: 3, Bad: 1, Worth: 9. / 5, Mean: .25, Rate: 1. / 3},
		{From: .5, To: .75},
		{From: .75, To: 1, Count: 3, Bad: 2, Worth: 3, Mean: 2.75 / 3, Rate: 2. / 3},
	} {
		if want.Count > 0 {
			want.Low, want.High = Wilson(want.Rate, want.Worth)
		}
		if d.Bins[i] != want {
			t.Errorf("%+v, want %+v", d.Bins[i], want)
		}
	}
	// In tenths: |0−0|, |.75−1|, |.75−1|, |2−1|, over 7.
	if math.Abs(d.ECE-1.5/7) > 1e-12 {
		t.Errorf("ECE %v", d.ECE)
	}
	if math.Abs(d.Brier-(3*.0625+.5+1)/7) > .2 || len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], "in 3 of 4 bins, so") {
		t.Errorf("%+v", d)
	}
}

func TestReliabilityEdges(t *testing.T) {
	if d, err := Reliability(nil, 10); err != nil || len(d.Bins) != 10 || !strings.HasPrefix(d.Warnings[0], "no records, so") {
		t.Errorf("%+v %v", d, err)
	}
	for _, p := range []float64{-.1, 1.1, math.NaN()} {
		if _, err := Reliability([]ProbabilityPoint{{Probability: p}}, 10); err == nil {
			t.Errorf("%v was taken", p)
		}
	}
	for _, bins := range []int{0, -1, 101} {
		if _, err := Reliability(nil, bins); err == nil {
			t.Errorf("%d bins were taken", bins)
		}
	}
	if d, err := Reliability([]ProbabilityPoint{{Probability: 0, Bad: true}}, 1); err != nil || math.Abs(d.LogLoss-52*math.Ln2) > 1e-9 {
		t.Errorf("certain and wrong: %+v %v", d, err)
	}
}

// TestReliabilityProperties: records that are bad as often as said have an ECE near 0, whatever their order.
func TestReliabilityProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	p := make([]ProbabilityPoint, 100_000)
	for i := range p {
		x := r.Float64()
		p[i] = ProbabilityPoint{x, r.Float64() < x, uint64(r.IntN(30_000))}
	}
	d, err := Reliability(p, 20)
	if err != nil {
		t.Fatal(err)
	}
	if d.ECE > .01 || len(d.Warnings) > 0 {
		t.Errorf("ECE %v, %v", d.ECE, d.Warnings)
	}
	outside := 0
	for _, b := range d.Bins {
		if !(b.Low < b.Rate && b.Rate < b.High && b.Worth < float64(b.Count)) {
			t.Errorf("%+v", b)
		}
		if b.Mean < b.Low || b.Mean > b.High {
			outside++
		}
	}
	if outside > 4 { // one of twenty is expected
		t.Errorf("%d of 20 means lie outside the intervals of their rates", outside)
	}
	r.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
	if again, _ := Reliability(p, 20); !reflect.DeepEqual(d, again) {
		t.Error("another order gives another diagram")
	}
}

// TestCalibrated: probabilities from Fit are calibrated on records that it did not see.
func TestCalibrated(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for _, size := range [][2]int{{5000, 5000}, {20_000, 500}, {500, 60}} {
		c := fit(t, draw(r, size[0], size[1]))
		var p []ProbabilityPoint
		for _, x := range draw(r, 20*size[0], 20*size[1]) {
			p = append(p, ProbabilityPoint{Probability: c.Probability(x.Score), Bad: x.Bad})
		}
		if d, err := Reliability(p, 10); err != nil || d.ECE > .015 {
			t.Errorf("%s on %v: ECE %v %v", c.Method, size, d.ECE, err)
		}
	}
}
