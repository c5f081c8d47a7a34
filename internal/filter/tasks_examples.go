package filter

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"

	"weir/internal/linear"
	"weir/internal/mapreduce"
	"weir/internal/wire"
)

// Examples travel in bundles, those whose contents' hashes begin alike in one record: what they have in common (most tokens, and
// clients) is in it once, and it is packed. A bundle, before it is packed:
//
//	n
//	items      how many, each group:2 key:4      distinct, in the order of their first occurrence
//	clients    how many, each hash:8             likewise
//	examples   by content, good before bad: flags (bad, timed, near is the content), difference of the content to the one before,
//	           [near:8], count, difference of the time (zigzag), client, how many items, each
//
// Numbers without a width are unsigned varints.

// exampleBits is into how many bits' worth of bundles examples are divided: about one for each MiB of logs, so that what a reducer
// holds of one is bounded however much there is.
func exampleBits(p *mapreduce.Plan) uint {
	total := int64(0)
	for i := range p.Inputs {
		total += p.Inputs[i].Size >> 20
	}
	return uint(min(max(bits.Len64(uint64(total)), 4), 32))
}

const (
	exampleBad = 1 << iota
	exampleTimed
	exampleNear // is the content
)

func compareExamples(a, b *linear.Example) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(index(a.Bad), index(b.Bad)))
}

// An exampleWriter writes bundles. Its memory is reused.
type exampleWriter struct {
	items, clients numbering
	rows, out      []byte
}

// append appends a packed bundle of examples, which are sorted.
func (w *exampleWriter) append(dst []byte, list []*linear.Example) ([]byte, error) {
	w.items.reset()
	w.clients.reset()
	b := w.rows[:0]
	var last linear.Example
	for _, x := range list {
		flags := byte(0)
		if x.Bad {
			flags |= exampleBad
		}
		if x.HasTime {
			flags |= exampleTimed
		}
		if x.Near == x.Key {
			flags |= exampleNear
		}
		b = binary.AppendUvarint(append(b, flags), x.Key-last.Key)
		if x.Near != x.Key {
			b = binary.LittleEndian.AppendUint64(b, x.Near)
		}
		b = binary.AppendUvarint(b, uint64(x.Count))
		b = binary.AppendVarint(b, x.Time-last.Time)
		b = binary.AppendUvarint(b, uint64(w.clients.of(x.Client)))
		b = binary.AppendUvarint(b, uint64(len(x.Items)))
		for _, it := range x.Items {
			b = binary.AppendUvarint(b, uint64(w.items.of(it)))
		}
		last = *x
	}
	w.rows = b
	b = binary.AppendUvarint(w.out[:0], uint64(len(list)))
	b = binary.AppendUvarint(b, uint64(len(w.items.list)))
	for _, it := range w.items.list {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, groupOf(it)), keyOf(it))
	}
	b = binary.AppendUvarint(b, uint64(len(w.clients.list)))
	for _, c := range w.clients.list {
		b = binary.LittleEndian.AppendUint64(b, c)
	}
	w.out = append(b, w.rows...)
	return mapreduce.Pack(dst, w.out)
}

// A numbering numbers hashes in the order in which they come.
type numbering struct {
	list  []uint64
	slots []uint32 // number + 1
}

func (n *numbering) reset() {
	n.list = n.list[:0]
	if n.slots == nil {
		n.slots = make([]uint32, 1<<10)
	}
	clear(n.slots)
}

func (n *numbering) of(x uint64) uint32 {
	mask := uint64(len(n.slots) - 1)
	i := x * 0x9E3779B97F4A7C15 >> 32 & mask
	for ; n.slots[i] != 0; i = (i + 1) & mask {
		if k := n.slots[i] - 1; n.list[k] == x {
			return k
		}
	}
	n.list = append(n.list, x)
	n.slots[i] = uint32(len(n.list))
	if 2*len(n.list) > len(n.slots) {
		list := n.list
		n.list, n.slots = nil, make([]uint32, 2*len(n.slots))
		for _, y := range list {
			n.of(y)
		}
	}
	return uint32(len(n.list) - 1)
}

var errExamples = errors.New("examples are damaged")

// readExamples calls f with the examples of a packed bundle, whose items are valid during the call.
func readExamples(packed []byte, f func(x *linear.Example)) error {
	b, err := mapreduce.Unpack(nil, packed)
	if err != nil {
		return err
	}
	r := wire.Reader{Rest: b}
	n := r.UpTo(uint64(len(b)))
	items := make([]item, 0, r.UpTo(uint64(len(r.Rest)/6)))
	for range cap(items) {
		t := r.Bytes(6)
		if r.Bad {
			return errExamples
		}
		items = append(items, newItem(binary.BigEndian.Uint16(t), uint64(binary.BigEndian.Uint32(t[2:]))<<32))
	}
	clients := make([]uint64, 0, r.UpTo(uint64(len(r.Rest)/8)))
	for range cap(clients) {
		clients = append(clients, r.Fixed64())
	}
	var x linear.Example
	for i := range n {
		flags := r.Byte()
		key := x.Key + r.Uvarint()
		bad := flags&exampleBad != 0
		if i > 0 && (key < x.Key || key == x.Key && (!bad || x.Bad)) || flags > 7 {
			return errExamples
		}
		x.Key, x.Bad, x.HasTime, x.Near = key, bad, flags&exampleTimed != 0, key
		if flags&exampleNear == 0 {
			x.Near = r.Fixed64()
		}
		x.Count = uint32(r.UpTo(math.MaxUint32))
		x.Time += r.Varint()
		c := r.UpTo(math.MaxUint32)
		x.Items = x.Items[:0]
		for range r.UpTo(uint64(len(r.Rest))) {
			k := r.UpTo(math.MaxUint32)
			if r.Bad || k >= uint64(len(items)) {
				return errExamples
			}
			x.Items = append(x.Items, items[k])
		}
		if r.Bad || x.Count == 0 || c >= uint64(len(clients)) {
			return errExamples
		}
		x.Client = clients[c]
		f(&x)
	}
	if r.Bad || len(r.Rest) > 0 {
		return errExamples
	}
	return nil
}

// A joiner merges bundles of examples: those of one content and class are one.
type joiner struct {
	at   map[exampleKey]int32
	list []*linear.Example
	w    exampleWriter
}

type exampleKey struct {
	content uint64
	bad     bool
}

func (j *joiner) Add(value []byte) error {
	if j.at == nil {
		j.at = map[exampleKey]int32{}
	}
	return readExamples(value, func(x *linear.Example) {
		k := exampleKey{x.Key, x.Bad}
		i, ok := j.at[k]
		if !ok {
			y := *x
			y.Items = slices.Clone(x.Items)
			j.at[k] = int32(len(j.list))
			j.list = append(j.list, &y)
			return
		}
		y := j.list[i]
		y.Join(x)
		if slices.Compare(x.Items, y.Items) < 0 { // contents whose hashes meet
			y.Items = slices.Clone(x.Items)
		}
	})
}

func (j *joiner) Append(dst []byte) ([]byte, error) {
	slices.SortFunc(j.list, compareExamples)
	dst, err := j.w.append(dst, j.list)
	j.at, j.list = nil, nil
	return dst, err
}
