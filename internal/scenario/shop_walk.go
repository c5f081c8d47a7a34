package scenario

import "strconv"

// walk goes from page to page until the visitor has had enough or the time is up.
func (s *session) walk(p *product, until int64) {
	r, products := s.r, s.g.shop.products
	for r.chance(760) {
		s.pause()
		if s.q.t > until {
			return
		}
		switch k := r.n(1000); {
		case k < 520:
			p = &products[r.zipf(len(products), 10)]
			s.product(p)
		case k < 700:
			s.open("GET", "/c/"+p.cat+"?page="+strconv.Itoa(1+r.zipf(8, 1)), 200, r.logNormal(11_000, one/4))
			for i := range r.n(4) {
				s.image(products[(p.id+7*i)%len(products)].id, 0)
			}
		case k < 800:
			s.search()
		case k < 850:
			s.reviews(p)
		case k < 890:
			s.login()
		case k < 900:
			s.open("GET", r.oneOf([]string{"/about", "/shipping", "/returns", "/imprint", "/privacy", "/contact"}), 200, 5_210)
		case k < 904:
			s.send("GET", "/api/v1/recommend?id=", strconv.Itoa(p.id), r.status(502, 500), 166)
		default:
			s.cart()
			if r.chance(330) {
				s.checkout()
				return
			}
		}
	}
}

// status is bad once in a while, else 200.
func (r *rng) status(bad, permille int) int {
	if r.chance(permille) {
		return bad
	}
	return 200
}

func (s *session) cart() {
	s.send("POST", "/api/v1/cart", "", s.r.status(409, 8), 212)
	s.q.t += s.r.between(300_000, 2*second)
	s.open("GET", "/cart", 200, s.r.logNormal(6_100, one/8))
}

func (s *session) checkout() {
	for _, step := range []string{"/checkout/address", "/checkout/payment", "/checkout/confirm"} {
		s.pause()
		s.open("GET", step, 200, s.r.logNormal(7_000, one/8))
		if s.r.chance(220) {
			return
		}
		s.q.t += s.r.between(2*second, 30*second)
		if s.r.chance(60) { // a form filled in badly
			s.send("POST", step, "", 422, 7_350)
			s.pause()
		}
		s.send("POST", step, "", 302, 0)
	}
	s.q.t += s.r.between(second, 3*second)
	s.open("GET", "/orders/"+strconv.FormatUint(40_000+s.r.next()%20_000, 10), 200, 5_420)
}

// login fails once in a while, and some people try three times.
func (s *session) login() {
	s.open("GET", "/login", 200, 4_180)
	for try := 0; ; try++ {
		s.q.t += s.r.between(4*second, 25*second)
		if !s.r.chance(130) {
			s.send("POST", "/login", "", 302, 0)
			break
		}
		s.send("POST", "/login", "", 401, 4_391)
		if try == 3 || s.r.chance(250) {
			s.send("GET", "/password/forgot", "", 200, 3_015)
			return
		}
	}
	s.q.t += s.r.between(100_000, 500_000)
	s.open("GET", "/account", 200, s.r.logNormal(6_400, one/8))
	if s.r.chance(500) {
		s.pause()
		s.open("GET", "/account/orders", 200, s.r.logNormal(7_700, one/4))
	}
}

// reviews are read with pictures that customers uploaded, and written now and then.
func (s *session) reviews(p *product) {
	s.open("GET", "/reviews?id="+strconv.Itoa(p.id), 200, s.r.logNormal(8_800, one/3))
	for range s.r.n(3) {
		h := hash(uint64(p.id), uint64(s.r.n(4)))
		s.q.t += s.r.between(10_000, 90_000)
		s.send("GET", "/uploads/reviews/r_"+strconv.FormatUint(10_000+h%80_000, 10), ".jpg", 200, 40_000+int64(h%200_000))
	}
	if s.r.chance(60) {
		s.q.t += s.r.between(40*second, 200*second)
		s.send("POST", "/reviews/upload", "", s.r.status(413, 50), 96)
	}
}

// officeAtShop is the staff who look after the shop, seen from the office's public address.
func (g *generator) officeAtShop(t int64) {
	r := g.stream(streamShop, 9, t)
	stamp := g.clock.stamp(t)
	for i := range g.office.staff {
		p := &g.office.staff[i]
		busy := p.activity(stamp)
		if i%5 != 2 || busy == 0 {
			continue
		}
		for range r.poisson(g.perSlot(busy * g.plan.perShop / 1000 / 8)) {
			at := r.between(t, t+g.slot)
			v := visitor{key: p.key, ip: addrOffice, agent: g.browsers.agent(p.family, p.key, at), old: true}
			s := &session{g: g, r: r, v: v, q: request{t: at, ip: v.ip, agent: v.agent, http2: true}}
			s.open("GET", "/admin/orders", 200, r.logNormal(21_000, one/4))
			for r.chance(700) {
				s.pause()
				switch r.n(4) {
				case 0:
					s.open("GET", "/admin/products/"+strconv.Itoa(100+r.n(420)), 200, r.logNormal(12_000, one/4))
				case 1:
					s.send("POST", "/admin/products/", strconv.Itoa(100+r.n(420)), 302, 0)
				case 2:
					s.open("GET", "/admin/stats?range=7d", 200, r.logNormal(33_000, one/4))
				default:
					s.open("GET", "/admin/orders/"+strconv.FormatUint(40_000+r.next()%20_000, 10), 200, r.logNormal(9_000, one/4))
				}
			}
		}
	}
}
