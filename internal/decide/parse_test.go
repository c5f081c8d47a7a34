package decide

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
)

func TestExample(t *testing.T) {
	p, err := Parse("example", []byte(Example))
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Breach = 20000
	if p.Costs != want {
		t.Errorf("the example's costs are not the defaults, as it says:\n%+v\n%+v", p.Costs, want)
	}
	if d := defaultDurations(); !slices.Equal(p.Durations, d) || p.Least != defaultLeast || !slices.Equal(p.Entities, []EntityKind{Address}) {
		t.Errorf("the example's block is %v, %v, %d", p.Entities, p.Durations, p.Least)
	}
	if len(p.Rules) != 2 || p.Rules[0].Costs.Request != 4 || p.Rules[0].Costs.Breach != 20000 || p.Rules[0].Name != "checkout" ||
		p.Rules[1].Costs.Actions != [Block + 1]bool{Allow: true, Review: true} {
		t.Errorf("the example's rules are %+v", p.Rules)
	}
	if d := p.Defaults(); len(d) != 0 {
		t.Errorf("the example leaves out %q", d)
	}
	// What is commented out works too.
	on := strings.NewReplacer("# challenge:", "challenge:", "#   cost:", "  cost:", "#   pass", "  pass", "# observe:", "observe:", "#   averts", "  averts").
		Replace(Example)
	p, err = Parse("all", []byte(on))
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Costs; !c.Actions[Challenge] || !c.Actions[Observe] || c.PassGood != .95 || c.PassBad != .1 || c.Ask != .02 || c.Watch != .05 || c.WatchAverts != .1 {
		t.Errorf("costs are %+v", c)
	}
	keys := event.NewKeys()
	e := &event.Event{}
	e.Add(keys.Get("url.path"), []byte("/checkout/pay"))
	if c, i := p.CostsOf(e); i != 0 || c.Client != 40 {
		t.Errorf("rule %d, %+v", i, c)
	}
	e.Reset()
	e.Add(keys.Get("source.ip"), []byte("10.2.3.4"))
	if _, i := p.Fork().CostsOf(e); i != 1 {
		t.Errorf("rule %d", i)
	}
}

