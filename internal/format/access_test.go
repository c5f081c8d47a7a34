package format

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
)

// show writes an event as text that a test can hold: the dataset, the time, and the fields in order.
func show(e *event.Event) string {
	var b strings.Builder
	b.WriteString(e.Dataset)
	if e.HasTime {
		b.WriteString(" " + time.Unix(0, e.Time).UTC().Format("2006-01-02T15:04:05.999999999"))
	}
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "\n%s=%q", f.Key.Name, f.Value)
	}
	return b.String()
}

// wantEvent decodes line and compares what show writes. An error is compared by its reason, as "error: reason".
func wantEvent(t *testing.T, d Decoder, line string, want ...string) {
	t.Helper()
	var e event.Event
	got := ""
	var bad *Malformed
	switch err := d.Decode([]byte(line), &e); {
	case errors.As(err, &bad):
		got = "error: " + bad.Reason
	case err != nil:
		got = "error: " + err.Error()
	default:
		got = show(&e)
	}
	if w := strings.Join(want, "\n"); got != w {
		t.Errorf("%q\n got:\n%s\nwant:\n%s", line, got, w)
	}
}

func mustNew(t testing.TB, f *Format, o Options, sample ...string) Decoder {
	t.Helper()
	d, err := f.New(toLines(sample...), o, event.NewKeys())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func toLines(s ...string) [][]byte {
	var lines [][]byte
	for _, l := range s {
		lines = append(lines, []byte(l))
	}
	return lines
}

const combinedLine = `203.0.113.7 - alice [02/Jan/2026:03:04:05 +0100] "GET /a/b?c=d HTTP/1.1" 200 512 "https://example.org/" "curl/8.5.0"`

func TestAccess(t *testing.T) {
	at := "web.access 2026-01-02T03:04:05"
	tests := []struct {
		line string
		want []string
	}{
		{combinedLine, []string{"web.access 2026-01-02T02:04:05", `source.ip="203.0.113.7"`, `user.name="alice"`,
			`http.request.method="GET"`, `url.path="/a/b"`, `url.query="c=d"`, `http.version="1.1"`,
			`http.response.status_code="200"`, `http.response.body.bytes="512"`,
			`http.request.referrer="https://example.org/"`, `user_agent.original="curl/8.5.0"`}},
		{`::1 - - [02/Jan/2026:03:04:05 +0000] "POST / HTTP/2.0" 404 -`, []string{at, `source.ip="::1"`,
			`http.request.method="POST"`, `url.path="/"`, `http.version="2.0"`, `http.response.status_code="404"`}},
		{` www.example.org:8080 192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET /x? HTTP/1.1" 304 0`, []string{at,
			`url.domain="www.example.org"`, `destination.port="8080"`, `source.ip="192.0.2.1"`,
			`http.request.method="GET"`, `url.path="/x"`, `http.version="1.1"`, `http.response.status_code="304"`,
			`http.response.body.bytes="0"`}},
		{`[2001:db8::5]:443 2001:db8::9 - - [02/Jan/2026:03:04:05 +0000] "-" 408 -`, []string{at,
			`url.domain="2001:db8::5"`, `destination.port="443"`, `source.ip="2001:db8::9"`,
			`http.response.status_code="408"`}},
		{`dial-7.example.net - John Q. Doe [02/Jan/2026:03:04:05 +0000] "HEAD / HTTP/1.0" 200 1`, []string{at,
			`source.domain="dial-7.example.net"`, `user.name="John Q. Doe"`, `http.request.method="HEAD"`,
			`url.path="/"`, `http.version="1.0"`, `http.response.status_code="200"`, `http.response.body.bytes="1"`}},
		// A user name that plays the rest of a line: its quotes are escaped, so nothing of it is believed.
		{`192.0.2.1 - x [01/Jan/1999:00:00:00 +0000] \"GET /fake HTTP/1.0\" 200 1 [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.0" 401 1`,
			[]string{at, `source.ip="192.0.2.1"`,
				`user.name="x [01/Jan/1999:00:00:00 +0000] \"GET /fake HTTP/1.0\" 200 1"`, `http.request.method="GET"`,
				`url.path="/"`, `http.version="1.0"`, `http.response.status_code="401"`, `http.response.body.bytes="1"`}},
		// Escapes are undone, in the request, the referrer and the agent.
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET /\"q\"\x41\xff HTTP/1.1" 200 1 "r\\" "a\tb\x0a\"c"`, []string{at,
			`source.ip="192.0.2.1"`, `http.request.method="GET"`, `url.path="/\"q\"A\xff"`, `http.version="1.1"`,
			`http.response.status_code="200"`, `http.response.body.bytes="1"`, `http.request.referrer="r\\"`,
			`user_agent.original="a\tb\n\"c"`}},
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "\x16\x03\x01\x02\x00" 400 150 "-" "-"`, []string{at,
			`source.ip="192.0.2.1"`, `http.request.line="\x16\x03\x01\x02\x00"`, `http.response.status_code="400"`,
			`http.response.body.bytes="150"`}},
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "SSH-2.0-Go probe" 400 150`, []string{at, `source.ip="192.0.2.1"`,
			`http.request.line="SSH-2.0-Go probe"`, `http.response.status_code="400"`, `http.response.body.bytes="150"`}},
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET http://evil.example:81/p?q HTTP/1.1" 200 1`, []string{at,
			`source.ip="192.0.2.1"`, `http.request.method="GET"`, `url.scheme="http"`, `url.domain="evil.example"`, `url.port="81"`,
			`url.path="/p"`, `url.query="q"`, `http.version="1.1"`, `http.response.status_code="200"`,
			`http.response.body.bytes="1"`}},
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "CONNECT mail.example:25 HTTP/1.1" 405 1`, []string{at,
			`source.ip="192.0.2.1"`, `http.request.method="CONNECT"`, `url.domain="mail.example"`,
			`url.port="25"`, `http.version="1.1"`, `http.response.status_code="405"`,
			`http.response.body.bytes="1"`}},
		// Blanks in the target, and quotes that the server did not escape.
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET /a b "c" HTTP/1.1" 200 1 "-" "x "y" z"`, []string{at,
			`source.ip="192.0.2.1"`, `http.request.method="GET"`, `url.path="/a b \"c\""`, `http.version="1.1"`,
			`http.response.status_code="200"`, `http.response.body.bytes="1"`, `user_agent.original="x \"y"`,
			`access.extra_1="z\""`}},
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0 (cut of`, []string{at,
			`source.ip="192.0.2.1"`, `http.request.method="GET"`, `url.path="/"`, `http.version="1.1"`,
			`http.response.status_code="200"`, `http.response.body.bytes="1"`, `user_agent.original="Mozilla/5.0 (cut of"`}},
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1 "-" "a" "198.51.100.1, 10.0.0.2" "unknown"`,
			[]string{at, `source.ip="192.0.2.1"`, `http.request.method="GET"`, `url.path="/"`, `http.version="1.1"`,
				`http.response.status_code="200"`, `http.response.body.bytes="1"`, `user_agent.original="a"`,
				`network.forwarded_ip="198.51.100.1"`, `network.forwarded_ip="10.0.0.2"`, `access.extra_1="unknown"`}},
		{`198.51.100.1, 10.0.0.2 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1`, []string{at,
			`network.forwarded_ip="198.51.100.1"`, `network.forwarded_ip="10.0.0.2"`, `source.ip="10.0.0.2"`,
			`http.request.method="GET"`, `url.path="/"`, `http.version="1.1"`, `http.response.status_code="200"`,
			`http.response.body.bytes="1"`}},
		{"", []string{"error: no record on this line"}},
		{`192.0.2.1 - - "GET / HTTP/1.1" 200 1`, []string{"error: no [time] followed by a quoted request"}},
		{`192.0.2.1 - - [32/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1`, []string{"error: time not understood"}},
		{`[02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1`, []string{"error: no client before the time"}},
		{`192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" OK 1`, []string{"error: no status after the request"}},
	}
	d := mustNew(t, &access, Options{})
	for _, tt := range tests {
		wantEvent(t, d, tt.line, tt.want...)
	}
}

