package beacon

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Chunks of the arena: their first four bytes are the index of the next one, in units.
const (
	chunkUnit = 16
	maxChunk  = 1024
)

// An arena gives out chunks. It grows by pages, so that nothing is copied, and no chunk lies across two.
type arena struct {
	page [][]byte
	end  int // of what is given out, in bytes
	free [8]uint32
}

const arenaPage = 1 << 20

func newArena() arena { return arena{page: [][]byte{make([]byte, 0, arenaPage)}, end: chunkUnit} } // chunk 0 is none

// at returns the first size bytes of a chunk.
func (a *arena) at(chunk uint32, size int) []byte {
	from := int(chunk) * chunkUnit
	return a.page[from/arenaPage][from%arenaPage:][:size:size]
}

// chunk returns a new chunk, of zeros.
func (a *arena) chunk(size int) uint32 {
	class := bits.Len(uint(size-1) / chunkUnit)
	if at := a.free[class]; at != 0 {
		b := a.at(at, size)
		a.free[class] = binary.LittleEndian.Uint32(b)
		clear(b)
		return at
	}
	if a.end%arenaPage+size > arenaPage {
		a.end += arenaPage - a.end%arenaPage
	}
	if a.end/arenaPage == len(a.page) {
		a.page = append(a.page, make([]byte, 0, arenaPage))
	}
	at := a.end
	a.end += size
	p := &a.page[at/arenaPage]
	*p = (*p)[:at%arenaPage+size]
	return uint32(at / chunkUnit)
}

// giveBack lets a chunk be used again.
func (a *arena) giveBack(at uint32, size int) {
	class := bits.Len(uint(size-1) / chunkUnit)
	binary.LittleEndian.PutUint32(a.at(at, size), a.free[class])
	a.free[class] = at
}

// note writes when a connection was made and what it sent.
func (s *store) note(x *series, ms, sent int64) {
	var buf [2 * binary.MaxVarintLen64]byte
	b := binary.AppendUvarint(binary.AppendVarint(buf[:0], ms-x.prev), uint64(max(sent, 0)))
	x.prev = ms
	x.stored++
	for {
		if x.tail != 0 {
			n := copy(s.arena.at(x.tail, int(x.size))[x.used:], b)
			x.used += uint16(n)
			if b = b[n:]; len(b) == 0 {
				break
			}
		}
		size := min(max(chunkUnit, 2*int(x.size)), maxChunk)
		next := s.arena.chunk(size)
		if x.tail == 0 {
			x.head = next
		} else {
			binary.LittleEndian.PutUint32(s.arena.at(x.tail, 4), next)
		}
		x.tail, x.used, x.size = next, 4, uint16(size)
	}
	if int(x.stored) >= 2*s.o.maxTimes() {
		s.trim(x)
	}
}

// A moment is one connection of a series.
type moment struct{ ms, sent int64 }

// moments appends those stored of a series, in the order they came; bytes is its memory, which it returns.
func (s *store) moments(dst []moment, bytes []byte, x *series) ([]moment, []byte) {
	if x.stored == 0 {
		return dst, bytes
	}
	if x.head == 0 {
		return append(dst, moment{floorDiv(x.first, 1e6), x.sent}), bytes
	}
	bytes = bytes[:0]
	size := chunkUnit
	for at := x.head; at != 0; {
		end := size
		if at == x.tail {
			end = int(x.used)
		}
		chunk := s.arena.at(at, end)
		bytes = append(bytes, chunk[4:]...)
		at = binary.LittleEndian.Uint32(chunk)
		size = min(2*size, maxChunk)
	}
	ms, rest := int64(0), bytes
	for range x.stored {
		d, n := binary.Varint(rest)
		sent, m := binary.Uvarint(rest[max(n, 0):])
		if n <= 0 || m <= 0 {
			panic("BUG: the times of a series are cut off")
		}
		ms += d
		rest = rest[n+m:]
		dst = append(dst, moment{ms, int64(sent)})
	}
	return dst, bytes
}

func compareMoments(a, b moment) int {
	switch {
	case a.ms != b.ms:
		if a.ms < b.ms {
			return -1
		}
		return 1
	case a.sent < b.sent:
		return -1
	case a.sent > b.sent:
		return 1
	}
	return 0
}

// trim keeps the newest moments of a series, as many as may be.
func (s *store) trim(x *series) {
	all, _ := s.moments(nil, nil, x)
	slices.SortFunc(all, compareMoments)
	all = all[max(0, len(all)-s.o.maxTimes()):]
	size := chunkUnit
	for at := x.head; at != 0; {
		next := binary.LittleEndian.Uint32(s.arena.at(at, 4))
		s.arena.giveBack(at, size)
		at, size = next, min(2*size, maxChunk)
	}
	x.stored, x.prev, x.head, x.tail, x.used, x.size = 0, 0, 0, 0, 0, 0
	s.thin[x.key] = true
	for _, m := range all {
		s.note(x, m.ms, m.sent)
	}
}
