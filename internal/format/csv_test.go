package format

import (
	"strings"
	"testing"

	"weir/internal/event"
)

func TestCSV(t *testing.T) {
	tests := []struct {
		name   string
		sample string // lines
		line   string
		want   []string
	}{
		{"ecs names and time", "id,time,src_ip,note\n1,2026-01-02T03:04:05Z,192.0.2.1,x", "7,2026-01-02 03:04:06,192.0.2.2,",
			[]string{"csv 2026-01-02T03:04:06", `id="7"`, `source.ip="192.0.2.2"`}},
		{"epoch", "ts;a;b\n1767323045.5;1;2", "1767323046.25;3;4", []string{"csv 2026-01-02T03:04:06.25", `a="3"`, `b="4"`}},
		{"date and time apart", "date\ttime\tuser\n2026-01-02\t03:04:05\tal", "2026-01-02\t03:04:06\tbo",
			[]string{"csv 2026-01-02T03:04:06", `user.name="bo"`}},
		{"time by content", "a|b|c\nx|02/Jan/2026:03:04:05 +0000|y", "x|02/Jan/2026:03:04:06 +0000|y",
			[]string{"csv 2026-01-02T03:04:06", `a="x"`, `c="y"`}},
		{"a number is a time only by name", "id,n\n1767323045,1\n1767323046,2", "1767323046,3", []string{"csv",
			`id="1767323046"`, `n="3"`}},
		{"a bad time stays", "time,a\n2026-01-02,1\n2026-01-03,1", "soon,2", []string{"csv", `a="2"`, `time="soon"`}},
		{"quotes", "a,b,c\n1,2,3", `"x, ""y""", "" ,"z" `, []string{"csv", `a="x, \"y\""`, `c="z"`}},
		{"quote inside", "a,b,c\n1,2,3", `5" disk,x"y,z`, []string{"csv", `a="5\" disk"`, `b="x\"y"`, `c="z"`}},
		{"names missing and double", "a,,a,src,src_ip\n1,2,3,4,5", "1,2,3,4,5", []string{"csv", `a="1"`, `column_2="2"`,
			`a_2="3"`, `source.ip="4"`, `src_ip="5"`}},
		{"url", "a,url\n1,/x", "1,http://h:8/p?q=1", []string{"csv", `a="1"`, `url.scheme="http"`, `url.domain="h"`, `url.port="8"`,
			`url.path="/p"`, `url.query="q=1"`}},
		{"few", "a,b\n1,2", "1", []string{"error: too few columns"}},
		{"many", "a,b\n1,2", "1,2,3", []string{"error: too many columns"}},
		{"comma at the end", "a,b\n1,2", "1,2, ", []string{"csv", `a="1"`, `b="2"`}},
		{"open", "a,b\n1,2", `1,"2`, []string{"error: quote not closed"}},
		{"after", "a,b\n1,2", `"1"x,2`, []string{"error: text after a quoted value"}},
		{"header again", "\xef\xbb\xbfa,b\n1,2", "a,b", []string{"error: no record on this line"}},
		{"sep", "sep=;\na;b\n1;2,3", "1;2,3", []string{"csv", `a="1"`, `b="2,3"`}},
		{"no header", "1,2,3\n4,5,6", "1,2,3", []string{"csv", `column_1="1"`, `column_2="2"`, `column_3="3"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustNew(t, &csvFormat, Options{Format: "csv"}, strings.Split(tt.sample, "\n")...)
			wantEvent(t, d, tt.line, tt.want...)
			wantEvent(t, d.Fork(event.NewKeys()), tt.line, tt.want...)
		})
	}
}

func TestCSVHeaderIsStateful(t *testing.T) {
	d := mustNew(t, &csvFormat, Options{}, "", "time,a", "2026-01-02,1")
	for n, want := range map[int64]bool{1: true, 2: true, 3: false} {
		if d.Stateful(nil, n) != want {
			t.Errorf("line %d: %v", n, !want)
		}
	}
	wantEvent(t, d, "time,a", "error: no record on this line")
}

func TestCSVDetection(t *testing.T) {
	tests := []struct {
		lines string
		is    bool
	}{
		{"id,time,name\n0,2026-01-02T03:04:05Z,\"a, b\"\n1,2026-01-02T03:04:05Z,c", true},
		{"StartTime,Dur,Proto\n2026/01/02 03:04:05.1,0.1,udp", true},
		{"user\tevent\nal\tlogin", true},
		{"\"a\",\"b\"\n\"1\",\"2\"", true},
		{"0,tcp,http,SF,181\n0,udp,dns,SF,239", false},
		{"tcp,http,SF\nudp,dns,SF\ntcp,http,REJ", false},
		{"Hello, world\nGood bye, world", false},
		{"Hello, world.\nThis is a text, you see.\nNothing else", false},
		{"time,a,b\n1\n2\n3", false},
		{"192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] \"GET /a,b HTTP/1.1\" 200 1", false},
		{"2026-01-02 03:04:05,123 INFO start, go\n2026-01-02 03:04:05,124 INFO stop, go", false},
		{"{\"a\":1,\"b\":2}\n{\"a\":1,\"b\":2}", false},
		{"#fields\tts\tuid\n#types\ttime\tstring\n1.0\tC1", false},
		{"name", false},
		{"", false},
	}
	for _, tt := range tests {
		score, reason := csvFormat.Score(toLines(strings.Split(tt.lines, "\n")...), Options{})
		if (score > 0.5) != tt.is {
			t.Errorf("%q: %v %q", tt.lines, score, reason)
		}
		if score == 0 && reason == "" {
			t.Errorf("%q: refused without a reason", tt.lines)
		}
	}
}

func BenchmarkCSV(b *testing.B) {
	d := mustNew(b, &csvFormat, Options{}, "id,time,name,ip,host,short", "1,2026-01-02T03:04:05Z,x,192.0.2.1,h,s")
	line := []byte(`4711,2026-01-02T03:04:05Z,"Detector: new value, ""x""",192.0.2.1,mail.example.org,D-New`)
	var e event.Event
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}
