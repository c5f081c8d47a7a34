package decide

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestReplayFrom1970: moments at which the clock reads nought are moments as others.
func TestReplayFrom1970(t *testing.T) {
	for _, start := range []int64{0, -int64(time.Hour), 1} {
		p := FromRatio(1e6)
		o := NewOccurrences(p.Entities)
		for i := range int64(40) {
			x := Occurrence{Time: start, P: .999, Line: uint32(i + 1), Label: Bad, Called: true, Known: 255}
			if i%2 == 1 {
				x.Label = Good
			}
			if i >= 20 {
				x.Time += int64(time.Minute)
			}
			o.Add(&x, []uint64{7})
		}
		r, err := Replay(o, p, ReplayOptions{Basis: Calibrated, Reliability: certain()})
		if err != nil {
			t.Fatal(err)
		}
		if r.First != start || r.Last != start+int64(time.Minute) {
			t.Errorf("starting at %d, it spans %d to %d", start, r.First, r.Last)
		}
		if r.ByCost.WrongBlocks > 0 != (r.Wrong != nil) || r.Wrong == nil || r.Wrong.FirstGood != start {
			t.Errorf("starting at %d, %d blocks hit good, the first %+v", start, r.ByCost.WrongBlocks, r.Wrong)
		}
	}
}

// TestLabelsBefore1970: without KnownBefore no label counts in the ledger, whatever the clock said.
func TestLabelsBefore1970(t *testing.T) {
	run := func(labels bool) *ReplayResult {
		r := rand.New(rand.NewPCG(1, 2))
		log, p := invented(r)
		o := NewOccurrences(p.Entities)
		for i := range log {
			x := log[i].Occurrence
			x.Time -= 300 * 24 * int64(time.Hour)
			if !labels {
				x.Label = Unknown
			}
			o.Add(&x, log[i].who)
		}
		res, err := Replay(o, p, ReplayOptions{Basis: Calibrated, Reliability: certain()})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	with, without := run(true), run(false)
	if len(with.Blocks) != len(without.Blocks) || len(with.Reviews) != len(without.Reviews) {
		t.Errorf("%d blocks and %d reviews where there are labels, %d and %d where there are none", len(with.Blocks), len(with.Reviews),
			len(without.Blocks), len(without.Reviews))
	}
}

// TestReplayOfFarTimes: clocks that read 1900 and 2199 in one log overflow nothing, and every record is accounted for.
func TestReplayOfFarTimes(t *testing.T) {
	p := FromRatio(1000)
	o := NewOccurrences(p.Entities)
	first, last := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(), time.Date(2199, 12, 31, 0, 0, 0, 0, time.UTC).UnixNano()
	for i := range 3000 {
		x := Occurrence{Time: first, P: float32(i%100) / 100, Line: uint32(i + 1), Called: i%100 > 50, Known: 255}
		switch i % 3 {
		case 0:
			x.Time = last - int64(i)
		case 1:
			x.Time = int64(i) * int64(time.Minute)
		}
		o.Add(&x, []uint64{uint64(i%50) + 1})
	}
	r, err := Replay(o, p, ReplayOptions{Basis: Calibrated, Reliability: certain()})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Outcome{&r.Never, &r.Default, &r.ByCost} {
		if n := x.Blocked.Records() + x.Challenged.Records() + x.Through.Records(); n != 3000 {
			t.Errorf("%s: %d of 3000 records", x.Name, n)
		}
		if c := x.Total(); !(c >= 0) || math.IsInf(c, 0) {
			t.Errorf("%s costs %v", x.Name, c)
		}
	}
	for i := range r.Blocks {
		if b := &r.Blocks[i]; b.Until <= b.From || !(b.Good >= 0) || !(b.Cost >= 0) {
			t.Errorf("a block from %d until %d, of %v good, for %v", b.From, b.Until, b.Good, b.Cost)
		}
	}
}

// TestReviewOfInventedSessions: who sends every record under another session is reviewed once a day all the same, not each time.
func TestReviewOfInventedSessions(t *testing.T) {
	p := FromRatio(1e6)
	p.Entities = []EntityKind{Session, Address}
	o := NewOccurrences(p.Entities)
	for i := range int64(5000) {
		x := Occurrence{Time: i * int64(time.Second), P: .5, Line: uint32(i + 1), Known: 255}
		o.Add(&x, []uint64{uint64(i) + 1, 7})
	}
	r, err := Replay(o, p, ReplayOptions{Basis: Few})
	if err != nil {
		t.Fatal(err)
	}
	if r.ByCost.Reviews != 1 {
		t.Errorf("%d reviews of one address within a day", r.ByCost.Reviews)
	}
}
