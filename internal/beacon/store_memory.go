package beacon

// few holds the counts of at most four texts, those whose hashes are smallest, so that what it holds depends on what was
// added and not on the order. A text that was once held and is not any more never comes back: counts are exact.
type few struct {
	text [4]uint32
	n    [4]uint32
	more bool
}

func (f *few) add(t *texts, text, n uint32) {
	if text == 0 || n == 0 {
		return
	}
	h := t.hashes[text]
	at := 0
	for ; at < len(f.text) && f.text[at] != 0; at++ {
		if f.text[at] == text {
			f.n[at] += n
			return
		}
		if h < t.hashes[f.text[at]] {
			break
		}
	}
	if at == len(f.text) {
		f.more = true
		return
	}
	f.more = f.more || f.text[len(f.text)-1] != 0
	copy(f.text[at+1:], f.text[at:])
	copy(f.n[at+1:], f.n[at:])
	f.text[at], f.n[at] = text, n
}

// texts interns addresses and names. Text 0 is empty.
type texts struct {
	bytes  []byte
	ends   []uint32
	hashes []uint64
	slots  []uint32
}

func newTexts() *texts {
	return &texts{ends: []uint32{0}, hashes: []uint64{0}, slots: make([]uint32, 1024)}
}

func (t *texts) get(id uint32) []byte {
	if id == 0 {
		return nil
	}
	return t.bytes[t.ends[id-1]:t.ends[id]]
}

const maxText = 255

// find returns the text with a hash, or 0 where there is none.
func (t *texts) find(h uint64) uint32 {
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if t.hashes[t.slots[i]] == h {
			return t.slots[i]
		}
	}
	return 0
}

// add interns text with its hash.
func (t *texts) add(b []byte, h uint64) uint32 {
	if len(b) == 0 || len(t.bytes) > 1<<32-1-2*maxText {
		return 0
	}
	mask := uint64(len(t.slots) - 1)
	i := h & mask
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if t.hashes[t.slots[i]] == h {
			return t.slots[i]
		}
	}
	id := uint32(len(t.ends))
	t.bytes = append(t.bytes, b[:min(len(b), maxText)]...)
	t.ends = append(t.ends, uint32(len(t.bytes)))
	t.hashes = append(t.hashes, h)
	t.slots[i] = id
	if len(t.ends) > len(t.slots)/2 {
		t.grow()
	}
	return id
}

func (t *texts) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for id := 1; id < len(t.ends); id++ {
		i := t.hashes[id] & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(id)
	}
}

// Pages hold what there are millions of: they grow without copying, and what is in them stays where it is.
type pages[T any] struct {
	page [][]T
	n    int
}

const pageSize = 4096

func (p *pages[T]) at(i uint32) *T { return &p.page[i/pageSize][i%pageSize] }

func (p *pages[T]) add(x T) uint32 {
	if p.n%pageSize == 0 {
		p.page = append(p.page, make([]T, 0, pageSize))
	}
	last := &p.page[len(p.page)-1]
	*last = append(*last, x)
	p.n++
	return uint32(p.n - 1)
}

// keep drops those that f does not want.
func (p *pages[T]) keep(f func(x *T) bool) {
	old := *p
	*p = pages[T]{}
	old.drain(func(x *T) {
		if f(x) {
			p.add(*x)
		}
	})
}

// slice returns all of them, and lets go of them.
func (p *pages[T]) slice() []T {
	out := make([]T, 0, p.n)
	p.drain(func(x *T) { out = append(out, *x) })
	return out
}

// drain calls f for each in order and lets go of what was seen.
func (p *pages[T]) drain(f func(x *T)) {
	for n, page := range p.page {
		for i := range page {
			f(&page[i])
		}
		p.page[n] = nil
	}
	p.n = 0
}

// each calls f for each in order.
func (p *pages[T]) each(f func(x *T)) {
	for _, page := range p.page {
		for i := range page {
			f(&page[i])
		}
	}
}
