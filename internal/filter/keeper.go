package filter

import (
	"math"

	"weir/internal/token"
)

// A keeper keeps features, each once, for as long as a task needs to tell of them: what an example says is a list of their numbers.
type keeper struct {
	x       *extractor
	list    []kept
	texts   []byte
	items   []item // of those that are told by them
	slots   []uint32
	senders map[uint64]uint32 // by hash
	spilled []item
	fields  []uint64 // by Field.ID, the turn in which repeated met it last
	turn    uint64
}

// A kept feature, or the text of a pair's side that is no feature of its event.
type kept struct {
	field *token.Field // nil of a side
	hash  uint64
	exact uint64
	near  uint64
	left  uint64 // of a pair, the hash of its left side
	side  uint64 // what its text has for a hash as the side of a pair; 0 was not asked
	from  uint32 // its text, or its items
	to    uint32
	other uint32    // of a pair, the right side
	size  uint32    // how many items it has
	put   [2]uint32 // in how many examples it was that were spilled, good and bad, and its items were not counted yet
	kind  token.ValueKind
	form  form
}

// A form is a way of telling a feature.
type form uint8

const (
	byText  form = iota // field, kind and text
	byItems             // hashes, and items: for what is too long, or does not follow from its text
	byHash              // a pair whose sides do not tell it
	numForms
)

// longestTold is the longest text, in bytes, that a feature is told by.
const longestTold = 1 << 12

func newKeeper(x *extractor) *keeper {
	return &keeper{x: x, slots: make([]uint32, 1<<10), senders: map[uint64]uint32{}}
}

// memory is about how many bytes it holds.
func (k *keeper) memory() int {
	return 96*cap(k.list) + cap(k.texts) + 8*cap(k.items) + 4*len(k.slots) + 48*len(k.senders)
}

// find returns the slot of a feature; it is 0 if there is none.
func (k *keeper) find(field *token.Field, exact uint64, kind token.ValueKind) *uint32 {
	mask := uint64(len(k.slots) - 1)
	for i := (exact ^ uint64(kind)) * 0x9E3779B97F4A7C15 >> 20 & mask; ; i = (i + 1) & mask {
		n := k.slots[i]
		if n == 0 {
			return &k.slots[i]
		}
		if y := &k.list[n-1]; y.exact == exact && y.field == field && y.kind == kind {
			return &k.slots[i]
		}
	}
}

// add appends a feature, of which there is none, and returns its number.
func (k *keeper) add(slot *uint32, y kept) uint32 {
	k.list = append(k.list, y)
	*slot = uint32(len(k.list))
	if 2*len(k.list) > len(k.slots) {
		k.slots = make([]uint32, 2*len(k.slots))
		for i := range k.list {
			z := &k.list[i]
			*k.find(z.field, z.exact, z.kind) = uint32(i + 1)
		}
	}
	return uint32(len(k.list) - 1)
}

// feature returns the number of a feature of the event that was taken, whose Exact it is given.
func (k *keeper) feature(f *token.Feature, exact uint64) uint32 {
	slot := k.find(f.Field, exact, f.Kind)
	if *slot > 0 {
		return *slot - 1
	}
	y := kept{field: f.Field, hash: f.Hash, exact: exact, near: exact, kind: f.Kind}
	if f.Field.Left != "" {
		y.form, y.left, y.size = byHash, f.Left, 1
		y.other = k.side(f.Other)
		return k.add(k.find(f.Field, exact, f.Kind), y)
	}
	var items []item
	if !f.Field.Identity { // those are no tokens of a filter
		items = k.x.expansion(f, exact).items
	}
	y.size = uint32(len(items))
	told := f.Told()
	if len(told) > longestTold || !k.follows(f, told) {
		y.form = byItems
		y.near, k.x.buf = f.Near(k.x.buf)
		y.from = uint32(len(k.items))
		k.items = append(k.items, items...)
		y.to = uint32(len(k.items))
	} else {
		y.from, y.to = k.text(told)
	}
	return k.add(slot, y)
}

