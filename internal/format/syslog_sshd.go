package format

import (
	"bytes"

	"weir/internal/event"
)

// sshd reads the messages of OpenSSH's server.
//
// The user's name is the client's to choose and may hold anything, even " from 192.0.2.1 port 22 ssh2". What sshd
// itself writes stands at the right end of the message, so that is where the reading begins.
func (k *messageKeys) sshd(e *event.Event, s []byte) {
	s = bytes.TrimSuffix(s, []byte(" [preauth]"))
	for _, p := range [...]string{"error: ", "fatal: ", "info: ", "PAM: "} {
		s = bytes.TrimPrefix(s, []byte(p))
	}
	verb, rest := nextToken(s)
	rest = bytes.TrimPrefix(rest, []byte(" "))
	switch string(verb) {
	case "Accepted":
		k.sshLogin(e, rest, success)
	case "Failed":
		k.sshLogin(e, rest, failure)
	case "Postponed", "Partial":
		k.sshLogin(e, rest, "unknown")
	case "PAM":
		if bytes.Contains(s, []byte(" more authentication failure")) {
			k.did(e, "pam_authentication", failure)
			if n, _ := nextToken(rest); allDigits(n) {
				e.Add(k.repeated, n)
			}
			k.pamFields(e, s)
		}
	case "Invalid", "Illegal":
		if who, ok := bytes.CutPrefix(rest, []byte("user ")); ok {
			k.sshUserFrom(e, "ssh_invalid_user", who, true)
		}
	case "input_userauth_request:":
		if who, ok := bytes.CutPrefix(rest, []byte("invalid user ")); ok {
			k.did(e, "ssh_invalid_user", failure)
			addText(e, k.invalidUser, "true")
			name(e, k.user, who)
		}
	case "maximum":
		if who, ok := bytes.CutPrefix(rest, []byte("authentication attempts exceeded for ")); ok {
			k.sshUserFrom(e, "ssh_max_auth_tries", who, false)
		}
	case "User", "Login":
		k.sshDenied(e, s)
	case "Connection", "Disconnected", "Received", "Disconnecting", "Disconnecting:", "Timeout", "ssh_dispatch_run_fatal:":
		k.sshConnection(e, s)
	default:
		k.sshProtocol(e, s)
	}
}

// sshLogin reads "password for invalid user admin from 192.0.2.1 port 22 ssh2".
func (k *messageKeys) sshLogin(e *event.Event, s []byte, outcome string) {
	method, who, ok := bytes.Cut(s, []byte(" for "))
	if !ok || bytes.IndexByte(method, ' ') >= 0 {
		return
	}
	who, addr, port, ok := cutFrom(who)
	if !ok {
		return
	}
	k.did(e, "ssh_login", outcome)
	add(e, k.authMethod, method)
	k.sshUser(e, who)
	k.peer(e, addr, port)
}

// sshUser adds a name that may be marked as unknown to the server.
func (k *messageKeys) sshUser(e *event.Event, who []byte) {
	for _, mark := range [...]string{"invalid user ", "illegal user "} {
		if rest, ok := bytes.CutPrefix(who, []byte(mark)); ok {
			addText(e, k.invalidUser, "true")
			who = rest
			break
		}
	}
	name(e, k.user, who)
}

// sshUserFrom adds a failure from "alice from 192.0.2.1 port 22".
func (k *messageKeys) sshUserFrom(e *event.Event, action string, s []byte, invalid bool) {
	who, addr, port, ok := cutFrom(s)
	if !ok { // " from 192.0.2.1" right after an empty name
		who = s
	}
	k.did(e, action, failure)
	if invalid {
		addText(e, k.invalidUser, "true")
		name(e, k.user, who)
	} else {
		k.sshUser(e, who)
	}
	k.peer(e, addr, port)
}

// cutFrom cuts the last " from <address>[ port <port>][ ssh2[: key]]" off s.
func cutFrom(s []byte) (head, addr, port []byte, ok bool) {
	for end := len(s); ; {
		i := bytes.LastIndex(s[:end], []byte("from "))
		if i < 0 {
			return nil, nil, nil, false
		}
		if i == 0 || s[i-1] == ' ' {
			addr, port, rest, fits := cutPeer(s[i+5:])
			if fits && (len(rest) == 0 || bytes.HasPrefix(rest, []byte(" ssh"))) {
				return s[:max(i-1, 0)], addr, port, true
			}
		}
		end = i
	}
}

// cutPeer reads "192.0.2.1 port 4711", of which the port may be missing.
func cutPeer(s []byte) (addr, port, rest []byte, ok bool) {
	addr, rest = s, nil
	if i := bytes.IndexByte(s, ' '); i >= 0 {
		addr, rest = s[:i], s[i:]
	}
	if after, found := bytes.CutPrefix(rest, []byte(" port ")); found {
		n := 0
		for n < len(after) && isDigit(after[n]) {
			n++
		}
		port, rest = after[:n], after[n:]
	}
	return addr, port, rest, len(addr) > 0
}

// cutPeerRight cuts the address, and the port if there is one, that s ends with.
func cutPeerRight(s []byte) (head, addr, port []byte) {
	if i := bytes.LastIndex(s, []byte(" port ")); i >= 0 && allDigits(s[i+6:]) {
		s, port = s[:i], s[i+6:]
	}
	if i := bytes.LastIndexByte(s, ' '); i >= 0 {
		return s[:i], s[i+1:], port
	}
	return nil, s, port
}

