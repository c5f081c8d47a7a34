package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// some is a field of a description that is there.
func some[T any](v T) thrift.Null[T] { return thrift.Null[T]{V: v, Valid: true} }

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A forged is a file with one row group, of which each part can be a lie.
type forged struct {
	schema []format.SchemaElement
	chunks []chunk
	rows   int64
}

type chunk struct {
	kind   format.Type
	codec  format.CompressionCodec
	values int64
	pages  []byte
}

func column1(name string, kind format.Type, rep format.FieldRepetitionType) format.SchemaElement {
	return format.SchemaElement{Name: name, Type: some(kind), RepetitionType: some(rep)}
}

func top(children int) format.SchemaElement {
	return format.SchemaElement{Name: "top", NumChildren: some(int32(children))}
}

func (f *forged) file(t testing.TB) []byte {
	t.Helper()
	out := []byte(magic)
	m := &format.FileMetaData{Version: 1, Schema: f.schema, NumRows: f.rows}
	g := format.RowGroup{NumRows: f.rows}
	for _, c := range f.chunks {
		g.Columns = append(g.Columns, format.ColumnChunk{MetaData: format.ColumnMetaData{Type: c.kind, Codec: c.codec, NumValues: c.values,
			DataPageOffset: int64(len(out)), TotalCompressedSize: int64(len(c.pages))}})
		out = append(out, c.pages...)
	}
	m.RowGroups = append(m.RowGroups, g)
	return withFooter(out, marshal(t, m))
}

func withFooter(body, footer []byte) []byte {
	body = append(body, footer...)
	return append(binary.LittleEndian.AppendUint32(body, uint32(len(footer))), magic...)
}

// page is a data page of version 1 with n values.
func page(t testing.TB, n int32, size int32, body []byte) []byte {
	t.Helper()
	return append(marshal(t, &format.PageHeader{Type: format.DataPage, UncompressedPageSize: size, CompressedPageSize: int32(len(body)),
		DataPageHeader: some(format.DataPageHeader{NumValues: n, Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})}), body...)
}

// runs are levels: n times the same, with their length before them.
func runs(n uint64, level byte) []byte {
	b := append(binary.AppendUvarint(nil, n<<1), level)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// peak runs f and returns by how much more memory was in use at the end than before, roughly, in MiB.
func peak(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc-before.TotalAlloc) >> 20
}

// TestRunsAreNotLaidOut: twenty bytes stand for two thousand million rows, or values of a row.
func TestRunsAreNotLaidOut(t *testing.T) {
	const n = 1<<31 - 1
	nulls := runs(n, 0)
	f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.Int32, format.Optional)}, rows: n,
		chunks: []chunk{{format.Int32, format.Uncompressed, n, page(t, n, int32(len(nulls)), nulls)}}}
	b := f.file(t)
	if mib := peak(func() {
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), maxLine)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.CopyN(io.Discard, r, 3<<20); err != nil || got != 3<<20 || r.Rows() < 1<<20 {
			t.Errorf("%d bytes, %d rows, %v", got, r.Rows(), err)
		}
	}); mib > 16 {
		t.Errorf("it took %d MiB", mib)
	}

	list := slices.Concat(append(binary.LittleEndian.AppendUint32(nil, 8), 2, 0, 0xfc, 0xff, 0xff, 0xff, 0x0f, 1), runs(n, 0)) // the first begins the row
	f = &forged{schema: []format.SchemaElement{top(1), column1("a", format.Int32, format.Repeated)}, rows: 1,
		chunks: []chunk{{format.Int32, format.Uncompressed, n, page(t, n, int32(len(list)), list)}}}
	if mib := peak(func() {
		if _, err := read(f.file(t), maxLine); err == nil {
			t.Error("a row of two thousand million empty lists is none")
		}
	}); mib > 16 {
		t.Errorf("it took %d MiB", mib)
	}
}

