package calibrate

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestProbability(t *testing.T) {
	c := &Calibration{Method: Isotonic, Knots: []Knot{{0, -2}, {1, 0}, {3, 1}}, Below: 1, Above: .5, Prior: .25, Live: .25}
	for x, want := range map[float64]float64{0: -2, .5: -1, 1: 0, 2: .5, 3: 1, 5: 1.5, -1: -2.5, 1e9: 2, -1e9: -3} {
		if got := logit(c.Probability(x)); math.Abs(got-want) > 1e-8 {
			t.Errorf("at %v: %v, want %v", x, got, want)
		}
	}
	if got := c.Probability(math.NaN()); got != .25 {
		t.Errorf("NaN gets %v", got)
	}
	if got := c.Probability(math.Inf(1)); math.Abs(logit(got)-2) > 1e-12 {
		t.Errorf("+Inf gets %v", got)
	}
	if got := (&Calibration{Live: .5}).Probability(1); got != .5 {
		t.Errorf("without knots: %v", got)
	}
}

func TestValidate(t *testing.T) {
	good := func() *Calibration {
		return &Calibration{Method: Platt, Knots: []Knot{{0, -1}, {1, 1}}, Prior: .5, Live: .5}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spoil func(*Calibration)
		want  string
	}{
		{func(c *Calibration) { c.Method = "magic" }, `there is no method "magic"`},
		{func(c *Calibration) { c.Knots = nil }, "0 knots: there must be 1 to 512"},
		{func(c *Calibration) { c.Knots = make([]Knot, 513) }, "513 knots"},
		{func(c *Calibration) { c.Knots[1].Score = 0 }, "knot 2 has the score 0, which is not above 0"},
		{func(c *Calibration) { c.Knots[1].LogOdds = -2 }, "knot 2 has log-odds of -2, which is below -1"},
		{func(c *Calibration) { c.Knots[0].LogOdds = -36 }, "knot 1 has log-odds of -36: they must be within ±35"},
		{func(c *Calibration) { c.Knots[0].Score = math.Inf(-1) }, "knot 1 has the score -Inf"},
		{func(c *Calibration) { c.Knots[0].Score = math.NaN() }, "knot 1 has the score NaN"},
		{func(c *Calibration) { c.Above = -1 }, "slopes beyond the ends are 0 and -1"},
		{func(c *Calibration) { c.Below = math.NaN() }, "slopes"},
		{func(c *Calibration) { c.Below = math.Inf(1) }, "slopes"},
		{func(c *Calibration) { c.Prior = 0 }, "priors are 0 and 0.5"},
		{func(c *Calibration) { c.Live = math.NaN() }, "priors"},
		{func(c *Calibration) { c.Shift = 1 }, "shift is 1, but the priors make it 0"},
		{func(c *Calibration) { c.Shift = math.NaN() }, "shift"},
		{func(c *Calibration) { c.Loss = math.Inf(1) }, "loss"},
		{func(c *Calibration) { c.Bad = -1 }, "fitted on 0 good and -1 bad"},
		{func(c *Calibration) { c.Warnings = make([]string, 17) }, "17 warnings"},
		{func(c *Calibration) { c.Warnings = []string{strings.Repeat("x", 501)} }, "a warning of 501 bytes"},
		{func(c *Calibration) { c.Method, c.Prior = "", 2 }, "no method \"\"\npriors"},
	} {
		x := good()
		c.spoil(x)
		if err := x.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestJSON: what comes back from JSON is the same to the last bit.
func TestJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 100 {
		c := fit(t, messy(r)).WithPrior(r.Float64())
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Calibration
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if err := back.Validate(); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(c, &back) {
			t.Fatalf("%+v\n%+v", c, back)
		}
	}
}

// TestJSONText shows the format, which stored models hold.
func TestJSONText(t *testing.T) {
	c := fit(t, []Point{{Score: 1}, {Score: 2}, {Score: 3, Bad: true}, {Score: 5, Bad: true}}).WithPrior(.125)
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, l := range strings.Split(string(text), "\n") {
		if l = strings.TrimSpace(l); strings.HasPrefix(l, `"`) && strings.Contains(l, `": `) {
			keys = append(keys, l[:strings.Index(l, `": `)+1])
		}
	}
	want := `"method" "knots" "score" "log_odds" "score" "log_odds" "below" "above" "prior" "live" "shift" "loss" "good" "bad" "warnings"`
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("%s\n%s", got, text)
	}
}

// FuzzJSON: what Validate lets through gives probabilities, never falling, and survives JSON.
func FuzzJSON(f *testing.F) {
	f.Add(`{"method":"platt","knots":[{"score":0,"log_odds":-1},{"score":1,"log_odds":1}],"prior":0.5,"live":0.5}`, 0., 1.)
	f.Add(`{"method":"isotonic","knots":[{"score":-1e100,"log_odds":-35},{"score":1e100,"log_odds":35}],"prior":0.5,"live":0.5,"above":1e308}`, 3., 1e300)
	f.Add(`{"method":"constant","knots":[{}],"prior":1e-9,"live":1e-9,"below":5e-324}`, -1e308, 1e308)
	f.Add(`{"knots":[null]}`, 0., 0.)
	f.Fuzz(func(t *testing.T, text string, x, y float64) {
		var c Calibration
		if json.Unmarshal([]byte(text), &c) != nil || c.Validate() != nil {
			return
		}
		if x > y {
			x, y = y, x
		}
		p, q := c.Probability(x), c.Probability(y)
		if !(p > 0 && p < 1 && q > 0 && q < 1) || x <= y && p > q {
			t.Fatalf("%v gets %v, %v gets %v", x, p, y, q)
		}
		again, err := json.Marshal(&c)
		if err != nil {
			t.Fatal(err)
		}
		var back Calibration
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatal(err)
		}
		if err := back.Validate(); err != nil {
			t.Fatal(err)
		}
		if back.Probability(x) != p {
			t.Fatalf("%v gets %v, after JSON %v", x, p, back.Probability(x))
		}
	})
}
