package format

import "strings"

// nginxVars says what nginx's variables are. Others are fields called nginx.<variable>.
var nginxVars = map[string]layoutPart{
	"remote_addr":               {kind: partSource},
	"remote_port":               {name: "source.port"},
	"remote_user":               {kind: partUser},
	"time_local":                {kind: partTime},
	"time_iso8601":              {kind: partTime},
	"msec":                      {kind: partTime},
	"request":                   {kind: partRequest},
	"request_method":            {kind: partMethod},
	"request_uri":               {kind: partURL},
	"uri":                       {kind: partURL},
	"document_uri":              {kind: partURL},
	"args":                      {kind: partQuery},
	"query_string":              {kind: partQuery},
	"server_protocol":           {kind: partVersion},
	"status":                    {kind: partStatus},
	"body_bytes_sent":           {name: "http.response.body.bytes"},
	"bytes_sent":                {name: "http.response.bytes"},
	"request_length":            {name: "http.request.bytes"},
	"request_id":                {name: "http.request.id"},
	"http_referer":              {name: "http.request.referrer"},
	"http_user_agent":           {name: "user_agent.original"},
	"http_x_forwarded_for":      {kind: partForwarded, list: true},
	"proxy_add_x_forwarded_for": {kind: partForwarded, list: true},
	"http_x_real_ip":            {kind: partForwarded},
	"host":                      {kind: partHost},
	"http_host":                 {kind: partHost},
	"server_name":               {kind: partHost},
	"server_port":               {name: "destination.port"},
	"server_addr":               {name: "destination.ip"},
	"hostname":                  {name: "host.name"},
	"pid":                       {name: "process.pid"},
	"scheme":                    {name: "url.scheme"},
	"request_time":              {kind: partDuration, unit: 1e9},
	"ssl_cipher":                {name: "tls.cipher"},
	"ssl_server_name":           {name: "tls.client.server_name"},
}

// nginx compiles $remote_addr and ${remote_addr}.
func (c *layoutCompiler) nginx() error {
	t := c.text
	for i := 0; i < len(t); i++ {
		switch {
		case t[i] == '\\' && i+1 < len(t):
			i++
			c.literal = append(c.literal, unescapeLayout(t[i]))
		case t[i] == '$':
			at, name := i, ""
			if i+1 < len(t) && t[i+1] == '{' {
				end := strings.IndexByte(t[i:], '}')
				if end < 0 {
					return c.fail(at, "${ without }")
				}
				name, i = t[i+2:i+end], i+end
			} else {
				end := i + 1
				for end < len(t) && (isLetter(t[end]) || isDigit(t[end]) || t[end] == '_') {
					end++
				}
				name, i = t[i+1:end], end-1
			}
			if name == "" {
				return c.fail(at, "$ without the name of a variable")
			}
			own := "nginx." + lowerASCII(name)
			p, known := nginxVars[name]
			if !known {
				p = layoutPart{name: own, list: strings.HasPrefix(name, "upstream_")}
			}
			p.own = own
			c.value(at, p, shapeOf(p.kind, name))
		default:
			c.literal = append(c.literal, t[i])
		}
	}
	return nil
}

// shapeOf shows the blanks within a value of a variable.
func shapeOf(k partKind, name string) string {
	switch {
	case name == "time_local":
		return "0/0/0:0:0:0 0"
	case k == partTime:
		return "0-0-0T0:0:0+0:0"
	case k == partRequest:
		return "M u V"
	}
	return ""
}

// unescapeLayout returns the byte that \c stands for in a configuration file.
func unescapeLayout(c byte) byte {
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	}
	return c
}

// apacheDirectives says what Apache's directives without an argument are. Others are fields called apache.<letter>.
var apacheDirectives = map[byte]layoutPart{
	'a': {kind: partSource},
	'h': {kind: partSource},
	'A': {name: "destination.ip"},
	'l': {name: "source.user.name"},
	'u': {kind: partUser},
	't': {kind: partTime},
	'r': {kind: partRequest},
	's': {kind: partStatus},
	'b': {name: "http.response.body.bytes"},
	'B': {name: "http.response.body.bytes"},
	'O': {name: "http.response.bytes"},
	'I': {name: "http.request.bytes"},
	'D': {kind: partDuration, unit: 1e3},
	'T': {kind: partDuration, unit: 1e9},
	'v': {kind: partHost},
	'V': {kind: partHost},
	'p': {name: "destination.port"},
	'm': {kind: partMethod},
	'U': {kind: partURL},
	'q': {kind: partQuery},
	'H': {kind: partVersion},
	'f': {name: "file.path"},
	'P': {name: "process.pid"},
	'L': {name: "apache.log_id"},
	'k': {name: "apache.keepalive_requests"},
	'R': {name: "apache.handler"},
	'X': {name: "apache.connection_status"},
	'S': {name: "apache.bytes_both_ways"},
}

