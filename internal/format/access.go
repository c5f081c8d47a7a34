package format

import (
	"bytes"
	"fmt"
	"strings"

	"weir/internal/event"
)

// access reads the logs of web servers: the common and the combined format as they are met in the wild, any layout that
// the server's own format string describes, and the error logs of Apache and nginx.
var access = Format{
	Name:  "access",
	Title: "web server access log: common, combined, or the server's own log_format / LogFormat string",
	Fields: []string{
		"source.ip", "source.domain", "user.name", "http.request.method", "url.path", "url.query", "http.version",
		"http.request.line", "http.response.status_code", "http.response.body.bytes", "http.request.referrer",
		"user_agent.original", "url.scheme", "url.domain", "url.port", "destination.port", "event.duration", "network.forwarded_ip",
		"access.extra_N", "nginx.*", "apache.*", "log.level", "error.code", "process.pid", "message",
	},
	Example: `203.0.113.7 - - [02/Jan/2026:03:04:05 +0000] "GET /index.html HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
	Score:   scoreAccess,
	New:     newAccess,
}

func newAccess(sample [][]byte, o Options, keys *event.Keys) (Decoder, error) {
	if text, ok := layoutText(o.Format); ok {
		l, err := compileLayout(text)
		if err != nil {
			return nil, err
		}
		return newLayoutDecoder(l, o, keys), nil
	}
	if o.Format != "" && !isAccessName(o.Format) {
		return nil, fmt.Errorf("cannot read log layout %q: it has no variable such as $remote_addr or %%h, and it is not "+
			"one of %s", o.Format, strings.Join(accessNames, ", "))
	}
	d := &accessDecoder{webKeys: newWebKeys(keys), errors: newErrorKeys(keys), o: o}
	d.learnTail(sample)
	d.tail.intern(keys)
	return d, nil
}

func scoreAccess(sample [][]byte, o Options) (float64, string) {
	d, err := newAccess(sample, o, event.NewKeys())
	if err != nil {
		return 0, err.Error()
	}
	return scoreDecoding(sample, d.Decode)
}

var (
	errNoTime   = &Malformed{Reason: "no [time] followed by a quoted request"}
	errBadTime  = &Malformed{Reason: "time not understood"}
	errNoHost   = &Malformed{Reason: "no client before the time"}
	errNoStatus = &Malformed{Reason: "no status after the request"}
)

// An accessDecoder reads
//
//	[vhost[:port]] client [ident [user]] [time] "request" status [bytes] ["referrer" ["agent"]] [more …]
//
// leniently: what a server's escaping makes certain is used (an escaped quote ends nothing), and where quotes were not
// escaped the end is taken that lets the rest of the line make sense.
//
// The client is the peer of the connection, or, where X-Forwarded-For stands in its place, the last member of it: the
// only one that the client cannot choose.
type accessDecoder struct {
	webKeys
	errors errorKeys
	o      Options
	tail   tailPlan
}

func (d *accessDecoder) Stateful([]byte, int64) bool { return false }

func (d *accessDecoder) Fork(keys *event.Keys) Decoder {
	f := &accessDecoder{webKeys: newWebKeys(keys), errors: newErrorKeys(keys), o: d.o, tail: d.tail}
	f.tail.intern(keys)
	return f
}

func (d *accessDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	line = bytes.Trim(line, " \t\r")
	if len(line) == 0 {
		return ErrSkip
	}
	if isErrorLog(line) {
		return d.errors.decode(&d.webKeys, line, e, d.o)
	}
	open, end := findTime(line)
	if end < 0 {
		return errNoTime
	}
	ns, ok := d.o.time(line[open+1 : end])
	if !ok {
		return errBadTime
	}
	e.Dataset, e.Time, e.HasTime = "web.access", ns, true
	if !d.client(e, bytes.TrimRight(line[:open], " ")) {
		return errNoHost
	}
	rest := line[end+3:]
	i := requestEnd(rest)
	if i < 0 { // cut off within the request: the client and what there is of its request are worth keeping
		d.addRequest(e, unescape(e, rest))
		return nil
	}
	d.addRequest(e, unescape(e, rest[:i]))
	status, rest := nextToken(rest[i+1:])
	if len(status) == 0 || !isUnset(status) && (len(status) != 3 || !allDigits(status)) {
		return errNoStatus
	}
	add(e, d.status, status)
	size, after := nextToken(rest)
	if isUnset(size) || allDigits(size) {
		add(e, d.bytes, size)
		rest = after
	}
	return d.readTail(e, rest)
}

// findTime returns the brackets around the time: the first pair that a quoted request follows, so that a user name
// that looks like a time cannot pass for it (its quotes are escaped). end is negative if there is none.
func findTime(line []byte) (open, end int) {
	const longest = 48
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '[')
		if i < 0 {
			return 0, -1
		}
		open = from + i
		window := line[open:min(len(line), open+longest)]
		j := bytes.IndexByte(window, ']')
		if j > 0 && bytes.HasPrefix(line[open+j+1:], []byte(` "`)) && (isDigit(window[1]) || isLetter(window[1])) {
			return open, open + j
		}
		from = open + 1
	}
}

