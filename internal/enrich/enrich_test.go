package enrich

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of TestClock wherever it runs
)

func TestCountry(t *testing.T) {
	for a, want := range map[string]string{"8.8.8.8": "US", "::ffff:8.8.8.8": "US", "193.0.6.139": "NL",
		"2001:610:240::1": "NL", "10.1.2.3": Private, "127.0.0.1": Private, "fe80::1%eth0": Private, "fd00::1": Private,
		"0.0.0.0": "", "::": "", "224.0.0.1": "", "255.255.255.255": ""} {
		if got := Country(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %q, want %q", a, got, want)
		}
	}
	if got := Country(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}

func TestNetwork(t *testing.T) {
	for a, want := range map[string]string{"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24",
		"2001:db8:1:2:3::4": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48"} {
		if got := Network(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
	if Network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

func TestRegisteredDomain(t *testing.T) {
	for host, want := range map[string]string{"www.example.org": "example.org", "a.b.Example.co.uk.": "example.co.uk",
		"example.com:8080": "example.com", "x.github.io": "x.github.io", "_dmarc.example.org": "example.org",
		"a.host.invalidtld": "host.invalidtld", "münchen.de": "münchen.de",
		"com": "", "co.uk": "", "localhost": "", "": "", ".": "", "..": "", "a..b": "", "192.0.2.1": "", "192.0.2.1:80": "",
		"[2001:db8::1]:80": "", "2001:db8::1": "", "1.2.3": "", "10.0.0.999": "", "a b.com": "", "x/y.com": "",
		"a.com:http": "", "<script>.com": "", strings.Repeat("a", 64) + ".com": "", strings.Repeat("a.", 200) + "com": "",
		"-": "", "\x00.com": ""} {
		if got := RegisteredDomain(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func FuzzRegisteredDomain(f *testing.F) {
	f.Add("www.example.org:80")
	f.Add("1.2.3.4.")
	f.Fuzz(func(t *testing.T, host string) {
		d := RegisteredDomain(host)
		if d != "" && RegisteredDomain(d) != d {
			t.Fatalf("%q has %q, which has %q", host, d, RegisteredDomain(d))
		}
	})
}

func TestUserAgents(t *testing.T) {
	const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
	tests := []struct {
		s    string
		want UA
	}{
		{chrome, UA{Family: "Chrome", Major: "131", OS: "Windows", Device: "desktop"}},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
			UA{Family: "Safari", Major: "17", OS: "iOS", Device: "iPhone"}},
		{"curl/8.5.0", UA{Family: "curl", Major: "8", Tool: true}},
		{"sqlmap/1.7#stable (https://sqlmap.org)", UA{Family: "sqlmap", Major: "1", Device: "bot", Tool: true}},
		{"python-requests/2.31.0", UA{Family: "python-requests", Major: "2", Tool: true}},
		{"Mozilla/5.0 zgrab/0.x", UA{Family: "zgrab", Tool: true}},
		{"", UA{}}, {"-", UA{}},
	}
	u := NewUserAgents(2)
	for range 2 {
		for _, tt := range tests {
			if got := u.Parse(tt.s); got != tt.want {
				t.Errorf("%q: %+v, want %+v", tt.s, got, tt.want)
			}
		}
	}
	for i := range 1000 {
		u.Parse(fmt.Sprintf("x/%d", i))
		if len(u.old)+len(u.new) > 4 {
			t.Fatalf("%d answers remembered", len(u.old)+len(u.new))
		}
	}
	u.Parse("\x00\xff " + strings.Repeat("(", 1<<20))
}

func FuzzUserAgents(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64) Firefox/115.0")
	f.Fuzz(func(t *testing.T, s string) {
		u := NewUserAgents(1)
		if a, b := u.Parse(s), u.Parse(s); a != b {
			t.Fatalf("%+v, then %+v", a, b)
		}
	})
}

// TestClock compares with time.Time over 120 years, in zones with daylight saving, with offsets that are no whole hours,
// and with days that did not exist.
func TestClock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
		"Pacific/Apia", "Africa/Monrovia", "America/Sao_Paulo"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		c := NewClock(zone)
		for range 3000 {
			ns := random.Int64N(120*365*86400*1e9) - 50*365*86400*1e9
			checkMoment(t, c, zone, ns)
			if _, end := time.Unix(0, ns).In(zone).ZoneBounds(); !end.IsZero() { // around the next change
				for _, d := range []int64{-1, 0, 1, 3600e9 - 1, -3600e9} {
					checkMoment(t, c, zone, end.UnixNano()+d)
				}
			}
		}
	}
}

func checkMoment(t *testing.T, c *Clock, zone *time.Location, ns int64) {
	t.Helper()
	at := time.Unix(0, ns).In(zone)
	want := Moment{Hour: at.Hour(), Weekday: at.Weekday(), HourOfWeek: (int(at.Weekday())+6)%7*24 + at.Hour()}
	switch {
	case at.Weekday() == time.Saturday || at.Weekday() == time.Sunday:
		want.Class = Weekend
	case at.Hour() < 8 || at.Hour() >= 18:
		want.Class = Off
	}
	if got := c.At(ns); got != want {
		t.Fatalf("%v: %+v, want %+v", at, got, want)
	}
}

func TestClockDefaultsToUTC(t *testing.T) {
	if got := NewClock(nil).At(0); got != (Moment{0, time.Thursday, 72, Off}) {
		t.Errorf("%+v", got)
	}
	if s := Office.String() + Off.String() + Weekend.String(); s != "officeoffweekend" {
		t.Error(s)
	}
}

func BenchmarkCountry(b *testing.B) {
	a := netip.MustParseAddr("203.0.112.7")
	b.ReportAllocs()
	for b.Loop() {
		Country(a)
	}
}

func BenchmarkNetwork(b *testing.B) {
	a := netip.MustParseAddr("203.0.112.7")
	b.ReportAllocs()
	for b.Loop() {
		Network(a)
	}
}

func BenchmarkRegisteredDomain(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		RegisteredDomain("www.shop.example.co.uk")
	}
}

func BenchmarkUserAgents(b *testing.B) {
	for name, distinct := range map[string]int{"cached": 100, "distinct": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			u := NewUserAgents(0)
			agents := make([]string, distinct)
			for i := range agents {
				agents[i] = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.%d.0 Safari/537.36", i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				u.Parse(agents[i%distinct])
			}
		})
	}
}

func BenchmarkClock(b *testing.B) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	c := NewClock(zone)
	ns := int64(1767323045e9)
	b.ReportAllocs()
	for b.Loop() {
		c.At(ns)
		ns += 1e9
	}
}
