package format

import (
	"bytes"

	"weir/internal/event"
)

// A layoutDecoder reads lines of one layout.
type layoutDecoder struct {
	webKeys
	layout *layout
	named  []*event.Key // of the parts with partNamed
	o      Options
}

func newLayoutDecoder(l *layout, o Options, keys *event.Keys) *layoutDecoder {
	d := &layoutDecoder{webKeys: newWebKeys(keys), layout: l, o: o, named: make([]*event.Key, len(l.parts))}
	for i, p := range l.parts {
		if p.kind == partNamed {
			d.named[i] = keys.Get(p.name)
		}
	}
	return d
}

func (d *layoutDecoder) Stateful([]byte, int64) bool { return false }

func (d *layoutDecoder) Fork(keys *event.Keys) Decoder { return newLayoutDecoder(d.layout, d.o, keys) }

var (
	errLayoutHead = &Malformed{Reason: "line does not start as the layout says"}
	errLayoutText = &Malformed{Reason: "text of the layout missing"}
	errLayoutRest = &Malformed{Reason: "text after the last value of the layout"}
)

func (d *layoutDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	rest := bytes.Trim(line, " \t\r")
	if len(rest) == 0 {
		return ErrSkip
	}
	if !bytes.HasPrefix(rest, d.layout.head) {
		return errLayoutHead
	}
	rest = rest[len(d.layout.head):]
	e.Dataset = "web.access"
	for i := range d.layout.parts {
		p := &d.layout.parts[i]
		end, next := d.end(p, rest, i)
		if end < 0 {
			return errLayoutText
		}
		value := rest[:end]
		rest = rest[next:]
		if p.kind == partTime {
			ns, ok := d.o.time(value)
			if !ok {
				return errBadTime
			}
			if !e.HasTime || ns%1e9 != 0 { // of two times, the finer one
				e.Time, e.HasTime = ns, true
			}
			continue
		}
		d.addPart(e, p, d.named[i], value)
	}
	if len(rest) > 0 {
		return errLayoutRest
	}
	return nil
}

// end returns where the value of part i ends in s and where the next one starts; end is negative if it does not end.
func (d *layoutDecoder) end(p *layoutPart, s []byte, i int) (end, next int) {
	if len(p.after) == 0 {
		return len(s), len(s)
	}
	last := i+1 == len(d.layout.parts)
	from := 0
	if p.kind == partHost || p.kind == partSource {
		if len(s) > 0 && s[0] == '[' { // the colons of an IPv6 address
			from = max(0, bytes.IndexByte(s, ']'))
		}
	}
	for skip := p.skip; ; {
		j := -1
		if p.quoted && p.after[0] == '"' {
			for q := nextQuote(s, from); q >= 0; q = nextQuote(s, q+1) {
				if bytes.HasPrefix(s[q:], p.after) && (!last || q+len(p.after) == len(s)) {
					j = q
					break
				}
			}
		} else if j = bytes.Index(s[from:], p.after); j >= 0 {
			j += from
		}
		if j < 0 {
			if last { // the closing quote or bracket was cut off
				return len(s), len(s)
			}
			return -1, 0
		}
		if skip == 0 && p.list && !p.quoted && j > 0 && j+len(p.after) < len(s) &&
			(s[j-1] == ',' || s[j-1] == ':' || s[j+len(p.after)] == ':') {
			from = j + 1
			continue
		}
		if skip == 0 && d.fits(p, s[j+len(p.after):], i) {
			return j, j + len(p.after)
		}
		skip = max(0, skip-1)
		from = j + 1
	}
}

// fits reports whether a value may end where rest begins: a user name, which may hold the very text that ends it, only
// if the time follows that the layout puts there.
func (d *layoutDecoder) fits(p *layoutPart, rest []byte, i int) bool {
	if p.kind != partUser || i+1 == len(d.layout.parts) || d.layout.parts[i+1].kind != partTime {
		return true
	}
	next := &d.layout.parts[i+1]
	rest = rest[:min(len(rest), 64+len(next.after))] // no time is longer
	end := bytes.Index(rest, next.after)
	for skip := next.skip; skip > 0 && end >= 0; skip-- {
		j := bytes.Index(rest[end+1:], next.after)
		if j < 0 {
			return false
		}
		end += 1 + j
	}
	if end < 0 || len(next.after) == 0 {
		end = len(rest)
	}
	_, ok := d.o.time(rest[:end])
	return ok
}

func (d *layoutDecoder) addPart(e *event.Event, p *layoutPart, key *event.Key, v []byte) {
	if isUnset(v) {
		return
	}
	v = unescape(e, v)
	switch p.kind {
	case partNamed:
		e.Add(key, v)
	case partSource:
		if i := bytes.LastIndexByte(v, ','); i >= 0 {
			d.addForwarded(e, v)
			v = bytes.TrimLeft(v[i+1:], " ")
		}
		d.addSource(e, v)
	case partUser:
		if string(v) != `""` {
			e.Add(d.user, v)
		}
	case partRequest:
		d.addRequest(e, v)
	case partURL:
		d.urls.add(e, v)
	case partQuery:
		add(e, d.query, bytes.TrimPrefix(v, []byte("?")))
	case partVersion:
		add(e, d.version, bytes.TrimPrefix(v, []byte("HTTP/")))
	case partHost:
		d.addHost(e, v)
	case partDuration:
		d.addDuration(e, v, p.unit)
	case partForwarded:
		d.addForwarded(e, v)
	case partStatus:
		e.Add(d.status, v)
	case partMethod:
		e.Add(d.method, v)
	}
}
