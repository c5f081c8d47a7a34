package hunt

// Ordinary events become a flood when there are many more of them than in any clean window: each looks like known good,
// together they are a brute force. They do not go with learned good.
const (
	floodRatio = 3  // times as many as in the clean window that has most of them
	floodFloor = 25 // and so many more at least
)

// volumes counts the copies of every content of an analysis, without regard to who sent them, by the sum of its
// features' hashes.
func (h *hunter) volumes(a *analysis) map[uint64]uint32 {
	out := make(map[uint64]uint32, len(a.contents))
	for i := range a.contents {
		out[h.anonymous(a, &a.contents[i])] += a.contents[i].copies
	}
	return out
}

// anonymous hashes what a content says, leaving out who says it.
func (h *hunter) anonymous(a *analysis, c *content) (sum uint64) {
	for _, fi := range a.featuresOf(c) {
		if x := &a.features[fi]; !a.fields[x.field].field.Identity {
			sum += h.keep.list[x.id].hash * 0x9E3779B97F4A7C15
		}
	}
	return sum
}

// floods returns, by content of the window, whether it belongs to a flood.
func (r *Result) floods(clean []*analysis) []bool {
	most := map[uint64]uint32{}
	for _, a := range clean {
		for key, n := range r.h.volumes(a) {
			most[key] = max(most[key], n)
		}
	}
	here := r.h.volumes(r.a)
	out := make([]bool, len(r.a.contents))
	for i := range out {
		key := r.h.anonymous(r.a, &r.a.contents[i])
		out[i] = uint64(here[key]) > floodFloor+floodRatio*uint64(most[key])
	}
	return out
}
