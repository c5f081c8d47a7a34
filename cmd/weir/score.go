package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/source"
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
	top            int
}

func newScore(s *streams) *cobra.Command {
	f := &scoreFlags{}
	cmd := &cobra.Command{
		Use:   "score --filter F [flags] LOG...",
		Short: "judge every record with a filter",
		Long: `Judges every record of the logs with a filter that 'weir train' has made, and writes them in order: the probability that
the record is bad, the verdict, and where it stands. Files are read as the filter's training files were. With --top the most probable
ones come first, and of equals the first.

Verdicts are good, bad, novel (hardly anything in the record was seen in training) and conflicting (strong evidence both
ways). What the filter makes of all records together is said on standard error.`,
		Example: `  weir score --filter web.weir access.log
  weir score --filter web.weir --at-least .9 /var/log/nginx
  weir score --filter web.weir --top 20 access.log
  weir score --filter web.weir --json --evidence access.log > scored.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error { return runScore(cmd.Context(), s, f, args) },
	}
	cmd.Flags().SortFlags = false
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON Lines, one record each (docs/json.md)")
	cmd.Flags().BoolVar(&f.evidence, "evidence", false, "add each record's clues, strongest first")
	cmd.Flags().Float64Var(&f.least, "at-least", 0, "write only records with this `PROBABILITY` or more")
	cmd.Flags().IntVar(&f.top, "top", 0, "write only the `N` records that are most probably bad, those first (default: all, in order)")
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
	if f.top < 0 {
		return usagef("--top cannot be negative")
	}
	out := bufio.NewWriterSize(s.out, 1<<18)
	summary, total, err := f.score(ctx, s, inputs, fl, enrichment, out)
	if summary != nil {
		warnOfFiles(s, summary)
	}
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return total.print(s, fl)
}

// score judges all records, here or on an engine, and writes them.
func (f *scoreFlags) score(ctx context.Context, s *streams, inputs []source.Input, fl *filter.Filter, enrichment func() *token.Enrichment,
	out *bufio.Writer) (*format.Summary, *tallies, error) {
	if s.job != nil {
		return f.scoreOnEngine(ctx, s, inputs, fl, out)
	}
	all := &sequence{w: out}
	style := f.style(s)
	names := namesOf(inputs)
	var workers []*scorer
	bar := newProgress(s.err)
	summary, err := scanWith(ctx, inputs, fl, scanFlags{workers: f.workers, ordered: true, progress: bar.update},
		func() format.Handler {
			w := &scorer{judging: newJudging(style, names, fl, enrichment), all: all}
			workers = append(workers, w)
			return w
		})
	bar.done()
	if all.err != nil {
		err = all.err
	}
	total := &tallies{}
	best := suspects{most: f.top}
	for _, w := range workers {
		total.add(&w.tallies)
		best.merge(&w.best)
	}
	if err == nil {
		err = best.write(out, nil)
	}
	return summary, total, err
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

// A scorer judges and writes one worker's records.
type scorer struct {
	*judging
	all *sequence
	buf []byte
}

// Event implements format.Handler.
func (w *scorer) Event(e *event.Event, pos format.Position, raw []byte) {
	if !w.judge(e, pos, raw) {
		return
	}
	if w.style.Top > 0 {
		w.best.add(w.suspect(pos))
		return
	}
	w.buf = append(w.buf, w.before...)
	w.buf = strconv.AppendInt(w.buf, pos.Line, 10)
	w.buf = append(w.buf, w.after...)
}

// maxClues is how many clues of a record are shown where the record is one of many.
const maxClues = 10

// EndBlock implements format.BlockHandler.
func (w *scorer) EndBlock(number int64) { w.buf = w.all.put(number, w.buf) }

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
