package decide

import (
	"math/rand/v2"
	"testing"
)

// anyCosts are costs of all sizes, with any actions.
func anyCosts(r *rand.Rand) Costs {
	amount := func() float64 { return Probability(r.NormFloat64()*2) * 10 * float64(r.IntN(4)) }
	c := Costs{Request: amount(), Complaint: amount(), ComplaintShare: r.Float64(), Breach: 100 * amount(), Success: r.Float64(), Ask: amount(),
		PassGood: r.Float64(), PassBad: r.Float64(), Watch: amount(), WatchAverts: r.Float64(), Minute: amount(), Minutes: amount(), ReviewAverts: r.Float64()}
	c.Actions[Allow] = true
	for a := Observe; a <= Block; a++ {
		c.Actions[a] = r.IntN(2) == 0
	}
	return c
}

// TestChoose: the action of a record is never dearer in expectation than any other that can be taken; what Steps says is what
// Choose does; dearer wrong blocks block no more; without calibration nothing is blocked or challenged.
func TestChoose(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 3000 {
		c := anyCosts(r)
		steps := c.Steps(Calibrated)
		dearer := c
		dearer.Request += r.Float64() * 5
		for range 20 {
			p := Probability(r.NormFloat64() * 4)
			a, cost := c.Choose(p, Calibrated)
			for x := Allow; x <= Block; x++ {
				if c.Actions[x] && c.Expected(x, p) < cost {
					t.Fatalf("%s costs %v at %v, %s %v: %+v", a, cost, p, x, c.Expected(x, p), c)
				}
			}
			step := Allow
			for _, s := range steps {
				if s.From <= p {
					step = s.Action
				}
			}
			if got := c.Expected(step, p); !near(got, cost) {
				t.Fatalf("steps %+v have %s at %v for %v, the least is %v", steps, step, p, got, cost)
			}
			if b, _ := dearer.Choose(p, Calibrated); b == Block && a != Block {
				t.Fatalf("at %v wrong blocks became dearer by %v, and %s became a block: %+v", p, dearer.Request-c.Request, a, c)
			}
			for _, b := range []Basis{Mixture, Few, Drifted} {
				if x, _ := c.Choose(p, b); x >= Challenge || a < Challenge && x != a {
					t.Fatalf("%s at %v with the basis %s, calibrated %s", x, p, b, a)
				}
			}
		}
	}
}
