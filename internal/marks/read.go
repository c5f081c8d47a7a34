package marks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Bounds of a journal.
const (
	maxLine     = 64 << 20 // bytes
	firstFaults = 10
)

// Faults of a journal that a person can mend.
var (
	ErrFaults = errors.New("cannot use the marks")
	ErrNewer  = errors.New("the marks were made by a newer weir")
)

// lineJSON is a line of the file: the contract of docs/marks.md.
type lineJSON struct {
	Version int           `json:"weir_marks"`
	ID      string        `json:"id"`
	When    string        `json:"when"`
	Who     string        `json:"who"`
	What    What          `json:"what,omitempty"`
	Note    string        `json:"note,omitempty"`
	Unmark  string        `json:"unmark,omitempty"`
	Span    *spanJSON     `json:"span,omitempty"`
	Records []recordsJSON `json:"records,omitempty"`
}

type spanJSON struct {
	From  string   `json:"from,omitempty"`
	To    string   `json:"to,omitempty"`
	Hosts []string `json:"hosts,omitempty"`
	Where string   `json:"where,omitempty"`
}

type recordsJSON struct {
	File   string   `json:"file"`
	Lines  []int64  `json:"lines"`
	Hashes []string `json:"hashes"`
	Time   string   `json:"time,omitempty"`
}

// Encode returns the line of a mark, with its end. Marks that do not hold what they should are an error.
func (m *Mark) Encode() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("BUG: a mark that no journal takes: %w", err)
	}
	j := lineJSON{Version: Version, ID: m.ID, When: m.When.UTC().Format(time.RFC3339Nano), Who: m.Who, What: m.What, Note: m.Note, Unmark: m.Unmark}
	if s := m.Span; s != nil {
		j.Span = &spanJSON{Hosts: s.Hosts, Where: s.Where}
		if !s.From.IsZero() {
			j.Span.From = s.From.UTC().Format(time.RFC3339Nano)
		}
		if !s.To.IsZero() {
			j.Span.To = s.To.UTC().Format(time.RFC3339Nano)
		}
	}
	for i := range m.Records {
		r := &m.Records[i]
		x := recordsJSON{File: r.File, Lines: r.Lines, Time: r.Time, Hashes: make([]string, len(r.Hashes))}
		for k, h := range r.Hashes {
			x.Hashes[k] = fmt.Sprintf("%016x", h)
		}
		j.Records = append(j.Records, x)
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(&j); err != nil {
		return nil, fmt.Errorf("cannot write a mark: %w", err)
	}
	if b.Len() > maxLine {
		return nil, fmt.Errorf("a mark of %d MiB is more than a journal takes; mark fewer records at once", b.Len()>>20)
	}
	return b.Bytes(), nil
}

// decode reads one line.
func decode(line []byte) (*Mark, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	var version struct {
		Version *int `json:"weir_marks"`
	}
	if err := json.Unmarshal(line, &version); err != nil {
		return nil, fmt.Errorf("this is no JSON object: %w", err)
	}
	switch {
	case version.Version == nil:
		return nil, errors.New(`this is no mark: it does not say "weir_marks"`)
	case *version.Version > Version:
		return nil, fmt.Errorf("%w: version %d, this one reads up to %d", ErrNewer, *version.Version, Version)
	case *version.Version < 1:
		return nil, fmt.Errorf("there is no version %d of marks", *version.Version)
	}
	d.DisallowUnknownFields() // half of what a mark says would be another mark
	var j lineJSON
	if err := d.Decode(&j); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	m := &Mark{ID: j.ID, Who: j.Who, What: j.What, Note: j.Note, Unmark: j.Unmark}
	var err error
	if m.When, err = instant("when", j.When); err != nil {
		return nil, err
	}
	if s := j.Span; s != nil {
		m.Span = &Span{Hosts: s.Hosts, Where: s.Where}
		if m.Span.From, err = instant("from", s.From); err != nil {
			return nil, err
		}
		if m.Span.To, err = instant("to", s.To); err != nil {
			return nil, err
		}
	}
	for _, x := range j.Records {
		r := Records{File: x.File, Lines: x.Lines, Time: x.Time}
		for _, text := range x.Hashes {
			h, err := strconv.ParseUint(text, 16, 64)
			if err != nil || len(text) != 16 {
				return nil, fmt.Errorf("the hash %q has to be 16 hexadecimal digits", cut(text))
			}
			r.Hashes = append(r.Hashes, h)
		}
		m.Records = append(m.Records, r)
	}
	return m, m.Validate()
}

