package hunt

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// A Fold is suspects that say the same: most of what speaks for bad in them are the same clues.
type Fold struct {
	Best        int   // number of the best suspect
	Members     []int // numbers of all, best first
	Clients     int
	Contents    int
	First, Last int64   // times
	News        float64 // its best score, counting only in part what rows before it have said
}

// alike is the part of an event's evidence for bad that a row has to share to take the event in. Who it was is part of it.
const alike = .35

// enough is how much of one clue's vote counts for likeness: two events are alike when many clues say so, not when one
// says it loudly.
const enough = 3

// maxRows bounds the rows; what is left over then joins the last row. It keeps folding linear on windows of nothing but
// noise.
const maxRows = 5000

// Folds gathers suspects into rows, leaving out those that a step of the funnel flagged, in the order in which a person
// should read them. Suspects are taken best first; each joins the row with whose first suspect it shares most of its
// evidence, or starts one. Rows are then ordered so that each says something new: a clue that rows above have shown
// already counts for less the more often it was shown, or else the first twenty rows would tell of the noisiest step of a
// break-in twenty times.
func (r *Result) Folds() []Fold {
	g := &folder{r: r, of: map[uint32]int{}, leads: map[uint32][]lead{}, common: r.common()}
	type members struct{ clients, contents map[uint32]bool }
	var sets []members
	for i, row := range r.order {
		if r.narrowed[row] > 0 {
			continue
		}
		x, c := &r.a.list.rows[row], r.a.content[row]
		at := g.row(c)
		if at == len(g.folds) {
			g.folds = append(g.folds, Fold{Best: i, First: x.time, Last: x.time})
			sets = append(sets, members{map[uint32]bool{}, map[uint32]bool{}})
		}
		f, s := &g.folds[at], &sets[at]
		f.Members = append(f.Members, i)
		f.First, f.Last = min(f.First, x.time), max(f.Last, x.time)
		if k := r.a.contents[c].client; k > 0 {
			s.clients[k] = true
		}
		s.contents[r.distinctOf[c]] = true
	}
	for i := range g.folds {
		g.folds[i].Clients, g.folds[i].Contents = len(sets[i].clients), len(sets[i].contents)
	}
	return g.readingOrder()
}

// A folder assigns contents to rows.
type folder struct {
	r      *Result
	folds  []Fold
	of     map[uint32]int // content → row
	common map[uint32]bool
	leads  map[uint32][]lead // token, or client from the top down → rows whose first suspect has it as a clue for bad
}

type lead struct {
	row  int
	vote float64
}

// row returns the row that a content belongs to; the number of rows if it starts a new one.
func (g *folder) row(c uint32) int {
	if at, ok := g.of[c]; ok {
		return at
	}
	pro, own := g.r.pro(c), 0.0
	shared := map[int]float64{}
	if k := g.r.a.contents[c].client; k > 0 { // who it was is a clue like any other
		pro = append(pro, clue{token: math.MaxUint32 - k, vote: enough})
	}
	for _, k := range pro {
		if g.common[k.token] {
			continue
		}
		v := min(float64(k.vote), enough)
		own += v
		for _, l := range g.leads[k.token] {
			shared[l.row] += min(v, l.vote)
		}
	}
	best, most := -1, 0.0
	for at, s := range shared {
		if s > most || s == most && at < best {
			best, most = at, s
		}
	}
	if best < 0 || most < alike*own {
		best = len(g.folds)
		if best >= maxRows {
			best--
		} else {
			for _, k := range pro {
				g.leads[k.token] = append(g.leads[k.token], lead{best, float64(k.vote)})
			}
		}
	}
	g.of[c] = best
	return best
}

// common returns the clues that more than half of the contents in rows have: the host that was broken into, the night it
// happened in. They make suspects of them all and so do not make two of them alike.
func (r *Result) common() map[uint32]bool {
	if r.shared != nil {
		return r.shared
	}
	n := map[uint32]int{}
	seen := map[uint32]bool{}
	for i, row := range r.order {
		c := r.a.content[row]
		if r.narrowed[r.order[i]] > 0 || seen[c] {
			continue
		}
		seen[c] = true
		for _, k := range r.pro(c) {
			n[k.token]++
		}
	}
	out := map[uint32]bool{}
	for t, k := range n {
		if k > len(seen)/2 {
			out[t] = true
		}
	}
	r.shared = out
	return out
}

