package beacon

import (
	"math"
	"slices"
)

// A RITA is the beacon score of RITA v5 with its parts, for comparison: formulae in docs/beacons.md.
type RITA struct {
	Score      float64
	Timestamp  float64 // how even the intervals are
	DataSize   float64 // how even the bytes sent are
	Duration   float64 // how much of the day they cover
	Histogram  float64 // how even the hours are
	Count      int     // connections in RITA's day
	Bytes      int64   // sent and received in it
	Nanos      int64   // sum of their durations
	Eligible   bool    // at least four different seconds, and no strobe
	StrobeLike bool    // 86,400 connections or more in the day
}

// Bounds of RITA v5.
const (
	ritaDay        = 86400
	ritaBars       = 24
	ritaMinTimes   = 4
	ritaMinBars    = 6
	ritaModalBars  = 11
	ritaLongestRun = 12
)

// ritaWindow is the day that RITA judges: from min to max, in seconds, and rows count from the start of min's hour.
type ritaWindow struct{ min, max int64 }

func (w ritaWindow) from() int64 { return w.min - mod(w.min, 3600) }

// ritaWindowOf returns the last day of what was seen from first to last, in seconds.
func ritaWindowOf(first, last int64) ritaWindow { return ritaWindow{max(first, last-ritaDay), last} }

// ritaScore judges a pair's connections inside w: their seconds, sorted, and the bytes that each sent, in any order.
func ritaScore(seconds, sent []int64, w ritaWindow) (r RITA) {
	r.Count = len(seconds)
	if r.Count >= ritaDay {
		r.StrobeLike = true
		return r
	}
	distinct := slices.Compact(slices.Clone(seconds))
	if len(distinct) < ritaMinTimes {
		return r
	}
	r.Eligible = true
	var gaps []int64
	for i := 1; i < len(distinct); i++ {
		gaps = append(gaps, distinct[i]-distinct[i-1])
	}
	r.Timestamp = ritaEven(gaps, 1)
	r.DataSize = ritaEven(slices.Clone(sent), 0)
	bars := ritaHistogram(seconds, w)
	r.Histogram = max(ritaEvenBars(bars), ritaModes(bars))
	r.Duration = ritaDuration(bars, seconds, w)
	r.Score = round3(float64(.25*r.Timestamp) + float64(.25*r.DataSize) + float64(.25*r.Duration) + float64(.25*r.Histogram))
	return r
}

// ritaEven is RITA's measure of evenness of at least three values, which it sorts: symmetry of the quartiles and
// smallness of the deviation from the median.
func ritaEven(x []int64, small float64) float64 {
	if len(x) < 3 {
		return 0
	}
	slices.Sort(x)
	n := len(x)
	q1, q2, q3 := middle(x[:n/2]), middle(x), middle(x[(n+1)/2:])
	skew := 0.
	if q3-q1 >= 10 && q2 != q1 && q2 != q3 {
		skew = (q1 + q3 - float64(2*q2)) / (q3 - q1)
	}
	dev := make([]float64, n)
	for i, v := range x {
		dev[i] = math.Abs(float64(v) - q2)
	}
	slices.Sort(dev)
	mad := float64((dev[(n-1)/2] + dev[n/2]) / 2)
	even := small
	if q2 >= 1 {
		even = max(0, (q2-mad)/q2)
	}
	return round3((1 - math.Abs(skew) + even) / 2)
}

// middle is the median of sorted values.
func middle(x []int64) float64 {
	return float64((float64(x[(len(x)-1)/2]) + float64(x[len(x)/2])) / 2)
}

// ritaHistogram counts connections in equal bars from min to max. Those of min's hour before min are in the first.
func ritaHistogram(seconds []int64, w ritaWindow) (bars [ritaBars]int64) {
	span := w.max - w.min
	for _, s := range seconds {
		i := int64(0)
		if span > 0 {
			i = min(max((s-w.min)*ritaBars/span, 0), ritaBars-1)
		}
		bars[i]++
	}
	return bars
}

func ritaEvenBars(bars [ritaBars]int64) float64 {
	sum, squares := 0., 0.
	for _, h := range bars {
		sum += float64(h)
		squares += float64(float64(h) * float64(h))
	}
	if sum == 0 {
		return 0
	}
	mean := sum / ritaBars
	cv := math.Sqrt(max(0, squares/ritaBars-float64(mean*mean))) / mean
	if cv > 1 {
		return 0
	}
	return round3(1 - cv)
}

// ritaModes is high where the bars have one or two heights, one outlier aside.
func ritaModes(bars [ritaBars]int64) float64 {
	top, filled := slices.Max(bars[:]), 0
	for _, h := range bars {
		if h > 0 {
			filled++
		}
	}
	if filled < ritaModalBars {
		return 0
	}
	size := int64(math.Ceil(.05 * float64(top)))
	groups := map[int64]int{}
	for _, h := range bars {
		if h > 0 {
			groups[h/size*size]++
		}
	}
	var sizes []int
	for _, n := range groups {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	fit := sizes[len(sizes)-1]
	if len(sizes) > 1 {
		fit += sizes[len(sizes)-2]
	}
	return min(1, round3(float64(fit)/float64(max(filled-1, 1))))
}

func ritaDuration(bars [ritaBars]int64, seconds []int64, w ritaWindow) float64 {
	filled, run, longest := 0, 0, 0
	for i := range 2 * ritaBars { // twice round the clock, so that a run may go over midnight
		if bars[i%ritaBars] == 0 {
			run = 0
			continue
		}
		if i < ritaBars {
			filled++
		}
		run++
		longest = max(longest, min(run, ritaBars))
	}
	if filled < ritaMinBars || w.max == w.min {
		return 0
	}
	coverage := min(1, ceil3(float64(seconds[len(seconds)-1]-seconds[0])/float64(w.max-w.min)))
	return max(coverage, min(1, ceil3(float64(longest)/ritaLongestRun)))
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }
func ceil3(x float64) float64  { return math.Ceil(x*1000) / 1000 }

// bucketed is RITA's scale from none to high: 0 below base, then .2 at base, .4, .6, and .8 from high on.
func bucketed(x, base, low, medium, high float64) float64 {
	steps := [...]float64{base, low, medium, high}
	if x < base {
		return 0
	}
	for i := 1; i < len(steps); i++ {
		if x < steps[i] {
			return float64(.2*float64(i)) + float64(.2*(x-steps[i-1])/(steps[i]-steps[i-1]))
		}
	}
	return .8
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
