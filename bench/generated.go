package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// generate makes a scenario with truth in a new directory and returns it with its window.
func (b *bench) generate(ctx context.Context, name string, args ...string) (dir, window string, p process, err error) {
	dir = filepath.Join(b.dir, name)
	p, err = start(ctx, b.dir, nil, io.Discard, b.weir, append([]string{"scenario", "--out", dir}, args...)...)
	if err != nil {
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, "incident.json"))
	if err != nil {
		return
	}
	var in struct{ From, To string }
	err = json.Unmarshal(text, &in)
	return dir, in.From + "/" + in.To, p, err
}

// logs are the files of a scenario that a hunt reads.
var logs = []string{"nginx", "auth.log", "zeek"}

// scale measures memory and time on many generated events.
func (b *bench) scale(ctx context.Context) error {
	events := 20_000_000
	if b.quick {
		events = 1_000_000
	}
	dir, window, made, err := b.generate(ctx, "scale", "--events", strconv.Itoa(events), "--seed", "1")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := start(ctx, dir, nil, io.Discard, b.weir, append([]string{"hunt", "--window", window}, logs...)...)
	if err != nil {
		return err
	}
	fmt.Printf("\n## Scale\n\n| generated events | generating | hunting | events/s | peak memory |\n|--:|--:|--:|--:|--:|\n| %d | %.1f s | %.1f s | %.0f | %s |\n",
		events, made.took.Seconds(), p.took.Seconds(), float64(events)/p.took.Seconds(), megabytes(p.peak))
	b.row(fmt.Sprintf("peak memory of weir hunt over %d M scenario events", events/1_000_000), "1 GB", "500 MB", "%s", megabytes(p.peak))
	return nil
}

// demo times weir demo, and looks in which row of the page of a hunt each step of the same break-in first shows.
func (b *bench) demo(ctx context.Context) error {
	var out bytes.Buffer
	p, err := start(ctx, b.dir, nil, &out, b.weir, "demo")
	if err != nil {
		return err
	}
	if out.Len() < 1000 {
		return fmt.Errorf("weir demo printed only %q", out.Bytes())
	}
	b.row("weir demo, built binary", "15 s", "5 s", "%.1f s", p.took.Seconds())
	dir, window, _, err := b.generate(ctx, "demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out.Reset()
	if _, err := start(ctx, dir, nil, &out, b.weir, append([]string{"hunt", "--rows", "--window", window, "--limit", "500"}, logs...)...); err != nil {
		return err
	}
	kinds, err := readTruth(filepath.Join(dir, "truth.csv"))
	if err != nil {
		return err
	}
	first, rows := firstRows(out.String(), kinds)
	fmt.Printf("\n## Demo\n\n`weir demo` took %.1f s. In the rows of a hunt over the same company (`weir scenario` with its defaults; %d rows read), a step\n"+
		"first shows, by a line that the row prints, at:\n\n| step | row |\n|---|--:|\n", p.took.Seconds(), rows)
	var late []string
	for _, kind := range kindsOf(kinds) {
		at := "not shown"
		if first[kind] > 0 {
			at = strconv.Itoa(first[kind])
		}
		if first[kind] == 0 || first[kind] > 20 {
			late = append(late, kind+" ("+at+")")
		}
		fmt.Printf("| %s | %s |\n", kind, at)
	}
	b.row("steps of the demo's break-in not among the first 20 rows", "none", "none", "%s", orNone(late))
	return b.oddHost(ctx)
}

// oddHost looks for the campaign that tells of the host with the odd user agent and its beacon, in several companies.
func (b *bench) oddHost(ctx context.Context) error {
	seeds := 10
	if b.quick {
		seeds = 2
	}
	var places []float64
	for seed := range seeds {
		dir, window, _, err := b.generate(ctx, "odd", "--seed", strconv.Itoa(seed))
		if err != nil {
			return err
		}
		kinds, err := readTruth(filepath.Join(dir, "truth.csv"))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if _, err := start(ctx, dir, nil, &out, b.weir, append([]string{"campaigns", "--json", "--all", "--window", window}, logs...)...); err != nil {
			return err
		}
		place, err := campaignOf(&out, kinds, "odd_user_agent", "c2_beacon")
		if err != nil {
			return err
		}
		places = append(places, float64(place))
		os.RemoveAll(dir)
	}
	slices.Sort(places)
	fmt.Printf("\nThe host with the odd user agent and its beacon are told in campaign %v of %d companies (seeds from 0).\n", places, seeds)
	b.row(fmt.Sprintf("the odd host and its beacon, campaign, median (worst) of %d companies", seeds), "first page", "1-3", "%.0f (%.0f)", median(places), slices.Max(places))
	return nil
}

// campaignOf returns the number of the first campaign with lines of all the kinds, and one more than there are where none has.
func campaignOf(r io.Reader, kinds map[string]string, wanted ...string) (int, error) {
	d := json.NewDecoder(r)
	for n := 1; ; n++ {
		var c struct {
			Number int
			Noise  bool
			Steps  []struct {
				Lines []struct {
					File string
					Line int64
				}
			}
		}
		if err := d.Decode(&c); err == io.EOF {
			return n, nil
		} else if err != nil {
			return 0, fmt.Errorf("cannot read what weir campaigns --json says: %w", err)
		}
		has := map[string]bool{}
		for _, s := range c.Steps {
			for _, l := range s.Lines {
				has[kinds[l.File+":"+strconv.FormatInt(l.Line, 10)]] = true
			}
		}
		if !c.Noise && !slices.ContainsFunc(wanted, func(k string) bool { return !has[k] }) {
			return c.Number, nil
		}
	}
}

// readTruth returns the kind of every malicious line, by file:line.
func readTruth(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{}
	for _, r := range records[min(1, len(records)):] {
		if len(r) >= 4 && r[2] == "1" {
			kinds[r[0]+":"+r[1]] = r[3]
		}
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("%s lists no malicious line", name)
	}
	return kinds, nil
}

func kindsOf(kinds map[string]string) []string {
	var out []string
	for _, k := range kinds {
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// rowHead is the first line of a row of suspects; place is a line of a row that says where one of its events stands.
var (
	rowHead = regexp.MustCompile(`^ *(\d+)  score `)
	place   = regexp.MustCompile(`^ {5}(?:and  )?(\S+:\d+)$`)
)

// firstRows reads a hunt's page and returns the first row that shows a line of each kind, and the number of rows.
func firstRows(page string, kinds map[string]string) (first map[string]int, rows int) {
	first = map[string]int{}
	row := 0
	for _, line := range strings.Split(page, "\n") {
		if m := rowHead.FindStringSubmatch(line); m != nil {
			rows++
			row, _ = strconv.Atoi(m[1])
			continue
		}
		if m := place.FindStringSubmatch(line); m != nil && row > 0 {
			if kind := kinds[m[1]]; kind != "" && first[kind] == 0 {
				first[kind] = row
			}
		}
	}
	return first, rows
}
