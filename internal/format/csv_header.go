package format

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode"

	"weir/internal/event"
)

// csvTimeNames are the names of time columns, the surer ones first, without anything but letters and digits.
var csvTimeNames = []string{"timestamp", "datetime", "eventtime", "time", "ts", "utctime", "timegenerated", "timecreated",
	"logtime", "starttime", "stime", "start", "firstseen", "flowstart", "createdat", "created", "receivedat", "date",
	"epoch", "unixtime", "when"}

// minCSVRead is the part of the sample's lines that must have as many columns as the header.
const minCSVRead = 0.8

// planCSV finds out how a table is written from its first lines. The plan is never nil: where the first line does not
// look like a header (the score is 0 then, but a user may insist) the columns are called column_1 and so on.
func planCSV(sample [][]byte, o Options) (plan *csvPlan, score float64, reason string) {
	first := -1
	comma := byte(0)
	for i, line := range sample {
		line = trimCSVLine(line)
		if isSepLine(line) {
			comma = line[4]
		} else if len(bytes.TrimSpace(line)) > 0 {
			first = i
			break
		}
	}
	if first < 0 {
		return &csvPlan{comma: ',', dateColumn: -1, columns: nameColumns(nil, 1)}, 0, "no lines"
	}
	rows, read := tableRows(sample[first:], &comma)
	plan = &csvPlan{comma: comma, dateColumn: -1}
	header, data := rows[0], rows[1:]
	reason = headerFault(header, data)
	if reason == "" {
		plan.header = bytes.Clone(trimCSVLine(sample[first]))
		plan.headerLine = int64(first) + 1
		plan.columns = nameColumns(header, len(header))
	} else {
		plan.columns = nameColumns(nil, len(header))
		data = rows
	}
	plan.findTime(header, data, o)
	switch {
	case reason != "":
		return plan, 0, reason
	case read < minCSVRead:
		return plan, 0, "lines with more or fewer columns than the first"
	case len(data) == 0 && (len(header) < 3 || bytes.IndexByte(plan.header, ' ') >= 0):
		return plan, 0, "a single line"
	case len(data) == 0:
		return plan, 0.3, "nothing but a header"
	}
	if read < 1 {
		reason = "some lines with more or fewer columns than the header"
	}
	return plan, 0.95 * read, reason
}

// tableRows splits the sample by the separator that gives the most lines as many columns as the first, and returns the
// rows that have as many, and their part of all rows. A separator that is not 0 is kept.
func tableRows(sample [][]byte, comma *byte) (rows [][]string, read float64) {
	candidates := []byte{'\t', ';', '|', ','}
	if *comma != 0 {
		candidates = []byte{*comma}
	}
	for _, c := range candidates {
		var r [][]string
		all := 0
		for _, line := range sample {
			line = trimCSVLine(line)
			if len(line) == 0 {
				continue
			}
			cells := splitRow(line, c)
			all++
			if cells != nil && (len(r) == 0 || len(cells) == len(r[0])) {
				r = append(r, cells)
			} else if len(r) == 0 {
				break
			}
		}
		if len(r) == 0 {
			continue
		}
		part := float64(len(r)) / float64(all)
		better := part > read || part == read && len(r[0]) > len(rows[0])
		if rows == nil || len(r[0]) > 1 && (better || len(rows[0]) == 1) {
			rows, read, *comma = r, part, c
		}
	}
	if rows == nil { // a quote that is never closed
		rows, read, *comma = [][]string{{string(sample[0])}}, 0, ','
	}
	return rows, read
}

// splitRow returns the values of a line, or nil if it is malformed.
func splitRow(line []byte, comma byte) []string {
	var e event.Event
	var cells []string
	for more := true; more; {
		var v []byte
		var err *Malformed
		if v, line, more, err = cutCell(&e, line, comma); err != nil || len(cells) > event.MaxFields-8 {
			return nil
		}
		cells = append(cells, string(v))
	}
	return cells
}

// headerFault says why the first row is not one of names, or nothing if it could be.
func headerFault(header []string, data [][]string) string {
	if len(header) < 2 {
		return "a single column"
	}
	empty := 0
	seen := map[string]int{}
	for i, h := range header {
		if h == "" {
			empty++
			continue
		}
		if !isPlausibleName(h) {
			if strings.ContainsFunc(h, unicode.IsControl) {
				return "the first line is not one of names"
			}
			return "the first line is not one of names: " + strconv.Quote(h[:min(len(h), 40)])
		}
		if len(header) == 2 && i == 1 && strings.Contains(header[0]+h, " ") && len(data) < 3 {
			return "two parts of a sentence"
		}
		seen[h]++
	}
	if empty*4 > len(header) || len(seen)*2 <= len(header)-empty {
		return "the first line is not one of different names"
	}
	recurs := 0
	for i, h := range header {
		for _, row := range data {
			if h != "" && row[i] == h && !sameRow(row, header) {
				recurs++
				break
			}
		}
	}
	if recurs > 0 && recurs*4 >= len(header) {
		return "the first line is like those after it"
	}
	return ""
}

