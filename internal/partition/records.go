package partition

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/linear"
	"weir/internal/source"
	"weir/internal/token"
)

// Options govern [Records]. Enrich is required.
type Options struct {
	Scan     format.ScanOptions
	Enrich   func() *token.Enrichment // one for each goroutine
	Linkage  Linkage                  // empty is k-means
	Groups   int                      // wanted; at least 1
	Contents int                      // distinct contents that are compared at most; 0 is MostContents
	Seed     uint64                   // of the centres that k-means begins with
	Progress func(read, total, events int64)
}

// MostContents bounds what is compared: k-means takes time in proportion to contents and groups, linkage takes 4·n² bytes.
func MostContents(l Linkage) int {
	if l == "" {
		return 10_000
	}
	return 4_000
}

const (
	hashSeed   = 0x77656972 // fixed: which contents are kept has to be the same every time
	starts     = 5          // of k-means, of which the one with the least inertia is kept
	mostRounds = 100        // of k-means
	mostCells  = 1 << 26    // numbers of all centres: 512 MiB
	maxTraits  = 6          // of a group
	mostly     = .5         // share of a group's contents that a trait has at least,
	apart      = .1         // and by how much that exceeds the share of others
	maxRaw     = 4 << 10    // bytes of an example
)

// A Group is contents that are like each other.
type Group struct {
	Contents int
	Records  int64
	Traits   []Trait // what sets it apart, the most first
	File     int     // of the example, the first record with the content that is nearest to the mean
	Line     int64
	Raw      []byte // its line, at most 4 KiB
}

// A Trait is a token that most contents of a group have and few others.
type Trait struct {
	Token  string  // as token.Name writes it
	Share  float64 // of the group's contents
	Others float64 // of all other contents; 0 if there are none
}

// A Result is what [Records] finds.
type Result struct {
	Groups   []Group // that of most records first
	Contents int     // distinct ones that were compared
	Share    float64 // about how much of all distinct contents that is
	Records  int64   // with these contents
	All      int64   // records read
	Spread   float64 // of k-means: mean squared distance from the centre, 0 to 2
	Height   float64 // of linkage: the distance at which the last two groups were joined; 0 if none were
}

// ErrNoRecord says that there is nothing to divide.
var ErrNoRecord = errors.New("there is no record to divide into clusters")

// A TooManyError says that there are fewer distinct contents than wanted groups.
type TooManyError struct{ Wanted, Possible int }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("cannot make %d clusters of %d distinct contents", e.Wanted, e.Possible)
}

// Records divides the records of logs by what they say, without who sent them. Equal contents count as one. A content is the vector
// of its tokens, 1/√n for each of a field's n, so that each field has one voice, and the whole of length 1. Tokens do not
// weigh by their rarity: what all contents have makes no distance anyway, and sizes and ids, which are rarer than anything,
// would drown all else. Beyond most contents it takes those with the least hashes.
//
// It reads the inputs twice, and they must be the same both times. The same logs give the same result, whatever the
// number of workers. The summary says what was read, also where the error is not nil, if reading got that far.
func Records(ctx context.Context, inputs []source.Input, o Options) (*Result, *format.Summary, error) {
	if o.Contents <= 0 {
		o.Contents = MostContents(o.Linkage)
	}
	o.Scan.Progress = o.Progress
	all, summary, err := gather(ctx, inputs, &o)
	if err != nil {
		return nil, summary, err
	}
	s := newStudy(all, o.Contents)
	if len(s.examples) == 0 {
		return nil, summary, ErrNoRecord
	}
	if o.Groups < 1 || o.Groups > len(s.examples) {
		return nil, summary, &TooManyError{o.Groups, len(s.examples)}
	}
	r := &Result{Contents: len(s.examples), Share: s.share, Records: s.records, All: all.records}
	labels, err := s.divide(&o, r)
	if err != nil {
		return nil, summary, err
	}
	w := s.tell(labels, o.Groups)
	if err := w.find(ctx, inputs, &o); err != nil {
		return nil, summary, err
	}
	r.Groups = slices.DeleteFunc(w.groups, func(g Group) bool { return g.Contents == 0 })
	slices.SortStableFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(b.Contents, a.Contents), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return r, summary, nil
}

// An item is a token: a hash of its field in the leading 16 bits, of itself in the others.
type item = uint64

// A reader takes events apart. It belongs to one goroutine.
type reader struct {
	codify   *token.Codifier
	features []token.Feature
	content  uint64
	items    []item
	parts    []token.Part
}

func newReader(o *Options) reader { return reader{codify: token.NewCodifier(hashSeed, o.Enrich())} }

// take finds what counts of an event: its own fields, without who sent it.
func (r *reader) take(e *event.Event) {
	r.features, r.content = r.features[:0], hashSeed
	for _, f := range r.codify.Codify(e) {
		if f.Field.Identity || f.Field.Left != "" {
			continue
		}
		r.features = append(r.features, f)
		r.content = mix(r.content ^ f.Exact())
	}
}