// TestManyElements: what a row has is bounded.
func TestManyElements(t *testing.T) {
	const n = 20 << 20
	reps := append(binary.LittleEndian.AppendUint32(nil, 7), 2, 0) // one that begins the row
	more := append(binary.AppendUvarint(nil, (n-1)<<1), 1)
	reps = append(reps, more...)
	binary.LittleEndian.PutUint32(reps, uint32(len(reps)-4))
	dictionary := marshal(t, &format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: 4, CompressedPageSize: 4,
		DictionaryPageHeader: some(format.DictionaryPageHeader{NumValues: 1, Encoding: format.Plain})})
	dictionary = append(dictionary, 7, 0, 0, 0)
	body := slices.Concat(reps, runs(n, 1), []byte{0})
	data := marshal(t, &format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(len(body)), CompressedPageSize: int32(len(body)),
		DataPageHeader: some(format.DataPageHeader{NumValues: n, Encoding: format.RLEDictionary, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})})
	f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.Int32, format.Repeated)}, rows: 1,
		chunks: []chunk{{format.Int32, format.Uncompressed, n, slices.Concat(dictionary, data, body)}}}
	if mib := peak(func() {
		if _, err := read(f.file(t), maxLine); err == nil || !strings.Contains(err.Error(), errManyValues.Error()) {
			t.Errorf("%v", err)
		}
	}); mib > 16 {
		t.Errorf("it took %d MiB", mib)
	}
}

// TestBombs: a page that claims to be large is not made before its data are there, and what is larger than it says is damaged.
func TestBombs(t *testing.T) {
	zeros := snappy.Encode(nil, make([]byte, 8<<20))
	for name, p := range map[string][]byte{
		"claims 2 GiB":      page(t, 10, 1<<31-1, zeros),
		"claims a few":      page(t, 10, 100, zeros),
		"claims 2 GiB of n": page(t, 1<<31-1, 8<<20, zeros),
		"negative":          page(t, -1, 8<<20, zeros),
		"no snappy":         page(t, 10, 100, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}),
	} {
		for _, codec := range []format.CompressionCodec{format.Snappy, format.Gzip, format.Zstd, format.Brotli, format.Lz4Raw, format.Uncompressed} {
			f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.Int64, format.Required)}, rows: 10, chunks: []chunk{{format.Int64, codec, 10, p}}}
			b := f.file(t)
			if mib := peak(func() {
				if got, err := read(b, maxLine); err == nil || got != "" {
					t.Errorf("%s, %v: %.100q %v", name, codec, got, err)
				}
			}); mib > 40 {
				t.Errorf("%s, %v: it took %d MiB", name, codec, mib)
			}
		}
	}
	m := &memory{mostHeld: maxHeld}
	if err := m.take(maxHeld, 0); err != nil {
		t.Error(err)
	}
	if err := m.take(1, 0); err == nil {
		t.Error("memory has no bound")
	}
}

// TestCounts: a file that says a wrong number of rows or values gives those that are there, and an error.
func TestCounts(t *testing.T) {
	for _, x := range []struct {
		rows, values int64
		n            int32
		want         string
	}{{10, 10, 10, "10 "}, {9, 10, 10, "9 more rows"}, {11, 10, 10, "10 fewer rows"}, {1 << 62, 10, 10, "10 fewer"}, {10, 9, 10, "0 more values"}, {10, 1 << 62, 10, "10 fewer values"},
		{11, 11, 11, "10 fewer values"}, {-1, 10, 10, "0 damaged"}, {10, -1, 10, "0 damaged"}} {
		f := &forged{schema: []format.SchemaElement{top(1), column1("a", format.Int64, format.Required)}, rows: x.rows,
			chunks: []chunk{{format.Int64, format.Uncompressed, x.values, page(t, x.n, 80, make([]byte, 80))}}}
		got, err := read(f.file(t), maxLine)
		n, text, _ := strings.Cut(x.want, " ")
		if fmt.Sprint(strings.Count(got, "\n")) != n || (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %d rows, %v", x, strings.Count(got, "\n"), err)
		}
	}
}

// TestDisagreeing: columns of a list that do not fit each other are damaged.
func TestDisagreeing(t *testing.T) {
	schema := []format.SchemaElement{top(1), {Name: "l", NumChildren: some(int32(2)), RepetitionType: some(format.Repeated)},
		column1("a", format.Int32, format.Required), column1("b", format.Int32, format.Required)}
	chunkOf := func(reps ...byte) chunk {
		body := []byte{0, 0, 0, 0}
		for _, r := range reps {
			body = append(body, 2, r)
		}
		binary.LittleEndian.PutUint32(body, uint32(len(body)-4))
		body = slices.Concat(body, runs(uint64(len(reps)), 1), make([]byte, 4*len(reps)))
		return chunk{format.Int32, format.Uncompressed, int64(len(reps)), page(t, int32(len(reps)), int32(len(body)), body)}
	}
	for _, x := range []struct {
		a, b []byte
		want string
	}{{[]byte{0, 1}, []byte{0, 1}, ""}, {[]byte{0, 1}, []byte{0}, "fit"}, {[]byte{0}, []byte{0, 1}, "fit"}, {[]byte{1}, []byte{1}, "fit"}, {[]byte{0, 1, 0}, []byte{0, 0, 1}, "fit"}} {
		f := &forged{schema: schema, rows: max(1, int64(bytes.Count(x.a, []byte{0}))), chunks: []chunk{chunkOf(x.a...), chunkOf(x.b...)}}
		got, err := read(f.file(t), maxLine)
		if x.want == "" && (err != nil || got != `{"l":[{"a":0,"b":0},{"a":0,"b":0}]}`+"\n") || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%v %v: %q %v", x.a, x.b, got, err)
		}
	}
}

