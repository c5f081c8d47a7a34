package decide

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// drawn are samples whose probabilities are what they say, of so many senders.
func drawn(r *rand.Rand, n, senders int) []Sample {
	out := make([]Sample, n)
	for i := range out {
		p := Probability(r.NormFloat64()*4 - 3)
		out[i] = Sample{Probability: p, Bad: r.Float64() < p, Called: p >= .5, Entity: uint64(r.IntN(senders) + 1), Rule: -1}
	}
	return out
}

func tallied(p *Policy, b Basis, samples []Sample) *Tally {
	t := NewTally(p, b)
	for _, s := range samples {
		t.Add(s)
	}
	return t
}

func curveOf(t *testing.T, tally *Tally) *Curve {
	t.Helper()
	c, err := NewCurve(tally, CurveOptions{Seed: 1, Resamples: 60})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// near allows for the order of sums.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) }

// TestCurveAgainstRecords: what the curve and the policies cost is what adding up record by record gives.
func TestCurveAgainstRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for _, ratio := range []float64{1, 20, 1000} {
		p := FromRatio(ratio)
		p.Costs.Minute, p.Costs.Minutes, p.Costs.ReviewAverts = 1, 2, .8
		p.Costs.Ask, p.Costs.PassGood, p.Costs.PassBad = .2, .9, .3
		for a := range p.Costs.Actions {
			p.Costs.Actions[a] = true
		}
		samples := drawn(r, 3000, 200)
		c := curveOf(t, tallied(p, Calibrated, samples))
		var never, byDefault, byCost, all, chosen, blocked float64
		for _, s := range samples {
			g, m := 0., p.Costs.Miss()
			if !s.Bad {
				g, m = p.Costs.WrongBlock(), 0
			}
			never, all = never+m, all+g
			if s.Called {
				byDefault += g
			} else {
				byDefault += m
			}
			if s.Probability >= p.Costs.Threshold() {
				chosen += g
			} else {
				chosen += m
			}
			a, _ := p.Costs.Choose(s.Probability, Calibrated)
			good, bad := p.Costs.of(a)
			if s.Bad {
				byCost += bad
			} else {
				byCost += good
				share, _ := p.Costs.shares(a)
				blocked += share
			}
		}
		got := []float64{c.Policies[0].Cost.Value, c.Policies[1].Cost.Value, c.Policies[2].Cost.Value, c.BlockAll.Value, c.Chosen.Value, c.Policies[2].GoodBlocked}
		for i, want := range []float64{never, byDefault, byCost, all, chosen, blocked} {
			if !near(got[i], want) {
				t.Errorf("ratio %v, figure %d: %v, by record %v", ratio, i, got[i], want)
			}
		}
		for _, x := range c.Points {
			want := 0.
			for _, s := range samples {
				switch {
				case s.Probability >= x.Threshold && !s.Bad:
					want += p.Costs.WrongBlock()
				case s.Probability < x.Threshold && s.Bad:
					want += p.Costs.Miss()
				}
			}
			if !near(x.Cost.Value, want) {
				t.Fatalf("ratio %v at %v: %v, by record %v", ratio, x.Threshold, x.Cost.Value, want)
			}
			if x.Cost.Low > x.Cost.Value || x.Cost.High < x.Cost.Value || x.Cost.Value < c.Best.Cost.Value {
				t.Fatalf("%+v, best %+v", x, c.Best)
			}
		}
		if c.Regret < 0 || !near(c.Regret, (chosen-c.Possible)/min(never, all)) || c.Possible > c.Best.Cost.Value+1e-6 {
			t.Errorf("regret %v, possible %v, best %v", c.Regret, c.Possible, c.Best.Cost.Value)
		}
		// Probabilities that are what they say lead to nearly the best.
		if ratio <= 20 && c.Regret > .05 {
			t.Errorf("ratio %v: regret %v of honest probabilities", ratio, c.Regret)
		}
	}
}

// TestTallyMerges: any parts in any order give the same curve.
func TestTallyMerges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := FromRatio(50)
	samples := drawn(r, 5000, 3000)
	want := curveOf(t, tallied(p, Calibrated, samples))
	r.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	sum := NewTally(p, Calibrated)
	for from := 0; from < len(samples); from += 1250 {
		sum.Merge(tallied(p, Calibrated, samples[from:from+1250]))
	}
	if got := curveOf(t, sum); !reflect.DeepEqual(got, want) {
		t.Error("parts in another order give another curve")
	}
}

