package main

import (
	"bufio"
	"encoding/json"
	"io"
	"math"

	"weir/internal/eval"
)

// evaluationJSON is what `weir evaluate --json` writes: one object on one line. It is a contract: names, types and meanings
// stay within a major version, new fields may come. Shares and probabilities are 0 to 1; numbers are rounded to a
// billionth. What cannot be known, as recall without bad records, is null.
type evaluationJSON struct {
	Good        int             `json:"good"`              // good records
	Bad         int             `json:"bad"`               // bad records
	Threshold   float64         `json:"threshold"`         // probability from which a record is called bad
	Confusion   confusionJSON   `json:"confusion"`         // at the threshold
	Precision   *estimateJSON   `json:"precision"`         // of what is called bad, how much is; holds for this share of bad
	Recall      *estimateJSON   `json:"recall"`            // of bad, how much is called bad
	F1          *estimateJSON   `json:"f1"`                // harmonic mean of precision and recall
	Accuracy    *estimateJSON   `json:"accuracy"`          // called what they are
	FPR         *estimateJSON   `json:"fpr"`               // of good, how much is called bad
	AUC         *estimateJSON   `json:"auc"`               // pairs of bad and good in the right order of scores, ties by half
	AP          *estimateJSON   `json:"average_precision"` // Σ precision·Δrecall over distinct scores
	FPRAt95     *estimateJSON   `json:"fpr_at_95_recall"`  // of good, how much scores as high as the highest score that finds 95 % of bad
	ScoreAt95   *float64        `json:"score_at_95_recall"`
	RecallAt1   *estimateJSON   `json:"recall_at_1_fpr"` // of bad, how much the lowest score finds at which at most 1 % of good is flagged
	ROC         []pointJSON     `json:"roc"`             // from nothing to everything flagged, at most 512 points; empty with one class only
	PR          []pointJSON     `json:"pr"`              // likewise, from the highest score on
	Reliability reliabilityJSON `json:"reliability"`
	Kinds       []kindJSON      `json:"kinds"`     // the most frequent first, at most 200; empty if no record has a kind
	Verdicts    []verdictJSON   `json:"verdicts"`  // empty if none were given
	Resamples   int             `json:"resamples"` // that the intervals of auc and average_precision rest on
	Warnings    []string        `json:"warnings"`  // what rests on too little, in words
}

type confusionJSON struct {
	TruePositives  int `json:"true_positives"`
	FalsePositives int `json:"false_positives"`
	FalseNegatives int `json:"false_negatives"`
	TrueNegatives  int `json:"true_negatives"`
}

// estimateJSON is a figure with its 95 % interval.
type estimateJSON struct {
	Value     float64 `json:"value"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	N         int     `json:"n"`         // records that it is a share of, or made from
	Effective float64 `json:"effective"` // independent records that the interval rests on
}

// pointJSON is what flagging all records with at least this score gives.
type pointJSON struct {
	Score     float64 `json:"score"` // of the first point of roc, where nothing is flagged, the highest there is
	Flagged   int     `json:"flagged"`
	FPR       float64 `json:"fpr"`
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
}

type reliabilityJSON struct {
	ECE     float64   `json:"ece"`      // expected calibration error over ten bins
	Brier   float64   `json:"brier"`    // mean square of probability − label
	LogLoss float64   `json:"log_loss"` // nats
	Bins    []binJSON `json:"bins"`     // ten of equal width
}

// binJSON is what became of records with a probability from From up to To. Without records mean, rate, low, high are null.
type binJSON struct {
	From      float64  `json:"from"`
	To        float64  `json:"to"`
	N         int      `json:"n"`
	Bad       int      `json:"bad"`
	Effective float64  `json:"effective"`
	Mean      *float64 `json:"mean"` // probability
	Rate      *float64 `json:"rate"` // share of bad, with its 95 % interval
	Low       *float64 `json:"low"`
	High      *float64 `json:"high"`
}

type kindJSON struct {
	Kind      string        `json:"kind"` // "" are bad records without a kind
	Bad       int           `json:"bad"`
	Recall    *estimateJSON `json:"recall"`
	RecallAt1 *estimateJSON `json:"recall_at_1_fpr"`
}

type verdictJSON struct {
	Verdict string `json:"verdict"` // good, bad, novel, conflicting, unsure, other
	Good    int    `json:"good"`    // good records with it
	Bad     int    `json:"bad"`
}

// writeEvaluation writes an evaluation for programs.
func writeEvaluation(w io.Writer, e *eval.Evaluation) error {
	out := bufio.NewWriter(w)
	if err := json.NewEncoder(escaper{out}).Encode(toEvaluationJSON(e)); err != nil {
		return err
	}
	return out.Flush()
}

func toEvaluationJSON(e *eval.Evaluation) *evaluationJSON {
	j := &evaluationJSON{Good: e.Good, Bad: e.Bad, Threshold: billionth(e.Threshold), Confusion: confusionJSON(e.Confusion),
		Precision: estimate(e.Precision), Recall: estimate(e.Recall), F1: estimate(e.F1), Accuracy: estimate(e.Accuracy),
		FPR: estimate(e.FPR), AUC: estimate(e.AUC), AP: estimate(e.AP), FPRAt95: estimate(e.FPRAt95), RecallAt1: estimate(e.RecallAt1),
		ROC: points(e.ROC), PR: points(e.PR), Resamples: e.Resamples, Kinds: []kindJSON{}, Verdicts: []verdictJSON{},
		Warnings: []string{}}
	if e.Bad > 0 {
		j.ScoreAt95 = known(e.ScoreAt95)
	}
	for _, k := range e.Kinds {
		j.Kinds = append(j.Kinds, kindJSON{validUTF8(k.Name), k.Count, estimate(k.Recall), estimate(k.AtOne)})
	}
	for _, v := range e.Verdicts {
		j.Verdicts = append(j.Verdicts, verdictJSON{v.Verdict, v.Good, v.Bad})
	}
	for _, s := range e.Warnings {
		j.Warnings = append(j.Warnings, validUTF8(s))
	}
	d := e.Reliability
	j.Reliability = reliabilityJSON{billionth(d.ECE), billionth(d.Brier), billionth(d.LogLoss), make([]binJSON, 0, len(d.Bins))}
	for _, b := range d.Bins {
		x := binJSON{From: billionth(b.From), To: billionth(b.To), N: b.Count, Bad: b.Bad, Effective: billionth(b.Worth)}
		if b.Count > 0 {
			x.Mean, x.Rate, x.Low, x.High = known(b.Mean), known(b.Rate), known(b.Low), known(b.High)
		}
		j.Reliability.Bins = append(j.Reliability.Bins, x)
	}
	return j
}

func estimate(x eval.Estimate) *estimateJSON {
	if x.N == 0 {
		return nil
	}
	return &estimateJSON{billionth(x.Value), billionth(x.Low), billionth(x.High), x.N, billionth(x.Worth)}
}

func points(curve []eval.CurvePoint) []pointJSON {
	out := make([]pointJSON, 0, len(curve))
	for _, p := range curve {
		out = append(out, pointJSON{billionth(p.Score), p.Flagged, billionth(p.FPR), billionth(p.Recall), billionth(p.Precision)})
	}
	return out
}

func known(x float64) *float64 {
	x = billionth(x)
	return &x
}

// billionth rounds to nine digits after the point; large numbers, which have none, stay.
func billionth(x float64) float64 {
	if math.Abs(x) > 1e6 {
		return x
	}
	return math.Round(x*1e9) / 1e9
}
