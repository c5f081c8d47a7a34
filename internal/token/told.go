package token

// Told returns the text by which a feature that is no pair can be told to somebody else, who makes it again with
// [Codifier.Restore].
func (f *Feature) Told() []byte {
	if len(f.Raw) > 0 {
		return f.Raw
	}
	return f.Value
}

// Restore returns the feature of a field that was told: of that kind, by that text. It keeps told. Any text and any kind may be
// given; what is no kind has no parts.
func (c *Codifier) Restore(f *Field, kind ValueKind, told []byte) Feature {
	x := Feature{Field: f, Value: told, Kind: kind}
	switch {
	case kind == text:
		x.Raw, x.Value = told, appendTemplate(nil, told[:min(len(told), maxSplit)])
	case kind.long():
		x.Raw, x.Value = told, appendDigest(nil, told)
	}
	x.Hash = f.Hash(x.Value)
	return x
}
