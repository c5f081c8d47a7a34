package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// dictionaryOf is a page of a dictionary of texts.
func dictionaryOf(t testing.TB, codec format.CompressionCodec, texts ...string) []byte {
	t.Helper()
	var b []byte
	for _, s := range texts {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	size := len(b)
	if codec == format.Zstd {
		b = zstdOf(t, b)
	}
	return append(marshal(t, &format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: int32(size), CompressedPageSize: int32(len(b)),
		DictionaryPageHeader: some(format.DictionaryPageHeader{NumValues: int32(len(texts)), Encoding: format.Plain})}), b...)
}

func zstdOf(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

// indices is a data page of n values of the dictionary, with levels before them.
func indices(t testing.TB, codec format.CompressionCodec, n int, levels, index []byte) []byte {
	t.Helper()
	body := slices.Concat(levels, index)
	size := len(body)
	if codec == format.Zstd {
		body = zstdOf(t, body)
	}
	return append(marshal(t, &format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(size), CompressedPageSize: int32(len(body)),
		DataPageHeader: some(format.DataPageHeader{NumValues: int32(n), Encoding: format.RLEDictionary, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})}), body...)
}

// oneRow are the levels of a row whose list has n values.
func oneRow(n int) []byte {
	reps := append([]byte{0, 0, 0, 0, 2, 0}, append(binary.AppendUvarint(nil, uint64(n-1)<<1), 1)...)
	binary.LittleEndian.PutUint32(reps, uint32(len(reps)-4))
	return append(reps, runs(uint64(n), 1)...)
}

// TestNothingBeyondTheLine: of a row whose line is too long already, no further values are made: there may be millions, of 1 MiB each.
func TestNothingBeyondTheLine(t *testing.T) {
	const n = 1000
	var texts []string
	for i := range 20 { // more than a dictionary keeps as text
		texts = append(texts, fmt.Sprintf(`{"a%d":"%s"}`, i, strings.Repeat(`xy\n`, 1<<18-10)))
	}
	index := []byte{5}
	for i := range 18 {
		index = append(index, 2, byte(i))
	}
	index = append(index, append(binary.AppendUvarint(nil, uint64(n-18)<<1), 19)...)
	a := column1("a", format.ByteArray, format.Repeated)
	a.ConvertedType = some(deprecated.Json)
	f := &forged{schema: []format.SchemaElement{top(1), a}, rows: 1,
		chunks: []chunk{{format.ByteArray, format.Zstd, n, slices.Concat(dictionaryOf(t, format.Zstd, texts...), indices(t, format.Zstd, n, oneRow(n), index))}}}
	b := f.file(t)
	if mib := peak(func() {
		if got, err := read(b, maxLine); err != nil || len(got) != maxLine+2 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}); mib > 100 {
		t.Errorf("%d MiB were made for a line of 1 MiB", mib)
	}
	// What is skipped is looked at still.
	index[len(index)-1] = 20
	f.chunks[0].pages = slices.Concat(dictionaryOf(t, format.Zstd, texts...), indices(t, format.Zstd, n, oneRow(n), index))
	if got, err := read(f.file(t), maxLine); err == nil || !strings.Contains(err.Error(), errDictionary.Error()) || got != "" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestWideElements: each element of a list counts as often as it has columns.
func TestWideElements(t *testing.T) {
	const columns, n = 1000, 5000
	schema := []format.SchemaElement{top(1), {Name: "l", NumChildren: some(int32(columns)), RepetitionType: some(format.Repeated)}}
	f := &forged{rows: 1}
	body := oneRow(n) // of elements in which all is null
	for range columns {
		schema = append(schema, column1("a", format.Int32, format.Optional))
		f.chunks = append(f.chunks, chunk{format.Int32, format.Uncompressed, n, page(t, n, int32(len(body)), body)})
	}
	f.schema = schema
	if got, err := read(f.file(t), maxLine); err == nil || !strings.Contains(err.Error(), errManyValues.Error()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestSpent: pages that are large only when they are unpacked do not go on for ever within one row, and reading returns between rows.
func TestSpent(t *testing.T) {
	const size = 64 << 20
	empty := func(n int32) []byte {
		b := zstdOf(t, make([]byte, size))
		return append(marshal(t, &format.PageHeader{Type: format.DataPage, UncompressedPageSize: size, CompressedPageSize: int32(len(b)),
			DataPageHeader: some(format.DataPageHeader{NumValues: n, Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})}), b...)
	}
	for what, pages := range map[string][]byte{"pages of nothing": bytes.Repeat(empty(0), 40), "two dictionaries": bytes.Repeat(dictionaryOf(t, format.Zstd, "a"), 2)} {
		f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.ByteArray, format.Required)}, rows: 1, chunks: []chunk{{format.ByteArray, format.Zstd, 1, pages}}}
		if _, err := read(f.file(t), maxLine); err == nil || !strings.Contains(err.Error(), map[bool]string{true: "2048 MiB", false: "two dictionaries"}[what[0] == 'p']) {
			t.Errorf("%s: %v", what, err)
		}
	}
	f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.Int64, format.Required)}, rows: 20,
		chunks: []chunk{{format.Int64, format.Zstd, 20, bytes.Repeat(empty(1), 20)}}}
	b := f.file(t)
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1<<20)); n == 0 || r.Rows() > 5 || err != nil {
		t.Errorf("the first piece is of %d rows, %v", r.Rows(), err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil || r.Rows() != 20 {
		t.Errorf("%d rows, %v", r.Rows(), err)
	}
}

// TestDictionaryBound: memory is counted before it is taken.
func TestDictionaryBound(t *testing.T) {
	const size = 4 << 20
	f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.ByteArray, format.Required)}, rows: 1,
		chunks: []chunk{{format.ByteArray, format.Zstd, 1, slices.Concat(dictionaryOf(t, format.Zstd, make([]string, size/4)...), indices(t, format.Zstd, 1, nil, []byte{0}))}}}
	b := f.file(t)
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	r.memory.mostHeld = 2 * size
	if mib := peak(func() {
		if n, err := r.Read(make([]byte, 100)); n != 0 || err != io.EOF || !strings.Contains(fmt.Sprint(r.Lost().Shown), "8 MiB") {
			t.Errorf("%v, %v", err, r.Lost())
		}
	}); mib >= 12 {
		t.Errorf("%d MiB were taken", mib)
	}
}
