package calibrate

import "math"

const (
	maxBlocks = MaxKnots/2 - 1
	tilt      = .1      // nats: how far a block's own ends lie apart from its rate, so that distinct scores stay distinct
	finest    = 1. / 64 // nats: blocks that are nearer than this may be taken together where there are too many
)

// A block is a range of scores with one rate of bad.
type block struct{ low, high, good, bad float64 }

// logOdds of the rate with half a record of either class added (Jeffreys' prior), so that it is never 0 or 1.
func (b block) logOdds() float64 { return logit((b.bad + .5) / (b.good + b.bad + 1)) }

func (b block) with(o block) block { return block{b.low, o.high, b.good + o.good, b.bad + o.bad} }

// isotonic fits rates that never fall with the score, by pooling adjacent violators (Ayer, Brunk et al. 1955; Zadrozny
// and Elkan 2002 for probabilities). Where smoothing turns two blocks around they are pooled too. A block is nearly level
// from its lowest to its highest score and tilted by at most .1 in log-odds, less where its neighbours are near. Knots at
// the centres of blocks (Oron and Flournoy 2017) keep scores apart as well, but smear wide blocks of pure good into
// their neighbours: with heavy-tailed scores they cost 3 to 9 % more log loss, where good and bad hardly overlap thirty
// times as much.
func isotonic(view []pool) curve {
	blocks := smoothed(pav(view))
	for apart := finest; len(blocks) > maxBlocks; apart *= 2 {
		blocks = fewer(blocks, apart)
	}
	_, sd := moments(view)
	slope := 0.0
	if sd > 0 && len(blocks) > 1 {
		slope = tilt / sd
	}
	return curve{knotsOf(blocks), slope, slope}
}

// pav returns the blocks of the isotonic regression of the rate of bad, by weight.
func pav(view []pool) []block {
	return pooled(len(view), func(i int) block { return block{view[i].low, view[i].high, view[i].good, view[i].bad} },
		func(a, b block) bool { return float64(a.bad*b.good) >= float64(b.bad*a.good) }) // a.bad/a.n ≥ b.bad/b.n
}

// smoothed pools blocks until their smoothed rates rise.
func smoothed(blocks []block) []block {
	return pooled(len(blocks), func(i int) block { return blocks[i] },
		func(a, b block) bool { return a.logOdds() >= b.logOdds() })
}

// pooled merges neighbours for as long as wrong says that they are in the wrong order.
func pooled(n int, at func(int) block, wrong func(a, b block) bool) []block {
	out := make([]block, 0, min(n, 1024))
	for i := range n {
		b := at(i)
		for len(out) > 0 && wrong(out[len(out)-1], b) {
			b = out[len(out)-1].with(b)
			out = out[:len(out)-1]
		}
		out = append(out, b)
	}
	return out
}

// fewer merges blocks that are less than apart above the first of a run.
func fewer(blocks []block, apart float64) []block {
	var out []block
	first := 0.0
	for _, b := range blocks {
		if l := b.logOdds(); len(out) > 0 && l-first < apart {
			out[len(out)-1] = out[len(out)-1].with(b)
			continue
		} else {
			first = l
		}
		out = append(out, b)
	}
	return smoothed(out)
}

func knotsOf(blocks []block) []Knot {
	knots := make([]Knot, 0, 2*len(blocks))
	for i, b := range blocks {
		l := min(max(b.logOdds(), -maxOdds+tilt), maxOdds-tilt)
		if b.low == b.high || len(blocks) == 1 {
			knots = append(knots, Knot{b.low, l})
			continue
		}
		t := tilt
		if i > 0 {
			t = min(t, (l-blocks[i-1].logOdds())/4)
		}
		if i+1 < len(blocks) {
			t = min(t, (blocks[i+1].logOdds()-l)/4)
		}
		t = max(t, 0)
		knots = append(knots, Knot{b.low, l - t}, Knot{b.high, l + t})
	}
	return knots
}

// moments returns the mean and the standard deviation of scores, by weight.
func moments(view []pool) (mean, sd float64) {
	w := 0.0
	for _, p := range view {
		w += p.good + p.bad
		mean += float64((p.good + p.bad) * p.score)
	}
	mean /= w
	square := 0.0
	for _, p := range view {
		d := p.score - mean
		square += float64((p.good + p.bad) * float64(d*d))
	}
	return mean, math.Sqrt(square / w)
}
