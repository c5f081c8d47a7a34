package calibrate

import (
	"math"

	"weir/internal/bayes"
)

// A row is one term of a logistic likelihood: features, weight, and the part of the weight that is to be bad.
type row struct {
	x       [3]float64
	w, bads float64
}

// targets returns the rows of a view without features. What is bad is to get (B+1)/(B+2) instead of 1, what is good
// 1/(G+2) instead of 0: Platt's targets ("Probabilistic outputs for support vector machines", 1999), with which separable
// scores, and few, have a finite best fit.
func targets(view []pool) []row {
	good, bad := 0.0, 0.0
	for _, p := range view {
		good += p.good
		bad += p.bad
	}
	high, low := (bad+1)/(bad+2), 1/(good+2)
	rows := make([]row, len(view))
	for i, p := range view {
		rows[i] = row{w: p.good + p.bad, bads: float64(p.bad*high) + float64(p.good*low)}
	}
	return rows
}

// platt fits log-odds that are linear in the score and do not fall.
func platt(view []pool) curve {
	a, c := line(view)
	first, last := view[0].low, view[len(view)-1].high
	if a <= 0 || first == last {
		return level(view)
	}
	at := func(s float64) float64 { return float64(a*s) + c }
	return bounded([]Knot{{first, at(first)}, {last, at(last)}}, a, a)
}

// line returns the slope and intercept of Platt's line.
func line(view []pool) (a, c float64) {
	mean, sd := moments(view)
	if sd == 0 {
		return 0, 0
	}
	rows := targets(view)
	for i := range rows {
		rows[i].x = [3]float64{(view[i].score - mean) / sd, 1}
	}
	t := newton(rows, [3]float64{}, [3]bool{true, true, false})
	a = t[0] / sd
	return a, t[1] - float64(a*mean)
}

// level is the curve that says the same of every score.
func level(view []pool) curve {
	w, bad := 0.0, 0.0
	for _, r := range targets(view) {
		w += r.w
		bad += r.bads
	}
	return curve{knots: []Knot{{view[0].low, logit(bad / w)}}}
}

const (
	betaKnots = 256 // the error of log-odds is below .001·|b − a|
	betaReach = 20  // nats either side of the bend within which the curve is not straight
	minSlope  = .01 // of a and b, so that distinct scores stay distinct
)

// beta fits the beta calibration of Kull, Silva Filho and Flach (2017), logit p = a·ln q − b·ln(1−q) + c with a, b ≥ .01
// (theirs: 0), where q is Platt's probability. Theirs takes the model's own probability for q, which puts the bend at the score 0
// whatever scores mean; Platt's puts it where good and bad are equally likely, in any unit of scores. In z = logit q it
// reads −a·softplus(−z) + b·softplus(z) + c: slope a below the bend, b above.
func beta(view []pool) curve {
	slope, at := line(view)
	if slope <= 0 {
		return level(view)
	}
	feature := func(s float64) [3]float64 {
		z := float64(slope*s) + at
		return [3]float64{-softplus(-z), softplus(z), 1}
	}
	rows := targets(view)
	for i := range rows {
		rows[i].x = feature(view[i].score)
	}
	t := newton(rows, [3]float64{1, 1, 0}, [3]bool{true, true, true})
	if t[0] < minSlope || t[1] < minSlope { // the one that is out of bounds stays at the bound, as in the authors' implementation
		start, used := [3]float64{1, 1, 0}, [3]bool{true, true, true}
		drop := 0
		if t[1] < t[0] {
			drop = 1
		}
		start[drop], used[drop] = minSlope, false
		t = newton(rows, start, used)
		t[1-drop] = max(t[1-drop], minSlope)
	}
	var knots []Knot
	add := func(s float64) {
		if n := len(knots); n > 0 && s <= knots[n-1].Score {
			return
		}
		x := feature(s)
		l := float64(t[0]*x[0]) + float64(t[1]*x[1]) + t[2]
		if n := len(knots); n > 0 {
			l = max(l, knots[n-1].LogOdds)
		}
		knots = append(knots, Knot{s, l})
	}
	first, last := view[0].low, view[len(view)-1].high
	add(first)
	for i := range betaKnots {
		z := float64(betaReach * (float64(2*i)/(betaKnots-1) - 1))
		if s := (z - at) / slope; s > first && s < last {
			add(s)
		}
	}
	add(last)
	below, above := 0.0, 0.0
	if n := len(knots); n > 1 {
		below = (knots[1].LogOdds - knots[0].LogOdds) / (knots[1].Score - knots[0].Score)
		above = (knots[n-1].LogOdds - knots[n-2].LogOdds) / (knots[n-1].Score - knots[n-2].Score)
	}
	return bounded(knots, below, above)
}