// pro returns the kept clues of a content that speak for bad.
func (r *Result) pro(c uint32) []clue {
	var out []clue
	for _, k := range r.clues[c] {
		if k.vote > 0 {
			out = append(out, k)
		}
	}
	return out
}

// readingOrder orders rows greedily by what each adds to those before it. A row's news is the sum of its votes, those for
// bad no louder than loud and divided by one plus the number of rows above that show the same token; news only ever falls, so a heap of stale
// values finds the next row without trying all.
func (g *folder) readingOrder() []Fold {
	shown := map[uint32]int{}
	news := func(f *Fold) float64 {
		c := g.r.a.content[g.r.order[f.Best]]
		sum := g.r.sums[c].score
		for _, k := range g.r.pro(c) {
			left := min(float64(k.vote), loud) / float64(1+shown[k.token])
			sum -= (float64(k.vote) - left) / max(g.r.sums[c].scale, minKindSD)
		}
		return round(sum)
	}
	h := &newsHeap{}
	for i := range g.folds {
		g.folds[i].News = news(&g.folds[i])
		h.folds = append(h.folds, g.folds[i])
	}
	heap.Init(h)
	out := make([]Fold, 0, len(g.folds))
	for h.Len() > 0 {
		top := &h.folds[0]
		if now := news(top); now < top.News {
			top.News = now
			heap.Fix(h, 0)
			continue
		}
		f := heap.Pop(h).(Fold)
		for _, k := range g.r.pro(g.r.a.content[g.r.order[f.Best]]) {
			shown[k.token]++
		}
		out = append(out, f)
	}
	return out
}

type newsHeap struct{ folds []Fold }

func (h *newsHeap) Len() int { return len(h.folds) }
func (h *newsHeap) Less(i, k int) bool {
	a, b := &h.folds[i], &h.folds[k]
	return cmp.Or(cmp.Compare(b.News, a.News), cmp.Compare(a.Best, b.Best)) < 0
}
func (h *newsHeap) Swap(i, k int) { h.folds[i], h.folds[k] = h.folds[k], h.folds[i] }
func (h *newsHeap) Push(x any)    { h.folds = append(h.folds, x.(Fold)) }
func (h *newsHeap) Pop() any {
	n := len(h.folds) - 1
	f := h.folds[n]
	h.folds = slices.Delete(h.folds, n, n+1)
	return f
}

// maxTried bounds the contents of a row that are tried as further examples.
const maxTried = 500

// Examples returns up to n further suspects of a row that show what its best one does not: from files that no example
// before it stands in as long as there are any, and of those the one whose clues for bad, as far as no example before it
// has them, weigh most.
func (r *Result) Examples(f *Fold, n int) []int {
	shown, files := map[uint32]bool{}, map[int32]bool{}
	show := func(i int) {
		files[r.a.list.rows[r.order[i]].file] = true
		for _, k := range r.pro(r.a.content[r.order[i]]) {
			shown[k.token] = true
		}
	}
	news := func(i int) (sum float64) {
		for _, k := range r.pro(r.a.content[r.order[i]]) {
			if !shown[k.token] {
				sum += min(float64(k.vote), enough)
			}
		}
		return sum
	}
	show(f.Best)
	tried := r.firsts(f)
	var out []int
	for len(out) < n {
		best, most, fresh := -1, 0.0, false
		for _, i := range tried {
			v, elsewhere := news(i), !files[r.a.list.rows[r.order[i]].file]
			if v > 0 && (elsewhere && !fresh || elsewhere == fresh && v > most) {
				best, most, fresh = i, v, elsewhere
			}
		}
		if best < 0 || !fresh && most < enough {
			break
		}
		show(best)
		out = append(out, best)
	}
	return out
}

// firsts returns the best suspect of each content of a row, and of each file in it.
func (r *Result) firsts(f *Fold) []int {
	type key struct {
		content uint32
		file    int32
	}
	var out []int
	seen, files := map[key]bool{}, map[int32]bool{}
	for _, i := range f.Members {
		x := &r.a.list.rows[r.order[i]]
		k := key{r.a.content[r.order[i]], x.file}
		if !seen[k] && (len(out) < maxTried || !files[x.file]) {
			seen[k], files[x.file] = true, true
			out = append(out, i)
		}
	}
	return out
}
