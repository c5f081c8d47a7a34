package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/beacon"
	"weir/internal/enrich"
	"weir/internal/format"
)

// beaconFlags are the command line of beacons as it was typed.
type beaconFlags struct {
	zone, format, geoip string
	limit, workers      int
	together, all, json bool
}

func newBeacons(s *streams) *cobra.Command {
	f := &beaconFlags{}
	cmd := &cobra.Command{
		Use:   "beacons [flags] LOG...",
		Short: "find programs that call home: pairs that talk at intervals",
		Long: `Looks at who talks to whom, and when: in connection logs (Zeek conn, Suricata flow, tables with source and destination),
requests (HTTP host names), TLS handshakes (server names), DNS questions and web servers' access logs. A pair of a source
and a destination is called a beacon if its rhythm is beyond chance and its destination is not an ordinary one. Long
connections, strobes, tunnels through DNS and domains that look made up by a program are scored too.

Logs in different directories are taken for different networks, whose addresses are not the same machines; directories
that are named by dates count as the one above. --together makes them one.

LOG is what it is for 'weir hunt'.`,
		Example: `  weir beacons /opt/zeek/logs
  weir beacons --json /opt/zeek/logs/current > pairs.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error { return runBeacons(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.zone, "zone", "UTC", "time `ZONE` of logs that name none, and of what is shown")
	p.StringVar(&f.format, "format", "", "read the logs as this `FORMAT`, or as the server's own log_format or LogFormat string")
	p.StringVar(&f.geoip, "geoip", "", "take countries from this MaxMind or DB-IP `FILE`.mmdb")
	p.BoolVar(&f.together, "together", false, "all logs are of one network")
	p.BoolVar(&f.json, "json", false, "write JSON Lines, one pair each, best first")
	p.BoolVar(&f.all, "all", false, "show the pairs too that are not called anything")
	p.IntVar(&f.limit, "limit", 0, "how many to show (default all pairs as JSON, 20 rows otherwise)")
	p.IntVar(&f.workers, "workers", 0, "goroutines that read (default: one for each processor)")
	return cmd
}

func runBeacons(ctx context.Context, s *streams, f *beaconFlags, args []string) error {
	zone, country, err := f.check()
	if err != nil {
		return err
	}
	inputs, err := expand(s, args)
	if err != nil {
		return err
	}
	for i := range inputs {
		if inputs[i].ModTime.IsZero() { // standard input is being written now
			inputs[i].ModTime = time.Now()
		}
	}
	o := beacon.Options{Country: country, Workers: f.workers}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case f.all:
	case f.limit > 0:
		o.Rows = f.limit
	case !f.json:
		o.Rows = 1 // those that are called are shown
	}
	if !f.together {
		o.Networks, o.Names = networks(namesOf(inputs))
	}
	// Almost all that beacons hold has no pointers: collecting often costs little, and keeps the peak near what is in use.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	d := beacon.New(o)
	bar := newProgress(s.err)
	defer bar.done()
	var summary *format.Summary
	if s.job != nil {
		summary, err = f.beaconsOnEngine(ctx, s, inputs, zone, d)
	} else {
		summary, err = format.Scan(ctx, inputs, format.ScanOptions{Workers: f.workers, FileTimes: true, Progress: bar.update,
			Options: format.Options{Zone: zone, Format: f.format, Wanted: beacon.Wanted}}, d.Handler)
	}
	if err != nil {
		return err
	}
	r := d.Result()
	bar.done()
	if f.json {
		warnOfFiles(s, summary, r.Warnings...)
		return beaconsJSON(s.out, r, f.limitOr(r.Rows, r.Rows))
	}
	return printBeacons(s, r, summary, zone, f)
}

func (f *beaconFlags) limitOr(def, all int) int {
	switch {
	case f.all:
		return all
	case f.limit > 0:
		return f.limit
	}
	return def
}

// check reads the flags, and reports every fault at once.
func (f *beaconFlags) check() (*time.Location, func(netip.Addr) string, error) {
	var errs []error
	zone, err := time.LoadLocation(f.zone)
	if err != nil {
		errs = append(errs, fmt.Errorf("there is no time zone %q: write a name like Europe/Vienna, or UTC", f.zone))
	}
	if f.limit < 0 || f.workers < 0 {
		errs = append(errs, errors.New("--limit and --workers cannot be negative"))
	}
	country := enrich.Country
	if f.geoip != "" {
		geo, err := enrich.OpenGeoDB(f.geoip)
		if err != nil {
			errs = append(errs, err)
		} else {
			country = func(a netip.Addr) string {
				if c := geo.Lookup(a).Country; c != "" {
					return c
				}
				return enrich.Country(a)
			}
		}
	}
	if len(errs) > 0 {
		return nil, nil, usageError{errors.Join(errs...)}
	}
	return zone, country, nil
}

// networks numbers the directories of the logs, those named by dates as the one above. Names are what tells them apart.
func networks(logs []string) (of []uint32, names []string) {
	dirs := make([]string, len(logs))
	for i := range logs {
		dir := path.Dir(filepath.ToSlash(logs[i]))
		for isDate(path.Base(dir)) {
			dir = path.Dir(dir)
		}
		dirs[i] = dir
	}
	names = slices.Compact(slices.Sorted(slices.Values(dirs)))
	for _, dir := range dirs {
		at, _ := slices.BinarySearch(names, dir)
		of = append(of, uint32(at))
	}
	if len(names) == 1 {
		return nil, nil
	}
	return of, shorten(names)
}

// isDate reports a name made of digits and what stands between them: 2026-02-25, 02, current.
func isDate(name string) bool {
	return name == "current" || strings.Trim(name, "0123456789-_.:T") == "" && strings.ContainsAny(name, "0123456789")
}

// shorten leaves out the directories that all have in common.
func shorten(names []string) []string {
	out := slices.Clone(names)
	for {
		first, _, ok := strings.Cut(out[0], "/")
		for _, n := range out {
			if !ok || !strings.HasPrefix(n, first+"/") {
				return out
			}
		}
		for i := range out {
			out[i] = out[i][len(first)+1:]
		}
	}
}
