package filter

import (
	"math"

	"weir/internal/bayes"
	"weir/internal/calibrate"
)

// blend lays the held-back scores of the linear learner and of naive Bayes together: what each token is worth beside the
// others, and what it is worth by its counts. They err in different places. It returns how many bits of the first one bit of
// the second counts, 0 where it adds nothing: the ratio of the coefficients of a logistic regression on both, by Newton's
// method, with a weak prior on each coefficient so that it exists where records are told apart without fault.
func blend(straight, counted []calibrate.Point) float64 {
	const (
		steps = 25
		ridge = 1e-3
	)
	sa, sb := spread(straight), spread(counted)
	if sa == 0 || sb == 0 {
		return 0
	}
	total := 0.
	for i := range straight {
		total += straight[i].Weight
	}
	a, b, c := 1., 0., 0. // log-odds = a·straight/sa + b·counted/sb + c
	for range steps {
		// Gradient and Hessian of the penalised log-likelihood, by record.
		ga, gb, gc := -float64(ridge*a), -float64(ridge*b), 0.
		haa, hbb, hcc := ridge, ridge, 1e-9
		hab, hac, hbc := 0., 0., 0.
		for i := range straight {
			x, y, w := straight[i].Score/sa, counted[i].Score/sb, straight[i].Weight/total
			p := bayes.Logistic(float64(a*x) + float64(b*y) + c)
			d := -float64(w * p)
			if straight[i].Bad {
				d += w
			}
			v := float64(w * p * (1 - p))
			ga, gb, gc = ga+float64(d*x), gb+float64(d*y), gc+d
			haa, hbb, hcc = haa+float64(v*x*x), hbb+float64(v*y*y), hcc+v
			hab, hac, hbc = hab+float64(v*x*y), hac+float64(v*x), hbc+float64(v*y)
		}
		// Cholesky of the 3×3 Hessian.
		l11 := math.Sqrt(haa)
		l21, l31 := hab/l11, hac/l11
		l22 := math.Sqrt(max(1e-12, hbb-float64(l21*l21)))
		l32 := (hbc - float64(l31*l21)) / l22
		l33 := math.Sqrt(max(1e-12, hcc-float64(l31*l31)-float64(l32*l32)))
		u1 := ga / l11
		u2 := (gb - float64(l21*u1)) / l22
		u3 := (gc - float64(l31*u1) - float64(l32*u2)) / l33
		dc := u3 / l33
		db := (u2 - float64(l32*dc)) / l22
		da := (u1 - float64(l21*db) - float64(l31*dc)) / l11
		longest := max(math.Abs(da), math.Abs(db), math.Abs(dc))
		step := min(1, 4/longest) // far from the top Newton's method overshoots
		a, b, c = a+float64(step*da), b+float64(step*db), c+float64(step*dc)
		if longest < 1e-6 {
			break
		}
	}
	if a <= 0 || b <= 0 {
		return 0
	}
	return rounded(b / sb * sa / a)
}

// spread is the root mean square of scores.
func spread(points []calibrate.Point) float64 {
	sum, n := 0., 0.
	for i := range points {
		sum += float64(points[i].Weight * points[i].Score * points[i].Score)
		n += points[i].Weight
	}
	if n == 0 {
		return 0
	}
	return math.Sqrt(sum / n)
}

// mixed are the points with blended scores.
func mixed(straight, counted []calibrate.Point, share float64) []calibrate.Point {
	out := make([]calibrate.Point, len(straight))
	for i := range out {
		out[i] = straight[i]
		out[i].Score = rounded(straight[i].Score + float64(share*counted[i].Score))
	}
	return out
}

// counted is what naive Bayes adds to the score of a record with these tokens, in bits.
func (f *Filter) counted(row []uint32, items []item) float64 {
	if f.Share == 0 {
		return 0
	}
	return float64(f.Share * naiveScore(naiveSum, row, items, f.naive))
}
