package hunt

import (
	"fmt"
	"time"
)

// What breaks the logs' time into stretches, and how much of the events makes one more than stray.
const (
	stretchGap = 28 * day
	solidShare = .01
)

// A strayTime is what a clock that jumps leaves behind: events far away from all others.
type strayTime struct {
	events int64
	share  float64
	span   Span // from the first to the last, by the bins of the timeline
}

// stretches splits the time that the logs cover where nothing happened for four weeks, and tells stretches that hold one event
// in a hundred from those that hold less. Where none holds that many, all are solid.
func (h *hunter) stretches() (solid []Span, stray strayTime) {
	t := h.times.times()
	total := int64(0)
	for _, n := range t.Counts {
		total += n
	}
	add := func(from, to int, n int64) {
		s := Span{max(h.covered.From, t.From+int64(from)*t.Width), min(h.covered.To, t.From+int64(to)*t.Width-1)}
		if float64(n) >= solidShare*float64(total) {
			solid = append(solid, s)
			return
		}
		if stray.events == 0 {
			stray.span = s
		}
		stray.events += n
		stray.span.To = s.To
	}
	from, last, n := 0, -1, int64(0)
	for i, c := range t.Counts {
		if c == 0 {
			continue
		}
		if last >= 0 && int64(i-last-1)*t.Width >= stretchGap {
			add(from, last+1, n)
			from, n = i, 0
		}
		last, n = i, n+c
	}
	add(from, last+1, n)
	if len(solid) == 0 {
		return []Span{h.covered}, strayTime{}
	}
	stray.share = float64(stray.events) / float64(max(1, total))
	return solid, stray
}

// reach is how long known good reaches, without the times in which nothing happened; 0 where clocks jump and nobody knows.
func (h *hunter) reach() (n int64) {
	solid, stray := h.stretches()
	if stray.events > 0 {
		return 0
	}
	for _, s := range solid {
		n += s.Length()
	}
	return n
}

// strayed warns of clocks that jump.
func (h *hunter) strayed() []string {
	_, s := h.stretches()
	if s.events == 0 {
		return nil
	}
	events, lie, them := "events", "lie", "them"
	if s.events == 1 {
		events, lie, them = "event", "lies", "it"
	}
	share := fmt.Sprintf("%.1f %%", 100*s.share)
	if s.share < .001 {
		share = "less than 0.1 %"
	}
	at := func(ns int64) string { return time.Unix(0, ns).In(h.opt.Zone).Format("2006-01-02") }
	return []string{fmt.Sprintf("%s %s (%s) %s weeks away from the others, between %s and %s: was a clock wrong? Known good holds %s, clean "+
		"windows do not; --good FROM/TO takes only what it names.", thousands(uint64(s.events)), events, share, lie, at(s.span.From), at(s.span.To), them)}
}
