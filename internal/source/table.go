package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"weir/internal/table"
)

// A table in a Parquet file says at its end where everything is, so it is read from any place on. Files of this machine and of HDFS can
// be, also through what opens them for a task. What comes through a pipe, or is compressed once more, is kept in a temporary file first.

// maxSpool bounds the temporary file: what is compressed may claim to be of any size.
var maxSpool int64 = 4 << 30

// openTable makes lines of the rows where the stream, whose first stored bytes are head, is a table.
func (s *Stream) openTable(head []byte) (found bool, err error) {
	if s.kind == "" {
		may, sure := table.Begins(head)
		if !may {
			return false, nil
		}
		r, size := inPlace(s.stored.r)
		if !sure && (r == nil || !endsTable(r, size)) {
			return false, nil
		}
		if r != nil {
			s.table, err = table.NewReader(&storedAt{r, &s.stored, size}, size, DefaultMaxLine)
			if s.stored.fail != nil {
				err = s.stored.fail
			}
			s.reader, s.shaped = s.table, true
			return true, err
		}
	} else if found, err = s.peekTable(); !found {
		return false, err
	}
	return true, s.spoolTable()
}

// peekTable looks whether what is compressed begins like a table.
func (s *Stream) peekTable() (bool, error) {
	head := make([]byte, table.HeadSize)
	n, err := io.ReadFull(s.reader, head)
	rest := s.reader
	if err != nil {
		if err == io.ErrUnexpectedEOF && n > 0 {
			if _, err = rest.Read(make([]byte, 1)); err == nil { // tells a short file from a damaged one
				err = io.ErrUnexpectedEOF
			}
		}
		rest = failing{err}
	}
	s.reader = io.MultiReader(bytes.NewReader(head[:n]), rest)
	_, sure := table.Begins(head[:n])
	return sure, nil
}

// endsTable reports whether a file ends as tables do.
func endsTable(r io.ReaderAt, size int64) bool {
	var tail [4]byte
	if size < 2*int64(len(tail)) {
		return false
	}
	n, _ := r.ReadAt(tail[:], size-int64(len(tail)))
	return table.Ends(tail[:n])
}

// inPlace returns a file of which any part can be read, and its size; nil where that is not so. Where it is read from does not change.
func inPlace(f io.ReadCloser) (io.ReaderAt, int64) {
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil, 0
	}
	s, ok := f.(io.Seeker)
	if !ok {
		return nil, 0
	}
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0
	}
	size, err := s.Seek(0, io.SeekEnd)
	if _, back := s.Seek(at, io.SeekStart); err != nil || back != nil || size == 0 {
		return nil, 0
	}
	return r, size
}

// spoolTable keeps the stream in a temporary file and reads the table from there.
func (s *Stream) spoolTable() error {
	k, again := s.stored.r.(*keeper)
	f, err := os.CreateTemp("", "weir-*")
	if err != nil {
		return fmt.Errorf("cannot keep the table while it is read, in TMPDIR: %w", err)
	}
	_ = os.Remove(f.Name()) // the open file stays usable
	if again {
		k.file = f
		k.bytes = bytes.Buffer{}
	} else {
		s.spool = f
	}
	from := &failure{r: s.reader}
	size, err := io.Copy(f, io.LimitReader(from, maxSpool+1))
	switch {
	case s.stored.fail != nil:
		err = s.stored.fail
	case from.err != nil:
		err = fmt.Errorf("the %s data %s (%w), and a table without its end cannot be read", s.kind, damage(from.err), from.err)
	case err != nil:
		err = fmt.Errorf("cannot keep the table while it is read, in TMPDIR: %w", err)
	case size > maxSpool:
		err = fmt.Errorf("it is a Parquet file of more than %d GiB that comes through a pipe or is compressed once more; unpack it into a file", maxSpool>>30)
	default:
		s.table, err = table.NewReader(f, size, DefaultMaxLine)
		s.reader, s.shaped = s.table, true
	}
	if err == nil {
		return nil
	}
	_ = f.Close() // it was only a copy
	if s.spool = nil; again {
		k.fail = err
	}
	return err
}

// failure remembers the error of a reader.
type failure struct {
	r   io.Reader
	err error
}

func (f *failure) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// addPartitions adds the columns that are in the names of directories only, as Spark, Hive and others divide tables: host=web1/day=2026-05-01/….
// Lines of a text log can have none: then note says which are left out.
func addPartitions(t *table.Reader, name string) (note string) {
	dirs := strings.Split(filepath.ToSlash(name), "/")
	var left []string
	for _, dir := range dirs[:len(dirs)-1] {
		column, value, ok := strings.Cut(dir, "=")
		if !ok || column == "" || value == "" || value == "__HIVE_DEFAULT_PARTITION__" {
			continue
		}
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		if t.Lines() {
			left = append(left, dir)
		}
		t.Add(column, value)
	}
	if len(left) > 0 {
		note = fmt.Sprintf("its rows are the lines of a text log, so what names of directories say (%s) is left out", strings.Join(left, ", "))
	}
	return note
}

// A Loss is what of a table could not be read.
type Loss = table.Loss

// ErrOtherTable is the error of opening row groups of what is not the table that it was.
var ErrOtherTable = errors.New("it is another file than it was")

// rowGroups are a run of them in the table that has this name.
type rowGroups struct {
	table    string
	first, n int64
	fault    func(error)
}

// RowGroups returns the input that is the rows of n row groups, from the first-th on, counted from 0, of a table that is the one that name
// says ([Stream.RowGroups]). Opening one that is not is ErrOtherTable. fault, if not nil, is told of what Open fails with.
func (in Input) RowGroups(name string, first, n int64, fault func(error)) Input {
	in.groups = &rowGroups{name, first, n, fault}
	return in
}

// openRowGroups is Open of some of a table's row groups.
func (in Input) openRowGroups() (*Stream, error) {
	s, err := in.stream(newStream)
	if err == nil {
		if err = s.choose(in.groups); err != nil {
			_ = s.Close() // it was only looked at
		}
	}
	if err != nil {
		if in.groups.fault != nil {
			in.groups.fault(err)
		}
		return nil, err
	}
	return s, nil
}

// RowGroups returns the bytes, as stored, of each row group of a table that can be read from any place on, and what tells it from other
// tables. Of other streams there are none, and no name.
func (s *Stream) RowGroups() (name string, sizes []int64) {
	if s.table == nil || s.kind != "" || s.spool != nil {
		return "", nil
	}
	return s.table.Table(), s.table.Groups()
}

// choose has the stream give some of the table's row groups.
func (s *Stream) choose(g *rowGroups) error {
	name, _ := s.RowGroups()
	if name == "" || name != g.table {
		return ErrOtherTable
	}
	return s.table.Select(g.first, g.n)
}

// Lost returns what of a table could not be read so far.
func (s *Stream) Lost() Loss {
	if s.table == nil {
		return Loss{}
	}
	return s.table.Lost()
}

// storedAt counts what is read of a file in place.
type storedAt struct {
	r    io.ReaderAt
	s    *storedReader
	size int64
}

// ReadAt implements io.ReaderAt.
func (r *storedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.r.ReadAt(p, off)
	addUpTo(&r.s.n, int64(n), r.size)
	if err != nil && err != io.EOF {
		r.s.fail = err
	}
	return n, err
}

// addUpTo adds to a count that does not go beyond most: parts of a file may be read twice.
func addUpTo(c *atomic.Int64, n, most int64) { c.Store(min(c.Load()+n, most)) }