func sameRow(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// isPlausibleName reports whether h could be the name of a column: a few words, with a letter, no number, address, time
// or sentence.
func isPlausibleName(h string) bool {
	if len(h) > 64 || strings.Count(h, " ") > 4 || strings.HasSuffix(h, ".") {
		return false
	}
	letters := 0
	for i := 0; i < len(h); i++ {
		switch c := h[i]; {
		case isLetter(c) || c >= 0x80:
			letters++
		case isDigit(c), strings.IndexByte(" _-./#@%$()[]:&+*~", c) >= 0:
		default:
			return false
		}
	}
	if h == "#" {
		return true
	}
	if _, err := strconv.ParseFloat(h, 64); err == nil || letters == 0 || isIP([]byte(h)) {
		return false
	}
	if h[0] == '/' || h[0] == '[' || h[0] == '#' && strings.Contains(" #separator #fields #path ", " "+h+" ") {
		return false
	}
	_, isTime := ParseTime([]byte(h), nil, time.Time{})
	return !isTime
}

// nameColumns returns the columns of a header, or n without names.
func nameColumns(header []string, n int) []csvColumn {
	columns := make([]csvColumn, n)
	taken := map[string]bool{}
	for i := range columns {
		own := "column_" + strconv.Itoa(i+1)
		if header != nil && header[i] != "" {
			own = strings.TrimPrefix(header[i], "#")
			if own == "" {
				own = header[i]
			}
		}
		name := ecsName(own)
		if taken[name] {
			name = own
		}
		for k := 2; taken[name]; k++ {
			name = own + "_" + strconv.Itoa(k)
		}
		taken[name] = true
		columns[i].name = name
		if name == "url.path" {
			columns[i].kind = csvURL
		}
	}
	return columns
}

// findTime decides which column holds the time: one whose name says so and whose values are times, else one without
// such a name whose values are written times (a bare number is only a time where the name says so).
func (p *csvPlan) findTime(header []string, data [][]string, o Options) {
	isTime := func(column int) bool { return timesIn(data, column, -1, o, 0.8) }
	if p.header != nil {
		named := map[string]int{}
		for i, h := range header {
			if h = plainName(h); h != "" {
				if _, ok := named[h]; !ok {
					named[h] = i
				}
			}
		}
		date, okDate := named["date"]
		clock, okClock := named["time"]
		if okDate && okClock && !isTime(clock) && timesIn(data, clock, date, o, 0.8) {
			p.columns[date].kind, p.columns[clock].kind, p.dateColumn = csvDate, csvTime, date
			return
		}
		for _, name := range csvTimeNames {
			if i, ok := named[name]; ok && (isTime(i) || len(data) == 0) {
				p.columns[i].kind = csvTime
				return
			}
		}
		for i, h := range header {
			if h = plainName(h); (strings.Contains(h, "time") || strings.Contains(h, "date")) && isTime(i) {
				p.columns[i].kind = csvTime
				return
			}
		}
	}
	for i := range p.columns {
		if isTime(i) && !numbersIn(data, i) {
			p.columns[i].kind = csvTime
			return
		}
	}
}

// timesIn reports whether at least that part of the values of a column are times, with the values of the column date
// before them unless that is negative.
func timesIn(data [][]string, column, date int, o Options, part float64) bool {
	var times, all float64
	for _, row := range data {
		v := row[column]
		if v == "" {
			continue
		}
		if date >= 0 {
			v = row[date] + " " + v
		}
		all++
		if _, ok := o.time([]byte(v)); ok {
			times++
		}
	}
	return times > 0 && times >= part*all
}

func numbersIn(data [][]string, column int) bool {
	for _, row := range data {
		if v := row[column]; v != "" && allDigits(bytes.ReplaceAll([]byte(v), []byte("."), nil)) {
			return true
		}
	}
	return false
}

// plainName is a name with nothing but its letters and digits, in lower case.
func plainName(h string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (isLetter(byte(r)) || isDigit(byte(r))) {
			return r
		}
		return -1
	}, lowerASCII(h))
}
