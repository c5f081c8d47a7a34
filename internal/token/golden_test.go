package token

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
)

var update = flag.Bool("update", false, "rewrite testdata/tokens.txt")

// samples are events as the formats give them.
var samples = []struct {
	name   string
	fields []string
}{
	{"a browser", []string{"@dataset=web.access", "@time=2026-03-03T10:00:00Z", "source.ip=8.8.8.8", "http.request.method=GET",
		"url.path=/item/17", "url.query=color=Dark+Blue&page=2", "http.version=1.1", "http.response.status_code=200",
		"http.response.body.bytes=81234", "http.request.referrer=https://shop.example/search?q=boots",
		"user_agent.original=Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"}},
	{"an SQL injection", []string{"@dataset=web.access", "@time=2026-03-08T02:00:00Z", "source.ip=203.0.113.66",
		"http.request.method=GET", "url.path=/search", "url.query=q=1%2527%20UNION%20SELECT/**/NULL--&x=%u0027",
		"http.response.status_code=500", "http.response.body.bytes=99", "user_agent.original=sqlmap/1.8"}},
	{"a web shell", []string{"@dataset=web.access", "@time=2026-03-08T02:10:00Z", "source.ip=2001:db8::66", "http.request.method=POST",
		"url.path=/uploads/..%2f..%2f%2e%2e/sh.php", "http.response.status_code=200", "event.duration=0.0125"}},
	{"a log-in", []string{"@dataset=syslog", "@time=2026-03-03T23:00:00Z", "host.name=web1", "process.name=sshd", "process.pid=812",
		"event.action=ssh_login", "event.outcome=failure", "user.name=root", "source.ip=192.0.2.7", "source.port=40022",
		"message=Failed password for root from 192.0.2.7 port 40022 ssh2"}},
	{"sudo", []string{"@dataset=syslog", "@time=2026-03-03T23:00:00Z", "host.name=web1", "process.name=sudo", "user.name=deploy",
		"process.command_line=/usr/bin/apt-get install -y libc6=2.36-9"}},
	{"a connection", []string{"@dataset=zeek.conn", "@time=2026-03-04T12:00:00Z", "zeek.uid=CHhAvV", "source.ip=10.0.0.5",
		"source.port=51234", "destination.ip=1.1.1.1", "destination.port=443", "network.transport=tcp", "zeek.service=ssl",
		"event.duration=61.25", "source.bytes=70000", "destination.bytes=0", "zeek.conn_state=SF", "zeek.history=ShADadfF"}},
	{"a name look-up", []string{"@dataset=zeek.dns", "@time=2026-03-04T12:00:00Z", "source.ip=10.0.0.5", "destination.ip=10.0.0.1",
		"dns.question.name=x7f3.cdn.Example.co.uk", "dns.answers.data=192.0.2.1", "dns.answers.data=edge.example.net", "zeek.trans_id=4711"}},
	{"an alert", []string{"@dataset=suricata.alert", "@time=2026-03-04T12:00:00Z", "host.name=sensor", "source.ip=192.0.2.7",
		"destination.ip=10.0.0.5", "rule.name=ET SCAN Nmap Scripting Engine 2", "suricata.alert.severity=1",
		"suricata.alert.category=Attempted Information Leak", "suricata.flow_id=12345678901"}},
	{"a TLS greeting", []string{"@dataset=zeek.ssl", "source.ip=10.0.0.5", "tls.client.server_name=c2.example.net",
		"zeek.version=TLSv12", "zeek.cert_chain_fuids=FuXx1"}},
	{"JSON of an application", []string{"@dataset=json", "@time=2026-03-04T12:00:00Z", "user=lena", "action=refund", "amount=-12.50",
		"items.0.sku=AB-1234", "callback=http://10.0.0.9:8080/hook?id=7", "ok=true", "client=fe80::1", "note=paid twice, see #41"}},
	{"plain text", []string{"@dataset=text", "message=backup of /srv/data finished in 12m (exit 0)"}},
	{"a mail", []string{"@dataset=mail", "@time=2026-03-04T12:00:00Z", "email.header.date=Wed, 4 Mar 2026 12:00:00 +0000",
		"email.header.x-mailer=Mailer 5.50.4133", "email.header.x-spam-score=9", "email.from.address=win@prizes.example.com", "email.from.name=The Bank",
		"email.to.address=lena@example.org", "email.subject=You WON $1,000,000!!!", "email.header_names=Received X-Spam-Score Date From To Subject X-Mailer",
		"email.relations=to:1 cc:0 reply:none id:other", "email.route=helo:address name:none with:smtp", "email.content_type=text/html",
		"email.body=<html><b>Cl<!-- x -->ick</b> <a href=\"http://203.0.113.9/win?id=1\">here</a> " + strings.Repeat("won't wait. ", 10), "url.full=http://203.0.113.9/win?id=1"}},
	{"a script", []string{"@dataset=file", "file.extension=php", "file.content=<?php @eval(base64_decode($_POST['cmd'])); ?>\n<b>404</b>"}},
	{"a hostile one", []string{"@dataset=text", "user.name=\x1b[31mroot\x00", "url.path=/\xff\xfe/%00", "url.query=\xe2\x80\xae=%e2%80%ae",
		"x=\xf0\x9f\x98\x80 <script>", "user_agent.original=() { :;}; /bin/id"}},
}

// TestGolden holds all tokens of the samples, with the enrichment that weir has. Its change is a change of the scheme:
// after one that is meant, raise Version and run go test ./internal/token -update.
func TestGolden(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "scheme version %d\n", Version)
	keys := event.NewKeys()
	c := NewCodifier(1, NewEnrichment(time.UTC, nil))
	for _, s := range samples {
		fmt.Fprintf(&b, "\n== %s\n", s.name)
		features := c.Codify(makeEvent(keys, s.fields...))
		for i := range features {
			for j, token := range c.Tokens(&features[i]) {
				indent := ""
				if j > 0 {
					indent = "    "
				}
				line := fmt.Sprintf("%+q", Name(features[i].Field.Name, token.Kind, token.Text))
				b.WriteString(indent + strings.ReplaceAll(strings.Trim(line, `"`), `\u00d7`, "×") + "\n")
			}
		}
	}
	name := filepath.Join("testdata", "tokens.txt")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range gotLines {
		if i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("line %d of %s differs: got\n%s\nwant\n%s", i+1, name, gotLines[i], strings.Join(wantLines[min(i, len(wantLines)):min(i+1, len(wantLines))], ""))
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%s has %d lines more", name, len(wantLines)-len(gotLines))
	}
}
