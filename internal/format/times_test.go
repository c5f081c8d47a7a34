package format

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	ref := time.Date(2019, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		in   string
		zone *time.Location
		want string // RFC 3339 with nanoseconds, or empty: not a time
	}{
		{"2021-06-06T15:59:46.457984+0200", nil, "2021-06-06T13:59:46.457984Z"},
		{"2021-06-06T15:59:46.457984+02:00", nil, "2021-06-06T13:59:46.457984Z"},
		{"2021-06-06T15:59:46-02", nil, "2021-06-06T17:59:46Z"},
		{"2021-06-06T15:59:46Z", berlin, "2021-06-06T15:59:46Z"},
		{"2021-06-06 15:59:46,457", nil, "2021-06-06T15:59:46.457Z"},
		{"2021-06-06 15:59:46", berlin, "2021-06-06T14:59:46Z"},
		{"2021-06-06 15:59:46.123456789123 UTC", berlin, "2021-06-06T15:59:46.123456789Z"},
		{"2021-06-06", nil, "2021-06-06T00:00:00Z"},
		{"2021-06-06T15:59", nil, "2021-06-06T15:59:00Z"},
		{"2006/01/02 15:04:05", nil, "2006-01-02T15:04:05Z"},
		{"2018/12/18 14:00:00.075359", nil, "2018-12-18T14:00:00.075359Z"},
		{"1970/01/01 01:00:00.000000", berlin, "1970-01-01T00:00:00Z"},
		{"19/May/2015:18:05:03 +0000", berlin, "2015-05-19T18:05:03Z"},
		{"[19/May/2015:18:05:03 +0200]", nil, "2015-05-19T16:05:03Z"},
		{"19/May/2015:18:05:03", berlin, "2015-05-19T17:05:03Z"},
		{"Mar 27 13:06:56", nil, "2019-03-27T13:06:56Z"},
		{"Mar  7 13:06:56.5", nil, "2019-03-07T13:06:56.5Z"},
		{"Dec 31 23:00:00", nil, "2018-12-31T23:00:00Z"},
		{"Aug 20 23:00:00", nil, "2019-08-20T23:00:00Z"},
		{"Sep  9 23:00:00", nil, "2018-09-09T23:00:00Z"},
		{"Feb 29 00:00:01", nil, "2020-02-29T00:00:01Z"},
		{"Feb 30 00:00:01", nil, ""},
		{"Mar 27 2015 13:06:56", nil, "2015-03-27T13:06:56Z"},
		{"Sun Dec 04 04:47:44 2005", nil, "2005-12-04T04:47:44Z"},
		{"Thu Jun 27 11:55:44.569531 2013", nil, "2013-06-27T11:55:44.569531Z"},
		{"Mon, 02 Jan 2006 15:04:05 GMT", nil, "2006-01-02T15:04:05Z"},
		{"02 January 2006 15:04:05", nil, "2006-01-02T15:04:05Z"},
		{"01/02/2006 15:04:05", nil, "2006-01-02T15:04:05Z"},
		{"1/2/2006 3:04:05 PM", nil, "2006-01-02T15:04:05Z"},
		{"1/2/2006 12:04:05 am", nil, "2006-01-02T00:04:05Z"},
		{"27/02/2006 15:04:05", nil, "2006-02-27T15:04:05Z"},
		{"1331914651.55", nil, "2012-03-16T16:17:31.55Z"},
		{"1331914651.123456789", nil, "2012-03-16T16:17:31.123456789Z"},
		{"1331914651", nil, "2012-03-16T16:17:31Z"},
		{"1331914651550", nil, "2012-03-16T16:17:31.55Z"},
		{"1331914651550123", nil, "2012-03-16T16:17:31.550123Z"},
		{"1331914651550123456", nil, "2012-03-16T16:17:31.550123456Z"},
		{"1.331914651e9", nil, "2012-03-16T16:17:31Z"},
		{" 1331914651 ", nil, "2012-03-16T16:17:31Z"},
		{"99999999", nil, ""}, // 1973
		{"4102444800", nil, ""},
		{"99999999999999999999", nil, ""},
		{"20210606155946", nil, ""},
		{"192.168.202.110", nil, ""},
		{"2021-13-06", nil, ""},
		{"2021-02-29", nil, ""},
		{"2021-06-06T25:00:00Z", nil, ""},
		{"2021-06-06T15:59:46Zjunk", nil, ""},
		{"2021-06-06T15:59:46+25:00", nil, ""},
		{"0000-00-00 00:00:00", nil, ""},
		{"", nil, ""},
		{"Mar", nil, ""},
		{"Marmalade", nil, ""},
		{"hello world", nil, ""},
	} {
		ns, ok := ParseTime([]byte(c.in), c.zone, ref)
		got := ""
		if ok {
			got = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
		}
		if got != c.want {
			t.Errorf("ParseTime(%q, %v) = %q, want %q", c.in, c.zone, got, c.want)
		}
	}
}

