// Package term makes text safe and readable on a terminal: what comes from logs is an attacker's, and is shown, never
// obeyed.
package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Clean returns s with everything that a terminal would obey, or that would hide or reorder what is read, as a visible
// escape: control characters and escape sequences (\x1b), bidirectional and zero-width characters (\u202e), line
// separators, private use, invalid UTF-8 (\xff). Blanks of all kinds become plain ones. The result holds only printable
// characters.
func Clean(s string) string {
	safe := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			safe = false
			break
		}
	}
	if safe {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case !unicode.IsPrint(r) || ignorable(r):
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// ignorable reports characters that count as printable letters or marks and yet show nothing: fillers that spoof names,
// and variation selectors.
func ignorable(r rune) bool {
	switch {
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x2800, r == 0x3164, r == 0xffa0:
		return true
	case 0x180b <= r && r <= 0x180f, 0xfe00 <= r && r <= 0xfe0f, 0xe0100 <= r && r <= 0xe01ef:
		return true
	}
	return false
}

// Width is how many columns s takes.
func Width(s string) int { return runewidth.StringWidth(s) }

// Cut returns s in at most width columns, ending in … if something was cut off.
func Cut(s string, width int) string { return runewidth.Truncate(s, width, "…") }

// CutMiddle returns s in at most width columns with … in place of what was cut out of its middle, which keeps the end of
// long paths readable.
func CutMiddle(s string, width int) string {
	if Width(s) <= width || width < 5 {
		return Cut(s, width)
	}
	head := runewidth.Truncate(s, width/2, "")
	tail := runewidth.TruncateLeft(s, Width(s)-(width-1-Width(head)), "")
	return head + "…" + tail
}

// Pad returns s filled up with blanks to width columns; text that is longer stays as it is.
func Pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-Width(s))) }

// Wrap breaks s at blanks into lines of at most width columns. A longer word gets a line of its own.
func Wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(s) {
		switch {
		case line == "":
			line = w
		case Width(line)+1+Width(w) <= width:
			line += " " + w
		default:
			lines = append(lines, line)
			line = w
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// Style paints text, or leaves it alone where there are no colours.
type Style struct{ Colour bool }

func (s Style) paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold, Dim, Red, Green, Yellow and Cyan paint text that Clean has seen.
func (s Style) Bold(t string) string   { return s.paint("1", t) }
func (s Style) Dim(t string) string    { return s.paint("2", t) }
func (s Style) Red(t string) string    { return s.paint("31", t) }
func (s Style) Green(t string) string  { return s.paint("32", t) }
func (s Style) Yellow(t string) string { return s.paint("33", t) }
func (s Style) Cyan(t string) string   { return s.paint("36", t) }

// Count writes n with its thousands apart: 1,234,567.
func Count[N int | int64 | uint32 | uint64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
