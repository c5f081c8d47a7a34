package scenario

import "strconv"

// Search engines and the like that walk through the shop at all hours.
var crawlerList = []struct {
	net    network
	agent  string
	share  int // permille
	robots int // permille of requests for robots.txt
}{
	{network{ip4(66, 249, 64, 0), 19, 1}, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 380, 10},
	{network{ip4(157, 55, 39, 0), 24, 1}, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36", 250, 20},
	{network{ip4(54, 36, 148, 0), 23, 1}, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", 140, 30},
	{network{ip4(185, 191, 171, 0), 26, 1}, "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", 110, 40},
	{network{ip4(17, 241, 75, 0), 24, 1}, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)", 70, 20},
	{network{ip4(5, 255, 231, 0), 24, 1}, "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", 50, 50},
}

func (g *generator) crawlers(t int64) {
	r := g.stream(streamCrawl, 0, t)
	for range r.poisson(g.perSlot(g.plan.crawl)) {
		k, i := r.n(1000), 0
		for k >= crawlerList[i].share {
			k -= crawlerList[i].share
			i++
		}
		c := &crawlerList[i]
		p := &g.shop.products[r.n(len(g.shop.products))]
		q := request{t: r.between(t, t+g.slot), ip: c.net.address(hash(uint64(i), uint64(r.zipf(30, 3)))), method: "GET",
			status: 200, size: p.size, agent: c.agent}
		switch k := r.n(1000); {
		case k < c.robots:
			q.size = 182
			g.get(&q, "/robots.txt")
		case k < 600:
			if r.chance(300) {
				q.status, q.size = 304, 0
			}
			g.get(&q, p.path)
		case k < 800:
			q.size = r.logNormal(11_000, one/4)
			g.get(&q, "/c/"+p.cat+"?page="+strconv.Itoa(1+r.n(8)))
		case k < 860:
			q.status, q.size = 404, 3120
			g.get(&q, "/p/"+strconv.Itoa(r.n(100))+"-"+p.name)
		case k < 880:
			q.status, q.size = 301, 178
			g.get(&q, "/product.php?id="+strconv.Itoa(p.id))
		default:
			q.size = 14_200
			g.get(&q, r.oneOf([]string{"/", "/", "/sitemap.xml", "/about", "/shipping", "/search?q=" + things[p.id%len(things)]}))
		}
	}
	// The monitoring service looks every six minutes, from two places.
	for i, ip := range []uint32{ip4(216, 144, 248, 18), ip4(69, 162, 124, 227)} {
		g.ticks(t, 12*minute, 900_000, 100+uint64(i), func(_ *rng, at int64) {
			q := request{t: at, ip: ip, method: "HEAD", status: 200, size: 0,
				agent: "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"}
			g.get(&q, "/health")
		})
	}
}

// webProbes are the internet's own scanners, which ask everybody the same few questions, day and night.
func (g *generator) webProbes(t int64) {
	r := g.stream(streamProbe, 0, t)
	for range r.poisson(g.perSlot(g.plan.probes)) {
		key := r.next()
		q := request{t: r.between(t, t+g.slot), ip: pickNetwork(networksNoise, key).address(hash(key)), method: "GET",
			agent: r.oneOf(noiseAgents)}
		n := 1 + r.zipf(40, 2)
		if r.chance(30) { // one that takes its time
			n += 30 + r.n(60)
		}
		for range n {
			path := noisePaths[r.zipf(len(noisePaths), 6)]
			q.method, q.status, q.size = "GET", 404, 153
			switch {
			case path == "/":
				q.status, q.size = 200, 14_200
			case path == "/robots.txt":
				q.status, q.size = 200, 182
			case path[1] == '.' && r.chance(600), path == "/server-status":
				q.status, q.size = 403, 153
			case r.chance(40):
				q.status, q.size = 400, 157
			case (path == "/wp-login.php" || path == "/xmlrpc.php") && r.chance(300):
				q.method = "POST"
			}
			g.get(&q, path)
			q.t += r.exponential(700_000) % (20 * second)
		}
	}
}

// sshGuesses are strangers who try the passwords of root and others on web1.
func (g *generator) sshGuesses(t int64) {
	r := g.stream(streamGuess, 0, t)
	for range r.poisson(g.perSlot(g.plan.guesses)) {
		key := r.next()
		ip := pickNetwork(networksNoise, key).address(hash(key))
		at := r.between(t, t+g.slot)
		for range 1 + r.zipf(16, 3) {
			g.sshFailure(r, at, ip, r.oneOf(noiseUsers), benign)
			at += r.logNormal(4*second, one) % minute
		}
	}
	// Ports that nobody opened.
	for range r.poisson(g.perSlot(g.plan.guesses) / 2) {
		key := r.next()
		ports := [...]int{23, 445, 3389, 8080, 5900, 6379, 2323, 8443, 1433, 3306, 5060, 9200}
		f := flow{t: r.between(t, t+g.slot), orig: pickNetwork(networksNoise, key).address(hash(key)), origPort: ephemeral(r),
			resp: addrWeb, respPort: ports[r.zipf(len(ports), 3)], proto: "tcp", state: "S0", history: "S"}
		g.flow(r, &f)
	}
}
