package table

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// part reads n row groups from the first-th on; −1 for all.
func part(t testing.TB, b []byte, first, n int64) (string, Loss) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n >= 0 {
		if err := r.Select(first, n); err != nil {
			t.Fatal(err)
		}
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), r.Lost()
}

// TestSelect: however a table is divided into runs of row groups, these have its rows, each once and in order, and what is lost of one
// that is damaged is the same.
func TestSelect(t *testing.T) {
	rows, want := records(300)
	good := write(t, rows, parquet.Compression(&parquet.Snappy), parquet.PageBufferSize(1000), parquet.MaxRowsPerRowGroup(40))
	r := rand.New(rand.NewPCG(5, 5))
	damaged := 0
	for i := range 400 {
		b := slices.Clone(good)
		for range min(i, 1+r.IntN(9)) {
			b[4+r.IntN(len(b)*7/10)] ^= 1 << r.IntN(8)
		}
		x, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
		if err != nil {
			continue // the end was hit
		}
		groups := x.Groups()
		all, lost := part(t, b, 0, -1)
		if i == 0 && (all != want || lost.Groups != 0 || len(groups) != 8) {
			t.Fatalf("%d groups, %d bytes, want %d, %+v", len(groups), len(all), len(want), lost)
		}
		if lost.Groups > 0 {
			damaged++
			if given := int64(strings.Count(all, "\n")); lost.Rows+given != 300 || lost.Groups > 8 || len(lost.Shown) != int(min(lost.Groups, maxShown)) {
				t.Fatalf("%d rows came, lost %+v", given, lost)
			}
		}
		var got strings.Builder
		var sum Loss
		for at := int64(0); at < int64(len(groups)); {
			n := min(r.Int64N(4), int64(len(groups))-at)
			text, loss := part(t, b, at, n)
			got.WriteString(text)
			sum.Add(&loss)
			at += n
		}
		if got.String() != all || !reflect.DeepEqual(sum, lost) {
			t.Fatalf("in parts there are %d bytes, in one %d; lost %+v, %+v", got.Len(), len(all), sum, lost)
		}
	}
	if damaged < 200 {
		t.Errorf("only %d of the files were damaged", damaged)
	}
	x, err := NewReader(bytes.NewReader(good), int64(len(good)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][2]int64{{-1, 1}, {0, -1}, {0, 9}, {8, 1}, {9, 0}, {1, math.MaxInt64}} {
		if x.Select(bad[0], bad[1]) == nil {
			t.Errorf("groups %v were taken", bad)
		}
	}
}

// TestGroupMemory: what a row group may hold is not less where others were read before.
func TestGroupMemory(t *testing.T) {
	const n = 200_000
	type wide struct{ A, B string }
	rows := make([]wide, 2)
	rows[0].A, rows[1].B = strings.Repeat("a", n), strings.Repeat("b", n)
	b := write(t, rows, parquet.MaxRowsPerRowGroup(1))
	lost := func(groups, most int64) int64 {
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Select(0, groups); err != nil {
			t.Fatal(err)
		}
		r.memory.mostHeld = most
		if _, err := io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		return r.Lost().Groups
	}
	need := int64(n)
	for need < 20*n && lost(1, need) > 0 {
		need += n / 8
	}
	if need > 20*n || lost(2, need) > 0 {
		t.Errorf("the first row group takes %d bytes, and with as many the second is not read", need)
	}
}

// TestGroups: sizes of row groups that cannot be are not taken at their word.
func TestGroups(t *testing.T) {
	f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.Int64, format.Required)}, rows: 10,
		chunks: []chunk{{format.Int64, format.Uncompressed, 10, page(t, 10, 80, make([]byte, 80))}}}
	b := f.file(t)
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Groups(); !slices.Equal(got, []int64{int64(len(f.chunks[0].pages))}) {
		t.Errorf("%v", got)
	}
	id := r.Table()
	for _, sizes := range [][]int64{{math.MaxInt64, math.MaxInt64, 1}, {-5, math.MinInt64}, {int64(len(b)), 1}} {
		r.meta.RowGroups = nil
		for _, n := range sizes {
			r.meta.RowGroups = append(r.meta.RowGroups, format.RowGroup{Columns: []format.ColumnChunk{{MetaData: format.ColumnMetaData{TotalCompressedSize: n}}}})
		}
		sum := int64(0)
		for _, n := range r.Groups() {
			if sum += n; n < 0 || sum > int64(len(b)) {
				t.Errorf("%v are %v", sizes, r.Groups())
			}
		}
	}
	for what, other := range map[string][]byte{"of other rows": (&forged{schema: f.schema, rows: 9, chunks: f.chunks}).file(t), "that is longer": slices.Concat(b[:4], []byte{0}, b[4:])} {
		if r, err := NewReader(bytes.NewReader(other), int64(len(other)), maxLine); err != nil || r.Table() == id {
			t.Errorf("a table %s is the same: %v", what, err)
		}
	}
}

// TestFileFails: an error of the file ends reading; it is no damage.
func TestFileFails(t *testing.T) {
	rows, _ := records(300)
	b := write(t, rows, parquet.MaxRowsPerRowGroup(40))
	gone := errors.New("the disk is gone")
	file := &intact{r: bytes.NewReader(b)}
	_, err := NewReader(readerAt(func(p []byte, off int64) (int, error) {
		if off > int64(len(b))/2 {
			return 0, gone
		}
		return file.ReadAt(p, off)
	}), int64(len(b)), maxLine)
	if !errors.Is(err, gone) {
		t.Fatalf("%v", err)
	}
	reads := 0
	r, err := NewReader(readerAt(func(p []byte, off int64) (int, error) {
		if reads++; reads > 30 {
			return 0, gone
		}
		return file.ReadAt(p, off)
	}), int64(len(b)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, gone) || r.Lost().Groups > 0 {
		t.Errorf("%v, %+v", err, r.Lost())
	}
	cut := int64(len(b))
	if r, err = NewReader(readerAt(func(p []byte, off int64) (int, error) { return bytes.NewReader(b[:cut]).ReadAt(p, off) }), int64(len(b)), maxLine); err != nil {
		t.Fatal(err)
	}
	cut /= 2
	if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "cut off while it was read") || r.Lost().Groups > 0 {
		t.Errorf("a file that became shorter: %v, %+v", err, r.Lost())
	}
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }
