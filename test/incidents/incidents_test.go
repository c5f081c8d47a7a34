// Package incidents holds weir to what it reached on recorded break-ins. The data are no part of the project: where they
// are missing the test is skipped with a loud line, and fails on a machine that says CI=true.
package incidents

import (
	"errors"
	"os"
	"testing"

	"weir/bench/incident"
	"weir/test/built"
)

const (
	meanFloor  = .93 // of ap_distinct, averaged over families: under it the test fails
	peerMargin = .02 // how far one incident may stay under scikit-learn's best: under it the test says so
)

func TestQuality(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	set, err := incident.Open(incident.Shared(root))
	if errors.Is(err, incident.ErrMissing) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and %v", err)
		}
		t.Skipf("\n\n*** SKIPPED: the quality of rankings is NOT tested: %v\n\n", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	peers, err := incident.Peers(incident.Shared(root))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	weir, err := built.Weir(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	ap := map[string]float64{}
	for _, in := range set.Incidents {
		q, err := set.Judge(t.Context(), weir, in, dir)
		if err != nil {
			t.Fatal(err)
		}
		ap[in.Name] = q.APDistinct
		t.Logf("%-20s ap_distinct %.3f (scikit-learn's best %.3f); funnel removed %.0f %% of %d benign contents, lost %v",
			in.Name, q.APDistinct, peers[in.Name], 100*q.Funnel.Share(), q.Funnel.Benign, q.Funnel.Lost)
		if q.Missing > 0 {
			t.Errorf("%s: %d events of the window are not in the ranking", in.Name, q.Missing)
		}
		if q.APDistinct < peers[in.Name]-peerMargin {
			t.Logf("  SHORT: %s: ap_distinct %.3f is more than %.2f under scikit-learn's best, %.3f", in.Name, q.APDistinct, peerMargin, peers[in.Name])
		}
		if len(q.Funnel.Lost) > 0 {
			t.Logf("  SHORT: %s: the funnel lost every event of %v", in.Name, q.Funnel.Lost)
		}
	}
	mean := incident.FamilyMean(set.Incidents, func(in *incident.Incident) float64 { return ap[in.Name] })
	t.Logf("%-20s ap_distinct %.3f (at least %.2f)", "mean of families", mean, meanFloor)
	if mean < meanFloor {
		t.Errorf("ap_distinct is %.3f on average over families, under %.2f", mean, meanFloor)
	}
}
