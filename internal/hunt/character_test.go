package hunt

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/source"
)

// browserOf is the user agent of a browser's version.
func browserOf(kind, version int) string {
	switch kind {
	case 0:
		return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0", version)
	case 1:
		return fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", version)
	}
	return fmt.Sprintf("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.1 Safari/605.1.15", version)
}

// TestUpdate: everybody's browser is updated within the window, to a version that known good has never seen or hardly. That
// raises nobody above what the same log without the update gives, and no departure is told.
func TestUpdate(t *testing.T) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	const days = 21
	// hunt returns how many suspects are bad, the highest score, and how many have the new version.
	hunt := func(night time.Time, early, before, update int) (bad int, top float64, updated int) {
		r := rand.New(rand.NewPCG(1, 2))
		var log strings.Builder
		for i := range days * 24 * 60 {
			at := from.Add(time.Duration(i) * time.Minute)
			version := 100 + i*(before+1)/(days*24*60)
			if start := time.Duration(r.IntN(120)-early) * time.Minute; update > 0 && !at.Before(night.Add(start)) {
				version = update
			}
			client := r.IntN(40)
			accessLine(&log, at, fmt.Sprintf("10.0.%d.%d", client%3, client), fmt.Sprintf("/page/%d", r.IntN(20)), browserOf(client%3, version))
		}
		res := hunted(t, []source.Input{source.Bytes("access.log", []byte(log.String()))},
			Options{Windows: []Span{{night.UnixNano(), night.Add(4*time.Hour).UnixNano() - 1}}})
		for _, s := range res.Suspects {
			if s.Probability >= .5 {
				bad++
			}
			if strings.Contains(string(s.Raw), "/200.") || strings.Contains(string(s.Raw), "rv:200") {
				updated++
			}
			for _, e := range s.Evidence {
				if strings.Contains(e.Words, "never") {
					t.Fatalf("told of an update: %s", e.Words)
				}
			}
		}
		return bad, res.Suspects[0].Score, updated
	}
	for _, before := range []int{0, 6} { // updates that known good has seen
		for name, night := range map[string]time.Time{"in the middle": from.Add(14*24*time.Hour + 8*time.Hour), "at the end": from.Add(days*24*time.Hour - 4*time.Hour)} {
			for _, early := range []int{0, 30} { // minutes before the window at which the first update
				bad, top, updated := hunt(night, early, before, 200)
				was, before, _ := hunt(night, early, before, 0)
				if updated < 100 {
					t.Fatalf("%d updated", updated)
				}
				if bad > was+3 || top > before+.2 {
					t.Errorf("%s, %d minutes early: %d bad, the highest %.2f; without the update %d, %.2f", name, early, bad, top, was, before)
				}
			}
		}
	}
}

// TestFingerprint: a host with somebody else's TLS fingerprint is out of character and told so; a fingerprint that nobody
// ever had is a new version.
func TestFingerprint(t *testing.T) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	for _, field := range []string{"ja3", "ja4"} {
		var log strings.Builder
		line := func(at time.Time, client, fingerprint string) {
			fmt.Fprintf(&log, `{"_path":"ssl","ts":%d,"uid":"C%x","id.orig_h":"%s","id.orig_p":%d,"id.resp_h":"198.51.100.%d","id.resp_p":443,`+
				`"version":"TLSv12","server_name":"www%d.example.org",%q:%q}`+"\n", at.Unix(), r.Uint64(), client, 1024+r.IntN(60000), 1+r.IntN(5), r.IntN(5), field, fingerprint)
		}
		for i := range 21 * 24 * 20 {
			at := from.Add(time.Duration(i) * 3 * time.Minute)
			line(at, fmt.Sprintf("10.0.0.%d", 1+i%15), "aaaa")
			line(at, fmt.Sprintf("10.0.1.%d", 1+i%15), "bbbb")
		}
		night := from.Add(20*24*time.Hour + 3*time.Hour)
		line(night, "10.0.0.7", "bbbb")
		line(night, "10.0.0.8", "cccc")
		res := hunted(t, []source.Input{source.Bytes("ssl.log", []byte(log.String()))},
			Options{Windows: []Span{{night.Add(-time.Hour).UnixNano(), night.Add(time.Hour).UnixNano()}}})
		told := ""
		for i, s := range res.Suspects {
			for _, e := range s.Evidence {
				switch {
				case !strings.Contains(e.Words, "fingerprint"):
				case s.Client == "10.0.0.7":
					told = e.Words
					if i > 1 || e.Vote <= 0 {
						t.Errorf("%s: row %d, a vote of %v", field, i, e.Vote)
					}
				default:
					t.Errorf("%s is told of: %s", s.Client, e.Words)
				}
			}
		}
		if want := "host 10.0.0.7 has shown the TLS fingerprint aaaa 670 times, never the TLS fingerprint bbbb"; told != want {
			t.Errorf("%s: %q, want %q", field, told, want)
		}
	}
}

// TestLogins: a user's first failure, first network and first hours are told.
func TestLogins(t *testing.T) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var log strings.Builder
	line := func(at time.Time, user, client, host, outcome string) {
		fmt.Fprintf(&log, `{"@timestamp":%q,"event":{"action":"login","outcome":%q},"user":{"name":%q},"source":{"ip":%q},"host":{"name":%q}}`+"\n",
			at.Format(time.RFC3339), outcome, user, client, host)
	}
	for d := range 64 {
		for _, at := range []int{1, 6, 9, 12, 15} {
			for u := range 8 {
				line(from.Add(time.Duration(24*d+at)*time.Hour+time.Duration(u)*time.Minute), fmt.Sprintf("user%d", u),
					fmt.Sprintf("10.1.%d.7", u), fmt.Sprintf("web%d", u%2), "success")
			}
		}
	}
	night := from.Add(50*24*time.Hour + 3*time.Hour)
	line(night, "user3", "203.0.113.9", "web1", "failure")
	line(night.Add(time.Minute), "user4", "10.1.4.7", "web0", "success")
	res := hunted(t, []source.Input{source.Bytes("logins.json", []byte(log.String()))},
		Options{Windows: []Span{{night.Add(-30 * time.Minute).UnixNano(), night.Add(30 * time.Minute).UnixNano()}}})
	told := map[string]bool{}
	for _, s := range res.Suspects {
		for _, e := range s.Evidence {
			told[e.Words] = true
		}
	}
	for _, want := range []string{
		"user user3 has met with success 320 times, never with failure",
		"user user3 has come from network 10.1.3.0/24 320 times, never from network 203.0.113.0/24",
		"user user3: the first between 02 and 06 in 9 weeks, after 320 at other times",
		"user user4: the first between 02 and 06 in 9 weeks, after 320 at other times",
	} {
		if !told[want] {
			t.Errorf("not told: %s\n%q", want, slices.Sorted(maps.Keys(told)))
		}
	}
}
