package lake

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/parquet-go/parquet-go"

	"weir/internal/count"
)

const (
	chunkRows = 1024    // handed to the Parquet writer at once
	groupRows = 1 << 16 // of a row group
	minGroup  = 1 << 14
	pageBytes = 8 << 20
	dictBytes = 1 << 20 // of a dictionary; a larger one is no gain
)

// A sourceName is what a row of a segment says of where it came from.
type sourceName struct {
	id   int64
	name string
}

// A part is the rows of one partition that one goroutine collected.
type part struct {
	rows    *rows
	day     int32 // index into rows.order
	layouts []writtenLayout
}

// A placed is a row with where it is kept and what it is sorted by.
type placed struct {
	time, line int64
	source     int32
	part       int32
	row        *row
}

// sortParts returns the rows of all parts by time, source and line.
func sortParts(parts []part) []placed {
	n := 0
	for _, p := range parts {
		n += p.rows.order[p.day].rows
	}
	out := make([]placed, 0, n)
	for i, p := range parts {
		for _, run := range p.rows.list {
			for j := range run {
				if x := &run[j]; x.day == p.day {
					out = append(out, placed{x.time, x.line, x.source, int32(i), x})
				}
			}
		}
	}
	slices.SortFunc(out, func(x, y placed) int {
		switch {
		case x.time != y.time:
			return cmp.Compare(x.time, y.time)
		case x.source != y.source:
			return cmp.Compare(x.source, y.source)
		}
		return cmp.Compare(x.line, y.line)
	})
	return out
}

// writeEvents writes the rows of one partition, and their counts, into new files. What it wrote is litter until the
// segment's row is committed. It takes the memory of the parts' counts.
func (l *Lake) writeEvents(parts []part, names []sourceName) (*Segment, error) {
	d := parts[0].rows.order[parts[0].day]
	name := l.newName()
	s := &Segment{Kind: kindEvents, Day: d.day, Path: path.Join("events", "day="+dayName(d.day), name),
		CountsPath: path.Join("counts", "day="+dayName(d.day), name), contents: map[int64]int64{}}
	for i := range parts {
		parts[i].layouts = parts[i].rows.parsedLayouts()
		if i > 0 {
			d.tally.Merge(parts[i].rows.order[parts[i].day].tally)
		}
	}
	list := sortParts(parts)
	s.Rows = int64(len(list))
	for i := range list {
		x := list[i].row
		s.contents[names[x.source].id]++
		s.Raw = s.Raw || x.rawSize >= 0
		if x.timed {
			if !s.First.Valid {
				s.First = sql.NullInt64{Int64: x.time, Valid: true}
			}
			s.Last = sql.NullInt64{Int64: x.time, Valid: true}
		}
	}
	var counted error
	var wait sync.WaitGroup
	wait.Go(func() {
		counted = l.writeFile(s.CountsPath, &s.CountsSize, &s.CountsHash, func(w io.Writer) error { return writeTally(w, d.tally) })
	})
	err := l.writeFile(s.Path, &s.Size, &s.Hash, func(w io.Writer) error { return writeParquet(w, parts, list, names) })
	wait.Wait()
	if err = cmpErr(err, counted); err != nil {
		l.discard(s)
		return nil, err
	}
	return s, nil
}

func dayName(day string) string {
	if day == "" {
		return noDay
	}
	return day
}

// discard removes files that did not become segments. What cannot be removed is swept later.
func (l *Lake) discard(list ...*Segment) {
	for _, s := range list {
		_ = os.Remove(l.path(s.Path))
		if s.CountsPath != "" {
			_ = os.Remove(l.path(s.CountsPath))
		}
	}
}

// writeFile writes a new file and makes sure that it is on the disk: its bytes, its name and its directory's name.
func (l *Lake) writeFile(name string, size *int64, sum *[]byte, write func(io.Writer) error) (err error) {
	full := l.path(name)
	if err := l.makeDirs(filepath.Dir(full)); err != nil {
		return err
	}
	f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", full, pathError(err))
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("cannot write %q: %w", full, pathError(e))
		}
		if err != nil {
			_ = os.Remove(full)
		}
	}()
	h := &hashed{w: f, sum: sha256.New()}
	out := bufio.NewWriterSize(h, 1<<18)
	if err = write(out); err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(filepath.Dir(full))
	}
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", full, pathError(err))
	}
	*size, *sum = h.n, h.sum.Sum(nil)
	return nil
}

// makeDirs makes a directory below the lake's, and makes sure of the names of those that are new.
func (l *Lake) makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make directory %q: %w", dir, pathError(err))
	}
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		if err := syncDir(d); err != nil {
			return fmt.Errorf("cannot make directory %q: %w", dir, pathError(err))
		}
		if d == filepath.Clean(l.Dir) || len(d) <= len(filepath.Clean(l.Dir)) {
			return nil
		}
	}
}

// hashed counts and sums up what goes through it.
type hashed struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

