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

// A countRun is neighbouring rows of a file of counts: of one field, all of them parts or none, by token. Tokens stand there once for
// each hour.
type countRun struct {
	field     string
	events    bool // of the events themselves, which have no field and come first
	part      bool
	tokens, n []int64 // of the same length; tokens are uint64 by their bits, and sorted as these
}

// A countReader reads files of counts, one after another, in one goroutine. It takes whole columns from their pages, and not the
// hours.
type countReader struct {
	ends      []fieldEnd
	parts     []byte // bits, the lowest first
	tokens, n []int64
}

type fieldEnd struct {
	name string
	end  int // row behind its last
}

// runs calls f with all runs of a file, in its order. Their memory is the reader's.
func (r *countReader) runs(full string, f func(countRun)) (err error) {
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
		if err := r.load(g, int(nulls)); err != nil {
			return damaged(full, err)
		}
		if nulls > 0 {
			f(countRun{events: true, tokens: r.tokens[:nulls], n: r.n[:nulls]})
		}
		from := int(nulls)
		for _, e := range r.ends {
			for from < e.end {
				part, to := r.part(from), from+1
				for to < e.end && r.part(to) == part {
					to++
				}
				f(countRun{field: e.name, part: part, tokens: r.tokens[from:to], n: r.n[from:to]})
				from = to
			}
		}
	}
	return nil
}

func (r *countReader) part(row int) bool { return r.parts[row/8]>>(row%8)&1 != 0 }

// load reads the columns of a row group; the first nulls rows have no field.
func (r *countReader) load(g parquet.RowGroup, nulls int) error {
	chunks := g.ColumnChunks()
	rows := int(g.NumRows())
	r.ends, r.parts, r.tokens, r.n = r.ends[:0], r.parts[:0], r.tokens[:0], r.n[:0]
	at := nulls
	err := eachPage(chunks[countsLeaves.field], func(p parquet.Page) error {
		data, index := p.Data(), []int32(nil)
		if d := p.Dictionary(); d != nil {
			index, data = data.Int32(), d.Page().Data()
		}
		bytes, offsets := data.ByteArray()
		if index == nil {
			return errors.New("the fields are without a dictionary")
		}
		for i := 0; i < len(index); {
			k := index[i]
			if k < 0 || int(k) >= len(offsets)-1 {
				return errors.New("an index is outside its dictionary")
			}
			to := i + 1
			for to < len(index) && index[to] == k {
				to++
			}
			at += to - i
			r.ends = append(r.ends, fieldEnd{string(bytes[offsets[k]:offsets[k+1]]), at})
			i = to
		}
		return nil
	})
	if err != nil {
		return err
	}
	bits := 0
	err = eachPage(chunks[countsLeaves.part], func(p parquet.Page) error {
		if bits%8 != 0 {
			return errors.New("a page of bits does not end with a byte")
		}
		data := p.Data()
		r.parts = append(r.parts[:bits/8], data.Boolean()...)
		bits += int(p.NumValues())
		return nil
	})
	if err == nil {
		r.tokens, err = appendNumbers(r.tokens, chunks[countsLeaves.token])
	}
	if err == nil {
		r.n, err = appendNumbers(r.n, chunks[countsLeaves.n])
	}
	if err == nil && (at != rows || bits != rows || len(r.parts) < (rows+7)/8 || len(r.tokens) != rows || len(r.n) != rows) {
		err = errShort
	}
	return err
}

// eachPage calls f with every page of a column.
func eachPage(c parquet.ColumnChunk, f func(parquet.Page) error) error {
	pages := c.Pages()
	defer pages.Close() // they were only read
	for {
		p, err := pages.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		err = f(p)
		parquet.Release(p)
		if err != nil {
			return err
		}
	}
}

// appendNumbers appends the values of a column without nulls.
func appendNumbers(dst []int64, c parquet.ColumnChunk) ([]int64, error) {
	err := eachPage(c, func(p parquet.Page) error {
		data := p.Data()
		d := p.Dictionary()
		if d == nil {
			dst = append(dst, data.Int64()...)
			return nil
		}
		all := d.Page().Data()
		values := all.Int64()
		for _, i := range data.Int32() {
			if i < 0 || int(i) >= len(values) {
				return errors.New("an index is outside its dictionary")
			}
			dst = append(dst, values[i])
		}
		return nil
	})
	return dst, err
}
