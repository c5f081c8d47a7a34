package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/bench/incident"
	"weir/bench/labels"
)

// costRatios are those of costs.py.
var costRatios = []int{1, 10, 100, 1000}

// A priced is what costs.py says of one set of records.
type priced struct {
	name   string
	Good   int       `json:"good"`
	Bad    int       `json:"bad"`
	ECE    float64   `json:"ece"`
	Regret []float64 `json:"regret"` // by ratio
	Weir   []int64   `json:"weir"`
	Peer   []int64   `json:"peer"`
}

// costs measures what decisions by cost are worth on records that were not learned.
func (b *bench) costs(ctx context.Context) error {
	if err := incident.HasSklearn(ctx); err != nil {
		return err
	}
	set, err := labels.Open(b.shared)
	if err != nil {
		return err
	}
	var all []*priced
	for _, name := range labels.LineSets {
		of := func(part, class string) string { return filepath.Join(set.LinesDir(name), part+"."+class+".txt.gz") }
		if _, err := os.Stat(of("test", "bad")); err != nil {
			return fmt.Errorf("labelled data are %w: %w", incident.ErrMissing, err)
		}
		p, err := b.price(ctx, name, []string{"--good", of("train", "good"), "--bad", of("train", "bad")}, []string{of("test", "good"), of("test", "bad")},
			of("train", "good")+","+of("train", "bad"), of("test", "good")+","+of("test", "bad"))
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	incidents, err := os.ReadDir(filepath.Join(b.shared, "data", "incidents"))
	if err != nil {
		return fmt.Errorf("incidents are %w: %w", incident.ErrMissing, err)
	}
	for _, d := range incidents {
		p, err := b.priceIncident(ctx, d.Name())
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	b.printCosts(all)
	return nil
}

// priceIncident cuts an incident in time and takes the first part for training.
func (b *bench) priceIncident(ctx context.Context, name string) (*priced, error) {
	dir := filepath.Join(b.dir, "costs-"+name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if _, err := start(ctx, b.dir, nil, io.Discard, peerPython, "-B", b.peerScript("costs.py"), "split", filepath.Join(b.shared, "bench"),
		filepath.Join(b.shared, "data", "incidents", name), dir); err != nil {
		return nil, err
	}
	log := func(part string) (string, error) {
		names, err := filepath.Glob(filepath.Join(dir, part+".*"))
		names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, ".truth.csv") })
		if err != nil || len(names) != 1 {
			return "", fmt.Errorf("%s has %d logs for %s: %w", name, len(names), part, err)
		}
		return names[0], nil
	}
	train, err := log("train")
	if err != nil {
		return nil, err
	}
	test, err := log("test")
	if err != nil {
		return nil, err
	}
	truth := filepath.Join(dir, "train.truth.csv")
	return b.price(ctx, name, []string{"--truth", truth, train}, []string{test}, train+":"+truth, test+":"+filepath.Join(dir, "test.truth.csv"))
}

// price trains, scores, and has costs.py judge.
func (b *bench) price(ctx context.Context, name string, train, test []string, trainSet, testSet string) (*priced, error) {
	fmt.Fprintf(os.Stderr, "bench: costs of %s\n", name)
	filter, scored := filepath.Join(b.dir, "costs.weir"), filepath.Join(b.dir, "costs.scored")
	if _, err := start(ctx, b.dir, nil, io.Discard, b.weir, append([]string{"train", "--filter", filter}, train...)...); err != nil {
		return nil, err
	}
	out, err := os.Create(scored)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if _, err := start(ctx, b.dir, nil, out, b.weir, append([]string{"score", "--json", "--filter", filter}, test...)...); err != nil {
		return nil, err
	}
	args := []string{"-B", b.peerScript("costs.py"), "judge", scored, trainSet, testSet}
	if b.quick {
		args = append(args, "--rows", "4000")
	}
	var said bytes.Buffer
	if _, err := start(ctx, b.dir, nil, &said, peerPython, args...); err != nil {
		return nil, err
	}
	p := &priced{name: name}
	if err := json.Unmarshal(said.Bytes(), p); err != nil {
		return nil, fmt.Errorf("cannot read what costs.py says of %s: %w", name, err)
	}
	if len(p.Regret) != len(costRatios) || len(p.Weir) != len(costRatios) || len(p.Peer) != len(costRatios) {
		return nil, fmt.Errorf("costs.py says %d regrets of %s, not %d", len(p.Regret), name, len(costRatios))
	}
	return p, nil
}

func (b *bench) printCosts(all []*priced) {
	fmt.Print("\n## Costs\n\nDecisions on records that were not learned; incidents are cut in time. Regret: (cost of blocking from the policy's own threshold on −\n" +
		"least cost in hindsight) / min(never block, block all). Costs in wrong blocks, weir / scikit-learn with a threshold searched on\nheld-back records.\n\n" +
		"| records | good | bad | calibration error | regret at 1 | 10 | 100 | 1000 | cost at 1 | 10 | 100 | 1000 |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	var regrets, eces []float64
	var own, peer int64
	worst, least, most := int64(0), int64(0), int64(0) // the set that is most of the sum
	name := ""
	for _, p := range all {
		fmt.Printf("| %s | %d | %d | %.4f |", p.name, p.Good, p.Bad, p.ECE)
		sumOwn, sumPeer := int64(0), int64(0)
		for i, r := range p.Regret {
			fmt.Printf(" %.4f |", r)
			sumOwn, sumPeer = sumOwn+p.Weir[i], sumPeer+p.Peer[i]
		}
		for i := range p.Weir {
			fmt.Printf(" %d / %d |", p.Weir[i], p.Peer[i])
		}
		fmt.Println()
		regrets, eces = append(regrets, p.Regret...), append(eces, p.ECE)
		own, peer = own+sumOwn, peer+sumPeer
		if sumOwn > worst {
			worst, least, most, name = sumOwn, sumOwn, sumPeer, p.name
		}
	}
	within := 0
	for _, e := range eces {
		if e <= .02 {
			within++
		}
	}
	b.row("regret at cost ratios 1 to 1000, unseen records of 8 sets, median", ".05", ".015", "%.4f", median(regrets))
	b.row("calibration error after calibration, the same: median (worst; sets within .02)", ".02", ".01", "%.4f (%.4f; %d of %d)", median(eces), slices.Max(eces), within, len(eces))
	b.row("cost against scikit-learn with a searched threshold, sum of all", "no dearer", "20 % cheaper", "%+.2f %%; without %s, which is %.0f %% of the sum: %+.1f %%",
		100*(float64(own)/float64(peer)-1), name, 100*float64(worst)/float64(own), 100*(float64(own-least)/float64(peer-most)-1))
	if b.quick {
		b.notes = append(b.notes, "The peer of costs learned a sample.")
	}
}
