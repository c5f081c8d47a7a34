package format

import (
	"strings"
	"testing"

	"weir/internal/event"
)

const nginxMain = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`

func TestLayout(t *testing.T) {
	const at = "web.access 2026-01-02T03:04:05"
	request := []string{`http.request.method="GET"`, `url.path="/a"`, `url.query="b"`, `http.version="1.1"`}
	tests := []struct {
		layout, line string
		want         []string
	}{
		{nginxMain + ` "$http_x_forwarded_for" $request_time $host $msec $upstream_addr $request_id`,
			`192.0.2.1 - al [02/Jan/2026:03:04:05 +0000] "GET /a?b HTTP/1.1" 200 7 "-" "x\x22y" "10.0.0.1, 10.0.0.2" 0.012 h.example 1767323045.250 10.1.1.1:80, 10.1.1.2:80 abc`,
			append(append([]string{at + ".25", `source.ip="192.0.2.1"`, `user.name="al"`}, request...),
				`http.response.status_code="200"`, `http.response.body.bytes="7"`, `user_agent.original="x\"y"`,
				`network.forwarded_ip="10.0.0.1"`, `network.forwarded_ip="10.0.0.2"`, `event.duration="0.012"`,
				`url.domain="h.example"`, `nginx.upstream_addr="10.1.1.1:80, 10.1.1.2:80"`, `http.request.id="abc"`)},
		{`log_format main '$time_iso8601|${remote_addr}|'` + "\n  " + `'$request_method|$uri|$args|$server_protocol|$scheme';`,
			`2026-01-02T04:04:05+01:00|::1|GET|/a|b|HTTP/1.1|https`,
			append(append([]string{at, `source.ip="::1"`}, request...), `url.scheme="https"`)},
		{`$time_local $remote_addr $request`, `02/Jan/2026:03:04:05 +0000 192.0.2.1 GET /a?b HTTP/1.1`,
			append([]string{at, `source.ip="192.0.2.1"`}, request...)},
		{`$remote_addr $remote_user [$time_local] "$request" $uri $foo`,
			`192.0.2.1 a [x] [y [02/Jan/2026:03:04:05 +0000] "GET /a?b HTTP/1.1" /index -`,
			append(append([]string{at, `source.ip="192.0.2.1"`, `user.name="a [x] [y"`}, request...), `nginx.uri="/index"`)},
		{`LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %D %{X-Forwarded-For}i %{Set-Cookie}o" x`,
			`h.example:443 192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET /a?b HTTP/1.1" 200 7 "r" "u" 1500 10.0.0.1, 10.0.0.2 id=1`,
			append(append([]string{at, `url.domain="h.example"`, `destination.port="443"`, `source.ip="192.0.2.1"`}, request...),
				`http.response.status_code="200"`, `http.response.bytes="7"`, `http.request.referrer="r"`,
				`user_agent.original="u"`, `event.duration="0.0015"`, `network.forwarded_ip="10.0.0.1"`,
				`network.forwarded_ip="10.0.0.2"`, `apache.response.set-cookie="id=1"`)},
		{`%h [%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t] %m %U%q %H %{ms}T %400,501{X-Id}i %%`,
			`client.example [02/Jan/2026:03:04:05.250 +0000] GET /a?b HTTP/1.1 3 z %`,
			append(append([]string{at + ".25", `source.domain="client.example"`}, request...), `event.duration="0.003"`,
				`apache.header.x-id="z"`)},
		{`%{%s}t %a`, `1767323045 192.0.2.1`, []string{at, `source.ip="192.0.2.1"`}},
		{nginxMain, `192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET /a?b HTTP/1.1" 200 7 "-" "cut of`,
			append(append([]string{at, `source.ip="192.0.2.1"`}, request...), `http.response.status_code="200"`,
				`http.response.body.bytes="7"`, `user_agent.original="cut of"`)},
		{nginxMain, `192.0.2.1 - - [yesterday] "GET / HTTP/1.1" 200 7 "-" "-"`, []string{"error: text of the layout missing"}},
		{`<$remote_addr> [$time_local]`, `192.0.2.1 [02/Jan/2026:03:04:05 +0000]`,
			[]string{"error: line does not start as the layout says"}},
		{`$remote_addr [$time_local]`, `192.0.2.1 [today]`, []string{"error: time not understood"}},
		{`$remote_addr [$time_local] "$args"`, `192.0.2.1`, []string{"error: text of the layout missing"}},
	}
	for _, tt := range tests {
		d := mustNew(t, &access, Options{Format: tt.layout})
		wantEvent(t, d, tt.line, tt.want...)
		wantEvent(t, d.Fork(event.NewKeys()), tt.line, tt.want...)
	}
}

func TestLayoutErrors(t *testing.T) {
	tests := []struct{ layout, want string }{
		{`$remote_addr$time_local`, "two variables with no text between them at character 13 (after the mark): $remote_addr»$time_local"},
		{`$time_local $`, "$ without the name of a variable at character 13"},
		{`$time_local ${x`, "${ without } at character 13"},
		{`%t %Z`, "unknown directive at character 4 (after the mark): %t »%Z"},
		{`%t %{a`, "%{ without } at character 4"},
		{`%t %`, "% without a directive at character 4"},
		{`%t %{x}?`, "unknown directive at character 4"},
		{`%h %u`, "no time at character 6"},
		{`100%`, "% without a directive at character 4"},
		{`bogus`, "it has no variable"},
	}
	for _, tt := range tests {
		_, err := access.New(nil, Options{Format: tt.layout}, event.NewKeys())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.layout, err, tt.want)
		}
		if score, reason := access.Score(nil, Options{Format: tt.layout}); score != 0 || reason == "" {
			t.Errorf("%q: score %v %q", tt.layout, score, reason)
		}
	}
	for _, name := range []string{"combined", "common", "vhost_combined"} {
		wantEvent(t, mustNew(t, &access, Options{Format: name}), `::1 - - [02/Jan/2026:03:04:05 +0000] "-" 408 -`,
			"web.access 2026-01-02T03:04:05", `source.ip="::1"`, `http.response.status_code="408"`)
	}
}
