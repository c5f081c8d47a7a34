package labels

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/bench/incident"
)

// LineSets are the sets of lines, by the name of their directory.
var LineSets = []string{"csic2010", "httpparams"}

// LinesDir is where a set of lines lies.
func (s *Set) LinesDir(set string) string {
	return filepath.Join(s.Shared, "data", "m1-http", set, "lines")
}

// Lines trains and judges on one of LineSets.
func (s *Set) Lines(ctx context.Context, weir, dir, set string, more ...string) (*Result, error) {
	from := s.LinesDir(set)
	p := &split{
		name:  set,
		good:  []string{filepath.Join(from, "train.good.txt.gz")},
		bad:   []string{filepath.Join(from, "train.bad.txt.gz")},
		test:  []string{filepath.Join(from, "test.good.txt.gz"), filepath.Join(from, "test.bad.txt.gz")},
		isBad: func(file string) bool { return strings.Contains(filepath.Base(file), ".bad") },
	}
	if err := present(append(append(p.good, p.bad...), p.test...)...); err != nil {
		return nil, err
	}
	return s.run(ctx, weir, dir, p, more...)
}

// EvaluateLines returns what weir evaluate says of a filter on the test records of one of LineSets. Judge says it of the same
// records with a program that shares no code with weir.
func (s *Set) EvaluateLines(ctx context.Context, weir, filter, set string) (Judgement, error) {
	from := s.LinesDir(set)
	var out bytes.Buffer
	if _, err := process(ctx, &out, weir, "evaluate", "--json", "--filter", filter,
		"--good", filepath.Join(from, "test.good.txt.gz"), "--bad", filepath.Join(from, "test.bad.txt.gz")); err != nil {
		return Judgement{}, fmt.Errorf("cannot evaluate on %s: %w", set, err)
	}
	type figure struct {
		Value float64 `json:"value"`
	}
	var x struct {
		Good             int    `json:"good"`
		Bad              int    `json:"bad"`
		F1               figure `json:"f1"`
		Accuracy         figure `json:"accuracy"`
		FPR              figure `json:"fpr"`
		AveragePrecision figure `json:"average_precision"`
		FPR95            figure `json:"fpr_at_95_recall"`
		Reliability      struct {
			ECE   float64 `json:"ece"`
			Brier float64 `json:"brier"`
		} `json:"reliability"`
	}
	if err := json.Unmarshal(out.Bytes(), &x); err != nil {
		return Judgement{}, fmt.Errorf("cannot read what weir evaluate --json says: %w", err)
	}
	return Judgement{Good: x.Good, Bad: x.Bad, F1: x.F1.Value, Accuracy: x.Accuracy.Value, FalsePositives: x.FPR.Value,
		AveragePrecision: x.AveragePrecision.Value, FPR95: x.FPR95.Value, ECE: x.Reliability.ECE, Brier: x.Reliability.Brier}, nil
}

func present(files ...string) error {
	for _, name := range files {
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("labelled data are %w: %w", incident.ErrMissing, err)
		}
	}
	return nil
}

