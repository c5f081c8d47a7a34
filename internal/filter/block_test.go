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
		strings.Repeat("long and longer ", 1+r.IntN(400)), "http://h.example/x?y=1", "a@b.example", "Received: x\nFrom: y", "1024..1447", "1100", "\x00\xff\xc3", "ü"}
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
	for n := range 300 {
		high := uint64(1) << (1 + r.UintN(seenWidth)) // of narrowed sets all are small
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
		if halved, err := eachSeen(b, func(c mapreduce.Cell) { got = append(got, c) }); err != nil || halved != 0 {
			t.Fatal(halved, err)
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
		cells = append(cells, mapreduce.Cell{Key: r.Uint64N(1 << seenWidth), N: 1})
	}
	slices.SortFunc(cells, func(a, b mapreduce.Cell) int { return int(int64(a.Key) - int64(b.Key)) })
	if bits := 8 * float64(len(appendSeen(nil, cells))) / 10_000; bits > 32.4 {
		t.Errorf("a record takes %.2f bits", bits)
	}
}

// TestSeenHalved: however buckets of too many records are merged and halved, what is put together of them is the set of all.
func TestSeenHalved(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for trial := range 60 {
		limit := 1 + r.IntN(60)
		want := newSeen(limit)
		skew := r.IntN(6) // sets whose small hashes are many
		values := map[uint64][][]byte{}
		level := uint(0)
		for range 1 + r.IntN(20) {
			task := newSeen(limit)
			for range r.IntN([]int{200, limit}[trial%2]) { // of half of the trials no task has too many
				key := r.Uint64() >> r.IntN(skew+1)
				if trial%4 > 1 && r.IntN(20) > 0 {
					key = 3<<60 | key>>4 // one bucket has nearly all
				}
				want.add(key, key&1 == 0, 1)
				task.add(key, key&1 == 0, 1)
			}
			level = max(level, task.level)
			var cells []mapreduce.Cell
			for _, s := range task.sorted() {
				cells = append(cells, mapreduce.Cell{Key: s.key, N: uint64(s.good)}, mapreduce.Cell{Key: s.key, Tag: 1, N: uint64(s.bad)})
			}
			cells = slices.DeleteFunc(cells, func(c mapreduce.Cell) bool { return c.N == 0 })
			if err := mapreduce.EachBucket(cells, seenBits, trainBuckets, func(bucket []byte, cells []mapreduce.Cell) error {
				values[uint64(bucket[1])] = append(values[uint64(bucket[1])], appendSeen(nil, cells))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		got, m := NewGathering(TrainOptions{Limits: Limits{Seen: limit}}), newSeenBundle().(*seenBundle)
		m.limit = limit
		got.narrow(levels{seen: byte(level)})
		merge := func(values [][]byte) []byte {
			for _, v := range values {
				if err := m.Add(v); err != nil {
					t.Fatal(err)
				}
			}
			b, err := m.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		for bucket, v := range values {
			n := r.IntN(len(v) + 1)
			b := merge([][]byte{merge(v[:n]), merge(v[n:])}) // a combiner, a reducer
			if err := got.Take(&mapreduce.Record{Kind: kindSeen, Key: []byte{0, byte(bucket)}, Value: b}); err != nil {
				t.Fatal(err)
			}
		}
		if s := got.all.seen; s.level != want.level || !slices.Equal(s.sorted(), want.sorted()) {
			t.Fatalf("of %d at level %d, %d at level %d are left", want.at.len(), want.level, s.at.len(), s.level)
		}
	}
}
