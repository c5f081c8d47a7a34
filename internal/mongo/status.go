package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/count"
	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
)

// faults returns reasons with how often they were, the most frequent first.
func faults(m map[string]int64) (out []format.Fault) {
	for _, reason := range sortedKeys(m) {
		out = append(out, format.Fault{Reason: reason, Count: m[reason]})
	}
	slices.SortStableFunc(out, func(a, b format.Fault) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// Status sums up what the batches say. It reads no event.
func (s *Store) Status(ctx context.Context) (*lake.Status, error) {
	list, err := s.held(ctx)
	if err != nil {
		return nil, err
	}
	st := &lake.Status{Zone: s.Zone, Dir: s.Name, FormatVersion: Version}
	everything := newStats()
	for i := range list {
		g, all := &list[i], list[i].total()
		at := g.at()
		r := lake.SourceStatus{ID: int64(i + 1), Name: g.Name, Format: g.Format, Bytes: at.Offset + at.OpenSize, Records: all.Records,
			Untimed: all.Untimed, Lines: g.lines(), Malformed: all.Malformed}
		for j := range g.batches {
			b := &g.batches[j]
			r.Changed = max(r.Changed, b.Made)
			st.Segments++
			st.Forgotten += b.Removed
			if b.Raw {
				st.RawSegments++
			}
		}
		st.LastIngest = max(st.LastIngest, r.Changed)
		st.LogBytes += r.Bytes
		st.Sources = append(st.Sources, r)
		everything.merge(&all)
	}
	st.Events, st.Untimed = everything.Records, everything.Untimed
	if everything.Records > everything.Untimed {
		st.First, st.Last, st.Timed = everything.First, everything.Last, true
	}
	for _, f := range faults(everything.Faults) {
		st.Malformed = append(st.Malformed, lake.FaultCount{Reason: f.Reason, Count: f.Count})
	}
	if err := s.statusOfMarks(ctx, st); err != nil {
		return nil, err
	}
	st.EventBytes, st.CountBytes = s.sizeOf(ctx, "events"), s.sizeOf(ctx, "counts")
	for _, c := range []string{"meta", "sources", "batches", "layouts", "files", "marks", "shares", "models", "model_parts"} {
		st.CatalogBytes += s.sizeOf(ctx, c)
	}
	return st, nil
}

// sizeOf returns how many bytes a collection's documents take where the server stores them; 0 where it does not say.
func (s *Store) sizeOf(ctx context.Context, collection string) int64 {
	raw, err := s.db.RunCommand(ctx, bson.D{{Key: "collStats", Value: collection}}).Raw()
	if err != nil {
		return 0
	}
	for _, name := range []string{"storageSize", "size"} {
		if n, ok := raw.Lookup(name).AsInt64OK(); ok {
			return n
		}
	}
	return 0
}

// inOrder calls f with every document of events, by log and line. The event is valid during the call.
func (s *Store) inOrder(ctx context.Context, filter bson.D, f func(doc bson.Raw, r *record) error) error {
	return s.eachEvent(ctx, event.NewKeys(), filter, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}), f)
}

