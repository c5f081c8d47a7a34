package main

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/beacon"
	"weir/internal/format"
	"weir/internal/term"
)

func printBeacons(s *streams, r *beacon.Result, summary *format.Summary, zone *time.Location, f *beaconFlags) error {
	p := newPage(s.out)
	fmt.Fprintln(p.w, p.Bold("weir beacons"))
	p.read(summary)
	p.pairs(r, zone, f.limitOr(defaultRows, r.Rows), f.all || f.limit > 0)
	return p.w.Flush()
}

// kindWords say what a pair is called.
var kindWords = map[string]string{
	beacon.KindBeacon: "beacon",
	beacon.KindStrobe: "strobe",
	beacon.KindLong:   "long connection",
	beacon.KindTunnel: "tunnel through DNS",
	beacon.KindDGA:    "domains made up by a program",
}

// pairs shows the best rows: those that are called something, and where the user asks for it the others too.
func (p *page) pairs(r *beacon.Result, zone *time.Location, limit int, others bool) {
	p.heading("Looked at", plural(r.Series, "pair")+" of source and destination")
	p.text(2, fmt.Sprintf("They are in %s. %s enough beats to test.", plural(int(r.Events), "record"), havePairs(r.Tested)))
	p.warn(r.Warnings)
	p.heading("Found", fmt.Sprintf("%s, best first; a score of %.1f or more", plural(r.Called, "pair"), beacon.CallsFrom))
	if r.Called == 0 {
		p.text(2, "No pair has a rhythm that is beyond chance and a destination that is not ordinary.")
	}
	n := r.Called
	if others {
		n = r.Rows
	}
	for i := range r.Pairs[:min(n, limit, len(r.Pairs))] {
		p.pair(i+1, r.Pairs[i], zone)
	}
	if n > limit {
		fmt.Fprintf(p.w, "\n  … %s more; --limit N shows them\n", plural(n-limit, "pair"))
	} else if rest := r.Rows - n; rest > 0 {
		fmt.Fprintf(p.w, "\n  %s below that; --all shows them\n", plural(rest, "pair"))
	}
}

func havePairs(n int) string {
	if n == 1 {
		return "1 row has"
	}
	return term.Count(n) + " rows have"
}

const maxPairClues = 6

func (p *page) pair(n int, x *beacon.Pair, zone *time.Location) {
	word := p.Dim("not called")
	if x.Called() {
		word = p.Red(kindWords[x.Kind])
	}
	fmt.Fprintf(p.w, "\n%s  score %s  %s\n", p.Bold(fmt.Sprintf("%3d", n)), p.Bold(fmt.Sprintf("%.2f", x.Score)), word)
	to := x.Destination
	if names := strings.Join(x.Names, ", "); names != "" && to != "" {
		to = names + " (" + to + ")"
	} else if to == "" {
		to = names
	}
	ports := ""
	if len(x.Ports) > 0 {
		var list []string
		for _, n := range x.Ports {
			list = append(list, fmt.Sprint(n))
		}
		if x.MorePorts {
			list = append(list, "…")
		}
		ports = ", port " + strings.Join(list, ", ")
	}
	line := term.Clean(x.Source) + " → " + term.Clean(to)
	fmt.Fprintf(p.w, "     %s%s\n", p.Cyan(term.CutMiddle(line, max(p.width-5-term.Width(ports), 20))), ports)
	what := fmt.Sprintf("%s, %s, %s", plural(int(x.Count), "connection"), bytesText(x.Sent+x.Received), momentText(x.First, x.Last, zone))
	if x.Kind == beacon.KindTunnel || x.Kind == beacon.KindDGA {
		what = fmt.Sprintf("%s, %s", plural(int(x.Count), "question"), momentText(x.First, x.Last, zone))
	}
	if x.Network != "" {
		what += ", in " + term.Clean(x.Network)
	}
	p.text(5, what)
	if x.RITA.Eligible {
		fmt.Fprintf(p.w, "     %s\n", p.Dim(term.Cut(fmt.Sprintf("RITA %.3f: times %.3f, sizes %.3f, duration %.3f, hours %.3f", x.RITA.Score, x.RITA.Timestamp,
			x.RITA.DataSize, x.RITA.Duration, x.RITA.Histogram), p.width-5)))
	}
	for i, c := range x.Clues {
		if i == maxPairClues {
			break
		}
		sign := p.Red(fmt.Sprintf("%+6.1f", c.Points))
		switch {
		case c.Points == 0:
			sign = "      "
		case c.Points < 0:
			sign = p.Green(fmt.Sprintf("%+6.1f", c.Points))
		}
		for k, l := range term.Wrap(term.Clean(c.Text), p.width-12) {
			if k > 0 {
				sign = "      "
			}
			fmt.Fprintf(p.w, "     %s %s\n", sign, l)
		}
	}
}

// bytesText writes a size in the unit that suits it.
func bytesText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return plural(int(n), "byte")
}
