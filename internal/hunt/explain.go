package hunt

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/count"
	"weir/internal/token"
)

// maxClues is how many votes of an event are kept for its explanation, strongest first.
const maxClues = 16

// A clue is a vote that is kept for explanations.
type clue struct {
	feature, token uint32
	vote           float32
}

// Evidence is one clue of a suspect.
type Evidence struct {
	Token     string  // as token.Name writes it
	Vote      float64 // what it added to the score, in the same unit
	Weight    float64 // weight of evidence in bits, positive for bad
	Good, Bad uint32  // events with the token in known good and in the window
	GoodShare float64 // of all known-good events
	BadShare  float64 // of all suspicious events
	Common    bool    // more than half of the suspects that are left share it
	Words     string  // how the entity of a pair usually acts, where this is something else; or ""
}

// A Suspect is one suspicious event.
type Suspect struct {
	File        string
	Line        int64
	Time        int64
	Client      string
	Score       float64 // sum of the votes of its fields; higher is more suspicious
	Probability float64
	Calibrated  bool // the probability is a filter's, learned from labels; else it is the hunt's, of a mixture
	Verdict     Verdict
	NarrowedBy  string // step of the funnel that flagged it, or ""
	Raw         []byte
	Evidence    []Evidence // strongest first
}

// keepClues keeps the strongest votes of a content.
func (r *Result) keepClues(c int, votes []vote, z []float64) {
	list := r.scratch[:0]
	pairs := len(votes) // votes for tokens; what follows are departures, each told with its pair
	for pairs > 0 && votes[pairs-1].departure {
		pairs--
	}
	for i := range votes[:pairs] {
		vote := float32(z[i])
		for k := pairs; k < len(votes); k++ {
			if votes[k].token == votes[i].token {
				vote += float32(z[k])
			}
		}
		if pairs <= maxClues || abs(vote) > quiet {
			list = append(list, clue{votes[i].feature, votes[i].token, vote})
		}
	}
	for k := pairs; k < len(votes); k++ {
		if !slices.ContainsFunc(votes[:pairs], func(v vote) bool { return v.token == votes[k].token }) {
			list = append(list, clue{votes[k].feature, votes[k].token, float32(z[k])})
		}
	}
	r.scratch = list
	slices.SortStableFunc(list, func(a, b clue) int { return cmp.Compare(abs(b.vote), abs(a.vote)) })
	r.clues[c] = slices.Clone(list[:min(len(list), maxClues)])
}

// quiet votes are not kept for explanations where there are many louder ones.
const quiet = .1

func abs(x float32) float32 { return max(x, -x) }

// Len is the number of suspects.
func (r *Result) Len() int { return len(r.order) }

// Suspect returns the i-th suspect, best first from 0, with its raw line and evidence.
func (r *Result) Suspect(i int) (*Suspect, error) {
	row := r.order[i]
	x := &r.a.list.rows[row]
	raw, err := r.h.rawOf(x)
	if err != nil {
		return nil, err
	}
	c := r.a.content[row]
	s := &Suspect{File: r.Summary.Files[x.file].Name, Line: x.line, Time: x.time, Score: r.score(row),
		Probability: round(r.probability(row)), Calibrated: x.judged != unjudged, Verdict: r.verdict(c), Raw: raw, Evidence: r.evidence(c)}
	switch {
	case !s.Calibrated || s.Verdict == VerdictConflicting:
	case s.Probability >= .5:
		s.Verdict = VerdictBad
	case s.Verdict == VerdictBad:
		s.Verdict = VerdictGood
	}
	if x.client > 0 {
		f := r.h.keep.feature(x.client - 1)
		s.Client = f.Text()
	}
	if by := r.narrowed[row]; by > 0 {
		s.NarrowedBy = r.Funnel[by-1].Name
	}
	return s, nil
}

// conflict is how strong the evidence each way has to be, in standardized votes, before an event is called conflicting.
const conflict = 6

// mostly is the part of an event's evidence for bad that nobody but its own client has shown from which it is called novel.
const mostly = .75

// verdict is what the votes of a content come to.
func (r *Result) verdict(c uint32) Verdict {
	v := &r.sums[c]
	switch {
	case v.pro >= conflict && v.con <= -conflict && math.Abs(v.score) < min(v.pro, -v.con)/2:
		return VerdictConflicting
	case r.prob[c] < goodBelow && r.isGood(c):
		return VerdictGood
	case r.prob[c] < goodBelow:
		return VerdictNovel
	case v.alone > mostly*v.pro:
		return VerdictNovel
	}
	return VerdictBad
}

// evidence returns the clues of a content, which the caller must not change.
func (r *Result) evidence(c uint32) []Evidence {
	if e, ok := r.told[c]; ok {
		return e
	}
	good, bad := float64(r.h.counts.Total(count.Good)), float64(len(r.a.list.rows))
	common := r.common()
	out := make([]Evidence, 0, len(r.clues[c]))
	for _, k := range r.clues[c] {
		t := &r.a.tokens[k.token]
		f := r.h.keep.feature(r.a.features[k.feature].id)
		out = append(out, Evidence{Token: r.tokenText(&f, t), Vote: round(float64(k.vote) / max(r.sums[c].scale, minKindSD)), Weight: round(r.j.weight[k.token]),
			Good: t.good, Bad: min(t.bad, uint32(len(r.a.list.rows))), GoodShare: float64(t.good) / good,
			BadShare: min(1, float64(t.bad)/bad), Common: common[k.token], Words: r.inWords(c, &f)})
	}
	if r.told == nil || len(r.told) == maxTold {
		r.told = make(map[uint32][]Evidence)
	}
	r.told[c] = out
	return out
}

// maxTold is how many contents keep their evidence: equal events follow each other in the ranking.
const maxTold = 1024

func (r *Result) tokenText(f *token.Feature, t *tokenInfo) string {
	for _, x := range r.h.codify.Tokens(f) {
		if x.Kind == t.kind && x.Hash == t.hash {
			return token.Name(f.Field.Name, x.Kind, x.Text)
		}
	}
	return token.Name(f.Field.Name, token.Whole, f.Text())
}

// Narrowed reports whether a step of the funnel flagged the i-th suspect.
func (r *Result) Narrowed(i int) bool { return r.narrowed[r.order[i]] > 0 }

// Close gives back temporary storage.
func (r *Result) Close() {
	for _, s := range r.h.raw {
		_ = s.close() // temporary, and already unlinked
	}
}

// Score returns the score of the i-th suspect, best first.
func (r *Result) Score(i int) float64 { return r.score(r.order[i]) }

// Time returns when the i-th suspect was, in nanoseconds since 1970 UTC.
func (r *Result) Time(i int) int64 { return r.a.list.rows[r.order[i]].time }

// Probability returns how sure it is that the i-th suspect is bad, as Suspect tells it.
func (r *Result) Probability(i int) float64 { return round(r.probability(r.order[i])) }

// probability is a filter's where one was asked and knows such events, else that of the event's content in the mixture.
func (r *Result) probability(row uint32) float64 {
	if p := r.a.list.rows[row].judged; p != unjudged {
		return float64(p)
	}
	return r.prob[r.a.content[row]]
}
