package event

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Hosts asks whether events name one of some hosts. It belongs to one goroutine, and to events of one [Keys].
type Hosts struct {
	names map[string]bool // in lower case
	keys  []int8          // by Key.ID: 0 unknown, 1 no host field, 2 host field
}

// NewHosts returns what finds events of these hosts: addresses or names, in any case.
func NewHosts(hosts []string) *Hosts {
	h := &Hosts{names: map[string]bool{}}
	for _, name := range hosts {
		h.names[strings.ToLower(name)] = true
	}
	return h
}

// Has reports whether name is one of the hosts.
func (h *Hosts) Has(name string) bool { return h.names[strings.ToLower(name)] }

// Match reports whether some address or host field of the event equals one of the hosts. Without hosts it is true.
func (h *Hosts) Match(e *Event) bool {
	if len(h.names) == 0 {
		return true
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		if len(f.Value) > 255 || !h.isHostField(f.Key) {
			continue
		}
		if h.names[string(f.Value)] || bytes.ContainsFunc(f.Value, upperOrOther) && h.names[strings.ToLower(string(f.Value))] {
			return true
		}
	}
	return false
}

func upperOrOther(r rune) bool { return 'A' <= r && r <= 'Z' || r >= utf8.RuneSelf }

func (h *Hosts) isHostField(k *Key) bool {
	for k.ID >= len(h.keys) {
		h.keys = append(h.keys, 0)
	}
	if h.keys[k.ID] == 0 {
		h.keys[k.ID] = 1
		if HostField(k.Name) {
			h.keys[k.ID] = 2
		}
	}
	return h.keys[k.ID] == 2
}

// HostField reports whether a field of this name holds an address or the name of a host.
func HostField(name string) bool {
	last := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	switch last {
	case "ip", "host", "hostname", "hosts", "address", "addr", "domain", "ips", "server_name", "computer", "tx_hosts",
		"rx_hosts", "src", "dst", "data":
		return true
	case "name":
		return name == "host.name" || name == "dns.question.name"
	}
	return strings.HasSuffix(last, "_ip") || strings.HasSuffix(last, "_addr") || strings.HasSuffix(last, "_host") ||
		strings.HasSuffix(last, "_h") || strings.HasSuffix(last, "_hosts")
}
