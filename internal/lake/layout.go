package lake

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// A layout says which fields a record has, in which order, and where in the segment their values are. As text it is lines:
// the first holds flags, each further one a field:
//
//	t r b p   the record has a time; its line is in raw; in raw_bytes; in pieces (pieces.go)
//	name      in the column called so, where it has one and it is the field's first value; else in the map, or in that of identifiers
//	~name     in the map, though there is a column: the value is no number
//	!name     in blobs: the value, or the name, is not UTF-8
//
// In names, %, ~ and ! at the start, line ends and bytes that are not UTF-8 are written %XX. Records of one kind share one
// layout, so this column costs next to nothing.
type layout struct {
	timed, raw, rawBytes, pieces bool
	fields                       []layoutField
}

type layoutField struct {
	name   string
	place  int8 // inColumn, inMap, inBinary or inIDs
	column int  // index into columns
}

// Where a value is.
const (
	inColumn = iota
	inMap
	inBinary
	inIDs
)

const (
	flagTimed = 1 << iota
	flagRaw
	flagRawBytes
	flagPieces
)

// appendLayoutName appends a field's line.
func appendLayoutName(dst []byte, name string, place int, hasColumn bool) []byte {
	dst = append(dst, '\n')
	switch {
	case place == inBinary:
		dst = append(dst, '!')
	case place == inMap && hasColumn:
		dst = append(dst, '~')
	}
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		if c := name[i]; r == utf8.RuneError && size == 1 || c == '%' || c == '\n' || c == '\r' || i == 0 && (c == '~' || c == '!') {
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
			i++
			continue
		}
		dst = append(dst, name[i:i+size]...)
		i += size
	}
	return dst
}

func appendLayoutFlags(dst []byte, flags int) []byte {
	for i, c := range "trbp" {
		if flags&(1<<i) != 0 {
			dst = append(dst, byte(c))
		}
	}
	return dst
}

// parseLayout reads the text of a layout; ok is false if it is none.
func parseLayout(text string) (l layout, ok bool) {
	flags, known := parseFlags(text)
	if !known {
		return l, false
	}
	l.timed, l.raw, l.rawBytes, l.pieces = flags&flagTimed != 0, flags&flagRaw != 0, flags&flagRawBytes != 0, flags&flagPieces != 0
	_, rest, more := strings.Cut(text, "\n")
	var seen [8]uint64
	for more {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		f := layoutField{place: inMap}
		forced := false
		if line != "" && line[0] == '!' {
			f.place, line, forced = inBinary, line[1:], true
		} else if line != "" && line[0] == '~' {
			line, forced = line[1:], true
		}
		if f.name, ok = unescapeName(line); !ok {
			return l, false
		}
		if f.place == inMap && identifier(f.name) {
			f.place = inIDs
		}
		if c, has := columnOf[f.name]; has {
			first := seen[c/64]&(1<<(c%64)) == 0
			seen[c/64] |= 1 << (c % 64)
			if first && !forced {
				f.place, f.column = inColumn, c
			}
		}
		l.fields = append(l.fields, f)
	}
	return l, true
}

// parseFlags reads the first line of a layout.
func parseFlags(text string) (flags int, ok bool) {
	for i := 0; i < len(text) && text[i] != '\n'; i++ {
		bit := strings.IndexByte("trbp", text[i])
		if bit < 0 {
			return 0, false
		}
		flags |= 1 << bit
	}
	return flags, true
}

func unescapeName(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), true
}
