package mapreduce

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"weir/internal/format"
)

// An Assembly is what the tasks of a job have read.
type Assembly struct {
	// Summary is that of a scan of all inputs on one machine.
	Summary *format.Summary
	splits  [][]countedSplit // by input, by start
	archive bool             // what was read is segments
}

type countedSplit struct {
	Split
	report splitReport
	before int64 // lines before the split
}

// ErrHeader is wrapped by the error of a log that has to be read by one task.
var ErrHeader = errors.New("changes its columns on the way")

// ErrIncomplete is wrapped by errors that say that a part of the logs was not read.
var ErrIncomplete = errors.New("not all of the logs was read")

// Assemble reads the records of a job, of all its reducers or mappers, in any order. take is given those of the job's own kinds;
// the record is valid during the call only, and where several tasks' records were not merged there are several of one key.
//
// The error that there is no record in any log is that of [format.Scan]; the assembly is there also then.
func Assemble(p *Plan, kinds []Kind, in io.Reader, take func(r *Record) error) (*Assembly, error) {
	by := kindsOf(kinds)
	a := &Assembly{splits: make([][]countedSplit, len(p.Inputs))}
	r := newReader(in)
	print := p.fingerprint()
	planned := false
	var x Record
	for {
		l, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read records: %w", err)
		}
		if by[l.whole[0]] == nil {
			return nil, r.fail(fmt.Sprintf("this job has no kind %q", l.whole[0]))
		}
		if err := r.record(&l, &x); err != nil {
			return nil, err
		}
		switch x.Kind {
		case kindPlan:
			if !bytes.Equal(x.Value, print) {
				return nil, errors.New("the records are those of another plan; give weir the plan that the tasks had")
			}
			planned = true
		case kindSplit:
			s, report, err := p.readSplitReport(&x)
			if err != nil {
				return nil, r.fail("of a split: " + err.Error())
			}
			a.splits[s.Input] = append(a.splits[s.Input], countedSplit{Split: s, report: report})
		default:
			if err := take(&x); err != nil {
				return nil, fmt.Errorf("line %d of the records, of kind %s: %w", r.n, by[x.Kind].Name, err)
			}
		}
	}
	if !planned {
		return nil, fmt.Errorf("%w: there is no output of any task", ErrIncomplete)
	}
	if len(p.Segments) > 0 {
		if err := a.addSegments(p); err != nil {
			return nil, err
		}
		return a, nil
	}
	if err := a.add(p); err != nil {
		return nil, err
	}
	return a, a.Summary.Finish()
}

// add adds up what was read of each input, and checks that it is all of it.
func (a *Assembly) add(p *Plan) error {
	a.Summary = &format.Summary{Files: make([]format.FileSummary, len(p.Inputs))}
	for i := range p.Inputs {
		in, f := &p.Inputs[i], &a.Summary.Files[i]
		f.Name = in.Name
		splits := a.splits[i]
		switch {
		case in.Err != "":
			f.Err = in.Err
			continue
		case in.Size == 0 && len(splits) == 0:
			f.Warnings = append(f.Warnings, "the file is empty")
			continue
		}
		slices.SortFunc(splits, func(x, y countedSplit) int { return cmp.Compare(x.Start, y.Start) })
		if err := a.complete(in, splits); err != nil {
			return err
		}
		for k := range splits {
			splits[k].before = f.Lines
			f.Append(&splits[k].report.Summary)
			if splits[k].report.Changed && len(splits) > 1 {
				return fmt.Errorf("%q %w: it is several logs in one file, and tasks that begin later do not see that; have it read as a whole", in.Name, ErrHeader)
			}
		}
		if f.Err == "" && in.Compression == "" && !in.Shaped && f.Bytes+markBytes < in.Size {
			return fmt.Errorf("%q %w (%d bytes were read of %d)", in.Name, ErrShrunk, f.Bytes, in.Size)
		}
		if in.Compression == "" && !in.Shaped {
			f.Bytes = min(f.Bytes, in.Size) // engines end a last line that has no end
		}
	}
	return nil
}

// markBytes is what engines may leave out at the beginning of a log: a byte order mark.
const markBytes = 3

// complete checks that splits cover a log.
func (a *Assembly) complete(in *Input, splits []countedSplit) error {
	at := int64(0)
	all, unit := in.extent()
	for k := range splits {
		x := &splits[k]
		switch {
		case k > 0 && x.Start == splits[k-1].Start:
			return fmt.Errorf("%w: %q from number %d of its %s on; start the job again with an empty output directory", ErrTwice, in.Name, x.Start, unit)
		case k == 0 && x.Start != 0:
			return fmt.Errorf("%w: the beginning of %q is missing", ErrIncomplete, in.Name)
		case x.Length < 0 || at < 0:
			at = -1
			continue
		case x.Start != at:
			return fmt.Errorf("%w: of %q %s %d to %d are missing or there twice", ErrIncomplete, in.Name, unit, at, x.Start)
		}
		at += x.Length
	}
	if len(splits) == 0 || at >= 0 && at < all { // beyond is what came between the plan and the beginning of the engine's job
		return fmt.Errorf("%w: of %q, %d of %d %s were read; did it change, or did a task fail?", ErrIncomplete, in.Name, max(at, 0), all, unit)
	}
	return nil
}

// Position returns where in a log the record stands that a [Mapper] was given with pos.
func (a *Assembly) Position(pos format.Position) (format.Position, error) {
	if pos.File < 0 || pos.File >= len(a.splits) {
		return pos, fmt.Errorf("there is no input %d", pos.File)
	}
	if a.archive { // segments know where their records stood
		return format.Position{File: pos.File, Line: pos.Line}, nil
	}
	k, ok := slices.BinarySearchFunc(a.splits[pos.File], pos.Offset, func(x countedSplit, at int64) int { return cmp.Compare(x.Start, at) })
	if !ok {
		return pos, fmt.Errorf("no task has read input %d from byte %d on", pos.File, pos.Offset)
	}
	x := &a.splits[pos.File][k]
	if pos.Line < 1 || pos.Line > x.report.Summary.Lines {
		return pos, fmt.Errorf("the split has no line %d", pos.Line)
	}
	return format.Position{File: pos.File, Line: x.before + pos.Line}, nil
}
