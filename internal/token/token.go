// Package token codifies an event into features and tokens.
//
// A [Feature] is one field of an event with its value, or a declared pair of them (this user agent from this address).
// Its [Token]s are the value as a whole and its parts: the segments of a path, the parameter names, words, shapes and
// character 3-grams of a query, the size bin of a number, the network of an address. Tokens of one feature come from
// one field and so say much the same thing; later stages let a field vote once, whatever the number of its tokens.
//
// What an event is codified into depends on the event alone, never on what was seen before, so counts of tokens add. The
// rules are the scheme, which has a [Version]; counts and filters of another version do not mix. Names with a known
// meaning have declared rules (scheme.go); any other field is read by what its value looks like.
//
// Never codified are values that identify a record and nothing else (Zeek uids, flow ids, ephemeral source ports,
// process ids): they would separate any window from any other perfectly. What else carries no meaning on a given site is
// found from the counts, later.
package token

import (
	"bytes"

	"github.com/zeebo/xxh3"
)

// Version is the version of the token scheme.
const Version = 2

// Kind tells how a token was taken from its value.
type Kind uint8

// The kinds of tokens.
const (
	Whole     Kind = iota // the value itself
	Segment               // a segment of a URL path
	Extension             // the file extension of a URL path
	Parameter             // the name of a query parameter
	Shape                 // a value with runs of letters as a and of digits as 9
	Word                  // a word of a text or of a decoded value
	Gram                  // three characters in a row of a decoded value
	Odd                   // a character that is neither letter nor digit, in a decoded value
	Range                 // the half-octave a number falls into
	Network               // /24 or /48
	Domain                // the registered domain of a host name
	Product               // a product named by a user agent
	Host                  // the host of a URL
	Run                   // characters of one class in a row of a decoded value, with their number
	OddCount              // an odd character with how often it stands in a decoded value, up to four
	WordPair              // two words, numbers or marks that follow each other
	Tag                   // a tag of a document, alone or with an attribute
	numKinds
)

var kindNames = [numKinds]string{"", "segment", "extension", "parameter", "shape", "word", "gram", "char", "range",
	"network", "domain", "product", "host", "run", "chars", "words", "tag"}

func (k Kind) String() string { return kindNames[k] }

// Name returns the token as people and the JSON output see it: url.path=/login for a whole value, url.path:segment=login
// for a part.
func Name(field string, k Kind, text string) string {
	if k == Whole {
		return field + "=" + text
	}
	return field + ":" + kindNames[k] + "=" + text
}

// A Field is a name that features are made under: a log field, something derived from one, or a declared pair.
type Field struct {
	Name  string
	ID    int     // dense within one Codifier
	Entry *Scheme // how its values are read
	// Left and Right name the two sides of a pair and are empty otherwise.
	Left, Right string
	// Identity marks a field that says who the client is (its address, its network, pairs with its address).
	Identity bool
	seed     uint64
}

// Hash returns the hash of a whole value of the field.
func (f *Field) Hash(value []byte) uint64 { return xxh3.HashSeed(value, f.seed) }

// PairHash returns the hash of a pair, of which f is the field, by those of its sides.
func (f *Field) PairHash(left, right uint64) uint64 { return mix(f.seed, left, right) }

// A Feature is one field of one event, or a pair of two. Its bytes live as long as the event it was made from.
type Feature struct {
	Field *Field
	Hash  uint64 // of the value as a whole; for a pair, of both sides
	Left  uint64 // for a pair, the hash of the left side's feature; else 0
	// Value is the text of the value as a whole, for a pair that of its left side; Other is the right side of a pair.
	Value, Other []byte
	// Raw is the value as it stood in the log, where Value is a text's template or stands for a document.
	Raw  []byte
	Kind ValueKind
}

// Exact returns a hash that tells apart texts of one template, which Hash takes for one, and a text that reads like the range of a
// number from that number, which has other tokens.
func (f *Feature) Exact() uint64 {
	switch {
	case f.Field.Left != "":
		return f.Hash
	case len(f.Raw) > 0:
		return xxh3.HashSeed(f.Raw, f.Hash)
	case f.Kind != number && likeRange(f.Value):
		return xxh3.HashSeed(f.Value, f.Hash)
	}
	return f.Hash
}

// likeRange reports whether a text may read like the range of a number: those begin with a digit or a sign (appendRange).
func likeRange(v []byte) bool {
	return len(v) > 0 && (v[0]-'0' < 10 || v[0] == '-') && bytes.Contains(v, []byte(".."))
}

// Near returns a hash that texts share which differ in digits, case, and which separators stand between their words only.
// For other values it is Hash. buf is scratch memory.
func (f *Feature) Near(buf []byte) (uint64, []byte) {
	if len(f.Raw) == 0 || f.Field.Left != "" {
		return f.Hash, buf
	}
	buf = buf[:0]
	gap := false
	for _, c := range f.Raw[:min(len(f.Raw), maxSplit)] {
		switch {
		case '0' <= c && c <= '9':
			c = '9'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '?', c == '&', c == ' ', c == '\t', c == ';', c == ',':
			gap = true
			continue
		}
		if gap {
			buf, gap = append(buf, ' '), false
		}
		buf = append(buf, c)
	}
	return xxh3.HashSeed(buf, f.Field.seed), buf
}

// divisible returns what the feature's parts are parts of.
func (f *Feature) divisible() []byte {
	if f.Kind.long() {
		return f.Raw
	}
	return f.Value
}

// Text returns the value as people see it.
func (f *Feature) Text() string {
	if f.Field.Left == "" {
		return string(f.Value)
	}
	return string(f.Value) + " × " + string(f.Other)
}

// Numeric reports whether value, of this field, is read as a number: by its size or range.
func (f *Feature) Numeric() bool {
	return f.Kind == number || f.Kind == code && len(f.Value) > 0 && '0' <= f.Value[0] && f.Value[0] <= '9'
}

// Cell returns the value as a cell of a table: a number (of a range, its lower end), or a name, for which x is 0. ok is false
// for what does not fit into a cell: texts, paths, queries, pairs.
func (f *Feature) Cell() (x float64, isNumber, ok bool) {
	if f.Field.Left != "" {
		return 0, false, false
	}
	switch f.Kind {
	case keyword, code, domain:
		return 0, false, true
	case number:
		from, _, _ := bytes.Cut(f.Value, []byte(".."))
		x, _, ok := parseNumber(from)
		return x, ok, ok
	}
	return 0, false, false
}

// Client reports whether the field says who sent the record: the address or name of its source.
func (f *Field) Client() bool { return f.Entry.role == sourceAddress }

// Peer reports whether the field says whom the source talked to.
func (f *Field) Peer() bool { return f.Entry.role == destinationAddress }

// Atomic reports whether the field's values mean nothing in parts, as ids and numbers do not: when every record has a
// value of its own, there is nothing left to compare. Paths, queries, messages and names are not atomic.
func (f *Field) Atomic() bool {
	return f.Left == "" && (f.Entry.kind == auto || f.Entry.kind == number || f.Entry.kind == code || f.Entry.kind == keyword)
}

// Counts reports whether the field's values may be numbers, which may be those of a counter.
func (f *Field) Counts() bool {
	return f.Left == "" && (f.Entry.kind == auto || f.Entry.kind == number || f.Entry.kind == code)
}
