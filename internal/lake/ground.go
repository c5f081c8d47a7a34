package lake

import (
	"context"
	"io"
	"time"

	"weir/internal/count"
	"weir/internal/enrich"
	"weir/internal/event"
	"weir/internal/token"
)

// A Ground is an archive as training sees it, whatever holds it: a journal of marks, and events in stretches with their counts.
// [Trainer] does the rest, so that marks mean the same everywhere and the same events give the same model, byte for byte.
//
// Nothing here needs a lock or a transaction over more than one call. What is committed is compared with what it was made of, and
// is refused (ErrOvertaken) where that has changed; Trainer looks again then.
type Ground interface {
	Journal
	// Begin comes before anything is written: it ends what others left unfinished, and is an error where nobody may write.
	Begin(ctx context.Context) error
	// Look returns stretches, marks and shares as they are now.
	Look(ctx context.Context) (*View, error)
	// NewReader and NewCounter make what one goroutine works with.
	NewReader() Reader
	NewCounter() *Counter

	// WriteShare writes the counts of one class within one stretch. They are litter until CommitShares.
	WriteShare(ctx context.Context, s *Stretch, c Class, t *count.Tally) (Share, error)
	// CommitShares puts the new shares of stretches in the place of the old ones: all of them or, where a stretch or its shares are
	// no longer those that a job was made of, none (ErrOvertaken). What is not wanted any more is removed.
	CommitShares(ctx context.Context, list []*Job) error
	// DiscardShares removes shares that will not be committed.
	DiscardShares(ctx context.Context, list []Share)

	// LastModel returns the newest model, nil if there is none.
	LastModel(ctx context.Context) (*Model, error)
	// CommitModel writes a model and makes it the newest, giving it its ID, Name, Size and Hash; unless marks or stretches are not
	// those that it was made of, or another model is newer than before (ErrOvertaken).
	CommitModel(ctx context.Context, m, before *Model, write func(io.Writer) error) error
	// ReadModel returns the bytes of a model; ErrGone where they are kept no more.
	ReadModel(ctx context.Context, m *Model) ([]byte, error)
}

// A Reader reads an archive for one goroutine. What it hands out is valid during the call. The fields of all its events are named in
// the same event.Keys.
type Reader interface {
	// Together is of how many stretches counts and events are best read by one call.
	Together() int
	// Runs calls f with all counts under some names; i is the index of the name.
	Runs(ctx context.Context, names []string, f func(i int, r CountRun)) error
	// Add adds the counts under a name to a tally, with their hours.
	Add(ctx context.Context, name string, t *count.Tally) error
	// Events calls f with the events of stretches that lie in one of the windows, both ends included (and perhaps with others); nil
	// is all events. i is the index of the stretch. It ends without an error when f returns ErrEnough.
	Events(ctx context.Context, list []Stretch, windows [][2]int64, f func(i int, e *event.Event) error) error
}

// A CountRun is neighbouring counts: of one field, all of them of parts of values or of whole ones, by token. A token stands there
// once for each hour.
type CountRun struct {
	Field     string
	Events    bool // of the events themselves, which have no field
	Part      bool
	Tokens, N []int64 // of the same length; tokens are uint64 by their bits, and sorted as these
}

// A Stretch is events of one day with their counts. It never changes: what is added is another stretch, and one that loses
// events becomes another.
type Stretch struct {
	Key         string // by which it is known
	Name        string // for people
	Day         string // 2006-01-02; empty where there is none
	Rows        int64
	Timed       bool  // whether there are
	First, Last int64 // times
	Counts      string
}

// A Share is the counts of one class within one stretch.
type Share struct {
	Class  Class
	Name   string // of its counts
	Events int64
	Size   int64
	Hash   []byte // SHA-256 of its bytes, where it is a file
}

// A Laid is the shares of a stretch, and the marks that they are made of.
type Laid struct {
	Marks  string // as Job.Marks says
	Shares []Share
}

// A View is an archive as far as marks are concerned. Where a ground cannot read it all at one moment, every part is as it was
// at some moment of the reading, and marks are not older than the model that was newest before.
type View struct {
	Stretches []Stretch
	Of        string // names all of the stretches
	Marks     []Mark
	Laid      map[string]Laid // by Stretch.Key
	// Unfinished says that somebody is removing events, or was stopped in the middle of it: Ground.Begin has to come first.
	Unfinished bool
}

// A Job is a stretch whose shares are not those that the standing marks make.
type Job struct {
	Stretch Stretch
	Was     Laid
	Have    []Mark // that the shares are made of
	Want    []Mark
	Fresh   []Share
}

// Marks names the marks that the new shares are made of.
func (j *Job) Marks() string { return numbers(j.Want) }

// A Trainer keeps the marks of an archive, and learns from them by difference. Its methods may be called by several goroutines.
type Trainer struct {
	ground Ground
	now    func() time.Time
}

// NewTrainer returns the trainer of an archive.
func NewTrainer(g Ground) *Trainer { return &Trainer{ground: g, now: time.Now} }

// A Counter counts tokens as a hunt would, for one goroutine.
type Counter struct {
	codify *token.Codifier
	enrich *token.Enrichment
	cache  *count.TallyCounter
}

// NewCounter returns a counter with hashes under a seed and hours in a zone. geo may be nil.
func NewCounter(seed uint64, zone *time.Location, geo *enrich.GeoDB) *Counter {
	e := token.NewEnrichment(zone, geo)
	return &Counter{codify: token.NewCodifier(seed, e), enrich: e, cache: count.NewTallyCounter()}
}

// A Counting is a tally that a Counter, and only one, adds to.
type Counting struct {
	*count.Tally
	fields []*count.FieldTally // by token.Field.ID
}

// NewCounting returns an empty one.
func NewCounting() *Counting { return &Counting{Tally: count.NewTally()} }

// Count adds an event. It is all in the tally only after Flush.
func (c *Counter) Count(e *event.Event, t *Counting) {
	hour := count.Untimed
	if e.HasTime {
		hour = c.enrich.HourOfWeek(e.Time)
	}
	t.Tally.Events[hour]++
	features := c.codify.Codify(e)
	for i := range features {
		f := &features[i]
		c.cache.Add(t.fieldOf(f.Field), f.Hash, hour, func(dst []uint64) []uint64 { return c.codify.Parts(f, dst) })
	}
}

// Flush brings what was counted into the tallies.
func (c *Counter) Flush() { c.cache.Flush() }

func (t *Counting) fieldOf(f *token.Field) *count.FieldTally {
	for f.ID >= len(t.fields) {
		t.fields = append(t.fields, nil)
	}
	if t.fields[f.ID] == nil {
		t.fields[f.ID] = t.Field(f.Name)
	}
	return t.fields[f.ID]
}
