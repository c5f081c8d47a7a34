package scenario

import "slices"

// office is the people, their PCs, and the sites they visit.
type office struct {
	staff    []person
	sites    []site
	services [services]site
	cutFrom  int64 // the workstation of the break-in is off the network between these
	cutTo    int64
}

// A person has habits.
type person struct {
	key     uint64
	id      int
	name    string
	system  system
	family  family
	begin   int // minutes of the day
	finish  int
	lunch   int
	evening int // permille of evenings with work
	weekend int // permille of days of the weekend with work
	busy    int64
	first   int // first day at the company
	night   bool
	always  bool // leaves the PC on at night
	rank    int  // where this person's favourite sites begin
	seed    uint64
	window  int64
}

type system uint8

const (
	windows system = iota
	mac
	linux
)

// People 0 to 25 use Windows, 26 to 30 macOS, 31 to 40 Linux at 10.0.2.11 to 10.0.2.20.
const (
	staffWindows = 26
	staffMac     = 5
	staffLinux   = 10
	newcomer     = 7  // starts in the third week
	nightClerk   = 12 // answers customers overseas
	accountant   = 4  // whose tax program calls itself Internet Explorer
	restless     = 3  // whose PC is always on and gets a new address inside the window
	victim       = 37 // uses 10.0.2.17
)

func newOffice(seed uint64, window int64, cfg Config) *office {
	tail := int(1200 * isqrt(max(1, cfg.Events*1_000_000/200_000)) / 1000)
	o := &office{sites: newSites(seed, min(max(tail, 300), 40_000)), services: newServices(seed)}
	if !cfg.NoBreakIn {
		o.cutFrom, o.cutTo = window+3*hour, window+35*hour
	}
	for i := range staffWindows + staffMac + staffLinux {
		r := rng(hash(seed, streamHabit, uint64(i)))
		p := person{key: r.next(), id: i, name: firstNames[i], seed: seed, window: window, first: -1}
		p.begin = 60*8 + int(r.normal()*40>>16)
		p.finish = p.begin + 60*8 + 45 + int(r.normal()*25>>16)
		p.lunch = 60*12 + int(r.normal()*20>>16)
		p.evening, p.weekend = r.n(60), r.n(50)
		p.busy = r.between(600, 1500)
		p.rank = r.n(400)
		switch {
		case i < staffWindows:
			p.system, p.family = windows, []family{winEdge, winEdge, winChrome, winChrome, winFirefox}[i%5]
		case i < staffWindows+staffMac:
			p.system, p.family = mac, []family{macSafari, macChrome}[i%2]
		default:
			p.system, p.family = linux, linuxFirefox
		}
		p.always = i%7 == 3
		switch i {
		case newcomer:
			p.first = 14
		case nightClerk:
			p.night = true
		case restless:
			p.always = true
		case victim:
			p.always, p.evening = true, 350 // works late often: the hour alone does not give the intruder away
		}
		o.staff = append(o.staff, p)
	}
	return o
}

// activity is how much a person does in an hour, 1000 being a normal working hour.
func (p *person) activity(s *hourStamp) int64 {
	if s.day < p.first {
		return 0
	}
	habit := hash(p.seed, streamHabit, uint64(p.id), uint64(s.day+1))
	begin, finish := p.begin+int(habit>>8%31)-15, p.finish+int(habit>>16%41)-20
	switch {
	case p.night:
		begin, finish = 0, 6*60
		if s.weekday == 0 || s.weekday == 6 {
			return 0
		}
	case s.weekday >= 5:
		if int(habit>>24%1000) >= p.weekend {
			return 0
		}
		begin, finish = 11*60, 14*60
	case habit>>24%1000 < 60: // away
		return 0
	}
	minutes := overlap(s.clock*60, begin, finish)
	if !p.night && s.weekday < 5 {
		minutes -= overlap(s.clock*60, p.lunch, p.lunch+35) * 3 / 4
		if int(habit>>36%1000) < p.evening {
			minutes += overlap(s.clock*60, 20*60, 23*60) / 2
			if p.id == victim && habit>>50%3 == 0 {
				minutes += overlap(s.clock*60, 0, 3*60) / 2
			}
		}
	}
	return p.busy * int64(max(minutes, 0)) / 60
}

// overlap is how many minutes of the hour that starts at minute m lie between a and b.
func overlap(m, a, b int) int { return max(0, min(m+60, b)-max(m, a)) }

// on says whether the PC is running.
func (p *person) on(s *hourStamp) bool { return s.day >= p.first && p.always || p.activity(s) > 0 }

// address is the PC's at a time: Linux workstations have fixed ones, the others lease one for five to twelve days.
func (p *person) address(t int64) uint32 {
	if p.system == linux {
		return ip4(10, 0, 2, 11+uint32(p.id-staffWindows-staffMac))
	}
	length := int64(5+p.key%8) * day
	lease := (t + int64(p.key>>16)%length) / length
	if p.id == restless {
		lease = 8
		if t < p.window+70*minute {
			lease = 7
		}
	}
	return ip4(10, 0, 1, 40+uint32(p.id)+31*uint32((uint64(lease)+p.key>>40)%6))
}

