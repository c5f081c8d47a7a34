package filter

import (
	"math"
	"testing"

	"weir/internal/calibrate"
	"weir/internal/linear"
)

// TestLateAttack: records are held back by time only where earlier and later parts hold a fifth of each class. Good records come
// at all times; of a hundred bad ones so many come in the last fifth.
func TestLateAttack(t *testing.T) {
	for _, c := range []struct {
		late int
		by   string
	}{{20, "time"}, {70, "time"}, {90, "content"}, {97, "content"}} {
		tr := &trial{clocked: true}
		add := func(time int, bad bool) {
			key := uint64(len(tr.examples)+1) * 0x9E3779B97F4A7C15
			tr.examples = append(tr.examples, linear.Example{Key: key, Near: key, Bad: bad, Count: 1, Time: int64(time), HasTime: true})
		}
		for i := range 1000 {
			add(i, false)
		}
		for i := range 100 - c.late {
			add(i*800/(100-c.late), true)
		}
		for i := range c.late {
			add(900+i, true)
		}
		tr.split()
		if tr.by != c.by {
			t.Errorf("%d of 100 bad records come late: held back by %s, want %s", c.late, tr.by, c.by)
		}
	}
}

// TestByRecord: within a class contents weigh as their records; a class weighs as it has contents.
func TestByRecord(t *testing.T) {
	p := byRecord([]calibrate.Point{{Score: 1}, {Score: 2}, {Score: 3, Bad: true}, {Score: 4, Bad: true}, {Score: 5, Bad: true}},
		[]float64{1, 99, 10, 10, 10})
	for i, want := range []float64{.02, 1.98, 1, 1, 1} {
		if math.Abs(p[i].Weight-want) > 1e-12 {
			t.Errorf("point %d weighs %v, want %v", i, p[i].Weight, want)
		}
	}
}
