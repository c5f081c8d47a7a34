package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/enrich"
	"weir/internal/lake"
	"weir/internal/mongo"
	"weir/internal/source"
	"weir/internal/term"
)

// ingestFlags are the command line of ingest as it was typed.
type ingestFlags struct {
	archive             archiveFlags
	from                []string
	zone, format, geoip string
	noRaw, follow       bool
	workers             int
	keepAge, keepSize   string
	every               time.Duration
}

func newIngest(s *streams) *cobra.Command {
	f := &ingestFlags{}
	cmd := &cobra.Command{
		Use:   "ingest {--lake DIR | --store URI} [flags] LOG...",
		Short: "read logs once into a lake: an archive that is hunted in and asked again and again",
		Long: `Reads logs into the lake in DIR, which is made if there is none: events as Parquet by day, with the counts of their
tokens beside them.

It can be run again and again over the same logs. What was read before is known by its content, whatever the file is called
by now: a file that has grown is read on, one that was rotated, compressed or copied adds nothing. When it is killed, what was
committed stays, and the next run goes on from there.

With --store the archive is in a MongoDB database instead. Events that somebody else has put into MongoDB are read from
there with --from, or by naming their collection as a LOG.

LOG is what it is for 'weir hunt'.`,
		Example: `  weir ingest --lake /var/lib/weir /var/log/nginx
  weir ingest --lake /var/lib/weir --follow /opt/zeek/logs/current
  weir ingest --store mongodb://db.example/weir --from mongodb://db.example/siem.events`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runIngest(cmd.Context(), s, f, args, cmd.Flags().Changed("zone"))
		},
	}
	p := cmd.Flags()
	p.SortFlags = false
	f.archive.add(cmd, "the lake's `DIR`")
	p.StringArrayVar(&f.from, "from", nil, "read the events in this collection of MongoDB too, `URI` mongodb://host/database.collection")
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of logs that name none; of the lake's hours too when it is made")
	p.StringVar(&f.format, "format", "", "read the logs as this `FORMAT`, or as the server's own log_format or LogFormat string")
	p.StringVar(&f.geoip, "geoip", "", "take countries and networks from this MaxMind or DB-IP `FILE`.mmdb; the lake keeps a copy and needs it no more")
	p.BoolVar(&f.noRaw, "no-raw", false, "do not keep the lines themselves, only their fields")
	p.BoolVar(&f.follow, "follow", false, "go on reading what is written to the logs, through rotation, until interrupted")
	p.DurationVar(&f.every, "every", time.Second, "with --follow, how often to look")
	p.StringVar(&f.keepAge, "keep-age", "", "before and afterwards, remove days older than this, as `90d`")
	p.StringVar(&f.keepSize, "keep-size", "", "before and afterwards, remove the oldest days until the lake has this size, as `50GB`")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	return cmd
}

func (f *ingestFlags) check() (zone *time.Location, geo *enrich.GeoDB, age time.Duration, size int64, err error) {
	var errs []error
	if err := f.archive.fault("no lake: say where it is, or shall be, with --lake DIR"); err != nil {
		errs = append(errs, err)
	}
	if f.archive.store != "" && f.keepAge+f.keepSize != "" {
		errs = append(errs, errors.New("--keep-age and --keep-size are for a lake; in MongoDB nothing is removed by age yet"))
	}
	for _, uri := range f.from {
		if !mongo.IsURI(uri) {
			errs = append(errs, errors.New("--from wants a collection, as mongodb://host/database.collection"))
		}
	}
	if zone, err = time.LoadLocation(f.zone); err != nil {
		errs = append(errs, fmt.Errorf("there is no time zone %q: write a name like Europe/Vienna, or UTC", f.zone))
	}
	if f.workers < 0 || f.every <= 0 {
		errs = append(errs, errors.New("--workers cannot be negative, and --every has to be more than nothing"))
	}
	if f.geoip != "" {
		if geo, err = enrich.OpenGeoDB(f.geoip); err != nil {
			errs = append(errs, err)
		}
	}
	if f.keepAge != "" {
		days, err := strconv.Atoi(strings.TrimSuffix(f.keepAge, "d"))
		if err != nil || days < 1 || days > 36500 || !strings.HasSuffix(f.keepAge, "d") {
			errs = append(errs, fmt.Errorf("--keep-age: %q is no number of days; write 90d", f.keepAge))
		}
		age = time.Duration(days) * 24 * time.Hour
	}
	if f.keepSize != "" {
		if size, err = parseSize(f.keepSize); err != nil {
			errs = append(errs, fmt.Errorf("--keep-size: %w", err))
		}
	}
	if len(errs) > 0 {
		return nil, nil, 0, 0, usageError{errors.Join(errs...)}
	}
	return zone, geo, age, size, nil
}

