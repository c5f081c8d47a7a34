package beacon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLogs: the same beacon is found in every kind of log that tells of one, among what others do.
func TestLogs(t *testing.T) {
	const start = 1_772_006_400
	stamp := func(at float64, layout string) string {
		return time.UnixMilli(int64((start + at) * 1e3)).UTC().Format(layout)
	}
	type talk struct {
		at   float64
		src  string
		dst  string
		name string
	}
	r := newRand(9)
	var talks []talk
	for _, at := range beats(r, 0, testDay, 420, .2, .1) {
		talks = append(talks, talk{at, "10.0.0.7", "203.0.113.9", "cdn.example.com"})
	}
	for h := range 15 {
		for _, at := range browsing(r, 1, 2) {
			i := r.IntN(40)
			talks = append(talks, talk{at, fmt.Sprintf("10.0.0.%d", 10+h), fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("site%d.example.net", i)})
		}
	}
	for _, x := range []struct {
		file, target, head string
		line               func(x talk) string
	}{
		{"eve.json", "203.0.113.9", "", func(x talk) string {
			return fmt.Sprintf(`{"timestamp":"%s","event_type":"flow","src_ip":"%s","src_port":40000,"dest_ip":"%s","dest_port":443,"proto":"TCP",`+
				`"flow":{"bytes_toserver":700,"bytes_toclient":900,"start":"%s","end":"%s","age":1}}`,
				stamp(x.at+60, "2006-01-02T15:04:05.000000-0700"), x.src, x.dst, stamp(x.at, "2006-01-02T15:04:05.000000-0700"), stamp(x.at+1, "2006-01-02T15:04:05.000000-0700"))
		}},
		{"eve.tls.json", "cdn.example.com", "", func(x talk) string {
			return fmt.Sprintf(`{"timestamp":"%s","event_type":"tls","src_ip":"%s","src_port":40000,"dest_ip":"%s","dest_port":443,"proto":"TCP","tls":{"sni":"%s","version":"TLS 1.3"}}`,
				stamp(x.at, "2006-01-02T15:04:05.000000-0700"), x.src, x.dst, x.name)
		}},
		{"eve.dns.json", "cdn.example.com", "", func(x talk) string {
			return fmt.Sprintf(`{"timestamp":"%s","event_type":"dns","src_ip":"%s","src_port":40000,"dest_ip":"10.0.0.1","dest_port":53,"proto":"UDP","dns":{"type":"query","rrname":"%s","rrtype":"A"}}`,
				stamp(x.at, "2006-01-02T15:04:05.000000-0700"), x.src, x.name)
		}},
		{"flows.csv", "203.0.113.9", "ts,src_ip,dst_ip,dst_port,bytes,duration\n", func(x talk) string {
			return fmt.Sprintf("%s,%s,%s,443,1600,1.5", stamp(x.at, time.RFC3339Nano), x.src, x.dst)
		}},
		{"access.log", "cdn.example.com", "", func(x talk) string { // of a proxy: virtual hosts are what is asked for
			return fmt.Sprintf(`%s:443 %s - - [%s] "GET /x HTTP/1.1" 200 512 "-" "curl/8"`, x.name, x.src, stamp(x.at, "02/Jan/2006:15:04:05 -0700"))
		}},
	} {
		t.Run(x.file, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(x.head)
			for _, k := range talks {
				b.WriteString(x.line(k) + "\n")
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, x.file), []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			got := scan(t, Options{}, dir)
			if got.Events != int64(len(talks)) {
				t.Fatalf("%d of %d records were taken: %q", got.Events, len(talks), got.Warnings)
			}
			p := got.Find("10.0.0.7", x.target)
			if p == nil || p != got.Pairs[0] {
				t.Fatalf("first is %s", describe(got.Pairs[0]))
			}
			if p.Rhythm.Interval < 390 || p.Rhythm.Interval > 450 || p.Q > 1e-6 {
				t.Errorf("it is %s", describe(p))
			}
			for _, p := range got.Pairs[1:] {
				if p.Called() {
					t.Errorf("called: %s", describe(p))
				}
			}
		})
	}
}
