package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/hunt"
	"weir/internal/scenario"
	"weir/internal/source"
	"weir/internal/token"
)

// A made is items for tests: each a list of tokens, and times.
type made struct {
	tokens [][]hunt.Trait
	times  [][]int64
}

var fields = []*token.Field{{Name: "url.path"}, {Name: "url.query"}, {Name: "user_agent.original"}, {Name: "message"}}

func (m *made) items() items {
	return items{n: len(m.tokens),
		traits: func(i int, f func(hunt.Trait)) {
			for _, x := range m.tokens[i] {
				f(x)
			}
		},
		times: func(i int) []int64 { return m.times[i] }}
}

func (m *made) permuted(order []int) *made {
	out := &made{}
	for _, i := range order {
		out.tokens, out.times = append(out.tokens, m.tokens[i]), append(out.times, m.times[i])
	}
	return out
}

// kinds makes items of a number of kinds, whose kind is item mod kinds: most of their tokens are their kind's, some are their
// own.
func kinds(r *rand.Rand, n, kinds int) *made {
	m := &made{}
	for i := range n {
		k := i % kinds
		var x []hunt.Trait
		for t := range 8 {
			if r.Float64() < .8 {
				x = append(x, hunt.Trait{ID: uint32(k*10 + t), Field: fields[t%len(fields)], Kind: token.Word, Weight: 5 + float64(t)})
			}
		}
		x = append(x, hunt.Trait{ID: uint32(kinds*10 + i), Field: fields[0], Kind: token.Whole, Weight: 4 + r.Float64()})
		m.tokens, m.times = append(m.tokens, x), append(m.times, []int64{r.Int64N(3600e9)})
	}
	return m
}

// partition writes which items are together, whatever their clusters' numbers are.
func partition(of []int32) string {
	groups := map[int32][]int{}
	for i, k := range of {
		groups[k] = append(groups[k], i)
	}
	var out []string
	for _, g := range groups {
		out = append(out, fmt.Sprint(g))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// Kinds are found again, each item compared with each, or around leaders.
func TestGroupFindsKinds(t *testing.T) {
	for _, leaders := range []int{1000, 60} {
		m := kinds(rand.New(rand.NewPCG(1, 2)), 300, 6)
		of := group(newTable(m.items()), Options{Leaders: leaders})
		for i := range of {
			if of[i] != of[i%6] {
				t.Fatalf("%d leaders: items %d and %d are of one kind and in clusters %d and %d", leaders, i, i%6, of[i], of[i%6])
			}
		}
		for a := range 6 {
			for b := range a {
				if of[a] == of[b] {
					t.Errorf("%d leaders: kinds %d and %d are one cluster", leaders, a, b)
				}
			}
		}
	}
}

// The order in which items come changes nothing.
func TestGroupPermuted(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := kinds(r, 20+r.IntN(60), 1+r.IntN(8))
		want := group(newTable(m.items()), Options{Leaders: 1000})
		order := r.Perm(len(m.tokens))
		got := group(newTable(m.permuted(order).items()), Options{Leaders: 1000})
		back := make([]int32, len(got))
		for i, o := range order {
			back[o] = got[i]
		}
		if partition(back) != partition(want) {
			t.Fatalf("seed %d: %s, permuted %s", seed, partition(want), partition(back))
		}
	}
}

// Degenerate sets: one item, all the same, all different, no tokens at all, no weight; times that jump over centuries.
func TestGroupDegenerate(t *testing.T) {
	trait := func(id uint32, weight float64) hunt.Trait {
		return hunt.Trait{ID: id, Field: fields[0], Kind: token.Word, Weight: weight}
	}
	for _, c := range []struct {
		name     string
		n        int
		traits   func(i int) []hunt.Trait
		time     func(i int) int64
		clusters int // −1: any
	}{
		{"one", 1, func(int) []hunt.Trait { return []hunt.Trait{trait(1, 3)} }, func(int) int64 { return 5 }, 1},
		{"same", 500, func(int) []hunt.Trait { return []hunt.Trait{trait(1, 3), trait(2, 9)} }, func(int) int64 { return 5 }, -1},
		{"different", 500, func(i int) []hunt.Trait { return []hunt.Trait{trait(uint32(i), 3)} }, func(i int) int64 { return int64(i) * 1e15 }, 500},
		{"empty", 100, func(int) []hunt.Trait { return nil }, func(i int) int64 { return int64(i) * 1e15 }, 100},
		{"good only", 100, func(int) []hunt.Trait { return []hunt.Trait{trait(1, -3)} }, func(i int) int64 { return int64(i) * 1e15 }, 100},
		{"times jump", 100, func(int) []hunt.Trait { return []hunt.Trait{trait(1, 3), trait(2, 4)} },
			func(i int) int64 { return []int64{math.MinInt64, 0, math.MaxInt64}[i%3] }, -1},
		{"one second", 100, func(i int) []hunt.Trait { return []hunt.Trait{trait(uint32(i), 3)} }, func(int) int64 { return 7 }, -1},
	} {
		m := &made{}
		for i := range c.n {
			m.tokens, m.times = append(m.tokens, c.traits(i)), append(m.times, []int64{c.time(i)})
		}
		for _, leaders := range []int{1000, 50} {
			of := group(newTable(m.items()), Options{Leaders: leaders})
			got := map[int32]bool{}
			for _, k := range of {
				got[k] = true
			}
			if len(of) != c.n || c.clusters >= 0 && leaders >= c.n && len(got) != c.clusters {
				t.Errorf("%s, %d leaders: %d clusters of %d items, want %d", c.name, leaders, len(got), len(of), c.clusters)
			}
			if len(got) > leaders+1 {
				t.Errorf("%s: %d clusters with room for %d leaders", c.name, len(got), leaders)
			}
		}
	}
}

// TestAgglomerate compares chains of nearest neighbours with joining the nearest two again and again.
func TestAgglomerate(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		n := 1 + r.IntN(30)
		d := newMatrix(n)
		sizes := make([]int, n)
		for i := range n {
			sizes[i] = 1 + r.IntN(3)
			for k := range i {
				x := r.Float64()
				d.row(i)[k], d.row(k)[i] = x, x
			}
		}
		most := .2 + .6*r.Float64()
		want := naive(d, sizes, most)
		if got := agglomerate(&matrix{n, slices.Clone(d.x)}, sizes, most); partition(got) != partition(want) {
			t.Fatalf("seed %d: %s, want %s", seed, partition(got), partition(want))
		}
	}
}

