package incident

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// PeerPython is where Debian's scikit-learn lives; another python3 on the path does not see it.
const PeerPython = "/usr/bin/python3"

// HasSklearn returns an error that wraps ErrMissing where there is no scikit-learn.
func HasSklearn(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, PeerPython, "-c", "import sklearn").CombinedOutput(); err != nil {
		last := bytes.TrimSpace(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:])
		return fmt.Errorf("scikit-learn for %s (Debian: python3-sklearn) is %w: %w %s", PeerPython, ErrMissing, err, last)
	}
	return nil
}

// An Agreement is how well steps and campaigns fit the kinds of the truth: adjusted mutual information over distinct contents of
// the suspects that the funnel left, 1 for the same groups, 0 for what chance gives. Bad: of the malicious ones; Flagged: of all, with
// benign as a kind of its own.
type Agreement struct {
	Contents     int     `json:"contents"`
	Malicious    int     `json:"malicious"`
	Steps        int     `json:"steps"`
	Campaigns    int     `json:"campaigns"`
	StepsBad     float64 `json:"steps_malicious"`
	StepsFlagged float64 `json:"steps_flagged"`
	CampaignsBad float64 `json:"campaigns_malicious"`
	PeerBad      float64 `json:"dbscan_malicious"` // of DBSCAN on the tokens of the evidence, with the best of nine eps for each figure
	PeerFlagged  float64 `json:"dbscan_flagged"`
}

//go:embed campaigns.py
var campaignsScript string

// Agree judges the campaigns of an incident that a file holds as `weir campaigns --json --all` writes them (see WriteCampaigns).
// weir is the binary, which hunts once more for the tokens that DBSCAN clusters.
func (s *Set) Agree(ctx context.Context, weir string, in *Incident, campaigns string) (*Agreement, error) {
	r, w := io.Pipe()
	judge := exec.CommandContext(ctx, PeerPython, "-B", "-c", campaignsScript, filepath.Dir(s.judge()), in.dir, campaigns)
	hunt := exec.CommandContext(ctx, weir, in.Args("--json", "--all")...)
	var out, stderr, huntErr bytes.Buffer
	judge.Stdin, judge.Stdout, judge.Stderr = r, &out, &stderr
	hunt.Stdout, hunt.Stderr = w, &huntErr
	done := make(chan error, 1)
	go func() {
		err := hunt.Run()
		done <- err
		_ = w.CloseWithError(err) // always nil
	}()
	err := judge.Run()
	_ = r.Close() // always nil; ends the hunt if its reader has ended
	if e := <-done; err == nil && e != nil {
		return nil, fmt.Errorf("cannot hunt in %s: %w\n%s", in.Name, e, huntErr.Bytes())
	}
	if err != nil {
		return nil, fmt.Errorf("cannot judge the campaigns of %s: %w\n%s", in.Name, err, stderr.Bytes())
	}
	a := &Agreement{}
	return a, json.Unmarshal(out.Bytes(), a)
}

// WriteCampaigns has the weir binary write the campaigns of an incident into a file.
func (in *Incident) WriteCampaigns(ctx context.Context, weir, name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, weir, in.ArgsOf("campaigns", "--json", "--all")...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = f, &stderr
	err = cmd.Run()
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("cannot tell the campaigns of %s: %w\n%s", in.Name, err, stderr.Bytes())
	}
	return nil
}
