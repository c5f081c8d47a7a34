package format

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"weir/internal/source"
)

// Limits of what a summary shows of lines that could not be read.
const (
	maxExamples = 5   // for each reason
	maxExcerpt  = 200 // bytes
)

// A Summary tells what a scan found.
type Summary struct {
	Files []FileSummary // in the order of the inputs
}

// A FileSummary tells what a scan found in one input.
type FileSummary struct {
	Name      string
	Format    string  // empty if none was found
	Score     float64 // of the detection
	Datasets  []DatasetCount
	Lines     int64
	Bytes     int64 // uncompressed
	Records   int64
	Untimed   int64 // records without a time that could be read; they are among Records
	Skipped   int64 // lines that hold no record by design
	Malformed int64
	Faults    []Fault // by reason, the most frequent first
	First     int64   // time of the earliest record, in nanoseconds; meaningful if Records > Untimed
	Last      int64
	Warnings  []string // what the user should know, one sentence each
	Lost      source.Loss
	Err       string // why the file could not be read, or not to its end; empty if it could
}

// A DatasetCount says how many records a dataset has.
type DatasetCount struct {
	Dataset string
	Records int64
}

// A Fault is a reason for which lines could not be read.
type Fault struct {
	Reason   string
	Count    int64
	Examples []FaultExample // the first few
}

// A FaultExample is one line that could not be read.
type FaultExample struct {
	Line    int64
	Detail  string
	Excerpt string // the start of the line, as it is: not safe to print
}

// Records returns the number of records in all files.
func (s *Summary) Records() (n int64) {
	for i := range s.Files {
		n += s.Files[i].Records
	}
	return n
}

// Malformed returns the number of lines in all files that could not be read.
func (s *Summary) Malformed() (n int64) {
	for i := range s.Files {
		n += s.Files[i].Malformed
	}
	return n
}

// FormatTotals are the files of one format, summed up.
type FormatTotals struct {
	Format                             string
	Files, Records, Untimed, Malformed int64
}

// ByFormat sums files up by their format, that of most records first, then by name, whatever the order of the inputs. Files in which no
// format was found are left out.
func (s *Summary) ByFormat() []FormatTotals {
	var out []FormatTotals
	for i := range s.Files {
		f := &s.Files[i]
		if f.Format == "" {
			continue
		}
		k := slices.IndexFunc(out, func(t FormatTotals) bool { return t.Format == f.Format })
		if k < 0 {
			k = len(out)
			out = append(out, FormatTotals{Format: f.Format})
		}
		t := &out[k]
		t.Files, t.Records, t.Untimed, t.Malformed = t.Files+1, t.Records+f.Records, t.Untimed+f.Untimed, t.Malformed+f.Malformed
	}
	slices.SortFunc(out, func(a, b FormatTotals) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Format, b.Format))
	})
	return out
}

