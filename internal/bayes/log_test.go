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
