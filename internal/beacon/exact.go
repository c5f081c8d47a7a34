package beacon

import (
	"math"

	"weir/internal/bayes"
)

// Functions that give the same bits on every processor, which those of package math do not promise: some are assembly,
// and compilers fuse x*y+z where a processor can. Here every product is rounded before it is added. Errors are below
// 1e-13 relative, erfc's below 1e-12 up to 26 (TestExact).

// factorials holds 1/k!.
var factorials = func() (f [20]float64) {
	f[0] = 1
	for k := 1; k < len(f); k++ {
		f[k] = f[k-1] / float64(k)
	}
	return f
}()

// exp is e^x = 2^n·e^r, |r| ≤ ln(2)/2, with e^r as a power series.
func exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > 709.7:
		return math.Inf(1)
	case x < -745:
		return 0
	}
	const hi, lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10 // ln 2, the first with 33 bits: n times it is exact
	n := math.Floor(float64(x*math.Log2E) + .5)
	r := x - float64(n*hi) - float64(n*lo)
	sum := factorials[14]
	for k := 13; k >= 0; k-- { // .35^15 / 15! < 1e-19
		sum = factorials[k] + float64(sum*r)
	}
	return math.Ldexp(sum, int(n))
}

func log(x float64) float64 { return float64(bayes.Log2(x) * math.Ln2) }

func log10(x float64) float64 { return float64(bayes.Log2(x) * (math.Ln2 / math.Ln10)) }

// log1p is log(1+x), good for small x: the rounding of 1+x is divided out (Kahan).
func log1p(x float64) float64 {
	u := 1 + x
	if u == 1 {
		return x
	}
	return log(u) * (x / (u - 1))
}

// expm1 is e^x − 1, good for small x.
func expm1(x float64) float64 {
	if math.Abs(x) > .3 {
		return exp(x) - 1
	}
	sum := factorials[14]
	for k := 13; k >= 1; k-- {
		sum = factorials[k] + float64(sum*x)
	}
	return sum * x
}

// sincos returns the sine and cosine of 2πu.
func sincos(u float64) (s, c float64) {
	u -= math.Floor(u)
	quarter := math.Floor(float64(4*u) + .5)
	x := (u - float64(quarter/4)) * (2 * math.Pi) // |x| ≤ π/4
	z := -float64(x * x)
	s, c = factorials[17], factorials[18]
	for k := 15; k >= 1; k -= 2 {
		s = factorials[k] + float64(s*z)
		c = factorials[k+1] + float64(c*z)
	}
	s, c = s*x, 1+float64(c*z)
	switch int(quarter) & 3 {
	case 1:
		return c, -s
	case 2:
		return -s, -c
	case 3:
		return -c, s
	}
	return s, c
}

// turnOf returns how far round the circle (1, x) lies for x ≥ 0, from 0 to ½: atan(x)/π.
func turnOf(x float64) float64 {
	const halvings = 4
	if x > 1 {
		return .5 - turnOf(1/x)
	}
	for range halvings { // tan(a/2) = tan(a) / (1 + √(1+tan²a))
		x /= 1 + math.Sqrt(1+float64(x*x))
	}
	z := -float64(x * x) // x < .05
	sum := 0.
	for k := 13; k >= 1; k -= 2 {
		sum = 1/float64(k) + float64(sum*z)
	}
	return float64(sum*x) * ((1 << halvings) / math.Pi)
}

// erfc is the complementary error function: 1 − erf by its series of positive terms below 2, from there on by its
// continued fraction (Abramowitz and Stegun 7.1.6, 7.1.14), whose terms are as many as 1e-15 needs.
func erfc(x float64) float64 {
	switch {
	case x < 0:
		return 2 - erfc(-x)
	case x > 27:
		return 0
	case x < 2:
		z := float64(x * x)
		term, sum := x, x
		for k := 1; term > sum*1e-17; k++ {
			term = term * z / (float64(k) + .5)
			sum += term
		}
		return 1 - float64(sum*exp(-z)*(2/math.SqrtPi))
	}
	tail := x
	for k := 6 + int(200/(x*x)); k >= 1; k-- {
		tail = x + float64(k)/2/tail
	}
	return expOfSquare(x) / tail / math.SqrtPi
}

// expOfSquare is e^(−x²), with the square's rounding made good.
func expOfSquare(x float64) float64 {
	head := math.Float64frombits(math.Float64bits(x) &^ (1<<27 - 1))
	return exp(-float64(head*head)) * exp(-float64((x-head)*(x+head)))
}
