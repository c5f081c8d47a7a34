package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weir/internal/format"
	"weir/internal/mapreduce"
)

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// trainTasks trains as an engine has it: in tasks of splits, that are sorted, combined and reduced.
func trainTasks(t *testing.T, files []file, o TrainOptions, size int64, reducers int, combine bool) (*Filter, *format.Summary, error) {
	t.Helper()
	in, label := inputsOf(files)
	choice, _, err := format.Choose(in, format.RecordLine, format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := mapreduce.NewPlan("test", JobTrain, 0, time.UTC)
	p.Choice = choice
	data := map[string][]byte{}
	for i, f := range files {
		if err := p.Add(in[i], f.name); err != nil {
			t.Fatal(err)
		}
		data[f.name] = []byte(strings.Join(f.lines, "\n") + "\n")
	}
	o.Label = ByPlace(label)
	var tasks [][]mapreduce.Split
	for i, s := range p.Splits(size) {
		if i%3 == 0 {
			tasks = append(tasks, nil)
		}
		tasks[len(tasks)-1] = append(tasks[len(tasks)-1], s)
	}
	job := TrainJob(p, o)
	open := func(name string) (io.ReadSeekCloser, error) { return readCloser{bytes.NewReader(data[name])}, nil }
	records, _, err := mapreduce.Local(t.Context(), p, job, tasks, reducers, combine, mapreduce.MapOptions{Open: open})
	if err != nil {
		t.Fatal(err)
	}
	g := NewGathering(o)
	a, err := mapreduce.Assemble(p, job.Kinds, bytes.NewReader(records), g.Take)
	if err != nil {
		t.Fatal(err)
	}
	f, err := g.Train(context.Background(), choice)
	return f, a.Summary, err
}

// TestTasks: whatever the splits, the reducers and the combiner, the filter has the bytes of the one that Train makes, also where
// memory is too small for the sample, the vocabulary and the records seen.
func TestTasks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	files := examples(3, 900, 400)
	table := []string{"a,b,c,d,e,f,name"}
	for i := range 500 {
		table = append(table, fmt.Sprintf("%d,%d,%d,%d,%d,%d,n%d", r.IntN(90), r.IntN(900), i, r.IntN(70000), r.IntN(3), r.IntN(50), r.IntN(4)))
	}
	bad := []string{table[0]}
	for _, l := range table[250:] {
		bad = append(bad, "1"+l)
	}
	tables := []file{{"good.csv", Good, table[:250]}, {"bad.csv", Bad, bad}}
	for _, c := range []struct {
		name   string
		files  []file
		limits Limits
	}{
		{"as it is", files, Limits{}},
		{"small", files, Limits{Tokens: 150, Items: 6000, Seen: 100, Kept: 60_000}},
		{"table", tables, Limits{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := trainAll(c.files, TrainOptions{Limits: c.limits, Workers: 3})
			if err != nil {
				t.Fatal(err)
			}
			if c.limits.Items > 0 && (want.ShareGood == 1 || want.SeenShare == 1 || want.Bits == 32) {
				t.Fatalf("nothing is small: %v %v %d", want.ShareGood, want.SeenShare, want.Bits)
			}
			var wantBytes bytes.Buffer
			if err := want.Write(&wantBytes); err != nil {
				t.Fatal(err)
			}
			for _, size := range []int64{1 << 30, 20_000, 3_001} {
				for _, combine := range []bool{false, true} {
					got, sum, err := trainTasks(t, c.files, TrainOptions{Limits: c.limits}, size, 1+r.IntN(4), combine)
					if err != nil {
						t.Fatal(err)
					}
					var b bytes.Buffer
					if err := got.Write(&b); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(b.Bytes(), wantBytes.Bytes()) {
						t.Errorf("splits of %d, combine %v: another filter", size, combine)
					}
					in, _ := inputsOf(c.files)
					if int(sum.Records()) != int(got.Good+got.Bad) || len(sum.Files) != len(in) {
						t.Errorf("the summary has %d records", sum.Records())
					}
				}
			}
		})
	}
}

// FuzzGathering: no record, damaged or not, does more than be refused.
func FuzzGathering(f *testing.F) {
	for _, b := range fewBlocks(f) {
		packed, err := mapreduce.Pack(nil, b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte('x'), []byte("1234"), packed)
	}
	f.Add(byte('l'), []byte(nil), []byte{1, 2, 3, 4, 0})
	f.Add(byte('w'), []byte{0, 1}, mapreduce.AppendBundle(nil, []mapreduce.Cell{{Key: 3, Tag: 5, N: 7}}))
	f.Add(byte('n'), []byte{0, 1}, mapreduce.AppendBundle(nil, []mapreduce.Cell{{Key: 3, Tag: numberTag(4), N: 1}}))
	f.Add(byte('s'), []byte{0, 15}, appendSeen(nil, []mapreduce.Cell{{Key: 3, N: 1}, {Key: 3, Tag: 1, N: 7}, {Key: 9000, N: 1}}))
	f.Add(byte('g'), []byte{0, 15}, []byte("field"))
	f.Add(byte('r'), []byte(nil), mapreduce.AppendBundle(nil, []mapreduce.Cell{{Key: 1, N: 7}}))
	f.Fuzz(func(t *testing.T, kind byte, key, value []byte) {
		g := NewGathering(TrainOptions{Limits: Limits{Tokens: 10, Items: 100, Seen: 5}})
		r := &mapreduce.Record{Kind: kind, Key: key, Value: value}
		_ = errors.Join(g.Take(r), g.Gather())
		for _, k := range TrainKinds() {
			if k.Byte != kind || k.Merge == nil {
				continue
			}
			m := k.Merge()
			if errors.Join(m.Add(value), m.Add(value)) == nil {
				if b, err := m.Append(nil); err == nil {
					_ = g.Take(&mapreduce.Record{Kind: kind, Key: key, Value: b})
				}
			}
		}
	})
}
