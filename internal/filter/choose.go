package filter

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"weir/internal/bayes"
	"weir/internal/calibrate"
	"weir/internal/linear"
)

// choose keeps the learner whose held-back scores, calibrated, have the least log loss: it counts both the order of records
// and how sure one may be of each. What is calibrated is what is used.
func (t *trial) choose(ctx context.Context, f *Filter, o *TrainOptions) error {
	t.split()
	f.Held = Held{By: t.by, Parts: parts}
	f.Learner, f.Prior = Linear, f.HeldPrior()
	if o.Learner != "" {
		f.Learner = o.Learner
		if f.Learner == Forest && t.cells == nil {
			f.Learner = Linear
			o.Learner, t.asked = Linear, Linear
			f.Warnings = append(f.Warnings, "the records make no table with enough numbers for a forest: the learner is linear")
		}
	}
	if t.by == "nothing" {
		f.Held.Parts = 0
		f.Warnings = append(f.Warnings, "too few records to hold some back: probabilities are calibrated on the records that were learned, and rough; label some more")
		return t.unheld(f, o)
	}
	held, err := t.hold(ctx, o.Workers)
	if err != nil {
		return err
	}
	var best *calibrate.Calibration
	least := math.Inf(1)
	tried := t.learners()
	f.Held.Trials = make([]Trial, len(tried))
	t.share = blend(t.points(held, Linear), t.points(held, NaiveSum))
	curves, errs := make([]*calibrate.Calibration, len(tried)), make([]error, len(tried))
	sideBySide(len(tried), o.Workers, func(i int) {
		points := t.points(held, tried[i])
		if curves[i], errs[i] = calibrate.Fit(points); errs[i] == nil {
			f.Held.Trials[i] = Trial{Learner: tried[i], LogLoss: toBits(lossOf(curves[i])), AveragePrecision: averagePrecision(points)}
		}
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, l := range tried {
		c := curves[i]
		loss := lossOf(c)
		if o.Learner == "" && (best == nil || loss < least) || o.Learner == l {
			best, least, f.Learner = c, loss, l
		}
	}
	if best, err = calibrate.FitWitnesses(byRecord(t.points(held, f.Learner), t.counts(held))); err != nil {
		return err
	}
	f.Calibration = best.WithPrior(f.Prior)
	if f.Learner == Blend {
		f.Share = t.share
	}
	if err := t.summarise(f, held); err != nil {
		return err
	}
	return f.reprior(o.Prior)
}

// counts are how many records each of the points of held-back parts stands for.
func (t *trial) counts(held []*heldPart) []float64 {
	var out []float64
	for _, h := range held {
		for _, i := range h.index {
			out = append(out, float64(t.examples[i].Count)/t.shares[index(t.examples[i].Bad)])
		}
	}
	return out
}

// byRecord returns the points with weights by which probabilities are calibrated. A probability is of a record, and is asked
// what share of records with it is bad; so within a class a content weighs as many records as it came in. How sure one may
// be is another thing: a content is one witness, however often it came, so the weights of a class sum to its number of
// contents (docs/adr/0014).
func byRecord(points []calibrate.Point, counts []float64) []calibrate.Point {
	var records, contents [2]float64
	for i := range points {
		c := index(points[i].Bad)
		records[c] += counts[i]
		contents[c]++
	}
	for i := range points {
		c := index(points[i].Bad)
		points[i].Weight = max(1e-9, counts[i]*contents[c]/records[c])
	}
	return points
}

// lossOf is the log loss of a calibration in nats. One that gives every score the same probability has not been validated,
// and is as good as guessing by the share of bad.
func lossOf(c *calibrate.Calibration) float64 {
	if c.Method != calibrate.Constant || c.Loss > 0 {
		return c.Loss
	}
	p := c.Prior
	return -float64((float64(p*bayes.Log2(p)) + float64((1-p)*bayes.Log2(1-p))) * math.Ln2)
}

// unheld calibrates where nothing can be held back, on what was learned. With a handful of records Platt's targets keep such
// probabilities modest.
func (t *trial) unheld(f *Filter, o *TrainOptions) error {
	f.Learner, f.Known = NaiveVotes, 1
	switch {
	case o.Learner == NaiveSum || o.Learner.textbook():
		f.Learner = o.Learner
	case o.Learner == Linear:
		f.Warnings = append(f.Warnings, "so few records are learned by naive Bayes, whatever learner was asked for")
	}
	weight := tokenWeights(f.Learner, f.counts())
	var points []calibrate.Point
	for i := range t.examples {
		x := &t.examples[i]
		row, _ := t.rows.Row(i)
		points = append(points, calibrate.Point{Score: naiveScore(f.Learner.form(), row, x.Items, weight), Bad: x.Bad, Weight: t.rows.Weight[i], Group: x.Key})
	}
	var err error
	if f.Calibration, err = calibrate.Fit(points); err != nil {
		return err
	}
	f.Calibration = f.Calibration.WithPrior(f.Prior)
	return f.reprior(o.Prior)
}

// reprior corrects probabilities to the share of bad where the filter is used.
func (f *Filter) reprior(prior float64) error {
	if prior == 0 || prior == f.Prior {
		return nil
	}
	f.Prior = prior
	f.Calibration = f.Calibration.WithPrior(prior)
	return nil
}

// mostStanding bounds the records by which probabilities are compared with what was bad.
const mostStanding = 2e6

func (t *trial) summarise(f *Filter, held []*heldPart) error {
	var points []calibrate.ProbabilityPoint
	var stand []int32 // the points, each as often as records that it stands for
	var known []float64
	latest, before := []calibrate.Point{}, []calibrate.Point{}
	fewer := max(1, float64(f.Good+f.Bad)/mostStanding)
	for k, h := range held {
		part := t.points([]*heldPart{h}, f.Learner)
		for n, p := range part {
			records := float64(t.examples[h.index[n]].Count) / t.shares[index(p.Bad)]
			for range max(1, int(records/fewer)) {
				stand = append(stand, int32(len(points)))
			}
			points = append(points, calibrate.ProbabilityPoint{Probability: f.Calibration.Probability(p.Score), Bad: p.Bad, Group: p.Group})
		}
		known = append(known, h.known...)
		if k == len(held)-1 {
			latest = part
		} else {
			before = append(before, part...)
		}
	}
	var err error
	drift := math.NaN()
	tell := []func(){
		func() {
			f.Held.Reliability, err = calibrate.ReliabilityOf(len(stand), func(i int) calibrate.ProbabilityPoint { return points[stand[i]] }, 10)
		},
		func() { f.Held.AveragePrecision = averagePrecision(slices.Concat(before, latest)) },
		func() {
			if t.ordered {
				drift = averagePrecision(latest) - averagePrecision(before)
			}
		},
	}
	sideBySide(len(tell), t.workers, func(i int) { tell[i]() })
	if err != nil {
		return err
	}
	if !math.IsNaN(drift) {
		f.Held.Drift = &drift
	}
	f.Held.Contents = len(known)
	slices.Sort(known)
	sum := 0.
	for _, k := range known {
		sum += k
	}
	f.Known, f.KnownLow = sum/float64(len(known)), known[len(known)/1000]
	return nil
}

// averagePrecision is the mean of the precisions at each bad record, best score first; equal scores are one step. It is NaN
// where there is no bad record.
func averagePrecision(points []calibrate.Point) float64 {
	order := make([]int32, len(points)) // equal scores in the order they came in, for sums to be the same
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(points[b].Score, points[a].Score), cmp.Compare(a, b)) })
	bad := 0.
	for _, i := range order {
		if points[i].Bad {
			bad += points[i].Weight
		}
	}
	if bad == 0 {
		return math.NaN()
	}
	ap, tp, all := 0., 0., 0.
	for i := 0; i < len(order); {
		j, d, score := i, 0., points[order[i]].Score
		for ; j < len(order) && points[order[j]].Score == score; j++ {
			x := &points[order[j]]
			all += x.Weight
			if x.Bad {
				d += x.Weight
			}
		}
		tp += d
		ap += float64(d / bad * (tp / all))
		i = j
	}
	return ap
}

