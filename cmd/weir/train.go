package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/enrich"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/lake"
	"weir/internal/mapreduce"
	"weir/internal/marks"
	"weir/internal/source"
	"weir/internal/token"
)

// labelFlags say which records are good and which are bad.
type labelFlags struct {
	good, bad []string
	truth     string
	marks     string
}

// readFlags say how files are read.
type readFlags struct {
	zone, format, geoip, record string
	workers                     int
}

type trainFlags struct {
	labelFlags
	readFlags
	filter, learner string
	prior           float64
	json            bool
	archive         archiveFlags
	halfLife        string
}

func newTrain(s *streams) *cobra.Command {
	f := &trainFlags{}
	cmd := &cobra.Command{
		Use:   "train --good FILE... --bad FILE... --filter OUT [flags]",
		Short: "learn a filter from examples of good and bad",
		Long: `Learns from good and bad records, in whatever format, what tells them apart, and writes a filter: one small file
that 'weir score' judges other records with.

Every learner that weir has is tried on records that were held back; the best is kept, and its scores are calibrated on
them, so that of the records with a probability of 80 % about 80 % are bad. Take good and bad records from the same
place and the same time: else the filter learns the difference in place or time.

With --lake or --store the marks of the archive are the labels. Without --filter only its model is brought up to date, by reading what marks have
changed, and what has drifted since the training before is listed; with --filter all of its events are read.

All files are read in one way, which the filter remembers. With --record file each file is one record: mails, scripts.`,
		Example: `  weir train --good access-good.log --bad access-bad.log --filter web.weir
  weir train --record file --good ham/ --bad spam/ --filter mail.weir
  weir train --truth truth.csv --filter web.weir access.log
  weir train --marks marks.jsonl --filter web.weir access.log
  weir train --lake /var/lib/weir`,
		RunE: func(cmd *cobra.Command, args []string) error { return runTrain(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	f.labelFlags.add(cmd)
	p.StringVar(&f.filter, "filter", "", "write the filter to this `FILE`")
	f.archive.add(cmd, "take events and marks from the lake in `DIR`")
	p.StringVar(&f.halfLife, "half-life", "", "with --lake or --store, let events count half after this many `DAYS`, as 30d, or none (default: as the last time)")
	p.StringVar(&f.record, "record", "line", "what is one record: line, or `UNIT` file")
	p.StringVar(&f.format, "format", "", "read all files as this `FORMAT`, or as the server's own log_format or LogFormat string")
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of logs that name none, and of local hours")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb")
	p.Float64Var(&f.prior, "prior", 0, "`SHARE` of bad records where the filter will be used (default: as in the examples)")
	p.StringVar(&f.learner, "learner", "auto", learnerNames()+"or auto: the `ONE` of the first five that does best on held-back data")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	p.BoolVar(&f.json, "json", false, "write what was learned as JSON: the filter's manifest")
	return cmd
}

func (f *labelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.good, "good", nil, "`FILE`s of good records; several may follow")
	cmd.Flags().StringArrayVar(&f.bad, "bad", nil, "`FILE`s of bad records; several may follow")
	cmd.Flags().StringVar(&f.marks, "marks", "", "take labels from the marks in this `FILE` instead (docs/marks.md)")
	cmd.Flags().StringVar(&f.truth, "truth", "", "take labels from this CSV `FILE` instead: file,line,label[,kind]")
}

// spreadLabels lets several files follow --good and --bad, as a shell's globs give them: --good a b is --good a --good b.
func spreadLabels(args []string) []string {
	if i := slices.Index(args, "train"); len(args) > 0 && args[0] == "job" && i > 0 {
		return append(slices.Clone(args[:i]), spreadLabels(args[i:])...)
	}
	if len(args) == 0 || !slices.Contains([]string{"train", "learn", "evaluate", "export", "cost"}, args[0]) {
		return args
	}
	var out []string
	flag := ""
	for i, a := range args {
		switch {
		case a == "--":
			return append(out, args[i:]...)
		case a == "--good" || a == "--bad":
			flag = a
		case strings.HasPrefix(a, "-") && a != "-":
			flag = ""
			out = append(out, a)
		case flag != "":
			out = append(out, flag+"="+a)
		default:
			out = append(out, a)
		}
	}
	return out
}

// labelled are inputs with their labels.
type labelled struct {
	inputs []source.Input
	label  func() filter.Labeller            // one for each goroutine
	kind   func(file int, line int64) string // of attack; nil where nobody has said
	notes  []string                          // on how labels are understood, one sentence each
	after  func() []string                   // what there is to say once everything was read; nil for nothing

	goods   int            // as many inputs are good, where neither a truth nor marks say it
	binding *marks.Binding // of the marks; nil where there are none
	archive lake.Store     // that holds the records, in place of inputs; nil for logs
	marks   *marks.Set     // of the archive
}

// print tells how labels are understood.
func (l *labelled) print(s *streams) { printNotes(s, l.notes) }

// done tells, once everything was read, which labels were for nothing.
func (l *labelled) done(s *streams) {
	if l.after != nil {
		printNotes(s, l.after())
	}
}

// open finds the inputs. What --good and --bad name must not overlap.
func (f *labelFlags) open(s *streams, args []string) (*labelled, error) {
	switch {
	case f.marks != "" && (f.truth != "" || len(f.good)+len(f.bad) > 0):
		return nil, usagef("--marks says what is good and bad; leave out --truth, --good and --bad")
	case f.marks != "":
		return f.openMarks(s, args)
	case f.truth != "" && len(f.good)+len(f.bad) > 0:
		return nil, usagef("--truth says what is good and bad; leave out --good and --bad")
	case f.truth != "":
		return f.openTruth(s, args)
	case len(args) > 0:
		return nil, usagef("is %q good or bad? Name it after --good or --bad", args[0])
	case len(f.good)+len(f.bad) == 0:
		return nil, usagef("no examples: name files after --good and --bad")
	}
	var l labelled
	var goods int
	for i, names := range [][]string{f.good, f.bad} {
		if len(names) == 0 {
			continue
		}
		inputs, err := expand(s, names)
		if err != nil {
			return nil, err
		}
		l.inputs = append(l.inputs, inputs...)
		if i == 0 {
			goods = len(inputs)
		}
	}
	seen := map[string]int{}
	for i := range l.inputs {
		if j, ok := seen[l.inputs[i].Name]; ok && (i < goods) != (j < goods) {
			return nil, usagef("%s is named as good and as bad", l.inputs[i].Name)
		}
		seen[l.inputs[i].Name] = i
	}
	l.label, l.goods = labelBySide(goods), goods
	return &l, nil
}

// labelBySide labels the records of the first inputs good, those of the others bad.
func labelBySide(goods int) func() filter.Labeller {
	return filter.ByPlace(func(file int, _ int64) filter.Label {
		if file < goods {
			return filter.Good
		}
		return filter.Bad
	})
}

func (f *readFlags) parse() (*time.Location, func() *token.Enrichment, format.RecordUnit, error) {
	var errs []error
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		errs = append(errs, fmt.Errorf("--zone: there is no time zone %q", f.zone))
	}
	var geo *enrich.GeoDB
	if f.geoip != "" {
		if geo, err = enrich.OpenGeoDB(f.geoip); err != nil {
			errs = append(errs, err)
		}
	}
	unit := format.RecordLine
	switch f.record {
	case "line", "":
	case "file":
		unit = format.RecordFile
	default:
		errs = append(errs, fmt.Errorf("--record: %q is neither line nor file", f.record))
	}
	if f.workers < 0 {
		errs = append(errs, errors.New("--workers cannot be negative"))
	}
	if len(errs) > 0 {
		return nil, nil, unit, usageError{errors.Join(errs...)}
	}
	return zone, func() *token.Enrichment { return token.NewEnrichment(zone, geo) }, unit, nil
}