// eachEvent calls f with every document of events that a filter names. Their fields are named in keys.
func (s *Store) eachEvent(ctx context.Context, keys *event.Keys, filter bson.D, o *options.FindOptionsBuilder, f func(doc bson.Raw, r *record) error) error {
	cursor, err := s.db.Collection("events").Find(ctx, filter, o)
	if err != nil {
		return s.fail("read events", err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	known := &layouts{s: s, ctx: ctx, byID: map[string]layout{}}
	d := &decoder{keys: keys, layout: known.get}
	for cursor.Next(ctx) {
		r, err := d.decode(cursor.Current)
		if err != nil {
			return err
		}
		if err := f(cursor.Current, &r); err != nil {
			return err
		}
	}
	if err := cursor.Err(); err != nil {
		return s.fail("read events", err)
	}
	return nil
}

// A recount is what the events of a batch say again.
type recount struct {
	stats
	days    *lake.Daily
	counter *lake.Counter
	digest  digest
}

func (s *Store) newRecount() *recount {
	return &recount{stats: newStats(), days: lake.NewDaily(), counter: s.newCounter()}
}

func (c *recount) add(r *record) {
	c.stats.add(r.Event, 1<<63-1)
	c.Sum += c.digest.of(r.Event, r.line, r.raw)
	c.counter.Count(r.Event, &c.days.Of(r.Event).Counting)
}

// Verify reads every event: whether each batch holds as many as it says, in its span of time, they are those that
// were written (a sum of XXH3), and their tokens counted again give its counts; and whether the lines of a log lie in its
// batches without gaps. The error is one of the server; what is wrong is in the verification.
func (s *Store) Verify(ctx context.Context) (*lake.Verification, error) {
	list, err := s.held(ctx)
	if err != nil {
		return nil, err
	}
	v := &lake.Verification{}
	fault := func(format string, args ...any) { v.Faults = append(v.Faults, fmt.Sprintf(format, args...)) }
	for i := range list {
		g := &list[i]
		next := int64(1)
		for j := range g.batches {
			b := &g.batches[j]
			if b.From != next {
				fault("%s: lines %d to %d are in no batch", g.Name, next, b.From-1)
			}
			next = b.To
			c := s.newRecount()
			err := s.inOrder(ctx, b.span(), func(doc bson.Raw, r *record) error {
				if b.covers(r.line) {
					v.Bytes += int64(len(doc))
					c.add(r)
				}
				return nil
			})
			v.Segments++
			v.Events += c.Records
			switch {
			case errors.Is(err, lake.ErrSegment):
				fault("%s from line %d: %v", g.Name, b.From, err)
				continue
			case err != nil:
				return nil, err
			case b.Stale:
				fault("%s from line %d: a removal was interrupted; 'weir forget' again, or any 'weir ingest', ends it", g.Name, b.From)
				continue
			case c.Records != b.Stats.Records:
				fault("%s from line %d: there are %d events and should be %d", g.Name, b.From, c.Records, b.Stats.Records)
			case c.Sum != b.Stats.Sum:
				fault("%s from line %d: the events are not those that were written", g.Name, b.From)
			case c.First != b.Stats.First || c.Last != b.Stats.Last || c.Untimed != b.Stats.Untimed:
				fault("%s from line %d: events are out of time", g.Name, b.From)
			}
			c.counter.Flush()
			if err := s.verifyCounts(ctx, b, c.days, v); err != nil {
				return nil, err
			}
		}
	}
	if err := s.verifyMarked(ctx, v); err != nil {
		return nil, err
	}
	return v, nil
}

// verifyCounts compares the counts of a batch with those of its events.
func (s *Store) verifyCounts(ctx context.Context, b *batchDoc, days *lake.Daily, v *lake.Verification) error {
	want := days.Days()
	same := len(want) == len(b.Days)
	for i := range b.Days {
		v.Cells += b.Days[i].Cells
		kept := count.NewTally()
		err := s.addCounts(ctx, b.countsWith(i), kept)
		if err != nil && !errors.Is(err, lake.ErrSegment) {
			return err
		}
		same = same && err == nil && b.Days[i].Day == want[i].Day && b.Days[i].Rows == want[i].Rows && kept.Equal(want[i].Tally)
	}
	if !same {
		v.Faults = append(v.Faults, fmt.Sprintf("%s: the counts are not those of the events", b.ID))
	}
	return nil
}

// span is a filter for the documents of a batch, by _id.
func (b *batchDoc) span() bson.D {
	to := b.To
	if b.OpenSize > 0 {
		to++
	}
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: eventID(b.Source, b.From)}, {Key: "$lt", Value: eventID(b.Source, to)}}}}
}
