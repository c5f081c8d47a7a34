package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/term"
	"weir/internal/token"
)

type explainFlags struct {
	applyFlags
	json  bool
	limit int
}

func newExplain(s *streams) *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain --filter F [flags] FILE:LINE...",
		Short: "show every clue that a filter finds in a record",
		Long: `Judges the record at FILE:LINE with a filter and lists all its clues, strongest first: what each adds to the score, its
weight by its counts alone, and how many of the good and bad records of the training had it. Where a filter was trained
with --record file, FILE will do.`,
		Example: `  weir explain --filter web.weir access.log:4711
  weir explain --filter mail.weir suspicious.eml`,
		RunE: func(cmd *cobra.Command, args []string) error { return runExplain(cmd.Context(), s, f, args) },
	}
	cmd.Flags().SortFlags = false
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON Lines, one record each, with all clues (docs/json.md)")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "show at most this `MANY` clues of a record (default all)")
	return cmd
}

func runExplain(ctx context.Context, s *streams, f *explainFlags, args []string) error {
	fl, enrichment, err := f.open()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usagef("nothing to explain: name a record as FILE:LINE")
	}
	for _, a := range args {
		file, line := lineOf(a)
		if line == 0 {
			if fl.Reading.Record != format.RecordFile {
				return usagef("%q names no line; write FILE:LINE, as in access.log:4711", a)
			}
			file, line = a, 1
		}
		if err := f.explain(ctx, s, fl, enrichment, file, line); err != nil {
			return err
		}
	}
	return nil
}

// errFound ends a scan once the record was seen.
var errFound = errors.New("found")

func (f *explainFlags) explain(ctx context.Context, s *streams, fl *filter.Filter, enrichment func() *token.Enrichment, file string, line int64) error {
	in, err := oneLog(ctx, s, file)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	h := &explainer{line: line, judge: fl.NewJudge(enrichment()), found: func() { stop(errFound) }}
	summary, err := scanWith(ctx, []source.Input{in}, fl, scanFlags{workers: 1}, func() format.Handler { return h })
	if !h.ok {
		if summary != nil {
			warnOfFiles(s, summary)
		}
		if err != nil {
			return err
		}
		return hintf(fmt.Errorf("%s has no record on line %d", file, line), "Lines are counted from 1; blank lines, headers and what cannot be read are no records.")
	}
	if f.json {
		return h.json(s, fl, file)
	}
	return h.print(s, fl, file, f.limit)
}

// An explainer waits for one record and judges it.
type explainer struct {
	line  int64
	judge *filter.Judge
	found func()

	ok        bool
	judgement filter.Judgement
	clues     []filter.Clue
	raw       []byte
	time      *time.Time
}

// Event implements format.Handler.
func (h *explainer) Event(e *event.Event, pos format.Position, raw []byte) {
	if pos.Line != h.line || h.ok {
		return
	}
	h.ok = true
	h.judgement, h.clues = h.judge.Clues(e)
	h.raw = append(h.raw, raw...)
	if e.HasTime {
		t := time.Unix(0, e.Time).UTC()
		h.time = &t
	}
	h.found()
}

// scoredJSON is one line of `weir explain --json`, and of `weir score --json --evidence`. It is a contract: docs/json.md.
type scoredJSON struct {
	File        string         `json:"file"`
	Line        int64          `json:"line"`
	Time        *time.Time     `json:"time"`
	Score       float64        `json:"score"`
	Probability float64        `json:"probability"`
	Basis       string         `json:"probability_basis"`
	Verdict     filter.Verdict `json:"verdict"`
	Evidence    []evidenceJSON `json:"evidence"`
	Raw         string         `json:"raw"`
}

func (h *explainer) json(s *streams, fl *filter.Filter, file string) error {
	return json.NewEncoder(escaper{s.out}).Encode(&scoredJSON{File: validUTF8(file), Line: h.line, Time: h.time, Score: h.judgement.Score,
		Probability: h.judgement.Probability, Basis: "calibrated", Verdict: h.judgement.Verdict, Evidence: cluesJSON(h.clues), Raw: validUTF8(string(h.raw))})
}

func (h *explainer) print(s *streams, fl *filter.Filter, file string, limit int) error {
	p := newPage(s.out)
	g := &h.judgement
	p.heading(fmt.Sprintf("%s:%d", term.Clean(file), h.line), fmt.Sprintf("%s, probability of bad %.4g %%", g.Verdict, 100*g.Probability))
	for _, l := range rawLines(term.Clean(string(h.raw)), p.width-2, 3) {
		fmt.Fprintf(p.w, "  %s\n", p.Dim(l))
	}
	p.text(0, "")
	p.entry("Score", fmt.Sprintf("%+.2f bits; clues start to add at %+.2f", g.Score, fl.Start))
	p.entry("Learner", learnerText[fl.Learner])
	p.entry("Known", fmt.Sprintf("%.0f %% of its tokens were seen in training", 100*g.Known))
	fmt.Fprintf(p.w, "\n  %s\n", p.Bold(fmt.Sprintf("%8s %8s %17s %17s  %s", "adds", "weight", "good", "bad", "clue")))
	shown := 0
	for i := range h.clues {
		c := &h.clues[i]
		if limit > 0 && shown == limit {
			p.text(2, fmt.Sprintf("and %s more", plural(len(h.clues)-shown, "clue")))
			break
		}
		shown++
		adds := fmt.Sprintf("%+8.2f", c.Vote)
		switch {
		case c.Vote > .005:
			adds = p.Red(adds)
		case c.Vote < -.005:
			adds = p.Green(adds)
		}
		weight, good, bad := fmt.Sprintf("%+8.2f", c.Weight), share(c.Good, c.GoodShare), share(c.Bad, c.BadShare)
		switch {
		case c.Token == filter.Absent:
			weight, good, bad = "", "", ""
		case !c.Seen():
			weight, good, bad = "", "", "never seen"
		}
		fmt.Fprintf(p.w, "  %s %8s %17s %17s  %s\n", adds, weight, good, bad, term.Cut(term.Clean(c.Token), max(20, p.width-58)))
	}
	return p.w.Flush()
}

func share(n uint32, share float64) string {
	return fmt.Sprintf("%s %s", term.Count(int64(n)), strings.TrimSpace("("+percent(share, n)+")"))
}
