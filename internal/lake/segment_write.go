package lake

import (
	"bufio"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"weir/internal/count"
)

const (
	chunkRows = 1024    // handed to the Parquet writer at once
	groupRows = 1 << 17 // of a row group
	pageBytes = 1 << 20
	dictBytes = 1 << 20 // a larger dictionary is no gain
)

// A sourceName is what a row of a segment says of where it came from.
type sourceName struct {
	id   int64
	name string
}

// writeEvents writes the rows of one partition, and their counts, into new files. What it wrote is litter until the
// segment's row is committed.
func (l *Lake) writeEvents(b *rows, day int32, names []sourceName) (*Segment, error) {
	d := b.order[day]
	name := l.newName()
	s := &Segment{Kind: kindEvents, Day: d.day, Path: path.Join("events", "day="+dayName(d.day), name),
		CountsPath: path.Join("counts", "day="+dayName(d.day), name), contents: map[int64]int64{}}
	list := b.sorted(day)
	s.Rows = int64(len(list))
	for _, x := range list {
		s.contents[names[x.source].id]++
		s.Raw = s.Raw || x.rawSize >= 0
		if x.timed {
			if !s.First.Valid {
				s.First = sql.NullInt64{Int64: x.time, Valid: true}
			}
			s.Last = sql.NullInt64{Int64: x.time, Valid: true}
		}
	}
	err := l.writeFile(s.Path, &s.Size, &s.Hash, func(w io.Writer) error { return b.writeParquet(w, list, names) })
	if err == nil {
		err = l.writeFile(s.CountsPath, &s.CountsSize, &s.CountsHash, func(w io.Writer) error { return writeTally(w, d.tally) })
	}
	if err != nil {
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

func newParquetWriter(w io.Writer, s *parquet.Schema) *parquet.Writer {
	return parquet.NewWriter(w, s, parquet.Compression(codec), parquet.PageBufferSize(pageBytes), parquet.DataPageStatistics(false),
		parquet.KeyValueMetadata("weir.lake", strconv.Itoa(Version)), parquet.CreatedBy("weir", strconv.Itoa(Version), ""),
		parquet.SkipPageBounds("raw"), parquet.SkipPageBounds("raw_bytes"), parquet.SkipPageBounds("layout"),
		parquet.SkipPageBounds("fields", "key_value", "value"), parquet.SkipPageBounds("binary", "list", "element"))
}

// A chunk is up to chunkRows rows, by column.
type chunk struct {
	values [][]parquet.Value // by leaf
	rows   int
	seen   []int // by index into layouts of the map keys: which value of its name the last one was
}

// writeParquet writes rows in the order given.
func (b *rows) writeParquet(out io.Writer, list []*row, names []sourceName) error {
	w := newParquetWriter(out, eventSchema)
	writers := w.ColumnWriters()
	c := chunk{values: make([][]parquet.Value, leaves.all)}
	layouts := b.parsedLayouts()
	flush := func() error {
		for i, cw := range writers {
			if _, err := cw.WriteRowValues(c.values[i]); err != nil {
				return err
			}
			c.values[i] = c.values[i][:0]
		}
		c.rows = 0
		return nil
	}
	for i, x := range list {
		c.add(b, x, layouts[x.layout], names[x.source])
		if c.rows == chunkRows || i == len(list)-1 {
			if err := flush(); err != nil {
				return err
			}
		}
		if i%groupRows == groupRows-1 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return w.Close()
}

// A writtenLayout is a layout with what a writer needs of it: values made once.
type writtenLayout struct {
	text   parquet.Value
	fields []writtenField
}

type writtenField struct {
	place  int8
	column int
	key    parquet.Value // for the map
}

func (b *rows) parsedLayouts() []writtenLayout {
	out := make([]writtenLayout, len(b.layouts))
	for i, text := range b.layouts {
		l, ok := parseLayout(text)
		if !ok {
			panic("BUG: layout " + strconv.Quote(text))
		}
		out[i] = writtenLayout{text: parquet.ByteArrayValue([]byte(text)), fields: make([]writtenField, len(l.fields))}
		times := map[string]int{}
		for j, f := range l.fields {
			w := &out[i].fields[j]
			w.place, w.column = f.place, f.column
			times[f.name]++
			if f.place != inMap {
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

func (c *chunk) put(leaf int, v parquet.Value, repeated, defined int) {
	c.values[leaf] = append(c.values[leaf], v.Level(repeated, defined, leaf))
}

// add appends one row to the columns.
func (c *chunk) add(b *rows, x *row, l writtenLayout, source sourceName) {
	if x.timed {
		c.put(leaves.time, parquet.Int64Value(x.time), 0, 1)
	} else {
		c.put(leaves.time, parquet.Value{}, 0, 0)
	}
	c.put(leaves.dataset, parquet.ByteArrayValue([]byte(b.sets[x.dataset])), 0, 0)
	c.put(leaves.file, parquet.ByteArrayValue([]byte(source.name)), 0, 0)
	c.put(leaves.line, parquet.Int64Value(x.line), 0, 0)
	c.put(leaves.source, parquet.Int64Value(source.id), 0, 0)
	c.put(leaves.layout, l.text, 0, 0)
	var used uint64
	inTheMap, inTheList := 0, 0
	p := b.bytes[x.at:]
	for i := range l.fields {
		f := &l.fields[i]
		n, size := binary.Uvarint(p)
		v := p[size : size+int(n)]
		p = p[size+int(n):]
		switch f.place {
		case inColumn:
			used |= 1 << f.column
			value := parquet.ByteArrayValue(v)
			if columns[f.column].number {
				number, _ := parseNumber(v) // it is one: see rows.add
				value = parquet.Int64Value(number)
			}
			c.put(leaves.fields[f.column], value, 0, 1)
		case inMap:
			c.put(leaves.key, f.key, min(inTheMap, 1), 1)
			c.put(leaves.value, parquet.ByteArrayValue(v), min(inTheMap, 1), 1)
			inTheMap++
		default:
			c.put(leaves.binary, parquet.ByteArrayValue(v), min(inTheList, 1), 1)
			inTheList++
		}
	}
	for i := range columns {
		if used&(1<<i) == 0 {
			c.put(leaves.fields[i], parquet.Value{}, 0, 0)
		}
	}
	if inTheMap == 0 {
		c.put(leaves.key, parquet.Value{}, 0, 0)
		c.put(leaves.value, parquet.Value{}, 0, 0)
	}
	if inTheList == 0 {
		c.put(leaves.binary, parquet.Value{}, 0, 0)
	}
	c.addRaw(b, x, p)
	c.rows++
}

func (c *chunk) addRaw(b *rows, x *row, p []byte) {
	text := b.layouts[x.layout]
	flags, _ := parseFlags(text)
	for _, k := range []struct{ leaf, flag int }{{leaves.raw, flagRaw}, {leaves.rawBytes, flagRawBytes}} {
		if flags&k.flag == 0 {
			c.put(k.leaf, parquet.Value{}, 0, 0)
		} else {
			c.put(k.leaf, parquet.ByteArrayValue(p[:x.rawSize]), 0, 1)
		}
	}
}

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
