// Package labels trains weir on records that somebody has labelled and judges what it makes of others.
//
// The judge of probabilities is not weir's own code: score_lines.py lies beside the data.
package labels

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"weir/bench/incident"
)

// A Set is the labelled data of a directory with the judge beside them.
type Set struct {
	Shared string
	judge  string
	python string
}

// Open finds the labelled data below shared.
func Open(shared string) (*Set, error) {
	s := &Set{Shared: shared, judge: filepath.Join(shared, "bench", "score_lines.py")}
	if _, err := os.Stat(s.judge); err != nil {
		return nil, fmt.Errorf("the judge of labelled records is %w: %w", incident.ErrMissing, err)
	}
	var err error
	if s.python, err = exec.LookPath("python3"); err != nil {
		return nil, fmt.Errorf("python3, which runs the judge, is %w: %w", incident.ErrMissing, err)
	}
	return s, nil
}

// A Judgement is what score_lines.py says of scored records.
type Judgement struct {
	Good             int     `json:"good"`
	Bad              int     `json:"bad"`
	F1               float64 `json:"f1"`       // at a probability of .5
	Accuracy         float64 `json:"accuracy"` // at .5
	FalsePositives   float64 `json:"fpr"`      // of good, at .5
	AveragePrecision float64 `json:"average_precision"`
	FPR95            float64 `json:"fpr_at_95_recall"`
	Brier            float64 `json:"brier"`
	ECE              float64 `json:"ece"`
	Unsure           float64 `json:"unsure"` // share with a verdict that is neither good nor bad
}

// Judge runs score_lines.py on a file of scored records.
func (s *Set) Judge(ctx context.Context, scored string) (Judgement, error) {
	var j Judgement
	cmd := exec.CommandContext(ctx, s.python, "-B", s.judge, scored)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return j, fmt.Errorf("cannot judge %q: %w\n%s", scored, err, tail(stderr.Bytes()))
	}
	return j, json.Unmarshal(out, &j)
}

// A Manifest is what a filter says of its own training: the part of `weir train --json` that is compared with the test.
type Manifest struct {
	Good     int    `json:"good"`
	Bad      int    `json:"bad"`
	Tokens   int    `json:"tokens"`
	Learner  string `json:"learner"`
	HeldBack struct {
		By     string `json:"by"`
		Trials []struct {
			Learner          string  `json:"learner"`
			AveragePrecision float64 `json:"average_precision"`
			LogLoss          float64 `json:"log_loss"`
		} `json:"trials"`
		AveragePrecision float64 `json:"average_precision"`
		Reliability      struct {
			ECE   float64 `json:"ece"`
			Brier float64 `json:"brier"`
		} `json:"reliability"`
	} `json:"held_back"`
}

// A Result is how good a filter is on records it has not learned.
type Result struct {
	Name string
	Judgement
	Verdicts     Verdicts
	Held         Manifest
	Filter       string // its file
	Size         int64
	Train, Score time.Duration // of the whole processes
}

// Verdicts is how good the verdicts are; one that is neither good nor bad counts as wrong.
type Verdicts struct {
	Accuracy       float64
	FalsePositives float64 // of good records, how many are called bad
}

// A split is the files to train on and to test on. What bad says of a test record is the truth; the name of its file in
// the judge's eyes is NAME.bad or NAME.good.
type split struct {
	name            string
	good, bad, test []string
	flags           []string // for training
	isBad           func(file string) bool
	byFile          bool // each file is one record
}

// run trains on one part of a split and judges the other.
func (s *Set) run(ctx context.Context, weir, dir string, p *split, more ...string) (*Result, error) {
	r := &Result{Name: p.name, Filter: filepath.Join(dir, p.name+".weir")}
	args := append([]string{"train", "--json", "--filter", r.Filter}, p.flags...)
	args = append(args, more...)
	args = append(append(args, "--good"), p.good...)
	args = append(append(args, "--bad"), p.bad...)
	var manifest bytes.Buffer
	var err error
	if r.Train, err = process(ctx, &manifest, weir, args...); err != nil {
		return nil, fmt.Errorf("cannot train on %s: %w", p.name, err)
	}
	if err := json.Unmarshal(manifest.Bytes(), &r.Held); err != nil {
		return nil, fmt.Errorf("cannot read what weir train --json says of %s: %w", p.name, err)
	}
	info, err := os.Stat(r.Filter)
	if err != nil {
		return nil, err
	}
	r.Size = info.Size()
	raw, scored := filepath.Join(dir, p.name+".raw"), filepath.Join(dir, p.name+".scored")
	out, err := os.Create(raw)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if r.Score, err = process(ctx, out, weir, append([]string{"score", "--json", "--filter", r.Filter}, p.test...)...); err != nil {
		return nil, fmt.Errorf("cannot score %s: %w", p.name, err)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if r.Verdicts, err = name(out, scored, p); err != nil {
		return nil, err
	}
	r.Judgement, err = s.Judge(ctx, scored)
	return r, err
}

// name rewrites scored records as the judge wants them named, and counts the verdicts.
func name(in io.Reader, scored string, p *split) (v Verdicts, err error) {
	f, err := os.Create(scored)
	if err != nil {
		return v, err
	}
	w := bufio.NewWriter(f)
	defer func() { err = errors.Join(err, w.Flush(), f.Close()) }()
	var right, good, alarms, n float64
	seen := map[string]int64{}
	for lines := bufio.NewScanner(in); ; {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return v, err
			}
			break
		}
		var x struct {
			File        string  `json:"file"`
			Line        int64   `json:"line"`
			Probability float64 `json:"probability"`
			Verdict     string  `json:"verdict"`
		}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return v, fmt.Errorf("weir score --json wrote %.200q: %w", lines.Bytes(), err)
		}
		bad := p.isBad(x.File)
		x.File = p.name + ".good"
		if bad {
			x.File = p.name + ".bad"
		}
		seen[x.File]++
		if p.byFile {
			x.Line = seen[x.File]
		}
		n++
		if x.Verdict == map[bool]string{false: "good", true: "bad"}[bad] {
			right++
		}
		if !bad {
			good++
			if x.Verdict == "bad" {
				alarms++
			}
		}
		line, err := json.Marshal(x)
		if err != nil {
			return v, err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return v, err
		}
	}
	if n == 0 || good == 0 {
		return v, fmt.Errorf("weir score --json wrote %v records for %s, %v of them good", n, p.name, good)
	}
	return Verdicts{Accuracy: right / n, FalsePositives: alarms / good}, nil
}

func process(ctx context.Context, stdout io.Writer, weir string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, weir, args...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, tail(stderr.Bytes()))
	}
	return time.Since(begun), nil
}

// tail is the end of what a program said: where thousands of files are at fault, it says so thousands of times.
func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
