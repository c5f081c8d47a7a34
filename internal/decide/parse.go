package decide

import (
	_ "embed" // the example
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"weir/internal/event"
	"weir/internal/where"
)

// Example is a policy file with comments that says all that can be said. What it says of costs is what Parse takes where a
// file says nothing.
//
//go:embed example.yaml
var Example string

// Bounds of a policy file.
const (
	maxPolicy    = 1 << 20 // bytes
	maxRules     = 1000
	maxDurations = 16
	maxAmount    = 1e15
	maxDuration  = 366 * 24 * time.Hour
)

// A Fault is something wrong with a policy file.
type Fault struct {
	Line int // from 1; 0 for the whole file
	Text string
}

// A PolicyError tells all that is wrong with a policy file.
type PolicyError struct {
	Name   string
	Faults []Fault // in order of lines
}

func (e *PolicyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cannot use the policy %q:", e.Name)
	for _, f := range e.Faults {
		if f.Line > 0 {
			fmt.Fprintf(&b, "\n  line %d: %s", f.Line, f.Text)
		} else {
			fmt.Fprintf(&b, "\n  %s", f.Text)
		}
	}
	return b.String()
}

// defaults are the costs where a file says nothing else. They are a guess at a small shop's, in euros, dollars, pounds or
// francs; Policy.Defaults says which of them a policy rests on.
func defaults() Costs {
	return Costs{Request: .1, Client: 5, Complaint: 10, ComplaintShare: .001, Success: .001, PassGood: 1, Minute: 1, Minutes: 3,
		ReviewAverts: .8, Actions: [Block + 1]bool{Allow: true, Review: true, Block: true}}
}

// Parse reads a policy file, YAML as in Example. The error is a *PolicyError, which tells all faults at once with their
// lines and what to do.
func Parse(name string, text []byte) (*Policy, error) {
	r := &policyReader{p: &Policy{Costs: defaults(), Entities: []EntityKind{Address}, Durations: defaultDurations(), Least: defaultLeast}}
	r.read(text)
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, &PolicyError{name, r.faults}
	}
	return r.p, nil
}

// A policyReader walks over the nodes of a policy file.
type policyReader struct {
	p      *Policy
	faults []Fault

	challenge, observe bool // whether the file says what they cost
}

func (r *policyReader) fault(n *yaml.Node, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	r.faults = append(r.faults, Fault{line, fmt.Sprintf(format, args...)})
}

func (r *policyReader) read(text []byte) {
	if len(text) > maxPolicy {
		r.fault(nil, "it has %d bytes, and a policy has at most %d: is this the right file?", len(text), maxPolicy)
		return
	}
	var doc, again yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		r.fault(nil, "%s; blocks are told by their indentation, in spaces, and a colon is followed by a space", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		r.fault(nil, "it is empty; 'weir policy example' writes one to start from")
		return
	}
	if err := yaml.Load(text, &again); err != nil {
		r.fault(nil, "it holds several documents; leave out the lines '---' and what follows the first")
	}
	r.top(doc.Content[0])
}

// A section is the keys that a mapping may have, in the order in which they are named, with what reads their values.
type section []entry

type entry struct {
	key  string
	read func(*yaml.Node)
}

func (s section) keys() []string {
	var out []string
	for _, e := range s {
		out = append(out, e.key)
	}
	return out
}

// mapping reads a mapping, and returns the values that are there.
func (r *policyReader) mapping(n *yaml.Node, what string, s section) map[string]*yaml.Node {
	there := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		r.fault(n, "%s is %s; write lines of KEY: VALUE, with the keys %s", what, kindOf(n), strings.Join(s.keys(), ", "))
		return there
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.IndexFunc(s, func(e entry) bool { return e.key == key.Value })
		first := there[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || at < 0:
			r.fault(key, "%s has no key %q%s; there are %s", what, cut(key.Value), meant(key.Value, s.keys()), strings.Join(s.keys(), ", "))
		case first != nil:
			r.fault(key, "%s is there already, on line %d; leave one out", key.Value, first.Line)
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			r.fault(value, "%s uses an anchor or alias (& or *); write the value itself", key.Value)
			there[key.Value] = key
		case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
			r.fault(key, "%s has no value; write one, or leave the line out", key.Value)
			there[key.Value] = key
		default:
			there[key.Value] = key
			s[at].read(value)
		}
	}
	return there
}

