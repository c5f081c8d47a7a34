package beacon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/source"
)

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// networkLogs invents connection, TLS, HTTP and DNS logs with beacons in them, and a clock that is set back.
func networkLogs() map[string][]byte {
	r := newRand(11)
	var conn, ssl, http, dns bytes.Buffer
	conn.WriteString("#fields\tts\tuid\tid.orig_h\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_ip_bytes\tresp_ip_bytes\n")
	ssl.WriteString("#fields\tts\tuid\tid.orig_h\tid.resp_h\tid.resp_p\tserver_name\n")
	http.WriteString("#fields\tts\tuid\tid.orig_h\tid.resp_h\tid.resp_p\thost\tuser_agent\trequest_body_len\tresponse_body_len\turi\tmethod\tstatus_code\ttrans_depth\n")
	dns.WriteString("#fields\tts\tuid\tid.orig_h\tid.resp_h\tid.resp_p\tquery\tqtype_name\tanswers\ttrans_id\n")
	start := 1772323200.
	n := 0
	connect := func(at float64, src, dst, service string, port int) string {
		n++
		uid := fmt.Sprintf("C%x", n)
		fmt.Fprintf(&conn, "%.3f\t%s\t%s\t%s\t%d\ttcp\t%s\t%.2f\t%d\t%d\n", start+at, uid, src, dst, port, service, r.Float64()*3, 200+r.IntN(50), 900)
		return uid
	}
	for _, at := range beats(r, 0, 4*86400, 300, .02, .05) {
		uid := connect(at, "10.0.0.7", "203.0.113.9", "ssl", 443)
		fmt.Fprintf(&ssl, "%.3f\t%s\t10.0.0.7\t203.0.113.9\t443\tupdate.example.net\n", start+at, uid)
	}
	for h := range 12 {
		src := fmt.Sprintf("10.0.0.%d", 20+h)
		for _, at := range browsing(r, 4, 3) {
			site := r.IntN(40)
			uid := connect(at, src, fmt.Sprintf("198.51.100.%d", site), "http", 80)
			fmt.Fprintf(&http, "%.3f\t%s\t%s\t198.51.100.%d\t80\tWWW.site%d.example\tAgent/%d\t0\t%d\t/\tGET\t200\t1\n", start+at, uid, src, site, site, r.IntN(3), r.IntN(9000))
			fmt.Fprintf(&dns, "%.3f\t%s\t%s\t10.0.0.1\t53\twww.site%d.example\tA\t198.51.100.%d\t%d\n", start+at-.1, uid, src, site, site, r.IntN(9999))
		}
	}
	for _, at := range beats(r, 0, 4*86400, 120, .3, 0) {
		fmt.Fprintf(&dns, "%.3f\tD%x\t10.0.0.9\t10.0.0.1\t53\t%x%x.t.tunnel.example\tTXT\t-\t%d\n", start+at, r.IntN(1<<30), r.Uint64(), r.Uint64(), r.IntN(9999))
	}
	connect(-8*3600, "10.0.0.30", "198.51.100.3", "-", 22)
	return map[string][]byte{"conn.log": conn.Bytes(), "ssl.log": ssl.Bytes(), "http.log": http.Bytes(), "dns.log": dns.Bytes()}
}