func TestAccessTail(t *testing.T) {
	const head = `192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "-" 400 -`
	base := []string{"web.access 2026-01-02T03:04:05", `source.ip="192.0.2.1"`, `http.response.status_code="400"`}
	tests := []struct {
		sample []string
		tail   string
		want   []string
	}{
		{nil, ` "-" "-" 22`, []string{`access.extra_1="22"`}},
		{[]string{` "-" "-" 22`, ` "-" "-" 443`}, ` "-" "-" 31337`, []string{`destination.port="31337"`}},
		{[]string{` "-" "-" 22`, ` "-" "-" 12345`}, ` "-" "-" 22`, []string{`access.extra_1="22"`}},
		{[]string{` "-" "-" 0.250 0.100 [up-80]`}, ` "-" "-" 1.005 0.001 [up-80]`,
			[]string{`event.duration="1.005"`, `access.extra_2="0.001"`, `access.extra_3="up-80"`}},
		{[]string{` "-" "-" 12ms`}, ` "-" "-" 3ms`, []string{`event.duration="0.003"`}},
		{[]string{` "-" "-" | rt=0.100 uct="0.002"`}, ` "-" "-" | rt=0.100 uct="0.002" evil=1`,
			[]string{`event.duration="0.100"`, `access.uct="0.002"`, `access.extra_1="evil=1"`}},
		{nil, ` "-" "-"` + strings.Repeat(" x", 17), append(slices.Collect(func(yield func(string) bool) {
			for i := range 16 {
				yield(fmt.Sprintf(`access.extra_%d="x"`, i+1))
			}
		}), `access.extra_more="x"`)},
	}
	for _, tt := range tests {
		var sample []string
		for _, s := range tt.sample {
			sample = append(sample, head+s)
		}
		d := mustNew(t, &access, Options{}, sample...)
		wantEvent(t, d, head+tt.tail, append(slices.Clone(base), tt.want...)...)
		wantEvent(t, d.Fork(event.NewKeys()), head+tt.tail, append(slices.Clone(base), tt.want...)...)
	}
}

