package beacon

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"weir/internal/bayes"
	"weir/internal/enrich"
)

// Bounds of what is a tunnel.
const (
	minSubDomains = 50
	minQuestions  = 50
	maxManyNames  = 3 // points: thousands of names say no more than hundreds, any large site has them
)

// tunnels scores registered domains by how many different sub-domains were asked for, and how much these can carry.
func (j *judge) tunnels() []Pair {
	var out []Pair
	type asked struct {
		domainKey
		*domainState
	}
	var all []asked
	for k, d := range j.domain {
		if d.subs.count() >= minSubDomains && d.questions >= minQuestions {
			all = append(all, asked{k, d})
		}
	}
	slices.SortFunc(all, func(a, b asked) int {
		return cmp.Or(cmp.Compare(a.network, b.network), bytes.Compare(j.texts.get(a.domain), j.texts.get(b.domain)))
	})
	for _, d := range all {
		subs := d.subs.count()
		bits, length := float64(d.bits)/1000/float64(d.questions), float64(d.length)/float64(d.questions)
		src, sources := j.most(&d.sources)
		p := Pair{Kind: KindTunnel, Source: string(j.texts.get(src)), Names: []string{string(j.texts.get(d.domain))}, P: 1, Q: 1,
			Count: d.questions, Sent: d.bytes, First: d.first, Last: d.last, SubDomains: subs}
		if int(d.network) < len(j.o.Names) {
			p.Network = j.o.Names[d.network]
		}
		p.clue(min(maxManyNames, 2*bayes.Log2(float64(subs)/100)), "%d different sub-domains in %d questions", subs, d.questions)
		p.clue(min(3, max(-3, (length-20)/8)), "they are %.0f characters long on average", length)
		p.clue(min(2, max(-2, (bits-3.2)*2.5)), "their characters carry %.1f bits each", bits)
		share := float64(d.odd) / float64(d.questions)
		p.clue(float64(3*share)-.5, "%.0f %% ask for records that can carry data (TXT, NULL, CNAME, MX …)", 100*share)
		if 10*d.reversed > 9*d.questions {
			p.clue(-6, "they are addresses written backwards, as block lists and reverse look-ups ask for them")
		}
		volume := bits * length * float64(subs) / 8
		p.clue(min(2, max(-2, bayes.Log2(max(volume, 1)/2e4)/2)), "the questions could carry %.0f kB out", volume/1000)
		for class := range uint64(2) { // of those that ask for it in any way
			sources = max(sources, j.domainSources(d.network, class, p.Names[0]))
		}
		if sources > 2 {
			p.clue(max(-6, -1.5*bayes.Log2(float64(sources)/2)), "%d sources ask for the domain", sources)
		}
		points := -3.
		for _, c := range p.Clues {
			points += c.Points
		}
		p.order = points
		// RITA's scale of sub-domains is the ceiling: none of the signs makes a tunnel of a hundred questions
		p.Score = roundScore(bucketed(float64(subs), minSubDomains, 250, 500, 1000) / .8 * .9 / (1 + bayes.Exp2(-points)))
		if p.Score >= .1 {
			out = append(out, p)
		}
	}
	return out
}

// most returns the text with the highest count, of equal ones the first in the alphabet, and how many there are.
func (j *judge) most(f *few) (text uint32, n int) {
	most := uint32(0)
	for i, t := range f.text {
		if t == 0 {
			break
		}
		n++
		if f.n[i] > most || f.n[i] == most && bytes.Compare(j.texts.get(t), j.texts.get(text)) < 0 {
			text, most = t, f.n[i]
		}
	}
	return text, n
}

const (
	minGenerated   = 3
	maxManyDomains = 5 // points: a cloud's customers are thousands
)

// byChance is the share of ordinary domains that look generated, on the safe side: of the well-known names in TestGenerated
// none to one in 15. Mail servers and resolvers ask for so many domains that this alone would make them suspects.
const byChance = .04

