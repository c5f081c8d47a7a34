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
	m, e := frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	// The series, from its end: |s|^22 / 23 < 1e-18. Compilers do not unroll loops, nor divide for them.
	sum := float64(z*(1./21)) + 1./19
	sum = float64(z*sum) + 1./17
	sum = float64(z*sum) + 1./15
	sum = float64(z*sum) + 1./13
	sum = float64(z*sum) + 1./11
	sum = float64(z*sum) + 1./9
	sum = float64(z*sum) + 1./7
	sum = float64(z*sum) + 1./5
	sum = float64(z*sum) + 1./3
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
	// The series, from its end: .35^17 / 17! < 1e-22. Where the divisor is a power of two, the product with its inverse is the same number, and sooner there.
	sum := 1 + float64(y*(1./16))
	sum = 1 + float64(sum*y)/15
	sum = 1 + float64(sum*y)/14
	sum = 1 + float64(sum*y)/13
	sum = 1 + float64(sum*y)/12
	sum = 1 + float64(sum*y)/11
	sum = 1 + float64(sum*y)/10
	sum = 1 + float64(sum*y)/9
	sum = 1 + float64(float64(sum*y)*(1./8))
	sum = 1 + float64(sum*y)/7
	sum = 1 + float64(sum*y)/6
	sum = 1 + float64(sum*y)/5
	sum = 1 + float64(float64(sum*y)*(1./4))
	sum = 1 + float64(sum*y)/3
	sum = 1 + float64(float64(sum*y)*(1./2))
	sum = 1 + float64(sum*y)
	if n < -1000 || n > 1000 {
		return math.Ldexp(sum, int(n))
	}
	return math.Float64frombits(math.Float64bits(sum) + uint64(int64(n))<<52) // sum is .7 to 1.5
}

// frexp is math.Frexp of a number above 0 that is not infinite.
func frexp(x float64) (m float64, e int) {
	b := math.Float64bits(x)
	if b>>52 == 0 {
		return math.Frexp(x) // subnormal
	}
	return math.Float64frombits(b&(1<<52-1) | 1022<<52), int(b>>52) - 1022
}

// Logistic returns 1/(1+e^−x).
func Logistic(x float64) float64 { return 1 / (1 + Exp2(-x*math.Log2E)) }
