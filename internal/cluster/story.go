package cluster

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/hunt"
	"weir/internal/token"
)

const (
	listed  = 20  // values that a list of facts holds
	sampleN = 300 // variants of a step whose tokens are counted: the best ones
	kept    = 12  // tokens of a step that are kept
	seldom  = 3   // events from which even a single quiet content is a step
)

// tell makes campaigns of the steps of items.
func (s *study) tell(of []int32) ([]Campaign, error) {
	n := int32(0)
	for _, k := range of {
		n = max(n, k+1)
	}
	steps := make([]Step, n+1) // the last is what is like nothing
	spans := make([]span, n+1)
	at := func(item int32) int32 {
		if k := of[item]; k >= 0 {
			return k
		}
		return n
	}
	for i, x := range s.suspects {
		p := &steps[at(s.item[i])]
		if len(p.Members) == 0 {
			p.Best, p.Score, p.First, p.Last = x, s.r.Score(x), s.r.Time(x), s.r.Time(x)
		}
		p.Members = append(p.Members, x)
		p.First, p.Last = min(p.First, s.r.Time(x)), max(p.Last, s.r.Time(x))
	}
	for item := range s.first {
		steps[at(int32(item))].Contents++
	}
	for k := range steps {
		spans[k] = span{len(steps[k].Members), steps[k].First, steps[k].Last}
	}
	variants := s.variants()
	marks := s.marks(variants, of)
	camp := link(marks, spans)
	alone := make([]int, n+1)
	for k := range n {
		alone[camp[k]]++
	}
	var leftOver []int // suspects
	for k := range n {
		p := &steps[k]
		if alone[camp[k]] == 1 && p.Contents == 1 && len(p.Members) < seldom && p.Score <= s.quiet {
			leftOver = append(leftOver, p.Members...)
			camp[k] = -1
		}
	}
	leftOver = append(leftOver, steps[n].Members...)

	s.facts(steps[:n], marks)
	s.clients(steps[:n], variants, of)
	s.tokens(steps[:n], variants, of)
	nameSteps(steps[:n])

	byRoot := map[int32]int{}
	var out []Campaign
	for k := range n {
		if camp[k] < 0 {
			continue
		}
		c, ok := byRoot[camp[k]]
		if !ok {
			c = len(out)
			byRoot[camp[k]] = c
			out = append(out, Campaign{Best: math.MaxInt})
		}
		out[c].Steps = append(out[c].Steps, steps[k])
	}
	for c := range out {
		sum(&out[c])
	}
	if err := s.readingOrder(out); err != nil {
		return nil, err
	}
	number := map[int]int{} // of a step's best suspect: the campaign
	for c := range out {
		out[c].Number = c + 1
		for i := range out[c].Steps {
			number[out[c].Steps[i].Best] = c
		}
	}
	home := make([]int, n)
	for k := range home {
		home[k] = -1
		if camp[k] >= 0 {
			home[k] = number[steps[k].Best]
		}
	}
	s.links(out, marks, home)
	for c := range out {
		nameCampaign(&out[c], len(s.r.Hosts) > 0)
	}
	if len(leftOver) > 0 {
		out = append(out, s.noise(leftOver))
	}
	return out, nil
}

// sum fills a campaign in from its steps.
func sum(c *Campaign) {
	slices.SortStableFunc(c.Steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), cmp.Compare(a.Best, b.Best))
	})
	c.First, c.Last = math.MaxInt64, math.MinInt64
	for i := range c.Steps {
		p := &c.Steps[i]
		c.Best = min(c.Best, p.Best)
		c.Events += len(p.Members)
		c.Contents += p.Contents
		c.First, c.Last = min(c.First, p.First), max(c.Last, p.Last)
	}
	c.Facts = sumFacts(c.Steps)
}

// noise is the bucket of what belongs to nothing, as one campaign of one step.
func (s *study) noise(members []int) Campaign {
	slices.Sort(members)
	p := Step{Name: "the rest", Best: members[0], Members: members, Score: s.r.Score(members[0]), First: math.MaxInt64, Last: math.MinInt64}
	contents, clients := map[int]bool{}, map[string]int{}
	for _, m := range members {
		contents[s.r.ContentOf(m)] = true
		p.First, p.Last = min(p.First, s.r.Time(m)), max(p.Last, s.r.Time(m))
		if c := s.r.ClientOf(m); c != "" {
			clients[c]++
		}
	}
	p.Contents = len(contents)
	for c, n := range clients {
		p.Clients = append(p.Clients, Count{Value: c, Events: n})
	}
	p.ClientCount = len(p.Clients)
	p.Clients = top(p.Clients)
	return Campaign{Noise: true, Name: "left over: seldom, quiet, and like nothing else", Score: p.Score, Best: p.Best, Events: len(members),
		Contents: p.Contents, First: p.First, Last: p.Last, Facts: p.Facts, Steps: []Step{p}}
}

func top(list []Count) []Count {
	slices.SortFunc(list, byCount)
	return slices.Clip(list[:min(len(list), listed)])
}

// facts fills in what the marks say of the steps.
func (s *study) facts(steps []Step, marks []mark) {
	order := slices.Clone(marks)
	slices.SortStableFunc(order, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(a.facet, b.facet), cmp.Compare(b.events, a.events))
	})
	for len(order) > 0 {
		n := 1
		for n < len(order) && order[n].step == order[0].step && order[n].facet == order[0].facet {
			n++
		}
		p := &steps[order[0].step]
		var list []Count
		for _, m := range order[:min(n, listed)] {
			list = append(list, Count{s.r.TraitText(m.token, m.feature), int(m.events), m.good})
		}
		switch order[0].facet {
		case network:
			p.Networks, p.NetworkCount = list, n
		case agent:
			p.Agents = list
		case user:
			p.Users, p.UserCount = list, n
		case host:
			p.Hosts, p.HostCount = list, n
		case destination:
			p.Destinations, p.DestinationCount = list, n
		case name:
			p.Names, p.NameCount = list, n
		case path:
			p.Paths, p.PathCount = list, n
		}
		order = order[n:]
	}
}

