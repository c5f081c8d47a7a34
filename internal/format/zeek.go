package format

import (
	"path/filepath"
	"strings"
)

// zeekNames maps what Zeek calls a field, in whatever stream, to its ECS name. Fields that mean different things in
// different streams are in zeekStreamNames; those in neither become zeek.<field>.
var zeekNames = map[string]string{
	"id.orig_h": "source.ip", "id.orig_p": "source.port",
	"id.resp_h": "destination.ip", "id.resp_p": "destination.port",
	"proto": "network.transport", "duration": "event.duration",
	"orig_bytes": "source.bytes", "resp_bytes": "destination.bytes",
	"orig_pkts": "source.packets", "resp_pkts": "destination.packets",
	"user": "user.name", "username": "user.name", "user_agent": "user_agent.original",
	"uid": "zeek.uid", "fuid": "zeek.fuid",
}

// zeekStreamNames maps fields by stream.
var zeekStreamNames = map[string]map[string]string{
	"conn": {"service": "network.protocol"},
	"http": {
		"method": "http.request.method", "host": "url.domain", "uri": "url.path", "referrer": "http.request.referrer",
		"version": "http.version", "request_body_len": "http.request.body.bytes",
		"response_body_len": "http.response.body.bytes", "status_code": "http.response.status_code",
	},
	"dns": {
		"query": "dns.question.name", "qtype_name": "dns.question.type", "qclass_name": "dns.question.class",
		"rcode_name": "dns.response_code", "answers": "dns.answers.data",
	},
	"ssl": {
		"server_name": "tls.client.server_name", "version": "tls.version", "cipher": "tls.cipher",
		"ja3": "tls.client.ja3", "ja3s": "tls.server.ja3s", "ja4": "tls.client.ja4", "ja4s": "tls.server.ja4s",
		"subject": "tls.server.subject",
		"issuer":  "tls.server.issuer", "client_subject": "tls.client.subject", "client_issuer": "tls.client.issuer",
	},
	"files": {
		"mime_type": "file.mime_type", "filename": "file.name", "md5": "file.hash.md5", "sha1": "file.hash.sha1",
		"sha256": "file.hash.sha256",
	},
	"ssh":    {"client": "ssh.client", "server": "ssh.server"},
	"notice": {"note": "rule.name", "msg": "message", "src": "source.ip", "dst": "destination.ip"},
	"weird":  {"name": "zeek.weird.name"},
	"syslog": {"message": "message"},
}

// zeekUse says what becomes of a field of a Zeek stream; path may be empty where it is not known.
func zeekUse(path, field string) fieldUse {
	field = zeekFieldName(field)
	use := fieldUse{name: "zeek." + field, hint: zeekHints[field]}
	switch field {
	case "ts":
		use.role = roleTime
	case "_path", "@stream", "@path":
		use.role = roleDataset
	}
	if ecs, ok := zeekStreamNames[strings.TrimPrefix(path, "open_")][field]; ok {
		use.name = ecs
	} else if ecs, ok := zeekNames[field]; ok {
		use.name = ecs
	}
	if use.name == "url.path" {
		use.role = roleURL
	}
	return use
}

// zeekFieldName undoes the spelling id_orig_h that some exporters use for id.orig_h.
func zeekFieldName(field string) string {
	if rest, ok := strings.CutPrefix(field, "id_"); ok && len(rest) == 6 {
		return "id." + rest
	}
	return field
}

// zeekLists are the fields that hold several values in the stock streams, for TSV logs that have lost their #types.
var zeekLists = map[string]bool{
	"answers": true, "TTLs": true, "tags": true, "tunnel_parents": true, "tx_hosts": true, "rx_hosts": true,
	"conn_uids": true, "analyzers": true, "orig_fuids": true, "resp_fuids": true, "orig_mime_types": true,
	"resp_mime_types": true, "orig_filenames": true, "resp_filenames": true, "proxied": true,
	"cert_chain_fuids": true, "client_cert_chain_fuids": true, "cert_chain_fps": true, "client_cert_chain_fps": true,
	"actions": true, "email_dest": true, "msg_types": true, "uids": true, "path": true, "rcptto": true, "to": true,
}

// zeekPathFromName returns the stream that the name of a log tells: conn.log, http.10:00:00-11:00:00.log.gz,
// dns_20200101.json, conn.log.labeled. It is empty where the name does not tell.
func zeekPathFromName(name string) string {
	base := filepath.Base(name)
	end := strings.IndexAny(base, ".-")
	if end < 0 {
		end = len(base)
	}
	word := strings.ToLower(base[:end])
	for word != "" {
		if zeekStreams[strings.TrimPrefix(word, "open_")] {
			return word
		}
		cut := strings.LastIndexByte(word, '_')
		if cut < 0 {
			return ""
		}
		word = word[:cut]
	}
	return ""
}
