package token

import (
	"bytes"
	"unicode/utf8"
)

// appendDecoded appends v as the server would come to read it: percent escapes (also doubled, up to three times), %u and
// \u escapes undone, letters in lower case; plus signs are blanks where plus is set. Bytes that are no valid escape stay
// as they are.
func appendDecoded(dst, v []byte, plus bool) []byte {
	start := len(dst)
	dst = append(dst, v...)
	if plus {
		for i := start; i < len(dst); i++ {
			if dst[i] == '+' {
				dst[i] = ' '
			}
		}
	}
	for range 3 {
		b, changed := unescape(dst[start:])
		dst = dst[:start+len(b)]
		if !changed {
			break
		}
	}
	return lowerASCII(dst, start)
}

// unescape undoes one layer of %XX, %uXXXX, \uXXXX and \xXX in place.
func unescape(b []byte) ([]byte, bool) {
	if bytes.IndexByte(b, '%') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return b, false
	}
	out, changed := b[:0], false
	for i := 0; i < len(b); {
		if r, n := escape(b[i:]); n > 0 {
			// An escape is at least as long as what it stands for, so out never overtakes i.
			if r < 0x100 && (b[i+1] != 'u' && b[i+1] != 'U') {
				out = append(out, byte(r))
			} else {
				out = utf8.AppendRune(out, r)
			}
			i += n
			changed = true
			continue
		}
		out = append(out, b[i])
		i++
	}
	return out, changed
}

// escape reads the escape at the start of b: its value and length, or length 0.
func escape(b []byte) (rune, int) {
	switch {
	case len(b) >= 6 && (b[0] == '%' || b[0] == '\\') && (b[1] == 'u' || b[1] == 'U'):
		if r, ok := hex(b[2:6]); ok {
			return r, 6
		}
	case len(b) >= 3 && b[0] == '%':
		if r, ok := hex(b[1:3]); ok {
			return r, 3
		}
	case len(b) >= 4 && b[0] == '\\' && b[1] == 'x':
		if r, ok := hex(b[2:4]); ok {
			return r, 4
		}
	}
	return 0, 0
}

func hex(b []byte) (r rune, ok bool) {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func lowerASCII(b []byte, from int) []byte {
	for i := from; i < len(b); i++ {
		if c := b[i]; 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

func appendLower(dst, v []byte) []byte { return lowerASCII(append(dst, v...), len(dst)) }

type charClass uint8

const (
	letter charClass = iota
	digit
	odd
)

// classOf sorts bytes into letters (with all bytes from 0x80, so that a word of another script stays whole), digits and
// the rest.
func classOf(c byte) charClass {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c >= 0x80:
		return letter
	case '0' <= c && c <= '9':
		return digit
	}
	return odd
}

// isOdd reports a character that plain names and numbers do without.
func isOdd(c byte) bool { return classOf(c) == odd && c != '-' && c != '_' && c != '.' && c != ' ' }

func hasOdd(v []byte) bool {
	for _, c := range v {
		if isOdd(c) {
			return true
		}
	}
	return false
}

func allDigits(v []byte) bool {
	for _, c := range v {
		if classOf(c) != digit {
			return false
		}
	}
	return true
}

// eachWord calls f for every run of letters and digits.
func eachWord(v []byte, f func(word []byte)) {
	for i := 0; i < len(v); {
		if classOf(v[i]) == odd {
			i++
			continue
		}
		j := i
		for j < len(v) && classOf(v[j]) != odd {
			j++
		}
		f(v[i:j])
		i = j
	}
}

// appendShape appends v with every run of letters as a, every run of digits as 9, and runs of the same other character
// once.
func appendShape(dst, v []byte) []byte {
	var last byte
	for _, c := range v {
		switch classOf(c) {
		case letter:
			c = 'a'
		case digit:
			c = '9'
		}
		if c != last {
			dst = append(dst, c)
			last = c
		}
	}
	return dst
}

// appendTemplate appends v with every word that holds a digit as #, so that messages that differ in numbers, addresses
// and ids become the same text.
func appendTemplate(dst, v []byte) []byte {
	for i := 0; i < len(v); {
		j := i
		for j < len(v) && classOf(v[j]) != odd {
			j++
		}
		if j == i {
			dst = append(dst, v[i])
			i++
			continue
		}
		if bytes.ContainsAny(v[i:j], "0123456789") {
			dst = append(dst, '#')
		} else {
			dst = append(dst, v[i:j]...)
		}
		i = j
	}
	return dst
}
