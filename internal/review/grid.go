package review

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/bayes"
)

// What the settings are made of. All are as likely before any answer.
var (
	widths    = []float64{.1, .4, 1.6}
	shares    = []float64{.001, .01, .1}
	strengths = []float64{1, 4, math.Inf(1)}
)

const (
	places = 20  // of at: so many by equal steps, and by equal numbers of items
	spread = 1.5 // of the Cauchy prior of at
)

// layBins puts items of equal scores, or of almost equal ones where there are many, into bins.
func (s *Study) layBins() {
	order := make([]int32, len(s.items))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(s.items[a].Score, s.items[b].Score) })
	least := (len(order) + maxBins - 1) / maxBins
	s.bin = make([]int32, len(s.items))
	for from := 0; from < len(order); {
		to, sum := from, 0.0
		for to < len(order) && (to-from < least || s.items[order[to]].Score == s.items[order[to-1]].Score) {
			sum += s.items[order[to]].Score
			s.bin[order[to]] = int32(len(s.bins))
			to++
		}
		s.bins = append(s.bins, sum/float64(to-from))
		from = to
	}
}

// strata is into how many heaps items that belong to no row are put, by their score.
const strata = 10

// layStrata makes rows of items that belong to none.
func (s *Study) layStrata() {
	var order []int
	s.row = make([]int, len(s.items))
	for i := range s.items {
		if s.row[i] = s.items[i].Row; s.row[i] < 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.items[a].Score, s.items[b].Score) })
	for n, i := range order {
		s.row[i] = -1 - n*strata/len(order)
	}
}

// layGrid lists the settings with their priors and curves.
func (s *Study) layGrid() {
	ats, steps := s.places()
	middle := s.middle()
	for i, at := range ats {
		d := (at - middle) / spread
		near := steps[i] / (1 + float64(d*d))
		for _, width := range widths {
			rise := make([]float64, len(s.bins))
			for b, x := range s.bins {
				rise[b] = bayes.Logistic((x - at) / width)
			}
			for _, low := range shares {
				for _, high := range shares {
					for _, n := range strengths {
						s.grid = append(s.grid, setting{n})
						s.prior = append(s.prior, near)
						for b := range s.bins {
							s.p = append(s.p, low+float64((1-low-high)*rise[b]))
						}
					}
				}
			}
		}
	}
}

// places returns where the curve may rise, and how much of the scale each place stands for.
func (s *Study) places() (at, step []float64) {
	if len(s.bins) == 0 {
		return []float64{0}, []float64{1}
	}
	lo, hi := s.bins[0]-1, s.bins[len(s.bins)-1]+1
	for i := range places {
		at = append(at, lo+(hi-lo)*float64(i)/float64(places-1), s.bins[i*(len(s.bins)-1)/(places-1)])
	}
	slices.Sort(at)
	at = slices.Compact(at)
	for i := range at {
		a, b := max(i-1, 0), min(i+1, len(at)-1)
		step = append(step, (at[b]-at[a])/float64(b-a))
	}
	return at, step
}

// middle is the score where the hunt's or filter's own probability passes a half.
func (s *Study) middle() float64 {
	below, above := math.Inf(-1), math.Inf(1)
	for i := range s.items {
		if x := &s.items[i]; x.Probability >= .5 {
			above = min(above, x.Score)
		} else {
			below = max(below, x.Score)
		}
	}
	switch {
	case math.IsInf(below, -1) && math.IsInf(above, 1):
		return 0
	case math.IsInf(below, -1):
		return above - 1
	case math.IsInf(above, 1):
		return below + 1
	}
	return (below + above) / 2
}
