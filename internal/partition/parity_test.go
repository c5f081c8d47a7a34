package partition

import (
	"slices"
	"strings"
	"testing"

	"weir/test/parity"
)

func rowsOf(list [][][2]float64, columns int, weight []float64) *Rows {
	r := &Rows{Start: []int32{0}, Width: columns, Weight: weight}
	for _, row := range list {
		for _, x := range row {
			r.Columns, r.Values = append(r.Columns, uint32(x[0])), append(r.Values, x[1])
		}
		r.Start = append(r.Start, int32(len(r.Columns)))
	}
	return r
}

// TestKMeansAgainstOthers: KMeans of scikit-learn 1.2.1 and kmeans of mlpy 3.5.0 (test/parity/oracle.py).
func TestKMeansAgainstOthers(t *testing.T) {
	for _, c := range parity.Cases[struct {
		Name, By       string
		Rows           [][][2]float64
		Columns, Most  int
		Weights        []float64
		Centres, Means [][]float64
		Labels         []int32
		Inertia        float64
		Iterations     int
	}](t, "kmeans") {
		t.Run(c.Name, func(t *testing.T) {
			m, err := KMeans(rowsOf(c.Rows, c.Columns, c.Weights), c.Centres, c.Most)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(m.Labels, c.Labels) {
				t.Errorf("%v, want\n%v", m.Labels, c.Labels)
			}
			for k := range c.Means {
				for i, want := range c.Means[k] {
					parity.Near(t, m.Centres[k][i], want, "centre %d, column %d", k, i)
				}
			}
			parity.Near(t, m.Inertia, c.Inertia, "inertia")
			if m.Iterations != c.Iterations {
				t.Errorf("%d iterations, want %d", m.Iterations, c.Iterations)
			}
		})
	}
}

// TestLinkAgainstOthers: scipy.cluster.hierarchy.linkage of SciPy 1.10.1, HCluster and MFastHCluster of mlpy 3.5.0
// (test/parity/oracle.py).
func TestLinkAgainstOthers(t *testing.T) {
	for _, c := range parity.Cases[struct {
		Name        string
		Linkage     Linkage
		Items       int
		Rows        [][][2]float64
		Columns     int
		Distances   []float64
		Scipy       [][4]float64
		MlpyFast    [][4]float64 `json:"mlpy_fast"`
		MlpyHeights []float64    `json:"mlpy_heights"`
		MlpyCuts    []struct {
			Groups int
			Labels []int32
		} `json:"mlpy_cuts"`
	}](t, "linkage") {
		t.Run(c.Name, func(t *testing.T) {
			for i, d := range rowsOf(c.Rows, c.Columns, nil).Distances() {
				parity.Near(t, d, c.Distances[i], "distance %d", i)
			}
			merges, err := Link(c.Items, c.Distances, c.Linkage)
			if err != nil {
				t.Fatal(err)
			}
			if len(merges) != len(c.Scipy) {
				t.Fatalf("%d merges, want %d", len(merges), len(c.Scipy))
			}
			for i, m := range merges {
				for _, z := range [][][4]float64{c.Scipy, c.MlpyFast} {
					if z != nil && (m.A != int(z[i][0]) || m.B != int(z[i][1]) || m.Size != int(z[i][3])) {
						t.Errorf("merge %d: %v, want %v", i, m, z[i])
					}
					if z != nil {
						parity.Near(t, m.Height, z[i][2], "height %d", i)
					}
				}
				parity.Near(t, m.Height, c.MlpyHeights[i], "mlpy's height %d", i)
			}
			for _, cut := range c.MlpyCuts {
				if got := Cut(c.Items, merges, cut.Groups); !slices.Equal(got, cut.Labels) {
					t.Errorf("%d groups: %v, want\n%v", cut.Groups, got, cut.Labels)
				}
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	one := rowsOf([][][2]float64{{{0, 1}}}, 1, nil)
	for want, f := range map[string]func() error{
		"no rows":                func() error { _, err := KMeans(rowsOf(nil, 1, nil), [][]float64{{0}}, 9); return err },
		"no centres":             func() error { _, err := KMeans(one, nil, 9); return err },
		"1 rows among 2 centres": func() error { _, err := KMeans(one, [][]float64{{0}, {1}}, 9); return err },
		"2 items by 3 distances": func() error { _, err := Link(2, []float64{1, 2, 3}, Single); return err },
		"linkage \"centroid\"":   func() error { _, err := Link(2, []float64{1}, "centroid"); return err },
		"by the distance -1":     func() error { _, err := Link(2, []float64{-1}, Single); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if merges, err := Link(1, nil, Ward); err != nil || len(merges) > 0 || !slices.Equal(Cut(1, merges, 1), []int32{0}) {
		t.Errorf("one item: %v, %v", merges, err)
	}
}
