package hunt

import (
	"fmt"

	"weir/internal/count"
	"weir/internal/token"
)

// Fields that tell every record from every other carry no meaning: an id, a counter, a hash. They are found from the
// counts of known good, so that counting itself leaves nothing out.
const (
	minShape    = 50  // known-good records with the field before its shape says anything
	uniqueShare = .95 // of them with a value of their own
	clockBound  = 3   // count.Group.ClockBound from which a number is taken for a counter
	minBound    = 20  // records that a value needs to count for that
)

// layFields decides which fields of the window carry weight.
func (h *hunter) layFields(a *analysis, own bool) {
	for i := range a.fields {
		f := &a.fields[i]
		f.leftOut = h.reasons[f.group]
	}
	a.events = float64(h.counts.Total(count.Good))
	if own {
		a.events -= float64(len(a.list.rows))
	}
}

// findMeaningless finds which fields of the windows carry no weight, and why. Whether a field is numeric is up to the
// first window that has it.
func (h *hunter) findMeaningless(windows []*analysis) {
	var fields []*fieldInfo
	known := map[*count.Group]bool{}
	for _, a := range windows {
		for i := range a.fields {
			if f := &a.fields[i]; !known[f.group] {
				known[f.group] = true
				fields = append(fields, f)
			}
		}
	}
	reasons := make([]string, len(fields))
	parallel(len(fields), func(i int) { reasons[i] = h.meaningless(fields[i], fields[i].group.Shape()) })
	h.reasons = map[*count.Group]string{}
	for i, f := range fields {
		h.reasons[f.group] = reasons[i]
	}
}

// meaningless returns why a field carries no weight, or "".
func (h *hunter) meaningless(f *fieldInfo, s count.Shape) string {
	switch {
	case !f.field.Atomic() || s.Events < minShape:
	case s.Distinct == 1 && f.values == 1 && s.Events == h.counts.Total(count.Good):
		return "every record has the same value"
	case float64(s.Distinct) >= uniqueShare*float64(s.Events):
		return fmt.Sprintf("nearly every record has a value of its own (%d values in %d records)", s.Distinct, s.Events)
	case f.numeric && f.group.ClockBound(minBound) >= clockBound:
		return "its values run with the clock, as a counter's do"
	}
	return ""
}

// countTokens looks up how often each token came with known good and with the window's events.
func (h *hunter) countTokens(a *analysis, own bool) {
	perFeature := make([]uint32, len(a.features))
	for i := range a.contents {
		c := &a.contents[i]
		for _, f := range a.featuresOf(c) {
			perFeature[f] += c.copies
		}
	}
	for i := range a.features {
		for _, t := range a.tokensOf(&a.features[i]) {
			a.tokens[t].bad += perFeature[i] // a list with two values that share a part counts it twice
		}
	}
	for i := range a.tokens {
		t := &a.tokens[i]
		g := a.fields[t.field].group
		if t.kind == token.Whole {
			t.good, _ = g.Value(t.hash)
		} else {
			t.good, _ = g.Part(t.hash)
		}
		if own {
			t.good -= min(t.good, t.bad)
		}
	}
}
