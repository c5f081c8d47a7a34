package related

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/internal/bayes"
	"weir/internal/count"
	"weir/internal/token"
)

// A token is rare while at most one in a hundred of the other events carries it, or a handful.
const (
	commonShare = .01
	handful     = 5
)

// crowd is how many seeds there must be before a number that one of them has says nothing about them.
const crowd = 10

// Fields that tell every record from every other lead nowhere; the same bounds as in a hunt.
const (
	minShape    = 50
	uniqueShare = .95
)

// A table holds the tokens that seeds share with others and that few others carry.
type table struct {
	tokens  []Token            // heaviest first, then single values before pairs, whole ones before parts, then by name
	byHash  map[uint64]int32   // index into tokens
	common  map[uint64]float64 // weights of tokens that are not rare: they do not vote, but pairs weigh less by them
	alone   []Token
	unique  int
	leftOut []string
}

// newTable weighs the tokens of the seeds. codify has the seed of the counts.
func newTable(s *seeds, codify *token.Codifier) *table {
	t := &table{byHash: map[uint64]int32{}, common: map[uint64]float64{}}
	type hashed struct {
		Token
		hash uint64
	}
	var all []hashed
	out := map[string]bool{}
	seeds, others := float64(s.count), float64(s.others())
	seen := map[uint64]bool{}
	for _, x := range s.features {
		field := codify.Field(x.field)
		group := s.counts.Group(x.field)
		if left, ok := out[x.field]; left || !ok && tellsAll(field, group) {
			out[x.field] = true
			continue
		}
		out[x.field] = false
		f := token.Feature{Field: field, Hash: x.hash, Value: x.value, Other: x.other, Kind: x.kind}
		for _, k := range codify.Tokens(&f) {
			if k.Kind == token.Gram || seen[k.Hash] { // three characters are shared by chance
				continue
			}
			seen[k.Hash] = true
			good, bad := lookUp(group, &k)
			tok := Token{Name: token.Name(x.field, k.Kind, k.Text), Field: x.field, Part: k.Kind != token.Whole, Pair: x.pair,
				Seeds: bad, Others: good,
				Weight: round(bayes.Weight(float64(bad), seeds, float64(good), others))}
			tok.number = isNumber(x.field, &k)
			switch {
			case s.count >= crowd && bad == 1 && tok.number:
			case good == 0 && k.Kind == token.Whole && !x.pair:
				t.unique++
				t.alone = append(t.alone, tok)
			case good == 0 || tok.Weight <= 0:
			case good <= handful || float64(good) <= commonShare*others:
				all = append(all, hashed{tok, k.Hash})
			default:
				t.common[k.Hash] = tok.Weight
			}
		}
	}
	slices.SortFunc(all, func(a, b hashed) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(order(a.Pair), order(b.Pair)),
			cmp.Compare(order(a.Part), order(b.Part)), cmp.Compare(a.Name, b.Name))
	})
	for i, x := range all {
		t.tokens = append(t.tokens, x.Token)
		t.byHash[x.hash] = int32(i)
	}
	slices.SortFunc(t.alone, func(a, b Token) int { return cmp.Or(cmp.Compare(b.Seeds, a.Seeds), cmp.Compare(a.Name, b.Name)) })
	t.alone = slices.Clone(t.alone[:min(len(t.alone), MaxAlone)])
	for name, left := range out {
		if left {
			t.leftOut = append(t.leftOut, name)
		}
	}
	slices.Sort(t.leftOut)
	return t
}

// lookUp returns how many other events and how many seeds carry a token.
func lookUp(g *count.Group, t *token.Token) (others, seeds uint32) {
	if t.Kind == token.Whole {
		return g.Value(t.Hash)
	}
	return g.Part(t.Hash)
}

// isNumber reports a number or a range of numbers; a port is a name.
func isNumber(field string, t *token.Token) bool {
	if strings.HasSuffix(field, ".port") {
		return false
	}
	_, err := strconv.ParseFloat(t.Text, 64)
	return err == nil || t.Kind == token.Range || t.Kind == token.Whole && strings.Contains(t.Text, "..")
}

// tellsAll reports whether nearly every record has a value of its own in a field.
func tellsAll(f *token.Field, g *count.Group) bool {
	s := g.Shape()
	return f.Atomic() && s.Events >= minShape && float64(s.Distinct) >= uniqueShare*float64(s.Events)
}

// order puts false before true.
func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// sameAs names fields that follow from another one and count as the same.
var sameAs = map[string]string{
	"client.ip":                      "source.ip",
	"source.domain":                  "source.ip",
	"source.geo.country_iso_code":    "source.ip",
	"source.as.organization.name":    "source.ip",
	"server.ip":                      "destination.ip",
	"user_agent.name":                "user_agent.original",
	"dns.question.registered_domain": "dns.question.name",
}

// numbers is what all numbers vote as: bytes, packets and durations follow from one another.
const numbers = "#"

// A ballot numbers the fields that vote as one.
type ballot struct {
	ids    map[string]int
	fields []ballotField // by token.Field.ID
}

type ballotField struct {
	known       bool
	id          int
	left, right int // of a pair; −1 otherwise
}

func (b *ballot) id(field string) int {
	if same, ok := sameAs[field]; ok {
		field = same
	}
	id, ok := b.ids[field]
	if !ok {
		id = len(b.ids)
		b.ids[field] = id
	}
	return id
}

func (b *ballot) of(f *token.Field) ballotField {
	for f.ID >= len(b.fields) {
		b.fields = append(b.fields, ballotField{})
	}
	x := &b.fields[f.ID]
	if !x.known {
		*x = ballotField{true, b.id(f.Name), -1, -1}
		if f.Left != "" {
			x.left, x.right = b.id(f.Left), b.id(f.Right)
		}
	}
	return *x
}
