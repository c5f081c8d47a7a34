package mapreduce

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"

	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// PlanVersion is the version of plans and of records.
const PlanVersion = 3

// A Plan is all that a task is told: it is made once, before the job is given to an engine, and sent along.
type Plan struct {
	Version int     `json:"version"`
	Weir    string  `json:"weir"`   // the version that made it
	Scheme  int     `json:"scheme"` // token.Version
	Job     string  `json:"job"`
	Seed    uint64  `json:"seed,string"` // of hashes, where the job does not have its own
	Zone    string  `json:"zone"`
	Buckets uint    `json:"buckets"` // counts of one field are divided into 2^Buckets bundles
	Inputs  []Input `json:"inputs"`  // in the order of the command line

	// Segments are the files of an archive that hold the records of the inputs; without any the inputs are read.
	Segments []Segment       `json:"segments,omitempty"`
	archived *format.Summary // what was read when the records came into the archive; nil in tasks

	Format string         `json:"format,omitempty"` // all logs are read as this
	Choice *format.Choice `json:"choice,omitempty"` // or as the examples of a filter
	GeoIP  string         `json:"geoip,omitempty"`  // a database of countries and networks

	// Sent are files of the machine that asks, as they were named there, that go along with the plan ([Plan.File]).
	Sent []string `json:"sent,omitempty"`
	dir  string   // where the plan lies, and what was sent with it; empty where it was made

	// Heads is the hash of the file in which the beginnings of many logs go along ([Plan.DetachHeads]); 0 where each is in its input.
	Heads  uint64      `json:"heads,string,omitempty"`
	heads  []byte      // where the plan was made
	beside io.ReaderAt // in tasks

	Options json.RawMessage `json:"options,omitempty"` // the job's own
}

// An Input is a log.
type Input struct {
	Name        string `json:"name"`                  // as people know it
	Path        string `json:"path,omitempty"`        // where tasks find it, where that is not Name
	Size        int64  `json:"size"`                  // bytes, as stored
	Modified    int64  `json:"modified,omitempty"`    // nanoseconds since 1970
	Compression string `json:"compression,omitempty"` // gzip, zstd, bzip2
	Head        []byte `json:"head,omitempty"`        // its first lines (format.HeadOf), gzipped; or else
	HeadAt      int64  `json:"head_at,omitempty"`     // where they are among the plan's heads
	HeadLen     int64  `json:"head_len,omitempty"`    // and how many bytes, gzipped
	Shaped      bool   `json:"shaped,omitempty"`      // its records do not stand in lines (source.Stream.Shaped)
	Whole       bool   `json:"whole,omitempty"`       // it must be read by one task, from its beginning
	Table       string `json:"table,omitempty"`       // of a table: which it is (source.Stream.RowGroups)
	Runs        []Run  `json:"runs,omitempty"`        // and its row groups, if tasks may share it
	Source      int64  `json:"source,omitempty"`      // of an archive: the number by which segments call it
	Err         string `json:"err,omitempty"`         // why it cannot be read at all; no task reads it
}

// Bounds of plans.
const (
	maxInputs  = 1 << 20
	maxBuckets = 16
	// DefaultBuckets makes 64 bundles of a field: 50 million tokens of one are 800,000 in each.
	DefaultBuckets = 6
)

// ErrPlan is wrapped by errors of reading what is no plan, or one of another weir.
var ErrPlan = errors.New("not a plan of this weir")

// NewPlan returns a plan without inputs.
func NewPlan(weir, job string, seed uint64, zone *time.Location) *Plan {
	return &Plan{Version: PlanVersion, Weir: weir, Scheme: token.Version, Job: job, Seed: seed, Zone: zone.String(), Buckets: DefaultBuckets}
}

// Add adds a log to the plan, which is called path by tasks, where that is not its name. A log that cannot be read is added with
// the reason, as a scan would note it. The error is that nobody knows how long it is, as of a pipe.
func (p *Plan) Add(in source.Input, path string) error {
	if in.Size < 0 || in.Once() {
		return fmt.Errorf("%q is no file: tasks on other machines cannot read it; put it into a file first", in.Name)
	}
	if !utf8.ValidString(in.Name) || !utf8.ValidString(path) {
		return fmt.Errorf("%q has a name that is not UTF-8, which a plan cannot hold; rename it", in.Name)
	}
	x := Input{Name: in.Name, Size: in.Size}
	if path != in.Name {
		x.Path = path
	}
	if !in.ModTime.IsZero() {
		x.Modified = in.ModTime.UnixNano()
	}
	head, whole, err := x.look(in)
	if err != nil {
		x.Err = err.Error()
	}
	return p.add(x, head, whole)
}

// look reads the beginning of a log.
func (x *Input) look(in source.Input) (head []byte, whole bool, err error) {
	s, err := in.Open()
	if err != nil {
		return nil, false, err
	}
	defer s.Close()
	x.Compression, x.Shaped = s.Compression(), s.Shaped()
	head = make([]byte, format.SampleBytes)
	n, err := io.ReadFull(s, head)
	whole = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !whole {
		return nil, false, fmt.Errorf("cannot read it: %w", err)
	}
	x.share(s, head[:n], whole)
	return head[:n], whole, nil
}

func (p *Plan) add(in Input, head []byte, whole bool) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err = z.Write(format.HeadOf(head, whole)); err == nil {
		err = z.Close()
	}
	in.Head = b.Bytes()
	p.Inputs = append(p.Inputs, in)
	return err
}