// client reads what stands before the time.
func (d *accessDecoder) client(e *event.Event, pre []byte) bool {
	first, rest := nextToken(pre)
	if len(first) == 0 {
		return false
	}
	if first[len(first)-1] == ',' { // X-Forwarded-For with several members
		end := len(pre) - len(rest)
		for first[len(first)-1] == ',' {
			if first, rest = nextToken(rest); len(first) == 0 {
				return false
			}
			end = len(pre) - len(rest)
		}
		d.addForwarded(e, pre[:end])
	} else if host, peer, after, ok := virtualHost(first, rest); ok {
		d.addHost(e, host)
		first, rest = peer, after
	}
	if i := bytes.LastIndexByte(first, ','); i >= 0 { // the same without blanks
		d.addForwarded(e, first)
		first = first[i+1:]
	}
	d.addSource(e, first)
	ident, user := nextToken(rest)
	user = bytes.TrimLeft(user, " ")
	if len(user) == 0 {
		ident, user = nil, ident
	}
	add(e, d.ident, ident)
	if string(user) != `""` {
		add(e, d.user, unescape(e, user))
	}
	return true
}

// virtualHost tells "host client ident user" and "client host ident user" from "client ident user with blanks".
func virtualHost(first, rest []byte) (host, peer, after []byte, ok bool) {
	second, after := nextToken(rest)
	third, _ := nextToken(after)
	switch {
	case isUnset(second) || len(third) == 0:
		return nil, nil, nil, false
	case isIP(trimBrackets(second)) && !isIP(first):
		return first, second, after, true
	case !isUnset(third):
		return nil, nil, nil, false
	case isIP(first) && bytes.IndexByte(second, '.') > 0:
		return second, first, after, true
	case bytes.IndexByte(first, '.') > 0 && bytes.IndexByte(second, '.') > 0:
		return first, second, after, true
	}
	return nil, nil, nil, false
}

// nextToken returns what stands before the next blank, and the rest.
func nextToken(s []byte) (token, rest []byte) {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	if i := bytes.IndexByte(s, ' '); i >= 0 {
		return s[:i], s[i:]
	}
	return s, nil
}

// nextQuote returns the first quote in s from i that no backslash escapes, or -1.
func nextQuote(s []byte, i int) int {
	for {
		j := bytes.IndexByte(s[i:], '"')
		if j < 0 {
			return -1
		}
		i += j
		n := 0
		for n < i && s[i-1-n] == '\\' {
			n++
		}
		if n%2 == 0 {
			return i
		}
		i++
	}
}

// requestEnd returns the closing quote of the request. It is the first one, unless no status follows that one and one
// does follow a later one: then the server did not escape quotes.
func requestEnd(s []byte) int {
	first := nextQuote(s, 0)
	for i := first; i >= 0; i = nextQuote(s, i+1) {
		after := s[i+1:]
		if len(after) >= 4 && after[0] == ' ' && allDigits(after[1:4]) && (len(after) == 4 || after[4] == ' ') ||
			len(after) >= 2 && after[0] == ' ' && after[1] == '-' && (len(after) == 2 || after[2] == ' ') {
			return i
		}
	}
	return first
}