// apache compiles %h, %>s, %400,501{User-agent}i, %{%Y-%m-%d}t and the like.
func (c *layoutCompiler) apache() error {
	t := c.text
	for i := 0; i < len(t); i++ {
		if t[i] == '\\' && i+1 < len(t) {
			i++
			c.literal = append(c.literal, unescapeLayout(t[i]))
			continue
		}
		if t[i] != '%' {
			c.literal = append(c.literal, t[i])
			continue
		}
		at := i
		i++
		for i < len(t) && (t[i] == '!' || t[i] == '<' || t[i] == '>' || t[i] == ',' || isDigit(t[i])) {
			i++
		}
		arg := ""
		if i < len(t) && t[i] == '{' {
			end := strings.IndexByte(t[i:], '}')
			if end < 0 {
				return c.fail(at, "%{ without }")
			}
			arg, i = t[i+1:i+end], i+end+1
		}
		if i < len(t) && t[i] == '^' {
			i += 2
		}
		switch {
		case i >= len(t):
			return c.fail(at, "% without a directive")
		case t[i] == '%' && i == at+1:
			c.literal = append(c.literal, '%')
			continue
		case !isLetter(t[i]):
			return c.fail(at, "unknown directive")
		}
		p, shape, ok := apachePart(t[i], arg)
		if !ok {
			return c.fail(at, "unknown directive")
		}
		c.value(at, p, shape)
	}
	return nil
}

// apachePart returns what a directive is and the separators within its values.
func apachePart(letter byte, arg string) (p layoutPart, shape string, ok bool) {
	if arg != "" {
		return apacheArgument(letter, arg)
	}
	p, ok = apacheDirectives[letter]
	p.own = "apache." + string(rune(letter))
	switch letter {
	case 't':
		shape = "[0/0/0:0:0:0 0]"
	case 'r':
		shape = "M u V"
	}
	return p, shape, ok
}

// apacheArgument is apachePart for a directive with an argument in braces.
func apacheArgument(letter byte, arg string) (p layoutPart, shape string, ok bool) {
	name := strings.ReplaceAll(lowerASCII(arg), " ", "_")
	p.own = "apache." + string(rune(letter)) + "." + name
	switch letter {
	case 'i':
		p.own = "apache.header." + name
		switch name {
		case "referer", "referrer":
			p.name = "http.request.referrer"
		case "user-agent":
			p.name = "user_agent.original"
		case "x-forwarded-for", "x-real-ip", "cf-connecting-ip", "true-client-ip":
			p.kind, p.list = partForwarded, true
		case "host":
			p.kind = partHost
		default:
			p.name = p.own
		}
	case 'o', 'C', 'e', 'n', 'x', 'c':
		family := map[byte]string{'o': "response", 'C': "cookie", 'e': "env", 'n': "note", 'x': "var", 'c': "ssl"}
		p.own = "apache." + family[letter] + "." + name
		p.name = p.own
	case 't':
		p.kind = partTime
		format := strings.TrimPrefix(strings.TrimPrefix(arg, "begin:"), "end:")
		p.piece = true
		shape = strftimeShape(format)
	case 'T':
		p.kind = partDuration
		switch name {
		case "us":
			p.unit = 1e3
		case "ms":
			p.unit = 1e6
		default:
			p.unit = 1e9
		}
	case 'a':
		p.name = "apache.peer_ip"
	case 'p':
		p.name = "destination.port"
		if name == "remote" {
			p.name = "source.port"
		}
	case 'P':
		p.name = "process.thread.id"
		if name == "pid" {
			p.name = "process.pid"
		}
	case 'h':
		p.kind = partSource
	default:
		return p, "", false
	}
	return p, shape, true
}

// strftimeShape replaces the directives of a time format by something with the same separators.
func strftimeShape(format string) string {
	if !strings.Contains(format, "%") {
		return "0" // sec, msec, usec, msec_frac …
	}
	return strings.NewReplacer("%c", "x x 0 0:0:0 0", "%D", "0/0/0", "%x", "0/0/0", "%F", "0-0-0", "%T", "0:0:0",
		"%X", "0:0:0", "%R", "0:0", "%r", "0:0:0 PM", "%z", "+0", "%", "").Replace(format)
}

// dropDoubles gives values their own names where another value says the same: $uri beside $request, $server_name
// beside $host. The first of a kind counts; the request line counts most.
func (c *layoutCompiler) dropDoubles() {
	seen := map[partKind]bool{}
	for _, p := range c.parts {
		if p.kind == partRequest {
			seen[partURL], seen[partQuery], seen[partVersion], seen[partMethod] = true, true, true, true
		}
	}
	for i := range c.parts {
		p := &c.parts[i]
		switch p.kind {
		case partNamed, partTime, partForwarded:
			continue
		}
		if seen[p.kind] {
			p.kind, p.name = partNamed, p.own
			continue
		}
		seen[p.kind] = true
	}
}
