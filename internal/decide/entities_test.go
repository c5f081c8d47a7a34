package decide

import (
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
				name = r.Names()[Entity{kinds[i], h}]
			}
			got = append(got, name)
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q has %q, want %q", c.fields, s, c.want)
		}
	}
}
