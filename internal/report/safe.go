package report

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// safeJSON writes JSON that may stand in a page: encoding/json has escaped markup (<, >, &), line separators and C0 controls
// and replaced invalid UTF-8; this escapes what else would not be seen, or would reorder what is. Such characters stand only
// inside strings, so values stay the same.
type safeJSON struct{ w io.Writer }

func (s safeJSON) Write(b []byte) (int, error) {
	from := 0
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r >= 0x7f && (!unicode.IsPrint(r) || r == unicode.ReplacementChar) {
			if _, err := s.w.Write(b[from:i]); err != nil {
				return 0, err
			}
			for _, u := range utf16.Encode([]rune{r}) {
				if _, err := fmt.Fprintf(s.w, `\u%04x`, u); err != nil {
					return 0, err
				}
			}
			from = i + size
		}
		i += size
	}
	if _, err := s.w.Write(b[from:]); err != nil {
		return 0, err
	}
	return len(b), nil
}
