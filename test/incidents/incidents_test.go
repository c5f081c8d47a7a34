// Package incidents holds weir to what it reached on recorded break-ins. The data are no part of the project: where they
// are missing the test is skipped with a loud line, and fails on a machine that says CI=true.
package incidents

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"weir/bench/incident"
	"weir/test/built"
)

const (
	meanFloor  = .93 // of ap_distinct, averaged over families: under it the test fails
	agreeFloor = .60 // of the adjusted mutual information of steps and kinds, averaged over incidents; and it has to be above DBSCAN's
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

// Steps of campaigns say what was done as well as they are required to, and better than DBSCAN on the same tokens.
func TestCampaigns(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	set, err := incident.Open(incident.Shared(root))
	if err == nil {
		err = incident.HasSklearn(t.Context())
	}
	if errors.Is(err, incident.ErrMissing) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and %v", err)
		}
		t.Skipf("\n\n*** SKIPPED: the quality of campaigns is NOT tested: %v\n\n", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	weir, err := built.Weir(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	var bad, all, peerBad, peerAll float64
	for _, in := range set.Incidents {
		name := filepath.Join(dir, in.Name+".campaigns")
		if err := in.WriteCampaigns(t.Context(), weir, name); err != nil {
			t.Fatal(err)
		}
		a, err := set.Agree(t.Context(), weir, in, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-20s %d steps, agreement %.3f malicious, %.3f all; DBSCAN %.3f, %.3f", in.Name, a.Steps, a.StepsBad, a.StepsFlagged, a.PeerBad, a.PeerFlagged)
		n := float64(len(set.Incidents))
		bad, all, peerBad, peerAll = bad+a.StepsBad/n, all+a.StepsFlagged/n, peerBad+a.PeerBad/n, peerAll+a.PeerFlagged/n
	}
	t.Logf("%-20s agreement %.3f malicious, %.3f all (at least %.2f); DBSCAN %.3f, %.3f", "mean", bad, all, agreeFloor, peerBad, peerAll)
	if bad < agreeFloor || all < agreeFloor {
		t.Errorf("the agreement of steps with the truth is %.3f and %.3f on average, under %.2f", bad, all, agreeFloor)
	}
	if bad <= peerBad || all <= peerAll {
		t.Errorf("the agreement of steps with the truth is %.3f and %.3f on average, DBSCAN's %.3f and %.3f", bad, all, peerBad, peerAll)
	}
}
