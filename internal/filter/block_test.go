package filter

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/linear"
	"weir/internal/mapreduce"
)

// anyEvent makes an event of fields of all kinds: some twice, some long, some that make pairs.
func anyEvent(r *rand.Rand, keys *event.Keys, e *event.Event) {
	e.Reset()
	if e.HasTime = r.IntN(9) > 0; e.HasTime {
		e.Time = 1_700_000_000_000_000_000 + int64(r.IntN(1e6))*1e7
	}
	e.Dataset = []string{"", "fuzz", "zeek.http"}[r.IntN(3)]
	values := []string{"alice", "10.0.0.1", "10.0.0.2", "fe80::1", "8080", "77123456", "/a/b/../c.php", "q=1&b=%3Cscript%3E", "www.example.co.uk",
		"Mozilla/5.0 (X11; Linux) Firefox/122.0", "Failed password for root from 10.0.0.7 port 22", "failed PASSWORD for root; from 10.0.0.8 port 44",
		strings.Repeat("long and longer ", 1+r.IntN(400)), "http://h.example/x?y=1", "a@b.example", "Received: x\nFrom: y", "1024..1447", "\x00\xff\xc3", "ü"}
	names := []string{"source.ip", "source.domain", "destination.ip", "destination.port", "user.name", "host.name", "user_agent.original", "url.path", "url.query",
		"url.domain", "http.request.method", "http.response.status_code", "dns.question.name", "source.bytes", "event.action", "rule.name", "message",
		"process.command_line", "file.content", "email.body", "email.header_names", "email.from.address", "tag", "size", "odd\xff name"}
	for range 1 + r.IntN(9) {
		e.Add(keys.Get(names[r.IntN(len(names))]), []byte(values[r.IntN(len(values))]))
	}
}

type exampleKey struct {
	content uint64
	bad     bool
}

// samples returns what a worker of a local run keeps of events, and what a task does.
func samples(events func(i int, keys *event.Keys, e *event.Event) bool) (local map[exampleKey]linear.Example, task *writingCollector) {
	o := TrainOptions{}
	o.defaults()
	label := func(_ *event.Event, pos format.Position, _ []byte) Label { return Good + Label(pos.Line&1) }
	a, b := newCollector(&o), newWritingCollector(newCollector(&o), &o, mapreduce.NewWriter(io.Discard))
	a.label, b.label = label, label
	keys, e := event.NewKeys(), &event.Event{}
	for i := 0; events(i, keys, e); i++ {
		pos := format.Position{Line: int64(i)}
		a.Event(e, pos, nil)
		b.Event(e, pos, nil)
	}
	local = map[exampleKey]linear.Example{}
	a.sample.Each(func(x *linear.Example) { local[exampleKey{x.Key, x.Bad}] = *x })
	return local, b
}

