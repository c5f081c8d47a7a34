package beacon

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
)

// warned reports whether a warning says all words.
func warned(r *Result, words ...string) bool {
	return slices.ContainsFunc(r.Warnings, func(w string) bool {
		return !slices.ContainsFunc(words, func(x string) bool { return !strings.Contains(w, x) })
	})
}

// sane checks what holds of every result, whatever went in.
func sane(t *testing.T, r *Result) {
	t.Helper()
	for i, p := range r.Pairs {
		if !(p.Score >= 0 && p.Score <= 1) || !(p.P >= 0 && p.P <= 1) || !(p.Q >= 0 && p.Q <= 1) || len(p.Clues) == 0 || p.First > p.Last ||
			p.Count < 1 || !(p.Rhythm.Interval >= 0) || math.IsInf(p.Rhythm.Interval, 0) || !(p.Rhythm.Jitter >= 0) {
			t.Fatalf("row %d: %s\n%+v", i, describe(p), p)
		}
		for _, c := range p.Clues {
			if math.IsNaN(c.Points) || math.IsInf(c.Points, 0) || strings.Contains(c.Text, "NaN") || strings.Contains(c.Text, "Inf") || strings.Contains(c.Text, " -") {
				t.Fatalf("row %d: %s", i, describe(p))
			}
		}
	}
}

// shiftedFrom moves all records from a time on.
func shiftedFrom(records []record, from, by float64) []record {
	for i := range records {
		if records[i].at >= from {
			records[i].at += by
		}
	}
	return records
}

// inOrder judges records in the order that they have, as one log.
func inOrder(o Options, records []record) *Result {
	d := New(o)
	keys := event.NewKeys()
	h := d.Handler(0, keys)
	for _, r := range records {
		e := &event.Event{Dataset: r.dataset, Time: int64(r.at*1e3) * 1e6, HasTime: true}
		for k := 0; k < len(r.fields); k += 2 {
			e.Add(keys.Get(r.fields[k]), []byte(r.fields[k+1]))
		}
		h.Event(e, format.Position{}, nil)
	}
	return d.Result()
}

// officeWithBeacon is an office with one beacon, in the order of time, from a day of 2026 on.
func officeWithBeacon(days int, every float64) []record {
	r := newRand(31)
	out := office(r, days)
	for _, at := range beats(r, 0, float64(days)*testDay, every, .2, .1) {
		out = append(out, conn1(at, "10.0.1.12", "203.0.113.52", 443, .4, 300))
	}
	slices.SortStableFunc(out, func(a, b record) int { return int(math.Copysign(1, a.at-b.at)) })
	for i := range out {
		out[i].at += 1_772_006_400
	}
	return out
}

func isBeacon(t *testing.T, r *Result) {
	t.Helper()
	sane(t, r)
	if p := r.Pairs[0]; p.Source != "10.0.1.12" || p.Destination != "203.0.113.52" || !p.Called() {
		t.Errorf("first is %s", describe(p))
	}
	if r.Called != 1 {
		t.Errorf("%d are called", r.Called)
	}
}

func TestHostsWithOneEventEach(t *testing.T) {
	var all []record
	for h := range 10000 {
		all = append(all, conn1(float64(h%86400), fmt.Sprintf("10.%d.%d.7", h/250, h%250), "192.0.2.1", 443, 1, 100))
	}
	got := told(Options{Rows: 20}, all)
	sane(t, got)
	if got.Series != 10000 || got.Called != 0 || got.Tested != 0 || !warned(got, "no rhythm to look for") {
		t.Errorf("%d pairs, %d called, %q", got.Series, got.Called, got.Warnings)
	}
}

// TestOneHostManyConnections is the short variant of ten million to one destination.
func TestOneHostManyConnections(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 60_000
	}
	r := newRand(32)
	var all []record
	at := 1_772_006_400.
	for range n {
		at += r.ExpFloat64() * .25
		all = append(all, conn1(at, "10.0.0.1", "192.0.2.1", 443, .1, 100))
	}
	got := told(Options{MaxTimes: 10_000}, all)
	sane(t, got)
	if p := got.Pairs[0]; p.Count != int64(n) || p.Considered != 10_000 || p.Kind == KindBeacon && p.Called() || !warned(got, "newest") {
		t.Errorf("%s, %q", describe(p), got.Warnings)
	}
}

