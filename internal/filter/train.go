package filter

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/linear"
	"weir/internal/source"
	"weir/internal/token"
)

// A Label says what a record is.
type Label uint8

// The labels.
const (
	Unlabelled Label = iota // left out
	Good
	Bad
)

// A Labeller says what a record is. What it is given is valid only during the call.
type Labeller func(e *event.Event, pos format.Position, raw []byte) Label

// ByPlace returns labellers for records whose labels follow from where they stand. label is called by several goroutines.
func ByPlace(label func(file int, line int64) Label) func() Labeller {
	return func() Labeller {
		return func(_ *event.Event, pos format.Position, _ []byte) Label { return label(pos.File, pos.Line) }
	}
}

// TrainOptions govern [Train]. Choice and Label are required.
type TrainOptions struct {
	Choice   *format.Choice                        // how files are read
	Label    func() Labeller                       // what records are; one for each goroutine
	Before   int64                                 // leaves out records that are not before this, and those without a time; 0 leaves out none
	Zone     *time.Location                        // nil is UTC
	Enrich   func() *token.Enrichment              // one for each goroutine; nil is what the binary holds
	Workers  int                                   // 0 is one per processor
	Learner  Learner                               // empty keeps the one that does best on held-back data
	Prior    float64                               // share of bad where the filter will be used; 0 is that of the training data
	Limits   Limits                                // of memory
	Progress func(read, total int64, events int64) // called a few times a second while reading
	Stage    func(what string)                     // told what is done after reading
	// Scan, if not nil, reads the records instead of format.Scan: out of an archive of the inputs, of which only the names
	// are used then. Choice says how they were read when they came into the archive.
	Scan func(ctx context.Context, o format.ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error)
}

// Limits bound memory. The zero value is what weir uses.
type Limits struct {
	Tokens int // of the vocabulary: count.MaxVocabulary
	Items  int // of the sample: linear.MaxItems
	Seen   int // records remembered, at most maxSeen, which it is
	Kept   int // bytes of features that a task keeps before it writes them down: maxKept
}

// hashSeed keys the hashes of tokens. It is fixed, because a filter has to come out the same wherever it is trained and to go on
// meaning the same when it is merged or learns. Tables are safe from keys made to meet (count.Vocabulary), and who can
// make two tokens meet could as well write the other token.
const hashSeed = 0x77656972

