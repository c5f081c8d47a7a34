package mongo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/lake"
	"weir/internal/marks"
)

// A ground is a store as lake.Trainer sees it. Its stretches are the days of batches, known by the names of their counts.
//
// Whatever is committed is inserted under an _id that says all that it was made of, or the number behind the last one:
//
//   - shares under the stretch and the marks. What they are follows from these, so it does not matter who was faster, and a reader
//     takes those that fit the marks he knows.
//   - a model under the number behind that of the model which was the last before its marks were looked at. So of two who train
//     at once the second looks again, and the last model is of all marks that were made before it.
type ground struct{ s *Store }

var _ lake.Ground = ground{}

func (g ground) Begin(ctx context.Context) error { return g.s.settleStale(ctx) }

func (g ground) NewCounter() *lake.Counter { return g.s.newCounter() }

// An entry is a line of the journal of marks.
type entry struct {
	Number int64  `bson:"_id"`
	ID     string `bson:"id"`
	When   int64  `bson:"when"` // nanoseconds since 1970, as all times here
	Who    any    `bson:"who"`  // texts are bytes where they hold a NUL
	What   string `bson:"what,omitempty"`
	Note   any    `bson:"note,omitempty"`
	From   *int64 `bson:"from,omitempty"`
	To     *int64 `bson:"to,omitempty"`
	Hosts  bson.A `bson:"hosts,omitempty"`
	Where  any    `bson:"where,omitempty"`
	Unmark string `bson:"unmark,omitempty"`
}

func newEntry(number int64, m *marks.Mark) entry {
	e := entry{Number: number, ID: m.ID, When: m.When.UnixNano(), Who: textOrBytes([]byte(m.Who)), What: string(m.What), Unmark: m.Unmark,
		Note: textOrBytes([]byte(m.Note))}
	if m.Span == nil {
		return e
	}
	end := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		ns := t.UnixNano()
		return &ns
	}
	e.From, e.To, e.Where = end(m.Span.From), end(m.Span.To), textOrBytes([]byte(m.Span.Where))
	for _, h := range m.Span.Hosts {
		e.Hosts = append(e.Hosts, textOrBytes([]byte(h)))
	}
	return e
}

func (e *entry) mark() marks.Mark {
	text := func(v any) string {
		switch x := v.(type) {
		case string:
			return x
		case bson.Binary:
			return string(x.Data)
		}
		return ""
	}
	m := marks.Mark{ID: e.ID, When: time.Unix(0, e.When).UTC(), Who: text(e.Who), Note: text(e.Note), Unmark: e.Unmark}
	if e.Unmark != "" {
		return m
	}
	m.What, m.Span = marks.What(e.What), &marks.Span{Where: text(e.Where)}
	if e.From != nil {
		m.Span.From = time.Unix(0, *e.From).UTC()
	}
	if e.To != nil {
		m.Span.To = time.Unix(0, *e.To).UTC()
	}
	for _, h := range e.Hosts {
		m.Span.Hosts = append(m.Span.Hosts, text(h))
	}
	return m
}

// journal returns the marks, and the number of the last entry.
func (g ground) journal(ctx context.Context) ([]lake.Mark, int64, error) {
	list, err := all[entry](ctx, g.s, "marks", bson.D{})
	if err != nil {
		return nil, 0, err
	}
	entries, numbers := make([]marks.Mark, len(list)), make([]int64, len(list))
	for i := range list {
		if list[i].Number != int64(i+1) { // entries are added one behind the other, and never removed
			return nil, 0, fmt.Errorf("%w: entry %d of the marks is missing in %s", lake.ErrSegment, i+1, g.s.Name)
		}
		entries[i], numbers[i] = list[i].mark(), list[i].Number
	}
	return lake.Replay(entries, numbers), int64(len(list)), nil
}

func (g ground) Marks(ctx context.Context) ([]lake.Mark, error) {
	list, _, err := g.journal(ctx)
	return list, err
}

