package scenario

// A site is a name on the internet with a few addresses.
type site struct {
	name  string
	key   uint64
	addrs [3]uint32
	plain bool // served over HTTP without TLS
}

// wellKnown are names that everybody's machines ask for; a prefix says whose network they live in.
var wellKnown = []string{"google www.google.com", "google fonts.gstatic.com", "google www.googletagmanager.com",
	"google fonts.googleapis.com", "google www.youtube.com", "google i.ytimg.com", "google mail.google.com",
	"microsoft outlook.office365.com", "microsoft login.microsoftonline.com", "microsoft teams.microsoft.com",
	"microsoft www.bing.com", "microsoft statics.teams.cdn.office.net", "microsoft onedrive.live.com",
	"site github.com", "site avatars.githubusercontent.com", "site app.slack.com", "site edge.slack.com",
	"site cdn.jsdelivr.net", "site cdnjs.cloudflare.com", "site www.wikipedia.org", "site upload.wikimedia.org",
	"site www.linkedin.com", "site static.licdn.com", "site www.spiegel.de", "site www.tagesschau.de", "site www.heise.de",
	"site www.zeit.de", "site www.amazon.de", "site m.media-amazon.com", "site images-eu.ssl-images-amazon.com",
	"site www.dhl.de", "site www.bahn.de", "site www.paypal.com", "site js.stripe.com", "site api.stripe.com",
	"site www.idealo.de", "site www.canva.com", "site www.deepl.com", "site stackoverflow.com", "site registry.npmjs.org"}

func networkSite(key uint64, owner string) network {
	switch owner {
	case "google":
		return networkGoogle
	case "microsoft":
		return networkMicrosoft
	case "site":
		return pickNetwork(networksSites[:5], key) // large clouds
	}
	return pickNetwork(networksSites, key)
}

func newSite(key uint64, name, owner string) site {
	s := site{name: name, key: key}
	n := networkSite(hash(key, 0), owner)
	for i := range s.addrs {
		s.addrs[i] = n.address(hash(key, uint64(1+uint64(i)%(1+key%3))))
	}
	s.plain = owner == "" && key>>32%100 < 9
	return s
}

// invented is a name nobody has thought of, in the style of the long tail.
func invented(key uint64) string {
	r := rng(key)
	name := r.oneOf(labels)
	for range 2 + r.n(3) {
		name += r.oneOf(syllables)
	}
	if r.chance(150) {
		name += "-" + r.oneOf(things[:20])
	}
	return name + r.oneOf(endings)
}

func newSites(seed uint64, tail int) []site {
	var list []site
	for _, w := range wellKnown {
		i := 0
		for w[i] != ' ' {
			i++
		}
		list = append(list, newSite(hash(seed, streamSite, uint64(len(list))), w[i+1:], w[:i]))
	}
	for range tail {
		key := hash(seed, streamSite, uint64(len(list)))
		list = append(list, newSite(key, invented(key), ""))
	}
	return list
}

// addr is one of the site's addresses.
func (s *site) addr(r *rng) uint32 { return s.addrs[r.n(3)] }

// The names that programs, not people, ask for.
type service int

const (
	siteNCSI service = iota
	siteUpdate
	siteTelemetry
	siteWeather
	siteOCSP
	sitePortal
	siteApt
	siteApple
	siteThermo
	siteAgent
	siteTax
	siteOffsite
	sitePay
	siteIP
	services
)

var serviceNames = [services]string{"www.msftconnecttest.com", "ctldl.windowsupdate.com", "v10.events.data.microsoft.com",
	"tile-service.weather.microsoft.com", "ocsp.digicert.com", "detectportal.firefox.com", "deb.debian.org",
	"captive.apple.com", "eu.devices.thermolink.io", "intake.hostmetrics.eu", "formulare.steuer-dienste.de",
	"fra1.offsite-vault.eu", "api.stripe.com", "api.ipify.org"}

func newServices(seed uint64) (list [services]site) {
	for i, name := range serviceNames {
		owner := "site"
		if service(i) <= siteWeather {
			owner = "microsoft"
		}
		list[i] = newSite(hash(seed, streamSite, 1<<40+uint64(i)), name, owner)
	}
	return list
}
