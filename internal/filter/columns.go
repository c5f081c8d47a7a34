package filter

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"weir/internal/forest"
	"weir/internal/linear"
	"weir/internal/token"
)

// columns learn which fields make a table: those with numbers or names that most records have. A forest is grown on them
// where there are enough numbers, since that is what it is better at than weights for tokens: how large, and together with
// what. The cells of a content are found again by its items, so nothing is kept twice.
type columns struct {
	names   map[uint16]string // fields by the group of their whole values
	numbers map[item]float64  // of whole values that are numbers, by their item
	full    bool              // there were too many: no forest
}

// maxNumbers bounds the numbers that are remembered. Values above 65,535 are ranges, so that only very many fields get there.
const maxNumbers = 1 << 20

func (c *columns) check() {
	if c.full || len(c.numbers) > maxNumbers {
		c.full, c.numbers = true, nil
	}
}

func newColumns() *columns { return &columns{names: map[uint16]string{}, numbers: map[item]float64{}} }

// note takes a feature whose whole value has the item whole.
func (c *columns) note(f *token.Feature, whole item) {
	x, number, ok := f.Cell()
	if !ok {
		return
	}
	g := groupOf(whole)
	if old, found := c.names[g]; !found || f.Field.Name < old {
		c.names[g] = strings.Clone(f.Field.Name)
	}
	if number && !c.full {
		c.number(whole, x)
	}
}

// number notes the number that an item stands for: the least, where two share it.
func (c *columns) number(it item, x float64) {
	if old, found := c.numbers[it]; !found || x < old {
		c.numbers[it] = x
		c.check()
	}
}

func (c *columns) merge(o *columns) {
	for g, name := range o.names {
		if old, found := c.names[g]; !found || name < old {
			c.names[g] = name
		}
	}
	c.full = c.full || o.full
	for it, x := range o.numbers {
		if !c.full {
			c.number(it, x)
		}
	}
	c.check()
}

// What it takes to grow a forest.
const (
	fewestNumbers = 5   // columns of numbers
	fewestRows    = 100 // contents of each class
	mostRows      = 30000
	mostColumns   = 200
)

// rows lays contents out as a table, or returns nil where they make none. use are the contents that a forest learns from at
// most: the first of each class in the order of their hashes.
func (c *columns) rows(examples []linear.Example) (r *forest.Rows, use []int32) {
	type stat struct {
		group            uint16
		present, numbers int
	}
	stats := map[uint16]*stat{}
	for i := range examples {
		for _, it := range examples[i].Items {
			if _, ok := c.names[groupOf(it)]; !ok {
				continue
			}
			s := stats[groupOf(it)]
			if s == nil {
				s = &stat{group: groupOf(it)}
				stats[s.group] = s
			}
			s.present++
			if _, ok := c.numbers[it]; ok {
				s.numbers++
			}
		}
	}
	var kept []*stat
	numbers := 0
	for _, s := range stats {
		if 2*s.present < len(examples) {
			continue
		}
		kept = append(kept, s)
		if 10*s.numbers >= 9*s.present {
			numbers++
		}
	}
	if c.full || numbers < fewestNumbers || len(kept) > mostColumns {
		return nil, nil
	}
	slices.SortFunc(kept, func(a, b *stat) int { return cmp.Compare(c.names[a.group], c.names[b.group]) })
	r = &forest.Rows{}
	place := map[uint16]int{}
	for i, s := range kept {
		place[s.group] = i
		r.Columns = append(r.Columns, forest.Column{Name: c.names[s.group], Category: 10*s.numbers < 9*s.present})
	}
	var n [2]int
	for i := range examples {
		x := &examples[i]
		row := len(r.Cells)
		for range kept {
			r.Cells = append(r.Cells, math.NaN())
		}
		for _, it := range x.Items {
			k, ok := place[groupOf(it)]
			if !ok {
				continue
			}
			if r.Columns[k].Category {
				r.Cells[row+k] = float64(keyOf(it))
			} else if v, ok := c.numbers[it]; ok {
				r.Cells[row+k] = v
			}
		}
		r.Bad = append(r.Bad, x.Bad)
		r.Weight = append(r.Weight, math.Sqrt(float64(x.Count)))
		if n[index(x.Bad)]++; n[index(x.Bad)] <= mostRows {
			use = append(use, int32(i))
		}
	}
	if min(n[0], n[1]) < fewestRows {
		return nil, nil
	}
	return r, use
}

// A cellReader finds the cells of an event.
type cellReader struct {
	columns []forest.Column
	byField []int // by Field.ID: the column plus one, 0 is not looked up yet, −1 none
	cells   []float64
	chosen  []uint32 // of the values of a field, the one whose key is the largest, as in training
}

func (c *cellReader) read(features []*token.Feature) []float64 {
	for i := range c.cells {
		c.cells[i] = math.NaN()
	}
	for _, f := range features {
		k := c.column(f.Field)
		if k < 0 {
			continue
		}
		x, number, ok := f.Cell()
		key := uint32(f.Hash >> 32)
		switch {
		case !ok, !math.IsNaN(c.cells[k]) && key < c.chosen[k]:
		case c.columns[k].Category:
			c.cells[k], c.chosen[k] = float64(key), key
		case number:
			c.cells[k], c.chosen[k] = x, key
		}
	}
	return c.cells
}

func (c *cellReader) column(f *token.Field) int {
	for f.ID >= len(c.byField) {
		c.byField = append(c.byField, 0)
	}
	if c.byField[f.ID] == 0 {
		c.byField[f.ID] = -1
		for k := range c.columns {
			if c.columns[k].Name == f.Name {
				c.byField[f.ID] = k + 1
			}
		}
	}
	if k := c.byField[f.ID]; k > 0 {
		return k - 1
	}
	return -1
}
