package browser

import (
	"os"
	"testing"
)

// BenchmarkFirstPaint measures the size of the report of a hunt over a million events and how long Chromium takes to its
// first contentful paint. WEIR_BENCH_REPORT names another report to measure.
func BenchmarkFirstPaint(b *testing.B) {
	var html []byte
	var err error
	if name := os.Getenv("WEIR_BENCH_REPORT"); name != "" {
		html, err = os.ReadFile(name)
	} else {
		html, err = companyOf(1_000_000)
	}
	if err != nil {
		b.Fatal(err)
	}
	var paint, loaded float64
	for b.Loop() {
		x := open(b, html, look{})
		x.chart("times")
		paint += js[float64](x, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
		loaded += js[float64](x, `performance.getEntriesByType("navigation")[0].loadEventEnd`)
		x.quiet()
	}
	b.ReportMetric(float64(len(html)), "bytes")
	b.ReportMetric(paint/float64(b.N), "paint-ms")
	b.ReportMetric(loaded/float64(b.N), "load-ms")
}
