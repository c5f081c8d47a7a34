package token

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"weir/internal/event"
)

// maxFeatures bounds the features of one event.
const maxFeatures = 256

// maxExact is the largest whole number that is a value of its own; larger ones are known by their range only, so that
// sizes and counters do not make a value of every record.
const maxExact = 1<<16 - 1

// Enrichment is what a codifier asks about values. Every function may be called with an attacker's bytes and returns ""
// where it has no answer. A codifier calls them from one goroutine.
type Enrichment struct {
	Country          func(a netip.Addr) string    // ISO 3166 code
	RegisteredDomain func(host string) string     // public suffix plus one label
	AgentFamily      func(agent string) string    // browser or tool and operating system, without versions
	Shift            func(ns int64) (name string) // weekday or weekend and the quarter of the day, local time
	HourOfWeek       func(ns int64) (hour int)    // 0-167, local time
	Organization     func(a netip.Addr) string    // optional: who runs the address's network
}

// Codifier turns events into features. It is used by one goroutine; all codifiers made with the same seed give the same
// hashes.
type Codifier struct {
	enrich  *Enrichment
	seed    uint64
	fields  map[string]*Field
	list    []*Field
	byKey   []*Field // by event.Key.ID
	pairs   []*Field // like the declared pairs
	byHost  []*Field // by Field.ID: its pair with the logging host
	country *Field
	dataset *Field
	name    string // of the dataset last seen, with its bytes
	bytes   []byte
	org     *Field
	split   splitter
	derived map[uint64]derivedValue
	out     []Feature
	slots   [numRoles]slot
	buf     []byte
	shift   []byte   // the name of the event's
	absent  []*Field // like those that are expected
	nation  func(address []byte) string
	network func(address []byte) string
}

type slot struct {
	set   bool
	hash  uint64
	value []byte
}

// A derivedValue is what was looked up for a value: a small cache, since the same few values come again and again.
type derivedValue struct {
	text []byte
	hash uint64
}

const maxDerived = 1 << 15

// NewCodifier returns a codifier. The seed keys all hashes; keep it secret where an attacker writes the logs.
func NewCodifier(seed uint64, e *Enrichment) *Codifier {
	c := &Codifier{enrich: e, seed: seed, fields: map[string]*Field{}, derived: map[uint64]derivedValue{}}
	c.split.enrich = e
	for _, p := range pairs {
		c.pairs = append(c.pairs, c.Field(roleNames[p.left]+"×"+roleNames[p.right]))
	}
	c.dataset = c.Field(Dataset)
	for _, x := range expected {
		c.absent = append(c.absent, c.Field(x.field))
	}
	c.nation, c.network = c.about(e.Country), c.about(e.Organization)
	c.country = c.Field("source.geo.country_iso_code")
	c.org = c.Field("source.as.organization.name")
	return c
}

// Field returns the field called name, making it on first use.
func (c *Codifier) Field(name string) *Field {
	f := c.fields[name]
	if f == nil {
		s := schemeOf(name)
		f = &Field{Name: name, ID: len(c.list), Entry: &s, Identity: s.identity, seed: xxh3.HashStringSeed(name, c.seed)}
		if left, right, ok := strings.Cut(name, "×"); ok {
			f.Left, f.Right, f.Identity = left, right, left == roleNames[sourceAddress]
		}
		c.fields[name] = f
		c.list = append(c.list, f)
	}
	return f
}

func (c *Codifier) fieldOf(k *event.Key) *Field {
	for k.ID >= len(c.byKey) {
		c.byKey = append(c.byKey, nil)
	}
	if f := c.byKey[k.ID]; f != nil {
		return f
	}
	f := c.Field(k.Name)
	c.byKey[k.ID] = f
	return f
}

// Codify returns the features of e. They are valid until the next call or until e changes.
func (c *Codifier) Codify(e *event.Event) []Feature {
	c.out, c.buf = c.out[:0], c.buf[:0]
	for i := range c.slots {
		c.slots[i].set = false
	}
	for i := range e.Fields {
		c.add(c.fieldOf(e.Fields[i].Key), e.Fields[i].Value)
		if len(c.out) >= maxFeatures {
			break
		}
	}
	if e.Dataset != "" {
		c.add(c.dataset, c.datasetBytes(e.Dataset))
	}
	if e.HasTime && c.enrich.Shift != nil {
		c.shift = append(c.shift[:0], c.enrich.Shift(e.Time)...)
		c.fill(shift, 0, c.shift)
	}
	c.absences()
	c.hostPairs()
	for i, p := range pairs {
		l, r := &c.slots[p.left], &c.slots[p.right]
		if l.set && r.set {
			f := c.pairs[i]
			c.out = append(c.out, Feature{Field: f, Hash: mix(f.seed, l.hash, r.hash), Left: l.hash, Value: l.value,
				Other: r.value, Kind: keyword})
		}
	}
	return c.out
}

func (c *Codifier) datasetBytes(name string) []byte {
	if name != c.name {
		c.name, c.bytes = name, []byte(name)
	}
	return c.bytes
}

