package partition

import (
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
