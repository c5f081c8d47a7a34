package decide

import (
	"errors"
	"fmt"
	"slices"

	"weir/internal/calibrate"
)

// ReplayOptions govern Replay.
type ReplayOptions struct {
	From, To    int64              // nanoseconds since 1970, To not included; decisions are taken between; 0 and 0 is always
	KnownBefore int64              // labels of records before this count in the ledger instead of probabilities; not after From; 0 is none
	Reliability *calibrate.Diagram // of the filter's probabilities
	Basis       Basis              // of them
	HeldPrior   float64            // share of bad that Reliability is for, where it is another than Prior; 0 is Prior
	Prior       float64            // share of bad that probabilities are for; 0 checks nothing
	Known       float64            // share of tokens that the filter knew of records it was not trained on; 0 checks nothing
	Entities    int                // that the ledger knows at most, of one kind; 0 is NewLedger's default
	Blocks      int                // that are kept one by one at most; 0 is a hundred thousand
	Progress    func(done, all int64)
}

// Limits of a replay.
const (
	MaxOccurrences = 25_000_000 // about a gigabyte with two kinds of entities
	mostBlocks     = 100_000
)

// ErrNothing is that there is no record to replay.
var ErrNothing = errors.New("there is no record with a time to replay")

// A Line is where a record stands.
type Line struct {
	File int
	Line int64
}

// Flow counts records by what is known of them.
type Flow struct {
	Good, Bad, Unknown int64
	ExpectedBad        float64 // of the unknown
}

func (f *Flow) add(x *packed) {
	switch x.label() {
	case Good:
		f.Good++
	case Bad:
		f.Bad++
	default:
		f.Unknown++
		f.ExpectedBad += float64(x.p)
	}
}

// Records is how many there are.
func (f *Flow) Records() int64 { return f.Good + f.Bad + f.Unknown }

func (x *packed) label() Label { return Label(x.flags & labelBits) }

// A Treatment is a block or a challenge of an entity, and what it did.
type Treatment struct {
	Decision
	From, Until int64
	Trigger     Line // the record that led to it
	P           float64
	Label       Label   // of that record
	Rule        int     // that its costs come from, −1 for none
	Hit         Flow    // records that met it
	GoodCost    float64 // what the known good ones among them cost
	FirstGood   int64   // when the first known good one came, if Hit has any

	none           float64 // probability that no good record has met it yet
	met, metGood   bool
	last, lastGood int64 // records that met it
}

// An Outcome is what a policy did over the records, with its costs. Known costs rest on labels alone; Expected ones are of
// records without a label, by their probabilities.
type Outcome struct {
	Name     string
	Known    float64
	Expected float64
	Work     float64 // of reviewing and watching; part of neither

	Blocked     Flow
	Challenged  Flow
	Through     Flow
	Blocks      int64
	Challenges  int64
	Reviews     int64
	Watched     int64
	WrongBlocks int64 // blocks and challenges that known good records met
	GoodClients int64 // entities of these
}

// Total is what the policy cost in all.
func (o *Outcome) Total() float64 { return o.Known + o.Expected + o.Work }

// A ReplayResult says what policies would have done.
type ReplayResult struct {
	Records    Flow  // within the span
	Before     int64 // records that the ledger alone saw
	After      int64 // records after the span, not looked at
	First      int64 // time of the first and the last record within the span
	Last       int64
	Never      Outcome
	Default    Outcome
	ByCost     Outcome
	Blocks     []Treatment        // by cost, in order of their start
	Wrong      *Treatment         // the block by cost that met a known good record first
	Worst      *Treatment         // whose known good records cost the most
	Reviews    []Treatment        // by cost
	BadReviews int64              // reviews whose record is labelled bad
	Reasons    [OfBasis + 1]int64 // of reviews
	Rules      []int64            // records that each rule's costs were taken for
	Backward   int64
	Drifted    int64   // when drift was seen first; 0 for never
	Live       float64 // share of bad that the probabilities make likely, at the end
	Warnings   []string
}