func (f *trainFlags) options() (*filter.TrainOptions, format.RecordUnit, error) {
	zone, enrichment, unit, err := f.parse()
	if err != nil {
		return nil, unit, err
	}
	o := &filter.TrainOptions{Zone: zone, Enrich: enrichment, Workers: f.workers, Prior: f.prior}
	switch {
	case f.learner == "auto", f.learner == "":
	case slices.Contains(filter.Learners, filter.Learner(f.learner)):
		o.Learner = filter.Learner(f.learner)
	default:
		return nil, unit, usagef("--learner: there is no learner %q; write %sor auto", f.learner, learnerNames())
	}
	if f.prior < 0 || f.prior >= 1 {
		return nil, unit, usagef("--prior: %v is no share; write .02 for two bad records in a hundred", f.prior)
	}
	if f.filter == "" {
		return nil, unit, usagef("no filter: say where to write it, as --filter web.weir")
	}
	if err := checkWritable("--filter", f.filter); err != nil {
		return nil, unit, usageError{err}
	}
	return o, unit, nil
}

// learnerNames lists the learners, each with a comma after it.
func learnerNames() string {
	var b strings.Builder
	for _, l := range filter.Learners {
		b.WriteString(string(l) + ", ")
	}
	return b.String()
}

func runTrain(ctx context.Context, s *streams, f *trainFlags, args []string) error {
	if f.archive.given() {
		return f.trainOfLake(ctx, s, args)
	}
	if f.halfLife != "" {
		return usagef("--half-life is for a --lake or --store")
	}
	o, unit, err := f.options()
	if err != nil {
		return err
	}
	l, err := f.open(s, args)
	if err != nil {
		return err
	}
	l.print(s)
	choice, notes, err := format.Choose(l.inputs, unit, format.Options{Zone: o.Zone, Format: f.format})
	if err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintf(s.err, "weir: %s\n", clean(n))
	}
	o.Choice, o.Label = choice, l.label
	return f.learn(ctx, s, l, o)
}

