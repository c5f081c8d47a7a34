package eval

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Labels of records.
const (
	Good = "good"
	Bad  = "bad"
)

// Bounds of a list of labels.
const (
	firstFaults = 10
	maxName     = 4096 // bytes of a file's name
	maxKind     = 200  // bytes of a kind
	maxKinds    = 1 << 16
)

// A Truth says which records are good and which bad. It is read only once made, hence safe for use by many goroutines.
type Truth struct {
	files     []truthFile    // in the order of their first lines in the list
	kinds     []string       // the first is ""
	by        [levels]lookup // how a file is found by its name, the strictest way first
	good, bad int64
	onlyBad   bool
	onlyGood  bool
}

type truthFile struct {
	name    string
	entries []entry // by line
}

type entry struct {
	line int64
	at   int32 // line in the list, for complaints
	kind uint16
	bad  bool
}

// A lookup has the number of the file with a name, or ambiguous.
type lookup map[string]int

const ambiguous = -1

// Ways to find a file by its name.
const (
	byName = iota // as listed
	byStem        // without .gz, .zst or .bz2 on either side
	byBase        // without the directories
	byBoth        // without both
	levels
)

func key(level int, name string) string {
	if level == byName {
		return name
	}
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if level == byBase || level == byBoth {
		name = path.Base(name)
	}
	if level == byStem || level == byBoth {
		for _, s := range []string{".gz", ".zst", ".bz2"} {
			if stem, ok := strings.CutSuffix(name, s); ok && stem != "" {
				return stem
			}
		}
	}
	return name
}

// ReadTruth reads a list of labels as CSV: file,line,label and optionally kind, in this order or as a header names them.
// Lines count from 1 in the uncompressed file. A label is good, benign, normal or 0, or bad, malicious, attack or 1,
// in any case. A record may be listed again with the same label; its first kind counts.
//
// An error of the reader ends reading. Faults of the list are told together, the first ten with their lines.
func ReadTruth(r io.Reader) (*Truth, error) {
	in := bufio.NewReader(r)
	if b, _ := in.Peek(3); string(b) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	c := csv.NewReader(in)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	t := &truthReader{t: &Truth{kinds: []string{""}}, columns: [4]int{0, 1, 2, 3}, files: map[string]int{}, kinds: map[string]uint16{"": 0}}
	for first := true; ; first = false {
		rec, err := c.Read()
		var wrong *csv.ParseError
		switch {
		case err == io.EOF:
			return t.finish()
		case errors.As(err, &wrong):
			t.fault(wrong.StartLine, "%v", wrong.Err)
			continue
		case err != nil:
			return nil, fmt.Errorf("cannot read the list of labels: %w", err)
		}
		if first && t.header(rec) {
			continue
		}
		line, _ := c.FieldPos(0)
		t.record(line, rec)
	}
}

type truthReader struct {
	t       *Truth
	columns [4]int // of file, line, label and kind; −1 if there is none
	files   map[string]int
	kinds   map[string]uint16
	faults  []string
	more    int
}

func (t *truthReader) fault(line int, format string, args ...any) {
	if len(t.faults) == firstFaults {
		t.more++
		return
	}
	t.faults = append(t.faults, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

// header takes the columns from a first line that names at least file, line and label.
func (t *truthReader) header(rec []string) bool {
	columns := [4]int{-1, -1, -1, -1}
	for i, name := range []string{"file", "line", "label", "kind"} {
		columns[i] = slices.IndexFunc(rec, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), name) })
	}
	if columns[0] < 0 || columns[1] < 0 || columns[2] < 0 {
		return false
	}
	t.columns = columns
	return true
}

func (t *truthReader) field(rec []string, column int) string {
	if i := t.columns[column]; i >= 0 && i < len(rec) {
		return strings.TrimSpace(rec[i])
	}
	return ""
}

