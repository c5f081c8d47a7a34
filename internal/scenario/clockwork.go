package scenario

import "strconv"

// clockwork is what programs do by themselves at regular times. None of it is hostile, and it is what a search for
// calls to a command server finds first.
func (g *generator) clockwork(t int64) {
	s := g.clock.stamp(t)
	for i := range g.office.staff {
		p := &g.office.staff[i]
		if !p.on(s) {
			continue
		}
		switch p.system {
		case windows:
			g.clockworkWindows(t, p)
		case mac:
			g.every(t, 5*hour, hour, p, 1, func(r *rng, at int64) {
				g.ask(r, at, p.address(at), siteApple, "/hotspot-detect.html", "CaptiveNetworkSupport-481.80.4 wispr", 69, "text/html")
			})
		case linux:
			g.clockworkLinux(t, p)
		}
	}
	thermostat, camera := ip4(10, 0, 3, 9), ip4(10, 0, 3, 12)
	sv := &g.office.services
	g.ticks(t, 15*minute, 3*second, 200, func(r *rng, at int64) {
		g.secure(r, at, thermostat, sv[siteThermo].addrs[0], &sv[siteThermo], 640, 410, 2*second, benign)
	})
	g.ticks(t, 20*minute, 2*second, 201, func(r *rng, at int64) {
		g.exchange(r, at, camera, &sv[siteThermo], &fetch{method: "POST", uri: "/v1/heartbeat", agent: "esp-idf/4.4", status: 204,
			body: 118}, benign)
	})
}

// every is ticks for one program of a person's PC, while the PC is on the network.
func (g *generator) every(t, period, jitter int64, p *person, program uint64, f func(r *rng, at int64)) {
	g.ticks(t, period, jitter, 1000*uint64(p.id+1)+program, func(r *rng, at int64) {
		if !g.office.cut(p, at) {
			f(r, at)
		}
	})
}

func (g *generator) clockworkWindows(t int64, p *person) {
	sv := &g.office.services
	if p.id%5 == 0 {
		g.every(t, 30*minute, second, p, 1, func(r *rng, at int64) {
			g.ask(r, at, p.address(at), siteWeather, "/de-DE/livetile/preinstall?region=DE&appid=C98EA5B0842DBB9405BBF071E1DA76512D21FE36",
				"Microsoft-WNS/10.0", 1_720, "text/xml")
		})
	}
	g.every(t, 3*hour, 10*minute, p, 2, func(r *rng, at int64) {
		host, site := p.address(at), &sv[siteTelemetry]
		if r.chance(600) {
			g.lookup(r, at, host, site.name, 1, site.addrs[0], benign)
		}
		g.secure(r, at+40_000, host, site.addrs[0], site, r.logNormal(6_000, one), 1_100, 4*second, benign)
	})
	g.every(t, 11*hour, hour, p, 3, func(r *rng, at int64) {
		g.ask(r, at, p.address(at), siteUpdate, "/msdownload/update/v3/static/trustedr/en/disallowedcertstl.cab?"+string(appendHex(nil, r.next(), 16)),
			"Microsoft-CryptoAPI/10.0", 7_796, "application/vnd.ms-cab-compressed")
	})
	g.every(t, 4*hour, 3*hour, p, 4, func(r *rng, at int64) {
		g.ask(r, at, p.address(at), siteOCSP, "/MFEwTzBNMEswSTAJBgUrDgMCGgUABBQ"+string(appendBase62(nil, r, 18))+"%3D", "Microsoft-CryptoAPI/10.0",
			471, "application/ocsp-response")
	})
	g.every(t, 6*hour, 2*hour, p, 5, func(r *rng, at int64) {
		g.ask(r, at, p.address(at), siteNCSI, "/connecttest.txt", "Microsoft NCSI", 22, "text/plain")
	})
	if p.id == accountant {
		g.every(t, 2*hour, 40*minute, p, 6, func(r *rng, at int64) {
			g.ask(r, at, p.address(at), siteTax, "/ustva/status?mandant="+strconv.Itoa(4000+r.n(12)), agentIE, 2_944, "text/html")
		})
	}
}

func (g *generator) clockworkLinux(t int64, p *person) {
	sv := &g.office.services
	g.every(t, hour, 30*second, p, 1, func(r *rng, at int64) {
		g.ask(r, at, p.address(at), sitePortal, "/success.txt?ipv4", g.browsers.agent(p.family, p.key, at), 8, "text/plain")
	})
	if p.id == victim || p.id == 33 {
		g.every(t, 10*minute, 5*second, p, 2, func(r *rng, at int64) {
			g.secure(r, at, p.address(at), sv[siteAgent].addrs[1], &sv[siteAgent], r.between(2_100, 2_700), 180, second, benign)
		})
	}
	g.every(t, 20*hour, 2*hour, p, 3, func(r *rng, at int64) { g.apt(r, at, p.address(at), 3) })
}

// ask is a program's HTTP request to one of the services, with the question for its address now and then.
func (g *generator) ask(r *rng, t int64, host uint32, sv service, uri, agent string, answer int64, mime string) {
	s := &g.office.services[sv]
	if r.chance(500) {
		g.lookup(r, t, host, s.name, 1, s.addrs[0], benign)
	}
	g.exchange(r, t+35_000, host, s, &fetch{method: "GET", uri: uri, agent: agent, status: 200, answer: answer, mime: mime}, benign)
}

// exchange is a connection with one HTTP request.
func (g *generator) exchange(r *rng, t int64, host uint32, s *site, x *fetch, k kind) {
	f := flow{t: t, orig: host, origPort: ephemeral(r), resp: s.addrs[0], respPort: 80, proto: "tcp", service: "http",
		dur: r.between(60_000, 900_000), sent: 260 + x.body, got: 320 + x.answer, state: "SF", history: "ShADadFf", kind: k}
	f.name(r)
	x.t, x.depth, x.host = t+r.between(9_000, 40_000), 1, s.name
	g.fetch(r, &f, x)
	g.flow(r, &f)
}

// apt is a Debian system that looks for updates.
func (g *generator) apt(r *rng, t int64, host uint32, packages int) {
	for i := range 2 + r.n(packages+1) {
		uri := []string{"/debian/dists/bookworm/InRelease", "/debian/dists/bookworm-updates/InRelease",
			"/debian-security/dists/bookworm-security/InRelease"}[i%3]
		g.ask(r, t, host, siteApt, uri, "Debian APT-HTTP/1.3 (2.6.1)", r.logNormal(52_000, one), "text/plain")
		t += r.between(200_000, 900_000)
	}
}
