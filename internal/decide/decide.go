// Package decide turns probabilities and a site's own costs into actions, and says what a policy costs.
//
// # The idea
//
// People block by fear or by hope. The third way weighs both mistakes: blocking good (lost sales, annoyed users, support)
// and letting bad through (cleaning up). A [Policy] states these as [Costs] in one currency, by service, path, network or
// whatever an event tells ([Policy.CostsOf]). With the calibrated probability p that a record is bad, every [Action] has
// an expected cost,
//
//	E(a) = (1−p)·C(a, good) + p·C(a, bad)
//
// and the action is the one of least expected cost ([Costs.Choose]; Elkan, "The foundations of cost-sensitive learning",
// 2001, in more actions than two). The costs of one record:
//
//	action     good                                bad
//	allow      0                                   L
//	observe    w                                   w + L·(1−o)
//	review     R                                   R + L·(1−r)
//	challenge  q + (1−passes good)·G               q + (passes bad)·L
//	block      G                                   0
//
//	G = request + complaint share·complaint        what one wrong block costs
//	L = breach·success                             what one bad record let through costs
//	R = minutes·price of a minute                  a person looks at it, after the fact, and averts the share r of L
//	w, o: watching costs w and averts the share o; q: asking costs q, whoever is asked
//
// # What a probability may do
//
// Only a probability that was calibrated on labelled data not trained on may block or challenge ([Basis]). One from a
// window alone ([Mixture]), from too few data or from before things changed ([Few], [Drifted]) may let pass or have watched;
// where it would block, a person reviews.
//
// # Blocks are of entities, for a time
//
// Nobody blocks a request; one blocks an address, a network, a user, a session, or a user agent in a network, for a while.
// What is risked is all the good traffic that the entity will send in that time, so an address that many share protects
// itself. A [Ledger] keeps, in order of time, what each entity has sent; [Ledger.Outlooks] is what it will send within d:
//
//	good(d)   = (rest of the visit + visits to come · records of a visit) · what came true of such forecasts
//	visits(d) = d·(α·(1−p) + times it came back)/(β + time known)      Gamma-Poisson; α, β by moments over the site's entities
//	bad(d)    = p·F(d)                  F: further bad records that followed a bad one within d, on this site
//
// Every duration is laid against the same horizon H, the longest of the policy. The record at hand has happened; what
// counts is what follows:
//
//	block for d      shut(d) + (bad(H) − bad(d))·L          shut(d) = good(d)·G + sessions(d)·session + P(any good)·client
//	challenge for d  q·(1 + sessions(d)) + (1−passes good)·shut(d) + (passes bad)·bad(d)·L + (bad(H) − bad(d))·L
//	review           R + (1−r)·bad(H)·L                     once for a suspect; so is watching: w + (1−o)·bad(H)·L
//	allow            bad(H)·L
//
// so the best duration is part of the answer ([Policy.Decide]). A block or a challenge that would not pay at the lower end
// of what the probability may be ([LowerBound]) is for a person too.
//
// # Policies side by side
//
// [NewCurve] lays the cost of blocking by record over all thresholds, with an interval by entity, against three policies:
// never block; block by default, whatever is not called good; by cost. [Replay] does the same over logs, event by event in
// order of time, with blocks that take effect and end. Nothing from after a moment is used at that moment.
//
// Money is float64 in the policy's currency, sums are in order of events, and logarithms are weir's own, so results are the
// same on every processor.
package decide

import (
	"cmp"
	"math"
	"slices"
)

// An Action is what is done about a record, or about whoever sent it.
type Action uint8

// The actions, the mildest first. Of equally dear ones the mildest is taken.
const (
	Allow Action = iota
	Observe
	Review
	Challenge
	Block
)

var actionNames = [...]string{"allow", "observe", "review", "challenge", "block"}

func (a Action) String() string { return actionNames[a] }

// A Basis says what a probability rests on.
type Basis uint8

// The bases. Only a calibrated probability may block or challenge.
const (
	Calibrated Basis = iota // on labelled data that were not trained on
	Mixture                 // of a hunt without labels
	Few                     // labelled, but too few to be taken at its word
	Drifted                 // labelled, but the records have changed since
)

var basisNames = [...]string{"calibrated", "mixture", "few", "drifted"}

func (b Basis) String() string { return basisNames[b] }