// Append inserts each entry under the number behind the last. Where that is taken somebody else was faster, and plan is asked again;
// so what it gives has to leave out what is there already.
func (g ground) Append(ctx context.Context, plan func([]lake.Mark) ([]marks.Mark, error)) error {
	for range maxOvertaken {
		there, last, err := g.journal(ctx)
		if err != nil {
			return err
		}
		list, err := plan(there)
		if err != nil {
			return err
		}
		taken := false
		for i := range list {
			last++
			_, err := g.s.db.Collection("marks").InsertOne(ctx, newEntry(last, &list[i]))
			if taken = driver.IsDuplicateKeyError(err); taken {
				break
			}
			if err != nil {
				return g.s.fail("save a mark", err)
			}
		}
		if !taken {
			return nil
		}
	}
	return fmt.Errorf("%w: others make marks all the time; run again", lake.ErrOvertaken)
}

// A shareDoc is the shares of a stretch under some marks. Its _id is both.
type shareDoc struct {
	ID      string       `bson:"_id"`
	Stretch string       `bson:"stretch"`
	Marks   string       `bson:"marks"` // lake.Job.Marks
	List    []shareEntry `bson:"list"`
}

type shareEntry struct {
	Class  string `bson:"class"`
	Counts string `bson:"counts"` // with the number of cells, as Store.runs takes it
	Events int64  `bson:"events"`
}

func (d *shareDoc) laid() lake.Laid {
	out := lake.Laid{Marks: d.Marks}
	for _, x := range d.List {
		out.Shares = append(out.Shares, lake.Share{Class: lake.Class(x.Class), Name: x.Counts, Events: x.Events})
	}
	return out
}

func shareID(stretch, marks string) string {
	sum := sha256.Sum256([]byte(marks))
	return stretch + ":" + hex.EncodeToString(sum[:12])
}

// countsWith is the name of the counts of the i-th day, with how many there are.
func (b *batchDoc) countsWith(i int) string {
	return fmt.Sprintf("%s:%d", b.countsOf(i), b.Days[i].Cells)
}

func (g ground) Look(ctx context.Context) (*lake.View, error) {
	v := &lake.View{Laid: map[string]lake.Laid{}}
	var err error
	if v.Marks, err = g.Marks(ctx); err != nil {
		return nil, err
	}
	shares, err := all[shareDoc](ctx, g.s, "shares", bson.D{})
	if err != nil {
		return nil, err
	}
	logs, err := g.s.logs(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	known := map[string]*batchDoc{}
	for i := range logs {
		for j := range logs[i].batches {
			b := &logs[i].batches[j]
			v.Unfinished = v.Unfinished || b.Stale
			known[b.Counts] = b
			for k := range b.Days {
				d := &b.Days[k]
				v.Stretches = append(v.Stretches, lake.Stretch{Key: b.countsOf(k), Name: strings.TrimSpace(b.ID + " " + d.Day), Day: d.Day, Rows: d.Rows,
					Timed: d.Timed, First: d.First, Last: d.Last, Counts: b.countsWith(k)})
			}
		}
	}
	g.s.mu.Lock()
	g.s.known = known
	g.s.mu.Unlock()
	v.Of = stretchesText(v.Stretches)
	standing := v.Standing()
	by := map[string][]*shareDoc{}
	for i := range shares {
		by[shares[i].Stretch] = append(by[shares[i].Stretch], &shares[i])
	}
	for i := range v.Stretches {
		s := &v.Stretches[i]
		want := s.Laying(standing)
		for _, d := range by[s.Key] { // those that fit, or else any
			if _, some := v.Laid[s.Key]; !some || d.Marks == want {
				v.Laid[s.Key] = d.laid()
			}
		}
	}
	return v, nil
}

// stretchesText names a set of stretches.
func stretchesText(list []lake.Stretch) string {
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = list[i].Key
	}
	slices.Sort(keys)
	sum := sha256.Sum256([]byte(strings.Join(keys, " ")))
	return hex.EncodeToString(sum[:])
}

