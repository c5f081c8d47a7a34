package mapreduce

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/source"
)

// TestLetters: sorting lines sorts the bytes that they stand for.
func TestLetters(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	type pair struct{ key, sub []byte }
	random := func() []byte {
		b := make([]byte, r.IntN(5))
		for i := range b {
			b[i] = []byte{0, 1, 127, 128, 255}[r.IntN(5)]
		}
		return b
	}
	var pairs []pair
	var out bytes.Buffer
	w := NewWriter(&out)
	for range 2000 {
		p := pair{random(), random()}
		pairs = append(pairs, p)
		if err := w.Put('c', p.key, p.sub, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if c := bytes.Compare(a.key, b.key); c != 0 {
			return c
		}
		return bytes.Compare(a.sub, b.sub)
	})
	lines := bytes.SplitAfter(bytes.TrimSuffix(out.Bytes(), []byte{'\n'}), []byte{'\n'})
	slices.SortFunc(lines, bytes.Compare) // whole lines, as LC_ALL=C sort has it
	for i, l := range lines {
		var x Record
		rd := newReader(bytes.NewReader(l))
		got, err := rd.next()
		if err != nil {
			t.Fatal(err)
		}
		if err := rd.record(&got, &x); err != nil || !bytes.Equal(x.Key, pairs[i].key) || !bytes.Equal(x.Sub, pairs[i].sub) {
			t.Fatalf("%v: line %d is %q %q, not %q %q", err, i, x.Key, x.Sub, pairs[i].key, pairs[i].sub)
		}
	}
}

// TestBundles: bundles merge to the same bytes in any order and grouping.
func TestBundles(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 200 {
		sum := map[[2]uint64]uint64{}
		var values [][]byte
		for range 1 + r.IntN(20) {
			var cells []Cell
			for range r.IntN(40) {
				c := Cell{r.Uint64() >> r.IntN(64), r.Uint64N(4), r.Uint64N(100)}
				if r.IntN(50) == 0 {
					c.N = 1<<64 - 1 - r.Uint64N(3)
				}
				cells = append(cells, c)
				sum[[2]uint64{c.Key, c.Tag}] = addUp(sum[[2]uint64{c.Key, c.Tag}], c.N)
			}
			values = append(values, AppendBundle(nil, cells))
		}
		var all []Cell
		for k, n := range sum {
			all = append(all, Cell{k[0], k[1], n})
		}
		want := AppendBundle(nil, all)
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		for len(values) > 1 {
			n := 1 + r.IntN(len(values))
			m := NewBundle()
			for _, v := range values[:n] {
				if err := m.Add(v); err != nil {
					t.Fatal(err)
				}
			}
			b, err := m.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values[n:], b)
		}
		if !bytes.Equal(values[0], want) {
			t.Fatalf("%x is not %x", values[0], want)
		}
	}
}

// FuzzBundle: a damaged bundle is refused; one that is not is written again with the same bytes.
func FuzzBundle(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add(AppendBundle(nil, []Cell{{1, 2, 3}, {1, 3, 900}, {1 << 60, 3, 1}}), AppendBundle(nil, []Cell{{1, 2, 1<<64 - 1}}))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var cells []Cell
		if EachCell(a, func(c Cell) { cells = append(cells, c) }) == nil {
			if again := AppendBundle(nil, cells); !bytes.Equal(again, a) {
				t.Fatalf("%x became %x", a, again)
			}
		}
		m := NewBundle()
		if m.Add(a) == nil && m.Add(b) == nil {
			_, _ = m.Append(nil)
		}
	})
}

// FuzzReduce: whatever comes in, a reducer refuses it or writes records that it can read again, and that Assemble takes or refuses.
func FuzzReduce(f *testing.F) {
	p := NewPlan("test", JobCount, 1, time.UTC)
	if err := p.Add(source.Bytes("a.log", []byte("one line\n")), "a.log"); err != nil {
		f.Fatal(err)
	}
	var out bytes.Buffer
	splits := p.Splits(100)
	splits[0].Lines = strings.NewReader("one line\n")
	if err := Map(f.Context(), p, CountJob(p, enrichment), splits, NewWriter(&out), MapOptions{}); err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Join(SortRecords(out.Bytes()), nil))
	f.Add([]byte("cAA\t\tAA\ncAA\t\tAA\n"))
	f.Add([]byte("S\t\t-\nP\t\t\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var once, twice bytes.Buffer
		if Reduce(t.Context(), CountKinds(), bytes.NewReader(in), &once) == nil {
			if err := Reduce(t.Context(), CountKinds(), bytes.NewReader(once.Bytes()), &twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
				t.Fatalf("%v: %q became %q", err, once.Bytes(), twice.Bytes())
			}
		}
		_, _ = Assemble(p, CountKinds(), bytes.NewReader(in), NewCounted(p).Take)
	})
}

