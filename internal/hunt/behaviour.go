package hunt

import (
	"bytes"
	"net/netip"

	"weir/internal/profile"
	"weir/internal/token"
)

// An aspect of behaviour is what somebody does again and again: who is the address, host or user of an event, what the field
// whose values are their ways. They are the sides of a declared pair, or, where loose, two fields of the event, which pays for
// no token.
type aspect struct {
	who, what string
	loose     bool
	as        reading
	verb      string // has talked: what somebody does with the values
	with      string // to port, never to port: what comes before each
	votes     bool   // departures vote; of the other aspects, they are told with the clue of the pair or value
	// volatile values change without anybody acting otherwise, as fingerprints do with every update: one that known good
	// never saw is a new version and no departure, one that is somebody else's is.
	volatile bool
}

// A reading is how the values of an aspect are made from those of its field.
type reading uint8

const (
	asIs     reading = iota
	system           // the operating system of a user agent; those that name none show nothing
	folded           // in lower case
	country          // of an address
	network          // /24 or /48 of an address
	size             // half an octave
	hour             // of the day, from the event's time
	template         // without versions
)

// aspects are the ways of acting that are learned. docs/adr/0008 says which vote and why no others. Of several that have
// something to say of one clue, the last does.
var aspects = []aspect{
	{who: "source.ip", what: "user_agent.name", as: system, verb: "sent", votes: true},
	{who: "host.name", what: "user_agent.name", as: system, verb: "sent", votes: true},
	{who: "source.ip", what: "event.shift", votes: true},
	{who: "host.name", what: "event.shift", votes: true},
	{who: "user.name", what: "event.shift", votes: true},
	{who: "source.ip", what: "tls.client.ja3", loose: true, verb: "shown", with: "the TLS fingerprint ", votes: true, volatile: true},
	{who: "source.ip", what: "tls.client.ja4", loose: true, verb: "shown", with: "the TLS fingerprint ", votes: true, volatile: true},
	{who: "source.ip", what: "user_agent.original", loose: true, as: template},
	{who: "source.ip", what: "event.hour", as: hour},
	{who: "host.name", what: "event.hour", as: hour},
	{who: "user.name", what: "event.hour", as: hour},
	{who: "source.ip", what: "user_agent.name", verb: "sent"},
	{who: "host.name", what: "user_agent.name", verb: "sent"},
	{who: "source.ip", what: "destination.ip", verb: "talked", with: "to "},
	{who: "source.ip", what: "destination.ip", loose: true, as: network, verb: "talked", with: "to network "},
	{who: "source.ip", what: "destination.ip", loose: true, as: country, verb: "talked", with: "to addresses in "},
	{who: "source.ip", what: "destination.port", verb: "talked", with: "to port "},
	{who: "source.ip", what: "network.transport", loose: true, as: folded, verb: "used"},
	{who: "source.ip", what: "network.protocol", loose: true, as: folded, verb: "spoken"},
	{who: "source.ip", what: "url.domain", verb: "asked"},
	{who: "source.ip", what: "dns.question.registered_domain", verb: "looked up"},
	{who: "source.ip", what: "tls.client.server_name", verb: "asked"},
	{who: "source.ip", what: "http.response.status_code", verb: "been answered"},
	{who: "source.ip", what: "source.bytes", as: size, verb: "sent"},
	{who: "source.ip", what: "destination.bytes", loose: true, as: size, verb: "received"},
	{who: "source.ip", what: "user.name", verb: "been"},
	{who: "source.ip", what: "event.outcome", loose: true, as: folded, verb: "met", with: "with "},
	{who: "host.name", what: "event.outcome", loose: true, as: folded, verb: "met", with: "with "},
	{who: "user.name", what: "event.outcome", loose: true, as: folded, verb: "met", with: "with "},
	{who: "user.name", what: "source.ip", loose: true, as: network, verb: "come", with: "from network "},
	{who: "user.name", what: "source.geo.country_iso_code", verb: "come", with: "from "},
	{who: "user.name", what: "host.name", verb: "been", with: "on "},
	{who: "user.name", what: "event.action", verb: "logged"},
	{who: "host.name", what: "event.action", verb: "logged"},
	{who: "host.name", what: "process.name", verb: "run"},
}

// actors are the fields of those who act.
var actors = []string{"source.ip", "host.name", "user.name"}

// judged reports whether an aspect has a say in what contents are worth.
func (a *aspect) judged() bool { return a.votes || a.as == template }

// What is kept for an aspect that has a say, or tells the hours: room for all quarters of the day of 16,000 entities.
const largeBudget = 2 * profile.Budget

func newProfile() *profile.Profile {
	budgets := make([]int, len(aspects))
	for k := range aspects {
		budgets[k] = profile.Budget
		if aspects[k].judged() || aspects[k].as == hour {
			budgets[k] = largeBudget
		}
	}
	return profile.NewSized(budgets)
}

// A part is what a field's features mean for behaviour.
type part struct {
	pairs  []int // aspects that a declared pair shows
	values []int // aspects whose value this field is, of any actor
	actor  int   // index into actors plus one; 0 for none
	known  bool
}

func partOf(f *token.Field) part {
	p := part{known: true}
	if f.Left == "" {
		for i, name := range actors {
			if f.Name == name || i == 0 && f.Client() {
				p.actor = i + 1
			}
		}
	}
	for k := range aspects {
		switch a := &aspects[k]; {
		case f.Left != "" && f.Left == a.who && f.Right == a.what:
			p.pairs = append(p.pairs, k)
		case a.loose && a.of(f):
			p.values = append(p.values, k)
		}
	}
	return p
}

