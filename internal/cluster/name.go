package cluster

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/internal/term"
	"weir/internal/token"
)

// wording is how well a token tells people what happened: a message or a path does, a range of sizes does not.
func wording(f *token.Field, k token.Kind) float64 {
	w := 1.0
	switch k {
	case token.Whole:
	case token.Product:
		w = 1.5
	case token.Word, token.Segment, token.Parameter, token.Domain, token.Host:
		w = .7
	case token.Odd, token.Extension:
		w = .4
	case token.Network:
		w = .3
	case token.Shape, token.Range, token.OddCount:
		w = .1
	default:
		w = .05
	}
	if f.Left != "" {
		return .2 * w
	}
	if dull(f.Name) {
		return .05 * w
	}
	switch f.Name {
	case "message", "rule.name", "name", "event.action", "process.command_line":
		return 1.6 * w
	case "url.path", "file.path":
		return 1.3 * w
	case "user_agent.original":
		if k == token.Whole { // its product says the same in one word
			return .5
		}
		if k == token.Word {
			return .3
		}
		return 1.3 * w
	case "user.name", "url.domain", "dns.question.name", "tls.client.server_name", "destination.ip", "url.query":
		return 1.1 * w
	case "http.response.status_code", "http.request.method", "destination.port", "host.name":
		return .8 * w
	case token.Dataset, "http.version", "http.request.referrer":
		return .3 * w
	}
	return .6 * w
}

// dull reports whether a field holds sizes and the like, which tell people little.
func dull(field string) bool {
	last := field[strings.LastIndexByte(field, '.')+1:]
	for _, s := range []string{"bytes", "packets", "pkts", "duration", "length", "size", "depth", "history", "local_orig", "local_resp", "version", "fps", "country_iso_code"} {
		if strings.HasSuffix(last, s) {
			return true
		}
	}
	return false
}

const (
	longest = 48 // columns of a value in a name
	phrases = 3  // in the name of a step
)

// nameSteps gives each step a name made of its foremost tokens.
func nameSteps(steps []Step) {
	for i := range steps {
		steps[i].Name = stepName(&steps[i])
	}
}

func stepName(p *Step) string {
	for _, least := range []float64{.5, .2} {
		if name := join(p.Tokens, least); name != "" {
			return name
		}
	}
	switch {
	case p.DestinationCount > 0:
		return "traffic to " + some(p.Destinations, p.DestinationCount, "address")
	case p.PathCount > 0:
		return "requests of " + some(p.Paths, p.PathCount, "path")
	case p.UserCount > 0:
		return "events of " + some(p.Users, p.UserCount, "user")
	case p.HostCount > 0:
		return "events on " + some(p.Hosts, p.HostCount, "host")
	}
	return "events like the example"
}

// join says the foremost tokens that at least a share of events has, one of each field.
func join(tokens []Token, least float64) string {
	var parts []string
	fields, values := map[string]bool{}, map[string]bool{}
	for _, t := range tokens {
		field, rest, _ := strings.Cut(t.Text, "=")
		family, _, _ := strings.Cut(field, ":")
		if fields[family] || len(parts) == phrases || t.Share < least {
			continue
		}
		if family == "ip" && fields["host.name"] || family == "host.name" && fields["ip"] { // the same machine
			continue
		}
		if w := phrase(field, rest); w != "" && !values[rest] {
			fields[family], values[rest] = true, true
			parts = append(parts, w)
		}
	}
	return strings.Join(parts, ", ")
}

// value makes a text that an attacker may have written fit for a name.
func value(s string) string { return term.CutMiddle(term.Clean(s), longest) }

