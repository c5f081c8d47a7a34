package forest

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// invented returns rows in which the columns rate, took and kind matter, of n there are noise ones, and some cells are
// missing.
func invented(seed uint64, n, noise int) *Rows {
	g := rand.New(rand.NewPCG(seed, 1))
	r := &Rows{Columns: []Column{{Name: "rate"}, {Name: "took"}, {Name: "kind", Category: true}, {Name: "same"}}}
	for j := range noise {
		r.Columns = append(r.Columns, Column{Name: fmt.Sprint("noise", j), Category: j%5 == 4})
	}
	for range n {
		rate, took, kind := g.NormFloat64(), g.ExpFloat64(), g.IntN(9)
		odds := rate
		if kind%2 == 0 {
			odds = -rate
		}
		if took > 1 {
			odds += 1.5
		}
		r.Bad = append(r.Bad, g.Float64() < 1/(1+math.Exp(1-3*odds)))
		if g.IntN(8) == 0 {
			took = math.NaN()
		}
		r.Cells = append(r.Cells, rate, took, float64(kind*7919), 4)
		for j := range noise {
			if j%5 == 4 {
				r.Cells = append(r.Cells, float64(g.IntN(40)))
			} else {
				r.Cells = append(r.Cells, math.Floor(8*g.NormFloat64()))
			}
		}
	}
	return r
}