// TestCurveIntervals: of curves over new senders, about 95 in 100 have the true mean in the interval. Senders come with all
// their records, so that intervals that took records for witnesses would be too narrow.
func TestCurveIntervals(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	p := FromRatio(10)
	inside, runs := 0, 150
	// A sender is bad with .3 and sends 20 records with p = .02: never blocking costs 10 for each bad record.
	const truth = 100 * .3 * 20 * 10
	for range runs {
		tally := NewTally(p, Calibrated)
		for sender := range 100 {
			tally.Add(Sample{Probability: .02, Bad: r.Float64() < .3, Entity: r.Uint64() + uint64(sender), Rule: -1, Count: 20})
		}
		c, err := NewCurve(tally, CurveOptions{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if x := c.Policies[0].Cost; x.Low <= truth && truth <= x.High {
			inside++
		}
	}
	if inside < runs*88/100 {
		t.Errorf("%d of %d intervals hold the true cost", inside, runs)
	}
}

// TestBasisNeverBlocks: what is not calibrated blocks and challenges nothing; it may turn out so after the records.
func TestBasisNeverBlocks(t *testing.T) {
	samples := drawn(rand.New(rand.NewPCG(9, 1)), 2000, 100)
	for _, b := range []Basis{Mixture, Few, Drifted} {
		c := curveOf(t, tallied(FromRatio(100), b, samples))
		n := c.Policies[2].Actions
		if n[Block] != [2]int64{} || n[Challenge] != [2]int64{} || n[Review] == [2]int64{} || c.Policies[2].Clients != 0 {
			t.Errorf("%s: %+v", b, c.Policies[2])
		}
		if len(c.Warnings) == 0 || !strings.Contains(strings.Join(c.Warnings, "; "), "a person reviews") {
			t.Errorf("%s: %q", b, c.Warnings)
		}
		late := tallied(FromRatio(100), Calibrated, samples)
		late.Rebase(b)
		if again := curveOf(t, late); !reflect.DeepEqual(again, c) {
			t.Errorf("%s found out late is another", b)
		}
	}
}

// TestRules: costs are those of the rule, and thresholds too.
func TestRules(t *testing.T) {
	p := FromRatio(10)
	dear := p.Costs
	dear.Request = 1000
	p.Rules = []Rule{{Name: "dear", Costs: dear}, {Name: "never met", Costs: dear}}
	c := curveOf(t, tallied(p, Calibrated, []Sample{
		{Probability: .5, Bad: true, Entity: 1, Rule: -1}, {Probability: .5, Entity: 2, Rule: -1},
		{Probability: .5, Entity: 3, Rule: 0, Count: 7}, {Probability: .5, Bad: true, Entity: 4, Rule: 0}}))
	// Blocked: those without a rule, at 1; let through: those of the rule, at 10.
	if x := c.Policies[2]; x.Cost.Value != 1+10 || x.Actions[Block] != [2]int64{1, 1} || x.Actions[Allow] != [2]int64{7, 1} {
		t.Errorf("%+v", x)
	}
	if len(c.Classes) != 2 || c.Classes[1].Name != "dear" || c.Classes[1].Good != 7 || c.Possible != 11 {
		t.Errorf("%+v, possible %v", c.Classes, c.Possible)
	}
	if !strings.Contains(strings.Join(c.Warnings, "; "), `no labelled record meets the rule "never met"`) {
		t.Errorf("%q", c.Warnings)
	}
}

// TestSensitivity: 100 good with p .01 and 1 bad let through, 10 bad with p .9 blocked; at a ratio of 10.
func TestSensitivity(t *testing.T) {
	c := curveOf(t, tallied(FromRatio(10), Calibrated, []Sample{
		{Probability: .01, Entity: 1, Rule: -1, Count: 100}, {Probability: .01, Bad: true, Entity: 2, Rule: -1},
		{Probability: .9, Bad: true, Called: true, Entity: 3, Rule: -1, Count: 10}, {Probability: .9, Called: true, Entity: 4, Rule: -1}}))
	if len(c.Sensitivities) != 1 || c.Sensitivities[0].Name != "ratio" {
		t.Fatalf("%+v", c.Sensitivities)
	}
	s := c.Sensitivities[0]
	// As stated: never 110, default and by cost 11. Never is the cheapest below 11 r < 1 + r, a ratio of .1.
	if s.DownCheapest != NeverBlock || math.Abs(s.Down-.01) > .002 {
		t.Errorf("%+v", s)
	}
	// By cost lets through what costs r and blocks what costs 1: it rises by 10/11 of a percent.
	if math.Abs(s.Elasticity-10./11) > 1e-9 {
		t.Errorf("elasticity %v", s.Elasticity)
	}
	// At p .01 blocking pays from a ratio of 99: then 100 + 1 against 1 + r, 5 % less from r > 105.05.
	if math.Abs(s.ActsUp-10.505) > .3 {
		t.Errorf("actions hold up to %v", s.ActsUp)
	}
}

func TestCurveEdges(t *testing.T) {
	if _, err := NewCurve(NewTally(FromRatio(1), Calibrated), CurveOptions{}); err == nil || !strings.Contains(err.Error(), "without labelled records") {
		t.Errorf("%v", err)
	}
	for name, s := range map[string]Sample{"bad": {Probability: 1, Bad: true, Rule: -1}, "good": {Probability: 0, Rule: -1}, "NaN": {Probability: math.NaN(), Rule: 99}} {
		c := curveOf(t, tallied(FromRatio(7), Calibrated, []Sample{s}))
		if c.Regret != 0 || len(c.Warnings) == 0 {
			t.Errorf("%s: regret %v, %q", name, c.Regret, c.Warnings)
		}
	}
	free := FromRatio(0)
	if c := curveOf(t, tallied(free, Calibrated, drawn(rand.New(rand.NewPCG(1, 1)), 100, 9))); c.Policies[2].Cost.Value != 0 || c.Threshold != 1 {
		t.Errorf("misses that cost nothing: %+v", c.Policies[2])
	}
}

// TestSketch: distinct hashes, exactly while they are few.
func TestSketch(t *testing.T) {
	var a, b sketch
	for i := range uint64(1000) {
		a.add(scatter(i))
		a.add(scatter(i))
	}
	if a.count() != 1000 {
		t.Errorf("%d of 1000", a.count())
	}
	for i := range uint64(300_000) {
		b.add(scatter(i + 500))
	}
	b.merge(&a)
	if n := float64(b.count()); math.Abs(n-300_500) > .02*300_500 {
		t.Errorf("%v of 300500", n)
	}
}

func BenchmarkTallyAdd(b *testing.B) {
	samples := drawn(rand.New(rand.NewPCG(1, 1)), 100_000, 20_000)
	t := NewTally(FromRatio(100), Calibrated)
	for i := range b.N {
		t.Add(samples[i%len(samples)])
	}
}
