package filter

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/bayes"
	"weir/internal/event"
	"weir/internal/token"
)

// A Clue is one token of a record and what it says.
type Clue struct {
	Token     string  // as token.Name writes it
	Vote      float64 // what it adds to the score, in bits; 0 where another token of its group speaks for it, or all records have it
	Weight    float64 // weight of evidence by its counts alone, in bits, positive for bad
	Good, Bad uint32  // learned records with the token
	GoodShare float64 // of all learned good records
	BadShare  float64 // of all learned bad records
}

// Seen reports whether training has seen the token.
func (c *Clue) Seen() bool { return c.Good|c.Bad != 0 }

// Absent is the token of the clue that stands for all that other records have and this one has not.
const Absent = "(absent)"

// Clues returns the judgement on an event with all its clues, strongest first. The votes and [Manifest.Start] add up to the
// score.
//
// A linear model's clue counts against the average record, which is half good and half bad: a token that all records
// have says nothing, whatever its weight, and one that half of them have says half of it where it is there and the other half
// where it is not. The latter cannot be named, since a filter knows tokens by their hashes; the clue [Absent] sums it up.
func (j *Judge) Clues(e *event.Event) (Judgement, []Clue) {
	g := j.Judge(e)
	var named []namedItem
	for i, f := range j.x.features {
		for _, t := range j.x.codify.FineTokens(f) {
			it := newItem(j.x.group(f.Field, t.Kind), t.Hash)
			named = append(named, namedItem{it, token.Name(f.Field.Name, t.Kind, t.Text), i})
		}
	}
	// Items stand as they are judged: by feature, or all together where a field has several values.
	slices.SortStableFunc(named, func(a, b namedItem) int {
		if !j.x.repeated {
			if c := cmp.Compare(a.feature, b.feature); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.item, b.item)
	})
	named = slices.CompactFunc(named, func(a, b namedItem) bool {
		return a.item == b.item && (j.x.repeated || a.feature == b.feature)
	})
	clues := make([]Clue, len(named))
	for i, n := range named {
		clues[i] = j.f.clue(n)
	}
	j.votes(named, clues)
	if j.f.Learner.weighted() {
		j.addForest(named, clues)
		rest := g.Score - j.f.Start
		for i := range clues {
			rest -= clues[i].Vote
		}
		clues = append(clues, Clue{Token: Absent, Vote: rest})
	}
	slices.SortStableFunc(clues, func(a, b Clue) int {
		if c := cmp.Compare(math.Abs(b.Vote), math.Abs(a.Vote)); c != 0 {
			return c
		}
		return cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight))
	})
	return g, clues
}

// addForest adds what the forest says of a column to the clue of its value.
func (j *Judge) addForest(named []namedItem, clues []Clue) {
	if j.cells == nil {
		return
	}
	parts := make([]float64, len(j.cells.columns))
	j.f.forest.Contributions(j.cells.read(j.x.features), parts)
	for i, n := range named {
		f := j.x.features[n.feature]
		if k := j.cells.column(f.Field); k >= 0 && n.item == newItem(j.x.group(f.Field, token.Whole), f.Hash) {
			clues[i].Vote += toBits(parts[k])
			parts[k] = 0
		}
	}
}

type namedItem struct {
	item    item
	name    string
	feature int
}

func (f *Filter) clue(n namedItem) Clue {
	c := Clue{Token: n.name}
	if i := f.table.find(keyOf(n.item)); i >= 0 {
		c.Good, c.Bad = f.table.good[i], f.table.bad[i]
	}
	c.GoodShare, c.BadShare = float64(c.Good)/float64(f.Good), float64(c.Bad)/float64(f.Bad)
	if c.Seen() {
		c.Weight = bayes.LogOdds(min(float64(c.Bad), float64(f.Bad)), float64(f.Bad), min(float64(c.Good), float64(f.Good)), float64(f.Good))
	}
	return c
}

// votes sets what each clue adds.
func (j *Judge) votes(named []namedItem, clues []Clue) {
	f := j.f
	var runs [][2]int
	for i := 0; i < len(named); {
		k := i
		for k < len(named) && groupOf(named[k].item) == groupOf(named[i].item) && (j.x.repeated || named[k].feature == named[i].feature) {
			k++
		}
		runs = append(runs, [2]int{i, k})
		i = k
	}
	norm := 0.
	for _, r := range runs {
		norm += voice(r[1] - r[0])
	}
	unit := f.unit(norm)
	weight := func(i int) float64 {
		if k := f.table.find(keyOf(named[i].item)); k >= 0 {
			return f.weights[k]
		}
		return 0
	}
	for _, r := range runs {
		best, known := r[0], 0
		for n := r[0]; n < r[1]; n++ {
			if clues[n].Seen() {
				known++
			}
			if w, b := weight(n), weight(best); math.Abs(w) > math.Abs(b) || w > b && w == -b {
				best = n
			}
		}
		for n := r[0]; n < r[1]; n++ {
			switch {
			case f.Learner.weighted():
				missing := 1 - float64((clues[n].GoodShare+clues[n].BadShare)/2)
				if k := f.table.find(keyOf(named[n].item)); k >= 0 && f.naive != nil {
					clues[n].Vote = float64(f.Share * float64(f.naive[k]*scale(max(1, known))))
				}
				clues[n].Vote += float64(float64(weight(n)*math.Sqrt(voice(r[1]-r[0])/float64(r[1]-r[0]))) * float64(unit*max(0, missing)))
			case f.Learner == NaiveSum:
				clues[n].Vote = float64(weight(n) * scale(max(1, known)))
			case f.Learner.textbook():
				clues[n].Vote = weight(n)
			case n == best:
				clues[n].Vote = weight(n)
			}
		}
	}
}
