package beacon

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"weir/internal/format"
)

// clockBack is by how much a log's times must go back, from one record to the next, for its clock to have been set back.
// Some loggers write every hour.
const clockBack = 2 * 3600e9

// A setBack is how often times went back in a network's logs, and by how many seconds at most.
type setBack struct {
	times int64
	most  float64
}

// A stretch is a run of records of one log that one worker has read in order. Blocks of a log are read by any worker, or on any
// machine: what happens between them is seen when they are put in order.
type stretch struct {
	pos         format.Position // of the first record
	network     uint32
	first, last int64 // times of the first and the last record
}

// order looks for clocks that were set back.
func (s *store) order(pos format.Position, network uint32, ns int64) {
	if s.ordered && s.open.pos.File == pos.File && s.open.network == network {
		s.compare(network, s.open.last, ns)
		s.open.last = ns
		return
	}
	s.closeStretch()
	s.ordered, s.open = true, stretch{pos, network, ns, ns}
}

func (s *store) compare(network uint32, before, ns int64) {
	if ns < before && uint64(before)-uint64(ns) > clockBack {
		x := s.backs[network]
		s.backs[network] = setBack{x.times + 1, max(x.most, float64(before)/1e9-float64(ns)/1e9)}
	}
}

func (s *store) closeStretch() {
	if s.ordered {
		s.stretch = append(s.stretch, s.open)
		s.ordered = false
	}
}

// orderStretches looks between stretches, once all were merged.
func (s *store) orderStretches() {
	s.closeStretch()
	slices.SortFunc(s.stretch, func(a, b stretch) int {
		return cmp.Or(cmp.Compare(a.pos.File, b.pos.File), cmp.Compare(a.pos.Offset, b.pos.Offset), cmp.Compare(a.pos.Line, b.pos.Line))
	})
	for i := 1; i < len(s.stretch); i++ {
		if a, b := &s.stretch[i-1], &s.stretch[i]; a.pos.File == b.pos.File {
			s.compare(b.network, a.last, b.first)
		}
	}
	s.stretch = nil
}

func (x *stretch) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(x.pos.File))
	b = binary.AppendUvarint(b, uint64(x.pos.Offset))
	b = binary.AppendUvarint(b, uint64(x.pos.Line))
	b = binary.AppendUvarint(b, uint64(x.network))
	return binary.AppendVarint(binary.AppendVarint(b, x.first), x.last)
}

func (v *values) stretch() (x stretch) {
	x.pos.File, x.pos.Offset, x.pos.Line = int(v.natural()), v.natural(), v.natural()
	n := v.Uvarint()
	if n > math.MaxUint32 {
		v.Spoil()
	}
	x.network = uint32(n)
	x.first, x.last = v.Varint(), v.Varint()
	return x
}