// sshConnection reads the beginnings and ends of connections.
func (k *messageKeys) sshConnection(e *event.Event, s []byte) {
	for _, prefix := range [...]string{"Received disconnect from ", "Connection from ", "Timeout before authentication for "} {
		rest, ok := bytes.CutPrefix(s, []byte(prefix))
		if !ok {
			continue
		}
		addr, port, rest, _ := cutPeer(rest)
		switch prefix[0] {
		case 'R': // "192.0.2.1 port 5:11: Bye Bye" and "192.0.2.1: 11: Bye Bye"
			k.did(e, "ssh_disconnect", "")
			add(e, k.reason, bytes.TrimLeft(rest, "0123456789: "))
			addr = bytes.TrimSuffix(addr, []byte(":"))
		case 'C':
			k.did(e, "ssh_connect", "")
		default:
			k.did(e, "ssh_timeout", failure)
		}
		k.peer(e, addr, port)
		return
	}
	for _, prefix := range [...]string{"Connection closed by ", "Connection reset by ", "Disconnected from ", "Disconnecting ",
		"Connection timed out ", "Disconnecting: ", "ssh_dispatch_run_fatal: Connection from "} {
		rest, ok := bytes.CutPrefix(s, []byte(prefix))
		if !ok {
			continue
		}
		k.did(e, "ssh_disconnect", "")
		if prefix == "Disconnecting: " {
			add(e, k.reason, rest)
			return
		}
		if prefix[0] == 's' || prefix == "Disconnecting " {
			if i := bytes.LastIndex(rest, []byte(": ")); i >= 0 {
				add(e, k.reason, rest[i+2:])
				rest = rest[:i]
			}
		}
		who, addr, port := cutPeerRight(rest)
		for _, mark := range [...]string{"authenticating ", "user "} {
			who = bytes.TrimPrefix(who, []byte(mark))
		}
		if port == nil && !isIP(addr) { // "Connection reset by peer"
			return
		}
		k.sshUser(e, who)
		k.peer(e, addr, port)
		return
	}
}

// sshDenied reads "User alice from 192.0.2.1 not allowed because …".
func (k *messageKeys) sshDenied(e *event.Event, s []byte) {
	i := bytes.LastIndex(s, []byte(" not allowed because "))
	rest, ok := bytes.CutPrefix(s[:max(i, 0)], []byte("User "))
	if !ok {
		return
	}
	k.did(e, "ssh_login_denied", failure)
	who, addr, port, ok := cutFrom(rest)
	if !ok {
		who = rest
	}
	name(e, k.user, who)
	k.peer(e, addr, port)
	add(e, k.reason, s[i+len(" not allowed because "):])
}

// sshProtocol reads what comes of clients that do not speak SSH, or not well, and of names that do not resolve.
func (k *messageKeys) sshProtocol(e *event.Event, s []byte) {
	switch {
	case bytes.HasPrefix(s, []byte("Did not receive identification string from ")):
		k.did(e, "ssh_no_identification", failure)
		addr, port, _, _ := cutPeer(s[len("Did not receive identification string from "):])
		k.peer(e, addr, port)
	case bytes.HasPrefix(s, []byte("Bad protocol version identification ")):
		k.did(e, "ssh_bad_protocol", failure)
		if _, addr, port, ok := cutFrom(s); ok {
			k.peer(e, addr, port)
		}
	case bytes.HasPrefix(s, []byte("banner exchange: Connection from ")):
		k.did(e, "ssh_bad_protocol", failure)
		addr, port, _, _ := cutPeer(s[len("banner exchange: Connection from "):])
		k.peer(e, addr, port)
	case bytes.HasPrefix(s, []byte("kex_exchange_identification: ")):
		k.did(e, "ssh_bad_protocol", failure)
		add(e, k.reason, s[len("kex_exchange_identification: "):])
	case bytes.HasPrefix(s, []byte("Unable to negotiate with ")):
		k.did(e, "ssh_negotiation", failure)
		addr, port, rest, _ := cutPeer(s[len("Unable to negotiate with "):])
		k.peer(e, bytes.TrimSuffix(addr, []byte(":")), port)
		add(e, k.reason, bytes.TrimPrefix(rest, []byte(": ")))
	case bytes.HasPrefix(s, []byte("reverse mapping checking getaddrinfo for ")):
		k.did(e, "ssh_reverse_mapping", failure)
		host, rest := nextToken(s[len("reverse mapping checking getaddrinfo for "):])
		addr, _ := nextToken(rest)
		add(e, k.sourceDomain, host)
		k.peer(e, addr, nil)
	case bytes.HasPrefix(s, []byte("Address ")):
		rest := s[len("Address "):]
		addr, rest := nextToken(rest)
		host, ok := bytes.CutPrefix(rest, []byte(" maps to "))
		if i := bytes.Index(host, []byte(", but this does not map back")); ok && i >= 0 {
			k.did(e, "ssh_reverse_mapping", failure)
			add(e, k.sourceDomain, host[:i])
			k.peer(e, addr, nil)
		}
	case bytes.HasPrefix(s, []byte("refused connect from ")):
		k.did(e, "ssh_login_denied", failure)
		host, rest := nextToken(s[len("refused connect from "):])
		k.peer(e, host, nil)
		if addr, _ := nextToken(rest); len(addr) > 2 && addr[0] == '(' && !isIP(host) {
			k.peer(e, bytes.Trim(addr, "()"), nil)
		}
	case bytes.HasPrefix(s, []byte("ROOT LOGIN REFUSED FROM ")):
		k.did(e, "ssh_login_denied", failure)
		addText(e, k.user, "root")
		addr, port, _, _ := cutPeer(s[len("ROOT LOGIN REFUSED FROM "):])
		k.peer(e, addr, port)
	}
}
