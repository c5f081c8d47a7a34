package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weir/internal/event"
)

func TestNDJSON(t *testing.T) {
	sample := `{"time":"2024-05-01T12:00:00Z","date":"x","n":1}`
	d := mustNew(t, &ndjson, Options{}, sample)
	for _, c := range []struct {
		line string
		want []string
	}{
		{`{"time":"2024-05-01T12:00:00Z","level":"warn","msg":"hi","remote_addr":"192.0.2.7","a":{"b":{"c":1,"d":[1,2]}}}`,
			[]string{"json 2024-05-01T12:00:00", `level="warn"`, `message="hi"`, `source.ip="192.0.2.7"`, `a.b.c="1"`, `a.b.d="1"`, `a.b.d="2"`}},
		{` { "x" : [ { "y" : 1 } , { "y" : 2, "z": true } , [ [ 3 ] ] ] , "e" : { } , "f" : [ ] } ` + "\t",
			[]string{"json", `x.y="1"`, `x.y="2"`, `x.z="true"`, `x="3"`}},
		{`{"a":"","b":null,"c":false,"d":-0.5e+10,"e":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d\udc"}`, []string{"error: invalid JSON"}},
		{`{"a":"","b":null,"c":false,"d":-0.5e+10,"e":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83dx"}`,
			[]string{"json", `c="false"`, `d="-0.5e+10"`, `e="\"\\/\b\f\n\r\té😀�x"`}},
		{"{\"a\":\"\x00\xff\x1b\"}", []string{"json", `a="\x00\xff\x1b"`}},
		{`{"a":1,"a":2,"\u0061":3}`, []string{"json", `a="1"`, `a="2"`, `a="3"`}},
		{`{"URL":"http://h/p?q","User_Agent":"ua","url.path":"/own?kept"}`,
			[]string{"json", `url.scheme="http"`, `url.domain="h"`, `url.path="/p"`, `url.query="q"`, `user_agent.original="ua"`, `url.path="/own?kept"`}},
		{`{"time":"never","x":1}`, []string{"json", `x="1"`, `time="never"`}},
		{`{}`, []string{"json"}},
		{``, []string{"error: no record on this line"}},
		{`  `, []string{"error: no record on this line"}},
		{`[1]`, []string{"error: not a JSON object"}},
		{`{"a":1`, []string{"error: the JSON object is cut off"}},
		{`{"a":"x`, []string{"error: the JSON object is cut off"}},
		{`{"a":"x\`, []string{"error: the JSON object is cut off"}},
		{`{"a":tr`, []string{"error: the JSON object is cut off"}},
		{`{"a":`, []string{"error: the JSON object is cut off"}},
		{`{"a":1}x`, []string{"error: text after the JSON object"}},
		{`{"a":1}{"b":2}`, []string{"error: text after the JSON object"}},
		{`{"a":01}`, []string{"error: invalid JSON"}},
		{`{"a":+1}`, []string{"error: invalid JSON"}},
		{`{"a":.5}`, []string{"error: invalid JSON"}},
		{`{"a":1.}`, []string{"error: invalid JSON"}},
		{`{"a":NaN}`, []string{"error: invalid JSON"}},
		{`{a:1}`, []string{"error: invalid JSON"}},
		{`{"a":1,}`, []string{"error: invalid JSON"}},
		{`{"a":"\x41"}`, []string{"error: invalid JSON"}},
		{`{"a":` + strings.Repeat("[", 100000), []string{"error: JSON nested too deep"}},
		{strings.Repeat(`{"a":`, 100000), []string{"error: JSON nested too deep"}},
		{`{"a":[` + strings.Repeat("1,", event.MaxFields) + `1]}`, []string{"error: too many fields"}},
	} {
		wantEvent(t, d, c.line, c.want...)
	}
}

func TestNDJSONTime(t *testing.T) {
	for _, c := range []struct {
		sample string
		want   string
	}{
		{`{"time":"2024-05-01T12:00:00Z","@timestamp":"2024-05-01T12:00:01Z"}`, "@timestamp"},
		{`{"time":"2024-05-01T12:00:00Z","@timestamp":"soon"}`, "time"},
		{`{"a":{"ts":1700000000},"created":"2024-05-01"}`, "a.ts"},
		{`{"a":{"ts":1700000000},"ts":1700000000.5}`, "ts"},
		{`{"Event":{"System":{"TimeCreated":{"#attributes":{"SystemTime":"2024-05-01T12:00:00.123Z"}}}}}`, "Event.System.TimeCreated.#attributes.SystemTime"},
		{`{"__REALTIME_TIMESTAMP":"1700000000123456"}`, "__REALTIME_TIMESTAMP"},
		{`{"eventTime":"2024-05-01T12:00:00Z","userIdentity":{"sessionContext":{"creationDate":"2024-05-01T11:00:00Z"}}}`, "eventTime"},
		{`{"ts":12,"x":1}`, ""},
		{`{"status":"2024-05-01T12:00:00Z"}`, ""},
		{`nonsense`, ""},
	} {
		if got := findJSONTime(toLines(c.sample), Options{}); got != c.want {
			t.Errorf("time of %s is %q, want %q", c.sample, got, c.want)
		}
	}
}

// A log with ever new names must not fill the memory of the decoder.
func TestNodesAreBounded(t *testing.T) {
	d := mustNew(t, &ndjson, Options{}).(*ndjsonDecoder)
	var e event.Event
	for i := range 3 * maxJSONNodes {
		if err := d.Decode(fmt.Appendf(nil, `{"k%d":{"x":1},"z":2}`, i), &e); err != nil || len(e.Fields) != 2 {
			t.Fatalf("record %d: %v, %d fields", i, err, len(e.Fields))
		}
	}
	if n := len(d.walker.root.kids); n > maxJSONNodes {
		t.Errorf("%d names are remembered", n)
	}
}

func TestEVE(t *testing.T) {
	d := mustNew(t, &eve, Options{})
	for _, c := range []struct {
		line string
		want []string
	}{
		{`{"timestamp":"2021-06-06T15:59:46.457984+0200","flow_id":13,"event_type":"alert","src_ip":"192.0.2.7","src_port":1,"dest_ip":"198.51.100.4","dest_port":445,"proto":"TCP","alert":{"action":"allowed","signature":"S","category":"C","severity":2},"flow":{"pkts_toserver":1,"bytes_toserver":60,"bytes_toclient":0}}`,
			[]string{"suricata.alert 2021-06-06T13:59:46.457984", `suricata.flow_id="13"`, `source.ip="192.0.2.7"`, `source.port="1"`,
				`destination.ip="198.51.100.4"`, `destination.port="445"`, `network.transport="TCP"`, `event.action="allowed"`,
				`rule.name="S"`, `rule.category="C"`, `event.severity="2"`, `source.packets="1"`, `source.bytes="60"`, `destination.bytes="0"`}},
		{`{"timestamp":"2021-06-06T15:59:46Z","event_type":"http","http":{"hostname":"h","url":"/a?b","http_user_agent":"ua","http_method":"GET","status":200,"http_refer":"r"},"app_proto":"http","tx_id":0}`,
			[]string{"suricata.http 2021-06-06T15:59:46", `url.domain="h"`, `url.path="/a"`, `url.query="b"`, `user_agent.original="ua"`,
				`http.request.method="GET"`, `http.response.status_code="200"`, `http.request.referrer="r"`, `network.protocol="http"`, `suricata.tx_id="0"`}},
		{`{"timestamp":"2021-06-06T15:59:46Z","event_type":"dns","dns":{"type":"answer","rrname":"q","rrtype":"A","rdata":"192.0.2.1"}}`,
			[]string{"suricata.dns 2021-06-06T15:59:46", `suricata.dns.type="answer"`, `dns.question.name="q"`, `dns.question.type="A"`, `dns.answers.data="192.0.2.1"`}},
		{`{"timestamp":"2021-06-06T15:59:46Z","event_type":"dns","dns":{"version":2,"rrname":"q","answers":[{"rrname":"q","rdata":"192.0.2.1"},{"rdata":"192.0.2.2"}]}}`,
			[]string{"suricata.dns 2021-06-06T15:59:46", `suricata.dns.version="2"`, `dns.question.name="q"`, `dns.answers.name="q"`, `dns.answers.data="192.0.2.1"`, `dns.answers.data="192.0.2.2"`}},
		{`{"timestamp":"2021-06-06T15:59:46Z","event_type":"tls","tls":{"sni":"s","version":"TLS 1.2","ja3":{"hash":"j","string":"1,2"}}}`,
			[]string{"suricata.tls 2021-06-06T15:59:46", `tls.client.server_name="s"`, `tls.version="TLS 1.2"`, `tls.client.ja3="j"`, `suricata.tls.ja3.string="1,2"`}},
		{`{"event_type":"stats"}`, []string{"suricata.stats"}},
		{`{"x":1}`, []string{"suricata", `suricata.x="1"`}},
		{`{"event_type":"alert","al`, []string{"error: the JSON object is cut off"}},
	} {
		wantEvent(t, d, c.line, c.want...)
	}
}

// The scanner takes exactly what encoding/json takes, but for control characters inside strings and its own limits.
func agreesWithStdlib(t *testing.T, line []byte) {
	plain := bytes.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < ' ':
			return '!'
		}
		return r
	}, bytes.ToValidUTF8(line, []byte("?")))
	w := newJSONWalker(event.NewKeys(), func(s string) fieldUse { return fieldUse{name: s} })
	var e event.Event
	fault := w.walk(line, &e)
	if fault == errJSONDepth || fault == errManyFields {
		return
	}
	want := json.Valid(plain) && bytes.HasPrefix(bytes.TrimLeft(plain, " "), []byte("{"))
	if (fault == nil) != want {
		t.Fatalf("%q: got %v, encoding/json says valid: %v", line, fault, want)
	}
	if fault != nil {
		return
	}
	var flat map[string]any // strings come out as encoding/json has them
	if json.Unmarshal(line, &flat) != nil {
		return
	}
	for name, value := range flat {
		text, ok := value.(string)
		if !ok || text == "" || len(name) > event.MaxKeyLen || strings.Contains(name, ".") {
			continue
		}
		found := false
		for _, f := range e.Fields {
			found = found || validText([]byte(f.Key.Name)) == name && validText(f.Value) == validText([]byte(text))
		}
		if !found {
			t.Fatalf("%q: field %q should be %q, event is\n%s", line, name, text, show(&e))
		}
	}
}

// validText replaces each byte that is not UTF-8, as encoding/json does.
func validText(b []byte) string { return string([]rune(string(b))) }

func FuzzJSONAgainstStdlib(f *testing.F) {
	for _, s := range []string{`{"a":"x","b":[1,2,{"c":null}],"d":-1.5e3}`, `{"a":"\ud83d\ude00\ud83d"}`, `{"a":01}`, `{"a":tru}`, "{\"a\":\"\x01\"}", `{"\u0061":"A"}`, "{}\x00", `{"a" : "b" , "c":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) { agreesWithStdlib(t, line) })
}

// TestManyKinds: how a record is read does not depend on how many kinds of records were read before.
func TestManyKinds(t *testing.T) {
	for f, line := range map[*Format]string{
		&eve:      `{"event_type":"t%d","timestamp":"2026-01-02T03:04:05Z","src_ip":"10.0.0.1"}`,
		&zeekJSON: `{"_path":"t%d","ts":1767323045.5,"uid":"C1","id.orig_h":"10.0.0.1","x":"y"}`,
	} {
		d := mustNew(t, f, Options{})
		for i := range 3 * max(maxEventTypes, maxZeekPaths) {
			lawOfDecoding(t, d, fmt.Appendf(nil, line, i))
		}
	}
}

func FuzzEVE(f *testing.F) {
	fuzzDecoder(f, mustNew(f, &eve, Options{}), eve.Example, `{"event_type":"dns","timestamp":1,"dns":{"answers":[{"rdata":"x"}]}}`)
}

func FuzzNDJSON(f *testing.F) {
	fuzzDecoder(f, mustNew(f, &ndjson, Options{}, `{"time":1700000000}`), ndjson.Example, `{"time":"2024-05-01","url":"x?y","a":[[{}]]}`)
}

func TestJSONHostileLines(t *testing.T) {
	decoders := []Decoder{mustNew(t, &eve, Options{}), mustNew(t, &ndjson, Options{}), mustNew(t, &zeekJSON, Options{}), zeekTSVDecoderFor(t, httpHeader...)}
	lines := hostileLines()
	for _, unit := range []string{`{"a":`, `[`, `"`, `{"a":"b",`, `{"\u0000`, `\`, `1`, `{"a":[`, `,`, "\t"} {
		lines = append(lines, []byte(strings.Repeat(unit, 1<<20/len(unit))), []byte(`{"a":`+strings.Repeat(unit, 1<<20/len(unit))))
	}
	for _, d := range decoders {
		var e event.Event
		for _, line := range lines {
			if !d.Stateful(line, 2) {
				_ = d.Decode(line, &e)
			}
		}
	}
}

func BenchmarkEVE(b *testing.B) {
	benchmarkDecoder(b, mustNew(b, &eve, Options{}),
		`{"timestamp":"2021-06-06T15:59:46.457984+0200","flow_id":13,"event_type":"http","src_ip":"192.0.2.7","src_port":1,"dest_ip":"198.51.100.4","dest_port":80,"proto":"TCP","tx_id":0,"http":{"hostname":"h.example","url":"/a?b","http_user_agent":"Mozilla/5.0 (X11)","http_method":"GET","status":200,"length":1234}}`)
}

func BenchmarkNDJSON(b *testing.B) {
	benchmarkDecoder(b, mustNew(b, &ndjson, Options{}, ndjson.Example), ndjson.Example)
}

// Reading a record allocates nothing once its names are known.
func TestDecodersDoNotAllocate(t *testing.T) {
	for _, c := range []struct {
		d    Decoder
		line string
	}{
		{mustNew(t, &zeekJSON, Options{Name: "conn.log"}), zeekConnJSON},
		{mustNew(t, &zeekJSON, Options{}), zeekConnJSON},
		{mustNew(t, &eve, Options{}), eve.Example},
		{mustNew(t, &ndjson, Options{}, ndjson.Example), `{"time":"2024-05-01T12:00:00Z","msg":"a\nb","x":[1,2],"y":{"z":null}}`},
		{zeekTSVDecoderFor(t, httpHeader...), tsv(`1.5 C 192.0.2.7 1 198.51.100.4 80 1 GET h /a?\x41 - - 404 A,B T`)},
	} {
		var e event.Event
		line := []byte(c.line)
		if n := testing.AllocsPerRun(100, func() {
			if err := c.d.Decode(line, &e); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%.60s: %v allocations", line, n)
		}
	}
}
