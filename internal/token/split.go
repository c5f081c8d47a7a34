package token

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
)

// Bounds on what one value may be split into. An attacker writes values; a longer one is cut, and what is cut has no
// tokens of its own but still counts in the value as a whole.
const (
	maxSplit = 4096 // bytes of a value that are looked at
	maxText  = 96   // bytes of one token's text
	maxWords = 64   // words, segments or parameters of one value
	maxGrams = 128  // 3-grams of one value

	maxNumber = 1e300 // larger ones have no range: its borders would be infinite
)

// splitter takes values apart. It owns scratch memory and is used by one goroutine.
type splitter struct {
	buf, lower        []byte
	rest, shape, pair []byte
	seen              map[uint64]uint32 // tokens of documents, with the turn that had them last
	turn              uint32            // counts documents
	enrich            *Enrichment
}

type emitFunc func(k Kind, text []byte)

// split calls emit for every part of value. A part may be emitted more than once. The text is valid during the call.
func (s *splitter) split(kind ValueKind, value []byte, emit emitFunc) {
	if kind.long() {
		s.document(value, kind == document, emit)
		return
	}
	if len(value) > maxSplit {
		value = value[:maxSplit]
	}
	switch kind {
	case names:
		s.names(value, emit)
	case mailbox:
		s.mailbox(value, emit)
	case address:
		s.address(value, emit)
	case domain:
		s.domain(value, emit)
	case path:
		s.path(value, emit)
	case query:
		s.query(value, emit)
	case link:
		s.link(value, emit)
	case agent:
		s.agent(value, emit)
	case text:
		s.text(value, emit)
	case number, code:
		s.number(value, emit)
	case keyword:
		s.keyword(value, emit)
	}
}

func cut(b []byte) []byte { return b[:min(len(b), maxText)] }

func (s *splitter) address(v []byte, emit emitFunc) {
	a, err := netip.ParseAddr(string(v))
	if err != nil {
		return
	}
	n := 24
	if a = a.Unmap(); a.Is6() {
		n = 48
	}
	if p, err := a.WithZone("").Prefix(n); err == nil {
		emit(Network, p.AppendTo(s.buf[:0]))
	}
}

func (s *splitter) domain(v []byte, emit emitFunc) {
	if d := s.enrich.RegisteredDomain(string(v)); d != "" && d != string(v) {
		emit(Domain, cut([]byte(d)))
	}
	s.lower = appendShape(s.lower[:0], v)
	emit(Shape, cut(s.lower))
}

func (s *splitter) keyword(v []byte, emit emitFunc) {
	words, digits := 0, false
	eachWord(v, func(w []byte) {
		words++
		digits = digits || bytes.ContainsAny(w, "0123456789")
	})
	if digits {
		s.lower = appendShape(s.lower[:0], v)
		emit(Shape, cut(s.lower))
	}
	if words > 1 {
		s.words(v, emit)
	}
}

func (s *splitter) words(v []byte, emit emitFunc) {
	n := 0
	eachWord(v, func(w []byte) {
		if n++; n <= maxWords && !allDigits(w) {
			s.lower = appendLower(s.lower[:0], cut(w))
			emit(Word, s.lower)
		}
	})
}

// text emits the words of a message. As a whole it is its template already: what changes from record to record is masked.
func (s *splitter) text(v []byte, emit emitFunc) { s.words(v, emit) }

func (s *splitter) path(v []byte, emit emitFunc) {
	s.buf = appendDecoded(s.buf[:0], v, false)
	p, n := s.buf, 0
	for seg := range bytes.SplitSeq(p, []byte("/")) {
		if len(seg) == 0 {
			continue
		}
		if n++; n > maxWords {
			return
		}
		emit(Segment, cut(seg))
		if hasOdd(seg) {
			s.grams(seg, emit)
		}
	}
	last := p[bytes.LastIndexByte(p, '/')+1:]
	if dot := bytes.LastIndexByte(last, '.'); dot > 0 && len(last)-dot <= 8 {
		emit(Extension, last[dot+1:])
	}
	if bytes.ContainsAny(p, "0123456789") {
		s.lower = appendShape(s.lower[:0], p)
		emit(Shape, cut(s.lower))
	}
}

func (s *splitter) query(v []byte, emit emitFunc) {
	n := 0
	for len(v) > 0 && n < maxWords {
		var item []byte
		if i := bytes.IndexAny(v, "&;"); i >= 0 {
			item, v = v[:i], v[i+1:]
		} else {
			item, v = v, nil
		}
		if len(item) == 0 {
			continue
		}
		n++
		name, value, _ := bytes.Cut(item, []byte("="))
		s.lower = appendDecoded(s.lower[:0], name, true)
		emit(Parameter, cut(s.lower))
		s.buf = append(append(s.buf[:0], cut(s.lower)...), ':')
		mark := len(s.buf)
		s.lower = appendDecoded(s.lower[:0], value, true)
		s.buf = appendShape(s.buf, s.lower)
		emit(Shape, s.buf[:min(len(s.buf), mark+32)])
		s.decoded(s.lower, emit)
	}
}