func fit(t testing.TB, r *Rows, use []int32, o Options) *Forest {
	t.Helper()
	f, err := Fit(context.Background(), r, use, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// auc is the share of pairs of a bad and a good row in which the bad one scores higher, equals counting half.
func auc(f *Forest, r *Rows, from int) float64 {
	var good, bad []float64
	for i := from; i < r.Len(); i++ {
		if s := f.Score(r.Row(i)); r.Bad[i] {
			bad = append(bad, s)
		} else {
			good = append(good, s)
		}
	}
	slices.Sort(good)
	sum := 0.
	for _, s := range bad {
		low, _ := slices.BinarySearch(good, s)
		high, _ := slices.BinarySearchFunc(good, s, func(g, s float64) int {
			if g <= s {
				return -1
			}
			return 1
		})
		sum += float64(low+high) / 2
	}
	return sum / float64(len(good)) / float64(len(bad))
}

// TestOracle: testdata/oracle.py invents the rows and has scikit-learn's forest learn them.
func TestOracle(t *testing.T) {
	text, err := os.ReadFile("testdata/oracle.csv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(text), "\n", 3)
	want, err := strconv.ParseFloat(strings.TrimPrefix(lines[1], "# "), 64)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(lines[2])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	r := &Rows{}
	last := len(records[0]) - 1
	for j, name := range records[0][:last] {
		r.Columns = append(r.Columns, Column{Name: name, Category: j == last-1})
	}
	for _, record := range records[1:] {
		for j, cell := range record[:last] {
			x, err := strconv.ParseFloat(cell, 64)
			if r.Columns[j].Category {
				h := fnv.New32a()
				h.Write([]byte(cell))
				x = float64(h.Sum32())
			} else if err != nil {
				t.Fatal(err)
			}
			r.Cells = append(r.Cells, x)
		}
		r.Bad = append(r.Bad, record[last] == "1")
	}
	half := make([]int32, r.Len()/2)
	for i := range half {
		half[i] = int32(i)
	}
	const seeds = 5
	mean := 0.
	for seed := range uint64(seeds) {
		mean += auc(fit(t, r, half, Options{Seed: seed, Workers: 2}), r, len(half)) / seeds
	}
	t.Logf("AUC %.4f, scikit-learn %.4f", mean, want)
	if math.Abs(mean-want) > .01 {
		t.Errorf("the AUC is %.4f, by scikit-learn %.4f", mean, want)
	}
}

func TestSameForest(t *testing.T) {
	r := invented(3, 1500, 6)
	r.Weight = make([]float64, r.Len())
	for i := range r.Weight {
		r.Weight[i] = float64(i%7) / 3
	}
	r.Cells[3], r.Cells[len(r.Columns)] = math.Copysign(0, -1), 0
	o := Options{Trees: 20, Seed: 5}
	want := fit(t, r, nil, o).Append(nil)
	same := func(what string, r *Rows, use []int32, o Options) {
		t.Helper()
		if !bytes.Equal(fit(t, r, use, o).Append(nil), want) {
			t.Errorf("another forest for %s", what)
		}
	}
	for _, workers := range []int{2, 3, 64} {
		o := o
		o.Workers = workers
		same(fmt.Sprint(workers, " workers"), r, nil, o)
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(r.Len())
	use := make([]int32, len(order))
	for k, i := range order {
		use[k] = int32(i)
	}
	same("another order of rows", r, use, o)
	more := &Rows{Columns: r.Columns, Cells: append(slices.Clone(r.Cells), r.Row(0)...), Bad: append(slices.Clone(r.Bad), true),
		Weight: append(slices.Clone(r.Weight), 0)}
	same("a row of no weight", more, nil, o)
	r.Weight = slices.Clone(r.Weight)
	for i := range r.Weight {
		r.Weight[i] *= 1024
	}
	same("weights in another unit", r, nil, o)
	o.Seed++
	if bytes.Equal(fit(t, r, nil, o).Append(nil), want) {
		t.Error("the same forest for another seed")
	}
}

// TestMonotone: what preserves the order of a column's numbers preserves every score of the rows learned from.
func TestMonotone(t *testing.T) {
	r := invented(4, 1000, 3)
	f := fit(t, r, nil, Options{Trees: 20})
	turned := &Rows{Columns: r.Columns, Bad: r.Bad, Cells: slices.Clone(r.Cells)}
	for i := 0; i < len(r.Cells); i += len(r.Columns) {
		turned.Cells[i] = math.Exp(3 * r.Cells[i])
		turned.Cells[i+1] = 1e6*r.Cells[i+1] - 7
	}
	g := fit(t, turned, nil, Options{Trees: 20})
	for i := range r.Len() {
		if a, b := f.Score(r.Row(i)), g.Score(turned.Row(i)); a != b {
			t.Fatalf("row %d scores %v, turned %v", i, a, b)
		}
	}
}

func TestLearnsFromWhatIsMissing(t *testing.T) {
	r := invented(5, 2000, 0)
	whole := auc(fit(t, r, nil, Options{}), r, 0)
	g := rand.New(rand.NewPCG(8, 8))
	for i, bad := range r.Bad { // now bad rows lack a rate
		if bad == (g.IntN(20) > 0) {
			r.Cells[i*len(r.Columns)] = math.NaN()
		}
	}
	f := fit(t, r, nil, Options{})
	row := slices.Clone(r.Row(0))
	row[0] = math.NaN()
	missing := f.Score(row)
	row[0] = 0
	if said := f.Score(row); missing < said+2 {
		t.Errorf("%v without a rate, %v with one", missing, said)
	}
	if whole < .95 {
		t.Errorf("an AUC of %v on the rows learned from", whole)
	}
}

func TestUnseenIsMissing(t *testing.T) {
	r := invented(6, 2000, 2)
	f := fit(t, r, nil, Options{})
	row := slices.Clone(r.Row(1))
	for _, j := range []int{0, 2} {
		row := slices.Clone(row)
		row[j] = math.NaN()
		want := f.Score(row)
		if j == 2 {
			for _, x := range []float64{5, -1, math.Inf(1), 1e300, math.MaxUint32} {
				if row[j] = x; f.Score(row) != want {
					t.Errorf("category %v scores %v, missing %v", x, f.Score(row), want)
				}
			}
		}
	}
	if got, want := f.Score(nil), f.Score([]float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}); got != want {
		t.Errorf("no cells score %v, missing ones %v", got, want)
	}
	for _, x := range []float64{math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		row[0] = x
		if s := f.Score(row); math.IsNaN(s) || math.Abs(s) > 20 {
			t.Errorf("a rate of %v scores %v", x, s)
		}
	}
}

func TestSmall(t *testing.T) {
	number := []Column{{Name: "x"}}
	for _, c := range []struct {
		name      string
		rows      Rows
		low, high float64 // bounds of the score of the first row
	}{
		{"one good row", Rows{Columns: number, Cells: []float64{1}, Bad: []bool{false}}, -4, -2},
		{"one bad row", Rows{Columns: number, Cells: []float64{1}, Bad: []bool{true}}, 2, 4},
		{"all good", Rows{Columns: number, Cells: []float64{1, 2, 3}, Bad: []bool{false, false, false}}, -5, -2},
		{"constant", Rows{Columns: number, Cells: []float64{1, 1}, Bad: []bool{true, false}}, -2, 2},
		{"nothing said", Rows{Columns: number, Cells: []float64{math.NaN(), math.NaN()}, Bad: []bool{true, false}}, -2, 2},
		{"infinite", Rows{Columns: number, Cells: []float64{math.Inf(-1), math.Inf(1)}, Bad: []bool{false, true}}, -9, -.5},
		{"huge weights", Rows{Columns: number, Cells: []float64{1, 2}, Bad: []bool{true, false}, Weight: []float64{math.MaxFloat64, 1e-300}}, 2, 9},
		{"a category", Rows{Columns: []Column{{"c", true}}, Cells: []float64{1, 1, 1, 2, 2, 2},
			Bad: []bool{false, false, false, true, true, true}}, -9, -1},
		{"rare categories", Rows{Columns: []Column{{"c", true}}, Cells: []float64{1, 2}, Bad: []bool{false, true}}, -2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fit(t, &c.rows, nil, Options{})
			if s := f.Score(c.rows.Row(0)); !(s >= c.low && s <= c.high) {
				t.Errorf("the first row scores %v, not from %v to %v", s, c.low, c.high)
			}
		})
	}
}

func TestFitRefuses(t *testing.T) {
	columns := []Column{{Name: "x"}}
	for _, c := range []struct {
		name string
		rows Rows
		use  []int32
		want string
	}{
		{"no columns", Rows{Bad: []bool{true}}, nil, "no columns"},
		{"no rows", Rows{Columns: columns}, nil, "no rows"},
		{"nobody", Rows{Columns: columns, Cells: []float64{1}, Bad: []bool{true}}, []int32{}, "no rows"},
		{"no weight", Rows{Columns: columns, Cells: []float64{1}, Bad: []bool{true}, Weight: []float64{0}}, nil, "no rows"},
		{"cells", Rows{Columns: columns, Cells: []float64{1, 2}, Bad: []bool{true}}, nil, "have 1 cells, not 2"},
		{"weights", Rows{Columns: columns, Cells: []float64{1}, Bad: []bool{true}, Weight: []float64{1, 2}}, nil, "2 weights"},
		{"not a weight", Rows{Columns: columns, Cells: []float64{1}, Bad: []bool{true}, Weight: []float64{math.NaN()}}, nil, "NaN"},
		{"beyond", Rows{Columns: columns, Cells: []float64{1}, Bad: []bool{true}}, []int32{1}, "no row 1"},
	} {
		if _, err := Fit(context.Background(), &c.rows, c.use, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Fit(ctx, invented(1, 100, 1), nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestContributions(t *testing.T) {
	r := invented(7, 1500, 4)
	f := fit(t, r, nil, Options{})
	dst := make([]float64, len(r.Columns))
	total := make([]float64, len(r.Columns))
	for i := range r.Len() {
		row := slices.Clone(r.Row(i))
		if i%3 == 0 {
			row[i%len(row)] = math.NaN()
		}
		sum := f.Contributions(row, dst)
		for j, c := range dst {
			sum += c
			total[j] += math.Abs(c)
		}
		if math.Abs(sum-f.Score(row)) > 1e-12 {
			t.Fatalf("row %d: %v add up to %v, the score is %v", i, dst, sum, f.Score(row))
		}
	}
	if total[3] != 0 {
		t.Errorf("a column with one value contributes %v", total[3])
	}
	for j := 4; j < len(total); j++ {
		if total[j] > total[0]*3/4 || total[j] > total[2]*3/4 {
			t.Errorf("noise contributes like what matters: %v", total)
		}
	}
}

func TestNumberScale(t *testing.T) {
	for _, c := range []struct {
		name    string
		numbers []float64
		want    int // edges
	}{
		{"none", nil, 0},
		{"one", []float64{3, 3}, 0},
		{"few", []float64{5, 1, 3, 3, 1}, 2},
	} {
		if s := numberScale(slices.Clone(c.numbers)); len(s.edges) != c.want {
			t.Errorf("%s: %v", c.name, s.edges)
		}
	}
	g := rand.New(rand.NewPCG(3, 3))
	numbers := make([]float64, 0, 20000) // most of them 0, the rest all different
	for range 10000 {
		numbers = append(numbers, 0, g.NormFloat64())
	}
	s := numberScale(slices.Clone(numbers))
	var rows [256]int
	for _, x := range numbers {
		rows[s.bin(x)]++
	}
	if len(s.edges) != maxBins-1 || rows[below] != 0 || rows[above] != 0 {
		t.Fatalf("%d edges, %v", len(s.edges), rows)
	}
	for b := 1; b <= maxBins; b++ {
		if b != int(s.bin(0)) && (rows[b] < 10 || rows[b] > 90) {
			t.Errorf("bin %d has %d rows", b, rows[b])
		}
	}
	if b := s.bin(0); rows[b] < 10000 || rows[b] > 10090 {
		t.Errorf("the bin of 0 has %d rows", rows[b])
	}
}

func BenchmarkFit(b *testing.B) {
	r := invented(9, 25000, 37)
	for b.Loop() {
		f := fit(b, r, nil, Options{Workers: 2})
		b.ReportMetric(float64(len(f.Append(nil))), "bytes")
		b.ReportMetric(float64(len(f.nodes)), "nodes")
	}
}

func BenchmarkScore(b *testing.B) {
	r := invented(9, 25000, 37)
	f := fit(b, r, nil, Options{Workers: 2})
	b.ReportAllocs()
	i, sum := 0, 0.
	for b.Loop() {
		sum += f.Score(r.Row(i))
		if i++; i == r.Len() {
			i = 0
		}
	}
	_ = sum
}
