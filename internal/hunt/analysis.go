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
	byClient []uint32 // contents in the order of clients
	features []featureInfo
	featTok  []uint32 // arena: tokens of features
	tokens   []tokenInfo
	fields   []fieldInfo
	groups   []groupInfo
	strays   []stray // arena: of contents
	clients  int
	events   float64 // known good events that this window is compared with
}

type content struct {
	from     uint32
	n        uint16
	client   uint32 // dense from 1, 0 for none
	copies   uint32
	firstRow uint32
	// What it shows out of character that no pair of its holds.
	strays    uint16
	strayFrom uint32
	version   uint32 // feature, plus one, that is a new version of what its actor has shown before
}

type featureInfo struct {
	id    uint32 // in the interner
	field uint16 // into analysis.fields
	from  uint32 // tokens; the first is the value as a whole
	n     uint16
	// How far a pair is out of its entity's character, in bits, and the group that votes so; 0 where nothing is known.
	departure uint16 // group plus one
	bits      float32
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
	bad, good uint32 // events in the window, in known good (a placebo's own taken out)
}

type fieldInfo struct {
	field   *token.Field
	group   *count.Group
	numeric bool
	values  int    // distinct ones in the window
	leftOut string // why the field carries no weight, or ""
}

// A desk is what one goroutine needs to lay windows.
type desk struct {
	codify   *token.Codifier
	featAt   []uint32 // interned id → index into analysis.features plus one
	clientAt []uint32 // client of a row → of a content
}

// layAll builds the analyses of windows: the real one first, then the placebos, whose rows are part of the good counts
// and have to be taken out.
func (h *hunter) layAll(lists []*list) ([]*analysis, error) {
	all := make([]*analysis, len(lists))
	desks := make(chan *desk, len(lists))
	parallel(len(lists), func(i int) {
		d := h.desk(desks)
		all[i] = h.survey(lists[i], d)
		desks <- d
	})
	if h.shelf != nil {
		if err := h.fetchCounts(all); err != nil {
			return nil, err
		}
	}
	h.findMeaningless(all)
	parallel(len(lists), func(i int) {
		d := h.desk(desks)
		a, own := all[i], i > 0
		h.layFields(a, own)
		h.layTokens(a, d)
		h.layContents(a, d)
		h.countTokens(a, own)
		h.layDepartures(a, own)
		desks <- d
	})
	return all, nil
}

func (h *hunter) desk(free chan *desk) *desk {
	select {
	case d := <-free:
		return d
	default:
		n := len(h.keep.list)
		return &desk{token.NewCodifier(h.q.seed, h.opt.Enrich()), make([]uint32, n), make([]uint32, n+1)}
	}
}

// survey lists the features and fields of a window.
func (h *hunter) survey(l *list, d *desk) *analysis {
	a := &analysis{list: l}
	clear(d.featAt)
	fieldAt := make([]uint16, len(h.keep.fields)) // plus one
	for i := range l.rows {
		for _, id := range l.featuresOf(&l.rows[i]) {
			if d.featAt[id] == 0 {
				field := h.keep.list[id].field
				if fieldAt[field] == 0 {
					f := h.keep.fields[field]
					a.fields = append(a.fields, fieldInfo{field: f, group: h.counts.Lookup(f.Name)})
					fieldAt[field] = uint16(len(a.fields))
				}
				at := fieldAt[field] - 1
				x := h.keep.feature(id)
				a.fields[at].numeric = a.fields[at].numeric || x.Numeric()
				a.fields[at].values++
				a.features = append(a.features, featureInfo{id: id, field: at})
				d.featAt[id] = uint32(len(a.features))
			}
		}
	}
	return a
}

