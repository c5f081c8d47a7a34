package beacon

import (
	"math"
	"testing"
)

// TestExact: against package math, whose own errors are below 1e-15.
func TestExact(t *testing.T) {
	near := func(name string, x, got, want, bound float64) {
		t.Helper()
		if !(math.Abs(got-want) <= bound*math.Abs(want)) && got != want {
			t.Fatalf("%s(%g) is %.17g, not %.17g", name, x, got, want)
		}
	}
	for x := -700.; x < 700; x += .37 {
		near("exp", x, exp(x), math.Exp(x), 1e-13)
		near("expm1", x/1000, expm1(x/1000), math.Expm1(x/1000), 1e-13)
	}
	for x := 1e-18; x < 1e9; x *= 1.07 {
		near("log1p", x, log1p(x), math.Log1p(x), 1e-13)
		near("log1p", -x, log1p(-min(x, .999)), math.Log1p(-min(x, .999)), 1e-13)
		near("expm1", -x, expm1(-x), math.Expm1(-x), 1e-13)
		near("atan", x, turnOf(x)*math.Pi, math.Atan(x), 1e-13)
		near("log10", x, log10(x), math.Log10(x), 1e-13)
	}
	for x := -6.; x < 26; x += .0137 {
		near("erfc", x, erfc(x), math.Erfc(x), 1e-12)
	}
	for u := -2.; u < 3; u += .00137 {
		s, c := sincos(u)
		if ws, wc := math.Sincos(2 * math.Pi * u); math.Abs(s-ws) > 1e-14 || math.Abs(c-wc) > 1e-14 {
			t.Fatalf("sincos(%g) is %g, %g, not %g, %g", u, s, c, ws, wc)
		}
	}
	for _, x := range []float64{math.Inf(-1), -746, 0, 710, math.Inf(1)} {
		if x != -746 && exp(x) != math.Exp(x) {
			t.Errorf("exp(%g) is %g", x, exp(x))
		}
	}
	if erfc(0) != 1 || erfc(40) != 0 || erfc(-40) != 2 || turnOf(0) != 0 || !math.IsNaN(exp(math.NaN())) {
		t.Error("an edge is wrong")
	}
}
