package lake

import (
	"bytes"

	"weir/internal/event"
)

// A line mostly repeats what the columns hold already. It is kept as what they leave: a template, in which
//
//	\x02   stands for the value of the next field of the record
//	\x03   says that the value of the next field is not in the line as it is (unquoted, taken apart), and stands for nothing
//	\x01   stands for a run of digits of the line, which are in raw_digits, each run after a \n
//
// So {"ts":1331914651.55,"id.orig_h":"192.0.2.7"} is {"ts":\x01.\x01,"id.orig_h":"\x02"} with the digits \n1331914651\n55,
// and lines of one kind share one template. A line that holds such characters itself is kept whole.
const (
	pieceDigits  = 1
	pieceValue   = 2
	pieceNoValue = 3
)

// reach is how far from the end of one value the next one may start: beyond a key, quotes and separators.
const reach = 192

// A cutter has the memory for one line.
type cutter struct{ template, digits []byte }

// cut takes a line apart, in the order of its fields; ok is false for a line that cannot be.
func (c *cutter) cut(fields []event.Field, line []byte) (ok bool) {
	c.template, c.digits = c.template[:0], c.digits[:0]
	at := 0
	for i := range fields {
		v := fields[i].Value
		near := line[at:min(len(line), at+reach+len(v))]
		n := -1
		if len(v) > 0 {
			n = bytes.Index(near, v)
		}
		if n < 0 {
			c.template = append(c.template, pieceNoValue)
			continue
		}
		if !c.literal(near[:n]) {
			return false
		}
		c.template = append(c.template, pieceValue)
		at += n + len(v)
	}
	return c.literal(line[at:])
}

// literal adds a stretch of the line that is no value.
func (c *cutter) literal(s []byte) bool {
	inRun := false
	for _, b := range s {
		switch {
		case '0' <= b && b <= '9':
			if !inRun {
				c.template, c.digits = append(c.template, pieceDigits), append(c.digits, '\n')
			}
			inRun = true
			c.digits = append(c.digits, b)
		case b <= pieceNoValue && b >= pieceDigits:
			return false
		default:
			inRun = false
			c.template = append(c.template, b)
		}
	}
	return true
}

// appendJoined undoes cut; ok is false if the parts do not fit together.
func appendJoined(dst []byte, fields []event.Field, template, digits []byte) (line []byte, ok bool) {
	next := 0
	for _, b := range template {
		switch b {
		case pieceDigits:
			if len(digits) == 0 || digits[0] != '\n' {
				return dst, false
			}
			digits = digits[1:]
			n := bytes.IndexByte(digits, '\n')
			if n < 0 {
				n = len(digits)
			}
			dst = append(dst, digits[:n]...)
			digits = digits[n:]
		case pieceValue, pieceNoValue:
			if next >= len(fields) {
				return dst, false
			}
			if b == pieceValue {
				dst = append(dst, fields[next].Value...)
			}
			next++
		default:
			dst = append(dst, b)
		}
	}
	return dst, len(digits) == 0
}
