package beacon

import (
	"math"
	"slices"
)

// A Rhythm is what the times of a pair say.
type Rhythm struct {
	Beats    int     // bursts of connections, at the gap that the best test took
	P        float64 // of events that come at random at least this regular; 1 where there is too little
	Tested   bool
	Regular  float64 // 0: no more regular than chance; 1: like clockwork
	Interval float64 // seconds between beats; 0 if there is none
	Jitter   float64 // half the width of what intervals vary by, as a share of the interval
	Missed   float64 // share of beats that did not come
	Every    int     // 1; 2 or 3 where that many rhythms are interleaved or take turns
	Turns    []float64
	Gap      float64 // seconds: connections that are nearer to each other are one beat
	Phase    bool    // found by the spectrum, not by intervals
}

// Bounds of what is tested.
const (
	minBeats  = 8
	maxStride = 3
)

// burstGaps are the gaps in seconds under which connections are one beat. Each is tried.
var burstGaps = [...]float64{.05, 1, 10, 60}

// judgeRhythm tests sorted times, in seconds, for periodicity.
//
// Under the null hypothesis events come in bursts at a rate that may follow the hours of the day. After a beat has
// ended and gap seconds have gone by, the time to the next beat has no memory; locally it is exponential, with whatever
// rate the hour has. So for neighbouring waits a and b, |a−b|/(a+b) is uniform on [0,1], whatever the rate: the test
// of local variation needs no model of days, nights or weekends, and a night's sleep costs it one term of many.
func judgeRhythm(times []float64) Rhythm { return new(tester).judge(times) }

// A tester judges one series after another; it keeps its memory.
type tester struct {
	waits, bestWaits, sums, tests []float64
	spectrum
}

func (t *tester) judge(times []float64) Rhythm {
	r := Rhythm{P: 1, Every: 1}
	if len(times) < minBeats {
		return r
	}
	best := 2.
	tests := t.tests[:0]
	sums := t.sums
	bestWaits := t.bestWaits[:0]
	before := -1
	for _, gap := range burstGaps {
		waits := residualWaits(t.waits[:0], times, gap)
		t.waits = waits
		n := len(waits)
		if n+1 < minBeats {
			break
		}
		if n == before { // this gap joins nothing more
			continue
		}
		before = n
		for every := 1; every <= maxStride && n >= (minBeats-1)*every; every++ {
			p, mean := variationTest(waits, every, &sums)
			tests = append(tests, p)
			if p < best {
				best = p
				r.Beats, r.Gap, r.Every, r.Regular = n+1, gap, every, max(0, 1-mean/evenness.mean)
				bestWaits = append(bestWaits[:0], waits...)
			}
		}
		p, _ := shortestTest(waits)
		tests = append(tests, p)
		if p < best {
			_, mean := variationTest(waits, 1, &sums)
			best = p
			r.Beats, r.Gap, r.Every, r.Regular = n+1, gap, 1, max(0, 1-mean/evenness.mean)
			bestWaits = append(bestWaits[:0], waits...)
		}
	}
	t.tests, t.sums, t.bestWaits = tests, sums, bestWaits
	if len(tests) == 0 {
		return r
	}
	r.Tested = true
	line := t.line(times)
	if line.tested {
		tests = append(tests, line.p)
	}
	r.P = combine(tests)
	if line.tested && line.p < best {
		r.Phase, r.Every, r.Interval, r.Jitter = true, 1, line.period, line.spread
		r.Regular = line.strength
		return r
	}
	for i := range bestWaits {
		bestWaits[i] += r.Gap
	}
	r.estimate(bestWaits)
	return r
}

// residualWaits appends, for every two beats, how long the second waited beyond the gap after the first had ended.
func residualWaits(dst, times []float64, gap float64) []float64 {
	for i := 1; i < len(times); i++ {
		if d := times[i] - times[i-1]; d > gap {
			dst = append(dst, d-gap)
		}
	}
	return dst
}

// A chance is what a statistic on [0,1], uniform under a memoryless process, may be and still count as chance. Waits that
// people make (reading a page) are more even than memoryless ones, like a lognormal with a deviation of one; with
// thousands of events that alone would be significant. So the density under the null hypothesis is the exponential tilt
// of the uniform one whose mean is that of such waits.
type chance struct {
	mean, tilt, cumulant float64
}

