package filter

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/linear"
	"weir/internal/source"
	"weir/internal/token"
)

// LearnOptions govern [Filter.Learn]. Label is required.
type LearnOptions struct {
	Label    func() Labeller          // what records are; one for each goroutine
	Forget   bool                     // take back records that were learned with that label
	Enrich   func() *token.Enrichment // nil is what the binary holds
	Workers  int
	Progress func(read, total, events int64)
}

// Learned counts what became of the records given to [Filter.Learn].
type Learned struct {
	Added     int64 // learned
	Corrected int64 // of these, learned with the other label before, which was taken back
	Forgotten int64
	Known     int64 // learned with this label before: nothing was changed
	Unknown   int64 // to be taken back, but never learned with this label
	Warnings  []string
}

// A journal holds the records that were learned since training, for the linear learner: its weights are those of training,
// moved by these records (linear.Update), so that a record that is taken back leaves no trace.
type journal struct {
	entries []journalEntry // in the order of keys
}

type journalEntry struct {
	key   uint64 // of the record
	bad   bool
	grown float64 // what the forest says of it, in nats
	items []item
}

// maxJournal bounds the journal. Beyond it counts go on learning and the linear learner does not.
const maxJournal = 5000

func (j *journal) find(key uint64, bad bool) (int, bool) {
	return slices.BinarySearchFunc(j.entries, journalEntry{key: key, bad: bad}, compareEntries)
}

func compareEntries(a, b journalEntry) int {
	if c := cmp.Compare(a.key, b.key); c != 0 {
		return c
	}
	return index(a.bad) - index(b.bad)
}

// Learn returns a filter that has also learned the records of inputs, or that has never seen them where o.Forget is set. f
// stays as it is. A record that was learned before with the same label is not learned twice; with the other one, that is
// taken back first. Counts are exact: what is learned and taken back leaves the same filter, byte for byte, unless a record of
// the training is taken back: its counts are, but the linear learner remembers it until it is trained again.
func (f *Filter) Learn(ctx context.Context, inputs []source.Input, o LearnOptions) (*Filter, *Learned, *format.Summary, error) {
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		zone = time.UTC
	}
	if o.Enrich == nil {
		o.Enrich = func() *token.Enrichment { return token.NewEnrichment(zone, nil) }
	}
	var readers []*reader
	choice := f.Reading
	scan := format.ScanOptions{Workers: o.Workers, Progress: o.Progress, FileTimes: true, Options: format.Options{Zone: zone, Choice: &choice}}
	summary, err := format.Scan(ctx, inputs, scan, func(int, *event.Keys) format.Handler {
		r := &reader{label: o.Label(), judge: f.NewJudge(o.Enrich())}
		readers = append(readers, r)
		return r
	})
	if err != nil {
		return nil, nil, summary, err
	}
	var all []journalEntry
	for _, r := range readers {
		all = append(all, r.records...)
	}
	out, report, err := f.edited(ctx, all, o.Forget)
	return out, report, summary, err
}

// edited returns the filter with records learned or taken back.
func (f *Filter) edited(ctx context.Context, all []journalEntry, forget bool) (*Filter, *Learned, error) {
	slices.SortStableFunc(all, compareEntries)
	e := newEdit(f)
	for _, r := range all {
		if forget {
			e.forget(r)
		} else {
			e.learn(r)
		}
	}
	out, err := e.done(ctx)
	return out, &e.report, err
}

// A Lesson is all that a filter needs of a record to learn it, for those who read records themselves.
type Lesson struct{ entry journalEntry }

// Lesson returns the lesson of an event whose bytes are raw. It keeps neither.
func (j *Judge) Lesson(e *event.Event, raw []byte) Lesson {
	j.x.take(e)
	items := slices.Clone(j.x.all())
	slices.Sort(items)
	x := journalEntry{key: recordKey(raw), items: items}
	if j.cells != nil {
		x.grown = j.f.grown(j.cells.read(j.x.features))
	}
	return Lesson{x}
}

// Teach is [Filter.Learn] for one record that is at hand: it is learned as good or bad, or, with forget, taken back.
func (f *Filter) Teach(ctx context.Context, l Lesson, bad, forget bool) (*Filter, *Learned, error) {
	l.entry.bad = bad
	return f.edited(ctx, []journalEntry{l.entry}, forget)
}

// A reader keeps the records that are to be learned.
type reader struct {
	label   Labeller
	judge   *Judge
	records []journalEntry
}

