package token

import (
	"slices"
	"strings"
)

// ValueKind is how a value is taken apart.
type ValueKind uint8

const (
	auto ValueKind = iota // by what the value looks like
	skip                  // identifies a record, or is a time: never codified
	keyword
	number
	address
	domain
	path
	query
	link
	agent
	text
	code     // a number that is a name: port, status code
	document // any file
	mailText // a text that somebody wrote to somebody
	names    // separated by blanks
	mailbox  // an address of a mail
)

// A role is a place that a value takes in the declared pairs.
type role uint8

const (
	noRole role = iota
	sourceAddress
	destinationAddress
	destinationPort
	userName
	hostName
	agentFamily // derived from the user agent: family/OS
	country     // derived from the source address
	urlPath
	urlDomain
	statusCode
	method
	questionName // derived: registered domain
	serverName
	action
	processName
	ruleName
	sentBytes // the range they fall into
	shift     // derived from the time: weekday/weekend and quarter of the day
	numRoles
)

// A Scheme says how the values of one field are read.
type Scheme struct {
	Name     string
	kind     ValueKind
	role     role
	identity bool
}

// Dataset is the field that says what kind of record an event is.
const Dataset = "event.dataset"

// schemes are the names with a declared meaning. Every other name is read by its values (auto).
var schemes = []Scheme{
	{Name: "source.ip", kind: address, role: sourceAddress, identity: true},
	{Name: "client.ip", kind: address, role: sourceAddress, identity: true},
	{Name: "source.domain", kind: domain, role: sourceAddress, identity: true},
	{Name: "network.forwarded_ip", kind: address, identity: true},
	{Name: "destination.ip", kind: address, role: destinationAddress},
	{Name: "server.ip", kind: address, role: destinationAddress},
	{Name: "destination.port", kind: code, role: destinationPort},
	{Name: "user.name", kind: keyword, role: userName},
	{Name: "host.name", kind: keyword, role: hostName},
	{Name: "user_agent.original", kind: agent, role: agentFamily},
	{Name: "url.path", kind: path, role: urlPath},
	{Name: "url.query", kind: query},
	{Name: "url.domain", kind: domain, role: urlDomain},
	{Name: "url.full", kind: link},
	{Name: "http.request.referrer", kind: link},
	{Name: "http.request.method", kind: keyword, role: method},
	{Name: "http.response.status_code", kind: code, role: statusCode},
	{Name: "http.version", kind: keyword},
	{Name: "http.request.line", kind: text},
	{Name: "dns.question.name", kind: domain, role: questionName},
	{Name: "dns.answers.data", kind: auto},
	{Name: "tls.client.server_name", kind: domain, role: serverName},
	{Name: Dataset, kind: code},
	{Name: "event.action", kind: keyword, role: action},
	{Name: "source.bytes", kind: number, role: sentBytes},
	{Name: "event.outcome", kind: keyword},
	{Name: "process.name", kind: keyword, role: processName},
	{Name: "process.command_line", kind: text},
	{Name: "rule.name", kind: text, role: ruleName},
	{Name: "message", kind: text},
	// Files and mails as a whole. Other header fields of mails: schemeOf.
	{Name: "file.content", kind: document},
	{Name: "file.extension", kind: code},
	{Name: "email.body", kind: mailText},
	{Name: "email.subject", kind: mailText},
	{Name: "email.from.address", kind: mailbox},
	{Name: "email.from.name", kind: mailText},
	{Name: "email.to.address", kind: mailbox},
	{Name: "email.cc.address", kind: mailbox},
	{Name: "email.reply_to.address", kind: mailbox},
	{Name: "email.content_type", kind: code},
	{Name: "email.charset", kind: code},
	{Name: "email.header_names", kind: names},
	{Name: "email.relations", kind: names},
	{Name: "email.route", kind: names},
	{Name: "email.route.first", kind: names},
	{Name: "email.attachments.file.name", kind: keyword},
	{Name: "email.attachments.file.extension", kind: code},
	{Name: "email.attachments.file.mime_type", kind: code},
	// Identifiers of a record, a connection or a process.
	{Name: "source.port", kind: skip},
	{Name: "process.pid", kind: skip},
	{Name: "event.id", kind: skip},
	{Name: "network.community_id", kind: skip},
	{Name: "zeek.uid", kind: skip},
	{Name: "zeek.uids", kind: skip},
	{Name: "zeek.fuid", kind: skip},
	{Name: "zeek.trans_id", kind: skip},
	{Name: "zeek.id", kind: skip},
	{Name: "zeek.tunnel_parents", kind: skip},
	{Name: "suricata.flow_id", kind: skip},
	{Name: "suricata.tx_id", kind: skip},
	{Name: "suricata.pcap_cnt", kind: skip},
	{Name: "suricata.flow.start", kind: skip},
	{Name: "suricata.flow.end", kind: skip},
	{Name: "suricata.dns.id", kind: skip},
}

// schemeOf returns how a field is read.
func schemeOf(name string) Scheme {
	for i := range schemes {
		if schemes[i].Name == name {
			return schemes[i]
		}
	}
	s := Scheme{Name: name}
	if strings.HasPrefix(name, "zeek.") && (strings.HasSuffix(name, "_fuids") || strings.HasSuffix(name, "_fuid") ||
		strings.HasSuffix(name, ".fuids") || strings.HasSuffix(name, "_uids")) {
		s.kind = skip
	}
	if header, found := strings.CutPrefix(name, "email.header."); found {
		if s.kind = mailText; skippedHeader(header) || slices.Contains(unreadHeaders, header) {
			s.kind = skip
		}
	}
	return s
}

// A pair is two values of one event that mean more together than alone: who does what, from where, when.
type pair struct{ left, right role }

// pairs is the declared list of contextual pairs.
var pairs = []pair{
	{sourceAddress, agentFamily},
	{sourceAddress, destinationAddress},
	{sourceAddress, destinationPort},
	{sourceAddress, urlDomain},
	{sourceAddress, questionName},
	{sourceAddress, serverName},
	{sourceAddress, statusCode},
	{sourceAddress, userName},
	{sourceAddress, sentBytes},
	{sourceAddress, shift},
	{userName, country},
	{userName, hostName},
	{userName, action},
	{userName, shift},
	{hostName, agentFamily},
	{hostName, action},
	{hostName, processName},
	{hostName, ruleName},
	{hostName, shift},
	{destinationAddress, agentFamily},
	{destinationAddress, destinationPort},
	{urlPath, statusCode},
	{urlPath, method},
	{urlDomain, agentFamily},
}

// expected are fields whose absence is told, by a role whose presence makes them expected.
var expected = []struct {
	with  role
	field string
}{
	{method, "url.query"},
	{method, "http.request.referrer"},
	{method, "user_agent.original"},
}

// roleNames name the sides of a pair.
var roleNames = [numRoles]string{
	sourceAddress: "source.ip", destinationAddress: "destination.ip", destinationPort: "destination.port",
	userName: "user.name", hostName: "host.name", agentFamily: "user_agent.name", country: "source.geo.country_iso_code",
	urlPath: "url.path", urlDomain: "url.domain", statusCode: "http.response.status_code", method: "http.request.method",
	questionName: "dns.question.registered_domain", serverName: "tls.client.server_name", action: "event.action",
	processName: "process.name", ruleName: "rule.name", shift: "event.shift", sentBytes: "source.bytes",
}
