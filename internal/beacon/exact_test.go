package beacon

import (
	"math"
	"slices"
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

// TestExactBits: the same bits on every processor; these are amd64's.
func TestExactBits(t *testing.T) {
	s, c := sincos(.123)
	jittery, even := make([]float64, 250), make([]float64, 250) // whole numbers: compilers fuse what the tests invent, too
	for i := range jittery {
		jittery[i] = float64(300*i + 7919*i*i%240)
		even[i] = float64(300*(i+i*i%3) + i%7)
	}
	slices.Sort(even)
	r, line := judgeRhythm(jittery), new(spectrum).line(even)
	for i, x := range []struct {
		got  float64
		want uint64
	}{
		{exp(-1.2345), 0x3fd29f6b7bfe469d}, {log(1.2345), 0x3fcaf71abe30f48f}, {log1p(1e-5), 0x3ee4f8aea9ae7317}, {expm1(-.1), 0xbfb85c933156a62c}, {erfc(.7), 0x3fd49ee7bdd1d374}, {erfc(3.3), 0x3ec9a661bcdec4b2}, {s, 0x3fe6575f0138cda4}, {c, 0x3fe6e8f3a092f1dd}, {turnOf(.3), 0x3fb7c00260125fbc},
		{tilt(.21), 0xc0121ab6d2821021}, {evenness.lowerTail(.3, 40), 0x3f3f03da12136c74}, {combine([]float64{.3, .01, .7}), 0x3f9ea3b93648a460}, {r.P, 0x3703bee1c81e2d55}, {r.Interval, 0x408c080000000000}, {line.p, 0x31675684ba2c9030}, {line.spread, 0x3f8a4bf990cff6c6},
	} {
		if got := math.Float64bits(x.got); got != x.want {
			t.Errorf("%d: %g is %#x, not %#x", i, x.got, got, x.want)
		}
	}
}
