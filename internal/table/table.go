// Package table reads tables in Parquet files as logs: each row is a line.
//
// [NewReader] gives the lines of a file, in the order of its rows. A row is a JSON object with the columns by name, in their order:
// groups are objects, lists arrays, maps objects; what is null is left out. So whoever reads logs of JSON reads tables. The rows of
// a table whose only column is text called value, message or the like are the lines of a text log, and given as they stand.
//
//	PAR1 │ row group │ row group … │ what there is, and where │ its length │ PAR1
//	      └ for each column: (header, page)…
//	                                 └ levels, values: compressed
//
// Of a row group each column has one page open, uncompressed, and its dictionary. Values are taken from there one by one; runs, lists
// and rows are never laid out. So memory is that of these pages, whatever the file says of its size, and it is bounded.
//
// A row group is read by itself: what comes of it, and what of it is lost where it is damaged, depends on no other, so that several
// readers may share a file ([Reader.Select]).
//
// The library decodes what a file says of itself, once a walk has found that to be of sane size ([structSize]). Pages are decoded
// here: the library lays out the values of a page before it gives the first, and of runs as many as the file claims, which are
// thousands of millions in ten bytes if whoever wrote the file wants so.
package table

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/format"
)

const (
	magic          = "PAR1"
	magicEncrypted = "PARE"
)

// Begins reports whether a file that begins with head, of HeadSize bytes where it has as many, may be a Parquet file, and be it an
// encrypted one. It is not sure where what follows is text, as in a log whose first word is PARENT: then [Ends] tells.
func Begins(head []byte) (may, sure bool) {
	if len(head) < len(magic) || !Ends(head[:len(magic)]) {
		return false, false
	}
	for _, c := range head[len(magic):min(len(head), HeadSize)] {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f { // a header begins with one of these
			return true, true
		}
	}
	return true, false
}

// HeadSize is how many bytes Begins looks at.
const HeadSize = 10

// Ends reports whether tail, the last four bytes of a file, is what Parquet files end with.
func Ends(tail []byte) bool { return string(tail) == magic || string(tail) == magicEncrypted }

// How much is made at once, about: whoever reads can stop in between.
const (
	linesAtOnce = 64 << 10  // bytes of lines
	spentAtOnce = 256 << 20 // bytes of pages and values
	stepsAtOnce = 4 << 20   // columns of rows, elements of lists
)

// A Reader gives the rows of a table as lines, each with a line end. It belongs to one goroutine.
type Reader struct {
	file    *intact
	size    int64
	meta    *format.FileMetaData
	id      string
	top     *node
	columns []*column
	log     bool   // rows are lines as they stand
	records *node  // the only column, repeated, whose elements are lines; nil where rows are
	record  *node  // an element of it
	within  bool   // a line of the row was made, and more follow
	added   []byte // members that end each object
	maxLine int
	memory  memory
	unpack  unpacker

	group int   // row group that is read, counted from 1
	last  int   // the last that is wanted
	open  bool  // it can be read on in
	lies  bool  // row groups overlap
	left  int64 // rows of it that are not read
	rows  int64
	lost  Loss
	buf   []byte
	out   []byte // the part of buf that was not given yet
	start int    // of the row that is made in buf

	maxElements  int // that a row may have
	elementsLeft int // that this one may have
	err          error
}

// NewReader returns the rows of a Parquet file of size bytes. Of a line that is longer than maxLine, the first maxLine+1 bytes are given, so
// that readers find it too long. The error is that of r, or says why the file cannot be read at all, so that a user knows what to do.
func NewReader(r io.ReaderAt, size int64, maxLine int) (x *Reader, err error) {
	defer recoverTo(&err)
	var head [4]byte
	if _, err := r.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch string(head[:]) {
	case magic:
	case magicEncrypted:
		return nil, errEncrypted
	default:
		return nil, errors.New("it is no Parquet file")
	}
	x = &Reader{file: &intact{r: r, size: size}, size: size, maxLine: maxLine, maxElements: maxElements, memory: memory{mostHeld: maxHeld, mostSpent: maxSpent}}
	if x.meta, x.id, err = readFooter(r, size); err != nil {
		return nil, err
	}
	x.last = len(x.meta.RowGroups)
	if isSegment(x.meta) {
		return nil, errSegment
	}
	if x.top, x.columns, err = newSchema(x.meta, maxLine+1); err != nil {
		return nil, err
	}
	if err := x.checkGroups(); err != nil {
		return nil, err
	}
	x.lies = x.overlap()
	for _, c := range x.columns {
		c.memory, c.unpack = &x.memory, &x.unpack
	}
	if x.log = isLog(x.top, x.columns); x.log {
		x.columns[0].append = appendLine
	}
	return x, nil
}

// Unwrap makes a line of each element, not of each row, where the only column is a list of groups under one of the given names, as Spark
// reads files that are one object around their records. What is null, or a list without elements, is an empty line. It is called before
// Add.
func (x *Reader) Unwrap(names []string) {
	if len(x.top.kids) != 1 || !slices.Contains(names, x.top.kids[0].plain) {
		return
	}
	switch k := x.top.kids[0]; {
	case k.repeated && k.shape == isGroup:
		x.records, x.record = k, k
	case k.shape == isList && !k.repeated && k.element.shape == isGroup && (k.element == k.kids[0] || !k.element.repeated):
		x.records, x.record = k.kids[0], k.element
	}
}

// Lines reports whether rows are lines of a text log, which have no columns to add others to.
func (x *Reader) Lines() bool { return x.log }

// Add adds a column that has the same text in all rows, behind those of the file. One that the file has itself, or that of a table of lines,
// is left out. It is called before the first Read.
func (x *Reader) Add(name, text string) {
	object := x.top
	if x.record != nil {
		object = x.record
	}
	if x.log || slices.ContainsFunc(object.kids, func(k *node) bool { return k.plain == name }) {
		return
	}
	x.added = append(x.added, ',')
	x.added = append(appendString(x.added, []byte(strings.ToValidUTF8(name, "\ufffd"))), ':')
	x.added = appendString(x.added, []byte(text))
}

// Close gives memory back; the file is the caller's.
func (x *Reader) Close() {
	x.unpack.close()
	x.err = errors.New("it is closed")
	x.out, x.buf = nil, nil
}

// Read implements io.Reader. Of a row group that is damaged the rows before the damage come, and then the next group ([Reader.Lost]).
// Errors are those of the file.
func (x *Reader) Read(p []byte) (int, error) {
	for len(x.out) == 0 {
		if x.err != nil {
			return 0, x.err
		}
		if err := x.make(); err != nil {
			x.buf = x.buf[:x.start] // without half a row
			x.err = x.lose(err)
		}
		x.out = x.buf
	}
	n := copy(p, x.out)
	x.out = x.out[n:]
	return n, nil
}

// make fills the buffer with lines.
func (x *Reader) make() (err error) {
	defer recoverTo(&err)
	x.buf, x.start = x.buf[:0], 0
	var spent int64
	steps := 0
	for len(x.buf) < linesAtOnce && spent < spentAtOnce && steps < stepsAtOnce {
		for x.left == 0 {
			if err := x.nextGroup(); err != nil {
				return err
			}
		}
		if err := x.line(); err != nil {
			return err
		}
		spent += x.memory.spent
		steps += x.maxElements - x.elementsLeft + len(x.columns)
		if x.start = len(x.buf); !x.within {
			x.left--
			x.rows++
		}
	}
	return nil
}

// recoverTo makes an error of a panic: the decoders of others panic on some damaged files.
func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("it is damaged: %v", p)
	}
}