// generated scores sources by how many different domains they asked for that look generated, most of them in vain.
func (j *judge) generated() []Pair {
	type names struct {
		domains                       map[string]bool
		failed, answered, asked, sent int64
		first, last                   int64
	}
	bySource := map[[2]uint32]*names{}
	count := func(network, src, dst uint32, first, last, questions, sent int64, failed, answered uint32) {
		d := j.registered(dst)
		if d == "" || looksGenerated(d) < .5 || j.common.domain.count(j.domainAt(network, j.class(src), d)) > 2 {
			return
		}
		k := [2]uint32{network, src}
		n := bySource[k]
		if n == nil {
			n = &names{domains: map[string]bool{}, first: first, last: last}
			bySource[k] = n
		}
		n.domains[d] = true
		n.first, n.last = min(n.first, first), max(n.last, last)
		n.asked += questions
		n.failed += int64(failed)
		n.answered += int64(answered)
		n.sent += sent
	}
	j.all.each(func(x *series) {
		if x.kind == kindDNS {
			count(x.network, x.src, x.dst, x.first, x.last, x.count, x.sent, j.extras.at(x.extra).failed, j.extras.at(x.extra).answered)
		}
	})
	j.once.each(func(x *single) {
		if x.kind == kindDNS && x.key != 0 {
			count(x.network, x.src, x.dst, x.ns, x.ns, 1, int64(x.sent), uint32(x.flags&flagFailed/flagFailed), uint32(x.flags&flagAnswered/flagAnswered))
		}
	})
	all := j.askedBy(func(k [2]uint32) bool { return bySource[k] != nil && len(bySource[k].domains) >= minGenerated })
	var out []Pair
	for k, n := range bySource {
		domains := slices.Sorted(maps.Keys(n.domains))
		p := Pair{Kind: KindDGA, Source: string(j.texts.get(k[1])), P: 1, Q: 1, Names: domains[:min(len(domains), maxNames)],
			Count: n.asked, Sent: n.sent, First: n.first, Last: n.last}
		if int(k[0]) < len(j.o.Names) {
			p.Network = j.o.Names[k[0]]
		}
		weight := -float64(byChance * float64(all[k]))
		for _, d := range domains {
			weight += looksGenerated(d)
		}
		if len(domains) < minGenerated || weight <= 0 {
			continue
		}
		p.GeneratedNames = int64(len(domains))
		p.clue(min(maxManyDomains, 2*bayes.Log2(weight/minGenerated)), "%d of the %d domains that it asked for look made up by a program", len(domains), all[k])
		if told := n.failed + n.answered; told > 0 {
			fail := float64(n.failed) / float64(told)
			p.clue(float64(8*fail)-5, "%.0f %% of these questions had no answer", 100*fail)
		}
		points := -1.
		for _, c := range p.Clues {
			points += c.Points
		}
		p.order = points
		p.Score = roundScore(.85 / (1 + bayes.Exp2(-points)))
		out = append(out, p)
	}
	return out
}

// askedBy counts the different registered domains that sources asked for.
func (j *judge) askedBy(wanted func(k [2]uint32) bool) map[[2]uint32]int {
	seen := map[[2]uint32]map[string]bool{}
	add := func(k [2]uint32, name uint32) {
		if !wanted(k) {
			return
		}
		if seen[k] == nil {
			seen[k] = map[string]bool{}
		}
		if d := j.registered(name); d != "" {
			seen[k][d] = true
		}
	}
	j.all.each(func(x *series) {
		if x.kind == kindDNS {
			add([2]uint32{x.network, x.src}, x.dst)
		}
	})
	j.once.each(func(x *single) {
		if x.kind == kindDNS && x.key != 0 {
			add([2]uint32{x.network, x.src}, x.dst)
		}
	})
	out := map[[2]uint32]int{}
	for k, d := range seen {
		out[k] = len(d)
	}
	return out
}

func (j *judge) registered(name uint32) string {
	return enrich.RegisteredDomain(string(j.texts.get(name)))
}
