package report

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestTimeTicks(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		zone     *time.Location
		want     string
	}{
		{"2026-02-25T01:30:00Z", "2026-02-25T04:30:00Z", time.UTC, "01:30 02:00 02:30 03:00 03:30 04:00 04:30"},
		{"2026-02-25T22:10:00Z", "2026-02-26T03:00:00Z", time.UTC, "22:30 23:00 23:30 26 Feb 00:30 01:00 01:30 02:00 02:30 03:00"},
		{"2026-02-02T00:01:00Z", "2026-03-01T23:59:00Z", time.UTC, "6 Feb 10 Feb 14 Feb 18 Feb 22 Feb 26 Feb"},
		{"2026-03-28T20:00:00Z", "2026-03-31T20:00:00Z", vienna, "29 Mar 12:00 30 Mar 12:00 31 Mar 12:00"}, // clocks change
		{"2020-06-01T00:00:00Z", "2026-06-01T00:00:00Z", time.UTC, "2021 2022 2023 2024 2025 2026"},
		{"2026-02-25T01:30:00Z", "2026-02-25T01:30:20Z", time.UTC, "01:30:00 01:30:05 01:30:10 01:30:15 01:30:20"},
	} {
		from, _ := time.Parse(time.RFC3339, c.from)
		to, _ := time.Parse(time.RFC3339, c.to)
		x := &chart{XFrom: float64(from.Unix()), XTo: float64(to.Unix()), zone: c.zone}
		var got []string
		for _, tick := range x.timeTicks() {
			got = append(got, tick.Text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, strings.Join(got, " "), c.want)
		}
	}
}

// TestTicksAreFew: any stretch gets at least one tick, and never a crowd.
func TestTicksAreFew(t *testing.T) {
	for reach := int64(1); reach < 6e9; reach = reach*3/2 + 1 {
		x := &chart{XFrom: 1.77e9, XTo: 1.77e9 + float64(reach), zone: time.UTC}
		if n := len(x.timeTicks()); n > maxTicks+1 || n < 1 && reach > 4 {
			t.Errorf("%d ticks on %d s", n, reach)
		}
	}
}

func TestPaths(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		chart chart
		want  string
	}{
		"bins of one height are one": {chart{X: numbers{0, 1, 2, 3}, Width: 1, Series: []series{{Kind: "bars", Y: numbers{0, 5, 5, 0}}}},
			"M1000 1000V167H3000V1000"},
		"the last bin is closed": {chart{X: numbers{0, 1}, Width: 1, Series: []series{{Kind: "bars", Y: numbers{0, 10}}}}, "M2000 1000V167H4000V1000"},
		"little is not nothing":  {chart{X: numbers{0, 1}, Width: 1, Series: []series{{Kind: "bars", Y: numbers{1, 1e6}}}}, "M0 1000V999H2000V167H4000V1000"},
		"a line has gaps":        {chart{Unit: true, X: numbers{0, .5, 1, 1}, Series: []series{{Kind: "line", Y: numbers{0, nan, .5, 1}}}}, "M0 1000M4000 500L4000 0"},
		"a count ends where none is left": {chart{Log: true, X: numbers{0, 1, 2, 3}, Series: []series{{Kind: "step", Y: numbers{7, 7, 1, 0}}}},
			"M0 134H1333V866H2667"},
	} {
		d := c.chart.draw()
		if got := d.Paths[0].D; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		percent(0): "0 %", percent(.0004): "< 0.1 %", percent(.0123): "1.2 %", percent(.37): "37 %", percent(.9997): "> 99.9 %", percent(1): "100 %",
		compact(950): "950", compact(1500): "1.5k", compact(2e6): "2M", compact(.25): "0.25",
		length(3*3600e9 + 60e9): "3 h 1 min", length(24 * 3600e9): "1 d", length(5e9): "5 s", each(3600e9): "hour", each(900e9): "15 min",
		signed(-1.25): "−1.2", signed(.5): "+0.5",
		shown("abc\x1b", 10): `abc\x1b`, shown("aé<b>", 2): "a … and 5 bytes more", brief("abcdefghij", 6): "abcd…ij",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// FuzzSafeJSON: what is written is seen, may stand in a page, and reads as what it was.
func FuzzSafeJSON(f *testing.F) {
	for _, s := range evil {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b strings.Builder
		if err := json.NewEncoder(safeJSON{&b}).Encode(s); err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.TrimSuffix(b.String(), "\n") {
			if r == '<' || r == '>' || !unicode.IsPrint(r) {
				t.Fatalf("%q writes %U", s, r)
			}
		}
		var back string
		if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(s) && back != s {
			t.Fatalf("%q reads as %q", s, back)
		}
	})
}

// FuzzShown: text of logs is cut to a length and printable.
func FuzzShown(f *testing.F) {
	for _, s := range evil {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 1 + int(uint(limit)%300)
		out := shown(s, limit)
		if !utf8.ValidString(out) || len(out) > 10*limit+40 {
			t.Fatalf("%q becomes %q", s, out)
		}
		for _, r := range out {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q keeps %U", s, r)
			}
		}
	})
}
