package decide

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"weir/internal/eval"
)

// A Money is an amount with its 95 % interval.
type Money struct{ Value, Low, High float64 }

// A CurvePoint is what it costs to block every record with at least a probability.
type CurvePoint struct {
	Threshold   float64 // more than 1 where nothing is blocked
	Cost        Money
	GoodBlocked int64 // records
	BadThrough  int64
}

// A PolicyCost is what one policy costs over all records.
type PolicyCost struct {
	Name        string // NeverBlock, ByDefault or ByCost
	Cost        Money
	Actions     [Block + 1][2]int64 // records by action and label, good first
	GoodBlocked float64             // records; of those that are challenged, the share that does not pass
	Clients     int64               // entities with a good record that is blocked
	BadThrough  float64             // records, as shares where an action averts a share
}

// Names of the three policies.
const (
	NeverBlock = "never block"
	ByDefault  = "block by default"
	ByCost     = "by cost"
)

// A Class is what holds for the records of one rule.
type Class struct {
	Name      string // of the rule; "" where none matches
	Good, Bad int64
	Steps     []Step  // actions by probability
	Threshold float64 // from which blocking is cheaper than allowing, if these two were all
}

// A Curve is the expected cost of blocking by record, and of the three policies, on records with known labels.
type Curve struct {
	Currency      string // "" is in wrong blocks
	Basis         Basis
	Good, Bad     int64
	Entities      int64         // distinct; an estimate above 65,536
	GoodEntities  int64         // those with a good record
	Points        []CurvePoint  // by rising threshold, from blocking all to blocking nothing
	Best          CurvePoint    // the cheapest common threshold, in hindsight
	Classes       []Class       // those with records, by rule, no rule first
	Policies      [3]PolicyCost // never block, by default, by cost
	BlockAll      Money
	Threshold     float64 // the policy's own where no rule matches
	Chosen        Money   // of blocking at the policy's own thresholds, and doing nothing else
	Possible      float64 // least cost of any thresholds, one for each rule, in hindsight
	Regret        float64 // (Chosen − Possible) / min(never block, block all); 0 if that is nothing
	SavesNever    Money   // what by cost saves against never blocking, in the same resamples
	SavesDefault  Money   // and against blocking by default
	Senders       bool    // the policy says what lost sessions or clients cost, which is in none of the figures: Replay has it
	Sensitivities []Sensitivity
	Resamples     int
	Warnings      []string

	unmet []int // rules without records
}

// WithoutSenders says, where Curve.Senders is true, what the figures leave out.
const WithoutSenders = "These are costs of single requests: what a client who stays away and a session that is cut off cost is not among them. " +
	"'weir replay' blocks senders, and counts it."

// CurveOptions of NewCurve. The zero value is the default.
type CurveOptions struct {
	Seed      uint64
	Resamples int // at most; 0 means 400
}

const (
	mostResamples = 400
	leastResample = 40
	resampleSteps = 300_000_000 // cells looked at in all: about a second
	mostPoints    = 400
	fewSenders    = 20
)

// NewCurve lays out what the samples of a tally cost. Costs are those that the labels make, not those that probabilities
// expect: a sum over records of what the action that was taken costs for a record with that label.
//
// Intervals are those of 95 % of resamples in which each entity's records come together (Poisson bootstrap: Chamandy,
// Muralidharan, Najmi and Naidu 2012); beyond 1,024 entities, those of 1,024 shares of them. The same tally and seed give
// the same result.
func NewCurve(t *Tally, o CurveOptions) (*Curve, error) {
	l := t.layOut()
	if l.good+l.bad == 0 {
		return nil, errors.New("cannot tell what a policy costs without labelled records")
	}
	c := &Curve{Currency: t.policy.Currency, Basis: t.basis, Good: l.good, Bad: l.bad, Entities: t.senders.count(),
		GoodEntities: t.clients[0].count(), Threshold: t.policy.Costs.Threshold()}
	for i := range t.classes {
		k := &t.classes[i]
		c.Senders = c.Senders || k.costs.Session > 0 || k.costs.Client > 0
		if x := (Class{Good: l.classGood[i], Bad: l.classBad[i], Steps: k.costs.Steps(t.basis), Threshold: k.costs.Threshold()}); x.Good+x.Bad > 0 {
			if i > 0 {
				x.Name = t.policy.Rules[i-1].Name
			}
			c.Classes = append(c.Classes, x)
		} else if i > 0 {
			c.unmet = append(c.unmet, i-1)
		}
	}
	every := l.sums(nil)
	c.policies(t, l)
	c.curve(t, l, every)
	c.intervals(t, l, every, o)
	c.Sensitivities = l.sensitivities(t)
	c.warn(t)
	return c, nil
}