// Replay runs three policies over records in order of time: never to block; to block at once, for the longest time, whatever
// the filter does not call good; and p. A block takes effect for the records after the one that led to it.
//
// What is blocked still knocks at the door: the ledger counts it for what its probability says, whatever a policy did with it,
// so that the three can be compared and a block does not make itself look needless. Nothing after a record plays a part in
// what is decided at it: neither records nor, unless they stand before o.KnownBefore, labels.
func Replay(all *Occurrences, p *Policy, o ReplayOptions) (*ReplayResult, error) {
	if all.n == 0 {
		return nil, ErrNothing
	}
	if all.n > MaxOccurrences {
		return nil, fmt.Errorf("there are %d records, and a replay takes at most %d at once: narrow it with --from and --to, or replay fewer files", all.n, MaxOccurrences)
	}
	if o.KnownBefore > o.From && o.KnownBefore != 0 {
		return nil, errors.New("labels that are known only after the replay starts cannot be used in it")
	}
	if o.Blocks <= 0 {
		o.Blocks = mostBlocks
	}
	r := newReplay(all, p, o)
	order := all.order()
	r.result.Backward = all.backward(order)
	for n, i := range order {
		if n&0xffff == 0 && o.Progress != nil {
			o.Progress(int64(n), int64(len(order)))
		}
		r.step(i)
	}
	return r.done()
}

// A replay is one that is under way.
type replay struct {
	all    *Occurrences
	policy *Policy
	o      ReplayOptions
	ledger *Ledger
	drift  driftWatch
	result *ReplayResult

	never, byDefault, byCost *regime
	blocks, reviews          []*Treatment
	dropped                  int64
	entities                 []Entity
}

func newReplay(all *Occurrences, p *Policy, o ReplayOptions) *replay {
	r := &replay{all: all, policy: p, o: o, ledger: NewLedger(p.Durations, o.Entities), result: &ReplayResult{Rules: make([]int64, len(p.Rules))}}
	r.drift = driftWatch{prior: o.Prior, known: o.Known}
	r.never, r.byDefault, r.byCost = newRegime(&r.result.Never, "never block"), newRegime(&r.result.Default, "block by default"), newRegime(&r.result.ByCost, "by cost")
	return r
}

// step takes one record.
func (r *replay) step(i uint32) {
	x := r.all.at(i)
	span := r.o.From != 0 || r.o.To != 0
	if span && r.o.To != 0 && x.time >= r.o.To {
		r.result.After++
		return
	}
	r.entities = r.all.entities(r.entities[:0], i)
	r.drift.note(x)
	if span && x.time < r.o.From {
		r.result.Before++
	} else {
		r.live(x)
	}
	weight := float64(x.p)
	if r.o.KnownBefore != 0 && x.time < r.o.KnownBefore {
		switch x.label() {
		case Good:
			weight = 0
		case Bad:
			weight = 1
		}
	}
	r.ledger.Add(x.time, r.entities, weight)
}

// live takes a record within the span: first what the policies do with it, then what they make of it.
func (r *replay) live(x *packed) {
	res := r.result
	if res.Records.Records() == 0 {
		res.First = x.time
	}
	res.Last = x.time
	res.Records.add(x)
	costs := &r.policy.Costs
	if x.class > 0 {
		costs = &r.policy.Rules[x.class-1].Costs
		res.Rules[x.class-1]++
	}
	r.never.meet(x, r.entities, costs)
	r.byDefault.meet(x, r.entities, costs)
	r.byCost.meet(x, r.entities, costs)
	if len(r.entities) == 0 {
		return
	}
	if x.flags&called != 0 && r.byDefault.blocking(r.entities, x.time) == nil {
		d := Decision{Alternative: Alternative{Action: Block, Entity: r.entities[0], Duration: r.policy.Horizon()}}
		r.byDefault.start(r.treatment(x, &d))
	}
	if t := r.byCost.blocking(r.entities, x.time); t == nil || t.Action == Challenge {
		r.decide(x, costs, t)
	}
}

// decide takes the decision by cost. Who is asked already is blocked, or nothing changes.
func (r *replay) decide(x *packed, costs *Costs, asked *Treatment) {
	v := Evidence{P: r.drift.correct(float64(x.p)), Basis: r.o.Basis}
	v.Low = v.P * r.worth(float64(x.p)) // few witnesses are a doubt of its own, whatever the share of bad
	switch {
	case v.Basis != Calibrated:
	case x.flags&novel != 0:
		v.Basis = Few
	case r.drift.seen:
		v.Basis = Drifted
		if r.result.Drifted == 0 {
			r.result.Drifted = x.time
		}
	}
	d := r.policy.Decide(x.time, r.entities, v, r.ledger, costs)
	if asked != nil && d.Action != Block || d.Action == Allow || d.Action < Challenge && r.byCost.held(d.Entity, x.time, d.Action) {
		return
	}
	t := r.treatment(x, &d)
	t.P = v.P
	r.byCost.start(t)
	switch {
	case d.Action == Review:
		r.reviews = r.keep(r.reviews, t)
		r.result.Reasons[d.Reason]++
		r.byCost.out.Work += costs.ReviewCost()
		if x.label() == Bad {
			r.result.BadReviews++
		}
	case d.Action == Observe:
		r.byCost.out.Work += costs.Watch
	default:
		r.blocks = r.keep(r.blocks, t)
	}
}

