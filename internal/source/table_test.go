package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// parquetOf is a table of n rows, and its lines.
func parquetOf(t testing.TB, n int) (table []byte, lines string) {
	t.Helper()
	type row struct {
		N    int64  `parquet:"n"`
		Text string `parquet:"text"`
	}
	var b bytes.Buffer
	var want strings.Builder
	w := parquet.NewGenericWriter[row](&b, parquet.MaxRowsPerRowGroup(1000))
	for i := range n {
		if _, err := w.Write([]row{{int64(i), fmt.Sprint("row ", i)}}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "{\"n\":%d,\"text\":\"row %d\"}\n", i, i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), want.String()
}

// inputs are ways to come by bytes.
func waysTo(t *testing.T, b []byte) map[string]func() Input {
	name := filepath.Join(t.TempDir(), "table.parquet")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return map[string]func() Input{
		"a file": func() Input {
			in, err := File(name)
			if err != nil {
				t.Fatal(err)
			}
			return in
		},
		"an open file": func() Input {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			in, err := Opened(name, f)
			if err != nil {
				t.Fatal(err)
			}
			return in
		},
		"bytes": func() Input { return Bytes(name, b) },
		"a reader": func() Input {
			return Reader("-", io.MultiReader(bytes.NewReader(b[:len(b)/2]), bytes.NewReader(b[len(b)/2:])))
		},
		"a pipe": func() Input {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = w.Write(b)
				w.Close()
			}()
			return Opener("-", func() (io.ReadCloser, error) { return r, nil })
		},
	}
}