// Event implements format.Handler.
func (r *reader) Event(e *event.Event, pos format.Position, raw []byte) {
	l := r.label(e, pos, raw)
	if l == Unlabelled {
		return
	}
	lesson := r.judge.Lesson(e, raw)
	lesson.entry.bad = l == Bad
	r.records = append(r.records, lesson.entry)
}

// An edit is a filter being changed.
type edit struct {
	f       Filter
	counts  map[uint32]*delta // by key of the table
	journal []journalEntry
	report  Learned
	old     int64 // records of the training that were taken back
	full    int64 // records the journal had no room for
}

type delta struct {
	group     uint16
	good, bad int64
}

func newEdit(f *Filter) *edit {
	e := &edit{f: *f, counts: map[uint32]*delta{}, journal: slices.Clone(f.journal.entries)}
	e.f.seen = f.seen.clone()
	e.f.Warnings = slices.Clone(f.Warnings)
	return e
}

// has reports how often the record was learned as good or bad, and whether the filter can tell.
func (e *edit) has(key uint64, bad bool) (n uint32, tells bool) {
	t := e.f.seen.get(key)
	n, tells = t.good, e.f.seen.tells(key)
	if bad {
		n = t.bad
	}
	if _, found := (&journal{e.journal}).find(key, bad); found {
		n = max(n, 1) // the journal knows also records that were too many to be seen
	}
	return n, tells
}

func (e *edit) learn(r journalEntry) {
	other := r
	other.bad = !r.bad
	for n, _ := e.has(r.key, other.bad); n > 0; n-- { // also where it was learned with both labels
		if !e.take(other) {
			break
		}
		e.report.Corrected++
	}
	if n, _ := e.has(r.key, r.bad); n > 0 {
		e.report.Known++
		return
	}
	e.count(r, 1)
	e.f.seen.add(r.key, r.bad, 1)
	e.report.Added++
	j := &journal{e.journal}
	at, found := j.find(r.key, r.bad)
	switch {
	case found:
	case len(e.journal) >= maxJournal:
		e.full++
	default:
		e.journal = slices.Insert(e.journal, at, r)
	}
}

func (e *edit) forget(r journalEntry) {
	if n, tells := e.has(r.key, r.bad); n == 0 && tells || !e.take(r) {
		e.report.Unknown++
		return
	}
	e.report.Forgotten++
}

// take takes a record back, or reports that its tokens were not learned as often.
func (e *edit) take(r journalEntry) bool {
	for _, x := range r.items {
		good, bad := e.get(keyOf(x))
		if r.bad && bad < 1 || !r.bad && good < 1 {
			return false
		}
	}
	e.count(r, -1)
	e.f.seen.take(r.key, r.bad)
	j := &journal{e.journal}
	if at, found := j.find(r.key, r.bad); found {
		e.journal = slices.Delete(e.journal, at, at+1)
	} else {
		e.old++
	}
	return true
}

func (e *edit) get(key32 uint32) (good, bad int64) {
	if i := e.f.table.find(key32); i >= 0 {
		good, bad = int64(e.f.table.good[i]), int64(e.f.table.bad[i])
	}
	if d := e.counts[key32>>(32-e.f.table.bits)]; d != nil {
		good, bad = good+d.good, bad+d.bad
	}
	return good, bad
}

func (e *edit) count(r journalEntry, n int64) {
	for _, x := range r.items {
		key := keyOf(x) >> (32 - e.f.table.bits)
		d := e.counts[key]
		if d == nil {
			d = &delta{group: groupOf(x)}
			e.counts[key] = d
		}
		if r.bad {
			d.bad += n
		} else {
			d.good += n
		}
	}
	total, since := &e.f.Good, &e.f.LearnedGood
	if r.bad {
		total, since = &e.f.Bad, &e.f.LearnedBad
	}
	*total += n
	*since += n
}

// done puts the changes into a new filter.
func (e *edit) done(ctx context.Context) (*Filter, error) {
	f := &e.f
	if f.Good <= 0 || f.Bad <= 0 {
		return nil, fmt.Errorf("nothing would be left of a class: %w", map[bool]error{true: ErrNoGood, false: ErrNoBad}[f.Good <= 0])
	}
	old := f.table
	f.table = e.merged(f)
	f.Tokens, f.Bits = len(f.table.keys), f.table.bits
	f.journal = &journal{e.journal}
	if f.Learner.weighted() {
		if err := f.update(ctx, old); err != nil {
			return nil, err
		}
	} else {
		f.setNaive()
	}
	e.warn()
	return f, nil
}

