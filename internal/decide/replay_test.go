package decide

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// A logged record is an occurrence with its entities.
type logged struct {
	Occurrence
	who []uint64
}

// invented returns a log by chance: visitors, some attackers in bursts, unsorted, over ten days, and the policy for it.
func invented(r *rand.Rand) ([]logged, *Policy) {
	var out []logged
	line := map[uint32]uint32{}
	add := func(at int64, who uint64, p float64, bad bool) {
		x := logged{Occurrence{Time: at, P: float32(p), File: uint32(r.IntN(3)), Class: uint16(r.IntN(2)), Known: 250}, []uint64{who, who / 4}}
		x.Label = [...]Label{Good, Bad}[map[bool]int{true: 1}[bad]]
		if r.IntN(5) == 0 {
			x.Label = Unknown
		}
		x.Called = p > .5
		x.Novel = r.IntN(50) == 0
		line[x.File]++
		x.Line = line[x.File]
		out = append(out, x)
	}
	for range 40 + r.IntN(100) {
		at := r.Int64N(240 * hour)
		bad := r.IntN(4) == 0
		who := 4 + r.Uint64N(30)
		for range 1 + r.IntN(20) {
			at += r.Int64N(hour / 10)
			p := math.Pow(r.Float64(), 6)
			if bad {
				p = 1 - p
			}
			add(at, who, p, bad)
		}
	}
	p := FromRatio([]float64{1, 20, 500}[r.IntN(3)])
	p.Entities = []EntityKind{Address, Network}
	p.Costs.Actions = [Block + 1]bool{true, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, true}
	p.Costs.Client, p.Costs.Ask, p.Costs.PassGood, p.Costs.PassBad, p.Costs.Watch, p.Costs.WatchAverts = 2, .1, .9, .1, .1, .2
	p.Costs.Minute, p.Costs.Minutes, p.Costs.ReviewAverts = 1, 3, .8
	dear := p.Costs
	dear.Request = 5
	p.Rules = []Rule{{Name: "dear", Costs: dear, Line: 7}}
	return out, p
}

func collected(p *Policy, log []logged) *Occurrences {
	parts := []*Occurrences{NewOccurrences(p.Entities), NewOccurrences(p.Entities)}
	for i := range log {
		parts[i%2].Add(&log[i].Occurrence, log[i].who)
	}
	return Join(parts...)
}

// acts are what was decided before a moment, without what became of it.
func acts(r *ReplayResult, before int64) []string {
	var out []string
	for _, list := range [][]Treatment{r.Blocks, r.Reviews} {
		for _, t := range list {
			if t.From < before {
				out = append(out, fmt.Sprintf("%d %v %v %d %d %v %+v", t.From, t.Action, t.Entity, t.Until, t.Trigger, t.P, t.Decision))
			}
		}
	}
	return out
}

// TestNoLookAhead: what is decided up to a moment is the same if the logs end there, and whatever labels, and records, come
// after it.
func TestNoLookAhead(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	decided := 0
	for n := range 150 {
		log, p := invented(r)
		o := ReplayOptions{Prior: .3, Known: .98, Basis: Calibrated, Reliability: nil}
		d := certain()
		o.Reliability = d
		if n%3 == 0 {
			o.From, o.KnownBefore = 48*hour, 48*hour
		}
		whole, err := Replay(collected(p, log), p, o)
		if err != nil {
			t.Fatal(err)
		}
		at := 50*hour + r.Int64N(190*hour)
		want := acts(whole, at)
		decided += len(want)
		var head []logged
		for _, x := range log {
			if x.Time < at {
				head = append(head, x)
			}
		}
		if cut, err := Replay(collected(p, head), p, o); err == nil {
			if got := acts(cut, at); !slices.Equal(got, want) {
				t.Fatalf("%d: cut at %d, it is decided\n%q\nand of the whole\n%q", n, at, got, want)
			}
		} else if !errors.Is(err, ErrNothing) || len(want) > 0 {
			t.Fatal(err)
		}
		other := slices.Clone(log)
		for i := range other {
			x := &other[i]
			if x.Time >= max(at, o.From) || x.Time >= o.KnownBefore {
				x.Label = Label(r.IntN(3))
			}
			if x.Time >= at {
				x.P, x.Called, x.Novel, x.Known = r.Float32(), r.IntN(2) == 0, false, 3
			}
		}
		changed, err := Replay(collected(p, other), p, o)
		if err != nil {
			t.Fatal(err)
		}
		strip := func(all []Treatment) (out []string) {
			for _, x := range all {
				if x.From < at {
					out = append(out, fmt.Sprint(x.From, x.Action, x.Entity, x.Until, x.Wanted))
				}
			}
			return out
		}
		if a, b := strip(whole.Blocks), strip(changed.Blocks); !slices.Equal(a, b) {
			t.Fatalf("%d: with another future, before %d it is decided\n%q\nand was\n%q", n, at, b, a)
		}
	}
	if decided < 500 {
		t.Errorf("only %d decisions were compared", decided)
	}
}

