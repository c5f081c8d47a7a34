package format

import (
	"bytes"

	"weir/internal/event"
)

// webKeys are the names that a web server's log gives, interned once.
type webKeys struct {
	sourceIP, sourceDomain, sourcePort   *event.Key
	destinationIP, destinationPort       *event.Key
	user, ident                          *event.Key
	method, query, domain, port, version *event.Key
	urls                                 urlKeys
	requestLine, status, bytes, referrer *event.Key
	agent, duration, forwarded           *event.Key
}

func newWebKeys(keys *event.Keys) webKeys {
	return webKeys{
		sourceIP:        keys.Get("source.ip"),
		sourceDomain:    keys.Get("source.domain"),
		sourcePort:      keys.Get("source.port"),
		destinationIP:   keys.Get("destination.ip"),
		destinationPort: keys.Get("destination.port"),
		user:            keys.Get("user.name"),
		ident:           keys.Get("source.user.name"), // RFC 1413
		method:          keys.Get("http.request.method"),
		port:            keys.Get("url.port"),
		urls:            newURLKeys(keys),
		query:           keys.Get("url.query"),
		domain:          keys.Get("url.domain"),
		version:         keys.Get("http.version"),
		requestLine:     keys.Get("http.request.line"),
		status:          keys.Get("http.response.status_code"),
		bytes:           keys.Get("http.response.body.bytes"),
		referrer:        keys.Get("http.request.referrer"),
		agent:           keys.Get("user_agent.original"),
		duration:        keys.Get("event.duration"),
		forwarded:       keys.Get("network.forwarded_ip"),
	}
}

// isUnset reports whether a server wrote v for "there is none".
func isUnset(v []byte) bool { return len(v) == 0 || len(v) == 1 && v[0] == '-' }

// add adds a value unless the server wrote that there is none.
func add(e *event.Event, k *event.Key, v []byte) {
	if !isUnset(v) {
		e.Add(k, v)
	}
}

// addSource adds the peer: an address as source.ip (without brackets), a name as source.domain.
func (k *webKeys) addSource(e *event.Event, v []byte) {
	v = trimBrackets(v)
	switch {
	case isUnset(v):
	case isIP(v):
		e.Add(k.sourceIP, v)
	default:
		e.Add(k.sourceDomain, v)
	}
}

// maxForwarded bounds the members of one X-Forwarded-For list that are taken; the client can send any number.
const maxForwarded = 32

