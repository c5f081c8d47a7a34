package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/cluster"
	"weir/internal/enrich"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/hunt"
	"weir/internal/lake"
	"weir/internal/mapreduce"
	"weir/internal/marks"
	"weir/internal/source"
	"weir/internal/token"
	"weir/internal/where"
)

// huntFlags are the command line of hunt as it was typed.
type huntFlags struct {
	windows, ignore, good    []string
	hosts                    []string
	zone, format, geoip      string
	archive                  archiveFlags
	filter                   string
	knownClients             bool
	dropCountry, onlyCountry []string
	dropHours, onlyHours     []string
	dropNetworks, dropWhere  []string
	json, all, rows          bool
	objects                  objects // of the JSON
	report                   string
	limit, workers           int
	ablate                   []string
	marks                    string
	set                      *marks.Set // what is in it
}

// objects are what the lines of a hunt's JSON are.
type objects uint8

const (
	suspectObjects objects = iota
	campaignObjects
)

func newHunt(s *streams) *cobra.Command {
	f := &huntFlags{}
	cmd := &cobra.Command{
		Use:   "hunt --window FROM/TO [flags] [--lake DIR | --store URI | LOG...]",
		Short: "find what does not belong in the window of a break-in",
		Long: `Takes what happened in the window as suspicious and everything else in the logs as known good, learns the
difference, and ranks the suspicious events with their reasons. What is much the same is a step, and steps that share
somebody or something that known good hardly has are one campaign; --rows lists them without that, by likeness alone.

LOG is a file, a glob, a directory (searched recursively) or - for standard input. gzip, zstd and bzip2 are seen
through, and the rows of Parquet files are lines. Formats are detected by content ('weir formats' lists them).
mongodb://host/database.collection is the events in a collection of MongoDB.

FROM and TO are RFC 3339, "2026-03-01 02:10", a date, epoch seconds, or now-2h. Both ends are inclusive.`,
		Example: `  weir hunt --window "2026-03-01 02:10/2026-03-01 04:30" /var/log/nginx
  weir hunt --window now-2h/now --host web1 --drop-known-clients /var/log
  weir hunt --window 2026-03-01/2026-03-01 --json --all logs/*.gz > ranked.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error { return runHunt(cmd.Context(), s, f, args) },
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.rows, "rows", false, "list rows of near-identical suspects instead of campaigns")
	return cmd
}

// add adds all flags of a hunt.
func (f *huntFlags) add(cmd *cobra.Command) {
	f.addAsk(cmd)
	f.addShow(cmd)
	p := cmd.Flags()
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	p.StringSliceVar(&f.ablate, "ablate", nil, "leave out a part of the method, to measure what it is worth")
	_ = p.MarkHidden("ablate") // fails only for a flag that is not there
}

// addAsk adds the flags that say what is hunted for.
func (f *huntFlags) addAsk(cmd *cobra.Command) {
	p := cmd.Flags()
	p.SortFlags = false
	p.StringArrayVar(&f.windows, "window", nil, "when the break-in was, as `FROM/TO`; may be given again")
	p.StringSliceVar(&f.hosts, "host", nil, "only events that name this `HOST` in an address or host field are suspicious")
	p.StringArrayVar(&f.ignore, "ignore", nil, "a span, `FROM/TO`, that is neither suspicious nor known good")
	p.StringArrayVar(&f.good, "good", nil, "take only events in this span, `FROM/TO`, as known good")
	f.archive.add(cmd, "hunt in the lake that 'weir ingest' made in `DIR` instead of in logs")
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of logs and spans that name none, and of local hours")
	p.StringVar(&f.format, "format", "", "read the logs as this `FORMAT`, or as the server's own log_format or LogFormat string")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb")
	p.StringVar(&f.filter, "filter", "", "let a filter that 'weir train' made judge too: its `FILE`")
	p.StringVar(&f.marks, "marks", "", "use the marks in this `FILE` (docs/marks.md) instead of a lake's: without --window, spans marked bad are the windows")
	p.BoolVar(&f.knownClients, "drop-known-clients", false, "flag clients that known good holds too")
	p.StringSliceVar(&f.dropCountry, "drop-countries", nil, "flag clients from these countries (ISO `CODES`)")
	p.StringSliceVar(&f.onlyCountry, "only-countries", nil, "flag clients from anywhere but these countries")
	p.StringSliceVar(&f.dropHours, "drop-hours", nil, "flag events in these local hours, as `8-18`")
	p.StringSliceVar(&f.onlyHours, "only-hours", nil, "flag events outside these local hours, as `22-6`")
	p.StringSliceVar(&f.dropNetworks, "drop-networks", nil, "flag clients in these networks, as `10.0.0.0/8`")
	p.StringArrayVar(&f.dropWhere, "drop-where", nil, "flag events that meet a condition, as `'http.response.status_code == 404'`")
}

// addShow adds the flags that say what is shown of a hunt.
func (f *huntFlags) addShow(cmd *cobra.Command) {
	p := cmd.Flags()
	p.BoolVar(&f.json, "json", false, "write JSON Lines, one suspicious event each, best first (docs/json.md)")
	p.StringVar(&f.report, "report", "", "write a page to look at, too, into this `FILE`.html")
	p.IntVar(&f.limit, "limit", 0, "how many to show (default 100 suspects as JSON, 10 campaigns or 20 rows otherwise)")
	p.BoolVar(&f.all, "all", false, "show every campaign and step, and with --json every suspicious event, flagged by the funnel or not")
}

func runHunt(ctx context.Context, s *streams, f *huntFlags, args []string) error {
	r, err := f.run(ctx, s, args)
	if err != nil {
		return err
	}
	defer r.Close()
	return f.answer(s, r, "")
}

// answer writes what a hunt found, in the form that was asked for. title is that of the report.
func (f *huntFlags) answer(s *streams, r *hunt.Result, title string) error {
	var list []cluster.Campaign
	if !f.rows || f.json || f.report != "" {
		var err error
		if list, err = cluster.Campaigns(r, cluster.Options{}); err != nil {
			return err
		}
	}
	if err := reportHunt(s, f.report, title, r, list); err != nil {
		return err
	}
	if f.json {
		warnOfFiles(s, r.Summary, r.Warnings...)
	}
	switch {
	case f.json && f.objects == campaignObjects:
		return writeCampaigns(s.out, r, shown(list, f.limitOr(len(list))), f.all)
	case f.json:
		return writeJSON(s.out, r, list, f.limitOr(100), f.all)
	}
	return printHunt(s, r, list, f)
}

// run hunts as the flags say. The caller closes the result.
func (f *huntFlags) run(ctx context.Context, s *streams, args []string) (*hunt.Result, error) {
	if s.job != nil {
		return f.runOn(ctx, s, args)
	}
	return f.runHere(ctx, s, args)
}

// runHere is run on this machine.
func (f *huntFlags) runHere(ctx context.Context, s *streams, args []string) (*hunt.Result, error) {
	o, err := f.options(ctx, s, time.Now())
	if err != nil {
		return nil, err
	}
	inputs, release, err := f.inputs(ctx, s, o, args)
	if err != nil {
		return nil, err
	}
	defer release()
	b := f.bind(o, inputs)
	r, err := huntIn(ctx, s, inputs, o)
	if b != nil && r != nil {
		printNotes(s, b.Notes())
	}
	return r, err
}

// runOn is run on an engine.
func (f *huntFlags) runOn(ctx context.Context, s *streams, args []string) (*hunt.Result, error) {
	p, files, err := f.plan(ctx, s, time.Now())
	if err != nil {
		return nil, err
	}
	err = f.addTo(ctx, s, p, args)
	if errors.Is(err, errNoSegments) { // this machine says what there is to say
		return f.runHere(ctx, s, args)
	}
	if err != nil {
		return nil, err
	}
	records, err := runOn(ctx, s, p, files...)
	if err != nil {
		return nil, err
	}
	defer records.Close()
	return f.assemble(s, p, records)
}

// addTo adds what is hunted in to a plan.
func (f *huntFlags) addTo(ctx context.Context, s *streams, p *mapreduce.Plan, args []string) error {
	if f.archive.given() {
		l, err := f.openArchive(ctx, args)
		if err != nil {
			return err
		}
		defer l.Close()
		return addLake(ctx, s, p, l)
	}
	inputs, err := expand(s, args)
	if err != nil {
		return err
	}
	return addInputs(s, p, inputs)
}

// openArchive opens the archive that is hunted in; logs must not be named beside it.
func (f *huntFlags) openArchive(ctx context.Context, args []string) (lake.Store, error) {
	if err := f.archive.fault(""); err != nil {
		return nil, usageError{err}
	}
	if len(args) > 0 {
		return nil, usagef("logs and %s at once: ingest the logs first (%s)", f.archive.flag(), f.archive.makeWith())
	}
	return f.archive.open(ctx, nil)
}

// inputs returns what is hunted in: logs, or what stands for them in a lake, which is open until release.
func (f *huntFlags) inputs(ctx context.Context, s *streams, o *hunt.Options, args []string) (inputs []source.Input, release func(), err error) {
	if !f.archive.given() {
		inputs, err = expand(s, args)
		return inputs, func() {}, err
	}
	l, err := f.openArchive(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	if inputs, err = l.Inputs(ctx); err == nil && len(inputs) == 0 {
		err = errors.New("cannot hunt in the archive: it is empty")
	}
	if err != nil {
		l.Close()
		return nil, nil, explainArchive(err)
	}
	o.Scan = func(ctx context.Context, so format.ScanOptions, newHandler func(int, *event.Keys) format.Handler) (*format.Summary, error) {
		return l.Scan(ctx, lake.ScanOptions{Workers: so.Workers, Progress: so.Progress}, newHandler)
	}
	return inputs, func() { l.Close() }, nil
}

// huntIn hunts with a progress line on standard error.
func huntIn(ctx context.Context, s *streams, inputs []source.Input, o *hunt.Options) (*hunt.Result, error) {
	bar := newProgress(s.err)
	o.Progress = bar.update
	r, err := hunt.Run(ctx, inputs, *o)
	bar.done()
	return r, explainArchive(explain(err))
}

// explain adds to a hunt's error what to do about it.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hunt.ErrNoTimes):
		return hintf(err, "A format with times can be forced: --format with a name from 'weir formats', or the server's own log_format string.")
	case errors.Is(err, hunt.ErrNothingGood):
		return hintf(err, "Narrow the window, name the hosts that were broken into with --host, or give logs from before and after.")
	case errors.Is(err, hunt.ErrNothingSuspicious):
		return hintf(err, "Check the times and the --zone they are in (default UTC), and --host.")
	}
	return err
}

func expand(s *streams, args []string) ([]source.Input, error) {
	if len(args) == 0 {
		return nil, usagef("no log: name files, globs or directories, or - for standard input")
	}
	args, collected, err := collections(args)
	if err != nil {
		return nil, err
	}
	args, remote, err := inHDFS(context.Background(), s, args) // a host that does not answer ends it
	if err != nil {
		return nil, err
	}
	if collected = append(collected, remote...); len(args) == 0 {
		return collected, nil
	}
	inputs, notes, err := source.ExpandNotes(args)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		fmt.Fprintf(s.err, "weir: %s\n", clean(n))
	}
	for i := range inputs {
		if inputs[i].Name == source.Stdin {
			inputs[i] = source.Reader(source.Stdin, s.in)
		}
	}
	return append(inputs, collected...), nil
}

// options reads the flags, and reports every fault at once.
func (f *huntFlags) options(ctx context.Context, s *streams, now time.Time) (*hunt.Options, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		note(fmt.Errorf("there is no time zone %q: write a name like Europe/Vienna, or UTC", f.zone))
		zone = time.UTC
	}
	spans := func(flag string, texts []string) (out []hunt.Span) {
		for _, text := range texts {
			sp, err := hunt.ParseSpan(text, zone, now)
			if err != nil {
				note(fmt.Errorf("--%s: %w", flag, err))
				continue
			}
			out = append(out, sp)
		}
		return out
	}
	o := &hunt.Options{Windows: spans("window", f.windows), Ignore: spans("ignore", f.ignore), Good: spans("good", f.good),
		Hosts: f.hosts, Zone: zone, Format: f.format, Workers: f.workers, Seed: rand.Uint64(), Spool: tempSpool}
	if err := f.readMarks(ctx, s, o); err != nil {
		return nil, err
	}
	if len(f.windows) == 0 && f.set == nil {
		note(errors.New(`no window: say when the break-in was, as --window "2026-03-01 02:10/2026-03-01 04:30"`))
	}
	if f.limit < 0 || f.workers < 0 {
		note(errors.New("--limit and --workers cannot be negative"))
	}
	note(checkReport(f.report))
	note(f.narrowing(&o.Narrow))
	note(f.ablations(&o.Method))
	var geo *enrich.GeoDB
	if f.geoip != "" {
		geo, err = enrich.OpenGeoDB(f.geoip)
		note(err)
	}
	o.Enrich = func() *token.Enrichment { return token.NewEnrichment(zone, geo) }
	if f.filter != "" {
		fl, err := readFilter(f.filter)
		if err != nil {
			return nil, err
		}
		o.Judge = judgeWith(fl, geo)
	}
	if len(f.windows) <= len(o.Windows) && len(o.Windows) > 0 {
		note(o.Validate())
	}
	if len(errs) > 0 {
		return nil, usageError{errors.Join(errs...)}
	}
	return o, nil
}

// judgeWith lets a filter judge what a hunt reads.
func judgeWith(fl *filter.Filter, geo *enrich.GeoDB) func() func(*event.Event) (probability, score float64, knows bool) {
	zone, err := time.LoadLocation(fl.Zone)
	if err != nil {
		zone = time.UTC
	}
	return func() func(*event.Event) (probability, score float64, knows bool) {
		j := fl.NewJudge(token.NewEnrichment(zone, geo))
		return func(e *event.Event) (probability, score float64, knows bool) {
			g := j.Judge(e)
			return g.Probability, g.Score, g.Verdict != filter.VerdictNovel
		}
	}
}

func (f *huntFlags) narrowing(n *hunt.Narrowing) error {
	var errs []error
	n.KnownClients = f.knownClients
	countries := func(flag string, codes []string) []string {
		for _, c := range codes {
			if len(c) != 2 && c != enrich.Private {
				errs = append(errs, fmt.Errorf("--%s: %q is no ISO country code; write two letters as in AT, or %q", flag, c, enrich.Private))
			}
		}
		return codes
	}
	n.DropCountries, n.OnlyCountries = countries("drop-countries", f.dropCountry), countries("only-countries", f.onlyCountry)
	hours := func(flag string, texts []string) (out []hunt.HourRange) {
		for _, text := range texts {
			from, to, ok := strings.Cut(text, "-")
			a, err1 := strconv.Atoi(strings.TrimSuffix(from, ":00"))
			b, err2 := strconv.Atoi(strings.TrimSuffix(to, ":00"))
			if !ok || err1 != nil || err2 != nil || a < 0 || a > 24 || b < 0 || b > 24 {
				errs = append(errs, fmt.Errorf("--%s: %q is no range of hours; write 8-18, or 22-6 over midnight", flag, text))
				continue
			}
			out = append(out, hunt.HourRange{From: a, To: b})
		}
		return out
	}
	n.DropHours, n.OnlyHours = hours("drop-hours", f.dropHours), hours("only-hours", f.onlyHours)
	for _, text := range f.dropNetworks {
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--drop-networks: %q is no network; write 10.0.0.0/8 or 2001:db8::/32", text))
			continue
		}
		n.DropNetworks = append(n.DropNetworks, p.Masked())
	}
	for _, text := range f.dropWhere {
		c, err := where.Compile(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--drop-where: %w", err))
			continue
		}
		n.DropWhere = append(n.DropWhere, hunt.Where{Text: text, New: func() func(*event.Event) bool { return c.Fork().Match }})
	}
	return errors.Join(errs...)
}

// ablations reads --ablate, the switch that docs/quality.md is measured with.
func (f *huntFlags) ablations(m *hunt.Method) error {
	for _, a := range f.ablate {
		switch a {
		case "placebo":
			m.NoPlacebo = true
		case "echo":
			m.NoEcho = true
		case "mixture":
			m.NoMixture = true
		case "rarity":
			m.Rarity = true
		case "pairs":
			m.NoPairs = true
		case "behaviour":
			m.NoBehaviour = true
		case "kinds":
			m.NoKinds = true
		case "own-client":
			m.OwnClient = hunt.OwnClientAll
		case "own-client-root":
			m.OwnClient = hunt.OwnClientNone
		default:
			return fmt.Errorf("--ablate: there is no part %q", a)
		}
	}
	return nil
}

func (f *huntFlags) limitOr(n int) int {
	if f.limit > 0 {
		return f.limit
	}
	return n
}

// tempSpool makes a temporary file that goes away when it is closed, or with the process.
func tempSpool() (hunt.SpoolFile, error) {
	file, err := os.CreateTemp("", "weir-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // the open file stays usable; where this fails the system's cleaner has it
	return file, nil
}
