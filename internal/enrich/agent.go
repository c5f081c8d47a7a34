package enrich

import (
	"strconv"
	"strings"

	"github.com/mileusna/useragent"
)

// A UA is what a user agent string says of itself. Anyone can send any; what matters is how rarely it is seen.
type UA struct {
	Family string // Chrome, Firefox, curl, sqlmap …; empty if not known
	Major  string // first number of its version
	OS     string // Windows, Linux, Android …
	Device string // desktop, mobile, tablet, bot, or a model's name
	Tool   bool   // an HTTP library, command line client, crawler or scanner rather than a browser
}

// maxAgentLen bounds how much of a user agent is looked at. Real ones are below 500 bytes.
const maxAgentLen = 2048

// UserAgents takes user agents apart and remembers the answers for the most recent ones. It belongs to one goroutine.
type UserAgents struct {
	limit    int
	old, new map[string]UA
}

// NewUserAgents returns a UserAgents that remembers between limit and twice limit answers; 0 stands for 4096.
func NewUserAgents(limit int) *UserAgents {
	if limit <= 0 {
		limit = 4096
	}
	return &UserAgents{limit: limit, new: make(map[string]UA)}
}

// Parse takes a user agent apart.
func (u *UserAgents) Parse(s string) UA {
	s = s[:min(len(s), maxAgentLen)]
	if ua, ok := u.new[s]; ok {
		return ua
	}
	ua, ok := u.old[s]
	if !ok {
		ua = parseUA(s)
	}
	// Two generations instead of a list of uses: what is asked for moves to the new one, and when that is full the old
	// one, with all that was not asked for since, is dropped.
	if len(u.new) >= u.limit {
		u.old, u.new = u.new, make(map[string]UA, u.limit)
	}
	u.new[strings.Clone(s)] = ua
	return ua
}

// toolWords are words in the user agents of libraries, command line clients, crawlers and scanners, in lower case.
var toolWords = []string{"curl", "wget", "python", "httpx", "aiohttp", "scrapy", "go-http-client", "java/", "okhttp",
	"apache-httpclient", "libwww", "lwp", "perl", "ruby", "php/", "guzzle", "node", "axios", "got (", "undici", "powershell",
	"winhttp", "postman", "insomnia", "httpie", "sqlmap", "nikto", "nmap", "masscan", "zgrab", "nuclei", "gobuster", "dirbuster",
	"dirb", "ffuf", "feroxbuster", "wfuzz", "hydra", "wpscan", "burp", "zap", "acunetix", "nessus", "openvas", "qualys",
	"censys", "shodan", "metasploit", "headless", "phantomjs", "selenium", "puppeteer", "playwright", "bot", "crawl", "spider",
	"scan", "jndi:", "fuzz"}

func parseUA(s string) UA {
	if strings.TrimSpace(s) == "" || s == "-" {
		return UA{}
	}
	p := useragent.Parse(s)
	ua := UA{Family: clean(family(p.Name)), OS: clean(p.OS), Device: clean(p.Device)}
	if p.VersionNo.Major > 0 {
		ua.Major = strconv.Itoa(p.VersionNo.Major)
	} else if v, _, _ := strings.Cut(p.Version, "."); v != "" && len(v) <= 4 && strings.Trim(v, "0123456789") == "" {
		ua.Major = v
	}
	lower := strings.ReplaceAll(strings.ToLower(s), "cubot", "") // a maker of telephones
	ua.Tool = p.Bot
	for _, w := range toolWords {
		if ua.Tool {
			break
		}
		ua.Tool = strings.Contains(lower, w)
	}
	if !ua.Tool && ua.OS == "" && !strings.HasPrefix(s, "Mozilla/") && !strings.HasPrefix(s, "Opera/") {
		ua.Tool = true // every browser says Mozilla, or names its system
	}
	switch {
	case ua.Device != "":
	case p.Bot:
		ua.Device = "bot"
	case p.Tablet:
		ua.Device = "tablet"
	case p.Mobile:
		ua.Device = "mobile"
	case p.Desktop:
		ua.Device = "desktop"
	}
	return ua
}

// family returns name, or where the parser knew none and gave all there is, its first product other than Mozilla.
func family(name string) string {
	if strings.IndexByte(name, '/') < 0 {
		return name
	}
	for _, product := range strings.Fields(name) {
		if n, _, ok := strings.Cut(product, "/"); ok && n != "Mozilla" {
			return n
		}
	}
	return ""
}

// clean keeps a name that could be one, and cuts what an attacker wrote instead. It copies it: names are kept longer
// than the user agents that they were found in.
func clean(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 48 {
		s = s[:48]
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return ""
		}
	}
	return strings.Clone(s)
}
