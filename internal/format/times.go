package format

import (
	"bytes"
	"strconv"
	"time"
)

// Bounds of what counts as a time. A bare number is only taken for an epoch between 1980 and 2100; a written date may
// lie anywhere in 1900..2199, which int64 nanoseconds hold with room for an offset.
const (
	minYear       = 1900
	maxYear       = 2199
	minEpochSec   = 315532800  // 1980-01-01
	maxEpochSec   = 4102444800 // 2100-01-01
	maxInt64Sec   = 9223372035 // the last whole second that int64 nanoseconds hold
	nanosInSecond = int64(time.Second)
)

// ParseTime reads the times that logs write, and returns nanoseconds since 1970-01-01 UTC:
//
//	2021-06-06T15:59:46.457984+0200   RFC 3339 and its relatives: blank for T, comma for dot, offset with or without
//	2021-06-06 15:59:46,457 UTC       a colon, Z, or none; the date alone is its midnight
//	1331914651.55                     epoch in seconds, ms, us or ns, if between 1980 and 2100
//	19/May/2015:18:05:03 +0000        Apache and nginx access logs
//	Mar 27 13:06:56                   syslog; the year is the one that puts the time nearest to ref
//	Mar 27 2019 13:06:56
//	Sun Dec 04 04:47:44.123 2005      Apache error logs, asctime
//	2006/01/02 15:04:05               nginx error logs, Argus
//	01/02/2006 15:04:05, 1/2/2006 3:04:05 PM
//	Mon, 02 Jan 2006 15:04:05 GMT     RFC 1123
//
// Blanks and one pair of square brackets around the time are ignored; anything else before or after it is not. Times
// without an offset are in zone (nil is UTC). A zero ref stands for 1970. It keeps nothing of s and does not allocate.
func ParseTime(s []byte, zone *time.Location, ref time.Time) (ns int64, ok bool) {
	return parseTime(s, zone, yearReference{at: ref})
}

// A yearReference is what the year of a time without one is found by.
type yearReference struct {
	at   time.Time
	past bool // the time lies before at, or at most slack after it; otherwise as near to it as can be
}

// slack is how far a time may lie after the moment that it was written in: clocks differ, and so do zones.
const slack = 24 * time.Hour

// time reads a time as ParseTime does, with the zone and the reference of o.
func (o *Options) time(s []byte) (ns int64, ok bool) {
	return parseTime(s, o.Zone, yearReference{o.Reference, o.Past})
}

func parseTime(s []byte, zone *time.Location, ref yearReference) (ns int64, ok bool) {
	s = bytes.TrimSpace(s)
	if len(s) >= 2 && s[0] == '[' && s[len(s)-1] == ']' {
		s = bytes.TrimSpace(s[1 : len(s)-1])
	}
	if len(s) < 8 || len(s) > 64 {
		return 0, false
	}
	p := timeParser{s: s}
	if !isDigit(s[0]) {
		return p.named(zone, ref)
	}
	switch {
	case (s[4] == '-' || s[4] == '/') && isDigit(s[1]) && isDigit(s[2]):
		return p.iso(zone)
	case s[2] == '/' && isLetter(s[3]):
		return p.clf(zone)
	case s[1] == '/' || s[2] == '/':
		return p.american(zone)
	case s[1] == ' ' || s[2] == ' ':
		return p.dayFirst(zone)
	}
	return parsePlausibleEpoch(s)
}

// ParseEpoch reads a number that is known to be an epoch: seconds with an optional fraction, exact to the nanosecond
// (more digits are cut), or a whole number of ms, us or ns when it is too large to be seconds. Unlike [ParseTime] it
// takes small values, which traces with a clock that starts at nought have. Negative numbers are refused.
func ParseEpoch(s []byte) (ns int64, ok bool) {
	s = bytes.TrimSpace(s)
	whole, frac := int64(0), int64(0)
	i := 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		if i >= 19 {
			return 0, false
		}
		whole = whole*10 + int64(s[i]-'0') // 19 digits may overflow once, to below nought
	}
	if i == 0 || whole < 0 {
		return 0, false
	}
	if i < len(s) && s[i] == '.' {
		var n int
		frac, n = fractionNanos(s[i+1:])
		i += 1 + n
	}
	if i < len(s) {
		return parseFloatEpoch(s)
	}
	return scaleEpoch(whole, frac)
}

