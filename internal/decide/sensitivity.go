package decide

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/bayes"
)

// A Sensitivity says how far one number of the policy may be off before the answer is another.
type Sensitivity struct {
	Name  string  // of the number, as in a policy file; "ratio" for a policy that was made of one
	Value float64 // where no rule says otherwise
	// The number may be this much smaller (Down ≤ 1) or larger (Up ≥ 1) than stated, with the policy's actions as they are,
	// before another of the three policies is the cheapest, which is named; 0 and +Inf: however far.
	Down, Up                 float64
	DownCheapest, UpCheapest string
	// ActsDown and ActsUp are the same for the actions: beyond, those that were chosen cost 5 % more than those that the
	// right number would choose.
	ActsDown, ActsUp float64
	// Elasticity is by how many percent the policy's cost rises if the number rises by one.
	Elasticity float64
}

const (
	furthest    = 10      // powers of two that a number is moved, either way
	perDoubling = 4       // steps
	material    = 1.05    // of cost: where the actions should have been others
	nudge       = 1. / 64 // for elasticities
)

// numbersOf are those of a policy that bear on a record.
var numbersOf = []struct {
	name  string
	share bool // at most 1
	of    func(*Costs) *float64
}{
	{"breach", false, func(c *Costs) *float64 { return &c.Breach }},
	{"success", true, func(c *Costs) *float64 { return &c.Success }},
	{"request", false, func(c *Costs) *float64 { return &c.Request }},
	{"complaint", false, func(c *Costs) *float64 { return &c.Complaint }},
	{"complaint share", true, func(c *Costs) *float64 { return &c.ComplaintShare }},
	{"ask", false, func(c *Costs) *float64 { return &c.Ask }},
	{"passes, good", true, func(c *Costs) *float64 { return &c.PassGood }},
	{"passes, bad", true, func(c *Costs) *float64 { return &c.PassBad }},
	{"watch", false, func(c *Costs) *float64 { return &c.Watch }},
	{"watching averts", true, func(c *Costs) *float64 { return &c.WatchAverts }},
	{"minute", false, func(c *Costs) *float64 { return &c.Minute }},
	{"minutes", false, func(c *Costs) *float64 { return &c.Minutes }},
	{"review averts", true, func(c *Costs) *float64 { return &c.ReviewAverts }},
}

// A load is what a class holds in one bin.
type load struct {
	class, bin                       int
	good, bad, goodCalled, badCalled float64
}

// loads are the cells without their buckets.
func (l *layout) loads() []load {
	var out []load
	for i, c := range l.cells {
		key := l.keys[i]
		if n := len(out); n == 0 || out[n-1].class != int(key.rule) || out[n-1].bin != int(key.bin) {
			out = append(out, load{class: int(key.rule), bin: int(key.bin)})
		}
		x := &out[len(out)-1]
		x.good += float64(c.good) // whole numbers
		x.bad += float64(c.bad)
		x.goodCalled += float64(c.goodCalled)
		x.badCalled += float64(c.badCalled)
	}
	return out
}

// sensitivities tries every number of the policy, in all rules at once, the one that matters most first: the one that may be
// off least, by what makes another policy the cheapest or other actions right; then the one with the steepest cost.
func (l *layout) sensitivities(t *Tally) []Sensitivity {
	loads := l.loads()
	var out []Sensitivity
	for n := range numbersOf {
		x := &numbersOf[n]
		used := false
		for i := range t.classes {
			used = used || *x.of(t.classes[i].costs) != 0
		}
		if !used || t.policy.Currency == "" && len(t.policy.Rules) == 0 && x.name != "breach" {
			continue // of a ratio, one number says it all
		}
		if s, matters := l.sensitivity(t, loads, n); matters {
			if t.policy.Currency == "" && x.name == "breach" {
				s.Name = "ratio"
			}
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Sensitivity) int {
		return cmp.Or(cmp.Compare(a.room(), b.room()), cmp.Compare(math.Abs(b.Elasticity), math.Abs(a.Elasticity)))
	})
	return out
}

// room is the least factor, either way, that changes something.
func (s *Sensitivity) room() float64 {
	return min(s.Up, s.ActsUp, inverse(s.Down), inverse(s.ActsDown))
}