// TestDescriptions: what a file says of itself is taken for what it is.
func TestDescriptions(t *testing.T) {
	deep := []format.SchemaElement{top(1)}
	for range 1000 {
		deep = append(deep, format.SchemaElement{Name: "x", NumChildren: some(int32(1)), RepetitionType: some(format.Optional)})
	}
	deep = append(deep, column1("a", format.Int32, format.Optional))
	wide := []format.SchemaElement{top(100_000)}
	for range 100_000 {
		wide = append(wide, column1("a", format.Int32, format.Optional))
	}
	huge := bytes.Repeat([]byte{0x1c}, 4<<20)                                                                                       // a structure in a structure …
	claims := append([]byte{0x15, 2, 0x19, 0xfc}, 0xff, 0xff, 0xff, 0xff, 7)                                                        // a list of two thousand million
	many := slices.Concat([]byte{0x15, 2, 0x19, 0xfc}, binary.AppendUvarint(nil, 1<<20), bytes.Repeat([]byte{0}, 1<<20), []byte{0}) // of empty structures
	for name, x := range map[string]struct {
		b    []byte
		want string
	}{
		"deep":          {(&forged{schema: deep}).file(t), "nested"},
		"wide":          {(&forged{schema: wide}).file(t), "columns"},
		"no schema":     {(&forged{}).file(t), "damaged"},
		"no columns":    {(&forged{schema: []format.SchemaElement{top(0)}, rows: 1 << 60}).file(t), "without columns"},
		"lost children": {(&forged{schema: []format.SchemaElement{top(5), column1("a", format.Int32, format.Required)}}).file(t), "damaged"},
		"more children": {(&forged{schema: []format.SchemaElement{top(0), column1("a", format.Int32, format.Required)}}).file(t), "damaged"},
		"negative":      {(&forged{schema: []format.SchemaElement{top(-1), column1("a", format.Int32, format.Required)}}).file(t), "damaged"},
		"odd type":      {(&forged{schema: []format.SchemaElement{top(1), column1("a", 77, format.Required)}}).file(t), "type"},
		"no width":      {(&forged{schema: []format.SchemaElement{top(1), column1("a", format.FixedLenByteArray, format.Required)}}).file(t), "0 bytes"},
		"another type": {(&forged{schema: []format.SchemaElement{top(1), column1("a", format.Int32, format.Required)}, rows: 1, chunks: []chunk{{kind: format.Double}}}).file(t),
			"damaged"},
		"no chunk": {(&forged{schema: []format.SchemaElement{top(1), column1("a", format.Int32, format.Required)}, rows: 1}).file(t), "damaged"},
		"lzo": {(&forged{schema: []format.SchemaElement{top(1), column1("a", format.Int32, format.Required)}, chunks: []chunk{{codec: format.LZO, kind: format.Int32}}}).file(t),
			"LZO, which weir does not read"},
		"a deep structure":     {withFooter([]byte(magic), huge), "damaged"},
		"a long list":          {withFooter([]byte(magic), claims), "ends too early"},
		"a list of very many":  {withFooter([]byte(magic), many), "too many"},
		"an empty description": {withFooter([]byte(magic), nil), "ends too early"},
		"a long description":   {append([]byte(magic+"xx\xff\xff\xff\xff"), magic...), "without its end"},
		"encrypted":            {[]byte(magicEncrypted + "            " + magicEncrypted), "encrypted"},
		"encrypted end":        {[]byte(magic + "            " + magicEncrypted), "encrypted"},
		"only a beginning":     {[]byte(magic), "without its end"},
		"another end":          {[]byte(magic + "abcdefghijklm"), "without its end"},
		"nothing":              {nil, "no Parquet"},
	} {
		if mib := peak(func() {
			if _, err := read(x.b, maxLine); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%s: %v", name, err)
			}
		}); mib > 160 {
			t.Errorf("%s: it took %d MiB", name, mib)
		}
	}
}

