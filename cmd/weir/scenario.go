package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/scenario"
	"weir/internal/term"
)

// scenarioFlags are the command line of scenario as it was typed.
type scenarioFlags struct {
	out, start, zone string
	events           int64
	seed             uint64
	days             int
	noBreakIn, force bool
}

func newScenario(s *streams) *cobra.Command {
	f := &scenarioFlags{}
	cmd := &cobra.Command{
		Use:   "scenario --out DIR [flags]",
		Short: "invent the logs of a small company with a break-in, and the truth about them",
		Long: `Writes four weeks of logs of an invented company (nginx, auth.log, Zeek) with a break-in of several steps in one night.
truth.csv names every line that the intruder left, incident.json the window. The same flags give the same bytes.`,
		Example: `  weir scenario --out /tmp/company
  weir scenario --events 20000000 --seed 7 --days 56 --out /tmp/large`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return runScenario(s, f) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.out, "out", "", "write into this `DIR`, which is made if need be")
	p.Int64Var(&f.events, "events", 200_000, "about how many lines in all")
	p.Uint64Var(&f.seed, "seed", 0, "another number, another company")
	p.IntVar(&f.days, "days", 28, "how many days the logs cover")
	p.StringVar(&f.start, "start", "", "first `DAY`, as 2026-02-02")
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of the company")
	p.BoolVar(&f.noBreakIn, "no-break-in", false, "the same weeks without the break-in")
	p.BoolVar(&f.force, "force", false, "write into a directory that holds something already")
	return cmd
}

// config reads the flags, and reports every fault at once.
func (f *scenarioFlags) config() (scenario.Config, error) {
	var errs []error
	cfg := scenario.Config{Events: f.events, Seed: f.seed, Days: f.days, NoBreakIn: f.noBreakIn}
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		errs = append(errs, fmt.Errorf("there is no time zone %q: write a name like Europe/Vienna, or UTC", f.zone))
		zone = time.UTC
	}
	cfg.Zone = zone
	if f.start != "" {
		if cfg.Start, err = time.ParseInLocation(time.DateOnly, f.start, zone); err != nil {
			errs = append(errs, fmt.Errorf("--start: %q is no day; write 2026-02-02", f.start))
		}
	}
	if f.events == 0 || f.days == 0 {
		errs = append(errs, errors.New("--events and --days cannot be zero"))
	}
	if err := cfg.Validate(); err != nil {
		errs = append(errs, err)
	}
	if f.out == "" {
		errs = append(errs, errors.New("no place to write to: name a directory with --out"))
	}
	if len(errs) > 0 {
		return cfg, usageError{errors.Join(errs...)}
	}
	return cfg, nil
}

func runScenario(s *streams, f *scenarioFlags) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	if err := prepareDir(f.out, f.force); err != nil {
		return err
	}
	truth, err := writeScenario(cfg, f.out)
	if err != nil {
		return err
	}
	return printScenario(s, f, truth)
}

// prepareDir makes dir. Without force it must be empty or not there yet.
func prepareDir(dir string, force bool) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cannot make directory %q: %w", dir, err)
	}
	if force {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot read directory %q: %w", dir, err)
	}
	if len(entries) > 0 {
		return hintf(fmt.Errorf("directory %q is not empty", dir), "Name another one, or add --force to write over what has the same name.")
	}
	return nil
}

// writeScenario writes the logs and the truth into dir. The logs' files end, as real ones do, when their last line was
// written: that is what tells the year of lines without one.
func writeScenario(cfg scenario.Config, dir string) (*scenario.Truth, error) {
	truth, err := scenario.Generate(cfg, func(name string) (io.WriteCloser, error) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		return os.Create(path)
	})
	if err != nil {
		return nil, err
	}
	end := scenarioEnd(cfg)
	for _, l := range truth.Lines {
		path := filepath.Join(dir, filepath.FromSlash(l.File))
		if err := os.Chtimes(path, end, end); err != nil {
			return nil, fmt.Errorf("cannot set the time of log %q: %w", path, err)
		}
	}
	return truth, nil
}

// scenarioEnd is when the logs of a scenario end.
func scenarioEnd(cfg scenario.Config) time.Time {
	start, days := cfg.Start, cfg.Days
	if start.IsZero() {
		start = time.Date(2026, 2, 2, 0, 0, 0, 0, cfg.Zone)
	}
	return start.AddDate(0, 0, days)
}

// logsOf returns the logs of a scenario in dir, as few paths as name them all and neither the truth nor the incident.
func logsOf(truth *scenario.Truth, dir string) []string {
	var out []string
	seen := map[string]bool{}
	for _, l := range truth.Lines {
		top, _, _ := strings.Cut(l.File, "/")
		if !seen[top] {
			seen[top] = true
			out = append(out, filepath.Join(dir, top))
		}
	}
	return out
}

// windowOf is the truth's window as --window takes it. Its ends are whole seconds.
func windowOf(t *scenario.Truth) string {
	return t.From.UTC().Format(time.RFC3339) + "/" + t.To.UTC().Format(time.RFC3339)
}

func printScenario(s *streams, f *scenarioFlags, t *scenario.Truth) error {
	p := newPage(s.out)
	var lines, bad int64
	for _, l := range t.Lines {
		lines += l.Lines
	}
	for _, step := range t.Steps {
		bad += step.Lines
	}
	fmt.Fprintln(p.w, p.Bold("weir scenario"))
	p.text(2, fmt.Sprintf("%s lines of logs in %s; %s by the intruder.", term.Count(lines), term.Clean(f.out),
		plural(int(bad), "line")))
	p.heading("Written", "")
	for _, l := range t.Lines {
		fmt.Fprintf(p.w, "  %-22s %12s lines\n", l.File, term.Count(l.Lines))
	}
	fmt.Fprintf(p.w, "  %-22s %12s lines  which lines the intruder left\n", "truth.csv", term.Count(bad+1))
	fmt.Fprintf(p.w, "  %-22s %12s        what a person would say of it\n", "incident.json", "")
	p.heading("Next", "")
	p.command(append([]string{"weir", "hunt"}, huntWords(t, f.zone)...), logsOf(t, f.out))
	return p.w.Flush()
}

// huntWords are the flags of a hunt in the window of the truth.
func huntWords(t *scenario.Truth, zone string) []string {
	words := []string{"--window", windowOf(t)}
	if zone != "UTC" {
		words = append(words, "--zone", zone)
	}
	return words
}

// command writes a command that a shell takes as it stands, its last words on lines of their own.
func (p *page) command(words, rest []string) {
	var line []string
	for _, w := range words {
		line = append(line, shellQuote(w))
	}
	fmt.Fprintf(p.w, "  %s", p.Bold(term.Clean(strings.Join(line, " "))))
	for _, w := range rest {
		fmt.Fprintf(p.w, " \\\n      %s", p.Bold(term.Clean(shellQuote(w))))
	}
	fmt.Fprintln(p.w)
}

// shellQuote writes a word so that a shell reads it as one.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-./:,+@%=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
