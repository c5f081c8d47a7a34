package main

import (
	"encoding/json"
	"fmt"
	"io"

	"weir/internal/filter"
	"weir/internal/term"
)

// writeManifest writes what a filter is, as JSON.
func writeManifest(w io.Writer, f *filter.Filter) error {
	enc := json.NewEncoder(escaper{w})
	enc.SetIndent("", "  ")
	return enc.Encode(&f.Manifest)
}

var learnerText = map[filter.Learner]string{
	filter.Linear:     "logistic regression on all tokens",
	filter.NaiveVotes: "naive Bayes, one vote for each kind of token",
	filter.NaiveSum:   "naive Bayes, all tokens, damped",
	filter.Blend:      "linear, with a share of bayes-sum",
	filter.Forest:     "decision trees on the fields",

	filter.Multinomial: "naive Bayes as other toolkits have it: tokens drawn one by one",
	filter.Complement:  "naive Bayes as other toolkits have it, by what the other class has: with two classes multinomial",
	filter.Bernoulli:   "naive Bayes as other toolkits have it: every token there or not",
}

var heldText = map[string]string{
	"time":    "each fifth of the time judged by what was learned before it",
	"client":  "a fifth of the clients at a time",
	"content": "a fifth of the contents at a time",
}

// printTrained tells what was learned.
func printTrained(s *streams, f *filter.Filter, name string, size int64) error {
	p := newPage(s.out)
	p.heading("Learned", fmt.Sprintf("%s good and %s bad, %s", term.Count(f.Good), term.Count(f.Bad), plural(f.Tokens, "token")))
	p.entry("Read as", f.Reading.String())
	if f.Held.Parts > 0 {
		p.heading("Held back", heldText[f.Held.By])
		for _, t := range f.Held.Trials {
			mark := " "
			if t.Learner == f.Learner {
				mark = p.Green("*")
			}
			p.item(mark, fmt.Sprintf("%-12s average precision %.4f, log loss %.4f bits a record: %s", t.Learner, t.AveragePrecision, t.LogLoss,
				learnerText[t.Learner]))
		}
		p.calibration(f)
	} else {
		p.heading("Learner", learnerText[f.Learner])
	}
	p.warnings(f.Warnings)
	p.heading("Written", fmt.Sprintf("%s, %d KiB", term.Clean(name), (size+1023)>>10))
	p.tip("weir score --filter "+term.Clean(shellQuote(name))+" LOG...", "judge other records")
	return p.w.Flush()
}

func (p *page) warnings(texts []string) {
	for _, w := range texts {
		p.item(p.Yellow("!"), capital(term.Clean(w))+".")
	}
}

// calibration shows how far held-back probabilities could be taken at their word.
func (p *page) calibration(f *filter.Filter) {
	d := f.Held.Reliability
	if d == nil {
		return
	}
	p.heading("Probabilities", fmt.Sprintf("calibration error %.1f %%; for a share of bad of %.2g %%", 100*d.ECE, 100*f.Prior))
	for _, b := range d.Bins {
		if b.Count > 0 {
			fmt.Fprintf(p.w, "  %3.0f-%3.0f %%  %20s, %5.1f %% bad (%.1f-%.1f)\n", 100*b.From, 100*b.To, plural(b.Count, "record"), 100*b.Rate, 100*b.Low,
				100*b.High)
		}
	}
}
