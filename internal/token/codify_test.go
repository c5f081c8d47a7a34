package token

import (
	"fmt"
	"net/netip"

	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/enrich"
	"weir/internal/event"
)

// invented is an enrichment that a reader of the tests can follow.
func invented() *Enrichment {
	return &Enrichment{
		Country: func(a netip.Addr) string {
			if a.IsPrivate() {
				return ""
			}
			return "AT"
		},
		RegisteredDomain: enrich.RegisteredDomain,
		AgentFamily: func(s string) string {
			family, _, _ := strings.Cut(s, "/")
			return family
		},
		Shift:      func(ns int64) string { return fmt.Sprintf("shift %d", ns) },
		HourOfWeek: func(int64) int { return 0 },
	}
}

// makeEvent makes an event of name=value texts. @dataset and @time are no fields.
func makeEvent(keys *event.Keys, fields ...string) *event.Event {
	e := &event.Event{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "@dataset":
			e.Dataset = value
		case "@time":
			at, err := time.Parse(time.RFC3339, value)
			if err != nil {
				at = time.Unix(0, 7)
			}
			e.Time, e.HasTime = at.UnixNano(), true
		default:
			e.Add(keys.Get(name), []byte(value))
		}
	}
	return e
}

func tokenNames(c *Codifier, e *event.Event) []string {
	var out []string
	features := c.Codify(e)
	for i := range features {
		for _, t := range c.Tokens(&features[i]) {
			out = append(out, Name(features[i].Field.Name, t.Kind, t.Text))
		}
	}
	return out
}

