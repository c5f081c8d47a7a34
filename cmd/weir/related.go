package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"weir/internal/enrich"
	"weir/internal/format"
	"weir/internal/related"
	"weir/internal/source"
	"weir/internal/term"
	"weir/internal/token"
)

// relatedFlags are the command line of related as it was typed.
type relatedFlags struct {
	zone, format, geoip string
	limit, workers      int
	json                bool
}

func newRelated(s *streams) *cobra.Command {
	f := &relatedFlags{}
	cmd := &cobra.Command{
		Use:   "related [flags] FILE:LINE|ADDRESS|TOKEN LOG...",
		Short: "find what has rare things in common with a record, an address or a clue",
		Long: `Takes the record at FILE:LINE, all records that have ADDRESS in some field, or all that carry TOKEN, and shows the other
records that share their rare values, the rarest first.

TOKEN is written as 'weir hunt' shows it (url.path:segment=admin, user.name=root), or is a value of any field. LOG is what
it is for 'weir hunt'; FILE is read too, whether or not it is among them.`,
		Example: `  weir related /var/log/nginx/access.log:4711 /var/log
  weir related 203.0.113.7 /var/log/nginx /opt/zeek/logs
  weir related --json 'user_agent.original:product=sqlmap' access.log`,
		RunE: func(cmd *cobra.Command, args []string) error { return runRelated(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of logs that name none, and of what is shown")
	p.StringVar(&f.format, "format", "", "read the logs as this `FORMAT`, or as the server's own log_format or LogFormat string")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb")
	p.BoolVar(&f.json, "json", false, "write JSON Lines, one event each, best first")
	p.IntVar(&f.limit, "limit", 0, "how many to show (default 100 events as JSON, 20 rows otherwise)")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	return cmd
}

func runRelated(ctx context.Context, s *streams, f *relatedFlags, args []string) error {
	o, zone, err := f.options()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usagef("nothing to look for: name FILE:LINE, an address or a token, and then logs")
	}
	what, logs := args[0], args[1:]
	file, line := lineOf(what)
	if line > 0 {
		logs = withFile(logs, file)
	}
	if len(logs) == 0 {
		return usagef("no log: name files, globs or directories, or - for standard input, after %q", what)
	}
	inputs, err := expand(s, logs)
	if err != nil {
		return err
	}
	o.Query = query(what, file, line, inputs)
	r, err := findRelated(ctx, s, inputs, o)
	if err != nil {
		return explainRelated(err, file)
	}
	if f.json {
		return relatedJSON(s.out, r)
	}
	return printRelated(s, r, what, zone, o)
}

// findRelated finds with a progress line on standard error. What it keeps in temporary files is gone when it returns.
func findRelated(ctx context.Context, s *streams, inputs []source.Input, o *related.Options) (*related.Result, error) {
	for i := range inputs {
		if inputs[i].Size < 0 {
			kept, drop, err := keepInput(inputs[i])
			if err != nil {
				return nil, err
			}
			defer drop()
			inputs[i] = kept
		}
		if inputs[i].ModTime.IsZero() { // standard input is being written now
			inputs[i].ModTime = time.Now()
		}
	}
	bar := newProgress(s.err)
	defer bar.done()
	o.Scan.Progress = bar.update
	return related.Find(ctx, inputs, *o)
}

// options reads the flags, and reports every fault at once.
func (f *relatedFlags) options() (*related.Options, *time.Location, error) {
	var errs []error
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		errs = append(errs, fmt.Errorf("there is no time zone %q: write a name like Europe/Vienna, or UTC", f.zone))
		zone = time.UTC
	}
	if f.limit < 0 || f.workers < 0 {
		errs = append(errs, errors.New("--limit and --workers cannot be negative"))
	}
	var geo *enrich.GeoDB
	if f.geoip != "" {
		if geo, err = enrich.OpenGeoDB(f.geoip); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, nil, usageError{errors.Join(errs...)}
	}
	o := &related.Options{Seed: rand.Uint64(), Limit: f.limit, Fold: !f.json, Shown: term.Clean,
		Enrich: func() *token.Enrichment { return token.NewEnrichment(zone, geo) },
		Scan:   format.ScanOptions{Workers: f.workers, FileTimes: true, Options: format.Options{Zone: zone, Format: f.format}}}
	if f.limit == 0 && !f.json {
		o.Limit = defaultRows
	}
	return o, zone, nil
}

// lineOf takes FILE:LINE apart; line is 0 if text is something else. An address is no file's line, though one of IPv6
// may look like it.
func lineOf(text string) (file string, line int64) {
	i := strings.LastIndexByte(text, ':')
	if i <= 0 {
		return "", 0
	}
	n, err := strconv.ParseInt(text[i+1:], 10, 64)
	if err != nil || n <= 0 {
		return "", 0
	}
	if _, err := os.Stat(text[:i]); err != nil {
		if _, err := netip.ParseAddr(text); err == nil || text[:i] != source.Stdin && !strings.ContainsAny(text[:i], `./\`) {
			return "", 0
		}
		if _, err := netip.ParseAddrPort(text); err == nil || strings.Contains(text[:i], "=") {
			return "", 0
		}
	}
	return text[:i], n
}

// withFile adds a file to the arguments unless a log among them is the same one, by name.
func withFile(logs []string, file string) []string {
	for _, l := range logs {
		if filepath.Clean(l) == filepath.Clean(file) {
			return logs
		}
	}
	return append(logs[:len(logs):len(logs)], file)
}

// query says what text asks for.
func query(text, file string, line int64, inputs []source.Input) related.Query {
	if line > 0 {
		for i := range inputs {
			if sameFile(inputs[i].Name, file) {
				return related.Query{File: i, Line: line}
			}
		}
	}
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return related.Query{Address: a}
	}
	return related.Query{Text: text}
}

func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// keepInput keeps what can be read only once, as standard input and pipes, in a temporary file, until drop is called.
func keepInput(in source.Input) (kept source.Input, drop func(), err error) {
	stream, err := in.Open()
	if err != nil {
		return in, nil, fmt.Errorf("cannot read %q: %w", in.Name, err)
	}
	defer stream.Close()
	file, err := os.CreateTemp("", "weir-*")
	if err != nil {
		return in, nil, fmt.Errorf("cannot make a temporary file for %q: %w", in.Name, err)
	}
	drop = func() { _ = os.Remove(file.Name()) } // temporary: where this fails the system's cleaner has it
	_, err = io.Copy(file, stream)
	if err = errors.Join(err, file.Close()); err == nil {
		kept, err = source.File(file.Name())
	}
	if err != nil {
		drop()
		return in, nil, fmt.Errorf("cannot keep %q in a temporary file (TMPDIR names another place): %w", in.Name, err)
	}
	kept.Name = in.Name
	return kept, drop, nil
}

// explainRelated adds what to try instead.
func explainRelated(err error, file string) error {
	var nothing *related.NothingError
	if !errors.As(err, &nothing) {
		return err
	}
	if nothing.Line > 0 {
		return hintf(err, "The nearest record is at %s:%d.", file, nothing.Line)
	}
	if len(nothing.Near) == 0 {
		return hintf(err, "Write FILE:LINE, an address, or a token as 'weir hunt' shows it: url.path:segment=admin, or user.name=root. "+
			"One that ends in … or has it in the middle was cut; --json shows it whole.")
	}
	var near []string
	for _, n := range nothing.Near {
		near = append(near, fmt.Sprintf("%s (%s)", shellQuote(n.Token), plural(int(n.Events), "event")))
	}
	return hintf(err, "There is %s.", strings.Join(near, ", "))
}

// relatedEvent is one line of `weir related --json`.
type relatedEvent struct {
	File      string          `json:"file"`
	Line      int64           `json:"line"`
	Time      *string         `json:"time"`
	Score     float64         `json:"score"`
	Shared    []relatedShared `json:"shared"`
	Raw       string          `json:"raw"`
	RawBase64 string          `json:"raw_base64,omitempty"`
}

type relatedShared struct {
	Token  string  `json:"token"`
	Weight float64 `json:"weight"`
	Vote   float64 `json:"vote"`
	Seeds  uint32  `json:"seeds"`
	Others uint32  `json:"others"`
}

func relatedJSON(w io.Writer, r *related.Result) error {
	enc := json.NewEncoder(escaper{w})
	for i := range r.Hits {
		h := &r.Hits[i]
		j := relatedEvent{File: validUTF8(h.File), Line: h.Line, Score: h.Score, Raw: validUTF8(string(h.Raw))}
		if h.HasTime {
			t := time.Unix(0, h.Time).UTC().Format(time.RFC3339Nano)
			j.Time = &t
		}
		if !utf8.Valid(h.Raw) {
			j.RawBase64 = base64.StdEncoding.EncodeToString(h.Raw)
		}
		for _, x := range h.Shared {
			j.Shared = append(j.Shared, relatedShared{validUTF8(x.Name), x.Weight, x.Vote, x.Seeds, x.Others})
		}
		if err := enc.Encode(&j); err != nil {
			return err
		}
	}
	return nil
}