func TestTable(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	table, want := parquetOf(t, 5000)
	for kind, b := range map[string][]byte{"plain": table, "gzip": gzipped(t, string(table)), "zstd": zstded(t, string(table))} {
		for way, input := range waysTo(t, b) {
			in := input()
			s, err := in.Open()
			if err != nil {
				t.Errorf("%s, %s: %v", kind, way, err)
				continue
			}
			got, err := io.ReadAll(s)
			if string(got) != want || err != nil || s.Warning() != "" || !s.Shaped() {
				t.Errorf("%s, %s: %d bytes, want %d; %v %q", kind, way, len(got), len(want), err, s.Warning())
			}
			if n := s.StoredBytes(); n < int64(len(b))/2 || n > int64(len(b)) {
				t.Errorf("%s, %s: %d of %d bytes read", kind, way, n, len(b))
			}
			if err := s.Close(); err != nil {
				t.Errorf("%s, %s: %v", kind, way, err)
			}
		}
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestTableHead: a table that comes through a pipe can be looked at, twice, and then be read.
func TestTableHead(t *testing.T) {
	table, want := parquetOf(t, 5000)
	for kind, b := range map[string][]byte{"plain": table, "gzip": gzipped(t, string(table))} {
		for way, input := range waysTo(t, b) {
			in := input()
			if way == "a pipe" {
				in.once = true
			}
			for range 2 {
				if head, whole, err := in.Head(100); err != nil || whole || string(head) != want[:100] {
					t.Errorf("%s, %s: %q %t %v", kind, way, head, whole, err)
				}
			}
			s, err := in.Open()
			if err != nil {
				t.Errorf("%s, %s: %v", kind, way, err)
				continue
			}
			if got, err := io.ReadAll(s); string(got) != want || err != nil {
				t.Errorf("%s, %s: %d bytes, want %d; %v", kind, way, len(got), len(want), err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("%s, %s: %v", kind, way, err)
			}
		}
	}
}

func TestDamagedTable(t *testing.T) {
	table, want := parquetOf(t, 5000)
	bad := slices.Clone(table)
	clear(bad[len(bad)/2 : len(bad)/2+500]) // in the third of five row groups
	rows := strings.SplitAfter(want, "\n")
	for way, input := range waysTo(t, bad) {
		s, err := input().Open()
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		got, err := io.ReadAll(s)
		s.Close()
		lost := s.Lost()
		n := 3000 - int(lost.Rows)
		if err != nil || lost.Groups != 1 || n < 2000 || n >= 3000 || string(got) != strings.Join(append(slices.Clone(rows[:n]), rows[3000:]...), "") ||
			!strings.HasPrefix(fmt.Sprint(lost.Shown), fmt.Sprintf("[row group 3 of 5 after %d of its 1000 rows (", n-2000)) {
			t.Errorf("%s: %d lines, %v, %+v", way, strings.Count(string(got), "\n"), err, lost)
		}
	}
	for what, b := range map[string][]byte{"without its end": table[:len(table)/2], "is an encrypted": append([]byte("PARE"), table...)} {
		for way, input := range waysTo(t, b) {
			in := input()
			if _, _, err := in.Head(10); err == nil || !strings.Contains(err.Error(), what) && !strings.Contains(err.Error(), "encrypted") {
				t.Errorf("%s: %v", way, err)
			}
			if _, err := in.Open(); err == nil {
				t.Errorf("%s: it is opened", way)
			}
		}
	}
}

// TestTableFails: an error of the file is no damage of the table.
func TestTableFails(t *testing.T) {
	table, _ := parquetOf(t, 5000)
	broken := errors.New("the disk is gone")
	s, err := Opener("x", func() (io.ReadCloser, error) {
		return &failingFile{section{io.NewSectionReader(bytes.NewReader(table), 0, int64(len(table)))}, broken, 4}, nil
	}).Open()
	if err == nil {
		_, err = io.ReadAll(s)
	}
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

type failingFile struct {
	section
	err   error
	reads int
}

func (f *failingFile) ReadAt(p []byte, off int64) (int, error) {
	if f.reads--; f.reads < 0 {
		return 0, f.err
	}
	return f.section.ReadAt(p, off)
}

// TestTooLargeToKeep: what is unpacked or comes through a pipe is bounded.
func TestTooLargeToKeep(t *testing.T) {
	defer func(n int64) { maxSpool = n }(maxSpool)
	table, _ := parquetOf(t, 5000)
	maxSpool = int64(len(table)) - 1
	if _, err := Bytes("x", gzipped(t, string(table))).Open(); err == nil || !strings.Contains(err.Error(), "unpack it into a file") {
		t.Errorf("%v", err)
	}
	if _, err := Bytes("x", table).Open(); err != nil {
		t.Error(err)
	}
}

// TestExpandTables: of a directory that Spark has written, the tables are read and nothing else.
func TestExpandTables(t *testing.T) {
	dir := tree(t, "t/part-0.snappy.parquet", "t/.part-0.snappy.parquet.crc", "t/_SUCCESS", "t/._SUCCESS.crc", "t/_metadata", "t/_common_metadata",
		"t/_delta_log/0.json", "t/_temporary/0/x.parquet", "t/_committed_12", "t/day=1/part-1.parquet", "t/a.orc", "t/b.avro", "t/_mine.log")
	t.Chdir(dir)
	inputs, notes, err := ExpandNotes([]string{"t"})
	var got []string
	for _, in := range inputs {
		got = append(got, filepath.ToSlash(in.Name))
	}
	if want := []string{"t/_mine.log", "t/day=1/part-1.parquet", "t/part-0.snappy.parquet"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, err)
	}
	all := strings.Join(notes, "\n")
	for _, want := range []string{"_SUCCESS", "_metadata", "_common_metadata", "_temporary", "_delta_log was left out: what Delta Lake knows", "_committed_12", "a.orc", "b.avro", "2 hidden checksums"} {
		if !strings.Contains(all, want) {
			t.Errorf("no note has %q:\n%s", want, all)
		}
	}
}

// TestExpandTableGlob: a pattern takes what stands beside tables only where it says so.
func TestExpandTableGlob(t *testing.T) {
	t.Chdir(tree(t, "t/part-0.parquet", "t/_SUCCESS", "t/_delta_log/0.json", "t/_delta_log/1.json", "t/_temporary/0/x.parquet", "t/day=1/part-1.parquet", "t/_mine/a.log"))
	for _, x := range []struct {
		pattern string
		want    []string
		notes   []string
	}{
		{"t/*", []string{"t/_mine/a.log", "t/day=1/part-1.parquet", "t/part-0.parquet"}, []string{"t/_SUCCESS was", "t/_delta_log was", "t/_temporary was"}},
		{"./t//*/*", []string{"t/_mine/a.log", "t/day=1/part-1.parquet"}, []string{"t/_delta_log was", "t/_temporary was"}},
		{"*/*/*.json", nil, []string{"t/_delta_log was"}},
		{"t/_delta*", []string{"t/_delta_log/0.json", "t/_delta_log/1.json"}, nil},
		{"t/_delta_log/*", []string{"t/_delta_log/0.json", "t/_delta_log/1.json"}, nil},
		{"t/*/_t*", nil, nil}, // nothing matches
	} {
		inputs, notes, err := ExpandNotes([]string{x.pattern})
		var got []string
		for _, in := range inputs {
			got = append(got, filepath.ToSlash(in.Name))
		}
		if (err != nil) != (x.want == nil && x.notes == nil) || !slices.Equal(got, x.want) || len(notes) != len(x.notes) {
			t.Errorf("%s: %q %q %v", x.pattern, got, notes, err)
			continue
		}
		for i, note := range notes {
			if !strings.HasPrefix(filepath.ToSlash(note), x.notes[i]) {
				t.Errorf("%s: %q", x.pattern, notes)
			}
		}
	}
	if inputs, _, err := ExpandAny([]string{"t/*"}); err != nil || len(inputs) != 7 {
		t.Errorf("%d of any kind, %v", len(inputs), err)
	}
}

// TestPartitions: columns that are only in names of directories are columns.
func TestPartitions(t *testing.T) {
	table, want := parquetOf(t, 3)
	for name, more := range map[string]string{
		"host=web1/day=2026-05-01/a%20b.parquet":           `,"host":"web1","day":"2026-05-01"}`,
		"hdfs://nn/x/n=5/user=a%22b%0A/h=/=v/part.parquet": `,"user":"a\"b\n"}`, // n is a column of the file
		"x/host=__HIVE_DEFAULT_PARTITION__/a=b.parquet":    "}",
	} {
		s, err := Bytes(name, table).Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(s); string(got) != strings.ReplaceAll(want, "}", more) || err != nil || s.Note() != "" {
			t.Errorf("%s: %s%v %s", name, got, err, s.Note())
		}
	}
	type line struct {
		Value string `parquet:"value"`
	}
	lines := written(t, line{"a"}, line{"b"})
	for name, note := range map[string]string{"x/host=web1/day=1/a.parquet": "(host=web1, day=1) is left out", "x/a.parquet": ""} {
		s, err := Bytes(name, lines).Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(s); string(got) != "a\nb\n" || err != nil || (note == "") != (s.Note() == "") || !strings.Contains(s.Note(), note) {
			t.Errorf("%s: %s%v %s", name, got, err, s.Note())
		}
	}
}

// TestTextLikeTable: a log whose first word begins as tables do is a log.
func TestTextLikeTable(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, text := range []string{"PARENT_PID,PID,NAME\n1,2,sh\n", "PAR1 is the first part\n", "PARE", "PAR1", "PARE\n", "PAR1T\xc3\xa4, x\n", "PAR1\r\n" + strings.Repeat("x\n", 200_000)} {
		for kind, b := range map[string][]byte{"plain": []byte(text), "gzip": gzipped(t, text)} {
			for way, input := range waysTo(t, b) {
				in := input()
				if way == "a pipe" {
					in.once = true
				}
				head, _, err := in.Head(4)
				if err != nil || string(head) != text[:4] {
					t.Errorf("%.20q, %s, %s: head %q, %v", text, kind, way, head, err)
				}
				s, err := in.Open()
				if err != nil {
					t.Errorf("%.20q, %s, %s: %v", text, kind, way, err)
					continue
				}
				if got, err := io.ReadAll(s); string(got) != text || err != nil || s.Shaped() {
					t.Errorf("%.20q, %s, %s: %d bytes, %v", text, kind, way, len(got), err)
				}
				s.Close()
			}
		}
	}
	// One that ends as tables do is one, though what follows its beginning may be text.
	if _, err := Bytes("x", []byte("PAR1abcdefghijklmnopqrstPAR1")).Open(); err == nil || !strings.Contains(err.Error(), "without its end") {
		t.Errorf("%v", err)
	}
}

// TestDamagedSpool: it is not the temporary file's fault if what is compressed is damaged.
func TestDamagedSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	table, _ := parquetOf(t, 5000)
	b := gzipped(t, string(table))
	bad := slices.Clone(b)
	for i := range 300 {
		bad[len(bad)/2+i] ^= 0x55
	}
	for want, b := range map[string][]byte{"the gzip data ends too early": b[:len(b)/2], "the gzip data is damaged": bad} {
		if _, err := Bytes("x", b).Open(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "TMPDIR") {
			t.Errorf("%v", err)
		}
	}
	t.Setenv("TMPDIR", "/dev/null")
	if _, err := Bytes("x", b).Open(); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("%v", err)
	}
}

// TestWrappedTable: a table whose only column is a list of records, as Spark makes of CloudTrail's files, is these records.
func TestWrappedTable(t *testing.T) {
	type record struct {
		Name string   `parquet:"eventName,optional"`
		User []string `parquet:"users,list"`
		Day  string   `parquet:"day,optional"`
	}
	type listed struct {
		Records []record `parquet:"Records,list"`
	}
	type repeated struct {
		Records []record `parquet:"Records"`
	}
	type other struct {
		Records []record `parquet:"Answers,list"`
	}
	type beside struct {
		Records []record `parquet:"Records,list"`
		More    string   `parquet:"more"`
	}
	records := [][]record{{{"a", []string{"x", "y"}, ""}, {"b", nil, "1"}}, {}, {{"c", []string{"z"}, ""}}}
	rows := make([]record, 5000)
	for i := range rows {
		rows[i].Name = fmt.Sprint(i)
	}
	lines := "{\"eventName\":\"a\",\"users\":[\"x\",\"y\"],\"host\":\"web1\"}\n{\"eventName\":\"b\",\"users\":[],\"day\":\"1\",\"host\":\"web1\"}\n\n{\"eventName\":\"c\",\"users\":[\"z\"],\"host\":\"web1\"}\n"
	var many strings.Builder
	for i := range rows {
		fmt.Fprintf(&many, "{\"eventName\":\"%d\",\"users\":[],\"host\":\"web1\"}\n", i)
	}
	whole := strings.Count(lines, "\n") - 1
	for name, x := range map[string]struct {
		b    []byte
		want string // what it is; else how many lines
		n    int
	}{
		"list":          {written(t, listed{records[0]}, listed{records[1]}, listed{records[2]}), lines, 0},
		"repeated":      {written(t, repeated{records[0]}, repeated{records[1]}, repeated{records[2]}), lines, 0},
		"many":          {written(t, listed{rows}), many.String(), 0},
		"another name":  {written(t, other{records[0]}, other{records[1]}, other{records[2]}), "", whole},
		"more than one": {written(t, beside{records[0], "m"}, beside{records[1], "m"}, beside{records[2], "m"}), "", whole},
	} {
		s, err := Bytes("day=2/host=web1/x.parquet", x.b).Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s)
		if err != nil || x.want != "" && string(got) != x.want || x.want == "" && strings.Count(string(got), "\n") != x.n {
			t.Errorf("%s: %.500s %v %s", name, got, err, s.Warning())
		}
	}
}

