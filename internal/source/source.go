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
	return Input{Name: path, Size: size, ModTime: modTime, open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// Reader returns an input that is read once, from r, which is not closed.
func Reader(name string, r io.Reader) Input {
	return Input{Name: name, Size: -1, open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// Bytes returns an input that holds data, which must not change.
func Bytes(name string, data []byte) Input {
	return Input{Name: name, Size: int64(len(data)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// Open starts reading the input. The caller closes the stream, and adds the input's name to an error.
func (in Input) Open() (*Stream, error) {
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
	s, err := newStream(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}
