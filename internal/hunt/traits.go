package hunt

import "weir/internal/token"

// A Trait is one token of a suspect: what others may share with it.
type Trait struct {
	ID        uint32 // of the token, dense from 0, valid for this Result
	Feature   uint32 // of the value that the token was taken from, for TraitName
	Field     *token.Field
	Kind      token.Kind
	Weight    float64 // weight of evidence in bits, positive for bad
	Rarity    float64 // bits: how rare it is in known good
	Good, Bad uint32  // events with the token in known good and in the window
}

// ContentOf returns the number of the content of the i-th suspect, from 0 to Contents−1: suspects of one content are equal
// but for their time, their client and fields that were left out.
func (r *Result) ContentOf(i int) int { return int(r.distinctOf[r.a.content[r.order[i]]]) }

// VariantOf returns the number of the i-th suspect's content as one client sent it: suspects of one variant have the same
// traits. Numbers are dense, from 0, in the order of file names and lines.
func (r *Result) VariantOf(i int) int { return int(r.a.content[r.order[i]]) }

// Variants is how many variants there are.
func (r *Result) Variants() int { return len(r.a.contents) }

// Traits calls f with each token of the i-th suspect, in the order of its fields. Those of fields without meaning are left
// out.
func (r *Result) Traits(i int, f func(Trait)) {
	c := &r.a.contents[r.a.content[r.order[i]]]
	most := uint32(len(r.a.list.rows))
	for _, fi := range r.a.featuresOf(c) {
		x := &r.a.features[fi]
		field := r.a.fields[x.field].field
		for _, t := range r.a.tokensOf(x) {
			k := &r.a.tokens[t]
			f(Trait{t, fi, field, k.kind, r.j.weight[t], r.j.rarity[t], k.good, min(k.bad, most)})
		}
	}
}

// TraitText returns the text of a token. feature is a value that it was taken from.
func (r *Result) TraitText(id, feature uint32) string {
	f := r.h.keep.feature(r.a.features[feature].id)
	t := &r.a.tokens[id]
	for _, x := range r.h.codify.Tokens(&f) {
		if x.Kind == t.kind && x.Hash == t.hash {
			return x.Text
		}
	}
	return f.Text()
}

// ClientOf returns who sent the i-th suspect, "" where the record does not tell.
func (r *Result) ClientOf(i int) string {
	x := &r.a.list.rows[r.order[i]]
	if x.client == 0 {
		return ""
	}
	f := r.h.keep.feature(x.client - 1)
	return f.Text()
}

// Country returns the country of the i-th suspect's client, "" where it is not known.
func (r *Result) Country(i int) (country string) {
	r.values(int(r.order[i]), func(f *token.Field) bool { return f.Name == countryField }, func(v string) bool {
		country = v
		return true
	})
	return country
}

// countryField holds the country of an event's source.
const countryField = "source.geo.country_iso_code"
