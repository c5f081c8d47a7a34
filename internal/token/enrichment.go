package token

import (
	"net/netip"
	"time"

	"weir/internal/enrich"
)

// NewEnrichment returns the enrichment of package enrich for one goroutine: local hours in zone, countries and networks
// from geo if it is not nil, else from the data in the binary.
func NewEnrichment(zone *time.Location, geo *enrich.GeoDB) *Enrichment {
	clock, agents := enrich.NewClock(zone), enrich.NewUserAgents(0)
	e := &Enrichment{
		Country:          enrich.Country,
		RegisteredDomain: enrich.RegisteredDomain,
		AgentFamily: func(s string) string {
			ua := agents.Parse(s)
			switch {
			case ua.Family == "" && ua.OS == "":
				return ""
			case ua.OS == "":
				return ua.Family
			}
			return ua.Family + "/" + ua.OS
		},
		HourOfWeek: func(ns int64) int { return clock.At(ns).HourOfWeek },
		Shift: func(ns int64) string {
			m := clock.At(ns)
			return shifts[m.Class == enrich.Weekend][m.Hour/6]
		},
	}
	if geo != nil {
		e.Country = func(a netip.Addr) string {
			if c := geo.Lookup(a).Country; c != "" {
				return c
			}
			return enrich.Country(a)
		}
		e.Organization = func(a netip.Addr) string { return geo.Lookup(a).Org }
	}
	return e
}

// shifts names the quarter of a day, by whether it is a weekend.
var shifts = map[bool][4]string{
	false: {"weekday 00-06", "weekday 06-12", "weekday 12-18", "weekday 18-24"},
	true:  {"weekend 00-06", "weekend 06-12", "weekend 12-18", "weekend 18-24"},
}
