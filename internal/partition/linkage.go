package partition

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Linkage says how far two groups are from each other.
type Linkage string

// The linkages. All are reducible: joining two groups brings neither nearer to a third (Müllner, "Modern hierarchical,
// agglomerative clustering algorithms", 2011), which the method needs. Centroid and median linkage are not.
const (
	Single   Linkage = "single"   // as their nearest members
	Complete Linkage = "complete" // as their farthest members
	Average  Linkage = "average"  // the mean over pairs of members (UPGMA)
	Weighted Linkage = "weighted" // the mean of the distances of the two groups that one was made of (WPGMA, McQuitty)
	Ward     Linkage = "ward"     // the root of twice what joining them adds to the squared distances from means
)

// Linkages are all of them.
var Linkages = []Linkage{Average, Complete, Single, Ward, Weighted}

// A Merge joins two groups into one. Groups 0 to n−1 are single items, n+i is what the i-th merge made: rows of SciPy's
// linkage matrix.
type Merge struct {
	A, B   int // A < B
	Height float64
	Size   int // items of both
}

// Link joins n items step by step, the nearest two groups first. d holds the distances between items, those of item 0 from 1,
// 2 …, then those of item 1 from 2, 3 …: n·(n−1)/2 of them; it is overwritten. Merges come by height, n−1 of them. It takes
// n² steps, by chains of nearest neighbours (Murtagh 1983).
//
// That is scipy.cluster.hierarchy.linkage(d, method), and mlpy's HCluster, whose mcquitty is Weighted, and whose ward wants squared
// distances and returns squared heights. Where distances tie, merges may be others than theirs.
//
// Errors: d is not n·(n−1)/2 long or holds what is no distance, or there is no such linkage.
func Link(n int, d []float64, by Linkage) ([]Merge, error) {
	if n < 1 || len(d) != n*(n-1)/2 {
		return nil, fmt.Errorf("cannot link %d items by %d distances", n, len(d))
	}
	if !slices.Contains(Linkages, by) {
		return nil, fmt.Errorf("there is no linkage %q", by)
	}
	for _, x := range d {
		if !(x >= 0) || math.IsInf(x, 1) {
			return nil, fmt.Errorf("cannot link by the distance %v", x)
		}
	}
	c := &condensed{n, d}
	size := make([]int, n)
	alive := make([]int32, n)
	for i := range alive {
		alive[i], size[i] = int32(i), 1
	}
	merges := make([]Merge, 0, n-1)
	var chain []int32
	for len(alive) > 1 {
		if len(chain) == 0 {
			chain = append(chain, alive[0])
		}
		top := chain[len(chain)-1]
		best, least := int32(-1), math.Inf(1)
		if len(chain) > 1 { // of equals the one we came from, or chains would run in circles
			best = chain[len(chain)-2]
			least = *c.at(top, best)
		}
		for _, k := range alive {
			if k != top {
				if x := *c.at(top, k); x < least {
					best, least = k, x
				}
			}
		}
		if len(chain) < 2 || best != chain[len(chain)-2] {
			chain = append(chain, best)
			continue
		}
		chain = chain[:len(chain)-2]
		a, b := min(top, best), max(top, best)
		merges = append(merges, Merge{int(a), int(b), least, size[a] + size[b]})
		alive = slices.DeleteFunc(alive, func(k int32) bool { return k == a })
		for _, k := range alive {
			if k != b {
				*c.at(b, k) = by.distance(*c.at(a, k), *c.at(b, k), least, float64(size[a]), float64(size[b]), float64(size[k]))
			}
		}
		size[b] += size[a]
	}
	return numbered(n, merges), nil
}

// condensed are distances by pair.
type condensed struct {
	n int
	x []float64
}

func (c *condensed) at(i, j int32) *float64 {
	if i > j {
		i, j = j, i
	}
	return &c.x[int(i)*(2*c.n-int(i)-3)/2+int(j)-1]
}

// distance is that of group k from what groups a and b become, by the distances of the three and their sizes (Lance and
// Williams, "A general theory of classificatory sorting strategies", 1967).
func (l Linkage) distance(ak, bk, ab, a, b, k float64) float64 {
	switch l {
	case Single:
		return min(ak, bk)
	case Complete:
		return max(ak, bk)
	case Average:
		return (float64(a*ak) + float64(b*bk)) / (a + b)
	case Weighted:
		return (ak + bk) / 2
	}
	n := a + b + k
	square := float64((a+k)/n*float64(ak*ak)) + float64((b+k)/n*float64(bk*bk)) - float64(k/n*float64(ab*ab))
	return math.Sqrt(max(square, 0))
}

// numbered puts merges, each of which names a group by any of its items, in the order of their heights, and names groups as
// [Merge] says.
func numbered(n int, merges []Merge) []Merge {
	slices.SortStableFunc(merges, func(a, b Merge) int { return cmp.Compare(a.Height, b.Height) })
	sets := newForest(2*n - 1)
	size := make([]int, 2*n-1)
	for i := range n {
		size[i] = 1
	}
	for i := range merges {
		m := &merges[i]
		a, b := sets.root(m.A), sets.root(m.B)
		m.A, m.B = min(a, b), max(a, b)
		m.Size = size[a] + size[b]
		sets[a], sets[b], size[n+i] = n+i, n+i, m.Size
	}
	return merges
}

// A forest has the parent of each node, which is the node itself for roots.
type forest []int

func newForest(n int) forest {
	f := make(forest, n)
	for i := range f {
		f[i] = i
	}
	return f
}

func (f forest) root(i int) int {
	for f[i] != i {
		f[i] = f[f[i]]
		i = f[i]
	}
	return i
}

// Cut returns the group of each of n items, numbered in the order of their first items, after the merges that leave so many
// groups.
func Cut(n int, merges []Merge, groups int) []int32 {
	sets := newForest(2*n - 1)
	for i, m := range merges[:max(0, min(len(merges), n-groups))] {
		sets[m.A], sets[m.B] = n+i, n+i
	}
	number := map[int]int32{}
	out := make([]int32, n)
	for i := range out {
		r := sets.root(i)
		if _, ok := number[r]; !ok {
			number[r] = int32(len(number))
		}
		out[i] = number[r]
	}
	return out
}
