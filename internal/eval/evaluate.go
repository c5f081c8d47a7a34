// Package eval says how good scores and probabilities are, against records whose labels are known: ReadTruth reads the
// labels, Evaluate compares. Every figure has an interval, and one that rests on little comes with a warning.
//
// Records that are copies of each other, or of one client, are not independent witnesses. Where samples have groups,
// intervals count by groups.
package eval

import (
	"errors"
	"fmt"
	"math"

	"weir/internal/calibrate"
)

// A Sample is a record with a known label and what was said of it.
type Sample struct {
	Score       float64 // finite; ranks: higher is worse
	Probability float64 // of bad, 0 to 1
	Bad         bool
	Kind        string // of attack, for recall by kind; may be empty
	Group       uint64 // records of one group count as one witness; 0 means a witness of its own
	Verdict     string // good, bad, novel, conflicting, unsure, or "" if none was given
}

// Options of Evaluate. The zero value is the default.
type Options struct {
	Threshold float64 // probability from which a record is called bad; 0 means .5
	Seed      uint64  // of the resampling
	Resamples int     // most resamples for the intervals of AUC and average precision; 0 means 200; fewer are made of many samples
}

// Validate reports all options out of range.
func (o *Options) Validate() error {
	var faults []error
	if !(o.Threshold >= 0 && o.Threshold <= 1) {
		faults = append(faults, fmt.Errorf("the threshold is %v: it must be from 0 to 1", o.Threshold))
	}
	if o.Resamples < 0 || o.Resamples > 10_000 {
		faults = append(faults, fmt.Errorf("%d resamples: there must be 0 to 10000", o.Resamples))
	}
	return errors.Join(faults...)
}

// An Estimate is a figure with its 95 % interval.
type Estimate struct {
	Value, Low, High float64 // 0 to 1; if N is 0: 0, 0 and 1
	N                int     // records that Value is a share of, or is made from; 0 if there is nothing to make it from
	Worth            float64 // independent records that the interval rests on, at most N (calibrate.Effective)
}

// A Confusion counts records by label and by whether their probability reaches the threshold.
type Confusion struct {
	TruePositives  int // bad, called bad
	FalsePositives int // good, called bad
	FalseNegatives int // bad, called good
	TrueNegatives  int // good, called good
}

// A CurvePoint is what calling everything bad that scores at least Score gives.
type CurvePoint struct {
	Score     float64
	Flagged   int // records called bad
	FPR       float64
	Recall    float64
	Precision float64 // 1 if nothing is flagged
}

// A Kind is how much of one kind of bad is found.
type Kind struct {
	Name   string
	Count  int      // bad records
	Recall Estimate // at the threshold
	AtOne  Estimate // at the score above which at most 1 % of good lies
}

// A VerdictCount is how often a verdict was given.
type VerdictCount struct {
	Verdict   string
	Good, Bad int // by label
}

// An Evaluation is the result of Evaluate.
type Evaluation struct {
	Good, Bad   int
	Threshold   float64
	Confusion   Confusion
	Precision   Estimate // of what is called bad, how much is
	Recall      Estimate // of bad, how much is called so
	F1          Estimate
	Accuracy    Estimate
	FPR         Estimate // of good, how much is called bad
	AUC         Estimate // probability that a bad record scores higher than a good one, ties by half
	AP          Estimate // average precision: Σ precision·Δrecall over distinct scores
	FPRAt95     Estimate // share of good that scores at least as high as the score that finds 95 % of bad
	ScoreAt95   float64  // that score; 0 if there are no bad records
	RecallAt1   Estimate // share of bad found by the lowest score at which at most 1 % of good is flagged
	ROC, PR     []CurvePoint
	Reliability *calibrate.Diagram // of probabilities, by tenths
	Kinds       []Kind             // the most frequent first; none if no record has a kind
	Verdicts    []VerdictCount     // good, bad, novel, conflicting, unsure, other; none if no verdicts were given
	Resamples   int                // that the intervals of AUC and AP rest on
	Warnings    []string
}

const (
	defaultThreshold = .5
	maxSamples       = 1 << 30
	few              = 50 // independent records of a class: with less, intervals are wide enough to be told about
)

// Evaluate compares what was said of samples with their labels. Beyond the samples it takes up to about 30 bytes for each
// and a time in proportion to n·log n. The samples are not changed, and their order makes no difference.
//
// Intervals of shares are Wilson's, that of F1 = 2J/(1+J) is Wilson's for J = TP/(TP+FP+FN); those of AUC and average
// precision come from resampled groups.
//
// Errors: no samples, more than 2^30, a score that is not finite, a probability that is not from 0 to 1, options out of
// range.
func Evaluate(samples []Sample, o Options) (*Evaluation, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := check(samples); err != nil {
		return nil, err
	}
	if o.Threshold == 0 {
		o.Threshold = defaultThreshold
	}
	e := &Evaluation{Threshold: o.Threshold}
	r := ranked(samples)
	e.confusion(r)
	e.curves(r)
	e.kinds(r)
	e.verdicts(samples)
	seq := r.sequence()
	r.release()
	e.resample(seq, r.groups, o)
	d, err := calibrate.ReliabilityOf(len(samples), func(i int) calibrate.ProbabilityPoint {
		return calibrate.ProbabilityPoint{Probability: samples[i].Probability, Bad: samples[i].Bad, Group: samples[i].Group}
	}, 10)
	if err != nil {
		return nil, err
	}
	e.Reliability = d
	e.warn()
	return e, nil
}

