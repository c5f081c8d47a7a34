package cluster

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"weir/internal/bayes"
)

const (
	// cut is the mean distance (one minus likeness) from which two clusters stay two; where time counts it is nearer, by
	// cutTime times the share of time.
	cut     = .82
	cutTime = .1

	// Time counts where it agrees with the tokens (see agreement): not at all below agreeFrom, as much as it may from
	// agreeFull.
	agreeFrom = .2
	agreeFull = .5
	mostTime  = .7

	neighbours = 5  // by which agreement is measured
	moments    = 32 // times of a leader that are compared
)

// Things happen together within seconds of three scales: scale, a quarter of it, and a sixteenth.
const (
	scale  = 32
	scales = 3
)

// A matrix holds a number for each pair of leaders.
type matrix struct {
	n int
	x []float64
}

func newMatrix(n int) *matrix { return &matrix{n, make([]float64, n*n)} }

func (m *matrix) row(i int) []float64 { return m.x[i*m.n : (i+1)*m.n] }

// eachRow calls f for 0 to n−1 on all processors, the last first, since in half a matrix these are the longest rows.
func eachRow(n int, f func(i int)) {
	var done atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := n - int(done.Add(1)); i >= 0; i = n - int(done.Add(1)) {
				f(i)
			}
		})
	}
	wait.Wait()
}

// likenesses compares all leaders with all, through an inverted index: pairs without a common token cost nothing.
func likenesses(list []leader) *matrix {
	m := newMatrix(len(list))
	type posting struct {
		leader int32
		x      float64
	}
	at := map[uint32][]posting{}
	for i := range list {
		for _, e := range list[i].entries {
			at[e.token] = append(at[e.token], posting{int32(i), e.x})
		}
	}
	eachRow(len(list), func(i int) {
		row := make([]float64, i) // its own: the matrix's row is written into by others
		for _, e := range list[i].entries {
			for _, o := range at[e.token] {
				if o.leader >= int32(i) {
					break
				}
				row[o.leader] += float64(o.x * e.x)
			}
		}
		for k, x := range row {
			x = share(x, &list[i].vector, &list[k].vector)
			m.row(i)[k], m.row(k)[i] = x, x
		}
		m.row(i)[i] = 1
	})
	return m
}

// sampled returns at most moments of rising times, evenly, in seconds after the first of all.
func sampled(times []int64, from int64) []float64 {
	n := min(len(times), moments)
	out := make([]float64, n)
	for i := range out {
		at := 0
		if n > 1 {
			at = i * (len(times) - 1) / (n - 1)
		}
		out[i] = float64(times[at]-from) / 1e9
	}
	return out
}

// together says how much of what a did was done near something that b did.
func together(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 || a[0] > b[len(b)-1]+farthest || b[0] > a[len(a)-1]+farthest {
		return 0
	}
	sum, k := 0.0, 0
	for _, t := range a {
		for k+1 < len(b) && math.Abs(b[k+1]-t) <= math.Abs(b[k]-t) {
			k++
		}
		sum += nearness(math.Abs(b[k] - t))
	}
	return sum / float64(len(a)*scales)
}

// farthest is where nearness is less than 2^−64 of what it is at the same moment, and taken for 0.
const farthest = 64 * scale

// nearness is the sum of 2^(−d/s) over scales s, from one power of two, since each scale is four times the one before.
func nearness(d float64) float64 {
	if d > farthest {
		return 0
	}
	wide := bayes.Exp2(-d / scale)
	square := float64(wide * wide)
	middle := float64(square * square)
	square = float64(middle * middle)
	return wide + middle + float64(square*square)
}

// closeness is how near in time each pair of leaders is.
func closeness(times [][]float64) *matrix {
	m := newMatrix(len(times))
	eachRow(len(times), func(i int) {
		m.row(i)[i] = 1
		for k := range i {
			c := math.Sqrt(together(times[i], times[k]) * together(times[k], times[i]))
			m.row(i)[k], m.row(k)[i] = c, c
		}
	})
	return m
}

