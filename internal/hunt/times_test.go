package hunt

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func counted(times []int64) *timeline {
	l := &timeline{}
	for _, t := range times {
		l.add(t)
	}
	return l
}

// Times depend on the times alone: not on their order, nor on how they were dealt to workers.
func TestTimesOfAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const hour = int64(3600e9)
	for name, reach := range map[string]int64{"an instant": 1, "an hour": hour, "a month": 30 * 24 * hour, "all of time": math.MaxInt64 / 2} {
		for round := range 50 {
			times := make([]int64, 1+rng.IntN(300))
			base := rng.Int64N(reach) - reach/2
			for i := range times {
				times[i] = base + rng.Int64N(reach)
			}
			want := counted(times).times()
			var sum int64
			for i, c := range want.Counts {
				var own int64
				from := want.From + int64(i)*want.Width
				for _, x := range times {
					if x >= from && x-from < want.Width {
						own++
					}
				}
				if own != c {
					t.Fatalf("%s, round %d: bin %d holds %d, counted %d", name, round, i, own, c)
				}
				sum += c
			}
			if sum != int64(len(times)) || len(want.Counts) > maxBins {
				t.Fatalf("%s, round %d: %d of %d events in %d bins", name, round, sum, len(times), len(want.Counts))
			}
			if at := slices.Index(binWidths, want.Width/1e9); at > 0 {
				narrower := binWidths[at-1] * 1e9
				if floorDiv(slices.Max(times), narrower)-floorDiv(slices.Min(times), narrower) < maxBins {
					t.Fatalf("%s, round %d: bins of %d s where %d s would do", name, round, binWidths[at], binWidths[at-1])
				}
			}
			rng.Shuffle(len(times), func(i, k int) { times[i], times[k] = times[k], times[i] })
			if got := counted(times).times(); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, round %d: another order gives %+v, want %+v", name, round, got, want)
			}
			merged := &timeline{}
			for rest := times; ; {
				n := rng.IntN(len(rest) + 1)
				merged.absorb(counted(rest[:n]))
				if rest = rest[n:]; len(rest) == 0 {
					break
				}
			}
			if got := merged.times(); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, round %d: other workers give %+v, want %+v", name, round, got, want)
			}
		}
	}
}

func TestTimesAtTheEndsOfTime(t *testing.T) {
	got := counted([]int64{math.MinInt64, math.MaxInt64, math.MaxInt64, 0}).times()
	if len(got.Counts) < 2 || got.Counts[0] != 1 || got.Counts[len(got.Counts)-1] != 2 {
		t.Errorf("%+v", got)
	}
	if got := (&timeline{}).times(); len(got.Counts) != 0 {
		t.Errorf("nothing gives %+v", got)
	}
}

func BenchmarkTimeline(b *testing.B) {
	l := &timeline{}
	t := int64(1.7e18)
	for b.Loop() {
		t += 1e8
		l.add(t)
	}
}