func check(samples []Sample) error {
	if len(samples) == 0 {
		return errors.New("cannot evaluate without labelled records")
	}
	if len(samples) > maxSamples {
		return fmt.Errorf("cannot evaluate %d records at once, only %d", len(samples), maxSamples)
	}
	for i := range samples {
		s := &samples[i]
		if math.IsNaN(s.Score) || math.IsInf(s.Score, 0) {
			return fmt.Errorf("cannot evaluate the score %v of record %d: it must be finite", s.Score, i)
		}
		if !(s.Probability >= 0 && s.Probability <= 1) {
			return fmt.Errorf("cannot evaluate the probability %v of record %d: it must be from 0 to 1", s.Probability, i)
		}
	}
	return nil
}

// share is k of n records that are worth so many independent ones.
func share(k, n int, worth float64) Estimate {
	if n == 0 {
		return Estimate{High: 1}
	}
	e := Estimate{Value: float64(k) / float64(n), N: n, Worth: worth}
	e.Low, e.High = calibrate.Wilson(e.Value, worth)
	return e
}

// confusion counts at the threshold.
func (e *Evaluation) confusion(r *ranking) {
	c := &e.Confusion
	called := func(s *Sample) bool { return s.Probability >= e.Threshold }
	for i := range r.samples {
		switch s := &r.samples[i]; {
		case s.Bad && called(s):
			c.TruePositives++
		case s.Bad:
			c.FalseNegatives++
		case called(s):
			c.FalsePositives++
		default:
			c.TrueNegatives++
		}
	}
	tp, fp, fn, tn := c.TruePositives, c.FalsePositives, c.FalseNegatives, c.TrueNegatives
	e.Good, e.Bad = fp+tn, tp+fn
	r.good, r.bad = e.Good, e.Bad
	r.worthBad = r.worth(e.Bad, func(s *Sample) bool { return s.Bad })
	r.worthGood = r.worth(e.Good, func(s *Sample) bool { return !s.Bad })
	e.Recall = share(tp, e.Bad, r.worthBad)
	e.FPR = share(fp, e.Good, r.worthGood)
	e.Precision = share(tp, tp+fp, r.worth(tp+fp, called))
	e.Accuracy = share(tp+tn, len(r.samples), r.worth(len(r.samples), func(*Sample) bool { return true }))
	e.F1 = share(tp, tp+fp+fn, r.worth(tp+fp+fn, func(s *Sample) bool { return s.Bad || called(s) }))
	for _, v := range []*float64{&e.F1.Value, &e.F1.Low, &e.F1.High} {
		*v = 2 * *v / (1 + *v)
	}
}

// verdicts counts the verdicts by label.
func (e *Evaluation) verdicts(samples []Sample) {
	names := []string{"good", "bad", "novel", "conflicting", "unsure", "other"}
	counts := make([]VerdictCount, len(names))
	given := false
	for i := range samples {
		s := &samples[i]
		if s.Verdict == "" {
			continue
		}
		given = true
		at := 0
		for at < len(names)-1 && names[at] != s.Verdict {
			at++
		}
		if s.Bad {
			counts[at].Bad++
		} else {
			counts[at].Good++
		}
	}
	if !given {
		return
	}
	for i, c := range counts {
		if i < len(names)-1 || c.Good+c.Bad > 0 {
			c.Verdict = names[i]
			e.Verdicts = append(e.Verdicts, c)
		}
	}
}

// warn says which figures rest on little.
func (e *Evaluation) warn() {
	say := func(format string, args ...any) { e.Warnings = append(e.Warnings, fmt.Sprintf(format, args...)) }
	class := func(n int, name string, of string, x Estimate) {
		switch {
		case n == 0:
			say("no %s records, so %s, AUC and average precision are unknown", name, of)
		case n < few:
			say("only %d %s records: the interval of %s is %s to %s", n, name, of, short(x.Low), short(x.High))
		case x.Worth < few:
			say("the %d %s records are worth only %.0f independent ones: the interval of %s is %s to %s", n, name, x.Worth, of,
				short(x.Low), short(x.High))
		}
	}
	class(e.Bad, "bad", "recall", e.Recall)
	class(e.Good, "good", "the false-positive rate", e.FPR)
	if n := len(e.ROC); n > 0 && e.ROC[0].Score == e.ROC[n-1].Score {
		say("all scores are equal, so there is no ranking")
	}
	if called := e.Confusion.TruePositives + e.Confusion.FalsePositives; called == 0 {
		say("no record has a probability of %s or more, so precision is unknown", short(e.Threshold))
	}
	if n := len(e.Kinds); n == maxKindRows {
		say("only the %d most frequent kinds are listed", n)
	}
	for _, w := range e.Reliability.Warnings {
		say("probabilities: %s", w)
	}
}

// short writes a share with two digits, or three near 0 and 1 so that it does not read as certain.
func short(x float64) string {
	if x > 0 && x < .095 || x < 1 && x > .995 {
		return fmt.Sprintf("%.3f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
