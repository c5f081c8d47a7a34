package eval

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/calibrate"
)

// A ranking is the samples by falling score, with their groups as dense numbers.
type ranking struct {
	samples   []Sample
	order     []place
	distinct  []uint64 // groups other than 0, sorted; nil if there are none
	groups    int      // number of witnesses
	good, bad int
	worthGood float64
	worthBad  float64
	atOne     int // records flagged where at most 1 % of good is
}

// A place is a sample's place in the ranking.
type place struct {
	score float64
	i     uint32 // of the sample
	group uint32 // its group's number
}

// ranked sorts samples by falling score. Samples of equal score are in one order whatever order they came in, but for such
// as are alike in all that counts.
func ranked(samples []Sample) *ranking {
	r := &ranking{samples: samples, order: make([]place, len(samples)), groups: len(samples)}
	grouped := false
	for i := range samples {
		r.order[i] = place{score: samples[i].Score, i: uint32(i)}
		grouped = grouped || samples[i].Group != 0
	}
	slices.SortFunc(r.order, func(a, b place) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		x, y := &samples[a.i], &samples[b.i]
		if x.Bad != y.Bad {
			if x.Bad {
				return -1
			}
			return 1
		}
		return cmp.Compare(x.Group, y.Group)
	})
	if grouped {
		r.number()
	} else {
		for i := range r.order {
			r.order[i].group = uint32(i)
		}
	}
	return r
}

// number gives groups dense numbers; samples without a group get one each.
func (r *ranking) number() {
	r.distinct = make([]uint64, 0, len(r.samples))
	for i := range r.samples {
		if g := r.samples[i].Group; g != 0 {
			r.distinct = append(r.distinct, g)
		}
	}
	slices.Sort(r.distinct)
	r.distinct = slices.Compact(r.distinct)
	r.groups = len(r.distinct)
	for i := range r.order {
		p := &r.order[i]
		if g := r.samples[p.i].Group; g != 0 {
			at, _ := slices.BinarySearch(r.distinct, g)
			p.group = uint32(at)
		} else {
			p.group = uint32(r.groups)
			r.groups++
		}
	}
}

// worth returns how many independent records the n samples are worth that in picks.
func (r *ranking) worth(n int, in func(*Sample) bool) float64 {
	if len(r.distinct) == 0 {
		return float64(n)
	}
	groups := make([]uint32, len(r.distinct))
	squares := 0.0 // whole numbers
	for _, p := range r.order {
		switch s := &r.samples[p.i]; {
		case !in(s):
		case s.Group == 0:
			squares++
		default:
			groups[p.group]++
		}
	}
	for _, c := range groups {
		squares += float64(float64(c) * float64(c))
	}
	if squares == 0 {
		return 0
	}
	return float64(float64(n)*float64(n)) / squares
}

// Bits of a sequence's elements; the group's number is above them.
const (
	isBad    = 1
	isTied   = 2 // with the one before
	groupBit = 2
)

// sequence is the ranking as the resampling reads it: four bytes a sample.
func (r *ranking) sequence() []uint32 {
	seq := make([]uint32, len(r.order))
	for k, p := range r.order {
		seq[k] = p.group << groupBit
		if r.samples[p.i].Bad {
			seq[k] |= isBad
		}
		if k > 0 && r.order[k-1].score == p.score {
			seq[k] |= isTied
		}
	}
	return seq
}

// release lets go of what is large.
func (r *ranking) release() { r.order, r.distinct = nil, nil }

// eachScore calls f after all records of each distinct score, from the highest down, with how many bad and good records
// score at least that.
func (r *ranking) eachScore(f func(score float64, tp, fp int)) {
	tp, fp := 0, 0
	for k, p := range r.order {
		if r.samples[p.i].Bad {
			tp++
		} else {
			fp++
		}
		if k+1 == len(r.order) || r.order[k+1].score != p.score {
			f(p.score, tp, fp)
		}
	}
}

const (
	roomy    = 500 // points of a curve that thinning aims at; with the extremes there are at most 512
	wanted   = .95 // recall
	bearable = .01 // false-positive rate
)