// Write writes the plan.
func (p *Plan) Write(w io.Writer) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("cannot write the plan: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// ReadPlan reads a plan and checks it.
func ReadPlan(r io.Reader) (*Plan, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("cannot read the plan: %w", err)
	}
	p := &Plan{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return p, nil
}

// Check says what is wrong with a plan.
func (p *Plan) Check() error {
	switch {
	case p.Version != PlanVersion:
		return fmt.Errorf("it has version %d, this weir reads %d; the tasks must run the weir that made the plan (%s)", p.Version, PlanVersion, p.Weir)
	case p.Scheme != token.Version:
		return fmt.Errorf("its tokens are of version %d, those of this weir of %d; the tasks must run the weir that made the plan (%s)", p.Scheme, token.Version, p.Weir)
	case p.Job == "":
		return errors.New("it names no job")
	case p.Buckets > maxBuckets:
		return fmt.Errorf("%d buckets bits are more than %d", p.Buckets, maxBuckets)
	case len(p.Inputs) == 0 || len(p.Inputs) > maxInputs:
		return fmt.Errorf("it has %d inputs", len(p.Inputs))
	}
	// JSON writes what is no UTF-8 as something else, and the tasks would have another plan than the one who asks.
	for _, name := range append([]string{p.GeoIP}, p.Sent...) {
		if !utf8.ValidString(name) {
			return fmt.Errorf("%q has a name that is not UTF-8, which a plan cannot hold; rename it", name)
		}
	}
	for i := range p.Inputs {
		if in := &p.Inputs[i]; !utf8.ValidString(in.Name) || !utf8.ValidString(in.Path) {
			return fmt.Errorf("the log %q has a name that is not UTF-8, which a plan cannot hold; leave out 'job'", in.Name)
		}
	}
	if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "Local" {
		return fmt.Errorf("there is no time zone %q here", p.Zone)
	}
	if len(p.Segments) > 0 {
		return p.checkArchive()
	}
	seen := map[string]bool{}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		switch {
		case in.Name == "":
			return fmt.Errorf("input %d has no name", i)
		case in.Size < 0:
			return fmt.Errorf("input %d has a size of %d bytes", i, in.Size)
		case seen[in.path()]:
			return fmt.Errorf("input %q is there twice", in.path())
		}
		if err := in.checkRuns(); err != nil {
			return err
		}
		seen[in.path()] = true
	}
	return nil
}

// SentName is what the i-th of the files that go along with a plan is called beside it. No name of a user's goes through an engine.
func SentName(i int) string { return fmt.Sprintf("sent-%d", i) }

// LiesIn tells a plan that was read in which directory it lies, and has it take the beginnings of logs out of heads, the file [HeadsName]
// there; nil where its Heads are 0.
func (p *Plan) LiesIn(dir string, heads io.ReaderAt) { p.dir, p.beside = dir, heads }

// File returns where a file is that the plan's job names: in a task, what was sent along; where the plan was made, the file itself.
func (p *Plan) File(name string) string {
	if i := slices.Index(p.Sent, name); i >= 0 && p.dir != "" {
		return filepath.Join(p.dir, SentName(i))
	}
	return name
}

func (in *Input) path() string {
	if in.Path != "" {
		return in.Path
	}
	return in.Name
}

// Where returns where tasks find the log.
func (in *Input) Where() string { return in.path() }

// First returns where the first file is that tasks open.
func (p *Plan) First() string {
	if len(p.Segments) > 0 {
		return p.Segments[0].Path
	}
	return p.Inputs[0].path()
}

// Size returns how many bytes there are to read, as logs have them: segments, which are packed, count as what is in them.
func (p *Plan) Size() (n int64) {
	for i := range p.Inputs {
		n += p.Inputs[i].Size
	}
	for i := range p.Segments {
		n += p.Segments[i].Size * segmentShare
	}
	return n
}

// Splittable reports whether several tasks may read parts of the log.
func (in *Input) Splittable() bool {
	return !in.Whole && !in.Shaped && (in.Compression == "" || in.Compression == "bzip2")
}

// Find returns the index of the input that an engine calls name: by its path, or by the path without scheme and host, which engines
// write in several ways.
func (p *Plan) Find(name string) (int, error) {
	for i := range p.Inputs {
		if p.Inputs[i].path() == name {
			return i, nil
		}
	}
	found, bare := -1, barePath(name)
	for i := range p.Inputs {
		if barePath(p.Inputs[i].path()) == bare {
			if found >= 0 {
				return 0, fmt.Errorf("the plan has several inputs %q", name)
			}
			found = i
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("the plan has no input %q", name)
	}
	return found, nil
}

// barePath is the path of a file without scheme and host.
func barePath(name string) string {
	if i := strings.Index(name, ":/"); i > 0 && !strings.ContainsAny(name[:i], "/\\") {
		rest := name[i+1:]
		if strings.HasPrefix(rest, "//") {
			_, rest, _ = strings.Cut(rest[2:], "/")
			rest = "/" + rest
		}
		name = rest
		if u, err := url.PathUnescape(name); err == nil && strings.Contains(name, "%") {
			name = u
		}
	}
	return path.Clean(name)
}

// Location returns the plan's time zone.
func (p *Plan) Location() *time.Location {
	z, err := time.LoadLocation(p.Zone)
	if err != nil {
		return time.UTC // check has seen it
	}
	return z
}

// fingerprint tells plans apart.
func (p *Plan) fingerprint() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		b = nil // it was read from JSON
	}
	return binary.BigEndian.AppendUint64(nil, xxh3.Hash(b))
}

// DecodeOptions reads the job's own options into x. Options that this weir does not know are an error.
func (p *Plan) DecodeOptions(x any) error {
	if len(p.Options) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(p.Options))
	d.DisallowUnknownFields()
	if err := d.Decode(x); err != nil {
		return fmt.Errorf("%w: its options: %w", ErrPlan, err)
	}
	return nil
}
