package scenario

import "math/bits"

// rng is a splitmix64 generator. Everything drawn from it is integer arithmetic, because floating point may be fused or
// done by different assembly on different machines, and the bytes of a scenario must not depend on the machine.
type rng uint64

// mix64 is the finaliser of splitmix64 (Steele, Lea, Flood 2014).
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hash derives a key from a key: the identity of a person, the start of a random stream.
func hash(key uint64, parts ...uint64) uint64 {
	for _, p := range parts {
		key = mix64(key + 0x9e3779b97f4a7c15*(p+1))
	}
	return key
}

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix64(uint64(*r))
}

// n returns a number from 0 to k−1.
func (r *rng) n(k int) int {
	hi, _ := bits.Mul64(r.next(), uint64(k))
	return int(hi)
}

// between returns a number from lo to hi−1.
func (r *rng) between(lo, hi int64) int64 {
	h, _ := bits.Mul64(r.next(), uint64(hi-lo))
	return lo + int64(h)
}

// chance is true in permille of a thousand calls.
func (r *rng) chance(permille int) bool { return r.n(1000) < permille }

// oneOf returns one of the strings, all equally likely.
func (r *rng) oneOf(list []string) string { return list[r.n(len(list))] }

// Fixed point numbers below have 16 fractional bits.
const one = 1 << 16

// exp2 is 2^x in fixed point; the fraction is a parabola through 1 and 2, good to 0.3 %.
func exp2(x int64) int64 {
	i, f := x>>16, x&(one-1)
	m := one + (f*43024+(f*f>>16)*22512)>>16
	switch {
	case i >= 40:
		return m << 40
	case i >= 0:
		return m << i
	case i < -20:
		return 0
	}
	return m >> -i
}

// log2 is the binary logarithm of v > 0 in fixed point, the fraction a parabola, good to 0.01.
func log2(v uint64) int64 {
	lz := bits.LeadingZeros64(v)
	f := int64(v << lz << 1 >> 48)
	return int64(63-lz)<<16 + f + (f*(one-f)>>16*22512)>>16
}

// normal draws from a standard normal distribution, in fixed point: the sum of eight uniform numbers, so never beyond
// 4.9 deviations.
func (r *rng) normal() int64 {
	a, b := r.next(), r.next()
	var sum int64
	for range 4 {
		sum += int64(a&0xffff) + int64(b&0xffff)
		a, b = a>>16, b>>16
	}
	return (sum - 262140) * one / 53510
}

// logNormal draws a size with the given median; sigma says by how many powers of two (fixed point) one deviation moves it.
func (r *rng) logNormal(median, sigma int64) int64 {
	return max(1, median*(exp2(r.normal()*sigma>>16)>>4)>>12)
}

// exponential draws a waiting time with the given mean.
func (r *rng) exponential(mean int64) int64 {
	l := int64(64)<<16 - log2(r.next()|1) // −log2 of a uniform number
	return mean * (l * 45426 >> 16) >> 16
}

// poisson draws a count whose mean is given in thousandths.
func (r *rng) poisson(milli int64) int {
	if milli <= 0 {
		return 0
	}
	if milli > 30_000 {
		return int(max(0, (milli+r.normal()*isqrt(milli*1000)>>16+500)/1000))
	}
	n := 0
	for t := r.exponential(1000); t < milli; t += r.exponential(1000) {
		n++
	}
	return n
}

// zipf draws a rank from 0 to n−1 with probability about 1/(rank + flat): a power law whose head is as wide as flat.
func (r *rng) zipf(n, flat int) int {
	span := log2(uint64(n+flat)) - log2(uint64(flat))
	k := int(int64(flat)*exp2(r.between(0, span))>>16) - flat
	return min(max(k, 0), n-1)
}

// isqrt is the integer square root.
func isqrt(v int64) int64 {
	if v < 2 {
		return max(v, 0)
	}
	x := int64(1) << ((bits.Len64(uint64(v)) + 1) / 2)
	for {
		y := (x + v/x) / 2
		if y >= x {
			return x
		}
		x = y
	}
}
