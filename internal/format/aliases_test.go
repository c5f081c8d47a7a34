package format

import (
	"bytes"
	"slices"
	"testing"

	"weir/internal/event"
)

// TestOCSF: a record of AWS Security Lake has its addresses, user and agent by the names of ECS.
func TestOCSF(t *testing.T) {
	const line = `{"class_uid":6003,"time":1772014100000,"src_endpoint":{"ip":"192.0.2.12","port":4711},"dst_endpoint":{"ip":"198.51.100.7"},` +
		`"actor":{"user":{"name":"bob"}},"device":{"hostname":"web1"},"http_request":{"user_agent":"aws-cli/2","http_method":"GET","url":{"path":"/a","query_string":"x=1","hostname":"h"}},"http_response":{"code":403},` +
		`"status":"Failure","status_code":"AccessDenied"}`
	sample := [][]byte{[]byte(line)}
	found, err := Detect(sample, Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := found.Format.New(sample, Options{}, event.NewKeys())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Decoder{made, made.Fork(event.NewKeys())} {
		testOCSF(t, d, sample[0])
	}
	// Elsewhere it is the status of HTTP.
	sample[0] = bytes.Replace(sample[0], []byte("class_uid"), []byte("another"), 1)
	if made, err = found.Format.New(sample, Options{}, event.NewKeys()); err != nil {
		t.Fatal(err)
	}
	var e event.Event
	if err := made.Decode(sample[0], &e); err != nil || !slices.ContainsFunc(e.Fields, func(f event.Field) bool {
		return f.Key.Name == "http.response.status_code" && string(f.Value) == "AccessDenied"
	}) {
		t.Errorf("%v %v", e.Fields, err)
	}
}

func testOCSF(t *testing.T, d Decoder, line []byte) {
	t.Helper()
	var e event.Event
	if err := d.Decode(line, &e); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range e.Fields {
		if _, twice := got[f.Key.Name]; twice {
			t.Errorf("%s is there twice", f.Key.Name)
		}
		got[f.Key.Name] = string(f.Value)
	}
	for name, want := range map[string]string{"source.ip": "192.0.2.12", "source.port": "4711", "destination.ip": "198.51.100.7", "user.name": "bob",
		"host.name": "web1", "user_agent.original": "aws-cli/2", "http.request.method": "GET", "url.path": "/a", "url.query": "x=1", "http.response.status_code": "403",
		"status": "Failure", "status_code": "AccessDenied"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !e.HasTime || e.Time != 1772014100000*1e6 {
		t.Errorf("the time is %d", e.Time)
	}
}
