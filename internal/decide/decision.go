package decide

import (
	"fmt"
	"math"
	"time"

	"weir/internal/calibrate"
)

// Evidence is what is known of a record at its moment.
type Evidence struct {
	P     float64 // probability that it is bad
	Low   float64 // the least it may be, by what became of such probabilities (LowerBound)
	Basis Basis
}

// LowerBound returns the least that a probability p may be: p, times the share of what was said that came true at the lower end
// of the 95 % interval (Wilson) of the records that were held back with p's tenth or a higher one. A filter that tells its
// records apart leaves the tenths in the middle empty; what it says there is worth what it says from there on. Where nothing
// was held back that high, it is worth nothing, and the bound is 0.
func LowerBound(d *calibrate.Diagram, p float64) float64 {
	if d == nil || len(d.Bins) == 0 {
		return 0
	}
	n, bad, worth, said := 0., 0., 0., 0.
	for i := min(int(p*float64(len(d.Bins))), len(d.Bins)-1); i < len(d.Bins); i++ {
		b := &d.Bins[i]
		n += float64(b.Count)
		bad += float64(b.Bad)
		worth += b.Worth
		said += float64(float64(b.Count) * b.Mean)
	}
	if n == 0 || said <= 0 {
		return 0
	}
	low, _ := calibrate.Wilson(bad/n, min(worth, n))
	return min(p, p*low*n/said)
}

// A Reason says why an action was taken.
type Reason uint8

// The reasons.
const (
	Cheapest  Reason = iota // it costs least
	Uncertain               // it is a review: blocking would cost least, but the probability may be so low that it would not
	OfBasis                 // it is a review: blocking would cost least, but the probability is not calibrated
)

// An Alternative is one thing that can be done about an entity.
type Alternative struct {
	Action   Action
	Entity   Entity        // who is blocked, asked, watched or reviewed
	Duration time.Duration // for how long
	Cost     float64       // expected, up to the policy's horizon, from the next record on
	Good     float64       // expected good records that do not get through
	Bad      float64       // expected bad ones that do not
}

// A Decision is what is done about a record's sender.
type Decision struct {
	Alternative
	Reason Reason
	Basis  Basis
	Wanted Alternative            // what would cost least; the same as Alternative, unless Reason says why not
	Others [Block + 1]Alternative // the cheapest for each action that can be taken
	Can    [Block + 1]bool
}

// A stake is what a decision looks at.
type stake struct {
	costs    *Costs
	entities []Entity
	outlooks []Outlook // by entity and duration
	most     float64   // further bad records that are expected of the widest entity within the horizon
}

// Decide returns what to do about the sender of a record with this evidence, as costs have it: the alternative of least
// expected cost, of equal ones the mildest. The record itself has happened; what counts is what follows. Entities are the
// record's, of the policy's kinds, in the policy's order; without any nothing can be done but to review. A review is of the
// address, where the policy knows it, else of the first. The ledger must
// have the policy's durations, and not have the record yet.
//
// A block or a challenge needs a calibrated probability, and one that would make it pay even at its lower bound: else a
// person decides.
func (p *Policy) Decide(now int64, entities []Entity, v Evidence, l *Ledger, c *Costs) Decision {
	s := p.weigh(now, entities, v.P, l, c)
	d := Decision{Basis: v.Basis}
	d.Can[Allow] = true
	d.Others[Allow] = s.without(Allow, p.Hold())
	for a := Observe; a <= Review; a++ {
		if c.Actions[a] {
			d.Can[a], d.Others[a] = true, s.without(a, p.Hold())
		}
	}
	for a := Challenge; a <= Block; a++ {
		if c.Actions[a] && len(entities) > 0 {
			d.Can[a], d.Others[a] = true, s.cheapest(a, p.Durations)
		}
	}
	for a := range d.Others {
		if d.Can[a] && (a == 0 || d.Others[a].Cost < d.Wanted.Cost) {
			d.Wanted = d.Others[a]
		}
	}
	d.Alternative = d.Wanted
	if d.Action < Challenge {
		return d
	}
	switch {
	case v.Basis != Calibrated:
		d.Reason = OfBasis
	case v.Low < v.P && p.saving(now, entities, v.Low, l, c, &d.Wanted) < 0:
		d.Reason = Uncertain
	default:
		return d
	}
	d.Alternative = p.weigh(now, entities, v.P, l, c).without(Review, p.Hold())
	return d
}

