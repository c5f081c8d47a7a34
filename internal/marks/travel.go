package marks

import (
	"encoding/binary"
	"errors"
)

// What tasks on other machines have seen of marked records is a bit for each, in the order of the journal: whoever binds the same
// marks to the same files adds them up.

// AppendSeen appends which marked records were met so far.
func (b *Binding) AppendSeen(dst []byte) []byte {
	n := 0
	for _, f := range b.all {
		n += len(f.entries)
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	bits, at := byte(0), 0
	for _, f := range b.all {
		for i := range f.entries {
			if f.entries[i].seen.Load() {
				bits |= 1 << (at & 7)
			}
			if at++; at&7 == 0 {
				dst, bits = append(dst, bits), 0
			}
		}
	}
	if at&7 != 0 {
		dst = append(dst, bits)
	}
	return dst
}

// ErrSeen says that what was seen was seen of other marks.
var ErrSeen = errors.New("what was seen of marked records is damaged, or of other marks")

// Seen are records that tasks have met, added up. The zero value is none.
type Seen struct{ sum []byte }

// Add adds what a task has met.
func (s *Seen) Add(value []byte) error {
	n, k := binary.Uvarint(value)
	if k <= 0 || n > 1<<40 || uint64(len(value)-k) != (n+7)/8 || s.sum != nil && len(s.sum) != len(value) {
		return ErrSeen
	}
	if s.sum == nil {
		s.sum = append([]byte{}, value...)
		return nil
	}
	for i := range k {
		if s.sum[i] != value[i] {
			return ErrSeen
		}
	}
	for i := k; i < len(value); i++ {
		s.sum[i] |= value[i]
	}
	return nil
}

// Append appends the sum to dst, and empties it. The error is nil.
func (s *Seen) Append(dst []byte) ([]byte, error) {
	dst = append(dst, s.sum...)
	s.sum = nil
	return dst, nil
}

// See takes in what tasks have met of the same marks.
func (b *Binding) See(value []byte) error {
	have := Seen{}
	if err := errors.Join(have.Add(b.AppendSeen(nil)), have.Add(value)); err != nil {
		return err
	}
	_, k := binary.Uvarint(have.sum)
	at := 0
	for _, f := range b.all {
		for i := range f.entries {
			if have.sum[k+at/8]&(1<<(at&7)) != 0 {
				f.entries[i].seen.Store(true)
			}
			at++
		}
	}
	return nil
}
