package lake

import (
	"sync"

	klauspost "github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// A checkedCodec is zstd with a checksum behind every page, which every reader of zstd compares: DuckDB, Arrow and Spark do not
// look at the ones that Parquet has for pages, and would take flipped bits for values. It costs four bytes a page. Both pool
// their encoders and may be shared.
type checkedCodec struct {
	zstd.Codec
	encoders sync.Pool
}

// Encode implements compress.Codec.
func (c *checkedCodec) Encode(dst, src []byte) ([]byte, error) {
	e, _ := c.encoders.Get().(*klauspost.Encoder)
	if e == nil {
		var err error
		e, err = klauspost.NewWriter(nil, klauspost.WithEncoderConcurrency(1), klauspost.WithEncoderLevel(codecLevel),
			klauspost.WithZeroFrames(true), klauspost.WithEncoderCRC(true))
		if err != nil {
			return dst, err
		}
	}
	defer c.encoders.Put(e)
	return e.EncodeAll(src, dst[:0]), nil
}

const codecLevel = klauspost.SpeedBetterCompression

var codec = &checkedCodec{}
