package partition

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// wanted are records that are looked for in a second reading: examples of groups, and contents that name tokens.
type wanted struct {
	groups   []Group
	contents map[uint64]*look
}

// A look is what is wanted of a content.
type look struct {
	example []int             // groups that it stands for
	name    map[item][]*Trait // tokens to be named
}

// tell makes the groups but for the texts, which are to be found.
func (s *study) tell(labels []int32, groups int) *wanted {
	w := &wanted{groups: make([]Group, groups), contents: map[uint64]*look{}}
	for i, l := range labels {
		w.groups[l].Contents++
		w.groups[l].Records += int64(s.examples[i].Count)
	}
	mean := make([]float64, s.rows.Width)
	has := make([]int, s.rows.Width)
	for g := range w.groups {
		group := &w.groups[g]
		if group.Contents == 0 {
			continue // copies of one content in vectors: k-means had nowhere to put a centre
		}
		clear(mean)
		clear(has)
		for i, l := range labels {
			if int(l) == g {
				columns, values := s.rows.row(i)
				for k, c := range columns {
					mean[c] += values[k]
					has[c]++
				}
			}
		}
		nearest, most := -1, math.Inf(-1)
		for i, l := range labels {
			if int(l) == g {
				if d := s.rows.dot(i, mean); d > most {
					nearest, most = i, d
				}
			}
		}
		w.look(s.examples[nearest].Key).example = append(w.look(s.examples[nearest].Key).example, g)
		s.traits(w, labels, g, has)
	}
	return w
}

func (w *wanted) look(content uint64) *look {
	l := w.contents[content]
	if l == nil {
		l = &look{name: map[item][]*Trait{}}
		w.contents[content] = l
	}
	return l
}

// traits finds what sets a group apart: of each field the token whose share in the group exceeds that elsewhere most.
func (s *study) traits(w *wanted, labels []int32, g int, has []int) {
	group := &w.groups[g]
	type candidate struct {
		column int
		by     float64
	}
	var list []candidate
	others := len(s.examples) - group.Contents
	share := func(c int) (own, other float64) {
		own = float64(has[c]) / float64(group.Contents)
		if others > 0 {
			other = float64(s.df[c]-has[c]) / float64(others)
		}
		return own, other
	}
	for c := range has {
		own, other := share(c)
		if own < mostly || own-other < apart {
			continue
		}
		x := candidate{c, own - other}
		if n := len(list); n > 0 && s.items[list[n-1].column]>>48 == s.items[c]>>48 {
			if x.by > list[n-1].by {
				list[n-1] = x
			}
			continue
		}
		list = append(list, x)
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(b.by, a.by) })
	list = list[:min(len(list), maxTraits)]
	group.Traits = make([]Trait, len(list))
	for k, x := range list {
		t := &group.Traits[k]
		t.Share, t.Others = share(x.column)
		for i, l := range labels {
			if _, ok := slices.BinarySearch(s.examples[i].Items, s.items[x.column]); ok && int(l) == g {
				look := w.look(s.examples[i].Key)
				look.name[s.items[x.column]] = append(look.name[s.items[x.column]], t)
				break
			}
		}
	}
}

// find reads the inputs again.
func (w *wanted) find(ctx context.Context, inputs []source.Input, o *Options) error {
	scan := o.Scan
	scan.Progress = nil
	var workers []*finder
	if _, err := format.Scan(ctx, inputs, scan, func(int, *event.Keys) format.Handler {
		f := &finder{reader: newReader(o), wanted: w, found: map[uint64]*found{}}
		workers = append(workers, f)
		return f
	}); err != nil {
		return err
	}
	first := map[uint64]*found{}
	for _, f := range workers {
		for content, x := range f.found {
			if y := first[content]; y == nil || x.before(y) {
				first[content] = x
			}
		}
	}
	for content, l := range w.contents { // each sets what is its own, so the order makes no difference
		x := first[content]
		if x == nil {
			return errors.New("the logs have changed while they were read")
		}
		for _, g := range l.example {
			w.groups[g].File, w.groups[g].Line, w.groups[g].Raw = x.file, x.line, x.raw
		}
		for it, traits := range l.name {
			for _, t := range traits {
				t.Token = x.names[it]
			}
		}
	}
	return nil
}

// A finder is one worker's share of looking for records.
type finder struct {
	reader
	wanted *wanted
	found  map[uint64]*found
}

// A found is the first record with a content.
type found struct {
	file  int
	line  int64
	raw   []byte
	names map[item]string
}

func (x *found) before(y *found) bool { return x.file < y.file || x.file == y.file && x.line < y.line }

// Event implements format.Handler.
func (f *finder) Event(e *event.Event, pos format.Position, raw []byte) {
	f.take(e)
	l := f.wanted.contents[f.content]
	if l == nil {
		return
	}
	x := &found{file: pos.File, line: pos.Line}
	if y := f.found[f.content]; y != nil && !x.before(y) {
		return
	}
	x.raw = bytes.Clone(raw[:min(len(raw), maxRaw)])
	x.names = map[item]string{}
	for i := range f.features {
		field := f.features[i].Field
		for _, t := range f.codify.Tokens(&f.features[i]) {
			it := itemOf(field, t.Hash)
			if _, named := x.names[it]; l.name[it] != nil && !named {
				x.names[it] = token.Name(field.Name, t.Kind, t.Text)
			}
		}
	}
	f.found[f.content] = x
}
