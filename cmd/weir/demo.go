package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/hunt"
	"weir/internal/scenario"
	"weir/internal/term"
)

// demoFlags are the command line of demo as it was typed.
type demoFlags struct {
	keep   string
	events int64
	seed   uint64
	report string
}

func newDemo(s *streams) *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:   "demo [flags]",
		Short: "hunt in invented logs of a break-in, and lay what is found beside the truth",
		Long: `Invents four weeks of a small company's logs with a break-in in one night, hunts in them knowing the window alone, and
shows for every step of the break-in where the hunt shows it. The page of the hunt follows, and what blocking would have
cost, by a filter that has learned from another company's break-in.`,
		Example: `  weir demo
  weir demo --seed 7 --keep /tmp/company`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, args []string) error { return runDemo(cmd.Context(), s, f) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.keep, "keep", "", "write the logs into this `DIR`, which must be empty, and leave them there")
	p.Int64Var(&f.events, "events", 200_000, "about how many lines of logs")
	p.Uint64Var(&f.seed, "seed", 0, "another number, another company")
	p.StringVar(&f.report, "report", "", "write a page to look at, too, into this `FILE`.html")
	return cmd
}

func runDemo(ctx context.Context, s *streams, f *demoFlags) (err error) {
	started := time.Now()
	if err := checkReport(f.report); err != nil {
		return usageError{err}
	}
	sf := &scenarioFlags{out: f.keep, zone: "UTC", days: 28, events: f.events, seed: f.seed}
	if f.keep == "" {
		dir, err := os.MkdirTemp("", "weir-demo-*")
		if err != nil {
			return fmt.Errorf("cannot make a temporary directory: %w", err)
		}
		defer os.RemoveAll(dir)
		sf.out = dir
	}
	cfg, err := sf.config()
	if err != nil {
		return err
	}
	if err := prepareDir(sf.out, false); err != nil {
		return err
	}
	truth, err := writeScenario(cfg, sf.out)
	if err != nil {
		return err
	}
	steps, err := readTruth(filepath.Join(sf.out, "truth.csv"), sf.out)
	if err != nil {
		return err
	}
	hf := &huntFlags{windows: []string{windowOf(truth)}, zone: sf.zone}
	o, err := hf.options(started)
	if err != nil {
		return err
	}
	inputs, err := expand(s, logsOf(truth, sf.out))
	if err != nil {
		return err
	}
	r, err := huntIn(ctx, s, inputs, o)
	if err != nil {
		return err
	}
	defer r.Close()
	costs, err := demoCost(ctx, s, f, sf, truth)
	if err != nil {
		return err
	}
	if f.keep == "" { // a reader that has seen enough ends this process at the next write
		_ = os.RemoveAll(sf.out)
	}
	if err := reportDemo(s, f.report, r, costs); err != nil {
		return err
	}
	p := newPage(s.out)
	p.demo(f, sf, truth)
	p.story(truth, findSteps(r, steps))
	fmt.Fprintln(p.w)
	if err := p.w.Flush(); err != nil {
		return err
	}
	if err := printHunt(s, r, hf); err != nil {
		return err
	}
	return printDemoCost(s, f, costs)
}

// A place is a line of a log.
type place struct {
	file string
	line int64
}

// readTruth returns the kind of every line that the intruder left. dir is put before the names of the logs.
func readTruth(path, dir string) (map[place]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the truth: %w", err)
	}
	defer file.Close()
	out := map[place]string{}
	lines := bufio.NewScanner(file)
	lines.Scan() // the header: file,line,label,kind
	for lines.Scan() {
		column := strings.Split(lines.Text(), ",")
		if len(column) != 4 {
			return nil, fmt.Errorf("cannot read the truth: %q has not four columns", lines.Text())
		}
		n, err := strconv.ParseInt(column[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("cannot read the truth: %w", err)
		}
		out[place{filepath.Join(dir, filepath.FromSlash(column[0])), n}] = column[3]
	}
	return out, lines.Err()
}

// A finding is what the hunt made of one step of the break-in.
type finding struct {
	row   int // of the page: the first that shows an event of the step, from 1; 0 if none does
	loud  int // events that score above every clean window
	kept  int // events that the funnel left
	total int // suspects among the step's lines
}

