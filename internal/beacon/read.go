package beacon

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"weir/internal/enrich"
	"weir/internal/event"
	"weir/internal/format"
)

// A role is what a field is to a reader.
type role uint8

const (
	roleNone role = iota
	roleUnknown
	roleSource
	roleDestination
	rolePort
	roleSent
	roleReceived
	roleSentIP
	roleReceivedIP
	roleBoth
	roleDuration
	roleID
	roleService
	roleHost
	roleServerName
	roleQuestion
	roleAnswer
	roleType
	roleCode
	roleAgent
	roleStart
	roleMachine
	roleTransport
	roleSide
	roles
)

// rolesByName names the fields that are read; those of tables without a canonical name are in lower case.
var rolesByName = map[string]role{
	"source.ip": roleSource, "destination.ip": roleDestination, "destination.port": rolePort,
	"source.bytes": roleSent, "destination.bytes": roleReceived,
	"zeek.orig_ip_bytes": roleSentIP, "zeek.resp_ip_bytes": roleReceivedIP,
	"event.duration": roleDuration, "zeek.uid": roleID, "network.protocol": roleService,
	"url.domain": roleHost, "tls.client.server_name": roleServerName, "suricata.quic.sni": roleServerName, "zeek.server_name": roleServerName,
	"dns.question.name": roleQuestion, "dns.answers.data": roleAnswer, "dns.question.type": roleType,
	"dns.response_code": roleCode, "user_agent.original": roleAgent, "suricata.flow.start": roleStart, "host.name": roleMachine, "network.transport": roleTransport, "suricata.dns.type": roleSide,
	"network.bytes": roleBoth, "http.request.body.bytes": roleSent, "http.response.body.bytes": roleReceived,
	"srcbytes": roleSent, "sbytes": roleSent, "src_bytes": roleSent, "orig_bytes": roleSent, "out_bytes": roleSent, "bytes_out": roleSent,
	"dbytes": roleReceived, "dst_bytes": roleReceived, "resp_bytes": roleReceived, "in_bytes": roleReceived, "bytes_in": roleReceived,
	"bytes": roleBoth, "totbytes": roleBoth, "ibyt": roleBoth,
	"dur": roleDuration, "duration": roleDuration, "td": roleDuration,
}

// Wanted reports whether a Detector looks at fields of that name: it is for [format.Options.Wanted].
func Wanted(name string) bool { return roleOf(name) != roleNone }

func roleOf(name string) role {
	if x := rolesByName[name]; x != roleNone {
		return x
	}
	return rolesByName[strings.ToLower(name)]
}

// A reader is the Handler of one worker.
type reader struct {
	dataset string // of the event before
	what    dataset
	*store
	d       *Detector
	roles   []role // by key ID
	v       [roles][]byte
	answers [][]byte
	domains map[string]string
	lower   []byte
}

func newReader(d *Detector) *reader {
	return &reader{store: newStore(&d.o), d: d, domains: map[string]string{}}
}

// Event takes one event of a log.
func (r *reader) Event(e *event.Event, pos format.Position, _ []byte) {
	if len(r.queue.waiting) >= maxQueue-2 { // an event has at most two
		r.settle()
	}
	if e.Dataset != r.dataset {
		r.dataset, r.what = strings.Clone(e.Dataset), datasetOf(e.Dataset)
	}
	what := r.what
	if what == nothing {
		return
	}
	if !e.HasTime {
		r.untimed++
		return
	}
	clear(r.v[:])
	r.answers = r.answers[:0]
	for i := range e.Fields {
		f := &e.Fields[i]
		switch x := r.role(f.Key); x {
		case roleNone:
		case roleAnswer:
			r.answers = append(r.answers, f.Value)
		default:
			if r.v[x] == nil {
				r.v[x] = f.Value
			}
		}
	}
	src := r.v[roleSource]
	if len(src) == 0 || len(src) > maxText {
		r.endless++
		return
	}
	network := uint32(0)
	if r.d.o.Networks != nil && pos.File < len(r.d.o.Networks) {
		network = r.d.o.Networks[pos.File]
	}
	if what == table {
		if len(r.v[roleDestination]) == 0 {
			r.endless++
			return
		}
		what = connections
		if len(r.v[roleQuestion]) > 0 {
			what = questions
		} else if len(r.v[roleHost])+len(r.v[roleServerName]) > 0 {
			what = requests
		}
	}
	r.events++
	ns := e.Time
	written := ns
	if e.Dataset == "zeek.conn" { // its time is that of the start
		written += seconds(r.v[roleDuration])
	}
	r.order(pos, network, written)
	switch what {
	case connections:
		if s := r.v[roleStart]; len(s) > 0 {
			if t, err := time.Parse("2006-01-02T15:04:05.999999999Z0700", string(s)); err == nil {
				ns = t.UnixNano()
			}
		}
		r.connection(network, ns, e.Dataset)
	case requests, handshakes:
		r.request(network, ns, what)
	case questions:
		r.question(network, ns)
	case served:
		r.served(network, ns)
	}
	if what == questions {
		r.cover(network<<1|1, ns)
	} else {
		r.cover(network<<1, ns)
	}
}

