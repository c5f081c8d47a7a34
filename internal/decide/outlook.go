package decide

import "weir/internal/bayes"

// An Outlook is what an entity is expected to send within a time.
type Outlook struct {
	Good     float64 // good records
	Bad      float64 // bad ones, besides the one at hand
	Sessions float64 // good sessions
	shape    float64
}

// Client is the probability that there is any good record, where their number is negative binomial.
func (o *Outlook) Client() float64 {
	if o.shape <= 0 || o.Good <= 0 {
		return 0
	}
	return 1 - bayes.Exp2(-float64(o.shape*bayes.Log2(1+o.Good/o.shape)))
}

// Outlooks appends to dst what an entity, whose record at hand is bad with probability p, will send within each of the
// ledger's durations, the record at hand left out.
//
// Good is the rest of the session and the sessions to come. These are Gamma-Poisson (Bühlmann and Straub's credibility; see
// spread). Both together are multiplied by what came true of such predictions so far (record.trust). Bad is p times what
// followed a bad record on this site so far (record.further).
func (l *Ledger) Outlooks(dst []Outlook, e Entity, p float64, now int64) []Outlook {
	b := l.book(e.Kind)
	if l.started {
		now = max(now, l.now)
	}
	l.settle(b, now)
	a := account{first: now}
	if i, ok := b.index[e.Hash]; ok {
		a = b.accounts[i]
		a.turn(now)
	} else {
		a.begun = now
	}
	again := a.again()
	o := Outlook{shape: float64(b.spread.alpha*(1-p)) + a.good}
	for i := range l.durations { // more time is never less traffic
		good := l.expect(b, &a, p, now, i)
		if !l.plain {
			good *= b.told[i].trust(a.stage(now), good)
		}
		o.Good = max(o.Good, good)
		o.Bad += float64(p * b.told[i].further(again))
		o.Sessions = o.Good * (b.sessions + 1) / (b.good + sessionRecords)
		dst = append(dst, o)
	}
	return dst
}

// expect is what the model expects: the rest of the session at the rate it has had, for as long again as it has lasted; and
// sessions to come, each with the records that its sessions have.
func (l *Ledger) expect(b *book, a *account, p float64, now int64, d int) float64 {
	length := float64(l.durations[d]) / 1e9
	lasted := float64(now-a.begun)/1e9 + pageSeconds
	rest := float64((a.session + 1 - p) / lasted * min(length, lasted))
	s := &b.spread
	visits := length * (float64(s.alpha*(1-p)) + a.returns()) / (s.beta + float64(now-a.first)/1e9)
	mean := (b.good + sessionRecords) / (b.sessions + 1)
	size := (a.good + float64(sessionWeight*mean)) / (a.sessions + sessionWeight)
	return rest + float64(visits*size)
}

const (
	pageSeconds   = 300. // that a session has lasted when it starts
	sessionWeight = 2.   // sessions that the site's mean counts for
)

// returns is how often the entity has come back.
func (a *account) returns() float64 { return max(0, a.sessions-1) }

// sessionRecords is how many good records a session has where nothing is known yet.
const sessionRecords = 10

// A spread says how often entities of a site come back, per second: rates have a gamma distribution.
type spread struct {
	alpha, beta float64 // shape, and seconds
}

// priorSpread is that of a site that is not known yet: an entity comes back every five days, and a day's observation counts as
// much as that.
var priorSpread = spread{.2, 86400}

// Bounds of how much time an entity has to be known for until it counts as much as all the others.
const (
	leastBeta, mostBeta = 3600, 30 * 86400
	fewEntities         = 20 // under which the prior holds
)

// estimate fits a gamma distribution to the accounts' rates by moments, each with the time it is known for (Bühlmann and
// Straub, "Glaubwürdigkeit für Schadensätze", 1970): with rates r_i over times t_i, their mean m, and n accounts
//
//	a = (Σ t_i (r_i−m)² − (n−1)·m) / (T − Σ t_i²/T)     the variance between entities, after Poisson's is taken off
//	β = m/a,  α = m·β
//
// An account counts as known for an hour more than since its first record, which is not there by chance.
func (b *book) estimate(now int64) spread {
	n, all, good, squares := 0., 0., 0., 0.
	for i := range b.accounts {
		a := &b.accounts[i]
		t := float64(now-a.first)/1e9 + 3600
		n++
		all += t
		good += a.returns()
		squares += float64(t * t)
	}
	if n < fewEntities || good <= 0 {
		return priorSpread
	}
	m := good / all
	sum := 0.
	for i := range b.accounts {
		a := &b.accounts[i]
		t := float64(now-a.first)/1e9 + 3600
		r := a.returns()/t - m
		sum += float64(float64(t*r) * r)
	}
	beta := float64(mostBeta)
	if between := (sum - float64((n-1)*m)) / (all - squares/all); between > 0 {
		beta = min(max(m/between, leastBeta), mostBeta)
	}
	return spread{m * beta, beta}
}