func TestTokens(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := []struct {
		name   string
		fields []string
		want   []string
	}{
		{"address", []string{"source.ip=192.168.0.77"},
			[]string{"source.ip=192.168.0.77", "source.ip:network=192.168.0.0/24"}},
		{"address with a country", []string{"source.ip=203.0.113.9"},
			[]string{"source.ip=203.0.113.9", "source.ip:network=203.0.113.0/24", "source.geo.country_iso_code=AT"}},
		{"address in IPv6", []string{"destination.ip=2001:db8:1:2::3"},
			[]string{"destination.ip=2001:db8:1:2::3", "destination.ip:network=2001:db8:1::/48"}},
		{"mapped address", []string{"destination.ip=::ffff:192.0.2.7"},
			[]string{"destination.ip=::ffff:192.0.2.7", "destination.ip:network=192.0.2.0/24"}},
		{"no address", []string{"destination.ip=gateway"},
			[]string{"destination.ip=gateway"}},
		{"other names of the source", []string{"client.ip=10.0.0.1"},
			[]string{"client.ip=10.0.0.1", "client.ip:network=10.0.0.0/24"}},
		{"name of the source", []string{"source.domain=pc.example.org"},
			[]string{"source.domain=pc.example.org", "source.domain:domain=example.org", "source.domain:shape=a.a.a"}},
		{"forwarded address", []string{"network.forwarded_ip=10.0.0.1", "network.forwarded_ip=10.0.0.2", "network.forwarded_ip=10.0.0.2"},
			[]string{"network.forwarded_ip=10.0.0.1", "network.forwarded_ip:network=10.0.0.0/24", "network.forwarded_ip=10.0.0.2", "network.forwarded_ip:network=10.0.0.0/24"}},
		{"server", []string{"server.ip=192.0.2.7"},
			[]string{"server.ip=192.0.2.7", "server.ip:network=192.0.2.0/24"}},
		{"port", []string{"destination.port=443"},
			[]string{"destination.port=443", "destination.port:range=362..510"}},
		{"code that is no number", []string{"http.response.status_code=-"},
			[]string{"http.response.status_code=-"}},
		{"status", []string{"http.response.status_code=404"},
			[]string{"http.response.status_code=404", "http.response.status_code:range=362..510"}},
		{"user", []string{"user.name=svc-backup7"},
			[]string{"user.name=svc-backup7", "user.name:shape=a-a9", "user.name:word=svc", "user.name:word=backup7"}},
		{"host", []string{"host.name=web1"},
			[]string{"host.name=web1", "host.name:shape=a9"}},
		{"user agent", []string{"user_agent.original=curl/8.5.0 (x86)"},
			[]string{"user_agent.original=curl/8.5.0 (x86)", "user_agent.original:product=curl", "user_agent.original:shape=curl/#.#.# (#)", "user_agent.original:word=curl"}},
		{"path", []string{"url.path=/Shop/item.PHP"},
			[]string{"url.path=/Shop/item.PHP", "url.path:segment=shop", "url.path:segment=item.php", "url.path:extension=php"}},
		{"path with digits", []string{"url.path=/a/b12//c.tar.gz"},
			[]string{"url.path=/a/b12//c.tar.gz", "url.path:segment=a", "url.path:segment=b12", "url.path:segment=c.tar.gz", "url.path:extension=gz", "url.path:shape=/a/a9/a.a.a"}},
		{"path, percent", []string{"url.path=/%61%2Fb"},
			[]string{"url.path=/%61%2Fb", "url.path:segment=a", "url.path:segment=b"}},
		{"path, double percent", []string{"url.path=/%2561"},
			[]string{"url.path=/%2561", "url.path:segment=a"}},
		{"path, three layers of four", []string{"url.path=/%2525252e"},
			[]string{"url.path=/%2525252e", "url.path:segment=%2e", "url.path:gram=%9e", "url.path:shape=/%9a"}},
		{"path, plus stays", []string{"url.path=/a+b"},
			[]string{"url.path=/a+b", "url.path:segment=a+b", "url.path:gram=a+b"}},
		{"path, no extension", []string{"url.path=/.htaccess"},
			[]string{"url.path=/.htaccess", "url.path:segment=.htaccess"}},
		{"path, long extension", []string{"url.path=/a.configuration"},
			[]string{"url.path=/a.configuration", "url.path:segment=a.configuration"}},
		{"long segment", []string{"url.path=/" + long},
			[]string{"url.path=/" + long, "url.path:segment=" + long[:96]}},
		{"query", []string{"url.query=q=Boots&page=2"},
			[]string{"url.query=q=Boots&page=2", "url.query:parameter=q", "url.query:shape=q:a", "url.query:word=boots", "url.query:gram=boo", "url.query:gram=oot", "url.query:gram=ots", "url.query:parameter=page", "url.query:shape=page:9"}},
		{"query, percent and plus", []string{"url.query=q=a%27+OR"},
			[]string{"url.query=q=a%27+OR", "url.query:parameter=q", "url.query:shape=q:a' a", "url.query:word=or", "url.query:char='", "url.query:gram=a' ", "url.query:gram=' o", "url.query:gram= or"}},
		{"query, %u", []string{"url.query=q=%u0041b"},
			[]string{"url.query=q=%u0041b", "url.query:parameter=q", "url.query:shape=q:a", "url.query:word=ab"}},
		{`query, \u and \x`, []string{`url.query=q=\u0041\x42`},
			[]string{`url.query=q=\u0041\x42`, "url.query:parameter=q", "url.query:shape=q:a", "url.query:word=ab"}},
		{"query, empty parts", []string{"url.query=&&a&;b=;=c"},
			[]string{"url.query=&&a&;b=;=c", "url.query:parameter=a", "url.query:shape=a:", "url.query:parameter=b", "url.query:shape=b:", "url.query:parameter=", "url.query:shape=:a"}},
		{"query, name decoded", []string{"url.query=%41%5b%5d=1"},
			[]string{"url.query=%41%5b%5d=1", "url.query:parameter=a[]", "url.query:shape=a[]:9"}},
		{"broken escapes stay", []string{"url.query=a=%4&b=%zz"},
			[]string{"url.query=a=%4&b=%zz", "url.query:parameter=a", "url.query:shape=a:%9", "url.query:char=%", "url.query:parameter=b", "url.query:shape=b:%a", "url.query:word=zz", "url.query:gram=%zz"}},
		{"referrer", []string{"http.request.referrer=https://WWW.example.org/a?b=1"},
			[]string{"http.request.referrer=https://WWW.example.org/a?b=1", "http.request.referrer:host=www.example.org", "http.request.referrer:segment=a", "http.request.referrer:parameter=b", "http.request.referrer:shape=b:9"}},
		{"full address", []string{"url.full=http://h:80"},
			[]string{"url.full=http://h:80", "url.full:host=h:80"}},
		{"referrer without scheme", []string{"http.request.referrer=/a"},
			[]string{"http.request.referrer=/a", "http.request.referrer:segment=a"}},
		{"domain", []string{"url.domain=Shop.example.co.uk"},
			[]string{"url.domain=Shop.example.co.uk", "url.domain:domain=example.co.uk", "url.domain:shape=a.a.a.a"}},
		{"registered domain", []string{"url.domain=example.org"},
			[]string{"url.domain=example.org", "url.domain:shape=a.a"}},
		{"question", []string{"dns.question.name=a1.b.example.org"},
			[]string{"dns.question.name=a1.b.example.org", "dns.question.name:domain=example.org", "dns.question.name:shape=a9.a.a.a"}},
		{"server name", []string{"tls.client.server_name=example.org"},
			[]string{"tls.client.server_name=example.org", "tls.client.server_name:shape=a.a"}},
		{"answer, address", []string{"dns.answers.data=192.0.2.7"},
			[]string{"dns.answers.data=192.0.2.7", "dns.answers.data:network=192.0.2.0/24"}},
		{"answer, name", []string{"dns.answers.data=x.example.org"},
			[]string{"dns.answers.data=x.example.org", "dns.answers.data:word=x", "dns.answers.data:word=example", "dns.answers.data:word=org"}},
		{"method", []string{"http.request.method=GET"},
			[]string{"http.request.method=GET", "url.query=(none)", "http.request.referrer=(none)", "user_agent.original=(none)"}},
		{"method with what is expected", []string{"http.request.method=GET", "url.query=a", "http.request.referrer=x", "user_agent.original=c"},
			[]string{"http.request.method=GET", "url.query=a", "url.query:parameter=a", "url.query:shape=a:", "http.request.referrer=x", "user_agent.original=c", "user_agent.original:product=c", "user_agent.original:shape=c", "user_agent.original:word=c"}},
		{"version", []string{"http.version=1.1"},
			[]string{"http.version=1.1", "http.version:shape=9.9"}},
		{"request line", []string{`http.request.line=\x16\x03 junk`},
			[]string{`http.request.line=\#\# junk`, "http.request.line:word=junk"}},
		{"action", []string{"event.action=ssh_login"},
			[]string{"event.action=ssh_login", "event.action:word=ssh", "event.action:word=login"}},
		{"outcome", []string{"event.outcome=failure"},
			[]string{"event.outcome=failure"}},
		{"process", []string{"process.name=sshd"},
			[]string{"process.name=sshd"}},
		{"command line", []string{"process.command_line=/bin/sh -c id7"},
			[]string{"process.command_line=/bin/sh -c #", "process.command_line:word=bin", "process.command_line:word=sh", "process.command_line:word=c"}},
		{"rule", []string{"rule.name=ET SCAN Nmap 2"},
			[]string{"rule.name=ET SCAN Nmap #", "rule.name:word=et", "rule.name:word=scan", "rule.name:word=nmap"}},
		{"message", []string{"message=Failed for Root from 10.0.0.1 port 22"},
			[]string{"message=Failed for Root from #.#.#.# port #", "message:word=failed", "message:word=for", "message:word=root", "message:word=from", "message:word=port"}},
		{"same message", []string{"message=Failed for Root from 10.0.0.9 port 99"},
			[]string{"message=Failed for Root from #.#.#.# port #", "message:word=failed", "message:word=for", "message:word=root", "message:word=from", "message:word=port"}},
		{"dataset", []string{"@dataset=zeek.conn"},
			[]string{"event.dataset=zeek.conn"}},
		{"identifiers", []string{"source.port=40022", "process.pid=7", "event.id=7", "network.community_id=1:x", "zeek.uid=C1", "zeek.uids=C1", "zeek.fuid=F1", "zeek.trans_id=7", "zeek.id=F2", "zeek.tunnel_parents=C2", "suricata.flow_id=1", "suricata.tx_id=1", "suricata.pcap_cnt=1", "suricata.flow.start=1", "suricata.flow.end=1", "suricata.dns.id=1", "zeek.orig_fuids=F3", "zeek.cert_chain_fuids=F4", "zeek.x.fuids=F5"},
			nil},
		{"an undeclared name is no identifier for its end", []string{"other.fuid=F1"},
			[]string{"other.fuid=F1", "other.fuid:shape=a9"}},
		{"empty value", []string{"user.name=", "url.path="},
			nil},
		{"unknown: number", []string{"x=7"},
			[]string{"x=7", "x:range=7..10"}},
		{"unknown: large number", []string{"x=65536"},
			[]string{"x=65535..92680"}},
		{"unknown: fraction", []string{"x=0.25"},
			[]string{"x=0.181..0.254"}},
		{"unknown: negative number", []string{"x=-3"},
			[]string{"x=-3..4"}},
		{"unknown: no number", []string{"x=7x"},
			[]string{"x=7x", "x:shape=9a"}},
		{"unknown: address", []string{"x=10.0.0.1"},
			[]string{"x=10.0.0.1", "x:network=10.0.0.0/24"}},
		{"unknown: address in IPv6", []string{"x=fe80::1"},
			[]string{"x=fe80::1", "x:network=fe80::/48"}},
		{"unknown: link", []string{"x=ftp://h/a"},
			[]string{"x=ftp://h/a", "x:host=h", "x:segment=a"}},
		{"unknown: text", []string{"x=a b"},
			[]string{"x=a b", "x:word=a", "x:word=b"}},
		{"unknown: words", []string{"x=SSL_do_handshake"},
			[]string{"x=SSL_do_handshake", "x:word=ssl", "x:word=do", "x:word=handshake"}},
		{"unknown: hexadecimal", []string{"x=cafe"},
			[]string{"x=cafe"}},
		{"unknown: many digits", []string{"x=123456789012345678901234567890123"},
			[]string{"x=123456789012345678901234567890123", "x:shape=9"}},
		{"time alone", []string{"@time=2026-01-02T03:04:05Z"},
			nil},
		{"pairs of the client", []string{"@time=7", "source.ip=10.0.0.1", "destination.ip=10.0.0.2", "destination.port=80", "user.name=al"},
			[]string{"source.ip=10.0.0.1", "source.ip:network=10.0.0.0/24", "destination.ip=10.0.0.2", "destination.ip:network=10.0.0.0/24", "destination.port=80", "destination.port:range=63..89", "user.name=al", "source.ip×destination.ip=10.0.0.1 × 10.0.0.2", "source.ip×destination.port=10.0.0.1 × 80", "source.ip×user.name=10.0.0.1 × al", "source.ip×event.shift=10.0.0.1 × shift 7", "user.name×event.shift=al × shift 7", "destination.ip×destination.port=10.0.0.2 × 80"}},
		{"the first value has the role", []string{"source.ip=10.0.0.1", "client.ip=10.0.0.2", "destination.port=80"},
			[]string{"source.ip=10.0.0.1", "source.ip:network=10.0.0.0/24", "client.ip=10.0.0.2", "client.ip:network=10.0.0.0/24", "destination.port=80", "destination.port:range=63..89", "source.ip×destination.port=10.0.0.1 × 80"}},
		{"pairs of the host", []string{"@time=7", "host.name=h", "event.action=a", "process.name=p", "rule.name=r", "user.name=u", "user_agent.original=curl/1"},
			[]string{"host.name=h", "event.action=a", "process.name=p", "rule.name=r", "rule.name:word=r", "user.name=u", "user_agent.original=curl/1", "user_agent.original:product=curl", "user_agent.original:shape=curl/#", "user_agent.original:word=curl", "user.name×host.name=u × h", "user.name×event.action=u × a", "user.name×event.shift=u × shift 7", "host.name×user_agent.name=h × curl", "host.name×event.action=h × a", "host.name×process.name=h × p", "host.name×rule.name=h × r", "host.name×event.shift=h × shift 7"}},
		{"pairs of the host with what is not declared", []string{"host.name=h", "x=a", "y=b c", "z=7", "w=10.0.0.1"},
			[]string{"host.name=h", "x=a", "y=b c", "y:word=b", "y:word=c", "z=7", "z:range=7..10", "w=10.0.0.1", "w:network=10.0.0.0/24", "host.name×x=h × a", "host.name×y=h × b c"}},
		{"pairs of user and country", []string{"source.ip=203.0.113.9", "user.name=al"},
			[]string{"source.ip=203.0.113.9", "source.ip:network=203.0.113.0/24", "source.geo.country_iso_code=AT", "user.name=al", "source.ip×user.name=203.0.113.9 × al", "user.name×source.geo.country_iso_code=al × AT"}},
		{"pairs of the request", []string{"url.path=/a", "http.response.status_code=200", "url.domain=h", "user_agent.original=curl/1"},
			[]string{"url.path=/a", "url.path:segment=a", "http.response.status_code=200", "http.response.status_code:range=181..254", "url.domain=h", "url.domain:shape=a", "user_agent.original=curl/1", "user_agent.original:product=curl", "user_agent.original:shape=curl/#", "user_agent.original:word=curl", "url.path×http.response.status_code=/a × 200", "url.domain×user_agent.name=h × curl"}},
		{"bytes sent", []string{"source.ip=10.0.0.1", "source.bytes=200"},
			[]string{"source.ip=10.0.0.1", "source.ip:network=10.0.0.0/24", "source.bytes=200", "source.bytes:range=181..254", "source.ip×source.bytes=10.0.0.1 × 181..254"}},
		{"many bytes sent", []string{"source.ip=10.0.0.1", "source.bytes=65536"},
			[]string{"source.ip=10.0.0.1", "source.ip:network=10.0.0.0/24", "source.bytes=65535..92680", "source.ip×source.bytes=10.0.0.1 × 65535..92680"}},
		{"no number of bytes sent", []string{"source.ip=10.0.0.1", "source.bytes=-"},
			[]string{"source.ip=10.0.0.1", "source.ip:network=10.0.0.0/24", "source.bytes=-"}},
		{"pair with the registered domain", []string{"source.ip=10.0.0.1", "dns.question.name=a.example.org"},
			[]string{"source.ip=10.0.0.1", "source.ip:network=10.0.0.0/24", "dns.question.name=a.example.org", "dns.question.name:domain=example.org", "dns.question.name:shape=a.a.a", "source.ip×dns.question.registered_domain=10.0.0.1 × example.org"}},
		{"sender of a mail", []string{"email.from.address=ann@mail.example.co.uk", "email.from.name=Ann O'Hara"},
			[]string{"email.from.address=ann@mail.example.co.uk", "email.from.address:domain=example.co.uk", "email.from.name=Ann O'Hara", "email.from.name:word=ann", "email.from.name:word=o'hara"}},
		{"receivers of a mail", []string{"email.to.address=b@example.org", "email.to.address=undisclosed", "email.cc.address=c@[192.0.2.1]", "email.reply_to.address=d@"},
			[]string{"email.to.address=b@example.org", "email.to.address:domain=example.org", "email.to.address=undisclosed", "email.cc.address=c@[192.0.2.1]", "email.reply_to.address=d@"}},
		{"subject", []string{"email.subject=FREE!!! $1,000 - don't miss it 24/7"},
			[]string{"email.subject=FREE!!! $#,# - don't miss it #/#", "email.subject:word=free!!", "email.subject:word=$#", "email.subject:word=#", "email.subject:word=don't", "email.subject:word=miss", "email.subject:word=it"}},
		{"body of a mail", []string{"email.body=<p align=center>V<!-- x -->iagra &lt; <a@example.org> 2<3 " + long + "</p>\n"},
			[]string{"email.body=127..180 bytes", "email.body:word=viagra", "email.body:word=lt", "email.body:word=example", "email.body:word=org", "email.body:word=long:x6"}},
		{"content of a file", []string{"file.content=<?php // a comment\neval($_POST['x']); ?><B>", "file.extension=php"},
			[]string{"file.content=<?php // a comment\neval($_POST['x']); ?><B>", "file.content:tag=<?php", "file.content:word=comment", "file.content:word=eval", "file.content:word=$_post", "file.content:tag=<b", "file.extension=php"}},
		{"a long file", []string{"file.content=" + strings.Repeat("\n#!/bin/sh", 10)},
			[]string{"file.content=90..126 bytes", "file.content:word=bin", "file.content:word=sh"}},
		{"other words of a mail", []string{"email.content_type=text/html", "email.charset=utf-8", "email.relations=to:1 reply:none", "email.route=helo:dots2 with:smtp", "email.route.first=with:smtp"},
			[]string{"email.content_type=text/html", "email.charset=utf-8", "email.relations=to:1 reply:none", "email.relations:word=to:1", "email.relations:word=reply:none",
				"email.route=helo:dots2 with:smtp", "email.route:word=helo:dots2", "email.route:word=with:smtp", "email.route.first=with:smtp", "email.route.first:word=with:smtp"}},
		{"attachment", []string{"email.attachments.file.name=pic.jpg.exe", "email.attachments.file.extension=exe", "email.attachments.file.mime_type=audio/x-wav"},
			[]string{"email.attachments.file.name=pic.jpg.exe", "email.attachments.file.name:word=pic", "email.attachments.file.name:word=jpg", "email.attachments.file.name:word=exe", "email.attachments.file.extension=exe", "email.attachments.file.mime_type=audio/x-wav"}},
		{"header of a mail", []string{"email.header_names=Received Received From X-Spam-Status MIME-Version X-MailScanner In-Reply-To", "email.header.x-mailer=The Bat! (v1.52f)",
			"email.header.date=Thu, 1 Aug 2002 00:00:00 +0100", "email.header.received=from a by b", "email.header.list-id=x", "email.header.x-foo-mailscanner=clean", "email.header.in-reply-to=<1@2>"},
			[]string{"email.header_names=From MIME-Version In-Reply-To", "email.header_names:word=From", "email.header_names:word=MIME-Version", "email.header_names:word=In-Reply-To",
				"email.header.x-mailer=The Bat! (#.#)", "email.header.x-mailer:word=the", "email.header.x-mailer:word=bat!", "email.header.x-mailer:word=v#", "email.header.x-mailer:word=#f"}},
		{"header of others only", []string{"email.header_names=Received List-Id"}, nil},
	}
	covered := map[string]bool{}
	keys := event.NewKeys()
	c := NewCodifier(1, invented())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := makeEvent(keys, tt.fields...)
			if got := tokenNames(c, e); !slices.Equal(got, tt.want) {
				t.Errorf("%q\ngot\n\t%s\nwant\n\t%s", tt.fields, strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
			for _, f := range e.Fields {
				covered[f.Key.Name] = true
			}
			if e.Dataset != "" {
				covered[Dataset] = true
			}
		})
	}
	for i := range schemes {
		if !covered[schemes[i].Name] {
			t.Errorf("no row of this table has the declared field %q", schemes[i].Name)
		}
	}
}
