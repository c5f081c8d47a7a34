package hunt

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"weir/internal/source"
)

// BenchmarkRun hunts in the logs that WEIR_BENCH_LOGS names, in the window WEIR_BENCH_WINDOW (FROM/TO): the way to a
// profile of real data.
func BenchmarkRun(b *testing.B) {
	logs, window := os.Getenv("WEIR_BENCH_LOGS"), os.Getenv("WEIR_BENCH_WINDOW")
	if logs == "" {
		b.Skip("WEIR_BENCH_LOGS and WEIR_BENCH_WINDOW are not set")
	}
	span, err := ParseSpan(window, time.UTC, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		inputs, err := source.Expand(strings.Split(logs, ","))
		if err != nil {
			b.Fatal(err)
		}
		r, err := Run(context.Background(), inputs, Options{Windows: []Span{span}})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.Summary.Records()), "events/op")
		r.Close()
	}
}