func TestAccessErrorLog(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{`[Fri Jan 02 03:04:05 2026] [notice] server ready`, []string{"web.error 2026-01-02T03:04:05",
			`log.level="notice"`, `message="server ready"`}},
		{`[Fri Jan 02 03:04:05 2026] [error] [client 192.0.2.1] File does not exist: /w/x, referer: http://r/`,
			[]string{"web.error 2026-01-02T03:04:05", `log.level="error"`, `source.ip="192.0.2.1"`,
				`http.request.referrer="http://r/"`, `message="File does not exist: /w/x, referer: http://r/"`}},
		{`[Fri Jan 02 03:04:05.678901 2026] [core:error] [pid 12:tid 34] (13)Permission denied: [client 192.0.2.1:50] AH00035: no`,
			[]string{"web.error 2026-01-02T03:04:05.678901", `apache.error.module="core"`, `log.level="error"`,
				`process.pid="12"`, `process.thread.id="34"`, `source.ip="192.0.2.1"`, `source.port="50"`,
				`error.code="AH00035"`, `message="(13)Permission denied: [client 192.0.2.1:50] AH00035: no"`}},
		{`[Fri Jan 02 03:04:05 2026] oops`, []string{"error: no [level] after the time of an error log"}},
		{`2026/01/02 03:04:05 [error] 12#34: *56 open() "/w/, client: 6.6.6.6, server: x" failed, client: 192.0.2.1, server: s, request: "GET /?a HTTP/1.1", upstream: "http://u/", host: "h:81", referrer: "r"`,
			[]string{"web.error 2026-01-02T03:04:05", `log.level="error"`, `process.pid="12"`, `process.thread.id="34"`,
				`nginx.error.connection_id="56"`, `message="open() \"/w/, client: 6.6.6.6, server: x\" failed"`,
				`source.ip="192.0.2.1"`, `http.request.method="GET"`, `url.path="/"`, `url.query="a"`,
				`http.version="1.1"`, `nginx.error.upstream="http://u/"`, `url.domain="h"`, `destination.port="81"`,
				`http.request.referrer="r"`}},
		{`2026/01/02 03:04:05 [notice] 1#1: start`, []string{"web.error 2026-01-02T03:04:05", `log.level="notice"`,
			`process.pid="1"`, `process.thread.id="1"`, `message="start"`}},
	}
	d := mustNew(t, &access, Options{})
	for _, tt := range tests {
		wantEvent(t, d, tt.line, tt.want...)
	}
}

