package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/decide"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/hunt"
	"weir/internal/source"
	"weir/internal/token"
)

type replayFlags struct {
	applyFlags
	policyFlags
	truth, marks      string
	from, to, zone    string
	trainBefore, json bool
	limit             int
}

func newReplay(s *streams) *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay --policy P --filter F [flags] LOG...",
		Short: "say what a policy would have done over past logs, before it is switched on",
		Long: `Runs a policy over logs, record by record in order of time: whom it would have blocked, for how long, what that would have
kept out of good and of bad, and what it would have cost; beside it never to block, and to block whatever the filter does not
call good. A block takes effect for the records after the one that led to it. Nothing from after a moment is used at it.

The filter should not have learned the records that are replayed; --train-before trains one on the labelled records before
--from instead. Records before --from are the past that is known when the replay starts.

FROM and TO are as for 'weir hunt --window'; both are inclusive.`,
		Example: `  weir replay --policy policy.yaml --filter web.weir --truth truth.csv access.log
  weir replay --ratio 200 --filter web.weir --from now-7d /var/log/nginx
  weir replay --policy policy.yaml --train-before --truth truth.csv --from 2026-02-25 access.log`,
		RunE: func(cmd *cobra.Command, args []string) error { return runReplay(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	f.policyFlags.add(cmd)
	f.applyFlags.add(cmd)
	p.StringVar(&f.from, "from", "", "take decisions from this `TIME` on (default: from the first record)")
	p.StringVar(&f.to, "to", "", "and until this `TIME` (default: until the last)")
	p.StringVar(&f.truth, "truth", "", "take labels from this CSV `FILE`: file,line,label[,kind]")
	p.StringVar(&f.marks, "marks", "", "take labels from the marks in this `FILE` instead (docs/marks.md)")
	p.BoolVar(&f.trainBefore, "train-before", false, "train the filter on the labelled records before --from")
	p.StringVar(&f.zone, "zone", "", "time `ZONE` of --from and --to, and with --train-before of logs that name none (default: the filter's, or UTC)")
	p.BoolVar(&f.json, "json", false, "write JSON Lines: a summary, then each block and review (docs/json.md)")
	p.IntVar(&f.limit, "limit", 0, "how many blocks and reviews to show (default 10 of each, all as JSON)")
	return cmd
}

// A rerun is what a replay works with.
type rerun struct {
	policy     *decide.Policy
	filter     *filter.Filter
	enrichment func() *token.Enrichment
	zone       *time.Location
	span       hunt.Span
	options    decide.ReplayOptions
	doubt      string // why the filter's probabilities are not taken at their word
	l          *labelled
	labels     bool
	trained    bool // on the records before the span
	summary    *format.Summary
	files      []string // that records are numbered by
	gathered
}

func runReplay(ctx context.Context, s *streams, f *replayFlags, args []string) error {
	r := &rerun{}
	var err error
	if r.policy, err = f.policyFlags.open(); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if !f.trainBefore { // told before files are looked for
		if r.filter, r.enrichment, err = f.applyFlags.open(); err != nil {
			return err
		}
	}
	if err := f.times(r); err != nil {
		return err
	}
	if f.labelled() {
		r.labels = true
		if r.l, err = (&labelFlags{truth: f.truth, marks: f.marks}).open(s, args); err != nil {
			return err
		}
		r.l.print(s)
	} else {
		inputs, err := expand(s, args)
		if err != nil {
			return err
		}
		r.l = &labelled{inputs: inputs, label: filter.ByPlace(func(int, int64) filter.Label { return filter.Unlabelled })}
	}
	if f.trainBefore {
		if err := f.train(ctx, s, r); err != nil {
			return err
		}
	}
	r.trust()
	if err := r.gather(ctx, s, f); err != nil {
		return err
	}
	bar := newProgress(s.err)
	bar.what = "replaying"
	r.options.Progress = func(done, all int64) { bar.update(done, all, done) }
	result, err := decide.Replay(r.all, r.policy, r.options)
	bar.done()
	if errors.Is(err, decide.ErrNothing) {
		return hintf(errors.New(r.nothing(result)), "Check --from, --to and the --zone they are in, and that the logs have times.")
	}
	if err != nil {
		return err
	}
	r.warnings(result)
	if f.json {
		return writeReplay(s.out, r, result, f.limit)
	}
	return printReplay(s, r, result, f)
}

func (f *replayFlags) check() error {
	var errs []error
	if f.limit < 0 || f.workers < 0 {
		errs = append(errs, errors.New("--limit and --workers cannot be negative"))
	}
	if f.trainBefore {
		if f.filter != "" {
			errs = append(errs, errors.New("--train-before trains a filter; leave out --filter"))
		}
		if !f.labelled() || f.from == "" {
			errs = append(errs, errors.New("--train-before learns from the labelled records before --from: give --truth or --marks, and --from"))
		}
	}
	if len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	return nil
}

// labelled reports whether somebody has said what is good and bad.
func (f *replayFlags) labelled() bool { return f.truth != "" || f.marks != "" }

// times reads --from and --to.
func (f *replayFlags) times(r *rerun) error {
	name := f.zone
	if name == "" && r.filter != nil {
		name = r.filter.Zone
	}
	zone, err := time.LoadLocation(name) // "" is UTC
	if err != nil {
		return usagef("--zone: there is no time zone %q: write a name like Europe/Vienna, or UTC", name)
	}
	r.zone = zone
	if f.from == "" && f.to == "" {
		return nil
	}
	if r.span, err = hunt.ParseSpan(f.from+"/"+f.to, zone, time.Now()); err != nil {
		return usagef("--from, --to: %v", err)
	}
	r.options.From, r.options.To = r.span.From, r.span.To+1
	return nil
}

// train makes the filter from the labelled records before the span.
func (f *replayFlags) train(ctx context.Context, s *streams, r *rerun) error {
	rf := readFlags{zone: r.zone.String(), geoip: f.geoip, workers: f.workers}
	_, enrichment, _, err := rf.parse()
	if err != nil {
		return err
	}
	choice, notes, err := format.Choose(r.l.inputs, format.RecordLine, format.Options{Zone: r.zone})
	if err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintf(s.err, "weir: %s\n", clean(n))
	}
	bar := newProgress(s.err)
	fl, _, err := filter.Train(ctx, r.l.inputs, filter.TrainOptions{Choice: choice, Label: r.l.label, Before: r.options.From, Zone: r.zone,
		Enrich: enrichment, Workers: f.workers, Prior: f.prior, Progress: bar.update})
	bar.done()
	if errors.Is(err, filter.ErrNoGood) || errors.Is(err, filter.ErrNoBad) {
		return hintf(fmt.Errorf("cannot train before --from: %w", err), "Say a later --from, so that labelled records of both kinds lie before it, or give a --filter.")
	}
	if err != nil {
		return explainFilter(err)
	}
	r.filter, r.enrichment, r.trained = fl, enrichment, true
	r.options.KnownBefore = r.options.From // the filter has them, so the ledger may too
	return nil
}

