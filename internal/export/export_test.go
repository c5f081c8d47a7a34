package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// logs are lines of several blocks and formats, with bytes that are no text.
func logs() []source.Input {
	var a strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&a, "192.0.2.%d - - [25/Feb/2026:02:%02d:%02d +0000] \"GET /p/%d?q=a%%20b\xff HTTP/1.1\" 200 %d \"-\" \"curl/8\"\n", i%7, i/60%60, i%60, i%40, i)
	}
	b := `{"time":"2026-02-25T03:00:00Z","message":"a\tb\u0000","tag":["x","y"]}` + "\n" + `{"message":"no time"}` + "\n"
	return []source.Input{source.Bytes("a.log", []byte(a.String())), source.Bytes("b.json", []byte(b))}
}

func options(workers int, fine bool) Options {
	return Options{Fine: fine, Seed: uint64(workers), Enrich: func() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) },
		Scan: format.ScanOptions{Workers: workers, Blocks: source.BlockOptions{BlockSize: 4 << 10}},
		Label: func() Labeller {
			return func(_ *event.Event, pos format.Position, _ []byte) Label {
				switch {
				case pos.File == 1:
					return Unlabelled
				case pos.Line%10 == 0:
					return Bad
				}
				return Good
			}
		}}
}

// kept keeps the records.
type kept []Record

func (k *kept) Write(r *Record) error { *k = append(*k, *r); return nil }

// written exports the logs.
func written(t *testing.T, o Options, limit int) (lines, vocabulary, table []byte, records kept, s *SVMLight) {
	t.Helper()
	var l, v, p bytes.Buffer
	s = NewSVMLight(&l, limit)
	w := NewParquet(&p)
	totals, _, err := Run(context.Background(), logs(), o, s, w, &records)
	for _, e := range []error{err, s.Flush(), s.Vocabulary(&v), w.Close()} {
		if e != nil {
			t.Fatal(e)
		}
	}
	if *totals != (Totals{900, 100, 2}) {
		t.Fatalf("%+v", totals)
	}
	return l.Bytes(), v.Bytes(), p.Bytes(), records, s
}

// TestSame: the same bytes for any number of workers.
func TestSame(t *testing.T) {
	for _, fine := range []bool{false, true} {
		l, v, p, _, _ := written(t, options(1, fine), 0)
		for _, workers := range []int{2, 5} {
			l2, v2, p2, _, _ := written(t, options(workers, fine), 0)
			if !bytes.Equal(l, l2) || !bytes.Equal(v, v2) || !bytes.Equal(p, p2) {
				t.Errorf("%d workers write something else", workers)
			}
		}
		if has := bytes.Contains(v, []byte("source.ip=192.0.2.1\t")); has == fine {
			t.Errorf("fine %v: who sent the record is among the tokens: %v", fine, has)
		}
	}
}

// TestSVMLight: read with the vocabulary, every line says what its record has.
func TestSVMLight(t *testing.T) {
	l, v, _, records, _ := written(t, options(2, false), 0)
	rows := strings.Split(strings.TrimSuffix(string(v), "\n"), "\n")[1:]
	names := make([]string, len(rows)+1)
	counts := map[string][3]int{}
	for i, row := range rows {
		var index int
		var n [3]int
		c := strings.Split(row, "\t")
		if _, err := fmt.Sscan(c[0]+" "+c[2]+" "+c[3]+" "+c[4], &index, &n[0], &n[1], &n[2]); err != nil || index != i+1 || len(c) != 5 {
			t.Fatalf("%q: %v", row, err)
		}
		names[index] = c[1]
		counts[c[1]] = n
	}
	got := map[string][3]int{}
	for i, line := range strings.Split(strings.TrimSuffix(string(l), "\n"), "\n") {
		r := records[i]
		body, comment, _ := strings.Cut(line, " # ")
		if want := fmt.Sprintf("%s:%d", r.File, r.Line); comment != want {
			t.Fatalf("%q, want %q", comment, want)
		}
		f := strings.Fields(body)
		if f[0] != fmt.Sprint(int(r.Label)) {
			t.Fatalf("%q, want label %d", line, r.Label)
		}
		var tokens []string
		last := 0
		for _, x := range f[1:] {
			var index int
			if _, err := fmt.Sscanf(x, "%d:1", &index); err != nil || index <= last {
				t.Fatalf("%q: %v", line, err)
			}
			last = index
			tokens = append(tokens, names[index])
			n := got[names[index]]
			n[[]int{0, 2, 1}[r.Label+1]]++
			got[names[index]] = n
		}
		want := slices.Clone(r.Tokens)
		for k := range want {
			want[k] = oneLine(want[k])
		}
		slices.Sort(want)
		slices.Sort(tokens)
		if !slices.Equal(tokens, want) {
			t.Fatalf("%q, want %q", tokens, want)
		}
	}
	for name, n := range counts {
		if got[name] != n {
			t.Errorf("%s: counts %v, is in %v", name, n, got[name])
		}
	}
}