// TestTasks: whatever the splits, the reducers and the combiner, the result is that of one machine, also where there is more than is
// kept.
func TestTasks(t *testing.T) {
	data := networkLogs()
	var inputs []source.Input
	for _, name := range []string{"conn.log", "dns.log", "http.log", "ssl.log"} {
		inputs = append(inputs, source.Bytes(name, data[name]))
	}
	open := func(name string) (io.ReadSeekCloser, error) { return readCloser{bytes.NewReader(data[name])}, nil }
	for name, o := range map[string]Options{"all": {}, "bounded": {MaxSeries: 300, MaxTimes: 200, MaxJoined: 300, MaxDomains: 20}, "networks": {Networks: []uint32{0, 1, 0, 1}, Names: []string{"a", "b"}}} {
		t.Run(name, func(t *testing.T) {
			d := New(o)
			blocks := source.BlockOptions{BlockSize: 50_000}
			if _, err := format.Scan(t.Context(), inputs, format.ScanOptions{Workers: 2, Blocks: blocks}, d.Handler); err != nil {
				t.Fatal(err)
			}
			want := d.Result()
			if name == "all" && (want.Called < 2 || !slices.ContainsFunc(want.Warnings, func(w string) bool { return strings.Contains(w, "back in time") })) {
				t.Fatalf("%d called, %v: too little to prove anything", want.Called, want.Warnings)
			}
			for k, size := range []int64{1 << 30, 300_000, 40_003} {
				p := mapreduce.NewPlan("test", JobBeacon, 0, time.UTC)
				for _, in := range inputs {
					if err := p.Add(in, in.Name); err != nil {
						t.Fatal(err)
					}
				}
				var tasks [][]mapreduce.Split
				for i, s := range p.Splits(size) {
					if i%2 == 0 {
						tasks = append(tasks, nil)
					}
					tasks[len(tasks)-1] = append(tasks[len(tasks)-1], s)
				}
				for _, combine := range []bool{false, true} {
					job := Job(o)
					records, _, err := mapreduce.Local(t.Context(), p, job, tasks, 1+k, combine, mapreduce.MapOptions{Open: open, Workers: 1 + k%2})
					if err != nil {
						t.Fatal(err)
					}
					d := New(o)
					if _, err := mapreduce.Assemble(p, job.Kinds, bytes.NewReader(records), d.Take); err != nil {
						t.Fatal(err)
					}
					if got := d.Result(); !reflect.DeepEqual(got, want) {
						t.Errorf("splits of %d, combine %v: another result:\n%v\n%v", size, combine, summaryOf(got), summaryOf(want))
					}
				}
			}
		})
	}
}

func summaryOf(r *Result) string {
	text := fmt.Sprintf("%d events, %d series, %d rows, %d tested, %d called, %v\n", r.Events, r.Series, r.Rows, r.Tested, r.Called, r.Warnings)
	for _, p := range r.Pairs[:min(len(r.Pairs), 5)] {
		text += fmt.Sprintf("%+v\n", *p)
	}
	return text
}

// FuzzTake: no record, damaged or not, does more than be refused.
func FuzzTake(f *testing.F) {
	data := networkLogs()
	p := mapreduce.NewPlan("test", JobBeacon, 0, time.UTC)
	if err := p.Add(source.Bytes("dns.log", data["dns.log"][:20000]), "dns.log"); err != nil {
		f.Fatal(err)
	}
	open := func(name string) (io.ReadSeekCloser, error) { return readCloser{bytes.NewReader(data[name])}, nil }
	records, _, err := mapreduce.Local(f.Context(), p, Job(Options{}), [][]mapreduce.Split{p.Splits(1 << 30)}, 1, false, mapreduce.MapOptions{Open: open})
	if err != nil {
		f.Fatal(err)
	}
	seen := map[byte]int{}
	if _, err := mapreduce.Assemble(p, Kinds(), bytes.NewReader(records), func(r *mapreduce.Record) error {
		if seen[r.Kind]++; seen[r.Kind] < 4 {
			f.Add(r.Kind, r.Key, r.Sub, r.Value)
		}
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind byte, key, sub, value []byte) {
		d := New(Options{MaxSeries: 10, MaxTimes: 5, MaxJoined: 5, MaxDomains: 4})
		_ = d.Take(&mapreduce.Record{Kind: kind, Key: key, Sub: sub, Value: value})
		for _, k := range Kinds() {
			if k.Byte != kind || k.Merge == nil {
				continue
			}
			m := k.Merge()
			if errors.Join(m.Add(value), m.Add(value)) == nil {
				if b, err := m.Append(nil); err == nil {
					_ = d.Take(&mapreduce.Record{Kind: kind, Key: key, Sub: sub, Value: b})
				}
			}
		}
		d.Result()
	})
}
