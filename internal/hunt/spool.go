package hunt

import (
	"fmt"
	"io"
)

// A spool keeps the raw lines of one worker's suspicious events: the first in memory, the rest in a file that the caller
// provides on demand; without one, all in memory.
type spool struct {
	worker int
	open   func() (SpoolFile, error)
	blocks [][]byte // in memory; a line lies in one block
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
	spoolBlock  = 1 << 20 // bytes; also how much is written at once
	spoolBlocks = 8       // kept in memory
	spoolFile   = 1 << 46 // added to positions in the file
	blockShift  = 24      // position in memory = block<<blockShift | offset; a line is at most 1 MiB
)

// add keeps a line and returns where.
func (s *spool) add(line []byte) (at int64, n uint32, err error) {
	n = uint32(len(line))
	if k := len(s.blocks) - 1; k >= 0 && len(s.blocks[k])+len(line) <= cap(s.blocks[k]) {
		at = int64(k)<<blockShift | int64(len(s.blocks[k]))
		s.blocks[k] = append(s.blocks[k], line...)
		return at, n, nil
	}
	if s.open == nil || len(s.blocks) < spoolBlocks {
		s.blocks = append(s.blocks, append(make([]byte, 0, max(spoolBlock, len(line))), line...))
		return int64(len(s.blocks)-1) << blockShift, n, nil
	}
	if s.file == nil {
		if s.file, err = s.open(); err != nil {
			return 0, 0, fmt.Errorf("cannot make a temporary file for suspicious lines: %w", err)
		}
	}
	at = spoolFile + s.size + int64(len(s.buffer))
	s.buffer = append(s.buffer, line...)
	if len(s.buffer) >= spoolBlock {
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
	if at < spoolFile {
		from := at & (1<<blockShift - 1)
		return s.blocks[at>>blockShift][from : from+int64(n)], nil
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	line := make([]byte, n)
	if _, err := s.file.ReadAt(line, at-spoolFile); err != nil {
		return nil, fmt.Errorf("cannot read back suspicious lines: %w", err)
	}
	return line, nil
}

// memory is about how many bytes of memory it holds.
func (s *spool) memory() int {
	n := cap(s.buffer)
	for _, b := range s.blocks {
		n += cap(b)
	}
	return n
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
