package hunt

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/bayes"
)

// Method chooses between ways of judging, for ablations (docs/quality.md). The zero value is what weir does.
type Method struct {
	NoPlacebo bool // votes as they are, not laid against those of clean windows
	LeaveOut  LeaveOut
	Sum       bool // sum the weights of a field's tokens instead of taking the strongest
	NoPairs   bool // leave declared pairs out
}

// LeaveOut says in which fields an event is judged without what its own client brought into the window.
type LeaveOut uint8

// The ways of leaving out.
const (
	LeaveOutIdentity LeaveOut = iota // in fields that say who the client is
	LeaveOutAll                      // in every field
	LeaveOutNone
)

// A vote is what one field of a content says.
type vote struct {
	field   uint16
	feature uint32
	token   uint32
	weight  float64 // bits
	support uint32  // events that carry the token without its own client's: known good ones and those of others in the window
}

// A judge votes over the contents of one analysis. It keeps scratch arrays and is used by one goroutine.
type judge struct {
	a      *analysis
	m      Method
	weight []float64 // of each token, nothing left out
	own    []int32   // of each token: events of the client that is being judged
	best   []int32   // by field: index into votes plus one
	votes  []vote
}

func newJudge(a *analysis, m Method) *judge {
	j := &judge{a: a, m: m, weight: make([]float64, len(a.tokens)), own: make([]int32, len(a.tokens)),
		best: make([]int32, len(a.fields))}
	n := float64(len(a.list.rows))
	for i := range a.tokens {
		t := &a.tokens[i]
		j.weight[i] = bayes.Weight(float64(t.bad), n, t.matched, a.events)
	}
	return j
}

// each calls f with the votes of every content, client by client in the order of their first events. The votes are valid
// during the call.
func (j *judge) each(f func(c int, votes []vote)) {
	a := j.a
	order := make([]uint32, len(a.contents))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(x, y uint32) int { return cmp.Compare(a.contents[x].client, a.contents[y].client) })
	for len(order) > 0 {
		n := 1
		client := a.contents[order[0]].client
		for client != 0 && n < len(order) && a.contents[order[n]].client == client {
			n++
		}
		j.countOwn(order[:n], 1)
		for _, c := range order[:n] {
			f(int(c), j.vote(&a.contents[c]))
		}
		j.countOwn(order[:n], -1)
		order = order[n:]
	}
}

// countOwn adds (or takes back) what the contents of one client brought into the window. A content that names no client
// stands for itself.
func (j *judge) countOwn(contents []uint32, sign int32) {
	for _, ci := range contents {
		c := &j.a.contents[ci]
		for _, fi := range j.a.featuresOf(c) {
			for _, t := range j.a.tokensOf(&j.a.features[fi]) {
				j.own[t] += sign * int32(c.copies)
			}
		}
	}
}

func (j *judge) vote(c *content) []vote {
	j.votes = j.votes[:0]
	for _, fi := range j.a.featuresOf(c) {
		x := &j.a.features[fi]
		field := &j.a.fields[x.field]
		if j.m.NoPairs && field.field.Left != "" {
			continue
		}
		v := j.strongest(fi, x, c.client)
		if at := j.best[x.field]; at == 0 {
			j.votes = append(j.votes, v)
			j.best[x.field] = int32(len(j.votes))
		} else if v.weight > j.votes[at-1].weight {
			j.votes[at-1] = v
		}
	}
	for i := range j.votes {
		j.best[j.votes[i].field] = 0
	}
	return j.votes
}

// strongest returns the vote of one feature: the weight of its token that speaks most for bad.
func (j *judge) strongest(fi uint32, x *featureInfo, client uint32) vote {
	best := vote{field: x.field, feature: fi, weight: math.Inf(-1)}
	leave := client != 0 && (j.m.LeaveOut == LeaveOutAll || j.m.LeaveOut == LeaveOutIdentity && j.a.fields[x.field].field.Identity)
	for _, t := range j.a.tokensOf(x) {
		w := j.weight[t]
		k := &j.a.tokens[t]
		if leave {
			w = bayes.Weight(float64(k.bad)-float64(j.own[t]), float64(len(j.a.list.rows)), k.matched, j.a.events)
		}
		if w > best.weight {
			best.weight, best.token = w, t
			best.support = k.good + uint32(max(0, int64(k.bad)-int64(j.own[t])))
		}
	}
	return best
}

// spreads is what each field votes in clean windows, by name.
type spreads map[string]bayes.Spread

// moments adds up the votes of one placebo window over its distinct contents.
func (j *judge) moments() map[string]*bayes.Moments {
	out := map[string]*bayes.Moments{}
	j.each(func(_ int, votes []vote) {
		for i := range votes {
			name := j.a.fields[votes[i].field].field.Name
			if out[name] == nil {
				out[name] = &bayes.Moments{}
			}
			out[name].Add(votes[i].weight)
		}
	})
	return out
}

// spread merges the moments of all placebo windows but one (−1 for all).
func spread(placebos []map[string]*bayes.Moments, but int) spreads {
	all := map[string]*bayes.Moments{}
	for i, p := range placebos {
		if i == but {
			continue
		}
		for name, m := range p {
			if all[name] == nil {
				all[name] = &bayes.Moments{}
			}
			all[name].Merge(m)
		}
	}
	out := spreads{}
	for name, m := range all {
		out[name] = m.Spread()
	}
	return out
}

// A verdictSum is what the votes of one content come to.
type verdictSum struct {
	score     float64
	pro, con  float64 // votes for bad and for good, as standardized
	supported float64 // score without what nobody but its own client has ever shown
}

// scores returns the sum over the fields of every content of their votes, each laid against what the field votes in clean
// windows. Without placebos s is nil and votes count as a field that clean windows never showed.
//
// keep, if not nil, is called with the votes of every content and what each came to.
func (j *judge) scores(s spreads, keep func(c int, votes []vote, z []float64)) []verdictSum {
	at := make([]bayes.Spread, len(j.a.fields))
	for i := range j.a.fields {
		at[i] = s[j.a.fields[i].field.Name]
	}
	out := make([]verdictSum, len(j.a.contents))
	var zs []float64
	j.each(func(c int, votes []vote) {
		v := &out[c]
		zs = zs[:0]
		for i := range votes {
			z := at[votes[i].field].Standardize(votes[i].weight)
			zs = append(zs, z)
			v.score += z
			if z > 0 {
				v.pro += z
			} else {
				v.con += z
			}
			if z < 0 || votes[i].support > 0 {
				v.supported += z
			}
		}
		if keep != nil {
			keep(c, votes, zs)
		}
	})
	return out
}