// clients fills in who: by the hunt's word for it, which for hosts that were asked for is who stands at the other end.
func (s *study) clients(steps []Step, variants []variant, of []int32) {
	clients, countries := make([]map[string]int, len(steps)), make([]map[string]int, len(steps))
	for _, v := range variants {
		k := of[v.item]
		if k < 0 {
			continue
		}
		if clients[k] == nil {
			clients[k], countries[k] = map[string]int{}, map[string]int{}
		}
		if c := s.r.ClientOf(v.number); c != "" {
			clients[k][c] += int(v.events)
		}
		if c := s.r.Country(v.number); c != "" {
			countries[k][c] += int(v.events)
		}
	}
	for k := range steps {
		steps[k].Clients, steps[k].ClientCount = counts(clients[k])
		steps[k].Countries, _ = counts(countries[k])
	}
}

func counts(of map[string]int) ([]Count, int) {
	list := make([]Count, 0, len(of))
	for v, n := range of {
		list = append(list, Count{Value: v, Events: n})
	}
	return top(list), len(list)
}

// tokens fills in what the events of each step share: the tokens that weigh most by share, evidence, and how few steps have
// them.
func (s *study) tokens(steps []Step, variants []variant, of []int32) {
	type tally struct {
		token, feature uint32
		kind           token.Kind
		field          *token.Field
		events         uint32
		good           uint32
		weight         float64
	}
	lists := make([][]tally, len(steps))
	at := make([]map[uint32]int, len(steps))
	seen := make([]int, len(steps))
	total := make([]uint32, len(steps))
	for _, v := range variants {
		k := of[v.item]
		if k < 0 || seen[k] >= sampleN {
			continue
		}
		seen[k]++
		total[k] += v.events
		if at[k] == nil {
			at[k] = map[uint32]int{}
		}
		done := map[uint32]bool{}
		s.r.Traits(v.number, func(x hunt.Trait) {
			if x.Weight <= 0 || done[x.ID] || x.Field.Identity {
				return
			}
			done[x.ID] = true
			i, ok := at[k][x.ID]
			if !ok {
				i = len(lists[k])
				at[k][x.ID] = i
				lists[k] = append(lists[k], tally{x.ID, x.Feature, x.Kind, x.Field, 0, x.Good, x.Weight})
			}
			lists[k][i].events += v.events
		})
	}
	in := map[uint32]int{} // steps with a token in most of their events
	for k := range lists {
		for _, x := range lists[k] {
			if 2*x.events >= total[k] {
				in[x.token]++
			}
		}
	}
	for k := range lists {
		value := func(x *tally) float64 {
			share := float64(x.events) / float64(total[k])
			few := float64(len(steps)+1) / float64(in[x.token]+1)
			return math.Round(1e6*share*min(loudest, x.weight)*scarce(few)*wording(x.field, x.kind)) / 1e6
		}
		list := slices.DeleteFunc(lists[k], func(x tally) bool { return value(&x) <= 0 })
		slices.SortFunc(list, func(a, b tally) int { return cmp.Or(cmp.Compare(value(&b), value(&a)), cmp.Compare(a.token, b.token)) })
		told := map[*token.Field]int{}
		for _, x := range list {
			if told[x.field] == 3 || len(steps[k].Tokens) == kept {
				continue
			}
			told[x.field]++
			steps[k].Tokens = append(steps[k].Tokens, Token{Text: token.Name(x.field.Name, x.kind, s.r.TraitText(x.token, x.feature)),
				Share: math.Round(1e4*float64(x.events)/float64(total[k])) / 1e4, Weight: math.Round(1e6*x.weight) / 1e6, Good: x.good})
		}
	}
}

// scarce grows slowly with how few steps have a token.
func scarce(x float64) float64 { return 1 + float64(math.Sqrt(x)/4) }

// links lists what joins the steps of each campaign. number is the campaign of each step, −1 for none.
func (s *study) links(out []Campaign, marks []mark, number []int) {
	lists := make([][]Link, len(out))
	for len(marks) > 0 {
		n := 1
		for n < len(marks) && marks[n].token == marks[0].token && marks[n].facet == marks[0].facet {
			n++
		}
		if n > 1 && marks[0].weight*linkWeight[marks[0].facet] >= linkFrom {
			steps, events := map[int]int{}, map[int]int{}
			for _, m := range marks[:n] {
				if c := number[m.step]; c >= 0 {
					steps[c]++
					events[c] += int(m.events)
				}
			}
			for c, k := range steps {
				if k > 1 {
					lists[c] = append(lists[c], Link{facetNames[marks[0].facet], s.r.TraitText(marks[0].token, marks[0].feature), k, events[c], marks[0].good})
				}
			}
		}
		marks = marks[n:]
	}
	for c := range out {
		slices.SortFunc(lists[c], func(a, b Link) int {
			return cmp.Or(cmp.Compare(b.Steps, a.Steps), cmp.Compare(b.Events, a.Events), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
		})
		out[c].Links = slices.Clip(lists[c][:min(len(lists[c]), listed)])
	}
}