func instant(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s is %q, not a time as 2026-03-02T09:14:03Z", name, cut(text))
	}
	return t, nil
}

// Read reads a journal. Faults are told together, the first ten with their lines (ErrFaults). A last line that was cut short,
// by a crash while it was written, is no fault: Set.Torn tells of it, and the next Append takes it out. Other errors are the
// reader's.
func Read(r io.Reader) (*Set, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	s := &Set{byID: map[string]int{}}
	p := &parser{set: s, lines: map[string]string{}}
	for at := 1; ; at++ {
		line, err := readLine(in)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("cannot read the marks: %w", err)
		}
		whole := err == nil
		if text := bytes.TrimSpace(line); len(text) > 0 {
			if !whole && !json.Valid(text) {
				s.Torn = true
			} else {
				p.line(at, text)
			}
		}
		if !whole {
			return s, p.finish()
		}
	}
}

// readLine returns a line without its end; io.EOF with what stands behind the last one.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine+1 {
			return nil, fmt.Errorf("a line is longer than %d MiB", maxLine>>20)
		}
		if err != bufio.ErrBufferFull {
			return bytes.TrimSuffix(line, []byte("\n")), err
		}
	}
}

type parser struct {
	set    *Set
	lines  map[string]string // by id, short lines as they stand
	newer  bool
	faults []string
	more   int
}

func (p *parser) fault(at int, text string) {
	if len(p.faults) == firstFaults {
		p.more++
		return
	}
	for i, part := range strings.Split(text, "\n") {
		if i > 0 && len(p.faults) == firstFaults {
			p.more++
			continue
		}
		p.faults = append(p.faults, fmt.Sprintf("line %d: %s", at, part))
	}
}

func (p *parser) line(at int, text []byte) {
	m, err := decode(text)
	if err != nil {
		p.newer = p.newer || errors.Is(err, ErrNewer)
		p.fault(at, err.Error())
		return
	}
	s := p.set
	hash := strconv.FormatUint(Hash(text), 16)
	if _, twice := s.byID[m.ID]; twice {
		if p.lines[m.ID] != hash { // the same line twice is a journal that was put behind itself
			p.fault(at, fmt.Sprintf("the id %s stands in line %d already, for something else", m.ID, s.all[s.byID[m.ID]].line))
		}
		return
	}
	m.line = at
	p.lines[m.ID] = hash
	s.byID[m.ID] = len(s.all)
	s.all = append(s.all, *m)
}

// finish takes back what was taken back.
func (p *parser) finish() error {
	s := p.set
	gone := map[int]bool{}
	for i := range s.all {
		if m := &s.all[i]; m.Unmark != "" {
			at, known := s.byID[m.Unmark]
			switch {
			case !known:
				p.fault(m.line, fmt.Sprintf("there is no mark %s to take back", m.Unmark))
			case s.all[at].Unmark != "":
				p.fault(m.line, fmt.Sprintf("%s takes a mark back itself; mark anew instead", m.Unmark))
			}
			gone[at] = known
		}
	}
	if len(p.faults) > 0 {
		text := strings.Join(p.faults, "\n")
		if p.more > 0 {
			text += fmt.Sprintf("\nand %d more", p.more)
		}
		if p.newer {
			return fmt.Errorf("%w, %w:\n%s", ErrFaults, ErrNewer, text)
		}
		return fmt.Errorf("%w:\n%s", ErrFaults, text)
	}
	for i := range s.all {
		if m := &s.all[i]; m.Unmark == "" && !gone[i] {
			s.standing = append(s.standing, m)
		}
	}
	return nil
}
