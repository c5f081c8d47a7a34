package scenario

import "strconv"

var serverNames = map[uint32]string{addrWeb: "web1", addrDB: "db1", addrBackup: "backup1"}

// servers is what the company's servers do, and what admins do on them.
func (g *generator) servers(t int64) {
	for i, host := range []uint32{addrWeb, addrDB, addrBackup} {
		who, name := 300+10*uint64(i), serverNames[host]
		g.ticks(t, hour, 2*second, who, func(r *rng, at int64) { g.cron(r, at, name, "root", 0, 90_000, benign) })
		g.ticks(t, 2048*second, second, who+1, func(r *rng, at int64) {
			g.flow(r, &flow{t: at, orig: host, origPort: 123, resp: ip4(192, 53, 103, 108), respPort: 123, proto: "udp", service: "ntp",
				dur: 18_000 + r.between(0, 9_000), sent: 48, got: 48, state: "SF", history: "Dd"})
		})
		g.ticks(t, 24*hour, 20*minute, who+2, func(r *rng, at int64) { g.apt(r, at, host, 6) })
	}
	g.ticks(t, 30*minute, second, 390, func(r *rng, at int64) { g.cron(r, at, "web1", "sysstat", 998, 40_000, benign) })
	g.ticks(t, 30*minute, second, 391, func(r *rng, at int64) { g.cron(r, at, "web1", "www-data", 33, 700_000, benign) })
	g.payments(t)
	g.backups(t)
	g.deployments(t)
	g.admins(t)
}

// payments are web1's own calls to the bank, as busy as the shop.
func (g *generator) payments(t int64) {
	r := g.stream(streamServer, 1, t)
	s := &g.office.services[sitePay]
	for range r.poisson(g.perSlot(g.plan.perShop * shopTraffic(g.clock.stamp(t)) / 1000 / 14)) {
		at := r.between(t, t+g.slot)
		if r.chance(400) {
			g.lookup(r, at, addrWeb, s.name, 1, s.addrs[0], benign)
		}
		g.secure(r, at+20_000, addrWeb, s.addr(r), s, r.logNormal(2_300, one/4), r.logNormal(1_700, one/4), second, benign)
	}
}

// daily calls f at a time of the day, late by up to jitter, when that falls into the slot.
func (g *generator) daily(t int64, h, m int, jitter int64, who uint64, f func(r *rng, at int64, s *hourStamp)) {
	s := g.clock.stamp(t)
	r := g.stream(streamServer, 100+who, int64(s.day))
	at := g.clock.at(s.day, h, m) + r.between(0, jitter)
	if t <= at && at < t+g.slot {
		f(r, at, s)
	}
}

// backups run every night through the hours in which the break-in happens, and send gigabytes out.
func (g *generator) backups(t int64) {
	for i, host := range []uint32{addrWeb, addrDB} {
		g.daily(t, 2, 5+35*i, 90*second, uint64(i), func(r *rng, at int64, _ *hourStamp) {
			l := g.sshOpen(r, at, serverNames[host], host, "backup", addrBackup, "publickey", benign)
			dur := r.between(11*minute, 28*minute)
			g.sshClose(r, l, at+dur, dur, r.between(2_000_000, 5_000_000), r.logNormal(1_700_000_000, one/5))
		})
	}
	g.daily(t, 3, 15, 2*minute, 3, func(r *rng, at int64, s *hourStamp) {
		vault := &g.office.services[siteOffsite]
		g.lookup(r, at, addrBackup, vault.name, 1, vault.addrs[0], benign)
		size := r.logNormal(3_100_000_000, one/5)
		if s.weekday == 6 {
			size *= 3
		}
		g.secure(r, at+50_000, addrBackup, vault.addrs[0], vault, size, size/900, r.between(20*minute, 50*minute), benign)
	})
}

// deployments come from the build server on working days, and before each release of the shop.
func (g *generator) deployments(t int64) {
	deploy := func(r *rng, at int64, s *hourStamp) {
		if s.weekday >= 5 || s.weekday != 1 && r.chance(350) {
			return
		}
		l := g.sshOpen(r, at, "web1", addrWeb, "deploy", addrCI, "publickey", benign)
		g.sudo(at+20*second, 400_000, "web1", "deploy", "/srv/shop/current", "/usr/bin/systemctl reload php8.2-fpm", benign)
		dur := r.between(30*second, 80*second)
		g.sshClose(r, l, at+dur, dur, r.logNormal(9_000_000, one/2), 40_000)
	}
	g.daily(t, 11, 0, 40*minute, 10, deploy)
	g.daily(t, 15, 57, 2*minute, 11, deploy)
}

var adminCommands = []string{"/usr/bin/systemctl restart php8.2-fpm", "/usr/bin/tail -f /var/log/nginx/error.log", "/usr/bin/apt update",
	"/usr/bin/apt upgrade", "/usr/sbin/nginx -t", "/usr/bin/systemctl reload nginx", "/usr/bin/journalctl -u mariadb", "/usr/bin/less /var/log/auth.log",
	"/usr/bin/vim /etc/nginx/sites-enabled/shop.conf", "/usr/bin/crontab -l", "/usr/bin/du -sh /var/lib/mysql", "/usr/bin/mysql shop"}

// admins log in by key from their PCs, seldom from home, and become root for a command or two; developers use sudo on
// their own workstations.
func (g *generator) admins(t int64) {
	s := g.clock.stamp(t)
	for i, name := range []string{"anna", "marek", "jonas", "lena"} {
		p := g.office.byName(name)
		r := g.stream(streamServer, 50+uint64(i), t)
		for range r.poisson(g.perSlot(p.activity(s) * 700 / g.plan.thin / 1000)) {
			at := r.between(t, t+g.slot)
			host, addr, from := "web1", addrWeb, p.address(at)
			switch k := r.n(10); {
			case k < 2:
				host, addr = "db1", addrDB
			case k < 4:
				host, addr = workstation(r.n(staffLinux))
			case k < 5:
				from = networksHome[i].address(hash(p.key, uint64(at/(5*day))))
			}
			if r.chance(60) {
				g.authLine(at, benign, host, "sshd", pid(r, at), "Connection closed by authenticating user ", name, " ",
					g.ipText(from), " port ", strconv.Itoa(ephemeral(r)), " [preauth]")
				at += 6 * second
			}
			l := g.sshOpen(r, at, host, addr, name, from, "publickey", benign)
			dur := r.logNormal(4*minute, 2*one)%(40*minute) + 10*second
			for c := at + 6*second; c < at+dur-5*second && r.chance(600); c += r.exponential(2*minute) + 4*second {
				g.sudo(c, r.between(30_000, 4*second), host, name, "/home/"+name, r.oneOf(adminCommands), benign)
			}
			g.sshClose(r, l, at+dur, dur, r.logNormal(5_000, one), r.logNormal(40_000, 2*one))
		}
	}
	julia := &g.office.staff[victim]
	r := g.stream(streamServer, 60, t)
	for range r.poisson(g.perSlot(julia.activity(s) * 200 / g.plan.thin / 1000)) {
		if at := r.between(t, t+g.slot); !g.office.cut(julia, at) {
			g.sudo(at, r.between(second, 20*second), "ws17", "julia", "/home/julia", r.oneOf(adminCommands[2:4]), benign)
		}
	}
}

func workstation(i int) (string, uint32) {
	return "ws" + strconv.Itoa(11+i), ip4(10, 0, 2, 11+uint32(i))
}
