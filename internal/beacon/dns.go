package beacon

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"weir/internal/bayes"
)

// A domainKey is a registered domain that was asked for.
type domainKey struct {
	network, domain uint32
}

// A domainState is what was asked of a domain.
type domainState struct {
	sources   few
	questions int64
	odd       int64 // for records that carry data: TXT, NULL, CNAME, MX, SRV, KEY …
	failed    int64
	reversed  int64 // for addresses written backwards
	bytes     int64 // of the names asked for, and of the answers
	bits      int64 // sum of the sub-domains' entropies, in thousandths of bits for each character
	length    int64 // sum of the sub-domains' lengths
	subs      sketch
	first     int64
	last      int64
}

func (d *domainState) merge(o *domainState) {
	if d.questions == 0 {
		d.first, d.last = o.first, o.last
	}
	d.questions += o.questions
	d.odd += o.odd
	d.failed += o.failed
	d.reversed += o.reversed
	d.bytes += o.bytes
	d.bits += o.bits
	d.length += o.length
	d.first, d.last = min(d.first, o.first), max(d.last, o.last)
	for _, h := range o.subs.hashes {
		d.subs.add(h)
	}
}

// A sketch counts distinct hashes: exactly up to its size, beyond by how small the smallest ones are.
type sketch struct{ hashes []uint64 } // sorted, the smallest

const sketchSize = 1024

func (s *sketch) add(h uint64) {
	if len(s.hashes) == sketchSize && h >= s.hashes[sketchSize-1] {
		return
	}
	i, found := slices.BinarySearch(s.hashes, h)
	if found {
		return
	}
	if len(s.hashes) == sketchSize {
		s.hashes = s.hashes[:sketchSize-1]
	}
	s.hashes = slices.Insert(s.hashes, i, h)
}

func (s *sketch) count() int64 {
	if len(s.hashes) < sketchSize {
		return int64(len(s.hashes))
	}
	return int64(math.Round((sketchSize - 1) / (float64(s.hashes[sketchSize-1]) / math.MaxUint64)))
}

// domainOf returns the state of a domain, made on first use.
func (s *store) domainOf(k domainKey, ns int64) *domainState {
	d := s.domain[k]
	if d == nil {
		d = &domainState{first: ns, last: ns}
		s.domain[k] = d
	}
	return d
}

func (s *store) domainHash(k domainKey) uint64 {
	return seriesKey(k.network, 7, 0, s.texts.hashes[k.domain])
}

// trimDomains drops domains by hash until there is room.
func (s *store) trimDomains() {
	for first := true; first && s.cut > 0 || len(s.domain) > s.o.maxDomains(); first = false {
		if len(s.domain) > s.o.maxDomains() {
			s.cut++
		}
		for k := range s.domain {
			if !keeps(s.domainHash(k), s.cut) {
				delete(s.domain, k)
			}
		}
	}
}

// isReversed reports a sub-domain that begins with an address written backwards: 4.3.2.1, or 32 nibbles for IPv6.
func isReversed(sub []byte) bool {
	numbers, nibbles := 0, 0
	for label := range bytes.SplitSeq(sub, []byte(".")) {
		if n := number(label); len(label) > 0 && len(label) <= 3 && n <= 255 && (n > 0 || string(label) == "0") {
			numbers++
		} else if numbers < 4 {
			numbers = -1 << 10
		}
		if len(label) == 1 && (label[0] >= '0' && label[0] <= '9' || label[0] >= 'a' && label[0] <= 'f') {
			nibbles++
		} else if nibbles < 32 {
			nibbles = -1 << 10
		}
	}
	return numbers == 4 || nibbles == 32
}

// entropy is that of the characters of a text, in bits for each.
func entropy(b []byte) float64 {
	var n [256]uint16
	for _, c := range b {
		n[c]++
	}
	h, all := 0., float64(len(b))
	for _, k := range n {
		if k > 0 {
			p := float64(k) / all
			h -= float64(p * bayes.Log2(p))
		}
	}
	return h
}

// looksGenerated tells how much a registered domain looks like one that a program made up, from 0 to 1: long, hard to
// pronounce, few vowels, digits among the letters. Words and brands stay below ½ nearly always.
func looksGenerated(domain string) float64 {
	label, _, _ := strings.Cut(strings.ToLower(domain), ".")
	if strings.HasPrefix(label, "xn--") {
		return 0
	}
	letters, vowels, digits, changes, run, longest, rare := 0, 0, 0, 0, 0, 0, 0
	var before byte
	for i := range len(label) {
		c := label[i]
		switch {
		case c >= 'a' && c <= 'z':
			letters++
			if strings.IndexByte("aeiouy", c) >= 0 {
				vowels++
				run = 0
			} else {
				run++
				longest = max(longest, run)
			}
			if strings.IndexByte("jqxzwkv", c) >= 0 {
				rare++
			}
			if i > 0 && before >= '0' && before <= '9' {
				changes++
			}
		case c >= '0' && c <= '9':
			digits++
			run = 0
			if before >= 'a' && before <= 'z' {
				changes++
			}
		default:
			run = 0
		}
		before = c
	}
	if letters+digits < 7 {
		return 0
	}
	x := -2.2
	x += float64(.12 * float64(min(letters+digits, 24)-8))
	share := float64(vowels) / float64(max(letters, 1))
	x += float64(5 * max(0, .33-share))
	x += float64(.8 * float64(max(0, longest-3)))
	x += float64(.8 * float64(min(changes, 4)))
	x += float64(4 * max(0, float64(rare)/float64(max(letters, 1))-.1))
	if digits > 0 && letters == 0 {
		x -= 1
	}
	return 1 / (1 + exp(-1.6*x))
}
