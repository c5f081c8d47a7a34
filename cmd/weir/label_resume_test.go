package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/decide"
	"weir/internal/filter"
	"weir/internal/marks"
	"weir/internal/review"
)

// A madePool is suspects that were made up: item i is line i+1 of a file, of row i/5.
type madePool struct {
	x     []review.Item
	bound *marks.Labeller
}

func (p *madePool) raw(item int) []byte { return fmt.Appendf(nil, "record %d", item) }

func (p *madePool) items() []review.Item { return p.x }

func (p *madePool) row(item int) (out []int) {
	for i := range p.x {
		if p.x[i].Row == p.x[item].Row {
			out = append(out, i)
		}
	}
	return out
}

func (p *madePool) records(item int) ([]marks.Records, error) {
	return []marks.Records{{File: "a.log", Lines: []int64{int64(item) + 1}, Hashes: []uint64{marks.Hash(p.raw(item))}}}, nil
}

func (p *madePool) example(item int) (*example, error) {
	return &example{file: "a.log", line: int64(item) + 1, raw: p.raw(item), basis: "the test"}, nil
}

func (p *madePool) marked(item int) *marks.Mark { return p.bound.Record(0, p.raw(item)) }
func (p *madePool) notes() []string             { return nil }
func (p *madePool) close()                      {}

// TestResume: who goes on later finds the estimate where it was left, also where rows were answered at once, and is asked what
// would have been asked next.
func TestResume(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.jsonl")
	costs := decide.FromRatio(200).Costs
	open := func(keys string) *session {
		set := &marks.Set{}
		if keys == "" {
			var err error
			if set, err = readMarks(&streams{err: io.Discard}, name); err != nil {
				t.Fatal(err)
			}
		}
		p := &madePool{bound: set.Bind([]string{"a.log"}).Labeller()}
		for i := range 60 {
			p.x = append(p.x, review.Item{Score: float64(i*37%60) / 6, Probability: float64(i*37%60) / 60, Records: int64(1 + i%4), Row: i / 5, Costs: &costs})
		}
		s := &streams{in: strings.NewReader(keys), out: &bytes.Buffer{}, err: io.Discard}
		f := &labelCommand{}
		f.huntFlags.marks = name
		return &session{ctx: context.Background(), s: s, f: f, pool: p, who: "ana", minute: 1, money: labelMoney(""),
			study: review.New(p.x, review.Options{Basis: decide.Mixture, Seed: 1})}
	}
	first := open("bBgGbgBuBgb")
	if err := first.run(); err != nil {
		t.Fatal(err)
	}
	again := open("")
	if n := again.resume(); n != len(first.study.Answers()) || n < 12 {
		t.Fatalf("%d answers, there were %d", n, len(first.study.Answers()))
	}
	for i, a := range again.study.Answers() {
		if b := first.study.Answers()[i]; a != b {
			t.Errorf("answer %d was %+v and is %+v", i, b, a)
		}
	}
	if a, b := first.study.Remaining(), again.study.Remaining(); a != b {
		t.Errorf("what is left was %+v and is %+v", a, b)
	}
	a, _ := first.study.Next()
	if b, _ := again.study.Next(); a != b {
		t.Errorf("next was %+v and is %+v", a, b)
	}
}

// TestTwoTeachers: a filter that somebody else has written since it was read is not written over.
func TestTwoTeachers(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f.weir")
	write := func(text string) {
		t.Helper()
		if err := replaceFile(name, shared, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	write("mine")
	l := &session{f: &labelCommand{}}
	l.f.filter = name
	var err error
	if l.kept, err = os.Stat(name); err != nil {
		t.Fatal(err)
	}
	write("theirs")
	if err := l.keepFilter(&filter.Filter{}); err == nil || !strings.Contains(err.Error(), "changed by somebody else") {
		t.Errorf("writing over another's filter gives %v", err)
	}
	if text, _ := os.ReadFile(name); string(text) != "theirs" {
		t.Errorf("the other's filter is now %q", text)
	}
}
