package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"weir/internal/decide"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/marks"
	"weir/internal/review"
	"weir/internal/source"
)

// Bounds of what is labelled from a filter: everything is kept in memory, records as places, contents with an example.
const (
	mostPlaces   = 8_000_000
	mostContents = 300_000
)

// A filterPool is what a filter makes of records: those of one content are one item.
type filterPool struct {
	names   []string
	list    []*judged
	x       []review.Item
	rows    map[int][]int
	bound   *marks.Binding
	covered int64 // records that spans of marks label already, or leave out
}

// judged is the records of one content.
type judged struct {
	key, near uint64
	places    []shortPlace
	score     float64
	p         float64
	at        shortPlace // of the example: the first
	event     *event.Event
	raw       []byte
	judge     *filter.Judge // of the worker that read the example
	mark      *marks.Mark
	costs     *decide.Costs // of the example's mistakes
}

type shortPlace struct {
	file int32
	line int64
	hash uint64
	time int64
}

func comparePlaces(a, b shortPlace) int {
	return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
}

// poolOfFilter judges all records, and says what the filter's probabilities rest on.
func (f *labelCommand) poolOfFilter(ctx context.Context, s *streams, inputs []source.Input, before *marks.Set, policy *decide.Policy) (pool, decide.Basis, error) {
	apply := applyFlags{filter: f.filter, geoip: f.geoip, workers: f.workers}
	fl, enrichment, err := apply.open()
	if err != nil {
		return nil, decide.Few, err
	}
	rank, names := ranksOf(inputs)
	p := &filterPool{names: names, rows: map[int][]int{}, bound: before.Bind(namesOf(inputs))}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers []*gatherer
	bar := newProgress(s.err)
	summary, err := scanWith(ctx, inputs, fl, scanFlags{workers: f.workers, progress: bar.update}, func() format.Handler {
		w := &gatherer{judge: fl.NewJudge(enrichment()), policy: policy.Fork(), rank: rank, marks: p.bound.Labeller(), at: map[uint64]*judged{}, stop: stop}
		workers = append(workers, w)
		return w
	})
	bar.done()
	if summary != nil {
		warnOfFiles(s, summary)
	}
	if cause := context.Cause(ctx); errors.Is(cause, errTooMuch) {
		return nil, decide.Few, hintf(cause, "Label fewer logs at once, or the window of a hunt: --window.")
	}
	if err != nil {
		return nil, decide.Few, err
	}
	p.merge(workers)
	if len(p.list) > mostContents {
		return nil, decide.Few, hintf(errTooMuch, "Label fewer logs at once, or the window of a hunt: --window.")
	}
	rows := map[uint64]int{}
	for i, x := range p.list {
		row, ok := rows[x.near]
		if !ok {
			row = len(rows)
			rows[x.near] = row
		}
		p.rows[row] = append(p.rows[row], i)
		p.x = append(p.x, review.Item{Score: x.score, Probability: x.p, Records: int64(len(x.places)), Row: row, Costs: x.costs})
	}
	fmt.Fprintf(s.out, "%s judged, %s.\n", plural(int(p.total()), "record"), plural(len(p.list), "question"))
	if p.covered > 0 {
		fmt.Fprintf(s.out, "%s more in spans that are marked.\n", plural(int(p.covered), "record"))
	}
	basis, doubt := trust(fl, policy)
	if doubt != "" {
		pg := newPage(s.out)
		pg.item(pg.Yellow("!"), doubt)
		if err := pg.w.Flush(); err != nil {
			return nil, decide.Few, err
		}
	}
	return p, basis, nil
}

var errTooMuch = fmt.Errorf("there is more to label than fits into memory: more than %d records, or %d different ones", mostPlaces, mostContents)

