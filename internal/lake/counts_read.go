package lake

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// countsSchema is that of a file of counts.
var countsSchema = parquet.SchemaOf(countsRow{})

var countsLeaves = struct{ field, part, token, n int }{leaf(countsSchema, "field"), leaf(countsSchema, "part"), leaf(countsSchema, "token"),
	leaf(countsSchema, "n")}

// scanCounts calls f with each row of a file of counts in its order: by field, part, token and hour, with the events themselves first,
// which have no field (nil). It reads the columns' pages, and not the hours. field is valid during the call only.
func scanCounts(full string, f func(field []byte, part bool, token, n uint64)) (err error) {
	file, p, err := openParquet(full)
	if err != nil {
		return err
	}
	defer file.Close()
	defer func() { // the library panics on some damaged files
		if x := recover(); x != nil {
			err = damaged(full, fmt.Errorf("%v", x))
		}
	}()
	if !parquet.SameNodes(p.Schema(), countsSchema) {
		return damaged(full, errors.New("its columns are not those of counts"))
	}
	for i, g := range p.RowGroups() {
		nulls := p.Metadata().RowGroups[i].Columns[countsLeaves.field].MetaData.Statistics.NullCount
		if err := scanCountsGroup(g, nulls, f); err != nil {
			return damaged(full, err)
		}
	}
	return nil
}

func scanCountsGroup(g parquet.RowGroup, nulls int64, f func(field []byte, part bool, token, n uint64)) error {
	chunks := g.ColumnChunks()
	field, token, n := newCursor(chunks[countsLeaves.field], false), newCursor(chunks[countsLeaves.token], true), newCursor(chunks[countsLeaves.n], true)
	part := &bits{pages: chunks[countsLeaves.part].Pages()}
	defer func() {
		for _, c := range []*cursor{field, token, n} {
			c.close()
		}
		part.close()
	}()
	for row := range g.NumRows() {
		var name []byte
		var err error
		if row >= nulls {
			if name, err = field.bytes(); err != nil {
				return err
			}
		}
		isPart, err := part.next()
		if err != nil {
			return err
		}
		t, err := token.int()
		if err != nil {
			return err
		}
		k, err := n.int()
		if err != nil {
			return err
		}
		f(name, isPart, uint64(t), uint64(k))
	}
	return nil
}

// bits walks over a column of truth values.
type bits struct {
	pages  parquet.Pages
	page   parquet.Page
	values []parquet.Value
	at     int
	buf    [1024]parquet.Value
	reader parquet.ValueReader
}

func (b *bits) close() {
	if b.page != nil {
		parquet.Release(b.page)
	}
	_ = b.pages.Close() // it was only read
}

func (b *bits) next() (bool, error) {
	for b.at == len(b.values) {
		if err := b.fill(); err != nil {
			return false, err
		}
	}
	v := b.values[b.at].Boolean()
	b.at++
	return v, nil
}

func (b *bits) fill() error {
	if b.reader == nil {
		page, err := b.pages.ReadPage()
		if err == io.EOF {
			return errShort
		}
		if err != nil {
			return err
		}
		if b.page != nil {
			parquet.Release(b.page)
		}
		b.page, b.reader = page, page.Values()
	}
	n, err := b.reader.ReadValues(b.buf[:])
	b.values, b.at = b.buf[:n], 0
	if err == io.EOF {
		b.reader, err = nil, nil
	}
	return err
}
