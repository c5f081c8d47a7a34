package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// replay times `weir replay` over the access log of an invented company, with a filter that has learned another company's, and
// says what the three policies would have cost there.
func (b *bench) replay(ctx context.Context) error {
	events, runs := 3_000_000, 3
	if b.quick {
		events, runs = 300_000, 1
	}
	const log = "nginx/access.log"
	other, _, _, err := b.generate(ctx, "replay-other", "--seed", "1000")
	if err != nil {
		return err
	}
	defer os.RemoveAll(other)
	dir, _, _, err := b.generate(ctx, "replay", "--events", strconv.Itoa(events), "--seed", "3")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	filter := filepath.Join(b.dir, "replay.weir")
	if _, err := start(ctx, other, nil, io.Discard, b.weir, "train", "--filter", filter, "--truth", "truth.csv", log); err != nil {
		return err
	}
	n, err := countLines(filepath.Join(dir, log))
	if err != nil {
		return err
	}
	var said bytes.Buffer
	var took, cpu []float64
	var peak int64
	for range runs {
		said.Reset()
		p, err := start(ctx, dir, nil, &said, b.weir, "replay", "--json", "--limit", "1", "--ratio", "200", "--filter", filter, "--truth", "truth.csv", log)
		if err != nil {
			return err
		}
		took, cpu, peak = append(took, p.took.Seconds()), append(cpu, p.cpu.Seconds()), max(peak, p.peak)
	}
	var summary struct {
		Policies []struct {
			Name string  `json:"name"`
			Cost float64 `json:"cost"`
		} `json:"policies"`
	}
	if err := json.NewDecoder(&said).Decode(&summary); err != nil || len(summary.Policies) != 3 {
		return fmt.Errorf("cannot read the summary of weir replay --json: %w", err)
	}
	speed := float64(n) / median(took)
	fmt.Printf("\n## Replay\n\n%d records of an access log, judged by a filter of another company and replayed at a ratio of 200: %.1f s (%.1f s of processor time), %.0f records/s, peak %s.\nIn wrong blocks:",
		n, median(took), median(cpu), speed, megabytes(peak))
	for i, p := range summary.Policies {
		fmt.Printf("%s %s %.0f", []string{"", ",", ","}[i], p.Name, p.Cost)
	}
	fmt.Println(".")
	b.steady("weir replay", took)
	b.row("weir replay, reading and judging included", "300,000 events/s", "1,000,000", "%.0f events/s", speed)
	return nil
}
