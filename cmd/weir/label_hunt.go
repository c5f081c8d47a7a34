package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"weir/internal/decide"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/hunt"
	"weir/internal/marks"
	"weir/internal/review"
	"weir/internal/source"
)

// A huntPool is the suspects of a hunt.
type huntPool struct {
	r      *hunt.Result
	x      *review.Suspects
	rows   map[int][]int
	before []*marks.Mark // of each item
	bound  *marks.Binding
}

// A rulebook notes, while logs are read, which rule of a policy events in the windows fall under, for a hunt keeps no events.
type rulebook struct {
	policy  *decide.Policy
	windows []hunt.Span
	workers []map[eventPlace]int
}

type eventPlace struct {
	file int
	line int64
}

// attach has a hunt fill the book.
func (b *rulebook) attach(o *hunt.Options) {
	if len(b.policy.Rules) == 0 {
		return
	}
	marked := o.Mark
	b.windows = o.Windows
	o.Mark = func() func(*event.Event, format.Position, []byte) hunt.Mark {
		policy, rules := b.policy.Fork(), map[eventPlace]int{}
		b.workers = append(b.workers, rules)
		mark := func(*event.Event, format.Position, []byte) hunt.Mark { return hunt.Unmarked }
		if marked != nil {
			mark = marked()
		}
		return func(e *event.Event, pos format.Position, raw []byte) hunt.Mark {
			if e.HasTime && slices.ContainsFunc(b.windows, func(s hunt.Span) bool { return s.From <= e.Time && e.Time <= s.To }) {
				if _, rule := policy.CostsOf(e); rule >= 0 {
					rules[eventPlace{pos.File, pos.Line}] = rule
				}
			}
			return mark(e, pos, raw)
		}
	}
}

// costs are those of the mistakes about an event.
func (b *rulebook) costs(file int, line int64) *decide.Costs {
	for _, rules := range b.workers {
		if rule, ok := rules[eventPlace{file, line}]; ok {
			return &b.policy.Rules[rule].Costs
		}
	}
	return &b.policy.Costs
}

// numbersOf are the numbers of inputs, by name.
func numbersOf(inputs []source.Input) map[string]int {
	number := map[string]int{}
	for i := range inputs {
		number[inputs[i].Name] = i
	}
	return number
}

// poolOfHunt hunts. The hunt gets the marks of spans; those of records are answers.
func (f *labelCommand) poolOfHunt(ctx context.Context, s *streams, inputs []source.Input, before *marks.Set, policy *decide.Policy) (pool, error) {
	name := f.huntFlags.marks
	if len(before.Standing()) == 0 {
		f.huntFlags.marks = "" // nothing is in it yet
	}
	o, err := f.options(ctx, s, time.Now())
	if f.huntFlags.marks = name; err != nil {
		return nil, err
	}
	f.set = before.Spans()
	f.bind(o, inputs)
	book := &rulebook{policy: policy}
	book.attach(o)
	r, err := huntIn(ctx, s, inputs, o)
	if err != nil {
		return nil, err
	}
	number := numbersOf(inputs)
	costs := func(i int) *decide.Costs {
		file, line := r.Place(i)
		return book.costs(number[file], line)
	}
	p := &huntPool{r: r, x: review.OfHunt(r, costs), rows: map[int][]int{}}
	p.before = make([]*marks.Mark, len(p.x.Items))
	for i := range p.x.Items {
		if row := p.x.Items[i].Row; row >= 0 {
			p.rows[row] = append(p.rows[row], i)
		}
	}
	fmt.Fprintf(s.out, "%s in the window, %s.\n", plural(r.Len(), "record"), plural(len(p.x.Items), "question"))
	pg := newPage(s.out)
	for _, w := range r.Warnings {
		pg.item(pg.Yellow("!"), w)
	}
	if err := pg.w.Flush(); err != nil {
		return nil, err
	}
	return p, p.resume(before, inputs)
}

// resume finds what was answered before.
func (p *huntPool) resume(before *marks.Set, inputs []source.Input) error {
	if records, _ := before.Count(); len(records) == 0 {
		return nil
	}
	p.bound = before.Bind(namesOf(inputs))
	l, number := p.bound.Labeller(), numbersOf(inputs)
	for k, members := range p.x.Members {
		for _, i := range members { // all of them, so that none is reported missing
			file, _ := p.r.Place(i)
			raw, err := p.r.Line(i)
			if err != nil {
				return err
			}
			if m := l.Record(number[file], raw); m != nil {
				p.before[k] = later(p.before[k], m)
			}
		}
	}
	return nil
}

func (p *huntPool) items() []review.Item        { return p.x.Items }
func (p *huntPool) marked(item int) *marks.Mark { return p.before[item] }
func (p *huntPool) close()                      { p.r.Close() }

// notes is silent about marked records that were not found: they may lie outside the window.
func (p *huntPool) notes() []string { return nil }

func (p *huntPool) row(item int) []int {
	if row := p.x.Items[item].Row; row >= 0 {
		return p.rows[row]
	}
	return []int{item}
}

func (p *huntPool) records(item int) ([]marks.Records, error) {
	var list []labelPlace
	for _, i := range p.x.Members[item] {
		file, line := p.r.Place(i)
		raw, err := p.r.Line(i)
		if err != nil {
			return nil, err
		}
		list = append(list, labelPlace{file, line, marks.Hash(raw), p.r.Time(i)})
	}
	return recordsOf(list), nil
}

// A labelPlace is where a record stands.
type labelPlace struct {
	file string
	line int64
	hash uint64
	time int64 // 0 for none
}

// recordsOf puts places into the form of marks, in the order of files and lines.
func recordsOf(list []labelPlace) (out []marks.Records) {
	slices.SortFunc(list, func(a, b labelPlace) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
	for _, x := range list {
		if len(out) == 0 || out[len(out)-1].File != x.file {
			out = append(out, marks.Records{File: x.file})
			if x.time != 0 {
				out[len(out)-1].Time = rfc3339(x.time)
			}
		}
		r := &out[len(out)-1]
		r.Lines, r.Hashes = append(r.Lines, x.line), append(r.Hashes, x.hash)
	}
	return out
}

func (p *huntPool) example(item int) (*example, error) {
	members := p.x.Members[item]
	x, err := p.r.Suspect(members[0])
	if err != nil {
		return nil, err
	}
	e := &example{file: x.File, line: x.Line, raw: x.Raw, client: x.Client, probability: x.Probability, basis: "the hunt", first: x.Time, last: x.Time}
	if x.Calibrated {
		e.basis = "the filter"
	}
	for _, i := range members {
		e.first, e.last = min(e.first, p.r.Time(i)), max(e.last, p.r.Time(i))
	}
	for _, v := range x.Evidence {
		e.clues = append(e.clues, labelClue{v.Vote, v.Token, shareText(&v), v.Words})
	}
	return e, nil
}
