package mapreduce

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
)

// A standing job writes down of each record of a log where it stands, and what stood there.
func standingJob() *Job {
	return &Job{Name: "standing", Kinds: []Kind{{Byte: 'z', Name: "places"}}, Mapper: func(_ *event.Keys, w *Writer) (Mapper, error) {
		return &standingMapper{w: w}, nil
	}}
}

type standingMapper struct {
	w   *Writer
	err error
}

func (m *standingMapper) Event(e *event.Event, pos format.Position, raw []byte) {
	key := binary.BigEndian.AppendUint32(nil, uint32(pos.File))
	key = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(key, uint64(pos.Offset)), uint64(pos.Line))
	if err := m.w.Put('z', key, nil, fmt.Append(slices.Clip(raw), e.Dataset, e.Time)); m.err == nil {
		m.err = err
	}
}

func (m *standingMapper) Finish() error { return m.err }

// standingHandler does the same on one machine.
type standingHandler struct{ out []string }

func (h *standingHandler) Event(e *event.Event, pos format.Position, raw []byte) {
	h.out = append(h.out, fmt.Sprint(pos.File, " ", pos.Line, " ", string(raw), e.Dataset, e.Time))
}

// tableFile writes rows as a table with a row group for so many, and returns it.
func tableFile[T any](t testing.TB, name string, each int64, rows ...T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.MaxRowsPerRowGroup(each), parquet.PageBufferSize(2000))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type login struct {
	Time string `parquet:"time"`
	User string `parquet:"user"`
	N    int64  `parquet:"n"`
}

type textLine struct {
	Value string `parquet:"value"`
}

// tablesOf makes tables of many kinds in a directory, a log beside them, and returns them all.
func tablesOf(t testing.TB) []source.Input {
	t.Helper()
	dir := t.TempDir()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(8, 8))
	rows := make([]login, 1000)
	for i := range rows {
		rows[i] = login{at.Add(time.Duration(i) * time.Second).Format(time.RFC3339), fmt.Sprint("u", r.IntN(20)), r.Int64N(1000)}
		if i == 777 {
			rows[i].User = strings.Repeat("long", 1<<18) // a line of more than 1 MiB
		}
		if i%300 == 299 {
			rows[i].Time = "never"
		}
	}
	name := func(s string) string { return filepath.Join(dir, s) }
	tableFile(t, name("rows/host=web1/a.parquet"), 90, rows...)
	tableFile(t, name("one.parquet"), 5000, rows[:300]...)
	tableFile(t, name("few.parquet"), 1, rows[:5]...)
	tableFile(t, name("none.parquet"), 10, rows[:0]...)
	damaged := tableFile(t, name("damaged.parquet"), 50, rows[:700]...)
	for range 4 {
		clear(damaged[r.IntN(len(damaged)/2):][:40])
	}
	clear(damaged[4:40]) // the first row group too
	if err := os.WriteFile(name("damaged.parquet"), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	hopeless := tableFile(t, name("hopeless.parquet"), 100, rows[:300]...)
	x, err := source.Bytes("x", hopeless).Open()
	if err != nil {
		t.Fatal(err)
	}
	_, sizes := x.RowGroups()
	data := int64(4)
	for _, n := range sizes {
		data += n
	}
	clear(hopeless[4:data])
	if err := os.WriteFile(name("hopeless.parquet"), hopeless, 0o600); err != nil {
		t.Fatal(err)
	}
	zeek := []textLine{{"#separator \\x09"}, {"#path\tconn"}, {"#fields\tts\tid.orig_h\tid.resp_h\tid.resp_p\tproto\tservice"}, {"#types\ttime\taddr\taddr\tport\tenum\tstring"}}
	for i := range 900 {
		zeek = append(zeek, textLine{fmt.Sprintf("%d.5\t192.0.2.%d\t198.51.100.%d\t443\ttcp\t-", at.Unix()+int64(i), r.IntN(9), r.IntN(5))})
		if i%100 == 50 {
			zeek = append(zeek, textLine{"too\tfew"}, textLine{""})
		}
	}
	tableFile(t, name("zeek.parquet"), 70, zeek...)
	blank := make([]textLine, 70_000)
	blank[len(blank)-1].Value = "too late"
	tableFile(t, name("blank.parquet"), 10_000, blank...)
	late := make([]textLine, 100)
	late[len(late)-1].Value = "at last"
	tableFile(t, name("late.parquet"), 20, late...)
	type listed struct {
		Records []login `parquet:"Records,list"`
	}
	lists := make([]listed, 40)
	for i := range lists {
		lists[i].Records = rows[i*10 : i*10+r.IntN(10)]
	}
	tableFile(t, name("lists.parquet"), 3, lists...)
	inputs := logsOf(t, 50)[:1]
	files, err := filepath.Glob(dir + "/*.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, name("rows/host=web1/a.parquet")) {
		in, err := source.File(f)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, in)
	}
	return inputs
}