// addForwarded adds the members of an X-Forwarded-For list.
func (k *webKeys) addForwarded(e *event.Event, list []byte) {
	for n := 0; n < maxForwarded && len(list) > 0; n++ {
		member := list
		if i := bytes.IndexByte(list, ','); i >= 0 {
			member, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		add(e, k.forwarded, bytes.Trim(member, " "))
	}
}

// addRequest adds a request line taken apart. What is not "METHOD target HTTP/x" (a probe in another protocol, a TLS
// hello on the plain port) stays whole as http.request.line.
func (k *webKeys) addRequest(e *event.Event, line []byte) {
	if isUnset(line) {
		return
	}
	sp := bytes.IndexByte(line, ' ')
	if sp < 0 || !isMethod(line[:sp]) {
		e.Add(k.requestLine, line)
		return
	}
	method, target := line[:sp], line[sp+1:]
	var version []byte
	if i := bytes.LastIndex(target, []byte(" HTTP/")); i >= 0 {
		target, version = target[:i], target[i+6:]
	} else if bytes.HasPrefix(target, []byte("HTTP/")) { // no target at all
		target, version = nil, target[5:]
	} else if len(target) == 0 || target[0] != '/' && target[0] != '*' && !bytes.Contains(target, []byte("://")) {
		e.Add(k.requestLine, line) // HTTP/0.9 has no version, but its target is a path
		return
	}
	e.Add(k.method, method)
	if string(method) == "CONNECT" {
		domain, port := cutAuthority(target)
		add(e, k.domain, domain)
		add(e, k.port, port)
	} else {
		k.urls.add(e, target)
	}
	if len(version) > 0 {
		e.Add(k.version, version)
	}
}

// isMethod reports whether s could be the method of a request: letters of either case, also those of WebDAV with - or _.
func isMethod(s []byte) bool {
	if len(s) == 0 || len(s) > 32 {
		return false
	}
	for _, c := range s {
		if !isLetter(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// addHost adds a virtual host with or without a port.
func (k *webKeys) addHost(e *event.Event, v []byte) {
	if isUnset(v) {
		return
	}
	domain, port := splitHost(v)
	add(e, k.domain, domain)
	add(e, k.destinationPort, port)
}

// splitHost takes host:port apart; a bare IPv6 address has no port.
func splitHost(v []byte) (domain, port []byte) {
	if bytes.Count(v, []byte(":")) > 1 && v[0] != '[' {
		return v, nil
	}
	return cutAuthority(v)
}

// addDuration adds a request time in seconds, as the other formats have durations. unit is the one v is written in, in
// nanoseconds.
func (k *webKeys) addDuration(e *event.Event, v []byte, unit int64) {
	ns, ok := parseDuration(v, unit)
	if !ok {
		return
	}
	if unit != 1e9 {
		start := len(e.Scratch)
		e.Scratch = appendSeconds(e.Scratch, ns)
		v = e.Scratch[start:len(e.Scratch):len(e.Scratch)]
	}
	e.Add(k.duration, v)
}

// appendSeconds appends nanoseconds as a decimal number of seconds, 1500000 as 0.0015.
func appendSeconds(dst []byte, ns int64) []byte {
	dst = appendInt(dst, ns/1e9)
	if ns %= 1e9; ns > 0 {
		dst = append(dst, '.')
		for unit := int64(1e8); ns > 0; unit /= 10 {
			dst = append(dst, byte('0'+ns/unit))
			ns %= unit
		}
	}
	return dst
}

// parseDuration reads a decimal number of units of that many nanoseconds each.
func parseDuration(v []byte, unit int64) (ns int64, ok bool) {
	var whole int64
	i := 0
	for ; i < len(v) && isDigit(v[i]); i++ {
		whole = whole*10 + int64(v[i]-'0')
		if whole > (1<<62)/unit {
			return 0, false
		}
	}
	if i == 0 {
		return 0, false
	}
	ns = whole * unit
	if i == len(v) {
		return ns, true
	}
	if v[i] != '.' {
		return 0, false
	}
	for i++; i < len(v) && isDigit(v[i]); i++ {
		unit /= 10
		ns += int64(v[i]-'0') * unit
	}
	return ns, i == len(v)
}

// appendInt appends a number that is not negative.
func appendInt(dst []byte, n int64) []byte {
	var buf [20]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return append(dst, buf[i:]...)
		}
	}
}

// isIP reports whether s is an IPv4 or IPv6 address. It is netip.ParseAddr without the allocation, a little laxer with
// IPv6 (it does not count the groups), which no host name can take advantage of: those have no colons.
func isIP(s []byte) bool {
	if len(s) < 2 || len(s) > 64 {
		return false
	}
	if bytes.IndexByte(s, ':') >= 0 {
		return isIPv6(s)
	}
	groups, digits, value := 1, 0, 0
	for _, c := range s {
		switch {
		case isDigit(c):
			value = value*10 + int(c-'0')
			if digits++; digits > 3 || value > 255 {
				return false
			}
		case c == '.' && digits > 0:
			groups, digits, value = groups+1, 0, 0
		default:
			return false
		}
	}
	return groups == 4 && digits > 0
}

func isIPv6(s []byte) bool {
	if i := bytes.IndexByte(s, '%'); i > 0 { // a zone
		s = s[:i]
	}
	colons := 0
	for i, c := range s {
		switch {
		case isDigit(c) || c|0x20-'a' < 6:
		case c == ':':
			colons++
		case c == '.':
			return colons >= 2 && isIP(s[bytes.LastIndexByte(s[:i], ':')+1:])
		default:
			return false
		}
	}
	return colons >= 2 && colons <= 8
}

// trimBrackets takes the brackets off an IPv6 address.
func trimBrackets(v []byte) []byte {
	if len(v) > 2 && v[0] == '[' && v[len(v)-1] == ']' {
		return v[1 : len(v)-1]
	}
	return v
}

func allDigits(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) {
			return false
		}
	}
	return len(s) > 0
}

// unescape undoes \" \\ \xNN and the letters that Apache and nginx write for control bytes. Text without a backslash,
// the common case, is returned as it is; other text is written into e.Scratch. Unknown escapes stay as they are.
func unescape(e *event.Event, s []byte) []byte {
	i := bytes.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	start := len(e.Scratch)
	dst := append(e.Scratch, s[:i]...)
	for ; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			dst = append(dst, c)
			continue
		}
		i++
		switch c = s[i]; c {
		case '"', '\\', '\'', '/':
			dst = append(dst, c)
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'v':
			dst = append(dst, '\v')
		case 'f':
			dst = append(dst, '\f')
		case 'x', 'X':
			if i+2 < len(s) && hexValue(s[i+1]) < 16 && hexValue(s[i+2]) < 16 {
				dst = append(dst, hexValue(s[i+1])<<4|hexValue(s[i+2]))
				i += 2
				break
			}
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, '\\', c)
		}
	}
	e.Scratch = dst
	return dst[start:len(dst):len(dst)]
}

// hexValue returns the value of a hexadecimal digit, or 255.
func hexValue(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c|0x20-'a' < 6:
		return c | 0x20 - 'a' + 10
	}
	return 255
}
