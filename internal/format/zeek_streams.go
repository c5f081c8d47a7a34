package format

import "math/bits"

// zeekStreams are the streams of a stock Zeek, by the name of their log.
var zeekStreams = func() map[string]bool {
	m := make(map[string]bool)
	for _, name := range [...]string{
		"analyzer", "barnyard2", "broker", "capture_loss", "cluster", "config", "conn", "dce_rpc", "dhcp", "dnp3", "dns",
		"dpd", "files", "ftp", "http", "intel", "irc", "kerberos", "known_certs", "known_hosts", "known_modbus",
		"known_services", "ldap", "ldap_search", "loaded_scripts", "modbus", "mqtt_connect", "mqtt_publish",
		"mqtt_subscribe", "mysql", "netcontrol", "notice", "notice_alarm", "ntlm", "ntp", "ocsp", "packet_filter", "pe",
		"postgresql", "quic", "radius", "rdp", "redis", "reporter", "rfb", "signatures", "sip", "smb_cmd", "smb_files",
		"smb_mapping", "smtp", "snmp", "socks", "software", "ssh", "ssl", "stats", "syslog", "telemetry", "traceroute",
		"tunnel", "unknown_protocols", "weird", "websocket", "weird_stats", "x509",
	} {
		m[name] = true
	}
	return m
}()

// A zeekSignature tells a stream by fields that it has: all of those named, which no stream listed before it has.
type zeekSignature struct {
	path   string
	fields []string
}

// zeekSignatures are tried in order, the most particular first.
var zeekSignatures = []zeekSignature{
	{"conn", []string{"conn_state"}},
	{"dns", []string{"query", "trans_id"}},
	{"dns", []string{"query", "qtype_name"}},
	{"sip", []string{"call_id", "request_from"}},
	{"http", []string{"trans_depth", "request_body_len"}},
	{"http", []string{"trans_depth", "status_code"}},
	{"http", []string{"trans_depth", "host"}},
	{"x509", []string{"certificate.serial"}},
	{"x509", []string{"certificate.version"}},
	{"files", []string{"fuid", "seen_bytes"}},
	{"ssl", []string{"ssl_history"}},
	{"ssl", []string{"resumed", "established"}},
	{"notice", []string{"note", "actions"}},
	{"ssh", []string{"auth_attempts"}},
	{"kerberos", []string{"request_type"}},
	{"ntlm", []string{"domainname"}},
	{"ntlm", []string{"server_nb_computer_name"}},
	{"smb_files", []string{"action", "times.modified"}},
	{"smb_mapping", []string{"share_type"}},
	{"dce_rpc", []string{"endpoint", "operation"}},
	{"dhcp", []string{"msg_types"}},
	{"dhcp", []string{"lease_time"}},
	{"ftp", []string{"command", "reply_code"}},
	{"smtp", []string{"helo", "trans_depth"}},
	{"snmp", []string{"community"}},
	{"rdp", []string{"security_protocol"}},
	{"software", []string{"software_type"}},
	{"tunnel", []string{"tunnel_type"}},
	{"pe", []string{"machine", "subsystem"}},
	{"ntp", []string{"stratum"}},
	{"weird", []string{"name", "notice"}},
	{"capture_loss", []string{"percent_lost"}},
}

// zeekHints gives each field of a signature its bit.
var zeekHints = func() map[string]uint64 {
	m := make(map[string]uint64)
	for _, s := range zeekSignatures {
		for _, f := range s.fields {
			if m[f] == 0 {
				m[f] = 1 << len(m)
			}
		}
	}
	if len(m) > 64 {
		panic("BUG: more hints than bits")
	}
	return m
}()

// zeekMasks are the signatures as bits, in the same order.
var zeekMasks = func() []uint64 {
	masks := make([]uint64, len(zeekSignatures))
	for i, s := range zeekSignatures {
		for _, f := range s.fields {
			masks[i] |= zeekHints[f]
		}
	}
	return masks
}()

// zeekPathFromHints guesses the stream of a record from the hints of its fields; it is empty if they do not tell.
func zeekPathFromHints(hints uint64) string {
	if bits.OnesCount64(hints) == 0 {
		return ""
	}
	for i, mask := range zeekMasks {
		if hints&mask == mask {
			return zeekSignatures[i].path
		}
	}
	return ""
}
