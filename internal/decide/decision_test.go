package decide

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weir/internal/calibrate"
)

const hour = int64(time.Hour)

// chance returns costs, a policy's entities and a ledger with some past, all by chance.
func chance(r *rand.Rand) (*Policy, *Costs, *Ledger, []Entity, int64) {
	money := func() float64 { return []float64{0, .01, .1, 1, 10, 1000, 50000}[r.IntN(7)] * r.Float64() }
	c := &Costs{Request: money(), Session: money(), Client: money(), Complaint: money(), ComplaintShare: r.Float64(), Breach: money(), Success: r.Float64(),
		Ask: money(), PassGood: r.Float64(), PassBad: r.Float64(), Watch: money(), WatchAverts: r.Float64(), Minute: money(), Minutes: 3, ReviewAverts: r.Float64()}
	for a := range c.Actions {
		c.Actions[a] = r.IntN(3) > 0
	}
	p := &Policy{Costs: *c, Entities: []EntityKind{Address, Network}, Durations: defaultDurations()[:1+r.IntN(5)]}
	l := NewLedger(p.Durations, 0)
	now := int64(0)
	who := func() []Entity {
		i := uint64(r.IntN(8))
		return []Entity{{Address, i + 1}, {Network, i/4 + 1}}
	}
	for range r.IntN(400) {
		now += int64(r.ExpFloat64() * float64(hour) / 10)
		x := r.Float64()
		l.Add(now, who(), x*x*x*x)
	}
	return p, c, l, who()[:1+r.IntN(2)], now
}

// TestDecideIsCheapest: the action is never dearer in expectation than any other that can be taken, worked out anew here.
func TestDecideIsCheapest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	taken := map[Action]int{}
	for n := range 6000 {
		p, c, l, who, now := chance(r)
		prob := r.Float64()
		d := p.Decide(now, who, Evidence{prob, prob, Calibrated}, l, c)
		taken[d.Action]++
		if d.Action != Allow && !c.Actions[d.Action] {
			t.Fatalf("%d: %v cannot be taken", n, d.Action)
		}
		most := 0.
		var outlooks [][]Outlook
		for _, e := range who {
			outlooks = append(outlooks, l.Outlooks(nil, e, prob, now))
			most = max(most, outlooks[len(outlooks)-1][len(p.Durations)-1].Bad)
		}
		check := func(a Action, cost float64, what string) {
			if (a == Allow || c.Actions[a]) && d.Cost > cost*(1+1e-9)+1e-9 {
				t.Fatalf("%d: %v for %v costs %g, %s costs %g", n, d.Action, d.Duration, d.Cost, what, cost)
			}
		}
		miss, wrong := c.Breach*c.Success, c.Request+c.ComplaintShare*c.Complaint
		check(Allow, most*miss, "allow")
		check(Observe, c.Watch+most*miss*(1-c.WatchAverts), "observe")
		check(Review, c.Minute*c.Minutes+most*miss*(1-c.ReviewAverts), "review")
		for i := range who {
			for k, o := range outlooks[i] {
				shut := o.Good*wrong + o.Sessions*c.Session + o.Client()*c.Client
				later := (most - o.Bad) * miss
				check(Block, shut+later, fmt.Sprint("block ", i, p.Durations[k]))
				check(Challenge, c.Ask*(1+o.Sessions)+(1-c.PassGood)*shut+c.PassBad*o.Bad*miss+later, fmt.Sprint("challenge ", i, p.Durations[k]))
			}
		}
	}
	for a := Allow; a <= Block; a++ {
		if taken[a] < 20 {
			t.Errorf("%v was taken %d times only: %v", a, taken[a], taken)
		}
	}
}

// TestDearerBlocksBlockLess: adding to the cost of blocking never makes more good records be kept out, and where only blocks
// and passes are to choose from, never blocks longer.
func TestDearerBlocksBlockLess(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	less := 0
	for n := range 6000 {
		p, c, l, who, now := chance(r)
		if n%2 == 0 {
			who = who[:1]
			c.Actions[Challenge] = false
		}
		prob := r.Float64()
		v := Evidence{prob, prob, Calibrated}
		before := p.Decide(now, who, v, l, c)
		dearer := *c
		dearer.Request += c.Request + .1 + 100*r.Float64()*r.Float64()
		after := p.Decide(now, who, v, l, &dearer)
		if after.Good > before.Good*(1+1e-9) {
			t.Fatalf("%d: %v for %v keeps out %g; with a dearer request %v for %v, %g", n, before.Action, before.Duration, before.Good, after.Action, after.Duration, after.Good)
		}
		if n%2 == 0 && after.Action == Block && (before.Action != Block || after.Duration > before.Duration) {
			t.Fatalf("%d: %v for %v; with a dearer request %v for %v", n, before.Action, before.Duration, after.Action, after.Duration)
		}
		if after.Good < before.Good {
			less++
		}
	}
	if less < 30 {
		t.Errorf("a dearer request made a difference %d times only", less)
	}
}