// record takes one line of the list.
func (t *truthReader) record(at int, rec []string) {
	if len(rec) <= max(t.columns[0], t.columns[1], t.columns[2]) {
		t.fault(at, "%d of the fields file,line,label", len(rec))
		return
	}
	file, number, label, kind := t.field(rec, 0), t.field(rec, 1), t.field(rec, 2), t.field(rec, 3)
	line, err := strconv.ParseInt(number, 10, 64)
	bad, known := parseLabel(label)
	switch {
	case file == "":
		t.fault(at, "no file")
		return
	case len(file) > maxName:
		t.fault(at, "the file's name has %d bytes, more than %d", len(file), maxName)
		return
	case err != nil || line < 1:
		t.fault(at, "the line is %s, not a whole number from 1", quoted(number))
		return
	case !known:
		t.fault(at, "the label is %s, not good or bad", quoted(label))
		return
	case len(kind) > maxKind:
		t.fault(at, "the kind has %d bytes, more than %d", len(kind), maxKind)
		return
	}
	k, ok := t.kindOf(kind)
	if !ok {
		t.fault(at, "more than %d kinds", maxKinds-1)
		return
	}
	f := &t.t.files[t.fileOf(file)]
	f.entries = append(f.entries, entry{line, int32(min(at, 1<<31-1)), k, bad})
}

func parseLabel(s string) (bad, known bool) {
	switch strings.ToLower(s) {
	case "good", "benign", "normal", "0":
		return false, true
	case "bad", "malicious", "attack", "1":
		return true, true
	}
	return false, false
}

func quoted(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.QuoteToASCII(s)
}

func (t *truthReader) fileOf(name string) int {
	i, ok := t.files[name]
	if !ok {
		i = len(t.t.files)
		name = strings.Clone(name)
		t.files[name] = i
		t.t.files = append(t.t.files, truthFile{name: name})
	}
	return i
}

func (t *truthReader) kindOf(kind string) (uint16, bool) {
	k, ok := t.kinds[kind]
	if !ok {
		if len(t.kinds) == maxKinds {
			return 0, false
		}
		k, kind = uint16(len(t.kinds)), strings.Clone(kind)
		t.kinds[kind] = k
		t.t.kinds = append(t.t.kinds, kind)
	}
	return k, true
}

// finish sorts what was read and makes it searchable.
func (t *truthReader) finish() (*Truth, error) {
	for i := range t.t.files {
		t.settle(&t.t.files[i])
	}
	if len(t.faults) > 0 {
		text := strings.Join(t.faults, "\n")
		if t.more > 0 {
			text += fmt.Sprintf("\nand %d more", t.more)
		}
		return nil, fmt.Errorf("cannot use the list of labels:\n%s", text)
	}
	if len(t.t.files) == 0 {
		return nil, errors.New("cannot use the list of labels: it is empty")
	}
	t.t.onlyBad, t.t.onlyGood = t.t.good == 0, t.t.bad == 0
	for level := range t.t.by {
		t.t.by[level] = lookup{}
		for i, f := range t.t.files {
			k := key(level, f.name)
			if _, twice := t.t.by[level][k]; twice {
				i = ambiguous
			}
			t.t.by[level][k] = i
		}
	}
	return t.t, nil
}

// settle sorts the entries of a file, drops repetitions and reports contradictions.
func (t *truthReader) settle(f *truthFile) {
	slices.SortFunc(f.entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.at, b.at)) })
	out := f.entries[:0]
	for _, e := range f.entries {
		if n := len(out); n > 0 && out[n-1].line == e.line {
			if out[n-1].bad != e.bad {
				t.fault(int(e.at), "line %d of %s is %s here and %s in line %d", e.line, quoted(f.name), word(e.bad), word(out[n-1].bad), out[n-1].at)
			}
			if out[n-1].kind == 0 {
				out[n-1].kind = e.kind
			}
			continue
		}
		out = append(out, e)
		if e.bad {
			t.t.bad++
		} else {
			t.t.good++
		}
	}
	f.entries = slices.Clip(out)
}

