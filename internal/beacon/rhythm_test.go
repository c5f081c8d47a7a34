package beacon

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestNull: under the null hypotheses p-values are not smaller than they say, in the tail too. The bounds are what 20,000
// trials of a valid test stay below in all but one of 10,000 runs.
func TestNull(t *testing.T) {
	r := newRand(1)
	trials := 20000
	if testing.Short() {
		trials = 2000
	}
	nulls := []struct {
		name   string
		trials int
		draw   func() []float64
	}{
		{"poisson of 8", trials, func() []float64 { return poisson(r, 8, 1./600) }},
		{"poisson of 30", trials, func() []float64 { return poisson(r, 30, 1./600) }},
		{"poisson of 200", trials / 4, func() []float64 { return poisson(r, 200, 1./20) }},
		{"fast poisson", trials / 4, func() []float64 { return poisson(r, 100, 5) }},
		{"a day's hours", trials / 2, func() []float64 { return daily(r, 1, 20) }},
		{"two weeks' hours", trials / 4, func() []float64 { return daily(r, 14, 5) }},
		{"a month's hours", trials / 20, func() []float64 { return daily(r, 28, 40) }},
		{"browsing, a day", trials / 2, func() []float64 { return browsing(r, 1, 2) }},
		{"browsing, two weeks", trials / 10, func() []float64 { return browsing(r, 14, 1) }},
		{"reading times", trials / 4, func() []float64 {
			var out []float64
			at := 0.
			for range 60 {
				at += 40 * math.Exp(r.NormFloat64())
				out = append(out, at)
			}
			return out
		}},
	}
	for _, n := range nulls {
		t.Run(n.name, func(t *testing.T) {
			var ps []float64
			for range n.trials {
				if x := judgeRhythm(n.draw()); x.Tested {
					ps = append(ps, x.P)
				}
			}
			slices.Sort(ps)
			for _, a := range []float64{.1, .01, .001} {
				below, _ := slices.BinarySearch(ps, math.Nextafter(a, 1))
				expect := a * float64(len(ps))
				if most := expect + 3.8*math.Sqrt(expect) + 2; float64(below) > most {
					t.Errorf("%d of %d p-values are at most %g, a valid test has %.0f", below, len(ps), a, expect)
				}
			}
			at := func(q float64) float64 { return ps[int(q*float64(len(ps)-1))] }
			t.Logf("%d tested; quantiles .001 %.2g, .01 %.2g, .1 %.2g, .5 %.2g", len(ps), at(.001), at(.01), at(.1), at(.5))
		})
	}
}

// TestOverlap measures the constants of overlapping windows.
func TestOverlap(t *testing.T) {
	r := newRand(2)
	variance := func(stat func(waits []float64) float64) float64 {
		var s, s2 float64
		const n = 4000
		for range n {
			w := make([]float64, 100)
			for i := range w {
				w[i] = r.ExpFloat64()
			}
			m := stat(w)
			s, s2 = s+m, s2+m*m
		}
		return s2/n - s/n*s/n
	}
	var sums []float64
	for every := 1; every <= maxStride; every++ {
		got := variance(func(w []float64) float64 { _, m := variationTest(w, every, &sums); return m }) * 12 * float64(101-2*every)
		if math.Abs(got-overlap[every]) > .12*overlap[every] {
			t.Errorf("every %d: %.2f, not %.2f", every, got, overlap[every])
		}
	}
	got := variance(func(w []float64) float64 { _, m := shortestTest(w); return m }) * 12 * 97
	if math.Abs(got-shortestOverlap) > .12*shortestOverlap {
		t.Errorf("shortest: %.2f, not %.2f", got, shortestOverlap)
	}
}