// A layout is a tally in an order.
type layout struct {
	t                   *Tally
	keys                []cellKey
	cells               []*counts
	thresholds          []float64 // of the curve
	at                  [][]int   // by class and bin: the first threshold that does not block the bin
	good, bad           int64
	classGood, classBad []int64
}

func (t *Tally) layOut() *layout {
	l := &layout{t: t, classGood: make([]int64, len(t.classes)), classBad: make([]int64, len(t.classes))}
	for key := range t.cells {
		l.keys = append(l.keys, key)
	}
	slices.SortFunc(l.keys, func(a, b cellKey) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.bin, b.bin), cmp.Compare(a.bucket, b.bucket))
	})
	var used []float64
	for _, key := range l.keys {
		c := t.cells[key]
		l.cells = append(l.cells, c)
		l.good, l.bad = l.good+int64(c.good), l.bad+int64(c.bad)
		l.classGood[key.rule] += int64(c.good)
		l.classBad[key.rule] += int64(c.bad)
		used = append(used, t.classes[key.rule].edges[key.bin])
	}
	l.thresholds = thinned(used, t)
	for i := range t.classes {
		edges := t.classes[i].edges
		at := make([]int, len(edges))
		for bin, from := range edges {
			at[bin], _ = slices.BinarySearch(l.thresholds, math.Nextafter(from, 2))
		}
		l.at = append(l.at, at)
	}
	return l
}

// thinned returns the thresholds of the curve: where bins with records begin, at most mostPoints of them, the policy's own,
// 0 and one above 1.
func thinned(used []float64, t *Tally) []float64 {
	slices.Sort(used)
	used = slices.Compact(used)
	if n := len(used); n > mostPoints {
		var some []float64
		for i := range mostPoints {
			some = append(some, used[i*n/mostPoints])
		}
		used = some
	}
	for i := range t.classes {
		used = append(used, t.classes[i].costs.Threshold())
	}
	used = append(used, 0, 2)
	slices.Sort(used)
	return slices.Compact(used)
}

// What a policy costs, as an index into sums.
const (
	ofNever = iota
	ofDefault
	ofCost
	ofAll
	ofChosen
	ofPolicies
)

// A total holds costs of all policies and of the curve's thresholds.
type total struct {
	policies [ofPolicies]float64
	curve    []float64
}

// sums adds up costs, each entity's as often as its bucket is drawn; nil counts each once.
func (l *layout) sums(times []uint8) *total {
	s := &total{curve: make([]float64, len(l.thresholds))}
	start := 0.0
	for i, c := range l.cells {
		key := l.keys[i]
		n := 1.0
		if times != nil {
			if n = float64(times[key.bucket]); n == 0 {
				continue
			}
		}
		k := &l.t.classes[key.rule]
		good, bad := float64(n*float64(c.good)), float64(n*float64(c.bad))
		g, m := k.costs.WrongBlock(), k.costs.Miss()
		all, never := float64(good*g), float64(bad*m)
		s.policies[ofNever] += never
		s.policies[ofAll] += all
		s.policies[ofDefault] += float64(float64(n*float64(c.goodCalled))*g) + float64(float64(n*float64(c.bad-c.badCalled))*m)
		ifGood, ifBad := k.costs.of(k.actions[key.bin])
		s.policies[ofCost] += float64(good*ifGood) + float64(bad*ifBad)
		if int(key.bin) >= k.block {
			s.policies[ofChosen] += all
		} else {
			s.policies[ofChosen] += never
		}
		// A threshold up to the bin's start blocks it; from the next on it is let through.
		start += all
		s.curve[l.at[key.rule][key.bin]] += never - all
	}
	for i := range s.curve {
		start += s.curve[i]
		s.curve[i] = start
	}
	return s
}