// final fits the chosen learner to everything.
func (t *trial) final(ctx context.Context, f *Filter) error {
	if !f.Learner.weighted() {
		f.setNaive()
		return nil
	}
	w := t.whole
	var err error
	if f.Learner == Forest {
		w = &linear.Weights{W: make([]float64, t.rows.Width)}
		if f.forest, err = t.grow(ctx, t.workers, func(int) bool { return true }); err != nil {
			return err
		}
	}
	f.setLinear(w)
	if f.Learner == Blend {
		f.setNaive()
	}
	f.Start = t.middle(f)
	return nil
}

// weighted reports whether a learner has weights for tokens that records move (journal).
func (l Learner) weighted() bool { return l == Linear || l == Blend || l == Forest }

// grown is what the forest adds to the score of a record, in nats.
func (f *Filter) grown(cells []float64) float64 {
	if f.forest == nil {
		return 0
	}
	return f.forest.Score(cells)
}

// middle is halfway between the mean scores of good and of bad contents, in bits.
func (t *trial) middle(f *Filter) float64 {
	w := &linear.Weights{W: f.weights, Bias: f.Bias}
	var sum, n [2]float64
	for i := range t.examples {
		c := index(t.examples[i].Bad)
		row, values := t.rows.Row(i)
		sum[c] += w.Score(row, values) + float64(f.counted(row, t.examples[i].Items)*math.Ln2)
		if f.forest != nil {
			sum[c] += f.grown(t.cells.Row(i))
		}
		n[c]++
	}
	return rounded(toBits((sum[0]/n[0] + sum[1]/n[1]) / 2))
}

func rounded(score float64) float64 { return math.Round(score*1e6) / 1e6 }

// weightUnit is what linear weights are kept in: small enough to be without effect, large enough for a small file.
const weightUnit = 1. / 2048

// setLinear takes the weights of training, rounded as the file keeps them.
func (f *Filter) setLinear(w *linear.Weights) {
	f.setWeights(w)
	f.base = &linear.Weights{W: f.weights, Bias: f.Bias}
}

// setWeights takes the weights to score with, rounded as the file keeps them.
func (f *Filter) setWeights(w *linear.Weights) {
	f.weights, f.Bias = make([]float64, len(w.W)), roundWeight(w.Bias)
	for i, x := range w.W {
		f.weights[i] = roundWeight(x)
	}
}

func roundWeight(w float64) float64 { return math.Round(w/weightUnit) * weightUnit }

// setNaive takes weights from counts: those to score with, or those that a blend adds.
func (f *Filter) setNaive() {
	w := tokenWeights(f.Learner, f.counts())
	if f.Learner == Blend {
		f.naive = w
	} else {
		f.weights = w
	}
}

// WithPrior returns the filter with probabilities for another share of bad.
func (f *Filter) WithPrior(prior float64) *Filter {
	g := *f
	g.Prior, g.Calibration = prior, f.Calibration.WithPrior(prior)
	return &g
}
