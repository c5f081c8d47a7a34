package cluster

import (
	"cmp"
	"slices"
)

// An Overlap is a client, user, host or destination that several campaigns have: the same somebody may be in more than one
// story, though not by what known good hardly has.
type Overlap struct {
	Value     string
	Campaigns []int // their numbers, rising
}

// Overlaps returns the n overlaps of most campaigns.
func Overlaps(list []Campaign, n int) []Overlap {
	at := map[string]int{}
	var out []Overlap
	for i := range list {
		f := &list[i].Facts
		for _, values := range [][]Count{f.Clients, f.Users, f.Hosts, f.Destinations} {
			for _, v := range values {
				k, ok := at[v.Value]
				if !ok {
					k = len(out)
					at[v.Value] = k
					out = append(out, Overlap{Value: v.Value})
				}
				if has := out[k].Campaigns; !list[i].Noise && (len(has) == 0 || has[len(has)-1] != list[i].Number) {
					out[k].Campaigns = append(has, list[i].Number)
				}
			}
		}
	}
	out = slices.DeleteFunc(out, func(x Overlap) bool { return len(x.Campaigns) < 2 })
	slices.SortFunc(out, func(a, b Overlap) int {
		return cmp.Or(cmp.Compare(len(b.Campaigns), len(a.Campaigns)), slices.Compare(a.Campaigns, b.Campaigns), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), n)]
}
