package linear

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"weir/internal/bayes"
)

// lcg is the generator of the script below: rand() of C89's example.
type lcg uint32

func (s *lcg) draw(k int) int {
	*s = (*s*1103515245 + 12345) % (1 << 31)
	return int(*s>>16) % k
}

// oracleRows makes the rows of the script below, with their weights.
func oracleRows() *Rows {
	const n, m = 40, 6
	s := lcg(1)
	r := &Rows{Start: []int32{0}, Width: m}
	for i := range n {
		bad := i % 2
		for f := range m {
			if s.draw(3) == 0 || f == bad && s.draw(2) == 0 {
				r.Features = append(r.Features, uint32(f))
				r.Values = append(r.Values, float32(1+s.draw(4))/4)
			}
		}
		r.Start = append(r.Start, int32(len(r.Features)))
		r.Bad = append(r.Bad, bad == 1)
		r.Weight = append(r.Weight, float64(1+s.draw(3)))
	}
	return r
}

// TestFitOracle compares weights with those of scikit-learn 1.2.1, which were printed by
//
//	import numpy as np
//	from sklearn.linear_model import LogisticRegression
//	n, m = 40, 6
//	X = np.zeros((n, m)); y = np.zeros(n, int); c = np.ones(n)
//	s = 1
//	def draw(k):
//	    global s
//	    s = (s * 1103515245 + 12345) % 2**31
//	    return (s >> 16) % k
//	for i in range(n):
//	    y[i] = i % 2
//	    for f in range(m):
//	        if draw(3) == 0 or f == y[i] and draw(2) == 0:
//	            X[i, f] = (1 + draw(4)) / 4
//	    c[i] = 1 + draw(3)
//	for C in (.5, 20):
//	    for w in (None, c):
//	        fit = LogisticRegression(C=C, solver="liblinear", intercept_scaling=1, tol=1e-12, max_iter=100000).fit(X, y, sample_weight=w)
//	        print(", ".join("%.6f" % x for x in fit.coef_[0]), "%.6f" % fit.intercept_[0])
//
// The solver lbfgs, given the bias as a column of ones, finds the same to 4e-5.
func TestFitOracle(t *testing.T) {
	for _, c := range []struct {
		cost     float64
		weighted bool
		want     []float64 // the bias last
	}{
		{.5, false, []float64{-.841371, .355030, .494303, -.410684, -.136180, .078559, .042618}},
		{.5, true, []float64{-1.237355, .407902, .666205, -.441766, -.376002, .329614, .020625}},
		{20, false, []float64{-3.043332, .636534, 1.343687, -1.763662, -.903481, .714638, .530578}},
		{20, true, []float64{-3.148555, .404417, 1.432835, -1.375021, -1.199431, 1.458173, .362407}},
	} {
		r := oracleRows()
		if !c.weighted {
			r.Weight = nil
		}
		w := fit(t, r, nil, Options{Cost: c.cost, Epochs: 100_000, Tolerance: 1e-9})
		for i, got := range append(slices.Clone(w.W), w.Bias) {
			if math.Abs(got-c.want[i]) > 1e-3 {
				t.Errorf("C=%v, weighted %v: weight %d is %.6f, want %.6f", c.cost, c.weighted, i, got, c.want[i])
			}
		}
	}
}

