package scenario

import "strconv"

// A login is one SSH connection to one of the company's machines.
type login struct {
	host string
	addr uint32 // of host
	user string
	uid  int
	from uint32
	port int
	pid  int64
	kind kind
}

var localUsers = map[string]int{"root": 0, "anna": 1001, "marek": 1002, "jonas": 1003, "lena": 1004, "deploy": 1100,
	"backup": 34, "www-data": 33, "sysstat": 998, "git": 1101, "julia": 1038, "sysupd": 997}

// authLine writes one line of auth.log; the message is put together from the parts.
func (g *generator) authLine(t int64, k kind, host, program string, pid int64, parts ...string) {
	b := g.clock.appendSyslog(g.auth.begin(), t)
	b = append(append(append(b, ' '), host...), ' ')
	b = append(b, program...)
	if pid > 0 {
		b = append(b, '[')
		b = strconv.AppendInt(b, pid, 10)
		b = append(b, ']')
	}
	b = append(b, ": "...)
	for _, p := range parts {
		b = append(b, p...)
	}
	g.auth.end(b, t, k)
}

// pid grows with time, as process numbers do, and starts again at four million.
func pid(r *rng, t int64) int64 { return 800 + (t/second*3+r.between(0, 40))%4_190_000 }

func (g *generator) ipText(a uint32) string { return string(appendIP(nil, a)) }

// sshFailure is one wrong password, with its connection.
func (g *generator) sshFailure(r *rng, t int64, ip uint32, user string, k kind) {
	port := ephemeral(r)
	from, p := " from "+g.ipText(ip)+" port "+strconv.Itoa(port), pid(r, t)
	wait := r.between(second, 3*second)
	name := user
	_, known := localUsers[user]
	if !known {
		g.authLine(t+200_000, k, "web1", "sshd", p, "Invalid user ", user, from)
		name = "invalid user " + user
	}
	g.authLine(t+wait, k, "web1", "sshd", p, "Failed password for ", name, from, " ssh2")
	switch r.n(3) {
	case 0:
		g.authLine(t+wait+300_000, k, "web1", "sshd", p, "Connection closed by ", kindOfUser(known), user, from[5:], " [preauth]")
	case 1:
		g.authLine(t+wait+300_000, k, "web1", "sshd", p, "Received disconnect", from, ":11: Bye Bye [preauth]")
		g.authLine(t+wait+300_050, k, "web1", "sshd", p, "Disconnected from ", kindOfUser(known), user, from[5:], " [preauth]")
	}
	g.flow(r, &flow{t: t, orig: ip, origPort: port, resp: addrWeb, respPort: 22, proto: "tcp", service: "ssh",
		dur: wait + 300_000, sent: r.between(1200, 2400), got: r.between(1800, 2900), state: "SF", history: "ShAdDaFf", kind: k})
}

func kindOfUser(known bool) string {
	if known {
		return "authenticating user "
	}
	return "invalid user "
}

// sshOpen is a login that works, of a connection made at t; it returns the login for sshClose.
func (g *generator) sshOpen(r *rng, t int64, host string, addr uint32, user string, from uint32, method string, k kind) login {
	l := login{host: host, addr: addr, user: user, uid: localUsers[user], from: from, port: ephemeral(r), pid: pid(r, t), kind: k}
	t += 250_000
	key := ""
	if method == "publickey" {
		key = ": ED25519 SHA256:" + fingerprint(hash(g.seed, uint64(l.uid)))
	}
	g.authLine(t, k, host, "sshd", l.pid, "Accepted ", method, " for ", user, " from ", g.ipText(from), " port ",
		strconv.Itoa(l.port), " ssh2", key)
	g.authLine(t+8_000, k, host, "sshd", l.pid, "pam_unix(sshd:session): session opened for user ", user, "(uid=",
		strconv.Itoa(l.uid), ") by (uid=0)")
	g.authLine(t+15_000, k, host, "systemd-logind", 612, "New session ", strconv.FormatInt(t/minute, 10), " of user ", user, ".")
	return l
}

// sshClose ends the login at t, dur after its connection was made, and writes that.
func (g *generator) sshClose(r *rng, l login, t, dur, sent, got int64) {
	tail := " " + g.ipText(l.from) + " port " + strconv.Itoa(l.port)
	g.authLine(t, l.kind, l.host, "sshd", l.pid+2, "Received disconnect from", tail, ":11: disconnected by user")
	g.authLine(t+40, l.kind, l.host, "sshd", l.pid+2, "Disconnected from user ", l.user, tail)
	g.authLine(t+3_000, l.kind, l.host, "sshd", l.pid, "pam_unix(sshd:session): session closed for user ", l.user)
	g.authLine(t+9_000, l.kind, l.host, "systemd-logind", 612, "Session ", strconv.FormatInt((t-dur)/minute, 10),
		" logged out. Waiting for processes to exit.")
	g.flow(r, &flow{t: t - dur, orig: l.from, origPort: l.port, resp: l.addr, respPort: 22, proto: "tcp", service: "ssh",
		dur: dur, sent: sent, got: got, state: "SF", history: "ShAdDaFf", kind: l.kind})
}

// sudo is one command as another user, with its session.
func (g *generator) sudo(t, dur int64, host, user, dir, command string, k kind) {
	g.authLine(t, k, host, "sudo", 0, padded(user), " : TTY=pts/0 ; PWD=", dir, " ; USER=root ; COMMAND=", command)
	g.authLine(t+600, k, host, "sudo", 0, "pam_unix(sudo:session): session opened for user root(uid=0) by ", user, "(uid=",
		strconv.Itoa(localUsers[user]), ")")
	g.authLine(t+dur, k, host, "sudo", 0, "pam_unix(sudo:session): session closed for user root")
}

func padded(user string) string {
	const spaces = "        "
	return spaces[:max(0, 8-len(user))] + user
}

// cron is one job's session.
func (g *generator) cron(r *rng, t int64, host, user string, uid int, dur int64, k kind) {
	p := pid(r, t)
	g.authLine(t, k, host, "CRON", p, "pam_unix(cron:session): session opened for user ", user, "(uid=", strconv.Itoa(uid),
		") by (uid=0)")
	g.authLine(t+dur, k, host, "CRON", p, "pam_unix(cron:session): session closed for user ", user)
}

func fingerprint(key uint64) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	r := rng(key)
	b := make([]byte, 43)
	for i := range b {
		b[i] = alphabet[r.n(64)]
	}
	return string(b)
}
