package decide

import "weir/internal/calibrate"

// A regime is a policy at work: whom it treats at the moment.
type regime struct {
	out    *Outcome
	active map[Entity]*standing
	sweep  int // entities at which those that are over are dropped
	wrong  map[Entity]bool
}

// standing is what holds for an entity.
type standing struct {
	shut    *Treatment // a block or a challenge
	watched int64      // until when
	looked  int64      // until when a review holds
}

func newRegime(out *Outcome, name string) *regime {
	out.Name = name
	return &regime{out: out, active: map[Entity]*standing{}, sweep: 1024, wrong: map[Entity]bool{}}
}

// blocking returns the block that stands in the way of any of the entities, a challenge if there is no block, or nil.
func (g *regime) blocking(entities []Entity, now int64) *Treatment {
	if len(g.active) == 0 {
		return nil
	}
	var found *Treatment
	for _, e := range entities {
		if s := g.active[e]; s != nil && s.shut != nil && now < s.shut.Until && (found == nil || s.shut.Action > found.Action) {
			found = s.shut
		}
	}
	return found
}

// held reports whether an entity is under review, or is watched, or more than that.
func (g *regime) held(e Entity, now int64, a Action) bool {
	s := g.active[e]
	return s != nil && (now < s.looked || a == Observe && now < s.watched)
}

func (g *regime) start(t *Treatment) {
	if len(g.active) >= g.sweep {
		for e, s := range g.active {
			if (s.shut == nil || s.shut.Until <= t.From) && s.watched <= t.From && s.looked <= t.From {
				delete(g.active, e)
			}
		}
		g.sweep = max(1024, 2*len(g.active))
	}
	s := g.active[t.Entity]
	if s == nil {
		s = &standing{}
		g.active[t.Entity] = s
	}
	switch t.Action {
	case Observe:
		s.watched = t.Until
		g.out.Watched++
	case Review:
		s.looked = t.Until
		g.out.Reviews++
	case Challenge:
		s.shut = t
		g.out.Challenges++
	case Block:
		s.shut = t
		g.out.Blocks++
	}
}

// meet lets a record meet what stands in its way, and accounts for it.
func (g *regime) meet(x *packed, entities []Entity, c *Costs) {
	t := g.blocking(entities, x.time)
	if t == nil {
		g.out.Through.add(x)
		g.charge(x, 0, float64(c.Miss()*g.open(entities, x.time, c)))
		return
	}
	shut, leak, fee := 1., 0., 0. // shares of good kept out and of bad let in, and the cost of asking
	if t.Action == Challenge {
		shut, leak = 1-c.PassGood, c.PassBad
		if !t.met || x.time-t.last > sessionGap {
			fee = c.Ask
		}
		g.out.Challenged.add(x)
	} else {
		g.out.Blocked.add(x)
	}
	good := fee + float64(shut*c.WrongBlock()) + float64(shut*c.Client*t.none)
	if !t.metGood || x.time-t.lastGood > sessionGap {
		good += float64(shut * c.Session)
	}
	g.charge(x, good, fee+float64(leak*c.Miss()))
	t.meet(x)
	if x.label() == Good {
		t.GoodCost += good
		if t.Hit.Good == 1 {
			t.FirstGood = x.time
			g.out.WrongBlocks++
			g.wrong[t.Entity] = true
		}
	}
}

// meet notes a record that a block or a challenge stood in the way of.
func (t *Treatment) meet(x *packed) {
	t.Hit.add(x)
	t.met, t.last = true, x.time
	switch x.label() {
	case Bad:
		return
	case Good:
		t.none = 0
	default:
		t.none *= float64(x.p)
	}
	t.metGood, t.lastGood = true, x.time
}

// open is the share of the loss that is not averted while nobody is kept out.
func (g *regime) open(entities []Entity, now int64, c *Costs) float64 {
	share := 1.
	if len(g.active) == 0 {
		return share
	}
	for _, e := range entities {
		if s := g.active[e]; s != nil {
			if now < s.looked {
				share = min(share, 1-c.ReviewAverts)
			}
			if now < s.watched {
				share = min(share, 1-c.WatchAverts)
			}
		}
	}
	return share
}

// charge adds what a record costs if it is good and if it is bad.
func (g *regime) charge(x *packed, good, bad float64) {
	switch x.label() {
	case Good:
		g.out.Known += good
	case Bad:
		g.out.Known += bad
	default:
		p := float64(x.p)
		g.out.Expected += float64((1-p)*good) + float64(p*bad)
	}
}

func (g *regime) finish() { g.out.GoodClients = int64(len(g.wrong)) }

// A driftWatch looks whether the records so far are like those that the filter was trained on.
type driftWatch struct {
	prior, known float64 // of the filter
	shares       calibrate.Shares
	n, next      int64
	sum          int64 // of Known
	live         float64
	odds         float64 // by which those of a probability are multiplied
	seen         bool    // much is unknown to the filter now
	unlike       bool    // or was
}

// LessKnown is by how much smaller the share of tokens that a filter knows may be than in training until the records are of
// another kind.
const LessKnown = .15

const (
	driftRecords = 1000 // before which nothing is said, and for how many the filter's own share of bad counts
)

// note takes a record.
func (d *driftWatch) note(x *packed) {
	d.shares.Add(float64(x.p))
	d.sum += int64(x.known)
	d.n++
	if d.n < driftRecords || d.n < d.next {
		return
	}
	d.next = d.n + d.n/8
	d.seen = d.known > 0 && float64(d.sum)/(255*float64(d.n)) < d.known-LessKnown
	d.unlike = d.unlike || d.seen
	if d.prior <= 0 {
		return
	}
	d.live, _ = d.shares.Estimate(d.prior)
	n := float64(d.n)
	share := (float64(n*d.live) + float64(driftRecords*d.prior)) / (n + driftRecords)
	d.odds = share / (1 - share) / (d.prior / (1 - d.prior))
}

// correct returns a probability for the share of bad so far, if that is lower than the one it is for. It is never raised: bad
// records come in bursts, and one who sends many must not make others be blocked.
func (d *driftWatch) correct(p float64) float64 {
	if d.odds == 0 || d.odds >= 1 {
		return p
	}
	return atOdds(p, d.odds)
}

// atOdds is the probability whose odds are so many times those of p.
func atOdds(p, times float64) float64 {
	if p >= 1 || times == 1 {
		return p
	}
	odds := float64(p / (1 - p) * times)
	return odds / (1 + odds)
}