// bounded cuts a rising line where it leaves ±maxOdds.
func bounded(knots []Knot, below, above float64) curve {
	var out []Knot
	add := func(k Knot) {
		if n := len(out); n == 0 || k.Score > out[n-1].Score {
			out = append(out, k)
		}
	}
	inside := func(k Knot) bool { return math.Abs(k.LogOdds) <= maxOdds }
	for i, k := range knots {
		if i > 0 {
			for _, bound := range []float64{-maxOdds, maxOdds} {
				p := knots[i-1]
				if p.LogOdds < bound && k.LogOdds > bound {
					t := (bound - p.LogOdds) / (k.LogOdds - p.LogOdds)
					add(Knot{p.Score + float64(t*(k.Score-p.Score)), bound})
				}
			}
		}
		if inside(k) {
			add(k)
		}
	}
	if len(out) == 0 { // all on one side
		out = append(out, Knot{knots[0].Score, min(max(knots[0].LogOdds, -maxOdds), maxOdds)})
	}
	return curve{out, below, above}
}

const (
	newtonSteps = 100
	halvings    = 30
	ridge       = 1e-10 // times the weight, on the Hessian's diagonal
	enough      = 1e-12 // relative fall of the loss that ends the search
)

// newton returns the parameters that minimise Σ w·softplus(z) − bads·z with z = t·x over the used ones, from a start:
// Newton's method with step halving, as Lin, Lin and Weng ("A note on Platt's probabilistic outputs", 2007) advise.
func newton(rows []row, t [3]float64, used [3]bool) [3]float64 {
	loss := lossOf(rows, t)
	for range newtonSteps {
		g, h := derivatives(rows, t)
		step, ok := solve(h, g, used)
		if !ok {
			return t
		}
		size, fell := 1.0, false
		for range halvings {
			next := t
			for j := range next {
				next[j] -= float64(size * step[j])
			}
			if l := lossOf(rows, next); l < loss {
				fell = loss-l > enough*math.Abs(loss)
				t, loss = next, l
				break
			}
			size /= 2
		}
		if !fell {
			return t
		}
	}
	return t
}

func dot(a, b [3]float64) float64 {
	return float64(a[0]*b[0]) + float64(a[1]*b[1]) + float64(a[2]*b[2])
}

func lossOf(rows []row, t [3]float64) float64 {
	sum := 0.0
	for i := range rows {
		r := &rows[i]
		z := dot(t, r.x)
		sum += float64(r.w*softplus(z)) - float64(r.bads*z)
	}
	return sum
}

// derivatives returns the gradient and the Hessian of lossOf.
func derivatives(rows []row, t [3]float64) (g [3]float64, h [3][3]float64) {
	total := 0.0
	for i := range rows {
		r := &rows[i]
		p := bayes.Logistic(dot(t, r.x))
		d, c := float64(r.w*p)-r.bads, float64(r.w*float64(p*(1-p)))
		total += r.w
		for j := range 3 {
			g[j] += float64(d * r.x[j])
			for k := range 3 {
				h[j][k] += float64(float64(c*r.x[j]) * r.x[k])
			}
		}
	}
	for j := range 3 {
		h[j][j] += float64(ridge * total)
	}
	return g, h
}

// solve returns the x with h·x = g over the used rows and columns, 0 elsewhere, by Cholesky's decomposition.
func solve(h [3][3]float64, g [3]float64, used [3]bool) (x [3]float64, ok bool) {
	for j := range 3 {
		if !used[j] {
			h[j], g[j] = [3]float64{}, 0
			for k := range 3 {
				h[k][j] = 0
			}
			h[j][j] = 1
		}
	}
	var l [3][3]float64
	for j := range 3 {
		for k := 0; k <= j; k++ {
			s := h[j][k]
			for m := range k {
				s -= float64(l[j][m] * l[k][m])
			}
			if j != k {
				l[j][k] = s / l[k][k]
			} else if !(s > 0) {
				return x, false
			} else {
				l[j][j] = math.Sqrt(s)
			}
		}
	}
	for j := range 3 {
		s := g[j]
		for m := range j {
			s -= float64(l[j][m] * x[m])
		}
		x[j] = s / l[j][j]
	}
	for j := 2; j >= 0; j-- {
		s := x[j]
		for m := j + 1; m < 3; m++ {
			s -= float64(l[m][j] * x[m])
		}
		x[j] = s / l[j][j]
	}
	return x, true
}