// learn trains, and writes the filter.
func (f *trainFlags) learn(ctx context.Context, s *streams, l *labelled, o *filter.TrainOptions) error {
	trained, summary, err := f.train(ctx, s, l, o)
	if summary != nil {
		warnOfFiles(s, summary)
		l.done(s)
	}
	if err != nil {
		return explainFilter(err)
	}
	size, err := writeFilter(f.filter, trained)
	if err != nil {
		return err
	}
	if f.json {
		return writeManifest(s.out, trained)
	}
	return printTrained(s, trained, f.filter, size)
}

// train trains here, or on an engine.
func (f *trainFlags) train(ctx context.Context, s *streams, l *labelled, o *filter.TrainOptions) (*filter.Filter, *format.Summary, error) {
	if s.job == nil {
		bar := newProgress(s.err)
		o.Progress = bar.update
		trained, summary, err := filter.Train(ctx, l.inputs, *o)
		bar.done()
		return trained, summary, err
	}
	p := mapreduce.NewPlan(version(), filter.JobTrain, 0, o.Zone)
	var err error
	if l.archive != nil {
		err = addLake(ctx, s, p, l.archive)
	} else {
		err = addInputs(s, p, l.inputs)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := f.planTrain(s, p, l, o.Choice); err != nil {
		return nil, nil, err
	}
	records, err := runOn(ctx, s, p, sent(f.geoip)...)
	if err != nil {
		return nil, nil, err
	}
	defer records.Close()
	return gatherTrained(ctx, p, *o, l, records)
}

// warnOfFiles says on standard error what was wrong with files, and what else is to be doubted: JSON has no place for it.
func warnOfFiles(s *streams, sum *format.Summary, warnings ...string) {
	p := newPage(s.err)
	p.faults(sum)
	p.warn(warnings)
	_ = p.w.Flush() // there is nowhere else to say that standard error cannot be written
}

// explainFilter adds to an error what to do about it.
func explainFilter(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, filter.ErrNoGood), errors.Is(err, filter.ErrNoBad):
		return hintf(err, "A filter learns the difference between good and bad: name files of both, with at least a handful of records each.")
	case errors.Is(err, filter.ErrSame):
		return hintf(err, "Nothing tells them apart but who sent them or when, which filters leave out. Are --good and --bad the same logs?")
	case errors.Is(err, filter.ErrScheme):
		return hintf(err, "Train it again with this weir, from the same examples; or use the weir that made it.")
	case errors.Is(err, filter.ErrNewer):
		return hintf(err, "Update weir, or train the filter with this one.")
	case errors.Is(err, filter.ErrDamaged):
		return hintf(err, "Copy it again from where it was made, or train it again.")
	case errors.Is(err, filter.ErrNotFilter):
		return hintf(err, "--filter takes a file that 'weir train' has written.")
	}
	return err
}

// readFilter reads a filter.
func readFilter(name string) (*filter.Filter, error) {
	if name == "" {
		return nil, usagef("no filter: name one that 'weir train' has written, as --filter web.weir")
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hintf(fmt.Errorf("there is no filter %q", name), "'weir train' makes one.")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the filter: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read the filter: %w", err)
	}
	if info.IsDir() {
		return nil, explainFilter(fmt.Errorf("%s: %w", name, filter.ErrNotFilter))
	}
	f, err := filter.Read(file, info.Size())
	if err != nil {
		return nil, explainFilter(fmt.Errorf("%s: %w", name, err))
	}
	return f, nil
}

// writeFilter writes a filter and returns how large it is.
func writeFilter(name string, f *filter.Filter) (size int64, err error) {
	err = replaceFile(name, shared, func(w io.Writer) error {
		n := counting{w: w}
		err := f.Write(&n)
		size = n.bytes
		return err
	})
	return size, err
}

// counting counts what is written through it.
type counting struct {
	w     io.Writer
	bytes int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.bytes += int64(n)
	return n, err
}
