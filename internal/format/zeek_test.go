package format

import (
	"strings"
	"testing"

	"weir/internal/event"
)

// tsv writes a line of columns that are separated by blanks here.
func tsv(s string) string { return strings.ReplaceAll(s, " ", "\t") }

func zeekTSVDecoderFor(t testing.TB, header ...string) Decoder {
	t.Helper()
	d := mustNew(t, &zeekTSV, Options{})
	var e event.Event
	for _, line := range header {
		if err := d.Decode([]byte(line), &e); err != ErrSkip {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return d
}

var httpHeader = []string{
	`#separator \x09`, tsv("#set_separator ,"), tsv("#empty_field (empty)"), tsv("#unset_field -"), tsv("#path http"),
	tsv("#fields ts uid id.orig_h id.orig_p id.resp_h id.resp_p trans_depth method host uri referrer user_agent status_code tags local_orig"),
	tsv("#types time string addr port addr port count string string string string string count set[enum] bool"),
}

func TestZeekTSV(t *testing.T) {
	d := zeekTSVDecoderFor(t, httpHeader...)
	wantEvent(t, d, tsv(`1331908172.780000 CNJO 192.0.2.7 3820 198.51.100.4 80 1 GET example.org /a/b?x=\x09\\y - Mozilla/5.0\x20(X) 404 HTTP::A,HTTP::B T`),
		"zeek.http 2012-03-16T14:29:32.78",
		`zeek.uid="CNJO"`, `source.ip="192.0.2.7"`, `source.port="3820"`, `destination.ip="198.51.100.4"`,
		`destination.port="80"`, `zeek.trans_depth="1"`, `http.request.method="GET"`, `url.domain="example.org"`,
		`url.path="/a/b"`, `url.query="x=\t\\y"`, `user_agent.original="Mozilla/5.0 (X)"`,
		`http.response.status_code="404"`, `zeek.tags="HTTP::A"`, `zeek.tags="HTTP::B"`, `zeek.local_orig="true"`)
	wantEvent(t, d, tsv(`19.98 - 192.0.2.7 1 198.51.100.4 80 - - - http://example.org:8080/x - - - (empty) F`),
		"zeek.http 1970-01-01T00:00:19.98",
		`source.ip="192.0.2.7"`, `source.port="1"`, `destination.ip="198.51.100.4"`, `destination.port="80"`,
		`url.scheme="http"`, `url.domain="example.org"`, `url.port="8080"`, `url.path="/x"`, `zeek.local_orig="false"`)
	wantEvent(t, d, tsv("1 2 3"), "error: too few columns")
	wantEvent(t, d, tsv("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), "error: too many columns")
	wantEvent(t, d, "", "error: no record on this line")
	wantEvent(t, d, tsv("#close 2012-03-16-15-00-00"), "error: no record on this line")
	wantEvent(t, d, tsv(`never - 192.0.2.7 1 198.51.100.4 80 - - - - - - - - -`), "zeek.http",
		`zeek.ts="never"`, `source.ip="192.0.2.7"`, `source.port="1"`, `destination.ip="198.51.100.4"`, `destination.port="80"`)
}

func TestZeekTSVHeaders(t *testing.T) {
	d := mustNew(t, &zeekTSV, Options{Name: "logs/dns.10:00:00-11:00:00.log.gz"})
	wantEvent(t, d, tsv("1.5 x"), "error: no #fields header yet")
	wantEvent(t, d, tsv("#fields ts query answers"), "error: no record on this line") // no #path, no #types
	wantEvent(t, d, tsv("1.5 example.org 192.0.2.1,192.0.2.2"), "zeek.dns 1970-01-01T00:00:01.5",
		`dns.question.name="example.org"`, `dns.answers.data="192.0.2.1"`, `dns.answers.data="192.0.2.2"`)

	// another log follows in the same file, with other separators
	wantEvent(t, d, `#separator \x7c`, "error: no record on this line")
	wantEvent(t, d, "#set_separator|;", "error: no record on this line")
	wantEvent(t, d, "#unset_field|?", "error: no record on this line")
	wantEvent(t, d, "#path|weird", "error: no record on this line")
	wantEvent(t, d, "1.5|x", "error: no #fields header yet")
	wantEvent(t, d, "#fields|ts|name|addl|peers", "error: no record on this line")
	wantEvent(t, d, "#types|time|string|string|vector[string]", "error: no record on this line")
	wantEvent(t, d, "2|bad_TCP|?|a;?;b", "zeek.weird 1970-01-01T00:00:02", `zeek.weird.name="bad_TCP"`, `zeek.peers="a"`, `zeek.peers="b"`)
	wantEvent(t, d, "#separator xyz", "error: unreadable # line")

	d = zeekTSVDecoderFor(t, tsv("#path conn"), tsv("#fields ts conn_state tunnel_parents")+"   label   detailed-label",
		tsv("#types time string set[string]")+"   string   string")
	wantEvent(t, d, tsv("2 S0 (empty)")+"   Malicious   C&C", "zeek.conn 1970-01-01T00:00:02", `zeek.conn_state="S0"`,
		`zeek.label="Malicious"`, `zeek.detailed-label="C&C"`)
	wantEvent(t, d, tsv("2 S0 a,b")+"   Malicious", "error: too few columns")

	d = zeekTSVDecoderFor(t, tsv("#fields ts uid conn_state service")) // told by its fields
	wantEvent(t, d, tsv("2 C1 SF http"), "zeek.conn 1970-01-01T00:00:02", `zeek.uid="C1"`, `zeek.conn_state="SF"`, `network.protocol="http"`)
}

func TestZeekJSON(t *testing.T) {
	d := mustNew(t, &zeekJSON, Options{Name: "http.log"})
	wantEvent(t, d, `{"ts":1331908172.78,"uid":"C1","id.orig_h":"192.0.2.7","host":"h","uri":"/a?b\u0026c","status_code":404,"tags":[],"resp_fuids":["F1","F2"],"x":null,"y":"","local_orig":true}`,
		"zeek.http 2012-03-16T14:29:32.78", `zeek.uid="C1"`, `source.ip="192.0.2.7"`, `url.domain="h"`, `url.path="/a"`,
		`url.query="b&c"`, `http.response.status_code="404"`, `zeek.resp_fuids="F1"`, `zeek.resp_fuids="F2"`, `zeek.local_orig="true"`)
	wantEvent(t, d, `{"ts":"2012-03-16T14:29:32.780000Z","id":{"orig_h":"192.0.2.7","orig_p":1},"version":"1.1"}`,
		"zeek.http 2012-03-16T14:29:32.78", `source.ip="192.0.2.7"`, `source.port="1"`, `http.version="1.1"`)
	wantEvent(t, d, `{"ts":19.98,"id_resp_h":"192.0.2.7","_path":"ssl","version":"TLSv12"}`,
		"zeek.ssl 1970-01-01T00:00:19.98", `destination.ip="192.0.2.7"`, `tls.version="TLSv12"`)
	wantEvent(t, d, `{"ts":19.98,"version":"1.1"}`, "zeek.http 1970-01-01T00:00:19.98", `http.version="1.1"`)
	wantEvent(t, d, `{"ts":19.98,"version":"1.1"`, "error: the JSON object is cut off")

	d = mustNew(t, &zeekJSON, Options{Name: "all.json"}) // told by the fields of each record
	wantEvent(t, d, `{"ts":1,"query":"q","trans_id":7,"proto":"udp"}`, "zeek.dns 1970-01-01T00:00:01",
		`dns.question.name="q"`, `zeek.trans_id="7"`, `network.transport="udp"`)
	wantEvent(t, d, `{"ts":1,"service":"dns","conn_state":"SF"}`, "zeek.conn 1970-01-01T00:00:01",
		`network.protocol="dns"`, `zeek.conn_state="SF"`)
	wantEvent(t, d, `{"ts":1,"service":"dns"}`, "zeek 1970-01-01T00:00:01", `zeek.service="dns"`)
	wantEvent(t, d, `{"@timestamp":"2020-05-01T00:00:00Z","@stream":"loaded_scripts","name":"x"}`,
		"zeek.loaded_scripts 2020-05-01T00:00:00", `zeek.@timestamp="2020-05-01T00:00:00Z"`, `zeek.name="x"`)
}

// The same record gives the same event from either of Zeek's formats.
func TestZeekSameRecord(t *testing.T) {
	fromTSV := zeekTSVDecoderFor(t, httpHeader...)
	fromJSON := mustNew(t, &zeekJSON, Options{Name: "http.log"})
	var a, b event.Event
	if err := fromTSV.Decode([]byte(tsv(`1331908172.78 C 192.0.2.7 3820 2001:db8::1 80 1 GET h /a?b\\c http://r/ ü 404 A,B F`)), &a); err != nil {
		t.Fatal(err)
	}
	if err := fromJSON.Decode([]byte(`{"ts":1331908172.78,"uid":"C","id.orig_h":"192.0.2.7","id.orig_p":3820,"id.resp_h":"2001:db8::1","id.resp_p":80,"trans_depth":1,"method":"GET","host":"h","uri":"/a?b\\c","referrer":"http://r/","user_agent":"\u00fc","status_code":404,"tags":["A","B"],"local_orig":false}`), &b); err != nil {
		t.Fatal(err)
	}
	if show(&a) != show(&b) {
		t.Errorf("TSV\n%s\nJSON\n%s", show(&a), show(&b))
	}
}

func TestZeekPathFromName(t *testing.T) {
	for name, want := range map[string]string{
		"conn.log": "conn", "/x/http.10:00:00-11:00:00.log.gz": "http", "conn_20200101.log": "conn", "dns-2020.json": "dns",
		"conn.log.labeled.gz": "conn", "open_conn.log": "open_conn", "smb_files.log": "smb_files", "known_hosts.log": "known_hosts",
		"SSL.log": "ssl", "access.log": "", "": "", "-": "", "_": "", "zeek.json": "", "smb_x.log": "",
	} {
		if got := zeekPathFromName(name); got != want {
			t.Errorf("zeekPathFromName(%q) = %q, want %q", name, got, want)
		}
	}
}

// Every signature is told from the fields that it names, and none hides another.
func TestZeekSignatures(t *testing.T) {
	for i, s := range zeekSignatures {
		if got := zeekPathFromHints(zeekMasks[i]); got != s.path {
			t.Errorf("fields %v are taken for %q, want %q", s.fields, got, s.path)
		}
		if !zeekStreams[s.path] {
			t.Errorf("%q is not a stream", s.path)
		}
	}
}

func FuzzZeekTSV(f *testing.F) {
	fuzzDecoder(f, zeekTSVDecoderFor(f, httpHeader...), strings.Repeat("a\t", 14)+"x", strings.Repeat(",\t", 14)+`\x0\\`)
}

// The header is hostile too.
func FuzzZeekTSVHeader(f *testing.F) {
	f.Add([]byte("#separator \\x09"), []byte("#fields\tts\tuid"), []byte("#types\ttime\tbool"), []byte("1\tT"))
	f.Fuzz(func(t *testing.T, a, b, c, line []byte) {
		d := mustNew(t, &zeekTSV, Options{})
		var e event.Event
		for _, l := range [][]byte{a, b, c} {
			_ = d.Decode(l, &e)
		}
		if !d.Stateful(line, 5) {
			lawOfDecoding(t, d, line)
		}
	})
}

func FuzzZeekJSON(f *testing.F) {
	fuzzDecoder(f, mustNew(f, &zeekJSON, Options{}), zeekJSON.Example, `{"ts":1,"@stream":"x","query":"q","trans_id":7}`,
		`{"_path":"http","uri":"//\u0000?","uri":"x://u@[::1]:5/?#"}`)
}

const zeekConnJSON = `{"ts":1331914651.55,"uid":"CeMWX7m0XTGDFjCCk","id.orig_h":"192.0.2.100","id.orig_p":1398,"id.resp_h":"198.51.100.110","id.resp_p":1025,"proto":"tcp","conn_state":"REJ","missed_bytes":0,"history":"Sr","orig_pkts":1,"orig_ip_bytes":48,"resp_pkts":1,"resp_ip_bytes":40}`

func BenchmarkZeekJSON(b *testing.B) {
	d := mustNew(b, &zeekJSON, Options{Name: "conn.log"})
	benchmarkDecoder(b, d, zeekConnJSON)
}

func BenchmarkZeekTSV(b *testing.B) {
	benchmarkDecoder(b, zeekTSVDecoderFor(b, httpHeader...),
		tsv(`1331908172.780000 CNJO 192.0.2.7 3820 198.51.100.4 80 1 GET example.org /a/b?x=y - Mozilla/5.0 404 HTTP::A,HTTP::B T`))
}

// TestZeekWanted: columns that nobody wants are left out, but for the time and the parts of a request's target.
func TestZeekWanted(t *testing.T) {
	d := mustNew(t, &zeekTSV, Options{Wanted: func(name string) bool { return name == "source.ip" || name == "zeek.tags" }})
	var e event.Event
	for _, line := range httpHeader {
		if err := d.Decode([]byte(line), &e); err != ErrSkip {
			t.Fatalf("%q: %v", line, err)
		}
	}
	for _, d := range []Decoder{d, d.Fork(event.NewKeys())} {
		wantEvent(t, d, tsv(`1331908172.780000 CNJO 192.0.2.7 3820 198.51.100.4 80 1 GET example.org /a?x - Mozilla/5.0\x20(X) 404 HTTP::A,HTTP::B T`),
			"zeek.http 2012-03-16T14:29:32.78", `source.ip="192.0.2.7"`, `url.path="/a"`, `url.query="x"`, `zeek.tags="HTTP::A"`, `zeek.tags="HTTP::B"`)
	}
}
