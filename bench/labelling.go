package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"weir/bench/incident"
	"weir/internal/decide"
	"weir/internal/eval"
	"weir/internal/hunt"
	"weir/internal/review"
	"weir/internal/source"
)

const (
	reviewSeeds = 20
	reviewsMost = 150 // answers
	// While fewer than this part of the window's bad records are left, an error of a few is more than 20 % of them; what is left
	// then is measured as a part of all.
	tailShare = .1
)

// A reviewed is a window under review: what can be asked, and the truth.
type reviewed struct {
	name  string
	items []review.Item
	bad   []int64 // of each item: bad records
	first []bool  // whether the record that is shown of it is bad
	all   int64   // bad records
	of    int64   // records
}

// labelling measures how many answers it takes until the estimate of remaining bad stays near the truth. The analyst is the
// truth: a question is answered by the label of the record that would be shown.
func (b *bench) labelling(ctx context.Context) error {
	set, err := incident.Open(b.shared)
	if err != nil {
		return err
	}
	incidents, seeds, companies := set.Incidents, reviewSeeds, 8
	if b.quick {
		incidents, seeds, companies = onePerFamily(incidents), 4, 2
	}
	var all []*reviewed
	for _, in := range incidents {
		x, err := reviewOf(ctx, in.Name, filepath.Join(in.Dir(), "logs"), filepath.Join(in.Dir(), "truth.csv.gz"), in.Text(), in.Hosts, in.Others())
		if err != nil {
			return err
		}
		all = append(all, x)
	}
	for seed := range companies {
		name := fmt.Sprintf("company %d", seed+1)
		dir, window, _, err := b.generate(ctx, fmt.Sprint("company", seed), "--seed", fmt.Sprint(seed+1), "--events", "100000")
		if err != nil {
			return err
		}
		x, err := reviewOf(ctx, name, dir, filepath.Join(dir, "truth.csv"), window, nil, nil)
		if e := os.RemoveAll(dir); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		all = append(all, x)
	}
	fmt.Printf("\n## Labelling\n\nAnswers (of the truth) until the estimate of the bad records that are left stays within 20 %% of them, median and most of %d "+
		"seeds,\nup to %d answers or until less than a tenth of the bad is left (at: median answers till then); then, until the estimate of all bad\n"+
		"(found and left) stays within 20 %%, to the end. Inside: how often the truth lay in the 95 %% interval, after answers 5 to the end.\n"+
		"Undrawn: the same without the questions that are drawn for the estimate, of the first 5 seeds.\n\n"+
		"| window | records | bad | questions | left: median | most | at | all: median | most | inside | left, undrawn | inside | found after 30 | undrawn |\n"+
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", seeds, reviewsMost)
	named := map[string]float64{"web-splice-a": -1, "phone-home-a": -1}
	worst, covered := 0.0, []float64{}
	for _, x := range all {
		d, u := x.measure(seeds, 0), x.measure(min(seeds, 5), -1)
		fmt.Printf("| %s | %d | %d | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f %% | %.0f | %.0f %% | %.0f %% | %.0f %% |\n", x.name, x.of, x.all, len(x.items),
			median(d.left), maxOf(d.left), median(d.until), median(d.total), maxOf(d.total), 100*median(d.inside), median(u.left), 100*median(u.inside),
			100*median(d.found), 100*median(u.found))
		if _, ok := named[x.name]; ok {
			named[x.name] = median(d.left)
		}
		worst = max(worst, median(d.left))
		covered = append(covered, median(d.inside))
	}
	b.row("reviews after which the estimate of remaining bad stays within 20 %, median of 20 seeds: web-splice-a, phone-home-a", "80", "30", "%.0f, %.0f",
		named["web-splice-a"], named["phone-home-a"])
	b.row("the same, the worst of all incidents and invented companies", "", "", "%.0f", worst)
	b.row("remaining bad inside its 95 % interval, median of incidents and companies", "", "95 %", "%.0f %%", 100*median(covered))
	return nil
}

func maxOf(x []float64) float64 {
	most := 0.0
	for _, v := range x {
		most = max(most, v)
	}
	return most
}

func reviewOf(ctx context.Context, name, logs, list, window string, hosts, ignore []string) (*reviewed, error) {
	span := func(text string) (hunt.Span, error) { return hunt.ParseSpan(text, time.UTC, time.Time{}) }
	w, err := span(window)
	if err != nil {
		return nil, err
	}
	o := hunt.Options{Windows: []hunt.Span{w}, Hosts: hosts}
	for _, text := range ignore {
		s, err := span(text)
		if err != nil {
			return nil, err
		}
		o.Ignore = append(o.Ignore, s)
	}
	args := []string{logs}
	if name[0] == 'c' && filepath.Ext(list) == ".csv" { // a company's logs lie beside its truth
		args = nil
		for _, l := range []string{"nginx", "auth.log", "zeek"} {
			args = append(args, filepath.Join(logs, l))
		}
	}
	inputs, err := source.Expand(args)
	if err != nil {
		return nil, err
	}
	file, err := source.File(list)
	if err != nil {
		return nil, err
	}
	in, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	truth, err := eval.ReadTruth(in)
	if err != nil {
		return nil, err
	}
	r, err := hunt.Run(ctx, inputs, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	costs := decide.FromRatio(200).Costs
	s := review.OfHunt(r, func(int) *decide.Costs { return &costs })
	x := &reviewed{name: name, items: s.Items, bad: make([]int64, len(s.Items)), first: make([]bool, len(s.Items)), of: int64(r.Len())}
	for k, members := range s.Members {
		for n, i := range members {
			label, _, _ := truth.Label(r.Place(i))
			if label == eval.Bad {
				x.bad[k]++
				x.first[k] = x.first[k] || n == 0
			}
		}
		x.all += x.bad[k]
	}
	return x, nil
}

// measures are one figure for each seed.
type measures struct{ left, until, total, inside, found []float64 }

func (x *reviewed) measure(seeds, draw int) *measures {
	all := make([][5]float64, seeds)
	var wait sync.WaitGroup
	slots := make(chan bool, runtime.GOMAXPROCS(0))
	for seed := range seeds {
		wait.Go(func() {
			slots <- true
			all[seed] = x.run(uint64(seed), draw)
			<-slots
		})
	}
	wait.Wait()
	m := &measures{}
	for _, f := range all {
		m.left, m.until, m.total = append(m.left, f[0]), append(m.until, f[1]), append(m.total, f[2])
		m.inside, m.found = append(m.inside, f[3]), append(m.found, f[4])
	}
	return m
}

// run answers questions by the truth: after how many the estimate of what is left stays near it, till when that was looked at,
// the same for the estimate of all, how often the truth lay inside the interval, and how much was found after 30.
func (x *reviewed) run(seed uint64, draw int) [5]float64 {
	s := review.New(x.items, review.Options{Basis: decide.Mixture, Seed: seed, Draw: draw})
	left, found := x.all, int64(0)
	var settled, until, total, after30 float64
	inside, looked, tail := 0, 0, false
	for n := 0; ; n++ {
		e := s.Remaining()
		off := math.Abs(e.Bad - float64(left))
		tail = tail || float64(left) < tailShare*float64(x.all)
		if !tail {
			until = float64(n)
			if off > .2*float64(left) {
				settled = float64(n + 1)
			}
		}
		if off > .2*float64(x.all) {
			total = float64(n + 1)
		}
		if n >= 5 {
			looked++
			if e.Low-.5 <= float64(left) && float64(left) <= e.High+.5 {
				inside++
			}
		}
		if n <= 30 {
			after30 = float64(found) / float64(x.all)
		}
		q, ok := s.Next()
		if !ok || n == reviewsMost {
			return [5]float64{settled, until, total, float64(inside) / float64(max(1, looked)), after30}
		}
		s.Answer(review.Answer{Item: q.Item, Bad: x.first[q.Item]})
		left -= x.bad[q.Item]
		found += x.bad[q.Item]
	}
}
