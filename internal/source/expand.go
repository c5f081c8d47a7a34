package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Expand finds the inputs that args name: files, globs, directories (with everything below them, in order of name) and
// - for standard input. A file that several arguments name is read once. It is an error if an argument names nothing.
func Expand(args []string) ([]Input, error) {
	inputs, _, err := ExpandNotes(args)
	return inputs, err
}

// ExpandNotes is Expand which also tells what it left out of directories and globs, and why, one sentence each.
func ExpandNotes(args []string) (inputs []Input, notes []string, err error) {
	return expand(args, false)
}

// ExpandAny is ExpandNotes for files that are looked at as a whole: of directories and globs it takes files of any kind,
// images and documents too. Hidden ones are left out still.
func ExpandAny(args []string) (inputs []Input, notes []string, err error) {
	return expand(args, true)
}

func expand(args []string, anyKind bool) (inputs []Input, notes []string, err error) {
	x := expansion{seen: make(map[string]bool), anyKind: anyKind}
	for _, arg := range args {
		if err := x.argument(arg); err != nil {
			return nil, x.notes, err
		}
	}
	return x.inputs, x.notes, nil
}

type expansion struct {
	anyKind bool // no file is left out for its name's ending
	inputs  []Input
	notes   []string
	seen    map[string]bool // by path with links resolved
}

func (x *expansion) argument(arg string) error {
	if arg == Stdin {
		if !x.seen[Stdin] {
			x.seen[Stdin] = true
			x.inputs = append(x.inputs, Reader(Stdin, os.Stdin))
		}
		return nil
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return x.directory(arg, true)
	case err == nil:
		return x.file(arg)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("cannot read log %q: %w", arg, err)
	case strings.ContainsAny(arg, "*?["):
		return x.glob(arg)
	}
	return missing(arg)
}

func missing(arg string) error {
	hint := "is it relative to another directory?"
	dir := filepath.Dir(arg)
	if base := filepath.Base(arg); base != "" {
		for _, suffix := range []string{".gz", ".zst", ".bz2", ".1"} {
			if _, err := os.Stat(arg + suffix); err == nil {
				return fmt.Errorf("cannot read log %q: no such file; there is %q", arg, arg+suffix)
			}
		}
	}
	if _, err := os.Stat(dir); err != nil {
		hint = fmt.Sprintf("there is no directory %q either", dir)
	}
	return fmt.Errorf("cannot read log %q: no such file or directory; %s", arg, hint)
}

func (x *expansion) glob(pattern string) error {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("cannot read pattern %q: %w", pattern, err)
	}
	if len(paths) == 0 {
		return fmt.Errorf("cannot read log %q: no file matches", pattern)
	}
	sort.Strings(paths)
	noted := make(map[string]bool)
	for _, path := range paths {
		if beside, why := besideMatch(pattern, path); why != "" && !x.anyKind {
			if !noted[beside] {
				x.note(beside, why)
			}
			noted[beside] = true
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			x.note(path, "cannot be opened")
		case info.IsDir():
			err = x.directory(path, false)
		default:
			err = x.found(path)
		}
		if err != nil && info != nil {
			return err
		}
	}
	return nil
}

// besideMatch says why a path that a pattern matches is not meant by it: the path, or a directory in it, stands beside tables, and the
// pattern does not name such.
func besideMatch(pattern, path string) (beside, why string) {
	asked, got := elementsOf(pattern), elementsOf(path)
	for len(asked) > 0 && len(got) > 0 {
		last := len(got) - 1
		if w := BesideTable(got[last]); w != "" && !strings.HasPrefix(asked[len(asked)-1], "_") {
			beside, why = path, w
		}
		asked, got, path = asked[:len(asked)-1], got[:last], filepath.Dir(path)
	}
	return beside, why
}

// elementsOf are the names in a path.
func elementsOf(path string) []string {
	return slices.DeleteFunc(strings.Split(filepath.ToSlash(path), "/"), func(s string) bool { return s == "" || s == "." })
}

// directory takes all files below dir. It is an error if a directory that the user named holds none.
func (x *expansion) directory(dir string, named bool) error {
	before := len(x.inputs) + len(x.seen)
	checksums := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			x.note(path, "cannot be opened")
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && path != dir
		if entry.IsDir() {
			if hidden {
				x.note(path, "hidden")
				return fs.SkipDir
			}
			if why := BesideTable(entry.Name()); why != "" && path != dir && !x.anyKind {
				x.note(path, why)
				return fs.SkipDir
			}
			if info, err := os.Stat(filepath.Join(path, "lake.db")); err == nil && info.Mode().IsRegular() {
				x.note(path, "a lake: --lake reads it")
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case hidden && filepath.Ext(path) == ".crc": // Hadoop has one for each file
			checksums++
			return nil
		case hidden:
			x.note(path, "hidden")
			return nil
		}
		return x.linkedOrFound(path, entry)
	})
	if checksums > 0 {
		x.notes = append(x.notes, fmt.Sprintf("%d hidden checksums (.crc) below %s were left out", checksums, dir))
	}
	if err != nil {
		return fmt.Errorf("cannot read directory %q: %w", dir, err)
	}
	if named && len(x.inputs)+len(x.seen) == before {
		return fmt.Errorf("cannot read directory %q: it holds no log; name a file to read it whatever it is called", dir)
	}
	return nil
}

