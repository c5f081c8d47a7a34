package scenario

import (
	"math"
	"testing"
)

// The integer formulae against math's.
func TestFixedPoint(t *testing.T) {
	for x := int64(-8 * one); x < 20*one; x += 777 {
		got, want := float64(exp2(x))/one, math.Exp2(float64(x)/one)
		if math.Abs(got-want) > .004*want+2.0/one {
			t.Fatalf("exp2(%v) = %v, want %v", float64(x)/one, got, want)
		}
	}
	for v := uint64(1); v < 1<<40; v = v*5/4 + 1 {
		if got, want := float64(log2(v))/one, math.Log2(float64(v)); math.Abs(got-want) > .01 {
			t.Fatalf("log2(%d) = %v, want %v", v, got, want)
		}
	}
	for v := range int64(10_000) {
		if got := isqrt(v); got != int64(math.Sqrt(float64(v))) {
			t.Fatalf("isqrt(%d) = %d", v, got)
		}
	}
}

// TestDistributions checks means (and the deviation of the normal) of 200,000 draws.
func TestDistributions(t *testing.T) {
	for _, c := range []struct {
		name string
		draw func(r *rng) float64
		want float64
		slip float64
	}{
		{"normal", func(r *rng) float64 { return float64(r.normal()) / one }, 0, .01},
		{"normal squared", func(r *rng) float64 { x := float64(r.normal()) / one; return x * x }, 1, .02},
		{"exponential", func(r *rng) float64 { return float64(r.exponential(1000)) }, 1000, 12},
		{"poisson 2.5", func(r *rng) float64 { return float64(r.poisson(2500)) }, 2.5, .04},
		{"poisson 70", func(r *rng) float64 { return float64(r.poisson(70_000)) }, 70, .3},
		{"zipf head", func(r *rng) float64 {
			if r.zipf(2000, 12) == 0 {
				return 1
			}
			return 0
		}, math.Log(13./12) / math.Log(2012./12), .002},
	} {
		r := rng(1)
		var sum float64
		for range 200_000 {
			sum += c.draw(&r)
		}
		if got := sum / 200_000; math.Abs(got-c.want) > c.slip {
			t.Errorf("%s: mean %v, want %v", c.name, got, c.want)
		}
	}
}
