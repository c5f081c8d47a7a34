package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weir/internal/event"
	"weir/internal/lake"
)

// Forget removes every event that match tells, with its line and its counts, and then looks through the whole store for
// what is left. Models and the shares of those batches are removed too. A batch that loses events is marked stale first and its counts
// are made again last, so that a removal that is interrupted is seen, and ended by whoever writes next. why is not kept. Lines that
// could not be read have no fields to ask for, and stay. What replicas, journals and backups of the server keep is beyond it.
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
	var ids []string
	err := s.inOrder(ctx, b.span(), func(_ bson.Raw, r *record) error {
		if b.covers(r.line) && match(r.Event) {
			ids = append(ids, eventID(r.source, r.line))
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	n := int64(len(ids))
	for range maxOvertaken {
		// Somebody else may count it again while it is only half removed; then it is marked and counted once more.
		if err := s.markStale(ctx, b.ID); err != nil {
			return 0, err
		}
		for part := range slices.Chunk(ids, changeChunk) {
			if _, err := s.db.Collection("events").DeleteMany(ctx, bson.D{{Key: "_id", Value: in(part)}}); err != nil {
				return 0, s.fail("remove events", err)
			}
		}
		ids = nil
		list, err := all[batchDoc](ctx, s, "batches", bson.D{{Key: "_id", Value: b.ID}})
		if err != nil {
			return 0, err
		}
		if len(list) == 0 { // an open line that has grown
			return n, nil
		}
		list[0].Stats.Datasets, list[0].Stats.Faults = fromNamed(list[0].Datasets), fromNamed(list[0].Faults)
		if done, err := s.countAgain(ctx, &list[0]); done || err != nil {
			return n, err
		}
	}
	return n, fmt.Errorf("%w (%q)", lake.ErrOvertaken, b.ID)
}

func (s *Store) markStale(ctx context.Context, id string) error {
	_, err := s.db.Collection("batches").UpdateOne(ctx, bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "$set", Value: bson.D{{Key: "stale", Value: true}}}})
	if err != nil {
		return s.fail("mark a batch", err)
	}
	return nil
}

// countAgain makes the counts of a stale batch from the events that it has, unless somebody else was faster. What was made of the
// old counts, shares and models, goes with them.
func (s *Store) countAgain(ctx context.Context, b *batchDoc) (done bool, err error) {
	started := s.now()
	c := s.newRecount()
	err = s.inOrder(ctx, b.span(), func(_ bson.Raw, r *record) error {
		if b.covers(r.line) {
			c.add(r)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	c.counter.Flush()
	c.stats.Malformed, c.stats.Faults = b.Stats.Malformed, b.Stats.Faults
	old := *b
	if err := s.saveDays(ctx, b, c.days); err != nil {
		return false, err
	}
	b.Removed += b.Stats.Records - c.Records
	b.Stats, b.Datasets, b.Stale = c.stats, toNamed(c.Datasets), s.late(started)
	// Models and shares go first: as long as the batch is stale nobody makes new ones, and who is stopped here is followed by another.
	if err := s.removeModels(ctx); err != nil {
		return false, err
	}
	if err := s.removeShares(ctx, &old); err != nil {
		return false, err
	}
	r, err := s.db.Collection("batches").ReplaceOne(ctx, bson.D{{Key: "_id", Value: b.ID}, {Key: "counts", Value: old.Counts}}, b)
	if err != nil {
		return false, s.fail("replace a batch", err)
	}
	if r.MatchedCount == 0 {
		return false, s.removeCounts(ctx, b.countNames())
	}
	return !b.Stale, s.removeCounts(ctx, old.countNames())
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
				if _, err := s.countAgain(ctx, b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