// TestTables: whatever the splits of tables, and how these are given to tasks, every record comes once, from the row where it stands, and
// the summary, with what is lost, is that of one machine.
func TestTables(t *testing.T) {
	inputs := tablesOf(t)
	p := planOf(t, "standing", inputs)
	var handlers []*standingHandler
	wantSummary, err := format.Scan(t.Context(), inputs, format.ScanOptions{Workers: 2, FileTimes: true, Options: format.Options{Zone: time.UTC}}, func(int, *event.Keys) format.Handler {
		handlers = append(handlers, &standingHandler{})
		return handlers[len(handlers)-1]
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, h := range handlers {
		want = append(want, h.out...)
	}
	slices.Sort(want)
	lost, splitTables := int64(0), 0
	for i := range wantSummary.Files {
		lost += wantSummary.Files[i].Lost.Groups
	}
	if len(want) < 2900 || lost < 6 || wantSummary.Malformed() < 5 {
		t.Fatalf("%d records, %d row groups lost, %d malformed: too few to prove anything", len(want), lost, wantSummary.Malformed())
	}
	r := rand.New(rand.NewPCG(9, 9))
	for _, size := range []int64{0, 1 << 40, 20_000, 3000, 40} {
		splits := p.Splits(size)
		for i := range p.Inputs {
			n := 0
			for _, x := range splits {
				if x.Input == i {
					n++
				}
			}
			base := filepath.Base(inputs[i].Name)
			if alone := size == 0 || size == 1<<40 || slices.Contains([]string{"one.parquet", "none.parquet", "hopeless.parquet"}, base); alone && n != 1 ||
				size == 40 && base == "a.parquet" && n != 12 || size == 40 && base == "few.parquet" && n != 5 {
				t.Errorf("%s in parts of %d bytes has %d splits", base, size, n)
			}
			if n > 1 {
				splitTables++
			}
		}
		r.Shuffle(len(splits), func(i, j int) { splits[i], splits[j] = splits[j], splits[i] })
		var tasks [][]Split
		for len(splits) > 0 {
			n := min(1+r.IntN(4), len(splits))
			tasks, splits = append(tasks, splits[:n]), splits[n:]
		}
		out, _, err := Local(t.Context(), p, standingJob(), tasks, 1+r.IntN(3), true, MapOptions{Open: openFile, Workers: 1 + r.IntN(3)})
		if err != nil {
			t.Fatal(err)
		}
		type place struct {
			pos  format.Position
			text string
		}
		var places []place
		a, err := Assemble(p, standingJob().Kinds, bytes.NewReader(out), func(x *Record) error {
			pos := format.Position{File: int(binary.BigEndian.Uint32(x.Key)), Offset: int64(binary.BigEndian.Uint64(x.Key[4:])), Line: int64(binary.BigEndian.Uint64(x.Key[12:]))}
			places = append(places, place{pos, string(x.Value)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range places {
			pos, err := a.Position(x.pos)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(pos.File, " ", pos.Line, " ", x.text))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("in parts of %d bytes: %d records, not the %d that there are, or they stand elsewhere", size, len(got), len(want))
		}
		if !reflect.DeepEqual(a.Summary, wantSummary) {
			for i := range a.Summary.Files {
				if !reflect.DeepEqual(a.Summary.Files[i], wantSummary.Files[i]) {
					t.Errorf("in parts of %d bytes:\n%+v\nnot\n%+v", size, a.Summary.Files[i], wantSummary.Files[i])
				}
			}
		}
	}
	if splitTables < 10 {
		t.Errorf("tables were split %d times", splitTables)
	}
}

// TestTableChanged: a table that was replaced since the job was planned fails the task, whatever it is now; so does a split that it has not.
func TestTableChanged(t *testing.T) {
	inputs := tablesOf(t)
	k := slices.IndexFunc(inputs, func(in source.Input) bool { return filepath.Base(in.Name) == "few.parquet" })
	one := inputs[k : k+1]
	p := planOf(t, JobCount, one)
	splits := p.Splits(1)
	count := func(p *Plan, now []byte, splits []Split) error {
		open := openFile
		if now != nil {
			open = func(string) (io.ReadSeekCloser, error) { return nopSeeker{bytes.NewReader(now)}, nil }
		}
		var out bytes.Buffer
		return Map(t.Context(), p, CountJob(p, enrichment), splits, NewWriter(&out), MapOptions{Open: open})
	}
	if err := count(p, nil, splits[1:3]); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(one[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	longer := tableFile(t, filepath.Join(t.TempDir(), "x"), 1, make([]login, 50)...)
	for what, b := range map[string][]byte{"another table": longer, "a text": bytes.Repeat([]byte("abcdefg\n"), len(table)), "a longer one": slices.Concat(table[:4], []byte{1}, table[4:]),
		"one without its end": append(bytes.Clone(table), make([]byte, 100)...)} {
		if err := count(p, b, splits[1:2]); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "few.parquet") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := count(p, table[:len(table)-1], splits[:1]); !errors.Is(err, ErrShrunk) {
		t.Errorf("a shorter one: %v", err)
	}
	for _, x := range []Split{{Start: 5, Length: 1}, {Start: 0, Length: 6}, {Start: 1, Length: 0}, {Start: 1, Length: math.MaxInt64}, {Length: 1, Lines: strings.NewReader("x\n")}} {
		if err := count(p, nil, []Split{x}); err == nil || !strings.Contains(err.Error(), "few.parquet") {
			t.Errorf("split %+v: %v", x, err)
		}
	}
	p.Inputs[0].Whole = true
	if whole := p.Splits(1); len(whole) != 1 || whole[0].Length != 5 {
		t.Errorf("a whole table has splits %+v", whole)
	}
	if err := count(p, nil, splits[1:2]); err == nil || !strings.Contains(err.Error(), "by one task") {
		t.Errorf("a part of a whole table: %v", err)
	}
}

// TestTableCutOff: a table that becomes shorter while a task reads it, or seems to, fails the task: that is no damage of a row group.
func TestTableCutOff(t *testing.T) {
	inputs := tablesOf(t)
	k := slices.IndexFunc(inputs, func(in source.Input) bool { return filepath.Base(in.Name) == "one.parquet" })
	p := planOf(t, JobCount, inputs[k:k+1])
	table, err := os.ReadFile(inputs[k].Name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	open := func(string) (io.ReadSeekCloser, error) {
		return shrinking{nopSeeker{bytes.NewReader(table)}, 1000}, nil
	}
	err = Map(t.Context(), p, CountJob(p, enrichment), p.Splits(0), NewWriter(&out), MapOptions{Open: open})
	if !errors.Is(err, ErrShrunk) || !strings.Contains(err.Error(), "one.parquet") {
		t.Error(err)
	}
}

// shrinking is a table of which there is only so much when its pages are read.
type shrinking struct {
	nopSeeker
	left int64
}

func (f shrinking) ReadAt(p []byte, off int64) (int, error) {
	if off < f.left {
		n, err := f.nopSeeker.ReadAt(p[:min(int64(len(p)), f.left-off)], off)
		if err == nil && n < len(p) {
			err = io.EOF
		}
		return n, err
	}
	return f.nopSeeker.ReadAt(p, off) // the end was read before
}

// TestTablesIncomplete: row groups that were not read, or twice, are named.
func TestTablesIncomplete(t *testing.T) {
	inputs := tablesOf(t)
	k := slices.IndexFunc(inputs, func(in source.Input) bool { return filepath.Base(in.Name) == "few.parquet" })
	p := planOf(t, JobCount, inputs[k:k+1])
	splits := p.Splits(1)
	for want, take := range map[string][]int{"beginning": {1, 2, 3, 4}, "row groups 2 to 3 are missing": {0, 1, 3, 4}, "4 of 5 row groups": {0, 1, 2, 3}, "number 2 of its row groups": {0, 1, 2, 2, 3, 4}} {
		var out bytes.Buffer
		for _, i := range take {
			if err := Map(t.Context(), p, CountJob(p, enrichment), splits[i:i+1], NewWriter(&out), MapOptions{Open: openFile}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Assemble(p, CountKinds(), &out, NewCounted(p).Take); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, not %s", take, err, want)
		}
	}
}

// TestHeaderInTable: a table of lines whose header changes on the way is refused in parts, as a log is.
func TestHeaderInTable(t *testing.T) {
	var lines []textLine
	for k := range 2 {
		lines = append(lines, textLine{fmt.Sprintf("#fields\tts\tid.orig_h\t%s", []string{"proto", "service"}[k])})
		for i := range 500 {
			lines = append(lines, textLine{fmt.Sprintf("17723232%02d.5\t10.0.0.%d\tx%d", i%100, i%9, i%3)})
		}
	}
	name := filepath.Join(t.TempDir(), "x.parquet")
	tableFile(t, name, 100, lines...)
	in, err := source.File(name)
	if err != nil {
		t.Fatal(err)
	}
	p := planOf(t, JobCount, []source.Input{in})
	for _, whole := range []bool{false, true} {
		p.Inputs[0].Whole = whole
		out, _, err := Local(t.Context(), p, CountJob(p, enrichment), each(p.Splits(1)), 1, true, MapOptions{Open: openFile})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Assemble(p, CountKinds(), bytes.NewReader(out), NewCounted(p).Take); whole != (err == nil) || !whole && !errors.Is(err, ErrHeader) {
			t.Errorf("whole %t: %v", whole, err)
		}
	}
}

// TestRuns: of very many row groups neighbours are put together, about evenly, and none is left out.
func TestRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 2000 {
		sizes := make([]int64, r.IntN(300))
		total := int64(0)
		for i := range sizes {
			sizes[i] = r.Int64N(1<<r.IntN(20) + 1)
			total += sizes[i]
		}
		most := 4 + r.IntN(100)
		runs := runsOf(sizes, most)
		var groups, bytes int64
		for _, x := range runs {
			groups += x.Groups
			bytes += x.Bytes
		}
		if groups != int64(len(sizes)) || bytes != total || len(runs) > most || len(sizes) <= most && len(runs) != len(sizes) {
			t.Fatalf("%d groups became %d runs with %d, at most %d", len(sizes), len(runs), groups, most)
		}
	}
}