// absences adds a feature for each field that records of its kind usually have and this one lacks: a request without a
// user agent says as much as one with a rare one.
func (c *Codifier) absences() {
	for i, x := range expected {
		if f := c.absent[i]; c.slots[x.with].set && !c.has(f) {
			c.out = append(c.out, Feature{Field: f, Hash: f.Hash(none), Value: none, Kind: keyword})
		}
	}
}

var none = []byte("(none)")

func (c *Codifier) has(f *Field) bool {
	for i := range c.out {
		if c.out[i].Field == f {
			return true
		}
	}
	return false
}

// maxHostPairs bounds the undeclared fields that are paired with the logging host.
const maxHostPairs = 6

// hostPairs pairs the logging host with the fields that have no declared meaning, where it says what happened: an alert
// that one host raises every day is news on another.
func (c *Codifier) hostPairs() {
	h := &c.slots[hostName]
	if !h.set {
		return
	}
	n := 0
	for i, end := 0, len(c.out); i < end && n < maxHostPairs; i++ {
		x := c.out[i]
		if x.Field.Entry.kind != auto || x.Field.Left != "" || x.Kind != keyword && x.Kind != text {
			continue
		}
		n++
		f := c.hostPair(x.Field)
		c.out = append(c.out, Feature{Field: f, Hash: mix(f.seed, h.hash, x.Hash), Left: h.hash, Value: h.value, Other: x.Value,
			Kind: keyword})
	}
}

func (c *Codifier) hostPair(right *Field) *Field {
	for right.ID >= len(c.byHost) {
		c.byHost = append(c.byHost, nil)
	}
	if c.byHost[right.ID] == nil {
		c.byHost[right.ID] = c.Field(roleNames[hostName] + "×" + right.Name)
	}
	return c.byHost[right.ID]
}

// mix hashes two hashes. Its inputs are keyed already.
func mix(seed, a, b uint64) uint64 {
	h := (a ^ seed) * 0x9FB21C651E98DF25
	h ^= h>>32 ^ b
	h *= 0xD6E8FEB86659FD93
	return h ^ h>>29
}

// add codifies one value of one field.
func (c *Codifier) add(f *Field, v []byte) {
	kind := f.Entry.kind
	if kind == skip || len(v) == 0 {
		return
	}
	whole := v
	if kind == auto {
		kind = looksLike(v)
	}
	switch kind {
	case number:
		if !smallInteger(v) {
			mark := len(c.buf)
			if r := appendRange(c.buf, v); r != nil {
				c.buf = r
				whole = r[mark:]
			} else {
				kind = keyword
			}
		}
	case text:
		mark := len(c.buf)
		c.buf = appendTemplate(c.buf, v[:min(len(v), maxSplit)])
		whole = c.buf[mark:]
	case document, mailText:
		mark := len(c.buf)
		c.buf = appendDigest(c.buf, v)
		whole = c.buf[mark:]
	case names:
		mark := len(c.buf)
		c.buf = appendMeaning(c.buf, v)
		if whole = c.buf[mark:]; len(whole) == 0 {
			return
		}
	}
	h := f.Hash(whole)
	for i := len(c.out) - 1; i >= 0 && c.out[i].Field == f; i-- {
		if c.out[i].Hash == h && (!kind.long() || bytes.Equal(c.out[i].Raw, v)) {
			return // a list that names a member twice
		}
	}
	x := Feature{Field: f, Hash: h, Value: whole, Kind: kind}
	if kind == text || kind.long() {
		x.Raw = v
	}
	c.out = append(c.out, x)
	if kind == text {
		v = whole // a pair's text has to be that of its hash
	}
	c.roles(f, h, v)
}

// roles puts a value in the places that declared pairs take it from.
func (c *Codifier) roles(f *Field, h uint64, v []byte) {
	switch r := f.Entry.role; r {
	case noRole:
	case agentFamily:
		d := c.derive(h, v, func(s []byte) string { return c.enrich.AgentFamily(string(s)) })
		c.fill(r, d.hash, d.text)
	case sentBytes:
		mark := len(c.buf)
		if b := appendRange(c.buf, v); b != nil {
			c.buf = b
			c.fill(r, 0, b[mark:])
		}
	case questionName:
		d := c.derive(h, v, func(s []byte) string { return c.enrich.RegisteredDomain(string(s)) })
		c.fill(r, d.hash, d.text)
	case sourceAddress:
		if c.slots[r].set {
			return
		}
		c.fill(r, h, v)
		if d := c.derive(h, v, c.nation); len(d.text) > 0 {
			c.fill(country, d.hash, d.text)
			c.out = append(c.out, Feature{Field: c.country, Hash: c.country.Hash(d.text), Value: d.text, Kind: keyword})
		}
		if c.enrich.Organization == nil {
			return
		}
		if d := c.derive(h^1, v, c.network); len(d.text) > 0 {
			c.out = append(c.out, Feature{Field: c.org, Hash: c.org.Hash(d.text), Value: d.text, Kind: keyword})
		}
	default:
		c.fill(r, h, v)
	}
}

