package decide

import (
	"slices"
	"time"

	"weir/internal/event"
	"weir/internal/where"
)

// An EntityKind is what a block is of.
type EntityKind uint8

// The kinds of entities.
const (
	Address        EntityKind = iota // source.ip, or else client.address
	Network                          // its /24 or /48
	User                             // user.name
	Session                          // a session's id, where the log has one
	AgentInNetwork                   // user agent in a network
)

// numKinds is how many kinds there are.
const numKinds = AgentInNetwork + 1

var entityNames = [...]string{"address", "network", "user", "session", "agent-in-network"}

func (k EntityKind) String() string { return entityNames[k] }

// A Policy is what a site holds its mistakes to cost, and what it can do. It is read by Parse, or made of one number by
// FromRatio. It is not changed once made, and safe for concurrent use through Fork.
type Policy struct {
	Currency  string          // "EUR"; "" for a policy that was made of a ratio, whose unit is one wrong block
	Costs     Costs           // where no rule says otherwise
	Rules     []Rule          // in order; the first that matches decides
	Entities  []EntityKind    // that may be blocked; at least one
	Durations []time.Duration // of blocks, rising; the last is the horizon over which durations are compared
	Least     int             // labelled bad and good records, each, under which a probability is Few
	Stated    []string        // what the file says besides rules, as costs.breach; what it does not is a default
}

const defaultLeast = 50

func defaultDurations() []time.Duration {
	return []time.Duration{10 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}
}

// Horizon returns the longest time of a block, over which all are compared.
func (p *Policy) Horizon() time.Duration { return p.Durations[len(p.Durations)-1] }

// Hold returns how long it is known of a suspect that somebody has looked, or watches: a day, or less if blocks are shorter.
func (p *Policy) Hold() time.Duration { return min(24*time.Hour, p.Horizon()) }

// Defaults returns the costs that the policy takes on trust since its file does not name them, as "costs.client".
func (p *Policy) Defaults() []string {
	var out []string
	for _, k := range []string{"costs.request", "costs.client", "costs.complaint", "costs.complaint_share", "costs.success", "review.minutes",
		"review.minute", "review.averts"} {
		if !slices.Contains(p.Stated, k) {
			out = append(out, k)
		}
	}
	return out
}

// An UnknownField is a field that a rule reads and no log gives.
type UnknownField struct {
	Rule   int // its number
	Field  string
	Likely string // what may be meant, or empty
}

// Unknown returns the fields that rules read and that are not among known, in order of rules. Logs of JSON and tables have
// fields of their own, so that this is a doubt and no fault.
func (p *Policy) Unknown(known []string) []UnknownField {
	var out []UnknownField
	for i := range p.Rules {
		for _, f := range p.Rules[i].When.Fields() {
			if f != "dataset" && f != "time" && !slices.Contains(known, f) {
				out = append(out, UnknownField{i, f, nearest(f, known)})
			}
		}
	}
	return out
}

// A Rule states costs for some events.
type Rule struct {
	Name  string
	When  *where.Condition
	Costs Costs // complete: the policy's, with the rule's own numbers put over them
	Line  int   // in the file
}

// CostsOf returns what an event's mistakes cost, and the number of the rule that says so, −1 for none: the first rule in
// order whose condition the event meets. It is for one goroutine.
func (p *Policy) CostsOf(e *event.Event) (*Costs, int) {
	for i := range p.Rules {
		if p.Rules[i].When.Match(e) {
			return &p.Rules[i].Costs, i
		}
	}
	return &p.Costs, -1
}

// Fork returns the same policy for another goroutine.
func (p *Policy) Fork() *Policy {
	q := *p
	q.Rules = append([]Rule(nil), p.Rules...)
	for i := range q.Rules {
		q.Rules[i].When = q.Rules[i].When.Fork()
	}
	return &q
}

// FromRatio returns the policy that one number makes: a bad record let through hurts as much as ratio wrong blocks. It
// allows or blocks; what may not block is reviewed, which costs three wrong blocks and averts four fifths of the loss.
func FromRatio(ratio float64) *Policy {
	return &Policy{
		Costs: Costs{Request: 1, Breach: ratio, Success: 1, PassGood: 1, Minute: 1, Minutes: 3, ReviewAverts: .8,
			Actions: [Block + 1]bool{Allow: true, Block: true}},
		Entities:  []EntityKind{Address},
		Durations: defaultDurations(),
		Least:     defaultLeast,
	}
}
