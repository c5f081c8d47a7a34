// Package forest learns to tell bad records of a table from good ones by labelled examples, with many decision trees that
// each see the examples a little differently (Breiman: "Random forests", Machine Learning 45, 2001).
//
// [Fit] grows a [Forest], [Forest.Score] judges a record, [Forest.Contributions] says which columns did it,
// [Forest.Append] and [Parse] keep it.
//
// The same examples give the same forest, to the byte, for any number of workers, any order of the rows and on every
// platform: weights are turned into integers before they are summed, and whether a tree sees a row depends on what the
// row says and not on where it stands. Trees know a number by its rank among the examples alone, so a forest is the same
// whether a column holds bytes, kilobytes or their logarithm.
package forest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// A Column is what a table says of one of its columns.
type Column struct {
	Name     string `json:"name"`
	Category bool   `json:"category"` // cells are names without order, not numbers
}

// Rows are labelled records of a table.
type Rows struct {
	Columns []Column
	// Cells has the rows one after another, len(Columns) cells each. A number is itself, a category the value of a hash
	// of 32 bits, NaN stands for what the record does not say.
	Cells  []float64
	Bad    []bool
	Weight []float64 // how much a row counts beside the others; nil is the same for all
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.Bad) }

// Row returns the cells of row i.
func (r *Rows) Row(i int) []float64 {
	n := len(r.Columns)
	return r.Cells[i*n : (i+1)*n : (i+1)*n]
}

// Options govern fitting. The zero value is what weir uses.
type Options struct {
	// Trees is how many are grown; 0 is [DefaultTrees].
	Trees int
	// Candidates is how many columns a node chooses the best split from, among those that differ in it; 0 is the square
	// root of the number of columns, rounded.
	Candidates int
	// Workers is how many trees are grown at once; 0 is 1. It does not change the forest.
	Workers int
	// Seed varies what the trees see.
	Seed uint64
}

// DefaultTrees is how many trees a forest has unless told.
const DefaultTrees = 100

// Bounds of a forest, fitted or parsed.
const (
	MaxTrees   = 1 << 12
	MaxColumns = 1<<12 - 1
	MaxDepth   = 24 // splits above a leaf
)

// A Forest is a fitted model. It does not change, and may be used by many goroutines at once.
type Forest struct {
	columns []Column
	scales  []scale // by column
	nodes   []node  // of all trees
	roots   []int   // where each tree begins
	used    []int32 // columns that some node asks for
	start   uint64  // sum of the shares of the roots
}

// Columns returns the columns that a record has to have, in this order. They stay the forest's.
func (f *Forest) Columns() []Column { return f.columns }

// Trees is the number of trees.
func (f *Forest) Trees() int { return len(f.roots) }

// Validate reports all that is wrong with the rows.
func (r *Rows) Validate() error {
	var errs []error
	switch n := len(r.Columns); {
	case n == 0:
		errs = append(errs, errors.New("there are no columns"))
	case n > MaxColumns:
		errs = append(errs, fmt.Errorf("%d columns are more than %d", n, MaxColumns))
	}
	if want := len(r.Bad) * len(r.Columns); len(r.Cells) != want {
		errs = append(errs, fmt.Errorf("%d rows of %d columns have %d cells, not %d", len(r.Bad), len(r.Columns), want, len(r.Cells)))
	}
	if len(r.Bad) > math.MaxInt32 {
		errs = append(errs, fmt.Errorf("%d rows are more than %d", len(r.Bad), math.MaxInt32))
	}
	if r.Weight != nil && len(r.Weight) != len(r.Bad) {
		errs = append(errs, fmt.Errorf("%d rows have %d weights", len(r.Bad), len(r.Weight)))
	}
	for i, w := range r.Weight {
		if !(w >= 0) || math.IsInf(w, 1) {
			errs = append(errs, fmt.Errorf("the weight of row %d is %v", i, w))
			break
		}
	}
	return errors.Join(errs...)
}

// Fit grows a forest on the rows named by use (nil: all). It returns early, with an error, when ctx ends, and refuses rows
// that are not valid or none at all. Rows of one class alone give a forest that says so everywhere.
func Fit(ctx context.Context, r *Rows, use []int32, o Options) (*Forest, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("cannot fit a forest: %w", err)
	}
	if use == nil {
		use = make([]int32, r.Len())
		for i := range use {
			use[i] = int32(i)
		}
	}
	for _, i := range use {
		if i < 0 || int(i) >= r.Len() {
			return nil, fmt.Errorf("cannot fit a forest: there is no row %d", i)
		}
	}
	if r.Weight != nil {
		use = slices.DeleteFunc(slices.Clone(use), func(i int32) bool { return r.Weight[i] == 0 })
	}
	if len(use) == 0 {
		return nil, errors.New("cannot fit a forest: there are no rows")
	}
	if o.Trees <= 0 {
		o.Trees = DefaultTrees
	}
	o.Trees = min(o.Trees, MaxTrees)
	if o.Candidates <= 0 {
		o.Candidates = int(math.Round(math.Sqrt(float64(len(r.Columns)))))
	}
	t := newTable(r, use)
	f := &Forest{columns: slices.Clone(r.Columns), scales: t.scales}
	trees := make([][]node, o.Trees)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(max(o.Workers, 1), o.Trees) {
		wg.Go(func() {
			g := newGrower(ctx, t, o)
			for {
				n := int(next.Add(1)) - 1
				if n >= o.Trees || ctx.Err() != nil {
					return
				}
				trees[n] = g.tree(uint64(n))
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, tree := range trees {
		f.roots = append(f.roots, len(f.nodes))
		f.nodes = append(f.nodes, tree...)
	}
	f.trim()
	f.finish()
	return f, nil
}

// finish derives what scoring needs beside the trees.
func (f *Forest) finish() {
	used := make([]bool, len(f.columns))
	for _, n := range f.nodes {
		if !n.leaf() {
			used[n.column()] = true
		}
	}
	f.used = f.used[:0]
	for j, u := range used {
		if u {
			f.used = append(f.used, int32(j))
		}
	}
	f.start = 0
	for _, i := range f.roots {
		f.start += uint64(shares[f.nodes[i].share])
	}
}
