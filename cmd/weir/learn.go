package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"weir/internal/filter"
	"weir/internal/term"
)

type learnFlags struct {
	labelFlags
	applyFlags
	out    string
	forget bool
}

func newLearn(s *streams) *cobra.Command {
	f := &learnFlags{}
	cmd := &cobra.Command{
		Use:   "learn --filter F --good FILE... --bad FILE... [--forget]",
		Short: "add records to a filter, or take them back",
		Long: `Adds records to a filter. One that was learned before is not learned twice; one that was learned with the other label is
taken back first, so that naming it right is all that a correction takes. --forget takes records back: the filter is then
as if it had never learned them.`,
		Example: `  weir learn --filter web.weir --bad missed.log
  weir learn --filter web.weir --good false-alarms.log
  weir learn --filter web.weir --bad missed.log --forget`,
		RunE: func(cmd *cobra.Command, args []string) error { return runLearn(cmd.Context(), s, f, args) },
	}
	cmd.Flags().SortFlags = false
	f.labelFlags.add(cmd)
	p := cmd.Flags()
	p.StringVar(&f.filter, "filter", "", "the filter, a `FILE` that 'weir train' has written")
	p.StringVar(&f.out, "out", "", "write the filter to this `FILE` instead")
	p.BoolVar(&f.forget, "forget", false, "take the records back")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb, as for training")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	return cmd
}

func runLearn(ctx context.Context, s *streams, f *learnFlags, args []string) error {
	fl, enrichment, err := f.applyFlags.open()
	if err != nil {
		return err
	}
	l, err := f.labelFlags.open(s, args)
	if err != nil {
		return err
	}
	l.print(s)
	bar := newProgress(s.err)
	out, report, summary, err := fl.Learn(ctx, l.inputs, filter.LearnOptions{Label: l.label, Forget: f.forget, Enrich: enrichment, Workers: f.workers,
		Progress: bar.update})
	bar.done()
	if summary != nil {
		warnOfFiles(s, summary)
		l.done(s)
	}
	if err != nil {
		return explainFilter(err)
	}
	name := f.out
	if name == "" {
		name = f.filter
	}
	size, err := writeFilter(name, out)
	if err != nil {
		return err
	}
	p := newPage(s.out)
	say := func(n int64, text string) {
		if n > 0 {
			p.text(0, fmt.Sprintf("%s %s.", plural(int(n), "record"), text))
		}
	}
	say(report.Added, "learned")
	say(report.Corrected, "had been learned with the other label, which was taken back first")
	say(report.Forgotten, "taken back")
	say(report.Known, "had been learned before; nothing was changed for them")
	say(report.Unknown, "had never been learned with that label; nothing was changed for them")
	p.warnings(report.Warnings)
	p.text(0, fmt.Sprintf("The filter holds %s good and %s bad records: %s, %d KiB.", term.Count(out.Good), term.Count(out.Bad), term.Clean(name),
		(size+1023)>>10))
	return p.w.Flush()
}
