package scenario

import (
	"strconv"
	"strings"
	"time"
)

// zeekHeader is what makes a Zeek log readable: its name, its columns, their types.
type zeekHeader struct {
	path, fields, types string
}

const (
	fieldsID = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p "
	typesID  = "time string addr port addr port "
)

var (
	headerConn = zeekHeader{"conn", fieldsID + "proto service duration orig_bytes resp_bytes conn_state local_orig local_resp " +
		"missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents",
		typesID + "enum string interval count count string bool bool count string count count count count set[string]"}
	headerDNS = zeekHeader{"dns", fieldsID + "proto trans_id rtt query qclass qclass_name qtype qtype_name rcode rcode_name " +
		"AA TC RD RA Z answers TTLs rejected",
		typesID + "enum count interval string count string count string count string bool bool bool bool count " +
			"vector[string] vector[interval] bool"}
	headerHTTP = zeekHeader{"http", fieldsID + "trans_depth method host uri referrer version user_agent origin " +
		"request_body_len response_body_len status_code status_msg info_code info_msg tags username password proxied " +
		"orig_fuids orig_filenames orig_mime_types resp_fuids resp_filenames resp_mime_types",
		typesID + "count string string string string string string string count count count string count string set[enum] " +
			"string string set[string] vector[string] vector[string] vector[string] vector[string] vector[string] vector[string]"}
	headerSSL = zeekHeader{"ssl", fieldsID + "version cipher curve server_name resumed last_alert next_protocol established " +
		"ssl_history cert_chain_fps client_cert_chain_fps sni_matches_cert",
		typesID + "string string string string bool string string bool string vector[string] vector[string] bool"}
)

func (h zeekHeader) text(open time.Time) string {
	tabs := func(s string) string { return strings.ReplaceAll(s, " ", "\t") }
	return "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t" + h.path + "\n#open\t" +
		open.Format("2006-01-02-15-04-05") + "\n#fields\t" + tabs(h.fields) + "\n#types\t" + tabs(h.types) + "\n"
}

// A flow is one connection. Its uid is made when its first line is written, and shared by the other logs' lines.
type flow struct {
	t              int64
	orig, resp     uint32
	origPort       int
	respPort       int
	proto, service string
	dur            int64 // microseconds; 0 with no answer
	sent, got      int64 // payload bytes
	state, history string
	kind           kind
	uid            [18]byte
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func (f *flow) name(r *rng) {
	f.uid[0] = 'C'
	appendBase62(f.uid[1:1], r, 17)
}

func appendBase62(b []byte, r *rng, n int) []byte {
	a := r.next()
	for i := range n {
		if i == 9 {
			a = r.next()
		}
		b = append(b, base62[a%62])
		a /= 62
	}
	return b
}

// ephemeral is the port a client's system picks.
func ephemeral(r *rng) int { return 32768 + r.n(28232) }

func (g *generator) appendID(b []byte, t int64, f *flow) []byte {
	b = append(g.clock.appendEpoch(b, t), '\t')
	b = append(append(b, f.uid[:]...), '\t')
	b = append(appendIP(b, f.orig), '\t')
	b = append(strconv.AppendInt(b, int64(f.origPort), 10), '\t')
	b = append(appendIP(b, f.resp), '\t')
	return append(strconv.AppendInt(b, int64(f.respPort), 10), '\t')
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "T\t"...)
	}
	return append(b, "F\t"...)
}

func local(a uint32) bool { return a>>24 == 10 }

func appendDuration(b []byte, us int64) []byte {
	return appendMicros(strconv.AppendInt(b, us/second, 10), us%second)
}

// flow writes a connection's line in conn.log, giving it a uid unless it has one.
func (g *generator) flow(r *rng, f *flow) {
	if f.uid[0] == 0 {
		f.name(r)
	}
	b := g.appendID(g.conn.begin(), f.t, f)
	b = append(append(b, f.proto...), '\t')
	if f.service == "" {
		b = append(b, '-')
	}
	b = append(append(b, f.service...), '\t')
	var out, in int64 = 1, 0
	header := int64(28)
	if f.proto == "tcp" {
		header = 52
	}
	if f.dur > 0 {
		b = append(appendDuration(b, f.dur), '\t')
		b = append(strconv.AppendInt(b, f.sent, 10), '\t')
		b = append(strconv.AppendInt(b, f.got, 10), '\t')
		if f.proto == "tcp" {
			out = 4 + f.sent/1400 + f.got/2800
			in = 3 + f.got/1400 + f.sent/2800
		} else {
			in = 1
		}
	} else {
		b = append(b, "-\t-\t-\t"...)
	}
	b = append(append(b, f.state...), '\t')
	b = appendBool(b, local(f.orig))
	b = appendBool(b, local(f.resp))
	b = append(append(append(b, "0\t"...), f.history...), '\t')
	b = append(strconv.AppendInt(b, out, 10), '\t')
	b = append(strconv.AppendInt(b, f.sent+out*header, 10), '\t')
	b = append(strconv.AppendInt(b, in, 10), '\t')
	b = strconv.AppendInt(b, f.got+in*header, 10)
	g.conn.end(append(b, "\t-"...), f.t, f.kind)
}

