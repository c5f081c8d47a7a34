package forest

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"weir/internal/bayes"
)

// A node of a tree. The left child of a split is the next node, the right child comes skip nodes later.
type node struct {
	// ask is where [Forest.place] puts the bin that the node looks at: at twice the column, plus one if what is missing
	// goes right. A node with the bit alone sends only one bin to the left, and what is missing to the right.
	ask uint16
	// share is the smoothed share of bad among the rows of the node, by its place in the list of shares.
	share uint8
	// to is skip<<8 | cut: bins up to cut go left. In a leaf it is 0, and ask is nowhere.
	to uint32
}

const (
	alone   = 1 << 13
	places  = 1 << 13
	nowhere = places - 1 // where the bin is above all cuts: a leaf leads to itself
	maxSkip = 1<<24 - 1
)

func (n node) leaf() bool  { return n.to == 0 }
func (n node) skip() int   { return int(n.to >> 8) }
func (n node) cut() uint8  { return uint8(n.to) }
func (n node) column() int { return int(n.ask &^ alone >> 1) }

// next returns where a record goes from the node, which is at i; a leaf leads to itself. It does without a branch, as
// nobody could foretell which way one goes.
func (n node) next(i int, bins *[places]uint8) int {
	cut := n.cut()
	exact := cut & -uint8(n.ask/alone) // cut for a node with the bit alone, otherwise 0
	step := 1
	if bins[n.ask%places]^exact > cut^exact {
		step = n.skip()
	}
	return i + step
}

// Shares of bad are kept as one of 256, evenly spaced in log-odds between −maxLogit and maxLogit: a step changes the odds
// by 9 %, much less than one tree differs from another. They are in units of 1/full, so sums of them are exact.
const (
	full     = 1 << 30
	maxLogit = 11
)

var shares = func() (out [256]uint32) {
	for i := range 128 {
		x := float64(2*i-255) / 255 * maxLogit
		out[i] = uint32(math.Round(bayes.Logistic(x) * full))
		out[255-i] = full - out[i]
	}
	return out
}()

// nearest returns the place of the share that is nearest to one.
func nearest(share float64) uint8 {
	want := uint32(math.Round(share * full))
	i, _ := slices.BinarySearch(shares[:], want)
	if i == len(shares) || i > 0 && want-shares[i-1] < shares[i]-want {
		i--
	}
	return uint8(i)
}

// smoothing is how many rows the share of its parent counts as in that of a node. More of it costs ranking, none would
// make scores infinite.
const smoothing = .1

// A grower grows one tree after another.
type grower struct {
	ctx     context.Context
	t       *table
	try     int
	seed    uint64
	state   uint64
	bag     []entry
	spare   []entry
	columns []int32
	nodes   []node
	mass    [256][2]int64 // of a bin, good and bad
	seen    [4]uint64     // bins with rows
}

func newGrower(ctx context.Context, t *table, o Options) *grower {
	return &grower{ctx: ctx, t: t, try: o.Candidates, seed: mix(o.Seed), columns: make([]int32, len(t.live)),
		bag: make([]entry, 0, len(t.rows)), spare: make([]entry, len(t.rows))}
}

// draw returns a number from 0 to n−1 that looks like chance.
func (g *grower) draw(n int) int {
	g.state += 0x9E3779B97F4A7C15
	hi, _ := bits.Mul64(mix(g.state), uint64(n))
	return int(hi)
}

// draws[k] is 2⁶⁴ times the probability that a bootstrap sample of many rows has a row at most k times (Poisson of 1).
var draws = func() (out [8]uint64) {
	p, sum := 1/math.E, 0.
	for k := range out {
		sum += p
		p /= float64(k + 1)
		out[k] = uint64(math.Ldexp(sum, 53)) << 11
	}
	return out
}()

// tree grows the tree of a number.
func (g *grower) tree(number uint64) []node {
	g.state = mix(g.seed + number)
	g.bag = g.bag[:0]
	for k, e := range g.t.rows {
		u := mix(g.t.id[k] ^ g.state)
		n := 0
		for n < len(draws) && u >= draws[n] {
			n++
		}
		if n > 0 {
			e.weight *= int64(n)
			g.bag = append(g.bag, e)
		}
	}
	if len(g.bag) == 0 { // of few rows
		g.bag = append(g.bag, g.t.rows...)
	}
	copy(g.columns, g.t.live)
	g.nodes = g.nodes[:0]
	var good, bad int64
	for _, e := range g.bag {
		if e.bad == 1 {
			bad += e.weight
		} else {
			good += e.weight
		}
	}
	g.grow(g.bag, good, bad, .5, len(g.columns), 0)
	return slices.Clone(g.nodes)
}

// A split is what a node will ask, and what goes left by it.
type split struct {
	ask       uint16
	cut       uint8
	good, bad int64   // on the left
	impurity  float64 // of both sides, Gini's times half the weight; negative if there is no split
}