func (h *hashed) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.sum.Write(p[:n])
	h.n += int64(n)
	return n, err
}

func newParquetWriter(w io.Writer, s *parquet.Schema) *parquet.GenericWriter[any] {
	return parquet.NewGenericWriter[any](w, s, parquet.Compression(codec), parquet.PageBufferSize(pageBytes), parquet.DataPageStatistics(false), parquet.DataPageVersion(1), parquet.DictionaryMaxBytes(dictBytes),
		parquet.KeyValueMetadata("weir.lake", strconv.Itoa(Version)), parquet.CreatedBy("weir", strconv.Itoa(Version), ""),
		parquet.SkipPageBounds("raw"), parquet.SkipPageBounds("raw_bytes"), parquet.SkipPageBounds("layout"),
		parquet.SkipPageBounds("fields", "key_value", "value"), parquet.SkipPageBounds("ids", "key_value", "value"), parquet.SkipPageBounds("blobs", "list", "element"))
}

// A chunk is up to chunkRows rows, by column. Columns that are not lists have a place for every row, null at first.
type chunk struct {
	values [][]parquet.Value // by leaf
	rows   int
}

func newChunk() *chunk {
	c := &chunk{values: make([][]parquet.Value, leaves.all)}
	for i := range c.values {
		if !isList(i) {
			c.values[i] = make([]parquet.Value, chunkRows)
		}
	}
	return c
}

func isList(leaf int) bool {
	return leaf == leaves.key || leaf == leaves.value || leaf == leaves.idKey || leaf == leaves.id || leaf == leaves.binary
}

// flush hands the rows to the columns' writers.
func (c *chunk) flush(writers []*parquet.ColumnWriter) error {
	for i, w := range writers {
		v := c.values[i]
		if !isList(i) {
			v = v[:c.rows]
		}
		if _, err := w.WriteRowValues(v); err != nil {
			return err
		}
		if clear(v); isList(i) {
			c.values[i] = v[:0]
		}
	}
	c.rows = 0
	return nil
}

// writeParquet writes rows in the order given, a row group for each goroutine at a time.
func writeParquet(out io.Writer, parts []part, list []placed, names []sourceName) error {
	w := newParquetWriter(out, eventSchema)
	share := min(groupRows, max(minGroup, (len(list)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0)))
	for len(list) > 0 {
		var groups []*parquet.ConcurrentRowGroupWriter
		var wait sync.WaitGroup
		fails := make([]error, runtime.GOMAXPROCS(0))
		for i := range fails {
			if len(list) == 0 {
				break
			}
			n := min(share, len(list))
			g, mine := w.BeginRowGroup(), list[:n]
			groups, list = append(groups, g), list[n:]
			wait.Go(func() { fails[i] = writeGroup(g, parts, mine, names) })
		}
		wait.Wait()
		for i, g := range groups {
			if fails[i] != nil {
				return fails[i]
			}
			if _, err := g.Commit(); err != nil {
				return err
			}
		}
	}
	return w.Close()
}

