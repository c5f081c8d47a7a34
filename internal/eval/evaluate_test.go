package eval

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// sample is the data of the oracle, the same as in its script:
//
//	i = np.arange(400); p = (i*37 % 101)/100; y = ((i*53 % 97)/97 < p*p).astype(int)
func sample() []Sample {
	out := make([]Sample, 400)
	for i := range out {
		p := float64(i*37%101) / 100
		out[i] = Sample{Score: p, Probability: p, Bad: float64(i*53%97)/97 < p*p}
	}
	return out
}

func evaluate(t *testing.T, s []Sample, o Options) *Evaluation {
	t.Helper()
	e, err := Evaluate(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func near(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if !(math.Abs(got-want) <= by) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestEvaluateAgainstSklearn: scikit-learn 1.2.1, sklearn.metrics: roc_auc_score(y, p), average_precision_score,
// confusion_matrix(y, p >= .5), precision_score, recall_score, f1_score, accuracy_score, brier_score_loss, log_loss;
// f, t, th = roc_curve(y, p, drop_intermediate=False); f[argmax(t >= .95)]; t[max(flatnonzero(f <= .01))];
// precision_recall_curve(y, p)[…][-11]. ECE is by shared/bench/score_lines.py, which agrees on AP, F1, FPR at 95 % recall.
func TestEvaluateAgainstSklearn(t *testing.T) {
	e := evaluate(t, sample(), Options{})
	if e.Bad != 142 || e.Good != 258 || e.Confusion != (Confusion{124, 77, 18, 181}) {
		t.Errorf("%d bad, %d good, %+v", e.Bad, e.Good, e.Confusion)
	}
	near(t, "AUC", e.AUC.Value, 0.8757096844633693, 1e-14)
	near(t, "AP", e.AP.Value, 0.7978948786812503, 1e-14)
	near(t, "precision", e.Precision.Value, 0.6169154228855721, 1e-14)
	near(t, "recall", e.Recall.Value, 0.8732394366197183, 1e-14)
	near(t, "F1", e.F1.Value, 0.7230320699708455, 1e-14)
	near(t, "accuracy", e.Accuracy.Value, 0.7625, 1e-14)
	near(t, "FPR", e.FPR.Value, 77./258, 1e-14)
	near(t, "FPR at 95 %", e.FPRAt95.Value, 0.4728682170542636, 1e-14)
	near(t, "score at 95 %", e.ScoreAt95, .36, 0)
	near(t, "recall at 1 %", e.RecallAt1.Value, 0.18309859154929578, 1e-14)
	near(t, "Brier", e.Reliability.Brier, 0.1608945, 1e-11)
	near(t, "log loss", e.Reliability.LogLoss, 0.4873558309457598, 1e-10)
	near(t, "ECE", e.Reliability.ECE, .1441, 5e-6)
	if len(e.ROC) != 102 || len(e.PR) != 101 {
		t.Fatalf("%d and %d points", len(e.ROC), len(e.PR))
	}
	if p := e.ROC[10]; p.Score != .91 || p.FPR != 0.015503875968992248 || p.Recall != 0.24647887323943662 {
		t.Errorf("%+v", p)
	}
	if p := e.PR[9]; p.Score != .91 || p.Precision != 0.8974358974358975 || p.Recall != 0.24647887323943662 {
		t.Errorf("%+v", p)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	for _, c := range []struct {
		s    []Sample
		o    Options
		want string
	}{
		{nil, Options{}, "without labelled records"},
		{[]Sample{{Score: math.NaN()}}, Options{}, "the score NaN of record 0"},
		{[]Sample{{}, {Score: math.Inf(1)}}, Options{}, "the score +Inf of record 1"},
		{[]Sample{{Probability: 1.5}}, Options{}, "the probability 1.5"},
		{[]Sample{{Probability: math.NaN()}}, Options{}, "the probability NaN"},
		{[]Sample{{}}, Options{Threshold: 2, Resamples: -1}, "the threshold is 2: it must be from 0 to 1\n-1 resamples"},
		{[]Sample{{}}, Options{Threshold: math.NaN()}, "the threshold"},
	} {
		if _, err := Evaluate(c.s, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestEvaluateLittle(t *testing.T) {
	many := func(n int, s Sample) []Sample { return slices.Repeat([]Sample{s}, n) }
	for _, c := range []struct {
		name string
		s    []Sample
		want string
	}{
		{"twelve", append(many(200, Sample{Score: 1, Probability: .1}), append(many(10, Sample{Score: 2, Probability: .9, Bad: true}),
			many(2, Sample{Score: 0, Probability: .2, Bad: true})...)...), "only 12 bad records: the interval of recall is 0.55 to 0.95"},
		{"one group", append(many(200, Sample{Score: 1, Probability: .1}), many(1000, Sample{Score: 2, Probability: .9, Bad: true, Group: 7})...),
			"the 1000 bad records are worth only 1 independent ones: the interval of recall is 0.21 to 1.00"},
		{"no bad", many(100, Sample{Probability: .7}), "no bad records, so recall, AUC and average precision are unknown"},
		{"no good", many(100, Sample{Probability: .7, Bad: true}), "no good records, so the false-positive rate, AUC"},
		{"equal", append(many(100, Sample{}), many(100, Sample{Bad: true})...), "all scores are equal, so there is no ranking"},
		{"nothing called", append(many(100, Sample{}), many(100, Sample{Bad: true, Score: 1})...),
			"no record has a probability of 0.50 or more, so precision is unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := evaluate(t, c.s, Options{})
			if got := strings.Join(e.Warnings, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("%s", got)
			}
			lawful(t, e)
		})
	}
}

// TestEvaluateEnds: perfect and reversed rankings do not claim to be certain.
func TestEvaluateEnds(t *testing.T) {
	for _, flip := range []bool{false, true} {
		var s []Sample
		for i := range 100 {
			s = append(s, Sample{Score: float64(i), Probability: float64(i) / 100, Bad: i >= 50 != flip})
		}
		e := evaluate(t, s, Options{})
		want, low, high := 1., .9286524, 1. // Wilson for 50 of 50
		if flip {
			want, low, high = 0, 0, 1-.9286524
		}
		if e.AUC.Value != want || math.Abs(e.AUC.Low-low) > 1e-6 || math.Abs(e.AUC.High-high) > 1e-6 {
			t.Errorf("%+v", e.AUC)
		}
	}
}

// kinds of the random samples.
var kindNames = []string{"", "scan", "flood", "theft"}

func random(r *rand.Rand, n int) []Sample {
	s := make([]Sample, n)
	grouped, share := r.IntN(2) == 0, r.Float64()
	for i := range s {
		bad := r.Float64() < share
		x := math.Round(r.NormFloat64()*8) / 4
		if bad {
			x++
		}
		s[i] = Sample{Score: x, Probability: 1 / (1 + math.Exp(-x)), Bad: bad, Verdict: []string{"good", "bad", "novel", "odd"}[r.IntN(4)]}
		if bad {
			s[i].Kind = kindNames[r.IntN(4)]
		}
		if grouped {
			s[i].Group = uint64(r.IntN(n/2 + 1))
		}
	}
	return s
}

// lawful checks what holds of every evaluation.
func lawful(t *testing.T, e *Evaluation) {
	t.Helper()
	estimates := []Estimate{e.Precision, e.Recall, e.F1, e.Accuracy, e.FPR, e.AUC, e.AP, e.FPRAt95, e.RecallAt1}
	for _, k := range e.Kinds {
		estimates = append(estimates, k.Recall, k.AtOne)
	}
	for i, x := range estimates {
		if !(0 <= x.Low && x.Low <= x.High && x.High <= 1) || x.N > 0 && !(x.Low <= x.Value && x.Value <= x.High && x.Worth > 0 && x.Worth <= float64(x.N)+1e-9) {
			t.Fatalf("estimate %d: %+v", i, x)
		}
		if x.N == 0 && (x.Value != 0 || x.Low != 0 || x.High != 1) {
			t.Fatalf("estimate %d of nothing: %+v", i, x)
		}
	}
	if (e.Good > 0 && e.Bad > 0) != (len(e.ROC) > 0) || (len(e.ROC) > 0) != (len(e.PR) > 0) || len(e.ROC) > 512 || len(e.PR) > 512 {
		t.Fatalf("%d and %d points for %d good and %d bad", len(e.ROC), len(e.PR), e.Good, e.Bad)
	}
	for _, curve := range [][]CurvePoint{e.ROC, e.PR} {
		for i, p := range curve {
			if i > 0 && (p.Score > curve[i-1].Score || p.Recall < curve[i-1].Recall || p.FPR < curve[i-1].FPR || p.Flagged <= curve[i-1].Flagged) {
				t.Fatalf("%+v after %+v", p, curve[i-1])
			}
		}
	}
	if n := len(e.ROC); n > 0 && (e.ROC[0].Flagged != 0 || e.ROC[n-1].Recall != 1 || e.ROC[n-1].FPR != 1 || e.PR[len(e.PR)-1].Recall != 1) {
		t.Fatalf("the ends are missing: %+v, %+v", e.ROC[0], e.ROC[n-1])
	}
	n, verdicts := 0, 0
	for _, k := range e.Kinds {
		n += k.Count
	}
	for _, v := range e.Verdicts {
		verdicts += v.Good + v.Bad
	}
	if len(e.Kinds) > 0 && n != e.Bad || len(e.Verdicts) > 0 && verdicts != e.Good+e.Bad {
		t.Fatalf("%d of %d bad records have kinds, %d verdicts", n, e.Bad, verdicts)
	}
}

// slow are AUC and average precision by their definitions.
func slow(s []Sample) (auc, ap float64) {
	pairs, bad := 0.0, 0.0
	for _, x := range s {
		if !x.Bad {
			continue
		}
		bad++
		atLeast, tp := 0.0, 0.0
		for _, y := range s {
			if y.Score >= x.Score {
				atLeast++
				if y.Bad {
					tp++
				}
			}
			if !y.Bad && y.Score < x.Score {
				pairs++
			} else if !y.Bad && y.Score == x.Score {
				pairs += .5
			}
		}
		ap += tp / atLeast
	}
	return pairs / bad / (float64(len(s)) - bad), ap / bad
}

// TestEvaluateProperties: laws; areas as defined; the same for any order; a monotone change of scores changes no ranking;
// everything said of good and bad turns around with the labels.
func TestEvaluateProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := random(r, 1+r.IntN(300))
		before := slices.Clone(s)
		o := Options{Seed: r.Uint64(), Resamples: 20}
		e := evaluate(t, s, o)
		lawful(t, e)
		if !slices.Equal(s, before) {
			t.Fatal("the samples were changed")
		}
		if e.AUC.N > 0 {
			auc, ap := slow(s)
			near(t, "AUC", e.AUC.Value, auc, 1e-12)
			near(t, "AP", e.AP.Value, ap, 1e-12)
		}
		shuffled := slices.Clone(s)
		r.Shuffle(len(s), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := evaluate(t, shuffled, o); !reflect.DeepEqual(e, again) {
			t.Fatalf("in another order:\n%+v\n%+v", e, again)
		}
		mirror := slices.Clone(s)
		for i := range s {
			s[i].Score = s[i].Score*s[i].Score*s[i].Score + 100
			mirror[i].Score, mirror[i].Bad = -mirror[i].Score, !mirror[i].Bad
		}
		if bent := evaluate(t, s, o); bent.AUC != e.AUC || bent.AP != e.AP || bent.RecallAt1 != e.RecallAt1 {
			t.Fatalf("%+v and %+v", bent.AUC, e.AUC)
		}
		near(t, "mirrored", evaluate(t, mirror, o).AUC.Value, e.AUC.Value, 1e-12)
	}
}

func TestEvaluateKinds(t *testing.T) {
	var s []Sample
	for i := range 300 {
		s = append(s, Sample{Score: float64(i % 100), Probability: .1})
	}
	for i := range 20 {
		s = append(s, Sample{Score: 99, Probability: .9, Bad: true, Kind: "scan", Group: uint64(1 + i/10)}, // 99 is in 1 % of good
			Sample{Score: 98.5, Probability: .4, Bad: true, Kind: "flood"})
	}
	s = append(s, Sample{Score: 10, Probability: .6, Bad: true})
	e := evaluate(t, s, Options{})
	var got []string
	for _, k := range e.Kinds {
		got = append(got, k.Name)
	}
	if !slices.Equal(got, []string{"flood", "scan", ""}) {
		t.Fatalf("%q", got)
	}
	if k := e.Kinds[0]; k.Count != 20 || k.Recall.Value != 0 || k.AtOne.Value != 1 || k.Recall.Worth != 20 {
		t.Errorf("%+v", k)
	}
	if k := e.Kinds[1]; k.Recall.Value != 1 || k.AtOne.Value != 1 || k.Recall.Worth != 2 { // two groups
		t.Errorf("%+v", k)
	}
	if k := e.Kinds[2]; k.Recall.Value != 1 || k.AtOne.Value != 0 {
		t.Errorf("%+v", k)
	}
	if e.RecallAt1.Value != 40./41 {
		t.Errorf("%+v", e.RecallAt1)
	}
}

func TestEvaluateVerdicts(t *testing.T) {
	s := []Sample{{Verdict: "good"}, {Verdict: "bad", Bad: true}, {Verdict: "bad"}, {Verdict: "unsure", Bad: true}, {Verdict: "odd"}, {}}
	want := []VerdictCount{{"good", 1, 0}, {"bad", 1, 1}, {"novel", 0, 0}, {"conflicting", 0, 0}, {"unsure", 0, 1}, {"other", 1, 0}}
	if got := evaluate(t, s, Options{}).Verdicts; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := evaluate(t, s[5:], Options{}).Verdicts; got != nil {
		t.Errorf("%+v", got)
	}
}

// TestIntervals: of 200 draws, about 95 % have intervals around the truth: for normal scores that are √2 apart, with AUC
// Φ(1) = .8413447460685429. With groups of ten copies too.
func TestIntervals(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, copies := range []int{1, 10} {
		inside := 0
		for range 200 {
			var s []Sample
			for i := range 200 {
				x := Sample{Score: r.NormFloat64(), Bad: i%4 == 0, Group: uint64(i + 1)}
				if x.Bad {
					x.Score += math.Sqrt2
				}
				s = append(s, slices.Repeat([]Sample{x}, copies)...)
			}
			if e := evaluate(t, s, Options{}); e.AUC.Low <= .8413447460685429 && e.AUC.High >= .8413447460685429 {
				inside++
			}
		}
		if inside < 180 || inside > 198 {
			t.Errorf("%d of 200 intervals hold the truth with %d copies", inside, copies)
		}
	}
}

// TestDraw: mean and variance of a Poisson variable of mean 1.
func TestDraw(t *testing.T) {
	sum, squares, n := 0, 0, 1_000_000
	for g := range n {
		k := int(draw(42, g))
		sum += k
		squares += k * k
	}
	near(t, "mean", float64(sum)/float64(n), 1, .005)
	near(t, "mean of squares", float64(squares)/float64(n), 2, .015)
}

func large(n int, groups uint64) []Sample {
	r := rand.New(rand.NewPCG(5, 6))
	s := make([]Sample, n)
	for i := range s {
		x := r.NormFloat64()
		s[i].Bad = i%100 == 0
		if s[i].Bad {
			x += 3
			s[i].Kind = kindNames[1+i/100%3]
		}
		s[i].Score, s[i].Probability = x, 1/(1+math.Exp(2-x))
		if groups > 0 {
			s[i].Group = 1 + r.Uint64N(groups)
		}
	}
	return s
}

func TestEvaluateLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("a million samples")
	}
	s := large(1_000_000, 200_000)
	e := evaluate(t, s, Options{})
	lawful(t, e)
	near(t, "AUC", e.AUC.Value, .98305, .002) // Φ(3/√2)
	if e.Resamples != 200 || len(e.Kinds) != 3 {
		t.Errorf("%d resamples, %d kinds", e.Resamples, len(e.Kinds))
	}
	if p := e.ROC[1]; p.FPR > .001 {
		t.Errorf("the curve starts with %+v", p)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	for _, c := range []struct {
		name   string
		n      int
		groups uint64
	}{{"1M", 1_000_000, 0}, {"1M-groups", 1_000_000, 200_000}} {
		s := large(c.n, c.groups)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Evaluate(s, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
