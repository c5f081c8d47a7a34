package hunt

import (
	"math"

	"weir/internal/bayes"
	"weir/internal/token"
)

// A clean is what the fields vote in clean windows: each alone, and how much they echo each other.
type clean struct {
	weight, rarity map[string]bayes.Spread
	voice          map[string]float64 // of a field: 1 alone, less the more others say the same
}

// voices are the votes of one placebo window, summed over its distinct contents, by field.
type voices struct {
	names          []string
	at             map[string]int
	weight, rarity []bayes.Moments
}

func newVoices() *voices { return &voices{at: map[string]int{}} }

func (v *voices) index(name string) int {
	i, ok := v.at[name]
	if !ok {
		i = len(v.names)
		v.at[name] = i
		v.names = append(v.names, name)
		v.weight = append(v.weight, bayes.Moments{})
		v.rarity = append(v.rarity, bayes.Moments{})
	}
	return i
}

func hear(j *judge) *voices {
	v := newVoices()
	at := make([]int, len(j.a.groups))
	for i := range at {
		at[i] = v.index(j.a.groups[i].name)
	}
	j.each(j.sample(), func(_ int, votes []vote) {
		for i := range votes {
			k := at[votes[i].group]
			v.weight[k].Add(votes[i].weight)
			v.rarity[k].Add(votes[i].rarity)
		}
	})
	return v
}

// without merges the voices of all placebo windows but one (−1: of all).
func without(all []*voices, but int) *clean {
	sum := newVoices()
	for i, v := range all {
		if i == but {
			continue
		}
		for k, name := range v.names {
			at := sum.index(name)
			sum.weight[at].Merge(&v.weight[k])
			sum.rarity[at].Merge(&v.rarity[k])
		}
	}
	c := &clean{map[string]bayes.Spread{}, map[string]bayes.Spread{}, map[string]float64{}}
	for i, name := range sum.names {
		c.weight[name], c.rarity[name] = sum.weight[i].Spread(), sum.rarity[i].Spread()
	}
	return c
}

// echo is how alike the standardized votes of groups are, over the distinct contents of placebo windows: sums of
// products, from which cosines follow.
type echo struct {
	names []string
	at    map[string]int
	dot   [][]float64
}

const loud = 6 // standardized votes are cut here before they are compared, so that a few outliers do not make an echo

// listen sums the products over one placebo window.
func listen(j *judge, c *clean) *echo {
	e := &echo{at: map[string]int{}}
	spread, at := make([]bayes.Spread, len(j.a.groups)), make([]int, len(j.a.groups))
	for i := range spread {
		name := j.a.groups[i].name
		spread[i], at[i] = c.weight[name], e.index(name)
	}
	var z []float64
	j.each(j.sample(), func(_ int, votes []vote) {
		z = z[:0]
		for i := range votes {
			z = append(z, min(max(spread[votes[i].group].Standardize(votes[i].weight), -loud), loud))
		}
		for i := range votes {
			if at[votes[i].group] < 0 {
				continue
			}
			row := e.dot[at[votes[i].group]]
			for k := range votes {
				if y := at[votes[k].group]; y >= 0 {
					row[y] += float64(z[i] * z[k])
				}
			}
		}
	})
	return e
}

// maxEcho bounds the groups whose echo is measured, since every pair of them is. A log with more (JSON with names made up
// by its writer) has the rest count in full.
const maxEcho = 1024

// index returns the place of a group, −1 for one that is not measured.
func (e *echo) index(name string) int {
	k, ok := e.at[name]
	switch {
	case !ok && len(e.names) >= maxEcho:
		return -1
	case !ok:
		k = len(e.names)
		e.at[name] = k
		e.names = append(e.names, name)
		for r := range e.dot {
			e.dot[r] = append(e.dot[r], 0)
		}
		e.dot = append(e.dot, make([]float64, k+1))
	}
	return k
}

func (e *echo) merge(o *echo) {
	at := make([]int, len(o.names))
	for i, name := range o.names {
		at[i] = e.index(name)
	}
	for i, row := range o.dot {
		for k, v := range row {
			if at[i] >= 0 && at[k] >= 0 {
				e.dot[at[i]][at[k]] += v
			}
		}
	}
}