func itemOf(f *token.Field, hash uint64) item { return f.Hash(nil)>>48<<48 | hash>>16 }

// all returns the items of the event that was taken, each once.
func (r *reader) all() []item {
	r.items = r.items[:0]
	for i := range r.features {
		f := &r.features[i]
		r.items = append(r.items, itemOf(f.Field, f.Hash))
		r.parts = r.codify.KindedParts(f, r.parts[:0])
		for _, p := range r.parts {
			r.items = append(r.items, itemOf(f.Field, p.Hash))
		}
	}
	slices.Sort(r.items)
	r.items = slices.Compact(r.items)
	return r.items
}

// A collector is one worker's share of reading.
type collector struct {
	reader
	sample  *linear.Sample
	records int64
}

func newCollector(o *Options) *collector {
	// A content is rarely more than a hundred tokens; where they are more, fewer contents are kept.
	return &collector{reader: newReader(o), sample: linear.NewSample(0, func([]uint64, bool, uint32) {})}
}

// Event implements format.Handler.
func (c *collector) Event(e *event.Event, _ format.Position, _ []byte) {
	c.records++
	c.take(e)
	c.sample.Add(linear.Example{Key: c.content, Count: 1}, c.all)
}

func gather(ctx context.Context, inputs []source.Input, o *Options) (*collector, *format.Summary, error) {
	var workers []*collector
	summary, err := format.Scan(ctx, inputs, o.Scan, func(int, *event.Keys) format.Handler {
		c := newCollector(o)
		workers = append(workers, c)
		return c
	})
	if err != nil {
		return nil, summary, err
	}
	all := newCollector(o)
	for _, c := range workers {
		all.sample.Merge(c.sample)
		all.records += c.records
	}
	return all, summary, nil
}

// A study is the contents to divide, as rows.
type study struct {
	examples []linear.Example
	share    float64
	records  int64
	rows     *Rows
	items    []item // by column
	df       []int  // contents with it, by column
}

func newStudy(all *collector, most int) *study {
	s := &study{share: all.sample.Share(false)}
	s.examples = all.sample.Sorted()
	if n := len(s.examples); n > most {
		s.examples = s.examples[:most]
		s.share *= float64(most) / float64(n)
	}
	df := map[item]int{}
	for i := range s.examples {
		s.records += int64(s.examples[i].Count)
		for _, x := range s.examples[i].Items {
			df[x]++
		}
	}
	for x := range df {
		s.items = append(s.items, x)
	}
	slices.Sort(s.items)
	column := make(map[item]uint32, len(s.items))
	s.df = make([]int, len(s.items))
	for k, x := range s.items {
		column[x], s.df[k] = uint32(k), df[x]
	}
	s.rows = &Rows{Start: make([]int32, 1, len(s.examples)+1), Width: len(s.items)}
	for i := range s.examples {
		s.add(s.examples[i].Items, column)
	}
	return s
}

// add adds the row of a content.
func (s *study) add(items []item, column map[item]uint32) {
	r := s.rows
	from := len(r.Values)
	for i := 0; i < len(items); {
		k := i
		for k < len(items) && items[k]>>48 == items[i]>>48 {
			k++
		}
		for _, x := range items[i:k] {
			r.Columns, r.Values = append(r.Columns, column[x]), append(r.Values, 1/math.Sqrt(float64(k-i)))
		}
		i = k
	}
	own := r.Values[from:]
	norm := math.Sqrt(squares(own))
	for k := range own {
		own[k] /= norm
	}
	r.Start = append(r.Start, int32(len(r.Values)))
}

// divide returns the group of each content.
func (s *study) divide(o *Options, r *Result) ([]int32, error) {
	n := len(s.examples)
	if o.Linkage != "" {
		merges, err := Link(n, s.rows.Distances(), o.Linkage)
		if err != nil {
			return nil, err
		}
		if n > o.Groups {
			r.Height = merges[n-o.Groups-1].Height
		}
		return Cut(n, merges, o.Groups), nil
	}
	if o.Groups*max(1, s.rows.Width) > mostCells {
		return nil, fmt.Errorf("cannot make %d clusters of contents with %d tokens in bounded memory: at most %d", o.Groups, s.rows.Width, mostCells/s.rows.Width)
	}
	var best *Means
	for k := range starts {
		m, err := KMeans(s.rows, Spread(s.rows, o.Groups, o.Seed+uint64(k)<<32), mostRounds)
		if err != nil {
			return nil, err
		}
		if best == nil || m.Inertia < best.Inertia {
			best = m
		}
	}
	r.Spread = best.Inertia / float64(n)
	return best.Labels, nil
}

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
