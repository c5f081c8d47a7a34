package mapreduce

import (
	"github.com/klauspost/compress/zstd"
)

// maxUnpacked bounds what an Unpacker makes of one value.
const maxUnpacked = 256 << 20

// A Packer compresses values that are long texts. Not safe for concurrent use.
type Packer struct{ z *zstd.Encoder }

// NewPacker returns a packer.
func NewPacker() (*Packer, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	return &Packer{z}, err
}

// Append appends value, compressed, to dst.
func (p *Packer) Append(dst, value []byte) []byte { return p.z.EncodeAll(value, dst) }

// An Unpacker undoes what a Packer did. Not safe for concurrent use.
type Unpacker struct{ z *zstd.Decoder }

// NewUnpacker returns an unpacker. Close it.
func NewUnpacker() (*Unpacker, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	return &Unpacker{z}, err
}

// Append appends what packed was before it was compressed. An error says that it is damaged, or would be too long.
func (u *Unpacker) Append(dst, packed []byte) ([]byte, error) { return u.z.DecodeAll(packed, dst) }

// Close lets go of memory.
func (u *Unpacker) Close() { u.z.Close() }
