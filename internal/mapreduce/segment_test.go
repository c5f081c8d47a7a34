package mapreduce

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
	"weir/internal/format"
)

// A place job writes down of each record where it stands, and what stood there.
func placeJob() *Job {
	return &Job{Name: "places", Kinds: []Kind{{Byte: 'z', Name: "places"}}, Mapper: func(_ *event.Keys, w *Writer) (Mapper, error) {
		return &placeMapper{w: w}, nil
	}}
}

type placeMapper struct {
	w   *Writer
	err error
}

func (m *placeMapper) Event(e *event.Event, pos format.Position, raw []byte) {
	key := binary.BigEndian.AppendUint32(nil, uint32(pos.File))
	key = binary.BigEndian.AppendUint64(key, uint64(pos.Line))
	if err := m.w.Put('z', key, nil, append(raw, e.Get("user.name")...)); m.err == nil {
		m.err = err
	}
}

func (m *placeMapper) Finish() error { return m.err }

// An archived record is one of an invented archive.
type archived struct {
	source, line int64
	raw, user    string
}

// archiveOf invents an archive: records of logs, two of which have one name, mixed in segments.
func archiveOf(t *testing.T, n int) (p *Plan, segments map[string][]archived, want []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(2, 7))
	logs := []Input{{Name: "a.log", Source: 7}, {Name: "b.log", Source: 3}, {Name: "a.log", Source: 900}, {Name: "silent.log", Source: 4}}
	segments = map[string][]archived{}
	var list []Segment
	lines := map[int64]int64{}
	for i := range n {
		path := fmt.Sprintf("lake/%d.parquet", i)
		for range r.IntN(9000) { // more than the steps in which a task looks whether it is stopped
			k := r.IntN(3)
			id := logs[k].Source
			lines[id] += 1 + r.Int64N(3)
			x := archived{id, lines[id], fmt.Sprintf("line %x", r.Uint32()), fmt.Sprintf("u%d", r.IntN(9))}
			segments[path] = append(segments[path], x)
			want = append(want, fmt.Sprintf("%d %d %s%s", k, x.line, x.raw, x.user))
		}
		list = append(list, Segment{Path: path, Size: int64(len(segments[path])), Rows: int64(len(segments[path]))})
	}
	slices.Sort(want)
	p = NewPlan("test", "places", 1, time.UTC)
	if err := p.AddArchive(logs, list, &format.Summary{Files: []format.FileSummary{{Name: "a.log", Records: 5, Malformed: 1}}}); err != nil {
		t.Fatal(err)
	}
	return p, segments, want
}

