package mapreduce

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"weir/internal/format"
	"weir/internal/source"
)

// A Split is a stretch of a log that a task reads: bytes, or row groups of a table; or, of a plan with segments, some of these.
type Split struct {
	Input  int   // index in the plan; 0 for segments
	Start  int64 // first byte as stored; or number, from 0, of the first row group or segment
	Length int64 // −1 where nobody says; or how many row groups or segments

	// Lines gives the lines of the split, uncompressed, as an engine has cut them. Where it is nil the log is opened.
	Lines io.Reader
}

// ReadSplits reads lines of INPUT TAB START TAB LENGTH, where INPUT is the path of a log or its index in the plan. START and LENGTH are
// bytes; of a table that tasks share, the first row group, counted from 0, and how many. For a plan with segments INPUT is 0, START the index
// of the first segment, LENGTH their number.
func (p *Plan) ReadSplits(r io.Reader) ([]Split, error) {
	var out []Split
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<16)
	for n := 1; s.Scan(); n++ {
		if strings.TrimSpace(s.Text()) == "" {
			continue
		}
		x, err := p.split(s.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d of the splits: %w", n, err)
		}
		out = append(out, x)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("cannot read the splits: %w", err)
	}
	return out, nil
}

func (p *Plan) split(text string) (x Split, err error) {
	parts := strings.Split(text, "\t")
	if len(parts) > 3 { // NLineInputFormat puts its own key before
		parts = parts[len(parts)-3:]
	}
	if len(parts) != 3 {
		return x, fmt.Errorf("%q is not INPUT TAB START TAB LENGTH", text)
	}
	if i, err := strconv.Atoi(parts[0]); err == nil && i >= 0 && i < len(p.Inputs) {
		x.Input = i
	} else if x.Input, err = p.Find(parts[0]); err != nil {
		return x, err
	}
	var errs [2]error
	x.Start, errs[0] = strconv.ParseInt(parts[1], 10, 64)
	x.Length, errs[1] = strconv.ParseInt(strings.TrimSpace(parts[2]), 10, 64)
	if errors.Join(errs[:]...) != nil || x.Start < 0 || x.Length < 0 {
		return x, fmt.Errorf("%q is not INPUT TAB START TAB LENGTH", text)
	}
	return x, p.checkSplit(&x)
}

func (p *Plan) checkSplit(x *Split) error {
	if len(p.Segments) > 0 {
		return p.checkSegmentSplit(x)
	}
	in := &p.Inputs[x.Input]
	if len(in.Runs) > 0 {
		return in.checkRunSplit(x)
	}
	switch {
	case x.Start > 0 && !in.Splittable():
		return fmt.Errorf("%q must be read by one task, but a split begins at %d; tell the engine not to split it", in.Name, x.Start)
	case x.Start > in.Size && x.Lines == nil: // an engine cuts what is there when it begins
		return fmt.Errorf("%q has %d bytes, but a split begins at %d: it has changed since the plan was made; plan again", in.Name, in.Size, x.Start)
	}
	return nil
}

// Splits cuts the plan's inputs into splits of at most size bytes, as stored. Those that are compressed, or must be read whole, are one each.
// Row groups of tables, and segments, are not cut, but put together.
func (p *Plan) Splits(size int64) []Split {
	if len(p.Segments) > 0 {
		return p.segmentSplits(size)
	}
	var out []Split
	for i := range p.Inputs {
		in := &p.Inputs[i]
		if in.Err != "" || in.Size == 0 {
			continue
		}
		if len(in.Runs) > 0 {
			out = append(out, p.runSplits(i, size)...)
			continue
		}
		step := size
		if in.Whole || in.Shaped || in.Compression != "" || size <= 0 {
			step = in.Size
		}
		for at := int64(0); at < in.Size; at += step {
			out = append(out, Split{Input: i, Start: at, Length: min(step, in.Size-at)})
		}
	}
	return out
}

// An Opener opens a log to be read from any byte on.
type Opener func(path string) (io.ReadSeekCloser, error)

// source returns the split as an input of a scan. fault takes the first error of reading, other than a damaged compressed stream.
func (x *Split) source(p *Plan, open Opener, fault *error) (source.Input, error) {
	in := &p.Inputs[x.Input]
	if err := p.checkSplit(x); err != nil {
		return source.Input{}, err
	}
	if x.Lines != nil {
		open := func() (io.ReadCloser, error) { return io.NopCloser(&faulty{x.Lines, fault}), nil }
		if in.Shaped {
			return source.Opener(in.Name, open), nil
		}
		return source.Plain(in.Name, x.Start > 0, open), nil
	}
	start := func() (io.ReadSeekCloser, error) {
		f, err := open(in.path())
		if err != nil {
			*fault = err
			return nil, err
		}
		at := x.Start
		if len(in.Runs) > 0 {
			at = 0 // the file says where row groups are
		}
		if err := in.goTo(f, at); err != nil {
			*fault = err
			f.Close()
			return nil, err
		}
		return f, nil
	}
	if in.Compression != "" || in.Shaped {
		if len(in.Runs) == 0 && (x.Start > 0 || x.Length < in.Size) {
			return source.Input{}, fmt.Errorf("%q cannot be read in parts: its records do not stand in lines, or it is compressed (%s)", in.Name, in.Compression)
		}
		log := source.Opener(in.Name, func() (io.ReadCloser, error) {
			f, err := start()
			if err != nil {
				return nil, err
			}
			if at, ok := f.(io.ReaderAt); ok {
				return &wholeLog{faulty{f, fault}, f, at, in}, nil
			}
			return closing{&faulty{f, fault}, f}, nil
		})
		if len(in.Runs) > 0 {
			log = log.RowGroups(in.Table, x.Start, x.Length, func(err error) { // who planned could open it
				if *fault == nil {
					*fault = fmt.Errorf("%w: %w", ErrChanged, err)
				}
			})
		}
		return log, nil
	}
	return source.Plain(in.Name, x.Start > 0, func() (io.ReadCloser, error) {
		f, err := start()
		if err != nil {
			return nil, err
		}
		return closing{source.NewSplit(&faulty{f, fault}, x.Start, x.Start+x.Length), f}, nil
	}), nil
}