// about makes a look-up by address one by text.
func (c *Codifier) about(look func(netip.Addr) string) func([]byte) string {
	return func(text []byte) string {
		a, err := netip.ParseAddr(string(text))
		if err != nil {
			return ""
		}
		return look(a)
	}
}

func (c *Codifier) fill(r role, h uint64, v []byte) {
	s := &c.slots[r]
	if s.set || len(v) == 0 {
		return
	}
	if h == 0 {
		h = c.SideHash(v)
	}
	*s = slot{true, h, v}
}

// SideHash returns the hash of a side of a pair that no field holds by itself.
func (c *Codifier) SideHash(text []byte) uint64 { return xxh3.HashSeed(text, c.seed) }

func (c *Codifier) derive(h uint64, v []byte, look func([]byte) string) derivedValue {
	if d, ok := c.derived[h]; ok {
		return d
	}
	if len(c.derived) >= maxDerived {
		clear(c.derived)
	}
	d := derivedValue{text: []byte(look(v[:min(len(v), maxSplit)]))}
	d.hash = xxh3.HashSeed(d.text, c.seed)
	c.derived[h] = d
	return d
}

// Parts appends the hashes of a feature's parts to dst, each once, sorted.
func (c *Codifier) Parts(f *Feature, dst []uint64) []uint64 {
	if f.Field.Left != "" {
		return dst
	}
	from := len(dst)
	c.split.split(f.Kind, f.divisible(), func(k Kind, text []byte) {
		dst = append(dst, partHash(f.Field, k, text))
	})
	part := dst[from:]
	slices.Sort(part)
	return dst[:from+len(slices.Compact(part))]
}

// A Part is a part of a value without its text.
type Part struct {
	Kind Kind
	Hash uint64
}

// KindedParts appends the parts of a feature to dst, each once, in the order they stand in the value.
func (c *Codifier) KindedParts(f *Feature, dst []Part) []Part {
	if f.Field.Left != "" {
		return dst
	}
	from := len(dst)
	c.split.split(f.Kind, f.divisible(), func(k Kind, text []byte) {
		p := Part{k, partHash(f.Field, k, text)}
		if f.Kind.long() || !slices.Contains(dst[from:], p) { // a document's come once
			dst = append(dst, p)
		}
	})
	return dst
}

// A Token is a part of a value, or the value itself, with its text.
type Token struct {
	Kind Kind
	Text string
	Hash uint64
}

// Tokens returns a feature's tokens with their texts: the value first, then its parts in the order they stand in the
// value, each once.
func (c *Codifier) Tokens(f *Feature) []Token {
	out := []Token{{Whole, f.Text(), f.Hash}}
	if f.Field.Left != "" {
		return out
	}
	seen := map[uint64]bool{}
	c.split.split(f.Kind, f.divisible(), func(k Kind, text []byte) {
		if h := partHash(f.Field, k, text); !seen[h] {
			seen[h] = true
			out = append(out, Token{k, string(text), h})
		}
	})
	return out
}

func partHash(f *Field, k Kind, text []byte) uint64 {
	return xxh3.HashSeed(text, f.seed^(uint64(k)+1)*0x9E3779B97F4A7C15)
}

// looksLike tells how a value without a declared meaning is read.
func looksLike(v []byte) ValueKind {
	c := v[0]
	switch {
	case '0' <= c && c <= '9' || c == '-':
		if _, _, ok := parseNumber(v); ok {
			return number
		}
		if isAddress(v) {
			return address
		}
	case c == ':' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F':
		if bytes.IndexByte(v, ':') >= 0 && isAddress(v) {
			return address
		}
	}
	switch {
	case bytes.Contains(v[:min(len(v), 12)], []byte("://")):
		return link
	case bytes.IndexByte(v, ' ') >= 0:
		return text
	}
	return keyword
}

func isAddress(v []byte) bool {
	if len(v) > 45 || bytes.IndexByte(v, '.') < 0 && bytes.IndexByte(v, ':') < 0 {
		return false
	}
	if bytes.IndexByte(v, ':') < 0 {
		return isDotted(v)
	}
	_, err := netip.ParseAddr(string(v))
	return err == nil
}

// isDotted reports an IPv4 address as netip.ParseAddr reads it.
func isDotted(v []byte) bool {
	fields, digits, n := 0, 0, 0
	for _, c := range v {
		switch {
		case '0' <= c && c <= '9':
			if digits++; digits > 1 && n == 0 {
				return false // 01
			}
			if n = n*10 + int(c-'0'); n > 255 {
				return false
			}
		case c == '.' && digits > 0:
			fields, digits, n = fields+1, 0, 0
		default:
			return false
		}
	}
	return fields == 3 && digits > 0
}

// smallInteger reports a whole number that is kept as a value of its own.
func smallInteger(v []byte) bool {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
		if n = n*10 + int(c-'0'); n > maxExact {
			return false
		}
	}
	return true
}
