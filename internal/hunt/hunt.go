// Package hunt finds what does not belong: it takes the events of a break-in window as suspicious and every other event
// as known good, learns the difference, and ranks the suspicious events with their reasons.
//
// The steps, in order:
//
//  1. Read every log once, in parallel. Codify each event into features and tokens, and count the tokens by class and
//     hour of the week (collect.go). Store the suspicious events, and those of clean spans that may become placebo
//     windows (store.go, placebo.go).
//  2. Lay the window against the counts: fields without meaning are left out, equal events are folded into contents
//     (analysis.go, fields.go).
//  3. Vote: every group of an event's tokens (one kind, one field) votes once, with the weight of evidence of its
//     strongest token; what an event's own client brought into the window counts by its root only (judge.go).
//  4. Do the same with each placebo window, held out of known good, and lay every vote against what the same group votes
//     there (clean.go). Score, take each event as bad by what its score says, and do it once more (result.go): a window is
//     good and bad mixed.
//  5. Narrow (funnel.go, volume.go), rank, gather into rows (fold.go) and explain (explain.go).
//
// docs/adr/0005 says why, and what lost. The result does not depend on the number of workers or the order of the files:
// counts are integers, sums run in the order of file names and lines, and logarithms are weir's own (bayes.Log2).
package hunt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// Options say what to hunt for. Windows is required; the zero value of everything else is a default.
type Options struct {
	Windows []Span         // the break-in; suspicious is what lies in any of them
	Hosts   []string       // and, if there are any, names one of these in an address or host field
	Ignore  []Span         // neither suspicious nor known good
	Good    []Span         // known good is only what lies in these; empty for everything else
	Zone    *time.Location // for logs without a zone and for local hours; nil is UTC

	Format  string // name of a log format or a server's layout; empty detects by content
	Workers int    // goroutines that read; 0 is one per processor
	Seed    uint64 // keys the hashes of tokens; results do not depend on it

	Narrow Narrowing
	Enrich func() *token.Enrichment // one for each goroutine; nil is what the binary holds

	// Scan, if not nil, reads the events instead of format.Scan: out of an archive of the inputs, of which only the names
	// matter then. The summary's files and Position.File are in the order of the inputs.
	Scan func(ctx context.Context, o format.ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error)

	Spool    func() (SpoolFile, error)             // makes temporary storage when suspicious lines outgrow memory
	Progress func(read, total int64, events int64) // called a few times a second while reading

	// Judge, if not nil, makes for each goroutine what a trained filter says of an event: the probability that it is bad,
	// its score in bits, and whether the filter knows such events at all. The score becomes a clue of the hunt; the
	// probability replaces the hunt's own.
	Judge func() func(*event.Event) (probability, score float64, knows bool)

	// Mark, if not nil, makes for each goroutine what people have said of events. MarksDecide tells that Windows are those of
	// marks: of what lies in them only what is marked is suspicious. Only, if not nil, makes what else an event has to be to be
	// suspicious, as Hosts says it for hosts; clean windows hold only such events too.
	Mark        func() func(e *event.Event, pos format.Position, raw []byte) Mark
	MarksDecide bool
	Only        func() func(*event.Event) bool

	Method Method // variants for ablations; the zero value is what weir does

	room int // events stored for placebos, where tests want fewer than usual
}

// Narrowing is the user's part of the funnel. Every step only flags events.
type Narrowing struct {
	KnownClients  bool // clients that known good holds too
	DropCountries []string
	OnlyCountries []string
	DropHours     []HourRange
	OnlyHours     []HourRange
	DropNetworks  []netip.Prefix
	DropWhere     []Where
}

// An HourRange is local hours of the day, from From up to but not including To; it may run over midnight.
type HourRange struct{ From, To int }

func (r HourRange) contains(hour int) bool {
	if r.From < r.To {
		return r.From <= hour && hour < r.To
	}
	return hour >= r.From || hour < r.To
}

// A Where is a condition on events with its text. New makes one for each goroutine.
type Where struct {
	Text string
	New  func() func(*event.Event) bool
}

// Validate reports every fault of the options at once.
func (o *Options) Validate() error {
	var errs []error
	if len(o.Windows) == 0 {
		errs = append(errs, errors.New("no window: say when the break-in was"))
	}
	if len(o.Narrow.DropCountries) > 0 && len(o.Narrow.OnlyCountries) > 0 {
		errs = append(errs, errors.New("countries can be dropped or the only ones kept, not both"))
	}
	if len(o.Narrow.DropHours) > 0 && len(o.Narrow.OnlyHours) > 0 {
		errs = append(errs, errors.New("hours can be dropped or the only ones kept, not both"))
	}
	for _, r := range append(slices.Clone(o.Narrow.DropHours), o.Narrow.OnlyHours...) {
		if r.From < 0 || r.From > 24 || r.To < 0 || r.To > 24 {
			errs = append(errs, fmt.Errorf("hours %d-%d are not within 0 to 24", r.From, r.To))
		}
	}
	return errors.Join(errs...)
}

// FilterField is the field that holds what a trained filter says of an event: good or bad, and how many bits.
const FilterField = "filter.score"

// Faults that a person can mend; Run returns errors that wrap these.
var (
	ErrNothingSuspicious = errors.New("no event is suspicious")
	ErrNothingGood       = errors.New("no event is known good")
	ErrNoTimes           = errors.New("no record has a time")
)

// Run hunts in inputs.
func Run(ctx context.Context, inputs []source.Input, o Options) (*Result, error) {
	h, err := newHunter(&o)
	if err != nil {
		return nil, err
	}
	if err := h.read(ctx, inputs); err != nil {
		return nil, err
	}
	return h.result()
}

// newHunter resolves options, which it completes.
func newHunter(o *Options) (*hunter, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Enrich == nil {
		o.Enrich = func() *token.Enrichment { return token.NewEnrichment(o.Zone, nil) }
	}
	h := &hunter{opt: o, q: &question{windows: o.Windows, ignore: o.Ignore, good: o.Good, hosts: map[string]bool{}, seed: o.Seed,
		behaviour: !o.Method.NoBehaviour, marksDecide: o.MarksDecide, room: o.room}}
	for _, host := range o.Hosts {
		h.q.hosts[strings.ToLower(host)] = true
	}
	for _, w := range o.Narrow.DropWhere {
		h.q.drop = append(h.q.drop, readStep{name: w.Text})
	}
	return h, nil
}

func reference(windows []Span) time.Time {
	w := windows[0]
	return time.Unix(0, w.From+(w.To-w.From)/2)
}

func (h *hunter) scanOptions() format.ScanOptions {
	return format.ScanOptions{Workers: h.opt.Workers, Progress: h.opt.Progress,
		Options: format.Options{Zone: h.opt.Zone, Reference: reference(h.opt.Windows), Format: h.opt.Format}}
}