func (o *TrainOptions) defaults() {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Enrich == nil {
		zone := o.Zone
		o.Enrich = func() *token.Enrichment { return token.NewEnrichment(zone, nil) }
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Stage == nil {
		o.Stage = func(string) {}
	}
}

// Train learns a filter from the records of inputs. The summary says what was read; it is there also where the error is not
// nil, if reading got that far.
func Train(ctx context.Context, inputs []source.Input, o TrainOptions) (*Filter, *format.Summary, error) {
	o.defaults()
	all, summary, err := gather(ctx, inputs, &o)
	if err != nil {
		return nil, summary, err
	}
	f, err := all.train(ctx, &o)
	return f, summary, err
}

// train makes a filter of what all workers have gathered.
func (c *collector) train(ctx context.Context, o *TrainOptions) (*Filter, error) {
	switch {
	case c.records[0] == 0 && c.records[1] == 0:
		return nil, fmt.Errorf("%w and no bad one either", ErrNoGood)
	case c.records[0] == 0:
		return nil, ErrNoGood
	case c.records[1] == 0:
		return nil, ErrNoBad
	}
	return c.fit(ctx, o)
}

// A collector is one worker's share of reading.
type collector struct {
	label   Labeller
	x       *extractor
	sample  *linear.Sample
	words   *count.Vocabulary
	seen    *seen
	before  int64
	records [2]int64 // good and bad
	untimed int64
	columns *columns
}

func newCollector(o *TrainOptions) *collector {
	c := &collector{before: o.Before, x: newExtractor(hashSeed, o.Enrich()), words: count.NewVocabulary(o.Limits.Tokens), seen: newSeen(o.Limits.Seen)}
	c.columns = newColumns()
	c.x.columns = c.columns
	c.x.release = func(items []item, n [2]uint32) {
		for _, x := range items {
			c.words.Add(keyOf(x), groupOf(x), n[0], n[1])
		}
	}
	c.sample = linear.NewSample(o.Limits.Items, c.tally)
	return c
}

// tally counts the tokens of records.
func (c *collector) tally(items []item, bad bool, n uint32) {
	good, evil := n, uint32(0)
	if bad {
		good, evil = 0, n
	}
	for _, x := range items {
		c.words.Add(keyOf(x), groupOf(x), good, evil)
	}
}

// Event implements format.Handler.
func (c *collector) Event(e *event.Event, pos format.Position, raw []byte) {
	x, ok := c.take(e, pos, raw)
	if !ok {
		return
	}
	if !c.sample.Keeps(x.Key, x.Bad) {
		c.x.count(x.Bad)
		return
	}
	c.sample.Add(x, c.x.all)
}

// take counts a record and makes an example of it, which has no items yet. ok is false if it is not for training.
func (c *collector) take(e *event.Event, pos format.Position, raw []byte) (x linear.Example, ok bool) {
	l := c.label(e, pos, raw)
	if l == Unlabelled || c.before != 0 && (!e.HasTime || e.Time >= c.before) {
		return x, false
	}
	bad := l == Bad
	c.records[index(bad)]++
	if !e.HasTime {
		c.untimed++
	}
	c.seen.add(recordKey(raw), bad, 1)
	c.x.take(e)
	return linear.Example{Key: c.x.content, Bad: bad, Count: 1, Time: e.Time, HasTime: e.HasTime, Client: c.x.client, Near: c.x.near}, true
}

func index(bad bool) int {
	if bad {
		return 1
	}
	return 0
}

// recordKey is what a record is remembered by: the same bytes are the same record, wherever they stand.
func recordKey(raw []byte) uint64 { return xxh3.HashSeed(raw, hashSeed) }

func gather(ctx context.Context, inputs []source.Input, o *TrainOptions) (*collector, *format.Summary, error) {
	var workers []*collector
	scan := format.ScanOptions{Workers: o.Workers, Progress: o.Progress, FileTimes: true, Options: format.Options{Zone: o.Zone, Choice: o.Choice}}
	read := o.Scan
	if read == nil {
		read = func(ctx context.Context, so format.ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error) {
			return format.Scan(ctx, inputs, so, newHandler)
		}
	}
	summary, err := read(ctx, scan, func(int, *event.Keys) format.Handler {
		c := newCollector(o)
		c.label = o.Label()
		workers = append(workers, c)
		return c
	})
	if err != nil {
		return nil, summary, err
	}
	o.Stage("counting")
	if len(workers) == 0 {
		return newCollector(o), summary, nil
	}
	all, others := workers[0], workers[1:]
	for _, c := range workers {
		c.x.flush()
	}
	var done sync.WaitGroup
	done.Go(func() {
		for _, c := range others {
			all.seen.merge(c.seen)
		}
	})
	for _, c := range others {
		all.sample.Merge(c.sample)
		all.words.Merge(c.words)
		all.columns.merge(c.columns)
		for i := range all.records {
			all.records[i] += c.records[i]
		}
		all.untimed += c.untimed
	}
	done.Wait()
	return all, summary, nil
}

// fit chooses a learner, fits it and calibrates it.
func (c *collector) fit(ctx context.Context, o *TrainOptions) (*Filter, error) {
	shares := [2]float64{c.sample.Share(false), c.sample.Share(true)}
	examples := c.sample.Sorted()
	for i := range examples {
		c.tally(examples[i].Items, examples[i].Bad, examples[i].Count)
	}
	c.seen.limit = math.MaxInt // see decodeSeen
	f := &Filter{table: newTable(c.words), seen: c.seen, journal: &journal{}}
	f.Manifest = Manifest{Format: FormatVersion, Scheme: token.Version, Reading: *o.Choice, Zone: o.Zone.String(),
		Good: c.records[0], Bad: c.records[1], Contents: len(examples), ShareGood: shares[0], ShareBad: shares[1], Bits: f.table.bits,
		Tokens: len(f.table.keys), SeenShare: c.seen.share(), Warnings: []string{}}
	t := newTrial(f.table, examples, shares, o.Workers)
	t.cells, t.growers = c.columns.rows(examples)
	t.workers, t.asked = o.Workers, o.Learner
	t.clocked = o.Choice.Record != format.RecordFile // the date of a mail is what its sender claims
	if t.same() {
		return nil, ErrSame
	}
	o.Stage("holding back")
	if err := t.choose(ctx, f, o); err != nil {
		return nil, err
	}
	o.Stage("fitting")
	if err := t.final(ctx, f); err != nil {
		return nil, err
	}
	f.warn()
	return f, nil
}

// warn adds what the user should know.
func (f *Filter) warn() {
	add := func(format string, args ...any) { f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...)) }
	less, name, ratio := f.Good, "good", float64(f.Bad)/float64(f.Good)
	if f.Bad < f.Good {
		less, name, ratio = f.Bad, "bad", float64(f.Good)/float64(f.Bad)
	}
	if less < 50 {
		add("few %s records (%d): probabilities are rough; a few hundred of each would do", name, less)
	}
	if ratio > 20 {
		add("%.0f times as many records of one class as of the other: probabilities are for that share of bad (%.2g %%); say --prior where it differs in use", ratio, 100*float64(f.Bad)/float64(f.Bad+f.Good))
	}
	for class, share := range map[string]float64{"good": f.ShareGood, "bad": f.ShareBad} {
		if share < 1 {
			add("the distinct contents of %s records outgrew memory: learners saw one in %.0f of them, counts hold all", class, 1/share)
		}
	}
	if d := f.Held.Drift; d != nil && *d < -.05 {
		add("the newest part of the training data is told apart worse than older parts (average precision %+.2f): what is good or bad is changing, train often", *d)
	}
	if f.Calibration != nil {
		f.Warnings = append(f.Warnings, f.Calibration.Warnings...)
	}
	slices.Sort(f.Warnings)
	f.Warnings = slices.Compact(f.Warnings)
}
