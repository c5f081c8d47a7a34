package profile

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"weir/internal/wire"
)

// A bundle is what a profile knows of a share of an aspect's entities in bytes, as it travels between machines: those whose
// hashes begin with the same few bits. Bundles of one key add in any order ([Bundle]), and a profile takes in what they add up to
// ([Profile.AddBundle]).
//
//	each, by entity: difference to the one before, kind (0 varied, else 1 + cells) twice, plus one with peers; peers:8, spread:8,
//	                 n where it is varied
//	  cells, by value: difference to the one before, n, length, text
//
// Numbers are unsigned varints, those with a width little endian.

// EachBundle calls emit for every bundle of the profile: of which aspect, which of 1<<bits bundles, and the bytes, which emit may
// keep.
func (p *Profile) EachBundle(bits uint, emit func(aspect, number int, value []byte) error) error {
	p.flush()
	of := make([][]int32, len(p.aspects)) // members
	for m := range p.members {
		if x := &p.members[m]; !x.out {
			of[x.aspect] = append(of[x.aspect], int32(m))
		}
	}
	for i, list := range of {
		slices.SortFunc(list, func(a, b int32) int { return cmp.Compare(p.members[a].entity, p.members[b].entity) })
		for len(list) > 0 {
			number := p.members[list[0]].entity >> (64 - bits) // a shift by 64 gives 0
			n := 1
			for n < len(list) && p.members[list[n]].entity>>(64-bits) == number {
				n++
			}
			if err := emit(i, int(number), p.appendMembers(nil, list[:n])); err != nil {
				return err
			}
			list = list[n:]
		}
	}
	return nil
}

func (p *Profile) appendMembers(dst []byte, list []int32) []byte {
	entity := uint64(0)
	var cells []int32
	for _, m := range list {
		x := &p.members[m]
		cells = cells[:0]
		for c := x.cells; c != none; c = p.cells[c].next {
			cells = append(cells, c)
		}
		slices.SortFunc(cells, func(a, b int32) int { return cmp.Compare(p.cells[a].value, p.cells[b].value) })
		kind := uint64(0)
		if !x.varied {
			kind = uint64(1+len(cells)) << 1
		}
		if x.peers != 0 {
			kind++
		}
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, x.entity-entity), kind)
		if x.peers != 0 {
			dst = binary.LittleEndian.AppendUint64(dst, x.peers)
		}
		dst = binary.LittleEndian.AppendUint64(dst, x.spread)
		if x.varied {
			dst = binary.AppendUvarint(dst, x.n)
		}
		entity = x.entity
		value := uint64(0)
		for _, c := range cells {
			y := &p.cells[c]
			dst = binary.AppendUvarint(binary.AppendUvarint(dst, y.value-value), y.n)
			dst = wire.AppendPart(dst, y.text)
			value = y.value
		}
	}
	return dst
}

// AddBundle adds what a bundle knows of an aspect. Its bytes come from other machines and are checked; an error leaves the
// profile unusable.
func (p *Profile) AddBundle(aspect int, value []byte) error {
	if aspect < 0 || aspect >= len(p.aspects) {
		return fmt.Errorf("%w: there is no aspect %d", ErrFormat, aspect)
	}
	p.flush()
	d := wire.Reader{Rest: value}
	entity := uint64(0)
	for len(d.Rest) > 0 {
		x := member{aspect: int32(aspect)}
		entity += d.Uvarint()
		kind := d.Uvarint()
		x.entity, x.varied = entity, kind>>1 == 0
		if kind&1 != 0 {
			x.peers = d.Fixed64()
		}
		x.spread = d.Fixed64()
		if x.varied {
			x.n = d.Uvarint()
			if !d.Bad {
				p.addMember(&x)
			}
			continue
		}
		if kind>>1 > MaxValues+1 {
			d.Spoil()
		}
		y := cell{}
		known := !d.Bad && p.addMember(&x)
		for n := kind>>1 - 1; n > 0 && !d.Bad; n-- {
			y.value += d.Uvarint()
			y.n = d.Uvarint()
			text := d.Part()
			if y.n == 0 || y.n > maxBundled || len(text) > maxText {
				d.Spoil()
			}
			if d.Bad || !known {
				continue
			}
			m := p.memberOf(aspect, x.entity, x.peers, func() uint64 { return x.spread })
			if known = m != none; !known { // it was left out to make room
				continue
			}
			p.members[m].n += y.n
			y.text = p.textOf(aspect, y.value, text)
			if c := p.placeOf(&x, &y); c != none {
				p.cells[c].n += y.n
			}
		}
	}
	if d.Bad {
		return fmt.Errorf("%w: a bundle of aspect %d is damaged", ErrFormat, aspect)
	}
	return nil
}

// addMember adds a member without its cells, and reports whether it is one that is kept.
func (p *Profile) addMember(x *member) bool {
	m := p.memberOf(int(x.aspect), x.entity, x.peers, func() uint64 { return x.spread })
	if m == none {
		return false
	}
	p.members[m].n += x.n
	if x.varied && !p.members[m].varied {
		p.aspects[x.aspect].charge += MaxValues + 1 - p.members[m].charge()
		p.vary(m)
		p.narrow(int(x.aspect))
	}
	return true
}

// AppendLimits appends which entities of each aspect were left out for want of room, a byte each: that of a sum is the least
// ([MergeLimits]).
func (p *Profile) AppendLimits(dst []byte) []byte {
	for i := range p.aspects {
		dst = append(dst, byte(bits.Len64(p.aspects[i].limit)))
	}
	return dst
}

// MergeLimits returns the limits of a sum of profiles of the same aspects.
func MergeLimits(a, b []byte) ([]byte, error) {
	if len(a) != len(b) {
		return nil, fmt.Errorf("%w: %d and %d aspects", ErrFormat, len(a), len(b))
	}
	out := slices.Clone(a)
	for i := range out {
		out[i] = min(out[i], b[i])
	}
	return out, nil
}

// AddLimits leaves out what other profiles, whose bundles are added, left out.
func (p *Profile) AddLimits(limits []byte) error {
	if len(limits) != len(p.aspects) {
		return fmt.Errorf("%w: limits of %d aspects, where %d are asked for", ErrFormat, len(limits), len(p.aspects))
	}
	for i, n := range limits {
		limit := ^uint64(0)
		if n < 64 {
			limit = 1<<n - 1
		}
		if limit < p.aspects[i].limit {
			p.aspects[i].limit = limit
			p.leaveOut(i)
		}
	}
	return nil
}

// A Bundle adds up bundles of one aspect.
type Bundle struct{ profile *Profile }

// NewBundle returns an empty bundle.
func NewBundle() *Bundle { return &Bundle{NewSized([]int{MaxBudget})} }

// Add adds what a bundle knows.
func (b *Bundle) Add(value []byte) error { return b.profile.AddBundle(0, value) }

// Append appends the sum to dst and empties the bundle. It is the same for the same sum, however it came together. The error is
// nil.
func (b *Bundle) Append(dst []byte) ([]byte, error) {
	_ = b.profile.EachBundle(0, func(_, _ int, value []byte) error { // one: bundles by no bits
		dst = append(dst, value...)
		return nil
	})
	*b = *NewBundle()
	return dst, nil
}

// maxBundled bounds what one bundle says of one value.
const maxBundled = 1 << 56
