package hunt

import (
	"fmt"
	"io"
)

// A spool keeps the raw lines of suspicious events: the first bytes in memory, the rest in a file that the caller
// provides on demand.
type spool struct {
	mem    []byte
	open   func() (SpoolFile, error)
	file   SpoolFile
	size   int64 // bytes in the file
	buffer []byte
}

// SpoolFile is temporary storage that is written once from the start and then read anywhere.
type SpoolFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

const (
	spoolMemory = 32 << 20
	spoolBuffer = 1 << 20
)

// add keeps a line and returns where.
func (s *spool) add(line []byte) (at int64, n uint32, err error) {
	n = uint32(len(line))
	if len(s.mem)+len(line) <= spoolMemory && s.file == nil {
		at = int64(len(s.mem))
		s.mem = append(s.mem, line...)
		return at, n, nil
	}
	if s.file == nil {
		if s.file, err = s.open(); err != nil {
			return 0, 0, fmt.Errorf("cannot make a temporary file for suspicious lines: %w", err)
		}
	}
	at = int64(len(s.mem)) + s.size + int64(len(s.buffer))
	s.buffer = append(s.buffer, line...)
	if len(s.buffer) >= spoolBuffer {
		err = s.flush()
	}
	return at, n, err
}

func (s *spool) flush() error {
	if len(s.buffer) == 0 {
		return nil
	}
	n, err := s.file.Write(s.buffer)
	if s.size += int64(n); err != nil {
		return fmt.Errorf("cannot write suspicious lines to a temporary file (is the disk full? TMPDIR names another one): %w", err)
	}
	s.buffer = s.buffer[:0]
	return nil
}

// read returns the line that add kept.
func (s *spool) read(at int64, n uint32) ([]byte, error) {
	if at+int64(n) <= int64(len(s.mem)) {
		return s.mem[at : at+int64(n)], nil
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	line := make([]byte, n)
	if _, err := s.file.ReadAt(line, at-int64(len(s.mem))); err != nil {
		return nil, fmt.Errorf("cannot read back suspicious lines: %w", err)
	}
	return line, nil
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
