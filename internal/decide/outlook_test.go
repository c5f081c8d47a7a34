package decide

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/scenario"
)

// A visit is a request of the scenario's shop.
type visit struct {
	time int64
	who  uint64
	bad  bool
}

type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

// shop returns the requests of the invented company's web shop in order of time.
func shop(t testing.TB, seed uint64, events int64) []visit {
	t.Helper()
	files := map[string]*memory{}
	if _, err := scenario.Generate(scenario.Config{Events: events, Seed: seed, Days: 28, Zone: time.UTC}, func(name string) (io.WriteCloser, error) {
		files[name] = &memory{}
		return files[name], nil
	}); err != nil {
		t.Fatal(err)
	}
	bad := map[string]bool{}
	for line := range strings.Lines(files["truth.csv"].String()) {
		if f := strings.Split(line, ","); f[0] == "nginx/access.log" {
			bad[f[1]] = true
		}
	}
	var out []visit
	n := 0
	for line := range strings.Lines(files["nginx/access.log"].String()) {
		n++
		_, rest, _ := strings.Cut(line, "[")
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", rest[:26])
		if err != nil {
			t.Fatal(err)
		}
		h := fnv.New64a()
		who, _, _ := strings.Cut(line, " ")
		h.Write([]byte(who))
		out = append(out, visit{at.UnixNano(), h.Sum64(), bad[fmt.Sprint(n)]})
	}
	slices.SortStableFunc(out, func(a, b visit) int { return cmp.Compare(a.time, b.time) })
	return out
}

// foretell lays what a ledger expects of the next d against what came, at every seventh record after the first tenth. It
// returns the mean deviance of a Poisson variable, by which a forecast of a count is fairly judged, and by tenths of the
// forecast what was said and what came.
func foretell(visits []visit, l *Ledger, d int) (deviance float64, said, came [10]float64) {
	later := map[uint64][]int64{}
	for _, v := range visits {
		if !v.bad {
			later[v.who] = append(later[v.who], v.time)
		}
	}
	length := int64(l.durations[d])
	last := visits[len(visits)-1].time
	type pair struct{ said, came float64 }
	var pairs []pair
	for i, v := range visits {
		e := Entity{Address, v.who}
		p := .001
		if v.bad {
			p = .99
		}
		if i > len(visits)/10 && i%7 == 0 && v.time+length < last {
			o := l.Outlooks(nil, e, p, v.time)[d].Good
			times := later[v.who]
			from, _ := slices.BinarySearch(times, v.time+1)
			to, _ := slices.BinarySearch(times, v.time+length+1)
			pairs = append(pairs, pair{o, float64(to - from)})
		}
		l.Add(v.time, []Entity{e}, p)
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.said, b.said) })
	for i, p := range pairs {
		said[i*10/len(pairs)] += p.said
		came[i*10/len(pairs)] += p.came
		m := max(p.said, 1e-6)
		deviance += 2 * (m - p.came)
		if p.came > 0 {
			deviance += 2 * p.came * math.Log(p.came/m)
		}
	}
	return deviance / float64(len(pairs)), said, came
}

// TestOutlookComesTrue: on the scenario's shop, what the ledger foretells comes true in sum and in every tenth, and each part
// of the model pays.
func TestOutlookComesTrue(t *testing.T) {
	visits := shop(t, 3, 120_000)
	for d, length := range defaultDurations() {
		full, said, came := foretell(visits, NewLedger(defaultDurations(), 0), d)
		plain := NewLedger(defaultDurations(), 0)
		plain.plain = true
		without, _, _ := foretell(visits, plain, d)
		t.Logf("%v: deviance %.3f, without what came true before %.3f\n  said %.0f\n  came %.0f", length, full, without, said, came)
		if length <= 24*time.Hour && full > .9*without {
			t.Errorf("%v: deviance %.3f, without what came true before %.3f: it does not pay", length, full, without)
		}
		for i := 2; i < 10; i++ { // below, next to nothing is said and comes
			if ratio := said[i] / came[i]; ratio < .4 || ratio > 2.2 {
				t.Errorf("%v: in tenth %d, %.0f were foretold and %.0f came", length, i+1, said[i], came[i])
			}
		}
	}
}
