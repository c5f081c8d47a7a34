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
	New: func(sample [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		return newTextDecoder(o, keys, mostHaveEpoch(sample)), nil
	},
}

// maxTimeWords is the most words a time at the start of a line has: "Mon Jan 2 03:04:05 2026 +0100".
const maxTimeWords = 6

type textDecoder struct {
	o       Options
	message *event.Key
	epoch   bool // a number at the start of a line may be its time
	words   int  // how many the last time had: the next one probably has as many; 0 before the first
}

func newTextDecoder(o Options, keys *event.Keys, epoch bool) *textDecoder {
	return &textDecoder{o: o, message: keys.Get("message"), epoch: epoch}
}

// mostHaveEpoch reports whether most lines of sample start with what may be a time in seconds since 1970, or parts of
// them. Single ones are ids, amounts or telephone numbers.
func mostHaveEpoch(sample [][]byte) bool {
	epochs, lines := countEpochs(sample)
	return 2*epochs > lines
}

func countEpochs(sample [][]byte) (epochs, lines int) {
	for _, line := range sample {
		if line = bytes.TrimLeft(line, " \t\r"); len(line) > 0 {
			lines++
			if _, n := leadingEpoch(line); n > 0 {
				epochs++
			}
		}
	}
	return epochs, lines
}

// leadingEpoch reads a number between 1980 and 2100 that something to separate it from the rest of the line follows, and
// returns how long it is.
func leadingEpoch(s []byte) (ns int64, n int) {
	for n < len(s) && (isDigit(s[n]) || s[n] == '.') {
		n++
	}
	if n < len("315532800") || n == len(s) {
		return 0, 0
	}
	switch s[n] {
	case ' ', '\t', ',', ';', '|':
	case ':':
		if n+1 == len(s) || s[n+1] != ' ' {
			return 0, 0
		}
	default:
		return 0, 0
	}
	ns, ok := parsePlausibleEpoch(s[:n])
	if !ok {
		return 0, 0
	}
	return ns, n
}

func (d *textDecoder) Stateful([]byte, int64) bool { return false }

func (d *textDecoder) Fork(keys *event.Keys) Decoder { return newTextDecoder(d.o, keys, d.epoch) }

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
			if ns, ok := d.o.time(s[1:end]); ok {
				e.Time, e.HasTime = ns, true
				return skipped + end + 1
			}
		}
		return 0
	}
	if isDigit(s[0]) && len(s) > 4 && allDigits(s[:5]) { // written times have something else among the first five
		if !d.epoch {
			return 0
		}
		ns, n := leadingEpoch(s)
		if n == 0 {
			return 0
		}
		e.Time, e.HasTime = ns, true
		return skipped + n
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
	ns, ok := d.o.time(s[:end])
	if ok {
		e.Time, e.HasTime = ns, true
	}
	return ok
}
