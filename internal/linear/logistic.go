// Package linear learns to tell bad records from good ones by labelled examples, with a weight for each token: logistic
// regression with an L2 penalty on sparse rows.
//
// [Sample] keeps the examples, [Fit] finds the weights, [Update] moves them by a few further examples. All three give the same
// result for the same examples, whatever the order they came in and on every platform: a sample is put in the order of
// hashes before anything is computed, sums run in that order, and exponentials are weir's own (bayes.Logistic).
package linear

import (
	"context"
	"math"

	"weir/internal/bayes"
)

// Rows are examples in compressed sparse form: row i has the features Features[Start[i]:Start[i+1]] with the values
// Values[Start[i]:Start[i+1]], whose squares add up to 1 or nearly so.
type Rows struct {
	Start    []int32 // one more than there are rows
	Features []uint32
	Values   []float32
	Bad      []bool
	Weight   []float64 // how many records the row stands for; nil is 1 each
	Offset   []float64 // log-odds that another model gives the row; nil is none
	Width    int       // features are below this
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.Bad) }

// Row returns the features of row i and their values.
func (r *Rows) Row(i int) (features []uint32, values []float32) {
	return r.Features[r.Start[i]:r.Start[i+1]], r.Values[r.Start[i]:r.Start[i+1]]
}

func (r *Rows) weight(i int) float64 {
	if r.Weight == nil {
		return 1
	}
	return r.Weight[i]
}

// Options govern fitting. The zero value is what weir uses.
type Options struct {
	// Cost is C, what a misjudged record costs beside the size of the weights; 0 is [DefaultCost]. A larger one follows
	// the examples more closely.
	Cost float64
	// Epochs is how often every row is visited at most; 0 is [DefaultEpochs].
	Epochs int
	// Tolerance ends fitting where no row moved its own score by more than this, in nats, in the last epoch; 0 is
	// [DefaultTolerance].
	Tolerance float64
}

// Defaults of [Options].
const (
	DefaultCost      = 500
	DefaultEpochs    = 12
	DefaultTolerance = .01
)

// Weights are a fitted model: the log-odds (natural) of bad are Bias + Σ W[f]·value.
type Weights struct {
	W    []float64
	Bias float64
}

// Score returns the log-odds (natural) of bad of a row; features beyond the model's width say nothing.
func (m *Weights) Score(features []uint32, values []float32) float64 {
	sum := m.Bias
	for k, f := range features {
		if int(f) < len(m.W) {
			sum += float64(m.W[f] * float64(values[k]))
		}
	}
	return sum
}

// Fit returns the weights that minimise
//
//	½‖w‖² + ½b² + Σ_i C·c_i·log(1 + e^{−y_i(w·x_i + b)})
//
// over the rows named by use (nil: all), where c_i is the row's weight and y_i is 1 for bad and −1 for good. It solves the
// dual by coordinate descent (Yu, Huang, Lin: "Dual coordinate descent methods for logistic regression and maximum entropy
// models", Machine Learning 85, 2011): row i has a multiplier 0 < z_i < C·c_i with w = Σ z_i y_i x_i, and at the optimum
// z_i = C·c_i/(1 + e^{m_i}), m_i being the row's margin.
//
// It returns early, with an error, only when ctx ends. Rows of one class alone give a model that says so everywhere.
func Fit(ctx context.Context, r *Rows, use []int32, o Options) (*Weights, error) {
	s := newSolver(r, use, &Weights{W: make([]float64, r.Width)}, o)
	return s.model, s.run(ctx)
}

// Update returns weights that start at base, which it leaves alone, and are moved as little as the rows demand: the minimum of
//
//	½ Σ_f stiff_f·(w_f − base_f)² + Σ_i C·c_i·log(1 + e^{−y_i(w·x_i + b)})
//
// where the bias stays that of base. The stiffness of a feature should rise with the number of records that have taught base
// its weight: without it a single row moves what it has in common with all others, and their scores with it. nil is 1 for
// all. With no rows the weights are base again.
func Update(ctx context.Context, base *Weights, r *Rows, stiff []float64, o Options) (*Weights, error) {
	m := &Weights{W: make([]float64, max(len(base.W), r.Width)), Bias: base.Bias}
	copy(m.W, base.W)
	// In units of 1/√stiff it is a fit from zero, with the scores of base as offsets.
	ease := make([]float64, len(m.W))
	for f := range ease {
		ease[f] = 1
		if stiff != nil {
			ease[f] = 1 / math.Sqrt(stiff[f])
		}
	}
	scaled := *r
	scaled.Values, scaled.Offset = make([]float32, len(r.Values)), make([]float64, r.Len())
	for i := range r.Len() {
		scaled.Offset[i] = m.Score(r.Row(i))
		if r.Offset != nil {
			scaled.Offset[i] += r.Offset[i]
		}
	}
	for k, f := range r.Features {
		scaled.Values[k] = float32(float64(r.Values[k]) * ease[f])
	}
	s := newSolver(&scaled, nil, &Weights{W: make([]float64, len(m.W))}, o)
	s.unbiased = true
	if err := s.run(ctx); err != nil {
		return m, err
	}
	for f, d := range s.model.W {
		m.W[f] += float64(d * ease[f])
	}
	return m, nil
}

