package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"weir/internal/calibrate"
	"weir/internal/decide"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/term"
	"weir/internal/token"
)

type costFlags struct {
	labelFlags
	applyFlags
	policyFlags
	prior, report string
	json          bool
}

func newCost(s *streams) *cobra.Command {
	f := &costFlags{}
	cmd := &cobra.Command{
		Use:   "cost --filter F (--policy P | --ratio N) --truth TRUTH.csv [flags] LOG...",
		Short: "say what blocking by a filter costs, against never blocking and blocking by default",
		Long: `Judges records whose labels are known, lays them beside what mistakes cost, and shows three policies side by side: never to
block; to block whatever the filter does not call good; and to do with each record what costs least in expectation. It
draws what every threshold would have cost, and says how far each number of the policy may be off before the answer is
another. Intervals are of 95 %; the records of one client count as one witness.

Costs come from a policy file, or from one number: --ratio 200 says that one bad record let through hurts as much as 200
good ones blocked.

Labels are given as for evaluate, and records that the filter has learned are no test of it. --prior auto estimates from
the probabilities of all records of the logs, labelled or not, how many are bad there.`,
		Example: `  weir cost --filter web.weir --ratio 200 --truth truth.csv access.log
  weir cost --filter web.weir --policy shop.yaml --good test-good.log --bad test-bad.log --report cost.html`,
		RunE: func(cmd *cobra.Command, args []string) error { return runCost(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.filter, "filter", "", "the filter, a `FILE` that 'weir train' has written")
	f.policyFlags.add(cmd)
	f.labelFlags.add(cmd)
	p.StringVar(&f.prior, "prior", "", "`SHARE` of bad records that is expected here, or auto (default: the filter's own)")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb, as for training")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	p.BoolVar(&f.json, "json", false, "write the figures and the curve as JSON (docs/json.md)")
	p.StringVar(&f.report, "report", "", "write a page to look at, too, into this `FILE`.html")
	return cmd
}

func (f *costFlags) share() (share float64, auto bool, err error) {
	if f.prior == "" || f.prior == "auto" {
		return 0, f.prior != "", nil
	}
	x, e := strconv.ParseFloat(f.prior, 64)
	if e != nil || !(x > 0 && x < 1) {
		return 0, false, usagef("--prior: %q is no share; write .02 for two bad records in a hundred, or auto", f.prior)
	}
	return x, false, nil
}

func runCost(ctx context.Context, s *streams, f *costFlags, args []string) error {
	if err := checkReport(f.report); err != nil {
		return usageError{err}
	}
	share, auto, err := f.share()
	if err != nil {
		return err
	}
	policy, err := f.policyFlags.open()
	if err != nil {
		return err
	}
	f.applyFlags.prior = share
	fl, enrichment, err := f.applyFlags.open()
	if err != nil {
		return err
	}
	if fl.Calibration == nil {
		return hintf(errors.New("the filter has no calibration, so its scores are no probabilities and cannot be laid beside costs"),
			"Train it anew: weir train holds records back and calibrates on them.")
	}
	l, err := f.labelFlags.open(s, args)
	if err != nil {
		return err
	}
	l.print(s)
	var notes []string
	if auto {
		if fl, notes, err = autoPrior(ctx, l, fl, enrichment, f.workers); err != nil {
			return err
		}
	}
	c, err := costOf(ctx, s, l, fl, enrichment, policy, f.workers)
	if err != nil {
		return err
	}
	c.Warnings = append(append(notes, c.Warnings...), doubtRules(policy)...)
	if err := reportCost(s, f.report, "", c); err != nil {
		return err
	}
	if f.json {
		return writeCost(s.out, c)
	}
	return printCost(s, c)
}

// costOf judges labelled records and says what they cost.
func costOf(ctx context.Context, s *streams, l *labelled, fl *filter.Filter, enrichment func() *token.Enrichment, policy *decide.Policy, workers int) (*decide.Curve, error) {
	basis, _ := trust(fl, policy)
	memory := fl.Memory()
	var all []*pricer
	bar := newProgress(s.err)
	summary, err := scanWith(ctx, l.inputs, fl, scanFlags{workers: workers, progress: bar.update}, func() format.Handler {
		p := policy.Fork()
		w := &pricer{label: l.label(), judge: fl.NewJudge(enrichment()), policy: p, tally: decide.NewTally(p, basis), memory: memory}
		all = append(all, w)
		return w
	})
	bar.done()
	if summary != nil {
		warnOfFiles(s, summary)
	}
	if err != nil {
		return nil, err
	}
	l.done(s)
	if len(all) == 0 {
		all = []*pricer{{tally: decide.NewTally(policy, basis)}}
	}
	sum := all[0]
	for _, w := range all[1:] {
		sum.tally.Merge(w.tally)
		sum.records += w.records
		sum.learned += w.learned
		sum.known += w.known
	}
	if sum.records == 0 {
		return nil, hintf(errors.New("no record has a label"), "--truth names a list of files and lines with their labels; lines count from 1 in the uncompressed file.")
	}
	known := float64(sum.known) / knownUnit / float64(sum.records)
	strange := sum.records >= 100 && known < fl.Known-decide.LessKnown
	if strange {
		sum.tally.Rebase(decide.Drifted)
	}
	c, err := decide.NewCurve(sum.tally, decide.CurveOptions{Seed: 1})
	if err != nil {
		return nil, err
	}
	if strange {
		c.Warnings = append(c.Warnings, fmt.Sprintf("only %.0f %% of what these records hold was seen in training, where it was %.0f %% of held-back records",
			100*known, 100*fl.Known))
	}
	if 1000*sum.learned >= sum.records { // fewer are chance: an empty line, a common request
		c.Warnings = append(c.Warnings, fmt.Sprintf("the filter has learned %s of these %s records or records of the same bytes, so the costs look lower than they are: "+
			"use records that it has not seen", term.Count(sum.learned), term.Count(sum.records)))
	}
	if fl.Calibration.Method == calibrate.Constant {
		c.Warnings = append(c.Warnings, "the filter gives every record the same probability, so costs cannot choose between records: train it on more, or on others")
	}
	return c, nil
}

// A pricer prices one worker's labelled records.
type pricer struct {
	label                   filter.Labeller
	judge                   *filter.Judge
	policy                  *decide.Policy
	tally                   *decide.Tally
	memory                  *filter.Memory
	records, learned, known int64
}

const knownUnit = 1 << 20 // shares are summed as integers, so that the order makes no difference

// Event implements format.Handler.
func (w *pricer) Event(e *event.Event, pos format.Position, raw []byte) {
	label := w.label(e, pos, raw)
	if label == filter.Unlabelled {
		return
	}
	g := w.judge.Judge(e)
	_, rule := w.policy.CostsOf(e)
	w.tally.Add(decide.Sample{Probability: g.Probability, Bad: label == filter.Bad, Called: g.Verdict != filter.VerdictGood,
		Entity: w.judge.Group(), Rule: rule})
	w.records++
	w.known += int64(g.Known * knownUnit)
	if w.memory.Holds(raw) {
		w.learned++
	}
}

// A weigher counts one worker's records by probability.
type weigher struct {
	judge  *filter.Judge
	shares calibrate.Shares
}

// Event implements format.Handler.
func (w *weigher) Event(e *event.Event, _ format.Position, _ []byte) {
	w.shares.Add(w.judge.Judge(e).Probability)
}

// autoPrior estimates the share of bad from the probabilities of all records, by reading them once more, and returns the filter for
// it with what is to be said about that. Where they do not tell, the filter stays as it is.
func autoPrior(ctx context.Context, l *labelled, fl *filter.Filter, enrichment func() *token.Enrichment, workers int) (*filter.Filter, []string, error) {
	for i := range l.inputs {
		if l.inputs[i].Name == source.Stdin {
			return nil, nil, usagef("--prior auto reads the logs twice, and standard input can be read once; write it to a file first")
		}
	}
	var all []*weigher
	if _, err := scanWith(ctx, l.inputs, fl, scanFlags{workers: workers}, func() format.Handler {
		w := &weigher{judge: fl.NewJudge(enrichment())}
		all = append(all, w)
		return w
	}); err != nil {
		return nil, nil, err
	}
	var shares calibrate.Shares
	for _, w := range all {
		shares.Merge(&w.shares)
	}
	share, ok := shares.Estimate(fl.Prior)
	if !ok {
		return fl, []string{fmt.Sprintf("the probabilities do not tell what share of these records is bad: it is taken to be %s as in training; say --prior SHARE if you know better",
			shareOf(fl.Prior))}, nil
	}
	note := fmt.Sprintf("%s of these records seem to be bad (training: %s), and probabilities are for that. This holds if good and bad look as they did in training: "+
		"what is new is not counted, and what is odd but good is", shareOf(share), shareOf(fl.Prior))
	if share > 10*fl.Prior || share < fl.Prior/10 {
		note += ". That is more than ten times as far as training was: look at some records before you believe it"
	}
	return fl.WithPrior(share), []string{note}, nil
}
