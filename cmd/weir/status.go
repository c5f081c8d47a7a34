package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/lake"
	"weir/internal/term"
	"weir/internal/where"
)

func newStatus(s *streams) *cobra.Command {
	archive, logs := archiveFlags{}, false
	cmd := &cobra.Command{
		Use:   "status {--lake DIR | --store URI}",
		Short: "say what a lake holds",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return archive.with(cmd.Context(), func(l lake.Store) error {
				st, err := l.Status(cmd.Context())
				if err != nil {
					return err
				}
				return printStatus(s, st, logs)
			})
		},
	}
	archive.add(cmd, "the lake's `DIR`")
	cmd.Flags().BoolVar(&logs, "logs", false, "list every log that was read")
	return cmd
}

func printStatus(s *streams, st *lake.Status, logs bool) error {
	p := newPage(s.out)
	fmt.Fprintf(p.w, "%s  %s\n", p.Bold("weir status"), term.Clean(st.Dir))
	moment := func(ns int64) string { return time.Unix(0, ns).In(st.Zone).Format("2006-01-02 15:04:05 MST") }
	events := fmt.Sprintf("%s in %s", term.Count(st.Events), plural(int(st.Segments), "segment"))
	if st.Days > 0 {
		events += ", " + plural(int(st.Days), "day")
	}
	p.entry("events", events)
	if st.Timed {
		p.entry("from", moment(st.First))
		p.entry("to", moment(st.Last))
	}
	if st.Untimed > 0 {
		p.entry("untimed", term.Count(st.Untimed))
	}
	size := fmt.Sprintf("%s: events %s, counts %s, catalogue %s", bytesText(st.EventBytes+st.CountBytes+st.CatalogBytes), bytesText(st.EventBytes),
		bytesText(st.CountBytes), bytesText(st.CatalogBytes))
	if st.Events > 0 {
		size += fmt.Sprintf("; %d bytes an event", (st.EventBytes+st.CountBytes)/st.Events)
	}
	p.entry("size", size)
	if st.Geo != "" {
		p.entry("geoip", term.Clean(st.Geo))
	}
	p.entry("logs", fmt.Sprintf("%s, %s", term.Count(int64(len(st.Sources))), bytesText(st.LogBytes)))
	if st.LastIngest > 0 {
		p.entry("read", moment(st.LastIngest))
	}
	if st.RawSegments < st.Segments {
		p.entry("lines", fmt.Sprintf("%d of %d segments do not keep them", st.Segments-st.RawSegments, st.Segments))
	}
	if st.Forgotten > 0 {
		p.entry("removed", plural(int(st.Forgotten), "event"))
	}
	marks := "none"
	if st.Marks > 0 {
		marks = fmt.Sprintf("%d, the last on %s", st.Marks, moment(st.LastMark))
	}
	p.entry("marks", marks)
	p.entry("trained", trainedText(st, moment))
	if st.ReadOnly {
		p.item(p.Yellow("!"), "this user can only read it")
	}
	if len(st.Malformed) > 0 {
		p.heading("Lines that could not be read", "")
		for _, f := range st.Malformed {
			p.item(" ", fmt.Sprintf("%s  %s", term.Count(f.Count), term.Clean(f.Reason)))
		}
	}
	if logs {
		p.heading("Logs", "")
		for _, r := range st.Sources {
			p.item(" ", fmt.Sprintf("%s  %s, %s, %s", term.Clean(r.Name), term.Clean(r.Format), plural(int(r.Records), "record"), bytesText(r.Bytes)))
		}
	}
	return p.w.Flush()
}

// trainedText says when a lake was last trained, and of what.
func trainedText(st *lake.Status, moment func(int64) string) string {
	m := st.Model
	if m == nil {
		return "never"
	}
	text := fmt.Sprintf("%s: %s good, %s bad, %s left out", moment(m.Made), term.Count(m.Good), term.Count(m.Bad), term.Count(m.Ignored))
	if m.HalfLife > 0 {
		text += fmt.Sprintf("; half-life %s", plural(m.HalfLife, "day"))
	}
	if st.ModelStale {
		text += "; marks or events have changed since"
	}
	return text
}

func newVerify(s *streams) *cobra.Command {
	var archive archiveFlags
	cmd := &cobra.Command{
		Use:   "verify {--lake DIR | --store URI}",
		Short: "check that a lake is sound: every file's sum, every event, every count made again",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return archive.with(cmd.Context(), func(l lake.Store) error {
				v, err := l.Verify(cmd.Context())
				if err != nil {
					return err
				}
				for _, f := range v.Faults {
					fmt.Fprintln(s.out, clean(f))
				}
				fmt.Fprintf(s.out, "%s in %s, %s, %s compared\n", plural(int(v.Events), "event"), plural(v.Segments, "segment"), bytesText(v.Bytes),
					plural(int(v.Cells), "count"))
				if len(v.Faults) > 0 {
					return hintf(fmt.Errorf("the lake has %s", plural(len(v.Faults), "fault")),
						"Put the damaged files back from a backup, or remove the lake and ingest the logs again.")
				}
				fmt.Fprintln(s.out, "the lake is sound")
				return nil
			})
		},
	}
	archive.add(cmd, "the lake's `DIR`")
	return cmd
}

func newForget(s *streams) *cobra.Command {
	archive, condition, yes := archiveFlags{}, "", false
	cmd := &cobra.Command{
		Use:   "forget {--lake DIR | --store URI} --where EXPR --yes",
		Short: "remove events from a lake for good, and prove it",
		Long: `Removes every event that meets a condition, its line and its counts: for data protection. Segments that hold such events
are written anew, their counts made again, the old files removed, and then the whole lake is searched for what is left.

The condition itself is not kept, only its SHA-256. Lines that could not be read have no fields to ask for and stay. The logs
themselves, and copies of the lake, are not touched; logs that were read before are not read again.`,
		Example: `  weir forget --lake /var/lib/weir --where 'user.name == "alice"' --yes`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := where.Compile(condition)
			switch {
			case condition == "":
				return usagef("no condition: say what to forget with --where")
			case err != nil:
				return usageError{fmt.Errorf("--where: %w", err)}
			case !yes:
				return usageError{errors.New("what is forgotten cannot be brought back: say --yes")}
			}
			return archive.with(cmd.Context(), func(l lake.Store) error {
				sum := sha256.Sum256([]byte(condition))
				f, err := l.Forget(cmd.Context(), c.Fork().Match, "condition with SHA-256 "+hex.EncodeToString(sum[:]))
				if err != nil {
					return err
				}
				fmt.Fprintf(s.out, "%s removed from %s; %s searched again, none is left\n", plural(int(f.Events), "event"),
					plural(f.Segments, "segment"), plural(f.Looked, "segment"))
				return nil
			})
		},
	}
	archive.add(cmd, "the lake's `DIR`")
	cmd.Flags().StringVar(&condition, "where", "", "what to forget, as `'source.ip == \"192.0.2.7\"'`")
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, remove it")
	return cmd
}
