package hunt

import (
	"math"
	"slices"
)

// Scores are how many events score how high, in the window and in every clean window.
type Scores struct {
	Levels []float64 // rising, equally far apart, from below the lowest score of all to above the highest
	Window []int64   // events of the window that score at least the level
	Clean  [][]int64 // the same for each of Result.Placebos
}

// maxLevels bounds the levels of Scores.
const maxLevels = 200

// scores counts how many events reach each level.
func (r *Result) scores(innocents []innocent) Scores {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range r.sums {
		lo, hi = min(lo, r.sums[i].score), max(hi, r.sums[i].score)
	}
	for i := range innocents {
		lo, hi = min(lo, innocents[i].score), max(hi, innocents[i].score)
	}
	step := levelStep(lo, hi)
	first, last := math.Floor(lo/step), math.Floor(hi/step)+1
	s := Scores{Levels: make([]float64, int(last-first)+1)}
	for i := range s.Levels {
		s.Levels[i] = round((first + float64(i)) * step)
	}
	s.Window = make([]int64, len(s.Levels))
	for range r.Placebos {
		s.Clean = append(s.Clean, make([]int64, len(s.Levels)))
	}
	count := func(at []int64, score float64, copies uint32) {
		k, exact := slices.BinarySearch(s.Levels, round(score))
		if !exact {
			k--
		}
		at[max(k, 0)] += int64(copies)
	}
	for c := range r.sums {
		count(s.Window, r.sums[c].score, r.a.contents[c].copies)
	}
	for i := range innocents {
		count(s.Clean[innocents[i].window], innocents[i].score, innocents[i].copies)
	}
	for _, counts := range append(s.Clean, s.Window) {
		for k := len(counts) - 2; k >= 0; k-- {
			counts[k] += counts[k+1]
		}
	}
	return s
}

// levelStep returns a round number: 1, 2 or 5 times a power of ten, at least a hundredth.
func levelStep(lo, hi float64) float64 {
	for unit := .01; ; unit *= 10 {
		for _, by := range []float64{1, 2, 5} {
			if (hi-lo)/(unit*by) < maxLevels-2 {
				return unit * by
			}
		}
	}
}
