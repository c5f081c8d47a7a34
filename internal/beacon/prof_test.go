package beacon

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"weir/internal/format"
	"weir/internal/source"
)

func TestProf(t *testing.T) {
	dir := os.Getenv("PROFDIR")
	if dir == "" {
		t.Skip()
	}
	debug.SetGCPercent(20)
	in, err := source.Expand([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	d := New(Options{Workers: 2})
	t0 := time.Now()
	_, err = format.Scan(context.Background(), in, format.ScanOptions{Workers: 2}, d.Handler)
	fmt.Println("scan", time.Since(t0))
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	fmt.Println("heap", m.HeapAlloc>>20, "sys", m.Sys>>20)
	for _, r := range d.readers {
		fmt.Println("series", r.all.n, "extras", r.extras.n, "texts", len(r.texts.bytes)>>20, len(r.texts.ends), "arena", len(r.arena)>>20, "names", len(r.names), "domain", len(r.domain), "conns", len(r.conns), "refs", len(r.refs))
	}
	t0 = time.Now()
	res := d.Result()
	fmt.Println("result", time.Since(t0), len(res.Pairs), res.Tested)
	runtime.ReadMemStats(&m)
	fmt.Println("heap", m.HeapAlloc>>20, "sys", m.Sys>>20)
}