// blocksOf returns blocks of what a task keeps, not packed.
func blocksOf(t testing.TB, c *writingCollector) (blocks [][]byte) {
	var class [2][]*linear.Example
	c.sample.Each(func(x *linear.Example) { class[index(x.Bad)] = append(class[index(x.Bad)], x) })
	w := newBlockWriter(c.keep)
	for i, list := range class {
		if err := w.write(i == 1, list, func(packed []byte) error {
			b, err := mapreduce.Unpack(nil, packed)
			blocks = append(blocks, b)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return blocks
}

func newBlockReader() *blockReader {
	o := TrainOptions{}
	o.defaults()
	return &blockReader{x: newExtractor(hashSeed, o.Enrich())}
}

// TestBlocks: what is read of the blocks of a task are the examples of a local run, item by item.
func TestBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{0, 1, 2, 50, 3000} {
		want, task := samples(func(i int, keys *event.Keys, e *event.Event) bool {
			if i%3 > 0 || i == 0 {
				anyEvent(r, keys, e)
			}
			return i < n
		})
		got := map[exampleKey]linear.Example{}
		rd := newBlockReader()
		forms := map[form]int{}
		for _, b := range blocksOf(t, task) {
			if err := rd.block(b, func(x *linear.Example, items func() []item) {
				y := *x
				y.Items = slices.Clone(items())
				got[exampleKey{x.Key, x.Bad}] = y
			}); err != nil {
				t.Fatal(err)
			}
			for _, d := range rd.dicts {
				for i := range d {
					forms[d[i].form]++
				}
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d events: %d examples are %d", n, len(want), len(got))
		}
		for k, x := range want {
			if !reflect.DeepEqual(got[k], x) {
				t.Fatalf("%d events: an example became another:\n%+v\n%+v", n, x, got[k])
			}
		}
		if n == 3000 && (forms[byText] == 0 || forms[byItems] == 0 || forms[byHash] > forms[byText]/10) {
			t.Errorf("features are told so: %v", forms)
		}
	}
}

// TestManyBlocks: examples fill several blocks.
func TestManyBlocks(t *testing.T) {
	const n = 2*maxBlockExamples + 100
	want, task := samples(func(i int, keys *event.Keys, e *event.Event) bool {
		e.Reset()
		e.Add(keys.Get("size"), fmt.Append(nil, i/2%60000))
		e.Add(keys.Get("tag"), fmt.Append(nil, i/2/60000))
		return i < n
	})
	read := 0
	blocks := blocksOf(t, task)
	rd := newBlockReader()
	for _, b := range blocks {
		if err := rd.block(b, func(x *linear.Example, items func() []item) {
			if read++; !reflect.DeepEqual(items(), want[exampleKey{x.Key, x.Bad}].Items) {
				t.Fatal("an example became another")
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if read != n || len(blocks) != 4 {
		t.Errorf("%d examples in %d blocks", read, len(blocks))
	}
}

// fewBlocks are two small blocks.
func fewBlocks(t testing.TB) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	_, task := samples(func(i int, keys *event.Keys, e *event.Event) bool {
		anyEvent(r, keys, e)
		return i < 12
	})
	return blocksOf(t, task)
}

// TestDamagedBlocks: no beginning of a block is one, nor a block with something behind it.
func TestDamagedBlocks(t *testing.T) {
	rd := newBlockReader()
	none := func(*linear.Example, func() []item) {}
	for _, b := range fewBlocks(t) {
		for n := range b {
			if rd.block(b[:n], none) == nil {
				t.Fatalf("%d of %d bytes are a block", n, len(b))
			}
		}
		if rd.block(append(bytes.Clone(b), 0), none) == nil {
			t.Error("a byte behind a block is not noticed")
		}
	}
}

// FuzzBlock: whatever is read as a block, it does more than be refused only if it is one.
func FuzzBlock(f *testing.F) {
	for _, b := range fewBlocks(f) {
		f.Add(b)
	}
	rd := newBlockReader()
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = rd.block(b, func(_ *linear.Example, items func() []item) { items() })
	})
}

// TestSeenRecords: records that were seen are read as they were written, and merged in any order.
func TestSeenRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const width = seenBits - trainBuckets
	for n := range 300 {
		high := uint64(1) << (1 + r.UintN(width)) // of narrowed sets all are small
		var cells []mapreduce.Cell
		for range n {
			c := mapreduce.Cell{Key: r.Uint64N(high), Tag: r.Uint64N(2), N: 1}
			if r.IntN(9) == 0 {
				c.N += r.Uint64N(99)
			}
			cells = append(cells, c)
		}
		sum := func(cells []mapreduce.Cell) []mapreduce.Cell {
			cells = slices.Clone(cells)
			var out []mapreduce.Cell
			if err := mapreduce.EachCell(mapreduce.AppendBundle(nil, cells), func(c mapreduce.Cell) { out = append(out, c) }); err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := sum(cells)
		b := appendSeen(nil, want)
		var got []mapreduce.Cell
		if err := eachSeen(b, width, func(c mapreduce.Cell) { got = append(got, c) }); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(sum(got), want) {
			t.Fatalf("%v became %v", want, sum(got))
		}
		m := newSeenBundle()
		for _, half := range [][]mapreduce.Cell{cells[n/2:], cells[:n/2]} {
			if err := m.Add(appendSeen(nil, sum(half))); err != nil {
				t.Fatal(err)
			}
		}
		if again, err := m.Append(nil); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v: halves make another set", err)
		}
	}
	// 10,000 random numbers below 2^44: log2(2^44/10,000) + 1.44 = 32.2 bits each.
	var cells []mapreduce.Cell
	for range 10_000 {
		cells = append(cells, mapreduce.Cell{Key: r.Uint64N(1 << width), N: 1})
	}
	slices.SortFunc(cells, func(a, b mapreduce.Cell) int { return int(int64(a.Key) - int64(b.Key)) })
	if bits := 8 * float64(len(appendSeen(nil, cells))) / 10_000; bits > 32.4 {
		t.Errorf("a record takes %.2f bits", bits)
	}
}
