package main

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"weir/internal/decide"
)

// replayJSON is the first line of `weir replay --json`. It is a contract: docs/json.md.
type replayJSON struct {
	Type       string        `json:"type"` // "replay"
	Currency   *string       `json:"currency"`
	From       string        `json:"from"`
	To         string        `json:"to"`
	Records    flowJSON      `json:"records"`
	Before     int64         `json:"records_before"`
	After      int64         `json:"records_after"`
	Untimed    int64         `json:"records_untimed"`
	Learned    int64         `json:"records_learned"`
	Backward   int64         `json:"records_backward"`
	Basis      string        `json:"probability_basis"`
	Policies   []outcomeJSON `json:"policies"`
	FirstWrong *lineJSON     `json:"first_wrong_block"`
	Costliest  *lineJSON     `json:"costliest_wrong_block"`
	Rules      []ruleJSON    `json:"rules"`
	Warnings   []string      `json:"warnings"`
}

type flowJSON struct {
	Good        int64   `json:"good"`
	Bad         int64   `json:"bad"`
	Unknown     int64   `json:"unknown"`
	ExpectedBad float64 `json:"unknown_expected_bad"`
}

type outcomeJSON struct {
	Name        string   `json:"name"`
	Cost        float64  `json:"cost"`
	Known       float64  `json:"cost_by_labels"`
	Expected    float64  `json:"cost_expected"`
	Work        float64  `json:"cost_of_work"`
	Blocked     flowJSON `json:"blocked"`
	Challenged  flowJSON `json:"challenged"`
	Through     flowJSON `json:"let_through"`
	Blocks      int64    `json:"blocks"`
	WrongBlocks int64    `json:"wrong_blocks"`
	GoodClients int64    `json:"good_clients_hit"`
	Challenges  int64    `json:"challenges"`
	Reviews     int64    `json:"reviews"`
	Watched     int64    `json:"observed"`
}

type ruleJSON struct {
	Name    string `json:"name"`
	Line    int    `json:"line"`
	Records int64  `json:"records"`
}

type lineJSON struct {
	File string `json:"file"`
	Line int64  `json:"line"`
}

// treatmentJSON is each further line: a block, a challenge or a review by cost.
type treatmentJSON struct {
	Type        string   `json:"type"` // the action
	EntityKind  string   `json:"entity_kind"`
	Entity      string   `json:"entity"`
	From        string   `json:"from"`
	Until       string   `json:"until"`
	Seconds     float64  `json:"duration_seconds"`
	File        string   `json:"file"`
	Line        int64    `json:"line"`
	Label       *string  `json:"label"`
	Probability float64  `json:"probability"`
	Basis       string   `json:"probability_basis"`
	Rule        *string  `json:"rule"`
	Reason      string   `json:"reason"`
	Why         string   `json:"why"`
	Met         flowJSON `json:"met"`
	GoodCost    float64  `json:"cost_of_good"`
	ExpectGood  float64  `json:"expected_good"`
	ExpectBad   float64  `json:"expected_bad"`
	ExpectCost  float64  `json:"expected_cost"`
	PassCost    float64  `json:"expected_cost_of_allow"`
}

var reasonNames = [...]string{"cheapest", "uncertain", "basis"}

func writeReplay(w io.Writer, r *rerun, res *decide.ReplayResult, limit int) error {
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(escaper{out})
	if err := enc.Encode(summaryJSON(r, res)); err != nil {
		return err
	}
	for _, list := range [][]decide.Treatment{res.Blocks, res.Reviews} {
		if limit > 0 {
			list = list[:min(limit, len(list))]
		}
		for i := range list {
			if err := enc.Encode(treatmentToJSON(r, &list[i])); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

func momentJSON(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func flowToJSON(f *decide.Flow) flowJSON {
	return flowJSON{f.Good, f.Bad, f.Unknown, rounded(f.ExpectedBad)}
}

func summaryJSON(r *rerun, res *decide.ReplayResult) *replayJSON {
	j := &replayJSON{Type: "replay", From: momentJSON(res.First), To: momentJSON(res.Last), Records: flowToJSON(&res.Records), Before: res.Before,
		After: r.later, Untimed: r.untimed, Learned: r.learned, Backward: res.Backward, Basis: r.options.Basis.String(), Rules: []ruleJSON{}, Warnings: []string{}}
	if c := r.policy.Currency; c != "" {
		j.Currency = &c
	}
	for _, o := range []*decide.Outcome{&res.Never, &res.Default, &res.ByCost} {
		j.Policies = append(j.Policies, outcomeJSON{o.Name, rounded(o.Total()), rounded(o.Known), rounded(o.Expected), rounded(o.Work),
			flowToJSON(&o.Blocked), flowToJSON(&o.Challenged), flowToJSON(&o.Through), o.Blocks, o.WrongBlocks, o.GoodClients, o.Challenges, o.Reviews, o.Watched})
	}
	at := func(t *decide.Treatment) *lineJSON {
		if t == nil {
			return nil
		}
		return &lineJSON{validUTF8(r.inputName(t.Trigger)), t.Trigger.Line}
	}
	j.FirstWrong, j.Costliest = at(res.Wrong), at(res.Worst)
	for i, n := range res.Rules {
		j.Rules = append(j.Rules, ruleJSON{validUTF8(r.policy.Rules[i].Name), r.policy.Rules[i].Line, n})
	}
	for _, w := range res.Warnings {
		j.Warnings = append(j.Warnings, validUTF8(w))
	}
	return j
}

func treatmentToJSON(r *rerun, t *decide.Treatment) *treatmentJSON {
	j := &treatmentJSON{Type: t.Action.String(), EntityKind: t.Entity.Kind.String(), Entity: validUTF8(r.entity(t.Entity)), From: momentJSON(t.From),
		Until: momentJSON(t.Until), Seconds: t.Duration.Seconds(), File: validUTF8(r.inputName(t.Trigger)), Line: t.Trigger.Line,
		Probability: rounded(t.P), Basis: t.Basis.String(), Reason: reasonNames[t.Reason], Why: t.Why(moneyIn(r.policy.Currency)), Met: flowToJSON(&t.Hit),
		GoodCost: rounded(t.GoodCost), ExpectGood: rounded(t.Good), ExpectBad: rounded(t.Bad), ExpectCost: rounded(t.Cost),
		PassCost: rounded(t.Others[decide.Allow].Cost)}
	switch t.Label {
	case decide.Good:
		j.Label = text("good")
	case decide.Bad:
		j.Label = text("bad")
	}
	if t.Rule >= 0 {
		j.Rule = text(validUTF8(r.policy.Rules[t.Rule].Name))
	}
	return j
}

func text(s string) *string { return &s }