// TestBasisAndBound: what is not calibrated, or may not pay, goes to a person.
func TestBasisAndBound(t *testing.T) {
	p := FromRatio(200)
	l := NewLedger(p.Durations, 0)
	who := []Entity{{Address, 1}}
	d := p.Decide(0, who, Evidence{.9, .9, Calibrated}, l, &p.Costs)
	if d.Action != Block || d.Reason != Cheapest || d.Wanted.Action != Block {
		t.Fatalf("%+v", d)
	}
	for _, b := range []Basis{Mixture, Few, Drifted} {
		if d := p.Decide(0, who, Evidence{.9, .9, b}, l, &p.Costs); d.Action != Review || d.Reason != OfBasis || d.Wanted.Action != Block || d.Basis != b {
			t.Errorf("%v: %+v", b, d)
		}
	}
	if d := p.Decide(0, who, Evidence{.9, 0, Calibrated}, l, &p.Costs); d.Action != Review || d.Reason != Uncertain {
		t.Errorf("with a lower bound of 0: %+v", d)
	}
	if d := p.Decide(0, who, Evidence{0, 0, Few}, l, &p.Costs); d.Action != Allow {
		t.Errorf("what is good: %+v", d)
	}
	if d := p.Decide(0, nil, Evidence{.9, .9, Calibrated}, l, &p.Costs); d.Action != Allow {
		t.Errorf("without entities: %+v", d)
	}
	c := p.Costs
	c.Actions[Block] = false
	if d := p.Decide(0, who, Evidence{.9, .9, Calibrated}, l, &c); d.Action != Allow {
		t.Errorf("without blocks: %+v", d)
	}
}

// certain says of every probability that it can be taken at its word.
func certain() *calibrate.Diagram {
	d := &calibrate.Diagram{}
	for i := range 10 {
		mean := float64(i)/10 + .05
		d.Bins = append(d.Bins, calibrate.Bin{Count: 1e8, Bad: int(1e8 * mean), Worth: 1e8, Mean: mean})
	}
	return d
}

func TestLowerBound(t *testing.T) {
	d := &calibrate.Diagram{Bins: make([]calibrate.Bin, 10)}
	d.Bins[9] = calibrate.Bin{Count: 100, Bad: 98, Worth: 20, Mean: .96}
	d.Bins[3] = calibrate.Bin{Count: 10, Bad: 2, Worth: 10, Mean: .35}
	d.Bins[0] = calibrate.Bin{Count: 890, Bad: 0, Worth: 100, Mean: .001}
	high, _ := calibrate.Wilson(.98, 20)
	middle, _ := calibrate.Wilson(100./110, 30)
	all, _ := calibrate.Wilson(.1, 130)
	for p, want := range map[float64]float64{
		.96: .96 * high * 100 / 96,
		1:   high * 100 / 96,
		.5:  .5 * high * 100 / 96, // no record in its own tenth: those above vouch for it
		.35: .35 * middle * 110 / 99.5,
		.05: .05 * all * 1000 / (96 + 3.5 + .89),
	} {
		if got := LowerBound(d, p); got < want-1e-12 || got > want+1e-12 {
			t.Errorf("LowerBound(%v) = %v, want %v", p, got, want)
		}
	}
	d.Bins[9] = calibrate.Bin{}
	if got := LowerBound(d, .9); got != 0 {
		t.Errorf("above all that was held back: %v", got)
	}
	if LowerBound(nil, .5) != 0 {
		t.Error("without a diagram nothing is known")
	}
}

// past fills a ledger with a site of a hundred visitors who come every day or so for four weeks, one shared address with
// a thousand records a day, and some attackers. It returns the ledger and its moment.
func past(durations []time.Duration) (*Ledger, int64) {
	r := rand.New(rand.NewPCG(5, 6))
	type visit struct {
		time int64
		who  uint64
		p    float64
	}
	var all []visit
	end := 28 * 24 * hour
	for who := range uint64(100) {
		for at := int64(0); at < end; at += int64(r.ExpFloat64() * 24 * float64(hour)) {
			for k := range int64(2 + r.IntN(8)) {
				all = append(all, visit{at + k*60e9, 100 + who, .001})
			}
		}
	}
	for at := int64(0); at < end; at += int64(r.ExpFloat64() * float64(24*hour) / 1000) {
		all = append(all, visit{at, 1, .001})
	}
	for who := range uint64(30) {
		at := r.Int64N(end)
		for k := range int64(50) {
			all = append(all, visit{at + k*5e9, 1000 + who, .98})
		}
	}
	slices.SortFunc(all, func(a, b visit) int {
		if a.time != b.time {
			return int(min(1, max(-1, a.time-b.time)))
		}
		return int(a.who) - int(b.who)
	})
	l := NewLedger(durations, 0)
	for _, v := range all {
		l.Add(v.time, []Entity{{Address, v.who}}, v.p)
	}
	return l, all[len(all)-1].time
}