// decoded emits the words, odd characters and 3-grams of a decoded value.
func (s *splitter) decoded(v []byte, emit emitFunc) {
	n := 0
	eachWord(v, func(w []byte) {
		if n++; n <= maxWords && len(w) > 1 && !allDigits(w) {
			emit(Word, cut(w))
		}
	})
	for i, c := range v {
		if isOdd(c) && bytes.IndexByte(v[:i], c) < 0 {
			emit(Odd, v[i:i+1])
		}
	}
	s.grams(v, emit)
}

func (s *splitter) grams(v []byte, emit emitFunc) {
	var g [3]byte
	for i := 0; i+3 <= len(v) && i < maxGrams; i++ {
		copy(g[:], v[i:])
		for j, c := range g {
			if '0' <= c && c <= '9' {
				g[j] = '9'
			}
		}
		emit(Gram, g[:])
	}
}

func (s *splitter) link(v []byte, emit emitFunc) {
	rest := v
	if _, after, ok := bytes.Cut(v, []byte("://")); ok {
		var host []byte
		rest = nil
		host = after
		if i := bytes.IndexAny(after, "/?#"); i >= 0 {
			host, rest = after[:i], after[i:]
		}
		s.lower = appendLower(s.lower[:0], cut(host))
		emit(Host, s.lower)
	}
	p, q, _ := bytes.Cut(rest, []byte("?"))
	if len(p) > 1 {
		s.path(p, emit)
	}
	if len(q) > 0 {
		s.query(q, emit)
	}
}

func (s *splitter) agent(v []byte, emit emitFunc) {
	if f := s.enrich.AgentFamily(string(v)); f != "" {
		emit(Product, cut([]byte(f)))
	}
	// The products without their versions: a browser update changes none of them.
	s.buf = appendTemplate(s.buf[:0], v)
	emit(Shape, cut(s.buf))
	s.words(s.buf, emit)
}

func (s *splitter) number(v []byte, emit emitFunc) {
	if r := appendRange(s.buf[:0], v); r != nil {
		s.buf = r
		emit(Range, r)
	}
}

// RangeOf returns the half-octave that a number falls into, as "256..361", or nil for what is no number.
func RangeOf(v []byte) []byte { return appendRange(nil, v) }

// appendRange appends the half-octave that a number falls into, as "from..to", or returns nil if v is no number. A
// number with a decimal point is binned in thousandths, so that fractions of a second are told apart. The borders are
// compared exactly: the result is the same on every platform.
func appendRange(dst, v []byte) []byte {
	x, scale, ok := parseNumber(v)
	if !ok {
		return nil
	}
	if x < 0 {
		dst, x = append(dst, '-'), -x
	}
	m, e := math.Frexp(math.Floor(x*scale) + 1) // m in [.5, 1)
	k := 2 * (e - 1)
	if m >= math.Sqrt2/2 {
		k++
	}
	low, high := halfOctave(k)-1, halfOctave(k+1)-2
	dst = strconv.AppendFloat(dst, low/scale, 'f', -1, 64)
	if high > low {
		dst = append(dst, ".."...)
		dst = strconv.AppendFloat(dst, high/scale, 'f', -1, 64)
	}
	return dst
}

// halfOctave is the smallest whole number that is at least 2^(k/2).
func halfOctave(k int) float64 {
	x := math.Ldexp(1, k/2)
	if k%2 == 1 {
		x = math.Ceil(x * math.Sqrt2)
	}
	return x
}

// parseNumber reads a decimal number and says by what it is scaled before binning.
func parseNumber(v []byte) (x, scale float64, ok bool) {
	if len(v) == 0 || len(v) > 32 {
		return 0, 0, false
	}
	scale = 1
	for i, c := range v {
		switch {
		case '0' <= c && c <= '9':
			x = float64(x*10) + float64(c-'0')
		case i == 0 && c == '-' && len(v) > 1:
		case c == '.' || c == 'e' || c == 'E':
			if !isDecimal(v) { // many values begin like a number: addresses, versions
				return 0, 0, false
			}
			f, err := strconv.ParseFloat(string(v), 64)
			if err != nil || !(math.Abs(f) <= maxNumber) {
				return 0, 0, false
			}
			return f, 1000, true
		default:
			return 0, 0, false
		}
	}
	if v[0] == '-' {
		x = -x
	}
	return x, 1, true
}

// isDecimal reports what strconv.ParseFloat reads of digits, a point and an exponent, however large, and whatever has
// an underscore in it, which it may read.
func isDecimal(v []byte) bool {
	if bytes.IndexByte(v, '_') >= 0 {
		return true
	}
	if v[0] == '-' {
		v = v[1:]
	}
	digits := func() (n int) {
		for len(v) > 0 && '0' <= v[0] && v[0] <= '9' {
			v, n = v[1:], n+1
		}
		return n
	}
	n := digits()
	if len(v) > 0 && v[0] == '.' {
		v = v[1:]
		n += digits()
	}
	if n == 0 || len(v) == 0 {
		return n > 0
	}
	if v[0] != 'e' && v[0] != 'E' {
		return false
	}
	if v = v[1:]; len(v) > 0 && (v[0] == '+' || v[0] == '-') {
		v = v[1:]
	}
	return digits() > 0 && len(v) == 0
}
