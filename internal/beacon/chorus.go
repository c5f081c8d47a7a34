package beacon

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"weir/internal/enrich"
)

// A chorus knows which sources have what rhythm with a destination, and with which machines inside a source has one.
type chorus struct {
	sources map[string][]voice // by destination
	inside  map[string][]voice // by source
}

type voice struct {
	who      string
	interval float64
}

// sureRhythm is the q-value from which a rhythm is taken for one.
const sureRhythm = 1e-3

func (j *judge) newChorus(rows []row) chorus {
	c := chorus{map[string][]voice{}, map[string][]voice{}}
	s := &seriesJudge{judge: j}
	for i := range rows {
		if w := &rows[i]; w.tested && w.q <= sureRhythm {
			if p := s.pair(w); p.Rhythm.Interval > 0 {
				for _, k := range p.targets() {
					c.sources[k] = append(c.sources[k], voice{p.Source, p.Rhythm.Interval})
				}
				if p.bothInside() {
					k := p.Network + " " + p.Source
					c.inside[k] = append(c.inside[k], voice{p.Destination, p.Rhythm.Interval})
				}
			}
		}
	}
	return c
}

// others counts the other sources whose interval is the pair's, or a half or double of it.
func (c chorus) others(p *Pair) int {
	most := 0
	for _, k := range p.targets() {
		most = max(most, same(p, c.sources[k], p.Source))
	}
	return most
}

// polled counts the other machines inside with which the source has the pair's rhythm.
func (c chorus) polled(p *Pair) int {
	if !p.bothInside() {
		return 0
	}
	return same(p, c.inside[p.Network+" "+p.Source], p.Destination)
}

// manyVoices are as many as are counted.
const manyVoices = 8

// same counts the voices, but for one's own, that have a pair's rhythm.
func same(p *Pair, voices []voice, own string) int {
	if p.Q > sureRhythm || p.Rhythm.Interval == 0 {
		return 0
	}
	who := map[string]bool{}
	for _, v := range voices {
		ratio := v.interval / p.Rhythm.Interval
		for _, same := range [...]float64{.5, 1, 2} {
			if v.who != own && math.Abs(ratio-same) <= float64(.1*same) {
				who[v.who] = true
			}
		}
		if len(who) >= manyVoices {
			break
		}
	}
	return len(who)
}

// bothInside reports whether both ends of a pair are inside, in the same block of addresses.
func (p *Pair) bothInside() bool {
	a, err := netip.ParseAddr(p.Destination)
	if err != nil {
		return false
	}
	src, err := netip.ParseAddr(p.Source)
	return err == nil && inside(a) && inside(src) && sameBlock(a.Unmap(), src.Unmap())
}

// targets are what a pair's destination may be known by.
func (p *Pair) targets() (out []string) {
	if p.Destination != "" {
		out = append(out, p.Network+" "+p.Destination)
	}
	for _, n := range p.Names {
		if d := enrich.RegisteredDomain(n); d != "" {
			n = d
		}
		if k := p.Network + " " + n; !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func otherSources(n int) string {
	switch {
	case n == 1:
		return "1 other source has"
	case n >= manyVoices:
		return fmt.Sprintf("%d other sources or more have", manyVoices)
	}
	return fmt.Sprintf("%d other sources have", n)
}

func orMore(n int) string {
	if n >= manyVoices {
		return " or more"
	}
	return ""
}