// layTokens takes every feature of a field that carries weight apart.
func (h *hunter) layTokens(a *analysis, d *desk) {
	var at index // of field, whole or part, and hash
	groupAt := map[groupKey]uint16{}
	add := func(field uint16, kind token.Kind, hash uint64) {
		key := hash ^ uint64(field+1)*0x9FB21C651E98DF25
		if kind == token.Whole {
			key = ^key
		}
		t, ok := at.number(key)
		if !ok {
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
		parts = d.codify.KindedParts(&f, parts[:0])
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
func (h *hunter) layContents(a *analysis, d *desk) {
	for i := range a.features {
		d.featAt[a.features[i].id] = uint32(i + 1)
	}
	clear(d.clientAt)
	var seen chains
	a.content = make([]uint32, len(a.list.rows))
	var feats []uint32
	for i := range a.list.rows {
		x := &a.list.rows[i]
		feats = feats[:0]
		for _, id := range a.list.featuresOf(x) {
			if f := d.featAt[id] - 1; a.fields[a.features[f].field].leftOut == "" {
				feats = append(feats, f)
			}
		}
		client := uint32(0)
		if x.client > 0 {
			if client = d.clientAt[x.client]; client == 0 {
				a.clients++
				client = uint32(a.clients)
				d.clientAt[x.client] = client
			}
		}
		c, known := seen.find(uint64(client)<<32^hashOf(feats), func(c uint32) bool {
			o := &a.contents[c]
			return o.client == client && slices.Equal(a.contFeat[o.from:o.from+uint32(o.n)], feats)
		})
		a.content[i] = c
		if known {
			a.contents[c].copies++
			continue
		}
		a.contents = append(a.contents, content{from: uint32(len(a.contFeat)), n: uint16(len(feats)), client: client, copies: 1,
			firstRow: uint32(i)})
		a.contFeat = append(a.contFeat, feats...)
	}
	// Contents by client, those of a client in their order.
	start := make([]uint32, a.clients+2)
	for i := range a.contents {
		start[a.contents[i].client+1]++
	}
	for k := range start[1:] {
		start[k+1] += start[k]
	}
	a.byClient = make([]uint32, len(a.contents))
	for i := range a.contents {
		k := a.contents[i].client
		a.byClient[start[k]] = uint32(i)
		start[k]++
	}
}

func hashOf(features []uint32) (sum uint64) {
	for _, f := range features {
		sum = (sum ^ uint64(f)) * 0x9FB21C651E98DF25
		sum ^= sum >> 29
	}
	return sum
}

// chains find things, numbered densely from 0, by hash and comparison.
type chains struct {
	at    index
	first []uint32 // of a hash, plus one
	next  []uint32 // of a thing, plus one
}

// find returns the number of the thing with a hash for which same is true, or the next free number.
func (x *chains) find(hash uint64, same func(uint32) bool) (number uint32, known bool) {
	k, known := x.at.number(hash)
	if !known {
		x.first = append(x.first, 0)
	}
	for c := x.first[k]; c > 0; c = x.next[c-1] {
		if same(c - 1) {
			return c - 1, true
		}
	}
	number = uint32(len(x.next))
	x.next = append(x.next, x.first[k])
	x.first[k] = number + 1
	return number, false
}

// distinct numbers contents without regard to who sent them, and counts them.
func (a *analysis) distinct() (of []uint32, n int) {
	var seen chains
	var arena, from []uint32 // features of those found
	of = make([]uint32, len(a.contents))
	from = append(from, 0)
	var feats []uint32
	for i := range a.contents {
		feats = feats[:0]
		for _, f := range a.featuresOf(&a.contents[i]) {
			if !a.fields[a.features[f].field].field.Identity {
				feats = append(feats, f)
			}
		}
		d, known := seen.find(hashOf(feats), func(d uint32) bool { return slices.Equal(arena[from[d]:from[d+1]], feats) })
		if !known {
			arena = append(arena, feats...)
			from = append(from, uint32(len(arena)))
		}
		of[i] = d
	}
	return of, len(from) - 1
}

func (a *analysis) featuresOf(c *content) []uint32 { return a.contFeat[c.from : c.from+uint32(c.n)] }

func (a *analysis) tokensOf(f *featureInfo) []uint32 { return a.featTok[f.from : f.from+uint32(f.n)] }

func (a *analysis) straysOf(c *content) []stray {
	return a.strays[c.strayFrom : c.strayFrom+uint32(c.strays)]
}