// A reader reads the counts and events of stretches, many at once: of a server every question costs.
type reader struct {
	s    *Store
	keys *event.Keys // of all that it reads: who counts tokens knows fields by them
}

func (g ground) NewReader() lake.Reader { return reader{g.s, event.NewKeys()} }

func (reader) Together() int { return 64 }

func (r reader) Add(ctx context.Context, name string, t *count.Tally) error {
	return r.s.addCounts(ctx, name, t)
}

func (r reader) Runs(ctx context.Context, names []string, f func(int, lake.CountRun)) error {
	var run lake.CountRun
	var of *countDoc
	at := 0
	end := func() {
		if of != nil {
			f(at, run)
		}
		run.Tokens, run.N = run.Tokens[:0], run.N[:0]
	}
	err := r.s.runs(ctx, names, func(i int, d *countDoc, c count.Cell) error {
		if d != of || run.Part != c.Part {
			end()
			field, ok := d.fieldName()
			at, of, run.Field, run.Events, run.Part = i, d, field, !ok, c.Part
		}
		run.Tokens, run.N = append(run.Tokens, int64(c.Token)), append(run.N, int64(c.N))
		return nil
	})
	if err == nil {
		end()
	}
	return err
}

// batch returns the batch of which a stretch is a day, and which of its days.
func (r reader) batch(s *lake.Stretch) (b *batchDoc, err error) {
	version, _, _ := strings.Cut(s.Key, ".")
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if b = r.s.known[version]; b == nil {
		return nil, fmt.Errorf("%w: %q was replaced meanwhile", lake.ErrOvertaken, s.Name)
	}
	return b, nil
}

// A wanted batch is one of which some days are wanted.
type wanted struct {
	*batchDoc
	days map[string]int // all of its days, with their place in the list that is wanted; -1 for others
}

func (r reader) Events(ctx context.Context, list []lake.Stretch, windows [][2]int64, f func(int, *event.Event) error) error {
	if windows != nil && len(windows) == 0 {
		return nil
	}
	batches := map[string]*wanted{} // by source and version
	bySource := map[string][]*wanted{}
	for i := range list {
		b, err := r.batch(&list[i])
		if err != nil {
			return err
		}
		w := batches[b.Counts]
		if w == nil {
			w = &wanted{b, map[string]int{}}
			for k := range b.Days {
				w.days[b.Days[k].Day] = -1
			}
			batches[b.Counts] = w
			bySource[b.Source] = append(bySource[b.Source], w)
		}
		w.days[list[i].Day] = i
	}
	var ranges bson.A
	for _, key := range sortedKeys(batches) {
		ranges = append(ranges, batches[key].span())
	}
	filter := bson.D{{Key: "$or", Value: ranges}}
	if windows != nil {
		filter = bson.D{{Key: "$and", Value: bson.A{timeFilter(windows), filter}}}
	}
	err := r.s.eachEvent(ctx, r.keys, filter, options.Find(), func(_ bson.Raw, x *record) error {
		if windows != nil && (!x.HasTime || !slices.ContainsFunc(windows, func(w [2]int64) bool { return w[0] <= x.Time && x.Time <= w[1] })) {
			return nil
		}
		for _, w := range bySource[x.source] {
			if !w.covers(x.line) {
				continue
			}
			day := lake.DayOf(x.Event, func(d string) bool { _, ok := w.days[d]; return ok })
			if i, ok := w.days[day]; ok && i >= 0 {
				return f(i, x.Event)
			}
		}
		return nil
	})
	if err == lake.ErrEnough {
		return nil
	}
	return err
}

// maxRanges bounds the spans of time that are asked for; of more, what lies between is read too.
const maxRanges = 32

