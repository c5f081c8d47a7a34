package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/bench/incident"
)

// quality judges the rankings of the recorded incidents.
func (b *bench) quality(ctx context.Context) error {
	set, err := incident.Open(b.shared)
	if err != nil {
		return err
	}
	peers, err := incident.Peers(b.shared)
	if err != nil {
		return err
	}
	incidents := set.Incidents
	if b.quick {
		incidents = onePerFamily(incidents)
	}
	q := map[string]*incident.Quality{}
	var firsts, shares []float64
	var lost, short []string
	kinds := 0
	fmt.Print("\n## Quality\n\nap_distinct: average precision over distinct contents. first: of the window's distinct contents, the " +
		"share read before the first\nevent of a kind of attack step, median over the kinds. Funnel: with its defaults.\n\n" +
		"| incident | events | ap_distinct | best scikit-learn | first | benign contents removed | kinds lost | hunt |\n" +
		"|---|--:|--:|--:|--:|--:|---|--:|\n")
	for _, in := range incidents {
		x, err := set.Judge(ctx, b.weir, in, b.dir)
		if err != nil {
			return err
		}
		q[in.Name] = x
		var own []float64
		for _, name := range slices.Sorted(maps.Keys(x.Kinds)) {
			own = append(own, x.Kinds[name].FirstDistinct)
		}
		firsts = append(firsts, own...)
		shares = append(shares, x.Funnel.Share())
		kinds += x.Funnel.Kinds
		for _, k := range x.Funnel.Lost {
			lost = append(lost, in.Name+": "+k)
		}
		if x.APDistinct < peers[in.Name]-.02 {
			short = append(short, fmt.Sprintf("%s (%.3f)", in.Name, x.APDistinct-peers[in.Name]))
		}
		fmt.Printf("| %s | %d | %.3f | %.3f | %.1f %% | %.0f %% of %d | %s | %.1f s |\n", in.Name, x.Events, x.APDistinct, peers[in.Name],
			100*median(own), 100*x.Funnel.Share(), x.Funnel.Benign, orNone(x.Funnel.Lost), x.Took.Seconds())
	}
	mean := func(of func(x *incident.Quality) float64) float64 {
		return incident.FamilyMean(incidents, func(in *incident.Incident) float64 { return of(q[in.Name]) })
	}
	ap := mean(func(x *incident.Quality) float64 { return x.APDistinct })
	share := mean(func(x *incident.Quality) float64 { return x.Funnel.Share() })
	peer := incident.FamilyMean(incidents, func(in *incident.Incident) float64 { return peers[in.Name] })
	fmt.Printf("| **mean of families** | | **%.3f** | %.3f | %.1f %% (median of all) | %.0f %% | | |\n", ap, peer, 100*median(firsts), 100*share)
	b.row("ap_distinct, mean of families", ".93", ".96", "%.3f", ap)
	b.row("incidents more than .02 under scikit-learn's best", "none", "none", "%s", orNone(short))
	b.row("first event of a kind of attack step, median", "10 %", "5 %", "%.1f %%", 100*median(firsts))
	b.row("distinct benign contents removed by the funnel, mean of families", "80 %", "95 %", "%.0f %% (least %.0f %%)", 100*share, 100*slices.Min(shares))
	b.row("kinds of attack steps that the funnel lost", "none", "none", "%s (of %d)", orNone(lost), kinds)
	return nil
}

// onePerFamily keeps the first incident of each family.
func onePerFamily(all []*incident.Incident) []*incident.Incident {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(in *incident.Incident) bool {
		f := in.Family()
		defer func() { seen[f] = true }()
		return seen[f]
	})
}

func orNone(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}