// TestLowerTail: against the exact distribution of the sum of two and three uniform values (chance at a half).
func TestLowerTail(t *testing.T) {
	c := newChance(.5)
	for _, x := range []struct{ m, n, want float64 }{
		{.1, 3, .3 * .3 * .3 / 6}, {.05, 3, .15 * .15 * .15 / 6}, {.25, 4, 1. / 24}, {.02, 10, math.Pow(.2, 10) / 3628800},
	} {
		if got := c.lowerTail(x.m, x.n); math.Abs(math.Log(got/x.want)) > .15 {
			t.Errorf("P(mean of %g ≤ %g) is %.3g, not %.3g", x.n, x.m, got, x.want)
		}
	}
	last := 0.
	for m := .001; m < 1; m += .001 {
		p := evenness.lowerTail(m, 20)
		if p < last-1e-9 || p < 0 || p > 1 || math.IsNaN(p) {
			t.Fatalf("at %g: %g after %g", m, p, last)
		}
		last = p
	}
}

func TestRhythms(t *testing.T) {
	day := 86400.
	for _, x := range []struct {
		name     string
		times    func() []float64
		p        float64 // at most
		interval float64
		jitter   float64 // about
		missed   float64
		every    int // 0: any
	}{
		{"clockwork", func() []float64 { return beats(newRand(1), 0, day, 300, 0, 0) }, 1e-50, 300, 0, 0, 0},
		{"jitter", func() []float64 { return beats(newRand(2), 0, day, 300, .4, 0) }, 1e-20, 300, .4, 0, 1},
		{"jitter and drop-outs", func() []float64 { return beats(newRand(3), 0, 3*day, 600, .3, .3) }, 1e-10, 600, .3, .3, 0},
		{"an hour for three days", func() []float64 { return beats(newRand(4), 0, 3*day, 3600, .2, .1) }, 1e-5, 3600, .2, .1, 0},
		{"working hours", func() []float64 {
			return slices.DeleteFunc(beats(newRand(5), 0, 5*day, 900, .1, 0), func(t float64) bool { return math.Mod(t, day) < 8*3600 || math.Mod(t, day) > 17*3600 })
		}, 1e-20, 900, .1, 0, 0},
		{"a laptop that sleeps", func() []float64 {
			r := newRand(12)
			var out []float64
			for from := 0.; from < 4*day; { // awake for an hour or three, asleep for as long
				to := from + 3600*(1+2*r.Float64())
				out = append(out, beats(r, from, to, 240, .2, .1)...)
				from = to + 3600*(1+4*r.Float64())
			}
			return out
		}, 1e-20, 240, .2, .1, 0},
		{"half of the beats missing", func() []float64 { return beats(newRand(13), 0, 3*day, 300, .1, .5) }, 1e-20, 300, .1, .5, 0},
		{"two intervals with jitter take turns", func() []float64 {
			r := newRand(14)
			var out []float64
			for at := 0.; at < day; {
				at += 120 * (1 + .1*(2*r.Float64()-1))
				out = append(out, at)
				at += 900 * (1 + .1*(2*r.Float64()-1))
				out = append(out, at)
			}
			return out
		}, 1e-10, 1020, .1, 0, 0},
		{"working hours and weekends off, jitter", func() []float64 {
			return slices.DeleteFunc(beats(newRand(15), 0, 14*day, 1800, .4, .2), func(t float64) bool {
				return math.Mod(t, day) < 8*3600 || math.Mod(t, day) > 18*3600 || int(t/day)%7 >= 5
			})
		}, 1e-6, 1800, .4, .2, 0},
		{"bursts of many connections with jitter", func() []float64 {
			r := newRand(16)
			var out []float64
			for _, t := range beats(r, 0, day, 900, .3, .2) {
				for range 1 + r.IntN(8) {
					out = append(out, t+20*r.Float64())
				}
			}
			slices.Sort(out)
			return out
		}, 1e-6, 900, .3, .2, 0},
		{"bursts", func() []float64 {
			r := newRand(6)
			var out []float64
			for _, t := range beats(r, 0, day, 600, .1, .1) {
				for i := range 5 {
					out = append(out, t+float64(i)*.3*r.Float64())
				}
			}
			slices.Sort(out)
			return out
		}, 1e-20, 600, .1, .1, 0},
		{"retries", func() []float64 {
			var out []float64
			for _, t := range beats(newRand(7), 0, day, 1200, .05, 0) {
				out = append(out, t, t+3, t+9, t+21)
			}
			return out
		}, 1e-20, 1200, .05, 0, 0},
		{"taking turns", func() []float64 {
			var out []float64
			for i := range 200 {
				out = append(out, float64(i)*65, float64(i)*65+5)
			}
			return out
		}, 1e-50, 65, 0, 0, 0},
		{"two side by side", func() []float64 {
			out := append(beats(newRand(8), 0, day, 300, .1, 0), beats(newRand(9), 0, day, 300, .1, 0)...)
			slices.Sort(out)
			return out
		}, 1e-6, 300, .1, 0, 0},
		{"among browsing", func() []float64 {
			out := append(beats(newRand(10), 0, 3*day, 300, 0, .1), browsing(newRand(11), 3, 3)...)
			slices.Sort(out)
			return out
		}, 1e-6, 300, 0, 0, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			times := x.times()
			r := judgeRhythm(times)
			text := fmt.Sprintf("%d times, p %.2g, %s (regular %.2f, missed %.2f)", len(times), r.P, r.words(), r.Regular, r.Missed)
			t.Log(text)
			if r.P > x.p {
				t.Errorf("p is above %g: %s", x.p, text)
			}
			if math.Abs(r.Interval-x.interval) > .1*x.interval {
				t.Errorf("the interval is %g, not %g", r.Interval, x.interval)
			}
			if !r.Phase && math.Abs(r.Jitter-x.jitter) > .12 {
				t.Errorf("the jitter is %.2f, not %.2f", r.Jitter, x.jitter)
			}
			if r.Every == 1 && !r.Phase && math.Abs(r.Missed-x.missed) > .12 {
				t.Errorf("%.2f are missed, not %.2f", r.Missed, x.missed)
			}
		})
	}
}

