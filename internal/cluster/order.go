package cluster

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"weir/internal/hunt"
)

// readingOrder scores campaigns and orders them so that each says something new. What a step says is the score of its best
// suspect, where clues that were shown before, in the campaigns above or by better steps of its own, count for less, as in the
// rows of a hunt. Steps add up as surprises do: what lies z standard deviations out has a chance that falls like exp(−z²/2), so
// the squares are added and the score is the root of the sum, the score of a single event that would be as strange as all.
func (s *study) readingOrder(out []Campaign) error {
	said := make([][]saying, len(out))
	for c := range out {
		for k := range out[c].Steps {
			x, err := s.r.Suspect(out[c].Steps[k].Best)
			if err != nil {
				return err
			}
			y := saying{best: out[c].Steps[k].Best, score: x.Score, own: outOfCharacter(x)}
			for _, e := range x.Evidence {
				if e.Vote > 0 {
					y.pro = append(y.pro, e)
				}
			}
			said[c] = append(said[c], y)
		}
		slices.SortFunc(said[c], func(a, b saying) int { return cmp.Compare(a.best, b.best) })
	}
	shown := map[string]int{}
	for c := range out {
		out[c].Score = news(said[c], shown)
	}
	for at := range out {
		best := at
		for { // news only ever falls, so the best stale one is the best if it is still what it was
			for c := at; c < len(out); c++ {
				if d := cmp.Or(cmp.Compare(out[c].Score, out[best].Score), cmp.Compare(out[best].Best, out[c].Best)); d > 0 {
					best = c
				}
			}
			now := news(said[best], shown)
			if now == out[best].Score {
				break
			}
			out[best].Score = now
		}
		out[at], out[best] = out[best], out[at]
		said[at], said[best] = said[best], said[at]
		for _, y := range said[at] {
			for _, e := range y.pro {
				shown[e.Token]++
			}
		}
	}
	return nil
}

// A saying is what the best suspect of a step says for bad.
type saying struct {
	best  int
	score float64
	own   bool // one of the site's own acts out of character
	pro   []hunt.Evidence
}

// outOfCharacter reports whether who did it has a past in known good that this departs from: the client, or where the record
// names none, the host or user.
func outOfCharacter(x *hunt.Suspect) bool {
	for _, e := range x.Evidence {
		if e.Words == "" || e.Vote < telling {
			continue
		}
		_, pair, _ := strings.Cut(e.Token, "=")
		who, _, _ := strings.Cut(pair, " × ")
		if x.Client == "" || who == x.Client {
			return true
		}
	}
	return false
}

// telling is the least vote for a departure that is believed.
const telling = .1

// news is what steps, best first, say that was not shown before.
func news(steps []saying, shown map[string]int) float64 {
	own := map[string]int{}
	sum, most := 0.0, math.Inf(-1)
	for _, y := range steps {
		z := y.score
		for _, e := range y.pro {
			z -= e.Vote - min(e.Vote, loudVote)/float64(1+shown[e.Token]+own[e.Token])
		}
		most = max(most, z)
		if z > 0 {
			if y.own {
				z *= math.Sqrt2
			}
			sum += float64(z * z)
		}
		for _, e := range y.pro {
			own[e.Token]++
		}
	}
	if sum > 0 {
		most = math.Sqrt(sum)
	}
	return math.Round(1e6*most) / 1e6
}

// loudVote is the most that one clue's vote counts for news.
const loudVote = 6