func newChance(mean float64) chance {
	t := tilt(mean)
	return chance{mean, t, cumulant(t)}
}

var (
	evenness = newChance(.445) // of neighbouring waits
	shortest = newChance(.385) // of the shortest of four
)

// variationTest tests waits, taken every at a time, for being more even than chance. It returns the p-value and the mean
// of the variations, which under a memoryless process are uniform on [0,1].
func variationTest(waits []float64, every int, sums *[]float64) (p, mean float64) {
	s := (*sums)[:0]
	sum := 0.
	for i, w := range waits {
		sum += w
		if i >= every {
			sum -= waits[i-every]
		}
		if i >= every-1 {
			s = append(s, sum)
		}
	}
	*sums = s
	total, n := 0., 0
	for i := every; i < len(s); i++ {
		a, b := max(s[i-every], 0), max(s[i], 0)
		y := 0.
		if a+b > 0 {
			y = math.Abs(a-b) / (a + b)
		}
		total += variationUniform(y, every)
		n++
	}
	if n == 0 {
		return 1, .5
	}
	mean = total / float64(n)
	return evenness.lowerTail(mean, float64(n)/overlap[every]), mean
}

// overlap is by how much the variance of the mean of overlapping variations exceeds that of independent ones, from
// simulated Poisson processes: TestOverlap.
var overlap = [maxStride + 1]float64{1: 1.39, 2: 1.68, 3: 2.12}

const shortestOverlap = 3.4

// shortestTest looks at every four waits in a row: memoryless ones have a short one among them nearly always, a beacon has
// not, however many beats drop out. For m the least of four over their sum, (1−4m)³ is uniform on [0,1].
func shortestTest(waits []float64) (p, mean float64) {
	total, n := 0., 0
	for i := 0; i+4 <= len(waits); i++ {
		w := waits[i : i+4]
		x := 1 - 4*min(w[0], w[1], w[2], w[3])/(w[0]+w[1]+w[2]+w[3])
		total += float64(max(x, 0) * max(x, 0) * max(x, 0))
		n++
	}
	if n == 0 {
		return 1, .5
	}
	mean = total / float64(n)
	return shortest.lowerTail(mean, max(1, float64(n)/shortestOverlap)), mean
}

// variationUniform makes |2u−1| of a symmetric Beta(k,k) uniform: its distribution function.
func variationUniform(y float64, k int) float64 {
	switch k {
	case 1:
		return y
	case 2:
		return y * (3 - float64(y*y)) / 2
	}
	y2 := y * y
	return y * (15 - float64(y2*(10-float64(3*y2)))) / 8
}

// lowerTail is the probability that the mean of n such values is at most m: the saddle point formula of Lugannani and Rice
// (1980), which holds for every real n.
func (c chance) lowerTail(m, n float64) float64 {
	if m >= c.mean {
		// not more even than chance: the exact value has no use, so the normal one is good enough
		return .5 * erfc(-(m-c.mean)*math.Sqrt(12*n)/math.Sqrt2)
	}
	m = max(m, 1e-9)
	t := tilt(m)
	rate := float64((t-c.tilt)*m) - (cumulant(t) - c.cumulant)
	w := -math.Sqrt(max(0, 2*n*rate))
	if w > -1e-4 {
		return .5
	}
	u := (t - c.tilt) * math.Sqrt(n*tiltVariance(t))
	p := float64(.5*erfc(-w/math.Sqrt2)) + float64(exp(-w*w/2)/math.Sqrt(2*math.Pi)*(1/w-1/u))
	return min(max(p, 1e-300), 1)
}

// cumulant is log E exp(tU) for U uniform on [0,1].
func cumulant(t float64) float64 {
	switch {
	case math.Abs(t) < 1e-3:
		return float64(t/2) + float64(t*t/24)
	case t > 0:
		return t + log(-expm1(-t)) - log(t)
	}
	return log(-expm1(t)) - log(-t)
}

// tiltMean is the mean of the density proportional to exp(tx) on [0,1].
func tiltMean(t float64) float64 {
	if math.Abs(t) < 1e-3 {
		return .5 + t/12
	}
	return 1/(-expm1(-t)) - 1/t
}

