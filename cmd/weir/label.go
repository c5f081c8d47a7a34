package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"weir/internal/decide"
	"weir/internal/filter"
	"weir/internal/marks"
	"weir/internal/review"
	"weir/internal/source"
)

type labelCommand struct {
	huntFlags
	learn         bool
	who           string
	ratio, minute float64
	minutes       float64
}

func newLabel(s *streams) *cobra.Command {
	f := &labelCommand{}
	cmd := &cobra.Command{
		Use:   "label --marks FILE (--window FROM/TO | --filter F) [flags] LOG...",
		Short: "go through suspects one by one and say what is good and what is bad",
		Long: `Shows suspects one at a time, those first about which an answer saves most, and takes one key for each: good, bad, skip, undo,
why. With --window the suspects are those of a hunt, with --filter alone what the filter makes of all records.

An answer is a mark (who, when, what) in FILE, and goes for all records that say the same. 'weir hunt', 'weir train' and
'weir evaluate' take the same file with --marks. Whoever goes on another day is not asked again what was answered.

After every answer weir says how much bad is left among what nobody has looked at, with a 95 % interval, and whether going on
pays. Every third question is drawn to sharpen that estimate.

Keys: g good, b bad, G and B the same for all of the row, s skip, u undo, w why, r the lines around, q quit.
They may come through a pipe: printf 'bbgq' | weir label …`,
		Example: `  weir label --marks marks.jsonl --window "2026-03-01 02:10/2026-03-01 04:30" /var/log/nginx
  weir label --marks marks.jsonl --filter web.weir --learn access.log
  weir train --marks marks.jsonl --filter web.weir access.log`,
		RunE: func(cmd *cobra.Command, args []string) error { return runLabel(cmd.Context(), s, f, args) },
	}
	f.addAsk(cmd)
	p := cmd.Flags()
	p.Lookup("marks").Usage = "keep the answers in this `FILE`, which is made if need be (docs/marks.md)"
	p.Lookup("filter").Usage = "without --window: label what this filter judges; with it: let it judge too. Its `FILE`"
	p.BoolVar(&f.learn, "learn", false, "let the filter learn every answer at once (the record that is shown)")
	p.StringVar(&f.who, "who", "", "your `NAME` in the marks (default: who you are logged in as)")
	p.Float64Var(&f.ratio, "ratio", 200, "one bad record let through hurts as much as this `MANY` good ones blocked")
	p.Float64Var(&f.minute, "minute", 1, "what a minute of yours costs, as this `MANY` good records blocked")
	p.Float64Var(&f.minutes, "minutes", .5, "how many `MINUTES` an answer takes")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	return cmd
}

// check reports every fault of the command line at once.
func (f *labelCommand) check(args []string) error {
	var errs []error
	if f.huntFlags.marks == "" {
		errs = append(errs, errors.New("no marks: say where to keep the answers, as --marks marks.jsonl"))
	}
	for _, x := range []struct {
		flag  string
		value float64
	}{{"ratio", f.ratio}, {"minute", f.minute}, {"minutes", f.minutes}} {
		if !(x.value > 0 && x.value < 1e12) {
			errs = append(errs, fmt.Errorf("--%s: %v is no number above 0", x.flag, x.value))
		}
	}
	if f.learn && f.filter == "" {
		errs = append(errs, errors.New("--learn needs a filter that learns: --filter F"))
	}
	if f.learn && len(f.windows) > 0 {
		errs = append(errs, errors.New("--learn goes with a filter alone; leave out --window, or --learn and use 'weir learn --marks' later"))
	}
	for _, a := range args {
		if a == source.Stdin {
			errs = append(errs, errors.New("keys come from standard input, so logs cannot; name files"))
		}
	}
	if len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	return nil
}

func runLabel(ctx context.Context, s *streams, f *labelCommand, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	before := &marks.Set{}
	if _, err := os.Stat(f.huntFlags.marks); !errors.Is(err, fs.ErrNotExist) {
		if before, err = readMarks(s, f.huntFlags.marks); err != nil {
			return err
		}
	}
	policy := decide.FromRatio(f.ratio)
	inputs, err := expand(s, args)
	if err != nil {
		return err
	}
	var p pool
	basis := decide.Mixture
	if f.filter != "" && len(f.windows) == 0 {
		basis = decide.Calibrated
		p, err = f.poolOfFilter(ctx, s, inputs, before, policy)
	} else {
		p, err = f.poolOfHunt(ctx, s, inputs, before, &policy.Costs)
	}
	if err != nil {
		return err
	}
	defer p.close()
	l := &session{ctx: ctx, s: s, f: f, pool: p, minute: f.minute,
		study: review.New(p.items(), review.Options{Basis: basis, Minutes: f.minutes, Seed: 1})}
	if l.who = f.who; l.who == "" {
		l.who = analyst()
	}
	return l.run()
}

// A pool is suspects that can be asked about.
type pool interface {
	items() []review.Item
	row(item int) []int // the items of its row, itself too
	records(item int) ([]marks.Records, error)
	example(item int) (*example, error)
	marked(item int) *marks.Mark // from before; nil for none
	notes() []string
	close()
}

// An example is the record that is shown of an item.
type example struct {
	file        string
	line        int64
	raw         []byte
	first, last int64 // times of the item's records; 0 for none
	client      string
	probability float64 // by the hunt or the filter
	basis       string  // "the hunt", "the filter"
	clues       []labelClue
	lesson      func(*filter.Filter) filter.Lesson // nil where nothing can be learned
}

// A labelClue is one line of why.
type labelClue struct {
	vote   float64
	token  string
	shares string
	words  string
}
