package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"weir/internal/eval"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
)

type evaluateFlags struct {
	applyFlags
	labelFlags
	json   bool
	report string
}

func newEvaluate(s *streams) *cobra.Command {
	f := &evaluateFlags{}
	cmd := &cobra.Command{
		Use:   "evaluate --filter F --truth TRUTH.csv [flags] LOG...",
		Short: "say how good a filter is, against known truth",
		Long: `Judges records whose labels are known with a filter that has not learned them, and says how good it is: precision and
recall, ROC and precision-recall curves, whether probabilities can be taken at their word, what it finds of each kind of
attack, all with 95 % intervals, in which the records of one client count as one witness.

TRUTH.csv lists file,line,label and optionally kind; label is good or bad. If it lists bad records only, all others of the
files it names are good. Instead of it, --marks names a file of marks ('weir label' makes them), or --good and --bad name
files of one label.`,
		Example: `  weir evaluate --filter web.weir --truth truth.csv access.log
  weir evaluate --filter web.weir --good test-good.log --bad test-bad.log --report evaluation.html`,
		RunE: func(cmd *cobra.Command, args []string) error { return runEvaluate(cmd.Context(), s, f, args) },
	}
	cmd.Flags().SortFlags = false
	f.applyFlags.add(cmd)
	f.labelFlags.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "write the figures and curves as JSON (docs/json.md)")
	cmd.Flags().StringVar(&f.report, "report", "", "write a page to look at, too, into this `FILE`.html")
	return cmd
}

func runEvaluate(ctx context.Context, s *streams, f *evaluateFlags, args []string) error {
	if err := checkReport(f.report); err != nil {
		return usageError{err}
	}
	fl, enrichment, err := f.applyFlags.open()
	if err != nil {
		return err
	}
	l, err := f.labelFlags.open(s, args)
	if err != nil {
		return err
	}
	l.print(s)
	var workers []*examiner
	bar := newProgress(s.err)
	summary, err := scanWith(ctx, l.inputs, fl, scanFlags{workers: f.workers, progress: bar.update}, func() format.Handler {
		w := &examiner{l: l, label: l.label(), judge: fl.NewJudge(enrichment())}
		workers = append(workers, w)
		return w
	})
	bar.done()
	if summary != nil {
		warnOfFiles(s, summary)
		l.done(s)
	}
	if err != nil {
		return err
	}
	var samples []eval.Sample
	for _, w := range workers {
		samples = append(samples, w.samples...)
	}
	if len(samples) == 0 {
		return hintf(errors.New("no record has a label"), "--truth names a list of files and lines with their labels, --marks a file of marks; lines count from 1 in the uncompressed file.")
	}
	e, err := eval.Evaluate(samples, eval.Options{Seed: 1})
	if err != nil {
		return err
	}
	if err := reportEvaluation(s, f.report, e); err != nil {
		return err
	}
	if f.json {
		return writeEvaluation(s.out, e)
	}
	return printEvaluation(s, e)
}

// An examiner judges one worker's labelled records.
type examiner struct {
	l       *labelled
	label   filter.Labeller
	judge   *filter.Judge
	samples []eval.Sample
}

// Event implements format.Handler.
func (w *examiner) Event(e *event.Event, pos format.Position, raw []byte) {
	label := w.label(e, pos, raw)
	if label == filter.Unlabelled {
		return
	}
	g := w.judge.Judge(e)
	x := eval.Sample{Score: g.Score, Probability: g.Probability, Bad: label == filter.Bad, Group: w.judge.Group(), Verdict: string(g.Verdict)}
	if w.l.kind != nil {
		x.Kind = w.l.kind(pos.File, pos.Line)
	}
	w.samples = append(w.samples, x)
}