// worth is the share of a probability that holds at its lower bound. What was held back had another share of bad where the
// filter's was moved since.
func (r *replay) worth(p float64) float64 {
	if h, q := r.o.HeldPrior, r.o.Prior; h > 0 && h < 1 && q > 0 && q < 1 {
		p = atOdds(p, h/(1-h)/(q/(1-q)))
	}
	if p <= 0 {
		return 0
	}
	return LowerBound(r.o.Reliability, p) / p
}

func (r *replay) keep(list []*Treatment, t *Treatment) []*Treatment {
	if len(list) >= r.o.Blocks {
		r.dropped++
		return list
	}
	return append(list, t)
}

func (r *replay) treatment(x *packed, d *Decision) *Treatment {
	return &Treatment{Decision: *d, From: x.time, Until: x.time + int64(d.Duration), Trigger: Line{int(x.file), int64(x.line)}, P: float64(x.p),
		Label: x.label(), Rule: int(x.class) - 1, none: 1}
}

func (r *replay) done() (*ReplayResult, error) {
	res := r.result
	if res.Records.Records() == 0 {
		return res, ErrNothing
	}
	for _, g := range []*regime{r.never, r.byDefault, r.byCost} {
		g.finish()
	}
	for _, t := range r.blocks {
		res.Blocks = append(res.Blocks, *t)
	}
	for _, t := range r.reviews {
		res.Reviews = append(res.Reviews, *t)
	}
	for i := range res.Blocks {
		t := &res.Blocks[i]
		if t.Hit.Good > 0 && (res.Wrong == nil || t.FirstGood < res.Wrong.FirstGood) {
			res.Wrong = t
		}
		if t.GoodCost > 0 && (res.Worst == nil || t.GoodCost > res.Worst.GoodCost) {
			res.Worst = t
		}
	}
	res.Live = r.drift.live
	r.warn()
	return res, nil
}

// warn says what the result rests on.
func (r *replay) warn() {
	res := r.result
	add := func(format string, args ...any) { res.Warnings = append(res.Warnings, fmt.Sprintf(format, args...)) }
	if res.Backward > 0 {
		add("the clock goes backwards in the logs: %d records have a time before that of a record above them in the file; they are taken in order of their times", res.Backward)
	}
	for i, n := range res.Rules {
		if n == 0 {
			add("rule %q (line %d of the policy) decided for none of the %d records: does its condition fit, or does a rule above take all that it fits?",
				cut(r.policy.Rules[i].Name), r.policy.Rules[i].Line, res.Records.Records())
		}
	}
	if n := r.ledger.Forgotten(); n > 0 {
		add("there are more addresses or other entities than fit into memory: the least active were forgotten, %d times, and are taken for new ones when they come back", n)
	}
	if r.dropped > 0 {
		add("%d blocks and reviews are counted and not listed: at most %d of each are", r.dropped, r.o.Blocks)
	}
	if res.Records.Good+res.Records.Bad == 0 {
		add("no record has a label, so all costs are expectations of the filter, which cannot show where it errs: give labels with --truth")
	} else if res.Records.Bad == 0 {
		add("no record is labelled bad: what a policy averts is not seen here, what it costs is")
	}
	if r.drift.unlike {
		add("the records are of another kind than those the filter was trained on: decisions that would block went to review. Train it on records from here")
	}
	if o := r.drift.odds; o != 0 && o < .5 {
		add("the filter's probabilities are for a share of bad of %.2g %%, and of these records about %.2g %% seem to be: decisions lowered them as this showed. Say --prior %.2g where that is so from the start", 100*r.o.Prior, 100*res.Live, res.Live)
	}
	slices.Sort(res.Warnings)
}
