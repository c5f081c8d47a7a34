package scenario

import (
	"io"
	"testing"
)

type discard struct{ io.Writer }

func (discard) Close() error { return nil }

func openDiscard(string) (io.WriteCloser, error) { return discard{io.Discard}, nil }

func BenchmarkGenerate(b *testing.B) {
	var lines int64
	for b.Loop() {
		truth, err := Generate(Config{Events: 1_000_000, Seed: 1}, openDiscard)
		if err != nil {
			b.Fatal(err)
		}
		for _, l := range truth.Lines {
			lines += l.Lines
		}
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}