// follows reports whether a feature follows from what is told of it. Of texts it does as they are codified.
func (k *keeper) follows(f *token.Feature, told []byte) bool {
	if len(f.Raw) > 0 {
		return true
	}
	y := k.x.codify.Restore(f.Field, f.Kind, told)
	return len(y.Raw) == 0 && y.Hash == f.Hash
}

func (k *keeper) text(b []byte) (from, to uint32) {
	from = uint32(len(k.texts))
	k.texts = append(k.texts, b...)
	return from, uint32(len(k.texts))
}

// side returns the number of a text as the side of a pair.
func (k *keeper) side(text []byte) uint32 {
	hash := k.x.codify.SideHash(text)
	slot := k.find(nil, hash, 0)
	if *slot > 0 {
		return *slot - 1
	}
	y := kept{hash: hash, exact: hash, side: hash}
	if len(text) > longestTold {
		y.form = byHash
	} else {
		y.from, y.to = k.text(text)
	}
	return k.add(slot, y)
}

// sender notes who sent the event that was taken.
func (k *keeper) sender() {
	if h := k.x.client; h != 0 {
		if _, known := k.senders[h]; !known {
			k.senders[h] = k.feature(&k.x.sender, k.x.sender.Exact())
		}
	}
}

// row appends the numbers of the features of the event that was taken, and returns how many items they have.
func (k *keeper) row(dst []uint64) (row []uint64, size int) {
	for i, f := range k.x.features {
		id := k.feature(f, k.x.exacts[i])
		dst = append(dst, uint64(id))
		size += int(k.list[id].size)
	}
	if k.x.repeated {
		size = len(k.x.all())
	}
	return dst, size
}

// sideHash is what a feature's text has for a hash as the side of a pair.
func (k *keeper) sideHash(id uint32) uint64 {
	y := &k.list[id]
	if y.side == 0 && y.form == byText {
		f := k.x.codify.Restore(y.field, y.kind, k.texts[y.from:y.to])
		y.side = k.x.codify.SideHash(f.Value)
	}
	return y.side
}

// itemsOf appends the items of features, as the extractor has them.
func (k *keeper) itemsOf(dst []item, ids []uint64) []item {
	for _, id := range ids {
		dst = k.appendItems(dst, &k.list[id])
	}
	if k.repeated(ids) {
		return compact(dst)
	}
	return dst
}

func (k *keeper) appendItems(dst []item, y *kept) []item {
	switch y.form {
	case byText:
		f := k.x.codify.Restore(y.field, y.kind, k.texts[y.from:y.to])
		return append(dst, k.x.expanded(&f)...)
	case byItems:
		return append(dst, k.items[y.from:y.to]...)
	default:
		return append(dst, newItem(k.x.group(y.field, token.Whole), y.hash))
	}
}

// repeated reports whether two of the features are of one field.
func (k *keeper) repeated(ids []uint64) bool {
	k.turn++
	for _, id := range ids {
		f := k.list[id].field.ID
		for f >= len(k.fields) {
			k.fields = append(k.fields, 0)
		}
		if k.fields[f] == k.turn {
			return true
		}
		k.fields[f] = k.turn
	}
	return false
}

// spill counts the items of an example that is kept no longer. Like an expansion, a feature notes how often it came and its items are
// counted when nothing more comes (flush).
func (k *keeper) spill(ids []uint64, bad bool, n uint32) {
	if k.repeated(ids) { // an item counts once in a record
		put := [2]uint32{}
		put[index(bad)] = n
		k.spilled = k.itemsOf(k.spilled[:0], ids)
		k.x.release(k.spilled, put)
		return
	}
	for _, id := range ids {
		put := &k.list[id].put[index(bad)]
		*put = uint32(min(uint64(*put)+uint64(n), math.MaxUint32)) // counts stop there (count.Vocabulary)
	}
}

// flush counts the items that spill has put off.
func (k *keeper) flush() {
	for i := range k.list {
		if y := &k.list[i]; y.put != [2]uint32{} {
			k.spilled = k.appendItems(k.spilled[:0], y)
			k.x.release(k.spilled, y.put)
			y.put = [2]uint32{}
		}
	}
}
