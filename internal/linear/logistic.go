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
	s := newSolver(r, use, &Weights{W: make([]float64, r.Width)}, o, false)
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
	s := newSolver(&scaled, nil, &Weights{W: make([]float64, len(m.W))}, o, true)
	if err := s.run(ctx); err != nil {
		return m, err
	}
	for f, d := range s.model.W {
		m.W[f] += float64(d * ease[f])
	}
	return m, nil
}

// A solver holds the duals of the rows that teach.
type solver struct {
	rows     *Rows
	duals    []dual
	model    *Weights
	epochs   int
	moved    float64 // at most, in the last epoch
	unbiased bool    // leaves the bias at 0
	early    int32   // means nothing: the next dual is read while the one before is at work, which saves a tenth of the time
}

// A dual is a row with its multiplier: what a step needs of it, side by side, since rows are visited in no order.
type dual struct {
	z        float64
	bound    float64 // of z: C·c_i
	norm     float64 // the sum of the squares of the values, that of the bias too
	offset   float64
	sign     float64 // y_i
	from, to int32   // of its features
	quiet    uint8   // for how many visits it has hardly moved
	rest     uint8   // how many epochs it is left alone
}

func newSolver(r *Rows, use []int32, m *Weights, o Options, unbiased bool) *solver {
	s := &solver{rows: r, model: m, epochs: o.Epochs, moved: o.Tolerance, unbiased: unbiased}
	cost := o.Cost
	if cost <= 0 {
		cost = DefaultCost
	}
	if s.epochs <= 0 {
		s.epochs = DefaultEpochs
	}
	if s.moved <= 0 {
		s.moved = DefaultTolerance
	}
	if use == nil {
		s.duals = make([]dual, r.Len())
		for i := range s.duals {
			s.duals[i] = s.dual(i, cost)
		}
		return s
	}
	s.duals = make([]dual, len(use))
	for k, i := range use {
		s.duals[k] = s.dual(int(i), cost)
	}
	return s
}

func (s *solver) dual(i int, cost float64) dual {
	d := dual{bound: cost * s.rows.weight(i), norm: 1, sign: -1, from: s.rows.Start[i], to: s.rows.Start[i+1]}
	if s.unbiased {
		d.norm = 0
	}
	for _, v := range s.rows.Values[d.from:d.to] {
		d.norm += float64(float64(v) * float64(v))
	}
	if s.rows.Offset != nil {
		d.offset = s.rows.Offset[i]
	}
	if s.rows.Bad[i] {
		d.sign = 1
	}
	return d
}

func (s *solver) run(ctx context.Context) error {
	turn := make([]int32, len(s.duals))
	for i := range turn {
		turn[i] = int32(i)
	}
	state := uint64(1)
	for range s.epochs {
		shuffle(turn, &state)
		moved, resting := 0., false
		for n, k := range turn {
			if n&0xfff == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			d := &s.duals[k]
			if d.rest > 0 {
				d.rest--
				resting = true
				continue
			}
			s.early += s.duals[turn[min(n+1, len(turn)-1)]].from
			by := s.step(d)
			moved = max(moved, by)
			d.quiet = min(d.quiet+1, mostRest)
			if by > s.moved/2 {
				d.quiet = 0
			}
			d.rest = d.quiet
		}
		if moved >= s.moved {
			continue
		}
		if !resting {
			break
		}
		for k := range s.duals { // all have a look before it is over
			s.duals[k].rest, s.duals[k].quiet = 0, 0
		}
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
func (s *solver) step(d *dual) float64 {
	features, values, w := s.rows.Features[d.from:d.to], s.rows.Values[d.from:d.to], s.model.W
	score := s.model.Bias + d.offset + dot(w, features, values)
	z := multiplier(d.z, d.sign*score, d.norm, d.bound)
	by := z - d.z
	d.z = z
	if delta := float64(by * d.sign); delta != 0 {
		values = values[:len(features)]
		for n, f := range features {
			w[f] += float64(delta * float64(values[n]))
		}
		if !s.unbiased {
			s.model.Bias += delta
		}
	}
	return math.Abs(by) * d.norm
}

// dot is the sum of the products, in four parts, so that additions need not wait for each other.
func dot(w []float64, features []uint32, values []float32) float64 {
	a, b, c, d := 0., 0., 0., 0.
	values = values[:len(features)]
	for len(features) >= 4 && len(values) >= 4 {
		a += float64(w[features[0]] * float64(values[0]))
		b += float64(w[features[1]] * float64(values[1]))
		c += float64(w[features[2]] * float64(values[2]))
		d += float64(w[features[3]] * float64(values[3]))
		features, values = features[4:], values[4:]
	}
	for n, f := range features {
		a += float64(w[f] * float64(values[n]))
	}
	return (a + b) + (c + d)
}

// What ends the search for a multiplier, in nats: its equation holds to so much, which the last step of Newton's method makes much
// less; or the row's own score could not move by more than so much.
const (
	smallGap  = .1
	smallMove = 1e-3
)

// multiplier solves z = bound/(1 + e^{margin + norm·(z − old)}) for z, as
//
//	log z/(bound − z) + margin + norm·(z − old) = 0
//
// by Newton's method (Yu, Huang, Lin, section 3.2), kept inside an interval that holds the root. The left side rises, and is concave up to
// bound/2: from below a root there the steps come nearer without passing it.
func multiplier(old, margin, norm, bound float64) float64 {
	if float64(norm*bound) < 1e-9 { // its own score does not move
		return bound * bayes.Logistic(-margin)
	}
	z := old
	if z == 0 {
		z = bound * bayes.Logistic(-margin)
		z /= 1 + float64(norm*z) // not above the root, since x/(1+x) ≤ log(1+x)
		if z < float64(1e-100*bound) {
			return 0
		}
	}
	low, high := 0., bound
	for range 40 {
		rest := bound - z
		gap := float64(bayes.Log2(z/rest)*math.Ln2) + margin + float64(norm*(z-old))
		near := math.Abs(gap) <= smallGap
		if gap > 0 {
			high = z
			near = near || float64(norm*z) <= smallMove
		} else {
			low = z
			near = near || float64(norm*rest) <= smallMove
		}
		next := z - gap/(norm+bound/float64(z*rest))
		inside := next > low && next < high
		switch {
		case near && inside:
			return next
		case near:
			return z
		case next <= 0:
			next = z / 8
		case !inside:
			next = (low + high) / 2
		}
		z = next
	}
	return z
}