// TestSharedAddressIsProtected: the same record that gets a newcomer blocked leaves an address alone that many use, and the
// more it sends the better it is protected.
func TestSharedAddressIsProtected(t *testing.T) {
	p := FromRatio(20)
	l, now := past(p.Durations)
	v := Evidence{.9, .9, Calibrated}
	fresh := p.Decide(now, []Entity{{Address, 7}}, v, l, &p.Costs)
	shared := p.Decide(now, []Entity{{Address, 1}}, v, l, &p.Costs)
	if fresh.Action != Block || shared.Duration >= fresh.Duration && shared.Action == Block {
		t.Errorf("a newcomer: %v for %v; the shared address: %v for %v", fresh.Action, fresh.Duration, shared.Action, shared.Duration)
	}
	day := 3
	good := func(who uint64) float64 { return l.Outlooks(nil, Entity{Address, who}, .9, now)[day].Good }
	if !(good(7) < good(105) && good(105) < good(1)) {
		t.Errorf("good a day: a newcomer %g, a visitor %g, the shared address %g", good(7), good(105), good(1))
	}
	if o := l.Outlooks(nil, Entity{Address, 1}, .001, now)[day]; o.Good < 500 || o.Good > 2000 || o.Client() < .99 {
		t.Errorf("the shared address sends 1000 a day, and the outlook is %+v", o)
	}
	if d := FromRatio(1e6); d.Decide(now, []Entity{{Address, 1}}, v, l, &d.Costs).Action != Block {
		t.Error("nothing protects where a miss costs a million requests")
	}
}

// TestNewcomer: an address never seen is expected to do what the site's others did when they were new, more of it bad the
// likelier it is bad, and never less in more time.
func TestNewcomer(t *testing.T) {
	l, now := past(defaultDurations())
	sure, doubtful := l.Outlooks(nil, Entity{Address, 8}, .99, now), l.Outlooks(nil, Entity{Address, 8}, .01, now)
	for k := range sure {
		if sure[k].Good >= doubtful[k].Good || sure[k].Bad <= doubtful[k].Bad {
			t.Errorf("%v: %+v if it is bad, %+v if it is good", defaultDurations()[k], sure[k], doubtful[k])
		}
		if k > 0 && (sure[k].Good < sure[k-1].Good || sure[k].Bad < sure[k-1].Bad || sure[k].Client() < sure[k-1].Client()) {
			t.Errorf("less comes in %v than in %v", defaultDurations()[k], defaultDurations()[k-1])
		}
	}
	// 50 records in 4 minutes: 49 follow the first, and the prior counts as five episodes with fewer.
	if bad := sure[4].Bad; bad < 30 || bad > 49 {
		t.Errorf("%g bad records are expected to follow", bad)
	}
	// The visitors send 2 to 9 records at a time, about once a day.
	if good := doubtful[3].Good; good < 2 || good > 20 {
		t.Errorf("%g good records a day are expected of a newcomer", good)
	}
}

// TestDuration: the shorter attacks are, the shorter the block that is worth it.
func TestDuration(t *testing.T) {
	p := FromRatio(20)
	l, now := past(p.Durations)
	d := p.Decide(now, []Entity{{Address, 105}}, Evidence{.9, .9, Calibrated}, l, &p.Costs)
	if d.Action != Block || d.Duration > 4*time.Hour {
		t.Errorf("attacks last four minutes, and the block is for %v", d.Duration)
	}
}

func TestLedgerForgets(t *testing.T) {
	make := func() *Ledger {
		l := NewLedger(defaultDurations(), 100)
		for i := range int64(5000) {
			l.Add(i*1e9, []Entity{{Address, uint64(i % 50)}}, .1) // comes often
			if i >= 150 {
				l.Add(i*1e9, []Entity{{Address, uint64(1000 + i)}}, .1)
			}
		}
		return l
	}
	l := make()
	if n := len(l.books[Address].accounts); n > 100 {
		t.Errorf("%d accounts", n)
	}
	if l.Forgotten() < 4700 {
		t.Errorf("%d were forgotten", l.Forgotten())
	}
	for i := range uint64(50) {
		if good, _ := l.Seen(Entity{Address, i}); good < 50 {
			t.Errorf("%d, who comes often, was forgotten: %g", i, good)
		}
	}
	m := make()
	for i := range uint64(6100) {
		a, b := l.Outlooks(nil, Entity{Address, i}, .5, 5000e9), m.Outlooks(nil, Entity{Address, i}, .5, 5000e9)
		if !slices.Equal(a, b) {
			t.Fatalf("%d: the same records give %v and %v", i, a, b)
		}
	}
}

func TestClockGoesBackwards(t *testing.T) {
	l := NewLedger(defaultDurations(), 0)
	e := []Entity{{Address, 1}}
	l.Add(10*hour, e, .5)
	l.Add(5*hour, e, .5)
	if a := l.books[Address].accounts[0]; a.last != 10*hour || a.first != 10*hour {
		t.Errorf("%+v", a)
	}
}

func BenchmarkDecide(b *testing.B) {
	p := FromRatio(200)
	l, now := past(p.Durations)
	who := []Entity{{Address, 105}}
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(now, who, Evidence{.01, .01, Calibrated}, l, &p.Costs)
	}
}

func BenchmarkAdd(b *testing.B) {
	l, now := past(defaultDurations())
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i++
		l.Add(now+int64(i)*1e8, []Entity{{Address, i % 4096}}, .01)
	}
}