// parseFloatEpoch is the slow path for 1.331914651e9.
func parseFloatEpoch(s []byte) (int64, bool) {
	if len(s) > 40 || bytes.IndexByte(s, 'e') < 0 && bytes.IndexByte(s, 'E') < 0 || bytes.IndexByte(s, '_') >= 0 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil || !(f >= 0 && f < maxInt64Sec) {
		return 0, false
	}
	return int64(f * 1e9), true
}

// scaleEpoch turns a number into nanoseconds, guessing its unit from its size.
func scaleEpoch(whole, frac int64) (int64, bool) {
	switch {
	case whole <= maxInt64Sec:
		return whole*nanosInSecond + frac, true
	case whole < maxInt64Sec*1e3:
		return whole*1e6 + frac/1e3, true
	case whole < maxInt64Sec*1e6:
		return whole*1e3 + frac/1e6, true
	}
	return whole, true
}

func parsePlausibleEpoch(s []byte) (int64, bool) {
	ns, ok := ParseEpoch(s)
	if !ok || ns < minEpochSec*nanosInSecond || ns >= maxEpochSec*nanosInSecond {
		return 0, false
	}
	return ns, true
}

// fractionNanos reads the digits s starts with as a fraction of a second, and returns how many there are.
func fractionNanos(s []byte) (ns int64, n int) {
	unit := int64(1e8)
	for n < len(s) && isDigit(s[n]) {
		ns += int64(s[n]-'0') * unit
		unit /= 10
		n++
	}
	return ns, n
}

func isDigit(c byte) bool  { return c-'0' <= 9 }
func isLetter(c byte) bool { return c|0x20-'a' < 26 }

// timeParser walks over one written time. Its methods return false at the first thing that does not fit.
type timeParser struct {
	s     []byte
	i     int
	year  int
	month int
	day   int
	sec   int   // since midnight
	nanos int64 // of the second
}

// number reads between lo and hi digits.
func (p *timeParser) number(lo, hi int) (int, bool) {
	v, n := 0, 0
	for n < hi && p.i < len(p.s) && isDigit(p.s[p.i]) {
		v = v*10 + int(p.s[p.i]-'0')
		p.i++
		n++
	}
	return v, n >= lo
}

// take reads one byte if it is c.
func (p *timeParser) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *timeParser) blanks() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

// clock reads 15:04:05 with an optional fraction; seconds may be left out.
func (p *timeParser) clock() bool {
	h, ok1 := p.number(1, 2)
	ok2 := p.take(':')
	m, ok3 := p.number(2, 2)
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 {
		return false
	}
	p.sec = h*3600 + m*60
	if !p.take(':') {
		return true
	}
	s, ok := p.number(2, 2)
	if !ok || s > 60 {
		return false
	}
	p.sec += s
	if p.i+1 < len(p.s) && (p.s[p.i] == '.' || p.s[p.i] == ',') && isDigit(p.s[p.i+1]) {
		var n int
		p.nanos, n = fractionNanos(p.s[p.i+1:])
		p.i += 1 + n
	}
	return true
}

// monthName reads Jan … Dec, in any case, also written out.
func (p *timeParser) monthName() bool {
	p.month = 0
	if p.i+3 > len(p.s) {
		return false
	}
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	a, b, c := p.s[p.i]|0x20, p.s[p.i+1]|0x20, p.s[p.i+2]|0x20
	for m := 0; m < 12; m++ {
		if names[3*m] == a && names[3*m+1] == b && names[3*m+2] == c {
			p.month = m + 1
			break
		}
	}
	for p.i < len(p.s) && isLetter(p.s[p.i]) {
		p.i++
	}
	return p.month > 0
}