// TestOneHostManyDestinations is the short variant of ten million destinations: there is room for a fraction of them, the
// same ones for any number of workers.
func TestOneHostManyDestinations(t *testing.T) {
	var all []record
	for i := range 40_000 {
		all = append(all, conn1(1_772_006_400+float64(i)/4, "10.0.0.1", fmt.Sprintf("100.%d.%d.%d", i>>16, i>>8&255, i&255), 443, .1, 100))
		all = append(all, record{"zeek.ssl", 1_772_006_400 + float64(i)/4, []string{"source.ip", "10.0.0.1", "destination.ip", fmt.Sprintf("100.%d.%d.%d", i>>16, i>>8&255, i&255),
			"tls.client.server_name", fmt.Sprintf("n%d.example.com", i)}})
	}
	o := Options{MaxSeries: 3000}
	got := inOrder(o, all)
	sane(t, got)
	if got.Series > 3000 || got.Series < 750 || got.Called != 0 || !warned(got, "more pairs than fit") {
		t.Errorf("%d pairs, %d called, %q", got.Series, got.Called, got.Warnings)
	}
	if other := told(o, all); !reflect.DeepEqual(got, other) {
		t.Errorf("two workers: %s", differ(got, other))
	}
}

// TestClocksThatJump: by hours or years, forwards or backwards, the beacon is found and the jump told.
func TestClocksThatJump(t *testing.T) {
	const noon = 1_772_006_400 + testDay
	for _, x := range []struct {
		name  string
		by    float64
		words []string
	}{
		{"an hour on", 3600, nil}, // as if nothing had been logged
		{"five hours on", 5 * 3600, nil},
		{"five hours back", -5 * 3600, []string{"go back in time once, by up to 5 h"}},
		{"a year on", 365 * testDay, []string{"2 stretches", "2026-02-25", "2027-02-2"}},
		{"ten years back", -3650 * testDay, []string{"2 stretches", "go back"}},
		{"to 1970 and before", -1_772_006_400 - 10*testDay, []string{"2 stretches", "1969-12-2"}},
		{"far away", 230 * 365 * testDay, []string{"2 stretches", "2256"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := inOrder(Options{Workers: 2}, shiftedFrom(officeWithBeacon(2, 300), noon, x.by))
			isBeacon(t, got)
			for _, w := range x.words {
				if !slices.ContainsFunc(got.Warnings, func(s string) bool { return strings.Contains(s, strings.Split(w, ",")[0]) }) {
					t.Errorf("no word of %q in %q", w, got.Warnings)
				}
			}
			if x.words == nil && len(got.Warnings) > 0 {
				t.Errorf("%q", got.Warnings)
			}
		})
	}
}

// TestWarningsAreRare: logs as they should be give none.
func TestWarningsAreRare(t *testing.T) {
	got := inOrder(Options{Workers: 2}, officeWithBeacon(2, 600))
	isBeacon(t, got)
	if len(got.Warnings) > 0 {
		t.Errorf("%q", got.Warnings)
	}
}

func TestOutOfOrder(t *testing.T) {
	all := officeWithBeacon(2, 600)
	want := inOrder(Options{}, slices.Clone(all))
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if got := inOrder(Options{}, all); !reflect.DeepEqual(got, want) {
		t.Error(differ(want, got))
	}
}

func TestOneMinute(t *testing.T) {
	var all []record
	for i := range 40 {
		all = append(all, conn1(1_772_006_400+1.5*float64(i), "10.0.0.1", "192.0.2.1", 443, .1, 100))
	}
	got := told(Options{}, all)
	sane(t, got)
	if !warned(got, "The logs cover 58") {
		t.Errorf("%q", got.Warnings)
	}
	if p := got.Pairs[0]; !slices.ContainsFunc(p.Clues, func(c Clue) bool { return c.Points < 0 && strings.Contains(c.Text, "no longer than") }) {
		t.Error(describe(p))
	}
}