// trust says how far the filter's probabilities can be taken at their word.
func (r *rerun) trust() {
	o, f := &r.options, r.filter
	o.Basis, r.doubt = trust(f, r.policy)
	o.Reliability, o.HeldPrior, o.Prior, o.Known = f.Held.Reliability, f.HeldPrior(), f.Prior, f.Known
}

// gathered is what reading the logs gave.
type gathered struct {
	all     *decide.Occurrences
	names   map[decide.Entity]string
	untimed int64
	later   int64 // after the span
	learned int64 // records within the span that the filter remembers having learned
	nobody  int64 // records without an entity of the policy's kinds
}

const mostNames = 1 << 20 // of each worker, and of all

// gather reads and judges the logs.
func (r *rerun) gather(ctx context.Context, s *streams, f *replayFlags) error {
	var count atomic.Int64
	var memory *filter.Memory
	if !r.trained {
		memory = r.filter.Memory()
	}
	zone := r.zone
	if l, err := time.LoadLocation(r.filter.Zone); err == nil {
		zone = l
	}
	choice := r.filter.Reading
	bar := newProgress(s.err)
	var workers []*replayer
	var rank []int
	rank, r.files = ranksOf(r.l.inputs)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	summary, err := format.Scan(ctx, r.l.inputs, format.ScanOptions{Workers: f.workers, Progress: bar.update, FileTimes: true,
		Options: format.Options{Zone: zone, Choice: &choice}}, func(_ int, keys *event.Keys) format.Handler {
		w := &replayer{label: r.l.label(), judge: r.filter.NewJudge(r.enrichment()), policy: r.policy.Fork(), memory: memory, rank: rank, options: &r.options,
			entities: decide.NewResolver(r.policy.Entities, keys, mostNames), count: &count, stop: stop,
			all: decide.NewOccurrences(r.policy.Entities)}
		workers = append(workers, w)
		return w
	})
	bar.done()
	if summary != nil {
		warnOfFiles(s, summary)
	}
	r.summary = summary
	if n := count.Load(); n > decide.MaxOccurrences {
		return hintf(fmt.Errorf("there are more than %d records", decide.MaxOccurrences), "A replay holds them in memory. Narrow it with --to, or replay fewer files.")
	}
	if err != nil {
		return err
	}
	r.l.done(s)
	var parts []*decide.Occurrences
	var resolvers []*decide.Resolver
	for _, w := range workers {
		parts = append(parts, w.all)
		r.untimed += w.untimed
		r.later += w.later
		r.learned += w.learned
		r.nobody += w.nobody
		resolvers = append(resolvers, w.entities)
	}
	r.names = decide.Names(resolvers...)
	r.all = decide.Join(parts...)
	return nil
}

