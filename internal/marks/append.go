package marks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Append adds marks to the journal at path in one write, and returns once they are on the disk. The file is made where
// there is none. While it is written others wait. A last line that a crash has cut short is taken out first, which
// repaired tells.
func Append(path string, list ...Mark) (repaired bool, err error) {
	var b bytes.Buffer
	for i := range list {
		line, err := list[i].Encode()
		if err != nil {
			return false, err
		}
		b.Write(line)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot add to the marks %q: %w", path, err)
		}
	}()
	_, before := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // lines of logs are nobody else's business
	if err != nil {
		return false, plain(err)
	}
	defer func() { err = errors.Join(err, plain(f.Close())) }() // which also unlocks
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false, errors.Join(err, errors.New("this is no regular file"))
	}
	if err := lock(f); err != nil {
		return false, fmt.Errorf("cannot lock it: %w", err)
	}
	end, glue, err := tail(f)
	if err != nil {
		return false, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, plain(err)
	}
	if repaired = end < size; repaired {
		if err := f.Truncate(end); err != nil {
			return false, plain(err)
		}
	}
	text := b.Bytes()
	if glue {
		text = append([]byte("\n"), text...)
	}
	if _, err = f.WriteAt(text, end); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return repaired, errors.Join(plain(err), plain(f.Truncate(end)))
	}
	if errors.Is(before, fs.ErrNotExist) {
		err = syncDir(filepath.Dir(path)) // the name has to be there after a crash, too
	}
	return repaired, err
}

// tail returns where the journal's last whole line ends; glue tells that its end is missing. It is an error if the file is no
// journal.
func tail(f *os.File) (end int64, glue bool, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return 0, false, plain(err)
	}
	if err := isJournal(f, size); err != nil {
		return 0, false, err
	}
	// From the end to the last newline.
	var rest []byte
	for at := size; ; {
		n := min(at, 1<<16)
		part := make([]byte, n)
		if _, err := f.ReadAt(part, at-n); err != nil {
			return 0, false, plain(err)
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			end, rest = at-n+int64(i)+1, append(part[i+1:], rest...)
			break
		}
		rest = append(part, rest...)
		if at -= n; at == 0 {
			break
		}
		if len(rest) > maxLine {
			return 0, false, fmt.Errorf("its last line is longer than %d MiB", maxLine>>20)
		}
	}
	switch {
	case len(bytes.TrimSpace(rest)) == 0:
		return size, false, nil
	case json.Valid(rest):
		return size, true, nil
	}
	return end, false, nil
}

// isJournal looks at how the file starts, lest marks be written into a log.
func isJournal(f *os.File, size int64) error {
	head := make([]byte, min(size, 4096))
	if _, err := f.ReadAt(head, 0); err != nil {
		return plain(err)
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	start := []byte(`{"weir_marks":`)
	n := min(len(head), len(start))
	if bytes.Equal(head[:n], start[:n]) { // also one whose first line was cut short
		return nil
	}
	if first, _, whole := bytes.Cut(head, []byte("\n")); whole || size <= 4096 {
		if _, err := decode(bytes.TrimSpace(first)); err == nil { // written by hand, in another order
			return nil
		}
	}
	return errors.New("it is no file of marks")
}

// syncDir writes a directory's entries to the disk, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // a directory that cannot be read holds the file all the same
	}
	_ = d.Sync() // not every file system knows it
	return d.Close()
}

// plain is an error of the file without its name, which stands before it already.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
