package format

import (
	"bytes"
	"strings"

	"weir/internal/event"
)

var eve = Format{
	Name:  "eve",
	Title: "Suricata EVE JSON: alert, flow, dns, http, tls and all other event types",
	Fields: []string{
		"source.ip", "source.port", "destination.ip", "destination.port", "network.transport", "network.protocol",
		"rule.name", "rule.category", "event.severity", "url.domain", "url.path", "url.query", "user_agent.original",
		"http.request.method", "http.response.status_code", "dns.question.name", "dns.answers.data",
		"tls.client.server_name", "source.bytes", "destination.bytes", "suricata.*",
	},
	Example: `{"timestamp":"2021-06-06T15:59:46.457984+0200","event_type":"alert","src_ip":"192.0.2.7","dest_ip":"198.51.100.4","proto":"TCP","alert":{"signature":"…"}}`,
	Score:   scoreEVE,
	New: func(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		return newEVE(o, keys), nil
	},
}

// eveNames maps fields of EVE records, with those around them, to ECS names. Others become suricata.<field>.
var eveNames = map[string]string{
	"src_ip": "source.ip", "src_port": "source.port", "dest_ip": "destination.ip", "dest_port": "destination.port",
	"proto": "network.transport", "app_proto": "network.protocol", "community_id": "network.community_id",
	"vlan": "network.vlan.id", "host": "host.name",

	"alert.signature": "rule.name", "alert.category": "rule.category", "alert.signature_id": "rule.id",
	"alert.severity": "event.severity", "alert.action": "event.action",

	"http.hostname": "url.domain", "http.url": "url.path", "http.http_user_agent": "user_agent.original",
	"http.http_method": "http.request.method", "http.status": "http.response.status_code",
	"http.http_refer": "http.request.referrer", "http.protocol": "http.version", "http.http_port": "url.port",
	"http.http_content_type": "http.response.mime_type", "http.length": "http.response.body.bytes",

	// version 1 has one record for the question and one for each answer, version 2 lists the answers
	"dns.rrname": "dns.question.name", "dns.rrtype": "dns.question.type", "dns.rcode": "dns.response_code",
	"dns.rdata": "dns.answers.data", "dns.answers.rdata": "dns.answers.data", "dns.answers.rrname": "dns.answers.name",
	"dns.answers.rrtype": "dns.answers.type", "dns.query.rrname": "dns.question.name",
	"dns.query.rrtype": "dns.question.type", "dns.queries.rrname": "dns.question.name",
	"dns.queries.rrtype": "dns.question.type", "dns.answer.rcode": "dns.response_code",
	"dns.answer.answers.rdata": "dns.answers.data",
	"dns.grouped.A":            "dns.answers.data", "dns.grouped.AAAA": "dns.answers.data", "dns.grouped.CNAME": "dns.answers.data",

	"tls.sni": "tls.client.server_name", "tls.version": "tls.version", "tls.subject": "tls.server.subject",
	"tls.issuerdn": "tls.server.issuer", "tls.ja3.hash": "tls.client.ja3", "tls.ja3s.hash": "tls.server.ja3s",
	"tls.ja4": "tls.client.ja4",

	"flow.bytes_toserver": "source.bytes", "flow.bytes_toclient": "destination.bytes",
	"flow.pkts_toserver": "source.packets", "flow.pkts_toclient": "destination.packets", "flow.age": "event.duration",

	"fileinfo.filename": "file.name", "fileinfo.size": "file.size", "fileinfo.md5": "file.hash.md5",
	"fileinfo.sha1": "file.hash.sha1", "fileinfo.sha256": "file.hash.sha256", "fileinfo.magic": "file.magic",

	"ssh.client.software_version": "ssh.client", "ssh.server.software_version": "ssh.server",
	"smtp.helo": "smtp.helo", "email.from": "email.from.address", "email.to": "email.to.address",
}

func eveUse(dotted string) fieldUse {
	use := fieldUse{name: "suricata." + dotted}
	switch dotted {
	case "timestamp":
		use.role = roleTime
	case "event_type":
		use.role = roleDataset
	}
	if ecs, ok := eveNames[dotted]; ok {
		use.name = ecs
	}
	if use.name == "url.path" {
		use.role = roleURL
	}
	return use
}

type eveDecoder struct {
	o        Options
	walker   *jsonWalker
	datasets map[string]string // by event type
}

// maxEventTypes bounds the names that a decoder keeps; Suricata has about forty.
const maxEventTypes = 256

func newEVE(o Options, keys *event.Keys) *eveDecoder {
	return &eveDecoder{o: o, walker: newJSONWalker(keys, eveUse), datasets: make(map[string]string)}
}

func (d *eveDecoder) Stateful([]byte, int64) bool { return false }

// StateMark says that no line but perhaps the first is stateful.
func (d *eveDecoder) StateMark() byte { return 0 }

func (d *eveDecoder) Fork(keys *event.Keys) Decoder { return newEVE(d.o, keys) }

func (d *eveDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrSkip
	}
	if fault := d.walker.walk(line, e); fault != nil {
		return fault
	}
	e.Dataset = d.dataset()
	d.walker.stamp(e, func(s []byte) (int64, bool) { return d.o.time(s) })
	return nil
}

// dataset returns suricata.<event type>. It depends on the record alone: names that are not kept are made again.
func (d *eveDecoder) dataset() string {
	eventType := d.walker.dataset
	if name, ok := d.datasets[string(eventType)]; ok {
		return name
	}
	if len(eventType) == 0 || len(eventType) > event.MaxKeyLen {
		return "suricata"
	}
	name := "suricata." + strings.ToLower(string(eventType))
	if len(d.datasets) < maxEventTypes {
		d.datasets[string(eventType)] = name
	}
	return name
}

var errNotEVE = &Malformed{Reason: "JSON without event_type and timestamp"}

func scoreEVE(sample [][]byte, o Options) (float64, string) {
	d := newEVE(o, event.NewKeys())
	return scoreDecoding(sample, func(line []byte, e *event.Event) error {
		if err := d.Decode(line, e); err != nil {
			return err
		}
		if d.walker.dataset == nil || d.walker.time == nil {
			return errNotEVE
		}
		return nil
	})
}
