package scenario

import "strconv"

// intruder is who breaks in, and with what.
type intruder struct {
	g        *generator
	scanners [2]uint32
	stuffers []uint32
	command  site // the command server
	drop     site // where the loot goes
	upload   string
}

// breakIn adds all lines of the break-in; it is called in the slot in which the window opens. The floods grow with the
// fourth root of the scenario, the deeds of the intruder's own hands do not.
func (g *generator) breakIn() {
	r := rng(hash(g.seed, streamBreakIn))
	in := &intruder{g: g}
	for i := range in.scanners {
		in.scanners[i] = networksNoise[6*i+r.n(6)].address(r.next())
	}
	for i := range 25 {
		n := networksNoise[[]int{5, 10, 16}[i%3]]
		n = network{n.address(hash(g.seed, streamBreakIn, uint64(i%3))) &^ 255, 24, 1}
		in.stuffers = append(in.stuffers, n.address(r.next()))
	}
	in.command, in.drop = in.unknownSite(&r), in.unknownSite(&r)
	in.upload = "/uploads/reviews/r_" + strconv.Itoa(10_000+r.n(80_000)) + ".php"
	for i, step := range []func(*rng){in.scan, in.stuff, in.inject, in.shell, in.escalate, in.masquerade, in.call, in.steal} {
		r := rng(hash(g.seed, streamBreakIn, 100+uint64(i)))
		step(&r)
	}
}

// unknownSite is on a rented server and has a name in the usual style that is not among the known ones.
func (in *intruder) unknownSite(r *rng) site {
	for {
		s := newSite(r.next(), "", "")
		s.name = invented(s.key)
		a := networksSites[9+r.n(5)].address(r.next())
		s.addrs = [3]uint32{a, a, a}
		known := false
		for i := range in.g.office.sites {
			o := &in.g.office.sites[i]
			known = known || o.name == s.name || o.addrs[0] == a || o.addrs[1] == a || o.addrs[2] == a
		}
		if !known {
			return s
		}
	}
}

// at is a time of the window, a few seconds after the minute.
func (in *intruder) at(h, m int) int64 {
	late := hash(in.g.seed, streamBreakIn, uint64(h), uint64(m)) % uint64(20*second)
	return in.g.from + int64(h-1)*hour + int64(m-30)*minute + int64(late)
}

// flood is the size of an automated step.
func (in *intruder) flood(n int) int { return max(1, int(int64(n)*in.g.plan.attack/1000)) }

// scan: one address guesses names of directories and behind a browser's name; the other goes through a list of known
// holes and does not hide. Then it is quiet for a while.
func (in *intruder) scan(r *rng) {
	g := in.g
	q := request{ip: in.scanners[0], method: "GET", kind: scan, agent: noiseAgents[7]}
	n := in.flood(160)
	for i := range n {
		q.t = in.at(1, 34) + int64(i)*14*minute/int64(n) + r.between(0, 700_000)
		q.status, q.size = 404, 3_120
		switch {
		case r.chance(25):
			q.status, q.size = 403, 153
		case r.chance(15):
			q.status, q.size = 301, 178
		}
		g.get(&q, "/"+r.oneOf(scanWords)+r.oneOf(scanEndings))
	}
	n = in.flood(110)
	for i := range n {
		q = request{t: in.at(1, 41) + int64(i)*11*minute/int64(n) + r.between(0, 900_000), ip: in.scanners[1], method: "GET",
			kind: scan, status: 404, size: 153, agent: "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:" + strconv.Itoa(1+i*61%6900) + ")"}
		path := scanProbes[r.n(len(scanProbes))]
		switch {
		case r.chance(350):
			path = noisePaths[r.n(len(noisePaths)-1)]
		case path[1] == 's':
			q.status, q.size = 200, 4_920
		case r.chance(60):
			q.method = r.oneOf([]string{"OPTIONS", "TRACE", "DEBUG", "PUT", "HEAD"})
			q.status = 405
		}
		g.get(&q, path)
	}
}

// stuff: passwords stolen elsewhere, tried slowly from many addresses; one customer's fits, and the deploy account's.
func (in *intruder) stuff(r *rng) {
	g := in.g
	n := in.flood(210)
	for i := range n {
		who := r.n(len(in.stuffers))
		q := request{t: in.at(1, 52) + int64(i)*43*minute/int64(n) + r.between(0, 6*second), ip: in.stuffers[who], method: "POST",
			kind: stuffing, status: 401, size: 4_391, http2: who%2 == 0,
			agent: g.browsers.agents[visitorFamily(uint64(who*17))][0]}
		if i == n*4/5 {
			q.status, q.size = 302, 0
		}
		g.get(&q, "/login")
		if q.status == 302 {
			q.t, q.method, q.status, q.size = q.t+900_000, "GET", 200, 6_402
			g.get(&q, "/account")
			q.t, q.size = q.t+2_400_000, 7_744
			g.get(&q, "/account/orders")
		}
	}
	users := []string{"root", "deploy", "anna", "marek", "admin", "backup", "shop", "jonas", "deploy", "julia", "www-data"}
	n = in.flood(70)
	for i := range n {
		t := in.at(1, 58) + int64(i)*32*minute/int64(n) + r.between(0, 20*second)
		g.sshFailure(r, t, in.stuffers[r.n(12)], r.oneOf(users), stuffing)
	}
	start := in.at(2, 31) + r.between(0, minute)
	l := g.sshOpen(r, start, "web1", addrWeb, "deploy", in.stuffers[4], "password", stuffing)
	dur := 106 * minute
	g.sshClose(r, l, start+dur, dur, 61_240, 402_113)
}
