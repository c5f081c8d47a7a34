package format

import (
	"testing"

	"weir/internal/event"
)

// TestOCSF: a record of AWS Security Lake has its addresses, user and agent by the names of ECS.
func TestOCSF(t *testing.T) {
	const line = `{"class_uid":6003,"time":1772014100000,"src_endpoint":{"ip":"192.0.2.12","port":4711},"dst_endpoint":{"ip":"198.51.100.7"},` +
		`"actor":{"user":{"name":"bob"}},"device":{"hostname":"web1"},"http_request":{"user_agent":"aws-cli/2"}}`
	sample := [][]byte{[]byte(line)}
	found, err := Detect(sample, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := found.Format.New(sample, Options{}, event.NewKeys())
	if err != nil {
		t.Fatal(err)
	}
	var e event.Event
	if err := d.Decode(sample[0], &e); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range e.Fields {
		got[f.Key.Name] = string(f.Value)
	}
	for name, want := range map[string]string{"source.ip": "192.0.2.12", "source.port": "4711", "destination.ip": "198.51.100.7", "user.name": "bob",
		"host.name": "web1", "user_agent.original": "aws-cli/2"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !e.HasTime || e.Time != 1772014100000*1e6 {
		t.Errorf("the time is %d", e.Time)
	}
}
