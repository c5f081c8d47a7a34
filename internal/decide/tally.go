package decide

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"weir/internal/bayes"
)

// A Sample is a record with a known label and the probability that it was given.
type Sample struct {
	Probability float64 // of bad, 0 to 1
	Bad         bool
	Called      bool   // the filter does not call it good, so that whoever blocks by default would block it
	Entity      uint64 // hash of who sent it; records of one entity are one witness
	Rule        int    // of the policy, whose costs hold for it, as CostsOf says; −1 for none
	Count       uint32 // records like it; 0 means 1
}

// A Tally counts samples by what they cost: by rule, range of probability, label and share of entities. It takes the same
// memory for any number of samples, at most about 60 MB a rule and far less in practice, and its counts are integers, so
// tallies of parts merge to that of the whole. It belongs to one goroutine.
type Tally struct {
	policy  *Policy
	basis   Basis
	classes []costClass // by rule + 1
	cells   map[cellKey]*counts
	clients [3]sketch // good ones: all, blocked by default, blocked by cost
	senders sketch
}

// A costClass is what one set of costs makes of probabilities.
type costClass struct {
	costs   *Costs
	edges   []float64 // of probability, rising from 0: bin i holds those from edges[i] up to edges[i+1] or 1
	actions []Action  // by bin, as Choose has them
	block   int       // first bin from which blocking is cheaper than allowing
}

// A cellKey says where a sample counts.
type cellKey struct {
	rule   int32
	bin    uint16
	bucket uint16
}

// counts are of records, by label.
type counts struct{ good, bad, goodCalled, badCalled uint64 }

const (
	binsBy  = 32   // bins to a nat of log-odds
	binsTo  = 16   // nats, either side
	buckets = 1024 // shares of entities, by hash, that are resampled
)

// NewTally returns an empty tally for a policy. The basis is that of all probabilities.
func NewTally(p *Policy, b Basis) *Tally {
	t := &Tally{policy: p, basis: b, cells: map[cellKey]*counts{}}
	t.classes = append(t.classes, newCostClass(&p.Costs, b))
	for i := range p.Rules {
		t.classes = append(t.classes, newCostClass(&p.Rules[i].Costs, b))
	}
	return t
}

// newCostClass cuts probabilities evenly in log-odds, and where the action changes, so that a bin has one action.
func newCostClass(c *Costs, b Basis) costClass {
	k := costClass{costs: c}
	threshold := c.Threshold()
	k.edges = append(k.edges, 0, threshold)
	for i := -binsTo * binsBy; i <= binsTo*binsBy; i++ {
		k.edges = append(k.edges, bayes.Logistic(float64(i)/binsBy))
	}
	for _, of := range []Basis{Calibrated, Mixture} {
		for _, s := range c.Steps(of) {
			k.edges = append(k.edges, s.From)
		}
	}
	slices.SortFunc(k.edges, cmp.Compare[float64])
	k.edges = slices.Compact(k.edges)
	k.block = sort.SearchFloat64s(k.edges, threshold)
	k.decide(b)
	return k
}

// decide sets the actions.
func (k *costClass) decide(b Basis) {
	steps := k.costs.Steps(b)
	k.actions = make([]Action, len(k.edges))
	for i, from := range k.edges {
		n := sort.Search(len(steps), func(n int) bool { return steps[n].From > from }) // ≥ 1: the first step is from 0
		k.actions[i] = steps[n-1].Action
	}
}

// Rebase says anew what the probabilities rest on: that they cannot be taken at their word may show only while they are read.
// Nothing that could not block can block afterwards.
func (t *Tally) Rebase(b Basis) {
	if t.basis != Calibrated || b == Calibrated {
		return
	}
	t.basis = b
	for i := range t.classes {
		t.classes[i].decide(b)
	}
	t.clients[2] = sketch{}
}

func (k *costClass) bin(p float64) int {
	return sort.Search(len(k.edges), func(i int) bool { return k.edges[i] > p }) - 1
}

// middle is a probability within a bin.
func (k *costClass) middle(bin int) float64 {
	if bin+1 < len(k.edges) {
		return (k.edges[bin] + k.edges[bin+1]) / 2
	}
	return (k.edges[bin] + 1) / 2
}

// Add counts a sample. Its probability is taken to the nearest of 0 and 1 if it is beyond, and NaN counts as 1: what cannot
// be judged is not called good.
func (t *Tally) Add(s Sample) {
	p := min(max(s.Probability, 0), 1)
	if p != p {
		p = 1
	}
	rule := s.Rule + 1
	if rule < 0 || rule >= len(t.classes) {
		rule = 0
	}
	k := &t.classes[rule]
	bin := k.bin(p)
	n := uint64(max(1, s.Count))
	h := scatter(s.Entity)
	key := cellKey{int32(rule), uint16(bin), uint16(h % buckets)}
	c := t.cells[key]
	if c == nil {
		c = &counts{}
		t.cells[key] = c
	}
	t.senders.add(h)
	switch {
	case s.Bad:
		c.bad += n
		if s.Called {
			c.badCalled += n
		}
		return
	case s.Called:
		c.goodCalled += n
		t.clients[1].add(h)
	}
	c.good += n
	t.clients[0].add(h)
	if k.actions[bin] == Block {
		t.clients[2].add(h)
	}
}

// Merge adds the samples of o, a tally for the same policy and basis.
func (t *Tally) Merge(o *Tally) {
	for key, c := range o.cells { // integers: the order makes no difference
		if have := t.cells[key]; have == nil {
			t.cells[key] = c
		} else {
			have.good += c.good
			have.bad += c.bad
			have.goodCalled += c.goodCalled
			have.badCalled += c.badCalled
		}
	}
	for i := range t.clients {
		t.clients[i].merge(&o.clients[i])
	}
	t.senders.merge(&o.senders)
}

// scatter is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A sketch counts distinct hashes: exactly up to mostHashes, then by those that it keeps, which begin with level zero bits.
// Which these are depends on the hashes alone.
type sketch struct {
	level uint
	kept  map[uint64]struct{}
}

const mostHashes = 1 << 16

func (s *sketch) add(h uint64) {
	if s.level > 0 && h>>(64-s.level) != 0 {
		return
	}
	if s.kept == nil {
		s.kept = map[uint64]struct{}{}
	}
	s.kept[h] = struct{}{}
	for len(s.kept) > mostHashes {
		s.raise(s.level + 1)
	}
}

func (s *sketch) raise(level uint) {
	s.level = level
	for h := range s.kept {
		if h>>(64-level) != 0 {
			delete(s.kept, h)
		}
	}
}

func (s *sketch) merge(o *sketch) {
	if o.level > s.level {
		s.raise(o.level)
	}
	for h := range o.kept {
		s.add(h)
	}
}

// count is the number of distinct hashes, within about 1 % where there are more than mostHashes.
func (s *sketch) count() int64 { return int64(len(s.kept)) << s.level }

// LogOdds returns ln(p/(1−p)): −Inf for 0, +Inf from 1 on.
func LogOdds(p float64) float64 {
	switch {
	case p <= 0:
		return math.Inf(-1)
	case p >= 1:
		return math.Inf(1)
	}
	return float64((bayes.Log2(p) - bayes.Log2(1-p)) * math.Ln2)
}

// Probability returns the probability with these log-odds.
func Probability(odds float64) float64 { return bayes.Logistic(odds) }
