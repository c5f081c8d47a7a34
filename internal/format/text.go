package format

import (
	"bytes"

	"weir/internal/event"
)

// text takes any other log, or mere lines: a time where one stands at the start, and the rest as the message.
var text = Format{
	Name:    "text",
	Title:   "plain lines: a time at the start if there is one, the rest as the message",
	Fields:  []string{"message"},
	Example: "2026-01-02 03:04:05 backup finished",
	Score: func(sample [][]byte, _ Options) (float64, string) {
		if isBinary(sample) {
			return 0, "binary data"
		}
		for _, line := range sample {
			if len(bytes.TrimSpace(line)) > 0 {
				return 0.1, "any line is text"
			}
		}
		return 0, "no text in the first lines"
	},
	New: func(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) { return newTextDecoder(o, keys), nil },
}

// maxTimeWords is the most words a time at the start of a line has: "Mon Jan 2 03:04:05 2026 +0100".
const maxTimeWords = 6

type textDecoder struct {
	o       Options
	message *event.Key
	words   int // how many the last time had: the next one probably has as many; 0 before the first
}

func newTextDecoder(o Options, keys *event.Keys) *textDecoder {
	return &textDecoder{o: o, message: keys.Get("message")}
}

func (d *textDecoder) Stateful([]byte, int64) bool { return false }

func (d *textDecoder) Fork(keys *event.Keys) Decoder { return newTextDecoder(d.o, keys) }

func (d *textDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	line = bytes.TrimRight(line, "\r")
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrSkip
	}
	e.Dataset = "text"
	rest := line
	if n := d.leadingTime(line, e); n > 0 {
		rest = bytes.TrimLeft(line[n:], " \t,:;|-")
	}
	if len(rest) > 0 {
		e.Add(d.message, rest)
	}
	return nil
}

// leadingTime sets the event's time if line starts with one, and returns how much of the line it is. The longest
// reading counts, so that an offset or a year after the clock is not taken for text.
func (d *textDecoder) leadingTime(line []byte, e *event.Event) int {
	s := bytes.TrimLeft(line, " \t")
	skipped := len(line) - len(s)
	if !isDigit(s[0]) && !isLetter(s[0]) && s[0] != '[' { // most lines that start with no time end here
		return 0
	}
	if s[0] == '[' {
		end := bytes.IndexByte(s[:min(len(s), 48)], ']')
		if end > 0 {
			if ns, ok := ParseTime(s[1:end], d.o.Zone, d.o.Reference); ok {
				e.Time, e.HasTime = ns, true
				return skipped + end + 1
			}
		}
		return 0
	}
	var ends [maxTimeWords]int
	words := 0
	for i := 0; i < min(len(s), 48) && words < maxTimeWords; i++ {
		if s[i] == ' ' || s[i] == '\t' || s[i] == '|' || s[i] == ';' {
			if i > 0 && s[i-1] != ' ' {
				ends[words] = i
				words++
			}
		} else if i+1 == len(s) {
			ends[words] = i + 1
			words++
		}
	}
	// fast path: as many words as the last time, and those after it that still make a time
	if n := d.words; n > 0 && n <= words && d.try(s, ends[n-1], e) {
		for n < words && d.try(s, ends[n], e) {
			n++
		}
		d.words = n
		return skipped + ends[n-1]
	}
	for n := words; n > 0; n-- {
		if d.try(s, ends[n-1], e) {
			d.words = n
			return skipped + ends[n-1]
		}
	}
	return 0
}

func (d *textDecoder) try(s []byte, end int, e *event.Event) bool {
	for end > 0 && (s[end-1] == ':' || s[end-1] == ',') {
		end--
	}
	ns, ok := ParseTime(s[:end], d.o.Zone, d.o.Reference)
	if ok {
		e.Time, e.HasTime = ns, true
	}
	return ok
}