// finish reads what may stand after the clock, an offset, and puts the time together.
func (p *timeParser) finish(zone *time.Location) (int64, bool) {
	if p.i == len(p.s) {
		return p.in(zone)
	}
	p.blanks()
	if p.i == len(p.s) {
		return 0, false
	}
	c, rest := p.s[p.i], p.s[p.i+1:]
	if (c == 'Z' || c == 'z') && len(rest) == 0 || c == 'U' && string(rest) == "TC" || c == 'G' && string(rest) == "MT" {
		return p.at(0)
	}
	if c != '+' && c != '-' {
		return 0, false
	}
	p.i++
	h, ok := p.number(2, 2)
	if !ok || h > 23 {
		return 0, false
	}
	m := 0
	if p.take(':') || p.i < len(p.s) {
		if m, ok = p.number(2, 2); !ok || m > 59 || p.i < len(p.s) {
			return 0, false
		}
	}
	offset := h*3600 + m*60
	if c == '-' {
		offset = -offset
	}
	return p.at(offset)
}

func (p *timeParser) validDate() bool {
	return p.year >= minYear && p.year <= maxYear && p.month >= 1 && p.month <= 12 &&
		p.day >= 1 && p.day <= daysIn(p.year, p.month)
}

// at returns the time at an offset east of UTC.
func (p *timeParser) at(offset int) (int64, bool) {
	if !p.validDate() {
		return 0, false
	}
	sec := daysFromCivil(p.year, p.month, p.day)*86400 + int64(p.sec-offset)
	return sec*nanosInSecond + p.nanos, true
}

// in returns the time on the clocks of zone.
func (p *timeParser) in(zone *time.Location) (int64, bool) {
	if zone == nil || zone == time.UTC {
		return p.at(0)
	}
	if !p.validDate() {
		return 0, false
	}
	t := time.Date(p.year, time.Month(p.month), p.day, 0, 0, p.sec, 0, time.UTC)
	t = time.Date(p.year, time.Month(p.month), p.day, t.Hour(), t.Minute(), t.Second(), int(p.nanos), zone)
	return t.UnixNano(), true
}

// iso reads 2006-01-02, alone or followed by a clock.
func (p *timeParser) iso(zone *time.Location) (int64, bool) {
	sep := p.s[4]
	var ok1, ok2, ok3 bool
	p.year, ok1 = p.number(4, 4)
	p.take(sep)
	p.month, ok2 = p.number(1, 2)
	ok4 := p.take(sep)
	p.day, ok3 = p.number(1, 2)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return 0, false
	}
	if p.i == len(p.s) {
		return p.in(zone)
	}
	if !p.take('T') && !p.take('t') && !p.take(' ') && !p.take('_') && !p.take('-') {
		return 0, false
	}
	p.blanks()
	if !p.clock() {
		return 0, false
	}
	return p.finish(zone)
}

// clf reads 19/May/2015:18:05:03 +0000.
func (p *timeParser) clf(zone *time.Location) (int64, bool) {
	var ok1, ok2 bool
	p.day, ok1 = p.number(2, 2)
	ok3 := p.take('/') && p.monthName() && p.take('/')
	p.year, ok2 = p.number(4, 4)
	if !ok1 || !ok2 || !ok3 || !p.take(':') && !p.take(' ') || !p.clock() {
		return 0, false
	}
	return p.finish(zone)
}

// american reads 01/02/2006 15:04:05. Where the first number cannot be a month it is the day.
func (p *timeParser) american(zone *time.Location) (int64, bool) {
	var ok1, ok2, ok3 bool
	p.month, ok1 = p.number(1, 2)
	p.take('/')
	p.day, ok2 = p.number(1, 2)
	ok4 := p.take('/')
	p.year, ok3 = p.number(4, 4)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return 0, false
	}
	if p.month > 12 {
		p.month, p.day = p.day, p.month
	}
	if p.i == len(p.s) {
		return p.in(zone)
	}
	if !p.take(' ') && !p.take('T') {
		return 0, false
	}
	p.blanks()
	if !p.clock() || !p.meridiem() {
		return 0, false
	}
	return p.finish(zone)
}

