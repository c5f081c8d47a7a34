package cluster

import (
	"strings"

	"weir/internal/hunt"
	"weir/internal/token"
)

// A facet is what a value says about an event: who, from where, what was touched.
type facet uint8

const (
	noFacet facet = iota
	client
	network
	agent
	user
	host
	destination
	name // of a machine: from HTTP, TLS, DNS
	path
	session
	fingerprint
	program // of a client or host, in a pair
	numFacets
)

// Facet names, as JSON and people see them.
var facetNames = [numFacets]string{"", "client", "network", "user agent", "user", "host", "destination", "name", "path", "session", "fingerprint", "program of"}

// linkWeight is how far a shared entity joins steps, if nobody else has it: one machine, user or file does; a network or a
// program may be shared.
var linkWeight = [numFacets]float64{client: 1, network: .7, agent: .8, user: .9, host: .9, destination: 1, name: 1, path: .9,
	session: 1, fingerprint: .9, program: .9}

// facetOf returns what a token says. Names are those of ECS; of others the last part decides.
func facetOf(x *hunt.Trait) facet {
	f := x.Field
	switch {
	case f.Name == "source.ip×user_agent.name", f.Name == "host.name×user_agent.name":
		return program
	case f.Left != "":
		return noFacet
	case x.Kind == token.Network && f.Identity:
		return network
	case x.Kind == token.Product && f.Name == "user_agent.original":
		return agent
	case x.Kind != token.Whole:
		return noFacet
	}
	switch f.Name {
	case "source.ip", "client.ip", "source.domain":
		return client
	case "destination.ip", "server.ip":
		return destination
	case "url.domain", "dns.question.name", "tls.client.server_name":
		return name
	case "url.path", "file.path":
		return path
	case "host.name":
		return host
	case "user.name":
		return user
	case "user_agent.original":
		return agent
	}
	switch last := strings.ToLower(f.Name[strings.LastIndexByte(f.Name, '.')+1:]); {
	case strings.Contains(last, "session"), strings.Contains(last, "cookie"):
		return session
	case strings.HasPrefix(last, "ja3"), strings.HasPrefix(last, "ja4"), last == "hassh":
		return fingerprint
	case last == "user" || last == "username":
		return user
	case last == "hostname" || last == "computer" || last == "ip":
		return host
	}
	return noFacet
}