// A replayer judges one worker's records.
type replayer struct {
	label    filter.Labeller
	judge    *filter.Judge
	policy   *decide.Policy
	memory   *filter.Memory
	rank     []int // of files
	options  *decide.ReplayOptions
	entities *decide.Resolver
	count    *atomic.Int64
	stop     func()

	all                             *decide.Occurrences
	untimed, later, learned, nobody int64
}

// Event implements format.Handler.
func (w *replayer) Event(e *event.Event, pos format.Position, raw []byte) {
	if !e.HasTime {
		w.untimed++
		return
	}
	if w.options.To != 0 && e.Time >= w.options.To {
		w.later++
		return
	}
	if n := w.count.Add(1); n > decide.MaxOccurrences {
		w.stop()
		return
	}
	g := w.judge.Judge(e)
	x := decide.Occurrence{Time: e.Time, P: float32(g.Probability), Line: uint32(pos.Line), File: uint32(w.rank[pos.File]), Called: g.Verdict != filter.VerdictGood,
		Novel: g.Verdict == filter.VerdictNovel, Known: uint8(255 * g.Known)}
	switch w.label(e, pos, raw) {
	case filter.Good:
		x.Label = decide.Good
	case filter.Bad:
		x.Label = decide.Bad
	}
	if len(w.policy.Rules) > 0 {
		_, rule := w.policy.CostsOf(e)
		x.Class = uint16(rule + 1)
	}
	if w.memory != nil && e.Time >= w.options.From && w.memory.Holds(raw) {
		w.learned++
	}
	hashes := w.entities.Resolve(e)
	someone := false
	for _, h := range hashes {
		someone = someone || h != 0
	}
	if !someone {
		w.nobody++
	}
	w.all.Add(&x, hashes)
}

// nothing says why there is nothing to replay.
func (r *rerun) nothing(res *decide.ReplayResult) string {
	switch {
	case r.summary.Records() == 0:
		return "there is no record in the logs"
	case r.all.Len() == 0 && r.later == 0:
		return fmt.Sprintf("none of the %s has a time", plural(int(r.summary.Records()), "record"))
	}
	before := int64(0)
	if res != nil {
		before = res.Before
	}
	return fmt.Sprintf("no record lies between --from and --to: %d lie before, %d after, %d have no time", before, r.later, r.untimed)
}

// warnings adds what the command knows to what the replay warns of, the gravest first.
func (r *rerun) warnings(res *decide.ReplayResult) {
	var first []string
	if n := res.Records.Records(); r.learned > 0 {
		text := fmt.Sprintf("the filter has learned %d of the %d records that are replayed", r.learned, n)
		if share := r.filter.SeenShare; share < 1 {
			text = fmt.Sprintf("the filter has learned %d of the %d records that are replayed, of those it remembers, one in %.0f", r.learned, n, 1/share)
		}
		first = append(first, text+": it looks ahead, and does better here than it will. Replay logs that it has not seen, or say --train-before")
	}
	if r.doubt != "" {
		first = append(first, r.doubt[:len(r.doubt)-1])
	}
	if r.nobody > 0 {
		first = append(first, fmt.Sprintf("in %s there is nobody whom the policy may block (%s), so that it takes no decision at them", plural(int(r.nobody), "record"), kindsText(r.policy)))
	}
	if r.untimed > 0 {
		first = append(first, fmt.Sprintf("left out for want of a time: %s", plural(int(r.untimed), "record")))
	}
	first = append(first, doubtRules(r.policy)...)
	res.Warnings = append(first, res.Warnings...)
}

// inputName is the name of the file that a record stands in.
func (r *rerun) inputName(at decide.Line) string {
	if at.File < 0 || at.File >= len(r.files) {
		return "?"
	}
	return r.files[at.File]
}

// ranksOf puts inputs in the order of their names, so that nothing depends on the order in which they were given: the place of
// each, and their names in that order.
func ranksOf(inputs []source.Input) (rank []int, names []string) {
	order := make([]int, len(inputs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(inputs[a].Name, inputs[b].Name) })
	rank = make([]int, len(inputs))
	for k, i := range order {
		rank[i] = k
		names = append(names, inputs[i].Name)
	}
	return rank, names
}
