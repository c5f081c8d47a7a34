package bayes

import (
	"cmp"
	"slices"
)

// A Scored is a score with how many suspicious and how many innocent events have it.
type Scored struct {
	Score     float64
	Window    float64 // events of the window
	Innocents float64 // events that a clean window of the same length has with this score, on average
}

// Posterior returns, for each element, the probability that a window event with its score is bad: one minus the ratio
// of the innocent events to the window's events at that score, at least 0, and never falling with the score. The ratio
// is fitted by pooling adjacent violators (isotonic regression). This is the local false discovery rate of Efron et al.
// ("Empirical Bayes analysis of a microarray experiment", JASA 2001) with the placebo windows as the null.
//
// No share of bad has to be assumed. soft innocent events are added at the highest score, so that a handful of clean
// windows never makes the top certain.
func Posterior(s []Scored, soft float64) []float64 {
	order := make([]int, len(s))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s[b].Score, s[a].Score) })
	type block struct {
		window, innocents float64
		n                 int
	}
	var blocks []block
	for at := 0; at < len(order); { // from the highest score down; the share of innocents must not fall
		b := block{}
		if at == 0 {
			b.innocents = soft
		}
		for score := s[order[at]].Score; at < len(order) && s[order[at]].Score == score; at++ {
			b.window += s[order[at]].Window
			b.innocents += s[order[at]].Innocents
			b.n++
		}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if float64(last.innocents*(b.window+b.innocents)) < float64(b.innocents*(last.window+last.innocents)) {
				break
			}
			b = block{last.window + b.window, last.innocents + b.innocents, last.n + b.n}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	out := make([]float64, len(s))
	at := 0
	for _, b := range blocks {
		p := 0.0
		if b.window > 0 {
			p = max(0, 1-b.innocents/b.window)
		}
		for _, i := range order[at : at+b.n] {
			out[i] = p
		}
		at += b.n
	}
	return out
}