// EndBlock makes a reader a [format.BlockHandler].
func (r *reader) EndBlock(int64) { r.closeStretch() }

func (r *reader) role(k *event.Key) role {
	for k.ID >= len(r.roles) {
		r.roles = append(r.roles, roleUnknown)
	}
	x := r.roles[k.ID]
	if x == roleUnknown {
		x = roleOf(k.Name)
		r.roles[k.ID] = x
	}
	return x
}

// What a dataset tells.
type dataset uint8

const (
	nothing dataset = iota
	connections
	requests
	handshakes
	questions
	served // by a server, into its own log
	table  // one with columns for both ends
)

func datasetOf(name string) dataset {
	switch name {
	case "zeek.conn", "suricata.flow", "aws.vpcflow":
		return connections
	case "zeek.http", "suricata.http":
		return requests
	case "zeek.ssl", "suricata.tls", "zeek.quic", "suricata.quic":
		return handshakes
	case "zeek.dns", "suricata.dns":
		return questions
	case "web.access", "w3c":
		return served
	case "csv", "json", "winlog":
		return table
	}
	return nothing
}

func (r *reader) connection(network uint32, ns int64, dataset string) {
	src, dst := r.v[roleSource], r.v[roleDestination]
	if len(dst) == 0 {
		r.lacking()
		return
	}
	sent, received := number(r.v[roleSentIP]), number(r.v[roleReceivedIP])
	if r.v[roleSentIP] == nil {
		sent, received = number(r.v[roleSent]), number(r.v[roleReceived])
		if r.v[roleSent] == nil {
			sent = number(r.v[roleBoth])
		}
	}
	nanos := seconds(r.v[roleDuration])
	hs, hd := r.hash(src), r.hash(dst)
	x := sighting{network: network, kind: kindConn, port: r.port(), ns: ns, sent: sent, received: received, nanos: nanos}
	r.see(seriesKey(network, kindConn, hs, hd), src, dst, hs, hd, &x)
	if id := r.v[roleID]; len(id) > 0 && dataset == "zeek.conn" && carriesNames(r.v[roleService]) {
		h := r.hash(id)
		if keeps(h, r.joined) {
			r.conns.add(conn{h, floorDiv(ns, 1e6), sent, sent + received, nanos})
			if r.conns.n >= r.o.maxJoined() {
				r.trimRefs()
			}
		}
	}
}

// lacking takes back a record that turned out to have but one end.
func (r *reader) lacking() {
	r.events--
	r.endless++
}

// carriesNames reports whether a connection's service has a log of its own with names.
func carriesNames(service []byte) bool {
	switch string(service) {
	case "", "dns", "ssh":
		return false
	case "http", "ssl", "tls", "quic":
		return true
	}
	return bytes.Contains(service, []byte("http")) || bytes.Contains(service, []byte("ssl")) || bytes.Contains(service, []byte("tls")) ||
		bytes.Contains(service, []byte("quic"))
}

func (r *reader) request(network uint32, ns int64, what dataset) {
	src, dst := r.v[roleSource], r.v[roleDestination]
	name := r.v[roleHost]
	if what == handshakes {
		name = r.v[roleServerName]
	}
	name = r.hostName(name)
	hs := r.hash(src)
	sent, received := number(r.v[roleSent]), number(r.v[roleReceived])
	x := sighting{network: network, kind: kindApp, port: r.port(), ns: ns, sent: sent, received: received}
	r.requestFlags(&x, what, name)
	var hd uint64
	if len(dst) > 0 {
		hd = r.hash(dst)
		r.see(seriesKey(network, kindApp, hs, hd), src, dst, hs, hd, &x)
	}
	if len(name) == 0 {
		return
	}
	hn := r.hash(name)
	key := seriesKey(network, kindName, hs, hn)
	x.kind = kindName
	if len(dst) > 0 {
		x.peer = r.texts.add(dst, hd)
		r.resolved(addrKey{network, x.peer}, r.texts.add(name, hn), 1)
	}
	r.see(key, src, name, hs, hn, &x)
	if id := r.v[roleID]; len(id) > 0 {
		h := r.hash(id)
		if keeps(h, r.joined) {
			r.refs.add(ref{h, key})
			if r.refs.n >= r.o.maxJoined() {
				r.trimRefs()
			}
		}
	}
}

