package main

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"weir/internal/beacon"
)

// pairJSON is one line of `weir beacons --json`. It is a contract: docs/json.md.
type pairJSON struct {
	Kind             string     `json:"kind"`
	Called           bool       `json:"called"`
	Network          string     `json:"network,omitempty"`
	Source           string     `json:"source"`
	Destination      *string    `json:"destination"`
	DestinationNames []string   `json:"destination_names"`
	Ports            []uint16   `json:"ports"`
	Score            float64    `json:"score"`
	RITA             *ritaJSON  `json:"rita_score"`
	P                *float64   `json:"p_value"`
	Q                *float64   `json:"q_value"`
	Interval         *float64   `json:"interval_seconds"`
	Jitter           *float64   `json:"jitter"`
	Missed           *float64   `json:"missed"`
	Beats            int        `json:"beats"`
	Count            int64      `json:"count"`
	Considered       int        `json:"considered"`
	Bytes            int64      `json:"bytes"`
	Sent             int64      `json:"bytes_sent"`
	Duration         float64    `json:"duration_seconds"`
	Longest          float64    `json:"longest_seconds"`
	SubDomains       int64      `json:"sub_domains,omitempty"`
	Generated        int64      `json:"generated_domains,omitempty"`
	First            string     `json:"first"`
	Last             string     `json:"last"`
	Clues            []clueJSON `json:"clues"`
}

// ritaJSON is RITA's score of the last day of the logs.
type ritaJSON struct {
	Score     float64 `json:"score"`
	Timestamp float64 `json:"timestamp"`
	DataSize  float64 `json:"data_size"`
	Duration  float64 `json:"duration"`
	Histogram float64 `json:"histogram"`
	Count     int     `json:"count"`
	Bytes     int64   `json:"bytes"`
	Seconds   float64 `json:"duration_seconds"`
}

type clueJSON struct {
	Points float64 `json:"points"`
	Text   string  `json:"text"`
}

func beaconsJSON(w io.Writer, r *beacon.Result, limit int) error {
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(escaper{out})
	for i := range r.Pairs[:min(len(r.Pairs), limit)] {
		if err := enc.Encode(pairToJSON(r.Pairs[i])); err != nil {
			return err
		}
	}
	return out.Flush()
}

func pairToJSON(p *beacon.Pair) *pairJSON {
	moment := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
	j := &pairJSON{Kind: p.Kind, Called: p.Called(), Network: validUTF8(p.Network), Source: validUTF8(p.Source), DestinationNames: []string{},
		Ports: append([]uint16{}, p.Ports...), Score: p.Score, Beats: p.Rhythm.Beats, Count: p.Count, Considered: p.Considered, Bytes: p.Sent + p.Received,
		Sent: p.Sent, Duration: float64(p.Nanos) / 1e9, Longest: float64(p.Longest) / 1e9, SubDomains: p.SubDomains, Generated: p.GeneratedNames,
		First: moment(p.First), Last: moment(p.Last)}
	if p.Destination != "" {
		d := validUTF8(p.Destination)
		j.Destination = &d
	}
	for _, n := range p.Names {
		j.DestinationNames = append(j.DestinationNames, validUTF8(n))
	}
	if x := &p.RITA; x.Eligible {
		j.RITA = &ritaJSON{x.Score, x.Timestamp, x.DataSize, x.Duration, x.Histogram, x.Count, x.Bytes, float64(x.Nanos) / 1e9}
	}
	if x := &p.Rhythm; x.Tested {
		j.P, j.Q = &p.P, &p.Q
		if x.Interval > 0 {
			j.Interval, j.Jitter = &x.Interval, &x.Jitter
			if x.Every == 1 && !x.Phase {
				j.Missed = &x.Missed
			}
		}
	}
	for _, c := range p.Clues {
		j.Clues = append(j.Clues, clueJSON{c.Points, validUTF8(c.Text)})
	}
	return j
}
