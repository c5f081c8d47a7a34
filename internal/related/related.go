// Package related finds the events that have rare things in common with given ones: "what else belongs to this?"
//
// The given events, the seeds, are the record at a line, all records that name an address, or all that carry a token
// ([Query]). [Find] reads the logs twice:
//
//  1. Count the tokens of the seeds and of all other events (seeds.go). What remains is a table of the tokens that seeds
//     share with others and that few others carry, each with its weight of evidence (table.go).
//  2. Score every other event by the tokens of the table that it carries, and keep the best (score.go, best.go).
//
// A token says what it says once: of the tokens of a field the heaviest counts, fields that follow from one another count
// as one, and a pair of values counts with what it weighs beyond its two sides.
//
// The result does not depend on the number of workers or on the order of the files.
package related

import (
	"context"
	"errors"
	"slices"
	"strings"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// DefaultLimit is how many hits are kept where Options do not say.
const DefaultLimit = 100

// Options say what to find. Query and Enrich are required.
type Options struct {
	Query  Query
	Scan   format.ScanOptions
	Enrich func() *token.Enrichment // one for each goroutine
	Seed   uint64                   // keys the hashes of tokens; results do not depend on it
	Limit  int                      // how many hits to keep; 0 is DefaultLimit
	Fold   bool                     // hits that share the same heaviest tokens become one

	// Shown, if not nil, is how token texts were written for people. A query for a token matches either form.
	Shown func(text string) string
}

// Validate reports every fault of the options at once.
func (o *Options) Validate() error {
	var errs []error
	if o.Enrich == nil {
		errs = append(errs, errors.New("no enrichment"))
	}
	if o.Limit < 0 {
		errs = append(errs, errors.New("the limit is negative"))
	}
	return errors.Join(append(errs, o.Query.validate())...)
}

// A Result is what Find found.
type Result struct {
	Summary *format.Summary
	Seeds   Seeds
	Others  uint64   // events that are no seeds
	Tokens  []Token  // rare ones that seeds share with others, heaviest first
	Alone   []Token  // values that no other event has, the most frequent first, at most MaxAlone
	Unique  int      // how many such values there are
	LeftOut []string // fields of seeds in which nearly every record has a value of its own, sorted
	Related int64    // events that share at least one rare token with the seeds
	Rows    int      // how many hits they would make with Fold
	Hits    []Hit    // best first
}

// MaxAlone is how many of the values that nobody else has are named.
const MaxAlone = 3

// Seeds are the events that were asked about.
type Seeds struct {
	Count       uint64
	Timed       bool // whether any has a time
	First, Last int64
	File        string // of the first one, by file name and line
	Line        int64
	Raw         []byte
}

// A Token is something that seeds carry.
type Token struct {
	Name          string // as token.Name writes it
	Field         string
	Part, Pair    bool    // it is a part of a value; it is two values together
	Weight        float64 // of evidence that an event belongs to the seeds, in bits
	Seeds, Others uint32  // events that carry it
	number        bool    // it is a number that counts or measures something
}

// A Hit is an event that shares rare tokens with the seeds, or several that share the same ones.
type Hit struct {
	File    string // of the best event
	Line    int64
	Time    int64
	HasTime bool
	Score   float64 // sum of the votes
	Shared  []Shared
	Raw     []byte

	Count       int64 // events; 1 unless Options.Fold
	Timed       bool  // whether any of them has a time
	First, Last int64
}

// A Shared is a token that a hit has in common with the seeds.
type Shared struct {
	Token
	Vote float64 // what it added to the score: its weight, for a pair what that is beyond its two sides
}

// Find finds the events of inputs that are related to the seeds. Inputs are read twice.
func Find(ctx context.Context, inputs []source.Input, o Options) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	f := &finder{o: &o, rank: fileRanks(inputs)}
	if err := f.readSeeds(ctx, inputs); err != nil {
		return nil, err
	}
	return f.readOthers(ctx, inputs)
}

// A finder is what Find knows.
type finder struct {
	o       *Options
	rank    []int // by file index: its place in the order of names
	summary *format.Summary
	seeds   *seeds
	table   *table
}

// fileRanks returns the place of each input in the order of names, which is that of no command line.
func fileRanks(inputs []source.Input) []int {
	order, rank := make([]int, len(inputs)), make([]int, len(inputs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(inputs[a].Name, inputs[b].Name) })
	for r, i := range order {
		rank[i] = r
	}
	return rank
}

func (f *finder) readSeeds(ctx context.Context, inputs []source.Input) error {
	var all []*collector
	summary, err := format.Scan(ctx, inputs, f.o.Scan, func(int, *event.Keys) format.Handler {
		c := newCollector(f)
		all = append(all, c)
		return c
	})
	if err != nil {
		return err
	}
	f.summary, f.seeds = summary, mergeSeeds(all)
	if f.seeds.count == 0 {
		return f.nothing()
	}
	f.table = newTable(f.seeds, token.NewCodifier(f.o.Seed, f.o.Enrich()))
	return nil
}

func (f *finder) readOthers(ctx context.Context, inputs []source.Input) (*Result, error) {
	var all []*scorer
	_, err := format.Scan(ctx, inputs, f.o.Scan, func(int, *event.Keys) format.Handler {
		s := newScorer(f)
		all = append(all, s)
		return s
	})
	if err != nil {
		return nil, err
	}
	s, t := f.seeds, f.table
	r := &Result{Summary: f.summary, Others: s.others(), Tokens: t.tokens, Alone: t.alone, Unique: t.unique, LeftOut: t.leftOut,
		Seeds: Seeds{Count: s.count, Timed: s.timed, First: s.first, Last: s.last, File: f.summary.Files[s.at.file].Name,
			Line: s.at.line, Raw: s.raw}}
	best := all[0].best
	for _, o := range all[1:] {
		best.merge(o.best)
	}
	r.Related, r.Rows = best.events, len(best.rows)
	for _, row := range best.sorted() {
		r.Hits = append(r.Hits, f.hit(row))
	}
	return r, nil
}

func (f *finder) hit(row *row) Hit {
	h := Hit{File: f.summary.Files[row.at.file].Name, Line: row.at.line, Time: row.time, HasTime: row.hasTime, Score: row.score,
		Raw: row.raw, Count: row.count, Timed: row.timed, First: row.first, Last: row.last}
	for _, v := range row.votes {
		h.Shared = append(h.Shared, Shared{f.table.tokens[v.token], round(v.bits)})
	}
	return h
}
