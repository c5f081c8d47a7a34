// Package bayes weighs evidence: how much more often a token comes with bad records than with good ones, what that says
// about a record that carries many tokens, and how sure one can be.
package bayes

import "math"

// Log2 returns the binary logarithm of x > 0, and −Inf for 0. It gives the same bits on every platform, which math.Log
// does not promise: that one is assembly on some and fused multiply-add on others. Its error is below 1e-15 relative.
//
// x = m·2^e with m in [√½, √2); log m = 2·artanh(s) with s = (m−1)/(m+1), |s| < .1716, as a power series in s². Every
// product is rounded before it is added.
func Log2(x float64) float64 {
	if x == 0 {
		return math.Inf(-1)
	}
	if !(x > 0) || math.IsInf(x, 1) {
		return math.NaN()
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	sum := 0.0
	for k := 21; k >= 3; k -= 2 { // |s|^22 / 23 < 1e-18
		sum = float64(z*sum) + 1/float64(k)
	}
	artanh := s + float64(s*float64(z*sum))
	return float64(e) + float64(artanh*(2*math.Log2E))
}

// Exp2 returns 2^x, with the same bits on every platform. Its error is below 1e-14 relative; it is 0 below −1074 and +Inf
// from 1024.
//
// x = n + f with |f| ≤ ½; 2^f = e^(f·ln 2) as a power series.
func Exp2(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x >= 1024:
		return math.Inf(1)
	case x < -1074:
		return 0
	}
	n := math.Floor(x + .5)
	y := float64((x - n) * math.Ln2) // |y| < .35
	sum := 1.0
	for k := 16; k >= 1; k-- { // .35^17 / 17! < 1e-22
		sum = 1 + float64(sum*y)/float64(k)
	}
	return math.Ldexp(sum, int(n))
}

// Logistic returns 1/(1+e^−x).
func Logistic(x float64) float64 { return 1 / (1 + Exp2(-x*math.Log2E)) }