// linkedOrFound takes a file, or a link to one; links to directories are not followed, for they may lead back.
func (x *expansion) linkedOrFound(path string, entry fs.DirEntry) error {
	if entry.Type()&fs.ModeSymlink == 0 {
		if entry.Type().IsRegular() {
			return x.found(path)
		}
		x.note(path, "not a regular file")
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		x.note(path, "a link that leads nowhere")
	case !info.Mode().IsRegular():
		x.note(path, "a link to something that is not a file")
	default:
		return x.found(path)
	}
	return nil
}

// notLogs are the endings of files that lie beside logs and are none.
var notLogs = map[string]string{
	".pcap": "a packet capture (run Zeek or Suricata on it)", ".pcapng": "a packet capture (run Zeek or Suricata on it)",
	".cap":  "a packet capture (run Zeek or Suricata on it)",
	".evtx": "a binary Windows event log (export it as JSON lines)",
	".zip":  "an archive (unpack it)", ".tar": "an archive (unpack it)", ".tgz": "an archive (unpack it)",
	".7z": "an archive (unpack it)", ".rar": "an archive (unpack it)", ".xz": "compressed with xz (unpack it)",
	".journal": "a binary journal (export it with journalctl -o json)",
	".db":      "a database", ".sqlite": "a database", ".duckdb": "a database",
	".orc": "a table that weir does not read (write it as Parquet)", ".avro": "a table that weir does not read (write it as Parquet)",
	".crc": "a checksum",
	".png": "an image", ".jpg": "an image", ".jpeg": "an image", ".gif": "an image", ".pdf": "a document",
	".exe": "a program", ".so": "a program", ".dll": "a program", ".pid": "not a log", ".lock": "not a log",
	".md": "a document", ".html": "a document",
}

// besideTables are the names, or with a * what names begin with, of what Spark and other programs put beside the files of a table. In a
// directory of Delta Lake it is the log that says which files still count.
var besideTables = map[string]string{
	"_SUCCESS": "it says that Spark or Hadoop has finished", "_metadata": "what is known of the tables beside it",
	"_common_metadata": "what is known of the tables beside it", "_temporary": "what Spark or Hadoop has not finished",
	"_spark_metadata": "what Spark has written beside the tables", "_committed_*": "what Databricks has written beside the tables",
	"_started_*": "what Databricks has written beside the tables",
	"_delta_log": "what Delta Lake knows of the tables beside it; rows that it has deleted or replaced may still be in these",
}

// BesideTable says what a file or directory in a directory of tables is, by its name, if it is none; else it is empty.
func BesideTable(name string) string {
	if why := besideTables[name]; why != "" || !strings.HasPrefix(name, "_") {
		return why
	}
	for start, why := range besideTables {
		if rest, ok := strings.CutSuffix(start, "*"); ok && strings.HasPrefix(name, rest) {
			return why
		}
	}
	return ""
}

// NoLog says why a file or directory of a name is no log, if the name tells; else it is empty.
func NoLog(path string) string {
	if why := BesideTable(filepath.Base(path)); why != "" {
		return why
	}
	name := strings.ToLower(filepath.Base(path))
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst"), ".bz2")
	return notLogs[filepath.Ext(name)]
}

// found takes a file that a directory or a glob led to, unless its name says that it is no log.
func (x *expansion) found(path string) error {
	if why := NoLog(path); why != "" && !x.anyKind {
		x.note(path, why)
		return nil
	}
	return x.file(path)
}

func (x *expansion) file(path string) error {
	id := path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		id = real
	}
	if abs, err := filepath.Abs(id); err == nil {
		id = abs
	}
	if x.seen[id] {
		return nil
	}
	in, err := File(path)
	if err != nil {
		return fmt.Errorf("cannot read log %q: %w", path, err)
	}
	x.seen[id] = true
	x.inputs = append(x.inputs, in)
	return nil
}

func (x *expansion) note(path, why string) {
	x.notes = append(x.notes, fmt.Sprintf("%s was left out: %s", path, why))
}
