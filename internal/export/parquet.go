package export

import (
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
)

// row declares the columns of a Parquet file. Its values are never made: rows are written by column, so that the fields of a record
// stay in their order, which a map would lose.
type row struct {
	File    string            `parquet:"file,dict"`
	Line    int64             `parquet:"line,delta"`
	Time    *time.Time        `parquet:"time,optional,timestamp(nanosecond)"` // UTC
	Label   *string           `parquet:"label,optional,dict"`                 // good, bad, or null
	Dataset string            `parquet:"dataset,dict"`
	Tokens  []string          `parquet:"tokens,list" parquet-element:",dict"`
	Fields  map[string]string `parquet:"fields" parquet-key:",dict"`
}

// The columns' places.
const (
	fileColumn = iota
	lineColumn
	timeColumn
	labelColumn
	datasetColumn
	tokensColumn
	keyColumn
	valueColumn
)

// Bounds of a row group, which is held in memory.
const (
	mostRows  = 100_000
	mostBytes = 64 << 20
)

// A Parquet writes records to a Parquet file with the columns file, line, time, label, dataset, tokens (a list) and fields (a
// map from names to values). It holds a group of at most 100,000 rows or 64 MiB of text in memory.
type Parquet struct {
	w     *parquet.GenericWriter[row]
	row   parquet.Row
	rows  int
	bytes int
}

// NewParquet writes to w. Of tokens and fields it writes no least and greatest values: they are as long as an attacker's values, stand
// uncompressed in the file, and those of all row groups would be held in memory.
func NewParquet(w io.Writer) *Parquet {
	return &Parquet{w: parquet.NewGenericWriter[row](w, parquet.CreatedBy("weir", "", ""), parquet.Compression(&parquet.Zstd),
		parquet.DataPageStatistics(false), parquet.SkipPageBounds("tokens", "list", "element"),
		parquet.SkipPageBounds("fields", "key_value", "key"), parquet.SkipPageBounds("fields", "key_value", "value"))}
}

// Write implements [Writer].
func (p *Parquet) Write(r *Record) error {
	p.row = p.row[:0]
	p.add(parquet.ByteArrayValue([]byte(r.File)), 0, 0, fileColumn)
	p.add(parquet.Int64Value(r.Line), 0, 0, lineColumn)
	if r.HasTime {
		p.add(parquet.Int64Value(r.Time), 0, 1, timeColumn)
	} else {
		p.add(parquet.NullValue(), 0, 0, timeColumn)
	}
	switch r.Label {
	case Good:
		p.add(parquet.ByteArrayValue([]byte("good")), 0, 1, labelColumn)
	case Bad:
		p.add(parquet.ByteArrayValue([]byte("bad")), 0, 1, labelColumn)
	default:
		p.add(parquet.NullValue(), 0, 0, labelColumn)
	}
	p.add(parquet.ByteArrayValue([]byte(r.Dataset)), 0, 0, datasetColumn)
	p.list(tokensColumn, len(r.Tokens), func(i int) string { return r.Tokens[i] })
	p.list(keyColumn, len(r.Fields), func(i int) string { return r.Fields[i].Name })
	p.list(valueColumn, len(r.Fields), func(i int) string { return r.Fields[i].Value })
	if _, err := p.w.WriteRows([]parquet.Row{p.row}); err != nil {
		return err
	}
	if p.rows++; p.rows < mostRows && p.bytes < mostBytes {
		return nil
	}
	p.rows, p.bytes = 0, 0
	return p.w.Flush()
}

// list adds the values of a repeated column; of none, that there is none.
func (p *Parquet) list(column, n int, at func(i int) string) {
	if n == 0 {
		p.add(parquet.NullValue(), 0, 0, column)
	}
	for i := range n {
		text := at(i)
		p.bytes += len(text)
		p.add(parquet.ByteArrayValue([]byte(text)), min(i, 1), 1, column)
	}
}

func (p *Parquet) add(v parquet.Value, repetition, definition, column int) {
	p.row = append(p.row, v.Level(repetition, definition, column))
}

// Close ends the file.
func (p *Parquet) Close() error { return p.w.Close() }
