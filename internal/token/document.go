package token

import (
	"bytes"
	"math"
	"strconv"

	"github.com/zeebo/xxh3"
)

// Bounds on what a document is split into: a mail's text, a script.
const (
	maxDocument      = 64 << 10 // bytes that are looked at
	maxDocumentWords = 4000     // different tokens
	maxDocumentWord  = 24       // bytes of a word; of longer ones only the length counts
)

// appendDigest appends what stands for a document as a whole: a short one's template, as for texts; of a longer one the range
// that its size falls into, since no two are the same, and what copies have in common is in their words.
func appendDigest(dst, v []byte) []byte {
	if len(v) <= maxText {
		return appendTemplate(dst, v)
	}
	var n [20]byte
	return append(appendRange(dst, strconv.AppendInt(n[:0], int64(len(v)), 10)), " bytes"...)
}

// long reports values that may be long, and are taken apart by document.
func (k ValueKind) long() bool { return k == document || k == mailText }

// document tells of a text of any length, once each,
//
//   - its words in lower case, with $ ! - ' within and digits as #, since amounts and dates change: $#, free!!, don't;
//     of longer words the first letter and the length (Word),
//   - with tags, the names of its tags: <font, <!-- (Tag).
//
// Without tags, what is in tags and comments is passed over, so that v<!-- x -->iagra says what it shows. In mails tags tell
// little more than that a mail has some: filters without them were as good and raised fewer false alarms; attributes, the share of
// capitals, pairs of words and 4-grams did not help either.
func (s *splitter) document(v []byte, tags bool, emit emitFunc) {
	v = v[:min(len(v), maxDocument)]
	if s.seen == nil || len(s.seen) > 4*maxDocumentWords {
		s.seen = make(map[uint64]uint32)
	}
	s.turn++
	n := 0
	once := func(k Kind, text []byte) {
		if h := xxh3.HashSeed(text, uint64(k)); s.seen[h] != s.turn && n < maxDocumentWords {
			s.seen[h] = s.turn
			n++
			emit(k, text)
		}
	}
	s.pair = s.pair[:0] // the word so far
	end := func() {
		if len(s.pair) > 0 {
			s.documentWord(s.pair, once)
			s.pair = s.pair[:0]
		}
	}
	for i := 0; i < len(v); {
		if n := tagLength(v[i:]); n > 0 {
			if !bytes.HasPrefix(v[i:], comment) { // a comment does not end a word
				end()
			}
			if tags {
				n = s.tag(v[i:i+n], once)
			}
			i += n
			continue
		}
		if isDocumentByte(v[i]) {
			s.pair = append(s.pair, v[i])
		} else {
			end()
		}
		i++
	}
	end()
}

func isDocumentByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= 0x80, c == '$', c == '!', c == '-', c == '\'', c == '_':
		return true
	}
	return false
}

func (s *splitter) documentWord(w []byte, emit emitFunc) {
	w = bytes.Trim(w, "-'_")
	if len(w) < 2 && (len(w) == 0 || w[0] < 0x80) {
		return
	}
	if len(w) > maxDocumentWord {
		s.lower = appendLower(append(s.lower[:0], "long:"...), w[:1])
		emit(Word, strconv.AppendInt(s.lower, int64(math.Ilogb(float64(len(w)))), 10))
		return
	}
	s.lower = s.lower[:0]
	for _, c := range w {
		switch {
		case '0' <= c && c <= '9':
			c = '#'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if n := len(s.lower); n > 0 && s.lower[n-1] == c && (c == '#' || c == '-' || c == '_' || c == '!' && n > 1 && s.lower[n-2] == '!') {
			continue // runs of digits and marks are one
		}
		s.lower = append(s.lower, c)
	}
	emit(Word, s.lower)
}

// maxTag is how far the end of a tag is looked for.
const maxTag = 2 << 10

var comment = []byte("<!--")

// tagLength returns how long the tag or comment is that v starts with; 0 if it starts with none.
func tagLength(v []byte) int {
	if len(v) < 3 || v[0] != '<' {
		return 0
	}
	if bytes.HasPrefix(v, comment) {
		if i := bytes.Index(v[:min(len(v), maxTag)], []byte("-->")); i > 0 {
			return i + len("-->")
		}
		return len(comment)
	}
	n := tagName(v)
	if n == 0 || v[n] != '>' && v[n] != '/' && v[n] > ' ' { // a comparison, an address in angles
		return 0
	}
	end := bytes.IndexAny(v[n:min(len(v), maxTag)], "<>")
	if end < 0 || v[n+end] == '<' {
		return 0
	}
	return n + end + 1
}

// tagName returns where the name of a tag ends that v starts with; 0 if there is none, or nothing after it.
func tagName(v []byte) int {
	n := 1
	if v[1] == '/' || v[1] == '!' || v[1] == '?' {
		n++
	}
	start := n
	for n < len(v) && n < maxDocumentWord && (isASCIILetter(v[n]) || n > start && '0' <= v[n] && v[n] <= '9') {
		n++
	}
	if n == start || n == len(v) {
		return 0
	}
	return n
}

// tag tells of a tag, unless it ends one that has told already, and returns where its name ends.
func (s *splitter) tag(v []byte, emit emitFunc) int {
	if bytes.HasPrefix(v, comment) {
		emit(Tag, comment)
		return len(comment)
	}
	n := tagName(v)
	if v[1] != '/' {
		s.lower = appendLower(s.lower[:0], v[:n])
		emit(Tag, s.lower)
	}
	return n
}

func isASCIILetter(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

// names tells of a list of names, separated by blanks, each that has a meaning (Word).
func (s *splitter) names(v []byte, emit emitFunc) {
	n := 0
	for name := range bytes.FieldsSeq(v) {
		if n++; n <= maxHeaderNames {
			emit(Word, cut(name))
		}
	}
}

const maxHeaderNames = 100

// appendMeaning appends the names of header fields that are not skipped.
func appendMeaning(dst, v []byte) []byte {
	start := len(dst)
	for name := range bytes.FieldsSeq(v) {
		if skippedHeader(string(appendLower(nil, name))) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(dst, name...)
	}
	return dst
}

// mailbox tells of an address of a mail the registered domain of its host (Domain).
func (s *splitter) mailbox(v []byte, emit emitFunc) {
	host := v[bytes.LastIndexByte(v, '@')+1:]
	if d := s.enrich.RegisteredDomain(string(cut(host))); d != "" && len(host) < len(v) {
		emit(Domain, cut([]byte(d)))
	}
}
