package cluster

import (
	"cmp"
	"fmt"
	"slices"
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
	for _, s := range []string{"bytes", "packets", "pkts", "duration", "length", "size", "depth", "history", "local_orig", "local_resp", "version", "fps", "ttls", "country_iso_code"} {
		if strings.HasSuffix(strings.ToLower(last), s) {
			return true
		}
	}
	return false
}

const (
	longest  = 60 // columns of a value in a name
	phrases  = 3  // in the name of a step
	wordFrom = 4  // characters of a word that says something by itself: the “w” of a rule's number or an “and” do not
)

// nameSteps gives each step a name made of its foremost tokens.
func nameSteps(steps []Step) {
	for i := range steps {
		steps[i].Name = stepName(&steps[i])
	}
}

func stepName(p *Step) string {
	for _, least := range []float64{.5, .2} {
		if name := p.join(least); name != "" {
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

// A part is a phrase of a name. Parts stand in the order of their places: with what, how, to what, by whom, how it ended, where.
type part struct {
	place int
	text  string
	bare  bool // says what is missing, which is worth saying only where nothing else is
}

// join says the foremost tokens that at least a share of events has, one of each field.
func (p *Step) join(least float64) string {
	var parts []part
	fields, values := map[string]bool{}, map[string]bool{}
	for _, t := range p.Tokens {
		field, rest, _ := strings.Cut(t.Text, "=")
		family, kind, _ := strings.Cut(field, ":")
		if t.Share < least {
			continue
		}
		if kind == "word" { // of a message: whom it names is told as who that is
			switch {
			case has(p.Users, rest):
				family, field = "user.name", "user.name"
			case has(p.Hosts, rest):
				family, field = "host.name", "host.name"
			}
		}
		if family == "ip" && fields["host.name"] || family == "host.name" && fields["ip"] { // the same machine
			continue
		}
		if w := phrase(field, rest); w.text != "" && !fields[family] && !values[rest] {
			fields[family], values[rest] = true, true
			parts = append(parts, w)
		}
	}
	if slices.ContainsFunc(parts, func(w part) bool { return !w.bare }) {
		parts = slices.DeleteFunc(parts, func(w part) bool { return w.bare })
	}
	parts = parts[:min(len(parts), phrases)]
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.place, b.place) })
	name := ""
	for i, w := range parts {
		if i > 0 && (parts[i-1].place != how || w.place != toWhat) { // GET /login
			name += ","
		}
		if i > 0 {
			name += " "
		}
		name += w.text
	}
	return name
}

// has reports whether a value is one of a list, in whatever case.
func has(list []Count, value string) bool {
	return slices.ContainsFunc(list, func(c Count) bool { return strings.EqualFold(c.Value, value) })
}

// Places of parts in a name.
const (
	withWhat = iota
	how
	toWhat
	toPort
	other
	byWhom
	ending
	where
)

// value makes a text that an attacker may have written fit for a name.
func value(s string) string { return term.CutMiddle(term.Clean(s), longest) }

// ofAnyBrowser are words that user agents have for old times' sake, and that name none.
var ofAnyBrowser = map[string]bool{"mozilla": true, "compatible": true, "gecko": true, "khtml": true, "like": true, "applewebkit": true,
	"safari": true, "trident": true, "windows": true, "linux": true, "macintosh": true, "version": true, "mobile": true}

// phrase says a token in plain words, "" for one that says nothing to people.
func phrase(field, text string) part {
	if utf8.RuneCountInString(strings.TrimSpace(text)) == 0 {
		return part{}
	}
	v := value(text)
	name, kind, _ := strings.Cut(field, ":")
	if strings.Contains(name, "×") || dull(name) || name == token.Dataset {
		return part{}
	}
	switch kind {
	case "":
	case "word":
		if utf8.RuneCountInString(text) < wordFrom || name == "event.action" { // the whole of which is words
			return part{}
		}
		if name == "user_agent.original" {
			if ofAnyBrowser[text] {
				return part{}
			}
			return part{place: withWhat, text: v}
		}
		return part{place: other, text: fmt.Sprintf("“%s” in the %s", v, plain(name))}
	case "segment":
		return part{place: toWhat, text: fmt.Sprintf("paths with “%s”", v)}
	case "extension":
		return part{place: toWhat, text: fmt.Sprintf(".%s files", v)}
	case "parameter":
		return part{place: other, text: fmt.Sprintf("the parameter “%s”", v)}
	case "char":
		return part{place: other, text: fmt.Sprintf("“%s” in the %s", v, plain(name))}
	case "product":
		return part{place: withWhat, text: token.ProductTitle(v)}
	case "domain", "host":
		return part{place: toWhat, text: v}
	default:
		return part{}
	}
	if text == "(none)" {
		return part{place: other, text: "no " + plain(name), bare: true}
	}
	switch name {
	case "http.response.status_code":
		return part{place: ending, text: "status " + v}
	case "event.outcome":
		return part{place: ending, text: "outcome " + v}
	case "destination.port":
		return part{place: toPort, text: "port " + v}
	case "destination.ip":
		return part{place: toWhat, text: "to " + v}
	case "user.name":
		return part{place: byWhom, text: "user " + v}
	case "user_agent.original":
		return part{place: withWhat, text: "“" + v + "”"}
	case "host.name":
		return part{place: where, text: "on " + v}
	case "message", "rule.name", "name":
		return part{place: other, text: "“" + v + "”"}
	case "http.request.method":
		return part{place: how, text: v, bare: text == "GET"}
	case "url.path", "url.domain", "dns.question.name", "tls.client.server_name", "file.path":
		return part{place: toWhat, text: v}
	case "event.action", "process.name", "process.command_line":
		return part{place: withWhat, text: v}
	}
	return part{place: other, text: plain(name) + " " + v}
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

// mostly says one value if it alone stands for most events, or how many there are.
func mostly(list []Count, n int, noun string) string {
	sum := 0
	for _, x := range list {
		sum += x.Events
	}
	if n > 1 && 10*list[0].Events >= 9*sum {
		return fmt.Sprintf("%s and %s more", value(list[0].Value), term.Count(n-1))
	}
	return some(list, n, noun)
}

// Strangest returns the step that the campaign's best suspect is in.
func (c *Campaign) Strangest() *Step {
	for i := range c.Steps {
		if c.Steps[i].Best == c.Best {
			return &c.Steps[i]
		}
	}
	return &c.Steps[0]
}

// nameCampaign names a campaign by what is worst in it, who did it and where. hosts tells that hosts were asked for: then clients
// are who stands at the other end.
func nameCampaign(c *Campaign, hosts bool) {
	name := c.Strangest().Name
	if c.ClientCount > 0 && hosts {
		name += " with " + mostly(c.Clients, c.ClientCount, "address")
	} else if c.ClientCount > 0 {
		name += " from " + mostly(c.Clients, c.ClientCount, "client")
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
