package lake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"weir/internal/event"
	"weir/internal/token"
)

// A Change is a token whose evidence is not what it was a training ago.
type Change struct {
	Field   string
	Part    bool
	Token   uint64
	Name    string  // as people see it; empty where none of the events that were looked at carries it
	Was, Is Evident // zero where no bad event carries it
}

// Evident is what a model says of a token.
type Evident struct {
	Good, Bad float64 // events that carry it; not whole numbers where age matters
	Weight    float64 // of evidence, in bits
}

// bits is what all bad events together say by the token.
func (e Evident) bits() float64 { return float64(e.Bad * e.Weight) }

// Bits is by how much the evidence of all bad events together has changed by this token.
func (c *Change) Bits() float64 { return c.Is.bits() - c.Was.bits() }

// maxNamed bounds the events that are read for the names of tokens.
const maxNamed = 2_000_000

// Drift returns the tokens whose evidence differs most between two models: by weight times the bad events that carry it, so
// that one odd value of one event is not in front of what a hundred events have in common. Names are those of the events
// in the windows of both models' marks. It is nothing where the file of one of them is gone.
func (t *Trainer) Drift(ctx context.Context, before, after *Model, most int) ([]Change, error) {
	if before == nil || after == nil || before.Name == "" || after.Name == "" {
		return nil, nil
	}
	was, err := t.readModel(ctx, before)
	if errors.Is(err, ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	is, err := t.readModel(ctx, after)
	if err != nil {
		return nil, err
	}
	list := largest(was, is, most)
	return list, t.nameChanges(ctx, list, before, after)
}

// modelTable is a model's file: its rows in order, with their scale.
type modelTable struct {
	rows  []modelRow
	scale float64
}

func (t *modelTable) at(i int) Evident {
	r := &t.rows[i]
	return Evident{Good: float64(r.Good) / t.scale, Bad: float64(r.Bad) / t.scale, Weight: r.Weight}
}

func (t *Trainer) readModel(ctx context.Context, m *Model) (*modelTable, error) {
	b, err := t.ground.ReadModel(ctx, m)
	if err != nil {
		return nil, err
	}
	return parseModel(b, m.Name)
}

// parseModel reads the bytes of a model, which is called name.
func parseModel(b []byte, name string) (t *modelTable, err error) {
	defer func() { // the library panics on some damaged files
		if x := recover(); x != nil {
			err = damaged(name, fmt.Errorf("%v", x))
		}
	}()
	p, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, damaged(name, err)
	}
	if !parquet.SameNodes(p.Schema(), parquet.SchemaOf(modelRow{})) {
		return nil, damaged(name, errors.New("its columns are not those of a model"))
	}
	text, _ := p.Lookup("weir.scale")
	scale, err := strconv.ParseFloat(text, 64)
	if err != nil || !(scale >= 1) || math.IsInf(scale, 0) {
		return nil, damaged(name, fmt.Errorf("its scale is %q", text))
	}
	r := parquet.NewGenericReader[modelRow](p)
	defer r.Close()
	t = &modelTable{rows: make([]modelRow, r.NumRows()), scale: scale}
	n, err := r.Read(t.rows)
	if err != nil && err != io.EOF || n != len(t.rows) {
		return nil, damaged(name, fmt.Errorf("%d of %d rows: %w", n, len(t.rows), err))
	}
	return t, nil
}

func compareRows(a, b *modelRow) int {
	if c := cmp.Or(cmp.Compare(a.Field, b.Field)); c != 0 || a.Part == b.Part {
		return cmp.Or(c, cmp.Compare(a.Token, b.Token))
	}
	if b.Part {
		return -1
	}
	return 1
}

// largest returns the tokens of two models that differ most, the largest first.
func largest(was, is *modelTable, most int) []Change {
	var out []Change
	worse := func(a, b Change) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Bits()), math.Abs(a.Bits())), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Token, b.Token))
	}
	add := func(r *modelRow, a, b Evident) {
		c := Change{Field: r.Field, Part: r.Part, Token: r.Token, Was: a, Is: b}
		if c.Bits() == 0 {
			return
		}
		if out = append(out, c); len(out) >= 4*most {
			slices.SortFunc(out, worse)
			out = out[:most]
		}
	}
	i, k := 0, 0
	for i < len(was.rows) || k < len(is.rows) {
		order := 0
		switch {
		case i == len(was.rows):
			order = 1
		case k == len(is.rows):
			order = -1
		default:
			order = compareRows(&was.rows[i], &is.rows[k])
		}
		switch {
		case order < 0:
			add(&was.rows[i], was.at(i), Evident{})
			i++
		case order > 0:
			add(&is.rows[k], Evident{}, is.at(k))
			k++
		default:
			add(&is.rows[k], was.at(i), is.at(k))
			i++
			k++
		}
	}
	slices.SortFunc(out, worse)
	return out[:min(most, len(out))]
}

// nameChanges looks the tokens up in the events of the windows.
func (t *Trainer) nameChanges(ctx context.Context, list []Change, models ...*Model) error {
	v, err := t.ground.Look(ctx)
	if err != nil {
		return err
	}
	var spans []Mark
	for _, m := range v.Marks {
		if m.Verdict == string(Bad) && slices.ContainsFunc(models, func(x *Model) bool { return slices.Contains(x.Marks, m.Number) }) {
			spans = append(spans, m)
		}
	}
	n := &namer{list: list, left: len(list), events: maxNamed, fields: map[string][]int{}}
	for i := range list {
		n.fields[list[i].Field] = append(n.fields[list[i].Field], i)
	}
	n.codify = t.ground.NewCounter().codify
	var near []Stretch
	for i := range v.Stretches {
		if len(touching(spans, &v.Stretches[i])) > 0 {
			near = append(near, v.Stretches[i])
		}
	}
	r := t.ground.NewReader()
	for group := range slices.Chunk(near, max(1, r.Together())) {
		if n.left == 0 || n.events == 0 {
			return nil
		}
		err := r.Events(ctx, group, windows(spans), func(_ int, e *event.Event) error {
			if n.left == 0 || n.events == 0 || ctx.Err() != nil {
				return ErrEnough
			}
			n.look(e)
			return nil
		})
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return ctx.Err()
}

// A namer finds the texts of tokens.
type namer struct {
	list   []Change
	fields map[string][]int // of list, by field
	left   int
	events int // that may be read still
	codify *token.Codifier
}

func (n *namer) look(e *event.Event) {
	n.events--
	features := n.codify.Codify(e)
	for i := range features {
		f := &features[i]
		var tokens []token.Token
		for _, at := range n.fields[f.Field.Name] {
			c := &n.list[at]
			if c.Name != "" || !c.Part && c.Token != f.Hash {
				continue
			}
			if tokens == nil {
				tokens = n.codify.Tokens(f)
			}
			for k, t := range tokens {
				if t.Hash == c.Token && (k > 0) == c.Part {
					c.Name = token.Name(c.Field, t.Kind, t.Text)
					n.left--
					break
				}
			}
		}
	}
}
