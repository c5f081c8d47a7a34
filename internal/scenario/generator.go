package scenario

import (
	"bufio"
	"fmt"
	"io"
)

// generator holds the company and the slot of time being written.
type generator struct {
	cfg   Config
	clock *clock
	seed  uint64
	end   int64
	from  int64 // the window
	to    int64
	slot  int64 // length of a slot

	access, auth, conn, dns, http, ssl *output

	browsers *browsers
	shop     *shop
	office   *office
	plan     plan

	uri, ref []byte // of the request being written
}

// plan is how much of everything there is. Rates are per hour in thousandths, those per weight per thousand weights.
type plan struct {
	thin      int64 // periods of clockwork are multiplied by this in small scenarios
	perShop   int64 // visits per hour and thousand shop weights
	perPerson int64 // sites visited per hour and thousand of a person's activity
	crawl     int64 // pages by search engines per hour
	probes    int64 // visits of web scanners per hour
	guesses   int64 // visits of SSH guessers per hour
	customers int
	attack    int64 // size of the break-in's floods in thousandths
}

// Streams of random numbers, by actor.
const (
	streamShop uint64 = iota + 1
	streamCrawl
	streamProbe
	streamGuess
	streamPerson
	streamHabit
	streamServer
	streamSite
	streamProduct
	streamBreakIn
	streamClockwork
	streamNews
)

func newGenerator(cfg Config) *generator {
	g := &generator{cfg: cfg, clock: newClock(cfg.Start, cfg.Zone), seed: hash(cfg.Seed, 0x77656972)}
	g.end = g.clock.at(cfg.Days, 0, 0)
	d := windowDay(g.clock, cfg.Days)
	g.from, g.to = g.clock.at(d, 1, 30), g.clock.at(d, 4, 30)
	g.browsers = newBrowsers(g.from)
	g.shop = newShop(g.seed, g.from)
	g.office = newOffice(g.seed, g.from, cfg)
	g.makePlan()
	return g
}

// windowDay is the Wednesday of the fourth week, else the last Wednesday, else the last day.
func windowDay(c *clock, days int) int {
	last := days - 1
	for d := days - 1; d >= 0; d-- {
		if c.stamp(c.at(d, 12, 0)).weekday == 2 {
			if d/7 <= 3 {
				return d
			}
			last = d
		}
	}
	return last
}

// Lines that one act leaves on average, measured; they only serve to meet Config.Events.
const (
	linesPerVisit = 13_300 // in thousandths
	linesPerSite  = 11_200
	linesPerProbe = 13_400
	linesPerGuess = 24_500
	linesBreakIn  = 1_100 // when plan.attack is 1000
	clockworkHour = 129   // lines of clockwork per hour when plan.thin is 1
)

func (g *generator) makePlan() {
	hours := max(1, g.end/hour)
	rate := g.cfg.Events * 1000 / hours // thousandths of lines per hour
	scale := max(1, rate*1000/298_000)  // thousandths of the default's
	p := &g.plan
	p.thin = max(1, 300_000/max(rate, 1))
	p.attack = max(250, isqrt(isqrt(scale*1_000_000_000)))
	// The break-in counts even when there is none, so that the background does not depend on it.
	rest := max(rate-clockworkHour*1000/p.thin-linesBreakIn*p.attack/hours, rate/4)
	var shopSum, officeSum int64
	for h := range hours {
		s := g.clock.stamp(h * hour)
		shopSum += shopTraffic(s)
		for i := range g.office.staff {
			officeSum += g.office.staff[i].activity(s)
		}
	}
	share := func(permille, lines int64) int64 { return rest * permille / lines } // acts per hour, thousandths
	p.perShop = share(480, linesPerVisit) * hours * 1000 / max(shopSum, 1)
	p.perPerson = share(390, linesPerSite) * hours * 1000 / max(officeSum, 1)
	p.crawl = share(60, 1000)
	p.probes = share(25, linesPerProbe)
	p.guesses = share(45, linesPerGuess)
	p.customers = int(max(200, 2000*isqrt(scale*1000)/1000))
	g.slot = hour
	for _, parts := range []int64{2, 3, 4, 6, 10, 12, 20, 30, 60, 120, 360, 1200, 3600} {
		if rate/1000/(hour/g.slot) > 100_000 {
			g.slot = hour / parts
		}
	}
}

func (g *generator) files() []*output {
	return []*output{g.access, g.auth, g.conn, g.dns, g.http, g.ssl}
}

func (g *generator) openLogs(open func(string) (io.WriteCloser, error)) error {
	for _, f := range []struct {
		o    **output
		name string
	}{{&g.access, "nginx/access.log"}, {&g.auth, "auth.log"}, {&g.conn, "zeek/conn.log"}, {&g.dns, "zeek/dns.log"},
		{&g.http, "zeek/http.log"}, {&g.ssl, "zeek/ssl.log"}} {
		o, err := openOutput(f.name, open)
		if err != nil {
			return err
		}
		*f.o = o
	}
	for _, z := range []struct {
		o *output
		h zeekHeader
	}{{g.conn, headerConn}, {g.dns, headerDNS}, {g.http, headerHTTP}, {g.ssl, headerSSL}} {
		if err := z.o.header(z.h.text(g.cfg.Start)); err != nil {
			return fmt.Errorf("cannot write log %q: %w", z.o.name, err)
		}
	}
	return nil
}

// run writes all lines, slot by slot.
func (g *generator) run(truth *bufio.Writer) error {
	for t := int64(0); t < g.end; t += g.slot {
		g.shopVisits(t)
		g.crawlers(t)
		g.webProbes(t)
		g.sshGuesses(t)
		g.officeWork(t)
		g.clockwork(t)
		g.servers(t)
		if !g.cfg.NoBreakIn && t <= g.from && g.from < t+g.slot {
			g.breakIn()
		}
		for _, o := range g.files() {
			if err := o.flush(t, min(t+g.slot, g.end), truth); err != nil {
				return err
			}
		}
	}
	return nil // visits that reach past the end are cut there, as logs are
}

// stream is the random stream of an actor in the slot that starts at t.
func (g *generator) stream(actor uint64, who uint64, t int64) *rng {
	r := rng(hash(g.seed, actor, who, uint64(t)))
	return &r
}

// perSlot turns a rate per hour into one per slot.
func (g *generator) perSlot(rate int64) int64 { return rate * (g.slot / second) / 3600 }

// ticks calls f at every multiple of period, moved by phase and late by up to jitter, that falls into the slot.
func (g *generator) ticks(t, period, jitter int64, who uint64, f func(r *rng, at int64)) {
	period *= g.plan.thin
	phase := int64(hash(g.seed, streamClockwork, who) % uint64(period))
	first := (t - phase + period - 1) / period
	for k := max(first, 0); phase+k*period < t+g.slot; k++ {
		r := rng(hash(g.seed, streamClockwork, who, uint64(k)))
		at := phase + k*period
		if jitter > 0 {
			at += r.between(0, jitter)
		}
		f(&r, at)
	}
}
