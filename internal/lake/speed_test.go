package lake

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkIngest reads recorded logs, where there are any, into a new lake.
func BenchmarkIngest(b *testing.B) {
	shared := os.Getenv("WEIR_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	dir := filepath.Join(shared, "data/m5-throughput/maccdc2012-zeek-json")
	if _, err := os.Stat(dir); err != nil {
		b.Skip("NOT MEASURED: no " + dir)
	}
	b.ReportAllocs()
	for b.Loop() {
		l := makeLake(b)
		r := ingestFiles(b, l, IngestOptions{}, dir)
		b.SetBytes(r.Bytes)
	}
}
