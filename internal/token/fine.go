package token

import (
	"bytes"
	"math"
	"strconv"
)

// FineParts appends a feature's tokens as a trained filter takes them, each at least once, the value as a whole first. They
// are those of [Codifier.KindedParts] except for what is written by people or attackers: texts, queries, paths and links
// are taken apart by names, shapes, odd characters and words (see fine). A hunt gets along with fewer, since it compares
// whole values with a site's own past; a filter has to do with what it has never seen.
func (c *Codifier) FineParts(f *Feature, dst []Part) []Part {
	dst = append(dst, Part{Whole, f.Hash})
	if f.Field.Left != "" {
		return dst
	}
	c.fine(f, func(k Kind, text []byte) { dst = append(dst, Part{k, partHash(f.Field, k, text)}) })
	return dst
}

// FineTokens is FineParts with texts, each once.
func (c *Codifier) FineTokens(f *Feature) []Token {
	out := []Token{{Whole, f.Text(), f.Hash}}
	if f.Field.Left != "" {
		return out
	}
	seen := map[uint64]bool{f.Hash: true}
	c.fine(f, func(k Kind, text []byte) {
		if h := partHash(f.Field, k, text); !seen[h] {
			seen[h] = true
			out = append(out, Token{k, string(text), h})
		}
	})
	return out
}

func (c *Codifier) fine(f *Feature, emit emitFunc) {
	switch f.Kind {
	case text:
		c.split.fine(f.Raw, emit)
	case query:
		c.split.fine(f.Value, emit)
	case path:
		c.split.path(f.Value, ungrammed(emit))
		c.split.fine(f.Value, emit)
	case link:
		c.split.link(f.Value, ungrammed(emit))
		c.split.fine(f.Value, emit)
	default:
		c.split.split(f.Kind, f.divisible(), emit)
	}
}

// ungrammed leaves out what fine says better.
func ungrammed(emit emitFunc) emitFunc {
	return func(k Kind, text []byte) {
		switch k {
		case Gram, Odd, Shape, Word:
		default:
			emit(k, text)
		}
	}
}

// Bounds on what fine makes of one value.
const (
	maxPairs     = 64  // name=value
	maxRuns      = 256 // of one value
	maxFineShape = 60
	maxFineWords = 512
	maxName      = 40
)

// fine takes apart what may be a text, a query string, or both: a line whose fields nobody has told weir. What is separated
// by blanks, ? or & and reads name=value is a value of that name; all the rest together is a value without a name. Of each
// value, decoded, it tells under its name
//
//   - which odd characters it has, all together and each alone (Odd), and how often each (OddCount),
//   - runs of characters of one class, letters, digits or the same odd one, with their length (Run),
//   - the order of the classes (Shape),
//
// and of the whole, the words (Word) and what follows on what (WordPair). With these a linear model told attacks from
// requests better than with 3-grams, 1- to 5-grams, lengths, or sets of names (docs/adr/0007).
func (s *splitter) fine(v []byte, emit emitFunc) {
	v = v[:min(len(v), maxSplit)]
	s.rest = s.rest[:0]
	n := 0
	for rest := v; len(rest) > 0; {
		i := bytes.IndexAny(rest, "?& \t\r\n")
		piece := rest
		if i >= 0 {
			piece, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if len(piece) == 0 {
			continue
		}
		if eq := bytes.IndexByte(piece, '='); eq > 0 && n < maxPairs && isName(piece[:eq]) {
			n++
			s.lower = appendDecoded(s.lower[:0], piece[eq+1:], true)
			s.value(piece[:eq], s.lower, emit)
			continue
		}
		if len(s.rest) > 0 {
			s.rest = append(s.rest, ' ')
		}
		s.rest = append(s.rest, piece...)
	}
	s.lower = appendDecoded(s.lower[:0], s.rest, true)
	s.value(nil, s.lower, emit)
	s.lower = appendDecoded(s.lower[:0], v, true)
	s.wordPairs(s.lower, emit)
}

// isName reports what programs call a value: a letter or _, then those, digits, or . - [ ].
func isName(b []byte) bool {
	if len(b) > maxName {
		return false
	}
	for i, c := range b {
		switch {
		case classOf(c) == letter && c < 0x80, c == '_':
		case i > 0 && (classOf(c) == digit || c == '.' || c == '-' || c == '[' || c == ']'):
		default:
			return false
		}
	}
	return len(b) > 0
}

// shapeClass is 9 for digits, a for letters, one mark each for other bytes beyond ASCII and for control characters, and
// every other character itself.
func shapeClass(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return '9'
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c >= 0xC0:
		return 'a'
	case c >= 0x80:
		return 0x80
	case c < 0x20:
		return 1
	}
	return c
}

