package hunt

import (
	"slices"

	"weir/internal/count"
	"weir/internal/token"
)

// An analysis is one window laid against the known good: the real one, or a placebo. It holds the window's events with
// everything that scoring asks of them, in dense arrays.
//
//	rows      events, in order of file name and line
//	contents  distinct events: the same features, leaving out fields without meaning, and the same client
//	features  distinct features of the contents, each with its tokens
//	tokens    distinct tokens, each with its counts in the window and in known good
type analysis struct {
	list     *list
	content  []uint32 // of each row
	contents []content
	contFeat []uint32 // arena: features of contents
	features []featureInfo
	featTok  []uint32 // arena: tokens of features
	tokens   []tokenInfo
	fields   []fieldInfo
	groups   []groupInfo
	clients  int
	events   float64 // known good events that this window is compared with
}

type content struct {
	from     uint32
	n        uint16
	client   uint32 // dense from 1, 0 for none
	copies   uint32
	firstRow uint32
}

type featureInfo struct {
	id    uint32 // in the interner
	field uint16 // into analysis.fields
	from  uint32 // tokens; the first is the value as a whole
	n     uint16
	left  int32 // feature that is the left side of a pair, −1 if none or not among these
}

// A group is the tokens of one kind that one field's values hold. A group votes once: its tokens come from the same value
// and say much the same.
type groupInfo struct {
	name  string // as token.Name begins: url.query:word
	field uint16
}

type tokenInfo struct {
	hash      uint64
	field     uint16
	group     uint16
	kind      token.Kind
	bad, good uint32  // events in the window, in known good (a placebo's own taken out)
	matched   float64 // good, re-weighted to the window's hours
}

type fieldInfo struct {
	field     *token.Field
	group     *count.Group
	numeric   bool
	values    int    // distinct ones in the window
	leftOut   string // why the field carries no weight, or ""
	bad, good float64
	matched   float64
	shape     count.Shape
}

// lay builds the analysis of a window. own tells that the rows are part of the good counts, as a placebo's are, and have
// to be taken out.
func (h *hunter) lay(l *list, own bool) *analysis {
	a := &analysis{list: l}
	fieldAt := map[*token.Field]uint16{}
	featAt := make([]uint32, len(h.keep.list)) // interned id → index into a.features plus one
	for i := range l.rows {
		for _, id := range l.featuresOf(&l.rows[i]) {
			if featAt[id] == 0 {
				f := h.keep.fields[h.keep.list[id].field]
				at, ok := fieldAt[f]
				if !ok {
					at = uint16(len(a.fields))
					fieldAt[f] = at
					a.fields = append(a.fields, fieldInfo{field: f, group: h.counts.Group(f.Name)})
				}
				x := h.keep.feature(id)
				a.fields[at].numeric = a.fields[at].numeric || x.Numeric()
				a.fields[at].values++
				a.features = append(a.features, featureInfo{id: id, field: at, left: -1})
				featAt[id] = uint32(len(a.features))
			}
			a.fields[a.features[featAt[id]-1].field].bad++
		}
	}
	h.layFields(a, own)
	h.layTokens(a)
	h.layContents(a, featAt)
	h.countTokens(a, own)
	return a
}

// layTokens takes every feature of a field that carries weight apart.
func (h *hunter) layTokens(a *analysis) {
	type key struct {
		field uint16
		whole bool
		hash  uint64
	}
	at := make(map[key]uint32, 2*len(a.features))
	groupAt := map[groupKey]uint16{}
	add := func(field uint16, kind token.Kind, hash uint64) {
		k := key{field, kind == token.Whole, hash}
		t, ok := at[k]
		if !ok {
			t = uint32(len(a.tokens))
			at[k] = t
			a.tokens = append(a.tokens, tokenInfo{hash: hash, field: field, kind: kind, group: a.groupOf(groupAt, field, kind)})
		}
		a.featTok = append(a.featTok, t)
	}
	var parts []token.Part
	for i := range a.features {
		x := &a.features[i]
		x.from = uint32(len(a.featTok))
		if a.fields[x.field].leftOut != "" {
			continue
		}
		f := h.keep.feature(x.id)
		add(x.field, token.Whole, f.Hash)
		parts = h.codify.KindedParts(&f, parts[:0])
		for _, p := range parts {
			add(x.field, p.Kind, p.Hash)
		}
		x.n = uint16(len(a.featTok) - int(x.from))
	}
}

type groupKey struct {
	field uint16
	kind  token.Kind
}

func (a *analysis) groupOf(at map[groupKey]uint16, field uint16, kind token.Kind) uint16 {
	k := groupKey{field, kind}
	g, ok := at[k]
	if !ok {
		g = uint16(len(a.groups))
		at[k] = g
		name := a.fields[field].field.Name
		if kind != token.Whole {
			name += ":" + kind.String()
		}
		a.groups = append(a.groups, groupInfo{name, field})
	}
	return g
}

// layContents folds rows into contents.
func (h *hunter) layContents(a *analysis, featAt []uint32) {
	clientAt := map[uint32]uint32{}
	seen := make(map[uint64][]uint32)
	a.content = make([]uint32, len(a.list.rows))
	var feats []uint32
	for i := range a.list.rows {
		x := &a.list.rows[i]
		feats = feats[:0]
		var sum uint64
		for _, id := range a.list.featuresOf(x) {
			if f := featAt[id] - 1; a.fields[a.features[f].field].leftOut == "" {
				feats = append(feats, f)
				sum = (sum ^ uint64(f)) * 0x9FB21C651E98DF25
				sum ^= sum >> 29
			}
		}
		client := uint32(0)
		if x.client > 0 {
			if client = clientAt[x.client]; client == 0 {
				client = uint32(len(clientAt) + 1)
				clientAt[x.client] = client
			}
		}
		found := false
		for _, c := range seen[sum] {
			o := &a.contents[c]
			if o.client == client && slices.Equal(a.contFeat[o.from:o.from+uint32(o.n)], feats) {
				o.copies++
				a.content[i] = c
				found = true
				break
			}
		}
		if found {
			continue
		}
		c := uint32(len(a.contents))
		seen[sum] = append(seen[sum], c)
		a.content[i] = c
		a.contents = append(a.contents, content{from: uint32(len(a.contFeat)), n: uint16(len(feats)), client: client, copies: 1,
			firstRow: uint32(i)})
		a.contFeat = append(a.contFeat, feats...)
	}
	a.clients = len(clientAt)
}

func (a *analysis) featuresOf(c *content) []uint32 { return a.contFeat[c.from : c.from+uint32(c.n)] }

func (a *analysis) tokensOf(f *featureInfo) []uint32 { return a.featTok[f.from : f.from+uint32(f.n)] }
