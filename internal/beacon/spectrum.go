package beacon

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// A line is the strongest line of a spectrum.
type line struct {
	tested   bool
	p        float64
	period   float64 // seconds
	spread   float64 // of the phases, as half a width, in periods
	strength float64 // length of the mean phase vector: 1 if every event is in phase
}

// Bounds of the spectrum.
const (
	minLineEvents = 16
	binsPerEvent  = 16
	minBins       = 512
	maxBins       = 1 << 14
	lineSide      = 20        // ordinates to each side that a line is compared with
	longestPeriod = 2 * 3600. // longer rhythms are mixed up with those of the day
	shortestLine  = 24        // cycles in all
)

// lineTest looks for a line in the spectrum of the counting process: Fisher's test with two changes. An ordinate is laid
// against the mean of its neighbours and not of the whole spectrum, which the daily cycle and bursts fill at low
// frequencies; and periods above two hours are left to the test of intervals. An ordinate over the mean of m neighbours
// exceeds x by chance with probability (1+x/m)^−m. The p-value counts the frequencies tried.
func lineTest(times []float64) (best line) {
	best.p = 1
	starts := make([]float64, 0, len(times))
	last := math.Inf(-1)
	for _, t := range times {
		if t-last > 1 { // a burst counts once
			starts = append(starts, t)
		}
		last = t
	}
	n := len(starts)
	span := 0.
	if n > 0 {
		span = starts[n-1] - starts[0]
	}
	if n < minLineEvents || span < 60 {
		return best
	}
	size := min(max(1<<bits.Len(uint(n*binsPerEvent-1)), minBins), maxBins)
	x := make([]complex128, size)
	for _, t := range starts {
		x[min(int((t-starts[0])/span*float64(size)), size-1)] += 1
	}
	mean := complex(float64(n)/float64(size), 0)
	for i := range x {
		x[i] -= mean
	}
	fft(x)
	power := make([]float64, size/2)
	for k := range power {
		power[k] = real(x[k])*real(x[k]) + float64(imag(x[k])*imag(x[k]))
	}
	from := max(shortestLine, int(math.Ceil(span/longestPeriod)))
	to := min(len(power)-lineSide-1, int(span)) // no period under a second
	tried := 0
	for k := from; k < to; k++ {
		tried++
		if power[k] < power[k-1] || power[k] < power[k+1] {
			continue
		}
		sum, m := 0., 0.
		for d := 2; d <= lineSide; d++ {
			sum += power[k+d]
			m++
			if k-d >= 1 {
				sum += power[k-d]
				m++
			}
		}
		if sum <= 0 {
			continue
		}
		if p := math.Exp(-m * math.Log1p(power[k]/sum)); p < best.p {
			best.p, best.period = p, span/float64(k)
		}
	}
	if tried == 0 {
		return best
	}
	best.tested = true
	best.p = max(-math.Expm1(float64(tried)*math.Log1p(-min(best.p, 1-1e-12))), 1e-300)
	if best.p < .01 {
		best.refine(starts, span)
	}
	return best
}

// refine moves the period to where the phases agree best and measures how well they do.
func (l *line) refine(starts []float64, span float64) {
	if l.period == 0 {
		return
	}
	f0, top := 1/l.period, 0.
	for i := -10; i <= 10; i++ {
		f := f0 + float64(i)*.1/span
		var sum complex128
		for _, t := range starts {
			turn := (t - starts[0]) * f
			s, c := math.Sincos(2 * math.Pi * (turn - math.Floor(turn)))
			sum += complex(c, s)
		}
		if r := cmplx.Abs(sum) / float64(len(starts)); r > top {
			top, l.period = r, 1/f
		}
	}
	l.strength = top
	if top > 0 {
		l.spread = min(1, math.Sqrt(max(0, -2*math.Log(top)))/(2*math.Pi)*math.Sqrt(3))
	}
}

// turns are the roots of unity of the longest transform; shorter ones step over them.
var turns = func() []complex128 {
	t := make([]complex128, maxBins/2)
	for i := range t {
		s, c := math.Sincos(-2 * math.Pi * float64(i) / maxBins)
		t[i] = complex(c, s)
	}
	return t
}()

// fft transforms x in place; its length is a power of two, at most maxBins.
func fft(x []complex128) {
	n := len(x)
	shift := 64 - bits.Len(uint(n-1))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		half, step := size/2, maxBins/size
		for from := 0; from < n; from += size {
			for k := range half {
				a, b := x[from+k], x[from+k+half]*turns[k*step]
				x[from+k], x[from+k+half] = a+b, a-b
			}
		}
	}
}