func tiltVariance(t float64) float64 {
	if math.Abs(t) < 1e-2 {
		return 1. / 12
	}
	if math.Abs(t) > 80 {
		return 1 / float64(t*t)
	}
	e := expm1(t)
	return 1/float64(t*t) - exp(t)/float64(e*e) // 4·sinh²(t/2) = (e^t−1)²/e^t
}

// tilt is the inverse of tiltMean: Newton's method from an approximation to the inverse of Langevin's function (Cohen, 1991)
// that is within 5 %.
func tilt(m float64) float64 {
	if m < 1e-3 {
		return -1 / m
	}
	y := 2*m - 1
	t := 2 * y * (3 - float64(y*y)) / (1 - float64(y*y))
	for range 5 {
		t -= (tiltMean(t) - m) / tiltVariance(t)
	}
	return t
}

// combine makes one p-value of those of tests that depend on each other in an unknown way: the Cauchy combination of Liu
// and Xie (2020), and never less than the least of them.
func combine(tests []float64) float64 {
	sum, least := 0., 1.
	for _, t := range tests {
		p := min(max(t, 1e-300), 1-1e-6)
		least = min(least, p)
		if p < 1e-8 {
			sum += 1 / (p * math.Pi)
		} else {
			s, c := sincos(p / 2) // tan(π/2 − πp)
			sum += c / s
		}
	}
	mean := sum / float64(len(tests))
	if mean > 1e7 {
		return max(1/(mean*math.Pi), least)
	}
	at := .5 + turnOf(max(-mean, 0))
	if mean > 0 {
		at = .5 - turnOf(mean)
	}
	return min(1, max(at, least))
}

// estimate finds the interval, the jitter and the share of missed beats from the waits between beats.
func (r *Rhythm) estimate(waits []float64) {
	cycle := waits
	if r.Every > 1 {
		cycle = nil
		for i := r.Every - 1; i < len(waits); i++ {
			sum := 0.
			for _, w := range waits[i-r.Every+1 : i+1] {
				sum += w
			}
			cycle = append(cycle, sum)
		}
	}
	sorted := slices.Sorted(slices.Values(cycle))
	period := fundamental(sorted)
	var ones []float64
	missed, all := 0., 0.
	for _, w := range sorted {
		k := math.Round(w / period)
		if k < 1 || k > 20 { // nearer than a beat, or asleep
			continue
		}
		all += k
		missed += k - 1
		if k == 1 {
			ones = append(ones, w)
		}
	}
	if len(ones) == 0 {
		return
	}
	r.Interval = float64(ones[(len(ones)-1)/2]/2) + float64(ones[len(ones)/2]/2)
	dev := make([]float64, len(ones))
	for i, w := range ones {
		dev[i] = math.Abs(w - r.Interval)
	}
	slices.Sort(dev)
	r.Jitter = min(1, 2*dev[len(dev)/2]/r.Interval)
	r.Missed = missed / max(all, 1)
	if r.Every == 2 {
		r.turns(waits)
	}
}

// turns tells two intervals that take turns from two rhythms side by side.
func (r *Rhythm) turns(waits []float64) {
	var short, long []float64
	steady := 0
	for i := 1; i < len(waits); i++ {
		a, b := min(waits[i-1], waits[i]), max(waits[i-1], waits[i])
		short, long = append(short, a), append(long, b)
	}
	slices.Sort(short)
	slices.Sort(long)
	a, b := short[len(short)/2], long[len(long)/2]
	for i := range short {
		if math.Abs(short[i]-a) < float64(.15*a)+.5 && math.Abs(long[i]-b) < float64(.15*b)+.5 {
			steady++
		}
	}
	if 2*steady > len(short) && b > 1.2*a {
		r.Turns = []float64{a, b}
	}
}

// fundamental returns the interval that most of the sorted waits are near to: the middle of the shortest stretch of
// logarithms that holds a good part of them, or half or a third of it where many waits are that short.
func fundamental(sorted []float64) float64 {
	n := len(sorted)
	take := max(n*35/100, min(3, n))
	best, at := math.Inf(1), 0
	for i := 0; i+take <= n; i++ {
		if lo, hi := sorted[i], sorted[i+take-1]; hi/max(lo, 1e-9) < best {
			best, at = hi/max(lo, 1e-9), i
		}
	}
	return max(sorted[at+take/2], 1e-6)
}