func (e *edit) warn() {
	add := func(format string, args ...any) {
		e.report.Warnings = append(e.report.Warnings, fmt.Sprintf(format, args...))
	}
	if e.f.Learner.weighted() && e.old > 0 {
		add("%d of the records taken back were part of the training: counts have forgotten them, the learner will when the filter is trained again", e.old)
	}
	if e.full > 0 {
		add("the filter keeps %d records learned since training and has no room for %d more: counts have learned them, the learner will when the filter is trained again", maxJournal, e.full)
	}
	if since := max(e.f.LearnedGood, 0) + max(e.f.LearnedBad, 0); 10*since > e.f.Good+e.f.Bad {
		add("a tenth of what the filter knows was learned since training: probabilities are still those of training; train again soon")
	}
}

// merged is the table with the changes: tokens that no record is left of go, unless training gave them a weight.
func (e *edit) merged(f *Filter) *table {
	old := f.table
	fresh := make([]uint32, 0, len(e.counts))
	for k := range e.counts {
		fresh = append(fresh, k)
	}
	slices.Sort(fresh)
	t := &table{bits: old.bits}
	add := func(key uint32, group uint16, good, bad int64, keep bool) {
		if good|bad != 0 || keep {
			t.keys, t.group = append(t.keys, key), append(t.group, group)
			t.good, t.bad = append(t.good, clamp(good)), append(t.bad, clamp(bad))
		}
	}
	i, k := 0, 0
	for i < len(old.keys) || k < len(fresh) {
		switch {
		case k == len(fresh) || i < len(old.keys) && old.keys[i] < fresh[k]:
			add(old.keys[i], old.group[i], int64(old.good[i]), int64(old.bad[i]), true)
			i++
		case i == len(old.keys) || fresh[k] < old.keys[i]:
			d := e.counts[fresh[k]]
			add(fresh[k], d.group, d.good, d.bad, false)
			k++
		default:
			d := e.counts[fresh[k]]
			add(old.keys[i], old.group[i], int64(old.good[i])+d.good, int64(old.bad[i])+d.bad, f.base != nil && f.base.W[i] != 0)
			i, k = i+1, k+1
		}
	}
	t.index()
	return t
}

func clamp(n int64) uint32 { return uint32(max(0, min(n, math.MaxUint32))) }

// update moves the linear weights, which are numbered as in old, by the journal.
func (f *Filter) update(ctx context.Context, old *table) error {
	base := &linear.Weights{W: make([]float64, len(f.table.keys)), Bias: f.base.Bias}
	k := 0
	for i, key := range f.table.keys {
		for k < len(old.keys) && old.keys[k] < key {
			k++
		}
		if k < len(old.keys) && old.keys[k] == key {
			base.W[i] = f.base.W[k]
		}
	}
	f.base, f.weights, f.Bias = base, base.W, base.Bias
	if f.Learner == Blend {
		f.setNaive()
	}
	if len(f.journal.entries) == 0 {
		return nil
	}
	rows := &linear.Rows{Start: []int32{0}, Width: len(f.table.keys)}
	for _, r := range f.journal.entries {
		values := appendValues(nil, r.items)
		places := make([]uint32, len(r.items))
		for k, x := range r.items {
			// A token may be gone: records that never had it can be taken back where the filter cannot tell (seen), and a
			// journal may be made up.
			places[k] = unknown
			if n := f.table.find(keyOf(x)); n >= 0 {
				places[k] = uint32(n)
				rows.Features, rows.Values = append(rows.Features, uint32(n)), append(rows.Values, values[k])
			}
		}
		rows.Start = append(rows.Start, int32(len(rows.Features)))
		rows.Bad = append(rows.Bad, r.bad)
		rows.Offset = append(rows.Offset, r.grown+float64(f.counted(places, r.items)*math.Ln2))
	}
	// What many records have taught is not for a few to turn: with all weights as easy to move, one missed record named bad
	// made a tenth of ten thousand good ones bad, and thirty made all. Of thirty, √n finds 29 again and takes six good ones
	// for bad, n finds 21 and takes none; n^¾ finds 26 and takes none.
	stiff := make([]float64, len(f.table.keys))
	for i := range stiff {
		n := float64(f.table.good[i]) + float64(f.table.bad[i])
		stiff[i] = 1 + math.Sqrt(n*math.Sqrt(n))
	}
	w, err := linear.Update(ctx, base, rows, stiff, linear.Options{})
	if err != nil {
		return err
	}
	f.setWeights(w)
	return nil
}
