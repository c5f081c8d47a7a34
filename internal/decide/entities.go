package decide

import (
	"net/netip"

	"github.com/zeebo/xxh3"

	"weir/internal/event"
)

// entityFields are the fields that name entities, by kind, the first that a record has; a network is that of the address.
var entityFields = [numKinds][]string{
	Address: {"source.ip", "client.ip", "source.address", "client.address", "source.domain", "client.domain"},
	User:    {"user.name"},
	Session: {"session.id", "http.session.id", "network.session.id"},
}

const agentField = "user_agent.original"

// A Resolver finds the entities of events. It is for one goroutine, and for events whose names are of the same keys.
type Resolver struct {
	kinds  []EntityKind
	fields [numKinds][]*event.Key
	agent  *event.Key
	values [numKinds][]byte
	hashes []uint64
	buf    []byte
	names  names
}

// names are those of as many entities as there is room for: all, or those whose hashes end with level zero bits. Which these are
// depends on the entities alone, not on who read them in which order.
type names struct {
	of    map[Entity]string
	room  int
	level uint
}

// NewResolver returns a resolver for entities of these kinds. It keeps the names of up to room entities, for Names.
func NewResolver(kinds []EntityKind, keys *event.Keys, room int) *Resolver {
	r := &Resolver{kinds: kinds, agent: keys.Get(agentField), hashes: make([]uint64, len(kinds)), names: names{of: map[Entity]string{}, room: room}}
	for k, list := range entityFields {
		for _, f := range list {
			r.fields[k] = append(r.fields[k], keys.Get(f))
		}
	}
	return r
}

// Names returns the names of entities that any of the resolvers found, which have the same room: all, or where there is no room
// for them the same share of them whoever found which. The resolvers must not be used any more.
func Names(all ...*Resolver) map[Entity]string {
	if len(all) == 0 {
		return nil
	}
	sum := &all[0].names
	for _, r := range all {
		sum.level = max(sum.level, r.names.level)
	}
	sum.shrink()
	for _, r := range all[1:] {
		for e, name := range r.names.of {
			sum.add(e, []byte(name))
		}
	}
	return sum.of
}

const maxName = 200 // bytes

func (n *names) add(e Entity, name []byte) {
	if e.Hash&(1<<n.level-1) != 0 {
		return
	}
	if _, ok := n.of[e]; ok {
		return
	}
	n.of[e] = string(name[:min(len(name), maxName)])
	for len(n.of) > n.room {
		n.level++
		n.shrink()
	}
}

// shrink takes out what has no place at the level.
func (n *names) shrink() {
	for e := range n.of {
		if e.Hash&(1<<n.level-1) != 0 {
			delete(n.of, e)
		}
	}
}

// Resolve returns hashes of the event's entities, one for each kind, 0 where it has none. They hold until the next call.
func (r *Resolver) Resolve(e *event.Event) []uint64 {
	var agent []byte
	best := [numKinds]int{}
	clear(r.values[:])
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Key == r.agent && agent == nil {
			agent = f.Value
			continue
		}
		for k := range r.fields {
			for n, key := range r.fields[k] {
				if f.Key == key && len(f.Value) > 0 && (r.values[k] == nil || n < best[k]) {
					r.values[k], best[k] = f.Value, n
				}
			}
		}
	}
	for i, k := range r.kinds {
		r.hashes[i] = 0
		if name := r.name(k, agent); len(name) > 0 {
			r.hashes[i] = max(1, xxh3.HashSeed(name, uint64(k)))
			r.names.add(Entity{k, r.hashes[i]}, name)
		}
	}
	return r.hashes
}

// name returns what an entity is called, in a buffer that the next call may use.
func (r *Resolver) name(k EntityKind, agent []byte) []byte {
	switch k {
	case Address:
		v := r.values[Address]
		if a, err := netip.ParseAddr(string(v)); err == nil && a.Is6() { // one spelling
			r.buf = a.Unmap().AppendTo(r.buf[:0])
			return r.buf
		}
		return v
	case Network, AgentInNetwork:
		a, err := netip.ParseAddr(string(r.values[Address]))
		if err != nil {
			return nil
		}
		a = a.Unmap().WithZone("")
		bits := 48
		if a.Is4() {
			bits = 24
		}
		p, err := a.Prefix(bits)
		if err != nil {
			return nil
		}
		r.buf = p.AppendTo(r.buf[:0])
		if k == AgentInNetwork {
			if len(agent) == 0 {
				return nil
			}
			r.buf = append(append(r.buf, ' '), agent...)
		}
		return r.buf
	}
	return r.values[k]
}
