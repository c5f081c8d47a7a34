package scenario

import "strconv"

// A request is one line of the shop's access log.
type request struct {
	t      int64
	ip     uint32
	method string
	uri    []byte
	status int
	size   int64
	ref    []byte // nil is none
	agent  string
	http2  bool
	kind   kind
}

func (g *generator) request(q *request) {
	b := appendIP(g.access.begin(), q.ip)
	b = append(b, " - - "...)
	b = g.clock.appendAccess(b, q.t)
	b = append(b, ` "`...)
	b = append(b, q.method...)
	b = append(b, ' ')
	b = append(b, q.uri...)
	if q.http2 {
		b = append(b, ` HTTP/2.0" `...)
	} else {
		b = append(b, ` HTTP/1.1" `...)
	}
	b = strconv.AppendInt(b, int64(q.status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, q.size, 10)
	b = append(b, ` "`...)
	if q.ref == nil {
		b = append(b, '-')
	}
	b = append(b, q.ref...)
	b = append(b, `" "`...)
	b = append(b, q.agent...)
	g.access.end(append(b, '"'), q.t, q.kind)
}

// get writes a request for a path that is at hand as a string, as crawlers and scanners send them.
func (g *generator) get(q *request, path string) {
	g.uri = append(g.uri[:0], path...)
	q.uri = g.uri
	g.request(q)
}