// merge puts workers' shares together, in the order of files and lines.
func (p *filterPool) merge(workers []*gatherer) {
	at := map[uint64]*judged{}
	for _, w := range workers {
		p.covered += w.covered
		for key, x := range w.at {
			o := at[key]
			if o == nil {
				at[key] = x
				p.list = append(p.list, x)
				continue
			}
			o.places = append(o.places, x.places...)
			o.mark = later(o.mark, x.mark)
			if comparePlaces(x.at, o.at) < 0 {
				o.at, o.event, o.raw, o.judge, o.costs = x.at, x.event, x.raw, x.judge, x.costs
			}
		}
	}
	slices.SortFunc(p.list, func(a, b *judged) int { return comparePlaces(a.at, b.at) })
}

func (p *filterPool) total() (n int64) {
	for i := range p.x {
		n += p.x[i].Records
	}
	return n
}

// later is the mark that stands later in the journal, whatever order they come in.
func later(a, b *marks.Mark) *marks.Mark {
	if a == nil || b != nil && b.Line() > a.Line() {
		return b
	}
	return a
}

// A gatherer is one worker's share.
type gatherer struct {
	judge   *filter.Judge
	policy  *decide.Policy
	marks   *marks.Labeller
	rank    []int // of files
	at      map[uint64]*judged
	places  int
	covered int64
	stop    context.CancelCauseFunc
}

// Event implements format.Handler.
func (w *gatherer) Event(e *event.Event, pos format.Position, raw []byte) {
	m := w.marks.Label(pos.File, e, raw)
	if m != nil && m.Span != nil {
		w.covered++
		return
	}
	g := w.judge.Judge(e)
	key, near := w.judge.Likeness()
	here := shortPlace{int32(w.rank[pos.File]), pos.Line, marks.Hash(raw), 0}
	if e.HasTime {
		here.time = e.Time
	}
	x := w.at[key]
	if x == nil {
		x = &judged{key: key, near: near, score: g.Score, p: g.Probability, judge: w.judge, at: here, event: e.Clone(), raw: bytes.Clone(raw)}
		w.at[key] = x
	} else if comparePlaces(here, x.at) < 0 {
		x.at, x.event, x.raw = here, e.Clone(), bytes.Clone(raw)
	}
	if comparePlaces(here, x.at) == 0 {
		x.costs, _ = w.policy.CostsOf(e)
	}
	x.mark = later(x.mark, m)
	x.places = append(x.places, here)
	if w.places++; w.places > mostPlaces || len(w.at) > mostContents {
		w.stop(errTooMuch)
	}
}

func (p *filterPool) items() []review.Item        { return p.x }
func (p *filterPool) row(item int) []int          { return p.rows[p.x[item].Row] }
func (p *filterPool) marked(item int) *marks.Mark { return p.list[item].mark }
func (p *filterPool) notes() []string             { return p.bound.Notes() }
func (p *filterPool) close()                      {}

func (p *filterPool) records(item int) ([]marks.Records, error) {
	var list []labelPlace
	for _, x := range p.list[item].places {
		list = append(list, labelPlace{p.names[x.file], x.line, x.hash, x.time})
	}
	return recordsOf(list), nil
}

func (p *filterPool) example(item int) (*example, error) {
	x := p.list[item]
	e := &example{file: p.names[x.at.file], line: x.at.line, raw: x.raw, probability: x.p, basis: "the filter",
		lesson: func(f *filter.Filter) filter.Lesson { return x.judge.Lesson(x.event, x.raw) }}
	for _, y := range x.places {
		if y.time != 0 && (e.first == 0 || y.time < e.first) {
			e.first = y.time
		}
		e.last = max(e.last, y.time)
	}
	_, clues := x.judge.Clues(x.event)
	for _, c := range clues {
		e.clues = append(e.clues, labelClue{c.Vote, c.Token, fmt.Sprintf("in %s of bad, %s of good", percent(c.BadShare, c.Bad), percent(c.GoodShare, c.Good)), ""})
	}
	return e, nil
}
