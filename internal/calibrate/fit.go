package calibrate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Point is the score of a record that the scoring model was not trained on, with the record's label.
type Point struct {
	Score  float64 // finite, within ±MaxScore
	Bad    bool
	Weight float64 // 0 means 1; otherwise 1e-9 to 1e9
	Group  uint64  // points of one group (copies of a record, one client) are never on both sides of a validation; 0 means none
}

const (
	folds       = 5
	fewPoints   = 50   // of a class: below that two numbers are all that can be learned
	fewGroups   = 10   // of a class: below that nothing can be validated
	perClass    = 2048 // cells that each class is cut into
	simplerBy   = 1e-6 // nats: less than this is a tie, won by the simpler method
	minWeight   = 1e-9
	maxWeight   = 1e9
	firstFaults = 3
)

// Fit learns how scores become probabilities. It tries Platt's line, beta calibration and isotonic regression, and keeps
// what has the least log loss in a five-fold cross-validation over groups, the simpler one in a tie. With fewer than 50
// points or 10 groups in a class it takes the line. One class only, or equal scores, give a constant. What had to be done
// without is said in Warnings. The points are not changed; their order makes no difference.
//
// Errors: no points; scores or weights that are not finite or out of bounds.
//
// Weights say how much a point counts beside others; together they are worth as many points as Kish's formula says.
func Fit(points []Point) (*Calibration, error) { return fitted(points, true) }

// FitWitnesses is Fit for weights that say how many witnesses each point stands for, as a sum over points: where one content
// came a thousand times, it may weigh more than others that came once, while all contents together are worth no more than
// their number. How sure the curve may be follows from their sums.
func FitWitnesses(points []Point) (*Calibration, error) { return fitted(points, false) }

func fitted(points []Point, kish bool) (*Calibration, error) {
	if err := check(points); err != nil {
		return nil, err
	}
	p := ordered(points)
	s := survey(p, kish)
	c := &Calibration{Good: s.points[0], Bad: s.points[1], Prior: (s.weight[1] + .5) / (s.weight[0] + s.weight[1] + 1)}
	c.Prior = min(max(c.Prior, minPrior), 1-minPrior)
	c.Live = c.Prior
	cells := s.cells(p)
	all := view(cells, -1)
	flat := curve{knots: []Knot{{0, logit(c.Prior)}}}
	switch {
	case c.Bad == 0 || c.Good == 0:
		c.take(Constant, flat)
		c.warn("no %s records, so every score gets the same probability: %.2g", missing(c), c.Prior)
		return c, nil
	case len(all) == 1:
		c.take(Constant, flat)
		c.warn("all scores are equal, so they say nothing: every record gets the probability %.2g", c.Prior)
		return c, nil
	}
	c.choose(cells, all, &s)
	if k := c.Knots; k[0].LogOdds == k[len(k)-1].LogOdds {
		c.take(Constant, curve{knots: k[:1]})
		c.warn("bad records do not score higher than good ones, so every score gets the same probability: %.2g", c.Prior)
	}
	return c, nil
}

func missing(c *Calibration) string {
	if c.Bad == 0 {
		return "bad"
	}
	return "good"
}

func (c *Calibration) take(method string, cu curve) {
	c.Method, c.Knots, c.Below, c.Above = method, cu.knots, cu.below, cu.above
}

func (c *Calibration) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// methods are the candidates, the simplest first.
var methods = []struct {
	name string
	fit  func([]pool) curve
}{{Platt, platt}, {Beta, beta}, {Isotonic, isotonic}}

// choose takes the method that predicts points best which it has not seen.
func (c *Calibration) choose(cells []cell, all []pool, s *surveyed) {
	for class, name := range []string{"good", "bad"} {
		switch {
		case s.points[class] < fewPoints:
			c.warn("only %d %s records, so probabilities follow a plain logistic curve; %d or more of each class would allow a finer one",
				s.points[class], name, fewPoints)
		case s.groups[class] < fewGroups:
			c.warn("the %s records are of only %d groups, so probabilities follow a plain logistic curve; %d or more would allow a finer one",
				name, s.groups[class], fewGroups)
		}
	}
	tried := methods
	if len(c.Warnings) > 0 {
		tried = methods[:1]
	}
	best := 0
	for i, m := range tried {
		loss := validated(cells, m.fit)
		if i == 0 || loss < c.Loss-simplerBy {
			best, c.Loss = i, loss
		}
	}
	c.take(methods[best].name, methods[best].fit(all))
}

// validated returns the mean log loss of a method at the cells' points of each fold, fitted on the others.
func validated(cells []cell, fit func([]pool) curve) float64 {
	loss, weight := 0.0, 0.0
	for f := range folds {
		rest := view(cells, f)
		if len(rest) == 0 {
			continue
		}
		cu := fit(rest)
		for i := range cells {
			c := &cells[i]
			if c.good[f]+c.bad[f] == 0 {
				continue
			}
			z := cu.at(c.mean())
			loss += float64(c.bad[f]*softplus(-z)) + float64(c.good[f]*softplus(z))
			weight += c.good[f] + c.bad[f]
		}
	}
	if weight == 0 {
		return 0
	}
	return loss / weight
}