func naive(d *matrix, sizes []int, most float64) []int32 {
	of := make([]int32, d.n)
	for i := range of {
		of[i] = int32(i)
	}
	for {
		a, b, least := int32(-1), int32(-1), math.Inf(1)
		for i := range int32(d.n) {
			for k := range i {
				sum, weight := 0.0, 0.0
				for x := range d.n {
					for y := range d.n {
						if of[x] == i && of[y] == k {
							w := float64(sizes[x] * sizes[y])
							sum += w * d.row(x)[y]
							weight += w
						}
					}
				}
				if weight > 0 && sum/weight < least {
					a, b, least = k, i, sum/weight
				}
			}
		}
		if a < 0 || least > most {
			return of
		}
		for i := range of {
			if of[i] == b {
				of[i] = a
			}
		}
	}
}

// Time tells apart what tokens do not where steps follow each other, and is left alone where it says nothing.
func TestAgreement(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	m := kinds(r, 120, 4)
	share := func() float64 {
		tb := newTable(m.items())
		list, _ := leaders(tb, 1000, .1)
		near := make([][]float64, len(list))
		for i := range list {
			near[i] = sampled(tb.items.times(i), 0)
		}
		_, time := mix(likenesses(list), closeness(near))
		return time
	}
	if s := share(); s > .1 {
		t.Errorf("time that says nothing counts %.2f", s)
	}
	for i := range m.times {
		m.times[i] = []int64{int64(i%4)*600e9 + r.Int64N(5e9)}
	}
	if s := share(); s < .5 {
		t.Errorf("time that agrees counts %.2f", s)
	}
}

func TestLinking(t *testing.T) {
	for _, c := range []struct {
		name      string
		good, bad uint32
		known     float64
		links     bool
	}{
		{"a new client", 0, 30, 200_000, true},
		{"a proxy that everybody uses", 60_000, 900, 200_000, false},
		{"the login page", 2_000, 700, 200_000, false},
		{"a host in its daily work", 250, 25, 200_000, false},
		{"a quiet server that was broken into", 90, 9_000, 34_000, true},
		{"a new client, few known good", 0, 30, 60, true},
	} {
		x := hunt.Trait{Good: c.good, Bad: c.bad, Rarity: -math.Log2((float64(c.good) + .5) / (c.known + 1))}
		if w := linking(&x, c.known); (w >= linkFrom) != c.links {
			t.Errorf("%s links %.2f", c.name, w)
		}
	}
	steps := []span{{10, 0, 10}, {10, 20, 30}, {10, 40, 50}, {10, 60 * 3600e9, 61 * 3600e9}}
	marks := []mark{
		{step: 0, facet: client, token: 1, events: 10, weight: 1}, {step: 1, facet: client, token: 1, events: 10, weight: 1},
		{step: 3, facet: client, token: 1, events: 10, weight: 1}, // days later
		{step: 1, facet: path, token: 2, events: 10, weight: .1}, {step: 2, facet: path, token: 2, events: 10, weight: .1},
	}
	if got := fmt.Sprint(link(marks, steps)); got != "[0 0 2 3]" {
		t.Errorf("steps are in campaigns %s", got)
	}
}

