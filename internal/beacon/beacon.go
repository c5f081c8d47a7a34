// Package beacon finds programs that call home: pairs of a source and a destination that talk at intervals.
//
// A [Detector] hands out a handler for each worker of a scan. A handler keeps, for each source and destination address,
// and for each source and host name (of HTTP, TLS and DNS), totals and the newest times, delta-coded (store.go). Handlers'
// stores merge in any order to the same store. [Detector.Result] judges it:
//
//  1. Every series of times is tested for periodicity (rhythm.go, spectrum.go): a p-value whose null hypothesis is that
//     events come at random, in bursts, at a rate that may follow the hours; and scored as RITA v5 does (rita.go).
//  2. Series of the same traffic become one row, a [Pair] (rows.go). q-values bound false discoveries over all rows.
//  3. A row is weighed: how sure and how even its rhythm is, how ordinary its destination (score.go). Long connections,
//     strobes, tunnels through DNS and domains that look generated are scored beside it (dns.go, kinds.go).
//
// The result does not depend on the number of workers or on the order of the logs.
package beacon

import (
	"net/netip"

	"weir/internal/enrich"
	"weir/internal/event"
	"weir/internal/format"
)

// Options govern what is kept and how it is judged. The zero value is for the logs of one network.
type Options struct {
	// Networks, by index of the scan's inputs, says which network's logs each is: what happens in one says nothing about
	// another, and their addresses are not the same machines. nil: all are of one.
	Networks []uint32
	Names    []string // of the networks

	Country func(netip.Addr) string // nil is enrich.Country
	Workers int                     // goroutines that judge; at least one. Results do not depend on it

	Rows int // how many pairs Result returns, the best; all that are called are returned in any case. 0 is all there are

	MaxSeries  int // pairs of each worker, and in all; beyond, those whose hashes are large are not looked at. 0 is 6,000,000
	MaxTimes   int // connections of one pair whose times are kept: the newest. 0 is 100,000
	MaxJoined  int // connections whose names are known from other logs by their ids. 0 is 1,000,000
	MaxDomains int // registered domains whose sub-domains are counted; half as many addresses have names. 0 is 500,000
}

func (o *Options) maxSeries() int  { return orDefault(o.MaxSeries, 6_000_000) }
func (o *Options) maxTimes() int   { return orDefault(o.MaxTimes, 100_000) }
func (o *Options) maxJoined() int  { return orDefault(o.MaxJoined, 1_000_000) }
func (o *Options) maxDomains() int { return orDefault(o.MaxDomains, 500_000) }

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// A Detector looks for beacons in the logs of one scan.
type Detector struct {
	o       Options
	readers []*reader
	taking  *store // of records that were taken, not merged yet
}

// New returns a Detector.
func New(o Options) *Detector {
	if o.Country == nil {
		o.Country = enrich.Country
	}
	return &Detector{o: o}
}

// Handler returns the handler of a worker; it is what [format.Scan] asks for, and is called by one goroutine.
func (d *Detector) Handler(_ int, _ *event.Keys) format.Handler {
	r := newReader(d)
	d.readers = append(d.readers, r)
	return r
}

// Kinds of pairs.
const (
	KindBeacon = "beacon"
	KindStrobe = "strobe"
	KindLong   = "long-connection"
	KindTunnel = "dns-tunnel"
	KindDGA    = "generated-domains"
)

// CallsFrom is the score from which a pair is called what its kind says.
const CallsFrom = .5

// A Pair is a source and a destination, and what their traffic looks like.
type Pair struct {
	Kind        string
	Network     string
	Source      string
	Destination string   // address; empty where only a name is known
	Names       []string // of the destination, sorted
	Ports       []uint16 // the three smallest
	MorePorts   bool

	Score  float64 // 0 to 1, from CallsFrom on the pair is called what Kind says: docs/beacons.md
	Rhythm Rhythm  // P is of the pair: of all its series
	P, Q   float64
	RITA   RITA

	Count          int64
	Sent, Received int64
	Nanos, Longest int64 // of its connections, nanoseconds: all together, the longest
	First, Last    int64 // nanoseconds
	Considered     int   // connections whose times were looked at; fewer than Count where there are very many
	Clues          []Clue
	SubDomains     int64 // of a tunnel
	GeneratedNames int64 // of KindDGA
	order          float64
}

// Called reports whether the pair is called what its kind says.
func (p *Pair) Called() bool { return p.Score >= CallsFrom }

// A Clue is something that speaks for the pair or against it. Points add up to the score: 1/(1+2^−sum).
type Clue struct {
	Points float64
	Text   string
}

// A Result is what was found.
type Result struct {
	Pairs    []*Pair // best first
	Rows     int     // pairs that there are, with those beyond Options.Rows
	Events   int64   // records that told of a connection, request, handshake or question
	Series   int     // pairs of source and destination seen
	Tested   int     // rows with enough beats to test
	Called   int
	Warnings []string
}

// Find returns the best row of a source and a destination, an address or a name, or nil. A hunt asks it for every event
// and makes a token of what it answers.
func (r *Result) Find(source, destination string) *Pair {
	for _, p := range r.Pairs {
		if p.Source != source {
			continue
		}
		if p.Destination == destination {
			return p
		}
		for _, n := range p.Names {
			if n == destination {
				return p
			}
		}
	}
	return nil
}