// agreement is how far those that are near in time are like each other: 0 as much as any two, 1 as much as those that are
// most alike. Where a scanner's steps follow each other, time tells them apart; where all goes on all the time, it says
// nothing, and tokens have to.
func agreement(like, near *matrix) float64 {
	n := like.n
	k := min(neighbours, n-1)
	if k < 1 {
		return 0
	}
	var all, byTime, best float64
	order := make([]int32, n)
	top := func(row []float64, self int) []int32 {
		order = order[:0]
		for i := range row {
			if i == self {
				continue
			}
			if len(order) == k && row[i] <= row[order[k-1]] {
				continue
			}
			at, _ := slices.BinarySearchFunc(order, int32(i), func(a, b int32) int {
				return cmp.Or(cmp.Compare(row[b], row[a]), cmp.Compare(a, b))
			})
			if len(order) == k {
				order = order[:k-1]
			}
			order = slices.Insert(order, at, int32(i))
		}
		return order
	}
	for i := range n {
		row := like.row(i)
		for j, x := range row {
			if j != i {
				all += x
			}
		}
		for _, j := range top(near.row(i), i) {
			byTime += row[j]
		}
		for _, j := range top(row, i) {
			best += row[j]
		}
	}
	all /= float64(n) * float64(n-1)
	byTime /= float64(n * k)
	best /= float64(n * k)
	if best <= all {
		return 0
	}
	return max(0, (byTime-all)/(best-all))
}

// mix lays likeness and closeness together and returns distances, with what time counts in them.
func mix(like, near *matrix) (distance *matrix, time float64) {
	a := agreement(like, near)
	time = float64(mostTime * min(1, max(0, (a-agreeFrom)/(agreeFull-agreeFrom))))
	distance = newMatrix(like.n)
	for i := range like.x {
		distance.x[i] = 1 - float64((1-time)*like.x[i]) - float64(time*near.x[i])
	}
	return distance, time
}

// agglomerate joins the nearest two clusters until the mean distance between their items exceeds most, by chains of nearest
// neighbours (Murtagh 1983): n² steps. It changes d. The result is the cluster of each leader, numbered by first leaders.
func agglomerate(d *matrix, sizes []int, most float64) []int32 {
	n := d.n
	parent := make([]int32, n)
	weight := make([]float64, n)
	alive := make([]int32, n)
	for i := range parent {
		parent[i], alive[i], weight[i] = int32(i), int32(i), float64(sizes[i])
	}
	gone := make([]bool, n)
	var chain []int32
	for len(alive) > 1 {
		if len(chain) == 0 {
			chain = append(chain, alive[0])
		}
		top := chain[len(chain)-1]
		row := d.row(int(top))
		best, least := int32(-1), math.Inf(1)
		if len(chain) > 1 { // of equals the one we came from, or chains would run in circles
			best = chain[len(chain)-2]
			least = row[best]
		}
		for _, k := range alive {
			if k != top && row[k] < least {
				best, least = k, row[k]
			}
		}
		if len(chain) < 2 || best != chain[len(chain)-2] {
			chain = append(chain, best)
			continue
		}
		chain = chain[:len(chain)-2]
		if least > most { // nothing is nearer to either: both stay what they are, apart
			// Average linkage never comes nearer again, so their distance to others may only grow: they are done.
			gone[top], gone[best] = true, true
			alive = slices.DeleteFunc(alive, func(k int32) bool { return gone[k] })
			continue
		}
		a, b := min(top, best), max(top, best)
		parent[b] = a
		ra, rb := d.row(int(a)), d.row(int(b))
		wa, wb := weight[a]/(weight[a]+weight[b]), weight[b]/(weight[a]+weight[b])
		for _, k := range alive {
			if k != a && k != b {
				x := float64(wa*ra[k]) + float64(wb*rb[k])
				ra[k] = x
				d.row(int(k))[a] = x
			}
		}
		weight[a] += weight[b]
		alive = slices.DeleteFunc(alive, func(k int32) bool { return k == b })
	}
	out := make([]int32, n)
	next := int32(0)
	for i := range out { // a parent stands before its children
		if parent[i] == int32(i) {
			out[i] = next
			next++
			continue
		}
		out[i] = out[parent[i]]
	}
	return out
}
