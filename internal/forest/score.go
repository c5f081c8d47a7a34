package forest

import (
	"math"

	"weir/internal/bayes"
)

// Score returns the log-odds (natural) of bad of a record: of the mean, over the trees, of the share of bad in the leaf
// that the record falls into. It is not beyond ±11. Cells that are not there are missing.
func (f *Forest) Score(cells []float64) float64 {
	var bins [places]uint8
	f.place(cells, &bins)
	return f.logit(f.sum(&bins))
}

// sum adds the shares of the leaves. It walks four trees at once: a walk is a chain of reads that wait for each other.
func (f *Forest) sum(bins *[places]uint8) uint64 {
	nodes, roots := f.nodes, f.roots
	sum := uint64(0)
	for ; len(roots) >= 4; roots = roots[4:] {
		i, j, k, l := roots[0], roots[1], roots[2], roots[3]
		m, n, o, p := nodes[i], nodes[j], nodes[k], nodes[l]
		for m.to|n.to|o.to|p.to != 0 {
			i, j, k, l = m.next(i, bins), n.next(j, bins), o.next(k, bins), p.next(l, bins)
			m, n, o, p = nodes[i], nodes[j], nodes[k], nodes[l]
		}
		sum += uint64(shares[m.share]) + uint64(shares[n.share]) + uint64(shares[o.share]) + uint64(shares[p.share])
	}
	for _, i := range roots {
		n := nodes[i]
		for !n.leaf() {
			i = n.next(i, bins)
			n = nodes[i]
		}
		sum += uint64(shares[n.share])
	}
	return sum
}

// place sets, for every column that is asked for, the bin of a cell, at twice the column and at one more: where nodes that
// send to the left what is missing look for it, and where others do.
func (f *Forest) place(cells []float64, bins *[places]uint8) {
	bins[nowhere] = above
	for _, j := range f.used {
		b := uint8(0)
		if int(j) < len(cells) {
			b = f.scales[j].bin(cells[j])
		}
		bins[2*j], bins[2*j+1] = b, b
		if b == 0 {
			bins[2*j], bins[2*j+1] = below, above
		}
	}
}

// logit is the log-odds of a sum of values over all trees.
func (f *Forest) logit(sum uint64) float64 {
	rest := uint64(len(f.roots))*full - sum
	return float64(bayes.Log2(float64(sum)/float64(rest)) * math.Ln2)
}

// Contributions sets dst, which has a place for each column, to what each adds to the score of a record, and returns where
// the score starts: start + Σ dst is the score, but for rounding. A split's column is given the change of the share of bad
// on the way that the record takes (Saabas: "Interpreting random forests", 2014); changes add up in shares and are then
// stretched, all alike, to add up in log-odds.
func (f *Forest) Contributions(cells []float64, dst []float64) (start float64) {
	var bins [places]uint8
	f.place(cells, &bins)
	dst = dst[:len(f.columns)]
	clear(dst)
	sum := uint64(0)
	for _, i := range f.roots {
		n := f.nodes[i]
		for !n.leaf() {
			i = n.next(i, &bins)
			next := f.nodes[i]
			dst[n.column()] += float64(shares[next.share]) - float64(shares[n.share]) // whole numbers: exact
			n = next
		}
		sum += uint64(shares[n.share])
	}
	start = f.logit(f.start)
	var stretch float64
	if sum == f.start { // the derivative of logit
		rest := uint64(len(f.roots))*full - sum
		stretch = 1/float64(sum) + 1/float64(rest)
	} else {
		stretch = (f.logit(sum) - start) / (float64(sum) - float64(f.start))
	}
	for j := range dst {
		dst[j] *= stretch
	}
	return start
}
