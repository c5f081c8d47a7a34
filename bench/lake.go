package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lake measures the archive: what it costs against a hunt, against DuckDB and against gzip on real Zeek logs; and marking, memory
// and queries in a large one. Processes killed at random moments are `make crash`.
func (b *bench) lake(ctx context.Context) error {
	return errors.Join(b.lakeCost(ctx), b.lakeAtScale(ctx))
}

// A lakeRun is one way to deal with the same logs.
type lakeRun struct {
	name string
	args []string // behind them come the logs
	out  string   // what it writes; removed before
	took []float64
	cpu  float64 // the least, in seconds
	peak int64
	size int64
}

func (r *lakeRun) best() float64 { return slices.Min(r.took) }

// lakeCost compares ingesting maccdc2012 with a hunt in it and with DuckDB's own reading and writing, one after another in turns.
func (b *bench) lakeCost(ctx context.Context) error {
	c, err := b.unpack()
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	window := fmt.Sprintf("%d/%d", c.from, c.from+hour-1)
	dir := filepath.Join(b.dir, "lakes")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	kept, lean, parquet := filepath.Join(dir, "kept"), filepath.Join(dir, "lean"), filepath.Join(dir, "duckdb.parquet")
	hunt := &lakeRun{name: "weir hunt", args: []string{b.weir, "hunt", "--window", window, c.dir}}
	ingest := &lakeRun{name: "weir ingest", args: []string{b.weir, "ingest", "--lake", kept, c.dir}, out: kept}
	noRaw := &lakeRun{name: "weir ingest --no-raw", args: []string{b.weir, "ingest", "--no-raw", "--lake", lean, c.dir}, out: lean}
	list := []*lakeRun{hunt, ingest, noRaw}
	duck := &lakeRun{name: "DuckDB, read_json to Parquet (zstd), no counts", out: parquet}
	if program, err := b.duckdb(ctx); err != nil {
		b.notes = append(b.notes, fmt.Sprintf("DuckDB was not measured: %.200v.", err))
	} else {
		duck.args = []string{program, filepath.Join(c.dir, "*", "*.log"), parquet}
		list = append(list, duck)
	}
	runs := 3
	if b.quick {
		runs = 1
	}
	for range runs {
		for _, r := range list {
			if err := r.run(ctx, c.dir); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\n## Lake\n\n%d Zeek JSON records, %d MB, %.1f MB as gzip; in turns, the best of %d.\n\n| | wall | CPU | peak memory | bytes | × the gzip |\n|---|--:|--:|--:|--:|--:|\n",
		c.events, c.bytes/1e6, float64(c.packed)/1e6, runs)
	for _, r := range list {
		size, ratio := "", ""
		if r.out != "" {
			size, ratio = fmt.Sprintf("%.1f MB", float64(r.size)/1e6), fmt.Sprintf("%.3f", float64(r.size)/float64(c.packed))
		}
		fmt.Printf("| %s | %.2f s (%s) | %.1f s | %s | %s | %s |\n", r.name, r.best(), seconds(r.took), r.cpu, megabytes(r.peak), size, ratio)
		b.steady(r.name, r.took)
	}
	b.row("lake: time of weir ingest of maccdc2012 against weir hunt (and CPU)", "2 ×", "1.3 ×", "%.2f × (%.2f ×)", ingest.best()/hunt.best(), ingest.cpu/hunt.cpu)
	if len(duck.took) > 0 {
		b.row("lake: DuckDB's read_json to Parquet against weir ingest (and CPU)", "1 ×", "2 ×", "%.2f × (%.2f ×)", duck.best()/ingest.best(), duck.cpu/ingest.cpu)
	}
	b.row("lake: bytes against the gzip of the logs, lines kept / not kept", "1.6 × / .9 ×", "1.2 × / .5 ×", "%.3f × / %.3f ×",
		float64(ingest.size)/float64(c.packed), float64(noRaw.size)/float64(c.packed))
	return nil
}

func (r *lakeRun) run(ctx context.Context, dir string) error {
	if r.out != "" {
		if err := os.RemoveAll(r.out); err != nil {
			return err
		}
	}
	p, err := start(ctx, dir, nil, io.Discard, r.args[0], r.args[1:]...)
	if err != nil {
		return err
	}
	r.took = append(r.took, p.took.Seconds())
	if cpu := p.cpu.Seconds(); r.cpu == 0 || cpu < r.cpu {
		r.cpu = cpu
	}
	r.peak = max(r.peak, p.peak)
	if r.out != "" {
		r.size, err = bytesIn(r.out)
	}
	return err
}

// bytesIn is how many bytes there are in the files of a directory, or in a file.
func bytesIn(path string) (n int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// duckdb builds the program that reads and writes as DuckDB itself does.
func (b *bench) duckdb(ctx context.Context) (string, error) {
	out := filepath.Join(b.dir, "duckdb")
	if runtime.GOOS == "windows" {
		out += ".exe"
	}
	_, err := start(ctx, b.root, nil, io.Discard, "go", "build", "-o", out, "./bench/duckdb")
	return out, err
}

// lakeAtScale makes a large lake of a scenario and of a log with many tokens that come once, and marks and asks in it.
func (b *bench) lakeAtScale(ctx context.Context) error {
	events, wide := 45_000_000, 5_000_000
	if b.quick {
		events, wide = 1_800_000, 200_000
	}
	dir, _, _, err := b.generate(ctx, "large", "--events", strconv.Itoa(events), "--seed", "7")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeWide(filepath.Join(dir, "wide.log"), wide); err != nil {
		return err
	}
	in, err := start(ctx, dir, nil, io.Discard, b.weir, append([]string{"ingest", "--lake", "lake", "wide.log"}, logs...)...)
	if err != nil {
		return err
	}
	n, tokens, err := b.lakeSize(ctx, dir)
	if err != nil {
		return err
	}
	size, err := bytesIn(filepath.Join(dir, "lake"))
	if err != nil {
		return err
	}
	fmt.Printf("\n%.1f M events with %.1f M distinct tokens: ingested in %.0f s (%.0f s of CPU), %s at the peak, %.2f GB, %.0f bytes an event.\n",
		n/1e6, tokens/1e6, in.took.Seconds(), in.cpu.Seconds(), megabytes(in.peak), float64(size)/1e9, float64(size)/n)
	what := fmt.Sprintf("%.0f M events", n/1e6)
	if err := b.markSpeed(ctx, dir, what); err != nil {
		return err
	}
	if err := b.askSpeed(ctx, dir, what); err != nil {
		return err
	}
	half, err := start(ctx, dir, nil, io.Discard, b.weir, "mark", "bad", "--lake", "lake", "--window", "2026-02-02 00:00/2026-02-15 23:59")
	if err != nil {
		return err
	}
	fmt.Printf("\nMarking two of four weeks: %.1f s, %s.\n", half.took.Seconds(), megabytes(half.peak))
	b.row(fmt.Sprintf("lake: peak memory of ingesting %s with %.0f M distinct tokens; of marking half of them", what, tokens/1e6), "1,500 MB", "512 MB",
		"%s; %s", megabytes(in.peak), megabytes(half.peak))
	return nil
}

// lakeSize asks the lake how many events and, about, distinct tokens it has.
func (b *bench) lakeSize(ctx context.Context, dir string) (events, tokens float64, err error) {
	var out bytes.Buffer
	if _, err = start(ctx, dir, nil, &out, b.weir, "query", "--lake", "lake", "--format", "csv",
		"SELECT sum(n) FILTER (WHERE field IS NULL)::DOUBLE, approx_count_distinct((field, part, token))::DOUBLE FROM counts"); err != nil {
		return
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[1]) != 2 {
		return 0, 0, fmt.Errorf("weir query answers %q (%w)", rows, err)
	}
	events, err = strconv.ParseFloat(rows[1][0], 64)
	if err == nil {
		tokens, err = strconv.ParseFloat(rows[1][1], 64)
	}
	return
}

// What the test that marks an hour says.
var (
	markedIn  = regexp.MustCompile(`marked and trained in (\S+) .*taken back in (\S+)`)
	countedIn = regexp.MustCompile(`counted by class in ([^:\s]+): marking takes ([\d.]+) %`)
)

// markSpeed marks an hour and counts everything, in one process (TestMarkSpeed).
func (b *bench) markSpeed(ctx context.Context, dir, what string) error {
	var out bytes.Buffer
	if _, err := start(ctx, b.root, nil, &out, "env", "WEIR_LAKE="+filepath.Join(dir, "lake"), "go", "test", "-count=1", "-timeout", "2h", "-v", "-run",
		"^TestMarkSpeed$", "./internal/lake"); err != nil {
		return err
	}
	marked, counted := markedIn.FindStringSubmatch(out.String()), countedIn.FindStringSubmatch(out.String())
	if marked == nil || counted == nil {
		return fmt.Errorf("the test that marks an hour says only %q", out.String())
	}
	took, err := time.ParseDuration(marked[1])
	if err != nil {
		return err
	}
	fmt.Printf("\nAn hour marked, to the new model, in %s; taken back in %s. All events counted by class, as training from nothing would, in %s.\n", marked[1], marked[2], counted[1])
	b.row("lake: mark an hour in "+what+", to the new model; share of training from nothing", "3 s; 2 %", "1 s", "%.2f s; %s %%", took.Seconds(), counted[2])
	return nil
}

// askSpeed asks for the sources of one kind of event.
func (b *bench) askSpeed(ctx context.Context, dir, what string) error {
	const question = "SELECT source_ip, count(*) AS n FROM events WHERE http_response_status_code = 404 GROUP BY ALL ORDER BY n DESC, 1 LIMIT 10"
	var took []float64
	for range 3 {
		var out strings.Builder
		p, err := start(ctx, dir, nil, &out, b.weir, "query", "--lake", "lake", "--format", "csv", question)
		if err != nil {
			return err
		}
		if n := strings.Count(out.String(), "\n"); n != 11 {
			return fmt.Errorf("weir query answers %d lines: %.200q", n, out.String())
		}
		took = append(took, p.took.Seconds())
	}
	fmt.Printf("\n`%s`: %s s, whole processes.\n", question, seconds(took))
	b.row("lake: filtered top 10 by source over "+what+", weir query, best of 3", "2 s", ".5 s", "%.2f s", slices.Min(took))
	return nil
}

// writeWide writes an access log over four weeks in which no two lines ask for the same.
func writeWide(path string, n int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	from, step := time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC), 28*24*time.Hour/time.Duration(n)
	for i := range n {
		x, y := r.Uint64(), r.Uint32()
		at := from.Add(time.Duration(i) * step).Format("02/Jan/2006:15:04:05 -0700")
		fmt.Fprintf(w, "10.0.%d.%d - - [%s] \"GET /item/%08x/%08x HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\"\n",
			x>>20&3, x>>8&255, at, uint32(x>>32), y, 200+x&1023)
	}
	return w.Flush()
}