func writeGroup(g *parquet.ConcurrentRowGroupWriter, parts []part, list []placed, names []sourceName) error {
	writers := g.ColumnWriters()
	c := newChunk()
	for i := range list {
		x := &list[i]
		p := &parts[x.part]
		c.add(p.rows, x.row, &p.layouts[x.row.layout], names[x.source])
		if c.rows == chunkRows || i == len(list)-1 {
			if err := c.flush(writers); err != nil {
				return err
			}
		}
	}
	for _, w := range writers { // compresses; committing the row group would do that too, but one after another
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// A writtenLayout is a layout with what a writer needs of it: values made once.
type writtenLayout struct {
	text   parquet.Value
	flags  int
	fields []writtenField
}

type writtenField struct {
	place  int8
	column int
	key    parquet.Value // for a map
}

func (b *rows) parsedLayouts() []writtenLayout {
	out := make([]writtenLayout, len(b.layouts))
	for i, text := range b.layouts {
		l, ok := parseLayout(text)
		if !ok {
			panic("BUG: layout " + strconv.Quote(text))
		}
		flags, _ := parseFlags(text) // parseLayout did
		out[i] = writtenLayout{flags: flags, text: parquet.ByteArrayValue([]byte(text)), fields: make([]writtenField, len(l.fields))}
		times := map[string]int{}
		for j, f := range l.fields {
			w := &out[i].fields[j]
			w.place, w.column = f.place, f.column
			times[f.name]++
			if f.place != inMap && f.place != inIDs {
				continue
			}
			key := f.name
			if n := times[f.name]; n > 1 {
				key += "[" + strconv.Itoa(n) + "]"
			}
			w.key = parquet.ByteArrayValue([]byte(key))
		}
	}
	return out
}

// set gives the row its value in a column that may be null.
func (c *chunk) set(leaf int, v parquet.Value) {
	v.SetDefinitionLevel(1)
	c.values[leaf][c.rows] = v
}

// put adds a value to a list of the row.
func (c *chunk) put(leaf int, v parquet.Value, first, null bool) {
	if !first {
		v.SetRepetitionLevel(1)
	}
	if !null {
		v.SetDefinitionLevel(1)
	}
	c.values[leaf] = append(c.values[leaf], v)
}

// add appends one row to the columns.
func (c *chunk) add(b *rows, x *row, l *writtenLayout, source sourceName) {
	if x.timed {
		c.set(leaves.time, parquet.Int64Value(x.time))
	}
	c.values[leaves.dataset][c.rows] = text(b.sets[x.dataset])
	c.values[leaves.file][c.rows] = text(source.name)
	c.values[leaves.line][c.rows] = parquet.Int64Value(x.line)
	c.values[leaves.source][c.rows] = parquet.Int64Value(source.id)
	c.values[leaves.layout][c.rows] = l.text
	firstInMap, firstInIDs, firstInList := true, true, true
	p := b.arena.from(x.at)
	for i := range l.fields {
		f := &l.fields[i]
		n, size := binary.Uvarint(p)
		v := p[size : size+int(n)]
		p = p[size+int(n):]
		switch f.place {
		case inColumn:
			if columns[f.column].number {
				number, _ := parseNumber(v) // it is one: see rows.add
				c.set(leaves.fields[f.column], parquet.Int64Value(number))
			} else {
				c.set(leaves.fields[f.column], parquet.ByteArrayValue(v))
			}
		case inMap:
			c.put(leaves.key, f.key, firstInMap, false)
			c.put(leaves.value, parquet.ByteArrayValue(v), firstInMap, false)
			firstInMap = false
		case inIDs:
			c.put(leaves.idKey, f.key, firstInIDs, false)
			c.put(leaves.id, parquet.ByteArrayValue(v), firstInIDs, false)
			firstInIDs = false
		default:
			c.put(leaves.binary, parquet.ByteArrayValue(v), firstInList, false)
			firstInList = false
		}
	}
	if firstInMap {
		c.put(leaves.key, parquet.Value{}, true, true)
		c.put(leaves.value, parquet.Value{}, true, true)
	}
	if firstInIDs {
		c.put(leaves.idKey, parquet.Value{}, true, true)
		c.put(leaves.id, parquet.Value{}, true, true)
	}
	if firstInList {
		c.put(leaves.binary, parquet.Value{}, true, true)
	}
	raw := p[:max(0, x.rawSize)]
	if l.flags&flagPieces == 0 {
		c.addRaw(l, raw)
	} else if x.template >= 0 {
		c.addPieces(b.temps[x.template], raw)
	} else {
		n := -1 - x.template
		c.addPieces(raw[:n], raw[n:])
	}
	c.rows++
}

// addPieces adds the line as what the values leave of it (pieces.go).
func (c *chunk) addPieces(template, digits []byte) {
	c.set(leaves.template, parquet.ByteArrayValue(template))
	c.set(leaves.digits, parquet.ByteArrayValue(digits))
}

// addRaw adds the line as it is.
func (c *chunk) addRaw(l *writtenLayout, raw []byte) {
	switch {
	case l.flags&flagRaw != 0:
		c.set(leaves.raw, parquet.ByteArrayValue(raw))
	case l.flags&flagRawBytes != 0:
		c.set(leaves.rawBytes, parquet.ByteArrayValue(raw))
	}
}

// text returns s as a value.
func text(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) }

// countsRow is a row of a file of counts.
type countsRow struct {
	Field *string `parquet:"field,optional,dict"` // nil for the events themselves
	Part  bool    `parquet:"part"`
	Hour  int32   `parquet:"hour,dict"`
	Token uint64  `parquet:"token,delta"`
	N     uint64  `parquet:"n,dict"`
}

// writeTally writes counts, ordered by field, part, token and hour: equal counts are equal bytes.
func writeTally(out io.Writer, t *count.Tally) error {
	w := parquet.NewGenericWriter[countsRow](out, parquet.Compression(codec), parquet.PageBufferSize(pageBytes),
		parquet.KeyValueMetadata("weir.lake", strconv.Itoa(Version)), parquet.CreatedBy("weir", strconv.Itoa(Version), ""))
	var batch []countsRow
	for hour, n := range t.Events {
		if n > 0 {
			batch = append(batch, countsRow{Hour: int32(hour), N: n})
		}
	}
	for _, name := range t.Names() {
		for _, c := range t.Field(name).Cells() {
			batch = append(batch, countsRow{Field: &name, Part: c.Part, Hour: int32(c.Hour), Token: c.Token, N: c.N})
			if len(batch) == 8*chunkRows {
				if _, err := w.Write(batch); err != nil {
					return err
				}
				batch = batch[:0]
			}
		}
	}
	if _, err := w.Write(batch); err != nil {
		return err
	}
	return w.Close()
}

// syncDir makes sure of the names in a directory.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