// curves makes the curves and what is read off them.
func (e *Evaluation) curves(r *ranking) {
	bad, good := float64(r.bad), float64(r.good)
	roc, pr := thinner{step: 2. / roomy}, thinner{step: 1. / roomy}
	top, distinct := r.order[0].score, 0
	if r.eachScore(func(float64, int, int) { distinct++ }); distinct < roomy {
		roc.step, pr.step = 0, 0 // all fit
	}
	if r.good > 0 && r.bad > 0 {
		roc.add(CurvePoint{Score: top, Precision: 1}, 0)
	}
	found := false
	e.FPRAt95, e.RecallAt1 = share(0, 0, 0), share(0, r.bad, r.worthBad)
	r.eachScore(func(score float64, tp, fp int) {
		p := CurvePoint{Score: score, Flagged: tp + fp, FPR: ratio(fp, r.good), Recall: ratio(tp, r.bad), Precision: ratio(tp, tp+fp)}
		if r.good > 0 && r.bad > 0 {
			roc.add(p, p.Recall+math.Sqrt(p.FPR)) // the root shows small rates, which matter
			pr.add(p, p.Recall)
		}
		if !found && r.bad > 0 && float64(tp) >= wanted*bad {
			found, e.ScoreAt95 = true, score
			e.FPRAt95 = share(fp, r.good, r.worthGood)
		}
		if r.good > 0 && float64(fp) <= bearable*good {
			e.RecallAt1 = share(tp, r.bad, r.worthBad)
			r.atOne = tp + fp
		}
	})
	if r.good == 0 {
		e.RecallAt1 = share(0, 0, 0)
	}
	e.ROC, e.PR = roc.points(), pr.points()
}

func ratio(k, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(k) / float64(n)
}

// A thinner keeps points of a curve that are at least step apart in a measure that never falls, and both ends. With a
// measure from 0 to m that is at most m/step + 2 points.
type thinner struct {
	step float64
	kept []CurvePoint
	at   float64 // measure of the last kept
	last CurvePoint
	left bool // last is not kept
}

func (t *thinner) add(p CurvePoint, measure float64) {
	if len(t.kept) > 0 && measure-t.at < t.step {
		t.last, t.left = p, true
		return
	}
	t.kept, t.at, t.left = append(t.kept, p), measure, false
}

func (t *thinner) points() []CurvePoint {
	if t.left {
		t.kept = append(t.kept, t.last)
	}
	return t.kept
}

const maxKindRows = 200

// kinds measures recall by kind.
func (e *Evaluation) kinds(r *ranking) {
	number, names := map[string]int{}, []string{}
	type tally struct{ n, found, atOne int }
	var tallies []tally
	var members []uint64 // kind and group of every bad sample, if there are groups
	named := false
	for k, p := range r.order {
		s := &r.samples[p.i]
		if !s.Bad {
			continue
		}
		at, ok := number[s.Kind]
		if !ok {
			at = len(names)
			number[s.Kind] = at
			names = append(names, s.Kind)
			tallies = append(tallies, tally{})
			named = named || s.Kind != ""
		}
		t := &tallies[at]
		t.n++
		if s.Probability >= e.Threshold {
			t.found++
		}
		if k < r.atOne {
			t.atOne++
		}
		if len(r.distinct) > 0 {
			members = append(members, uint64(at)<<32|uint64(p.group)+1) // never 0, which would mean no group
		}
	}
	if !named {
		return
	}
	worth := worths(members, len(names))
	for i, t := range tallies {
		w := float64(t.n)
		if len(members) > 0 {
			w = worth[i]
		}
		k := Kind{Name: names[i], Count: t.n, Recall: share(t.found, t.n, w), AtOne: share(t.atOne, t.n, w)}
		if r.good == 0 {
			k.AtOne = share(0, 0, 0)
		}
		e.Kinds = append(e.Kinds, k)
	}
	slices.SortFunc(e.Kinds, func(a, b Kind) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	e.Kinds = slices.Clip(e.Kinds[:min(len(e.Kinds), maxKindRows)])
}

// worths returns what the members of each kind are worth.
func worths(members []uint64, kinds int) []float64 {
	out := make([]float64, kinds)
	slices.Sort(members)
	for i := 0; i < len(members); {
		j := i
		for j < len(members) && members[j]>>32 == members[i]>>32 {
			j++
		}
		out[members[i]>>32] = calibrate.Effective(members[i:j])
		i = j
	}
	return out
}
