package mapreduce

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Packing is for values that are long and repeat themselves, as stored events do. It is no part of what is merged: the same value
// may be packed in several ways, so that only kinds that pass through are packed.

// maxUnpacked bounds a value, in bytes.
const maxUnpacked = 1 << 28

// ErrPacked says that a packed value is damaged.
var ErrPacked = errors.New("a packed value is damaged")

var packer = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
})

var unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderConcurrency(1))
})

// Pack appends a value, packed, to dst.
func Pack(dst, value []byte) ([]byte, error) {
	z, err := packer()
	if err != nil {
		return nil, fmt.Errorf("cannot pack a value: %w", err)
	}
	return z.EncodeAll(value, dst), nil
}

// Unpack appends the value that Pack packed to dst.
func Unpack(dst, packed []byte) ([]byte, error) {
	z, err := unpacker()
	if err != nil {
		return nil, fmt.Errorf("cannot unpack a value: %w", err)
	}
	out, err := z.DecodeAll(packed, dst)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacked, err)
	}
	return out, nil
}
