package beacon

import "slices"

// falseDiscovery returns the q-values of p-values: the share of false discoveries among all pairs at least as regular, by
// Benjamini and Yekutieli (2001), which holds however the pairs depend on one another.
func falseDiscovery(p []float64) []float64 {
	n := len(p)
	order := make([]int, n)
	harmonic := 0.
	for i := range order {
		order[i] = i
		harmonic += 1 / float64(i+1)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	q, least := make([]float64, n), 1.
	for i := n - 1; i >= 0; i-- {
		least = min(least, p[order[i]]*harmonic*float64(n)/float64(i+1))
		q[order[i]] = least
	}
	return q
}
