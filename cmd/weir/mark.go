package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/hunt"
	"weir/internal/marks"
	"weir/internal/term"
)

type markFlags struct {
	marks, who, note, window, zone, where string
	hosts                                 []string
	lakeFlags
}

func newMark(s *streams) *cobra.Command {
	f := &markFlags{}
	cmd := &cobra.Command{
		Use:   "mark good|bad|ignore {--marks FILE | --lake DIR | --store URI} [--window FROM/TO] [--host HOST] [--where EXPR]",
		Short: "say of a span of time, of hosts or of a condition that it is good, bad, or to be left out",
		Long: `Adds a mark to FILE, or to a lake: all events in the window that name one of the hosts and meet the condition, as far as these are given.
'weir hunt --marks FILE' takes spans that are bad for its windows, events in good ones as known good, and leaves out what is
to be ignored. 'weir marks' lists marks, 'weir unmark' takes one back; who said what and when stays in the file.

In a lake, 'weir hunt --lake DIR' does the same with its marks, and the lake is trained again at once: that reads the events of the
window, not those of the lake.`,
		Example: `  weir mark bad --lake /var/lib/weir --window "2026-03-01 02:10/2026-03-01 04:30" --host 10.0.0.5 --note "web shell"
  weir mark bad --marks marks.jsonl --window "2026-03-01 02:10/2026-03-01 04:30" --host 10.0.0.5 --note "web shell"
  weir mark ignore --marks marks.jsonl --where 'user_agent.original startsWith "nagios"'`,
		RunE: func(cmd *cobra.Command, args []string) error { return runMark(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.marks, "marks", "", "the `FILE` of marks, which is made if need be (docs/marks.md)")
	f.lakeFlags.add(cmd)
	p.StringVar(&f.window, "window", "", "when, as `FROM/TO`")
	p.StringSliceVar(&f.hosts, "host", nil, "only events that name this `HOST` in an address or host field")
	p.StringVar(&f.where, "where", "", "only events that meet this condition, as `'http.response.status_code == 404'`")
	p.StringVar(&f.note, "note", "", "why, for people: a `TEXT`")
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of the window, if it names none")
	p.StringVar(&f.who, "who", "", "your `NAME` (default: who you are logged in as)")
	return cmd
}

func (f *markFlags) base() (marks.Mark, error) {
	m := marks.Mark{ID: newID(), When: markTime(), Who: f.who, Note: f.note}
	if m.Who == "" {
		m.Who = analyst()
	}
	return m, f.one(f.marks)
}

// add adds the flags.
func (f *lakeFlags) add(cmd *cobra.Command) {
	f.archiveFlags.add(cmd, "the lake, in `DIR`, that the marks are in")
	cmd.Flags().StringVar(&f.geoip, "geoip", "", "the `FILE`.mmdb that it was ingested with, if it was: for --store, and for a lake whose own copy is lost")
}

func runMark(ctx context.Context, s *streams, f *markFlags, args []string) error {
	m, err := f.base()
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usagef("say good, bad or ignore")
	}
	m.What = marks.What(args[0])
	m.Span = &marks.Span{Hosts: f.hosts, Where: f.where}
	if f.window != "" {
		zone, err := time.LoadLocation(f.zone)
		if err != nil {
			return usagef("there is no time zone %q: write a name like Europe/Vienna, or UTC", f.zone)
		}
		w, err := hunt.ParseSpan(f.window, zone, time.Now())
		if err != nil {
			return usageError{err}
		}
		open, _ := hunt.ParseSpan("/", zone, time.Now())
		if w.From != open.From {
			m.Span.From = time.Unix(0, w.From).UTC()
		}
		if w.To != open.To {
			m.Span.To = time.Unix(0, w.To).UTC()
		}
	}
	if err := m.Validate(); err != nil {
		return usageError{err}
	}
	if f.given() {
		return markInLake(ctx, s, &f.lakeFlags, m)
	}
	if err := appendMark(s, f.marks, m); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is marked %s: %s\n", m.ID, m.What, term.Clean(m.Text()))
	return nil
}

func appendMark(s *streams, name string, m marks.Mark) error {
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		if _, err := readMarks(s, name); err != nil { // nothing goes behind what nobody can read
			return err
		}
	}
	_, err := marks.Append(name, m)
	return err
}

