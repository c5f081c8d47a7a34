package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"weir/internal/bayes"
)

// A Model is what the marks make of an archive, token by token. Its file has a row for every token that a
// bad event carries,
//
//	field, part, token   as in counts
//	good, bad            events of the class that carry it, times scale
//	weight               of evidence in bits (bayes.Weight), of these counts and of the events of both classes
//
// ordered by these, with the events of both classes and the scale in its metadata; a token that is not in it is in no bad
// event. The bytes depend on the events and the standing marks alone: not on how the events lie in segments, nor on which
// marks there were in the meantime.
type Model struct {
	ID       int64
	Made     int64 // nanoseconds since 1970
	Marks    []int64
	Of       string // names the segments (View.Of)
	HalfLife int    // days; 0 is none
	// Events by class, each counted once whatever its age.
	Good, Bad, Ignored int64

	Name string // of its file; empty once that was removed
	Size int64
	Hash []byte // SHA-256
}

// TrainOptions govern training. The zero value weighs everything alike.
type TrainOptions struct {
	// HalfLife in days: events of a day count half as much as those of a day so many days later. The newest day of the lake
	// (newestDay) counts in full, and so do events without a day.
	HalfLife int
}

// A Training says what Train did.
type Training struct {
	Laying
	Model  *Model
	Before *Model // the one before, nil if there was none
	Fresh  bool   // whether there was anything to do
}

const maxHalfLife = 36_500

// agedScale is what the counts of the newest day are multiplied by where age matters, so that those of all days are integers.
const agedScale = 1 << 16

// factors returns by what the counts of each stretch are multiplied, and the scale.
func factors(list []Stretch, halfLife int) (factor []uint64, scale uint64) {
	scale = 1
	if halfLife > 0 {
		scale = agedScale
	}
	newest := newestDay(list)
	for i := range list {
		factor = append(factor, scale)
		d, err := time.Parse(time.DateOnly, list[i].Day)
		if err != nil || halfLife == 0 || !d.Before(newest) {
			continue
		}
		age := float64(newest.Unix()-d.Unix()) / 86400
		factor[i] = uint64(float64(bayes.Exp2(-age/float64(halfLife))*agedScale) + .5)
	}
	return factor, scale
}

// newestDay returns the last day on which, or after which, at least one event in a thousand lies: a few lines that somebody dated far
// into the future do not make everything else old.
func newestDay(list []Stretch) time.Time {
	rows := map[string]int64{}
	total := int64(0)
	for _, s := range list {
		if s.Day != "" {
			rows[s.Day] += s.Rows
			total += s.Rows
		}
	}
	after := int64(0)
	for _, day := range slices.Backward(slices.Sorted(maps.Keys(rows))) {
		if after += rows[day]; after*1000 >= total {
			d, _ := time.Parse(time.DateOnly, day) // of a segment; one that is none is as old as can be
			return d
		}
	}
	return time.Time{}
}

// Train brings the model up to date: it lays the marks (Lay), adds up the bad shares, looks the tokens in them up in the counts of
// all segments, and saves what it found. No event is read but those that Lay reads. Where nothing has changed since the
// last time, that model is returned.
func (t *Trainer) Train(ctx context.Context, o TrainOptions) (*Training, error) {
	if o.HalfLife < 0 || o.HalfLife > maxHalfLife {
		return nil, fmt.Errorf("cannot train with a half-life of %d days: it is from 1 to %d, or 0 for none", o.HalfLife, maxHalfLife)
	}
	out := &Training{}
	for range tries {
		laid, err := t.Lay(ctx)
		if err != nil {
			return nil, err
		}
		out.Laying.Segments += laid.Segments
		out.Read += laid.Read
		out.Moved += laid.Moved
		if err = t.train(ctx, o, out); err == nil {
			return out, nil
		}
		if !again(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: the segments and marks changed all the time; run again", ErrOvertaken)
}

func (t *Trainer) train(ctx context.Context, o TrainOptions, out *Training) error {
	last, err := t.LastModel(ctx) // before marks are looked at, so that these are not older than it
	if err != nil {
		return err
	}
	v, err := t.ground.Look(ctx)
	if err != nil {
		return err
	}
	if jobs, err := v.jobs(); err != nil || len(jobs) > 0 || v.Unfinished {
		return errors.Join(err, ErrStale)
	}
	m := &Model{Made: t.now().UnixNano(), HalfLife: o.HalfLife}
	m.Marks, m.Of = v.MadeOf()
	if last != nil && last.Name != "" && last.HalfLife == m.HalfLife && last.MadeFrom(v) {
		out.Model, out.Fresh = last, false
		return nil
	}
	if err := t.ground.Begin(ctx); err != nil {
		return err
	}
	ev, err := t.evidence(ctx, v, o.HalfLife)
	if err != nil {
		return err
	}
	m.Good, m.Bad, m.Ignored = ev.events[Good], ev.events[Bad], ev.events[Ignored]
	if err := t.ground.CommitModel(ctx, m, last, func(w io.Writer) error { return ev.write(ctx, w) }); err != nil {
		return err
	}
	out.Model, out.Before, out.Fresh = m, last, true
	return nil
}

// MadeOf names what a model would be made of: the numbers of the standing marks, and the stretches.
func (v *View) MadeOf() (marks []int64, stretches string) {
	marks = []int64{}
	for _, m := range v.Standing() {
		marks = append(marks, m.Number)
	}
	return marks, v.Of
}

// MadeFrom reports whether that is what the model is made of.
func (m *Model) MadeFrom(v *View) bool {
	marks, of := v.MadeOf()
	return !v.Unfinished && slices.Equal(m.Marks, marks) && m.Of == of
}

// LastModel returns the newest model, nil if there is none.
func (t *Trainer) LastModel(ctx context.Context) (*Model, error) { return t.ground.LastModel(ctx) }

// ModelBytes returns a model as it is kept: Parquet, as Model says. The same events under the same marks and the same seed of the
// hashes give the same bytes in every store.
func (t *Trainer) ModelBytes(ctx context.Context, m *Model) ([]byte, error) {
	return t.ground.ReadModel(ctx, m)
}

// UpToDate reports whether a model is made of the marks that stand and the segments that there are.
func (t *Trainer) UpToDate(ctx context.Context, m *Model) (bool, error) {
	v, err := t.ground.Look(ctx)
	if err != nil {
		return false, err
	}
	return m.MadeFrom(v), nil
}