// ByName returns the files in the order of their names, in which they are told of, whatever the order of the inputs.
func (s *Summary) ByName() []FileSummary {
	out := slices.Clone(s.Files)
	slices.SortStableFunc(out, func(a, b FileSummary) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// A fileTally collects the summary of one file from the goroutines that work on it.
type fileTally struct {
	mu      sync.Mutex
	summary FileSummary
	timed   bool
	dataset map[string]int // where each is in the summary
}

func (t *fileTally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Err = err.Error()
}

func (t *fileTally) warn(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Warnings = append(t.summary.Warnings, text)
}

// lose notes what of the file, a table, could not be read.
func (t *fileTally) lose(l source.Loss) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Lost.Add(&l)
}

// merge adds what was found in one block. The order of calls does not matter.
func (t *fileTally) merge(c *jobCounts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.summary
	s.Lines += c.lines
	s.Bytes += c.bytes
	s.Records += c.records
	s.Untimed += c.untimed
	s.Skipped += c.skipped
	if c.timed {
		if !t.timed || c.first < s.First {
			s.First = c.first
		}
		if !t.timed || c.last > s.Last {
			s.Last = c.last
		}
		t.timed = true
	}
	for _, d := range c.datasets {
		t.addDataset(d)
	}
	for _, f := range c.faults {
		s.addFault(f)
	}
}

func (t *fileTally) addDataset(d DatasetCount) {
	i, ok := t.dataset[d.Dataset]
	if !ok {
		if t.dataset == nil {
			t.dataset = make(map[string]int)
		}
		i = len(t.summary.Datasets)
		t.dataset[d.Dataset] = i
		t.summary.Datasets = append(t.summary.Datasets, DatasetCount{Dataset: d.Dataset})
	}
	t.summary.Datasets[i].Records += d.Records
}

func (s *FileSummary) addFault(f Fault) {
	s.Malformed += f.Count
	for i := range s.Faults {
		have := &s.Faults[i]
		if have.Reason != f.Reason {
			continue
		}
		have.Count += f.Count
		have.Examples = append(have.Examples, f.Examples...)
		slices.SortFunc(have.Examples, func(a, b FaultExample) int { return cmp.Compare(a.Line, b.Line) })
		have.Examples = have.Examples[:min(len(have.Examples), maxExamples)]
		return
	}
	s.Faults = append(s.Faults, f)
}

// finish puts everything into an order that does not depend on the goroutines.
func (s *scan) finish(ctx context.Context) (*Summary, error) {
	sum := &Summary{Files: make([]FileSummary, len(s.files))}
	for i := range s.files {
		sum.Files[i] = s.files[i].summary
	}
	var err error
	if s.o.Part == nil {
		err = sum.Finish()
	}
	for i := 0; s.o.Part != nil && i < len(sum.Files); i++ {
		sum.Files[i].sort()
		for _, f := range sum.Files[i].Faults {
			for k := range f.Examples {
				f.Examples[k].Line = LineInPart(f.Examples[k].Line)
			}
		}
	}
	if ctx.Err() != nil {
		return sum, fmt.Errorf("cannot finish reading: %w", ctx.Err())
	}
	return sum, err
}

func (s *FileSummary) sort() {
	slices.SortFunc(s.Datasets, func(a, b DatasetCount) int { return cmp.Compare(a.Dataset, b.Dataset) })
	slices.SortFunc(s.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
}

// Finish says of files that were read to their ends what there is to say. The error says why there is no record in any.
func (s *Summary) Finish() error {
	for i := range s.Files {
		f := &s.Files[i]
		f.sort()
		if f.Lost.Groups > 0 {
			f.Warnings = append(f.Warnings, damaged(&f.Lost))
		}
		switch {
		case f.Err != "":
		case f.Records == 0 && f.Malformed > 0:
			f.Warnings = append(f.Warnings, "no line could be read")
		case f.Records == 0 && f.Lines > 0:
			f.Warnings = append(f.Warnings, "it holds no records")
		}
	}
	if s.Records() > 0 || len(s.Files) == 0 {
		return nil
	}
	first := &s.Files[0] // the first that failed, if one did
	for i := range s.Files {
		if s.Files[i].Err != "" {
			first = &s.Files[i]
			break
		}
	}
	if n := len(s.Files); n > 1 {
		return fmt.Errorf("cannot read a record from any of %d files; for %q: %s", n, first.Name, first.trouble())
	}
	return fmt.Errorf("cannot read %q: %s", first.Name, first.trouble())
}

// damaged says of a table what is lost.
func damaged(l *source.Loss) string {
	text := "the table is damaged: " + strings.Join(l.Shown, "; ")
	if more := l.Groups - int64(len(l.Shown)); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	if l.Rows == 0 {
		return text + ". Rows may be lost"
	}
	return text + fmt.Sprintf(". Rows lost: %d; those behind them are numbered as if they had not been there", l.Rows)
}

// Append adds what a scan found in the next part of the same log ([ScanOptions.Part]), whose line numbers are its own.
func (s *FileSummary) Append(part *FileSummary) {
	before := s.Lines
	if s.Format == "" {
		s.Format, s.Score = part.Format, part.Score
	}
	if before == 0 && len(s.Warnings) == 0 {
		s.Warnings = append(s.Warnings, part.Warnings...) // those of how it is read, which all parts have; damage ends a log's only part
	}
	if s.Err == "" {
		s.Err = part.Err
	}
	s.Lost.Add(&part.Lost)
	t := fileTally{summary: *s, timed: s.Records > s.Untimed, dataset: map[string]int{}}
	for i, d := range s.Datasets {
		t.dataset[d.Dataset] = i
	}
	c := jobCounts{lines: part.Lines, bytes: part.Bytes, records: part.Records, untimed: part.Untimed, skipped: part.Skipped,
		first: part.First, last: part.Last, timed: part.Records > part.Untimed, datasets: part.Datasets}
	for _, f := range part.Faults {
		f.Examples = slices.Clone(f.Examples)
		for i := range f.Examples {
			f.Examples[i].Line += before
		}
		c.faults = append(c.faults, f)
	}
	t.merge(&c)
	*s = t.summary
}

// trouble says why a file gave no record.
func (s *FileSummary) trouble() string {
	if s.Err != "" {
		return s.Err
	}
	text := strings.Join(s.Warnings, "; ")
	if len(s.Faults) > 0 {
		text += fmt.Sprintf(" as %s; line %d: %s", s.Format, s.Faults[0].Examples[0].Line, s.Faults[0].Reason)
	}
	return text
}
