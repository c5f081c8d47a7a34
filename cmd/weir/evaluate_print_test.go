package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/eval"
	"weir/internal/term"
)

// evaluations are the cases of the goldens.
func evaluations(t *testing.T) map[string]*eval.Evaluation {
	t.Helper()
	ordinary := make([]eval.Sample, 4000)
	for i := range ordinary {
		x := float64(i*3701%4001)/500 - 5 // −5 to 3
		p := 1 / (1 + math.Exp(-x))
		bad := float64(i*2003%3989)/3989 < p*p
		ordinary[i] = eval.Sample{Score: x, Probability: math.Round(p*1e6) / 1e6, Bad: bad, Verdict: "good"}
		switch {
		case p >= .6:
			ordinary[i].Verdict = "bad"
		case p >= .4:
			ordinary[i].Verdict = "unsure"
		}
		if bad {
			ordinary[i].Kind = []string{"sql injection", "scan", "a kind with a name that is far too long to be shown", "\x1b[2Jhidden\u202e"}[i*7%11%4]
		}
	}
	few := []eval.Sample{{Score: 1, Probability: .7}, {Score: 3, Probability: .9, Bad: true}, {Score: .5, Probability: .1},
		{Score: .7, Probability: .2, Bad: true}}
	one := []eval.Sample{{Score: 1, Probability: .7}, {Score: 3, Probability: .2}}
	out := map[string]*eval.Evaluation{}
	for name, s := range map[string][]eval.Sample{"ordinary": ordinary, "few": few, "one_class": one} {
		e, err := eval.Evaluate(s, eval.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		out[name] = e
	}
	return out
}

func TestPrintEvaluation(t *testing.T) {
	for name, e := range evaluations(t) {
		t.Run(name, func(t *testing.T) {
			var out, text bytes.Buffer
			if err := printEvaluation(&streams{out: &out}, e); err != nil {
				t.Fatal(err)
			}
			for i, l := range strings.Split(out.String(), "\n") {
				if term.Width(l) > 80 {
					t.Errorf("line %d has %d columns: %s", i+1, term.Width(l), l)
				}
				if term.Clean(l) != l {
					t.Errorf("line %d is not safe: %q", i+1, l)
				}
			}
			evaluationGolden(t, name+".txt", out.Bytes())
			if err := writeEvaluation(&text, e); err != nil {
				t.Fatal(err)
			}
			checkEvaluationJSON(t, text.Bytes())
			if name == "few" {
				var pretty bytes.Buffer
				if err := json.Indent(&pretty, text.Bytes(), "", "  "); err != nil {
					t.Fatal(err)
				}
				evaluationGolden(t, name+".json", pretty.Bytes())
			}
		})
	}
}

// evaluationGolden compares with testdata/evaluate; -update rewrites it.
func evaluationGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "evaluate", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not as in %s (go test ./cmd/weir -run TestPrintEvaluation -update):\n%s", file, got)
	}
}

// checkEvaluationJSON: one line, safe to look at, every documented field there.
func checkEvaluationJSON(t *testing.T, text []byte) {
	t.Helper()
	if bytes.Count(text, []byte("\n")) != 1 || bytes.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("%q", text)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields("good bad threshold confusion precision recall f1 accuracy fpr auc average_precision " +
		"fpr_at_95_recall score_at_95_recall recall_at_1_fpr roc pr reliability kinds verdicts resamples warnings") {
		if _, ok := got[field]; !ok {
			t.Errorf("no %s", field)
		}
		delete(got, field)
	}
	if len(got) > 0 {
		t.Errorf("fields that are not documented: %v", got)
	}
	for _, field := range []string{"roc", "pr", "kinds", "verdicts", "warnings"} {
		if bytes.Contains(text, []byte(`"`+field+`":null`)) {
			t.Errorf("%s is null, not an empty array", field)
		}
	}
}

func TestPercentage(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1: "100", .5: "50.0", .87323: "87.3", .0123: "1.2", .0002: "0.02", .999973: "99.997",
		.00000002: "< 0.00001", 1 - 1e-12: "> 99.99999"} {
		if got := percentage(x); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
	for i := range 1000 {
		x := math.Pow(10, -float64(i)/200)
		if got := percentage(x); x < 1 && (got == "100.0" || got == "0.0") {
			t.Errorf("%v is %s", x, got)
		}
	}
	if got := fmt.Sprint(billionth(1.23456789012e-3), billionth(1e300), billionth(-.5)); got != "0.001234568 1e+300 -0.5" {
		t.Error(got)
	}
}
