package scenario

import "strconv"

const origin = "https://www.bergundsee.example"

// shop is the site's tree of pages.
type shop struct {
	products []product
	window   int64
}

type product struct {
	path string // /p/132-walnut-desk-lamp
	id   int
	size int64
	name string
	cat  string
}

func newShop(seed uint64, window int64) *shop {
	s := &shop{window: window}
	r := rng(hash(seed, streamProduct))
	for i := range 420 {
		name := r.oneOf(materials) + "-" + r.oneOf(styles) + "-" + r.oneOf(things)
		id := 100 + i
		s.products = append(s.products, product{path: "/p/" + strconv.Itoa(id) + "-" + name, id: id, name: name,
			size: r.logNormal(9000, one/3), cat: categories[r.n(len(categories))]})
	}
	return s
}

// release numbers the shop's deployments, every Tuesday at 16:00; each renames the static files.
func (s *shop) release(t int64) int {
	return int((t - (s.window - 9*hour - 30*minute) + 52*7*day) / (7 * day))
}

// A visitor is a person at the shop.
type visitor struct {
	key   uint64
	ip    uint32
	agent string
	old   bool // has been here, so files are cached
}

// Visitors live here or overseas; the latter's clocks are shifted.
const shiftAmerica, shiftAsia = -7, 8

func shopTraffic(s *hourStamp) int64 {
	return (80*shopWeight(s, 0) + 12*shopWeight(s, shiftAmerica) + 8*shopWeight(s, shiftAsia)) / 100
}

// shopVisits starts the visits of one slot.
func (g *generator) shopVisits(t int64) {
	s := g.clock.stamp(t)
	for i, pool := range []struct {
		networks []network
		shift    int
		share    int64
	}{{networksHome, 0, 80}, {networksAmerica, shiftAmerica, 12}, {networksAsia, shiftAsia, 8}} {
		r := g.stream(streamShop, uint64(i), t)
		rate := g.plan.perShop * shopWeight(s, pool.shift) * pool.share / 100_000
		for range r.poisson(g.perSlot(rate)) {
			at := r.between(t, t+g.slot)
			g.visit(r, at, g.visitor(r, at, i, pool.networks), g.entry(r))
		}
	}
	g.newsletter(t)
	g.officeAtShop(t)
}

// visitor picks a returning customer, or a stranger.
func (g *generator) visitor(r *rng, t int64, pool int, networks []network) visitor {
	v := visitor{old: r.chance(720)}
	if v.old {
		v.key = hash(g.seed, streamShop, uint64(pool), uint64(r.zipf(g.plan.customers, 12)))
	} else {
		v.key = r.next()
	}
	// Addresses at home last from a day to weeks; the network stays.
	days := int64(1 + v.key>>20&15)
	v.ip = pickNetwork(networks, v.key).address(hash(v.key, uint64((t+int64(v.key>>40))/(days*day))))
	v.agent = g.browsers.agent(visitorFamily(v.key>>8), hash(v.key, 1), t)
	return v
}

// entry writes into g.ref where a visit comes from.
func (g *generator) entry(r *rng) []byte {
	if r.chance(350) {
		return nil
	}
	g.ref = append(g.ref[:0], r.oneOf(referers)...)
	return g.ref
}

// A session is one visit in progress.
type session struct {
	g    *generator
	r    *rng
	v    visitor
	q    request
	ref  []byte // the page being looked at
	page []byte
}

// visit lets a visitor walk through the shop, for twenty minutes at the most.
func (g *generator) visit(r *rng, t int64, v visitor, ref []byte) {
	s := &session{g: g, r: r, v: v, ref: ref}
	s.q = request{t: t, ip: v.ip, agent: v.agent, http2: true}
	p := &g.shop.products[r.zipf(len(g.shop.products), 10)]
	switch k := r.n(100); {
	case k < 30:
		s.open("GET", "/", 200, 14200)
	case k < 75:
		s.product(p)
	case k < 90:
		s.open("GET", "/c/"+p.cat, 200, 11800)
	default:
		s.search()
	}
	s.assets()
	s.walk(p, t+20*minute)
}

// newsletters are sent eight hours before the window and two weeks earlier, so that a known campaign has a new name in
// the window.
func (g *generator) newsletter(t int64) {
	for i, name := range []string{"?utm_source=newsletter&utm_medium=email&utm_campaign=feb-ideas",
		"?utm_source=newsletter&utm_medium=email&utm_campaign=spring-2026"} {
		age := t - (g.from - 8*hour - int64(1-i)*14*day)
		if age < 0 || age > 60*hour {
			continue
		}
		r := g.stream(streamNews, uint64(i), t)
		weight := (shopWeight(g.clock.stamp(t), 0) + 150) * 10 * hour / (age + 6*hour) / 8
		for range r.poisson(g.perSlot(g.plan.perShop * weight / 1000)) {
			at := r.between(t, t+g.slot)
			v := g.visitor(r, at, 0, networksHome)
			p := &g.shop.products[(r.zipf(12, 3)+r.n(3)*40+i*17)%len(g.shop.products)]
			s := &session{g: g, r: r, v: v, q: request{t: at, ip: v.ip, agent: v.agent, http2: true}}
			s.open("GET", p.path+name, 200, r.logNormal(p.size, one/16))
			s.assets()
			s.walk(p, at+10*minute)
		}
	}
}