func (r *policyReader) top(n *yaml.Node) {
	// Amounts are checked against the currency, wherever in the file it stands.
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			switch n.Content[i].Value {
			case "currency":
				r.currency(n.Content[i+1])
			case "challenge":
				r.challenge = true
			case "observe":
				r.observe = true
			}
		}
	}
	c := &r.p.Costs
	var rules *yaml.Node
	s := section{{"currency", func(*yaml.Node) {}}}
	s = append(s, r.costSections(c)...)
	s = append(s, entry{"block", r.block}, entry{"rules", func(v *yaml.Node) { rules = v }})
	there := r.mapping(n, "a policy", s)
	if n.Kind != yaml.MappingNode {
		return
	}
	if there["currency"] == nil {
		r.fault(n, "nothing says what amounts are in; write a line as currency: EUR")
	}
	if c.Breach == 0 && !r.says(n, "costs", "breach") {
		r.fault(n, "nothing says what a break-in costs; write costs: and below it, indented, breach: 20000")
	}
	if there["actions"] == nil {
		c.Actions[Challenge], c.Actions[Observe] = there["challenge"] != nil, there["observe"] != nil
	}
	r.p.Stated = stated(n)
	if rules != nil { // last, since they start from all the others
		r.rules(rules)
	}
}

// says reports whether a mapping has a key in a section.
func (r *policyReader) says(n *yaml.Node, sectionKey, key string) bool {
	return slices.Contains(stated(n), sectionKey+"."+key)
}

// stated lists what a file says, as costs.breach.
func stated(n *yaml.Node) []string {
	var out []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if v.Kind == yaml.MappingNode {
			for k := 0; k+1 < len(v.Content); k += 2 {
				out = append(out, n.Content[i].Value+"."+v.Content[k].Value)
			}
		}
	}
	return out
}

func (r *policyReader) currency(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || !isCurrency(n.Value) {
		r.fault(n, "the currency is %s; write its three letters, as EUR", say(n))
		return
	}
	r.p.Currency = n.Value
}

// costSections are the sections that a rule may have too.
func (r *policyReader) costSections(c *Costs) section {
	amount := func(to *float64) func(*yaml.Node) { return func(v *yaml.Node) { r.amount(v, to) } }
	share := func(to *float64) func(*yaml.Node) { return func(v *yaml.Node) { r.share(v, to) } }
	of := func(what string, s section) func(*yaml.Node) {
		return func(v *yaml.Node) { r.mapping(v, what, s) }
	}
	return section{
		{"costs", of("costs", section{{"request", amount(&c.Request)}, {"session", amount(&c.Session)}, {"client", amount(&c.Client)},
			{"complaint", amount(&c.Complaint)}, {"complaint_share", share(&c.ComplaintShare)}, {"breach", amount(&c.Breach)},
			{"success", share(&c.Success)}})},
		{"review", of("review", section{{"minutes", func(v *yaml.Node) { r.number(v, &c.Minutes) }}, {"minute", amount(&c.Minute)},
			{"averts", share(&c.ReviewAverts)}})},
		{"challenge", func(v *yaml.Node) {
			there := r.mapping(v, "challenge", section{{"cost", amount(&c.Ask)}, {"pass_good", share(&c.PassGood)}, {"pass_bad", share(&c.PassBad)}})
			if len(there) > 0 && (there["pass_good"] == nil || there["pass_bad"] == nil) && c == &r.p.Costs {
				r.fault(v, "challenge says nothing of who gets through; write pass_good: 95 %% and pass_bad: 10 %%")
			}
		}},
		{"observe", of("observe", section{{"cost", amount(&c.Watch)}, {"averts", share(&c.WatchAverts)}})},
		{"actions", func(v *yaml.Node) { r.actions(v, c) }},
	}
}

func (r *policyReader) actions(n *yaml.Node, c *Costs) {
	c.Actions = [Block + 1]bool{Allow: true}
	r.list(n, "actions", actionNames[:], func(i int, v *yaml.Node) {
		if c.Actions[i] && Action(i) != Allow {
			r.fault(v, "%s is named twice; leave one out", v.Value)
		}
		if a := Action(i); a == Challenge && !r.challenge || a == Observe && !r.observe {
			r.fault(v, "nothing says what %s costs and does; write %s: as in 'weir policy example', on the left margin", v.Value, v.Value)
		}
		c.Actions[i] = true
	})
}

// list reads a list of names.
func (r *policyReader) list(n *yaml.Node, what string, names []string, take func(i int, v *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fault(n, "%s is %s; write a list, as [%s]", what, kindOf(n), strings.Join(names[:2], ", "))
		return
	}
	for _, v := range n.Content {
		i := slices.Index(names, v.Value)
		if v.Kind != yaml.ScalarNode || i < 0 {
			r.fault(v, "%s has no %s%s; there are %s", what, say(v), meant(v.Value, names), strings.Join(names, ", "))
			continue
		}
		take(i, v)
	}
}