// policies fills in what the three policies do.
func (c *Curve) policies(t *Tally, l *layout) {
	for i, name := range []string{NeverBlock, ByDefault, ByCost} {
		c.Policies[i].Name = name
	}
	never, byDefault, byCost := &c.Policies[ofNever], &c.Policies[ofDefault], &c.Policies[ofCost]
	for i, x := range l.cells {
		k := &t.classes[l.keys[i].rule]
		a := k.actions[l.keys[i].bin]
		never.Actions[Allow][0] += int64(x.good)
		never.Actions[Allow][1] += int64(x.bad)
		byDefault.Actions[Block][0] += int64(x.goodCalled)
		byDefault.Actions[Block][1] += int64(x.badCalled)
		byDefault.Actions[Allow][0] += int64(x.good - x.goodCalled)
		byDefault.Actions[Allow][1] += int64(x.bad - x.badCalled)
		byCost.Actions[a][0] += int64(x.good)
		byCost.Actions[a][1] += int64(x.bad)
		blocked, through := k.costs.shares(a)
		byCost.GoodBlocked += float64(float64(x.good) * blocked)
		byCost.BadThrough += float64(float64(x.bad) * through)
	}
	never.BadThrough = float64(l.bad)
	byDefault.GoodBlocked = float64(byDefault.Actions[Block][0])
	byDefault.BadThrough = float64(byDefault.Actions[Allow][1])
	byDefault.Clients, byCost.Clients = t.clients[1].count(), t.clients[2].count()
}

// shares returns which share of good an action keeps out and which share of the loss by bad it lets happen.
func (c *Costs) shares(a Action) (blocked, through float64) {
	switch a {
	case Observe:
		return 0, 1 - c.WatchAverts
	case Review:
		return 0, 1 - c.ReviewAverts
	case Challenge:
		return 1 - c.PassGood, c.PassBad
	case Block:
		return 1, 0
	}
	return 0, 1
}

// curve fills in the points, the best of them, and what hindsight would have made possible.
func (c *Curve) curve(t *Tally, l *layout, s *total) {
	n := len(l.thresholds)
	goodBlocked, badThrough := make([]int64, n), make([]int64, n)
	blocked, through := l.good, int64(0)
	for i, x := range l.cells {
		at := l.at[l.keys[i].rule][l.keys[i].bin]
		goodBlocked[at] -= int64(x.good)
		badThrough[at] += int64(x.bad)
	}
	for i, from := range l.thresholds {
		blocked, through = blocked+goodBlocked[i], through+badThrough[i]
		p := CurvePoint{from, Money{Value: s.curve[i]}, blocked, through}
		c.Points = append(c.Points, p)
		if i == 0 || p.Cost.Value < c.Best.Cost.Value {
			c.Best = p
		}
	}
	// Of each class by itself.
	for from := 0; from < len(l.keys); {
		rule := l.keys[from].rule
		k := &t.classes[rule]
		g, m := k.costs.WrongBlock(), k.costs.Miss()
		cost := float64(float64(l.classGood[rule]) * g) // all blocked
		least := cost
		to := from
		for to < len(l.keys) && l.keys[to].rule == rule {
			for bin := l.keys[to].bin; to < len(l.keys) && l.keys[to].rule == rule && l.keys[to].bin == bin; to++ {
				cost += float64(float64(l.cells[to].bad)*m) - float64(float64(l.cells[to].good)*g)
			}
			least = min(least, cost)
		}
		c.Possible += max(least, 0)
		from = to
	}
	c.Chosen.Value = s.policies[ofChosen]
	c.Possible = min(c.Possible, c.Chosen.Value)
	if worth := min(s.policies[ofNever], s.policies[ofAll]); worth > 0 {
		c.Regret = (c.Chosen.Value - c.Possible) / worth
	}
}

