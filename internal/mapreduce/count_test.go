package mapreduce

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// logsOf writes logs of several formats, with lines that cannot be read, and returns them as inputs.
func logsOf(t testing.TB, n int) []source.Input {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 9))
	dir := t.TempDir()
	var access, zeek, table, text bytes.Buffer
	zeek.WriteString("#separator \\x09\n#path\tconn\n#fields\tts\tid.orig_h\tid.resp_h\tid.resp_p\tproto\tservice\n#types\ttime\taddr\taddr\tport\tenum\tstring\n")
	table.WriteString("\xef\xbb\xbftime,user,action,amount\n")
	for i := range n {
		at := time.Date(2026, 3, 1, 0, 0, i*37, 0, time.UTC)
		ip := fmt.Sprintf("192.0.2.%d", r.IntN(40))
		fmt.Fprintf(&access, "%s - - [%s] \"GET /shop/%d?q=%x HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux)\"\n", ip, at.Format("02/Jan/2006:15:04:05 -0700"), r.IntN(50), r.IntN(1000), r.IntN(100000))
		fmt.Fprintf(&zeek, "%d.5\t%s\t198.51.100.%d\t%d\ttcp\t-\n", at.Unix(), ip, r.IntN(9), []int{80, 443, 53}[r.IntN(3)])
		fmt.Fprintf(&table, "%s,u%d,\"log, in\",%d\n", at.Format(time.RFC3339), r.IntN(30), r.IntN(500))
		fmt.Fprintf(&text, "%s host%d sshd[%d]: Failed password for root from %s port 22 ssh2\n", at.Format("Jan _2 15:04:05"), r.IntN(3), i, ip)
		switch r.IntN(40) {
		case 0:
			access.WriteString("what is this, \xff\xfe\n")
			zeek.WriteString("#close\t2026-03-01-00-00-00\n")
		case 1:
			zeek.WriteString("too\tfew\n\n")
			table.WriteString("\"open\n,,,,,,,,\n")
			text.WriteString("\n\r\n")
		}
	}
	text.WriteString("Mar  3 10:00:00 host1 cron[1]: no line end")
	var w3c bytes.Buffer
	for i := range n / 2 {
		if i%300 == 0 {
			fmt.Fprintf(&w3c, "#Software: x\n#Version: 1.0\n#Date: 2026-03-0%d 00:00:00\n#Fields: date time c-ip cs-method cs-uri-stem sc-status\n", 1+i/300%9)
		}
		fmt.Fprintf(&w3c, "2026-03-01 00:%02d:%02d 192.0.2.%d GET /a/%d 200\n", i/60%60, i%60, i%7, i%90)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(access.Bytes()[:access.Len()/2])
	_ = z.Close()
	var inputs []source.Input
	for _, f := range []struct {
		name string
		data []byte
	}{{"access.log", access.Bytes()}, {"conn.log", zeek.Bytes()}, {"table.csv", table.Bytes()}, {"auth.log", text.Bytes()}, {"old.log.gz", packed.Bytes()},
		{"list.json", []byte("[\n {\"time\": \"2026-03-01T00:00:00Z\",\n \"a\": 1},\n {\"a\": [1,\n2]}\n]\n")},
		{"u_ex.log", w3c.Bytes()}, {"empty.log", nil}, {"odd.bin", []byte("\xff\xfea\x00b\x00")}} {
		name := filepath.Join(dir, f.name)
		if err := os.WriteFile(name, f.data, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
		in, err := source.File(name)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, in)
	}
	return inputs
}

func planOf(t testing.TB, job string, inputs []source.Input) *Plan {
	t.Helper()
	p := NewPlan("test", job, 42, time.UTC)
	for _, in := range inputs {
		if err := p.Add(in, in.Name); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	p, err := ReadPlan(&b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openFile(name string) (io.ReadSeekCloser, error) { return os.Open(name) }

func enrichment() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) }

// tallyHandler counts as a task does, locally.
type tallyHandler struct{ *countMapper }

func (h tallyHandler) Event(e *event.Event, pos format.Position, raw []byte) {
	h.countMapper.Event(e, pos, raw)
}

func localTally(t *testing.T, p *Plan, inputs []source.Input) (*count.Tally, *format.Summary) {
	t.Helper()
	job := CountJob(p, enrichment)
	var all []*countMapper
	sum, err := format.Scan(t.Context(), inputs, format.ScanOptions{Workers: 3, FileTimes: true, Options: format.Options{Zone: time.UTC}},
		func(_ int, keys *event.Keys) format.Handler {
			m, _ := job.Mapper(keys, NewWriter(io.Discard))
			all = append(all, m.(*countMapper))
			return tallyHandler{m.(*countMapper)}
		})
	if err != nil {
		t.Fatal(err)
	}
	out := count.NewTally()
	for _, m := range all {
		m.counter.Flush()
		out.Merge(m.tally)
	}
	return out, sum
}

// TestCount: whatever the splits, the tasks, the reducers, with a combiner and without, the counts and the summary are those of
// one machine.
func TestCount(t *testing.T) {
	inputs := logsOf(t, 3000)
	p := planOf(t, JobCount, inputs)
	want, wantSummary := localTally(t, p, inputs)
	if want.Len() < 5000 || wantSummary.Malformed() < 50 {
		t.Fatalf("%d cells, %d malformed: too few to prove anything", want.Len(), wantSummary.Malformed())
	}
	r := rand.New(rand.NewPCG(1, 1))
	var canonical []byte
	for _, size := range []int64{1 << 30, 100_000, 20_011, 7001} {
		for _, combine := range []bool{false, true} {
			splits := p.Splits(size)
			r.Shuffle(len(splits), func(i, j int) { splits[i], splits[j] = splits[j], splits[i] })
			var tasks [][]Split
			for len(splits) > 0 {
				n := min(1+r.IntN(3), len(splits))
				tasks, splits = append(tasks, splits[:n]), splits[n:]
			}
			reducers := 1 + r.IntN(4)
			out, _, err := Local(t.Context(), p, CountJob(p, enrichment), tasks, reducers, combine, MapOptions{Open: openFile, Workers: 1 + r.IntN(3)})
			if err != nil {
				t.Fatal(err)
			}
			c := NewCounted(p)
			a, err := Assemble(p, CountKinds(), bytes.NewReader(out), c.Take)
			if err != nil {
				t.Fatal(err)
			}
			if !c.Tally.Equal(want) {
				t.Fatalf("%d tasks, %d reducers: other counts", len(tasks), reducers)
			}
			if !reflect.DeepEqual(a.Summary, wantSummary) {
				t.Fatalf("%d tasks: the summary is\n%+v\nnot\n%+v", len(tasks), a.Summary, wantSummary)
			}
			var counts []byte
			for _, l := range SortRecords(out) {
				if l[0] == kindTokens || l[0] == kindHours {
					counts = append(counts, l...)
				}
			}
			if canonical == nil {
				canonical = counts
			}
			if !bytes.Equal(canonical, counts) {
				t.Fatal("the same counts are other bytes")
			}
		}
	}
}
