package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"weir/bench/incident"
)

// agreement is how well the campaigns of one incident fit the truth, and what they cost.
type agreement struct {
	*incident.Agreement
	campaignsTook process
}

// campaigns lays steps and campaigns beside the truth, and DBSCAN on the same tokens.
func (b *bench) campaigns(ctx context.Context) error {
	set, err := incident.Open(b.shared)
	if err != nil {
		return err
	}
	if err := incident.HasSklearn(ctx); err != nil {
		return err
	}
	incidents := set.Incidents
	if b.quick {
		incidents = onePerFamily(incidents)
	}
	fmt.Print("\n## Campaigns\n\nAdjusted mutual information with the kinds of the truth, over distinct contents of suspects that the " +
		"funnel left: of the\nmalicious ones, and of all with benign as a kind of its own. DBSCAN: scikit-learn's on the tokens that the " +
		"evidence shows,\nwith the best of nine eps for each figure.\n\n" +
		"| incident | contents (malicious) | steps | campaigns | steps, malicious | steps, all | DBSCAN, malicious | DBSCAN, all | weir campaigns |\n" +
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	all := map[string]*agreement{}
	for _, in := range incidents {
		a, err := b.agree(ctx, set, in)
		if err != nil {
			return err
		}
		all[in.Name] = a
		fmt.Printf("| %s | %d (%d) | %d | %d | %.3f | %.3f | %.3f | %.3f | %.1f s, %s |\n", in.Name, a.Contents, a.Malicious, a.Steps, a.Campaigns,
			a.StepsBad, a.StepsFlagged, a.PeerBad, a.PeerFlagged, a.campaignsTook.took.Seconds(), megabytes(a.campaignsTook.peak))
	}
	mean := func(of func(*agreement) float64) float64 {
		sum := 0.0
		for _, in := range incidents {
			sum += of(all[in.Name])
		}
		return sum / float64(len(incidents))
	}
	bad, flagged := mean(func(a *agreement) float64 { return a.StepsBad }), mean(func(a *agreement) float64 { return a.StepsFlagged })
	peer, peerAll := mean(func(a *agreement) float64 { return a.PeerBad }), mean(func(a *agreement) float64 { return a.PeerFlagged })
	fmt.Printf("| **mean** | | | | **%.3f** | **%.3f** | %.3f | %.3f | |\n", bad, flagged, peer, peerAll)
	b.row("campaigns: steps against truth kinds, AMI, malicious contents, mean of incidents", ".60, above DBSCAN", ".80", "%.3f (DBSCAN %.3f)", bad, peer)
	b.row("the same with benign as a kind of its own", ".60, above DBSCAN", ".80", "%.3f (DBSCAN %.3f)", flagged, peerAll)
	return nil
}

func (b *bench) agree(ctx context.Context, set *incident.Set, in *incident.Incident) (*agreement, error) {
	name := filepath.Join(b.dir, in.Name+".campaigns")
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	took, err := start(ctx, "", nil, file, b.weir, in.ArgsOf("campaigns", "--json", "--all")...)
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	defer os.Remove(name)
	a, err := set.Agree(ctx, b.weir, in, name)
	return &agreement{a, took}, err
}