// TestRowGroups: a table that is read in parts is the table, whatever its lines are made of, and one that is another is not read.
func TestRowGroups(t *testing.T) {
	type listed struct {
		Records []struct{ A string } `parquet:"Records,list"`
	}
	wrapped := make([]listed, 7)
	for i := range wrapped {
		for k := range i {
			wrapped[i].Records = append(wrapped[i].Records, struct{ A string }{fmt.Sprint(i, k)})
		}
	}
	type line struct {
		Value string `parquet:"value"`
	}
	rows, _ := parquetOf(t, 5000)
	cut := slices.Clone(rows)
	clear(cut[len(cut)/2 : len(cut)/2+500])
	other, _ := parquetOf(t, 4999)
	for what, b := range map[string][]byte{"rows": rows, "damaged": cut, "records": grouped(t, 2, wrapped...), "lines": grouped(t, 1, line{"a"}, line{"b"}, line{"c"})} {
		ways := waysTo(t, b)
		for _, way := range []string{"a file", "an open file", "bytes"} {
			in := ways[way]()
			in.Name = "host=web1/x.parquet"
			s, err := in.Open()
			if err != nil {
				t.Fatal(err)
			}
			name, sizes := s.RowGroups()
			want, err := io.ReadAll(s)
			if err != nil || len(sizes) < 3 || len(want) == 0 || (what == "damaged") != (s.Lost().Groups > 0) {
				t.Fatalf("%s, %s: %v, %v, %+v", what, way, sizes, err, s.Lost())
			}
			var got []byte
			var lost Loss
			for at, n := int64(0), int64(1); at < int64(len(sizes)); at, n = at+n, min(2, int64(len(sizes))-at-n) {
				x, err := in.RowGroups(name, at, n, nil).Open()
				if err != nil {
					t.Fatal(err)
				}
				part, err := io.ReadAll(x)
				if err != nil {
					t.Fatal(err)
				}
				loss := x.Lost()
				got = append(got, part...)
				lost.Add(&loss)
				if x.Note() != s.Note() {
					t.Errorf("%s: %q, not %q", what, x.Note(), s.Note())
				}
				x.Close()
			}
			if whole := s.Lost(); !bytes.Equal(got, want) || fmt.Sprint(lost) != fmt.Sprint(whole) {
				t.Errorf("%s, %s: in parts %d bytes, else %d; lost %v and %v", what, way, len(got), len(want), lost, whole)
			}
			for who, b := range map[string][]byte{"another table": other, "a text": []byte("PAR1 is no table\n"), "nothing": nil, "a packed one": gzipped(t, string(b))} {
				var told error
				if _, err := Bytes("x", b).RowGroups(name, 0, 1, func(err error) { told = err }).Open(); !errors.Is(err, ErrOtherTable) || told != err {
					t.Errorf("%s is read for %s: %v, %v", who, what, err, told)
				}
			}
			if _, err := in.RowGroups(name, 0, int64(len(sizes))+1, nil).Open(); err == nil {
				t.Error("more row groups than there are")
			}
		}
		if s, err := ways["a reader"]().Open(); err != nil {
			t.Error(err)
		} else if name, sizes := s.RowGroups(); name != "" || sizes != nil {
			t.Errorf("what comes through a pipe has row groups %v", sizes)
		}
	}
}

// grouped is a table with a row group for so many rows.
func grouped[T any](t *testing.T, each int64, rows ...T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.MaxRowsPerRowGroup(each))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// written is a table of rows.
func written[T any](t *testing.T, rows ...T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
