package main

import (
	"bufio"
	"encoding/json"
	"io"
	"math"

	"weir/internal/decide"
)

// costJSON is what `weir cost --json` writes: one object on one line. It is a contract: names, types and meanings stay within
// a major version, new fields may come. Numbers are rounded to a billionth; factors that reach however far are null.
type costJSON struct {
	Currency      string            `json:"currency"` // "" is in wrong blocks
	Basis         string            `json:"probability_basis"`
	Good          int64             `json:"good"`
	Bad           int64             `json:"bad"`
	Entities      int64             `json:"entities"`      // senders; an estimate above 65536
	GoodEntities  int64             `json:"good_entities"` // those with a good record
	Cheapest      string            `json:"cheapest"`      // name of one of policies
	Policies      []policyCostJSON  `json:"policies"`      // never block, block by default, by cost
	BlockAll      moneyJSON         `json:"block_all"`
	Threshold     float64           `json:"threshold"`          // of the policy where no rule holds: blocking is cheaper than allowing from here
	Chosen        moneyJSON         `json:"cost_at_thresholds"` // blocking at the policy's own thresholds and nothing else
	Possible      float64           `json:"cost_possible"`      // the same at the best thresholds in hindsight, one for each rule
	Regret        float64           `json:"regret"`             // (cost_at_thresholds − cost_possible) / min(never block, block all)
	SavesNever    moneyJSON         `json:"saves_never_block"`  // by cost, against never block
	SavesDefault  moneyJSON         `json:"saves_block_by_default"`
	Best          curvePointJSON    `json:"best"`  // the point of curve that costs least
	Curve         []curvePointJSON  `json:"curve"` // from blocking all to blocking nothing
	Rules         []classJSON       `json:"rules"` // those with records, the first for records that meet none
	Sensitivities []sensitivityJSON `json:"sensitivities"`
	Resamples     int               `json:"resamples"`
	Warnings      []string          `json:"warnings"`
}

// moneyJSON is an amount with its 95 % interval.
type moneyJSON struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

type policyCostJSON struct {
	Name        string                `json:"name"`
	Cost        moneyJSON             `json:"cost"`
	GoodBlocked float64               `json:"good_blocked"` // records; of challenged ones the share that does not pass
	Clients     int64                 `json:"good_clients_blocked"`
	BadThrough  float64               `json:"bad_through"`
	Actions     map[string]labelsJSON `json:"actions"` // records by action
}

type labelsJSON struct {
	Good int64 `json:"good"`
	Bad  int64 `json:"bad"`
}

type curvePointJSON struct {
	Threshold   float64 `json:"threshold"` // 2 where nothing is blocked
	Cost        float64 `json:"cost"`
	Low         float64 `json:"low"`
	High        float64 `json:"high"`
	GoodBlocked int64   `json:"good_blocked"`
	BadThrough  int64   `json:"bad_through"`
}

type classJSON struct {
	Name      string           `json:"name"` // "" where no rule matches
	Good      int64            `json:"good"`
	Bad       int64            `json:"bad"`
	Threshold float64          `json:"threshold"`
	Steps     []actionFromJSON `json:"steps"`
}

type actionFromJSON struct {
	From   float64 `json:"from"`
	Action string  `json:"action"`
}

type sensitivityJSON struct {
	Name         string   `json:"name"`
	Value        float64  `json:"value"`
	Down         *float64 `json:"cheapest_down"` // the number may be this many times what is stated before another policy is the cheapest
	Up           *float64 `json:"cheapest_up"`
	DownCheapest string   `json:"cheapest_below,omitempty"` // which is, beyond
	UpCheapest   string   `json:"cheapest_above,omitempty"`
	ActsDown     *float64 `json:"actions_down"` // before other actions would cost 5 % less
	ActsUp       *float64 `json:"actions_up"`
	Elasticity   float64  `json:"elasticity"` // % of the cost by cost for 1 % of the number
}

// writeCost writes what policies cost, for programs.
func writeCost(w io.Writer, c *decide.Curve) error {
	out := bufio.NewWriter(w)
	if err := json.NewEncoder(escaper{out}).Encode(toCostJSON(c)); err != nil {
		return err
	}
	return out.Flush()
}

func toCostJSON(c *decide.Curve) *costJSON {
	j := &costJSON{Currency: validUTF8(c.Currency), Basis: c.Basis.String(), Good: c.Good, Bad: c.Bad, Entities: c.Entities,
		GoodEntities: c.GoodEntities, Cheapest: c.Cheapest().Name, BlockAll: toMoneyJSON(c.BlockAll), Threshold: billionth(c.Threshold),
		Chosen: toMoneyJSON(c.Chosen), Possible: billionth(c.Possible), Regret: billionth(c.Regret), SavesNever: toMoneyJSON(c.SavesNever),
		SavesDefault: toMoneyJSON(c.SavesDefault), Best: toCurvePointJSON(c.Best), Curve: []curvePointJSON{}, Rules: []classJSON{},
		Sensitivities: []sensitivityJSON{}, Resamples: c.Resamples, Warnings: []string{}}
	for i := range c.Policies {
		x := &c.Policies[i]
		p := policyCostJSON{x.Name, toMoneyJSON(x.Cost), billionth(x.GoodBlocked), x.Clients, billionth(x.BadThrough), map[string]labelsJSON{}}
		for a, n := range x.Actions {
			p.Actions[decide.Action(a).String()] = labelsJSON{n[0], n[1]}
		}
		j.Policies = append(j.Policies, p)
	}
	for _, p := range c.Points {
		j.Curve = append(j.Curve, toCurvePointJSON(p))
	}
	for _, k := range c.Classes {
		x := classJSON{Name: validUTF8(k.Name), Good: k.Good, Bad: k.Bad, Threshold: billionth(k.Threshold), Steps: []actionFromJSON{}}
		for _, s := range k.Steps {
			x.Steps = append(x.Steps, actionFromJSON{billionth(s.From), s.Action.String()})
		}
		j.Rules = append(j.Rules, x)
	}
	for _, s := range c.Sensitivities {
		j.Sensitivities = append(j.Sensitivities, sensitivityJSON{s.Name, billionth(s.Value), factor(s.Down), factor(s.Up), s.DownCheapest, s.UpCheapest,
			factor(s.ActsDown), factor(s.ActsUp), billionth(s.Elasticity)})
	}
	for _, s := range c.Warnings {
		j.Warnings = append(j.Warnings, validUTF8(s))
	}
	return j
}

func toMoneyJSON(m decide.Money) moneyJSON {
	return moneyJSON{billionth(m.Value), billionth(m.Low), billionth(m.High)}
}

func toCurvePointJSON(p decide.CurvePoint) curvePointJSON {
	return curvePointJSON{billionth(p.Threshold), billionth(p.Cost.Value), billionth(p.Cost.Low), billionth(p.Cost.High), p.GoodBlocked, p.BadThrough}
}

// factor is null where a number may be off however far.
func factor(x float64) *float64 {
	if x == 0 || math.IsInf(x, 1) {
		return nil
	}
	return known(x)
}