// findSteps looks for the intruder's lines in what the hunt found, by kind.
func findSteps(r *hunt.Result, kinds map[place]string) map[string]*finding {
	level := math.Inf(-1)
	for _, x := range r.Placebos {
		level = max(level, x.Top)
	}
	out := map[string]*finding{}
	kindOf := func(i int) string {
		file, line := r.Place(i)
		return kinds[place{file, line}]
	}
	for i := range r.Len() {
		kind := kindOf(i)
		if kind == "" {
			continue
		}
		f := out[kind]
		if f == nil {
			f = &finding{}
			out[kind] = f
		}
		f.total++
		if r.Score(i) > level {
			f.loud++
		}
		if !r.Narrowed(i) {
			f.kept++
		}
	}
	for n, fold := range r.Folds() {
		for _, i := range fold.Members {
			if f := out[kindOf(i)]; f != nil && f.row == 0 {
				f.row = n + 1
			}
		}
	}
	return out
}

func (p *page) demo(f *demoFlags, sf *scenarioFlags, t *scenario.Truth) {
	var lines, bad int64
	for _, l := range t.Lines {
		lines += l.Lines
	}
	for _, step := range t.Steps {
		bad += step.Lines
	}
	fmt.Fprintln(p.w, p.Bold("weir demo"))
	p.text(2, fmt.Sprintf("The logs of an invented company: four weeks, %s lines. In the night of %s somebody broke in and left %s "+
		"of them. The hunt below is told the window and nothing else:", term.Count(lines), t.From.Format("2 January"),
		term.Count(bad)))
	fmt.Fprintln(p.w)
	p.command(append([]string{"weir", "hunt"}, huntWords(t, sf.zone)...), logsOf(t, sf.out))
	if f.keep == "" {
		fmt.Fprintln(p.w)
		p.text(2, "The logs are gone again; --keep DIR leaves them there to try other things.")
	}
}

// story prints the truth beside what was found.
func (p *page) story(t *scenario.Truth, found map[string]*finding) {
	p.heading("The truth, and what the hunt made of it", "rows are those of the list below")
	fmt.Fprintf(p.w, "  %-24s %-17s %6s %6s %6s %6s\n", "", "", "lines", "kept", "loud", "row")
	shown := 0
	kinds := scenario.Kinds()
	for n, kind := range kinds {
		step := stepOf(t, kind)
		f := found[kind]
		if f == nil {
			f = &finding{}
		}
		row := p.Red(fmt.Sprintf("%6s", "none"))
		switch {
		case f.row > defaultRows:
			row = p.Yellow(fmt.Sprintf("%6d", f.row))
		case f.row > 0:
			row = p.Green(fmt.Sprintf("%6d", f.row))
			shown++
		}
		fmt.Fprintf(p.w, "  %d %s %s to %s %6s %6s %6s %s\n", n+1, p.Bold(term.Pad(strings.ReplaceAll(kind, "_", " "), 22)),
			step.From.Format("15:04:05"), step.To.Format("15:04"), term.Count(step.Lines), term.Count(f.kept), term.Count(f.loud), row)
		p.text(4, step.Description)
	}
	fmt.Fprintln(p.w)
	p.text(2, fmt.Sprintf("%d of the %d steps show among the first %d rows. Of a step's lines, kept are those that the funnel left, "+
		"loud those that score above everything in clean windows; row is the first that shows one of them.", shown, len(kinds),
		defaultRows))
}

// stepOf sums up what a step of the break-in left in all logs.
func stepOf(t *scenario.Truth, kind string) scenario.Step {
	var out scenario.Step
	for _, s := range t.Steps {
		if s.Kind != kind {
			continue
		}
		if out.Lines == 0 {
			out = s
			continue
		}
		out.Lines += s.Lines
		out.From = slices.MinFunc([]time.Time{out.From, s.From}, time.Time.Compare)
		out.To = slices.MaxFunc([]time.Time{out.To, s.To}, time.Time.Compare)
	}
	return out
}