func (o *office) cut(p *person, t int64) bool { return p.id == victim && t >= o.cutFrom && t < o.cutTo }

// officeWork is people at their PCs, looking at sites.
func (g *generator) officeWork(t int64) {
	s := g.clock.stamp(t)
	for i := range g.office.staff {
		p := &g.office.staff[i]
		busy := p.activity(s)
		if busy == 0 {
			continue
		}
		r := g.stream(streamPerson, uint64(i), t)
		for range r.poisson(g.perSlot(busy * g.plan.perPerson / 1000)) {
			own := rng(r.next()) // so that a visit that is cut short does not move the next
			g.siteVisit(&own, r.between(t, t+g.slot), p)
		}
	}
}

// siteVisit is one page with what it draws from elsewhere.
func (g *generator) siteVisit(r *rng, t int64, p *person) {
	sites := g.office.sites
	var s *site
	switch k := r.n(1000); {
	case k < 25: // somewhere nobody has been
		fresh := newSite(r.next(), "", "")
		fresh.name = invented(fresh.key)
		s = &fresh
	case k < 400: // a favourite
		s = &sites[(p.rank+r.zipf(30, 2))%len(sites)]
	default:
		s = &sites[r.zipf(len(sites), 4)]
	}
	ref := ""
	for range 1 + r.zipf(8, 2) {
		if g.office.cut(p, t) {
			return
		}
		g.open(r, t, p, s, ref)
		if s.plain {
			ref = "http://" + s.name + "/"
		}
		s = &sites[r.zipf(len(sites), 3)]
		t += r.exponential(900_000) % minute
	}
}

// open connects a person's browser to a site, asking for its address unless that is known already.
func (g *generator) open(r *rng, t int64, p *person, s *site, ref string) {
	host, addr := p.address(t), s.addr(r)
	if r.chance(450) {
		g.lookup(r, t, host, s.name, 1, addr, benign)
		if r.chance(200) {
			g.lookup(r, t+300, host, s.name, []int{28, 65}[r.n(2)], addr, benign)
		}
		if r.chance(12) {
			g.lookup(r, t+700, host, s.name+".bergundsee.lan", 1, 0, benign)
		}
		t += r.between(12_000, 60_000)
	}
	if !s.plain {
		g.secure(r, t, host, addr, s, r.logNormal(1_900, one), r.logNormal(14_000, 2*one), r.logNormal(9*second, 2*one)%(15*minute), benign)
		return
	}
	f := flow{t: t, orig: host, origPort: ephemeral(r), resp: addr, respPort: 80, proto: "tcp", service: "http",
		dur: r.logNormal(2*second, one) % minute, state: "SF", history: "ShADadfF"}
	f.name(r)
	agent := g.browsers.agent(p.family, p.key, t)
	at := t + r.between(8_000, 30_000)
	for i := range 1 + r.zipf(6, 2) {
		x := fetch{t: at, depth: i + 1, method: "GET", host: s.name, uri: plainPage(s.key, i, r), ref: ref, agent: agent, status: 200,
			answer: r.logNormal(9_000, 3*one/2), mime: "text/html"}
		switch {
		case i > 0:
			x.mime = []string{"image/jpeg", "text/css", "application/javascript", "image/png"}[r.n(4)]
		case r.chance(80):
			x.status, x.answer = 301, 178
		case r.chance(30):
			x.status, x.answer = 404, 1_245
		}
		g.fetch(r, &f, &x)
		f.sent, f.got = f.sent+420, f.got+x.answer+310
		ref = "http://" + s.name + "/"
		at += r.between(10_000, 200_000)
	}
	f.dur = max(f.dur, at-t)
	g.flow(r, &f)
}

var plainPages = []string{"/", "/", "/", "/index.html", "/news/", "/favicon.ico", "/images/header.jpg", "/css/style.css",
	"/js/jquery.min.js", "/artikel.php?id=", "/download/katalog.pdf", "/suche?q=termin", "/kontakt.html"}

func plainPage(key uint64, i int, r *rng) string {
	p := plainPages[(int(key%7)+i+r.n(5))%len(plainPages)]
	if p[len(p)-1] == '=' {
		return p + string('1'+rune(r.n(9))) + string('0'+rune(r.n(10)))
	}
	return p
}

// secure is a TLS connection.
func (g *generator) secure(r *rng, t int64, host, addr uint32, s *site, sent, got, dur int64, k kind) {
	f := flow{t: t, orig: host, origPort: ephemeral(r), resp: addr, respPort: 443, proto: "tcp", service: "ssl",
		dur: max(dur, 60_000) + r.between(0, 90_000), sent: sent + 600, got: got + 3_200, state: "SF", history: "ShADadfF", kind: k}
	if r.chance(120) {
		f.state, f.history = "RSTO", "ShADadfR"
	}
	f.name(r)
	g.tls(r, &f, s.name, s.key)
	g.flow(r, &f)
}

// byName finds a person; the names are those of sudoers.
func (o *office) byName(name string) *person {
	i := slices.IndexFunc(o.staff, func(p person) bool { return p.name == name })
	return &o.staff[i]
}
