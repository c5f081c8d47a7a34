package token

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"weir/internal/event"
)

// fuzzedEvent makes an event of lines "name=value". A line without = is one more value of the last name.
func fuzzedEvent(keys *event.Keys, data []byte, at int64) *event.Event {
	e := &event.Event{Dataset: "fuzz", Time: at, HasTime: at != 0}
	key := keys.Get("message")
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		name, value, ok := bytes.Cut(line, []byte{'='})
		if ok {
			key = keys.GetBytes(name)
		} else {
			value = line
		}
		if len(e.Fields) < event.MaxFields {
			e.Add(key, value)
		}
	}
	return e
}

// FuzzCodify holds what the other packages rely on: features and parts are bounded, Parts, KindedParts and Tokens tell the
// same, nothing depends on what was codified before, and values with one hash have the same parts.
func FuzzCodify(f *testing.F) {
	var all []byte
	for _, s := range samples {
		var one []byte
		for _, field := range s.fields {
			one = fmt.Appendf(one, "%s\n", field)
		}
		f.Add(one, int64(1e18))
		all = append(all, one...)
	}
	f.Add(all, int64(0))
	for _, s := range []string{"", "=", "source.ip=\nsource.ip=::ffff:1.2.3.4%x", "x=1e308\nx=-\nx=-0\nx=.", "url.full=://?", "url.query=%%%&&;==",
		"url.path=/%2525252f.", "host.name=h\n×=×\nsource.ip×shift=1", "x=65536\nx=65535..92680", "rule.name=a 1\na 2"} {
		f.Add([]byte(s), int64(-1))
	}
	enrichment := NewEnrichment(nil, nil)
	f.Fuzz(func(t *testing.T, data []byte, at int64) {
		keys := event.NewKeys()
		e := fuzzedEvent(keys, data, at)
		c := NewCodifier(1, enrichment)
		features := slices.Clone(c.Codify(e))
		if most := 2*maxFeatures + len(pairs) + maxHostPairs + len(expected); len(features) > most {
			t.Fatalf("%d features", len(features))
		}
		type class struct {
			field *Field
			hash  uint64
			kind  ValueKind
		}
		parts := map[class][]uint64{}
		var first []uint64
		for i := range features {
			x := &features[i]
			first = append(first, x.Hash)
			if x.Field.Left == "" && x.Field.Hash(x.Value) != x.Hash {
				t.Fatalf("%s: the hash is not that of its value %q", x.Field.Name, x.Value)
			}
			got := c.Parts(x, []uint64{7})
			if got[0] != 7 || !slices.IsSorted(got[1:]) || len(slices.Compact(slices.Clone(got[1:]))) != len(got)-1 {
				t.Fatalf("%s: the parts are not sorted and distinct behind what was there: %v", x.Field.Name, got)
			}
			got = got[1:]
			checkParts(t, c, x, got)
			k := class{x.Field, x.Hash, x.Kind}
			if other, ok := parts[k]; ok && !slices.Equal(other, got) {
				t.Fatalf("%s: two values with the hash of %q have different parts", x.Field.Name, x.Value)
			}
			parts[k] = got
		}
		// The same again, after other events, and by another codifier: the same hashes.
		var again, other []uint64
		for _, x := range c.Codify(e) {
			again = append(again, x.Hash)
		}
		d := NewCodifier(1, enrichment)
		d.Codify(fuzzedEvent(keys, []byte("x=1\nurl.path=/a\nzz=b"), 5))
		for _, x := range d.Codify(e) {
			other = append(other, x.Hash)
		}
		if !slices.Equal(first, again) || !slices.Equal(first, other) {
			t.Fatal("an event has other features when it is codified again")
		}
	})
}

// checkParts compares what the three ways of taking a feature apart give.
func checkParts(t *testing.T, c *Codifier, x *Feature, parts []uint64) {
	t.Helper()
	if most := maxWords*(3+maxWords+maxGrams) + 1000; len(parts) > most {
		t.Fatalf("%s: %d parts", x.Field.Name, len(parts))
	}
	var kinded []uint64
	for _, p := range c.KindedParts(x, nil) {
		if p.Kind == Whole || p.Kind >= numKinds {
			t.Fatalf("%s: a part of the kind %d", x.Field.Name, p.Kind)
		}
		kinded = append(kinded, p.Hash)
	}
	tokens := c.Tokens(x)
	if tokens[0].Kind != Whole || tokens[0].Hash != x.Hash || tokens[0].Text != x.Text() {
		t.Fatalf("%s: the first token is %+v", x.Field.Name, tokens[0])
	}
	var named []uint64
	for _, token := range tokens[1:] {
		if len(token.Text) > maxText+1+32 && token.Kind != Range {
			t.Fatalf("%s: a %v of %d bytes", x.Field.Name, token.Kind, len(token.Text))
		}
		if partHash(x.Field, token.Kind, []byte(token.Text)) != token.Hash {
			t.Fatalf("%s: the hash of %q is not that of its text", x.Field.Name, token.Text)
		}
		named = append(named, token.Hash)
	}
	if !slices.Equal(kinded, named) {
		t.Fatalf("%s: KindedParts and Tokens differ for %q", x.Field.Name, x.Value)
	}
	slices.Sort(kinded)
	if !slices.Equal(kinded, parts) {
		t.Fatalf("%s: KindedParts and Parts differ for %q", x.Field.Name, x.Value)
	}
}
