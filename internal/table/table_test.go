package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

const maxLine = 1 << 20

// read returns the lines of a file, and what reading ended with, or what was lost.
func read(b []byte, maxLine int) (string, error) {
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
	if err != nil {
		return "", err
	}
	defer r.Close()
	out, err := io.ReadAll(r)
	if lost := r.Lost(); err == nil && lost.Groups > 0 {
		err = errors.New(strings.Join(lost.Shown, "; "))
	}
	return string(out), err
}

// write returns the file that the library makes of rows.
func write[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	for len(rows) > 0 {
		n := min(len(rows), 100)
		if _, err := w.Write(rows[:n]); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type inner struct {
	Name  string   `parquet:"name,optional"`
	Ports []uint16 `parquet:"ports,list"`
}

type record struct {
	Time   time.Time         `parquet:"time,timestamp(microsecond)"`
	Source string            `parquet:"src,dict"`
	Delta  string            `parquet:"d,delta"`
	Bytes  int64             `parquet:"bytes,delta"`
	Ratio  float64           `parquet:"ratio,split"`
	OK     bool              `parquet:"ok"`
	Note   *string           `parquet:"note,optional"`
	Tags   []string          `parquet:"tags,list"`
	Old    []int32           `parquet:"old"`
	In     *inner            `parquet:"in,optional"`
	Many   []inner           `parquet:"many,list"`
	Map    map[string]string `parquet:"map"`
}

// records returns rows, and the lines that they are.
func records(n int) (rows []record, want string) {
	var b strings.Builder
	for i := range n {
		r := record{Time: time.Date(2026, 5, 1, 2, 3, 4, i*1000, time.UTC), Source: fmt.Sprint("10.0.0.", i%7), Delta: fmt.Sprintf("/some/path/%05d", i),
			Bytes: int64(i * i), Ratio: float64(i) / 8, OK: i%3 == 0}
		fmt.Fprintf(&b, `{"time":"%s","src":"%s","d":"%s","bytes":%d,"ratio":%s,"ok":%t`, r.Time.Format(time.RFC3339Nano), r.Source, r.Delta, r.Bytes,
			appendFloat(nil, r.Ratio, 64), r.OK)
		if i%2 == 0 {
			note := fmt.Sprintf("line\n\"%d\"\x1b[2J é", i)
			r.Note = &note
			fmt.Fprintf(&b, `,"note":"line\n\"%d\"\u001b[2J é"`, i)
		}
		r.Tags, r.Old = []string{}, nil
		b.WriteString(`,"tags":[`)
		for k := range i % 4 {
			r.Tags = append(r.Tags, fmt.Sprint("t", k))
			b.WriteString(comma(k) + fmt.Sprintf(`"t%d"`, k))
		}
		b.WriteString(`]`)
		for k := range i % 3 {
			r.Old = append(r.Old, int32(-k))
			b.WriteString([]string{`,"old":[`, ","}[min(k, 1)] + fmt.Sprint(-k))
		}
		if len(r.Old) > 0 {
			b.WriteString(`]`)
		}
		if i%5 == 0 {
			r.In = &inner{Ports: []uint16{uint16(i), 65535}}
			fmt.Fprintf(&b, `,"in":{"ports":[%d,65535]}`, uint16(i))
		}
		b.WriteString(`,"many":[`)
		for k := range i % 3 {
			r.Many = append(r.Many, inner{Name: fmt.Sprint("n", k), Ports: make([]uint16, k)})
			b.WriteString(comma(k) + fmt.Sprintf(`{"name":"n%d","ports":[%s]}`, k, strings.TrimSuffix(strings.Repeat("0,", k), ",")))
		}
		b.WriteString(`],"map":{`)
		if i%4 == 0 {
			r.Map = map[string]string{"k\"": fmt.Sprint(i)}
			fmt.Fprintf(&b, `"k\"":"%d"`, i)
		}
		b.WriteString("}}\n")
		rows = append(rows, r)
	}
	return rows, b.String()
}

func comma(k int) string {
	if k == 0 {
		return ""
	}
	return ","
}

// sameLines says where two texts differ first.
func sameLines(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("%d and %d lines; line %d:\n%.500q\nwant\n%.500q", len(g), len(w), i+1, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
			return
		}
	}
}

func TestRows(t *testing.T) {
	rows, want := records(3000)
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd, &parquet.Lz4Raw} {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("%v pages of version %d", codec, version), func(t *testing.T) {
				b := write(t, rows, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(2000), parquet.MaxRowsPerRowGroup(700))
				got, err := read(b, maxLine)
				if err != nil {
					t.Error(err)
				}
				sameLines(t, got, want)
			})
		}
	}
}