func inverse(x float64) float64 {
	if x == 0 {
		return math.Inf(1)
	}
	return 1 / x
}

// sensitivity moves one number both ways. It does not matter if no policy's cost depends on it and no action would.
func (l *layout) sensitivity(t *Tally, loads []load, number int) (Sensitivity, bool) {
	x := &numbersOf[number]
	s := Sensitivity{Name: x.name, Value: *x.of(&t.policy.Costs), Up: math.Inf(1), ActsUp: math.Inf(1)}
	base := l.judged(t, loads, number, 1)
	most := math.Inf(1) // a share cannot be more than 1
	if x.share {
		for i := range t.classes {
			if v := *x.of(t.classes[i].costs); v > 0 {
				most = min(most, 1/v)
			}
		}
	}
	matters := false
	for _, way := range []float64{1, -1} {
		cheapest, acts := 0., 0. // the last factors at which nothing had changed
		name := ""
		last := 1.
		for step := 1; step <= furthest*perDoubling && (cheapest == 0 || acts == 0); step++ {
			f := bayes.Exp2(way * float64(step) / perDoubling)
			if f > most {
				break
			}
			j := l.judged(t, loads, number, f)
			matters = matters || j.costs != base.costs
			if cheapest == 0 && j.cheapest() != base.cheapest() {
				name = policyNames[j.cheapest()]
				cheapest = l.between(t, loads, number, last, f, func(j judged) bool { return j.cheapest() == base.cheapest() })
			}
			if acts == 0 && !j.fits() {
				acts = l.between(t, loads, number, last, f, judged.fits)
			}
			last = f
		}
		switch {
		case way > 0:
			s.UpCheapest = name
			if cheapest != 0 {
				s.Up = cheapest
			}
			if acts != 0 {
				s.ActsUp = acts
			}
		default:
			s.Down, s.DownCheapest, s.ActsDown = cheapest, name, acts
		}
	}
	if base.costs[ofCost] > 0 {
		less := l.judged(t, loads, number, 1-nudge) // costs are linear in each number
		s.Elasticity = (base.costs[ofCost] - less.costs[ofCost]) / (nudge * base.costs[ofCost])
	}
	return s, matters
}

var policyNames = [...]string{NeverBlock, ByDefault, ByCost}

// between returns the factor, from one where ok holds to one where it does not, at which it ceases to.
func (l *layout) between(t *Tally, loads []load, number int, from, to float64, ok func(judged) bool) float64 {
	for range 12 {
		mid := (from + to) / 2
		if ok(l.judged(t, loads, number, mid)) {
			from = mid
		} else {
			to = mid
		}
	}
	return from
}

// judged is what policies cost if one number is in truth another than the policy says.
type judged struct {
	costs  [3]float64 // never, default, and the actions that the policy chose
	better float64    // the actions that the true number would choose
}

func (j judged) cheapest() int {
	best := ofNever
	for i, c := range j.costs {
		if c < j.costs[best] {
			best = i
		}
	}
	return best
}

func (j judged) fits() bool {
	return j.costs[ofCost] <= material*j.better || j.better >= j.costs[ofCost]
}

// judged prices what was done at costs in which one number is factor times what the policy says.
func (l *layout) judged(t *Tally, loads []load, number int, factor float64) (j judged) {
	x := &numbersOf[number]
	class, costs := -1, Costs{}
	for i := range loads {
		b := &loads[i]
		k := &t.classes[b.class]
		if b.class != class {
			class, costs = b.class, *k.costs
			*x.of(&costs) *= factor
		}
		g, m := costs.WrongBlock(), costs.Miss()
		j.costs[ofNever] += float64(b.bad * m)
		j.costs[ofDefault] += float64(b.goodCalled*g) + float64((b.bad-b.badCalled)*m)
		good, bad := costs.of(k.actions[b.bin])
		j.costs[ofCost] += float64(b.good*good) + float64(b.bad*bad)
		a, _ := costs.Choose(k.middle(b.bin), t.basis)
		good, bad = costs.of(a)
		j.better += float64(b.good*good) + float64(b.bad*bad)
	}
	return j
}
