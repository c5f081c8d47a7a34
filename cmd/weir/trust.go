package main

import (
	"fmt"

	"weir/internal/calibrate"
	"weir/internal/decide"
	"weir/internal/filter"
)

// leastDrift is how much worse the newest part of the training data may be told apart until that counts as drift, as where a
// filter warns of it.
const leastDrift = -.05

// trust says how far a filter's probabilities can be taken at their word, for cost, replay and label alike, and why not
// further: a sentence, empty where they are calibrated.
func trust(fl *filter.Filter, p *decide.Policy) (b decide.Basis, doubt string) {
	c, h := fl.Calibration, &fl.Held
	switch {
	case c == nil || c.Method == calibrate.Constant || h.Reliability == nil:
		return decide.Few, "The filter's probabilities are not calibrated: it had too few records to hold any back. Whatever would be blocked goes to review. Train it with more examples of good and bad."
	case min(c.Good, c.Bad) < p.Least:
		return decide.Few, fmt.Sprintf("The filter's probabilities rest on %d good and %d bad different records that were held back, and the policy wants %d of each: "+
			"whatever would be blocked goes to review. Train it with more examples, or set block.least lower.", c.Good, c.Bad, p.Least)
	case h.Drift != nil && *h.Drift < leastDrift:
		return decide.Drifted, "What is good or bad was changing when the filter was trained (its newest records are told apart worse than older ones): whatever would be blocked goes to review. Train it on newer records."
	}
	return decide.Calibrated, ""
}
