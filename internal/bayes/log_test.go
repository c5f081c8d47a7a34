package bayes

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestLog2(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 200_000 {
		x := math.Exp2(r.Float64()*200 - 100)
		if i%2 == 0 {
			x = 1 + (r.Float64()-.5)/16
		}
		got, want := Log2(x), math.Log2(x)
		if math.Abs(got-want) > 4e-15*math.Max(1, math.Abs(want)) {
			t.Fatalf("Log2(%v) = %v, math.Log2 gives %v", x, got, want)
		}
	}
	for x, want := range map[float64]float64{1: 0, 2: 1, 4: 2, .5: -1, 1024: 10, math.SmallestNonzeroFloat64: -1074} {
		if got := Log2(x); got != want {
			t.Errorf("Log2(%v) = %v", x, got)
		}
	}
	if !math.IsInf(Log2(0), -1) || !math.IsNaN(Log2(-1)) || !math.IsNaN(Log2(math.Inf(1))) {
		t.Error("edges")
	}
}

func TestExp2(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		x := r.Float64()*2000 - 1000
		got, want := Exp2(x), math.Exp2(x)
		if math.Abs(got-want) > 1e-13*want {
			t.Fatalf("Exp2(%v) = %v, math.Exp2 gives %v", x, got, want)
		}
	}
	for x, want := range map[float64]float64{0: 1, 10: 1024, -1: .5, 2000: math.Inf(1), -2000: 0, -1074: math.SmallestNonzeroFloat64} {
		if got := Exp2(x); got != want {
			t.Errorf("Exp2(%v) = %v, want %v", x, got, want)
		}
	}
	for x, want := range map[float64]float64{0: .5, 1: 0.7310585786300049, -800: 0, 800: 1} {
		if got := Logistic(x); math.Abs(got-want) > 1e-15 {
			t.Errorf("Logistic(%v) = %v, want %v", x, got, want)
		}
	}
}
