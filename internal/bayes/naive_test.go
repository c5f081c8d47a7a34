package bayes

import (
	"reflect"
	"strings"
	"testing"

	"weir/test/parity"
)

type naiveCase struct {
	Name, Form        string
	Classes, Tokens   int
	Alpha             float64
	Rows, Asked       [][][2]uint32
	Labels, Predicted []int
	Weights           []int64
	ClassLogPrior     []parity.Number   `json:"class_log_prior"`
	FeatureLogProb    [][]parity.Number `json:"feature_log_prob"`
	Joint             [][]parity.Number `json:"joint_log_likelihood"`
	Probability       [][]float64
}

func (c *naiveCase) row(r [][2]uint32) (tokens, values []uint32) {
	for _, x := range r {
		tokens, values = append(tokens, x[0]), append(values, x[1])
	}
	if c.Form == "bernoulli" {
		values = nil
	}
	return tokens, values
}

func (c *naiveCase) model(n *NaiveBayes) *NaiveModel {
	switch c.Form {
	case "multinomial":
		return n.Multinomial(c.Alpha)
	case "complement":
		return n.Complement(c.Alpha)
	}
	return n.Bernoulli(c.Alpha)
}

// add adds records from, from+step, …, so many times as they weigh.
func (c *naiveCase) add(t *testing.T, n *NaiveBayes, from, step int, sign int64) {
	t.Helper()
	for i := from; i < len(c.Rows); i += step {
		tokens, values := c.row(c.Rows[i])
		if err := n.Add(c.Labels[i], tokens, values, sign*c.Weights[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNaiveBayesAgainstSklearn: MultinomialNB, ComplementNB and BernoulliNB of scikit-learn 1.2.1 (test/parity/oracle.py).
func TestNaiveBayesAgainstSklearn(t *testing.T) {
	for _, c := range parity.Cases[naiveCase](t, "naive_bayes") {
		t.Run(c.Form+", "+c.Name, func(t *testing.T) {
			n := NewNaiveBayes(c.Classes, c.Tokens)
			c.add(t, n, 0, 1, 1)
			m := c.model(n)
			for k := range c.Classes {
				for f, want := range c.FeatureLogProb[k] {
					got := m.Weight[k][f]
					if c.Form == "bernoulli" { // the weight is log p/(1-p)
						got = ln(Logistic(got))
					}
					parity.Near(t, got, float64(want), "class %d, token %d", k, f)
				}
				if c.Form == "multinomial" {
					parity.Near(t, m.Bias[k], float64(c.ClassLogPrior[k]), "class %d", k)
				}
			}
			for i, r := range c.Asked {
				tokens, values := c.row(r)
				best := 0
				var scores []float64
				for k := range c.Classes {
					s := m.Score(k, tokens, values)
					parity.Near(t, s, float64(c.Joint[i][k]), "record %d, class %d", i, k)
					scores = append(scores, s)
					if s > scores[best] {
						best = k
					}
				}
				if best != c.Predicted[i] {
					t.Errorf("record %d is of class %d, want %d", i, best, c.Predicted[i])
				}
				if c.Classes == 2 && len(c.Probability) > 0 {
					parity.Near(t, Logistic(scores[1]-scores[0]), c.Probability[i][1], "probability of record %d", i)
				}
			}
		})
	}
}

// TestNaiveBayesInParts: parts in another order are one fit, and what is taken back leaves no trace.
func TestNaiveBayesInParts(t *testing.T) {
	for _, c := range parity.Cases[naiveCase](t, "naive_bayes") {
		whole, parts := NewNaiveBayes(c.Classes, c.Tokens), NewNaiveBayes(c.Classes, c.Tokens)
		c.add(t, whole, 0, 1, 1)
		c.add(t, parts, 2, 3, 1)
		c.add(t, parts, 0, 3, 1)
		c.add(t, parts, 0, 2, 1)
		c.add(t, parts, 1, 3, 1)
		c.add(t, parts, 0, 2, -1)
		if !reflect.DeepEqual(whole, parts) || !reflect.DeepEqual(c.model(whole), c.model(parts)) {
			t.Errorf("%s, %s: %v\n%v", c.Form, c.Name, whole, parts)
		}
	}
}

func TestNaiveBayesRefuses(t *testing.T) {
	n := NewNaiveBayes(2, 3)
	if err := n.Add(0, []uint32{0, 1}, []uint32{5, 1}, 2); err != nil {
		t.Fatal(err)
	}
	want := []uint32{10, 2, 0}
	for _, c := range []struct {
		tokens, values []uint32
		times          int64
		want           string
	}{
		{[]uint32{0, 1}, nil, -3, "cannot take back 3 records of a class that has 2"},
		{[]uint32{0, 2}, nil, -1, "cannot take back 1 of token 2, which a class has 0 times"},
		{[]uint32{1, 0}, []uint32{1, 6}, -2, "cannot take back 12 of token 0, which a class has 10 times"},
	} {
		if err := n.Add(0, c.tokens, c.values, c.times); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if !reflect.DeepEqual(n.Counts[0], want) || n.Records[0] != 2 {
			t.Fatalf("after an error: %v", n)
		}
	}
	if err := n.Add(1, []uint32{2}, []uint32{1 << 31}, 4); err != nil || n.Counts[1][2] != 1<<32-1 || n.Records[1] != 4 {
		t.Errorf("counts do not stop: %v, %v", err, n)
	}
}