func (p *Policy) weigh(now int64, entities []Entity, prob float64, l *Ledger, c *Costs) *stake {
	s := &l.stake
	s.costs, s.entities, s.outlooks, s.most = c, entities, s.outlooks[:0], 0
	for _, e := range entities {
		s.outlooks = l.Outlooks(s.outlooks, e, prob, now)
		s.most = max(s.most, s.outlooks[len(s.outlooks)-1].Bad)
	}
	return s
}

// saving is what a block saves against the cheapest that keeps nobody out, if the probability is another.
func (p *Policy) saving(now int64, entities []Entity, prob float64, l *Ledger, c *Costs, block *Alternative) float64 {
	s := p.weigh(now, entities, prob, l, c)
	open := s.without(Allow, 0).Cost
	for a := Observe; a <= Review; a++ {
		if c.Actions[a] {
			open = min(open, s.without(a, 0).Cost)
		}
	}
	for i, e := range entities {
		for k, d := range p.Durations {
			if e == block.Entity && d == block.Duration {
				return open - s.with(block.Action, i, k, p.Durations).Cost
			}
		}
	}
	return 0
}

// without is letting pass, watching or reviewing.
func (s *stake) without(a Action, hold time.Duration) Alternative {
	c := s.costs
	x := Alternative{Action: a, Cost: float64(s.most * c.Miss())}
	for i, e := range s.entities { // whoever invents a session or a name for each record is one suspect all the same
		if i == 0 || e.Kind == Address {
			x.Entity = e
		}
	}
	switch a {
	case Observe:
		x.Duration = hold
		x.Cost = c.Watch + float64(x.Cost*(1-c.WatchAverts))
	case Review:
		x.Duration = hold
		x.Cost = c.ReviewCost() + float64(x.Cost*(1-c.ReviewAverts))
	}
	return x
}

// cheapest is the best entity and duration for a block or a challenge.
func (s *stake) cheapest(a Action, durations []time.Duration) Alternative {
	var best Alternative
	for i := range s.entities {
		for k := range durations {
			if x := s.with(a, i, k, durations); i == 0 && k == 0 || x.Cost < best.Cost {
				best = x
			}
		}
	}
	return best
}

// with is a block or a challenge of entity i for duration k.
func (s *stake) with(a Action, i, k int, durations []time.Duration) Alternative {
	c := s.costs
	o := &s.outlooks[i*len(durations)+k]
	miss := c.Miss()
	shut := float64(o.Good*c.WrongBlock()) + float64(o.Sessions*c.Session)
	if c.Client > 0 {
		shut += float64(o.Client() * c.Client)
	}
	later := float64((s.most - o.Bad) * miss)
	x := Alternative{Action: a, Entity: s.entities[i], Duration: durations[k], Cost: shut + later, Good: o.Good, Bad: o.Bad}
	if a == Challenge {
		asked := float64(c.Ask * (1 + o.Sessions))
		x.Cost = asked + float64((1-c.PassGood)*shut) + float64(c.PassBad*o.Bad*miss) + later
		x.Good *= 1 - c.PassGood
		x.Bad *= 1 - c.PassBad
	}
	return x
}

// Why says in words why, with money written by the function.
func (d *Decision) Why(money func(float64) string) string {
	w := &d.Wanted
	text := ""
	switch w.Action {
	case Block, Challenge:
		verb := map[Action]string{Block: "a block", Challenge: "asking"}[w.Action]
		text = fmt.Sprintf("%s for %s keeps out %s good and %s bad and costs %s; letting pass costs %s", verb, DurationText(w.Duration),
			amount(w.Good), amount(w.Bad), money(w.Cost), money(d.Others[Allow].Cost))
	case Review:
		text = fmt.Sprintf("a look costs %s; letting pass %s", money(w.Cost), money(d.Others[Allow].Cost))
		if d.Can[Block] {
			text += ", a block " + money(d.Others[Block].Cost)
		}
	case Observe:
		text = fmt.Sprintf("watching costs %s; letting pass %s", money(w.Cost), money(d.Others[Allow].Cost))
	default:
		text = "nothing costs less than letting pass"
	}
	switch d.Reason {
	case OfBasis:
		text += fmt.Sprintf("; but the probability is %s: a person decides", basisText[d.Basis])
	case Uncertain:
		text += "; but the probability may be so low that it would not pay: a person decides"
	}
	return text
}

var basisText = [...]string{"calibrated", "of a hunt without labels", "of too few examples, or the record is unlike all of them", "of other times"}

// amount writes a number of requests.
func amount(x float64) string {
	switch {
	case x >= 10:
		return fmt.Sprintf("%.0f", x)
	case x >= .095:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2g", math.Max(x, 0))
}

// DurationText writes a duration as a policy file does.
func DurationText(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
