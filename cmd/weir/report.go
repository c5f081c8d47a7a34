package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir/internal/hunt"
	"weir/internal/report"
)

// writeReport writes a report so that path holds either all of it or what it held before: into a file beside it, which takes
// its place in the end.
func writeReport(path string, render func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot write the report %q: %w", path, err)
		}
	}()
	mode := fs.FileMode(0o600) // lines of logs are nobody else's business
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return hintf(errors.New("this is a directory"), "Name a file in it, as --report %s.", filepath.Join(path, "report.html"))
	case err == nil && !info.Mode().IsRegular():
		return writeInto(path, render) // a device or a pipe is written, not replaced
	case err == nil:
		mode = info.Mode().Perm()
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // what a link points at is replaced, not the link
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".weir-report-*")
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
	if err := render(out); err != nil {
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

// writeInto writes a report into what is there.
func writeInto(path string, render func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(render(file), file.Close())
}

// checkReport finds a report that cannot be written before the work is done.
func checkReport(path string) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("--report: there is no directory %q to write %q into", dir, filepath.Base(path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("--report: %q is a directory; name a file in it, as %s", path, filepath.Join(path, "report.html"))
	}
	return nil
}

// reportHunt writes the page of a hunt, if one is wanted, and says where it is.
func reportHunt(s *streams, path, title string, r *hunt.Result) error {
	if path == "" {
		return nil
	}
	if err := writeReport(path, func(w io.Writer) error { return report.Hunt(w, r, reportOptions(title)) }); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "weir: report in %s\n", clean(path))
	return nil
}

// reportOptions are what a page says about how it was made.
func reportOptions(title string) report.Options {
	words := []string{"weir"}
	for _, w := range os.Args[1:] {
		words = append(words, shellQuote(w))
	}
	o := report.Options{Title: title, Command: strings.Join(words, " "), Generated: time.Now()}
	if v := version(); v != "(devel)" {
		o.Version = v
	}
	return o
}
