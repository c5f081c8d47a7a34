package mapreduce

import (
	"encoding/base64"
	"errors"
)

// Keys are written in letters for six bits each, in the order of ASCII, so that they sort as what they stand for.
const letters = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

var asLetters = base64.NewEncoding(letters).WithPadding(base64.NoPadding).Strict()

// Values need no order. Two of 91 characters stand for thirteen bits, the low ones first: 1.23 characters a byte, where letters
// take 1.33 (as in basE91, J. Henke 2006, which has other characters and a fourteenth bit at times). What is left at the end is one
// character for up to six bits. The characters are those that one can see but ' " and \.
const (
	inPairs  = 91
	pairBits = 13
	lastBits = 6 // of a single character
)

// A pairing is the table of pairs of characters.
type pairing struct {
	chars  [inPairs]byte
	pairs  [1 << pairBits][2]byte
	values [256]uint16 // of characters; noPair for others
}

const noPair = 1 << 15

var pairs = newPairing()

func newPairing() *pairing {
	p := &pairing{}
	for i := range p.values {
		p.values[i] = noPair
	}
	n := 0
	for c := byte('!'); c <= '~'; c++ {
		if c == '\'' || c == '"' || c == '\\' {
			continue
		}
		p.chars[n], p.values[c] = c, uint16(n)
		n++
	}
	for i := range p.pairs {
		p.pairs[i] = [2]byte{p.chars[i/inPairs], p.chars[i%inPairs]}
	}
	return p
}

// appendPaired appends a value as pairs of characters.
func appendPaired(dst, value []byte) []byte {
	word, n := uint64(0), uint(0)
	for _, b := range value {
		word |= uint64(b) << n
		if n += 8; n >= pairBits {
			x := &pairs.pairs[word&(1<<pairBits-1)]
			dst = append(dst, x[0], x[1])
			word >>= pairBits
			n -= pairBits
		}
	}
	switch x := &pairs.pairs[word]; {
	case n > lastBits:
		dst = append(dst, x[0], x[1])
	case n > 0:
		dst = append(dst, pairs.chars[word])
	}
	return dst
}

var errPairs = errors.New("no value in pairs of characters")

// appendUnpaired appends the value that appendPaired wrote. There is one way of writing a value.
func appendUnpaired(dst, text []byte) ([]byte, error) {
	word, n, bad := uint64(0), uint(0), uint16(0)
	end := len(text) &^ 1
	for i := 0; i < end; i += 2 {
		a, b := pairs.values[text[i]], pairs.values[text[i+1]]
		x := uint64(a)*inPairs + uint64(b)
		bad |= (a | b) & noPair
		if x >= 1<<pairBits {
			bad = noPair
		}
		word |= x << n
		for n += pairBits; n >= 8; n -= 8 {
			dst = append(dst, byte(word))
			word >>= 8
		}
	}
	left := uint(pairBits) // bits of the last character or pair
	if end < len(text) {
		x := pairs.values[text[end]]
		if x >= 1<<lastBits {
			return dst, errPairs
		}
		left = lastBits
		word |= uint64(x) << n
		if n += lastBits; n >= 8 {
			dst = append(dst, byte(word))
			word >>= 8
			n -= 8
		}
	}
	// What is left over is empty, and less than the last character or pair, which then need not have been; a pair for what fits into
	// a character is another spelling.
	if bad != 0 || word != 0 || len(text) > 0 && (n >= left || left == pairBits && pairBits-n <= lastBits) {
		return dst, errPairs
	}
	return dst, nil
}
