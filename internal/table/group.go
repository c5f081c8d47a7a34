package table

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// checkGroups looks for what cannot be read before anything is.
func (x *Reader) checkGroups() error {
	for i := range x.meta.RowGroups {
		g := &x.meta.RowGroups[i]
		if len(g.Columns) != len(x.columns) || g.NumRows < 0 {
			return errStruct
		}
		for k := range g.Columns {
			c, m := x.columns[k], &g.Columns[k].MetaData
			switch {
			case g.Columns[k].CryptoMetadata.Value != nil || len(g.Columns[k].EncryptedColumnMetadata) > 0:
				return errEncrypted
			case g.Columns[k].FilePath != "":
				return errors.New("it is an index of other Parquet files; read these")
			case !knows(m.Codec):
				return c.wrong(fmt.Errorf("it is compressed with %s, which weir does not read; write the table with Snappy or Zstandard", m.Codec))
			case m.Type != c.kind || m.NumValues < 0:
				return c.wrong(errStruct)
			}
		}
	}
	return nil
}

// Table tells tables apart: it is the same for two files that say the same of themselves, and their sizes.
func (x *Reader) Table() string { return x.id }

// Groups returns how many bytes each row group has in the file, in order. They add up to no more than the file's size, whatever it says.
func (x *Reader) Groups() []int64 {
	out := make([]int64, len(x.meta.RowGroups))
	lies := x.overlap()
	for i := range out {
		if out[i] = x.groupSize(i); lies {
			out[i] = x.size / int64(len(out))
		}
	}
	return out
}

// groupSize is how many bytes a row group says that it has, which are at most those of the file.
func (x *Reader) groupSize(i int) (n int64) {
	for k := range x.meta.RowGroups[i].Columns {
		n += min(max(x.meta.RowGroups[i].Columns[k].MetaData.TotalCompressedSize, 0), x.size-n)
	}
	return n
}

// overlap reports whether row groups say that they have more bytes together than the file.
func (x *Reader) overlap() bool {
	sum := int64(0)
	for i := range x.meta.RowGroups {
		sum = addUp(sum, x.groupSize(i))
	}
	return sum > x.size
}

// Select has the reader give the rows of n row groups only, from the first-th on, counted from 0. It is called before the first Read.
func (x *Reader) Select(first, n int64) error {
	if all := int64(len(x.meta.RowGroups)); first < 0 || n < 0 || first > all || n > all-first {
		return fmt.Errorf("it has %d row groups, not %d from number %d on", all, n, first)
	}
	x.group, x.last = int(first), int(first+n)
	return nil
}

// Rows returns how many rows were read.
func (x *Reader) Rows() int64 { return x.rows }

// Lost returns what could not be read so far.
func (x *Reader) Lost() Loss { return x.lost }

// A Loss is what of a table could not be read. That of several readers of one table adds up.
type Loss struct {
	Groups int64    // row groups that are damaged
	Rows   int64    // of their rows, how many were not read, if the file says the truth
	Shown  []string // of the first of these groups, in order, what is wrong
}

// maxShown bounds what is said of groups one by one.
const maxShown = 5

// Add adds what was lost in later groups.
func (l *Loss) Add(o *Loss) {
	l.Groups, l.Rows = addUp(l.Groups, o.Groups), addUp(l.Rows, o.Rows)
	l.Shown = append(slices.Clip(l.Shown), o.Shown[:min(len(o.Shown), max(0, maxShown-len(l.Shown)))]...)
}

// addUp adds numbers that are not negative.
func addUp(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// nextGroup opens the next row group. Nothing is left of the one before, so that it does not matter whether that was read here.
func (x *Reader) nextGroup() error {
	if x.open {
		for _, c := range x.columns {
			if err := c.peek(); err != nil {
				return err
			}
			if !c.ended {
				return c.wrong(errors.New("it has more rows than the end of the file says"))
			}
		}
		x.open = false
	}
	if x.group == x.last {
		return io.EOF
	}
	g := &x.meta.RowGroups[x.group]
	x.group++
	x.left = g.NumRows
	x.memory.held, x.memory.spent = 0, 0
	ahead := min(max(readAhead/len(x.columns), minWindow), maxWindow)
	if x.lies { // the same bytes may be those of a million groups
		ahead = minWindow
	}
	for i, c := range x.columns {
		m := &g.Columns[i].MetaData
		from := m.DataPageOffset
		if d := m.DictionaryPageOffset; d > 0 && d < from {
			from = d
		}
		if from < int64(len(magic)) || from > x.size || m.TotalCompressedSize < 0 {
			return c.wrong(errStruct)
		}
		c.open(x.file, from, min(m.TotalCompressedSize, x.size-from)+from, m.NumValues, m.Codec, ahead)
	}
	x.open = true
	return nil
}

// lose notes what the error of reading a row group costs, so that the next can be read, and returns the error that ends reading.
func (x *Reader) lose(err error) error {
	switch {
	case x.file.fail != nil:
		return x.file.fail
	case err == io.EOF: // what is wrong with a page may wrap it
		return err
	}
	n := x.meta.RowGroups[x.group-1].NumRows
	x.lost.Add(&Loss{Groups: 1, Rows: x.left, Shown: []string{fmt.Sprintf("row group %d of %d after %d of its %d rows (%v)", x.group, len(x.meta.RowGroups), n-x.left, n, err)}})
	x.open, x.within, x.left = false, false, 0
	x.unpack.close() // what is there of it may be in disorder
	x.unpack = unpacker{}
	return nil
}

// intact is a file that remembers whether reading it failed: that is no damage. Nor is it if the file ends before its size.
type intact struct {
	r    io.ReaderAt
	size int64
	fail error
}

// ReadAt implements io.ReaderAt.
func (f *intact) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.r.ReadAt(p, off)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		f.fail = err
	case n < len(p) && off+int64(n) < f.size:
		f.fail = fmt.Errorf("it ends after %d of its %d bytes: it was cut off while it was read", off+int64(n), f.size)
	}
	return n, err
}