func TestIsIP(t *testing.T) {
	for s, want := range map[string]bool{"1.2.3.4": true, "255.255.255.255": true, "::": true, "::1": true,
		"fe80::1%eth0": true, "::ffff:1.2.3.4": true, "2001:db8:1:2:3:4:5:6": true, "256.1.1.1": false, "1.2.3": false,
		"1.2.3.4.5": false, "1..2.3": false, "": false, "a.b.c.d": false, "cafe": false, "12:34": false,
		"1.2.3.": false, "::g": false} {
		if isIP([]byte(s)) != want {
			t.Errorf("isIP(%q) = %v", s, !want)
		}
	}
}

// TestNoAllocations holds the hot path to its promise: once warm, no line costs memory, not even a malformed one.
func TestNoAllocations(t *testing.T) {
	const sshd = "Jan  2 03:04:05 gate sshd[4711]: Failed password for invalid user admin from 203.0.113.7 port 40022 ssh2"
	tests := []struct {
		d    Decoder
		line string
	}{
		{mustNew(t, &access, Options{}), combinedLine + ` "10.0.0.1, 10.0.0.2" x\x41`},
		{mustNew(t, &access, Options{}), "no access log"},
		{mustNew(t, &access, Options{}), "[Fri Jan 02 03:04:05 2026] [error] [client 192.0.2.1] x"},
		{mustNew(t, &access, Options{Format: nginxMain}), combinedLine},
		{mustNew(t, &syslog, Options{}), "<38>" + sshd},
		{mustNew(t, &syslog, Options{}), `<165>1 2026-01-02T03:04:05Z gate app - ID47 [ex@1 a="b\"" c="d e"] hello`},
		{mustNew(t, &csvFormat, Options{}, "a,b", "1,2"), `"x ""y""",2`},
		{mustNew(t, &csvFormat, Options{}, "a,b", "1,2"), "1"},
		{mustNew(t, &text, Options{}), "2026-01-02 03:04:05 x"},
	}
	for _, tt := range tests {
		line := []byte(tt.line)
		var e event.Event
		if n := testing.AllocsPerRun(100, func() { _ = tt.d.Decode(line, &e) }); n != 0 {
			t.Errorf("%v allocations for %q", n, tt.line)
		}
	}
}

func BenchmarkAccess(b *testing.B) {
	line := []byte(`203.0.113.7 - - [02/Jan/2026:03:04:05 +0100] "GET /shop/item/4711?ref=home&lang=en HTTP/1.1" 200 20512 ` +
		`"https://www.example.org/shop/" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"`)
	for name, o := range map[string]Options{"lenient": {}, "layout": {Format: `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`}} {
		b.Run(name, func(b *testing.B) {
			d := mustNew(b, &access, o)
			var e event.Event
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(line, &e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