type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

func company(t *testing.T, workers int, reverse bool) *hunt.Result {
	t.Helper()
	r, _ := companyOf(t, scenario.Config{Events: 40_000}, workers, reverse)
	return r
}

// companyOf hunts in a generated company's logs, and returns these, too.
func companyOf(t *testing.T, c scenario.Config, workers int, reverse bool) (*hunt.Result, map[string]*memory) {
	t.Helper()
	files := map[string]*memory{}
	var names []string
	if _, err := scenario.Generate(c, func(name string) (io.WriteCloser, error) {
		files[name] = &memory{}
		names = append(names, name)
		return files[name], nil
	}); err != nil {
		t.Fatal(err)
	}
	var incident struct{ From, To time.Time }
	if err := json.Unmarshal(files["incident.json"].Bytes(), &incident); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if reverse {
		slices.Reverse(names)
	}
	var inputs []source.Input
	for _, n := range names {
		if strings.HasSuffix(n, ".log") {
			inputs = append(inputs, source.Bytes(n, files[n].Bytes()))
		}
	}
	r, err := hunt.Run(context.Background(), inputs, hunt.Options{Workers: workers, Seed: uint64(workers),
		Windows: []hunt.Span{{From: incident.From.UnixNano(), To: incident.To.UnixNano()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, files
}

// Every suspect that the funnel left is in one step, or left over; campaigns are what their steps are; the number of workers
// and the order of files change nothing.
func TestLawsOfCampaigns(t *testing.T) {
	r := company(t, 1, false)
	list, err := Campaigns(r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for n, c := range list {
		events := 0
		for _, p := range c.Steps {
			events += len(p.Members)
			if p.First < c.First || p.Last > c.Last || p.First > p.Last || p.Best < c.Best || p.Name == "" {
				t.Errorf("campaign %d %d..%d has a step %q %d..%d", c.Number, c.First, c.Last, p.Name, p.First, p.Last)
			}
			for _, m := range p.Members {
				if seen[m] || r.Narrowed(m) {
					t.Errorf("suspect %d is in two steps, or was narrowed away", m)
				}
				seen[m] = true
			}
		}
		if events != c.Events || !slices.IsSortedFunc(c.Steps, func(a, b Step) int { return int(min(1, max(-1, a.First-b.First))) }) {
			t.Errorf("campaign %d: %d events in its steps, it says %d", c.Number, events, c.Events)
		}
		if c.Noise != (n == len(list)-1 && c.Number == 0) || !c.Noise && c.Number != n+1 {
			t.Errorf("campaign %d at place %d, noise %v", c.Number, n, c.Noise)
		}
		if n > 0 && !c.Noise && c.Score > list[n-1].Score {
			t.Errorf("campaign %d has score %v after %v", c.Number, c.Score, list[n-1].Score)
		}
	}
	left := 0
	for i := range r.Len() {
		if !r.Narrowed(i) {
			left++
		}
	}
	if len(seen) != left {
		t.Errorf("%d of %d suspects are in steps", len(seen), left)
	}
	other, err := Campaigns(company(t, 3, true), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(list, other) {
		t.Error("workers, keys or the order of files change the campaigns")
	}
}

// What was bounded stays bounded: the suspects around few leaders are still all there.
func TestFewLeaders(t *testing.T) {
	r := company(t, 2, false)
	list, err := Campaigns(r, Options{Leaders: 20})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, c := range list {
		sum += c.Events
	}
	if left := r.Funnel[len(r.Funnel)-1].Left.Events; sum != left || len(list) > 21 {
		t.Errorf("%d of %d suspects in %d campaigns", sum, left, len(list))
	}
}

// Names are for terminals, whatever an attacker wrote.
func TestNamesAreClean(t *testing.T) {
	p := Step{Tokens: []Token{{Text: "url.path=/\x1b[31mred\u202e\n", Share: 1}, {Text: "user.name=a\x00b", Share: 1}}}
	if name := stepName(&p); strings.ContainsAny(name, "\x1b\x00\n\u202e") || !strings.Contains(name, "red") {
		t.Errorf("the name is %q", name)
	}
}

func BenchmarkGroup(b *testing.B) {
	for _, n := range []int{1_000, 40_000, 400_000} {
		m := kinds(rand.New(rand.NewPCG(1, 2)), n, 6)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				group(newTable(m.items()), Options{Leaders: 1000})
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