// TestRhythmInvariance: when the clock starts and how a second is called do not matter.
func TestRhythmInvariance(t *testing.T) {
	r := newRand(3)
	for range 50 {
		times := browsing(r, 1, 2)
		shifted := make([]float64, len(times))
		for i, x := range times {
			shifted[i] = x + 1<<20
		}
		a, b := judgeRhythm(times), judgeRhythm(shifted)
		if math.Abs(math.Log(a.P/b.P)) > 1e-5 || a.Beats != b.Beats {
			t.Fatalf("%+v\n%+v", a, b)
		}
	}
	if x := judgeRhythm(nil); x.Tested || x.P != 1 {
		t.Errorf("nothing is judged as %+v", x)
	}
	if x := judgeRhythm(make([]float64, 1000)); x.Tested {
		t.Errorf("one moment is judged as %+v", x)
	}
}

func TestFalseDiscovery(t *testing.T) {
	// R: p.adjust(c(.01, .02, .03, .04, .05), "BH") = 0.05 for all
	for _, q := range falseDiscovery([]float64{.03, .01, .05, .02, .04}) {
		if math.Abs(q-.05) > 1e-12 {
			t.Errorf("q is %g", q)
		}
	}
	q := falseDiscovery([]float64{1, 1e-9, .5})
	if q[0] != 1 || math.Abs(q[1]-3e-9) > 1e-18 || q[2] != .75 {
		t.Errorf("%v", q)
	}
	if len(falseDiscovery(nil)) != 0 {
		t.Error("nothing has q-values")
	}
}

func BenchmarkJudgeRhythm(b *testing.B) {
	for _, n := range []int{20, 300, 10000} {
		times := poisson(newRand(4), n, .01)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				judgeRhythm(times)
			}
		})
	}
}