// voice gives every field its share of a common voice: m fields that say exactly the same count as the square root of m
// fields, not as m. ρ is the cosine of their standardized votes; the voice of f is 1/√Σ ρ² over all fields.
func (e *echo) voice(c *clean) {
	for i, name := range e.names {
		sum := 0.0
		for k := range e.dot {
			if d := e.dot[i][i] * e.dot[k][k]; d > 0 {
				sum += float64(e.dot[i][k]*e.dot[i][k]) / d
			}
		}
		c.voice[name] = 1 / math.Sqrt(max(1, sum))
	}
}

// A sum is what the votes of one content come to.
type sum struct {
	score    float64
	rarity   float64 // how rare it is in known good, by the same reckoning
	pro, con float64 // votes for bad and for good
	scale    float64 // votes are divided by it to come to the score; 0 stands for 1
	alone    float64 // votes for bad that nobody but its own client has ever shown
}

// sums adds up the votes of every content, each laid against what its field votes in clean windows. c is nil where there
// are none. keep, if not nil, is called with the votes of every content and what each came to.
func (j *judge) sums(c *clean, keep func(content int, votes []vote, z []float64)) []sum {
	n := len(j.a.groups)
	weight, rarity, voice := make([]bayes.Spread, n), make([]bayes.Spread, n), make([]float64, n)
	for i := range voice {
		voice[i] = 1
		if c != nil {
			name := j.a.groups[i].name
			weight[i], rarity[i] = c.weight[name], c.rarity[name]
			if v, ok := c.voice[name]; ok {
				voice[i] = v
			}
		}
	}
	out := make([]sum, len(j.a.contents))
	var zs []float64
	j.each(1, func(ci int, votes []vote) {
		s := &out[ci]
		zs = zs[:0]
		for i := range votes {
			v := &votes[i]
			z := float64(voice[v.group] * weight[v.group].Standardize(v.weight))
			r := float64(voice[v.group] * rarity[v.group].Standardize(v.rarity))
			if j.m.Rarity {
				z += r
			}
			zs = append(zs, z)
			s.score += z
			s.rarity += r
			switch {
			case z <= 0:
				s.con += z
			case v.support < .5:
				s.alone += z
				s.pro += z
			default:
				s.pro += z
			}
		}
		if keep != nil {
			keep(ci, votes, zs)
		}
	})
	return out
}

// kinds are the scores that clean windows give to contents of each kind of record, which have more or less to say: a
// request line has twenty votes, a flow record ten.
type kinds map[string]bayes.Spread

// kindOf returns the dataset of every content.
func (j *judge) kindOf() []string {
	name := make([]string, len(j.a.features))
	for i := range j.a.features {
		if j.a.fields[j.a.features[i].field].field.Name == token.Dataset {
			f := j.keep.feature(j.a.features[i].id)
			name[i] = string(f.Value)
		}
	}
	out := make([]string, len(j.a.contents))
	for i := range j.a.contents {
		for _, fi := range j.a.featuresOf(&j.a.contents[i]) {
			if name[fi] != "" {
				out[i] = name[fi]
			}
		}
	}
	return out
}

// kindsOf measures the scores of the placebo windows by kind of record.
func kindsOf(of [][]string, sums [][]sum) kinds {
	moments := map[string]*bayes.Moments{}
	for i := range sums {
		for c := range sums[i] {
			m := moments[of[i][c]]
			if m == nil {
				m = &bayes.Moments{}
				moments[of[i][c]] = m
			}
			m.Add(sums[i][c].score)
		}
	}
	k := kinds{}
	for name, m := range moments {
		k[name] = m.Spread()
	}
	return k
}

const (
	minKind   = 30 // contents of a kind that clean windows must hold before it has a scale of its own
	minKindSD = 1
)

// level lays the scores of contents of different kinds on one scale: standard deviations above what clean windows give
// the same kind. Kinds that clean windows hardly show are measured by all kinds together.
func (k kinds) level(of []string, sums []sum, all bayes.Spread) {
	for c := range sums {
		s := k[of[c]]
		if s.N < minKind {
			s = all
		}
		sd := max(s.SD, minKindSD)
		x := &sums[c]
		x.score = (x.score - s.Mean) / sd
		x.pro, x.con, x.alone, x.scale = x.pro/sd, x.con/sd, x.alone/sd, sd
	}
}