func TestLeastPolicy(t *testing.T) {
	p, err := Parse("least", []byte("currency: CHF\ncosts: {breach: CHF 1000}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Breach = 1000
	if p.Costs != want || p.Currency != "CHF" || len(p.Defaults()) != 8 {
		t.Errorf("%+v, %q", p, p.Defaults())
	}
}

func TestAmounts(t *testing.T) {
	for text, want := range map[string]float64{"12": 12, "12.50 EUR": 12.5, "EUR 12.50": 12.5, "EUR12": 12, "12EUR": 12, "1e3": 1000, "0": 0, "'7'": 7} {
		p, err := Parse("p", []byte("currency: EUR\ncosts: {breach: 1, client: "+text+"}"))
		if err != nil || p.Costs.Client != want {
			t.Errorf("%s is %v, %v; want %v", text, p, err, want)
		}
	}
	for text, want := range map[string]float64{"0.05": .05, "5%": .05, "5 %": .05, "1": 1, "100 %": 1} {
		p, err := Parse("p", []byte("currency: EUR\ncosts: {breach: 1, success: "+text+"}"))
		if err != nil || p.Costs.Success != want {
			t.Errorf("%s is %v, %v; want %v", text, p, err, want)
		}
	}
}

// TestFaults: each fault is told with its line and with what to do.
func TestFaults(t *testing.T) {
	const ok = "currency: EUR\ncosts: {breach: 1}\n"
	for _, c := range []struct{ name, text, line, want string }{
		{"empty", "", "", "weir policy example"},
		{"comments only", "# nothing\n", "", "weir policy example"},
		{"no mapping", "- a\n- b\n", "line 1", "KEY: VALUE"},
		{"no YAML", "currency: [EUR,\n", "", "line 2"},
		{"two documents", ok + "---\n" + ok, "", "several documents"},
		{"huge", "#" + strings.Repeat("x", maxPolicy), "", "the right file"},
		{"no currency", "costs: {breach: 1}\n", "line 1", "currency: EUR"},
		{"odd currency", "currency: euro\ncosts: {breach: 1}\n", "line 1", "three letters"},
		{"no breach", "currency: EUR\n", "line 1", "breach: 20000"},
		{"unknown key", ok + "colour: red\n", "line 3", `no key "colour"; there are currency`},
		{"typing error", "currency: EUR\ncosts:\n  breach: 1\n  complaint_shar: 1\n", "line 4", "did you mean complaint_share?"},
		{"twice", ok + "block: {least: 1}\nblock: {least: 2}\n", "line 4", "already, on line 3"},
		{"negative", "currency: EUR\ncosts:\n  breach: -5\n", "line 3", "negative"},
		{"mixed", "currency: EUR\ncosts:\n  breach: 5 USD\n", "line 3", "in USD, and the policy in EUR"},
		{"mixed, currency last", "costs:\n  breach: USD 5\ncurrency: EUR\n", "line 2", "in USD, and the policy in EUR"},
		{"thousands", "currency: EUR\ncosts: {breach: '1,000'}\n", "line 2", "nothing between thousands"},
		{"infinite", "currency: EUR\ncosts: {breach: .inf}\n", "line 2", "no amount"},
		{"enormous", "currency: EUR\ncosts: {breach: 1e300}\n", "line 2", "all the money"},
		{"list for amount", "currency: EUR\ncosts: {breach: [1]}\n", "line 2", "a list is no amount"},
		{"null", "currency: EUR\ncosts: {breach: 1, client: }\n", "line 2", "client has no value"},
		{"share", "currency: EUR\ncosts: {breach: 1, success: 1.5}\n", "line 2", "from 0 to 1"},
		{"percent", "currency: EUR\ncosts: {breach: 1, success: 150 %}\n", "line 2", "from 0 to 1"},
		{"text for number", ok + "review: {minutes: long}\n", "line 3", `"long" is no number`},
		{"falling durations", ok + "block: {durations: [4h, 10m]}\n", "line 3", "shortest first"},
		{"same durations", ok + "block: {durations: [60m, 1h]}\n", "line 3", "shortest first"},
		{"odd duration", ok + "block: {durations: [1w]}\n", "line 3", "10m, 4h or 7d"},
		{"endless duration", ok + "block: {durations: [4000000000d]}\n", "line 3", "at most 366d"},
		{"no durations", ok + "block: {durations: []}\n", "line 3", "an empty list"},
		{"unknown entity", ok + "block: {entities: [adress]}\n", "line 3", "did you mean address?"},
		{"no entity", ok + "block: {entities: []}\n", "line 3", "[address]"},
		{"unknown action", ok + "actions: [bock]\n", "line 3", "did you mean block?"},
		{"challenge without costs", ok + "actions: [challenge]\n", "line 3", "what challenge costs"},
		{"half a challenge", ok + "challenge: {cost: 1}\n", "line 3", "pass_good"},
		{"challenge in a rule only", ok + "rules:\n - when: has(\"a\")\n   challenge: {cost: 1}\n", "line 5", "left margin"},
		{"broken condition", ok + "rules:\n  - when: url.path ==\n    costs: {request: 1}\n", "line 4", "unexpected token"},
		{"bad network", ok + "rules:\n  - when: cidr(source.ip, \"10.0.0.0/40\")\n    costs: {request: 1}\n", "line 4", "no network"},
		{"never", ok + "rules:\n  - when: 1 > 2\n    costs: {request: 1}\n", "line 4", "never holds"},
		{"a value", ok + "rules:\n  - when: url.path\n    costs: {request: 1}\n", "line 4", `has("url.path")`},
		{"after all", ok + "rules:\n  - when: true\n    costs: {request: 1}\n  - when: has(\"a\")\n    costs: {request: 2}\n", "line 6", "line 4 fits everything"},
		{"same condition", ok + "rules:\n  - when: has(\"a\")\n    costs: {request: 1}\n  - when: has(\"a\")\n    costs: {request: 2}\n", "line 6", "line 4 has the same"},
		{"no condition", ok + "rules:\n  - costs: {request: 1}\n", "line 4", "no condition"},
		{"changes nothing", ok + "rules:\n  - when: has(\"a\")\n", "line 4", "changes nothing"},
		{"rule is text", ok + "rules:\n  - nothing\n", "line 4", "KEY: VALUE"},
		{"rules are text", ok + "rules: none\n", "line 3", "a dash"},
		{"alias", ok + "review: &r {minutes: 1}\nchallenge: *r\n", "line 3", "anchor"},
		{"least", ok + "block: {least: 1.5}\n", "line 3", "whole number"},
	} {
		_, err := Parse(c.name+".yaml", []byte(c.text))
		var e *PolicyError
		if !errors.As(err, &e) || len(e.Faults) == 0 {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s := e.Error(); !strings.Contains(s, c.want) || !strings.Contains(s, c.line+":") || !strings.Contains(s, c.name) {
			t.Errorf("%s: want %q and %q in\n%s", c.name, c.line, c.want, s)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Parse("p", []byte("currency: EUR\ncosts:\n  breach: -1\n  success: 7\n  requst: 1\nblock:\n  durations: [x]\nrules:\n  - when: (\n"))
	var e *PolicyError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	var lines []int
	for _, f := range e.Faults {
		lines = append(lines, f.Line)
	}
	if !slices.Equal(slices.Compact(lines), []int{3, 4, 5, 7, 9}) {
		t.Errorf("faults on lines %v:\n%v", lines, err)
	}
}

// TestBomb: aliases of aliases are not followed (they would be 2^24 nodes), and deep nesting is no trap.
func TestBomb(t *testing.T) {
	bomb := "a: &a [x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c]\n", c, c, c-1, c-1, c-1)
	}
	for _, text := range []string{bomb, strings.Repeat("[", 100_000), strings.Repeat("a: {", 50_000), strings.Repeat("- ", 100_000)} {
		if _, err := Parse("bomb", []byte(text)); err == nil {
			t.Error("a bomb was taken for a policy")
		}
	}
}

func TestUnknown(t *testing.T) {
	p, err := Parse("p", []byte("currency: EUR\ncosts: {breach: 1}\nrules:\n  - when: source.ipp == \"a\" and dataset == \"csv\"\n    costs: {request: 1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := p.Unknown([]string{"source.ip", "url.path"})
	if want := []UnknownField{{0, "source.ipp", "source.ip"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// FuzzParse: a policy is read or refused with reasons; what is read can be used.
func FuzzParse(f *testing.F) {
	f.Add([]byte(Example))
	f.Add([]byte("currency: EUR\ncosts: {breach: 1}\nrules:\n - when: cidr(source.ip, \"::/0\")\n   actions: [block]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("- - - -"))
	e := &event.Event{}
	e.Add(event.NewKeys().Get("source.ip"), []byte("192.0.2.1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("f", text)
		if err != nil {
			var e *PolicyError
			if !errors.As(err, &e) || len(e.Faults) == 0 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if len(p.Durations) == 0 || len(p.Entities) == 0 || !slices.IsSorted(p.Durations) {
			t.Fatalf("%+v", p)
		}
		c, _ := p.CostsOf(e)
		for _, x := range []float64{0, .5, 1} {
			for a := Allow; a <= Block; a++ {
				if v := c.Expected(a, x); !(v >= 0) {
					t.Fatalf("%v costs %v", a, v)
				}
			}
		}
	})
}