// timeFilter is a condition that @timestamp, which has milliseconds, may lie in one of the windows.
func timeFilter(windows [][2]int64) bson.D {
	list := slices.Clone(windows)
	slices.SortFunc(list, func(a, b [2]int64) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	var out [][2]int64
	for _, w := range list {
		if n := len(out); n > 0 && (w[0] <= out[n-1][1] || n == maxRanges) {
			out[n-1][1] = max(out[n-1][1], w[1])
		} else {
			out = append(out, w)
		}
	}
	var or bson.A
	for _, w := range out {
		d := bson.D{}
		if w[0] != math.MinInt64 {
			d = append(d, bson.E{Key: "$gte", Value: bson.DateTime(floorMillis(w[0]))})
		}
		if w[1] != math.MaxInt64 {
			d = append(d, bson.E{Key: "$lte", Value: bson.DateTime(floorMillis(w[1]))})
		}
		if len(d) == 0 {
			d = bson.D{{Key: "$exists", Value: true}}
		}
		or = append(or, bson.D{{Key: timeField, Value: d}})
	}
	return bson.D{{Key: "$or", Value: or}}
}

func (g ground) WriteShare(ctx context.Context, _ *lake.Stretch, _ lake.Class, t *count.Tally) (lake.Share, error) {
	name, err := g.s.newName()
	if err != nil {
		return lake.Share{}, err
	}
	cells, err := g.s.saveCounts(ctx, name, t)
	return lake.Share{Name: fmt.Sprintf("%s:%d", name, cells)}, err
}

func (g ground) DiscardShares(ctx context.Context, list []lake.Share) {
	var names []string
	for i := range list {
		names = append(names, plainName(list[i].Name))
	}
	_ = g.s.removeCounts(context.WithoutCancel(ctx), names) // what cannot be removed is swept later
}

// CommitShares inserts shares under what they are of; where somebody else has done so, his are the same. Then those of other marks go.
// Each stretch is committed by itself.
func (g ground) CommitShares(ctx context.Context, list []*lake.Job) error {
	for i, j := range list {
		if err := g.commitShares(ctx, j); err != nil {
			for _, rest := range list[i+1:] {
				g.DiscardShares(ctx, rest.Fresh)
			}
			return err
		}
	}
	return nil
}

func (g ground) commitShares(ctx context.Context, j *lake.Job) error {
	key, marks := j.Stretch.Key, j.Marks()
	for i := range j.Fresh {
		if g.s.lateName(j.Fresh[i].Name) {
			g.DiscardShares(ctx, j.Fresh)
			return fmt.Errorf("%w: this took too long", lake.ErrOvertaken)
		}
	}
	d := shareDoc{ID: shareID(key, marks), Stretch: key, Marks: marks, List: []shareEntry{}}
	for _, x := range j.Fresh {
		d.List = append(d.List, shareEntry{string(x.Class), x.Name, x.Events})
	}
	_, err := g.s.db.Collection("shares").InsertOne(ctx, d)
	if err != nil {
		g.DiscardShares(ctx, j.Fresh)
		if !driver.IsDuplicateKeyError(err) {
			return g.s.fail("save shares", err)
		}
	}
	if j.Was.Marks == marks || j.Was.Marks == "[]" && len(j.Was.Shares) == 0 {
		return nil
	}
	if _, err := g.s.db.Collection("shares").DeleteOne(ctx, bson.D{{Key: "_id", Value: shareID(key, j.Was.Marks)}}); err != nil {
		return g.s.fail("remove shares", err)
	}
	g.DiscardShares(ctx, j.Was.Shares)
	return nil
}

// removeShares removes all shares of the days of a batch.
func (s *Store) removeShares(ctx context.Context, b *batchDoc) error {
	if len(b.Days) == 0 {
		return nil
	}
	list, err := all[shareDoc](ctx, s, "shares", bson.D{{Key: "stretch", Value: in(b.countNames())}})
	if err != nil {
		return err
	}
	return s.dropShares(ctx, list)
}

func (s *Store) dropShares(ctx context.Context, list []shareDoc) error {
	for i := range list {
		if _, err := s.db.Collection("shares").DeleteOne(ctx, bson.D{{Key: "_id", Value: list[i].ID}}); err != nil {
			return s.fail("remove shares", err)
		}
		ground{s}.DiscardShares(ctx, list[i].laid().Shares)
	}
	return nil
}

// A modelDoc is a training.
type modelDoc struct {
	ID       int64   `bson:"_id"`
	Made     int64   `bson:"made"`
	Marks    []int64 `bson:"marks"`
	Of       string  `bson:"of"`
	HalfLife int     `bson:"half_life"`
	Good     int64   `bson:"good"`
	Bad      int64   `bson:"bad"`
	Ignored  int64   `bson:"ignored"`
	Name     string  `bson:"name"` // of its documents in model_parts; empty once these were removed
	Size     int64   `bson:"size"`
	Hash     []byte  `bson:"hash"`
}

// A partDoc is a piece of a model.
type partDoc struct {
	ID   string `bson:"_id"`
	Name string `bson:"model"`
	Data []byte `bson:"data"`
}

const partBytes = 8 << 20

func (g ground) models(ctx context.Context, filter bson.D) ([]lake.Model, error) {
	list, err := all[modelDoc](ctx, g.s, "models", filter)
	if err != nil {
		return nil, err
	}
	var out []lake.Model
	for _, d := range list {
		out = append(out, lake.Model{ID: d.ID, Made: d.Made, Marks: d.Marks, Of: d.Of, HalfLife: d.HalfLife, Good: d.Good, Bad: d.Bad, Ignored: d.Ignored,
			Name: d.Name, Size: d.Size, Hash: d.Hash})
	}
	return out, nil
}

func (g ground) LastModel(ctx context.Context) (*lake.Model, error) {
	var d struct {
		ID int64 `bson:"_id"`
	}
	err := g.s.db.Collection("models").FindOne(ctx, bson.D{}, options.FindOne().SetSort(bson.D{{Key: "_id", Value: -1}})).Decode(&d)
	if err == driver.ErrNoDocuments {
		return nil, nil
	}
	if err != nil {
		return nil, g.s.fail("read models", err)
	}
	list, err := g.models(ctx, bson.D{{Key: "_id", Value: d.ID}})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (g ground) CommitModel(ctx context.Context, m, before *lake.Model, write func(io.Writer) error) (err error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if m.Name, err = g.s.newName(); err != nil {
		return err
	}
	sum := sha256.Sum256(b.Bytes())
	m.ID, m.Size, m.Hash = 1, int64(b.Len()), sum[:]
	if before != nil {
		m.ID = before.ID + 1
	}
	var parts []partDoc
	for part := range slices.Chunk(b.Bytes(), partBytes) {
		parts = append(parts, partDoc{ID: fmt.Sprintf("%s:%06d", m.Name, len(parts)), Name: m.Name, Data: part})
	}
	for i := range parts {
		if err := g.s.insert(ctx, "model_parts", parts[i:i+1], false); err != nil {
			return err
		}
	}
	d := modelDoc{m.ID, m.Made, m.Marks, m.Of, m.HalfLife, m.Good, m.Bad, m.Ignored, m.Name, m.Size, m.Hash}
	if err := g.unmoved(ctx, m); err != nil {
		return joinErr(err, g.s.removeParts(ctx, m.Name))
	}
	switch _, err := g.s.db.Collection("models").InsertOne(ctx, d); {
	case driver.IsDuplicateKeyError(err):
		return joinErr(fmt.Errorf("%w: somebody else has trained", lake.ErrOvertaken), g.s.removeParts(ctx, m.Name))
	case err != nil:
		return g.s.fail("save the model", err) // it may be there; its pieces are swept if it is not
	}
	if err = g.unmoved(ctx, m); err == nil && g.s.lateName(m.Name) {
		err = fmt.Errorf("%w: this took too long", lake.ErrOvertaken)
	}
	if err != nil { // it may count what was forgotten meanwhile, or its pieces may have been swept
		return joinErr(err, g.s.dropModels(ctx, bson.D{{Key: "_id", Value: m.ID}}))
	}
	return g.s.dropModels(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$lte", Value: m.ID - keptModels}}}, {Key: "name", Value: bson.D{{Key: "$ne", Value: ""}}}})
}

// keptModels is how many models keep their bytes: the last, and the one that it is compared with.
const keptModels = 2

func joinErr(err, other error) error {
	if other != nil {
		return other
	}
	return err
}

// unmoved is an error where a model is not of the marks and events that there are.
func (g ground) unmoved(ctx context.Context, m *lake.Model) error {
	v, err := g.Look(ctx)
	if err != nil {
		return err
	}
	if !m.MadeFrom(v) {
		return fmt.Errorf("%w: marks or events have changed", lake.ErrOvertaken)
	}
	return nil
}

// dropModels takes the bytes from models that a filter names; when they were made and of what stays.
func (s *Store) dropModels(ctx context.Context, filter bson.D) error {
	list, err := ground{s}.models(ctx, filter)
	if err != nil {
		return err
	}
	for i := range list {
		_, err := s.db.Collection("models").UpdateOne(ctx, bson.D{{Key: "_id", Value: list[i].ID}}, bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: ""}}}})
		if err != nil {
			return s.fail("remove a model", err)
		}
		if err := s.removeParts(ctx, list[i].Name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) removeModels(ctx context.Context) error {
	return s.dropModels(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$ne", Value: ""}}}})
}

func (s *Store) removeParts(ctx context.Context, name string) error {
	if _, err := s.db.Collection("model_parts").DeleteMany(ctx, bson.D{{Key: "model", Value: name}}); err != nil {
		return s.fail("remove a model", err)
	}
	return nil
}

func (g ground) ReadModel(ctx context.Context, m *lake.Model) ([]byte, error) {
	parts, err := all[partDoc](ctx, g.s, "model_parts", bson.D{{Key: "model", Value: m.Name}})
	if err != nil {
		return nil, err
	}
	var b []byte
	for i := range parts {
		b = append(b, parts[i].Data...)
	}
	if int64(len(b)) != m.Size {
		return nil, fmt.Errorf("%w: model %d %w", lake.ErrSegment, m.ID, lake.ErrGone)
	}
	return b, nil
}

// statusOfMarks adds what status says of marks and training.
func (s *Store) statusOfMarks(ctx context.Context, st *lake.Status) error {
	v, err := ground{s}.Look(ctx)
	if err != nil {
		return err
	}
	for _, m := range v.Standing() {
		st.Marks++
		st.LastMark = max(st.LastMark, m.Made)
	}
	days := map[string]bool{}
	for i := range v.Stretches {
		if d := v.Stretches[i].Day; d != "" {
			days[d] = true
		}
	}
	st.Days = int64(len(days))
	if st.Model, err = s.LastModel(ctx); err != nil || st.Model == nil {
		return err
	}
	st.ModelStale = !st.Model.MadeFrom(v)
	return nil
}

// verifyMarked makes shares again from the events, and the models from the counts.
func (s *Store) verifyMarked(ctx context.Context, v *lake.Verification) error {
	at, err := ground{s}.Look(ctx)
	if err != nil {
		return err
	}
	if err := s.VerifyShares(ctx, at, v, func(*lake.Stretch) bool { return false }); err != nil {
		return err
	}
	list, err := ground{s}.models(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$ne", Value: ""}}}})
	if err != nil {
		return err
	}
	for i := range list {
		m := &list[i]
		b, err := s.ModelBytes(ctx, m)
		if sum := sha256.Sum256(b); err == nil && !bytes.Equal(sum[:], m.Hash) {
			err = fmt.Errorf("its bytes are not those that were written")
		}
		if err != nil {
			v.Faults = append(v.Faults, fmt.Sprintf("model %d: %v", m.ID, err))
			continue
		}
		v.Bytes += m.Size
		if err := s.VerifyModel(ctx, at, m, v); err != nil {
			return err
		}
	}
	return nil
}