func newUnmark(s *streams) *cobra.Command {
	f := &markFlags{}
	cmd := &cobra.Command{
		Use:   "unmark ID {--marks FILE | --lake DIR | --store URI}",
		Short: "take a mark back",
		Long: `Takes a mark back, by a further line of FILE, or in a lake: who had said what, and who took it back, stays there. A lake is
trained again at once, and is then as if the mark had never been made.`,
		Example: `  weir unmark d3a91c07b2f4a1c6 --marks marks.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := f.base()
			if err != nil {
				return err
			}
			if len(args) != 1 {
				return usagef("name one mark by its id; 'weir marks' lists them")
			}
			if m.Unmark = args[0]; f.given() {
				if err := m.Validate(); err != nil {
					return hintf(fmt.Errorf("there is no mark %q", args[0]), "'weir marks' lists them.")
				}
				return markInLake(cmd.Context(), s, &f.lakeFlags, m)
			}
			set, err := readMarks(s, f.marks)
			if err != nil {
				return err
			}
			old, stands := set.ByID(args[0])
			switch {
			case old == nil || old.Unmark != "":
				return hintf(fmt.Errorf("there is no mark %q", args[0]), "'weir marks' lists them.")
			case !stands:
				return fmt.Errorf("the mark %s was taken back already", args[0])
			}
			if err := appendMark(s, f.marks, m); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "Taken back: %s, %s\n", old.What, term.Clean(old.Text()))
			return nil
		},
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.marks, "marks", "", "the `FILE` of marks")
	f.lakeFlags.add(cmd)
	p.StringVar(&f.note, "note", "", "why, for people: a `TEXT`")
	p.StringVar(&f.who, "who", "", "your `NAME` (default: who you are logged in as)")
	return cmd
}

func newMarks(s *streams) *cobra.Command {
	f := &markFlags{}
	file, all := "", false
	cmd := &cobra.Command{
		Use:   "marks {--marks FILE | --lake DIR | --store URI}",
		Short: "list the marks that stand",
		Long:  `Lists the marks that were not taken back, in order: id, when, what, who, of what, and why.`,
		Example: `  weir marks --marks marks.jsonl
  weir marks --lake /var/lib/weir --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch err := f.one(f.marks); {
			case err != nil:
				return err
			case len(args) > 0:
				return usagef("there is no argument: name marks by --marks, --lake or --store")
			case file != "" && !f.given():
				return usagef("--import is into a lake: say which with --lake DIR")
			case file != "":
				return importMarks(cmd.Context(), s, &f.lakeFlags, file)
			case f.given():
				return listLakeMarks(cmd.Context(), s, &f.lakeFlags, all)
			}
			set, err := readMarks(s, f.marks)
			if err != nil {
				return err
			}
			return printMarks(s, set, all)
		},
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.marks, "marks", "", "the `FILE` of marks")
	f.archiveFlags.add(cmd, "the lake, in `DIR`, that the marks are in")
	p.StringVar(&file, "import", "", "with --lake or --store, add the marks of this `FILE` to those there; 'weir train' then takes them in")
	p.BoolVar(&all, "all", false, "list those that were taken back, too, and who took them back")
	return cmd
}

// printMarks lists marks.
func printMarks(s *streams, set *marks.Set, all bool) error {
	p := newPage(s.out)
	shown := 0
	list := set.All()
	for i := range list {
		m := &list[i]
		_, stands := set.ByID(m.ID)
		if !all && !stands {
			continue
		}
		shown++
		note := ""
		if m.Note != "" {
			note = "  (" + term.Clean(m.Note) + ")"
		}
		fmt.Fprintf(p.w, "%s  %s  %-6s  %s  %s%s\n", m.ID, m.When.UTC().Format("2006-01-02 15:04:05"), m.What, term.Clean(m.Who), term.Clean(m.Text()), note)
	}
	if shown == 0 {
		p.text(0, "No mark stands.")
	}
	return p.w.Flush()
}
