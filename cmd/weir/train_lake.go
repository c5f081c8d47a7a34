package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
)

// trainOfLake brings a lake's model up to date, or learns a filter from all of its events.
func (f *trainFlags) trainOfLake(ctx context.Context, s *streams, args []string) error {
	if len(args)+len(f.good)+len(f.bad) > 0 || f.truth != "" || f.marks != "" {
		return usagef("%s takes events and labels from the archive: leave out logs, --good, --bad, --truth and --marks", f.archive.flag())
	}
	if s.job != nil {
		switch {
		case f.archive.store != "":
			return usagef("tasks can read logs and lakes, not what is in MongoDB: leave out 'job --on %s'", s.job.flags.on)
		case f.filter == "":
			return usagef("to bring a lake's model up to date only what marks have changed is read, which is no job: leave out 'job --on %s', or say --filter OUT", s.job.flags.on)
		}
	}
	lf := &lakeFlags{archiveFlags: f.archive, geoip: f.geoip}
	if f.filter == "" {
		days, err := halfLifeOf(f.halfLife)
		if err != nil {
			return err
		}
		return trainLake(ctx, s, lf, days)
	}
	switch {
	case f.halfLife != "":
		return usagef("--half-life is for the lake's model: a filter weighs all examples alike")
	case f.format != "" || f.record != "line":
		return usagef("--format and --record are for logs: those of an archive have been read")
	}
	o, _, err := f.options()
	if err != nil {
		return err
	}
	return lf.use(ctx, func(l lake.Store) error {
		if o.Choice, err = choiceOf(ctx, l); err != nil {
			return err
		}
		o.Scan = func(ctx context.Context, so format.ScanOptions, newHandler func(int, *event.Keys) format.Handler) (*format.Summary, error) {
			return l.Scan(ctx, lake.ScanOptions{Workers: so.Workers, Progress: so.Progress}, newHandler)
		}
		set, err := l.MarkSet(ctx)
		if err != nil {
			return err
		}
		b := set.Bind(nil)
		examples := &labelled{notes: []string{"Records that no mark covers, and those that are to be ignored, have no label."}, label: labelBy(b),
			binding: b, archive: l, marks: set}
		examples.print(s)
		o.Label = examples.label
		return f.learn(ctx, s, examples, o)
	})
}

// choiceOf says how the logs of a lake were read, as a filter notes it. Where that cannot be told from the lake a filter could not
// read other logs in the same way, and there is an error.
func choiceOf(ctx context.Context, l lake.Store) (*format.Choice, error) {
	st, err := l.Status(ctx)
	if err != nil {
		return nil, err
	}
	if st.Events == 0 {
		return nil, fmt.Errorf("cannot train in the lake %q: it is empty", st.Dir)
	}
	if st.RawSegments < st.Segments {
		return nil, hintf(fmt.Errorf("cannot train a filter in the lake %q: it does not keep the lines of all events, by which a filter knows examples again", st.Dir),
			"'weir train' without --filter does without them.")
	}
	c := &format.Choice{}
	for _, r := range st.Sources {
		if r.Records == 0 {
			continue
		}
		named := slices.ContainsFunc(format.All(), func(x *format.Format) bool { return x.Name == r.Format })
		if !named || r.Format == "csv" || r.Format == "text" {
			return nil, hintf(fmt.Errorf("cannot train a filter in the lake %q: how %q was read (%s) is not kept in full", st.Dir, r.Name, r.Format),
				"Train it from the logs: weir train --marks FILE --filter OUT LOG...")
		}
		if !slices.Contains(c.Formats, r.Format) {
			c.Formats = append(c.Formats, r.Format)
		}
	}
	slices.Sort(c.Formats)
	return c, nil
}

// halfLifeOf reads a number of days; without a text it is that of the training before.
func halfLifeOf(text string) (days int, err error) {
	switch text {
	case "":
		return sameHalfLife, nil
	case "none":
		return 0, nil
	}
	digits, ok := strings.CutSuffix(text, "d")
	if days, err = strconv.Atoi(digits); !ok || err != nil || days < 1 || days > 36500 {
		return 0, usagef("--half-life: %q is no number of days; write 30d, or none", text)
	}
	return days, nil
}