// phrase says a token in plain words, "" for one that says nothing to people.
func phrase(field, text string) string {
	if utf8.RuneCountInString(strings.TrimSpace(text)) == 0 {
		return ""
	}
	v := value(text)
	name, kind, _ := strings.Cut(field, ":")
	if strings.Contains(name, "×") || dull(name) || name == token.Dataset {
		return ""
	}
	switch kind {
	case "":
	case "word":
		if utf8.RuneCountInString(text) < 3 { // the “w” of a rule's number says nothing
			return ""
		}
		return fmt.Sprintf("“%s” in the %s", v, plain(name))
	case "segment":
		return fmt.Sprintf("paths with “%s”", v)
	case "extension":
		return fmt.Sprintf(".%s files", v)
	case "parameter":
		return fmt.Sprintf("the parameter “%s”", v)
	case "char":
		return fmt.Sprintf("“%s” in the %s", v, plain(name))
	case "product":
		return v
	case "domain", "host":
		return v
	default:
		return ""
	}
	if text == "(none)" {
		return "no " + plain(name)
	}
	switch name {
	case "http.response.status_code":
		return "status " + v
	case "destination.port":
		return "port " + v
	case "destination.ip":
		return "to " + v
	case "user.name":
		return "user " + v
	case "user_agent.original":
		return "“" + v + "”"
	case "host.name":
		return "on " + v
	case "message", "rule.name", "name":
		return "“" + v + "”"
	case "url.path", "http.request.method", "url.domain", "dns.question.name", "tls.client.server_name",
		"event.action", "process.name", "process.command_line", "file.path":
		return v
	}
	return plain(name) + " " + v
}

// plain is the name of a field in words.
func plain(field string) string {
	switch field {
	case "url.query":
		return "query"
	case "url.path":
		return "path"
	case "user_agent.original":
		return "user agent"
	case "http.request.referrer":
		return "referrer"
	case "message":
		return "message"
	case "name", "rule.name":
		return "rule"
	}
	return term.Clean(strings.ReplaceAll(field[strings.IndexByte(field, '.')+1:], ".", " "))
}

// some says one value, or how many.
func some(list []Count, n int, noun string) string {
	if n == 1 {
		return value(list[0].Value)
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%s %ss", term.Count(n), noun)
}

// nameCampaign names a campaign by what is worst in it, who did it and where.
func nameCampaign(c *Campaign) {
	best := &c.Steps[0]
	for i := range c.Steps {
		if c.Steps[i].Best == c.Best {
			best = &c.Steps[i]
		}
	}
	name := best.Name
	if c.ClientCount > 0 {
		name += " from " + some(c.Clients, c.ClientCount, "client")
	}
	if c.HostCount == 1 {
		if on := "on " + value(c.Hosts[0].Value); !strings.Contains(name, on) {
			name += " " + on
		}
	}
	if n := len(c.Steps) - 1; n == 1 {
		name += ", and 1 more step"
	} else if n > 1 {
		name += fmt.Sprintf(", and %d more steps", n)
	}
	c.Name = name
}

// sumFacts adds up the facts of steps. Numbers of distinct values are those of the lists where they hold all, else the most
// that one step has: the least that there can be.
func sumFacts(steps []Step) Facts {
	var f Facts
	add := func(list func(*Facts) *[]Count, count func(*Facts) *int) {
		sum, order, most := map[string]*Count{}, []string(nil), 0
		for i := range steps {
			for _, x := range *list(&steps[i].Facts) {
				if sum[x.Value] == nil {
					sum[x.Value] = &Count{Value: x.Value, Good: x.Good}
					order = append(order, x.Value)
				}
				sum[x.Value].Events += x.Events
			}
			if count != nil {
				most = max(most, *count(&steps[i].Facts))
			}
		}
		all := make([]Count, 0, len(order))
		for _, v := range order {
			all = append(all, *sum[v])
		}
		*list(&f) = top(all)
		if count != nil {
			*count(&f) = max(most, len(order))
		}
	}
	add(func(f *Facts) *[]Count { return &f.Clients }, func(f *Facts) *int { return &f.ClientCount })
	add(func(f *Facts) *[]Count { return &f.Networks }, func(f *Facts) *int { return &f.NetworkCount })
	add(func(f *Facts) *[]Count { return &f.Countries }, nil)
	add(func(f *Facts) *[]Count { return &f.Users }, func(f *Facts) *int { return &f.UserCount })
	add(func(f *Facts) *[]Count { return &f.Agents }, nil)
	add(func(f *Facts) *[]Count { return &f.Hosts }, func(f *Facts) *int { return &f.HostCount })
	add(func(f *Facts) *[]Count { return &f.Destinations }, func(f *Facts) *int { return &f.DestinationCount })
	add(func(f *Facts) *[]Count { return &f.Names }, func(f *Facts) *int { return &f.NameCount })
	add(func(f *Facts) *[]Count { return &f.Paths }, func(f *Facts) *int { return &f.PathCount })
	return f
}