func TestVocabularyFull(t *testing.T) {
	l, v, _, records, s := written(t, options(2, false), 20)
	left := int64(0)
	for _, r := range records {
		left += int64(len(r.Tokens))
	}
	left -= int64(strings.Count(string(l), ":1 ")) // the comment stands after the last
	if bytes.Count(v, []byte("\n")) != 21 || s.Tokens() != 20 || s.LeftOut != left || left == 0 {
		t.Errorf("%d tokens, %d left out, want %d", s.Tokens(), s.LeftOut, left)
	}
}

// TestParquet: read back, every row is its record.
func TestParquet(t *testing.T) {
	_, _, p, records, _ := written(t, options(2, false), 0)
	rows, err := parquet.Read[row](bytes.NewReader(p), int64(len(p)))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(records) {
		t.Fatalf("%d rows, want %d", len(rows), len(records))
	}
	for i, g := range rows {
		w := records[i]
		label := map[Label]string{Good: "good", Bad: "bad"}[w.Label]
		if g.File != w.File || g.Line != w.Line || g.Dataset != w.Dataset || !slices.Equal(g.Tokens, w.Tokens) ||
			(g.Label == nil) != (label == "") || g.Label != nil && *g.Label != label ||
			(g.Time == nil) == w.HasTime || g.Time != nil && g.Time.UnixNano() != w.Time || len(g.Fields) != len(w.Fields) {
			t.Fatalf("%+v, want %+v", g, w)
		}
		for _, f := range w.Fields {
			if g.Fields[f.Name] != f.Value {
				t.Fatalf("%s: %q, want %q", f.Name, g.Fields[f.Name], f.Value)
			}
		}
	}
	last := records[len(records)-2]
	if k := slices.IndexFunc(last.Fields, func(f Field) bool { return strings.HasPrefix(f.Name, "tag") }); k < 0 {
		t.Errorf("several values of one field are gone: %+v", last.Fields)
	}
}

// TestRowGroups: a row group ends before it fills memory.
func TestRowGroups(t *testing.T) {
	var out bytes.Buffer
	w := NewParquet(&out)
	text := strings.Repeat("x", 1<<20)
	for i := range 100 {
		if err := w.Write(&Record{File: "f", Line: int64(i), Fields: []Field{{"a", text}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.RowGroups()); n != 2 {
		t.Errorf("%d row groups for 100 MiB of text, want 2", n)
	}
}

type failing struct{ after int }

func (f *failing) Write(*Record) error {
	if f.after--; f.after < 0 {
		return fmt.Errorf("the disk is full")
	}
	return nil
}

// TestFails: an error of a writer ends the export, and is the one that is told.
func TestFails(t *testing.T) {
	var failed *WriteError
	if _, _, err := Run(context.Background(), logs(), options(2, false), &failing{100}); !errors.As(err, &failed) || err.Error() != "the disk is full" {
		t.Errorf("%v", err)
	}
	if _, _, err := Run(context.Background(), []source.Input{source.Bytes("void.log", nil)}, options(2, false)); err == nil || errors.As(err, &failed) {
		t.Errorf("an empty log: %v", err)
	}
}

// TestLongValues: what is held in memory, and what a file takes, does not grow with the length of values that are never the same.
func TestLongValues(t *testing.T) {
	value := func(i int) string { return fmt.Sprintf("/%08d%s", i, strings.Repeat("a", 1<<18)) }
	var table, lines bytes.Buffer
	w, s := NewParquet(&table), NewSVMLight(&lines, 0)
	s.room = 10 << 18
	const n = 60
	for i := range n {
		r := Record{File: "f", Line: int64(i), Tokens: []string{value(i)}, Fields: []Field{{"url.path", value(i)}}}
		for _, err := range []error{w.Write(&r), s.Write(&r)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if most := n << 18 / 10; table.Len() > most {
		t.Errorf("%d bytes of Parquet for values that compress well, want at most %d", table.Len(), most)
	}
	if s.Tokens() != 9 || s.LeftOut != n-9 {
		t.Errorf("a vocabulary with room for 9 tokens has %d and left out %d", s.Tokens(), s.LeftOut)
	}
	o := options(1, false)
	var r *reader
	var log strings.Builder
	for i := range 3 {
		fmt.Fprintf(&log, "192.0.2.1 - - [25/Feb/2026:02:00:00 +0000] \"GET %s HTTP/1.1\" 200 1 \"-\" \"curl/8\"\n", value(i))
	}
	if _, err := format.Scan(context.Background(), []source.Input{source.Bytes("a.log", []byte(log.String()))}, o.Scan, func(int, *event.Keys) format.Handler {
		r = &reader{o: &o, inputs: logs(), codify: token.NewCodifier(o.Seed, o.Enrich()), queue: &queue{waiting: map[int64][]Record{}}}
		return r
	}); err != nil {
		t.Fatal(err)
	}
	used := 0
	for i := range r.names {
		text := len(strings.Join(r.names[i].names, ""))
		used += text
		if text > mostKept {
			t.Errorf("the names of a value take %d bytes in memory, want at most %d", text, mostKept)
		}
	}
	if used == 0 {
		t.Error("no names are kept")
	}
}