// TestOneYear: a beacon of the last quarter, and one connection a day that is a timetable.
func TestOneYear(t *testing.T) {
	r := newRand(33)
	var all []record
	for h := range 12 {
		for _, at := range daily(r, 365, 1) {
			all = append(all, conn1(at, fmt.Sprintf("10.0.1.%d", 10+h), fmt.Sprintf("192.0.2.%d", r.IntN(60)), 443, 1, r.IntN(4000)))
		}
		for d := range 365 {
			all = append(all, conn1(float64(d)*testDay+10800+float64(h), fmt.Sprintf("10.0.1.%d", 10+h), "198.51.100.9", 443, 9, 9000))
		}
	}
	for _, at := range beats(r, 280*testDay, 365*testDay, 3600, .3, .2) {
		all = append(all, conn1(at, "10.0.1.12", "203.0.113.52", 443, .4, 300))
	}
	isBeacon(t, told(Options{Workers: 2}, all))
}

func TestAllAtOnce(t *testing.T) {
	var all []record
	for i := range 5000 {
		all = append(all, conn1(1_772_006_400, fmt.Sprintf("10.0.0.%d", i%5), "192.0.2.1", 443, 1, 100))
	}
	got := told(Options{}, all)
	sane(t, got)
	if got.Called != 0 || got.Tested != 0 || !warned(got, "no rhythm") || !warned(got, "The logs cover") {
		t.Errorf("%d called, %d tested, %q", got.Called, got.Tested, got.Warnings)
	}
}

// TestEndsOfTime: the first and last moments there are do not overflow.
func TestEndsOfTime(t *testing.T) {
	d := New(Options{})
	keys := event.NewKeys()
	h := d.Handler(0, keys)
	for i := range int64(30) {
		for _, ns := range []int64{math.MinInt64 + i, math.MaxInt64 - i, -i * 1e12, i * 1e12} {
			e := &event.Event{Dataset: "zeek.conn", Time: ns, HasTime: true}
			e.Add(keys.Get("source.ip"), []byte("10.0.0.1"))
			e.Add(keys.Get("destination.ip"), []byte("192.0.2.1"))
			h.Event(e, format.Position{}, nil)
		}
	}
	got := d.Result()
	sane(t, got)
	if !warned(got, "stretches", "1677-09-22", "2262-04-10") || warned(got, "The logs cover") {
		t.Errorf("%q", got.Warnings)
	}
}

// TestMissingFields: records without an end or a time are left out, and counted.
func TestMissingFields(t *testing.T) {
	d := New(Options{})
	keys := event.NewKeys()
	h := d.Handler(0, keys)
	for _, x := range []struct {
		dataset string
		timed   bool
		fields  []string
	}{
		{"zeek.conn", true, []string{"source.ip", "10.0.0.1"}},
		{"zeek.conn", true, []string{"destination.ip", "10.0.0.1"}},
		{"zeek.conn", false, []string{"source.ip", "10.0.0.1", "destination.ip", "192.0.2.1"}},
		{"zeek.dns", true, []string{"source.ip", "10.0.0.1"}},
		{"zeek.weird", false, nil},
		{"csv", true, []string{"source.ip", "10.0.0.1"}},
		{"zeek.conn", true, []string{"source.ip", "10.0.0.1", "destination.ip", "192.0.2.1", "destination.port", "none", "event.duration", "-5"}},
	} {
		e := &event.Event{Dataset: x.dataset, Time: 1, HasTime: x.timed}
		for k := 0; k < len(x.fields); k += 2 {
			e.Add(keys.Get(x.fields[k]), []byte(x.fields[k+1]))
		}
		h.Event(e, format.Position{}, nil)
	}
	got := d.Result()
	if got.Series != 1 || !warned(got, "want of a source or a destination: 4 records") || !warned(got, "want of a time that can be read: 1 record.") {
		t.Errorf("%d pairs, %q", got.Series, got.Warnings)
	}
}

// TestRows: with a limit the best rows are the same, and all that are called are there.
func TestRows(t *testing.T) {
	flows := traffic()
	all := judged(Options{}, 1, flows)
	for _, n := range []int{1, 5, 50} {
		got := judged(Options{Rows: n, Workers: 3}, 2, flows)
		if got.Rows != len(all.Pairs) || got.Called != all.Called || got.Tested != all.Tested || len(got.Pairs) != max(n, all.Called) ||
			!reflect.DeepEqual(got.Pairs, all.Pairs[:len(got.Pairs)]) {
			t.Errorf("%d rows of %d: %s", len(got.Pairs), got.Rows, differ(all, got))
		}
	}
}
