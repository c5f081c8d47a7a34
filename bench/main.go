// Command bench prints how good and how fast weir is on this machine, as a Markdown table.
//
//	make bench                      everything; takes some minutes and 15 GB of temporary disk
//	make bench BENCHFLAGS=-quick    a sanity check of every part on less data
//	make bench BENCHFLAGS='-part labels'    one part
//
// The incidents, the labelled records and the throughput data are no part of the project: they are looked for in
// $WEIR_SHARED, or in shared/ beside the checkout. The peers are scikit-learn's (a pipeline that lies there too, and
// bench/peers), on /usr/bin/python3 with Debian's python3-sklearn. What is missing is said in the table and skipped.
// Nothing is installed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"weir/bench/incident"
	"weir/test/built"
)

// A bench is one run.
type bench struct {
	quick  bool
	root   string // the module
	shared string
	weir   string // the binary
	dir    string // temporary
	rows   []row
	notes  []string
}

// A row is one line of the table of what is measured.
type row struct{ what, need, aim, got string }

func main() {
	quick := flag.Bool("quick", false, "less data: a check that every part runs, with rough figures")
	only := flag.String("part", "", "run only this `PART`: quality, speed, scale, demo, labels, costs, replay, campaigns, beacons, labelling, lake or mapreduce")
	keep := flag.String("dir", "", "`directory` for temporary files (default: a new one, removed at the end)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *quick, *only, *keep); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, quick bool, only, dir string) error {
	root, err := built.Root()
	if err != nil {
		return err
	}
	b := &bench{quick: quick, root: root, shared: incident.Shared(root), dir: dir}
	if dir == "" {
		if b.dir, err = os.MkdirTemp("", "weir-bench-*"); err != nil {
			return err
		}
		defer os.RemoveAll(b.dir)
	}
	if b.weir, err = built.Weir(root, b.dir); err != nil {
		return err
	}
	fmt.Printf("# weir bench\n\n%s\n", machine(root))
	if quick {
		fmt.Print("\n**Quick run: less data, one repetition. The figures are rough.**\n")
	}
	type part struct {
		name string
		run  func(context.Context) error
	}
	parts := []part{{"quality", b.quality}, {"speed", b.speed}, {"scale", b.scale}, {"demo", b.demo}, {"labels", b.labels}, {"costs", b.costs}, {"replay", b.replay}, {"campaigns", b.campaigns}, {"beacons", b.beacons}, {"labelling", b.labelling}, {"lake", b.lake}, {"mapreduce", b.mapreduce}}
	if only != "" {
		parts = slices.DeleteFunc(parts, func(p part) bool { return p.name != only })
		if len(parts) == 0 {
			return fmt.Errorf("there is no part %q", only)
		}
	}
	var failed []error
	for _, part := range parts {
		start := time.Now()
		if err := part.run(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !errors.Is(err, incident.ErrMissing) || os.Getenv("CI") == "true" {
				failed = append(failed, fmt.Errorf("%s: %w", part.name, err))
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			b.notes = append(b.notes, fmt.Sprintf("%s was not measured: %s.", part.name, first))
		}
		fmt.Fprintf(os.Stderr, "bench: %s took %.0f s\n", part.name, time.Since(start).Seconds())
	}
	b.print()
	return errors.Join(failed...)
}

func (b *bench) row(what, need, aim, format string, args ...any) {
	b.rows = append(b.rows, row{what, need, aim, fmt.Sprintf(format, args...)})
}

func (b *bench) print() {
	fmt.Print("\n## Summary\n\n| measured by | at least | aim | here |\n|---|---|---|---|\n")
	for _, r := range b.rows {
		fmt.Printf("| %s | %s | %s | %s |\n", r.what, r.need, r.aim, r.got)
	}
	for _, n := range b.notes {
		fmt.Printf("\n- %s\n", n)
	}
}