func (r *policyReader) block(n *yaml.Node) {
	r.mapping(n, "block", section{
		{"entities", func(v *yaml.Node) {
			r.p.Entities = nil
			r.list(v, "entities", entityNames[:], func(i int, e *yaml.Node) {
				if slices.Contains(r.p.Entities, EntityKind(i)) {
					r.fault(e, "%s is named twice; leave one out", e.Value)
					return
				}
				r.p.Entities = append(r.p.Entities, EntityKind(i))
			})
			if v.Kind == yaml.SequenceNode && len(v.Content) == 0 {
				r.fault(v, "entities is empty; write what may be blocked, as [address]")
			}
		}},
		{"durations", r.durations},
		{"least", func(v *yaml.Node) {
			x := 0.
			if r.number(v, &x) {
				if x != float64(int(x)) || x > 1e9 {
					r.fault(v, "least is %s; write a whole number of records", say(v))
				}
				r.p.Least = int(x)
			}
		}},
	})
}

func (r *policyReader) durations(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fault(n, "durations is %s; write a list of times, as [10m, 4h, 7d]", kindOf(n))
		return
	}
	if len(n.Content) > maxDurations {
		r.fault(n, "there are %d durations, and at most %d may be", len(n.Content), maxDurations)
		return
	}
	r.p.Durations = nil
	for _, v := range n.Content {
		d, err := parseDuration(v.Value)
		if v.Kind != yaml.ScalarNode || err != nil {
			r.fault(v, "%s is no time that a block lasts; write a number and s, m, h or d, as 10m, 4h or 7d, at most 366d", say(v))
			continue
		}
		if k := len(r.p.Durations); k > 0 && d <= r.p.Durations[k-1] {
			r.fault(v, "%s is not longer than the one before; write the shortest first", v.Value)
			continue
		}
		r.p.Durations = append(r.p.Durations, d)
	}
}

func (r *policyReader) rules(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		r.fault(n, "rules is %s; write a list, each rule after a dash: - when: url.path startsWith \"/shop\"", kindOf(n))
		return
	}
	if len(n.Content) > maxRules {
		r.fault(n, "there are %d rules, and at most %d may be", len(n.Content), maxRules)
		return
	}
	seen, named := map[string]int{}, map[string]int{}
	always := 0
	for i, v := range n.Content {
		rule := Rule{Name: fmt.Sprintf("rule %d", i+1), Costs: r.p.Costs, Line: v.Line}
		text := ""
		s := section{{"name", func(v *yaml.Node) { r.text(v, "name", &rule.Name) }}, {"when", func(v *yaml.Node) {
			r.text(v, "when", &text)
			rule.When = r.condition(v, text)
		}}}
		s = append(s, r.costSections(&rule.Costs)...)
		there := r.mapping(v, "a rule", s)
		switch {
		case v.Kind != yaml.MappingNode:
			continue
		case there["when"] == nil:
			r.fault(v, "%s has no condition; write when: url.path startsWith \"/shop\"", cut(rule.Name))
		case always > 0:
			r.fault(v, "%s is never reached, since the rule on line %d fits everything; put that one last", cut(rule.Name), always)
		case seen[text] > 0:
			r.fault(v, "%s is never reached, since the rule on line %d has the same condition; make them one", cut(rule.Name), seen[text])
		}
		if line := named[rule.Name]; line > 0 {
			r.fault(v, "%q is the name of the rule on line %d already; name them apart, so that results can be told apart", cut(rule.Name), line)
		}
		named[rule.Name] = v.Line
		if len(there) > 0 && len(there)-count(there, "name", "when") == 0 {
			r.fault(v, "%s changes nothing; write costs: or actions: into it, or leave it out", cut(rule.Name))
		}
		for key, said := range map[string]bool{"challenge": r.challenge, "observe": r.observe} {
			if n := there[key]; n != nil && !said {
				r.fault(n, "%s stands in a rule and not on the left margin; write it there, and leave it out of actions: where it is not wanted", key)
			}
		}
		if rule.When != nil {
			seen[text] = v.Line
			if len(rule.When.Fields()) == 0 {
				always = v.Line
			}
			r.p.Rules = append(r.p.Rules, rule)
		}
	}
}

func count(there map[string]*yaml.Node, keys ...string) int {
	n := 0
	for _, k := range keys {
		if there[k] != nil {
			n++
		}
	}
	return n
}

// condition compiles a rule's condition. It returns nil if that cannot be used.
func (r *policyReader) condition(n *yaml.Node, text string) *where.Condition {
	c, err := where.Compile(text)
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		r.fault(n, "the condition %q cannot be read: %s", cut(text), strings.ReplaceAll(err.Error(), "\n", "\n    "))
		return nil
	}
	fields := c.Fields()
	switch {
	case len(fields) == 0 && !c.Match(&event.Event{}):
		r.fault(n, "the condition %q never holds, since it reads no field; compare a field, as url.path startsWith \"/shop\"", cut(text))
		return nil
	case len(fields) == 1 && strings.TrimSpace(text) == fields[0]:
		r.fault(n, "the condition %q is a value and neither true nor false, so that it never holds; compare it, as %s == \"x\", or write has(%q)",
			cut(text), fields[0], fields[0])
		return nil
	}
	return c
}
