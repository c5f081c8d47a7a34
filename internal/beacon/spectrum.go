package beacon

import (
	"math"
	"math/bits"
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

// A spectrum is the memory of line.
type spectrum struct {
	starts, re, im, power []float64
}

// line looks for a line in the spectrum of the counting process: Fisher's test with two changes. An ordinate is laid
// against the mean of its neighbours and not of the whole spectrum, which the daily cycle and bursts fill at low
// frequencies; and periods above two hours are left to the test of intervals. An ordinate over the mean of m neighbours
// exceeds x by chance with probability (1+x/m)^−m. The p-value counts the frequencies tried.
func (s *spectrum) line(times []float64) (best line) {
	best.p = 1
	starts := s.starts[:0]
	last := math.Inf(-1)
	for _, t := range times {
		if t-last > 1 { // a burst counts once
			starts = append(starts, t)
		}
		last = t
	}
	s.starts = starts
	n := len(starts)
	span := 0.
	if n > 0 {
		span = starts[n-1] - starts[0]
	}
	if n < minLineEvents || span < 60 {
		return best
	}
	power := s.powers(min(max(1<<bits.Len(uint(n*binsPerEvent-1)), minBins), maxBins), span)
	from := max(shortestLine, int(math.Ceil(span/longestPeriod)))
	to := min(len(power)-lineSide-1, int(span)) // no period under a second
	const neighbours = 2 * (lineSide - 1)       // from is beyond lineSide
	top := 0.
	for k := from; k < to; k++ {
		p := power[k]
		if p < power[k-1] || p < power[k+1] {
			continue
		}
		sum := 0.
		for d := 2; d <= lineSide && p > float64(top*sum); d++ { // the sum only grows
			sum += power[k+d]
			sum += power[k-d]
		}
		if sum > 0 && p/sum > top {
			top, best.period = p/sum, span/float64(k)
		}
	}
	if to <= from {
		return best
	}
	best.tested = true
	best.p = exp(-neighbours * log1p(top))
	best.p = max(-expm1(float64(to-from)*log1p(-min(best.p, 1-1e-12))), 1e-300)
	if best.p < .01 {
		best.refine(starts, span)
	}
	return best
}

// powers returns the squares of the Fourier transform of how many starts fall into each of so many bins, less their mean,
// up to half as many. Neighbouring bins are the real and the imaginary parts of a transform of half the length.
func (s *spectrum) powers(size int, span float64) []float64 {
	starts, half := s.starts, size/2
	s.re, s.im, s.power = resized(s.re, half), resized(s.im, half), resized(s.power, half)
	re, im, power := s.re, s.im, s.power
	mean := float64(len(starts)) / float64(size)
	for i := range re {
		re[i], im[i] = -mean, -mean
	}
	for _, t := range starts {
		if i := min(int((t-starts[0])/span*float64(size)), size-1); i%2 == 0 {
			re[i/2]++
		} else {
			im[i/2]++
		}
	}
	fft(re, im)
	step := maxBins / size
	power[0] = square(re[0]+im[0], 0)
	for k := 1; k < half; k++ {
		// even and odd bins' own transforms, and the second one turned
		er, ei := float64((re[k]+re[half-k])/2), float64((im[k]-im[half-k])/2)
		or, oi := float64((im[k]+im[half-k])/2), float64((re[half-k]-re[k])/2)
		c, d := turns.cos[k*step], turns.sin[k*step]
		power[k] = square(er+float64(or*c)-float64(oi*d), ei+float64(or*d)+float64(oi*c))
	}
	return power
}

func square(re, im float64) float64 { return float64(re*re) + float64(im*im) }

func resized(x []float64, n int) []float64 {
	if cap(x) < n {
		return make([]float64, n)
	}
	return x[:n]
}

// refine moves the period to where the phases agree best and measures how well they do.
func (l *line) refine(starts []float64, span float64) {
	if l.period == 0 {
		return
	}
	f0, top := 1/l.period, 0.
	for i := -10; i <= 10; i++ {
		f := f0 + float64(i)*.1/span
		re, im := 0., 0.
		for _, t := range starts {
			s, c := sincos(float64((t - starts[0]) * f))
			re, im = re+c, im+s
		}
		if r := math.Sqrt(square(re, im)) / float64(len(starts)); r > top {
			top, l.period = r, 1/f
		}
	}
	l.strength = top
	if top > 0 {
		l.spread = min(1, math.Sqrt(max(0, -2*log(top)))/(2*math.Pi)*math.Sqrt(3))
	}
}

// turns are the roots of unity of the longest transform; shorter ones step over them.
var turns = func() (t struct{ cos, sin [maxBins / 2]float64 }) {
	for i := range t.cos {
		t.sin[i], t.cos[i] = sincos(-float64(i) / maxBins)
	}
	return t
}()

// fft transforms re + i·im in place; its length is a power of two, at most maxBins.
func fft(re, im []float64) {
	n := len(re)
	im = im[:n]
	shift := 64 - bits.Len(uint(n-1))
	for i := range re {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			re[i], re[j], im[i], im[j] = re[j], re[i], im[j], im[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		half, step := size/2, maxBins/size
		for from := 0; from < n; from += size {
			ar, ai := re[from:from+half], im[from:from+half]
			br, bi := re[from+half:from+size], im[from+half:from+size]
			for k := range ar {
				c, d := turns.cos[k*step], turns.sin[k*step]
				x, y := float64(br[k]*c)-float64(bi[k]*d), float64(br[k]*d)+float64(bi[k]*c)
				br[k], bi[k] = ar[k]-x, ai[k]-y
				ar[k], ai[k] = ar[k]+x, ai[k]+y
			}
		}
	}
}