func fit(t *testing.T, r *Rows, use []int32, o Options) *Weights {
	t.Helper()
	w, err := Fit(context.Background(), r, use, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (r *Rows) add(bad bool, weight float64, features ...uint32) {
	if r.Start == nil {
		r.Start, r.Weight = []int32{0}, []float64{}
	}
	for _, f := range features {
		r.Features = append(r.Features, f)
		r.Values = append(r.Values, float32(1/math.Sqrt(float64(len(features)))))
		r.Width = max(r.Width, int(f)+1)
	}
	r.Start = append(r.Start, int32(len(r.Features)))
	r.Bad = append(r.Bad, bad)
	r.Weight = append(r.Weight, weight)
}

func TestFitOneClass(t *testing.T) {
	for _, bad := range []bool{false, true} {
		r := &Rows{}
		for i := range 20 {
			r.add(bad, 1, uint32(i%3), 3)
		}
		r.add(bad, 1) // with nothing in it
		w := fit(t, r, nil, Options{})
		for i := range r.Len() {
			if s := w.Score(r.Row(i)); s > 0 != bad || math.IsNaN(s) {
				t.Errorf("bad %v: row %d scores %v", bad, i, s)
			}
		}
		if s := w.Score([]uint32{77}, []float32{1}); s != w.Bias || s > 0 != bad {
			t.Errorf("bad %v: an unknown feature scores %v, the bias is %v", bad, s, w.Bias)
		}
	}
}

func TestFitEmpty(t *testing.T) {
	w := fit(t, &Rows{Start: []int32{0}, Width: 2}, nil, Options{})
	if len(w.W) != 2 || w.W[0] != 0 || w.Bias != 0 {
		t.Errorf("no rows: %+v", w)
	}
	r := &Rows{}
	r.add(true, 1)
	r.add(false, 1)
	if w = fit(t, r, nil, Options{Epochs: 10_000, Tolerance: 1e-9}); math.Abs(w.Bias) > 1e-3 {
		t.Errorf("rows with nothing in them: %+v", w)
	}
	r.add(true, 1, 0)
	if w = fit(t, r, []int32{}, Options{}); w.W[0] != 0 {
		t.Errorf("none to be used: %+v", w)
	}
}

// TestFitCopies: a row that is there k times is one with the weight k, also where only some rows are used.
func TestFitCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	exact := Options{Cost: 2, Epochs: 10_000, Tolerance: 1e-9}
	for range 20 {
		copies, weights := &Rows{}, &Rows{}
		var use []int32
		for i := range 30 {
			features := []uint32{uint32(r.IntN(8)), 8 + uint32(r.IntN(8))}
			bad, k := r.IntN(2) == 0, 1+r.IntN(4)
			for range k {
				copies.add(bad, 1, features...)
			}
			weights.add(bad, float64(k), features...)
			use = append(use, int32(2*i))
			weights.add(!bad, 1000, features...) // not used
		}
		a, b := fit(t, copies, nil, exact), fit(t, weights, use, exact)
		for f := range a.W {
			if math.Abs(a.W[f]-b.W[f]) > 1e-4 {
				t.Fatalf("weight %d: %v with copies, %v with weights", f, a.W[f], b.W[f])
			}
		}
	}
}

func TestUpdate(t *testing.T) {
	base := fit(t, oracleRows(), nil, Options{Cost: 1})
	was := slices.Clone(base.W)
	w, err := Update(context.Background(), base, &Rows{Start: []int32{0}, Width: 6}, nil, Options{})
	if err != nil || !slices.Equal(w.W, base.W) || w.Bias != base.Bias {
		t.Errorf("no rows: %+v, %v; the base is %+v", w, err, base)
	}
	r := &Rows{}
	r.add(true, 1, 2, 9) // 9 is new
	r.add(true, 1, 9)
	w, err = Update(context.Background(), base, r, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(base.W, was) {
		t.Error("the base has changed")
	}
	for i := range r.Len() {
		if s := w.Score(r.Row(i)); s <= 0 {
			t.Errorf("the learned row %d scores %v", i, s)
		}
	}
	if len(w.W) != 10 || w.W[9] <= 0 || w.W[0] != base.W[0] {
		t.Errorf("%+v", w)
	}
	again, _ := Update(context.Background(), base, r, nil, Options{})
	if !slices.Equal(again.W, w.W) || again.Bias != w.Bias {
		t.Error("the same update gives something else")
	}
	// What is stiff moves less: the row is learned by what is not.
	stiff := slices.Repeat([]float64{1}, 10)
	stiff[2] = 1000
	v, err := Update(context.Background(), base, r, stiff, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if w.Bias != base.Bias || v.Bias != base.Bias {
		t.Error("the bias has moved")
	}
	if was, is := math.Abs(w.W[2]-base.W[2]), math.Abs(v.W[2]-base.W[2]); is > was/100 || v.Score(r.Row(0)) <= 0 {
		t.Errorf("a weight moves by %v, by %v where it is stiff", was, is)
	}
}

func TestFitEnds(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Fit(ctx, oracleRows(), nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkFit(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 7))
	rows := &Rows{}
	for range 5000 {
		f := make([]uint32, 100)
		for k := range f {
			f[k] = uint32(r.IntN(20_000))
		}
		slices.Sort(f)
		rows.add(r.IntN(2) == 0, 1, f...)
	}
	for b.Loop() {
		_, _ = Fit(context.Background(), rows, nil, Options{})
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/fit")
}

// TestMultiplier: a multiplier is the root that halving an interval finds, as near as is promised, wherever it starts.
func TestMultiplier(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for range 200_000 {
		bound, norm := math.Exp(r.NormFloat64()*4), math.Exp(r.NormFloat64()*4)
		margin := r.NormFloat64() * math.Exp(r.NormFloat64()*3)
		old := 0.
		switch r.IntN(4) {
		case 0:
			old = bound * r.Float64()
		case 1:
			old = bound * math.Exp(-20*r.Float64())
		case 2:
			old = bound * (1 - 1e-12)
		}
		if r.IntN(100) == 0 {
			norm = 0
		}
		if old > 0 { // a margin holds what the row itself has added
			margin += norm * old
		}
		got := multiplier(old, margin, norm, bound)
		low, high := 0., bound
		for range 200 {
			if z := (low + high) / 2; z > bound*bayes.Logistic(-(margin+norm*(z-old))) {
				high = z
			} else {
				low = z
			}
		}
		if !(got >= 0 && got <= bound) || math.Abs(got-low)*norm > .006 || norm == 0 && math.Abs(got-low) > 1e-9*bound {
			t.Fatalf("multiplier(%v, %v, %v, %v) = %v, the root is %v", old, margin, norm, bound, got, low)
		}
	}
	for _, margin := range []float64{-1e9, -1e3, 0, 1e3, 1e9} {
		for _, old := range []float64{0, 1e-300, 1e-12, 1, 500 * (1 - 1e-15)} {
			if z := multiplier(old, margin, 2, 500); !(z >= 0 && z <= 500) {
				t.Errorf("multiplier(%v, %v, 2, 500) = %v", old, margin, z)
			}
		}
	}
}
