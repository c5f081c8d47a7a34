package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"weir/internal/decide"
	"weir/internal/filter"
	"weir/internal/marks"
	"weir/internal/review"
	"weir/internal/source"
)

type labelCommand struct {
	huntFlags
	policyFlags
	learn           bool
	who             string
	minute, minutes float64
	changed         func(flag string) bool
}

// What is taken where neither a policy nor a flag says it: a ratio, and what an answer takes of a person's time.
const (
	labelRatio   = 200
	labelMinute  = 1
	labelMinutes = .5
)

func newLabel(s *streams) *cobra.Command {
	f := &labelCommand{}
	cmd := &cobra.Command{
		Use:   "label --marks FILE (--window FROM/TO | --filter F) [flags] LOG...",
		Short: "go through suspects one by one and say what is good and what is bad",
		Long: `Shows suspects one at a time, those first about which an answer saves most, and takes one key for each: good, bad, skip, undo,
why. With --window the suspects are those of a hunt, with --filter alone what the filter makes of all records.

An answer is a mark (who, when, what) in FILE, and goes for all records that say the same. 'weir hunt', 'weir train',
'weir evaluate', 'weir cost' and 'weir replay' take the same file with --marks. Whoever goes on another day is not asked again what was answered.

After every answer weir says how much bad is left among what nobody has looked at, with a 95 % interval, and whether going on
pays. Every third question is drawn to sharpen that estimate. What an answer is worth follows from --policy, by record, or from
--ratio.

Keys: g good, b bad, G and B the same for all of the row, s skip, u undo, w why, r the lines around, q quit.
They may come through a pipe: printf 'bbgq' | weir label …`,
		Example: `  weir label --marks marks.jsonl --window "2026-03-01 02:10/2026-03-01 04:30" /var/log/nginx
  weir label --marks marks.jsonl --filter web.weir --learn access.log
  weir train --marks marks.jsonl --filter web.weir access.log`,
		RunE: func(cmd *cobra.Command, args []string) error { return runLabel(cmd.Context(), s, f, args) },
	}
	f.addAsk(cmd)
	f.policyFlags.add(cmd)
	p := cmd.Flags()
	f.changed = p.Changed
	p.Lookup("ratio").Usage += fmt.Sprintf(" (default %d)", labelRatio)
	p.Lookup("marks").Usage = "keep the answers in this `FILE`, which is made if need be (docs/marks.md)"
	p.Lookup("filter").Usage = "without --window: label what this filter judges; with it: let it judge too. Its `FILE`"
	p.BoolVar(&f.learn, "learn", false, "let the filter learn every answer at once (the record that is shown)")
	p.StringVar(&f.who, "who", "", "your `NAME` in the marks (default: who you are logged in as)")
	p.Float64Var(&f.minute, "minute", labelMinute, "what a minute of yours costs, in the policy's currency or in wrong blocks (default: the policy's)")
	p.Float64Var(&f.minutes, "minutes", labelMinutes, "how many `MINUTES` an answer takes (default: the policy's)")
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
	}{{"minute", f.minute}, {"minutes", f.minutes}} {
		if !isRatio(x.value) {
			errs = append(errs, fmt.Errorf("--%s: %v is no number above 0", x.flag, x.value))
		}
	}
	if !f.changed("ratio") && f.policy == "" {
		f.ratio = labelRatio
	}
	if f.policy == "" || f.ratio != 0 {
		if _, err := f.policyFlags.open(); err != nil {
			errs = append(errs, err)
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
	if file, err := os.OpenFile(f.huntFlags.marks, os.O_RDWR, 0); errors.Is(err, fs.ErrNotExist) {
		if info, err := os.Stat(filepath.Dir(f.huntFlags.marks)); err != nil || !info.IsDir() {
			return hintf(fmt.Errorf("cannot keep marks in %q: there is no such directory", f.huntFlags.marks), "Make it, or name another file with --marks.")
		}
	} else if err != nil { // told before hours go into a hunt
		return hintf(fmt.Errorf("cannot add to the marks: %w", err), "Answers are kept in that file as they are given: it has to be one that you may write to.")
	} else {
		file.Close()
		if before, err = readMarks(s, f.huntFlags.marks); err != nil {
			return err
		}
	}
	policy, err := f.costs()
	if err != nil {
		return err
	}
	inputs, err := expand(s, args)
	if err != nil {
		return err
	}
	var p pool
	basis := decide.Mixture
	if f.filter != "" && len(f.windows) == 0 {
		p, basis, err = f.poolOfFilter(ctx, s, inputs, before, policy)
	} else {
		p, err = f.poolOfHunt(ctx, s, inputs, before, policy)
	}
	if err != nil {
		return err
	}
	defer p.close()
	l := &session{ctx: ctx, s: s, f: f, pool: p, minute: policy.Costs.Minute, money: labelMoney(policy.Currency),
		study: review.New(p.items(), review.Options{Basis: basis, Minutes: labelMinutes, Seed: 1})}
	for _, d := range doubtRules(policy) {
		fmt.Fprintf(s.err, "weir: %s\n", clean(sentence(d)))
	}
	if l.who = f.who; l.who == "" {
		l.who = analyst()
	}
	return l.run()
}

// costs are what mistakes and a person's time cost: the policy's, and over them what flags say. Without a policy an answer takes
// less than a review by a policy does, since the record and its clues are shown.
func (f *labelCommand) costs() (*decide.Policy, error) {
	p, err := f.policyFlags.open()
	if err != nil {
		return nil, err
	}
	put := func(c *decide.Costs) {
		if f.policy == "" || f.changed("minute") {
			c.Minute = f.minute
		}
		if f.policy == "" || f.changed("minutes") {
			c.Minutes = f.minutes
		}
	}
	put(&p.Costs)
	for i := range p.Rules {
		put(&p.Rules[i].Costs)
	}
	return p, nil
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