// TestReplayOrder: the order in which records are collected makes no difference.
func TestReplayOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for n := range 50 {
		log, p := invented(r)
		o := ReplayOptions{Reliability: certain()}
		a, err := Replay(collected(p, log), p, o)
		if err != nil {
			t.Fatal(err)
		}
		r.Shuffle(len(log), func(i, k int) { log[i], log[k] = log[k], log[i] })
		b, err := Replay(collected(p, log), p, o)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%d: %+v\nand shuffled\n%+v", n, a, b)
		}
	}
}

// TestReplayAccounts: whatever is decided, every record is accounted for once by each policy, and never blocking costs what
// the bad records cost.
func TestReplayAccounts(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for n := range 100 {
		log, p := invented(r)
		res, err := Replay(collected(p, log), p, ReplayOptions{Reliability: certain()})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []*Outcome{&res.Never, &res.Default, &res.ByCost} {
			good := o.Blocked.Good + o.Challenged.Good + o.Through.Good
			bad := o.Blocked.Bad + o.Challenged.Bad + o.Through.Bad
			if good != res.Records.Good || bad != res.Records.Bad || o.Blocked.Unknown+o.Challenged.Unknown+o.Through.Unknown != res.Records.Unknown {
				t.Fatalf("%d: %s: %+v of %+v", n, o.Name, o, res.Records)
			}
			if o.Known < 0 || o.Expected < 0 || o.Work < 0 {
				t.Fatalf("%d: %s: %+v", n, o.Name, o)
			}
		}
		if res.Never.Blocks+res.Never.Reviews+res.Never.Blocked.Records() != 0 || math.Abs(res.Never.Known-float64(res.Records.Bad)*p.Costs.Miss()) > 1e-6 {
			t.Fatalf("%d: %+v", n, res.Never)
		}
		hit := Flow{}
		for _, b := range res.Blocks {
			hit.Good += b.Hit.Good
			hit.Bad += b.Hit.Bad
		}
		if hit.Good != res.ByCost.Blocked.Good+res.ByCost.Challenged.Good || hit.Bad != res.ByCost.Blocked.Bad+res.ByCost.Challenged.Bad {
			t.Fatalf("%d: blocks hit %+v, and %+v were blocked", n, hit, res.ByCost)
		}
	}
}

// TestReplayByHand: one attacker and one visitor behind the same address, worked out by hand.
func TestReplayByHand(t *testing.T) {
	p := FromRatio(1000)
	p.Durations = []time.Duration{time.Hour}
	p.Costs.Client, p.Costs.Session = 7, 3
	var log []logged
	add := func(minute int64, who uint64, p float32, label Label) {
		log = append(log, logged{Occurrence{Time: minute * 60e9, P: p, Line: uint32(len(log) + 1), Label: label, Called: p > .5, Known: 255}, []uint64{who}})
	}
	add(1, 1, .99, Bad)     // blocked from here on, for an hour
	add(2, 1, .99, Bad)     // kept out
	add(3, 1, .0001, Good)  // kept out: 1 + 3 for the session + 7 for the client
	add(10, 1, .0001, Good) // kept out: 1
	add(50, 1, .0001, Good) // kept out, and another session: 1 + 3
	add(61, 1, .0001, Good) // the block is over
	add(62, 2, .0001, Unknown)
	res, err := Replay(collected(p, log), p, ReplayOptions{Reliability: certain()})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Blocks) != 1 {
		t.Fatalf("%+v", res.Blocks)
	}
	b := res.Blocks[0]
	if b.From != 60e9 || b.Until != 61*60e9 || b.Hit != (Flow{Good: 3, Bad: 1}) || b.GoodCost != 16 || b.FirstGood != 180e9 || b.Trigger.Line != 1 {
		t.Errorf("%+v", b)
	}
	if o := res.ByCost; o.Known != 1000+16 || o.Blocks != 1 || o.WrongBlocks != 1 || o.GoodClients != 1 || o.Through.Good != 1 {
		t.Errorf("%+v", o)
	}
	if o := res.Never; o.Known != 2000 {
		t.Errorf("%+v", o)
	}
	if res.Wrong == nil || res.Wrong != res.Worst || res.Wrong.Trigger.Line != 1 {
		t.Errorf("%+v", res.Wrong)
	}
}