// TestNames: whatever columns are called, lines are JSON, and one each.
func TestNames(t *testing.T) {
	f := &forged{schema: []format.SchemaElement{top(2), column1("a\n\x1b]0;\"\\\xff", format.Boolean, format.Required), column1("", format.Boolean, format.Required)}, rows: 1,
		chunks: []chunk{{format.Boolean, format.Uncompressed, 1, page(t, 1, 1, []byte{1})}, {format.Boolean, format.Uncompressed, 1, page(t, 1, 1, []byte{0})}}}
	if got, err := read(f.file(t), maxLine); err != nil || got != `{"a\n\u001b]0;\"\\`+"\ufffd"+`":true,"":false}`+"\n" {
		t.Errorf("%q %v", got, err)
	}
	f.schema[1].Name = strings.Repeat("x", 10<<20) // is not repeated in what people are told
	f.chunks[0].pages = nil
	if _, err := read(f.file(t), maxLine); err == nil || len(err.Error()) > 300 {
		t.Errorf("%v", err)
	}
}

// TestOldLists: lists and maps of old writers.
func TestOldLists(t *testing.T) {
	group := func(name string, rep format.FieldRepetitionType, kids int, kind ...deprecated.ConvertedType) format.SchemaElement {
		e := format.SchemaElement{Name: name, NumChildren: some(int32(kids)), RepetitionType: some(rep)}
		if len(kind) > 0 {
			e.ConvertedType = some(kind[0])
		}
		return e
	}
	a := column1("a", format.Boolean, format.Required)
	one := func(def byte) chunk {
		body := slices.Concat(runs(1, 0), runs(1, def), []byte{1})
		return chunk{format.Boolean, format.Uncompressed, 1, page(t, 1, int32(len(body)), body)}
	}
	for _, x := range []struct {
		schema []format.SchemaElement
		want   string
	}{
		{[]format.SchemaElement{top(1), group("l", format.Required, 1, deprecated.List), column1("element", format.Boolean, format.Repeated)}, `{"l":[true]}`},
		{[]format.SchemaElement{top(1), group("l", format.Required, 1, deprecated.List), group("list", format.Repeated, 1), a}, `{"l":[true]}`},
		{[]format.SchemaElement{top(1), group("l", format.Required, 1, deprecated.List), group("array", format.Repeated, 1), a}, `{"l":[{"a":true}]}`},
		{[]format.SchemaElement{top(1), group("l", format.Required, 1, deprecated.List), group("l_tuple", format.Repeated, 1), a}, `{"l":[{"a":true}]}`},
		{[]format.SchemaElement{top(1), group("m", format.Required, 1, deprecated.MapKeyValue), group("map", format.Repeated, 1), a}, `{"m":{"true":true}}`},
		{[]format.SchemaElement{top(1), group("g", format.Repeated, 1), a}, `{"g":[{"a":true}]}`},
	} {
		f := &forged{schema: x.schema, rows: 1, chunks: []chunk{one(1)}}
		if got, err := read(f.file(t), maxLine); err != nil || got != x.want+"\n" {
			t.Errorf("want %s: %s%v", x.want, got, err)
		}
	}
}

// TestDamaged: whatever is changed in a file, the rows that come are rows, and reading ends.
func TestDamaged(t *testing.T) {
	rows, want := records(300)
	lines := strings.SplitAfter(want, "\n")
	for _, version := range []int{1, 2} {
		good := write(t, rows, parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(version), parquet.PageBufferSize(1000), parquet.MaxRowsPerRowGroup(100))
		r := rand.New(rand.NewPCG(1, uint64(version)))
		noticed := 0
		for range 3000 {
			bad := slices.Clone(good)
			switch r.IntN(3) {
			case 0:
				bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			case 1:
				bad = bad[:r.IntN(len(bad))]
			case 2:
				for range 5 {
					bad[len(bad)-1-r.IntN(min(2000, len(bad)))] = byte(r.Uint32())
				}
			}
			got, err := read(bad, maxLine)
			if err != nil {
				noticed++
				if got != "" && !strings.HasSuffix(got, "\n") {
					t.Fatalf("half a row: %.200q", got)
				}
			}
			for i, l := range strings.SplitAfter(got, "\n") {
				if l != "" && i < len(lines) && l[0] != '{' {
					t.Fatalf("line %d: %q", i, l)
				}
			}
		}
		if noticed < 2500 {
			t.Errorf("of 3000 damages %d were noticed", noticed)
		}
	}
}