// of reports whether the values of a loose aspect are those of a field.
func (a *aspect) of(f *token.Field) bool {
	return f.Name == a.what || a.what == "source.ip" && f.Client() || a.what == "destination.ip" && f.Peer()
}

func (a *aspect) actor() int {
	for i, name := range actors {
		if a.who == name {
			return i
		}
	}
	return -1
}

// A behaviour is how everybody acted in known good, as far as one worker has seen it.
type behaviour struct {
	profile *profile.Profile
	enrich  *token.Enrichment
	parts   []part // by token.Field.ID
	values  []int  // scratch
}

func newBehaviour(e *token.Enrichment) *behaviour {
	return &behaviour{profile: newProfile(), enrich: e}
}

func (b *behaviour) partOf(f *token.Field) *part {
	for f.ID >= len(b.parts) {
		b.parts = append(b.parts, part{})
	}
	p := &b.parts[f.ID]
	if !p.known {
		*p = partOf(f)
	}
	return p
}

// actor and hour of every loose aspect, looked up once.
var actorOf, hourly = func() (of, hours []int) {
	for k := range aspects {
		of = append(of, aspects[k].actor())
		if aspects[k].as == hour {
			hours = append(hours, k)
		}
	}
	return of, hours
}()

// see counts what an event shows, at an hour of the day.
func (b *behaviour) see(features []token.Feature, at int) {
	var who [3]*token.Feature // like actors
	b.values = b.values[:0]
	for i := range features {
		f := &features[i]
		p := b.partOf(f.Field)
		for _, k := range p.pairs {
			b.profile.AddAgain(f.Hash+uint64(k)*golden, func() (profile.Act, bool) { return pairAct(k, f) })
		}
		if p.actor > 0 && who[p.actor-1] == nil {
			who[p.actor-1] = f
		}
		if len(p.values) > 0 {
			b.values = append(b.values, i)
		}
	}
	for _, i := range b.values {
		v := &features[i]
		for _, k := range b.parts[v.Field.ID].values {
			if w := who[actorOf[k]]; w != nil {
				b.profile.AddAgain((w.Hash^v.Hash*golden)+uint64(k)*golden, func() (profile.Act, bool) { return looseAct(k, w, v, b.enrich) })
			}
		}
	}
	for _, k := range hourly {
		if w := who[actorOf[k]]; w != nil {
			b.profile.AddAgain(w.Hash+uint64(k<<8+at)*golden, func() (profile.Act, bool) { return hourAct(k, w, at), true })
		}
	}
}

const golden = 0x9E3779B97F4A7C15

// pairAct is what a declared pair shows of an aspect.
func pairAct(k int, f *token.Feature) (profile.Act, bool) {
	text := cut(f.Other)
	if aspects[k].as == system {
		i := bytes.LastIndexByte(text, '/')
		if i < 0 {
			return profile.Act{}, false
		}
		text = text[i+1:]
	}
	return newAct(k, f.Left, f.Value, f.Field, text), true
}

// looseAct is what an actor and a value of one event show of an aspect.
func looseAct(k int, who, what *token.Feature, e *token.Enrichment) (profile.Act, bool) {
	text := cut(what.Value)
	switch aspects[k].as {
	case folded:
		text = bytes.ToLower(text)
	case country, network:
		ip, err := netip.ParseAddr(string(text))
		if err != nil {
			return profile.Act{}, false
		}
		if text = networkOf(ip); aspects[k].as == country {
			text = []byte(e.Country(ip.WithZone("").Unmap()))
		}
	case template:
		text = templateOf(text)
	case size:
		if !bytes.Contains(text, []byte("..")) {
			text = token.RangeOf(text)
		}
	}
	if len(text) == 0 {
		return profile.Act{}, false
	}
	return newAct(k, who.Hash, who.Value, what.Field, text), true
}

// templateOf returns a user agent without versions: what begins with a digit and goes on with digits, dots and underscores
// is one 9. A new version of a browser has the template of the old.
func templateOf(agent []byte) []byte {
	out := make([]byte, 0, len(agent))
	version := false
	for _, c := range agent {
		digit := '0' <= c && c <= '9'
		if version = digit || version && (c == '.' || c == '_'); !version {
			out = append(out, c)
		} else if digit && (len(out) == 0 || out[len(out)-1] != '9') {
			out = append(out, '9')
		}
	}
	return out
}

// hourAct is somebody's being there at an hour of the day.
func hourAct(k int, who *token.Feature, at int) profile.Act {
	return newAct(k, who.Hash, who.Value, who.Field, []byte{'0' + byte(at/10), '0' + byte(at%10)})
}

// newAct makes an act; field keys its hashes.
func newAct(k int, entity uint64, name []byte, field *token.Field, text []byte) profile.Act {
	a := profile.Act{Aspect: k, Entity: entity, Name: name, Value: field.Hash(text), Text: text}
	if aspects[k].who == "source.ip" {
		if ip, err := netip.ParseAddr(string(name)); err == nil {
			a.Peers = field.Hash(networkOf(ip))
		}
	}
	return a
}

// cut is as much of a value as stored events keep, so that they show what was counted.
func cut(v []byte) []byte { return v[:min(len(v), maxKept)] }

// networkOf names the /24 or /48 that an address lies in.
func networkOf(ip netip.Addr) []byte {
	ip = ip.WithZone("").Unmap()
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	p, err := ip.Prefix(bits)
	if err != nil { // no address
		return nil
	}
	return p.AppendTo(nil)
}

// learn takes what a worker has seen.
func (h *hunter) learn(b *behaviour) {
	switch {
	case b == nil:
	case h.usual == nil:
		h.usual = &behaviour{profile: b.profile, enrich: h.opt.Enrich()}
	default:
		h.usual.profile.Merge(b.profile)
	}
}
