package partition

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Means is what [KMeans] finds.
type Means struct {
	Labels     []int32     // of each row: the number of its centre
	Centres    [][]float64 // the means of their rows
	Inertia    float64     // Σ weight·squared distance of a row from its centre
	Iterations int
}

// KMeans divides rows among given centres by Lloyd's method ("Least squares quantization in PCM", 1982): every row goes to
// the nearest centre, of equally near ones the first; centres become the means of their rows, by weight; until no row
// changes or no centre moves, or after most iterations. A centre that no row went to takes the row that is farthest from its own, the first of
// equally far ones.
//
// That is scikit-learn's KMeans(init=centres, n_init=1, tol=0, algorithm="lloyd"). mlpy's kmeans differs in a centre without
// rows only, which it moves to the origin.
//
// Errors: no rows, no centre, more centres than rows.
func KMeans(rows *Rows, centres [][]float64, most int) (*Means, error) {
	switch n := rows.Len(); {
	case n == 0:
		return nil, errors.New("cannot divide no rows")
	case len(centres) == 0:
		return nil, errors.New("cannot divide rows among no centres")
	case len(centres) > n:
		return nil, fmt.Errorf("cannot divide %d rows among %d centres", n, len(centres))
	}
	m := &Means{Labels: make([]int32, rows.Len()), Centres: centres}
	last := make([]int32, rows.Len())
	for i := range last {
		last[i] = -1
	}
	stable := false
	for !stable && m.Iterations < most {
		m.assign(rows)
		moved := m.update(rows)
		m.Iterations++
		stable = !moved || slices.Equal(m.Labels, last)
		copy(last, m.Labels)
	}
	if !stable {
		m.assign(rows)
	}
	for c, v := range m.Centres {
		norm := squares(v)
		for i, l := range m.Labels {
			if int(l) == c {
				m.Inertia += float64(rows.weight(i) * rows.squared(i, v, norm))
			}
		}
	}
	return m, nil
}

// assign gives every row the nearest centre: the least |c|² − 2·x·c.
func (m *Means) assign(rows *Rows) {
	norms := make([]float64, len(m.Centres))
	for c, v := range m.Centres {
		norms[c] = squares(v)
	}
	for i := range m.Labels {
		least := math.Inf(1)
		for c, v := range m.Centres {
			if d := norms[c] - 2*rows.dot(i, v); d < least {
				least, m.Labels[i] = d, int32(c)
			}
		}
	}
}

// update makes centres the means of their rows, and reports whether any has moved.
func (m *Means) update(rows *Rows) (changed bool) {
	held := make([]float64, len(m.Centres))
	for i, l := range m.Labels {
		held[l] += rows.weight(i)
	}
	moved := m.farthest(rows, held)
	old := m.Centres
	m.Centres = make([][]float64, len(old))
	for c := range old {
		m.Centres[c] = make([]float64, rows.Width)
	}
	for i, l := range m.Labels {
		if to, ok := moved[i]; ok { // its label stays until rows are assigned again
			held[l] -= rows.weight(i)
			held[to] = rows.weight(i)
			l = int32(to)
		}
		columns, values := rows.row(i)
		for k, c := range columns {
			m.Centres[l][c] += float64(rows.weight(i) * values[k])
		}
	}
	for c, v := range m.Centres {
		if held[c] > 0 {
			for k := range v {
				v[k] /= held[c]
			}
		} else { // its only rows weigh nothing
			copy(v, old[c])
		}
		changed = changed || !slices.Equal(v, old[c])
	}
	return changed
}

// farthest returns the centres that rows are moved to since these have none.
func (m *Means) farthest(rows *Rows, held []float64) map[int]int {
	if !slices.Contains(held, 0) {
		return nil
	}
	distance := make([]float64, len(m.Labels))
	order := make([]int, len(m.Labels))
	for i, l := range m.Labels {
		order[i] = i
		distance[i] = rows.squared(i, m.Centres[l], squares(m.Centres[l]))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(distance[b], distance[a]) })
	moved := map[int]int{}
	for c, w := range held {
		if w == 0 {
			moved[order[len(moved)]] = c
		}
	}
	return moved
}

// Spread returns k rows as centres to begin with, by k-means++: the first by chance, each other with a chance in proportion
// to its squared distance from the nearest before it (Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding",
// 2007). k is at most the number of rows. The same seed gives the same rows.
func Spread(rows *Rows, k int, seed uint64) [][]float64 {
	n := rows.Len()
	nearest := make([]float64, n)
	for i := range nearest {
		nearest[i] = rows.weight(i)
	}
	out := make([][]float64, 0, k)
	for len(out) < k {
		total := 0.
		for _, d := range nearest {
			total += d
		}
		seed++
		at := float64(mix(seed)>>11) / (1 << 53) * total
		pick := 0
		for i, d := range nearest {
			if d > 0 {
				pick = i
			}
			if at -= d; at < 0 {
				break
			}
		}
		centre := make([]float64, rows.Width)
		columns, values := rows.row(pick)
		for j, c := range columns {
			centre[c] = values[j]
		}
		norm := squares(centre)
		for i := range nearest {
			d := float64(rows.weight(i) * rows.squared(i, centre, norm))
			if len(out) == 0 || d < nearest[i] {
				nearest[i] = d
			}
		}
		out = append(out, centre)
	}
	return out
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
