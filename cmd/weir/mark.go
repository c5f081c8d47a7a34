package main

import (
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
}

func newMark(s *streams) *cobra.Command {
	f := &markFlags{}
	cmd := &cobra.Command{
		Use:   "mark good|bad|ignore --marks FILE [--window FROM/TO] [--host HOST] [--where EXPR]",
		Short: "say of a span of time, of hosts or of a condition that it is good, bad, or to be left out",
		Long: `Adds a mark to FILE: all events in the window that name one of the hosts and meet the condition, as far as these are given.
'weir hunt --marks FILE' takes spans that are bad for its windows, events in good ones as known good, and leaves out what is
to be ignored. 'weir marks' lists marks, 'weir unmark' takes one back; who said what and when stays in the file.`,
		Example: `  weir mark bad --marks marks.jsonl --window "2026-03-01 02:10/2026-03-01 04:30" --host 10.0.0.5 --note "web shell"
  weir mark ignore --marks marks.jsonl --where 'user_agent.original startsWith "nagios"'`,
		RunE: func(cmd *cobra.Command, args []string) error { return runMark(s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.marks, "marks", "", "the `FILE` of marks, which is made if need be (docs/marks.md)")
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
	if f.marks == "" {
		return m, usagef("no marks: say in which file, as --marks marks.jsonl")
	}
	return m, nil
}

func runMark(s *streams, f *markFlags, args []string) error {
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
		Use:     "unmark ID --marks FILE",
		Short:   "take a mark back",
		Long:    `Takes a mark back, by a further line of FILE: who had said what, and who took it back, stays there.`,
		Example: `  weir unmark d3a91c07b2f4a1c6 --marks marks.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := f.base()
			if err != nil {
				return err
			}
			if len(args) != 1 {
				return usagef("name one mark by its id; 'weir marks' lists them")
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
			m.Unmark = args[0]
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
	p.StringVar(&f.note, "note", "", "why, for people: a `TEXT`")
	p.StringVar(&f.who, "who", "", "your `NAME` (default: who you are logged in as)")
	return cmd
}

func newMarks(s *streams) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "marks --marks FILE",
		Short:   "list the marks that stand",
		Long:    `Lists the marks that were not taken back, in order: id, when, what, who, of what, and why.`,
		Example: `  weir marks --marks marks.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" || len(args) > 0 {
				return usagef("name the file of marks, as --marks marks.jsonl")
			}
			set, err := readMarks(s, name)
			if err != nil {
				return err
			}
			p := newPage(s.out)
			for _, m := range set.Standing() {
				note := ""
				if m.Note != "" {
					note = "  (" + term.Clean(m.Note) + ")"
				}
				fmt.Fprintf(p.w, "%s  %s  %-6s  %s  %s%s\n", m.ID, m.When.UTC().Format("2006-01-02 15:04:05"), m.What, term.Clean(m.Who), term.Clean(m.Text()), note)
			}
			if len(set.Standing()) == 0 {
				p.text(0, "No mark stands.")
			}
			return p.w.Flush()
		},
	}
	cmd.Flags().StringVar(&name, "marks", "", "the `FILE` of marks")
	return cmd
}
