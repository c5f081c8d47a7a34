package eval

import (
	"math"

	"weir/internal/bayes"
	"weir/internal/calibrate"
)

const (
	mostResamples  = 200
	leastResamples = 20
	steps          = 200_000_000 // samples looked at in all: a few seconds
	fewWitnesses   = 10          // groups of a class: resampling them says little
	z95            = 1.959963984540054
)

// poisson has 2^64 times the probability that a Poisson variable of mean 1 is at most k.
var poisson = func() (out [9]uint64) {
	p, sum := 1/math.E, 0.0
	for k := range out {
		sum += p
		out[k] = uint64(math.Ldexp(sum, 64))
		p /= float64(k + 1)
	}
	return out
}()

// draw returns how often a group is in a resample: the Poisson bootstrap, which needs no second pass over the groups
// (Chamandy, Muralidharan, Najmi and Naidu, "Estimating uncertainty for massive data streams", 2012).
func draw(key uint64, group int) uint8 {
	u := mix(key + uint64(group)*0x9e3779b97f4a7c15)
	k := uint8(0)
	for int(k) < len(poisson) && u >= poisson[k] {
		k++
	}
	return k
}

// Draw returns how often a group is in the b-th resample of a seed, 0 to 9: the same for the same arguments, everywhere.
func Draw(seed uint64, b, group int) uint8 { return draw(mix(seed^mix(uint64(b))), group) }

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// resample makes AUC and average precision with their intervals.
func (e *Evaluation) resample(seq []uint32, groups int, o Options) {
	e.AUC, e.AP = share(0, 0, 0), share(0, 0, 0)
	if e.Good == 0 || e.Bad == 0 {
		return
	}
	weights := make([]uint8, groups)
	for g := range weights {
		weights[g] = 1
	}
	e.AUC.Value, e.AP.Value, _ = areas(seq, weights)
	n := o.Resamples
	if n == 0 {
		n = mostResamples
	}
	n = min(n, max(leastResamples, steps/len(seq)))
	var auc, ap bayes.Moments
	for b := range n {
		for g := range weights {
			weights[g] = Draw(o.Seed, b, g)
		}
		if a, p, ok := areas(seq, weights); ok {
			auc.Add(a)
			ap.Add(p)
			e.Resamples++
		}
	}
	bad, good := witnesses(seq, weights)
	e.AUC.N, e.AP.N = len(seq), len(seq)
	e.AUC.within(auc.Spread(), min(bad, good))
	e.AP.within(ap.Spread(), bad)
}

// within sets the interval from the spread of the resamples, symmetric in log-odds so that it stays from 0 to 1. Where a
// class has less than ten groups, or no resample differs, it is Wilson's for as many records as there are groups. For AUC
// that errs on the wide side: its variance is at most AUC·(1−AUC)/min(bad, good) (Birnbaum and Klose 1957).
func (x *Estimate) within(s bayes.Spread, groups int) {
	x.Worth = float64(groups)
	v := float64(x.Value * (1 - x.Value))
	if groups < fewWitnesses || s.SD == 0 || s.N < 2 || v <= 0 {
		x.Low, x.High = calibrate.Wilson(x.Value, x.Worth)
		return
	}
	middle, half := float64((bayes.Log2(x.Value)-bayes.Log2(1-x.Value))*math.Ln2), float64(z95*s.SD)/v
	x.Low, x.High = bayes.Logistic(middle-half), bayes.Logistic(middle+half)
	x.Low, x.High = min(x.Low, x.Value), max(x.High, x.Value)
}

// areas returns AUC and average precision of a ranking in which every record counts as often as its group. ok is false if
// a class counts nothing. Ties: half a pair for AUC, one step for average precision, as in shared/bench/score_lines.py and
// scikit-learn.
func areas(seq []uint32, weights []uint8) (auc, ap float64, ok bool) {
	var tp, fp, pairs uint64 // pairs twice, so that halves are whole; below 2^64 for 2^30 records
	tiedBad, tiedGood, sum := uint64(0), uint64(0), 0.0
	flush := func() {
		pairs += tiedGood * (2*tp + tiedBad)
		tp += tiedBad
		fp += tiedGood
		if tiedBad > 0 {
			sum += float64(float64(tiedBad) * float64(float64(tp)/float64(tp+fp)))
		}
		tiedBad, tiedGood = 0, 0
	}
	for _, x := range seq {
		if x&isTied == 0 && tiedBad+tiedGood > 0 {
			flush()
		}
		if w := uint64(weights[x>>groupBit]); x&isBad != 0 {
			tiedBad += w
		} else {
			tiedGood += w
		}
	}
	flush()
	if tp == 0 || fp == 0 {
		return 0, 0, false
	}
	return float64(pairs) / (2 * float64(tp) * float64(fp)), sum / float64(tp), true
}

// witnesses returns the groups with a bad record and those with a good one. It overwrites the marks.
func witnesses(seq []uint32, marks []uint8) (bad, good int) {
	clear(marks)
	for _, x := range seq {
		m := &marks[x>>groupBit]
		switch {
		case x&isBad != 0 && *m&1 == 0:
			*m |= 1
			bad++
		case x&isBad == 0 && *m&2 == 0:
			*m |= 2
			good++
		}
	}
	return bad, good
}
