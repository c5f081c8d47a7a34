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

// heaviest is what weighs most of a feature.
type heaviest struct {
	rare   int32   // index into table.tokens, −1 for none
	weight float64 // of any token
}

// A scorer is one worker's share of the second reading.
type scorer struct {
	f      *finder
	codify *token.Codifier
	match  *matcher
	ballot ballot
	best   *best
	found  map[uint64]heaviest // by a feature's hash
	at     []int               // by ballot id: index into votes plus one
	weight []float64           // by ballot id: of the heaviest token of the field, rare or not
	votes  []vote
	parts  []token.Part
}

func newScorer(f *finder) *scorer {
	codify := token.NewCodifier(f.o.Seed, f.o.Enrich())
	return &scorer{f: f, codify: codify, match: newMatcher(f.o, codify), ballot: ballot{ids: map[string]int{}},
		best: newBest(f.o.Limit, f.o.Fold), found: map[uint64]heaviest{}}
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
		h := s.heaviest(f)
		id := s.ballot.of(f.Field).id
		s.room(id)
		s.weight[id] = max(s.weight[id], h.weight)
		if h.rare >= 0 {
			t := &s.f.table.tokens[h.rare]
			if t.number {
				id = s.ballot.id(numbers)
				s.room(id)
			}
			s.cast(id, h.rare, t.Weight)
		}
	}
	// Pairs come after their sides. What one weighs beyond them is what the two mean together.
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
		s.room(max(b.id, b.left, b.right))
		if bits := s.f.table.tokens[t].Weight - s.weight[b.left] - s.weight[b.right]; bits > 0 {
			s.cast(b.id, t, bits)
		}
	}
	clear(s.at)
	clear(s.weight)
}

// cast lets a field vote, unless it has cast a heavier vote.
func (s *scorer) cast(id int, t int32, bits float64) {
	switch at := s.at[id]; {
	case at == 0:
		s.votes = append(s.votes, vote{t, bits})
		s.at[id] = len(s.votes)
	case bits > s.votes[at-1].bits || bits == s.votes[at-1].bits && t < s.votes[at-1].token:
		s.votes[at-1] = vote{t, bits}
	}
}

// room makes room for a ballot id.
func (s *scorer) room(id int) {
	for id >= len(s.at) {
		s.at, s.weight = append(s.at, 0), append(s.weight, 0)
	}
}

const maxFound = 1 << 16

// heaviest returns what weighs most of a feature.
func (s *scorer) heaviest(f *token.Feature) heaviest {
	if h, ok := s.found[f.Hash]; ok {
		return h
	}
	best := heaviest{rare: -1}
	look := func(hash uint64) {
		if t, ok := s.f.table.byHash[hash]; ok {
			best.weight = max(best.weight, s.f.table.tokens[t].Weight)
			if best.rare < 0 || t < best.rare {
				best.rare = t
			}
		} else {
			best.weight = max(best.weight, s.f.table.common[hash])
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
