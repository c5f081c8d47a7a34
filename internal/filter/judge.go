package filter

import (
	"math"

	"weir/internal/event"
	"weir/internal/token"
)

// A Verdict is what a filter makes of a record.
type Verdict string

// The four answers.
const (
	VerdictGood        Verdict = "good"
	VerdictBad         Verdict = "bad"
	VerdictNovel       Verdict = "novel"       // hardly any of its tokens was seen in training
	VerdictConflicting Verdict = "conflicting" // strong evidence both ways, and no side wins
)

// A Judgement is a filter's answer for one record.
type Judgement struct {
	Score       float64 // log-odds in bits, as the learner has them, positive for bad
	Probability float64 // that the record is bad, calibrated and corrected to the prior
	Verdict     Verdict
	Known       float64 // share of the record's tokens that training has seen
}

// A Judge applies a filter. It belongs to one goroutine.
type Judge struct {
	f     *Filter
	x     *extractor
	cache []opinion
	row   []uint32
	cells *cellReader // nil without a forest
}

// An opinion is what a feature with a certain value contributes to the score of any record, which is additive.
type opinion struct {
	key   uint64
	sum   float64
	bad   float64 // the part that speaks for bad
	n     int32   // tokens
	known int32
	naive float64 // of naive Bayes in a blend, and the part that speaks for bad
	nbad  float64
	norm  float64 // voices of its groups of tokens
}

const opinionBits = 15

// NewJudge returns a judge. e must be made as for training: with the zone f.Zone.
func (f *Filter) NewJudge(e *token.Enrichment) *Judge {
	j := &Judge{f: f, x: newExtractor(hashSeed, e), cache: make([]opinion, 1<<opinionBits)}
	if f.forest != nil {
		c := f.forest.Columns()
		j.cells = &cellReader{columns: c, cells: make([]float64, len(c)), chosen: make([]uint32, len(c))}
	}
	return j
}

// Judge scores an event.
func (j *Judge) Judge(e *event.Event) Judgement {
	j.x.take(e)
	var all opinion
	if j.x.repeated {
		all = j.opinionOn(j.x.all())
	} else {
		for i, f := range j.x.features {
			o := j.opinion(f, j.x.exacts[i])
			all.sum += o.sum
			all.bad += o.bad
			all.n += o.n
			all.known += o.known
			all.norm += o.norm
			all.naive += o.naive
			all.nbad += o.nbad
		}
	}
	grown := 0.
	if j.cells != nil {
		grown = j.f.grown(j.cells.read(j.x.features))
	}
	return j.f.judgement(&all, grown)
}

// Group returns a hash that the last judged event shares with others that are no independent witnesses: those of its client,
// or, where it names none, those that differ in digits and separators only.
func (j *Judge) Group() uint64 {
	if j.x.client != 0 {
		return j.x.client
	}
	return j.x.near
}

// Likeness returns what the last judged event has in common with others: content with those that say the same, whoever sent
// them, near with those that differ in digits and separators only.
func (j *Judge) Likeness() (content, near uint64) { return j.x.content, j.x.near }

// opinion is cached by value: the same few values come again and again.
func (j *Judge) opinion(f *token.Feature, exact uint64) *opinion {
	key := exact | 1
	o := &j.cache[key>>(64-opinionBits)]
	if o.key != key {
		j.x.items = j.x.appendItems(j.x.items[:0], f)
		*o = j.opinionOn(j.x.items)
		o.key = key
	}
	return o
}

func (j *Judge) opinionOn(items []item) (o opinion) {
	j.row = j.row[:0]
	for _, x := range items {
		f := uint32(unknown)
		if k := j.f.table.find(keyOf(x)); k >= 0 {
			f = uint32(k)
			o.known++
		}
		j.row = append(j.row, f)
	}
	o.n = int32(len(items))
	form := j.f.Learner.form()
	eachGroup(items, func(from, to int) {
		o.norm += voice(to - from)
		if !j.f.Learner.weighted() {
			v := groupVote(form, j.row[from:to], j.f.weights)
			o.sum += v
			o.bad += max(v, 0)
			return
		}
		sum, bad := 0., 0.
		for _, f := range j.row[from:to] {
			if f != unknown {
				w := j.f.weights[f]
				sum += w
				bad += max(w, 0)
			}
		}
		v := math.Sqrt(voice(to-from) / float64(to-from))
		if j.f.naive != nil {
			n := groupVote(naiveSum, j.row[from:to], j.f.naive)
			o.naive += n
			o.nbad += max(n, 0)
		}
		o.sum += float64(sum * v)
		o.bad += float64(bad * v)
	})
	return o
}

func (l Learner) form() naiveForm {
	switch {
	case l == NaiveVotes:
		return naiveVotes
	case l.textbook():
		return naivePlain
	}
	return naiveSum
}

// unit is what an opinion of the learner counts, in bits, in a record with so many groups of tokens.
func (f *Filter) unit(norm float64) float64 {
	if f.Learner.weighted() {
		if norm == 0 {
			return 0
		}
		return 1 / (math.Sqrt(norm) * math.Ln2)
	}
	return 1
}

// What a judgement takes to be conflicting: between these probabilities, with at least so many bits on either side. In doubt
// nobody is called bad; under a half nobody is anyway.
const (
	conflictLow, conflictHigh = .5, .6
	conflictBits              = 8
)

// judgement makes an answer of an opinion on the tokens, and of what the forest says, in nats.
func (f *Filter) judgement(o *opinion, grown float64) Judgement {
	unit := f.unit(o.norm)
	g := Judgement{Score: toBits(f.Bias+grown) + float64(o.sum*unit) + float64(f.Share*o.naive), Known: 1}
	g.Score = rounded(g.Score)
	if o.n > 0 {
		g.Known = float64(o.known) / float64(o.n)
	}
	g.Probability = f.Calibration.Probability(g.Score)
	bad := float64(o.bad*unit) + float64(f.Share*o.nbad)
	good := float64((o.bad-o.sum)*unit) + float64(f.Share*(o.nbad-o.naive))
	switch {
	case g.Known < f.KnownLow/2 || o.n == 0:
		g.Verdict = VerdictNovel
	case g.Probability >= conflictLow && g.Probability < conflictHigh && min(bad, good) > conflictBits:
		g.Verdict = VerdictConflicting
	case g.Probability >= .5:
		g.Verdict = VerdictBad
	default:
		g.Verdict = VerdictGood
	}
	return g
}
