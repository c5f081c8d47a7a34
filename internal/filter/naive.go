package filter

import (
	"math"

	"weir/internal/bayes"
)

// pseudo is the pseudo-count of textbook forms, Laplace's, which is what others have.
const pseudo = 1

// tokenWeights returns what a form of naive Bayes makes of counts of good and bad records: the weight of every token in bits, 0 for
// one that no record has.
//
// Weights of the textbook forms are differences of those of the two classes. Their biases are left out: they are the same for
// every record, and calibration finds where good ends and bad begins.
func tokenWeights(l Learner, n *bayes.NaiveBayes) []float64 {
	good, bad := n.Counts[0], n.Counts[1]
	w := make([]float64, len(good))
	var m *bayes.NaiveModel
	switch l {
	case Multinomial:
		m = n.Multinomial(pseudo)
	case Complement:
		m = n.Complement(pseudo)
	case Bernoulli:
		m = n.Bernoulli(pseudo)
	}
	goods, bads := float64(n.Records[0]), float64(n.Records[1])
	for i := range w {
		switch {
		case good[i]|bad[i] == 0:
		case m != nil:
			w[i] = toBits(m.Weight[1][i] - m.Weight[0][i])
		default:
			w[i] = bayes.LogOdds(min(float64(bad[i]), bads), bads, min(float64(good[i]), goods), goods)
		}
	}
	return w
}

// counts are those of everything that the filter has learned.
func (f *Filter) counts() *bayes.NaiveBayes {
	return &bayes.NaiveBayes{Records: []uint64{uint64(f.Good), uint64(f.Bad)}, Counts: [][]uint32{f.table.good, f.table.bad}}
}

// A vote is what naive Bayes in one of its forms makes of the tokens of one group. Records hold their items by group.
type naiveForm uint8

const (
	naiveSum   naiveForm = iota // all tokens speak: their weights, damped by the root of how many there are, since they are not independent
	naiveVotes                  // each group speaks with its strongest token
	naivePlain                  // all tokens speak, as if they were independent
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
	case form == naivePlain:
		return sum
	}
	return sum / math.Sqrt(float64(n))
}
