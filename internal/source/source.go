// Package source brings in the bytes of logs: it finds the files a user named, undoes their compression, and hands them
// on as blocks of whole lines.
//
// [Expand] turns arguments (files, globs, directories, - for stdin) into a list of [Input]; [Input.Open] gives one's
// bytes, uncompressed; [NewBlocks] cuts them into blocks that any goroutine can work on.
//
// Nothing here knows what a line means. Memory is bounded whatever the input: decompression streams, blocks are reused,
// and a line longer than the limit is cut and flagged.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Stdin is the argument, and the name, that stands for standard input.
const Stdin = "-"

// An Input is one log: a file, standard input, or bytes at hand.
type Input struct {
	Name    string    // as the user would write it
	Size    int64     // bytes as stored, perhaps compressed; -1 when it cannot be known
	ModTime time.Time // when a file was last written; zero for others

	open func() (io.ReadCloser, error)
	once bool // what was read of it is gone

	plain, inside bool // see Plain
	groups        *rowGroups
}

// File returns the input that is the file at path.
func File(path string) (Input, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Input{}, err
	}
	size, modTime := info.Size(), info.ModTime()
	if !info.Mode().IsRegular() {
		size, modTime = -1, time.Time{}
	}
	return Input{Name: path, Size: size, ModTime: modTime, once: !info.Mode().IsRegular(),
		open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// Reader returns an input that is read once, from r, which is not closed.
func Reader(name string, r io.Reader) Input {
	return Input{Name: name, Size: -1, once: true, open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// Opener returns an input that is no file, whose bytes open gives, each time anew.
func Opener(name string, open func() (io.ReadCloser, error)) Input {
	return Input{Name: name, Size: -1, open: open}
}

// Plain returns an input whose bytes are those of a log as they are, compressed or not: nobody looks at what they begin with.
// Of one that is inside, which does not begin where the log does, no byte order mark is taken off either. It is opened once.
func Plain(name string, inside bool, open func() (io.ReadCloser, error)) Input {
	return Input{Name: name, Size: -1, open: open, once: true, plain: true, inside: inside}
}

// Bytes returns an input that holds data, which must not change.
func Bytes(name string, data []byte) Input {
	return Input{Name: name, Size: int64(len(data)), open: func() (io.ReadCloser, error) {
		return section{io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))}, nil
	}}
}

// Opened returns the input that is an open file, whatever its name leads to by now. Its bytes are those that it has now.
func Opened(name string, f *os.File) (Input, error) {
	info, err := f.Stat()
	if err != nil {
		return Input{}, err
	}
	size := info.Size()
	return Input{Name: name, Size: size, ModTime: info.ModTime(), open: func() (io.ReadCloser, error) {
		return section{io.NewSectionReader(f, 0, size)}, nil
	}}, nil
}

// Pin opens a file once and returns an input that reads what was opened, however often, and whatever becomes of its name: as
// it is now, with its size and time. Other inputs are returned as they are. The caller closes.
func (in Input) Pin() (Input, io.Closer, error) {
	if in.open == nil || in.once {
		return in, io.NopCloser(nil), nil
	}
	r, err := in.open()
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // without the name
		}
		return in, nil, fmt.Errorf("cannot open it: %w", err)
	}
	f, ok := r.(*os.File)
	if !ok {
		return in, r, nil
	}
	pinned, err := Opened(in.Name, f)
	if err != nil {
		f.Close()
		return in, nil, fmt.Errorf("cannot open it: %w", err)
	}
	return pinned, f, nil
}

// section is a stretch of a file that stays open.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// Once reports whether the input can be read only once, as a pipe can.
func (in Input) Once() bool { return in.once }

// Open starts reading the input. The caller closes the stream, and adds the input's name to an error. Archives and
// UTF-16 are refused, since they hold no lines.
func (in Input) Open() (*Stream, error) {
	switch {
	case in.groups != nil:
		return in.openRowGroups()
	case in.plain && in.inside:
		return in.stream(newInsideStream)
	case in.plain:
		return in.stream(newPlainStream)
	}
	return in.stream(newStream)
}

// OpenAny is Open for a file that is looked at as a whole, whatever it holds: nothing is refused, and no byte order mark
// is taken off.
func (in Input) OpenAny() (*Stream, error) { return in.stream(newAnyStream) }

func (in Input) stream(start func(io.ReadCloser) (*Stream, error)) (*Stream, error) {
	if in.open == nil {
		return nil, errors.New("it has no content")
	}
	f, err := in.open()
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // without the name
		}
		return nil, fmt.Errorf("cannot open it: %w", err)
	}
	s, err := start(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	if s.table != nil {
		s.table.Unwrap(wrappers)
		s.note = addPartitions(s.table, in.Name)
	}
	return s, nil
}

// Head returns the first n uncompressed bytes, or all of them, which whole tells, where there are not as many. The input
// is opened afterwards as if nothing had been read: what standard input or a pipe gave is kept for that.
func (in *Input) Head(n int) (head []byte, whole bool, err error) {
	looked := *in
	if in.once && in.open != nil {
		below, err := in.open()
		if err != nil {
			return nil, false, fmt.Errorf("cannot open it: %w", err)
		}
		if table, ok := below.(*kept); ok { // it was looked at before
			looked.open, in.open = table.section, table.again
		} else {
			keep := &keeper{below: below}
			looked.open, in.open = func() (io.ReadCloser, error) { return keep, nil }, keep.again
		}
	}
	s, err := looked.Open()
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = s.Close() }() // it was only read
	head = make([]byte, n)
	got, err := io.ReadFull(s, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return head[:got], true, nil
	}
	return head[:got], false, err
}

// A keeper is a pipe that remembers what was read of it, to be read again. A table it keeps as a file.
type keeper struct {
	below io.ReadCloser
	bytes bytes.Buffer
	file  *os.File
	fail  error // why there is no file
}

// Read implements io.Reader.
func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.below.Read(p)
	if k.file == nil {
		k.bytes.Write(p[:n])
	}
	return n, err
}

// Close leaves everything open for the next time.
func (k *keeper) Close() error { return nil }

// again opens the input for the next time.
func (k *keeper) again() (io.ReadCloser, error) {
	switch {
	case k.fail != nil:
		return nil, k.fail
	case k.file != nil:
		return (&kept{k.file, k.below}).again()
	}
	return replay{io.MultiReader(bytes.NewReader(k.bytes.Bytes()), k.below), k.below}, nil
}

// kept is a table that came through a pipe.
type kept struct {
	*os.File
	below io.Closer
}

// section is the file, which stays open.
func (k *kept) section() (io.ReadCloser, error) {
	info, err := k.Stat()
	if err != nil {
		return nil, err
	}
	return section{io.NewSectionReader(k.File, 0, info.Size())}, nil
}

// again is the file from its beginning on.
func (k *kept) again() (io.ReadCloser, error) {
	_, err := k.Seek(0, io.SeekStart)
	return k, err
}

// Close implements io.Closer.
func (k *kept) Close() error { return errors.Join(k.File.Close(), k.below.Close()) }

// replay is a pipe with what was read of it before.
type replay struct {
	io.Reader
	io.Closer
}
