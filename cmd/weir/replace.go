package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes of files that commands write. One that is there already keeps its own.
const (
	private = fs.FileMode(0o600) // lines of logs are nobody else's business
	shared  = fs.FileMode(0o644)
)

// replaceFile writes a file so that path holds either all of it or what it held before: into a file beside it, which takes
// its place in the end.
func replaceFile(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot write %q: %w", path, err)
		}
	}()
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return hintf(errors.New("this is a directory"), "Name a file in it, as %s.", filepath.Join(path, "NAME"))
	case err == nil && !info.Mode().IsRegular():
		return writeInto(path, write) // a device or a pipe is written, not replaced
	case err == nil:
		mode = info.Mode().Perm()
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // what a link points at is replaced, not the link
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".weir-*")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return hintf(err, "There is no directory %s; make it first.", filepath.Dir(path))
		}
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close() // the first error is the one to tell
			_ = os.Remove(file.Name())
		}
	}()
	out := bufio.NewWriter(file)
	if err := write(out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// writeInto writes into what is there.
func writeInto(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// checkWritable finds a file that cannot be written before the work is done.
func checkWritable(flag, path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no directory %q to write %q into", flag, dir, filepath.Base(path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s: %q is a directory; name a file in it", flag, path)
	}
	return nil
}
