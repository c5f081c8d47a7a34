package enrich

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
)

// RegisteredDomain returns the part of a host name that somebody registered, example.co.uk of a.b.example.co.uk, in
// lower case. A port, a dot at the end and capitals are no hindrance. Addresses, names without a dot, public suffixes
// themselves and what is no host name have none.
func RegisteredDomain(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		if strings.IndexByte(host[:i], ':') >= 0 || strings.Trim(host[i+1:], "0123456789") != "" {
			return "" // IPv6, or no port
		}
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	if !isHostName(host) {
		return ""
	}
	if c := host[len(host)-1]; '0' <= c && c <= '9' {
		if _, err := netip.ParseAddr(host); err == nil {
			return ""
		}
		if label := host[strings.LastIndexByte(host, '.')+1:]; strings.Trim(label, "0123456789") == "" {
			return "" // 1.2.3, 10.0.0.999: no top level domain is a number
		}
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host))
	if err != nil {
		return ""
	}
	return domain
}

// isHostName reports whether s has the form of a name with at least two labels. Underscores occur in names that are no
// hosts (_dmarc.example.org), letters beyond ASCII in those that a log did not encode.
func isHostName(s string) bool {
	if len(s) > 253 || !utf8.ValidString(s) { // lower case is only defined for valid text
		return false
	}
	label, dots := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label, dots = 0, dots+1
			continue
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c >= 0x80:
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return dots > 0 && label > 0
}
