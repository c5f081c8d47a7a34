package beacon

import "slices"

// falseDiscovery returns the q-values of p-values: the expected share of false discoveries among all pairs at least as
// regular, by Benjamini and Hochberg (1995). It holds for pairs that are independent or lean the same way, as those of
// one machine do; Yekutieli's factor for any dependence, the logarithm of the pairs, is less than what the p-values
// are too large by (docs/adr/0009-periodicity.md).
func falseDiscovery(p []float64) []float64 {
	n := len(p)
	order := make([]int, n)
	for i := range order {
		order[i] = i
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
		least = min(least, p[order[i]]*float64(n)/float64(i+1))
		q[order[i]] = least
	}
	return q
}
