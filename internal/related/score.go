package related

import (
	"cmp"
	"slices"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/token"
)

// A vote is what one field of an event says for its being related.
type vote struct {
	token int32 // index into table.tokens
	bits  float64
}

// A scorer is one worker's share of the second reading.
type scorer struct {
	f      *finder
	codify *token.Codifier
	match  *matcher
	ballot ballot
	best   *best
	found  map[uint64]int32 // by a feature's hash: its heaviest token in the table, −1 for none
	at     []int            // by ballot id: index into votes plus one
	votes  []vote
	parts  []token.Part
}

func newScorer(f *finder) *scorer {
	codify := token.NewCodifier(f.o.Seed, f.o.Enrich())
	return &scorer{f: f, codify: codify, match: newMatcher(f.o, codify), ballot: ballot{ids: map[string]int{}},
		best: newBest(f.o.Limit, f.o.Fold), found: map[uint64]int32{}}
}

// Event implements format.Handler.
func (s *scorer) Event(e *event.Event, pos format.Position, raw []byte) {
	features := s.codify.Codify(e)
	if s.match.seed(e, features, pos) {
		return
	}
	s.vote(features)
	if len(s.votes) == 0 {
		return
	}
	slices.SortFunc(s.votes, func(a, b vote) int {
		return cmp.Or(cmp.Compare(b.bits, a.bits), cmp.Compare(a.token, b.token))
	})
	score := 0.0
	for _, v := range s.votes {
		score += v.bits
	}
	s.best.add(e, place{pos.File, s.f.rank[pos.File], pos.Line}, raw, round(score), s.votes)
}

// vote fills s.votes with the heaviest token of each field that votes for itself.
func (s *scorer) vote(features []token.Feature) {
	s.votes = s.votes[:0]
	pairs := 0
	for i := range features {
		f := &features[i]
		if f.Field.Left != "" {
			pairs++
			continue
		}
		if t := s.heaviest(f); t >= 0 {
			s.cast(s.ballot.of(f.Field).id, t, s.f.table.tokens[t].Weight)
		}
	}
	// Pairs come after their sides. What one weighs beyond them is what the two mean together.
	alone := len(s.votes)
	for i := len(features) - 1; i >= 0 && pairs > 0; i-- {
		f := &features[i]
		if f.Field.Left == "" {
			continue
		}
		pairs--
		t, ok := s.f.table.byHash[f.Hash]
		if !ok {
			continue
		}
		b := s.ballot.of(f.Field)
		if bits := s.f.table.tokens[t].Weight - s.bits(b.left, alone) - s.bits(b.right, alone); bits > 0 {
			s.cast(b.id, t, bits)
		}
	}
	for i := range s.at {
		s.at[i] = 0
	}
}

// cast lets a field vote, unless it has cast a heavier vote.
func (s *scorer) cast(id int, t int32, bits float64) {
	for id >= len(s.at) {
		s.at = append(s.at, 0)
	}
	switch at := s.at[id]; {
	case at == 0:
		s.votes = append(s.votes, vote{t, bits})
		s.at[id] = len(s.votes)
	case t < s.votes[at-1].token:
		s.votes[at-1] = vote{t, bits}
	}
}

// bits returns what a field has voted among the first n votes.
func (s *scorer) bits(id, n int) float64 {
	if id >= len(s.at) || s.at[id] == 0 || s.at[id] > n {
		return 0
	}
	return s.votes[s.at[id]-1].bits
}

const maxFound = 1 << 16

// heaviest returns the heaviest token of a feature in the table, or −1.
func (s *scorer) heaviest(f *token.Feature) int32 {
	if t, ok := s.found[f.Hash]; ok {
		return t
	}
	best := int32(-1)
	look := func(hash uint64) {
		if t, ok := s.f.table.byHash[hash]; ok && (best < 0 || t < best) {
			best = t
		}
	}
	look(f.Hash)
	s.parts = s.codify.KindedParts(f, s.parts[:0])
	for _, p := range s.parts {
		look(p.Hash)
	}
	if templated(f) {
		return best
	}
	if len(s.found) >= maxFound {
		clear(s.found)
	}
	s.found[f.Hash] = best
	return best
}
