package decide

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"weir/internal/event"
)

func TestResolve(t *testing.T) {
	kinds := []EntityKind{Address, Network, User, Session, AgentInNetwork}
	keys := event.NewKeys()
	r := NewResolver(kinds, keys, 100)
	for _, c := range []struct {
		fields []string
		want   string
	}{
		{[]string{"source.ip=192.0.2.7", "user.name=eve", "user_agent.original=curl/8"}, "192.0.2.7|192.0.2.0/24|eve||192.0.2.0/24 curl/8"},
		{[]string{"client.ip=192.0.2.9", "source.ip=192.0.2.7"}, "192.0.2.7|192.0.2.0/24|||"},
		{[]string{"client.address=host.example"}, "host.example||||"},
		{[]string{"source.ip=::ffff:192.0.2.7"}, "192.0.2.7|192.0.2.0/24|||"},
		{[]string{"source.ip=2001:DB8:1:2::1"}, "2001:db8:1:2::1|2001:db8:1::/48|||"},
		{[]string{"source.ip=", "session.id=s1"}, "|||s1|"},
		{[]string{"url.path=/"}, "||||"},
		{nil, "||||"},
	} {
		e := &event.Event{}
		for _, f := range c.fields {
			name, value, _ := strings.Cut(f, "=")
			e.Add(keys.Get(name), []byte(value))
		}
		var got []string
		for i, h := range r.Resolve(e) {
			name := ""
			if h != 0 {
				name = Names(r)[Entity{kinds[i], h}]
			}
			got = append(got, name)
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q has %q, want %q", c.fields, s, c.want)
		}
	}
}

// TestNamesOfMany: which names are kept where there are too many does not depend on how many read them, or in which order.
func TestNamesOfMany(t *testing.T) {
	const room, all = 64, 1000
	read := func(workers int, backward bool) map[Entity]string {
		var list []*Resolver
		for w := range workers {
			keys := event.NewKeys()
			r := NewResolver([]EntityKind{User}, keys, room)
			for i := range all {
				if backward {
					i = all - 1 - i
				}
				if i%workers == w || i%7 == 0 { // some are seen by all
					e := &event.Event{}
					e.Add(keys.Get("user.name"), fmt.Appendf(nil, "user%d", i))
					r.Resolve(e)
				}
			}
			list = append(list, r)
		}
		return Names(list...)
	}
	one := read(1, false)
	if len(one) > room || len(one) < room/4 {
		t.Errorf("%d names are kept", len(one))
	}
	for workers := 1; workers < 6; workers++ {
		for _, backward := range []bool{false, true} {
			if got := read(workers, backward); !maps.Equal(got, one) {
				t.Errorf("%d readers keep %d other names", workers, len(got))
			}
		}
	}
}
