package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/event"
	"weir/internal/export"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/hunt"
	"weir/internal/term"
)

type exportFlags struct {
	labelFlags
	readFlags
	windows                       []string
	svmlight, vocabulary, parquet string
	fine                          bool
	tokens                        int
}

func newExport(s *streams) *cobra.Command {
	f := &exportFlags{}
	cmd := &cobra.Command{
		Use:   "export LOG... [--truth FILE | --good FILE... --bad FILE... | --window FROM/TO] --svmlight OUT | --parquet OUT",
		Short: "write tokens and labels for notebooks and other programs",
		Long: `Writes what weir sees in the logs, every record with its tokens and its label, for other programs to go on from
(docs/python.md):

  --svmlight   a line for each record, label and token numbers, for scikit-learn and others; beside it, or where
               --vocabulary says, a table of the tokens with their numbers and counts
  --parquet    a row for each record, for pandas, DuckDB and others: file, line, time, label, dataset, tokens, fields

Labels are those of --truth, or of the files after --good and --bad; with --window, what happened in it is bad and all
else good. Without any of these, records are unlabelled. Records come in the order of the logs.`,
		Example: `  weir export --truth truth.csv --svmlight web.svm access.log
  weir export --good good.log --bad bad.log --fine --svmlight web.svm --parquet web.parquet
  weir export --window "2026-03-01 02:10/2026-03-01 04:30" --parquet night.parquet /var/log/nginx`,
		RunE: func(cmd *cobra.Command, args []string) error { return runExport(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.svmlight, "svmlight", "", "write labels and token numbers to this `FILE`")
	p.StringVar(&f.vocabulary, "vocabulary", "", "write the tokens of --svmlight to this `FILE` (default: beside it, as NAME.vocabulary.tsv)")
	p.StringVar(&f.parquet, "parquet", "", "write records with tokens and fields to this `FILE`")
	f.labelFlags.add(cmd)
	p.StringArrayVar(&f.windows, "window", nil, "label records in this span, `FROM/TO`, bad and all others good; may be given again")
	p.BoolVar(&f.fine, "fine", false, "tokens as filters take them, finer and without who sent the record, instead of those of a hunt")
	p.IntVar(&f.tokens, "max-tokens", export.MaxTokens, "most `TOKENS` of a vocabulary; later ones are left out")
	p.StringVar(&f.record, "record", "line", "what is one record: line, or `UNIT` file")
	p.StringVar(&f.format, "format", "", "read the logs as this `FORMAT`, or as the server's own log_format or LogFormat string")
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of logs and spans that name none, and of local hours")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	return cmd
}

// outputs are the files to write, with the flags that name them.
func (f *exportFlags) outputs() (names, flags []string) {
	for _, o := range [][2]string{{"--svmlight", f.svmlight}, {"--vocabulary", f.vocabulary}, {"--parquet", f.parquet}} {
		if o[1] != "" {
			flags, names = append(flags, o[0]), append(names, o[1])
		}
	}
	return names, flags
}

// check finds faults of flags, and sets the vocabulary's name.
func (f *exportFlags) check() error {
	switch {
	case f.svmlight == "" && f.parquet == "":
		return usagef("nothing to write: name a file after --svmlight, --parquet, or both")
	case f.vocabulary != "" && f.svmlight == "":
		return usagef("--vocabulary is of the tokens of --svmlight, which is missing")
	case f.svmlight == "-" || f.parquet == "-" || f.vocabulary == "-":
		return usagef("- is no file to write: name one, or /dev/stdout")
	case f.tokens < 1:
		return usagef("--max-tokens: %d is no number of tokens", f.tokens)
	case len(f.windows) > 0 && (f.truth != "" || f.marks != "" || len(f.good)+len(f.bad) > 0):
		return usagef("--window says what is good and bad; leave out --truth, --marks, --good and --bad")
	}
	if f.svmlight != "" && f.vocabulary == "" {
		if info, err := os.Stat(f.svmlight); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return usagef("beside %q nothing can be written: say with --vocabulary where the tokens go", f.svmlight)
		}
		f.vocabulary = strings.TrimSuffix(f.svmlight, filepath.Ext(f.svmlight)) + ".vocabulary.tsv"
	}
	names, flags := f.outputs()
	for i, name := range names {
		if err := checkWritable(flags[i], name); err != nil {
			return usageError{err}
		}
		for k := range i {
			if sameFile(name, names[k]) {
				return usagef("%s and %s are the same file", flags[k], flags[i])
			}
		}
		for _, in := range [][2]string{{"--truth", f.truth}, {"--marks", f.marks}, {"--geoip", f.geoip}} {
			if in[1] != "" && sameFile(name, in[1]) {
				return usagef("%s would overwrite the file of %s", flags[i], in[0])
			}
		}
	}
	return nil
}

// open finds the inputs and how records are labelled.
func (f *exportFlags) open(s *streams, zone *time.Location, args []string) (*labelled, func() export.Labeller, error) {
	if f.truth != "" || f.marks != "" || len(f.good)+len(f.bad) > 0 {
		l, err := f.labelFlags.open(s, args)
		if err != nil {
			return nil, nil, err
		}
		l.print(s)
		return l, func() export.Labeller {
			label := l.label()
			return func(e *event.Event, pos format.Position, raw []byte) export.Label {
				switch label(e, pos, raw) {
				case filter.Good:
					return export.Good
				case filter.Bad:
					return export.Bad
				}
				return export.Unlabelled
			}
		}, nil
	}
	var spans []hunt.Span
	for _, text := range f.windows {
		sp, err := hunt.ParseSpan(text, zone, time.Now())
		if err != nil {
			return nil, nil, usageError{fmt.Errorf("--window: %w", err)}
		}
		spans = append(spans, sp)
	}
	inputs, err := expand(s, args)
	l := &labelled{inputs: inputs}
	if err != nil || len(spans) == 0 {
		return l, nil, err
	}
	return l, func() export.Labeller {
		return func(e *event.Event, _ format.Position, _ []byte) export.Label {
			if !e.HasTime {
				return export.Unlabelled
			}
			for _, sp := range spans {
				if sp.Contains(e.Time) {
					return export.Bad
				}
			}
			return export.Good
		}
	}, nil
}

func runExport(ctx context.Context, s *streams, f *exportFlags, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	zone, enrichment, unit, err := f.parse()
	if err != nil {
		return err
	}
	l, label, err := f.open(s, zone, args)
	if err != nil {
		return err
	}
	inputs := l.inputs
	names, flags := f.outputs()
	for i := range inputs {
		for k := range names {
			if sameFile(inputs[i].Name, names[k]) {
				return usagef("%s would overwrite the log %q", flags[k], inputs[i].Name)
			}
		}
	}
	o := export.Options{Label: label, Fine: f.fine, Seed: rand.Uint64(), Enrich: enrichment,
		Scan: format.ScanOptions{Workers: f.workers, FileTimes: true, Record: unit, Options: format.Options{Zone: zone, Format: f.format}}}
	x := &exporting{f: f, s: s}
	return x.files(func(writers ...export.Writer) error {
		bar := newProgress(s.err)
		o.Scan.Progress = bar.update
		totals, summary, err := export.Run(ctx, inputs, o, writers...)
		bar.done()
		if summary != nil {
			warnOfFiles(s, summary)
		}
		if err == nil {
			l.done(s)
		}
		if err == nil && totals.Records() == 0 {
			err = errors.New("there is no record to export")
		}
		if failed := (*export.WriteError)(nil); !errors.As(err, &failed) {
			x.unread = err
		}
		x.totals = totals
		return err
	})
}

// An exporting is an export under way.
type exporting struct {
	f        *exportFlags
	s        *streams
	totals   *export.Totals
	svmlight *export.SVMLight
	unread   error // of reading, which is no fault of the files to write
}

// files writes all files, or, where something fails, none.
func (x *exporting) files(run func(...export.Writer) error) error {
	var err error
	switch f := x.f; {
	case f.svmlight == "":
		err = x.parquet(run)
	case f.parquet == "":
		err = x.lines(run)
	default:
		err = x.parquet(func(p ...export.Writer) error {
			return x.lines(func(l ...export.Writer) error { return run(p[0], l[0]) })
		})
	}
	if x.unread != nil {
		return x.unread
	}
	if err != nil {
		return err
	}
	return x.print()
}

func (x *exporting) parquet(run func(...export.Writer) error) error {
	return replaceFile(x.f.parquet, private, func(w io.Writer) error {
		p := export.NewParquet(w)
		if err := run(p); err != nil {
			return err
		}
		return p.Close()
	})
}

// lines writes svmlight and its vocabulary.
func (x *exporting) lines(run func(...export.Writer) error) error {
	return replaceFile(x.f.svmlight, private, func(w io.Writer) error {
		x.svmlight = export.NewSVMLight(w, x.f.tokens)
		if err := run(x.svmlight); err != nil {
			return err
		}
		if err := x.svmlight.Flush(); err != nil {
			return err
		}
		return replaceFile(x.f.vocabulary, private, x.svmlight.Vocabulary)
	})
}

// print says what was written: on standard error where records go to standard output.
func (x *exporting) print() error {
	out := x.s.out
	names, _ := x.f.outputs()
	if slices.ContainsFunc(names, func(name string) bool { return sameFile(name, "/dev/stdout") }) {
		out = x.s.err
	}
	p := newPage(out)
	t := x.totals
	text := plural(int(t.Records()), "record")
	if t.Good+t.Bad > 0 {
		text += fmt.Sprintf(": %s good, %s bad", term.Count(t.Good), term.Count(t.Bad))
		if t.Unlabelled > 0 {
			text += fmt.Sprintf(", %s unlabelled", term.Count(t.Unlabelled))
		}
	} else {
		text += ", unlabelled"
	}
	p.heading("Exported", text)
	if x.svmlight != nil {
		p.entry("Labels", clean(x.f.svmlight))
		p.entry("Tokens", fmt.Sprintf("%s, %s", clean(x.f.vocabulary), plural(x.svmlight.Tokens(), "token")))
	}
	if x.f.parquet != "" {
		p.entry("Records", clean(x.f.parquet))
	}
	if err := p.w.Flush(); err != nil || x.svmlight == nil || x.svmlight.LeftOut == 0 {
		return err
	}
	e := newPage(x.s.err)
	full := "--max-tokens says how many it may hold"
	if x.svmlight.Tokens() < x.f.tokens {
		full = "their text is as much as it may hold"
	}
	e.item(e.Yellow("!"), fmt.Sprintf("The vocabulary is full with %s: %s. Others are left out of %s %s times, once for each record that has them.",
		plural(x.svmlight.Tokens(), "token"), full, clean(x.f.svmlight), term.Count(x.svmlight.LeftOut)))
	return e.w.Flush()
}