func TestPast(t *testing.T) {
	for _, c := range []struct{ in, reference, nearest, past string }{
		{"Feb 29 00:00:00", "2026-02-01T00:00:00Z", "2024-02-29", "2024-02-29"},
		{"Feb 29 00:00:00", "2027-12-01T00:00:00Z", "2028-02-29", "2024-02-29"},
		{"Feb 29 00:00:00", "1903-01-01T00:00:00Z", "", ""}, // years are told from 1908 on
		{"Dec 31 23:00:00", "2026-01-01T01:00:00Z", "2025-12-31", "2025-12-31"},
		{"Jan  1 01:00:00", "2025-12-31T23:00:00Z", "2026-01-01", "2026-01-01"},
		{"Jan  3 01:00:00", "2025-12-31T23:00:00Z", "2026-01-03", "2025-01-03"},
	} {
		reference, err := time.Parse(time.RFC3339, c.reference)
		if err != nil {
			t.Fatal(err)
		}
		for past, want := range map[bool]string{false: c.nearest, true: c.past} {
			o := Options{Reference: reference, Past: past}
			ns, ok := o.time([]byte(c.in))
			got := ""
			if ok {
				got = time.Unix(0, ns).UTC().Format(time.DateOnly)
			}
			if got != want {
				t.Errorf("%q for %s, past %v: %q, want %q", c.in, c.reference, past, got, want)
			}
		}
	}
}

// The oracle is the time package.
func TestParseTimeAgainstStdlib(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Skip(err)
	}
	layouts := []string{
		time.RFC3339Nano, "2006-01-02 15:04:05", "02/Jan/2006:15:04:05 -0700", "Mon Jan 02 15:04:05 2006",
		"2006/01/02 15:04:05", "01/02/2006 15:04:05", "1/2/2006 3:04:05 PM", time.RFC1123,
	}
	for at := time.Date(1901, 1, 1, 5, 6, 7, 0, time.UTC); at.Year() < 2190; at = at.Add(1234567*time.Second + 40*24*time.Hour) {
		for _, layout := range layouts {
			for _, zone := range []*time.Location{time.UTC, newYork} {
				text := at.Format(layout)
				want, err := time.ParseInLocation(layout, text, zone)
				if err != nil {
					t.Fatal(err)
				}
				ns, ok := ParseTime([]byte(text), zone, time.Time{})
				if !ok || ns != want.UnixNano() {
					t.Fatalf("ParseTime(%q) in %v = %v %v, want %v", text, zone, time.Unix(0, ns).UTC(), ok, want.UTC())
				}
			}
		}
	}
}

func TestParseEpoch(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"19.98", 19980000000, true},
		{"0", 0, true},
		{"0.000001", 1000, true},
		{"1331914651.55", 1331914651550000000, true},
		{"1331914651550", 1331914651550000000, true},
		{"9223372035.999999999", 9223372035999999999, true},
		{"9223372036854775807", 9223372036854775807, true},
		{"9223372036854775808", 0, false},
		{"-1", 0, false},
		{"", 0, false},
		{".5", 0, false},
		{"1x", 0, false},
		{"1e400", 0, false},
		{"1e", 0, false},
		{"1.", 1000000000, true},
	} {
		ns, ok := ParseEpoch([]byte(c.in))
		if ns != c.want || ok != c.ok {
			t.Errorf("ParseEpoch(%q) = %d %v, want %d %v", c.in, ns, ok, c.want, c.ok)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2021-06-06T15:59:46.457984+0200", "Feb 29 00:00:01", "1331914651.55",
		"Sun Dec 04 04:47:44 2005", "1/2/2006 3:04:05 PM", "19/May/2015:18:05:03 +0000", "[ ]", "1e9999999"} {
		f.Add([]byte(s), int64(0))
	}
	zone := time.FixedZone("x", -11*3600)
	low := time.Date(minYear-1, 12, 31, 0, 0, 0, 0, time.UTC).UnixNano()
	high := time.Date(maxYear+1, 1, 2, 0, 0, 0, 0, time.UTC).UnixNano()
	f.Fuzz(func(t *testing.T, s []byte, ref int64) {
		for _, z := range []*time.Location{nil, zone} {
			if ns, ok := ParseTime(s, z, time.Unix(ref%1e10, 0)); ok && (ns < low || ns > high) {
				t.Errorf("ParseTime(%q) = %d, out of range", s, ns)
			}
		}
		if ns, ok := ParseEpoch(s); ok && ns < 0 {
			t.Errorf("ParseEpoch(%q) = %d", s, ns)
		}
	})
}

func BenchmarkParseTime(b *testing.B) {
	for name, s := range map[string]string{
		"epoch": "1331914651.55", "rfc3339": "2021-06-06T15:59:46.457984+0200",
		"clf": "19/May/2015:18:05:03 +0000", "syslog": "Mar 27 13:06:56",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			in := []byte(s)
			ref := time.Unix(1e9, 0)
			for b.Loop() {
				if _, ok := ParseTime(in, nil, ref); !ok {
					b.Fatal("not a time")
				}
			}
		})
	}
}
