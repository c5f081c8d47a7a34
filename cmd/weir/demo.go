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

	"weir/internal/cluster"
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
shows for every part of the break-in in which campaign and step the hunt tells it. The page of the hunt follows, what
blocking would have cost, by a filter that has learned from another company's break-in, and the same hunt in a lake: the logs
read once, the break-in marked, hunted for, and the mark taken back. It fails where the lake does not keep what it promises.`,
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
	o, err := hf.options(ctx, s, started)
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
	list, err := cluster.Campaigns(r, cluster.Options{})
	if err != nil {
		return err
	}
	archive, err := runDemoLake(ctx, s, logsOf(truth, sf.out), r, list, nil)
	if err != nil {
		return err
	}
	costs, err := demoCost(ctx, s, f, sf, truth)
	if err != nil {
		return err
	}
	if f.keep == "" { // a reader that has seen enough ends this process at the next write
		_ = os.RemoveAll(sf.out)
	}
	if err := reportDemo(s, f.report, r, list, costs); err != nil {
		return err
	}
	p := newPage(s.out)
	p.demo(f, sf, truth)
	p.story(truth, findSteps(r, list, steps))
	fmt.Fprintln(p.w)
	if err := p.w.Flush(); err != nil {
		return err
	}
	if err := printHunt(s, r, list, hf); err != nil {
		return err
	}
	if err := printDemoCost(s, f, costs); err != nil {
		return err
	}
	return archive.print(s)
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

// A finding is what the hunt made of one part of the break-in.
type finding struct {
	told  []told // where campaigns tell it, best campaign first
	loud  int    // events that score above every clean window
	kept  int    // events that the funnel left
	total int    // suspects among its lines
}

// told is a campaign that holds events of a part of the break-in.
type told struct {
	campaign, step int // numbers from 1; the step is the one with most of the events
	events         int
}

// findSteps looks for the intruder's lines in what the hunt found, by kind.
func findSteps(r *hunt.Result, list []cluster.Campaign, kinds map[place]string) map[string]*finding {
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
	for i := range list {
		c := &list[i]
		most := map[string]int{} // events of a kind in the step that has most of them
		for k := range c.Steps {
			events := map[string]int{}
			for _, m := range c.Steps[k].Members {
				events[kindOf(m)]++
			}
			for kind, n := range events {
				f := out[kind]
				if f == nil || c.Noise {
					continue
				}
				if len(f.told) == 0 || f.told[len(f.told)-1].campaign != c.Number {
					f.told = append(f.told, told{campaign: c.Number})
				}
				t := &f.told[len(f.told)-1]
				t.events += n
				if n > most[kind] {
					most[kind], t.step = n, k+1
				}
			}
		}
	}
	return out
}

// maxTold is how many campaigns are named for a part of the break-in: those that hold most of its events.
const maxTold = 2

// where says in which campaigns and steps a part is told, and whether the page shows one of them.
func (f *finding) where() (text string, shown bool) {
	best := slices.Clone(f.told)
	slices.SortStableFunc(best, func(a, b told) int { return b.events - a.events })
	best = best[:min(len(best), maxTold)]
	slices.SortFunc(best, func(a, b told) int { return a.campaign - b.campaign })
	var parts []string
	for _, t := range best {
		shown = shown || t.campaign <= defaultCampaigns
		parts = append(parts, fmt.Sprintf("%d, step %d", t.campaign, t.step))
	}
	if len(parts) == 0 {
		return "none", false
	}
	return strings.Join(parts, "; "), shown
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
	p.heading("The truth, and what the hunt made of it", "campaigns are those of the list below")
	fmt.Fprintf(p.w, "  %-24s %-17s %5s %5s %5s  %s\n", "", "", "lines", "kept", "loud", "campaign")
	told := 0
	kinds := scenario.Kinds()
	for n, kind := range kinds {
		step := stepOf(t, kind)
		f := found[kind]
		if f == nil {
			f = &finding{}
		}
		where, shown := f.where()
		switch {
		case shown:
			where = p.Green(where)
			told++
		case len(f.told) > 0:
			where = p.Yellow(where)
		default:
			where = p.Red(where)
		}
		fmt.Fprintf(p.w, "  %d %s %s to %s %5s %5s %5s  %s\n", n+1, p.Bold(term.Pad(strings.ReplaceAll(kind, "_", " "), 22)),
			step.From.Format("15:04:05"), step.To.Format("15:04"), term.Count(step.Lines), term.Count(f.kept), term.Count(f.loud), where)
		p.text(4, step.Description)
	}
	fmt.Fprintln(p.w)
	p.text(2, fmt.Sprintf("%d of the %d parts of the break-in show among the first %d campaigns. Of the lines of each, kept are those that "+
		"the funnel left, loud those that score above everything in clean windows; campaign and step are where most of the kept ones are.",
		told, len(kinds), defaultCampaigns))
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
