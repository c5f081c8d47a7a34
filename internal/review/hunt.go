package review

import (
	"weir/internal/decide"
	"weir/internal/hunt"
)

// Suspects are a hunt's suspects as items: those that one client sent and that say the same are one.
type Suspects struct {
	Items   []Item
	Members [][]int     // of each item: numbers of its suspects, best first
	Rows    []hunt.Fold // that Item.Row means
}

// OfHunt gathers all suspects of a hunt, also those that its funnel flagged, which belong to no row. costs
// says what mistakes about the i-th suspect cost; those of an item are those of its best.
func OfHunt(r *hunt.Result, costs func(i int) *decide.Costs) *Suspects {
	x := &Suspects{Rows: r.Folds()}
	row := make([]int32, r.Len())
	for k := range x.Rows {
		for _, i := range x.Rows[k].Members {
			row[i] = int32(k) + 1
		}
	}
	at := make([]int32, r.Variants())
	for i := range r.Len() {
		v := r.VariantOf(i)
		if at[v] == 0 {
			x.Items = append(x.Items, Item{Score: r.Score(i), Probability: r.Probability(i), Row: int(row[i]) - 1, Costs: costs(i)})
			x.Members = append(x.Members, nil)
			at[v] = int32(len(x.Items))
		}
		k := at[v] - 1
		x.Items[k].Records++
		x.Members[k] = append(x.Members[k], i)
	}
	return x
}