// FuzzPlan: a plan that is read can be used and written again.
func FuzzPlan(f *testing.F) {
	p := NewPlan("test", JobCount, 1, time.UTC)
	if err := p.Add(source.Bytes("a.log", []byte("one line\n")), "hdfs://x/a.log"); err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), "hdfs://x:8020/a.log", "0\t0\t9")
	q := NewPlan("test", JobCount, 1, time.UTC)
	if err := q.AddArchive([]Input{{Name: "a.log", Source: 3}}, []Segment{{"hdfs://x/1.parquet", 900, 40}, {"hdfs://x/2.parquet", 1, 1}}, nil); err != nil {
		f.Fatal(err)
	}
	var archive bytes.Buffer
	if err := q.Write(&archive); err != nil {
		f.Fatal(err)
	}
	f.Add(archive.Bytes(), "a.log", "0\t0\t2")
	table := NewPlan("test", JobCount, 1, time.UTC)
	table.Inputs = []Input{{Name: "a.parquet", Size: 900, Shaped: true, Table: "x", Runs: []Run{{3, 400}, {1, 0}, {2, 500}}}}
	var shared bytes.Buffer
	if err := table.Write(&shared); err != nil {
		f.Fatal(err)
	}
	f.Add(shared.Bytes(), "a.parquet", "0\t2\t4")
	f.Fuzz(func(t *testing.T, plan []byte, name, split string) {
		p, err := ReadPlan(bytes.NewReader(plan))
		if err != nil {
			if !errors.Is(err, ErrPlan) {
				t.Fatal(err)
			}
			return
		}
		_, _ = p.Find(name)
		_, _ = p.ReadSplits(strings.NewReader(split))
		if len(p.Segments) > 0 {
			n := 0
			for _, x := range p.Splits(1 << 20) {
				n += int(x.Length)
			}
			if n != len(p.Segments) {
				t.Fatalf("splits have %d of %d segments", n, len(p.Segments))
			}
		}
		next := map[int]int64{}
		for _, size := range []int64{0, 1 << 20} {
			clear(next)
			for i := range p.Inputs {
				if p.Inputs[i].Err != "" || len(p.Inputs[i].Runs) == 0 || len(p.Segments) > 0 {
					continue
				}
				for _, x := range p.runSplits(i, size) {
					if err := p.checkSplit(&x); err != nil || x.Start != next[i] {
						t.Fatalf("%v: a split at %d, not %d", err, x.Start, next[i])
					}
					next[i] += x.Length
				}
				if all, _ := p.Inputs[i].extent(); next[i] != all {
					t.Fatalf("splits have %d of %d row groups", next[i], all)
				}
			}
		}
		for i := range p.Inputs {
			_, _ = p.Beginning(&p.Inputs[i])
		}
		var again bytes.Buffer
		if err := p.Write(&again); err != nil {
			t.Fatal(err)
		}
		q, err := ReadPlan(&again)
		if err != nil || !bytes.Equal(p.fingerprint(), q.fingerprint()) {
			t.Fatalf("%v: a plan changes when it is written", err)
		}
	})
}

