package calibrate

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/internal/bayes"
)

// sample is the data of the oracle, the same as in its script:
//
//	x = np.array([(i*37 % 101)/10 - 3 for i in range(60)])
//	y = np.array([1 if (i*53 % 97)/97 < 1/(1+np.exp(-(v-2)*.8)) else 0 for i, v in enumerate(x)])
//	w = np.array([1 + i % 3 for i in range(60)])
func sample() []Point {
	out := make([]Point, 60)
	for i := range out {
		x := float64(i*37%101)/10 - 3
		out[i] = Point{Score: x, Bad: float64(i*53%97)/97 < 1/(1+math.Exp(-(x-2)*.8)), Weight: 1}
	}
	return out
}

// bent is the data of the oracle for beta calibration.
//
//	x = np.array([(i*37 % 101)/10 - 5 for i in range(200)])
//	y = np.array([1 if (i*53 % 97)/97 < 1/(1+np.exp(-(v if v<0 else .4*v))) else 0 for i, v in enumerate(x)])
func bent() []Point {
	out := make([]Point, 200)
	for i := range out {
		x := float64(i*37%101)/10 - 5
		v := x
		if x >= 0 {
			v = .4 * x
		}
		out[i] = Point{Score: x, Bad: float64(i*53%97)/97 < 1/(1+math.Exp(-v))}
	}
	return out
}

func viewOf(points []Point) []pool {
	p := ordered(points)
	s := survey(p, true)
	s.scale = 1
	return view(s.cells(p), -1)
}

// TestIsotonicAgainstSklearn: before smoothing, rates are those of scikit-learn 1.2.1:
//
//	IsotonicRegression().fit(x, y, sample_weight=w).predict(np.sort(x)[::6])
func TestIsotonicAgainstSklearn(t *testing.T) {
	for _, c := range []struct {
		name string
		w    func(int) float64
		want []float64
	}{
		{"equal weights", func(int) float64 { return 1 }, []float64{.214285714286, .214285714286, .214285714286, .214285714286,
			.214285714286, .5, .5, 1, 1, 1}},
		{"weights", func(i int) float64 { return float64(1 + i%3) }, []float64{.210526315789, .210526315789, .210526315789,
			.210526315789, .210526315789, .428571428571, .529411764706, 1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample()
			for i := range p {
				p[i].Weight = c.w(i)
			}
			blocks, o := pav(viewOf(p)), ordered(p)
			for i, want := range c.want {
				x := o[6*i].Score
				at := slices.IndexFunc(blocks, func(b block) bool { return x >= b.low && x <= b.high })
				if got := blocks[at].bad / (blocks[at].good + blocks[at].bad); math.Abs(got-want) > 1e-11 {
					t.Errorf("at %v: %v, want %v", x, got, want)
				}
			}
		})
	}
}

// TestPlattAgainstSklearn: scikit-learn 1.2.1 has _SigmoidCalibration().fit(x, y) → −a_ = .37006460, −b_ = −.63729005;
// its BFGS stops early, so that more digits come from scipy.optimize.minimize of the same loss with gtol 1e-12.
func TestPlattAgainstSklearn(t *testing.T) {
	a, c := line(viewOf(sample()))
	if math.Abs(a-.3700645868962508) > 1e-7 || math.Abs(c+.6372900424765623) > 1e-7 {
		t.Errorf("%.12f·x + %.12f", a, c)
	}
	cu := platt(viewOf(sample()))
	if got := cu.at(2); math.Abs(got-(a*2+c)) > 1e-12 {
		t.Errorf("the curve has %v at 2", got)
	}
}