// Costs are what mistakes cost, in the policy's currency; shares are from 0 to 1. The zero value costs nothing.
type Costs struct {
	Request        float64 // one good request that is blocked: the sale or the work that does not happen
	Session        float64 // one good session that is cut off
	Client         float64 // a good client that is blocked and does not come back
	Complaint      float64 // support for one complaint
	ComplaintShare float64 // of wrong blocks, those that bring a complaint

	Breach  float64 // cleaning up after one bad record that succeeded
	Success float64 // share of bad records that succeed, if let through

	Ask      float64 // asking once (a CAPTCHA, a second factor): the annoyance and the service
	PassGood float64 // share of good that passes when asked
	PassBad  float64 // share of bad that passes

	Watch        float64 // keeping one record under observation
	WatchAverts  float64 // share of the loss that observation averts
	Minute       float64 // price of an analyst's minute
	Minutes      float64 // to review one suspect
	ReviewAverts float64 // share of the loss that a review averts, since somebody steps in

	Actions [Block + 1]bool // those that the site can take; Allow always can
}

// WrongBlock returns G, what it costs to block one good record.
func (c *Costs) WrongBlock() float64 { return c.Request + float64(c.ComplaintShare*c.Complaint) }

// Miss returns L, what it costs to let one bad record through.
func (c *Costs) Miss() float64 { return float64(c.Breach * c.Success) }

// ReviewCost returns R, what it costs that a person looks at one suspect.
func (c *Costs) ReviewCost() float64 { return float64(c.Minute * c.Minutes) }

// Expected returns what an action costs in expectation for one record that is bad with probability p.
func (c *Costs) Expected(a Action, p float64) float64 {
	good, bad := c.of(a)
	return float64((1-p)*good) + float64(p*bad)
}

// of returns what an action costs for a good and for a bad record.
func (c *Costs) of(a Action) (good, bad float64) {
	switch a {
	case Observe:
		return c.Watch, c.Watch + float64(c.Miss()*(1-c.WatchAverts))
	case Review:
		return c.ReviewCost(), c.ReviewCost() + float64(c.Miss()*(1-c.ReviewAverts))
	case Challenge:
		return c.Ask + float64((1-c.PassGood)*c.WrongBlock()), c.Ask + float64(c.PassBad*c.Miss())
	case Block:
		return c.WrongBlock(), 0
	}
	return 0, c.Miss()
}

// Choose returns the action of least expected cost for one record that is bad with probability p, and that cost. Of equally
// dear actions it is the mildest. Where a calibrated probability would block or challenge and this one may not (see Basis),
// a person decides: the action is Review.
func (c *Costs) Choose(p float64, b Basis) (Action, float64) {
	best := c.cheapest(p)
	if b != Calibrated && best >= Challenge {
		best = Review
	}
	return best, c.Expected(best, p)
}

func (c *Costs) cheapest(p float64) Action {
	best, least := Allow, c.Expected(Allow, p)
	for a := Observe; a <= Block; a++ {
		if !c.Actions[a] {
			continue
		}
		if e := c.Expected(a, p); e < least {
			best, least = a, e
		}
	}
	return best
}

// A Step is a range of probabilities with one action.
type Step struct {
	From   float64 // up to the next step's From, or 1
	Action Action
}

// Steps returns which action Choose takes from which probability on, the first from 0: the lower envelope of the actions'
// lines.
func (c *Costs) Steps(b Basis) []Step {
	ps := []float64{0, 1}
	for x := Allow; x <= Block; x++ {
		for y := x + 1; y <= Block; y++ {
			xg, xb := c.of(x)
			yg, yb := c.of(y)
			// Where the lines cross: xg + p(xb−xg) = yg + p(yb−yg).
			if d := (xb - xg) - (yb - yg); d != 0 {
				if p := (yg - xg) / d; p > 0 && p < 1 {
					ps = append(ps, p)
				}
			}
		}
	}
	slices.SortFunc(ps, cmp.Compare[float64])
	ps = slices.Compact(ps)
	var steps []Step
	for i := range ps[:len(ps)-1] {
		a, _ := c.Choose((ps[i]+ps[i+1])/2, b) // within a piece nothing changes
		if len(steps) == 0 || steps[len(steps)-1].Action != a {
			steps = append(steps, Step{ps[i], a})
		}
	}
	return steps
}

// Threshold returns the probability from which blocking is cheaper than allowing, if these two were all: G/(G+L). It is 1
// where letting through costs nothing.
func (c *Costs) Threshold() float64 {
	g, l := c.WrongBlock(), c.Miss()
	if l == 0 || math.IsInf(g, 1) {
		return 1
	}
	return g / (g + l)
}
