package scenario

import "strconv"

// A family is a browser on a platform.
type family uint8

const (
	winChrome family = iota
	winEdge
	winFirefox
	macSafari
	macChrome
	linuxFirefox
	linuxChrome
	phoneSafari
	phoneChrome
	families
)

// Browsers update themselves: a release spreads over its users in a few days. The last release of Chrome starts eight
// hours before the window, so a version hardly ever seen before is a mark of the window and means nothing.
type browsers struct {
	agents   [families][]string // by number of releases
	releases [families][]int64
}

func newBrowsers(window int64) *browsers {
	chrome := []int64{window - 20*day, window - 8*hour}
	edge := []int64{window - 18*day, window + 32*hour}
	firefox := []int64{window - 15*day}
	safari := []int64{window - 13*day}
	b := &browsers{}
	add := func(f family, releases []int64, first int, agent func(version string) string) {
		b.releases[f] = releases
		for i := range len(releases) + 1 {
			b.agents[f] = append(b.agents[f], agent(strconv.Itoa(first+i)))
		}
	}
	blink := func(platform, tail string) func(string) string {
		return func(v string) string {
			return "Mozilla/5.0 (" + platform + ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + v + ".0.0.0 " + tail
		}
	}
	gecko := func(platform string) func(string) string {
		return func(v string) string {
			return "Mozilla/5.0 (" + platform + "; rv:" + v + ".0) Gecko/20100101 Firefox/" + v + ".0"
		}
	}
	const windows, mac, linux = "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"
	add(winChrome, chrome, 143, blink(windows, "Safari/537.36"))
	add(macChrome, chrome, 143, blink(mac, "Safari/537.36"))
	add(linuxChrome, chrome, 143, blink(linux, "Safari/537.36"))
	add(phoneChrome, chrome, 143, blink("Linux; Android 10; K", "Mobile Safari/537.36"))
	add(winEdge, edge, 143, func(v string) string {
		return blink(windows, "Safari/537.36 Edg/")(v) + v + ".0.0.0"
	})
	add(winFirefox, firefox, 146, gecko(windows))
	add(linuxFirefox, firefox, 146, gecko(linux))
	add(macSafari, safari, 2, func(v string) string {
		return "Mozilla/5.0 (" + mac + ") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26." + v + " Safari/605.1.15"
	})
	add(phoneSafari, safari, 2, func(v string) string {
		return "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26." +
			v + " Mobile/15E148 Safari/604.1"
	})
	return b
}

// agent is the user agent of a person's browser at a time. Each person takes an update after a delay of their own, from
// at once to six days, mostly soon.
func (b *browsers) agent(f family, person uint64, t int64) string {
	u := int64(person >> 48)
	late := u * u >> 16 * (6 * day >> 16)
	n := 0
	for _, r := range b.releases[f] {
		if r+late <= t {
			n++
		}
	}
	return b.agents[f][n]
}

// agentIE is what the accountant's old tax program says, in the known good, and what the intruder's tool says.
const agentIE = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"

// visitorFamily is the browser of a shop visitor.
func visitorFamily(key uint64) family {
	switch k := key % 100; {
	case k < 22:
		return winChrome
	case k < 32:
		return winEdge
	case k < 38:
		return winFirefox
	case k < 44:
		return macSafari
	case k < 48:
		return macChrome
	case k < 50:
		return linuxFirefox
	case k < 51:
		return linuxChrome
	case k < 76:
		return phoneSafari
	}
	return phoneChrome
}