// parseSize reads 500MB, 50GB, 2TB.
func parseSize(text string) (int64, error) {
	for _, u := range []struct {
		suffix string
		bytes  int64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}} {
		if digits, ok := strings.CutSuffix(text, u.suffix); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err == nil && n > 0 && n < 1e18/u.bytes {
				return n * u.bytes, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is no size; write 500MB, 50GB or 2TB", text)
}

func runIngest(ctx context.Context, s *streams, f *ingestFlags, args []string, zoned bool) error {
	zone, geo, age, size, err := f.check()
	if err != nil {
		return err
	}
	args = append(args, f.from...)
	if f.follow && hasCollection(args) {
		return usagef("--follow is for files: a collection is read on when it is ingested again")
	}
	l, err := f.archive.open(ctx, &lake.Settings{Zone: zone, Geo: geo})
	if err != nil {
		return err
	}
	defer l.Close()
	o := lake.IngestOptions{Format: f.format, Workers: f.workers, NoRaw: f.noRaw}
	if zoned {
		o.Zone = zone
	}
	archive, isLake := l.(*lake.Lake)
	tidy := func() error {
		if !isLake {
			return nil // documents need no tidying
		}
		if err := archive.Retain(context.WithoutCancel(ctx), age, size); err != nil {
			return err
		}
		_, err := archive.Compact(ctx)
		return err
	}
	if isLake { // before, too: on a full disk this makes the room
		if err := archive.Retain(ctx, age, size); err != nil {
			return explainArchive(err)
		}
	}
	if f.follow {
		return explainArchive(followLogs(ctx, s, l, o, f, args, tidy))
	}
	inputs, err := expand(s, args)
	if err != nil {
		return err
	}
	inputs = f.outside(inputs)
	bar := newProgress(s.err)
	o.Progress = bar.update
	r, err := l.Ingest(ctx, inputs, o)
	bar.done()
	if err != nil {
		return explainArchive(err)
	}
	if err := tidy(); err != nil && !errors.Is(err, context.Canceled) {
		return explainArchive(err)
	}
	return reportIngest(s, r)
}

// outside leaves out the files of the lake itself, which may lie in a directory that is read.
func (f *ingestFlags) outside(inputs []source.Input) []source.Input {
	if f.archive.lake == "" {
		return inputs
	}
	dir, err := filepath.Abs(f.archive.lake)
	if err != nil {
		return inputs
	}
	return slices.DeleteFunc(inputs, func(in source.Input) bool {
		if in.Once() || mongo.IsURI(in.Name) {
			return false
		}
		abs, err := filepath.Abs(in.Name)
		return err == nil && strings.HasPrefix(abs, dir+string(filepath.Separator))
	})
}

// followLogs ingests what is written until ctx ends.
func followLogs(ctx context.Context, s *streams, l lake.Store, o lake.IngestOptions, f *ingestFlags, args []string, tidy func() error) error {
	if _, err := expand(s, args); err != nil {
		return err
	}
	look := func() ([]source.Input, error) {
		local, remote, err := inHDFS(ctx, s, args)
		if err != nil || len(local) == 0 {
			return remote, err
		}
		inputs, _, err := source.ExpandNotes(local)
		return append(f.outside(inputs), remote...), err
	}
	return l.Follow(ctx, look, o, f.every, func(r *lake.Report) error {
		if r.Events+r.Malformed == 0 {
			return nil
		}
		if err := reportIngest(s, r); err != nil { // a log that is away for a moment is looked for again
			fmt.Fprintf(s.err, "weir: %s\n", clean(err.Error()))
		}
		return tidy()
	})
}

// reportIngest says what an ingest did, and fails if an input could not be read.
func reportIngest(s *streams, r *lake.Report) error {
	grown, complete, failed := 0, 0, 0
	for i := range r.Files {
		f := &r.Files[i]
		switch {
		case f.Err != "":
			failed++
			fmt.Fprintf(s.err, "weir: %s\n", clean(fmt.Sprintf("cannot read log %q: %s", f.Name, f.Err)))
		case f.Complete:
			complete++
		case f.Known:
			grown++
		}
		for _, w := range f.Warnings {
			fmt.Fprintf(s.err, "weir: %s\n", clean(f.Name+": "+w))
		}
	}
	fmt.Fprintf(s.out, "%s added", plural(int(r.Events), "event"))
	if n := len(r.Files); n > 0 {
		fmt.Fprintf(s.out, " from %s", plural(n, "log"))
	}
	if grown+complete > 0 {
		fmt.Fprintf(s.out, " (%d read on, %d known already)", grown, complete)
	}
	fmt.Fprintln(s.out)
	if r.Malformed > 0 {
		fmt.Fprintf(s.out, "%s could not be read and are kept as they are:\n", plural(int(r.Malformed), "line"))
		for _, f := range r.Faults {
			fmt.Fprintf(s.out, "  %s  %s\n", term.Count(f.Count), clean(f.Reason))
		}
	}
	if r.Future > 0 {
		fmt.Fprintf(s.out, "%s more than a day in the future: is a clock wrong, or a --zone?\n", plural(int(r.Future), "event"))
	}
	if r.Stopped {
		return hintf(errors.New("stopped before everything was read; what was read is in the archive"), "Run it again to go on.")
	}
	if failed > 0 {
		return fmt.Errorf("%s of %d could not be read", plural(failed, "log"), len(r.Files))
	}
	return nil
}
