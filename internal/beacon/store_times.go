package beacon

import (
	"encoding/binary"
	"slices"
)

// Chunks of the arena: their first four bytes are the index of the next one, in units.
const (
	chunkUnit = 16
	maxChunk  = 1024
)

func (s *store) chunk(size int) uint32 {
	class := 0
	for chunkUnit<<class < size {
		class++
	}
	if at := s.free[class]; at != 0 {
		s.free[class] = binary.LittleEndian.Uint32(s.arena[int(at)*chunkUnit:])
		clear(s.arena[int(at)*chunkUnit : int(at)*chunkUnit+size])
		return at
	}
	at := len(s.arena)
	if at+size > cap(s.arena) {
		s.arena = slices.Grow(s.arena, max(size, len(s.arena)/4))
	}
	s.arena = s.arena[:at+size]
	clear(s.arena[at:])
	return uint32(at / chunkUnit)
}

// note writes when a connection was made and what it sent.
func (s *store) note(x *series, ms, sent int64) {
	var buf [2 * binary.MaxVarintLen64]byte
	b := binary.AppendUvarint(binary.AppendVarint(buf[:0], ms-x.prev), uint64(max(sent, 0)))
	x.prev = ms
	x.stored++
	for {
		if x.tail != 0 {
			at := int(x.tail)*chunkUnit + int(x.used)
			n := copy(s.arena[at:at+int(x.size-x.used)], b)
			x.used += uint16(n)
			if b = b[n:]; len(b) == 0 {
				break
			}
		}
		size := min(max(chunkUnit, 2*int(x.size)), maxChunk)
		next := s.chunk(size)
		if x.tail == 0 {
			x.head = next
		} else {
			binary.LittleEndian.PutUint32(s.arena[int(x.tail)*chunkUnit:], next)
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
		bytes = append(bytes, s.arena[int(at)*chunkUnit+4:int(at)*chunkUnit+end]...)
		at = binary.LittleEndian.Uint32(s.arena[int(at)*chunkUnit:])
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
	for at, class := x.head, 0; at != 0; {
		next := binary.LittleEndian.Uint32(s.arena[int(at)*chunkUnit:])
		binary.LittleEndian.PutUint32(s.arena[int(at)*chunkUnit:], s.free[class])
		s.free[class] = at
		at = next
		if size < maxChunk {
			size *= 2
			class++
		}
	}
	x.stored, x.prev, x.head, x.tail, x.used, x.size = 0, 0, 0, 0, 0, 0
	s.thin[x.key] = true
	for _, m := range all {
		s.note(x, m.ms, m.sent)
	}
}