func TestNoRows(t *testing.T) {
	if got, err := read(write(t, []record{}), maxLine); got != "" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

// TestLog: what Spark makes of lines of text are these lines.
func TestLog(t *testing.T) {
	type text struct {
		Value *string `parquet:"value,optional"`
	}
	line := func(s string) text { return text{&s} }
	got, err := read(write(t, []text{line(`1.2.3.4 - - "GET / HTTP/1.1" 200`), {}, line("forged\nroot logs in\r\n"), line("\xff\x00 raw"), line(`{"a":1}`)}), maxLine)
	if want := "1.2.3.4 - - \"GET / HTTP/1.1\" 200\n\nforged root logs in\n\xff\x00 raw\n{\"a\":1}\n"; got != want || err != nil {
		t.Errorf("%q %v", got, err)
	}
	type two struct {
		Value string `parquet:"value"`
		Host  string `parquet:"host"`
	}
	if got, err := read(write(t, []two{{"a", "b"}}), maxLine); got != `{"host":"b","value":"a"}`+"\n" && got != `{"value":"a","host":"b"}`+"\n" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	type other struct {
		Port string `parquet:"port"`
	}
	if got, err := read(write(t, []other{{"a"}}), maxLine); got != `{"port":"a"}`+"\n" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

// TestLongLine: a row that makes too long a line is cut behind where it is too long, and the next is whole.
func TestLongLine(t *testing.T) {
	type wide struct {
		A, B string
		C    []string `parquet:",list"`
	}
	long := strings.Repeat("x", 5000)
	for _, row := range []wide{{A: long}, {B: long, A: long}, {A: strings.Repeat("x", 990), B: long}, {C: strings.Split(long, "")}} {
		got, err := read(write(t, []wide{row, {A: "next"}}), 1000)
		if err != nil {
			t.Fatal(err)
		}
		first, rest, _ := strings.Cut(got, "\n")
		if len(first) != 1001 || !strings.HasPrefix(rest, `{"A":"next"`) {
			t.Errorf("%d bytes, then %.100q", len(first), rest)
		}
	}
}

func TestSegment(t *testing.T) {
	rows, _ := records(3)
	if _, err := read(write(t, rows, parquet.KeyValueMetadata("weir.lake", "1")), maxLine); !errors.Is(err, errSegment) {
		t.Errorf("%v", err)
	}
}

// TestOthers: what pyarrow and DuckDB write, in all encodings that they have, are the lines that Python's json makes of the same rows.
func TestOthers(t *testing.T) {
	python := os.Getenv("WEIR_PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	if err := exec.Command(python, "-c", "import pyarrow, duckdb").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and %s has no pyarrow or DuckDB: %v", python, err)
		}
		t.Skip("\n\n*** SKIPPED: tables of pyarrow and DuckDB are NOT tested; set WEIR_PYTHON to a Python that has them\n\n")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, filepath.Join("testdata", "write.py"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			kind, _, _ := strings.Cut(filepath.Base(name), "-")
			want, err := os.ReadFile(filepath.Join(dir, kind+".ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(b, maxLine)
			if err != nil {
				t.Error(err)
			}
			sameLines(t, got, string(want))
		})
	}
}

func TestAdd(t *testing.T) {
	type row struct {
		A *string `parquet:"a,optional"`
	}
	a := "x"
	b := write(t, []row{{&a}, {}})
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), 40)
	if err != nil {
		t.Fatal(err)
	}
	r.Add("a", "of the file")
	r.Add("host", "web\"1")
	r.Add("day", "1")
	if got, err := io.ReadAll(r); string(got) != `{"a":"x","host":"web\"1","day":"1"}`+"\n"+`{"host":"web\"1","day":"1"}`+"\n" || err != nil {
		t.Errorf("%s%v", got, err)
	}
}
