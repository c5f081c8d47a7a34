package hunt

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/scenario"
	"weir/internal/source"
)

type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

// company returns the logs of a generated company, by name, and the window of its break-in.
func company(t *testing.T, events int64) (logs map[string][]byte, window Span) {
	t.Helper()
	files := map[string]*memory{}
	_, err := scenario.Generate(scenario.Config{Events: events}, func(name string) (io.WriteCloser, error) {
		files[name] = &memory{}
		return files[name], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	logs = map[string][]byte{}
	for name, f := range files {
		if strings.HasSuffix(name, ".log") {
			logs[name] = f.Bytes()
		}
	}
	var incident struct{ From, To time.Time }
	if err := json.Unmarshal(files["incident.json"].Bytes(), &incident); err != nil {
		t.Fatal(err)
	}
	return logs, Span{incident.From.UnixNano(), incident.To.UnixNano()}
}

// told is what a user gets to see of a hunt.
type told struct {
	Suspects                     []Suspect
	Folds                        []Fold
	Funnel                       []Step
	Placebos                     []Placebo
	Scores                       Scores
	Times                        Times
	Share                        ShareOfBad
	LeftOut                      []LeftOut
	Suspicious, Clients, Content int
	Good                         int64
	Warnings                     []string
}

func hunted(t *testing.T, inputs []source.Input, o Options) told {
	t.Helper()
	r, err := Run(context.Background(), inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return tellAll(t, r)
}

func tellAll(t *testing.T, r *Result) told {
	t.Helper()
	x := told{Folds: r.Folds(), Funnel: r.Funnel, Placebos: r.Placebos, Scores: r.Scores, Times: r.Times,
		Share: r.Share, LeftOut: r.LeftOut, Suspicious: r.Suspicious,
		Clients: r.Clients, Content: r.Contents, Good: r.Good, Warnings: r.Warnings}
	for i := range r.Len() {
		s, err := r.Suspect(i)
		if err != nil {
			t.Fatal(err)
		}
		x.Suspects = append(x.Suspects, *s)
	}
	return x
}

// TestSameResultHoweverItIsRead hunts with several numbers of workers and orders of files. Files are cut into pieces, so
// that there are many and workers get different shares of them in every run.
func TestSameResultHoweverItIsRead(t *testing.T) {
	logs, window := company(t, 20_000)
	var inputs []source.Input
	for name, data := range logs {
		if !strings.HasPrefix(name, "zeek/") { // their header is needed by every piece
			for i, lines := 0, bytes.SplitAfter(data, []byte("\n")); len(lines) > 0; i++ {
				n := min(1000, len(lines))
				inputs = append(inputs, source.Bytes(name+string(rune('a'+i)), bytes.Join(lines[:n], nil)))
				lines = lines[n:]
			}
			continue
		}
		inputs = append(inputs, source.Bytes(name, data))
	}
	slices.SortFunc(inputs, func(a, b source.Input) int { return strings.Compare(a.Name, b.Name) })
	for name, o := range map[string]Options{
		"plain": {},
		"hosts": {Hosts: []string{"10.0.2.17"}},
		"good":  {Good: []Span{{window.From - 20*day, window.From - day}}, Ignore: []Span{{window.From - 10*day, window.From - 9*day}}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Windows, o.Workers = []Span{window}, 1
			want := hunted(t, inputs, o)
			if len(want.Suspects) == 0 || len(want.Placebos) == 0 {
				t.Fatalf("%d suspects, %d placebos: nothing to compare", len(want.Suspects), len(want.Placebos))
			}
			r := rand.New(rand.NewPCG(1, 2))
			for _, workers := range []int{1, 2, 7} {
				mixed := slices.Clone(inputs)
				r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
				o.Workers, o.Seed = workers, uint64(workers)
				if got := hunted(t, mixed, o); !reflect.DeepEqual(got, want) {
					for i := range want.Suspects {
						if i >= len(got.Suspects) || !reflect.DeepEqual(got.Suspects[i], want.Suspects[i]) {
							t.Errorf("suspect %d differs", i)
							break
						}
					}
					t.Fatalf("%d workers: another result", workers)
				}
			}
		})
	}
}
