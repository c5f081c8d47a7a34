package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/bench/hidden"
	"weir/bench/incident"
)

// A foundPair is what is read of a line of weir beacons --json.
type foundPair struct {
	Kind        string   `json:"kind"`
	Called      bool     `json:"called"`
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Names       []string `json:"destination_names"`
	Score       float64  `json:"score"`
	RITA        *struct {
		Score     float64 `json:"score"`
		Timestamp float64 `json:"timestamp"`
		DataSize  float64 `json:"data_size"`
		Duration  float64 `json:"duration"`
		Histogram float64 `json:"histogram"`
		Count     int     `json:"count"`
		Bytes     int64   `json:"bytes"`
		Seconds   float64 `json:"duration_seconds"`
	} `json:"rita_score"`
}

func (b *bench) findBeacons(ctx context.Context, args ...string) ([]foundPair, process, error) {
	var out bytes.Buffer
	p, err := start(ctx, b.dir, nil, &out, b.weir, append([]string{"beacons", "--json"}, args...)...)
	if err != nil {
		return nil, p, err
	}
	var pairs []foundPair
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var x foundPair
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return nil, p, err
		}
		pairs = append(pairs, x)
	}
	return pairs, p, lines.Err()
}

// beacons measures weir beacons: recorded implants, benign traffic that is periodic, invented beacons, and a large log.
func (b *bench) beacons(ctx context.Context) error {
	if err := b.hiddenBeacons(ctx); err != nil {
		return err
	}
	if err := b.manyConnections(ctx); err != nil {
		return err
	}
	if err := b.golden(ctx); err != nil {
		return err
	}
	return b.implants(ctx)
}

func (b *bench) golden(ctx context.Context) error {
	dir := filepath.Join(b.shared, "data", "rita-proxy")
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("RITA's golden logs are %w: %w", incident.ErrMissing, err)
	}
	pairs, _, err := b.findBeacons(ctx, dir)
	if err != nil {
		return err
	}
	var wrong []string
	worst := 0.
	for _, want := range []struct {
		name   string
		scores [5]float64
		count  int
		bytes  int64
		took   float64
	}{
		{"www.honestimnotevil.com", [5]float64{.979, .921, .995, 1, 1}, 357, 963595, 12.454628},
		{"www.google.com", [5]float64{.586, .48, .865, 1, 0}, 6, 139385, .725752},
	} {
		at := slices.IndexFunc(pairs, func(p foundPair) bool {
			return p.Source == "10.136.0.18" && slices.Contains(p.Names, want.name) && p.RITA != nil
		})
		if at < 0 {
			wrong = append(wrong, want.name+": no row")
			continue
		}
		g := pairs[at].RITA
		if g.Count != want.count || g.Bytes != want.bytes || math.Abs(g.Seconds-want.took) > 5e-7 {
			wrong = append(wrong, fmt.Sprintf("%s: %d, %d B, %f s", want.name, g.Count, g.Bytes, g.Seconds))
		}
		for i, x := range [5]float64{g.Score, g.Timestamp, g.DataSize, g.Duration, g.Histogram} {
			worst = max(worst, math.Abs(x-want.scores[i]))
		}
	}
	b.row("RITA's golden rows: counts, bytes, durations; scores", "exact; ± .005", "", "wrong: %s; scores within %.3f", orNone(wrong), worst)
	return nil
}

// kovter are the servers that the infected machine of the capture called every two minutes.
var kovter = []string{"82.245.149.235", "189.90.217.247", "189.241.104.183", "198.36.88.21", "91.82.226.222", "208.80.6.60", "198.144.30.128", "104.16.73.224"}

func (b *bench) implants(ctx context.Context) error {
	dir := filepath.Join(b.shared, "data", "m3-c2")
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("the recorded implants are %w: %w", incident.ErrMissing, err)
	}
	pairs, _, err := b.findBeacons(ctx, dir)
	if err != nil {
		return err
	}
	rank := map[string]int{}
	for i, p := range pairs {
		name := ""
		switch {
		case p.Destination == "41.108.179.197":
			name = "CC"
		case p.Destination == "192.168.0.4":
			name = "APT29"
		case p.Source == "192.168.1.113" && slices.Contains(kovter, p.Destination):
			name = "Kovter"
		}
		if rank[name] == 0 {
			rank[name] = i + 1
		}
	}
	delete(rank, "")
	best, last := len(pairs)+1, 0
	for _, name := range []string{"CC", "APT29", "Kovter"} {
		r := rank[name]
		if r == 0 {
			r = len(pairs) + 1
		}
		best, last = min(best, r), max(last, r)
	}
	b.row("recorded implants in one run: best true pair; last of Kovter's, CC's and APT29's first", "1; ≤ 10", "1; ≤ 4", "%d; %d of %d pairs", best, last, len(pairs))
	lab, _, err := b.findBeacons(ctx, filepath.Join(dir, "rita-lab-http"))
	if err != nil {
		return err
	}
	called := 0
	for _, p := range lab {
		if p.Called {
			called++
		}
	}
	b.row("rita-lab-http, benign: pairs called beacons", "≤ 2 %", "0", "%d of %d", called, len(lab))
	return nil
}