// open asks for a page and makes it the referer of what follows.
func (s *session) open(method, path string, status int, size int64) {
	s.send(method, path, "", status, size)
	s.page = append(append(s.page[:0], origin...), path...)
	s.ref = s.page
}

func (s *session) send(method, path, tail string, status int, size int64) {
	g := s.g
	g.uri = append(append(g.uri[:0], path...), tail...)
	s.q.method, s.q.uri, s.q.status, s.q.size, s.q.ref = method, g.uri, status, size, s.ref
	g.request(&s.q)
}

// pause lets time pass: looking at a page takes a median of 14 seconds.
func (s *session) pause() { s.q.t += s.r.logNormal(14*second, 3*one/2) % (4 * minute) }

func (s *session) product(p *product) {
	if s.r.chance(12) { // no longer sold
		s.open("GET", "/p/"+strconv.Itoa(60+s.r.n(40))+"-"+p.name, 404, 3120)
		return
	}
	s.open("GET", p.path, 200, s.r.logNormal(p.size, one/16))
	s.q.t += s.r.between(80_000, 400_000)
	s.send("GET", "/api/v1/stock?id=", strconv.Itoa(p.id), 200, 64+int64(p.id%9))
	for i := range s.r.n(3) {
		s.image(p.id, i)
	}
}

func (s *session) image(id, i int) {
	s.q.t += s.r.between(5_000, 60_000)
	g := s.g
	g.uri = append(g.uri[:0], "/img/p/"...)
	g.uri = strconv.AppendInt(g.uri, int64(id), 10)
	g.uri = append(g.uri, '-', byte('1'+i))
	g.uri = append(g.uri, ".webp"...)
	s.q.method, s.q.uri, s.q.status, s.q.ref = "GET", g.uri, 200, s.ref
	s.q.size = 18_000 + int64(hash(uint64(id), uint64(i))%64_000)
	if s.v.old && s.r.chance(300) {
		s.q.status, s.q.size = 304, 0
	}
	g.request(&s.q)
}

// search types a query: a few suggestions, then the page of results.
func (s *session) search() {
	var query string
	switch k := s.r.n(100); {
	case k < 55:
		query = things[s.r.zipf(len(things), 4)]
	case k < 85:
		query = s.r.oneOf(materials) + "+" + s.r.oneOf(things)
	case k < 93:
		query = s.r.oneOf(styles) + "+" + s.r.oneOf(materials) + "+" + s.r.oneOf(things)
	default:
		query = s.r.oneOf(oddSearches)
	}
	if s.ref != nil && query[0] >= 'a' {
		for n := 3; n < min(len(query), 8); n += 2 {
			s.q.t += s.r.between(150_000, 700_000)
			s.send("GET", "/api/v1/suggest?q=", query[:n], 200, int64(80+s.r.n(300)))
		}
	}
	s.open("GET", "/search?q="+query, 200, s.r.logNormal(10_500, one/3))
}

var staticFiles = []struct {
	head, tail string
	size       int64
	first      int // permille of visits that need it the first time, and again
	again      int
}{{"/static/css/main.", ".css", 38_211, 980, 120}, {"/static/js/app.", ".js", 151_334, 980, 120},
	{"/static/js/vendor.", ".js", 287_905, 900, 80}, {"/static/fonts/inter.", ".woff2", 48_256, 800, 50},
	{"/static/img/logo.", ".svg", 3_412, 950, 80}, {"/favicon.ico", "", 5_430, 550, 60}}

// assets fetches style sheets and the like, named after the release.
func (s *session) assets() {
	release := s.g.shop.release(s.q.t)
	for i := range staticFiles {
		f := &staticFiles[i]
		need := f.first
		if s.v.old {
			need = f.again
		}
		if !s.r.chance(need) {
			continue
		}
		s.q.t += s.r.between(4_000, 90_000)
		g := s.g
		g.uri = append(g.uri[:0], f.head...)
		size := f.size
		if f.tail != "" {
			h := hash(uint64(release), uint64(i))
			g.uri = appendHex(g.uri, h, 8)
			g.uri = append(g.uri, f.tail...)
			size += int64(h % 900)
		}
		s.q.method, s.q.uri, s.q.status, s.q.size, s.q.ref = "GET", g.uri, 200, size, s.ref
		g.request(&s.q)
	}
}

func appendHex(b []byte, v uint64, n int) []byte {
	for range n {
		b = append(b, "0123456789abcdef"[v>>60])
		v <<= 4
	}
	return b
}
