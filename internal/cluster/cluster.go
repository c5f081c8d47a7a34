// Package cluster tells what belongs together: it groups the suspects of a hunt into campaigns, each a story of steps.
//
// [Campaigns] is the one function. The steps it takes:
//
//  1. Contents of suspects are items. Their tokens weigh by the hunt's evidence and by how few items share them (vector.go).
//  2. Where there are very many, items gather around leaders, in one pass (leaders.go).
//  3. Leaders are compared by tokens and by time; time counts as far as it agrees with the tokens. They are joined by average
//     linkage into clusters: the steps (agglomerate.go).
//  4. Steps that share a client, a user, a file, a machine that known good hardly has, are one campaign (link.go).
//  5. Campaigns are told: a timeline, who, what was touched, a name (story.go, name.go). What stands alone, seldom and quiet
//     is noise, in a bucket of its own.
//
// docs/adr/0010 says why, and what lost. Nothing depends on the order of files or the number of workers.
package cluster

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/hunt"
)

// Options bound the work; the zero value is a default.
type Options struct {
	Leaders int  // contents that are compared each with each; more gather around these. 0 is 1000
	NoTime  bool // for ablations: tokens alone
}

// A Campaign is suspects that are one story.
type Campaign struct {
	Number      int    // from 1, best first; 0 for noise
	Name        string // one line in plain words, safe for terminals
	Noise       bool   // what belongs to nothing: no story, only kept
	Score       float64
	Best        int // number of the best suspect
	Events      int
	Contents    int
	First, Last int64
	Facts
	Steps []Step // in the order of time
	Links []Link // what makes the steps one story, strongest first
}

// A Step is suspects that are much the same: one thing that was done.
type Step struct {
	Name        string
	Score       float64 // of its best suspect
	Best        int     // number of its best suspect: the example
	Members     []int   // numbers of all its suspects, best first
	Contents    int
	First, Last int64
	Facts
	Tokens []Token // what its events share that known good does not have
}

// Facts are who and what, each with its events, most first.
type Facts struct {
	Clients, Networks, Countries, Users, Agents   []Count
	Hosts, Destinations, Names, Paths             []Count
	ClientCount, DestinationCount, PathCount      int // distinct ones, of which the lists hold the first
	HostCount, UserCount, NameCount, NetworkCount int
}

// A Count is a value with its events.
type Count struct {
	Value  string
	Events int
	Good   uint32 // known-good events with it
}

// A Token is a token that many events of a step have.
type Token struct {
	Text   string // as token.Name writes it
	Share  float64
	Weight float64
	Good   uint32
}

// A Link is a value that joins two steps.
type Link struct {
	Kind, Value string
	Steps       int // how many steps of the campaign have it
	Events      int
	Good        uint32
}

// Campaigns groups the suspects that the funnel left, best campaign first; noise, if any, is the last. Every suspect is in
// exactly one step. An error is one of reading the examples' lines back.
func Campaigns(r *hunt.Result, o Options) ([]Campaign, error) {
	if o.Leaders <= 0 {
		o.Leaders = 1000
	}
	s := survey(r)
	if len(s.suspects) == 0 {
		return nil, nil
	}
	of := s.steps(o)
	return s.tell(of)
}

// A study is the suspects as items.
type study struct {
	r        *hunt.Result
	suspects []int   // numbers of those that the funnel left, best first
	item     []int32 // of each of these
	first    []int   // of an item: its best suspect
	from     []int32 // items → into times
	times    []int64 // by item, rising
	quiet    float64 // the highest score of a clean window
}

func survey(r *hunt.Result) *study {
	s := &study{r: r, quiet: math.Inf(-1)}
	for _, p := range r.Placebos {
		s.quiet = max(s.quiet, p.Top)
	}
	at := make([]int32, r.Contents) // plus one
	for i := range r.Len() {
		if r.Narrowed(i) {
			continue
		}
		c := r.ContentOf(i)
		if at[c] == 0 {
			s.first = append(s.first, i)
			at[c] = int32(len(s.first))
		}
		s.suspects = append(s.suspects, i)
		s.item = append(s.item, at[c]-1)
	}
	s.from = make([]int32, len(s.first)+1)
	for _, k := range s.item {
		s.from[k+1]++
	}
	for k := range s.first {
		s.from[k+1] += s.from[k]
	}
	s.times = make([]int64, len(s.suspects))
	next := slices.Clone(s.from)
	for n, i := range s.suspects {
		k := s.item[n]
		s.times[next[k]] = r.Time(i)
		next[k]++
	}
	for k := range s.first {
		slices.Sort(s.times[s.from[k]:s.from[k+1]])
	}
	return s
}

// steps returns the step of each item, −1 for those of none.
func (s *study) steps(o Options) []int32 {
	t := newTable(items{n: len(s.first),
		traits: func(item int, f func(hunt.Trait)) { s.r.Traits(s.first[item], f) },
		times:  func(item int) []int64 { return s.times[s.from[item]:s.from[item+1]] }})
	return group(t, o)
}

// group returns the cluster of each item, dense, in the order of their first items; −1 for what is like nothing when there is
// no room to look further.
func group(t *table, o Options) []int32 {
	list, of := leaders(t, o.Leaders, 1-cut)
	times := make([][]int64, len(list))
	from := int64(math.MaxInt64)
	for i, l := range of {
		if l >= 0 {
			x := t.items.times(i)
			times[l] = append(times[l], x...)
			if len(x) > 0 {
				from = min(from, x[0])
			}
		}
	}
	near := make([][]float64, len(list))
	for l := range list {
		if list[l].size > 1 {
			slices.Sort(times[l])
		}
		near[l] = sampled(times[l], from)
		times[l] = nil
	}
	like := likenesses(list)
	d, time := like, 0.0
	if !o.NoTime {
		d, time = mix(like, closeness(near))
	} else {
		for i, x := range d.x {
			d.x[i] = 1 - x
		}
	}
	sizes := make([]int, len(list))
	for i := range list {
		sizes[i] = list[i].size
	}
	cluster := agglomerate(d, sizes, cut-float64(cutTime*time))
	number := map[int32]int32{}
	out := make([]int32, len(of))
	next := int32(0)
	for i, l := range of {
		if l < 0 {
			out[i] = -1
			continue
		}
		c := cluster[l]
		n, ok := number[c]
		if !ok {
			n = next
			number[c] = n
			next++
		}
		out[i] = n
	}
	return out
}

func byCount(a, b Count) int {
	return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Value, b.Value))
}