// Mail trains on half of the mails and judges the other half, each mail one record. The seed says which half: of each of
// the three folders, half of the mails. The names of test files say nothing about what they are.
func (s *Set) Mail(ctx context.Context, weir, dir string, seed uint64, more ...string) (*Result, error) {
	packed := filepath.Join(s.Shared, "data", "spam", "spamassassin_2003_set1.tar.gz")
	if err := present(packed); err != nil {
		return nil, err
	}
	p := &split{name: fmt.Sprintf("mail-%d", seed), flags: []string{"--record", "file"}, byFile: true}
	root := filepath.Join(dir, p.name)
	good, bad, test := filepath.Join(root, "good"), filepath.Join(root, "bad"), filepath.Join(root, "test")
	p.good, p.bad, p.test = []string{good}, []string{bad}, []string{test}
	for _, d := range []string{good, bad, test} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	defer os.RemoveAll(root)
	folders, err := mails(packed)
	if err != nil {
		return nil, fmt.Errorf("cannot unpack %q: %w", packed, err)
	}
	isBad := map[string]bool{}
	chance := rand.New(rand.NewPCG(seed, 0))
	for _, folder := range []string{"easy-ham-1", "hard-ham-1", "spam-1"} {
		all, train := folders[folder], good
		if len(all) < 100 {
			return nil, fmt.Errorf("%s holds %d mails in %s", packed, len(all), folder)
		}
		if folder == "spam-1" {
			train = bad
		}
		for i, at := range chance.Perm(len(all)) {
			name := filepath.Join(train, fmt.Sprintf("%s-%04d.txt", folder, at))
			if i >= len(all)/2 {
				name = filepath.Join(test, fmt.Sprintf("%08x.txt", chance.Uint32()))
				if _, ok := isBad[name]; ok {
					return nil, fmt.Errorf("seed %d gives two mails the same name", seed)
				}
				isBad[name] = train == bad
			}
			if err := os.WriteFile(name, all[at], 0o644); err != nil {
				return nil, err
			}
		}
	}
	p.isBad = func(file string) bool { return isBad[file] }
	r, err := s.run(ctx, weir, dir, p, more...)
	if err == nil && r.Judgement.Good+r.Judgement.Bad != len(isBad) {
		return nil, fmt.Errorf("%d of %d mails were scored", r.Judgement.Good+r.Judgement.Bad, len(isBad))
	}
	return r, err
}

// mails reads the mails of an archive by folder, in the order of their names.
func mails(packed string) (map[string][][]byte, error) {
	f, err := os.Open(packed)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if texts[h.Name], err = io.ReadAll(t); err != nil {
			return nil, err
		}
	}
	out := map[string][][]byte{}
	var names []string
	for n := range texts {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		folder := filepath.Base(filepath.Dir(n))
		out[folder] = append(out[folder], texts[n])
	}
	return out, nil
}

// FlowFiles returns the train and test files of NSL-KDD.
func (s *Set) FlowFiles() (train, test string) {
	from := filepath.Join(s.Shared, "data", "m1-flows", "nsl-kdd")
	return filepath.Join(from, "KDDTrain+_20Percent.txt.gz"), filepath.Join(from, "KDDTest+.txt.gz")
}

// Flows trains on NSL-KDD's train file and judges its test file: CSV without a header, of which weir is told nothing.
func (s *Set) Flows(ctx context.Context, weir, dir string, more ...string) (*Result, error) {
	train, test := s.FlowFiles()
	if err := present(train, test); err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "nsl-kdd")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	p := &split{
		name:  "nsl-kdd",
		good:  []string{filepath.Join(root, "train.good.csv")},
		bad:   []string{filepath.Join(root, "train.bad.csv")},
		test:  []string{filepath.Join(root, "test.good.csv"), filepath.Join(root, "test.bad.csv")},
		isBad: func(file string) bool { return strings.Contains(filepath.Base(file), ".bad") },
	}
	if err := dealFlows(train, p.good[0], p.bad[0]); err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", train, err)
	}
	if err := dealFlows(test, p.test[0], p.test[1]); err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", test, err)
	}
	return s.run(ctx, weir, dir, p, more...)
}

// dealFlows writes the records of a file of NSL-KDD by class, without the class (column 42) and the difficulty (43).
func dealFlows(packed, good, bad string) (err error) {
	f, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	var out [2]*bufio.Writer
	for i, name := range []string{good, bad} {
		f, e := os.Create(name)
		if e != nil {
			return e
		}
		out[i] = bufio.NewWriter(f)
		defer func() { err = errors.Join(err, out[i].Flush(), f.Close()) }()
	}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		cells := strings.Split(strings.TrimSpace(lines.Text()), ",")
		if len(cells) != 43 {
			return fmt.Errorf("a record has %d columns, not 43", len(cells))
		}
		w := out[1]
		if cells[41] == "normal" {
			w = out[0]
		}
		if _, err := fmt.Fprintln(w, strings.Join(cells[:41], ",")); err != nil {
			return err
		}
	}
	return lines.Err()
}