// hiddenBeacons hides invented beacons among the connections of a network.
func (b *bench) hiddenBeacons(ctx context.Context) error {
	o := hidden.Options{Connections: 1_000_000, Days: 1, Beacons: 200, Jitter: .4, Missing: .3}
	if b.quick {
		o.Connections = 200_000
	}
	fmt.Printf("\n## Beacons\n\nHidden in %d connections of %d day, 1 to 60 min, jitter up to 40 %%, 30 %% of the beats missing.\n\n"+
		"| seed | pairs | found at 1 false in 1,000 pairs | RITA's score alone | called | of them wrongly |\n|--:|--:|--:|--:|--:|--:|\n", o.Connections, o.Days)
	var ours []float64
	for seed := uint64(1); seed <= 3; seed++ {
		o.Seed = seed
		got, err := b.findHidden(ctx, o, fmt.Sprint(seed))
		if err != nil {
			return err
		}
		ours = append(ours, got)
	}
	b.row("beacons hidden in 1 M connections, found at 1 false in 1,000 pairs (worst of 3)", "90 %", "99 %", "%.1f %%", 100*slices.Min(ours))
	return b.heldOutBeacons(ctx)
}

// heldOut are sets that no choice was made by: made after the method was done, and scored once for docs/quality.md.
var heldOut = []hidden.Options{
	{Seed: 1001, Connections: 300_000, Days: 1, Beacons: 150, Minutes: [2]float64{.5, 10}, Jitter: .6, Missing: .3},
	{Seed: 1002, Connections: 400_000, Days: 2, Beacons: 150, Minutes: [2]float64{10, 120}, Jitter: .5, Missing: .5},
	{Seed: 1003, Connections: 500_000, Days: 3, Beacons: 150, Minutes: [2]float64{5, 240}, Jitter: .2, Missing: .1},
	{Seed: 1004, Connections: 800_000, Days: 7, Beacons: 150, Minutes: [2]float64{30, 720}, Jitter: .3, Missing: .2},
}

func (b *bench) heldOutBeacons(ctx context.Context) error {
	fmt.Print("\nHeld out:\n\n| days, connections, minutes, jitter, missing | pairs | found at 1 false in 1,000 pairs | RITA's score alone | called | of them wrongly |\n|---|--:|--:|--:|--:|--:|\n")
	for _, o := range heldOut {
		if _, err := b.findHidden(ctx, o, fmt.Sprintf("%d, %d k, %g to %g, ± %.0f %%, %.0f %%", o.Days, o.Connections/1000, o.Minutes[0], o.Minutes[1], 100*o.Jitter, 100*o.Missing)); err != nil {
			return err
		}
	}
	return nil
}

// findHidden prints how many of the beacons of a set are found, and returns the share at one false in 1,000 pairs.
func (b *bench) findHidden(ctx context.Context, o hidden.Options, title string) (found float64, err error) {
	list, beacons := hidden.Generate(o)
	name := filepath.Join(b.dir, "hidden.conn.log")
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer os.Remove(name)
	all, truth := map[string]bool{}, map[string]bool{}
	for _, c := range list {
		all[c.Source+" "+c.Target] = true
	}
	for _, x := range beacons {
		truth[x.Source+" "+x.Target] = true
	}
	if err := errors.Join(hidden.WriteZeek(f, list), f.Close()); err != nil {
		return 0, err
	}
	pairs, _, err := b.findBeacons(ctx, "--format", "zeek-tsv", name)
	if err != nil {
		return 0, err
	}
	var byScore, byRITA []hidden.Found
	called, wrong := 0, 0
	for _, p := range pairs {
		byScore = append(byScore, hidden.Found{Source: p.Source, Target: p.Destination, Score: p.Score})
		if p.RITA != nil {
			byRITA = append(byRITA, hidden.Found{Source: p.Source, Target: p.Destination, Score: p.RITA.Score})
		}
		if p.Called {
			called++
			if !truth[p.Source+" "+p.Destination] {
				wrong++
			}
		}
	}
	found = hidden.Recall(byScore, beacons, len(all), 1000)
	fmt.Printf("| %s | %d | %.3f | %.3f | %d | %d |\n", title, len(all), found, hidden.Recall(byRITA, beacons, len(all), 1000), called, wrong)
	return found, nil
}

// manyConnections measures speed and memory over the connections of a scenario.
func (b *bench) manyConnections(ctx context.Context) error {
	lines := 48_000_000 // a fifth of which are connections
	if b.quick {
		lines = 2_000_000
	}
	dir := filepath.Join(b.dir, "connections")
	defer os.RemoveAll(dir)
	n := 0
	args := []string{"--limit", "100"}
	for _, seed := range []string{"1", "2"} {
		one := filepath.Join(dir, seed)
		if _, err := start(ctx, b.dir, nil, nil, b.weir, "scenario", "--events", fmt.Sprint(lines), "--days", "56", "--seed", seed, "--out", one); err != nil {
			return err
		}
		name := filepath.Join(one, "zeek", "conn.log")
		lines, err := countLines(name)
		if err != nil {
			return err
		}
		n += lines
		args = append(args, name)
	}
	_, p, err := b.findBeacons(ctx, args...)
	if err != nil {
		return err
	}
	speed := float64(n) / p.took.Seconds()
	fmt.Printf("\n%d connections of two networks: %.1f s, %.0f/s, peak %s.\n", n, p.took.Seconds(), speed, megabytes(p.peak))
	b.row(fmt.Sprintf("weir beacons on %.0f M scenario connections: memory, speed", float64(n)/1e6), "2 GB, 500,000/s", "500 MB, 1.5 M/s", "%s, %.0f/s", megabytes(p.peak), speed)
	return nil
}

func countLines(name string) (int, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in, n := bufio.NewScanner(f), 0
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		if !strings.HasPrefix(in.Text(), "#") {
			n++
		}
	}
	return n, in.Err()
}
