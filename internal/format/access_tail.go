package format

import (
	"bytes"
	"strconv"

	"weir/internal/event"
)

// maxTail bounds how many extra values of an access log have a name each; those after it share one.
const maxTail = 16

// A tailPlan says what the values are that a server was told to log after (or between) those of the combined format.
// Quoted lists of addresses speak for themselves; bare numbers are learnt from the sample: a decimal is the request
// time, the first one; an integer that is always a well-known port is the port. The rest are access.extra_1 and so on.
type tailPlan struct {
	kind  [maxTail]tailKind
	names []string // of name=value pairs in the sample
	extra [maxTail + 1]*event.Key
	named []*event.Key
	learn *[maxTail]tailStats // not nil while learning
}

type tailKind uint8

const (
	tailOther tailKind = iota
	tailDuration
	tailPort
)

// tailStats count what the values at one place look like.
type tailStats struct{ seen, durations, ports int }

func (p *tailPlan) intern(keys *event.Keys) {
	for i := range maxTail {
		p.extra[i] = keys.Get("access.extra_" + strconv.Itoa(i+1))
	}
	p.extra[maxTail] = keys.Get("access.extra_more")
	p.named = make([]*event.Key, len(p.names))
	for i, name := range p.names {
		p.named[i] = keys.Get("access." + name)
	}
}

// learnTail looks at the extra values of the sample.
func (d *accessDecoder) learnTail(sample [][]byte) {
	var stats [maxTail]tailStats
	var e event.Event
	d.tail.learn = &stats
	for _, line := range sample {
		_ = d.Decode(line, &e) // lines of another kind teach nothing
	}
	d.tail.learn = nil
	timed := false
	for i, s := range stats {
		switch {
		case s.seen == 0:
		case s.durations == s.seen && !timed:
			d.tail.kind[i], timed = tailDuration, true
		case s.ports == s.seen:
			d.tail.kind[i] = tailPort
		}
	}
}

// readTail reads what follows the size: referrer and user agent are the first two quoted values.
func (d *accessDecoder) readTail(e *event.Event, rest []byte) error {
	quoted, place := 0, 0
	for {
		rest = bytes.TrimLeft(rest, " \t|,;")
		if len(rest) == 0 {
			return nil
		}
		if len(e.Fields) >= event.MaxFields-maxForwarded {
			return errManyFields
		}
		var value []byte
		switch rest[0] {
		case '"':
			value, rest = cutQuoted(rest)
			if quoted++; quoted == 1 {
				add(e, d.referrer, unescape(e, value))
				continue
			} else if quoted == 2 {
				add(e, d.agent, unescape(e, value))
				continue
			}
			value = unescape(e, value)
			if isIPList(value) {
				d.addForwarded(e, value)
				continue
			}
		case '[':
			if i := bytes.IndexByte(rest, ']'); i > 0 {
				value, rest = rest[1:i], rest[i+1:]
				break
			}
			fallthrough
		default:
			name, v, after := cutPair(rest)
			if name != nil && d.addPair(e, name, v) {
				rest = after
				continue
			}
			value, rest = nextToken(rest)
		}
		d.addExtra(e, place, value)
		place++
	}
}

func (d *accessDecoder) addExtra(e *event.Event, place int, v []byte) {
	if isUnset(v) {
		return
	}
	if place >= maxTail {
		if d.tail.learn == nil {
			e.Add(d.tail.extra[maxTail], v)
		}
		return
	}
	if d.tail.learn != nil {
		s := &d.tail.learn[place]
		s.seen++
		if _, ok := seconds(v); ok {
			s.durations++
		} else if isWellKnownPort(v) {
			s.ports++
		}
		return
	}
	switch d.tail.kind[place] {
	case tailDuration:
		if unit, ok := seconds(v); ok {
			d.addDuration(e, bytes.TrimRight(v, "ms"), unit)
			return
		}
	case tailPort:
		if allDigits(v) {
			e.Add(d.destinationPort, v)
			return
		}
	}
	e.Add(d.tail.extra[place], v)
}

// seconds reports whether v is written as a duration, 0.003 or 12ms or 1.5s, and the unit in nanoseconds.
func seconds(v []byte) (unit int64, ok bool) {
	unit = 1e9
	number := bytes.TrimRight(v, "ms")
	switch string(v[len(number):]) {
	case "":
		if bytes.IndexByte(v, '.') <= 0 {
			return 0, false
		}
	case "s":
	case "ms":
		unit = 1e6
	default:
		return 0, false
	}
	_, ok = parseDuration(number, unit)
	return unit, ok
}

func isWellKnownPort(v []byte) bool {
	switch string(v) {
	case "21", "22", "23", "25", "53", "80", "81", "82", "88", "110", "139", "143", "389", "443", "444", "445", "465",
		"587", "993", "995", "1433", "1521", "2222", "2323", "3000", "3128", "3306", "3389", "4443", "5000", "5060",
		"5432", "5555", "5900", "5985", "6379", "7001", "8000", "8001", "8008", "8080", "8081", "8088", "8443", "8888",
		"9000", "9090", "9200", "9443", "11211", "27017":
		return true
	}
	return false
}

// isIPList reports whether v is one or more addresses with commas between.
func isIPList(v []byte) bool {
	for {
		member := v
		i := bytes.IndexByte(v, ',')
		if i >= 0 {
			member, v = v[:i], v[i+1:]
		}
		if !isIP(bytes.Trim(member, " ")) {
			return false
		}
		if i < 0 {
			return true
		}
	}
}

// cutQuoted cuts the quoted value that s starts with. Its end is the first quote that a separator or the line's end
// follows; without one it is the line's end.
func cutQuoted(s []byte) (value, rest []byte) {
	for i := nextQuote(s, 1); i > 0; i = nextQuote(s, i+1) {
		if i+1 == len(s) {
			return s[1:i], nil
		}
		switch s[i+1] {
		case ' ', '\t', ',', '|', ';':
			return s[1:i], s[i+1:]
		}
	}
	return s[1:], nil
}

// cutPair cuts a name=value or name="value" pair; name is nil if s does not start with one.
func cutPair(s []byte) (name, value, rest []byte) {
	for i, c := range s {
		if c == '=' && i > 0 {
			name = s[:i]
			if s = s[i+1:]; len(s) > 0 && s[0] == '"' {
				value, rest = cutQuoted(s)
			} else if len(s) > 0 && s[0] != ' ' {
				value, rest = nextToken(s)
			} else {
				rest = s
			}
			return name, value, rest
		}
		if i == 32 || !isLetter(c) && c != '_' {
			break
		}
	}
	return nil, nil, nil
}

// addPair adds a pair whose name was in the sample; other names could be anything and would fill the table of names.
func (d *accessDecoder) addPair(e *event.Event, name, v []byte) bool {
	for i := range d.tail.names {
		if d.tail.names[i] != string(name) {
			continue
		}
		if isUnset(v) || d.tail.learn != nil {
			return true
		}
		if unit, ok := seconds(v); ok && (string(name) == "rt" || string(name) == "request_time") {
			d.addDuration(e, bytes.TrimRight(v, "ms"), unit)
		} else {
			e.Add(d.tail.named[i], unescape(e, v))
		}
		return true
	}
	if d.tail.learn != nil && len(d.tail.names) < maxTail {
		d.tail.names = append(d.tail.names, string(name))
		return true
	}
	return false
}