// reading reads an invented archive.
func reading(segments map[string][]archived) func(*event.Keys) SegmentReader {
	return func(keys *event.Keys) SegmentReader {
		user := keys.Get("user.name")
		return func(s *Segment, take func(e *event.Event, source, line int64, raw []byte) error) error {
			var e event.Event
			for _, x := range segments[s.Path] {
				e.Reset()
				e.Add(user, []byte(x.user))
				if err := take(&e, x.source, x.line, []byte(x.raw)); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

// TestSegments: whatever the splits, tasks, workers and reducers, every record of an archive comes once, from where it stood.
func TestSegments(t *testing.T) {
	p, segments, want := archiveOf(t, 12)
	var sent bytes.Buffer
	if err := p.Write(&sent); err != nil {
		t.Fatal(err)
	}
	there, err := ReadPlan(&sent) // a task's
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{0, 1, 100_000, 1 << 40} {
		var lines strings.Builder
		for _, x := range p.Splits(size) {
			fmt.Fprintf(&lines, "%d\t%d\t%d\n", x.Input, x.Start, x.Length)
		}
		splits, err := there.ReadSplits(strings.NewReader(lines.String()))
		if err != nil {
			t.Fatal(err)
		}
		if size == 1 != (len(splits) == 12) || size == 100_000 && (len(splits) < 3 || len(splits) > 11) {
			t.Errorf("%d splits of at most %d bytes", len(splits), size)
		}
		for i, tasks := range [][][]Split{{splits}, each(splits)} {
			out, _, err := Local(t.Context(), there, placeJob(), tasks, 1+i, i > 0, MapOptions{Segments: reading(segments), Workers: 1 + 3*(1-i)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			a, err := Assemble(p, placeJob().Kinds, bytes.NewReader(out), func(r *Record) error {
				got = append(got, fmt.Sprintf("%d %d %s", binary.BigEndian.Uint32(r.Key), binary.BigEndian.Uint64(r.Key[4:]), r.Value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%d tasks: %d records, not the %d that there are", len(tasks), len(got), len(want))
			}
			if !reflect.DeepEqual(a.Summary, p.archived) {
				t.Errorf("the summary is %+v", a.Summary)
			}
			if pos, err := a.Position(format.Position{File: 2, Line: 70000}); err != nil || pos != (format.Position{File: 2, Line: 70000}) {
				t.Errorf("a line is at %v: %v", pos, err)
			}
			if _, err := a.Position(format.Position{File: 4, Line: 1}); err == nil {
				t.Error("there is a fifth log")
			}
		}
	}
}

func each(splits []Split) (tasks [][]Split) {
	for _, x := range splits {
		tasks = append(tasks, []Split{x})
	}
	return tasks
}

// TestSegmentsIncomplete: what was not read, in part, or twice, is an error that names it.
func TestSegmentsIncomplete(t *testing.T) {
	p, segments, _ := archiveOf(t, 4)
	o := MapOptions{Segments: reading(segments)}
	outputs := make([][]byte, 4)
	for i, x := range each(p.Splits(1)) {
		var out bytes.Buffer
		if err := Map(t.Context(), p, placeJob(), x, NewWriter(&out), o); err != nil {
			t.Fatal(err)
		}
		outputs[i] = out.Bytes()
	}
	short := *p
	short.Segments = slices.Clone(p.Segments)
	short.Segments[2].Rows++
	kinds := placeJob().Kinds
	drop := func(*Record) error { return nil }
	for _, x := range []struct {
		take []int
		want string
		is   error
	}{
		{[]int{3, 1, 0, 2}, "", nil},
		{[]int{1, 2, 3}, `"lake/0.parquet" is missing`, ErrIncomplete},
		{[]int{0, 1, 3}, `"lake/2.parquet" is missing`, ErrIncomplete},
		{[]int{0, 1, 2}, `"lake/3.parquet" is missing`, ErrIncomplete},
		{[]int{0, 1, 1, 2, 3}, `"lake/1.parquet"`, ErrTwice},
		{[]int{0, 1, 2, 3, 3}, `"lake/3.parquet"`, ErrTwice},
		{[]int{0, 0, 2, 3}, `"lake/0.parquet"`, ErrTwice},
	} {
		var all []byte
		for _, k := range x.take {
			all = append(all, outputs[k]...)
		}
		_, err := Assemble(p, kinds, bytes.NewReader(all), drop)
		if x.is == nil && err != nil || x.is != nil && (!errors.Is(err, x.is) || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("tasks %d: %v", x.take, err)
		}
	}
	twice := bytes.Join(SortRecords(slices.Concat(outputs[1], outputs[1])), nil)
	if err := Reduce(t.Context(), kinds, bytes.NewReader(twice), io.Discard); !errors.Is(err, ErrTwice) {
		t.Errorf("a reducer took a segment twice: %v", err)
	}
	splits := p.Splits(1)
	if err := Map(t.Context(), p, placeJob(), append(p.Splits(0), splits[1]), NewWriter(io.Discard), o); !errors.Is(err, ErrTwice) {
		t.Errorf("a task read a segment twice: %v", err)
	}
	if err := Map(t.Context(), &short, placeJob(), splits[2:3], NewWriter(io.Discard), o); !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), `"lake/2.parquet"`) {
		t.Errorf("a segment without one of its records: %v", err)
	}
	stranger := *p
	stranger.Inputs = slices.Clone(p.Inputs[:2])
	if err := Map(t.Context(), &stranger, placeJob(), splits[:1], NewWriter(io.Discard), o); err == nil || !strings.Contains(err.Error(), "names log 900") {
		t.Errorf("a record of a log that nobody knows: %v", err)
	}
	for _, x := range []string{"0\t4\t1", "0\t0\t5", "0\t1\t9223372036854775807", "1\t0\t1", "0\t0\t0"} {
		if _, err := p.ReadSplits(strings.NewReader(x)); err == nil || !strings.Contains(err.Error(), "segments") {
			t.Errorf("the split %q: %v", x, err)
		}
	}
	if err := Map(t.Context(), p, placeJob(), []Split{{Length: 1, Lines: strings.NewReader("a line\n")}}, NewWriter(io.Discard), o); err == nil || !strings.Contains(err.Error(), "--splits") {
		t.Errorf("lines in place of segments: %v", err)
	}
	for _, x := range []struct {
		logs     []Input
		segments []Segment
	}{
		{[]Input{{Name: "a", Source: 1}, {Name: "b", Source: 1}}, p.Segments},
		{[]Input{{Name: "a", Source: 1, Size: 9}}, p.Segments},
		{p.Inputs, []Segment{{Path: "x"}, {Path: "x"}}},
		{p.Inputs, []Segment{{Path: ""}}},
		{p.Inputs, []Segment{{Path: "x", Rows: -1}}},
	} {
		if err := (&Plan{}).AddArchive(x.logs, x.segments, nil); err == nil {
			t.Errorf("a plan of %v and %v", x.logs, x.segments)
		}
	}
}
