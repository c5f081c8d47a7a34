// Package enrich tells what a value of an event says beyond itself: the country and the owner of an address, its
// network, the program behind a user agent, the registered domain of a host, and the place of a moment in the week.
//
// [Country], [Network] and [RegisteredDomain] are functions over data embedded in the binary. [GeoDB] reads a database
// that the operator gives. [UserAgents] and [Clock] cache, and so belong to one goroutine each.
//
// An empty string always means "not known". Nothing here fails, logs, or looks at the network or the wall clock.
package enrich

import (
	"net/netip"

	"github.com/phuslu/iploc"
)

// Private is the country of addresses that no country has: those of private networks, the host itself, the link.
const Private = "private"

// Country returns the ISO 3166 code of the country that an address is registered in, [Private], or nothing.
func Country(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast():
		return ""
	case a.IsPrivate(), a.IsLoopback(), a.IsLinkLocalUnicast():
		return Private
	}
	if c := iploc.IPCountry(a); c != "ZZ" {
		return c
	}
	return ""
}

// Network returns the network that an address most likely shares with others of the same owner: the /24 of IPv4, the
// /48 of IPv6. An IPv4 address written as IPv6 counts as IPv4. An invalid address has an invalid network.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
