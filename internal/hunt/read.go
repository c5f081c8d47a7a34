package hunt

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/profile"
	"weir/internal/source"
	"weir/internal/token"
)

// A hunter is what Run knows once the logs are read.
type hunter struct {
	opt      *Options
	q        *question
	summary  *format.Summary
	fileRank []int // by file index: its place in the order of names
	codify   *token.Codifier
	counts   *count.Counts
	keep     *interner
	window   *list // suspicious events
	ladders  []*ladder
	others   *others
	raw      []*spool // by worker; a row's raw position holds the worker in its top bits
	covered  Span
	times    timeline
	ignored  int64
	reasons  map[*count.Group]string // why fields are left out
	unused   int64
	usual    *behaviour   // nil where nobody asks
	past     *profile.Sum // of usual
	shelf    *shelf       // holds the counts of an Assembly; nil where counts has them
}

const spoolShift = 48 // raw = worker<<spoolShift | position in the worker's spool

// read reads all inputs, each worker with a collector of its own, and merges what they collected.
func (h *hunter) read(ctx context.Context, inputs []source.Input) error {
	var all []*collector
	read := h.opt.Scan
	if read == nil {
		read = func(ctx context.Context, o format.ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error) {
			return format.Scan(ctx, inputs, o, newHandler)
		}
	}
	summary, err := read(ctx, h.scanOptions(), func(worker int, keys *event.Keys) format.Handler {
		c := h.collector(worker, keys)
		all = append(all, c)
		return c
	})
	h.summary = summary
	if err != nil {
		return err
	}
	names := make([]string, len(inputs))
	for i := range inputs {
		names[i] = inputs[i].Name
	}
	h.rankFiles(names)
	return h.merge(all)
}

// rankFiles finds the place of each input in the order of names.
func (h *hunter) rankFiles(names []string) {
	h.fileRank = make([]int, len(names))
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	for rank, i := range order {
		h.fileRank[i] = rank
	}
}

// collector makes a worker's. keys are those of the events that it will get.
func (h *hunter) collector(worker int, keys *event.Keys) *collector {
	q := *h.q
	q.drop, q.enrich = slices.Clone(q.drop), h.opt.Enrich()
	for i, w := range h.opt.Narrow.DropWhere {
		q.drop[i].flag = w.New()
	}
	c := newCollector(&q, &spool{open: h.opt.Spool, worker: worker})
	if h.opt.Judge != nil {
		c.judge, c.judged = h.opt.Judge(), keys.Get(FilterField)
	}
	if h.opt.Mark != nil {
		c.mark = h.opt.Mark()
	}
	if h.opt.Only != nil {
		c.only = h.opt.Only()
	}
	return c
}

func (h *hunter) merge(all []*collector) error {
	h.codify = token.NewCodifier(h.q.seed, h.opt.Enrich())
	h.keep = newInterner()
	h.ladders, h.others = newLadders(h.q), newOthers(h.q)
	h.covered = Span{1<<63 - 1, -1 << 63}
	var suspects rows
	for _, c := range all {
		if c.err != nil {
			return c.err
		}
	}
	// The worker with the most features goes first: its interner is taken as it is.
	slices.SortStableFunc(all, func(a, b *collector) int { return cmp.Compare(len(b.keep.list), len(a.keep.list)) })
	counts := make([]*count.Counts, len(all))
	h.raw = make([]*spool, len(all))
	for w, c := range all {
		c.counter.Flush()
		counts[w] = c.counter.Counts
		c.counter = nil
		ids := h.keep.absorb(c.keep, h.codify)
		suspects.absorb(&c.suspects, ids)
		for i, l := range h.ladders[:min(len(h.ladders), len(c.ladders))] {
			l.absorb(c.ladders[i], ids)
		}
		if len(h.ladders) > 1 && h.ladders[0].full() {
			h.ladders = h.ladders[:1:1]
		}
		h.others.absorb(c.others, ids, h.keep)
		h.learn(c.usual)
		h.raw[c.raw.worker] = c.raw
		h.covered.From, h.covered.To = min(h.covered.From, c.first), max(h.covered.To, c.last)
		h.times.absorb(&c.times)
		h.ignored += c.ignored
		h.unused += c.unused
		all[w] = nil
	}
	h.counts = count.Merge(counts)
	if h.usual != nil {
		h.past = h.usual.profile.Sum()
	}
	h.window = suspects.sorted(h.fileRank)
	return h.check()
}

// check ends a hunt that cannot give an answer with an error that says why.
func (h *hunter) check() error {
	z := h.opt.Zone
	switch {
	case h.covered.To < h.covered.From:
		return fmt.Errorf("%w: %s", ErrNoTimes, "a hunt compares a stretch of time with the rest")
	case len(h.window.rows) == 0 && !slices.ContainsFunc(h.q.windows, func(s Span) bool { return s.Overlaps(h.covered, 0) }):
		return fmt.Errorf("%w: the window lies outside the logs, which run from %s to %s (%s)", ErrNothingSuspicious,
			formatTime(h.covered.From, z), formatTime(h.covered.To, z), z)
	case len(h.window.rows) == 0 && len(h.q.hosts) > 0:
		return fmt.Errorf("%w: no event in the window names %s as an address or host", ErrNothingSuspicious,
			strings.Join(h.opt.Hosts, " or "))
	case len(h.window.rows) == 0 && h.opt.MarksDecide:
		return fmt.Errorf("%w: the logs (%s to %s, %s) hold no event that is marked bad", ErrNothingSuspicious,
			formatTime(h.covered.From, z), formatTime(h.covered.To, z), z)
	case len(h.window.rows) == 0:
		return fmt.Errorf("%w: the logs (%s to %s, %s) hold no event in the window", ErrNothingSuspicious,
			formatTime(h.covered.From, z), formatTime(h.covered.To, z), z)
	case h.counts.Total(count.Good) == 0:
		return fmt.Errorf("%w: the window covers every event of the logs (%s to %s, %s), so there is nothing to compare with",
			ErrNothingGood, formatTime(h.covered.From, z), formatTime(h.covered.To, z), z)
	}
	return nil
}

func (h *hunter) rawOf(x *row) ([]byte, error) {
	return h.raw[x.raw>>spoolShift].read(x.raw&(1<<spoolShift-1), x.rawLen)
}
