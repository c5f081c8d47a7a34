package where

import (
	"strings"
	"testing"

	"weir/internal/event"
)

func TestMatch(t *testing.T) {
	keys := event.NewKeys()
	e := &event.Event{Dataset: "web.access", Time: 1_700_000_000e9, HasTime: true}
	for name, v := range map[string]string{"source.ip": "192.0.2.7", "http.response.status_code": "503", "url.path": "/api/x",
		"zeek.id.odd-name": "v", "user.name": "NaN", "mapped": "::ffff:192.0.2.7"} {
		e.Add(keys.Get(name), []byte(v))
	}
	for text, want := range map[string]bool{
		`http.response.status_code >= 500`:                                true,
		`http.response.status_code >= 500 and url.path startsWith "/api"`: true,
		`http.response.status_code < 500`:                                 false,
		`source.ip in ["192.0.2.7"]`:                                      true,
		`source.ip == "192.0.2.8" or dataset == "web.access"`:             true,
		`not (dataset == "web.access")`:                                   false,
		`has("user.name") and user.name == "NaN"`:                         true,
		`has("host.name")`:                                                false,
		`host.name == "x"`:                                                false,
		`host.name > 3`:                                                   false,
		`url.path > 3`:                                                    false,
		`url.path contains "pi"`:                                          true,
		`url.path matches "^/a.i/"`:                                       true,
		`field("zeek.id.odd-name") == "v"`:                                true,
		`time > 1_600_000_000`:                                            true,
		`url.path`:                                                        false,
		`cidr(source.ip, "192.0.2.0/24")`:                                 true,
		`cidr(source.ip, "10.0.0.0/8", "192.0.2.7")`:                      true,
		`cidr(source.ip, "10.0.0.0/8", "2001:db8::/32")`:                  false,
		`not cidr(source.ip, "10.0.0.0/8")`:                               true,
		`cidr(field("mapped"), "192.0.2.7/32")`:                           true,
		`cidr(url.path, "0.0.0.0/0") or cidr(nothing, "0.0.0.0/0")`:       false,
	} {
		c, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Match(e); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
	for _, bad := range []string{"", "source.ip ==", "source.ip = 3", `"a`, `cidr(source.ip, "10.0.0.0/33")`, `cidr(source.ip)`,
		`cidr(source.ip, url.path)`, `in_network(source.ip)`} {
		if _, err := Compile(bad); err == nil || !strings.Contains(err.Error(), "condition") {
			t.Errorf("Compile(%q): %v", bad, err)
		}
	}
}

func TestFields(t *testing.T) {
	for text, want := range map[string]string{
		`source.ip == "a" and source.ip != url.path and has("user.name")`: "source.ip url.path user.name",
		`cidr(source.ip, "10.0.0.0/8") or field("odd name") == 1`:         "odd name source.ip",
		`1 < 2`:               "",
		`dataset == "syslog"`: "dataset",
	} {
		c, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.Fork().Fields(), " "); got != want {
			t.Errorf("%s reads %q, want %q", text, got, want)
		}
	}
}
