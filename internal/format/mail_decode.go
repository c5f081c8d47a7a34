package format

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// decodeTransfer undoes a content transfer encoding. What is not of the encoding stays as it is.
func decodeTransfer(encoding, body []byte) []byte {
	switch lowerASCII(string(bytes.TrimSpace(encoding[:min(len(encoding), 40)]))) {
	case "quoted-printable":
		return decodeQuoted(body, false)
	case "base64":
		return decodeBase64(body)
	}
	return body
}

// decodeQuoted undoes quoted-printable; in a word of a header, _ is a blank.
func decodeQuoted(s []byte, word bool) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '_' && word:
			out = append(out, ' ')
		case c != '=':
			out = append(out, c)
		case i+1 < len(s) && s[i+1] == '\n':
			i++
		case i+2 < len(s) && s[i+1] == '\r' && s[i+2] == '\n':
			i += 2
		case i+2 < len(s) && hexValue(s[i+1]) < 16 && hexValue(s[i+2]) < 16:
			out = append(out, hexValue(s[i+1])<<4|hexValue(s[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

// decodeBase64 undoes base64 and passes over whatever is none. Text that hardly has any stays as it is.
func decodeBase64(s []byte) []byte {
	in := make([]byte, 0, len(s))
	other := 0
	for _, c := range s {
		switch {
		case isLetter(c), isDigit(c), c == '+', c == '/':
			in = append(in, c)
		case c > ' ' && c != '=':
			other++
		}
	}
	if other > len(in)/4 {
		return s
	}
	if len(in)%4 == 1 { // too few bits for a byte
		in = in[:len(in)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(in)))
	n, _ := base64.RawStdEncoding.Decode(out, in)
	return out[:n]
}

// decodeWords undoes the encoded words (=?charset?Q?…?=) of a header field.
func decodeWords(s []byte) []byte {
	if !bytes.Contains(s, []byte("=?")) {
		return s
	}
	var out []byte
	after := false // the last thing was an encoded word: blanks between two of them are none
	for len(s) > 0 {
		i := bytes.Index(s, []byte("=?"))
		if i < 0 {
			break
		}
		parts := bytes.SplitN(s[i+2:], []byte("?"), 4)
		if len(parts) < 4 || len(parts[1]) != 1 || len(parts[3]) == 0 || parts[3][0] != '=' {
			out, s, after = append(out, s[:i+2]...), s[i+2:], false
			continue
		}
		if !after || len(bytes.TrimSpace(s[:i])) > 0 {
			out = append(out, s[:i]...)
		}
		decoded := parts[2]
		if parts[1][0]|0x20 == 'b' {
			decoded = decodeBase64(decoded)
		} else {
			decoded = decodeQuoted(decoded, true)
		}
		charset, _, _ := strings.Cut(lowerASCII(string(parts[0][:min(len(parts[0]), 40)])), "*")
		out = appendUTF8(out, decoded, charset)
		s, after = parts[3][1:], true
	}
	return append(out, s...)
}

// windows1252 are the characters of bytes 0x80 to 0x9f in the code page that mails in Latin-1 really are in.
var windows1252 = [32]rune{'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ'}

// appendUTF8 appends text as UTF-8. What is not UTF-8 already is read as Windows-1252: right for most mails, and for
// other 8-bit sets and those of Asia still the same characters for the same words. Only UTF-16 is told by its name.
func appendUTF8(dst, text []byte, charset string) []byte {
	if strings.HasPrefix(charset, "utf-16") && len(text) >= 2 && text[0]^text[1] == 1 && max(text[0], text[1]) == 0xff {
		return appendUTF16(dst, text)
	}
	latin := strings.HasPrefix(charset, "iso-8859-") || strings.HasPrefix(charset, "windows-")
	if !latin && utf8.Valid(text) {
		return append(dst, text...)
	}
	for _, c := range text {
		switch {
		case c < 0x80:
			dst = append(dst, c)
		case c < 0xa0:
			dst = utf8.AppendRune(dst, windows1252[c-0x80])
		default:
			dst = utf8.AppendRune(dst, rune(c))
		}
	}
	return dst
}