func TestReplayFaults(t *testing.T) {
	p := FromRatio(10)
	if _, err := Replay(NewOccurrences(p.Entities), p, ReplayOptions{}); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
	one := []logged{{Occurrence{Time: 5, Line: 1}, []uint64{1}}}
	if res, err := Replay(collected(p, one), p, ReplayOptions{From: 10}); !errors.Is(err, ErrNothing) || res.Before != 1 {
		t.Error(err)
	}
	if _, err := Replay(collected(p, one), p, ReplayOptions{From: 1, KnownBefore: 4}); err == nil {
		t.Error("labels of the future are used")
	}
	res, err := Replay(collected(p, one), p, ReplayOptions{From: 1, To: 6})
	if err != nil || res.Records.Records() != 1 || res.ByCost.Total() != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestBackward counts records that are earlier than one above them.
func TestBackward(t *testing.T) {
	p := FromRatio(10)
	for _, c := range []struct {
		times []int64
		want  int64
	}{{[]int64{1, 2, 2, 3}, 0}, {[]int64{5, 1, 2, 6}, 2}, {[]int64{3, 4, 1, 5}, 1}, {[]int64{4, 3, 2, 1}, 3}} {
		var log []logged
		for i, at := range c.times {
			log = append(log, logged{Occurrence{Time: at, Line: uint32(i + 1), File: 1}, []uint64{1}})
		}
		log = append(log, logged{Occurrence{Time: 2, Line: 1, File: 2}, []uint64{1}})
		res, err := Replay(collected(p, log), p, ReplayOptions{})
		if err != nil || res.Backward != c.want {
			t.Errorf("%v: %d, want %d (%v)", c.times, res.Backward, c.want, err)
		}
	}
}

// TestDrift: nothing is blocked while the filter does not know what it sees, and where bad is rarer than probabilities are for
// it takes more to be blocked; many bad records are no drift.
func TestDrift(t *testing.T) {
	run := func(p, doubtful float32, known uint8) *ReplayResult {
		pol := FromRatio(1)
		pol.Costs.Client = 5
		var log []logged
		for i := range int64(3000) {
			log = append(log, logged{Occurrence{Time: i * 1e9, P: p, Line: uint32(i + 1), Known: known}, []uint64{uint64(1 + i%300)}})
		}
		for i := range int64(3) {
			log = append(log, logged{Occurrence{Time: (4000 + i) * 1e9, P: doubtful, Line: uint32(4000 + i), Known: known, Called: true}, []uint64{9999}})
		}
		res, err := Replay(collected(pol, log), pol, ReplayOptions{Reliability: certain(), Prior: .5, Known: .95})
		if err != nil {
			t.Fatal(err)
		}
		late := res.Blocks[:0]
		for _, b := range res.Blocks {
			if b.From > 3500e9 {
				late = append(late, b)
			}
		}
		res.Blocks = late
		return res
	}
	if res := run(.9, .6, 250); len(res.Blocks) == 0 || len(res.Warnings) > 1 {
		t.Errorf("many bad: %d blocks, %q", len(res.Blocks), res.Warnings)
	}
	if res := run(.0001, .6, 250); len(res.Blocks) > 0 || len(res.Warnings) < 2 {
		t.Errorf("rare, and a doubtful record: %d blocks, %q", len(res.Blocks), res.Warnings)
	}
	if res := run(.0001, .9999, 250); len(res.Blocks) == 0 || res.Blocks[0].P > .9999 {
		t.Errorf("rare, and a clear record: %d blocks", len(res.Blocks))
	}
	if res := run(.9, .99, 150); len(res.Blocks) > 0 || res.Drifted == 0 || res.Reasons[OfBasis] == 0 || len(res.Warnings) < 2 {
		t.Errorf("unknown: %d blocks, %+v", len(res.Blocks), res)
	}
}

// BenchmarkReplay replays a million records of 20,000 addresses.
func BenchmarkReplay(b *testing.B) {
	r := rand.New(rand.NewPCG(13, 14))
	p := FromRatio(200)
	p.Costs.Actions[Review], p.Costs.Minute, p.Costs.Minutes = true, 1, 100
	const n = 1_000_000
	all := NewOccurrences(p.Entities)
	for i := range n {
		x := Occurrence{Time: int64(i) * 2e9, P: float32(math.Pow(r.Float64(), 9)) / 50, Line: uint32(i + 1), Label: Good, Known: 250}
		if r.IntN(200) == 0 {
			x.P, x.Label, x.Called = .98, Bad, true
		}
		who := uint64(math.Pow(r.Float64(), 4)*20_000) + 1
		all.Add(&x, []uint64{who})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Replay(all, p, ReplayOptions{Reliability: certain()}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// TestKnownBefore: labels from before the span count in the ledger, those within do not.
func TestKnownBefore(t *testing.T) {
	p := FromRatio(10)
	log := []logged{
		{Occurrence{Time: 10e9, P: .25, Line: 1, Label: Good}, []uint64{1}},
		{Occurrence{Time: 20e9, P: .25, Line: 2, Label: Bad}, []uint64{2}},
		{Occurrence{Time: 30e9, P: .25, Line: 3, Label: Unknown}, []uint64{3}},
		{Occurrence{Time: 60e9, P: .25, Line: 4, Label: Good}, []uint64{4}},
	}
	all := collected(p, log)
	r := newReplay(all, p, ReplayOptions{From: 50e9, KnownBefore: 50e9})
	for _, i := range all.order() {
		r.step(i)
	}
	for who, want := range map[uint64][2]float64{1: {1, 0}, 2: {0, 1}, 3: {.75, 0}, 4: {.75, 0}} {
		if good, bad := r.ledger.Seen(Entity{Address, who}); good != want[0] || bad != want[1] {
			t.Errorf("%d has sent %g good and %g bad, want %v", who, good, bad, want)
		}
	}
	if r.result.Before != 3 || r.result.Records.Records() != 1 {
		t.Errorf("%+v", r.result)
	}
}
