package beacon

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func renewal(rng *rand.Rand, n int, next func() float64) []float64 {
	t := 0.
	out := make([]float64, 0, n)
	for range n {
		t += next()
		out = append(out, t)
	}
	return out
}

func TestSimOverlap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, every := range []int{1, 2, 3} {
		for _, n := range []int{20, 100} {
			var s, s2 float64
			R := 40000
			var sums []float64
			for range R {
				w := make([]float64, n)
				for i := range w {
					w[i] = rng.ExpFloat64()
				}
				_, m := variationTest(w, every, &sums)
				s += m
				s2 += m * m
			}
			v := s2/float64(R) - s/float64(R)*s/float64(R)
			cnt := float64(n - 2*every + 1)
			fmt.Printf("every %d n %d mean %.4f overlap %.3f\n", every, n, s/float64(R), v*12*cnt)
		}
	}
	for _, sg := range []float64{.7, .8, 1, 1.2} {
		var sums []float64
		w := make([]float64, 100000)
		for i := range w {
			w[i] = math.Exp(sg * rng.NormFloat64())
		}
		for every := 1; every <= 3; every++ {
			_, m := variationTest(w, every, &sums)
			fmt.Printf("lognormal %.1f every %d mean %.3f\n", sg, every, m)
		}
	}
}

func TestSimPower(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{10, 17, 34, 100} {
		for _, j := range []float64{0, .2, .4} {
			var ps []float64
			for range 1000 {
				var ts []float64
				x := rng.Float64() * 3600
				for range n * 10 / 7 {
					x += 3600 * (1 + j*(2*rng.Float64()-1))
					if rng.Float64() > .3 {
						ts = append(ts, x)
					}
				}
				ps = append(ps, judgeRhythm(ts).P)
			}
			slices.Sort(ps)
			fmt.Printf("n %d jitter %.1f: p median %.2g 90%% %.2g 99%% %.2g\n", n, j, ps[500], ps[900], ps[990])
		}
	}
}

func TestSimNull(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	R := 20000
	show := func(name string, gen func() []float64) {
		c := [4]int{}
		for range R {
			p := judgeRhythm(gen()).P
			for i, a := range []float64{.1, .01, .001, .0001} {
				if p <= a {
					c[i]++
				}
			}
		}
		fmt.Printf("%-20s P(p<=.1) %.4f .01: %.5f .001: %.5f 1e-4: %.5f\n", name, float64(c[0])/float64(R), float64(c[1])/float64(R), float64(c[2])/float64(R), float64(c[3])/float64(R))
	}
	for _, n := range []int{8, 12, 30, 100} {
		show(fmt.Sprintf("poisson %d", n), func() []float64 { return renewal(rng, n, func() float64 { return 600 * rng.ExpFloat64() }) })
		show(fmt.Sprintf("poisson fast %d", n), func() []float64 { return renewal(rng, n, func() float64 { return 5 * rng.ExpFloat64() }) })
		show(fmt.Sprintf("lognormal %d", n), func() []float64 {
			return renewal(rng, n, func() float64 { return 60 * math.Exp(rng.NormFloat64()) })
		})
	}
}

func TestSimShort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, w := range []int{3, 4, 5, 6, 8} {
		stat := func(x []float64) float64 {
			s, n := 0., 0
			for i := 0; i+w <= len(x); i++ {
				sum := 0.
				for _, v := range x[i : i+w] {
					sum += v
				}
				s += math.Pow(1-float64(w)*slices.Min(x[i:i+w])/sum, float64(w-1))
				n++
			}
			return s / float64(n)
		}
		for _, n := range []int{20, 100} {
			var s, s2 float64
			R := 20000
			for range R {
				x := make([]float64, n)
				for i := range x {
					x[i] = rng.ExpFloat64()
				}
				m := stat(x)
				s += m
				s2 += m * m
			}
			v := s2/float64(R) - s/float64(R)*s/float64(R)
			fmt.Printf("w %d n %d mean %.4f overlap %.3f\n", w, n, s/float64(R), v*12*float64(n-w+1))
		}
		for _, sg := range []float64{.8, 1, 1.2, 1.5} {
			x := make([]float64, 100000)
			for i := range x {
				x[i] = math.Exp(sg * rng.NormFloat64())
			}
			fmt.Printf("  lognormal %.1f mean %.3f\n", sg, stat(x))
		}
		for _, j := range []float64{0, .2, .4} {
			var ms []float64
			for range 2000 {
				var ts []float64
				x := 0.
				for range 24 {
					x += 3600 * (1 + j*(2*rng.Float64()-1))
					if rng.Float64() > .3 {
						ts = append(ts, x)
					}
				}
				if len(ts) > w+1 {
					ms = append(ms, stat(residualWaits(nil, ts, 1)))
				}
			}
			slices.Sort(ms)
			fmt.Printf("  beacon jitter %.1f median %.3f 90%% %.3f\n", j, ms[len(ms)/2], ms[len(ms)*9/10])
		}
	}
}
