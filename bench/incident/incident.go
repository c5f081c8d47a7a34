// Package incident runs weir on recorded break-ins with known truth and judges the ranking.
//
// An incident is a directory with logs/, incident.json (the window) and truth.csv.gz. The judge is not weir's own code:
// score_ranking.py, which lies beside the incidents, reads the logs with a parser of its own.
package incident

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Incident is one recorded break-in.
type Incident struct {
	Name string
	dir  string
	Span
	Hosts []string `json:"hosts"`
	Also  []Span   `json:"also"` // further windows: neither suspicious nor known good
}

// A Span is a window; an end that is null is open.
type Span struct {
	From *string `json:"from"`
	To   *string `json:"to"`
}

func (s Span) text() string {
	end := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	return end(s.From) + "/" + end(s.To)
}

// Text is the window as --window takes it.
func (in *Incident) Text() string { return in.Span.text() }

// Others are the further windows as --ignore takes them.
func (in *Incident) Others() []string {
	var out []string
	for _, a := range in.Also {
		out = append(out, a.text())
	}
	return out
}

// Family is what an incident shares with its variants: figures are averaged over families, so that four variants of one
// exercise do not count four times.
func (in *Incident) Family() string {
	if strings.HasPrefix(in.Name, "ait-") {
		return "ait"
	}
	name, variant, ok := cutLast(in.Name, "-")
	if ok && len(variant) == 1 {
		return name
	}
	return in.Name
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// A Set is the incidents of a directory with the judge beside them.
type Set struct {
	Incidents []*Incident
	shared    string
	python    string
}

// ErrMissing is wrapped where the incidents or what judges them are not on this machine.
var ErrMissing = errors.New("not on this machine")

// Shared returns where the data lie that are no part of the project: $WEIR_SHARED, or shared/ beside the module.
func Shared(root string) string {
	if dir := os.Getenv("WEIR_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join(root, "..", "shared")
}

// Open finds the incidents below shared.
func Open(shared string) (*Set, error) {
	s := &Set{shared: shared}
	files, err := filepath.Glob(filepath.Join(shared, "data", "incidents", "*", "incident.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the incidents are %w: nothing like %s", ErrMissing, filepath.Join(shared, "data", "incidents", "*", "incident.json"))
	}
	if _, err := os.Stat(s.judge()); err != nil {
		return nil, fmt.Errorf("the judge of rankings is %w: %w", ErrMissing, err)
	}
	if s.python, err = exec.LookPath("python3"); err != nil {
		return nil, fmt.Errorf("python3, which runs the judge, is %w: %w", ErrMissing, err)
	}
	slices.Sort(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		in := &Incident{dir: filepath.Dir(file), Name: filepath.Base(filepath.Dir(file))}
		if err := json.Unmarshal(text, in); err != nil {
			return nil, fmt.Errorf("cannot read incident %q: %w", file, err)
		}
		s.Incidents = append(s.Incidents, in)
	}
	return s, nil
}

func (s *Set) judge() string { return filepath.Join(s.shared, "bench", "score_ranking.py") }

// Dir is where the incident lies.
func (in *Incident) Dir() string { return in.dir }

// Args returns the command line of the hunt that a person would type for the incident.
func (in *Incident) Args(more ...string) []string { return in.ArgsOf("hunt", more...) }

// ArgsOf returns the same command line for another command that takes the flags of a hunt.
func (in *Incident) ArgsOf(command string, more ...string) []string {
	args := []string{command, "--window", in.text()}
	for _, h := range in.Hosts {
		args = append(args, "--host", h)
	}
	for _, a := range in.Also {
		args = append(args, "--ignore", a.text())
	}
	return append(append(args, more...), filepath.Join(in.dir, "logs"))
}

// A Quality is how good the ranking of one incident is.
type Quality struct {
	Events     int             `json:"n_window"`
	Missing    int             `json:"n_missing"`
	APDistinct float64         `json:"ap_distinct"`
	Kinds      map[string]Kind `json:"kinds"`
	Funnel     Funnel          `json:"-"`
	Took       time.Duration   `json:"-"` // of the hunt
}

// A Kind is one kind of attack step.
type Kind struct {
	Events        int     `json:"n"`
	FirstDistinct float64 `json:"first_distinct"` // share of the window's contents read before its first event
}

// A Funnel is what the steps that are on by default do.
type Funnel struct {
	Benign  int      `json:"benign"`  // distinct contents without a malicious event
	Removed int      `json:"removed"` // of them, those all of whose events a step flagged
	Kinds   int      `json:"kinds"`   // kinds of attack steps
	Lost    []string `json:"lost"`    // of them, those all of whose events a step flagged
}

// Share is the share of distinct benign contents that the funnel removed.
func (f Funnel) Share() float64 {
	if f.Benign == 0 {
		return 0
	}
	return float64(f.Removed) / float64(f.Benign)
}

// Judge hunts in an incident with the weir binary and judges the ranking. It leaves the ranking in dir.
func (s *Set) Judge(ctx context.Context, weir string, in *Incident, dir string) (*Quality, error) {
	ranking := filepath.Join(dir, in.Name+".ranking")
	start := time.Now()
	if err := in.rank(ctx, weir, ranking); err != nil {
		return nil, fmt.Errorf("cannot hunt in %s: %w", in.Name, err)
	}
	q := &Quality{Took: time.Since(start)}
	if err := s.run(ctx, q, s.judge(), in.dir, ranking); err != nil {
		return nil, fmt.Errorf("cannot judge %s: %w", in.Name, err)
	}
	if err := s.run(ctx, &q.Funnel, "-", filepath.Dir(s.judge()), in.dir, ranking); err != nil {
		return nil, fmt.Errorf("cannot judge the funnel of %s: %w", in.Name, err)
	}
	return q, nil
}

//go:embed funnel.py
var funnelScript string

// run runs a Python script, "-" for the funnel's, and reads the JSON it prints.
func (s *Set) run(ctx context.Context, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, s.python, append([]string{"-B"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if args[0] == "-" {
		cmd.Stdin = strings.NewReader(funnelScript)
	}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	return json.Unmarshal(out, into)
}

// rank writes weir's ranking of every suspicious event, without the evidence, which would be gigabytes.
func (in *Incident) rank(ctx context.Context, weir, name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	defer func() { err = errors.Join(err, w.Flush(), f.Close()) }()
	cmd := exec.CommandContext(ctx, weir, in.Args("--json", "--all")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := compact(out, w); err != nil {
		_ = cmd.Process.Kill()
		return errors.Join(err, cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	return nil
}

// compact keeps of every line of a ranking what the judges read.
func compact(r io.Reader, w *bufio.Writer) error {
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			small, e := shorten(line)
			if e != nil {
				return e
			}
			if _, e := w.Write(small); e != nil {
				return e
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// shorten cuts the evidence and the raw line out of a ranking's line before it is parsed, since they are most of it.
func shorten(line []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(line, []byte(`,"evidence":`))
	if ok {
		i := bytes.LastIndex(rest, []byte(`,"narrowed_by":`))
		j := bytes.LastIndex(rest, []byte(`,"raw":`))
		if i >= 0 && i < j {
			line = append(append(slices.Clone(head), rest[i:j]...), '}')
		}
	}
	var x struct {
		File       string   `json:"file"`
		Line       int64    `json:"line"`
		Score      *float64 `json:"score"`
		NarrowedBy *string  `json:"narrowed_by"`
	}
	if err := json.Unmarshal(line, &x); err != nil {
		return nil, fmt.Errorf("weir wrote a line that is no JSON: %w", err)
	}
	if x.Score == nil || x.File == "" || x.Line < 1 {
		return nil, fmt.Errorf("weir wrote a line without file, line or score: %.200s", line)
	}
	out, err := json.Marshal(x)
	return append(out, '\n'), err
}

// Peers returns the best of scikit-learn's figures for each incident, as the table in the data's README.md gives them.
func Peers(shared string) (map[string]float64, error) {
	text, err := os.ReadFile(filepath.Join(shared, "data", "README.md"))
	if err != nil {
		return nil, fmt.Errorf("scikit-learn's figures are %w: %w", ErrMissing, err)
	}
	out := map[string]float64{}
	columns := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if strings.TrimSpace(cells[0]) == "incident" && strings.Contains(line, "MultinomialNB") {
			columns = len(cells)
			continue
		}
		if len(cells) != columns || columns < 4 {
			columns = 0
			continue
		}
		best := 0.0
		for _, c := range cells[3:] {
			if v, err := strconv.ParseFloat(strings.TrimSpace(c), 64); err == nil {
				best = max(best, v)
			}
		}
		if best > 0 {
			out[strings.TrimSpace(cells[0])] = best
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("scikit-learn's figures are %w: no table in the data's README.md", ErrMissing)
	}
	return out, nil
}

// FamilyMean averages a figure within families, then over them.
func FamilyMean(incidents []*Incident, of func(*Incident) float64) float64 {
	type sum struct{ total, n float64 }
	var order []string
	families := map[string]*sum{}
	for _, in := range incidents {
		f := families[in.Family()]
		if f == nil {
			f = &sum{}
			families[in.Family()] = f
			order = append(order, in.Family())
		}
		f.total += of(in)
		f.n++
	}
	mean := 0.0
	for _, name := range order {
		mean += families[name].total / families[name].n / float64(len(order))
	}
	return mean
}