// value tells of a decoded value v what its characters are.
func (s *splitter) value(name, v []byte, emit emitFunc) {
	s.buf = append(s.buf[:0], name...)
	if len(name) > 0 {
		s.buf = append(s.buf, '=')
	}
	base := len(s.buf)
	var counts [256]uint8 // of odd characters, up to 255
	s.shape = append(s.shape[:0], s.buf...)
	runs := 0
	for i := 0; i < len(v); {
		k := shapeClass(v[i])
		j := i + 1
		for j < len(v) && shapeClass(v[j]) == k {
			j++
		}
		if runs++; runs <= maxRuns {
			s.buf = strconv.AppendInt(append(s.buf[:base], k), int64(lengthBin(j-i)), 10)
			emit(Run, s.buf)
		}
		if k == 'a' || k == '9' {
			s.shape = append(s.shape, k)
		} else {
			counts[k] = uint8(min(255, int(counts[k])+j-i))
			for n := j - i; n > 0 && len(s.shape) < base+maxFineShape; n-- {
				s.shape = append(s.shape, k)
			}
		}
		i = j
	}
	emit(Shape, s.shape[:min(len(s.shape), base+maxFineShape)])
	s.buf = s.buf[:base]
	for k, n := range counts {
		if n > 0 {
			s.buf = append(s.buf, byte(k))
		}
	}
	emit(Odd, s.buf[:min(len(s.buf), base+maxFineShape)])
	s.buf = append(append(s.buf[:0], name...), '~')
	base = len(s.buf)
	for k, n := range counts {
		if n > 0 {
			s.buf = append(s.buf[:base], byte(k))
			emit(Odd, s.buf)
			emit(OddCount, append(s.buf, '0'+min(n, 4)))
		}
	}
}

// lengthBin is n below 24, and counts its quarter octaves above.
func lengthBin(n int) int {
	k := 0
	for n >= quarterOctaves[k] {
		k++
	}
	if k == 0 {
		return n
	}
	return 23 + k
}

// quarterOctaves are the borders of quarter octaves from 24 up, beyond the longest value.
var quarterOctaves = func() (q [34]int) {
	for k := range q {
		x := math.Ldexp(24, k/4)
		for range k % 4 {
			x *= math.Sqrt(math.Sqrt2)
		}
		q[k] = int(math.Ceil(x - 1e-6))
	}
	return q
}()

// wordPairs tells the words and marks of a decoded text, and which follow each other: numbers and words with digits by
// their shape there.
func (s *splitter) wordPairs(v []byte, emit emitFunc) {
	s.pair = s.pair[:0]
	n := 0
	for i := 0; i < len(v) && n < maxFineWords; {
		if v[i] == ' ' || v[i] == '\t' || v[i] == '\r' || v[i] == '\n' {
			i++
			continue
		}
		j := i + 1
		if isWordByte(v[i]) {
			for j < len(v) && isWordByte(v[j]) {
				j++
			}
		}
		n++
		w := cut(v[i:j])
		emit(Word, w)
		s.pair = append(s.pair, ' ')
		next := len(s.pair)
		s.pair = appendWordShape(s.pair, w)
		emit(WordPair, s.pair)
		s.pair = append(s.pair[:0], s.pair[next:]...)
		i = j
	}
	if n > 0 {
		emit(WordPair, append(s.pair, ' '))
	}
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c >= 0xC0
}

// appendWordShape appends a word, or its classes where it holds a digit.
func appendWordShape(dst, w []byte) []byte {
	if !bytes.ContainsAny(w, "0123456789") {
		return append(dst, w...)
	}
	last := byte(0)
	for _, c := range w {
		if k := shapeClass(c); k != last || k != 'a' && k != '9' {
			dst = append(dst, k)
			last = k
		}
	}
	return dst
}