// intervals resamples entities.
func (c *Curve) intervals(t *Tally, l *layout, every *total, o CurveOptions) {
	n := o.Resamples
	if n <= 0 {
		n = mostResamples
	}
	n = min(n, max(leastResample, resampleSteps/max(1, len(l.cells))))
	c.Resamples = n
	times := make([]uint8, buckets)
	drawn := make([]*total, n)
	for b := range n {
		for g := range times {
			times[g] = eval.Draw(o.Seed, b, g)
		}
		drawn[b] = l.sums(times)
	}
	x := make([]float64, n)
	within := func(of func(*total) float64) Money {
		for b, d := range drawn {
			x[b] = of(d)
		}
		slices.Sort(x)
		v := of(every)
		return Money{v, min(v, x[int(.025*float64(n))]), max(v, x[int(.975*float64(n))])}
	}
	policy := func(i int) Money { return within(func(s *total) float64 { return s.policies[i] }) }
	for i := range c.Policies {
		c.Policies[i].Cost = policy(i)
	}
	c.BlockAll, c.Chosen = policy(ofAll), policy(ofChosen)
	c.SavesNever = within(func(s *total) float64 { return s.policies[ofNever] - s.policies[ofCost] })
	c.SavesDefault = within(func(s *total) float64 { return s.policies[ofDefault] - s.policies[ofCost] })
	for i := range c.Points {
		p := &c.Points[i]
		p.Cost = within(func(s *total) float64 { return s.curve[i] })
		if p.Threshold == c.Best.Threshold {
			c.Best = *p
		}
	}
}

// Cheapest returns the policy that costs least; of equal ones, that which does least.
func (c *Curve) Cheapest() *PolicyCost {
	best := &c.Policies[0]
	for i := range c.Policies {
		if c.Policies[i].Cost.Value < best.Cost.Value {
			best = &c.Policies[i]
		}
	}
	return best
}

// warn says what the figures rest on where that is little.
func (c *Curve) warn(t *Tally) {
	say := func(format string, args ...any) { c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...)) }
	least := int64(max(1, t.policy.Least))
	switch {
	case c.Bad == 0:
		say("there are no bad records, so nothing can be lost by letting all through: name some with --truth or --bad")
	case c.Good == 0:
		say("there are no good records, so blocking all is free: name some with --truth or --good")
	case c.Bad < least:
		say("only %d bad records: what letting them through costs is rough", c.Bad)
	case c.Good < least:
		say("only %d good records: what blocking them costs is rough", c.Good)
	}
	if c.Entities < fewSenders && c.Good+c.Bad > 0 {
		say("few senders (%d), so the intervals say little", c.Entities)
	}
	if c.Basis != Calibrated {
		say("%s", c.Basis.why())
	}
	reviews := c.Policies[ofCost].Actions[Review]
	if reviews[0]+reviews[1] > 0 && t.policy.Costs.ReviewCost() == 0 {
		say("reviews cost nothing here, so the cost of a person's time is missing: state minute and minutes in the policy")
	}
	for _, i := range c.unmet {
		say("no labelled record meets the rule %q (line %d of the policy): does its condition fit, or does a rule above take all that it fits?",
			cut(t.policy.Rules[i].Name), t.policy.Rules[i].Line)
	}
}

// why says why a probability with this basis does not block.
func (b Basis) why() string {
	switch b {
	case Mixture:
		return "the probabilities are of a hunt without labels (mixture): nothing is blocked or challenged by them, a person reviews"
	case Few:
		return "the probabilities rest on too few labelled records: nothing is blocked or challenged by them, a person reviews"
	case Drifted:
		return "the records have changed since the filter was trained: nothing is blocked or challenged by it, a person reviews; train on newer examples"
	}
	return ""
}
