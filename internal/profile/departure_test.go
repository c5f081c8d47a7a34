package profile

import (
	"math"
	"testing"
)

// TestSmoothed: the first rows are by NLTK 3.10.4, WittenBellInterpolated(2) over the bigrams e a ×7, e b, e c ×2, f a ×3,
// f d ×5, g d, whose unigrams are its lower order.
func TestSmoothed(t *testing.T) {
	a, b, d := 10./19, 1./19, 6./19
	for _, c := range []struct{ c, n, distinct, above, want float64 }{
		{7, 10, 3, a, 0.6599190283400809},
		{1, 10, 3, b, 0.08906882591093118},
		{0, 10, 3, d, 0.0728744939271255},
		{3, 8, 2, a, 0.4052631578947369},
		{0, 8, 2, b, 0.010526315789473684},
		{0, 1, 1, a, 0.2631578947368421},
		{1, 1, 1, d, 0.6578947368421053},
		{0, 0, 0, .25, .25}, // nothing is known
	} {
		if got := Smoothed(c.c, c.n, c.distinct, c.above); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("Smoothed(%v, %v, %v, %v) = %v, want %v", c.c, c.n, c.distinct, c.above, got, c.want)
		}
	}
}

// TestSumsToOne: the probabilities of all values of an entity and of a new one are one.
func TestSumsToOne(t *testing.T) {
	above := []float64{.5, .25, .125, .125}
	sum := 0.0
	for i, c := range []float64{41220, 3, 0, 0} {
		sum += Smoothed(c, 41223, 2, above[i])
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("%v", sum)
	}
}

func TestDeparture(t *testing.T) {
	const firefox, explorer, nikto = 1, 2, 3
	const steady, mixed, young = 11, 12, 13
	p := New(1)
	add := func(entity, value, n uint64) {
		p.Add(&Act{Entity: entity, Peers: 5, Value: value, Text: []byte{byte(value)}}, n)
	}
	add(steady, firefox, 41220)
	add(mixed, firefox, 500)
	add(mixed, explorer, 500)
	add(young, firefox, 1)
	ask := func(entity, value uint64) float64 {
		return p.Sum().Departure(&Act{Entity: entity, Peers: 5, Value: value}).Weight
	}
	// By hand: λ = d/(n+d) is all that an unseen value gets of what it has above, whatever that is.
	for _, c := range []struct {
		entity, value uint64
		want          float64
	}{
		{steady, explorer, math.Log2(41221)},
		{steady, nikto, math.Log2(41221)},
		{mixed, nikto, math.Log2(1002. / 2)},
		{young, explorer, 1},
		{99, explorer, 0},
	} {
		if got := ask(c.entity, c.value); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d shows %d: %v bits, want %v", c.entity, c.value, got, c.want)
		}
	}
	if w := ask(steady, firefox); w >= 0 {
		t.Errorf("the usual departs by %v bits", w)
	}
	if w := ask(mixed, explorer); w >= -4 {
		t.Errorf("usual for this one and rare elsewhere: %v bits", w)
	}
}
