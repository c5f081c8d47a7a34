package hunt

import (
	"math"

	"weir/internal/bayes"
)

// Method chooses between ways of judging, for ablations (docs/quality.md). The zero value is what weir does.
type Method struct {
	OwnClient OwnClient
	NoPlacebo bool // votes as they are, not laid against those of clean windows
	NoEcho    bool // fields that say the same all count in full
	NoMixture bool // the window's events all count as bad, no second round
	Rarity    bool // add rarity to the score
	NoPairs   bool // leave declared pairs out
	NoKinds   bool // scores of different kinds of records as they are, on no common scale
	// Nobody's past is learned, so what is out of somebody's character does not vote.
	NoBehaviour bool
}

// OwnClient says how much of what an event's own client brought into the window speaks against the event.
type OwnClient uint8

// The ways of counting one's own client.
const (
	OwnClientRoot OwnClient = iota // the square root of its events: a client can be loud, but not a crowd
	OwnClientNone                  // nothing
	OwnClientAll                   // everything, like any other
)

// A vote is what one group of a content's tokens says.
type vote struct {
	group   uint16
	feature uint32
	token   uint32
	weight  float64 // weight of evidence in bits, of the strongest token
	rarity  float64 // bits: how rare the rarest token is in known good
	// departure tells that the vote is not by the token's counts but by how far it is out of character.
	departure bool
	support   float64 // events that carry the token without its own client's: known good ones and those of others in the window
}

// A judge votes over the contents of one analysis. It keeps scratch arrays and is used by one goroutine.
type judge struct {
	a      *analysis
	keep   *interner
	m      Method
	share  []float64 // by content: how much of it counts as bad; the rest counts as good
	bad    []float64 // by token: events in the window, weighted
	good   []float64 // by token: known good, with the good part of the window
	events float64   // in the window, weighted
	known  float64   // known good events, with the good part of the window
	weight []float64 // by token, nothing of any client left out
	rarity []float64 // by token
	own    []float64 // by token: weighted events of the client that is being judged
	less   []float64 // by token: its weight without what that client brought in excess; NaN until it is asked for
	best   []int32   // by group: index into votes plus one
	votes  []vote
}

// newJudge prepares to judge an analysis in which share of each content counts as bad (nil: all of it).
func newJudge(a *analysis, keep *interner, m Method, share []float64) *judge {
	n := len(a.tokens)
	j := &judge{a: a, keep: keep, m: m, share: share, bad: make([]float64, n), good: make([]float64, n), weight: make([]float64, n),
		rarity: make([]float64, n), own: make([]float64, n), less: make([]float64, n), best: make([]int32, len(a.groups)), known: a.events}
	for i := range a.tokens {
		j.good[i] = float64(a.tokens[i].good)
	}
	for i := range a.contents {
		c := &a.contents[i]
		p := j.shareOf(uint32(i))
		n := float64(p * float64(c.copies))
		rest := float64(c.copies) - n
		j.events += n
		j.known += rest
		for _, fi := range a.featuresOf(c) {
			for _, t := range a.tokensOf(&a.features[fi]) {
				j.bad[t] += n
				j.good[t] += rest
			}
		}
	}
	for t := range j.weight {
		j.weight[t] = bayes.Weight(j.bad[t], j.events, j.good[t], j.known)
		j.rarity[t] = bayes.Rarity(float64(a.tokens[t].good), a.events)
	}
	return j
}

func (j *judge) shareOf(c uint32) float64 {
	if j.share == nil {
		return 1
	}
	return j.share[c]
}

// each calls f with the votes of every step-th content, client by client in the order of their first events. The votes
// are valid during the call.
func (j *judge) each(step int, f func(c int, votes []vote)) {
	a := j.a
	order := a.byClient
	for len(order) > 0 {
		n := 1
		client := a.contents[order[0]].client
		for client != 0 && n < len(order) && a.contents[order[n]].client == client {
			n++
		}
		events := j.countOwn(order[:n])
		for _, c := range order[:n] {
			if int(c)%step == 0 {
				f(int(c), j.vote(&a.contents[c], client != 0, events))
			}
		}
		j.forgetOwn(order[:n])
		order = order[n:]
	}
}

// maxHeard is how many contents of a placebo window are enough to know how its fields vote.
const maxHeard = 10_000

// sample is the step with which each visits about maxHeard contents.
func (j *judge) sample() int { return (len(j.a.contents) + maxHeard - 1) / maxHeard }

// countOwn adds what the contents of one client brought into the window and returns its events. A content that names no
// client stands for itself.
func (j *judge) countOwn(contents []uint32) (events float64) {
	for _, ci := range contents {
		c := &j.a.contents[ci]
		n := float64(j.shareOf(ci) * float64(c.copies))
		events += n
		for _, fi := range j.a.featuresOf(c) {
			for _, t := range j.a.tokensOf(&j.a.features[fi]) {
				j.own[t] += n
				j.less[t] = math.NaN()
			}
		}
	}
	return events
}

func (j *judge) forgetOwn(contents []uint32) {
	for _, ci := range contents {
		for _, fi := range j.a.featuresOf(&j.a.contents[ci]) {
			for _, t := range j.a.tokensOf(&j.a.features[fi]) {
				j.own[t] = 0
			}
		}
	}
}

// vote returns the votes of one content: for each group of its tokens, the weight of the one that speaks most for bad.
// named tells that the content names its client, which brought events into the window.
func (j *judge) vote(c *content, named bool, events float64) []vote {
	j.votes = j.votes[:0]
	adjust := named && j.m.OwnClient != OwnClientAll
	rest := j.events - j.excess(events)
	for _, fi := range j.a.featuresOf(c) {
		x := &j.a.features[fi]
		if j.m.NoPairs && j.a.fields[x.field].field.Left != "" {
			continue
		}
		for _, t := range j.a.tokensOf(x) {
			w := j.weight[t]
			if own := j.own[t]; adjust && own > 1 {
				if math.IsNaN(j.less[t]) {
					j.less[t] = bayes.Weight(j.bad[t]-j.excess(own), rest, j.good[t], j.known)
				}
				w = j.less[t]
			}
			if c.version == fi+1 && t == j.a.featTok[x.from] {
				w = min(w, 0) // a new version of what it always was: no evidence
			}
			g := j.a.tokens[t].group
			at := j.best[g]
			if at == 0 {
				j.votes = append(j.votes, vote{group: g, feature: fi, token: t, weight: w, rarity: j.rarity[t]})
				j.best[g] = int32(len(j.votes))
				continue
			}
			v := &j.votes[at-1]
			v.rarity = max(v.rarity, j.rarity[t])
			if w > v.weight {
				v.weight, v.token, v.feature = w, t, fi
			}
		}
	}
	j.departures(c)
	for i := range j.votes {
		v := &j.votes[i]
		j.best[v.group] = 0
		own := j.own[v.token]
		if !named { // copies of a record that names no client are others' words, not its own
			own = min(own, 1)
		}
		v.support = j.good[v.token] + j.bad[v.token] - own
	}
	return j.votes
}

// excess is how many of a client's own n events are left out of the evidence against it.
func (j *judge) excess(n float64) float64 {
	switch {
	case j.m.OwnClient == OwnClientAll || n <= 0:
		return 0
	case j.m.OwnClient == OwnClientNone:
		return n
	}
	return n - min(n, math.Sqrt(n))
}
