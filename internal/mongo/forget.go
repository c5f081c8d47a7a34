package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weir/internal/event"
	"weir/internal/lake"
)

// Forget removes every event that match tells, with its line and its counts, and then looks through the whole store for
// what is left. A batch that loses events is marked stale first and its counts are made again last, so that a removal that is
// interrupted is seen, and ended by whoever writes next. why is not kept. Lines that could not be read have no fields to
// ask for, and stay. What replicas, journals and backups of the server keep is beyond it.
func (s *Store) Forget(ctx context.Context, match func(*event.Event) bool, _ string) (*lake.Forgotten, error) {
	if err := s.settleStale(ctx); err != nil {
		return nil, err
	}
	list, err := s.held(ctx)
	if err != nil {
		return nil, err
	}
	f := &lake.Forgotten{}
	for i := range list {
		for j := range list[i].batches {
			n, err := s.forgetIn(ctx, &list[i].batches[j], match)
			if err != nil {
				return f, err
			}
			if n > 0 {
				f.Events += n
				f.Segments++
			}
		}
	}
	if list, err = s.held(ctx); err != nil {
		return f, err
	}
	left := 0
	err = s.inOrder(ctx, bson.D{}, func(_ bson.Raw, r *record) error {
		if match(r.Event) {
			left++
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	if left > 0 {
		return f, fmt.Errorf("there are still %d such events, which were added meanwhile or are left by an ingest that was killed; "+
			"ingest those logs again, then run this again", left)
	}
	for i := range list {
		f.Looked += len(list[i].batches)
	}
	return f, nil
}

// forgetIn removes events from one batch and returns how many.
func (s *Store) forgetIn(ctx context.Context, b *batchDoc, match func(*event.Event) bool) (int64, error) {
	var ids bson.A
	err := s.inOrder(ctx, b.span(), func(_ bson.Raw, r *record) error {
		if b.covers(r.line) && match(r.Event) {
			ids = append(ids, eventID(r.source, r.line))
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	_, err = s.db.Collection("batches").UpdateOne(ctx, bson.D{{Key: "_id", Value: b.ID}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "stale", Value: true}}}})
	if err != nil {
		return 0, s.fail("mark a batch", err)
	}
	n := int64(len(ids))
	for len(ids) > 0 {
		part := ids[:min(changeChunk, len(ids))]
		ids = ids[len(part):]
		if _, err := s.db.Collection("events").DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: part}}}}); err != nil {
			return 0, s.fail("remove events", err)
		}
	}
	return n, s.countAgain(ctx, b)
}

// countAgain makes the counts of a stale batch from the events that it has.
func (s *Store) countAgain(ctx context.Context, b *batchDoc) error {
	c := s.newRecount()
	err := s.inOrder(ctx, b.span(), func(_ bson.Raw, r *record) error {
		if b.covers(r.line) {
			c.add(r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.counter.cache.Flush()
	c.stats.Malformed, c.stats.Faults = b.Stats.Malformed, b.Stats.Faults
	old := b.Counts
	if b.Counts, err = s.saveCounts(ctx, c.tally.Tally); err != nil {
		return err
	}
	b.Removed += b.Stats.Records - c.Records
	b.Stats, b.Datasets, b.Stale = c.stats, toNamed(c.Datasets), false
	if _, err := s.db.Collection("batches").ReplaceOne(ctx, bson.D{{Key: "_id", Value: b.ID}}, b); err != nil {
		return s.fail("replace a batch", err)
	}
	return s.removeCounts(ctx, old)
}

// settleStale ends removals that were interrupted.
func (s *Store) settleStale(ctx context.Context) error {
	list, err := s.logs(ctx, bson.D{})
	if err != nil {
		return err
	}
	for i := range list {
		for j := range list[i].batches {
			if b := &list[i].batches[j]; b.Stale {
				if err := s.countAgain(ctx, b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