func FuzzTable(f *testing.F) {
	rows, _ := records(20)
	for _, version := range []int{1, 2} {
		for _, codec := range []parquet.WriterOption{parquet.Compression(&parquet.Uncompressed), parquet.Compression(&parquet.Zstd), parquet.Compression(&parquet.Lz4Raw)} {
			f.Add(write(f, rows, codec, parquet.DataPageVersion(version), parquet.PageBufferSize(300)))
		}
	}
	nulls := runs(1<<31-1, 0)
	f.Add((&forged{schema: []format.SchemaElement{top(1), column1("a", format.Int32, format.Optional)}, rows: 1 << 31,
		chunks: []chunk{{format.Int32, format.Uncompressed, 1 << 31, page(f, 1<<31-1, int32(len(nulls)), nulls)}}}).file(f))
	type wrapped struct {
		Records []record `parquet:"Records,list"`
	}
	f.Add(write(f, []wrapped{{rows}, {}, {rows[:1]}}, parquet.PageBufferSize(300)))
	f.Add(write(f, rows, parquet.PageBufferSize(300), parquet.MaxRowsPerRowGroup(7)))
	const most, enough = 5000, 1 << 18
	lines := func(t *testing.T, b []byte, first, n int64) (out []byte, r *Reader) {
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), most)
		if err != nil {
			return nil, nil
		}
		defer r.Close()
		r.maxElements, r.memory.mostHeld, r.memory.mostSpent = 10_000, 16<<20, 16<<20
		r.Unwrap([]string{"Records"})
		r.Add("a", "b")
		if n < 0 {
			n = int64(len(r.Groups()))
		}
		if err := r.Select(first, n); err != nil {
			t.Fatal(err)
		}
		if out, err = io.ReadAll(io.LimitReader(r, enough)); err != nil {
			t.Fatal(err)
		}
		return out, r
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, r := lines(t, b, 0, -1)
		if r == nil {
			return
		}
		for _, l := range bytes.SplitAfter(out, []byte{'\n'}) {
			if len(l) > most+2 {
				t.Fatalf("a line of %d bytes", len(l))
			}
		}
		if len(out) == enough {
			return
		}
		if len(out) > 0 && out[len(out)-1] != '\n' {
			t.Fatalf("half a line: %q", out)
		}
		if n := int64(bytes.Count(out, []byte{'\n'})); n != r.Rows() && r.records == nil {
			t.Fatalf("%d lines of %d rows", n, r.Rows())
		}
		groups := r.Groups()
		middle := int64(len(b)) % int64(len(groups)+1)
		before, x := lines(t, b, 0, middle)
		after, y := lines(t, b, middle, int64(len(groups))-middle)
		sum, more, want := x.Lost(), y.Lost(), r.Lost()
		if sum.Add(&more); !bytes.Equal(slices.Concat(before, after), out) || !reflect.DeepEqual(sum, want) {
			t.Fatalf("in two parts there are %d and %d bytes, in one %d; lost %+v, %+v", len(before), len(after), len(out), sum, want)
		}
	})
}

// TestOverlap: of a footer with many row groups that are all the same damaged bytes, each costs little.
func TestOverlap(t *testing.T) {
	type one struct {
		A string `parquet:"a"`
	}
	good := write(t, []one{{"x"}})
	x, err := NewReader(bytes.NewReader(good), int64(len(good)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	const groups = 500
	group := x.meta.RowGroups[0]
	m := &group.Columns[0].MetaData
	m.TotalCompressedSize, m.DictionaryPageOffset, m.DataPageOffset = 2<<20, 0, int64(len(magic))
	x.meta.RowGroups = slices.Repeat([]format.RowGroup{group}, groups)
	var p thrift.CompactProtocol
	footer, err := thrift.Marshal(&p, x.meta)
	if err != nil {
		t.Fatal(err)
	}
	b := slices.Concat([]byte(magic), bytes.Repeat([]byte{0xff}, 2<<20), footer)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(footer))), magic...)
	looked := 0
	r, err := NewReader(readerAt(func(p []byte, off int64) (int, error) {
		looked += len(p)
		return bytes.NewReader(b).ReadAt(p, off)
	}), int64(len(b)), maxLine)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil || len(out) > 0 || r.Lost().Groups != groups {
		t.Errorf("%d bytes, %v, %+v", len(out), err, r.Lost())
	}
	if looked > len(footer)+100+groups*minWindow {
		t.Errorf("%d bytes were read for %d row groups", looked, groups)
	}
}
