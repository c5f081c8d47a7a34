// Package partition divides records into groups of like ones by their tokens, without being told what is good or bad.
//
// [KMeans] and [Link] are the two methods, on plain numbers; their results are those of scikit-learn, SciPy and mlpy on
// the same input (test/parity). [Records] applies them to logs: it reads contents and their tokens in bounded memory, divides
// them, and says what makes each group.
package partition

import "math"

// Rows are points with few coordinates that are not 0.
type Rows struct {
	Start   []int32 // of each row in the two below, and the end of the last: one more than there are rows
	Columns []uint32
	Values  []float64
	Width   int       // number of columns
	Weight  []float64 // by row, not negative; nil is 1 each
}

// Len returns the number of rows.
func (r *Rows) Len() int { return len(r.Start) - 1 }

func (r *Rows) row(i int) ([]uint32, []float64) {
	from, to := r.Start[i], r.Start[i+1]
	return r.Columns[from:to], r.Values[from:to]
}

func (r *Rows) weight(i int) float64 {
	if r.Weight == nil {
		return 1
	}
	return r.Weight[i]
}

// dot is the product of row i with a dense vector.
func (r *Rows) dot(i int, v []float64) float64 {
	columns, values := r.row(i)
	sum := 0.
	for k, c := range columns {
		sum += float64(values[k] * v[c])
	}
	return sum
}

// squared is the squared Euclidean distance of row i from a dense vector whose squares sum to norm.
func (r *Rows) squared(i int, v []float64, norm float64) float64 {
	columns, values := r.row(i)
	sum := norm
	for k, c := range columns {
		d := values[k] - v[c]
		sum += float64(d*d) - float64(v[c]*v[c])
	}
	return max(sum, 0)
}

func squares(v []float64) float64 {
	sum := 0.
	for _, x := range v {
		sum += float64(x * x)
	}
	return sum
}

// Distances returns the Euclidean distances between all pairs of rows, as [Link] wants them. They take 4·n² bytes.
func (r *Rows) Distances() []float64 {
	n := r.Len()
	out := make([]float64, 0, n*(n-1)/2)
	dense := make([]float64, r.Width)
	for i := range n {
		columns, values := r.row(i)
		norm := 0.
		for k, c := range columns {
			dense[c] = values[k]
			norm += float64(values[k] * values[k])
		}
		for j := i + 1; j < n; j++ {
			out = append(out, math.Sqrt(r.squared(j, dense, norm)))
		}
		for _, c := range columns {
			dense[c] = 0
		}
	}
	return out
}