// meridiem applies AM or PM, if there is one.
func (p *timeParser) meridiem() bool {
	j := p.i
	for j < len(p.s) && p.s[j] == ' ' {
		j++
	}
	if j+2 > len(p.s) || p.s[j+1]|0x20 != 'm' {
		return true
	}
	h := p.sec / 3600
	switch p.s[j] | 0x20 {
	case 'a':
		if h == 12 {
			p.sec -= 12 * 3600
		}
	case 'p':
		if h < 12 {
			p.sec += 12 * 3600
		}
	default:
		return true
	}
	p.i = j + 2
	return h >= 1 && h <= 12
}

// dayFirst reads 02 Jan 2006 15:04:05.
func (p *timeParser) dayFirst(zone *time.Location) (int64, bool) {
	var ok1, ok2 bool
	p.day, ok1 = p.number(1, 2)
	p.blanks()
	ok3 := p.monthName()
	p.blanks()
	p.year, ok2 = p.number(4, 4)
	ok4 := p.take(' ')
	p.blanks()
	if !ok1 || !ok2 || !ok3 || !ok4 || !p.clock() {
		return 0, false
	}
	return p.finish(zone)
}

// named reads what starts with the name of a month or of a day of the week.
func (p *timeParser) named(zone *time.Location, ref yearReference) (int64, bool) {
	if !p.monthName() { // then it is a day of the week, or nothing
		if p.i < 3 {
			return 0, false
		}
		p.take(',')
		p.blanks()
		if p.i < len(p.s) && isDigit(p.s[p.i]) {
			return p.dayFirst(zone)
		}
		if !p.monthName() {
			return 0, false
		}
	}
	p.blanks()
	var ok bool
	if p.day, ok = p.number(1, 2); !ok {
		return 0, false
	}
	p.take(',')
	if !p.take(' ') {
		return 0, false
	}
	p.blanks()
	return p.afterDay(zone, ref)
}

// afterDay reads what follows "Mar 27 ": a clock, with a year before it, after it, or without one.
func (p *timeParser) afterDay(zone *time.Location, ref yearReference) (int64, bool) {
	if p.i+4 < len(p.s) && p.s[p.i+4] == ' ' && isDigit(p.s[p.i+3]) {
		p.year, _ = p.number(4, 4)
		p.blanks()
		if !p.clock() {
			return 0, false
		}
		return p.finish(zone)
	}
	if !p.clock() {
		return 0, false
	}
	if p.i == len(p.s) {
		return p.withoutYear(zone, ref)
	}
	p.blanks()
	if p.i+4 == len(p.s) {
		var ok bool
		if p.year, ok = p.number(4, 4); ok {
			return p.in(zone)
		}
		return 0, false
	}
	return 0, false
}

// withoutYear returns the time in the year that ref asks for: the one that puts it nearest, or the latest that does not
// put it after ref by more than slack. For 29 February that may be up to eight years away (1896 and 1904 are eight
// apart).
func (p *timeParser) withoutYear(zone *time.Location, ref yearReference) (int64, bool) {
	at := ref.at
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	around := at.UTC().Year()
	if around < minYear+8 || around > maxYear-8 {
		return 0, false
	}
	span := 1
	if p.month == 2 && p.day == 29 {
		span = 8
	}
	base := at.UnixNano()
	var best, least int64
	found := false
	for p.year = around - span; p.year <= around+span; p.year++ {
		t, ok := p.in(zone)
		if !ok {
			continue
		}
		gap := base - t
		if ref.past && gap < -int64(slack) {
			continue
		}
		if gap < 0 {
			gap = -gap
		}
		if !found || gap < least {
			best, least, found = t, gap, true
		}
	}
	return best, found
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil returns the days since 1970-01-01 of a Gregorian date with a year above 0. The year is counted from
// March, so that the leap day comes last; 146097 is the days in 400 years (Howard Hinnant, chrono-compatible low-level
// date algorithms, days_from_civil).
func daysFromCivil(year, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int64(era)*146097 + int64(dayOfEra) - 719468
}
