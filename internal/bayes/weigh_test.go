package bayes

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWeightAgainstSklearn compares with scikit-learn 1.9.1: BernoulliNB(alpha=.5, fit_prior=False) of one feature that b
// of B bad and g of G good records have; the difference of the logits of its p(t|bad) and p(t|good), divided by log 2:
//
//	lp = m.feature_log_prob_[:, 0]; logit = lp - log(-expm1(lp)); (logit[1] - logit[0]) / log(2)
func TestWeightAgainstSklearn(t *testing.T) {
	for _, c := range []struct{ b, bad, g, good, want float64 }{
		{1, 1, 0, 1, 3.169925001442},
		{3, 10, 1, 100, 4.952126446272},
		{0, 10, 50, 100, -4.392317422779},
		{10, 10, 0, 100000, 22.001965110673},
		{7, 1624, 3, 197034, 8.028052447088},
		{500, 1000, 500, 1000, 0},
		{0, 1, 100000, 100000, -19.194610188434}, // its last three digits are lost where p(t|good) is nearly 1
		{1, 11, 2, 1150, 6.036252124433},
	} {
		if got := Weight(c.b, c.bad, c.g, c.good); math.Abs(got-c.want) > 2e-10 {
			t.Errorf("Weight(%v, %v, %v, %v) = %.12f, scikit-learn has %.12f", c.b, c.bad, c.g, c.good, got, c.want)
		}
		if got := Weight(c.g, c.good, c.b, c.bad); math.Abs(got+c.want) > 2e-10 {
			t.Errorf("sides changed: %.12f, want %.12f", got, -c.want)
		}
	}
}

func TestWeightProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		bad, good := 1+math.Floor(r.Float64()*1e5), 1+math.Floor(r.Float64()*1e7)
		b, g := r.Float64()*(bad-1), r.Float64()*(good-1)
		w := Weight(b, bad, g, good)
		if math.IsNaN(w) || math.IsInf(w, 0) {
			t.Fatalf("Weight(%v, %v, %v, %v) = %v", b, bad, g, good, w)
		}
		if Weight(b+1, bad, g, good) <= w || Weight(b, bad, g+1, good) >= w {
			t.Fatalf("Weight(%v, %v, %v, %v) does not rise with the bad and fall with the good", b, bad, g, good)
		}
	}
	// No counts, and a token that everything has, are bounded by the prior.
	if w := Weight(0, 0, 0, 0); w != 0 {
		t.Errorf("of nothing: %v", w)
	}
	if w := Weight(3, 2, 0, 1); math.IsNaN(w) || math.IsInf(w, 0) { // damped counts may exceed their total by an ulp
		t.Errorf("more than all: %v", w)
	}
}

// TestRarity: −log2((g+½)/(G+1)), by numpy 2.4.6.
func TestRarity(t *testing.T) {
	for _, c := range []struct{ g, good, want float64 }{
		{0, 1, 2}, {3, 100, 4.850856560694191}, {100, 100, 0.007159791572866129}, {0, 0, 1}} {
		if got := Rarity(c.g, c.good); math.Abs(got-c.want) > 1e-14 {
			t.Errorf("Rarity(%v, %v) = %v, want %v", c.g, c.good, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	var m Moments
	if got := m.Spread(); got != (Spread{}) {
		t.Errorf("of nothing: %+v", got)
	}
	for _, v := range []float64{-3.25, .5, .5, 7, 12.125, -.75} {
		m.Add(v)
	}
	got := m.Spread() // by numpy 2.4.6: mean and std
	if got.N != 6 || got.Mean != 2.6875 || math.Abs(got.SD-5.232983334899255) > 1e-14 {
		t.Errorf("%+v", got)
	}
	var same Moments
	for range 1000 {
		same.Add(.1)
	}
	if s := same.Spread(); s.SD > 1e-7 || math.IsNaN(s.SD) {
		t.Errorf("of equal votes: %+v", s)
	}
}

// TestMomentsMerge: votes that were added in parts give what they give in one go. Votes in eighths add exactly, so here
// not even the last bit may differ.
func TestMomentsMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var all Moments
		parts := make([]Moments, 1+r.IntN(5))
		for range r.IntN(300) {
			v := float64(r.IntN(400)-200) / 8
			all.Add(v)
			parts[r.IntN(len(parts))].Add(v)
		}
		var merged Moments
		for _, i := range r.Perm(len(parts)) {
			merged.Merge(&parts[i])
		}
		if merged != all || merged.Spread() != all.Spread() {
			t.Fatalf("%+v, in parts %+v", all, merged)
		}
	}
}

func TestStandardize(t *testing.T) {
	for _, c := range []struct {
		s       Spread
		w, want float64
	}{
		{Spread{}, 5.8, 2},                         // never seen: by what an unknown field is granted
		{Spread{N: 5, Mean: 3, SD: 1}, 5.8, 2},     // too few votes
		{Spread{N: 6, Mean: 3, SD: 2}, 7, 2},       // as far above its mean as its spread is wide, twice
		{Spread{N: 6, Mean: 3, SD: 2}, 1, -1},      // less than it says in clean windows
		{Spread{N: 600, Mean: 1, SD: 0}, 1.72, 1},  // never without limit
		{Spread{N: 600, Mean: -1, SD: .5}, .44, 2}, // under the floor
	} {
		if got := c.s.Standardize(c.w); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v: %v bits are %v, want %v", c.s, c.w, got, c.want)
		}
	}
}

// The values of f are those of METHODS, computed from Robinson's formula.
func TestLogOdds(t *testing.T) {
	for _, c := range []struct{ b, bad, g, good, f float64 }{
		{1, 10, 0, 100, 0.8448275862},
		{10, 10, 0, 100, 0.9784688995},
		{0, 10, 50, 100, 0.0044598612},
		{3, 10, 30, 100, 0.5},
		{6, 6, 1152, 1152, 0.5},
		{0, 6, 0, 1152, 0.5},
	} {
		want := math.Log2(c.f / (1 - c.f))
		if got := LogOdds(c.b, c.bad, c.g, c.good); math.Abs(got-want) > 1e-6 {
			t.Errorf("LogOdds(%v of %v bad, %v of %v good) = %v, want %v", c.b, c.bad, c.g, c.good, got, want)
		}
	}
}
