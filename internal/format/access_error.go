package format

import (
	"bytes"

	"weir/internal/event"
)

// errorKeys are the names that a web server's error log gives.
type errorKeys struct {
	level, code, module, pid, thread, connection, message, upstream *event.Key
}

func newErrorKeys(keys *event.Keys) errorKeys {
	return errorKeys{
		level:      keys.Get("log.level"),
		code:       keys.Get("error.code"),
		module:     keys.Get("apache.error.module"),
		pid:        keys.Get("process.pid"),
		thread:     keys.Get("process.thread.id"),
		connection: keys.Get("nginx.error.connection_id"),
		message:    keys.Get("message"),
		upstream:   keys.Get("nginx.error.upstream"),
	}
}

var errNoLevel = &Malformed{Reason: "no [level] after the time of an error log"}

// nginxTimeLen is the length of "2006/01/02 15:04:05".
const nginxTimeLen = 19

// isErrorLog reports whether line starts like a line of Apache's or nginx's error log.
func isErrorLog(line []byte) bool {
	if line[0] == '[' {
		return len(line) > 24 && isLetter(line[1]) && isLetter(line[2]) && isLetter(line[3]) && line[4] == ' '
	}
	return len(line) > nginxTimeLen+2 && line[4] == '/' && line[7] == '/' && line[nginxTimeLen] == ' ' &&
		line[nginxTimeLen+1] == '['
}

func (k *errorKeys) decode(w *webKeys, line []byte, e *event.Event, o Options) error {
	if line[0] == '[' {
		return k.apache(w, line, e, o)
	}
	return k.nginx(w, line, e, o)
}

// apache reads both styles of Apache's error log:
//
//	[Sun Dec 04 04:47:44 2005] [error] [client 192.0.2.1] message
//	[Sun Dec 04 04:47:44.123456 2005] [core:error] [pid 12:tid 34] (13)Permission denied: [client 192.0.2.1:5] AH00035: message
func (k *errorKeys) apache(w *webKeys, line []byte, e *event.Event, o Options) error {
	stamp, rest := cutBracket(line)
	ns, ok := o.time(stamp)
	if !ok {
		return errBadTime
	}
	e.Dataset, e.Time, e.HasTime = "web.error", ns, true
	level, rest := cutBracket(rest)
	if level == nil {
		return errNoLevel
	}
	if i := bytes.IndexByte(level, ':'); i >= 0 {
		add(e, k.module, level[:i])
		level = level[i+1:]
	}
	add(e, k.level, level)
	if inner, after := cutBracket(rest); bytes.HasPrefix(inner, []byte("pid ")) {
		pid, thread, _ := bytes.Cut(inner[4:], []byte(":tid "))
		add(e, k.pid, pid)
		add(e, k.thread, thread)
		rest = after
	}
	message := bytes.TrimLeft(rest, " ")
	// The cause that the system gave may stand before the client: "(13)Permission denied: [client …".
	if len(message) > 2 && message[0] == '(' {
		if i := bytes.Index(message, []byte(": [client ")); i > 0 && i < 128 {
			rest = message[i+1:]
		}
	}
	if inner, after := cutBracket(rest); bytes.HasPrefix(inner, []byte("client ")) {
		addr, port := splitPeer(inner[7:])
		w.addSource(e, addr)
		add(e, w.sourcePort, port)
		rest = bytes.TrimLeft(after, " ")
		if message[0] != '(' {
			message = rest
		}
	} else {
		rest = message
	}
	if i := bytes.IndexByte(rest, ':'); i > 4 && i < 12 && rest[0] == 'A' && rest[1] == 'H' && allDigits(rest[2:i]) {
		e.Add(k.code, rest[:i])
	}
	if i := bytes.LastIndex(message, []byte(", referer: ")); i >= 0 {
		add(e, w.referrer, message[i+11:])
	}
	add(e, k.message, message)
	return nil
}

// cutBracket cuts a [group] that s starts with after blanks; inner is nil if there is none.
func cutBracket(s []byte) (inner, rest []byte) {
	t := bytes.TrimLeft(s, " ")
	if len(t) < 2 || t[0] != '[' {
		return nil, s
	}
	i := bytes.IndexByte(t, ']')
	if i < 0 || i > 128 {
		return nil, s
	}
	return t[1:i], t[i+1:]
}

// splitPeer takes address:port apart, also 2001:db8::1:4711, in which Apache puts the port after the last colon of an
// address without brackets. Such an address is only known to have a port if it would be too long with it.
func splitPeer(v []byte) (addr, port []byte) {
	if n := bytes.Count(v, []byte(":")); n == 0 || n > 1 && n < 8 && v[0] != '[' {
		return v, nil
	}
	return cutAuthority(v)
}

// nginx reads
//
//	2006/01/02 15:04:05 [error] 12#34: *56 message, client: 192.0.2.1, server: a, request: "GET / HTTP/1.1", host: "b"
func (k *errorKeys) nginx(w *webKeys, line []byte, e *event.Event, o Options) error {
	ns, ok := o.time(line[:nginxTimeLen])
	if !ok {
		return errBadTime
	}
	e.Dataset, e.Time, e.HasTime = "web.error", ns, true
	level, rest := cutBracket(line[nginxTimeLen:])
	if level == nil {
		return errNoLevel
	}
	add(e, k.level, level)
	rest = bytes.TrimLeft(rest, " ")
	if head, after, ok := bytes.Cut(rest, []byte(": ")); ok && len(head) < 48 {
		if pid, tid, ok := bytes.Cut(head, []byte("#")); ok && allDigits(pid) && allDigits(tid) {
			e.Add(k.pid, pid)
			e.Add(k.thread, tid)
			rest = after
		}
	}
	if len(rest) > 1 && rest[0] == '*' {
		if id, after := nextToken(rest[1:]); allDigits(id) {
			e.Add(k.connection, id)
			rest = bytes.TrimLeft(after, " ")
		}
	}
	message, context := cutContext(rest)
	add(e, k.message, message)
	k.context(w, context, e)
	return nil
}

// cutContext cuts the message from the ", client: …" that nginx appends: the first one outside of quotes, because the
// path within the message is the client's to choose.
func cutContext(s []byte) (message, context []byte) {
	inQuotes := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			inQuotes = !inQuotes
		case ',':
			if !inQuotes && bytes.HasPrefix(s[i:], []byte(", client: ")) {
				return s[:i], s[i+2:]
			}
		}
	}
	if i := bytes.LastIndex(s, []byte(", client: ")); i >= 0 {
		return s[:i], s[i+2:]
	}
	return s, nil
}

// context reads the "name: value" pairs after the message.
func (k *errorKeys) context(w *webKeys, s []byte, e *event.Event) {
	for range 16 { // nginx writes at most eight
		name, rest, ok := bytes.Cut(s, []byte(": "))
		if !ok {
			return
		}
		var value []byte
		if len(rest) > 0 && rest[0] == '"' {
			if i := bytes.Index(rest[1:], []byte(`", `)); i >= 0 {
				value, s = rest[1:1+i], rest[i+4:]
			} else {
				value, s = bytes.TrimSuffix(rest[1:], []byte(`"`)), nil
			}
		} else {
			value, s, _ = bytes.Cut(rest, []byte(", "))
		}
		switch string(name) {
		case "client":
			w.addSource(e, value)
		case "request":
			w.addRequest(e, value)
		case "upstream":
			add(e, k.upstream, value)
		case "host":
			w.addHost(e, value)
		case "referrer":
			add(e, w.referrer, value)
		}
	}
}
