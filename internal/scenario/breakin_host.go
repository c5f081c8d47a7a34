package scenario

import (
	"strconv"
	"strings"
)

// escalate: the deploy account becomes root through a command it may run, adds an account and a cron job that calls
// home, and goes on to the workstation.
func (in *intruder) escalate(r *rng) {
	g, t := in.g, in.at(2, 48)
	g.authLine(t, escalation, "web1", "sudo", 0, "www-data : command not allowed ; TTY=unknown ; PWD=/srv/shop/shared/uploads/reviews ; USER=root ; COMMAND=/bin/bash")
	t += 3*minute + r.between(0, minute)
	g.authLine(t, escalation, "web1", "sudo", 0, "pam_unix(sudo:auth): authentication failure; logname=deploy uid=1100 euid=0 tty=/dev/pts/1 ruser=deploy rhost=  user=deploy")
	for _, command := range []string{"list", "/usr/bin/systemctl edit php8.2-fpm", "/usr/bin/systemctl restart php8.2-fpm", "/bin/bash",
		"/usr/sbin/useradd -r -o -s /bin/bash sysupd", "/usr/bin/crontab -u sysupd /tmp/.c", "/usr/bin/cat /etc/shadow",
		"/usr/bin/truncate -s0 /root/.bash_history"} {
		t += r.between(15*second, 40*second)
		g.sudo(t, r.between(80_000, 3*second), "web1", "deploy", "/home/deploy", command, escalation)
		if strings.Contains(command, "useradd") {
			g.authLine(t+120_000, escalation, "web1", "useradd", pid(r, t), "new user: name=sysupd, UID=997, GID=997, home=/home/sysupd, shell=/bin/bash, from=/dev/pts/1")
		}
	}
	for c := in.at(2, 58); c < g.to-minute; c += 5 * minute {
		g.cron(r, c+r.between(0, second), "web1", "sysupd", 997, 2_300_000, escalation)
	}
	start := in.at(2, 57)
	l := g.sshOpen(r, start, "ws17", addrVictim, "julia", addrWeb, "password", escalation)
	g.sshClose(r, l, start+72*minute, 72*minute, 1_204_310, 88_402)
}

// masquerade: the tool on the workstation looks around on the internet under the name of Internet Explorer.
func (in *intruder) masquerade(r *rng) {
	g := in.g
	var plain []*site
	for i := range g.office.sites {
		if g.office.sites[i].plain {
			plain = append(plain, &g.office.sites[i])
		}
	}
	for i := range 26 {
		t := in.at(3, 0) + int64(i)*200*second + r.between(0, 150*second)
		s := plain[r.zipf(len(plain), 4)]
		x := fetch{method: "GET", uri: plainPages[r.n(6)], agent: agentIE, status: 200, answer: r.logNormal(9_000, one), mime: "text/html"}
		switch {
		case i == 0:
			s, x.uri, x.answer, x.mime = &g.office.services[siteNCSI], "/connecttest.txt", 22, "text/plain"
		case i < 3:
			s, x.uri, x.answer, x.mime = &g.office.services[siteIP], "/?format=json", 22, "application/json"
		}
		if r.chance(600) {
			g.lookup(r, t, addrVictim, s.name, 1, s.addrs[0], oddAgent)
		}
		g.exchange(r, t+30_000, addrVictim, s, &x, oddAgent)
	}
}

// call: every five minutes, give or take ten seconds, the workstation asks its new master what to do, until it is cut off.
func (in *intruder) call(r *rng) {
	g, s := in.g, &in.command
	id := string(appendHex(nil, r.next(), 12))
	for i := int64(0); ; i++ {
		t := in.at(3, 0) + 12*second + i*5*minute + r.between(-10*second, 10*second)
		if t > g.to-20*second {
			return
		}
		if i == 0 || r.chance(450) {
			g.lookup(r, t, addrVictim, s.name, 1, s.addrs[0], beacon)
		}
		t += 40_000
		switch {
		case i%3 == 2:
			g.secure(r, t, addrVictim, s.addrs[0], s, r.between(310, 380), r.between(180, 260), r.between(300_000, 900_000), beacon)
		case r.chance(250):
			g.exchange(r, t, addrVictim, s, &fetch{method: "POST", uri: "/update/report.php", agent: agentIE, status: 200,
				body: r.logNormal(2_400, one), answer: 2, mime: "text/plain"}, beacon)
		default:
			g.exchange(r, t, addrVictim, s, &fetch{method: "GET", uri: "/update/check.php?id=" + id + "&v=" + strconv.Itoa(3), agent: agentIE,
				status: 200, answer: r.between(44, 61), mime: "text/plain"}, beacon)
		}
	}
}

// steal: the dump is fetched through the shop, and the workstation's files go out in three long connections.
func (in *intruder) steal(r *rng) {
	g := in.g
	q := request{t: in.at(4, 2) + r.between(0, minute), ip: in.scanners[0], method: "GET", kind: exfil, http2: true, agent: noiseAgents[8],
		status: 200, size: 412_338_021}
	g.get(&q, "/uploads/reviews/.d.gz")
	t := in.at(3, 38)
	for range 3 {
		g.lookup(r, t, addrVictim, in.drop.name, 1, in.drop.addrs[0], exfil)
		dur := r.between(7*minute, 12*minute)
		g.secure(r, t+60_000, addrVictim, in.drop.addrs[0], &in.drop, r.logNormal(1_100_000_000, one/4), 1_900_000, dur, exfil)
		t += dur + r.between(40*second, 2*minute)
	}
}
