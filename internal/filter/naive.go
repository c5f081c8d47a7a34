package filter

import (
	"math"

	"weir/internal/bayes"
)

// classCounts are tokens' counts as a learner sees them: those of all training data, or without a held-back part.
type classCounts struct {
	good, bad           []uint32 // records with the token, by its number
	goodTotal, badTotal float64  // records
}

// weights returns the weight of evidence of every token in bits, 0 for one that no record has.
func (c *classCounts) weights() []float64 {
	w := make([]float64, len(c.good))
	for i := range w {
		if c.good[i]|c.bad[i] != 0 {
			w[i] = bayes.LogOdds(min(float64(c.bad[i]), c.badTotal), c.badTotal, min(float64(c.good[i]), c.goodTotal), c.goodTotal)
		}
	}
	return w
}

// A vote is what naive Bayes in one of its forms makes of the tokens of one group. Records hold their items by group.
type naiveForm uint8

const (
	naiveSum   naiveForm = iota // all tokens speak: their weights, damped by the root of how many there are, since they are not independent
	naiveVotes                  // each group speaks with its strongest token
)

// unknown stands for the number of a token that training has not seen.
const unknown = 1<<32 - 1

// naiveScore scores a row in bits. group and weight are by token; unknown tokens are [unknown].
func naiveScore(form naiveForm, row []uint32, items []item, weight []float64) float64 {
	total := 0.
	eachGroup(items, func(from, to int) { total += groupVote(form, row[from:to], weight) })
	return total
}

// groupVote is what one group says. Tokens of one group are taken from one value and say much the same thing: n of them
// count as √n (METHODS: "sum per field divided by √n"), or as their strongest.
func groupVote(form naiveForm, tokens []uint32, weight []float64) float64 {
	sum, best, n := 0., 0., 0
	for _, f := range tokens {
		if f == unknown {
			continue
		}
		n++
		w := weight[f]
		sum += w
		if math.Abs(w) > math.Abs(best) || w > best && w == -best {
			best = w
		}
	}
	switch {
	case n == 0:
		return 0
	case form == naiveVotes:
		return best
	}
	return sum / math.Sqrt(float64(n))
}