type solver struct {
	rows   *Rows
	order  []int32
	z      []float64 // by place in order
	model  *Weights
	cost   float64
	epochs int
	moved  float64 // at most, in the last epoch
	// unbiased leaves the bias at 0.
	unbiased bool
}

func newSolver(r *Rows, use []int32, m *Weights, o Options) *solver {
	if use == nil {
		use = make([]int32, r.Len())
		for i := range use {
			use[i] = int32(i)
		}
	}
	s := &solver{rows: r, order: use, z: make([]float64, len(use)), model: m, cost: o.Cost, epochs: o.Epochs, moved: o.Tolerance}
	if s.cost <= 0 {
		s.cost = DefaultCost
	}
	if s.epochs <= 0 {
		s.epochs = DefaultEpochs
	}
	if s.moved <= 0 {
		s.moved = DefaultTolerance
	}
	return s
}

func (s *solver) run(ctx context.Context) error {
	turn := make([]int32, len(s.order))
	for i := range turn {
		turn[i] = int32(i)
	}
	state := uint64(1)
	quiet, rest := make([]uint8, len(s.order)), make([]uint8, len(s.order))
	for range s.epochs {
		shuffle(turn, &state)
		moved, resting := 0., false
		for n, k := range turn {
			if n&0xfff == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if rest[k] > 0 {
				rest[k]--
				resting = true
				continue
			}
			d := s.step(int(k), int(s.order[k]))
			moved = max(moved, d)
			quiet[k] = min(quiet[k]+1, mostRest)
			if d > s.moved/2 {
				quiet[k] = 0
			}
			rest[k] = quiet[k]
		}
		if moved >= s.moved {
			continue
		}
		if !resting {
			break
		}
		clear(rest) // all have a look before it is over
		clear(quiet)
	}
	return nil
}

// A row whose own score its multiplier hardly moved, by less than half of the tolerance, rests: for one epoch, then two, up to
// this many. Most rows are settled soon.
const mostRest = 5

// shuffle puts turns into an order that looks like chance and is the same every time (splitmix64 of Steele, Lea and Flood,
// 2014): visiting rows in ever the same order converges slower.
func shuffle(turn []int32, state *uint64) {
	for i := len(turn) - 1; i > 0; i-- {
		*state += 0x9E3779B97F4A7C15
		z := *state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		j := int((z ^ z>>31) % uint64(i+1))
		turn[i], turn[j] = turn[j], turn[i]
	}
}

// step moves the multiplier of one row to its optimum with all others fixed, and returns by how much that moves the row's
// own score, in nats: multipliers of rows that are easily told apart are a small part of their bounds.
func (s *solver) step(k, i int) float64 {
	features, values := s.rows.Row(i)
	bound := s.cost * s.rows.weight(i)
	y := -1.
	if s.rows.Bad[i] {
		y = 1
	}
	w := s.model.W
	sum, norm := s.model.Bias, 1. // both with the bias
	if s.unbiased {
		norm = 0
	}
	if s.rows.Offset != nil {
		sum += s.rows.Offset[i]
	}
	values = values[:len(features)]
	for n, f := range features {
		x := float64(values[n])
		sum += float64(w[f] * x)
		norm += float64(x * x)
	}
	z := multiplier(s.z[k], y*sum, norm, bound)
	d := z - s.z[k]
	s.z[k] = z
	if delta := float64(d * y); delta != 0 {
		for n, f := range features {
			w[f] += float64(delta * float64(values[n]))
		}
		if !s.unbiased {
			s.model.Bias += delta
		}
	}
	return math.Abs(d) * norm
}

// precise is how near to its optimum a multiplier is brought, as a share of its bound.
const precise = 1e-5

// multiplier solves z = bound/(1 + e^{margin + norm·(z − old)}) for z by Newton's method, kept inside an interval that holds
// the root: the left side rises with z and the right side falls. Where a step of Newton's would not halve the last one,
// the interval is halved instead: where the right side is flat Newton's method leaps to and fro, and at its steepest it crawls.
func multiplier(old, margin, norm, bound float64) float64 {
	low, high := 0., bound
	z := old
	if z == 0 {
		z = bound * bayes.Logistic(-margin) / 2
	}
	last := bound
	for range 40 {
		p := bayes.Logistic(-(margin + float64(norm*(z-old))))
		gap := z - float64(bound*p)
		if math.Abs(gap) < precise*bound {
			break
		}
		if gap > 0 {
			high = z
		} else {
			low = z
		}
		step := gap / (1 + float64(bound*norm*p*(1-p)))
		next := z - step
		if next <= low || next >= high || math.Abs(step) > last/2 {
			next = (low + high) / 2
		}
		last, z = math.Abs(next-z), next
	}
	return z
}
