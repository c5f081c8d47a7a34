package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWithPrior(t *testing.T) {
	c := &Calibration{Method: Platt, Knots: []Knot{{-4, -4}, {4, 4}}, Prior: .5, Live: .5}
	// At equal odds of the training the live share is the probability.
	for _, live := range []float64{.001, .1, .5, .9} {
		if got := c.WithPrior(live).Probability(0); math.Abs(got-live) > 1e-11 {
			t.Errorf("%v becomes %v", live, got)
		}
	}
	if got := c.WithPrior(0).Live; got != minPrior {
		t.Errorf("0 becomes %v", got)
	}
	if got := c.WithPrior(2).Live; got != 1-minPrior {
		t.Errorf("2 becomes %v", got)
	}
	if got := c.WithPrior(math.NaN()); got.Live != .5 || got.Shift != 0 {
		t.Errorf("NaN: %+v", got)
	}
}

// TestWithPriorRoundTrip: there and back is where it was, and the way makes no difference.
func TestWithPriorRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	c := fit(t, draw(r, 1000, 100))
	for range 1000 {
		x, live, other := r.NormFloat64()*4, .0001+.9998*r.Float64(), .0001+.9998*r.Float64()
		moved := c.WithPrior(live)
		if got, want := moved.WithPrior(c.Prior).Probability(x), c.Probability(x); got != want {
			t.Fatalf("back again: %v, was %v", got, want)
		}
		if got, want := moved.WithPrior(other).Probability(x), c.WithPrior(other).Probability(x); got != want {
			t.Fatalf("by way of %v: %v, straight %v", live, got, want)
		}
		if err := moved.Validate(); err != nil {
			t.Fatal(err)
		}
		if (live > c.Prior) != (moved.Probability(x) > c.Probability(x)) {
			t.Fatalf("%v of bad for %v moves %v to %v", live, c.Prior, c.Probability(x), moved.Probability(x))
		}
	}
}

// em is the iteration of Saerens, Latinne and Decaestecker 2002, equation 2.9, literally.
func em(p []float64, train float64, rounds int) float64 {
	pi := train
	for range rounds {
		sum := 0.0
		for _, x := range p {
			a, b := pi/train*x, (1-pi)/(1-train)*(1-x)
			sum += a / (a + b)
		}
		pi = sum / float64(len(p))
	}
	return pi
}

func TestEstimatePriorIsEM(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for range 50 {
		train, live := .05+.9*r.Float64(), .1+.8*r.Float64()
		p := make([]float64, 2000)
		for i := range p {
			x := r.NormFloat64()
			if r.Float64() < live {
				x += 2
			}
			p[i] = 1 / (1 + math.Exp(-(2*x - 2 + math.Log(train/(1-train)))))
		}
		got, ok := EstimatePrior(p, train)
		if want := em(p, train, 2000); !ok || math.Abs(got-want) > 1e-9 {
			t.Fatalf("%v %v, EM has %v", got, ok, want)
		}
		if math.Abs(got-live) > .06 {
			t.Fatalf("%v, the truth is %v", got, live)
		}
	}
}

func TestEstimatePriorEdges(t *testing.T) {
	for _, c := range []struct {
		p           []float64
		train, want float64
		ok          bool
	}{
		{nil, .3, .3, false},
		{[]float64{.1, .2}, 0, 0, false},
		{[]float64{.1, 1.2}, .3, .3, false},
		{[]float64{.1, math.NaN()}, .3, .3, false},
		{[]float64{.3, .3}, .3, .3, false},
		{[]float64{.1, .2, .1}, .5, .125, false}, // all less likely bad than in training: 0, but for half a record
		{[]float64{.9, .8, .9}, .5, .875, false},
		{[]float64{0, 1}, .5, .5, true},
		{[]float64{0, 0, 0, 1}, .5, .25, true},
	} {
		if got, ok := EstimatePrior(c.p, c.train); math.Abs(got-c.want) > 1e-9 || ok != c.ok {
			t.Errorf("%v at %v: %v %v, want %v %v", c.p, c.train, got, ok, c.want, c.ok)
		}
	}
}

// TestEstimatePriorOf: counts stand for repetitions.
func TestEstimatePriorOf(t *testing.T) {
	p, counts := []float64{.1, .6, .9, .3}, []int64{7, 2, 3, 0}
	var each []float64
	for i, n := range counts {
		for range n {
			each = append(each, p[i])
		}
	}
	want, ok := EstimatePrior(each, .4)
	if got, same := EstimatePriorOf(p, counts, .4); !ok || !same || math.Abs(got-want) > 1e-12 {
		t.Errorf("%v %v, want %v %v", got, same, want, ok)
	}
	if got, ok := EstimatePriorOf(p, counts[:2], .4); got != .4 || ok {
		t.Errorf("two counts for four probabilities: %v %v", got, ok)
	}
	if got, ok := EstimatePriorOf(p, []int64{0, 0, 0, 0}, .4); got != .4 || ok {
		t.Errorf("no records: %v %v", got, ok)
	}
}
