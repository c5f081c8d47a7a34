package scenario

import (
	"strconv"
	"time"
)

// Times are microseconds since the start of the scenario.
const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// A clock writes times as the logs have them. Everything that is the same for a whole hour is rendered once per hour.
type clock struct {
	start int64 // Unix seconds of time 0, a local midnight
	zone  *time.Location
	day0  int64 // local days since 1970 of time 0
	ring  [16]hourStamp
}

type hourStamp struct {
	hour    int64 // −1 when empty
	day     int   // local days since the start
	clock   int   // local hour of the day
	weekday int   // 0 is Monday
	access  []byte
	offset  []byte
	syslog  []byte
}

func newClock(start time.Time, zone *time.Location) *clock {
	c := &clock{start: start.Unix(), zone: zone}
	_, off := start.In(zone).Zone()
	c.day0 = (c.start + int64(off)) / 86400
	for i := range c.ring {
		c.ring[i].hour = -1
	}
	return c
}

func (c *clock) stamp(t int64) *hourStamp {
	h := t / hour
	s := &c.ring[h&15]
	if s.hour != h {
		local := time.Unix(c.start+h*3600, 0).In(c.zone)
		_, off := local.Zone()
		s.hour = h
		s.day = int((local.Unix()+int64(off))/86400 - c.day0)
		s.clock = local.Hour()
		s.weekday = (int(local.Weekday()) + 6) % 7
		s.access = local.AppendFormat(s.access[:0], "[02/Jan/2006:15:")
		s.offset = local.AppendFormat(s.offset[:0], " -0700]")
		s.syslog = local.AppendFormat(s.syslog[:0], "Jan _2 15:")
	}
	return s
}

// appendAccess appends [25/Feb/2026:03:04:05 +0000].
func (c *clock) appendAccess(b []byte, t int64) []byte {
	s := c.stamp(t)
	b = append(b, s.access...)
	b = appendMinSec(b, t%hour/second)
	return append(b, s.offset...)
}

// appendSyslog appends Feb 25 03:04:05.
func (c *clock) appendSyslog(b []byte, t int64) []byte {
	b = append(b, c.stamp(t).syslog...)
	return appendMinSec(b, t%hour/second)
}

// appendEpoch appends 1771988645.123456.
func (c *clock) appendEpoch(b []byte, t int64) []byte {
	b = strconv.AppendInt(b, c.start+t/second, 10)
	return appendMicros(b, t%second)
}

// at is the time of day clockHour:clockMinute of a local day, as the zone has it on that day.
func (c *clock) at(dayIndex int, clockHour, clockMinute int) int64 {
	s := time.Unix(c.start, 0).In(c.zone)
	t := time.Date(s.Year(), s.Month(), s.Day()+dayIndex, clockHour, clockMinute, 0, 0, c.zone)
	return (t.Unix() - c.start) * second
}

func (c *clock) time(t int64) time.Time {
	return time.Unix(c.start+t/second, t%second*1000).UTC()
}

func appendMinSec(b []byte, s int64) []byte {
	m, s := s/60, s%60
	return append(b, byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10))
}

func appendMicros(b []byte, us int64) []byte {
	return append(b, '.', byte('0'+us/100000), byte('0'+us/10000%10), byte('0'+us/1000%10),
		byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

// The daily curves, in no unit: only their shape matters. Index is the local hour of whoever acts.
var (
	curveShop = [24]int64{250, 130, 80, 60, 70, 150, 400, 750, 1050, 1250, 1400, 1400, 1450, 1350, 1300, 1300, 1350, 1450,
		1600, 1850, 2000, 1750, 1150, 600}
	curveShopDay = [7]int64{100, 98, 97, 97, 93, 88, 118}
)

// shopWeight is how busy visitors are whose clock stands shift hours from the company's.
func shopWeight(s *hourStamp, shift int) int64 {
	return curveShop[(s.clock+shift+24)%24] * curveShopDay[s.weekday] / 100
}