func (r *reader) requestFlags(x *sighting, what dataset, name []byte) {
	switch {
	case what != handshakes:
		x.flags |= flagRequest
		if len(r.v[roleHost]) == 0 && what == requests {
			x.flags |= flagNoHost
		}
		if a := r.v[roleAgent]; len(a) > 0 {
			a = a[:min(len(a), maxText)]
			x.agent = r.texts.add(a, r.hash(a))
		}
	case len(name) == 0:
		x.flags |= flagNoName
	}
}

// served takes a request out of the log of the server that answered it.
func (r *reader) served(network uint32, ns int64) {
	src := r.v[roleSource]
	name := r.hostName(r.v[roleHost])
	if len(name) == 0 {
		name = r.hostName(r.v[roleMachine])
	}
	if len(name) == 0 {
		name = []byte("this-server")
	}
	hs, hn := r.hash(src), r.hash(name)
	x := sighting{network: network, kind: kindName, port: r.port(), ns: ns, sent: number(r.v[roleSent]), received: number(r.v[roleReceived])}
	r.requestFlags(&x, served, name)
	r.see(seriesKey(network, kindName, hs, hn), src, name, hs, hn, &x)
}

// maxAnswers bounds the addresses that are taken of one reply.
const maxAnswers = 8

func (r *reader) question(network uint32, ns int64) {
	src, name := r.v[roleSource], r.hostName(r.v[roleQuestion])
	if len(name) == 0 {
		r.lacking()
		return
	}
	hs, hn := r.hash(src), r.hash(name)
	failed := len(r.answers) == 0
	q := sighting{network: network, kind: kindDNS, port: r.port(), ns: ns, sent: int64(len(name)), flags: flagAnswered}
	if s := string(r.v[roleSide]); s == "query" || s == "request" { // the answer has a record of its own
		failed, q.flags = false, 0
	} else if failed {
		q.flags = flagFailed
	}
	var addrs [maxAnswers]uint32
	n := 0
	for i, a := range r.answers {
		if i == maxAnswers {
			break
		}
		if isAddress(a) {
			addrs[n] = r.texts.add(a, r.hash(a))
			r.resolved(addrKey{network, addrs[n]}, r.texts.add(name, hn), 1)
			n++
		}
	}
	if n > 0 { // one address is enough to know the pair by: the one whose hash is smallest
		q.peer = slices.MinFunc(addrs[:n], func(a, b uint32) int { return cmp.Compare(r.texts.hashes[a], r.texts.hashes[b]) })
	}
	r.see(seriesKey(network, kindDNS, hs, hn), src, name, hs, hn, &q)
	domain := r.registered(name)
	if domain == "" || len(domain) >= len(name) {
		return
	}
	d := []byte(domain)
	k := domainKey{network, r.texts.add(d, r.hash(d))}
	if !keeps(r.domainHash(k), r.cut) {
		return
	}
	sub := name[:len(name)-len(domain)-1]
	x := r.domainOf(k, ns)
	x.questions++
	x.sources.add(r.texts, r.texts.add(src, hs), 1)
	x.first, x.last = min(x.first, ns), max(x.last, ns)
	if failed {
		x.failed++
	}
	if isReversed(sub) {
		x.reversed++
	}
	if carriesData(r.v[roleType]) {
		x.odd++
	}
	x.bytes += int64(len(name))
	for _, a := range r.answers {
		x.bytes += int64(len(a))
	}
	x.length += int64(len(sub))
	x.bits += int64(float64(entropy(sub)*1000) + .5)
	x.subs.add(spread(hn))
	if len(r.domain) > r.o.maxDomains() {
		r.trimDomains()
	}
}

// carriesData reports a type of record that is seldom asked for by people's programs and can carry any data.
func carriesData(t []byte) bool {
	switch string(t) {
	case "TXT", "NULL", "CNAME", "MX", "KEY", "NAPTR", "CERT", "SIG", "PRIVATE", "A6", "EUI64", "OPENPGPKEY":
		return true
	}
	return false
}

// registered is enrich.RegisteredDomain with a memory.
func (r *reader) registered(name []byte) string {
	if d, ok := r.domains[string(name)]; ok {
		return d
	}
	if len(r.domains) > 1<<14 {
		clear(r.domains)
	}
	d := enrich.RegisteredDomain(string(name))
	r.domains[string(name)] = d
	return d
}
