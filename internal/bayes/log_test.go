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

// TestSeries: Log2 and Exp2 are what their series say, to the last bit: filters of other versions of weir were made by these loops.
func TestSeries(t *testing.T) {
	log2 := func(x float64) float64 {
		m, e := math.Frexp(x)
		if m < math.Sqrt2/2 {
			m, e = 2*m, e-1
		}
		s := (m - 1) / (m + 1)
		z, sum := float64(s*s), 0.
		for k := 21; k >= 3; k -= 2 {
			sum = float64(z*sum) + 1/float64(k)
		}
		artanh := s + float64(s*float64(z*sum))
		return float64(e) + float64(artanh*(2*math.Log2E))
	}
	exp2 := func(x float64) float64 {
		n := math.Floor(x + .5)
		y, sum := float64((x-n)*math.Ln2), 1.
		for k := 16; k >= 1; k-- {
			sum = 1 + float64(sum*y)/float64(k)
		}
		return math.Ldexp(sum, int(n))
	}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 1_000_000 {
		x := math.Float64frombits(r.Uint64() >> 1) // any number above 0
		if i%2 == 0 {
			x = math.Exp2(r.NormFloat64())
		}
		if x > 0 && x <= math.MaxFloat64 && Log2(x) != log2(x) {
			t.Fatalf("Log2(%v) = %v, the series gives %v", x, Log2(x), log2(x))
		}
		x = r.NormFloat64() * 4
		if i%8 == 0 {
			x = r.Float64()*2098 - 1074
		}
		if i%8 == 1 {
			x = float64(r.IntN(4196)-2148) / 2
		}
		if x < 1024 && x >= -1074 && Exp2(x) != exp2(x) {
			t.Fatalf("Exp2(%v) = %v, the series gives %v", x, Exp2(x), exp2(x))
		}
	}
}
