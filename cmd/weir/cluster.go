package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"weir/internal/format"
	"weir/internal/partition"
	"weir/internal/source"
	"weir/internal/term"
)

type clusterFlags struct {
	readFlags
	method, linkage string
	clusters, most  int
	seed            uint64
	json            bool
}

func newCluster(s *streams) *cobra.Command {
	f := &clusterFlags{}
	cmd := &cobra.Command{
		Use:   "cluster [flags] LOG...",
		Short: "divide records into groups of like ones",
		Long: `Divides records by what they say, without who sent them and without being told what is good or bad: a first look at
logs that one does not know. Shows of each cluster how large it is, what sets it apart, and its most typical record.

kmeans is quick, and makes clusters of like spread; hierarchical joins what is nearest, by --linkage, and finds small odd
clusters better. Distinct contents are compared, at most 10,000 (hierarchical: 4,000); of more, these many are taken by
hash, and the page says so. The same logs give the same clusters.

'weir campaigns' groups the suspects of a hunt, by more than their tokens.`,
		Example: `  weir cluster /var/log/nginx
  weir cluster --clusters 20 --json access.log > clusters.jsonl
  weir cluster --method hierarchical --linkage average --clusters 12 auth.log`,
		RunE: func(cmd *cobra.Command, args []string) error { return runCluster(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.IntVar(&f.clusters, "clusters", 8, "how many clusters to make: `N`")
	p.StringVar(&f.method, "method", "kmeans", "`METHOD`: kmeans or hierarchical")
	p.StringVar(&f.linkage, "linkage", "", "how hierarchical measures clusters: "+linkageNames()+" (default average)")
	p.IntVar(&f.most, "contents", 0, "compare at most `N` distinct contents (default 10000, hierarchical 4000)")
	p.Uint64Var(&f.seed, "seed", 1, "begin kmeans with other centres: any `NUMBER`")
	p.StringVar(&f.record, "record", "line", "what is one record: line, or `UNIT` file")
	p.StringVar(&f.format, "format", "", "read the logs as this `FORMAT`, or as the server's own log_format or LogFormat string")
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of logs that name none, and of local hours")
	p.BoolVar(&f.json, "json", false, "write JSON Lines, one cluster each, that of most records first (docs/json.md)")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	return cmd
}

func linkageNames() string {
	var names []string
	for _, l := range partition.Linkages {
		names = append(names, string(l))
	}
	return strings.Join(names, ", ")
}

// mostClusters bounds --clusters, and mostCompared --contents: linkage takes 4·n² bytes, 1.6 GB of that many.
const (
	mostClusters = 1000
	mostCompared = 20_000
)

// options reads the flags, and reports every fault at once.
func (f *clusterFlags) options() (*partition.Options, error) {
	zone, enrichment, unit, err := f.parse()
	errs := []error{err}
	o := &partition.Options{Groups: f.clusters, Contents: f.most, Seed: f.seed, Enrich: enrichment,
		Scan: format.ScanOptions{Workers: f.workers, FileTimes: true, Record: unit, Options: format.Options{Zone: zone, Format: f.format}}}
	switch f.method {
	case "kmeans":
		if f.linkage != "" {
			errs = append(errs, errors.New("--linkage is of --method hierarchical"))
		}
	case "hierarchical":
		o.Linkage = partition.Average
		if f.linkage != "" {
			o.Linkage = partition.Linkage(f.linkage)
		}
		if !slices.Contains(partition.Linkages, o.Linkage) {
			errs = append(errs, fmt.Errorf("--linkage: there is no linkage %q; write one of %s", f.linkage, linkageNames()))
		}
	default:
		errs = append(errs, fmt.Errorf("--method: %q is neither kmeans nor hierarchical", f.method))
	}
	if f.clusters < 1 || f.clusters > mostClusters {
		errs = append(errs, fmt.Errorf("--clusters: there can be 1 to %d, not %d", mostClusters, f.clusters))
	}
	if f.most < 0 || f.most > mostCompared {
		errs = append(errs, fmt.Errorf("--contents: 1 to %d can be compared, not %d", mostCompared, f.most))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usageError{err}
	}
	return o, nil
}

func runCluster(ctx context.Context, s *streams, f *clusterFlags, args []string) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	inputs, err := expand(s, args)
	if err != nil {
		return err
	}
	for i := range inputs {
		if inputs[i].Size < 0 { // read twice
			kept, drop, err := keepInput(inputs[i])
			if err != nil {
				return err
			}
			defer drop()
			inputs[i] = kept
		}
	}
	bar := newProgress(s.err)
	o.Progress = bar.update
	r, summary, err := partition.Records(ctx, inputs, *o)
	bar.done()
	if summary != nil && (err != nil || f.json) {
		warnOfFiles(s, summary)
	}
	var few *partition.TooManyError
	switch {
	case errors.As(err, &few):
		return hintf(err, "Ask for fewer: --clusters %d", few.Possible)
	case err != nil:
		return err
	case f.json:
		p := newPage(s.err)
		p.doubts(f, r)
		return errors.Join(p.w.Flush(), clusterJSON(s.out, r, inputs))
	}
	return printClusters(s, f, r, summary, inputs)
}

func printClusters(s *streams, f *clusterFlags, r *partition.Result, summary *format.Summary, inputs []source.Input) error {
	p := newPage(s.out)
	fmt.Fprintf(p.w, "%s\n", p.Bold("weir cluster"))
	p.read(summary)
	note := fmt.Sprintf("%s of %s, by k-means", plural(len(r.Groups), "cluster"), plural(r.Contents, "distinct content"))
	if f.method == "hierarchical" {
		note = fmt.Sprintf("%s of %s, by %s linkage", plural(len(r.Groups), "cluster"), plural(r.Contents, "distinct content"), cmp.Or(f.linkage, string(partition.Average)))
	}
	p.heading("Clusters", note)
	p.doubts(f, r)
	for i := range r.Groups {
		g := &r.Groups[i]
		fmt.Fprintf(p.w, "\n%3d  %s, %s\n", i+1, p.Bold(plural(int(g.Records), "record")), plural(g.Contents, "distinct content"))
		p.record(fmt.Sprintf("%s:%d", term.Clean(inputs[g.File].Name), g.Line), g.Raw, 5)
		for _, t := range g.Traits {
			share := fmt.Sprintf("in %3.0f %%, elsewhere %3.0f %%", 100*t.Share, 100*t.Others)
			name := term.CutMiddle(term.Clean(t.Token), max(20, p.width-7-len(share)-2))
			fmt.Fprintf(p.w, "       %s%*s%s\n", name, max(2, p.width-7-term.Width(name)-len(share)), "", share)
		}
	}
	return p.w.Flush()
}

// doubts says where clusters are not of all that was read, or not as many as were asked for.
func (p *page) doubts(f *clusterFlags, r *partition.Result) {
	if r.Share < 1 {
		p.item(p.Yellow("!"), fmt.Sprintf("These are about %.2g %% of all distinct contents, taken by hash, with %s of %s records. The others are in no cluster.",
			100*r.Share, term.Count(r.Records), term.Count(r.All)))
	}
	if len(r.Groups) < f.clusters {
		p.item(p.Yellow("!"), "There are fewer clusters than asked for: too many contents are the same in all that counts.")
	}
}

// clusterLine is one line of `weir cluster --json`.
type clusterLine struct {
	Cluster   int            `json:"cluster"`
	Records   int64          `json:"records"`
	Contents  int            `json:"contents"`
	Share     float64        `json:"share"`
	Tokens    []clusterToken `json:"tokens"`
	File      string         `json:"file"`
	Line      int64          `json:"line"`
	Raw       string         `json:"raw"`
	RawBase64 string         `json:"raw_base64,omitempty"`
}

type clusterToken struct {
	Token  string  `json:"token"`
	Share  float64 `json:"share"`
	Others float64 `json:"others"`
}

func clusterJSON(w io.Writer, r *partition.Result, inputs []source.Input) error {
	enc := json.NewEncoder(escaper{w})
	for i := range r.Groups {
		g := &r.Groups[i]
		j := clusterLine{Cluster: i + 1, Records: g.Records, Contents: g.Contents, Share: rounded(float64(g.Records) / float64(r.All)), Tokens: []clusterToken{},
			File: validUTF8(inputs[g.File].Name), Line: g.Line, Raw: validUTF8(string(g.Raw))}
		if !utf8.Valid(g.Raw) {
			j.RawBase64 = base64.StdEncoding.EncodeToString(g.Raw)
		}
		for _, t := range g.Traits {
			j.Tokens = append(j.Tokens, clusterToken{validUTF8(t.Token), rounded(t.Share), rounded(t.Others)})
		}
		if err := enc.Encode(&j); err != nil {
			return err
		}
	}
	return nil
}
