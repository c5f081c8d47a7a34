package report

import "time"

// A pace is a distance between ticks of time.
type pace struct {
	every  time.Duration // within a day
	days   int           // or whole days
	months int           // or months
}

var paces = []pace{{every: time.Second}, {every: 5 * time.Second}, {every: 15 * time.Second}, {every: time.Minute},
	{every: 5 * time.Minute}, {every: 10 * time.Minute}, {every: 15 * time.Minute}, {every: 30 * time.Minute}, {every: time.Hour},
	{every: 2 * time.Hour}, {every: 3 * time.Hour}, {every: 6 * time.Hour}, {every: 12 * time.Hour}, {days: 1}, {days: 2}, {days: 4},
	{days: 7}, {days: 14}, {months: 1}, {months: 3}, {months: 6}, {months: 12}, {months: 60}, {months: 240}, {months: 1200}}

const day = 24 * time.Hour

func (p pace) length() time.Duration {
	return p.every + time.Duration(p.days)*day + time.Duration(p.months)*30*day
}

// maxTicks is how many labelled ticks of time a chart has at most.
const maxTicks = 9

// timeTicks places ticks at round times of the chart's zone. Every other one may go where there is little room.
func (c *chart) timeTicks() []gridline {
	from, to := time.Unix(int64(c.XFrom), 0).In(c.zone), time.Unix(int64(c.XTo), 0).In(c.zone)
	p := paces[len(paces)-1]
	for _, x := range paces {
		if to.Sub(from)/x.length() <= maxTicks {
			p = x
			break
		}
	}
	var out []gridline
	for t := p.floor(from); !t.After(to) && len(out) <= 2*maxTicks; t = p.next(t) {
		if t.Before(from) {
			continue
		}
		class := ""
		if len(out)%2 == 1 {
			class = "spare"
		}
		out = append(out, gridline{At: c.place(float64(t.Unix())), Text: p.text(t), Class: class})
	}
	return out
}

func (p pace) floor(t time.Time) time.Time {
	y, m, d := t.Date()
	switch {
	case p.months >= 12:
		return time.Date(y-y%(p.months/12), 1, 1, 0, 0, 0, 0, t.Location())
	case p.months > 0:
		return time.Date(y, m-(m-1)%time.Month(p.months), 1, 0, 0, 0, 0, t.Location())
	case p.days > 0:
		return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	}
	if hours := int(p.every / time.Hour); hours > 0 {
		return time.Date(y, m, d, t.Hour()-t.Hour()%hours, 0, 0, 0, t.Location())
	}
	return t.Truncate(p.every) // zones are whole minutes apart, and quarters of an hour as a rule
}

// next goes on by the clock on the wall: after noon comes midnight on the days, too, on which clocks change.
func (p pace) next(t time.Time) time.Time {
	if hours := int(p.every / time.Hour); hours > 0 {
		y, m, d := t.Date()
		if next := time.Date(y, m, d, t.Hour()+hours, 0, 0, 0, t.Location()); next.After(t) {
			return next
		}
	}
	if p.every > 0 {
		return t.Add(p.every)
	}
	return t.AddDate(0, p.months, p.days)
}

// text writes a tick: the time, or the day where one starts.
func (p pace) text(t time.Time) string {
	switch {
	case p.months >= 12:
		return t.Format("2006")
	case p.months > 0:
		return t.Format("Jan 2006")
	case p.days > 0:
		return t.Format("2 Jan")
	}
	if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
		return t.Format("2 Jan")
	}
	if p.every < time.Minute {
		return t.Format(ofTheDay)
	}
	return t.Format("15:04")
}
