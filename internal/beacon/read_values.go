package beacon

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// hostName returns a name in lower case without its port and last dot, or nothing for an address.
func (r *reader) hostName(name []byte) []byte {
	if i := bytes.LastIndexByte(name, ':'); i >= 0 && bytes.IndexByte(name[:i], ':') < 0 {
		name = name[:i]
	}
	name = bytes.TrimSuffix(name, []byte("."))
	if len(name) == 0 || len(name) > maxText || len(name) == 1 && name[0] == '-' || isAddress(name) {
		return nil
	}
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			r.lower = append(r.lower[:0], name...)
			for i, c := range r.lower {
				if c >= 'A' && c <= 'Z' {
					r.lower[i] = c | 0x20
				}
			}
			return r.lower
		}
	}
	return name
}

// isAddress is quick for names.
func isAddress(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	last := b[len(b)-1]
	if bytes.IndexByte(b, ':') < 0 && (last < '0' || last > '9') {
		return false
	}
	_, err := netip.ParseAddr(strings.Trim(string(b), "[]"))
	return err == nil
}

func number(b []byte) int64 {
	n := int64(0)
	for i, c := range b {
		if c < '0' || c > '9' || i > 17 {
			f, err := strconv.ParseFloat(string(b), 64)
			if err != nil || !(f >= 0 && f < 1e18) {
				return 0
			}
			return int64(f)
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

// port returns the destination's port, 0 where it is none: Zeek writes the types of ICMP there.
func (r *reader) port() uint16 {
	n := number(r.v[rolePort])
	if t := r.v[roleTransport]; n > 65535 || len(t) >= 4 && t[0]|0x20 == 'i' && (string(t[:4]) == "icmp" || string(t[:4]) == "ICMP") {
		return 0
	}
	return uint16(n)
}

// seconds reads a number of seconds into nanoseconds, to the microsecond: sums of them are whole numbers then.
func seconds(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	if n, ok := micros(b); ok {
		return n * 1000
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(f >= 0 && f < 1e9) {
		return 0
	}
	return int64(float64(f*1e6)+.5) * 1000
}

// micros is the fast path for 12.345678: as ParseFloat has it, to the microsecond.
func micros(b []byte) (n int64, ok bool) {
	digits, after := 0, -1
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			if after < 0 && digits == 9 || after == 6 {
				return 0, false
			}
			n = 10*n + int64(c-'0')
			digits++
			if after >= 0 {
				after++
			}
		case c == '.' && after < 0:
			after = 0
		default:
			return 0, false
		}
	}
	for range 6 - max(after, 0) {
		n *= 10
	}
	return n, digits > 0
}