// TestBetaAgainstScipy compares with scipy.optimize.minimize (BFGS, gtol 1e-12; L-BFGS-B with bounds .01 for the sample,
// where a = .01) of the loss with Platt's targets t and z = a·x + c of Platt's line:
//
//	sp = lambda v: np.logaddexp(0, v)
//	F = lambda p: np.sum(sp(-p[0]*sp(-z)+p[1]*sp(z)+p[2]) - t*(-p[0]*sp(-z)+p[1]*sp(z)+p[2]))
func TestBetaAgainstScipy(t *testing.T) {
	for _, c := range []struct {
		name   string
		points []Point
		at     map[float64]float64
	}{
		{"a is at its bound", sample(), map[float64]float64{-3: 0.178471456518589, 5.4: 0.8690717774855938, -.7: 0.252091641890036,
			-2.1: 0.19968544291593104}},
		{"a and b", bent(), map[float64]float64{-5: 0.013587432943064479, -2: 0.14743611455120129, 0: 0.4308917428177116,
			1.5: 0.6510761104080389, 4: 0.8522576705683895}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cu := beta(viewOf(c.points))
			for x, want := range c.at {
				if got := bayes.Logistic(cu.at(x)); math.Abs(got-want) > 3e-4 { // knots are .16 apart
					t.Errorf("at %v: %v, want %v", x, got, want)
				}
			}
		})
	}
}

// draw makes normal scores, good ones around 0 and bad ones around 3.
func draw(r *rand.Rand, good, bad int) []Point {
	out := make([]Point, 0, good+bad)
	for range good {
		out = append(out, Point{Score: r.NormFloat64()})
	}
	for range bad {
		out = append(out, Point{Score: r.NormFloat64() + 3, Bad: true})
	}
	return out
}

func fit(t *testing.T, p []Point) *Calibration {
	t.Helper()
	c, err := Fit(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatalf("not valid: %v\n%+v", err, c)
	}
	return c
}

// TestFitTruth: for normal scores of equal variance the true log-odds are a line, 3·x − 4.5 + ln(bad/good).
func TestFitTruth(t *testing.T) {
	c := fit(t, draw(rand.New(rand.NewPCG(1, 2)), 20_000, 2000))
	for _, x := range []float64{-1, 0, 1, 2, 3, 4} {
		want := 1 / (1 + math.Exp(-(3*x - 4.5 - math.Log(10))))
		if got := c.Probability(x); math.Abs(logit(got)-logit(want)) > .25 {
			t.Errorf("%s at %v: %v, want %v", c.Method, x, got, want)
		}
	}
	if len(c.Warnings) > 0 {
		t.Error(c.Warnings)
	}
}

// TestFitChooses: each method is chosen where the truth has its shape.
func TestFitChooses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		want string
		rate func(x float64) float64
	}{
		{Platt, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{Beta, func(x float64) float64 { return 1 / (1 + math.Exp(2*softplus(-x)-softplus(x)/4)) }},
		{Isotonic, func(x float64) float64 { return .1 + .4*math.Floor(math.Max(0, math.Min(2, x/2))) }},
	} {
		p := make([]Point, 5000)
		for i := range p {
			x := r.Float64()*12 - 6
			p[i] = Point{Score: x, Bad: r.Float64() < c.rate(x)}
		}
		got := fit(t, p)
		if got.Method != c.want {
			t.Errorf("%s was chosen, not %s", got.Method, c.want)
		}
		for x := -5.; x < 6; x += 2 {
			if math.Abs(got.Probability(x)-c.rate(x)) > .06 {
				t.Errorf("%s at %v: %v, the truth is %v", got.Method, x, got.Probability(x), c.rate(x))
			}
		}
	}
}

func TestFitLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	same := func(group uint64, p []Point) []Point {
		for i := range p {
			p[i].Group = group + uint64(i%3)
		}
		return p
	}
	for _, c := range []struct {
		name    string
		points  []Point
		method  string
		warning string
	}{
		{"one point", []Point{{Score: 3, Bad: true}}, Constant, "no good records, so"},
		{"good only", draw(r, 100, 0), Constant, "no bad records, so every score gets the same probability: 0.005"},
		{"bad only", draw(r, 0, 100), Constant, "no good records"},
		{"equal scores", []Point{{Score: 3, Bad: true}, {Score: 3}}, Constant, "all scores are equal"},
		{"two", []Point{{Score: 3, Bad: true}, {Score: 2}}, Platt, "only 1 bad records"},
		{"few bad", draw(r, 1000, 12), Platt, "only 12 bad records, so probabilities follow a plain logistic curve"},
		{"few good", draw(r, 49, 1000), Platt, "only 49 good records"},
		{"few groups", same(7, draw(r, 1000, 1000)), Platt, "are of only 3 groups"},
		{"upside down", []Point{{Score: 1, Bad: true}, {Score: 2}}, Constant, "do not score higher"},
		{"no warning", draw(r, 1000, 50), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fit(t, c.points)
			if c.method != "" && got.Method != c.method {
				t.Errorf("method %s", got.Method)
			}
			if w := strings.Join(got.Warnings, "\n"); !strings.Contains(w, c.warning) || (c.warning == "") != (w == "") {
				t.Errorf("warnings: %q", w)
			}
		})
	}
}

func TestFitRefuses(t *testing.T) {
	for _, c := range []struct {
		points []Point
		want   string
	}{
		{nil, "cannot calibrate without points"},
		{[]Point{{Score: math.NaN()}, {Score: math.Inf(1)}, {Score: 1, Weight: -1}, {Score: 2e100}},
			"the score NaN of point 0: it must be within ±1e+100\ncannot calibrate with the score +Inf of point 1: it must be within ±1e+100\n" +
				"cannot calibrate with the weight -1 of point 2"},
		{[]Point{{Weight: math.NaN()}}, "weight NaN"},
	} {
		if _, err := Fit(c.points); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v", err)
		}
	}
}

// messy draws points with ties, far outliers, weights and groups.
func messy(r *rand.Rand) []Point {
	p := make([]Point, 1+r.IntN(600))
	unit := math.Exp(r.NormFloat64() * 8)
	for i := range p {
		x := math.Round(r.NormFloat64()*10) / float64(1+r.IntN(4))
		if r.IntN(50) == 0 {
			x *= 1000
		}
		p[i] = Point{Score: x * unit, Bad: r.Float64() < 1/(1+math.Exp(-x/5)), Group: uint64(r.IntN(40))}
		if r.IntN(2) == 0 {
			p[i].Weight = math.Exp(r.NormFloat64())
		}
	}
	return p
}

// TestFitProperties: valid, between 0 and 1, never falling, distinct within what was seen unless constant; the same
// whatever the order of the points; and the points stay as they are.
func TestFitProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		p := messy(r)
		before := slices.Clone(p)
		c := fit(t, p)
		if !slices.Equal(p, before) {
			t.Fatal("the points were changed")
		}
		monotone(t, c, p, r)
		r.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
		if again := fit(t, p); !reflect.DeepEqual(c, again) {
			t.Fatalf("in another order:\n%+v\n%+v", c, again)
		}
	}
}

func monotone(t *testing.T, c *Calibration, p []Point, r *rand.Rand) {
	t.Helper()
	var scores []float64
	for _, x := range p {
		scores = append(scores, x.Score, math.Nextafter(x.Score, math.Inf(1)), x.Score*r.Float64()*3)
	}
	scores = append(scores, math.Inf(-1), math.Inf(1), -MaxScore, MaxScore)
	slices.Sort(scores)
	first, last := c.Knots[0].Score, c.Knots[len(c.Knots)-1].Score
	for i, x := range scores {
		got := c.Probability(x)
		if !(got > 0 && got < 1) {
			t.Fatalf("%v gets %v", x, got)
		}
		if i == 0 {
			continue
		}
		low := c.Probability(scores[i-1])
		if got < low {
			t.Fatalf("%v gets %v, %v gets %v", scores[i-1], low, x, got)
		}
		near := x-scores[i-1] < 1e-7*(last-first) || got > 1-1e-9 // too near for distinct numbers
		if c.Method != Constant && got == low && !near && scores[i-1] >= first && x <= last {
			t.Fatalf("%s: %v and %v both get %v", c.Method, scores[i-1], x, got)
		}
	}
}