func word(bad bool) string {
	if bad {
		return Bad
	}
	return Good
}

// find returns the number of the listed file that a name means, or ambiguous, and how it was found. A name that fits
// several files is not tried in looser ways.
func (t *Truth) find(name string) (file, level int, ok bool) {
	for level, l := range t.by {
		if i, ok := l[key(level, name)]; ok {
			return i, level, true
		}
	}
	return 0, 0, false
}

// Label returns Good or Bad for a record, and its kind, which may be empty. A file is found by its name as listed; else
// without .gz, .zst or .bz2; else by its base name, if only one listed file has it. ok is false if nothing is known: the
// file is not listed, or it is ambiguous (see Check), or the record is not listed and the list has good records.
func (t *Truth) Label(file string, line int64) (label, kind string, ok bool) {
	i, _, ok := t.find(file)
	if !ok || i == ambiguous {
		return "", "", false
	}
	entries := t.files[i].entries
	at, ok := slices.BinarySearchFunc(entries, line, func(e entry, line int64) int { return cmp.Compare(e.line, line) })
	switch {
	case ok:
		return word(entries[at].bad), t.kinds[entries[at].kind], true
	case t.onlyBad:
		return Good, "", true
	}
	return "", "", false
}

// Rule says in a sentence how the list labels records that it does not name.
func (t *Truth) Rule() string {
	switch {
	case t.onlyBad:
		return "The list names bad records only, so all other records of the files in it count as good."
	case t.onlyGood:
		return "The list names good records only, so all other records have no label."
	}
	return "The list names good and bad records, so records that it does not name have no label."
}

// Count returns how many records the list names, without repetitions.
func (t *Truth) Count() (good, bad int64) { return t.good, t.bad }

// Check lays the files that will be read against those of the list. It fails if a name could mean two listed files, or two
// files could be the same listed one, and if nothing fits at all. Notes say what was found by its base name only, which
// listed files will not be read, and which files have no labels.
func (t *Truth) Check(files []string) (notes []string, err error) {
	var faults []error
	var unlisted, loose []string
	seen := map[int]string{}
	for _, name := range files {
		i, level, ok := t.find(name)
		switch {
		case !ok:
			unlisted = append(unlisted, name)
			continue
		case i == ambiguous:
			faults = append(faults, fmt.Errorf("%s may be any of %s in the list: list it by its full name", quoted(name), t.fitting(level, name)))
			continue
		case level >= byBase:
			loose = append(loose, name)
		}
		if other, twice := seen[i]; twice && other != name {
			faults = append(faults, fmt.Errorf("%s and %s both fit %s in the list: list them by their full names", quoted(other), quoted(name),
				quoted(t.files[i].name)))
			continue
		}
		seen[i] = name
	}
	if len(faults) > firstFaults {
		faults = append(faults[:firstFaults], fmt.Errorf("and %d more", len(faults)-firstFaults))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("none of the %d files is in the list, which names %s", len(files), some(t.names(func(int) bool { return true })))
	}
	note := func(names []string, format string) {
		if len(names) > 0 {
			notes = append(notes, fmt.Sprintf(format, some(names)))
		}
	}
	note(loose, "Found in the list by the base name: %s.")
	note(t.names(func(i int) bool { return seen[i] == "" }), "In the list, but not read: %s.")
	note(unlisted, "Not in the list, so without labels: %s.")
	return notes, nil
}

func (t *Truth) names(which func(int) bool) []string {
	var out []string
	for i, f := range t.files {
		if which(i) {
			out = append(out, f.name)
		}
	}
	return out
}

// fitting names the listed files that a name may mean.
func (t *Truth) fitting(level int, name string) string {
	return some(t.names(func(i int) bool { return key(level, t.files[i].name) == key(level, name) }))
}

// some names the first three.
func some(names []string) string {
	var out []string
	for _, n := range names[:min(len(names), 3)] {
		out = append(out, quoted(n))
	}
	if len(names) > 3 {
		return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(out, ", ")
}