// ErrShrunk is wrapped by errors of logs that are shorter than they were when the job was planned.
var ErrShrunk = errors.New("is shorter than it was when the job was planned: it was cut off or replaced; run the job again")

// goTo goes to the beginning of a split, in a log that is still there whole. One that grows is read as far as it was, or one line further.
func (in *Input) goTo(f io.Seeker, start int64) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size < in.Size {
		err = fmt.Errorf("%q %w (%d bytes, %d before)", in.Name, ErrShrunk, size, in.Size)
	}
	if err == nil {
		_, err = f.Seek(start, io.SeekStart)
	}
	return err
}

type closing struct {
	io.Reader
	io.Closer
}

// A wholeLog is a log that can be read from any place on, as tables have to be.
type wholeLog struct {
	faulty
	io.ReadSeekCloser
	at io.ReaderAt
	in *Input
}

// Read implements io.Reader.
func (w *wholeLog) Read(p []byte) (int, error) { return w.faulty.Read(p) }

// ReadAt implements io.ReaderAt.
func (w *wholeLog) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.at.ReadAt(p, off)
	if err == io.EOF && n < len(p) && off+int64(n) < w.in.Size {
		err = fmt.Errorf("%q %w (%d bytes, %d before)", w.in.Name, ErrShrunk, off+int64(n), w.in.Size)
	}
	w.note(err)
	return n, err
}

// faulty keeps the error of a reader.
type faulty struct {
	r     io.Reader
	fault *error
}

func (f *faulty) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.note(err)
	return n, err
}

func (f *faulty) note(err error) {
	if err != nil && err != io.EOF && *f.fault == nil {
		*f.fault = err
	}
}

// A splitReport is what a task says of a split. Each segment has one, whose start is its number and whose length its records.
type splitReport struct {
	Length  int64              `json:"length"`
	Changed bool               `json:"changed,omitempty"` // a header came that parts after this one do not know
	Summary format.FileSummary `json:"summary"`
	// Excerpts are those of the summary's faults, in order: JSON would not keep their bytes.
	Excerpts [][]byte `json:"excerpts,omitempty"`
}

// put writes the report of a split.
func (s *splitReport) put(w *Writer, x *Split) error {
	s.Length = x.Length
	for i := range s.Summary.Faults {
		e := s.Summary.Faults[i].Examples
		for k := range e {
			s.Excerpts = append(s.Excerpts, []byte(e[k].Excerpt), []byte(e[k].Detail))
			e[k].Excerpt, e[k].Detail = "", ""
		}
	}
	value, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("cannot write what was read: %w", err)
	}
	key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(x.Input)), uint64(x.Start))
	return w.Put(kindSplit, key, nil, value)
}

// readSplitReport reads what put wrote.
func (p *Plan) readSplitReport(r *Record) (x Split, s splitReport, err error) {
	if len(r.Key) != 12 {
		return x, s, errors.New("its key is damaged")
	}
	x.Input, x.Start = int(binary.BigEndian.Uint32(r.Key)), int64(binary.BigEndian.Uint64(r.Key[4:]))
	if x.Input >= len(p.Inputs) || x.Start < 0 || len(p.Segments) > 0 && (x.Input > 0 || x.Start >= int64(len(p.Segments))) {
		return x, s, errors.New("the plan has no such input")
	}
	if err := json.Unmarshal(r.Value, &s); err != nil {
		return x, s, err
	}
	x.Length = s.Length
	n := 0
	for i := range s.Summary.Faults {
		e := s.Summary.Faults[i].Examples
		for k := range e {
			if n+1 >= len(s.Excerpts) {
				return x, s, errors.New("an excerpt is missing")
			}
			e[k].Excerpt, e[k].Detail = string(s.Excerpts[n]), string(s.Excerpts[n+1])
			n += 2
		}
	}
	if f := &s.Summary; f.Lost.Groups < 0 || f.Lost.Rows < 0 || f.Lines < 0 || f.Bytes < 0 || f.Records < 0 || f.Untimed < 0 || f.Skipped < 0 || f.Malformed < 0 || s.Length < -1 {
		return x, s, errors.New("a number is negative")
	}
	return x, s, nil
}