// TestLines: lines that an engine hands over, without the byte order mark and with an end for the last line, are what a split is
// that weir reads itself.
func TestLines(t *testing.T) {
	inputs := logsOf(t, 400)[:3]
	p := planOf(t, JobCount, inputs)
	want, wantSummary := localTally(t, p, inputs)
	var all bytes.Buffer
	for _, s := range p.Splits(9000) {
		f, err := openFile(p.Inputs[s.Input].Where())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(s.Start, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		lines, err := io.ReadAll(source.NewSplit(f, s.Start, s.Start+s.Length))
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		lines = bytes.TrimPrefix(lines, []byte("\xef\xbb\xbf"))
		if len(lines) > 0 && lines[len(lines)-1] != '\n' {
			lines = append(lines, '\n')
		}
		s.Lines = bytes.NewReader(lines)
		var report bytes.Buffer
		if err := Map(t.Context(), p, CountJob(p, enrichment), []Split{s}, NewWriter(&all), MapOptions{Report: &report}); err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(strings.TrimSpace(report.String()), "\n") {
			if l != "" && (!strings.HasPrefix(l, "reporter:counter:weir,") || strings.Count(l, ",") != 2) {
				t.Fatalf("Hadoop does not take %q", l)
			}
		}
	}
	c := NewCounted(p)
	a, err := Assemble(p, CountKinds(), &all, c.Take)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Tally.Equal(want) || !reflect.DeepEqual(a.Summary, wantSummary) {
		t.Errorf("another result: %+v, not %+v", a.Summary, wantSummary)
	}
}

// TestIncomplete: what was not read, or twice, or belongs to another plan, is an error that says so.
func TestIncomplete(t *testing.T) {
	inputs := logsOf(t, 200)[:2]
	p := planOf(t, JobCount, inputs)
	outputs := map[int][]byte{}
	splits := p.Splits(9000)
	for i, s := range splits {
		var out bytes.Buffer
		if err := Map(t.Context(), p, CountJob(p, enrichment), []Split{s}, NewWriter(&out), MapOptions{Open: openFile}); err != nil {
			t.Fatal(err)
		}
		outputs[i] = out.Bytes()
	}
	other := planOf(t, JobCount, inputs)
	other.Seed++
	for _, x := range []struct {
		name string
		plan *Plan
		take []int
		want string
	}{
		{"all", p, []int{-1}, ""},
		{"first missing", p, []int{1, 2, 3}, "the beginning of"},
		{"last missing", p, []int{0, 1, 2}, "not all of the logs was read"},
		{"twice", p, []int{-1, 1}, "counted twice"},
		{"none", p, nil, "no output of any task"},
		{"another plan", other, []int{-1}, "another plan"},
	} {
		var all []byte
		for _, k := range x.take {
			for i := range splits {
				if k < 0 || k == i {
					all = append(all, outputs[i]...)
				}
			}
		}
		_, err := Assemble(x.plan, CountKinds(), bytes.NewReader(all), NewCounted(p).Take)
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	twice := bytes.Join(SortRecords(append(bytes.Clone(outputs[0]), outputs[0]...)), nil)
	if err := Reduce(t.Context(), CountKinds(), bytes.NewReader(twice), io.Discard); !errors.Is(err, ErrTwice) {
		t.Errorf("a reducer took a task twice: %v", err)
	}
	back := SortRecords(outputs[0])
	slices.Reverse(back)
	if err := Reduce(t.Context(), CountKinds(), bytes.NewReader(bytes.Join(back, nil)), io.Discard); err == nil || !strings.Contains(err.Error(), "sort by the first two fields") {
		t.Errorf("a reducer took what is not sorted: %v", err)
	}
	changed := *p
	changed.Inputs = slices.Clone(p.Inputs)
	changed.Inputs[0].Size = 10
	if err := Map(t.Context(), &changed, CountJob(p, enrichment), splits[1:2], NewWriter(io.Discard), MapOptions{Open: openFile}); err == nil || !strings.Contains(err.Error(), "changed since the plan") {
		t.Errorf("a split beyond the log: %v", err)
	}
}

// TestHeaderOnTheWay: a log whose header changes in the middle is the same in one part, and refused in several.
func TestHeaderOnTheWay(t *testing.T) {
	var log bytes.Buffer
	for k := range 2 {
		fmt.Fprintf(&log, "#fields\tts\tid.orig_h\t%s\n", []string{"proto", "service"}[k])
		for i := range 500 {
			fmt.Fprintf(&log, "17723232%02d.5\t10.0.0.%d\tx%d\n", i%100, i%9, i%3)
		}
	}
	in := source.Bytes("conn.log", log.Bytes())
	open := func(string) (io.ReadSeekCloser, error) { return nopSeeker{bytes.NewReader(log.Bytes())}, nil }
	for _, size := range []int64{1 << 30, 4000} {
		p := planOf(t, JobCount, []source.Input{in})
		for _, whole := range []bool{false, true} {
			p.Inputs[0].Whole = whole
			var tasks [][]Split
			for _, s := range p.Splits(size) {
				tasks = append(tasks, []Split{s})
			}
			out, _, err := Local(t.Context(), p, CountJob(p, enrichment), tasks, 1, true, MapOptions{Open: open})
			if err != nil {
				t.Fatal(err)
			}
			c := NewCounted(p)
			_, err = Assemble(p, CountKinds(), bytes.NewReader(out), c.Take)
			if split := len(tasks) > 1; split != (err != nil && strings.Contains(err.Error(), "read as a whole")) {
				t.Fatalf("%d tasks: %v", len(tasks), err)
			}
			if want, _ := localTally(t, p, []source.Input{in}); err == nil && !c.Tally.Equal(want) {
				t.Fatal("other counts")
			}
		}
	}
}

type nopSeeker struct{ *bytes.Reader }

func (nopSeeker) Close() error { return nil }

// poison fails as a disk does.
type poison struct{ nopSeeker }

func (poison) Read([]byte) (int, error) { return 0, errors.New("bad sector") }

// TestPoison: a log that cannot be read fails the task, which an engine runs again; lines that cannot be read do not.
func TestPoison(t *testing.T) {
	text := append([]byte("{\"a\":1}\n\x00\xff\xfe{{{\n"), bytes.Repeat([]byte("x"), 3<<20)...)
	text = append(text, "\n{\"a\":2}\n"...)
	in := source.Bytes("a.json", text)
	p := planOf(t, JobCount, []source.Input{in})
	var out bytes.Buffer
	open := func(string) (io.ReadSeekCloser, error) { return poison{nopSeeker{bytes.NewReader(text)}}, nil }
	if err := Map(t.Context(), p, CountJob(p, enrichment), p.Splits(1<<30), NewWriter(&out), MapOptions{Open: open}); err == nil || !strings.Contains(err.Error(), "bad sector") {
		t.Errorf("reading a bad sector: %v", err)
	}
	open = func(string) (io.ReadSeekCloser, error) { return nopSeeker{bytes.NewReader(text)}, nil }
	tally, sum := localTally(t, p, []source.Input{in})
	for _, size := range []int64{1 << 30, 1 << 20, 10} {
		var tasks [][]Split
		for _, s := range p.Splits(size) {
			if size > 10 || s.Start < 100 || s.Start > int64(len(text))-100 {
				tasks = append(tasks, []Split{s})
			} else if last := &tasks[len(tasks)-1][0]; true {
				last.Length += s.Length
			}
		}
		records, _, err := Local(t.Context(), p, CountJob(p, enrichment), tasks, 1, true, MapOptions{Open: open})
		if err != nil {
			t.Fatal(err)
		}
		c := NewCounted(p)
		a, err := Assemble(p, CountKinds(), bytes.NewReader(records), c.Take)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Tally.Equal(tally) || !reflect.DeepEqual(a.Summary, sum) {
			t.Errorf("splits of %d: %+v, not %+v", size, a.Summary.Files, sum.Files)
		}
	}
}

// TestChanged: a log that has become shorter since the plan was made is an error wherever that shows; one that grows is read as far
// as it was, or as far as the engine found it.
func TestChanged(t *testing.T) {
	text := bytes.Repeat([]byte("{\"a\":1}\n"), 1000)
	in := source.Bytes("a.json", text)
	p := planOf(t, JobCount, []source.Input{in})
	count := func(splits [][]Split, now []byte) (*Assembly, error) {
		open := func(string) (io.ReadSeekCloser, error) { return nopSeeker{bytes.NewReader(now)}, nil }
		records, _, err := Local(t.Context(), p, CountJob(p, enrichment), splits, 1, true, MapOptions{Open: open})
		if err != nil {
			return nil, err
		}
		return Assemble(p, CountKinds(), bytes.NewReader(records), NewCounted(p).Take)
	}
	opened := func() (out [][]Split) {
		for _, s := range p.Splits(3000) {
			out = append(out, []Split{s})
		}
		return out
	}
	cut := func(now []byte, length int) (out [][]Split) {
		for at := 0; at < length; at += 2000 {
			lines := now[min(at, len(now)):min(at+2000, len(now))]
			out = append(out, []Split{{Start: int64(at), Length: int64(min(2000, length-at)), Lines: bytes.NewReader(lines)}})
		}
		return out
	}
	shorter := text[:4000]
	for what, splits := range map[string][][]Split{"opened by tasks": opened(), "cut by the engine": cut(shorter, len(shorter)), "cut by the engine before it shrank": cut(shorter, len(text))} {
		if _, err := count(splits, shorter); err == nil || !errors.Is(err, ErrShrunk) && !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s, a log that has shrunk: %v", what, err)
		}
	}
	longer := append(bytes.Clone(text), text[:4000]...)
	if a, err := count(opened(), longer); err != nil || a.Summary.Files[0].Records > 1001 {
		t.Errorf("a log that grows: %v", err)
	}
	if a, err := count(cut(longer, len(longer)), nil); err != nil || a.Summary.Files[0].Records != 1500 {
		t.Errorf("a log that has grown when the engine began: %v", err)
	}
}
