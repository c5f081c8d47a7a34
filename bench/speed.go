package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/bench/incident"
)

// peerPython is where Debian's scikit-learn lives.
const peerPython = incident.PeerPython

// A corpus is the throughput data, uncompressed.
type corpus struct {
	dir    string
	files  []string
	events int64
	bytes  int64
	packed int64 // as they are stored, with gzip
	from   int64 // the hour in the middle, in epoch seconds
}

const hour = 3600

// speed times weir hunt over real Zeek logs against the scikit-learn pipeline, in one run, whole processes.
func (b *bench) speed(ctx context.Context) error {
	c, err := b.unpack()
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	runs := 3
	if b.quick {
		runs = 1
	}
	window := fmt.Sprintf("%d/%d", c.from, c.from+hour-1)
	var took []float64
	var peak int64
	for range runs {
		p, err := start(ctx, c.dir, nil, io.Discard, b.weir, "hunt", "--window", window, c.dir)
		if err != nil {
			return err
		}
		took, peak = append(took, p.took.Seconds()), max(peak, p.peak)
	}
	own := float64(c.events) / median(took)
	fmt.Printf("\n## Speed\n\n%d Zeek JSON records, %d MB, plain files; the window is the hour %s.\n\n| whole process | wall | events/s | peak memory |\n"+
		"|---|--:|--:|--:|\n", c.events, c.bytes/1e6, time.Unix(c.from, 0).UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Printf("| weir hunt, median of %d (%s s) | %.2f s | %.0f | %s |\n", runs, seconds(took), median(took), own, megabytes(peak))
	b.row("peak memory of weir hunt over maccdc2012", "700 MB", "300 MB", "%s", megabytes(peak))
	peer, err := b.peer(ctx, c)
	if errors.Is(err, incident.ErrMissing) {
		fmt.Printf("| scikit-learn pipeline | not measured | | |\n")
		b.notes = append(b.notes, fmt.Sprintf("The peer for speed was not measured: %v.", err))
		b.row("weir hunt against scikit-learn, events/s", "8 ×", "20 ×", "%.0f events/s; no peer on this machine", own)
		return nil
	}
	if err != nil {
		return err
	}
	theirs := float64(c.events) / peer.took.Seconds()
	fmt.Printf("| scikit-learn pipeline | %.2f s | %.0f | %s |\n", peer.took.Seconds(), theirs, megabytes(peer.peak))
	b.row("weir hunt against scikit-learn, events/s", "8 ×", "20 ×", "%.1f × (%.0f against %.0f)", own/theirs, own, theirs)
	return nil
}

func seconds(x []float64) string {
	var s []string
	for _, v := range x {
		s = append(s, fmt.Sprintf("%.2f", v))
	}
	return strings.Join(s, ", ")
}

// peer runs the scikit-learn pipeline over the same files.
func (b *bench) peer(ctx context.Context, c *corpus) (process, error) {
	script := filepath.Join(b.shared, "bench", "sklearn_pipeline.py")
	if _, err := os.Stat(script); err != nil {
		return process{}, fmt.Errorf("the scikit-learn pipeline is %w: %w", incident.ErrMissing, err)
	}
	if err := incident.HasSklearn(ctx); err != nil {
		return process{}, err
	}
	var readers []io.Reader
	for _, name := range c.files {
		f, err := os.Open(name)
		if err != nil {
			return process{}, err
		}
		defer f.Close()
		readers = append(readers, f)
	}
	var out bytes.Buffer
	p, err := start(ctx, c.dir, io.MultiReader(readers...), &out, peerPython, "-B", script, strconv.FormatInt(c.from, 10), strconv.FormatInt(c.from+hour-1, 10))
	if err == nil {
		b.notes = append(b.notes, "scikit-learn's own account: "+strings.TrimSpace(out.String())+".")
	}
	return p, err
}

// unpack writes the throughput data uncompressed into the temporary directory and finds the hour in its middle.
func (b *bench) unpack() (*corpus, error) {
	source := filepath.Join(b.shared, "data", "m5-throughput", "maccdc2012-zeek-json")
	packed, err := filepath.Glob(filepath.Join(source, "*", "*.log.gz"))
	if err != nil {
		return nil, err
	}
	if len(packed) == 0 {
		return nil, fmt.Errorf("the throughput data are %w: nothing in %s", incident.ErrMissing, source)
	}
	slices.Sort(packed)
	if b.quick {
		packed = packed[:len(packed)/4]
	}
	c := &corpus{dir: filepath.Join(b.dir, "maccdc2012")}
	hours := map[int64]int64{}
	for _, name := range packed {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		c.packed += info.Size()
		out := filepath.Join(c.dir, filepath.Base(filepath.Dir(name)), strings.TrimSuffix(filepath.Base(name), ".gz"))
		if err := c.unpackFile(name, out, hours); err != nil {
			return nil, fmt.Errorf("cannot unpack %q: %w", name, err)
		}
		c.files = append(c.files, out)
	}
	c.from = middle(hours)
	return c, nil
}

func (c *corpus) unpackFile(name, out string, hours map[int64]int64) (err error) {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z) // the largest is some tens of megabytes
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		c.events++
		if _, rest, ok := bytes.Cut(line, []byte(`"ts":`)); ok {
			whole, _, _ := bytes.Cut(rest, []byte("."))
			if ts, err := strconv.ParseInt(string(whole[:min(len(whole), 20)]), 10, 64); err == nil {
				hours[ts-ts%hour]++
			}
		}
	}
	c.bytes += int64(len(text))
	return os.WriteFile(out, text, 0o644)
}

// middle returns the hour that holds the median event.
func middle(hours map[int64]int64) int64 {
	var starts []int64
	total := int64(0)
	for h, n := range hours {
		starts = append(starts, h)
		total += n
	}
	slices.Sort(starts)
	seen := int64(0)
	for _, h := range starts {
		if seen += hours[h]; 2*seen >= total {
			return h
		}
	}
	return 0
}
