package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/calibrate"
	"weir/internal/decide"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/term"
	"weir/internal/token"
)

// applyFlags are those of commands that apply a filter.
type applyFlags struct {
	filter, geoip string
	prior         float64
	workers       int
}

func (f *applyFlags) add(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.filter, "filter", "", "the filter, a `FILE` that 'weir train' has written")
	p.Float64Var(&f.prior, "prior", 0, "`SHARE` of bad records that is expected here (default: the filter's own)")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb, as for training")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
}

// open reads the filter and says how to enrich events for it.
func (f *applyFlags) open() (*filter.Filter, func() *token.Enrichment, error) {
	if f.prior < 0 || f.prior >= 1 {
		return nil, nil, usagef("--prior: %v is no share; write .02 for two bad records in a hundred", f.prior)
	}
	fl, err := readFilter(f.filter)
	if err != nil {
		return nil, nil, err
	}
	if f.prior > 0 {
		fl = fl.WithPrior(f.prior)
	}
	rf := readFlags{zone: fl.Zone, geoip: f.geoip, workers: f.workers}
	_, enrichment, _, err := rf.parse()
	return fl, enrichment, err
}

type scoreFlags struct {
	applyFlags
	json, evidence bool
	least          float64
}

func newScore(s *streams) *cobra.Command {
	f := &scoreFlags{}
	cmd := &cobra.Command{
		Use:   "score --filter F [flags] LOG...",
		Short: "judge every record with a filter",
		Long: `Judges every record of the logs with a filter that 'weir train' has made, and writes them in order: the probability that
the record is bad, the verdict, and where it stands. Files are read as the filter's training files were.

Verdicts are good, bad, novel (hardly anything in the record was seen in training) and conflicting (strong evidence both
ways). What the filter makes of all records together is said on standard error.`,
		Example: `  weir score --filter web.weir access.log
  weir score --filter web.weir --at-least .9 /var/log/nginx
  weir score --filter web.weir --json --evidence access.log > scored.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error { return runScore(cmd.Context(), s, f, args) },
	}
	cmd.Flags().SortFlags = false
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON Lines, one record each (docs/json.md)")
	cmd.Flags().BoolVar(&f.evidence, "evidence", false, "add each record's clues, strongest first")
	cmd.Flags().Float64Var(&f.least, "at-least", 0, "write only records with this `PROBABILITY` or more")
	return cmd
}

func runScore(ctx context.Context, s *streams, f *scoreFlags, args []string) error {
	fl, enrichment, err := f.open()
	if err != nil {
		return err
	}
	inputs, err := expand(s, args)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(s.out, 1<<18)
	all := &sequence{w: out}
	names := make([][]byte, len(inputs))
	for i := range inputs {
		names[i] = jsonText(inputs[i].Name)
	}
	var workers []*scorer
	bar := newProgress(s.err)
	summary, err := scanWith(ctx, inputs, fl, scanFlags{workers: f.workers, ordered: true, progress: bar.update},
		func() format.Handler {
			w := &scorer{f: f, inputs: inputs, names: names, judge: fl.NewJudge(enrichment()), all: all, width: width(s.out)}
			workers = append(workers, w)
			return w
		})
	bar.done()
	if summary != nil {
		warnOfFiles(s, summary)
	}
	if all.err != nil {
		return all.err
	}
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	total := &tallies{}
	for _, w := range workers {
		total.add(&w.tallies)
	}
	return total.print(s, fl)
}

type scanFlags struct {
	workers  int
	ordered  bool
	progress func(read, total, events int64)
}

// scanWith reads inputs as the filter's training files were read.
func scanWith(ctx context.Context, inputs []source.Input, fl *filter.Filter, o scanFlags, handler func() format.Handler) (*format.Summary, error) {
	zone, err := time.LoadLocation(fl.Zone)
	if err != nil {
		zone = time.UTC
	}
	choice := fl.Reading
	return format.Scan(ctx, inputs, format.ScanOptions{Workers: o.workers, Ordered: o.ordered, Progress: o.progress, FileTimes: true,
		Options: format.Options{Zone: zone, Choice: &choice}}, func(int, *event.Keys) format.Handler { return handler() })
}

// A sequence puts what workers wrote for blocks into the order of the blocks.
type sequence struct {
	mu    sync.Mutex
	w     io.Writer
	next  int64
	ready map[int64][]byte
	spare [][]byte
	err   error
}

// put hands over block number's bytes and returns a buffer for the next block.
func (q *sequence) put(number int64, b []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ready == nil {
		q.ready = map[int64][]byte{}
	}
	q.ready[number] = b
	for {
		b, ok := q.ready[q.next]
		if !ok {
			break
		}
		delete(q.ready, q.next)
		q.next++
		if q.err == nil {
			_, q.err = q.w.Write(b)
		}
		q.spare = append(q.spare, b[:0])
	}
	if n := len(q.spare); n > 0 {
		b := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return b
	}
	return nil
}

// tallies are what a filter makes of all records together.
type tallies struct {
	records  int64
	verdicts map[filter.Verdict]int64
	known    float64
	shares   calibrate.Shares
}

func (t *tallies) note(g *filter.Judgement) {
	if t.verdicts == nil {
		t.verdicts = map[filter.Verdict]int64{}
	}
	t.records++
	t.verdicts[g.Verdict]++
	t.known += g.Known
	t.shares.Add(g.Probability)
}

func (t *tallies) add(o *tallies) {
	if t.verdicts == nil {
		t.verdicts = map[filter.Verdict]int64{}
	}
	t.records += o.records
	t.known += o.known
	for v, n := range o.verdicts {
		t.verdicts[v] += n
	}
	t.shares.Merge(&o.shares)
}

// A scorer judges and writes one worker's records.
type scorer struct {
	tallies
	f      *scoreFlags
	inputs []source.Input
	names  [][]byte
	judge  *filter.Judge
	all    *sequence
	width  int
	buf    []byte
}

// Event implements format.Handler.
func (w *scorer) Event(e *event.Event, pos format.Position, raw []byte) {
	var g filter.Judgement
	var clues []filter.Clue
	if w.f.evidence {
		g, clues = w.judge.Clues(e)
	} else {
		g = w.judge.Judge(e)
	}
	w.note(&g)
	if g.Probability < w.f.least {
		return
	}
	if w.f.json {
		w.json(e, pos, &g, clues)
		return
	}
	w.buf = appendFixed(append(w.buf, ' '), g.Probability, 3)
	w.buf = append(w.buf, "  "...)
	w.buf = append(w.buf, (string(g.Verdict) + "           ")[:11]...)
	w.buf = append(w.buf, "  "...)
	w.buf = append(w.buf, term.Clean(w.inputs[pos.File].Name)...)
	w.buf = append(w.buf, ':')
	w.buf = strconv.AppendInt(w.buf, pos.Line, 10)
	w.buf = append(w.buf, "  "...)
	w.buf = append(w.buf, term.Clean(string(raw[:min(len(raw), 4*w.width)]))...)
	w.buf = append(w.buf, '\n')
	for i := range clues {
		if i == maxClues {
			break
		}
		c := &clues[i]
		w.buf = append(w.buf, fmt.Sprintf("        %+8.2f  %s  (good %d, bad %d)\n", c.Vote, term.Cut(term.Clean(c.Token), w.width-40), c.Good, c.Bad)...)
	}
}

// maxClues is how many clues of a record are shown where the record is one of many.
const maxClues = 10

// EndBlock implements format.BlockHandler.
func (w *scorer) EndBlock(number int64) { w.buf = w.all.put(number, w.buf) }

// json appends the record as docs/json.md says. It is written by hand since it is most of the work of scoring.
func (w *scorer) json(e *event.Event, pos format.Position, g *filter.Judgement, clues []filter.Clue) {
	b := append(w.buf, `{"file":`...)
	b = append(b, w.names[pos.File]...)
	b = append(b, `,"line":`...)
	b = strconv.AppendInt(b, pos.Line, 10)
	b = append(b, `,"time":`...)
	if e.HasTime {
		b = append(b, '"')
		b = time.Unix(0, e.Time).UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"score":`...)
	b = appendFixed(b, g.Score, 4)
	b = append(b, `,"probability":`...)
	b = strconv.AppendFloat(b, g.Probability, 'g', 6, 64)
	b = append(b, `,"probability_basis":"calibrated","verdict":"`...)
	b = append(b, g.Verdict...)
	b = append(b, '"')
	if w.f.evidence {
		b = append(b, `,"evidence":`...)
		var text bytes.Buffer
		_ = json.NewEncoder(escaper{&text}).Encode(cluesJSON(clues)) // a buffer takes everything
		b = append(b, bytes.TrimSpace(text.Bytes())...)
	}
	w.buf = append(b, "}\n"...)
}

func cluesJSON(clues []filter.Clue) []evidenceJSON {
	out := make([]evidenceJSON, 0, len(clues))
	for _, c := range clues {
		out = append(out, evidenceJSON{validUTF8(c.Token), rounded(c.Weight), rounded(c.Vote), c.Good, c.Bad, c.GoodShare, c.BadShare, ""})
	}
	return out
}

func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// appendFixed appends x with so many digits after the point, without −0.
func appendFixed(b []byte, x float64, digits int) []byte {
	if x == 0 {
		x = 0
	}
	return strconv.AppendFloat(b, x, 'f', digits, 64)
}

// jsonText is s as a JSON string that is safe to look at.
func jsonText(s string) []byte {
	var b bytes.Buffer
	_ = json.NewEncoder(escaper{&b}).Encode(validUTF8(s)) // a buffer takes everything
	return bytes.TrimSpace(b.Bytes())
}

// print says what the filter makes of all records together, and where that does not fit its training.
func (t *tallies) print(s *streams, fl *filter.Filter) error {
	p := newPage(s.err)
	if t.records == 0 {
		p.item(p.Yellow("!"), "There was no record to score.")
		return p.w.Flush()
	}
	text := plural(int(t.records), "record") + " scored:"
	for _, v := range []filter.Verdict{filter.VerdictBad, filter.VerdictGood, filter.VerdictNovel, filter.VerdictConflicting} {
		if n := t.verdicts[v]; n > 0 {
			text += fmt.Sprintf(" %s %s,", term.Count(n), v)
		}
	}
	p.text(0, text[:len(text)-1]+".")
	known := t.known / float64(t.records)
	if t.records >= 100 && known < fl.Known-decide.LessKnown {
		p.item(p.Yellow("!"), fmt.Sprintf("Only %.0f %% of what these records hold was seen in training, where it was %.0f %% of held-back "+
			"records: they are of another kind, or things have changed. Train on examples from here.", 100*known, 100*fl.Known))
	}
	if prior, ok := t.shares.Estimate(fl.Prior); ok && t.records >= 1000 && (prior < fl.Prior/2 || prior > 2*fl.Prior && prior-fl.Prior > .05) {
		p.item(p.Yellow("!"), fmt.Sprintf("Probabilities are for a share of bad of %.2g %%; of these records about %.2g %% seem to be. If you "+
			"think so too, say --prior %.2g.", 100*fl.Prior, 100*prior, prior))
	}
	return p.w.Flush()
}
