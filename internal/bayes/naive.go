package bayes

import (
	"fmt"
	"math"
)

// A NaiveBayes holds the sufficient statistics of naive Bayes for records of some classes: integers, so that fits in parts are
// one fit, in whatever order, and what is taken back leaves no trace. [NaiveBayes.Multinomial], [NaiveBayes.Complement] and
// [NaiveBayes.Bernoulli] make models of them, which are those of scikit-learn on the same data, with its default fit_prior
// (test/parity).
type NaiveBayes struct {
	Records []uint64   // by class
	Counts  [][]uint32 // by class and token: the sum of its values, or how many records have it
}

// NewNaiveBayes returns counts of nothing for so many classes and tokens.
func NewNaiveBayes(classes, tokens int) *NaiveBayes {
	n := &NaiveBayes{Records: make([]uint64, classes), Counts: make([][]uint32, classes)}
	for c := range n.Counts {
		n.Counts[c] = make([]uint32, tokens)
	}
	return n
}

// Add adds equal records of a class, so many times; a negative number takes them back. tokens are different ones; values are how
// often a record has each, nil is once each, which is what Bernoulli's model wants. Counts stop at the largest uint32 instead of wrapping,
// and what stopped there cannot be taken back exactly. An error, after which counts are as before: more would be taken back
// than there is.
func (n *NaiveBayes) Add(class int, tokens, values []uint32, times int64) error {
	if total := int64(n.Records[class]) + times; total < 0 {
		return fmt.Errorf("cannot take back %d records of a class that has %d", -times, n.Records[class])
	}
	counts := n.Counts[class]
	of := func(i int) int64 {
		if values == nil {
			return times
		}
		return times * int64(values[i])
	}
	if times < 0 {
		for i, t := range tokens {
			if int64(counts[t])+of(i) < 0 {
				return fmt.Errorf("cannot take back %d of token %d, which a class has %d times", -of(i), t, counts[t])
			}
		}
	}
	for i, t := range tokens {
		counts[t] = uint32(min(int64(counts[t])+of(i), math.MaxUint32))
	}
	n.Records[class] += uint64(times)
	return nil
}

// A NaiveModel is linear: the joint log-likelihood of a class and a record is, in nats,
//
//	Bias[class] + Σ value·Weight[class][token]
type NaiveModel struct {
	Bias   []float64   // −Inf for a class without records
	Weight [][]float64 // by class and token
}

// Score returns the joint log-likelihood of a class and a record in nats; of [NaiveBayes.Complement], what stands for it.
// values may be nil: once each.
func (m *NaiveModel) Score(class int, tokens, values []uint32) float64 {
	sum := m.Bias[class]
	for i, t := range tokens {
		v := 1.
		if values != nil {
			v = float64(values[i])
		}
		sum += float64(v * m.Weight[class][t])
	}
	return sum
}

// Multinomial returns the model in which a class draws its tokens one by one:
//
//	Weight = log (n+α)/(N+α·T),   Bias = log of the class's share of records
//
// n of N tokens of the class being this one, of T different ones (McCallum and Nigam, "A comparison of event models for naive
// Bayes text classification", 1998). α > 0 is the pseudo-count of Lidstone; 1 is Laplace's.
func (n *NaiveBayes) Multinomial(alpha float64) *NaiveModel {
	m := n.model()
	for c, counts := range n.Counts {
		total := ln(float64(sum(counts)) + float64(alpha*float64(len(counts))))
		for t, k := range counts {
			m.Weight[c][t] = ln(float64(k)+alpha) - total
		}
	}
	return m
}

// Complement returns the model that says of a class what all others do not have, which copes better with classes of unequal
// size (Rennie et al., "Tackling the poor assumptions of naive Bayes text classifiers", 2003):
//
//	Weight = −log (n+α)/(N+α·T)
//
// with n and N counted in all classes but this one. It has no bias, and no second normalisation.
func (n *NaiveBayes) Complement(alpha float64) *NaiveModel {
	m := n.model()
	for c := range n.Counts {
		m.Bias[c] = 0
		rest := make([]uint64, len(n.Counts[c]))
		for o, counts := range n.Counts {
			for t, k := range counts {
				if o != c {
					rest[t] += uint64(k)
				}
			}
		}
		all := uint64(0)
		for _, k := range rest {
			all += k
		}
		total := ln(float64(all) + float64(alpha*float64(len(rest))))
		for t, k := range rest {
			m.Weight[c][t] = total - ln(float64(k)+alpha)
		}
	}
	return m
}

// Bernoulli returns the model in which a record of a class has each token or has not, by itself:
//
//	p = (n+α)/(R+2α),   Weight = log p/(1−p),   Bias = log of the class's share + Σ over all tokens of log (1−p)
//
// n of R records of the class having the token. Counts must be of records: [NaiveBayes.Add] without values.
func (n *NaiveBayes) Bernoulli(alpha float64) *NaiveModel {
	m := n.model()
	for c, counts := range n.Counts {
		records := float64(n.Records[c])
		total := ln(records + 2*alpha)
		absent := 0.
		for t, k := range counts {
			without := ln(max(records-float64(k), 0) + alpha)
			m.Weight[c][t] = ln(float64(k)+alpha) - without
			absent += without - total
		}
		m.Bias[c] += absent
	}
	return m
}

// model has the classes' shares for biases.
func (n *NaiveBayes) model() *NaiveModel {
	m := &NaiveModel{Bias: make([]float64, len(n.Records)), Weight: make([][]float64, len(n.Records))}
	all := uint64(0)
	for _, r := range n.Records {
		all += r
	}
	for c, r := range n.Records {
		m.Bias[c] = ln(float64(r)) - ln(float64(all))
		m.Weight[c] = make([]float64, len(n.Counts[c]))
	}
	return m
}

func sum(counts []uint32) (n uint64) {
	for _, k := range counts {
		n += uint64(k)
	}
	return n
}

// ln is the natural logarithm, the same on every platform.
func ln(x float64) float64 { return float64(Log2(x) * math.Ln2) }
