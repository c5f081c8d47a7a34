package table

import (
	"bytes"
	"io"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func BenchmarkRows(b *testing.B) {
	rows, want := records(20000)
	file := write(b, rows, parquet.Compression(&parquet.Snappy))
	b.SetBytes(int64(len(want)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file), int64(len(file)), maxLine)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(want)) {
			b.Fatal(n, err)
		}
		r.Close()
	}
	b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
