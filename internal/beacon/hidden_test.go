package beacon

import (
	"testing"

	"weir/bench/hidden"
)

// TestHidden finds beacons among the connections of a network; `make bench` does the same with a million.
func TestHidden(t *testing.T) {
	o := hidden.Options{Seed: 1, Connections: 200_000, Days: 1, Beacons: 100, Jitter: .4, Missing: .3}
	list, beacons := hidden.Generate(o)
	flows := make([]flow, len(list))
	for i, c := range list {
		flows[i] = flow{at: c.At, src: c.Source, dst: c.Target, sent: int64(c.Sent), port: c.Port}
	}
	d := New(Options{Workers: 2})
	feed(d, 2, flows)
	r := d.Result()
	score := func(by func(p *Pair) float64) float64 {
		var found []hidden.Found
		for i := range r.Pairs {
			p := r.Pairs[i]
			found = append(found, hidden.Found{Source: p.Source, Target: p.Destination, Score: by(p)})
		}
		return hidden.Recall(found, beacons, r.Series, 1000)
	}
	ours, rita := score(func(p *Pair) float64 { return p.Score }), score(func(p *Pair) float64 { return p.RITA.Score })
	called, wrong := 0, 0
	truth := map[string]bool{}
	for _, b := range beacons {
		truth[b.Source+b.Target] = true
	}
	for i := range r.Pairs {
		if p := r.Pairs[i]; p.Called() {
			called++
			if !truth[p.Source+p.Destination] {
				wrong++
			}
		}
	}
	byP := score(func(p *Pair) float64 { return -p.P })
	t.Logf("%d pairs; at one false in a thousand: score %.3f, RITA %.3f, p-value alone %.3f; called %d, %d of them wrongly", r.Series, ours, rita, byP, called, wrong)
	if ours < .9 {
		t.Errorf("found %.2f of the beacons, not .9", ours)
	}
	if ours <= rita {
		t.Errorf("RITA finds more: %.3f against %.3f", rita, ours)
	}
	if wrong > r.Series/1000+10 {
		t.Errorf("%d pairs are called beacons wrongly", wrong)
	}
}