// lookup writes one question to the company's resolver and its connection. An address of 0 is NXDOMAIN.
func (g *generator) lookup(r *rng, t int64, host uint32, name string, qtype int, addr uint32, k kind) {
	f := flow{t: t, orig: host, origPort: ephemeral(r), resp: addrResolver, respPort: 53, proto: "udp", service: "dns",
		dur: r.logNormal(9_000, 3*one/2), sent: int64(18 + len(name)), got: int64(34 + len(name)), state: "SF", history: "Dd", kind: k}
	g.flow(r, &f)
	b := g.appendID(g.dns.begin(), t, &f)
	b = append(b, "udp\t"...)
	b = append(strconv.AppendInt(b, int64(r.n(65536)), 10), '\t')
	b = append(appendDuration(b, f.dur), '\t')
	b = append(b, name...)
	b = append(b, "\t1\tC_INTERNET\t"...)
	b = append(strconv.AppendInt(b, int64(qtype), 10), '\t')
	switch qtype {
	case 1:
		b = append(b, "A\t"...)
	case 28:
		b = append(b, "AAAA\t"...)
	case 65:
		b = append(b, "HTTPS\t"...)
	default:
		b = append(b, "PTR\t"...)
	}
	switch {
	case addr == 0:
		b = append(b, "3\tNXDOMAIN\tF\tF\tT\tT\t0\t-\t-\tF"...)
	case qtype != 1:
		b = append(b, "0\tNOERROR\tF\tF\tT\tT\t0\t-\t-\tF"...)
	default:
		b = append(b, "0\tNOERROR\tF\tF\tT\tT\t0\t"...)
		b = append(appendIP(b, addr), '\t')
		b = strconv.AppendInt(b, int64(20+hash(uint64(addr))%10*30), 10)
		b = append(b, ".000000\tF"...)
	}
	g.dns.end(b, t, k)
}

// A fetch is one HTTP exchange inside a flow.
type fetch struct {
	t            int64
	depth        int
	method       string
	host, uri    string
	ref          string // "" is none
	agent        string // "" is none
	status       int
	body, answer int64
	mime         string
}

var statusTexts = map[int]string{200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
	304: "Not Modified", 404: "Not Found", 503: "Service Unavailable"}

func (g *generator) fetch(r *rng, f *flow, x *fetch) {
	b := g.appendID(g.http.begin(), x.t, f)
	b = append(strconv.AppendInt(b, int64(x.depth), 10), '\t')
	b = append(append(b, x.method...), '\t')
	b = append(append(b, x.host...), '\t')
	b = append(append(b, x.uri...), '\t')
	b = append(appendOr(b, x.ref), "\t1.1\t"...)
	b = append(appendOr(b, x.agent), "\t-\t"...)
	b = append(strconv.AppendInt(b, x.body, 10), '\t')
	b = append(strconv.AppendInt(b, x.answer, 10), '\t')
	b = append(strconv.AppendInt(b, int64(x.status), 10), '\t')
	b = append(b, statusTexts[x.status]...)
	b = append(b, "\t-\t-\t(empty)\t-\t-\t-\t"...)
	if x.body > 0 {
		b = append(appendBase62(append(b, 'F'), r, 17), "\t-\t-\t"...)
	} else {
		b = append(b, "-\t-\t-\t"...)
	}
	if x.answer > 0 {
		b = append(appendBase62(append(b, 'F'), r, 17), "\t-\t"...)
		b = append(b, x.mime...)
	} else {
		b = append(b, "-\t-\t-"...)
	}
	g.http.end(b, x.t, f.kind)
}

func appendOr(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return append(b, s...)
}

// tls writes the handshake of a flow. key decides what the server speaks.
func (g *generator) tls(r *rng, f *flow, name string, key uint64) {
	t := f.t + r.between(8_000, 40_000)
	b := g.appendID(g.ssl.begin(), t, f)
	resumed := r.chance(250)
	if key%10 < 8 {
		b = append(b, "TLSv13\tTLS_AES_"...)
		b = append(b, []string{"128_GCM_SHA256", "256_GCM_SHA384"}[key>>8&1]...)
		b = append(b, "\tx25519\t"...)
	} else {
		b = append(b, "TLSv12\tTLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\tsecp256r1\t"...)
	}
	b = append(append(b, name...), '\t')
	b = appendBool(b, resumed)
	b = append(b, "-\t"...)
	if key>>16%10 < 7 {
		b = append(b, "h2\t"...)
	} else {
		b = append(b, "-\t"...)
	}
	b = append(b, "T\t"...)
	switch {
	case key%10 < 8:
		b = append(b, "CsiI\t-\t-\t-"...)
	case resumed:
		b = append(b, "CsijI\t-\t-\t-"...)
	default:
		b = append(b, "CsxknGIi\t"...)
		b = appendHex(appendHex(appendHex(appendHex(b, hash(key, 1), 16), hash(key, 2), 16), hash(key, 3), 16), hash(key, 4), 16)
		b = append(b, "\t(empty)\tT"...)
	}
	g.ssl.end(b, t, f.kind)
}