// grow adds the tree of some rows to the nodes. live is how many of the columns differ, as far as is known.
func (g *grower) grow(rows []entry, good, bad int64, parent float64, live, depth int) {
	share := (float64(bad) + float64(smoothing*one*parent)) / (float64(good+bad) + smoothing*one)
	at := len(g.nodes)
	g.nodes = append(g.nodes, node{ask: nowhere, share: nearest(share)})
	if good == 0 || bad == 0 || depth >= MaxDepth || at >= maxSkip-4*MaxDepth || len(rows) > 4096 && g.ctx.Err() != nil {
		return
	}
	s, live := g.best(rows, good, bad, live)
	if s.impurity < 0 {
		return
	}
	left := g.partition(rows, s)
	g.grow(rows[:left], s.good, s.bad, share, live, depth+1)
	g.nodes[at].ask, g.nodes[at].to = s.ask, uint32(len(g.nodes)-at)<<8|uint32(s.cut)
	g.grow(rows[left:], good-s.good, bad-s.bad, share, live, depth+1)
}

// partition puts the rows that go left before the others and returns how many they are.
func (g *grower) partition(rows []entry, s split) int {
	bins := g.t.bins[s.ask&^alone>>1]
	var left [256]bool
	for b := range left {
		left[b] = b <= int(s.cut)
		if s.ask&alone != 0 {
			left[b] = b == int(s.cut)
		}
	}
	left[0] = s.ask&(alone|1) == 0
	n, m := 0, 0
	for _, e := range rows {
		if left[bins[e.row]] {
			rows[n] = e
			n++
		} else {
			g.spare[m] = e
			m++
		}
	}
	copy(rows[n:], g.spare[:m])
	return n
}

// best returns the best split among candidates, with a negative impurity if there is none, and how many columns may still
// differ.
func (g *grower) best(rows []entry, good, bad int64, live int) (split, int) {
	best := split{impurity: -1}
	left := live // columns not drawn yet are columns[:left]; columns[left:live] were
	for tried := 0; left > 0 && (tried < g.try || best.impurity < 0); {
		k := g.draw(left)
		left--
		c := g.columns
		j := c[k]
		c[k] = c[left]
		if !g.consider(j, rows, good, bad, &best) { // constant
			live--
			c[left] = c[live]
			c[live] = j
			continue
		}
		c[left] = j
		tried++
	}
	return best, live
}

// consider replaces best by a better split of column j, and reports whether the rows differ in it.
func (g *grower) consider(j int32, rows []entry, good, bad int64, best *split) bool {
	bins := g.t.bins[j]
	for _, e := range rows {
		b := bins[e.row]
		g.mass[b][e.bad&1] += e.weight
		g.seen[b>>6] |= 1 << (b & 63)
	}
	hasMissing, missing := g.seen[0]&1 == 1, g.mass[0]
	g.seen[0] &^= 1
	g.mass[0] = [2]int64{}
	left, right := uint16(j)<<1, uint16(j)<<1|1 // where what is missing goes
	var lg, lb int64                            // in the bins up to before
	before, differ := 0, false
	category := g.t.scales[j].category
	for w := range g.seen {
		for m := g.seen[w]; m != 0; m &= m - 1 {
			b := w<<6 + bits.TrailingZeros64(m)
			// Any cut from before to b−1 divides these rows alike; the one in the middle, in ranks, is for others.
			cut := uint8((before + b - 1) / 2)
			switch {
			case before == 0: // nothing lies below
			case hasMissing:
				best.improve(left, cut, lg+missing[0], lb+missing[1], good, bad)
				best.improve(right, cut, lg, lb, good, bad)
			case 2*(lg+lb) >= good+bad: // none here to learn from: with the majority
				best.improve(left, cut, lg, lb, good, bad)
			default:
				best.improve(right, cut, lg, lb, good, bad)
			}
			if category && before > 0 { // the first is alone already
				best.improve(left|alone, uint8(b), g.mass[b][0], g.mass[b][1], good, bad)
			}
			lg += g.mass[b][0]
			lb += g.mass[b][1]
			g.mass[b] = [2]int64{}
			differ = differ || before > 0
			before = b
		}
		g.seen[w] = 0
	}
	if hasMissing && before > 0 { // what is missing against all else
		differ = true
		best.improve(left, 0, missing[0], missing[1], good, bad)
	}
	return differ
}

// improve replaces the split by one with the given weights on the left, out of those of the node, if that is better.
func (s *split) improve(ask uint16, cut uint8, lg, lb, good, bad int64) {
	rg, rb := good-lg, bad-lb
	impurity := float64(lg)*float64(lb)/float64(lg+lb) + float64(rg)*float64(rb)/float64(rg+rb)
	if s.impurity < 0 || impurity < s.impurity {
		*s = split{ask: ask, cut: cut, good: lg, bad: lb, impurity: impurity}
	}
}