// TestFitUnit: scores in another unit get the same probabilities. Powers of two change no digit.
func TestFitUnit(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	p := draw(r, 3000, 300)
	c := fit(t, p)
	scaled := slices.Clone(p)
	for i := range scaled {
		scaled[i].Score *= 1024
	}
	d := fit(t, scaled)
	for _, x := range p {
		if a, b := c.Probability(x.Score), d.Probability(x.Score*1024); math.Abs(a-b) > 1e-12 {
			t.Fatalf("%v gets %v, in another unit %v", x.Score, a, b)
		}
	}
}

// TestFitCopies: copies that are known as such by their group do not make a curve steeper than it is by validation:
// a hundred copies of each of 100 noisy points fool isotonic regression without groups.
func TestFitCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var alone, together []Point
	for i := range 200 {
		x := r.Float64()*4 - 2
		p := Point{Score: x, Bad: r.Float64() < 1/(1+math.Exp(-x))}
		for range 100 {
			alone = append(alone, p)
			p.Group = uint64(i + 1)
			together = append(together, p)
			p.Group = 0
		}
	}
	if c := fit(t, alone); c.Method != Isotonic {
		t.Errorf("without groups: %s", c.Method)
	}
	if c := fit(t, together); c.Method != Platt {
		t.Errorf("with groups: %s", c.Method)
	}
}

func TestFitLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("a million points")
	}
	p := draw(rand.New(rand.NewPCG(13, 14)), 990_000, 10_000)
	c := fit(t, p)
	if len(c.Knots) > MaxKnots {
		t.Errorf("%d knots", len(c.Knots))
	}
}

func BenchmarkFit(b *testing.B) {
	p := draw(rand.New(rand.NewPCG(13, 14)), 990_000, 10_000)
	for b.Loop() {
		if _, err := Fit(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProbability(b *testing.B) {
	r := rand.New(rand.NewPCG(15, 16))
	c := &Calibration{Method: Isotonic, Live: .1, Prior: .1}
	for i := range MaxKnots {
		c.Knots = append(c.Knots, Knot{float64(i), float64(i)/16 - 16})
	}
	x := make([]float64, 1024)
	for i := range x {
		x[i] = r.Float64() * MaxKnots
	}
	i, sum := 0, 0.0
	for b.Loop() {
		sum += c.Probability(x[i&1023])
		i++
	}
	_ = sum
}

// TestFitWitnesses: weights are numbers of witnesses, so more of them make surer; for Fit only their ratios matter.
func TestFitWitnesses(t *testing.T) {
	points := draw(rand.New(rand.NewPCG(11, 12)), 300, 300)
	heavy := slices.Clone(points)
	for i := range heavy {
		heavy[i].Weight = 50
	}
	one, err := FitWitnesses(points)
	if err != nil {
		t.Fatal(err)
	}
	if plain := fit(t, points); !reflect.DeepEqual(one, plain) || !reflect.DeepEqual(fit(t, heavy).Knots, plain.Knots) {
		t.Error("with equal weights of one, or any for Fit, the curve is another")
	}
	many, err := FitWitnesses(heavy)
	if err != nil {
		t.Fatal(err)
	}
	const low, high = -1e3, 1e3
	if !(many.Probability(low) < one.Probability(low) && many.Probability(high) > one.Probability(high)) {
		t.Errorf("fifty times as many witnesses: %v to %v, once %v to %v", many.Probability(low), many.Probability(high), one.Probability(low), one.Probability(high))
	}
	if err := many.Validate(); err != nil {
		t.Error(err)
	}
}
