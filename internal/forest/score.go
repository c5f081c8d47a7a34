package forest

import (
	"math"

	"weir/internal/bayes"
)

// Score returns the log-odds (natural) of bad of a record: of the mean, over the trees, of the share of bad in the leaf
// that the record falls into. Shares are integers, so no order of adding matters, and no score is beyond ±17 or so. Cells
// that are not there are missing.
func (f *Forest) Score(cells []float64) float64 {
	var bins [2 * MaxColumns]uint8
	f.place(cells, &bins)
	sum := uint64(0)
	nodes := f.nodes
	for _, i := range f.roots {
		n := nodes[i]
		for !n.leaf() {
			next := i + int(n.skip())
			if bins[n.ask&(2*MaxColumns-1)] <= n.cut() {
				next = i + 1
			}
			i = next
			n = nodes[i]
		}
		sum += uint64(n.value)
	}
	return f.logit(sum)
}

// place sets, for every column that is asked for, the bin of a cell, at twice the column and at one more: where nodes that
// send to the left what is missing look for it, and where others do.
func (f *Forest) place(cells []float64, bins *[2 * MaxColumns]uint8) {
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
	return float64(bayes.Log2((float64(sum)+.5)/(float64(rest)+.5)) * math.Ln2)
}

// Contributions sets dst, which has a place for each column, to what each adds to the score of a record, and returns where
// the score starts: start + Σ dst is the score, but for rounding. A split's column is given the change of the share of bad
// on the way that the record takes (Saabas: "Interpreting random forests", 2014); changes add up in shares and are then
// stretched, all alike, to add up in log-odds.
func (f *Forest) Contributions(cells []float64, dst []float64) (start float64) {
	var bins [2 * MaxColumns]uint8
	f.place(cells, &bins)
	dst = dst[:len(f.columns)]
	clear(dst)
	sum := uint64(0)
	for _, i := range f.roots {
		n := f.nodes[i]
		for !n.leaf() {
			if bins[n.ask&(2*MaxColumns-1)] <= n.cut() {
				i++
			} else {
				i += int(n.skip())
			}
			next := f.nodes[i]
			dst[n.column()] += float64(next.value) - float64(n.value) // whole numbers: exact
			n = next
		}
		sum += uint64(n.value)
	}
	start = f.logit(f.start)
	var stretch float64
	if sum == f.start { // the derivative of logit
		rest := uint64(len(f.roots))*full - sum
		stretch = 1/(float64(sum)+.5) + 1/(float64(rest)+.5)
	} else {
		stretch = (f.logit(sum) - start) / (float64(sum) - float64(f.start))
	}
	for j := range dst {
		dst[j] *= stretch
	}
	return start
}
