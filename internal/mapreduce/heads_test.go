package mapreduce

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/internal/source"
)

// TestHeads: the beginnings of many logs go along in a file of their own, of which a task reads those of its logs.
func TestHeads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var inputs []source.Input
	texts := map[string][]byte{}
	for i := range 400 {
		var b bytes.Buffer
		for range 150 {
			fmt.Fprintf(&b, "{\"a\":\"%016x%016x%016x\"}\n", r.Uint64(), r.Uint64(), r.Uint64())
		}
		name := fmt.Sprintf("%d.json", i)
		texts[name] = b.Bytes()
		inputs = append(inputs, source.Bytes(name, b.Bytes()))
	}
	p := planOf(t, JobCount, inputs)
	var want [][]byte
	for i := range p.Inputs {
		head, err := p.Beginning(&p.Inputs[i])
		if err != nil || len(head) == 0 {
			t.Fatal(err)
		}
		want = append(want, head)
	}
	heads := p.DetachHeads()
	var plan bytes.Buffer
	if err := p.Write(&plan); err != nil {
		t.Fatal(err)
	}
	if heads == nil || plan.Len() > 60000 {
		t.Fatalf("the plan has %d bytes, and %d of beginnings beside it", plan.Len(), len(heads))
	}
	there, err := ReadPlan(&plan)
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string) (io.ReadSeekCloser, error) { return nopSeeker{bytes.NewReader(texts[name])}, nil }
	var tasks [][]Split
	for _, s := range there.Splits(5000) {
		tasks = append(tasks, []Split{s})
	}
	if _, _, err := Local(t.Context(), there, CountJob(there, enrichment), tasks, 1, true, MapOptions{Open: open}); err == nil || !strings.Contains(err.Error(), "goes along with the plan") {
		t.Errorf("without the file of beginnings: %v", err)
	}
	there.LiesIn("", bytes.NewReader(heads))
	for i := range want {
		for _, x := range []*Plan{p, there} {
			if head, err := x.Beginning(&x.Inputs[i]); err != nil || !bytes.Equal(head, want[i]) {
				t.Fatalf("the beginning of %q: %v", x.Inputs[i].Name, err)
			}
		}
	}
	records, _, err := Local(t.Context(), there, CountJob(there, enrichment), tasks, 1, true, MapOptions{Open: open})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCounted(p)
	if _, err := Assemble(p, CountKinds(), bytes.NewReader(records), c.Take); err != nil {
		t.Fatal(err)
	}
	if local, _ := localTally(t, p, inputs); !c.Tally.Equal(local) {
		t.Error("other counts than those of this machine")
	}
}
