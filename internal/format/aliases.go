package format

// ecsAliases maps names that logs use for the same thing, in lower case, to the name in the Elastic Common Schema. It
// holds only names that mean one thing wherever they occur; "ip", "name", "id", "type", "agent", "bytes" do not.
var ecsAliases = map[string]string{
	"src_ip": "source.ip", "srcip": "source.ip", "src": "source.ip", "source_ip": "source.ip", "sourceip": "source.ip",
	"srcaddr": "source.ip", "src_addr": "source.ip", "sourceipaddress": "source.ip", "sourceaddress": "source.ip",
	"client": "source.ip", "client_ip": "source.ip", "clientip": "source.ip", "c-ip": "source.ip",
	"client_addr": "source.ip", "clientaddr": "source.ip", "remote_addr": "source.ip", "remoteaddr": "source.ip",
	"remote_ip": "source.ip", "remoteip": "source.ip", "remote_host": "source.ip", "saddr": "source.ip",
	"id.orig_h": "source.ip", "id_orig_h": "source.ip",

	"dst_ip": "destination.ip", "dstip": "destination.ip", "dst": "destination.ip", "dest": "destination.ip",
	"dest_ip": "destination.ip", "destip": "destination.ip", "destination_ip": "destination.ip",
	"destinationip": "destination.ip", "dstaddr": "destination.ip", "dst_addr": "destination.ip",
	"destaddr": "destination.ip", "dest_addr": "destination.ip", "destinationaddress": "destination.ip",
	"s-ip": "destination.ip", "daddr": "destination.ip", "id.resp_h": "destination.ip", "id_resp_h": "destination.ip",

	"sport": "source.port", "src_port": "source.port", "srcport": "source.port", "source_port": "source.port",
	"sourceport": "source.port", "client_port": "source.port", "remote_port": "source.port", "c-port": "source.port",
	"id.orig_p": "source.port", "id_orig_p": "source.port",

	"dport": "destination.port", "dst_port": "destination.port", "dstport": "destination.port",
	"dest_port": "destination.port", "destport": "destination.port", "destination_port": "destination.port",
	"destinationport": "destination.port", "s-port": "destination.port",
	"id.resp_p": "destination.port", "id_resp_p": "destination.port",

	"host": "host.name", "hostname": "host.name", "_hostname": "host.name", "computer": "host.name",
	"computername": "host.name", "computer_name": "host.name", "host_name": "host.name",

	"user": "user.name", "username": "user.name", "user_name": "user.name", "remote_user": "user.name",
	"cs-username": "user.name",

	"method": "http.request.method", "request_method": "http.request.method", "http_method": "http.request.method",
	"cs-method": "http.request.method", "verb": "http.request.method",

	"status": "http.response.status_code", "status_code": "http.response.status_code",
	"http_status": "http.response.status_code", "response_code": "http.response.status_code",
	"sc-status": "http.response.status_code",

	"uri": "url.path", "url": "url.path", "path": "url.path", "request_uri": "url.path", "cs-uri-stem": "url.path",
	"request_url": "url.path", "cs-uri-query": "url.query", "query_string": "url.query",

	"user_agent": "user_agent.original", "useragent": "user_agent.original", "user-agent": "user_agent.original",
	"http_user_agent": "user_agent.original", "cs(user-agent)": "user_agent.original",

	"referer": "http.request.referrer", "referrer": "http.request.referrer", "http_referer": "http.request.referrer",
	"http_referrer": "http.request.referrer", "cs(referer)": "http.request.referrer",

	"msg": "message", "message": "message",

	"src_endpoint.ip": "source.ip", "src_endpoint.port": "source.port", "dst_endpoint.ip": "destination.ip", // OCSF, as in AWS Security Lake
	"dst_endpoint.port": "destination.port", "device.hostname": "host.name", "actor.user.name": "user.name",
	"http_request.user_agent": "user_agent.original", "http_request.http_method": "http.request.method", "http_response.code": "http.response.status_code",
	"http_request.url.path": "url.path", "http_request.url.query_string": "url.query",
	"query.hostname": "dns.question.name", "connection_info.protocol_name": "network.transport",

	"proto": "network.transport", "protocol": "network.transport", "transport": "network.transport",
}

// ecsName returns the ECS name of a field that a log calls name, or name itself where there is none or the log's
// word does not settle which one. Case does not matter. It is for the first sight of a name, not for every record.
//
// A name that comes back as url.path may hold a query too: take its value apart with cutURL.
func ecsName(name string) string {
	if ecs, ok := ecsAliases[lowerASCII(name)]; ok {
		return ecs
	}
	return name
}

// lowerASCII is strings.ToLower for A to Z only: other bytes of a log's names are left as they are.
func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}