// check reports the first points that cannot be used, all at once.
func check(points []Point) error {
	if len(points) == 0 {
		return errors.New("cannot calibrate without points")
	}
	var faults []error
	for i, p := range points {
		switch {
		case !(math.Abs(p.Score) <= MaxScore):
			faults = append(faults, fmt.Errorf("cannot calibrate with the score %v of point %d: it must be within ±%v", p.Score, i, MaxScore))
		case p.Weight != 0 && !(p.Weight >= minWeight && p.Weight <= maxWeight):
			faults = append(faults, fmt.Errorf("cannot calibrate with the weight %v of point %d: it must be %v to %v", p.Weight, i, minWeight, maxWeight))
		}
		if len(faults) == firstFaults {
			break
		}
	}
	return errors.Join(faults...)
}

// ordered returns the points by score, and in one order whatever order they came in.
func ordered(points []Point) []Point {
	p := slices.Clone(points)
	for i := range p {
		if p[i].Weight == 0 {
			p[i].Weight = 1
		}
		p[i].Score += 0 // −0 becomes 0
	}
	slices.SortFunc(p, func(a, b Point) int {
		switch {
		case a.Score < b.Score:
			return -1
		case a.Score > b.Score:
			return 1
		case a.Bad != b.Bad && b.Bad:
			return -1
		case a.Bad != b.Bad:
			return 1
		}
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Weight, b.Weight))
	})
	return p
}

// surveyed is what there is of each class, good first.
type surveyed struct {
	points, groups [2]int
	weight         [2]float64 // scaled
	scale          float64    // of weights
}

// survey scales weights, with kish so that they sum to the number of unweighted points that are worth as much (Kish 1965):
// (Σw)²/Σw². With equal weights that is the number of points.
func survey(p []Point, kish bool) surveyed {
	s := surveyed{}
	sum, square := 0.0, 0.0
	var groups [2][]uint64
	for _, x := range p {
		class := class(x.Bad)
		s.points[class]++
		s.weight[class] += x.Weight
		sum += x.Weight
		square += float64(x.Weight * x.Weight)
		if x.Group == 0 {
			s.groups[class]++
		} else {
			groups[class] = append(groups[class], x.Group)
		}
	}
	s.scale = 1
	if kish {
		s.scale = sum / square
	}
	for class := range 2 {
		s.weight[class] *= s.scale
		slices.Sort(groups[class])
		s.groups[class] += len(slices.Compact(groups[class]))
	}
	return s
}

func class(bad bool) int {
	if bad {
		return 1
	}
	return 0
}

// A cell holds the points of neighbouring scores: mostly of one score; where there are very many scores, a small part of
// a class. All methods see cells only, which makes a million points as cheap as a few thousand.
type cell struct {
	low, high float64
	sum       float64 // of weight·score
	good, bad [folds]float64
}

func (c *cell) weight() float64 {
	w := 0.0
	for f := range folds {
		w += c.good[f] + c.bad[f]
	}
	return w
}

// mean returns the mean score, by weight.
func (c *cell) mean() float64 {
	if c.low == c.high {
		return c.low
	}
	return min(max(c.sum/c.weight(), c.low), c.high)
}

// cells cuts ordered points into at most about 2·perClass cells: a new one starts at a new score once the cell holds its
// part of a class.
func (s *surveyed) cells(p []Point) []cell {
	var out []cell
	var held [2]float64
	part := [2]float64{s.weight[0] / perClass, s.weight[1] / perClass}
	exact := len(p) <= 2*perClass
	for i, x := range p {
		n := len(out)
		if n == 0 || x.Score != out[n-1].high && (exact || held[0] >= part[0] && part[0] > 0 || held[1] >= part[1] && part[1] > 0) {
			out = append(out, cell{low: x.Score})
			held = [2]float64{}
			n++
		}
		c, w := &out[n-1], float64(x.Weight*s.scale)
		c.high = x.Score
		c.sum += float64(w * x.Score)
		held[class(x.Bad)] += w
		group := x.Group
		if min(s.groups[0], s.groups[1]) < fewGroups {
			group = 0 // all of a class could be in one fold, and what is left would know nothing of it
		}
		if f := fold(group, i); x.Bad {
			c.bad[f] += w
		} else {
			c.good[f] += w
		}
	}
	return out
}

// fold returns the fold of a group, or of the i-th point if it has none.
func fold(group uint64, i int) int {
	x := group
	if group == 0 {
		x = ^uint64(i)
	}
	return int(mix(x) % folds)
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A pool is what a method is fitted on: good and bad weight at a score, or over a narrow range of scores.
type pool struct {
	low, high, score float64
	good, bad        float64
}

// view returns the cells without the points of a fold.
func view(cells []cell, except int) []pool {
	out := make([]pool, 0, len(cells))
	for i := range cells {
		c := &cells[i]
		p := pool{low: c.low, high: c.high, score: c.mean()}
		for f := range folds {
			if f != except {
				p.good += c.good[f]
				p.bad += c.bad[f]
			}
		}
		if p.good+p.bad > 0 {
			out = append(out, p)
		}
	}
	return out
}
